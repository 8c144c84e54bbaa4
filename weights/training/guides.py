"""Masks as they come from elsewhere: exact, of low resolution, drawn by hand, wrong in parts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, max_pool2d


def damaged(rng: np.random.Generator, alpha: Tensor) -> Tensor:
    """Return a mask of `alpha`, float (1, h, w), 0-1: one in six exact, most low, rough or worse."""
    lot = rng.random()
    if lot < 0.17:
        return (alpha > rng.uniform(0.3, 0.7)).float()
    if lot < 0.45:
        return low(rng, alpha)
    if lot < 0.68:
        return rough(rng, alpha)
    mask = low(rng, wobbled(rng, alpha, rng.uniform(0, alpha.shape[1] / 60)))
    reach = int(rng.integers(0, max(alpha.shape[1] // 28, 2)))
    mask = grown(mask, reach) if rng.random() < 0.5 else 1 - grown(1 - mask, reach)
    if rng.random() < 0.6:
        mask = mask * (1 - _ellipses(rng, mask, int(rng.integers(1, 4)), 0.12))
    if rng.random() < 0.3:
        mask = torch.maximum(mask, _ellipses(rng, mask, int(rng.integers(1, 3)), 0.08))
    return mask


def low(rng: np.random.Generator, alpha: Tensor) -> Tensor:
    """Return a mask that was 3 to 12 times smaller: hard, or soft as a probability."""
    side = int(rng.choice([3, 4, 5, 6, 8, 10, 12]))
    small = avg_pool2d(alpha[None], side, ceil_mode=True)
    if rng.random() < 0.7:
        small = (small > rng.uniform(0.3, 0.7)).float()
    large = interpolate(small, scale_factor=side, mode="bilinear", align_corners=False)
    large = large[0, :, : alpha.shape[1], : alpha.shape[2]]
    return large if rng.random() < 0.15 else (large > rng.uniform(0.3, 0.7)).float()


def rough(rng: np.random.Generator, alpha: Tensor) -> Tensor:
    """Return a mask as a hand draws it: too wide by some pixels, corners cut, strands left out."""
    side = int(rng.integers(6, 20))
    down, across = (int(rng.integers(side)) for _ in range(2))
    wide = grown((alpha > 0.5).float(), int(rng.integers(0, 7)))
    moved = torch.roll(wide, (down, across), (1, 2))
    small = (avg_pool2d(moved[None], side, ceil_mode=True) > rng.uniform(0.3, 0.6)).float()
    large = interpolate(small, scale_factor=side, mode="bilinear", align_corners=False)
    mask = (large[0, :, : alpha.shape[1], : alpha.shape[2]] > 0.5).float()
    mask = torch.roll(mask, (-down, -across), (1, 2))
    return torch.maximum(mask, wide) if rng.random() < 0.4 else mask


def wobbled(rng: np.random.Generator, planes: Tensor, reach_px: float) -> Tensor:
    """Return `planes` (c, h, w) with outlines moved by a smooth random field of some pixels."""
    height, width = planes.shape[-2:]
    field = rng.normal(0, reach_px, (1, 2, 8, 8)).astype(np.float32)
    field[:, 0] *= 2 / width
    field[:, 1] *= 2 / height
    shift = interpolate(
        torch.from_numpy(field).to(planes.device),
        (height, width),
        mode="bicubic",
        align_corners=False,
    )
    y = torch.linspace(-1 + 1 / height, 1 - 1 / height, height, device=planes.device)
    x = torch.linspace(-1 + 1 / width, 1 - 1 / width, width, device=planes.device)
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
    moved = grid + shift.permute(0, 2, 3, 1)
    return grid_sample(planes[None], moved, "bilinear", "border", align_corners=False)[0]


def grown(mask: Tensor, reach: int) -> Tensor:
    """Return `mask` (1, h, w) grown by `reach` px, by a square and a diamond in turn."""
    for step in range(reach):
        if step % 2:
            mask = max_pool2d(mask[None], 3, 1, 1)[0]
        else:
            across = max_pool2d(mask[None], (1, 3), 1, (0, 1))
            mask = torch.maximum(across, max_pool2d(mask[None], (3, 1), 1, (1, 0)))[0]
    return mask


def _ellipses(rng: np.random.Generator, mask: Tensor, count: int, extent: float) -> Tensor:
    """Return ellipses around pixels that `mask` covers, (1, h, w), as large as `extent` of it."""
    height, width = mask.shape[-2:]
    y = torch.arange(height, device=mask.device)[:, None]
    x = torch.arange(width, device=mask.device)
    covered = torch.nonzero(mask[0, ::4, ::4] > 0.5) * 4
    area = torch.zeros_like(mask)
    for _ in range(count if len(covered) else 0):
        row, column = covered[int(rng.integers(len(covered)))].tolist()
        long, short = (rng.uniform(0.01, extent, 2) * height).clip(1)
        turn = rng.uniform(0, np.pi)
        down, right = y - row, x - column
        along = right * float(np.cos(turn)) + down * float(np.sin(turn))
        beside = down * float(np.cos(turn)) - right * float(np.sin(turn))
        area[0] = torch.maximum(area[0], ((along / long) ** 2 + (beside / short) ** 2 < 1).float())
    return area
