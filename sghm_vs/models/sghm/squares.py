"""Parts of a picture: a network makes them alone, with as much around them as it looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sghm_vs.models.sghm.design import EIGHTH_PX, QUARTER_HALO_PX

TILE_PX = 64
"""Side of what one square is made for; small ones hug an edge, large ones share their surroundings."""
DENSE_PART = 0.75
"""Of the picture; what tiles have more than this with their surroundings is made as one."""

STRIP_PX = 192
"""Rows of a strip without its surroundings."""
STRIP_WIDTHS_PX = 128, 192, 320, 448
"""Of strips with their surroundings: backends may make a program for each. What takes more no longer
lies in a core's cache."""
STEP_PX = 64
"""Sides of windows are multiples, so that there are few sizes."""
GAP_PX = 96
"""Of columns where nothing is looked at; a wider one parts two strips."""


class Part(NamedTuple):
    """A rectangle of a picture, in pixels; multiples of 4."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """Those of the picture that it takes."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The same across."""
        return slice(self.left, self.left + self.width)

    def of[Planes: Any](self, planes: Planes, shrunk: int = 1) -> Planes:
        """Return this part of `planes` (..., h, w), so many times smaller than the picture."""
        top, left, height, width = (length // shrunk for length in self)
        part: Planes = planes[..., top : top + height, left : left + width]
        return part

    def within(self, other: Part) -> Part:
        """Return where in `other` this part is."""
        return self._replace(top=self.top - other.top, left=self.left - other.left)


def square(top: int, left: int, side: int) -> Part:
    """Return the part with this corner and side."""
    return Part(top, left, side, side)


class Tile(NamedTuple):
    """A cell of those that a picture is cut into, and what it is made from."""

    inner: Part
    around: Part
    """The cell with its surroundings, within the picture: there, as in it, zeros lie beyond its edge."""

    def paste(self, made: Any, planes: Any, shrunk: int = 1) -> None:
        """Put the cell's part of `made` (..., h, w), of it and its surroundings, into `planes`."""
        cell = self.inner.of(planes, shrunk)
        inner = self.inner.within(self.around).of(made, shrunk)
        cell[...] = inner[..., : cell.shape[-2], : cell.shape[-1]]


def tiles_in(
    cells: Sequence[Sequence[int]], tile_px: int, around_px: int, height: int, width: int
) -> list[Tile] | None:
    """
    Return the tiles that are named, or None where the picture is better made as one.

    Args:
        cells: Row and column of each in the grid.
        tile_px: Side of a cell; those at the right and below may go beyond the picture.
        around_px: What is looked at around each.
        height: Of the picture.
        width: Of the picture.
    """
    side = tile_px + 2 * around_px
    if min(height, width) < side or len(cells) * side**2 > DENSE_PART * height * width:
        return None
    corners = ((row * tile_px, column * tile_px) for row, column in cells)
    return [
        Tile(
            square(top, left, tile_px),
            square(
                min(max(top - around_px, 0), height - side),
                min(max(left - around_px, 0), width - side),
                side,
            ),
        )
        for top, left in corners
    ]


def strips(where: NDArray[np.bool_]) -> list[Tile] | None:
    """
    Return strips with all of `where` in them, or None where the picture is better made as one.

    Each has `QUARTER_HALO_PX` around it. In rows from the top, they begin and end where something is
    looked at, so they hold less of what is not than squares do.

    Args:
        where: Cells of `EIGHTH_PX`, (height / 8, width / 8).
    """
    height, width = (EIGHTH_PX * length for length in where.shape)
    if height < STRIP_PX + 2 * QUARTER_HALO_PX or width < STRIP_WIDTHS_PX[-1]:
        return None
    found = [_strip(inner, height, width) for inner in _runs(where)]
    area = sum(strip.around.height * strip.around.width for strip in found)
    return None if area > DENSE_PART * height * width else found


def window(where: NDArray[np.bool_], around_px: int) -> Part:
    """Return what holds all of `where`, see `strips`, and so much around it; nowhere is a corner."""
    (top, bottom), (left, right) = (
        _between(where.any(1 - axis), around_px, EIGHTH_PX * where.shape[axis]) for axis in (0, 1)
    )
    return Part(top, left, bottom - top, right - left)


def _runs(where: NDArray[np.bool_]) -> Iterator[Part]:
    """Yield strips of `where` without their surroundings."""
    height = EIGHTH_PX * len(where)
    rows, top = np.flatnonzero(where.any(1)), 0
    while (rows := rows[rows >= top]).size:
        first, top = int(rows[0]), int(rows[0]) + STRIP_PX // EIGHTH_PX
        columns = np.flatnonzero(where[first:top].any(0))
        apart = np.flatnonzero(np.diff(columns) > GAP_PX // EIGHTH_PX) + 1
        down = EIGHTH_PX * first
        for run in np.split(columns, apart):
            left, right = (EIGHTH_PX * int(end) for end in (run[0], run[-1] + 1))
            for begin, end in pairwise(_cuts(left, right)):
                yield Part(down, begin, min(STRIP_PX, height - down), end - begin)


def _cuts(left: int, right: int) -> list[int]:
    """Return where what lies between `left` and `right` begins and ends, cut into equal strips."""
    most = STRIP_WIDTHS_PX[-1] - 2 * QUARTER_HALO_PX
    cells, count = (right - left) // EIGHTH_PX, -(-(right - left) // most)
    return [left + EIGHTH_PX * (cells * number // count) for number in range(count + 1)]


def _strip(inner: Part, height: int, width: int) -> Tile:
    """Return a strip of a picture of this size with its surroundings."""
    least = inner.width + 2 * QUARTER_HALO_PX
    across = next(each for each in STRIP_WIDTHS_PX if each >= least)
    down = STRIP_PX + 2 * QUARTER_HALO_PX
    top = min(max(inner.top - QUARTER_HALO_PX, 0), height - down)
    left = min(max(inner.left - QUARTER_HALO_PX, 0), width - across)
    return Tile(inner, Part(top, left, down, across))


def _between(where: NDArray[np.bool_], around_px: int, length: int) -> tuple[int, int]:
    """Return first and end, multiples of `STEP_PX`, of `where` along an axis and so much around."""
    named = np.flatnonzero(where)
    first, last = (int(named[0]), int(named[-1])) if named.size else (0, 0)
    before, behind = EIGHTH_PX * first - around_px, EIGHTH_PX * (last + 1) + around_px
    return max(before // STEP_PX, 0) * STEP_PX, min(-(-behind // STEP_PX) * STEP_PX, length)
