"""Who is meant: a word, ids, a place, become ids of a file."""

from __future__ import annotations

from collections.abc import Iterable

from sghm_vs.errors import SettingsError, listed
from sghm_vs.matting.people.looks import Box
from sghm_vs.matting.people.record import People
from sghm_vs.options import Whom, called


def choose(people: People, whom: Whom) -> tuple[int, ...]:
    """
    Return the ids of those who are meant, in order.

    Raises:
        SettingsError: Nobody is.
    """
    if whom.word == "all":
        return people.all
    found = sorted(_found(people, whom))
    known = {one.id for one in people.people}
    unknown = [one for one in found if one not in known]
    if found and not unknown:
        return tuple(found)
    here = called("person")
    what = f"{here} is {whom}, and nobody of {people.footage.name} is meant"
    if unknown:
        what = f"{here} is {whom}, and {people.footage.name} has nobody of id {listed(unknown)}"
    there = listed(f"{one.id} around {one.place[0]},{one.place[1]}" for one in people.people)
    raise SettingsError(f"{what}; there {'is' if len(known) == 1 else 'are'} {there or 'nobody'}")


def _found(people: People, whom: Whom) -> Iterable[int]:
    if whom.ids:
        return whom.ids
    kept = [one for one in people.people if not one.dropped]
    if whom.word == "largest":
        return [max(kept, key=lambda one: one.size * one.looks).id] if kept else []
    looks = people.looks if whom.frame is None else _nearest(people, whom.frame)
    if whom.point is not None:
        counts = {one.id: _times_at(people, one.id, whom.point, looks) for one in kept}
        best = max(counts, key=lambda person: counts[person], default=0)
        return [best] if counts.get(best) else []
    box = whom.box or (0, 0, 0, 0)
    return [one.id for one in kept if _is_inside(people, one.id, box, looks)]


def _nearest(people: People, number: int) -> list[int]:
    """Return the look that is nearest to a frame."""
    if not people.first <= number <= people.last:
        msg = (
            f"{called('person')} asks for frame {number}, and the file speaks of frames "
            f"{people.first}-{people.last}"
        )
        raise SettingsError(msg)
    return [min(people.looks, key=lambda look: abs(look - number))]


def _times_at(people: People, person: int, point: tuple[int, int], looks: Iterable[int]) -> int:
    """Return in how many of `looks` a person covers a point of the picture."""
    x, y = (
        min(at * cells // pixels, cells - 1)
        for at, cells, pixels in zip(point, people.mask_size, people.footage.size, strict=True)
    )
    masks = (people.mask(person, look) for look in looks)
    return sum(1 for mask in masks if mask is not None and mask[max(y, 0), max(x, 0)])


def _is_inside(people: People, person: int, box: Box, looks: Iterable[int]) -> bool:
    """Tell whether the middle of a person is in `box` in at least half of `looks` where they are."""
    boxes = people.boxes[person]
    there = [boxes[look] for look in looks if look in boxes]
    inside = [is_middle_in(one, box) for one in there]
    return bool(inside) and sum(inside) >= len(inside) / 2


def is_middle_in(inner: Box, outer: Box) -> bool:
    """Tell whether the middle of one box is in another."""
    left, top, width, height = outer
    x, y = inner[0] + inner[2] / 2, inner[1] + inner[3] / 2
    return left <= x < left + width and top <= y < top + height
