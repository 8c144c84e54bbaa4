"""Rates: what is written, what files say, and what a sequence runs at."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs.cli import build_parser, main, timeline
from sghm_vs.errors import SettingsError
from sghm_vs.media.probe import probe
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.timecode import Timecode
from sghm_vs.options import (
    Delivery,
    EditOptions,
    FrameRange,
    Opening,
    exact_rate,
    from_words,
    parse_rate,
    to_words,
)
from sghm_vs.shots.batch.requests import requests_from
from sghm_vs.shots.farm.planning import make_plan
from sghm_vs.shots.shot import deliver
from tests.clips import core

FILM, TELEVISION = 1724, 1940
"""Where a DPX header has its two fields of the rate."""
UNDEFINED = b"\xff" * 4


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("24000/1001", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("239.76", Fraction(240000, 1001)),
        ("47.952", Fraction(48000, 1001)),
        ("14.985", Fraction(15000, 1001)),
        ("2997/100", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("1", Fraction(1)),
        ("0.5", Fraction(1, 2)),
    ],
)
def test_a_rate_is_read_as_it_is_meant(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-24", "24/0", "nan", "inf", "1e999", "1001"])
def test_what_is_no_rate_is_refused_with_what_to_write(text):
    with pytest.raises(SettingsError, match=r"write 24, 23\.976 or 24000/1001"):
        parse_rate(text)


@pytest.mark.parametrize("rate", [24000 / 1001, 30000 / 1001, 25, 50.0, 60000 / 1001])
def test_a_float_is_as_exact_as_it_was_meant(rate):
    assert abs(exact_rate(rate) - Fraction(rate)) < Fraction(1, 10**9)


def write_dpx(path: Path, film: float | None, television: float | None) -> None:
    spec = oiio.ImageSpec(32, 18, 3, "uint16")
    spec.attribute("oiio:BitsPerSample", 10)
    picture = oiio.ImageBuf(spec)
    assert picture.write(str(path))
    data = bytearray(path.read_bytes())
    order = ">" if data[:4] == b"SDPX" else "<"
    for at, value in ((FILM, film), (TELEVISION, television)):
        data[at : at + 4] = UNDEFINED if value is None else struct.pack(f"{order}f", value)
    path.write_bytes(data)


def bcd(number: int) -> int:
    return number // 10 << 4 | number % 10


def write_exr(
    path: Path,
    digits: tuple[int, int] | None = None,
    rate: tuple[int, int] | None = None,
    *,
    field: int = 0,
    drop: int = 0,
) -> None:
    """Write a frame of the second and frame `digits` of an hour."""
    spec = oiio.ImageSpec(32, 18, 3, "half")
    if rate is not None:
        spec.attribute("FramesPerSecond", "rational", rate)
    if digits is not None:
        second, frame = digits
        code = 1 << 24 | bcd(second) << 8 | bcd(frame) | field << 15 | drop << 6
        spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), (code, 0))
    picture = oiio.ImageBuf(spec)
    assert picture.write(str(path))


def write_counted(folder: Path, count: int, frames: int, start: int = 20, first: int = 1001) -> str:
    """Write EXR files whose timecodes count `count` a second, in pairs above 30."""
    for n in range(frames):
        second, frame = divmod(start + n, count)
        pairs = 2 if count > 30 else 1
        digits = second, frame // pairs
        write_exr(folder / f"p.{first + n}.exr", digits, field=frame % pairs)
    return str(folder / "p.####.exr")


@pytest.mark.parametrize(
    ("film", "television", "rate"),
    [
        (25.0, 25.0, Fraction(25)),
        (25.0, None, Fraction(25)),
        (None, 25.0, Fraction(25)),
        (0.0, 23.976, Fraction(24000, 1001)),
        (30000 / 1001, 30000 / 1001, Fraction(30000, 1001)),
        (None, None, Fraction(24)),
        (float("inf"), 1e30, Fraction(24)),
    ],
)
def test_a_dpx_sequence_runs_as_its_header_says(tmp_path, film, television, rate):
    for n in (1, 2):
        write_dpx(tmp_path / f"p.{n}.dpx", film, television)

    source = open_source(tmp_path)

    assert source.clip.fps == rate
    assert probe(tmp_path / "p.#.dpx").rate == rate
    assert source.is_rate_said == (rate != 24)


@pytest.mark.parametrize(
    ("said_rate", "rate"),
    [((25, 1), Fraction(25)), ((24000, 1001), Fraction(24000, 1001)),
     ((23976, 1000), Fraction(24000, 1001)), ((0, 0), Fraction(24))],
)  # fmt: skip
def test_an_exr_sequence_runs_as_its_header_says(tmp_path, said_rate, rate):
    for n in (1, 2):
        write_exr(tmp_path / f"p.{n}.exr", rate=said_rate)

    assert open_source(tmp_path).clip.fps == rate
    assert open_source(tmp_path, Opening(rate=Fraction(48))).clip.fps == 48


@pytest.mark.parametrize("count", [24, 25, 30, 50, 60])
def test_a_sequence_runs_as_its_timecodes_count(tmp_path, count):
    pattern = write_counted(tmp_path, count, 12 if count < 50 else 50)

    source = open_source(pattern)

    assert (source.clip.fps, source.is_rate_said) == (count, True)
    assert source.origin.timecode == Timecode(3600 * count + 20, count)
    assert probe(Path(pattern)).timecode == source.origin.timecode


def test_drop_frame_codes_of_a_sequence_are_of_30000_1001(tmp_path):
    for n in range(2):
        write_exr(tmp_path / f"p.{n}.exr", (3, 4 + n), drop=1)

    assert open_source(tmp_path).clip.fps == Fraction(30000, 1001)


def test_codes_that_fit_several_counts_or_stand_still_say_no_rate(tmp_path):
    for folder, step in (("within", 1), ("still", 0)):
        (tmp_path / folder).mkdir()
        for n in range(5):
            write_exr(tmp_path / folder / f"p.{n}.exr", (3, 4 + n * step))

        source = open_source(tmp_path / folder)

        assert (source.clip.fps, source.is_rate_said) == (24, False)


def alpha_of(source: Source) -> vs.VideoNode:
    return core.std.BlankClip(source.clip, format=vs.GRAYS, color=0.5)


def code_of(path: Path) -> int:
    return oiio.ImageInput.open(str(path)).spec().getattribute("smpte:TimeCode")[0]


@pytest.mark.parametrize(("count", "frames"), [(30, 12), (60, 62)])
@pytest.mark.parametrize("rate", [None, Fraction(24), Fraction(25)])
def test_each_matte_has_the_timecode_of_its_plate_at_any_rate(tmp_path, count, frames, rate):
    (tmp_path / "plates").mkdir()
    pattern = write_counted(tmp_path / "plates", count, frames)
    source = open_source(pattern, Opening(rate=rate))

    deliver(source, alpha_of(source), [tmp_path / "m.####.exr"])

    for n in range(1001, 1001 + frames):
        assert code_of(tmp_path / f"m.{n}.exr") == code_of(tmp_path / f"plates/p.{n}.exr")


def test_a_movie_of_a_counted_sequence_runs_and_begins_as_it_counts(tmp_path):
    source = open_source(write_counted(tmp_path, 30, 12))

    deliver(source, alpha_of(source), [tmp_path / "m.mov"], frames=FrameRange(1003, 1012))

    with av.open(str(tmp_path / "m.mov")) as movie:
        stream = movie.streams.video[0]
        assert (stream.average_rate, stream.metadata["timecode"]) == (30, "01:00:00:22")


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    for n in range(1001, 1004):
        cv2.imwrite(str(tmp_path / f"p.{n}.png"), np.full((18, 32, 3), 90, np.uint8))
        cv2.imwrite(str(tmp_path / f"a.{n}.png"), np.full((18, 32), 90, np.uint8))
    return str(tmp_path / "p.####.png")


def rate_of(path: Path) -> Fraction:
    with av.open(str(path)) as movie:
        return movie.streams.video[0].average_rate


@pytest.mark.slow
@pytest.mark.parametrize("word", ["25", "23.976", "30000/1001"])
def test_the_rate_is_an_option_of_every_verb_that_delivers(pictures, tmp_path, word):
    alpha, rate = str(tmp_path / "a.####.png"), parse_rate(word)
    words = ["--rate", word, "--quiet", "-o"]
    assert main(["export", pictures, "--alpha", alpha, *words, str(tmp_path / "e.mov")]) == 0
    assert main(["matte", pictures, *words, str(tmp_path / "m.mov"), "--tr", "0"]) == 0
    assert main(["batch", pictures, *words, str(tmp_path / "b"), "--tr", "0"]) == 0

    assert {rate_of(tmp_path / name) for name in ("e.mov", "m.mov", "b/p.mov")} == {rate}


def test_the_rate_is_a_column_of_lists_and_a_word_of_plans(pictures, tmp_path):
    table = tmp_path / "shots.csv"
    table.write_text(f"source,rate\n{pictures},29.97\n")

    requests, _ = requests_from([str(table)], {}, tmp_path / "out")

    assert requests[0].values["rate"] == Fraction(30000, 1001)
    opening = Opening(rate=Fraction(30000, 1001))
    assert to_words(opening) == ("--rate=30000/1001",)
    assert from_words(to_words(opening)) == {"rate": opening.rate}


@pytest.mark.parametrize(("words", "is_told"), [([], True), (["--rate", "24"], False)])
def test_where_nobody_says_a_rate_a_line_says_24_and_what_to_type(
    pictures, tmp_path, caplog, words, is_told
):
    out = str(tmp_path / "e.mov")
    command = ["export", pictures, "--alpha", str(tmp_path / "a.####.png"), "-o", out, "--quiet"]

    assert main([*command, *words]) == 0

    assert ("24 frames a second are taken; for another give --rate" in caplog.text) == is_told
    assert rate_of(Path(out)) == 24


def test_a_word_that_is_no_rate_is_refused_on_the_command_line(pictures, capsys):
    with pytest.raises(SystemExit):
        main(["matte", pictures, "-o", "x.mov", "--rate", "fast"])

    assert "'fast' is no rate; write 24, 23.976 or 24000/1001" in capsys.readouterr().err


def test_drop_frame_timecode_is_taken_at_a_rate_that_is_given(pictures, tmp_path):
    source = open_source(pictures, Opening(rate=Fraction(30000, 1001)))

    deliver(
        source, alpha_of(source), [tmp_path / "m.mov"], delivery=Delivery(timecode="01:00:00;00")
    )

    with av.open(str(tmp_path / "m.mov")) as movie:
        assert movie.streams.video[0].metadata["timecode"] == "01:00:00;00"


def edit_of(folder: Path, media: str) -> Path:
    edit = folder / "cut.edl"
    edit.write_text(
        "TITLE: cut\n\n001  AX V C 00:00:00:00 00:00:00:02 01:00:00:00 01:00:00:02\n"
        f"* FROM CLIP NAME: {media}\n"
    )
    return edit


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(("words", "rate", "shown"), [([], 25, 2), (["--media-rate", "50"], 50, 4)])
def test_a_sequence_in_an_edit_runs_as_the_edit_counts_or_as_said(tmp_path, words, rate, shown):
    """Two frames of an edit at 25 last as long as four of a sequence at 50."""
    cv2.imwrite(str(tmp_path / "p.1004.png"), np.full((18, 32, 3), 90, np.uint8))
    verb = ["timeline", str(edit_of(tmp_path, "p.####.png")), "-o", str(tmp_path / "out")]
    args = build_parser().parse_args([*verb, "--media", str(tmp_path), "--rate", "25", *words])

    plan = timeline.planned(args)

    (shot,) = plan.batch.shots
    assert shot.opening.rate == rate
    assert len(plan.spans[0].uses[0].shown) == shown


def test_an_edits_rate_is_refused_for_sources_with_the_option_that_is_theirs(pictures, tmp_path):
    edit_options = EditOptions(edit_rate=Fraction(25))

    with pytest.raises(SettingsError, match="type --media-rate"):
        make_plan([str(pictures)], tmp_path, {}, edit_options=edit_options)
