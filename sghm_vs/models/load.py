"""A checkpoint becomes a network on a device."""

from __future__ import annotations

import vapoursynth as vs

from sghm_vs.errors import cure
from sghm_vs.models.arrays import read_model
from sghm_vs.models.backends.base import AnyNetwork, place
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.weights import Weights


def load_network(weights: Weights, compute: Compute) -> AnyNetwork:
    """
    Return the network that `weights` hold, loaded anew; frames don't change it, so clips may share it.

    Raises:
        WeightsError: They are no network's.
        MissingPackageError: The backend is not installed.
    """
    model = read_model(weights.path)
    network = place(model, compute)
    how = f"{network.backend} in {network.precision}"
    vs.core.log_message(
        vs.MESSAGE_TYPE_INFORMATION,
        f"sghm: {model.architecture} from {weights.name} on {compute.device} by {how}",
    )
    if (words := _remark(network.precision, compute)) is not None:
        vs.core.log_message(vs.MESSAGE_TYPE_WARNING, f"sghm: {words}")
    if not weights.is_known():
        message = f"sghm: {weights.path} is not a known checkpoint; its names and shapes are right"
        vs.core.log_message(vs.MESSAGE_TYPE_WARNING, message)
    return network


def _remark(precision: str, compute: Compute) -> str | None:
    """Return what there is to say of a half precision that was asked for on a CPU."""
    if not compute.fp16 or compute.device.type != "cpu":
        return None
    if precision == "float32":
        return "this CPU has no bfloat16: fp16 changes nothing, and floats are as fast as it gets"
    if precision == "float16":
        how = cure(
            script='fp16=False or backend="openvino"', typed="--no-fp16 or --backend openvino"
        )
        return f"fp16 by torch on a CPU takes several times as long as floats; use {how}"
    return None
