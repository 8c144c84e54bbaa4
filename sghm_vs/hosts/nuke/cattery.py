"""The network's nodes for Nuke's Cattery: color in, inference, alpha back onto the plate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sghm_vs.color.transfer import KNEE
from sghm_vs.hosts.nuke.comps import copying
from sghm_vs.hosts.nuke.script import Braces, Node, UserKnob, Value, expression

ALPHA = "rgba.alpha"
RGB = ("rgba.red", "rgba.green", "rgba.blue")
BEFORE = ("forward.u", "forward.v", "depth.Z")
AFTER = ("backward.u", "backward.v", "mask.a")
"""Where a neighbor's red, green and blue travel: CatFileCreator takes only channels that it knows."""
OLDEST_NUKE = 15.1
"""The first with torch 2.1."""

AP1_TO_REC709 = (
    (1.7050510, -0.6217921, -0.0832589),
    (-0.1302564, 1.1408047, -0.0105483),
    (-0.0240033, -0.1289690, 1.1529723),
)
"""ACEScg to linear Rec.709, with Bradford's adaptation of the white (ACES, TB-2014-004)."""
COLORS = ("linear Rec.709", "ACEScg", "display (sRGB)")
"""What the plate is in; each is brought to the last, in which the network was trained."""
INFERENCE = "Inference1"
CONNECT = f"""group = nuke.thisNode()
inference = group.node("{INFERENCE}")
for name in {{names}}:
    if inference.knob(name):
        inference[name].setExpression("parent." + name)"""
"""The knobs of a .cat are there only once it is loaded."""


def knobs_of(*, sees_neighbors: bool) -> list[UserKnob]:
    """Return the knobs of the model, named as its attributes are."""
    size = UserKnob(3, "infer_size", {"l": "Size", "t": "Short side above which it is shrunk."})
    if not sees_neighbors:
        return [size]
    agree = "Where the frames before and after agree, and this one differs, take their mean."
    much = "By how much alphas may differ and still agree."
    return [
        size,
        UserKnob(6, "agree", {"l": "Neighbors overrule", "t": agree, "+STARTLINE": ""}),
        UserKnob(7, "tolerance", {"l": "Tolerance", "t": much}),
    ]


VALUES: Mapping[str, Value] = {"infer_size": 1280, "agree": True, "tolerance": 0.1}


def creator(name: str, folder: str, *, sees_neighbors: bool) -> Node:
    """Return the CatFileCreator that makes Cattery/FOLDER/NAME.cat from NAME.pt, beside its script."""
    knobs = knobs_of(sees_neighbors=sees_neighbors)
    here = "[python {nuke.script_directory()}]"
    taken = (*RGB, *BEFORE, *AFTER) if sees_neighbors else RGB
    return Node(
        "CatFileCreator",
        {
            "torchScriptFile": f"{here}/{name}.pt",
            "catFile": f"{here}/Cattery/{folder}/{name}.cat",
            "channelsIn": ",".join(taken),
            "channelsOut": ALPHA,
            "modelId": name,
            "name": f"CatFileCreator_{name}",
            **{knob.name: VALUES[knob.name] for knob in knobs},
        },
        [],
        [UserKnob(20, "sghm", {"l": "Model"}), *knobs],
    )


def node(name: str, *, sees_neighbors: bool) -> Node:
    """
    Return the group that runs NAME.cat: its color becomes the network's, its alpha the plate's.

    Args:
        name: Of the model's files.
        sees_neighbors: Whether it takes the frames before and after.
    """
    plate = Node("Input", {"name": "plate"})
    seen = _view_transform(plate)
    model, shown = _model(name, seen[-1], sees_neighbors=sees_neighbors)
    copy = Node("Copy", {**copying(ALPHA), "bbox": "B"}, [plate, model])
    inside = [plate, *seen, *shown, model, copy, Node("Output", {"name": "Output1"}, [copy])]
    for row, each in enumerate(inside):
        each.knobs |= {"xpos": 0, "ypos": 80 * row}
    knobs = knobs_of(sees_neighbors=sees_neighbors)
    names = tuple(knob.name for knob in knobs)
    return Node(
        "Group",
        {
            "name": name,
            "help": "Mattes people, each frame live. The plate keeps its color and gets an alpha.",
            "onCreate": CONNECT.replace("{names}", repr(names)),
            **{name: VALUES[name] for name in names},
            "useGPUIfAvailable": True,
        },
        [None],
        [*_own_knobs(), *knobs],
        inside,
    )


def cat_json(names: Sequence[str]) -> str:
    """Return what Nuke's Cattery menu reads of a folder with the nodes `names`."""
    cats = [{"filepath": f"{name}.gizmo", "name": f"SGHM {name}"} for name in names]
    content = {
        "minimum_nuke_version_required": OLDEST_NUKE,
        "version": 1,
        "category": "Segmentation",
        "description": "Semantic Guided Human Matting: people, without clicks",
        "cats": cats,
    }
    return json.dumps(content, indent=2) + "\n"


def _own_knobs() -> list[UserKnob]:
    return [
        UserKnob(20, "sghm", {"l": "SGHM"}),
        UserKnob(4, "color", {"l": "Plate is", "t": "What it works in.", "M": COLORS}),
        UserKnob(
            7,
            "exposure",
            {
                "l": "Exposure",
                "t": "Stops by which only the network sees it brighter.",
                "R": ("-8", "8"),
            },
        ),
        UserKnob(6, "useGPUIfAvailable", {"l": "Use GPU if available", "+STARTLINE": ""}),
        UserKnob(6, "halfPrecision", {"l": "Optimize for speed and memory", "+STARTLINE": ""}),
    ]


def _view_transform(plate: Node) -> list[Node]:
    """Return the nodes that do to `plate` what `transfer.view_transform` does to linear light."""
    only = Node("Remove", {"operation": "keep", "channels": "rgb", "name": "OnlyColor"}, [plate])
    matrix: dict[str, Value] = {
        "matrix": _rows(AP1_TO_REC709),
        "name": "ToRec709",
        "disable": expression(f"parent.color != {COLORS.index('ACEScg')}"),
    }
    in_gamut = Node("ColorMatrix", matrix, [only])
    lit = _expression("Exposure", "max({c} * pow(2, parent.exposure), 0)", [in_gamut])
    code = "{c} <= 0.0031308 ? {c} * 12.92 : 1.055 * pow({c}, 1 / 2.4) - 0.055"
    coded = _expression("ToSRGB", code, [lit])
    room = round(1 - KNEE, 9)
    rolls = (
        f"{{c}} <= {KNEE} ? {{c}} : ({{c}} - {KNEE}) / ({{c}} - {KNEE} + {room}) * {room} + {KNEE}"
    )
    rolled = _expression("RollOff", rolls, [coded])
    display = expression(f"parent.color == {COLORS.index(COLORS[-1])}")
    chosen = Node("Switch", {"which": display, "name": "AsSeen"}, [rolled, only])
    clamp = Node("Clamp", {"channels": "rgb", "name": "Clamp1"}, [chosen])
    return [only, in_gamut, lit, coded, rolled, chosen, clamp]


def _model(name: str, seen: Node, *, sees_neighbors: bool) -> tuple[Node, list[Node]]:
    """Return the node that runs the model, and what it needs besides `seen`."""
    shown = _with_neighbors(seen) if sees_neighbors else []
    knobs: dict[str, Value] = {
        "useGPUIfAvailable": expression("parent.useGPUIfAvailable"),
        "modelFile": f"[lsearch -inline [plugins -all {name}.cat] *.cat]",
        "halfPrecision": expression("parent.halfPrecision"),
        "serialiseKnob": "",
        "name": INFERENCE,
    }
    return Node("Inference", knobs, [shown[-1] if shown else seen]), shown


def _with_neighbors(seen: Node) -> list[Node]:
    before = Node("TimeOffset", {"time_offset": 1, "name": "Before"}, [seen])
    after = Node("TimeOffset", {"time_offset": -1, "name": "After"}, [seen])
    first = Node("Copy", _moving(BEFORE, "CopyBefore"), [seen, before])
    second = Node("Copy", _moving(AFTER, "CopyAfter"), [first, after])
    return [before, after, first, second]


def _moving(channels: Sequence[str], name: str) -> dict[str, Value]:
    knobs: dict[str, Value] = {}
    for n, (source, target) in enumerate(zip(RGB, channels, strict=True)):
        knobs |= {f"from{n}": source, f"to{n}": target}
    return {**knobs, "name": name}


def _expression(name: str, text: str, inputs: list[Node | None]) -> Node:
    computed: dict[str, Value] = {f"expr{n}": text.format(c=c) for n, c in enumerate("rgb")}
    return Node("Expression", {**computed, "name": name}, inputs)


def _rows(matrix: Sequence[Sequence[float]]) -> Value:
    return Braces(" ".join(f"{{{' '.join(map(str, row))}}}" for row in matrix))
