"""What a written file says of itself, and its alpha: read by PyAV and OpenImageIO."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from sghm_vs.errors import ExportError
from sghm_vs.media.timecode import coded_in
from sghm_vs.media.verification.sidecar import Facts, Sample
from sghm_vs.options import exact_rate

MATTE_CHANNELS = ("A", "Y", "G")
"""Which channel is sampled: the first that a file has."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """What is in a file."""

    facts: Facts
    samples: dict[int, Sample]
    """By frame, counted from 0."""


def read_movie(path: Path, frames: Collection[int]) -> FileContent:
    """
    Return what the movie at `path` says of itself, and samples of `frames`.

    Raises:
        ExportError: It can't be read.
    """
    try:
        with av.open(f"file:{path}") as movie:
            stream = movie.streams.video[0]
            times, sound = _packets(movie, stream)
            facts = _movie_facts(movie, stream, len(times)) | {"sound": sound}
            facts["times"] = [str(stream.time_base), *(time - times[0] for time in times)]
            wanted = {times[n]: n for n in frames if n < len(times)}
            pictures = _pictures(movie, stream, sorted(wanted))
            samples = {wanted[time]: _sample(path, frame) for time, frame in pictures}
    except (av.error.FFmpegError, IndexError) as error:
        msg = f"{path} can't be read back: {error}"
        raise ExportError(msg) from error
    return FileContent(facts, samples)


def read_picture(path: Path, *, is_sampled: bool) -> FileContent:
    """
    Return what the picture at `path` says of itself and, if asked for, every pixel's sample.

    Raises:
        ExportError: It can't be read; of one that is sampled, to the last pixel.
    """
    import OpenImageIO

    file = OpenImageIO.ImageInput.open(str(path))
    if file is None:
        OpenImageIO.geterror()
        raise _damaged(path)
    try:
        specs: list[Any] = []
        samples: dict[int, Sample] = {}
        while file.seek_subimage(len(specs), 0):
            specs.append(file.spec())
            if not is_sampled:
                continue
            pixels = file.read_image(len(specs) - 1, 0, 0, specs[-1].nchannels, _type(specs[-1]))
            if pixels is None:
                file.geterror()
                raise _damaged(path)
            if len(specs) == 1:
                samples = {0: _picture_sample(specs[0], pixels)}
        return FileContent(_picture_facts(specs), samples)
    except UnicodeDecodeError:
        raise _damaged(path) from None
    finally:
        file.close()


def _damaged(path: Path) -> ExportError:
    return ExportError(f"{path} is damaged or not whole")


def _type(spec: Any) -> str:
    return str(spec.format)


def _picture_sample(spec: Any, pixels: NDArray[Any]) -> Sample:
    name = next(name for name in MATTE_CHANNELS if name in spec.channelnames)
    codes = pixels[..., spec.channelnames.index(name)]
    is_exact = not (name == "G" and spec.get_string_attribute("compression").startswith("dwa"))
    return Sample.of(codes, 65535 if codes.dtype == np.uint16 else 1, is_exact=is_exact)


def _picture_facts(specs: list[Any]) -> Facts:
    first = specs[0]
    facts: Facts = {
        "size": [first.width, first.height],
        "parts": [sorted(spec.channelnames) for spec in specs],
        "sample": _type(first),
    }
    if first.getattribute("openexr:lineOrder") is None:
        return facts
    rate = first.getattribute("framesPerSecond")
    return facts | {
        "compression": first.get_string_attribute("compression"),
        "color": [spec.get_string_attribute("colorInteropID") for spec in specs],
        "rate": f"{rate[0]}/{rate[1]}" if isinstance(rate, tuple) else None,
        "pixel_aspect": round(first.get_float_attribute("PixelAspectRatio", 1.0), 4),
        "reel": first.get_string_attribute("reelName"),
        "frame": first.getattribute("imageCounter"),
        "timecode": _timecode(first),
    }


def _timecode(spec: Any) -> str | None:
    code = spec.getattribute("smpte:TimeCode")
    return coded_in(code[0] & 0xFFFFFFFF) if isinstance(code, tuple) else None


def _packets(
    movie: InputContainer, stream: VideoStream
) -> tuple[list[int], list[list[int | None]]]:
    """Return the time of each frame, in order, and of each track of sound its rate and samples."""
    times, sizes = [], {track.index: 0 for track in movie.streams.audio}
    for packet in movie.demux(stream, *movie.streams.audio):
        if packet.stream is stream and packet.pts is not None:
            times.append(packet.pts)
        elif packet.stream is not stream:
            sizes[packet.stream.index] += packet.size
    sound: list[list[int | None]] = []
    for track in movie.streams.audio:
        is_plain = track.codec_context.name.startswith("pcm_")
        width = track.codec_context.format.bytes * track.channels
        # 24 bits are three bytes in the file, and four when they are decoded.
        width = 3 * track.channels if track.codec_context.name.startswith("pcm_s24") else width
        sound.append([track.rate, sizes[track.index] // width if is_plain else None])
    return sorted(times), sound


def _movie_facts(movie: InputContainer, stream: VideoStream, frames: int) -> Facts:
    coder = stream.codec_context
    said = dict(movie.metadata)
    for kind in ("video", "data"):
        for track in movie.streams:
            said |= track.metadata if track.type == kind else {}
    said = {key.lower(): value for key, value in said.items()}
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return {
        "frames": frames,
        "size": [stream.width, stream.height],
        "rate": str(_rate(stream)),
        "codec": coder.name,
        "tag": coder.codec_tag.strip("\0 "),
        "color": [coder.color_primaries, coder.color_trc, coder.colorspace],
        "pixel_aspect": round(float(aspect), 4),
        "timecode": said.get("timecode"),
        "reel": said.get("reel_name"),
        "comment": said.get("comment"),
    }


def _rate(stream: VideoStream) -> Fraction:
    """Return the rate; Matroska has a frame's nanoseconds in its place."""
    return exact_rate(Fraction(str(stream.average_rate))) if stream.average_rate else Fraction(0)


def _pictures(
    movie: InputContainer, stream: VideoStream, times: list[int]
) -> Iterator[tuple[int, VideoFrame]]:
    for time in times:
        movie.seek(time, stream=stream)
        for frame in movie.decode(stream):
            if frame.pts is not None and frame.pts >= time:
                if frame.pts == time:
                    yield time, frame
                break


def _sample(path: Path, frame: VideoFrame) -> Sample:
    row = SAMPLED.get(frame.format.name)
    if row is None:
        msg = (
            f"{path} is decoded as {frame.format.name}, which no movie of ours is: SAMPLED of "
            "sghm_vs/media/verification/readback.py has no row for it"
        )
        raise ExportError(msg)
    return Sample.of(row.codes(frame), row.top, is_exact=row.is_exact)


def _plane(frame: VideoFrame, index: int, kind: type[np.generic]) -> NDArray[Any]:
    """Return a plane, (height, width)."""
    plane = frame.planes[index]
    width = plane.line_size // np.dtype(kind).itemsize
    return np.frombuffer(plane, kind).reshape(-1, width)[: plane.height, : plane.width]


class Sampled(NamedTuple):
    """A row of `SAMPLED`."""

    codes: Callable[[VideoFrame], NDArray[Any]]
    """Returns the alpha, or what stands for it, as it was sent."""
    top: int
    """The code of 1."""
    is_exact: bool = True
    """Whether the coder keeps codes."""


SAMPLED: Mapping[str, Sampled] = {
    "argb": Sampled(lambda frame: frame.to_ndarray(format="argb")[..., 0], 255),
    "yuva444p10le": Sampled(lambda frame: _plane(frame, 3, np.uint16), 1023),
    # FFmpeg decodes ProRes to 12 bits: ours, and their top two below.
    "yuva444p12le": Sampled(lambda frame: _plane(frame, 3, np.uint16) >> 2, 1023),
    "gray16le": Sampled(lambda frame: _plane(frame, 0, np.uint16), 65535),
    "yuv420p": Sampled(lambda frame: _plane(frame, 0, np.uint8), 255, is_exact=False),
}
"""How a frame is compared with what was sent, by the pixel format that it is decoded to."""
