"""Bring a picture to the size that the network takes, and its alpha back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sghm_vs.models.sghm.design import STRIDE
from sghm_vs.options import AUTO, OWN_SIZE_MOST_PX, Settings

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED_SHORT_SIDE = 1280
ASPECT_MOST = 4
"""What a file says beyond is no lens: it would make pictures of any size."""
SAID = 0.75
"""Above, a guide that was resized says 1; below the rest to 1 it says 0."""


@dataclass(frozen=True, slots=True)
class Fit:
    """
    How pictures of one size go to the network and back: resize, then mirror beyond the border.

    Sizes are (height, width) in pixels. Its methods take tensors; `sghm_vs.matting.arrays.sizing` does
    the same of arrays, for which torch is not loaded.
    """

    source: tuple[int, int]
    resized: tuple[int, int]
    padded: tuple[int, int]
    antialias: bool

    def prepare(self, picture: Tensor) -> Tensor:
        """Return `picture` (1, c, *source) as (1, c, *padded)."""
        from torch.nn.functional import interpolate, pad

        if self.resized != self.source:
            picture = interpolate(
                picture,
                self.resized,
                mode="bilinear",
                align_corners=False,
                antialias=self.antialias,
            )
        bottom = self.padded[0] - self.resized[0]
        right = self.padded[1] - self.resized[1]
        if not bottom and not right:
            return picture
        # A mirrored body goes on; of a repeated last row remain stripes, which are nobody's.
        is_wide = bottom < self.resized[0] and right < self.resized[1]
        return pad(picture, (0, right, 0, bottom), mode="reflect" if is_wide else "replicate")

    def restore(self, alpha: Tensor) -> Tensor:
        """Return `alpha` (1, 1, *padded) as (1, 1, *source)."""
        from torch.nn.functional import interpolate

        alpha = alpha[..., : self.resized[0], : self.resized[1]]
        if self.resized == self.source:
            return alpha
        return interpolate(alpha, self.source, mode="bilinear", align_corners=False)

    def scale_of_radii(self) -> float:
        """Return the factor for lengths in pixels that are published for a short side of 1280."""
        return min(self.resized) / PUBLISHED_SHORT_SIDE


def fit_by(settings: Settings, height: int, width: int) -> Fit:
    """Return how a picture of this size goes to the network by `settings`."""
    sizing, infer_size = settings.sizing, settings.infer_size
    if sizing == "image":
        return fit_as_published_images(height, width)
    if sizing == "video":
        return fit_as_published_video(height, width)
    most = OWN_SIZE_MOST_PX if infer_size == AUTO else infer_size
    return fit_padded(height, width, most, float(settings.pixel_aspect))


def covered(settings: Settings, small: tuple[int, ...], height: int, width: int) -> tuple[int, int]:
    """Return how many rows and columns of a `small` map a picture takes; beyond is padding."""
    fit = fit_by(settings, height, width)
    rows, columns = (
        max(round(length * resized / padded), 1)
        for length, resized, padded in zip(small, fit.resized, fit.padded, strict=True)
    )
    return rows, columns


def fit_padded(height: int, width: int, infer_size: int, pixel_aspect: float = 1.0) -> Fit:
    """
    Return the fit that keeps the aspect: shrink to `infer_size` at most, pad to multiples of 64.

    Pixels of another `pixel_aspect`, width by height, become square: none is given up by that, since
    the side grows on which they are longer.
    """
    square = squared(height, width, pixel_aspect)
    shrink = min(1.0, infer_size / min(square))
    resized = max(round(square[0] * shrink), 1), max(round(square[1] * shrink), 1)
    padded = _ceil(resized[0]), _ceil(resized[1])
    return Fit((height, width), resized, padded, antialias=True)


def squared(height: int, width: int, pixel_aspect: float) -> tuple[float, float]:
    """Return the height and width of a picture once its pixels are square; no side shrinks."""
    aspect = min(max(pixel_aspect, 1 / ASPECT_MOST), ASPECT_MOST)
    return height * max(1 / aspect, 1.0), width * max(aspect, 1.0)


def fit_as_published_images(height: int, width: int) -> Fit:
    """Return the published image script's fit: short side 1280 always, both floored to 64."""
    return _squeeze(height, width, *_short_side_1280(height, width))


def fit_as_published_video(height: int, width: int) -> Fit:
    """Return the published video script's fit: at most 1280 on the short side, floored to 64."""
    if min(height, width) > PUBLISHED_SHORT_SIDE:
        return _squeeze(height, width, *_short_side_1280(height, width))
    return _squeeze(height, width, height, width)


def _short_side_1280(height: int, width: int) -> tuple[int, int]:
    if width >= height:
        return PUBLISHED_SHORT_SIDE, int(width / height * PUBLISHED_SHORT_SIDE)
    return int(height / width * PUBLISHED_SHORT_SIDE), PUBLISHED_SHORT_SIDE


def _squeeze(height: int, width: int, new_height: int, new_width: int) -> Fit:
    # The published scripts fail where a side floors to 0.
    size = max(new_height // STRIDE, 1) * STRIDE, max(new_width // STRIDE, 1) * STRIDE
    return Fit((height, width), size, size, antialias=False)


def _ceil(length: int) -> int:
    return -(-length // STRIDE) * STRIDE
