"""The public `edges`: an alpha's edges, shaped, as a clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import blank_like, check_gray, check_matte, computed, read_once, to_gray_frame
from sghm_vs.color import convert
from sghm_vs.color.frame_props import readable
from sghm_vs.errors import SettingsError, SghmError
from sghm_vs.filter.guides import kept_and_held_out
from sghm_vs.matting import edges as stage
from sghm_vs.matting.edges import Alpha
from sghm_vs.options import Edges, Shape


def edges(
    alpha: vs.VideoNode,
    *,
    black: float = 0.0,
    white: float = 1.0,
    gamma: float = 1.0,
    despeckle: float = 0.0,
    fill: float = 0.0,
    grow: float = 0.0,
    feather: float = 0.0,
    shape: Shape = "alpha",
    width: float = 6.0,
    invert: bool = False,
    keep: vs.VideoNode | None = None,
    holdout: vs.VideoNode | None = None,
) -> vs.VideoNode:
    """
    Return `alpha` with its edges shaped, in the order in which the arguments stand here.

    Lengths are pixels of a picture whose short side is 1080, and scale with the picture: the same
    numbers do the same at any resolution. With the defaults the clip itself comes back.

    Args:
        alpha: GRAY, full range unless its frames are tagged limited; 0 background, 1 subject. Its
            size may change.
        black: What becomes 0, with all below it; 0 to 1.
        white: What becomes 1, with all above it; above `black`, up to 1.
        gamma: Above 1 soft values become denser, below 1 thinner; 0 and 1 stay.
        despeckle: Islands that cover less than a disc of this diameter vanish.
        fill: Holes that lack less than a disc of this diameter close.
        grow: How far the edge moves outward; negative, inward. Fractions count.
        feather: How wide a hard edge becomes, centered on it.
        shape: "alpha", or what is made of it: "core", it shrunk by `width`; "edge", what lies
            within `width` of its edge; "trimap", 1 inside, 0 outside, 0.5 within `width` of what
            is soft. Core and edge together are the alpha grown by `width`.
        width: See `shape`.
        invert: Whether 0 and 1 change places, after all else.
        keep: GRAY of the alpha's size and length: the least alpha, so exactly 1 where it is white;
            after all lengths, before `shape` and `invert`.
        holdout: GRAY likewise: what is taken away, so exactly 0 where it is white, also of `keep`.

    Returns:
        GRAY of the same format, size, length and rate, full range; any frame depends on that
        frame of `alpha`, `keep` and `holdout` alone.

    Raises:
        vapoursynth.Error: With "edges: " where the clip is not GRAY or a value is out of range.
    """
    try:
        settings = Edges(
            black=black,
            white=white,
            gamma=gamma,
            despeckle=despeckle,
            fill=fill,
            grow=grow,
            feather=feather,
            shape=shape,
            width=width,
            invert=invert,
        )
        if shape == "alpha" and width != Edges().width:
            msg = f'width is {width}, for shape="core", "edge" or "trimap"; say which'
            raise SettingsError(msg)
        return shaped(alpha, settings, keep=keep, holdout=holdout)
    except SghmError as error:
        msg = f"edges: {error}"
        raise vs.Error(msg) from error


def shaped(
    alpha: vs.VideoNode,
    settings: Edges,
    *,
    keep: vs.VideoNode | None = None,
    holdout: vs.VideoNode | None = None,
) -> vs.VideoNode:
    """
    Return `alpha` with its edges as `settings` say; see `edges`.

    Raises:
        UnsupportedClipError: It is no GRAY clip, or has samples that can't be converted; or what is
            kept or held out is not of its size and length.
    """
    check_gray("alpha", alpha)
    given = {"keep": keep, "holdout": holdout}
    for name, clip in given.items():
        if clip is not None:
            check_matte(name, clip, alpha)
    is_guided = any(clip is not None for clip in given.values())
    if settings == Edges() and not is_guided:
        return alpha
    gray = convert.to_full_range_gray(readable(alpha), vs.GRAYS)
    if is_guided:
        grays = {
            name: clip and convert.to_full_range_gray(clip, vs.GRAYS)
            for name, clip in given.items()
        }
        first = replace(settings, shape=Edges().shape, invert=False)
        settings = Edges(shape=settings.shape, width=settings.width, invert=settings.invert)
        gray = kept_and_held_out(_shaped(gray, first), **grays)
    return convert.to_full_range_gray(_shaped(gray, settings), alpha.format.id)


def _shaped(gray: vs.VideoNode, settings: Edges) -> vs.VideoNode:
    if settings == Edges():
        return gray

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        return to_gray_frame(shape_of(np.asarray(frames[0][0]), settings), frames[0].props)

    return computed(blank_like(gray), [read_once(gray)], make)


def shape_of(alpha: Alpha, settings: Edges) -> Alpha:
    """Return one picture's `alpha`, float32 (height, width), 0-1, as `settings` say."""
    scale = min(alpha.shape) / Edges.SHORT_SIDE_PX
    if (settings.black, settings.white, settings.gamma) != (0, 1, 1):
        alpha = stage.levels(alpha, settings.black, settings.white, settings.gamma)
    for step, length in (
        (stage.despeckle, settings.despeckle),
        (stage.fill, settings.fill),
        (stage.grow, settings.grow),
        (stage.feather, settings.feather),
    ):
        if length:
            alpha = step(alpha, length * scale)
    made = {"core": stage.core, "edge": stage.rim, "trimap": stage.trimap}
    if settings.shape != "alpha":
        alpha = made[settings.shape](alpha, settings.width * scale)
    return 1 - alpha if settings.invert else alpha
