"""How far the work is: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from sghm_vs.errors import counted
from sghm_vs.shots.batch.listener import Listener, Totals

if TYPE_CHECKING:
    from rich import progress as rich_progress
    from rich.status import Status as Spinner

    from sghm_vs.shots.batch.manifest import Entry
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.batch.planner import Planned

LINE_EVERY_S = 5.0
JSON_EVERY_S = 0.1
PACE_S = 0.5
"""Less time than this says nothing of the pace."""

type Report = Callable[[int, int], None]
"""Takes how much is done and how much there is in all: frames, or bytes of a transfer."""


@contextmanager
def progress(
    what: str, *, quiet: bool, in_bytes: bool = False, as_json: bool = False
) -> Iterator[Report | None]:
    """Yield the function to report to while `what` is being made; None if `quiet`."""
    if as_json:
        yield _json_lines(what)
    elif quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(what, in_bytes=in_bytes) as report:
            yield report
    else:
        yield _transfer_lines(what) if in_bytes else _frame_lines(what)


@contextmanager
def _bar(what: str, *, in_bytes: bool) -> Iterator[Report]:
    from rich import progress as rich

    how_far: tuple[rich.ProgressColumn, ...] = (
        (rich.DownloadColumn(), rich.TransferSpeedColumn())
        if in_bytes
        else (rich.MofNCompleteColumn(), rich.TextColumn("{task.fields[fps]:.1f} fps"))
    )
    pace = _Pace()
    with _bars(*how_far) as bar:
        task = bar.add_task(what, total=None, fps=0.0)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, fps=pace(done) or 0.0)

        yield report


def _bars(*how_far: rich_progress.ProgressColumn) -> rich_progress.Progress:
    from rich import progress as rich
    from rich.console import Console

    what, left = rich.TextColumn("{task.description}", markup=False), rich.TimeRemainingColumn()
    return rich.Progress(what, rich.BarColumn(), *how_far, left, console=Console(stderr=True))


@contextmanager
def shots_progress(*, quiet: bool) -> Iterator[Listener]:
    """Yield what shows the progress of a batch: a line for each shot, and one for all."""
    if quiet:
        yield Listener()
    elif sys.stderr.isatty():
        with _shot_bars() as listener:
            yield listener
    else:
        yield _ShotLines()


class _ShotLines(Listener):
    """Say how far each shot is every few seconds, and what became of it."""

    def __init__(self) -> None:
        self._reports: dict[str, Report] = {}
        self._todo = self._ended = self._failed = 0

    def begin(self, planned: Sequence[Planned]) -> None:
        self._todo = sum(one.status != "done" for one in planned)
        said = f"{counted(self._todo, 'shot')} to make, {len(planned) - self._todo} done before"
        _say(f"batch: {said}")

    def report(self, shot: Shot, done: int, total: int) -> None:
        report = self._reports.setdefault(shot.key, _frame_lines(shot.name))
        if done < total:
            report(done, total)

    def end(self, entry: Entry) -> None:
        self._ended += 1
        self._failed += entry.state == "failed"
        self._reports.pop(entry.key, None)
        _say(_became(entry))
        _say(f"batch: {self._ended}/{self._todo} shots, {self._failed} failed")


def _became(entry: Entry) -> str:
    if entry.state == "failed":
        return f"{entry.shot}: failed: {entry.error}"
    warned = f", {counted(len(entry.warnings), 'warning')}" if entry.warnings else ""
    frames = counted(len(entry.numbers), "frame")
    return f"{entry.shot}: done, {frames} in {entry.seconds:.1f} s{warned}"


def _say(line: str) -> None:
    with suppress(OSError):  # That nobody reads on must not end the work.
        sys.stderr.write(f"{line}\n")


@contextmanager
def _shot_bars() -> Iterator[Listener]:
    from rich.progress import MofNCompleteColumn

    with _bars(MofNCompleteColumn()) as bars:
        yield _ShotBars(bars)


class _ShotBars(Listener):
    """A bar for each shot that is being made, and one for all."""

    def __init__(self, bars: rich_progress.Progress) -> None:
        self._bars = bars
        self._shots: dict[str, rich_progress.TaskID] = {}
        self._all = bars.add_task("batch", total=None)

    def begin(self, planned: Sequence[Planned]) -> None:
        todo = sum(one.status != "done" for one in planned)
        self._bars.update(self._all, total=todo)

    def report(self, shot: Shot, done: int, total: int) -> None:
        if shot.key not in self._shots:
            self._shots[shot.key] = self._bars.add_task(shot.name, total=total)
        self._bars.update(self._shots[shot.key], completed=done)

    def end(self, entry: Entry) -> None:
        if entry.key in self._shots:
            self._bars.remove_task(self._shots.pop(entry.key))
        self._bars.console.print(_became(entry), markup=False, highlight=False)
        self._bars.advance(self._all)


@contextmanager
def openjd_progress(what: str) -> Iterator[Report]:
    """Yield what tells a session of Open Job Description how far `what` is; a failure is told too."""

    def say(kind: str, words: str) -> None:
        stdout.write(f"openjd_{kind}: {words}\n")
        stdout.flush()

    # Duplicated: what libraries print must not be taken for it.
    with os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace") as stdout:
        say("status", what)
        try:
            yield lambda done, total: say("progress", f"{100 * done / total:.1f}")
        except Exception as error:
            say("fail", " ".join(str(error).split()))
            raise


@contextmanager
def farm_progress(*, quiet: bool, as_json: bool) -> Iterator[Listener]:
    """Yield what shows the progress of a show: a line of text, kept up to date."""
    if as_json:
        yield _FarmLines(_farm_json, JSON_EVERY_S)
    elif quiet:
        yield Listener()
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.status import Status as Spinner

        with Spinner("farm", console=Console(stderr=True)) as spinner:
            yield _FarmSpinner(spinner)
    else:
        yield _FarmLines(_farm_words, LINE_EVERY_S)


class _FarmSpinner(Listener):
    def __init__(self, spinner: Spinner) -> None:
        self._spinner = spinner

    def count(self, totals: Totals) -> None:
        self._spinner.update(_farm_words(totals).replace("[", r"\["))


class _FarmLines(Listener):
    def __init__(self, words: Callable[[Totals], str], every_s: float) -> None:
        self._words, self._lines = words, _Lines(every_s, at_once=True)

    def count(self, totals: Totals) -> None:
        is_end = totals.shots_done + totals.failed == totals.shots
        self._lines(self._words(totals), is_end=is_end)


def _farm_words(status: Totals) -> str:
    words = (
        f"farm: {status.shots_done}/{status.shots} shots, {status.frames_done}/{status.frames} "
        f"frames, {status.fps:.1f} fps, {counted(status.workers, 'worker')}"
    )
    words += f", {status.again} tried again" if status.again else ""
    words += f", {status.failed} failed" if status.failed else ""
    return words + (f"; last: {status.trouble}" if status.trouble else "")


def _farm_json(status: Totals) -> str:
    done = {"progress": "farm", "done": status.frames_done, "total": status.frames}
    return json.dumps(done | asdict(status))


class _Lines:
    """Say words every few seconds, if they are others than before, and at the end."""

    def __init__(self, every_s: float, *, at_once: bool) -> None:
        self._every_s = every_s
        self._spoke = -every_s if at_once else time.monotonic()
        self._said = ""

    def __call__(self, words: str, *, is_end: bool) -> None:
        now = time.monotonic()
        if words != self._said and (is_end or now - self._spoke >= self._every_s):
            self._spoke, self._said = now, words
            _say(words)


def _frame_lines(what: str) -> Report:
    lines, pace = _Lines(LINE_EVERY_S, at_once=False), _Pace()

    def report(done: int, total: int) -> None:
        fps = pace(done)
        rate = "" if fps is None else f", {fps:.1f} fps"
        left = f", {(total - done) / fps:.0f} s left" if fps and done < total else ""
        lines(f"{what}: {done}/{total} frames{rate}{left}", is_end=done >= total)

    return report


def _transfer_lines(what: str) -> Report:
    """Return what says no rate: a continued transfer did not begin at zero."""
    lines = _Lines(LINE_EVERY_S, at_once=False)
    return lambda done, total: lines(
        f"{what}: {done / 1e6:.0f}/{total / 1e6:.0f} MB", is_end=done >= total
    )


def _json_lines(what: str) -> Report:
    """Return what tells a program: an object a line, at once at the beginning."""
    lines = _Lines(JSON_EVERY_S, at_once=True)
    return lambda done, total: lines(
        json.dumps({"progress": what, "done": done, "total": total}), is_end=done >= total
    )


class _Pace:
    """Frames a second since the first of them: until then the network was loaded."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int) -> float | None:
        """Return how fast frames are done, `done` by now; None until there are two times."""
        now = time.monotonic()
        if self._first is None:
            self._first = done, now
        before, since = self._first
        return None if now - since < PACE_S else (done - before) / (now - since)
