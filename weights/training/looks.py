"""Give people other clothes, hair, badges, bearings and blurred faces."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from weights.training.camera import motion_kernel
from weights.training.creatures import COATS
from weights.training.scenery import smooth_noise

type Picture = NDArray[np.float32]
"""(height, width, 3) or (height, width), 0-1."""


def plain_clothes(rng: np.random.Generator, color: Picture, coverage: Picture) -> Picture:
    """Return `color` with the body below the chin nearly one tone: hoodies, suits, uniforms."""
    rows = np.flatnonzero((coverage > 0.5).any(1))
    if rows.size < 12:
        return color
    sigma = rng.uniform(0.06, 0.25) * rows.size
    weight = _blur_widely(coverage, sigma) + 1e-3
    smooth = _blur_widely(color * coverage[..., None], sigma) / weight[..., None]
    tone = rng.random(3, np.float32) * rng.uniform(0.2, 1)
    smooth = smooth + (tone - smooth) * rng.uniform(0, 1) * (rng.random() < 0.6)
    texture = rng.uniform(0, 0.4)
    plain = smooth + (color - np.float32(cv2.mean(color)[:3])) * texture * 0.5
    chin = rows[0] + rng.uniform(0.12, 0.45) * rows.size
    reach = max(0.03 * rows.size, 1)
    below = 1 / (1 + np.exp(-(np.arange(color.shape[0]) - chin) / reach))
    blend = (below * rng.uniform(0.6, 1)).astype(np.float32)[:, None, None]
    blend = blend * np.minimum(coverage[..., None] * 2, 1)
    return np.clip(color + (plain - color) * blend, 0, 1).astype(np.float32)


def furred(rng: np.random.Generator, color: Picture, coverage: Picture) -> tuple[Picture, Picture]:
    """Return a person with a large head of curls or strands, or in a coat of fur."""
    rows = np.flatnonzero((coverage > 0.5).any(1))
    if rows.size < 12:
        return color, coverage
    fur = _fur(rng, *coverage.shape)
    if rng.random() < 0.35:
        chin = rows[0] + rng.uniform(0.12, 0.4) * rows.size
        below = (np.arange(coverage.shape[0])[:, None] > chin) * coverage
        return color + (fur - color) * below[..., None], coverage
    # Of a whole person the head ends at these rows, of a close-up the forehead begins.
    widths = (coverage[rows[0] + (rows.size * np.array([3, 8])) // 100] > 0.5).sum(1)
    radius = float(max(0.6 * widths.max(), 3))
    y = rows[0] + rng.uniform(0.6, 1.1) * radius
    columns = np.flatnonzero(coverage[min(int(y), coverage.shape[0] - 1)] > 0.5)
    if not columns.size:
        return color, coverage
    center = np.array([columns.mean(), y])
    hair = _tufted(rng, center, radius * rng.uniform(0.9, 1.8, 2), coverage.shape)
    chin = center + np.array([0, radius * 0.35])
    face = _ellipse(chin, radius * rng.uniform(0.5, 0.8, 2), coverage.shape)
    over = (hair * (1 - face * coverage))[..., None]
    return color + (fur - color) * over, np.maximum(coverage, hair)


def _fur(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return curls or strands of one tone of hair."""
    noise = rng.standard_normal((height, width), np.float32)
    curl = rng.uniform(0.7, max(height / 60, 0.8))
    if rng.random() < 0.6:
        texture = cv2.GaussianBlur(noise, (0, 0), curl) - cv2.GaussianBlur(noise, (0, 0), 2 * curl)
    else:
        texture = cv2.filter2D(noise, -1, motion_kernel(rng, rng.integers(4, 16)))
    texture /= max(float(texture.std()), 1e-6)
    tone = np.float32(COATS[rng.integers(len(COATS))]) * np.exp(rng.normal(0, 0.4))
    shade = 0.6 + 0.8 * smooth_noise(rng, height, width)[..., :1]
    lit = shade * (1 + rng.uniform(0.1, 0.5) * texture[..., None])
    return np.clip(tone * lit, 0, 1).astype(np.float32)


def _ellipse(
    center: NDArray[np.float64], radii: NDArray[np.float64], size: tuple[int, ...]
) -> Picture:
    """Return the coverage, of `size`, of an ellipse whose edge is as soft as a fifth of it."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    reach = np.hypot((x - center[0]) / radii[0], (y - center[1]) / radii[1])
    return np.clip((1 - reach) * 5, 0, 1).astype(np.float32)


def _tufted(
    rng: np.random.Generator,
    center: NDArray[np.float64],
    radii: NDArray[np.float64],
    size: tuple[int, ...],
) -> Picture:
    """Return the coverage, of `size`, of a head of hair with an uneven edge."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    reach = np.hypot((x - center[0]) / radii[0], (y - center[1]) / radii[1])
    uneven = smooth_noise(rng, size[0], size[1])[..., 0] - 0.5
    grain = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), 1.2)
    edge = 1 + 0.5 * uneven + rng.uniform(0, 0.25) * grain
    softness = max(float(radii.min()) * 0.12, 1)
    return np.clip((edge - reach) * radii.min() / softness + 0.5, 0, 1).astype(np.float32)


def _blur_widely(image: Picture, sigma: float) -> Picture:
    """Return `image` under a Gaussian of `sigma` px, computed on a small copy."""
    factor = max(int(sigma / 3), 1)
    size = max(image.shape[1] // factor, 1), max(image.shape[0] // factor, 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return cv2.resize(blurred, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def wear(rng: np.random.Generator, color: Picture, coverage: Picture, behind: Picture) -> Picture:
    """Return `color` with badges, prints and cards on the body, some as pale as the wall behind."""
    rows, columns = np.nonzero(coverage > 0.9)
    if rows.size < 50:
        return color
    worn = color.copy()
    extent = np.ptp(rows) + 1
    for _ in range(rng.integers(1, 4)):
        pick = rng.integers(rows.size)
        center = float(columns[pick]), float(rows[pick])
        size = float(rng.uniform(0.02, 0.14) * extent), float(rng.uniform(0.02, 0.14) * extent)
        corners = cv2.boxPoints((center, size, float(rng.normal(0, 15)))).astype(np.int32)
        tone = np.float32(cv2.mean(behind)[:3]) if rng.random() < 0.4 else rng.random(3)
        if rng.random() < 0.4:
            tone = np.full(3, rng.uniform(0.75, 1))
        cv2.fillConvexPoly(worn, corners, [float(value) for value in tone], cv2.LINE_AA)
        if rng.random() < 0.5:
            line = [float(value) for value in rng.random(3)]
            cv2.line(worn, corners[0].tolist(), corners[2].tolist(), line, 1, cv2.LINE_AA)
    inside = coverage[..., None] > 0.9
    return np.where(inside, worn, color).astype(np.float32)


def bent(rng: np.random.Generator, person: Picture) -> Picture:
    """
    Return `person` (height, width, 4) bent at a joint, what lies below it turned and shortened.

    The turn grows smoothly over the joint, so the body bends and does not break.
    """
    rows = np.flatnonzero((person[..., 3] > 0.5).any(1))
    if rows.size < 12:
        return person
    height, width = person.shape[:2]
    joint = rows[0] + rng.uniform(0.25, 0.75) * rows.size
    center = float(np.flatnonzero(person[min(int(joint), height - 1), :, 3] > 0.5).mean())
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    soft = max(rng.uniform(0.04, 0.2) * rows.size, 1)
    below = 1 / (1 + np.exp(-np.clip((y - joint) / soft, -30, 30)))
    angle = np.deg2rad(rng.normal(0, 45)) * below
    shorter = 1 + (np.exp(rng.uniform(-0.2, 0.9)) - 1) * below
    down, right = (y - joint) * shorter, x - center
    from_x = center + np.cos(angle) * right + np.sin(angle) * down
    from_y = joint - np.sin(angle) * right + np.cos(angle) * down
    return cv2.remap(person, np.float32(from_x), np.float32(from_y), cv2.INTER_LINEAR)


def in_motion(
    rng: np.random.Generator, color: Picture, coverage: Picture
) -> tuple[Picture, Picture]:
    """Return colors and coverage of a person who moves while the shutter is open."""
    kernel = motion_kernel(rng, rng.integers(3, max(coverage.shape[0] // 14, 4)))
    blurred = cv2.filter2D(coverage, -1, kernel)
    colors = cv2.filter2D(color * coverage[..., None], -1, kernel)
    return colors / np.maximum(blurred, 1e-3)[..., None], blurred


def blur_head(rng: np.random.Generator, color: Picture, coverage: Picture) -> Picture:
    """Return `color` with a blob of the head blurred, as publishers do for privacy."""
    rows = np.flatnonzero((coverage > 0.5).any(1))
    if rows.size < 16:
        return color
    # Of a whole person the head is a tenth, of a close-up nearly all.
    share = rng.choice([0.1, 0.25, 0.5])
    y = min(int(rows[0] + rng.uniform(0.4, 1.0) * share * rows.size), coverage.shape[0] - 1)
    columns = np.flatnonzero(coverage[y] > 0.5)
    if not columns.size:
        return color
    radius = max(int(rng.uniform(0.3, 0.7) * share * rows.size), 2)
    blob = np.zeros_like(coverage)
    cv2.circle(blob, (int(columns.mean()), y + radius // 2), radius, 1.0, -1, cv2.LINE_AA)
    blurred = cv2.GaussianBlur(color, (0, 0), radius * rng.uniform(0.3, 1))
    return color + (blurred - color) * blob[..., None]


def blur_face(
    rng: np.random.Generator, person: NDArray[np.uint8], joints: Picture
) -> NDArray[np.uint8]:
    """Return `person` (height, width, 4) with nothing but a tone left of the face."""
    seen = joints[:5][joints[:5, 2] > 0.3]
    if len(seen) < 3:
        return person
    center = seen[:, :2].mean(0)
    radius = float(max(np.ptp(seen[:, :2], 0).max() * rng.uniform(0.6, 1), 2))
    face = np.zeros(person.shape[:2], np.float32)
    axes = (round(radius * rng.uniform(0.7, 1.1)), round(radius * rng.uniform(1, 1.5)))
    middle = np.int32(center + np.array([0, 0.2 * radius])).tolist()
    cv2.ellipse(face, middle, axes, float(rng.normal(0, 15)), 0, 360, 1.0, -1, cv2.LINE_AA)
    blurred = cv2.GaussianBlur(person[..., :3], (0, 0), radius * rng.uniform(0.3, 1))
    color = person[..., :3] + (blurred - np.float32(person[..., :3])) * face[..., None]
    return np.dstack([np.uint8(np.round(color)), person[..., 3]])


def toward(color: Picture, coverage: Picture, behind: Picture, amount: float) -> Picture:
    """Return `color` moved toward the background's mean: subject and background alike."""
    weight = coverage[..., None]
    own = (color * weight).sum((0, 1)) / max(float(weight.sum()), 1)
    return np.clip(color + (np.float32(cv2.mean(behind)[:3]) - own) * amount, 0, 1).astype(
        np.float32
    )
