"""What a picture is, once it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

FORMATS: Mapping[tuple[str, int], vs.PresetVideoFormat] = {
    ("uint8", 1): vs.GRAY8,
    ("uint8", 3): vs.RGB24,
    ("uint16", 1): vs.GRAY16,
    ("uint16", 3): vs.RGB48,
    ("float32", 1): vs.GRAYS,
    ("float32", 3): vs.RGBS,
}
"""The clip's format by a plane's type and the number of planes."""

type Props = Mapping[str, int | str | list[int]]
"""Frame props."""


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A part of the picture plane, its last column and row included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def edges(self) -> list[int]:
        """The four numbers, first column and row first."""
        return [self.left, self.top, self.right, self.bottom]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top + 1, self.right - self.left + 1

    def meets(self, other: PixelBox) -> bool:
        """Tell whether a pixel is in both."""
        across = self.left <= other.right and other.left <= self.right
        return across and self.top <= other.bottom and other.top <= self.bottom

    def __or__(self, other: PixelBox) -> PixelBox:
        """Return the smallest box that holds both."""
        return PixelBox(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def __str__(self) -> str:
        return f"{self.left},{self.top} to {self.right},{self.bottom}"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is to be read of a picture."""

    layer: str | None = None
    """Which layer or part of an EXR file; None is the one to show."""
    window: PixelBox | None = None
    """What to show of an EXR file, whose own windows are then told; None is the display window."""
    with_alpha: bool = False
    """Whether its alpha is read, too."""
    channel: str | None = None
    """Of a matte: which channel, or layer, of an EXR file; None is its only alpha."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture."""

    planes: tuple[NDArray[Any], ...]
    """R, G, B, or gray alone; each (h, w), 8 or 16 bits or float32."""
    props: Props = field(default_factory=dict)
    """Frame props: what the file, or its kind, says of its pixels."""
    warning: str | None = None
    """What its user should know, where it is read but may not be meant so."""
    alpha: NDArray[Any] | None = None
    """As it is stored, full range, (h, w), of the planes' type; None if there is none, or nobody
    asked."""

    @property
    def format(self) -> vs.PresetVideoFormat | None:
        """The format of a clip of such pictures; None if VapourSynth has none."""
        return FORMATS.get((self.planes[0].dtype.name, len(self.planes)))

    def black(self) -> Picture:
        """Return a black picture of the same size, format and props."""
        alpha = None if self.alpha is None else np.zeros_like(self.alpha)
        return Picture(
            tuple(np.zeros_like(plane) for plane in self.planes), self.props, alpha=alpha
        )

    def __str__(self) -> str:
        height, width = self.planes[0].shape
        kind = self.format.name if self.format else "unknown format"
        return f"{width}x{height} {kind}{'' if self.alpha is None else ' with alpha'}"
