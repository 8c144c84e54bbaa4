"""How an alpha is made: every knob that changes its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sghm_vs.errors import SettingsError

Sizing = Literal["pad", "image", "video"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Equal settings, weights and frames give equal alphas."""

    sizing: Sizing = "pad"
    """
    How a picture is brought to the network's multiples of 64.

    "pad" keeps the aspect and repeats the border; "image" and "video" squeeze as the published
    scripts for pictures and for movies do.
    """
    infer_size: int = 1280
    """In "pad" sizing, the short side in pixels above which a picture is shrunk first."""
    tr: int = 0
    """Temporal radius in frames; 0 mattes each frame alone."""

    def __post_init__(self) -> None:
        if self.sizing not in get_args(Sizing):
            known = ", ".join(get_args(Sizing))
            msg = f"sizing is {self.sizing!r} and must be one of {known}"
            raise SettingsError(msg)
        if self.infer_size < 64:
            msg = f"infer_size is {self.infer_size} and must be at least 64 (pixels, short side)"
            raise SettingsError(msg)
        if self.tr != 0:
            msg = f"tr is {self.tr}, and temporal filtering is not there yet; use tr=0"
            raise SettingsError(msg)
