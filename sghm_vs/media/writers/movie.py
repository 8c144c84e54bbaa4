"""Movies by ffmpeg, which converts nothing: ProRes, FFV1 and Animation with alpha, and reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import vapoursynth as vs

from sghm_vs.errors import ExportError, cure
from sghm_vs.files import disk_of, refuse_another_disk
from sghm_vs.media.quicktime import set_timecode
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import Facts, Sample
from sghm_vs.media.writers import ffmpeg_args
from sghm_vs.media.writers.audio import AudioTrack, audio_tracks, samples
from sghm_vs.media.writers.base import ExportJob, rows
from sghm_vs.media.writers.codecs import CODECS, TOPS, Codec, Encoding, Stream
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.media.writers.ffmpeg_args import Arguments, MovieSpec
from sghm_vs.media.writers.ffmpeg_process import FramePipe
from sghm_vs.media.writers.timed_frames import TimedFrames, ticks_for
from sghm_vs.options import exact_rate

DRIFT_MAX = Fraction(1, 4)
"""In frames. Matroska rounds times to a millisecond, which never adds up."""


class Clock:
    """Tells whether frames, each of which says how long it lasts, keep to one rate."""

    def __init__(self, rate: Fraction) -> None:
        self._rate = rate
        self._ahead = Fraction(0)

    def tick(self, n: int, frame: vs.VideoFrame) -> None:
        """
        Take frame `n`; frames come in order.

        Raises:
            ExportError: The frames so far end where no frame of a constant rate would.
        """
        seconds = frame.props.get("_DurationNum"), frame.props.get("_DurationDen")
        if not all(isinstance(part, int) and part > 0 for part in seconds):
            return
        self._ahead += Fraction(*seconds) * self._rate - 1
        if abs(self._ahead) > DRIFT_MAX:
            msg = (
                f"frame {n} of the clip lasts {float(Fraction(*seconds)):.4f} s, and at "
                f"{float(self._rate):g} frames a second it would be "
                f"{float(1 / self._rate):.4f} s: its rate varies, and a movie here has one; write "
                "a sequence (x.####.exr), or give the clip one rate: clip.std.AssumeFPS(fpsnum=…)"
            )
            raise ExportError(msg)


class MovieWriter:
    """Raw frames into ffmpeg's standard input."""

    def __init__(self, job: ExportJob, target: Target) -> None:
        if not job.footage.clip.fps:
            msg = (
                f"the clip has no constant rate, which {target.path} needs; give it one in the "
                "script: clip.std.AssumeFPS(fpsnum=24)"
            )
            raise ExportError(msg)
        codec = CODECS[job.output_format.codec_of(target.path.suffix.lower())]
        stream = codec.stream(job)
        ffmpeg_path, movie = find_ffmpeg(), _movie(job, stream)

        def command(path: Path) -> Arguments:
            return ffmpeg_args.arguments(ffmpeg_path, path, stream.picture, movie)

        def complete(path: Path) -> None:
            timecode = movie.origin.timecode
            is_ours = timecode is not None and not ffmpeg_args.counts_as_ffmpeg(movie)
            if timecode is not None and is_ours and stream.picture.container != "matroska":
                set_timecode(path, timecode, movie.rate)

        self.clips = stream.clips
        self.facts = _facts(codec, stream.picture, movie)
        self.samples: dict[int, Sample] = {}
        self._job, self._sampled, self._is_exact = job, stream.sampled, codec.is_exact
        self._is_packed = stream.picture.pixel_format == "argb"
        self._clock = Clock(Fraction(job.footage.clip.fps))
        self._path, self._disk = target.path, disk_of(target.path.parent)
        self._pipe = FramePipe(target.path, command, complete)
        self._movie, self._pixel_format = movie, stream.picture.pixel_format
        self._timed: TimedFrames | None = None

    def start(self) -> None:
        """Start ffmpeg."""
        self._pipe.start()
        movie = self._movie
        if movie.ticks is not None:
            self._timed = TimedFrames(self._pipe.send, movie.size, self._pixel_format, movie.ticks)

    def write(self, n: int, frames: Sequence[vs.VideoFrame]) -> None:
        """Send every plane of frame `n`."""
        if self._timed is None:
            self._clock.tick(n, frames[0])
        planes = [rows(frame, at) for frame in frames for at in range(frame.format.num_planes)]
        if n in self._job.sampled:
            codes = planes[self._sampled]
            top = _top_of(frames[-1])
            self.samples[n] = Sample.of(codes, top, is_exact=self._is_exact)
        raw = [one.data for one in ([np.dstack(planes)] if self._is_packed else planes)]
        if self._timed is not None:
            self._timed.send(n, raw)
            return
        for one in raw:
            self._pipe.send(one)

    def finish(self) -> None:
        """Wait for ffmpeg, and give the movie its name."""
        refuse_another_disk(self._path, self._disk)
        if self._timed is not None:
            self._timed.finish()
        self._pipe.finish()

    def abort(self) -> None:
        """End ffmpeg and remove its file."""
        self._pipe.abort()


def _top_of(frame: vs.VideoFrame) -> int:
    """Return the largest code of what is compared after writing."""
    top = TOPS.get(str(frame.format.name))
    if top is None:
        msg = f"TOPS of sghm_vs/media/writers/codecs.py has no row for {frame.format.name}"
        raise ExportError(msg)
    return top


def comment(metadata: Mapping[str, str]) -> str:
    """Return `metadata` as one line, in order of the keys."""
    return "; ".join(f"sghm_vs:{key}={metadata[key]}" for key in sorted(metadata))


def _movie(job: ExportJob, stream: Stream) -> MovieSpec:
    clip = job.footage.clip
    times = job.origin.times[: clip.num_frames + 1]
    said = job.metadata | ({"alpha": "premultiplied"} if job.output_format.premultiplied else {})
    return MovieSpec(
        size=(stream.clips[0].width, stream.clips[0].height),
        rate=Fraction(clip.fps),
        frames=clip.num_frames,
        ticks=ticks_for(stream.picture.container, times) if times else None,
        pixel_aspect=job.footage.pixel_aspect,
        origin=job.origin,
        sound=_sound(job),
        comment=comment(said),
    )


def _facts(codec: Codec, picture: Encoding, movie: MovieSpec) -> Facts:
    """Return what the movie says of itself when it is read back."""
    colors = [picture.tags.get(name) for name in ("color_primaries", "color_trc", "colorspace")]
    origin = movie.origin
    sound = [[track.rate, samples(track, movie.seconds)] for track in movie.sound]
    facts: Facts = {
        "frames": movie.frames,
        "size": [*movie.size],
        "rate": str(exact_rate(movie.rate)),
        "codec": codec.decoder,
        "pixel_aspect": round(float(movie.pixel_aspect), 4),
        "sound": sound if picture.container != "mp4" else [[rate, None] for rate, _ in sound],
        "timecode": None if origin.timecode is None else str(origin.timecode),
        "comment": movie.comment or None,
    }
    if movie.ticks is not None:
        del facts["rate"]
        facts["times"] = [f"1/{movie.ticks.per_second}", *movie.ticks.starts]
    if None not in colors:
        facts["color"] = colors
    if codec.tag is not None:
        facts["tag"] = codec.tag
    return facts


def _sound(job: ExportJob) -> list[AudioTrack]:
    if not job.output_format.audio:
        return []
    if job.origin.sound is None:
        how = cure(script="audio", typed="--audio")
        msg = f"{job.origin.file or 'the footage'} has no sound; leave {how} out"
        raise ExportError(msg)
    return audio_tracks(job.origin.sound)
