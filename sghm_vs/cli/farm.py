"""sghm farm: a show in chunks, on many machines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import batch, options, timeline
from sghm_vs.cli.progress import Report, farm_progress, openjd_progress
from sghm_vs.errors import SettingsError, counted
from sghm_vs.shots.farm.engines import ENGINES

if TYPE_CHECKING:
    from sghm_vs.options import FrameRange
    from sghm_vs.shots.farm.job import Job
    from sghm_vs.shots.farm.plan import Plan


USUAL_FOLDER = "mattes"


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb, and its own verbs, to the command line."""
    parser = verbs.add_parser(
        "farm",
        help="matte a show on many machines, to the same bytes as on one",
        description="Plan shots in chunks, and make them: by commands of any scheduler. Each "
        "frame comes out as if one machine had made them all.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, help, run, *adders in (
        ("plan", "cut shots into chunks, and write the plan", _plan, _add_plan_making_options),
        ("worker", "print what this machine is, as a worker", _worker, _add_worker_options),
        ("run", "make the plan on a Ray cluster, or on this machine", _run,
         _add_plan_options, _add_run_options),
        ("check", "tell whether this machine is as planned", _check, _add_plan_options),
        ("script", "print the plan as a script of plain commands", _script,
         _add_plan_options, _add_script_options),
        ("assemble", "check what chunks made, write movies, record the shots", _assemble,
         _add_plan_options, _add_assemble_options),
        ("template", "write the plan as a job of Open Job Description", _template,
         _add_plan_options, _add_template_options),
        ("make", "make some frames of the plan", _make, _add_plan_options, _add_make_options),
        ("start-worker", "start a worker that keeps the network loaded", _start_worker,
         _add_plan_options, _add_session_options, _add_mixed_option),
        ("serve", "be the worker that start-worker starts", _serve,
         _add_plan_options, _add_session_options, _add_mixed_option),
        ("stop-worker", "end the worker of this folder", _stop_worker, _add_session_options),
    ):  # fmt: skip
        about = f"{help[0].upper()}{help[1:]}."
        action = actions.add_parser(name, help=help, description=about)
        action.set_defaults(run=run)
        for add in adders:
            add(action)


def _add_assemble_options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shot", metavar="NAME", help="one of the plan (default: all)")
    which.add_argument("--nth", type=int, metavar="N", help="the same by its place, from 1")
    options.add_report_options(parser)


def _add_template_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="YAML", help="template.yaml"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")


def _add_plan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="as sghm farm plan wrote it")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine", choices=ENGINES, default=ENGINES[0], help="what runs the workers (default: ray)"
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="of a Ray cluster, or auto for the one around (default: one on this machine, for the "
        "while)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="at most (default: as many as there are GPUs, or cores for)",
    )
    parser.add_argument(
        "--runtime-env",
        type=Path,
        metavar="FILE",
        help="JSON: how workers get the package, as Ray's runtime_env; see docs/farm.md",
    )
    parser.add_argument(
        "--no-hash",
        action="store_true",
        help="don't read footage once more for its checksum: size and date tell if it changes",
    )
    parser.add_argument(
        "--tries",
        type=int,
        default=3,
        metavar="N",
        help="how often a chunk may fail before it is set aside (default: 3)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=3600,
        metavar="S",
        help="how long a full disk or a share that is away is waited for (default: 3600)",
    )
    parser.add_argument("--mixed", action="store_true", help="take workers that are not as planned")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace outputs that no manifest knows"
    )
    options.add_report_options(parser)
    options.add_progress_option(parser)


def _add_script_options(parser: argparse.ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--slurm", action="store_true", help="an array job, for sbatch")
    kind.add_argument("--shell", action="store_true", help="plain sh: all chunks, or one by number")
    parser.add_argument("--mixed", action="store_true", help="take workers that are not as planned")


def _add_plan_making_options(parser: argparse.ArgumentParser) -> None:
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
    batch.add_shot_options(parser, of_edit=True)
    options.add_report_options(parser)


def _plan(args: argparse.Namespace) -> int:
    """Write the plan that `args` ask for."""
    from sghm_vs.media.files import refuse_existing, whole_file
    from sghm_vs.shots.farm.planning import PlanOptions, make_plan

    if not args.overwrite:
        refuse_existing([args.output])
    folder = args.mattes or args.output.parent / USUAL_FOLDER
    asked = PlanOptions(
        sources=args.source,
        folder=folder.absolute(),
        values=options.values_from(args),
        edit=timeline.edit_options_from(args),
        chunk=args.chunk,
        chunk_s=args.chunk_seconds,
        frame_s=args.frame_seconds,
        cuts=dict(args.cuts),
        worker=args.worker,
        threads=args.threads,
    )
    with options.stdout_for_results():
        plan, invalid, notes = make_plan(asked)
    for note in notes:
        options.say(note)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(args.output) as part:
        part.write_text(plan.to_json(), encoding="utf-8")
    _print_plan(plan, invalid, args)
    return 1 if invalid else 0


def _print_plan(plan: Plan, invalid: Mapping[str, str], args: argparse.Namespace) -> None:
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
                "unfit": dict(invalid),
            }
        )
        return
    longest = max(len(chunk.writes) for chunk in chunks)
    pace = "" if plan.frame_s is None else f", {plan.frame_s:.3g} s a frame"
    options.print_lines(
        [
            f"{args.output}: {counted(len(plan.shots), 'shot')} in "
            f"{counted(len(chunks), 'chunk')} of up to {counted(longest, 'frame')}; "
            f"{counted(frames, 'frame')} to matte, {read} to read, as chunks overlap{pace}"
        ]
    )
    for name, reason in invalid.items():
        options.say(f"{name}: {reason}")


def _run(args: argparse.Namespace) -> int:
    """Make the plan, and print what came of it."""
    from sghm_vs.shots.farm.engines.base import WorkerOptions, pool_of, read_runtime_env
    from sghm_vs.shots.farm.job import read
    from sghm_vs.shots.farm.run import SHOW, make_show

    if args.workers < 0 or args.tries < 1:
        msg = f"{args.workers} workers and {args.tries} tries are none; give 1 or more"
        raise SettingsError(msg)
    plan, jobs = read(args.plan)
    rules = replace(SHOW, tries=args.tries, patience_s=args.patience, frame_s=plan.frame_s)
    needs = WorkerOptions(planned=plan.worker, matting=jobs[0].shot.matting, is_mixed=args.mixed)
    open_pool = partial(
        pool_of(args.engine), needs, args.address, args.workers, read_runtime_env(args.runtime_env)
    )
    with (
        options.stdout_for_results(),
        farm_progress(quiet=args.quiet, as_json=args.progress == "json") as listener,
    ):
        entries = make_show(
            jobs,
            open_pool,
            rules,
            listener,
            overwrite=args.overwrite,
            is_hashed=not args.no_hash,
        )
    args.output = Path(plan.folder)
    return batch.print_result(entries, args)


def _template(args: argparse.Namespace) -> int:
    """Write the plan as a job template."""
    from sghm_vs.media.files import refuse_existing, whole_file
    from sghm_vs.shots.farm.engines.openjd import job_template
    from sghm_vs.shots.farm.job import read

    if not args.overwrite:
        refuse_existing([args.output])
    text = job_template(read(args.plan)[0], args.plan.absolute())
    with whole_file(args.output) as part:
        part.write_text(text, encoding="utf-8")
    options.print_lines([str(args.output)])
    return 0


def _script(args: argparse.Namespace) -> int:
    """Print the plan as a script."""
    from sghm_vs.shots.farm.engines.slurm import shell_script, slurm_script
    from sghm_vs.shots.farm.job import read

    plan, path = read(args.plan)[0], args.plan.absolute()
    script = slurm_script if args.slurm else shell_script
    sys.stdout.write(script(plan, path, is_mixed=args.mixed))
    return 0


def _assemble(args: argparse.Namespace) -> int:
    """Make shots whole whose chunks are there."""
    from sghm_vs.shots.farm.job import job_of
    from sghm_vs.shots.farm.plan import read_plan
    from sghm_vs.shots.farm.run import assemble_here

    plan = read_plan(args.plan)
    shots = plan.shots if args.shot is None else (plan.shot(args.shot),)
    if args.nth is not None:
        shots = (plan.nth(args.nth),)
    args.output = Path(plan.folder)
    with options.stdout_for_results():
        options.bound_cache()
        entries = assemble_here([job_of(plan, shot) for shot in shots])
    return batch.print_result(entries, args)


def _add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Add of which workers it is asked."""
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE", help="footage of which a few frames are timed"
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="cores of a worker (default: 1; with a GPU 4)"
    )
    batch.add_shot_options(parser, of_edit=True)
    options.add_report_options(parser)


def _add_make_options(parser: argparse.ArgumentParser) -> None:
    """Add which frames are made, and by whom."""
    parser.add_argument(
        "--frames",
        type=options.frame_range,
        metavar="A-B",
        help="by the plan's count: a single shot's own numbers, else from 1 through all shots "
        "(default: all)",
    )
    parser.add_argument(
        "--shot", metavar="NAME", help="a shot, whose own numbers --frames then has"
    )
    parser.add_argument(
        "--at", type=Path, metavar="DIR", help="by the worker that start-worker started there"
    )
    _add_mixed_option(parser)
    parser.add_argument("--quiet", action="store_true", help="print no progress")
    parser.add_argument(
        "--progress",
        default="auto",
        choices=["auto", "json", "openjd"],
        help="as for sghm matte; openjd is for sessions of Open Job Description, on stdout",
    )


def _add_session_options(parser: argparse.ArgumentParser) -> None:
    """Add where a worker that stays is found."""
    parser.add_argument(
        "--at", required=True, type=Path, metavar="DIR", help="a folder of this session alone"
    )


def _add_mixed_option(parser: argparse.ArgumentParser) -> None:
    """Add whether any machine will do."""
    parser.add_argument(
        "--mixed", action="store_true", help="though this machine is not as planned"
    )


def _worker(args: argparse.Namespace) -> int:
    """Print what this machine is; and how fast, if footage is given."""
    from sghm_vs.shots.batch.find import find_footage
    from sghm_vs.shots.batch.requests import shot_of
    from sghm_vs.shots.farm.planning import frames_of, this_machine

    source = None if args.source is None else find_footage([args.source]).footage[0]
    with options.stdout_for_results():
        path, frames = (Path(), None) if source is None else (source.path, source.frames)
        values = options.values_from(args)
        shot = shot_of(values, path, frames or values.get("frames"))
        if source is not None:
            shot = replace(shot, frames=frames_of(shot))
        worker, frame_s = this_machine(shot, args.threads, is_measured=source is not None)
    options.print_json({"worker": asdict(worker), "frame_s": frame_s})
    return 0


def _check(args: argparse.Namespace) -> int:
    """Refuse if this machine is not as planned."""
    from sghm_vs.shots.farm.plan import read_plan
    from sghm_vs.shots.farm.worker import loaded_for

    plan = read_plan(args.plan)
    with options.stdout_for_results():
        loaded_for(plan, is_mixed=False)
    return 0


def _make(args: argparse.Namespace) -> int:
    """Make frames of the plan, here or by a worker that was started."""
    from sghm_vs.shots.farm.job import job_of
    from sghm_vs.shots.farm.plan import read_plan

    plan = read_plan(args.plan)
    make = _by_worker(args.at) if args.at is not None else _here(plan, args)
    for shot, frames in plan.parts_of(args.shot, args.frames):
        with _told(f"{shot.name} {frames}", args) as report, options.stdout_for_results():
            make(job_of(plan, shot), frames, report or (lambda *_: None))
    return 0


def _told(what: str, args: argparse.Namespace) -> AbstractContextManager[Report | None]:
    if args.progress == "openjd":
        return openjd_progress(what)
    return options.told(what, args)


type Make = Callable[[Job, FrameRange, Report], object]


def _by_worker(folder: Path) -> Make:
    from sghm_vs.shots.farm.engines.session import ask

    return lambda job, frames, report: ask(folder, job.shot.name, frames, report)


def _here(plan: Plan, args: argparse.Namespace) -> Make:
    from sghm_vs.shots.batch.render import Rotoscoper
    from sghm_vs.shots.farm.worker import loaded_for

    with options.stdout_for_results():
        render = Rotoscoper(loaded_for(plan, is_mixed=args.mixed))
    return lambda job, frames, report: render(job.task(frames), report)


def _start_worker(args: argparse.Namespace) -> int:
    """Start a worker."""
    from sghm_vs.shots.farm.engines.session import start

    start(args.plan.absolute(), args.at.absolute(), is_mixed=args.mixed)
    return 0


def _serve(args: argparse.Namespace) -> int:
    """Be a worker."""
    from sghm_vs.shots.farm.engines.session import serve
    from sghm_vs.shots.farm.plan import read_plan

    serve(read_plan(args.plan), args.at, is_mixed=args.mixed)
    return 0


def _stop_worker(args: argparse.Namespace) -> int:
    """End a worker."""
    from sghm_vs.shots.farm.engines.session import stop

    stop(args.at)
    return 0


def _cuts(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, numbers = text.rpartition("=")
    try:
        return name, tuple(int(word) for word in numbers.split(","))
    except ValueError:
        msg = f"{text!r} are no frames; write 120,340 or sh010=120,340"
        raise argparse.ArgumentTypeError(msg) from None
