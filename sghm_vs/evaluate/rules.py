"""
How papers score a matte: which errors, over which pixels, on which scale.

A set's figures compare with the published ones only by the rules of its paper's own code: where two
papers write Grad, they mean sums on other scales.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.errors import SettingsError
from sghm_vs.evaluate.metrics import (
    CONNECTIVITY_STEPS,
    Matte,
    connected_level,
    connectivity_error,
    disconnection,
    gradient_error,
)

type Trimap = NDArray[np.uint8]
"""What is known of a picture, (h, w): 0 background, 255 subject, else unknown."""

UNKNOWN = 128
"""The code of a trimap's unknown area in P3M-10k and AIM-500."""
P3M_SIGMA_PX = 1.4
"""Of the Gaussian whose derivative P3M's Grad takes."""
P3M_RADIUS_PX = 6
"""Where SciPy cuts that Gaussian: at 4 sigma, rounded."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A matte beside its truth: (h, w) each, 0-1."""

    alpha: Matte
    truth: Matte
    trimap: Trimap | None = None
    """Of the same size; None where the set has none."""
    last_error: Matte | None = None
    """The matte less its truth in the scored frame before; None of the first."""

    @property
    def error(self) -> Matte:
        """The matte less its truth."""
        return self.alpha - self.truth


type Measure = Callable[[Scored], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a paper's code measures of each frame; what it reports is the mean, see `mean_of`."""

    paper: str
    """Whose rules they are, with the file that has them."""
    units: str
    measures: Mapping[str, Measure]
    """By the names of the table's columns."""
    is_8_bit: bool = True
    """Whether mattes are rounded to steps of 1/255 first, as the paper's code reads 8-bit files."""
    needs_trimap: bool = False

    def score(self, scored: Scored) -> dict[str, float]:
        """
        Return what is measured of one frame.

        Raises:
            SettingsError: The matte, its truth or its trimap differ in size.
        """
        shapes = [part.shape for part in (scored.truth, scored.trimap) if part is not None]
        if any(shape != scored.alpha.shape for shape in shapes):
            sizes = " and ".join(f"{width}x{height}" for height, width in shapes)
            height, width = scored.alpha.shape
            msg = f"the matte is {width}x{height}, what the set says of it {sizes}; one size is needed"
            raise SettingsError(msg)
        return {name: measure(scored) for name, measure in self.measures.items()}


def rounded(alpha: Matte) -> Matte:
    """Return `alpha` in steps of 1/255, each the nearest float32, as the papers' codes have them."""
    codes = np.round(np.clip(alpha, 0, 1) * 255).astype(np.float32)
    return (codes / np.float32(255)).astype(np.float64)


def mean_of(items: list[Mapping[str, list[float]]]) -> dict[str, float]:
    """
    Return the mean of what was measured of `items`, each a picture or the frames of a clip.

    It is the mean over frame numbers of the mean over the clips that have this frame, which is
    the mean over all frames where clips are of one length.

    Source:
        The tables that `evaluate_lr.py` of Lin et al., WACV 2022, writes. Of pictures it is the plain
        mean, as in all of the papers' codes.
    """
    return {name: _mean_by_frame([item[name] for item in items]) for name in items[0]}


def _mean_by_frame(clips: list[list[float]]) -> float:
    longest = max(map(len, clips))
    columns = ([clip[n] for clip in clips if n < len(clip)] for n in range(longest))
    return float(np.mean([np.mean(column) for column in columns]))


# Measures.


def absolute(scored: Scored) -> float:
    """Return the mean absolute error."""
    return float(np.abs(scored.error).mean())


def squared(scored: Scored) -> float:
    """Return the mean squared error."""
    return float(np.square(scored.error).mean())


def absolute_sum(scored: Scored) -> float:
    """Return the sum of absolute errors, /1000."""
    return float(np.abs(scored.error).sum() / 1e3)


def change(scored: Scored) -> float:
    """Return dtSSD of a frame, x1e2: the root mean square of the error's change; 0 of the first."""
    if scored.last_error is None:
        return 0.0
    return float(1e2 * np.sqrt(np.square(scored.error - scored.last_error).mean()))


def _times(factor: float, measure: Measure) -> Measure:
    return lambda scored: factor * measure(scored)


def _gradients(*, stretch: bool) -> Measure:
    return lambda scored: gradient_error(scored.alpha, scored.truth, stretch=stretch)


def _connectivity(scored: Scored) -> float:
    return connectivity_error(scored.alpha, scored.truth)


def _trimap(scored: Scored) -> Trimap:
    if scored.trimap is None:
        msg = "there is no trimap, which these rules need; give one"
        raise SettingsError(msg)
    return scored.trimap


def _error_of_unknown(scored: Scored) -> Matte:
    """Return the error where what the trimap knows is taken from it."""
    trimap = _trimap(scored)
    known = np.where(trimap == 255, 1.0, 0.0)
    return np.where((trimap == 255) | (trimap == 0), known, scored.alpha) - scored.truth


def _unknown_pixels(scored: Scored) -> int:
    trimap = _trimap(scored)
    marked = np.count_nonzero(trimap == UNKNOWN)
    return max(int(marked or np.count_nonzero((trimap != 0) & (trimap != 255))), 1)


def _unknown_sum(scored: Scored) -> float:
    return float(np.abs(_error_of_unknown(scored)).sum() / 1e3)


def _unknown_squared(scored: Scored) -> float:
    return float(np.square(_error_of_unknown(scored)).sum() / _unknown_pixels(scored))


def _unknown_absolute(scored: Scored) -> float:
    return float(np.abs(_error_of_unknown(scored)).sum() / _unknown_pixels(scored))


def _sum_where(code: int) -> Measure:
    return lambda scored: float(np.abs(scored.error)[_trimap(scored) == code].sum() / 1e3)


def _p3m_gradient(scored: Scored) -> float:
    difference = _gaussian_slope(scored.alpha) - _gaussian_slope(scored.truth)
    return float(np.square(difference).sum() / 10)


def _gaussian_slope(alpha: Matte) -> Matte:
    """Return the gradient's strength by derivatives of a Gaussian whose weights sum to 1."""
    at = np.arange(-P3M_RADIUS_PX, P3M_RADIUS_PX + 1, dtype=np.float64)
    smooth = np.exp(-np.square(at / P3M_SIGMA_PX) / 2)
    smooth /= smooth.sum()
    slope = -at / P3M_SIGMA_PX**2 * smooth
    across, down = (
        cv2.sepFilter2D(alpha, cv2.CV_64F, x, y, borderType=cv2.BORDER_REFLECT)
        for x, y in ((slope, smooth), (smooth, slope))
    )
    return np.asarray(np.hypot(across, down))


def _p3m_connectivity(scored: Scored) -> float:
    """Return Conn, /1000, where the main body at the highest level that both mattes reach is solid."""
    level = connected_level(scored.alpha, scored.truth)
    reached = float(np.minimum(scored.alpha, scored.truth).max())
    steps = [step * (1 / CONNECTIVITY_STEPS) for step in range(CONNECTIVITY_STEPS + 1)]
    level[level == max(step for step in steps if step <= reached)] = 1
    return disconnection(scored.alpha, scored.truth, level)


# Whose.

_IN_512 = {
    "mad": _times(1e3, absolute),
    "mse": _times(1e3, squared),
    "grad": _gradients(stretch=True),
    "conn": _connectivity,
    "dtssd": change,
}

RVM_512 = Rules(
    paper="Robust Video Matting (evaluate_lr.py), MatAnyone (eval_yt_lr.py)",
    units="mad, mse x1e3, grad, conn /1000, dtssd x1e2 with frame 0 counting 0; 8-bit mattes",
    measures=_IN_512,
)
"""
Of clips of 512 px.

Source:
    Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022:
    github.com/PeterL1n/RobustVideoMatting, evaluation/evaluate_lr.py. Taken over by Yang et al.,
    "MatAnyone", CVPR 2025: github.com/pq-yang/MatAnyone, evaluation/eval_yt_lr.py.
"""

RVM_HD = Rules(
    paper="Robust Video Matting (evaluate_hr.py), MatAnyone (eval_yt_hr.py)",
    units="mad, mse x1e3, grad /1000 of mattes that are not stretched, dtssd x1e2 with frame 0 "
    "counting 0; 8-bit mattes",
    measures={
        "mad": _times(1e3, absolute),
        "mse": _times(1e3, squared),
        "grad": _gradients(stretch=False),
        "dtssd": change,
    },
)
"""
Of larger clips: without Conn, and Grad takes mattes as they are.

Source:
    The same repositories: evaluation/evaluate_hr.py, evaluation/eval_yt_hr.py; of MatAnyone 2,
    github.com/pq-yang/MatAnyone2, evaluation/eval_crgnn.py.
"""

SGHM = Rules(
    paper="SGHM (utils/evaluate.py)",
    units="mad, mse x1e3, grad, conn /1000; mattes are not rounded",
    measures={name: _IN_512[name] for name in ("mad", "mse", "grad", "conn")},
    is_8_bit=False,
)
"""
Of pictures, at their own size.

Source:
    Chen et al., "Robust Human Matting via Semantic Guidance", ACCV 2022:
    github.com/cxgincsu/SemanticGuidedHumanMatting, test_image.py and utils/evaluate.py.
"""

P3M = Rules(
    paper="P3M-Net (core/metrics.py)",
    units="sad /1000, mse, mad as they are; _t in the trimap's unknown area, _fg, _bg in its "
    "subject and background; grad /10, conn /1000; 8-bit mattes",
    measures={
        "sad": absolute_sum,
        "mse": squared,
        "mad": absolute,
        "sad_t": _unknown_sum,
        "mse_t": _unknown_squared,
        "mad_t": _unknown_absolute,
        "sad_fg": _sum_where(255),
        "sad_bg": _sum_where(0),
        "grad": _p3m_gradient,
        "conn": _p3m_connectivity,
    },
    needs_trimap=True,
)
"""
Of pictures with a trimap.

Source:
    Ma et al., "Rethinking Portrait Matting with Privacy Preserving", IJCV 2023:
    github.com/ViTAE-Transformer/P3M-Net, core/eval.py and core/metrics.py; the same measures
    as in github.com/JizhiziLi/P3M and github.com/JizhiziLi/AIM, core/evaluate.py.
"""
