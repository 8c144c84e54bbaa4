"""A show on a farm that is not there: workers that are lost, and slow ones, on the real schedule."""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
from dataclasses import asdict, dataclass, field, fields

from benchmarks.farm_cost import Show, on_paper
from sghm_vs.cli import options
from sghm_vs.options import FrameRange
from sghm_vs.shots.batch.schedule import Schedule, Work
from sghm_vs.shots.farm.chunks import split

SPREAD = 0.1
"""Of the times that equal chunks take, as a part of their mean."""
POLL_S = 0.5
"""How often a worker without work looks for some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a simulated show went."""

    hours: float
    fps: float
    chunks: int
    losses: int
    """Workers lost."""
    lost_share: float
    """Seconds that were worked for nothing, of all."""
    busy_share: float
    """Seconds that workers worked, of all that they were there or could have been."""
    frames_made: int
    """Frames of chunks that ended well, each once."""


def add_parser(measures: options.Verbs) -> None:
    """Add what simulates a show to the command line."""
    what = "tell what a show on a farm would take, on paper and simulated"
    parser = measures.add_parser("simulate", help=what, description=f"{what[0].upper()}{what[1:]}.")
    usual = Show()
    for name, meaning in (
        ("frames", "frames of the show"),
        ("shots", "shots that they lie in"),
        ("workers", "GPUs, or single workers of other kinds"),
        ("frame-s", "seconds that a worker takes for a frame"),
        ("chunk", "frames of a chunk"),
        ("reach", "frames read before and after a chunk: 5 times --tr, and 1"),
        ("window-share", "what such a frame costs, of one that is written"),
        ("start-s", "seconds until a worker is ready"),
        ("dispatch-s", "seconds of the driver for each chunk"),
        ("read-mb", "of a frame of footage"),
        ("write-mb", "of a frame of mattes"),
        ("reads-of-source", "how often footage is read; 2 with its checksum"),
        ("lost-after-h", "hours after which a worker is lost, in the mean"),
        ("back-after-s", "seconds until there is another"),
        ("slow", "the part of workers that are slow, 0 to 1"),
        ("slowness", "how much longer these take"),
    ):
        value = getattr(usual, name.replace("-", "_"))
        parser.add_argument(
            f"--{name}",
            type=type(value),
            default=value,
            metavar="N",
            help=f"{meaning} (default: {value})",
        )
    parser.add_argument("--seed", type=int, default=0, help="of the chances (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what a show would take."""
    show = Show(**{field.name: getattr(args, field.name) for field in fields(Show)})
    paper, went = asdict(on_paper(show)), asdict(simulate(show, args.seed))
    if args.json:
        options.print_json({"on_paper": paper, "simulated": went})
        return 0
    options.print_lines([f"{'':<14}{'on paper':>12}{'simulated':>12}"])
    for name in dict.fromkeys([*paper, *went]):
        cells = (f"{one[name]:>12.4g}" if name in one else " " * 12 for one in (paper, went))
        options.print_lines([f"{name:<14}{''.join(cells)}".rstrip()])
    return 0


@dataclass(slots=True)
class _Worker:
    """A worker, and what it does."""

    speed: float
    shot: str | None = None
    work: Work | None = None
    lost_at: float = 0.0


@dataclass
class _Farm:
    show: Show
    random: random.Random
    clock: float = 0.0
    events: list[tuple[float, int, _Worker, bool]] = field(default_factory=list)
    """When, a number that keeps the order, which worker, and whether it is lost then."""

    def __post_init__(self) -> None:
        self._order = itertools.count()
        self.driver_free = self.busy_s = self.lost_s = 0.0
        self.losses = self.chunks = self.frames = 0
        self.schedule = Schedule(_shots(self.show), clock=lambda: self.clock)

    def run(self) -> None:
        slow = round(self.show.slow * self.show.workers)
        for at in range(self.show.workers):
            speed = 1 / self.show.slowness if at < slow else 1.0
            self._arrive(_Worker(speed))
        while not self.schedule.is_over:
            self.clock, _, worker, is_lost = heapq.heappop(self.events)
            if is_lost:
                self._lose(worker)
            else:
                self._end(worker)
                self._begin(worker)

    def _at(self, moment: float, worker: _Worker, *, is_lost: bool = False) -> None:
        heapq.heappush(self.events, (moment, next(self._order), worker, is_lost))

    def _arrive(self, worker: _Worker) -> None:
        """A worker comes, or another in its place."""
        ready = self.clock + self.show.start_s
        worker.lost_at = ready + self.random.expovariate(1 / (3600 * self.show.lost_after_h))
        worker.work = None
        self._at(ready, worker)

    def _begin(self, worker: _Worker) -> None:
        work = worker.work = self.schedule.take(worker.shot)
        if work is None:
            self._at(self.clock + POLL_S, worker)
            return
        worker.shot = work.shot
        self.driver_free = max(self.clock, self.driver_free) + self.show.dispatch_s
        ends = self.driver_free + self._takes_s(work) / worker.speed
        if ends < worker.lost_at:
            self.busy_s += ends - self.clock
            self._at(ends, worker)
        else:
            worked = max(0.0, worker.lost_at - self.clock)
            self.busy_s, self.lost_s = self.busy_s + worked, self.lost_s + worked
            self._at(max(self.clock, worker.lost_at), worker, is_lost=True)

    def _takes_s(self, work: Work) -> float:
        if work.frames is None:
            return 0.0
        show = self.show
        frames = len(work.frames) + 2 * show.reach * show.window_share
        return show.frame_s * frames * max(0.5, self.random.gauss(1, SPREAD))

    def _end(self, worker: _Worker) -> None:
        work = worker.work
        if work is not None:
            self.schedule.done(work)
            self.chunks += work.frames is not None
            self.frames += 0 if work.frames is None else len(work.frames)

    def _lose(self, worker: _Worker) -> None:
        assert worker.work is not None  # noqa: S101 - losses are noticed while they work
        self.losses += 1
        self.schedule.failed(worker.work, "lost", counts=False)
        self.clock, now = self.clock + self.show.back_after_s, self.clock
        self._arrive(worker)
        self.clock = now


def simulate(show: Show, seed: int = 0) -> Outcome:
    """Return how `show` goes, with chances drawn from `seed`."""
    farm = _Farm(show, random.Random(seed))  # noqa: S311 - chances, no secrets
    farm.run()
    return Outcome(
        hours=farm.clock / 3600,
        fps=farm.frames / max(farm.clock, 1e-9),
        chunks=farm.chunks,
        losses=farm.losses,
        lost_share=farm.lost_s / max(farm.busy_s, 1e-9),
        busy_share=farm.busy_s / max(show.workers * farm.clock, 1e-9),
        frames_made=farm.frames,
    )


def _shots(show: Show) -> dict[str, list[FrameRange]]:
    """Return the chunks of shots of equal lengths."""
    edges = [show.frames * at // show.shots for at in range(show.shots + 1)]
    return {
        str(n): [one.writes for one in split(FrameRange(first, end - 1), show.chunk)]
        for n, (first, end) in enumerate(itertools.pairwise(edges))
        if first < end
    }
