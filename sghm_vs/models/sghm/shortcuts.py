"""Attentive shortcut modules: encoder features, told by the mask where the person is."""

from __future__ import annotations

from typing import NamedTuple, cast

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


class Affine(NamedTuple):
    """A factor and a summand for each channel, each (n, channels, 1, 1)."""

    summand: Tensor
    factor: Tensor

    def __call__(self, planes: Tensor) -> Tensor:
        """Return `planes` (n, channels, h, w) times the factor, and the summand more."""
        return torch.addcmul(self.summand, self.factor, planes)


class TiledShortcut(NamedTuple):
    """The shortcut of a picture, up to where each of its tiles can be made without the others."""

    planes: tuple[Tensor, ...]
    """Each (n, channels, h, w), to be cut into tiles and put beside each other."""
    finish: Affine | nn.Module
    """Makes of a tile of the planes that tile of the output, but for 2 px where it was cut."""


class LocalShortcut(nn.Sequential):
    """
    Bring features with the mask behind them to the decoder's width: (n, in_channels + 1, h, w).

    The activations stand before the batch norms: so they do in the published network, which is why
    these norms can't be folded into a convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *more: nn.Module) -> None:
        super().__init__(
            nn.Conv2d(in_channels + 1, out_channels, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out_channels),
            *more,
        )

    def tiled(self, features: Tensor) -> TiledShortcut:
        """Return what tiles are made from, in inference: the features as they are."""
        return TiledShortcut((features,), self)


class AttentiveShortcut(LocalShortcut):
    """
    A shortcut with a gate for each channel behind it, which the means of the whole picture make.

    The last norm and the gate are a factor and a summand for each channel.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, EfficientChannelAttention())

    def tiled(self, features: Tensor) -> TiledShortcut:
        """Return what tiles are made from, in inference: all but the last norm and the gate."""
        features = self.ungated(features)
        *_, last, attention = self
        norm, gate = cast("nn.BatchNorm2d", last), cast("EfficientChannelAttention", attention)
        mean, variance = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        factor = norm.weight * torch.rsqrt(variance + norm.eps)
        summand = norm.bias - factor * mean
        gates = gate.gates(features.mean((2, 3)) * factor + summand)
        return TiledShortcut(
            (features,), Affine(gates * summand.view(-1, 1, 1), gates * factor.view(-1, 1, 1))
        )

    def ungated(self, features: Tensor) -> Tensor:
        """Return what the last norm and the gate are applied to."""
        *layers, _, _ = self
        for layer in layers:
            features = layer(features)
        return features
