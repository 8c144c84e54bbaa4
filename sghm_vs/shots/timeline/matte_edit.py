"""Matte an edit: which shots its clips need, and the edit written again with their mattes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import opentimelineio as otio

from sghm_vs.errors import ExportError, SettingsError, SourceError, listed
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath
from sghm_vs.media.timecode import DROP_RATES
from sghm_vs.options import DEFAULT_RATE, EditOptions, Values
from sghm_vs.shots.batch.find import MOVIE_SUFFIXES
from sghm_vs.shots.batch.manifest import Entry
from sghm_vs.shots.batch.names import InvalidShot, Shot, safe_name
from sghm_vs.shots.batch.requests import Batch, shot_of, with_names
from sghm_vs.shots.settings import with_review
from sghm_vs.shots.timeline import write
from sghm_vs.shots.timeline.annotations import DROP, annotate, annotation
from sghm_vs.shots.timeline.find_media import MediaFinder, stem_of
from sghm_vs.shots.timeline.media_names import sequence_named
from sghm_vs.shots.timeline.mlt import Profile, write_mlt
from sghm_vs.shots.timeline.ranges import Span, Use, find_uses, spans_of
from sghm_vs.shots.timeline.read import (
    EDL_SUFFIX,
    Cut,
    lost_in,
    rate_of,
    read_cuts,
    read_edit,
)
from sghm_vs.shots.timeline.read_edl import drops_frames
from sghm_vs.shots.timeline.write import Matte
from sghm_vs.shots.timeline.write_fcp_xml import unsure_speeds

OF_EDIT = ("frames", "rate", "vfr")
"""Knobs of a shot that an edit says itself."""


@dataclass(frozen=True, slots=True)
class EditPlan:
    """An edit, what is matted of it, and what can't be."""

    edit: Path
    folder: Path
    tracks: tuple[int, ...]
    timeline: otio.schema.Timeline
    rate: Fraction
    spans: list[Span]
    batch: Batch
    notes: list[str]

    def edit_path(self, form: str) -> Path:
        """Return where the edit with its mattes goes in this form."""
        return self.folder / f"{self.edit.stem}_mattes.{form}"


def plan_from(
    edit: Path,
    folder: Path,
    values: Values,
    edit_options: EditOptions,
    *,
    resumes: bool = False,
    reviews: bool = False,
) -> EditPlan:
    """
    Return what is to be done for the edit at `edit`.

    Args:
        edit: What OpenTimelineIO reads.
        folder: Where mattes and edits go.
        values: What is said of every shot.
        edit_options: Which frames the edit means.
        resumes: Whether the newest version goes on, in place of a new one.
        reviews: Whether what was saved of media, beside it, says the rest.

    Raises:
        SettingsError: Media is asked for by its fields, and edits count frames.
    """
    _refuse_fields(values)
    if values.get("vfr"):
        msg = "an edit counts frames at one rate, and --vfr keeps others; type --media-rate N"
        raise SettingsError(msg)
    folders = [media.absolute() for media in edit_options.media]
    finder = MediaFinder(folders, but=folder, rate=values.get("rate"))
    notes = []
    rate = edit_options.edit_rate
    if rate is None and edit.suffix.lower() == EDL_SUFFIX:
        rate = finder.usual_rate() or DEFAULT_RATE
        if rate not in DROP_RATES and drops_frames(edit):
            rate = DROP_RATES[0]
        notes.append(f"{edit.name} is read at {float(rate):.6g} frames a second; else give --rate")
    timeline = read_edit(edit, rate)
    cuts = read_cuts(timeline, edit.parent, edit_options.tracks)
    lost = lost_in(timeline, edit_options.tracks)
    if not cuts:
        why = f": {lost[0][1]}: {lost[0][2]}" if lost else "; choose others with --tracks"
        msg = f"{edit} shows no clips in these tracks{why}"
        raise SourceError(msg)
    uses, invalid = find_uses(cuts, finder, edit_options.handles)
    if annotation(timeline, DROP) is None:
        cuts = _counted_as_media(timeline, cuts, uses)
    notes += [f"{cut.key}: {', '.join(cut.notes)}" for cut in cuts if cut.notes]
    spans = spans_of(uses)
    own = _own_of(spans, values, notes) if reviews else [values] * len(spans)
    made = Batch(
        _shots(spans, own, folder, resumes=resumes),
        [
            *(_invalid(cuts[number], why) for number, why in invalid.items()),
            *(_lost(*one) for one in lost),
        ],
    )
    rate = rate_of(timeline) or cuts[0].rate
    return EditPlan(edit, folder, edit_options.tracks, timeline, rate, spans, made, notes)


def _counted_as_media(
    timeline: otio.schema.Timeline, cuts: Sequence[Cut], uses: Sequence[Use]
) -> list[Cut]:
    """Count an edit that doesn't say how as most of its media does, and return its clips so."""
    codes = [use.media.timecode for use in uses if use.media.timecode is not None]
    drops = [code.is_drop for code in codes]
    is_drop = drops.count(True) * 2 > len(drops)
    annotate(timeline, **{DROP: is_drop})
    return [
        cut if cut.record is None else replace(cut, record=replace(cut.record, is_drop=is_drop))
        for cut in cuts
    ]


def _invalid(cut: Cut, reason: str) -> InvalidShot:
    return InvalidShot(safe_name(cut.name), cut.key, f"{cut.where}: {reason}")


def _lost(where: str, name: str, reason: str) -> InvalidShot:
    place = f"{where}: " if where else ""
    return InvalidShot(safe_name(name), f"{where} {name}".strip(), f"{place}{reason}")


def _own_of(spans: Sequence[Span], values: Values, notes: list[str]) -> list[Values]:
    """Return `values` with what was saved of each span's media; an edit says itself which frames."""
    own: dict[Path, Values] = {}
    for path in (span.media.path for span in spans):
        if path not in own:
            said: list[str] = []
            own[path] = with_review(values, path, said, but=OF_EDIT)
            notes += [f"{path.name}: {note}" for note in said]
            _refuse_fields(own[path])
    return [own[span.media.path] for span in spans]


def _refuse_fields(values: Values) -> None:
    if values.get("deinterlace") == "field":
        msg = "an edit counts frames, and --deinterlace field makes two of each; use frame"
        raise SettingsError(msg)


def _shots(
    spans: Sequence[Span], values: Sequence[Values], folder: Path, *, resumes: bool
) -> list[Shot]:
    """Return a shot for each of `spans`, called after the first clip that uses it."""
    shots = [_shot(own, span) for own, span in zip(values, spans, strict=True)]
    names = [_stem(span.uses[0].cut.name) or stem_of(span.media.path.name) for span in spans]
    wishes = [(name,) for name in names]
    return with_names(shots, wishes, values, folder, resumes=resumes)


def _shot(values: Values, span: Span) -> Shot:
    """Return the shot of `span`; a sequence runs as it was taken to when its frames were found."""
    media = span.media
    said = {} if media.kind == "movie" else {"rate": media.rate}
    return shot_of({**values, **said}, media.path, span.frames)


def _stem(name: str) -> str:
    """Return the name of a clip without ending; of a sequence also without its numbers."""
    path = Path(name)
    if path.suffix.lower() not in MOVIE_SUFFIXES | PICTURE_SUFFIXES:
        return name
    named = sequence_named(name) if path.suffix.lower() in PICTURE_SUFFIXES else None
    return path.stem if named is None else named[0].prefix.rstrip("._- ") or path.stem


def mattes_of(plan: EditPlan, entries: Sequence[Entry]) -> dict[int, Matte]:
    """Return the mattes that were made, by the number of the clip."""
    by_shot = {entry.shot: entry for entry in entries}
    mattes: dict[int, Matte] = {}
    for shot, span in zip(plan.batch.shots, plan.spans, strict=True):
        entry = by_shot[shot.name]
        if entry.state != "done":
            continue
        paths = [plan.folder / output for output in shot.outputs]
        sequences = [SequencePath.parse(path) for path in paths]
        movies = [path for path, one in zip(paths, sequences, strict=True) if one is None]
        numbered = [one for one in sequences if one is not None]
        for use in span.uses:
            mattes[use.cut.number] = Matte(
                use=use,
                shot=shot.name,
                frames=span.frames,
                first_number=entry.numbers[0],
                movie=movies[0] if movies else None,
                sequence=numbered[0] if numbered else None,
            )
    return mattes


def write_edits(
    plan: EditPlan, mattes: Mapping[int, Matte], forms: Collection[str]
) -> tuple[list[Path], list[str]]:
    """Write the edit with its mattes in these forms; return the files, and what they can't hold."""
    edited = write.with_mattes(plan.timeline, mattes, plan.tracks)
    jobs: list[tuple[Path, Callable[[Path], None]]] = []
    written: list[Path] = []
    notes: list[str] = []
    if "otio" in forms:
        jobs.append((plan.edit_path("otio"), partial(write.write_otio, edited)))
    if "xml" in forms:
        xml = plan.edit_path("xml")
        jobs.append((xml, partial(write.write_xml, edited, mattes)))
        if unsure := unsure_speeds(edited):
            notes.append(
                f"{xml} can't say every speed so that all programs read it alike; look at "
                f"{listed(unsure)}"
            )
    if "mlt" in forms:
        jobs.append((plan.edit_path("mlt"), partial(_write_mlt, plan, edited, mattes)))
    if "edl" in forms:
        alone = write.mattes_alone(edited)
        for label, edit in alone.items():
            form = "edl" if len(alone) == 1 else f"{label}.edl"
            jobs.append((plan.edit_path(form), partial(write.write_edl, edit, plan.rate)))
    for path, job in jobs:
        try:
            job(path)
        except ExportError as error:
            notes.append(str(error))
        else:
            written.append(path)
    return written, notes


def _write_mlt(
    plan: EditPlan, edited: otio.schema.Timeline, mattes: Mapping[int, Matte], path: Path
) -> None:
    """Write a project of the size and rate of the first movie."""
    movies = [span.media for span in plan.spans if span.media.width]
    if not movies:
        msg = f"{path} needs plates that are movies, and there are none"
        raise ExportError(msg)
    first = movies[0]
    profile = Profile(width=first.width, height=first.height, rate=first.rate)
    write_mlt(write.with_movies(edited, mattes, path), profile, path)
