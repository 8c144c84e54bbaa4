"""python -m benchmarks: rows that say what was measured."""

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import vapoursynth as vs

from benchmarks import peers, speed, stills, timing
from benchmarks.__main__ import main
from sghm_vs import cli
from sghm_vs.media.readers import Source
from sghm_vs.media.writers import export
from sghm_vs.models.weights import shipped


def written(folder: Path) -> Path:
    """Write a short movie, and a matte beside it; return the movie."""
    clip = vs.core.std.BlankClip(
        format=vs.RGB24, width=128, height=96, length=3, color=[90, 120, 60], fpsnum=24
    )
    alpha = vs.core.std.BlankClip(clip, format=vs.GRAY8, color=128)
    export(clip, alpha, folder / "plate.mkv", codec="ffv1", sidecar=False)
    export(clip, alpha, folder / "band.mkv", sidecar=False)
    return folder / "plate.mkv"


@pytest.fixture
def footage(tmp_path):
    return written(tmp_path)


SPEED = ["--size", "128x96", "--frames", "2", "--tr", "0"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """The folder of tables of one run: a row in a process of its own, long ones in this one."""
    folder = tmp_path_factory.mktemp("speed")
    apart = speed._in_its_own_process
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "SHORT", 2)
        patch.setattr(
            speed,
            "_in_its_own_process",
            lambda work, case: apart(work, case) if work is timing.measure else work(case),
        )
        words = ["speed", str(written(folder)), "--model", "sghm-lite", *SPEED]
        assert main([*words, "--long", "4", "--save", str(folder / "to")]) == 0
    return folder / "to"


@pytest.mark.slow
def test_a_row_has_the_speed_of_each_way_beside_the_baseline(saved):
    (row,) = json.loads((saved / "speed.json").read_text())["rows"]

    assert (row["model"], row["size"], row["tr"]) == (shipped().name, "128x96", 0)
    for name in (
        "baseline_ms", "network_fps", "network_p95_ms", "filter_fps", "filter_p50_ms", "filter_p95_ms",
        "file_fps", "file_part", "decode_fps", "encode_fps", "finest_whole_ms", "memory_mib",
    ):  # fmt: skip
        assert row[name] > 0, name
    assert row["ratio"] == pytest.approx(row["baseline_ms"] * row["network_fps"] / 1000)
    seen = {"encode", "segment"} if row["backend"] == "torch" else {"encode and segment"}
    assert {*seen, "around"} <= row["stages_ms"].keys()


@pytest.mark.parametrize("kind", [vs.YUV422P8, vs.YUV420P10, vs.RGB24, vs.GRAY8])
def test_footage_that_says_nothing_of_its_color_is_measured_as_any_other(kind, monkeypatch):
    untagged = vs.core.std.BlankClip(format=kind, width=64, height=48, length=2)
    said = {"_Matrix": 0 if kind == vs.RGB24 else 2, "_Transfer": 2, "_Primaries": 2}
    source = Source(untagged.std.SetFrameProps(**said), 0, "plate", "movie")
    monkeypatch.setattr("sghm_vs.media.readers.open_source", lambda _: source)
    case = SimpleNamespace(footage="plate.mov", frames=3, size=(128, 96))

    clip = timing._in_memory(case, distinct=2)

    assert (clip.format.id, clip.width, clip.num_frames) == (vs.YUV420P8, 128, 3)
    clip.get_frame(2).close()


@pytest.mark.slow
def test_weights_that_are_not_installed_are_random_and_get_a_real_mattes_band(
    footage, capfd, monkeypatch
):
    monkeypatch.setattr(speed, "_in_its_own_process", lambda work, case: work(case))
    words = ["--model", "sghm-resnet50", "--band", str(footage.with_name("band.mkv"))]

    assert main(["speed", str(footage), *words, *SPEED, "--json"]) == 0

    (row,) = json.loads(capfd.readouterr().out)["rows"]
    assert row["model"] == "sghm-resnet50 (random)"
    assert "file_fps" not in row


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs footage"),
        (["PLATE", "--model", "sghm-resnet50"], "--band FILE"),
        (["nowhere.mov"], "nowhere.mov doesn't exist"),
    ],
)
def test_what_is_missing_is_said(footage, capfd, words, said):
    words = [str(footage) if word == "PLATE" else word for word in words]

    assert main(["speed", *words, "--size", "128x96"]) == 1

    assert said in capfd.readouterr().err


@pytest.mark.slow
def test_a_long_run_is_compared_with_a_short_one(saved):
    found = json.loads((saved / "speed.json").read_text())

    assert [row["frames"] for row in found["long"]] == [2, 4]
    told = {floor["what"]: floor["got"] for floor in found["floors"]}
    assert told["frame_ms, 4 frames against 2, times"] > 0
    assert told["memory_mib, 4 frames against 2, times"] > 0


needs_plugin = pytest.mark.skipif(
    not hasattr(vs.core, "ort"), reason="needs a plug-in: pip install vapoursynth-mlrt-ort"
)


@pytest.mark.slow
@needs_plugin
def test_a_plugin_is_measured_through_the_filter_alone(footage, capfd, monkeypatch):
    """Its parts are nodes, which can't be timed one by one."""
    monkeypatch.setattr(speed, "SHORT", 2)
    monkeypatch.setattr(speed, "_in_its_own_process", lambda work, case: work(case))
    words = ["speed", str(footage), *SPEED, "--model", "sghm-lite", "--backend", "ort"]

    assert main([*words, "--long", "4", "--json"]) == 0

    found = json.loads(capfd.readouterr().out)
    (row,) = found["rows"]
    assert row["backend"] == "ort"
    assert row["filter_fps"] > 0
    assert row["file_fps"] > 0
    assert "network_fps" not in row
    assert [row["frames"] for row in found["long"]] == [2, 4]
    assert "| ort | float | " in speed._report(found)


@pytest.mark.slow
def test_backends_stand_side_by_side_and_clip_by_clip(footage, capfd):
    footage.with_name("band.mkv").rename(footage.with_name("plate_alpha.mkv"))
    words = ["backends", str(footage.parent), "--size", "128x96", "--frames", "2", "--rounds", "1"]

    assert main([*words, "--backends", "torch", "onnxruntime"]) == 0

    rows = [line.split(" | ") for line in capfd.readouterr().out.splitlines()]
    head, _, torch, other = rows[:4]
    assert [torch[0], other[0]] == ["| torch", "| onnxruntime"]
    assert head[-1] == "MB on the disk |"
    assert float(torch[-1].split()[0]) > float(other[-1].split()[0]) > 50
    assert [row[:2] for row in rows[7:8]] == [["| plate", "onnxruntime"]]


def test_a_folder_without_movies_has_no_backends_to_compare(capfd, tmp_path):
    assert main(["backends", str(tmp_path), "--backends", "torch"]) == 1

    assert f"no movie is in {tmp_path}" in capfd.readouterr().err


@pytest.mark.slow
def test_tables_are_saved_for_the_docs(saved):
    assert (saved / "speed.md").read_text().startswith("| model | size | tr |")


@pytest.mark.slow
def test_each_way_to_steady_a_matte_stands_beside_each_frame_alone(footage, capfd):
    footage.with_name("band.mkv").rename(footage.with_name("plate_alpha.mkv"))
    words = ["temporal", str(footage.parent), "--model", "sghm-lite", "--grain", "4"]

    assert main(words) == 0

    names, *rows, _ = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert " ".join(names) == "mean of 1 clips dtSSD MAD worst worst +dtSSD +MAD"
    assert [row[0] for row in rows] == [
        "off", "fast", "default", "quality", "exponential", "one-frame-delay",
    ]  # fmt: skip
    parts = {name: [float(cell) for cell in cells] for name, *cells in rows}
    # Nobody is seen, in any frame, where the truth is half a person everywhere.
    assert all(cells[1] == pytest.approx(1, abs=0.02) for cells in parts.values())
    assert all(parts[name][4:] == [0, 0] for name in ("fast", "default", "quality"))


@pytest.mark.slow
def test_what_a_preset_costs_stands_beside_each_frame_alone(footage, capfd):
    footage.with_name("band.mkv").rename(footage.with_name("plate_alpha.mkv"))

    assert main(["cost", str(footage.parent), "--only", "fast", "--json"]) == 0

    costs = json.loads(capfd.readouterr().out)
    assert list(costs) == ["off", "fast"]
    assert min(costs.values()) > 0


def row(**values: object) -> dict:
    """A row as it is measured, on CUDA."""
    common = {
        "model": "sghm-resnet50", "size": "1920x1080", "tr": 0, "backend": "torch",
        "precision": "half", "ratio": 5.0, "network_fps": 210.0, "filter_fps": 110.0,
        "finest_whole_ms": 3.0, "stages_ms": {"finish": 1.0}, "device_memory_mib": 900,
    }  # fmt: skip
    return {**common, **values}


def test_each_floor_says_whether_it_holds():
    rows = [row(), row(size="3840x2160", network_fps=40, filter_fps=28), row(tr=2, filter_fps=70)]
    long = [{**row(), "frames": n, "frame_ms": ms} for n, ms in ((100, 10), (10000, 12))]

    told = {(one["where"], one["what"]): one["holds"] for one in speed.floors(rows, long)}

    at = "sghm-resnet50 1920x1080 tr=0 torch half"
    assert told[at, "network fps"]
    assert told[at, "times baseline"]
    assert not told[at, "filter fps"]
    assert told[at, "finest alpha in squares against whole, times"]
    assert told["sghm-resnet50 1920x1080 tr=2 torch half", "filter fps"]
    per_pixel = "sghm-resnet50 tr=0 torch half"
    assert not told[per_pixel, "network, 4K against 1080p by the pixel, times"]
    assert told[per_pixel, "filter, 4K against 1080p by the pixel, times"]
    length = "sghm-resnet50 1920x1080 tr=0"
    assert not told[length, "frame_ms, 10000 frames against 100, times"]
    assert told[length, "device_memory_mib, 10000 frames against 100, times"]


@pytest.mark.parametrize("is_on_cuda", [False, True])
def test_one_command_measures_what_all_floors_are_about(footage, monkeypatch, tmp_path, is_on_cuda):
    asked: list[timing.Case] = []

    def found(_: object, case: timing.Case) -> dict:
        asked.append(case)
        times = dict.fromkeys(
            ("network_p50_ms", "network_p95_ms", "filter_p50_ms", "filter_p95_ms", "baseline_ms"),
            1.0,
        )
        size = "{}x{}".format(*case.size)
        how = case.matting
        named = {"model": how.model, "size": size, "tr": how.settings.tr, "backend": how.backend}
        return row(**named, **times, device="here", band=None, memory_mib=1, file_fps=9.0)

    monkeypatch.setattr(speed, "_in_its_own_process", found)
    monkeypatch.setattr(speed, "_is_on_cuda", lambda _: is_on_cuda)

    band = str(footage.with_name("band.mkv"))
    words = ["speed", str(footage), "--floors", "--band", band, "--save", str(tmp_path)]
    assert main(words) == 0

    cases = {(case.matting.model, case.size, case.matting.settings.tr) for case in asked}
    assert ("sghm-lite", (1920, 1080), 0) in cases
    if is_on_cuda:
        assert len(cases) == 16
        assert ("sghm-resnet50", (3840, 2160), 2) in cases
        assert all(case.matting.settings.infer_size >= min(case.size) for case in asked)
    else:
        assert ("sghm-lite", (1280, 720), 0) in cases
    assert "| holds |" in (tmp_path / "speed.md").read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["bench", "cost", "my clips"], "python -m benchmarks cost 'my clips'"),
        (["farm", "simulate", "--workers", "9"], "python -m benchmarks simulate --workers 9"),
        (["nle", "path", "blender"], "sghm hosts path blender"),
        (["farm", "warm", "plan.json"], "sghm farm start-worker plan.json"),
        (["farm", "cool"], "sghm farm stop-worker"),
    ],
)
def test_the_verbs_of_old_say_what_to_type_now(capsys, old, new):
    assert cli.main(old) == 2

    assert capsys.readouterr().err.endswith(f"type: {new}\n")


@pytest.mark.slow
def test_a_frame_has_its_cost_beside_a_peers(footage, capfd, monkeypatch):
    """In place of the peer, whose source is not here, stands a process that does nothing."""
    monkeypatch.setattr(peers, "_converted", lambda _, folder, __: folder)
    monkeypatch.setattr(peers, "_peer", lambda *_: [sys.executable, "-c", ""])
    monkeypatch.setattr(peers, "PEER_IMPORTS", "pass")
    words = ["peers", str(footage), "--rvm", "here", "--frames", "2", "--rounds", "1", "--tr", "0"]
    words += ["--size", "128x96", "--stills"]

    assert main([*words, "--json"]) == 0

    peer, ours, still = json.loads(capfd.readouterr().out)
    assert (peer["way"], ours["way"], ours["clip"]) == ("RVM", "tr=0", "plate")
    assert ours["mib"] >= peer["mib"] > 0
    assert still["way"] == "stills"


def test_a_folder_without_the_peers_source_is_refused(footage, capfd, tmp_path):
    assert main(["peers", str(footage), "--rvm", str(tmp_path)]) == 1

    assert "lacks model/model.py; give the folder of RobustVideoMatting's source" in (
        capfd.readouterr().err
    )


def test_a_picture_beside_its_alpha_is_not_taken_for_it(tmp_path):
    for name in ("one.png", "one_alpha.png", "cutout.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 4), np.uint8))
    args = argparse.Namespace(pictures=tmp_path, alphas=None, names=None)

    found = {one.args[0]: one.args[2].name for one in stills.subjects(args)}

    assert found == {"one": "one_alpha.png", "cutout": "cutout.png"}
