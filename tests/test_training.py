"""The recipe that makes the shipped weights, run for a step or two on pictures made here."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sghm_vs.models.checkpoint import build_network
from sghm_vs.models.sghm.network import sghm_lite
from weights.training import (
    creatures,
    finish,
    glass,
    joints,
    limbs,
    looks,
    mix,
    movenet,
    panoramas,
    photographed,
    samples,
    train,
)
from weights.training.guides import damage
from weights.training.samples import Photos


@pytest.fixture(autouse=True)
def _denormals_are_kept_afterwards() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two prepared photos, an upright ellipse for a person, and one background."""
    folder = tmp_path / "cache"
    (folder / "bg").mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name in ("a", "b"):
        planes = rng.integers(0, 256, (300, 200, 7), np.uint8)
        planes[..., 6] = 0
        alpha = np.zeros((300, 200), np.uint8)
        cv2.ellipse(alpha, (100, 150), (40, 120), 0, 0, 360, 255, -1, cv2.LINE_AA)
        planes[..., 6] = alpha
        np.save(folder / f"{name}.npy", planes)
    np.save(folder / "bg" / "wall.npy", rng.integers(0, 256, (200, 300, 3), np.uint8))
    return folder


@pytest.fixture
def recipe() -> dict:
    """The real recipe, cut to one step of two small pictures."""
    recipe = tomllib.loads(train.RECIPE.read_text())
    for stage in train.STAGES:
        recipe[stage] |= {
            "steps": 1,
            "batch_px": 2 * 64 * 64,
            "share_twice": 0.5,
            "shapes_px": [[64, 64]],
        }
        recipe[stage]["warmup_steps"] = 0
    return recipe


def test_samples_are_pictures_with_alpha(cache):
    photos, rng = Photos(cache, share_worn=1.0), np.random.default_rng(2)

    for draw in (photos.draw_real, photos.draw_composite, photos.draw_empty):
        for _ in range(10):
            sample = draw(rng, 48, 80)
            assert sample.image.shape == (48, 80, 3)
            assert sample.alpha.shape == (48, 80)
            for values in (sample.image, sample.alpha):
                assert values.dtype == np.float32
                assert values.min() >= 0
                assert values.max() <= 1 + 1e-5


def test_animals_are_drawn_whole_and_furred():
    for seed in range(12):
        drawn = creatures.draw(np.random.default_rng(seed), 64).astype(float)
        coverage = drawn[..., 3] / 255
        assert 0.04 < coverage.mean() < 0.7
        assert coverage[[0, -1]].mean() < 0.2
        assert coverage[:, [0, -1]].mean() < 0.2
        assert drawn[coverage > 0.9][:, :3].std() > 5


@pytest.mark.parametrize("made", ["drawn", "photographed"])
def test_animals_are_seen_and_are_in_no_alpha(cache, monkeypatch, made):
    monkeypatch.setattr(samples, "SHARE_CREATURES", 1.0)
    creatures_there = cache / "creatures"
    creatures_there.mkdir()
    np.save(creatures_there / f"{made}.npy", np.full((1, 32, 32, 4), 255, np.uint8))
    photos = Photos(cache)
    room = np.full((48, 48), 1.0, np.float32)
    room[:, :24] = 0
    wall = np.zeros((48, 48, 3), np.float32)

    pictures = [photos._with_creatures(np.random.default_rng(n), wall, room) for n in range(20)]

    assert max(picture[:, 24:].max() for picture in pictures) > 0.5
    assert not any(picture[:, :24].any() for picture in pictures)
    assert not photos.draw_empty(np.random.default_rng(1), 48, 48).alpha.any()


def test_what_stands_before_an_even_background_is_cut_out():
    photo = np.full((120, 160, 3), 40, np.uint8)
    photo += np.random.default_rng(4).integers(0, 8, photo.shape, np.uint8)
    cv2.circle(photo, (80, 60), 35, (220, 120, 30), -1)

    cut = photographed.cut_out(photo)

    assert cut.shape == (photographed.SIDE_PX, photographed.SIDE_PX, 4)
    assert (cut[128, 128] == (220, 120, 30, 255)).all()
    assert not cut[[0, -1]].any()
    assert photographed.cut_out(np.full((120, 160, 3), 40, np.uint8)) is None


def test_a_crowd_is_in_the_alpha(cache):
    photos, nobody = Photos(cache), np.zeros((96, 96), np.float32)
    wall = np.zeros((96, 96, 3), np.float32)

    alphas = [photos._crowd(np.random.default_rng(n), wall, nobody)[1] for n in range(8)]

    people = [cv2.connectedComponents(np.uint8(alpha > 0.5))[0] - 1 for alpha in alphas]
    assert all(people)
    assert max(people) > 2


def test_a_bent_person_stays_in_one_piece():
    person = np.zeros((160, 160, 4), np.float32)
    cv2.ellipse(person, (80, 80), (14, 60), 0, 0, 360, (0.5, 0.5, 0.5, 1.0), -1)

    bent = [looks.bent(np.random.default_rng(seed), person)[..., 3] for seed in range(12)]

    assert all(cv2.connectedComponents(np.uint8(alpha > 0.5))[0] == 2 for alpha in bent)
    assert np.mean([np.abs(alpha - person[..., 3]).mean() for alpha in bent]) > 0.03


@pytest.fixture
def standing() -> tuple[np.ndarray, np.ndarray]:
    """A gray body with a black arm that hangs beside it, and its joints, surely seen."""
    person = np.zeros((160, 120, 4), np.uint8)
    cv2.rectangle(person, (50, 30), (70, 150), (128, 128, 128, 255), -1)
    cv2.line(person, (44, 40), (44, 100), (10, 10, 10, 255), 9)
    places = np.zeros((17, 3), np.float32)
    for joint, y in zip(limbs.ARMS[0], (40, 65, 90), strict=True):
        places[joint] = 44, y, 1
    return person, places


def test_a_posed_arm_is_part_of_the_person(standing, monkeypatch):
    person, places = standing
    monkeypatch.setattr(limbs, "SHARE_LEGS", 0)
    monkeypatch.setattr(limbs, "SHARE_HELD", 0)
    before = np.count_nonzero(person[..., 3] > 127)

    posed = [limbs.pose_anew(np.random.default_rng(n), person, places)[0] for n in range(12)]

    areas = np.array([np.count_nonzero(one[..., 3] > 127) for one in posed]) / before
    assert ((areas > 0.8) & (areas < 1.3)).all()
    assert np.ptp(areas) > 0.05
    assert np.mean([one[:80, :, 3].any() for one in posed]) == 1
    assert max(np.ptp(np.flatnonzero((one[..., 3] > 127).any(0))) for one in posed) > 60


def test_a_hand_may_hold_something_that_belongs_to_the_person(standing, monkeypatch):
    person, places = standing
    monkeypatch.setattr(limbs, "SHARE_LEGS", 0)
    areas = []
    for share in (0, 1):
        monkeypatch.setattr(limbs, "SHARE_HELD", share)
        posed = [limbs.pose_anew(np.random.default_rng(n), person, places)[0] for n in range(12)]
        areas.append(np.mean([np.count_nonzero(one[..., 3]) for one in posed]))

    assert areas[1] > areas[0] * 1.01


def test_limbs_that_are_not_surely_seen_stay_where_they_are(standing):
    person, places = standing
    places[:, 2] = limbs.SURE_SCORE - 0.1

    posed, (x, y) = limbs.pose_anew(np.random.default_rng(1), person, places)

    assert np.array_equal(posed[y : y + 160, x : x + 120], person)
    assert np.count_nonzero(posed) == np.count_nonzero(person)


def test_joints_are_found_in_the_person_alone(tmp_path):
    entries, content = [], b""
    for name, values in (
        ("/kernel", np.full((1, 1, 3, 17), 3, np.float32)),
        ("/bias", np.full(17, 5, np.float32)),
    ):
        entries.append({"name": f"{movenet.ROOT}{name}", "shape": values.shape, "dtype": "float32"})
        content += values.tobytes()
    steps = [
        {"name": joints.PICTURE, "op": "Sub"},
        {"name": f"{movenet.ROOT}/kernel", "op": "Const"},
        {"name": f"{movenet.ROOT}/bias", "op": "Const"},
        {
            "name": "convolved",
            "op": "_FusedConv2D",
            "input": [joints.PICTURE, f"{movenet.ROOT}/kernel", f"{movenet.ROOT}/bias"],
            "attr": {"strides": {"list": {"i": ["1", "4", "4", "1"]}}},
        },
        {"name": joints.HEATMAPS, "op": "Sigmoid", "input": ["convolved"]},
    ]
    model = tmp_path / "model.json"
    manifest = [{"paths": ["m.bin"], "weights": entries}]
    model.write_text(json.dumps({"modelTopology": {"node": steps}, "weightsManifest": manifest}))
    (tmp_path / "m.bin").write_bytes(content)
    planes = np.zeros((384, 192, 7), np.uint8)
    planes[40:60, 100:120, 3:6] = 200
    planes[300:320, 20:40, 3:6] = 255
    planes[:200, :, 6] = 255

    found = joints.find_joints(joints.Graph(model), planes)

    assert found.shape == (17, 3)
    assert (np.abs(found[:, :2] - (110, 50)) <= 14).all()


def test_glass_shines_before_what_is_behind_it_and_leaves_the_rest():
    rng = np.random.default_rng(3)
    wall = np.full((90, 120, 3), 0.4, np.float32)
    wall[:, ::8] = 0.7
    around = rng.random((90, 120, 3)).astype(np.float32)

    pictures = [glass.draw_glass(np.random.default_rng(n), wall, around) for n in range(12)]

    changed = [(np.abs(picture - wall).max(2) > 0.02).mean() for picture in pictures]
    assert all(picture.min() >= 0 and picture.max() <= 1 for picture in pictures)
    assert max(changed) > 0.05
    assert np.median(changed) < 0.5


def test_equal_seeds_draw_equal_samples(cache):
    first, again = (
        Photos(cache).draw_composite(np.random.default_rng(3), 48, 48) for _ in range(2)
    )

    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.alpha, again.alpha)


def test_a_damaged_mask_is_hard_and_near_the_truth():
    alpha = np.zeros((128, 128), np.float32)
    alpha[20:110, 40:90] = 1

    masks = [damage(np.random.default_rng(seed), alpha) for seed in range(20)]

    assert all(set(np.unique(mask)) <= {0, 1} for mask in masks)
    assert 0.6 < np.mean([mask[alpha > 0].mean() for mask in masks]) < 1


def test_faces_are_blurred_and_hair_is_not():
    rng = np.random.default_rng(8)
    person = rng.integers(0, 256, (100, 80, 4), np.uint8)
    places = np.zeros((17, 3), np.float32)
    places[:5] = [(40, 50, 1), (44, 46, 1), (36, 46, 1), (50, 48, 1), (30, 48, 1)]

    blurred = looks.blur_face(rng, person, places)

    assert blurred[44:56, 34:46, :3].std() < person[44:56, 34:46, :3].std() / 2
    assert np.array_equal(blurred[:20], person[:20])
    assert np.array_equal(blurred[..., 3], person[..., 3])


def test_limbs_count_more_than_bodies():
    alpha = torch.zeros(1, 1, 96, 96)
    alpha[..., 40:, 20:60] = 1
    alpha[..., 50:55, 60:90] = 1

    extra = train.slender(alpha)

    assert extra[..., 50:55, 64:90].min() == 1
    assert extra[..., 46:90, 26:54].max() == 0
    assert extra[..., :30, :].max() == 0


def test_a_pair_shows_the_same_scene_moved(cache, recipe):
    recipe["segmentation"] |= {"batch_px": 4 * 48 * 48, "shapes_px": [[48, 48]]}

    batch = next(iter(train.Batches(cache, recipe, "segmentation", 0)))

    before = torch.roll(batch.alphas[:2], batch.shift, (2, 3))
    assert batch.pairs == 2
    assert torch.equal(before[..., 4:-4, 4:-4], batch.alphas[2:][..., 4:-4, 4:-4])


def test_both_stages_end_in_weights_that_load(cache, recipe, tmp_path, monkeypatch):
    run = tmp_path / "run"
    start = tmp_path / "start.pt"
    train.save(start, average=sghm_lite().state_dict())

    train.train("segmentation", cache, run, recipe, "cpu", start)
    train.train("matting", cache, run, recipe, "cpu")
    monkeypatch.setattr(
        "sys.argv", ["finish", str(run), str(run / "lite.safetensors"), "--outline", "0.6"]
    )
    finish.main()

    finished = load_file(run / "lite.safetensors")
    assert build_network(finished, "finished")[0] == "sghm-lite"
    trained = torch.load(run / "matting.pt", weights_only=True)["average"]
    lowered = torch.sigmoid(trained["decoder.conv4.bias"] - finished["decoder.conv4.bias"].float())
    assert lowered.item() == pytest.approx(0.6, abs=1e-3)


def test_an_outline_that_is_no_probability_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["finish", str(tmp_path), "lite.safetensors", "--outline", "1"])

    with pytest.raises(SystemExit):
        finish.main()

    assert "must be a probability between 0 and 1" in capsys.readouterr().err


def test_matting_leaves_segmentation_as_it_is(cache, recipe, tmp_path):
    before = sghm_lite().state_dict()
    train.save(tmp_path / "segmentation.pt", average=before)

    train.train("matting", cache, tmp_path, recipe, "cpu")

    after = torch.load(tmp_path / "matting.pt", weights_only=True)["average"]
    changed = {key.split(".")[0] for key in before if not torch.equal(after[key], before[key])}
    assert changed == {"shortcut", "refine"}


def test_training_begins_with_movenets_convolutions(tmp_path):
    made = sghm_lite().backbone.half().float().state_dict()
    entries, content = [], b""
    for name in reversed(movenet.convolutions()):
        index = 2 * movenet.convolutions().index(name)
        kernel, bias = list(made.values())[index : index + 2]
        order = (2, 3, 0, 1) if name.endswith("depthwise") else (2, 3, 1, 0)
        for suffix, values in (("weights", kernel.permute(order)), ("bn_offset", bias)):
            entries.append(
                {
                    "name": f"{movenet.ROOT}{movenet.TRUNK}{name}_{suffix}",
                    "shape": list(values.shape),
                    "dtype": "float32",
                    "quantization": {"dtype": "float16"},
                }
            )
            content += values.contiguous().numpy().astype(np.float16).tobytes()
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"weightsManifest": [{"paths": ["m.bin"], "weights": entries}]}))
    (tmp_path / "m.bin").write_bytes(content)
    network = sghm_lite()

    movenet.fill_encoder(network, movenet.read_constants(model))

    found = network.backbone.state_dict()
    assert all(torch.equal(found[key], value) for key, value in made.items())


def test_segmentation_without_a_start_says_what_makes_one(cache, recipe, tmp_path):
    with pytest.raises(SystemExit, match=r"weights\.training\.movenet"):
        train.train("segmentation", cache, tmp_path / "run", recipe, "cpu")


def test_a_stage_that_is_started_again_goes_on(cache, recipe, tmp_path):
    train.save(tmp_path / "segmentation.pt", average=sghm_lite().state_dict())
    train.train("matting", cache, tmp_path, recipe, "cpu")
    recipe["matting"]["steps"] = 2

    train.train("matting", cache, tmp_path, recipe, "cpu")

    assert torch.load(tmp_path / "matting.pt", weights_only=True)["step"] == 2


def test_a_panorama_is_looked_around_in():
    rows = np.linspace(0, 1, 64, dtype=np.float32)[:, None, None]
    panorama = np.broadcast_to(rows, (64, 128, 3)).copy()

    view = panoramas.look(np.random.default_rng(5), panorama)

    assert view.shape == (*panoramas.SIZE, 3)
    assert view.dtype == np.uint8
    assert view[-1].mean() > view[0].mean()


def test_a_mix_draws_segmentation_back_and_leaves_matting():
    before = {key: torch.zeros_like(value) for key, value in sghm_lite().state_dict().items()}
    after = {key: torch.ones_like(value) for key, value in before.items()}

    mixed = mix.mix(before, after, 0.75)

    assert mixed["decoder.conv4.bias"].item() == 0.75
    assert all((value == 1).all() for key, value in mixed.items() if key.startswith("refine"))
