"""The public `foreground`: the subject's color without the old background, as a clip."""

from __future__ import annotations

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import (
    check_constant,
    check_extent,
    check_gray,
    computed,
    read_once,
    to_rgb_array,
    to_rgb_frame,
)
from sghm_vs.color import convert
from sghm_vs.color.convert import Footage, read_color
from sghm_vs.errors import SghmError
from sghm_vs.matting.foreground import estimate
from sghm_vs.options import Foreground


def foreground(clip: vs.VideoNode, alpha: vs.VideoNode) -> vs.VideoNode:
    """
    Return the straight color of what `alpha` is the alpha of, without what was behind it.

    At a soft edge a camera sees subject and background mixed; over something new, the old background
    would shine through there. The colors are taken apart in linear light, and coded as the clip's
    are. Where alpha is 1 they are the clip's own; where it is 0 the subject's go on smoothly, so
    that an alpha that was grown later meets no old background.

    Args:
        clip: As for `sghm`, of constant size. Its frames' props say its color.
        alpha: GRAY of the clip's size and length; the clip's true alpha, not one whose edges were
            shaped.

    Returns:
        RGBS, or YUV444PS of a YUV clip, with the clip's props; any frame depends on that frame
        of clip and alpha alone. To be multiplied by the alpha in linear light.

    Raises:
        vapoursynth.Error: With "foreground: " where one of both can't be converted, changes its
            size, or isn't of the other's.

    Source:
        Germer et al., "Fast Multi-Level Foreground Estimation", 2020; see `sghm_vs.matting.foreground`.
    """
    try:
        _check(clip, alpha)
        return _estimated(read_color(clip), alpha)
    except SghmError as error:
        msg = f"foreground: {error}"
        raise vs.Error(msg) from error


def chosen_color(clip: vs.VideoNode, alpha: vs.VideoNode, chosen: Foreground) -> vs.VideoNode:
    """Return the color of `clip`, which has `alpha`, that `chosen` says; none is black."""
    if chosen == "source":
        return clip
    _check(clip, alpha)
    footage = read_color(clip)
    if chosen == "none":
        return convert.to_float(footage).std.Expr("0")
    return _estimated(footage, alpha)


def _estimated(footage: Footage, alpha: vs.VideoNode) -> vs.VideoNode:
    linear = convert.to_linear_rgb(footage)
    gray = convert.to_full_range_gray(alpha, vs.GRAYS)
    solved = computed(linear, [read_once(linear), gray], _estimated_frame)
    estimated = convert.as_coded(solved, footage)
    own = convert.to_float(footage)
    each = vs.core.std.ShufflePlanes([gray] * 3, [0, 0, 0], own.format.color_family)
    # There and back through linear light would cost the solid subject its last bits.
    return vs.core.std.Expr([own, estimated, each], "z 1 = x y ?")


def _estimated_frame(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
    del n
    picture, alpha = frames
    estimated = estimate(to_rgb_array(picture), np.asarray(alpha[0]))
    return to_rgb_frame(estimated, picture.props)


def _check(clip: vs.VideoNode, alpha: vs.VideoNode) -> None:
    check_constant("clip", clip)
    check_constant("alpha", alpha)
    check_gray("alpha", alpha)
    check_extent("alpha", alpha, clip)
