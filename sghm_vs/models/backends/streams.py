"""Where frames run: a bounded number of them in the network at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from queue import LifoQueue
from typing import Any
from weakref import WeakMethod

import torch
from torch import Tensor

from sghm_vs.models.backends.cores import (
    Trims,
    bind_to_one_core,
    out_of_memory,
    streams_on_cpu,
    trim_heap,
)
from sghm_vs.models.backends.cuda_graphs import (
    Capture,
    GraphRunner,
    Step,
    StepRunner,
    capturing,
    cuda_capture,
)
from sghm_vs.models.backends.device import Device

STREAMS_ON_CUDA_MAX = 4
"""One frame goes there, two compute, one comes back."""
SPARE = 1.5
"""A stream is added where this much of the memory that each of the others takes is free."""

type Compute = Callable[[], Tensor]


class Streams:
    """
    A bounded number of frames in the network at once.

    Each runs on a thread of its own: on CUDA with a stream of its own, so that one frame is copied
    while another computes; on the CPU on one core, since frames keep cores busier than the layers of
    one frame do. VapourSynth's own threads only wait: were they to run the network, each would bring
    its own team of compute threads.
    """

    def __init__(
        self,
        device: torch.device | Device,
        count: int,
        *,
        captures: bool = True,
        packs: bool | None = None,
        capture: Capture | None = None,
    ) -> None:
        """
        Open streams on `device`.

        Args:
            device: Where they are.
            count: How many; 0 is one for each core on the CPU, up to 16, and on CUDA as many as have
                room, up to 4.
            captures: Whether what runs in them may be captured in graphs, on CUDA.
            packs: Whether frames go there as they are and come back as the codes that are asked for;
                None is where that is far, on CUDA.
            capture: What captures; None is CUDA's own.
        """
        is_cuda = device.type == "cuda"
        self.device = device = torch.device(str(device))
        self.packs = is_cuda if packs is None else packs
        self._capture = capture or (cuda_capture if is_cuda else None) if captures else None
        self._trims = Trims()
        self._here = threading.local()
        self.runner: StepRunner = _InStream(self._here)
        """Where steps run, of what runs in a stream."""
        self._grows = is_cuda and not count
        self.count = 1 if self._grows else count or streams_on_cpu()
        """How many there are now."""
        self.most = STREAMS_ON_CUDA_MAX if self._grows else self.count
        """How many there may be."""
        self._reserved_before = torch.cuda.memory_reserved(device) if is_cuda else 0
        self._changing = threading.Lock()
        # The stream that ran last comes next: the others may never be needed.
        self._idle: LifoQueue[_Stream] = LifoQueue()
        for _ in range(self.count):
            self._idle.put(self._opened())
        # Given no method of this object, whose threads would keep it alive for ever.
        self._threads = ThreadPoolExecutor(
            self.most,
            "sghm",
            initializer=_open,
            initargs=(device,),
        )
        self._at_close: list[WeakMethod[Callable[[], None]]] = []

    def run(self, compute: Compute) -> Tensor:
        """
        Return what `compute` returns, on the CPU, once a stream is free to run it.

        If memory ends, half of the streams are closed for good, and it is tried again; in the last
        one of them once.

        Raises:
            DeviceError: Memory ended there too.
        """
        return self._threads.submit(copy_context().run, self._tried, compute).result()

    def at_close(self, call: Callable[[], None]) -> None:
        """Have `close` call this method, if its object is still there: it frees the device."""
        self._at_close.append(WeakMethod(call))

    def close(self) -> None:
        """Free what the streams hold on the device, for a script that is loaded anew."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for found in self._at_close:
            if (call := found()) is not None:
                call()
        self._close_some(self.count)

    def _tried(self, compute: Compute) -> Tensor:
        is_last = False
        while not isinstance(result := self._result(compute), Tensor) and not is_last:
            # What failed is out of scope by now, and its tensors with it.
            self._halve()
            is_last = self.count == 1
        if isinstance(result, Tensor):
            return result
        raise out_of_memory(str(self.device)) from result

    def _result(self, compute: Compute) -> Tensor | Exception:
        """Return what `compute` returns, or that memory ended."""
        try:
            result = self._in_stream(compute)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            return error.with_traceback(None)
        self._trims.count()
        if self._grows:
            self._grow()
        return result

    def _in_stream(self, compute: Compute) -> Tensor:
        stream = self._idle.get()
        self._here.stream = stream
        try:
            with torch.inference_mode(), stream.context:
                result = compute()
                # Another frame may run here before this one is read.
                return _to_host(result) if result.is_cuda else stream.graphs.cloned(result)
        finally:
            self._here.stream = None
            self._idle.put(stream)

    def _halve(self) -> None:
        """Close half of the streams, as soon as they are free, and what memory the others can spare."""
        with self._changing:
            self._grows = False
            self._close_some(self.count - max(self.count // 2, 1))

    def _grow(self) -> None:
        """Open another stream if there is room for it."""
        with self._changing:
            if not self._grows:
                return
            held = torch.cuda.memory_reserved(self.device) - self._reserved_before
            free, _ = torch.cuda.mem_get_info(self.device)
            if free > SPARE * held / self.count:
                self.count += 1
                self._idle.put(self._opened())
            self._grows = self.count < self.most

    def _opened(self) -> _Stream:
        return _Stream(self.device, self._capture)

    def _close_some(self, number: int) -> None:
        """Close so many streams, each as soon as no frame is in it, and free what they held."""
        for _ in range(number):
            self._idle.get().graphs.clear()
        self.count -= number
        if self.device.type == "cuda":
            with capturing:
                torch.cuda.empty_cache()
        else:
            trim_heap()


class _Stream:
    """What a frame needs of a device: a stream, and the graphs that replay there."""

    def __init__(self, device: torch.device, capture: Capture | None) -> None:
        # None is no stream of its own, which is all that the CPU has.
        own = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self.context: AbstractContextManager[Any] = torch.cuda.stream(own) if own else nullcontext()
        self.graphs = GraphRunner(device, capture)


class _InStream:
    """Steps of what runs in a stream, in that stream."""

    def __init__(self, here: threading.local) -> None:
        self._here = here

    def run(self, step: Step, *inputs: Any) -> Any:
        """Return what `step` returns; it lasts until the same step runs in this stream again."""
        return self._here.stream.graphs.run(step, *inputs)

    def cloned(self, values: Any) -> Any:
        """Return `values`, to last for longer."""
        return self._here.stream.graphs.cloned(values)


def _to_host(result: Tensor) -> Tensor:
    """Return `result`, on CUDA, on the CPU, all of it there, in memory that torch uses again."""
    there = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
    there.copy_(result, non_blocking=True)
    # Waiting asleep leaves the core to VapourSynth's threads, which find motion meanwhile.
    done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    done.record()
    done.synchronize()
    return there


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    # On the CPU, torch says it in words alone.
    has_own_type = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return has_own_type or "can't allocate memory" in str(error)


def _open(device: torch.device) -> None:
    if device.type != "cuda":
        # Torch sets up a thread when it is first asked; what is set before is lost.
        torch.get_num_threads()
        bind_to_one_core()
