"""What ffmpeg is told: raw frames from its standard input into one movie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import ffmpeg

from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.media.writers.audio import AudioTrack, audio_filter
from sghm_vs.media.writers.codecs import Encoding
from sghm_vs.media.writers.timed_frames import Ticks

BITEXACT = {"fflags": "+bitexact", "flags:v": "+bitexact", "flags:a": "+bitexact"}
"""No version of the encoder and no date in the file: equal frames give equal bytes."""
INTERLEAVED = {"max_interleave_delta": 0}
"""Sound and frames lie in the file in order of time alone, not of which came first."""
SQUARE = Fraction(1)
REVIEW_SOUND_BITS = 192_000

type Arguments = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovieSpec:
    """What is in a movie besides its picture's pixels."""

    size: tuple[int, int]
    """Width and height in pixels."""
    rate: Fraction
    frames: int
    ticks: Ticks | None = None
    """When frames are shown; None is at the rate."""
    pixel_aspect: Fraction = SQUARE
    """Width of a pixel by its height."""
    origin: SourceMetadata = field(default_factory=SourceMetadata)
    sound: Sequence[AudioTrack] = ()
    comment: str = ""

    @property
    def seconds(self) -> Fraction:
        """How long it lasts."""
        if self.ticks is None:
            return self.frames / self.rate
        return Fraction(self.ticks.starts[-1] + self.ticks.last, self.ticks.per_second)


def arguments(ffmpeg_path: Path, path: Path, picture: Encoding, movie: MovieSpec) -> Arguments:
    """Return the command that reads `picture`'s raw frames and writes `movie` to `path`."""
    raw = ffmpeg.input("pipe:0", **_raw(picture, movie), **picture.tags)
    sound, coded_sound = _sound(picture, movie)
    output = ffmpeg.output(
        raw,
        *sound,
        f"file:{path}",
        f=picture.container,
        pix_fmt=picture.pixel_format,
        **picture.coder,
        **picture.tags,
        **coded_sound,
        **_container(picture.container, movie),
        **_aspect(movie),
        **_times(picture.container, movie),
        **_origin(picture.container, movie),
        **BITEXACT,
    )
    # Times stay as the containers have them: by itself FFmpeg lets each file begin at 0.
    quiet = output.global_args("-v", "error", "-nostdin", "-copyts")
    return [str(word) for word in quiet.compile(cmd=str(ffmpeg_path), overwrite_output=True)]


def _raw(picture: Encoding, movie: MovieSpec) -> dict[str, object]:
    if movie.ticks is not None:
        return {"format": "nut"}
    return {
        "format": "rawvideo",
        "pix_fmt": picture.pixel_format,
        "s": f"{movie.size[0]}x{movie.size[1]}",
        "r": f"{movie.rate.numerator}/{movie.rate.denominator}",
    }


def _times(container: str, movie: MovieSpec) -> dict[str, object]:
    """Return what leaves each frame its own time."""
    if movie.ticks is None:
        return {}
    said: dict[str, object] = {"fps_mode": "passthrough", "enc_time_base": "demux"}
    # An MP4's frames last as long as from one that is decoded to the next: these are the shown ones.
    return said | ({"bf": 0} if container == "mp4" else {})


def timescale(rate: Fraction) -> int:
    """Return ticks a second in which a frame lasts a whole number: 24000 for 24 and for 24000/1001."""
    return rate.numerator if rate.numerator >= 1000 else rate.numerator * 1000


def _container(container: str, movie: MovieSpec) -> dict[str, object]:
    said: dict[str, object] = {"metadata": f"comment={movie.comment}"} if movie.comment else {}
    if container != "matroska":
        flags = "+write_colr" + ("+faststart" if container == "mp4" else "")
        ticks = timescale(movie.rate) if movie.ticks is None else movie.ticks.per_second
        said |= {"video_track_timescale": ticks, "movflags": flags}
    return said


def counts_as_ffmpeg(movie: MovieSpec) -> bool:
    """Tell whether FFmpeg writes the timecode of `movie` as it is: it counts frames of one rate."""
    timecode = movie.origin.timecode
    is_counted = timecode is not None and timecode.count == round(movie.rate)
    return timecode is None or (is_counted and movie.ticks is None)


def _origin(container: str, movie: MovieSpec) -> dict[str, object]:
    origin = movie.origin
    said: dict[str, object] = {}
    if origin.timecode is not None and container == "matroska":
        said["metadata:g:0"] = f"timecode={origin.timecode}"
    elif origin.timecode is not None:
        # What else counts is put in its place when the movie is whole.
        said["timecode"] = str(origin.timecode) if counts_as_ffmpeg(movie) else "00:00:00:00"
    if origin.reel:
        said["metadata:s:v:0"] = f"reel_name={origin.reel}"
    return said


def _sound(
    picture: Encoding, movie: MovieSpec
) -> tuple[list[ffmpeg.nodes.FilterableStream], dict[str, object]]:
    """Return the tracks of sound, and how they are cut and coded."""
    if not movie.sound:
        return [], {}
    sound = ffmpeg.input(f"file:{movie.origin.sound}", vn=None)
    coded: dict[str, object] = dict(INTERLEAVED)
    for at, track in enumerate(movie.sound):
        coded[f"filter:a:{at}"] = audio_filter(track, movie.origin.sound_start, movie.seconds)
        is_review = picture.container == "mp4"
        coded[f"c:a:{at}"] = "aac" if is_review else track.codec
        if is_review:
            coded[f"b:a:{at}"] = REVIEW_SOUND_BITS
    return [sound[f"a:{track.place}"] for track in movie.sound], coded


def _aspect(movie: MovieSpec) -> dict[str, str]:
    """Return the display aspect that a movie is tagged with, where pixels are not square."""
    shape = Fraction(*movie.size) * movie.pixel_aspect
    is_square = movie.pixel_aspect == SQUARE
    return {} if is_square else {"aspect": f"{shape.numerator}:{shape.denominator}"}
