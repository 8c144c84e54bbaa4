"""Shortcuts and matting decoder as graphs; see `sghm_vs.models.sghm.shortcuts` and `matting_decoder`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sghm_vs.models.graphs.encoders import Encoded
from sghm_vs.models.graphs.writer import NORM_EPSILON, GraphWriter, Value
from sghm_vs.models.sghm.design import DECODER_SLOPE, STRIDE

HEADS = {4: 8, 5: 4}
"""Of layers that an alpha is read off at: how much smaller than the picture."""


class CoarseValues(NamedTuple):
    """What is needed everywhere; see `sghm_vs.models.sghm.network.CoarseOutput`."""

    os8: Value
    os4: Value
    state: Value
    ends: tuple[Value, ...]
    """Summand and factor of the shortcut at full size, (1, channels, 1, 1), if it has a gate."""


def is_gated(g: GraphWriter) -> bool:
    """Tell whether the shortcut at full size has a gate."""
    return g.has("shortcut.0.6.")


def begin(
    g: GraphWriter,
    image: Value | None,
    mask: Value,
    features: Encoded,
    block: int | None = None,
) -> CoarseValues:
    """
    Return what is needed everywhere; see `SGHM.begin`.

    Args:
        g: Where to.
        image: The picture; None where the shortcut at full size has no gate.
        mask: Of the picture's size.
        features: Of the same picture.
        block: By how many whole pixels they are shrunk; see `GraphWriter.shrunk`.
    """
    quarter = g.resized(mask, g.size_of(mask, 4))
    masks = [quarter, *(g.resized(quarter, g.size_of(quarter, times)) for times in (2, 4, 8))]
    shortcuts = [
        _shortcut(
            g, g.beside(g.shrunk(planes, g.size_of(small), block), small), f"shortcut.{number}"
        )
        for number, (planes, small) in enumerate(zip(features[:4], masks, strict=True), 1)
    ]
    x = g.shrunk(features.context, g.size_of(mask, STRIDE), block)
    alphas = []
    for layer, shortcut in zip((2, 3, 4, 5), reversed(shortcuts), strict=True):
        x = g.added(_climb(g, x, f"refine.layer{layer}"), shortcut)
        if scale := HEADS.get(layer):
            alphas.append(_alpha(g, _head(g, x, f"refine.refine_OS{scale}"), scale))
    ends = _ends(g, g.beside(image, mask)) if image is not None else ()
    os8, os4 = alphas
    return CoarseValues(os8, os4, x, ends)


def fine(g: GraphWriter, state: Value, planes: Value, ends: tuple[Value, ...]) -> Value:
    """Return the finest alpha; see `MattingDecoder.fine`."""
    if ends:
        summand, factor = ends
        full = g.affine(_ungated(g, planes, "shortcut.0"), factor, summand)
    else:
        full = _shortcut(g, planes, "shortcut.0")
    x = g.conv_transposed(
        _climb(g, state, "refine.layer6"), "refine.conv1", norm="refine.bn1", pad=1
    )
    x = g.added(g.leaky(x, DECODER_SLOPE), full)
    x = g.leaky(
        g.conv_transposed(x, "refine.conv2", norm="refine.bn2", stride=1, pad=1), DECODER_SLOPE
    )
    return _alpha(g, _head(g, x, "refine.refine_OS1"), 1)


def _ungated(g: GraphWriter, x: Value, name: str) -> Value:
    x = g.normed(g.relu(g.conv(x, f"{name}.0")), f"{name}.2")
    return g.relu(g.conv(x, f"{name}.3"))


def _shortcut(g: GraphWriter, x: Value, name: str) -> Value:
    x = g.normed(_ungated(g, x, name), f"{name}.5")
    return g.apply("Mul", x, _gates(g, g.mean(x), name)) if g.has(f"{name}.6.") else x


def _gates(g: GraphWriter, means: Value, name: str) -> Value:
    """Return the gate of each channel, (n, channels, 1, 1); see `EfficientChannelAttention`."""
    # Along the channels, which lie down the planes of a picture of one channel.
    along = g.apply("Reshape", means, g.integers([0, 1, -1, 1]), channels=1)
    kernel = g.constant(g.weight(f"{name}.6.conv.weight")[..., None])
    mixed = g.apply("Conv", along, kernel, kernel_shape=[3, 1], pads=[1, 0, 1, 0])
    return g.sigmoid(g.apply("Reshape", mixed, g.integers([0, -1, 1, 1]), channels=means.channels))


def _ends(g: GraphWriter, planes: Value) -> tuple[Value, Value]:
    """Return the last norm and the gate of the shortcut at full size as summand and factor."""
    name = "shortcut.0"
    means = g.mean(_ungated(g, planes, name))
    weight, bias, mean, variance = (
        g.weight(f"{name}.5.{part}") for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = weight / np.sqrt(variance + np.float32(NORM_EPSILON))
    factors, summands = (g.constant(each[:, None, None]) for each in (factor, bias - factor * mean))
    gates = _gates(g, g.affine(means, factors, summands), name)
    return g.apply("Mul", gates, summands), g.apply("Mul", gates, factors)


def _climb(g: GraphWriter, x: Value, name: str) -> Value:
    first = f"{name}.0"
    # What is done to each pixel alone is done before there are four of each.
    around = g.conv(x, f"{first}.upsample.1", norm=f"{first}.upsample.2")
    around = g.enlarged(around, 2, "nearest")
    y = g.conv_transposed(x, f"{first}.conv1", norm=f"{first}.bn1", pad=1)
    x = _residual(g, y, around, first)
    number = 1
    while g.has(block := f"{name}.{number}."):
        y = g.conv(x, f"{block}conv1", norm=f"{block}bn1")
        x = _residual(g, y, x, block.rstrip("."))
        number += 1
    return x


def _residual(g: GraphWriter, filtered: Value, around: Value, name: str) -> Value:
    y = g.conv(g.leaky(filtered, DECODER_SLOPE), f"{name}.conv2", norm=f"{name}.bn2")
    return g.leaky(g.added(y, around), DECODER_SLOPE)


def _head(g: GraphWriter, x: Value, name: str) -> Value:
    hidden = g.leaky(g.conv(x, f"{name}.0", norm=f"{name}.1"), DECODER_SLOPE)
    return g.conv(hidden, f"{name}.3")


def _alpha(g: GraphWriter, logits: Value, scale: int) -> Value:
    doubled = g.apply("Mul", logits, g.constant(2))
    return g.sigmoid(doubled if scale == 1 else g.enlarged(doubled, scale))
