"""
A clip's way through the network, each frame alone or with its neighbors.

    alone:    picture -> alpha
    guided:   picture -> probability; with neighbors' probabilities -> alpha
    stabilized: alpha, with neighbors' alphas -> alpha
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import vapoursynth as vs
from torch import Tensor

from sghm_vs import planes
from sghm_vs.errors import UnsupportedClipError
from sghm_vs.network.encoder import Features
from sghm_vs.nodes import blank_like, blank_of_any_size, computed
from sghm_vs.pipeline import Pipeline
from sghm_vs.slots import Slots
from sghm_vs.stages import temporal
from sghm_vs.window import Window

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


def guided(rgb: vs.VideoNode, window: Window, pipeline: Pipeline, slots: Slots) -> vs.VideoNode:
    """Return the alpha of each frame, GRAYS, of the people whom its window shows; see `alone`."""
    to_tensor, cache = _bridge(pipeline, slots), FeatureCache(FEATURES_MIB << 20)
    probabilities = _segmented(rgb, pipeline, slots, cache)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, own, *others = frames
        around, pairs = others[: len(others) // 2], others[len(others) // 2 :]
        probability = np.asarray(own[0])
        covered = pipeline.covered(probability.shape, picture.height, picture.width)
        fused = temporal.fuse(probability, window.neighbors(n, around, pairs), covered)

        def compute() -> Tensor:
            image = to_tensor(picture)
            features = cache.get(n, lambda: pipeline.segment(image)[0])
            return pipeline.matte_segmented(image, features, planes.to_map(fused, image))

        return planes.to_frame(slots.run(compute), picture)

    clips = [rgb, probabilities, *window.over(probabilities), *window.motion_clips()]
    return computed(blank_like(rgb), clips, make)


def stabilized(frames: vs.VideoNode, window: Window) -> vs.VideoNode:
    """Return the alphas `frames`, GRAYS, with what the neighbors of each agree on."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        around, pairs = others[: len(others) // 2], others[len(others) // 2 :]
        stable = temporal.stabilize(np.asarray(own[0]), window.neighbors(n, around, pairs))
        return planes.to_gray_frame(stable, own.props)

    clips = [frames, *window.over(frames), *window.motion_clips()]
    return computed(blank_like(frames), clips, make)


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


def _segmented(
    rgb: vs.VideoNode, pipeline: Pipeline, slots: Slots, cache: FeatureCache
) -> vs.VideoNode:
    """Return the probability of a person, GRAYS, as small as the network makes it."""
    to_tensor = _bridge(pipeline, slots)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        def compute() -> Tensor:
            features, probability = pipeline.segment(to_tensor(frames[0]))
            cache.put(n, features)
            return probability.float()

        return planes.to_frame(slots.run(compute), frames[0])

    return computed(blank_of_any_size(rgb), [rgb], make)


def _bridge(pipeline: Pipeline, slots: Slots) -> Callable[[vs.VideoFrame], Tensor]:
    """Return what brings a frame to the network."""
    weight = next(pipeline.network.parameters())
    return lambda frame: planes.to_tensor(frame, slots.device, weight.dtype)


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
