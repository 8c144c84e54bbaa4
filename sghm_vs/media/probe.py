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

from sghm_vs.errors import SourceError
from sghm_vs.media.frame_times import FrameTimes, constant_rate, filled
from sghm_vs.media.metadata import movie_metadata, picture_metadata
from sghm_vs.media.readers.movie import end_of
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath
from sghm_vs.media.timecode import Timecode
from sghm_vs.options import DEFAULT_RATE, RATE_MAX, FrameRange, exact_rate


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


def probe(path: Path, rate: Fraction | None = None, default: Fraction = DEFAULT_RATE) -> Media:
    """
    Return what the footage at `path` says of itself.

    Args:
        path: A movie, a picture, or a sequence's name with a pattern.
        rate: Frames per second of sequences, which go over what their files say.
        default: Frames per second of sequences of which nobody says them.

    Raises:
        SourceError: It is not there, or its header can't be read.
    """
    path = path.absolute()
    if path.is_file():
        is_picture = path.suffix.lower() in PICTURE_SUFFIXES
        return _picture(path, rate or default) if is_picture else _movie(path)
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


def _movie(path: Path) -> Media:
    try:
        with av.open(str(path)) as movie:
            stream = _picture_track(movie)
            size = stream.width, stream.height
            rate, frames = _counted(movie, stream)
    except (av.error.FFmpegError, UnicodeEncodeError, IndexError) as error:
        reason = "it has no moving pictures" if isinstance(error, IndexError) else str(error)
        msg = f"{path} can't be read as a movie: {reason}; give a complete file"
        raise SourceError(msg) from None
    if not rate:
        msg = f"{path} can't be read as a movie: it says no rate; give a complete file"
        raise SourceError(msg)
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
    )


def _picture_track(movie: InputContainer) -> VideoStream:
    """Return the first track that isn't a cover picture, or else the first."""
    tracks = movie.streams.video
    shown = [one for one in tracks if not one.disposition & Disposition.attached_pic]
    return (shown or tracks)[0]


def _counted(movie: InputContainer, stream: VideoStream) -> tuple[Fraction, int]:
    """Return frames per second, 0 if nobody says them, and how many frames are shown."""
    said = _exact(stream.average_rate or stream.guessed_rate or Fraction(0))
    is_indexed = "mov" in movie.format.name.split(",") and stream.frames
    entries = [*stream.index_entries] if is_indexed else []
    if len(entries) < 2:
        rate = exact_rate(said) if 0 < said <= RATE_MAX else said
        return rate, round(_shown_s(movie, stream) * rate)
    # In the order of decoding what an edit list hides may lie between what it shows.
    hidden = sum(entry.is_discard for entry in entries)
    ticks = sorted(entry.timestamp for entry in entries)
    times = FrameTimes((*ticks, 2 * ticks[-1] - ticks[-2]), _exact(stream.time_base))
    own = constant_rate(times, said)
    if own is not None:
        return own, len(times) - hidden
    whole = filled(times)
    rate, frames = (said, len(times)) if whole is None else (whole.rate, len(whole.shown))
    return rate, frames - hidden


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
