"""
Nodes of Nuke's, computed with numpy and OpenCV from what Foundry's reference guide says of them.

Enough for the comps, for what the bridge renders and for the models' nodes; anything else is an
error. A picture is a dictionary of planes (h, w), by channel. Blur's size is taken as twice its
sigma.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
import torch

from sghm_vs.hosts.nuke.script import Node, find

type Image = dict[str, np.ndarray]

RGB = ("red", "green", "blue")
RGBA = (*RGB, "alpha")
SHORT = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}


def evaluate(node: Node, frame: int, parent: Mapping[str, object] | None = None) -> Image:
    """Return the picture of `node` at `frame`."""
    return CLASSES[node.kind](node, frame, parent or {})


def _taken(node: Node, frame: int, parent: Mapping[str, object]) -> list[Image]:
    return [evaluate(each, frame, parent) if each is not None else {} for each in node.inputs]


def _first(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _taken(node, frame, parent)[0]
    return dict(picture)


def _number(
    node: Node, name: str, parent: Mapping[str, object], height: int, usual: float
) -> float:
    """Return the value of a knob: a number, or an expression of its parent's and of heights."""
    text = str(node.knobs.get(name, usual)).strip('{}"')
    assert re.fullmatch(r"[\w.*/+ ()-]+", text), text
    text = re.sub(r"parent\.(\w+)", lambda match: str(parent[match[1]]), text)
    return float(eval(text.replace("input.height", str(height))))  # noqa: S307 - our own words


def read(node: Node, frame: int, _: Mapping[str, object]) -> Image:
    path = str(node.knobs["file"])
    if match := re.search(r"%0(\d+)d", path):
        path = path.replace(match[0], f"{frame:0{match[1]}d}")
    file = oiio.ImageInput.open(path)
    assert file is not None, (path, oiio.geterror())
    picture: Image = {}
    part = 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        pixels = file.read_image(part, 0, 0, spec.nchannels, "float")
        for at, channel in enumerate(spec.channelnames):
            layer, _, short = channel.rpartition(".")
            name = SHORT.get(short, short)
            picture[f"{layer}.{name}" if layer else name] = pixels[..., at]
        part += 1
    file.close()
    size = next(iter(picture.values())).shape
    if Path(path).suffix != ".exr":
        picture = {name: _to_linear(plane) for name, plane in picture.items()}
    return {name: np.zeros(size, np.float32) for name in RGBA} | picture


def _to_linear(codes: np.ndarray) -> np.ndarray:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def copy(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    onto, brought = _taken(node, frame, parent)
    for n in range(4):
        if f"from{n}" in node.knobs:
            names = (str(node.knobs[f"{end}{n}"]).removeprefix("rgba.") for end in ("to", "from"))
            to, source = names
            onto = onto | {to: brought[source]}
    return onto


def premult(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    return picture | {name: picture[name] * picture["alpha"] for name in RGB}


def unpremult(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    alpha = np.where(picture["alpha"] > 0, picture["alpha"], 1)
    return picture | {name: picture[name] / alpha for name in RGB}


def over(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    assert node.knobs.get("operation", "over") == "over"
    below, above = _taken(node, frame, parent)
    left = 1 - above["alpha"]
    return below | {name: above[name] + left * below[name] for name in RGBA}


def shrunken(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    radius = -round(_number(node, "size", parent, len(picture["alpha"]), 0))
    square = np.ones((2 * radius + 1,) * 2, np.uint8)
    return picture | {"alpha": cv2.erode(picture["alpha"], square)}


def blur(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    sigma = _number(node, "size", parent, len(picture["alpha"]), 0) / 2
    return picture | {
        name: cv2.GaussianBlur(picture[name], (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        for name in RGBA
    }


def graded(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    factor = np.float32(_number(node, "multiply", parent, len(picture["red"]), 1))
    return picture | {name: factor * picture[name] for name in RGB}


def constant(node: Node, *_: object) -> Image:
    width, height = (int(word) for word in str(node.knobs["format"]).split()[:2])
    values = [float(word) for word in str(node.knobs["color"]).strip("{}").split()]
    planes = (np.full((height, width), value, np.float32) for value in values)
    return dict(zip(RGBA, planes, strict=True))


def group(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    if node.knobs.get("disable") == "true":
        return _first(node, frame, parent)
    inside = dict(node.knobs) | {"taken": node.inputs[0]}
    return evaluate(find(node.children, "Output1"), frame, inside)


def taken_by_group(_: Node, frame: int, parent: Mapping[str, object]) -> Image:
    taken = parent["taken"]
    assert isinstance(taken, Node)
    return evaluate(taken, frame)


def shifted(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    first = node.inputs[0]
    assert first is not None
    return evaluate(first, frame - int(str(node.knobs["time_offset"])), parent)


def kept(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    assert (node.knobs["operation"], node.knobs["channels"]) == ("keep", "rgb")
    picture = _first(node, frame, parent)
    return {name: picture[name] for name in RGB}


def mixed(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    if _computed(str(node.knobs["disable"]), {}, parent):
        return picture
    rows = [
        [float(word) for word in row.split()]
        for row in re.findall(r"{([^{}]+)}", str(node.knobs["matrix"]))
    ]
    colors = [picture[name] for name in RGB]
    return {
        name: sum(part * color for part, color in zip(row, colors, strict=True))
        for name, row in zip(RGB, rows, strict=True)
    }


def computed(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    values = {
        short: picture[name].astype(np.float64) for short, name in zip("rgb", RGB, strict=True)
    }
    return picture | {
        name: np.asarray(_computed(str(node.knobs[f"expr{n}"]), values, parent), np.float32)
        for n, name in enumerate(RGB)
    }


def _computed(text: str, values: Mapping[str, object], parent: Mapping[str, object]) -> Any:
    """Return what an expression of Nuke's means; of a choice both sides are computed."""
    text = re.sub(r"parent\.(\w+)", lambda match: str(parent[match[1]]), text.strip('{}"'))
    test, _, sides = text.partition("?")
    functions = {"max": np.maximum, "pow": lambda base, power: np.abs(base) ** power}
    names = {**functions, **values}
    if not sides:
        return eval(text, {}, names)  # noqa: S307 - our own words
    yes, no = (eval(side.strip(), {}, names) for side in sides.split(":"))  # noqa: S307
    return np.where(eval(test, {}, names), yes, no)  # noqa: S307


def switch(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    chosen = node.inputs[int(_computed(str(node.knobs["which"]), {}, parent))]
    assert chosen is not None
    return evaluate(chosen, frame, parent)


def clamped(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    picture = _first(node, frame, parent)
    return picture | {name: np.clip(picture[name], 0, 1) for name in RGB}


def inference(node: Node, frame: int, parent: Mapping[str, object]) -> Image:
    """Run the TorchScript file that the .cat would hold, its knobs being the group's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(node.knobs["modelFile"]))
    picture = _first(node, frame, parent)
    channels = RGB
    if hasattr(module, "tolerance"):
        channels = (*RGB, "forward.u", "forward.v", "depth.Z", "backward.u", "backward.v", "mask.a")
    module.infer_size = int(str(parent["infer_size"]))
    stacked = torch.from_numpy(np.stack([picture[name] for name in channels]))[None]
    return picture | {"alpha": module(stacked.float())[0, 0].numpy()}


CLASSES: Mapping[str, Callable[[Node, int, Mapping[str, object]], Image]] = {
    "Blur": blur,
    "Clamp": clamped,
    "ColorMatrix": mixed,
    "Constant": constant,
    "Copy": copy,
    "Dilate": shrunken,
    "Dot": _first,
    "Expression": computed,
    "Grade": graded,
    "Group": group,
    "Inference": inference,
    "Input": taken_by_group,
    "Merge2": over,
    "Output": _first,
    "Premult": premult,
    "Read": read,
    "Remove": kept,
    "Switch": switch,
    "TimeOffset": shifted,
    "Unpremult": unpremult,
}
