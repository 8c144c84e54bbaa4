"""
What guides say of a picture, and how the alpha is held to it: pure functions of one frame.

A guide is a plane (height, width): 1 is subject, 0 is not, between is left to the network.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

type Plane = NDArray[np.float32]
"""(height, width), 0-1."""

UNKNOWN = np.float32(0.5)
"""What a guide says where it says nothing."""
EDGE = 0.5
"""Of a mask, whose gray is probability: its edge is where a person is as likely as not."""
SURE = 1.5 / 255
"""So near to 0 or 1 a trimap or a key says what is there; a code of 8 bits may be rounded away."""


def decided(mask: Plane) -> Plane:
    """Return `mask` as 0 and 1: its edge is where a person is as likely as not."""
    return (mask > EDGE).astype(np.float32)


def said(trimap: Plane) -> Plane:
    """Return `trimap` as 0, 1 and `UNKNOWN`; what is within a code of 8 bits of 0 or 1 is that."""
    return np.select([trimap >= 1 - SURE, trimap <= SURE], [np.float32(1), np.float32(0)], UNKNOWN)


def overruled(guide: Plane, by: Plane) -> Plane:
    """Return `guide`, and where `by` says something, that."""
    return np.where(by == UNKNOWN, guide, by)


def corrected(mask: Plane, small: Plane, voted: Plane) -> Plane:
    """
    Return `mask` with what votes change of it: where they change nothing, not even its edge moves.

    Args:
        mask: Of the picture's size.
        small: The same, smaller.
        voted: What the frames around make of that.
    """
    height, width = mask.shape
    change = cv2.resize(voted - small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(mask + change, np.float32)


def held(alpha: Plane, guide: Plane, band_px: float) -> Plane:
    """
    Return `alpha`, exactly 1 or 0 where `guide` says so farther than `band_px` from where it does not.

    The picture's border is no edge: what is cut off there goes on beyond it.
    """
    least = _deep(guide == 1, band_px)
    most = ~_deep(guide == 0, band_px)
    return np.clip(alpha, least.astype(np.float32), most.astype(np.float32))


def exact(alpha: Plane, trimap: Plane) -> Plane:
    """Return `alpha`, exactly 1 and 0 where `trimap`, as `said`, says so."""
    return np.where(trimap == UNKNOWN, alpha, trimap)


def _deep(area: NDArray[np.bool_], band_px: float) -> NDArray[np.bool_]:
    """Return what of `area` is farther than `band_px` from all else."""
    if area.all():
        return area
    distance = cv2.distanceTransform(area.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance > band_px, np.bool_)
