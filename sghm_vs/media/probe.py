"""What a piece of footage is, from its header alone: nothing is decoded, no clip is made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av

from sghm_vs.errors import SourceError
from sghm_vs.media.metadata import movie_metadata, picture_metadata
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath
from sghm_vs.media.timecode import Timecode
from sghm_vs.options import DEFAULT_RATE, FrameRange


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
            stream = movie.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            seconds = _seconds(stream.duration, _exact(stream.time_base))
            if seconds is None:
                seconds = _seconds(movie.duration, Fraction(1, av.time_base))
            size = stream.width, stream.height
            said = stream.frames
    except (av.error.FFmpegError, UnicodeEncodeError, IndexError) as error:
        reason = "it has no moving pictures" if isinstance(error, IndexError) else str(error)
        msg = f"{path} can't be read as a movie: {reason}; give a complete file"
        raise SourceError(msg) from None
    if not rate:
        msg = f"{path} can't be read as a movie: it says no rate; give a complete file"
        raise SourceError(msg)
    exact = _exact(rate)
    frames = said or round((seconds or 0) * exact)
    origin = movie_metadata(path, exact)
    return Media(
        path=path,
        kind="movie",
        frames=FrameRange(0, max(frames, 1) - 1),
        rate=exact,
        width=size[0],
        height=size[1],
        timecode=origin.timecode,
        reel=origin.reel,
    )


def _seconds(duration: int | None, base: Fraction) -> Fraction | None:
    return None if duration is None else duration * base


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
