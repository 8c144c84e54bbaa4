"""A farm's plan on the command line: read, and its shots as workers take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import batch, options
from sghm_vs.errors import FarmError, SettingsError

if TYPE_CHECKING:
    from sghm_vs.shots.farm.job import Job
    from sghm_vs.shots.farm.plan import Plan, PlannedShot


def read(path: Path) -> tuple[Plan, list[Job]]:
    """Return the plan at `path` and its jobs, once all that it says of them makes sense."""
    from sghm_vs.shots.farm.plan import read_plan

    plan = read_plan(path)
    jobs = [*jobs_of(plan)]
    for job in jobs:
        _ = job.paths
    return plan, jobs


def jobs_of(plan: Plan) -> Iterator[Job]:
    """Yield the shots of `plan`, as workers take them."""
    return (job_of(plan, shot) for shot in plan.shots)


def job_of(plan: Plan, planned: PlannedShot) -> Job:
    """
    Return a planned shot as workers take it.

    Raises:
        FarmError: What the plan says of it is nothing that `sghm farm plan` would write.
    """
    from sghm_vs.shots.batch.names import Shot, safe_name
    from sghm_vs.shots.farm.job import Job

    try:
        args = batch.parse_row([*planned.matting, *planned.delivery])
        if safe_name(planned.name) != planned.name or planned.source.endswith(".vpy"):
            msg = f"it is called {planned.name!r}, and made from {planned.source}"
            raise SettingsError(msg)
    except SettingsError as error:
        msg = f"the plan's shot {planned.name!r} is none: {error}"
        raise FarmError(msg) from None
    args.resume = args.overwrite = False
    first = planned.first_number
    args.start_number = None if first == planned.frames.first else first
    streams = 0 if plan.worker.is_gpu else plan.worker.threads
    shot = Shot(
        name=planned.name,
        source=Path(planned.source),
        outputs=planned.outputs,
        frames=None if planned.is_whole else planned.frames,
        opening=options.opening_from(args),
        matting=replace(options.matting_from(args), num_streams=streams),
        delivery=options.delivery_from(args),
    )
    return Job(shot, planned, Path(plan.folder))
