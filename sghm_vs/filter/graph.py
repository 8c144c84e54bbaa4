"""
A clip's way through the network.

    per_frame:       picture -> alpha
    temporal_steps:  picture -> encoder input, denoised by its neighbors -> segmentation -> fused
                     with neighbors -> alpha -> stabilized by neighbors
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import (
    blank_like,
    blank_of_any_size,
    computed,
    kept,
    read_once,
    to_gray_frame,
    to_rgb_array,
    to_rgb_frame,
)
from sghm_vs.color.convert import TaggedClip
from sghm_vs.filter.engines import Engines, by_frames, engine_of, plugin_of
from sghm_vs.filter.guides import GuideClips, Said
from sghm_vs.filter.neighbors import TemporalNeighbors, temporal_neighbors
from sghm_vs.matting import optical_flow, temporal
from sghm_vs.matting.sizing import covered
from sghm_vs.options import DENOISING_FRAMES, VOTERS, Settings


def packed(footage: TaggedClip, settings: Settings) -> vs.VideoNode:
    """Return the pictures of `footage` as engines take them that pack; see `AnyEngine.packs`."""
    # With it comes torch, which is loaded for devices that frames are packed for.
    from sghm_vs.filter.tensors import to_pictures

    return to_pictures(footage, settings.exposure)


def per_frame(
    pictures: vs.VideoNode,
    engines: Engines,
    guide: vs.VideoNode | None = None,
    format_id: int = vs.GRAYS,
) -> vs.VideoNode:
    """
    Return the alpha of each frame by itself.

    Args:
        pictures: As `engines` take them.
        engines: What makes the alphas, each of every so many frames.
        guide: Where the people are, GRAYS of the clip's size and length.
        format_id: Of the result, gray; other than GRAYS only if the engines' streams pack.
    """
    if (plugin := plugin_of(engines)) is not None:
        return plugin.per_frame(pictures, guide)
    workers = by_frames(engines)
    like = blank_like(pictures, format_id)
    sample = like.format.bits_per_sample, like.format.sample_type == vs.FLOAT

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, said = frames[0], frames[1] if len(frames) > 1 else None
        alpha = engine_of(n, workers).alpha(picture, said, *sample)
        return to_gray_frame(alpha, picture.props, format_id)

    clips = [pictures] if guide is None else [pictures, guide]
    return computed(like, [read_once(clip) for clip in clips], make)


def temporal_steps(
    rgb: vs.VideoNode,
    pictures: vs.VideoNode,
    engines: Engines,
    guides: GuideClips | None = None,
    again: vs.VideoNode | None = None,
) -> Steps:
    """
    Return the alpha of each frame, helped by its neighbors, and what led to it; see `per_frame`.

    Motion is found in `rgb`, RGBS in display code, on VapourSynth's threads, while the engines work.
    As `again` the pictures may be given once more: a frame is matted last that many after it was
    first seen, and where it takes less to make it again than to keep it, it need not be kept.
    """
    guides = guides or GuideClips()
    settings = engines[0].settings
    nearby = temporal_neighbors(rgb, settings)
    said = guides.before(rgb, nearby)
    if guides.mask is not None:
        frames = guides.mixed(per_frame(pictures, engines, said.guide), said)
        alpha = guides.held(stabilized(frames, nearby), said)
        alone = guides.held(frames, said)
        return Steps(nearby, guides.mask, None, None, said, frames, alpha, alone)
    small = encoder_inputs(pictures, engines)
    small = denoised(nearby.with_radius(min(DENOISING_FRAMES, nearby.tr)), rgb, small, settings)
    segmentation = segmented(pictures, small, engines)
    votes = fused(nearby.with_radius(VOTERS * nearby.tr), rgb, segmentation, settings)
    late = pictures if again is None else read_once(again)
    alone = guided(late, small, votes, engines, said.guide)
    frames = guides.mixed(kept(alone, 1 + 2 * nearby.tr), said)
    alpha = guides.held(stabilized(frames, nearby), said)
    by_itself = per_frame(pictures, engines)
    return Steps(nearby, None, segmentation, votes, said, frames, alpha, by_itself)


class Steps(NamedTuple):
    """The clips that lead to a stabilized alpha; where a mask was given, nothing is segmented."""

    nearby: TemporalNeighbors
    mask: vs.VideoNode | None
    """As it was given."""
    segmentation: vs.VideoNode | None
    """Of each frame by itself, as small as the network makes it."""
    fused: vs.VideoNode | None
    """The segmentation by the vote of the frames around."""
    said: Said
    """What guides say."""
    frames: vs.VideoNode
    """The alpha of each frame, guided by that."""
    alpha: vs.VideoNode
    per_frame: vs.VideoNode
    """The alpha of each frame without any neighbor: not on the way, and there to compare."""


def encoder_inputs(pictures: vs.VideoNode, engines: Engines) -> vs.VideoNode:
    """Return what the encoder sees of each frame, RGBS, as small as that is."""
    if (plugin := plugin_of(engines)) is not None:
        return plugin.encoder_inputs(pictures)
    workers = by_frames(engines)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        (picture,) = frames
        return to_rgb_frame(engine_of(n, workers).encoder_input(picture), picture.props)

    # A frame's neighbors see it once more; see `denoised`.
    inputs = computed(blank_of_any_size(pictures, vs.RGBS), [pictures], make)
    return kept(inputs, 1 + 2 * DENOISING_FRAMES)


def denoised(
    nearby: TemporalNeighbors, rgb: vs.VideoNode, small: vs.VideoNode, settings: Settings
) -> vs.VideoNode:
    """Return the pictures `small`, RGBS, with less of their noise; see `encoder_inputs`."""
    sizes = _sizes(rgb)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        picture = others.pop() if sizes else rgb
        within = covered(settings, (own.height, own.width), picture.height, picture.width)
        neighbors = nearby.neighbors(n, others, within)
        return to_rgb_frame(temporal.denoise(to_rgb_array(own), neighbors, within), own.props)

    clips = [small, *nearby.shifted_clips(small), *sizes]
    return computed(blank_of_any_size(rgb, vs.RGBS), clips, make)


def segmented(pictures: vs.VideoNode, small: vs.VideoNode, engines: Engines) -> vs.VideoNode:
    """Return the segmentation of each frame, GRAYS, of the size of the pictures `small`."""
    if (plugin := plugin_of(engines)) is not None:
        return plugin.segmented(pictures, small)
    workers, sizes = by_frames(engines), _sizes(pictures)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, picture = frames if sizes else (frames[0], pictures)
        segmentation = engine_of(n, workers).segment(n, own, (picture.height, picture.width))
        return to_gray_frame(segmentation, own.props)

    return computed(blank_of_any_size(pictures), [small, *sizes], make)


def fused(
    nearby: TemporalNeighbors, rgb: vs.VideoNode, segmentation: vs.VideoNode, settings: Settings
) -> vs.VideoNode:
    """Return the `segmentation` of each frame, fused with its neighbors' by their vote."""
    people = cropped(rgb, segmentation, settings)
    nearby = nearby.guided_by_mask(people)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        fused = temporal.fuse(np.asarray(own[0]), nearby.sides(n, others), nearby.tr)
        return to_gray_frame(fused, own.props)

    return computed(blank_of_any_size(rgb), [segmentation, *nearby.shifted_clips(people)], make)


def cropped(rgb: vs.VideoNode, segmentation: vs.VideoNode, settings: Settings) -> vs.VideoNode:
    """Return the `segmentation` of the pictures `rgb`, small, without the padding."""
    sizes = _sizes(rgb)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        small, picture = frames if sizes else (frames[0], rgb)
        values = np.asarray(small[0])
        rows, columns = covered(settings, values.shape, picture.height, picture.width)
        return to_gray_frame(values[:rows, :columns], small.props)

    return computed(blank_of_any_size(rgb), [segmentation, *sizes], make)


def _sizes(pictures: vs.VideoNode) -> list[vs.VideoNode]:
    """Return what is read to know how large each of `pictures` is: nothing, where the clip says it."""
    return [] if pictures.width else [pictures]


def guided(
    pictures: vs.VideoNode,
    small: vs.VideoNode,
    segmentation: vs.VideoNode,
    engines: Engines,
    guide: vs.VideoNode | None = None,
) -> vs.VideoNode:
    """Return the alpha of each frame, GRAYS, guided by its `segmentation`, and before it by `guide`."""
    if (plugin := plugin_of(engines)) is not None:
        return plugin.guided(pictures, small, segmentation, guide)
    workers = by_frames(engines)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, own, person, *said = frames
        guided_by = said[0] if said else None
        alpha = engine_of(n, workers).guided(n, picture, own, person, guided_by)
        return to_gray_frame(alpha, picture.props)

    clips = [pictures, small, read_once(segmentation), *([] if guide is None else [guide])]
    return computed(blank_like(pictures), clips, make)


def stabilized(frames: vs.VideoNode, nearby: TemporalNeighbors) -> vs.VideoNode:
    """
    Return the alphas `frames`, GRAYS, corrected where the neighbors of each agree.

    Props say how it went: `SghmCoverage`, the mean alpha; `SghmWindow`, how many frames were looked
    at; `SghmWarpError`, how the alpha differs from that of the frame before, along the motion.
    """
    small = at_motion_size(frames)
    nearby = nearby.guided_by_mask(small)
    kept(nearby.flow, 2 * nearby.tr)
    clips = [frames, small, *nearby.frames_around(small), *nearby.shifted_clips(frames)]

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, own_small, *others = frames
        around = 2 * nearby.tr
        neighbors = nearby.neighbors(n, others[around:], small_frames=others[:around])
        stable = temporal.stabilize(np.asarray(own[0]), neighbors, np.asarray(own_small[0]))
        frame = to_gray_frame(stable, own.props)
        frame.props["SghmCoverage"] = float(stable.mean())
        frame.props["SghmWindow"] = 1 + len(neighbors)
        frame.props["SghmWarpError"] = temporal.warp_error(stable, neighbors)
        return frame

    return computed(blank_like(frames), clips, make)


def at_motion_size(frames: vs.VideoNode) -> vs.VideoNode:
    """Return the alphas `frames`, GRAYS, at the size of motion."""

    def make(n: int, alphas: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        return to_gray_frame(optical_flow.small(np.asarray(alphas[0][0])), {})

    return computed(blank_of_any_size(frames), [frames], make)
