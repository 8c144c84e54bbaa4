"""Timecode counts as tape machines do: SMPTE ST 12-1."""

from fractions import Fraction

import pytest

from sghm_vs.errors import SettingsError
from sghm_vs.media.timecode import Timecode

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("start", "rate", "later", "expected"),
    [
        ("01:00:00:00", Fraction(24), 25, "01:00:01:01"),
        ("00:59:59:23", Fraction(24000, 1001), 1, "01:00:00:00"),
        ("23:59:59:24", Fraction(25), 1, "00:00:00:00"),
        ("00:00:59;29", NTSC, 1, "00:01:00;02"),
        ("00:09:59;29", NTSC, 1, "00:10:00;00"),
        ("00:00:59;59", Fraction(60000, 1001), 1, "00:01:00;04"),
        ("23:59:59;29", NTSC, 1, "00:00:00;00"),
        ("01:00:00:00", NTSC, 1800, "01:01:00:00"),
        ("01:00:00:05", Fraction(24), -6, "00:59:59:23"),
    ],
)
def test_frames_later_are_counted_with_the_numbers_that_are_dropped(start, rate, later, expected):
    assert str(Timecode.parse(start, rate) + later) == expected


def test_drop_frame_keeps_up_with_the_clock():
    """An hour at 30000/1001 has 107,892 frames: the code then says one hour."""
    assert str(Timecode.parse("00:00:00;00", NTSC) + 107892) == "01:00:00;00"


def test_every_frame_of_twenty_minutes_of_drop_frame_comes_back_by_its_name():
    start = Timecode.parse("00:00:00;00", NTSC)
    names = [str(start + n) for n in range(36000)]

    assert len(set(names)) == len(names)
    assert all(Timecode.parse(name, NTSC).frame == n for n, name in enumerate(names))


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_the_code_of_files_comes_back(fps):
    """Above 30 frames a second it counts pairs, with a bit for the second of each."""
    for n in range(3 * fps):
        timecode = Timecode(3600 * fps + n, fps)
        hours, minutes, seconds, frames, field = timecode.smpte_numbers()
        bits = sum(
            (number // 10 << 4 | number % 10) << at
            for number, at in ((frames, 0), (seconds, 8), (minutes, 16), (hours, 24))
        )

        assert Timecode.from_smpte(bits | field << 15, Fraction(fps)) == timecode


@pytest.mark.parametrize(
    ("text", "rate", "words"),
    [
        ("1:2:3", Fraction(24), "write HH:MM:SS:FF"),
        ("01:00:00:24", Fraction(24), "no frame has the timecode 01:00:00:24 at 24"),
        ("00:01:00;00", NTSC, "no frame has the timecode 00:01:00;00"),
        ("01:00:00;00", Fraction(24), "drop-frame, which is for 30000/1001"),
        ("24:00:00:00", Fraction(24), "no frame has"),
    ],
)
def test_what_no_frame_is_called_is_refused(text, rate, words):
    with pytest.raises(SettingsError, match=words):
        Timecode.parse(text, rate)
