"""
A clip's way through the network.

    alone:   picture -> alpha
    steady:  picture -> people seen -> voted on with neighbors -> alpha -> corrected by neighbors'
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import vapoursynth as vs
from torch import Tensor

from sghm_vs import planes
from sghm_vs.errors import UnsupportedClipError
from sghm_vs.frames import to_gray_frame
from sghm_vs.network.encoder import Features
from sghm_vs.nodes import blank_like, blank_of_any_size, computed
from sghm_vs.pipeline import Pipeline
from sghm_vs.settings import VOTERS
from sghm_vs.slots import Slots
from sghm_vs.stages import temporal
from sghm_vs.window import Window, open_window

FEATURES_MIB = 256
"""Of frames that were segmented and wait to be matted."""


def alone(
    rgb: vs.VideoNode, pipeline: Pipeline, slots: Slots, guide: vs.VideoNode | None = None
) -> vs.VideoNode:
    """
    Return the alpha of each frame by itself, GRAYS.

    Args:
        rgb: RGBS in display code.
        pipeline: What makes one frame's alpha, on the slots' device.
        slots: Where it runs.
        guide: Where the people are, GRAYS of the clip's size and length.
    """
    to_tensor = _bridge(pipeline, slots)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        _check_sizes(n, frames)
        alpha = slots.run(lambda: pipeline.matte(*map(to_tensor, frames)))
        return planes.to_frame(alpha, frames[0])

    clips = [rgb] if guide is None else [rgb, guide]
    return computed(blank_like(rgb), clips, make)


def steady(
    rgb: vs.VideoNode, pipeline: Pipeline, slots: Slots, guide: vs.VideoNode | None = None
) -> Steps:
    """Return the alpha of each frame, helped by its neighbors, and what led to it; see `alone`."""
    window = open_window(rgb, pipeline.settings)
    if guide is not None:
        frames = alone(rgb, pipeline, slots, guide)
        return Steps(window, None, None, frames, stabilized(frames, window))
    cache = FeatureCache(FEATURES_MIB << 20)
    seen = segmented(rgb, pipeline, slots, cache)
    fused = fused_over(window.of(VOTERS * window.tr), rgb, seen, pipeline)
    frames = guided(rgb, fused, pipeline, slots, cache)
    return Steps(window, seen, fused, frames, stabilized(frames, window))


class Steps(NamedTuple):
    """The clips that lead to a steady alpha; the first two are missing where a mask was given."""

    window: Window
    seen: vs.VideoNode | None
    """Where each frame alone sees people, as small as the network makes it."""
    fused: vs.VideoNode | None
    """The same, by the vote of the frames around."""
    frames: vs.VideoNode
    """The alpha of each frame, guided by that."""
    alpha: vs.VideoNode


def segmented(
    rgb: vs.VideoNode, pipeline: Pipeline, slots: Slots, cache: FeatureCache
) -> vs.VideoNode:
    """Return where each frame sees people, GRAYS, as small as the network makes it."""
    to_tensor = _bridge(pipeline, slots)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        def compute() -> Tensor:
            features, seen = pipeline.segment(to_tensor(frames[0]))
            cache.put(n, features)
            return seen.float()

        return planes.to_frame(slots.run(compute), frames[0])

    return computed(blank_of_any_size(rgb), [rgb], make)


def fused_over(
    window: Window, rgb: vs.VideoNode, seen: vs.VideoNode, pipeline: Pipeline
) -> vs.VideoNode:
    """Return where the frames of each one's window see people, by their vote; see `segmented`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, own, *others = frames
        alone_here = np.asarray(own[0])
        covered = pipeline.covered(alone_here.shape, picture.height, picture.width)
        voters = window.neighbors(n, others, covered)
        fused = temporal.fuse(alone_here, voters, covered, window.tr)
        return to_gray_frame(fused, own.props)

    return computed(blank_of_any_size(rgb), [rgb, seen, *window.around(seen)], make)


def guided(
    rgb: vs.VideoNode, seen: vs.VideoNode, pipeline: Pipeline, slots: Slots, cache: FeatureCache
) -> vs.VideoNode:
    """Return the alpha of each frame, GRAYS, of the people who are `seen`."""
    to_tensor = _bridge(pipeline, slots)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        def compute() -> Tensor:
            picture, person = map(to_tensor, frames)
            features = cache.get(n, lambda: pipeline.segment(picture)[0])
            return pipeline.matte_segmented(picture, features, person)

        return planes.to_frame(slots.run(compute), frames[0])

    return computed(blank_like(rgb), [rgb, seen], make)


def stabilized(frames: vs.VideoNode, window: Window) -> vs.VideoNode:
    """
    Return the alphas `frames`, GRAYS, corrected where the neighbors of each agree.

    Props say how it went: `SghmCoverage`, the mean alpha; `SghmWindow`, how many frames were looked
    at; `SghmWarpError`, how the alpha differs from that of the frame before, along the motion.
    """

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        neighbors = window.neighbors(n, others)
        stable = temporal.stabilize(np.asarray(own[0]), neighbors)
        frame = to_gray_frame(stable, own.props)
        frame.props["SghmCoverage"] = float(stable.mean())
        frame.props["SghmWindow"] = 1 + len(neighbors)
        frame.props["SghmWarpError"] = temporal.warp_error(stable, neighbors)
        return frame

    return computed(blank_like(frames), [frames, *window.around(frames)], make)


class FeatureCache:
    """
    Features of the frames that were last segmented, up to a number of bytes.

    Only speeds up: what is missing is made anew, and comes out the same.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[int, Features] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, n: int, make: Callable[[], Features]) -> Features:
        """Return the features of frame `n`, which `make` makes if they are not there."""
        with self._lock:
            found = self._kept.get(n)
        return make() if found is None else found

    def put(self, n: int, features: Features) -> None:
        """Keep the features of frame `n`, in place of the oldest."""
        with self._lock:
            if n in self._kept:
                return
            self._kept[n] = features
            self._bytes += _bytes_of(features)
            while self._bytes > self._bytes_max:
                self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])


def _bridge(pipeline: Pipeline, slots: Slots) -> Callable[[vs.VideoFrame], Tensor]:
    """Return what brings a frame to the network."""
    dtype = pipeline.network.dtype
    return lambda frame: planes.to_tensor(frame, slots.device, dtype)


def _bytes_of(features: Features) -> int:
    return sum(part.numel() * part.element_size() for part in features)


def _check_sizes(n: int, frames: list[vs.VideoFrame]) -> None:
    """Refuse a mask that changes its size otherwise than its clip does."""
    needed, *found = ((frame.width, frame.height) for frame in frames)
    if found and found[0] != needed:
        msg = (
            f"frame {n} of the mask is {found[0][0]}x{found[0][1]}, and the clip's "
            f"{needed[0]}x{needed[1]}: they must be equal"
        )
        raise UnsupportedClipError(msg)
