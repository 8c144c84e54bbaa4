"""A few threads: frames of a sequence are written, with a bound on how many wait, and read back."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

WORKERS = min(4, os.cpu_count() or 2) + 2
"""Two more than are busy: while the disk takes a file, its thread waits."""
WAITING_MAX = 2 * WORKERS


class WritePool:
    """Run writes in the background; the first that fails is raised by a later call."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="sghm-write")
        self._pending: deque[Future[None]] = deque()

    def submit(self, write: Callable[[], None]) -> None:
        """Run `write` soon; wait first if too many others do."""
        while len(self._pending) >= WAITING_MAX:
            self._pending.popleft().result()
        self._pending.append(self._threads.submit(write))

    def finish(self) -> None:
        """Return when everything is written."""
        while self._pending:
            self._pending.popleft().result()
        self._threads.shutdown()

    def abort(self) -> None:
        """Drop what has not begun, and wait for what has."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def each[Item, Found](look: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """Return what `look` finds of each of `items`, in their order."""
    with ThreadPoolExecutor(WORKERS) as threads:
        return [*threads.map(look, items)]
