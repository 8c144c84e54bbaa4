"""The segmentation decoder: context climbs back to the size of the encoder's picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sghm_vs.models.resampling import bilinear
from sghm_vs.models.sghm.encoder import Features


class SegmentationDecoder(nn.Module):
    """Upsample the context four times, each time beside the encoder's features of that scale."""

    def __init__(
        self,
        channels: tuple[int, int, int],
        context: int,
        widths: tuple[int, int, int],
        outputs: int,
    ) -> None:
        super().__init__()
        half, fourth, eighth = channels
        wide, middle, narrow = widths
        self.conv1 = nn.Conv2d(context + eighth, wide, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide + fourth, middle, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle + half, narrow, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(narrow)
        self.conv4 = nn.Conv2d(narrow + 3, outputs, 3, padding=1)

    def forward(self, features: Features) -> Tensor:
        """Return the person's logits at the small picture's size, (n, outputs, h, w)."""
        x = _beside(features.context, features.eighth)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(_beside(x, features.fourth))))
        x = torch.relu(self.bn3(self.conv3(_beside(x, features.half))))
        logits: Tensor = self.conv4(_beside(x, features.small))
        return logits


def _beside(coarse: Tensor, fine: Tensor) -> Tensor:
    """Return `coarse` brought to the size of `fine`, with `fine` behind it in the channels."""
    upsampled = bilinear(coarse, fine.shape[-2], fine.shape[-1])
    if upsampled.is_contiguous(memory_format=torch.channels_last):
        # Else the whole is planar, and the convolution would rearrange all of its channels.
        fine = fine.contiguous(memory_format=torch.channels_last)
    return torch.cat([upsampled, fine], 1)
