"""What is said where people look: the first line of a run, timecodes, deliveries below a folder."""

import re
import shutil

import pytest

from sghm_vs.cli import main
from sghm_vs.errors import SettingsError
from sghm_vs.media.readers import Opening, open_source, refuse_unused, with_used_options
from tests.standin import write_movie, write_sequence


@pytest.fixture
def plate(tmp_path):
    return write_movie(tmp_path / "plate.mkv", 3, timecode="02:00:00:00")


def test_the_first_line_says_which_model_runs_where_and_at_which_size(plate, model, capsys):
    words = ["matte", str(plate), "-o", str(plate.with_name("m.mkv")), "--device", "cpu"]

    assert main([*words, "--model", model, "--infer-size", "64"]) == 0

    first = capsys.readouterr().err.splitlines()[0]
    assert re.fullmatch(
        r"matte: sees-people\.safetensors by torch on cpu: 3 frames of 32x18, matted at 32x18",
        first,
    )


@pytest.mark.parametrize("more", [["--quiet"], ["--progress", "json"]])
def test_programs_and_who_wants_quiet_are_told_no_words(more, plate, model, capsys):
    words = ["matte", str(plate), "-o", str(plate.with_name("m.mkv")), "--model", model]

    assert main([*words, *more]) == 0

    said = capsys.readouterr().err
    assert all(line.startswith('{"progress"') for line in said.splitlines())


def test_a_timecode_with_frames_says_what_the_first_frame_gets(plate, capsys):
    matte = plate.with_name("matte.mkv")
    shutil.copy(plate, matte)
    words = ["export", str(plate), "--alpha", str(matte), "--frames", "2-2"]

    words += ["-o", str(plate.with_name("x.mov")), "--timecode", "01:00:00:00"]
    assert main([*words, "--overwrite"]) == 0

    assert (
        "export: 01:00:00:00 is the timecode of plate's frame 0; frame 2, the first that is "
        "written, has 01:00:00:02"
    ) in capsys.readouterr().err


def test_a_folder_is_verified_with_all_below_it(plate, tmp_path, capsys):
    matte = plate.with_name("matte.mkv")
    shutil.copy(plate, matte)
    show = tmp_path / "show"
    for name in ("a.mov", "sh010/b.mkv", "sh010/exr/c.####.exr"):
        words = ["export", str(plate), "--alpha", str(matte), "-o", str(show / name)]
        assert main(words) == 0
    (show / "sh010" / "notes.json").write_text("{}")
    capsys.readouterr()

    assert main(["verify", str(show)]) == 0
    found = capsys.readouterr().out.splitlines()
    (show / "sh010" / "exr" / "c.0001.exr").write_bytes(b"damaged")
    assert main(["verify", str(show)]) == 1

    assert [line.removeprefix(f"ok {show}/") for line in found] == [
        "a.mov", "sh010/b.mkv", "sh010/exr/c.0-2.exr"
    ]  # fmt: skip
    assert "c.0001.exr changed or missing" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "show" / "sh010" / "exr" / "c.0002.exr")]) == 1
    (tmp_path / "bare").mkdir()
    assert main(["verify", str(tmp_path / "bare")]) == 1
    assert "has no sidecar (.json) in it or below it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        (Opening(missing="hold"), "--missing is for sequences, and this is the movie plate.mkv"),
        (Opening(layer="hero"), "--layer is for EXR files, and this is the movie plate.mkv"),
        (Opening(keep_windows=True), "--keep-windows is for EXR files"),
        (Opening(track=0), ""),
    ],
)
def test_what_footage_has_no_use_for_is_refused(opening, said, plate, capsys):
    out = str(plate.with_name("x.mkv"))
    words = {
        "missing": ["--missing", "hold"],
        "layer": ["--layer", "hero"],
        "keep_windows": ["--keep-windows"],
        "track": ["--track", "0"],
    }
    given = [word for name, option in words.items() for word in option
             if getattr(opening, name) != getattr(Opening(), name)]  # fmt: skip

    code = main(["export", str(plate), "--alpha", str(plate), "-o", out, *given])

    assert code == (1 if said else 0)
    assert said in capsys.readouterr().err


def test_a_track_of_pictures_is_refused(tmp_path):
    sequence = write_sequence(tmp_path, "plate.", range(1, 4))
    opening = Opening(track=1)

    with pytest.raises(
        SettingsError, match=r"^track is for movies, and this is the sequence plate"
    ):
        refuse_unused(open_source(sequence, opening), opening)
    assert with_used_options(open_source(sequence, opening), opening) == Opening()
