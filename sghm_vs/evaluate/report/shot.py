"""The report of one shot: its matte measured, what is flagged, and pictures of it."""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import vapoursynth as vs

from sghm_vs.errors import counted
from sghm_vs.evaluate.report.findings import Finding, findings_of
from sghm_vs.evaluate.report.frame import SIDES, work_size
from sghm_vs.evaluate.report.measures import Measures, measure, small_rgb, within
from sghm_vs.evaluate.report.sheets import sheet, tile_size, tiles_of
from sghm_vs.progress import Progress

TOUCHED = 0.002
"""Share of a side from which a matte touches it."""
DIGITS = 4
"""Significant digits of a number in the report: less than anything here is known to."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Flagged frames that follow one another, for the same reasons."""

    first: int
    last: int
    worst: int
    """Of them, the one with the greatest need. All are indices into the clip."""
    need: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotReport:
    """What is to be said of a shot's matte."""

    name: str
    matte: str
    """Where it is."""
    plate: str | None
    first: int
    """Number of its first frame."""
    rate: Fraction
    size: tuple[int, int]
    """(height, width)."""
    measures: Measures
    findings: Mapping[int, list[Finding]]
    """By index into the clip."""
    notes: tuple[str, ...] = ()
    sheets: dict[int, bytes] = field(default_factory=dict)
    """By index, WebP."""

    @property
    def need(self) -> float:
        """How much it needs a look: the sum over its flagged frames."""
        return sum(map(need_of, self.findings.values()))

    @property
    def moments(self) -> list[Moment]:
        """Its flagged frames, those alike as one, by need."""
        return sorted(_moments(self.findings), key=lambda moment: -moment.need)

    @property
    def summary(self) -> str:
        """What was found, in a line."""
        kinds = Counter(one.kind for found in self.findings.values() for one in found)
        said = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        length = counted(len(self.measures.frames), "frame")
        return f"{len(self.findings)} of {length} flagged" + (f": {said}" if said else "")

    def record(self) -> dict[str, Any]:
        """Return what the report's JSON has of it; frames by their numbers."""
        frames, changes = self.measures.frames, self.measures.changes
        return {
            "name": self.name,
            "matte": self.matte,
            "plate": self.plate,
            "first": self.first,
            "last": self.first + len(frames) - 1,
            "fps": f"{self.rate}",
            "width": self.size[1],
            "height": self.size[0],
            "need": _rounded(self.need),
            "notes": [*self.notes],
            "cuts": [self.first + n for n in self.measures.cuts],
            "curves": {
                "coverage_percent": [one and _rounded(100 * one.coverage) for one in frames],
                "flicker_px": [one and _rounded(one.unexplained_px) for one in changes],
                "edge_px": [one and _rounded(one.edge_px) for one in frames],
            },
            "border": self._border(),
            "flagged": [
                {
                    "frame": self.first + n,
                    "need": _rounded(need_of(found)),
                    "reasons": [
                        {
                            "kind": one.kind,
                            "value": _rounded(one.value),
                            "limit": _rounded(one.limit),
                            "says": one.says,
                        }
                        for one in found
                    ],
                }
                for n, found in sorted(
                    self.findings.items(), key=lambda item: (-need_of(item[1]), item[0])
                )
            ],
        }

    def page_record(self) -> dict[str, Any]:
        """Return what the page shows beyond `record`."""
        return {
            "tiles": tiles_of(has_plate=self.plate is not None),
            "tile": [*reversed(tile_size(*self.size))],
            "moments": [
                [self.first + m.first, self.first + m.last, self.first + m.worst]
                for m in self.moments
            ],
            "sheets": {
                self.first + n: f"data:image/webp;base64,{base64.b64encode(coded).decode()}"
                for n, coded in self.sheets.items()
            },
        }

    def part(self, frames: range) -> ShotReport:
        """Return the report of `frames`, a run of indices, as they were found in the whole."""
        return replace(
            self,
            first=self.first + frames.start,
            measures=self.measures.part(frames),
            findings=within(self.findings, frames),
            sheets=within(self.sheets, frames),
        )

    def _border(self) -> dict[str, list[list[int]]]:
        """Return where the matte touches each side, as first and last frames."""
        found: dict[str, list[list[int]]] = {}
        for at, side in enumerate(SIDES):
            runs: list[list[int]] = []
            for n, frame in enumerate(self.measures.frames):
                if frame is None or frame.border[at] < TOUCHED:
                    continue
                if runs and runs[-1][1] == self.first + n - 1:
                    runs[-1][1] += 1
                else:
                    runs.append([self.first + n, self.first + n])
            if runs:
                found[side] = runs
        return found


def need_of(found: list[Finding]) -> float:
    """Return how much a frame needs a look."""
    return sum(one.need for one in found)


def report_shot(
    matte: vs.VideoNode,
    plate: vs.VideoNode | None,
    limits: Mapping[str, float],
    *,
    name: str,
    where: tuple[str, str | None],
    first: int = 0,
    missing: frozenset[int] = frozenset(),
    segment: Callable[[vs.VideoNode], vs.VideoNode] | None = None,
    sheets: int = 12,
    asked: range | None = None,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> ShotReport:
    """
    Return the report of `matte`.

    Args:
        matte: GRAYS, full range, 0-1.
        plate: Its footage, of its length.
        limits: By kind of reason; see `options.REASONS`.
        name: Of the shot.
        where: The paths of matte and plate, to be shown.
        first: Number of the first frame.
        missing: Indices of frames that are not there.
        segment: Returns where the network sees people in a plate, small; None asks none.
        sheets: Flagged frames that get pictures.
        asked: The indices that it is of; those around help to judge them. None is all.
        notes: What is to be said besides.
        progress: Called after each frame with the frames done and all of them.
    """
    segmentation = None
    if segment is not None and plate is not None:
        segmentation = segment(small_rgb(plate, work_size(matte.height, matte.width)))
    measures = measure(matte, plate, segmentation, missing=missing, progress=progress)
    asked = range(matte.num_frames) if asked is None else asked
    report = ShotReport(
        name=name,
        matte=where[0],
        plate=where[1],
        first=first,
        rate=Fraction(matte.fps) or Fraction(24),
        size=(matte.height, matte.width),
        measures=measures,
        findings={n: found for n, found in findings_of(measures, limits).items() if n in asked},
        notes=notes,
    )
    for moment in report.moments[:sheets]:
        n = moment.worst
        if n in missing:
            continue
        before = n - 1 if measures.changes[n] is not None else None
        report.sheets[n] = sheet(matte, plate, n, before)
    return report.part(asked)


def _moments(findings: Mapping[int, list[Finding]]) -> Iterator[Moment]:
    run: list[int] = []
    for n in sorted(findings):
        is_same = run and n == run[-1] + 1 and _kinds(findings[n]) == _kinds(findings[run[-1]])
        if run and not is_same:
            yield _moment(run, findings)
            run = []
        run.append(n)
    if run:
        yield _moment(run, findings)


def _moment(run: list[int], findings: Mapping[int, list[Finding]]) -> Moment:
    worst = max(run, key=lambda n: (need_of(findings[n]), -n))
    return Moment(run[0], run[-1], worst, need_of(findings[worst]))


def _kinds(found: list[Finding]) -> frozenset[str]:
    return frozenset(one.kind for one in found)


def _rounded(value: float) -> float | None:
    """Return `value` with few digits, as JSON has it: there is no number that is none."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
