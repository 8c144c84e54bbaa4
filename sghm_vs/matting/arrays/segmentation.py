"""From the probability of a person to the mask that guides matting: judge, clean, then threshold."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.models.planes import Plane, enlarge

THRESHOLD = 0.5
"""The outline of the people."""
SURE_PERSON = 0.95
"""A person holds, somewhere, more than this; else it is a thing like one."""
SURE_PART = 0.7
"""The same of what lies beside a person, no farther than a notch is wide: a part of them."""
SURE_BACKGROUND = 0.15
"""A gap between arm and body holds, somewhere, less than this; else it is a badge or a fold."""
ACCEPTED = 0.15
"""What is connected is kept where the judge's probability has a mean above this."""
UNSURE = 0.05
"""A mean of a judgement in bfloat16 that is nearer to that is not trusted."""
NOTCH_PX = 43
"""Across half a notch that is closed, at a short side of 1280."""
PASSABLE = 0.12
"""A notch is closed where more than this; what it shows of the wall is nearer to 0."""


def to_mask(cleaned: Plane, size: tuple[int, int]) -> Plane:
    """
    Return the hard mask, (height, width) of 0 and 1.

    Args:
        cleaned: The probability of a person, (h, w), 0-1, the outline at 0.5.
        size: (height, width) of the picture.

    Source:
        Chen et al. (2022), section 3: the probability is upsampled, then thresholded.
    """
    large = enlarge(cleaned, size)
    # What had this size already is the caller's.
    into = None if large is cleaned else large
    _, mask = cv2.threshold(large, THRESHOLD, 1, cv2.THRESH_BINARY, dst=into)
    return np.asarray(mask, np.float32)


def judged(probability: Plane, judgement: Plane, again: Callable[[], Plane] | None = None) -> Plane:
    """
    Return `probability` with 0 where it shows what `judgement` says is nobody.

    Outlines are those of the first, what is somebody is up to the second: of two trainings one draws
    finer lines, and the other knows more things.

    Args:
        probability: Of a person, (h, w), 0-1, the outline at 0.5.
        judgement: The judge's, likewise.
        again: Returns it in floats, of one that is coarser: what lies near the limit is decided by them.
    """
    likely = probability > THRESHOLD
    count, labels = _pieces(likely)
    own = labels[likely]
    areas = np.bincount(own, minlength=count)
    areas[0] = 1
    means = np.bincount(own, judgement[likely], count) / areas
    means[0] = 1
    if again is not None:
        # Of a speck it makes no difference: it is cleaned away.
        counts = np.bincount(own, probability[likely] > SURE_PART, count) > 0
        if (counts & (np.abs(means - ACCEPTED) < UNSURE)).any():
            return judged(probability, again())
    denied = means <= ACCEPTED
    return np.where(denied[labels], np.float32(0), probability)


def clean(probability: Plane, size: tuple[int, int], scale: float) -> Plane:
    """
    Return the segmentation of a light network without holes, notches and specks.

    The shape is the probability's, the outline lies at 0.5.

    Args:
        probability: Of a person, (h, w), 0-1.
        size: (height, width) of the picture.
        scale: Of lengths in it; 1 is for a short side of 1280.

    Source:
        Hysteresis: Canny (1986), section VI, for areas in place of edges.
    """
    likely = probability > THRESHOLD
    if not likely.any():
        return probability
    notch = max(round(NOTCH_PX * scale * probability.shape[0] / size[0]), 1)
    person = _holding(likely, probability > SURE_PERSON)
    person = _holding(likely, person | (_around(person, notch) & (probability > SURE_PART)))
    person |= _closed(person, notch) & (probability > PASSABLE)
    outside = probability < SURE_BACKGROUND
    outside[[0, -1]] = outside[:, [0, -1]] = True
    person = ~_holding(~person, outside)
    # Where both agree, the probability stays: its slope places the outline between pixels.
    return np.where(person == likely, probability, person)


def _holding(area: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return those 4-connected parts of `area` (h, w) in which one of `seeds` lies."""
    count, labels = _pieces(area)
    held = np.zeros(count, np.bool_)
    held[labels[seeds & area]] = True
    return held[labels]


def _pieces(area: NDArray[np.bool_]) -> tuple[int, NDArray[np.int32]]:
    """Return one more than `area` (h, w) has 4-connected parts, and the number of each, from 1 on."""
    count, labels = cv2.connectedComponents(area.view(np.uint8), connectivity=4)
    return count, np.asarray(labels, np.int32)


def _around(area: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return `area` (h, w), grown by a square of `radius`."""
    square = np.ones((2 * radius + 1,) * 2, np.uint8)
    return cv2.dilate(area.astype(np.uint8), square) > 0


def _closed(area: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return `area` (h, w) with notches narrower than twice `radius` filled."""
    side = 2 * radius + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # Nothing is filled outside of the rectangle that holds it all.
    left, top, width, height = cv2.boundingRect(area.view(np.uint8))
    within = slice(top, top + height), slice(left, left + width)
    padded = np.pad(area[within].view(np.uint8), radius)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk)
    filled = np.zeros_like(area)
    filled[within] = closed[radius:-radius, radius:-radius] > 0
    return filled
