"""The sound of the footage, cut with the frames to the sample."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from sghm_vs.errors import ExportError, cure, listed
from sghm_vs.media.quicktime import read_tracks

logger = logging.getLogger(__name__)

DECODED = "pcm_s24le"
"""What compressed sound becomes: a cut of it as it is would begin and end between samples."""
CODECS: Mapping[str, str] = {
    **{f"pcm_{kind}{order}": f"pcm_{kind}le" for kind in ("s16", "s24", "s32", "f32")
       for order in ("le", "be")},
}  # fmt: skip
"""PCM by its name in the source, and in ours: the same samples."""


PACKETS_TRIED = 32
"""Of a track, to tell whether it can be decoded."""
ENCRYPTED = ("enca", "drms")
"""Formats of tracks in MOV and MP4 files whose key a player must have."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """A track of sound: its place among these, samples a second, and how it is written."""

    place: int
    rate: int
    codec: str


def audio_tracks(path: Path) -> list[AudioTrack]:
    """
    Return the tracks of sound in the movie at `path` that can be decoded; others are warned of.

    Raises:
        ExportError: It can't be read.
    """
    try:
        with av.open(str(path)) as movie:
            streams = [*movie.streams.audio]
            formats = _formats(path, movie)
            tracks = [_track(path, place, formats) for place in range(len(streams))]
            unfit = [_named_track(stream.index, formats) for stream, track in
                     zip(streams, tracks, strict=True) if track is None]  # fmt: skip
    except (av.error.FFmpegError, OSError) as error:
        how = cure(script="audio", typed="--audio")
        msg = f"the sound of {path} can't be read: {error}; leave {how} out"
        raise ExportError(msg) from error
    if unfit:
        many = "s" if len(unfit) > 1 else ""
        logger.warning("%s: sound can't be decoded and is left out: track%s %s",
                       path, many, listed(unfit))  # fmt: skip
    return [track for track in tracks if track is not None]


def _formats(path: Path, movie: InputContainer) -> dict[int, str]:
    """Return what is known of the format of each track, by its number."""
    named = {n: track.format for n, track in enumerate(read_tracks(path))}
    for stream in movie.streams.audio:
        if not named.get(stream.index) and stream.codec_context is not None:
            named[stream.index] = stream.codec_context.name
    return named


def _named_track(number: int, formats: Mapping[int, str]) -> str:
    name = formats.get(number, "")
    return f"{number} ({name})" if name.isprintable() and name else f"{number} (unknown format)"


def _track(path: Path, place: int, formats: Mapping[int, str]) -> AudioTrack | None:
    """Return a track of sound; None if it can't be decoded."""
    with av.open(str(path)) as movie:
        stream = movie.streams.audio[place]
        # Of a format without a decoder there is none, whatever PyAV's types say.
        coder: AudioCodecContext | None = stream.codec_context
        is_open = formats.get(stream.index) not in ENCRYPTED
        if coder is None or not is_open or not stream.rate or not _decodes(movie, stream):
            return None
        return AudioTrack(place, stream.rate, CODECS.get(coder.name, DECODED))


def _decodes(movie: InputContainer, stream: AudioStream) -> bool:
    """Tell whether most of the track's first packets can be decoded."""
    good = bad = 0
    try:
        for packet in movie.demux(stream):
            try:
                good += bool(packet.decode())
            except av.error.FFmpegError:
                bad += 1
            if good + bad == PACKETS_TRIED:
                break
    except av.error.FFmpegError:
        # Where the file ends early; what is before it counts.
        bad += 1
    return good > bad


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
