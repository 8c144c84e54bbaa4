"""What neighbors in time say of a frame: pure functions of a window."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.flow import Motion, grid, sample

type Plane = NDArray[np.float32]
type Values = NDArray[np.float32]
"""(frames, rows, columns): what each frame of a window says of the same points."""

NEARLY_0 = 1 / 255
NEARLY_1 = 254 / 255
ROW_PX = 1024
"""OpenCV looks points up in rows of less than 32,768."""

VOTES_APART = 0.5
"""Probabilities this far from the median count 0.6 in their mean."""
LENIENCE = 0.25
"""Power of a motion's trust in a probability, whose pixels are larger than the motion's errors."""
ALPHAS_APART = 0.25
"""Alphas this far from the median count 0.6 in their mean."""
DOUBT = 0.05
"""A correction of this size is halved: interpolation alone makes smaller ones."""
MISPLACED_PX = 0.3
"""The same for the correction that such an error in the motion makes."""
OWN_WEIGHT = 1.0
"""Of the frame itself; a neighbor's is the trust in its motion."""


def stabilize(alpha: Plane, neighbors: Sequence[Plane], motions: Sequence[Motion]) -> Plane:
    """
    Return `alpha` (h, w) with what its neighbors in time agree on.

    Each point's values are brought together along the motion; their mean, in which those far
    from the weighted median count little, replaces the frame's own where it differs enough.

    Args:
        alpha: Of the frame, 0-1.
        neighbors: Alphas of other frames of the window.
        motions: From the frame to each of them, at half size.
    """
    if not neighbors:
        return alpha
    rows, columns = np.nonzero(uncertain(alpha, neighbors, motions))
    if not rows.size:
        return alpha
    values, weights = _gathered(alpha, neighbors, motions, rows, columns)
    own = values[0]
    correction = robust_mean(values, weights, ALPHAS_APART) - own
    doubt = np.square(DOUBT) + np.square(MISPLACED_PX * _slope(alpha)[rows, columns])
    square = np.square(correction)
    corrected = own + correction * square / (square + _in_rows(doubt) + 1e-12)
    stable = alpha.copy()
    stable[rows, columns] = corrected.ravel()[: rows.size]
    return stable


def fuse(
    probability: Plane,
    neighbors: Sequence[Plane],
    motions: Sequence[Motion],
    covered: tuple[int, int],
) -> Plane:
    """
    Return the `probability` of a person (h, w), 0-1, that a frame and its neighbors agree on.

    Args:
        probability: Of the frame.
        neighbors: Probabilities of other frames of the window.
        motions: From the frame to each of them.
        covered: How many rows and columns the picture takes; beyond is padding.
    """
    if not neighbors:
        return probability
    height, width = covered
    own = probability[:height, :width]
    column, row = grid(height, width)
    values, weights = [own], [np.full_like(own, OWN_WEIGHT)]
    for neighbor, motion in zip(neighbors, motions, strict=True):
        x, y, trust = (_resized(plane, covered) for plane in motion)
        across, down = width / motion.shape[2], height / motion.shape[1]
        values.append(sample(neighbor[:height, :width], column + x * across, row + y * down))
        weights.append(trust**LENIENCE)
    fused = probability.copy()
    fused[:height, :width] = robust_mean(np.stack(values), np.stack(weights), VOTES_APART)
    return fused


def robust_mean(values: Values, weights: Values, apart: float) -> Plane:
    """Return the weighted mean of `values`, in which those `apart` from the median count 0.6."""
    middle = weighted_median(values, weights)
    weights = weights * np.exp(np.square((values - middle) / apart) / -2)
    mean = (weights * values).sum(0) / weights.sum(0)
    return np.asarray(mean, np.float32)


def weighted_median(values: Values, weights: Values) -> Plane:
    """Return the lowest value up to which half of all weight lies."""
    order = np.argsort(values, axis=0)
    values, weights = (np.take_along_axis(a, order, 0) for a in (values, weights))
    up_to = weights.cumsum(0)
    index = (up_to >= up_to[-1] / 2).argmax(0)
    return np.asarray(np.take_along_axis(values, index[None], 0)[0], np.float32)


def uncertain(
    alpha: Plane, neighbors: Sequence[Plane], motions: Sequence[Motion]
) -> NDArray[np.bool_]:
    """Return where not every frame of the window has a solid 0, or every one a solid 1."""
    height, width = motions[0].shape[1:]
    column, row = grid(height, width)
    low = high = _resized(alpha, (height, width))
    for neighbor, (x, y, _) in zip(neighbors, motions, strict=True):
        moved = sample(_resized(neighbor, (height, width)), column + x, row + y)
        low, high = np.minimum(low, moved), np.maximum(high, moved)
    band = ((high > NEARLY_0) & (low < NEARLY_1)).astype(np.uint8)
    grown = cv2.dilate(band, np.ones((3, 3), np.uint8))
    return cv2.resize(grown, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _gathered(
    alpha: Plane,
    neighbors: Sequence[Plane],
    motions: Sequence[Motion],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> tuple[Values, Values]:
    """Return, for the points, the value and the weight of the frame and of each neighbor."""
    y, x = (_in_rows(points.astype(np.float32)) for points in (rows, columns))
    height, width = alpha.shape
    down, across = height / motions[0].shape[1], width / motions[0].shape[2]
    values, weights = [sample(alpha, x, y)], [np.full_like(x, OWN_WEIGHT)]
    for neighbor, motion in zip(neighbors, motions, strict=True):
        moved = sample(np.dstack([*motion]), (x + 0.5) / across - 0.5, (y + 0.5) / down - 0.5)
        values.append(sample(neighbor, x + moved[..., 0] * across, y + moved[..., 1] * down))
        weights.append(moved[..., 2])
    return np.stack(values), np.stack(weights)


def _slope(alpha: Plane) -> Plane:
    """Return how much `alpha` changes from pixel to pixel."""
    around = np.ones((3, 3), np.uint8)
    return (cv2.dilate(alpha, around) - cv2.erode(alpha, around)) / 2


def _in_rows(points: Plane) -> Plane:
    """Return `points` (n,) in rows of one length, the last one filled up with zeros."""
    return np.pad(points, (0, -points.size % ROW_PX)).reshape(-1, ROW_PX)


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    """Return `plane` (h, w) at `size`, (height, width): means of blocks where it shrinks."""
    if plane.shape == size:
        return plane
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
