"""
Weights and pictures that anyone can rebuild from a seed.

The published checkpoint can't be shipped, so parity with the published network is tested on
stand-in weights: each tensor is drawn from `default_rng(crc32(f"{seed}:{key}"))`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEYS = Path(__file__).with_name("data") / "sghm_resnet50_state_dict.json"
"""The checkpoint's keys, without their `module.`, each with its shape and type."""

# Gains and biases that spread the four outputs over 0-1, so that the mask has both classes
# and the refinement has certain and uncertain pixels.
HEAD_GAIN = {
    "decoder.conv4": 40.0,
    "refine.refine_OS1.3": 150.0,
    "refine.refine_OS4.3": 120.0,
    "refine.refine_OS8.3": 60.0,
}
HEAD_BIAS = {
    "decoder.conv4": -4.6,
    "refine.refine_OS1.3": 34.9,
    "refine.refine_OS4.3": 1.2,
    "refine.refine_OS8.3": 2.2,
}

POWER_ITERATIONS = 30


def seeded_state_dict(
    seed: int, *, prefix: str = "module.", head_bias: Mapping[str, float] = HEAD_BIAS
) -> dict[str, NDArray[Any]]:
    """Return the whole state dict, float32 (counters int64), keyed as in the published file."""
    keys = {
        key: (tuple(shape), kind) for key, (shape, kind) in json.loads(KEYS.read_text()).items()
    }
    drawn: dict[str, NDArray[Any]] = {}
    for key, (shape, kind) in keys.items():
        if key.endswith(("weight_u", "weight_v")):
            continue
        rng = np.random.default_rng(zlib.crc32(f"{seed}:{key}".encode()))
        value = np.zeros(shape) if kind == "int64" else _draw(rng, key, shape)
        head = key.rpartition(".")[0]
        if head in HEAD_GAIN:
            is_gain = key.endswith("weight")
            value = value * HEAD_GAIN[head] if is_gain else np.full(shape, head_bias[head])
        drawn[key] = value.astype(kind)
    for key in [key for key in keys if key.endswith("weight_u")]:
        stem = key.removesuffix("_u")
        drawn[key], drawn[f"{stem}_v"] = _singular_vectors(drawn[f"{stem}_bar"])
    return {prefix + key: drawn[key] for key in keys}


def _draw(rng: np.random.Generator, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if key.endswith("running_var"):
        return rng.uniform(0.6, 1.4, shape)
    if key.endswith(("running_mean", ".bias")):
        return rng.normal(0, 0.1, shape)
    if len(shape) >= 3:  # convolutions, the one-dimensional of ECA among them
        return rng.normal(0, np.sqrt(1.0 / int(np.prod(shape[1:]))), shape)
    return rng.uniform(0.7, 1.1, shape)  # batch-norm gains


def _singular_vectors(kernel: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the leading singular vectors, left and right, of the kernel as a matrix."""
    matrix = kernel.reshape(kernel.shape[0], -1).astype(np.float64)
    left = np.full(matrix.shape[0], matrix.shape[0] ** -0.5)
    for _ in range(POWER_ITERATIONS):
        right = matrix.T @ left
        right /= np.linalg.norm(right)
        left = matrix @ right
        left /= np.linalg.norm(left)
    return left.astype(np.float32), right.astype(np.float32)


def seeded_image(seed: int, height: int, width: int) -> NDArray[np.float32]:
    """Return a smooth random picture, (3, height, width), 0-1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for _ in range(3):
        plane = np.zeros((height, width))
        for _ in range(12):
            fx, fy = rng.uniform(-8, 8, 2) * 2 * np.pi / max(height, width)
            plane += rng.normal() * np.sin(fx * x + fy * y + rng.uniform(0, 2 * np.pi))
        planes.append((plane - plane.min()) / np.ptp(plane))
    return np.stack(planes).astype(np.float32)
