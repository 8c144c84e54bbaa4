"""Attentive shortcut modules: encoder features, told by the mask where the person is."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EfficientChannelAttention(nn.Module):
    """Scale each channel by a gate made from its neighbors' means (ECA-Net, Wang et al., 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` (n, c, h, w), each channel times its gate in 0-1."""
        means = features.mean((2, 3)).unsqueeze(1)
        gates = torch.sigmoid(self.conv(means))
        return features * gates.transpose(1, 2).unsqueeze(-1)


def attentive_shortcut(in_channels: int, out_channels: int) -> nn.Sequential:
    """
    Return the module that brings features with the mask behind them to the decoder's width.

    It takes (n, in_channels + 1, h, w). The activation stands before the batch norm: so it does
    in the published network, which is why these norms can't be folded into a convolution.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels + 1, out_channels, 3, padding=1, bias=False),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(out_channels),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(out_channels),
        EfficientChannelAttention(),
    )
