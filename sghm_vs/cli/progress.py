"""How far the work is: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LINE_EVERY_S = 5.0

type Report = Callable[[int, int], None]
"""Takes how much is done and how much there is in all: frames, or bytes of a transfer."""


@contextmanager
def progress(what: str, *, quiet: bool, in_bytes: bool = False) -> Iterator[Report | None]:
    """Yield the function to report to while `what` is being made; None if `quiet`."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(what, in_bytes=in_bytes) as report:
            yield report
    else:
        yield _TransferLines(what) if in_bytes else _Lines(what)


@contextmanager
def _bar(what: str, *, in_bytes: bool) -> Iterator[Report]:
    from rich import progress as rich
    from rich.console import Console

    how_far: tuple[rich.ProgressColumn, ...] = (
        (rich.DownloadColumn(), rich.TransferSpeedColumn())
        if in_bytes
        else (rich.MofNCompleteColumn(), rich.TextColumn("{task.fields[fps]:.1f} fps"))
    )
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        *how_far,
        rich.TimeRemainingColumn(),
    )
    started = time.monotonic()
    with rich.Progress(*columns, console=Console(stderr=True)) as bar:
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
        with suppress(OSError):  # That nobody reads on must not end the work.
            sys.stderr.write(f"{self._what}: {self._far(done, total)}\n")

    def _far(self, done: int, total: int) -> str:
        fps = _fps(done, self._started)
        left = f", {(total - done) / fps:.0f} s left" if 0 < done < total and fps else ""
        return f"{done}/{total} frames, {fps:.1f} fps{left}"


class _TransferLines(_Lines):
    """Without a rate: a continued transfer did not begin at zero."""

    def _far(self, done: int, total: int) -> str:
        return f"{done / 1e6:.0f}/{total / 1e6:.0f} MB"


def _fps(done: int, started: float) -> float:
    return done / max(time.monotonic() - started, 1e-9)
