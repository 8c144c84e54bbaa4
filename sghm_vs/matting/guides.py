"""
What guides say of a picture, and how the alpha is held to it: pure functions of one frame.

A guide is a plane (height, width): 1 is subject, 0 is not, between is left to the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.optical_flow import (
    Motion,
    Plane,
    chained,
    grid,
    guided_by_mask,
    resized,
    sample,
)

UNKNOWN = np.float32(0.5)
"""What a guide says where it says nothing."""
EDGE = 0.5
"""Of a mask, whose gray is probability: its edge is where a person is as likely as not."""
SURE = 1.5 / 255
"""So near to 0 or 1 a trimap or a key says what is there; a code of 8 bits may be rounded away."""

FREE = 0.3
"""Of the band, from a guide's edge: there the alpha is as it was found."""

FAR_PX = 800.0
"""The most that is measured; from 885 on OpenCV's distances are others on one thread than on two."""

LENIENCE = 0.5
"""Power of each step's confidence on the way to a key: a small picture's pixels are larger than its
errors."""
TRUSTED = 0.1
"""Of the product of these; less, and a key's word ends."""
AGREED = 0.3
"""Of -1 to 1, not subject to subject; less, and the keys on both sides contradict each other."""
TINY = 1e-6


class Side(NamedTuple):
    """A key before or after a frame."""

    key: Plane
    """What it says, as `said`, of its picture's size."""
    motion: Motion
    """From the frame to it, of any size."""
    frames: int
    """How far it is."""


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
    Return `alpha`, exactly 1 or 0 where `guide` says so `band_px` or farther from where it does not.

    Nearer, the guide is trusted more the farther its edge is: beyond `FREE` of the band, `alpha` goes
    over to it. The picture's border is no edge: what is cut off there goes on beyond it.
    """
    band_px = min(band_px, FAR_PX - 1)
    subject = _trust(distance(guide == 1), band_px)
    rest = _trust(distance(guide == 0), band_px)
    return np.asarray(alpha * (1 - subject - rest) + subject, np.float32)


def _trust(far: Plane, band_px: float) -> Plane:
    """Return how far a guide is trusted, 0-1, so `far` within what it says."""
    free = FREE * band_px
    trusted: Plane = np.clip((far - free) / max(band_px - free, TINY), 0, 1)
    return trusted


def exact(alpha: Plane, trimap: Plane) -> Plane:
    """Return `alpha`, exactly 1 and 0 where `trimap`, as `said`, says so."""
    return np.where(trimap == UNKNOWN, alpha, trimap)


def toward(key: Plane, step: Motion, onward: Motion | None) -> Motion:
    """
    Return the motion from a frame to a key, (3, h, w), as the outlines of people move.

    Args:
        key: What the key says, small, (h, w).
        step: The motion from the frame to the next one on the way, of any size.
        onward: From that to the key, (3, h, w); None is the key.
    """
    step = resized(step, key.shape)
    plain = step if onward is None else chained(step, onward)
    # Where people are here, the key says: so far they went by the picture's motion.
    step = guided_by_mask(step, _seen(key, plain)).copy()
    step[2] = step[2] ** LENIENCE
    return step if onward is None else chained(step, onward)


def carried(sides: Sequence[Side], size: tuple[int, int]) -> Plane:
    """
    Return what keys say of a frame, (height, width): 1, 0 and `UNKNOWN`.

    Each says it as far as the motion to it is trusted, and the nearer one louder.
    """
    total: Plane = np.zeros(size, np.float32)
    weight, trust = total.copy(), total.copy()
    for key, motion, frames in sides:
        there = _enlarged(motion, size)
        says: Plane = 2 * _seen(key, there) - 1
        trusted: Plane = there[2] * np.abs(says)
        loud = np.asarray(trusted / frames, np.float32)
        total += loud * says
        weight += loud
        np.maximum(trust, trusted, out=trust)
    says = np.asarray(total / np.maximum(weight, np.float32(TINY)), np.float32)
    is_known = (trust > TRUSTED) & (np.abs(says) > AGREED)
    return np.where(is_known, (says > 0).astype(np.float32), UNKNOWN)


def _seen(plane: Plane, motion: Motion) -> Plane:
    """Return what `plane` shows where each pixel of `motion`, of its size, leads."""
    column, row = grid(*plane.shape)
    return sample(plane, column + motion[0], row + motion[1])


def _enlarged(motion: Motion, size: tuple[int, int]) -> Motion:
    down, across = size[0] / motion.shape[1], size[1] / motion.shape[2]
    x, y, confidence = (
        cv2.resize(part, size[::-1], interpolation=cv2.INTER_LINEAR) for part in motion
    )
    return np.stack([x * np.float32(across), y * np.float32(down), confidence])


def distance(area: NDArray[np.bool_]) -> Plane:
    """Return how many pixels each of `area` is from all else, at most `FAR_PX`; 0 is outside."""
    if area.all():
        return np.full(area.shape, FAR_PX, np.float32)
    far = cv2.distanceTransform(area.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    np.minimum(far, np.float32(FAR_PX), out=far)
    # Squares are whole numbers; the last bit of OpenCV's roots depends on the threads at hand.
    np.square(far, out=far)
    np.rint(far, out=far)
    return np.asarray(np.sqrt(far, out=far))
