"""A show: which of its shots are done by the manifest, `sghm batch`'s, and the making of the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any

from sghm_vs.errors import SghmError, listed, message_of
from sghm_vs.options import BatchOptions, FrameRange, ShowOptions
from sghm_vs.shots.batch.driver import Driver, RetryRules, Todo, tidy_folders
from sghm_vs.shots.batch.listener import Listener
from sghm_vs.shots.batch.manifest import Entry, Manifest, only_one
from sghm_vs.shots.batch.planner import Planned, plan
from sghm_vs.shots.batch.pool import Order, WorkerPool
from sghm_vs.shots.batch.record import done_entry, failed_entry, running_entry
from sghm_vs.shots.farm.assemble import Assembly, assemble
from sghm_vs.shots.farm.job import Job
from sghm_vs.shots.farm.plan import KEPT

WAIT_S = 60.0
"""For others that record their shots in the same manifest."""


def assemble_here(jobs: Sequence[Job]) -> list[Entry]:
    """
    Make the shots of `jobs` whole, one after another, and record them.

    Others may do so with other shots of the same folder at the same time.

    Returns:
        What became of each; one whose chunks are not all there has failed.

    Raises:
        ExportError: Another run works in the folder.
    """
    entries = []
    for job in jobs:
        entry = _assembled(job, Manifest(job.folder).entries.get(job.shot.key))
        with only_one(job.folder, WAIT_S):
            Manifest(job.folder).put(entry)
        if entry.state == "done":
            job.clear_alpha()
        entries.append(entry)
    _tidy(jobs)
    return entries


def _assembled(job: Job, before: Entry | None) -> Entry:
    """Return what became of a shot."""
    entry = running_entry(job.shot)
    is_same = before is not None and before.settings == entry.settings
    try:
        made = assemble(job, before.checksums if before is not None and is_same else None)
    except (SghmError, OSError) as error:
        return failed_entry(entry, message_of(error))
    if made.broken:
        chunks = listed(made.broken)
        msg = f"chunks {chunks} are missing, unfinished or damaged; make them again"
        return failed_entry(entry, msg)
    return before if before is not None and made.is_as_known else done_entry(entry, made)


def make_show(
    jobs: Sequence[Job],
    open_pool: Callable[[], WorkerPool[Any]],
    show_options: ShowOptions | None = None,
    listener: Listener | None = None,
    *,
    frame_s: float | None = None,
) -> list[Entry]:
    """
    Make the shots of `jobs` by the workers of a pool, and keep the folder's manifest.

    What is there, whole, and made in the same way is kept; all of it is read and compared first.

    Args:
        jobs: With unique names.
        open_pool: Called once nothing stands in the way.
        show_options: How often and how long what fails is tried again, and what is replaced.
        listener: Receives the progress.
        frame_s: Seconds that a frame should take a worker.

    Returns:
        What became of each shot.

    Raises:
        ExportError: Another run works in the folder, or files are in the way.
        FarmError: There are no workers that will do.
    """
    how, folder, listener = show_options or ShowOptions(), jobs[0].folder, listener or Listener()
    rules = RetryRules(
        tries=how.tries, patience_s=how.patience_s, frame_s=frame_s, again="run the plan again"
    )
    # What is done is compared by the workers, who are many.
    batch_options = BatchOptions(resume=True, overwrite=how.overwrite, reread=False)
    with only_one(folder):
        planned = plan([job.shot for job in jobs], folder, batch_options)
        manifest = Manifest(folder)
        todo = [
            _todo(job, one, manifest.entries.get(job.shot.key), is_hashed=not how.no_hash)
            for job, one in zip(jobs, planned, strict=True)
        ]
        listener.begin(planned)
        driver = Driver(todo, manifest, rules, listener)
        try:
            with closing(open_pool()) as pool:
                driver.run(pool)
        finally:
            _tidy(jobs)
    return [manifest.entries[job.shot.key] for job in jobs]


def _todo(job: Job, planned: Planned, entry: Entry | None, *, is_hashed: bool) -> Todo:
    known = entry if planned.status == "done" else None

    def order(frames: FrameRange | None, known: Entry | None) -> Order:
        if frames is not None:
            return job.task(frames)
        checksums = None if known is None else known.checksums
        return Assembly(job=job, known=checksums, is_hashed=is_hashed)

    return Todo(
        shot=job.shot,
        order=order,
        chunks=() if known is not None else [chunk.writes for chunk in job.planned.chunks],
        frames=len(job.planned.frames),
        known=known,
        clear=None if planned.status == "done" or planned.keeps else job.clear,
        tidy=job.clear_alpha,
    )


def _tidy(jobs: Sequence[Job]) -> None:
    tidy_folders(path for job in jobs for path in (*job.paths, job.kept_alpha))
    with suppress(OSError):
        (jobs[0].folder / KEPT).rmdir()
