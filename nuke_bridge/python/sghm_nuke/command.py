"""The words of a command line, from what is asked for."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple


class Plate(NamedTuple):
    """Files as `sghm` counts them."""

    file: str
    """A movie, or a sequence with %04d where the number stands."""
    first: int
    """As the result is numbered, as all of Nuke's frames are."""
    last: int
    offset: int = 0
    """What is taken from these numbers to get the source's: 1 for movies, counted from 0."""
    colorspace: Optional[str] = None
    """What its codes mean; None leaves it to what the file says."""


class Request(NamedTuple):
    """What a node asks for."""

    output: str
    """With %04d where the frame's number stands."""
    layout: str = "matte"
    model: str = "auto"
    device: str = "auto"
    knobs: Tuple[Tuple[str, str], ...] = ()
    """Further options and their words."""


def words(
    executable: str,
    request: Request,
    plate: Plate,
    guides: Optional[Mapping[str, str]] = None,
) -> List[str]:
    """
    Return the command that makes what is asked for, a word each, never a shell's line.

    Args:
        executable: The program.
        request: What is asked for.
        plate: What is matted.
        guides: Files by the option that names them.
    """
    said = [executable, "matte", plate.file, "-o", request.output]
    # With "=", since a negative number looks like an option.
    said += ["--frames=%d-%d" % (plate.first - plate.offset, plate.last - plate.offset)]
    if plate.offset:
        said += ["--start-number=%d" % plate.first]
    said += ["--%s=%s" % setting for setting in settings(request).items()]
    if plate.colorspace is not None:
        said += ["--input-colorspace", plate.colorspace]
    for name, file in (guides or {}).items():
        said += ["--" + name, file]
    # What is there by now is the node's own; see node.claim.
    return [*said, "--overwrite"]


def finding(executable: str, request: Request, plate: Plate, file: str) -> List[str]:
    """
    Return the command that tells the people of a plate apart, a word each.

    Args:
        executable: The program.
        request: What is asked for; of that, where the network runs and what it sees.
        plate: What is looked at.
        file: Where it is written who is who; a picture of that goes beside it.
    """
    said = [executable, "people", plate.file, "-o", file, "--sheet", file[: -len("json")] + "png"]
    said += ["--frames=%d-%d" % (plate.first - plate.offset, plate.last - plate.offset)]
    seen = dict(settings(request))
    said += ["--%s=%s" % (name, seen[name]) for name in ("device", "exposure") if name in seen]
    if plate.colorspace is not None:
        said += ["--input-colorspace", plate.colorspace]
    return said


def settings(request: Request) -> Dict[str, str]:
    """Return what shapes the result, by the option's name."""
    return dict(request.knobs, layout=request.layout, model=request.model, device=request.device)


def as_typed(command: List[str]) -> str:
    """Return `command` as a person would type it in this system's shell."""
    if os.name == "nt":
        return subprocess.list2cmdline(command)
    return " ".join(shlex.quote(word) for word in command)
