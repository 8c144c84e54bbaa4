"""The recipe that makes the shipped weights, run for a step or two on pictures made here."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sghm_vs.network import build_network, sghm_lite
from weights.training import finish, train
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
        recipe[stage] |= {"steps": 1, "batch": 2, "shapes_px": [[64, 64]], "warmup_steps": 0}
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


def test_the_last_stages_train_only_their_parts_and_end_in_weights_that_load(
    cache, recipe, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    run.mkdir()
    before = sghm_lite().state_dict()
    train.save(run / "worn.pt", average=before)

    for stage in train.MATTING_STAGES:
        train.train(stage, cache, run, recipe, "cpu")
    monkeypatch.setattr("sys.argv", ["finish", str(run), str(run / "lite.safetensors")])
    finish.main()

    state = load_file(run / "lite.safetensors")
    changed = {
        key.split(".")[0] for key in before if not torch.equal(state[key], before[key].half())
    }
    assert changed - {"shortcut", "refine"} == set()
    assert "refine" in changed
    assert build_network(state, "finished")[0] == "sghm-lite"


def test_a_stage_that_is_started_again_goes_on(cache, recipe, tmp_path):
    train.save(tmp_path / "worn.pt", average=sghm_lite().state_dict())
    train.train("matting", cache, tmp_path, recipe, "cpu")
    recipe["matting"]["steps"] = 2

    train.train("matting", cache, tmp_path, recipe, "cpu")

    assert torch.load(tmp_path / "matting.pt", weights_only=True)["step"] == 2
