"""What training minimizes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from sghm_vs.models.sghm.matting_decoder import Alphas


def dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """Return one minus the soft Dice overlap (Milletari et al., 2016), mean over the pictures."""
    both = (probability * truth).sum((1, 2, 3))
    either = probability.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    return (1 - (2 * both + 1) / (either + 1)).mean()


def matting_loss(alphas: Alphas, truth: Tensor, *, solid_weight: float = 1.0) -> Tensor:
    """
    Return the error of three alphas (n, 1, h, w): the coarse one everywhere, the finer ones at edges.

    Refinement reads the finer alphas only where the coarser one is undecided (Yu et al., 2021),
    so they answer for the band around the soft edge, and for what the coarse one left open. An
    error of the coarse one inside a body counts `solid_weight` times: it can't be mended later.
    """
    os8, os4, os1 = (alpha.float() for alpha in alphas)
    undecided = ((os8 > 1 / 255) & (os8 < 254 / 255)).float().detach()
    soft = ((truth > 1 / 255) & (truth < 254 / 255)).float()
    wide = torch.maximum(_dilate(soft, 15), undecided)
    narrow = _dilate(soft, 7)
    weight = 1 + (solid_weight - 1) * (truth > 254 / 255).float()
    loss = ((os8 - truth).abs() * weight).mean() + 0.5 * _masked_mean((os8 - truth).abs(), wide)
    loss = loss + _masked_mean((os4 - truth).abs(), wide)
    loss = loss + 2 * _masked_mean((os1 - truth).abs(), narrow)
    loss = loss + 0.3 * _masked_mean((os1 - truth).abs(), wide)
    fused = os4 + (os1 - os4) * narrow
    return loss + _laplacian_loss(fused * wide, truth * wide)


def _dilate(mask: Tensor, radius: int) -> Tensor:
    return max_pool2d(mask, 2 * radius + 1, 1, radius)


def _masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    return (error * mask).sum() / mask.sum().clamp_min(1)


def _laplacian_loss(alpha: Tensor, truth: Tensor, levels: int = 4) -> Tensor:
    """Return the L1 distance of two Laplacian pyramids, box-filtered, coarser levels weighing more."""
    total = alpha.new_zeros(())
    for level in range(levels):
        small_alpha, small_truth = avg_pool2d(alpha, 2), avg_pool2d(truth, 2)
        size = alpha.shape[-2:]
        detail_alpha = alpha - interpolate(small_alpha, size, mode="bilinear")
        detail_truth = truth - interpolate(small_truth, size, mode="bilinear")
        total = total + 2**level * (detail_alpha - detail_truth).abs().mean()
        alpha, truth = small_alpha, small_truth
    return total
