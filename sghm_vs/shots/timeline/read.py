"""An edit, read by OpenTimelineIO: its clips, one by one, with what they show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from sghm_vs.errors import SourceError, counted, listed
from sghm_vs.media.timecode import Timecode
from sghm_vs.options import DEFAULT_RATE, exact_rate
from sghm_vs.shots.timeline.annotations import BEFORE, DROP, MORE, PROBLEM, SURE, UNREAD, annotation
from sghm_vs.shots.timeline.media_names import files_of, first_number_of, names_of
from sghm_vs.shots.timeline.read_edl import read_edl
from sghm_vs.shots.timeline.read_fcp_xml import XML_SUFFIX, read_fcp_xml
from sghm_vs.shots.timeline.read_otio import read_otio
from sghm_vs.shots.timeline.speeds import make_plain, speed_of

EDL_SUFFIX = ".edl"
OTIO_SUFFIX = ".otio"
type Duration = otio.opentime.RationalTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A clip of an edit: which of its media's frames it shows."""

    number: int
    """Its place among the clips of the chosen tracks, from 0."""
    track: str
    """ "V1", counted from below."""
    name: str
    reel: str
    record: Timecode | None = None
    """Of its first frame in the edit; None of a nested clip."""
    nest: str = ""
    """What it is nested in."""
    files: tuple[Path, ...] = ()
    """Where its media is said to be."""
    names: tuple[str, ...] = ()
    """What its media may be called, the surest first."""
    first_number: int | None = None
    """Of a sequence: the number of its first frame, as the edit says."""
    rate: Fraction = Fraction(24)
    """Frames per second that its times count."""
    start: int = 0
    """The source's time of its first frame: a timecode or a frame number, as the edit counts."""
    length: int = 0
    """Frames of its media that it certainly shows."""
    before: int = 0
    """Further ones that it may show, by a transition or backward."""
    after: int = 0
    is_drop: bool | None = None
    """Whether its times are drop-frame timecode; None where the edit doesn't say."""
    available: int | None = None
    """The source's time of its media's first frame, as the edit says."""
    notes: tuple[str, ...] = ()
    """What is unusual about it."""
    problem: str | None = None
    """Why it can't be matted."""

    @property
    def where(self) -> str:
        """Track and record timecode, for people: "V1 01:00:10:00"."""
        nested = f"nested in {self.nest or '?'}"
        return f"{self.track} {nested if self.record is None else self.record}"

    @property
    def key(self) -> str:
        """What tells it from the edit's other clips."""
        return f"{self.where} {self.name}"


def read_edit(path: Path, rate: Fraction | None = None) -> otio.schema.Timeline:
    """
    Return the edit at `path`.

    Args:
        path: .otio, .edl (CMX 3600), .xml (FCP 7), or what other adapters of OpenTimelineIO read.
        rate: Frames per second of an EDL, which doesn't say it.

    Raises:
        SourceError: It can't be read, or holds no edit or several.
    """
    if not path.is_file():
        msg = f"{path} doesn't exist; check its name"
        raise SourceError(msg)
    if path.suffix.lower() == EDL_SUFFIX:
        return read_edl(path, rate or DEFAULT_RATE)
    readers = {XML_SUFFIX: read_fcp_xml, OTIO_SUFFIX: read_otio}
    found = readers.get(path.suffix.lower(), _adapted)(path)
    timeline = _one_timeline(found, path)
    for track in timeline.tracks:
        for parent, at in clips_of(track):
            make_plain(parent[at])
    return timeline


def _adapted(path: Path) -> object:
    """Return what an adapter of OpenTimelineIO reads."""
    try:
        return otio.adapters.read_from_file(
            str(path), media_linker_name=otio.media_linker.MediaLinkingPolicy.DoNotLinkMedia
        )
    except otio.exceptions.NoKnownAdapterForExtensionError:
        suffixes = otio.adapters.suffixes_with_defined_adapters(read=True)
        known = " ".join(sorted({*suffixes, EDL_SUFFIX.lstrip(".")}))
        msg = f"{path} has no form of edit that can be read; known are {known}: export one of them"
        raise SourceError(msg) from None
    except Exception as error:
        # Adapters raise whatever comes to them.
        msg = f"{path} can't be read as an edit: {error}; export it anew"
        raise SourceError(msg) from error


def _one_timeline(found: object, path: Path) -> otio.schema.Timeline:
    if isinstance(found, otio.schema.Timeline):
        return found
    held: list[object] = []
    if isinstance(found, otio.schema.SerializableCollection):
        held = [one for one in found if isinstance(one, otio.schema.Timeline)]
    if len(held) == 1 and isinstance(held[0], otio.schema.Timeline):
        return held[0]
    names = listed(getattr(one, "name", "?") for one in held) or type(found).__name__
    msg = f"{path} must hold one edit, and holds {len(held)}: {names}; export one sequence alone"
    raise SourceError(msg)


def video_tracks(
    timeline: otio.schema.Timeline, chosen: Sequence[int] = ()
) -> list[otio.schema.Track]:
    """
    Return the video tracks of `timeline`; only those `chosen`, counted from 1, if any are.

    Raises:
        SourceError: A chosen one is not there, or there is none.
    """
    tracks = [t for t in timeline.tracks if getattr(t, "kind", "") == otio.schema.TrackKind.Video]
    if not tracks:
        others = sum(1 for _ in timeline.find_clips())
        held = f"{counted(others, 'clip')} of sound alone" if others else "no clips"
        msg = f"the edit has no video track, and {held}; export it with its pictures"
        raise SourceError(msg)
    beyond = [number for number in chosen if not 1 <= number <= len(tracks)]
    if beyond:
        msg = (
            f"the edit has {counted(len(tracks), 'video track')}, and track {beyond[0]} was asked "
            f"for; --tracks counts them from 1"
        )
        raise SourceError(msg)
    return [track for at, track in enumerate(tracks, start=1) if not chosen or at in chosen]


def clips_of(item: otio.core.Composition) -> Iterator[tuple[otio.core.Composition, int]]:
    """
    Yield the clips below `item`, in order: the composition each is in, and its place there.

    Of what is nested only pictures count.
    """
    for at, child in enumerate(item):
        if isinstance(child, otio.schema.Clip):
            yield item, at
        elif isinstance(child, otio.core.Composition) and not _is_audio(child):
            yield from clips_of(child)


def _is_audio(item: otio.core.Composition) -> bool:
    return bool(getattr(item, "kind", "") == otio.schema.TrackKind.Audio)


def read_cuts(
    timeline: otio.schema.Timeline, folder: Path, chosen: Sequence[int] = ()
) -> list[Cut]:
    """
    Return the clips of `timeline` that are footage, or should be.

    Args:
        timeline: The edit.
        folder: Where its file is; media may be named from there.
        chosen: Video tracks, counted from 1; none is all.

    Raises:
        SourceError: See `video_tracks`.
    """
    cuts: list[Cut] = []
    for label, track in labeled_tracks(timeline, chosen):
        records = _records(timeline, track)
        for parent, at in clips_of(track):
            record = records[at] if parent is track else None
            nest = "" if parent is track else _name_of_nest(parent)
            cut = Cut(number=len(cuts), track=label, record=record, nest=nest, name="", reel="")
            cuts.append(_cut(parent[at], cut, _overlaps(parent, at), folder))
    is_drop = annotation(timeline, DROP)
    if is_drop is None:
        return cuts
    return [cut if cut.is_drop is not None else replace(cut, is_drop=is_drop) for cut in cuts]


def _name_of_nest(parent: otio.core.Composition) -> str:
    """Return what a nest is called: its track, else the stack that has it."""
    name = parent.name or getattr(parent.parent(), "name", "")
    return name if isinstance(name, str) else ""


def rate_of(timeline: otio.schema.Timeline) -> Fraction | None:
    """Return how many frames a second the edit has; None if only its clips say it."""
    said = timeline.metadata.get("fcp_xml", {}).get("rate", {})
    start = timeline.global_start_time
    try:
        if "timebase" in said:
            # A sequence may be counted to another rate than it has.
            is_ntsc = str(said.get("ntsc")).strip().upper() == "TRUE"
            return exact_rate(Fraction(said["timebase"]) * (Fraction(1000, 1001) if is_ntsc else 1))
        return None if start is None else exact_rate(start.rate)
    except (TypeError, ValueError):
        return None


def labeled_tracks(
    timeline: otio.schema.Timeline, chosen: Sequence[int] = ()
) -> list[tuple[str, otio.schema.Track]]:
    """Return the video tracks as `video_tracks` does, each with its label ("V1")."""
    every = video_tracks(timeline)
    tracks = video_tracks(timeline, chosen)
    return [(f"V{1 + next(n for n, one in enumerate(every) if one is track)}", track)
            for track in tracks]  # fmt: skip


def lost_in(
    timeline: otio.schema.Timeline, chosen: Sequence[int] = ()
) -> list[tuple[str, str, str]]:
    """Return place, name and reason of what should show something, and came out without clips."""
    lost = [("", str(name), str(why)) for name, why in annotation(timeline, UNREAD, [])]
    for label, track in labeled_tracks(timeline, chosen):
        records = _records(timeline, track)
        for at, child in enumerate(track):
            place = f"{label} {records[at]}"
            lost += [(place, name, "it is nested, and empty") for name in _empty_nests(child)]
    return lost


def _empty_nests(item: otio.core.Composable) -> list[str]:
    """Return the names of compositions that last, and hold nothing at all."""
    if not isinstance(item, otio.core.Composition):
        return []
    held = [child for child in item if isinstance(child, otio.core.Composition)]
    if len(item) > len(held):
        return []
    if not held or not any(len(child) for child in held):
        return [item.name or "?"] if duration_of(item).value > 0 else []
    return [name for child in held if not _is_audio(child) for name in _empty_nests(child)]


def _records(timeline: otio.schema.Timeline, track: otio.schema.Track) -> list[Timecode | None]:
    """Return the record timecode of each child; OpenTimelineIO's own takes quadratic time."""
    start = timeline.global_start_time
    is_drop = bool(annotation(timeline, DROP))
    at, rate = (0.0, 0.0) if start is None else (start.value, start.rate)
    said: list[Timecode | None] = []
    for child in track:
        if isinstance(child, otio.schema.Transition):
            said.append(None)
            continue
        duration = duration_of(child)
        rate = rate or duration.rate
        said.append(Timecode(math.floor(abs(at)), round(rate), is_drop))
        at += duration.rescaled_to(rate).value
    return said


def duration_of(child: otio.core.Item) -> otio.opentime.RationalTime:
    """Return how long `child` lasts; nothing if it doesn't say."""
    try:
        return child.duration()
    except otio.exceptions.OTIOError:
        return otio.opentime.RationalTime(0, 24)


def _cut(
    clip: otio.schema.Clip, place: Cut, overlaps: tuple[Duration, Duration], folder: Path
) -> Cut:
    """Return what `clip` shows at `place`, where transitions take `overlaps` beside it."""
    reference = clip.media_reference
    cut = replace(
        place,
        name=clip.name or getattr(reference, "name", "") or "",
        reel=_reel(clip),
        files=files_of(reference, folder),
        names=names_of(clip),
        first_number=first_number_of(reference),
        is_drop=annotation(clip, DROP),
        problem=_problem(clip),
    )
    try:
        times = clip.trimmed_range()
        rate = exact_rate(times.start_time.rate)
    except (otio.exceptions.OTIOError, ValueError) as error:
        return replace(cut, problem=f"it doesn't say which frames it shows: {error}")
    speed, notes = speed_of(clip)
    factor = max(abs(speed), 1.0)
    head, tail = (
        math.ceil(one.rescaled_to(times.duration.rate).value * factor) for one in overlaps
    )
    if speed < 0:
        head = tail = max(head, tail)
    length, before, after = _shown(clip, times.duration.value, speed)
    return replace(
        cut,
        rate=rate,
        start=math.floor(times.start_time.value),
        length=length,
        before=before + head,
        after=after + tail,
        available=_available(reference, times.start_time.rate),
        notes=tuple(notes),
    )


def _shown(clip: otio.schema.Clip, duration: float, speed: float) -> tuple[int, int, int]:
    """Return how many frames are certainly shown, and how many more before and after may be."""
    if annotation(clip, SURE) is not None:
        return annotation(clip, SURE), annotation(clip, BEFORE, 0), annotation(clip, MORE, 0)
    factor = max(abs(speed), 1.0)
    wide, sure = math.ceil(duration * factor), max(math.ceil(duration * abs(speed)), 1)
    if speed < 0:
        # Hosts differ in where a clip that runs backward begins: either way is covered.
        return 1, wide, wide
    return sure, 0, wide - sure


def _overlaps(parent: otio.core.Composition, at: int) -> tuple[Duration, Duration]:
    """Return how long transitions last before the clip's first frame, and after its last."""
    none = otio.opentime.RationalTime(0, 24)
    if not isinstance(parent, otio.schema.Track):
        return none, none
    head = parent[at - 1] if at > 0 else None
    tail = parent[at + 1] if at + 1 < len(parent) else None
    return (
        head.in_offset if isinstance(head, otio.schema.Transition) else none,
        tail.out_offset if isinstance(tail, otio.schema.Transition) else none,
    )


def _available(reference: object, rate: float) -> int | None:
    available = getattr(reference, "available_range", None)
    if available is None or available.start_time.rate <= 0:
        return None
    start: float = available.start_time.rescaled_to(rate).value
    return math.floor(start)


def _problem(clip: otio.schema.Clip) -> str | None:
    reference = clip.media_reference
    if annotation(clip, PROBLEM):
        return str(annotation(clip, PROBLEM))
    if not clip.enabled:
        return "it is disabled"
    if isinstance(reference, otio.schema.GeneratorReference):
        kind = reference.generator_kind or reference.name
        return f"it is generated{f' ({kind})' if kind else ''}, not footage"
    return None


def _reel(clip: otio.schema.Clip) -> str:
    """Return the reel that the adapters keep where each likes."""
    said = clip.metadata.get("cmx_3600", {}).get("reel")
    for holder in (clip.media_reference, clip):
        said = said or getattr(holder, "metadata", {}).get("fcp_xml", {}).get("reel")
        timecode = getattr(holder, "metadata", {}).get("fcp_xml", {}).get("timecode", {})
        said = said or (timecode.get("reel") if hasattr(timecode, "get") else None)
    if hasattr(said, "get"):
        said = said.get("name")
    return said if isinstance(said, str) else ""
