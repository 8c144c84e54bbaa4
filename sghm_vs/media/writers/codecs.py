"""Codecs of movies: what ffmpeg is sent, and what it makes of it. A new one: a function and a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import vapoursynth as vs

from sghm_vs.color import convert
from sghm_vs.color.frame_props import BT709, Colorimetry
from sghm_vs.media.writers.base import ExportJob

REVIEW_CRF = 16
REVIEW_THREADS = 4
"""x264's frames depend on their number; by itself it takes the machine's."""
REVIEWED = Colorimetry(BT709, BT709, BT709)
TOPS = {"Gray8": 255, "Gray10": 1023, "Gray16": 65535, "RGB24": 255, "YUV420P8": 255}
"""The largest code of a clip's format: what is compared after writing is in parts of it."""

type Options = Mapping[str, object]

FFV1: Options = {"vcodec": "ffv1", "level": 3, "g": 1, "slicecrc": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What the frames are that are sent, and what they become."""

    container: str
    pixel_format: str
    """Of the raw frames, and, as nothing is converted, of the coded ones."""
    coder: Options
    tags: Options = field(default_factory=dict)
    """Color, said of the raw frames and of the movie."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Clips whose planes, in order, are the raw frames of `picture`."""

    clips: tuple[vs.VideoNode, ...]
    picture: Encoding
    sampled: int
    """The plane that is compared after writing: the alpha, or a review's luma."""


class Codec(NamedTuple):
    """A row of `CODECS`."""

    stream: Callable[[ExportJob], Stream]
    decoder: str
    """What a decoder calls it."""
    tag: str | None
    """What the container calls it."""
    is_exact: bool = True
    """Whether it keeps what is compared after writing to the last code."""


def prores(quality: int, tags: Colorimetry, *, is_xq: bool = False) -> Encoding:
    """
    Return ProRes 4444, or 4444 XQ, with 10 bits of alpha.

    `prores_ks`, because `prores_aw` stores alpha 1.0 as 0.99927; a quantizer always, because with
    alpha its default rate is twenty times too high (libavcodec/proresenc_kostya.c).
    """
    coder = {
        "vcodec": "prores_ks",
        "profile:v": 5 if is_xq else 4,
        "alpha_bits": 16,
        "vendor": "apl0",
        "qscale:v": quality,
    }
    return Encoding(container="mov", pixel_format="yuva444p10le", coder=coder, tags=limited(tags))


def prores_stream(job: ExportJob, *, is_xq: bool = False) -> Stream:
    """Return color and alpha for ProRes."""
    clips, tags = _yuva(job)
    return Stream(clips, prores(job.output_format.quality, tags, is_xq=is_xq), sampled=3)


def ffv1_stream(job: ExportJob) -> Stream:
    """Return color and alpha for FFV1, lossless, 10 bits."""
    clips, tags = _yuva(job)
    picture = Encoding(
        container="matroska", pixel_format="yuva444p10le", coder=FFV1, tags=limited(tags)
    )
    return Stream(clips, picture, sampled=3)


def ffv1_alpha_stream(job: ExportJob) -> Stream:
    """Return the alpha as gray for FFV1, lossless, 16 bits."""
    alpha = convert.to_full_range_gray(job.alpha, vs.GRAY16)
    tags = {"color_range": "pc"}
    picture = Encoding(container="matroska", pixel_format="gray16le", coder=FFV1, tags=tags)
    return Stream((alpha,), picture, sampled=0)


def animation_stream(job: ExportJob) -> Stream:
    """Return alpha and color for QuickTime Animation, lossless, 8 bits; each frame stands alone."""
    rgb = convert.to_display_rgb(job.footage)
    if job.output_format.premultiplied:
        rgb = convert.times(rgb, convert.to_full_range_gray(job.alpha, vs.GRAYS))
    coded = rgb.resize.Point(format=vs.RGB24, dither_type="none")
    alpha = convert.to_full_range_gray(job.alpha, vs.GRAY8)
    picture = Encoding(container="mov", pixel_format="argb", coder={"vcodec": "qtrle", "g": 1})
    return Stream((alpha, coded), picture, sampled=0)


def review_stream(job: ExportJob) -> Stream:
    """Return the subject over `job.over`, in display code, for H.264 as every player shows it."""
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
    coder = {
        "vcodec": "libx264",
        "crf": REVIEW_CRF,
        "threads": REVIEW_THREADS,
        "preset": "medium",
    }
    picture = Encoding(container="mp4", pixel_format="yuv420p", coder=coder, tags=limited(REVIEWED))
    return Stream((coded,), picture, sampled=0)


CODECS: Mapping[str, Codec] = {
    "prores4444": Codec(prores_stream, "prores", "ap4h"),
    "prores4444xq": Codec(partial(prores_stream, is_xq=True), "prores", "ap4x"),
    "animation": Codec(animation_stream, "qtrle", "rle"),
    "ffv1": Codec(ffv1_stream, "ffv1", None),
    "ffv1-alpha": Codec(ffv1_alpha_stream, "ffv1", None),
    "h264": Codec(review_stream, "h264", "avc1", is_exact=False),
}
"""By the names in `sghm_vs.options.CODECS`, which says what each ends in."""


def limited(tags: Colorimetry) -> dict[str, object]:
    """Return the color of a limited-range picture."""
    return {
        "color_range": "tv",
        "color_primaries": tags.primaries,
        "color_trc": tags.transfer,
        "colorspace": tags.matrix,
    }


def _yuva(job: ExportJob) -> tuple[tuple[vs.VideoNode, vs.VideoNode], Colorimetry]:
    """Return color and alpha of 10 bits, and what the color is."""
    alpha = convert.to_full_range_gray(job.alpha, vs.GRAY10)
    if not job.output_format.premultiplied:
        plate, tags = convert.to_limited_yuv444(job.footage, bits=10)
        return (plate, alpha), tags
    fine, tags = convert.to_limited_yuv444(job.footage, bits=16)
    # In floats of YUV black is zero in every plane, so a product is what it is in RGB.
    product = convert.times(
        fine.resize.Point(format=vs.YUV444PS), convert.to_full_range_gray(job.alpha, vs.GRAYS)
    )
    in_range = int(vs.RANGE_LIMITED)
    plate = product.resize.Point(format=vs.YUV444P10, range=in_range, dither_type="none")
    return (plate, alpha), tags
