"""Where a clip's frames are made: a network on a device, its streams, and what is kept between steps."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from weakref import ref

import vapoursynth as vs
from torch import Tensor

from sghm_vs.color.yuv import PlaneLayout, planes_to_rgb
from sghm_vs.filter.tensors import pack_planes, to_tensor
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.backends.base import Network
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.streams import Streams
from sghm_vs.models.load import load_network
from sghm_vs.models.sghm.encoder import Features
from sghm_vs.models.weights import Weights
from sghm_vs.options import Settings

FEATURES_MIB = 256
"""Of frames that were segmented and wait to be matted."""
type Engines = Sequence[Engine]
type Load = Callable[[Weights, Compute], Network]
"""Returns the network that weights hold, on a device: as `load_network`, or one that is held already."""


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

        They are removed from the cache, since each frame is matted once.
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
    """A clip's frames on a device: the network there, the streams where it runs, what is kept."""

    pipeline: Pipeline
    streams: Streams
    features: FeatureCache

    @classmethod
    def of(cls, pipeline: Pipeline, streams: Streams) -> Engine:
        """Return one whose `pipeline` runs in `streams`, on whose device its network is."""
        features = FeatureCache(FEATURES_MIB << 20)
        streams.at_close(features.clear)
        return cls(replace(pipeline, runner=streams.runner), streams, features)

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


def engine_of(n: int, engines: Engines) -> Engine:
    """Return which of `engines` makes frame `n`: it depends on nothing else."""
    return engines[n % len(engines)]


def _bytes_of(features: Features) -> int:
    return sum(part.numel() * part.element_size() for part in features)


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


def engines_for(
    weights: Weights,
    settings: Settings,
    computes: Sequence[Compute],
    num_streams: int = 0,
    *,
    captures: bool = True,
    load: Load = load_network,
) -> Engines:
    """Return what makes a clip's alphas: one engine for each of `computes`, by networks of `load`."""
    return [
        Engine.of(
            Pipeline(load(weights, compute), settings),
            _streams(compute, num_streams, captures=captures),
        )
        for compute in computes
    ]


def load_pipeline(weights: Weights, settings: Settings, compute: Compute) -> Pipeline:
    """Return the pipeline around the network that `weights` hold."""
    return Pipeline(load_network(weights, compute), settings)
