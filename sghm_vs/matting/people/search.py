"""
Where people are in a picture of any size: looked for in parts of it, and looked at again closer by.

A light network sees 448 pixels, in which somebody of a tenth of a picture's height is a speck: so a
picture is seen as a whole and in parts, and whatever may be somebody once more, in a view around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.people.looks import Box
from sghm_vs.models.sghm.design import LIGHT_LONG_SIDE_PX

type Plane = NDArray[np.float32]
type Size = tuple[int, int]
"""Width and height."""


class View(NamedTuple):
    """A part of a picture that is to be seen."""

    box: Box
    long_side_px: int
    """Of what is seen of it."""
    is_judged: bool = True
    """Whether a judge may say no to what is there."""


type Views = Callable[[Sequence[View]], Sequence[Plane]]
"""Returns how likely somebody is there in each, (h, w), 0-1."""

SOUGHT_PX = 1248
"""Long side at which a picture is searched; somebody of a tenth of the height has 70 px."""
OVERLAP_PX = 48
"""That views share, so that who is cut by one is whole in another."""
MAYBE = 0.4
"""In a part of a picture more is somebody, perhaps; a judge is asked closer by."""
SURE = 0.8
"""Closer by, somebody has, somewhere, more than this; to their outline it is a half."""
LEAST_PX = 6
"""Pixels of a view of 448x252; fewer are nobody."""
CLOSE_PX = 256
"""Long side of a view around somebody."""
AROUND = 2.2
"""So many times their own length it is long."""
AGAIN_MOST = 3
"""Times that a view is made longer, where somebody is cut by it, or shorter, where all is far away."""
FAR = 1.5
"""So many times longer than a view around what is there is one that shows it from afar."""
CLOSE_MOST = 24
"""Views in a look at most that are around somebody; the rest is taken unseen."""


def search(
    size: Size, views: Views, known: Sequence[Box] = (), *, thorough: bool = True
) -> list[Box]:
    """
    Return where somebody is in a picture, in its pixels.

    Args:
        size: Of the picture.
        views: What is seen of it.
        known: Where somebody was before, and is looked for again.
        thorough: Whether it is looked at in parts, too; else only who is large or known is found.
    """
    parts = parts_of(size)[: None if thorough else 1]
    seen = views([View(part, LIGHT_LONG_SIDE_PX, is_judged=part == parts[0]) for part in parts])
    maybe = [
        in_picture(box, part, plane.shape)
        for part, plane in zip(parts, seen, strict=True)
        for box in pieces_of(plane, MAYBE, MAYBE)
    ]
    large = [
        box
        for one in pieces_of(seen[0], 0.5, SURE)
        if _is_large(box := in_picture(one, parts[0], seen[0].shape), size)
    ]
    asked = [box for box in united([*maybe, *known]) if not _is_large(box, size)]
    asked.sort(key=lambda box: -box[2] * box[3])
    found = _seen_closer(asked[:CLOSE_MOST], size, views)
    return united([*large, *found, *asked[CLOSE_MOST:]])


def _is_large(box: Box, size: Size) -> bool:
    """Return whether the whole picture shows what is in `box` as well as a view around it does."""
    _, _, width, height = view_around(box, size)
    return 2 * max(width, height) > max(size)


def parts_of(size: Size) -> list[Box]:
    """Return the whole of a picture, and if it is larger than a view, parts that overlap."""
    whole = 0, 0, *size
    sought = min(max(size), SOUGHT_PX)
    if sought <= LIGHT_LONG_SIDE_PX:
        return [whole]
    count = -(-(sought - OVERLAP_PX) // (LIGHT_LONG_SIDE_PX - OVERLAP_PX))
    part = (sought + (count - 1) * OVERLAP_PX) / count / sought
    width, height = (min(round(length * part), length) for length in size)
    across, down = (
        [round(n * (length - side) / (count - 1)) for n in range(count)]
        for length, side in zip(size, (width, height), strict=True)
    )
    return [whole, *((left, top, width, height) for top in down for left in across)]


def _seen_closer(boxes: Sequence[Box], size: Size, views: Views) -> list[Box]:
    """
    Return where somebody is in views around `boxes`.

    Who is cut by a view is seen in a longer one, and what may be somebody far away in a shorter one.
    """
    found: list[Box] = []
    closer = [view_around(box, size) for box in boxes]
    for tries_left in reversed(range(AGAIN_MOST + 1)):
        if not closer:
            break
        again = []
        for view, plane in zip(closer, views([View(one, CLOSE_PX) for one in closer]), strict=True):
            sure = pieces_of(plane, 0.5, SURE)
            for piece in pieces_of(plane, 0.5, 0.5):
                box, is_sure = in_picture(piece, view, plane.shape), piece in sure
                if tries_left and _is_asked_again(box, view, size, is_sure=is_sure):
                    again.append(box)
                elif is_sure:
                    found.append(box)
        closer = [view_around(box, size) for box in united(again)[:CLOSE_MOST]]
    return found


def _is_asked_again(box: Box, view: Box, size: Size, *, is_sure: bool) -> bool:
    """Return whether another view would say more of what is in `box`."""
    if is_sure:
        return is_cut(box, view, size)
    return FAR * max(view_around(box, size)[2:]) < max(view[2:])


def pieces_of(plane: Plane, outline: float, surely: float) -> list[Box]:
    """
    Return boxes around the pieces of `plane` (h, w) above `outline`, in its pixels.

    Each has more than `surely` somewhere, and is no speck.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (plane > outline).astype(np.uint8), connectivity=8
    )
    sure = np.bincount(np.asarray(labels[plane > surely], np.intp), minlength=count)
    left, top, width, height, area = (stats[:, n] for n in range(5))
    least = LEAST_PX * plane.size / (LIGHT_LONG_SIDE_PX**2 * 9 / 16)
    kept = [n for n in range(1, count) if sure[n] and area[n] >= max(least, 4)]
    return [(int(left[n]), int(top[n]), int(width[n]), int(height[n])) for n in kept]


def in_picture(box: Box, view: Box, shape: tuple[int, ...]) -> Box:
    """Return where `box`, in a plane of `shape` that shows `view`, is in the picture."""
    across, down = view[2] / shape[1], view[3] / shape[0]
    left, top = int(view[0] + box[0] * across), int(view[1] + box[1] * down)
    right = -int(-(view[0] + (box[0] + box[2]) * across) // 1)
    bottom = -int(-(view[1] + (box[1] + box[3]) * down) // 1)
    return left, top, right - left, bottom - top


def view_around(box: Box, size: Size) -> Box:
    """Return a square view around `box` that shows what is beside it, within the picture."""
    left, top, width, height = box
    side = round(AROUND * max(width, height, 16))
    lengths = [min(side, length) for length in size]
    middle = left + width / 2, top + height / 2
    corner = [
        round(min(max(at - length / 2, 0), end - length))
        for at, length, end in zip(middle, lengths, size, strict=True)
    ]
    return corner[0], corner[1], lengths[0], lengths[1]


def is_cut(box: Box, view: Box, size: Size) -> bool:
    """Return whether `box` ends where `view` does, and the picture goes on."""
    edge = max(view[2] // 64, 1)
    left, top, right, bottom = edges_of(box)
    first, above, last, below = edges_of(view)
    return (
        (left <= first + edge and first > 0)
        or (top <= above + edge and above > 0)
        or (right >= last - edge and last < size[0])
        or (bottom >= below - edge and below < size[1])
    )


def united(boxes: Iterable[Box]) -> list[Box]:
    """Return `boxes`, those that overlap as one, until none do."""
    left = list(boxes)
    done: list[Box] = []
    while left:
        box = left.pop()
        met = [one for one in done if overlap(box, one)]
        if not met:
            done.append(box)
            continue
        done = [one for one in done if one not in met]
        left.append(around(box, *met))
    return sorted(done)


def overlap(one: Box, other: Box) -> bool:
    """Return whether two boxes share a pixel."""
    return all(one[n] < other[n] + other[n + 2] and other[n] < one[n] + one[n + 2] for n in (0, 1))


def around(*boxes: Box) -> Box:
    """Return the smallest box that holds `boxes`."""
    lefts, tops, rights, bottoms = zip(*map(edges_of, boxes), strict=True)
    return min(lefts), min(tops), max(rights) - min(lefts), max(bottoms) - min(tops)


def edges_of(box: Box) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of `box`."""
    left, top, width, height = box
    return left, top, left + width, top + height


def swept(looks: Sequence[Sequence[Box]]) -> list[Box]:
    """
    Return where somebody is in all of a scene: at the looks, and between them.

    Between two looks somebody may be farther out than at both: by half of how far they went, it is
    taken; before they were first seen and after they were last, by all of that. Who is seen once, and
    not at an end of the scene, was nobody.

    Args:
        looks: Where somebody is at each look.
    """
    before, after = (_links(looks, by) for by in (-1, 1))
    found: list[Box] = []
    last = len(looks) - 1
    for n, boxes in enumerate(looks):
        for box in boxes:
            earlier, later = before[n].get(box, []), after[n].get(box, [])
            if not earlier and not later and 0 < n < last:
                continue
            steps = [way_between(box, other) for other in (*earlier, *later)]
            is_seen_whole = (earlier or n == 0) and (later or n == last)
            most = max(steps, default=0)
            found.append(grown(box, -(-most // 2) if is_seen_whole else most))
    return found


def _links(looks: Sequence[Sequence[Box]], by: int) -> list[dict[Box, list[Box]]]:
    """Return where who is in a box may be at the look before or after, by the look and the box."""
    return [
        {
            box: [
                other
                for other in (looks[n + by] if 0 <= n + by < len(looks) else ())
                if overlap(grown(box, max(box[2:]) // 2), other)
                or overlap(grown(other, max(other[2:]) // 2), box)
            ]
            for box in boxes
        }
        for n, boxes in enumerate(looks)
    ]


def way_between(one: Box, other: Box) -> int:
    """Return how far the edges of a box go to another's, in pixels, at most."""
    return max(abs(a - b) for a, b in zip(edges_of(one), edges_of(other), strict=True))


def between(one: Box, other: Box) -> list[Box]:
    """Return two boxes of somebody at two looks, each with half of how far its edges go to the other."""
    half = -(-way_between(one, other) // 2)
    return [grown(one, half), grown(other, half)]


def grown(box: Box, by: int) -> Box:
    """Return `box`, larger by so many pixels on all sides."""
    left, top, width, height = box
    return left - by, top - by, width + 2 * by, height + 2 * by
