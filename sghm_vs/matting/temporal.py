"""What neighbors in time say of a frame: pure functions of it and them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.optical_flow import Motion, Plane, grid, noise, sample, shrunk

NEARLY_0 = 1 / 255
NEARLY_1 = 254 / 255
ROW_PX = 1024
"""OpenCV looks points up in rows of less than 32,768."""

LENIENCE = 0.5
"""Power of a motion's confidence in small pictures, whose pixels are larger than the motion's errors."""

PATCH_PX = 5
"""Side of what is compared before pictures are averaged."""
EXCESS = 0.5
"""Patches that differ by this part more than noise explains, in energy, count e times less."""

TINY = 1e-6
"""A vote that decides only where there is no other."""

DOUBT = 0.02
"""Corrections of half this size are left undone, those of twice its size are made."""
MISPLACED_PX = 0.9
"""To that is added what such an error in the motion would make at the frame's own edge."""


class Neighbor(NamedTuple):
    """Another frame of the same shot."""

    values: NDArray[np.float32]
    """Its alpha or its probabilities (h, w), or its picture (h, w, 3), 0-1."""
    motion: Motion
    """From the frame in the middle to this one."""
    is_later: bool


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
    differences = [
        sample(values[:height, :width], column + x, row + y) - own
        for values, (x, y, _), _ in neighbors
    ]
    sigma = min(map(noise, differences), default=0.0)
    if not sigma:
        return picture
    total, weight = np.zeros_like(own), np.ones((height, width, 1), np.float32)
    for difference, neighbor in zip(differences, neighbors, strict=True):
        energy = np.square(difference).mean(2, dtype=np.float32) / sigma**2
        unlike = cv2.blur(energy, (PATCH_PX, PATCH_PX)) - 1
        alike = neighbor.motion[2] ** LENIENCE * np.exp(np.maximum(unlike, 0) / -EXCESS)
        total += alike[..., None] * difference
        weight += alike[..., None]
    denoised = picture.copy()
    denoised[:height, :width] += total / weight
    return denoised


def fuse(
    segmentation: Plane, neighbors: Sequence[Neighbor], radius: int, *, is_seen: bool = True
) -> Plane:
    """
    Return the segmentation of a frame and its neighbors (h, w), 0-1: their mean along the motion.

    Args:
        segmentation: Of the frame; the outline lies at 0.5, so that the mean is a vote. What is padding
            lies beyond what the neighbors have, and stays.
        neighbors: With their segmentation of the picture, and motion of that size.
        radius: How many neighbors each way there are within a shot. Where some are missing, the
            frame's own vote counts more, twice with one side alone: errors of motion that
            cancel between the sides do not there.
        is_seen: Whether the frame's own is there at all; else the neighbors alone vote.
    """
    if not neighbors:
        return segmentation
    height, width = neighbors[0].values.shape
    own = segmentation[:height, :width]
    column, row = grid(height, width)
    total, weight = np.zeros_like(own), np.zeros_like(own)
    differs = np.zeros(own.shape, np.bool_)
    for values, (x, y, confidence), _ in neighbors:
        moved = sample(values, column + x, row + y)
        lenient = confidence**LENIENCE
        total += lenient * moved
        weight += lenient
        differs |= moved != own
    own_votes = np.float32(1 + (2 * radius - len(neighbors)) / max(radius, 1) if is_seen else TINY)
    mean = (total + own_votes * own) / (weight + own_votes)
    fused = segmentation.copy()
    # Where nothing changes, not even the last bit does: a still stays what it is.
    fused[:height, :width] = np.where(differs, mean, own)
    return fused


def stabilize(alpha: Plane, neighbors: Sequence[Neighbor]) -> Plane:
    """
    Return `alpha` (h, w), 0-1, corrected where the past and the future agree that it is wrong.

    Each says how far its mean along the motion is from the frame's own value. If both are on one
    side of it, it moves there by their geometric mean; else it stays. What the motion's own
    error could explain counts little. A shot's first and last frame, which have one side, stay.

    Args:
        alpha: Of the frame.
        neighbors: With their alphas.
    """
    sides = [[n for n in neighbors if n.is_later == is_later] for is_later in (False, True)]
    if not all(sides):
        return alpha
    rows, columns = np.nonzero(uncertain(alpha, neighbors))
    if not rows.size:
        return alpha
    past, future = (_difference(alpha, side, rows, columns) for side in sides)
    correction = np.sign(past) * np.sqrt(np.maximum(past * future, 0))
    doubt = DOUBT + MISPLACED_PX * _slope(alpha)[rows, columns]
    stable = alpha.copy()
    stable[rows, columns] += _beyond(correction, doubt)
    return stable


def uncertain(alpha: Plane, neighbors: Sequence[Neighbor]) -> NDArray[np.bool_]:
    """Return where not each of the frames has a solid 0, or every one a solid 1."""
    size = neighbors[0].motion.shape[1:]
    column, row = grid(*size)
    low = high = shrunk(alpha, size)
    for values, (x, y, _), _ in neighbors:
        moved = sample(shrunk(values, size), column + x, row + y)
        low, high = np.minimum(low, moved), np.maximum(high, moved)
    band = ((high > NEARLY_0) & (low < NEARLY_1)).astype(np.uint8)
    grown = cv2.dilate(band, np.ones((3, 3), np.uint8))
    return cv2.resize(grown, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def confidence(alpha: Plane, neighbors: Sequence[Neighbor]) -> Plane:
    """Return how far the motion to the neighbors is trusted, their mean, of `alpha`'s size."""
    mean = np.mean([neighbor.motion[2] for neighbor in neighbors], axis=0, dtype=np.float32)
    return np.asarray(cv2.resize(mean, alpha.shape[::-1]), np.float32)


def warp_error(alpha: Plane, neighbors: Sequence[Neighbor]) -> float:
    """
    Return the mean square difference of `alpha` and the frame before, moved, at half size.

    Each pixel counts as far as its motion is trusted; 0 without a frame before.
    """
    before = [neighbor for neighbor in neighbors if not neighbor.is_later]
    if not before:
        return 0.0
    values, (x, y, confidence), _ = before[-1]
    column, row = grid(*confidence.shape)
    moved = sample(shrunk(values, confidence.shape), column + x, row + y)
    error = confidence * np.square(shrunk(alpha, confidence.shape) - moved)
    return float(error.sum() / max(confidence.sum(), 1))


def _difference(
    alpha: Plane, side: Sequence[Neighbor], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return, for each point, how far the mean of one side is from `alpha`, as far as it is known."""
    y, x = (_in_rows(points.astype(np.float32)) for points in (rows, columns))
    own, total = sample(alpha, x, y), np.zeros_like(x)
    difference = np.zeros_like(x)
    for values, motion, _ in side:
        down, across = _ratio(alpha.shape, motion)
        known = sample(np.dstack([*motion]), (x + 0.5) / across - 0.5, (y + 0.5) / down - 0.5)
        there = sample(values, x + known[..., 0] * across, y + known[..., 1] * down)
        difference += known[..., 2] * (there - own)
        total += known[..., 2]
    # A side that is trusted by less than one frame's worth says as much less.
    known_by = difference / np.maximum(total, 1)
    return np.asarray(known_by.ravel()[: rows.size], np.float32)


def _beyond(correction: Plane, doubt: Plane) -> Plane:
    """Return `correction` (n,) where it is far above `doubt`, 0 where it is far below."""
    rise = np.clip((np.abs(correction) / doubt - 0.5) / 1.5, 0, 1)
    made = correction * np.square(rise) * (3 - 2 * rise)
    # What is solid stays so, where the change would not be seen.
    return np.asarray(np.where(np.abs(made) < NEARLY_0, 0, made), np.float32)


def _ratio(size: tuple[int, ...], motion: Motion) -> tuple[float, float]:
    """Return how many pixels of planes of `size` one of the motion's is, down and across."""
    return size[0] / motion.shape[1], size[1] / motion.shape[2]


def _slope(alpha: Plane) -> Plane:
    """Return how much `alpha` changes from pixel to pixel."""
    around = np.ones((3, 3), np.uint8)
    steps = cv2.dilate(alpha, around) - cv2.erode(alpha, around)
    return np.asarray(steps / 2, np.float32)


def _in_rows(points: NDArray[np.float32]) -> Plane:
    """Return `points` (n,) in rows of one length, the last one filled up with zeros."""
    padded = np.pad(points, (0, -points.size % ROW_PX)).reshape(-1, ROW_PX)
    return np.asarray(padded, np.float32)
