"""CMX 3600 edit decision lists, written: one video track of clips, gaps and transitions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

import opentimelineio as otio

from sghm_vs.files import last_name
from sghm_vs.media.timecode import DROP_RATES, Timecode
from sghm_vs.shots.timeline.annotations import DROP, annotation
from sghm_vs.shots.timeline.speeds import speed_of

REEL_LETTERS = 8
BLACK = "BL"
UNKNOWN = "AX"
ENDING = re.compile(r"\.[a-zA-Z]\w*$")


def edl_of(timeline: otio.schema.Timeline, rate: Fraction) -> str:
    """
    Return `timeline`, of one video track without nests, as a list.

    Args:
        timeline: What to write; see `sghm_vs.shots.timeline.write.mattes_alone`.
        rate: Frames per second of its times.
    """
    return _List(timeline, rate).text()


@dataclass(frozen=True, slots=True)
class _Side:
    """What an event shows: a clip, or black."""

    clip: otio.schema.Clip | None
    reel: str
    start: int
    length: int
    """Frames of the source."""
    is_drop: bool

    @property
    def end(self) -> int:
        """The source's time after its last frame."""
        return self.start + self.length


class _List:
    def __init__(self, timeline: otio.schema.Timeline, rate: Fraction) -> None:
        self._rate = rate
        self._fps = round(rate)
        self._title = timeline.name
        self._is_drop = self._drops(annotation(timeline, DROP))
        start = timeline.global_start_time
        self._at = 0 if start is None else self._frames(start)
        self._track = timeline.tracks[0]
        self._lines: list[str] = []
        self._events = 0

    def text(self) -> str:
        """Return the list."""
        before = None
        for index, child in enumerate(self._track):
            if isinstance(child, otio.schema.Transition):
                continue
            side = self._side(child)
            frames = self._frames(child.duration())
            into = self._track[index - 1] if index else None
            if isinstance(into, otio.schema.Transition):
                self._add_transition(before or self._black(), side, into, frames)
            elif side.clip is not None:
                self._add_cut(side, frames)
            self._at += frames
            before = side
        mode = "DROP FRAME" if self._is_drop else "NON-DROP FRAME"
        return "\n".join([f"TITLE: {self._title}", f"FCM: {mode}", "", *self._lines, ""])

    def _add_cut(self, side: _Side, frames: int) -> None:
        self._events += 1
        self._add_line(side, "C", side.start, side.end, frames)
        self._add_comments(side, "FROM")

    def _add_transition(
        self, before: _Side, side: _Side, into: otio.schema.Transition, frames: int
    ) -> None:
        """
        Add an event of two lines: what is left, without length, and what comes.

        In an event the transition begins with what comes; in OpenTimelineIO it may begin before.
        """
        self._events += 1
        early = self._frames(into.in_offset)
        lasts = early + self._frames(into.out_offset)
        kind = str(into.metadata.get("cmx_3600", {}).get("transition", "D"))
        self._at -= early
        self._add_line(before, "C", before.end - early, before.end - early, 0)
        start, end = side.start - early, side.end
        self._add_line(side, f"{kind:4} {lasts:03}", start, end, frames + early)
        self._at += early
        self._add_comments(before, "FROM", names_only=True)
        self._add_comments(side, "TO")

    def _add_line(self, side: _Side, kind: str, start: int, end: int, frames: int) -> None:
        times = [
            *(self._code(time, is_drop=side.is_drop) for time in (start, end)),
            *(self._code(time, is_drop=self._is_drop) for time in (self._at, self._at + frames)),
        ]
        self._lines.append(f"{self._events:03}  {side.reel:8} V     {kind:8} {' '.join(times)}")

    def _add_comments(self, side: _Side, word: str, *, names_only: bool = False) -> None:
        clip = side.clip
        if clip is None:
            return
        speed, _ = speed_of(clip)
        if speed != 1 and not names_only:
            said = f"{'-' if speed < 0 else ''}{abs(speed) * float(self._rate):05.1f}"
            code = self._code(side.start, is_drop=side.is_drop)
            self._lines.append(f"M2   {side.reel:8} {said:>8}                {code}")
        self._lines.append(f"* {word} CLIP NAME: {clip.name}")
        url = _url_of(clip)
        if url and not names_only:
            self._lines.append(f"* {word} CLIP: {url}")

    def _side(self, child: otio.core.Item) -> _Side:
        if not isinstance(child, otio.schema.Clip):
            return self._black()
        speed, _ = speed_of(child)
        shown = self._frames(child.source_range.duration)
        return _Side(
            clip=child,
            reel=_reel_of(child),
            start=self._frames(child.source_range.start_time),
            length=max(math.ceil(shown * abs(speed)), 1),
            is_drop=self._drops(annotation(child, DROP, self._is_drop)),
        )

    def _black(self) -> _Side:
        return _Side(None, BLACK, 0, 0, self._is_drop)

    def _drops(self, is_drop: bool | None) -> bool:
        return bool(is_drop) and self._rate in DROP_RATES

    def _frames(self, time: otio.opentime.RationalTime) -> int:
        frames: float = time.rescaled_to(float(self._rate)).value
        return round(frames)

    def _code(self, frame: int, *, is_drop: bool) -> str:
        return str(Timecode(0, self._fps, is_drop) + frame)


def _url_of(clip: otio.schema.Clip) -> str:
    """Return where the media is; a sequence with the numbers of its first and last frame."""
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ImageSequenceReference):
        first, last = reference.start_frame, reference.end_frame()
        return str(reference.abstract_target_url(f"[{first}-{last}]"))
    return str(getattr(reference, "target_url", "") or "")


def _reel_of(clip: otio.schema.Clip) -> str:
    """Return the clip's reel, else one made of its media's name."""
    said = clip.metadata.get("cmx_3600", {}).get("reel")
    if said:
        return str(said)
    name = last_name(str(getattr(clip.media_reference, "name", "") or clip.name))
    return re.sub(r"[^a-zA-Z0-9]+", "", ENDING.sub("", name))[:REEL_LETTERS] or UNKNOWN
