"""Photos: PNG, JPEG, TIFF and kin, by OpenCV."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs

from sghm_vs.color import IDENTITY
from sghm_vs.errors import SourceError
from sghm_vs.source.picture import Picture


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
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if pixels is None or _is_cut_jpeg(data):
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


_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
