"""The encoders and the segmentation decoder as graphs; see `sghm_vs.models.sghm`."""

from __future__ import annotations

from typing import NamedTuple

from sghm_vs.models.arrays import Model
from sghm_vs.models.graphs import climbed
from sghm_vs.models.graphs.writer import GraphWriter, Value
from sghm_vs.models.sghm.design import (
    ASPP_RATES,
    DILATED_BLOCKS,
    LIGHT_FEATURES,
    PUBLISHED_FEATURES,
    SHARPENED_BY,
    SHARPENED_PX,
)


class Encoded(NamedTuple):
    """What an encoder saw; see `sghm_vs.models.sghm.encoder.Features`."""

    small: Value
    half: Value
    fourth: Value
    eighth: Value
    context: Value


def encoded(g: GraphWriter, model: Model, small: Value) -> Encoded:
    """Return what the encoder of `model` sees of `small`."""
    if model.row.is_light:
        return light_encoder(g, small, sharpens=model.row.sharpens)
    return published_encoder(g, small)


def light_encoder(g: GraphWriter, small: Value, *, sharpens: bool) -> Encoded:
    """Return what MobileNetV2 and the separable ASPP see of `small`; see `MobileNetV2Encoder`."""
    if sharpens:
        small = _sharpened(g, small)
    x = g.affine(small, g.constant(2), g.constant(-1))
    half = _inverted(g, g.relu6(_halving(g, x, "backbone.stem.1")), "backbone.stage1.0")
    fourth = _blocks(g, half, "backbone.stage2")
    eighth = _blocks(g, fourth, "backbone.stage3")
    deepest = _blocks(g, eighth, "backbone.stage4", dilated_from=DILATED_BLOCKS)
    return Encoded(small, half, fourth, eighth, _separable_aspp(g, deepest, "aspp"))


def published_encoder(g: GraphWriter, small: Value) -> Encoded:
    """Return what ResNet-50 and the ASPP see of `small`; see `ResNet50Encoder`."""
    half = g.relu(g.conv(small, "backbone.conv1", norm="backbone.bn1", stride=2))
    x = g.apply("MaxPool", half, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    fourth = _bottlenecks(g, x, "backbone.layer1")
    eighth = _bottlenecks(g, fourth, "backbone.layer2", stride=2)
    x = _bottlenecks(g, eighth, "backbone.layer3", stride=2)
    deepest = _bottlenecks(g, x, "backbone.layer4", dilation=2)
    return Encoded(small, half, fourth, eighth, _aspp(g, deepest))


def channels(*, is_light: bool) -> tuple[int, ...]:
    """Return the channels of each of `Encoded`."""
    return LIGHT_FEATURES if is_light else PUBLISHED_FEATURES


def judged(g: GraphWriter, features: Encoded) -> Value:
    """Return how likely the judge thinks a person; see `Judge`. No context is read."""
    x = _blocks(g, features.eighth, "judge.stage4", dilated_from=DILATED_BLOCKS)
    context = _separable_aspp(g, x, "judge.aspp")
    return segmentation(g, features._replace(context=context), "judge.decoder")


def segmentation(g: GraphWriter, features: Encoded, decoder: str = "decoder") -> Value:
    """Return the probability of a person; see `SegmentationDecoder`."""
    x = features.context
    beside = (features.eighth, features.fourth, features.half)
    for number, fine in enumerate(beside, 1):
        x = g.beside(g.resized(x, g.size_of(fine)), fine)
        x = g.relu(g.conv(x, f"{decoder}.conv{number}", norm=f"{decoder}.bn{number}"))
    return g.sigmoid(climbed.convolved(g, x, features.small, f"{decoder}.conv4"))


def _sharpened(g: GraphWriter, small: Value) -> Value:
    around = g.apply(
        "AveragePool",
        small,
        kernel_shape=[SHARPENED_PX] * 2,
        strides=[1, 1],
        pads=[SHARPENED_PX // 2] * 4,
        count_include_pad=0,
    )
    more = g.apply("Mul", g.apply("Sub", small, around), g.constant(SHARPENED_BY))
    return g.clipped(g.added(small, more), 0, 1)


def _halving(g: GraphWriter, x: Value, name: str, *, depthwise: bool = False) -> Value:
    return g.conv(x, name, stride=2, pads=[0, 0, 1, 1], depthwise=depthwise)


def _blocks(g: GraphWriter, x: Value, name: str, *, dilated_from: int | None = None) -> Value:
    number = 0
    while g.has(f"{name}.{number}."):
        is_dilated = dilated_from is not None and number >= dilated_from
        x = _inverted(g, x, f"{name}.{number}", dilation=2 if is_dilated else 1)
        number += 1
    return x


def _inverted(g: GraphWriter, x: Value, name: str, *, dilation: int = 1) -> Value:
    """Return a block whose layers' numbers say whether it expands and whether it halves."""
    expands, halves = g.has(f"{name}.body.4."), g.has(f"{name}.body.5.")
    y = x
    if expands or halves:
        y = g.relu6(g.conv(y, f"{name}.body.0"))
    if halves:
        y = g.relu6(_halving(g, y, f"{name}.body.3", depthwise=True))
        return g.conv(y, f"{name}.body.5")
    filtered, projected = (2, 4) if expands else (0, 2)
    y = g.conv(y, f"{name}.body.{filtered}", dilation=dilation, depthwise=True)
    y = g.conv(g.relu6(y), f"{name}.body.{projected}")
    return g.added(x, y) if x.channels == y.channels else y


def _bottlenecks(
    g: GraphWriter, x: Value, name: str, *, stride: int = 1, dilation: int = 1
) -> Value:
    number = 0
    while g.has(block := f"{name}.{number}."):
        own = stride if number == 0 else 1
        y = g.relu(g.conv(x, f"{block}conv1", norm=f"{block}bn1"))
        y = g.conv(y, f"{block}conv2", norm=f"{block}bn2", stride=own, dilation=dilation)
        y = g.conv(g.relu(y), f"{block}conv3", norm=f"{block}bn3")
        if g.has(f"{block}downsample."):
            x = g.conv(x, f"{block}downsample.0", norm=f"{block}downsample.1", stride=own)
        x = g.relu(g.added(y, x))
        number += 1
    return x


def _separable_aspp(g: GraphWriter, x: Value, aspp: str) -> Value:
    branches = [_normed_relu(g, x, f"{aspp}.point")]
    for number, rate in enumerate(ASPP_RATES):
        name = f"{aspp}.dilated.{number}"
        y = g.conv(x, f"{name}.0", norm=f"{name}.1", dilation=rate, depthwise=True)
        branches.append(g.relu(g.conv(y, f"{name}.2", norm=f"{name}.3")))
    pooled = g.relu(g.conv(g.mean(x), f"{aspp}.pooled.1"))
    return _projected(g, branches, pooled, aspp)


def _aspp(g: GraphWriter, x: Value) -> Value:
    branches = [_normed_relu(g, x, "aspp.convs.0")]
    for number, rate in enumerate(ASPP_RATES, 1):
        name = f"aspp.convs.{number}"
        branches.append(g.relu(g.conv(x, f"{name}.0", norm=f"{name}.1", dilation=rate)))
    pooled = g.conv(g.mean(x), "aspp.convs.4.1", norm="aspp.convs.4.2")
    return _projected(g, branches, g.relu(pooled), "aspp")


def _projected(g: GraphWriter, branches: list[Value], pooled: Value, aspp: str) -> Value:
    shape = g.computed("Shape", branches[0].name)
    everywhere = g.apply("Expand", pooled, shape)
    return _normed_relu(g, g.beside(*branches, everywhere), f"{aspp}.project")


def _normed_relu(g: GraphWriter, x: Value, name: str) -> Value:
    return g.relu(g.conv(x, f"{name}.0", norm=f"{name}.1"))
