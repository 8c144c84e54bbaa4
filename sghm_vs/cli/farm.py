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

from sghm_vs.cli import batch, options
from sghm_vs.cli.progress import farm_progress, openjd_progress
from sghm_vs.errors import counted
from sghm_vs.options import EditOptions, PlanOptions, ShowOptions
from sghm_vs.progress import Progress

if TYPE_CHECKING:
    from sghm_vs.options import FrameRange
    from sghm_vs.shots.farm.job import Job
    from sghm_vs.shots.farm.plan import Plan


USUAL_FOLDER = "mattes"
PROGRESS = ("auto", "json", "openjd")


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb, and its own verbs, to the command line."""
    parser = verbs.add_parser(
        "farm",
        help="matte a show on many machines, to the same bytes as on one",
        description="Plan shots in chunks, and make them on a Ray cluster or by the commands of "
        "any scheduler. Each frame is the same as if one machine had made them all.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, help, run, *adders in (
        ("plan", "cut shots into chunks, and write the plan", _plan, _add_to_plan),
        ("worker", "print what this machine is, as a worker", _worker, _add_to_worker),
        ("run", "make the plan on a Ray cluster, or on this machine", _run, _add_plan, _add_to_run),
        ("check", "tell whether this machine is as planned", _check, _add_plan),
        ("script", "print the plan as a script of plain commands", _script,
         _add_plan, _add_to_script, _add_mixed),
        ("assemble", "check what chunks made, write movies and the manifest", _assemble,
         _add_plan, _add_to_assemble),
        ("template", "write the plan as a job of Open Job Description", _template,
         _add_plan, _add_to_template),
        ("make", "make some frames of the plan", _make, _add_plan, _add_to_make, _add_mixed),
        ("start-worker", "start a worker that keeps the network loaded", _start_worker,
         _add_plan, _add_session, _add_mixed),
        ("serve", "be the worker that start-worker starts", _serve,
         _add_plan, _add_session, _add_mixed),
        ("stop-worker", "end the worker of this folder", _stop_worker, _add_session),
    ):  # fmt: skip
        about = f"{help[0].upper()}{help[1:]}."
        action = actions.add_parser(name, help=help, description=about)
        action.set_defaults(run=run)
        for add in adders:
            add(action)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="as sghm farm plan wrote it")


def _add_session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at", required=True, type=Path, metavar="DIR", help="a folder of this session alone"
    )


def _add_mixed(parser: argparse.ArgumentParser) -> None:
    options.add_knob(parser, ShowOptions, "mixed")


def _add_to_plan(parser: argparse.ArgumentParser) -> None:
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
    options.add_group(parser, "farm", PlanOptions)
    options.add_group(parser, "edit", EditOptions)
    batch.add_shot_options(parser, of_edit=True)
    options.add_report_options(parser)


def _add_to_worker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE", help="footage of which a few frames are timed"
    )
    options.add_knob(parser, PlanOptions, "threads")
    batch.add_shot_options(parser, of_edit=True)
    options.add_report_options(parser)


def _add_to_run(parser: argparse.ArgumentParser) -> None:
    options.add_group(parser, "show", ShowOptions)
    options.add_report_options(parser)
    options.add_progress_option(parser)


def _add_to_script(parser: argparse.ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--slurm", action="store_true", help="an array job, for sbatch")
    kind.add_argument("--shell", action="store_true", help="plain sh: all chunks, or one by number")


def _add_to_assemble(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shot", metavar="NAME", help="one of the plan (default: all)")
    which.add_argument("--nth", type=int, metavar="N", help="the same by its place, from 1")
    options.add_knob(parser, ShowOptions, "report")
    options.add_report_options(parser)


def _add_to_template(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="YAML", help="template.yaml"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")


def _add_to_make(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--quiet", action="store_true", help="print no progress")
    parser.add_argument(
        "--progress",
        default=PROGRESS[0],
        choices=PROGRESS,
        help="as for sghm matte; openjd is for sessions of Open Job Description, on stdout",
    )


def _plan(args: argparse.Namespace) -> int:
    """Write the plan that `args` ask for."""
    from sghm_vs.files import refuse_existing, write_files
    from sghm_vs.shots.farm.planning import make_plan

    if not args.overwrite:
        refuse_existing([args.output])
    options.take_settings(args)
    plan_options = options.group_from(PlanOptions, args)
    folder = plan_options.mattes or args.output.parent / USUAL_FOLDER
    with options.stdout_for_results():
        plan, invalid, notes = make_plan(
            args.source,
            folder.absolute(),
            options.values_from(args),
            plan_options,
            options.group_from(EditOptions, args),
            reviews=options.reads_reviews(args),
        )
    for note in notes:
        options.say(note)
    write_files({args.output: plan.to_json()}, overwrite=args.overwrite)
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
    from sghm_vs.shots.farm.run import make_show

    how = options.group_from(ShowOptions, args)
    plan, jobs = read(args.plan)
    needs = WorkerOptions(planned=plan.worker, matting=jobs[0].shot.matting, is_mixed=how.mixed)
    open_pool = partial(
        pool_of(how.engine), needs, how.address, how.workers, read_runtime_env(how.runtime_env)
    )
    with (
        options.stdout_for_results(),
        farm_progress(quiet=args.quiet, as_json=args.progress == "json") as listener,
    ):
        entries = make_show(jobs, open_pool, how, listener, frame_s=plan.frame_s)
    args.output = Path(plan.folder)
    return batch.print_result(entries, args, batch.reported(args, wants=how.report))


def _template(args: argparse.Namespace) -> int:
    """Write the plan as a job template."""
    from sghm_vs.files import write_files
    from sghm_vs.shots.farm.engines.openjd import job_template
    from sghm_vs.shots.farm.job import read

    text = job_template(read(args.plan)[0], args.plan.absolute())
    written = write_files({args.output: text}, overwrite=args.overwrite)
    options.print_lines(map(str, written))
    return 0


def _script(args: argparse.Namespace) -> int:
    """Print the plan as a script."""
    from sghm_vs.shots.farm.engines.slurm import shell_script, slurm_script
    from sghm_vs.shots.farm.job import read

    plan, path = read(args.plan)[0], args.plan.absolute()
    script = slurm_script if args.slurm else shell_script
    sys.stdout.write(script(plan, path, is_mixed=_is_mixed(args)))
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
    wants = options.group_from(ShowOptions, args).report
    return batch.print_result(entries, args, batch.reported(args, wants=wants))


def _worker(args: argparse.Namespace) -> int:
    """Print what this machine is; and how fast, if footage is given."""
    from sghm_vs.shots.batch.find import find_footage
    from sghm_vs.shots.batch.requests import shot_of
    from sghm_vs.shots.farm.planning import frames_of, this_machine

    source = None if args.source is None else find_footage([args.source]).footage[0]
    options.take_settings(args)
    with options.stdout_for_results():
        path, frames = (Path(), None) if source is None else (source.path, source.frames)
        values = options.values_from(args)
        shot = shot_of(values, path, frames or values.get("frames"))
        threads = options.group_from(PlanOptions, args).threads
        if source is not None:
            shot = replace(shot, frames=frames_of(shot))
        worker, frame_s = this_machine(shot, threads, is_measured=source is not None)
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
        with _progress_of(f"{shot.name} {frames}", args) as report, options.stdout_for_results():
            make(job_of(plan, shot), frames, report or (lambda *_: None))
    return 0


def _is_mixed(args: argparse.Namespace) -> bool:
    return options.group_from(ShowOptions, args).mixed


def _progress_of(what: str, args: argparse.Namespace) -> AbstractContextManager[Progress | None]:
    if args.progress == "openjd":
        return openjd_progress(what)
    return options.progress_of(what, args)


type Make = Callable[[Job, FrameRange, Progress], object]


def _by_worker(folder: Path) -> Make:
    from sghm_vs.shots.farm.engines.session import make_chunk

    return lambda job, frames, report: make_chunk(folder, job.shot.name, frames, report)


def _here(plan: Plan, args: argparse.Namespace) -> Make:
    from sghm_vs.shots.batch.render import Rotoscoper
    from sghm_vs.shots.farm.worker import loaded_for

    with options.stdout_for_results():
        render = Rotoscoper(loaded_for(plan, is_mixed=_is_mixed(args)))
    return lambda job, frames, report: render(job.task(frames), report)


def _start_worker(args: argparse.Namespace) -> int:
    """Start a worker."""
    from sghm_vs.shots.farm.engines.session import start

    start(args.plan.absolute(), args.at.absolute(), is_mixed=_is_mixed(args))
    return 0


def _serve(args: argparse.Namespace) -> int:
    """Be a worker."""
    from sghm_vs.shots.farm.engines.session import serve
    from sghm_vs.shots.farm.plan import read_plan

    serve(read_plan(args.plan), args.at, is_mixed=_is_mixed(args))
    return 0


def _stop_worker(args: argparse.Namespace) -> int:
    """End a worker."""
    from sghm_vs.shots.farm.engines.session import stop

    stop(args.at)
    return 0
