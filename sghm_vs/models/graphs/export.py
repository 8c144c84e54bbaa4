"""
A model as two ONNX files, for programs that take one input of planes: vs-mlrt's plug-ins and others.

    segmentation: a small picture -> where a person is, and what the judge says to it
    matting:      picture, mask and small picture, beside each other -> alphas

docs/onnx.md says what stands before, between and after them.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from sghm_vs.files import write_files
from sghm_vs.models.arrays import Model, read_model
from sghm_vs.models.graphs import matting_decoder, refiner
from sghm_vs.models.graphs.encoders import Encoded, encoded, judged
from sghm_vs.models.graphs.encoders import segmentation as segmented
from sghm_vs.models.graphs.network import checked, written
from sghm_vs.models.graphs.squares import finest_in_squares
from sghm_vs.models.graphs.writer import INT64, OPSET, GraphWriter, Value
from sghm_vs.models.sghm.design import (
    GUIDE_PX,
    NEEDED,
    QUARTER_PX,
    REFINER_HALO_PX,
    SMALL_STRIDE,
    SOFT_GUIDE_PX,
    SOLID,
)
from sghm_vs.models.weights import find_weights, license_of

INPUT, OUTPUT = "input", "output"
PLANES = 7
"""Of matting's input: three of the picture, the mask, three with the small picture in their corner."""


def export(model: str, folder: Path, *, half: bool, overwrite: bool) -> list[Path]:
    """
    Write `model` as two ONNX files into `folder`, and return their paths.

    Args:
        model: As `find_weights` takes it.
        folder: Made if it isn't there.
        half: Whether in float16; inputs and outputs stay float32.
        overwrite: Whether files that are there are replaced.

    Raises:
        WeightsError: There are no such weights, or they fit no network.
        ExportError: A file exists already, or can't be written.
    """
    weights = find_weights(model)
    read = checked(read_model(weights.path))
    facts = {
        "model": weights.name,
        "architecture": read.architecture,
        "weights_sha256": weights.sha256(),
        "license": license_of(weights),
        "precision": "float16" if half else "float32",
        "opset": str(OPSET),
        "sghm_vs": version("sghm-vs"),
        "page": "docs/onnx.md",
    }
    stem = re.sub(r"[^\w.-]+", "_", weights.name.removesuffix(".safetensors"))
    files: dict[Path, bytes | str] = {
        folder / f"{stem}-{part.__name__}{'-fp16' if half else ''}.onnx": written(
            read, part, part.__name__, half=half, metadata=facts
        ).SerializeToString()
        for part in (segmentation, matting)
    }
    return write_files(files, overwrite=overwrite)


def segmentation(g: GraphWriter, model: Model) -> None:
    """
    Write the probability of a person, of a small picture, sides multiples of 16.

    Of a network with a judge there are three planes: the second is the judge's, the third is that
    again, as plug-ins put out one plane or three.
    """
    small = g.input(INPUT, 3)
    features = encoded(g, model, small)
    probability = segmented(g, features)
    if model.row.has_judge:
        judgement = judged(g, features)
        probability = g.beside(probability, judgement, judgement)
    g.output(probability, OUTPUT)


def matting(g: GraphWriter, model: Model, *, in_squares: bool = False) -> None:
    """
    Write the alphas, of `PLANES` whose sides are multiples of 64.

    Of a network with a refiner that is one, blended; of the others those at an eighth, a quarter and
    full size, which bands blend that depend on the picture's own size.

    Args:
        g: Where to.
        model: What is written.
        in_squares: Whether a refiner's finest alpha is made only where it is looked at; pictures
            are longer than a square then.
    """
    planes = g.input(INPUT, PLANES)
    image, mask = g.channels(planes, 0, 3), g.channels(planes, 3, 1)
    features = encoded(g, model, _small(g, planes, model.row.small_px))
    if model.row.has_refiner:
        alpha = _refined(g, image, mask, features, in_squares=in_squares)
    else:
        alpha = _decoded(g, image, mask, features)
    g.output(alpha, OUTPUT)


def matting_in_squares(g: GraphWriter, model: Model) -> None:
    """Write what `matting` does in squares, of a network with a refiner."""
    matting(g, model, in_squares=True)


def _refined(
    g: GraphWriter, image: Value, mask: Value, features: Encoded, *, in_squares: bool
) -> Value:
    mask4 = g.means(mask, GUIDE_PX)
    eighth = refiner.to_eighth(g, mask4, features)
    state, logits = refiner.to_quarter(g, image, mask4, eighth)
    coarse = g.sigmoid(g.enlarged(g.channels(logits, 0, 1), QUARTER_PX))
    soft = g.enlarged(g.means(mask4, SOFT_GUIDE_PX // GUIDE_PX), SOFT_GUIDE_PX)
    needed = g.above(g.sigmoid(g.channels(logits, 1, 1)), NEEDED)
    seen = g.beside(image, coarse, soft)
    if in_squares:
        fine = finest_in_squares(g, refiner.fine, state, seen, needed, REFINER_HALO_PX)
    else:
        fine = refiner.fine(g, state, seen)
    weight = g.enlarged(needed, QUARTER_PX)
    solid = g.above(coarse, SOLID)
    return g.added(solid, g.apply("Mul", g.apply("Sub", fine, solid), weight))


def _decoded(g: GraphWriter, image: Value, mask: Value, features: Encoded) -> Value:
    seen = image if matting_decoder.is_gated(g) else None
    coarse = matting_decoder.begin(g, seen, mask, features)
    fine = matting_decoder.fine(g, coarse.state, g.beside(image, mask), coarse.ends)
    return g.beside(coarse.os8, coarse.os4, fine)


def _small(g: GraphWriter, planes: Value, long_side_px: int | None) -> Value:
    """Return the small picture in the corner of the last planes; see `design.small_size`."""
    size = g.size_of(planes)
    if long_side_px is None:
        small = g.computed("Div", size, g.integers([QUARTER_PX]))
    else:
        small = _small_size(g, size, long_side_px)
    first, axes = g.integers([4, 0, 0]), g.integers([1, 2, 3])
    # At once: of planes alone, all of them would be copied.
    end = g.computed("Concat", g.integers([PLANES]), small, axis=0)
    return g.apply("Slice", planes, first, end, axes, channels=3)


def _small_size(g: GraphWriter, size: str, long_side_px: int) -> str:
    one, two, most = (g.integers([each]) for each in (1, 2, long_side_px))
    longest = g.computed("Max", g.computed("ReduceMax", size, keepdims=1), most)
    whole = g.computed("Mul", longest, g.integers([SMALL_STRIDE]))
    lengths = g.computed("Mul", size, most)
    times = g.computed("Div", lengths, whole)
    rest = g.computed("Sub", lengths, g.computed("Mul", times, whole))
    odd = g.computed("Sub", times, g.computed("Mul", g.computed("Div", times, two), two))
    twice = g.computed("Add", g.computed("Mul", rest, two), odd)
    more = g.computed("Cast", g.computed("Greater", twice, whole), to=INT64)
    stepped = g.computed("Max", g.computed("Add", times, more), one)
    return g.computed("Mul", stepped, g.integers([SMALL_STRIDE]))
