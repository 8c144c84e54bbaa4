"""
Which frames of a measured matte need a look, and why.

A jump between two frames is no frame: what goes wrong and comes back is wrong between both jumps, and
what stays is told at the frame where it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sghm_vs.evaluate.report.change import ChangedRegion
from sghm_vs.evaluate.report.measures import Measures
from sghm_vs.options import REASONS

AROUND = 12
"""Frames each way of which the usual is the median."""
NEAR = 6
"""Frames within which jumps are of one matter."""
LONGEST_RUN = 24
"""Frames; what changes back later than that are two changes."""
USUAL_JUMP = 1.8
"""Parts of what is unexplained in the frames around; as much more in one is a jump."""
LEAST_COVERED = 2e-5
"""Share of the picture, 40 pixels of HD; of an empty frame less is covered."""
LEAVING = 0.25
"""Part of what is usually covered, from which on who is at the border may be gone in the next frame."""
FULL = 0.999
LESS_THAN_FULL = 0.9
OTHERWISE = "the network sees it otherwise"
MANY_SPECKS = 8
"""So many that stay count as one that comes or goes: single hairs leave islands, too."""
STANDING = 0.1
"""Part of the motion, of which a matte that is shown again moves less."""
BETTER_BESIDE = 0.05
"""How much better the matte of the frame beside lies on the plate where the frame's own is shifted."""
OF_NORMAL = 2 / np.pi
"""The mean part of a motion that is across an outline, whose directions are all alike."""
REACH = 36
"""How far at the working size a piece may move until it is gone again."""
LOUD = 0.5
"""Part of a limit that a reset in a row of them needs."""
ROW_MIN = 3
OPPOSITE = {"grows": "shrinks", "shrinks": "grows"}
BACK = {
    "appears": "appears, and vanishes again",
    "vanishes": "vanishes, and comes back",
    "opens": "opens, and closes again",
    "closes": "closes, and opens again",
}
"""What is said of a piece or hole that is as before some frames later."""
SHORTEST_PERIOD, LONGEST_PERIOD = 4, 250

type Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason to look at a frame."""

    kind: str
    """Of `REASONS`."""
    value: float
    limit: float
    says: str = ""
    """What the number doesn't tell."""

    @property
    def need(self) -> float:
        """How far beyond its limit it is, by its weight."""
        return REASONS[self.kind].weight * min(self.value / self.limit, MOST)


MOST = 10.0
"""Times its limit that a finding counts at most."""


@dataclass
class Findings:
    """The findings of a shot's frames, by index."""

    limits: Mapping[str, float]
    by_frame: dict[int, dict[str, Finding]] = field(default_factory=dict)

    def add(
        self, n: int, kind: str, value: float, says: str = "", limit: float | None = None
    ) -> None:
        """Note a finding, if it reaches its limit; of one kind the worst stays."""
        limit = self.limits[kind] if limit is None else limit
        if not value >= limit:
            return
        kinds = self.by_frame.setdefault(n, {})
        if kind not in kinds or kinds[kind].value < value:
            kinds[kind] = Finding(kind, value, limit, says)

    def has_region(self, n: int) -> bool:
        """Tell whether frame `n` has a piece or a hole that isn't right: why its outline jumps."""
        return not self.by_frame.get(n, {}).keys().isdisjoint(("piece", "hole"))

    def ends_before(self, n: int) -> bool:
        """Tell whether what was wrong ends before frame `n`: a jump to it is one back to normal."""
        return n - 1 in self.by_frame and n not in self.by_frame


def findings_of(measures: Measures, limits: Mapping[str, float]) -> dict[int, list[Finding]]:
    """
    Return the findings of each frame that has one, by its index in the clip, the worst first.

    Args:
        measures: Of a shot.
        limits: By kind of reason; infinity is never.
    """
    found = Findings(limits)
    shot = _Shot(measures)
    _find_missing(shot, found)
    _find_flashes(shot, found)
    _find_still(shot, found)
    _find_empty(shot, found)
    _find_edge_jumps(shot, found)
    _find_out_of_step(shot, found)
    _find_regions(shot, found)
    jumps = _jumps(shot, found)
    _find_jumps(shot, found, jumps)
    _find_unseen(shot, found)
    _find_cadence(shot, found, jumps)
    return {
        n: sorted(kinds.values(), key=lambda one: -one.need)
        for n, kinds in sorted(found.by_frame.items())
    }


class _Shot:
    """Measures as arrays; what is not there is NaN."""

    def __init__(self, measures: Measures) -> None:
        self.has_plate = measures.has_plate
        self.frames, self.changes = measures.frames, measures.changes
        self.specks = measures.specks
        self.gains, self.unseen_px = measures.gains, measures.unseen_px
        self.flashes = measures.flashes
        self.length = len(measures.frames)
        starts = [0, *measures.cuts]
        ends = [*measures.cuts, self.length]
        self.scenes = [range(*ends) for ends in zip(starts, ends, strict=True)]

    def of_frames(self, name: str) -> Series:
        """Return a measure of each frame."""
        return np.array([np.nan if one is None else getattr(one, name) for one in self.frames])

    def of_changes(self, name: str) -> Series:
        """Return a measure of the change to each frame."""
        return np.array([np.nan if one is None else getattr(one, name) for one in self.changes])

    def usual(self, values: Series, around: int = AROUND) -> Series:
        """Return the median of the frames around each, in its scene."""
        medians = np.full(len(values), np.nan)
        for scene in self.scenes:
            for n in scene:
                near = values[max(n - around, scene.start) : min(n + around + 1, scene.stop)]
                known = near[np.isfinite(near)]
                medians[n] = np.median(known) if len(known) else np.nan
        return medians

    def is_leaving(self, n: int) -> bool:
        """Tell whether who is in frame `n` may be gone beside it: little, at the border."""
        frame = self.frames[n]
        if frame is None or max(frame.border) == 0:
            return False
        scene = next(scene for scene in self.scenes if n in scene)
        areas = [one.covered for m in scene if (one := self.frames[m]) is not None]
        usual = np.median([area for area in areas if area >= LEAST_COVERED] or [0])
        return bool(frame.covered < LEAVING * usual)


def _find_missing(shot: _Shot, found: Findings) -> None:
    for n, frame in enumerate(shot.frames):
        if frame is None:
            found.add(n, "missing", 1)


def _find_flashes(shot: _Shot, found: Findings) -> None:
    """Find frames that nothing is compared with, as the plate is another picture there."""
    for run in shot.flashes:
        for n in run:
            found.add(n, "flash", 1)


def _find_still(shot: _Shot, found: Findings) -> None:
    """Find what a frame shows by itself."""
    for n, frame in _there(shot.frames):
        found.add(n, "haze", 100 * frame.haze)
        found.add(n, "specks", max(_passing_specks(shot, n), shot.specks[n] / MANY_SPECKS))
        found.add(n, "hard", 100 * frame.hard)
        found.add(n, "steps", 100 * frame.codes_8)


def _passing_specks(shot: _Shot, n: int) -> int:
    """Return how many specks of a frame are not in the one before; of a first one, in the next."""
    change = shot.changes[n]
    if change is not None:
        return change.new
    following = shot.changes[n + 1] if n + 1 < shot.length else None
    return 0 if following is None else following.gone


def _find_empty(shot: _Shot, found: Findings) -> None:
    """Find frames without anybody, and full ones, unless people walk out, or come close."""
    covered = shot.of_frames("covered")
    for scene in shot.scenes:
        for run in _runs(scene, lambda n: covered[n] < LEAST_COVERED):
            beside = [n for n in (run.start - 1, run.stop) if n in scene]
            if not beside or not all(map(shot.is_leaving, beside)):
                for n in run:
                    found.add(n, "empty", 1)
        for run in _runs(scene, lambda n: covered[n] > FULL):
            beside = [n for n in (run.start - 1, run.stop) if n in scene]
            if not beside or any(covered[n] < LESS_THAN_FULL for n in beside):
                for n in run:
                    found.add(n, "full", 1)


def _find_edge_jumps(shot: _Shot, found: Findings) -> None:
    """Find edges that are softer or harder than usual, and where that changes for good."""
    width = shot.of_frames("edge_px")
    usual = shot.usual(width)
    for scene in shot.scenes:
        for n in scene:
            says = "softer" if width[n] > usual[n] else "harder"
            if np.isfinite(width[n]):
                found.add(n, "edge", _ratio(width[n], usual[n]), f"{says} than around")
            if n - 1 in scene and np.isfinite(usual[n - 1 : n + 1]).all():
                says = "softer" if usual[n] > usual[n - 1] else "harder"
                found.add(n, "edge", _ratio(usual[n], usual[n - 1]), f"{says} from here on")


def _find_regions(shot: _Shot, found: Findings) -> None:
    """Find pieces and holes that are born, and gone again."""
    events = [
        (n, region)
        for n, change in _there(shot.changes)
        if _is_covered(shot, n - 1) and _is_covered(shot, n)
        for region in change.regions
        if region.thick_px >= found.limits[_kind_of(region)]
        and (shot.has_plate or not region.touches_border)
    ]
    used: set[int] = set()
    for at, (n, region) in enumerate(events):
        if at in used:
            continue
        kind = _kind_of(region)
        back = next(
            (
                later
                for later in range(at + 1, len(events))
                if later not in used and _undoes(events[at], events[later], shot)
            ),
            None,
        )
        run, says = range(n, n + 1), _said(region)
        if back is not None:
            used.add(back)
            run, says = range(n, events[back][0]), BACK[says]
        elif found.ends_before(n):
            continue
        elif region.wrong == "before":
            run = range(n - 1, n)
        for m in run:
            found.add(m, kind, region.thick_px, says)
            if region.wrong is not None:
                found.add(m, "vote", region.thick_px, OTHERWISE, found.limits[kind])


def _kind_of(region: ChangedRegion) -> str:
    return "hole" if region.is_hole else "piece"


def _said(region: ChangedRegion) -> str:
    if region.is_hole:
        return "closes" if region.appears else "opens"
    return "appears" if region.appears else "vanishes"


def _undoes(one: tuple[int, ChangedRegion], other: tuple[int, ChangedRegion], shot: _Shot) -> bool:
    (n, region), (m, back) = one, other
    in_scene = any(n in scene and m in scene for scene in shot.scenes)
    return (
        n < m <= n + LONGEST_RUN
        and in_scene
        and region.appears != back.appears
        and region.is_where(back, REACH)
        and max(region.thick_px, back.thick_px) < 2 * min(region.thick_px, back.thick_px)
    )


@dataclass(frozen=True, slots=True)
class _Jump:
    """How far a matte's outline leaves its motion in a frame, one way of several."""

    kind: Literal["motion", "area", "edge"]
    value: float
    usual: float
    limit: float
    says: str = ""

    @property
    def excess(self) -> float:
        """How far it is from what is usual: 1 is at the limit."""
        return (self.value - self.usual) / (self.limit - self.usual)

    @property
    def undone(self) -> _Jump:
        """The jump that this one, at the end of what is wrong, takes back."""
        return replace(self, says=OPPOSITE.get(self.says, self.says))


def _jumps(shot: _Shot, found: Findings) -> dict[int, list[_Jump]]:
    """Return how far the outline leaves its motion in each frame, also where that is allowed."""
    unexplained = shot.of_changes("unexplained_px")
    usual = shot.usual(unexplained)
    grown = shot.of_changes("grown_px" if shot.has_plate else "plain_grown_px")
    trend = shot.usual(grown, AROUND // 2)
    width = shot.of_frames("edge_px")
    usual_width = shot.usual(width)
    jumps: dict[int, list[_Jump]] = {}
    for n, _ in _there(shot.changes):
        if not (_is_covered(shot, n - 1) and _is_covered(shot, n)):
            continue
        if shot.is_leaving(n - 1) or shot.is_leaving(n):
            continue
        least = max(found.limits["motion"], USUAL_JUMP * usual[n])
        says = "grows" if grown[n] > trend[n] else "shrinks"
        softer = _ratio(width[n], usual_width[n]) if np.isfinite(width[n]) else 1.0
        jumps[n] = [
            _Jump("motion", unexplained[n], usual[n], least),
            _Jump("area", abs(grown[n] - trend[n]), 0, found.limits["area"], says),
            _Jump("edge", softer, 1, found.limits["edge"]),
        ]
    return jumps


def _find_jumps(shot: _Shot, found: Findings, jumps: Mapping[int, list[_Jump]]) -> None:
    loud = {
        n: [one for one in some if one.kind != "edge" and one.value >= one.limit]
        for n, some in jumps.items()
    }
    for scene in shot.scenes:
        told = [run for run in _runs(scene, found.has_region) if loud.get(run.start)]
        begun = {run.start for run in told}
        at = [n for n in scene if loud.get(n) and n not in begun and not found.ends_before(n)]
        for run in [*told, *_between(at, scene)]:
            ends = [*loud[run.start], *(one.undone for one in loud.get(run.stop, []))]
            for one in sorted(ends, key=lambda one: one.excess):
                for n in run:
                    found.add(n, one.kind, one.value, one.says, one.limit)


def _between(jumps: Sequence[int], scene: range) -> Iterator[range]:
    """
    Yield the frames that `jumps`, in order, make doubtful.

    From the first to the last of some that are near each other all are. Of two that are farther apart,
    those between are, if they are fewer than those before and behind. A jump alone is told where it is.
    """
    groups: list[list[int]] = []
    for n in jumps:
        if groups and n - groups[-1][-1] <= NEAR:
            groups[-1].append(n)
        else:
            groups.append([n])
    at = 0
    while at < len(groups):
        first, last = groups[at][0], groups[at][-1]
        if first == last and at + 1 < len(groups) and len(groups[at + 1]) == 1:
            last = groups[at + 1][0]
            before = first - (groups[at - 1][-1] if at else scene.start)
            behind = (groups[at + 2][0] if at + 2 < len(groups) else scene.stop) - last
            is_run = last - first <= LONGEST_RUN and 2 * (last - first) < before + behind
            at += is_run
            last = last if is_run else first
        yield range(first, max(last, first + 1))
        at += 1


def _find_out_of_step(shot: _Shot, found: Findings) -> None:
    """Find frames that are shown again, and mattes that lie on the plate of a frame beside."""
    moved = _motion(shot)
    plain = shot.of_changes("plain_px")
    for n, (of_before, of_next) in shot.gains.items():
        how_far = float(np.nanmin([*moved[n : n + 2], np.inf]))
        if max(of_before, of_next) >= BETTER_BESIDE and np.isfinite(how_far):
            says = (
                "early: it fits the next frame"
                if of_before > of_next
                else "late: it fits the frame before"
            )
            found.add(n, "shift", how_far, says)
    for n in range(1, shot.length):
        if not plain[n] < STANDING * OF_NORMAL * moved[n]:
            continue
        is_early = shot.gains.get(n - 1, (0.0, 0.0))[0] >= BETTER_BESIDE
        if not is_early:
            found.add(n, "duplicate", moved[n])


def _motion(shot: _Shot) -> Series:
    """Return how far each frame's outline moves from the one before, px."""
    if shot.has_plate:
        return shot.of_changes("moved_px")
    plain = shot.of_changes("plain_px") / OF_NORMAL
    beside = np.full(len(plain), np.nan)
    beside[1:-1] = np.minimum(plain[:-2], plain[2:])
    return beside


def _find_unseen(shot: _Shot, found: Findings) -> None:
    """Find people that the network sees for long and the matte lacks, or has and it doesn't see."""
    asked = sorted(shot.unseen_px)
    for at, n in enumerate(asked):
        near = [shot.unseen_px[m] for m in asked[max(at - 2, 0) : at + 3]]
        found.add(n, "vote", float(np.median(near)), "the network sees others than the matte has")


def _find_cadence(shot: _Shot, found: Findings, jumps: Mapping[int, list[_Jump]]) -> None:
    """Find jumps that come each so many frames: a method that begins anew."""
    excess = np.zeros(shot.length)
    for n, some in jumps.items():
        excess[n] = max(one.excess for one in some)
    best: range | None = None
    for period in range(SHORTEST_PERIOD, min(shot.length // 2, LONGEST_PERIOD) + 1):
        for phase in range(period):
            row = range(phase or period, shot.length, period)
            if _is_row(excess, row, period) and (best is None or len(row) > len(best)):
                best = row
    if best is not None:
        for n in best:
            found.add(n, "cadence", float(excess[n]), f"every {best.step} frames")


def _is_row(excess: Series, row: range, period: int) -> bool:
    """Tell whether each frame of `row` jumps, and few others do."""
    if len(row) < 2 or (
        len(row) < ROW_MIN and (row.start != period or period < 2 * SHORTEST_PERIOD)
    ):
        return False
    least = float(excess[row.start :: row.step].min())
    if least < (LOUD if len(row) >= ROW_MIN else 1):
        return False
    others = np.delete(excess, [*row])
    return float(np.quantile(others, 0.9)) < LOUD * least


def _is_covered(shot: _Shot, n: int) -> bool:
    frame = shot.frames[n]
    return frame is not None and frame.covered >= LEAST_COVERED


def _ratio(one: float, other: float) -> float:
    return float(max(one / other, other / one))


def _there[Item](items: Sequence[Item | None]) -> Iterator[tuple[int, Item]]:
    return ((n, item) for n, item in enumerate(items) if item is not None)


def _runs(scene: range, is_in: Callable[[int], bool]) -> Iterator[range]:
    """Yield the frames of `scene` that are in, those that follow each other as one."""
    start: int | None = None
    for n in (*scene, scene.stop):
        inside = n in scene and is_in(n)
        if inside and start is None:
            start = n
        elif not inside and start is not None:
            yield range(start, n)
            start = None
