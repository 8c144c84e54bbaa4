"""From the probability of a person to the mask that guides matting: judge, clean, then threshold."""

from __future__ import annotations

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
    _, mask = cv2.threshold(enlarge(cleaned, size), THRESHOLD, 1, cv2.THRESH_BINARY)
    return np.asarray(mask, np.float32)


def judged(probability: Plane, judgement: Plane) -> Plane:
    """
    Return `probability` with 0 where it shows what `judgement` says is nobody.

    Outlines are those of the first, what is somebody is up to the second: of two trainings one draws
    finer lines, and the other knows more things.

    Args:
        probability: Of a person, (h, w), 0-1, the outline at 0.5.
        judgement: The judge's, likewise.
    """
    likely = probability > THRESHOLD
    count, found = cv2.connectedComponents(likely.astype(np.uint8), connectivity=4)
    labels = np.asarray(found, np.intp)
    flat = labels.ravel()
    areas = np.bincount(flat, minlength=count)
    accepted = np.bincount(flat, judgement.ravel(), count) > ACCEPTED * areas
    return np.where(likely & ~accepted[labels], np.float32(0), probability)


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
    _, labels = cv2.connectedComponents(area.astype(np.uint8), connectivity=4)
    return np.isin(labels, np.unique(labels[seeds & area])) & area


def _around(area: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return `area` (h, w), grown by a square of `radius`."""
    square = np.ones((2 * radius + 1,) * 2, np.uint8)
    return cv2.dilate(area.astype(np.uint8), square) > 0


def _closed(area: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return `area` (h, w) with notches narrower than twice `radius` filled."""
    side = 2 * radius + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    padded = np.pad(area.astype(np.uint8), radius)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk)
    return closed[radius:-radius, radius:-radius] > 0
