"""Changes of speed: what an edit says of them, and which frames they may show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import opentimelineio as otio

from sghm_vs.shots.timeline.annotations import (
    BEFORE,
    CLIP_FRAMES,
    MORE,
    NOTES,
    SURE,
    annotate,
    annotation,
)

FCP_SPEED = "timeremap"
"""How FCP 7 XML names a change of speed."""
VARIES = "its speed varies"
SAME_WITHIN = 2
"""Frames by which lengths that programs round differ."""


def speed_of(clip: otio.schema.Clip) -> tuple[float, list[str]]:
    """Return how many frames of the media pass per frame of the edit, and words on it."""
    speed, notes = 1.0, list(annotation(clip, NOTES, []))
    for effect in clip.effects:
        if isinstance(effect, otio.schema.FreezeFrame):
            speed = 0.0
        elif isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= effect.time_scalar
        elif isinstance(effect, otio.schema.TimeEffect):
            notes.append(
                f"{VARIES}: time effect {effect.name or effect.effect_name} is not understood"
            )
    if speed == 0:
        notes.append("frozen")
    elif speed != 1:
        backward = ", backward" if speed < 0 else ""
        notes.append(f"retimed to {speed:.4g} of its speed{backward}")
    return speed, notes


def make_plain(clip: otio.schema.Clip) -> None:
    """
    Say a change of speed of FCP 7 XML as OpenTimelineIO does.

    The clip's range becomes one of its media's times. Where the XML leaves open which frames a clip
    that runs backward shows, all that it may mean are noted.
    """
    for at, effect in enumerate(clip.effects):
        said = effect.metadata.get("fcp_xml", {})
        name = str(said.get("effectid", effect.name)).lower().replace(" ", "")
        if name != FCP_SPEED or isinstance(effect, otio.schema.TimeEffect):
            continue
        remap = _remap_of(said)
        if not math.isfinite(remap.speed) and len(remap.keys) < 2:
            annotate(
                clip,
                **{NOTES: [*annotation(clip, NOTES, []), "its speed is no number, and 1 is taken"]},
            )
            remap = replace(remap, speed=1.0)
        clip.effects[at] = _plain_effect(remap.speed, effect)
        _place(clip, remap)
        return
    if _is_true(clip.metadata.get("fcp_xml", {}).get("stillframe")):
        clip.effects.append(otio.schema.FreezeFrame())


@dataclass(frozen=True, slots=True)
class _Remap:
    """What FCP 7 XML says of a clip's speed."""

    speed: float
    keys: tuple[tuple[float, float], ...]
    """Frame of the clip, and the frame of the media that it shows."""
    varies: bool


def _remap_of(said: Mapping[str, Any]) -> _Remap:
    parameters = {str(one.get("parameterid")): one for one in _listed(said.get("parameter"))}
    value = {name: one.get("value") for name, one in parameters.items()}
    speed = _number(value.get("speed", 100.0), math.nan) / 100
    if _is_true(value.get("reverse")):
        speed = -abs(speed)
    graph = parameters.get("graphdict", {})
    keys = [
        (_number(key.get("when"), math.nan), _number(key.get("value"), math.nan))
        for key in _listed(graph.get("keyframe"))
    ]
    finite = sorted((when, frame) for when, frame in keys if math.isfinite(when + frame))
    return _Remap(speed, tuple(finite), _number(value.get("variablespeed"), 0.0) == 1)


def _place(clip: otio.schema.Clip, remap: _Remap) -> None:
    """Give `clip` the range of its media that it shows, and note what else it may show."""
    times = clip.source_range
    available = getattr(clip.media_reference, "available_range", None)
    media_start = available.start_time.rescaled_to(times.start_time.rate).value if available else 0
    media_frames = available.duration.rescaled_to(times.start_time.rate).value if available else 0
    first, frames = times.start_time.value - media_start, times.duration.value
    keys = [key for key in remap.keys if -1 <= key[1] <= (media_frames or math.inf) + 1]
    if len(keys) > 1:
        _place_by_keys(clip, keys, media_start, first, remap)
    elif remap.speed < 0:
        _note_backward(clip, first, abs(remap.speed), media_frames)
    elif remap.speed > 0 and _counts_retimed(clip, remap.speed, first + frames, media_frames):
        clip.source_range = _at(times, media_start + first * remap.speed)


def _place_by_keys(
    clip: otio.schema.Clip,
    keys: Sequence[tuple[float, float]],
    media_start: float,
    first: float,
    remap: _Remap,
) -> None:
    """Read the frames that `clip` shows off its graph."""
    times = clip.source_range
    last = first + times.duration.value - 1
    inner = [frame for when, frame in keys if first < when < last]
    ends = _value_at(keys, first), _value_at(keys, last)
    low, high = math.floor(min(*ends, *inner)), math.ceil(max(*ends, *inner))
    speed = (ends[1] - ends[0]) / max(last - first, 1)
    clip.source_range = _at(times, media_start + max(low, 0))
    annotate(clip, **{SURE: 1, MORE: high - max(low, 0), BEFORE: 0})
    if remap.varies:
        notes = [*annotation(clip, NOTES, []), f"{VARIES}, {speed:.4g} in the mean"]
        annotate(clip, **{NOTES: notes})
    at = next(n for n, one in enumerate(clip.effects) if isinstance(one, otio.schema.TimeEffect))
    clip.effects[at] = _plain_effect(round(speed, 6), clip.effects[at])


def _note_backward(clip: otio.schema.Clip, first: float, speed: float, frames: float) -> None:
    """Note the frames on both sides of the start, and those counted from the media's end."""
    shown = clip.source_range.duration.value * speed
    low, high = first - shown, first + shown
    if frames:
        counted_from_end = frames - (first * speed)
        low, high = min(low, counted_from_end - shown), max(high, counted_from_end)
    before, more = math.ceil(first - low), math.ceil(high - first)
    annotate(clip, **{SURE: 1, BEFORE: before, MORE: more})


def _counts_retimed(clip: otio.schema.Clip, speed: float, end: float, media_frames: float) -> bool:
    """
    Tell whether the clip's times count frames of the edit from its media's start.

    Final Cut and Premiere do so, and give the clip the length that its media has at that speed.
    """
    said = annotation(clip, CLIP_FRAMES, 0)
    is_as_retimed = abs(said * speed - media_frames) <= SAME_WITHIN * max(speed, 1)
    is_as_media = abs(said - media_frames) <= SAME_WITHIN
    return bool(media_frames) and (
        (bool(said) and is_as_retimed and not is_as_media) or end > media_frames >= end * speed
    )


def _plain_effect(speed: float, effect: otio.schema.Effect) -> otio.schema.TimeEffect:
    if speed == 0:
        return otio.schema.FreezeFrame(name=effect.name, metadata=effect.metadata)
    return otio.schema.LinearTimeWarp(effect.name, speed, effect.metadata)


def _value_at(keys: Sequence[tuple[float, float]], when: float) -> float:
    """Return the frame shown at `when`, on straight lines through `keys` and beyond them."""
    for (start, low), (end, high) in pairwise(keys):
        if when <= end or end == keys[-1][0]:
            return low + (high - low) * (when - start) / ((end - start) or 1)
    return keys[-1][1]


def _at(times: otio.opentime.TimeRange, start: float) -> otio.opentime.TimeRange:
    rate = times.start_time.rate
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, rate), times.duration)


def _listed(said: Any) -> list[Any]:
    """Return what XML has once or several times as a list of groups."""
    items = [said] if hasattr(said, "keys") else list(said or ())
    return [item for item in items if hasattr(item, "keys")]


def _number(said: object, default: float) -> float:
    """Return the number that `said` is; `default` if it is none, or no finite one."""
    try:
        number = float(str(said))
    except ValueError:
        return default
    return number if math.isfinite(number) else default


def _is_true(said: object) -> bool:
    return str(said).strip().lower() in ("true", "1")
