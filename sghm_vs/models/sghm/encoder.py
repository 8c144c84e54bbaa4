"""The shared encoder: a small picture in, features at five scales out."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


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
    ResNet-50 (He et al., 2015), output stride 16 as in DeepLabv3 (Chen et al., 2017).

    The last stage is dilated in place of strided. Children have torchvision's names, which the
    published checkpoint uses.
    """

    channels = (64, 256, 512, 2048)
    """Of the features that `forward` returns, fine to coarse."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _bottlenecks(64, 64, blocks=3)
        self.layer2 = _bottlenecks(256, 128, blocks=4, stride=2)
        self.layer3 = _bottlenecks(512, 256, blocks=6, stride=2)
        self.layer4 = _bottlenecks(1024, 512, blocks=3, dilation=2)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return features at 1/2, 1/4, 1/8 and 1/16 of `picture`, float (n, 3, h, w), 0-1."""
        half = torch.relu(self.bn1(self.conv1(picture)))
        fourth = self.layer1(self.maxpool(half))
        eighth = self.layer2(fourth)
        return half, fourth, eighth, self.layer4(self.layer3(eighth))


class Bottleneck(nn.Module):
    """Narrow, filter, widen, and add the input (ResNet v1.5: the 3x3 convolution has the stride)."""

    widening = 4

    def __init__(self, in_channels: int, width: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        out_channels = self.widening * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
            if in_channels != out_channels
            else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` (n, c, h, w) filtered, smaller by the stride."""
        narrow = torch.relu(self.bn1(self.conv1(features)))
        filtered = torch.relu(self.bn2(self.conv2(narrow)))
        wide: Tensor = self.bn3(self.conv3(filtered))
        wide += features if self.downsample is None else self.downsample(features)
        return torch.relu(wide)


class ASPP(nn.Module):
    """
    Atrous spatial pyramid pooling (DeepLabv3) as the published network has it.

    Children have torchvision's names, which the published checkpoint uses.
    """

    def __init__(self, in_channels: int, out_channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Sequential(*_conv_bn_relu(in_channels, out_channels)),
                *(_dilated(in_channels, out_channels, rate) for rate in rates),
                nn.Sequential(nn.AdaptiveAvgPool2d(1), *_conv_bn_relu(in_channels, out_channels)),
            ]
        )
        self.project = nn.Sequential(
            *_conv_bn_relu((2 + len(rates)) * out_channels, out_channels), nn.Dropout(0.5)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` (n, c, h, w) with context at several ranges, (n, out_channels, h, w)."""
        *branches, pooled = (branch(features) for branch in self.convs)
        pooled = interpolate(pooled, features.shape[-2:], mode="bilinear", align_corners=False)
        projected: Tensor = self.project(torch.cat([*branches, pooled], 1))
        return projected


class MobileNetV2Encoder(nn.Module):
    """
    MobileNetV2 (Sandler et al., 2018), batch norms folded, output stride 16.

    The last stage but one is dilated instead of strided, so that a person a few pixels wide in the
    small picture still covers several cells.
    """

    channels = (16, 24, 32, 320)
    """Of the features that `forward` returns, fine to coarse."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_halving(3, 32), nn.ReLU6(inplace=True))
        self.stage1 = nn.Sequential(InvertedResidual(32, 16, expansion=1))
        self.stage2 = _stage(16, 24, blocks=2)
        self.stage3 = _stage(24, 32, blocks=3)
        self.stage4 = nn.Sequential(
            *_stage(32, 64, blocks=4),
            *_wider(64, 96, blocks=3),
            *_wider(96, 160, blocks=1),
            *_wider(160, 160, blocks=2, dilation=2),
            *_wider(160, 320, blocks=1, dilation=2),
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return features at 1/2, 1/4, 1/8 and 1/16 of `picture`, float (n, 3, h, w), 0-1."""
        # What the weights began from was trained on -1 to 1.
        half = self.stage1(self.stem(2 * picture - 1))
        fourth = self.stage2(half)
        eighth = self.stage3(fourth)
        return half, fourth, eighth, self.stage4(eighth)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; add the input where the shape allows (MobileNetV2)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expansion: int = 6,
        halves: bool = False,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        expand = (nn.Conv2d(in_channels, hidden, 1), nn.ReLU6(inplace=True))
        filtered = nn.Conv2d(hidden, hidden, 3, 1, dilation, dilation, hidden)
        self.body = nn.Sequential(
            *(expand if expansion > 1 else ()),
            *(_halving(hidden, hidden, groups=hidden) if halves else (filtered,)),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, out_channels, 1),
        )
        self.is_residual = not halves and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` (n, c, h, w) filtered, at half their size if the block halves."""
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
        # Written out, so that TorchScript compiles it too.
        branches = [self.point(features)]
        for branch in self.dilated:
            branches.append(branch(features))  # noqa: PERF401
        pooled = self.pooled(features)
        branches.append(pooled.expand(-1, -1, features.shape[2], features.shape[3]))
        projected: Tensor = self.project(torch.cat(branches, 1))
        return projected


def _conv_bn_relu(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _dilated(in_channels: int, out_channels: int, rate: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, 1, rate, rate, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _bottlenecks(
    in_channels: int, width: int, *, blocks: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return a stage of ResNet: its first block has the stride, those after it the dilation."""
    first = Bottleneck(in_channels, width, stride=stride)
    rest = (
        Bottleneck(Bottleneck.widening * width, width, dilation=dilation) for _ in range(blocks - 1)
    )
    return nn.Sequential(first, *rest)


def _halving(in_channels: int, out_channels: int, *, groups: int = 1) -> tuple[nn.Module, ...]:
    """Return a 3x3 convolution of stride 2, padded as TensorFlow does: on the right and below."""
    return nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(in_channels, out_channels, 3, 2, groups=groups)


def _stage(in_channels: int, out_channels: int, *, blocks: int) -> nn.Sequential:
    """Return blocks of which the first halves."""
    first = InvertedResidual(in_channels, out_channels, halves=True)
    rest = [InvertedResidual(out_channels, out_channels) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


def _wider(
    in_channels: int, out_channels: int, *, blocks: int, dilation: int = 1
) -> Iterator[InvertedResidual]:
    """Yield blocks that keep the size."""
    for n in range(blocks):
        fan_in = out_channels if n else in_channels
        yield InvertedResidual(fan_in, out_channels, dilation=dilation)
