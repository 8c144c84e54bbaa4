"""Draw what has a soft edge: hair strand by strand, leaves, lace, things out of focus or moving."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

OVERSAMPLING = 4
"""Shapes are drawn that much larger and averaged: alpha is coverage."""

type Bytes = NDArray[np.uint8]
type Draw = Callable[[np.random.Generator, Bytes], None]


def draw_shape(rng: np.random.Generator, height: int, width: int) -> tuple[Bytes, Bytes]:
    """Return color (height, width, 3) and alpha (height, width) of something with a soft edge."""
    large = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)
    draw: Draw = rng.choice([_hair, _hair, _hair, _leaves, _lace, _blob])  # type: ignore[assignment,arg-type]
    draw(rng, large)
    alpha = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    lot = rng.random()
    if lot < 0.15:
        alpha = cv2.GaussianBlur(alpha, (0, 0), float(np.exp(rng.uniform(np.log(0.5), np.log(12)))))
    elif lot < 0.25:
        alpha = cv2.filter2D(alpha, -1, motion_kernel(rng, int(rng.integers(5, 40))))
    return _texture(rng, height, width), np.asarray(alpha, np.uint8)


def motion_kernel(rng: np.random.Generator, length: int) -> NDArray[np.float32]:
    """Return the blur of a straight movement by `length` px, (length, length), its sum 1."""
    kernel = np.zeros((length, length), np.float32)
    angle, half = rng.uniform(0, np.pi), (length - 1) / 2
    along = np.array([np.cos(angle), np.sin(angle)]) * half
    ends = np.int32(np.round([half - along, half + along]))
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _outline(
    rng: np.random.Generator, size: tuple[int, int], points: int = 48
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the points of a wobbly closed line, the directions to them, and its mean radius."""
    radius = rng.uniform(0.12, 0.42) * min(size)
    center = np.array([rng.uniform(0.1, 0.9) * size[1], rng.uniform(0.2, 1.1) * size[0]])
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    waves = sum(
        rng.normal(0, 0.13 / (k + 1)) * np.cos(k * angles + rng.uniform(0, 6)) for k in range(1, 6)
    )
    around = np.stack([np.cos(angles), np.sin(angles)], 1)
    return center + around * (radius * (1 + waves))[:, None], angles, radius


def _hair(rng: np.random.Generator, plane: Bytes) -> None:
    """A head and strands that leave it: straight, curly or blown to one side."""
    line, angles, radius = _outline(rng, plane.shape[:2])
    cv2.fillPoly(plane, [line.astype(np.int32)], 255)
    count = int(np.exp(rng.uniform(np.log(30), np.log(900))))
    curl, length = rng.uniform(0, 1), rng.uniform(0.1, 0.9) * radius
    base, spread, flow = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 3.1), rng.uniform(0, 2 * np.pi)
    center = line.mean(0)
    for _ in range(count):
        way = base + rng.uniform(-spread, spread)
        root = line[int(way % (2 * np.pi) / (2 * np.pi) * len(angles)) % len(angles)]
        at = center + (root - center) * rng.uniform(0.8, 1)
        heading = way + rng.normal(0, 0.5)
        bend, phase = rng.normal(0, 2.5 * curl), rng.uniform(0, 6)
        wave, reach, points = curl * rng.uniform(0, 1.2), length * rng.uniform(0.3, 1.5), []
        for step in range(24):
            points.append(at.copy())
            now = heading + bend * step / 24 + wave * np.sin(phase + step * 0.8)
            now += 0.6 * np.sin(flow - now) * step / 24
            at += np.array([np.cos(now), np.sin(now)]) * reach / 24
        shade = 255 if rng.random() < 0.7 else int(rng.uniform(90, 255))
        width = int(rng.choice([1, 1, 2, 2, 3, 4, 6]))
        cv2.polylines(plane, [np.array(points, np.int32)], False, shade, width, cv2.LINE_AA)


def _leaves(rng: np.random.Generator, plane: Bytes) -> None:
    """Twigs with leaves: many thin straight and pointed edges, with gaps between."""
    height, width = plane.shape
    for _ in range(int(rng.integers(3, 12))):
        at = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        heading, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.05) * height
        for _ in range(int(rng.integers(8, 40))):
            heading += rng.normal(0, 0.3)
            step = np.array([np.cos(heading), np.sin(heading)]) * size
            cv2.line(
                plane,
                at.astype(int).tolist(),
                (at + step).astype(int).tolist(),
                255,
                int(rng.integers(2, 8)),
                cv2.LINE_AA,
            )
            at = at + step
            axes = int(size * rng.uniform(0.5, 1.6)) + 1, int(size * rng.uniform(0.1, 0.5)) + 1
            tilt = np.degrees(heading) + rng.choice([-1, 1]) * rng.uniform(20, 80)
            cv2.ellipse(
                plane, at.astype(int).tolist(), axes, float(tilt), 0, 360, 255, -1, cv2.LINE_AA
            )


def _lace(rng: np.random.Generator, plane: Bytes) -> None:
    """A piece of cloth with rows of holes and a hem of threads."""
    line, _, radius = _outline(rng, plane.shape[:2])
    cv2.fillPoly(plane, [line.astype(np.int32)], 255)
    holes = np.full_like(plane, 255)
    pitch = int(rng.uniform(0.05, 0.16) * radius) + 8
    hole = int(pitch * rng.uniform(0.2, 0.48))
    lean = rng.uniform(-0.5, 0.5)
    for row in range(0, plane.shape[0], pitch):
        for column in range(int(row * lean) % pitch, plane.shape[1], pitch):
            if rng.random() < 0.9:
                cv2.circle(
                    holes, (column, row), hole, int(rng.choice([0, 0, 0, 120])), -1, cv2.LINE_AA
                )
    np.minimum(plane, holes, out=plane)
    cv2.polylines(plane, [line.astype(np.int32)], True, 255, int(rng.integers(3, 16)), cv2.LINE_AA)


def _blob(rng: np.random.Generator, plane: Bytes) -> None:
    """Plain things with straight and round edges: limbs, shoulders, slabs."""
    for _ in range(int(rng.integers(1, 6))):
        if rng.random() < 0.5:
            line, _, _ = _outline(rng, plane.shape[:2], int(rng.choice([4, 5, 6, 48])))
            cv2.fillPoly(plane, [line.astype(np.int32)], 255, cv2.LINE_AA)
        else:
            ends = rng.uniform(0, 1, (2, 2)) * plane.shape[::-1]
            width = int(np.exp(rng.uniform(np.log(4), np.log(250))))
            cv2.line(
                plane,
                ends[0].astype(int).tolist(),
                ends[1].astype(int).tolist(),
                255,
                width,
                cv2.LINE_AA,
            )


def _texture(rng: np.random.Generator, height: int, width: int) -> Bytes:
    """Return a color with shading, streaks and grain."""
    base = rng.choice([0.06, 0.15, 0.3, 0.5, 0.75]) * np.array(
        [rng.uniform(0.4, 1), rng.uniform(0.6, 1.05), 1.0]
    )
    if rng.random() < 0.3:
        base = rng.uniform(0, 1, 3)
    fine = cv2.resize(
        rng.normal(0, 0.12, (height // 3, width // 3)).astype(np.float32), (width, height)
    )
    broad = cv2.resize(
        rng.normal(0, 0.15, (8, 8)).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    color = base * (1 + 2 * (fine + broad)[..., None])
    return np.asarray(color.clip(0, 1) * 255, np.uint8)
