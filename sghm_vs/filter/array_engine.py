"""An engine on the CPU in arrays: a network's graphs by what runs them, each frame on a core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.filter.engines import FEATURES_MIB, FeatureCache
from sghm_vs.matting.arrays.frame import ArrayPipeline
from sghm_vs.models.backends.cores import CoreStreams
from sghm_vs.models.backends.graphs import Features, GraphNetwork
from sghm_vs.models.planes import Plane, clamp
from sghm_vs.options import Settings


@dataclass(frozen=True)
class ArrayEngine:
    """See `sghm_vs.filter.engines.FrameEngine`."""

    pipeline: ArrayPipeline
    streams: CoreStreams
    features: FeatureCache[Features]
    packs = False

    @property
    def settings(self) -> Settings:
        """How frames are matted."""
        return self.pipeline.settings

    def alpha(
        self, picture: vs.VideoFrame, guide: vs.VideoFrame | None, bits: int, is_float: bool
    ) -> NDArray[Any]:
        """Return a frame's alpha by itself; see `FrameEngine`."""
        assert is_float and bits == 32  # noqa: PT018, S101 - other samples are for those that pack

        def compute() -> Plane:
            said = None if guide is None else planes_of(guide)[0]
            return self.pipeline.matte(_views_of(picture), said)

        return self.streams.run(compute)

    def probability(self, picture: vs.VideoFrame, *, is_judged: bool) -> Plane:
        """Return how likely a person is; see `FrameEngine`."""
        return self.streams.run(
            lambda: self.pipeline.probability(_views_of(picture), is_judged=is_judged)
        )

    def encoder_input(self, picture: vs.VideoFrame) -> Plane:
        """Return what the encoder sees of `picture`, (h, w, 3)."""
        return self.streams.run(
            lambda: np.moveaxis(self.pipeline.encoder_input(_views_of(picture)), 0, -1)
        )

    def segment(self, n: int, small: vs.VideoFrame, size: tuple[int, int]) -> Plane:
        """Return the segmentation of frame `n`; see `FrameEngine`."""
        features, segmentation = self.streams.run(
            lambda: self.pipeline.segment(planes_of(small), *size)
        )
        self.features.put(n, features)
        return segmentation

    def guided(
        self,
        n: int,
        picture: vs.VideoFrame,
        small: vs.VideoFrame,
        segmentation: vs.VideoFrame,
        guide: vs.VideoFrame | None,
    ) -> Plane:
        """Return the alpha of frame `n`; see `FrameEngine`."""

        def compute() -> Plane:
            planes = _views_of(picture)
            features = self.features.get(n, lambda: self.pipeline.network.encode(planes_of(small)))
            said = None if guide is None else planes_of(guide)[0]
            return self.pipeline.matte_segmented(planes, features, planes_of(segmentation)[0], said)

        return self.streams.run(compute)

    def apart(self, pixel_aspect: Fraction) -> ArrayEngine:
        """Return one that keeps features of its own; see `AnyEngine`."""
        settings = replace(self.settings, pixel_aspect=pixel_aspect)
        return replace(
            self,
            pipeline=replace(self.pipeline, settings=settings),
            features=FeatureCache(FEATURES_MIB << 20),
        )


def array_engine(network: GraphNetwork, settings: Settings, num_streams: int) -> ArrayEngine:
    """Return an engine that runs `network` in so many streams; 0 is one for each core."""
    features: FeatureCache[Features] = FeatureCache(FEATURES_MIB << 20)
    return ArrayEngine(ArrayPipeline(network, settings), CoreStreams(num_streams), features)


def planes_of(frame: vs.VideoFrame) -> Plane:
    """Return the planes of `frame`, float32, as (planes, height, width), clamped to 0-1; NaN is 0."""
    planes = np.empty((frame.format.num_planes, frame.height, frame.width), np.float32)
    for own, plane in zip(planes, _views_of(frame), strict=True):
        clamp(plane, own)
    return planes


def _views_of(frame: vs.VideoFrame) -> list[Plane]:
    """Return the planes of `frame` where they are, each (height, width)."""
    return [np.asarray(plane) for plane in frame]
