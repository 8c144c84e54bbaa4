"""Attentive shortcut modules: encoder features, told by the mask where the person is."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class EfficientChannelAttention(nn.Module):
    """Scale each channel by a gate made from its neighbors' means (ECA-Net, Wang et al., 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` (n, c, h, w), each channel times its gate in 0-1."""
        return features * self.gates(features.mean((2, 3)))

    def gates(self, means: Tensor) -> Tensor:
        """Return the gate of each channel, (n, c, 1, 1), from the means (n, c)."""
        gates = torch.sigmoid(self.conv(means.unsqueeze(1)))
        return gates.transpose(1, 2).unsqueeze(-1)


class AttentiveShortcut(nn.Sequential):
    """
    Bring features with the mask behind them to the decoder's width.

    The activations stand before the batch norms: so they do in the published network, which is why
    these norms can't be folded into a convolution. The last one and the gate are a factor and a
    summand for each channel: once `ending` knows them, they can be applied to any part of what is
    `filtered`.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels + 1, out_channels, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out_channels),
            EfficientChannelAttention(),
        )

    def filtered(self, features: Tensor) -> Tensor:
        """Return what the convolutions make of (n, in_channels + 1, h, w): all but the ending."""
        for layer in list(self)[:-2]:
            features = layer(features)
        return features

    def ending(self, filtered: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return factor and summand of each channel, each (n, out_channels, 1, 1), for inference.

        Args:
            filtered: All of a picture, whose means make the gates.
        """
        norm, attention = (
            cast("nn.BatchNorm2d", self[-2]),
            cast("EfficientChannelAttention", self[-1]),
        )
        factor = norm.weight * torch.rsqrt(cast("Tensor", norm.running_var) + norm.eps)
        summand = norm.bias - factor * cast("Tensor", norm.running_mean)
        gates = attention.gates(filtered.mean((2, 3)) * factor + summand)
        return gates * factor.view(-1, 1, 1), gates * summand.view(-1, 1, 1)
