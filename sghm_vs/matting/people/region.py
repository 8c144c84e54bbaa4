"""Where people are in the whole of a shot: rectangles, if they are worth it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

from sghm_vs.matting.people.looks import Box
from sghm_vs.matting.people.record import People
from sghm_vs.matting.people.search import around, between, edges_of, grown, overlap
from sghm_vs.options import Roi

WORTH = 1.35
"""So many times fewer pixels must they have than what they are in."""
MULTIPLE = 64
"""Their edges are at multiples of that, or at the picture's own: no sample of chroma is cut, and none of
the network's coarsest pixels."""
REGIONS_MAX = 6
"""Each is matted by itself; of more, those that lose least become one."""

type Size = tuple[int, int]
"""Width and height."""


def regions_of_people(people: People, ids: Sequence[int], band: float) -> tuple[Roi, ...]:
    """
    Return rectangles that hold people in every frame of a shot; none where they save too little.

    Between two looks somebody may be farther out than at both: by half of how far they went, it is
    taken.

    Args:
        people: Who is who.
        ids: Who is meant.
        band: How far from somebody's outline their matte may go, as a part of the short side.
    """
    boxes = [box for one in ids for box in _swept(people, one)]
    return regions_of(boxes, people.footage.size, band)


def regions_of(boxes: Iterable[Box], size: Size, band: float) -> tuple[Roi, ...]:
    """
    Return rectangles that hold `boxes`, apart from each other; none where they save too little.

    Two become one where they meet, and where one saves less against both than `WORTH`.

    Args:
        boxes: Where people are.
        size: Of the picture.
        band: As a part of its short side, what is taken around them.
    """
    margin = math.ceil(band * min(size))
    regions = _apart(_fitted(grown(box, margin), size) for box in boxes)
    while len(regions) > REGIONS_MAX:
        one, other = min(combinations(regions, 2), key=lambda two: _lost(*two))
        regions = _apart([*(r for r in regions if r not in (one, other)), around(one, other)])
    if size[0] * size[1] < WORTH * sum(map(_area, regions)):
        return ()
    return tuple(regions)


def _apart(regions: Iterable[Roi]) -> list[Roi]:
    """Return `regions`, those as one that are not worth being two, until all are."""
    left = sorted(set(regions))
    done: list[Roi] = []
    while left:
        region = left.pop()
        other = next((one for one in done if not _are_worth_two(one, region)), None)
        if other is None:
            done.append(region)
        else:
            done.remove(other)
            left.append(around(region, other))
    return sorted(done)


def _are_worth_two(one: Roi, other: Roi) -> bool:
    return not overlap(one, other) and _area(around(one, other)) >= WORTH * (
        _area(one) + _area(other)
    )


def _lost(one: Roi, other: Roi) -> int:
    """Return how many pixels more one rectangle has than two."""
    return _area(around(one, other)) - _area(one) - _area(other)


def _area(region: Roi) -> int:
    return region[2] * region[3]


def _fitted(box: Box, size: Size) -> Roi:
    """Return the smallest rectangle around `box` that is cut as regions are."""
    left, top, right, bottom = edges_of(box)
    left, top = (max(at, 0) // MULTIPLE * MULTIPLE for at in (left, top))
    right, bottom = (
        min(-(-at // MULTIPLE) * MULTIPLE, end)
        for at, end in zip((right, bottom), size, strict=True)
    )
    return left, top, right - left, bottom - top


def _swept(people: People, person: int) -> list[Box]:
    """Return where somebody is at each look and around it."""
    found = [box for _, box in sorted(people.boxes[person].items())]
    if len(found) == 1:
        return found
    return [box for one, other in pairwise(found) for box in between(one, other)]
