"""
A frame's planes, as they lie in memory, become the picture that the network sees, on any device.

    bytes -> samples -> 0-1 by range -> chroma at the size of luma -> RGB by matrix

It does as VapourSynth's resizer does on the CPU, and is a pure function of tensors without a constant of
its own in memory, so that it can be captured in a graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import Literal, NamedTuple

import torch
from torch import Tensor

LUMA_OF_MATRIX = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""How much of luma is red and blue, by the number of the matrix (ITU-T H.273, table 4)."""
TAPS = 4
CHROMA_MIN_PX = 2
"""Shortest side of chroma that is enlarged here: what lies beyond an edge is its mirror image."""

type Family = Literal["rgb", "yuv", "gray"]


class PlaneLayout(NamedTuple):
    """What a frame's bytes are: its planes one behind the other, rows without gaps."""

    family: Family
    height: int
    width: int
    bits: int
    """Of a sample; those above 8 take two bytes, floats two or four."""
    is_float: bool
    is_full: bool = True
    """Whether integers use their whole range."""
    matrix: int = 0
    """H.273, one of `LUMA_OF_MATRIX`; of YUV alone."""
    shrunk: tuple[int, int] = (0, 0)
    """How much smaller chroma is, down and across, as powers of two."""
    location: int = 0
    """Of chroma: H.273, 0 to 5."""

    @property
    def sample_bytes(self) -> int:
        """Bytes that a sample takes."""
        return -(-self.bits // 8)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each plane."""
        luma = self.height, self.width
        if self.family == "gray":
            return [luma]
        down, across = self.shrunk
        return [luma, *[(self.height >> down, self.width >> across)] * 2]

    @property
    def total_bytes(self) -> int:
        """Bytes that all planes take."""
        return self.sample_bytes * sum(height * width for height, width in self.sizes)


def planes_to_rgb(packed: Tensor, layout: PlaneLayout, dtype: torch.dtype) -> Tensor:
    """
    Return the picture in `packed`, (1, 3, height, width), RGB, 0-1.

    Gray floats are no picture but a mask: of them there is one plane.

    Args:
        packed: uint8 (bytes,); NaN among floats counts as 0.
        layout: What the bytes are.
        dtype: The picture's type; what leads to it is calculated in float32.
    """
    planes = [*_planes(packed, layout)]
    if layout.family == "yuv":
        planes = _rgb(planes, layout)
    picture = torch.stack([plane.to(dtype) for plane in planes])[None]
    if layout.is_float:
        picture.nan_to_num_(nan=0.0)
    picture.clamp_(0, 1)
    is_gray_picture = layout.family == "gray" and not layout.is_float
    return picture.expand(-1, 3, -1, -1) if is_gray_picture else picture


def _planes(packed: Tensor, layout: PlaneLayout) -> Iterator[Tensor]:
    """Yield each plane, float32 (height, width), 0-1 or, of chroma, -0.5-0.5."""
    start = 0
    for number, (height, width) in enumerate(layout.sizes):
        end = start + height * width * layout.sample_bytes
        samples = _samples(packed[start:end], layout).view(height, width)
        start = end
        if layout.is_float:
            yield samples
            continue
        is_chroma = layout.family == "yuv" and number > 0
        offset, span = _code_range(layout, is_chroma=is_chroma)
        yield (samples - offset) / span


def _samples(plane: Tensor, layout: PlaneLayout) -> Tensor:
    """Return the samples of a plane's bytes, float32."""
    if layout.is_float:
        return plane.view(torch.float16 if layout.bits == 16 else torch.float32).float()
    if layout.sample_bytes == 1:
        return plane.float()
    # Unsigned integers of two bytes have few operators on CUDA.
    return (plane.view(torch.int16).int() & 0xFFFF).float()


def _code_range(layout: PlaneLayout, *, is_chroma: bool) -> tuple[int, int]:
    """Return the code of 0 and how many codes 1 is above it."""
    step = 1 << (layout.bits - 8)
    if is_chroma:
        return 128 * step, (1 << layout.bits) - 1 if layout.is_full else 224 * step
    return (0, (1 << layout.bits) - 1) if layout.is_full else (16 * step, 219 * step)


def _rgb(planes: list[Tensor], layout: PlaneLayout) -> list[Tensor]:
    """Return red, green and blue of luma and its two chroma planes, the latter enlarged."""
    luma, *chroma = planes
    down, across = _shifts(layout.location)
    blue_over, red_over = (
        _enlarged(_enlarged(plane, 0, layout.shrunk[0], down), 1, layout.shrunk[1], across)
        for plane in chroma
    )
    of_red, of_blue = LUMA_OF_MATRIX[layout.matrix]
    of_green = 1 - of_red - of_blue
    red = luma.add(red_over, alpha=2 * (1 - of_red))
    blue = luma.add(blue_over, alpha=2 * (1 - of_blue))
    green = luma.add(red_over, alpha=-2 * (1 - of_red) * of_red / of_green)
    green = green.add(blue_over, alpha=-2 * (1 - of_blue) * of_blue / of_green)
    return [red, green, blue]


def _shifts(location: int) -> tuple[float, float]:
    """Return where chroma lies among the luma it stands for, down and across: 0 first, 1 last."""
    return (0.5, 0.0, 1.0)[location // 2], (0.0, 0.5)[location % 2]


def _enlarged(plane: Tensor, axis: int, power: int, place: float) -> Tensor:
    """
    Return `plane` 2 ** `power` times as long along `axis`, by Keys' cubic of a = -0.5.

    Args:
        plane: (height, width).
        axis: 0 is down, 1 across.
        power: 0 to 2.
        place: See `_shifts`.

    Source:
        Keys, "Cubic convolution interpolation", 1981; the resizer's default. Beyond its edges the plane
        goes on as its mirror image.
    """
    if power == 0:
        return plane
    factor = 1 << power
    length = plane.shape[axis]
    before, after = (plane.narrow(axis, at, TAPS // 2).flip(axis) for at in (0, length - TAPS // 2))
    padded = torch.cat([before, plane, after], axis)
    phases = []
    for phase in range(factor):
        position = (phase - place * (factor - 1)) / factor
        first = floor(position) - 1
        weights = [_keys(position - first - tap) for tap in range(TAPS)]
        mixed = torch.zeros_like(plane)
        for tap, weight in enumerate(weights):
            if weight:
                part = padded.narrow(axis, TAPS // 2 + first + tap, length)
                mixed = mixed.add(part, alpha=weight)
        phases.append(mixed)
    return torch.stack(phases, axis + 1).flatten(axis, axis + 1)


def _keys(distance: float) -> float:
    """Return the weight of a sample at `distance`, in samples."""
    x = abs(distance)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def to_codes(alpha: Tensor, bits: int, is_float: bool) -> Tensor:
    """
    Return `alpha`, 0-1, as full-range codes of `bits`, rounded to the nearest, or as floats.

    Codes above 8 bits come as int16, whose bits are those of the unsigned ones.
    """
    if is_float:
        return alpha.to(torch.float16 if bits == 16 else torch.float32)
    codes = (alpha * ((1 << bits) - 1)).round_()
    if bits == 8:
        return codes.to(torch.uint8)
    return codes.int().to(torch.int16)
