"""
Human matting for VapourSynth, with compositing-grade export.

    from sghm_vs import sghm
    alpha = sghm(core.bs.VideoSource("plate.mov"))
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from sghm_vs.errors import SghmError

if TYPE_CHECKING:
    from sghm_vs.filter.edges import edges
    from sghm_vs.filter.foreground import foreground
    from sghm_vs.filter.sghm import attach, sghm
    from sghm_vs.media.writers import export

__all__ = ["SghmError", "__version__", "attach", "edges", "export", "foreground", "sghm"]
__version__: str
"""Looked up when it is asked for: a checkout on PYTHONPATH has none, and mattes all the same."""

_HOMES = {
    "attach": "filter.sghm",
    "edges": "filter.edges",
    "export": "media.writers",
    "foreground": "filter.foreground",
    "sghm": "filter.sghm",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, and with it torch or VapourSynth, on first use."""
    if name == "__version__":
        return version("sghm-vs")
    if name in _HOMES:
        return getattr(import_module(f"sghm_vs.{_HOMES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
