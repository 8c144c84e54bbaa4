"""The finest alpha, made only where it is looked at: it costs as much as all the rest."""

from __future__ import annotations

from itertools import batched
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from sghm_vs.models.backends.base import Network
from sghm_vs.models.backends.cuda_graphs import EagerRunner, StepRunner
from sghm_vs.models.sghm.network import SGHM, CoarseOutput, Square

TILE_PX = 64
"""Side of what one square is made for; small ones hug an edge, large ones share their surroundings."""
TILES_AT_ONCE = 16
TILES_AT_ONCE_ON_DEVICE = 32
"""Always as many, so that one graph serves all pictures."""
DENSE_PART = 0.75
"""Of the picture; what squares have more than this is made as one."""


def tiles(where: Tensor) -> Tensor:
    """Return in which tiles of `TILE_PX` `where`, (1, 1, height, width), is above 0 anywhere."""
    return max_pool2d(where.float(), TILE_PX, TILE_PX, ceil_mode=True)[0, 0]


def finest(
    network: Network,
    coarse_output: CoarseOutput,
    looked_at: Tensor,
    runner: StepRunner | None = None,
) -> Tensor:
    """
    Return the finest alpha, (1, 1, height, width), 0-1, and 0 far from where it is looked at.

    Which parts are made depends on the picture alone.

    Args:
        network: What began.
        coarse_output: The picture's.
        looked_at: The tiles in which it is looked at; see `tiles`.
        runner: Where steps run; None is as they are.
    """
    runner = runner or EagerRunner()
    height, width = coarse_output.coarse.os4.shape[-2:]
    side = TILE_PX + 2 * network.halo_px
    corners = (torch.nonzero(looked_at.cpu()) * TILE_PX).tolist()
    if min(height, width) < side or len(corners) * side**2 > DENSE_PART * height * width:
        return runner.run(_whole, network, coarse_output)  # type: ignore[no-any-return]
    squares = [
        # Kept within the picture: there, as in it, zeros lie beyond its edge.
        Square(
            _within(top - network.halo_px, height - side),
            _within(left - network.halo_px, width - side),
            side,
        )
        for top, left in corners
    ]
    if coarse_output.coarse.os4.device.type == "cpu":
        return _by_slices(network, coarse_output, corners, squares)
    # Programs of OpenVINO run on the CPU.
    return by_places(cast("SGHM", network), coarse_output, corners, squares, runner)


def _by_slices(
    network: Network, coarse_output: CoarseOutput, corners: list[list[int]], squares: list[Square]
) -> Tensor:
    alpha = torch.zeros_like(coarse_output.coarse.os4)
    pairs = zip(corners, squares, strict=True)
    for some in batched(pairs, TILES_AT_ONCE):
        made = network.finish(coarse_output, [square for _, square in some])
        for ((top, left), square), fine in zip(some, made, strict=True):
            y, x = top - square.top, left - square.left
            part = alpha[0, :, top : top + TILE_PX, left : left + TILE_PX]
            part.copy_(fine[:, y : y + part.shape[1], x : x + part.shape[2]])
    return alpha


def by_places(
    network: SGHM,
    coarse_output: CoarseOutput,
    corners: list[list[int]],
    squares: list[Square],
    runner: StepRunner,
) -> Tensor:
    """
    Return the finest alpha in `squares` as `finest` does, by steps of one shape for all pictures.

    Args:
        network: What began.
        coarse_output: The picture's; its sides are multiples of `TILE_PX`.
        corners: Top and left of each tile.
        squares: What each is cut from.
        runner: Where steps run.
    """
    whole = coarse_output.coarse.os4
    rows, columns = (length // TILE_PX for length in whole.shape[-2:])
    # One more, for those that fill the last batch.
    grid = whole.new_zeros(rows * columns + 1, TILE_PX, TILE_PX)
    places = [
        (square.top, square.left, top - square.top, left - square.left)
        for (top, left), square in zip(corners, squares, strict=True)
    ]
    cells = [top // TILE_PX * columns + left // TILE_PX for top, left in corners]
    for some in batched(zip(places, cells, strict=True), TILES_AT_ONCE_ON_DEVICE):
        filled = [*some, *[(some[-1][0], rows * columns)] * (TILES_AT_ONCE_ON_DEVICE - len(some))]
        at = torch.tensor([place for place, _ in filled])
        made = runner.run(_inner, network, coarse_output, at, squares[0].side)
        into = torch.tensor([cell for _, cell in filled], device=whole.device)
        grid.index_copy_(0, into, made)
    tiled = grid[:-1].view(rows, columns, TILE_PX, TILE_PX).transpose(1, 2)
    return tiled.reshape(whole.shape)


def _whole(network: Network, coarse_output: CoarseOutput) -> Tensor:
    return network.finish_all(coarse_output)


def _inner(network: SGHM, coarse_output: CoarseOutput, at: Tensor, side: int) -> Tensor:
    """Return tiles, (n, px, px), of squares: `at` has top, left, and where in it the tile begins."""
    tops, lefts, down, across = at.unbind(1)
    fine = network.finish_at(coarse_output, tops, lefts, side)[:, 0]
    along = torch.arange(TILE_PX, device=at.device)
    which = torch.arange(len(at), device=at.device)[:, None, None]
    return fine[which, down[:, None, None] + along[:, None], across[:, None, None] + along]


def _within(at: int, last: int) -> int:
    return min(max(at, 0), last)
