"""From looks to who is who: the order of the steps, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from sghm_vs.errors import listed
from sghm_vs.matting.people.chains import Chain, Followed, Overlaps, follow
from sghm_vs.matting.people.labels import Numbers, label_people
from sghm_vs.matting.people.looks import Area, Look, box_of
from sghm_vs.matting.people.naming import SOON_LOOKS, name_people
from sghm_vs.matting.people.record import Contact
from sghm_vs.matting.people.shares import between

WIDE = 1.2
"""Width by height; who is wider in the mean may be several people."""
CUTS = 12
"""So many lines from the top to the middle of somebody, each of which may cut heads off."""
HEAD = 0.08
"""Of somebody's height; what a line cuts off is a head if it is so wide and so high."""
SMALLEST_PX = 24
"""Of somebody's height; of who is smaller no heads are counted."""


class Found(NamedTuple):
    """Who is who."""

    labels: list[Numbers]
    """Of each look."""
    contacts: tuple[Contact, ...]
    notes: tuple[str, ...]


def find_people(looks: Sequence[Look], overlaps: Overlaps) -> Found:
    """
    Return who is where in each of `looks`, by numbers from 1 on that last.

    Args:
        looks: In order; their pieces change.
        overlaps: Of each and the next one; they change.
    """
    followed = follow(looks, overlaps)
    name_people(looks, followed)
    labels = label_people(looks, followed)
    _fill_gaps(looks, labels)
    contacts = [*_contacts(looks, followed)]
    return Found(labels, tuple(contacts), (*_of_contacts(contacts), *_of_shapes(labels)))


def _fill_gaps(looks: Sequence[Look], labels: Sequence[Numbers]) -> None:
    """Put those who are gone for a moment where they pass, as far as nobody else is there."""
    last: dict[int, int] = {}
    for at, here in enumerate(labels):
        if looks[at].begins:
            last.clear()
        for number in map(int, np.unique(here)):
            before = last.get(number, at)
            if number and 1 < at - before <= SOON_LOOKS:
                ends = labels[before] == number, here == number
                for gap in range(before + 1, at):
                    inside = between(*ends, (gap - before) / (at - before)) < 0
                    labels[gap][inside & (labels[gap] == 0)] = number
            last[number] = at


def _contacts(looks: Sequence[Look], followed: Followed) -> Iterator[Contact]:
    alone = [chain for chain in followed.chains if len(chain.ids) == 1]
    for chain in followed.chains:
        if len(chain.ids) > 1:
            before = {one.ids[0] for one in alone if one.last < chain.first}
            after = {one.ids[0] for one in alone if one.first > chain.last}
            yield Contact(
                people=tuple(chain.ids),
                first=looks[chain.first].number,
                last=looks[chain.last].number,
                carried=_carried(chain, before, after),
            )


def _carried(chain: Chain, before: set[int], after: set[int]) -> str:
    people = set(chain.ids)
    if people <= before & after:
        return "both ways"
    if people <= before:
        return "from before"
    if people <= after:
        return "from after"
    return "in part" if people <= before | after else "not at all"


def _of_contacts(contacts: Sequence[Contact]) -> Iterator[str]:
    for one in contacts:
        if one.carried == "not at all":
            yield (
                f"{_names(one.people)} touch in frames {one.first}-{one.last}, and not all of them are "
                "ever seen apart: they can't be told apart without a key of one of these frames"
            )


def _of_shapes(labels: Sequence[Numbers]) -> Iterator[str]:
    """Yield of whom it is not known whether they are several people."""
    shapes: dict[int, list[tuple[float, int]]] = {}
    for here in labels:
        for number in map(int, np.unique(here)):
            if number:
                area = here == number
                _, _, width, height = box_of(area)
                shapes.setdefault(number, []).append((width / height, heads(area)))
    means = {number: np.mean(found, axis=0) for number, found in sorted(shapes.items())}
    wide = [number for number, (shape, _) in means.items() if shape > WIDE]
    many = [number for number, (_, count) in means.items() if count > 1.5 and number not in wide]
    for what, numbers in (("wider than tall", wide), ("with more than one head", many)):
        if numbers:
            yield (
                f"{what}: {listed(numbers)}; if one of these is several people, who touch from the "
                "first frame to the last, only a key tells them apart"
            )


def heads(area: Area) -> int:
    """
    Return how many heads somebody has who is where `area` is: 2 are two people, or a raised arm.

    A head is what a line across the upper half cuts off, if it is as wide and as high as one.
    """
    left, top, width, height = box_of(area)
    if height < SMALLEST_PX:
        return 1
    most, upper = 1, area[top:, left : left + width].astype(np.uint8)
    for cut in range(1, CUTS + 1):
        _, _, stats, _ = cv2.connectedComponentsWithStats(upper[: height * cut // (2 * CUTS)])
        sizes = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
        most = max(most, int((sizes >= HEAD * height).all(axis=1).sum()))
    return most


def _names(people: Sequence[int]) -> str:
    return " and ".join(map(str, people))
