"""The plate that a file of who is who is of, where Nuke renders it: kept beside the file."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Optional, Tuple

import nuke

from . import changes
from .command import Plate
from .plate import render, working_space

FOLDER = "people_plate"
NOTE = "rendered.json"
"""What was rendered there; it is written last."""
CHANNELS = "rgb"


def folder_of(people: str) -> str:
    """Return the folder of the plate that the file `people` is of."""
    return os.path.dirname(people) + "/" + FOLDER


def keep(node: nuke.Node, people: str, frames: Tuple[int, int], colorspace: Optional[str]) -> Plate:
    """
    Render `frames` of `node` into the folder beside `people`, in place of what was kept there.

    Raises:
        CancelledError: The artist cancelled it.
        BridgeError: Nuke can't render it.
    """
    folder = folder_of(people)
    _clear(folder)
    noted = _facts(node, colorspace)
    file = render(node, CHANNELS, folder, frames)
    with open(os.path.join(folder, NOTE), "w", encoding="utf-8") as note:
        json.dump(dict(noted, first=frames[0], last=frames[1]), note)
    return Plate(file, frames[0], frames[1], colorspace=noted["colorspace"])


def kept(
    node: nuke.Node, people: str, frames: Tuple[int, int], colorspace: Optional[str]
) -> Optional[Plate]:
    """Return the plate that is kept for `people`, if it is what `node` shows in all of `frames`."""
    folder = folder_of(people)
    try:
        with open(os.path.join(folder, NOTE), encoding="utf-8") as note:
            noted = json.load(note)
        first, last = int(noted.pop("first")), int(noted.pop("last"))
    except (OSError, ValueError, KeyError):
        return None
    file = folder + "/" + CHANNELS + ".%04d.exr"
    is_there = all(map(os.path.exists, changes.numbered(file, (first, last))))
    has_all = first <= frames[0] and frames[1] <= last
    if not (is_there and has_all and noted == _facts(node, colorspace)):
        return None
    return Plate(file, frames[0], frames[1], colorspace=noted["colorspace"])


def _facts(node: nuke.Node, colorspace: Optional[str]) -> Dict[str, Any]:
    space = colorspace or working_space()
    working = str(nuke.root()["workingSpaceLUT"].value())
    return {"colorspace": space, "digest": changes.digest({"working": working}, [node], [])}


def _clear(folder: str) -> None:
    """Remove what was rendered before, and nothing else."""
    if not os.path.isdir(folder):
        return
    for name in sorted(os.listdir(folder), reverse=True):
        if name == NOTE or (name.startswith(CHANNELS + ".") and name.endswith(".exr")):
            os.remove(os.path.join(folder, name))
