"""Choose what of a photo a picture shows, and where in it a person goes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

type Picture = NDArray[np.float32]
"""(height, width, 3) or (height, width), 0-1."""

FRAMINGS = {"full": 0.19, "half": 0.23, "head": 0.18, "close": 0.12, "edge": 0.10, "far": 0.18}
"""How much of a person a picture shows, and how often; "far" is a small, whole one."""


def person_box(alpha: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what is more than half covered, exclusive."""
    rows = np.flatnonzero((alpha > 127).any(1))
    columns = np.flatnonzero((alpha > 127).any(0))
    if not rows.size:
        return 0, 0, alpha.shape[1], alpha.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _framing_rows(
    rng: np.random.Generator, top: float, person: float, framing: str | None = None
) -> tuple[float, float]:
    """Return first and last row of a view of a person `person` px tall whose head is at `top`."""
    framing = framing or rng.choice(list(FRAMINGS), p=list(FRAMINGS.values()))
    if framing == "full":
        margin = rng.uniform(0.02, 0.35) * person
        return top - margin * rng.uniform(0.3, 0.9), top + person + margin * rng.uniform(0.1, 0.6)
    if framing == "far":
        margin = rng.uniform(0.5, 3.5) * person
        return top - margin * rng.uniform(0.1, 0.9), top + person + margin * rng.uniform(0.1, 0.9)
    if framing == "half":
        return top - rng.uniform(0.02, 0.2) * person, top + rng.uniform(0.42, 0.65) * person
    if framing == "head":
        return top - rng.uniform(-0.02, 0.14) * person, top + rng.uniform(0.2, 0.42) * person
    if framing == "close":
        return top - rng.uniform(-0.02, 0.08) * person, top + rng.uniform(0.14, 0.24) * person
    start = rng.uniform(0.05, 0.5)
    return top + start * person, top + (start + rng.uniform(0.25, 0.6)) * person


def frame_inside(
    rng: np.random.Generator, size: tuple[int, int], box: tuple[int, int, int, int], aspect: float
) -> tuple[slice, slice]:
    """Return a view that fits into the photo; its shape is near `aspect` = height / width."""
    left, top, right, bottom = box
    first, last = _framing_rows(rng, top, bottom - top)
    first, last = max(first, 0), min(last, size[0])
    aspect = aspect * np.exp(rng.uniform(-0.12, 0.12))
    view_width = min((last - first) / aspect, size[1])
    view_height = min(max(last - first, view_width * aspect * 0.85), size[0])
    first = float(np.clip(first, 0, size[0] - view_height))
    center = (left + right) / 2 + rng.uniform(-0.35, 0.35) * view_width
    start = float(np.clip(center - view_width / 2, 0, size[1] - view_width))
    rows = slice(int(first), max(int(first + view_height), int(first) + 8))
    return rows, slice(int(start), max(int(start + view_width), int(start) + 8))


@dataclass(frozen=True)
class Placement:
    """Where a person goes: the affine map of its photo into the frame."""

    matrix: NDArray[np.float64]
    scale: float


def place(
    rng: np.random.Generator,
    box: tuple[int, int, int, int],
    height: int,
    width: int,
    framing: str | None,
) -> Placement:
    """Return where the person in `box` of its photo goes in a frame of this height and width."""
    left, top, right, bottom = box
    first, last = _framing_rows(rng, top, bottom - top, framing)
    scale = height / (last - first)
    if rng.random() < 0.12:
        scale *= rng.uniform(0.4, 0.8)
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    angle = np.deg2rad(rng.normal(0, 7) if rng.random() < 0.9 else rng.uniform(-60, 60))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([scale * stretch, scale])
    source = np.array([(left + right) / 2, (first + last) / 2])
    small = scale * (bottom - top) < 0.6 * height
    spread = 0.2 if rng.random() < 0.7 and not small else 0.48
    goal = np.array([width * (0.5 + rng.uniform(-spread, spread)), height * 0.5])
    offset = goal - linear @ source
    if rng.random() < 0.15:
        offset[1] += height * rng.uniform(-0.25, 0.4)
    return Placement(np.column_stack([linear, offset]), scale)


def _level(placement: Placement) -> int:
    """Return how often to halve the photo, so that the warp does not alias."""
    return int(np.clip(np.floor(np.log2(1 / max(placement.scale, 1e-3))), 0, 4))


def at_scale(planes: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """Return `planes` halved as often as the placement shrinks them by halves."""
    planes = np.ascontiguousarray(planes)
    factor = 2 ** _level(placement)
    if factor == 1:
        return planes
    size = -(-planes.shape[1] // factor), -(-planes.shape[0] // factor)
    return cv2.resize(planes, size, interpolation=cv2.INTER_AREA)


def matrix_at_scale(placement: Placement) -> NDArray[np.float64]:
    """Return the placement's map, of what `at_scale` returns."""
    matrix = placement.matrix.copy()
    matrix[:, :2] *= 2 ** _level(placement)
    return matrix


def resize(codes: NDArray[np.uint8], height: int, width: int) -> Picture:
    """Return `codes`, 0-255, of this height and width, 0-1."""
    shrinks = codes.shape[0] > height or codes.shape[1] > width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(codes), (width, height), interpolation=interpolation)
    return resized.astype(np.float32) / np.float32(255)


def random_crop(
    rng: np.random.Generator, picture: NDArray[np.uint8], aspect: float, smallest: float
) -> NDArray[np.uint8]:
    """Return a view of `picture`, at least so `smallest` a part of it high, of about this `aspect`."""
    height, width = picture.shape[:2]
    view_height = height * rng.uniform(smallest, 1)
    view_width = min(view_height / aspect * np.exp(rng.uniform(-0.2, 0.2)), width)
    top = int(rng.uniform(0, height - view_height))
    left = int(rng.uniform(0, width - view_width))
    return picture[top : top + max(int(view_height), 8), left : left + max(int(view_width), 8)]


def mirror(rng: np.random.Generator, image: Picture, alpha: Picture) -> tuple[Picture, Picture]:
    """Return both mirrored left to right, or neither."""
    if rng.random() < 0.5:
        image, alpha = image[:, ::-1], alpha[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(alpha)
