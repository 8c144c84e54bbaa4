"""Composites whose foreground is known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from tests.clips import core

type Array = NDArray[np.float32]


@dataclass(frozen=True)
class Mixture:
    """Linear light: what is in front and behind, (h, w, 3), and the alpha, (h, w), all 0-1."""

    front: Array
    behind: Array
    alpha: Array

    @property
    def picture(self) -> Array:
        """What a camera sees."""
        return over(self.front, self.alpha, self.behind)

    @property
    def is_soft(self) -> NDArray[np.bool_]:
        """Where colors are mixed."""
        return (self.alpha > 0.02) & (self.alpha < 0.98)

    def error(self, found: Array) -> float:
        """Return the mean absolute error of a foreground `found` where colors are mixed."""
        return float(np.abs(found - self.front)[self.is_soft].mean())


def over(front: Array, alpha: Array, behind: Array) -> Array:
    """Return `front` over `behind`, (h, w, 3)."""
    return alpha[..., None] * front + (1 - alpha[..., None]) * behind


def hairy(height: int = 270, width: int = 360, seed: int = 7) -> Mixture:
    """Return a head with strands of hair, of known color, in front of something bright."""
    rng = np.random.default_rng(seed)
    return Mixture(
        front=textured(rng, height, width, [0.02, 0.03, 0.10], [0.15, 0.2, 0.45]),
        behind=textured(rng, height, width, [0.5, 0.4, 0.1], [1.0, 0.9, 0.6]),
        alpha=strands(rng, height, width),
    )


def strands(rng: np.random.Generator, height: int, width: int, finer: int = 4) -> Array:
    """Return a blurred disc and lines that stand off it, as soft as pixels make them."""
    big = np.zeros((height * finer, width * finer), np.float32)
    center = np.array([big.shape[1] / 2, big.shape[0] / 2])
    radius = 0.3 * big.shape[0]
    cv2.circle(big, center.astype(int).tolist(), int(radius), 1.0, -1)
    big = cv2.GaussianBlur(big, (0, 0), 2.0 * finer)
    for angle in rng.uniform(0, 2 * np.pi, 120):
        bend = angle + rng.uniform(-0.3, 0.3)
        ends = [
            (center + radius * far * np.array([np.cos(at), np.sin(at)])).astype(int).tolist()
            for far, at in ((0.9, angle), (rng.uniform(1.1, 1.5), bend))
        ]
        cv2.line(big, *ends, 1.0, rng.integers(1, 2 * finer), cv2.LINE_8)
    soft = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)
    return np.where(soft > 1 - 1e-4, np.float32(1), np.maximum(soft, 0))


def textured(
    rng: np.random.Generator, height: int, width: int, dark: list[float], bright: list[float]
) -> Array:
    """Return a smooth random picture between two colors."""
    coarse = cv2.resize(
        rng.random((9, 12), np.float32), (width, height), None, 0, 0, cv2.INTER_CUBIC
    )
    part = np.clip(coarse, 0, 1)[..., None]
    return (np.float32(dark) * (1 - part) + np.float32(bright) * part).astype(np.float32)


def clip_of(picture: Array, length: int = 1) -> vs.VideoNode:
    """Return a clip of `picture`: RGBS, scene-linear, of (h, w, 3); GRAYS, full range, of (h, w)."""
    planes = picture[..., None] if picture.ndim == 2 else picture
    format_id = vs.GRAYS if planes.shape[2] == 1 else vs.RGBS
    height, width = picture.shape[:2]
    blank = core.std.BlankClip(format=format_id, width=width, height=height, length=length)

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        del n
        frame = f.copy()
        for index in range(planes.shape[2]):
            np.copyto(np.asarray(frame[index]), planes[..., index])
        return frame

    drawn = blank.std.ModifyFrame(blank, draw).std.SetFrameProps(_Range=int(vs.RANGE_FULL))
    return drawn if format_id == vs.GRAYS else drawn.std.SetFrameProps(_Transfer=8, _Primaries=1)


def picture_of(clip: vs.VideoNode, n: int = 0) -> Array:
    """Return frame `n` as (height, width, planes)."""
    with clip.get_frame(n) as frame:
        return np.stack([np.asarray(plane).copy() for plane in frame], axis=2)
