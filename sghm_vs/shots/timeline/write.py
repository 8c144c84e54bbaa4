"""The edit with its mattes: each track of them above its plates', or alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from sghm_vs.errors import ExportError, listed
from sghm_vs.files import whole_file
from sghm_vs.media.sequences import SequencePath
from sghm_vs.options import FrameRange
from sghm_vs.shots.timeline.annotations import DROP, Noted, annotate, annotation
from sghm_vs.shots.timeline.ranges import Use
from sghm_vs.shots.timeline.read import clips_of, duration_of, labeled_tracks
from sghm_vs.shots.timeline.write_edl import edl_of
from sghm_vs.shots.timeline.write_fcp_xml import fcp_xml_of

MATTES = "mattes"
MISSING = "missing"
"""Of a gap: it stands for a matte that isn't there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matte:
    """What was made for a clip."""

    use: Use
    shot: str
    frames: FrameRange
    """Those of the media that the shot has."""
    first_number: int
    """Of its first frame in file names."""
    movie: Path | None
    sequence: SequencePath | None


type Reference = otio.core.MediaReference


def with_mattes(
    timeline: otio.schema.Timeline, mattes: Mapping[int, Matte], chosen: Sequence[int] = ()
) -> otio.schema.Timeline:
    """
    Return a copy of `timeline` with a track of mattes above each of the chosen tracks.

    A track of mattes has its plates' places, ranges, effects and transitions. A clip without a
    matte becomes a gap. Plates whose media the edit doesn't name are linked to what was found.

    Args:
        timeline: The edit.
        mattes: By the number of the clip; see `read_cuts`.
        chosen: Video tracks, counted from 1; none is all.
    """
    result = timeline.deepcopy()
    numbers = itertools.count()
    for label, track in labeled_tracks(result, chosen):
        at = next(at for at, one in enumerate(result.tracks) if one is track)
        above = track.deepcopy()
        above.name = f"{track.name or 'V'} {MATTES}"
        annotate(above, mattes_of=label)
        places = list(zip(clips_of(track), clips_of(above), strict=True))
        for (plates, place), (copies, other) in places:
            matte = mattes.get(next(numbers))
            _link(plates[place], matte)
            _replace(copies, other, matte)
        _drop_bare_transitions(above)
        result.tracks.insert(at + 1, above)
    return result


def mattes_alone(timeline: otio.schema.Timeline) -> dict[str, otio.schema.Timeline]:
    """Return, by the plates' track ("V1"), an edit of each track of mattes, with nothing else."""
    alone = {}
    for track in timeline.tracks:
        if annotation(track, "mattes_of"):
            edit = otio.schema.Timeline(name=f"{timeline.name} {MATTES}".strip())
            edit.global_start_time = timeline.global_start_time
            annotate(edit, **{DROP: annotation(timeline, DROP)})
            edit.tracks.append(track.deepcopy())
            alone[annotation(track, "mattes_of")] = edit
    return alone


def _link(plate: otio.schema.Clip, matte: Matte | None) -> None:
    """Say where the media of `plate` was found, if the edit doesn't."""
    if matte is None or not isinstance(plate.media_reference, otio.schema.MissingReference):
        return
    media = matte.use.media
    plate.media_reference = _reference(matte, media.frames, media.path, media.frames.first)


def _replace(parent: otio.core.Composition, at: int, matte: Matte | None) -> None:
    """Put the matte in the place of the plate's copy."""
    clip = parent[at]
    if matte is None:
        duration = duration_of(clip)
        parent[at] = otio.schema.Gap(
            source_range=otio.opentime.TimeRange(
                otio.opentime.RationalTime(0, duration.rate), duration
            )
        )
        annotate(parent[at], **{MISSING: True})
        return
    path = Path(str(matte.sequence)) if matte.sequence else matte.movie
    if path is not None:
        clip.media_reference = _reference(matte, matte.frames, path, matte.first_number)
    clip.source_range = clip.source_range or clip.trimmed_range()
    clip.metadata.pop("fcp_xml", None)  # Names of XML elements, of which there is one each.
    annotate(clip, shot=matte.shot)
    code = matte.use.media.timecode
    if annotation(clip, DROP) is None and code is not None:
        annotate(clip, **{DROP: code.is_drop})


def _reference(matte: Matte, frames: FrameRange, path: Path, first_number: int) -> Reference:
    """Return a reference to `path`, which has `frames` of the media."""
    rate = float(matte.use.cut.rate)
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(matte.use.time_of(frames.first), rate),
        otio.opentime.RationalTime(
            matte.use.time_of(frames.last + 1) - matte.use.time_of(frames.first), rate
        ),
    )
    sequence = None if path.is_file() else SequencePath.parse(path)
    if sequence is None:
        reference = otio.schema.ExternalReference(path.as_uri(), available)
    else:
        reference = otio.schema.ImageSequenceReference(
            target_url_base=f"{sequence.folder.as_uri()}/",
            name_prefix=sequence.prefix,
            name_suffix=sequence.suffix,
            start_frame=first_number,
            rate=rate,
            frame_zero_padding=sequence.padding,
            available_range=available,
        )
    reference.name = path.name
    return reference


def _drop_bare_transitions(item: otio.core.Composition) -> None:
    """Remove transitions beside which a matte is missing."""
    for child in item:
        if isinstance(child, otio.core.Composition):
            _drop_bare_transitions(child)
    children = list(item)
    for at in reversed(range(len(children))):
        beside = [children[n] for n in (at - 1, at + 1) if 0 <= n < len(children)]
        if isinstance(children[at], otio.schema.Transition) and (
            any(annotation(one, MISSING) for one in beside)
        ):
            del item[at]


def write_otio(timeline: otio.schema.Timeline, path: Path) -> None:
    """Write `timeline` as OpenTimelineIO has it."""
    _write(path, lambda: otio.adapters.write_to_string(timeline, "otio_json"))


def write_xml(timeline: otio.schema.Timeline, mattes: Mapping[int, Matte], path: Path) -> None:
    """
    Write `timeline` as FCP 7 XML, with the movies of the mattes.

    Args:
        timeline: With mattes; see `with_mattes`.
        mattes: All have a movie.
        path: The file.

    Raises:
        ExportError: A matte has no movie, or the form can't hold the edit.
    """
    movies = with_movies(timeline, mattes, path)
    _write(path, lambda: fcp_xml_of(movies))


def with_movies(
    timeline: otio.schema.Timeline, mattes: Mapping[int, Matte], path: Path
) -> otio.schema.Timeline:
    """
    Return a copy of `timeline` whose mattes are movies, and whose clips all say their lengths.

    Args:
        timeline: With mattes; see `with_mattes`.
        mattes: All have a movie.
        path: What it is for.

    Raises:
        ExportError: A matte has no movie, or a clip doesn't say what it shows.
    """
    if any(matte.movie is None for matte in mattes.values()):
        msg = f"{path} refers to movies, and there are none; add --to {{shot}}.mov"
        raise ExportError(msg)
    movies = {matte.shot: matte for matte in mattes.values()}
    plain = timeline.deepcopy()
    is_drop = bool(annotation(plain, DROP))
    _say_drop(plain, is_drop=is_drop)
    try:
        for track in plain.tracks:
            for parent, at in clips_of(track):
                _simplify(parent[at], movies)
                _say_drop(parent[at].media_reference, is_drop=annotation(parent[at], DROP, is_drop))
            for child in track:
                if isinstance(child, otio.core.Composition):
                    child.source_range = child.trimmed_range()
    except otio.exceptions.OTIOError as error:
        msg = f"{path} can't hold this edit: a clip doesn't say which frames it shows: {error}"
        raise ExportError(msg) from error
    return plain


def _say_drop(item: Noted, *, is_drop: bool) -> None:
    """Say how the timecode counts where the XML's writer looks for it."""
    said = item.metadata
    for word in ("fcp_xml", "timecode"):
        if word not in said:
            said[word] = {}
        said = said[word]
    said["displayformat"] = "DF" if is_drop else "NDF"


def _simplify(clip: otio.schema.Clip, movies: Mapping[str, Matte]) -> None:
    """Give `clip` what the XML's writer needs: one file, and how long it is."""
    reference = clip.media_reference
    clip.source_range = clip.source_range or clip.trimmed_range()
    shot = annotation(clip, "shot")
    available = getattr(reference, "available_range", None) or clip.source_range
    movie = movies[shot].movie if shot in movies else None
    if movie is not None:
        clip.media_reference = otio.schema.ExternalReference(movie.as_uri(), available)
    elif isinstance(reference, otio.schema.ImageSequenceReference):
        first = reference.target_url_for_image_number(0)
        clip.media_reference = otio.schema.ExternalReference(first, available)
    elif reference is not None:
        reference.available_range = available
        if not reference.metadata.get("fcp_xml"):
            return
    clip.media_reference.name = ""


def write_edl(timeline: otio.schema.Timeline, rate: Fraction, path: Path) -> None:
    """
    Write `timeline`, of one video track, as a CMX 3600 list.

    Raises:
        ExportError: The form can't hold the edit.
    """
    nested = [child.name for track in timeline.tracks for child in track
              if isinstance(child, otio.core.Composition)]  # fmt: skip
    if nested:
        msg = f"{path} can't hold this edit: EDLs nest none, and {listed(nested)} is nested"
        raise ExportError(msg)
    _write(path, lambda: edl_of(timeline, rate))


def _write(path: Path, text: Callable[[], str]) -> None:
    try:
        content = text()
    except Exception as error:
        # Adapters raise whatever comes to them.
        msg = f"{path} can't hold this edit: {type(error).__name__}: {error}"
        raise ExportError(msg) from error
    with whole_file(path) as part:
        part.write_text(content, encoding="utf-8", newline="\n")
