"""The sound of the footage, cut with the frames to the sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from sghm_vs.errors import ExportError, cure

DECODED = "pcm_s24le"
"""What compressed sound becomes: a cut of it as it is would begin and end between samples."""
CODECS: Mapping[str, str] = {
    **{f"pcm_{kind}{order}": f"pcm_{kind}le" for kind in ("s16", "s24", "s32", "f32")
       for order in ("le", "be")},
}  # fmt: skip
"""PCM by its name in the source, and in ours: the same samples."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """A track of sound: samples a second, and how it is written."""

    rate: int
    codec: str


def audio_tracks(path: Path) -> list[AudioTrack]:
    """
    Return the tracks of sound in the movie at `path`.

    Raises:
        ExportError: It can't be read.
    """
    try:
        with av.open(str(path)) as movie:
            return [
                AudioTrack(stream.rate, CODECS.get(stream.codec_context.name, DECODED))
                for stream in movie.streams.audio
            ]
    except av.error.FFmpegError as error:
        how = cure(script="audio", typed="--audio")
        msg = f"the sound of {path} can't be read: {error}; leave {how} out"
        raise ExportError(msg) from error


def samples(track: AudioTrack, seconds: Fraction) -> int:
    """Return how many samples of `track` last as long as the frames, never less."""
    return math.ceil(seconds * track.rate)


def audio_filter(track: AudioTrack, start: Fraction, seconds: Fraction) -> str:
    """
    Return the filters that cut `seconds` of `track` from `start` on; silence fills what lacks.

    By time, not by ffmpeg's `-shortest`, which loses a part of the last frame's sound.
    """
    first, count = round(start * track.rate), samples(track, seconds)
    return (
        f"asetpts=PTS-{first},aresample=async=1:first_pts=0,"
        f"apad=whole_len={count},atrim=end_sample={count}"
    )
