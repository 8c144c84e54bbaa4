"""
Scripts that other programs load, in their own Python: they import nothing of this package.

`sghm nle path NAME` says where one is.
"""

from __future__ import annotations

from pathlib import Path

SCRIPTS = {"blender": "blender_sequencer.py"}
"""What each is for, and its file."""


def script(name: str) -> Path:
    """Return where the script for the program `name` is."""
    return Path(__file__).parent / SCRIPTS[name]
