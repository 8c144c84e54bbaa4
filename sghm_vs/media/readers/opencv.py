"""Photos: PNG, JPEG, WebP, AVIF and kin, by OpenCV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color.frame_props import IDENTITY
from sghm_vs.errors import SourceError
from sghm_vs.media.readers import heif
from sghm_vs.media.readers.oiio import alpha_of
from sghm_vs.media.readers.picture import Picture, ReadOptions

ALPHA_SUFFIXES = frozenset({".png", ".webp", ".bmp"})
"""Of photos whose alpha OpenImageIO reads; where OpenCV does, it doesn't turn by EXIF."""


def read_with_opencv(path: Path, wanted: ReadOptions) -> Picture:
    """
    Return the photo at `path`, upright as its EXIF data says, color not blended with its alpha.

    Palettes and CMYK become RGB; of a file with several pictures it is the first.

    Raises:
        SourceError: The file is missing, damaged, or of a kind that isn't read.
    """
    try:
        # By way of its bytes, as `imread` fails on some names.
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}"
        raise SourceError(msg) from None
    heif.refuse_hevc_photo(path, data)
    # These flags drop alpha without blending and turn by EXIF; IMREAD_UNCHANGED does neither.
    pixels = _decoded(path, data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    alpha = _alpha(path, data) if wanted.with_alpha else None
    # VapourSynth takes gray of unknown range for limited, which pictures never are.
    props: dict[str, int | str | list[int]] = {"_Range": int(vs.RANGE_FULL)}
    coding = heif.avif_coding(path) if heif.is_avif(data) else None
    if coding is not None:
        props |= {"_Primaries": coding.primaries, "_Transfer": coding.transfer}
        pixels = _in_16_bits(pixels, coding.bits)
        alpha = None if alpha is None else _in_16_bits(alpha, coding.bits)
    if pixels.ndim == 2:
        return Picture((pixels,), props, alpha=alpha)
    blue, green, red = cv2.split(pixels)
    return Picture((red, green, blue), props | {"_Matrix": IDENTITY}, alpha=alpha)


def _decoded(path: Path, data: bytes, flags: int) -> NDArray[Any]:
    is_cut = _is_cut_jpeg(data) or _is_cut_png(data)
    with _silenced():
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data and not is_cut else None
    if pixels is None:
        msg = (
            f"{path} is damaged or not a kind of picture that is read ({len(data)} "
            "bytes); copy it again, or save it as PNG"
        )
        raise SourceError(msg)
    return pixels


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep OpenCV from printing what it thinks of a file: our own error says it."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _alpha(path: Path, data: bytes) -> NDArray[Any] | None:
    if path.suffix.lower() in ALPHA_SUFFIXES:
        return alpha_of(path)
    pixels = _decoded(path, data, cv2.IMREAD_UNCHANGED)
    return pixels[..., 3] if pixels.ndim == 3 and pixels.shape[2] == 4 else None


def _in_16_bits(codes: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return `codes` of 9 to 15 bits, full range, as those of 16; others as they are."""
    if codes.dtype != np.uint16 or bits == 16:
        return codes
    return np.rint(codes * (65535 / ((1 << bits) - 1))).astype(np.uint16)


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
