"""From Cycles' linear, premultiplied color to a picture: straight, exposed, sRGB."""

from __future__ import annotations

import cv2
import numpy as np

from weights.training.rendered.geometry import Floats

LUMINANCE = np.float32([0.21, 0.72, 0.07])
KNEE = 0.45
"""Brighter than this is rolled off."""
EXPOSURE = {"low": 0.07, "back": 0.11}
"""The median luminance aimed at, by light; .17 for any other."""
ONE_STEP = 1.01 / 255


def cleaned(alpha: Floats) -> Floats:
    """Return alpha (h, w) with what is within a step of 8 bits of 0 or 1 made so."""
    alpha = np.clip(alpha, 0, 1)
    return np.where(alpha > 1 - ONE_STEP, 1, np.where(alpha < ONE_STEP, 0, alpha))


def straight(color: Floats, alpha: Floats) -> Floats:
    """Return straight color (h, w, 3); under thin coverage and beyond, that of what is around."""
    weight = alpha[..., None] ** 2
    known = color / np.maximum(alpha, 0.08)[..., None]
    total = known * weight
    around = np.zeros_like(known)
    left = np.ones_like(weight)
    for size in (3, 9, 27, 81):
        blurred = cv2.GaussianBlur(total, (0, 0), size / 2)
        share = cv2.GaussianBlur(weight[..., 0], (0, 0), size / 2)[..., None]
        used = np.clip(share / 0.02, 0, 1) * left
        around += used * blurred / np.maximum(share, 1e-6)
        left -= used
    around += left * (total.sum((0, 1)) / max(float(weight.sum()), 1e-3))
    trust = np.clip((alpha[..., None] - 0.1) / 0.3, 0, 1)
    return (known * trust + around * (1 - trust)).astype(np.float32)


def draw_white_balance(rng: np.random.Generator, surroundings: Floats) -> Floats:
    """Return gains (3) that take most of the cast of surroundings (their mean color) away."""
    neutral = surroundings.mean() / np.maximum(surroundings, 1e-4)
    return neutral**0.75 * np.exp(rng.normal(0, 0.06, 3))


def draw_gain(rng: np.random.Generator, color: Floats, alpha: Floats, light: str) -> float:
    """Draw an exposure for the covered parts of a picture (h, w, 3)."""
    covered = alpha > 0.9
    bright = (color @ LUMINANCE)[covered] if covered.sum() > 50 else np.float32([0.2])
    target = EXPOSURE.get(light, 0.17)
    wanted = np.exp(rng.normal(np.log(target), 0.4)) / max(float(np.median(bright)), 1e-3)
    most = (2.5 if light == "back" else 1.1) / max(float(np.quantile(bright, 0.96)), 1e-3)
    return float(min(wanted, most) * rng.uniform(0.85, 1.05))


def to_srgb(linear: Floats) -> Floats:
    """Return sRGB in 0 to 1, highlights rolled off."""
    above = np.maximum(linear - KNEE, 0)
    rolled = KNEE + (1 - KNEE) * (1 - np.exp(-above / (1 - KNEE)))
    linear = np.where(linear > KNEE, rolled, linear).clip(0)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.clip(coded, 0, 1)


def sixteen_bit(color: Floats, alpha: Floats) -> np.ndarray:
    """Return straight RGB in 0 to 1 and alpha as uint16 (h, w, 4), blue first as OpenCV has it."""
    picture = np.dstack([color[..., ::-1], alpha])
    return np.round(picture * 65535).astype(np.uint16)
