"""
Scripts that other programs load, in their own Python: they import nothing of this package.

`sghm hosts path NAME` says where one is.
"""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPTS = {"blender": "blender_sequencer.py", "resolve": "resolve_mattes.py"}
"""What each is for, and its file."""


def script(name: str) -> Path:
    """Return where the script for the program `name` is."""
    return Path(__file__).parent / SCRIPTS[name]


def resolve_folder() -> Path:
    """Return where DaVinci Resolve looks for a user's scripts, as its documentation says."""
    home = Path.home()
    data = {
        "win32": home / "AppData/Roaming/Blackmagic Design/DaVinci Resolve/Support",
        "darwin": home / "Library/Application Support/Blackmagic Design/DaVinci Resolve",
    }
    beside = data.get(sys.platform, home / ".local/share/DaVinciResolve")
    return beside / "Fusion" / "Scripts" / "Utility"
