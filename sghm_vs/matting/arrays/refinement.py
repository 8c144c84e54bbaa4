"""Progressive refinement: three alphas become one, the finest where the coarser are undecided."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.models.planes import Plane, block_means, enlarge
from sghm_vs.models.sghm.design import NEEDED, SOLID

NEARLY_0 = 1 / 255
NEARLY_1 = 254 / 255

WIDE_RADIUS_PX = 7
"""Of the band in which 1/4 replaces 1/8, at a short side of 1280; the published 15 px across."""
NARROW_RADIUS_PX = 3
"""Of the band in which full size replaces 1/4; the published 7 px across."""
FEATHER_PX = 1
"""Of the bands' edges, at any size, where a value that crosses 1/255 moves a whole band."""

INSIDE_PX = 24
"""From the mask's edge, at a short side of 1280: deeper in, alpha is held at 1."""
OUTSIDE_PX = 96
"""From the mask's edge, at a short side of 1280: farther out, alpha is held at 0."""


class Bounds(NamedTuple):
    """What a mask leaves open of an alpha: 1 deep inside it, 0 far outside."""

    least: Plane
    """(height, width), 0-1."""
    most: Plane

    @property
    def left_open(self) -> NDArray[np.bool_]:
        """Where anything is left; where nobody is that is nowhere."""
        return np.asarray(self.most > self.least, np.bool_)


def merge(os8: Plane, os4: Plane, *, scale: float, feather: int) -> tuple[Plane, Plane]:
    """
    Return the alpha of the first two, and how far full size replaces it.

    Args:
        os8: Coarse alpha at full size, (height, width), 0-1.
        os4: Finer alpha.
        scale: Of the bands' radii; 1 is what was published for a short side of 1280.
        feather: Radius in pixels over which a band's edge fades; 0 is as published.

    Source:
        Progressive refinement of Yu et al. (2021), "Mask Guided Matting", as Chen et al. use it.
    """
    wide = soften(dilate(undecided(os8), scaled(WIDE_RADIUS_PX, scale)), feather)
    alpha = blended(os8, os4, wide)
    narrow = dilate(undecided(alpha), scaled(NARROW_RADIUS_PX, scale))
    return alpha, soften(narrow, feather)


def by_detail(os4: Plane, detail: Plane) -> tuple[Plane, Plane]:
    """
    Return 0 or 1 as the coarse alpha has it, and how far full size replaces it; see `merge`.

    The band is learned: where the network expects no detail, its alpha is solid.

    Args:
        os4: Coarse alpha at full size, (height, width), 0-1.
        detail: Where the finest alpha is needed, a probability, (height / 4, width / 4).
    """
    needed = enlarge((detail > NEEDED).astype(np.float32), (os4.shape[0], os4.shape[1]))
    return (os4 > SOLID).astype(np.float32), needed


def blended(alpha: Plane, finer: Plane, weight: Plane) -> Plane:
    """Return `alpha`, by `weight` nearer to `finer`; each (height, width), 0-1."""
    toward = finer - alpha
    toward *= weight
    toward += alpha
    return toward


def held(alpha: Plane, bounds: Bounds) -> Plane:
    """Return `alpha` within `bounds`."""
    return np.clip(alpha, bounds.least, bounds.most)


def bounds(mask: Plane, *, scale: float) -> Bounds:
    """
    Return what `mask` leaves open.

    A light decoder cuts folds out of plain clothes and leaves specks on the background.

    Args:
        mask: Where the people are, (height, width), 0-1; sides are multiples of 4.
        scale: Of the distances; 1 is for a short side of 1280.
    """
    small = block_means(mask, 4)
    least = 1 - spread(1 - small, scaled(INSIDE_PX // 4, scale))
    most = spread(small, scaled(OUTSIDE_PX // 4, scale))
    size = mask.shape[0], mask.shape[1]
    return Bounds(enlarge(least, size), enlarge(most, size))


def solidify(alpha: Plane) -> Plane:
    """Return `alpha` stretched so that what is within 1/255 of 0 or 1 is exactly 0 or 1."""
    stretched = alpha - np.float32(NEARLY_0)
    stretched /= np.float32(NEARLY_1 - NEARLY_0)
    return np.clip(stretched, 0, 1, out=stretched)


def spread(values: Plane, radius: int) -> Plane:
    """Return each value's largest neighbor within a square of `radius`."""
    kernel = np.ones((2 * radius + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(values, kernel), np.float32)


def undecided(alpha: Plane) -> NDArray[np.uint8]:
    """Return where `alpha` (height, width) is neither 0 nor 1, as 1 among 0."""
    return np.asarray(cv2.inRange(alpha, NEARLY_0, NEARLY_1), np.uint8) & np.uint8(1)


def dilate(area: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Return `area`, 1 among 0 (height, width), grown by an ellipse of `radius` px."""
    side = 2 * radius + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(area, ellipse), np.uint8)


def soften(area: NDArray[np.uint8], radius: int) -> Plane:
    """Return how much of the square of `radius` px around each pixel is `area`, 1 among 0."""
    side = 2 * radius + 1
    counts = cv2.boxFilter(
        area, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(counts / np.float32(side**2), np.float32)


def scaled(radius: int, scale: float) -> int:
    """Return `radius` at this scale, at least a pixel."""
    return max(round(radius * scale), 1)
