"""CMX 3600 edit decision lists, as editing programs write them."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.files import is_path
from sghm_vs.media.timecode import DROP_RATES, Timecode
from sghm_vs.shots.text import decoded, numbered_lines
from sghm_vs.shots.timeline.annotations import DROP, MORE, NAMES, NOTES, SURE, UNREAD, annotate

TIME = r"(?:\d{1,2}[:;.,]\d\d[:;.,]\d\d[:;.,]\d{2,3}|\d+)"
EDIT = re.compile(
    rf"(?P<event>\d+)\s+(?:(?P<reel>.+?)\s+)?(?P<channels>\S+)\s+(?P<kind>C|D|W\d*|K\s?[BO]?)"
    rf"(?:\s+(?P<frames>\d+))?\s+({TIME})\s+({TIME})\s+({TIME})\s+({TIME})"
)
"""Reels may have spaces: what stands left of channel, kind and four times."""
DROPS = re.compile(r"^\s*FCM:?\s*DROP|\d\d:\d\d;\d\d\b", re.IGNORECASE | re.MULTILINE)
EVENT = re.compile(r"(\d+)\s+\S")
TIMES = re.compile(r"\d\d?[:;.]\S+[:;.]\S+[:;.]\d{2,3}(?!\S)")
SPEED = re.compile(
    rf"M2\s+(?:(?P<reel>.*?)\s+)?(?P<speed>[-+]?\d+(?:[.,]\d*)?)(?:\s+(?P<time>{TIME}))?"
)
COMMENT = re.compile(r"\*?\s*([A-Za-z][A-Za-z ]*?)\s*:\s*(.*)")
NAMING = frozenset({"CLIP", "FILE", "MEDIA", "NAME", "PATH", "REEL", "SOURCE", "TAPE"})
"""A comment with one of these words before its colon names what the event shows,"""
NOT_NAMING = frozenset({"AUDIO", "COLOR", "COLOUR", "COMMENT", "EFFECT", "EFFECTS", "TRANSITION"})
"""unless it has one of these."""
REPLACED = re.compile(r"\s+REPLACED BY:.*")
"""What Final Cut says of reels that it shortens."""
LOCATOR = re.compile(rf"({TIME})\s+(\w*)\s*(.*)")
FREEZE = re.compile(r"[*\s]*FREEZE FRAME", re.IGNORECASE)
NO_REELS = frozenset({"AX", "BL", "BLACK", "BARS", ""})
BLACK = frozenset({"BL", "BLACK"})
CHANNELS = {"B": ("V", "A1"), "AA": ("A1", "A2"), "A": ("A1",), "AV": ("V", "A1")}
USUAL_FPS = (24, 25, 30, 48, 50, 60, 96, 100, 120)
DAY_S = 86400
ODDS_MIN = 0.01
"""That a list of another rate has so few of that rate's numbers."""
HALF = Fraction(1, 2)
SIMPLE_SPEEDS = tuple(sorted({Fraction(n, d) for d in range(1, 9) for n in range(1, 8 * d + 1)}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A line of an event: a source at its place. Times are counts of frames."""

    event: str
    line: int
    reel: str
    channels: tuple[str, ...]
    kind: str
    """C, D, Wnnn, KB (a key's background), K or KO."""
    transition: int
    """Frames of a dissolve or wipe from what was there."""
    source_in: int
    source_out: int
    record_in: int
    record_out: int
    source_is_drop: bool
    record_is_drop: bool

    @property
    def length(self) -> int:
        """Frames at its place."""
        return self.record_out - self.record_in


@dataclass(slots=True)
class Event:
    """Lines of one number, and what is said of each."""

    edits: list[Edit] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    """How many edits stood before it, and its text."""


@dataclass(slots=True)
class List:
    """What the lines of a file say."""

    title: str = ""
    events: list[Event] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)


def read_edl(path: Path, rate: Fraction) -> otio.schema.Timeline:
    """
    Return the edit in the list at `path`.

    An event that can't be read is left out, and noted (`sghm_vs.shots.timeline.annotations.UNREAD`).
    What overlaps on a channel, as keys do, gets a track above it.

    Args:
        path: The file, in UTF-8, UTF-16, Latin-1 or Mac Roman.
        rate: Frames per second of its times.

    Raises:
        SourceError: It can't be opened, holds no events, or its times are of another rate.
    """
    try:
        lines = list(numbered_lines(decoded(path.read_bytes())))
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; check its name"
        raise SourceError(msg) from None
    _check_rate(lines, path, rate)
    found = _parsed(lines, path, rate)
    found.unread += _without_length(found.events, path)
    if not any(event.edits for event in found.events):
        why = f": {'; '.join(map(': '.join, found.unread[:3]))}" if found.unread else ""
        msg = f"{path} can't be read as an edit: it has no events of CMX 3600{why}; export it anew"
        raise SourceError(msg)
    return _timeline(found, rate)


def _without_length(events: Iterable[Event], path: Path) -> Iterator[tuple[str, str]]:
    """Yield events that show no frame, each with why."""
    for event in events:
        if event.edits and all(edit.length <= 0 for edit in event.edits):
            first = event.edits[0]
            why = f"line {first.line} of {path.name}: it begins and ends at one time of the record"
            yield f"event {first.event}", why


def drops_frames(path: Path) -> bool:
    """Tell whether the list at `path` says that it is drop-frame; not if it can't be opened."""
    try:
        text = decoded(path.read_bytes())
    except OSError:
        return False
    return DROPS.search(text) is not None


def _parsed(lines: Iterable[tuple[int, str]], path: Path, rate: Fraction) -> List:
    found = List()
    is_drop = False
    for number, line in lines:
        text = line.strip()
        if text.upper().startswith("TITLE:"):
            found.title = text[6:].strip()
        elif text.upper().startswith("FCM"):
            is_drop = "DROP" in text.upper() and "NON" not in text.upper()
        elif EVENT.match(text) or _means_event(text):
            _add_edit(found, text, number, path, rate, is_drop=is_drop)
        elif text and found.events:
            event = found.events[-1]
            event.comments.append((len(event.edits), text))
    return found


def _means_event(text: str) -> bool:
    """Tell whether a line has an event's four times, however it begins."""
    return not text.startswith(("*", ">", "M2")) and len(TIMES.findall(text)) == 4


def _add_edit(
    found: List, text: str, number: int, path: Path, rate: Fraction, *, is_drop: bool
) -> None:
    try:
        edit = _edit(text, number, rate, is_drop=is_drop)
    except SettingsError as error:
        event = text.split()[0]
        found.unread.append((f"event {event}", f"line {number} of {path.name}: {error}"))
        # Comments that follow are its own, and of no other.
        found.events.append(Event())
        return
    last = found.events[-1] if found.events else Event()
    if last.edits and last.edits[-1].event == edit.event:
        last.edits.append(edit)
    else:
        found.events.append(Event([edit]))


def _edit(text: str, number: int, rate: Fraction, *, is_drop: bool) -> Edit:
    """
    Return what a line says.

    Raises:
        SettingsError: It is no line of an event.
    """
    match = EDIT.fullmatch(text)
    if match is None:
        msg = f"{text!r} is no event; it needs reel, channel, transition and four timecodes"
        raise SettingsError(msg)
    words = match.groups()[-4:]
    # Beside a drop-frame time a colon says non-drop; alone it counts as the list does.
    is_drop = is_drop and not any(";" in word for word in words)
    times = [_time(word, rate, is_drop=is_drop) for word in words]
    source_in, source_out = _forward(times[0], times[1])
    record_in, record_out = _forward(times[2], times[3])
    channels = match["channels"].upper()
    return Edit(
        event=match["event"],
        line=number,
        reel=(match["reel"] or "").strip(),
        channels=tuple(
            channel for part in channels.split("/") for channel in CHANNELS.get(part, (part,))
        ),
        kind=match["kind"].replace(" ", ""),
        transition=int(match["frames"] or 0),
        source_in=source_in,
        source_out=source_out,
        record_in=record_in,
        record_out=record_out,
        source_is_drop=times[0].is_drop,
        record_is_drop=times[2].is_drop,
    )


def _check_rate(lines: Iterable[tuple[int, str]], path: Path, rate: Fraction) -> None:
    """Refuse a list of another rate: with as many numbers that this one lacks as that one makes."""
    fps = round(rate)
    matches = ((number, EDIT.fullmatch(text.strip())) for number, text in lines)
    tops = [(_top(match.groups()[-4:]), number) for number, match in matches if match]
    for needed in USUAL_FPS:
        known = [top for top, _ in tops if top[0] < needed]
        beyond = [one for one in tops if fps <= one[0][0] < needed]
        if beyond and not _are_odd(len(beyond), len(known), 1 - (fps / needed) ** 4):
            (frames, word), number = beyond[0]
            msg = (
                f"line {number} of {path} has {word}, and {float(rate):.6g} frames a second have "
                f"no number {frames}; give the edit's own with --rate {needed}"
            )
            raise SourceError(msg)


def _top(times: Iterable[str]) -> tuple[int, str]:
    """Return the highest number of a frame among `times`, and the time that has it."""
    return max((int(re.split("[:;.,]", time)[-1]) if not time.isdigit() else 0, time)
               for time in times)  # fmt: skip


def _are_odd(count: int, events: int, share: float) -> bool:
    """Tell whether `count` is too few for as many `events`, of which such a share is expected."""
    odds = sum(
        math.comb(events, n) * share**n * (1 - share) ** (events - n) for n in range(count + 1)
    )
    return odds < ODDS_MIN


def _time(word: str, rate: Fraction, *, is_drop: bool) -> Timecode:
    if word.isdigit():
        return Timecode(int(word), round(rate))
    hours, minutes, seconds, frames = re.split("[:;.,]", word)
    # Where no rate can drop numbers, ";" is but a mark.
    drops = rate in DROP_RATES and (is_drop or word[-len(frames) - 1] == ";")
    mark = ";" if drops else ":"
    return Timecode.parse(f"{int(hours):02}:{minutes}:{seconds}{mark}{frames}", rate)


def _forward(first: Timecode, end: Timecode) -> tuple[int, int]:
    """Return both as counts, the end past midnight where the day ends between them."""
    day = DAY_S * first.fps
    if end.frame >= first.frame:
        return first.frame, end.frame
    if first.frame - end.frame > day // 2:
        return first.frame, end.frame + day
    # Some programs write what runs backward from its end to its start.
    return end.frame, first.frame


def _timeline(found: List, rate: Fraction) -> otio.schema.Timeline:
    timeline = otio.schema.Timeline(found.title)
    placed: dict[str, list[tuple[Edit, otio.core.Item]]] = defaultdict(list)
    for event in found.events:
        for edit, item in _items(event, rate):
            for channel in edit.channels:
                placed[channel].append((edit, item))
    starts = [edit.record_in for pairs in placed.values() for edit, _ in pairs]
    if starts:
        timeline.global_start_time = otio.opentime.RationalTime(min(starts), float(rate))
    for channel, pairs in sorted(placed.items(), key=_track_order):
        for track in _tracks(channel, pairs, min(starts), rate):
            timeline.tracks.append(track)
    annotate(timeline, **{UNREAD: [list(pair) for pair in found.unread]})
    if placed:
        annotate(timeline, **{DROP: next(iter(placed.values()))[0][0].record_is_drop})
    return timeline


def _track_order(placed: tuple[str, object]) -> tuple[bool, int, str]:
    """Order pictures from below, then sound."""
    channel = placed[0]
    return not _is_picture(channel), len(channel), channel


def _is_picture(channel: str) -> bool:
    return re.fullmatch(r"A\d*|NONE", channel) is None


def _items(event: Event, rate: Fraction) -> Iterator[tuple[Edit, otio.core.Item]]:
    """Yield what the event shows: no lines without length, which say what a transition leaves."""
    for at, edit in enumerate(event.edits):
        if edit.length <= 0:
            continue
        if edit.reel.upper() in BLACK:
            yield edit, _gap(edit.length, rate)
        else:
            yield edit, _clip(event, at, rate)


def _tracks(
    channel: str, pairs: Sequence[tuple[Edit, otio.core.Item]], start: int, rate: Fraction
) -> list[otio.schema.Track]:
    """Return the channel's tracks: what overlaps is laid on another one."""
    kind = otio.schema.TrackKind
    kind_of_all = kind.Video if _is_picture(channel) else kind.Audio
    tracks: list[otio.schema.Track] = []
    ends: list[int] = []
    for edit, item in sorted(_without_key_backgrounds(pairs), key=lambda pair: pair[0].record_in):
        at = next((n for n, end in enumerate(ends) if end <= edit.record_in), len(tracks))
        if at == len(tracks):
            name = channel if at == 0 else f"{channel} {at + 1}"
            tracks.append(otio.schema.Track(name, kind=kind_of_all))
            ends.append(start)
        track = tracks[at]
        if edit.record_in > ends[at]:
            track.append(_gap(edit.record_in - ends[at], rate))
        if edit.kind.startswith(("D", "W")) and edit.transition:
            track.append(_transition(edit, rate))
        track.append(item.deepcopy() if len(edit.channels) > 1 else item)
        ends[at] = edit.record_out
    return tracks


def _without_key_backgrounds(
    pairs: Sequence[tuple[Edit, otio.core.Item]],
) -> Iterator[tuple[Edit, otio.core.Item]]:
    """Leave out a key's background where an event before shows the same."""
    before: set[tuple[object, ...]] = set()
    for edit, item in pairs:
        same = (edit.reel, edit.source_in, edit.record_in, edit.record_out)
        if edit.kind != "KB" or same not in before:
            yield edit, item
        before.add(same)


def _clip(event: Event, at: int, rate: Fraction) -> otio.schema.Clip:
    edit = event.edits[at]
    said = _said_of(event, at)
    named = _named(said)
    speed = _speed_of(event, at, rate)
    name = named[0] if named else edit.reel or edit.event
    if speed == 0:
        name = name.removesuffix(" FF")
    clip = otio.schema.Clip(name, _reference(edit, named), _range(edit, rate))
    if speed == 0:
        clip.effects.append(otio.schema.FreezeFrame())
    elif speed != 1:
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=float(speed)))
    if edit.reel.upper() not in NO_REELS:
        clip.metadata["cmx_3600"] = {"reel": edit.reel}
    _mark(clip, event, said, rate)
    notes = [*_odd_speeds(event, at), *_odd_lengths(clip, edit, is_retimed=speed != 1)]
    annotate(clip, **{NAMES: named, DROP: edit.source_is_drop, **({NOTES: notes} if notes else {})})
    return clip


def _named(said: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names in comments, those of clips first."""
    words = [(set(label.upper().split()), value) for label, value in said]
    naming = [
        (not {"CLIP", "NAME"} <= label, REPLACED.sub("", value))
        for label, value in words
        if value and label & NAMING and not label & NOT_NAMING
    ]
    return list(dict.fromkeys(value for _, value in sorted(naming, key=lambda one: one[0])))


def _range(edit: Edit, rate: Fraction) -> otio.opentime.TimeRange:
    fps = float(rate)
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(edit.source_in, fps),
        otio.opentime.RationalTime(edit.length, fps),
    )


def _mark(
    clip: otio.schema.Clip, event: Event, said: Sequence[tuple[str, str]], rate: Fraction
) -> None:
    """Keep locators as markers, and the event's comments as they are."""
    for label, value in said:
        match = LOCATOR.fullmatch(value) if label.upper() == "LOC" else None
        # Nothing is matted by a locator: one of no time is only a comment.
        with suppress(SettingsError):
            if match is None:
                continue
            at = _time(match[1], rate, is_drop=False).frame
            start = otio.opentime.RationalTime(at, float(rate))
            zero = otio.opentime.RationalTime(0, float(rate))
            color = match[2].upper()
            clip.markers.append(
                otio.schema.Marker(match[3], otio.opentime.TimeRange(start, zero), color)
            )
    comments = [text.lstrip("* ") for _, text in event.comments if text.startswith("*")]
    if comments:
        clip.metadata["cmx_3600"] = {
            **dict(clip.metadata.get("cmx_3600", {})),
            "comments": comments,
        }


def _odd_speeds(event: Event, at: int) -> Iterator[str]:
    """Yield what should say a speed of the event's last shown line, and says none."""
    shown = [one for one in event.edits if one.length > 0]
    for _, text in event.comments:
        if re.match(r"M2\b", text) and not SPEED.fullmatch(text) and event.edits[at] is shown[-1]:
            edit = event.edits[at]
            yield f"event {edit.event}, line {edit.line}: {text!r} says no speed, and 1 is taken"


def _odd_lengths(clip: otio.schema.Clip, edit: Edit, *, is_retimed: bool) -> Iterator[str]:
    """Yield that source and record differ without a speed that says why, and leave it on `clip`."""
    source = edit.source_out - edit.source_in
    if is_retimed or source == edit.length:
        return
    sure = max(min(source, edit.length), 1)
    annotate(clip, **{SURE: sure, MORE: max(source, edit.length) - sure})
    yield f"event {edit.event}, line {edit.line}: {source} frames of source, {edit.length} shown"


def _reference(edit: Edit, named: Sequence[str]) -> otio.core.MediaReference:
    if edit.reel.upper() == "BARS":
        return otio.schema.GeneratorReference(generator_kind="SMPTEBars")
    files = [name for name in named if is_path(name)]
    return otio.schema.ExternalReference(files[0]) if files else otio.schema.MissingReference()


def _said_of(event: Event, at: int) -> list[tuple[str, str]]:
    """Return label and value of the comments on one of the event's lines."""
    said = []
    labels: dict[str, int] = defaultdict(int)
    matches = [(before, COMMENT.fullmatch(text)) for before, text in event.comments]
    pairs = [(before, match[1].strip(), match[2].strip()) for before, match in matches if match]
    for before, label, value in pairs:
        of_line = before - 1
        first = label.split()[0].upper()
        alike = sum(other == label for _, other, _ in pairs)
        if first in ("FROM", "TO", "KEY"):
            of_line = _side(event, first)
        elif alike == len(event.edits) and of_line == len(event.edits) - 1:
            of_line = labels[label]
        labels[label] += 1
        if of_line == at:
            said.append((label, value))
    return said


def _side(event: Event, word: str) -> int:
    """Return which of the event's lines "FROM", "TO" or "KEY" speaks of."""
    last = len(event.edits) - 1
    if word == "FROM":
        return 0
    keys = [at for at, edit in enumerate(event.edits) if edit.kind in ("K", "KO")]
    if word == "KEY":
        return keys[0] if keys else last
    return next((at for at in range(last, -1, -1) if at not in keys), last)


def _speed_of(event: Event, at: int, rate: Fraction) -> Fraction:
    """Return how many frames of the source pass per frame; 1 if nothing is said."""
    edit = event.edits[at]
    if any(FREEZE.match(text) for _, text in event.comments) and edit.length:
        return Fraction(0)
    shown = [one for one in event.edits if one.length > 0]
    for _, text in event.comments:
        match = SPEED.fullmatch(text)
        if match is None:
            continue
        meant = [one for one in shown if one.reel == (match["reel"] or "").strip()] or shown
        if edit is meant[-1]:
            return _speed(match["speed"].replace(",", "."), rate)
    return Fraction(1)


def _speed(said: str, rate: Fraction) -> Fraction:
    """
    Return the speed that `said`, frames a second, stands for.

    M2 rounds to a tenth: 059.9 at 29.97 is twice the speed.
    """
    value = Fraction(said)
    digits = len(said.partition(".")[2])
    half = HALF / 10**digits
    low, high = ((abs(value) + one) / rate for one in (-half, half))
    if value == 0:
        return Fraction(0)
    speed = next((one for one in SIMPLE_SPEEDS if low <= one <= high), abs(value) / rate)
    return speed if value > 0 else -speed


def _transition(edit: Edit, rate: Fraction) -> otio.schema.Transition:
    """Return the transition into `edit`, which begins with it."""
    fps = float(rate)
    types = otio.schema.TransitionTypes
    transition = otio.schema.Transition(
        "dissolve" if edit.kind == "D" else "wipe",
        types.SMPTE_Dissolve if edit.kind == "D" else "SMPTE_Wipe",
        otio.opentime.RationalTime(0, fps),
        otio.opentime.RationalTime(min(edit.transition, edit.length), fps),
    )
    transition.metadata["cmx_3600"] = {"transition": edit.kind}
    return transition


def _gap(frames: int, rate: Fraction) -> otio.schema.Gap:
    fps = float(rate)
    return otio.schema.Gap(
        source_range=otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, fps), otio.opentime.RationalTime(frames, fps)
        )
    )
