"""The bridge's node as Nuke reads it: its knobs, and the result copied onto the plate."""

from __future__ import annotations

from sghm_vs.hosts.nuke.comps import copying
from sghm_vs.hosts.nuke.script import Node, UserKnob, Value, expression
from sghm_vs.options import (
    LAYOUTS,
    Guides,
    Matting,
    Option,
    OutputFormat,
    options_of,
)

GUIDE_INPUTS = ("mask", "trimap", "keep", "holdout", "keys")
"""The node's inputs after the plate; `nuke_bridge/python/sghm_nuke/node.py` counts them so."""
FIRST_LAYOUT = "matte"
"""What the node makes unasked: the plate is there already."""
ON_ERROR = ("error", "black", "checkerboard", "nearest frame")
"""What a Read does where a frame is missing."""
CALL = "import sghm_nuke.jobs as jobs; jobs.{}"


def bridge_node() -> Node:
    """
    Return the group that is a node of the bridge.

    It shows the plate until there is a result, then the plate with the result's alpha. A group, not
    a gizmo: what it reads is saved with the script, which opens on machines without the bridge.
    """
    plate = Node("Input", {"name": "plate", "xpos": 0, "ypos": 0})
    guides = [
        Node("Input", {"name": name, "number": at, "xpos": 150 + 150 * at, "ypos": 0})
        for at, name in enumerate(GUIDE_INPUTS, start=1)
    ]
    result = Node("Read", {"raw": True, "name": "Result", "xpos": 150, "ypos": 60})
    copy = Node("Copy", {**copying("rgba.alpha"), "xpos": 0, "ypos": 120}, [plate, result])
    which = expression("parent.has_result")
    switch = Node("Switch", {"which": which, "name": "Shown", "ypos": 180}, [plate, copy])
    output = Node("Output", {"name": "Output1", "ypos": 240}, [switch])
    return Node(
        "Group",
        {
            "name": "SGHM_Matte",
            "help": "Mattes people: sghm works on the plate as a process of its own.",
            "label": "[value message]",
            **_values(),
        },
        [None],
        _knobs(),
        [*guides, plate, result, copy, switch, output],
    )


def _options() -> list[Option]:
    """Return the knobs of the matting that the node has, as the command line has them."""
    return [option for option in options_of(Matting) if option.knob.nuke is not None]


def _knobs_of(*, guides: bool) -> list[UserKnob]:
    """Return those of them that are of guides, or the others."""
    names = {option.name for option in options_of(Guides)}
    return [_knob(option) for option in _options() if (option.name in names) == guides]


def _values() -> dict[str, Value]:
    """Return what knobs hold at first, where it isn't nothing or the first choice."""
    return {
        **{option.name: option.default for option in _options() if option.default},
        "sghm_options": " ".join(option.name for option in _options()),
        "colorspace": "auto",
        "first": 1,
        "last": 100,
    }


def _knobs() -> list[UserKnob]:
    return [
        UserKnob(20, "sghm", {"l": "SGHM"}),
        _button("matte", "Matte", "matte(nuke.thisNode())", "Mattes, if something changed."),
        _button(
            "again", "Matte again", "matte(nuke.thisNode(), force=True)", "Mattes all frames anew."
        ),
        _button("stop", "Cancel", "cancel(nuke.thisNode())", "Ends the run; the result stays."),
        _button("read", "Make a Read", "make_read(nuke.thisNode())", "Makes a Read of all layers."),
        UserKnob(26, "of_matte", {"l": "Matte"}),
        _choice("model", "Model", ("auto", "sghm-lite", "sghm-resnet50"), "Which network."),
        UserKnob(2, "checkpoint", {"l": "Checkpoint", "t": "A file in place of the model."}),
        *_knobs_of(guides=False),
        _choice("device", "Device", ("auto", "cpu", "cuda"), "Where the network runs."),
        UserKnob(
            1,
            "colorspace",
            {
                "l": "Color space",
                "t": "What the plate's codes mean, as sghm's --input-colorspace has it; auto is the "
                "Read's, or the working space where the plate is rendered first.",
            },
        ),
        UserKnob(6, "limit_range", {"l": "Limit range", "+STARTLINE": ""}),
        UserKnob(3, "first", {"l": "", "-STARTLINE": ""}),
        UserKnob(3, "last", {"l": "to", "-STARTLINE": ""}),
        UserKnob(26, "of_guides", {"l": "Guides"}),
        *_knobs_of(guides=True),
        _button(
            "find_people",
            "Find people",
            "find_people(nuke.thisNode())",
            "Tell the people in the files of the plate apart, into people.json beside the output, with "
            "a picture of who is who.",
        ),
        UserKnob(
            1,
            "key_frames",
            {
                "l": "Key frames",
                "t": "Which frames of the input keys are keys, for example 1012 1040: painted there, "
                "white is a person, black is not, and what is transparent is left to the network.",
            },
        ),
        UserKnob(6, "limit_area", {"l": "Limit area", "+STARTLINE": ""}),
        UserKnob(
            15, "area", {"l": "", "t": "What is matted; outside the matte is 0.", "-STARTLINE": ""}
        ),
        UserKnob(26, "of_result", {"l": "Result"}),
        UserKnob(
            2,
            "output",
            {"l": "Output", "t": "name.####.exr; if empty, in sghm/NODE/ beside the script."},
        ),
        _layout(),
        _choice("on_error", "Missing frames", ON_ERROR, "What is shown in their place."),
        UserKnob(1, "failed_command", {"l": "Failed command", "t": "Type it to see why."}),
        UserKnob(20, "setup", {"l": "Setup"}),
        UserKnob(
            2,
            "executable",
            {"l": "Executable", "t": "sghm; if empty, SGHM_EXECUTABLE, the installer's, PATH's."},
        ),
        *(
            _hidden(kind, name)
            for kind, name in (
                (6, "has_result"),
                (1, "message"),
                (1, "sghm_state"),
                (1, "sghm_options"),
            )
        ),
    ]


def _knob(option: Option) -> UserKnob:
    """Return the knob of an option, of a kind after its default: a number, a switch, a word."""
    how: dict[str, str | tuple[str, ...]] = {
        "l": option.knob.nuke or option.name,
        "t": f"{option.help[0].upper()}{option.help[1:]}.",
    }
    if option.knob.choices is not None:
        return UserKnob(4, option.name, {**how, "M": option.knob.choices})
    if isinstance(option.default, float):
        span = {"R": (f"{option.knob.least:g}", f"{option.knob.most:g}")}
        return UserKnob(7, option.name, {**how, **span})
    kind = 6 if option.is_switch else 3 if isinstance(option.default, int) else 1
    kind = 2 if option.knob.is_file else kind
    return UserKnob(kind, option.name, how)


def _layout() -> UserKnob:
    option = next(one for one in options_of(OutputFormat) if one.name == "layout")
    # A menu shows its first choice.
    others = (name for name in LAYOUTS if name != FIRST_LAYOUT)
    knob = option.knob._replace(choices=(FIRST_LAYOUT, *others))
    return _knob(option._replace(default=FIRST_LAYOUT, knob=knob))


def _choice(name: str, label: str, choices: tuple[str, ...], tip: str) -> UserKnob:
    return UserKnob(4, name, {"l": label, "t": tip, "M": choices})


def _button(name: str, label: str, call: str, tip: str) -> UserKnob:
    return UserKnob(22, name, {"l": label, "t": tip, "T": CALL.format(call)})


def _hidden(kind: int, name: str) -> UserKnob:
    return UserKnob(kind, name, {"+INVISIBLE": ""})
