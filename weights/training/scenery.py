"""Draw rooms, and salient things that are nobody."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

type Picture = NDArray[np.float32]
"""(height, width, 3) or (height, width), 0-1."""


def _blob(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return the coverage (height, width) of a smooth closed shape, somewhere in the frame."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones_like(turn)
    for waves in range(1, 6):
        radius += rng.normal(0, 0.35 / waves) * np.cos(waves * turn + rng.uniform(0, 2 * np.pi))
    reach = rng.uniform(0.06, 0.4, 2) * height
    around = np.column_stack([np.cos(turn) * reach[0], np.sin(turn) * reach[1]])
    center = rng.uniform(0, 1, 2) * (width, height)
    return _filled(np.maximum(radius, 0.15)[:, None] * around + center, height, width)


def _slab(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return the coverage (height, width) of a table's edge across the bottom, or of a post."""
    if rng.random() < 0.6:
        edge = height * (rng.uniform(0.6, 0.95) + rng.uniform(-0.08, 0.08, 2))
        corners = [(0, edge[0]), (width, edge[1]), (width, height), (0, height)]
    else:
        left, right = width * (rng.uniform(0, 1) + np.array([0, rng.uniform(0.03, 0.15)]))
        corners = [(left, 0), (right, 0), (right, height), (left, height)]
    return _filled(np.array(corners), height, width)


def hanging(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return the coverage (height, width) of a flag or curtain that hangs in from one side."""
    top, bottom = np.sort(rng.uniform(-0.3, 1.3, 2)) * height
    reach = width * rng.uniform(0.1, 0.5)
    down = np.linspace(top, bottom, 12)
    edge = reach * (1 + 0.25 * np.sin(down / height * rng.uniform(2, 12) + rng.uniform(0, 6)))
    edge += rng.uniform(-0.6, 0.6) * reach * np.linspace(0, 1, 12)
    outline = np.column_stack([np.append(edge, [0, 0]), np.append(down, [bottom, top])])
    if rng.random() < 0.5:
        outline[:, 0] = width - outline[:, 0]
    return _filled(outline, height, width)


DECOYS = (_blob, _blob, _slab, hanging, hanging)
"""Outlines of things that are salient but nobody, each as often as it stands here."""


def fabric(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return stripes and fields of strong colors on cloth with folds."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    fold_at = x * rng.uniform(2, 8) + y * rng.uniform(-3, 3)
    fold = np.sin(2 * np.pi * fold_at + rng.uniform(0, 6))
    angle = rng.uniform(0, np.pi)
    across = x * np.cos(angle) + y * np.sin(angle) + 0.03 * fold
    colors = rng.random((rng.integers(1, 4), 3)).astype(np.float32)
    stripes = np.int32(np.floor(across * rng.uniform(2, 14))) % len(colors)
    cloth = colors[stripes]
    if rng.random() < 0.4:
        field = (x > rng.uniform(0, 1)) & (y < rng.uniform(0, 1))
        cloth[field] = rng.random(3)
    return cloth * (0.85 + 0.15 * fold[..., None])


def _filled(outline: NDArray[np.floating], height: int, width: int) -> Picture:
    coverage = np.zeros((height, width), np.float32)
    cv2.fillPoly(coverage, [np.int32(np.round(outline))], 1.0, cv2.LINE_AA)
    return cv2.GaussianBlur(coverage, (0, 0), 0.6)


def smooth_noise(rng: np.random.Generator, height: int, width: int) -> Picture:
    noise = np.zeros((height, width, 3), np.float32)
    for cells in (2, 4, 9, 24):
        grid = rng.random((cells, cells, 3), np.float32)
        noise += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / cells**0.6
    return (noise - noise.min()) / max(float(np.ptp(noise)), 1e-6)


def synthetic_room(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return walls, frames and shelves: what stands behind a person at a desk."""
    room = np.empty((height, width, 3), np.float32)
    room[:] = rng.random(3) * 0.5 + rng.uniform(0.1, 0.5)
    for _ in range(rng.integers(0, 14)):
        corner = rng.uniform(-0.2, 1.0, 2) * (width, height)
        extent = rng.uniform(0.04, 0.6, 2) * (width, height)
        points = np.int32([corner, corner + extent])
        tone = [float(value) for value in rng.random(3) * 0.9]
        if rng.random() < 0.75:
            cv2.rectangle(room, points[0].tolist(), points[1].tolist(), tone, -1, cv2.LINE_AA)
        else:
            axes = (max(int(extent[0] / 3), 1), max(int(extent[1] / 3), 1))
            cv2.ellipse(
                room,
                points[0].tolist(),
                axes,
                float(rng.uniform(0, 180)),
                0,
                360,
                tone,
                -1,
                cv2.LINE_AA,
            )
    shade = smooth_noise(rng, height, width)[..., :1]
    return np.clip(room * (0.7 + 0.5 * shade), 0, 1).astype(np.float32)
