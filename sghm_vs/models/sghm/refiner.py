"""The light matting half: any mask becomes an alpha, coarse everywhere and fine where it is needed."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from sghm_vs.models.resampling import bilinear
from sghm_vs.models.sghm.design import GUIDE_PX, REFINER_HALO_PX, SOFT_GUIDE_PX, SURE
from sghm_vs.models.sghm.design import REFINER_SLOPE as SLOPE

PLANES = 5
"""What the finest alpha sees at full size: three of the picture, the coarse alpha, the guide."""


class CoarseAlpha(NamedTuple):
    """What is made of a picture up to a quarter of its size."""

    os8: Tensor
    """Alpha made at an eighth of the size, (n, 1, height, width), 0-1."""
    os4: Tensor
    """Alpha made at a quarter of the size, (n, 1, height, width), 0-1."""
    detail: Tensor
    """Where the finest alpha is needed, a probability, (n, 1, height / 4, width / 4)."""
    state: Tensor
    """What the finest alpha is made from, (n, channels, height / 4, width / 4)."""


class Begun(NamedTuple):
    """What is made of a picture at 1/32 of its size, and what the next two steps look at beside it."""

    deep: Tensor
    """(n, channels, height / 32, width / 32)."""
    beside16: Tensor
    """Features and mask, (n, channels + 1, height / 16, width / 16)."""
    beside8: Tensor
    """The same, (n, channels + 1, height / 8, width / 8)."""


class Quarter(NamedTuple):
    """What is made of a picture at a quarter of its size."""

    state: Tensor
    """What the finest alpha is made from, (n, channels, height / 4, width / 4)."""
    logits: Tensor
    """Of the alpha, and that detail is needed, (n, 2, height / 4, width / 4)."""


class Refiner(nn.Module):
    """
    Climb from 1/64 to 1/4 of the picture beside the encoder's features, then to full size.

    Only the encoder's first stages are looked at, which no training changes: so this half and the
    segmentation are trained apart, and a mask from elsewhere needs no segmentation. The guide is seen
    as means of blocks of 4 px and more: at full size the network would copy its outline instead of
    looking at the picture. There are no gates made of whole-picture means, so a part of a picture
    is matted as the whole is.

    TorchScript compiles it too, for Nuke: numbers stand in the object, where it sees them.

    Args of the constructor: channels of the encoder's `features` at 1/2, 1/4 and 1/8 of the small
    picture; `widths` at 1/32, 1/16, 1/8 and 1/4; channels at `half` and at `full` size.
    """

    def __init__(
        self,
        features: tuple[int, int, int],
        widths: tuple[int, int, int, int] = (96, 80, 48, 32),
        half: int = 16,
        full: int = 8,
    ) -> None:
        super().__init__()
        thirty_second, sixteenth, eighth, quarter = widths
        fine, middle, coarse = features
        self.side32 = conv(coarse + 1, thirty_second)
        self.side16 = conv(middle + 1, sixteenth)
        self.side8 = conv(fine + 1, eighth)
        self.patches = nn.Conv2d(3, quarter, 4, 4)
        self.side4 = conv(quarter + 1, quarter)
        self.blocks64 = nn.Sequential(Residual(thirty_second), Residual(thirty_second))
        self.blocks32 = Residual(thirty_second)
        self.up16 = nn.Conv2d(thirty_second, sixteenth, 1)
        self.blocks16 = Residual(sixteenth)
        self.up8 = nn.Conv2d(sixteenth, eighth, 1)
        self.blocks8 = Residual(eighth)
        self.up4 = nn.Conv2d(eighth, quarter, 1)
        self.blocks4 = Residual(quarter)
        self.to_os8 = nn.Conv2d(eighth, 1, 3, padding=1)
        self.to_os4 = nn.Conv2d(quarter, 2, 3, padding=1)
        self.fine = FineAlpha(quarter, half, full)
        self.guide_px = GUIDE_PX
        self.halo_px = self.fine.halo_px
        """How far the finest alpha depends on its surroundings."""

    def forward(
        self, image: Tensor, guide: Tensor, features: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[CoarseAlpha, Tensor]:
        """
        Return the coarse alpha and the finest one everywhere, (n, 1, height, width).

        Args:
            image: The picture, (n, 3, height, width), 0-1, sides multiples of 64.
            guide: Where the object is, (n, 1, height, width), 0-1.
            features: The encoder's, at 1/8, 1/16 and 1/32 of the picture.
        """
        coarse = self.coarse(image, guide, features)
        return coarse, self.fine(coarse.state, fine_planes(image, guide, coarse.os4))

    def coarse(
        self, image: Tensor, guide: Tensor, features: tuple[Tensor, Tensor, Tensor]
    ) -> CoarseAlpha:
        """Return what is made up to a quarter of the size; see `forward`."""
        mask4 = avg_pool2d(guide, self.guide_px)
        eighth = self.to_eighth(mask4, features)
        state, logits = self.to_quarter(image, mask4, eighth)
        return CoarseAlpha(
            _alpha(self.to_os8(eighth), 8),
            _alpha(logits[:, :1], 4),
            torch.sigmoid(logits[:, 1:]),
            state,
        )

    def to_eighth(self, mask4: Tensor, features: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """
        Return what is made at an eighth of the size, (n, channels, height / 8, width / 8).

        Args:
            mask4: Means of 4x4 px of the guide, (n, 1, height / 4, width / 4), 0-1.
            features: As for `forward`.
        """
        begun = self.to_thirty_second(mask4, features)
        return self.to_eighth_of(self.to_sixteenth(begun.deep, begun.beside16), begun.beside8)

    def to_thirty_second(self, mask4: Tensor, features: tuple[Tensor, Tensor, Tensor]) -> Begun:
        """Return what `to_eighth` begins with, which looks at all of the picture."""
        eighth, sixteenth, thirty_second = features
        mask8 = avg_pool2d(mask4, 2)
        mask16 = avg_pool2d(mask8, 2)
        x = self.side32(_beside(thirty_second, avg_pool2d(mask16, 2)))
        x = self.blocks32(x + twice(self.blocks64(avg_pool2d(x, 2))))
        return Begun(x, _beside(sixteenth, mask16), _beside(eighth, mask8))

    def to_sixteenth(self, deep: Tensor, beside16: Tensor) -> Tensor:
        """Return what is made at 1/16 of the size, of a picture or of a part of it; see `Begun`."""
        made: Tensor = self.blocks16(twice(self.up16(deep)) + self.side16(beside16))
        return made

    def to_eighth_of(self, sixteenth: Tensor, beside8: Tensor) -> Tensor:
        """Return what is made at 1/8 of the size, of a picture or of a part of it; see `Begun`."""
        made: Tensor = self.blocks8(twice(self.up8(sixteenth)) + self.side8(beside8))
        return made

    def to_quarter(self, image: Tensor, mask4: Tensor, eighth: Tensor) -> Quarter:
        """
        Return what is made at a quarter of the size, of a picture or of a part of it.

        Args:
            image: As for `forward`.
            mask4: As for `to_eighth`.
            eighth: As `to_eighth` returns it.
        """
        side = self.side4(_beside(self.patches(image), mask4))
        state = self.blocks4(twice(self.up4(eighth)) + side)
        return Quarter(state, self.to_os4(state))


class FineAlpha(nn.Module):
    """The finest alpha of a picture or of parts of it: most of the work at half size."""

    halo_px = REFINER_HALO_PX

    def __init__(self, state: int, half: int, full: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(PLANES, half, 4, 2, padding=1)
        self.up2 = nn.Conv2d(state, half, 1)
        self.blocks2 = Residual(half)
        self.up1 = nn.ConvTranspose2d(half, full, 2, 2)
        self.side1 = nn.Conv2d(PLANES - 1, full, 3, padding=1)
        self.last = conv(full, full)
        self.to_os1 = nn.Conv2d(full, 1, 3, padding=1)
        self.activation = nn.LeakyReLU(SLOPE)
        self.sure = SURE

    def forward(self, state: Tensor, planes: Tensor) -> Tensor:
        """
        Return the finest alpha, (n, 1, h, w), 0-1.

        Args:
            state: Of `CoarseAlpha`, (n, channels, h / 4, w / 4).
            planes: Of `fine_planes`, (n, 5, h, w).
        """
        x = self.activation(self.look(planes) + twice(self.up2(state)))
        x = self.up1(self.blocks2(x)) + self.side1(planes[:, : self.side1.in_channels])
        logits = self.to_os1(self.last(self.activation(x))).float()
        start = torch.logit(planes[:, 3:4].float().clamp(self.sure, 1 - self.sure))
        return torch.sigmoid(logits + start).to(planes.dtype)


class Residual(nn.Module):
    """Two convolutions beside a straight way, (n, channels, h, w) in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` filtered."""
        filtered: Tensor = self.activation(self.body(x).add_(x))
        return filtered


def conv(in_channels: int, out_channels: int, side: int = 3) -> nn.Sequential:
    """Return a convolution of `side` px with its norm and activation."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, side, padding=side // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def fine_planes(image: Tensor, guide: Tensor, os4: Tensor, guide_px: int = SOFT_GUIDE_PX) -> Tensor:
    """Return what the finest alpha sees at full size, (n, 5, h, w): picture, coarse alpha, guide."""
    soft = bilinear(avg_pool2d(guide, guide_px), image.shape[-2], image.shape[-1])
    return torch.cat([image, os4.detach().to(image.dtype), soft], 1)


def twice(x: Tensor) -> Tensor:
    """Return `x` (n, c, h, w) at twice the size, bilinear."""
    return bilinear(x, 2 * x.shape[-2], 2 * x.shape[-1])


def _beside(features: Tensor, mask: Tensor) -> Tensor:
    return torch.cat([features, mask.to(features.dtype)], 1)


def _alpha(logits: Tensor, scale: int) -> Tensor:
    return torch.sigmoid(bilinear(logits, scale * logits.shape[-2], scale * logits.shape[-1]))
