"""Each person's share of a frame: a pure function of the looks around it and of its picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.optical_flow import Plane, sample
from sghm_vs.matting.people.looks import Area, distance_to
from sghm_vs.matting.people.record import People

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
CRISP = 3.0
"""How much steeper a share becomes than the colors say: people are opaque."""


class Owners(NamedTuple):
    """Whose each pixel is, (height, width) each."""

    first: Plane
    """The number of the person who has most of it; 0 is nobody."""
    second: Plane
    """The number of who has the rest; 0 is nobody, and there is no rest."""
    weight: Plane
    """The share of the first, 0.5 to 1."""


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


def owners(
    distances: Mapping[int, Plane], size: tuple[int, int], picture: Picture | None = None
) -> Owners:
    """
    Return whose each pixel of a picture is.

    Args:
        distances: By person, the signed distance to them, (h, w), in pixels of that.
        size: (height, width) of the picture.
        picture: It; None is not needed, as people are far from each other.
    """
    height, width = size
    none = np.zeros(size, np.float32)
    if not distances:
        return Owners(none, none, none + 1)
    planes = np.stack([*distances.values()])
    nearest, next_nearest = _two_least(planes)
    numbers = np.asarray([*distances], np.float32)[planes.argmin(0)]
    numbers[nearest > REACH * min(nearest.shape)] = 0
    first = cv2.resize(numbers, (width, height), interpolation=cv2.INTER_NEAREST)
    whose = Owners(np.asarray(first, np.float32), none, none + 1)
    touching = (next_nearest - nearest < TOUCHING_CELLS) & (next_nearest < TOUCHING_CELLS)
    if picture is not None and touching.any():
        _divide(whose, distances, touching, picture)
    return whose


def _two_least(planes: NDArray[np.float32]) -> tuple[Plane, Plane]:
    """Return the least value of `planes` (n, h, w), and the one after it."""
    if len(planes) == 1:
        return planes[0], np.full_like(planes[0], np.inf)
    least = np.partition(planes, 1, axis=0)
    return least[0], least[1]


def share_of(alpha: Plane, whose: Owners, people: Collection[int]) -> Plane:
    """Return what of `alpha` is that of `people`; where they alone are, the very same."""
    of_first = alpha * whose.weight
    # The rest, and not its product: together they are the alpha to the last bit.
    of_second = alpha - of_first
    return np.where(_are(whose.first, people), of_first, 0) + np.where(
        _are(whose.second, people), of_second, 0
    )


def share_among(alpha: Plane, whose: Owners, person: int, people: Collection[int]) -> Plane:
    """Return what of `alpha`, which is that of `people` together, is that of one of them."""
    of_first = alpha * whose.weight
    has_first = np.where(_are(whose.second, people), of_first, alpha)
    has_second = np.where(_are(whose.first, people), alpha - of_first, alpha)
    return np.where(
        whose.first == person, has_first, np.where(whose.second == person, has_second, 0)
    )


def _are(numbers: Plane, people: Collection[int]) -> Area:
    """Return where `numbers` are of those of `people`."""
    found = np.zeros(numbers.shape, np.bool_)
    for person in people:
        found |= numbers == person
    return found


def _divide(
    whose: Owners, distances: Mapping[int, Plane], touching: Area, picture: Picture
) -> None:
    """Say in `whose`, of the picture's size, whose the pixels are around where people touch."""
    height, width = picture.shape[:2]
    cell = height / touching.shape[0]
    rows, columns = _box_around(touching, round(2 * TOUCHING_CELLS))
    box = tuple(
        slice(part.start * length // cells, min(-(-part.stop * length // cells), length))
        for part, length, cells in zip(
            (rows, columns), (height, width), touching.shape, strict=True
        )
    )
    planes = _enlarged_within(distances, box, (height, width))
    nearest, next_nearest = _two_least(planes)
    order = np.argsort(planes, axis=0, kind="stable")[:2]
    numbers = np.asarray([*distances], np.float32)
    first, second = numbers[order[0]], numbers[order[1]]
    apart = next_nearest - nearest
    near = (apart < TOUCHING_CELLS) & (next_nearest < TOUCHING_CELLS)
    weight = _guided(first, second, picture[box], max(round(GUIDED_CELLS * cell / SHRUNK), 1))
    # Toward where they no longer touch, what the masks say.
    plain = np.clip(2 * np.maximum(apart, next_nearest) / TOUCHING_CELLS - 1, 0, 1)
    weight = np.where(near, weight + (1 - weight) * plain, 1).astype(np.float32)
    swaps = weight < 0.5
    is_one = weight >= 1
    reached = nearest <= REACH * min(touching.shape)
    whose.first[box] = np.where(reached, np.where(swaps, second, first), 0)
    whose.second[box] = np.where(is_one, 0, np.where(swaps, first, second))
    whose.weight[box] = np.where(swaps, 1 - weight, weight)


def _enlarged_within(
    distances: Mapping[int, Plane], box: tuple[slice, ...], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return what `distances` are within `box` of a picture of `size`, (people, rows, columns)."""
    height, width = size
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in box)
    small = next(iter(distances.values())).shape
    y = (rows + 0.5) * (small[0] / height) - 0.5
    x = (columns + 0.5) * (small[1] / width) - 0.5
    shape = y.size, x.size
    at_x, at_y = np.broadcast_to(x, shape), np.broadcast_to(y[:, None], shape)
    return np.stack([sample(plane, at_x.copy(), at_y.copy()) for plane in distances.values()])


def _guided(first: Plane, second: Plane, picture: Picture, radius: int) -> Plane:
    """Return the share of `first` against `second` by the colors of `picture`, 0-1."""
    of_first, of_second = np.zeros_like(first), np.zeros_like(first)
    for number in np.union1d(first, second):
        share = guided_filter(picture, (first == number).astype(np.float32), radius)
        of_first = np.where(first == number, share, of_first)
        of_second = np.where(second == number, share, of_second)
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
    return np.asarray(np.clip((slopes * picture).sum(-1) + bases, 0, 1), np.float32)


def _box_around(area: Area, margin: int) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(area.any(axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _center(area: Area) -> tuple[float, float]:
    rows, columns = np.nonzero(area)
    return float(columns.mean()), float(rows.mean())


def _shifted(plane: Plane, by: Sequence[float] | NDArray[np.float64]) -> Plane:
    matrix = np.asarray([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    height, width = plane.shape
    moved = cv2.warpAffine(plane, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)
