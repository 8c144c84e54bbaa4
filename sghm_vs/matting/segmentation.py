"""From the probability of a person to the mask that guides matting, of tensors on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from sghm_vs.matting.arrays import segmentation as arrays
from sghm_vs.models.resampling import enlarge


def to_mask(cleaned: Tensor, size: tuple[int, int]) -> Tensor:
    """
    Return the hard mask, (1, 1, height, width) of 0 and 1, in the type of what is given.

    Args:
        cleaned: The probability of a person, (1, 1, h, w), 0-1, the outline at 0.5.
        size: (height, width) of the picture.
    """
    if cleaned.device.type == "cpu" and cleaned.dtype == torch.float32:
        return torch.from_numpy(arrays.to_mask(cleaned[0, 0].numpy(), size))[None, None]
    return (enlarge(cleaned, size) > arrays.THRESHOLD).to(cleaned.dtype)


def judged(probability: Tensor, judgement: Tensor) -> Tensor:
    """
    Return `probability` without what `judgement` says is nobody, both (1, 1, h, w), 0-1.

    By way of the CPU, as `clean`; see `sghm_vs.matting.arrays.segmentation`.
    """
    seen, judges = (plane[0, 0].float().cpu().numpy() for plane in (probability, judgement))
    return torch.from_numpy(arrays.judged(seen, judges)).to(probability)[None, None]


def clean(probability: Tensor, size: tuple[int, int], scale: float) -> Tensor:
    """
    Return the segmentation of a light network without holes, notches and specks.

    By way of the CPU, where connected areas are found; see `sghm_vs.matting.arrays.segmentation`.

    Args:
        probability: Of a person, (1, 1, h, w), 0-1.
        size: (height, width) of the picture.
        scale: Of lengths in it; 1 is for a short side of 1280.
    """
    cleaned = arrays.clean(probability[0, 0].float().cpu().numpy(), size, scale)
    return torch.from_numpy(cleaned).to(probability)[None, None]
