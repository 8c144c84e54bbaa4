"""Annotations of an edit's parts: what readers find and OpenTimelineIO has no word for."""

from __future__ import annotations

from typing import Any

import opentimelineio as otio

KEY = "sghm_vs"
"""Where it stands in the metadata, also of the clips of mattes."""
DROP = "is_drop"
"""Of an edit or a clip: whether its timecode is drop-frame."""
NAMES = "names"
"""Of a clip: names that its media may have."""
NOTES = "notes"
"""Of a clip: what is unusual about it."""
PROBLEM = "problem"
"""Of a clip: why it can't be matted."""
SURE = "sure"
"""Of a clip: frames that it certainly shows, where that is not its length."""
MORE = "more"
"""Of a clip: further frames that it may show, after those."""
BEFORE = "before"
"""Of a clip: further frames that it may show, before its first."""
CLIP_FRAMES = "clip_frames"
"""Of a clip of FCP 7 XML: the length that it says of itself."""
UNREAD = "unread"
"""Of an edit: pairs of name and reason of what couldn't be read."""

type Noted = otio.core.SerializableObjectWithMetadata


def annotate(item: Noted, **said: object) -> None:
    """Add annotations to `item`, by name."""
    if KEY not in item.metadata:
        item.metadata[KEY] = {}
    item.metadata[KEY].update(said)


def annotation(item: Noted, word: str, default: Any = None) -> Any:
    """Return the annotation `word` of `item`, or `default`."""
    return item.metadata.get(KEY, {}).get(word, default)
