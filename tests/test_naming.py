"""Words in the names of outputs, and versions that replace nothing."""

import argparse
from pathlib import Path

import pytest

from sghm_vs.cli.options import add_output_options, delivery_from, outputs_from
from sghm_vs.errors import ExportError
from sghm_vs.hosts.presets import PRESETS, outputs_for
from sghm_vs.media.name_templates import fill_names
from sghm_vs.media.sequences import SequencePath
from sghm_vs.options import CODECS, COMPRESSIONS, HOSTS, LAYOUTS, SAMPLES, OutputFormat


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("{shot}.mov", {}, "sh010.mov"),
        ("{shot}/{layer}/x.{frame}.exr", {"layout": "matte"}, "sh010/matte/x.####.exr"),
        ("{layer}.mov", {}, "rgba.mov"),
        ("{layer}.mkv", {}, "alpha.mkv"),
        ("{layer}.mkv", {"codec": "ffv1"}, "rgba.mkv"),
        ("{layer}.####.png", {"layout": "fg"}, "alpha.####.png"),
        ("{layer}.mp4", {}, "review.mp4"),
        ("{shot}_{version}.mov", {}, "sh010_v007.mov"),
        ("{version}/{shot}_{version}.mov", {}, "v007/sh010_v007.mov"),
    ],
)
def test_words_are_filled_in(name, form, expected):
    version = 7 if "version" in name else None

    assert fill_names(
        [name], shot="sh010", output_format=OutputFormat(**form), version=version
    ) == [Path(expected)]


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("{shto}.mov", None, r"\{shto\}, and these are known: \{shot\}"),
        ("{frame}/x.exr", None, "in a folder"),
        ("x_{version}.mov", None, "add --version auto"),
        ("x.mov", 3, "no output has it"),
    ],
)
def test_words_that_mean_nothing_are_refused(name, version, words):
    with pytest.raises(ExportError, match=words):
        fill_names([name], shot="s", output_format=OutputFormat(), version=version)


def test_auto_is_one_more_than_any_output_has(tmp_path):
    for name in ("a_v002.mov", "b_v009.0001.exr", "b_v010.txt", "other_v050.mov", "a_vx.mov"):
        (tmp_path / name).touch()

    found = fill_names(
        [tmp_path / "a_{version}.mov", tmp_path / "b_{version}.####.exr"],
        shot="s", output_format=OutputFormat(), version="auto",
    )  # fmt: skip

    assert [path.name for path in found] == ["a_v010.mov", "b_v010.####.exr"]


def test_auto_counts_folders_as_well_even_where_they_are_empty(tmp_path):
    (tmp_path / "v004").mkdir()

    (found,) = fill_names(
        [tmp_path / "{version}/a.mov"], shot="s", output_format=OutputFormat(), version="auto"
    )

    assert found == tmp_path / "v005" / "a.mov"


def test_auto_begins_with_one_and_reads_a_hostile_folder_literally(tmp_path):
    folder = tmp_path / "a[1] *?"
    folder.mkdir()

    (found,) = fill_names(
        [folder / "x_{version}.mov"], shot="s", output_format=OutputFormat(), version="auto"
    )

    assert found == folder / "x_v001.mov"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p.####.exr", "p.0012.exr"), ("p.%04d.exr", "p.0012.exr"), ("p.@@@@.exr", "p.0012.exr"),
        ("p.$F4.exr", "p.0012.exr"), ("p.$F.exr", "p.12.exr"), ("p.%d.exr", "p.12.exr"),
        ("p.@@@@@@.exr", "p.000012.exr"),
    ],
)  # fmt: skip
def test_the_ways_of_tools_to_write_a_frames_number_are_understood(name, expected):
    sequence = SequencePath.parse(Path(name))

    assert sequence is not None
    assert sequence.frame(12).name == expected


@pytest.mark.parametrize("name", ["me@home.exr", "cost$Final.exr", "p.exr", "100%.exr"])
def test_a_name_without_a_number_is_a_file(name):
    assert SequencePath.parse(Path(name)) is None


@pytest.mark.parametrize(
    ("host", "output", "expected"),
    [
        ("nuke", "out/sh010", "out/sh010.####.exr"),
        ("nuke", "out/sh010.####", "out/sh010.####.exr"),
        ("nuke", "out/sh010.$F4.exr", "out/sh010.$F4.exr"),
        ("nuke", "out/", "out/{shot}.####.exr"),
        ("resolve", "out/sh010_v2.1", "out/sh010_v2.1.mov"),
        ("kdenlive", "out/", "out/{shot}.mkv"),
    ],
)
def test_a_host_gets_its_ending(host, output, expected):
    assert outputs_for(host, [output]) == [expected]


def test_an_ending_that_a_host_does_not_get_is_refused():
    with pytest.raises(ExportError, match=r"x\.mov is not the \.exr that nuke gets"):
        outputs_for("nuke", ["x.mov"])


def test_every_host_is_offered_has_a_form_that_can_be_and_says_why():
    assert tuple(PRESETS) == HOSTS
    for preset in PRESETS.values():
        assert OutputFormat(**preset.output_format)
        assert "because" in str(preset)


def test_choices_of_the_command_line_are_those_of_the_form():
    parser = argparse.ArgumentParser()
    add_output_options(parser)
    choices = {action.dest: action.choices for action in parser._actions}

    assert tuple(choices["layout"]) == tuple(LAYOUTS)
    assert tuple(choices["sample"]) == SAMPLES
    assert tuple(choices["compression"]) == COMPRESSIONS
    assert {*choices["codec"]} | {"h264"} == {*CODECS}


def test_what_is_said_goes_over_what_the_host_gets_and_the_reason_is_printed(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    add_output_options(parser)
    words = ["-o", f"{tmp_path}/x", "--for", "nuke", "--layout", "matte"]
    args = parser.parse_args(words, argparse.Namespace(quiet=False))

    delivery = delivery_from(args)

    assert outputs_from(args) == [f"{tmp_path}/x.####.exr"]
    assert (delivery.output_format.layout, delivery.output_format.compression) == ("matte", "zips")
    assert "for nuke: EXR, half, ZIPS" in capsys.readouterr().err
