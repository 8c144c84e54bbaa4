"""Whether a mask is late or early as a whole: by where people are seen, beside what it shows around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.guides import EDGE
from sghm_vs.matting.optical_flow import Plane

FARTHEST = 3
"""How many frames each way a mask is looked for."""
LOOKS_LEAST = 4
"""Fewer say nothing."""
AGREEING = 0.8
"""Of the looks, so many must fit better elsewhere."""
CLEARLY = 0.4
"""Of -1 to 1, for what a mask loses and gains on its way there: 1 is all right, 0 is a guess."""
MOVED = 0.002
"""A part of the picture, both of what it loses and of what it gains: less is no motion to tell by."""

type Area = NDArray[np.bool_]


class Look(NamedTuple):
    """Where people are seen in a frame, and what the mask shows around it."""

    seen: Plane
    """How likely somebody is there, (h, w), the outline at 0.5."""
    masks: Mapping[int, Plane]
    """Of the same size, by how many frames later they are; 0 is the frame's own."""


class Timing(NamedTuple):
    """What looks say of a mask."""

    late: int
    """By how many frames it is late; less than 0 is early."""
    agreeing: int
    """How many looks say so."""
    looks: int
    """Of so many."""


class _Fit(NamedTuple):
    """How another frame's mask fits a look, as parts of the picture."""

    wrong: float
    lost: float
    """What the frame's own mask has beyond it."""
    rightly_lost: float
    gained: float
    rightly_gained: float


def timing_of(looks: Sequence[Look]) -> Timing | None:
    """
    Return by how many frames a mask is late or early, if that is sure; else None.

    A mask that is wider or narrower than people loses only wrong pixels on any way, or gains only
    such: so what it loses and what it gains count as much, however large they are. What moves
    nowhere, and what no network takes for a person, says nothing.

    Source:
        Youden, "Index for rating diagnostic tests", Cancer 1950, of the pixels that change.
    """
    if len(looks) < LOOKS_LEAST:
        return None
    found = [_fits(look) for look in looks]
    offsets = sorted(set.intersection(*(set(one) for one in found)), key=abs)
    late = min(offsets, key=lambda offset: sum(one[offset].wrong for one in found))
    if late == 0:
        return None
    lost, right, gained, good = (
        sum(parts) for parts in zip(*(one[late][1:] for one in found), strict=True)
    )
    agreeing = sum(one[late].wrong < one[0].wrong for one in found)
    has_moved = min(lost, gained) >= MOVED * len(looks)
    is_sure = has_moved and right / lost + good / gained - 1 >= CLEARLY
    if not is_sure or agreeing < AGREEING * len(looks):
        return None
    return Timing(late, agreeing, len(looks))


def _fits(look: Look) -> dict[int, _Fit]:
    seen, masks = look.seen > EDGE, {n: mask > EDGE for n, mask in look.masks.items()}
    return {offset: _fit(seen, masks[0], mask) for offset, mask in masks.items()}


def _fit(seen: Area, own: Area, other: Area) -> _Fit:
    lost, gained = own & ~other, other & ~own
    areas = seen != other, lost, lost & ~seen, gained, gained & seen
    return _Fit(*(float(area.mean()) for area in areas))
