"""Damaged files and odd words: refused by name, never a crash. `tests.fuzz` runs for longer."""

import string
from pathlib import Path

import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

from sghm_vs import SghmError
from sghm_vs.color.convert import read_color, to_display_rgb
from sghm_vs.color.frame_props import DERIVED_MATRICES
from sghm_vs.files import part_of
from sghm_vs.media.readers import open_source
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.targets import read_targets
from sghm_vs.options import FrameRange
from tests import fuzz
from tests.clips import core, plane

FILES = 40
WORDS = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=60)
PATTERNS = st.sampled_from(["#", "####", "%d", "%4d", "%04d", "%010d", "%", "%s", "%%04d"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_a_damaged_file_opens_or_is_refused_and_never_crashes(kind):
    counts = fuzz.fuzz(kind, range(FILES))

    assert counts.keys() <= {"opened", "refused"}
    assert counts["refused"] > 0
    assert counts.total() == FILES


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text("0123456789- ", max_size=30)))
def test_any_text_is_a_frame_range_that_reads_back_or_is_refused(text):
    try:
        found = FrameRange.parse(text)
    except SghmError:
        return
    assert FrameRange.parse(str(found)) == found
    assert len(found) >= 1


@settings(max_examples=300, deadline=None)
@given(WORDS, PATTERNS, WORDS, st.integers(-(10**12), 10**12))
def test_any_name_with_a_pattern_gives_each_frame_a_file_of_its_own(before, pattern, after, number):
    sequence = SequencePath.parse(Path("folder") / f"{before}{pattern}{after}.exr")
    if sequence is None:
        return

    files = {sequence.frame(n) for n in (number, number + 1, -number - 5)}

    assert len(files) == len({number, number + 1, -number - 5})
    assert {file.parent for file in files} == {sequence.folder}


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4), st.integers(0, 3), st.booleans())
def test_any_output_path_is_a_target_or_is_refused(words, start, overwrite):
    paths = [Path("nowhere", *word.split("|")) for word in words]
    numbers = range(start, start + 3)
    try:
        targets = read_targets(
            paths, numbers, (".mov", ".exr", ".png", ".mkv"), patterns=True, overwrite=overwrite
        )
    except SghmError:
        return
    files = {target.file(n) for target in targets for n in numbers}
    assert len(files) >= len(targets)
    assert all(part_of(file).parent == file.parent for file in files)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=300), st.text(string.printable, max_size=300)))
def test_any_source_path_is_refused_where_nothing_is(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp() / "empty"
    folder.mkdir(exist_ok=True)

    with pytest.raises(SghmError):
        open_source(folder / "x" / text.lstrip("/.").replace("/", "_"))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([vs.RGB, vs.YUV, vs.GRAY]),
    st.sampled_from([*((vs.INTEGER, bits) for bits in (8, 9, 12, 16, 17, 32)), (vs.FLOAT, 16)]),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.dictionaries(
        st.sampled_from(
            ["_Matrix", "_Transfer", "_Primaries", "_Range", "_ChromaLocation", "_FieldBased"]
        ),
        st.one_of(st.integers(-3, 30), st.text(max_size=3), st.floats(allow_nan=False)),
    ),
)
def test_any_format_with_any_props_is_converted_or_refused(
    family, sample, subsampling, blocks, props
):
    sub = subsampling if family == vs.YUV else (0, 0)
    clip = core.std.BlankClip(
        format=core.query_video_format(family, *sample, *sub).id,
        width=blocks[0] << sub[0], height=blocks[1] << sub[1], length=1,
    )  # fmt: skip
    tagged = clip.std.SetFrameProps(**props) if props else clip

    try:
        footage = read_color(tagged)
    except SghmError:
        return
    if footage.colorimetry.matrix in DERIVED_MATRICES:
        return  # Not every transfer and primaries go with these: the resizer says which.
    with to_display_rgb(footage).get_frame(0) as frame:
        assert plane(frame).shape == (clip.height, clip.width)
