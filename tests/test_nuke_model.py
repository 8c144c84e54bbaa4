"""The network in the form that Nuke runs: equal to ours, of any size, its knobs alive."""

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch

from benchmarks.baselines import ALIKE, one_frame_delay
from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.color import ocio
from sghm_vs.hosts.nuke import cattery, export, torchscript
from sghm_vs.hosts.nuke.script import Node, find
from sghm_vs.matting import refinement, segmentation
from sghm_vs.matting.arrays import segmentation as arrays
from sghm_vs.matting.frame import Pipeline
from sghm_vs.media.readers import open_source
from sghm_vs.models.checkpoint import build_network, fold_batch_norms, read_checkpoint
from sghm_vs.models.sghm.network import SGHM, LightSGHM, sghm_lite_10
from sghm_vs.models.weights import shipped
from sghm_vs.options import Settings
from tests import nuke_graph, torch21
from tests.nuke_reader import read

TORCH21 = os.environ.get("SGHM_TORCH21", Path.home() / ".cache/sghm_vs/torch21/bin/python")


@pytest.fixture(scope="module")
def network() -> SGHM:
    return build_network(read_checkpoint(shipped().path), "shipped")[1]


def loaded(module: torch.nn.Module) -> Any:
    """Return `module` as another program has it."""
    return quietly(torch.jit.load, io.BytesIO(export.scripted(module)))


def quietly(load: Any, *args: Any) -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(*args)


@pytest.fixture(scope="module")
def one(network: SGHM) -> Any:
    return loaded(torchscript.OneFrame(network))


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), torch21.SIZES)
def test_the_model_equals_our_own_alpha_at_any_size_and_aspect(one, height, width):
    picture = torch21.picture(height, width)
    one.infer_size = torch21.INFER_SIZE

    made = one(torch.from_numpy(picture))

    own = torch21.own_alpha(picture)
    assert made.shape == own.shape
    assert own.max() == 1
    np.testing.assert_allclose(made.numpy(), own, atol=torch21.ERROR_MAX)


@pytest.mark.slow
def test_so_does_the_published_network(seeded_network):
    picture = torch.from_numpy(torch21.picture(130, 100))

    made = loaded(torchscript.OneFrame(seeded_network))(picture)

    own = Pipeline(seeded_network, Settings(tr=0)).matte(picture)
    torch.testing.assert_close(made, own, atol=1e-4, rtol=0)


@pytest.fixture
def refiner() -> LightSGHM:
    """The light network of the tenth weights, drawn so that its alphas are of all kinds."""
    torch.manual_seed(0)
    network = sghm_lite_10().eval().requires_grad_(requires_grad=False)
    for layer in (network.refiner.to_os4, network.refiner.fine.to_os1):
        layer.weight -= layer.weight.mean((1, 2, 3), keepdim=True)
        layer.weight *= 60
        layer.bias.zero_()
    fold_batch_norms(network)
    return network


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(130, 100), (192, 320)])
def test_so_does_the_light_refiner(refiner, height, width):
    picture = torch.from_numpy(torch21.picture(height, width))

    made = loaded(torchscript.OneFrame(refiner))(picture)

    own = Pipeline(refiner, Settings(tr=0)).matte(picture)
    torch.testing.assert_close(made, own, atol=1e-4, rtol=0)


def test_the_light_refiner_makes_the_same_of_any_mask(refiner):
    image = torch.from_numpy(torch21.picture(192, 320))
    mask = torch.zeros(1, 1, 192, 320)
    mask[..., 40:150, 60:250] = 1
    features = refiner.encode(image)
    coarse_output = refiner.begin(image, features, mask)
    alpha, weight = refinement.by_detail(coarse_output.coarse.os4, coarse_output.detail)
    own = alpha.lerp(refiner.finish_all(coarse_output), weight)

    made = torchscript.matting_of(refiner).refined(image, features, mask, 1.0)

    assert 0.05 < own.mean() < 0.95
    assert ((own > 0.05) & (own < 0.95)).any()
    torch.testing.assert_close(made, own, atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("for nuke")
    torch21.write(folder)
    return folder


@pytest.mark.slow
def test_it_loads_in_nukes_torch_and_equals_ours_there(exported):
    if not Path(TORCH21).is_file():
        pytest.skip("needs torch 2.1: tests/torch21.py says how to make its environment")

    run = subprocess.run(
        [str(TORCH21), str(Path(torch21.__file__)), "check", str(exported)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("torch 2.1") == len(torch21.SIZES)


def test_its_knobs_are_alive_and_named_as_catfilecreator_has_them(network, one, exported):
    picture = torch.from_numpy(torch21.picture(180, 320))
    one.infer_size = 1280
    whole = one(picture)
    one.infer_size = 128

    assert not torch.equal(one(picture), whole)
    creators = read((exported / "sghm_lite_CatFileCreator.nk").read_text())
    modules = torchscript.OneFrame(network), torchscript.ThreeFrames(network)
    for creator, module in zip(creators, modules, strict=True):
        knobs = [knob for knob in creator.user_knobs if knob.kind != 20]
        assert knobs
        for knob in knobs:
            value = getattr(module, knob.name)
            assert knob.kind == {int: 3, bool: 6, float: 7}[type(value)]
            assert creator.knobs[knob.name] == str(value).lower()


def test_no_device_and_no_new_operator_is_fixed_in_it(one):
    code = str(one.graph) + str(one.inlined_graph)

    assert "cuda" not in code
    assert "lanczos" not in code
    assert "upsample_bilinear2d" in code


def test_a_pixel_that_is_no_number_spoils_no_frame(one):
    picture = torch.from_numpy(torch21.picture(108, 192))
    one.infer_size = 1280
    whole = one(picture)
    picture[..., 3, 5] = torch.tensor([float("nan"), float("inf"), -float("inf")])

    made = one(picture)

    assert made.isfinite().all()
    # A few pixels of the outline may change sides; a spoiled frame would be another everywhere.
    assert (made - whole).abs().mean() < 0.01


def test_half_pictures_become_half_alphas_near_the_same(one):
    picture = torch.from_numpy(torch21.picture(108, 192))
    one.infer_size = 1280

    made = one(picture.half())

    assert made.dtype == torch.float16
    assert (made.float() - one(picture)).abs().mean() < 0.002


@pytest.mark.slow
def test_half_weights_work_where_torch_has_them(network):
    picture = torch.from_numpy(torch21.picture(108, 192))
    halved = loaded(torchscript.OneFrame(network)).half()

    made = halved(picture.half())

    own = Pipeline(network, Settings(tr=0)).matte(picture)
    assert made.dtype == torch.float16
    assert (made.float() - own).abs().mean() < 0.005


@pytest.mark.slow
def test_three_frames_take_out_what_flickers_for_one(network):
    three = loaded(torchscript.ThreeFrames(network))
    person = torch.from_numpy(torch21.picture(108, 192))
    nothing = torch.full_like(person, 0.5)
    alone = Pipeline(network, Settings(tr=0))

    flicker = three(torch.cat([nothing, person, person], 1))
    entering = three(torch.cat([person, nothing, person], 1))

    seen, unseen = alone.matte(person), alone.matte(nothing)
    expected = torchscript.agreed(unseen, seen, seen, 0.1)
    assert not torch.equal(expected, unseen)
    torch.testing.assert_close(flicker, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(entering, seen, atol=1e-4, rtol=0)
    three.agree = False
    torch.testing.assert_close(
        three(torch.cat([nothing, person, person], 1)), unseen, atol=1e-4, rtol=0
    )


def test_the_rule_is_the_one_that_sghm_bench_measures():
    alphas = [np.random.default_rng(n).random((20, 30), np.float32) for n in range(3)]

    _, middle, _ = one_frame_delay(alphas)

    before, own, after = map(torch.from_numpy, alphas)
    found = torchscript.agreed(own, before, after, ALIKE)
    assert not torch.equal(found, own)
    torch.testing.assert_close(found.numpy(), middle)


def test_a_lone_frame_takes_its_neighbors_mean_and_no_other_does():
    own, before, after = (
        torch.tensor(row)
        for row in ([0.0, 0.5, 0.9, 0.4], [0.8, 0.5, 0.2, 0.5], [0.7, 0.9, 0.9, 0.5])
    )

    found = torchscript.agreed(own, before, after, 0.15)

    torch.testing.assert_close(found, torch.tensor([0.75, 0.5, 0.9, 0.4]))


@pytest.mark.parametrize("seed", range(4))
def test_areas_that_hold_seeds_are_those_that_opencv_finds(seed):
    rng = np.random.default_rng(seed)
    area, seeds = rng.random((60, 90)) < 0.6, rng.random((60, 90)) < 0.01

    found = torchscript.holding(torch.from_numpy(area), torch.from_numpy(seeds))

    np.testing.assert_array_equal(found.numpy(), arrays._holding(area, seeds))


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 7, 11, 24, 43])
def test_areas_grow_and_close_as_by_opencv(radius):
    area = np.random.default_rng(radius).random((70, 90)) < 0.02

    grown = refinement.dilate_by_pooling(torch.from_numpy(area)[None, None], radius)[0, 0]
    closed = torchscript.closed(torch.from_numpy(area), radius)

    expected = refinement.dilate(torch.from_numpy(area)[None, None], radius)[0, 0]
    np.testing.assert_array_equal(grown.numpy(), expected.numpy())
    np.testing.assert_array_equal(closed.numpy(), arrays._closed(area, radius))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_seen_is_judged_as_by_opencv(seed):
    draw = torch.Generator().manual_seed(seed)
    seen, second = (
        torch.nn.functional.interpolate(
            torch.rand(1, 1, *size, generator=draw), (96, 160), mode="bicubic"
        ).clamp(0, 1)
        for size in ((12, 20), (4, 5))
    )

    found = torchscript.judged(seen, second**3)

    expected = segmentation.judged(seen, second**3)
    assert ((expected == 0) & (seen > 0.5)).any()
    assert (expected > 0.5).any()
    torch.testing.assert_close(found, expected, atol=0, rtol=0)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_seen_is_settled_as_by_opencv(seed):
    noise = torch.rand(1, 1, 12, 20, generator=torch.Generator().manual_seed(seed))
    seen = torch.nn.functional.interpolate(noise, (96, 160), mode="bicubic").clamp(0, 1)

    found = torchscript.cleaned(seen, 384, 0.3)

    expected = segmentation.clean(seen, (384, 640), 0.3)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A person in scene-linear light, brighter than white in part, frames 1 to 3."""
    codes = torch21.picture(108, 192)[0].transpose(1, 2, 0).astype(np.float64)
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4) * 1.6
    for number in (1, 2, 3):
        planes = {
            name: np.ascontiguousarray(light[..., n], np.float32) for n, name in enumerate("RGB")
        }
        with OpenEXR.File({"type": OpenEXR.scanlineimage}, planes) as file:
            file.write(str(tmp_path / f"plate.{number:04d}.exr"))
    return tmp_path / "plate.####.exr"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "_3frames"])
def test_the_node_gives_the_plate_the_alpha_that_sghm_gives_it(exported, plate, kind):
    (group,) = read((exported / f"Cattery/sghm_lite/sghm_lite{kind}.gizmo").read_text())
    group.knobs |= {"color": "0", "exposure": "0.5"}
    reading = {"file": str(plate).replace("####", "%04d")}
    group.inputs = [Node("Read", reading)]
    infer = find(group.children, "Inference1")
    infer.knobs["modelFile"] = str(exported / f"sghm_lite{kind}.pt")

    shown = nuke_graph.evaluate(group, 2)

    clip = open_source(plate).clip
    own = sghm(clip, -1, "sghm-lite", tr=0, exposure=0.5).get_frame(1)
    np.testing.assert_allclose(shown["alpha"], np.asarray(own[0]), atol=1e-4)
    np.testing.assert_array_equal(shown["red"], nuke_graph.evaluate(group.inputs[0], 2)["red"])


def test_acescg_becomes_rec709_by_opencolorios_own_matrix():
    expected = ocio.matrix("acescg")

    np.testing.assert_allclose(cattery.AP1_TO_REC709, expected, atol=2e-6)


def test_files_for_the_cattery_name_each_other(exported):
    folder = exported / "Cattery/sghm_lite"
    content = json.loads((folder / "cat.json").read_text())

    assert content["minimum_nuke_version_required"] == 15.1
    for cat, creator in zip(
        content["cats"], read((exported / "sghm_lite_CatFileCreator.nk").read_text()), strict=True
    ):
        (group,) = read((folder / cat["filepath"]).read_text())
        name = cat["filepath"].removesuffix(".gizmo")
        assert f"{name}.cat]" in find(group.children, "Inference1").knobs["modelFile"]
        assert creator.knobs["torchScriptFile"].endswith(f"/{name}.pt")
        assert creator.knobs["catFile"].endswith(f"/Cattery/sghm_lite/{name}.cat")
        assert creator.knobs["channelsOut"] == "rgba.alpha"
        assert (exported / f"{name}.pt").is_file()
    assert "It was not run in Nuke" in (exported / "README.md").read_text()


@pytest.mark.slow
def test_an_export_replaces_nothing_unasked_and_names_a_model_that_is_missing(tmp_path, capsys):
    (tmp_path / "README.md").write_text("precious")

    assert main(["nuke", "export", "--model", "sghm-lite", "-o", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert main(["nuke", "export", "--model", "sghm-resnet50", "-o", str(tmp_path)]) == 1
    assert "sghm weights fetch" in capsys.readouterr().err
