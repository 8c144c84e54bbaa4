"""Pictures that move: which of PNG, WebP, AVIF and JPEG XL hold several."""

from __future__ import annotations

from pathlib import Path

from sghm_vs.errors import SourceError
from sghm_vs.media.readers import heif
from sghm_vs.media.sequences import PICTURE_SUFFIXES

SUFFIXES = frozenset({".avif", ".jxl", ".png", ".webp"})
"""Of pictures that may move; GIF is a movie in any case."""
HEAD_BYTES = 2**16
"""What says that a picture moves stands before its pixels; color profiles may stand before that."""


def is_movie(path: Path) -> bool:
    """Tell whether the file at `path` is read as a movie: by its ending, or since it moves."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        return suffix not in PICTURE_SUFFIXES
    return moves(_head(path))


def _head(path: Path) -> bytes:
    """Return how `path` begins; nothing if it can't be read, of which its reader knows more."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def moves(head: bytes) -> bool:
    """Tell whether a picture that begins with `head` holds several that follow one another."""
    kinds = (_is_apng, _is_moving_webp, heif.is_avif_sequence, _is_moving_jxl)
    return any(is_one(head) for is_one in kinds)


def refuse_moving(path: Path) -> None:
    """
    Refuse a picture that moves where one that doesn't is needed: all but its first would be lost.

    Raises:
        SourceError: It does.
    """
    if path.suffix.lower() in SUFFIXES and moves(_head(path)):
        msg = (
            f"{path} moves, and a frame or a still is one picture; give it alone, as the movie that "
            "it is, or save the picture that is meant as a PNG"
        )
        raise SourceError(msg)


def refuse_moving_jxl(path: Path) -> None:
    """
    Refuse a JPEG XL that moves, which no library here reads.

    Raises:
        SourceError: It is one.
    """
    if _is_moving_jxl(_head(path)):
        msg = (
            f"{path} is a JPEG XL that moves, which isn't read; save it as an animated PNG, for "
            "example with djxl"
        )
        raise SourceError(msg)


def _is_apng(head: bytes) -> bool:
    """
    Tell whether `head` is a PNG's that moves.

    Source:
        W3C PNG (third edition) 11.3.6.1: an acTL chunk before the first IDAT, which begins with the
        number of frames.
    """
    if not head.startswith(b"\x89PNG\r\n\x1a\n"):
        return False
    at = 8
    while at + 12 <= len(head):
        kind = head[at + 4 : at + 8]
        if kind == b"acTL":
            return int.from_bytes(head[at + 8 : at + 12], "big") > 1
        if kind == b"IDAT":
            return False
        at += int.from_bytes(head[at : at + 4], "big") + 12
    return False


def _is_moving_webp(head: bytes) -> bool:
    """
    Tell whether `head` is a WebP's that moves.

    Source:
        RFC 9649, 2.7: the second bit of the flags of a VP8X chunk, which comes first.
    """
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & 2)


def _is_moving_jxl(head: bytes) -> bool:
    """
    Tell whether `head` is a JPEG XL's that moves.

    Source:
        ISO/IEC 18181-1: signature, SizeHeader and the begin of ImageMetadata; 18181-2: boxes.
    """
    start = head.find(b"\xff\x0a", 0, 4096) if head[4:8] == b"JXL " else 0
    if start < 0 or head[start : start + 2] != b"\xff\x0a":
        return False
    bits = _Bits(head[start + 2 : start + 34])
    bits.skip_size()
    if bits.take(1) or not bits.take(1):
        # All is as usual, or nothing beyond it is said.
        return False
    bits.take(3)
    if bits.take(1):
        bits.skip_size()
    # A preview has a size of its own, of another form; nobody writes one.
    return not bits.take(1) and bool(bits.take(1))


class _Bits:
    """Bits of a JPEG XL, the last one of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken

    def skip_size(self) -> None:
        """Skip a SizeHeader."""
        is_small = self.take(1)
        self._skip_length(is_small)
        if not self.take(3):
            self._skip_length(is_small)

    def _skip_length(self, is_small: int) -> None:
        self.take(5 if is_small else (9, 13, 18, 30)[self.take(2)])
