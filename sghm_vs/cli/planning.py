"""sghm farm plan: shots of sources or of an edit become a plan of chunks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import batch, options, timeline
from sghm_vs.errors import FarmError, SettingsError, SghmError, SourceError
from sghm_vs.media.sequences import FrameRange
from sghm_vs.shots.farm.plan import has_movie

if TYPE_CHECKING:
    from sghm_vs.media.readers import Source
    from sghm_vs.shots.batch.find import Footage
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.farm.chunks import Chunk
    from sghm_vs.shots.farm.fingerprint import Fingerprint
    from sghm_vs.shots.farm.plan import Plan, PlannedShot

EDIT_SUFFIXES = (".otio", ".edl", ".xml")
USUAL_FOLDER = "mattes"
MATTING = (options.add_source_options, options.add_model_options, options.add_mask_option)
DELIVERY = (options.add_form_options, options.add_edge_options)
OF_THE_PLAN = ("frames", "start_number", "version", "host")
"""Options of the form that a plan has settled."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which shots are planned, and how."""
    parser.add_argument(
        "source",
        nargs="+",
        metavar="SOURCE|EDIT",
        help="movies, sequences, globs, folders and lists, as for sghm batch; or one edit (.otio "
        ".edl .xml), as for sghm timeline",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="PLAN", help="the plan: plan.json"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a plan that exists")
    group = parser.add_argument_group("farm")
    group.add_argument(
        "--mattes",
        type=Path,
        metavar="DIR",
        help="where the mattes go; the same path on every worker (default: a folder "
        f"{USUAL_FOLDER!r} beside the plan)",
    )
    group.add_argument(
        "--chunk",
        type=int,
        metavar="N",
        help="frames of a chunk (default: as many as take --chunk-seconds)",
    )
    group.add_argument(
        "--chunk-seconds", type=float, metavar="S", help="how long a chunk takes (default: 300)"
    )
    group.add_argument(
        "--frame-seconds",
        type=float,
        metavar="S",
        help="how long a frame takes on a worker (default: as --worker says, else measured here on "
        "the first shot)",
    )
    group.add_argument(
        "--cuts",
        type=_cuts,
        action="append",
        default=[],
        metavar="[SHOT=]N,N",
        help="first frames of scenes, to which edges of chunks move (an edit brings its own)",
    )
    group.add_argument(
        "--worker",
        type=Path,
        metavar="FILE",
        help="what workers are, as sghm farm worker prints it on one of them (default: as this "
        "machine)",
    )
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="cores of a worker (default: 1; with a GPU 4)",
    )
    timeline.add_edit_options(parser)
    batch.add_shot_options(parser)
    options.add_report_options(parser)


type Opened = tuple[Asked, FrameRange]


@dataclass(frozen=True, slots=True)
class Asked:
    """A shot that is asked for, with its options, and where its scenes begin."""

    shot: Shot
    args: argparse.Namespace
    cuts: tuple[int, ...] = ()


def run(args: argparse.Namespace) -> int:
    """Write the plan that `args` ask for."""
    from sghm_vs.media.targets import refuse_existing, whole_file

    if not args.overwrite:
        refuse_existing([args.output])
    with options.stdout_for_results():
        asked, unfit = _asked(args)
        plan, more = _plan(asked, args)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(args.output) as part:
        part.write_text(plan.to_json(), encoding="utf-8")
    unfit |= more
    _print(plan, unfit, args)
    return 1 if unfit else 0


def _print(plan: Plan, unfit: Mapping[str, str], args: argparse.Namespace) -> None:
    chunks = [chunk for _, chunk in plan.chunks()]
    frames = sum(len(chunk.writes) for chunk in chunks)
    read = sum(len(chunk.reads) for chunk in chunks)
    if args.json:
        options.print_json(
            {
                "plan": str(args.output),
                "shots": len(plan.shots),
                "chunks": len(chunks),
                "frames": frames,
                "frames_read": read,
                "frame_s": plan.frame_s,
                "unfit": dict(unfit),
            }
        )
        return
    longest = max(len(chunk.writes) for chunk in chunks)
    pace = "" if plan.frame_s is None else f", {plan.frame_s:.3g} s a frame"
    options.print_lines(
        [
            f"{args.output}: {len(plan.shots)} shots in {len(chunks)} chunks of up to {longest} "
            f"frames; {frames} frames, of which {read - frames} are read twice{pace}"
        ]
    )
    for name, reason in unfit.items():
        options.say(f"{name}: {reason}")


def _asked(args: argparse.Namespace) -> tuple[list[Asked], dict[str, str]]:
    """Return the shots that `args` ask for; and, by name, why others can't be planned."""
    args = argparse.Namespace(**vars(args))
    args.mattes = (args.mattes or args.output.parent / USUAL_FOLDER).absolute()
    args.output, args.resume, args.overwrite = args.mattes, False, False
    edits = [one for one in args.source if Path(one).suffix.lower() in EDIT_SUFFIXES]
    if not edits:
        return _from_sources(args)
    if len(args.source) > 1:
        msg = f"{edits[0]} is an edit, and a plan is of one edit or of sources; plan the rest apart"
        raise SettingsError(msg)
    return _from_edit(args)


def _from_sources(args: argparse.Namespace) -> tuple[list[Asked], dict[str, str]]:
    requests, rest = batch.requests_from(args)
    found = batch.shots_from((requests, rest), args)
    cuts: dict[str, tuple[int, ...]] = dict(args.cuts)
    asked = [
        Asked(shot, request.args, cuts.get(shot.name, cuts.get("", ())))
        for shot, request in zip(found.shots, requests, strict=True)
    ]
    strange = set(cuts) - {"", *(one.shot.name for one in asked)}
    if strange or ("" in cuts and len(asked) > 1):
        names = ", ".join(one.shot.name for one in asked)
        msg = f"--cuts names no shot of this plan; write SHOT=N,N, where shots are {names}"
        raise SettingsError(msg)
    return asked, {one.name: one.reason for one in found.unfit}


def _from_edit(args: argparse.Namespace) -> tuple[list[Asked], dict[str, str]]:
    args.edit = Path(args.source[0])
    plan = timeline.plan_from(args)
    for note in plan.notes:
        options.say(note)
    asked = [
        Asked(shot, args, tuple(edge for use in span.uses for edge in _edges(use.shown)))
        for shot, span in zip(plan.batch.shots, plan.spans, strict=True)
    ]
    return asked, {one.name: one.reason for one in plan.batch.unfit}


def _edges(shown: FrameRange) -> tuple[int, int]:
    return shown.first, shown.last + 1


def _plan(asked: Sequence[Asked], args: argparse.Namespace) -> tuple[Plan, dict[str, str]]:
    """Return the plan, and why shots are not in it."""
    from sghm_vs.shots.farm.plan import Plan

    _refuse_unequal(asked)
    opened, unfit = _opened(asked)
    if not opened:
        msg = "nothing can be planned: " + ("; ".join(unfit.values()) or "there are no shots")
        raise SourceError(msg)
    worker, frame_s = _worker(opened[0], args)
    folder = (args.mattes or args.output.parent / USUAL_FOLDER).absolute()
    shots = [_planned(one, source, worker, frame_s, args) for one, source in opened]
    return Plan(folder=str(folder), worker=worker, frame_s=frame_s, shots=tuple(shots)), unfit


def _opened(asked: Iterable[Asked]) -> tuple[list[Opened], dict[str, str]]:
    """Return each shot with the frames that its footage has; headers of movies may be off by one."""
    from sghm_vs.media.readers import open_source

    opened: list[Opened] = []
    unfit: dict[str, str] = {}
    for one in asked:
        try:
            _refuse_script(one.shot)
            _refuse_windows(one.shot)
            source = open_source(one.shot.source, one.shot.opening)
            there = _there(source)
            _refuse_outside(one.shot, there)
        except SghmError as error:
            unfit[one.shot.name] = str(error)
            continue
        opened.append((one, there))
    return opened, unfit


def frames_of(footage: Footage, args: argparse.Namespace) -> FrameRange:
    """Return the frames of `footage` that are asked for."""
    from sghm_vs.media.readers import open_source

    named = footage.frames or args.frames
    return named or _there(open_source(footage.path, options.opening_from(args)))


def _there(source: Source) -> FrameRange:
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


def _refuse_outside(shot: Shot, there: FrameRange) -> None:
    frames = shot.frames or there
    if frames.first < there.first or frames.last > there.last:
        msg = f"{shot.source} has frames {there}, and {frames} was asked for"
        raise SourceError(msg)


def _refuse_unequal(asked: Sequence[Asked]) -> None:
    """A worker keeps one network loaded, and the plan pins it."""
    kinds = {
        (one.shot.matting.model, one.shot.matting.device_index,
         one.shot.matting.backend, one.shot.matting.fp16)
        for one in asked
    }  # fmt: skip
    if len(kinds) > 1:
        msg = "shots of one plan have one --model, --device, --backend and --fp16; make two plans"
        raise SettingsError(msg)


def _worker(first: Opened, args: argparse.Namespace) -> tuple[Fingerprint, float | None]:
    """Return what workers are, and how long a frame takes them."""
    if args.worker is not None:
        worker, frame_s = read_worker(args.worker)
    else:
        needs = args.chunk is None and args.frame_seconds is None
        asked, there = first
        shot = replace(asked.shot, frames=asked.shot.frames or there)
        worker, frame_s = this_machine(shot, args.threads, is_measured=needs)
    return worker, args.frame_seconds or frame_s


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
    from sghm_vs.shots.farm.fingerprint import Fingerprint

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        frame_s = found["frame_s"]
        worker = Fingerprint.from_json(found["worker"])
        return worker, None if frame_s is None else float(frame_s)
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; run on a worker: sghm farm worker"
        raise FarmError(msg) from None
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{path} says nothing of a worker: {error}; run on one: sghm farm worker"
        raise FarmError(msg) from None


def _planned(
    one: Asked,
    there: FrameRange,
    worker: Fingerprint,
    frame_s: float | None,
    args: argparse.Namespace,
) -> PlannedShot:
    from sghm_vs.shots.farm.plan import PlannedShot

    shot = one.shot
    frames = shot.frames or there
    start = shot.delivery.start_number
    return PlannedShot(
        name=shot.name,
        source=str(shot.source),
        frames=frames,
        is_whole=shot.frames is None,
        first_number=frames.first if start is None else start,
        matting=options.words_of(MATTING, _pinned(one, worker)),
        delivery=options.words_of(DELIVERY, _settled(one), but=OF_THE_PLAN),
        outputs=shot.outputs,
        chunks=tuple(_chunks(one, frames, there, frame_s, args)),
    )


def _pinned(one: Asked, worker: Fingerprint) -> argparse.Namespace:
    """Return the options of a shot, with the model and kind of device that were found."""
    pinned = argparse.Namespace(**vars(one.args))
    is_named = one.args.model == "auto" or not Path(one.args.model).is_file()
    pinned.model = worker.model if is_named else str(Path(one.args.model).absolute())
    pinned.device = "cuda" if worker.is_gpu else "cpu"
    return pinned


def _settled(one: Asked) -> argparse.Namespace:
    """Return the options of a shot, with what its host's preset says."""
    settled = argparse.Namespace(**vars(one.args))
    given = one.shot.delivery.form
    if one.args.host:
        for name in ("layout", "sample", "compression", "codec", "premultiplied"):
            setattr(settled, name, getattr(given, name))
    return settled


def _chunks(
    one: Asked,
    frames: FrameRange,
    there: FrameRange,
    frame_s: float | None,
    args: argparse.Namespace,
) -> list[Chunk]:
    from sghm_vs.shots.farm.chunks import CHUNK_S, chunk_size, split

    reach = one.shot.matting.settings.reach
    if args.chunk is not None:
        size = args.chunk
    elif frame_s is not None:
        size = chunk_size(frame_s, args.chunk_seconds or CHUNK_S, reach)
    else:
        msg = f"{args.worker} doesn't say how long a frame takes; give --frame-seconds or --chunk"
        raise SettingsError(msg)
    return split(frames, size, reach=reach, cuts=one.cuts, there=there)


def _cuts(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, numbers = text.rpartition("=")
    try:
        return name, tuple(int(word) for word in numbers.split(","))
    except ValueError:
        msg = f"{text!r} are no frames; write 120,340 or sh010=120,340"
        raise argparse.ArgumentTypeError(msg) from None
