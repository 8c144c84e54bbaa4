"""Settings of a shot in a file: what it may say, where it is found, and who reads it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import opentimelineio as otio
import pytest

from sghm_vs.cli import batch, build_parser, main, timeline
from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.options import FrameRange, ShotOptions, flat, options_of
from sghm_vs.shots.batch.find import find_footage
from sghm_vs.shots.settings import (
    NAME,
    read_settings,
    review_folder,
    settings_text,
    with_review,
)
from tests.standin import write_movie

PLATE = (64, 96)


def saved(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(text)
    return path


@pytest.fixture
def plate(tmp_path) -> Path:
    """Ten frames of noise, from 101 on."""
    folder = tmp_path / "plates"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for n in range(101, 111):
        cv2.imwrite(str(folder / f"p.{n:04}.png"), rng.integers(0, 255, (*PLATE, 3), np.uint8))
    return folder / "p.####.png"


def matted(plate: Path, model: str, name: str, *words: str) -> dict[str, bytes]:
    out = plate.parents[1] / name
    typed = ["matte", str(plate), "-o", str(out / "a.####.png"), "--model", model, *words]
    assert main([*typed, "--device", "cpu"]) == 0
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.png"))}


def test_a_file_says_options_by_their_names_as_they_are_typed(tmp_path):
    text = (
        'tr = "quality"\ngrow = -1.5\nframes = "1001-1040"\nfp16 = false\ninvert = true\n'
        'rate = 23.976\nguide_band = 0.05\nkeys = "keys"\nmask = "/m.mov"\nvfr = false\n'
    )

    found = read_settings(saved(tmp_path, text))

    assert found == {
        "tr": "quality",
        "grow": -1.5,
        "frames": FrameRange(1001, 1040),
        "fp16": False,
        "invert": True,
        "rate": Fraction(24000, 1001),
        "guide_band": 0.05,
        "keys": tmp_path / "keys",
        "mask": Path("/m.mov"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trr = 2", "'trr' is no setting; known are for, frames, rate"),
        ('to = "x.mov"', "'to' is no setting"),
        ('tr = "much"', "tr is 'much'"),
        ("invert = 1", "invert is 1; write true or false"),
        ("tr = true", "tr is True; write a number or a word"),
        ("tr = [1]", "write a number or a word"),
        ('device = "gpu"', "device 'gpu' is not known"),
        ('missing = "none"', "'none' is none of error, black, hold"),
        ("tr 3", "is no TOML"),
        ('mask = "run.vpy"', "which is code"),
    ],
)
def test_what_a_file_may_not_say_is_refused_with_what_is_known(tmp_path, text, said):
    path = saved(tmp_path, text)

    with pytest.raises(SettingsError, match=said) as error:
        _made(read_settings(path))
    if "tr is 'much'" not in said:
        assert str(path) in str(error.value)


def _made(values: dict[str, object]) -> None:
    from sghm_vs.options import Matting, made_of

    made_of(Matting, values)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"none\.toml can't be read"):
        read_settings(tmp_path / "none.toml")


def test_what_is_written_is_what_is_read_and_defaults_are_left_out(tmp_path):
    path = tmp_path / "a b" / NAME
    values = {
        "tr": 3,
        "sc_threshold": None,
        "frames": FrameRange(-2, 5),
        "keys": path.parent / "keys",
        "mask": tmp_path / 'odd "name" ü.mov',
        "roi": (1, 2, 30, 40),
        "fp16": False,
        "device_index": -1,
        "invert": True,
        "grow": 0.5,
        "rate": Fraction(24000, 1001),
        "timecode": "01:00:00:00",
    }

    text = settings_text({**flat(ShotOptions()), **values}, path)
    saved(path.parent, text)

    assert 'keys = "keys"' in text
    assert read_settings(path) == values
    assert settings_text(flat(ShotOptions()), path).count("\n") == 1


def test_every_option_of_a_shot_but_where_it_goes_may_stand_in_a_file(tmp_path):
    with pytest.raises(SettingsError) as error:
        read_settings(saved(tmp_path, "x = 1"))
    known = str(error.value).partition("known are ")[2].split(", ")

    assert {f"--{name}" for name in known} | {"--to"} == {
        option.flag for option in options_of(ShotOptions)
    }


def test_a_review_lies_beside_what_it_is_of(plate, tmp_path):
    assert review_folder(plate) == plate.parent / "p.png.review"
    assert review_folder(plate.parent) == plate.parent / "p.png.review"
    assert review_folder(tmp_path / "a.mov") == tmp_path / "a.mov.review"
    (tmp_path / "1001.png").touch()
    assert review_folder(tmp_path / "####.exr") == tmp_path / f"{tmp_path.name}.exr.review"


def test_what_was_saved_is_no_footage(plate):
    keys = plate.parent / "p.png.review" / "keys"
    keys.mkdir(parents=True)
    for n in (101, 105):
        (keys / f"p.{n:04}.png").write_bytes(b"")

    for source in (str(plate.parent), f"{plate.parent.parent}/**/*.png"):
        assert [one.path for one in find_footage([source]).footage] == [plate]


@pytest.mark.slow
def test_matte_takes_what_was_saved_says_so_first_and_leaves_it_out_when_told(plate, model, capsys):
    plain = matted(plate, model, "plain", "--tr", "0")
    capsys.readouterr()
    saved(plate.parent / "p.png.review", 'tr = 0\ninvert = true\nframes = "103-104"\n')

    taken = matted(plate, model, "taken")

    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(f"settings of {plate.parent / 'p.png.review' / NAME}: ")
    assert "--frames, --tr, --invert; --no-settings leaves them out" in first
    assert [*taken] == ["a.0103.png", "a.0104.png"]
    assert all(taken[name] != plain[name] for name in taken)
    assert matted(plate, model, "without", "--tr", "0", "--no-settings") == plain
    one = matted(plate, model, "typed", "--frames", "105")
    assert [*one] == ["a.0105.png"], "what is typed rules"


def test_a_file_that_is_named_is_read_in_place_of_what_was_saved(plate, model, tmp_path):
    saved(plate.parent / "p.png.review", "invert = true\n")
    named = saved(tmp_path / "show", 'tr = 0\nframes = "101-102"\n')

    found = matted(plate, model, "named", "--settings", str(named))

    assert found.items() <= matted(plate, model, "plain", "--tr", "0", "--no-settings").items()
    assert [*found] == ["a.0101.png", "a.0102.png"]


def test_settings_and_none_are_not_both_typed():
    with pytest.raises(SystemExit):
        build_parser().parse_args(
            ["matte", "a.mov", "-o", "b.mov", "--settings", "x.toml", "--no-settings"]
        )


def test_a_batch_takes_of_each_shot_what_was_saved_of_it(tmp_path, capsys):
    for name in ("one", "two"):
        write_movie(tmp_path / f"{name}.mkv")
    saved(tmp_path / "one.mkv.review", 'tr = 3\nframes = "1-2"\n')
    typed = ["batch", str(tmp_path), "-o", str(tmp_path / "out"), "--dry-run", "--json"]

    def shots(*words: str) -> dict[str, object]:
        args = build_parser().parse_args([*typed, *words])
        return {shot.name: shot for shot in batch.batch_from(args).shots}

    one, two = shots().values()
    assert (one.matting.settings.tr, str(one.frames)) == (3, "1-2")
    assert (two.matting.settings.tr, two.frames) == (2, None)
    assert shots("--tr", "1")["one"].matting.settings.tr == 1
    assert shots("--no-settings")["one"].matting.settings.tr == 2
    assert main(typed) == 0
    assert "one: settings of" in capsys.readouterr().err
    named = saved(tmp_path / "show", "tr = 0\n")
    assert main([*typed, "--settings", str(named)]) == 0
    capsys.readouterr()


def test_a_list_s_row_says_more_than_what_was_saved(tmp_path):
    write_movie(tmp_path / "one.mkv")
    saved(tmp_path / "one.mkv.review", "tr = 3\ngrow = 2\n")
    (tmp_path / "l.csv").write_text("source,tr\none.mkv,1\n")

    args = build_parser().parse_args(["batch", str(tmp_path / "l.csv"), "-o", str(tmp_path / "o")])
    args.output = tmp_path / "o"
    (shot,) = batch.batch_from(args).shots

    assert (shot.matting.settings.tr, shot.delivery.edges.grow) == (1, 2)


def test_an_edit_takes_all_but_the_frames_which_it_says_itself(tmp_path):
    movie = write_movie(tmp_path / "one.mkv")
    saved(tmp_path / "one.mkv.review", 'tr = 3\nframes = "1-2"\n')
    edit = otio.schema.Timeline("e")
    shown = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(2, 24)
    )
    clip = otio.schema.Clip("one", otio.schema.ExternalReference(movie.as_uri()), shown)
    edit.tracks.append(otio.schema.Track("V1", children=[clip]))
    otio.adapters.write_to_file(edit, str(tmp_path / "e.otio"))
    typed = ["timeline", str(tmp_path / "e.otio"), "-o", str(tmp_path / "out")]

    def planned(*words: str) -> object:
        return timeline.planned(build_parser().parse_args([*typed, "--handles", "0", *words]))

    (shot,) = planned().batch.shots
    assert (shot.matting.settings.tr, str(shot.frames)) == (3, "0-1")
    assert any("one.mkv: settings of" in note and "--tr;" in note for note in planned().notes)
    (shot,) = planned("--no-settings").batch.shots
    assert shot.matting.settings.tr == 2


def test_a_farm_s_plan_takes_what_was_saved(plate, tmp_path, capsys):
    saved(plate.parent / "p.png.review", 'tr = 1\nframes = "101-104"\n')
    typed = ["farm", "plan", str(plate), "-o", str(tmp_path / "p.json"), "--frame-seconds", "1"]

    assert main([*typed, "--model", "sghm-lite", "--threads", "1"]) == 0

    (shot,) = json.loads((tmp_path / "p.json").read_text())["shots"]
    assert "--tr=1" in json.dumps(shot)
    assert "settings of" in capsys.readouterr().err


def test_what_can_t_be_read_beside_footage_is_an_error_not_a_default(plate):
    saved(plate.parent / "p.png.review", "trr = 1")

    with pytest.raises(SettingsError, match="'trr' is no setting"):
        with_review({}, plate, [])
