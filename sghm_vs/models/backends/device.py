"""Which device runs the network, and in which precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from sghm_vs.errors import DeviceError, cure
from sghm_vs.models.backends.base import row_of
from sghm_vs.options import Backend, Devices


class Compute(NamedTuple):
    """What the network runs on, as it was asked for."""

    device: torch.device
    fp16: bool | None = None
    """See `choose_dtype`."""
    backend: Backend = "auto"

    def for_many_sizes(self) -> Compute:
        """Return what is better where pictures differ in size: OpenVINO takes seconds for each."""
        return self._replace(backend="torch") if self.backend == "auto" else self


def choose_compute(
    index: int | None, fp16: bool | None = None, backend: Backend = "auto"
) -> Compute:
    """
    Return what the network runs on: see `choose_device`.

    Raises:
        DeviceError: There is no such device, or the backend does not run on it.
        SettingsError: There is no such backend.
    """
    kinds = ("cpu", "cuda") if backend == "auto" else row_of(backend).devices
    device = choose_device(-1 if kinds == ("cpu",) and index is None else index)
    if device.type not in kinds:
        runs_on = " and ".join(kind.upper() for kind in kinds)
        how = cure(
            script=f"device_index={-1 if kinds[0] == 'cpu' else 0}", typed=f"--device {kinds[0]}"
        )
        msg = f"backend {backend} runs on the {runs_on}, and {device} was asked for; use {how}"
        raise DeviceError(msg)
    return Compute(device, fp16, backend)


def choose_computes(
    devices: Devices, fp16: bool | None = None, backend: Backend = "auto"
) -> list[Compute]:
    """
    Return what the network runs on, which is one device or several.

    Raises:
        DeviceError: As `choose_compute` says, or a list is empty, names a device twice or the CPU
            beside others.
    """
    indices: Sequence[int | None] = devices if isinstance(devices, list | tuple) else [devices]
    if not indices or len({*indices}) < len(indices) or (len(indices) > 1 and -1 in indices):
        found = cure(
            script=f"device_index={[*indices]}",
            typed=f"--device cuda:{','.join(map(str, indices))}",
        )
        msg = f"{found} must name CUDA devices, each once, or be one number; {_for_the_cpu()}"
        raise DeviceError(msg)
    return [choose_compute(index, fp16, backend) for index in indices]


def choose_device(index: int | None) -> torch.device:
    """
    Return the device with `index`: None is the first CUDA device or else the CPU, -1 the CPU.

    Raises:
        DeviceError: There is no CUDA device with that index.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index == -1 or (index is None and count == 0):
        return torch.device("cpu")
    chosen = 0 if index is None else index
    if not 0 <= chosen < count:
        raise DeviceError(_no_such_device(chosen, count))
    return torch.device("cuda", chosen)


def choose_dtype(device: torch.device, fp16: bool | None) -> torch.dtype:
    """Return half or float as `fp16` says; None is half on a CUDA device and float elsewhere."""
    is_half = device.type == "cuda" if fp16 is None else fp16
    return torch.float16 if is_half else torch.float32


def _for_the_cpu() -> str:
    return cure(script="-1 is the CPU", typed="--device cpu is the CPU")


def _no_such_device(index: int, count: int) -> str:
    asked = cure(script=f"device_index={index}", typed=f"--device cuda:{index}")
    if torch.version.cuda is None:
        return (
            f"{asked} asks for CUDA, and torch {torch.__version__} is a build without it; "
            f"install a CUDA build of torch; {_for_the_cpu()}"
        )
    if count == 0:
        return f"{asked} asks for CUDA, and no CUDA device was found; {_for_the_cpu()}"
    return f"{asked} is none of the devices, which are 0 to {count - 1}; {_for_the_cpu()}"
