"""A batch: which of its shots are to be made, and their making, one failing alone."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

from filelock import FileLock, Timeout

from sghm_vs.errors import ExportError, SghmError, SourceError, listed
from sghm_vs.media.files import exist_already, sweep
from sghm_vs.media.sequences import SequencePath
from sghm_vs.options import Matting
from sghm_vs.shots.batch.checksums import Content, Reader, output_files, source_files, state_of
from sghm_vs.shots.batch.manifest import NAME, Entry, Manifest
from sghm_vs.shots.batch.memory import available_bytes, peak_bytes
from sghm_vs.shots.batch.names import Shot, place
from sghm_vs.shots.batch.processes import Event, Failure, Pool, Report
from sghm_vs.shots.batch.render import Rendered, Renderer, Rotoscoper, Task
from sghm_vs.shots.shot import describe

LOCK = ".sghm-batch.lock"
SHOT_BYTES = 2 * 2**30
"""What a shot may take, until one has shown it."""

PlanStatus = Literal["new", "done", "again"]


@dataclass(frozen=True, slots=True)
class InvalidShot:
    """What can't become a shot, known before any work."""

    name: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A shot, and whether it is to be made."""

    shot: Shot
    status: PlanStatus
    reason: str = ""
    """Why again."""
    keeps: bool = False
    """Whether frames that are there, whole, can stay."""


class Listener(Protocol):
    """Receives the progress of a batch."""

    def begin(self, planned: Sequence[Planned]) -> None:
        """Receive the shots, before the first is made."""

    def report(self, shot: Shot, done: int, total: int) -> None:
        """Receive how many frames of `shot` are done."""

    def end(self, entry: Entry) -> None:
        """Receive the result of a shot."""


class Silence:
    """A listener that does nothing."""

    def begin(self, planned: Sequence[Planned]) -> None:
        """Do nothing."""

    def report(self, shot: Shot, done: int, total: int) -> None:
        """Do nothing."""

    def end(self, entry: Entry) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How a batch treats what is there, and what the machine has."""

    resume: bool = False
    """Whether shots are kept that are done, unchanged and whole."""
    overwrite: bool = False
    """Whether outputs are replaced that no manifest knows."""
    rehash: bool = False
    """Whether footage is read again even if its size and date are as they were."""
    reread: bool = True
    """Whether outputs of shots that are done are read, and compared with their checksums."""
    jobs: int = 1
    """Shots at once, as far as memory reaches."""
    make_renderer: Callable[[], Renderer] = Rotoscoper
    """Called in each worker's process."""


def plan(
    shots: Sequence[Shot], folder: Path, batch_options: BatchOptions, reader: Reader | None = None
) -> list[Planned]:
    """
    Return which of `shots` are to be made in `folder`, and why.

    Raises:
        ExportError: Two shots would write the same files, one would write outside of `folder`, or
            files are in the way.
        WeightsError: A model is not there.
    """
    _refuse_meeting(shots, folder)
    planner = _Planner(folder, Manifest(folder), batch_options, reader or Reader())
    planned = [planner.plan(shot) for shot in shots]
    if planner.in_the_way:
        known = "--resume goes on with what is unfinished, " if planner.manifest.entries else ""
        msg = f"{exist_already(planner.in_the_way)}; {known}--overwrite makes them anew"
        raise ExportError(msg)
    return planned


def run_batch(
    shots: Sequence[Shot],
    folder: Path,
    *,
    batch_options: BatchOptions | None = None,
    invalid: Sequence[InvalidShot] = (),
    listener: Listener | None = None,
) -> list[Entry]:
    """
    Make `shots` in `folder`, and keep its manifest.

    A shot that fails is recorded with its reason, and the others go on.

    Args:
        shots: With unique keys and names.
        folder: Made if it is not there.
        batch_options: Defaults to one shot after another, into a folder that has none of them.
        invalid: What could not become a shot; recorded as failed.
        listener: Receives the progress.

    Returns:
        What became of each shot, in order, then of each of `invalid`.

    Raises:
        ExportError: As `plan`, or another batch works in `folder`.
    """
    batch_options, listener, reader = (
        batch_options or BatchOptions(),
        listener or Silence(),
        Reader(),
    )
    folder = folder.absolute()
    with only_one(folder):
        planned = plan(shots, folder, batch_options, reader)
        manifest = Manifest(folder)
        manifest.drop(key for key, one in manifest.entries.items() if not one.outputs)
        manifest.put(*(_invalid_entry(one) for one in invalid))
        listener.begin(planned)
        todo = [one for one in planned if one.status != "done"]
        _Run(todo, folder, manifest, batch_options, listener, reader).run()
        # Workers of a run that was killed may have died only since this one began.
        for parent in {place(folder, one).parent for shot in shots for one in shot.outputs}:
            sweep(parent)
    return [manifest.entries[key] for key in [*(s.key for s in shots), *(u.key for u in invalid)]]


@contextmanager
def only_one(folder: Path, wait_s: float = 0) -> Iterator[None]:
    """Keep two batches out of one folder; wait so long for the other to end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=wait_s)
        with lock:
            yield
    except Timeout:
        msg = f"another batch works in {folder}; wait for it, or choose another folder"
        raise ExportError(msg) from None
    except OSError as error:
        if isinstance(error, SghmError):
            raise
        msg = f"the folder {folder} can't be used: {error.strerror}; choose another with -o"
        raise ExportError(msg) from error


def _refuse_meeting(shots: Iterable[Shot], folder: Path) -> None:
    taken: dict[str, str] = {NAME: "the manifest"}
    for shot in shots:
        for output in shot.outputs:
            place(folder, output)
            # Where letters have no case, these would be one file.
            before = taken.setdefault(output.casefold(), shot.key)
            if before != shot.key:
                msg = (
                    f"{before} and {shot.key} would both be written to {output}; put {{shot}} into "
                    "the name: --to {shot}.mov"
                )
                raise ExportError(msg)
            if shot.source in (folder / output, (folder / output).parent):
                msg = f"{folder / output} would be written over its footage; choose another folder"
                raise ExportError(msg)


class _Planner:
    """Tells which shots are to be made."""

    def __init__(
        self, folder: Path, manifest: Manifest, batch_options: BatchOptions, reader: Reader
    ) -> None:
        self._folder = folder
        self._options = batch_options
        self._reader = reader
        self._describe = cache(describe)
        self.manifest = manifest
        self.in_the_way: list[str] = []
        """Outputs that exist, and may not be replaced."""

    def plan(self, shot: Shot) -> Planned:
        entry = self.manifest.entries.get(shot.key)
        # Models that are not there are told before any work.
        settings = settings_of(shot, self._describe)
        if entry is None or not self._options.resume:
            if not self._options.overwrite:
                self.in_the_way += [one for one in shot.outputs if _exists(self._folder / one)]
            return Planned(shot, "new")
        if changed := self._changed(shot, entry, settings):
            return Planned(shot, "again", changed)
        broken = self._unfinished(entry)
        if broken or (self._options.reread and (broken := self._broken_output(entry))):
            return Planned(shot, "again", broken, keeps=True)
        return Planned(shot, "done")

    def _changed(self, shot: Shot, entry: Entry, settings: dict[str, Any]) -> str:
        """Return why all of the shot must be made again; nothing if what is there can stay."""
        if entry.outputs != shot.outputs:
            return "other outputs are asked for"
        if entry.settings != settings:
            return f"changed: {listed(_differences(entry.settings, settings))}"
        return self._changed_input(shot, entry)

    def _unfinished(self, entry: Entry) -> str:
        if entry.state == "failed":
            return "it failed before"
        return "it was not finished" if entry.state == "running" else ""

    def _changed_input(self, shot: Shot, entry: Entry) -> str:
        for name, path in inputs_of(shot).items():
            before = entry.inputs.get(name)
            try:
                files = source_files(path, shot.frames if name == "source" else None)
                if before is not None and state_of(files) == before.state and self._may_trust:
                    continue
                if before is not None and self._reader.content(path, files).holds_the_same(before):
                    continue
            except OSError:
                return f"the {name} can't be read"
            return f"the {name} changed"
        return ""

    def _broken_output(self, entry: Entry) -> str:
        for output in entry.outputs:
            path, before = self._folder / output, entry.checksums.get(output)
            try:
                found = self._reader.content(path, output_files(path, entry.numbers))
            except OSError:
                return f"{output} is missing, or a part of it"
            if before is None or not found.holds_the_same(before):
                return f"{output} is not what was written"
        return ""

    @property
    def _may_trust(self) -> bool:
        return not self._options.rehash


@dataclass
class _Run:
    """The making of shots that are to be made."""

    todo: Sequence[Planned]
    folder: Path
    manifest: Manifest
    batch_options: BatchOptions
    listener: Listener
    reader: Reader
    _pending: deque[Planned] = field(init=False)
    _alone: deque[Planned] = field(init=False, default_factory=deque)
    """Shots that ended their process while others ran beside them."""
    _begun: dict[str, float] = field(init=False, default_factory=dict)
    """When a shot was begun, by key."""
    _crowded: set[str] = field(init=False, default_factory=set)
    """Keys of shots that had others beside them."""

    def __post_init__(self) -> None:
        self._pending = deque(self.todo)
        self._describe = cache(describe)

    def run(self) -> None:
        """Make all of them."""
        with closing(Pool(self.batch_options.make_renderer, self.batch_options.jobs)) as pool:
            ended: list[Event] = []
            while True:
                self._fill(pool)
                # Checksums are made while the next shots are being rendered.
                for news in ended:
                    self._settle(news)
                self._fill(pool)
                if not pool.running:
                    return
                ended = [news for news in pool.news() if not self._is_report(news)]

    def _fill(self, pool: Pool) -> None:
        while self._pending and not pool.is_full and self._has_room(pool):
            self._begin(self._pending.popleft(), pool)
        if not self._pending and self._alone and not pool.running:
            self._begin(self._alone.popleft(), pool)

    def _has_room(self, pool: Pool) -> bool:
        if not pool.running:
            return True
        available = available_bytes()
        most = max((peak_bytes(process) or 0 for process in pool.processes), default=0)
        return available is None or available >= max(most, SHOT_BYTES)

    def _begin(self, planned: Planned, pool: Pool) -> None:
        shot = planned.shot
        entry = begun(shot, self._describe)
        try:
            paths = tuple(place(self.folder, output) for output in shot.outputs)
            entry = replace(entry, inputs=unread_inputs(shot))
        except OSError as error:
            self._end(replace(entry, state="failed", finished=now(), error=said(error)))
            return
        self.manifest.put(entry)
        self._begun[shot.key] = time.monotonic()
        pool.give(Task(shot=shot, paths=paths, keeps=planned.keeps))
        if pool.running > 1:
            self._crowded |= {task.shot.key for task in pool.tasks}

    def _is_report(self, news: Event) -> bool:
        if isinstance(news.what, Report):
            self.listener.report(news.task.shot, news.what.done, news.what.total)
            return True
        return False

    def _settle(self, news: Event) -> None:
        """Record what became of a shot; one that died in a crowd is tried once more, alone."""
        shot, what = news.task.shot, news.what
        if isinstance(what, Failure) and what.is_crash and shot.key in self._crowded:
            self._crowded.discard(shot.key)
            self._alone.append(Planned(shot, "again", what.reason))
            return
        entry = self.manifest.entries[shot.key]
        read = read_inputs(shot, self.reader)
        # What changed meanwhile stays recorded as it was, so that no frame made of it is kept.
        changed = [
            before.path
            for name, before in entry.inputs.items()
            if name not in read or read[name].state != before.state
        ]
        entry = replace(
            entry,
            finished=now(),
            seconds=round(time.monotonic() - self._begun.pop(shot.key), 3),
            inputs=entry.inputs if changed else read,
        )
        if isinstance(what, Failure):
            self._end(replace(entry, state="failed", error=what.reason))
        elif isinstance(what, Rendered):
            self._end(self._finished(shot, entry, what, changed))

    def _finished(self, shot: Shot, entry: Entry, what: Rendered, changed: Sequence[str]) -> Entry:
        last = what.first + what.frames - 1
        entry = replace(entry, frames=(what.first, last), warnings=what.warnings)
        try:
            if changed:
                msg = f"{listed(changed)} changed while it was matted; go on with --resume"
                raise SourceError(msg)
            checksums = {output: self._checksum(output, entry) for output in shot.outputs}
        except OSError as error:
            return replace(entry, state="failed", error=said(error))
        return replace(entry, state="done", checksums=checksums)

    def _checksum(self, output: str, entry: Entry) -> Content:
        path = self.folder / output
        return replace(self.reader.content(path, output_files(path, entry.numbers)), path=output)

    def _end(self, entry: Entry) -> None:
        self.manifest.put(entry)
        self.listener.end(entry)


def begun(shot: Shot, describe_: Callable[[Matting], dict[str, str]]) -> Entry:
    """Return the entry of a shot whose making begins."""
    return Entry(
        shot=shot.name,
        key=shot.key,
        state="running",
        settings=settings_of(shot, describe_),
        outputs=shot.outputs,
        started=now(),
    )


def settings_of(shot: Shot, describe_: Callable[[Matting], dict[str, str]]) -> dict[str, Any]:
    """Return, as JSON has it, all that shapes the outputs of `shot` but the inputs' content."""
    delivery = {
        key: value
        for key, value in asdict(shot.delivery).items()
        if key not in ("overwrite", "resume", "sidecar", "version", "patterns")
    }
    settings = {
        "matting": describe_(shot.matting) | {"fp16": shot.matting.fp16},
        "opening": asdict(shot.opening),
        "delivery": delivery,
        **{name: str(path) for name, path in inputs_of(shot).items() if name != "source"},
    }
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return plain


def inputs_of(shot: Shot) -> dict[str, Path]:
    """Return the footage that `shot` reads, by what it is for."""
    found = {"source": shot.source}
    if shot.matting.mask is not None:
        found["mask"] = shot.matting.mask.absolute()
    if isinstance(shot.delivery.over, Path):
        found["over"] = shot.delivery.over.absolute()
    return found


def read_inputs(shot: Shot, reader: Reader) -> dict[str, Content]:
    """Return what the inputs of `shot` hold, as far as they can be read."""
    found = {}
    for name, path in inputs_of(shot).items():
        try:
            files = source_files(path, shot.frames if name == "source" else None)
            found[name] = reader.content(path, files)
        except OSError:
            continue
    return found


def unread_inputs(shot: Shot) -> dict[str, Content]:
    """Return what the file system says of the inputs of `shot`; raises OSError."""
    found = {}
    for name, path in inputs_of(shot).items():
        state = state_of(source_files(path, shot.frames if name == "source" else None))
        found[name] = Content(str(path), state.files, state.size, state.modified_ns, "")
    return found


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Return the names of settings that differ."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [] if before == now else [name]
    names = sorted({*before, *now})
    return [d for one in names for d in _differences(before.get(one), now.get(one), one)]


def _exists(path: Path) -> bool:
    sequence = SequencePath.parse(path)
    return path.exists() if sequence is None else bool(sequence.numbers())


def _invalid_entry(invalid: InvalidShot) -> Entry:
    return Entry(
        shot=invalid.name,
        key=invalid.key,
        state="failed",
        settings={},
        outputs=(),
        finished=now(),
        error=invalid.reason,
    )


def said(error: OSError) -> str:
    """Return the words of `error`."""
    if isinstance(error, SghmError):
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def now() -> str:
    """Return the time as manifests have it: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
