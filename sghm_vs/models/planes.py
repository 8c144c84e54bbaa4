"""One plane, or a few, at another size: arrays on the CPU; `sghm_vs.models.resampling` has tensors."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

type Plane = NDArray[np.float32]
"""(h, w), or several of them, (c, h, w)."""


def enlarge(plane: Plane, size: tuple[int, int]) -> Plane:
    """Return `plane` (h, w) at `size`, (height, width), bilinear."""
    if plane.shape == size:
        return plane
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


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


def shrunk(planes: Plane, size: tuple[int, int]) -> Plane:
    """
    Return `planes` (c, h, w) at `size`, bilinear, where that is smaller by all pixels in reach.

    Source:
        What torch's `interpolate` does with `antialias=True`, and before it Pillow's resize.
    """
    for axis in (1, 2):
        planes = _shrunk_along(planes, axis, size[axis - 1])
    return planes


def _shrunk_along(planes: Plane, axis: int, length: int) -> Plane:
    found = planes.shape[axis]
    if found == length:
        return planes
    total: Plane | None = None
    for first, weights in zip(*_taps(found, length), strict=True):
        shape = (-1, 1) if axis == 1 else (-1,)
        part = planes.take(first, axis)
        part *= weights.reshape(shape)
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
