"""Flagged frames for other programs: QP files for previewers, OpenTimelineIO markers for editors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import opentimelineio as otio

from sghm_vs.evaluate.report.shot import ShotReport, need_of

LOUD_NEED = 4.0
"""From which need on a marker is red."""


def qp_file(report: ShotReport) -> str:
    """
    Return the flagged frames of a shot as a QP file: lines "12 I -1", frames counted from 0.

    x264 forces frame types by such files; previewers read them as lists of scenes.
    """
    return "".join(f"{n} I -1\n" for n in sorted(report.findings))


def marked_timeline(reports: Sequence[ShotReport], title: str) -> otio.schema.Timeline:
    """Return an edit of all mattes, one behind the other, with a marker on each flagged moment."""
    track = otio.schema.Track("mattes", kind=otio.schema.TrackKind.Video)
    for report in reports:
        track.append(_clip(report))
    timeline = otio.schema.Timeline(title)
    timeline.tracks.append(track)
    return timeline


def _clip(report: ShotReport) -> otio.schema.Clip:
    rate = float(report.rate)
    length = len(report.measures.frames)

    def span(first: int, frames: int) -> otio.opentime.TimeRange:
        start, duration = (otio.opentime.RationalTime(value, rate) for value in (first, frames))
        return otio.opentime.TimeRange(start, duration)

    whole = span(report.first, length)
    media = otio.schema.ExternalReference(_url(report.matte), whole)
    clip = otio.schema.Clip(report.name, media, whole)
    for moment in sorted(report.moments, key=lambda one: one.first):
        found = report.findings[moment.worst]
        words = "; ".join(
            f"{one.kind} {one.value:.3g}" + (f": {one.says}" if one.says else "") for one in found
        )
        is_loud = need_of(found) >= LOUD_NEED
        clip.markers.append(
            otio.schema.Marker(
                name=" ".join(one.kind for one in found),
                marked_range=span(report.first + moment.first, moment.last - moment.first + 1),
                color=otio.schema.MarkerColor.RED if is_loud else otio.schema.MarkerColor.YELLOW,
                comment=words,
            )
        )
    return clip


def _url(path: str) -> str:
    return Path(path).as_uri() if Path(path).is_absolute() else path
