"""Who each chain is: numbers go along with chains, through meetings, and back to who returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, permutations
from typing import NamedTuple

import cv2
import numpy as np

from sghm_vs.matting.optical_flow import Motion, Plane
from sghm_vs.matting.people.chains import Chain, Followed, Meeting
from sghm_vs.matting.people.looks import (
    LEAST,
    Area,
    Colors,
    Look,
    box_of,
    colors_of,
    likeness,
    moved,
    spread,
)

KNOWN_BY = 6
"""Looks by which somebody's colors are known."""
FADING = 0.7
"""What of the colors of earlier looks is kept with each look."""
TRIED_MAX = 6
"""People whose every order is tried where they part; of more, the likeliest goes first."""
ALIKE = 0.88
"""Colors that are so much alike are the same person's, who was away."""
ALIKE_NEAR = 0.7
"""The same of who appears where somebody was last seen."""
NEAR = 1.0
"""Heights of a person."""
SOON_LOOKS = 9
"""Looks after which a place says nothing anymore."""
BY_COLOR = 2.0
"""Weight of colors, beside that of where somebody was carried to, where people part."""
SIZE_RATIO = 2.5
"""Of areas; who returns is not larger or smaller than that."""
FILLED_PX = 6
"""Sigma of what is around, from which pixels have a number that motion leads nowhere."""
TINY = 1e-6


class Sight(NamedTuple):
    """Somebody alone, at a look."""

    look: int
    center: tuple[float, float]
    height: int
    area: int
    """The largest of the looks around: at the picture's border there is but a part of somebody."""


@dataclass
class _Naming:
    """What is known of everybody, as looks go by."""

    looks: Sequence[Look]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    taken: set[int] = field(default_factory=set)
    colors: dict[int, Colors] = field(default_factory=dict)
    """Counted where they are alone, those of earlier looks less and less."""
    spreads: dict[int, Colors] = field(default_factory=dict)
    seen: dict[int, Sight] = field(default_factory=dict)
    """Where each was last alone."""
    carried: dict[int, Plane] = field(default_factory=dict)
    """Where each is in the look before, 0-1."""

    def new(self, keyed: int = 0) -> int:
        """Return a number that nobody has, or the one that somebody gave."""
        number = keyed or next(n for n in self.numbers if n not in self.taken)
        self.taken.add(number)
        return number

    def known(self, number: int) -> Colors:
        """Return the colors of somebody as they are compared."""
        if number not in self.spreads:
            self.spreads[number] = spread(self.colors[number])
        return self.spreads[number]


def name_people(looks: Sequence[Look], found: Followed) -> None:
    """Say of each chain who it is: `Chain.ids`, as many as people."""
    naming = _Naming(looks)
    for at, look in enumerate(looks):
        naming.carried = carried_on(naming.carried, look.back)
        for meeting in found.meetings:
            if meeting.look == at:
                _meet(naming, found, meeting)
        for chain in found.chains:
            if chain.first == at and not chain.ids:
                chain.ids = _born(naming, found, chain)
        naming.carried = {
            number: plane
            for chain in found.chains
            if (piece := chain.at(at))
            for number, plane in _carried(naming, look, chain, piece).items()
        }
        for chain in found.chains:
            if len(chain.ids) == 1 and chain.at(at):
                _see(naming, at, chain)


def carried_on(planes: Mapping[int, Plane], motion: Motion | None) -> dict[int, Plane]:
    """Return `planes` where `motion` leads to them; none where a scene begins."""
    if motion is None:
        return {}
    return {number: moved(plane, motion) for number, plane in planes.items()}


def carried_within(planes: Sequence[Plane], area: Plane) -> list[Plane]:
    """
    Return where each person of a piece is, in shares of 1.

    Args:
        planes: Where each was in the look before, moved, 0-1; (h, w) each.
        area: The piece, 0 or 1.
    """
    around = [cv2.GaussianBlur(plane, (0, 0), FILLED_PX) for plane in planes]
    all_around, there = np.add.reduce(around), np.add.reduce(planes)
    lacking = np.clip(1 - there, 0, 1) / np.maximum(all_around, TINY)
    filled = [plane + lacking * soft for plane, soft in zip(planes, around, strict=True)]
    return in_shares([plane * area for plane in filled])


def in_shares(planes: Sequence[Plane]) -> list[Plane]:
    """Return `planes`, none of them below 0, as parts of their sum; 0 where that is."""
    whole = np.maximum(np.add.reduce(planes), TINY)
    return [np.asarray(plane / whole, np.float32) for plane in planes]


def _carried(naming: _Naming, look: Look, chain: Chain, piece: int) -> dict[int, Plane]:
    area = look.area(piece).astype(np.float32)
    if len(chain.ids) == 1:
        return {chain.ids[0]: area}
    none = np.zeros_like(area)
    planes = [naming.carried.get(number, none) for number in chain.ids]
    return dict(zip(chain.ids, carried_within(planes, area), strict=True))


def _see(naming: _Naming, at: int, chain: Chain) -> None:
    """Take note of somebody who is alone."""
    (number,), look, piece = chain.ids, naming.looks[at], chain.at(at)
    colors = colors_of(look, piece)
    if number in naming.colors and at > chain.first:
        colors = FADING * naming.colors[number] + colors
    naming.colors[number] = colors
    naming.spreads.pop(number, None)
    around = range(max(chain.first, at - KNOWN_BY + 1), at + 1)
    naming.seen[number] = _sight(naming.looks, at, chain, around)


def _sight(looks: Sequence[Look], at: int, chain: Chain, around: range) -> Sight:
    left, top, width, height = box_of(looks[at].area(chain.at(at)))
    largest = max(int(looks[n].area(chain.at(n)).sum()) for n in around)
    return Sight(at, (left + width / 2, top + height / 2), height, largest)


def _first_looks(chain: Chain) -> range:
    """Return the looks by which a chain is known that begins."""
    return range(chain.first, min(chain.last, chain.first + KNOWN_BY - 1) + 1)


def colors_from(looks: Sequence[Look], chain: Chain) -> Colors:
    """Return the colors of a chain in its first looks."""
    found = [colors_of(looks[at], chain.at(at)) for at in _first_looks(chain)]
    return np.asarray(np.add.reduce(found), np.float32)


def _born(naming: _Naming, found: Followed, chain: Chain) -> list[int]:
    """Return who a chain is that nothing leads to: somebody new, or somebody who returns."""
    if chain.people > 1:
        return [naming.new() for _ in range(chain.people)]
    if chain.keyed:
        return [naming.new(chain.keyed)]
    returned = _returned(naming, found, chain)
    if returned is None:
        return [naming.new()]
    for other in found.chains:
        # Who returns is no longer among those who hid them.
        if returned in other.ids and other.at(chain.first):
            other.ids.remove(returned)
    return [returned]


def _returned(naming: _Naming, found: Followed, chain: Chain) -> int | None:
    """Return who it is that a chain shows again; None if it is nobody who was seen."""
    here = _sight(naming.looks, chain.first, chain, _first_looks(chain))
    gone = {
        number: naming.seen[number]
        for number in sorted(set(naming.seen) - _visible(naming, found, chain.first))
        if _are_alike_large(here, naming.seen[number])
    }
    colors = spread(colors_from(naming.looks, chain))
    alike = {number: likeness(naming.known(number), colors) for number in gone}
    returned = [
        number
        for number, last in gone.items()
        if alike[number] > (ALIKE_NEAR if _is_near(naming, last, here) else ALIKE)
    ]
    return max(returned, key=lambda number: alike[number], default=None)


def _are_alike_large(one: Sight, other: Sight) -> bool:
    less, more = sorted((one.area, other.area))
    return more <= SIZE_RATIO * less


def _is_near(naming: _Naming, last: Sight, here: Sight) -> bool:
    """Tell whether somebody is where another was last seen, not long ago and in the same scene."""
    away = np.hypot(*np.subtract(here.center, last.center))
    return (
        bool(away < NEAR * max(here.height, last.height))
        and here.look - last.look <= SOON_LOOKS
        and not any(look.begins for look in naming.looks[last.look + 1 : here.look + 1])
    )


def _visible(naming: _Naming, found: Followed, at: int) -> set[int]:
    """Return who is seen at a look; who is hidden by others is not."""
    visible: set[int] = set()
    for chain in found.chains:
        if chain.at(at):
            visible |= {n for n in chain.ids if len(chain.ids) == 1 or _is_carried(naming, n)}
    return visible


def _is_carried(naming: _Naming, number: int) -> bool:
    plane = naming.carried.get(number)
    return plane is not None and float(plane.sum()) > LEAST * plane.size


def _meet(naming: _Naming, found: Followed, meeting: Meeting) -> None:
    """Say who goes on where, of those who met."""
    ids = [number for chain in meeting.before for number in chain.ids]
    chains = meeting.after
    _give_keyed(naming, found, ids, chains)
    rest = [number for number in ids if not any(number in chain.ids for chain in chains)]
    room = [chain for chain in chains for _ in range(chain.people - len(chain.ids))]
    if len(chains) == 1:
        chains[0].ids += rest
    elif rest and room:
        for number, chain in _assigned(naming, meeting.look, rest, room):
            chain.ids.append(number)
    for chain in chains:
        if not chain.ids:
            chain.ids = [naming.new()]
        chain.ids.sort()


def _give_keyed(naming: _Naming, found: Followed, ids: list[int], chains: Sequence[Chain]) -> None:
    """Give chains the numbers that somebody gave them; `ids` are those who met, and change."""
    said = [chain.keyed for chain in chains if chain.keyed and chain.people == 1]
    for chain in chains:
        if not chain.keyed or chain.people > 1:
            continue
        if chain.keyed not in ids:
            # Who was never seen alone has no name yet but ours.
            unseen = [n for n in ids if n not in naming.seen and n not in said]
            if unseen:
                _rename(naming, found, unseen[0], chain.keyed)
                ids[ids.index(unseen[0])] = chain.keyed
        naming.taken.add(chain.keyed)
        chain.ids = [chain.keyed]


def _rename(naming: _Naming, found: Followed, number: int, to: int) -> None:
    for chain in found.chains:
        chain.ids[:] = [to if n == number else n for n in chain.ids]
    if number in naming.carried:
        naming.carried[to] = naming.carried.pop(number)


def _assigned(
    naming: _Naming, at: int, ids: Sequence[int], room: Sequence[Chain]
) -> list[tuple[int, Chain]]:
    """Return which of the chains in `room` each person is: by where they came to, and by colors."""
    look = naming.looks[at]
    chains = list(dict.fromkeys(room))
    colors = {
        chain: spread(colors_from(naming.looks, chain)) for chain in chains if chain.people == 1
    }

    def score(number: int, chain: Chain) -> float:
        place = _place(naming, number, [look.area(one.at(at)) for one in chains])
        if number not in naming.colors or chain not in colors:
            return place[chains.index(chain)]
        alike = likeness(naming.known(number), colors[chain])
        return place[chains.index(chain)] + BY_COLOR * alike

    scores = {(number, chain): score(number, chain) for number in ids for chain in chains}
    if max(len(ids), len(room)) <= TRIED_MAX:
        return _best_of_all(scores, ids, room)
    return _best_first(scores, ids, room)


def _place(naming: _Naming, number: int, areas: Sequence[Area]) -> list[float]:
    """Return how much of somebody was carried to each of `areas`, of what there was of them alone."""
    plane = naming.carried.get(number)
    if plane is None:
        return [0.0] * len(areas)
    parts = [float(plane[area].sum()) for area in areas]
    alone = naming.seen[number].area if number in naming.seen else 0
    return [part / max(sum(parts), alone, 1) for part in parts]


type _Scores = dict[tuple[int, Chain], float]


def _best_of_all(
    scores: _Scores, ids: Sequence[int], room: Sequence[Chain]
) -> list[tuple[int, Chain]]:
    places = range(len(room))
    fewer = min(len(ids), len(room))
    tried = (
        [*zip(chosen, [room[n] for n in where], strict=True)]
        for chosen in permutations(ids, fewer)
        for where in ([places] if fewer == len(room) else permutations(places, fewer))
    )
    return max(tried, key=lambda pairs: sum(scores[pair] for pair in pairs))


def _best_first(
    scores: _Scores, ids: Sequence[int], room: Sequence[Chain]
) -> list[tuple[int, Chain]]:
    left, free, found = list(ids), list(room), []
    while left and free:
        pair = max(((n, chain) for n in left for chain in free), key=lambda one: scores[one])
        found.append(pair)
        left.remove(pair[0])
        free.remove(pair[1])
    return found
