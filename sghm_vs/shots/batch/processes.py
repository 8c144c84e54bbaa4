"""Workers that are processes of this machine: what ends one of them ends no other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from sghm_vs.shots.batch.memory import available_bytes, peak_bytes
from sghm_vs.shots.batch.pool import Failure, Order, Outcome, PoolWorker, WorkProgress, outcome_of
from sghm_vs.shots.batch.render import Renderer
from sghm_vs.shots.batch.schedule import Work
from sghm_vs.shots.signals import Ended, interrupt_main, unwinding

ENDING_S = 20.0
"""How long a worker may take to remove what is unfinished."""
SHOT_BYTES = 2 * 2**30
"""What a shot may take, until one has shown it."""


class ProcessWorker(PoolWorker):
    """A process that carries out one order at a time."""

    def __init__(self, make_renderer: Callable[[], Renderer]) -> None:
        super().__init__()
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        told, self._ending = context.Pipe(duplex=False)
        self.process: SpawnProcess = context.Process(
            target=_work, args=(theirs, told, make_renderer), daemon=True
        )
        self.process.start()
        theirs.close()
        told.close()
        self.has_neighbors = False
        """Whether others worked while it did what it does."""

    def receive(self) -> WorkProgress | Outcome:
        """Return what it says next, once there is something."""
        try:
            said: WorkProgress | Outcome = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            said = Failure(_death(self.process.exitcode), "memory")
        if isinstance(said, Failure) and said.cause == "memory" and self.has_neighbors:
            said = replace(said, cause="neighbors")
        if not isinstance(said, WorkProgress):
            self.work = None
        return said

    @property
    def is_alive(self) -> bool:
        """Whether it can take an order."""
        return self.process.is_alive() and not self.connection.closed

    def end(self) -> None:
        """Let the process remove what is unfinished, and end."""
        if self.work is None:
            self.connection.close()  # It waits for an order, and none comes.
            return
        with suppress(OSError):  # It is gone already.
            self._ending.send_bytes(b"end")

    def join(self) -> None:
        """Return when the process is gone."""
        self.process.join(ENDING_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()
        self._ending.close()


class ProcessPool:
    """Up to `size` workers at once, as far as memory reaches."""

    def __init__(self, make_renderer: Callable[[], Renderer], size: int) -> None:
        self._make_renderer, self._size = make_renderer, size
        self.workers: list[ProcessWorker] = []

    def free(self, most: int) -> Iterator[ProcessWorker]:
        """Yield those that wait for work, while there is memory for what they would do."""
        # One that died at work has an event still.
        self.workers = [one for one in self.workers if one.work is not None or one.is_alive]
        while len(self._busy) < min(self._size, most) and self._has_room():
            waiting = [worker for worker in self.workers if worker.work is None]
            if not waiting:
                waiting = [ProcessWorker(self._make_renderer)]
                self.workers += waiting
            yield waiting[0]
            if waiting[0].work is None:
                return

    def begin(self, worker: ProcessWorker, work: Work, order: Order) -> None:
        """Have `worker` carry out the `order` for `work`."""
        worker.take(work)
        busy = self._busy
        worker.has_neighbors = False
        for one in busy:
            one.has_neighbors |= len(busy) > 1
        with suppress(OSError):  # That it is gone will be its event.
            worker.connection.send(order)

    def events(self, timeout_s: float) -> Iterator[tuple[Work, WorkProgress | Outcome]]:
        """Wait until workers say something, at most so long, and yield it."""
        busy = {id(worker.connection): worker for worker in self._busy}
        if not busy:
            time.sleep(timeout_s)
        for ready in wait([worker.connection for worker in busy.values()], timeout_s):
            worker = busy[id(ready)]
            if (work := worker.work) is not None:
                yield work, worker.receive()

    def stop(self, worker: ProcessWorker) -> None:
        """End a worker at once."""
        self.workers.remove(worker)
        worker.end()
        worker.join()

    def close(self) -> None:
        """End all workers; what they have not finished is removed."""
        for worker in self.workers:
            worker.end()
        for worker in self.workers:
            worker.join()

    @property
    def _busy(self) -> list[ProcessWorker]:
        return [worker for worker in self.workers if worker.work is not None]

    def _has_room(self) -> bool:
        if not self._busy:
            return True
        pids = (worker.process.pid for worker in self.workers)
        peaks = [peak_bytes(pid) or 0 for pid in pids if pid is not None]
        return available_bytes() >= max(SHOT_BYTES, *peaks)


def _work(connection: Connection, told: Connection, make_renderer: Callable[[], Renderer]) -> None:
    """Carry out what comes until nothing more does, or until told to end; a process's whole life."""
    # Ctrl-C reaches every process of a terminal: the batch hears it, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_when_told, args=(told,), daemon=True).start()
    renderer = cache(make_renderer)

    def report(done: int, total: int) -> None:
        connection.send(WorkProgress(done, total))

    def carry_out(order: Order) -> Outcome:
        return outcome_of(lambda: order(renderer(), report))

    try:
        with unwinding():
            while True:
                connection.send(carry_out(connection.recv()))
    except (Ended, EOFError, OSError):
        return


def _end_when_told(told: Connection) -> None:
    """Unwind this process when the batch says so; end at once when that is killed: a run may follow."""
    try:
        told.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
    interrupt_main()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"its process was ended by {name}; is memory left? Try fewer --jobs"
    return f"its process ended with code {code}; is memory left? Try fewer --jobs"
