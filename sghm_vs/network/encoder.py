"""The shared encoder: a small picture in, features at five scales out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.resnet import resnet50
from torchvision.models.segmentation.deeplabv3 import ASPP


class Features(NamedTuple):
    """
    What the encoder saw in one small picture.

    Each is float (n, channels, h, w), of the small picture's size or the part of it in its name.
    """

    small: Tensor
    """The picture itself, 3 channels."""
    half: Tensor
    fourth: Tensor
    eighth: Tensor
    context: Tensor
    """What ASPP made of the deepest features, 1/16."""


class ResNet50Encoder(nn.Module):
    """
    ResNet-50 with output stride 16, as in DeepLabv3 (Chen et al., 2017): the last stage is dilated.

    Children keep torchvision's names, which the published checkpoint uses.
    """

    channels = (64, 256, 512, 2048)
    """Of the features that `forward` returns, fine to coarse."""

    def __init__(self) -> None:
        super().__init__()
        trunk = resnet50(weights=None, replace_stride_with_dilation=(False, False, True))
        self.conv1, self.bn1, self.maxpool = trunk.conv1, trunk.bn1, trunk.maxpool
        self.layer1, self.layer2 = trunk.layer1, trunk.layer2
        self.layer3, self.layer4 = trunk.layer3, trunk.layer4

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return features at 1/2, 1/4, 1/8 and 1/16 of `picture`, float (n, 3, h, w), 0-1."""
        half = torch.relu(self.bn1(self.conv1(picture)))
        fourth = self.layer1(self.maxpool(half))
        eighth = self.layer2(fourth)
        return half, fourth, eighth, self.layer4(self.layer3(eighth))


class EfficientNetLite0Encoder(nn.Module):
    """
    EfficientNet-Lite0 (Tan & Le, 2019, in its form without squeeze-and-excitation), output stride 16.

    The last two stages are dilated instead of strided, so that a person a few
    pixels wide in the small picture still covers several cells.
    """

    channels = (16, 24, 40, 320)
    """Of the features that `forward` returns, fine to coarse."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1, bias=False), _norm(32), nn.ReLU6(inplace=True)
        )
        self.stage1 = nn.Sequential(InvertedResidual(32, 16, 3, expansion=1))
        self.stage2 = _stage(16, 24, 3, blocks=2, stride=2)
        self.stage3 = _stage(24, 40, 5, blocks=2, stride=2)
        self.stage4 = nn.Sequential(
            *_stage(40, 80, 3, blocks=3, stride=2),
            *_stage(80, 112, 5, blocks=3),
            *_stage(112, 192, 5, blocks=4, dilation=2),
            *_stage(192, 320, 3, blocks=1, dilation=2),
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return features at 1/2, 1/4, 1/8 and 1/16 of `picture`, float (n, 3, h, w), 0-1."""
        # The ImageNet weights were trained on (code - 127) / 128.
        half = self.stage1(self.stem(picture * (255 / 128) - 127 / 128))
        fourth = self.stage2(half)
        eighth = self.stage3(fourth)
        return half, fourth, eighth, self.stage4(eighth)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; add the input where the shape allows (MobileNetV2)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        expansion: int = 6,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        expand = () if expansion == 1 else _conv_bn_relu6(in_channels, hidden, 1)
        self.body = nn.Sequential(
            *expand,
            *_conv_bn_relu6(
                hidden, hidden, kernel, stride=stride, dilation=dilation, groups=hidden
            ),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            _norm(out_channels),
        )
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` (n, c, h, w) filtered, at the block's stride."""
        filtered: Tensor = self.body(features)
        return features + filtered if self.is_residual else filtered


class SeparableASPP(nn.Module):
    """
    Atrous spatial pyramid pooling (DeepLabv3+) with depthwise-separable dilated branches.

    One 1x1 branch, three dilated ones, one that sees the mean of the picture.
    """

    def __init__(self, in_channels: int, out_channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.point = nn.Sequential(*_conv_bn_relu(in_channels, out_channels))
        self.dilated = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(
                    in_channels, in_channels, 3, 1, rate, rate, groups=in_channels, bias=False
                ),
                nn.BatchNorm2d(in_channels),
                *_conv_bn_relu(in_channels, out_channels),
            )
            for rate in rates
        )
        # No batch norm here: a mean is one value per channel, and batches may be of one picture.
        self.pooled = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, out_channels, 1), nn.ReLU(inplace=True)
        )
        self.project = nn.Sequential(*_conv_bn_relu((2 + len(rates)) * out_channels, out_channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` (n, c, h, w) with context at several ranges, (n, out_channels, h, w)."""
        pooled = self.pooled(features).expand(-1, -1, *features.shape[-2:])
        branches = [self.point(features), *(branch(features) for branch in self.dilated), pooled]
        projected: Tensor = self.project(torch.cat(branches, 1))
        return projected


def published_aspp() -> nn.Module:
    """Return ASPP as the published network has it: torchvision's, rates 3, 6, 9."""
    aspp: nn.Module = ASPP(ResNet50Encoder.channels[-1], [3, 6, 9])
    return aspp


def _conv_bn_relu(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _conv_bn_relu6(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[nn.Module, ...]:
    padding = dilation * (kernel // 2)
    return (
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False),
        _norm(out_channels),
        nn.ReLU6(inplace=True),
    )


def _norm(channels: int) -> nn.BatchNorm2d:
    # The ImageNet weights come from TensorFlow, whose batch norm has this epsilon.
    return nn.BatchNorm2d(channels, eps=1e-3)


def _stage(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    blocks: int,
    stride: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    first = InvertedResidual(in_channels, out_channels, kernel, stride=stride, dilation=dilation)
    rest = [
        InvertedResidual(out_channels, out_channels, kernel, dilation=dilation)
        for _ in range(blocks - 1)
    ]
    return nn.Sequential(first, *rest)
