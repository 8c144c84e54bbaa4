"""sghm farm: a show in chunks, on many machines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import batch, making, options, planning, plans
from sghm_vs.cli.progress import farm_progress
from sghm_vs.errors import SettingsError

if TYPE_CHECKING:
    type Actions = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb, and its own verbs, to the command line."""
    parser = verbs.add_parser(
        "farm",
        help="matte a show on many machines, to the same bytes as on one",
        description="Plan shots in chunks, and make them: by commands of any scheduler. Each "
        "frame comes out as if one machine had made them all.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    plan = _add_action(actions, "plan", "cut shots into chunks, and write the plan", planning.run)
    planning.add_options(plan)
    worker = _add_action(
        actions, "worker", "print what this machine is, as a worker", making.worker
    )
    making.add_worker_options(worker)
    make = _add_action(actions, "run", "make the plan on a Ray cluster, or on this machine", _run)
    _add_plan_options(make)
    _add_run_options(make)
    check = _add_action(actions, "check", "tell whether this machine is as planned", making.check)
    _add_plan_options(check)
    script = _add_action(actions, "script", "print the plan as a script of plain commands", _script)
    _add_plan_options(script)
    _add_script_options(script)
    _add_assemble(actions)
    _add_template(actions)
    _add_session(actions)


def _add_assemble(actions: Actions) -> None:
    parser = _add_action(
        actions, "assemble", "check what chunks made, write movies, record the shots", _assemble
    )
    _add_plan_options(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shot", metavar="NAME", help="one of the plan (default: all)")
    which.add_argument("--nth", type=int, metavar="N", help="the same by its place, from 1")
    options.add_report_options(parser)


def _add_template(actions: Actions) -> None:
    parser = _add_action(
        actions, "template", "write the plan as a job of Open Job Description", _template
    )
    _add_plan_options(parser)
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="YAML", help="template.yaml"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")


def _add_session(actions: Actions) -> None:
    """Add what a job of Open Job Description calls."""
    one = _add_action(actions, "make", "make some frames of the plan", making.make)
    _add_plan_options(one)
    making.add_make_options(one)
    for name, help, act in (
        ("warm", "start a worker that keeps the network loaded", making.warm),
        ("serve", "be the worker that warm starts", making.serve),
    ):
        session = _add_action(actions, name, help, act)
        _add_plan_options(session)
        making.add_session_options(session)
        making.add_mixed_option(session)
    cool = _add_action(actions, "cool", "end the worker that warm started", making.cool)
    making.add_session_options(cool)


def _add_action(
    actions: Actions, name: str, help: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _add_plan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="as sghm farm plan wrote it")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
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


def _run(args: argparse.Namespace) -> int:
    """Make the plan, and print what came of it."""
    from sghm_vs.shots.farm.engines.ray import Crew, Needs
    from sghm_vs.shots.farm.run import Rules, make_show

    if args.workers < 0 or args.tries < 1:
        msg = f"{args.workers} workers and {args.tries} tries are none; give 1 or more"
        raise SettingsError(msg)
    plan, jobs = plans.read(args.plan)
    rules = Rules(
        overwrite=args.overwrite,
        tries=args.tries,
        patience_s=args.patience,
        frame_s=plan.frame_s,
        is_hashed=not args.no_hash,
    )
    needs = Needs(planned=plan.worker, matting=jobs[0].shot.matting, is_mixed=args.mixed)
    open_crew = partial(
        Crew,
        needs,
        address=args.address,
        size=args.workers,
        runtime_env=_runtime_env(args.runtime_env),
    )
    with (
        options.stdout_for_results(),
        farm_progress(quiet=args.quiet, as_json=args.progress == "json") as tell,
    ):
        entries = make_show(jobs, open_crew, rules, tell)
    args.output = Path(plan.folder)
    return batch.print_result(entries, args)


def _runtime_env(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} can't be read as JSON: {error}; write Ray's runtime_env into it"
        raise SettingsError(msg) from None
    if not isinstance(found, dict):
        msg = f'{path} is no runtime_env of Ray; write {{"py_modules": ["sghm_vs.whl"]}}'
        raise SettingsError(msg)
    return found


def _template(args: argparse.Namespace) -> int:
    """Write the plan as a job template."""
    from sghm_vs.media.targets import refuse_existing, whole_file
    from sghm_vs.shots.farm.engines.openjd import job_template

    if not args.overwrite:
        refuse_existing([args.output])
    text = job_template(plans.read(args.plan)[0], args.plan.absolute())
    with whole_file(args.output) as part:
        part.write_text(text, encoding="utf-8")
    options.print_lines([str(args.output)])
    return 0


def _script(args: argparse.Namespace) -> int:
    """Print the plan as a script."""
    from sghm_vs.shots.farm.engines.slurm import shell_script, slurm_script

    plan, path = plans.read(args.plan)[0], args.plan.absolute()
    script = slurm_script if args.slurm else shell_script
    sys.stdout.write(script(plan, path, is_mixed=args.mixed))
    return 0


def _assemble(args: argparse.Namespace) -> int:
    """Make shots whole whose chunks are there."""
    from sghm_vs.shots.farm.plan import read_plan
    from sghm_vs.shots.farm.run import assemble_here

    plan = read_plan(args.plan)
    shots = plan.shots if args.shot is None else (plan.shot(args.shot),)
    if args.nth is not None:
        shots = (plan.nth(args.nth),)
    args.output = Path(plan.folder)
    with options.stdout_for_results():
        options.bound_cache()
        entries = assemble_here([plans.job_of(plan, shot) for shot in shots])
    return batch.print_result(entries, args)
