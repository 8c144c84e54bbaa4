"""Measures of change over time that follow the motion."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.evaluate.metrics import Matte
from sghm_vs.matting.optical_flow import Luma, displacement, grid, sample

OCCLUDED_SHARE, OCCLUDED_PX = 0.01, 0.5
BOUNDARY_SHARE, BOUNDARY_PX = 0.01, 0.002
WAYS = (1, 0), (0, 1)


class MotionError:
    """
    Sums up MESSDdt frame by frame: how differently the squared error moves than the truth does.

    For each pair of frames it is the mean over pixels of
    |(a_t - g_t)^2 - (a_t+1 - g_t+1)^2|, the second taken where the motion of the truth leads,
    x1e3. The mean is over frames, the first one counting 0, as for dtSSD.

    Source:
        Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015. The
        benchmark gives the motion; here it is that of the true matte.
    """

    def __init__(self) -> None:
        self._last: tuple[Matte, Luma] | None = None
        self._sum = 0.0
        self._frames = 0

    def add(self, alpha: Matte, truth: Matte) -> None:
        """Take the next frame: the matte and the truth, (h, w) each."""
        error = np.square(alpha - truth)
        luma = np.rint(np.clip(truth, 0, 1) * 255).astype(np.uint8)
        if self._last is not None:
            error_before, luma_before = self._last
            moved = _followed(error.astype(np.float32), _displacement(luma_before, luma))
            self._sum += float(np.abs(error_before - moved).mean())
        self._last = error, luma
        self._frames += 1

    @property
    def messddt(self) -> float:
        """The mean so far, x1e3."""
        return 1e3 * self._sum / max(self._frames, 1)


class WarpError:
    """
    Sums up the warp error frame by frame: how a matte differs from the next one, brought back.

    For each pair it is the mean of (a_t - a_t+1)^2, x1e3, along the plate's motion and where
    nothing is hidden. It needs no truth, and rewards blur: look at another measure as well.

    Source:
        Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018.
    """

    def __init__(self) -> None:
        self._last: tuple[Matte, Luma] | None = None
        self._sum = 0.0
        self._pairs = 0

    def add(self, alpha: Matte, luma: Luma) -> None:
        """Take the next frame: the matte and the plate's luma, (h, w) each."""
        if self._last is not None:
            before, luma_before = self._last
            there, back = _displacement(luma_before, luma), _displacement(luma, luma_before)
            is_visible = ~_hidden(there, back)
            moved = _followed(alpha.astype(np.float32), there)
            self._sum += (
                float(np.square(before - moved)[is_visible].mean()) if is_visible.any() else 0.0
            )
            self._pairs += 1
        self._last = alpha, luma

    @property
    def warp(self) -> float:
        """The mean so far, x1e3."""
        return 1e3 * self._sum / max(self._pairs, 1)


def _displacement(before: Luma, after: Luma) -> NDArray[np.float32]:
    """Return the motion that errors are measured along: not the one that mattes are made along."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return displacement(before, after, search)


def _followed(values: NDArray[np.float32], motion: NDArray[np.float32]) -> NDArray[np.float32]:
    column, row = grid(*values.shape)
    return sample(values, column + motion[0], row + motion[1])


def _hidden(there: NDArray[np.float32], back: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return what is hidden in the other frame, or lies at a boundary of motion."""
    returned = np.stack([_followed(part, there) for part in back])
    astray = np.square(there + returned).sum(0)
    length = np.square(there).sum(0)
    allowed = OCCLUDED_SHARE * (length + np.square(returned).sum(0)) + OCCLUDED_PX
    slopes = (cv2.Sobel(part, cv2.CV_32F, *way, ksize=1) / 2 for part in there for way in WAYS)
    steep = sum(np.square(slope) for slope in slopes)
    is_hidden = (astray > allowed) | (steep > BOUNDARY_SHARE * length + BOUNDARY_PX)
    return np.asarray(is_hidden, np.bool_)
