"""A farm's workers on the command line: what this machine is, and frames made by it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import batch, options, planning, plans
from sghm_vs.cli.progress import Report, openjd_progress

if TYPE_CHECKING:
    from sghm_vs.media.sequences import FrameRange
    from sghm_vs.shots.farm.job import Job
    from sghm_vs.shots.farm.plan import Plan, PlannedShot
    from sghm_vs.shots.shot import Prepared


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Add of which workers it is asked."""
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE", help="footage of which a few frames are timed"
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="cores of a worker (default: 1; with a GPU 4)"
    )
    batch.add_shot_options(parser)
    options.add_report_options(parser)


def add_make_options(parser: argparse.ArgumentParser) -> None:
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
        "--warm", type=Path, metavar="DIR", help="by the worker that sghm farm warm started"
    )
    add_mixed_option(parser)
    parser.add_argument("--quiet", action="store_true", help="print no progress")
    parser.add_argument(
        "--progress",
        default="auto",
        choices=["auto", "json", "openjd"],
        help="as for sghm matte; openjd is for sessions of Open Job Description, on stdout",
    )


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """Add where a worker that stays is found."""
    parser.add_argument(
        "--at", required=True, type=Path, metavar="DIR", help="a folder of this session alone"
    )


def add_mixed_option(parser: argparse.ArgumentParser) -> None:
    """Add whether any machine will do."""
    parser.add_argument(
        "--mixed", action="store_true", help="though this machine is not as planned"
    )


def worker(args: argparse.Namespace) -> int:
    """Print what this machine is; and how fast, if footage is given."""
    from sghm_vs.shots.batch.find import find_footage
    from sghm_vs.shots.batch.names import Shot

    source = None if args.source is None else find_footage([args.source]).footage[0]
    with options.stdout_for_results():
        shot = Shot(
            name="",
            source=Path() if source is None else source.path,
            outputs=(),
            frames=None if source is None else planning.frames_of(source, args),
            opening=options.opening_from(args),
            matting=options.matting_from(args),
        )
        worker, frame_s = planning.this_machine(shot, args.threads, is_measured=source is not None)
    options.print_json({"worker": worker.to_json(), "frame_s": frame_s})
    return 0


def check(args: argparse.Namespace) -> int:
    """Refuse if this machine is not as planned."""
    from sghm_vs.shots.farm.plan import read_plan

    plan = read_plan(args.plan)
    with options.stdout_for_results():
        _loaded(plan, is_mixed=False)
    return 0


def _loaded(plan: Plan, *, is_mixed: bool) -> Prepared:
    """Return the network of `plan`, for who keeps it; refuse where this machine is another."""
    from sghm_vs.shots.farm.fingerprint import refuse_other
    from sghm_vs.shots.farm.worker import loaded

    prepared, here = loaded(plans.job_of(plan, plan.shots[0]).shot.matting, plan.worker.threads)
    if not is_mixed:
        refuse_other(here, plan.worker)
    return prepared


def make(args: argparse.Namespace) -> int:
    """Make frames of the plan, here or by a worker that is warm."""
    from sghm_vs.shots.farm.plan import read_plan

    plan = read_plan(args.plan)
    make = _by_warm(args.warm) if args.warm is not None else _by_cold(plan, args)
    for shot, frames in _parts(plan, args):
        with _told(f"{shot.name} {frames}", args) as report, options.stdout_for_results():
            make(plans.job_of(plan, shot), frames, report or (lambda *_: None))
    return 0


def _told(what: str, args: argparse.Namespace) -> AbstractContextManager[Report | None]:
    if args.progress == "openjd":
        return openjd_progress(what)
    return options.told(what, args)


def _parts(plan: Plan, args: argparse.Namespace) -> list[tuple[PlannedShot, FrameRange]]:
    if args.shot is None:
        return plan.parts(args.frames or plan.numbers)
    shot = plan.shot(args.shot)
    return [(shot, args.frames or shot.frames)]


type Make = Callable[[Job, FrameRange, Report], object]


def _by_warm(folder: Path) -> Make:
    from sghm_vs.shots.farm.engines.session import ask

    return lambda job, frames, report: ask(folder, job.shot.name, frames, report)


def _by_cold(plan: Plan, args: argparse.Namespace) -> Make:
    from sghm_vs.shots.batch.render import Rotoscoper

    with options.stdout_for_results():
        kept, render = _loaded(plan, is_mixed=args.mixed), Rotoscoper()

    def make(job: Job, frames: FrameRange, report: Report) -> object:
        assert kept is not None  # noqa: S101 - clips share a network while somebody keeps it
        return render(job.task(frames), report)

    return make


def warm(args: argparse.Namespace) -> int:
    """Start a worker."""
    from sghm_vs.shots.farm.engines.session import start

    start(args.plan.absolute(), args.at.absolute(), is_mixed=args.mixed)
    return 0


def serve(args: argparse.Namespace) -> int:
    """Be a worker."""
    from sghm_vs.shots.farm.engines.session import serve
    from sghm_vs.shots.farm.plan import read_plan
    from sghm_vs.shots.farm.worker import bind_threads

    plan = read_plan(args.plan)
    bind_threads(plan.worker.threads)
    options.bound_cache()
    kept = _loaded(plan, is_mixed=args.mixed)
    serve({job.shot.name: job for job in plans.jobs_of(plan)}, args.at)
    del kept
    return 0


def cool(args: argparse.Namespace) -> int:
    """End a worker."""
    from sghm_vs.shots.farm.engines.session import stop

    stop(args.at)
    return 0
