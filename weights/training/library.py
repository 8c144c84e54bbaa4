"""Read a pack of pictures, and take parts of them, on any device."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

KEPT_ON_CPU = 400
"""Decoded pictures that stay in memory; a device keeps them all."""


class Picture(NamedTuple):
    """A picture of a pack."""

    color: Tensor
    """uint8 (3, h, w), red first."""
    alpha: Tensor | None
    """uint8 (1, h, w)."""
    front: Tensor | None = None
    """Color and alpha of what stands before it, uint8 (4, h, w)."""

    @property
    def planes(self) -> Tensor:
        """All that there is, uint8 (3, 4 or 8, h, w): color, alpha, and the front's color and alpha."""
        return torch.cat([part for part in self if part is not None])


class Library:
    """The pictures of a pack by kind; see `pack`."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self.device = device
        self._archive = zipfile.ZipFile(path)
        names = self._archive.namelist()
        self._has_alpha = {name[:-4] for name in names if name.endswith(".png")}
        self._kept: dict[str, Picture] = {}
        self.names: dict[str, list[str]] = {}
        for name in names:
            if name.endswith(".jpg"):
                self.names.setdefault(name.partition("/")[0], []).append(name[:-4])

    def has(self, kind: str, start: str = "") -> bool:
        """Say whether there are pictures of `kind` whose names begin with `start`."""
        return bool(self._named(kind, start))

    def pick(self, rng: np.random.Generator, kind: str, start: str = "") -> Picture:
        """Return a picture of `kind` by chance; `start` narrows to names that begin with it."""
        names = self._named(kind, start)
        return self.read(names[int(rng.integers(len(names)))])

    def _named(self, kind: str, start: str) -> list[str]:
        key = f"{kind}/{start}"
        if key not in self.names:
            self.names[key] = [name for name in self.names.get(kind, ()) if name.startswith(key)]
        return self.names[key]

    def read(self, name: str) -> Picture:
        """Return the picture `name`, KIND/NAME."""
        if name not in self._kept:
            if self.device == "cpu" and len(self._kept) >= KEPT_ON_CPU:
                del self._kept[next(iter(self._kept))]
            front = name.replace("cutout/", "front/")
            has_front = front != name and front in self._has_alpha
            self._kept[name] = Picture(
                self._color(name),
                self._alpha(name) if name in self._has_alpha else None,
                torch.cat([self._color(front), self._alpha(front)]) if has_front else None,
            )
        return self._kept[name]

    def _color(self, name: str) -> Tensor:
        return self._decoded(f"{name}.jpg", cv2.IMREAD_COLOR_RGB)

    def _alpha(self, name: str) -> Tensor:
        return self._decoded(f"{name}.png", cv2.IMREAD_GRAYSCALE)

    def _decoded(self, name: str, flags: int) -> Tensor:
        coded = np.frombuffer(self._archive.read(name), np.uint8)
        values = np.atleast_3d(cv2.imdecode(coded, flags))
        return torch.from_numpy(values).permute(2, 0, 1).contiguous().to(self.device)


def soft_place(rng: np.random.Generator, alpha: Tensor) -> tuple[float, float]:
    """Return (y, x) of a pixel of `alpha`, uint8 (1, h, w), by chance where it is soft."""
    at = torch.nonzero((alpha[0, ::2, ::2] > 12) & (alpha[0, ::2, ::2] < 243))
    if len(at) < 20:
        at = torch.nonzero(alpha[0, ::2, ::2] > 127)
    if not len(at):
        return alpha.shape[1] / 2, alpha.shape[2] / 2
    y, x = at[int(rng.integers(len(at)))].tolist()
    return 2.0 * y, 2.0 * x


def part(
    planes: Tensor,
    center: tuple[float, float],
    scale: float,
    size: tuple[int, int],
    *,
    turn: float = 0.0,
    flip: bool = False,
    beyond: str = "zeros",
    at: tuple[float, float] = (0.5, 0.5),
) -> Tensor:
    """
    Return a part of `planes`, uint8 (c, h, w), as float (c, *size), 0-1.

    Args:
        planes: A picture, an alpha, or both.
        center: (y, x) in it, which comes to `at`.
        scale: Pixels of the result in one of the picture.
        size: (height, width) of the result.
        turn: Counterclockwise, in radians.
        flip: Left becomes right.
        beyond: What lies beyond the picture, as `grid_sample` has it.
        at: (down, across) in the result, 0-1.
    """
    blocks = max(int(1 / scale + 0.3), 1)
    floats = planes[None].float() / 255
    if blocks > 1:
        floats = avg_pool2d(floats, blocks)
        center = (center[0] + 0.5) / blocks - 0.5, (center[1] + 0.5) / blocks - 0.5
        scale *= blocks
    height, width = floats.shape[-2:]
    cosine, sine = math.cos(turn) / scale, math.sin(turn) / scale
    mirror = -1.0 if flip else 1.0
    # From the result's coordinates, -1 to 1, by way of pixels, to those of the picture.
    rows = []
    for along, (over_x, over_y) in (
        ((width, center[1]), (cosine * mirror, -sine)),
        ((height, center[0]), (sine * mirror, cosine)),
    ):
        x, y = over_x * size[1] / 2, over_y * size[0] / 2
        moved = x * (1 - 2 * at[1]) + y * (1 - 2 * at[0])
        length, middle = along
        rows.append([2 * x / length, 2 * y / length, 2 * (middle + 0.5 + moved) / length - 1])
    theta = torch.tensor([rows], device=floats.device)
    grid = affine_grid(theta, [1, 1, *size], align_corners=False)
    return grid_sample(floats, grid, "bilinear", beyond, align_corners=False)[0].clamp(0, 1)
