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
from sghm_vs.color.convert import TaggedClip, read_color
from sghm_vs.errors import SghmError
from sghm_vs.matting import despill as spill
from sghm_vs.matting.foreground import estimate
from sghm_vs.options import SCREENS, Delivery, Despill, check_arguments, refuse_unused


def foreground(
    clip: vs.VideoNode,
    alpha: vs.VideoNode,
    *,
    despill: Despill | None = None,
    despill_strength: float = 1.0,
) -> vs.VideoNode:
    """
    Return the straight color of the subject whose alpha is `alpha`, without the old background.

    At a soft edge a camera sees subject and background mixed; over something new, the old background
    would shine through there. The colors are taken apart in linear light, and coded as the clip's
    are. Where alpha is 1 they are the clip's own; where it is 0 the subject's go on smoothly, so
    that an alpha that was grown later meets no old background.

    Args:
        clip: As for `sghm`, of constant size. Its frames' props say its color.
        alpha: GRAY of the clip's size and length; the clip's true alpha, not one whose edges were
            shaped.
        despill: "green", "blue" or "auto": the screen whose light is taken off the subject. By as
            much as the screen's channel exceeds the mean of the others, the screen's whole color is
            taken away; that color is found where the alpha is 0. Gray becomes gray exactly. Where
            the channel exceeds nothing, or more than a screen's light would, colors stay to the
            last bit.
        despill_strength: How much of that light, 0 to 1.

    Returns:
        RGBS, or YUV444PS of a YUV clip, with the clip's props; any frame depends on that frame
        of clip and alpha alone. To be multiplied by the alpha in linear light.

    Raises:
        vapoursynth.Error: With "foreground: " where clip or alpha can't be converted or changes
            its size, or where their sizes differ.

    Source:
        Germer et al., "Fast Multi-Level Foreground Estimation", 2020; see `sghm_vs.matting.foreground`.
    """
    try:
        _check(clip, alpha)
        check_arguments(foreground, {"despill": despill, "despill_strength": despill_strength})
        chosen = Delivery(foreground="estimate", despill=despill, despill_strength=despill_strength)
        if despill is None and despill_strength != Delivery().despill_strength:
            refuse_unused({"despill_strength": "despill"})
        return _estimated(read_color(clip), alpha, chosen)
    except SghmError as error:
        msg = f"foreground: {error}"
        raise vs.Error(msg) from error


def chosen_color(clip: vs.VideoNode, alpha: vs.VideoNode, chosen: Delivery) -> vs.VideoNode:
    """Return the color of `clip`, which has `alpha`, that `chosen` says; none is black."""
    if chosen.foreground == "source":
        return clip
    _check(clip, alpha)
    footage = read_color(clip)
    if chosen.foreground == "none":
        return convert.to_float(footage).std.Expr("0")
    return _estimated(footage, alpha, chosen)


def _estimated(footage: TaggedClip, alpha: vs.VideoNode, chosen: Delivery) -> vs.VideoNode:
    linear = convert.to_linear_rgb(footage)
    gray = convert.to_full_range_gray(alpha, vs.GRAYS)
    solved = computed(linear, [read_once(linear), gray], _estimated_frame)
    is_own = gray
    if chosen.despill is not None:
        solved = _despilled(solved, linear, gray, chosen)
        is_own = _unchanged(linear, solved)
    estimated = convert.as_coded(solved, footage)
    own = convert.to_float(footage)
    each = vs.core.std.ShufflePlanes([is_own] * 3, [0, 0, 0], own.format.color_family)
    # There and back through linear light would cost the solid subject its last bits.
    return vs.core.std.Expr([own, estimated, each], "z 1 = x y ?")


def _estimated_frame(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
    del n
    picture, alpha = frames
    estimated = estimate(to_rgb_array(picture), np.asarray(alpha[0]))
    return to_rgb_frame(estimated, picture.props)


def _despilled(
    color: vs.VideoNode, linear: vs.VideoNode, gray: vs.VideoNode, chosen: Delivery
) -> vs.VideoNode:
    channels = SCREENS[chosen.despill or "auto"]

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        subject, picture, alpha = frames
        channel, screen = spill.screen_light(to_rgb_array(picture), np.asarray(alpha[0]), channels)
        made = spill.despill(to_rgb_array(subject), screen, channel, chosen.despill_strength)
        return to_rgb_frame(made, subject.props)

    return computed(color, [read_once(color), linear, gray], make)


def _unchanged(before: vs.VideoNode, after: vs.VideoNode) -> vs.VideoNode:
    """Return 1 where no channel of `after` is another than in `before`, and 0 elsewhere, GRAYS."""
    planes = [
        clip.std.ShufflePlanes(plane, vs.GRAY) for clip in (before, after) for plane in range(3)
    ]
    return vs.core.std.Expr(planes, "x a = y b = and z c = and 1 0 ?")


def _check(clip: vs.VideoNode, alpha: vs.VideoNode) -> None:
    check_constant("clip", clip)
    check_constant("alpha", alpha)
    check_gray("alpha", alpha)
    check_extent("alpha", alpha, clip)
