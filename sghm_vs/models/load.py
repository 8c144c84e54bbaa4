"""A checkpoint becomes a network on a device; clips that use the same one share it."""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

import vapoursynth as vs

from sghm_vs.models.backends.base import Network, place
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.checkpoint import build_network, read_checkpoint
from sghm_vs.models.weights import Weights

_loading = threading.Lock()
_loaded: WeakValueDictionary[tuple[object, ...], Network] = WeakValueDictionary()
"""Networks that some clip still uses: frames don't change them, so clips may share them."""


def load_network(weights: Weights, compute: Compute) -> Network:
    """
    Return the network that `weights` hold; while anybody keeps it, all who ask share it.

    Raises:
        WeightsError: They are no network's.
        MissingPackageError: The backend is not installed.
    """
    stat = weights.path.stat()
    key = weights, stat.st_ino, stat.st_mtime_ns, stat.st_size, compute
    with _loading:
        network = _loaded.get(key)
        if network is None:
            network = _loaded[key] = _load_network(weights, compute)
    return network


def _load_network(weights: Weights, compute: Compute) -> Network:
    architecture, plain = build_network(read_checkpoint(weights.path), str(weights.path))
    network = place(plain, architecture, compute)
    where = f"{compute.device} by {network.backend}"
    vs.core.log_message(
        vs.MESSAGE_TYPE_INFORMATION, f"sghm: {architecture} from {weights.name} on {where}"
    )
    if not weights.is_known():
        message = f"sghm: {weights.path} is not a known checkpoint; its names and shapes are right"
        vs.core.log_message(vs.MESSAGE_TYPE_WARNING, message)
    return network
