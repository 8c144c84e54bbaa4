"""
What work on a picture costs: CPU milliseconds of one 1080p frame, the best of five.

    python -m tests.bench_picture
    python -m tests.bench_picture foreground FOLDER    # its errors, by the alphas NAME_alpha.png
    python -m tests.bench_picture highlights FOLDER    # of alphas of NAME.jpg, the light times 1, 4, 16
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs import sghm
from sghm_vs.color import convert
from sghm_vs.filter.edges import shape_of
from sghm_vs.matting.foreground import estimate
from sghm_vs.options import Edges
from tests.clips import core
from tests.mixtures import Mixture, clip_of, picture_of

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
    plate = core.std.BlankClip(format=vs.YUV422P10, width=WIDTH, height=HEIGHT, length=8, keep=True)
    for name in (None, "pq", "acescg", "logc4", "adx10"):
        named = plate if name is None else convert.assume_colorspace(plate, name)
        seen = convert.to_viewed_rgb(convert.read_color(named))
        seen.get_frame(0)
        report(f"seen by the network, {name or 'display codes'}", cpu_ms(Frames(seen).next))
    picture = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), np.float32)
    soft = float(((alpha > 0) & (alpha < 1)).mean())
    report(f"foreground, {soft:.1%} soft", cpu_ms(lambda: estimate(picture, alpha)))
    report("foreground, all soft", cpu_ms(lambda: estimate(picture, alpha * 0.9 + 0.05)))


class Frames:
    """Frames of a clip, one after the other."""

    def __init__(self, clip: vs.VideoNode) -> None:
        self._clip = clip
        self._n = 0

    def next(self) -> None:
        """Compute the next frame."""
        self._n += 1
        self._clip.get_frame(self._n).close()


def highlight_errors(folder: Path) -> None:
    """Print the MAD of alphas where light beyond white is cut, and where it rolls off."""
    for gain in (1, 4, 16):
        errors = []
        for path in sorted(folder.glob("*_alpha.png")):
            light = gain * linear(cv2.imread(str(path).replace("_alpha.png", ".jpg")))[..., ::-1]
            truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) / 255
            plate = clip_of(light)
            cut = plate.std.Expr("x 1 min").resize.Bicubic(transfer=13)
            alphas = [picture_of(sghm(clip, -1))[..., 0] for clip in (cut, plate)]
            errors.append([np.abs(alpha - truth).mean() for alpha in alphas])
        cut, rolled = np.mean(errors, axis=0)
        sys.stdout.write(f"light x{gain:<2}  cut {cut:.4f}  rolled off {rolled:.4f}\n")


def foreground_errors(folder: Path) -> None:
    """Print errors where colors are mixed: of the plate, of our estimate, of PyMatting's."""
    from pymatting import estimate_foreground_ml

    paths = sorted(folder.glob("*_alpha.png"))
    pictures = [linear(cv2.imread(str(path).replace("_alpha.png", ".jpg"))) for path in paths]
    rows = []
    for at, path in enumerate(paths):
        alpha = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        front, behind = (
            cv2.resize(pictures[(at + by) % len(paths)], alpha.shape[::-1]) for by in (1, 2)
        )
        mixture = Mixture(front, np.ascontiguousarray(behind[::-1, ::-1]), alpha)
        ways = (lambda picture, _: picture), estimate, estimate_foreground_ml
        rows.append([mixture.error(way(mixture.picture, alpha)) for way in ways])
    for name, error in zip(("plate", "ours", "PyMatting"), np.mean(rows, axis=0), strict=True):
        sys.stdout.write(f"{name:10} {error:.4f}\n")


def linear(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the light of sRGB `codes`, 0-1."""
    coded = codes.astype(np.float32) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype("f4")


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
    measured = {"foreground": foreground_errors, "highlights": highlight_errors}
    measured[sys.argv[1]](Path(sys.argv[2])) if len(sys.argv) > 1 else main()
