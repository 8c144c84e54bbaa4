"""The finest alpha, made only where it is looked at: it costs as much as all the rest."""

from __future__ import annotations

from itertools import batched

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from sghm_vs.network import Network
from sghm_vs.network.model import Begun, Square

TILE_PX = 64
"""Side of what one square is made for; small ones hug an edge, large ones share their surroundings."""
TILES_AT_ONCE = 16
DENSE_PART = 0.75
"""Of the picture; what squares have more than this is made as one."""


def finest(network: Network, begun: Begun, where: Tensor) -> Tensor:
    """
    Return the finest alpha, (1, 1, height, width), 0-1, and 0 far from where it is looked at.

    Which parts are made depends on the picture alone.

    Args:
        network: What began.
        begun: The picture's.
        where: It is looked at, bool (1, 1, height, width).
    """
    height, width = where.shape[-2:]
    halo = network.halo_px
    side = TILE_PX + 2 * halo
    looked_at = max_pool2d(where.float(), TILE_PX, TILE_PX, ceil_mode=True)[0, 0]
    tiles = (torch.nonzero(looked_at) * TILE_PX).tolist()
    if min(height, width) < side or len(tiles) * side**2 > DENSE_PART * height * width:
        return network.finish_all(begun)
    alpha = torch.zeros_like(begun.coarse.os4)
    for some in batched(tiles, TILES_AT_ONCE):
        # Kept within the picture: there, as in it, zeros lie beyond its edge.
        squares = [
            Square(_within(top - halo, height - side), _within(left - halo, width - side), side)
            for top, left in some
        ]
        for (top, left), square, fine in zip(
            some, squares, network.finish(begun, squares), strict=True
        ):
            y, x = top - square.top, left - square.left
            part = alpha[0, :, top : top + TILE_PX, left : left + TILE_PX]
            part.copy_(fine[:, y : y + part.shape[1], x : x + part.shape[2]])
    return alpha


def _within(at: int, last: int) -> int:
    return min(max(at, 0), last)
