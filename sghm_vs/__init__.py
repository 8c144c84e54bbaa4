"""
Human matting for VapourSynth, with compositing-grade export.

    from sghm_vs import sghm
    alpha = sghm(core.bs.VideoSource("plate.mov"))
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from sghm_vs.errors import SghmError

if TYPE_CHECKING:
    from sghm_vs.delivery import export
    from sghm_vs.filter import attach, sghm

__all__ = ["SghmError", "__version__", "attach", "export", "sghm"]
__version__ = version("sghm-vs")


def __getattr__(name: str) -> object:
    """Import the filter and the export, and with them torch and VapourSynth, on first use."""
    if name in ("attach", "sghm"):
        from sghm_vs import filter

        return getattr(filter, name)
    if name == "export":
        from sghm_vs import delivery

        return delivery.export
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
