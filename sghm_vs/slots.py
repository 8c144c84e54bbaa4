"""Where frames run: a bounded number of them in the network at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from sghm_vs.errors import DeviceError

SLOTS_ON_CUDA = 2
"""One frame computes while another is copied."""


class Slots:
    """
    A bounded number of frames in the network at once.

    Each slot is one thread, and on CUDA one stream. VapourSynth's own threads only wait:
    were they to run the network, each would bring its own team of compute threads.
    """

    def __init__(self, device: torch.device, count: int) -> None:
        self.device = device
        self._stream = threading.local()
        chosen = count or (SLOTS_ON_CUDA if device.type == "cuda" else 1)
        # Given no method of this object, whose threads would keep it alive for ever.
        self._threads = ThreadPoolExecutor(
            chosen, "sghm", initializer=_open_stream, initargs=(self._stream, device)
        )

    def run(self, compute: Callable[[], Tensor]) -> Tensor:
        """Return what `compute` returns, on the CPU, once a slot is free to run it."""
        return self._threads.submit(self._in_slot, compute).result()

    def _in_slot(self, compute: Callable[[], Tensor]) -> Tensor:
        try:
            with torch.inference_mode(), torch.cuda.stream(self._stream.own):
                return compute().cpu()
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


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    # On the CPU, torch says it in words alone.
    has_own_type = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return has_own_type or "can't allocate memory" in str(error)


def _open_stream(thread: threading.local, device: torch.device) -> None:
    # None is no stream of its own, which is all that the CPU has.
    is_cuda = device.type == "cuda"
    thread.own = torch.cuda.Stream(device) if is_cuda else None  # type: ignore[no-untyped-call]
