"""The process's heap, which glibc would let grow for hours."""

from __future__ import annotations

import ctypes
import itertools
import sys
from pathlib import Path

RUNS_BETWEEN_TRIMS = 64
"""A trim takes up to 60 ms, a run some 100."""
RUNS_UNTIL_SETTLED = 4 * RUNS_BETWEEN_TRIMS
"""By then what is kept has come together, and holes have been as many as they usually are."""
STATM = Path("/proc/self/statm")
"""How much memory this process holds, in pages: all of it, then what is resident (proc(5))."""


class Heap:
    """
    Gives free pages between the blocks in use back to the system, now and then and at each new peak.

    glibc gives back only those at the heap's end: what is kept for neighbors, frames and features,
    lies among what each frame needs for a moment. How many holes that leaves is a matter of luck,
    and of 10,000 frames some are unlucky; so after the first runs, more memory than ever before
    is taken for holes first.
    """

    def __init__(self) -> None:
        self._runs = itertools.count(1)
        self._peak_pages = 0
        malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._malloc_trim = malloc_trim if sys.platform == "linux" else None

    def after_run(self) -> None:
        """Trim if it is time to; called by whoever has let go of what a frame needed."""
        if self._malloc_trim is None:
            return
        run, pages = next(self._runs), _resident_pages()
        if run <= RUNS_UNTIL_SETTLED:
            self._peak_pages = max(self._peak_pages, pages)
        if run % RUNS_BETWEEN_TRIMS == 0 or pages > self._peak_pages:
            self.trim()
            self._peak_pages = max(self._peak_pages, _resident_pages())

    def trim(self) -> None:
        """Give back what can be given back, where the heap is glibc's."""
        if self._malloc_trim is not None:
            self._malloc_trim(0)


def _resident_pages() -> int:
    return int(STATM.read_text().split()[1])
