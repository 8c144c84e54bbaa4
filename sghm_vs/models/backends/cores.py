"""The CPU's cores: how many frames run at once there, each on one, and what memory they leave."""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import BoundedSemaphore

from threadpoolctl import threadpool_limits

from sghm_vs.errors import DeviceError, cure

STREAMS_ON_CPU_MAX = 16
"""Of as many as there are cores: a stream may hold a gigabyte."""
RUNS_BETWEEN_TRIMS = 1024
"""A trim costs the time of one to three frames: its own, and that of having the pages again."""

M_ARENA_MAX = -8
"""Of glibc's `malloc.h`."""


class Trims:
    """Counts what a network is run for, and trims the heap every `RUNS_BETWEEN_TRIMS` times."""

    def __init__(self) -> None:
        self._runs = itertools.count(1)

    def count(self) -> None:
        """Count one more."""
        if next(self._runs) % RUNS_BETWEEN_TRIMS == 0:
            trim_heap()


class CoreStreams:
    """
    A bounded number of frames in the network at once, each on a core; `Streams` without torch.

    VapourSynth's own threads only wait.
    """

    def __init__(self, count: int) -> None:
        """Open `count` streams; 0 is one for each core, up to 16."""
        self.count = count or streams_on_cpu()
        """How many there are now."""
        self.most = self.count
        """How many there were."""
        self._trims = Trims()
        self._changing = threading.Lock()
        self._free = BoundedSemaphore(self.count)
        self._threads = ThreadPoolExecutor(self.count, "sghm", initializer=bind_to_one_core)

    def run[Result](self, compute: Callable[[], Result]) -> Result:
        """
        Return what `compute` returns, once a stream is free to run it.

        If memory ends, half of the streams are closed for good, and it is tried again; in the last
        one of them once.

        Raises:
            DeviceError: Memory ended there too.
        """
        return self._threads.submit(copy_context().run, self._tried, compute).result()

    def _tried[Result](self, compute: Callable[[], Result]) -> Result:
        is_last = False
        while True:
            try:
                with self._free:
                    result = compute()
            except MemoryError as error:
                if is_last:
                    raise out_of_memory("cpu") from error
                self._halve()
                is_last = self.count == 1
            else:
                self._trims.count()
                return result

    def _halve(self) -> None:
        """Close half of the streams, as soon as they are free."""
        with self._changing:
            less = self.count - max(self.count // 2, 1)
            for _ in range(less):
                self._free.acquire()
            self.count -= less
        trim_heap()


def out_of_memory(device: str) -> DeviceError:
    """Return the error that says so, and what to do."""
    how = cure(script="a smaller infer_size or num_streams=1", typed="a smaller --infer-size")
    msg = f"out of memory on {device}; use {how}, or end what else uses the device"
    return DeviceError(msg)


def bind_to_one_core() -> None:
    """Keep OpenMP to one core in this thread: the count is its own, other filters keep theirs."""
    threadpool_limits(1, user_api="openmp")


def trim_heap() -> None:
    """
    Give free pages between the blocks in use back to the system.

    glibc gives back only those at the heap's end: between small blocks that a script's other filters
    leave behind, frame by frame, the heap would grow for hours.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def bound_heaps() -> None:
    """
    Have threads share heaps from now on, as many as there are cores and two at least.

    glibc lets each core have eight: of what frames leave behind in one, threads of another use nothing.
    For a process of one's own, before its threads begin; a script's belongs to who runs it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_ARENA_MAX, max(cores(), 2))


def cores() -> int:
    """Return how many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def streams_on_cpu() -> int:
    """Return how many streams the CPU has unless somebody chooses."""
    return min(cores(), STREAMS_ON_CPU_MAX)
