"""What an engine is: a pool of workers, or a script. A new one is a file here, and a row below."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from sghm_vs.options import FrameRange, Matting
from sghm_vs.shots.batch.checksums import Content
from sghm_vs.shots.batch.processes import words_of
from sghm_vs.shots.batch.render import CACHE_MIB, Rendered, Rotoscoper
from sghm_vs.shots.farm.assemble import Assembled, assemble
from sghm_vs.shots.farm.fingerprint import Fingerprint
from sghm_vs.shots.farm.job import Job
from sghm_vs.shots.farm.schedule import Work
from sghm_vs.shots.farm.worker import bind_threads, loaded

STORAGE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE})
"""What a disk or a share says when it, and not the work, is to blame."""
type Outcome = Rendered | Assembled | Failure


@dataclass(frozen=True, slots=True)
class Failure:
    """Why work was not done."""

    reason: str
    is_storage: bool = False
    is_loss: bool = False
    """Whether its machine went with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is made with."""

    planned: Fingerprint
    matting: Matting
    is_mixed: bool = False


class WorkerProcess:
    """What runs in a worker's process."""

    def __init__(self, needs: WorkerOptions) -> None:
        import vapoursynth as vs

        threads = needs.planned.threads
        bind_threads(threads)
        vs.core.max_cache_size = min(vs.core.max_cache_size, CACHE_MIB)
        # Kept: who asks for the network while it lives shares it.
        self._prepared, here = loaded(needs.matting, threads)
        self._differences = () if needs.is_mixed else here.differences(needs.planned)
        self._render = Rotoscoper()

    def ready(self) -> tuple[str, ...]:
        """Return, once the network is loaded, what is not as planned."""
        return tuple(self._differences)

    def make(self, job: Job, frames: FrameRange) -> Rendered | Failure:
        """Make a chunk."""
        try:
            return self._render(job.task(frames), lambda *_: None)
        except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, other work goes on
            return failure_of(error)

    def assemble(
        self,
        job: Job,
        description: Mapping[str, str],
        known: Mapping[str, Content] | None,
        is_hashed: bool,
    ) -> Assembled | Failure:
        """Make a shot whole."""
        try:
            return assemble(job, description, known, is_hashed=is_hashed)
        except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, other work goes on
            return failure_of(error)


def failure_of(error: Exception) -> Failure:
    """Return what is to be said of `error`, and whether storage is to blame."""
    cause: BaseException | None = error
    while cause is not None and getattr(cause, "errno", None) not in STORAGE:
        cause = cause.__cause__ or cause.__context__
    return Failure(words_of(error), is_storage=cause is not None)


@dataclass(eq=False, slots=True)
class PoolWorker:
    """A worker, as its pool knows it."""

    process: Any
    """What the engine calls it by."""
    node: str
    """The machine that it is on."""
    pending: Any
    """The engine's promise of what it does now; None while it waits."""
    work: Work | None = None
    since: float = field(default_factory=time.monotonic)
    is_ready: bool = False
    shot: str | None = None
    """That of its last work, whose footage it has open."""


class WorkerPool(Protocol):
    """As many workers as there is room for, made anew when they are lost."""

    workers: list[PoolWorker]

    def grow(self, most: int) -> None:
        """Start workers where there is room, up to `most`; raises FarmError if none will do."""

    def idle(self) -> list[PoolWorker]:
        """Return those that wait for work."""

    def make(self, worker: PoolWorker, work: Work, job: Job) -> None:
        """Have `worker` make the frames of `work`."""

    def assemble(
        self,
        worker: PoolWorker,
        work: Work,
        job: Job,
        description: Mapping[str, str],
        known: Mapping[str, Content] | None,
        is_hashed: bool,
    ) -> None:
        """Have `worker` make the shot of `work` whole."""

    def events(self, timeout_s: float) -> Iterator[tuple[Work, Outcome]]:
        """Wait until workers have done something, at most so long, and yield it."""

    def stop(self, worker: PoolWorker) -> None:
        """End a worker at once."""

    def close(self) -> None:
        """End all workers."""


type OpenPool = Callable[[WorkerOptions, str | None, int, Mapping[str, Any]], WorkerPool]
"""Returns a pool of at most so many workers at an address; the mapping is the engine's own."""


def pool_of(engine: str) -> OpenPool:
    """Return what opens the pool of `engine`, one of `ENGINES`."""
    found: OpenPool = import_module(f"{__package__}.{engine}").open_pool
    return found
