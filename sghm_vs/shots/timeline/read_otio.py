"""OpenTimelineIO's own files: what can't be read of one is left out, and named."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio

from sghm_vs.errors import SourceError
from sghm_vs.options import RATE_MAX
from sghm_vs.shots.text import decoded
from sghm_vs.shots.timeline.annotations import UNREAD, annotate, annotation

ADAPTER = "otio_json"
UNREADABLE = (otio.exceptions.OTIOError, ValueError, KeyError, TypeError)
"""What OpenTimelineIO raises as it reads."""


def read_otio(path: Path) -> otio.core.SerializableObject:
    """
    Return what the file at `path` holds; a child that can't be read is a gap, as far as it lasts.

    What is left out is noted on the edit (`sghm_vs.shots.timeline.annotations.UNREAD`).

    Raises:
        SourceError: It is no file of OpenTimelineIO.
    """
    unread: list[tuple[str, str]] = []
    try:
        text = decoded(path.read_bytes())
        try:
            found = otio.adapters.read_from_string(text, ADAPTER)
        except UNREADABLE:
            plain = json.loads(text)
            is_mended = _drop_markers(plain)
            unread += _mend(plain)
            if not unread and not is_mended:
                raise
            found = otio.adapters.read_from_string(json.dumps(plain), ADAPTER)
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; check its name"
        raise SourceError(msg) from None
    except (*UNREADABLE, RecursionError) as error:
        msg = f"{path} can't be read as an edit: {error}; export it anew"
        raise SourceError(msg) from None
    held = found if isinstance(found, otio.schema.SerializableCollection) else [found]
    for one in held:
        if isinstance(one, otio.schema.Timeline):
            said = [*annotation(one, UNREAD, []), *unread, *_without_times(one.tracks)]
            annotate(one, **{UNREAD: [list(pair) for pair in said]})
    return found


def _drop_markers(node: Any) -> bool:
    """Leave out markers that can't be read, as of a newer version: nothing is matted by them."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = [_drop_markers(one) for one in below]
    markers = node.get("markers") if isinstance(node, dict) else None
    if not isinstance(markers, list):
        return any(found)
    node["markers"] = [one for one in markers if _is_marker(one)]
    return any(found) or len(node["markers"]) < len(markers)


def _is_marker(plain: Any) -> bool:
    try:
        found = otio.adapters.read_from_string(json.dumps(plain), ADAPTER)
    except UNREADABLE:
        return False
    return isinstance(found, otio.schema.Marker)


def _mend(node: Any) -> Iterator[tuple[str, str]]:
    """Replace children below `node`, as JSON has them, that can't be read; yield name and reason."""
    if isinstance(node, list):
        for one in node:
            yield from _mend(one)
    if not isinstance(node, dict):
        return
    children = node.get("children")
    for key, value in node.items():
        if key != "children" and isinstance(value, dict | list):
            yield from _mend(value)
    if not isinstance(children, list):
        return
    kept = []
    for child in children:
        yield from _mend(child)
        reason = _fault_of(child)
        if not reason:
            kept.append(child)
            continue
        name = child.get("name") if isinstance(child, dict) else None
        yield str(name or "a clip without a name"), f"it can't be read: {reason}"
        kept += _gap(child)
    node["children"] = kept


def _fault_of(child: Any) -> str:
    """Return why `child` can't be read; "" if it can."""
    try:
        found = otio.adapters.read_from_string(json.dumps(child), ADAPTER)
    except UNREADABLE as error:
        return str(error).strip().splitlines()[0]
    is_known = isinstance(found, otio.core.Composable | otio.schema.Timeline)
    return "" if is_known else f"it is no clip, gap, transition or composition, but {found!r:.60}"


def _gap(child: Any) -> list[dict[str, Any]]:
    """Return a gap that is as long as `child` says of itself; none if it doesn't."""
    try:
        said = child["source_range"]["duration"]
        duration = otio.opentime.RationalTime(float(said["value"]), float(said["rate"]))
    except (KeyError, TypeError, ValueError):
        return []
    if not _is_time(duration):
        return []
    return [json.loads(_gap_of(duration).to_json_string())]


def _gap_of(duration: otio.opentime.RationalTime) -> otio.schema.Gap:
    start = otio.opentime.RationalTime(0, duration.rate)
    return otio.schema.Gap(source_range=otio.opentime.TimeRange(start, duration))


def _without_times(parent: otio.core.Composition) -> Iterator[tuple[str, str]]:
    """Remove children below `parent` whose times are none; yield name and reason."""
    for at in reversed(range(len(parent))):
        child = parent[at]
        if isinstance(child, otio.core.Composition):
            yield from _without_times(child)
        if all(map(_is_time, _times_of(child))):
            continue
        yield child.name or "a clip without a name", "its times are none: they have no rate"
        del parent[at]


def _times_of(child: otio.core.Composable) -> list[otio.opentime.RationalTime]:
    if isinstance(child, otio.schema.Transition):
        return [child.in_offset, child.out_offset]
    ranges = [child.source_range, getattr(child.media_reference, "available_range", None)] if (
        isinstance(child, otio.schema.Clip)
    ) else [child.source_range]  # fmt: skip
    return [time for one in ranges if one is not None for time in (one.start_time, one.duration)]


def _is_time(time: otio.opentime.RationalTime) -> bool:
    return math.isfinite(time.value) and 0 < time.rate <= RATE_MAX
