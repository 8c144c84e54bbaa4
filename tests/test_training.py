"""The recipe that makes sghm-lite, run for a step or two on pictures made here."""

import json
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sghm_vs.matting.refinement import Bounds
from sghm_vs.models.arrays import read_model
from sghm_vs.models.sghm.network import sghm_lite_10, sghm_lite_11
from sghm_vs.models.sghm.refiner import CoarseAlpha
from weights.training import (
    camera,
    choose,
    finish,
    guides,
    pack,
    samples,
    strands,
    things,
    train,
)
from weights.training.library import Library, part
from weights.training.losses import dice_loss, matting_loss


@pytest.fixture(autouse=True)
def _denormals_are_kept_afterwards() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def person(size: tuple[int, int] = (96, 64)) -> np.ndarray:
    """Return the alpha of an upright ellipse."""
    alpha = np.zeros(size, np.uint8)
    center = size[1] // 2, size[0] // 2
    cv2.ellipse(alpha, center, (size[1] // 4, size[0] // 3), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return alpha


def noise(size: tuple[int, int] = (96, 64)) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of noise, with an ellipse for each person."""
    soft = cv2.GaussianBlur(person(), (0, 0), 4)
    entries = [
        pack.Entry(kind, f"{name}_{n:05}", noise(), alpha)
        for n in range(40)
        for kind, name, alpha in (
            ("photo", "ccp", person()),
            ("cutout", "ccp", person()),
            ("cutout", "render", person()),
            ("cutout", "hair", soft),
            ("shape", "drawn", soft),
            ("nobody", "things", None),
            ("nobody", "hard", None),
            ("thing", "stamps", person()),
            ("unseen", "lions", None),
            ("clothes", "clothes", None),
        )
    ]
    path = tmp_path_factory.mktemp("pack") / "pack.zip"
    pack.pack(iter(entries), path, None, lambda _: None)
    return path


@pytest.fixture
def library(packed: Path) -> Library:
    return Library(packed)


def short_recipe() -> dict:
    """Return the real recipe, cut to two steps of two small pictures."""
    recipe = tomllib.loads(train.RECIPE.read_text())
    for stage in train.STAGES:
        recipe[stage] |= {"shapes_px": [[64, 64]], "batch_px": 1, "steps": 2, "snapshot_steps": 2}
    return recipe


@pytest.fixture
def recipe() -> dict:
    return short_recipe()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_file({k: v.contiguous() for k, v in sghm_lite_10().state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def trained(packed: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of both stages."""
    run = tmp_path_factory.mktemp("trained")
    for stage in train.STAGES:
        train.train(stage, packed, run, short_recipe(), start=start)
    return run


def test_a_pack_holds_pictures_by_kind_with_their_alphas(packed):
    names = zipfile.ZipFile(packed).namelist()
    kinds = {name.partition("/")[0].removeprefix("held_") for name in names}
    assert kinds == {"photo", "cutout", "shape", "nobody", "clothes", "thing", "unseen"}
    for kind in ("photo", "cutout", "shape", "thing"):
        files = [name for name in names if name.partition("/")[0].removeprefix("held_") == kind]
        assert {f[:-4] for f in files if f.endswith("jpg")} == {
            f[:-4] for f in files if f.endswith("png")
        }


def test_a_pack_is_made_of_the_folders_of_the_data(tmp_path, monkeypatch):
    pytest.importorskip("pymatting", reason="--group training brings pymatting")
    data, labels = tmp_path / "data/train", tmp_path / "labels"
    write(data / "ccp/img/0001.jpg", noise())
    write(data / "ccp/alpha/0001.jpg", person())
    pictures = ("people/faker/f.webp", "people/sfhq/s.webp", "ccp/img/0002.jpg")
    for picture in pictures:
        write(data / picture, noise())
    for label in ("faker/f.png", "sfhq/s.png", "ccp/0002.png"):
        write(labels / label, person())
    rows = "".join(f"train/{picture}\t1\n" for picture in pictures)
    (labels / "labels.tsv").write_text(f"path\tkept\n{rows}")
    for kind in ("rendered", "hair"):
        write(data / kind / "img/a.webp", noise())
        write(data / kind / "alpha/a.png", person())
    for folder in ("negatives/things", "negatives/clothes", "bg"):
        write(data / folder / "t.webp", noise())
    write(tmp_path / "more/10001a.png", np.dstack([noise(), person()]).astype(np.uint16) * 257)
    target = tmp_path / "pack.zip"
    words = [data, target, "--labels", labels, "--rendered", tmp_path / "more", "--shapes", 2]
    monkeypatch.setattr(sys, "argv", ["pack", *map(str, words)])
    pack.main()
    names = {name.removeprefix("held_") for name in zipfile.ZipFile(target).namelist()}
    assert {name for name in names if name.endswith(".jpg")} == {
        "photo/ccp_0001.jpg",
        "cutout/ccp_0001.jpg",
        "photo/faker_f.jpg",
        "cutout/faker_f.jpg",
        "photo/sfhq_s.jpg",
        "cutout/sfhq_s.jpg",
        "photo/ccp_0002.jpg",
        "cutout/render_a.jpg",
        "cutout/render_10001a.jpg",
        "cutout/hair_a.jpg",
        "nobody/things_t.jpg",
        "nobody/bg_t.jpg",
        "clothes/clothes_t.jpg",
        "shape/00000.jpg",
        "shape/00001.jpg",
    }


def test_what_is_held_back_is_held_with_all_views_of_a_person():
    kinds = {pack.held("cutout", f"render_10{n:03}{view}") for n in range(100) for view in "abc"}
    assert kinds == {"cutout", "held_cutout"}
    for n in range(100):
        assert len({pack.held("cutout", f"render_10{n:03}{view}") for view in "abc"}) == 1


@pytest.fixture
def sources(tmp_path, monkeypatch) -> Path:
    """A checkout and a package, as the list of things has them."""
    folder = tmp_path / "sources"
    write(folder / "o/r/pictures/ant.png", noise((700, 350)))
    write(folder / "o/r/pictures/owl.png", noise())
    write(folder / "o/r/pictures/us.jpg", noise((2000, 1000)))
    stamp = np.dstack([noise((200, 120)), person((200, 120))])
    write(folder / "deb/stamps/duck.png", stamp)
    coded = cv2.imencode(".png", noise((120, 120)))[1].tobytes()
    button = cv2.imencode(".png", noise((40, 40)))[1].tobytes()
    parts = [b"qres", *(len(data).to_bytes(4, "big") + data for data in (button, coded))]
    (folder / "deb/game.rcc").write_bytes(b"".join(parts))
    listed = {
        "hard": {"o/r": {"pictures": ["ant.png"]}},
        "nobody": {"deb": {"game.rcc": ["0000"]}},
        "thing": {"deb": {"stamps": ["duck.png"]}},
        "unseen": {"o/r": {"pictures": ["owl.png"]}},
        "people": {"o/r": {"pictures": ["us.jpg"]}},
    }
    (tmp_path / "things.json").write_text(json.dumps(listed))
    monkeypatch.setattr(things, "LISTED", tmp_path / "things.json")
    return folder


def test_pictures_of_things_come_from_checkouts_and_packages_as_the_list_says(
    sources, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["things", str(sources), str(tmp_path / "out")])
    things.main()
    assert "5 pictures" in capsys.readouterr().out
    laid = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert laid == {
        "nobody/hard_o-r-pictures-ant.jpg",
        "nobody/deb-game-rcc-0000.jpg",
        "thing/deb-stamps-duck.png",
        "unseen/o-r-pictures-owl.jpg",
        "people/o-r-pictures-us.jpg",
    }
    small = cv2.imread(str(tmp_path / "out/nobody/hard_o-r-pictures-ant.jpg"))
    assert small.shape == (512, 256, 3)
    assert cv2.imread(str(tmp_path / "out/people/o-r-pictures-us.jpg")).shape == (1024, 512, 3)


def test_a_source_of_things_that_is_not_there_is_named(sources, tmp_path):
    (sources / "deb/stamps/duck.png").unlink()
    with pytest.raises(SystemExit, match=r"duck\.png is not there: README\.md"):
        things.lay_out(sources, tmp_path / "out")


def test_every_picture_of_the_list_has_a_name_of_its_own():
    names = [(entry.kind, entry.target) for entry in things.listed()]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == {"nobody", "hard", "thing", "unseen", "people"}


def test_things_are_added_to_a_pack_that_is_there(sources, tmp_path, monkeypatch):
    things.lay_out(sources, tmp_path / "out")
    target = tmp_path / "pack.zip"
    pack.pack(iter([pack.Entry("nobody", "deb-game-rcc-0000", noise(), None)]), target, None, print)
    before = zipfile.ZipFile(target).namelist()
    words = [tmp_path, target, "--add", "--parts", "things", "--things", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", ["pack", *map(str, words)])
    pack.main()
    names = zipfile.ZipFile(target).namelist()
    assert names[: len(before)] == before
    assert {name.removeprefix("held_") for name in names} == {
        "nobody/hard_o-r-pictures-ant.jpg",
        "nobody/deb-game-rcc-0000.jpg",
        "thing/deb-stamps-duck.jpg",
        "thing/deb-stamps-duck.png",
        "unseen/o-r-pictures-owl.jpg",
    }
    assert "held_unseen/o-r-pictures-owl.jpg" in names
    assert len(set(names)) == len(names)


def test_a_pack_to_add_to_has_to_be_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pack", str(tmp_path), str(tmp_path / "no.zip"), "--add"])
    with pytest.raises(SystemExit):
        pack.main()
    assert "no.zip is not there" in capsys.readouterr().err


def test_a_pack_for_little_room_fits(tmp_path):
    args = {"max_mib": 0.25, "say": lambda _: None}
    found = [
        pack.Entry(
            "nobody",
            str(n),
            np.random.default_rng(n).integers(0, 256, (500, 400, 3), np.uint8),
            None,
        )
        for n in range(8)
    ]
    pack.pack(iter(found), tmp_path / "small.zip", **args)
    assert 0 < (tmp_path / "small.zip").stat().st_size <= 0.25 * 2**20


def test_color_is_filled_where_nothing_is_covered():
    color = np.full((40, 40, 3), (10, 20, 200), np.uint8)
    alpha = np.zeros((40, 40), np.uint8)
    alpha[15:25, 15:25] = 255
    color[alpha == 0] = 0
    filled = pack.filled(color, alpha)
    np.testing.assert_allclose(filled, np.broadcast_to((10, 20, 200), filled.shape), atol=1)


def test_a_part_of_a_picture_is_where_it_is_asked_for():
    planes = torch.zeros(1, 40, 60, dtype=torch.uint8)
    planes[0, 10, 20] = 255
    same = part(planes, (10, 20), 1.0, (21, 31), at=(10.5 / 21, 15.5 / 31))
    assert torch.nonzero(same[0] > 0.5).tolist() == [[10, 15]]
    flipped = part(planes, (10, 18), 1.0, (21, 31), at=(10.5 / 21, 15.5 / 31), flip=True)
    assert torch.nonzero(flipped[0] > 0.5).tolist() == [[10, 13]]
    larger = part(planes, (10, 20), 3.0, (21, 31), at=(10.5 / 21, 15.5 / 31))
    assert larger[0, 9:12, 14:17].min() > 0.3


@pytest.mark.slow
def test_a_part_made_smaller_is_averaged():
    planes = (torch.arange(64 * 64).view(1, 64, 64) % 2 * 255).byte()
    small = part(planes, (31.5, 31.5), 0.25, (16, 16))
    assert small.shape == (1, 16, 16)
    torch.testing.assert_close(small, torch.full_like(small, 0.5), atol=0.02, rtol=0)


def test_somebody_cut_off_by_a_pictures_border_is_cut_off_by_the_samples(tmp_path):
    bust = np.zeros((96, 64), np.uint8)
    bust[20:, 16:48] = 255
    path = tmp_path / "pack.zip"
    entries = [
        pack.Entry("cutout", f"{name}_{n}", noise(), bust) for n in range(30) for name in "abc"
    ]
    pack.pack(iter(entries), path, None, lambda _: None)
    library, rng = Library(path), np.random.default_rng(0)
    library.names |= {f"cutout/{start}": library.names["cutout"] for start in samples.CUTOUTS}
    for alone in (True, False) * 10:
        covered = samples.person(rng, library, (64, 64), alone=alone)[3] > 0.5
        assert covered[-2:].any(), "what is below them has to lie below the sample"


def test_what_a_border_cuts_off_is_said_of_each_side():
    alpha = torch.zeros(1, 40, 40, dtype=torch.uint8)
    alpha[:, 10:, :20] = 255
    assert samples.cut_off(alpha) == samples.CutOff(below=True, left=True, right=False)
    assert not any(samples.cut_off(torch.zeros_like(alpha)))


@pytest.mark.parametrize("draw", [samples.segmentation_batch, samples.matting_batch])
def test_batches_are_pictures_with_alpha_and_equal_for_equal_seeds(draw, library):
    first, again = (draw(np.random.default_rng(5), library, (64, 48), 12) for _ in range(2))
    assert first.images.shape == (12, 3, 64, 48)
    assert first.alphas.shape == first.guides.shape == (12, 1, 64, 48)
    for planes, same in zip(first, again, strict=True):
        assert torch.equal(planes, same)
        assert planes.min() >= 0
        assert planes.max() <= 1
    assert 0 < first.alphas.mean() < 1


def test_pictures_without_people_have_empty_alphas(library):
    rng = np.random.default_rng(0)
    drawn = [samples.nobody(rng, library, (64, 64)) for _ in range(12)]
    assert all(not sample.alpha.any() for sample in drawn)


def test_what_is_held_back_is_never_drawn(library, monkeypatch):
    read = []
    own = Library.read
    monkeypatch.setattr(Library, "read", lambda self, name: (read.append(name), own(self, name))[1])
    for seed in range(4):
        samples.segmentation_batch(np.random.default_rng(seed), library, (64, 64), 12)
        samples.matting_batch(np.random.default_rng(seed), library, (64, 64), 12)
    assert len(read) > 50
    assert not [name for name in read if name.startswith("held_")]


def test_a_thing_before_people_is_not_in_the_alpha(library):
    whole = samples.Sample(torch.zeros(3, 64, 64), torch.ones(1, 64, 64))
    shown = samples.with_things(np.random.default_rng(2), library, whole, 3)
    changed = shown.image.sum(0) > 0.1
    assert changed.any()
    assert (shown.alpha[0][changed] < 1).all()


def test_a_pack_without_things_is_drawn_from_as_well(tmp_path):
    entries = [pack.Entry("nobody", f"n{n}", noise(), None) for n in range(30)]
    entries += [pack.Entry("clothes", f"c{n}", noise(), None) for n in range(30)]
    entries += [
        pack.Entry(k, f"s{n}", noise(), person()) for n in range(30) for k in ("shape", "cutout")
    ]
    pack.pack(iter(entries), tmp_path / "pack.zip", None, lambda _: None)
    library = Library(tmp_path / "pack.zip")
    rng = np.random.default_rng(0)
    assert not any(samples.nobody(rng, library, (64, 64)).alpha.any() for _ in range(12))


def test_a_person_behind_a_thing_is_not_in_the_alpha_where_the_thing_is(library):
    whole = samples.Sample(torch.zeros(3, 64, 64), torch.ones(1, 64, 64))
    hidden = samples._behind_thing(np.random.default_rng(3), library, whole)
    changed = hidden.image.sum(0) > 0.1
    assert changed.any()
    assert (hidden.alpha[0][changed] < 1).all()


def test_a_person_and_the_chair_before_them_share_an_edge_without_the_background():
    half = torch.full((1, 2, 2), 0.5)
    red, blue = torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)
    red[0], blue[2] = 1, 1
    white_and_somebody = samples.Sample(torch.ones(3, 2, 2), torch.ones(1, 2, 2))

    image, alpha = samples.over(torch.cat([red, half, blue, half]), white_and_somebody)

    torch.testing.assert_close(image, red / 2 + blue / 2)
    torch.testing.assert_close(alpha, half)


def test_a_front_is_kept_beside_its_person(tmp_path):
    entries = [
        pack.Entry("cutout", "render_1a", noise(), person()),
        pack.Entry("front", "render_1a", noise(), person()),
        pack.Entry("cutout", "render_2a", noise(), person()),
    ]
    pack.pack(iter(entries), tmp_path / "pack.zip", None, print)
    library = Library(tmp_path / "pack.zip")
    held = pack.held("cutout", "render_1a").removesuffix("cutout")
    with_front = library.read(f"{held}cutout/render_1a")
    alone = library.read(f"{pack.held('cutout', 'render_2a')}/render_2a")

    assert len(with_front.planes) == 8
    assert len(alone.planes) == 4


def test_compression_is_close_to_what_opencv_writes():
    rng = np.random.default_rng(0)
    smooth = cv2.resize(
        rng.integers(0, 256, (9, 9, 3), np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC
    )
    flags = [cv2.IMWRITE_JPEG_QUALITY, 40]
    theirs = cv2.imdecode(cv2.imencode(".jpg", smooth, flags)[1], cv2.IMREAD_COLOR_RGB) / 255
    image = torch.from_numpy(smooth[..., ::-1].copy()).permute(2, 0, 1) / 255
    ours = camera.compress(image, 40).permute(1, 2, 0).numpy()
    assert np.abs(ours - theirs).mean() < 0.02
    assert np.abs(ours - image.permute(1, 2, 0).numpy()).mean() > 0.003


def test_a_blur_keeps_flat_pictures_flat_and_spreads_a_point():
    flat = torch.full((3, 20, 20), 0.3)
    torch.testing.assert_close(camera.blur(flat, 2.0), flat)
    point = torch.zeros(1, 21, 21)
    point[0, 10, 10] = 1
    blurred = camera.blur(point, 1.5)
    assert blurred.sum().item() == pytest.approx(1, abs=1e-3)
    assert blurred[0, 10, 10] < 0.1


def test_guides_are_masks_near_the_truth():
    alpha = torch.from_numpy(person((192, 128)))[None] / 255
    overlaps = []
    for seed in range(60):
        guide = guides.damaged(np.random.default_rng(seed), alpha)
        assert guide.shape == alpha.shape
        assert guide.min() >= 0
        assert guide.max() <= 1
        both, either = ((guide > 0.5) & (alpha > 0.5)).sum(), ((guide > 0.5) | (alpha > 0.5)).sum()
        overlaps.append(float(both / either))
    assert np.median(overlaps) > 0.8
    assert min(overlaps) < 0.9


@pytest.mark.parametrize("draw", [strands._hair, strands._leaves, strands._lace, strands._blob])
def test_shapes_cover_some_and_have_soft_edges(draw):
    large = np.zeros((512, 512), np.uint8)
    draw(np.random.default_rng(2), large)
    alpha = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
    assert 0 < (alpha > 127).mean() < 1
    assert ((alpha > 12) & (alpha < 243)).any()


def _detail_of(truth: torch.Tensor) -> torch.Tensor:
    soft = torch.nn.functional.max_pool2d(((truth > 0) & (truth < 1)).float(), 4)
    return torch.nn.functional.max_pool2d(soft, 3, 1, 1)


def test_a_perfect_matte_has_no_error_and_a_wrong_one_has():
    truth = torch.from_numpy(person((64, 64)))[None, None] / 255
    perfect = CoarseAlpha(truth, truth, _detail_of(truth), truth)
    everything = Bounds(torch.zeros_like(truth), torch.ones_like(truth))
    assert matting_loss(perfect, truth, truth, everything).item() == pytest.approx(0, abs=1e-3)
    assert matting_loss(perfect, 1 - truth, truth, everything).item() > 1
    assert dice_loss(truth, truth).item() < 0.05 < dice_loss(1 - truth, truth).item()


def test_what_the_filter_holds_to_its_guide_is_nothing_to_learn():
    truth = torch.from_numpy(person((64, 64)))[None, None] / 255
    hole = truth.clone()
    hole[..., 28:36, 28:36] = 0
    made = CoarseAlpha(hole, hole, _detail_of(truth), hole)
    everything = Bounds(torch.zeros_like(truth), torch.ones_like(truth))
    loss = matting_loss(made, hole, truth, everything).item()
    held = Bounds(truth.clone(), everything.most)
    assert matting_loss(made, hole, truth, held).item() < loss / 2


@pytest.mark.parametrize(("has", "device"), [(True, "cpu"), (False, "cpu"), (False, "cuda:0")])
def test_a_cpu_without_bfloat16_trains_in_floats(has, device, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has})
    assert train.trains_in_bfloat16(device) == (has or device != "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("stage", train.STAGES)
def test_a_stage_trains_its_own_parts_alone(stage, start, trained):
    before, after = (
        load_file(start),
        torch.load(trained / f"{stage}.pt", weights_only=True)["network"],
    )
    changed = {key for key in before if not torch.equal(before[key].float(), after[key].float())}
    assert changed
    assert all(key.startswith(train.TRAINED[stage]) for key in changed)


@pytest.mark.slow
def test_both_halves_are_joined_into_weights_in_half_precision(trained, tmp_path, monkeypatch):
    target = tmp_path / "sghm-lite.safetensors"
    monkeypatch.setattr(
        sys,
        "argv",
        ["finish", *map(str, (trained / "segmentation.pt", trained / "matting.pt", target))],
    )
    finish.main()
    state = load_file(target)
    assert state.keys() == sghm_lite_10().state_dict().keys()
    assert {value.dtype for value in state.values()} <= {torch.float16, torch.int64}
    average = torch.load(trained / "matting.pt", weights_only=True)["average"]
    torch.testing.assert_close(
        state["refine.side4.0.weight"].float(),
        average["refine.side4.0.weight"],
        atol=1e-3,
        rtol=1e-3,
    )


def test_a_judge_is_another_segmentation_on_the_same_first_stages(start, tmp_path):
    judge = tmp_path / "judge.safetensors"
    begun = load_file(start)
    trained = {
        key: value + (0.25 if value.is_floating_point() else 1)
        if key.startswith(("aspp.", "decoder."))
        else value
        for key, value in begun.items()
    }
    save_file(trained, judge)

    state = finish.with_judge(finish.loaded(start), judge).state_dict()

    assert state.keys() == sghm_lite_11().state_dict().keys()
    for key, value in begun.items():
        torch.testing.assert_close(state[key], value)
        if key.startswith(("aspp.", "decoder.")):
            torch.testing.assert_close(state[f"judge.{key}"], trained[key])
        elif key.startswith("backbone.stage4."):
            torch.testing.assert_close(state[key.replace("backbone", "judge")], value)


def test_the_judge_of_weights_is_a_segmentation_by_its_own_name(start, tmp_path):
    judge, whole = tmp_path / "judge.safetensors", tmp_path / "whole.safetensors"
    begun = load_file(start)
    save_file({k: v + 1 if k.startswith("decoder.conv4") else v for k, v in begun.items()}, judge)
    state = finish.with_judge(finish.loaded(start), judge).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, whole)

    of_judge = Path(f"{whole}{finish.OF_JUDGE}")
    mean = finish.between(finish.loaded(of_judge), finish.loaded(whole), 0.5).state_dict()

    for key, value in begun.items():
        moved = 0.5 if key.startswith("decoder.conv4") else 0
        torch.testing.assert_close(mean[key], value + moved)


def test_a_temperature_flattens_probabilities_around_the_outline(start):
    plain, flat = (finish.with_outline(finish.loaded(start), 0.4, t).eval() for t in (1, 0.5))
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        logits, half = (
            torch.logit(network.segment(network.encode_small(picture))) for network in (plain, flat)
        )
    torch.testing.assert_close(half, logits / 2, atol=1e-4, rtol=1e-4)


def test_states_of_a_run_count_alike_in_their_mean(start, tmp_path):
    begun, states = load_file(start), []
    for more in (3, 6):
        states.append(tmp_path / f"{more}.safetensors")
        moved = {
            k: v + more if k.startswith("aspp.") and v.is_floating_point() else v
            for k, v in begun.items()
        }
        save_file(moved, states[-1])
    mean = finish.mean_of([start, *states]).state_dict()
    for key, value in begun.items():
        if value.is_floating_point():
            torch.testing.assert_close(mean[key], value + (3 if key.startswith("aspp.") else 0))


def test_weights_say_whether_their_segmentation_stands_bfloat16(start, tmp_path, monkeypatch):
    target = tmp_path / "weights.safetensors"
    for words, name in ([], "sghm-lite-10"), (["--sees-in-bfloat16"], "sghm-lite-12"):
        monkeypatch.setattr(sys, "argv", ["finish", *map(str, (start, start, target)), *words])
        finish.main()
        assert read_model(target).architecture == name


def test_halves_of_different_beginnings_are_not_joined(start, tmp_path):
    torch.manual_seed(1)
    other = tmp_path / "other.safetensors"
    save_file({k: v.contiguous() for k, v in sghm_lite_10().state_dict().items()}, other)
    with pytest.raises(SystemExit, match="start both from one file"):
        finish.with_matting(finish.loaded(start), other)


def test_a_run_that_is_started_again_goes_on(packed, recipe, start, tmp_path, capsys):
    recipe["matting"]["report_steps"] = 1
    train.train("matting", packed, tmp_path / "run", recipe, start=start)
    recipe["matting"]["steps"] = 3
    capsys.readouterr()
    train.train("matting", packed, tmp_path / "run", recipe)
    assert capsys.readouterr().out.split()[:2] == ["matting", "3"]


def test_a_run_by_minutes_ends_with_them(packed, recipe, start, tmp_path):
    train.train("matting", packed, tmp_path / "run", recipe, start=start, minutes=0.02)
    assert torch.load(tmp_path / "run/matting.pt", weights_only=True)["used_s"] >= 1.2


def test_training_without_a_start_says_what_makes_one(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["train", "matting", "pack.zip", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"weights\.training\.deeplab"):
        train.main()


def test_a_mean_lies_between_what_a_run_began_with_and_its_end(start, tmp_path):
    end = tmp_path / "end.safetensors"
    begun = load_file(start)
    moved = {
        k: v + 2 if k.startswith("decoder.") and v.is_floating_point() else v
        for k, v in begun.items()
    }
    save_file(moved, end)

    state = finish.between(finish.loaded(start), finish.loaded(end), 0.25).state_dict()

    for key, value in state.items():
        trained = key.startswith("decoder.") and value.is_floating_point()
        torch.testing.assert_close(value, begun[key] + 0.5 if trained else begun[key])


def test_a_share_that_is_no_part_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["finish", "a.pt", "b.pt", "out", "--share", "1.5"])
    with pytest.raises(SystemExit):
        finish.main()
    assert "between 0 and 1" in capsys.readouterr().err


def test_an_outline_that_is_no_probability_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["finish", "a.pt", "b.pt", "out", "--outline", "1.5"])
    with pytest.raises(SystemExit):
        finish.main()
    assert "between 0 and 1" in capsys.readouterr().err


def test_masks_that_agree_overlap_whole():
    half = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    half[..., :2] = True
    assert choose.overlap(half, half) == 100
    assert choose.overlap(half, torch.ones_like(half)) == 50
    assert choose.overlap(~half & half, ~half & half) == 100


@pytest.mark.slow
def test_weights_are_chosen_by_what_is_held_back(packed, start, tmp_path, monkeypatch, capsys):
    write(tmp_path / "validation/comp/a.jpg", noise())
    write(tmp_path / "validation/comp/a_alpha.png", person())
    words = ["choose", str(packed), str(start), "--small", "64", "--validation", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    choose.main()
    told = capsys.readouterr().out
    assert "people of ccp (" in told
    assert "people over unseen (" in told
    assert "comp (1) IoU" in told
    assert "nobody covered" in told
    assert "unseen covered" in told
    assert "exact: guide" in told
    assert "rough: guide" in told


def test_the_light_network_stays_within_its_budget():
    from torch.utils.flop_counter import FlopCounterMode

    network = sghm_lite_10().eval()
    assert sum(p.numel() for p in network.parameters()) < 6e6
    image, mask = torch.zeros(1, 3, 704, 1280), torch.zeros(1, 1, 704, 1280)
    small = torch.zeros(1, 3, 256, 448)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        features = network.encode_small(small)
        network.segment(features)
        network.coarse(image, features, mask)
    assert counter.get_total_flops() < 14e9
