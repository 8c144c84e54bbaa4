"""The finest alpha inside a graph, only where it is looked at; see `sghm_vs.matting.arrays.tiles`."""

from __future__ import annotations

from collections.abc import Callable

from sghm_vs.models.graphs.writer import GraphWriter, Value
from sghm_vs.models.sghm.design import QUARTER_PX
from sghm_vs.models.sghm.squares import TILE_PX


def finest_in_squares(
    g: GraphWriter,
    fine: Callable[[GraphWriter, Value, Value], Value],
    state: Value,
    planes: Value,
    needed: Value,
    halo_px: int,
) -> Value:
    """
    Return the finest alpha, and 0 in tiles of `TILE_PX` where nothing is needed.

    Args:
        g: Where to.
        fine: Writes the finest alpha from state and planes of any number of squares.
        state: (1, channels, h / 4, w / 4).
        planes: (1, channels, h, w), sides multiples of `TILE_PX` and longer than a square.
        needed: Where it is looked at, 1 among 0, of the size of `state`.
        halo_px: How far the finest alpha depends on its surroundings, a multiple of 8.
    """
    grid = _Grid(g, planes, needed, halo_px)
    made = fine(g, grid.cut(state, QUARTER_PX), grid.cut(planes, 1))
    return grid.put_back(made)


class _Grid:
    """
    The tiles that are needed, and the square of each: the tile with its surroundings.

    Squares lie within the picture: there, as in it, zeros lie beyond its edge. Corners are multiples
    of the halo, so what is copied is runs of so many pixels.
    """

    def __init__(self, g: GraphWriter, planes: Value, needed: Value, halo_px: int) -> None:
        self._g, self._planes, self._run_px = g, planes, halo_px
        self._side = TILE_PX + 2 * halo_px
        cell_px = TILE_PX // QUARTER_PX
        # What is needed fades into the pixel beside it.
        cells = g.apply(
            "MaxPool",
            needed,
            kernel_shape=[cell_px + 2] * 2,
            strides=[cell_px] * 2,
            pads=[1] * 4,
        )
        named = g.computed("NonZero", cells.name)
        self._size = g.size_of(planes)
        # The first tile is always made, so that there is one.
        corners = [self._corners(named, axis) for axis in (2, 3)]
        self._tops, self._lefts = corners
        self._square_tops, self._square_lefts = (
            self._square_corner(corner, axis) for axis, corner in enumerate(corners)
        )

    def cut(self, planes: Value, shrunk: int) -> Value:
        """Return the squares of `planes`, which are so many times smaller than the picture."""
        g, side, run = self._g, self._side // shrunk, self._run_px // shrunk
        rows = self._rows(self._divided(self._square_tops, shrunk), side)
        columns = self._rows(self._divided(self._square_lefts, self._run_px), side // run)
        at = self._indices(rows, columns, self._runs_across())
        flat = g.apply("Reshape", planes, g.integers([planes.channels, -1, run]))
        found = g.apply("Gather", flat, at, axis=1)
        by_square = g.apply("Transpose", found, perm=[1, 0, 2, 3, 4])
        return g.apply("Reshape", by_square, g.integers([-1, planes.channels, side, side]))

    def put_back(self, made: Value) -> Value:
        """Return the tiles of the squares `made`, (squares, 1, side, side), in a picture of zeros."""
        g, run = self._g, self._run_px
        across = self._side // run
        square = g.computed("Mul", self._numbers(), g.integers([self._side]))
        inner_top = g.computed("Sub", self._tops, self._square_tops)
        rows = self._rows(g.computed("Add", square, inner_top), TILE_PX)
        inner_left = self._divided(g.computed("Sub", self._lefts, self._square_lefts), run)
        columns = self._rows(inner_left, TILE_PX // run)
        at = self._indices(rows, columns, g.integers([across]))
        runs = g.apply("Reshape", made, g.integers([-1, run]))
        tiles = g.apply("Reshape", g.apply("Gather", runs, at, axis=0), g.integers([-1, run]))

        rows = self._rows(self._tops, TILE_PX)
        columns = self._rows(self._divided(self._lefts, run), TILE_PX // run)
        at = self._indices(rows, columns, self._runs_across())
        where = g.computed("Reshape", at, g.integers([-1, 1]))
        one = g.channels(self._planes, 0, 1)
        shape = g.computed("Shape", g.apply("Reshape", one, g.integers([-1, run])).name)
        nothing = g.apply("Expand", g.constant(0), shape, channels=1)
        whole = g.apply("ScatterND", nothing, where, tiles)
        shape = g.computed("Concat", g.integers([1, 1]), self._size, axis=0)
        return g.apply("Reshape", whole, shape, channels=1)

    def _corners(self, named: str, axis: int) -> str:
        g = self._g
        found = g.computed("Gather", named, g.integers([axis]), axis=0)
        found = g.computed("Reshape", found, g.integers([-1]))
        with_first = g.computed("Concat", g.integers([0]), found, axis=0)
        return g.computed("Mul", with_first, g.integers([TILE_PX]))

    def _square_corner(self, corner: str, axis: int) -> str:
        g = self._g
        length = g.computed("Slice", self._size, g.integers([axis]), g.integers([axis + 1]))
        before = g.computed("Sub", corner, g.integers([self._run_px]))
        last = g.computed("Sub", length, g.integers([self._side]))
        return g.computed("Min", g.computed("Max", before, g.integers([0])), last)

    def _numbers(self) -> str:
        """Return the number of each square, from 0 on."""
        g = self._g
        ones = g.computed("Add", g.computed("Mul", self._tops, g.integers([0])), g.integers([1]))
        counted = g.computed("CumSum", ones, g.integers([0]))
        return g.computed("Sub", counted, g.integers([1]))

    def _rows(self, firsts: str, count: int) -> str:
        """Return `count` numbers from each of `firsts` on, (squares, count)."""
        g = self._g
        apart = g.computed("Unsqueeze", firsts, g.integers([1]))
        return g.computed("Add", apart, g.integers(range(count)))

    def _indices(self, rows: str, columns: str, across: str) -> str:
        """Return where each run of a square's lies, (squares, rows, columns)."""
        g = self._g
        down = g.computed("Unsqueeze", g.computed("Mul", rows, across), g.integers([2]))
        return g.computed("Add", down, g.computed("Unsqueeze", columns, g.integers([1])))

    def _runs_across(self) -> str:
        """Return how many runs there are across the picture, at any of its sizes."""
        g = self._g
        width = g.computed("Slice", self._size, g.integers([1]), g.integers([2]))
        return self._divided(width, self._run_px)

    def _divided(self, numbers: str, by: int) -> str:
        return self._g.computed("Div", numbers, self._g.integers([by]))
