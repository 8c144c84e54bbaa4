"""A checkpoint becomes a network on a device."""

from __future__ import annotations

import vapoursynth as vs

from sghm_vs.models.backends.base import Network, place
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.checkpoint import build_network, read_checkpoint
from sghm_vs.models.weights import Weights


def load_network(weights: Weights, compute: Compute) -> Network:
    """
    Return the network that `weights` hold, loaded anew; frames don't change it, so clips may share it.

    Raises:
        WeightsError: They are no network's.
        MissingPackageError: The backend is not installed.
    """
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
