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
class Picture:
    """One picture, without its alpha."""

    planes: tuple[NDArray[Any], ...]
    """R, G, B, or gray alone; each (h, w), 8 or 16 bits or float32."""
    props: Props = field(default_factory=dict)
    """Frame props: what the file, or its kind, says of its pixels."""
    warning: str | None = None
    """What its user should know, where it is read but may not be meant so."""

    @property
    def format(self) -> vs.PresetVideoFormat | None:
        """The format of a clip of such pictures; None if VapourSynth has none."""
        return FORMATS.get((self.planes[0].dtype.name, len(self.planes)))

    def black(self) -> Picture:
        """Return a black picture of the same size, format and props."""
        return Picture(tuple(np.zeros_like(plane) for plane in self.planes), self.props)

    def __str__(self) -> str:
        height, width = self.planes[0].shape
        return f"{width}x{height} {self.format.name if self.format else 'unknown format'}"
