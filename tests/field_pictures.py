"""H.264 in which each field is a picture of its own, which no encoder at hand writes."""

from __future__ import annotations

from pathlib import Path

MACROBLOCKS = 4
"""Across, and down each field: frames are 64x128."""
IDR, OTHER, SPS, PPS = 0x65, 0x21, 0x67, 0x68


class Bits:
    """Bits of a NAL unit, the first of each byte first."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, value: int, count: int) -> Bits:
        self._text += f"{value:0{count}b}"
        return self

    def golomb(self, *values: int) -> Bits:
        """Add numbers by Exp-Golomb codes."""
        for value in values:
            self.add(value + 1, 2 * (value + 1).bit_length() - 1)
        return self

    def aligned(self, content: bytes) -> Bits:
        """Add bytes at the next whole byte."""
        self._text += "0" * (-len(self._text) % 8) + "".join(f"{byte:08b}" for byte in content)
        return self

    def unit(self, kind: int) -> bytes:
        """Return the NAL unit, with its start code."""
        text = self._text + "1"
        text += "0" * (-len(text) % 8)
        content = bytearray()
        for byte in int(text, 2).to_bytes(len(text) // 8, "big"):
            if content[-2:] == b"\0\0" and byte < 4:
                content.append(3)
            content.append(byte)
        return b"\0\0\0\1" + bytes([kind]) + bytes(content)


def write_fields(path: Path, frames: int) -> Path:
    """
    Write a stream of fields at 50 a second; field n, the top one of a frame first, has luma 40 + n.

    Source:
        ITU-T H.264, 7.3.2.1 (SPS), 7.3.2.2 (PPS), 7.3.3 (slice header), 7.3.5 (I_PCM), E.1 (VUI).
    """
    units = [_sequence(), _picture()]
    units += [_field(n // 2, is_bottom=bool(n % 2), luma=40 + n) for n in range(2 * frames)]
    path.write_bytes(b"".join(units))
    return path


def _sequence() -> bytes:
    bits = Bits().add(77, 8).add(0, 8).add(30, 8).golomb(0, 0, 0, 4, 1).add(0, 1)
    bits.golomb(MACROBLOCKS - 1, MACROBLOCKS - 1).add(0, 1).add(0, 1).add(1, 1).add(0, 1)
    # Of VUI the rate, 25, and that no frame is shown in another order.
    bits.add(1, 1).add(0, 4).add(1, 1).add(1, 32).add(50, 32).add(1, 1)
    bits.add(0, 3).add(1, 1).add(1, 1).golomb(0, 0, 10, 10, 0, 1)
    return bits.unit(SPS)


def _picture() -> bytes:
    bits = Bits().golomb(0, 0).add(0, 2).golomb(0, 0, 0).add(0, 3).golomb(0, 0, 0).add(0b100, 3)
    return bits.unit(PPS)


def _field(number: int, *, is_bottom: bool, luma: int) -> bytes:
    is_first = number == 0 and not is_bottom
    bits = Bits().golomb(0, 7, 0).add(number % 16, 4).add(1, 1).add(is_bottom, 1)
    if is_first:
        bits.golomb(0)
    bits.add((2 * number + is_bottom) % 256, 8).add(0, 2 if is_first else 1)
    bits.golomb(0, 1)
    for _ in range(MACROBLOCKS**2):
        bits.golomb(25).aligned(bytes([luma]) * 256 + bytes([128]) * 128)
    return bits.unit(IDR if is_first else OTHER)
