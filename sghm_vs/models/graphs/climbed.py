"""
A convolution of what is enlarged twice beside a picture, made before it is enlarged.

Enlarging and convolving are both linear: each pixel is a sum over 3x3 of the small ones, by one of four
kernels. So one convolution makes four planes of half the size, which become one, and nothing is laid
out at full size. Two pixels along the border, beyond which zeros lie, are made as the layers say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sghm_vs.models.graphs.writer import GraphWriter, Value

TAPS = 0.25, 0.75
"""Of the farther and of the nearer pixel, of a bilinear picture twice as large."""
BORDER_PX = 2
"""Of the large picture."""
CELLS = 2
"""Of the small one, which those are made from."""
OFFSETS = (-1, 0, 1)
"""Of a kernel of three."""
ROWS, COLUMNS = 2, 3

type Kernel = NDArray[np.float32]


def convolved(g: GraphWriter, x: Value, picture: Value, name: str) -> Value:
    """
    Return the one channel that the convolution `name` makes of `x`, enlarged, beside `picture`.

    Args:
        g: Where to.
        x: (1, channels, h, w), sides of 4 and more.
        picture: (1, c, 2 h, 2 w).
        name: Of a convolution of 3x3 with a bias.
    """
    kernel = g.weight(f"{name}.weight")
    cells = g.apply("SpaceToDepth", picture, channels=4 * picture.channels, blocksize=2)
    kernels = np.concatenate(
        [of_enlarged(kernel[0, : x.channels]), of_cells(kernel[0, x.channels :])], 1
    )
    bias = np.repeat(g.weight(f"{name}.bias"), 4)
    phases = g.convolved(g.beside(x, cells), kernels, bias)
    inner = g.apply("DepthToSpace", phases, channels=1, blocksize=2, mode="DCR")
    left, right, top, bottom = (
        _border(g, x, picture, name, axis, is_first=is_first)
        for axis in (COLUMNS, ROWS)
        for is_first in (True, False)
    )
    inner = _without_border(g, _without_border(g, inner, ROWS), COLUMNS)
    sides = (_without_border(g, side, ROWS) for side in (left, right))
    middle = g.apply("Concat", next(sides), inner, next(sides), axis=COLUMNS)
    return g.apply("Concat", top, middle, bottom, axis=ROWS)


def of_enlarged(kernel: Kernel) -> Kernel:
    """
    Return the kernels, (4, c, 3, 3), that make four pixels of what is enlarged by `kernel`, (c, 3, 3).

    The four are those of a cell, row by row.
    """
    taps = np.zeros((2, 3, 3))
    for phase in (0, 1):
        for offset in OFFSETS:
            cell, at = divmod(phase + offset, 2)
            # The nearer pixel is the cell's own, the farther one lies on the side of the half.
            taps[phase, 1 + offset, 1 + cell] += TAPS[1]
            taps[phase, 1 + offset, 1 + cell + (1 if at else -1)] += TAPS[0]
    return _of_both_axes("cde,pdo,qek->pqcok", kernel, taps)


def of_cells(kernel: Kernel) -> Kernel:
    """
    Return the kernels, (4, 4 c, 3, 3), that do what `kernel`, (c, 3, 3), does, of cells of 2x2 px.

    Channels are as ONNX's SpaceToDepth lays them out.
    """
    taps = np.zeros((2, 3, 3, 2))
    for phase in (0, 1):
        for offset in OFFSETS:
            cell, at = divmod(phase + offset, 2)
            taps[phase, 1 + offset, 1 + cell, at] = 1
    return _of_both_axes("cde,pdoy,qekx->pqyxcok", kernel, taps)


def _of_both_axes(how: str, kernel: Kernel, taps: NDArray[np.float64]) -> Kernel:
    made = np.einsum(how, kernel.astype(np.float64), taps, taps)
    return np.asarray(made.reshape(4, -1, 3, 3), np.float32)


def _border(
    g: GraphWriter, x: Value, picture: Value, name: str, axis: int, *, is_first: bool
) -> Value:
    """Return `BORDER_PX` rows or columns, made of what is enlarged there."""
    cells = _end(g, x, CELLS, axis, is_first=is_first)
    seen = _end(g, picture, 2 * CELLS, axis, is_first=is_first)
    made = g.conv(g.beside(g.enlarged(cells, 2), seen), name)
    return _end(g, made, BORDER_PX, axis, is_first=is_first)


def _end(g: GraphWriter, x: Value, count: int, axis: int, *, is_first: bool) -> Value:
    """Return the first rows or columns of `x`, or the last ones."""
    return g.cut(x, 0, count, axis) if is_first else g.cut(x, -count, None, axis)


def _without_border(g: GraphWriter, x: Value, axis: int) -> Value:
    return g.cut(x, BORDER_PX, -BORDER_PX, axis)
