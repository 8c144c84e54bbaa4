"""From the probability of a person to the mask that guides matting."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate

THRESHOLD = 0.5


def to_mask(probability: Tensor) -> Tensor:
    """
    Return the hard mask, (1, 1, height, width) of 0 and 1, in the probability's own type.

    Args:
        probability: Of a person, (1, 1, height/4, width/4), 0-1.

    Source:
        Chen et al. (2022), section 3: the probability is upsampled, then thresholded.
    """
    return (upsample(probability) > THRESHOLD).to(probability.dtype)


def upsample(probability: Tensor) -> Tensor:
    """Return `probability` at four times its size, bilinear."""
    return interpolate(probability, scale_factor=4, mode="bilinear", align_corners=False)
