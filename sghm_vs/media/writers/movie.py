"""Movies by ffmpeg, which converts nothing: ProRes, FFV1 and Animation with alpha, and reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs

from sghm_vs.color import convert
from sghm_vs.color.frame_props import BT709, Colorimetry
from sghm_vs.errors import ExportError
from sghm_vs.media.files import disk_of, refuse_another_disk
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import Facts, Sample
from sghm_vs.media.writers import ffmpeg_args
from sghm_vs.media.writers.audio import SoundTrack, samples, sound_tracks
from sghm_vs.media.writers.base import Job, rows
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.media.writers.ffmpeg_args import Arguments, Movie, Picture
from sghm_vs.media.writers.ffmpeg_process import FramePipe

DRIFT_MAX = Fraction(1, 4)
"""In frames. Matroska rounds times to a millisecond, which never adds up."""
TOPS = {"Gray8": 255, "Gray10": 1023, "Gray16": 65535, "RGB24": 255, "YUV420P8": 255}
"""The code of 1 in a clip's format."""
CODED: Mapping[str, tuple[str, str | None]] = {
    "prores_ks": ("prores", "ap4h"),
    "ffv1": ("ffv1", None),
    "qtrle": ("qtrle", "rle"),
    "libx264": ("h264", "avc1"),
}
"""What a decoder and the container call what a coder wrote."""
REVIEWED = Colorimetry(BT709, BT709, BT709)


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


@dataclass(frozen=True, slots=True)
class Stream:
    """Clips whose planes, in order, are the raw frames of `picture`."""

    clips: tuple[vs.VideoNode, ...]
    picture: Picture
    sampled: int
    """The plane that is compared after writing: the alpha, or a review's luma."""


class MovieWriter:
    """Raw frames into ffmpeg's standard input."""

    def __init__(self, job: Job, target: Target) -> None:
        if not job.footage.clip.fps:
            msg = (
                f"the clip has no constant rate, which {target.path} needs; use clip.std.AssumeFPS"
            )
            raise ExportError(msg)
        stream = STREAMS[job.form.codec_of(target.path.suffix.lower())](job)
        ffmpeg_path, movie = find_ffmpeg(), _movie(job, stream)

        def command(path: Path) -> Arguments:
            return ffmpeg_args.arguments(ffmpeg_path, path, stream.picture, movie)

        self.clips = stream.clips
        self.facts = _facts(stream.picture, movie)
        self.samples: dict[int, Sample] = {}
        self._job, self._sampled = job, stream.sampled
        self._is_packed = stream.picture.pixel_format == "argb"
        self._clock = Clock(Fraction(job.footage.clip.fps))
        self._path, self._disk = target.path, disk_of(target.path.parent)
        self._pipe = FramePipe(target.path, command)

    def start(self) -> None:
        """Start ffmpeg."""
        self._pipe.start()

    def write(self, n: int, frames: Sequence[vs.VideoFrame]) -> None:
        """Send every plane of frame `n`."""
        self._clock.tick(n, frames[0])
        planes = [rows(frame, at) for frame in frames for at in range(frame.format.num_planes)]
        if n in self._job.sampled:
            codes = planes[self._sampled]
            is_exact = self.facts["codec"] != "h264"
            self.samples[n] = Sample.of(codes, TOPS[str(frames[-1].format.name)], is_exact=is_exact)
        for raw in [np.dstack(planes)] if self._is_packed else planes:
            self._pipe.send(raw.data)

    def finish(self) -> None:
        """Wait for ffmpeg, and give the movie its name."""
        refuse_another_disk(self._path, self._disk)
        self._pipe.finish()

    def abort(self) -> None:
        """End ffmpeg and remove its file."""
        self._pipe.abort()


def prores_stream(job: Job, *, is_xq: bool = False) -> Stream:
    """Return what ProRes is made of."""
    clips, tags = _yuva(job)
    return Stream(clips, ffmpeg_args.prores(job.form.quality, tags, is_xq=is_xq), sampled=3)


def ffv1_stream(job: Job) -> Stream:
    """Return what FFV1 with color is made of."""
    clips, tags = _yuva(job)
    return Stream(clips, ffmpeg_args.ffv1(tags), sampled=3)


def ffv1_alpha_stream(job: Job) -> Stream:
    """Return what FFV1 without color is made of."""
    alpha = convert.to_full_range_gray(job.alpha, vs.GRAY16)
    return Stream((alpha,), ffmpeg_args.ffv1_alpha(), sampled=0)


def animation_stream(job: Job) -> Stream:
    """Return what Animation is made of; its alpha comes first."""
    rgb = convert.to_display_rgb(job.footage)
    if job.form.premultiplied:
        rgb = convert.times(rgb, convert.to_full_range_gray(job.alpha, vs.GRAYS))
    coded = rgb.resize.Point(format=vs.RGB24, dither_type="none")
    alpha = convert.to_full_range_gray(job.alpha, vs.GRAY8)
    return Stream((alpha, coded), ffmpeg_args.animation(), sampled=0)


def review_stream(job: Job) -> Stream:
    """Return what a review is made of: the subject over `job.over`, in display code."""
    assert job.over is not None  # noqa: S101 - checked before any work
    alpha = convert.to_full_range_gray(job.alpha, vs.GRAYS)
    over = convert.over(convert.to_viewed_rgb(job.footage), alpha, job.over)
    even = over.std.CopyFrameProps(job.footage.clip, props=["_DurationNum", "_DurationDen"])
    for stack, cut in ((vs.core.std.StackVertical, "top"), (vs.core.std.StackHorizontal, "left")):
        length = even.height if cut == "top" else even.width
        if length % 2:
            even = stack([even, even.std.Crop(**{cut: length - 1})])
    plain = even.std.RemoveFrameProps(["_Transfer", "_Primaries"])
    coded = plain.resize.Bicubic(
        format=vs.YUV420P8, matrix=BT709, range=int(vs.RANGE_LIMITED), dither_type="none"
    )
    return Stream((coded,), ffmpeg_args.review(REVIEWED), sampled=0)


STREAMS: Mapping[str, Any] = {
    "prores4444": prores_stream,
    "prores4444xq": lambda job: prores_stream(job, is_xq=True),
    "animation": animation_stream,
    "ffv1": ffv1_stream,
    "ffv1-alpha": ffv1_alpha_stream,
    "h264": review_stream,
}


def comment(metadata: Mapping[str, str]) -> str:
    """Return `metadata` as one line, in order of the keys."""
    return "; ".join(f"sghm_vs:{key}={metadata[key]}" for key in sorted(metadata))


def _yuva(job: Job) -> tuple[tuple[vs.VideoNode, vs.VideoNode], Colorimetry]:
    """Return color and alpha of 10 bits, and what the color is."""
    alpha = convert.to_full_range_gray(job.alpha, vs.GRAY10)
    if not job.form.premultiplied:
        plate, tags = convert.to_limited_yuv444(job.footage, bits=10)
        return (plate, alpha), tags
    fine, tags = convert.to_limited_yuv444(job.footage, bits=16)
    # In floats of YUV black is zero in every plane, so a product is what it is in RGB.
    product = convert.times(
        fine.resize.Point(format=vs.YUV444PS), convert.to_full_range_gray(job.alpha, vs.GRAYS)
    )
    limited = int(vs.RANGE_LIMITED)
    plate = product.resize.Point(format=vs.YUV444P10, range=limited, dither_type="none")
    return (plate, alpha), tags


def _movie(job: Job, stream: Stream) -> Movie:
    clip = job.footage.clip
    said = job.metadata | ({"alpha": "premultiplied"} if job.form.premultiplied else {})
    return Movie(
        size=(stream.clips[0].width, stream.clips[0].height),
        rate=Fraction(clip.fps),
        frames=clip.num_frames,
        pixel_aspect=job.footage.pixel_aspect,
        origin=job.origin,
        sound=_sound(job),
        comment=comment(said),
    )


def _facts(picture: Picture, movie: Movie) -> Facts:
    """Return what the movie says of itself when it is read back."""
    codec, tag = CODED[str(picture.coder["vcodec"])]
    colors = [picture.tags.get(name) for name in ("color_primaries", "color_trc", "colorspace")]
    origin = movie.origin
    sound = [[track.rate, samples(track, movie.frames / movie.rate)] for track in movie.sound]
    facts: Facts = {
        "frames": movie.frames,
        "size": [*movie.size],
        "rate": str(movie.rate.limit_denominator(1001)),
        "codec": codec,
        "pixel_aspect": round(float(movie.pixel_aspect), 4),
        "sound": sound if picture.container != "mp4" else [[rate, None] for rate, _ in sound],
        "timecode": None if origin.timecode is None else str(origin.timecode),
        "comment": movie.comment or None,
    }
    if None not in colors:
        facts["color"] = colors
    if tag is not None:
        facts["tag"] = "ap4x" if picture.coder.get("profile:v") == 5 else tag
    return facts


def _sound(job: Job) -> list[SoundTrack]:
    if not job.form.audio:
        return []
    if job.origin.sound is None:
        msg = f"{job.origin.file or 'the footage'} has no sound; leave --audio out"
        raise ExportError(msg)
    return sound_tracks(job.origin.sound)
