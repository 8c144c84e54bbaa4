"""Small clips of textured people before textured walls, whose alphas are known exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

core = vs.core
WIDTH, HEIGHT = 320, 176

type Picture = NDArray[np.float32]
"""(height, width, 3), display-coded RGB, 0-1."""
type Alpha = NDArray[np.float32]
"""(height, width), 0-1."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A soft disk with a texture of its own that moves by `step` px a frame."""

    at: tuple[float, float] = (100, 88)
    step: tuple[float, float] = (3, 0)
    radius: float = 38
    texture: int = 1


def scene(
    n: int,
    people: Sequence[Person] = (Person(),),
    *,
    wall: int = 0,
    wall_at: tuple[float, float] = (0, 0),
) -> tuple[Picture, Alpha]:
    """Return frame `n`: the wall `wall`, moved by `wall_at` px, and before it the people."""
    picture = texture(wall, wall_at)
    whole = np.zeros((HEIGHT, WIDTH), np.float32)
    for person in people:
        x, y = (at + n * step for at, step in zip(person.at, person.step, strict=True))
        alpha = disk(x, y, person.radius)
        color = texture(person.texture, (x, y))
        picture = picture + alpha[..., None] * (color - picture)
        whole = np.maximum(whole, alpha)
    return picture, whole


@cache
def _detail(seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    size = 2 * WIDTH, 2 * HEIGHT
    coarse, fine = (
        cv2.resize(rng.random((rows, 2 * rows, 3), np.float32), size, interpolation=cv2.INTER_CUBIC)
        for rows in (8, 60)
    )
    return np.clip(0.7 * coarse + 0.3 * fine, 0, 1).astype(np.float32)


def texture(seed: int, at: tuple[float, float] = (0, 0)) -> Picture:
    """Return a random picture of soft and fine detail, moved by `at` px; it repeats."""
    whole = _detail(seed)
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    moved = cv2.remap(
        whole,
        x - np.float32(at[0]),
        y - np.float32(at[1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(moved, np.float32)


def clips(
    length: int, draw: Callable[[int], tuple[Picture, Alpha]]
) -> tuple[vs.VideoNode, vs.VideoNode]:
    """Return the clip that `draw` draws, RGBS, and its alpha, GRAYS."""
    drawn = [draw(n) for n in range(length)]
    planes = [np.moveaxis(picture, 2, 0) for picture, _ in drawn]
    return _clip(vs.RGBS, planes), _clip(vs.GRAYS, [alpha[None] for _, alpha in drawn])


def grained(picture: Picture, n: int, sigma: float) -> Picture:
    """Return `picture` under grain of `sigma` codes of 255 that is frame `n`'s own."""
    noise = np.random.default_rng((7, n)).normal(0, sigma / 255, picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def _clip(format_id: int, frames: Sequence[NDArray[np.float32]]) -> vs.VideoNode:
    blank = core.std.BlankClip(
        format=format_id, width=WIDTH, height=HEIGHT, length=len(frames), keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane, values in zip(frame, frames[n], strict=True):
            np.copyto(np.asarray(plane), values)
        return frame

    return blank.std.ModifyFrame(blank, fill)


def disk(x: float, y: float, radius: float) -> Alpha:
    """Return a soft disk."""
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return np.clip(radius + 0.5 - np.hypot(across - x, down - y), 0, 1).astype(np.float32)
