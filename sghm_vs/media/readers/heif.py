"""What a file of the HEIF family is: a photo of HEVC or AV1, in tiles or whole, or a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.stream import VideoStream

from sghm_vs.errors import SourceError

HEVC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
AV1_BRANDS = frozenset({b"avif", b"avis"})
SEQUENCE_BRAND = b"avis"
SUFFIXES = frozenset({".heic", ".heif", ".hif"})
HEAD_BYTES = 256
"""Enough for any list of brands."""


class Coding(NamedTuple):
    """How the pixels of an AVIF photo are coded."""

    bits: int
    primaries: int
    """As `transfer`, a number of ITU-T H.273."""
    transfer: int


def refuse_hevc_photo(path: Path, head: bytes) -> None:
    """
    Refuse a photo whose codec is HEVC, whatever its name: FFmpeg shows one of its tiles.

    Args:
        path: Its name, for the error.
        head: Its first bytes, `HEAD_BYTES` or more.

    Raises:
        SourceError: It is one.
    """
    is_coded_so = _brands(head) & HEVC_BRANDS and not _brands(head) & AV1_BRANDS
    if path.suffix.lower() in SUFFIXES or is_coded_so:
        msg = f"{path} is a HEIF photo, which isn't read; save it as JPEG or PNG"
        raise SourceError(msg)


def is_avif(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is an AVIF, animated or not."""
    return bool(_brands(head) & AV1_BRANDS)


def is_avif_sequence(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is an animated AVIF."""
    return SEQUENCE_BRAND in _brands(head)


def sequence_track(path: Path) -> int:
    """Return which of an animated AVIF's tracks moves: its first shows one picture of it alone."""
    with av.open(str(path)) as file:
        return moving_track(file).index


def moving_track(file: InputContainer) -> VideoStream:
    """Return the track of an animated AVIF that moves and has its color."""
    return max(file.streams.video, key=lambda stream: stream.frames)


def alpha_track(path: Path, color: int) -> int | None:
    """
    Return which of an animated AVIF's tracks is the alpha of its track `color`; None is of none.

    Source:
        AV1 Image File Format, 4: the alpha of a track is an auxiliary track of its size, of one plane.
    """
    with av.open(str(path)) as file:
        streams = file.streams.video
        moving = next((one for one in streams if one.index == color), streams[0])
        for one in streams:
            kind: VideoFormat | None = one.format
            is_alike = (one.frames, one.width, one.height) == (
                moving.frames, moving.width, moving.height
            )  # fmt: skip
            if one.index > color and is_alike and kind is not None and len(kind.components) == 1:
                return one.index
    return None


def avif_coding(path: Path) -> Coding | None:
    """Return how the AVIF photo at `path` is coded; None if it can't be told."""
    try:
        with av.open(str(path)) as file:
            coder = file.streams.video[0].codec_context
            assert coder.format is not None  # noqa: S101 - of AV1 its header says it
            bits = coder.format.components[0].bits
            return Coding(bits, int(coder.color_primaries), int(coder.color_trc))
    except (av.error.FFmpegError, UnicodeEncodeError, IndexError):
        return None


def _brands(head: bytes) -> set[bytes]:
    """
    Return the brands of a file that begins with `head`.

    Source:
        ISO/IEC 14496-12, 4.3 (file type box); ISO/IEC 23008-12, annex B; AV1 Image File Format, 6.
    """
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), HEAD_BYTES)
    return {head[at : at + 4] for at in (8, *range(16, end, 4))}
