"""Movies: ProRes 4444 with straight alpha, and the alpha alone as FFV1, by ffmpeg."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import ffmpeg
import vapoursynth as vs

from sghm_vs import color
from sghm_vs.delivery.ffmpeg import find_ffmpeg
from sghm_vs.delivery.pipe import FramePipe
from sghm_vs.delivery.targets import Target
from sghm_vs.delivery.writer import Job, plane
from sghm_vs.errors import ExportError
from sghm_vs.intake import Colorimetry

BITEXACT = {"fflags": "+bitexact", "flags:v": "+bitexact"}
"""No version of the encoder and no date in the file: equal frames give equal bytes."""

DRIFT_MAX = Fraction(1, 4)
"""In frames. Matroska rounds times to a millisecond, which never adds up."""
SQUARE = Fraction(1)

type Arguments = list[str]


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
    """Raw planes into ffmpeg's standard input; ffmpeg converts nothing."""

    def __init__(
        self,
        job: Job,
        target: Target,
        clips: Sequence[vs.VideoNode],
        command: Callable[[Path], Arguments],
    ) -> None:
        if not job.footage.clip.fps:
            msg = (
                f"the clip has no constant rate, which {target.path} needs; use clip.std.AssumeFPS"
            )
            raise ExportError(msg)
        self.clips = tuple(clips)
        self._clock = Clock(Fraction(job.footage.clip.fps))
        self._pipe = FramePipe(target.path, command)

    def start(self) -> None:
        """Start ffmpeg."""
        self._pipe.start()

    def write(self, n: int, frames: Sequence[vs.VideoFrame]) -> None:
        """Send every plane of frame `n`."""
        self._clock.tick(n, frames[0])
        for frame in frames:
            for index in range(frame.format.num_planes):
                self._pipe.send(plane(frame, index).data)

    def finish(self) -> None:
        """Wait for ffmpeg, and give the movie its name."""
        self._pipe.finish()

    def abort(self) -> None:
        """End ffmpeg and remove its file."""
        self._pipe.abort()


class ProResWriter(MovieWriter):
    """ProRes 4444: the clip's color untouched by the alpha, beside it."""

    def __init__(self, job: Job, target: Target) -> None:
        plate, tags = color.to_limited_yuv444(job.footage, bits=10)
        alpha = color.to_full_range_gray(job.alpha, vs.GRAY10)
        ffmpeg_path = find_ffmpeg()

        def command(path: Path) -> Arguments:
            return prores_arguments(
                ffmpeg_path,
                path,
                size=(job.footage.clip.width, job.footage.clip.height),
                rate=Fraction(job.footage.clip.fps),
                pixel_aspect=job.footage.pixel_aspect,
                tags=tags,
                quality=job.form.quality,
                comment=comment(job.metadata),
            )

        super().__init__(job, target, (plate, alpha), command)


class Ffv1Writer(MovieWriter):
    """The alpha, lossless, 16 bits."""

    def __init__(self, job: Job, target: Target) -> None:
        ffmpeg_path = find_ffmpeg()

        def command(path: Path) -> Arguments:
            return ffv1_arguments(
                ffmpeg_path,
                path,
                size=(job.footage.clip.width, job.footage.clip.height),
                rate=Fraction(job.footage.clip.fps),
                pixel_aspect=job.footage.pixel_aspect,
                comment=comment(job.metadata),
            )

        super().__init__(job, target, (color.to_full_range_gray(job.alpha, vs.GRAY16),), command)


def prores_arguments(
    ffmpeg_path: Path,
    path: Path,
    *,
    size: tuple[int, int],
    rate: Fraction,
    tags: Colorimetry,
    pixel_aspect: Fraction = SQUARE,
    quality: int,
    comment: str,
) -> Arguments:
    """
    Return the command that reads raw yuva444p10le from its standard input.

    `prores_ks`, because `prores_aw` stores alpha 1.0 as 0.99927; a quantizer always, because with
    alpha its default rate is twenty times too high (libavcodec/proresenc_kostya.c).

    Args:
        ffmpeg_path: The program.
        path: The movie.
        size: Width and height in pixels.
        rate: Frames per second.
        pixel_aspect: Width of a pixel by its height.
        tags: Written into the stream and into the container's `colr` atom.
        quality: The quantizer.
        comment: Goes into the file's metadata.
    """
    colors = {
        "color_range": "tv",
        "color_primaries": tags.primaries,
        "color_trc": tags.transfer,
        "colorspace": tags.matrix,
    }
    frames = _raw_input("yuva444p10le", size, rate, colors)
    output = ffmpeg.output(
        frames,
        f"file:{path}",
        f="mov",
        vcodec="prores_ks",
        pix_fmt="yuva444p10le",
        alpha_bits=16,
        vendor="apl0",
        movflags="+write_colr",
        video_track_timescale=timescale(rate),
        **{"profile:v": 4, "qscale:v": quality, "metadata": f"comment={comment}"},
        **colors,
        **_aspect(size, pixel_aspect),
        **BITEXACT,
    )
    return _compiled(output, ffmpeg_path)


def ffv1_arguments(
    ffmpeg_path: Path,
    path: Path,
    *,
    size: tuple[int, int],
    rate: Fraction,
    pixel_aspect: Fraction = SQUARE,
    comment: str,
) -> Arguments:
    """Return the command that reads raw gray16le from its standard input; see `prores_arguments`."""
    full = {"color_range": "pc"}
    output = ffmpeg.output(
        _raw_input("gray16le", size, rate, full),
        f"file:{path}",
        f="matroska",
        vcodec="ffv1",
        pix_fmt="gray16le",
        level=3,
        g=1,
        slicecrc=1,
        metadata=f"comment={comment}",
        **full,
        **_aspect(size, pixel_aspect),
        **BITEXACT,
    )
    return _compiled(output, ffmpeg_path)


def timescale(rate: Fraction) -> int:
    """Return ticks a second in which a frame lasts a whole number: 24000 for 24 and for 24000/1001."""
    return rate.numerator if rate.numerator >= 1000 else rate.numerator * 1000


def comment(metadata: dict[str, str]) -> str:
    """Return `metadata` as one line, in order of the keys."""
    return "; ".join(f"sghm_vs:{key}={metadata[key]}" for key in sorted(metadata))


def _aspect(size: tuple[int, int], pixel_aspect: Fraction) -> dict[str, str]:
    """Return the display aspect that a movie is tagged with, where pixels are not square."""
    shape = Fraction(size[0], size[1]) * pixel_aspect
    return {} if pixel_aspect == SQUARE else {"aspect": f"{shape.numerator}:{shape.denominator}"}


def _raw_input(
    pixel_format: str, size: tuple[int, int], rate: Fraction, colors: Mapping[str, object]
) -> ffmpeg.nodes.FilterableStream:
    return ffmpeg.input(
        "pipe:0",
        format="rawvideo",
        pix_fmt=pixel_format,
        s=f"{size[0]}x{size[1]}",
        r=f"{rate.numerator}/{rate.denominator}",
        **colors,
    )


def _compiled(output: ffmpeg.nodes.OutputStream, ffmpeg_path: Path) -> Arguments:
    quiet = output.global_args("-v", "error", "-nostdin")
    return [str(word) for word in quiet.compile(cmd=str(ffmpeg_path), overwrite_output=True)]
