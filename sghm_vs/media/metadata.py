"""What footage says of itself besides its pixels, for outputs to carry on."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import InputContainer

from sghm_vs.errors import SettingsError
from sghm_vs.media.quicktime import read_tracks, timecode_count
from sghm_vs.media.timecode import Timecode, is_drop_code
from sghm_vs.options import DEFAULT_RATE, RATE_MAX, exact_rate

DATA_WINDOW = "SghmDataWindow"
"""Frame prop: the data window of an EXR plate, first column and row, last column and row."""
DISPLAY_WINDOW = "SghmDisplayWindow"
"""Frame prop: the display window of an EXR plate, as `DATA_WINDOW`."""
PICTURE_WINDOW = "SghmPictureWindow"
"""Frame prop: where the clip's picture lies in the plate's coordinates, as `DATA_WINDOW`."""
TIMES = ["_DurationNum", "_DurationDen"]
"""Frame props: how long a frame is shown."""
WINDOWS = [DATA_WINDOW, DISPLAY_WINDOW, PICTURE_WINDOW]


logger = logging.getLogger(__name__)
TIMECODED_SUFFIXES = frozenset({".exr", ".dpx"})
COUNTS = (24, 25, 30, 48, 50, 60, 100, 120)
"""To how many a second timecode counts, the likeliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMetadata:
    """Where the frames of a clip come from."""

    file: str = ""
    """The name of the footage's file or sequence, without folders."""
    first_frame: int = 0
    """The source's number of clip frame 0."""
    timecode: Timecode | None = None
    """Of clip frame 0."""
    reel: str = ""
    sound: Path | None = None
    """A movie whose sound goes with the frames."""
    sound_start: Fraction = Fraction(0)
    """When clip frame 0 is shown, in seconds, as that movie's container counts."""
    times: tuple[Fraction, ...] = ()
    """When each frame of the clip is shown, in seconds from its first, and at last when the last one
    ends; empty at a constant rate."""
    shown: tuple[int, ...] = ()
    """Which frame of the movie each shows, by the source's number, where they were brought to a rate;
    else empty."""

    def shown_s(self, frame: int) -> float | None:
        """
        Return when clip frame `frame` is shown, in seconds, as its movie counts.

        None at a constant rate, where its number says it.
        """
        return round(float(self.sound_start + self.times[frame]), 6) if self.times else None

    def at(self, frames: int, rate: Fraction) -> SourceMetadata:
        """Return the origin of a clip cut to begin `frames` later, at `rate` frames a second."""
        later = Fraction(frames) / rate if rate else Fraction(0)
        if self.times:
            later = self.times[frames]
        return replace(
            self,
            first_frame=self.first_frame + frames,
            timecode=None if self.timecode is None else self.timecode + frames,
            sound_start=self.sound_start + later,
            times=tuple(time - later for time in self.times[frames:]),
        )


def movie_metadata(path: Path, rate: Fraction, start_s: Fraction = Fraction(0)) -> SourceMetadata:
    """
    Return what the movie at `path` says, as far as PyAV can read it.

    Args:
        path: The movie.
        rate: Its frames per second.
        start_s: When its first frame is shown, in seconds, as its container counts.
    """
    try:
        with av.open(str(path)) as movie:
            said = _said(movie)
            has_sound = bool(movie.streams.audio)
            is_quicktime = "mov" in movie.format.name.split(",")
    except (av.error.FFmpegError, UnicodeEncodeError):
        return SourceMetadata(file=path.name)
    count = timecode_count(path) if is_quicktime else None
    return SourceMetadata(
        file=path.name,
        timecode=_parsed(path, said.get("timecode", ""), rate, count),
        reel=said.get("reel_name", ""),
        sound=path.absolute() if has_sound else None,
        sound_start=start_s,
    )


def own_start(path: Path, shown_s: Fraction) -> Fraction:
    """
    Return when the time of a movie's frames begins, in seconds, as its container counts.

    It is when the first is shown. In MP4 without an edit list, as fragments are, nothing takes off
    that frames are shown later than decoded where they are reordered: there it is when the first
    is decoded.

    Args:
        path: The movie.
        shown_s: When its first frame is shown.
    """
    try:
        with av.open(str(path)) as movie:
            is_quicktime = "mov" in movie.format.name.split(",")
            tracks = read_tracks(path) if is_quicktime else []
            for stream in movie.streams.video:
                is_bare = stream.index < len(tracks) and not tracks[stream.index].is_edited
                tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
                if is_bare and (stream.start_time or 0) * tick == shown_s:
                    decoded = next(movie.demux(stream)).dts
                    return shown_s if decoded is None else decoded * tick
    except (av.error.FFmpegError, UnicodeEncodeError):
        pass
    return shown_s


def picture_metadata(
    files: Mapping[int, Path | None],
    name: str,
    rate: Fraction | None = None,
    default: Fraction = DEFAULT_RATE,
) -> tuple[SourceMetadata, Fraction | None]:
    """
    Return what pictures say of themselves, and frames per second as far as anybody says them.

    Args:
        files: Each frame's file by its number; the first and the last are there.
        name: What to call the footage's file.
        rate: Frames per second, which go over what the files say.
        default: Frames per second that timecodes count where nobody says them.
    """
    first, last = min(files), max(files)
    head = _header(files[first])
    tail = head if last == first else _header(files[last])
    counts = _counts(head.code, tail.code, last - first)
    rate = rate or head.rate or _shown_rate(head.code, counts)
    timecode = _decoded(files[first], head.code, rate or default, counts)
    return SourceMetadata(file=name, first_frame=first, timecode=timecode, reel=head.reel), rate


class _Header(NamedTuple):
    """What a picture says of itself."""

    code: int | None = None
    """Its timecode, as SMPTE ST 12-1 has it."""
    reel: str = ""
    rate: Fraction | None = None


def _header(path: Path | None) -> _Header:
    if path is None or path.suffix.lower() not in TIMECODED_SUFFIXES:
        return _Header()
    import OpenImageIO

    file = OpenImageIO.ImageInput.open(str(path))
    if file is None:
        # Its words quote the file's, which may be no text.
        with contextlib.suppress(UnicodeDecodeError):
            OpenImageIO.geterror()
        return _Header()
    try:
        spec = file.spec()
        code = spec.getattribute("smpte:TimeCode")
        return _Header(_code(code), spec.get_string_attribute("reelName"), _header_rate(spec))
    except UnicodeDecodeError:
        return _Header()
    finally:
        file.close()


def _code(said: object) -> int | None:
    """Return the bits of a timecode; a header without one has ones throughout."""
    bits = said[0] & 0xFFFFFFFF if isinstance(said, tuple) else 0xFFFFFFFF
    return None if bits == 0xFFFFFFFF else bits


def _header_rate(spec: Any) -> Fraction | None:
    """Return what an EXR header, or one of the two fields of a DPX header, says."""
    said = spec.getattribute("framesPerSecond")
    found = [Fraction(*said)] if isinstance(said, tuple) and len(said) == 2 and said[1] else []
    fields = [spec.getattribute(f"dpx:{name}") for name in ("FrameRate", "TemporalFrameRate")]
    found += [Fraction(one) for one in fields if isinstance(one, float) and math.isfinite(one)]
    # Headers that were filled with anything hold anything.
    possible = [one for one in found if 1 <= one <= RATE_MAX]
    return exact_rate(possible[0]) if possible else None


def _counts(head: int | None, tail: int | None, frames: int) -> list[int]:
    """Return to how many a second the codes of two pictures `frames` apart may count."""
    if head is None or tail is None or frames == 0:
        return []
    return [count for count in COUNTS if _is_apart(head, tail, frames, count)]


def _is_apart(head: int, tail: int, frames: int, count: int) -> bool:
    rate = Fraction(1000 * count, 1001) if is_drop_code(head) else Fraction(count)
    try:
        start, end = (Timecode.from_smpte(bits, rate, count) for bits in (head, tail))
    except SettingsError:
        return False
    later = start + frames
    # Many who repeat the digits of a pair leave the field's bit out; a second of frames is no chance.
    is_same = later.smpte_numbers()[:4] == end.smpte_numbers()[:4] and frames >= count
    return later.coded() == end.coded() or is_same


def _shown_rate(code: int | None, counts: Sequence[int]) -> Fraction | None:
    """Return the rate at which timecodes count, where they leave no doubt."""
    if code is None or len(counts) != 1:
        return None
    return Fraction(1000 * counts[0], 1001) if is_drop_code(code) else Fraction(counts[0])


def _decoded(
    path: Path | None, code: int | None, rate: Fraction, counts: Sequence[int]
) -> Timecode | None:
    if code is None:
        return None
    count = None if not counts or round(rate) in counts else counts[0]
    try:
        return Timecode.from_smpte(code, rate, count)
    except SettingsError as error:
        logger.warning("%s: its timecode is left out: %s", path, error)
        return None


def _said(movie: InputContainer) -> dict[str, str]:
    """Return what tracks and file say of timecode and reel; a track of timecode says it best."""
    said = dict(movie.metadata)
    for kind in ("video", "data"):
        for stream in movie.streams:
            if stream.type == kind:
                said |= {key: value for key, value in stream.metadata.items() if value}
    return {key.lower(): value for key, value in said.items()}


def _parsed(path: Path, text: str, rate: Fraction, count: int | None) -> Timecode | None:
    if not text:
        return None
    try:
        if count is not None and round(rate) % count != 0:
            msg = f"{text} counts {count} to a second, and the movie has {rate} frames"
            raise SettingsError(msg)
        return Timecode.parse(text, rate, count)
    except SettingsError as error:
        logger.warning("%s: its timecode is left out: %s", path, error)
        return None
