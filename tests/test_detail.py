"""The finest alpha where it is looked at: the same as everywhere, for less."""

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from sghm_vs.matting import tiles
from sghm_vs.matting.arrays.frame import ArrayPipeline
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.backends.base import is_installed
from sghm_vs.models.backends.device import Compute, Device
from sghm_vs.models.checkpoint import build_network, read_checkpoint
from sghm_vs.models.load import load_network
from sghm_vs.models.planes import Plane, enlarge, enlarged_rows
from sghm_vs.models.sghm import squares
from sghm_vs.models.sghm.network import SGHM, CoarseOutput
from sghm_vs.models.sghm.squares import square
from sghm_vs.models.weights import Weights, shipped
from sghm_vs.options import Settings
from tests.seeded import seeded_image

SIZE = 256, 384
TOLERANCE = 2e-5
RUNTIMES = [name for name in ("openvino", "onnxruntime") if is_installed(name)]


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


@pytest.mark.slow
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
    part = square(64, 128, 96)

    with torch.inference_mode():
        error = (network.finish(coarse_output, [part]) - part.of(whole)).abs()[0, 0]

    halo = network.halo_px
    assert error[halo:-halo, halo:-halo].max() < TOLERANCE
    narrower = halo - 4
    assert error[narrower:-narrower, narrower:-narrower].max() > TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "size"),
    [
        ("torch", (704, 1280)),
        *((name, (704, 1280)) for name in RUNTIMES),
        *((name, (1080, 1920)) for name in RUNTIMES[:1]),
    ],
)
def test_a_matte_made_in_tiles_is_that_made_whole(model, monkeypatch, backend, size):
    compute = Compute(Device("cpu"), False, backend)
    network = load_network(Weights("drawn", Path(model)), compute)
    settings = Settings(tr=0, infer_size="auto")
    picture = _wall_with_somebody(*size)

    tiled, whole = (_matted(network, settings, picture, part, monkeypatch) for part in (100, -1))

    assert np.abs(tiled - whole).max() < 1e-5
    assert 0.002 < ((whole > 0) & (whole < 1)).mean() < 0.2


@pytest.mark.slow
@pytest.mark.skipif(not RUNTIMES, reason="needs a runtime of graphs")
def test_a_frame_holds_the_picture_and_few_planes_besides(model):
    """Three of the picture, two of the state, one of alpha; not one of each step."""
    network = load_network(
        Weights("drawn", Path(model)), Compute(Device("cpu"), False, RUNTIMES[0])
    )
    pipeline = ArrayPipeline(network, Settings(tr=0, infer_size="auto"))
    picture = _wall_with_somebody(1088, 1920)
    pipeline.matte(picture)

    tracemalloc.start()
    alpha = pipeline.matte(picture)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert alpha.any()
    assert peak < 8 * alpha.nbytes


@pytest.mark.parametrize("by", [4, 8])
def test_rows_of_an_enlarged_plane_are_those_of_the_whole(by):
    plane = np.random.default_rng(0).random((32, 60), np.float32)
    whole = enlarge(plane, (32 * by, 60 * by))

    for top in range(0, 32 * by - 80 + 1, 4):
        rows = slice(top, top + 80)
        assert np.array_equal(enlarged_rows(plane, by, rows), whole[rows])


def _wall_with_somebody(height: int, width: int) -> Plane:
    """Return noise, which the network takes for somebody, before a wall, (3, height, width), 0-1."""
    picture = np.full((3, height, width), 0.4, np.float32)
    rows, columns = slice(height // 4, None), slice(width // 3, width // 2)
    noise = np.random.default_rng(3).random((3, height // 16 + 1, width // 16 + 1), np.float32)
    large = np.stack([cv2.resize(one, (width, height)) for one in noise])
    picture[:, rows, columns] = large[:, rows, columns]
    return picture


def _matted(network, settings: Settings, picture: Plane, part: float, monkeypatch) -> Plane:
    monkeypatch.setattr(squares, "DENSE_PART", part)
    if network.backend != "torch":
        return ArrayPipeline(network, settings).matte(picture)
    with torch.inference_mode():
        alpha = Pipeline(network, settings).matte(torch.from_numpy(picture)[None])
    return alpha[0, 0].numpy()
