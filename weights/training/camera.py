"""Deliver pictures as cameras do: light, blur, grain, compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

type Picture = NDArray[np.float32]
"""(height, width, 3) or (height, width), 0-1."""


def adjust_color(rng: np.random.Generator, image: Picture, strength: float) -> Picture:
    """Return `image` under other light: exposure, contrast, tint, saturation."""
    saturation = rng.uniform(1 - strength, 1 + strength)
    gain = np.exp(rng.normal(0, 0.35 * strength) + rng.normal(0, 0.14 * strength, 3))
    pivot = rng.uniform(0.3, 0.6)
    contrast = np.exp(rng.normal(0, 0.4 * strength))
    mixed = np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation
    change = np.column_stack([gain[:, None] * contrast * mixed, gain * pivot * (1 - contrast)])
    return np.clip(cv2.transform(image, change), 0, 1)


def develop(rng: np.random.Generator, image: Picture) -> Picture:
    """Return `image` as a camera would deliver it: exposure, blur, grain, compression."""
    image = adjust_color(rng, image, 0.4)
    if rng.random() < 0.10:
        image = cv2.transform(image, np.full((3, 3), 1 / 3))
    elif rng.random() < 0.08:
        image = _stage_light(rng, image)
    if rng.random() < 0.30:
        image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.45)))
    if rng.random() < 0.15:
        image = image * _light(rng, *image.shape[:2])
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.4))
    if rng.random() < 0.10:
        image = cv2.filter2D(image, -1, motion_kernel(rng, rng.integers(3, 10)))
    return degrade(rng, image)


def degrade(rng: np.random.Generator, image: Picture) -> Picture:
    """Return `image` with grain and compression, often with neither."""
    if rng.random() < 0.40:
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.003, 0.05))
        image = image + grain
    image = np.clip(image, 0, 1).astype(np.float32)
    if rng.random() < 0.35:
        image = _compress(image, int(rng.integers(25, 90)))
    return np.ascontiguousarray(image)


def move(plane: Picture, shift: tuple[int, int]) -> Picture:
    """Return `plane` moved by whole pixels, down and right; its border repeats."""
    down, right = shift
    matrix = np.array([[1.0, 0, right], [0, 1, down]])
    return cv2.warpAffine(
        plane,
        matrix,
        plane.shape[1::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _light(rng: np.random.Generator, height: int, width: int) -> Picture:
    slope = rng.uniform(-0.5, 0.5, 2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return (0.8 + slope[0] * x + slope[1] * y).clip(0.1, 1.4).astype(np.float32)[..., None]


def _stage_light(rng: np.random.Generator, image: Picture) -> Picture:
    """Return `image` lit by a lamp of one color, as on a stage."""
    lamp = rng.dirichlet(np.ones(3)) * rng.uniform(1.5, 3)
    own = rng.uniform(0.1, 0.6)
    change = own * np.diag(lamp) + (1 - own) * np.outer(lamp, np.full(3, 1 / 3))
    return np.clip(cv2.transform(image, change), 0, 1).astype(np.float32)


def motion_kernel(rng: np.random.Generator, length: int) -> Picture:
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    along = np.array([np.cos(angle), np.sin(angle)]) * half
    ends = np.int32(np.round([half - along, half + along]))
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
    return kernel / kernel.sum()


def _compress(image: Picture, quality: int) -> Picture:
    _, coded = cv2.imencode(
        ".jpg", np.round(image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.float32) / np.float32(255)
