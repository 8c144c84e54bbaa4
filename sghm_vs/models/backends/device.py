"""Which device runs the network, and in which precision."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sghm_vs.errors import DeviceError, cure
from sghm_vs.models.backends.base import row_of
from sghm_vs.options import Backend, Devices

if TYPE_CHECKING:
    import torch

CUDA_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
ROCM_DRIVER = Path("/dev/kfd")


@dataclass(frozen=True, slots=True)
class Device:
    """Where a network runs, named as torch names it, which is not loaded for the CPU."""

    type: str
    """cpu or cuda."""
    index: int | None = None

    def __str__(self) -> str:
        """Return its name, cpu or cuda:0."""
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def in_torch(self) -> torch.device:
        """Return it as torch has it."""
        import torch

        return torch.device(str(self))


CPU = Device("cpu")


class Compute(NamedTuple):
    """What the network runs on, as it was asked for."""

    device: Device
    fp16: bool | None = None
    """Whether in half precision; None is on CUDA, and by OpenVINO where mattes stay as good."""
    backend: Backend = "auto"
    many_sizes: bool = False
    """Whether pictures differ in size: "auto" then takes no backend that is slow to resize."""

    def for_many_sizes(self) -> Compute:
        """Return the same where pictures differ in size."""
        return self._replace(many_sizes=True)


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


def choose_device(index: int | None) -> Device:
    """
    Return the device with `index`: None is the first CUDA device or else the CPU, -1 the CPU.

    Raises:
        DeviceError: There is no CUDA device with that index.
    """
    if index == -1:
        return CPU
    count = _cuda_devices()
    if index is None and count == 0:
        return CPU
    chosen = 0 if index is None else index
    if not 0 <= chosen < count:
        raise DeviceError(_no_such_device(chosen, count))
    return Device("cuda", chosen)


def _cuda_devices() -> int:
    """Return how many devices torch sees, which is loaded where there may be one alone."""
    if not has_gpu_driver() or find_spec("torch") is None:
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@cache
def has_gpu_driver() -> bool:
    """Return whether a driver of CUDA or ROCm is here: without one, torch sees no device."""
    try:
        ctypes.CDLL(CUDA_DRIVER)
    except OSError:
        return ROCM_DRIVER.exists()
    return True


def _for_the_cpu() -> str:
    return cure(script="-1 is the CPU", typed="--device cpu is the CPU")


def _no_such_device(index: int, count: int) -> str:
    asked = cure(script=f"device_index={index}", typed=f"--device cuda:{index}")
    if find_spec("torch") is None:
        return (
            f"{asked} asks for CUDA, which needs torch, and it is not installed; {_for_the_cpu()}"
        )
    import torch

    if torch.version.cuda is None:
        return (
            f"{asked} asks for CUDA, and torch {torch.__version__} is a build without it; "
            f"install a CUDA build of torch; {_for_the_cpu()}"
        )
    if count == 0:
        return f"{asked} asks for CUDA, and no CUDA device was found; {_for_the_cpu()}"
    return f"{asked} is none of the devices, which are 0 to {count - 1}; {_for_the_cpu()}"
