"""The finest alpha where it is looked at: the same as everywhere, for less."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sghm_vs.matting import tiles
from sghm_vs.models.checkpoint import build_network, read_checkpoint
from sghm_vs.models.sghm import squares
from sghm_vs.models.sghm.network import SGHM, CoarseOutput
from sghm_vs.models.sghm.squares import Square
from sghm_vs.models.weights import shipped
from tests.seeded import seeded_image

SIZE = 256, 384
TOLERANCE = 2e-5


@pytest.fixture(scope="module", params=["sghm-lite", "sghm-resnet50"])
def network(request) -> SGHM:
    if request.param == "sghm-resnet50":
        return request.getfixturevalue("seeded_network")
    path: Path = shipped().path
    return build_network(read_checkpoint(path), str(path))[1]


@pytest.fixture(scope="module")
def coarse_output(network) -> tuple[CoarseOutput, Tensor]:
    """What a picture begins with, and the finest alpha made as in training, all at once."""
    image = torch.from_numpy(seeded_image(5, *SIZE))[None]
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 60:, 100:300] = 1
    with torch.inference_mode():
        features = network.encode(image)
        return network.begin(image, features, mask), network.matte(image, features, mask).os1


def corners_and_lines() -> Tensor:
    where = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    for y in (slice(0, 3), slice(-2, None)):
        for x in (slice(0, 3), slice(-2, None)):
            where[..., y, x] = True
    where[..., 100:103, 64:129] = True
    where[..., 128, 128] = True
    return where


def test_it_is_that_of_the_whole_picture_where_it_is_looked_at(network, coarse_output, monkeypatch):
    monkeypatch.setattr(squares, "DENSE_PART", 100)
    coarse_output, whole = coarse_output
    where = corners_and_lines()

    with torch.inference_mode():
        sparse = tiles.finest(network, coarse_output, tiles.tiles(where))

    assert (sparse - whole)[where].abs().max() < TOLERANCE
    assert (sparse == 0).float().mean() > 0.2


def test_where_nothing_is_looked_at_nothing_is_made(network, coarse_output, monkeypatch):
    monkeypatch.setattr(SGHM, "finish", None)

    nowhere = torch.zeros(1, 1, *SIZE, dtype=torch.bool)

    alpha = tiles.finest(network, coarse_output[0], tiles.tiles(nowhere))

    assert (alpha == 0).all()


@pytest.mark.parametrize("size", [(64, 64), SIZE])
def test_small_pictures_and_bands_everywhere_are_made_at_once(network, monkeypatch, size):
    monkeypatch.setattr(SGHM, "finish", None)
    image = torch.from_numpy(seeded_image(6, *size))[None]
    mask = (image[:, :1] > 0.5).float()
    with torch.inference_mode():
        features = network.encode(image)
        whole = network.matte(image, features, mask).os1
        coarse_output = network.begin(image, features, mask)

        everywhere = torch.ones(1, 1, *size, dtype=torch.bool)
        alpha = tiles.finest(network, coarse_output, tiles.tiles(everywhere))

    # The stand-in weights' last layer has a gain of 150, for rounding as well.
    assert (alpha - whole).abs().max() < 2 * TOLERANCE


def test_the_halo_is_as_wide_as_it_must_be_and_no_wider(network, coarse_output):
    """Inside of it a square is right, to the last pixel; with a narrower one it would not be."""
    coarse_output, whole = coarse_output
    square = Square(64, 128, 96)

    with torch.inference_mode():
        error = (network.finish(coarse_output, [square]) - square.of(whole)).abs()[0, 0]

    halo = network.halo_px
    assert error[halo:-halo, halo:-halo].max() < TOLERANCE
    narrower = halo - 4
    assert error[narrower:-narrower, narrower:-narrower].max() > TOLERANCE
