"""The command line as people type it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import av
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs.cli import VERBS, build_parser, main
from sghm_vs.options import View
from tests.delivered import NOT_RUN, WRITERS, verbs_of

pytestmark = pytest.mark.usefixtures("by_graphs")


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A numbered sequence of six small pictures, 1001 to 1006."""
    folder = tmp_path / "plates here"
    folder.mkdir()
    for number in range(1001, 1007):
        rng = np.random.default_rng(number)
        write_png(folder / f"sh010.{number}.png", rng.integers(0, 256, (48, 64, 3), np.uint8))
    return folder / "sh010.####.png"


def test_one_pass_writes_every_form(plate, tmp_path, capsys):
    outputs = [tmp_path / name for name in ("a.mov", "a.####.exr", "a.####.png", "a.mkv")]
    words = [word for path in outputs for word in ("-o", str(path))]

    code = main(["matte", str(plate), *words, "--device", "cpu", "--json"])

    assert code == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["outputs"]) == 4
    assert "6/6 frames" in said.err
    with av.open(str(tmp_path / "a.mov")) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == 6
    assert (tmp_path / "a.1001.exr").exists()
    assert (tmp_path / "a.1006.png").exists()


@pytest.mark.slow
def test_every_step_to_an_alpha_is_written_beside_it_in_the_same_pass(plate, tmp_path):
    words = ["matte", str(plate), "--frames", "1002-1005", "--quiet", "-o"]
    assert main([*words, str(tmp_path / "plain.mkv")]) == 0

    debug = ["--debug", str(tmp_path / "steps")]
    assert main([*words, str(tmp_path / "m.mkv"), *debug]) == 0
    assert main([*words, str(tmp_path / "m.mkv"), *debug, "--resume"]) == 0

    assert (tmp_path / "m.mkv").read_bytes() == (tmp_path / "plain.mkv").read_bytes()
    assert names_in(tmp_path / "steps") == sorted(f"{step}.mkv" for step in get_args(View))
    for step in (tmp_path / "steps").iterdir():
        with av.open(str(step)) as movie:
            assert sum(1 for _ in movie.decode(video=0)) == 4


def test_programs_are_told_of_progress_a_json_object_a_line(plate, tmp_path, capsys):
    words = ["matte", str(plate), "-o", str(tmp_path / "m.####.png"), "--tr", "0", "--quiet"]

    assert main([*words, "--progress", "json"]) == 0

    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert said[-1] == {"progress": "matte", "done": 6, "total": 6}
    assert [each["done"] for each in said] == sorted({each["done"] for each in said})


def test_a_range_keeps_the_sources_numbers(plate, tmp_path):
    out = tmp_path / "out" / "m.%04d.exr"

    code = main(["matte", str(plate), "-o", str(out), "--frames", "1003-1004", "--quiet"])

    assert code == 0
    assert names_in(out.parent) == ["m.1003.exr", "m.1004.exr"]


def test_start_number_renumbers(plate, tmp_path):
    out = tmp_path / "m.####.exr"
    words = ["--frames", "1003-1004", "--start-number", "1", "--quiet"]

    assert main(["matte", str(plate), "-o", str(out), *words]) == 0

    assert (tmp_path / "m.0001.exr").exists()


def test_a_finished_matte_is_exported_as_it_is(plate, tmp_path):
    main(["matte", str(plate), "-o", str(tmp_path / "alpha.####.png"), "--quiet"])

    code = main(
        ["export", str(plate), "--alpha", str(tmp_path / "alpha.####.png"),
         "-o", str(tmp_path / "again.####.exr"), "--layout", "matte", "--quiet"]
    )  # fmt: skip

    assert code == 0
    gray = oiio.ImageBuf(str(tmp_path / "alpha.1002.png")).get_pixels(oiio.FLOAT)[..., 0]
    exr = oiio.ImageBuf(str(tmp_path / "again.1002.exr")).get_pixels(oiio.FLOAT)
    assert np.abs(exr - gray[..., None]).max() < 5e-4


def test_a_script_with_an_alpha_is_exported(tmp_path):
    script = tmp_path / "shot.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=2)\n"
        "clip.set_output(0, vs.core.std.BlankClip(clip, format=vs.GRAY8, color=200))\n"
    )

    assert main(["export", str(script), "-o", str(tmp_path / "x.mov"), "--quiet"]) == 0

    with av.open(str(tmp_path / "x.mov")) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == 2


def test_footage_without_an_alpha_is_not_exported(plate, tmp_path, capsys):
    assert main(["export", str(plate), "-o", str(tmp_path / "x.mov")]) == 1

    assert "--alpha" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["matte", "nowhere.mov", "-o", "x.mov"], "nowhere.mov"),
        (["matte", "PLATE", "-o", "x.avi"], "x.avi"),
        (["matte", "PLATE", "-o", "x.mov", "--model", "nope"], "nope"),
        (["matte", "PLATE", "-o", "x.mov", "--frames", "1-2"], "1001-1006"),
        (["matte", "PLATE", "-o", "x.mov", "--device", "tpu"], "tpu"),
        (["matte", "PLATE", "-o", "x.mov", "--tr", "99"], "tr is 99"),
        (["matte", "PLATE", "-o", "x.mov", "--tr", "faster"], "off, fast, default, quality"),
        (["eval", "--pred", "PLATE", "--gt", "nowhere", "--matte-channel", "green"], "nowhere"),
    ],
)
def test_what_fails_is_said_in_one_line_with_exit_code_1(
    words, said, plate, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    code = main([str(plate) if word == "PLATE" else word for word in words])

    error = capsys.readouterr().err
    assert code == 1
    assert error.startswith("sghm: ")
    assert said in error
    assert "Traceback" not in error
    assert names_in(tmp_path) == ["plates here"]


@pytest.mark.parametrize(
    "words", [[], ["roto"], ["matte"], ["matte", "a", "-o", "b", "--frames", "x"]]
)
def test_misuse_is_exit_code_2(words):
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("matte a -o b --screen purple", "sghm matte: error: --screen is 'purple' and must be"),
        ("matte a -o b --roi -5,0,9,9", "-5,0,9,9 reads as an option; type --roi=-5,0,9,9"),
        ("matte a -o b --scren green", "--scren green; did you mean --screen?"),
        ("farm run --adress here plan.json", "; did you mean --address?"),
        ("matte a -o b --whatever", "unrecognized arguments: --whatever"),
        ("matte", "arguments are required: SOURCE, -o/--output"),
    ],
)
def test_what_is_not_understood_is_said_first_and_in_a_line(words, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words.split())

    first, *rest = capsys.readouterr().err.splitlines()
    verb = first.partition(": error: ")[0]
    assert said in first
    assert rest == [f"{verb} --help explains its words"]


def test_a_threshold_that_is_no_number_is_told_what_it_may_be(capsys):
    with pytest.raises(SystemExit):
        main(["matte", "a", "-o", "b", "--sc-threshold", "often"])

    assert "'often' is no number above 0 and at most 1, nor props or off" in capsys.readouterr().err


def test_an_output_that_exists_is_kept(plate, tmp_path, capsys):
    (tmp_path / "x.mov").write_text("precious")

    assert main(["matte", str(plate), "-o", str(tmp_path / "x.mov")]) == 1

    assert (tmp_path / "x.mov").read_text() == "precious"
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_an_interrupt_ends_cleanly_with_130(tmp_path):
    for number in range(400):
        write_png(tmp_path / f"p.{number:04d}.png", np.zeros((256, 256, 3), np.uint8))
    out = tmp_path / "out"
    running = subprocess.Popen(
        [sys.executable, "-m", "sghm_vs", "matte", tmp_path / "p.####.png", "-o", out / "x.mov"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not (out.is_dir() and names_in(out)):
        time.sleep(0.1)

    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)

    assert running.returncode == 130, error
    assert "interrupted" in error
    assert "Traceback" not in error
    assert not out.exists()


@pytest.mark.parametrize("over", ["0.8,0.1,0.1", "mauve", "nothing.png", "20408"])
def test_what_is_neither_color_nor_file_behind_a_review_is_told_which_forms_there_are(
    plate, tmp_path, capsys, over
):
    with pytest.raises(SystemExit) as ended:
        main(["matte", str(plate), "-o", str(tmp_path / "x.mp4"), "--over", over])

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert over in said
    assert "green, blue, six hexadecimal digits" in said


def test_footage_is_never_replaced_by_its_own_matte(plate, capsys):
    before = (plate.parent / "sh010.1001.png").read_bytes()
    same = str(plate).replace("####", "%04d")

    codes = [main(["matte", str(plate), "-o", out, "--overwrite"]) for out in (str(plate), same)]

    assert codes == [1, 1]
    assert "over the footage" in capsys.readouterr().err
    assert (plate.parent / "sh010.1001.png").read_bytes() == before


@pytest.mark.parametrize(("missing", "shown"), [("black", 0.0), ("hold", 0.5)])
def test_missing_frames_are_black_and_empty_or_hold_the_one_before(
    missing, shown, plate, tmp_path, monkeypatch
):
    """Empty whatever the network makes of black: here it sees half a person everywhere."""
    monkeypatch.setattr(
        "sghm_vs.filter.sghm.sghm_prepared",
        lambda clip, *_, **__: clip.std.BlankClip(format=vs.GRAYS, color=0.5, keep=True),
    )
    (plate.parent / "sh010.1003.png").unlink()
    words = ["--missing", missing, "-o", str(tmp_path / "a.####.exr"), "--layout", "matte"]

    assert main(["matte", str(plate), *words, "--quiet"]) == 0

    alphas = [
        oiio.ImageBuf(str(tmp_path / f"a.{number}.exr")).get_pixels(oiio.FLOAT).max()
        for number in range(1001, 1007)
    ]
    assert alphas == [0.5, 0.5, shown, 0.5, 0.5, 0.5]


def test_missing_frames_are_refused_unless_asked_for(plate, tmp_path, capsys):
    (plate.parent / "sh010.1003.png").unlink()

    assert main(["matte", str(plate), "-o", str(tmp_path / "x.mov")]) == 1

    assert "misses frames 1003 of 1001-1006" in capsys.readouterr().err


def test_a_damaged_frame_is_named_by_its_number_without_a_traceback(plate, tmp_path, capsys):
    (plate.parent / "sh010.1003.png").write_bytes(b"x")

    words = ["matte", str(plate), "-o", str(tmp_path / "a.mkv"), "--quiet"]
    assert main([*words, "--tr", "0"]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sghm: frame 1003 can't be computed: ")
    assert "sh010.1003.png is damaged" in line


def test_what_a_script_prints_at_any_time_stays_off_stdout(tmp_path, capfd):
    """Also what a program that it starts prints, and what it prints as frames are made."""
    script = tmp_path / "loud.vpy"
    script.write_text(
        "import os, vapoursynth as vs\n"
        "print('python'); os.system('echo program')\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=2)\n"
        "loud = clip.std.FrameEval(lambda n: print('frame') or clip)\n"
        "loud.set_output(0, vs.core.std.BlankClip(clip, format=vs.GRAY8))\n"
    )

    assert main(["export", str(script), "-o", str(tmp_path / "x.mkv"), "--json", "--quiet"]) == 0

    said = capfd.readouterr()
    assert json.loads(said.out) == {"outputs": [str(tmp_path / "x.mkv")]}
    assert {"python", "program", "frame"} <= set(said.err.split())


def test_pixel_aspect_goes_into_movies_and_exr(tmp_path):
    script = tmp_path / "wide.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=1)\n"
        "clip = clip.std.SetFrameProps(_SARNum=2, _SARDen=1)\n"
        "clip.set_output(0, vs.core.std.BlankClip(clip, format=vs.GRAY8))\n"
    )
    outputs = [str(tmp_path / name) for name in ("x.mov", "x.mkv", "x.exr")]

    assert main(["export", str(script), *(w for o in outputs for w in ("-o", o)), "--quiet"]) == 0

    for path in outputs[:2]:
        with av.open(path) as movie:
            assert movie.streams.video[0].sample_aspect_ratio == 2
    assert oiio.ImageBuf(outputs[2]).spec().getattribute("PixelAspectRatio") == 2


def test_eval_scores_a_sequence_against_itself_as_perfect(plate, capsys):
    words = ["--json", "--quiet", "--matte-channel", "green"]
    assert main(["eval", "--pred", str(plate), "--gt", str(plate), *words]) == 0

    mean = json.loads(capsys.readouterr().out)["mean"]
    assert mean["mad"] == 0
    assert mean["dtssd"] == 0


def test_eval_without_a_truth_gives_the_warp_error_alone(plate, capsys):
    words = ["eval", "--pred", str(plate), "--plate", str(plate), "--json", "--quiet"]

    assert main([*words, "--matte-channel", "green"]) == 0

    mean = json.loads(capsys.readouterr().out)["mean"]
    assert mean.keys() == {"warp"}
    assert mean["warp"] > 0


@pytest.mark.parametrize("words", [["--images", "."], ["--pred", "x.mov"]])
def test_eval_without_a_truth_says_what_is_missing(words, capsys):
    assert main(["eval", *words]) == 1

    assert "--gt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["--pred", "x.mov", "--gt", "y.mov", "--tr", "3"], "--tr is for --images"),
        (["--pred", "x.mov", "--gt", "y.mov", "-o", "kept"], "-o is for --images"),
        (["--images", ".", "--gt", ".", "--plate", "x.mov"], "--plate is for --pred"),
    ],
)
def test_eval_refuses_what_would_do_nothing(words, flag, capsys):
    assert main(["eval", *words]) == 1

    assert f"{flag}, which is not given; leave it out" in capsys.readouterr().err


def test_eval_mattes_pictures_first_when_asked(tmp_path, capsys):
    images, truths = tmp_path / "images", tmp_path / "truths"
    images.mkdir()
    truths.mkdir()
    write_png(images / "one.png", np.full((64, 64, 3), 128, np.uint8))
    write_png(truths / "one_mask.png", np.zeros((64, 64, 3), np.uint8))
    words = ["--images", str(images), "--gt", str(truths), "--sizing", "pad"]

    code = main(["eval", *words, "-o", str(tmp_path / "kept"), "--json", "--quiet"])

    assert code == 0
    assert json.loads(capsys.readouterr().out)["items"].keys() == {"one.png"}
    assert names_in(tmp_path / "kept") == ["one.png"]


@pytest.mark.slow
def test_eval_compares_pictures_that_a_mask_guides_with_those_that_none_does(tmp_path, capsys):
    folders = {name: tmp_path / name for name in ("images", "truths")}
    for folder in folders.values():
        folder.mkdir()
    square = np.zeros((64, 64, 3), np.uint8)
    square[16:48, 16:48] = 255
    write_png(folders["images"] / "one.png", np.full((64, 64, 3), 128, np.uint8))
    write_png(folders["truths"] / "one.png", square)
    words = ["--images", str(folders["images"]), "--gt", str(folders["truths"]), "--sizing", "pad"]
    words += ["--mask", str(folders["truths"]), "--guide-band", "0.01", "--quiet"]

    assert main(["eval", *words, "--without", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["eval", *words, "--without"]) == 0
    table = capsys.readouterr().out.splitlines()

    assert told["mean"]["mad"] < 0.2 * told["without"]["mean"]["mad"]
    assert [line.split()[0] for line in table[1:]] == ["one.png", "without", "of"]
    ratio = told["mean"]["mad"] / told["without"]["mean"]["mad"]
    assert f"{ratio:.3f}" in table[-1]


def test_eval_compares_mattes_with_those_that_were_made_without_a_guide(plate, capsys):
    words = ["--pred", str(plate), "--gt", str(plate), "--without", str(plate)]

    assert main(["eval", *words, "--quiet", "--matte-channel", "green"]) == 0

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
        plate.name, "without", "of",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pred", "x.mov", "--gt", "y.mov", "--without"], "--pred WITH --without P"),
        (["--images", ".", "--gt", ".", "--mask", ".", "--without", "x"], "name none behind it"),
        (["--images", ".", "--gt", ".", "--without"], "mattes that are guided, and none are"),
        (["--images", ".", "--gt", ".", "--guide-band", "0.1"], "--guide-band is for --mask"),
        (["--set", "p3m", ".", "--screen", "green"], "--screen is for mattes without --set"),
        (["--pred", "x.mov", "--gt", "y.mov", "--screen", "blue"], "--screen is for --images"),
    ],
)
def test_eval_refuses_guides_that_it_has_no_use_for(words, said, capsys):
    assert main(["eval", *words]) == 1

    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_demo_makes_everything_it_promises_and_can_be_run_again(tmp_path, monkeypatch, capsys):
    from sghm_vs.cli import demo

    monkeypatch.setattr(demo, "FRAMES", 3)
    monkeypatch.setattr(demo, "SHEET_FRAMES", (0, 2))
    folder = tmp_path / "demo"

    codes = [main(["demo", str(folder), "--quiet"]) for _ in range(2)]

    assert codes == [0, 0]
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert made == {
        "source.mp4", "alpha.mkv", "portrait.mov", "sheet.png",
        "exr/portrait.0000.exr", "exr/portrait.0001.exr", "exr/portrait.0002.exr",
        "alpha.mkv.json", "portrait.mov.json", "exr/portrait.0-2.exr.json",
    }  # fmt: skip
    assert str(folder / "sheet.png") in capsys.readouterr().out


def test_every_verb_explains_itself():
    for verb in VERBS:
        assert verb.__doc__.startswith("sghm ")
    text = build_parser().format_help()
    assert all(name in text for name in ("matte", "export", "eval", "weights", "doctor", "demo"))


def names_in(folder: Path) -> list[str]:
    """Return the names of what is in `folder`, but for sidecars."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".json")


def write_png(path: Path, codes: np.ndarray) -> None:
    image = oiio.ImageOutput.create(str(path))
    height, width, channels = codes.shape
    image.open(str(path), oiio.ImageSpec(width, height, channels, "uint8"))
    image.write_image(codes)
    image.close()


def test_every_verb_is_among_those_whose_deliveries_are_compared_or_is_named_as_left_out():
    verbs = set(verbs_of(build_parser()))
    typed = [line.split() for line in WRITERS.strip().splitlines()]

    run = {
        verb for verb in verbs for words in typed if verb.split() == words[: verb.count(" ") + 1]
    }
    assert run | NOT_RUN == verbs
    assert not run & NOT_RUN
