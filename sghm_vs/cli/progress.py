"""How far a shot is: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LINE_EVERY_S = 5.0

type Report = Callable[[int, int], None]
"""Takes the number of frames done and the number in all."""


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Report | None]:
    """Yield the function to report to while `what` is being made; None if `quiet`."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(what) as report:
            yield report
    else:
        yield _Lines(what)


@contextmanager
def _bar(what: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, fps=0.0)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, fps=_fps(done, started))

        yield report


class _Lines:
    """Say how far it is every few seconds, and at the end."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = self._spoke = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._spoke < LINE_EVERY_S:
            return
        self._spoke = now
        fps = _fps(done, self._started)
        left = f", {(total - done) / fps:.0f} s left" if 0 < done < total and fps else ""
        with suppress(OSError):  # That nobody reads on must not end the work.
            sys.stderr.write(f"{self._what}: {done}/{total} frames, {fps:.1f} fps{left}\n")


def _fps(done: int, started: float) -> float:
    return done / max(time.monotonic() - started, 1e-9)
