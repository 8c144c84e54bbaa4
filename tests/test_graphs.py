"""The networks as graphs: what is written, and what runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
import vapoursynth as vs
from safetensors.numpy import save_file

import sghm_vs
from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.cli.demo import write_moving_portrait
from sghm_vs.errors import MissingPackageError, SettingsError, WeightsError
from sghm_vs.matting import refinement
from sghm_vs.matting.arrays import segmentation as arrays
from sghm_vs.matting.arrays import tiles
from sghm_vs.matting.arrays.frame import ArrayPipeline
from sghm_vs.matting.frame import Pipeline
from sghm_vs.media.readers import open_source
from sghm_vs.media.writers import export as export_clip
from sghm_vs.models.architectures import ARCHITECTURES
from sghm_vs.models.arrays import Model, read_model
from sghm_vs.models.backends import base, cores
from sghm_vs.models.backends.base import automatic_backends, is_installed, place
from sghm_vs.models.backends.device import Compute, Device
from sghm_vs.models.backends.graphs import GraphNetwork, QuarterPlanes, small_of
from sghm_vs.models.backends.openvino import OpenVino
from sghm_vs.models.backends.plugins import READS_CONFIG, on_one_thread
from sghm_vs.models.graphs.export import export, matting, matting_in_squares, segmentation
from sghm_vs.models.graphs.network import checked, written
from sghm_vs.models.sghm import squares
from sghm_vs.models.weights import shipped
from sghm_vs.options import Settings
from tests import crowds, scenes
from tests.clips import frame_bytes, noise_clip, panning_clip, plane
from tests.seeded import seeded_image

CPU = Device("cpu")
ROOT = Path(__file__).parents[1]
SIZE = 128, 192
RUNTIMES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            not is_installed(name), reason=f"needs {name}: pip install {name}"
        ),
    )
    for name in ("openvino", "onnxruntime")
]

PLUGIN = pytest.param(
    "ort",
    marks=pytest.mark.skipif(
        not hasattr(vs.core, "ort"), reason="needs a plug-in: pip install vapoursynth-mlrt-ort"
    ),
)


def lite() -> Model:
    return read_model(shipped().path)


def ninth() -> Model:
    return read_model(shipped("sghm-lite@9").path)


@cache
def drawn(architecture: str) -> Model:
    """A network as torch draws it: its outputs are neither 0 nor 1 anywhere."""
    torch.manual_seed(0)
    state = ARCHITECTURES[architecture].build().state_dict()
    return Model(architecture, {name: value.numpy() for name, value in state.items()}, "drawn")


def drawn_published() -> Model:
    return drawn("sghm-resnet50")


def drawn_refiner() -> Model:
    return drawn("sghm-lite-10")


def drawn_judge() -> Model:
    return drawn("sghm-lite-11")


def judged() -> Model:
    return read_model(shipped("sghm-lite@11").path)


def tenth() -> Model:
    return read_model(shipped("sghm-lite@10").path)


type Placed = Callable[..., object]


@pytest.fixture(scope="module")
def placed() -> Iterator[Placed]:
    """What places a network as `Compute` says; compiled once for all tests here."""
    known = cache(lambda make, *how: place(make(), Compute(CPU, *how)))
    yield known
    known.cache_clear()


def picture_and_mask(size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros(size, np.float32)
    mask[30:, 60:130] = 1
    return seeded_image(3, *size), mask


def alphas(network: object, image: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    """Return what a network of either kind makes of a picture on its way."""
    if isinstance(network, GraphNetwork):
        small = network.to_small(image)
        features, probability = network.see(small)
        second = [network.second_look(small, features)] if network.is_judged else []
        begun = network.begin(image, features, network.guide_of(mask))
        if isinstance(begun, QuarterPlanes):
            # A refiner has one coarse alpha, which stands for both.
            whole = (slice(0, length) for length in mask.shape)
            coarse = [begun.beside(*whole)[0]] * 2
        else:
            coarse = [begun.os8.copy(), begun.os4.copy()]
        return [probability, *second, *coarse, network.finish_all(begun).copy()]
    tensor, where = torch.from_numpy(image)[None], torch.from_numpy(mask)[None, None]
    with torch.inference_mode():
        features = network.encode(tensor)
        begun = network.begin(tensor, features, where)
        second = [network.second_look(features)] if network.is_judged else []
        coarse = begun.coarse[:2]
        made = [network.segment(features), *second, *coarse, network.finish_all(begun)]
    return [each[0, 0].numpy() for each in made]


@pytest.mark.slow
@pytest.mark.parametrize("backend", RUNTIMES)
@pytest.mark.parametrize("make", [lite, tenth, ninth, drawn_refiner, drawn_judge, drawn_published])
def test_each_step_is_torchs(placed, backend, make):
    image, mask = picture_and_mask()
    expected = alphas(placed(make, None, "torch"), image, mask)

    found = alphas(placed(make, False, backend), image, mask)

    for one, other in zip(expected, found, strict=True):
        assert np.abs(one - other).max() < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize("backend", RUNTIMES)
@pytest.mark.parametrize("make", [drawn_refiner, drawn_published])
def test_squares_are_parts_of_the_whole(monkeypatch, placed, backend, make):
    monkeypatch.setattr(tiles, "TILE_PX", 32)
    monkeypatch.setattr(tiles, "DENSE_PART", 100)
    network, (image, mask) = placed(make, False, backend), picture_and_mask()
    where = np.zeros(SIZE, np.float32)
    where[28:32, 50:140] = 1

    features = network.encode(network.to_small(image))
    begun = network.begin(image, features, network.guide_of(mask))
    fine = tiles.finest(network, begun, tiles.tiles(where, 4))
    whole = network.finish_all(begun)

    assert np.abs(fine - whole)[where > 0].max() < 1e-6


def test_squares_hold_all_that_is_looked_at_and_do_not_meet():
    where = np.random.default_rng(0).random((60, 90)) > 0.995
    where[10:12, 3:80] = True

    held = np.zeros_like(where, np.uint8)
    corners = tiles.hugging(where, 16)
    for row, column in corners:
        held[row : row + 16, column : column + 16] += 1

    assert held[where].all()
    assert held.max() == 1
    assert len(corners) <= tiles.tiles(where, 16).sum()
    assert tiles.hugging(np.zeros_like(where), 16) == []


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", *RUNTIMES])
@pytest.mark.parametrize(
    "people",
    [
        [(0, 20, 0, 24), (50, 80, 80, 96)],
        [(30, 49, 33, 58)],
        [(40, 43, 0, 96)],
        [],
        [(0, 80, 0, 96)],
    ],
)
def test_an_alpha_made_where_it_is_looked_at_is_that_made_whole(
    monkeypatch, placed, backend, people
):
    """Of the shipped weights; people are rows and columns of cells of 8 px."""
    monkeypatch.setattr(squares, "DENSE_PART", 100)
    network, cells = placed(lite, False, backend), np.zeros((80, 96), np.bool_)
    image, mask = picture_and_mask((640, 768))
    for top, bottom, left, right in people:
        cells[top:bottom, left:right] = True

    whole, parts = (coarse_alpha(network, image, mask, at) for at in (None, cells))

    assert parts.shape == (640, 768)
    # Enlarging looks a pixel of a quarter of the size beyond the cells.
    inner = cv2.erode(cells.astype(np.uint8), np.ones((3, 3)), borderValue=1)
    shown = np.kron(inner, np.ones((8, 8))) > 0
    assert np.abs(whole - parts)[shown].max(initial=0) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("backend", RUNTIMES)
def test_parts_of_one_picture_are_the_same_bytes_after_those_of_others(placed, backend):
    image, mask = picture_and_mask((640, 768))
    network = place(lite(), Compute(CPU, False, backend))
    sizes = [(5, 20), (60, 90), (30, 40), (0, 80), (5, 20)]
    cells = [np.zeros((80, 96), np.bool_) for _ in sizes]
    for each, (top, bottom) in zip(cells, sizes, strict=True):
        each[top:bottom, top:bottom] = True

    first, *_, last = (coarse_alpha(network, image, mask, each) for each in cells)
    other = coarse_alpha(placed(lite, False, backend), image, mask, cells[0])

    assert first.tobytes() == last.tobytes() == other.tobytes()


def coarse_alpha(
    network: object, image: np.ndarray, mask: np.ndarray, cells: np.ndarray | None
) -> np.ndarray:
    """Return what a network of either kind makes of a picture up to a quarter of its size."""
    if isinstance(network, GraphNetwork):
        features, _ = network.see(network.to_small(image))
        begun = network.begin(image, features, network.guide_of(mask), cells)
        assert isinstance(begun, QuarterPlanes)
        return begun.beside(slice(0, len(mask)), slice(0, mask.shape[1]))[0]
    tensor, where = torch.from_numpy(image)[None], torch.from_numpy(mask)[None, None]
    with torch.inference_mode():
        at = None if cells is None else torch.from_numpy(cells.astype(np.float32))
        alpha: np.ndarray = (
            network.begin(tensor, network.encode(tensor), where, at)[0].os4[0, 0].numpy()
        )
    return alpha


@pytest.mark.slow
@pytest.mark.skipif(not is_installed("openvino"), reason="needs openvino: pip install openvino")
@pytest.mark.parametrize("make", [drawn_published])
def test_bfloat16_is_within_two_codes(placed, make):
    network = placed(make, True, "openvino")
    if network.precision != "bfloat16":
        pytest.skip("needs a processor with bfloat16")
    image, mask = picture_and_mask()
    expected = alphas(placed(make, None, "torch"), image, mask)

    for one, other in zip(expected, alphas(network, image, mask), strict=True):
        assert np.abs(one - other).max() < 2 / 255


@pytest.mark.skipif(not is_installed("openvino"), reason="needs openvino: pip install openvino")
@pytest.mark.parametrize(
    ("make", "asked", "is_half"),
    [
        (lite, None, True),
        (lite, False, False),
        (drawn_published, None, False),
        (drawn_published, True, True),
    ],
)
def test_what_stays_as_good_in_bfloat16_is_matted_in_it_unless_floats_are_asked_for(
    monkeypatch, make, asked, is_half
):
    monkeypatch.setattr("sghm_vs.models.backends.openvino.has_bfloat16", lambda _: True)

    assert (place(make(), Compute(CPU, asked, "openvino")).precision == "bfloat16") == is_half


@pytest.mark.skipif(not is_installed("openvino"), reason="needs openvino: pip install openvino")
def test_people_are_found_in_floats_where_only_matting_stands_bfloat16(placed):
    """A threshold follows: there a last bit can be a whole arm."""
    in_half, in_floats = (placed(judged, half, "openvino") for half in (True, False))
    small = in_floats.to_small(picture_and_mask()[0])

    (features, seen), (_, expected) = in_half.see(small), in_floats.see(small)
    assert np.array_equal(seen, expected)
    # The judge, of which only means are looked at, is as fast as the CPU has it.
    second = in_half.second_look(small, features)
    assert np.abs(second - in_floats.second_look(small, features)).mean() < 0.01


@pytest.mark.skipif(not is_installed("openvino"), reason="needs openvino: pip install openvino")
@pytest.mark.parametrize(("make", "expected"), [(lite, {"see", "encode"}), (tenth, set())])
def test_people_are_found_in_bfloat16_by_weights_that_say_that_they_stand_it(
    monkeypatch, make, expected
):
    hints: dict[str, str] = {}
    monkeypatch.setattr("sghm_vs.models.backends.openvino.has_bfloat16", lambda _: True)
    monkeypatch.setattr(
        OpenVino,
        "_compiled",
        lambda self, part, _: hints.setdefault(part.name, self._precision_of(part)),
    )
    network = place(make(), Compute(CPU, None, "openvino"))
    small = np.zeros((3, 64, 64), np.float32)
    for look in (network.see, network.encode):
        with pytest.raises(AttributeError):
            look(small)

    assert {name for name, hint in hints.items() if hint == "bf16"} == expected


def test_what_is_near_the_judges_limit_in_bfloat16_is_decided_in_floats():
    seen, coarse, exact = (np.zeros((40, 80), np.float32) for _ in range(3))
    seen[5:35, 5:35], seen[5:35, 45:75] = 0.99, 0.99
    coarse[:, :40], coarse[:, 40:] = 0.9, 0.13
    exact[:, :40], exact[:, 40:] = 0.9, 0.17

    assert np.array_equal(arrays.judged(seen, coarse, lambda: exact), seen)
    assert not arrays.judged(seen, coarse)[:, 40:].any()
    # What is far from it asks for no floats.
    coarse[:, 40:] = 0.02
    assert not arrays.judged(seen, coarse, again=None)[:, 40:].any()
    assert np.array_equal(arrays.judged(seen, coarse), arrays.judged(seen, coarse, pytest.fail))


@pytest.mark.parametrize("backend", [*RUNTIMES, "torch"])
def test_who_is_nowhere_sure_to_be_somebody_needs_no_judge(monkeypatch, backend):
    network = place(judged(), Compute(CPU, False, backend))
    seen = np.full((64, 96), 0.9, np.float32)
    monkeypatch.setattr(network, "second_look", None)
    picture = np.full((3, 64, 96), 0.5, np.float32)
    if backend == "torch":
        monkeypatch.setattr(network, "segment", lambda _: torch.from_numpy(seen)[None, None])
        alpha = Pipeline(network, Settings(tr=0)).matte(torch.from_numpy(picture)[None])
    else:
        monkeypatch.setattr(network, "see", lambda small: (network.encode(small), seen))
        alpha = ArrayPipeline(network, Settings(tr=0)).matte(picture)

    assert not alpha.any()


@pytest.mark.parametrize("backend", RUNTIMES)
def test_where_nobody_is_nothing_is_matted(monkeypatch, backend):
    network = place(judged(), Compute(CPU, False, backend))
    monkeypatch.setattr(network, "begin", None)
    monkeypatch.setattr(network, "second_look", None)
    nobody = np.zeros((3, 64, 64), np.float32)
    monkeypatch.setattr(network, "see", lambda small: (network.encode(small), 0 * small[0]))

    assert not ArrayPipeline(network, Settings()).matte(nobody).any()


@pytest.mark.parametrize("backend", [*RUNTIMES, "torch"])
def test_what_the_judge_denies_is_matted_by_no_backend(monkeypatch, backend):
    network = place(judged(), Compute(CPU, False, backend))
    seen, denies = np.zeros((64, 96), np.float32), np.ones((64, 96), np.float32)
    seen[10:50, 10:40], seen[10:50, 60:90], denies[:, 50:] = 0.99, 0.99, 0.02
    picture = np.full((3, 64, 96), 0.5, np.float32)
    if backend == "torch":
        planes = [torch.from_numpy(plane)[None, None] for plane in (seen, denies)]
        monkeypatch.setattr(network, "segment", lambda _: planes[0])
        monkeypatch.setattr(network, "second_look", lambda _: planes[1])
        found = Pipeline(network, Settings(tr=0)).probability(torch.from_numpy(picture)[None])
        found = found[0, 0].numpy()
    else:
        monkeypatch.setattr(network, "see", lambda small: (network.encode(small), seen))
        monkeypatch.setattr(network, "second_look", lambda *_: denies)
        found = ArrayPipeline(network, Settings(tr=0)).probability(picture)

    assert np.array_equal(found[:, :50], seen[:, :50])
    assert not found[:, 50:].any()


@pytest.mark.skipif(not is_installed("openvino"), reason="needs openvino: pip install openvino")
def test_a_processor_without_bfloat16_calculates_in_floats(monkeypatch):
    monkeypatch.setattr("sghm_vs.models.backends.openvino.has_bfloat16", lambda _: False)

    assert OpenVino(half=True, streams=1).precision == "float32"


@pytest.fixture(scope="module")
def seeing(model) -> Callable[[], Model]:
    """What reads the weights that see people everywhere."""
    return lambda: read_model(model)


@pytest.mark.slow
@pytest.mark.parametrize("backend", RUNTIMES)
@pytest.mark.parametrize(
    ("sizing", "infer_size", "size"),
    [
        ("pad", 1280, (100, 150)),
        ("pad", 90, (140, 200)),
        ("video", 1280, (100, 150)),
        ("pad", 1280, (20, 30)),
        ("pad", 1280, (130, 700)),
    ],
)
def test_a_frames_way_is_that_of_tensors_at_every_size(
    seeing, placed, backend, sizing, infer_size, size
):
    settings = Settings(sizing=sizing, infer_size=infer_size)
    picture = seeded_image(5, *size)
    with torch.inference_mode():
        own = Pipeline(placed(seeing, None, "torch"), settings)
        expected = own.matte(torch.from_numpy(picture)[None])[0, 0].numpy()

    found = ArrayPipeline(placed(seeing, False, backend), settings).matte(picture)

    differs = np.abs(found - expected)
    assert found.any()
    assert np.mean(np.minimum(differs, 1)) < 2e-5
    assert (differs > 2e-3).mean() <= 50e-6


def assert_but_for_flips(
    clip: vs.VideoNode, weights: str, seen_by_torch: list[np.ndarray], backend: str
) -> None:
    """
    Assert that `backend` gives torch's alpha of each frame, and count what flips.

    At a threshold a last bit can move a pixel of the mask, and with it the alpha around: 50 in a
    million may, and elsewhere as many may be where a band ends.
    """
    (mask, alpha), (torchs_mask, torchs) = views(clip, weights, backend), seen_by_torch
    flips = mask != torchs_mask
    alike = ~flips.any((1, 2))
    differs = np.abs(alpha - torchs)[alike]
    assert flips.mean() <= 50e-6
    assert alike.any()
    assert differs.mean() < 2e-5
    assert (differs > 2e-3).mean() <= 50e-6


def views(clip: vs.VideoNode, weights: str, backend: str) -> list[np.ndarray]:
    """Return the masks and the alphas of each frame before its neighbors steady it."""
    seen = sghm(clip, -1, weights, tr=1, backend=backend, fp16=False, debug="all")
    frames = list(seen.frames())
    return [
        np.stack([plane(frame.props[name]) for frame in frames])
        for name in ("SghmGuidance", "SghmFrame")
    ]


def scaled(path: Path, length: int) -> vs.VideoNode:
    return open_source(path).clip.resize.Bicubic(480, 272)[:length]


def moving_portrait(folder: Path) -> vs.VideoNode:
    pytest.importorskip("skimage", reason="the demo's portrait: pip install scikit-image")
    return scaled(write_moving_portrait(folder), 3)


CLIPS = {
    # Not padded: beyond the picture's edge a mask can flip as well, and there is nothing to see of it.
    "noise": lambda _: noise_clip(width=128),
    "pans and cuts": lambda _: panning_clip((4, 2)),
    "a textured disk before a textured wall": lambda _: scenes.clips(3, scenes.scene)[0],
    "people who pass each other": lambda _: crowds.clip_of(
        lambda n: [crowds.walker(n, 60, 4), crowds.walker(n, 260, -4, texture=2)], 3
    ),
    "the demo": moving_portrait,
}


@pytest.fixture(scope="module")
def stays_placed(model) -> Iterator[None]:
    """Clips that stay: others share the networks that these hold, a compiled one above all."""
    clip = vs.core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=1)
    names = [name for name in ("torch", "openvino", "onnxruntime") if is_installed(name)]
    held = [sghm(clip, -1, model, backend=name, fp16=False) for name in names]
    yield
    held.clear()


@pytest.fixture(scope="module")
def clip_seen_by_torch(model, tmp_path_factory):
    """Return what gives of a name its clip, the weights that see it, and its views by torch."""

    @cache
    def seen(name: str) -> tuple[vs.VideoNode, str, list[np.ndarray]]:
        make = CLIPS[name]
        clip = make(tmp_path_factory.mktemp("clip"))
        weights = "sghm-lite" if make is moving_portrait else model
        return clip, weights, views(clip, weights, "torch")

    yield seen
    seen.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("stays_placed")
@pytest.mark.parametrize("backend", [*RUNTIMES, PLUGIN])
@pytest.mark.parametrize("name", CLIPS)
def test_pixels_that_flip_are_few_on_every_clip(clip_seen_by_torch, backend, name):
    """Drawn people are seen by `model`, the portrait by the shipped weights."""
    assert_but_for_flips(*clip_seen_by_torch(name), backend)


@pytest.fixture(scope="module")
def shared_path_seen_by_torch() -> Iterator[
    Callable[[Path], tuple[vs.VideoNode, list[np.ndarray]]]
]:
    """What gives of a path its clip, and its views by torch."""

    @cache
    def seen(path: Path) -> tuple[vs.VideoNode, list[np.ndarray]]:
        clip = scaled(path, 2)
        return clip, views(clip, "sghm-lite", "torch")

    yield seen
    seen.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("backend", [*RUNTIMES, PLUGIN])
def test_pixels_that_flip_are_few_on_every_shared_clip(shared, shared_path_seen_by_torch, backend):
    paths = [p for p in sorted((shared / "sequence").iterdir()) if not p.stem.endswith("_alpha")]
    assert paths
    for path in paths:
        clip, by_torch = shared_path_seen_by_torch(path)
        assert_but_for_flips(clip, "sghm-lite", by_torch, backend)


WAYS_IN = {
    "alone": {"tr": 0},
    "with neighbors": {"tr": 2},
    "by a mask": {"tr": 1, "mask": None},
    "by a trimap": {"tr": 1, "trimap": None},
    "kept, held out, in a part": {"tr": 1, "keep": None, "holdout": None, "roi": (0, 0, 64, 48)},
}
"""
All ways into an engine: a frame by itself or from its segmentation, each with a guide or without,
and of a part.
"""
GUIDED = {
    **WAYS_IN,
    "by a trimap alone": {"tr": 0, "trimap": None},
    "by keys": {"tr": 1, "keys": (1, 4), "key_span": 3},
    "before a screen": {"tr": 1, "screen": "auto"},
}


def guided(how: str) -> tuple[vs.VideoNode, dict[str, object]]:
    """Return a clip, and the arguments by which it is matted."""
    clip = panning_clip((4, 2))
    guide = clip.std.BlankClip(format=vs.GRAY8, color=128)
    half = guide.std.BlankClip(width=guide.width // 2, color=255)
    guide = vs.core.std.StackHorizontal([half, guide.std.Crop(left=half.width)])
    given = {name: guide if value is None else value for name, value in GUIDED[how].items()}
    if "keys" in given:
        given["keys"] = {n: guide[n] for n in GUIDED[how]["keys"]}
    return clip, given


@pytest.fixture(scope="module")
def by_torch(model) -> Iterator[Callable[[str], np.ndarray]]:
    """The alphas that torch makes, once for all backends."""

    @cache
    def made(how: str) -> np.ndarray:
        clip, given = guided(how)
        alpha = sghm(clip, -1, model, backend="torch", fp16=False, **given)
        return np.stack([plane(frame) for frame in alpha.frames(close=True)])

    yield made
    made.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("stays_placed")
@pytest.mark.parametrize("backend", [*RUNTIMES, PLUGIN])
@pytest.mark.parametrize("how", WAYS_IN)
def test_the_filter_gives_torchs_alpha_and_the_same_in_any_order(model, by_torch, backend, how):
    assert_torchs_in_any_order(model, by_torch, backend, how)


@pytest.mark.slow
@pytest.mark.usefixtures("stays_placed")
@pytest.mark.parametrize("backend", RUNTIMES[:1])
@pytest.mark.parametrize("how", sorted(GUIDED.keys() - WAYS_IN.keys()))
def test_whatever_is_said_comes_to_an_engine_as_one_guide(model, by_torch, backend, how):
    """By one backend: what makes one guide of all (`GuideClips.before`) is nodes that know none."""
    assert_torchs_in_any_order(model, by_torch, backend, how)


def assert_torchs_in_any_order(model, by_torch, backend, how):
    clip, given = guided(how)
    first, again = (sghm(clip, -1, model, backend=backend, fp16=False, **given) for _ in range(2))

    made = np.stack([plane(frame) for frame in first.frames(close=True)])

    for n in (5, 0, 3, 1, 4, 2):
        with again.get_frame(n) as frame:
            assert plane(frame).tobytes() == made[n].tobytes()
    differs = np.abs(made - by_torch(how))
    assert differs.mean() < 2e-5
    assert (differs > 2e-3).mean() <= 50e-6


@pytest.mark.slow
@pytest.mark.parametrize("backend", [*RUNTIMES, PLUGIN])
def test_nothing_needs_torch(tmp_path, model, backend):
    """The whole filter: neighbors, a guide, cuts, views, and a format. Then the command line."""
    source = tmp_path / "p.png"
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1)
    export_clip(blank, blank.std.ShufflePlanes(0, vs.GRAY), source, sidecar=False)
    words = ["matte", str(source), "-o", str(tmp_path / "a.exr"), "--model", model]
    script = f"""
import sys
sys.modules["torch"] = None
import numpy as np, vapoursynth as vs
from sghm_vs import attach, sghm
from sghm_vs.cli import main
clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=96, height=64, length=4, color=[90, 120, 140])
guide = clip.std.BlankClip(format=vs.GRAY8, color=128)
plain = sghm(clip, model={model!r}, tr=2, backend={backend!r}, trimap=guide, format=vs.GRAY16,
             keys={{1: guide[1]}}, keep=guide, holdout=guide, screen="auto", roi=(0, 0, 64, 64))
attach(clip, plain)
seen = sghm(clip, model={model!r}, tr=1, backend={backend!r}, debug="all")
for one in (plain, seen):
    with one.get_frame(2) as frame:
        print(frame.format.name, sorted(name for name in frame.props if name.startswith("Sghm")))
sys.exit(main({[*words, "--backend", backend]!r}))
"""

    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True
    )

    assert run.returncode == 0, run.stderr
    assert "Gray16" in run.stdout
    assert "SghmTrust" in run.stdout
    assert f"by {backend} " in run.stderr


@pytest.mark.slow
def test_torch_alone_needs_none_of_the_others(model):
    script = f"""
import sys
for name in ("onnx", "onnxruntime", "openvino"):
    sys.modules[name] = None
import vapoursynth as vs
from sghm_vs import sghm
clip = vs.core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=2)
sghm(clip, model={model!r}, tr=1, backend="torch", debug="band").get_frame(1).close()
"""

    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True
    )

    assert run.returncode == 0, run.stderr


def test_auto_takes_the_first_that_is_installed_and_fits(monkeypatch):
    installed = {"openvino", "onnxruntime", "torch"}
    monkeypatch.setattr(base, "is_installed", lambda name: name in installed)

    cpu, gpu = Compute(CPU), Compute(Device("cuda", 0))
    assert automatic_backends(cpu) == ["openvino", "onnxruntime", "torch"]
    assert automatic_backends(gpu) == ["torch"]
    assert automatic_backends(cpu._replace(fp16=True)) == ["openvino", "torch"]
    assert automatic_backends(cpu.for_many_sizes()) == ["onnxruntime", "torch"]
    installed.clear()
    assert automatic_backends(cpu) == ["torch"]


def test_auto_goes_on_where_one_cannot_be_loaded(monkeypatch, caplog):
    monkeypatch.setattr(base, "is_installed", lambda name: name in ("openvino", "torch"))
    monkeypatch.setitem(sys.modules, "openvino", None)

    network = place(lite(), Compute(CPU))

    assert network.backend == "torch"
    assert "backend openvino needs openvino" in caplog.text


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_without_it_the_extra_is_named(monkeypatch, backend):
    monkeypatch.setitem(sys.modules, backend, None)

    with pytest.raises(MissingPackageError, match=rf"sghm-vs\[{backend}\]"):
        place(lite(), Compute(CPU, False, backend))


def test_half_precision_is_refused_where_there_is_none():
    with pytest.raises(SettingsError, match="use fp16=False"):
        place(lite(), Compute(CPU, True, "onnxruntime"))
    with pytest.raises(SettingsError, match="too coarse for sghm-lite; use fp16=False"):
        place(ninth(), Compute(CPU, True, "openvino"))


def test_nobody_is_told_that_a_network_is_loaded(monkeypatch):
    """OpenVINO's own tools send messages, by copies of this process."""
    telemetry = pytest.importorskip("openvino_telemetry", reason="OpenVINO has no telemetry here")
    told = []
    for way in ("start_session", "send_event", "end_session", "send_error"):
        monkeypatch.setattr(telemetry.Telemetry, way, lambda *_, way=way, **__: told.append(way))
    network, (image, _) = place(lite(), Compute(CPU, False, "openvino")), picture_and_mask()

    network.encode(network.to_small(image))

    assert not told


@pytest.mark.skipif(not is_installed("openvino"), reason="needs openvino: pip install openvino")
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_ctrl_c_is_heard_after_a_network_of_openvino_has_gone_on_another_thread():
    words = """
import signal, threading
from sghm_vs.models.backends.openvino import OpenVino
held = [OpenVino(half=True, streams=1)]
there = threading.Thread(target=held.clear)
there.start()
there.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("heard")
"""
    run = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert (run.stdout, run.returncode) == ("heard\n", 0), run


@pytest.mark.skipif(not is_installed("openvino"), reason="needs openvino: pip install openvino")
def test_nobody_is_told_that_openvino_is_imported():
    code = (
        "import sys; from sghm_vs.models.backends.openvino import OpenVino, bfloat16_of;"
        "OpenVino(half=False, streams=1); bfloat16_of();"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


DAMAGES = {
    "missing": (
        lambda arrays: arrays.pop("decoder.conv1.weight"),
        r"decoder\.conv1\.weight is miss",
    ),
    "not expected": (lambda arrays: arrays.update(more=np.ones(1)), r"1 not expected \(more\)"),
    "of another shape": (
        lambda arrays: arrays.update({"decoder.conv2.weight": np.ones((48, 7, 3, 3))}),
        r"decoder\.conv2\.weight takes 7 channels and must take 88",
    ),
    "no numbers": (
        lambda arrays: arrays["decoder.conv1.weight"].fill(np.nan),
        r"1 with values that are no numbers \(decoder\.conv1\.weight\)",
    ),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGES.values(), ids=DAMAGES)
def test_weights_that_do_not_fit_are_refused_by_what_is_wrong(damage, said):
    model = lite()
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    damage(arrays)

    with pytest.raises(WeightsError, match=f"is not a checkpoint of sghm-lite-12: {said}"):
        place(model._replace(arrays=arrays), Compute(CPU, backend="onnxruntime"))


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[[object, np.ndarray], np.ndarray]]:
    """What ONNX Runtime makes of planes by a file; opened once for all tests here."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    opened = cache(partial(onnxruntime.InferenceSession, providers=["CPUExecutionProvider"]))
    yield lambda path, planes: opened(path).run(["output"], {"input": planes[None]})[0][0]
    opened.cache_clear()


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> dict[str, list]:
    """Return what `sghm weights export` writes of each model: segmentation and matting."""
    folder = tmp_path_factory.mktemp("onnx")
    published = folder / "published.safetensors"
    save_file(
        {name: np.array(a, order="C") for name, a in drawn_published().arrays.items()}, published
    )
    return {
        model: export(model, folder, half=False, overwrite=False)
        for model in ("sghm-lite", "sghm-lite@9", str(published))
    }


@cache
def whole_and_cut() -> list[bytes]:
    """Return the files by which a picture is matted whole, and in squares that the graph cuts."""
    parts = (matting, matting_in_squares)
    return [written(checked(lite()), part, "m").SerializeToString() for part in parts]


MODELS = {"sghm-lite": lite, "sghm-lite@9": ninth, "published.safetensors": drawn_published}


def files_of(files: dict[str, list], name: str) -> list:
    return next(paths for model, paths in files.items() if model.endswith(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_exported_files_are_whole_by_onnxs_own_check(files, name):
    for path in files_of(files, name):
        onnx.checker.check_model(str(path), full_check=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(128, 128), (192, 320), (320, 128)])
@pytest.mark.parametrize("person", ["nowhere", "in a corner", "in the middle", "everywhere"])
def test_squares_cut_inside_a_graph_make_what_the_whole_picture_does(run, size, person):
    height, width = size
    mask = np.zeros(size, np.float32)
    parts = {
        "in a corner": (slice(height - 30, None), slice(width - 40, None)),
        "in the middle": (slice(60, 70), slice(30, 90)),
        "everywhere": np.arange(height) % 64 < 40,
    }
    if person in parts:
        mask[parts[person]] = 1
    image, _ = picture_and_mask(size)
    small = small_of(image, lite().row.small_px)
    corner = np.zeros((3, *size), np.float32)
    corner[:, : small.shape[1], : small.shape[2]] = small
    planes = np.concatenate([image, mask[None], corner])

    whole, cut = (run(file, planes) for file in whole_and_cut())

    assert np.ptp(whole) > 0.5 or person == "nowhere"
    assert np.array_equal(cut, whole)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 64), (128, 192), (64, 704)])
@pytest.mark.parametrize("name", MODELS)
def test_exported_files_do_what_torch_does_at_any_size(run, placed, files, name, size):
    paths = files_of(files, name)
    image, mask = picture_and_mask(size)
    tensor, where = torch.from_numpy(image)[None], torch.from_numpy(mask)[None, None]
    network = placed(MODELS[name], None, "torch")
    with torch.inference_mode():
        small = network.to_small(tensor)
        features = network.encode_small(small)
        seen = [network.segment(features)]
        seen += [network.second_look(features)] * 2 if network.is_judged else []
        probability = torch.cat(seen)[:, 0].numpy()
        begun = network.begin(tensor, features, where)
        fine = network.finish_all(begun)
        alphas = torch.cat([*begun.coarse[:2], fine], 1)[0]
        if begun.detail is not None:
            alpha, weight = refinement.by_detail(begun.coarse.os4, begun.detail)
            alphas = alpha.lerp(fine, weight)[0]
    corner = np.zeros((3, *size), np.float32)
    height, width = small.shape[2:]
    corner[:, :height, :width] = small[0].numpy()

    for path, planes, expected in (
        (paths[0], small[0].numpy(), probability),
        (paths[1], np.concatenate([image, mask[None], corner]), alphas.numpy()),
    ):
        differs = np.abs(run(path, planes) - expected)
        assert differs.mean() < 2e-5
        assert (differs > 2e-3).mean() <= 50e-6


def test_exported_files_say_what_they_are(files):
    for path in files["sghm-lite"]:
        facts = {each.key: each.value for each in onnx.load(path).metadata_props}
        assert facts["model"] == "sghm-lite@13"
        assert facts["weights_sha256"] == shipped().sha256()
        assert facts["license"].startswith("Apache-2.0")
        assert facts["opset"] == "17"
        assert facts["sghm_vs"] == sghm_vs.__version__


def test_halves_are_half_as_large_and_take_floats(run, tmp_path, files, capsys):
    assert main(["weights", "export", "sghm-lite", "-o", str(tmp_path), "--fp16", "--json"]) == 0

    written = json.loads(capsys.readouterr().out)["files"]
    assert [path.rsplit("/")[-1] for path in written] == [
        "sghm-lite_13-segmentation-fp16.onnx",
        "sghm-lite_13-matting-fp16.onnx",
    ]
    image, mask = picture_and_mask()
    planes = [image, np.concatenate([image, mask[None], image])]
    for half, full, given in zip(written, files["sghm-lite"], planes, strict=True):
        assert Path(half).stat().st_size < 0.55 * full.stat().st_size
        assert np.abs(run(half, given) - run(full, given)).mean() < 0.01


def test_an_export_replaces_nothing_unasked(tmp_path, capsys):
    words = ["weights", "export", "sghm-lite", "-o", str(tmp_path)]
    assert main(words) == 0

    assert main(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


class ORT_CPU:  # noqa: N801 - as vsmlrt has it
    """A stand-in for vsmlrt's."""

    def __init__(self, num_streams: int = 1, fp16: bool = False) -> None:
        self.num_streams, self.fp16 = num_streams, fp16


class TRT(ORT_CPU):
    """Another one."""


@pytest.mark.slow
@pytest.mark.parametrize("backend", [PLUGIN])
def test_an_object_of_vsmlrts_means_the_plugin(model, backend):
    clip = panning_clip((2,))

    by_object, by_name = (
        sghm(clip, -1, model, tr=0, backend=each) for each in (ORT_CPU(2), backend)
    )

    assert frame_bytes(by_object, 1) == frame_bytes(by_name, 1)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"backend": TRT()}, r"Backend\.TRT, and of vsmlrt's Backend\.ORT_CPU and Backend\.OV_CPU"),
        ({"backend": ORT_CPU(fp16=True)}, "backend ort has no half precision here; use fp16=False"),
        (
            {"backend": "ort", "fp16": True},
            "backend ort has no half precision here; use fp16=False",
        ),
    ],
)
def test_what_no_plugin_does_here_is_refused(how, said):
    with pytest.raises(vs.Error, match=said):
        sghm(panning_clip((1,)), -1, "sghm-lite", **how)


@pytest.mark.skipif(hasattr(vs.core, "ov"), reason="the plug-in is here")
def test_a_plugin_that_is_missing_is_named_with_what_brings_it():
    with pytest.raises(
        vs.Error, match="needs VapourSynth's plug-in ov; pip install vapoursynth-mlrt"
    ):
        sghm(panning_clip((1,)), -1, "sghm-lite", backend="ov")


@pytest.mark.slow
@pytest.mark.parametrize("backend", [PLUGIN])
@pytest.mark.parametrize("version", ["sghm-lite@9", "published"])
def test_plugins_run_every_network(tmp_path, backend, version):
    if version == "published":
        version = str(tmp_path / "published.safetensors")
        save_file(dict(drawn_published().arrays), version)
    clip = panning_clip((1,)).resize.Bicubic(150, 100)

    found, expected = (
        plane(sghm(clip, -1, version, tr=0, backend=each).get_frame(0))
        for each in (backend, "torch")
    )

    assert np.abs(found - expected).mean() < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize("backend", [PLUGIN])
@pytest.mark.parametrize("before", [None, "0"])
def test_plugins_give_the_same_in_any_number_of_streams_and_leave_the_environment(
    monkeypatch, model, backend, before
):
    """
    ONNX Runtime reads how many threads it takes from the file, while a variable says so.

    On two threads it rounds otherwise than on one.
    """
    monkeypatch.delenv(READS_CONFIG, raising=False)
    if before:
        monkeypatch.setenv(READS_CONFIG, before)
    clip = panning_clip((2,), width=192, height=128)

    one, more = (
        frame_bytes(sghm(clip, -1, model, tr=0, backend=backend, num_streams=streams), 1)
        for streams in (1, 4)
    )

    assert one == more
    assert os.environ.get(READS_CONFIG) == before


def test_a_file_says_that_it_runs_on_one_thread(run):
    graph = written(checked(lite()), segmentation, "m").SerializeToString()

    (said,) = onnx.load_from_string(on_one_thread(graph)).metadata_props

    assert json.loads(said.value)["session_options"]["intra_op_num_threads"] == 1
    assert run(on_one_thread(graph), np.zeros((3, 64, 64), np.float32)).shape == (1, 64, 64)


@pytest.mark.parametrize("backend", [PLUGIN])
def test_a_plugins_heap_is_trimmed_as_those_of_other_backends(monkeypatch, model, backend):
    """Else it grew by 150 KB a frame."""
    trims = []
    monkeypatch.setattr(cores, "RUNS_BETWEEN_TRIMS", 4)
    monkeypatch.setattr(cores, "trim_heap", lambda: trims.append(1))

    for frame in sghm(panning_clip((4,)), -1, model, tr=0, backend=backend).frames(close=True):
        frame.close()

    assert len(trims) == 3


@pytest.mark.parametrize("backend", [PLUGIN])
def test_a_plugin_refuses_a_clip_whose_size_changes(model, backend):
    clips = [panning_clip((1,)), panning_clip((1,)).resize.Bicubic(64, 64)]

    with pytest.raises(vs.Error, match="backend ort takes one; give it one"):
        sghm(vs.core.std.Splice(clips, mismatch=True), -1, model, backend=backend)


def test_the_plugin_of_openvino_does_as_onnx_runtime(model):
    """In a process of its own: it brings an OpenVINO beside which Python's can't be loaded."""
    place_of_it = os.environ.get("SGHM_VSOV")
    if not place_of_it:
        pytest.skip("needs the plug-in's file, which SGHM_VSOV names: vapoursynth-mlrt-ov has it")
    script = f"""
import numpy as np, vapoursynth as vs
vs.core.std.LoadPlugin({place_of_it!r})
from sghm_vs import sghm
from tests import crowds, scenes
from tests.clips import frame_bytes, noise_clip, panning_clip, plane
clip = panning_clip((4,))
for how in (dict(tr=0), dict(tr=1)):
    ov, again, ort = (
        sghm(clip, -1, {model!r}, backend=each, **how) for each in ("ov", "ov", "onnxruntime")
    )
    made = [frame_bytes(ov, n) for n in range(4)]
    assert [frame_bytes(again, n) for n in (3, 0, 2, 1)] == [made[n] for n in (3, 0, 2, 1)]
    differs = np.abs(plane(ov.get_frame(2)) - plane(ort.get_frame(2)))
    assert differs.mean() < 2e-5 and (differs > 2e-3).mean() <= 50e-6
"""

    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True, cwd=ROOT
    )

    assert run.returncode == 0, run.stderr
