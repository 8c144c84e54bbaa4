"""What training minimizes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, binary_cross_entropy, interpolate, max_pool2d

from sghm_vs.matting.refinement import Bounds, held
from sghm_vs.models.sghm.refiner import CoarseAlpha

SOFT = 1 / 255
WRONG = 0.1
"""Where the coarse alpha is off by more, the finest is needed."""


def dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """Return one minus the soft Dice overlap (Milletari et al., 2016) of pictures with anybody."""
    both = (probability * truth).sum((1, 2, 3))
    either = probability.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    has = (truth.sum((1, 2, 3)) > 20).float()
    return ((1 - (2 * both + 1) / (either + 1)) * has).mean()


def matting_loss(coarse: CoarseAlpha, os1: Tensor, truth: Tensor, bounds: Bounds) -> Tensor:
    """
    Return the error of the alphas (n, 1, h, w): everywhere, more at edges, most of the finest there.

    `bounds` are what each guide leaves open: beyond, the filter holds the alpha to its guide, so there
    is nothing to learn.

    Absolute and squared errors side by side: the first alone gives medians, hard edges wherever
    the network is unsure. Laplacian pyramid and gradients as in matting's usual losses (Hou and
    Liu, 2019; Tang et al., 2019).
    """
    os8, os4, os1, truth = (
        held(alpha.float(), bounds) for alpha in (coarse.os8, coarse.os4, os1, truth)
    )
    soft = ((truth > SOFT) & (truth < 1 - SOFT)).float()
    wide, near = dilated(soft, 15), dilated(soft, 4)
    loss = (os8 - truth).abs().mean() + 0.5 * mean_in((os8 - truth).abs(), wide)
    loss = loss + (os4 - truth).abs().mean() + mean_in((os4 - truth).abs(), wide)
    loss = loss + 2 * mean_in((os4 - truth).square(), near)
    loss = loss + (os1 - truth).abs().mean() + 0.6 * mean_in((os1 - truth).abs(), wide)
    loss = loss + 2 * mean_in((os1 - truth).abs(), near)
    loss = loss + 3 * mean_in((os1 - truth).square(), near)
    for axis in (2, 3):
        steps = (os1.diff(dim=axis) - truth.diff(dim=axis)).abs()
        loss = loss + 0.5 * mean_in(steps, near.narrow(axis, 1, near.shape[axis] - 1))
    return loss + laplacian_loss(os1, truth) + 0.2 * _detail_loss(coarse.detail, os4, truth, soft)


def _detail_loss(detail: Tensor, os4: Tensor, truth: Tensor, soft: Tensor) -> Tensor:
    """Return how wrong the network is about where its coarse alpha `os4` is not enough."""
    off = ((os4 - truth).abs() > WRONG).float()
    needed = dilated(max_pool2d(torch.maximum(off, soft), 4), 1).detach()
    return binary_cross_entropy(detail.float().clamp(1e-6, 1 - 1e-6), needed)


def laplacian_loss(alpha: Tensor, truth: Tensor, levels: int = 4) -> Tensor:
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


def dilated(mask: Tensor, radius: int) -> Tensor:
    """Return `mask` (n, 1, h, w) grown by a square of `radius`."""
    return max_pool2d(mask, 2 * radius + 1, 1, radius)


def mean_in(error: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of `error` where `mask` is 1."""
    return (error * mask).sum() / mask.sum().clamp_min(1)
