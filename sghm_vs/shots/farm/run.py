"""A show: which of its shots are done by the manifest, `sghm batch`'s, and the making of the rest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from sghm_vs.errors import ExportError, SghmError, listed
from sghm_vs.media.files import sweep
from sghm_vs.options import FrameRange, Matting
from sghm_vs.shots.batch.checksums import State
from sghm_vs.shots.batch.manifest import Entry, Manifest
from sghm_vs.shots.batch.render import Rendered
from sghm_vs.shots.batch.run import BatchOptions, begun, now, only_one, plan, said, unread_inputs
from sghm_vs.shots.farm.assemble import Assembled, assemble
from sghm_vs.shots.farm.engines.base import Failure, Outcome, PoolWorker, WorkerPool
from sghm_vs.shots.farm.job import Job
from sghm_vs.shots.farm.plan import KEPT
from sghm_vs.shots.farm.schedule import Schedule, Work
from sghm_vs.shots.shot import describe

TOLD_EVERY_S = 0.5
WAIT_S = 60.0
"""For others that record their shots in the same manifest."""
PACE_S = 120.0
"""Over which frames per second are counted."""
LATE = 10
"""Work that takes so many times as long as it should is lost, as is its worker."""
LATE_MIN_S = 900.0
"""What even the smallest may take: footage is opened, and a share may be slow for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a show is."""

    shots: int
    shots_done: int
    frames: int
    frames_done: int
    fps: float
    """In the last two minutes."""
    workers: int
    """Those that work or could."""
    again: int
    """How often work was lost or failed."""
    failed: int
    """Shots with work that is set aside."""
    trouble: str
    """What went wrong last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a show is made."""

    overwrite: bool = False
    """Whether outputs are replaced that no manifest knows."""
    tries: int = 3
    """How often a chunk may fail before it is set aside."""
    patience_s: float = 3600.0
    """How long a full disk or a share that is away is waited for."""
    frame_s: float | None = None
    """What a frame should take."""
    is_hashed: bool = True
    """Whether footage is read once more, for its checksum in the manifest."""


def assemble_here(jobs: Sequence[Job]) -> list[Entry]:
    """
    Make the shots of `jobs` whole, one after another, and record them.

    Others may do so with other shots of the same folder at the same time.

    Returns:
        What became of each; one whose chunks are not all there has failed.

    Raises:
        ExportError: Another run works in the folder.
    """
    describe_ = cache(describe)
    entries = []
    for job in jobs:
        before = Manifest(job.folder).entries.get(job.shot.key)
        entry = _assembled(job, before, describe_)
        with only_one(job.folder, WAIT_S):
            Manifest(job.folder).put(entry)
        if entry.state == "done":
            job.clear_alpha()
        entries.append(entry)
    _tidy(jobs)
    return entries


def _assembled(
    job: Job, before: Entry | None, describe_: Callable[[Matting], dict[str, str]]
) -> Entry:
    """Return what became of a shot."""
    entry = begun(job.shot, describe_)
    is_same = before is not None and before.settings == entry.settings
    try:
        known = before.checksums if before is not None and is_same else {}
        made = assemble(job, describe_(job.shot.matting), known)
    except (SghmError, OSError) as error:
        words = said(error) if isinstance(error, OSError) else str(error)
        return _failed(entry, words)
    return before if before is not None and made.is_as_known else _ended(entry, made)


def make_show(
    jobs: Sequence[Job],
    open_pool: Callable[[], WorkerPool],
    rules: Rules,
    tell: Callable[[Status], None],
) -> list[Entry]:
    """
    Make the shots of `jobs` by the workers of a pool, and keep the folder's manifest.

    What is there, whole, and made in the same way is kept; all of it is read and compared first.

    Args:
        jobs: With unique names.
        open_pool: Called once nothing stands in the way.
        rules: How.
        tell: Receives the progress, twice a second.

    Returns:
        What became of each shot.

    Raises:
        ExportError: Another run works in the folder, or files are in the way.
        FarmError: There are no workers that will do.
    """
    folder = jobs[0].folder
    with only_one(folder):
        show = _Show(jobs, folder, rules, tell)
        show.begin()
        try:
            with closing(open_pool()) as pool:
                show.run(pool)
        finally:
            _tidy(jobs)
    return [show.manifest.entries[job.shot.key] for job in jobs]


class _Show:
    """The making of a show."""

    def __init__(
        self, jobs: Sequence[Job], folder: Path, rules: Rules, tell: Callable[[Status], None]
    ) -> None:
        self._jobs = {job.shot.name: job for job in jobs}
        self._rules, self._tell = rules, tell
        self._describe: Callable[[Matting], dict[str, str]] = cache(describe)
        self.manifest = Manifest(folder)
        self._known: dict[str, Entry] = {}
        """Of shots that were done before, what is known of them."""
        self._frames_done = self._shots_done = 0
        self._paces: deque[tuple[float, int]] = deque()
        self._trouble = ""
        self._is_behind = False
        """Whether the manifest on the disk lacks what happened last."""
        self._told = self._well = time.monotonic()

    def begin(self) -> None:
        """Find out what is to be made, and clear away what was made otherwise."""
        batch_options = BatchOptions(resume=True, overwrite=self._rules.overwrite, reread=False)
        jobs = self._jobs.values()
        chunks: dict[str, Sequence[FrameRange]] = {}
        started = []
        judged = plan([job.shot for job in jobs], self.manifest.path.parent, batch_options)
        for one, job in zip(judged, jobs, strict=True):
            if one.status == "done":
                self._known[job.shot.name] = self.manifest.entries[job.shot.key]
                chunks[job.shot.name] = ()
                continue
            chunks[job.shot.name] = [chunk.writes for chunk in job.planned.chunks]
            if not one.keeps:
                job.clear()
            started.append(self._started(job))
        self.manifest.put(*started)
        self._schedule = Schedule(chunks, tries=self._rules.tries)
        self._frames = sum(len(chunk) for some in chunks.values() for chunk in some)

    def _started(self, job: Job) -> Entry:
        return replace(begun(job.shot, self._describe), inputs=unread_inputs(job.shot))

    def run(self, pool: WorkerPool) -> None:
        """Make all of it."""
        while not self._schedule.is_over:
            pool.grow(most=self._schedule.open)
            self._fill(pool)
            for work, outcome in pool.events(TOLD_EVERY_S):
                self._settle(work, outcome)
                self._fill(pool)
            self._end_late(pool)
            self._report(pool)
        if self._is_behind:
            self.manifest.put()
        self._report(pool, is_end=True)

    def _put(self, *entries: Entry) -> None:
        """Record what became of shots; where the disk is full, later: other work goes on."""
        try:
            self.manifest.put(*entries)
            self._is_behind = False
        except ExportError as error:
            self._is_behind, self._trouble = True, str(error)

    def _fill(self, pool: WorkerPool) -> None:
        for worker in pool.idle():
            work = self._schedule.take(worker.shot)
            if work is None:
                return
            self._begin(pool, worker, work)

    def _begin(self, pool: WorkerPool, worker: PoolWorker, work: Work) -> None:
        job = self._jobs[work.shot]
        if work.frames is not None:
            pool.make(worker, work, job)
            return
        known = self._known.get(work.shot)
        checksums = None if known is None else known.checksums
        description = self._describe(job.shot.matting)
        pool.assemble(worker, work, job, description, checksums, self._rules.is_hashed)

    def _settle(self, work: Work, outcome: Outcome) -> None:
        if isinstance(outcome, Failure):
            self._fail(work, outcome)
            return
        self._well = time.monotonic()
        if isinstance(outcome, Rendered):
            self._frames_done += outcome.frames
            self._paces.append((self._well, outcome.frames))
            self._schedule.done(work)
        elif outcome.broken:
            self._requeue(work, outcome)
        else:
            self._end(work, outcome)

    def _fail(self, work: Work, failure: Failure) -> None:
        self._trouble = f"{_called(work)}: {failure.reason}"
        is_waited_for = (
            failure.is_storage and time.monotonic() - self._well < self._rules.patience_s
        )
        counts = not (is_waited_for or failure.is_loss)
        if self._schedule.failed(work, failure.reason, counts=counts):
            job = self._jobs[work.shot]
            self._put(_failed(self.manifest.entries[job.shot.key], self._reasons(work)))

    def _reasons(self, work: Work) -> str:
        return "; ".join(
            f"{_called(one)}: {reason}"
            for one, reason in self._schedule.set_aside[work.shot].items()
        )

    def _requeue(self, work: Work, made: Assembled) -> None:
        job = self._jobs[work.shot]
        reason = f"frames of chunks {listed(made.broken)} are not what was written"
        self._trouble = f"{work.shot}: {reason}"
        if self._known.pop(work.shot, None) is not None:
            self._put(self._started(job))
        self._frames += sum(map(len, made.broken))
        self._schedule.broken(work, made.broken, reason)

    def _end(self, work: Work, made: Assembled) -> None:
        self._schedule.done(work)
        self._shots_done += 1
        if made.is_as_known:
            return
        job = self._jobs[work.shot]
        before = self.manifest.entries[job.shot.key]
        after = _ended(before, made)
        if _states(after) != _states(before):
            # What is known of the footage stays what it was: so all is made again.
            msg = f"{job.shot.source} changed while it was matted; run the plan again"
            after = _failed(before, msg)
        self._put(after)
        job.clear_alpha()

    def _end_late(self, pool: WorkerPool) -> None:
        """Give up workers that hang: a dead GPU or share may hold one for ever."""
        for worker in [*pool.workers]:
            work = worker.work
            if work is None or time.monotonic() - worker.since < self._limit_s(work):
                continue
            pool.stop(worker)
            self._fail(work, Failure("it took far too long, and its worker was ended"))

    def _limit_s(self, work: Work) -> float:
        frames = self._jobs[work.shot].planned.frames if work.frames is None else work.frames
        return LATE_MIN_S + LATE * len(frames) * (self._rules.frame_s or 1)

    def _report(self, pool: WorkerPool, *, is_end: bool = False) -> None:
        moment = time.monotonic()
        if moment - self._told < TOLD_EVERY_S and not is_end:
            return
        self._told = moment
        if self._is_behind:
            self._put()
        while self._paces and self._paces[0][0] < moment - PACE_S:
            self._paces.popleft()
        span_s = moment - self._paces[0][0] if self._paces else 0
        self._tell(
            Status(
                shots=len(self._jobs),
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


def _called(work: Work) -> str:
    return f"{work.shot} {work.frames}" if work.frames is not None else work.shot


def _failed(entry: Entry, reason: str) -> Entry:
    return replace(entry, state="failed", finished=now(), error=reason)


def _ended(entry: Entry, made: Assembled) -> Entry:
    """Return the entry of a shot that was assembled."""
    if made.broken:
        words = f"chunks {listed(made.broken)} are missing, unfinished or damaged; make them again"
        return _failed(entry, words)
    return replace(
        entry,
        state="done",
        finished=now(),
        frames=made.frames,
        inputs=made.inputs,
        checksums=made.checksums,
        warnings=made.warnings,
    )


def _states(entry: Entry) -> dict[str, State]:
    """Return what the file system said of the footage."""
    return {name: content.state for name, content in entry.inputs.items()}


def _tidy(jobs: Sequence[Job]) -> None:
    """Remove what workers of this machine that were killed left, and the folder of alphas."""
    folders = {path.parent for job in jobs for path in (*job.paths, job.kept_alpha)}
    for folder in folders:
        if folder.is_dir():
            sweep(folder)
    with suppress(OSError):
        (jobs[0].folder / KEPT).rmdir()
