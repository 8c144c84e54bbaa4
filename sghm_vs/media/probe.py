"""What a piece of footage is, from its header alone: nothing is decoded, no clip is made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from sghm_vs.errors import DAMAGES, SourceError
from sghm_vs.media.frame_times import (
    FrameTimes,
    Varying,
    check_span,
    conform,
    constant_rate,
    filled,
    header_of,
    times_of,
    varying,
)
from sghm_vs.media.metadata import movie_metadata, picture_metadata
from sghm_vs.media.readers.animated import SUFFIXES, is_movie, refuse_moving_jxl
from sghm_vs.media.readers.heif import moving_track
from sghm_vs.media.readers.movie import end_of, has_packet_a_field, is_coded_in_fields
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.timecode import Timecode
from sghm_vs.options import DEFAULT_RATE, RATE_MAX, FrameRange, exact_rate

PACKETS_LOOKED_AT = 3000
"""Of a movie without an index: its first ones tell whether its rate varies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A movie, a sequence or a picture."""

    path: Path
    """Absolute; a sequence's with # for digits."""
    kind: Literal["movie", "sequence", "picture"]
    frames: FrameRange
    """By the source's own numbers: movies from 0, sequences by the file names."""
    rate: Fraction
    """Frames per second."""
    width: int = 0
    """0 where it wasn't read: of sequences and pictures."""
    height: int = 0
    timecode: Timecode | None = None
    """Of the first frame."""
    reel: str = ""
    varying: Varying | None = None
    """How far a movie's frames stray from `rate`, where they have none and nobody said one."""


def probe(path: Path, rate: Fraction | None = None, default: Fraction = DEFAULT_RATE) -> Media:
    """
    Return what the footage at `path` says of itself.

    Args:
        path: A movie, a picture, or a sequence's name with a pattern.
        rate: Frames per second of sequences, which go over what their files say, and to which a
            movie is conformed whose rate varies.
        default: Frames per second of sequences of which nobody says them.

    Raises:
        SourceError: It is not there, or its header can't be read.
    """
    path = path.absolute()
    if path.is_file():
        return _movie(path, rate) if is_movie(path) else _picture(path, rate or default)
    sequence = SequencePath.parse(path)
    numbers = [] if sequence is None else sequence.numbers()
    if sequence is None or not numbers:
        msg = f"{path} doesn't exist; check its name"
        raise SourceError(msg)
    return _sequence(sequence, numbers, rate, default)


def _picture(path: Path, rate: Fraction) -> Media:
    return Media(path=path, kind="picture", frames=FrameRange(0, 0), rate=rate)


def _sequence(
    sequence: SequencePath, numbers: list[int], rate: Fraction | None, default: Fraction
) -> Media:
    path = Path(str(sequence))
    ends = {number: sequence.frame(number) for number in (numbers[0], numbers[-1])}
    origin, said = picture_metadata(ends, path.name, rate, default)
    return Media(
        path=path,
        kind="sequence",
        frames=FrameRange(numbers[0], numbers[-1]),
        rate=said or default,
        timecode=origin.timecode,
        reel=origin.reel,
    )


def _movie(path: Path, wanted: Fraction | None) -> Media:
    refuse_moving_jxl(path)
    try:
        with av.open(str(path)) as movie:
            stream = _picture_track(movie)
            size, number, coder = (stream.width, stream.height), stream.index, stream.codec_context
            decoded = _exact(coder.framerate or Fraction(0))
            is_h264 = coder.codec.canonical_name == "h264"
            rate, frames, found = _counted(movie, stream, wanted)
    except SourceError:
        raise
    except DAMAGES as error:
        reason = "it has no moving pictures" if isinstance(error, IndexError) else str(error)
        msg = f"{path} can't be read as a movie: {reason}; give a complete file"
        raise SourceError(msg) from None
    if not rate:
        msg = f"{path} can't be read as a movie: it says no rate; give a complete file"
        raise SourceError(msg)
    if is_h264 and rate == 2 * decoded and has_packet_a_field(path, number):
        rate, frames = decoded, frames // 2
    if is_coded_in_fields(path, number):
        rate, frames, size = rate / 2, frames // 2, (size[0], 2 * size[1])
    origin = movie_metadata(path, rate)
    return Media(
        path=path,
        kind="movie",
        frames=FrameRange(0, max(frames, 1) - 1),
        rate=rate,
        width=size[0],
        height=size[1],
        timecode=origin.timecode,
        reel=origin.reel,
        varying=found,
    )


def _picture_track(movie: InputContainer) -> VideoStream:
    """Return the first track that isn't a cover picture, or else the first; of AVIF what moves."""
    tracks = movie.streams.video
    if Path(movie.name).suffix.lower() == ".avif":
        return moving_track(movie)
    shown = [one for one in tracks if not one.disposition & Disposition.attached_pic]
    return (shown or tracks)[0]


type _Counted = tuple[Fraction, int, Varying | None]
"""Frames per second, 0 if nobody says them; how many frames are shown; how far they stray from it."""


def _counted(movie: InputContainer, stream: VideoStream, wanted: Fraction | None) -> _Counted:
    """Return how the frames of a movie are counted, or at the rate `wanted` if theirs varies."""
    said = _exact(stream.average_rate or stream.guessed_rate or Fraction(0))
    is_indexed = "mov" in movie.format.name.split(",") and stream.frames
    entries = [*stream.index_entries] if is_indexed else []
    if len(entries) < 2:
        return _counted_by_packets(movie, stream, said, wanted)
    # In the order of decoding what an edit list hides may lie between what it shows.
    hidden = sum(entry.is_discard for entry in entries)
    ticks = sorted(entry.timestamp for entry in entries)
    times = FrameTimes((*ticks, 2 * ticks[-1] - ticks[-2]), _exact(stream.time_base))
    own = constant_rate(times, said)
    if own is not None:
        return own, len(times) - hidden, None
    # An index has times of decoding, and none of the end.
    return _counted_by_times(movie, times_of(movie, stream) or times, said, wanted)


def _counted_by_packets(
    movie: InputContainer, stream: VideoStream, said: Fraction, wanted: Fraction | None
) -> _Counted:
    """Return how frames are counted of which no index has the times: the first ones tell."""
    header = header_of(movie, stream)
    is_ogg = header.is_counted and not header.is_from_zero
    # Neither of them has an index, nor lets itself be read from its end.
    if is_ogg or Path(movie.name).suffix.lower() in SUFFIXES:
        times = times_of(movie, stream)
        if times is not None:
            return _counted_by_times(movie, times, said, wanted)
    rate = exact_rate(said) if 0 < said <= RATE_MAX else said
    known = rate, round(_shown_s(movie, stream) * rate), None
    # Null frames have no packet, and none of AVI is shown at a time of its own.
    head = None if header.is_counted else _from_start(movie, stream, PACKETS_LOOKED_AT)
    if head is None:
        return known
    check_span(head, Path(movie.name))
    if constant_rate(head, said) is not None or filled(head) is not None:
        return known
    return _counted_by_times(movie, _from_start(movie, stream) or head, said, wanted)


def _from_start(
    movie: InputContainer, stream: VideoStream, most: int | None = None
) -> FrameTimes | None:
    try:
        movie.seek(0)
    except av.error.FFmpegError:
        return None
    return times_of(movie, stream, most)


def _counted_by_times(
    movie: InputContainer, times: FrameTimes, said: Fraction, wanted: Fraction | None
) -> _Counted:
    check_span(times, Path(movie.name))
    own = constant_rate(times, said)
    if own is not None:
        return own, len(times), None
    whole = filled(times) if wanted is None else conform(times, wanted)
    if whole is not None:
        return whole.rate, len(whole.shown), None
    found = varying(times)
    return found.rate, len(times), found


def _shown_s(movie: InputContainer, stream: VideoStream) -> Fraction:
    """Return how long the track lasts, in seconds, from its first key frame to its last packet."""
    base = _exact(stream.time_base)
    if movie.format.name == "avi" and stream.duration:
        # Its last frames may be null frames, of which there is no packet.
        return stream.duration * base
    first = next((packet for packet in movie.demux(stream) if packet.is_keyframe), None)
    start = (first.pts or 0) * base if first is not None else Fraction(0)
    end, _ = end_of(movie, stream)
    if end is not None and end > start:
        return end - start
    return Fraction(movie.duration or 0, av.time_base)


def _exact(ratio: Rational) -> Fraction:
    return Fraction(ratio.numerator, ratio.denominator)


class Rational(Protocol):
    """What PyAV gives, in whichever version."""

    @property
    def numerator(self) -> int:
        """The part above."""

    @property
    def denominator(self) -> int:
        """The part below."""
