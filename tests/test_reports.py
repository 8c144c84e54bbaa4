"""Weights are chosen by pictures held back from training, and reported on others three times at most."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from weights.training import choose, pack, report
from weights.training.library import Library


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """Pictures that were held back, laid out for the scoring tool."""
    color = np.full((70, 50, 3), 120, np.uint8)
    alpha = np.zeros((70, 50), np.uint8)
    alpha[20:60, 10:40] = 255
    kinds = ("photo", alpha), ("cutout", alpha), ("nobody", None)
    entries = [
        pack.Entry(kind, f"{start}{n}", color, truth)
        for n in range(60)
        for kind, truth in kinds
        for start in (("render_", "hair_") if kind == "cutout" else ("x",))
    ]
    path = tmp_path / "pack.zip"
    pack.pack(iter(entries), path, None, lambda _: None)
    choose.write_held(Library(path), tmp_path / "held")
    return tmp_path / "held"


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["report", *map(str, words)])
    report.main()


def test_held_pictures_are_laid_out_as_the_scoring_tool_reads_them(held):
    sets = {str(p.relative_to(held / "report")) for p in held.rglob("*") if p.is_dir()}
    assert {"portraits/img", "portraits/mask", "nobody", "rendered/alpha", "hair/img"} <= sets
    image = next((held / "report/hair/img").iterdir())
    assert cv2.imread(str(image)).shape == (70, 50, 3)
    assert cv2.imread(str(held / "report/hair/alpha" / image.name), cv2.IMREAD_UNCHANGED).ndim == 2


def test_every_held_picture_is_matted_once_and_composed_ones_by_each_guide(held, tmp_path):
    for kind in ("img", "exact", "low", "rough"):
        folder = tmp_path / "work/hair_over" / kind
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "a.png"), np.zeros((8, 8, 3), np.uint8))
    found = list(report.jobs(held, tmp_path / "work"))
    assert len({job.target for job in found}) == len(found)
    guides = [job.guide for job in found if job.image.name == "a.png"]
    assert [guide and guide.parent.name for guide in guides] == [None, "exact", "low", "rough"]
    assert len(found) == 4 + sum(
        len(list((held / "report" / name).iterdir())) for name in ("portraits/img", "nobody")
    )


def test_pictures_to_report_on_are_not_scored_in_passing(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    with pytest.raises(SystemExit, match="add --report"):
        run(monkeypatch, "score.py", tmp_path / "data", tmp_path / "work")


def test_pictures_to_choose_by_are_not_reported(held, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="leave --report out"):
        run(monkeypatch, "score.py", held, tmp_path / "work", "--report")


def test_a_fourth_report_is_refused_and_the_first_three_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    report.REPORTS.parent.mkdir()
    for n in range(3):
        assert report.reports_so_far(report.REPORTS) == n
        report.append(report.REPORTS, weights, {"portraits": {"n": 3, "iou": 90.0 + n}})
    before = report.REPORTS.read_text()
    assert "| portraits | 3 | 92 |" in before
    assert before.count("sha256") == 3
    (tmp_path / "data").mkdir()
    with pytest.raises(SystemExit, match="3 reports already"):
        run(monkeypatch, "score.py", tmp_path / "data", tmp_path / "work", "--report")
    assert report.REPORTS.read_text() == before
