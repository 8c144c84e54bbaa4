"""Mattes that are given: which of a picture's channels is the matte, and that it is one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import computed
from sghm_vs.color.convert import read_color, to_full_range_gray, to_matte
from sghm_vs.color.frame_props import readable
from sghm_vs.errors import SourceError, with_options
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.animated import is_movie
from sghm_vs.media.readers.oiio import MATTE
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import records_of
from sghm_vs.options import MATTE_WORDS, Missing, Opening

logger = logging.getLogger(__name__)

GRAY_CODES = 2
"""Of 255: so far apart may red, green and blue of a gray be, and chroma from neutral."""
LOOKED_AT = 5
"""Frames that are looked at before the first is written."""
LUMA = "x 0.2126 * y 0.7152 * + z 0.0722 * +"
"""ITU-R BT.709."""
PLANES = {"red": 0, "green": 1, "blue": 2}
CHOOSE = f"say which channel is the matte: --matte-channel {'|'.join(MATTE_WORDS)}"


def open_matte(
    path: str | Path,
    channel: str | None = None,
    plate: Source | None = None,
    *,
    is_told: bool = True,
    missing: Missing | None = None,
) -> Source:
    """
    Return the footage at `path` as the matte that it is: its clip is GRAYS, full range, 0-1.

    Without a word it is the alpha of pictures that have one, which is said, and else their gray.

    Args:
        path: Footage or a picture; a script with an alpha.
        channel: Which of its channels is the matte: alpha; luma, which of a movie is its Y and of
            RGB that of BT.709; red, green or blue as coded; of EXR files also a channel, layer or
            part by its name.
        plate: What it is of: its rate is that of a sequence of mattes, and what was said of its
            numbers without a file holds for theirs.
        is_told: Whether it is said that an alpha is taken: of many alike, once is enough.
        missing: What its numbers without a file are, in place of what holds for the plate's.

    Raises:
        SourceError: It can't be read, has no such channel, or nothing says which channel is meant:
            it is in color without an alpha, or gray beside an alpha that is the same everywhere. A
            later frame in color raises `vapoursynth.Error` when it is asked for.
        UnsupportedClipError: Its format can't be converted.
    """
    # What is read here has options of its own.
    with with_options({"--matte-channel", "--missing"}):
        opening = replace(_opening(Path(path), plate), channel=channel)
        source = open_source(
            path, opening if missing is None else replace(opening, missing=missing)
        )
        clip = _matte(Path(path), source, channel, is_told=is_told)
        return replace(source, clip=clip, matte_bits=_bits(source, channel))


def _opening(path: Path, plate: Source | None) -> Opening:
    """Return how to open a matte whose frames keep their numbers, whenever they are shown."""
    if path.is_file() and is_movie(path):
        records = [record for _, record in records_of(Target(path, None))]
        return Opening(with_alpha=True, vfr=any("times" in one.facts for one in records))
    rate = None if plate is None else Fraction(plate.clip.fps) or None
    missing: Missing = "error" if plate is None else plate.missing
    return Opening(with_alpha=True, rate=rate, missing=missing)


def _matte(path: Path, source: Source, channel: str | None, *, is_told: bool) -> vs.VideoNode:
    clip, alpha = readable(source.clip), alpha_of(source)
    name = _exr_channel(clip)
    if name and channel in (None, "alpha", *([channel] if channel not in MATTE_WORDS else [])):
        if is_told and channel is None and name != "A":
            logger.warning("%s: its channel %s is the matte", path, name)
        return to_matte(clip)
    if channel is not None:
        return _channel(path, clip, alpha, channel)
    if alpha is None:
        return to_matte(gray_of(path, clip))
    idle = _idle_value(alpha)
    if idle is not None:
        _refuse_gray(path, clip, idle)
    if is_told:
        where = "" if idle is None else f"; it is {idle:g} in every frame looked at"
        logger.warning("%s: its alpha channel is the matte, not its color%s", path, where)
    return alpha


def _bits(source: Source, channel: str | None) -> int:
    """Return how many bits a sample has of what `_matte` takes."""
    clip, alpha = source.clip, _coded_alpha(source)
    is_alpha = alpha is not None and channel in (None, "alpha") and not _exr_channel(clip)
    return int((alpha if is_alpha and alpha is not None else clip).format.bits_per_sample)


def _coded_alpha(source: Source) -> vs.VideoNode | None:
    """Return the alpha of `source` as it is coded."""
    if source.alpha is not None:
        return source.alpha
    with source.clip.get_frame(0) as frame:
        return source.clip.std.PropToClip("_Alpha") if "_Alpha" in frame.props else None


def alpha_of(source: Source) -> vs.VideoNode | None:
    """Return the alpha of `source`, GRAYS."""
    coded = _coded_alpha(source)
    return None if coded is None else to_full_range_gray(coded, vs.GRAYS)


def _exr_channel(clip: vs.VideoNode) -> str:
    """Return which channel of an EXR file `clip` shows as a matte; "" if it doesn't."""
    with clip.get_frame(0) as frame:
        return str(frame.props.get(MATTE, ""))


def _channel(
    path: Path, clip: vs.VideoNode, alpha: vs.VideoNode | None, channel: str
) -> vs.VideoNode:
    family = clip.format.color_family
    if channel not in MATTE_WORDS:
        msg = (
            f"{path} has no channels by name, as EXR files have, and {channel!r} was asked for; "
            f"choose --matte-channel {'|'.join(MATTE_WORDS)}"
        )
        raise SourceError(msg)
    if channel == "alpha":
        if alpha is None:
            others = [word for word in MATTE_WORDS if word != "alpha"]
            msg = f"{path} has no alpha channel; choose --matte-channel {'|'.join(others)}"
            raise SourceError(msg)
        return alpha
    if family == vs.GRAY or (channel == "luma" and family == vs.YUV):
        return to_matte(clip)
    rgb = read_color(clip).clip.resize.Bicubic(format=vs.RGBS) if family == vs.YUV else clip
    planes = [to_full_range_gray(rgb.std.ShufflePlanes(n, vs.GRAY), vs.GRAYS) for n in range(3)]
    return vs.core.std.Expr(planes, LUMA) if channel == "luma" else planes[PLANES[channel]]


def gray_of(path: Path, clip: vs.VideoNode) -> vs.VideoNode:
    """Return `clip`, once frames along it are gray; one that is not raises when it is asked for."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        _refuse_color(path, frames[0])
        return frames[0]

    if clip.format.color_family == vs.GRAY:
        return clip
    for frame in _frames_along(clip):
        _refuse_color(path, frame)
    return computed(clip, [clip], make)


def _refuse_color(path: Path, frame: vs.VideoFrame) -> None:
    if not is_gray(frame):
        msg = f"{path} is in color and has no alpha channel, where a matte is expected; {CHOOSE}"
        raise SourceError(msg)


def is_gray(frame: vs.VideoFrame) -> bool:
    """Tell whether `frame`, in color, shows grays alone, within `GRAY_CODES`."""
    kind = frame.format
    is_float = kind.sample_type == vs.FLOAT
    # In whole codes: of 10 bits a step of 8 bits is four.
    step = 1 / 255 if is_float else ((1 << kind.bits_per_sample) - 1) / 255
    planes = [np.asarray(plane) for plane in frame]
    if kind.color_family == vs.YUV:
        middle = 0 if is_float else 1 << (kind.bits_per_sample - 1)
        ends = [(plane.min(), plane.max()) for plane in planes[1:]]
        apart = max(max(float(most) - middle, middle - float(least)) for least, most in ends)
    else:
        most, least = np.maximum.reduce(planes), np.minimum.reduce(planes)
        apart = float((most - least).max())
    return not apart > GRAY_CODES * step + 1e-6


def _idle_value(alpha: vs.VideoNode) -> float | None:
    """Return the 0 or 1 that `alpha` is throughout, as far as it is looked at; else None."""
    least, most = _range_along(alpha)
    return least if least == most and least in (0, 1) else None


def _refuse_gray(path: Path, clip: vs.VideoNode, idle: float) -> None:
    """Refuse a gray that is something else than its alpha, which is `idle` throughout."""
    is_color = clip.format.color_family != vs.GRAY
    if is_color and not all(is_gray(frame) for frame in _frames_along(clip)):
        return
    if _range_along(to_matte(clip)) != (idle, idle):
        msg = f"{path} is gray, and its alpha channel is {idle:g} throughout; {CHOOSE}"
        raise SourceError(msg)


def _range_along(gray: vs.VideoNode) -> tuple[float, float]:
    planes = [np.asarray(frame[0]) for frame in _frames_along(gray)]
    return min(float(p.min()) for p in planes), max(float(p.max()) for p in planes)


def _frames_along(clip: vs.VideoNode) -> Iterator[vs.VideoFrame]:
    """Yield the first and last frame of `clip`, and some between."""
    last, steps = clip.num_frames - 1, LOOKED_AT - 1
    for n in sorted({last * step // steps for step in range(LOOKED_AT)}):
        yield clip.get_frame(n)
