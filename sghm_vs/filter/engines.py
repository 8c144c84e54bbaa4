"""Where a clip's frames are made: a network, what runs it, and what is kept between steps."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.models.backends.base import AnyNetwork
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.graphs import GraphNetwork
from sghm_vs.models.backends.plugins import PluginNetwork
from sghm_vs.models.load import load_network
from sghm_vs.models.weights import Weights
from sghm_vs.options import Settings

if TYPE_CHECKING:
    from sghm_vs.filter.plugin_engine import PluginEngine

FEATURES_MIB = 256
"""Of frames that were segmented and wait to be matted."""
type Engines = Sequence[AnyEngine]
type Load = Callable[[Weights, Compute], AnyNetwork]
"""Returns the network that weights hold, on a device: as `load_network`, or one that is held already."""


class AnyEngine(Protocol):
    """What mattes a clip: a `FrameEngine` frame by frame, a `PluginEngine` by nodes."""

    @property
    def settings(self) -> Settings:
        """How frames are matted."""

    @property
    def packs(self) -> bool:
        """Whether pictures come as the clip has them; see `sghm_vs.filter.tensors.to_pictures`."""

    def apart(self, pixel_aspect: Fraction) -> AnyEngine:
        """Return one of the same network, for other pictures of frames of the same numbers."""


class FrameEngine(AnyEngine, Protocol):
    """Makes the frames of a clip on a device. Frames come and go as VapourSynth has them."""

    def alpha(
        self, picture: vs.VideoFrame, guide: vs.VideoFrame | None, bits: int, is_float: bool
    ) -> NDArray[Any]:
        """Return a frame's alpha by itself, (height, width), as samples of `bits`."""

    def probability(self, picture: vs.VideoFrame, *, is_judged: bool) -> NDArray[np.float32]:
        """
        Return how likely a person is at each pixel, (h, w), as small as the network makes it.

        With `is_judged` without what a judge, if the network has one, says no to.
        """

    def encoder_input(self, picture: vs.VideoFrame) -> NDArray[np.float32]:
        """Return what the encoder sees of `picture`, (h, w, 3)."""

    def segment(self, n: int, small: vs.VideoFrame, size: tuple[int, int]) -> NDArray[np.float32]:
        """
        Return the segmentation of frame `n`, (h, w), and keep what the encoder saw for `guided`.

        Args:
            n: Number of the frame.
            small: As `encoder_input` returns it, or a less noisy one of the same picture.
            size: (height, width) of the picture.
        """

    def guided(
        self,
        n: int,
        picture: vs.VideoFrame,
        small: vs.VideoFrame,
        segmentation: vs.VideoFrame,
        guide: vs.VideoFrame | None,
    ) -> NDArray[np.float32]:
        """Return the alpha of frame `n`, (height, width), guided by its `segmentation`."""


class FeatureCache[Features]:
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


def _bytes_of(features: Any) -> int:
    return sum(part.nbytes for part in features)


def engine_of(n: int, engines: Sequence[FrameEngine]) -> FrameEngine:
    """Return which of `engines` makes frame `n`: it depends on nothing else."""
    return engines[n % len(engines)]


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
        _engine(load(weights, compute), settings, compute, num_streams, captures=captures)
        for compute in computes
    ]


def plugin_of(engines: Engines) -> PluginEngine | None:
    """Return the engine of a plug-in, which is alone where it is one."""
    from sghm_vs.filter.plugin_engine import PluginEngine

    first = engines[0]
    return first if isinstance(first, PluginEngine) else None


def by_frames(engines: Engines) -> Sequence[FrameEngine]:
    """Return `engines`, which are no plug-in's."""
    return cast("Sequence[FrameEngine]", engines)


def _engine(
    network: AnyNetwork, settings: Settings, compute: Compute, num_streams: int, *, captures: bool
) -> AnyEngine:
    if isinstance(network, PluginNetwork):
        from sghm_vs.filter.plugin_engine import plugin_engine

        return plugin_engine(network, settings, num_streams)
    if isinstance(network, GraphNetwork):
        from sghm_vs.filter.array_engine import array_engine

        return array_engine(network, settings, num_streams)
    # With it comes torch.
    from sghm_vs.filter.engine import tensor_engine

    return tensor_engine(network, settings, compute, num_streams, captures=captures)
