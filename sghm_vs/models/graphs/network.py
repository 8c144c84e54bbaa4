"""
A network as graphs, a few for each of its kinds.

    see:        small -> what the encoder saw, and the probability of a person
    encode:     small -> what the encoder saw
    judge:      small, what the encoder saw -> the probability of a person once more
    begin:      what was seen, the mask -> coarse alphas, and what the finest is made from
    to_thirty_second, to_sixteenth, to_eighth, to_quarter: the same of a refiner, in four steps, all but
                the first also of parts of a picture
    finish:     that, and planes at full size -> the finest alpha
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sghm_vs.errors import WeightsError, listed
from sghm_vs.models.architectures import NAMES_LISTED_MAX, SEES_IN_BFLOAT16
from sghm_vs.models.arrays import Model, without_spectral_norms
from sghm_vs.models.graphs import encoders, matting_decoder, refiner
from sghm_vs.models.graphs.encoders import Encoded
from sghm_vs.models.graphs.writer import GraphWriter, Value
from sghm_vs.models.sghm.design import LIGHT_FEATURES, REFINER_STATE, REFINER_WIDTHS

NOT_LOOKED_AT = ("refine.to_os8.", "num_batches_tracked", SEES_IN_BFLOAT16)
"""Parts of the names of what no graph reads."""
REFINER_FEATURES = ("half", "fourth", "eighth")
"""All that the refiner reads of what an encoder saw."""
ENDS = ("summand", "factor")
"""Of the shortcut at full size; see `matting_decoder.CoarseValues`."""
HEAD = "decoder.conv4."
"""The published one has 33 more outputs, left over from its ancestor and never used."""

MANY = "squares"
"""How many of them there are is open."""
DEEP, BESIDE16, BESIDE8 = "deep", "beside16", "beside8"
MADE_SIXTEENTH, MADE_EIGHTH, STATE = "made_sixteenth", "made_eighth", "state"
"""Channels last, as the line before: parts are cut out of them."""


def see(g: GraphWriter, model: Model) -> None:
    """Write what a small picture shows, and where a person is."""
    features = encoders.encoded(g, model, g.input("picture", 3))
    _put_out_features(g, model, features)
    g.output(encoders.segmentation(g, features), "probability")


def encode(g: GraphWriter, model: Model) -> None:
    """Write what a small picture shows."""
    _put_out_features(g, model, encoders.encoded(g, model, g.input("picture", 3)))


def judge(g: GraphWriter, model: Model) -> None:
    """Write how likely the judge thinks a person; see `sghm_vs.models.sghm.network.Judge`."""
    small = g.input("picture", 3)
    g.output(encoders.judged(g, _features(g, model)._replace(small=small)), "probability")


def judge_in_floats(g: GraphWriter, model: Model) -> None:
    """Write what `judge` does, for who runs that in less than floats."""
    judge(g, model)


def to_thirty_second(g: GraphWriter, model: Model, block: int | None = None) -> None:
    """Write what a refiner makes at 1/32 of the size; see `GraphWriter.shrunk`."""
    mask4 = g.input("mask4", 1)
    begun = refiner.to_thirty_second(g, mask4, _features(g, model), block)
    for value, name in zip(begun, (DEEP, BESIDE16, BESIDE8), strict=True):
        g.output(value, name, channels_last=True)


def to_sixteenth(g: GraphWriter, model: Model) -> None:
    """Write what a refiner makes at 1/16 of the size, of a part of a picture."""
    del model
    deep = g.input(DEEP, REFINER_WIDTHS[0], channels_last=True)
    beside16 = g.input(BESIDE16, LIGHT_FEATURES[2] + 1, channels_last=True)
    g.output(refiner.to_sixteenth(g, deep, beside16), MADE_SIXTEENTH, channels_last=True)


def to_eighth(g: GraphWriter, model: Model) -> None:
    """Write what a refiner makes at an eighth of the size, of a part of a picture."""
    del model
    sixteenth = g.input(MADE_SIXTEENTH, REFINER_WIDTHS[1], channels_last=True)
    beside8 = g.input(BESIDE8, LIGHT_FEATURES[1] + 1, channels_last=True)
    g.output(refiner.to_eighth_of(g, sixteenth, beside8), MADE_EIGHTH, channels_last=True)


def to_quarter(g: GraphWriter, model: Model) -> None:
    """Write what a refiner makes at a quarter of the size, of a part of a picture."""
    del model
    image, mask4 = g.input("image", 3), g.input("mask4", 1)
    eighth = g.input(MADE_EIGHTH, REFINER_WIDTHS[2], channels_last=True)
    quarter = refiner.to_quarter(g, image, mask4, eighth)
    g.output(quarter.state, STATE, channels_last=True)
    g.output(quarter.logits, "logits")


def begin(g: GraphWriter, model: Model, block: int | None = None) -> None:
    """Write what a matting decoder makes everywhere; see `GraphWriter.shrunk`."""
    image = g.input("image", 3) if matting_decoder.is_gated(g) else None
    mask = g.input("mask", 1)
    coarse = matting_decoder.begin(g, image, mask, _features(g, model), block)
    _put_out(g, {"os8": coarse.os8, "os4": coarse.os4})
    g.output(coarse.state, STATE, channels_last=True)
    _put_out(g, dict(zip(ENDS, coarse.ends, strict=False)))


def finish(g: GraphWriter, model: Model) -> None:
    """Write the finest alpha, of any number of squares."""
    if model.row.has_refiner:
        state = g.input(STATE, REFINER_STATE, count=MANY, channels_last=True)
        alpha = refiner.fine(g, state, g.input("planes", 5, count=MANY))
    else:
        channels = g.weight("refine.layer6.0.conv1.weight").shape[0]
        state = g.input(STATE, channels, count=MANY, channels_last=True)
        planes = g.input("planes", 4, count=MANY)
        full = g.weight("shortcut.0.3.weight").shape[0]
        names = ENDS if matting_decoder.is_gated(g) else ()
        ends = tuple(g.input(name, full) for name in names)
        alpha = matting_decoder.fine(g, state, planes, ends)
    g.output(alpha, "alpha", count=MANY)


def written(
    model: Model,
    part: Callable[[GraphWriter, Model], None],
    name: str,
    *,
    half: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """
    Return a part of `model` as a graph.

    Args:
        model: The weights, as `checked` returns them.
        part: Writes inputs, operators and outputs.
        name: Of the graph.
        half: Whether weights and what flows between are float16; see `GraphWriter`.
        metadata: Is put into it.
    """
    writer = GraphWriter(model.arrays, half=half)
    part(writer, model)
    return writer.model(name, metadata or {})


def checked(model: Model) -> Model:
    """
    Return `model` with weights that fit its network: kernels divided by their norms, the head cut.

    Raises:
        WeightsError: Names or shapes are not the network's, or values are no numbers.
    """
    model = model._replace(arrays=_prepared(model))
    used = set[str]()
    climb = (to_thirty_second, to_sixteenth, to_eighth, to_quarter)
    middle = climb if model.row.has_refiner else (begin,)
    judging = (judge,) if model.row.has_judge else ()
    for part in (see, *judging, *middle, finish):
        writer = GraphWriter(model.arrays)
        try:
            part(writer, model)
        except WeightsError as error:
            raise WeightsError(_unfit(model, str(error))) from error
        used |= writer.used
    _check_all_used(model, used)
    return model


def _prepared(model: Model) -> dict[str, NDArray[Any]]:
    try:
        weights = without_spectral_norms(model.arrays)
    except WeightsError as error:
        raise WeightsError(_unfit(model, str(error))) from error
    broken = [
        name
        for name, array in weights.items()
        if array.dtype.kind == "f" and not np.isfinite(array).all()
    ]
    if broken:
        found = listed(broken, NAMES_LISTED_MAX)
        raise WeightsError(
            _unfit(model, f"{len(broken)} with values that are no numbers ({found})")
        )
    return {key: array[:1] if key.startswith(HEAD) else array for key, array in weights.items()}


def _check_all_used(model: Model, used: set[str]) -> None:
    unknown = sorted(
        name
        for name in model.arrays.keys() - used
        if not any(part in name for part in NOT_LOOKED_AT)
    )
    if unknown:
        found = listed(unknown, NAMES_LISTED_MAX)
        raise WeightsError(_unfit(model, f"{len(unknown)} not expected ({found})"))


def _unfit(model: Model, why: str) -> str:
    return f"{model.origin} is not a checkpoint of {model.architecture}: {why}"


def features_of(model: Model) -> tuple[str, ...]:
    """Return which of `Encoded` the matting half reads, in the order of inputs and outputs."""
    return REFINER_FEATURES if model.row.has_refiner else Encoded._fields


def _features(g: GraphWriter, model: Model) -> Encoded:
    """Return inputs for the features that are read; the others are nothing."""
    names = features_of(model)
    channels = encoders.channels(is_light=model.row.is_light)
    nothing = Value("", 0)
    return Encoded(
        *(
            g.input(name, count) if name in names else nothing
            for name, count in zip(Encoded._fields, channels, strict=True)
        )
    )


def _put_out_features(g: GraphWriter, model: Model, features: Encoded) -> None:
    for name in features_of(model):
        g.output(getattr(features, name), name)


def _put_out(g: GraphWriter, values: dict[str, Value]) -> None:
    for name, value in values.items():
        g.output(value, name)
