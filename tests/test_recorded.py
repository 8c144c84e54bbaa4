"""What changes what is delivered is recorded: another value never keeps what is there."""

import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs.cli import main
from sghm_vs.errors import ExportError
from sghm_vs.media.readers import open_source
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.options import (
    NEEDS,
    Delivery,
    FrameRange,
    Matting,
    Opening,
    ShotOptions,
    made_of,
    options_of,
    recorded,
)
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.batch.record import settings_of
from sghm_vs.shots.shot import deliver
from tests.clips import core
from tests.test_vfr import write_movie

VALUES = {
    "to": ("{shot}.####.exr",), "host": "nuke", "frames": FrameRange(1, 2),
    "rate": Fraction(12), "vfr": True, "missing": "hold", "colorspace": "logc4",
    "deinterlace": "field", "field_order": "bottom", "layer": "hero", "track": 1,
    "keep_windows": True, "model": "sghm-lite@9", "device_index": -1, "backend": "torch",
    "fp16": True, "mask": Path("mask.png"), "mask_start": 7, "matte_channel": "red",
    "mask_tr": 1, "trimap": Path("trimap.png"), "keys": Path("keys"), "key_span": 12,
    "keep": Path("keep.png"), "holdout": Path("holdout.png"), "guide_start": 5, "guide_band": 0.1,
    "people": Path("people.json"), "person": "1", "screen": "green", "roi": (2, 2, 40, 40),
    "sizing": "image", "infer_size": 640, "exposure": 1.0, "tr": 1, "sc_threshold": 0.2,
    "foreground": "none", "despill": "blue", "despill_strength": 0.5,
    "layout": "matte", "sample": "float", "compression": "none",
    "codec": "animation", "premultiplied": True, "audio": True, "quality": 25,
    "over": (1.0, 0.0, 0.0), "timecode": "02:00:00:00", "version": 3, "start_number": 50,
    "black": 0.3, "white": 0.6, "gamma": 2.0, "despeckle": 400.0, "fill": 400.0, "grow": 40.0,
    "feather": 80.0, "shape": "core", "width": 20.0, "invert": True,
}  # fmt: skip
"""Of every knob a value that is not its default."""
ELSEWHERE = {
    "to": "the outputs, which are asked for by name",
    "host": "other knobs, which are recorded, and the endings of outputs",
    "frames": "the numbers of the frames, and the key of a batch's shot",
    "version": "the outputs' names",
    "people": "the file's name and hash, beside who is meant (`test_people`)",
    "person": "who is meant, of that file (`test_people`)",
}
"""Knobs that no setting records, each with what they become."""
UNSHAPING = {
    "device_index": "kinds of devices differ by a bit, and a shot may go on where one is free; a "
    "farm pins it in its plan"
}
"""Knobs that change nothing that anybody ordered."""
BY_FRAME = {"keys", "key_span"}
"""Knobs of which a sidecar says at each frame what they did to it; see `test_keys`."""


def test_every_knob_is_tried():
    assert VALUES.keys() == {option.name for option in options_of(ShotOptions)}


@pytest.mark.parametrize("name", sorted(VALUES.keys() - ELSEWHERE.keys() - UNSHAPING.keys()))
def test_a_batch_makes_a_shot_again_whose_knobs_are_others(name):
    def settings(values: dict[str, object]) -> dict[str, object]:
        groups = {"opening": Opening, "matting": Matting, "delivery": Delivery}
        made = {word: made_of(group, values) for word, group in groups.items()}
        return settings_of(Shot(name="a", source=Path("/a.mov"), outputs=("a.mov",), **made))

    needed = {"keys": VALUES["keys"]} if name == "key_span" else {}
    assert settings({**needed, name: VALUES[name]}) != settings(needed)


@pytest.mark.parametrize(
    "name", [one.name for one in options_of(Matting) if one.name not in {*UNSHAPING, *BY_FRAME}]
)
def test_a_sidecar_says_how_a_shot_was_matted(name):
    """A model by the hash of its weights."""
    value = made_of(Matting, {name: VALUES[name]})

    assert name == "model" or recorded(value) != recorded(Matting())


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Footage of every kind that leaves something open, by the knob that says it."""
    folder = tmp_path_factory.mktemp("footage")
    rng = np.random.default_rng(0)
    for number in (1, 2, 4):
        cv2.imwrite(str(folder / f"plate.{number:04d}.png"), rng.integers(0, 255, (48, 64, 3)))
    write_movie(folder / "varies.mkv")
    given = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=24:d=0.2", "-f", "lavfi", "-i", "sine=d=0.2"]
    kept = ["-c:v", "ffv1", "-c:a", "flac", "-metadata", "timecode=01:00:00:00"]
    command = [find_ffmpeg(), "-v", "error", *given]
    tracks = ["-map", "0:v", "-map", "0:v", "-filter:v:1", "negate"]
    subprocess.run([*command, *tracks, "-map", "1:a", *kept, folder / "plate.mkv"], check=True)
    fields = ["-vf", "setfield=tff", "-field_order", "tt", *kept]
    subprocess.run([*command, *fields, folder / "fields.mkv"], check=True)
    _write_exr(folder / "layers.0001.exr", rng)
    return folder


def _write_exr(path: Path, rng: np.random.Generator) -> None:
    """Two layers, of more than is displayed."""
    spec = oiio.ImageSpec(68, 52, 6, "half")
    spec.channelnames = ("R", "G", "B", "hero.R", "hero.G", "hero.B")
    spec.x = spec.y = -2
    spec.full_x = spec.full_y = 0
    spec.full_width, spec.full_height = 64, 48
    out = oiio.ImageOutput.create(str(path))
    out.open(str(path), spec)
    out.write_image(rng.random((52, 68, 6), np.float32))
    out.close()


FOOTAGE = {"rate": "plate.####.png", "missing": "plate.####.png", "vfr": "varies.mkv",
           "deinterlace": "fields.mkv", "field_order": "fields.mkv", "layer": "layers.####.exr",
           "keep_windows": "layers.####.exr"}  # fmt: skip
"""What has a use for a knob, where that isn't any movie."""
FIRST = {"missing": {"missing": "black"}, "vfr": {"rate": Fraction(30)},
         "deinterlace": {"deinterlace": "frame"}, "field_order": {"deinterlace": "frame"},
         "rate": {"missing": "black"}, "width": {"shape": "core"},
         "over": {"over": (0.5, 0.5, 0.5)}, "despill": {"foreground": "estimate"},
         "despill_strength": {"foreground": "estimate", "despill": "blue"}}  # fmt: skip
"""What the first run is given, and the other as well unless the knob says otherwise."""
OUTPUTS = {"codec": "x.mov", "width": "x.mov", "layer": "x.####.exr", "keep_windows": "x.####.exr",
           "missing": "x.mov", "frames": "x.mov"}  # fmt: skip


def _output(name: str) -> str:
    needs = {one.name: one.knob.needs for one in options_of(ShotOptions)}[name]
    return OUTPUTS.get(name) or (NEEDS[needs][1] if needs in NEEDS else "x.mov")


def _made(path: Path, out: Path, values: dict[str, object], *, resume: bool) -> dict[str, bytes]:
    opening, delivery = made_of(Opening, values), made_of(Delivery, values)
    source = open_source(path, opening)
    alpha = core.std.BlankClip(source.clip, format=vs.GRAY16, keep=True)

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        drawn = np.zeros((f.height, f.width), np.uint16)
        cv2.circle(drawn, (24 + n, 24), 16, 65535, -1)
        cv2.circle(drawn, (24 + n, 24), 3, 0, -1)
        cv2.circle(drawn, (56, 8), 2, 65535, -1)
        np.copyto(np.asarray(frame[0]), cv2.blur(drawn, (3, 3)))
        return frame

    delivery = replace(delivery, resume=resume)
    frames = values.get("frames")
    deliver(source, alpha.std.ModifyFrame(alpha, draw), [out], frames=frames, delivery=delivery)
    return {one.name: one.read_bytes() for one in out.parent.iterdir() if one.suffix != ".json"}


OF_FILES = {one.name for group in (Opening, Delivery) for one in options_of(group)} | {"frames"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OF_FILES - {"version"}))
def test_a_run_that_goes_on_with_another_value_keeps_nothing_of_the_first(name, footage, tmp_path):
    path, output = footage / FOOTAGE.get(name, "plate.mkv"), _output(name)
    first = FIRST.get(name, {})
    other = {**first, name: VALUES[name]}
    if name == "vfr":
        del other["rate"]
    before = _made(path, tmp_path / "first" / output, first, resume=False)
    wanted = _made(path, tmp_path / "other" / output, other, resume=False)
    assert before != wanted, "the value changes nothing here: the test is of no use"

    with suppress(ExportError):
        found = _made(path, tmp_path / "first" / output, other, resume=True)
        assert {one: found[one] for one in wanted} == wanted


@pytest.mark.parametrize("what", ["over", "missing"])
def test_an_export_that_goes_on_says_what_is_another(what, footage, tmp_path, capsys):
    """A background, and how holes of mattes beside a movie are filled, were not recorded."""
    for number in (0, 1, 3, 4):
        matte = np.full((48, 64), 50 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"matte.{number:04d}.png"), matte)
        cv2.imwrite(str(tmp_path / f"b{number}.png"), matte)
    words = ["export", str(footage / "plate.mkv"), "--alpha", str(tmp_path / "matte.####.png")]
    words += ["--alpha-start", "0", "-o", str(tmp_path / "x.mp4"), "--quiet"]
    given = [["--over", "gray"], ["--missing", "black"]]
    other = {
        "over": [["--over", str(tmp_path / "b1.png")], ["--missing", "black"]],
        "missing": [["--over", "gray"], ["--missing", "hold"]],
    }[what]
    assert main([*words, *given[0], *given[1]]) == 0
    before = (tmp_path / "x.mp4").read_bytes()

    assert main([*words, *other[0], *other[1], "--resume"]) == 1

    assert f"made with another --{what} than now" in capsys.readouterr().err
    assert (tmp_path / "x.mp4").read_bytes() == before
    assert main([*words, *given[0], *given[1], "--resume"]) == 0


def test_what_a_review_is_over_changes_no_byte_of_what_is_beside_it(footage, tmp_path):
    for over in ("red", "blue"):
        shutil.copy(footage / "plate.mkv", tmp_path / "matte.mkv")
        words = ["export", str(footage / "plate.mkv"), "--alpha", str(tmp_path / "matte.mkv")]
        words += ["--matte-channel", "luma", "--over", over, "--quiet"]
        outputs = ["-o", f"{tmp_path}/{over}/x.mp4", "-o", f"{tmp_path}/{over}/x.####.exr"]
        assert main([*words, *outputs]) == 0

    one, other = (sorted((tmp_path / over).glob("*.exr")) for over in ("red", "blue"))

    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in other]
    assert len(one) == 5


def test_holes_of_a_background_beside_a_movie_are_filled_as_is_said(footage, tmp_path, capsys):
    """The refusal named an option that was then refused."""
    for number in (0, 1, 3, 4):
        cv2.imwrite(str(tmp_path / f"m.{number:04d}.png"), np.full((48, 64), 255, np.uint8))
    words = ["matte", str(footage / "plate.mkv"), "--over", str(tmp_path / "m.####.png")]
    words += ["-o", f"{tmp_path}/x.mp4", "--tr", "0", "--model", "sghm-lite", "--quiet"]

    assert main(words) == 1
    assert "--missing black or hold" in capsys.readouterr().err
    assert main([*words, "--missing", "hold"]) == 0
    assert main([*words, "--missing", "black", "--resume"]) == 1

    assert "made with another --missing than now" in capsys.readouterr().err
