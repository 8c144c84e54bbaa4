"""What the doctor says, here and of machines that are not here."""

import json
from dataclasses import replace

import pytest

from sghm_vs.cli import doctor, main
from sghm_vs.cli.doctor import Finding, Graphics, graphics_finding
from sghm_vs.shots.batch import memory

CARD = Graphics(torch="2.11.0", platform="CUDA 12.8", has_nvidia_driver=True)


def test_nothing_that_is_needed_is_missing_here(capsys):
    assert main(["doctor", "--json"]) == 0

    findings = {item["what"]: item for item in json.loads(capsys.readouterr().out)}
    assert findings["model"]["found"].startswith("sghm-lite")
    assert findings["ffmpeg"]["found"].startswith("ffmpeg version")
    assert " bs " in findings["VapourSynth"]["found"]
    assert findings["weights sghm-lite@10"]["state"] == "ok"
    assert findings["weights sghm-resnet50"]["to_do"] == "sghm weights fetch sghm-resnet50"
    assert all(item["to_do"] for item in findings.values() if item["state"] != "ok")
    looked_at = {"Python", "platform", "torch", "vspipe", "OpenVINO", "memory", "threads", "home"}
    assert looked_at <= findings.keys()


@pytest.mark.parametrize(
    ("seen", "state", "said"),
    [
        (replace(CARD, devices=("cuda:0 H100, 80 GiB",)), "ok", "H100"),
        (replace(CARD, platform=None), "warning", "--torch-backend=auto"),
        (replace(CARD, platform=None, has_nvidia_driver=False), "ok", "no NVIDIA driver"),
        (replace(CARD, has_nvidia_driver=False), "ok", "no NVIDIA driver"),
        (replace(CARD, visible=""), "warning", "unset CUDA_VISIBLE_DEVICES"),
        (replace(CARD, complaint="The driver is too old."), "warning", "too old"),
    ],
)
def test_why_there_is_no_gpu_is_said(seen, state, said):
    finding = graphics_finding(seen)

    assert finding.state == state
    assert said in f"{finding.found} {finding.to_do}"


def test_something_needed_that_is_missing_is_exit_code_1(monkeypatch, capsys):
    found = [Finding("ok thing", "1"), Finding("ffmpeg", "none", "bad", "pip install it")]
    monkeypatch.setattr("sghm_vs.cli.doctor.findings_of", lambda _: found)

    assert main(["doctor"]) == 1

    assert "-> pip install it" in capsys.readouterr().out


def test_little_memory_is_warned_of(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text(f"{2**31}\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)

    finding = doctor._memory()

    assert finding.state == "warning"
    assert "2.0 GiB" in finding.found
    limit.write_text("max\n")
    assert "2.0 GiB" not in doctor._memory().found


def test_an_ffmpeg_that_does_not_run_is_bad_and_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("SGHM_FFMPEG", str(tmp_path / "no-ffmpeg"))

    finding = doctor._finding_of("ffmpeg", doctor._ffmpeg)

    assert finding.state == "bad"
    assert "SGHM_FFMPEG" in finding.to_do
