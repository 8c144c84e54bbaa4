"""The light matting half as graphs; see `sghm_vs.models.sghm.refiner`."""

from __future__ import annotations

from typing import NamedTuple

from sghm_vs.models.graphs.encoders import Encoded
from sghm_vs.models.graphs.writer import GraphWriter, Value
from sghm_vs.models.sghm.design import REFINER_SLOPE, SURE


class Begun(NamedTuple):
    """See `sghm_vs.models.sghm.refiner.Begun`."""

    deep: Value
    beside16: Value
    beside8: Value


class Quarter(NamedTuple):
    """See `sghm_vs.models.sghm.refiner.Quarter`."""

    state: Value
    logits: Value


def to_eighth(g: GraphWriter, mask4: Value, features: Encoded) -> Value:
    """Return what is made at an eighth of the size; see `to_thirty_second`."""
    begun = to_thirty_second(g, mask4, features)
    return to_eighth_of(g, to_sixteenth(g, begun.deep, begun.beside16), begun.beside8)


def to_thirty_second(
    g: GraphWriter, mask4: Value, features: Encoded, block: int | None = None
) -> Begun:
    """
    Return what is made at 1/32 of the size; see `Refiner.to_thirty_second`.

    Args:
        g: Where to.
        mask4: Means of 4x4 px of the picture's mask.
        features: Of the same picture; only `half`, `fourth` and `eighth` are read.
        block: By how many whole pixels they are shrunk; see `GraphWriter.shrunk`.
    """
    mask8 = g.means(mask4, 2)
    mask16 = g.means(mask8, 2)
    mask32 = g.means(mask16, 2)
    eighth, sixteenth, thirty_second = (
        g.shrunk(planes, g.size_of(mask), block)
        for planes, mask in (
            (features.half, mask8),
            (features.fourth, mask16),
            (features.eighth, mask32),
        )
    )
    x = _conv(g, g.beside(thirty_second, mask32), "refine.side32")
    deep = _residual(g, _residual(g, g.means(x, 2), "refine.blocks64.0"), "refine.blocks64.1")
    x = _residual(g, g.added(x, g.enlarged(deep, 2)), "refine.blocks32")
    return Begun(x, g.beside(sixteenth, mask16), g.beside(eighth, mask8))


def to_sixteenth(g: GraphWriter, deep: Value, beside16: Value) -> Value:
    """Return what is made at 1/16 of the size; see `Refiner.to_sixteenth`."""
    return _up(g, deep, beside16, "16")


def to_eighth_of(g: GraphWriter, sixteenth: Value, beside8: Value) -> Value:
    """Return what is made at an eighth of the size; see `Refiner.to_eighth_of`."""
    return _up(g, sixteenth, beside8, "8")


def to_quarter(g: GraphWriter, image: Value, mask4: Value, eighth: Value) -> Quarter:
    """Return what is made at a quarter of the size; see `Refiner.to_quarter`."""
    patches = g.conv(image, "refine.patches", stride=4, pads=[0] * 4)
    state = _up(g, eighth, g.beside(patches, mask4), "4")
    return Quarter(state, g.conv(state, "refine.to_os4"))


def fine(g: GraphWriter, state: Value, planes: Value) -> Value:
    """Return the finest alpha; see `FineAlpha`."""
    look = g.conv(planes, "refine.fine.look", stride=2, pads=[1] * 4)
    x = g.added(look, g.enlarged(g.conv(state, "refine.fine.up2"), 2))
    x = _residual(g, g.leaky(x, REFINER_SLOPE), "refine.fine.blocks2")
    side = g.conv(g.channels(planes, 0, 4), "refine.fine.side1")
    x = g.added(g.conv_transposed(x, "refine.fine.up1"), side)
    x = _conv(g, g.leaky(x, REFINER_SLOPE), "refine.fine.last")
    logits = g.narrow_conv(x, "refine.fine.to_os1")
    return g.sigmoid(g.added(logits, _logit(g, g.channels(planes, 3, 1))))


def _logit(g: GraphWriter, alpha: Value) -> Value:
    held = g.clipped(alpha, SURE, 1 - SURE)
    rest = g.apply("Sub", g.constant(1), held, channels=1)
    return g.apply("Log", g.apply("Div", held, rest))


def _up(g: GraphWriter, x: Value, beside: Value, scale: str) -> Value:
    """Return `x` twice as large, joined by what is there `beside` it."""
    x = g.enlarged(g.conv(x, f"refine.up{scale}"), 2)
    return _residual(
        g, g.added(x, _conv(g, beside, f"refine.side{scale}")), f"refine.blocks{scale}"
    )


def _residual(g: GraphWriter, x: Value, name: str) -> Value:
    y = g.leaky(g.conv(x, f"{name}.body.0", norm=f"{name}.body.1"), REFINER_SLOPE)
    y = g.conv(y, f"{name}.body.3", norm=f"{name}.body.4")
    return g.leaky(g.added(x, y), REFINER_SLOPE)


def _conv(g: GraphWriter, x: Value, name: str) -> Value:
    return g.leaky(g.conv(x, f"{name}.0", norm=f"{name}.1"), REFINER_SLOPE)
