"""
A clip's way through the network.

    alone:   picture -> alpha
    steady:  picture -> small and quiet, by its neighbors -> people seen -> voted on with neighbors
             -> alpha -> corrected by neighbors'
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import vapoursynth as vs
from torch import Tensor

from sghm_vs.clips import blank_like, blank_of_any_size, computed, read_once
from sghm_vs.color.yuv import Layout, to_codes, unpacked
from sghm_vs.errors import UnsupportedClipError
from sghm_vs.filter import tensors as planes
from sghm_vs.filter.neighbors import Window, open_window
from sghm_vs.frames import to_gray_frame, to_rgb_array, to_rgb_frame
from sghm_vs.matting import optical_flow, temporal
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.backends.streams import Slots
from sghm_vs.models.sghm.encoder import Features
from sghm_vs.options import QUIETING_FRAMES, VOTERS

FEATURES_MIB = 256
"""Of frames that were segmented and wait to be matted."""


def alone(
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
        format_id: Of the result, gray; other than GRAYS only if the engines' slots pack.
    """
    like = blank_like(pictures, format_id)
    sample = like.format.bits_per_sample, like.format.sample_type == vs.FLOAT

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        _check_sizes(n, frames)
        engine = engine_of(n, engines)

        def compute(*tensors: Tensor) -> Tensor:
            alpha = engine.pipeline.matte(*tensors)
            coded: Tensor = engine.pipeline.dense.run(to_codes, alpha, *sample)
            return coded

        return planes.to_frame(engine.run(frames, compute), frames[0], format_id)

    clips = [pictures] if guide is None else [pictures, guide]
    return computed(like, [read_once(clip) for clip in clips], make)


def steady(
    rgb: vs.VideoNode,
    pictures: vs.VideoNode,
    engines: Engines,
    guide: vs.VideoNode | None = None,
) -> Steps:
    """
    Return the alpha of each frame, helped by its neighbors, and what led to it; see `alone`.

    Motion is found in `rgb`, RGBS in display code, on VapourSynth's threads, while the engines work.
    """
    pipeline = engines[0].pipeline
    window = open_window(rgb, pipeline.settings)
    if guide is not None:
        frames = alone(pictures, engines, guide)
        return Steps(window, None, None, frames, stabilized(frames, window), frames)
    small = glimpsed(pictures, engines)
    quiet = denoised(window.of(min(QUIETING_FRAMES, window.tr)), rgb, small, pipeline)
    seen = segmented(pictures, quiet, engines)
    fused = fused_over(window.of(VOTERS * window.tr), rgb, seen, pipeline)
    frames = guided(pictures, quiet, fused, engines)
    by_itself = alone(pictures, engines)
    return Steps(window, seen, fused, frames, stabilized(frames, window), by_itself)


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
    alone: vs.VideoNode
    """The alpha of each frame without any neighbor: not on the way, and there to compare."""


def glimpsed(pictures: vs.VideoNode, engines: Engines) -> vs.VideoNode:
    """Return what the encoder sees of each frame, RGBS, as small as that is."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        engine = engine_of(n, engines)

        def compute(picture: Tensor) -> Tensor:
            return engine.pipeline.glimpse(picture).float()

        small = engine.run(frames, compute)
        return to_rgb_frame(small[0].permute(1, 2, 0).cpu().numpy(), frames[0].props)

    return computed(blank_of_any_size(pictures, vs.RGBS), [pictures], make)


def denoised(
    window: Window, rgb: vs.VideoNode, small: vs.VideoNode, pipeline: Pipeline
) -> vs.VideoNode:
    """Return the pictures `small`, RGBS, with less of their noise; see `glimpsed`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, own, *others = frames
        covered = pipeline.covered((own.height, own.width), picture.height, picture.width)
        neighbors = window.neighbors(n, others, covered)
        return to_rgb_frame(temporal.denoise(to_rgb_array(own), neighbors, covered), own.props)

    return computed(blank_of_any_size(rgb, vs.RGBS), [rgb, small, *window.around(small)], make)


def segmented(pictures: vs.VideoNode, small: vs.VideoNode, engines: Engines) -> vs.VideoNode:
    """Return where each frame sees people, GRAYS, of the size of the pictures `small`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        engine = engine_of(n, engines)
        picture, own = frames
        made: list[Features] = []

        def compute(glimpse: Tensor) -> Tensor:
            features, seen = engine.pipeline.segment(glimpse, picture.height, picture.width)
            made.append(features)
            return seen.float()

        seen = engine.run([own], compute)
        # Only now are they all there: a device works while the host goes on.
        engine.features.put(n, made[-1])
        return planes.to_frame(seen, picture)

    return computed(blank_of_any_size(pictures), [pictures, small], make)


def fused_over(
    window: Window, rgb: vs.VideoNode, seen: vs.VideoNode, pipeline: Pipeline
) -> vs.VideoNode:
    """Return where the frames of each one's window see people, by their vote; see `segmented`."""
    people = cropped(rgb, seen, pipeline)
    window = window.of_people(people)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, *others = frames
        fused = temporal.fuse(np.asarray(own[0]), window.neighbors(n, others), window.tr)
        return to_gray_frame(fused, own.props)

    return computed(blank_of_any_size(rgb), [seen, *window.around(people)], make)


def cropped(rgb: vs.VideoNode, seen: vs.VideoNode, pipeline: Pipeline) -> vs.VideoNode:
    """Return what is `seen` of the pictures `rgb`, small, without the padding."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        picture, small = frames
        values = np.asarray(small[0])
        rows, columns = pipeline.covered(values.shape, picture.height, picture.width)
        return to_gray_frame(values[:rows, :columns], small.props)

    return computed(blank_of_any_size(rgb), [rgb, seen], make)


def guided(
    pictures: vs.VideoNode, small: vs.VideoNode, seen: vs.VideoNode, engines: Engines
) -> vs.VideoNode:
    """Return the alpha of each frame, GRAYS, of the people who are `seen`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        engine = engine_of(n, engines)

        def compute(picture: Tensor, glimpse: Tensor, person: Tensor) -> Tensor:
            size = picture.shape[-2], picture.shape[-1]
            features = engine.features.get(n, lambda: engine.pipeline.segment(glimpse, *size)[0])
            return engine.pipeline.matte_segmented(picture, features, person)

        return planes.to_frame(engine.run(frames, compute), frames[0])

    return computed(blank_like(pictures), [pictures, small, read_once(seen)], make)


def stabilized(frames: vs.VideoNode, window: Window) -> vs.VideoNode:
    """
    Return the alphas `frames`, GRAYS, corrected where the neighbors of each agree.

    Props say how it went: `SghmCoverage`, the mean alpha; `SghmWindow`, how many frames were looked
    at; `SghmWarpError`, how the alpha differs from that of the frame before, along the motion.
    """
    window = window.of_people(halved(frames))

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


def halved(frames: vs.VideoNode) -> vs.VideoNode:
    """Return the alphas `frames`, GRAYS, at the size that motion is found at."""

    def make(n: int, alphas: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        return to_gray_frame(optical_flow.halved(np.asarray(alphas[0][0])), {})

    return computed(blank_of_any_size(frames), [frames], make)


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
        """
        Return the features of frame `n`, which `make` makes if they are not there.

        They go: a frame is matted once, and would else wait for the cache to be full.
        """
        with self._lock:
            found = self._kept.pop(n, None)
            self._bytes -= 0 if found is None else _bytes_of(found)
        return make() if found is None else found

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def put(self, n: int, features: Features) -> None:
        """Keep the features of frame `n`, in place of the oldest."""
        with self._lock:
            if n in self._kept:
                return
            self._kept[n] = features
            self._bytes += _bytes_of(features)
            while self._bytes > self._bytes_max:
                self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])


@dataclass(frozen=True)
class Engine:
    """A clip's frames on a device: the network there, the slots where it runs, what is kept."""

    pipeline: Pipeline
    slots: Slots
    features: FeatureCache

    @classmethod
    def of(cls, pipeline: Pipeline, slots: Slots) -> Engine:
        """Return one whose `pipeline` runs in `slots`, on whose device its network is."""
        features = FeatureCache(FEATURES_MIB << 20)
        slots.at_close(features.clear)
        return cls(replace(pipeline, dense=slots.dense), slots, features)

    def run(self, frames: list[vs.VideoFrame], compute: Callable[..., Tensor]) -> Tensor:
        """Return what `compute` makes of `frames` as tensors, in a slot; on the CPU."""
        dtype = self.pipeline.network.dtype
        if not self.slots.packs:
            to_tensor = planes.to_tensor
            return self.slots.run(
                lambda: compute(*(to_tensor(frame, self.slots.device, dtype) for frame in frames))
            )
        # Packed on this thread, VapourSynth's, while slots work.
        taken = [planes.packed(frame, self.slots.device) for frame in frames]
        dense = self.pipeline.dense

        def brought(data: Tensor, layout: Layout) -> Tensor:
            tensor: Tensor = dense.run(unpacked, data, layout, dtype)
            # Frames that are laid out alike come out of the same step.
            return tensor if len(taken) == 1 else dense.kept(tensor)

        return self.slots.run(lambda: compute(*(brought(*one) for one in taken)))


type Engines = Sequence[Engine]


def engine_of(n: int, engines: Engines) -> Engine:
    """Return which of `engines` makes frame `n`: it depends on nothing else."""
    return engines[n % len(engines)]


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
