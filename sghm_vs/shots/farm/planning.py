"""Shots of sources or of an edit become a plan of chunks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from sghm_vs.errors import FarmError, SettingsError, SghmError, SourceError
from sghm_vs.media.readers import Source, open_source, what_is_used
from sghm_vs.options import FrameRange, Matting, Values, to_words
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.batch.record import inputs_of
from sghm_vs.shots.batch.requests import requests_from, shots_from
from sghm_vs.shots.farm.chunks import CHUNK_S, Chunk, chunk_size, split
from sghm_vs.shots.farm.fingerprint import Fingerprint
from sghm_vs.shots.farm.plan import Plan, PlannedShot, has_movie
from sghm_vs.shots.shot import refuse_varying
from sghm_vs.shots.timeline.matte_edit import EditOptions, plan_from

EDIT_SUFFIXES = (".otio", ".edl", ".xml")
SETTLED = ("start_number", "version")
"""Knobs of the delivery that a plan has settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What `make_plan` plans, and in what chunks."""

    sources: Sequence[str]
    """As for a batch; or one edit."""
    folder: Path
    """Where the mattes go, absolute; the same path on every worker."""
    values: Values
    """What is said of every shot."""
    edit: EditOptions = field(default_factory=EditOptions)
    chunk: int | None = None
    """Frames of a chunk; None is as many as take `chunk_s`."""
    chunk_s: float | None = None
    """Seconds that a chunk takes."""
    frame_s: float | None = None
    """Seconds that a frame takes on a worker; None is as the worker's file says, or measured."""
    cuts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """First frames of scenes, by shot; "" is the only shot."""
    worker: Path | None = None
    """What workers are, as `sghm farm worker` prints it; None is as this machine."""
    threads: int | None = None
    """Cores of a worker; None is 1, with a GPU 4."""


type Opened = tuple[ShotWithCuts, FrameRange]


@dataclass(frozen=True, slots=True)
class ShotWithCuts:
    """A shot to plan, and where its scenes begin."""

    shot: Shot
    cuts: tuple[int, ...] = ()


def make_plan(plan_options: PlanOptions) -> tuple[Plan, dict[str, str], list[str]]:
    """
    Return the plan; by name, why shots are not in it; and what an edit leaves to say.

    Raises:
        SourceError: Nothing can be planned.
        SettingsError: What is asked for does not go together.
        FarmError: The file that says what workers are is none.
    """
    shots, invalid, notes = _shots_with_cuts(plan_options)
    _refuse_unequal(shots)
    opened, more = _opened(shots)
    if not opened:
        msg = "nothing can be planned: " + ("; ".join(more.values()) or "there are no shots")
        raise SourceError(msg)
    worker, frame_s = _worker(opened[0], plan_options)
    planned = tuple(
        _planned(one, available, worker, frame_s, plan_options) for one, available in opened
    )
    plan = Plan(folder=str(plan_options.folder), worker=worker, frame_s=frame_s, shots=planned)
    return plan, invalid | more, notes


def _shots_with_cuts(
    plan_options: PlanOptions,
) -> tuple[list[ShotWithCuts], dict[str, str], list[str]]:
    """Return the shots to plan; by name, why others can't be planned; and notes."""
    edits = [one for one in plan_options.sources if Path(one).suffix.lower() in EDIT_SUFFIXES]
    if not edits:
        if plan_options.edit.rate is not None:
            msg = "--rate is an edit's, and the sources are none; type --media-rate for theirs"
            raise SettingsError(msg)
        return *_from_sources(plan_options), []
    if len(plan_options.sources) > 1:
        msg = f"{edits[0]} is an edit, and a plan is of one edit or of sources; plan the rest apart"
        raise SettingsError(msg)
    plan = plan_from(
        Path(edits[0]).absolute(), plan_options.folder, plan_options.values, plan_options.edit
    )
    shots = [
        ShotWithCuts(shot, tuple(edge for use in span.uses for edge in _edges(use.shown)))
        for shot, span in zip(plan.batch.shots, plan.spans, strict=True)
    ]
    return shots, {one.name: one.reason for one in plan.batch.invalid}, plan.notes


def _from_sources(plan_options: PlanOptions) -> tuple[list[ShotWithCuts], dict[str, str]]:
    found = shots_from(
        requests_from(plan_options.sources, plan_options.values, plan_options.folder),
        plan_options.folder,
    )
    cuts = plan_options.cuts
    shots = [ShotWithCuts(shot, cuts.get(shot.name, cuts.get("", ()))) for shot in found.shots]
    strange = set(cuts) - {"", *(one.shot.name for one in shots)}
    if strange or ("" in cuts and len(shots) > 1):
        names = ", ".join(one.shot.name for one in shots)
        msg = f"--cuts names no shot of this plan; write SHOT=N,N, where shots are {names}"
        raise SettingsError(msg)
    return shots, {one.name: one.reason for one in found.invalid}


def _edges(shown: FrameRange) -> tuple[int, int]:
    return shown.first, shown.last + 1


def _opened(shots: Iterable[ShotWithCuts]) -> tuple[list[Opened], dict[str, str]]:
    """Return each shot with the frames that its footage has; headers of movies may be off by one."""
    opened: list[Opened] = []
    invalid: dict[str, str] = {}
    for one in shots:
        try:
            _refuse_script(one.shot)
            _refuse_windows(one.shot)
            source = open_source(one.shot.source, one.shot.opening)
            refuse_varying(source, map(Path, one.shot.outputs), "--media-rate")
            available = _available(source)
            _refuse_outside(one.shot, available)
        except SghmError as error:
            invalid[one.shot.name] = str(error)
            continue
        # What is said of all footage may be for some of it; a command of one shot says what it uses.
        given = [path for name, path in inputs_of(one.shot).items() if name != "source"]
        shot = replace(one.shot, opening=what_is_used(source, one.shot.opening, given))
        opened.append((replace(one, shot=shot), available))
    return opened, invalid


def frames_of(shot: Shot) -> FrameRange:
    """Return the frames of `shot`, which its footage may have to say."""
    return shot.frames or _available(open_source(shot.source, shot.opening))


def _available(source: Source) -> FrameRange:
    return FrameRange(source.first_number, source.first_number + source.clip.num_frames - 1)


def _refuse_script(shot: Shot) -> None:
    if shot.source.suffix.lower() == ".vpy":
        msg = f"{shot.source} is a script, and a plan that holds code would run it on every worker"
        raise SourceError(msg)


def _refuse_windows(shot: Shot) -> None:
    """Alphas that movies are made from would lose what lies beyond each plate's own window."""
    if shot.opening.keep_windows and has_movie(shot.outputs):
        msg = "--keep-windows is for sequences on a farm; plan the movies without it, apart"
        raise SettingsError(msg)


def _refuse_outside(shot: Shot, available: FrameRange) -> None:
    frames = shot.frames or available
    if frames.first < available.first or frames.last > available.last:
        msg = f"{shot.source} has frames {available}, and {frames} was asked for"
        raise SourceError(msg)


def _refuse_unequal(shots: Sequence[ShotWithCuts]) -> None:
    """A worker keeps one network loaded, and the plan pins it."""
    kinds = {
        (one.shot.matting.model, one.shot.matting.device_index,
         one.shot.matting.backend, one.shot.matting.fp16)
        for one in shots
    }  # fmt: skip
    if len(kinds) > 1:
        msg = "shots of one plan have one --model, --device, --backend and --fp16; make two plans"
        raise SettingsError(msg)


def _worker(first: Opened, plan_options: PlanOptions) -> tuple[Fingerprint, float | None]:
    """Return what workers are, and how long a frame takes them."""
    if plan_options.worker is not None:
        worker, frame_s = read_worker(plan_options.worker)
    else:
        needs = plan_options.chunk is None and plan_options.frame_s is None
        one, available = first
        shot = replace(one.shot, frames=one.shot.frames or available)
        worker, frame_s = this_machine(shot, plan_options.threads, is_measured=needs)
    return worker, plan_options.frame_s or frame_s


def this_machine(
    shot: Shot, threads: int | None, *, is_measured: bool
) -> tuple[Fingerprint, float | None]:
    """Return what this machine is as a worker; and, if asked, how long a frame of `shot` takes."""
    from sghm_vs.shots.farm.worker import bind_threads, loaded, measure, usual_threads

    count = usual_threads(shot.matting) if threads is None else threads
    if count < 1:
        msg = f"a worker of {count} cores is none; give --threads 1 or more"
        raise SettingsError(msg)
    bind_threads(count)
    prepared, worker = loaded(replace(shot.matting, num_streams=count), count)
    return worker, measure(shot, prepared) if is_measured else None


def read_worker(path: Path) -> tuple[Fingerprint, float | None]:
    """
    Return what `sghm farm worker` wrote to `path`.

    Raises:
        FarmError: It is something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        frame_s = found["frame_s"]
        worker = msgspec.convert(found["worker"], Fingerprint)
        return worker, None if frame_s is None else float(frame_s)
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; run on a worker: sghm farm worker"
        raise FarmError(msg) from None
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{path} says nothing of a worker: {error}; run on one: sghm farm worker"
        raise FarmError(msg) from None


def _planned(
    one: ShotWithCuts,
    available: FrameRange,
    worker: Fingerprint,
    frame_s: float | None,
    plan_options: PlanOptions,
) -> PlannedShot:
    shot = one.shot
    frames = shot.frames or available
    start = shot.delivery.start_number
    pinned = _pinned(shot.matting, worker)
    return PlannedShot(
        name=shot.name,
        source=str(shot.source),
        frames=frames,
        is_whole=shot.frames is None,
        first_number=frames.first if start is None else start,
        matting=(*to_words(shot.opening), *to_words(pinned)),
        delivery=to_words(shot.delivery, but=SETTLED),
        outputs=shot.outputs,
        chunks=tuple(_chunks(one, frames, available, frame_s, plan_options)),
    )


def _pinned(matting: Matting, worker: Fingerprint) -> Matting:
    """Return `matting` with the model and the kind of device that were found."""
    is_named = matting.model == "auto" or not Path(matting.model).is_file()
    model = worker.model if is_named else str(Path(matting.model).absolute())
    return replace(matting, model=model, device_index=0 if worker.is_gpu else -1)


def _chunks(
    one: ShotWithCuts,
    frames: FrameRange,
    available: FrameRange,
    frame_s: float | None,
    plan_options: PlanOptions,
) -> list[Chunk]:
    reach = one.shot.matting.settings.reach
    if plan_options.chunk is not None:
        size = plan_options.chunk
    elif frame_s is not None:
        size = chunk_size(frame_s, plan_options.chunk_s or CHUNK_S, reach)
    else:
        msg = (
            f"{plan_options.worker} doesn't say how long a frame takes; give --frame-seconds or "
            "--chunk"
        )
        raise SettingsError(msg)
    return split(frames, size, reach=reach, cuts=one.cuts, available=available)
