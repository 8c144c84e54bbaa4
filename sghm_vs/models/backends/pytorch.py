"""The network as torch runs it, on the CPU or on CUDA."""

from __future__ import annotations

import torch

from sghm_vs.models.arrays import Model
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.checkpoint import build_network
from sghm_vs.models.sghm.network import SGHM


def place(model: Model, compute: Compute) -> SGHM:
    """
    Return the network of `model` on the device and in the precision of `compute`.

    Raises:
        WeightsError: Names or shapes are not the network's.
    """
    return placed(network_of(model), compute)


def network_of(model: Model) -> SGHM:
    """
    Return the network of `model`, ready for inference.

    Raises:
        WeightsError: Names or shapes are not the network's.
    """
    state = {name: torch.from_numpy(array) for name, array in model.arrays.items()}
    return build_network(state, model.origin)[1]


def placed(network: SGHM, compute: Compute) -> SGHM:
    """Return `network` on the device and in the precision of `compute`."""
    device = torch.device(str(compute.device))
    dtype = choose_dtype(device, compute.fp16)
    ready = network.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
    if device.type == "cuda":
        # Frames run in streams of their own, which don't wait for the one that converts the weights.
        torch.cuda.synchronize(device)
    return ready


def choose_dtype(device: torch.device, fp16: bool | None) -> torch.dtype:
    """Return half or float as `fp16` says; None is half on a CUDA device and float elsewhere."""
    is_half = device.type == "cuda" if fp16 is None else fp16
    return torch.float16 if is_half else torch.float32
