"""How far the work is: bars on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from sghm_vs.errors import counted
from sghm_vs.progress import Progress
from sghm_vs.shots.batch.listener import Listener, Totals

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from sghm_vs.shots.batch.manifest import Entry
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.batch.planner import Planned

LINE_EVERY_S = 5.0
JSON_EVERY_S = 0.1
PACE_S = 0.5
"""Less time than this says nothing of the pace."""


@contextmanager
def progress(
    what: str, *, quiet: bool, in_bytes: bool = False, as_json: bool = False
) -> Iterator[Progress | None]:
    """Yield the function to report to while `what` is being made; None if `quiet`."""
    words = _megabytes if in_bytes else _Frames()
    if as_json:
        lines = _Lines(JSON_EVERY_S)
        yield lambda done, total: lines(
            json.dumps({"progress": what, "done": done, "total": total}), is_last=done >= total
        )
    elif quiet:
        yield None
    elif sys.stderr.isatty():
        with _bars() as bars:
            task = bars.add_task(what, total=None, words="")
            yield lambda done, total: bars.update(
                task, completed=done, total=total, words=words(done, total)
            )
    else:
        lines = _Lines(LINE_EVERY_S, time.monotonic())
        yield lambda done, total: lines(f"{what}: {words(done, total)}", is_last=done >= total)


@contextmanager
def shots_progress(*, quiet: bool) -> Iterator[Listener]:
    """Yield what shows the progress of a batch: of each shot, and of all."""
    if quiet:
        yield Listener()
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield _ShotBars(bars)
    else:
        yield _ShotLines()


@contextmanager
def farm_progress(*, quiet: bool, as_json: bool) -> Iterator[Listener]:
    """Yield what shows the progress of a show: a line of text, kept up to date."""
    if as_json:
        yield _ShowLines(JSON_EVERY_S, _of_show_as_json)
    elif quiet:
        yield Listener()
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield _ShowBar(bars)
    else:
        yield _ShowLines(LINE_EVERY_S, _of_show)


@contextmanager
def openjd_progress(what: str) -> Iterator[Progress]:
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
def _bars() -> Iterator[Bars]:
    """Yield bars, each between what is made and the `words` that say how far it is."""
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[words]}", markup=False),
    )
    with rich.Progress(*columns, console=Console(stderr=True)) as bars:
        yield bars


class _ShotBars(Listener):
    """A bar for each shot that is being made, and one for all."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._shots: dict[str, tuple[TaskID, _Frames]] = {}
        self._all = bars.add_task("batch", total=None, words="")

    def begin(self, planned: Sequence[Planned]) -> None:
        todo = sum(one.status != "done" for one in planned)
        self._bars.update(self._all, total=todo, words=counted(todo, "shot"))

    def report(self, shot: Shot, done: int, total: int) -> None:
        if shot.key not in self._shots:
            task = self._bars.add_task(shot.name, total=total, words="")
            self._shots[shot.key] = task, _Frames()
        task, words = self._shots[shot.key]
        self._bars.update(task, completed=done, words=words(done, total))

    def note(self, shot: Shot, words: str) -> None:
        self._bars.console.print(f"{shot.name}: {words}", markup=False, highlight=False)

    def end(self, entry: Entry) -> None:
        if entry.key in self._shots:
            self._bars.remove_task(self._shots.pop(entry.key)[0])
        self._bars.console.print(_of_shot(entry), markup=False, highlight=False)
        self._bars.advance(self._all)


class _ShotLines(Listener):
    """Lines that say how far each shot is, and what became of it."""

    def __init__(self) -> None:
        self._shots: dict[str, tuple[_Lines, _Frames]] = {}
        self._todo = self._ended = self._failed = 0

    def begin(self, planned: Sequence[Planned]) -> None:
        self._todo = sum(one.status != "done" for one in planned)
        done = len(planned) - self._todo
        _say(f"batch: {counted(self._todo, 'shot')} to make, {done} done before")

    def report(self, shot: Shot, done: int, total: int) -> None:
        if shot.key not in self._shots:
            self._shots[shot.key] = _Lines(LINE_EVERY_S, time.monotonic()), _Frames()
        lines, words = self._shots[shot.key]
        lines(f"{shot.name}: {words(done, total)}", is_last=False)

    def note(self, shot: Shot, words: str) -> None:
        _say(f"{shot.name}: {words}")

    def end(self, entry: Entry) -> None:
        self._shots.pop(entry.key, None)
        self._ended += 1
        self._failed += entry.state == "failed"
        _say(_of_shot(entry))
        _say(f"batch: {self._ended}/{self._todo} shots, {self._failed} failed")


class _ShowBar(Listener):
    def __init__(self, bars: Bars) -> None:
        self._bars, self._task = bars, bars.add_task("farm", total=None, words="")

    def count(self, totals: Totals) -> None:
        done, total, words = totals.frames_done, totals.frames, _of_show(totals)
        self._bars.update(self._task, completed=done, total=total, words=words)


class _ShowLines(Listener):
    def __init__(self, every_s: float, words: Callable[[Totals], str]) -> None:
        self._lines, self._words = _Lines(every_s), words

    def count(self, totals: Totals) -> None:
        is_last = totals.shots_done + totals.failed == totals.shots
        self._lines(self._words(totals), is_last=is_last)


class _Lines:
    """Says on stderr what has changed, every so often and at the end."""

    def __init__(self, every_s: float, spoke: float = -math.inf) -> None:
        self._every_s, self._spoke, self._said = every_s, spoke, ""

    def __call__(self, words: str, *, is_last: bool) -> None:
        now = time.monotonic()
        if words != self._said and (is_last or now - self._spoke >= self._every_s):
            self._spoke, self._said = now, words
            _say(words)


def _say(line: str) -> None:
    with suppress(OSError):  # That nobody reads on must not end the work.
        sys.stderr.write(f"{line}\n")


class _Frames:
    """Says how many frames are done, and how fast since the first, before which a model is loaded."""

    def __init__(self) -> None:
        self._began: tuple[int, float] | None = None
        self._done = 0

    def __call__(self, done: int, total: int) -> str:
        now = time.monotonic()
        # A shot that was looked through begins anew, with another pace.
        if self._began is None or done < self._done:
            self._began = done, now
        self._done, (first, began) = done, self._began
        fps = (done - first) / (now - began) if now - began >= PACE_S else 0
        speed = f", {fps:{'.1f' if fps >= 1 else '.2g'}} fps" if fps else ""
        left = f", {(total - done) / fps:.0f} s left" if fps and done < total else ""
        return f"{done}/{total} frames{speed}{left}"


def _megabytes(done: int, total: int) -> str:
    return f"{done / 1e6:.0f}/{total / 1e6:.0f} MB"


def _of_shot(entry: Entry) -> str:
    if entry.state == "failed":
        return f"{entry.shot}: failed: {entry.error}"
    warned = f", {counted(len(entry.warnings), 'warning')}" if entry.warnings else ""
    frames = counted(len(entry.numbers), "frame")
    return f"{entry.shot}: done, {frames} in {entry.seconds:.1f} s{warned}"


def _of_show(totals: Totals) -> str:
    words = (
        f"farm: {totals.shots_done}/{totals.shots} shots, {totals.frames_done}/{totals.frames} "
        f"frames, {totals.fps:.1f} fps, {counted(totals.workers, 'worker')}"
    )
    words += f", {totals.again} tried again" if totals.again else ""
    words += f", {totals.failed} failed" if totals.failed else ""
    return words + (f"; last: {totals.trouble}" if totals.trouble else "")


def _of_show_as_json(totals: Totals) -> str:
    done = {"progress": "farm", "done": totals.frames_done, "total": totals.frames}
    return json.dumps(done | asdict(totals))
