"""Parts of a picture: a network makes them alone, with as much around them as it looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

DENSE_PART = 0.75
"""Of the picture; what tiles have more than this with their surroundings is made as one."""


class Square(NamedTuple):
    """A part of a picture, in pixels; multiples of 4."""

    top: int
    left: int
    side: int

    def of(self, planes: Tensor, shrunk: int = 1) -> Tensor:
        """Return this part of `planes` (n, c, h, w), so many times smaller than the picture."""
        top, left, side = (length // shrunk for length in self)
        return planes[..., top : top + side, left : left + side]


class Tile(NamedTuple):
    """A cell of the grid that a picture is cut into, and what it is made from."""

    inner: Square
    square: Square
    """The cell with its surroundings, within the picture: there, as in it, zeros lie beyond its edge."""

    def paste(self, made: Tensor, planes: Tensor, shrunk: int = 1) -> None:
        """Put the cell's part of `made` (c, h, w), which is the square's, into `planes` (1, c, h, w)."""
        within = Square(
            self.inner.top - self.square.top, self.inner.left - self.square.left, self.inner.side
        )
        cell = self.inner.of(planes, shrunk)[0]
        cell.copy_(within.of(made, shrunk)[..., : cell.shape[-2], : cell.shape[-1]])


def tiles_in(
    cells: Tensor, tile_px: int, around_px: int, height: int, width: int
) -> list[Tile] | None:
    """
    Return the tiles that are named, or None where the picture is better made as one.

    Args:
        cells: The grid, (rows, columns): which are above 0.
        tile_px: Side of a cell; those at the right and below may go beyond the picture.
        around_px: What is looked at around each.
        height: Of the picture.
        width: Of the picture.
    """
    side = tile_px + 2 * around_px
    corners = (torch.nonzero(cells.cpu()) * tile_px).tolist()
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


def squares_of(planes: Tensor, squares: Sequence[Square], shrunk: int = 1) -> Tensor:
    """Return `squares` of `planes` (1, c, h, w), so many times smaller than the picture, as a batch."""
    return torch.cat([square.of(planes, shrunk) for square in squares])


def beside(planes: Sequence[Tensor]) -> Tensor:
    """Return `planes`, each (n, c, h, w), as one."""
    return planes[0] if len(planes) == 1 else torch.cat([*planes], 1)
