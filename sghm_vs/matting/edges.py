"""
An alpha's edges, shaped: its ends, its specks and holes, its size, its softness.

Lengths are pixels of the picture at hand; who calls scales them. Everything is a pure function of
one alpha, float32 (height, width), 0-1.
"""

from __future__ import annotations

from functools import cache
from math import floor, pi

import cv2
import numpy as np
from numpy.typing import NDArray

type Alpha = NDArray[np.float32]
"""(height, width), 0-1."""

NEARLY_0 = 0.5 / 255
NEARLY_1 = 254.5 / 255
"""Where eight bits round to: a trimap of an alpha that went through a movie is not all unknown."""
DISC_MAX_PX = 16
"""Radius that is grown by in one step; the cost is in the square of it."""
ROUNDING = 1e-6
"""What a blur's weights may miss 1 by."""
SIGMAS_PER_FEATHER = 4
"""A hard edge, blurred, rises from 2.3 to 97.7 % within four standard deviations."""


def levels(alpha: Alpha, black: float, white: float, gamma: float) -> Alpha:
    """Return `alpha` stretched so that `black` is 0 and `white` 1, to the power of 1 / `gamma`."""
    stretched: Alpha = np.clip((alpha - np.float32(black)) / np.float32(white - black), 0, 1)
    return stretched if gamma == 1 else np.power(stretched, np.float32(1 / gamma))


def despeckle(alpha: Alpha, diameter_px: float) -> Alpha:
    """
    Return `alpha` without islands that cover less than a disc of `diameter_px`.

    An island is an area above 0 that touches no other, also not at a corner; what it covers is the
    sum of its alpha, so that neither a soft rim nor the resolution changes what counts as small.
    """
    count, found = cv2.connectedComponents((alpha > 0).astype(np.uint8), connectivity=8)
    labels = np.asarray(found, np.int32)
    covered = np.bincount(labels.ravel(), weights=alpha.ravel(), minlength=count)
    is_kept = covered >= pi / 4 * diameter_px**2
    return np.where(is_kept[labels], alpha, np.float32(0))


def fill(alpha: Alpha, diameter_px: float) -> Alpha:
    """Return `alpha` without holes that lack less than a disc of `diameter_px`; see `despeckle`."""
    return 1 - despeckle(1 - alpha, diameter_px)


def grow(alpha: Alpha, radius_px: float) -> Alpha:
    """
    Return `alpha` grown by `radius_px` on every side, or shrunk if that is negative.

    Between whole radii the two results are mixed, so a slider moves an edge without steps. The
    picture's border is no edge: what is cut off there goes on beyond it.

    Source:
        Gray-scale dilation by a disc; erosion is its dual. Serra, "Image Analysis and Mathematical
        Morphology", 1982.
    """
    if radius_px < 0:
        return 1 - grow(1 - alpha, -radius_px)
    whole = floor(radius_px)
    part = np.float32(radius_px - whole)
    inner = _dilated(alpha, whole)
    if part == 0:
        return inner
    return inner + part * (_dilated(alpha, whole + 1) - inner)


def feather(alpha: Alpha, width_px: float) -> Alpha:
    """Return `alpha` with its hard edges made `width_px` wide, by a Gaussian; solid stays solid."""
    sigma = width_px / SIGMAS_PER_FEATHER
    blurred = cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.where(blurred > 1 - ROUNDING, np.float32(1), blurred)


def core(alpha: Alpha, width_px: float) -> Alpha:
    """Return the inner matte: what is left of `alpha` when it shrinks by `width_px`."""
    return grow(alpha, -width_px)


def rim(alpha: Alpha, width_px: float) -> Alpha:
    """Return the edge matte, `width_px` to both sides of the edge: with the core it is `grow`."""
    return grow(alpha, width_px) - core(alpha, width_px)


def trimap(alpha: Alpha, width_px: float) -> Alpha:
    """Return 1 where a subject is for certain, 0 where none is, 0.5 within `width_px` of an edge."""
    is_inside = core(alpha, width_px) >= NEARLY_1
    is_outside = grow(alpha, width_px) <= NEARLY_0
    return np.select([is_inside, is_outside], [np.float32(1), np.float32(0)], np.float32(0.5))


def _dilated(alpha: Alpha, radius_px: int) -> Alpha:
    while radius_px > 0:
        step = min(radius_px, DISC_MAX_PX)
        alpha = np.asarray(cv2.dilate(alpha, _disc(step)), np.float32)
        radius_px -= step
    return alpha


@cache
def _disc(radius_px: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1]
    # A quarter more than the radius: the disc of 1 px is a plus, and larger ones are round.
    is_inside: NDArray[np.bool_] = x * x + y * y <= (radius_px + 0.25) ** 2
    return is_inside.astype(np.uint8)
