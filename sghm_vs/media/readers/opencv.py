"""Photos: PNG, JPEG, TIFF and kin, by OpenCV."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import vapoursynth as vs

from sghm_vs.color.frame_props import IDENTITY
from sghm_vs.errors import SourceError
from sghm_vs.media.readers.picture import Picture

PHOTOMETRIC = 262
LAB_KINDS = (8, 9, 10)


def read_photo(path: Path) -> Picture:
    """
    Return the photo at `path`, upright as its EXIF data says, alpha dropped without blending.

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
    # These flags drop alpha without blending and turn by EXIF; IMREAD_UNCHANGED does neither.
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    if _is_lab_tiff(data):
        msg = f"{path} is in CIELAB color, which isn't read; save it as RGB"
        raise SourceError(msg)
    is_cut = _is_cut_jpeg(data) or _is_cut_png(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data and not is_cut else None
    if pixels is None:
        msg = (
            f"{path} is damaged or not a kind of picture that is read ({len(data)} "
            "bytes); copy it again, or save it as PNG"
        )
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


def _is_lab_tiff(data: bytes) -> bool:
    """
    Tell whether `data` is a TIFF in CIELAB, ICCLAB or ITULAB, whose numbers OpenCV takes for RGB.

    Source:
        TIFF 6.0, section 2 (directory: count, then 12 bytes an entry) and tag 262.
    """
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return False
    start = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[start : start + 2], order)
    for at in range(start + 2, min(start + 2 + 12 * count, len(data)), 12):
        if int.from_bytes(data[at : at + 2], order) == PHOTOMETRIC:
            return int.from_bytes(data[at + 8 : at + 10], order) in LAB_KINDS
    return False


_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
