"""How much steadier a matte is than another of the same clip, and the simple ways to steady one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from sghm_vs.evaluate.metrics import Flicker, Matte

KEPT = 0.5
"""Of the frames before, in the exponential average."""
ALIKE = 0.1
"""MODNet's xi: mattes nearer than this are alike."""


class Steadiness:
    """Sums up dtSSD and MAD frame by frame."""

    def __init__(self) -> None:
        self._flicker = Flicker()
        self._sum = 0.0
        self._frames = 0

    def add(self, alpha: Matte, truth: Matte) -> None:
        """Take the next frame: the matte and the truth, (h, w) each, 0-1."""
        self._flicker.add(alpha, truth)
        self._sum += float(np.abs(alpha - truth).mean())
        self._frames += 1

    def scores(self) -> dict[str, float]:
        """Return "dtssd", x1e2, and "mad", x1e3."""
        return {"dtssd": self._flicker.dtssd, "mad": 1e3 * self._sum / self._frames}


def exponential(alphas: Iterable[Matte]) -> Iterator[Matte]:
    """Yield the exponential average of `alphas`, without motion."""
    average: Matte | None = None
    for alpha in alphas:
        average = alpha if average is None else KEPT * average + (1 - KEPT) * alpha
        yield average


def one_frame_delay(alphas: Iterable[Matte]) -> Iterator[Matte]:
    """
    Yield `alphas` with values that pop out for one frame replaced by their neighbors' mean.

    Source:
        Ke et al., "MODNet: Real-Time Trimap-Free Portrait Matting", AAAI 2022, OFD.
    """
    before: Matte | None = None
    alpha: Matte | None = None
    for after in alphas:
        if alpha is not None:
            yield alpha if before is None else _without_pops(before, alpha, after)
        before, alpha = alpha, after
    if alpha is not None:
        yield alpha


def _without_pops(before: Matte, alpha: Matte, after: Matte) -> Matte:
    agree = np.abs(before - after) <= ALIKE
    pops = agree & (np.abs(alpha - before) > ALIKE) & (np.abs(alpha - after) > ALIKE)
    return np.asarray(np.where(pops, (before + after) / 2, alpha))
