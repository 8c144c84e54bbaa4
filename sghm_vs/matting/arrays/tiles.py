"""The finest alpha, made only where it is looked at: it costs as much as all the rest."""

from __future__ import annotations

from itertools import batched

import numpy as np
from numpy.typing import NDArray

from sghm_vs.models.backends.graphs import CoarsePlanes, GraphNetwork, QuarterPlanes
from sghm_vs.models.planes import Plane
from sghm_vs.models.sghm.design import QUARTER_PX
from sghm_vs.models.sghm.squares import DENSE_PART, TILE_PX, Tile, square

TILES_AT_ONCE = 64
"""That are held before they are pasted; a multiple of what a runtime makes at once."""


def tiles(where: Plane | NDArray[np.bool_], tile_px: int) -> NDArray[np.bool_]:
    """Return in which tiles of `tile_px` `where`, (height, width), is above 0 anywhere."""
    above: NDArray[np.bool_] = where > 0
    height, width = above.shape
    rows, columns = -(-height // tile_px), -(-width // tile_px)
    if (rows * tile_px, columns * tile_px) != above.shape:
        above = np.pad(above, ((0, rows * tile_px - height), (0, columns * tile_px - width)))
    # Along the rows first, which lie one behind the other.
    down = above.reshape(rows, tile_px, columns * tile_px).any(1)
    return np.asarray(down.reshape(rows, columns, tile_px).any(2), np.bool_)


def finest(
    network: GraphNetwork, coarse: CoarsePlanes | QuarterPlanes, looked_at: NDArray[np.bool_]
) -> Plane:
    """
    Return the finest alpha, (height, width), 0-1, and 0 far from where it is looked at.

    Which parts are made depends on the picture alone.

    Args:
        network: What began.
        coarse: The picture's.
        looked_at: Where it is looked at, (height / 4, width / 4).
    """
    _, height, width = coarse.image.shape
    side = TILE_PX + 2 * network.halo_px
    corners = hugging(looked_at, TILE_PX // QUARTER_PX)
    if min(height, width) < side or len(corners) * side**2 > DENSE_PART * height * width:
        return network.finish_all(coarse)
    alpha = np.zeros((height, width), np.float32)
    named = [
        _tile(QUARTER_PX * row, QUARTER_PX * column, network.halo_px, height, width)
        for row, column in corners
    ]
    for some in batched(named, TILES_AT_ONCE):
        made = network.finish(coarse, [tile.around for tile in some])
        for tile, fine in zip(some, made, strict=True):
            tile.paste(fine, alpha)
    return alpha


def hugging(where: NDArray[np.bool_], side: int) -> list[tuple[int, int]]:
    """
    Return corners, row and column, of squares of this `side` that hold all of `where`, (h, w).

    Strip by strip from the top, each begins with what is next from the left: that takes a quarter
    fewer than a grid.
    """
    corners = []
    rows, top = np.flatnonzero(where.any(1)), 0
    while (rows := rows[rows >= top]).size:
        first = int(rows[0])
        columns, left = np.flatnonzero(where[first : first + side].any(0)), 0
        while (columns := columns[columns >= left]).size:
            corners.append((first, int(columns[0])))
            left = int(columns[0]) + side
        top = first + side
    return corners


def _tile(top: int, left: int, around_px: int, height: int, width: int) -> Tile:
    """Return the tile at a corner, in pixels of a picture of this size, with so much around it."""
    side = TILE_PX + 2 * around_px
    return Tile(
        square(top, left, TILE_PX),
        square(
            min(max(top - around_px, 0), height - side),
            min(max(left - around_px, 0), width - side),
            side,
        ),
    )
