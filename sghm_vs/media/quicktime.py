"""
What PyAV doesn't tell of MOV and MP4 files: formats of tracks, edit lists, how they count timecode.

Source:
    Apple, QuickTime File Format: sample descriptions; "Timecode Media" for `tmcd`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sghm_vs.media.timecode import Timecode

TIMECODE = "tmcd"
IS_DROP = 1
"""The flag of drop-frame."""
FLAGS_AT, RATE_AT = 16, 20
"""Where in a description of timecode its flags and its rate are, from the format's name on."""
OFFSETS = {b"stco": ">I", b"co64": ">Q"}
"""Boxes that say where samples are, and how they write it."""


class Box(NamedTuple):
    """A part of a file: its name, and where its content begins and ends."""

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class QuickTimeTrack:
    """A track of a file."""

    format: str
    """The name of its format, four letters: "avc1", "mp4a"; "" if it says none."""
    description: int
    """Where in the file that name is."""
    sample: int
    """Where in the file its first sample is."""
    is_edited: bool
    """Whether an edit list says which of its time is shown."""


def read_tracks(path: Path) -> list[QuickTimeTrack]:
    """Return the tracks of the file at `path`, in order; none of a file of another kind."""
    with path.open("rb") as file:
        movies = [
            box for box in _boxes(file, Box(b"", 0, path.stat().st_size)) if box.name == b"moov"
        ]
        return [
            _track(file, box) for movie in movies[:1] for box in _boxes(file, movie)
            if box.name == b"trak"
        ]  # fmt: skip


def timecode_count(path: Path) -> int | None:
    """Return to how many a second the timecode of the file at `path` counts; None if it has none."""
    for track in read_tracks(path):
        if track.format == TIMECODE:
            with path.open("rb") as file:
                scale, duration = _unpack(file, track.description + RATE_AT, ">II")
            return round(Fraction(scale, duration)) if scale and duration else None
    return None


def set_timecode(path: Path, timecode: Timecode, rate: Fraction) -> None:
    """
    Let the file at `path`, which has a track of timecode, begin and count as `timecode` does.

    FFmpeg counts as many to a second as there are frames.

    Args:
        path: A whole MOV or MP4 file.
        timecode: Of the first frame.
        rate: Frames per second.
    """
    track = next(track for track in read_tracks(path) if track.format == TIMECODE)
    is_whole = timecode.fps == round(rate)
    counted = rate / timecode.repeat if is_whole else Fraction(timecode.count)
    with path.open("r+b") as file:
        (flags,) = _unpack(file, track.description + FLAGS_AT, ">I")
        flags = flags & ~IS_DROP | timecode.is_drop
        file.seek(track.description + FLAGS_AT)
        file.write(struct.pack(">III", flags, counted.numerator, counted.denominator))
        file.write(bytes([timecode.count]))
        file.seek(track.sample)
        file.write(struct.pack(">I", timecode.number))


def _track(file: BinaryIO, track: Box) -> QuickTimeTrack:
    table = _inside(file, track, b"mdia", b"minf", b"stbl")
    found = {} if table is None else {box.name: box for box in _boxes(file, table)}
    name, description, sample = b"", 0, 0
    if b"stsd" in found and found[b"stsd"].end - found[b"stsd"].start >= 16:
        description = found[b"stsd"].start + 12
        (name,) = _unpack(file, description, ">4s")
    for kind, number in OFFSETS.items():
        if kind in found and found[kind].end - found[kind].start >= 8 + struct.calcsize(number):
            (sample,) = _unpack(file, found[kind].start + 8, number)
    is_edited = _inside(file, track, b"edts", b"elst") is not None
    return QuickTimeTrack(name.decode("latin-1").strip("\0 "), description, sample, is_edited)


def _inside(file: BinaryIO, box: Box, *names: bytes) -> Box | None:
    """Return the box in `box` that `names` lead to."""
    for name in names:
        inner = next((one for one in _boxes(file, box) if one.name == name), None)
        if inner is None:
            return None
        box = inner
    return box


def _boxes(file: BinaryIO, outer: Box) -> Iterator[Box]:
    """Yield the boxes in `outer`, as far as their lengths make sense."""
    at = outer.start
    while at + 8 <= outer.end:
        size, name = _unpack(file, at, ">I4s")
        start = at + 8
        if size == 1 and at + 16 <= outer.end:
            (size,) = _unpack(file, start, ">Q")
            start += 8
        end = outer.end if size == 0 else at + size
        if end < start or end > outer.end:
            return
        yield Box(name, start, end)
        at = end


def _unpack(file: BinaryIO, at: int, form: str) -> tuple[Any, ...]:
    """Return numbers at a place in `file`; zeros behind its end."""
    file.seek(at)
    size = struct.calcsize(form)
    return struct.unpack(form, file.read(size).ljust(size, b"\0"))
