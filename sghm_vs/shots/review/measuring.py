"""A shot's matte is measured while its page is open: which frames need a look."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import vapoursynth as vs

from sghm_vs.errors import SghmError, message_of
from sghm_vs.evaluate.report.shot import ShotReport
from sghm_vs.progress import Progress


class Measuring:
    """One measurement at a time, in the background; a new one ends the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = 0
        self._state: dict[str, Any] = {"state": "none"}

    def start(self, report: Callable[[Progress], ShotReport], of: str) -> None:
        """Measure by `report`, which is of a matte called `of`."""
        with self._lock:
            self._run += 1
            self._state = {"state": "running", "of": of, "done": 0, "total": 0}
            run = self._run
        threading.Thread(target=self._measure, args=(run, report, of), daemon=True).start()

    def state(self) -> dict[str, Any]:
        """Return how far it is, or what was found."""
        with self._lock:
            return self._state

    def _measure(self, run: int, report: Callable[[Progress], ShotReport], of: str) -> None:
        def told(done: int, total: int) -> None:
            self._set(run, {"state": "running", "of": of, "done": done, "total": total})

        try:
            found = report(told)
        except _OutdatedError:
            return
        except (SghmError, vs.Error) as error:
            state: dict[str, Any] = {"state": "failed", "of": of, "error": message_of(error)}
        else:
            state = {"state": "done", "of": of, "shot": found.record()}
        try:
            self._set(run, state)
        except _OutdatedError:
            return

    def _set(self, run: int, state: dict[str, Any]) -> None:
        with self._lock:
            if run != self._run:
                raise _OutdatedError
            self._state = state


class _OutdatedError(Exception):
    """Another measurement has begun."""
