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
from torch import Tensor

from sghm_vs.clips import (
    blank_like,
    blank_of_any_size,
    computed,
    read_once,
    to_gray_frame,
    to_rgb_array,
    to_rgb_frame,
)
from sghm_vs.color.yuv import to_codes
from sghm_vs.filter.engine import Engines, engine_of
from sghm_vs.filter.guides import GuideClips
from sghm_vs.filter.neighbors import TemporalNeighbors, temporal_neighbors
from sghm_vs.filter.tensors import to_frame
from sghm_vs.matting import optical_flow, temporal
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.sghm.encoder import Features
from sghm_vs.options import DENOISING_FRAMES, VOTERS


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
    like = blank_like(pictures, format_id)
    sample = like.format.bits_per_sample, like.format.sample_type == vs.FLOAT

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        engine = engine_of(n, engines)

        def compute(*tensors: Tensor) -> Tensor:
            alpha = engine.pipeline.matte(*tensors)
            coded: Tensor = engine.pipeline.runner.run(to_codes, alpha, *sample)
            return coded

        return to_frame(engine.run(frames, compute), frames[0], format_id)

    clips = [pictures] if guide is None else [pictures, guide]
    return computed(like, [read_once(clip) for clip in clips], make)


def temporal_steps(
    rgb: vs.VideoNode,
    pictures: vs.VideoNode,
    engines: Engines,
    guides: GuideClips | None = None,
) -> Steps:
    """
    Return the alpha of each frame, helped by its neighbors, and what led to it; see `per_frame`.

    Motion is found in `rgb`, RGBS in display code, on VapourSynth's threads, while the engines work.
    """
    guides = guides or GuideClips()
    pipeline = engines[0].pipeline
    nearby = temporal_neighbors(rgb, pipeline.settings)
    guide = guides.before(rgb, nearby)
    if guides.mask is not None:
        frames = per_frame(pictures, engines, guide)
        alpha = guides.held(stabilized(frames, nearby), guide)
        alone = guides.held(frames, guide)
        return Steps(nearby, guides.mask, None, None, guide, frames, alpha, alone)
    small = encoder_inputs(pictures, engines)
    small = denoised(nearby.within(min(DENOISING_FRAMES, nearby.tr)), rgb, small, pipeline)
    segmentation = segmented(pictures, small, engines)
    votes = fused(nearby.within(VOTERS * nearby.tr), rgb, segmentation, pipeline)
    frames = guided(pictures, small, votes, engines, guide)
    alpha = guides.held(stabilized(frames, nearby), guide)
    by_itself = per_frame(pictures, engines)
    return Steps(nearby, None, segmentation, votes, guide, frames, alpha, by_itself)


class Steps(NamedTuple):
    """The clips that lead to a stabilized alpha; where a mask was given, nothing is segmented."""

    nearby: TemporalNeighbors
    mask: vs.VideoNode | None
    """As it was given."""
    segmentation: vs.VideoNode | None
    """Of each frame by itself, as small as the network makes it."""
    fused: vs.VideoNode | None
    """The segmentation by the vote of the frames around."""
    guide: vs.VideoNode | None
    """What guides say: 1, 0, and 0.5 where it is left to the network; None without any."""
    frames: vs.VideoNode
    """The alpha of each frame, guided by that."""
    alpha: vs.VideoNode
    per_frame: vs.VideoNode
    """The alpha of each frame without any neighbor: not on the way, and there to compare."""


def encoder_inputs(pictures: vs.VideoNode, engines: Engines) -> vs.VideoNode:
    """Return what the encoder sees of each frame, RGBS, as small as that is."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        engine = engine_of(n, engines)

        def compute(picture: Tensor) -> Tensor:
            return engine.pipeline.encoder_input(picture).float()

        small = engine.run(frames, compute)
        return to_rgb_frame(small[0].permute(1, 2, 0).cpu().numpy(), frames[0].props)

    return computed(blank_of_any_size(pictures, vs.RGBS), [pictures], make)


def denoised(
    nearby: TemporalNeighbors, rgb: vs.VideoNode, small: vs.VideoNode, pipeline: Pipeline
) -> vs.VideoNode:
    """Return the pictures `small`, RGBS, with less of their noise; see `encoder_inputs`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, own, *others = frames
        covered = pipeline.covered((own.height, own.width), picture.height, picture.width)
        neighbors = nearby.neighbors(n, others, covered)
        return to_rgb_frame(temporal.denoise(to_rgb_array(own), neighbors, covered), own.props)

    return computed(blank_of_any_size(rgb, vs.RGBS), [rgb, small, *nearby.around(small)], make)


def segmented(pictures: vs.VideoNode, small: vs.VideoNode, engines: Engines) -> vs.VideoNode:
    """Return the segmentation of each frame, GRAYS, of the size of the pictures `small`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        engine = engine_of(n, engines)
        picture, own = frames
        made: list[Features] = []

        def compute(encoder_input: Tensor) -> Tensor:
            features, segmentation = engine.pipeline.segment(
                encoder_input, picture.height, picture.width
            )
            made.append(features)
            return segmentation.float()

        segmentation = engine.run([own], compute)
        # Only now are they all there: a device works while the CPU goes on.
        engine.features.put(n, made[-1])
        return to_frame(segmentation, picture)

    return computed(blank_of_any_size(pictures), [pictures, small], make)


def fused(
    nearby: TemporalNeighbors, rgb: vs.VideoNode, segmentation: vs.VideoNode, pipeline: Pipeline
) -> vs.VideoNode:
    """Return the `segmentation` of each frame, fused with its neighbors' by their vote."""
    people = cropped(rgb, segmentation, pipeline)
    nearby = nearby.guided_by_mask(people)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        fused = temporal.fuse(np.asarray(own[0]), nearby.neighbors(n, others), nearby.tr)
        return to_gray_frame(fused, own.props)

    return computed(blank_of_any_size(rgb), [segmentation, *nearby.around(people)], make)


def cropped(rgb: vs.VideoNode, segmentation: vs.VideoNode, pipeline: Pipeline) -> vs.VideoNode:
    """Return the `segmentation` of the pictures `rgb`, small, without the padding."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        picture, small = frames
        values = np.asarray(small[0])
        rows, columns = pipeline.covered(values.shape, picture.height, picture.width)
        return to_gray_frame(values[:rows, :columns], small.props)

    return computed(blank_of_any_size(rgb), [rgb, segmentation], make)


def guided(
    pictures: vs.VideoNode,
    small: vs.VideoNode,
    segmentation: vs.VideoNode,
    engines: Engines,
    guide: vs.VideoNode | None = None,
) -> vs.VideoNode:
    """Return the alpha of each frame, GRAYS, guided by its `segmentation`, and before it by `guide`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        engine = engine_of(n, engines)

        def compute(
            picture: Tensor, encoder_input: Tensor, person: Tensor, said: Tensor | None = None
        ) -> Tensor:
            size = picture.shape[-2], picture.shape[-1]
            features = engine.features.get(
                n, lambda: engine.pipeline.segment(encoder_input, *size)[0]
            )
            return engine.pipeline.matte_segmented(picture, features, person, said)

        return to_frame(engine.run(frames, compute), frames[0])

    clips = [pictures, small, read_once(segmentation), *([] if guide is None else [guide])]
    return computed(blank_like(pictures), clips, make)


def stabilized(frames: vs.VideoNode, nearby: TemporalNeighbors) -> vs.VideoNode:
    """
    Return the alphas `frames`, GRAYS, corrected where the neighbors of each agree.

    Props say how it went: `SghmCoverage`, the mean alpha; `SghmWindow`, how many frames were looked
    at; `SghmWarpError`, how the alpha differs from that of the frame before, along the motion.
    """
    nearby = nearby.guided_by_mask(halved(frames))

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        neighbors = nearby.neighbors(n, others)
        stable = temporal.stabilize(np.asarray(own[0]), neighbors)
        frame = to_gray_frame(stable, own.props)
        frame.props["SghmCoverage"] = float(stable.mean())
        frame.props["SghmWindow"] = 1 + len(neighbors)
        frame.props["SghmWarpError"] = temporal.warp_error(stable, neighbors)
        return frame

    return computed(blank_like(frames), [frames, *nearby.around(frames)], make)


def halved(frames: vs.VideoNode) -> vs.VideoNode:
    """Return the alphas `frames`, GRAYS, at the size that motion is found at."""

    def make(n: int, alphas: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        return to_gray_frame(optical_flow.halved(np.asarray(alphas[0][0])), {})

    return computed(blank_of_any_size(frames), [frames], make)
