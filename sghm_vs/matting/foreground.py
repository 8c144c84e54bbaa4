"""
The color of what stands in front, where it is mixed with what is behind.

In a picture I = a F + (1 - a) B only I and a are known. Of the F and B that fit, the smoothest along
the alpha are sought, coarse to fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log2

import cv2
import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float32]
type Indices = NDArray[np.intp]

REGULARIZATION = 1e-5
"""How much neighbors of the same alpha are held alike; the published value."""
SMALL_PX = 32
SWEEPS_SMALL = 10
"""On levels of up to `SMALL_PX`; published."""
SWEEPS = 4
"""On larger levels. Published are two; here each costs the soft band alone."""
WHOLE_MAX = 65536
"""Pixels of the largest level that is solved everywhere, not around the soft band alone."""
SURE_SUBJECT, SURE_BACKGROUND = 0.9, 0.1
"""Alphas whose mean color is where the search begins; published."""
FINITE_MAX = 65504.0
"""As in half floats: infinity times a zero alpha would be no number."""


def estimate(picture: Array, alpha: Array) -> Array:
    """
    Return the color of the subject without what is behind it, (height, width, 3).

    It is the picture's own where alpha is 1, and smoothly goes on where alpha is 0.

    Args:
        picture: Linear light, (height, width, 3), of any range; NaN counts as 0.
        alpha: (height, width), 0-1.

    Source:
        Germer et al., "Fast Multi-Level Foreground Estimation", 2020. Other than there, pixels are
        visited like a checkerboard's fields, colors go to the next level bilinearly, and fine levels
        are solved around the soft band alone.
    """
    picture = np.nan_to_num(picture, nan=0.0, posinf=FINITE_MAX, neginf=-FINITE_MAX)
    height, width = alpha.shape
    bounds = min(float(picture.min()), 0.0), max(float(picture.max()), 1.0)
    means = [_mean_of(picture, alpha > SURE_SUBJECT), _mean_of(picture, alpha < SURE_BACKGROUND)]
    both = np.concatenate(means).reshape(1, 1, 6)
    for size in _sizes(width, height):
        level = Level(
            _scaled(picture, size, cv2.INTER_NEAREST), _scaled(alpha, size, cv2.INTER_NEAREST)
        )
        both = level.solved(_scaled(both, size, cv2.INTER_LINEAR), bounds)
    return np.where(alpha[..., None] == 1, picture, both[..., :3])


@dataclass(frozen=True, slots=True)
class Level:
    """A picture, (height, width, 3), and its alpha, (height, width), at one of the sizes."""

    picture: Array
    alpha: Array

    def solved(self, both: Array, bounds: tuple[float, float]) -> Array:
        """Return better colors than `both`, subject's and background's, (height, width, 6)."""
        np.copyto(both[..., :3], self.picture, where=self.alpha[..., None] == 1)
        np.copyto(both[..., 3:], self.picture, where=self.alpha[..., None] == 0)
        flat = both.reshape(-1, 6)
        fields = [Field.of(self, *pixels) for pixels in self._checkerboard()]
        for _ in range(SWEEPS_SMALL if max(self.alpha.shape) <= SMALL_PX else SWEEPS):
            for field in fields:
                flat[field.own] = np.clip(field.solved(flat), *bounds)
        return both

    def _checkerboard(self) -> Iterator[tuple[Indices, Indices]]:
        """Yield rows and columns of the pixels to solve: of the white fields, then of the black."""
        y, x = np.nonzero(self._is_unknown())
        is_white = (x + y) % 2 == 0
        yield y[is_white], x[is_white]
        yield y[~is_white], x[~is_white]

    def _is_unknown(self) -> NDArray[np.bool_]:
        if self.alpha.size <= WHOLE_MAX:
            return np.ones(self.alpha.shape, np.bool_)
        is_soft = ((self.alpha > 0) & (self.alpha < 1)).astype(np.uint8)
        return np.asarray(cv2.dilate(is_soft, np.ones((3, 3), np.uint8))) > 0


@dataclass(frozen=True, slots=True)
class Field:
    """Pixels of which none is another's neighbor, so that all are solved at once."""

    own: Indices
    """Which, counted through the picture row by row."""
    neighbors: Indices
    """Those of each pixel, (4, pixels); at the border, the pixel itself."""
    weights: Array
    """Of the neighbors, (4, pixels, 1); they sum to 1."""
    alpha: Array
    """(pixels, 1)."""
    pull: Array
    """How strongly the picture pulls against the neighbors, (pixels, 1)."""
    picture: Array
    """(pixels, 3)."""

    @classmethod
    def of(cls, level: Level, y: Indices, x: Indices) -> Field:
        """Return the field of `level` that has the pixels at rows `y`, columns `x`."""
        height, width = level.alpha.shape
        alphas = level.alpha.reshape(-1)
        own = y * width + x
        left, right = np.maximum(x - 1, 0), np.minimum(x + 1, width - 1)
        above, below = np.maximum(y - 1, 0), np.minimum(y + 1, height - 1)
        neighbors = np.stack(
            [y * width + left, y * width + right, above * width + x, below * width + x]
        )
        alpha: Array = alphas[own]
        holds: Array = np.abs(alpha - alphas[neighbors]) + np.float32(REGULARIZATION)
        held: Array = holds.sum(axis=0)
        pull = np.reciprocal(alpha**2 + (1 - alpha) ** 2 + held)
        return cls(
            own,
            neighbors,
            (holds / held)[..., None],
            alpha[:, None],
            pull[:, None],
            level.picture.reshape(-1, 3)[own],
        )

    def solved(self, both: Array) -> Array:
        """
        Return subject's and background's color of the field's pixels, (pixels, 6), from all `both`.

        The two equations of the paper, solved: their neighbors' mean, and what the picture differs
        from that mean's mix, shared by alpha. No difference of large terms is left.
        """
        mean = np.zeros((self.own.size, 6), np.float32)
        for weight, at in zip(self.weights, self.neighbors, strict=True):
            mean += weight * both[at]
        mixed = self.alpha * mean[:, :3] + (1 - self.alpha) * mean[:, 3:]
        missing = (self.picture - mixed) * self.pull
        mean[:, :3] += self.alpha * missing
        mean[:, 3:] += (1 - self.alpha) * missing
        return mean


def _sizes(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield width and height of each level, from one pixel to the whole picture."""
    levels = max(ceil(log2(max(width, height))), 1)
    for level in range(levels + 1):
        part = level / levels
        yield round(width**part), round(height**part)


def _scaled(values: Array, size: tuple[int, int], how: int) -> Array:
    return np.asarray(cv2.resize(values, size, interpolation=how), np.float32)


def _mean_of(picture: Array, where: NDArray[np.bool_]) -> Array:
    """Return the mean color of the pixels `where`, (3,); black if there are none."""
    return np.array(cv2.mean(picture, where.astype(np.uint8))[:3], np.float32)
