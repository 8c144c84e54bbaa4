"""The matting decoder: context and shortcuts become alpha at 1/8, 1/4 and full size."""

from __future__ import annotations

from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from sghm_vs.models.sghm.design import DECODER_SLOPE as SLOPE
from sghm_vs.models.sghm.design import QUARTER_PX


class Alphas(NamedTuple):
    """Three alphas of one picture, each float (1, 1, height, width) in 0-1."""

    os8: Tensor
    """Made at an eighth of the size: steady inside and outside, blunt at edges."""
    os4: Tensor
    os1: Tensor
    """Made at full size: fine at edges, meaningful only there."""


class Coarse(NamedTuple):
    """What is made of a picture up to a quarter of its size."""

    os8: Tensor
    """As in `Alphas`; `os4` once more of a network that says itself where detail is needed."""
    os4: Tensor
    state: Tensor
    """What the finest alpha is made from, (n, channels, height / 4, width / 4)."""


class MattingDecoder(nn.Module):
    """
    Climb from 1/64 to full size; read alpha off at 1/8, 1/4 and 1/1.

    Args of the constructor: channels of the context; `widths` at 1/32, 1/16, 1/8,
    1/4, 1/2 and 1/1; residual `blocks` at 1/32 to 1/2; `heads`, hidden channels of the
    heads at 1/8, 1/4, 1/1. Children are named as in the published checkpoint.
    """

    def __init__(
        self,
        context: int,
        widths: tuple[int, int, int, int, int, int],
        blocks: tuple[int, int, int, int, int],
        heads: tuple[int, int, int],
    ) -> None:
        super().__init__()
        steps = zip((context, *widths), widths, blocks, strict=False)
        climbs = [_climb(coarse, fine, count) for coarse, fine, count in steps]
        self.layer2, self.layer3, self.layer4, self.layer5, self.layer6 = climbs
        half, full = widths[4:]
        self.conv1 = nn.ConvTranspose2d(half, full, 4, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(full)
        # Stride 1: a convolution with its kernel flipped, kept as the checkpoint stores it.
        self.conv2 = nn.ConvTranspose2d(full, full, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(full)
        self.refine_OS8 = _head(widths[2], heads[0])
        self.refine_OS4 = _head(widths[3], heads[1])
        self.refine_OS1 = _head(full, heads[2])

    def forward(self, context: Tensor, shortcuts: tuple[Tensor, ...]) -> Alphas:
        """
        Return the three alphas.

        Args:
            context: ASPP's output, (n, context, h/64, w/64).
            shortcuts: Of the attentive modules, at 1/1, 1/4, 1/8, 1/16, 1/32.
        """
        full, *rest = shortcuts
        os8, os4, state = self.coarse(context, tuple(rest))
        return Alphas(os8, os4, self.fine(state, full))

    def coarse(self, context: Tensor, shortcuts: tuple[Tensor, ...]) -> Coarse:
        """Return what is made up to a quarter of the size, without the first of the shortcuts."""
        quarter, eighth, sixteenth, thirty_second = shortcuts
        x = self.layer2(context) + thirty_second
        x = self.layer3(x) + sixteenth
        x = self.layer4(x) + eighth
        os8 = self.refine_OS8(x)
        x = self.layer5(x) + quarter
        os4 = self.refine_OS4(x)
        return Coarse(_to_alpha(os8, 8), _to_alpha(os4, 4), x)

    def fine(self, state: Tensor, full: Tensor) -> Tensor:
        """
        Return the finest alpha, (n, 1, h, w), of a picture or of parts of pictures.

        Args:
            state: (n, channels, h/4, w/4).
            full: The shortcut at full size, (n, channels, h, w). What a part lacks of its surroundings
                makes its outermost `halo_px` wrong.
        """
        x = leaky_relu(self.bn1(self.conv1(self.layer6(state))), SLOPE) + full
        x = leaky_relu(self.bn2(self.conv2(x)), SLOPE)
        return _to_alpha(self.refine_OS1(x), 1)

    @property
    def halo_px(self) -> int:
        """How far, at full size, the finest alpha depends on its surroundings, in whole quarters."""
        # Three convolutions at full size, the two climbs and what is between reach two quarters; each
        # further block at half size, two convolutions, reaches one more.
        return QUARTER_PX * (1 + len(self.layer6))


class ResidualBlock(nn.Module):
    """Two convolutions and a way around them; the first may double the size."""

    def __init__(self, in_channels: int, out_channels: int, *, upsamples: bool) -> None:
        super().__init__()
        if upsamples:
            first: nn.Module = nn.ConvTranspose2d(in_channels, in_channels, 4, 2, 1, bias=False)
            around: nn.Module = nn.Sequential(
                nn.UpsamplingNearest2d(scale_factor=2),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        else:
            first = nn.Conv2d(in_channels, in_channels, 3, padding=1, bias=False)
            around = nn.Identity()
        self.conv1 = first
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv2 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.upsample = around

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (n, in_channels, h, w) filtered, at the same or at twice the size."""
        filtered = self.bn2(self.conv2(leaky_relu(self.bn1(self.conv1(x)), SLOPE)))
        return leaky_relu(filtered + self._around(x), SLOPE)

    def _around(self, x: Tensor) -> Tensor:
        if not isinstance(self.upsample, nn.Sequential):
            return x
        # What is done to each pixel alone is done before there are four of each.
        enlarge, *each = self.upsample
        for layer in each:
            x = layer(x)
        return cast("Tensor", enlarge(x))


def _climb(in_channels: int, out_channels: int, blocks: int) -> nn.Sequential:
    first = ResidualBlock(in_channels, out_channels, upsamples=True)
    rest = [ResidualBlock(out_channels, out_channels, upsamples=False) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


def _head(in_channels: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden, 3, padding=1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Conv2d(hidden, 1, 3, padding=1),
    )


def _to_alpha(logits: Tensor, scale: int) -> Tensor:
    logits = 2 * logits
    if scale > 1:
        logits = interpolate(logits, scale_factor=scale, mode="bilinear", align_corners=False)
    # (tanh(x) + 1) / 2, as published, in one pass.
    return logits.sigmoid_()
