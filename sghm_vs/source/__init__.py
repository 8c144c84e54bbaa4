"""
Opens footage: a movie, a numbered sequence, one picture, or a VapourSynth script.

Every frame is a pure function of its number, no file stays open between frames of a
sequence, and nothing is written beside the footage.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import vapoursynth as vs

from sghm_vs.errors import SourceError
from sghm_vs.shots import PICTURE_SUFFIXES, SequencePath
from sghm_vs.source.movie import open_movie
from sghm_vs.source.script import run_script
from sghm_vs.source.sequence import frame_numbers, picture_clip, sequence_in

__all__ = ["Source", "open_source"]

DEFAULT_RATE = Fraction(24)


@dataclass(frozen=True, slots=True)
class Source:
    """Footage that was opened, and how its frames are numbered."""

    clip: vs.VideoNode
    """The picture; constant format and size."""
    first_number: int
    """The source's number of clip frame 0: from the file name in sequences, else 0."""
    name: str
    """File stem, or a sequence's prefix without its last dot or underscore; never a path."""
    kind: Literal["movie", "sequence", "picture", "script"]
    alpha: vs.VideoNode | None = None
    """The alpha that a script gave to `set_output`; None for everything else."""


def open_source(path: str | Path, rate: Fraction | None = None) -> Source:
    """
    Return the footage at `path`.

    A file that exists is taken as it is, whatever its name; a name with `####` or `%04d`
    that isn't a file is a sequence; a folder must hold exactly one numbered sequence.
    A `.vpy` file is code, and is run.

    Args:
        path: A movie, a sequence, a folder, a picture or a script.
        rate: Frames per second of a sequence or picture; without it EXR files that carry
            `framesPerSecond` keep theirs, and others run at 24. Movies and scripts have
            their own rate and ignore this.

    Raises:
        SourceError: Nothing is there, it can't be read, it changes its format or size,
            or numbers are missing in the sequence. Frames of a sequence are read when
            they are asked for: a damaged one raises `vs.Error` then.
    """
    path = Path(path)
    source = _open(path, rate)
    if source.clip.format.color_family == vs.UNDEFINED or 0 in (
        source.clip.width,
        source.clip.height,
    ):
        msg = f"{path} changes its format or size between frames; give a constant one"
        raise SourceError(msg)
    return source


def _open(path: Path, rate: Fraction | None) -> Source:
    if path.is_dir():
        return _sequence(sequence_in(path), rate)
    if path.exists():
        return _file(path, rate)
    sequence = SequencePath.parse(path)
    if sequence is None or not sequence.numbers():
        raise SourceError(_missing(path))
    return _sequence(sequence, rate)


def _file(path: Path, rate: Fraction | None) -> Source:
    if path.is_file() and path.stat().st_size == 0:
        msg = f"{path} is empty (0 bytes); copy or render it again"
        raise SourceError(msg)
    suffix = path.suffix.lower()
    if suffix == ".vpy":
        clip, alpha = run_script(path)
        return Source(clip, 0, path.stem, "script", alpha)
    if suffix in PICTURE_SUFFIXES:
        clip = picture_clip([path], rate, DEFAULT_RATE)
        return Source(clip, 0, path.stem, "picture")
    return Source(open_movie(path), 0, path.stem, "movie")


def _sequence(sequence: SequencePath, rate: Fraction | None) -> Source:
    numbers = frame_numbers(sequence)
    clip = picture_clip([sequence.frame(number) for number in numbers], rate, DEFAULT_RATE)
    name = sequence.prefix.rstrip("._") or sequence.folder.resolve().name
    return Source(clip, numbers[0], name or "sequence", "sequence")


def _missing(path: Path) -> str:
    """Say what isn't there, and which names come close."""
    if not path.parent.is_dir():
        return f"{path} doesn't exist, nor does its folder {path.parent}; check the path"
    names = [entry.name for entry in path.parent.iterdir()]
    close = difflib.get_close_matches(path.name, names, n=3)
    hint = f"did you mean {', '.join(close)}?" if close else "check the name"
    return f"{path} doesn't exist; {hint}"
