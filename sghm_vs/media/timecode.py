"""Timecode: the name of a frame by hour, minute, second and frame (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from sghm_vs.errors import SettingsError

DROP_RATES = tuple(Fraction(1000 * n, 1001) for n in (30, 60, 120, 240))
"""Rates whose timecode may drop numbers, to keep up with the clock."""
HOURS = 24
CODED_FPS = 30
"""More than the code of EXR and DPX counts: it counts pairs of frames, or fours (ST 12-1, 12.1)."""
THREE_DIGITS_ABOVE = 100


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
    """Frames to a second of timecode: 30 for 30000/1001."""
    is_drop: bool = False
    repeat: int = 1
    """Frames that share a number: 2 where 60 frames a second are counted to 30."""

    @property
    def count(self) -> int:
        """Numbers to a second."""
        return self.fps // self.repeat

    @classmethod
    def parse(cls, text: str, rate: Fraction, count: int | None = None) -> Timecode:
        """
        Return the timecode that `text` ("01:00:00:00"; with ";" before the frames it drops) says.

        Args:
            text: The timecode.
            rate: Frames per second of the footage.
            count: To how many a second is counted; None is as many as it has frames.

        Raises:
            SettingsError: It is not a timecode, or none at `rate`.
        """
        match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d\d?)", text.strip())
        if match is None:
            msg = f"{text!r} is not a timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame"
            raise SettingsError(msg)
        hours, minutes, seconds, frames = (int(match[at]) for at in (1, 2, 3, 5))
        is_drop = match[4] != ":"
        _check_drop(text, rate, is_drop)
        counted = _counted(rate, count)
        return cls.of(hours, minutes, seconds, frames, **counted, is_drop=is_drop)

    @classmethod
    def of(
        cls,
        hours: int,
        minutes: int,
        seconds: int,
        frames: int,
        *,
        count: int,
        repeat: int = 1,
        is_drop: bool = False,
    ) -> Timecode:
        """
        Return the timecode of these numbers: of the first of the frames that have them.

        Raises:
            SettingsError: No frame has them.
        """
        dropped = _dropped(count) if is_drop else 0
        is_left_out = frames < dropped and seconds == 0 and minutes % 10 != 0
        if hours >= HOURS or minutes > 59 or seconds > 59 or frames >= count or is_left_out:
            mark = ";" if is_drop else ":"
            said = f"{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:02}"
            cure = f"write one up to 23:59:59{mark}{count - 1:02}"
            if is_left_out:
                cure = f"this minute begins with {hours:02}:{minutes:02}:00;{dropped:02}"
            msg = f"no frame has the timecode {said} at {count} frames a second; {cure}"
            raise SettingsError(msg)
        whole_minutes = 60 * hours + minutes
        left_out = dropped * (whole_minutes - whole_minutes // 10)
        number = (60 * whole_minutes + seconds) * count + frames - left_out
        return cls(number * repeat, count * repeat, is_drop, repeat)

    def __add__(self, frames: int) -> Timecode:
        """Return the timecode of the frame that many later."""
        dropped = _dropped(self.count) * 9 * 6 * HOURS if self.is_drop else 0
        day = (HOURS * 3600 * self.count - dropped) * self.repeat
        return replace(self, frame=(self.frame + frames) % day)

    @property
    def number(self) -> int:
        """Numbers since 00:00:00:00, without those that are dropped."""
        return self.frame // self.repeat

    def numbers(self) -> tuple[int, int, int, int]:
        """Return hours, minutes, seconds and frames."""
        number, count = self.number, self.count
        if self.is_drop:
            dropped = _dropped(count)
            ten_minutes = 600 * count - 9 * dropped
            tens, rest = divmod(number, ten_minutes)
            minutes = max(rest - dropped, 0) // (60 * count - dropped)
            number += dropped * (9 * tens + minutes)
        seconds, frames = divmod(number, count)
        return seconds // 3600, seconds // 60 % 60, seconds % 60, frames

    def __str__(self) -> str:
        hours, minutes, seconds, frames = self.numbers()
        digits = 3 if self.count > THREE_DIGITS_ABOVE else 2
        mark = ";" if self.is_drop else ":"
        return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:0{digits}}"

    @classmethod
    def from_smpte(cls, bits: int, rate: Fraction, count: int | None = None) -> Timecode:
        """
        Return the timecode in the 32 time and flag bits that EXR and DPX files carry.

        Args:
            bits: The code.
            rate: Frames per second of the footage.
            count: To how many a second is counted; None is as many as it has frames.

        Raises:
            SettingsError: They are no timecode at `rate`.

        Source:
            SMPTE ST 12-1; OpenEXR, ImfTimeCode.h: decimal digits of frames from bit 0 up, the
            drop flag in bit 6, seconds from 8, the field in 15, minutes from 16, hours from 24.
        """
        frames, seconds, minutes, hours = _digits(bits)
        is_drop = is_drop_code(bits)
        _check_drop("its timecode", rate, is_drop)
        counted = _counted(rate, count)
        group = _coded_together(counted["count"])
        first = cls.of(hours, minutes, seconds, frames * group, **counted, is_drop=is_drop)
        # The field's bit is the second half of the frames that have the same digits.
        return first + (bits >> 15 & 1) * (group * first.repeat // 2)

    def smpte_numbers(self) -> tuple[int, int, int, int, bool]:
        """Return hours, minutes, seconds, frames and field as ST 12-1 counts them."""
        hours, minutes, seconds, frames = self.numbers()
        group = _coded_together(self.count)
        within = frames % group * self.repeat + self.frame % self.repeat
        is_second_half = group * self.repeat > 1 and within >= group * self.repeat // 2
        return hours, minutes, seconds, frames // group, is_second_half

    def coded(self) -> str:
        """Return the digits of `smpte_numbers`, and ".2" for the second field."""
        hours, minutes, seconds, frames, field = self.smpte_numbers()
        return _coded(hours, minutes, seconds, frames, self.is_drop, field)


def coded_in(bits: int) -> str:
    """Return what `bits` of an EXR or DPX file say, as `Timecode.coded` does."""
    frames, seconds, minutes, hours = _digits(bits)
    return _coded(hours, minutes, seconds, frames, is_drop_code(bits), bool(bits >> 15 & 1))


def is_drop_code(bits: int) -> bool:
    """Tell whether `bits` of an EXR or DPX file are of drop-frame timecode."""
    return bool(bits >> 6 & 1)


def _coded(hours: int, minutes: int, seconds: int, frames: int, is_drop: bool, field: bool) -> str:
    mark, half = ";" if is_drop else ":", ".2" if field else ""
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:02}{half}"


def _digits(bits: int) -> tuple[int, int, int, int]:
    """Return frames, seconds, minutes and hours as the code has them."""
    frames, seconds, minutes, hours = (
        _decimal(bits >> at & mask) for at, mask in ((0, 63), (8, 127), (16, 127), (24, 63))
    )
    return frames, seconds, minutes, hours


def _counted(rate: Fraction, count: int | None) -> dict[str, int]:
    """Return the numbers to a second, and the frames that have each."""
    frames = round(rate)
    count = count or frames
    return {"count": count, "repeat": frames // count if frames % count == 0 else 1}


def _coded_together(count: int) -> int:
    """Return how many numbers of `count` to a second have the same digits in the code."""
    return next(group for group in (1, 2, 4, 8, 16, 32) if count <= group * CODED_FPS)


def _dropped(fps: int) -> int:
    """Return how many numbers a minute drops."""
    return fps // 15


def _decimal(digits: int) -> int:
    return 10 * (digits >> 4) + (digits & 15)


def _check_drop(text: str, rate: Fraction, is_drop: bool) -> None:
    if is_drop and rate not in DROP_RATES:
        msg = (
            f"{text} is drop-frame, which is for 30000/1001 frames a second, and 2, 4 and 8 times "
            f"as many, and the footage has {rate}; write HH:MM:SS:FF"
        )
        raise SettingsError(msg)
