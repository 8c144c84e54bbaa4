"""From looks to who is who: the order of the steps, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sghm_vs.errors import listed
from sghm_vs.matting.people.chains import Chain, Followed, Overlaps, follow
from sghm_vs.matting.people.labels import Numbers, label_people
from sghm_vs.matting.people.looks import Look, box_of
from sghm_vs.matting.people.naming import SOON_LOOKS, name_people
from sghm_vs.matting.people.record import Contact
from sghm_vs.matting.people.shares import between

WIDE = 1.2
"""Width by height; who is wider in the mean may be several people."""


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
    return Found(labels, tuple(contacts), (*_of_contacts(contacts), *_of_wide(labels)))


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


def _of_wide(labels: Sequence[Numbers]) -> Iterator[str]:
    """Yield of whom it is not known whether they are several people."""
    shapes: dict[int, list[float]] = {}
    for here in labels:
        for number in map(int, np.unique(here)):
            if number:
                _, _, width, height = box_of(here == number)
                shapes.setdefault(number, []).append(width / height)
    wide = [number for number, found in sorted(shapes.items()) if np.mean(found) > WIDE]
    if wide:
        yield (
            f"wider than tall: {listed(wide)}; if one of these is several people, who touch from the "
            "first frame to the last, only a key tells them apart"
        )


def _names(people: Sequence[int]) -> str:
    return " and ".join(map(str, people))
