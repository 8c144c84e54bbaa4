"""Faults of mattes, put into exact ones: what goes wrong, and in which frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.evaluate.metrics import Matte

LONGEST_RUN = 6
"""Frames that a fault of some frames lasts at most."""
CHUNK = 16
MOVES_PX = 2.0
"""Shifts and duplicates are put where the outline moves farther than this."""

type Alphas = Sequence[Matte]
type Rng = np.random.Generator
type Point = NDArray[Any]
"""(row, column)."""


@dataclass(frozen=True)
class Faulty:
    """A matte with a fault in it."""

    alphas: list[NDArray[np.float32]]
    frames: range
    """Those that are wrong; of resets, from one to the next."""
    each: int = 1
    """Of `frames`, so manieth ones show it."""


def lost_limb(alphas: Alphas, rng: Rng) -> Faulty:
    """Cut off what juts out: a hand, an arm, a head."""
    frames = _run(alphas, rng)
    shape = alphas[0].shape
    body = np.argwhere(alphas[frames[0]] > 0.5)
    inside = body[((body > 0.05 * shape[0]) & (body < 0.95 * np.array(shape))).all(1)]
    way = rng.uniform(0, 2 * np.pi)
    at = inside[np.argmax(inside @ [np.sin(way), np.cos(way)])]
    radius = rng.uniform(0.07, 0.12) * shape[0]
    middles = _carried(alphas, frames, at)
    return _with(alphas, frames, lambda n, a: a * (1 - _disk(shape, middles[n], radius)))


def popped_piece(alphas: Alphas, rng: Rng) -> Faulty:
    """Add a piece of the wall, apart from everybody."""
    frames = _run(alphas, rng)
    shape = alphas[0].shape
    radius = rng.uniform(0.025, 0.06) * shape[0]
    covered = np.max([alphas[n] for n in frames], axis=0) > 0.02
    at = _place(~covered, radius + 0.03 * shape[0], rng)
    blob = _blob(shape, at, radius, rng)
    return _with(alphas, frames, lambda _, a: np.maximum(a, blob))


def hole(alphas: Alphas, rng: Rng) -> Faulty:
    """Open a hole inside of somebody."""
    frames = _run(alphas, rng)
    shape = alphas[0].shape
    solid = alphas[frames[0]] > 0.98
    room = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 5).max()
    radius = min(rng.uniform(0.015, 0.04) * shape[0], 0.6 * room)
    middles = _carried(alphas, frames, _place(solid, 1.5 * radius, rng))
    blobs = {n: _blob(shape, middles[n], radius, np.random.default_rng(frames[0])) for n in frames}
    return _with(alphas, frames, lambda n, a: a * (1 - blobs[n]))


def shifted_frames(alphas: Alphas, rng: Rng) -> Faulty:
    """Take frames from beside: late or early by one, some or to the end."""
    start = _moving(alphas, rng)
    last = len(alphas) - 2
    length = last - start + 1 if rng.random() < 0.3 else rng.integers(1, LONGEST_RUN + 1)
    frames = range(start, min(start + length, last + 1))
    by = 1 if rng.random() < 0.5 else -1
    return _with(alphas, frames, lambda n, _: alphas[n + by])


def reset(alphas: Alphas, rng: Rng) -> Faulty:
    """Begin anew each 16 frames: a drift that snaps back, chunks that differ, or a soft first frame."""
    kind = rng.integers(3)
    drift, sigma = rng.uniform(0.1, 0.2), rng.uniform(1.5, 3)
    offsets = rng.uniform(0.8, 1.6, len(alphas) // CHUNK + 1) * (-1) ** np.arange(
        len(alphas) // CHUNK + 1
    )

    def make(n: int, alpha: Matte) -> Matte:
        chunk, at = divmod(n, CHUNK)
        if kind == 0:
            return _grown(alpha, drift * at)
        if kind == 1:
            return _grown(alpha, offsets[chunk])
        return _blurred(alpha, sigma) if at == 0 and n else alpha

    made = _with(alphas, range(len(alphas)), make)
    return Faulty(made.alphas, range(CHUNK, len(alphas)), each=CHUNK)


def eight_bits(alphas: Alphas, rng: Rng) -> Faulty:
    """Round to 8 bits, in a file that holds more."""
    start = 0 if rng.random() < 0.5 else int(rng.integers(0, len(alphas) // 2))
    return _with(alphas, range(start, len(alphas)), lambda _, a: np.round(a * 255) / 255)


def haze(alphas: Alphas, rng: Rng) -> Faulty:
    """Leave a veil over a part of the wall, or let the wall show through somebody."""
    frames, shape = _run(alphas, rng, longest=len(alphas)), alphas[0].shape
    cells = rng.random((5, 8)).astype(np.float32)
    cloud = cv2.resize(cells, shape[::-1], interpolation=cv2.INTER_CUBIC)
    cloud = np.clip((cloud - 0.35) / 0.4, 0, 1)
    strength = rng.uniform(0.05, 0.15)
    if rng.random() < 0.6:
        return _with(alphas, frames, lambda _, a: np.maximum(a, strength * cloud))
    return _with(alphas, frames, lambda _, a: a * (1 - strength * (0.4 + 0.6 * cloud)))


def blurred_edges(alphas: Alphas, rng: Rng) -> Faulty:
    """Soften all edges."""
    sigma = max(rng.uniform(0.003, 0.007) * alphas[0].shape[0], 1.2)
    return _with(alphas, _run(alphas, rng), lambda _, a: _blurred(a, sigma))


def duplicate(alphas: Alphas, rng: Rng) -> Faulty:
    """Show a frame again in place of the next."""
    n = _moving(alphas, rng)
    return _with(alphas, range(n, n + 1), lambda _, __: alphas[n - 1])


def specks(alphas: Alphas, rng: Rng) -> Faulty:
    """Sprinkle small islands over the wall."""
    frames, shape = _run(alphas, rng), alphas[0].shape
    number = int(rng.integers(8, 40))

    def make(_: int, alpha: Matte) -> Matte:
        made = alpha.copy()
        for _ in range(number):
            at = rng.uniform((0, 0), shape)
            made = np.maximum(made, _disk(shape, at, rng.uniform(0.0015, 0.004) * shape[0]))
        return made

    return _with(alphas, frames, make)


FAULTS: dict[str, tuple[Callable[[Alphas, Rng], Faulty], frozenset[str]]] = {
    "lost limb": (lost_limb, frozenset({"area", "motion", "piece"})),
    "popped piece": (popped_piece, frozenset({"piece"})),
    "hole": (hole, frozenset({"hole"})),
    "shifted frame": (shifted_frames, frozenset({"shift", "duplicate"})),
    "reset every 16": (reset, frozenset({"cadence", "edge", "motion"})),
    "8-bit alpha": (eight_bits, frozenset({"steps"})),
    "haze": (haze, frozenset({"haze"})),
    "blur of edges": (blurred_edges, frozenset({"edge"})),
    "duplicate": (duplicate, frozenset({"duplicate", "shift"})),
    "specks": (specks, frozenset({"specks"})),
}
"""By name: what makes it, and the reasons that name it rightly."""


def outline_step_px(before: Matte, after: Matte) -> float:
    """Return how far the outline moves from one frame to the next: the mean of its normal part."""
    length = np.abs(np.diff(before, axis=0)).sum() + np.abs(np.diff(before, axis=1)).sum()
    # Summed over both axes an outline counts 4 / pi of its length.
    return float(np.abs(after - before).sum() / max(length * np.pi / 4, 1e-6))


def _moving(alphas: Alphas, rng: Rng) -> int:
    """Return a frame whose outline moves far enough for its place in time to be seen."""
    steps = [outline_step_px(a, b) for a, b in pairwise(alphas)]
    # Frames from the second on, of which the step to them and from them is seen.
    both = [min(one, two) for one, two in pairwise(steps)]
    found = [n + 1 for n, step in enumerate(both) if step > MOVES_PX and n >= 1]
    return int(rng.choice(found)) if found else int(np.argmax(both)) + 1


def _run(alphas: Alphas, rng: Rng, longest: int = LONGEST_RUN) -> range:
    length = int(rng.integers(1, longest + 1))
    start = int(rng.integers(2, max(len(alphas) - length - 1, 3)))
    return range(start, min(start + length, len(alphas)))


def _with(alphas: Alphas, frames: range, make: Callable[[int, Matte], Matte]) -> Faulty:
    made = [make(n, a) if n in frames else a for n, a in enumerate(alphas)]
    return Faulty([np.asarray(a, np.float32) for a in made], frames)


def _carried(alphas: Alphas, frames: range, at: Point) -> dict[int, Point]:
    """Return where the point `at` of the first of `frames` is in each, as the matte moves."""
    middles = {n: np.argwhere(alphas[n] > 0.5).mean(0) for n in frames}
    return {n: at + middles[n] - middles[frames[0]] for n in frames}


def _place(free: NDArray[np.bool_], room: float, rng: Rng) -> Point:
    """Return a point, (row, column), with so much room around it in `free`, as far as there is."""
    padded = np.pad(free, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    points = np.argwhere(distance >= min(room, 0.99 * distance.max()))
    return np.asarray(points[rng.integers(len(points))])


def _blurred(alpha: Matte, sigma: float) -> Matte:
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma), np.float32)


def _disk(shape: tuple[int, ...], at: Point, radius: float) -> NDArray[np.float32]:
    row, column = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot(row - at[0], column - at[1])
    return np.asarray(np.clip(radius + 0.5 - distance, 0, 1), np.float32)


def _blob(shape: tuple[int, ...], at: Point, radius: float, rng: Rng) -> NDArray[np.float32]:
    """Return a lobed piece with a soft edge."""
    row, column = np.ogrid[: shape[0], : shape[1]]
    row, column = row - at[0], column - at[1]
    way = np.arctan2(row, column)
    lobes = 1 + 0.25 * np.sin(3 * way + rng.uniform(0, 6)) * rng.random()
    edge = np.hypot(row, column) / lobes
    return np.asarray(np.clip((radius - edge) / 2 + 0.5, 0, 1), np.float32)


def _grown(alpha: Matte, by_px: float) -> Matte:
    """Return `alpha` with its outline moved out by a part of a pixel or more, inward below 0."""
    signed = alpha if by_px >= 0 else 1 - alpha
    amount = abs(by_px)
    for _ in range(int(np.ceil(amount))):
        step = min(amount, 1.0)
        larger = np.asarray(cv2.dilate(signed, np.ones((3, 3), np.uint8)), np.float32)
        signed = signed + step * (larger - signed)
        amount -= step
    return signed if by_px >= 0 else 1 - signed
