"""Deliver pictures as cameras do: light, blur, grain, compression. All on the pictures' device."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

LUMA = (0.299, 0.587, 0.114)
LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""How coarsely JPEG's annex K codes each frequency of luma."""
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
BLUE, RED = 0.564, 0.713
"""Of what blue and red differ from luma, what is coded."""


def adjust_color(rng: np.random.Generator, image: Tensor, strength: float) -> Tensor:
    """Return `image` (3, h, w) under other light: exposure, tint, saturation, contrast."""
    gain = np.exp(rng.normal(0, 0.35 * strength) + rng.normal(0, 0.14 * strength, 3))
    saturation = rng.uniform(1 - strength, 1 + strength)
    pivot, contrast = rng.uniform(0.3, 0.6), np.exp(rng.normal(0, 0.4 * strength))
    gray = _gray(image)
    image = (gray + (image - gray) * saturation) * _column(gain, image)
    return ((image - pivot) * contrast + pivot).clamp(0, 1)


def develop(rng: np.random.Generator, image: Tensor) -> Tensor:
    """Return `image` (3, h, w), 0-1, as a camera would deliver it."""
    image = adjust_color(rng, image, 0.4)
    lot = rng.random()
    if lot < 0.10:
        image = _gray(image).expand(3, -1, -1)
    elif lot < 0.16:
        lamp = _column(rng.dirichlet(np.ones(3)) * rng.uniform(1.5, 3), image)
        own = rng.uniform(0.1, 0.6)
        image = lamp * (own * image + (1 - own) * _gray(image))
    if rng.random() < 0.30:
        image = image.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.45)))
    if rng.random() < 0.15:
        image = image * _uneven_light(rng, image)
    lot = rng.random()
    if lot < 0.20:
        image = blur(image, rng.uniform(0.3, 1.4))
    elif lot < 0.35:
        image = image + rng.uniform(0.2, 1.0) * (image - blur(image, rng.uniform(0.6, 1.5)))
    elif lot < 0.42:
        image = coarse(image, rng.uniform(1.3, 3))
    return degrade(rng, image.clamp(0, 1))


def degrade(rng: np.random.Generator, image: Tensor) -> Tensor:
    """Return `image` (3, h, w), 0-1, with grain and compression, often with neither."""
    if rng.random() < 0.40:
        grain = _seeded_normal(rng, image)
        if rng.random() < 0.4:
            grain = blur(grain, rng.uniform(0.4, 0.9)) * 2
        image = image + grain * float(rng.uniform(0.003, 0.05))
    if rng.random() < 0.35:
        image = compress(image.clamp(0, 1), int(rng.integers(25, 90)))
    return image.clamp(0, 1)


def blur(planes: Tensor, sigma: float) -> Tensor:
    """Return `planes` (c, h, w) under a Gaussian of `sigma` px; borders repeat."""
    reach = min(max(math.ceil(2.5 * sigma), 1), min(planes.shape[-2:]) - 1)
    along = torch.arange(-reach, reach + 1, device=planes.device, dtype=planes.dtype)
    weights = torch.exp(-0.5 * (along / sigma) ** 2)
    weights = weights / weights.sum()
    framed = pad(planes[:, None], (reach, reach, reach, reach), mode="replicate")
    across = conv2d(framed, weights.view(1, 1, 1, -1))
    return conv2d(across, weights.view(1, 1, -1, 1))[:, 0]


def coarse(image: Tensor, factor: float) -> Tensor:
    """Return `image` (3, h, w) as if it had been that much smaller, and enlarged."""
    height, width = image.shape[-2:]
    size = max(int(height / factor), 8), max(int(width / factor), 8)
    small = interpolate(image[None], size, mode="bilinear", antialias=True, align_corners=False)
    return interpolate(small, (height, width), mode="bicubic", align_corners=False)[0]


def compress(image: Tensor, quality: int) -> Tensor:
    """Return `image` (3, h, w), 0-1, after JPEG of `quality` 1-100 (ITU-T T.81, chroma at half size)."""
    scale = (5000 / quality if quality < 50 else 200 - 2 * quality) / 100
    luma = _gray(image)
    chroma = torch.stack([BLUE * (image[2] - luma[0]), RED * (image[0] - luma[0])])
    size = image.shape[-2:]
    luma = _quantized(luma, LUMA_TABLE, scale)
    small = _quantized(avg_pool2d(chroma[None], 2, ceil_mode=True)[0], CHROMA_TABLE, scale)
    chroma = interpolate(small[None], size, mode="bilinear", align_corners=False)[0]
    blue, red = chroma[0] / BLUE + luma[0], chroma[1] / RED + luma[0]
    green = (luma[0] - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.stack([red, green, blue]).clamp(0, 1)


def _quantized(planes: Tensor, steps: tuple[tuple[int, ...], ...], scale: float) -> Tensor:
    table = (torch.tensor(steps, device=planes.device) * scale).round().clamp(1, 255) / 255
    count, height, width = planes.shape
    framed = pad(planes[None], (0, -width % 8, 0, -height % 8), mode="replicate")[0]
    blocks = framed.unflatten(2, (-1, 8)).unflatten(1, (-1, 8)).transpose(2, 3)
    basis = _cosines(planes)
    codes = basis @ blocks @ basis.T
    blocks = basis.T @ ((codes / table).round() * table) @ basis
    return blocks.transpose(2, 3).reshape(count, *framed.shape[1:])[:, :height, :width]


def _cosines(like: Tensor) -> Tensor:
    """Return the orthonormal cosine transform of 8 values, (8, 8)."""
    k = torch.arange(8, device=like.device, dtype=like.dtype)
    basis = torch.cos(math.pi / 8 * (k + 0.5) * k[:, None]) / 2
    basis[0] /= math.sqrt(2)
    return basis


def _seeded_normal(rng: np.random.Generator, like: Tensor) -> Tensor:
    generator = torch.Generator(like.device).manual_seed(int(rng.integers(2**31)))
    return torch.randn(like.shape, generator=generator, device=like.device)


def _gray(image: Tensor) -> Tensor:
    return (image * _column(LUMA, image)).sum(0, keepdim=True)


def _column(values: object, like: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(values, np.float32), device=like.device).view(3, 1, 1)


def _uneven_light(rng: np.random.Generator, image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    down, across = rng.uniform(-0.5, 0.5, 2)
    y = torch.linspace(-1, 1, height, device=image.device)[:, None]
    x = torch.linspace(-1, 1, width, device=image.device)
    return (0.8 + float(down) * y + float(across) * x).clamp(0.1, 1.4)
