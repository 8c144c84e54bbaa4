"""The training of both halves at once on a card: what is kept of it, and what its page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import gpu_train
from benchmarks.gpu_train import Plan, go_back, train


@pytest.fixture
def plan(tmp_path, monkeypatch) -> Plan:
    """Return one whose programs train nothing."""
    monkeypatch.setattr(gpu_train, "POLL_S", 0.05)
    monkeypatch.setattr(gpu_train, "LATE_S", 1)
    for name in ("run", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "pack.zip").write_text("")
    return Plan(
        pack=tmp_path / "pack.zip",
        start=tmp_path / "start.safetensors",
        run=tmp_path / "run",
        out=tmp_path / "out",
        device="cpu",
        minutes=0.01,
        save_every_s=1,
        judged_every=1,
        judge_limit_s=20,
        package="tests.fake.training",
    )


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_each_checkpoint_is_kept_and_judged_and_the_halves_are_joined(plan):
    assert train(plan) == 0

    kept = {"matting.pt", "matting_1.pt", "segmentation.pt", "segmentation_1.pt"}
    assert kept <= {*names(plan.run)}
    assert names(plan.out) == [
        "matting.log", "segmentation.log", "sghm-lite.safetensors", "train.md"
    ]  # fmt: skip
    text = (plan.out / "train.md").read_text()
    assert "| matting | 1 | 0.0 | 50 loss 0.25 0.10 s/step | IoU 50 |" in text
    assert "| sghm-lite.safetensors | done |" in text
    assert gpu_train.REHEARSAL in text


def test_training_goes_on_from_any_checkpoint(plan):
    train(plan)
    train(plan)

    go_back(plan.run, 1)
    train(plan)

    assert (plan.run / "matting_2.pt").read_text() == "100"
    assert (plan.run / "matting_3.pt").read_text() == "100"


def test_a_checkpoint_that_is_not_there_is_refused(plan):
    with pytest.raises(SystemExit, match="--from takes a number that RUN has"):
        go_back(plan.run, 7)


def test_a_half_that_fails_says_why_and_the_other_ends(plan):
    plan.pack.write_text("fail segmentation")

    assert train(plan) == 1

    text = (plan.out / "train.md").read_text()
    assert "| segmentation | failed: exit code 1: no such picture |" in text
    assert "| matting | done |" in text
    assert "| sghm-lite.safetensors | failed: FileNotFoundError" in text


def test_a_half_that_does_not_end_is_ended_and_its_checkpoint_counts(plan):
    plan.pack.write_text("hang matting")

    assert train(plan) == 1

    text = (plan.out / "train.md").read_text()
    assert "| matting | ended, being late |" in text
    assert (plan.out / "sghm-lite.safetensors").read_text() == "50 50"
