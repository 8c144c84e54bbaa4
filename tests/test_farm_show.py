"""The making of a show, by one worker in this process: what is recorded, refused and waited for."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sghm_vs.cli import main
from sghm_vs.errors import ExportError
from sghm_vs.files import whole_file
from sghm_vs.options import ShowOptions
from sghm_vs.shots.batch import driver, schedule
from sghm_vs.shots.batch.listener import Listener, Totals
from sghm_vs.shots.batch.manifest import Manifest
from sghm_vs.shots.batch.pool import Failure, Outcome, PoolWorker, failure_of, outcome_of
from sghm_vs.shots.batch.render import Task
from sghm_vs.shots.batch.schedule import Work
from sghm_vs.shots.farm.job import Job, jobs_of
from sghm_vs.shots.farm.plan import read_plan
from sghm_vs.shots.farm.run import make_show
from tests.standin import StandIn, write_sequence
from tests.test_farm import WORKER

FULL = Failure("the disk is full", "storage")

type Make = Callable[[Task], Outcome]


class OneWorker:
    """A pool of one, which does at once what a worker on a cluster would."""

    def __init__(self, make: Make) -> None:
        self.made: list[str] = []
        self.stopped = 0
        self._make = make
        self.workers = [PoolWorker()]

    def free(self, most: int) -> Iterator[PoolWorker]:
        if not self.workers and most:
            self.workers = [PoolWorker()]
        return (worker for worker in self.workers if worker.work is None)

    def begin(self, worker: PoolWorker, work: Work, order: Any) -> None:
        worker.take(work)
        self._order = order

    def events(self, timeout_s: float) -> Iterator[tuple[Work, Outcome]]:
        del timeout_s
        for worker in self.workers:
            if (work := worker.work) is not None:
                outcome = self._carry_out(work)
                if outcome is None:
                    return  # It hangs.
                worker.work = None
                yield work, outcome

    def _carry_out(self, work: Work) -> Outcome | None:
        if work.frames is None:
            return outcome_of(lambda: self._order(StandIn(), lambda *_: None))
        self.made.append(str(work.frames))
        return self._make(self._order)

    def stop(self, worker: PoolWorker) -> None:
        self.stopped += 1
        self.workers.remove(worker)

    def close(self) -> None:
        self.workers = []


class Counter(Listener):
    """Keeps how far a show was told to be."""

    def __init__(self) -> None:
        self.told: list[Totals] = []

    def count(self, totals: Totals) -> None:
        self.told.append(totals)


def render(task: Task) -> Outcome:
    return outcome_of(lambda: StandIn()(task, lambda *_: None))


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    return write_sequence(tmp_path / "plates", "a_", range(1001, 1009))


@pytest.fixture
def jobs(plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """A shot of two chunks."""
    monkeypatch.setattr(schedule, "BACK_OFF_S", 0.0)
    return planned(plates, tmp_path)


def planned(plates: Path, folder: Path, *words: str) -> list[Job]:
    worker = folder / "worker.json"
    worker.write_text(json.dumps({"worker": asdict(WORKER), "frame_s": None}))
    said = [str(plates), "-o", str(folder / "plan.json"), "--chunk", "4", "--to", "{shot}.####.png"]
    said += ["--overwrite", "--quiet", "--worker", str(worker), *words]
    assert main(["farm", "plan", *said]) == 0
    return [*jobs_of(read_plan(folder / "plan.json"))]


def run(
    jobs: list[Job], make: Make = render, **options: float
) -> tuple[str, list[str], list[Totals]]:
    """Return what became of the shot, which chunks were made, and what was told on the way."""
    pool, counter = OneWorker(make), Counter()
    (entry,) = make_show(jobs, lambda: pool, ShowOptions(**options), counter)
    assert Manifest(jobs[0].folder).entries == {entry.key: entry}
    return entry.error or entry.state, pool.made, counter.told


def test_what_is_done_is_read_and_only_what_broke_is_made_again(jobs, tmp_path):
    assert run(jobs)[:2] == ("done", ["1001-1004", "1005-1008"])
    before = Manifest(tmp_path / "mattes").entries

    assert run(jobs)[:2] == ("done", [])
    assert Manifest(tmp_path / "mattes").entries == before
    frame = tmp_path / "mattes" / "a.1006.png"
    content = frame.read_bytes()
    frame.write_bytes(b"x")

    state, made, told = run(jobs)

    assert (state, made) == ("done", ["1005-1008"])
    assert frame.read_bytes() == content
    assert "not what was written" in told[-1].trouble


def test_other_settings_or_footage_clear_away_what_was_made(jobs, plates, tmp_path):
    run(jobs)
    other = planned(plates, tmp_path, "--invert")

    assert run(other)[:2] == ("done", ["1001-1004", "1005-1008"])
    cv2.imwrite(str(tmp_path / "plates/a_1002.png"), np.zeros((18, 32), np.uint8))

    assert run(other)[:2] == ("done", ["1001-1004", "1005-1008"])
    assert cv2.imread(str(tmp_path / "mattes/a.1002.png"), cv2.IMREAD_UNCHANGED).min() == 65535


def test_footage_that_changes_meanwhile_is_told(jobs, tmp_path):
    def meddle(task: Task) -> Outcome:
        made = render(task)
        cv2.imwrite(str(tmp_path / "plates/a_1002.png"), np.zeros((18, 32), np.uint8))
        return made

    assert "changed while it was matted" in run(jobs, meddle)[0]
    assert run(jobs)[:2] == ("done", ["1001-1004", "1005-1008"])
    assert cv2.imread(str(tmp_path / "mattes/a.1002.png"), cv2.IMREAD_UNCHANGED).max() == 0


def test_files_that_nobody_knows_are_not_replaced_unasked(jobs, tmp_path):
    (tmp_path / "mattes").mkdir()
    (tmp_path / "mattes" / "a.1003.png").write_bytes(b"mine")

    with pytest.raises(ExportError, match=r"exists? already"):
        run(jobs)

    assert (tmp_path / "mattes" / "a.1003.png").read_bytes() == b"mine"
    assert run(jobs, overwrite=True)[0] == "done"


def test_a_chunk_that_always_fails_is_set_aside_and_the_rest_is_made(jobs, tmp_path):
    """Mended, the same command makes what lacks."""
    plate = tmp_path / "plates" / "a_1006.png"
    content = plate.read_bytes()
    plate.write_bytes(content[:60])

    state, made, told = run(jobs)
    plate.write_bytes(content)

    assert state.startswith("a 1005-1008: frame 1006 can't be computed: ")
    assert made.count("1005-1008") == 3
    assert (told[-1].frames_done, told[-1].failed) == (4, 1)
    assert run(jobs)[0] == "done"
    assert len([*(tmp_path / "mattes").glob("*.png")]) == 8


def test_footage_that_is_away_costs_no_frame_that_was_made_of_it(jobs, plates, tmp_path):
    run(jobs)
    frames = sorted((tmp_path / "mattes").glob("*.png"))
    written = [frame.stat() for frame in frames]
    plates.parent.rename(tmp_path / "away")

    assert "doesn't exist" in run(jobs)[0]
    (tmp_path / "away").rename(plates.parent)

    assert run(jobs)[0] == "done"
    assert [frame.stat() for frame in frames] == written


def test_a_shot_whose_frames_break_every_time_has_failed(jobs, tmp_path):
    def spoil(task: Task) -> Outcome:
        made = render(task)
        (tmp_path / "mattes" / "a.1002.png").write_bytes(b"x")
        return made

    state, made, told = run(jobs, spoil)

    assert state == "frames of chunks 1001-1004 are not what was written"
    assert made.count("1001-1004") == 3
    assert told[-1].failed == 1


def test_a_full_disk_sets_nothing_aside_as_long_as_patience_lasts(jobs):
    failures = [FULL] * 5

    def make(task: Task) -> Outcome:
        return failures.pop() if failures else render(task)

    assert run(jobs, make, tries=2)[0] == "done"


def test_beyond_patience_a_full_disk_ends_the_show(jobs):
    state, made, told = run(jobs, lambda *_: FULL, tries=2, patience_s=0)

    assert state == "a 1001-1004: the disk is full; a 1005-1008: the disk is full"
    assert len(made) == 4
    assert (told[-1].failed, told[-1].again) == (1, 4)


def test_a_manifest_that_cant_be_written_is_written_later(jobs, monkeypatch):
    plain, failures = Manifest.put, []

    def put(manifest: Manifest, *entries: Any) -> None:
        plain(manifest, *entries)
        if len(failures) < 2 and any(entry.state == "done" for entry in entries):
            failures.append(entries)
            msg = "no space"
            raise ExportError(msg)

    monkeypatch.setattr(Manifest, "put", put)

    assert run(jobs)[0] == "done"
    assert failures


def test_a_worker_that_hangs_is_ended_and_its_chunk_made_by_another(jobs, monkeypatch):
    monkeypatch.setattr(driver, "LATE_MIN_S", 0.1)
    monkeypatch.setattr(driver, "LATE", 0)
    pools: list[OneWorker] = []

    def make(task: Task) -> Any:
        return render(task) if pools[0].stopped else time.sleep(0.2)

    def open_pool() -> OneWorker:
        pools.append(OneWorker(make))
        return pools[0]

    (entry,) = make_show(jobs, open_pool)

    assert entry.state == "done"
    assert pools[0].stopped == 1
    assert sorted(pools[0].made) == ["1001-1004", "1001-1004", "1005-1008"]


def test_footage_is_hashed_unless_somebody_spares_it(jobs, tmp_path):
    run(jobs, no_hash=True)
    (entry,) = Manifest(tmp_path / "mattes").entries.values()

    assert entry.inputs["source"].sha256 == ""
    assert run(jobs)[1] == []


def test_storage_is_told_from_work_that_fails(tmp_path):
    def failing(number: int) -> Failure:
        with pytest.raises(ExportError) as caught, whole_file(tmp_path / "x"):
            raise OSError(number, "words")
        return failure_of(caught.value)

    assert failing(errno.ENOSPC).cause == "storage"
    assert failing(errno.ESTALE).cause == "storage"
    assert failing(errno.ENOENT).cause == "work"
    assert failure_of(ValueError("odd")) == Failure("ValueError: odd")
