"""What a matte's frame shows by itself: how much is covered, how soft its edges are, what is stray."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.optical_flow import shrunk
from sghm_vs.options import Edges

type Plane = NDArray[np.float32]
type Mask = NDArray[np.bool_]
type Points = NDArray[np.float64]
"""(k, 3): x and y in parts of the width and the height, and 1 of an island, 0 of a pinhole."""

WORK_SHORT_PX = 360
"""Short side at which frames are compared: what is thinner is judged at full size alone."""
COVERED = 0.5
"""Where this is reached, somebody is there."""
SOLID = 0.02
"""Within this of 0 or 1 alpha is no haze: coders and resizers leave as much."""
FAR = 0.04
"""How far from the outline haze begins, as a part of the short side."""
APART = 0.04
"""How far from larger parts a speck lies, as a part of the short side."""
SPECKS_SHORT_PX = 720
"""Short side to which larger frames are pooled before specks are counted."""
SPECK_PX = 12.0
"""Diameter of the disc that is as large as the largest speck."""
STEP_OF_HARD = 0.98
"""From pixel to pixel; an edge that was drawn with coverage rarely jumps as far."""
CODES_OF_8_BITS = 255
NEAR_CODE = 0.0005
"""How far from a code of 8 bits a sample may be: half a code of 10 bits, as one in there is rounded."""
SOFT_MIN = 200
"""Fewer soft pixels say nothing of the codes there are."""
SOFT_MAX = 20_000
"""More of them say no more."""
EDGE_MIN_PX = 50
"""A shorter outline has no width."""
SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class FrameMeasures:
    """What one frame shows. Lengths in px are of a picture whose short side is 1080."""

    coverage: float
    """Mean alpha, 0-1."""
    covered: float
    """Share of the picture whose alpha is above one half, 0-1."""
    outline_px: float
    edge_px: float
    """Width of the edge: the median along the outline of 1 / slope; NaN where there is none."""
    hard: float
    """Share of the outline that jumps from 0 to 1 between two pixels."""
    codes_8: float
    """Share of soft pixels on codes of 8 bits; a quarter are by chance. NaN where there are few."""
    haze: float
    """Share of the picture that is soft far from the outline."""
    border: tuple[float, float, float, float]
    """Which share of each of `SIDES` is covered."""


def work_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) at which frames of this size are compared."""
    scale = min(WORK_SHORT_PX / min(height, width), 1)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def px_scale(height: int, width: int) -> float:
    """Return how many px of a picture whose short side is 1080 a pixel of this one is."""
    return Edges.SHORT_SIDE_PX / min(height, width)


def measure_frame(alpha: Plane, small: Plane | None = None) -> FrameMeasures:
    """
    Return what `alpha` shows.

    Args:
        alpha: (h, w), 0-1, at its own size.
        small: The same at `work_size`; None is made here.
    """
    height, width = alpha.shape
    scale = px_scale(height, width)
    small = shrunk(alpha, work_size(height, width)) if small is None else small
    is_covered = alpha > COVERED
    rows, columns = _outline(is_covered)
    slopes, steps = _slopes(alpha, rows, columns)
    has_edge = len(rows) >= EDGE_MIN_PX / scale
    return FrameMeasures(
        coverage=float(alpha.mean(dtype=np.float64)),
        covered=float(is_covered.mean()),
        outline_px=outline_length(small) * px_scale(*small.shape),
        edge_px=float(scale * np.median(1 / slopes)) if has_edge else float("nan"),
        hard=float((steps > STEP_OF_HARD).mean()) if has_edge else 0.0,
        codes_8=_share_of_codes(alpha),
        haze=_haze(small),
        border=_border(is_covered),
    )


def outline_length(alpha: Plane) -> float:
    """
    Return the length of the outline of `alpha`, (h, w), in its own pixels: its total variation.

    Source:
        Coarea formula, Fleming and Rishel, 1960: the mean length over all levels. Summed over both
        axes a curve counts 4 / pi of its length, whatever its direction in the mean.
    """
    across, down = (np.abs(np.diff(alpha, axis=axis)).sum(dtype=np.float64) for axis in (1, 0))
    return float((across + down) * np.pi / 4)


def thickness(mask: Mask) -> float:
    """Return the radius of the largest disc in `mask`, in its pixels."""
    return float(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5).max())


def _outline(is_covered: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the covered pixels beside uncovered ones, off the picture's border."""
    covered = is_covered.astype(np.uint8)
    inner = cv2.erode(covered, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    rows, columns = np.nonzero(covered[1:-1, 1:-1] > inner[1:-1, 1:-1])
    return rows + 1, columns + 1


def _slopes(
    alpha: Plane, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[Plane, Plane]:
    """Return alpha's slope per pixel at points of the outline, and its largest step to one beside."""
    around = {
        (down, across): alpha[rows + down, columns + across]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    }

    def side(cells: list[tuple[int, int]]) -> Plane:
        return np.asarray(sum(around[cell] for cell in (*cells, cells[1])) / 8)

    right, left = (side([(-1, at), (0, at), (1, at)]) for at in (1, -1))
    below, above = (side([(at, -1), (at, 0), (at, 1)]) for at in (1, -1))
    slopes = np.maximum(np.hypot(right - left, below - above), 1e-3)
    beside = np.minimum.reduce([around[cell] for cell in ((-1, 0), (1, 0), (0, -1), (0, 1))])
    return slopes, around[0, 0] - beside


def _share_of_codes(alpha: Plane) -> float:
    soft = alpha[(alpha > SOLID) & (alpha < 1 - SOLID)]
    if len(soft) < SOFT_MIN:
        return float("nan")
    codes = soft[:: max(len(soft) // SOFT_MAX, 1)] * CODES_OF_8_BITS
    return float((np.abs(codes - np.rint(codes)) <= NEAR_CODE * CODES_OF_8_BITS).mean())


def _haze(small: Plane) -> float:
    reach = FAR * min(small.shape)
    is_soft = (small > SOLID) & (small < 1 - SOLID)
    if not is_soft.any():
        return 0.0
    covered = (small > COVERED).astype(np.uint8)
    far = sum(np.count_nonzero(is_soft & _beyond(side, reach)) for side in (covered, 1 - covered))
    return far / small.size


def _beyond(mask: NDArray[np.uint8], reach: float) -> Mask:
    """Return what of `mask` is farther than `reach` from what is not in it; the border is no edge."""
    if mask.all():
        return np.ones(mask.shape, np.bool_)
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3) > reach)


def find_specks(alpha: Plane) -> Points:
    """
    Return where small islands lie far from larger parts, and pinholes far inside of them.

    Args:
        alpha: (h, w), 0-1, at its own size.
    """
    height, width = alpha.shape
    each = -(-min(height, width) // SPECKS_SHORT_PX)
    covered = (alpha > COVERED).astype(np.uint8)
    found = []
    for value, side in ((1, covered), (0, 1 - covered)):
        side = _pooled(side, each)
        largest = np.pi / 4 * (SPECK_PX / px_scale(*side.shape)) ** 2
        middles = _apart(side, largest, APART * min(side.shape)) + 0.5
        found.append(np.insert(middles / side.shape[::-1], 2, value, axis=1))
    return np.concatenate(found)


def _pooled(mask: NDArray[np.uint8], each: int) -> NDArray[np.uint8]:
    """Return `mask` with one pixel for a square of them: set where any of them is."""
    if each == 1:
        return mask
    largest = cv2.dilate(mask, np.ones((each, each), np.uint8), anchor=(0, 0))
    return np.ascontiguousarray(largest[::each, ::each])


def _apart(mask: NDArray[np.uint8], largest: float, reach: float) -> NDArray[np.float64]:
    """Return the middles, x and y, of parts up to an area farther than `reach` from larger ones."""
    _, labels, stats, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    is_small = stats[:, cv2.CC_STAT_AREA] <= largest
    is_large = ~is_small
    is_small[0] = is_large[0] = False
    middles = np.asarray(middles[is_small], np.float64)
    if not len(middles) or not is_large.any():
        return np.asarray(middles)
    others = np.where(is_large[labels], 0, 1).astype(np.uint8)
    distance = cv2.distanceTransform(others, cv2.DIST_L2, 3)
    columns, rows = middles.round().astype(int).T
    return np.asarray(middles[distance[rows, columns] > reach])


def _border(is_covered: Mask) -> tuple[float, float, float, float]:
    sides = is_covered[:, 0], is_covered[0], is_covered[:, -1], is_covered[-1]
    left, top, right, bottom = (float(side.mean()) for side in sides)
    return left, top, right, bottom
