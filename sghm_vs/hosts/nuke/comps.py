"""
Comps to start from: what is delivered, over a background, as a compositor would build it.

    plate + matte -> color reaches beyond the edges -> premultiplied -> over
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.files import below, with_slashes
from sghm_vs.hosts.nuke.script import Node, UserKnob, Value, expression, literal
from sghm_vs.media.readers.oiio import MATTE
from sghm_vs.media.sequences import SequencePath
from sghm_vs.options import DATA_LAYOUTS, LAYOUTS, MATTE_WORDS

if TYPE_CHECKING:
    from sghm_vs.media.readers import Source

COLORED = tuple(name for name, row in LAYOUTS.items() if row.has_alpha and not row.is_data)
"""Layouts with the subject's color, premultiplied."""

ALPHA = "rgba.alpha"
CHANNELS = {"A": "alpha", "R": "red", "G": "green", "B": "blue"}
"""Nuke's names of those of EXR files."""
EDGE_PX = 6.0
"""By how much the matte is shrunk before its color is spread, at a height of 1080."""
SPREADS_PX = (4.0, 16.0, 64.0)
"""How far the color is spread, near the edge and farther out, at a height of 1080."""
SCRIPT_FOLDER = "[file dirname [value root.name]]"
"""What Nuke computes as the folder of the script that is open."""
STEP = 80
"""Between nodes in the graph, in its pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFiles:
    """Files that a Read shows."""

    file: str
    """With %04d where the frame's number stands; empty for the user to choose."""
    is_from_script: bool = False
    """Whether `file` is named from the script's folder on."""
    first: int = 1
    last: int = 100
    width: int = 1920
    height: int = 1080
    layout: str = ""
    """The EXR layout, if it is one of ours."""
    is_clean: bool = False
    """Whether its color is the subject's own, without the old background."""
    is_movie: bool = False


def comp(
    matte: ReadFiles,
    plate: ReadFiles | None = None,
    plate_frame: int | None = None,
    alpha: str = ALPHA,
) -> list[Node]:
    """
    Return a comp of `matte`, each node after its inputs.

    Args:
        matte: An alpha, alone or with the subject's color; its layout says which.
        plate: Color for it: the plate, or what the layout "fg" holds. None takes the color
            that the matte brings.
        plate_frame: The plate's number of the matte's first frame; None is the matte's own.
        alpha: Nuke's name of the matte's channel, for a plate.

    Raises:
        SettingsError: The matte brings no color, and there is no plate.
    """
    straight = _from_one(matte) if plate is None else _from_two(matte, plate, plate_frame, alpha)
    edge = edge_extend()
    edge.inputs = [straight[-1]]
    if (plate or matte).is_clean:
        edge.knobs["disable"] = True
    premult = Node("Premult", {"name": "Premult1"}, [edge])
    ground = Node("Constant", _ground(plate or matte))
    over = Node("Merge2", {"operation": "over", "name": "Over"}, [ground, premult])
    nodes = [*straight, edge, premult, ground, over]
    _place(nodes)
    return [_root(matte, plate or matte), *nodes]


def _from_one(matte: ReadFiles) -> list[Node]:
    if matte.layout not in COLORED:
        known = ", ".join(COLORED)
        msg = f"{matte.file or 'the matte'} has no color of its own (layouts {known} have): add --plate"
        raise SettingsError(msg)
    read = Node("Read", reading(matte, "Matte"))
    return [read, Node("Unpremult", {"name": "Unpremult1"}, [read])]


def _from_two(
    matte: ReadFiles, plate: ReadFiles, plate_frame: int | None, channel: str
) -> list[Node]:
    color, alpha = Node("Read", reading(plate, "Plate")), Node("Read", reading(matte, "Matte"))
    nodes = [color]
    shown = matte.first if plate_frame is None else plate_frame
    later = _first(matte) - (shown - plate.first + _first(plate))
    if later:
        knobs: dict[str, Value] = {"time_offset": later, "name": "ToMatte"}
        nodes.append(Node("TimeOffset", knobs, [color]))
    copy = Node("Copy", {**copying(ALPHA), "from0": channel}, [nodes[-1], alpha])
    return [*nodes, alpha, copy]


def _first(footage: ReadFiles) -> int:
    """Return Nuke's number of the first frame: it counts those of a movie from 1."""
    return 1 if footage.is_movie else footage.first


def _last(footage: ReadFiles) -> int:
    return _first(footage) + footage.last - footage.first


def reading(footage: ReadFiles, name: str) -> dict[str, Value]:
    """Return the knobs of a Read of `footage`; what is data is read as it is."""
    first, last, named = _first(footage), _last(footage), literal(footage.file)
    return {
        "file": below(SCRIPT_FOLDER, named) if footage.is_from_script else named,
        "format": f"{footage.width} {footage.height} 0 0 {footage.width} {footage.height} 1 ",
        "first": first,
        "last": last,
        "origfirst": first,
        "origlast": last,
        "origset": True,
        **({"raw": True} if footage.layout in DATA_LAYOUTS else {}),
        "name": name,
    }


def copying(*channels: str) -> dict[str, Value]:
    """Return the knobs of a Copy that brings `channels` from its second input to its first."""
    pairs: dict[str, Value] = {}
    for n, channel in enumerate(channels):
        pairs |= {f"from{n}": channel, f"to{n}": channel}
    return {**pairs, "name": "CopyAlpha"}


def edge_extend() -> Node:
    """
    Return a group that puts the subject's color where the old background shines through.

    It takes straight color with an alpha, and keeps the alpha. Within the shrunken matte the color
    stays; outside it is what blurs of it bring, the narrowest first.
    """
    taken = Node("Input", {"name": "Input1"})
    size = _scaled("-parent.edge")
    core = Node("Dilate", {"channels": "alpha", "size": size, "name": "Core"}, [taken])
    solid = Node("Premult", {"name": "Solid"}, [core])
    nodes, above = [taken, core, solid], solid
    for n, spread in enumerate(SPREADS_PX, start=1):
        size = _scaled(f"{spread:g}*parent.reach")
        blur = Node("Blur", {"channels": "rgba", "size": size, "name": f"Spread{n}"}, [solid])
        above = Node("Merge2", {"operation": "over", "name": f"Under{n}"}, [blur, above])
        nodes += [blur, above]
    straight = Node("Unpremult", {"name": "Straight"}, [above])
    alpha = Node("Copy", copying("rgba.alpha"), [straight, taken])
    nodes += [straight, alpha, Node("Output", {"name": "Output1"}, [alpha])]
    _place(nodes)
    return Node(
        "Group",
        {"edge": EDGE_PX, "reach": 1.0, "name": "EdgeExtend"},
        [None],
        [
            UserKnob(20, "sghm", {"l": "Edge extend"}),
            _number("edge", "edge", "How much of the edge is replaced, in pixels at 1080 lines."),
            _number("reach", "reach", "How far the color is spread; 1 is 64 pixels at 1080 lines."),
        ],
        nodes,
    )


def footage(source: Source, script_folder: Path | None = None) -> ReadFiles:
    """
    Return what was opened: a sequence (x.####.exr), a picture, or a movie.

    Args:
        source: What was opened.
        script_folder: From which it is named; None is the root of the file system.

    Raises:
        SourceError: Nuke can't read it.
        SettingsError: It is on another drive than the script's folder.
    """
    path = Path(source.path or source.name)
    if source.kind == "script":
        msg = f"{path} is a script, which Nuke can't read; render it first: sghm export {path} -o …"
        raise SourceError(msg)
    sequence = SequencePath.parse(path) if source.kind == "sequence" else None
    if source.kind == "sequence" and sequence is None:
        msg = f"{path} is a folder; name its files, for example {path}/plate.####.exr"
        raise SourceError(msg)
    first = source.first_number
    layout, is_clean = form_of(path if sequence is None else sequence.frame(first))
    file = (path if sequence is None else _pattern(sequence)).absolute()
    return ReadFiles(
        file=with_slashes(file if script_folder is None else _from(script_folder, file)),
        is_from_script=script_folder is not None,
        first=first,
        last=first + source.clip.num_frames - 1,
        width=source.clip.width,
        height=source.clip.height,
        layout=layout,
        is_clean=is_clean,
        is_movie=source.kind == "movie",
    )


def _from(folder: Path, file: Path) -> Path:
    """Return `file` as it is named from `folder` on."""
    try:
        return Path(os.path.relpath(file, folder.absolute()))
    except ValueError as error:
        msg = f"{file} is on another drive than {folder}; leave out --relative"
        raise SettingsError(msg) from error


def nuke_channel(matte: Source, asked: str | None) -> str:
    """
    Return what Nuke calls the channel that is the matte.

    Raises:
        SettingsError: `asked` is none of Nuke's.
    """
    if asked == "luma":
        words = "|".join(word for word in MATTE_WORDS if word != "luma")
        msg = f"--matte-channel luma is no channel of Nuke's; choose {words}, or one by its name"
        raise SettingsError(msg)
    if asked in MATTE_WORDS:
        return f"rgba.{asked}"
    with matte.clip.get_frame(0) as frame:
        layer, _, channel = str(frame.props.get(MATTE, "A")).rpartition(".")
    return f"{layer.replace('.', '_') or 'rgba'}.{CHANNELS.get(channel, channel)}"


def form_of(path: Path) -> tuple[str, bool]:
    """
    Return which layout of ours the picture at `path` has, and whether its color is the subject's own.

    The layout is "" if it isn't ours.
    """
    import OpenImageIO

    file = OpenImageIO.ImageInput.open(str(path)) if path.suffix.lower() == ".exr" else None
    if file is None:
        OpenImageIO.geterror()
        return "", False
    try:
        spec = file.spec()
        if spec.get_string_attribute("Software") != "sghm_vs":
            return "", False
        is_parted = bool(file.seek_subimage(1, 0))
    finally:
        file.close()
    is_clean = spec.get_string_attribute("sghm_vs:foreground") == "estimate"
    is_data = spec.get_string_attribute("colorInteropID") == "data"
    return _layout(set(spec.channelnames), is_data=is_data, is_parted=is_parted), is_clean


def _layout(channels: set[str], *, is_data: bool, is_parted: bool) -> str:
    if "matte.A" in channels:
        return "layered"
    if channels == {"A"}:
        return "alpha"
    if "A" not in channels:
        return "fg"
    return "multipart" if is_parted else "matte" if is_data else "rgba"


def template(layout: str) -> list[Node]:
    """Return the comp of `layout` with its files left open, for a menu of tools."""
    has_alpha = LAYOUTS[layout].has_alpha
    matte = ReadFiles(file="", layout=layout if has_alpha else "matte")
    plate = ReadFiles(file="", is_clean=not has_alpha)
    return comp(matte, None if layout in COLORED else plate)[1:]


def _pattern(sequence: SequencePath) -> Path:
    return sequence.folder / f"{sequence.prefix}%0{sequence.padding}d{sequence.suffix}"


def _root(shown: ReadFiles, footage: ReadFiles) -> Node:
    """Return the settings: the frames of `shown`, the size of `footage`."""
    size = f"{footage.width} {footage.height} 0 0 {footage.width} {footage.height} 1 sghm"
    first = _first(shown)
    numbers = {"frame": first, "first_frame": first, "last_frame": _last(shown)}
    return Node("Root", {**numbers, "lock_range": True, "format": size})


def _ground(footage: ReadFiles) -> dict[str, Value]:
    size = f"{footage.width} {footage.height} 0 0 {footage.width} {footage.height} 1 "
    return {"channels": "rgb", "color": [0.18, 0.18, 0.18, 0], "format": size, "name": "Background"}


def _scaled(length: str) -> Value:
    return expression(f"{length}*input.height/1080")


def _number(name: str, label: str, tip: str) -> UserKnob:
    return UserKnob(7, name, {"l": label, "t": tip, "R": ("0", "20")})


def _place(nodes: list[Node]) -> None:
    """Put `nodes` below each other, and those that a second input comes from to the right."""
    side = {id(each) for node in nodes for each in node.inputs[1:]}
    for row, node in enumerate(nodes):
        is_aside = id(node) in side and not node.inputs
        node.knobs |= {"xpos": 2 * STEP if is_aside else 0, "ypos": row * STEP}
