"""Progressive refinement: three alphas become one, the finest where the coarser are undecided."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.models.planes import Plane, bands, block_means, enlarged_rows

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


BOUNDS_PX = 4
"""What is a pixel of bounds."""


class Bounds(NamedTuple):
    """
    What a mask leaves open of an alpha: 1 deep inside it, 0 far outside.

    A quarter of its size; between its pixels it is as `enlarge` says.
    """

    least: Plane
    """(height / 4, width / 4), 0-1."""
    most: Plane

    @property
    def left_open(self) -> NDArray[np.bool_]:
        """In which pixels of the bounds anything is left; where nobody is that is nowhere."""
        return reached(self.most > self.least)


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


def blended(alpha: Plane, finer: Plane, weight: Plane) -> Plane:
    """Return `alpha`, by `weight` nearer to `finer`; each (height, width), 0-1."""
    toward = finer - alpha
    toward *= weight
    toward += alpha
    return toward


def compose(
    alpha: Plane,
    solid: Callable[[slice, slice], Plane],
    needed: NDArray[np.bool_],
    bounds: Bounds | None,
) -> None:
    """
    Make of the finest `alpha` that of a network which says itself where detail is needed.

    The band is learned: where the network expects no detail, its coarse alpha is solid, 0 or 1.

    Args:
        alpha: The finest, (height, width), 0-1; it is written over.
        solid: Returns rows and columns of the coarse alpha at full size, made 0 or 1.
        needed: Where the finest is needed, (height / 4, width / 4).
        bounds: What the mask leaves open.
    """
    cells = down, across = slice(0, len(needed)), slice(0, needed.shape[1])
    if bounds is not None:
        cells = down, across = _around_all(bounds.most)
        _clear_beyond(alpha, *map(_at_full_size, cells))
        bounds = Bounds(bounds.least[cells], bounds.most[cells])
    weights = needed[cells].astype(np.float32)
    top, columns = BOUNDS_PX * down.start, _at_full_size(across)
    for rows in bands(BOUNDS_PX * len(weights)):
        below = slice(top + rows.start, top + rows.stop)
        into, coarse = alpha[below, columns], solid(below, columns)
        into -= coarse
        into *= enlarged_rows(weights, BOUNDS_PX, rows)
        into += coarse
        if bounds is not None:
            _hold(into, bounds, rows)


def _clear_beyond(alpha: Plane, down: slice, across: slice) -> None:
    """Write 0 around rows and columns of `alpha`."""
    alpha[: down.start] = alpha[down.stop :] = 0
    alpha[:, : across.start] = alpha[:, across.stop :] = 0


def _at_full_size(cells: slice) -> slice:
    return slice(BOUNDS_PX * cells.start, BOUNDS_PX * cells.stop)


def _around_all(most: Plane) -> tuple[slice, slice]:
    """Return the rows and columns around all of `most` that is not 0."""
    left, top, width, height = cv2.boundingRect((most > 0).view(np.uint8))
    if not width:
        return slice(0, 0), slice(0, 0)
    down, across = (
        slice(max(first - 1, 0), min(first + length + 1, whole))
        for first, length, whole in zip((top, left), (height, width), most.shape, strict=True)
    )
    return down, across


def hold(alpha: Plane, bounds: Bounds) -> None:
    """Bring `alpha` within `bounds`; it is written over."""
    for rows in bands(len(alpha)):
        _hold(alpha[rows], bounds, rows)


def reached(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return of each pixel whether `area` (h, w), enlarged, is more than 0 anywhere in it."""
    return cv2.dilate(area.view(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _hold(alpha: Plane, bounds: Bounds, rows: slice) -> None:
    """Bring the `rows` of an alpha within `bounds`."""
    np.maximum(alpha, enlarged_rows(bounds.least, BOUNDS_PX, rows), out=alpha)
    np.minimum(alpha, enlarged_rows(bounds.most, BOUNDS_PX, rows), out=alpha)


def bounds(mask: Plane, *, scale: float) -> Bounds:
    """
    Return what `mask` leaves open.

    A light decoder cuts folds out of plain clothes and leaves specks on the background.

    Args:
        mask: Where the people are, (height, width), 0-1; sides are multiples of 4.
        scale: Of the distances; 1 is for a short side of 1280.
    """
    small = block_means(mask, BOUNDS_PX)
    least = 1 - spread(1 - small, scaled(INSIDE_PX // BOUNDS_PX, scale))
    return Bounds(least, spread(small, scaled(OUTSIDE_PX // BOUNDS_PX, scale)))


def solidify(alpha: Plane) -> None:
    """Stretch `alpha` so that what is within 1/255 of 0 or 1 is exactly 0 or 1; it is written over."""
    for rows in bands(len(alpha)):
        some = alpha[rows]
        some -= np.float32(NEARLY_0)
        some /= np.float32(NEARLY_1 - NEARLY_0)
        np.maximum(some, 0, out=some)
        np.minimum(some, 1, out=some)


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
