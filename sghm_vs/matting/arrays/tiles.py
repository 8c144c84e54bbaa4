"""The finest alpha, made only where it is looked at: it costs as much as all the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sghm_vs.models.backends.graphs import CoarsePlanes, GraphNetwork
from sghm_vs.models.planes import Plane
from sghm_vs.models.sghm.squares import TILE_PX, tiles_in


def tiles(where: Plane | NDArray[np.bool_], tile_px: int = TILE_PX) -> NDArray[np.bool_]:
    """Return in which tiles of `tile_px` `where`, (height, width), is above 0 anywhere."""
    above: NDArray[np.bool_] = where > 0
    height, width = above.shape
    rows, columns = -(-height // tile_px), -(-width // tile_px)
    if (rows * tile_px, columns * tile_px) != above.shape:
        above = np.pad(above, ((0, rows * tile_px - height), (0, columns * tile_px - width)))
    # Along the rows first, which lie one behind the other.
    down = above.reshape(rows, tile_px, columns * tile_px).any(1)
    return np.asarray(down.reshape(rows, columns, tile_px).any(2), np.bool_)


def finest(network: GraphNetwork, coarse: CoarsePlanes, looked_at: NDArray[np.bool_]) -> Plane:
    """
    Return the finest alpha, (height, width), 0-1, and 0 far from where it is looked at.

    Which parts are made depends on the picture alone.

    Args:
        network: What began.
        coarse: The picture's.
        looked_at: The tiles in which it is looked at; see `tiles`.
    """
    height, width = coarse.os4.shape
    named = tiles_in(np.argwhere(looked_at).tolist(), TILE_PX, network.halo_px, height, width)
    if named is None:
        return network.finish_all(coarse)
    alpha = np.zeros_like(coarse.os4)
    if named:
        made = network.finish(coarse, [tile.square for tile in named])
        for tile, fine in zip(named, made, strict=True):
            tile.paste(fine, alpha)
    return alpha
