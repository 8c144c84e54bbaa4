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


@pytest.mark.parametrize(
    ("start", "rate", "count", "later", "expected"),
    [
        ("01:00:00:20", Fraction(60000, 1001), 30, 1, "01:00:00:20"),
        ("01:00:00:20", Fraction(60000, 1001), 30, 20, "01:00:01:00"),
        ("00:00:59;29", Fraction(60000, 1001), 30, 2, "00:01:00;02"),
        ("01:00:00:24", Fraction(50), 25, 2, "01:00:01:00"),
        ("01:00:00:29", Fraction(120000, 1001), 30, 4, "01:00:01:00"),
        ("23:59:59:29", Fraction(60), 30, 2, "00:00:00:00"),
        ("01:00:00:118", Fraction(120000, 1001), None, 1, "01:00:00:119"),
        ("00:00:59;119", Fraction(120000, 1001), None, 1, "00:01:00;008"),
        ("01:00:00:29", Fraction(24), 30, 1, "01:00:01:00"),
    ],
)
def test_the_count_need_not_be_the_rate(start, rate, count, later, expected):
    assert str(Timecode.parse(start, rate, count) + later) == expected


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60, 100, 120])
def test_the_code_of_files_comes_back(fps):
    """Above 30 frames a second it counts pairs, with a bit for the second of each."""
    for n in range(3 * fps):
        timecode = Timecode(3600 * fps + n, fps)
        hours, minutes, seconds, frames, field = timecode.smpte_numbers()
        bits = sum(
            (number // 10 << 4 | number % 10) << at
            for number, at in ((frames, 0), (seconds, 8), (minutes, 16), (hours, 24))
        )

        found = Timecode.from_smpte(bits | field << 15, Fraction(fps))
        # Above 60 two frames have the same code.
        assert found == timecode + -(n % 2 if fps > 60 else 0)


def test_the_code_says_the_second_of_two_frames_that_share_a_number():
    first = Timecode.parse("01:00:00:20", Fraction(60000, 1001), 30)

    assert [(first + n).coded() for n in range(3)] == [
        "01:00:00:20", "01:00:00:20.2", "01:00:00:21",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rate", "words"),
    [
        ("1:2:3", Fraction(24), "write HH:MM:SS:FF"),
        ("01:00:00:24", Fraction(24), "24 frames a second; write one up to 23:59:59:23"),
        ("00:01:00;00", NTSC, "this minute begins with 00:01:00;02"),
        ("01:00:00;00", Fraction(24), "drop-frame, which is for 30000/1001"),
        ("24:00:00:00", Fraction(24), "no frame has"),
    ],
)
def test_what_no_frame_is_called_is_refused(text, rate, words):
    with pytest.raises(SettingsError, match=words):
        Timecode.parse(text, rate)
