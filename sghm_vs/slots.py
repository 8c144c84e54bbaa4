"""Where frames run: a bounded number of them in the network at once."""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from sghm_vs.errors import DeviceError

SLOTS_ON_CUDA = 2
"""One frame computes while another is copied."""
SLOTS_ON_CPU_MAX = 16
"""Of as many as there are cores: a slot may hold a gigabyte."""

RUNS_BETWEEN_TRIMS = 64
"""A trim takes up to 60 ms, a run some 100."""


class Slots:
    """
    A bounded number of frames in the network at once.

    Each slot is one thread: on CUDA with one stream, on the CPU on one core, since frames keep cores
    busier than the layers of one frame do. VapourSynth's own threads only wait: were they to run
    the network, each would bring its own team of compute threads.
    """

    def __init__(self, device: torch.device, count: int) -> None:
        self.device = device
        self._stream = threading.local()
        self._runs = itertools.count(1)
        self.count = count or (SLOTS_ON_CUDA if device.type == "cuda" else slots_on_cpu())
        # Given no method of this object, whose threads would keep it alive for ever.
        self._threads = ThreadPoolExecutor(
            self.count, "sghm", initializer=_open, initargs=(self._stream, device)
        )

    def run(self, compute: Callable[[], Tensor]) -> Tensor:
        """Return what `compute` returns, on the CPU, once a slot is free to run it."""
        return self._threads.submit(self._in_slot, compute).result()

    def _in_slot(self, compute: Callable[[], Tensor]) -> Tensor:
        try:
            with torch.inference_mode(), torch.cuda.stream(self._stream.own):
                result = compute().cpu()
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            msg = (
                f"out of memory on {self.device}; use a smaller infer_size (--infer-size) or "
                "num_streams=1, or end what else uses the device"
            )
            raise DeviceError(msg) from error
        if next(self._runs) % RUNS_BETWEEN_TRIMS == 0:
            _trim_heap()
        return result


def _trim_heap() -> None:
    """
    Give free pages between the blocks in use back to the system.

    glibc gives back only those at the heap's end: what is kept for neighbors, frames and features,
    lies among what each frame needs for a moment, and the heap grows for hours.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    # On the CPU, torch says it in words alone.
    has_own_type = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return has_own_type or "can't allocate memory" in str(error)


def _open(thread: threading.local, device: torch.device) -> None:
    # None is no stream of its own, which is all that the CPU has.
    is_cuda = device.type == "cuda"
    thread.own = torch.cuda.Stream(device) if is_cuda else None  # type: ignore[no-untyped-call]
    if not is_cuda:
        # Torch sets up a thread when it is first asked; what is set before is lost.
        torch.get_num_threads()
        # OpenMP's count is this thread's own: other filters keep theirs.
        threadpool_limits(1, user_api="openmp")


def cores() -> int:
    """Return how many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def slots_on_cpu() -> int:
    """Return how many slots the CPU has unless somebody chooses."""
    return min(cores(), SLOTS_ON_CPU_MAX)
