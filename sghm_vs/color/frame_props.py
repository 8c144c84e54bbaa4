"""
What must hold of a clip before it is converted: its place, its format, its frames' props.

VapourSynth's resizer converts by frame props, and fails at those that are missing or make no
sense. Here gaps are filled as players fill them, nonsense counts as a gap, and what has no
right answer is refused by name. Numbers are those of ITU-T H.273.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs

from sghm_vs.errors import UnsupportedClipError, cure, if_there, speaking_as_here

IDENTITY = 0
BT709 = 1
BT601 = 6
LINEAR = 8
BT2020 = 9
SRGB = 13
PQ = 16
HLG = 18

BT601_MATRICES = (5, 6)
"""Of 625 and of 525 lines; the same numbers."""
DERIVED_MATRICES = (10, 11, 12, 13, 14)
"""Without numbers of their own: they follow from the transfer and the primaries."""
KNOWN = {
    "_Matrix": frozenset({BT709, 4, *BT601_MATRICES, 7, 8, BT2020, *DERIVED_MATRICES}),
    "_Transfer": frozenset({1, *range(4, 19)}),
    "_Primaries": frozenset({1, *range(4, 13), 22}),
    "_Range": frozenset({0, 1}),
    "_ChromaLocation": frozenset(range(6)),
    "_FieldBased": frozenset({0, 1, 2}),
}
"""The values of each prop that mean something to the resizer."""
SPACE = "SghmColorspace"
"""Frame prop: the name of the color space, which then counts in place of the props above."""
BITS_MAX = 16
SUBSAMPLING_MAX = 2
"""As a power of two: chroma has at least every fourth sample of a row and of a column."""


@dataclass(frozen=True, slots=True)
class Colorimetry:
    """How a frame's codes mean light: H.273 matrix, transfer and primaries."""

    matrix: int
    transfer: int
    primaries: int
    space: str = ""
    """A color space by name, in place of transfer and primaries; see `sghm_vs.color.ocio`."""


def readable(clip: vs.VideoNode) -> vs.VideoNode:
    """
    Return `clip` in the computer's memory, if its format can be converted.

    Raises:
        UnsupportedClipError: Its format changes, or the resizer has no such samples.
    """
    if clip.format.color_family == vs.UNDEFINED:
        msg = (
            "the clip changes its format along the way; convert it first: "
            "clip.resize.Bicubic(format=…)"
        )
        raise UnsupportedClipError(msg)
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > BITS_MAX:
        msg = (
            f"the clip is {clip.format.name}; integers of 8 to {BITS_MAX} bits and floats can be "
            "read: write it as one of these where it comes from"
        )
        raise UnsupportedClipError(msg)
    if max(clip.format.subsampling_w, clip.format.subsampling_h) > SUBSAMPLING_MAX:
        msg = (
            f"the clip is {clip.format.name}, whose chroma has less than a quarter of the width "
            "or the height; write it as 4:2:0 or better where it comes from"
        )
        raise UnsupportedClipError(msg)
    return clip.std.GPUDownload() if clip.gpu_resident else clip


def tagged(clip: vs.VideoNode) -> vs.VideoNode:
    """
    Return `clip` with color props on every frame that the resizer can use.

    What a frame leaves out is filled by that frame alone, so any cut of a clip means the same.

    Raises:
        UnsupportedClipError: As a `vapoursynth.Error` when the frame is asked for; see
            `colorimetry_of`.
    """

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        found = colorimetry_of(f, n)
        frame = f.copy()
        for name in KNOWN:
            if name in frame.props and _known_prop(f, name) is None:
                del frame.props[name]
        frame.props["_Matrix"] = found.matrix
        frame.props["_Transfer"] = found.transfer
        frame.props["_Primaries"] = found.primaries
        return frame

    return clip.std.ModifyFrame(clip, speaking_as_here(fill))


def colorimetry_of(frame: vs.VideoFrame, n: int = 0) -> Colorimetry:
    """
    Return what the props of `frame`, number `n` of its clip, say of its color.

    Untagged YUV is BT.709 from 720 lines or 1280 columns up, else BT.601, as players
    assume; its matrix goes with primaries of BT.2020. Untagged RGB and gray are sRGB-like
    display color.

    Raises:
        UnsupportedClipError: The frame is interlaced, or its matrix can't be known.
    """
    if _known_prop(frame, "_FieldBased"):
        order = "bottom" if frame.props["_FieldBased"] == vs.FIELD_BOTTOM else "top"
        how = cure(
            script="deinterlace the clip, for example clip.bwdif.Bwdif(field=1), or, if it is "
            "progressive, say so: clip.std.SetFieldBased(0)",
            typed=if_there(
                "--deinterlace",
                "type --deinterlace frame for one picture of each frame, --deinterlace field for "
                "two, or --deinterlace off if the footage is progressive and says otherwise",
                "make whole frames first: ffmpeg -i MOVIE -vf bwdif=send_frame -c:v ffv1 NEW.mkv",
            ),
        )
        msg = f"frame {n} is interlaced, {order} field first: it shows two moments; {how}"
        raise UnsupportedClipError(msg)
    transfer, primaries = _known_prop(frame, "_Transfer"), _known_prop(frame, "_Primaries")
    space = str(frame.props.get(SPACE, ""))
    if frame.format.color_family != vs.YUV:
        matrix = IDENTITY if frame.format.color_family == vs.RGB else BT709
        return Colorimetry(matrix, transfer or SRGB, primaries or BT709, space)
    said = _known_prop(frame, "_Matrix")
    if said in DERIVED_MATRICES and None in (transfer, primaries):
        how = cure(
            script="add them: clip.std.SetFrameProps(_Transfer=…, _Primaries=…)",
            typed=if_there(
                "--input-colorspace",
                "say what they are, for example --input-colorspace rec709",
                "tag it first: ffmpeg -i MOVIE -vf setparams=color_primaries=bt709:color_trc=bt709 "
                "-c:v ffv1 NEW.mkv",
            ),
        )
        msg = (
            f"frame {n} has matrix {said}, which means nothing without its transfer and "
            f"primaries; {how}"
        )
        raise UnsupportedClipError(msg)
    is_large = frame.width >= 1280 or frame.height >= 720
    is_hd = said not in BT601_MATRICES if said else is_large
    standard = BT709 if is_hd else BT601
    matrix = said or (BT2020 if primaries == BT2020 else standard)
    return Colorimetry(matrix, transfer or standard, primaries or standard, space)


def pixel_aspect_of(frame: vs.VideoFrame) -> Fraction:
    """Return the width of a pixel of `frame` by its height; 1 if its props don't say."""
    found = frame.props.get("_SARNum"), frame.props.get("_SARDen")
    return Fraction(*found) if all(isinstance(n, int) and n > 0 for n in found) else Fraction(1)


def _known_prop(frame: vs.VideoFrame, name: str) -> int | None:
    """Return the prop `name` if it is there and means something."""
    value = frame.props.get(name)
    return int(value) if isinstance(value, int) and value in KNOWN[name] else None
