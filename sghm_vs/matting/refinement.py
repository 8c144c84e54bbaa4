"""
Progressive refinement of tensors on any device; see `sghm_vs.matting.arrays.refinement`.

Three alphas become one, the finest where the coarser are undecided.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from sghm_vs.matting.arrays import refinement as arrays
from sghm_vs.matting.arrays.refinement import (
    INSIDE_PX,
    NARROW_RADIUS_PX,
    NEARLY_0,
    NEARLY_1,
    OUTSIDE_PX,
    WIDE_RADIUS_PX,
    scaled,
)
from sghm_vs.models.resampling import block_means, enlarge
from sghm_vs.models.sghm.design import NEEDED, SOLID


def refine(
    os8: Tensor, os4: Tensor, os1: Tensor, *, scale: float = 1.0, feather: int = 0
) -> Tensor:
    """
    Return the fused alpha, (1, 1, height, width), 0-1.

    Args:
        os8: Coarse alpha at full size, (1, 1, height, width), 0-1.
        os4: Finer alpha.
        os1: Finest alpha.
        scale: Of the bands' radii; 1 is what was published for a short side of 1280.
        feather: Radius in pixels over which a band's edge fades; 0 is as published.

    Source:
        Progressive refinement of Yu et al. (2021), "Mask Guided Matting", as Chen et al. use it.
    """
    alpha, blend_weight = merge(os8, os4, scale=scale, feather=feather)
    return alpha.lerp(os1, blend_weight.to(alpha.dtype))


def merge(
    os8: Tensor, os4: Tensor, *, scale: float = 1.0, feather: int = 0
) -> tuple[Tensor, Tensor]:
    """
    Return the alpha of the first two, and how far full size replaces it; see `refine`.

    Both are (1, 1, height, width), 0-1. Where the second is 0, the finest alpha is not looked at.
    """
    wide = dilate(_undecided(os8), scaled(WIDE_RADIUS_PX, scale))
    alpha = os8.lerp(os4, soften(wide, feather).to(os8.dtype))
    narrow = dilate(_undecided(alpha), scaled(NARROW_RADIUS_PX, scale))
    return alpha, soften(narrow, feather)


def by_detail(os4: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return 0 or 1 as the coarse alpha has it, and how far full size replaces it; see `merge`.

    The band is learned: where the network expects no detail, its alpha is solid.

    Args:
        os4: Coarse alpha at full size, (1, 1, height, width), 0-1.
        detail: Where the finest alpha is needed, a probability, (1, 1, height / 4, width / 4).
    """
    size = os4.shape[2], os4.shape[3]
    return (os4 > SOLID).to(os4.dtype), enlarge((detail > NEEDED).float(), size)


class Bounds(NamedTuple):
    """What a mask leaves open of an alpha: 1 deep inside it, 0 far outside."""

    least: Tensor
    """(1, 1, height, width), 0-1."""
    most: Tensor


def held(alpha: Tensor, bounds: Bounds) -> Tensor:
    """Return `alpha`, (1, 1, height, width), within `bounds`."""
    return alpha.clamp(bounds.least.to(alpha), bounds.most.to(alpha))


def bounds(mask: Tensor, *, scale: float) -> Bounds:
    """
    Return what `mask` leaves open.

    A light decoder cuts folds out of plain clothes and leaves specks on the background.

    Args:
        mask: Where the people are, (1, 1, height, width), 0-1; sides are multiples of 4.
        scale: Of the distances; 1 is for a short side of 1280.
    """
    small = block_means(mask.float(), 4)
    least = 1 - spread(1 - small, scaled(INSIDE_PX // 4, scale))
    most = spread(small, scaled(OUTSIDE_PX // 4, scale))
    size = mask.shape[2], mask.shape[3]
    return Bounds(enlarge(least, size), enlarge(most, size))


def solidify(alpha: Tensor) -> Tensor:
    """Return `alpha` stretched so that what is within 1/255 of 0 or 1 is exactly 0 or 1."""
    return ((alpha - NEARLY_0) / (NEARLY_1 - NEARLY_0)).clamp(0, 1)


def spread(values: Tensor, radius: int) -> Tensor:
    """Return each value's largest neighbor within a square of `radius`, on its device."""
    if values.device.type == "cpu":
        return torch.from_numpy(arrays.spread(values[0, 0].numpy(), radius))[None, None]
    return spread_by_pooling(values, radius)


def spread_by_pooling(values: Tensor, radius: int) -> Tensor:
    """Return what is spread on the CPU, bit for bit, without leaving the device."""
    return max_pool2d(values, 2 * radius + 1, 1, radius)


def _undecided(alpha: Tensor) -> Tensor:
    """Return where `alpha` (1, 1, height, width) is neither 0 nor 1, bool."""
    if alpha.device.type == "cpu":
        undecided = arrays.undecided(alpha[0, 0].float().numpy())
        return torch.from_numpy(undecided).view(torch.bool)[None, None]
    return undecided_on_device(alpha)


def undecided_on_device(alpha: Tensor, low: float = NEARLY_0, high: float = NEARLY_1) -> Tensor:
    """Return where `alpha` is from `low` to `high`, bool, without leaving the device."""
    return (alpha >= low) & (alpha <= high)


def dilate(area: Tensor, radius: int) -> Tensor:
    """Return `area`, bool (1, 1, height, width), grown by an ellipse of `radius` px, on its device."""
    if area.device.type == "cpu":
        grown = arrays.dilate(_bytes(area), radius)
        return torch.from_numpy(grown).view(torch.bool)[None, None]
    return dilate_by_pooling(area, radius)


def dilate_by_pooling(area: Tensor, radius: int) -> Tensor:
    """
    Return what `dilate` returns, bit for bit, without leaving the device; TorchScript compiles it.

    The ellipse is a stack of horizontal runs; a max-pool grows by each run's length, and a
    vertical shift puts it in its row.
    """
    height = area.shape[2]
    padded = torch.constant_pad_nd(area.float(), [0, 0, radius, radius])
    grown = torch.zeros_like(padded[:, :, :height])
    for row in range(2 * radius + 1):
        reach = half_run(row - radius, radius)
        pooled = max_pool2d(padded, [1, 2 * reach + 1], [1, 1], [0, reach])
        grown = torch.maximum(grown, pooled[:, :, row : row + height])
    return grown > 0


def half_run(row: int, radius: int) -> int:
    """Return how far OpenCV's ellipse of `radius` reaches sideways, `row` px from its middle."""
    reach = radius * math.sqrt((radius * radius - row * row) * (1 / (radius * radius)))
    return int(round(reach))  # noqa: RUF046 - TorchScript rounds to a float


def soften(area: Tensor, radius: int) -> Tensor:
    """Return how much of the square of `radius` px around each pixel is `area`, on its device."""
    if area.device.type == "cpu":
        return torch.from_numpy(arrays.soften(_bytes(area), radius))[None, None]
    return soften_by_pooling(area, radius)


def soften_by_pooling(area: Tensor, radius: int) -> Tensor:
    """Return what `soften` returns, bit for bit, without leaving the device; see `dilate_by_pooling`."""
    padded = torch.ops.aten.replication_pad2d(area.float(), [radius, radius, radius, radius])
    counts = avg_pool2d(padded, 2 * radius + 1, 1, divisor_override=1)
    return counts / (2 * radius + 1) ** 2


def _bytes(area: Tensor) -> NDArray[np.uint8]:
    """Return `area`, bool (1, 1, height, width), where it is, as 0 and 1 (height, width)."""
    return area[0, 0].numpy().view(np.uint8)
