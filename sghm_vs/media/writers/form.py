"""What form outputs have, as far as their names leave it open."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sghm_vs.errors import ExportError

LAYOUTS = ("rgba", "matte", "alpha", "layered", "fg", "multipart")
SAMPLES = ("half", "float")
COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "pxr24", "dwaa", "dwab")
CODECS: Mapping[str, str] = {
    "prores4444": ".mov",
    "prores4444xq": ".mov",
    "animation": ".mov",
    "ffv1": ".mkv",
    "ffv1-alpha": ".mkv",
    "h264": ".mp4",
}
"""Codecs of movies, by name, and the ending they go with."""
USUAL: Mapping[str, str] = {".mov": "prores4444", ".mkv": "ffv1-alpha", ".mp4": "h264"}
"""The codec of an ending unless another is asked for."""
QUALITY_MAX = 31
EXTRA_LAYOUTS = ("layered", "multipart")
"""Those that hold mattes besides the alpha."""

LAYER = re.compile(r"[A-Za-z][A-Za-z0-9]*")
RESERVED = frozenset({"rgba", "rgb", "alpha", "mask", "depth", "motion", "forward", "backward",
                      "deep", "matte", "other", "all", "none"})  # fmt: skip
"""Layers that mean something else to a host (Nuke: mask, depth, …), and our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """
    How outputs are made; each is for the forms that have it, and others ignore it.

    Raises (when it is made):
        ExportError: A value is not one of those listed, or they don't go together.
    """

    layout: str = "rgba"
    """EXR channels: "rgba" scene-linear and premultiplied; "matte" the alpha as R, G, B and A;
    "alpha" as A alone; "layered" rgba and the layers `matte.A` and NAME.A of every extra matte;
    "fg" straight linear color; "multipart" rgba, and in a part of its own, tagged as data, the
    mattes of "layered"."""
    sample: str = "half"
    """EXR samples: "half" or "float"."""
    compression: str = "zip"
    """EXR: none, rle, zips, zip, piz, pxr24 (24 bits of a float), or the lossy dwaa and dwab."""
    codec: str | None = None
    """Of movies: "prores4444", "prores4444xq" or "animation" (8 bits) in .mov; "ffv1" (10 bits)
    or "ffv1-alpha" (16 bits, without color) in .mkv; None is the ending's usual one."""
    premultiplied: bool = False
    """Whether color in movies is multiplied by the alpha; EXR says by its layout."""
    audio: bool = False
    """Whether movies get the sound of the footage."""
    quality: int = 4
    """ProRes quantizer, 1 (best) to 31; the alpha is lossless at any."""

    def __post_init__(self) -> None:
        _check_word("layout", self.layout, LAYOUTS)
        _check_word("sample", self.sample, SAMPLES)
        _check_word("compression", self.compression, COMPRESSIONS)
        if self.codec is not None:
            _check_word("codec", self.codec, CODECS)
        if not 1 <= self.quality <= QUALITY_MAX:
            msg = f"quality is {self.quality} and must be from 1 (best) to 31 (smallest)"
            raise ExportError(msg)
        self._check_lossless()

    def codec_of(self, suffix: str) -> str:
        """Return the codec of a movie that ends in `suffix`."""
        is_for_it = self.codec is not None and CODECS[self.codec] == suffix
        return self.codec if self.codec is not None and is_for_it else USUAL[suffix]

    def layer_of(self, suffix: str) -> str:
        """Return what an output that ends in `suffix` holds, in a word for its name."""
        if suffix == ".exr":
            return self.layout
        if suffix == ".png" or (suffix in USUAL and self.codec_of(suffix) == "ffv1-alpha"):
            return "alpha"
        return "review" if suffix == ".mp4" else "rgba"

    def fields(self) -> dict[str, Any]:
        """Return each field's value by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _check_lossless(self) -> None:
        """Refuse what would change a matte."""
        if self.compression in ("dwaa", "dwab") and self.layout == "matte":
            msg = (
                f"compression {self.compression} keeps A as it is, and changes the matte in R, G "
                "and B of layout matte by up to 0.016; use layout alpha, or compression zip"
            )
            raise ExportError(msg)
        if self.compression == "pxr24" and self.sample == "float" and self.layout != "fg":
            msg = (
                "compression pxr24 cuts float samples to 24 bits, the matte's as well; use sample "
                "half, which it keeps, or compression zip"
            )
            raise ExportError(msg)


def check_layers(names: Collection[str], form: Form) -> None:
    """
    Refuse names of extra mattes that no EXR file should have, or that nothing would hold.

    Raises:
        ExportError: As said.
    """
    for name in names:
        if LAYER.fullmatch(name) is None or name.lower() in RESERVED:
            msg = f"{name!r} can't name a layer: write a word that no host reserves, such as core"
            raise ExportError(msg)
    if names and form.layout not in EXTRA_LAYOUTS:
        msg = (
            f"layout {form.layout} holds no mattes besides the alpha, and {', '.join(names)} "
            f"were given; use layout {' or '.join(EXTRA_LAYOUTS)}"
        )
        raise ExportError(msg)


def check_suffixes(suffixes: Collection[str], form: Form) -> None:
    """
    Refuse a codec that no output has.

    Raises:
        ExportError: As said.
    """
    if form.codec is not None and CODECS[form.codec] not in suffixes:
        needed = CODECS[form.codec]
        msg = f"codec {form.codec} goes into {needed}, and no output is one; write -o x{needed}"
        raise ExportError(msg)


def _check_word(name: str, found: str, known: Collection[str]) -> None:
    if found not in known:
        msg = f"{name} is {found!r} and must be one of {', '.join(known)}"
        raise ExportError(msg)
