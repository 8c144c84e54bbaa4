"""The finest alpha, made only where it is looked at: it costs as much as all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from sghm_vs.models.backends.base import Network
from sghm_vs.models.backends.cuda_graphs import EagerRunner, StepRunner
from sghm_vs.models.sghm.network import SGHM, CoarseOutput
from sghm_vs.models.sghm.squares import TILE_PX, Tile, tiles_in

TILES_AT_ONCE = 16
TILES_AT_ONCE_ON_DEVICE = 32
"""Always as many, so that one graph serves all pictures."""


def tiles(where: Tensor, tile_px: int = TILE_PX) -> Tensor:
    """Return in which tiles of `tile_px` `where`, (1, 1, height, width), is above 0 anywhere."""
    return max_pool2d(where.float(), tile_px, tile_px, ceil_mode=True)[0, 0]


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
    alpha = coarse_output.coarse.os4
    corners = torch.nonzero(looked_at.cpu()).tolist()
    named = tiles_in(corners, TILE_PX, network.halo_px, *alpha.shape[-2:])
    if named is None:
        return runner.run(_whole, network, coarse_output)  # type: ignore[no-any-return]
    if alpha.device.type == "cpu":
        return _by_slices(network, coarse_output, named)
    # Programs of OpenVINO run on the CPU.
    return by_places(cast("SGHM", network), coarse_output, named, runner)


def _by_slices(network: Network, coarse_output: CoarseOutput, named: Sequence[Tile]) -> Tensor:
    alpha = torch.zeros_like(coarse_output.coarse.os4)
    for some in batched(named, TILES_AT_ONCE):
        made = network.finish(coarse_output, [tile.around for tile in some])
        for tile, fine in zip(some, made, strict=True):
            tile.paste(fine, alpha)
    return alpha


def by_places(
    network: SGHM,
    coarse_output: CoarseOutput,
    named: Sequence[Tile],
    runner: StepRunner,
) -> Tensor:
    """
    Return the finest alpha in `named` tiles as `finest` does, by steps of one shape for all.

    Args:
        network: What began.
        coarse_output: The picture's; its sides are multiples of `TILE_PX`.
        named: The tiles.
        runner: Where steps run.
    """
    whole = coarse_output.coarse.os4
    rows, columns = (length // TILE_PX for length in whole.shape[-2:])
    # One more, for those that fill the last batch.
    grid = whole.new_zeros(rows * columns + 1, TILE_PX, TILE_PX)
    places = [
        (around.top, around.left, inner.top - around.top, inner.left - around.left)
        for inner, around in named
    ]
    cells = [inner.top // TILE_PX * columns + inner.left // TILE_PX for inner, _ in named]
    for some in batched(zip(places, cells, strict=True), TILES_AT_ONCE_ON_DEVICE):
        filled = [*some, *[(some[-1][0], rows * columns)] * (TILES_AT_ONCE_ON_DEVICE - len(some))]
        at = torch.tensor([place for place, _ in filled])
        made = runner.run(_inner, network, coarse_output, at, named[0].around.width)
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
