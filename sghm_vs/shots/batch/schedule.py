"""What is to be done next: chunks, then each shot's assembly; failures again, later, a few times."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sghm_vs.options import FrameRange

TRIES = 3
BACK_OFF_S = 2.0
"""After the first failure; twice as long after each further one."""
BACK_OFF_MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker does in one go."""

    shot: str
    frames: FrameRange | None
    """A chunk; None is what makes the shot whole, once all of its chunks are made."""


class Schedule:
    """
    The work of a run.

    A chunk that fails too often is set aside, and the rest goes on without its shot's assembly.
    Holds no clock and no workers of its own: a simulation runs it as a farm does.
    """

    def __init__(
        self,
        shots: Mapping[str, Iterable[FrameRange]],
        *,
        tries: int = TRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Plan the work on `shots`.

        Args:
            shots: The chunks of each that are to be made; one without any is made in one go.
            tries: How often a piece of work may fail.
            clock: Returns the time in seconds.
        """
        self._tries, self._clock = tries, clock
        self._queues: dict[str, deque[Work]] = {}
        self._later: list[tuple[float, int, Work]] = []
        self._isolated: deque[Work] = deque()
        """What is begun when nothing else is left, one after another."""
        self._order = itertools.count()
        self._failures: dict[Work, int] = {}
        self._open: dict[str, set[Work]] = {}
        """Of each shot that is not done, what still is to be made of it."""
        self.set_aside: dict[str, dict[Work, str]] = {}
        """Of each shot what failed too often, and why."""
        self.failures = 0
        """How often work failed or was lost."""
        for shot, chunks in shots.items():
            self._add(shot, chunks)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do or being done."""
        return not self._open

    @property
    def open(self) -> int:
        """How many pieces of work are left, those that are being done included."""
        return sum(map(len, self._open.values()))

    def take(self, before: str | None = None) -> Work | None:
        """Return what to do next, of the shot `before` if it has anything; None for nothing now."""
        if self._later and self._later[0][0] <= self._clock():
            return heapq.heappop(self._later)[2]
        if self._isolated and self.open == len(self._isolated):
            return self._isolated.popleft()
        if not self._queues:
            return None
        shot = before if before in self._queues else next(iter(self._queues))
        work = self._queues[shot].popleft()
        if not self._queues[shot]:
            del self._queues[shot]
        return work

    def done(self, work: Work) -> None:
        """Note that `work` is done; the last of a shot's chunks brings its assembly."""
        self._failures.pop(work, None)
        self._settle(work)

    def isolate(self, work: Work) -> None:
        """Note that `work` failed beside others, and is to be tried again without them."""
        self.failures += 1
        self._isolated.append(work)

    def failed(self, work: Work, reason: str, *, counts: bool = True) -> bool:
        """
        Note that `work` failed, or was lost with its worker; return whether it is set aside.

        Args:
            work: What was taken.
            reason: Why, for people.
            counts: Whether the work may be to blame, and is set aside if that happens too often.
        """
        self.failures += 1
        count = self._failures[work] = self._failures.get(work, 0) + counts
        if count >= self._tries:
            self.set_aside.setdefault(work.shot, {})[work] = reason
            self._settle(work)
            return True
        wait_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2 ** max(count - 1, 0))
        heapq.heappush(self._later, (self._clock() + wait_s, next(self._order), work))
        return False

    def broken(self, work: Work, chunks: Iterable[FrameRange], reason: str) -> bool:
        """
        Note that an assembly found `chunks` damaged: they are made again, a few times.

        Returns:
            Whether the work is set aside.
        """
        self.failures += 1
        count = self._failures[work] = self._failures.get(work, 0) + 1
        del self._open[work.shot]
        if count >= self._tries:
            self.set_aside.setdefault(work.shot, {})[work] = reason
            return True
        self._add(work.shot, chunks)
        return False

    def _add(self, shot: str, chunks: Iterable[FrameRange]) -> None:
        work = [Work(shot, chunk) for chunk in chunks] or [Work(shot, None)]
        self._open[shot] = set(work)
        self._queues[shot] = deque(work)

    def _settle(self, work: Work) -> None:
        rest = self._open[work.shot]
        rest.discard(work)
        if rest:
            return
        del self._open[work.shot]
        if work.frames is not None and work.shot not in self.set_aside:
            self._add(work.shot, ())
