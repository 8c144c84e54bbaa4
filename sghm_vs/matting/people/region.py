"""Where people are in the whole of a shot: one rectangle, if it is worth it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sghm_vs.matting.people.looks import Box
from sghm_vs.matting.people.record import People
from sghm_vs.options import Roi

WORTH = 1.35
"""So many times fewer pixels must it have than the picture."""
MULTIPLE = 64
"""Its edges are at multiples of that, or at the picture's own: no sample of chroma is cut, and none of
the network's coarsest pixels."""


def region_of_people(people: People, ids: Sequence[int], band: float) -> Roi | None:
    """
    Return a rectangle that holds people in every frame of a shot; None where it saves too little.

    Between two looks somebody may be farther out than at both: by half of how far they went, it is
    taken.

    Args:
        people: Who is who.
        ids: Who is meant.
        band: How far from somebody's outline their matte may go, as a part of the short side.
    """
    width, height = people.footage.size
    margin = math.ceil(band * min(width, height))
    edges = [edge for one in ids for edge in _edges(people, one)]
    if not edges:
        return None
    lefts, tops, rights, bottoms = zip(*edges, strict=True)
    left, top = (max(min(side) - margin, 0) // MULTIPLE * MULTIPLE for side in (lefts, tops))
    right, bottom = (
        min(-(-(max(side) + margin) // MULTIPLE) * MULTIPLE, end)
        for side, end in ((rights, width), (bottoms, height))
    )
    if width * height < WORTH * (right - left) * (bottom - top):
        return None
    return left, top, right - left, bottom - top


def _edges(people: People, person: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield left, top, right and bottom of somebody at each look and around it."""
    found = [_edges_of(box) for _, box in sorted(people.boxes[person].items())]
    if len(found) == 1:
        yield found[0]
    for one, other in pairwise(found):
        half = -(-max(abs(a - b) for a, b in zip(one, other, strict=True)) // 2)
        for left, top, right, bottom in (one, other):
            yield left - half, top - half, right + half, bottom + half


def _edges_of(box: Box) -> tuple[int, int, int, int]:
    left, top, width, height = box
    return left, top, left + width, top + height
