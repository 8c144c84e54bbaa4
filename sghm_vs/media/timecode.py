"""Timecode: the name of a frame by hour, minute, second and frame (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from sghm_vs.errors import SettingsError

DROP_RATES = (Fraction(30000, 1001), Fraction(60000, 1001))
"""Rates whose timecode may drop numbers, to keep up with the clock."""
HOURS = 24
FIELDS_ABOVE_FPS = 30
"""Above, the code counts pairs of frames, and a bit says which of the pair (ST 12-1, 12.1)."""


@dataclass(frozen=True, slots=True)
class Timecode:
    """
    A frame's timecode. It wraps around at 24 hours.

    Drop-frame leaves out the numbers of the first two frames (four at 60) of each minute that
    is no tenth: numbers, not frames.
    """

    frame: int
    """Frames since 00:00:00:00."""
    fps: int
    """Frames that are counted to a second: 30 for 30000/1001."""
    is_drop: bool = False

    @classmethod
    def parse(cls, text: str, rate: Fraction) -> Timecode:
        """
        Return the timecode that `text` ("01:00:00:00"; with ";" before the frames it drops) says.

        Raises:
            SettingsError: It is not a timecode, or none at `rate`.
        """
        match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d)", text.strip())
        if match is None:
            msg = f"{text!r} is not a timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame"
            raise SettingsError(msg)
        hours, minutes, seconds, frames = (int(match[at]) for at in (1, 2, 3, 5))
        is_drop = match[4] != ":"
        _check_drop(text, rate, is_drop)
        return cls.of(hours, minutes, seconds, frames, fps=round(rate), is_drop=is_drop)

    @classmethod
    def of(
        cls, hours: int, minutes: int, seconds: int, frames: int, *, fps: int, is_drop: bool
    ) -> Timecode:
        """
        Return the timecode of these numbers.

        Raises:
            SettingsError: No frame has them.
        """
        dropped = _dropped(fps) if is_drop else 0
        is_left_out = frames < dropped and seconds == 0 and minutes % 10 != 0
        if hours >= HOURS or minutes > 59 or seconds > 59 or frames >= fps or is_left_out:
            said = f"{hours:02}:{minutes:02}:{seconds:02}{';' if is_drop else ':'}{frames:02}"
            msg = f"no frame has the timecode {said} at {fps} frames a second"
            raise SettingsError(msg)
        whole_minutes = 60 * hours + minutes
        left_out = dropped * (whole_minutes - whole_minutes // 10)
        return cls((60 * whole_minutes + seconds) * fps + frames - left_out, fps, is_drop)

    def __add__(self, frames: int) -> Timecode:
        """Return the timecode of the frame that many later."""
        dropped = _dropped(self.fps) * 9 * 6 * HOURS if self.is_drop else 0
        day = HOURS * 3600 * self.fps - dropped
        return Timecode((self.frame + frames) % day, self.fps, self.is_drop)

    def numbers(self) -> tuple[int, int, int, int]:
        """Return hours, minutes, seconds and frames."""
        number = self.frame
        if self.is_drop:
            dropped = _dropped(self.fps)
            ten_minutes = 600 * self.fps - 9 * dropped
            tens, rest = divmod(number, ten_minutes)
            minutes = max(rest - dropped, 0) // (60 * self.fps - dropped)
            number += dropped * (9 * tens + minutes)
        seconds, frames = divmod(number, self.fps)
        return seconds // 3600, seconds // 60 % 60, seconds % 60, frames

    def __str__(self) -> str:
        hours, minutes, seconds, frames = self.numbers()
        return f"{hours:02}:{minutes:02}:{seconds:02}{';' if self.is_drop else ':'}{frames:02}"

    @classmethod
    def from_smpte(cls, bits: int, rate: Fraction) -> Timecode:
        """
        Return the timecode in the 32 time and flag bits that EXR and DPX files carry.

        Raises:
            SettingsError: They are no timecode at `rate`.

        Source:
            SMPTE ST 12-1; OpenEXR, ImfTimeCode.h: decimal digits of frames from bit 0 up, the
            drop flag in bit 6, seconds from 8, the field in 15, minutes from 16, hours from 24.
        """
        frames, seconds, minutes, hours = (
            _decimal(bits >> at & mask) for at, mask in ((0, 63), (8, 127), (16, 127), (24, 63))
        )
        fps = round(rate)
        if fps > FIELDS_ABOVE_FPS:
            frames = 2 * frames + (bits >> 15 & 1)
        is_drop = bool(bits >> 6 & 1)
        _check_drop("its timecode", rate, is_drop)
        return cls.of(hours, minutes, seconds, frames, fps=fps, is_drop=is_drop)

    def smpte_numbers(self) -> tuple[int, int, int, int, bool]:
        """Return hours, minutes, seconds, frames and field as ST 12-1 counts them."""
        hours, minutes, seconds, frames = self.numbers()
        if self.fps <= FIELDS_ABOVE_FPS:
            return hours, minutes, seconds, frames, False
        return hours, minutes, seconds, frames // 2, bool(frames % 2)


def _dropped(fps: int) -> int:
    """Return how many numbers a minute drops."""
    return fps // 15


def _decimal(digits: int) -> int:
    return 10 * (digits >> 4) + (digits & 15)


def _check_drop(text: str, rate: Fraction, is_drop: bool) -> None:
    if is_drop and rate not in DROP_RATES:
        msg = (
            f"{text} is drop-frame, which is for 30000/1001 and 60000/1001 frames a second, and "
            f"the footage has {rate}; write HH:MM:SS:FF"
        )
        raise SettingsError(msg)
