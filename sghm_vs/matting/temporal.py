"""What neighbors in time say of a frame: pure functions of it and them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.optical_flow import Motion, Plane, grid, noise, sample, shrunk

NEARLY_0 = 1 / 255
NEARLY_1 = 254 / 255
ROW_PX = 1024
"""OpenCV looks points up in rows of less than 32,768."""

MEAN_OF_CHANNELS = np.full((1, 3), 1 / 3, np.float32)
PATCH_PX = 5
"""Side of what is compared before pictures are averaged."""
EXCESS = 0.5
"""Patches that differ by this part more than noise explains, in energy, count e times less."""

TINY = 1e-6
"""A vote that decides only where there is no other."""

DOUBT = 0.02
"""Corrections of half this size are left undone, those of twice its size are made."""
LEAST = DOUBT / 2
"""No correction of this size or less is made."""
MISPLACED_PX = 0.9
"""To that is added what such an error in the motion would make at the frame's own edge."""


VOTED = 0.5
"""Where an outline lies."""
STEPS = 256
"""Of a pixel: no place is known to less."""
CELL_PX = 4
"""A side, in pixels of what is voted on, of what is looked at first: do the frames differ there?"""


class Step(NamedTuple):
    """A frame on the way from another one of the same shot, and further."""

    values: Plane | None
    """What it shows, 0-1; None is not known."""
    motion: Motion
    """To this frame from the one before it on the way, of any size."""
    small: Plane | None = None
    """See `Neighbor`."""


class Way(NamedTuple):
    """A `Step` whose motion is (h, w, 3): each pixel's parts beside each other, as it is looked up."""

    values: Plane | None
    motion: NDArray[np.float32]


class Neighbor(NamedTuple):
    """Another frame of the same shot."""

    values: NDArray[np.float32]
    """Its alpha or its probabilities (h, w), or its picture (h, w, 3), 0-1."""
    motion: Motion
    """
    From the frame in the middle to this one.

    Small pictures, whose pixels are larger than its errors, trust it by the root of its confidence.
    """
    is_later: bool
    small: Plane | None = None
    """Its alpha at the size of the motion, if that is known."""


def denoise(
    picture: NDArray[np.float32], neighbors: Sequence[Neighbor], covered: tuple[int, int]
) -> NDArray[np.float32]:
    """
    Return `picture` (h, w, 3), 0-1, averaged along the motion where no more than noise differs.

    How much that is, the frames say: what changes from pixel to pixel in their differences.

    Args:
        picture: Small, as the encoder sees it.
        neighbors: With their pictures, and motion of the size `covered`.
        covered: How many rows and columns the picture takes; beyond is padding.

    Source:
        Distances of patches over that of noise: Buades et al., "A non-local algorithm for image
        denoising", CVPR 2005, here along the motion alone.
    """
    height, width = covered
    own = picture[:height, :width]
    column, row = grid(height, width)
    differences = []
    for neighbor in neighbors:
        x, y, _ = neighbor.motion
        moved = sample(neighbor.values[:height, :width], column + x, row + y)
        differences.append(np.subtract(moved, own, out=moved))
    sigma = min(map(noise, differences), default=0.0)
    if not sigma:
        return picture
    total, weight = np.zeros_like(own), np.ones((height, width), np.float32)
    for difference, neighbor in zip(differences, neighbors, strict=True):
        # OpenCV's operations: NumPy's are slow along three channels.
        energy = cv2.transform(cv2.multiply(difference, difference), MEAN_OF_CHANNELS)
        unlike = np.asarray(cv2.blur(energy, (PATCH_PX, PATCH_PX)), np.float32)
        unlike *= 1 / sigma**2
        unlike -= 1
        np.maximum(unlike, 0, out=unlike)
        unlike /= -EXCESS
        alike = np.exp(unlike, out=unlike)
        alike *= np.sqrt(neighbor.motion[2])
        total += cv2.multiply(difference, cv2.merge([alike] * 3), dst=difference)
        weight += alike
    denoised = picture.copy()
    denoised[:height, :width] += cv2.divide(total, cv2.merge([weight] * 3), dst=total)
    return denoised


def fuse(
    segmentation: Plane, sides: Sequence[Sequence[Step]], radius: int, *, is_seen: bool = True
) -> Plane:
    """
    Return the segmentation of a frame and its neighbors (h, w), 0-1, by their vote along the motion.

    It is their mean wherever they are not all on one side of 0.5; elsewhere the frame's own.

    Args:
        segmentation: Of the frame; the outline lies at 0.5, so that the mean is a vote. What is padding
            lies beyond what the neighbors have, and stays.
        sides: The neighbors before and those after it, the nearest first, with their segmentation of
            the picture.
        radius: How many neighbors each way there are within a shot. Where some are missing, the
            frame's own vote counts more, twice with one side alone: errors of motion that
            cancel between the sides do not there.
        is_seen: Whether the frame's own is there at all; else the neighbors alone vote.
    """
    seen = [step.values for side in sides for step in side if step.values is not None]
    if not seen:
        return segmentation
    own = segmentation[: seen[0].shape[0], : seen[0].shape[1]]
    if not any((values > VOTED).any() for values in (own, *seen)):
        return segmentation
    ways = [[Way(step.values, cv2.merge([*step.motion])) for step in side] for side in sides]
    motion = next(step.motion for side in sides for step in side)
    at = np.flatnonzero(_disputed(own, ways, motion))
    if not at.size:
        return segmentation
    rows, columns = _places(at, own)
    mine = _in_rows(own[rows, columns])
    x, y = _at_motion(_in_rows(columns), _in_rows(rows), own.shape, motion)
    total, weight, differs = np.zeros_like(x), np.zeros_like(x), np.zeros(x.shape, np.bool_)
    for way in ways:
        for values, at_x, at_y, trust in _along(way, x, y):
            moved = sample(values, *_from_motion(at_x, at_y, own.shape, motion))
            differs |= moved != mine
            lenient = np.sqrt(trust)
            weight += lenient
            moved *= lenient
            total += moved
    own_votes = np.float32(1 + (2 * radius - len(seen)) / max(radius, 1) if is_seen else TINY)
    mean = (total + own_votes * mine) / (weight + own_votes)
    fused = segmentation.copy()
    # Where nothing changes, not even the last bit does: a still stays what it is.
    fused[rows, columns] = np.where(differs, mean, mine).ravel()[: rows.size]
    return fused


def _disputed(own: Plane, ways: Sequence[Sequence[Way]], motion: Motion) -> NDArray[np.bool_]:
    """
    Return where `own` and the neighbors that `ways` lead to may be on two sides of 0.5, (h, w).

    In cells, with those around, by the motion of their centers: most of a picture is nobody's, or
    somebody's throughout, and there no vote changes anything.
    """
    least, most = _range_of_cells(own)
    # The last cells may reach beyond the border.
    size = own.shape[0] / CELL_PX, own.shape[1] / CELL_PX
    x, y = _at_motion(*grid(*least.shape), size, motion)
    for way in ways:
        for values, at_x, at_y, _ in _along(way, x, y):
            cells = _from_motion(at_x, at_y, size, motion)
            both = cv2.merge(_range_of_cells(values))
            moved = cv2.remap(both, *cells, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            low, high = cv2.split(moved)
            least, most = np.minimum(least, low), np.maximum(most, high)
    differ = ((least < 255) & (most > 0)).view(np.uint8)
    return _of_cells(differ, own.shape)


def _range_of_cells(values: Plane) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return, of each cell and those around, the least and the most that is above 0.5, 0-255."""
    height, width = (-(-length // CELL_PX) for length in values.shape)
    rest = (
        whole * CELL_PX - part for whole, part in zip((height, width), values.shape, strict=True)
    )
    above = (values > VOTED).view(np.uint8) * np.uint8(255)
    whole = cv2.copyMakeBorder(above, 0, next(rest), 0, next(rest), cv2.BORDER_REPLICATE)
    shares = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    around = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(shares, around), cv2.dilate(shares, around)
    return np.asarray(least, np.uint8), np.asarray(most, np.uint8)


def _of_cells(differ: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return `differ`, of cells, of each pixel, (h, w) of `size`."""
    across = np.repeat(differ, CELL_PX, axis=1)[:, : size[1]]
    return np.repeat(across, CELL_PX, axis=0)[: size[0]] > 0


def _at_motion(x: Plane, y: Plane, size: tuple[float, ...], motion: Motion) -> tuple[Plane, Plane]:
    """Return points in pixels of planes of `size`, (height, width), in those of `motion`."""
    down, across = motion.shape[1] / size[0], motion.shape[2] / size[1]
    return (x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5


def _from_motion(
    x: Plane, y: Plane, size: tuple[float, ...], motion: Motion
) -> tuple[Plane, Plane]:
    """Return points in pixels of `motion` in those of planes of `size`, (height, width)."""
    down, across = size[0] / motion.shape[1], size[1] / motion.shape[2]
    # What goes there and back by nothing comes back to where it was.
    return (
        np.rint(x * (across * STEPS) + (0.5 * across - 0.5) * STEPS) / np.float32(STEPS),
        np.rint(y * (down * STEPS) + (0.5 * down - 0.5) * STEPS) / np.float32(STEPS),
    )


def _along(way: Sequence[Way], x: Plane, y: Plane) -> Iterator[tuple[Plane, Plane, Plane, Plane]]:
    """
    Yield what each frame on the way shows, and where in it points `x`, `y` lie, and how far to trust it.

    Args:
        way: To the neighbors of one side.
        x: Of the points, in pixels of the motion, of any shape (r, s).
        y: The same.
    """
    trust: Any = np.float32(1)
    for values, motion in way:
        to_x, to_y, one = cv2.split(sample(motion, x, y))
        x, y, trust = x + to_x, y + to_y, trust * one
        if values is not None:
            yield values, x, y, trust


def stabilize(alpha: Plane, neighbors: Sequence[Neighbor], small: Plane | None = None) -> Plane:
    """
    Return `alpha` (h, w), 0-1, corrected where the past and the future agree that it is wrong.

    Each says how far its mean along the motion is from the frame's own value. If both are on one
    side of it, it moves there by their geometric mean; else it stays. What the motion's own
    error could explain counts little. A shot's first and last frame, which have one side, stay.

    Args:
        alpha: Of the frame.
        neighbors: With their alphas.
        small: `alpha` at the size of the motion, if that is known.
    """
    sides = [[n for n in neighbors if n.is_later == is_later] for is_later in (False, True)]
    if not all(sides):
        return alpha
    at = np.flatnonzero(uncertain(alpha, neighbors, small))
    if not at.size:
        return alpha
    past = _difference(alpha, sides[0], at)
    # The other side differs by 1 at most: where this one says next to nothing, both agree on too little.
    at, past = _only(np.abs(past) > LEAST**2, at, past)
    agreed = past * _difference(alpha, sides[1], at)
    at, past, agreed = _only(agreed > LEAST**2, at, past, agreed)
    correction = np.copysign(np.sqrt(agreed), past)
    doubt = DOUBT + MISPLACED_PX * _slope_at(alpha, at)
    stable = alpha.copy()
    stable.put(at, alpha.take(at) + _beyond(correction, doubt))
    return stable


def uncertain(
    alpha: Plane, neighbors: Sequence[Neighbor], small: Plane | None = None
) -> NDArray[np.bool_]:
    """Return where not each of the frames has a solid 0, or every one a solid 1; see `stabilize`."""
    size = neighbors[0].motion.shape[1:]
    column, row = grid(*size)
    low = high = shrunk(alpha, size) if small is None else small
    if not any((part > NEARLY_0).any() for part in (low, *map(_small, neighbors))):
        return np.zeros(alpha.shape, np.bool_)
    for neighbor in neighbors:
        x, y, _ = neighbor.motion
        moved = sample(_small(neighbor), column + x, row + y)
        low, high = np.minimum(low, moved), np.maximum(high, moved)
    band = ((high > NEARLY_0) & (low < NEARLY_1)).astype(np.uint8)
    grown = cv2.dilate(band, np.ones((3, 3), np.uint8))
    return cv2.resize(grown, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST).view(np.bool_)


def confidence(alpha: Plane, neighbors: Sequence[Neighbor]) -> Plane:
    """Return how far the motion to the neighbors is trusted, their mean, of `alpha`'s size."""
    mean = np.mean([neighbor.motion[2] for neighbor in neighbors], axis=0, dtype=np.float32)
    return np.asarray(cv2.resize(mean, alpha.shape[::-1]), np.float32)


def warp_error(alpha: Plane, neighbors: Sequence[Neighbor]) -> float:
    """
    Return the mean square difference of `alpha` and the frame before, moved, at the motion's size.

    Each pixel counts as far as its motion is trusted; 0 without a frame before.
    """
    before = [neighbor for neighbor in neighbors if not neighbor.is_later]
    if not before:
        return 0.0
    x, y, confidence = before[-1].motion
    column, row = grid(*confidence.shape)
    moved = sample(_small(before[-1]), column + x, row + y)
    error = confidence * np.square(shrunk(alpha, confidence.shape) - moved)
    return float(error.sum() / max(confidence.sum(), 1))


def _difference(
    alpha: Plane, side: Sequence[Neighbor], at: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return how far the mean of one side is from `alpha` at these pixels, as far as it is known."""
    y, x, own = (_in_rows(each) for each in (*_places(at, alpha), alpha.take(at)))
    difference, total = np.zeros_like(x), np.zeros_like(x)
    here = _at_motion(x, y, alpha.shape, side[0].motion)
    for neighbor in side:
        to_x, to_y, trust = cv2.split(sample(cv2.merge([*neighbor.motion]), *here))
        there = _from_motion(here[0] + to_x, here[1] + to_y, alpha.shape, neighbor.motion)
        step = sample(neighbor.values, *there)
        step -= own
        step *= trust
        difference += step
        total += trust
    # A side that is trusted by less than one frame's worth says as much less.
    known_by = difference / np.maximum(total, 1)
    return np.asarray(known_by.ravel()[: at.size], np.float32)


def _beyond(correction: Plane, doubt: Plane) -> Plane:
    """Return `correction` (n,) where it is far above `doubt`, 0 where it is far below."""
    rise = np.clip((np.abs(correction) / doubt - 0.5) / 1.5, 0, 1)
    made = correction * np.square(rise) * (3 - 2 * rise)
    # What is solid stays so, where the change would not be seen.
    return np.asarray(np.where(np.abs(made) < NEARLY_0, 0, made), np.float32)


def _slope_at(alpha: Plane, at: NDArray[np.intp]) -> Plane:
    """Return how much `alpha` changes from pixel to pixel at these pixels (n,)."""
    low = high = alpha.take(at)
    (row, column), (height, width) = _places(at, alpha), alpha.shape
    for down, across in product((-1, 0, 1), repeat=2):
        near = alpha[(row + down).clip(0, height - 1), (column + across).clip(0, width - 1)]
        low, high = np.minimum(low, near), np.maximum(high, near)
    return np.asarray((high - low) / 2, np.float32)


def _small(neighbor: Neighbor) -> Plane:
    """Return the neighbor's alpha at the size of its motion."""
    if neighbor.small is not None:
        return neighbor.small
    return shrunk(neighbor.values, neighbor.motion.shape[1:])


def _only(kept: NDArray[np.bool_], *each: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return those parts of `each` (n,) that are `kept`."""
    return tuple(part[kept] for part in each)


def _places(at: NDArray[np.intp], plane: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and the columns of pixels of `plane` (h, w), which are counted row by row."""
    rows = at // plane.shape[1]
    return rows, at - rows * plane.shape[1]


def _in_rows(points: NDArray[np.float32] | NDArray[np.intp]) -> Plane:
    """Return `points` (n,) in rows of one length, the last one filled up with zeros."""
    # One at least: OpenCV looks nothing up where there are none.
    rows = np.zeros((points.size // ROW_PX + 1, ROW_PX), np.float32)
    rows.ravel()[: points.size] = points
    return rows
