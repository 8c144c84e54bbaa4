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

from sghm_vs.clips import uncached
from sghm_vs.color import ocio
from sghm_vs.color.frame_props import (
    BT709,
    BT2020,
    HLG,
    LINEAR,
    PQ,
    SPACE,
    SRGB,
    Colorimetry,
    colorimetry_of,
    pixel_aspect_of,
    readable,
    tagged,
)
from sghm_vs.color.transfer import (
    CAMERA_ENCODE,
    encode,
    is_linear,
    linearize,
    linearize_for_view,
    view_transform,
)

CLAMP = "x 0 max 1 min"

WIDE_PRIMARIES = (BT2020, 11, 12)
"""BT.2020 and P3, whose colors look pale where they are taken as Rec.709's."""

COLOR_PROPS = ["_Matrix", "_Transfer", "_Primaries", "_ChromaLocation", "_FieldBased", SPACE]


@dataclass(frozen=True, slots=True)
class TaggedClip:
    """A clip whose every frame says its color, and what its first frame says of them all."""

    clip: vs.VideoNode
    colorimetry: Colorimetry
    pixel_aspect: Fraction
    """Width of a pixel by its height."""

    @property
    def family(self) -> int:
        """The clip's color family, a `vapoursynth.ColorFamily`."""
        return int(self.clip.format.color_family)


def read_color(clip: vs.VideoNode) -> TaggedClip:
    """
    Return `clip` with its color as its frames' props say; see `frame_props` for what they leave out.

    Raises:
        UnsupportedClipError: The clip's format can't be converted, or its first frame is
            interlaced; a later frame that is raises `vapoursynth.Error` when it is asked for.
    """
    clip = readable(clip)
    with clip.get_frame(0) as frame:
        colorimetry, pixel_aspect = colorimetry_of(frame), pixel_aspect_of(frame)
    return TaggedClip(tagged(clip), colorimetry, pixel_aspect)


def to_display_rgb(footage: TaggedClip) -> vs.VideoNode:
    """
    Return RGBS in display code, full range, for what can't hold linear light.

    Scene-linear frames are encoded to sRGB, all others keep their code values.
    """

    def shown(clip: vs.VideoNode, color: Colorimetry) -> vs.VideoNode:
        if not is_linear(color):
            return clip.resize.Bicubic(format=vs.RGBS)
        if color.space:
            return linearize(clip, color).resize.Bicubic(transfer=SRGB)
        return clip.resize.Bicubic(format=vs.RGBS, transfer=SRGB, primaries=BT709)

    return _by_color(footage, shown)


def to_viewed_rgb(footage: TaggedClip, exposure: float = 0.0) -> vs.VideoNode:
    """
    Return RGBS as on a display, sRGB and Rec.709, full range: what the network was trained to see.

    Linear light, logs, wide gamuts, PQ and HLG (whose reference white of 203 cd/m2 is 1; BT.2408)
    go through linear light, and what is bright rolls off in place of being cut. Everything else
    keeps its code values, unless `exposure`, in stops, brightens or darkens it.
    """
    gain = 2.0**exposure

    def viewed(clip: vs.VideoNode, color: Colorimetry) -> vs.VideoNode:
        if exposure or color.space or color.transfer in (LINEAR, PQ, HLG):
            return view_transform(linearize_for_view(clip, color), gain)
        if color.primaries in WIDE_PRIMARIES:
            return clip.resize.Bicubic(format=vs.RGBS, primaries=BT709)
        return clip.resize.Bicubic(format=vs.RGBS)

    return _by_color(footage, viewed)


def keeps_codes(color: Colorimetry) -> bool:
    """Tell whether `to_viewed_rgb` leaves codes of `color` as they are, unless it brightens them."""
    is_seen_by_light = color.space or color.transfer in (LINEAR, PQ, HLG)
    return not is_seen_by_light and color.primaries not in WIDE_PRIMARIES


def to_linear_rgb(footage: TaggedClip) -> vs.VideoNode:
    """Return RGBS in scene-linear light, BT.709 primaries."""
    return _by_color(footage, linearize)


def to_own_linear_rgb(footage: TaggedClip) -> tuple[vs.VideoNode, str]:
    """
    Return RGBS in scene-linear light, and the interop id of what its values mean.

    A clip whose first frame names a scene-linear space keeps its values; all else becomes linear
    Rec.709.
    """
    color = footage.colorimetry
    if color.space and is_linear(color):
        own = ocio.space(color.space)
        return footage.clip.resize.Bicubic(format=vs.RGBS), own.interop_id
    return to_linear_rgb(footage), ocio.LINEAR_REC709


def assume_colorspace(clip: vs.VideoNode, name: str) -> vs.VideoNode:
    """
    Return `clip` with frames that say that their colors are of the space `name`.

    Raises:
        SettingsError: As `ocio.canonical` says.
    """
    found = ocio.canonical(name)
    if found not in ocio.WORDS:
        return clip.std.SetFrameProps(**{SPACE: found})
    transfer, primaries = ocio.WORDS[found]
    plain = clip.std.RemoveFrameProps([SPACE])
    return plain.std.SetFrameProps(_Transfer=transfer, _Primaries=primaries)


def to_float(footage: TaggedClip) -> vs.VideoNode:
    """Return RGBS, or YUV444PS of YUV: the footage's own codes, with its own color props."""
    return footage.clip.resize.Bicubic(format=_float_format(footage))


def as_coded(linear: vs.VideoNode, footage: TaggedClip) -> vs.VideoNode:
    """Return what `to_linear_rgb` gave of `footage`, or the like, coded as `to_float` is."""
    target = _float_format(footage)

    def coded(_: vs.VideoNode, color: Colorimetry) -> vs.VideoNode:
        curved = encode(linear, color)
        if target == vs.RGBS:
            return curved
        return curved.resize.Bicubic(format=target, matrix=color.matrix)

    return _by_color(footage, coded, target)


def times(picture: vs.VideoNode, alpha: vs.VideoNode) -> vs.VideoNode:
    """Return float planes of `picture`, RGB or YUV 4:4:4, times `alpha`, GRAYS: premultiplied."""
    family = picture.format.color_family
    each = vs.core.std.ShufflePlanes([alpha] * 3, [0, 0, 0], family)
    return vs.core.std.Expr([picture, each], "x y *")


def over(front: vs.VideoNode, alpha: vs.VideoNode, back: vs.VideoNode) -> vs.VideoNode:
    """Return RGBS `front` over RGBS `back` where `alpha`, GRAYS, is 1, and mixed between."""
    each = vs.core.std.ShufflePlanes([alpha] * 3, [0, 0, 0], vs.RGB)
    return vs.core.std.Expr([front, back, each], "x y - z * y +")


def to_limited_yuv444(footage: TaggedClip, *, bits: int) -> tuple[vs.VideoNode, Colorimetry]:
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
    if is_linear(footage.colorimetry):
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


def _by_color(
    footage: TaggedClip,
    make: Callable[[vs.VideoNode, Colorimetry], vs.VideoNode],
    format_id: int = vs.RGBS,
) -> vs.VideoNode:
    """
    Return the clip whose frames are those that `make` makes of the footage for each frame's color.

    Clips that it gets have one size, since most filters want that; of other frames they are never
    asked.
    """

    @cache
    def made(color: Colorimetry, size: tuple[int, int]) -> vs.VideoNode:
        clip = footage.clip
        return uncached(make(clip if clip.width else clip.resize.Point(*size), color))

    def chosen(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        return made(colorimetry_of(f, n), (f.width, f.height))

    if footage.clip.width:
        # A filter that joins while frames are asked for has the first of them computed again.
        made(footage.colorimetry, (footage.clip.width, footage.clip.height))
    like = footage.clip.resize.Bicubic(format=format_id)
    return like.std.FrameEval(chosen, prop_src=footage.clip)


def _float_format(footage: TaggedClip) -> int:
    return int(vs.YUV444PS if footage.family == vs.YUV else vs.RGBS)


def _tags_of_rgb(found: Colorimetry) -> Colorimetry:
    if found.space or found.transfer == LINEAR:
        return Colorimetry(BT709, BT709, BT709)
    matrix = BT2020 if found.primaries == BT2020 else BT709
    transfer = BT709 if found.transfer == SRGB else found.transfer
    return Colorimetry(matrix, transfer, found.primaries)
