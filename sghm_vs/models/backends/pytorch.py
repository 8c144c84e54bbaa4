"""The network as torch runs it, on the CPU or on CUDA."""

from __future__ import annotations

import torch

from sghm_vs.models.backends.device import Compute, choose_dtype
from sghm_vs.models.sghm.network import SGHM


def place(network: SGHM, architecture: str, compute: Compute) -> SGHM:
    """Return `network` on the device and in the precision of `compute`."""
    del architecture
    dtype = choose_dtype(compute.device, compute.fp16)
    ready = network.to(device=compute.device, dtype=dtype).to(memory_format=torch.channels_last)
    if compute.device.type == "cuda":
        # Frames run in streams of their own, which don't wait for the one that converts the weights.
        torch.cuda.synchronize(compute.device)
    return ready
