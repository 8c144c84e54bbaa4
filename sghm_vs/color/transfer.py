"""
Codes of one color become light, and light becomes codes.

Every clip here is of one size and of one color, which is given; `color` chooses by each frame's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.clips import computed, read_once, to_rgb_array, to_rgb_frame
from sghm_vs.color import ocio
from sghm_vs.color.frame_props import BT709, IDENTITY, LINEAR, SPACE, SRGB, Colorimetry

CAMERA_CURVES = (1, 6, 14, 15)
"""Transfers that are one curve: BT.709, BT.601, BT.2020 of 10 and of 12 bits."""

# H.273, TransferCharacteristics 1, and its inverse. The resizer would use the display's curve
# (BT.1886) in its place, and scene-linear footage is what a camera saw.
CAMERA_ENCODE = "x 0.018 < x 4.5 * 1.099 x 0 max 0.45 pow * 0.099 - ?"
CAMERA_DECODE = "x 0.081 < x 4.5 / x 0.099 + 1.099 / 0 max 1 0.45 / pow ?"

SRGB_ENCODE = "x 0.0031308 <= x 12.92 * x 1 2.4 / pow 1.055 * 0.055 - ?"
"""IEC 61966-2-1, above 1 as well."""
KNEE = 0.8
"""Code from which highlights roll off: diffuse white becomes 0.9, what is far brighter nears 1."""
ROLL_OFF = f"x {KNEE} <= x x {KNEE} - dup {1 - KNEE:.9g} + / {1 - KNEE:.9g} * {KNEE} + ?"
"""The identity up to the knee, then a hyperbola that leaves it at the same slope."""
LIGHT_MAX = 65504
WHITE = 203.0
"""Candela per square meter of reference white in PQ and HLG (ITU-R BT.2408)."""


def is_linear(color: Colorimetry) -> bool:
    """Tell whether codes of `color` are scene-linear light."""
    if color.space:
        return ocio.space(color.space).is_linear
    return color.transfer == LINEAR


def linearize(clip: vs.VideoNode, color: Colorimetry, white: float = 100.0) -> vs.VideoNode:
    """
    Return scene-linear RGBS, Rec.709 primaries.

    Args:
        clip: Codes of `color`.
        color: What they mean. A named space goes through OpenColorIO itself, BT.709's kin through
            the camera's curve, all else through the resizer.
        white: What 1 is in PQ and HLG, candela per square meter.
    """
    if color.space:
        codes = clip.resize.Bicubic(format=vs.RGBS)
        return _as_linear(_computed(codes, ocio.space(color.space).to_linear))
    if color.transfer not in CAMERA_CURVES:
        return clip.resize.Bicubic(
            format=vs.RGBS, transfer=LINEAR, primaries=BT709, nominal_luminance=white
        )
    decoded = clip.resize.Bicubic(format=vs.RGBS).std.Expr(CAMERA_DECODE)
    return decoded.std.SetFrameProps(_Transfer=LINEAR).resize.Point(primaries=BT709)


def encode(linear: vs.VideoNode, color: Colorimetry) -> vs.VideoNode:
    """Return scene-linear RGBS, Rec.709 primaries, coded as RGBS of `color`."""
    tags = {"_Transfer": color.transfer, "_Primaries": color.primaries}
    if color.space:
        own = _computed(linear, ocio.space(color.space).from_linear)
        return own.std.SetFrameProps(**{**tags, SPACE: color.space})
    in_gamut = linear.resize.Bicubic(primaries=color.primaries)
    if color.transfer in CAMERA_CURVES:
        return in_gamut.std.Expr(CAMERA_ENCODE).std.SetFrameProps(_Transfer=color.transfer)
    return in_gamut.resize.Bicubic(transfer=color.transfer)


def linearize_for_view(clip: vs.VideoNode, color: Colorimetry) -> vs.VideoNode:
    """
    Return what `linearize` does, reference white being 1, for eyes and networks.

    Codes of a named space that aren't integers of RGB are read to 16 bits; it is much faster.
    """
    matrix = ocio.matrix(color.space) if color.space else None
    if matrix is None:
        return linearize(clip, color, WHITE)
    own = ocio.space(color.space)
    if own.is_linear:
        light = clip.resize.Bicubic(format=vs.RGBS)
    else:
        codes = _as_integers(clip)
        light = codes.std.Lut(lutf=own.curve(codes.format.bits_per_sample), floatout=True)
    channels = [light.std.ShufflePlanes(plane, vs.GRAY) for plane in range(3)]
    mixed = [
        vs.core.std.Expr(channels, f"x {r:.9g} * y {g:.9g} * + z {b:.9g} * +") for r, g, b in matrix
    ]
    return _as_linear(vs.core.std.ShufflePlanes(mixed, [0, 0, 0], vs.RGB))


def _as_integers(clip: vs.VideoNode) -> vs.VideoNode:
    """Return RGB codes as integers: the clip's own if it has them, else 16-bit ones."""
    own = clip.format
    is_whole = own.color_family == vs.RGB and own.sample_type == vs.INTEGER
    bits = own.bits_per_sample if is_whole else 16
    target = vs.core.query_video_format(vs.RGB, vs.INTEGER, bits).id
    return clip.resize.Bicubic(format=target, range=int(vs.RANGE_FULL), dither_type="none")


def _as_linear(light: vs.VideoNode) -> vs.VideoNode:
    tags = {"_Matrix": IDENTITY, "_Transfer": LINEAR, "_Primaries": BT709}
    return light.std.RemoveFrameProps([SPACE]).std.SetFrameProps(**tags)


def _computed(
    clip: vs.VideoNode, convert: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> vs.VideoNode:
    """Return RGBS `clip` with what `convert` makes of its frames, (height, width, 3)."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        return to_rgb_frame(convert(to_rgb_array(frames[0])), frames[0].props)

    return computed(clip, [read_once(clip)], make)


def view_transform(light: vs.VideoNode, gain: float) -> vs.VideoNode:
    """Return linear Rec.709 `light`, times `gain`, in sRGB's code, its highlights rolled off."""
    # What is not finite, or would not be once multiplied, is very bright.
    lit = light.std.Expr(f"x {gain:.9g} * 0 max {LIGHT_MAX} min")
    return lit.std.Expr(SRGB_ENCODE).std.Expr(ROLL_OFF).std.SetFrameProps(_Transfer=SRGB)
