"""
Draw glass, water and chrome: things that shine and are nobody.

A body of revolution with a random profile, or a drop, refracts what is behind it and mirrors a
picture around it, the more the flatter the view (Schlick's approximation of Fresnel reflection, 1994).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

type Picture = NDArray[np.float32]
type Profile = Callable[[NDArray[np.floating]], NDArray[np.floating]]
"""The half width of a body by the place along it, both in lengths of the body."""


def draw_glass(rng: np.random.Generator, behind: Picture, around: Picture) -> Picture:
    """Return `behind` (height, width, 3) with a shining thing that mirrors `around`, of that shape."""
    height, width = behind.shape[:2]
    length = height * np.exp(rng.uniform(np.log(0.2), np.log(1.1)))
    center = rng.uniform(0, 1, 2) * (width, height)
    picture = _with_body(rng, behind, around, center, length, _profile(rng))
    for _ in range(rng.integers(0, 5)):
        drop = length * rng.uniform(0.04, 0.2)
        beside = center + rng.normal(0, 0.5, 2) * length
        picture = _with_body(rng, picture, around, beside, drop, _ball)
    return picture


def _profile(rng: np.random.Generator) -> Profile:
    """Return the half width of a vase, a bowl or a bottle by the place along it, 0-1."""
    if rng.random() < 0.25:
        return _ball
    stops = np.linspace(0, 1, rng.integers(4, 8))
    widths = rng.uniform(0.1, 0.6) * np.exp(rng.normal(0, 0.6, stops.size))
    fine = np.linspace(0, 1, 65)
    smooth = cv2.GaussianBlur(np.float32(np.interp(fine, stops, widths))[None], (0, 0), 4)[0]
    return lambda along: np.interp(along, fine, smooth)


def _ball(along: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.sqrt(np.clip(along * (1 - along), 0, None))


def _with_body(
    rng: np.random.Generator,
    behind: Picture,
    around: Picture,
    center: NDArray[np.float64],
    length: float,
    profile: Profile,
) -> Picture:
    height, width = behind.shape[:2]
    angle = rng.normal(0, 0.25) if rng.random() < 0.8 else rng.uniform(-3, 3)
    cos, sin = np.cos(angle), np.sin(angle)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    right, down = (x - center[0]) / length, (y - center[1]) / length
    across, along = cos * right + sin * down, cos * down - sin * right + 0.5
    radius = np.maximum(profile(along), 1e-3)
    # A crown of water, or a plain rim.
    rim = rng.uniform(0, 0.12) * np.abs(np.cos(across / radius * rng.integers(3, 9)))
    edge = np.minimum(np.minimum(radius - np.abs(across), along - rim), 1 - along)
    cover = np.clip(edge * length + 0.5, 0, 1).astype(np.float32)

    tilt = np.clip(across / radius, -1, 1)
    slope = (profile(along + 0.02) - profile(along - 0.02)) / 0.04
    lift = np.clip(-slope, -1, 1) * np.sqrt(1 - tilt**2)
    opening = np.hypot(across / radius, (along - rim) / rng.uniform(0.05, 0.3)) < 1
    inward = np.where(opening, -1.0, 1.0)
    tilt, lift = tilt * inward, lift * inward
    flat = np.clip(np.hypot(tilt, lift), 0, 1)

    bend = rng.uniform(-0.7, 0.7) * length
    through = _look(behind, x + bend * tilt * flat, y + bend * lift * flat)
    mirrored = _look(around, (tilt + 1) * 0.5 * width, (lift + 1) * 0.5 * height)
    contrast = rng.uniform(1, 3)
    mirrored = np.clip((mirrored - 0.5) * contrast + 0.5, 0, 1)
    least = rng.uniform(0.02, 0.2) if rng.random() < 0.75 else rng.uniform(0.5, 1)
    share = (least + (1 - least) * flat ** rng.uniform(2, 5))[..., None]
    tint = rng.uniform(0.7, 1, 3) if rng.random() < 0.4 else 1.0
    color = (through * tint * (1 - share) + mirrored * share).astype(np.float32)
    over = cover[..., None]
    return color * over + behind * (1 - over)


def _look(picture: Picture, x: NDArray[np.floating], y: NDArray[np.floating]) -> Picture:
    return cv2.remap(
        picture, np.float32(x), np.float32(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
