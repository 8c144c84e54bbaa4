"""
What a clip's color is, and conversions that say so.

VapourSynth's resizer converts by frame props; this module fills in what footage leaves
unsaid, the same way for the network and for every export. Numbers are those of ITU-T H.273.
"""

from __future__ import annotations

from dataclasses import dataclass

import vapoursynth as vs

IDENTITY = 0
BT709 = 1
UNSPECIFIED = 2
BT601 = 6
LINEAR = 8
BT2020 = 9
SRGB = 13

BT601_MATRICES = (5, 6)
"""Of 625 and of 525 lines; the same numbers."""
CAMERA_CURVES = (1, 6, 14, 15)
"""Transfers that are one curve: BT.709, BT.601, BT.2020 of 10 and of 12 bits."""

# H.273, TransferCharacteristics 1, and its inverse. The resizer would use the display's curve
# (BT.1886) in its place, and scene-linear footage is what a camera saw.
CAMERA_ENCODE = "x 0.018 < x 4.5 * 1.099 x 0 max 0.45 pow * 0.099 - ?"
CAMERA_DECODE = "x 0.081 < x 4.5 / x 0.099 + 1.099 / 0 max 1 0.45 / pow ?"
CLAMP = "x 0 max 1 min"


@dataclass(frozen=True, slots=True)
class Colorimetry:
    """How a clip's codes mean light: H.273 matrix, transfer and primaries."""

    matrix: int
    transfer: int
    primaries: int


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip with the colorimetry of its first frame: as tagged, and with gaps filled in."""

    clip: vs.VideoNode
    tagged: Colorimetry
    colorimetry: Colorimetry

    @property
    def family(self) -> int:
        """The clip's color family, a `vapoursynth.ColorFamily`."""
        return int(self.clip.format.color_family)


def read_color(clip: vs.VideoNode) -> Footage:
    """
    Return `clip` with the colorimetry that its first frame's props say.

    Untagged YUV is BT.709 from 720 lines or 1280 columns up, else BT.601, as players
    assume; untagged RGB and gray are sRGB-like display color.
    """
    with clip.get_frame(0) as frame:
        tagged = Colorimetry(
            *(_code(frame, name) for name in ("_Matrix", "_Transfer", "_Primaries"))
        )
        is_large = frame.width >= 1280 or frame.height >= 720
    if clip.format.color_family != vs.YUV:
        return Footage(clip, tagged, _filled(tagged, Colorimetry(IDENTITY, SRGB, BT709)))
    has_matrix = tagged.matrix not in (UNSPECIFIED, IDENTITY)
    is_hd = tagged.matrix not in BT601_MATRICES if has_matrix else is_large
    standard = BT709 if is_hd else BT601
    matrix = tagged.matrix if has_matrix else standard
    return Footage(clip, tagged, _filled(tagged, Colorimetry(matrix, standard, standard)))


def to_display_rgb(footage: Footage) -> vs.VideoNode:
    """
    Return RGBS in display code, full range: what the network was trained to see.

    Each frame's own props decide; the first frame's fill what they leave out. Scene-linear
    footage is encoded to sRGB, everything else keeps its code values.
    """
    if footage.colorimetry.transfer == LINEAR:
        return _resized(footage, format=vs.RGBS, transfer=SRGB, primaries=BT709)
    return _resized(footage, format=vs.RGBS)


def to_linear_rgb(footage: Footage) -> vs.VideoNode:
    """Return RGBS in scene-linear light, BT.709 primaries."""
    if footage.colorimetry.transfer not in CAMERA_CURVES:
        return _resized(footage, format=vs.RGBS, transfer=LINEAR, primaries=BT709)
    linear = _resized(footage, format=vs.RGBS).std.Expr(CAMERA_DECODE)
    linear = linear.std.SetFrameProps(_Transfer=LINEAR, _Primaries=footage.colorimetry.primaries)
    return linear.resize.Point(primaries=BT709)


def to_limited_yuv444(footage: Footage, *, bits: int) -> tuple[vs.VideoNode, Colorimetry]:
    """
    Return limited-range 4:4:4 of `bits`, and the colorimetry to tag it with.

    YUV keeps its own. RGB and gray keep their code values, which are tagged BT.709 where they
    are untagged or sRGB; scene-linear color is encoded as BT.709 first.
    """
    target = vs.core.query_video_format(vs.YUV, vs.INTEGER, bits).id
    limited = int(vs.RANGE_LIMITED)
    if footage.family == vs.YUV:
        return _resized(footage, format=target, range=limited), footage.colorimetry
    tags = _tags_of_rgb(footage.colorimetry)
    if footage.colorimetry.transfer == LINEAR:
        rgb = to_linear_rgb(footage).std.Expr(CAMERA_ENCODE)
    else:
        rgb = _resized(footage, format=vs.RGBS)
    plain = rgb.std.RemoveFrameProps(["_Transfer", "_Primaries"])
    return plain.resize.Bicubic(format=target, matrix=tags.matrix, range=limited), tags


def to_full_range_gray(clip: vs.VideoNode, format_id: int) -> vs.VideoNode:
    """
    Return a gray `clip` in another gray format, full range, rounded to the nearest code.

    Gray is full range unless its frames are tagged limited. Floats are clamped to 0-1; NaN is 0.
    """
    full = int(vs.RANGE_FULL)
    is_float = clip.format.sample_type == vs.FLOAT
    bounded = clip.std.Expr(CLAMP) if is_float else clip
    gray = bounded.resize.Point(format=format_id, range_in=full, range=full, dither_type="none")
    becomes_float = gray.format.sample_type == vs.FLOAT and not is_float
    return gray.std.Expr(CLAMP) if becomes_float else gray


def to_matte(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the first plane of footage that shows a matte, GRAYS, full range, 0-1."""
    first = clip.std.ShufflePlanes(0, vs.GRAY)
    with clip.get_frame(0) as frame:
        is_tagged = "_Range" in frame.props or "_ColorRange" in frame.props
    if clip.format.color_family == vs.YUV and not is_tagged:
        first = first.std.SetFrameProps(_Range=int(vs.RANGE_LIMITED))
    return to_full_range_gray(first, vs.GRAYS)


def _resized(footage: Footage, **arguments: int) -> vs.VideoNode:
    """Return the clip through the resizer, told what its first frame's props leave out."""
    if footage.family != vs.RGB and footage.tagged.matrix in (UNSPECIFIED, IDENTITY):
        matrix = footage.colorimetry.matrix
        arguments["matrix_in"] = BT709 if matrix == IDENTITY else matrix
    if "transfer" in arguments:
        if footage.tagged.transfer == UNSPECIFIED:
            arguments["transfer_in"] = footage.colorimetry.transfer
        if footage.tagged.primaries == UNSPECIFIED:
            arguments["primaries_in"] = footage.colorimetry.primaries
    return footage.clip.resize.Bicubic(**arguments)


def _tags_of_rgb(found: Colorimetry) -> Colorimetry:
    if found.transfer == LINEAR:
        return Colorimetry(BT709, BT709, BT709)
    matrix = BT2020 if found.primaries == BT2020 else BT709
    transfer = BT709 if found.transfer == SRGB else found.transfer
    return Colorimetry(matrix, transfer, found.primaries)


def _filled(tagged: Colorimetry, assumed: Colorimetry) -> Colorimetry:
    """Return the assumed matrix, and the tagged transfer and primaries where there are any."""
    return Colorimetry(
        assumed.matrix,
        assumed.transfer if tagged.transfer == UNSPECIFIED else tagged.transfer,
        assumed.primaries if tagged.primaries == UNSPECIFIED else tagged.primaries,
    )


def _code(frame: vs.VideoFrame, name: str) -> int:
    value = frame.props.get(name, UNSPECIFIED)
    return int(value) if isinstance(value, int) else UNSPECIFIED
