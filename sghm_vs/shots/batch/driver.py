"""What makes shots by workers, and keeps their manifest: of a batch on a machine, or on a farm."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sghm_vs.errors import ExportError, listed
from sghm_vs.files import sweep
from sghm_vs.options import FrameRange
from sghm_vs.shots.batch.checksums import ChecksumReader
from sghm_vs.shots.batch.listener import Listener, Totals
from sghm_vs.shots.batch.manifest import Entry, Manifest
from sghm_vs.shots.batch.names import Shot, place
from sghm_vs.shots.batch.pool import (
    Failure,
    Order,
    Outcome,
    PoolWorker,
    WorkerPool,
    WorkProgress,
    failure_of,
)
from sghm_vs.shots.batch.record import (
    Outputs,
    done_entry,
    failed_entry,
    read_back,
    running_entry,
    unread_inputs,
)
from sghm_vs.shots.batch.render import Rendered
from sghm_vs.shots.batch.schedule import Schedule, Work

TOLD_EVERY_S = 0.5
PACE_S = 120.0
"""Over which frames per second are counted."""
LATE = 10
"""Work that takes so many times as long as it should is lost, as is its worker."""
LATE_MIN_S = 900.0
"""What even the smallest may take: footage is opened, and a share may be slow for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How a run treats what goes wrong."""

    tries: int = 1
    """How often a piece of work may fail before it is set aside."""
    patience_s: float = 0.0
    """How long a full disk or a share that is away is waited for."""
    frame_s: float | None = None
    """What a frame should take; a worker that takes far longer hangs. None is 1 s."""
    again: str = "go on with --resume"
    """What to type after a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """A shot to be made."""

    shot: Shot
    order: Callable[[FrameRange | None, Entry | None], Order]
    """Returns what a worker is given for a chunk, or to make the shot whole, as it is `known`."""
    chunks: Sequence[FrameRange] = ()
    """What is made before the whole, by any workers at once."""
    frames: int | None = None
    """Of the shot, where somebody counted."""
    known: Entry | None = None
    """Of a shot that was done before, and is only compared."""
    clear: Callable[[], None] | None = None
    """Removes what was made of other footage, or in another way."""
    tidy: Callable[[], None] | None = None
    """Removes what only served to make the whole."""


class Driver:
    """Makes shots: hands their work to a pool, and records what comes of it."""

    def __init__(
        self,
        todo: Iterable[Todo],
        manifest: Manifest,
        rules: RetryRules,
        listener: Listener,
        reader: ChecksumReader | None = None,
    ) -> None:
        self._todo = {one.shot.name: one for one in todo}
        self._manifest, self._rules, self._listener = manifest, rules, listener
        self._reader = reader or ChecksumReader()
        chunks = {name: one.chunks for name, one in self._todo.items()}
        self._schedule = Schedule(chunks, tries=rules.tries)
        self._entries = {n: one.known for n, one in self._todo.items() if one.known is not None}
        """Of shots that were begun, or that are only compared."""
        self._begun: dict[str, float] = {}
        self._frames = sum(len(chunk) for some in chunks.values() for chunk in some)
        self._frames_done = self._shots_done = 0
        self._paces: deque[tuple[float, int]] = deque()
        self._trouble = ""
        self._is_behind = False
        """Whether the manifest on the disk lacks what happened last."""
        self._told = self._well = time.monotonic()

    def run(self, pool: WorkerPool[Any]) -> None:
        """Make all of it by the workers of `pool`."""
        self._fill(pool)
        while not self._schedule.is_over:
            for work, outcome in pool.events(TOLD_EVERY_S):
                # Checksums are made while the next work is being done.
                self._fill(pool)
                self._settle(work, outcome)
            self._fill(pool)
            self._end_late(pool)
            self._count(pool)
        if self._is_behind:
            self._manifest.put()
        self._count(pool, is_end=True)

    def _fill(self, pool: WorkerPool[Any]) -> None:
        for worker in pool.free(self._schedule.open):
            while (work := self._schedule.take(worker.shot)) is not None:
                if self._begin(pool, worker, work):
                    break
            else:
                return

    def _begin(self, pool: WorkerPool[Any], worker: PoolWorker, work: Work) -> bool:
        todo = self._todo[work.shot]
        try:
            order = todo.order(work.frames, todo.known)
            if work.shot not in self._entries:
                self._record_begin(todo)
        except OSError as error:
            self._fail(work, failure_of(error))
            return False
        pool.begin(worker, work, order)
        return True

    def _record_begin(self, todo: Todo) -> None:
        # Footage that is away for a while must not cost what was made of it.
        entry = replace(running_entry(todo.shot), inputs=unread_inputs(todo.shot))
        if todo.clear is not None:
            todo.clear()
        self._manifest.put(entry)
        self._entries[todo.shot.name] = entry
        self._begun[todo.shot.name] = time.monotonic()

    def _settle(self, work: Work, outcome: WorkProgress | Outcome) -> None:
        if isinstance(outcome, WorkProgress):
            self._listener.report(self._todo[work.shot].shot, outcome.done, outcome.total)
        elif isinstance(outcome, Failure):
            self._fail(work, outcome)
        elif isinstance(outcome, Rendered):
            self._well = time.monotonic()
            self._frames_done += outcome.frames
            self._paces.append((self._well, outcome.frames))
            self._settle_rendered(work, outcome)
        elif outcome.broken:
            self._requeue(work, outcome)
        else:
            self._well = time.monotonic()
            self._finish(work, outcome)

    def _settle_rendered(self, work: Work, rendered: Rendered) -> None:
        if work.frames is not None:
            self._schedule.done(work)
            return
        shot = self._todo[work.shot].shot
        for words in rendered.notes:
            self._listener.note(shot, words)
        paths = [place(self._manifest.folder, output) for output in shot.outputs]
        try:
            made = read_back(shot, paths, rendered.numbers, self._reader, rendered.warnings)
        except OSError as error:
            self._fail(work, failure_of(error))
            return
        self._finish(work, made)

    def _fail(self, work: Work, failure: Failure) -> None:
        self._trouble = f"{_named_work(work)}: {failure.reason}"
        if failure.cause == "neighbors":
            self._schedule.isolate(work)
            return
        is_waited_for = (
            failure.cause == "storage" and time.monotonic() - self._well < self._rules.patience_s
        )
        counts = not is_waited_for and failure.cause != "machine"
        if self._schedule.failed(work, failure.reason, counts=counts):
            self._end(work, failed_entry(self._entry(work), self._reasons(work)))

    def _entry(self, work: Work) -> Entry:
        """Return the entry of a shot, which may not have been begun: what is known of it stays."""
        if work.shot in self._entries:
            return self._entries[work.shot]
        entry = running_entry(self._todo[work.shot].shot)
        before = self._manifest.entries.get(entry.key)
        is_same = before is not None and before.settings == entry.settings
        return replace(entry, inputs=before.inputs) if before is not None and is_same else entry

    def _reasons(self, work: Work) -> str:
        reasons = self._schedule.set_aside[work.shot].items()
        return "; ".join(
            reason if one.frames is None else f"{_named_work(one)}: {reason}"
            for one, reason in reasons
        )

    def _requeue(self, work: Work, made: Outputs) -> None:
        todo = self._todo[work.shot]
        reason = f"frames of chunks {listed(made.broken)} are not what was written"
        self._trouble = f"{work.shot}: {reason}"
        if work.shot not in self._begun:
            self._todo[work.shot] = replace(todo, known=None)
            del self._entries[work.shot]
        self._frames += sum(map(len, made.broken))
        if self._schedule.broken(work, made.broken, reason):
            self._end(work, failed_entry(self._entry(work), self._reasons(work)))

    def _finish(self, work: Work, made: Outputs) -> None:
        self._schedule.done(work)
        self._shots_done += 1
        if made.is_as_known:
            return
        entry = self._entries[work.shot]
        if work.shot in self._begun:
            seconds = time.monotonic() - self._begun[work.shot]
            entry = replace(entry, seconds=round(seconds, 3))
        self._end(work, done_entry(entry, made, again=self._rules.again))
        if (tidy := self._todo[work.shot].tidy) is not None:
            tidy()

    def _end(self, work: Work, entry: Entry) -> None:
        self._entries[work.shot] = entry
        self._put(entry)
        self._listener.end(entry)

    def _put(self, *entries: Entry) -> None:
        """Record what became of shots; where the disk is full, later: other work goes on."""
        try:
            self._manifest.put(*entries)
            self._is_behind = False
        except ExportError as error:
            self._is_behind, self._trouble = True, str(error)

    def _end_late(self, pool: WorkerPool[Any]) -> None:
        """Give up workers that hang: a dead GPU or share may hold one for ever."""
        for worker in [*pool.workers]:
            work = worker.work
            if work is None or time.monotonic() - worker.since < self._limit_s(work):
                continue
            pool.stop(worker)
            self._fail(work, Failure("it took far too long, and its worker was ended"))

    def _limit_s(self, work: Work) -> float:
        frames = self._todo[work.shot].frames if work.frames is None else len(work.frames)
        if frames is None:
            return float("inf")
        return LATE_MIN_S + LATE * frames * (self._rules.frame_s or 1)

    def _count(self, pool: WorkerPool[Any], *, is_end: bool = False) -> None:
        moment = time.monotonic()
        if moment - self._told < TOLD_EVERY_S and not is_end:
            return
        self._told = moment
        if self._is_behind:
            self._put()
        while self._paces and self._paces[0][0] < moment - PACE_S:
            self._paces.popleft()
        span_s = moment - self._paces[0][0] if self._paces else 0
        self._listener.count(
            Totals(
                shots=len(self._todo),
                shots_done=self._shots_done,
                frames=self._frames,
                frames_done=self._frames_done,
                fps=sum(frames for _, frames in self._paces) / max(span_s, 1.0),
                workers=sum(worker.is_ready for worker in pool.workers),
                again=self._schedule.failures,
                failed=len(self._schedule.set_aside),
                trouble=self._trouble,
            )
        )


def tidy_folders(paths: Iterable[Path]) -> None:
    """Remove what workers of this machine that were killed left beside `paths`."""
    for folder in {path.parent for path in paths}:
        if folder.is_dir():
            sweep(folder)


def _named_work(work: Work) -> str:
    return work.shot if work.frames is None else f"{work.shot} {work.frames}"
