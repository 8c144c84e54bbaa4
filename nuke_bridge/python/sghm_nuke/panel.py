"""A dialog: settings once, for every node that is selected."""

from __future__ import annotations

import re
from typing import Dict, Optional, Tuple

import nuke

from . import jobs
from .errors import BridgeError

TITLE = "SGHM: matte what is selected"
MODEL, NEIGHBORS, SIZE, LAYOUT, FRAMES = "Model", "Neighbors", "Size", "Layout", "Frames"
NO_PICTURE = ("Viewer", "BackdropNode", "StickyNote", "Write")
BELOW = 120
"""Where a node is put, in the graph's pixels."""


def matte_selected() -> None:
    """Ask for settings, put a node below each selected one, and start them all."""
    chosen = [node for node in nuke.selectedNodes() if node.Class() not in NO_PICTURE]
    if not chosen:
        nuke.message("Select one or several Reads, or any nodes, first.")
        return
    try:
        answers = ask()
    except BridgeError as error:
        nuke.message(str(error))
        return
    if answers is not None:
        for node in chosen:
            jobs.matte(put_below(node, answers))


def ask() -> Optional[Dict[str, object]]:
    """
    Return the values of knobs that the artist gives; None if the dialog was cancelled.

    Raises:
        BridgeError: An answer is no number, or no range.
    """
    panel = nuke.Panel(TITLE)
    panel.addEnumerationPulldown(MODEL, "auto sghm-lite sghm-resnet50")
    panel.addSingleLineInput(NEIGHBORS, "2")
    panel.addSingleLineInput(SIZE, "1280")
    panel.addEnumerationPulldown(LAYOUT, "matte rgba alpha layered fg multipart")
    panel.addSingleLineInput(FRAMES, "all")
    if not panel.show():
        return None
    knobs = {
        "model": panel.value(MODEL),
        "tr": number(panel.value(NEIGHBORS), NEIGHBORS),
        "infer_size": number(panel.value(SIZE), SIZE),
        "layout": panel.value(LAYOUT),
    }  # type: Dict[str, object]
    frames = frames_of(panel.value(FRAMES))
    if frames is not None:
        knobs.update(limit_range=True, first=frames[0], last=frames[1])
    return knobs


def put_below(node: nuke.Node, knobs: Dict[str, object]) -> nuke.Node:
    """Put one of ours below `node`, with these values, and return it."""
    made = nuke.createNode("SGHM_Matte", inpanel=False)
    made.setInput(0, node)
    made.setXYpos(node.xpos(), node.ypos() + BELOW)
    for name, value in knobs.items():
        made[name].setValue(value)
    return made


def number(text: str, what: str) -> int:
    """
    Return the whole number that `text` is.

    Raises:
        BridgeError: It is none.
    """
    if not text.strip().isdigit():
        raise BridgeError("%s is %r, and must be a whole number" % (what, text))
    return int(text)


def frames_of(text: str) -> Optional[Tuple[int, int]]:
    """
    Return the range that `text` ("1001-1040", or one frame) names; None for all frames.

    Raises:
        BridgeError: It is no range.
    """
    if text.strip() in ("", "all"):
        return None
    found = re.match(r"\s*(-?\d+)(?:-(-?\d+))?\s*$", text)
    if found is None:
        raise BridgeError("Frames are %r; write first-last, for example 1001-1040, or all" % text)
    first, last = found.groups()
    return int(first), int(first if last is None else last)
