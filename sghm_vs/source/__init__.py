"""
Opens footage: a movie, a numbered sequence, one picture, or a VapourSynth script.

Every frame is a pure function of its number, no file stays open between frames of a
sequence, and nothing is written beside the footage.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import vapoursynth as vs

from sghm_vs.errors import SourceError
from sghm_vs.shots import PICTURE_SUFFIXES, SequencePath
from sghm_vs.source.folder import sequence_in
from sghm_vs.source.movie import open_movie
from sghm_vs.source.pictures import picture_clip
from sghm_vs.source.script import run_script
from sghm_vs.source.sequence import Missing, frame_files

__all__ = ["Missing", "Opening", "Source", "open_source"]

DEFAULT_RATE = Fraction(24)
ADDRESS = re.compile(r"[A-Za-z][\w+.-]+:/")
"""How "https://…" and "smb://…" begin; a Windows drive has one letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the footage itself leaves open; a source ignores what it has no use for."""

    rate: Fraction | None = None
    """Frames per second of a sequence or picture; without it EXR files that carry
    `framesPerSecond` keep theirs, and others run at 24. Movies and scripts have their own."""
    missing: Missing = "error"
    """What a frame that is missing in a sequence becomes: "error" refuses, "black" is a black
    frame, "hold" the frame before it."""
    layer: str | None = None
    """Which layer or part of EXR files; None is R, G, B, else Y, else the only channel."""
    track: int | None = None
    """Which of a movie's tracks, counted from 0 with those of sound; None is the first movie."""


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
    blank: frozenset[int] = frozenset()
    """Clip frames that are missing in a sequence and black instead."""


def open_source(path: str | Path, opening: Opening | None = None) -> Source:
    """
    Return the footage at `path`.

    A file that exists is taken as it is, whatever its name; a name with `####` or `%04d`
    that isn't a file is a sequence; a folder must hold exactly one numbered sequence.
    A `.vpy` file is code, and is run.

    Args:
        path: A movie, a sequence, a folder, a picture or a script.
        opening: What the footage itself leaves open.

    Raises:
        SourceError: Nothing is there, it can't be read, it changes its format or size,
            or numbers are missing in the sequence. Frames of a sequence are read when
            they are asked for: a damaged one raises `vs.Error` then.
    """
    path = Path(path)
    source = _open(path, opening or Opening())
    if source.clip.format.color_family == vs.UNDEFINED or 0 in (
        source.clip.width,
        source.clip.height,
    ):
        msg = (
            f"{path} changes its format or size between frames; give it one: "
            "clip.resize.Bicubic(width=…, height=…, format=…)"
        )
        raise SourceError(msg)
    return source


def _open(path: Path, opening: Opening) -> Source:
    try:
        path.lstat()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (FileNotFoundError, NotADirectoryError):
        return _pattern(path, opening)
    except OSError as error:
        msg = f"{path} can't be opened: {error.strerror}; check its name and your rights to it"
        raise SourceError(msg) from None
    except ValueError as error:
        msg = f"{str(path)!a} can't be opened: {error}; check its name"
        raise SourceError(msg) from None
    if is_folder:
        return _sequence(sequence_in(path), opening)
    if not is_file:
        msg = f"{path} is no file, but a pipe, a device or a broken link; give a file"
        raise SourceError(msg)
    return _file(path, opening)


def _file(path: Path, opening: Opening) -> Source:
    if path.stat().st_size == 0:
        msg = f"{path} is empty (0 bytes); copy or render it again"
        raise SourceError(msg)
    name, suffix = _text(path.stem), path.suffix.lower()
    if suffix == ".vpy":
        clip, alpha = run_script(path)
        return Source(clip, 0, name, "script", alpha)
    if suffix in PICTURE_SUFFIXES:
        clip = picture_clip([path], opening.rate, DEFAULT_RATE, opening.layer)
        return Source(clip, 0, name, "picture")
    return Source(open_movie(path, opening.track), 0, name, "movie")


def _pattern(path: Path, opening: Opening) -> Source:
    sequence = SequencePath.parse(path)
    if sequence is None or not sequence.numbers():
        raise SourceError(_missing(path))
    return _sequence(sequence, opening)


def _sequence(sequence: SequencePath, opening: Opening) -> Source:
    files = frame_files(sequence, opening.missing)
    clip = picture_clip(list(files.values()), opening.rate, DEFAULT_RATE, opening.layer)
    name = sequence.prefix.rstrip("._") or sequence.folder.resolve().name
    blank = frozenset(n for n, file in enumerate(files.values()) if file is None)
    return Source(clip, next(iter(files)), _text(name) or "sequence", "sequence", blank=blank)


def _text(name: str) -> str:
    """Return a file's name as text that metadata can hold, whatever bytes it is made of."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _missing(path: Path) -> str:
    """Say what isn't there, and which names come close."""
    if ADDRESS.match(str(path)):
        return f"{path} is an address, and only files are read; copy it here, or mount its share"
    if not path.parent.is_dir():
        return f"{path} doesn't exist, nor does its folder {path.parent}; check the path"
    names = [entry.name for entry in path.parent.iterdir()]
    close = difflib.get_close_matches(path.name, names, n=3)
    hint = f"did you mean {', '.join(close)}?" if close else "check the name"
    return f"{path} doesn't exist; {hint}"
