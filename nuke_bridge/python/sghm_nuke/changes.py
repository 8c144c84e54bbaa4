"""Whether anything changed since a result was made: a digest of all that it depends on."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import nuke

PLACE = ("xpos", "ypos", "selected", "postage_stamp", "note_font", "tile_color", "hide_input")
"""Knobs that say how a node looks, and nothing of its picture."""
NUMBER = re.compile(r"%0?\d*d|#+")


def digest(facts: Dict[str, Any], nodes: Iterable[Optional[nuke.Node]], files: List[str]) -> str:
    """
    Return a text that changes with `facts`, with `nodes` and all above them, and with `files`.

    Args:
        facts: Plain values.
        nodes: What is looked at; None is nothing.
        files: Files and sequences, by their sizes and dates.
    """
    above = [text_of(node) for top in nodes for node in everything_above(top)]
    read = [file for top in nodes for node in everything_above(top) for file in files_of(node)]
    stamps = [stamp for file in sorted({*files, *read}) for stamp in stamps_of(file)]
    told = json.dumps([facts, above, stamps], sort_keys=True)
    return hashlib.sha256(told.encode("utf-8")).hexdigest()


def everything_above(node: Optional[nuke.Node]) -> Iterator[nuke.Node]:
    """Yield `node` and every node that it depends on, each once, also those within groups."""
    waiting, seen = [node], set()
    while waiting:
        each = waiting.pop()
        if each is None or each.fullName() in seen:
            continue
        seen.add(each.fullName())
        yield each
        waiting += each.dependencies(nuke.INPUTS | nuke.HIDDEN_INPUTS | nuke.EXPRESSIONS)
        if isinstance(each, nuke.Group):
            waiting += each.nodes()


def text_of(node: nuke.Node) -> str:
    """Return what a script would say of `node`, but for its looks."""
    lines = node.writeKnobs(nuke.TO_SCRIPT | nuke.WRITE_NON_DEFAULT_ONLY).splitlines()
    kept = [line for line in lines if not line.strip().startswith(PLACE)]
    inputs = [getattr(node.input(at), "name", str)() for at in range(node.inputs())]
    return "\n".join([node.Class(), node.fullName(), *inputs, *kept])


def files_of(node: nuke.Node) -> List[str]:
    """Return the files that `node` reads."""
    file = nuke.filename(node) if node.Class() in ("Read", "DeepRead", "ReadGeo2") else None
    return [file] if file else []


def stamps_of(file: str) -> List[str]:
    """Return name, size and date of `file`, or of each file of the sequence that it names."""
    names = [file]
    if not os.path.exists(file) and NUMBER.search(file):
        parts = NUMBER.split(file)
        names = sorted(glob.glob("*".join(glob.escape(part) for part in parts)))
    return [stamp(name) for name in names]


def numbered(pattern: str, frames: Tuple[int, int]) -> List[str]:
    """Return the files of `frames`, first and last, of a sequence written with %04d or ####."""
    folder, name = os.path.split(pattern)
    found = NUMBER.search(name)
    if found is None:
        return [pattern]
    width = len(found[0]) if found[0].startswith("#") else int(found[0][1:-1] or 1)
    numbers = ("%0*d" % (width, n) for n in range(frames[0], frames[1] + 1))
    return [os.path.join(folder, name.replace(found[0], number, 1)) for number in numbers]


def stamp(name: str) -> str:
    """Return the name, size and date of a file; of one that is missing, that it is."""
    try:
        found = os.stat(name)
    except OSError:
        return name + " is missing"
    return "%s %d %d" % (name, found.st_size, found.st_mtime_ns)
