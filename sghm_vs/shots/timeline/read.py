"""An edit, read by OpenTimelineIO: its clips, one by one, with what they show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

import opentimelineio as otio

from sghm_vs.errors import SourceError, counted, listed
from sghm_vs.options import exact_rate

EDL_SUFFIX = ".edl"
SPEED_EFFECT = "timeremap"
"""How FCP 7 XML names a change of speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A clip of an edit: which of its media's frames it shows."""

    number: int
    """Its place among the clips of the chosen tracks, from 0."""
    where: str
    """Track and record timecode, for people: "V1 01:00:10:00"."""
    name: str
    reel: str
    files: tuple[Path, ...]
    """Where its media is said to be; of a sequence with # for digits."""
    rate: Fraction = Fraction(24)
    """Frames per second that its times count."""
    start: int = 0
    """The source's time of its first frame: a timecode or a frame number, as the edit counts."""
    length: int = 0
    """Frames of its media that it certainly shows."""
    before: int = 0
    """Further ones that it may show, by a transition or backward."""
    after: int = 0
    available: int | None = None
    """The source's time of its media's first frame, as the edit says."""
    notes: tuple[str, ...] = ()
    """What is unusual about it."""
    problem: str | None = None
    """Why it can't be matted."""

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
    given = {"rate": float(rate)} if rate is not None and path.suffix.lower() == EDL_SUFFIX else {}
    try:
        found = otio.adapters.read_from_file(
            str(path),
            media_linker_name=otio.media_linker.MediaLinkingPolicy.DoNotLinkMedia,
            **given,
        )
    except otio.exceptions.NoKnownAdapterForExtensionError:
        known = " ".join(sorted(otio.adapters.suffixes_with_defined_adapters(read=True)))
        msg = f"{path} has no form of edit that can be read; known are {known}"
        raise SourceError(msg) from None
    except Exception as error:
        # Adapters raise whatever comes to them.
        msg = f"{path} can't be read as an edit: {type(error).__name__}: {error}"
        raise SourceError(msg) from error
    timeline = _one_timeline(found, path)
    _keep_record_start(timeline)
    return timeline


def _keep_record_start(timeline: otio.schema.Timeline) -> None:
    """Say where the edit's time begins as other forms do; the EDL adapter has it in the tracks."""
    for track in timeline.tracks:
        times = track.source_range
        if times is None or times.start_time.value >= 0:
            continue
        if timeline.global_start_time is None:
            timeline.global_start_time = -times.start_time
        if timeline.global_start_time == -times.start_time:
            track.source_range = None


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
    beyond = [number for number in chosen if not 1 <= number <= len(tracks)]
    if beyond or not tracks:
        asked = f", and track {beyond[0]} was asked for" if beyond else ""
        msg = f"the edit has {counted(len(tracks), 'video track')}{asked}"
        raise SourceError(msg)
    return [track for at, track in enumerate(tracks, start=1) if not chosen or at in chosen]


def clips_of(item: otio.core.Composition) -> Iterator[tuple[otio.core.Composition, int]]:
    """Yield the clips below `item`, in order: the composition each is in, and its place there."""
    for at, child in enumerate(item):
        if isinstance(child, otio.schema.Clip):
            yield item, at
        elif isinstance(child, otio.core.Composition):
            yield from clips_of(child)


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
    every = video_tracks(timeline)
    cuts: list[Cut] = []
    for track in video_tracks(timeline, chosen):
        label = f"V{1 + next(at for at, one in enumerate(every) if one is track)}"
        records = _records(timeline, track)
        for parent, at in clips_of(track):
            record = records[at] if parent is track else ""
            where = f"{label} {record}" if record else f"{label} nested in {parent.name or '?'}"
            cuts.append(_cut(parent, at, len(cuts), where, folder))
    return cuts


def _records(timeline: otio.schema.Timeline, track: otio.schema.Track) -> list[str]:
    """Return the record timecode of each child; OpenTimelineIO's own takes quadratic time."""
    start = timeline.global_start_time
    at, rate = (0.0, 0.0) if start is None else (start.value, start.rate)
    said = []
    for child in track:
        if isinstance(child, otio.schema.Transition):
            said.append("")
            continue
        duration = duration_of(child)
        rate = rate or duration.rate
        said.append(_timecode(at, rate))
        at += duration.rescaled_to(rate).value
    return said


def duration_of(child: otio.core.Item) -> otio.opentime.RationalTime:
    """Return how long `child` lasts; nothing if it doesn't say."""
    try:
        return child.duration()
    except otio.exceptions.OTIOError:
        return otio.opentime.RationalTime(0, 24)


def _timecode(value: float, rate: float) -> str:
    try:
        return str(otio.opentime.RationalTime(abs(value), rate).to_timecode())
    except ValueError:
        return f"frame {value:g}"


def _cut(parent: otio.core.Composition, at: int, number: int, where: str, folder: Path) -> Cut:
    clip = parent[at]
    reference = clip.media_reference
    cut = Cut(
        number=number,
        where=where,
        name=clip.name or getattr(reference, "name", "") or "",
        reel=_reel(clip),
        files=_files(reference, folder),
        problem=_problem(clip),
    )
    try:
        times = clip.trimmed_range()
        rate = exact_rate(times.start_time.rate)
    except (otio.exceptions.OTIOError, ValueError) as error:
        return replace(cut, problem=f"it doesn't say which frames it shows: {error}")
    speed, notes = _speed(clip)
    head, tail = _overlaps(parent, at, times.duration.rate)
    length, before, after = _shown(times.duration.value, head, tail, speed)
    return replace(
        cut,
        rate=rate,
        start=math.floor(times.start_time.value),
        length=length,
        before=before,
        after=after,
        available=_available(reference, times.start_time.rate),
        notes=tuple(notes),
    )


def _shown(duration: float, head: float, tail: float, speed: float) -> tuple[int, int, int]:
    """Return how many frames are certainly shown, and how many more before and after may be."""
    factor = max(abs(speed), 1.0)
    wide, sure = math.ceil(duration * factor), max(math.ceil(duration * abs(speed)), 1)
    before, after = math.ceil(head * factor), math.ceil(tail * factor)
    if speed < 0:
        # Hosts differ in where a clip that runs backward begins: either way is covered.
        return 1, before + wide, after + wide
    return sure, before, after + wide - sure


def _speed(clip: otio.schema.Clip) -> tuple[float, list[str]]:
    """Return how many frames of the media pass per frame of the edit, and words on it."""
    speed, notes = 1.0, []
    for effect in clip.effects:
        if isinstance(effect, otio.schema.FreezeFrame):
            speed = 0.0
        elif isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= effect.time_scalar
        elif isinstance(effect, otio.schema.TimeEffect):
            notes.append(f"time effect {effect.name or effect.effect_name} is not understood")
        else:
            speed *= _fcp_speed(effect)
    if speed != 1:
        notes.append("frozen" if speed == 0 else f"retimed to {speed:.4g} of its speed")
    return speed, notes


def _fcp_speed(effect: otio.schema.Effect) -> float:
    """Return the speed that an effect of FCP 7 XML sets; 1 if it sets none."""
    said = effect.metadata.get("fcp_xml", {})
    if str(said.get("effectid", effect.name)).lower().replace(" ", "") != SPEED_EFFECT:
        return 1.0
    parameters = said.get("parameter", [])
    for parameter in [parameters] if hasattr(parameters, "keys") else parameters:
        if parameter.get("parameterid") == "speed":
            try:
                return float(parameter.get("value", 100)) / 100
            except ValueError:
                return 1.0
    return 1.0


def _overlaps(parent: otio.core.Composition, at: int, rate: float) -> tuple[float, float]:
    """Return how many frames transitions take from before the clip and from after it."""
    if not isinstance(parent, otio.schema.Track):
        return 0, 0
    head = parent[at - 1] if at > 0 else None
    tail = parent[at + 1] if at + 1 < len(parent) else None
    return (
        head.in_offset.rescaled_to(rate).value if isinstance(head, otio.schema.Transition) else 0,
        tail.out_offset.rescaled_to(rate).value if isinstance(tail, otio.schema.Transition) else 0,
    )


def _available(reference: object, rate: float) -> int | None:
    available = getattr(reference, "available_range", None)
    if available is None or available.start_time.rate <= 0:
        return None
    start: float = available.start_time.rescaled_to(rate).value
    return math.floor(start)


def _problem(clip: otio.schema.Clip) -> str | None:
    reference = clip.media_reference
    if not clip.enabled:
        return "it is disabled"
    if isinstance(reference, otio.schema.GeneratorReference):
        return f"it is generated ({reference.generator_kind or reference.name}), not footage"
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


def _files(reference: object, folder: Path) -> tuple[Path, ...]:
    """Return where the media is said to be: as written, and by its name beside the edit."""
    if isinstance(reference, otio.schema.ImageSequenceReference):
        digits = "#" * max(reference.frame_zero_padding, 1)
        name = f"{reference.name_prefix}{digits}{reference.name_suffix}"
        said = local_path(f"{reference.target_url_base.rstrip('/')}/{name}", is_quoted=False)
    elif isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
        said = local_path(reference.target_url)
    else:
        return ()
    return () if said is None else (folder / said,)


def local_path(url: str, *, is_quoted: bool = True) -> Path | None:
    """
    Return the file that `url` names; None if it is on another machine or of another scheme.

    Args:
        url: file://…, or a path as edits have them, of any system.
        is_quoted: Whether %20 stands for a space in what is no URL, too.
    """
    parts = urlsplit(url) if "://" in url else None
    if parts is not None:
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            return None
        text = unquote(parts.path)
        if PureWindowsPath(text[1:]).drive:
            text = text[1:]
        hashes = f"#{parts.fragment}" if parts.fragment else ""
        return _sound(text + unquote(hashes))
    return _sound(unquote(url) if is_quoted and "%" in url else url)


def _sound(text: str) -> Path | None:
    return None if "\0" in text or not text else Path(text)
