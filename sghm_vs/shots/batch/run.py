"""A batch: its shots are planned, and made on this machine, one failing alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sghm_vs.options import BatchOptions
from sghm_vs.shots.batch.checksums import ChecksumReader
from sghm_vs.shots.batch.driver import Driver, RetryRules, Todo, tidy_folders
from sghm_vs.shots.batch.listener import Listener
from sghm_vs.shots.batch.manifest import Entry, Manifest, only_one
from sghm_vs.shots.batch.names import InvalidShot, Shot, place
from sghm_vs.shots.batch.planner import Planned, plan
from sghm_vs.shots.batch.processes import ProcessPool
from sghm_vs.shots.batch.record import failed_entry
from sghm_vs.shots.batch.render import Rotoscoper, Task


def run_batch(
    shots: Sequence[Shot],
    folder: Path,
    *,
    batch_options: BatchOptions | None = None,
    invalid: Sequence[InvalidShot] = (),
    listener: Listener | None = None,
) -> list[Entry]:
    """
    Make `shots` in `folder`, and keep its manifest.

    A shot that fails is recorded with its reason, and the others go on.

    Args:
        shots: With unique keys and names.
        folder: Made if it is not there.
        batch_options: Defaults to one shot after another, into a folder that has none of them.
        invalid: What could not become a shot; recorded as failed.
        listener: Receives the progress.

    Returns:
        What became of each shot, in order, then of each of `invalid`.

    Raises:
        ExportError: As `plan`, or another batch works in `folder`.
    """
    how, listener, reader = (
        batch_options or BatchOptions(),
        listener or Listener(),
        ChecksumReader(),
    )
    folder = folder.absolute()
    with only_one(folder):
        planned = plan(shots, folder, how, reader)
        manifest = Manifest(folder)
        manifest.drop(key for key, one in manifest.entries.items() if not one.outputs)
        manifest.put(*map(_invalid_entry, invalid))
        listener.begin(planned)
        todo = [_todo(one, folder) for one in planned if one.status != "done"]
        driver = Driver(todo, manifest, RetryRules(), listener, reader)
        with closing(ProcessPool(how.make_renderer or Rotoscoper, how.jobs)) as pool:
            driver.run(pool)
        # Workers of a run that was killed may have died only since this one began.
        tidy_folders(place(folder, output) for shot in shots for output in shot.outputs)
    keys = [*(one.key for one in shots), *(one.key for one in invalid)]
    return [manifest.entries[key] for key in keys]


def _todo(planned: Planned, folder: Path) -> Todo:
    shot = planned.shot

    def order(*_: object) -> Task:
        paths = tuple(place(folder, output) for output in shot.outputs)
        return Task(shot=shot, paths=paths, keeps=planned.keeps)

    return Todo(shot=shot, order=order)


def _invalid_entry(invalid: InvalidShot) -> Entry:
    entry = Entry(shot=invalid.name, key=invalid.key, state="failed", settings={}, outputs=())
    return failed_entry(entry, invalid.reason)
