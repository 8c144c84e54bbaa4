"""One plane, or a few, at another size: arrays on the CPU; `sghm_vs.models.resampling` has tensors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

type Plane = NDArray[np.float32]
"""(h, w), or several of them, (c, h, w)."""

ROWS_AT_ONCE = 64
"""Of planes of full size: what is done to so few of them stays within a core's cache."""


def bands(height: int) -> Iterator[slice]:
    """Yield the rows of a plane, a few at a time."""
    for top in range(0, height, ROWS_AT_ONCE):
        yield slice(top, min(top + ROWS_AT_ONCE, height))


def clamp(plane: Plane, into: Plane) -> None:
    """Write `plane` (h, w) `into` another, clamped to 0-1; NaN is 0."""
    for rows in bands(len(plane)):
        # OpenCV's thresholds may let a NaN through.
        np.fmax(plane[rows], 0, out=into[rows])
        cv2.threshold(into[rows], 1, 0, cv2.THRESH_TRUNC, dst=into[rows])


def enlarge(plane: Plane, size: tuple[int, int]) -> Plane:
    """Return `plane` (h, w) at `size`, (height, width), bilinear."""
    if plane.shape == size:
        return plane
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def enlarged_rows(plane: Plane, by: int, rows: slice) -> Plane:
    """Return `rows` of `plane` (h, w) enlarged `by` so much: to the last bit, as if it were whole."""
    return enlarged_part(plane, by, rows, slice(0, plane.shape[1] * by))


def enlarged_part(plane: Plane, by: int, rows: slice, columns: slice) -> Plane:
    """Return `rows` and `columns` of `plane` (h, w) enlarged `by` so much; see `enlarged_rows`."""
    down, across = (
        slice(max(part.start // by - 1, 0), -(-part.stop // by) + 1) for part in (rows, columns)
    )
    some = plane[down, across]
    large = enlarge(some, (some.shape[0] * by, some.shape[1] * by))
    top, left = rows.start - down.start * by, columns.start - across.start * by
    return large[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]


def block_means(planes: Plane, side: int) -> Plane:
    """Return means of blocks of `side` x `side` px in `planes` (..., h, w); what is left over is cut."""
    if planes.ndim > 2:
        return np.stack([block_means(plane, side) for plane in planes])
    height, width = (length // side for length in planes.shape)
    whole = planes[: height * side, : width * side]
    made = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(made, np.float32)


def resized(planes: Plane, size: tuple[int, int]) -> Plane:
    """Return `planes` (c, h, w) at `size`: means of whole blocks, bilinear for what is left."""
    blocks = min(planes.shape[-2] // size[0], planes.shape[-1] // size[1])
    if blocks > 1:
        planes = block_means(planes, blocks)
    return bilinear(planes, size)


def bilinear(planes: Plane, size: tuple[int, int]) -> Plane:
    """Return `planes` (c, h, w) at `size`, bilinear."""
    if planes.shape[-2:] == size:
        return planes
    return np.stack([enlarge(plane, size) for plane in planes])


def shrink(plane: Plane, into: Plane) -> None:
    """
    Write `plane` (h, w) `into` another size, bilinear, where that is smaller by all pixels in reach.

    What is beyond 0-1 is clamped before. A few rows at a time: of a large plane no other is made.

    Source:
        What torch's `interpolate` does with `antialias=True`, and before it Pillow's resize.
    """
    first, weights = _taps(len(plane), len(into))
    for rows in bands(len(into)):
        above, below = int(first[:, rows].min()), int(first[:, rows].max()) + 1
        some = np.empty((below - above, plane.shape[1]), np.float32)
        clamp(plane[above:below], some)
        if len(plane) != len(into):
            some = _mixed(some, first[:, rows] - above, weights[:, rows, None], axis=0)
        if plane.shape[1] != into.shape[1]:
            some = _mixed(some, *_taps(plane.shape[1], into.shape[1]), axis=1)
        into[rows] = some


def _mixed(plane: Plane, first: NDArray[np.intp], weights: Plane, axis: int) -> Plane:
    """Return the sum of the rows or columns that `first` names, each (taps, n), by `weights`."""
    total: Plane | None = None
    for at, weight in zip(first, weights, strict=True):
        part = plane.take(at, axis)
        part *= weight
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None  # noqa: S101 - there is a tap
    return total


@cache
def _taps(found: int, length: int) -> tuple[NDArray[np.intp], Plane]:
    """Return which samples make each of `length`, and how much of each, (taps, length)."""
    scale = found / length
    reach = max(scale, 1.0)
    centers = (np.arange(length) + 0.5) * scale
    first = np.maximum((centers - reach + 0.5).astype(np.intp), 0)
    end = np.minimum((centers + reach + 0.5).astype(np.intp), found)
    at = first + np.arange(int((end - first).max()))[:, None]
    weights = np.maximum(1 - np.abs((at - centers + 0.5) / reach), 0)
    weights[at >= end] = 0
    weights /= weights.sum(0)
    return np.minimum(at, found - 1), weights.astype(np.float32)
