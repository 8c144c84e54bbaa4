"""
What a clip's color is, and conversions that say so.

VapourSynth's resizer converts by frame props, which `intake` has completed, the same way for
the network and for every export. Numbers are those of ITU-T H.273.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import vapoursynth as vs

from sghm_vs.intake import (
    BT709,
    BT2020,
    LINEAR,
    SRGB,
    Colorimetry,
    colorimetry_of,
    pixel_aspect_of,
    readable,
    tagged,
)

CAMERA_CURVES = (1, 6, 14, 15)
"""Transfers that are one curve: BT.709, BT.601, BT.2020 of 10 and of 12 bits."""

# H.273, TransferCharacteristics 1, and its inverse. The resizer would use the display's curve
# (BT.1886) in its place, and scene-linear footage is what a camera saw.
CAMERA_ENCODE = "x 0.018 < x 4.5 * 1.099 x 0 max 0.45 pow * 0.099 - ?"
CAMERA_DECODE = "x 0.081 < x 4.5 / x 0.099 + 1.099 / 0 max 1 0.45 / pow ?"
CLAMP = "x 0 max 1 min"

COLOR_PROPS = ["_Matrix", "_Transfer", "_Primaries", "_ChromaLocation", "_FieldBased"]


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip whose every frame says its color, and what its first frame says of them all."""

    clip: vs.VideoNode
    colorimetry: Colorimetry
    pixel_aspect: Fraction
    """Width of a pixel by its height."""

    @property
    def family(self) -> int:
        """The clip's color family, a `vapoursynth.ColorFamily`."""
        return int(self.clip.format.color_family)


def read_color(clip: vs.VideoNode) -> Footage:
    """
    Return `clip` with its color as its frames' props say; see `intake` for what they leave out.

    Raises:
        UnsupportedClipError: The clip's format can't be converted, or its first frame is
            interlaced; a later frame that is raises `vapoursynth.Error` when it is asked for.
    """
    clip = readable(clip)
    with clip.get_frame(0) as frame:
        colorimetry, pixel_aspect = colorimetry_of(frame), pixel_aspect_of(frame)
    return Footage(tagged(clip), colorimetry, pixel_aspect)


def to_display_rgb(footage: Footage) -> vs.VideoNode:
    """
    Return RGBS in display code, full range: what the network was trained to see.

    Scene-linear frames are encoded to sRGB, all others keep their code values.
    """
    coded = footage.clip.resize.Bicubic(format=vs.RGBS)
    encoded = footage.clip.resize.Bicubic(format=vs.RGBS, transfer=SRGB, primaries=BT709)
    return _by_transfer(footage, lambda transfer: encoded if transfer == LINEAR else coded)


def to_linear_rgb(footage: Footage) -> vs.VideoNode:
    """Return RGBS in scene-linear light, BT.709 primaries."""
    by_resizer = footage.clip.resize.Bicubic(format=vs.RGBS, transfer=LINEAR, primaries=BT709)
    decoded = footage.clip.resize.Bicubic(format=vs.RGBS).std.Expr(CAMERA_DECODE)
    by_camera = decoded.std.SetFrameProps(_Transfer=LINEAR).resize.Point(primaries=BT709)
    return _by_transfer(
        footage, lambda transfer: by_camera if transfer in CAMERA_CURVES else by_resizer
    )


def to_float(footage: Footage) -> vs.VideoNode:
    """Return RGBS, or YUV444PS of YUV: the footage's own codes, with its own color props."""
    return footage.clip.resize.Bicubic(format=_float_format(footage))


def as_coded(linear: vs.VideoNode, footage: Footage) -> vs.VideoNode:
    """Return what `to_linear_rgb` gave of `footage`, or the like, coded as `to_float` is."""
    target = _float_format(footage)

    @cache
    def coded(color: Colorimetry) -> vs.VideoNode:
        in_gamut = linear.resize.Bicubic(primaries=color.primaries)
        if color.transfer in CAMERA_CURVES:
            curved = in_gamut.std.Expr(CAMERA_ENCODE).std.SetFrameProps(_Transfer=color.transfer)
        else:
            curved = in_gamut.resize.Bicubic(transfer=color.transfer)
        if target == vs.RGBS:
            return curved
        return curved.resize.Bicubic(format=target, matrix=color.matrix)

    def chosen(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        return coded(colorimetry_of(f, n))

    like = footage.clip.resize.Bicubic(format=target)
    return like.std.FrameEval(chosen, prop_src=footage.clip)


def times(picture: vs.VideoNode, alpha: vs.VideoNode) -> vs.VideoNode:
    """Return float planes of `picture`, RGB or YUV 4:4:4, times `alpha`, GRAYS: premultiplied."""
    family = picture.format.color_family
    each = vs.core.std.ShufflePlanes([alpha] * 3, [0, 0, 0], family)
    return vs.core.std.Expr([picture, each], "x y *")


def over(front: vs.VideoNode, alpha: vs.VideoNode, back: vs.VideoNode) -> vs.VideoNode:
    """Return RGBS `front` over RGBS `back` where `alpha`, GRAYS, is 1, and mixed between."""
    each = vs.core.std.ShufflePlanes([alpha] * 3, [0, 0, 0], vs.RGB)
    return vs.core.std.Expr([front, back, each], "x y - z * y +")


def to_limited_yuv444(footage: Footage, *, bits: int) -> tuple[vs.VideoNode, Colorimetry]:
    """
    Return limited-range 4:4:4 of `bits`, and the colorimetry to tag it with.

    YUV keeps its own. RGB and gray keep their code values, which are tagged BT.709 where they
    are untagged or sRGB; scene-linear color is encoded as BT.709 first.
    """
    target = vs.core.query_video_format(vs.YUV, vs.INTEGER, bits).id
    limited = int(vs.RANGE_LIMITED)
    if footage.family == vs.YUV:
        found = footage.colorimetry
        # Frames of another color are brought to the first one's: the movie has one tag.
        yuv = footage.clip.resize.Bicubic(
            format=target,
            range=limited,
            matrix=found.matrix,
            transfer=found.transfer,
            primaries=found.primaries,
        )
        return yuv, found
    tags = _tags_of_rgb(footage.colorimetry)
    if footage.colorimetry.transfer == LINEAR:
        rgb = to_linear_rgb(footage).std.Expr(CAMERA_ENCODE)
    else:
        rgb = footage.clip.resize.Bicubic(format=vs.RGBS)
    plain = rgb.std.RemoveFrameProps(["_Transfer", "_Primaries"])
    return plain.resize.Bicubic(format=target, matrix=tags.matrix, range=limited), tags


def to_full_range_gray(clip: vs.VideoNode, format_id: int) -> vs.VideoNode:
    """
    Return a gray `clip` in another gray format, full range, rounded to the nearest code.

    Gray is full range unless its frames are tagged limited. Floats are clamped to 0-1; NaN is 0.

    Raises:
        UnsupportedClipError: The clip's format can't be converted.
    """
    # A matte has a range and no color; the resizer would stumble over tags of the picture.
    plain = readable(clip).std.RemoveFrameProps(COLOR_PROPS)
    if plain.width:
        return _to_full_range_gray(plain, format_id)
    like = plain.resize.Point(format=format_id)

    def of_one_size(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        del n
        return _to_full_range_gray(plain.resize.Point(f.width, f.height), format_id)

    return like.std.FrameEval(of_one_size, prop_src=plain)


def to_matte(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the first plane of footage that shows a matte, GRAYS, full range, 0-1."""
    clip = readable(clip)
    first = clip.std.ShufflePlanes(0, vs.GRAY)
    with clip.get_frame(0) as frame:
        is_tagged = "_Range" in frame.props or "_ColorRange" in frame.props
    if clip.format.color_family == vs.YUV and not is_tagged:
        first = first.std.SetFrameProps(_Range=int(vs.RANGE_LIMITED))
    return to_full_range_gray(first, vs.GRAYS)


def _to_full_range_gray(clip: vs.VideoNode, format_id: int) -> vs.VideoNode:
    full = int(vs.RANGE_FULL)
    is_float = clip.format.sample_type == vs.FLOAT
    bounded = clip.std.Expr(CLAMP) if is_float else clip
    gray = bounded.resize.Point(format=format_id, range_in=full, range=full, dither_type="none")
    becomes_float = gray.format.sample_type == vs.FLOAT and not is_float
    return gray.std.Expr(CLAMP) if becomes_float else gray


def _by_transfer(footage: Footage, choose: Callable[[int], vs.VideoNode]) -> vs.VideoNode:
    """Return, for each frame, that of the clip which `choose` gives for the frame's transfer."""

    def chosen(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        del n
        return choose(int(f.props["_Transfer"]))

    like = footage.clip.resize.Bicubic(format=vs.RGBS)
    return like.std.FrameEval(chosen, prop_src=footage.clip)


def _float_format(footage: Footage) -> int:
    return int(vs.YUV444PS if footage.family == vs.YUV else vs.RGBS)


def _tags_of_rgb(found: Colorimetry) -> Colorimetry:
    if found.transfer == LINEAR:
        return Colorimetry(BT709, BT709, BT709)
    matrix = BT2020 if found.primaries == BT2020 else BT709
    transfer = BT709 if found.transfer == SRGB else found.transfer
    return Colorimetry(matrix, transfer, found.primaries)
