"""What a worker does with a shot: matte it, and say what was written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sghm_vs.errors import standing
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import records_of
from sghm_vs.options import Delivery, Matting
from sghm_vs.progress import Progress
from sghm_vs.shots.batch.checksums import source_files, state_of
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.shot import Prepared, prepare, rotoscope, without_missing_audio

CACHE_MIB = 2048
"""VapourSynth's own bound is half of the memory, for each worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A shot, and where to write it."""

    shot: Shot
    paths: tuple[Path, ...]
    """Absolute, in the order of `shot.outputs`."""
    keeps: bool = False
    """Whether frames that are there, whole, are of this footage and these settings."""

    def __call__(self, render: Renderer, progress: Progress) -> Rendered:
        """Make the shot by `render`."""
        return render(self, progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What was written."""

    first: int
    """Number of the first frame in file names."""
    frames: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What is to be said of it, and to nobody later."""

    @property
    def numbers(self) -> range:
        """Numbers in the names of what was written."""
        return range(self.first, self.first + self.frames)


type Renderer = Callable[[Task, Progress], Rendered]


class Rotoscoper:
    """Mattes shots one after another; network and footage stay open if the next has the same."""

    def __init__(self, prepared: Prepared | None = None) -> None:
        """Hold the networks of `prepared`, if they are loaded already."""
        import vapoursynth as vs

        vs.core.max_cache_size = min(vs.core.max_cache_size, CACHE_MIB)
        self._prepared = prepared
        self._opened: tuple[object, Source] | None = None

    def __call__(self, task: Task, progress: Progress) -> Rendered:
        """Matte the shot of `task` to its paths."""
        shot, region = task.shot, list[str]()
        # Batches and farms are made from the command line alone, wherever this process runs.
        with collected_warnings() as warnings, standing(at_command_line=True):
            source = self._open(shot)
            rotoscope(
                source,
                task.paths,
                frames=shot.frames,
                matting=self._prepare(shot.matting),
                delivery=without_missing_audio(delivery_of(task), source),
                tell_region=region.append,
                progress=progress,
            )
        return replace(rendered(task, tuple(warnings)), notes=tuple(region[-1:]))

    def _open(self, shot: Shot) -> Source:
        key = shot.source, shot.opening, state_of(source_files(shot.source, None))
        if self._opened is None or self._opened[0] != key:
            self._opened = None
            self._opened = key, open_source(shot.source, shot.opening)
        return self._opened[1]

    def _prepare(self, matting: Matting) -> Prepared:
        if self._prepared is None or self._prepared.matting != matting:
            self._prepared = prepare(matting, self._prepared)
        return self._prepared


def delivery_of(task: Task) -> Delivery:
    """Return how the outputs of `task` are written: what is in the way is the batch's own."""
    return replace(
        task.shot.delivery, overwrite=not task.keeps, resume=task.keeps, sidecar=True, version=None
    )


def rendered(task: Task, warnings: tuple[str, ...] = ()) -> Rendered:
    """Return what was written; of how many frames, the newest sidecar says if nobody asked."""
    first = first_number(task.shot)
    if task.shot.frames is not None:
        return Rendered(first=first, frames=len(task.shot.frames), warnings=warnings)
    target = Target.of(task.paths[0])
    records = [record for _, record in records_of(target) if record.first == first]
    newest = max(records, key=lambda record: record.times.get("finished", ""))
    return Rendered(first=first, frames=len(newest.numbers), warnings=warnings)


def first_number(shot: Shot) -> int:
    """Return the number of the first frame that is written."""
    if shot.delivery.start_number is not None:
        return shot.delivery.start_number
    if shot.frames is not None:
        return shot.frames.first
    sequence = None if shot.source.is_file() else SequencePath.parse(shot.source)
    return 0 if sequence is None else sequence.numbers()[0]


class _WarningCollector(logging.Handler):
    """Keeps what is warned of, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.words[record.getMessage()] = None


@contextmanager
def collected_warnings() -> Iterator[dict[str, None]]:
    """Yield what our own loggers warn of while the context lasts, in order."""
    collector, logger = _WarningCollector(), logging.getLogger("sghm_vs")
    logger.addHandler(collector)
    try:
        yield collector.words
    finally:
        logger.removeHandler(collector)
