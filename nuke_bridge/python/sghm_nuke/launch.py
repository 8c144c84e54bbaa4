"""Which `sghm` is run, and in which environment."""

from __future__ import annotations

import os
import shutil
from typing import Dict, Mapping, Optional

from .errors import BridgeError

VARIABLE = "SGHM_EXECUTABLE"
NOTE = "executable.txt"
"""Written beside this package by `sghm nuke install`: which sghm installed it."""

LEAKS = ("PYTHON", "LD_", "DYLD_", "QT_", "QML", "TCL_", "TK_", "NUKE_", "FN_", "VIRTUAL_ENV")
"""How variables begin that make another Python load what belongs to Nuke."""


def clean_environment(environment: Mapping[str, str], nuke_folder: str) -> Dict[str, str]:
    """
    Return `environment` without what Nuke puts there for its own Python and libraries.

    Args:
        environment: Of Nuke's process; it stays as it is.
        nuke_folder: Where Nuke's program is; it and what is below leave the search path.
    """
    cleaned = {
        name: value for name, value in environment.items() if not name.upper().startswith(LEAKS)
    }
    folders = cleaned.get("PATH", "").split(os.pathsep)
    kept = [folder for folder in folders if not is_within(folder, nuke_folder)]
    cleaned["PATH"] = os.pathsep.join(kept)
    return cleaned


def is_within(folder: str, parent: str) -> bool:
    """Return whether `folder` is `parent` or below it."""
    if not folder or not parent:
        return False
    inner, outer = (os.path.normcase(os.path.abspath(each)) for each in (folder, parent))
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def find_executable(chosen: str, environment: Mapping[str, str]) -> str:
    """
    Return the `sghm` to run: the chosen one, SGHM_EXECUTABLE's, the installer's, or PATH's.

    Raises:
        BridgeError: There is none, or what was named is no program.
    """
    named = (
        (chosen.strip(), "the knob Executable"),
        (environment.get(VARIABLE, ""), "the variable " + VARIABLE),
    )
    for path, where in named:
        if path:
            found = shutil.which(os.path.expanduser(path), path=environment.get("PATH"))
            if found is None:
                raise BridgeError(
                    "%s names %s, which is no program that can be run; give the path of sghm, "
                    "which `which sghm` prints (`where sghm` on Windows)" % (where, path)
                )
            return found
    found = shutil.which(_installer() or "", path="") or shutil.which(
        "sghm", path=environment.get("PATH")
    )
    if found is None:
        raise BridgeError(
            "no sghm was found; install sghm-vs (Python 3.12), then run `sghm nuke install`, or "
            "name its program in the knob Executable or in " + VARIABLE
        )
    return found


def _installer() -> Optional[str]:
    note = os.path.join(os.path.dirname(os.path.abspath(__file__)), NOTE)
    if not os.path.isfile(note):
        return None
    with open(note, encoding="utf-8") as file:
        return file.read().strip()
