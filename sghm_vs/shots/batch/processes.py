"""Processes that render shots: what ends one of them ends no other, and not the batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.process import parent_process

from sghm_vs.errors import SghmError, last_words
from sghm_vs.shots.batch.render import Progress, Rendered, Renderer, Task
from sghm_vs.shots.signals import Ended, unwinding

ENDING_S = 20.0
"""How long a worker may take to remove what is unfinished."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a shot was not rendered."""

    reason: str
    is_crash: bool = False
    """Whether its process ended with it, as for want of memory."""


@dataclass(frozen=True, slots=True)
class Report:
    """How far a shot is."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Event:
    """What a worker says of its task."""

    task: Task
    what: Report | Rendered | Failure


class Worker:
    """A process that renders one task at a time."""

    def __init__(self, make_renderer: Callable[[], Renderer]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_work, args=(theirs, make_renderer), daemon=True
        )
        self.process.start()
        theirs.close()
        self.task: Task | None = None

    def give(self, task: Task) -> None:
        """Begin `task`."""
        self.task = task
        with suppress(OSError):  # That it is gone will be its news.
            self.connection.send(task)

    def news(self) -> Event | None:
        """Return what it says next, once there is something; None if it died without a task."""
        task = self.task
        try:
            what: Report | Rendered | Failure = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            what = Failure(_death(self.process.exitcode), is_crash=True)
        if not isinstance(what, Report):
            self.task = None
        return None if task is None else Event(task, what)

    @property
    def is_alive(self) -> bool:
        """Whether it can take a task."""
        return self.process.is_alive() and not self.connection.closed

    def end(self) -> None:
        """Let the process remove what is unfinished, and end."""
        if self.task is None:
            self.connection.close()  # It waits for a task, and none comes.
        else:
            self.process.terminate()

    def join(self) -> None:
        """Return when the process is gone."""
        self.process.join(ENDING_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


class Pool:
    """Up to `size` workers, started when they are needed."""

    def __init__(self, make_renderer: Callable[[], Renderer], size: int) -> None:
        self._make_renderer = make_renderer
        self.size = size
        self._workers: list[Worker] = []

    @property
    def running(self) -> int:
        """How many tasks are being rendered."""
        return len(self.tasks)

    @property
    def tasks(self) -> list[Task]:
        """What is being rendered."""
        return [worker.task for worker in self._workers if worker.task is not None]

    @property
    def processes(self) -> list[int]:
        """Numbers of the workers' processes."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    @property
    def is_full(self) -> bool:
        """Whether every worker has a task."""
        return self.running >= self.size

    def give(self, task: Task) -> None:
        """Begin `task` in a worker that has none."""
        self._workers = [worker for worker in self._workers if worker.is_alive]
        free = [worker for worker in self._workers if worker.task is None]
        if not free:
            free = [Worker(self._make_renderer)]
            self._workers += free
        free[0].give(task)

    def news(self) -> Iterator[Event]:
        """Wait until workers say something, and yield it."""
        busy = {id(w.connection): w for w in self._workers if w.task is not None}
        for ready in wait([worker.connection for worker in busy.values()]):
            news = busy[id(ready)].news()
            if news is not None:
                yield news

    def close(self) -> None:
        """End all workers; what they have not finished is removed."""
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join()


def _work(connection: Connection, make_renderer: Callable[[], Renderer]) -> None:
    """Render what comes until nothing more does; a process's whole life."""
    # Ctrl-C reaches every process of a terminal: the batch hears it, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with unwinding():
            _render_all(connection, make_renderer)
    except (Ended, EOFError, OSError):
        return


def _render_all(connection: Connection, make_renderer: Callable[[], Renderer]) -> None:
    renderer: Renderer | None = None
    while True:
        task: Task = connection.recv()
        try:
            renderer = renderer or make_renderer()
            outcome: Rendered | Failure = renderer(task, _reporter(connection))
        except MemoryError:
            outcome = Failure("out of memory; give smaller pictures, or fewer --jobs", True)
        except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, other shots go on
            outcome = Failure(words_of(error))
        connection.send(outcome)


def _reporter(connection: Connection) -> Progress:
    def report(done: int, total: int) -> None:
        connection.send(Report(done, total))

    return report


def _end_with_parent() -> None:
    """End this process at once when the batch's own is killed: a new run may begin any time."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def words_of(error: Exception) -> str:
    """Return what `error` says, in one line, and what it is if it is none of ours or VapourSynth's."""
    words = " ".join(last_words(error).split("\n"))
    is_told = isinstance(error, SghmError) or type(error).__name__ == "Error"
    return words if is_told else f"{type(error).__name__}: {words}"


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"its process was ended by {name}; is memory left? Try fewer --jobs"
    return f"its process ended with code {code}; is memory left? Try fewer --jobs"
