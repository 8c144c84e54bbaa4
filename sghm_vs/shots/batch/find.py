"""What the sources of a batch hold: movies, sequences and pictures, each a shot."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sghm_vs.errors import SourceError, listed
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath, sequences_among
from sghm_vs.options import FrameRange

MOVIE_SUFFIXES = frozenset(
    {
        ".3gp", ".avi", ".dv", ".flv", ".m2t", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
        ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv", ".y4m",
    }
)  # fmt: skip
"""File endings, in lower case, that are movies where a folder is searched."""
REVIEW = ".review"
"""Ending of folders with what was saved of footage: pictures in them are keys."""

WITH_FRAMES = re.compile(r"(.*?)(-?\d[\d,x:-]*)([#@]+)(\.\w+)")
"""A sequence with its frames, as studios write it: "plate.1001-1040#.exr"."""
RANGE = re.compile(r"-?\d+(--?\d+)?")
DIGITS = {"#": 4, "@": 1}
"""How many digits a mark stands for in that notation."""


@dataclass(frozen=True, slots=True)
class FoundFootage:
    """One piece of footage that was found or named."""

    path: Path
    """Absolute; a sequence's with # for digits."""
    names: tuple[str, ...]
    """What to call its shot: the stem, then with the folders it was found under."""
    frames: FrameRange | None = None
    """Those that were named with it; None is all."""


@dataclass(slots=True)
class SearchResult:
    """What a search gave."""

    footage: list[FoundFootage] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    """Files in searched folders that are no footage, and scripts: these are code, and run only
    when a person names them."""


def find_footage(sources: Iterable[str], *, but: Path | None = None) -> SearchResult:
    """
    Return what `sources` are or hold, each piece once, in order.

    Args:
        sources: Files; folders, with those below them; globs ("plates/*.mov", "**" for any
            folders); sequences as "plate.####.exr", or as studios and editing programs write
            them, "plate.1001-1040#.exr", "plate.[1001-1040].exr", "plate.{:04d}.exr".
        but: A folder that is not searched: where the mattes go.

    Raises:
        SourceError: A source is not there, or a glob matches nothing.
    """
    found = SearchResult()
    for source in sources:
        for one in _named(source):
            _add(found, one, but)
    unique = {(footage.path, footage.frames): footage for footage in found.footage}
    found.footage = list(unique.values())
    return found


def search(folder: Path, *, but: Path | None = None) -> SearchResult:
    """Return what `folder` and those below it hold, but not in `but` or hidden folders."""
    found = SearchResult()
    for at, folders, names in os.walk(folder.absolute()):
        here = Path(at)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not name.endswith(REVIEW) and here / name != but
        )
        below = here.relative_to(folder.absolute())
        visible = sorted(name for name in names if not name.startswith("."))
        _sort_out(found, here, below, visible)
    return found


def _sort_out(found: SearchResult, folder: Path, below: Path, names: Sequence[str]) -> None:
    """Add the footage among files with `names` in `folder`."""
    pictures = [name for name in names if Path(name).suffix.lower() in PICTURE_SUFFIXES]
    sequences, single = sequences_among(folder, pictures)
    movies = [name for name in names if Path(name).suffix.lower() in MOVIE_SUFFIXES]
    found.footage += [_footage(Path(str(sequence)), below) for sequence in sequences]
    found.footage += [_footage(folder / name, below) for name in sorted([*movies, *single])]
    found.left_out += [folder / name for name in names if name not in {*pictures, *movies}]


def _named(source: str) -> Iterator[str]:
    """Yield `source`, or what it matches as a glob; a file that is there is no glob."""
    is_glob = glob.has_magic(source) and not os.path.lexists(source)
    if not is_glob or _in_brackets(source) is not None:
        yield source
        return
    matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - takes absolute patterns
    if REVIEW not in source:
        matches = [one for one in matches if not _is_saved(one)]
    if not matches:
        msg = f"{source} matches nothing; check the folder, and quote it for the shell"
        raise SourceError(msg)
    pictures = [one for one in matches if Path(one).suffix.lower() in PICTURE_SUFFIXES]
    yield from (one for one in matches if one not in set(pictures))
    by_folder: dict[Path, list[str]] = {}
    for one in pictures:
        by_folder.setdefault(Path(one).parent, []).append(Path(one).name)
    for folder, names in by_folder.items():
        sequences, single = sequences_among(folder, names)
        yield from (str(sequence) for sequence in sequences)
        yield from (str(folder / name) for name in single)


def _is_saved(path: str) -> bool:
    """Tell whether `path` is of what was saved of footage."""
    return any(part.endswith(REVIEW) for part in Path(path).parts)


def _add(found: SearchResult, source: str, but: Path | None) -> None:
    path = Path(source)
    if path.is_dir():
        inside = search(path, but=but)
        if not inside.footage:
            held = listed(file.name for file in inside.left_out) or "nothing"
            msg = f"{source} holds no footage, but {held}; name files, or another folder"
            raise SourceError(msg)
        found.footage += inside.footage
        found.left_out += inside.left_out
    elif path.is_file() or SequencePath.parse(path) is not None:
        found.footage.append(_checked(source))
    elif (footage := _in_brackets(source)) is not None:
        found.footage.append(footage)
    else:
        found.footage.append(_with_frames(source))


def _checked(source: str) -> FoundFootage:
    path = Path(source)
    sequence = None if path.is_file() else SequencePath.parse(path)
    # "plate.1001-1040#.exr" has a pattern too, after frames that belong to no name.
    if sequence is not None and not sequence.numbers():
        return _with_frames(source)
    return _footage(path.absolute(), Path())


def _in_brackets(source: str) -> FoundFootage | None:
    """Return the sequence that is named as editing programs do, if it is there."""
    named = SequencePath.in_brackets(Path(source))
    numbers = named[0].numbers() if named is not None else []
    if named is None or not numbers:
        return None
    sequence, frames = named
    one = _footage(Path(str(sequence)).absolute(), Path())
    is_all = frames is None or (frames.first, frames.last) == (numbers[0], numbers[-1])
    return one if is_all else FoundFootage(one.path, one.names, frames)


def _with_frames(source: str) -> FoundFootage:
    """Return the sequence that is written with its frames."""
    path = Path(source)
    written = WITH_FRAMES.fullmatch(path.name)
    if written is None:
        msg = f"{source} doesn't exist; check its name"
        raise SourceError(msg)
    prefix, frames, padding, suffix = written.groups()
    if RANGE.fullmatch(frames) is None:
        msg = f"{source} names frames {frames}, and a shot is one range; write FIRST-LAST#"
        raise SourceError(msg)
    digits = sum(DIGITS[mark] for mark in padding)
    sequence = SequencePath(path.parent, prefix, digits, suffix)
    if not sequence.numbers():
        msg = f"{sequence} doesn't exist; check its name"
        raise SourceError(msg)
    one = _footage(Path(str(sequence)).absolute(), Path())
    return FoundFootage(one.path, one.names, FrameRange.parse(frames))


def _footage(path: Path, below: Path) -> FoundFootage:
    """Return the footage at `path`, found in the folder `below` the one that was searched."""
    sequence = None if path.is_file() else SequencePath.parse(path)
    stem = path.stem if sequence is None else sequence.prefix.rstrip("._- ")
    stem = stem or path.parent.name
    folders = below.parts or (path.parent.name,)
    longer = "_".join(part for part in (*folders, stem) if part)
    return FoundFootage(path, (stem, longer))
