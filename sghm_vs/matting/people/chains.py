"""Pieces followed from look to look: where they go on, meet and part, and how many people they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.people.looks import Look, box_of, gap

type Overlaps = list[NDArray[np.float32]]
"""Of each look and the next one; see `looks.overlaps`."""

PARTED = 0.12
"""Of the height of the taller one; pieces that are ever so far apart are two people."""
BESIDE = 0.6
"""Of the height of the smaller one; pieces that share so much of their height stand side by side."""
PART = 0.3
"""Of the area of the larger one; side by side, a smaller one is an arm or a bag."""
PART_HEIGHT = 0.5
GLIMPSED = 2
"""Looks; what is small and seen in no more of them is a part of somebody."""
COMPARED = 12
"""Looks of two pieces that are compared, at most."""


@dataclass(eq=False)
class Chain:
    """A piece that is followed as long as it neither meets another one nor parts."""

    first: int
    """The look where it begins, by its place among the looks."""
    pieces: list[int]
    """In this look and in those after it."""
    people: int = 1
    """How many they are."""
    ids: list[int] = field(default_factory=list)
    """Who they are."""
    keyed: int = 0
    """Who somebody says it is; 0 is not said."""
    is_born: bool = True
    """Whether nothing leads to it."""

    @property
    def last(self) -> int:
        """The look where it ends."""
        return self.first + len(self.pieces) - 1

    def at(self, look: int) -> int:
        """Return its piece in a look; 0 where it is not."""
        return self.pieces[look - self.first] if self.first <= look <= self.last else 0


class Meeting(NamedTuple):
    """Where chains end and others go on: people meet, or part."""

    look: int
    """The first one of the chains that go on."""
    before: list[Chain]
    after: list[Chain]


class Followed(NamedTuple):
    """The chains of a shot, by their beginning, and how they hang together."""

    chains: list[Chain]
    meetings: list[Meeting]


def follow(looks: Sequence[Look], overlaps: Overlaps) -> Followed:
    """
    Return the chains of `looks`, each with the number of people that it is.

    Pieces that are parts of one body become one; `looks` and `overlaps` change with them.
    """
    while True:
        found = _chains(looks, overlaps)
        # The first that does something, for chains are others then.
        if not any(step(looks, overlaps, found) for step in STEPS):
            break
    _count(looks, found)
    return found


def _chains(looks: Sequence[Look], overlaps: Overlaps) -> Followed:
    chains: list[Chain] = []
    meetings: list[Meeting] = []
    now: dict[int, Chain] = {}
    for at, look in enumerate(looks):
        before, now = now, {}
        groups = _groups(overlaps[at - 1], before, look.present()) if at else []
        for olds, news in groups:
            if len(olds) == len(news) == 1 and _goes_on(before[olds[0]], look, news[0]):
                now[news[0]] = before[olds[0]]
                now[news[0]].pieces.append(news[0])
                now[news[0]].keyed |= look.keyed.get(news[0], 0)
                continue
            for new in news:
                now[new] = Chain(at, [new], keyed=look.keyed.get(new, 0), is_born=not olds)
                chains.append(now[new])
            if olds and news:
                meetings.append(Meeting(at, [before[n] for n in olds], [now[n] for n in news]))
        for new in look.present():
            if new not in now:
                now[new] = Chain(at, [new], keyed=look.keyed.get(new, 0))
                chains.append(now[new])
    return Followed(chains, meetings)


def _goes_on(chain: Chain, look: Look, piece: int) -> bool:
    """Tell whether `piece` may be the next of `chain`: unless it is said to be somebody else."""
    said = look.keyed.get(piece, 0)
    return not said or not chain.keyed or said == chain.keyed


def _groups(
    shared: NDArray[np.float32], before: dict[int, Chain], after: Sequence[int]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield pieces of two looks that hang together by what they share."""
    rest = {("before", piece) for piece in before} | {("after", piece) for piece in after}

    def linked(node: tuple[str, int]) -> list[tuple[str, int]]:
        side, piece = node
        along = shared[piece] if side == "before" else shared[:, piece]
        other = "after" if side == "before" else "before"
        return [(other, int(n)) for n in np.nonzero(along)[0] if (other, int(n)) in rest]

    for start in [("before", piece) for piece in sorted(before)]:
        if start not in rest:
            continue
        group, open_ = [], [start]
        rest.discard(start)
        while open_:
            node = open_.pop()
            group.append(node)
            for other in linked(node):
                rest.discard(other)
                open_.append(other)
        yield (
            sorted(piece for side, piece in group if side == "before"),
            sorted(piece for side, piece in group if side == "after"),
        )


def _fuse_parts(looks: Sequence[Look], overlaps: Overlaps, found: Followed) -> bool:
    """Make parts of one body one piece, and return whether there were any."""
    fused: set[Chain] = set()
    for meeting in found.meetings:
        pairs = [*combinations(meeting.before, 2), *combinations(meeting.after, 2)]
        for one, other in pairs:
            if not fused & {one, other} and _are_parts(looks, one, other):
                fused |= {one, other}
                _fuse_chains(looks, overlaps, one, other)
    return bool(fused)


def _join_glimpses(looks: Sequence[Look], overlaps: Overlaps, found: Followed) -> bool:
    """Make what is small and seen for a moment a part of whom it comes from or goes to."""
    go_on = {chain for meeting in found.meetings for chain in meeting.before}
    joined: set[Chain] = set()
    for at, before, after in found.meetings:
        for look, chains in ((at - 1, before), (at, after)):
            sizes = {chain: int(looks[look].area(chain.at(look)).sum()) for chain in chains}
            largest = max(chains, key=lambda chain: sizes[chain])
            for chain in chains:
                is_loose = chain.is_born if look < at else chain not in go_on
                is_glimpse = is_loose and _is_glimpse(chain, sizes[chain], sizes[largest])
                if is_glimpse and not joined & {chain, largest}:
                    joined |= {chain, largest}
                    _fuse_chains(looks, overlaps, largest, chain)
    return bool(joined)


def _fuse_glimpses(looks: Sequence[Look], overlaps: Overlaps, found: Followed) -> bool:
    """Make what is small, seen for a moment and close to somebody a part of them."""
    met = {chain for _, before, after in found.meetings for chain in (*before, *after)}
    is_fused = False
    for chain in found.chains:
        if chain in met or len(chain.pieces) > GLIMPSED:
            continue
        for at, piece in enumerate(chain.pieces, start=chain.first):
            near = _near(looks[at], chain, piece)
            if near:
                _fuse(looks, overlaps, at, near, piece)
                is_fused = True
    return is_fused


def _near(look: Look, chain: Chain, piece: int) -> int:
    """Return the nearest piece beside which `piece` is small, if it is close by; else 0."""
    area, nearest = look.area(piece), (np.inf, 0)
    for other in look.present():
        whole = look.area(other)
        if _is_glimpse(chain, int(area.sum()), int(whole.sum())):
            far = gap(whole, area) / box_of(whole)[3]
            nearest = min(nearest, (far, other))
    return nearest[1] if nearest[0] < PARTED else 0


def _is_glimpse(chain: Chain, size: int, beside: int) -> bool:
    """Tell whether a chain is short, and of a small `size` beside another."""
    return not chain.keyed and len(chain.pieces) <= GLIMPSED and size < PART * beside


def _together(one: Chain, other: Chain) -> range:
    return range(max(one.first, other.first), min(one.last, other.last) + 1)


def _are_parts(looks: Sequence[Look], one: Chain, other: Chain) -> bool:
    """Tell whether two chains, while both are there, are parts of one body."""
    if one.keyed or other.keyed:
        return False
    together = _together(one, other)
    sizes, besides, heights = [], [], []
    for at in together[:: -(-len(together) // COMPARED)]:
        areas = sorted((looks[at].area(chain.at(at)) for chain in (one, other)), key=np.sum)
        (_, top, _, height), (_, top_2, _, height_2) = map(box_of, areas)
        if gap(*areas) > PARTED * max(height, height_2):
            return False
        shared = min(top + height, top_2 + height_2) - max(top, top_2)
        sizes.append(areas[0].sum() / areas[1].sum())
        besides.append(shared / min(height, height_2))
        heights.append(min(height, height_2) / max(height, height_2))
    stand_beside = (
        np.median(sizes) > PART and np.median(besides) > BESIDE and np.median(heights) > PART_HEIGHT
    )
    # For the length of one look even two people may be seen as parted by mistake.
    return not stand_beside or len(together) == 1


def _fuse_chains(looks: Sequence[Look], overlaps: Overlaps, into: Chain, chain: Chain) -> None:
    """Make a chain a part of another, where both are there."""
    for at in _together(into, chain):
        _fuse(looks, overlaps, at, into.at(at), chain.at(at))


def _fuse(looks: Sequence[Look], overlaps: Overlaps, at: int, into: int, piece: int) -> None:
    looks[at].fuse(piece, into)
    if at < len(overlaps):
        overlaps[at][into] += overlaps[at][piece]
        overlaps[at][piece] = 0
    if at:
        overlaps[at - 1][:, into] += overlaps[at - 1][:, piece]
        overlaps[at - 1][:, piece] = 0


def _count(looks: Sequence[Look], found: Followed) -> None:
    """Say of each chain how many people it is: as many come out of a meeting as go in."""

    def size(chain: Chain) -> float:
        areas = [looks[at].area(chain.at(at)).sum() for at in (chain.first, chain.last)]
        return float(sum(areas))

    while True:
        is_even = True
        for _, before, after in found.meetings:
            more = sum(one.people for one in before) - sum(one.people for one in after)
            if more:
                is_even = False
                max(after if more > 0 else before, key=size).people += abs(more)
        if is_even:
            return


STEPS = (_fuse_parts, _join_glimpses, _fuse_glimpses)
