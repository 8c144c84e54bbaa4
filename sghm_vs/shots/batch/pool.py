"""Workers, as a run knows them, whatever starts them: what they are given, and what they say."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sghm_vs.errors import message_of
from sghm_vs.progress import Progress
from sghm_vs.shots.batch.record import Outputs
from sghm_vs.shots.batch.render import Rendered, Renderer
from sghm_vs.shots.batch.schedule import Work

STORAGE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE})
"""What a disk or a share says when it, and not the work, is to blame."""
NO_MEMORY = "out of memory; give smaller pictures, or fewer --jobs or --workers"

type Cause = Literal["work", "storage", "machine", "memory", "neighbors"]
"""What work fails of: itself; its disk or share; its machine, which was lost; want of memory, which
is told by a process that ends; or of memory while others worked beside it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why work was not done."""

    reason: str
    cause: Cause = "work"


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """How far work is, in frames."""

    done: int
    total: int


type Outcome = Rendered | Outputs | Failure


class Order(Protocol):
    """What a worker is given: it goes to other processes, and is carried out there."""

    def __call__(self, render: Renderer, progress: Progress) -> Rendered | Outputs:
        """Do the work, with a renderer that the worker keeps."""


def outcome_of(make: Callable[[], Rendered | Outputs]) -> Outcome:
    """Return what `make` returns, or what it fails of: whatever that is, other work goes on."""
    try:
        return make()
    except MemoryError:
        return Failure(NO_MEMORY, "memory")
    except Exception as error:  # noqa: BLE001, RUF100 - said above
        return failure_of(error)


def failure_of(error: Exception) -> Failure:
    """Return what is to be said of `error`, and whether storage is to blame."""
    cause: BaseException | None = error
    while cause is not None and getattr(cause, "errno", None) not in STORAGE:
        cause = cause.__cause__ or cause.__context__
    return Failure(message_of(error), "work" if cause is None else "storage")


@dataclass(eq=False)
class PoolWorker:
    """A worker, as its pool knows it."""

    work: Work | None = None
    """What it does now; None while it waits."""
    since: float = field(default_factory=time.monotonic)
    is_ready: bool = True
    shot: str | None = None
    """That of its last work, whose footage it has open."""

    def take(self, work: Work) -> None:
        """Note that it begins `work`."""
        self.work, self.shot, self.since = work, work.shot, time.monotonic()


class WorkerPool[Worker: PoolWorker](Protocol):
    """As many workers as there is room for, made anew when they are lost."""

    @property
    def workers(self) -> Sequence[Worker]:
        """All of them."""

    def free(self, most: int) -> Iterator[Worker]:
        """
        Yield those that wait for work, one more after each that got some.

        Workers are started where there is room, up to `most`.

        Raises:
            FarmError: None will do.
        """

    def begin(self, worker: Worker, work: Work, order: Order) -> None:
        """Have `worker` carry out the `order` for `work`."""

    def events(self, timeout_s: float) -> Iterator[tuple[Work, WorkProgress | Outcome]]:
        """Wait until workers say something, at most so long, and yield it."""

    def stop(self, worker: Worker) -> None:
        """End a worker at once."""

    def close(self) -> None:
        """End all workers; what they have not finished is removed."""
