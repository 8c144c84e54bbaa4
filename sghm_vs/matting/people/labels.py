"""Where each person is: labels of pieces that are several people, carried from before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.optical_flow import Motion, Plane
from sghm_vs.matting.people.chains import Chain, Followed
from sghm_vs.matting.people.looks import BINS, Colors, Look, colors_of, moved, spread
from sghm_vs.matting.people.naming import FILLED_PX, TINY, carried_on, carried_within, in_shares

type Numbers = NDArray[np.uint16]
"""(h, w): the number of who is there, 0 of nobody."""

BY_COLOR = 2.0
"""Power of a color's likelihood beside what is carried."""
RARE = 1e-4
"""Likelihood that any color has with anybody."""
OPEN = 0.1
"""Of what is around: the share of those whom motion leads close by, and not there."""
GROWN = 1.5
"""Times the area that somebody has alone; of more, as much is taken away."""
AROUND_PX = 1.2
"""Sigma of the surroundings whose colors speak for a pixel."""
LENIENCE = 0.1
"""Power of a motion's confidence: it tells which of two ways leads from where nobody was hidden."""
DISTRUST = 1e-4
SMOOTH_PX = 1.0


class _Sweep:
    """Labels of all looks, carried one way."""

    def __init__(self, likely: Mapping[int, Plane], sizes: Mapping[int, float]) -> None:
        self._likely, self._sizes = likely, sizes
        self._before: dict[int, Plane] = {}
        self._sure: Plane | None = None
        """How far what is carried can be trusted, 0-1: 1 of who is alone."""

    def go_on(self, look: Look, chains: Sequence[tuple[Chain, int]], motion: Motion | None) -> None:
        """Carry all to `look`, whose `chains` have these pieces, by the `motion` to the look before."""
        before, sure = carried_on(self._before, motion), self._sure_after(look, motion)
        self._before = {}
        for chain, piece in chains:
            area = look.area(piece).astype(np.float32)
            if len(chain.ids) == 1:
                self._before[chain.ids[0]] = area
                np.maximum(sure, area, out=sure)
                continue
            known = {n: before[n] for n in chain.ids if n in before}
            unknown = [n for n in chain.ids if n not in before]
            self._before |= self._shares(look, area, known, unknown)
        self._sure = sure

    def loud(self, number: int) -> Plane | float:
        """Return where it says that a person is, louder the more that is to be trusted."""
        if number not in self._before or self._sure is None:
            return 0.0
        return np.asarray(self._before[number] * (self._sure + TINY), np.float32)

    def _sure_after(self, look: Look, motion: Motion | None) -> Plane:
        """Return how far to trust what `motion` carries to `look` from the look before."""
        if motion is None or self._sure is None or not self._before:
            return np.zeros(look.pieces.shape, np.float32)
        anybody = moved(np.maximum.reduce([*self._before.values()]), motion)
        trust = (motion[2] + DISTRUST) ** LENIENCE
        return np.asarray(moved(self._sure, motion) * np.clip(anybody, 0, 1) * trust, np.float32)

    def _shares(
        self, look: Look, area: Plane, planes: Mapping[int, Plane], unknown: Sequence[int]
    ) -> dict[int, Plane]:
        """Return where each of `planes` is in a piece; the rest is open to who is `unknown` here."""
        if not planes:
            return {}
        if unknown:
            rest = np.clip(1 - np.add.reduce([*planes.values()]), 0, 1)
            shares = in_shares([one * area for one in (*planes.values(), rest)])
        else:
            shares = carried_within([*planes.values()], area)
        likely = [self._likely[n] for n in planes]
        if unknown:
            likely.append(np.maximum.reduce([self._likely[n] for n in unknown]))
        found = _by_color(look, area, shares, likely)
        sizes = [self._sizes.get(n, area.size) for n in planes]
        bounded = [
            one * min(1, GROWN * size / max(float(one.sum()), 1))
            for one, size in zip(found, sizes, strict=False)
        ]
        whole = in_shares([*bounded, *found[len(bounded) :]])
        return dict(zip(planes, whole, strict=False))


def _by_color(
    look: Look, area: Plane, shares: Sequence[Plane], likely: Sequence[Plane]
) -> list[Plane]:
    """Return `shares` of a piece, times how likely its colors are each one's."""
    around = np.maximum(cv2.GaussianBlur(area, (0, 0), AROUND_PX), TINY)
    logs = [
        cv2.GaussianBlur(np.log(one[look.bins] + RARE) * area, (0, 0), AROUND_PX) / around
        for one in likely
    ]
    most = np.maximum.reduce(logs)
    weighed = [
        (share + OPEN * cv2.GaussianBlur(share, (0, 0), FILLED_PX))
        * np.exp(BY_COLOR * (log - most))
        * area
        for share, log in zip(shares, logs, strict=True)
    ]
    return in_shares(weighed)


def label_people(looks: Sequence[Look], found: Followed) -> list[Numbers]:
    """Return who is where in each look; what is said both before and after a meeting counts."""
    present = [
        [(chain, piece) for chain in found.chains if (piece := chain.at(at))]
        for at in range(len(looks))
    ]
    likely, sizes = _likely_colors(looks, found), _sizes(looks, found)
    forward, backward = _Sweep(likely, sizes), _Sweep(likely, sizes)
    planes: list[dict[Chain, list[Plane]]] = []
    for look, chains in zip(looks, present, strict=True):
        forward.go_on(look, chains, look.back)
        planes.append({chain: _loud(forward, chain) for chain, _ in chains if len(chain.ids) > 1})
    labels: list[Numbers] = []
    for at in reversed(range(len(looks))):
        after = looks[at + 1].there if at + 1 < len(looks) else None
        backward.go_on(looks[at], present[at], after)
        said = {
            chain: [one + other for one, other in zip(loud, _loud(backward, chain), strict=True)]
            for chain, loud in planes.pop().items()
        }
        labels.append(_labeled(looks[at], present[at], said))
    return labels[::-1]


def _loud(sweep: _Sweep, chain: Chain) -> list[Plane]:
    return [np.asarray(sweep.loud(number), np.float32) for number in chain.ids]


def _labeled(
    look: Look, chains: Sequence[tuple[Chain, int]], said: Mapping[Chain, list[Plane]]
) -> Numbers:
    labels = np.zeros(look.pieces.shape, np.uint16)
    for chain, piece in chains:
        area = look.area(piece)
        if len(chain.ids) == 1:
            labels[area] = chain.ids[0]
            continue
        soft = [cv2.GaussianBlur(plane, (0, 0), SMOOTH_PX) for plane in said[chain]]
        numbers = np.asarray(chain.ids, np.uint16)[np.argmax(soft, axis=0)]
        labels[area] = numbers[area]
    return labels


def _likely_colors(looks: Sequence[Look], found: Followed) -> dict[int, Plane]:
    """Return how likely each color is somebody's, (bins,), by the looks where they are alone."""
    counts: dict[int, Colors] = {}
    for chain in found.chains:
        if len(chain.ids) == 1:
            for at in range(chain.first, chain.last + 1):
                colors = colors_of(looks[at], chain.at(at)).sum(0, keepdims=True)
                counts[chain.ids[0]] = counts.get(chain.ids[0], 0) + colors
    known = {number: spread(colors)[0] for number, colors in counts.items()}
    even = np.full(BINS, 1 / BINS, np.float32)
    everybody = {number for chain in found.chains for number in chain.ids}
    return {number: known.get(number, even) for number in everybody}


def _sizes(looks: Sequence[Look], found: Followed) -> dict[int, float]:
    """Return the largest area, in pixels, that each person has alone."""
    sizes: dict[int, float] = {}
    for chain in found.chains:
        if len(chain.ids) == 1:
            areas = [
                looks[at].area(chain.at(at)).sum() for at in range(chain.first, chain.last + 1)
            ]
            sizes[chain.ids[0]] = max(sizes.get(chain.ids[0], 0), float(max(areas)))
    return sizes
