"""Labels by teachers: the rules, without the teachers."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from weights.training.labels import files, label, rules, sheet, tfjs_graph
from weights.training.labels.deeplab import PERSON, person_of
from weights.training.labels.rules import Found

AGREED = Found(0.95, None, 0.0, 0.0, 0.0)


def square(start: int, stop: int, size: int = 200) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[start:stop, start:stop] = True
    return mask


def alpha_of(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 255, 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("source", "found", "kept", "reason"),
    [
        ("faker", AGREED, True, "RVM and DeepLab agree"),
        ("faker", AGREED._replace(rvm_deeplab=0.7), False, "RVM and DeepLab differ"),
        ("faker", AGREED._replace(rvm_isnet=0.9), True, "all three agree"),
        ("faker", AGREED._replace(rvm_isnet=0.7), False, "IS-Net differs"),
        ("faker", AGREED._replace(rvm_deeplab=0.7, rvm_isnet=0.85), False, "DeepLab differs"),
        (
            "faker",
            AGREED._replace(rvm_deeplab=0.7, rvm_isnet=0.93),
            True,
            "RVM and IS-Net agree, DeepLab is coarse",
        ),
        ("faker", AGREED._replace(missed=0.1), False, "missed over 0.02"),
        (
            "faker",
            AGREED._replace(missed=0.1, rvm_isnet=0.97),
            True,
            "RVM and IS-Net agree closely",
        ),
        ("ccp", AGREED._replace(missed=0.1, rvm_isnet=0.97), False, "missed over 0.02"),
        (
            "ccp",
            AGREED._replace(rvm_deeplab=0.7),
            True,
            "RVM and DeepLab agree but for the coarse edge",
        ),
        ("ccp", AGREED._replace(rvm_deeplab=0.5), False, "RVM and DeepLab differ"),
        ("faker", AGREED._replace(haze=0.04), False, "haze over 0.03"),
        ("sfhq", AGREED._replace(haze=0.04), True, "RVM and DeepLab agree"),
    ],
)
def test_a_label_is_kept_where_teachers_agree(
    source: str, found: Found, kept: bool, reason: str
) -> None:
    assert rules.judge(source, found) == (kept, reason)


def test_whoever_looked_has_the_last_word() -> None:
    judged = rules.Verdict(True, "all three agree")
    verdict = label.verdict_of("faker/a", judged, {"faker/a": "fine"}, {"faker/a": "a tree"})
    assert verdict == (False, "looked at: a tree")
    assert label.verdict_of("faker/b", judged, {}, {}) is judged


def test_pieces_that_are_no_people_go() -> None:
    person, tree = square(20, 80), square(150, 190)
    alpha, dropped = rules.without_strangers(alpha_of(person | tree), person.astype(np.float32))
    assert dropped == 1
    assert (alpha == alpha_of(person)).all()


def test_haze_far_from_everybody_goes() -> None:
    person = square(20, 80)
    alpha = alpha_of(person)
    alpha[150:160, 150:160] = 40
    cleaned, dropped = rules.without_strangers(alpha, person.astype(np.float32))
    assert dropped == 0
    assert not cleaned[150:160, 150:160].any()


def test_nothing_is_left_where_nobody_is() -> None:
    cleaned, _ = rules.without_strangers(alpha_of(square(20, 80)), np.zeros((200, 200), np.float32))
    assert not cleaned.any()


@pytest.mark.parametrize(
    ("hole", "sure", "salient", "filled"),
    [
        (square(80, 120), 1.0, None, 1),
        (square(80, 120), 0.5, None, 0),
        (square(98, 102), 1.0, None, 0),
        (square(98, 102), 1.0, 0, 0),
        (square(98, 102), 1.0, 255, 1),
    ],
)
def test_holes_are_filled_where_teachers_are_sure(
    hole: np.ndarray, sure: float, salient: int | None, filled: int
) -> None:
    alpha = alpha_of(square(20, 180) & ~hole)
    person = np.where(square(20, 180), sure, 0).astype(np.float32)
    seen = None if salient is None else np.full(alpha.shape, salient, np.uint8)
    solid, count = rules.without_holes(alpha, person, seen)
    assert count == filled
    assert bool(solid[hole].all()) == bool(filled)


def test_disagreement_is_a_share_of_the_person() -> None:
    person, other = square(20, 80), square(140, 180)
    found = rules.disagreement(
        alpha_of(person), (person | other).astype(np.float32), person | other, None
    )
    assert found.missed == pytest.approx(40 * 40 / 3600)
    assert found.rvm_deeplab == pytest.approx(3600 / 5200)
    assert (found.extra, found.haze, found.rvm_isnet) == (0, 0, None)


def test_haze_is_what_is_half_covered_far_from_both_ends() -> None:
    alpha = alpha_of(square(20, 80))
    alpha[:, 100:140] = 128
    found = rules.disagreement(alpha, np.zeros(alpha.shape, np.float32), square(20, 80), None)
    assert found.haze > 0.5


def test_logits_become_a_picture_of_how_likely_people_are() -> None:
    logits = np.zeros((33, 33, 21), np.uint8)
    logits[:, :16, PERSON] = 60
    likely, likeliest = person_of(logits, (100, 80))
    assert likely.shape == likeliest.shape == (100, 80)
    assert likely[50, 10] > 0.99
    assert not likeliest[50, 70]


def test_the_doubtful_come_first() -> None:
    rows = [
        {"path": f"train/people/faker/{name}.jpg", "kept": kept, "iou_rvm_deeplab": agreed}
        for name, kept, agreed in (("a", "1", ".9"), ("b", "0", ".6"), ("c", "0", ".5"))
    ]
    order = [Path(path).stem for _, path in label.doubtful_first(rows, ["faker"], 15)]
    assert order == ["c", "b", "a"]
    assert label.doubtful_first(rows, ["sfhq"], 15) == []


def test_sources_are_known_by_their_folders() -> None:
    assert files.source_of("train/ccp/img/1.jpg") == "ccp"
    assert files.source_of("train/people/sfhq/1.jpg") == "sfhq"


def test_photos_of_people_that_things_copies_are_labelled() -> None:
    assert "public" in files.SOURCES
    assert "DATA/people/public" in (Path(label.__file__).parent / "README.md").read_text()


def test_labels_are_written_where_pack_reads_them(tmp_path: Path) -> None:
    folders = files.Folders(tmp_path / "train", tmp_path / "teachers", tmp_path / "labels")
    picture = folders.data / "people/faker/a.png"
    picture.parent.mkdir(parents=True)
    assert cv2.imwrite(str(picture), np.zeros((200, 200, 3), np.uint8))
    files.write_whole(folders.said("rvm", "faker", picture), alpha_of(square(20, 180)))
    logits = np.zeros((33, 33, 21), np.uint8)
    logits[3:30, 3:30, PERSON] = 60
    said = folders.said("deeplab", "faker", picture, ".npy")
    said.parent.mkdir(parents=True)
    np.save(said, logits)
    decided = list(label.decided(folders, ["faker"]))
    assert [(source, verdict.kept) for source, verdict, _ in decided] == [("faker", True)]
    assert len(decided[0][2]) == len(files.COLUMNS)
    assert str(decided[0][2][0]) == "train/people/faker/a.png"
    assert files.read_alpha(tmp_path / "labels/faker/a.png") is not None


def test_sheets_show_the_worst_first(tmp_path: Path) -> None:
    rows = [
        {"path": f"{k}", "kept": "1", "iou_rvm_deeplab": f".{k}", "haze": f".{k}"} for k in "597"
    ]
    assert [row["path"] for row in sheet.chosen(rows, "low")] == ["5", "7", "9"]
    assert [row["path"] for row in sheet.chosen(rows, "haze")] == ["9", "7", "5"]
    assert sheet.chosen(rows, "dropped") == []
    with (tmp_path / "labels.tsv").open("w") as file:
        table = csv.DictWriter(file, rows[0].keys(), delimiter="\t")
        table.writeheader()
        table.writerows(rows)
    assert files.Folders(tmp_path, tmp_path, tmp_path).rows() == rows


def test_a_graph_runs_what_is_wanted_and_keeps_the_rest(tmp_path: Path) -> None:
    weights = np.array([2, 4], np.uint8)
    (tmp_path / "weights.bin").write_bytes(weights.tobytes())
    quantized = {"dtype": "uint8", "scale": 0.5, "min": 1.0}
    spec = {"name": "w", "shape": [2], "dtype": "float32", "quantization": quantized}
    nodes = [
        {"name": "x", "op": "Placeholder"},
        {"name": "w", "op": "Const"},
        {"name": "product", "op": "Mul", "input": ["x", "w"]},
        {"name": "sum", "op": "AddV2", "input": ["product", "w"]},
    ]
    model = {
        "weightsManifest": [{"paths": ["weights.bin"], "weights": [spec]}],
        "signature": {"outputs": {"y": {"name": "sum:0"}}},
        "modelTopology": {"node": nodes},
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    graph = tfjs_graph.Graph(tmp_path / "model.json", fresh=["x"])
    assert graph.changing == {"x", "product", "sum"}
    found, kept = graph({"x": torch.tensor([1.0, 2.0])}, ["y"])
    assert found["y"].tolist() == [4.0, 9.0]
    again, _ = graph({"x": torch.tensor([0.0, 0.0])}, ["y"], kept)
    assert again["y"].tolist() == [2.0, 3.0]
