"""What a host is given: which container, which layout, which alpha, how deep, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sghm_vs.errors import ExportError
from sghm_vs.files import names_folder
from sghm_vs.media.sequences import SequencePath
from sghm_vs.options import USUAL

KNOWN = (*USUAL, ".exr", ".png")
FRAMES = ".####"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """An output format that a host takes as it is."""

    suffix: str
    output_format: Mapping[str, Any]
    """Fields of `OutputFormat`."""
    what: str
    why: str
    proof: str
    """What it rests on: a run, or a vendor's documentation."""

    def __str__(self) -> str:
        return f"{self.what}, because {self.why} ({self.proof})"


PRORES = "ProRes 4444, straight alpha of 10 bits"
DOCUMENTED = "by its documentation; not run here"
PRESETS: Mapping[str, Preset] = {
    "nuke": Preset(
        suffix=".exr",
        output_format={"layout": "layered", "compression": "zips"},
        what="EXR, half, ZIPS, premultiplied linear RGBA and the layers matte, core and edge",
        why="it reads EXR premultiplied and linear, a line at a time, and takes layers as channels "
        "of its own",
        proof=DOCUMENTED,
    ),
    "fusion": Preset(
        suffix=".exr",
        output_format={"layout": "rgba"},
        what="EXR, half, ZIP, premultiplied linear RGBA",
        why="its Loader takes EXR as associated alpha in linear light",
        proof=DOCUMENTED,
    ),
    "resolve": Preset(
        suffix=".mov",
        output_format={"codec": "prores4444"},
        what=PRORES,
        why="a timeline plays it in real time, with timecode and reel to conform by",
        proof=DOCUMENTED,
    ),
    "premiere": Preset(
        suffix=".mov",
        output_format={"codec": "prores4444"},
        what=PRORES,
        why="it decodes 4444 with alpha, and takes it as straight unless told otherwise",
        proof=DOCUMENTED,
    ),
    "fcp": Preset(
        suffix=".mov",
        output_format={"codec": "prores4444"},
        what=PRORES,
        why="it is the codec the host is built on; alpha handling: straight",
        proof=DOCUMENTED,
    ),
    "aftereffects": Preset(
        suffix=".mov",
        output_format={"codec": "prores4444"},
        what=PRORES,
        why="straight color has no fringe where Interpret Footage is set wrong; say Straight there",
        proof=DOCUMENTED,
    ),
    "blender": Preset(
        suffix=".exr",
        output_format={"layout": "rgba"},
        what="EXR, half, ZIP, premultiplied linear RGBA",
        why="its Image node takes EXR as premultiplied and linear",
        proof="Blender 3.4, tests/test_hosts.py",
    ),
    "kdenlive": Preset(
        suffix=".mkv",
        output_format={"codec": "ffv1"},
        what="FFV1, straight alpha of 10 bits, lossless",
        why="its engine, MLT, loses the alpha of ProRes 4444 in most of its blends, and not FFV1's",
        proof="its engine, melt 7.12, tests/test_hosts.py; the application was not run",
    ),
    "shotcut": Preset(
        suffix=".mkv",
        output_format={"codec": "ffv1"},
        what="FFV1, straight alpha of 10 bits, lossless",
        why="its engine, MLT, loses the alpha of ProRes 4444 in most of its blends, and not FFV1's",
        proof="its engine, melt 7.12, tests/test_hosts.py; the application was not run",
    ),
    "flame": Preset(
        suffix=".exr",
        output_format={"layout": "matte"},
        what="EXR, half, ZIP, the matte in R, G, B and A",
        why="a matte comes in as a clip of its own beside the plate, read from RGB or from A",
        proof=DOCUMENTED,
    ),
}


def with_preset(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` of a shot's options, and what the host in them takes where they say nothing."""
    host = values.get("host")
    return {**(PRESETS[host].output_format if host else {}), **values}


def outputs_for(host: str, outputs: list[str]) -> list[str]:
    """
    Return `outputs` with the ending that `host` takes, a folder's with the shot's name.

    Raises:
        ExportError: There is no such host, or an output has another ending.
    """
    if host not in PRESETS:
        msg = f"{host!r} is no host that is known; these are: {', '.join(PRESETS)}"
        raise ExportError(msg)
    return [_named(host, output) for output in outputs]


def _named(host: str, output: str) -> str:
    suffix = PRESETS[host].suffix
    path = Path(output)
    if names_folder(output):
        return _numbered(path / "{shot}", suffix)
    found = path.suffix.lower()
    if found in KNOWN and found != suffix:
        msg = f"{output} is not the {suffix} that {host} gets; leave the ending out"
        raise ExportError(msg)
    return output if found == suffix else _numbered(path, suffix)


def _numbered(path: Path, suffix: str) -> str:
    is_sequence = suffix == ".exr" and SequencePath.parse(path) is None
    return f"{path}{FRAMES if is_sequence else ''}{suffix}"
