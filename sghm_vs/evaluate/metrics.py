"""
The measures that matting papers report, by their definitions.

Scales are those of the tables of Robust Video Matting and SGHM: MAD, MSE and band x1e3, Grad and
Conn /1000, dtSSD x1e2, IoU in percent. Lower is better, but for IoU.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.errors import SettingsError

type Matte = NDArray[np.floating[Any]]
"""Alpha of one frame: (h, w), 0 background, 1 subject."""

GRADIENT_SIGMA_PX = 1.4
"""Of the Gaussian whose derivative Grad takes (Rhemann et al. 2009)."""

GRADIENT_EPSILON = 1e-2
"""The Gaussian is cut where it falls below this: 4 px for 1.4."""

BAND_RADIUS_PX = 10
"""How far from the true edge, soft or hard, `band` looks."""

CONNECTIVITY_STEPS = 10
"""Thresholds of Conn between 0 and 1 (Rhemann et al. 2009)."""

CONNECTIVITY_TOLERANCE = 0.15
"""Excess over the connected level that Conn forgives (Rhemann et al. 2009)."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How far one matte is from the truth."""

    mad: float
    """Mean absolute difference, x1e3."""
    mse: float
    """Mean squared difference, x1e3."""
    sad: float
    """Sum of absolute differences, /1000."""
    grad: float
    """Sum of squared differences of gradient strength, /1000."""
    conn: float
    """Sum of absolute differences of connectedness, /1000."""
    iou: float
    """Overlap of the areas above one half, in percent; more is better."""
    band: float
    """Mean absolute difference within 10 px of the true edge, x1e3."""


def score_frame(alpha: Matte, truth: Matte) -> Scores:
    """
    Return the scores of one matte, over all its pixels.

    Args:
        alpha: The matte to judge, (h, w), 0-1.
        truth: The true matte, of the same size.

    Raises:
        SettingsError: The two differ in size, or aren't (h, w).

    Source:
        Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR
        2009, for SAD, MSE, Grad and Conn. Scales as in Lin et al., "Robust High-Resolution
        Video Matting with Temporal Guidance", WACV 2022.
    """
    alpha, truth = _checked(alpha, truth)
    distance = np.abs(alpha - truth)
    return Scores(
        mad=float(1e3 * distance.mean()),
        mse=float(1e3 * np.square(distance).mean()),
        sad=float(distance.sum() / 1e3),
        grad=gradient_error(alpha, truth),
        conn=connectivity_error(alpha, truth),
        iou=intersection_over_union(alpha, truth),
        band=band_error(alpha, truth),
    )


def gradient_error(alpha: Matte, truth: Matte, *, stretch: bool = True) -> float:
    """
    Return Grad, /1000: the summed squared difference of the mattes' gradient strengths.

    Gradients are by derivatives of a Gaussian of 1.4 px, with the border repeated.

    Args:
        alpha: The matte to judge, (h, w), 0-1.
        truth: The true matte, of the same size.
        stretch: Whether each is first stretched to 0-1.

    Source:
        Rhemann et al., CVPR 2009; stretching and kernel scale as in Lin et al., WACV 2022, which
        stretches frames of 512 px, and not those in HD.
    """
    pair = (_stretched(alpha), _stretched(truth)) if stretch else (alpha, truth)
    difference = np.subtract(*map(_gradient, pair))
    return float(np.square(difference).sum() / 1e3)


def connectivity_error(alpha: Matte, truth: Matte) -> float:
    """
    Return Conn, /1000: the summed difference of how connected pixels are to the main body.

    The main body at a level is the largest 4-connected area where both mattes (h, w) reach
    it. A pixel belongs to it up to some level; what its alpha exceeds that by, from 0.15 up,
    is disconnected.

    Source:
        Rhemann et al., CVPR 2009, with ten levels.
    """
    return disconnection(alpha, truth, connected_level(alpha, truth))


def disconnection(alpha: Matte, truth: Matte, level: Matte) -> float:
    """Return Conn, /1000, where pixels belong to the main body up to `level`, (h, w), 0-1."""
    difference = _disconnected(alpha - level) - _disconnected(truth - level)
    return float(np.abs(difference).sum() / 1e3)


def intersection_over_union(alpha: Matte, truth: Matte) -> float:
    """
    Return the overlap of the areas above one half, in percent; mattes are (h, w).

    Where both areas are empty it is 0, as in the published evaluation.

    Source:
        Chen et al., "Robust Human Matting via Semantic Guidance", ACCV 2022 (its code).
    """
    is_subject, is_truth = alpha > 0.5, truth > 0.5
    shared = np.count_nonzero(is_subject & is_truth)
    return float(100 * shared / (np.count_nonzero(is_subject | is_truth) + 1e-8))


def band_error(alpha: Matte, truth: Matte) -> float:
    """
    Return the mean absolute difference near the true edge, x1e3; mattes are (h, w).

    Near is what has both background and subject, or a soft value, within 10 px of it. It shows
    what the mean over a whole frame hides: how well edges are cut. 0 without an edge.
    """
    side = 2 * BAND_RADIUS_PX + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    covered = cv2.dilate((truth > 0).astype(np.uint8), around) > 0
    uncovered = cv2.dilate((truth < 1).astype(np.uint8), around) > 0
    band = covered & uncovered
    return float(1e3 * np.abs(alpha - truth)[band].mean()) if band.any() else 0.0


def dtssd(alphas: Iterable[Matte], truths: Iterable[Matte]) -> float:
    """
    Return dtSSD, x1e2: how differently the matte and the truth change over time.

    For each pair of frames that follow each other, it is the root of the mean over pixels of
    ((a_t - a_t-1) - (g_t - g_t-1))^2. The mean is over frames, the first one counting 0, as
    in the published tables: N frames have N-1 pairs, and their sum is divided by N.

    Args:
        alphas: Mattes (h, w), 0-1, in display order; taken one by one.
        truths: The true mattes, as many and of the same size.

    Raises:
        SettingsError: There are none, or the two differ in number or size.

    Source:
        Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015;
        scale and mean as in Lin et al., WACV 2022.
    """
    flicker = Flicker()
    for alpha, truth in zip_longest(alphas, truths):
        if alpha is None or truth is None:
            msg = "mattes and truths differ in number; give one truth for each matte"
            raise SettingsError(msg)
        flicker.add(alpha, truth)
    return flicker.dtssd


class Flicker:
    """Sums up dtSSD frame by frame, holding one frame."""

    def __init__(self) -> None:
        self._last: Matte | None = None
        self._sum = 0.0
        self._frames = 0

    def add(self, alpha: Matte, truth: Matte) -> None:
        """Take the next frame: the matte and the truth, (h, w) each."""
        alpha, truth = _checked(alpha, truth)
        # (a_t - a_t-1) - (g_t - g_t-1) is the change of a - g.
        error = alpha - truth
        if self._last is not None:
            _check_shapes(error, self._last)
            self._sum += float(np.sqrt(np.square(error - self._last).mean()))
        self._last = error
        self._frames += 1

    @property
    def dtssd(self) -> float:
        """The mean so far, x1e2."""
        if self._frames == 0:
            msg = "there is no frame to score; give at least one matte and its truth"
            raise SettingsError(msg)
        return 1e2 * self._sum / self._frames


def _checked(alpha: Matte, truth: Matte) -> tuple[Matte, Matte]:
    _check_shapes(alpha, truth)
    return alpha.astype(np.float64), truth.astype(np.float64)


def _check_shapes(alpha: Matte, truth: Matte) -> None:
    if alpha.shape != truth.shape or alpha.ndim != 2 or alpha.size == 0:
        msg = f"mattes have shapes {alpha.shape} and {truth.shape}; one (h, w) is needed"
        raise SettingsError(msg)


def _stretched(alpha: Matte) -> Matte:
    low, high = alpha.min(), alpha.max()
    return (alpha - low) / (high - low) if high > low else np.zeros_like(alpha)


def _gradient(alpha: Matte) -> Matte:
    """Return the gradient's strength; kernels have a Euclidean norm of 1."""
    radius = int(
        np.ceil(
            GRADIENT_SIGMA_PX
            * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * GRADIENT_SIGMA_PX * GRADIENT_EPSILON))
        )
    )
    at = np.arange(-radius, radius + 1, dtype=np.float64)
    smooth = np.exp(-np.square(at / GRADIENT_SIGMA_PX) / 2)
    slope = -at * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    across, down = (
        cv2.sepFilter2D(alpha, cv2.CV_64F, x, y, borderType=cv2.BORDER_REPLICATE)
        for x, y in ((slope, smooth), (smooth, slope))
    )
    return np.hypot(across, down)


def connected_level(alpha: Matte, truth: Matte) -> Matte:
    """Return, for each pixel, the highest level up to which it stays in the main body."""
    level = np.zeros_like(truth)
    is_connected = np.ones(truth.shape, bool)
    for step in range(1, CONNECTIVITY_STEPS + 1):
        threshold = step * (1 / CONNECTIVITY_STEPS)
        is_connected &= _main_body((alpha >= threshold) & (truth >= threshold))
        level[is_connected] = threshold
    return level


def _main_body(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest 4-connected part of `area`."""
    _, labels = cv2.connectedComponents(area.astype(np.uint8), connectivity=4)
    sizes = np.bincount(labels[area].astype(np.intp))
    if sizes.size == 0:
        return area
    return np.asarray((labels == sizes.argmax()) & area)


def _disconnected(excess: Matte) -> Matte:
    return np.where(excess >= CONNECTIVITY_TOLERANCE, excess, 0)
