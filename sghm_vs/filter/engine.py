"""An engine in tensors: a network on a device, its streams, and what is kept between steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast
from weakref import ref

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray
from torch import Tensor

from sghm_vs.color.yuv import PlaneLayout, planes_to_rgb, to_codes
from sghm_vs.filter.engines import FEATURES_MIB, FeatureCache
from sghm_vs.filter.tensors import pack_planes, to_tensor, to_values
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.backends.base import Network
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.streams import Streams
from sghm_vs.models.load import load_network
from sghm_vs.models.sghm.encoder import Features
from sghm_vs.models.weights import Weights
from sghm_vs.options import Settings


@dataclass(frozen=True)
class TensorEngine:
    """A clip's frames on a device: the network there, the streams where it runs, what is kept."""

    pipeline: Pipeline
    streams: Streams
    features: FeatureCache[Features]

    @classmethod
    def of(cls, pipeline: Pipeline, streams: Streams) -> TensorEngine:
        """Return one whose `pipeline` runs in `streams`, on whose device its network is."""
        features: FeatureCache[Features] = FeatureCache(FEATURES_MIB << 20)
        streams.at_close(features.clear)
        return cls(replace(pipeline, runner=streams.runner), streams, features)

    @property
    def settings(self) -> Settings:
        """How frames are matted."""
        return self.pipeline.settings

    @property
    def packs(self) -> bool:
        """Whether pictures come as the clip has them."""
        return self.streams.packs

    def alpha(
        self, picture: vs.VideoFrame, guide: vs.VideoFrame | None, bits: int, is_float: bool
    ) -> NDArray[Any]:
        """Return a frame's alpha by itself; see `FrameEngine`."""

        def compute(*tensors: Tensor) -> Tensor:
            alpha = self.pipeline.matte(*tensors)
            coded: Tensor = self.pipeline.runner.run(to_codes, alpha, bits, is_float)
            return coded

        return to_values(self.run([picture] if guide is None else [picture, guide], compute))

    def probability(self, picture: vs.VideoFrame, *, is_judged: bool) -> NDArray[np.float32]:
        """Return how likely a person is; see `FrameEngine`."""

        def compute(tensor: Tensor) -> Tensor:
            return self.pipeline.probability(tensor, is_judged=is_judged).float()

        return to_values(self.run([picture], compute))

    def encoder_input(self, picture: vs.VideoFrame) -> NDArray[np.float32]:
        """Return what the encoder sees of `picture`, (h, w, 3)."""

        def compute(tensor: Tensor) -> Tensor:
            return self.pipeline.encoder_input(tensor).float()

        return self.run([picture], compute)[0].permute(1, 2, 0).cpu().numpy()

    def segment(self, n: int, small: vs.VideoFrame, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the segmentation of frame `n`; see `FrameEngine`."""
        made: list[Features] = []

        def compute(encoder_input: Tensor) -> Tensor:
            features, segmentation = self.pipeline.segment(encoder_input, *size)
            made.append(features)
            return segmentation.float()

        segmentation = self.run([small], compute)
        # Only now are they all there: a device works while the CPU goes on.
        self.features.put(n, made[-1])
        return to_values(segmentation)

    def guided(
        self,
        n: int,
        picture: vs.VideoFrame,
        small: vs.VideoFrame,
        segmentation: vs.VideoFrame,
        guide: vs.VideoFrame | None,
    ) -> NDArray[np.float32]:
        """Return the alpha of frame `n`; see `FrameEngine`."""

        def compute(
            image: Tensor, encoder_input: Tensor, person: Tensor, said: Tensor | None = None
        ) -> Tensor:
            size = image.shape[-2], image.shape[-1]
            features = self.features.get(n, lambda: self.pipeline.segment(encoder_input, *size)[0])
            return self.pipeline.matte_segmented(image, features, person, said)

        frames = [picture, small, segmentation, *([] if guide is None else [guide])]
        return to_values(self.run(frames, compute))

    def apart(self, pixel_aspect: Fraction) -> TensorEngine:
        """Return one that keeps features of its own; see `AnyEngine`."""
        settings = replace(self.settings, pixel_aspect=pixel_aspect)
        return TensorEngine.of(replace(self.pipeline, settings=settings), self.streams)

    def run(self, frames: list[vs.VideoFrame], compute: Callable[..., Tensor]) -> Tensor:
        """Return what `compute` makes of `frames` as tensors, in a stream; the result is on the CPU."""
        dtype = self.pipeline.network.dtype
        if not self.streams.packs:
            return self.streams.run(
                lambda: compute(*(to_tensor(frame, self.streams.device, dtype) for frame in frames))
            )
        # Packed on this thread, VapourSynth's, while streams work.
        taken = [pack_planes(frame, self.streams.device) for frame in frames]
        runner = self.pipeline.runner

        def on_device(data: Tensor, layout: PlaneLayout) -> Tensor:
            tensor: Tensor = runner.run(planes_to_rgb, data, layout, dtype)
            # Frames that are laid out alike come out of the same step.
            return tensor if len(taken) == 1 else runner.cloned(tensor)

        return self.streams.run(lambda: compute(*(on_device(*one) for one in taken)))


def _streams(compute: Compute, count: int, *, captures: bool) -> Streams:
    """Return streams that are closed with the script: a previewer that loads it anew needs the room."""
    streams = Streams(compute.device, count, captures=captures)
    if compute.device.type == "cuda":
        # Kept by the clips alone; VapourSynth keeps what it calls.
        found = ref(streams)

        def close() -> None:
            if (alive := found()) is not None:
                alive.close()

        vs.register_on_destroy(close)
    return streams


def tensor_engine(
    network: Network, settings: Settings, compute: Compute, num_streams: int, *, captures: bool
) -> TensorEngine:
    """Return an engine that runs `network` on its device in so many streams; see `Streams`."""
    streams = _streams(compute, num_streams, captures=captures)
    return TensorEngine.of(Pipeline(network, settings), streams)


def load_pipeline(weights: Weights, settings: Settings, compute: Compute) -> Pipeline:
    """Return the pipeline around the network that `weights` hold."""
    network = load_network(weights, compute._replace(backend="torch"))
    return Pipeline(cast("Network", network), settings)
