"""sghm bench speed: rows that say what was measured."""

import json

import pytest
import vapoursynth as vs

from sghm_vs.cli import main
from sghm_vs.delivery import export


@pytest.fixture
def footage(tmp_path):
    clip = vs.core.std.BlankClip(
        format=vs.RGB24, width=128, height=96, length=3, color=[90, 120, 60], fpsnum=24
    )
    alpha = vs.core.std.BlankClip(clip, format=vs.GRAY8, color=128)
    export(clip, alpha, tmp_path / "plate.mkv", codec="ffv1", sidecar=False)
    export(clip, alpha, tmp_path / "band.mkv", sidecar=False)
    return tmp_path / "plate.mkv"


def row_of(capfd, *words: str) -> dict:
    assert main(["bench", "speed", *words, "--size", "128x96", "--frames", "2", "--json"]) == 0
    (row,) = json.loads(capfd.readouterr().out)["rows"]
    return row


def test_a_row_has_the_speed_of_each_way_beside_the_baseline(footage, capfd):
    row = row_of(capfd, str(footage), "--model", "sghm-lite", "--tr", "0")

    assert (row["model"], row["size"], row["tr"]) == ("sghm-lite", "128x96", 0)
    for name in ("baseline_ms", "network_fps", "filter_fps", "file_fps", "memory_mib"):
        assert row[name] > 0, name
    assert row["ratio"] == pytest.approx(row["baseline_ms"] * row["network_fps"] / 1000)
    assert {"encode", "segment", "begin", "around"} <= row["stages_ms"].keys()


def test_weights_that_are_not_installed_are_random_and_get_a_real_mattes_band(footage, capfd):
    band = str(footage.with_name("band.mkv"))

    row = row_of(capfd, str(footage), "--model", "sghm-resnet50", "--tr", "0", "--band", band)

    assert row["model"] == "sghm-resnet50 (random)"
    assert "file_fps" not in row


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

    assert main(["bench", "speed", *words, "--size", "128x96"]) == 1

    assert said in capfd.readouterr().err
