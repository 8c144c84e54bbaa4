"""The node in the graph: what its knobs ask for, and what they show of a run."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, NamedTuple, Optional, Tuple

import nuke

from .changes import NUMBER, numbered
from .command import Request
from .errors import BridgeError
from .plate import escaped

OPTIONS = "sghm_options"
"""A hidden knob: the names of those that are options of `sghm matte`."""
STATE = "sghm_state"
"""A hidden knob: what the result was made of. A node that has it is ours."""
DATA_LAYOUTS = ("matte", "alpha", "cryptomatte")
FAILED_COLOR = 0xB02020FF
GUIDE_INPUTS = ("mask", "trimap", "keep", "holdout", "keys")
"""The options that inputs give, from the second input on."""
GUIDED = {
    "guide-band": ("mask", "keys", "screen"),
    "key-span": ("keys",),
    "person": ("people",),
}
"""Options that do nothing without one of these."""


class Asked(NamedTuple):
    """What a node looks at, and what for."""

    request: Request
    plate: nuke.Node
    guides: Dict[str, nuke.Node]
    """By their names in `GUIDE_INPUTS`."""
    key_frames: Tuple[int, ...]
    """Which of the guide `keys` are keys."""
    people: str
    """A file that says who is who in the plate's files; empty is none."""
    frames: Tuple[int, int]
    colorspace: Optional[str]
    executable: str


def asked(node: nuke.Node) -> Asked:
    """
    Return what the knobs and inputs of `node` ask for.

    Raises:
        BridgeError: Something is missing.
    """
    plate = node.input(0)
    if plate is None:
        raise BridgeError("nothing is connected; connect the node to a plate")
    space = str(node["colorspace"].value()).strip()
    guides = guides_of(node)
    request = Request(
        output=output_of(node),
        layout=str(node["layout"].value()),
        model=str(node["checkpoint"].value() or node["model"].value()),
        device=str(node["device"].value()),
        knobs=knobs_of(node, guides) + _area(node, plate),
    )
    return Asked(
        request=request,
        plate=plate,
        guides=guides,
        key_frames=key_frames(node, guides),
        people=_word(node["people"]),
        frames=_frames(node, plate),
        colorspace=None if space in ("", "auto") else space,
        executable=str(node["executable"].value()),
    )


def guides_of(node: nuke.Node) -> Dict[str, nuke.Node]:
    """Return what is connected to `node` besides the plate, by the option that it gives."""
    connected = {name: node.input(at) for at, name in enumerate(GUIDE_INPUTS, 1)}
    return {name: guide for name, guide in connected.items() if guide is not None}


def key_frames(node: nuke.Node, guides: Dict[str, nuke.Node]) -> Tuple[int, ...]:
    """
    Return which frames of the input keys are keys; none if nothing is connected to it.

    Raises:
        BridgeError: The knob names none, or has no input.
    """
    said = str(node["key_frames"].value()).replace(",", " ").split()
    if "keys" in guides and not said:
        raise BridgeError(
            "the input keys is connected; say in Key frames which of its frames are keys, for "
            "example 1012 1040"
        )
    if said and "keys" not in guides:
        raise BridgeError("Key frames names %s, and nothing is connected to keys" % said[0])
    try:
        return tuple(int(word) for word in said)
    except ValueError:
        raise BridgeError("Key frames are %r; write numbers: 1012 1040" % " ".join(said)) from None


def knobs_of(node: nuke.Node, guides: Dict[str, nuke.Node]) -> Tuple[Tuple[str, str], ...]:
    """
    Return the options that the node itself lists, each with the word of its knob's value.

    Those that are empty are left out, and those that nothing would use.
    """
    names = str(node[OPTIONS].value()).split()
    words = {name.replace("_", "-"): _word(node[name]) for name in names}
    given = {name for name, word in words.items() if word}.union(guides)
    return tuple(
        (name, word)
        for name, word in words.items()
        if word and (name not in GUIDED or given.intersection(GUIDED[name]))
    )


def _area(node: nuke.Node, plate: nuke.Node) -> Tuple[Tuple[str, str], ...]:
    """Return the rectangle that is matted, which Nuke counts from the bottom and `sghm` from the top."""
    knob = node["area"]
    if not node["limit_area"].value() or not isinstance(knob, nuke.BBox_Knob):
        return ()
    left, bottom, right, top = (round(side()) for side in (knob.x, knob.y, knob.r, knob.t))
    if right <= left or top <= bottom:
        raise BridgeError("the area is empty; draw it, or switch Limit area off")
    rectangle = left, plate.format().height() - top, right - left, top - bottom
    return (("roi", ",".join(map(str, rectangle))),)


def _word(knob: nuke.Knob) -> str:
    value = knob.value()  # type: Any
    if isinstance(knob, nuke.File_Knob):
        # What stands in brackets is computed.
        return str(knob.getEvaluatedValue() or "").replace("\\", "/")
    if isinstance(knob, nuke.Int_Knob):
        return str(int(value))
    return repr(float(value)) if isinstance(value, float) else str(value)


def output_of(node: nuke.Node) -> str:
    """
    Return where the result goes, with %04d: what the knob says, or a folder beside the script.

    Raises:
        BridgeError: The script has no place yet, or the name no place for the frame's number.
    """
    knob = node["output"]
    # In the notation with %04d, and what stands in brackets computed.
    chosen = knob.getEvaluatedValue() if isinstance(knob, nuke.File_Knob) else knob.value()
    if not chosen:
        script = nuke.root().name()
        if not os.path.isabs(script):
            raise BridgeError("save the script first, or say in the knob Output where mattes go")
        name = node.fullName().replace(".", "_")
        return "/".join([os.path.dirname(script), "sghm", name, name + ".%04d.exr"])
    file = str(chosen).replace("\\", "/")
    if not file.lower().endswith(".exr") or NUMBER.search(os.path.basename(file)) is None:
        raise BridgeError("the output %s is no EXR sequence; write name.####.exr" % file)
    if not os.path.isabs(file):
        raise BridgeError("the output %s has no folder to start from; give a full path" % file)
    return file


def _frames(node: nuke.Node, plate: nuke.Node) -> Tuple[int, int]:
    if not node["limit_range"].value():
        return int(plate.firstFrame()), int(plate.lastFrame())
    first, last = int(node["first"].value()), int(node["last"].value())
    if last < first:
        raise BridgeError("the range %d-%d ends before it begins" % (first, last))
    return first, last


def state_of(node: nuke.Node) -> Dict[str, Any]:
    """Return what was noted of the last result; nothing if there is none."""
    knob = node[STATE]
    # What `value` returns is computed: brackets in a path would be run.
    text = knob.getText() if isinstance(knob, nuke.String_Knob) else knob.value()
    try:
        noted = json.loads(text or "{}")
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) else {}


def claim(node: nuke.Node, output: str, frames: Tuple[int, int]) -> None:
    """
    Note that `output` is this node's to write, and to replace when it runs again.

    Raises:
        BridgeError: Files are there that it didn't write, or its folder can't be made.
    """
    noted = state_of(node)
    if output in (noted.get("output"), noted.get("claimed")):
        return
    existing = [file for file in numbered(output, frames) if os.path.exists(file)]
    if existing:
        raise BridgeError(
            "%s exists already, and this node did not write it; choose another Output, or move "
            "it away" % existing[0]
        )
    try:
        os.makedirs(os.path.dirname(output), exist_ok=True)
    except OSError as error:
        raise BridgeError("the folder of the output can't be made: %s" % error) from error
    node[STATE].setValue(json.dumps(dict(noted, claimed=output)))


def show_result(node: nuke.Node, output: str, frames: Tuple[int, int], digest: str) -> None:
    """Let `node` read what was made, and note what it was made of."""
    layout = str(node["layout"].value())
    fill_read(inner(node, "Result"), output, frames, layout, str(node["on_error"].value()))
    node["has_result"].setValue(True)
    node[STATE].setValue(
        json.dumps({"digest": digest, "output": output, "first": frames[0], "last": frames[1]})
    )
    node["failed_command"].setValue("")
    node["tile_color"].setValue(0)
    say(node, "frames %d-%d" % frames)


def show_people(node: nuke.Node, file: str) -> None:
    """Let `node` matte by who is who in `file`."""
    node["people"].setValue(escaped(file))
    node["failed_command"].setValue("")
    node["tile_color"].setValue(0)
    say(node, "people found; see %s" % (os.path.basename(file)[: -len("json")] + "png"))


def show_failure(node: nuke.Node, why: str, command: str) -> None:
    """Show on `node` that it failed, why, and the command to repeat."""
    node["tile_color"].setValue(FAILED_COLOR)
    node["failed_command"].setValue(command)
    say(node, "FAILED: " + why)


def say(node: nuke.Node, words: str) -> None:
    """Show `words` on `node`, below its name."""
    node["message"].setValue(escaped(words))


def place_read(node: nuke.Node) -> nuke.Node:
    """
    Put a Read of the result, with all its layers, beside `node`, and return it.

    Raises:
        BridgeError: There is no result.
    """
    noted = state_of(node)
    if "output" not in noted:
        raise BridgeError("there is no result yet; press Matte first")
    with node.parent():
        read = nuke.nodes.Read(name=node.name() + "_read")
    fill_read(
        read,
        noted["output"],
        (noted["first"], noted["last"]),
        str(node["layout"].value()),
        str(node["on_error"].value()),
    )
    read.setXYpos(node.xpos() + 120, node.ypos())
    return read


def fill_read(
    read: nuke.Node, output: str, frames: Tuple[int, ...], layout: str, on_error: str
) -> None:
    """Let `read` show `output`: its frames and no others, data as it is."""
    read["file"].setValue(escaped(output))
    for name, value in zip(("first", "last", "origfirst", "origlast"), frames * 2):
        read[name].setValue(value)
    read["origset"].setValue(True)
    read["raw"].setValue(layout in DATA_LAYOUTS)
    read["on_error"].setValue(on_error)
    reload = read["reload"]
    if isinstance(reload, nuke.Script_Knob):
        reload.execute()


def inner(node: nuke.Node, name: str) -> nuke.Node:
    """
    Return the node called `name` inside `node`.

    Raises:
        BridgeError: Somebody removed it.
    """
    found = node.node(name) if isinstance(node, nuke.Group) else None
    if found is None:
        raise BridgeError("%s lost its inner node %s; make a new one" % (node.name(), name))
    return found
