"""The OpenVINO backend: what torch makes, within the noise of eight bits."""

import numpy as np
import pytest
import torch
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.errors import MissingPackageError
from sghm_vs.matting import tiles
from sghm_vs.models.backends.base import place
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.openvino import OpenVinoNetwork
from sghm_vs.models.checkpoint import build_network, fold_batch_norms, read_checkpoint
from sghm_vs.models.sghm import squares
from sghm_vs.models.sghm.network import SGHM, sghm_lite_10, sghm_resnet50
from sghm_vs.models.weights import shipped
from tests.seeded import seeded_image

pytest.importorskip("openvino", reason="needs OpenVINO: pip install 'sghm-vs[openvino]'")

SIZE = 128, 192
CPU = torch.device("cpu")


def lite() -> SGHM:
    return build_network(read_checkpoint(shipped().path), "shipped")[1]


def drawn_resnet() -> SGHM:
    """The published network as torch draws it: its outputs are neither 0 nor 1 anywhere."""
    torch.manual_seed(0)
    network = sghm_resnet50().eval().requires_grad_(requires_grad=False)
    fold_batch_norms(network)
    return network


def drawn_refiner() -> SGHM:
    """The light network of the tenth weights as torch draws it."""
    torch.manual_seed(0)
    network = sghm_lite_10().eval().requires_grad_(requires_grad=False)
    fold_batch_norms(network)
    return network


def picture_and_mask() -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.from_numpy(seeded_image(3, *SIZE))[None]
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 30:, 60:130] = 1
    return image, mask


def test_nobody_is_told_that_a_network_is_converted(monkeypatch):
    """OpenVINO's own way sends messages, by copies of this process."""
    telemetry = pytest.importorskip("openvino_telemetry", reason="OpenVINO has no telemetry here")
    told = []
    for way in ("start_session", "send_event", "end_session", "send_error"):
        monkeypatch.setattr(telemetry.Telemetry, way, lambda *_, way=way, **__: told.append(way))
    image, _ = picture_and_mask()

    with torch.inference_mode():
        OpenVinoNetwork(lite(), half=False, streams=1).encode(image)

    assert not told


@pytest.mark.parametrize(
    ("make", "half", "tolerance"),
    [
        (drawn_refiner, False, 1e-5),
        (lite, False, 1e-4),
        (drawn_resnet, False, 1e-5),
        (drawn_resnet, True, 2 / 255),
    ],
)
def test_alphas_are_torchs_where_the_mask_is_given(monkeypatch, make, half, tolerance):
    monkeypatch.setattr(tiles, "TILE_PX", 32)
    monkeypatch.setattr(squares, "DENSE_PART", 100)
    network, (image, mask) = make(), picture_and_mask()
    programs = OpenVinoNetwork(network, half=half, streams=1)
    where = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    where[..., 28:32, 50:140] = True

    alphas = {}
    with torch.inference_mode():
        for name, one in (("torch", network), ("openvino", programs)):
            coarse_output = one.begin(image, one.encode(image), mask)
            fine = tiles.finest(one, coarse_output, tiles.tiles(where))[where]
            alphas[name] = [
                coarse_output.coarse.os8.clone(),
                coarse_output.coarse.os4.clone(),
                fine,
            ]

    for expected, found in zip(alphas["torch"], alphas["openvino"], strict=True):
        assert (expected - found).abs().max() < tolerance


def test_the_filter_gives_torchs_alpha_and_the_same_in_any_order():
    image = np.moveaxis(seeded_image(8, *SIZE), 0, -1)
    clip = vs.core.std.BlankClip(format=vs.RGBS, width=SIZE[1], height=SIZE[0], length=3)

    def draw(n, f):
        frame = f.copy()
        for plane, values in enumerate(np.moveaxis(np.roll(image, 5 * n, 1), -1, 0)):
            np.copyto(np.asarray(frame[plane]), values)
        return frame

    clip = clip.std.ModifyFrame(clip, draw)
    # Kept together, clips share a network and its programs.
    found, again = (sghm(clip, -1, "sghm-lite", tr=0, backend="openvino") for _ in range(2))
    expected = sghm(clip, -1, "sghm-lite", tr=0, backend="torch")
    first, second, third = (
        {n: np.asarray(alpha.get_frame(n)[0]) for n in order}
        for alpha, order in ((found, (0, 1, 2)), (again, (2, 0, 1)), (expected, (0, 1, 2)))
    )

    assert all(np.array_equal(first[n], second[n]) for n in range(3))
    differences = np.abs([first[n] - third[n] for n in range(3)])
    assert (differences <= 2 / 255).mean() >= 0.999


def test_auto_takes_it_for_the_heavy_network_alone(monkeypatch):
    monkeypatch.setattr("sghm_vs.models.backends.base.is_installed", lambda _: True)

    assert isinstance(place(drawn_resnet(), "sghm-resnet50", Compute(CPU)), OpenVinoNetwork)
    assert isinstance(place(lite(), "sghm-lite", Compute(CPU)), SGHM)


def test_without_it_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)

    with pytest.raises(MissingPackageError, match=r"sghm-vs\[openvino\]"):
        place(lite(), "sghm-lite", Compute(CPU, backend="openvino"))


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--device", "cuda"], "CUDA"), (["--fp16", "--model", "sghm-lite@9"], "--no-fp16")],
)
def test_what_it_cannot_do_is_refused(tmp_path, capsys, words, said):
    plate = tmp_path / "p.png"
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1)
    from sghm_vs.media.writers import export

    export(blank, blank.std.ShufflePlanes(0, vs.GRAY), plate, sidecar=False)

    code = main(
        ["matte", str(plate), "-o", str(tmp_path / "a.png"), "--backend", "openvino", *words]
    )

    assert code == 1
    assert said in capsys.readouterr().err
