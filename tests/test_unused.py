"""An option that would do nothing is refused: it is said by whoever gives it to mean something."""

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs import attach, edges, export, sghm
from sghm_vs.cli import main
from sghm_vs.errors import ExportError
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.options import Delivery, OutputFormat, options_of
from sghm_vs.shots.batch.find import FoundFootage
from sghm_vs.shots.batch.requests import Batch, Request, shots_from
from tests.clips import noise_clip

OUTPUTS = {
    "x.mov": (),
    "x.mkv": (),
    "x.mp4": ("--over", "gray"),
    "x.####.exr": (),
    "x.####.png": (),
}
"""With what each needs."""
VALUES = {
    "foreground": "none", "despill": "green", "despill_strength": "0.5",
    "layout": "matte", "sample": "float", "compression": "none",
    "codec": "ffv1", "premultiplied": None, "audio": None, "quality": "25", "over": "red",
    "timecode": "02:00:00:00", "version": "3", "start_number": "50", "black": "0.3",
    "white": "0.6", "gamma": "2", "despeckle": "400", "fill": "400", "grow": "40",
    "feather": "80", "shape": "core", "width": "20", "invert": None,
}  # fmt: skip
"""Of each option of a delivery one that is not the default; None of a switch."""


def _matte() -> np.ndarray:
    drawn = np.zeros((48, 64), np.uint8)
    cv2.circle(drawn, (24, 24), 16, 255, -1)
    cv2.circle(drawn, (24, 24), 3, 0, -1)
    cv2.circle(drawn, (56, 8), 2, 255, -1)
    return cv2.blur(drawn, (3, 3))


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """A plate with sound and a soft matte with an island and a hole."""
    folder = tmp_path_factory.mktemp("footage")
    words = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=24:d=0.08", "-f", "lavfi", "-i", "sine=d=1"]
    words += ["-c:v", "ffv1", "-c:a", "flac", "-shortest", "-timecode", "01:00:00:00"]
    subprocess.run([find_ffmpeg(), "-v", "error", *words, folder / "plate.mkv"], check=True)
    for number in range(2):
        cv2.imwrite(str(folder / f"matte.{number:04d}.png"), _matte())
    return folder


def _made(footage: Path, folder: Path, output: str, words: tuple[str, ...]) -> dict[str, bytes]:
    """What an export leaves, by name: sidecars aside, which say what was asked for."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    plate = [str(footage / "plate.mkv"), "--alpha", str(footage / "matte.####.png")]
    code = main(["export", *plate, "-o", str(folder / output), *OUTPUTS[output], *words])
    files = [file for file in folder.iterdir() if file.suffix != ".json"]
    return {file.name: file.read_bytes() for file in files} if code == 0 else {}


def test_every_option_of_a_delivery_is_tried():
    assert VALUES.keys() == {option.name for option in options_of(Delivery)}


@pytest.mark.slow
@pytest.mark.parametrize("output", OUTPUTS)
def test_an_option_changes_what_is_written_or_is_refused_by_its_name(
    footage, tmp_path, output, capsys
):
    plain = _made(footage, tmp_path / "plain", output, ())
    assert plain
    capsys.readouterr()
    for option in options_of(Delivery):
        value = VALUES[option.name]
        words = (option.flag,) if value is None else (option.flag, value)

        made = _made(footage, tmp_path / "made", output, words)

        said = capsys.readouterr().err
        assert made != plain, f"{option.flag} does nothing for {output}"
        assert made or option.flag[2:] in said, f"{option.flag} for {output} says {said}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.mov", "--layout", "matte"], "--layout is for EXR files, and no output is one"),
        (["-o", "x.png", "--foreground", "source"], "--foreground is for outputs with color"),
        (["-o", "x.####.exr", "--layout", "matte", "--foreground", "none"], "--foreground is for"),
        (["-o", "x.mkv", "--codec", "ffv1", "--quality", "9"], "--quality is for ProRes"),
        (["-o", "x.mov", "--codec", "animation", "--quality", "9"], "--quality is for ProRes"),
        (["-o", "x.mov", "--width", "9"], "--width is for --shape core, edge or trimap"),
        (["-o", "x.exr", "--start-number", "9"], "--start-number is for numbered pictures"),
        (["-o", "x", "--for", "nuke", "--premultiplied"], "--premultiplied is for movies of color"),
        (["-o", "x.mov", "--layout", "rgba"], "write -o x.####.exr, or leave it out"),
        (
            ["-o", "x.mov", "--tr", "0", "--sc-threshold", "0.3"],
            "--sc-threshold is for frames with",
        ),
        (["-o", "x.mov", "--tr", "off", "--sc-threshold", "off"], "is matted alone; give --tr 2"),
        (["-o", "x.mov", "--matte-channel", "red"], "--matte-channel is for a matte that is given"),
    ],
)
@pytest.mark.parametrize("verb", ["matte", "batch"])
def test_what_would_do_nothing_is_refused_before_any_work(
    verb, words, said, footage, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if verb == "batch":
        words = ["-o", "made", "--to", *words[1:]]

    assert main([verb, str(footage / "plate.mkv"), *words]) == 1

    assert said in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


ALPHA_ALONE = {
    "gray pictures": ["x.####.png"],
    "a gray movie": ["x.mkv"],
    "data": ["x.####.exr", "--layout", "matte"],
}


@pytest.mark.parametrize("words", ALPHA_ALONE.values(), ids=ALPHA_ALONE)
def test_an_export_without_color_has_no_use_for_a_color_space(footage, tmp_path, capsys, words):
    """A network has: `sghm matte` takes it for any output."""
    plate = [str(footage / "plate.mkv"), "--alpha", str(footage / "matte.####.png")]
    output, *more = words
    said = ["-o", str(tmp_path / output), *more, "--input-colorspace", "rec709", "--quiet"]

    assert main(["export", *plate, *said]) == 1

    assert "--input-colorspace is for outputs with color" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
    assert main(["matte", str(footage / "plate.mkv"), *said, "--tr", "0"]) == 0
    color = ["-o", str(tmp_path / "c.mov"), "--input-colorspace", "rec709", "--quiet"]
    assert main(["export", *plate, *color]) == 0


def test_a_rate_that_varies_is_not_kept_of_fields(footage, tmp_path, capsys):
    out = ["-o", str(tmp_path / "x.mov"), "--vfr", "--deinterlace", "field"]

    assert main(["matte", str(footage / "plate.mkv"), *out]) == 1

    said = capsys.readouterr().err
    assert "--vfr" in said
    assert "take --deinterlace frame, or --rate N" in said


def test_a_mask_of_another_size_is_refused_with_what_brings_it_to_this(footage, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "m.png"), np.full((24, 32), 255, np.uint8))
    words = ["matte", str(footage / "plate.mkv"), "--mask", str(tmp_path / "m.png"), "--tr", "0"]

    assert main([*words, "-o", str(tmp_path / "x.mov")]) == 1

    said = capsys.readouterr().err
    assert "ffmpeg -i MASK -vf scale=64:48 -c:v ffv1 NEW.mkv" in said


def test_a_clip_of_another_size_or_length_is_refused_with_a_line_for_the_script():
    clip = noise_clip(length=3)
    alpha = clip.std.ShufflePlanes(0, vs.GRAY)
    small = alpha.resize.Point(32, 24)
    width, height = clip.width, clip.height

    with pytest.raises(vs.Error, match=rf"alpha\.resize\.Bicubic\({width}, {height}\)"):
        attach(clip, small)
    with pytest.raises(vs.Error, match=r"alpha\[:3\]"):
        attach(clip, alpha + alpha)
    with pytest.raises(vs.Error, match=r"alpha \+ alpha\[-1\] \* 2"):
        attach(clip, alpha[:1])


def test_what_one_of_several_outputs_has_a_use_for_is_taken(footage, tmp_path):
    plate = [str(footage / "plate.mkv"), "--alpha", str(footage / "matte.####.png")]
    outputs = ["-o", str(tmp_path / "x.mov"), "-o", str(tmp_path / "x.####.exr")]

    assert main(["export", *plate, *outputs, "--layout", "matte", "--quality", "9"]) == 0


def test_what_some_shots_of_a_batch_have_a_use_for_is_taken_for_those_alone(tmp_path):
    for name in ("a.mov", "b.mov"):
        (tmp_path / name).touch()
    footage = [FoundFootage(tmp_path / name, (name[0],)) for name in ("a.mov", "b.mov")]
    said = {"layout": "matte", "quality": 9}
    values = [{**said, "to": ("{shot}.####.exr",)}, {**said, "to": ("{shot}.mov",)}]
    requests = [Request(one, own) for one, own in zip(footage, values, strict=True)]

    exr, mov = shots_from((requests, Batch([])), tmp_path / "out").shots

    assert (exr.delivery.output_format.layout, exr.delivery.output_format.quality) == ("matte", 4)
    assert (mov.delivery.output_format.layout, mov.delivery.output_format.quality) == ("rgba", 9)
    with pytest.raises(ExportError, match="quality is for ProRes"):
        shots_from((requests[:1], Batch([])), tmp_path / "out")


@pytest.mark.parametrize(
    "words", [["--tr", "0"], ["--frames", "1-2"], ["--start-number", "3"], ["--debug", "steps"],
              ["--audio"], ["--layout", "matte"]],
)  # fmt: skip
def test_what_unrelated_pictures_have_no_use_for_is_refused(words, tmp_path, capsys):
    album = tmp_path / "album"
    album.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(album / name), _matte())

    assert main(["matte", str(album), "-o", f"{tmp_path}/out/", *words]) == 1

    assert f"{words[0]} is for" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_script_is_told_so_in_its_words(tmp_path):
    clip = noise_clip(length=1)
    alpha = clip.std.ShufflePlanes(0, vs.GRAY)

    with pytest.raises(ExportError, match=r'^layout is for EXR files.* "x\.####\.exr"'):
        export(clip, alpha, tmp_path / "x.mov", layout="matte")
    with pytest.raises(Exception, match='width is 9, for shape="core"'):
        edges(alpha, width=9)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tr": 0, "sc_threshold": 0.3}, "sc_threshold is for frames with neighbors"),
        ({"tr": "off", "sc_threshold": None}, "each is matted alone; give tr=2, or leave it out"),
        ({"tr": 0, "sc": False}, "sc is for frames with neighbors"),
        ({"sc": False, "sc_threshold": 0.3}, "sc=False looks for no scene changes; give one"),
        ({"auto_download": True}, "give model='sghm-resnet50', or leave it out"),
    ],
)
def test_the_filter_refuses_arguments_that_would_do_nothing(given, said):
    with pytest.raises(vs.Error, match=rf"^sghm: .*{re.escape(said)}"):
        sghm(noise_clip(length=3), -1, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"over": (0, 0, 0)}, "over is for review movies"),
        ({"foreground": noise_clip(length=1)}, "foreground is for outputs with color"),
        ({"resume": True, "overwrite": True}, "give one of them"),
    ],
)
def test_so_does_an_export(given, said, tmp_path):
    clip = noise_clip(length=1)

    with pytest.raises(ExportError, match=said):
        export(clip, clip.std.ShufflePlanes(0, vs.GRAY), tmp_path / "x.png", **given)

    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("layout", "met"),
    [("rgba", True), ("matte", False), ("alpha", False), ("layered", True), ("fg", True),
     ("multipart", True)],
)  # fmt: skip
def test_layouts_with_color_have_a_use_for_a_foreground(layout, met):
    assert ("color" in OutputFormat(layout=layout).meets("x.####.exr")) == met


REFUSED = {
    "an interlaced script": ["export", "interlaced.vpy", "-o", "new/deep/x.mov"],
    "footage without sound": ["export", "silent.vpy", "-o", "new/x.mov", "--audio"],
    "an unknown model": ["matte", "silent.vpy", "-o", "new/x.mov", "--model", "nope"],
    "a model unknown to a batch": ["batch", "silent.vpy", "-o", "new", "--model", "nope"],
    "two shots of one name": ["batch", "silent.vpy", "interlaced.vpy", "-o", "new", "--to", "x.mov"],
    "a plan of nothing": ["farm", "plan", "interlaced.vpy", "-o", "new/plan.json"],
    "an edit that isn't there": ["timeline", "nope.edl", "-o", "new"],
    "a demo of an unknown model": ["demo", "new", "--model", "nope"],
    "a network that isn't there": ["nuke", "export", "--model", "nope", "-o", "new"],
    "a comp of nothing": ["nuke", "comp", "nope.####.exr", "-o", "new/x.nk"],
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED.values(), ids=REFUSED)
def test_a_run_that_is_refused_leaves_no_folder(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = (
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=64, length=2)\n"
        "alpha = clip.std.ShufflePlanes(0, vs.GRAY)\n"
    )
    Path("interlaced.vpy").write_text(f"{head}clip.std.SetFieldBased(2).set_output(alpha=alpha)\n")
    Path("silent.vpy").write_text(f"{head}clip.set_output(alpha=alpha)\n")

    assert main(words) == 1

    assert sorted(path.name for path in tmp_path.iterdir()) == ["interlaced.vpy", "silent.vpy"]


def test_a_folder_that_was_there_stays_though_it_is_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("plain.vpy").write_text(
        "import vapoursynth as vs\nvs.core.std.BlankClip(length=1).set_output()\n"
    )

    assert (
        main(["export", "plain.vpy", "--alpha", "plain.vpy", "-o", "there/new/x.mov", "--audio"])
        == 1
    )

    assert [path.name for path in Path("there").iterdir()] == []
