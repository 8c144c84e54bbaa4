"""Each person's share of a frame: a pure function of the looks around it and of its picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.optical_flow import Plane, sample
from sghm_vs.matting.people.looks import Area, Box, box_of, distance_to
from sghm_vs.matting.people.record import People

type Numbers = NDArray[np.int32]
"""(h, w): somebody's number, 0 is nobody."""
type Picture = NDArray[np.float32]
"""Display-coded RGB, (height, width, 3), 0-1."""

REACH = 0.2
"""Of the short side: an alpha that is farther from everybody is nobody's."""
TOUCHING_CELLS = 4.0
"""Where people are so near each other, the picture says whose a pixel is."""
GUIDED_CELLS = 4.0
"""Half the side of the window in which colors say whose a pixel is."""
SHRUNK = 4
"""Times: how much smaller the picture is where that is found out."""
EVEN = 1e-4
"""Variance of a window whose colors say nothing, of 0-1."""
LARGER = 0.5
CRISP = 3.0
"""How much steeper a share becomes than the colors say: people are opaque."""


class Owners(NamedTuple):
    """Whose each pixel of a part of a picture is, (height, width) each."""

    first: Plane
    """The number of who is nearest; 0 is nobody."""
    second: Plane
    """The number of who has the rest; 0 where there is none."""
    weight: Plane
    """The share of the first, 0-1."""


class TouchingArea(NamedTuple):
    """Where people touch in a picture."""

    box: Box
    whose: Owners
    """Within it."""


def signed_distance(area: Area) -> Plane:
    """Return how far each pixel is from the edge of `area`, (h, w); below 0 within it."""
    return distance_to(area) - distance_to(~area)


def between(before: Area, after: Area, part: float) -> Plane:
    """
    Return the signed distance of somebody who goes from `before` to `after`, (h, w).

    Args:
        before: Where they are at one look; not empty.
        after: At the next one; not empty.
        part: How much of the way they went, 0-1.

    Source:
        Raya and Udupa, "Shape-based interpolation of multidimensional objects", IEEE TMI 1990; here
        around the center of mass, which moves evenly, if the two are more alike around it.
    """
    way = np.subtract(_center(after), _center(before))
    there, back = signed_distance(before), signed_distance(after)
    # The center of what is seen of somebody jumps where others hide them.
    if _overlap(_shifted(there, way) < 0, after) > _overlap(before, after):
        there, back = _shifted(there, part * way), _shifted(back, (part - 1) * way)
    return np.asarray((1 - part) * there + part * back, np.float32)


def _overlap(one: Area, other: Area) -> float:
    """Return the intersection over the union."""
    return float((one & other).sum()) / max(int((one | other).sum()), 1)


def distances_at(people: People, number: int) -> dict[int, Plane]:
    """
    Return the signed distance to each person in a frame, (h, w), in pixels of the masks.

    Between two looks they go evenly from one to the other; who is at one of them alone stays there.
    """
    before, after = people.looks_around(number)
    part = 0.0 if before == after else (number - before) / (after - before)
    found: dict[int, Plane] = {}
    for one in people.people:
        there = people.mask(one.id, before), people.mask(one.id, after)
        if there[0] is not None and there[1] is not None and before != after:
            found[one.id] = between(there[0], there[1], part)
        elif (only := there[1] if there[0] is None else there[0]) is not None:
            found[one.id] = signed_distance(only)
    return found


def nearest_person(distances: Mapping[int, Plane], mask_size: tuple[int, int]) -> Numbers:
    """
    Return who is nearest to each pixel, (h, w), and 0 where nobody is near.

    Args:
        distances: By person, the signed distance to them, (h, w), in pixels of that.
        mask_size: Width and height of these.
    """
    if not distances:
        return np.zeros(mask_size[::-1], np.int32)
    planes = np.stack([*distances.values()])
    numbers = np.asarray([*distances], np.int32)[planes.argmin(0)]
    numbers[planes.min(0) > REACH * min(mask_size)] = 0
    return numbers


def contact_of(
    distances: Mapping[int, Plane], size: tuple[int, int], crop: Callable[[Box], Picture]
) -> TouchingArea | None:
    """
    Return whose the pixels of a picture are where people touch; None where nobody does.

    Args:
        distances: By person, the signed distance to them, (h, w), in pixels of that.
        size: (height, width) of the picture.
        crop: Returns a part of the picture.
    """
    if len(distances) < 2:
        return None
    small = _first_two(np.stack([*distances.values()]))
    touching = (small.apart < TOUCHING_CELLS) & (small.next_nearest < TOUCHING_CELLS)
    if not touching.any():
        return None
    box = _enlarged(_box_around(touching, round(2 * TOUCHING_CELLS)), touching.shape, size)
    found = _first_two(_enlarged_within(distances, box, size))
    radius = max(round(GUIDED_CELLS * size[0] / touching.shape[0] / SHRUNK), 1)
    numbers = np.asarray([*distances], np.float32)
    first, second = numbers[found.first], numbers[found.second]
    weight = _guided(first, second, distances, crop(box), radius)
    # Toward where they no longer touch, what the masks say.
    apart = np.maximum(found.apart, found.next_nearest)
    by_mask = np.clip(2 * apart / TOUCHING_CELLS - 1, 0, 1)
    first[found.nearest > REACH * min(touching.shape)] = 0
    weight = np.asarray(weight + (1 - weight) * by_mask, np.float32)
    second[weight >= 1] = 0
    return TouchingArea(box, Owners(first, second, weight))


class _FirstTwo(NamedTuple):
    """Of several planes, which are the two least, and how far they are apart."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    nearest: Plane
    next_nearest: Plane

    @property
    def apart(self) -> Plane:
        return self.next_nearest - self.nearest


def _first_two(planes: NDArray[np.float32]) -> _FirstTwo:
    """Return the two least of `planes` (n, h, w), at least two; `planes` change."""
    first, nearest = _least(planes)
    np.put_along_axis(planes, first[None], np.inf, axis=0)
    second, next_nearest = _least(planes)
    return _FirstTwo(first, second, nearest, next_nearest)


def _least(planes: NDArray[np.float32]) -> tuple[NDArray[np.intp], Plane]:
    """Return which of `planes` is the least, the first of equals, and its value."""
    value = planes.min(0)
    which = np.zeros(value.shape, np.intp)
    # Several times as fast as `argmin` along the first axis.
    for at in reversed(range(len(planes))):
        which[planes[at] == value] = at
    return which, value


def share_of(alpha: Plane, whose: Owners, people: Collection[int]) -> Plane:
    """Return what of `alpha` is that of `people`; where they alone are, the very same."""
    of_first, of_second = _parts(alpha, whose.weight)
    found = np.where(_are(whose.first, people), of_first, 0)
    return found + np.where(_are(whose.second, people), of_second, 0)


def share_among(alpha: Plane, whose: Owners, person: int, people: Collection[int]) -> Plane:
    """Return what of `alpha`, which is that of `people` together, is that of one of them."""
    of_first, of_second = _parts(alpha, whose.weight)
    as_first = np.where(_are(whose.second, people), of_first, alpha)
    as_second = np.where(_are(whose.first, people), of_second, alpha)
    is_second = np.where(whose.second == person, as_second, 0)
    return np.where(whose.first == person, as_first, is_second)


def _parts(alpha: Plane, weight: Plane) -> tuple[Plane, Plane]:
    """Return `weight` of `alpha` and the rest, which together are it to the last bit."""
    # The smaller part is a difference from the larger one, which is exact.
    larger = alpha * np.maximum(weight, 1 - weight)
    smaller = alpha - larger
    is_first = weight >= LARGER
    return np.where(is_first, larger, smaller), np.where(is_first, smaller, larger)


def share_of_nearest(alpha: Plane, numbers: Numbers, people: Collection[int]) -> Plane:
    """Return what of `alpha` is that of `people` by who is nearest, `numbers`, of any size."""
    are_theirs = _are(numbers, people).astype(np.float32)
    return np.asarray(alpha * _of_size(are_theirs, alpha.shape), np.float32)


def shaded_nearest(size: tuple[int, ...], numbers: Numbers, shades: Mapping[int, float]) -> Plane:
    """Return the shade of who is nearest, `numbers`, (height, width); 0 is nobody."""
    return _of_size(_shaded(numbers, shades), size)


def shaded(whose: Owners, shades: Mapping[int, float]) -> Plane:
    """Return the shades of people, mixed as their shares are; 0 is nobody."""
    of_first, of_second = _shaded(whose.first, shades), _shaded(whose.second, shades)
    return np.asarray(whose.weight * of_first + (1 - whose.weight) * of_second, np.float32)


def _shaded(numbers: Plane | Numbers, shades: Mapping[int, float]) -> Plane:
    found = np.zeros(numbers.shape, np.float32)
    for person, shade in shades.items():
        found[numbers == person] = shade
    return found


def _of_size(plane: Plane, size: tuple[int, ...]) -> Plane:
    """Return `plane` at (height, width), each pixel that of the nearest."""
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_NEAREST))


def _are(numbers: Plane | Numbers, people: Collection[int]) -> Area:
    """Return where `numbers` are of those of `people`."""
    found = np.zeros(numbers.shape, np.bool_)
    for person in people:
        found |= numbers == person
    return found


def _enlarged(box: Box, small: tuple[int, ...], size: tuple[int, int]) -> Box:
    """Return `box`, of a picture of the size `small`, as it is in one of `size`."""
    left, right = (at * size[1] // small[1] for at in (box[0], box[0] + box[2]))
    top, bottom = (at * size[0] // small[0] for at in (box[1], box[1] + box[3]))
    return left, top, right - left, bottom - top


def _enlarged_within(
    distances: Mapping[int, Plane], box: Box, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return what `distances` are within `box` of a picture of `size`, (people, rows, columns)."""
    left, top, width, height = box
    small = next(iter(distances.values())).shape
    x = (np.arange(left, left + width) + 0.5) * small[1] / size[1] - 0.5
    y = (np.arange(top, top + height) + 0.5) * small[0] / size[0] - 0.5
    at_x, at_y = (one.astype(np.float32) for one in np.meshgrid(x, y))
    return np.stack([sample(plane, at_x, at_y) for plane in distances.values()])


def _guided(
    first: Plane, second: Plane, numbers: Iterable[int], picture: Picture, radius: int
) -> Plane:
    """Return the share of `first` against `second`, of `numbers`, by the colors of `picture`, 0-1."""
    there = [n for n in numbers if (first == n).any() or (second == n).any()]
    shares = [guided_filter(picture, (first == n).astype(np.float32), radius) for n in there[:-1]]
    # What is filtered sums up to 1.
    shares.append(1 - np.add.reduce(shares))
    of_first, of_second = (np.select([one == n for n in there], shares) for one in (first, second))
    shared = of_first / np.maximum(of_first + of_second, EVEN)
    return np.asarray(np.clip(0.5 + CRISP * (shared - 0.5), 0, 1), np.float32)


def guided_filter(picture: Picture, plane: Plane, radius: int) -> Plane:
    """
    Return `plane`, (h, w), 0-1, with the edges of `picture`, (h, w, 3).

    Args:
        picture: Display-coded RGB, 0-1.
        plane: Of the same size.
        radius: Half the side of a window, in pixels of a picture that is `SHRUNK` times smaller.

    Source:
        He et al., "Guided Image Filtering", ECCV 2010; found small and applied large as in He and
        Sun, "Fast Guided Filter", 2015.
    """
    height, width = plane.shape
    size = max(width // SHRUNK, 1), max(height // SHRUNK, 1)
    small, target = (
        np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.float32)
        for one in (picture, plane)
    )
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REFLECT), np.float32)

    means, target_mean = mean(small), mean(target)
    products = np.stack([mean(small * small[..., n : n + 1]) for n in range(3)], axis=2)
    spread = (
        products - means[..., None, :] * means[..., :, None] + EVEN * np.eye(3, dtype=np.float32)
    )
    along = mean(small * target[..., None]) - means * target_mean[..., None]
    slope = np.linalg.solve(spread, along[..., None])[..., 0].astype(np.float32)
    base = target_mean - (slope * means).sum(-1)
    slopes, bases = (
        cv2.resize(mean(one), (width, height), interpolation=cv2.INTER_LINEAR)
        for one in (slope, base)
    )
    found = np.einsum("hwc,hwc->hw", slopes, picture) + bases
    return np.asarray(np.clip(found, 0, 1), np.float32)


def _box_around(area: Area, margin: int) -> Box:
    """Return the box around `area`, with a margin as far as there is one."""
    left, top, width, height = box_of(area)
    right, bottom = left + width + margin, top + height + margin
    left, top = max(left - margin, 0), max(top - margin, 0)
    return left, top, min(right, area.shape[1]) - left, min(bottom, area.shape[0]) - top


def _center(area: Area) -> tuple[float, float]:
    rows, columns = np.nonzero(area)
    return float(columns.mean()), float(rows.mean())


def _shifted(plane: Plane, by: Sequence[float] | NDArray[np.float64]) -> Plane:
    matrix = np.asarray([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    height, width = plane.shape
    moved = cv2.warpAffine(plane, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)
