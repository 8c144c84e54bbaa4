"""Frame ranges and the names of sequences."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sghm_vs.errors import SettingsError
from sghm_vs.media.sequences import SequencePath
from sghm_vs.options import FrameRange


@pytest.mark.parametrize(
    ("text", "first", "last"), [("12-40", 12, 40), ("7", 7, 7), ("-3--1", -3, -1), ("-2-2", -2, 2)]
)
def test_a_range_is_read_as_people_write_it(text, first, last):
    assert FrameRange.parse(text) == FrameRange(first, last)


@pytest.mark.parametrize("text", ["", "a-b", "5-2", "1-2-3", "1:2"])
def test_what_is_not_a_range_is_refused_with_an_example(text):
    with pytest.raises(SettingsError, match=r"FIRST-LAST"):
        FrameRange.parse(text)


@given(st.integers(-9999, 99999), st.integers(0, 500))
def test_a_range_reads_back_as_it_is_written(first, more):
    frames = FrameRange(first, first + more)

    assert FrameRange.parse(str(frames)) == frames
    assert len(frames) == more + 1


@pytest.mark.parametrize("name", ["plate.####.exr", "plate.%04d.exr"])
def test_both_ways_to_write_a_pattern_mean_the_same_files(name):
    sequence = SequencePath.parse(Path("shot") / name)

    assert sequence is not None
    assert sequence.frame(7) == Path("shot/plate.0007.exr")
    assert sequence.frame(12345) == Path("shot/plate.12345.exr")
    assert sequence.frame(-7) == Path("shot/plate.-0007.exr")


@pytest.mark.parametrize("name", ["plate.0001.exr", "plate 100%.mov", "a.mov"])
def test_a_name_without_a_pattern_is_one_file(name):
    assert SequencePath.parse(Path(name)) is None


def test_the_frames_that_exist_are_found_in_order(tmp_path):
    sequence = SequencePath.parse(tmp_path / "p[1] (a).###.png")
    assert sequence is not None
    for number in (12, 3, 1001, -4):
        sequence.frame(number).touch()
    (tmp_path / "p[1] (a).12.png").touch()

    assert sequence.numbers() == [-4, 3, 12, 1001]
