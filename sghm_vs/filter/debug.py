"""Why an alpha is as it is: what led to it, as clips to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import blank_like, computed, to_gray_frame
from sghm_vs.filter import screen as screens
from sghm_vs.filter.graph import Steps, at_motion_size
from sghm_vs.matting import temporal
from sghm_vs.matting.arrays.frame import enlarged, guidance
from sghm_vs.matting.guides import UNKNOWN, overruled
from sghm_vs.options import Settings, View


def all_views(rgb: vs.VideoNode, steps: Steps, settings: Settings) -> dict[View, vs.VideoNode]:
    """Return every view of the steps to `rgb`'s alpha; see `view`."""
    return {name: view(name, rgb, steps, settings) for name in get_args(View)}


def attached(alpha: vs.VideoNode, views: Mapping[View, vs.VideoNode]) -> vs.VideoNode:
    """Return `alpha` with `views`, each in a prop."""
    for name, shown in views.items():
        alpha = alpha.std.ClipToProp(shown, prop=_prop(name))
    return alpha


def detached(alpha: vs.VideoNode) -> tuple[vs.VideoNode, dict[View, vs.VideoNode]]:
    """Return the alpha alone and the views that were `attached` to it."""
    names: tuple[View, ...] = get_args(View)
    views = {name: alpha.std.PropToClip(prop=_prop(name)) for name in names}
    return alpha.std.RemoveFrameProps([_prop(name) for name in names]), views


def view(name: View, rgb: vs.VideoNode, steps: Steps, settings: Settings) -> vs.VideoNode:
    """
    Return one of the steps to `rgb`'s alpha, GRAYS of its size.

    Args:
        name: "segmentation" is where each frame alone sees people, their outline at 0.5;
            "guidance" the mask that the frames around vote for; "frame" the alpha of each frame,
            so guided; "band" where it and its neighbors are not solid, and correction is possible;
            "trust" how far the motion to the neighbors is trusted, their mean; "difference" what
            all neighbors together change: gray is nothing, white 1 more than each frame alone;
            "guide" what is said beforehand: white is a person, black is not, gray is left to the
            network; "screen" the alpha that a green or blue screen gives, the nearer to gray the
            less it is trusted.
        rgb: The picture, display-coded.
        steps: Those to its alpha.
        settings: How they were made.
    """
    if name == "frame":
        return steps.frames
    if name == "difference":
        return _difference(steps)
    if name in ("band", "trust"):
        return _of_neighbors(name, steps)
    if name == "guide":
        return steps.said.guide or _of_nothing(steps.frames)
    if name == "screen":
        keyed = steps.said.keyed
        return _of_nothing(steps.frames) if keyed is None else screens.view_of(keyed)
    small = steps.segmentation if name == "segmentation" else steps.fused
    # Where a mask was given, nothing was segmented.
    shown = steps.mask if small is None else _of_segmentation(name, rgb, small, settings)
    return _overruled(shown, steps.said.guide) if name == "guidance" else shown


def _of_nothing(alpha: vs.VideoNode) -> vs.VideoNode:
    """Return that nothing is said."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        return to_gray_frame(np.full_like(np.asarray(frames[0][0]), UNKNOWN), frames[0].props)

    return computed(blank_like(alpha), [alpha], make)


def _overruled(guidance: vs.VideoNode, guide: vs.VideoNode | None) -> vs.VideoNode:
    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        own, said = (np.asarray(frame[0]) for frame in frames)
        return to_gray_frame(overruled(own, said), frames[0].props)

    return guidance if guide is None else computed(blank_like(guidance), [guidance, guide], make)


def _of_segmentation(
    name: View, rgb: vs.VideoNode, segmentation: vs.VideoNode, settings: Settings
) -> vs.VideoNode:
    show = enlarged if name == "segmentation" else guidance

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        picture, small = frames
        values = np.nan_to_num(np.asarray(small[0])).clip(0, 1)
        return to_gray_frame(show(settings, values, picture.height, picture.width), picture.props)

    return computed(blank_like(rgb), [rgb, segmentation], make)


def _of_neighbors(name: View, steps: Steps) -> vs.VideoNode:
    nearby = steps.nearby.guided_by_mask(at_motion_size(steps.frames))

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        alpha, neighbors = np.asarray(own[0]), nearby.neighbors(n, others)
        show = temporal.uncertain if name == "band" else temporal.confidence
        values = show(alpha, neighbors) if neighbors else np.zeros_like(alpha)
        return to_gray_frame(values.astype(np.float32), own.props)

    return computed(
        blank_like(steps.frames), [steps.frames, *nearby.shifted_clips(steps.frames)], make
    )


def _difference(steps: Steps) -> vs.VideoNode:
    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        alpha, alone = (np.asarray(frame[0]) for frame in frames)
        changed = np.asarray(0.5 + (alpha - alone) / 2, np.float32)
        return to_gray_frame(changed, frames[0].props)

    return computed(blank_like(steps.alpha), [steps.alpha, steps.per_frame], make)


def _prop(name: View) -> str:
    return f"Sghm{name.capitalize()}"
