"""What was written is opened again; what broke off is gone on with. Nothing is taken on trust."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs import export
from sghm_vs.cli import main
from sghm_vs.errors import ExportError, SghmError
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.compare import verify
from sghm_vs.media.verification.sidecar import Record, Sample, join, read_record, sampled
from sghm_vs.media.writers import exr, movie
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.models.weights import VERSIONS, find_weights
from sghm_vs.options import CODECS, COMPRESSIONS, LAYOUTS, SAMPLES
from tests.clips import counted, noise_clip

FORMS = ("x.mov", "x.####.exr", "x.####.png", "x.mkv")


@pytest.fixture
def shot() -> tuple[vs.VideoNode, vs.VideoNode]:
    clip = noise_clip(length=12)
    return clip, clip.std.ShufflePlanes(0, vs.GRAY)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files in `folder`, sidecars without their times."""
    return {path.name: _timeless(path) for path in sorted(folder.iterdir())}


def _timeless(path: Path) -> bytes:
    if path.suffix != ".json":
        return path.read_bytes()
    record = json.loads(path.read_text())
    del record["times"]
    return json.dumps(record).encode()


def record_of(path: Path) -> Record:
    return read_record(path.with_name(path.name + ".json"))


def test_each_delivery_has_a_record_that_says_what_it_is(tmp_path, shot):
    export(*shot, *(tmp_path / form for form in FORMS), first_number=8, metadata={"model": "m"})

    names = {path.name for path in tmp_path.glob("*.json")}
    assert names == {"x.mov.json", "x.mkv.json", "x.8-19.exr.json", "x.8-19.png.json"}
    record = read_record(tmp_path / "x.8-19.exr.json")
    assert (record.output, record.first, record.last, record.state) == (
        "x.####.exr", 8, 19, "finished"
    )  # fmt: skip
    assert record.how["settings"] == {"model": "m"}
    assert set(record.files) == {f"x.{number:04d}.exr" for number in range(8, 20)}
    assert record.facts["rate"] == "24000/1001"
    assert len(record.samples) == 5


def test_a_records_alpha_is_that_of_another_reader(tmp_path, shot):
    export(*shot, tmp_path / "x.####.exr")

    record = read_record(tmp_path / "x.0-11.exr.json")
    for number, sample in record.samples.items():
        pixels = oiio.ImageBuf(str(tmp_path / f"x.{number:04d}.exr")).get_pixels(oiio.FLOAT)
        alpha = pixels[..., 3]
        assert (sample.least, sample.most) == (alpha.min(), alpha.max())
        assert sample.mean == pytest.approx(alpha.mean(), abs=1e-5)


@pytest.mark.parametrize("length", [1, 2, 4, 5, 6, 1000])
def test_first_and_last_frame_are_among_those_compared(length):
    chosen = sampled(length)

    assert {0, length - 1} <= chosen <= set(range(length))
    assert len(chosen) == min(length, 5)


def test_an_alpha_other_than_the_one_that_was_sent_is_an_error(tmp_path, shot, monkeypatch):
    """The sample is taken of what was sent; here the file gets something else."""
    monkeypatch.setattr(
        exr.ExrWriter, "_sample",
        lambda _self, channels: exr.Sample.of(np.zeros_like(channels["A"])),
    )  # fmt: skip

    with pytest.raises(ExportError, match=r"is not what was sent: .*its alpha is .* was sent"):
        export(*shot, tmp_path / "x.####.exr")


def test_a_movie_with_another_frame_count_or_tag_is_an_error(tmp_path, shot, monkeypatch):
    true_facts = movie._facts
    monkeypatch.setattr(
        movie, "_facts",
        lambda *given: true_facts(*given) | {"frames": 13, "color": [9, 16, 9]},
    )  # fmt: skip

    with pytest.raises(ExportError, match=r"frames is 12, and 13 was sent.*color is \[1, 1, 1\]"):
        export(*shot, tmp_path / "x.mov")


def every_output(folder: Path, shot) -> int:
    """Write a delivery of every kind, each into a folder of its own; return how many there are."""
    made = {
        f"{layout}.####.exr": {"layout": layout} for layout in LAYOUTS if layout != "cryptomatte"
    }
    made |= {f"{name}.####.exr": {"compression": name} for name in COMPRESSIONS}
    made |= {f"{name}.####.exr": {"sample": name, "layout": "matte"} for name in SAMPLES}
    made["fg_dwaa.####.exr"] = {"compression": "dwaa", "layout": "fg"}
    for codec, row in CODECS.items():
        made[f"{codec}{row.suffix}"] = {"codec": codec}
        if row.layer == "rgba":
            made[f"{codec}_p{row.suffix}"] = {"codec": codec, "premultiplied": True}
    made["a.####.png"] = {}
    for name, output_format in made.items():
        over = {"over": (0.5, 0.5, 0.5)} if name.endswith(".mp4") else {}
        export(*shot, folder / name, **over, **output_format)
    return len(made)


@pytest.mark.slow
def test_every_output_passes_its_check_and_verifies_later(tmp_path, shot, capsys):
    count = every_output(tmp_path, shot)

    code = main(["verify", str(tmp_path), str(tmp_path / "rgba.####.exr"), "--json"])

    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["failed"] == {}
    assert len(said["verified"]) == count


@pytest.mark.parametrize("rate", [(24, 1), (25, 1), (30000, 1001), (60, 1), (15, 2), (12, 1)])
def test_rates_read_back_as_they_were_sent(tmp_path, rate):
    clip = noise_clip(length=3).std.AssumeFPS(fpsnum=rate[0], fpsden=rate[1])

    paths = [tmp_path / name for name in (*FORMS, "x.mp4")]
    export(clip, clip.std.ShufflePlanes(0, vs.GRAY), *paths, over=(0, 0, 0))

    assert main(["verify", str(tmp_path)]) == 0


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.mov", "x.mkv", "x.0004.exr", "x.0004.png"])
@pytest.mark.parametrize("damage", [truncate, flip, Path.unlink])
def test_verify_finds_what_was_cut_changed_or_lost(tmp_path, shot, capsys, name, damage):
    export(*shot, *(tmp_path / form for form in FORMS))
    damage(tmp_path / name)

    assert main(["verify", str(tmp_path)]) == 1

    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert f"{name} changed or missing" in captured.err


def test_verify_says_what_has_no_record(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "x.mov")]) == 1
    assert "has no sidecar" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"kind": "sghm_vs delivery"}', "\0"])
def test_a_damaged_record_is_named(tmp_path, text):
    (tmp_path / "x.mov.json").write_text(text)

    with pytest.raises(ExportError, match=r"x\.mov\.json is not the sidecar"):
        read_record(tmp_path / "x.mov.json")


DAMAGED = [
    {"first": "eight"}, {"last": None}, {"files": {"x": {"size": "big", "sha256": "a"}}},
    {"samples": {"one": {}}}, {"facts": 3}, {"state": 5}, {"samples": [1]},
    {"times": {"begun": 4}}, {"later": 1},
]  # fmt: skip


@pytest.mark.parametrize("change", DAMAGED, ids=str)
def test_a_record_with_a_value_of_another_kind_is_refused_where_it_is(tmp_path, change):
    good = Record(output="x.mov", first=0, last=3, how={}, facts={"is_sequence": False})
    (tmp_path / "x.mov.json").write_text(json.dumps(json.loads(good.to_json()) | change))

    said = "says later" if "later" in change else f"damaged: Expected .*{next(iter(change))}"
    with pytest.raises(ExportError, match=said):
        read_record(tmp_path / "x.mov.json")


def test_a_record_reads_back_as_it_was_also_where_color_is_not_a_number():
    sample = Sample(0.0, 1, float("nan"), None)
    record = Record(output="x", first=0, last=0, how={"a": [1]}, facts={}, samples={0: sample})

    again = Record.from_json(record.to_json())

    assert str(again) == str(record).replace("most=1,", "most=1.0,")


def test_resume_renders_what_is_missing_or_broken_and_nothing_else(tmp_path, shot):
    clip, alpha = shot
    paths = [tmp_path / "one" / form for form in FORMS]
    export(clip, alpha, *paths)
    whole = contents(tmp_path / "one")
    truncate(tmp_path / "one" / "x.0003.exr")
    (tmp_path / "one" / "x.0007.exr").unlink()
    (tmp_path / "one" / "x.0008.png").write_bytes(b"")
    seen_clip, seen = counted(alpha)
    seen.clear()

    export(clip, seen_clip, *paths, resume=True)

    assert sorted(seen) == [3, 7, 8]
    assert contents(tmp_path / "one") == whole


@pytest.mark.parametrize("form", ["x.####.exr", "x.####.png"])
def test_what_was_to_be_overwritten_when_it_broke_off_is_not_taken_for_new(tmp_path, shot, form):
    clip, alpha = shot
    export(clip, alpha.std.BlankClip(color=0.25, keep=True), tmp_path / "both" / form)
    with pytest.raises(SghmError, match="frame 5"):
        export(clip, failing_at(alpha, 5), tmp_path / "both" / form, overwrite=True)

    export(clip, alpha, tmp_path / "both" / form, resume=True)

    export(clip, alpha, tmp_path / "new" / form)
    assert contents(tmp_path / "both") == contents(tmp_path / "new")


def failing_at(alpha: vs.VideoNode, number: int) -> vs.VideoNode:
    def made(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if n == number:
            raise ValueError
        return f

    return alpha.std.ModifyFrame(alpha, made)


@pytest.mark.parametrize("name", ["x.mov", "x.mkv"])
def test_a_broken_movie_is_rendered_whole_and_a_whole_one_not_at_all(tmp_path, shot, name):
    clip, alpha = shot
    export(clip, alpha, tmp_path / name)
    whole = contents(tmp_path)
    seen_clip, seen = counted(alpha)
    seen.clear()

    export(clip, seen_clip, tmp_path / name, resume=True)
    assert seen == []
    flip(tmp_path / name)
    export(clip, seen_clip, tmp_path / name, resume=True)

    assert sorted(seen) == list(range(12))
    assert contents(tmp_path) == whole


def test_a_frame_whose_pixels_changed_behind_a_good_header_is_rendered_again(tmp_path, shot):
    export(*shot, tmp_path / "x.####.exr", compression="none")
    whole = contents(tmp_path)
    flip(tmp_path / "x.0002.exr")
    assert oiio.ImageBuf(str(tmp_path / "x.0002.exr")).read()

    export(*shot, tmp_path / "x.####.exr", compression="none", resume=True)

    assert contents(tmp_path) == whole


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metadata": {"tr": "0"}}, "another tr than now"),
        ({"layout": "matte"}, "another .*layout.* than now"),
    ],
)
def test_resume_refuses_to_mix_what_was_made_in_two_ways(tmp_path, shot, change, words):
    export(*shot, tmp_path / "x.####.exr", metadata={"tr": "2"})
    (tmp_path / "x.0005.exr").unlink()

    with pytest.raises(ExportError, match=words):
        export(*shot, tmp_path / "x.####.exr", resume=True, **({"metadata": {"tr": "2"}} | change))

    assert not (tmp_path / "x.0005.exr").exists()


BFLOAT = {"backend": "openvino", "precision": "bfloat16"}
FLOAT = {"backend": "onnxruntime", "precision": "float32"}


@pytest.mark.parametrize(
    ("before", "now", "is_again"),
    [(BFLOAT, BFLOAT, False), (BFLOAT, FLOAT, True), (None, FLOAT, False)],
)
@pytest.mark.parametrize("form", ["x.####.exr", "x.mkv"])
def test_resume_makes_again_what_another_backend_or_precision_made_and_says_so(
    tmp_path, shot, caplog, before, now, is_again, form
):
    clip, alpha = shot
    export(clip, alpha, tmp_path / form, made_by=before)
    seen_clip, seen = counted(alpha)
    seen.clear()

    export(clip, seen_clip, tmp_path / form, made_by=now, resume=True)

    assert sorted(seen) == (list(range(12)) if is_again else [])
    said = "openvino in bfloat16, and onnxruntime in float32 goes on"
    assert (said in caplog.text) == is_again
    assert ("--backend openvino --fp16" in caplog.text) == is_again


@pytest.mark.parametrize("form", ["x.####.exr", "x.mkv"])
def test_what_resume_says_to_type_keeps_what_was_made(tmp_path, shot, form):
    """By `auto` as by name: what counts is what it came to."""
    clip, alpha = shot
    export(clip, alpha, tmp_path / form, made_by=BFLOAT, metadata={"model": "m"})
    seen_clip, seen = counted(alpha)
    seen.clear()
    typed = {"model": "m", "backend": "openvino", "fp16": "True"}

    export(clip, seen_clip, tmp_path / form, made_by=BFLOAT, metadata=typed, resume=True)
    assert seen == []

    typed |= {"backend": "torch", "fp16": "False"}
    export(clip, seen_clip, tmp_path / form, made_by=FLOAT, metadata=typed, resume=True)
    assert sorted(seen) == list(range(12))


def test_resume_with_other_weights_says_what_brings_the_first_ones_back(tmp_path, shot):
    version = next(iter(VERSIONS))
    first = {"model": version, "weights_sha256": find_weights(version).sha256()}
    export(*shot, tmp_path / "x.####.exr", metadata=first)

    with pytest.raises(
        ExportError, match=f"another model, weights_sha256 than now.*--model {version}"
    ):
        export(*shot, tmp_path / "x.####.exr", resume=True, metadata={"weights_sha256": "0"})


def test_resume_refuses_files_that_nothing_is_known_of(tmp_path, shot):
    export(*shot, tmp_path / "x.####.exr", sidecar=False)

    with pytest.raises(ExportError, match="without the sidecar that says how they were made"):
        export(*shot, tmp_path / "x.####.exr", resume=True)


def test_a_record_of_parts_says_all_that_made_them(tmp_path, shot):
    for first, last, by in ((0, 5, BFLOAT), (6, 11, FLOAT)):
        cut = [node[first : last + 1] for node in shot]
        export(*cut, tmp_path / "x.####.exr", first_number=first, made_by=by)

    join(Target.of(tmp_path / "x.####.exr"), range(12))

    (record,) = (Record.from_json(one.read_text()) for one in tmp_path.glob("*.json"))
    assert record.how["made_by"] == {
        "backend": "onnxruntime and openvino",
        "precision": "bfloat16 and float32",
    }


def test_resume_takes_the_frames_of_chunks_of_the_same_shot(tmp_path, shot):
    clip, alpha = shot
    export(clip, alpha, tmp_path / "whole" / "x.####.exr", first_number=1)
    for first, last in ((0, 4), (8, 11)):
        cut = [node[first : last + 1] for node in shot]
        export(*cut, tmp_path / "parts" / "x.####.exr", first_number=1 + first)
    seen_clip, seen = counted(alpha)
    seen.clear()

    export(clip, seen_clip, tmp_path / "parts" / "x.####.exr", first_number=1, resume=True)

    assert sorted(seen) == [5, 6, 7]
    # The sidecars of the chunks gave way to that of all.
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_a_record_of_nothing_does_not_stay(tmp_path, shot):
    clip, alpha = shot

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(clip, alpha, tmp_path / "x.mov", progress=interrupt)

    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys, vapoursynth as vs
from tests.clips import noise_clip
from sghm_vs import export
clip = noise_clip(length=24)
alpha = clip.std.ShufflePlanes(0, vs.GRAY)
folder, moment, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def end(done, of):
    if done == moment:
        os.kill(os.getpid(), signal.SIGKILL)

export(clip, alpha, *(f"{folder}/{name}" for name in ("x.mov", "x.####.exr", "x.####.png")),
       progress=end, resume=how == "resume")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_killed_at_any_moment_and_gone_on_with_it_is_what_it_would_have_been(tmp_path):
    """Killed after 1, then after 9 more, then after 14 more frames; then let be."""
    for folder in ("killed", "whole"):
        (tmp_path / folder).mkdir()

    def run(folder: str, moment: int, how: str) -> int:
        words = [sys.executable, "-c", KILLED, str(tmp_path / folder), str(moment), how]
        root = Path(__file__).parents[1]
        return subprocess.run(
            words, check=False, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        ).returncode

    assert run("whole", 0, "new") == 0
    assert run("killed", 1, "new") == -signal.SIGKILL
    assert run("killed", 9, "resume") == -signal.SIGKILL
    for path in (tmp_path / "killed").glob("x.*.exr"):
        assert oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT).shape == (64, 96, 4)
    assert run("killed", 24, "resume") == -signal.SIGKILL

    assert run("killed", 0, "resume") == 0

    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    verify(tmp_path / "killed" / "x.mov.json", record_of(tmp_path / "killed" / "x.mov"))


def _layered(path: Path) -> None:
    """Write an EXR file of which each layer has its own color."""
    spec = oiio.ImageSpec(64, 48, 6, "half")
    spec.channelnames = ["R", "G", "B", "beauty.R", "beauty.G", "beauty.B"]
    picture = oiio.ImageBuf(spec)
    oiio.ImageBufAlgo.fill(picture, (0.1, 0.1, 0.1, 0.8, 0.8, 0.8))
    assert picture.write(str(path))


@pytest.fixture
def layers(tmp_path) -> Path:
    """A sequence of two layers whose frame 2 is missing, and its matte."""
    for number in (1, 3, 4):
        _layered(tmp_path / f"p.{number:04d}.exr")
    for number in range(1, 5):
        cv2.imwrite(str(tmp_path / f"a.{number:04d}.png"), np.full((48, 64), 90, np.uint8))
    return tmp_path


OPENED = [
    (["--missing", "hold"], ["--missing", "black"], "missing"),
    (["--missing", "hold"], ["--missing", "hold", "--layer", "beauty"], "layer"),
    (["--missing", "hold", "--keep-windows"], ["--missing", "hold"], "keep_windows"),
]


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["export", "matte"])
@pytest.mark.parametrize(("first", "then", "name"), OPENED)
def test_resume_refuses_footage_that_is_opened_otherwise(layers, capsys, verb, first, then, name):
    """Else frames of two layers would stand side by side."""
    more = ["--tr", "0"] if verb == "matte" else ["--alpha", str(layers / "a.####.png")]
    words = [verb, str(layers / "p.####.exr"), *more, "-o", str(layers / "x.####.exr"), "--quiet"]
    assert main([*words, *first]) == 0
    (layers / "x.0003.exr").unlink()
    capsys.readouterr()

    assert main([*words, *then, "--resume"]) == 1

    assert f"made with another --{name.replace('_', '-')}" in capsys.readouterr().err
    assert not (layers / "x.0003.exr").exists()
    assert main([*words, *first, "--resume"]) == 0


def test_resume_refuses_another_track_and_another_reading_of_the_matte(tmp_path, capsys):
    words = []
    for color in ("gray", "white"):
        words += ["-f", "lavfi", "-i", f"color={color}:s=64x48:r=24:d=0.2"]
    words += ["-map", "0", "-map", "1", "-c:v", "ffv1", tmp_path / "p.mkv"]
    subprocess.run([find_ffmpeg(), "-v", "error", *words], check=True)
    out = ["-o", str(tmp_path / "x.####.exr"), "--quiet"]
    words = ["export", str(tmp_path / "p.mkv"), "--alpha", str(tmp_path / "p.mkv"), *out]
    assert main([*words, "--track", "1"]) == 0
    capsys.readouterr()

    assert main([*words, "--track", "1", "--matte-channel", "luma", "--resume"]) == 1
    assert "another --matte-channel than now" in capsys.readouterr().err
    assert main([*words, "--track", "0", "--resume"]) == 1
    assert "another --track than now" in capsys.readouterr().err


def test_what_is_not_said_of_footage_is_not_in_its_files(layers):
    for number in range(1, 5):
        _layered(layers / f"p.{number:04d}.exr")
    words = ["export", str(layers / "p.####.exr"), "--alpha", str(layers / "a.####.png")]
    assert main([*words, "-o", str(layers / "x.####.exr"), "--quiet"]) == 0

    header = oiio.ImageBuf(str(layers / "x.0001.exr")).spec()
    said = {one.name for one in header.extra_attribs if one.name.startswith("sghm_vs:")}

    assert said == {
        f"sghm_vs:{name}" for name in ("source", "matte", "source_file", "source_frame")
    }
