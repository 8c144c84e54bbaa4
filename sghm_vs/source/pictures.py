"""Reads one picture: PNG, JPEG, TIFF and kin by OpenCV, EXR by OpenEXR."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.errors import SourceError
from sghm_vs.intake import BT709, IDENTITY, LINEAR

FORMATS: Mapping[tuple[str, int], vs.PresetVideoFormat] = {
    ("uint8", 1): vs.GRAY8,
    ("uint8", 3): vs.RGB24,
    ("uint16", 1): vs.GRAY16,
    ("uint16", 3): vs.RGB48,
    ("float32", 1): vs.GRAYS,
    ("float32", 3): vs.RGBS,
}
"""The clip's format by a plane's type and the number of planes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, without its alpha."""

    planes: tuple[NDArray[Any], ...]
    """R, G, B, or gray alone; each (h, w), 8 or 16 bits or float32."""
    props: dict[str, int] = field(default_factory=dict)
    """Frame props: what the file, or its kind, says of its pixels."""
    rate: Fraction | None = None
    """Frames per second, where the file says so."""

    @property
    def format(self) -> vs.PresetVideoFormat | None:
        """The format of a clip of such pictures; None if VapourSynth has none."""
        return FORMATS.get((self.planes[0].dtype.name, len(self.planes)))

    def __str__(self) -> str:
        height, width = self.planes[0].shape
        return f"{width}x{height} {self.format.name if self.format else 'unknown format'}"


def read_picture(path: Path) -> Picture:
    """
    Return the picture at `path`, turned upright as its EXIF data says.

    Raises:
        SourceError: The file is missing, damaged, or of a kind that isn't read.
    """
    picture = _read_exr(path) if path.suffix.lower() == ".exr" else _read_coded(path)
    if picture.format is None:
        msg = (
            f"{path} has {picture.planes[0].dtype} pixels; "
            "8-bit, 16-bit and 32-bit float pictures are read"
        )
        raise SourceError(msg)
    return picture


def _read_coded(path: Path) -> Picture:
    """Read a picture by OpenCV; by way of its bytes, as `imread` fails on some names."""
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}"
        raise SourceError(msg) from None
    # These flags drop alpha without blending and turn by EXIF; IMREAD_UNCHANGED does neither.
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    is_cut = _is_cut_jpeg(data) or _is_cut_png(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data and not is_cut else None
    if pixels is None:
        msg = f"{path} is damaged or not a picture ({len(data)} bytes); copy or render it again"
        raise SourceError(msg)
    # VapourSynth takes gray of unknown range for limited, which pictures never are.
    props = {"_Range": int(vs.RANGE_FULL)}
    if pixels.ndim == 2:
        return Picture((pixels,), props)
    blue, green, red = cv2.split(pixels)
    return Picture((red, green, blue), props | {"_Matrix": IDENTITY})


def _is_cut_jpeg(data: bytes) -> bool:
    """
    Tell whether `data` is a JPEG that ends early: OpenCV fills the rest with gray.

    Source:
        ITU-T T.81 B.1: segments up to the end-of-image marker; within a scan, 0xFF is
        followed by 0 or by a restart marker.
    """
    if not data.startswith(b"\xff\xd8"):
        return False
    at = 2
    while (marker := _MARKER.search(data, at)) is not None:
        if marker[1] == b"\xd9":
            return False
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return True


def _is_cut_png(data: bytes) -> bool:
    """
    Tell whether `data` is a PNG that holds less than it says: OpenCV would make room for it first.

    Source:
        W3C PNG 5.3 (chunks: length, type, data, CRC) and 11.2.2 (IHDR); zlib, "Technical
        Details": DEFLATE makes data at most 1032 times smaller.
    """
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return False
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    if width * height > 8 * 1032 * len(data):  # At the least, a pixel is a bit.
        return True
    at = 8
    while at < len(data):
        kind = data[at + 4 : at + 8]
        at += int.from_bytes(data[at : at + 4], "big") + 12
        if kind == b"IEND":
            return at > len(data)
    return True


_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)


def _read_exr(path: Path) -> Picture:
    # The package takes 40 ms to load, and only EXR needs it.
    import OpenEXR

    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            # Closing the file empties what it returned.
            header = dict(file.header())
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except (RuntimeError, ValueError, OSError):
        # OpenEXR's own words are about part numbers, or say just "unable to open".
        msg = f"{path} is damaged or not an EXR file; copy or render it again"
        raise SourceError(msg) from None
    names = _color_channels(path, channels)
    planes = tuple(_framed(channels[name], header) for name in names)
    return Picture(planes, _exr_props(header, len(planes)), _exr_rate(header))


def _color_channels(path: Path, channels: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
    """Return the names of the channels to show: R, G, B, else Y, else the only one."""
    if {"R", "G", "B"} <= channels.keys():
        return ("R", "G", "B")
    if "Y" in channels and not {"RY", "BY"} & channels.keys():
        return ("Y",)
    if len(channels) == 1:
        return tuple(channels)
    msg = f"{path} has channels {', '.join(sorted(channels))}; R, G, B, or Y, or one are needed"
    raise SourceError(msg)


def _framed(pixels: NDArray[Any], header: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return `pixels` of the data window on the display window, black around them."""
    (data_x, data_y), _ = header["dataWindow"]
    (left, top), (right, bottom) = header["displayWindow"]
    height, width = int(bottom - top + 1), int(right - left + 1)
    x, y = int(data_x - left), int(data_y - top)
    if (x, y) == (0, 0) and pixels.shape == (height, width):
        return pixels.astype(np.float32)
    plane = np.zeros((height, width), np.float32)
    target = plane[max(y, 0) : max(y + pixels.shape[0], 0), max(x, 0) : max(x + pixels.shape[1], 0)]
    top, left = max(-y, 0), max(-x, 0)
    target[...] = pixels[top : top + target.shape[0], left : left + target.shape[1]]
    return plane


def _exr_props(header: Mapping[str, Any], planes: int) -> dict[str, int]:
    props = {"_Range": int(vs.RANGE_FULL), "_Transfer": LINEAR, "_Primaries": BT709}
    if planes == 3:
        props["_Matrix"] = IDENTITY
    aspect = Fraction(header.get("pixelAspectRatio", 1.0)).limit_denominator(1000)
    if aspect > 0:
        props |= {"_SARNum": aspect.numerator, "_SARDen": aspect.denominator}
    return props


def _exr_rate(header: Mapping[str, Any]) -> Fraction | None:
    rate = header.get("framesPerSecond")
    return rate if isinstance(rate, Fraction) and rate > 0 else None
