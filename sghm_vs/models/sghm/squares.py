"""Parts of a picture: a network makes them alone, with as much around them as it looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

TILE_PX = 64
"""Side of what one square is made for; small ones hug an edge, large ones share their surroundings."""
DENSE_PART = 0.75
"""Of the picture; what tiles have more than this with their surroundings is made as one."""


class Square(NamedTuple):
    """A part of a picture, in pixels; multiples of 4."""

    top: int
    left: int
    side: int

    @property
    def rows(self) -> slice:
        """Those of the picture that it takes."""
        return slice(self.top, self.top + self.side)

    @property
    def columns(self) -> slice:
        """The same across."""
        return slice(self.left, self.left + self.side)

    def of[Planes: Any](self, planes: Planes, shrunk: int = 1) -> Planes:
        """Return this part of `planes` (..., h, w), so many times smaller than the picture."""
        top, left, side = (length // shrunk for length in self)
        part: Planes = planes[..., top : top + side, left : left + side]
        return part


class Tile(NamedTuple):
    """A cell of the grid that a picture is cut into, and what it is made from."""

    inner: Square
    square: Square
    """The cell with its surroundings, within the picture: there, as in it, zeros lie beyond its edge."""

    @property
    def within(self) -> Square:
        """Where in its square the cell is."""
        return Square(
            self.inner.top - self.square.top, self.inner.left - self.square.left, self.inner.side
        )

    def paste(self, made: Any, planes: Any, shrunk: int = 1) -> None:
        """Put the cell's part of `made` (..., h, w), which is the square's, into `planes`."""
        cell = self.inner.of(planes, shrunk)
        cell[...] = self.within.of(made, shrunk)[..., : cell.shape[-2], : cell.shape[-1]]


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
    corners = [(row * tile_px, column * tile_px) for row, column in cells]
    return tiles_at(corners, tile_px, around_px, height, width)


def tiles_at(
    corners: Sequence[tuple[int, int]], tile_px: int, around_px: int, height: int, width: int
) -> list[Tile] | None:
    """Return the tiles whose `corners`, top and left in pixels, are named; see `tiles_in`."""
    side = tile_px + 2 * around_px
    if min(height, width) < side or len(corners) * side**2 > DENSE_PART * height * width:
        return None
    return [
        Tile(
            Square(top, left, tile_px),
            Square(
                min(max(top - around_px, 0), height - side),
                min(max(left - around_px, 0), width - side),
                side,
            ),
        )
        for top, left in corners
    ]
