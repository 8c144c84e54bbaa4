"""Shots of sources or of an edit become a plan of chunks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from sghm_vs.errors import FarmError, SettingsError, SghmError, SourceError
from sghm_vs.media.readers import Source, open_source, with_used_options
from sghm_vs.options import (
    AUTO,
    EditOptions,
    FrameRange,
    Matting,
    PlanOptions,
    SceneStarts,
    Values,
    to_words,
)
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.batch.record import inputs_of
from sghm_vs.shots.batch.requests import requests_from, shots_from
from sghm_vs.shots.farm.chunks import Chunk, chunk_size, split
from sghm_vs.shots.farm.fingerprint import Fingerprint
from sghm_vs.shots.farm.plan import Plan, PlannedShot, has_movie
from sghm_vs.shots.guides import keys_of
from sghm_vs.shots.people_file import people_digest
from sghm_vs.shots.shot import refuse_varying

EDIT_SUFFIXES = (".otio", ".edl", ".xml")
SETTLED = ("start_number", "version")
"""Knobs of the delivery that a plan has settled."""


type Opened = tuple[ShotWithCuts, FrameRange]


@dataclass(frozen=True, slots=True)
class ShotWithCuts:
    """A shot to plan, and where its scenes begin."""

    shot: Shot
    cuts: tuple[int, ...] = ()


def make_plan(
    sources: Sequence[str],
    folder: Path,
    values: Values,
    plan_options: PlanOptions | None = None,
    edit_options: EditOptions | None = None,
    *,
    reviews: bool = False,
) -> tuple[Plan, dict[str, str], list[str]]:
    """
    Return the plan; by name, why shots are not in it; and what an edit leaves to say.

    Args:
        sources: As for a batch; or one edit.
        folder: Where the mattes go, absolute; the same path on every worker.
        values: What is said of every shot.
        plan_options: In what chunks, and for which workers.
        edit_options: Which frames an edit means.
        reviews: Whether what was saved of a shot beside its footage says the rest.

    Raises:
        SourceError: Nothing can be planned.
        SettingsError: What is asked for does not go together.
        FarmError: The file that says what workers are is none.
    """
    how, of_edit = plan_options or PlanOptions(), edit_options or EditOptions()
    edits = [one for one in sources if Path(one).suffix.lower() in EDIT_SUFFIXES]
    if len(sources) > 1 and edits:
        msg = f"{edits[0]} is an edit, and a plan is of one edit or of sources; plan the rest apart"
        raise SettingsError(msg)
    if edits:
        shots, invalid, notes = _from_edit(
            Path(edits[0]).absolute(), folder, values, of_edit, reviews=reviews
        )
    elif of_edit.edit_rate is not None:
        msg = "--rate is an edit's, and the sources are none; type --media-rate for theirs"
        raise SettingsError(msg)
    else:
        shots, invalid, notes = _from_sources(sources, folder, values, how.cuts, reviews=reviews)
    _refuse_unequal(shots)
    opened, more = _opened(shots, notes)
    if not opened:
        msg = "nothing can be planned: " + ("; ".join(more.values()) or "there are no shots")
        raise SourceError(msg)
    worker, frame_s = _worker(opened[0], how)
    planned = tuple(_planned(one, available, worker, frame_s, how) for one, available in opened)
    plan = Plan(folder=str(folder), worker=worker, frame_s=frame_s, shots=planned)
    return plan, invalid | more, notes


type Found = tuple[list[ShotWithCuts], dict[str, str], list[str]]
"""Shots to plan; by name, why others can't be planned; and notes."""


def _from_edit(
    edit: Path, folder: Path, values: Values, edit_options: EditOptions, *, reviews: bool
) -> Found:
    # Where there is no OpenTimelineIO, all but edits can be planned.
    from sghm_vs.shots.timeline.matte_edit import plan_from

    plan = plan_from(edit, folder, values, edit_options, reviews=reviews)
    shots = [
        ShotWithCuts(shot, tuple(edge for use in span.uses for edge in _edges(use.shown)))
        for shot, span in zip(plan.batch.shots, plan.spans, strict=True)
    ]
    return shots, {one.name: one.reason for one in plan.batch.invalid}, plan.notes


def _from_sources(
    sources: Sequence[str],
    folder: Path,
    values: Values,
    scene_starts: Sequence[SceneStarts],
    *,
    reviews: bool,
) -> Found:
    found = shots_from(requests_from(sources, values, folder, reviews=reviews), folder)
    cuts = dict(scene_starts)
    shots = [ShotWithCuts(shot, cuts.get(shot.name, cuts.get("", ()))) for shot in found.shots]
    unknown = set(cuts) - {"", *(one.shot.name for one in shots)}
    if unknown or ("" in cuts and len(shots) > 1):
        names = ", ".join(one.shot.name for one in shots)
        msg = f"--cuts names no shot of this plan; write SHOT=N,N, where shots are {names}"
        raise SettingsError(msg)
    return shots, {one.name: one.reason for one in found.invalid}, found.notes


def _edges(shown: FrameRange) -> tuple[int, int]:
    return shown.first, shown.last + 1


def _opened(shots: Iterable[ShotWithCuts], notes: list[str]) -> tuple[list[Opened], dict[str, str]]:
    """Return each shot with the frames that its footage has; headers of movies may be off by one."""
    opened: list[Opened] = []
    invalid: dict[str, str] = {}
    for one in shots:
        try:
            _refuse_script(one.shot)
            _refuse_windows(one.shot)
            source = open_source(one.shot.source, one.shot.opening)
            refuse_varying(source, map(Path, one.shot.outputs), "--media-rate")
            _refuse_outside(one.shot, source.frames)
            matting = _with_region(one.shot, source, notes)
        except SghmError as error:
            invalid[one.shot.name] = str(error)
            continue
        # What is said of all footage may be for some of it; a command of one shot says what it uses.
        given = [path for name, path in inputs_of(one.shot).items() if name != "source"]
        opening = with_used_options(source, one.shot.opening, given)
        shot = replace(one.shot, opening=opening, matting=matting)
        opened.append((replace(one, shot=shot), source.frames))
    return opened, invalid


def _with_region(shot: Shot, source: Source, notes: list[str]) -> Matting:
    """Return how `shot` is matted, with the rectangles that "auto" is: chunks have to agree on them."""
    if shot.matting.guides.roi != AUTO:
        return shot.matting
    from sghm_vs.shots.region import with_region

    said: list[str] = []
    found = with_region(shot.matting, source, tell=said.append)
    notes.append(f"{shot.name}: {said[-1]}")
    return found


def frames_of(shot: Shot) -> FrameRange:
    """Return the frames of `shot`, which its footage may have to say."""
    return shot.frames or open_source(shot.source, shot.opening).frames


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
    if not available.holds(frames):
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
        keys=keys_of(shot),
        people=people_digest(shot.matting.guides),
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
    reach = one.shot.matting.reach
    if plan_options.chunk is not None:
        size = plan_options.chunk
    elif frame_s is not None:
        size = chunk_size(frame_s, plan_options.chunk_s, reach)
    else:
        msg = (
            f"{plan_options.worker} doesn't say how long a frame takes; give --frame-seconds or "
            "--chunk"
        )
        raise SettingsError(msg)
    return split(frames, size, reach=reach, cuts=one.cuts, available=available)
