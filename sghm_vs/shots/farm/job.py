"""A planned shot, as workers take it: what each of its chunks is, and where it goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sghm_vs.errors import DeviceError, FarmError, SettingsError, listed
from sghm_vs.files import discard
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import records_of
from sghm_vs.options import Delivery, FrameRange, Guides, OutputFormat, from_words
from sghm_vs.shots.batch.names import Shot, place, safe_name
from sghm_vs.shots.batch.render import Task
from sghm_vs.shots.batch.requests import shot_of
from sghm_vs.shots.farm.plan import Plan, PlannedShot, read_plan
from sghm_vs.shots.guides import keys_of
from sghm_vs.shots.people_file import people_digest

EXACT = Delivery(output_format=OutputFormat(layout="alpha", sample="float"))
"""As `sghm_vs.shots.farm.engines.slurm.EXACT` says it in words."""


@dataclass(frozen=True, slots=True)
class Job:
    """A shot, cut into chunks."""

    shot: Shot
    planned: PlannedShot
    folder: Path
    """The plan's."""

    @property
    def paths(self) -> list[Path]:
        """Where the outputs go; raises ExportError if that is outside of the folder."""
        return [place(self.folder, output) for output in self.planned.outputs]

    @property
    def kept_alpha(self) -> Path:
        """Where chunks leave the alpha of a shot with a movie."""
        return self.folder / self.planned.kept_alpha

    @property
    def chunked(self) -> list[Target]:
        """What chunks write, frame by frame."""
        paths = [self.kept_alpha] if self.planned.has_movie else self.paths
        return [*map(Target.of, paths)]

    @property
    def shift(self) -> int:
        """What is added to a frame's number in the names of what chunks write."""
        planned = self.planned
        return 0 if planned.has_movie else planned.first_number - planned.frames.first

    @property
    def numbers(self) -> range:
        """The numbers of the frames in these names."""
        frames = self.planned.frames
        return range(frames.first + self.shift, frames.last + self.shift + 1)

    @property
    def written(self) -> range:
        """The numbers of the frames in the outputs' names."""
        first = self.planned.first_number
        return range(first, first + len(self.planned.frames))

    @property
    def task_of_all(self) -> Task:
        """Return how all is written at once."""
        return Task(shot=self.shot, paths=tuple(self.paths), keeps=True)

    def task(self, frames: FrameRange) -> Task:
        """
        Return how a chunk is made: what is there, whole and made in the same way, is kept.

        Raises:
            FarmError: Its keys, or who is who in it, are not as they were planned.
        """
        _refuse_other_keys(self.shot, self.planned)
        _refuse_other_people(self.shot, self.planned)
        delivery = EXACT if self.planned.has_movie else self.shot.delivery
        start = frames.first + self.shift if self.shift else None
        shot = replace(self.shot, frames=frames, delivery=replace(delivery, start_number=start))
        if self.planned.has_movie:
            # What movies are made from is of all people; they are told apart at the end.
            guides = replace(shot.matting.guides, people=None, person=Guides().person)
            shot = replace(shot, matting=replace(shot.matting, guides=guides))
        return Task(shot=shot, paths=tuple(one.path for one in self.chunked), keeps=True)

    def clear(self) -> None:
        """Remove what was made of other footage, or in another way."""
        for path in self.paths:
            _clear(Target.of(path), self.written)
        self.clear_alpha()

    def clear_alpha(self) -> None:
        """Remove the alpha that only served to make a movie."""
        if self.planned.has_movie:
            frames = self.planned.frames
            target = Target.of(self.kept_alpha)
            _clear(target, range(frames.first, frames.last + 1))


def _refuse_other_keys(shot: Shot, planned: PlannedShot) -> None:
    if planned.keys != (here := keys_of(shot)):
        differ = sorted(n for n in {*here, *planned.keys} if here.get(n) != planned.keys.get(n))
        msg = (
            f"{planned.name}: keys of frames {listed(differ)} are others than were planned, and "
            "chunks would not agree; plan again (sghm farm plan), what is whole is kept"
        )
        raise FarmError(msg)


def _refuse_other_people(shot: Shot, planned: PlannedShot) -> None:
    if planned.people != people_digest(shot.matting.guides):
        msg = (
            f"{planned.name}: {shot.matting.guides.people} is another file of who is who than was "
            "planned, and chunks would not agree; plan again (sghm farm plan)"
        )
        raise FarmError(msg)


def _clear(target: Target, numbers: Iterable[int]) -> None:
    for sidecar, _ in records_of(target):
        discard(sidecar)
    if target.sequence is None:
        discard(target.path)
        return
    for number in {*target.sequence.numbers()} & {*numbers}:
        discard(target.file(number))


def read(path: Path) -> tuple[Plan, list[Job]]:
    """Return the plan at `path` and its jobs, once all that it says of them makes sense."""
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
    try:
        values = from_words([*planned.matting, *planned.delivery])
        if safe_name(planned.name) != planned.name or planned.source.endswith(".vpy"):
            msg = f"it is called {planned.name!r}, and made from {planned.source}"
            raise SettingsError(msg)
        frames = None if planned.is_whole else planned.frames
        shot = shot_of(values, Path(planned.source), frames)
    except (DeviceError, SettingsError) as error:
        msg = f"the plan's shot {planned.name!r} is none: {error}"
        raise FarmError(msg) from None
    first = planned.first_number
    start = None if first == planned.frames.first else first
    streams = 0 if plan.worker.is_gpu else plan.worker.threads
    shot = replace(
        shot,
        name=planned.name,
        outputs=planned.outputs,
        matting=replace(shot.matting, num_streams=streams),
        delivery=replace(shot.delivery, start_number=start),
    )
    return Job(shot, planned, Path(plan.folder))
