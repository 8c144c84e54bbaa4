"""The networks: equal to what was published, within the budget that was set."""

import gzip
import io
import lzma
import shutil
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sghm_vs.errors import WeightsError
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.checkpoint import WRAPPERS, build_network, read_checkpoint
from sghm_vs.models.resampling import enlarge
from sghm_vs.models.sghm import design, squares
from sghm_vs.models.sghm.encoder import ASPP, ResNet50Encoder
from sghm_vs.models.sghm.network import (
    SGHM,
    sghm_lite,
    sghm_lite_10,
    sghm_lite_11,
    sghm_resnet50,
    sharpened,
)
from sghm_vs.models.sghm.squares import square
from sghm_vs.models.weights import find_weights, shipped
from sghm_vs.options import Settings
from tests.seeded import seeded_image

TOLERANCE = 2e-4
DATA = Path(__file__).with_name("data")


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    """What the published network returned; arrays hold every third pixel both ways."""
    with np.load(DATA / "sghm_resnet50_every_third_pixel.npz") as file:
        return dict(file)


def picture(reference: dict[str, np.ndarray], offset: int) -> Tensor:
    size = int(reference["height"]), int(reference["width"])
    return torch.from_numpy(seeded_image(int(reference["image_seed"]) + offset, *size))[None]


def test_segmentation_equals_the_published_network(seeded_network, reference):
    image = picture(reference, 0)
    features = seeded_network.encode(image)

    probability = enlarge(seeded_network.segment(features), image.shape[-2:])

    assert largest_difference(probability, reference["auto_segment"]) < TOLERANCE


def test_alphas_equal_the_published_network_when_the_mask_is_given(seeded_network, reference):
    image = picture(reference, 0).contiguous(memory_format=torch.channels_last)
    mask = (picture(reference, 1)[:, :1] > 0.5).float()

    alphas = seeded_network.matte(image, seeded_network.encode(image), mask)

    for name in ("os8", "os4", "os1"):
        expected = reference[f"mask_alpha_{name}"]
        assert largest_difference(getattr(alphas, name), expected) < TOLERANCE, name


@pytest.mark.slow
def test_image_sizing_reproduces_the_published_image_pipeline(seeded_network, reference):
    """A mask pixel at exactly 0.5 may fall either way, and takes a few neighbors with it."""
    size = int(reference["pic_height"]), int(reference["pic_width"])
    codes = np.round(255 * seeded_image(int(reference["image_seed"]) + 2, *size))
    image = torch.from_numpy(codes.astype(np.float32) / 255)[None]

    alpha = Pipeline(seeded_network, Settings(sizing="image")).matte(image)

    error = (alpha[0, 0, ::3, ::3].numpy() - reference["pipeline_alpha"]).__abs__()
    assert (error > TOLERANCE).mean() < 1e-3
    # Which pixels fall, and how far that reaches, differs by the processor: .12 by AVX2 alone.
    assert error.max() < 0.2


def test_only_the_ten_norms_that_cannot_be_folded_remain(seeded_network):
    """In the shortcuts the activation stands before the norm."""
    norms = [m for m in seeded_network.modules() if isinstance(m, torch.nn.BatchNorm2d)]

    assert len(norms) == 10


@pytest.mark.slow
def test_a_network_is_the_same_from_pth_and_safetensors(seeded_state, tmp_path):
    from safetensors.torch import save_file

    torch.save(seeded_state, tmp_path / "a.pth")
    save_file(seeded_state, tmp_path / "a.safetensors")

    networks = [
        build_network(read_checkpoint(tmp_path / name), name)[1].state_dict()
        for name in ("a.pth", "a.safetensors")
    ]

    assert all(torch.equal(networks[0][key], networks[1][key]) for key in networks[0])


def test_missing_keys_are_named(seeded_state):
    state = {key: value for key, value in seeded_state.items() if "aspp.project" not in key}

    with pytest.raises(WeightsError, match=r"a\.pth is not a checkpoint of sghm-resnet50.*missing"):
        build_network(state, "a.pth")


def test_wrong_shapes_are_named(seeded_state):
    state = {**seeded_state, "module.backbone.bn1.weight": torch.zeros(7)}

    with pytest.raises(WeightsError, match=r"backbone\.bn1\.weight is \(7,\) and must be \(64,\)"):
        build_network(state, "a.pth")


def test_half_a_spectral_norm_is_named(seeded_state):
    state = {key: value for key, value in seeded_state.items() if not key.endswith("weight_u")}

    with pytest.raises(WeightsError, match="weight_u"):
        build_network(state, "a.pth")


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors"])
def test_a_broken_file_is_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>not found</html>")

    with pytest.raises(WeightsError, match=name):
        read_checkpoint(tmp_path / name)


def test_a_file_is_read_by_its_content_whatever_its_name(tmp_path):
    shutil.copy(shipped().path, tmp_path / "weights.pth")
    torch.save(read_checkpoint(shipped().path), tmp_path / "weights.safetensors")

    first, second = (read_checkpoint(path) for path in sorted(tmp_path.iterdir()))

    assert all(torch.equal(first[key], second[key]) for key in first | second)


def test_values_that_are_no_numbers_are_named():
    """As after a training run that diverged."""
    state = read_checkpoint(shipped().path)
    name = next(key for key in sorted(state) if key.endswith(".weight"))
    state[name].view(-1)[3] = torch.nan

    with pytest.raises(WeightsError, match=f"1 with values that are no numbers \\({name}"):
        build_network(state, "x.pth")


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    import pickle

    class Harmful:
        def __reduce__(self):
            return (Path(tmp_path / "harm").touch, ())

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Harmful()))

    with pytest.raises(WeightsError, match=r"evil\.pth"):
        read_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "harm").exists()


def zipped(content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("SGHM-weights/run.pth", content)
    return archive.getvalue()


def under(prefix, state):
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: under("module.", state),
        lambda state: under("_orig_mod.", state),
        lambda state: under("module._orig_mod.", state),
        lambda state: under("_orig_mod.module.", state),
        *(
            lambda state, name=name: {"epoch": 3, "optimizer": {"lr": 0.1}, name: state}
            for name in WRAPPERS
        ),
        lambda state: {"model": "sghm", "state_dict": {"net": under("_orig_mod.", state)}},
        lambda state: {"model": {"a": torch.zeros(2)}, "params_ema": state},
    ],
)
def test_a_training_s_checkpoint_is_the_network_that_is_wrapped_in_it(tmp_path, wrapped):
    state = read_checkpoint(shipped().path)
    torch.save(wrapped(state), tmp_path / "run.pth")

    name, network = build_network(read_checkpoint(tmp_path / "run.pth"), "run.pth")

    plain = build_network(state, "plain")[1].state_dict()
    found = network.state_dict()
    assert name == "sghm-lite-12"
    assert found.keys() == plain.keys()
    assert all(torch.equal(found[key], plain[key]) for key in plain)


@pytest.mark.parametrize(
    ("wrapped", "said"),
    [
        (lambda state: {"epoch": 3, "my_tensors": state}, "found: epoch, my_tensors"),
        (lambda state: under("generator.", state), r"found: generator\.aspp"),
        (lambda _: {"conv1.weight": torch.zeros(3, 3)}, r"found: conv1\.weight"),
        (lambda _: {}, "found: no tensors"),
        (lambda _: {"state_dict": {3: torch.zeros(2)}}, "found: 3"),
        (lambda _: [1, 2], "found: a list"),
    ],
)
def test_any_other_checkpoint_is_refused_by_the_names_that_are_in_it(tmp_path, wrapped, said):
    torch.save(wrapped(read_checkpoint(shipped().path)), tmp_path / "run.pth")

    with pytest.raises(WeightsError, match=rf"run\.pth .*{said}") as refused:
        build_network(read_checkpoint(tmp_path / "run.pth"), "run.pth")
    assert "checkpoint of sghm-resnet50" not in str(refused.value)


def test_a_checkpoint_that_is_wrapped_in_itself_is_refused(tmp_path):
    endless = {"epoch": 3}
    endless["model"] = endless
    torch.save(endless, tmp_path / "run.pth")

    with pytest.raises(WeightsError, match="found: epoch, model"):
        read_checkpoint(tmp_path / "run.pth")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pack", "said"),
    [
        (zipped, r"is an archive \(zip\); unpack it"),
        (gzip.compress, r"is an archive \(gzip\); unpack it"),
        (partial(lzma.compress, preset=0), r"is an archive \(xz\); unpack it"),
        (lambda _: b"\n<!DOCTYPE html><html></html>", "is a web page in place of the file"),
        (
            lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "is a pointer of Git LFS in place of the file",
        ),
        (lambda content: content[:4_000_000], "is damaged, something else"),
        (lambda content: zipped(content)[:4_000_000], "is damaged, something else"),
    ],
)
def test_what_comes_in_place_of_a_checkpoint_is_named(tmp_path, pack, said):
    torch.save(read_checkpoint(shipped().path), tmp_path / "run.pth")
    (tmp_path / "sent.pth").write_bytes(pack((tmp_path / "run.pth").read_bytes()))

    with pytest.raises(WeightsError, match=rf"sent\.pth .*{said}"):
        read_checkpoint(tmp_path / "sent.pth")


def test_a_checkpoint_that_is_not_a_state_dict_is_refused(tmp_path):
    torch.save([1, 2, 3], tmp_path / "list.pth")

    with pytest.raises(WeightsError, match="state dict"):
        read_checkpoint(tmp_path / "list.pth")


@pytest.mark.slow
def test_the_light_network_keeps_its_budget():
    """At most 5 M parameters, and 12 GFLOP for a dense 1280x704 frame."""
    with torch.device("meta"):
        network = sghm_lite().eval()

    assert sum(parameter.numel() for parameter in network.parameters()) <= 5e6
    assert flops(network) <= 12e9


def test_the_light_network_with_a_judge_keeps_its_budget():
    """At most 6 M parameters, and 14 GFLOP at 1280x704 without what edges take."""
    with torch.device("meta"):
        network = sghm_lite_11().eval()
        image, features = torch.empty(1, 3, 704, 1280), None
    with FlopCounterMode(display=False) as counter:
        features = network.encode(image)
        network.segment(features)
        network.second_look(features)
        network.begin(image, features, image[:, :1])

    assert sum(parameter.numel() for parameter in network.parameters()) <= 6e6
    assert counter.get_total_flops() <= 14e9


def test_the_light_networks_encoder_takes_sharpened_pictures():
    edge = torch.full((1, 3, 32, 48), 0.3)
    edge[..., 24:] = 0.6

    seen = sghm_lite().eval().encode_small(edge).small

    assert torch.allclose(seen[..., 30:], edge[..., 30:])
    assert seen[..., 23].max() < 0.25
    assert seen[..., 24].min() > 0.65
    noise = sharpened(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)))
    assert (noise.min(), noise.max()) == (0, 1)
    assert sghm_resnet50().sharpen is None


def test_the_published_network_has_its_published_size():
    """43.9 M parameters, less the 33 unused outputs of its segmentation head."""
    with torch.device("meta"):
        network = sghm_resnet50()

    unused = 33 * (51 * 9 + 1)
    stored = 43_939_949 - 35_619
    assert sum(parameter.numel() for parameter in network.parameters()) == stored - unused


def test_the_shipped_weights_fill_the_light_network_and_are_small():
    weights = find_weights("auto")

    name, _ = build_network(read_checkpoint(weights.path), "shipped")

    assert name == "sghm-lite-12"
    assert weights.path.stat().st_size <= 12e6


def flops(network: SGHM) -> int:
    image = torch.empty(1, 3, 704, 1280, device="meta")
    with FlopCounterMode(display=False) as counter:
        features = network.encode(image)
        network.segment(features)
        network.matte(image, features, image[:, :1])
    return int(counter.get_total_flops())


def largest_difference(found: Tensor, expected: np.ndarray) -> float:
    return float(np.abs(found[0, 0, ::3, ::3].numpy() - expected).max())


def test_the_light_refiner_makes_in_squares_what_it_makes_at_once():
    torch.manual_seed(0)
    network = sghm_lite_10().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    image, mask = torch.rand(1, 3, 192, 256), torch.zeros(1, 1, 192, 256)
    mask[..., 40:150, 60:190] = 1
    with torch.inference_mode():
        features = network.encode(image)
        whole = network.matte(image, features, mask)
        coarse_output = network.begin(image, features, mask)
        halo = network.halo_px
        around = square(64 - halo, 128 - halo, 64 + 2 * halo)
        part = network.finish(coarse_output, [around])[..., halo:-halo, halo:-halo]
    torch.testing.assert_close(coarse_output.coarse.os4, whole.os4, atol=1e-6, rtol=0)
    assert coarse_output.detail is not None
    torch.testing.assert_close(part, whole.os1[..., 64:128, 128:192], atol=1e-6, rtol=0)


OPEN = {
    "people at opposite corners": [(0, 20, 0, 24), (50, 80, 80, 96)],
    "somebody in the middle": [(30, 49, 33, 58)],
    "one cell": [(41, 42, 17, 18)],
    "a row across": [(40, 43, 0, 96)],
    "nobody": [],
    "all of the picture": [(0, 80, 0, 96)],
}
"""Rows and columns of cells in which an alpha is looked at, of a picture of 768x640."""


@pytest.mark.parametrize("name", OPEN)
def test_the_light_network_climbs_in_parts_as_it_does_at_once_where_it_is_looked_at(
    monkeypatch, name
):
    monkeypatch.setattr(squares, "DENSE_PART", 100)
    torch.manual_seed(0)
    network = sghm_lite_10().eval()
    image, mask = torch.rand(1, 3, 640, 768), torch.zeros(1, 1, 640, 768)
    mask[..., 40:350, 60:390] = 1
    cells = torch.zeros(80, 96)
    for top, bottom, left, right in OPEN[name]:
        cells[top:bottom, left:right] = 1
    with torch.inference_mode():
        features = network.encode(image)
        whole, parts = (network.begin(image, features, mask, at) for at in (None, cells))
    assert whole.detail is not None
    assert parts.detail is not None
    is_open = enlarge(cells[None, None], (160, 192)).eq(1)
    for made, expected in (
        (parts.coarse.state, whole.coarse.state),
        (parts.detail, whole.detail),
    ):
        shown = is_open.expand_as(made)
        torch.testing.assert_close(made[shown], expected[shown], atol=1e-5, rtol=0)


def test_a_climb_in_parts_needs_no_detail_far_from_where_it_is_looked_at():
    torch.manual_seed(0)
    network = sghm_lite_10().eval()
    image, mask = torch.rand(1, 3, 256, 512), torch.ones(1, 1, 256, 512)
    cells = torch.zeros(32, 64)
    cells[:4, :4] = 1
    with torch.inference_mode():
        detail = network.begin(image, network.encode(image), mask, cells).detail
    assert detail is not None
    assert float(detail[..., 64:].max()) < 1e-6


def test_strips_hold_all_that_is_looked_at_and_do_not_meet(monkeypatch):
    monkeypatch.setattr(squares, "DENSE_PART", 100)
    where = np.random.default_rng(0).random((60, 90)) > 0.995
    where[10:12, 3:80] = True

    found = squares.strips(where)

    assert found is not None
    held = np.zeros_like(where, np.uint8)
    for inner, around in found:
        inner.of(held, design.EIGHTH_PX)[...] += 1
        assert around.width in squares.STRIP_WIDTHS_PX
        assert min(around.top, around.left) >= 0
        assert around.top + around.height <= 480
        assert around.left + around.width <= 720
    assert held[where].all()
    assert held.max() == 1


def test_the_refiner_looks_at_the_encoders_first_stages_alone():
    torch.manual_seed(0)
    network = sghm_lite_10().eval()
    image, mask = torch.rand(1, 3, 128, 128), torch.ones(1, 1, 128, 128)
    with torch.inference_mode():
        features = network.encode(image)
        without = features._replace(context=torch.zeros_like(features.context))
        for one, other in zip(
            network.matte(image, features, mask), network.matte(image, without, mask), strict=True
        ):
            assert torch.equal(one, other)


@pytest.mark.slow
def test_the_trunk_and_its_context_are_torchvisions_to_the_bit():
    models = pytest.importorskip("torchvision.models", reason="the dev group brings torchvision")
    torch.manual_seed(0)
    theirs = models.resnet50(replace_stride_with_dilation=(False, False, True)).eval()
    ours = ResNet50Encoder().eval()
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()})
    context = models.segmentation.deeplabv3.ASPP(2048, [3, 6, 9]).eval()
    own_context = ASPP(2048, 256, (3, 6, 9)).eval()
    own_context.load_state_dict(context.state_dict())
    picture = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(picture))))
        deepest = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(x))))
        assert torch.equal(ours(picture)[-1], deepest)
        assert torch.equal(own_context(deepest), context(deepest))
