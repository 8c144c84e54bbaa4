"""
What shaping a picture costs: CPU milliseconds of one 1080p frame, the best of five.

    python -m tests.bench_picture
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sghm_vs.settings import Edges
from sghm_vs.shaping import shape_of

HEIGHT, WIDTH = 1080, 1920
SHAPED = (
    Edges(black=0.1, white=0.9, gamma=1.2),
    Edges(despeckle=20),
    Edges(fill=20),
    Edges(grow=-2.5),
    Edges(grow=12),
    Edges(feather=8),
    Edges(feather=60),
    Edges(shape="edge"),
    Edges(shape="trimap"),
)


def main() -> None:
    """Print a line for each thing that can be done."""
    alpha = soft_disc()
    for settings in SHAPED:
        said = " ".join(f"--{name} {value}" for name, value in settings.changed().items())
        report(f"edges {said}", cpu_ms(lambda settings=settings: shape_of(alpha, settings)))


def soft_disc() -> NDArray[np.float32]:
    """Return an alpha of 1080p with a disc whose rim is 20 px wide."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.clip((400 - np.hypot(x - WIDTH / 2, y - 640)) / 20 + 0.5, 0, 1).astype(np.float32)


def cpu_ms(work: Callable[[], object], times: int = 5) -> float:
    """Return the milliseconds of CPU, of all threads together, that `work` took at best."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return 1e3 * min(taken)


def report(what: str, milliseconds: float) -> None:
    """Print one line."""
    sys.stdout.write(f"{what:60} {milliseconds:6.0f} ms\n")


if __name__ == "__main__":
    main()
