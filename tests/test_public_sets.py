"""
Public sets: fakes of their layouts, scored by each paper's rules.

Expected values are worked out here with numpy and SciPy, by the papers' definitions.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sghm_vs.cli import main
from sghm_vs.evaluate.rules import P3M, RVM_512, RVM_HD, SGHM, Scored, mean_of
from sghm_vs.evaluate.sets import SETS, Part, find_parts
from sghm_vs.options import PUBLIC_SETS
from tests.seeded import seeded_image

ndimage = pytest.importorskip("scipy.ndimage", reason="expected values need SciPy")

REFERENCE = json.loads((Path(__file__).parent / "data" / "set_rules_reference.json").read_text())
type Matte = NDArray[np.float64]
SIZE = 24, 40


# The papers' definitions, once more.


def as_read(codes: NDArray[np.uint8]) -> Matte:
    """Return 8-bit codes as the papers read them, in float32: 153 is above .6, in float64 it is not."""
    return (codes.astype(np.float32) / np.float32(255)).astype(np.float64)


def kernel(sigma: float, radius: int) -> tuple[Matte, Matte]:
    """Return a Gaussian and its derivative, unscaled."""
    at = np.arange(-radius, radius + 1)
    smooth = np.exp(-(at**2) / (2 * sigma**2))
    return smooth, -at * smooth


def slopes_of_rvm(matte: Matte) -> Matte:
    smooth, slope = kernel(1.4, 4)
    across = np.outer(smooth, slope)
    across /= np.sqrt((across**2).sum())
    parts = [ndimage.correlate(matte, k, mode="nearest") for k in (across, across.T)]
    return np.hypot(*parts)


def slopes_of_p3m(matte: Matte) -> Matte:
    parts = [ndimage.gaussian_filter(matte, 1.4, order=order) for order in ([1, 0], [0, 1])]
    return np.hypot(*parts)


def stretched(matte: Matte) -> Matte:
    return (matte - matte.min()) / (matte.max() - matte.min())


def levels(alpha: Matte, truth: Matte, *, skips: bool) -> Matte:
    """Return up to which level pixels belong to the main body; P3M's code skips levels without one."""
    level = np.full(truth.shape, -1.0)
    for step in range(1, 11):
        threshold = np.arange(0, 1.1, 0.1)[step]
        both = (alpha >= threshold) & (truth >= threshold)
        labels, count = ndimage.label(both)
        if count == 0 and skips:
            continue
        sizes = [np.count_nonzero(labels == n) for n in range(1, count + 1)]
        body = labels == 1 + np.argmax(sizes) if count else np.zeros_like(both)
        level[(level == -1) & ~body] = np.arange(0, 1.1, 0.1)[step - 1]
    level[level == -1] = 1
    return level


def conn(alpha: Matte, truth: Matte, *, skips: bool = False) -> float:
    level = levels(alpha, truth, skips=skips)
    phi = [1 - (one - level) * ((one - level) >= 0.15) for one in (alpha, truth)]
    return np.abs(phi[0] - phi[1]).sum() / 1000


def grad_of_rvm(alpha: Matte, truth: Matte) -> float:
    return ((slopes_of_rvm(alpha) - slopes_of_rvm(truth)) ** 2).sum() / 1000


def by_rvm(alpha: Matte, truth: Matte) -> dict[str, float]:
    return {
        "mad": np.abs(alpha - truth).mean() * 1000,
        "mse": ((alpha - truth) ** 2).mean() * 1000,
        "grad": grad_of_rvm(stretched(alpha), stretched(truth)),
        "conn": conn(alpha, truth),
    }


def by_p3m(alpha: Matte, truth: Matte, trimap: NDArray) -> dict[str, float]:
    error = alpha - truth
    filled = np.where(trimap == 255, 1, np.where(trimap == 0, 0, alpha)) - truth
    unknown = (trimap == 128).sum()
    slopes = slopes_of_p3m(alpha) - slopes_of_p3m(truth)
    return {
        "sad": np.abs(error).sum() / 1000,
        "mse": (error**2).mean(),
        "mad": np.abs(error).mean(),
        "sad_t": np.abs(filled).sum() / 1000,
        "mse_t": (filled**2).sum() / unknown,
        "mad_t": np.abs(filled).sum() / unknown,
        "sad_fg": np.abs(error[trimap == 255]).sum() / 1000,
        "sad_bg": np.abs(error[trimap == 0]).sum() / 1000,
        "grad": (slopes**2).sum() / 10,
        "conn": conn(alpha, truth, skips=True),
    }


def dtssd(alphas: list[Matte], truths: list[Matte]) -> list[float]:
    """Return it of each frame; the first counts 0."""
    changes = [
        (alphas[n] - alphas[n - 1]) - (truths[n] - truths[n - 1]) for n in range(1, len(alphas))
    ]
    return [0.0, *(100 * np.sqrt((change**2).mean()) for change in changes)]


# Fakes.


def disk(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return a soft disk somewhere, with noise at its edge and never quite 1, in codes."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    radius = rng.uniform(0.2, 0.4) * height
    away = np.hypot(x - rng.uniform(0.4, 0.6) * width, y - height / 2)
    soft = np.clip((radius - away) / 4 + 0.5, 0, 1) * rng.uniform(0.6, 1)
    noise = rng.uniform(-0.2, 0.2, size) * ((soft > 0) & (soft < 1))
    return np.round(np.clip(soft + noise, 0, 1) * 255).astype(np.uint8)


def trimap_of(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(truth > 200, 255, np.where(truth < 10, 0, 128)).astype(np.uint8)


def write(path: Path, codes: NDArray) -> NDArray:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), codes)
    is_lossy = path.suffix == ".jpg" and codes.ndim == 2
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if is_lossy else codes


def photo(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    write(path, np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def portraits(
    folder: Path, images: str, truths: str, names: str, seed: int, ending: str = ".png"
) -> dict[str, NDArray[np.uint8]]:
    """Write pictures with truths, and return the truths by name."""
    true = {}
    for n, name in enumerate(names):
        photo(folder / images / f"{name}.jpg", seed + n)
        true[name] = write(folder / truths / f"{name}{ending}", disk(seed + n))
    return true


def p3m(root: Path) -> dict[str, NDArray[np.uint8]]:
    true = {}
    halves = (("P3M-500-P", "blurred_image", "ab"), ("P3M-500-NP", "original_image", "c"))
    for seed, (half, images, names) in enumerate(halves):
        folder = root / "validation" / half
        for name, truth in portraits(folder, images, "mask", names, 10 * seed).items():
            write(folder / "trimap" / f"{name}.png", trimap_of(truth))
            true[f"{half}/{name}"] = truth
    return true


def ppm(root: Path) -> dict[str, NDArray[np.uint8]]:
    true = portraits(root, "image", "matte", "ab", 30, ".jpg")
    return {f"PPM-100/{name}": truth for name, truth in true.items()}


def aim500(root: Path) -> dict[str, NDArray[np.uint8]]:
    true = portraits(root, "original", "mask", "abc", 40)
    for name, truth in true.items():
        write(root / "trimap" / f"{name}.png", trimap_of(truth))
    kinds = {"a": "portrait", "b": "animal", "c": "portrait"}
    table = {name: {"type": "SO", "category": kind} for name, kind in kinds.items()}
    (root / "aim_category_type.json").write_text(json.dumps(table))
    return {f"AIM-500/{name}": truth for name, truth in true.items()}


def clips(
    root: Path, frames: str, lengths: Mapping[str, int], size: tuple[int, int], seed: int
) -> dict[str, NDArray[np.uint8]]:
    """Write clips; large ones in JPEG, as they are published."""
    true, ending = {}, ".png" if size == SIZE else ".jpg"
    for clip, length in lengths.items():
        for n in range(length):
            seed += 1
            photo(root / clip / frames / f"{n:04}{ending}", seed, size)
            path = root / clip / "pha" / f"{n:04}{ending}"
            true[f"{root.name}/{clip}/{n:04}"] = write(path, disk(seed, size))
    return true


def composites(frames: str, name: str) -> Callable[[Path], dict[str, NDArray[np.uint8]]]:
    """Return what writes a set of small clips, one of them longer, and of large ones."""

    def make(root: Path) -> dict[str, NDArray[np.uint8]]:
        lengths = {f"{name}_motion/0000": 3, f"{name}_static/0000": 2}
        small = clips(root / f"{name}_512x288", frames, lengths, SIZE, 100)
        long = {f"{name}_motion/0000": 2}
        return small | clips(root / f"{name}_1920x1080", frames, long, (16, 520), 200)

    return make


def crgnn(root: Path) -> dict[str, NDArray[np.uint8]]:
    """Write a clip of 12 frames and one of 25; truths are of every tenth."""
    true = {}
    for clip, length in (("dance", 12), ("walk", 25)):
        for n in range(length):
            photo(root / "image_allframe" / clip / f"{n:05}.jpg", n)
        for seed, n in enumerate(range(0, length, 10)):
            path = root / "alpha" / clip / f"frame_{n + 1}.png"
            true[f"CRGNN/{clip}/{n:05}"] = write(path, disk(300 + length + seed))
    return true


FAKES = {
    "p3m": p3m,
    "ppm": ppm,
    "aim500": aim500,
    "aim": composites("com", "adobe"),
    "d646": composites("com", "distinction"),
    "videomatte": composites("com", "videomatte"),
    "youtubematte": composites("har", "youtubematte"),
    "crgnn": crgnn,
}


def mattes_for(folder: Path, truths: Mapping[str, NDArray[np.uint8]]) -> dict[str, Matte]:
    """Write a seeded matte for each truth, in the set's layout, and return them, 0-1."""
    made = {}
    for seed, (name, truth) in enumerate(truths.items()):
        noise = np.random.default_rng(1000 + seed).integers(-60, 61, truth.shape)
        codes = np.clip(truth.astype(int) + noise * (truth > 0), 0, 255).astype(np.uint8)
        made[name] = as_read(write(folder / f"{name}.png", codes))
    return made


def evaluated(capsys: pytest.CaptureFixture, *words: object) -> dict:
    assert main(["eval", *map(str, words), "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture, *words: object) -> str:
    assert main(["eval", *map(str, words), "--quiet"]) == 1
    return capsys.readouterr().err


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: pytest.approx(np.mean([row[name] for row in rows])) for name in rows[0]}


# Scores.


def test_every_set_that_is_offered_has_a_row_and_a_fake() -> None:
    assert {*SETS} == {*PUBLIC_SETS} == {*FAKES}


def test_p3m_scores_each_half_by_the_rules_of_p3m_net(tmp_path, capsys) -> None:
    truths = p3m(tmp_path / "P3M-10k")
    mattes = mattes_for(tmp_path / "m", truths)

    found = evaluated(capsys, "--set", "p3m", tmp_path / "P3M-10k", "--pred", tmp_path / "m")

    for half, names in (("P3M-500-P", "ab"), ("P3M-500-NP", "c")):
        keys = [f"{half}/{name}" for name in names]
        rows = [by_p3m(mattes[k], as_read(truths[k]), trimap_of(truths[k])) for k in keys]
        assert found["parts"][half]["mean"] == means(rows)
    assert found["items"]["P3M-500-NP/c"]["sad"] == [pytest.approx(rows[0]["sad"])]


def test_a_half_alone_takes_mattes_without_its_name(tmp_path, capsys) -> None:
    truths = p3m(tmp_path / "P3M-10k")
    half = tmp_path / "P3M-10k" / "validation" / "P3M-500-NP"
    mattes = mattes_for(tmp_path / "m", {"c": truths["P3M-500-NP/c"]})

    found = evaluated(capsys, "--set", "p3m", half, "--pred", tmp_path / "m")

    sad = np.abs(mattes["c"] - as_read(truths["P3M-500-NP/c"])).sum() / 1000
    assert found["parts"].keys() == {"P3M-500-NP"}
    assert found["parts"]["P3M-500-NP"]["mean"]["sad"] == pytest.approx(sad)


def test_ppm_scores_by_the_rules_of_sghm_without_rounding(tmp_path, capsys) -> None:
    truths = ppm(tmp_path / "set")
    rows = []
    for seed, (name, truth) in enumerate(truths.items()):
        fine = np.random.default_rng(seed).integers(0, 65536, truth.shape, np.uint16)
        write(tmp_path / "m" / f"{name}.png", fine)
        rows.append(by_rvm(fine / 65535, as_read(truth)))

    found = evaluated(capsys, "--set", "ppm", tmp_path / "set", "--pred", tmp_path / "m")

    assert found["parts"]["PPM-100"]["mean"] == means(rows)


def test_aim_500_has_its_portraits_as_a_part(tmp_path, capsys) -> None:
    truths = aim500(tmp_path / "set")
    mattes = mattes_for(tmp_path / "m", truths)

    found = evaluated(capsys, "--set", "aim500", tmp_path / "set", "--pred", tmp_path / "m")

    rows = {k: by_p3m(mattes[k], as_read(truths[k]), trimap_of(truths[k])) for k in truths}
    parts = found["parts"]
    assert parts["AIM-500"]["mean"] == means([*rows.values()])
    assert parts["AIM-500 portraits"]["mean"] == means([rows["AIM-500/a"], rows["AIM-500/c"]])


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("aim", "adobe"),
        ("d646", "distinction"),
        ("videomatte", "videomatte"),
        ("youtubematte", "youtubematte"),
    ],
)
def test_small_clips_score_by_the_low_resolution_rules_of_rvm(
    name: str, stem: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Frames 0 and 1 are of two clips, frame 2 of one: it is a third of the mean."""
    part = f"{stem}_512x288"
    truths = {k: v for k, v in FAKES[name](tmp_path / "set").items() if k.startswith(part)}
    mattes = mattes_for(tmp_path / "m", truths)

    found = evaluated(capsys, "--set", name, tmp_path / "set" / part, "--pred", tmp_path / "m")

    columns = []
    rows: dict[str, list[dict[str, float]]] = {}
    for clip in (f"{part}/{stem}_motion/0000", f"{part}/{stem}_static/0000"):
        keys = [key for key in truths if key.startswith(clip)]
        flicker = dtssd([mattes[k] for k in keys], [as_read(truths[k]) for k in keys])
        rows[clip] = [
            by_rvm(mattes[k], as_read(truths[k])) | {"dtssd": change}
            for k, change in zip(keys, flicker, strict=True)
        ]
    for n in range(3):
        frames = [clip[n] for clip in rows.values() if n < len(clip)]
        columns.append({k: np.mean([frame[k] for frame in frames]) for k in frames[0]})
    assert found["parts"].keys() == {part}
    assert found["parts"][part]["mean"] == means(columns)


@pytest.mark.parametrize("name", ["videomatte", "youtubematte"])
def test_large_clips_score_by_the_high_resolution_rules_of_rvm(name, tmp_path, capsys) -> None:
    """Without Conn, and Grad takes mattes as they are; they lie below `pha`, as the papers have them."""
    part = f"{name}_1920x1080"
    truths = {k: v for k, v in FAKES[name](tmp_path / "set").items() if k.startswith(part)}
    places = {f"{k.rpartition('/')[0]}/pha/{k[-4:]}": v for k, v in truths.items()}
    mattes = [*mattes_for(tmp_path / "m", places).values()]
    for image in (tmp_path / "set" / f"{name}_512x288").rglob("*.png"):
        image.unlink()
    true = [as_read(codes) for codes in truths.values()]

    found = evaluated(capsys, "--set", name, tmp_path / "set" / part, "--pred", tmp_path / "m")[
        "parts"
    ][part]

    rows = [
        {
            "mad": np.abs(alpha - truth).mean() * 1000,
            "mse": ((alpha - truth) ** 2).mean() * 1000,
            "grad": grad_of_rvm(alpha, truth),
            "dtssd": change,
        }
        for alpha, truth, change in zip(mattes, true, dtssd(mattes, true), strict=True)
    ]
    assert found["mean"] == means(rows)


def test_both_sizes_of_a_set_are_scored_in_one_go(tmp_path, capsys) -> None:
    truths = FAKES["videomatte"](tmp_path / "set")
    mattes_for(tmp_path / "m", truths)

    found = evaluated(capsys, "--set", "videomatte", tmp_path / "set", "--pred", tmp_path / "m")

    measures = {name: [*part["mean"]] for name, part in found["parts"].items()}
    assert measures == {
        "videomatte_1920x1080": ["mad", "mse", "grad", "dtssd"],
        "videomatte_512x288": ["mad", "mse", "grad", "conn", "dtssd"],
    }


@pytest.mark.parametrize("takes_all", [True, False], ids=["all frames", "every tenth"])
def test_crgnn_scores_every_tenth_frame(takes_all, tmp_path, capsys) -> None:
    truths = crgnn(tmp_path / "set")
    mattes = mattes_for(tmp_path / "m", truths)
    if takes_all:
        for image in (tmp_path / "set" / "image_allframe").rglob("*.jpg"):
            path = tmp_path / "m" / "CRGNN" / image.parent.name / f"{image.stem}.png"
            if not path.exists():
                write(path, np.full(SIZE, 255, np.uint8))
    else:
        extra = tmp_path / "m" / "CRGNN" / "walk" / "00011.png"
        write(extra, np.zeros(SIZE, np.uint8))

    if not takes_all:
        said = refused(capsys, "--set", "crgnn", tmp_path / "set", "--pred", tmp_path / "m")
        assert "dance has 2 pictures for the 12 frames of CRGNN/dance; it needs one a frame" in said
        assert "and so of 1 item more" in said
        return
    found = evaluated(capsys, "--set", "crgnn", tmp_path / "set", "--pred", tmp_path / "m")

    walk = [f"CRGNN/walk/{n:05}" for n in (0, 10, 20)]
    true = [as_read(truths[k]) for k in walk]
    given = [mattes[k] for k in walk]
    item = found["items"]["CRGNN/walk"]
    mad = [np.abs(a - t).mean() * 1000 for a, t in zip(given, true, strict=True)]
    assert item["mad"] == pytest.approx(mad)
    assert item["grad"] == pytest.approx([*map(grad_of_rvm, given, true)])
    assert item["dtssd"] == pytest.approx(dtssd(given, true))


# As the published code has it.


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['width']}x{row['height']}")
def test_scores_equal_those_of_the_papers_own_code(row) -> None:
    """P3M-Net's core/metrics.py and RVM's evaluate_lr.py, in float32, which 1e-6 allows for."""
    alpha, truth = reference_pair(row, row["seed"])
    trimap = np.where(truth > 230, 255, np.where(truth < 25, 0, 128)).astype(np.uint8)
    before = [as_read(codes) for codes in reference_pair(row, row["seed"] + 100)]
    scored = Scored(as_read(alpha), as_read(truth), trimap, before[0] - before[1])

    for rules, name in ((P3M, "p3m"), (RVM_512, "rvm_512")):
        assert rules.score(scored) == pytest.approx(row[name], rel=1e-6)


def reference_pair(row: Mapping[str, float], seed: int) -> list[NDArray[np.uint8]]:
    """Return a matte that may be dim and its truth, in codes."""
    size = int(row["height"]), int(row["width"])
    bump, noise = (seeded_image(seed + n, *size)[0].astype(np.float64) for n in (0, 1))
    truth = np.clip((bump - 0.5) * 4 + 0.5, 0, 1)
    alpha = np.clip((truth + (noise - 0.5) * 0.4) * row["dim"], 0, 1)
    return [np.round(matte * 255).astype(np.uint8) for matte in (alpha, truth)]


# By hand.


def test_the_unknown_area_counts_what_the_trimap_knows_as_right() -> None:
    """Of six pixels: a subject missed, haze in the background, and two of four tenths between."""
    truth = np.array([[1, 1, 0.5, 0.5, 0, 0]])
    alpha = np.array([[0.2, 1, 0.9, 0.1, 0.3, 0]])
    trimap = np.array([[255, 255, 128, 128, 0, 0]], np.uint8)

    scores = P3M.score(Scored(alpha, truth, trimap))

    assert scores["sad"] == pytest.approx((0.8 + 0.4 + 0.4 + 0.3) / 1000)
    assert scores["sad_t"] == pytest.approx(0.8 / 1000)
    assert scores["mad_t"] == pytest.approx(0.4)
    assert scores["mse_t"] == pytest.approx(0.16)
    assert (scores["sad_fg"], scores["sad_bg"]) == pytest.approx((0.0008, 0.0003))


def test_papers_that_write_mse_mean_numbers_a_thousandfold_apart() -> None:
    truth = np.full((4, 4), 0.5)
    known = np.full((4, 4), 128, np.uint8)
    scored = Scored(truth + 0.1, truth, known, last_error=truth * 0)

    assert P3M.score(scored)["mse"] == pytest.approx(0.01)
    assert [rules.score(scored)["mse"] for rules in (RVM_512, RVM_HD, SGHM)] == pytest.approx(
        [10] * 3
    )
    assert RVM_512.score(scored)["dtssd"] == pytest.approx(10)


def test_a_dim_matte_has_no_grad_in_512_px_and_some_in_hd() -> None:
    """Stretching makes half a matte whole."""
    truth = np.zeros((8, 30))
    truth[:, 15:] = 1
    scored = Scored(truth / 2, truth)

    assert RVM_512.score(scored)["grad"] == pytest.approx(0)
    assert RVM_HD.score(scored)["grad"] == pytest.approx(grad_of_rvm(truth / 2, truth))


def test_the_mean_is_over_frame_numbers() -> None:
    clips = [{"mad": [1.0, 2.0, 6.0]}, {"mad": [3.0]}]

    assert mean_of(clips) == {"mad": pytest.approx((2 + 2 + 6) / 3)}


# What was published.


@pytest.mark.parametrize("name", SETS)
def test_published_rows_are_on_the_scale_of_the_rules_and_say_where_they_stand(name, tmp_path):
    FAKES[name](tmp_path / "set")

    for part in find_parts(name, tmp_path / "set"):
        assert part.published or part.name == "AIM-500 portraits"
        for row in part.published:
            assert {*row.scores} <= {*part.rules.measures}
            assert row.source


def test_the_table_has_ours_above_what_was_published(tmp_path, capsys) -> None:
    half = tmp_path / "P3M-10k" / "validation" / "P3M-500-P"
    truths = p3m(tmp_path / "P3M-10k")
    mattes = mattes_for(tmp_path / "mine", {k[-1]: v for k, v in truths.items() if "-P/" in k})
    mad = np.mean([np.abs(mattes[k] - as_read(truths[f"P3M-500-P/{k}"])).mean() for k in "ab"])

    words = ["eval", "--set", "p3m", str(half), "--pred", str(tmp_path / "mine"), "--quiet"]
    assert main(words) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "P3M-500-P: 2 of 2, by the rules of P3M-Net (core/metrics.py)"
    assert lines[2].split()[:3] == ["sad", "mse", "mad"]
    assert lines[3].split()[0] == "mine"
    assert float(lines[3].split()[3]) == pytest.approx(mad, rel=1e-3)
    theirs = next(line for line in lines if line.startswith("P3M-Net (ResNet-34)"))
    assert "8.73   0.0026        -" in theirs
    assert theirs.endswith("README, table 2, trained on blurred faces (B:B)")


def doc_table(part: Part) -> list[str]:
    """Return what docs/quality.md has of a part's published rows."""
    measures = [
        one for one in part.rules.measures if any(one in row.scores for row in part.published)
    ]
    lines = [f"| | {' | '.join(measures)} | where |", f"|{'---|' * (len(measures) + 2)}"]
    for row in part.published:
        scores = " | ".join(f"{row.scores[one]:g}" if one in row.scores else "" for one in measures)
        source = f"{row.source}{' (second hand)' if row.is_second_hand else ''}"
        lines.append(f"| {row.method} | {scores} | {source} |")
    return lines


@pytest.mark.parametrize("name", SETS)
def test_the_documents_have_each_published_row(name, tmp_path) -> None:
    FAKES[name](tmp_path / "set")
    page = (Path(__file__).parents[1] / "docs" / "quality.md").read_text()

    for part in find_parts(name, tmp_path / "set"):
        assert not part.published or "\n".join(doc_table(part)) in page


# Files that are missing or renamed.


RENAMED = {
    "p3m": ("validation/P3M-500-P/mask/a.png", "a (1).png", "a"),
    "ppm": ("matte/b.jpg", "b_matte.jpg", "b"),
    "aim500": ("trimap/c.png", "c_t.png", "c"),
    "aim": ("adobe_512x288/adobe_motion/0000/pha/0001.png", "1.png", "0001"),
    "d646": ("distinction_512x288/distinction_motion/0000/com/0002.png", "x.png", "0002.png"),
    "videomatte": ("videomatte_512x288/videomatte_static/0000/pha", "alpha", "pha"),
    "youtubematte": (
        "youtubematte_1920x1080/youtubematte_motion/0000/pha/0000.jpg",
        "0.jpg",
        "0000",
    ),
    "crgnn": ("alpha/walk", "walking", "walk, walking"),
}


@pytest.mark.parametrize("is_gone", [False, True], ids=["renamed", "missing"])
@pytest.mark.parametrize("name", SETS)
def test_a_file_that_is_missing_or_renamed_is_named(name, is_gone, tmp_path, capsys) -> None:
    FAKES[name](tmp_path / "set")
    path, new_name, named = RENAMED[name]
    broken = tmp_path / "set" / path
    broken.rename((tmp_path if is_gone else broken.parent) / new_name)

    said = refused(capsys, "--set", name, tmp_path / "set", "--pred", tmp_path)

    assert (named.partition(",")[0] if is_gone else named) in said
    assert "a file is missing or renamed: unpack the set anew" in said


def test_a_file_that_was_renamed_is_guessed(tmp_path, capsys) -> None:
    truths = ppm(tmp_path / "set")
    (tmp_path / "set" / "matte" / "b.jpg").rename(tmp_path / "set" / "matte" / "b_1.jpg")

    said = refused(capsys, "--set", "ppm", tmp_path / "set", "--pred", tmp_path)

    assert len(truths) == 2
    assert f"{tmp_path}/set/matte has no b, which {tmp_path}/set/image has" in said
    assert f"{tmp_path}/set/image has no picture of b_1.jpg" in said


def test_fewer_pictures_than_were_published_are_told(tmp_path, caplog) -> None:
    ppm(tmp_path / "set")

    find_parts("ppm", tmp_path / "set")

    assert "PPM-100 has 2 pictures here, and 100 where it is published" in caplog.text


def test_a_folder_of_another_set_is_told_which_it_looks_like(tmp_path, capsys) -> None:
    ppm(tmp_path / "set")

    said = refused(capsys, "--set", "p3m", tmp_path / "set")

    assert "holds image, matte, and P3M-10k is validation/P3M-500-P with blurred_image" in said
    assert "it looks like --set ppm" in said
    assert "is not a folder" in refused(capsys, "--set", "p3m", tmp_path / "nowhere")


def test_mattes_that_are_missing_or_of_another_size_are_named(tmp_path, capsys) -> None:
    truths = ppm(tmp_path / "set")
    words = ["--set", "ppm", tmp_path / "set", "--pred", tmp_path / "m"]
    mattes_for(tmp_path / "m", {"PPM-100/a": truths["PPM-100/a"]})

    said = refused(capsys, *words)
    assert "nothing for PPM-100/b; it needs PPM-100/b or b with an ending as .png" in said
    write(tmp_path / "m" / "PPM-100" / "b.png", np.zeros((8, 8), np.uint8))
    said = refused(capsys, *words)

    assert "PPM-100/b: the matte is 8x8, what the set says of it 40x24; one size is needed" in said


# Mattes that are made.


@pytest.mark.slow
def test_pictures_are_matted_kept_and_score_the_same_when_they_are_given(
    model, tmp_path, capsys
) -> None:
    truths = ppm(tmp_path / "set")
    words = ["--set", "ppm", tmp_path / "set"]
    network = ["--model", model, "--sizing", "pad"]

    made = evaluated(capsys, *words, *network, "-o", tmp_path / "kept")
    unkept = evaluated(capsys, *words, *network)
    given = evaluated(capsys, *words, "--pred", tmp_path / "kept")

    assert made["items"] == unkept["items"] == given["items"]
    assert made["of"]["model"] == "sees-people.safetensors"
    alpha = cv2.imread(str(tmp_path / "kept" / "PPM-100" / "a.png"), cv2.IMREAD_UNCHANGED)
    expected = by_rvm(alpha / 65535, as_read(truths["PPM-100/a"]))
    assert {k: v[0] for k, v in made["items"]["PPM-100/a"].items()} == {
        k: pytest.approx(v) for k, v in expected.items()
    }


def test_clips_are_matted_with_their_neighbors_and_kept(model, tmp_path, capsys) -> None:
    FAKES["videomatte"](tmp_path / "set")
    words = ["--set", "videomatte", tmp_path / "set" / "videomatte_512x288"]
    network = ["--model", model]

    made = evaluated(capsys, *words, *network, "-o", tmp_path / "kept")
    alone = evaluated(capsys, *words, *network, "--tr", "0")
    given = evaluated(capsys, *words, "--pred", tmp_path / "kept")

    assert made["items"] == given["items"] != alone["items"]
    assert made["of"]["sizing"] == "pad"
    clip = tmp_path / "kept" / "videomatte_512x288" / "videomatte_motion" / "0000"
    assert sorted(path.name for path in clip.iterdir()) == ["0000.png", "0001.png", "0002.png"]


def test_masks_say_who_is_matted(model, tmp_path, capsys) -> None:
    """Where they say nobody, what is missed is all of the truth."""
    truths = crgnn(tmp_path / "set")
    words = ["--set", "crgnn", tmp_path / "set", "--model", model]
    for image in (tmp_path / "set" / "image_allframe").rglob("*.jpg"):
        write(tmp_path / "nobody" / image.parent.name / f"{image.stem}.png", np.zeros(SIZE))

    found = evaluated(capsys, *words, "--mask", tmp_path / "nobody")

    missed = [truths[f"CRGNN/dance/{n:05}"].mean() / 255 * 1000 for n in (0, 10)]
    assert found["items"]["CRGNN/dance"]["mad"] == pytest.approx(missed)
    assert found["of"]["masks"] == str(tmp_path / "nobody")


def test_masks_say_who_is_matted_in_pictures(model, tmp_path, capsys) -> None:
    truths = ppm(tmp_path / "set")
    for name in "ab":
        write(tmp_path / "nobody" / f"{name}.png", np.zeros(SIZE))
    words = ["--set", "ppm", tmp_path / "set", "--model", model, "--sizing", "pad"]

    found = evaluated(capsys, *words, "--mask", tmp_path / "nobody")
    unguided = evaluated(capsys, *words)

    missed = [as_read(truths[f"PPM-100/{name}"]).mean() * 1000 for name in "ab"]
    assert [found["items"][name]["mad"][0] for name in truths] == pytest.approx(missed)
    assert unguided["items"] != found["items"]


def test_a_mask_of_the_first_frame_alone_is_refused(tmp_path, capsys) -> None:
    crgnn(tmp_path / "set")
    for clip in ("dance", "walk"):
        write(tmp_path / "masks" / f"{clip}.png", np.zeros(SIZE))

    said = refused(capsys, "--set", "crgnn", tmp_path / "set", "--mask", tmp_path / "masks")

    assert "it needs the folder CRGNN/dance or dance, with a picture a frame" in said


# Going on.


def test_a_run_that_broke_off_goes_on(tmp_path, capsys) -> None:
    truths = ppm(tmp_path / "set")
    mattes_for(tmp_path / "m", truths)
    words = ["--set", "ppm", tmp_path / "set", "--pred", tmp_path / "m", "-o", tmp_path / "out"]
    whole = evaluated(capsys, *words)
    record = tmp_path / "out" / "scores.json"
    kept = json.loads(record.read_text())
    assert kept.pop("kind") == "sghm set scores"
    assert kept.pop("format") == 1
    assert kept == whole
    said = refused(capsys, *words)
    assert "scores.json exists already; go on with it: --resume, or give another -o DIR" in said

    broken = json.loads(record.read_text())
    del broken["items"]["PPM-100/b"]
    broken["items"]["PPM-100/a"]["mad"] = [123.0]
    record.write_text(json.dumps(broken))
    resumed = evaluated(capsys, *words, "--resume")

    assert resumed["items"]["PPM-100/a"]["mad"] == [123.0]
    assert resumed["items"]["PPM-100/b"] == whole["items"]["PPM-100/b"]


def test_scores_of_other_mattes_are_not_gone_on_with(tmp_path, capsys) -> None:
    truths = ppm(tmp_path / "set")
    for folder in ("m", "others"):
        mattes_for(tmp_path / folder, truths)
    words = ["--set", "ppm", tmp_path / "set", "-o", tmp_path / "out", "--resume"]
    evaluated(capsys, *words, "--pred", tmp_path / "m")

    said = refused(capsys, *words, "--pred", tmp_path / "others")
    assert "has scores with another mattes; give another -o DIR" in said
    (tmp_path / "out" / "scores.json").write_text("{}")
    said = refused(capsys, *words, "--pred", tmp_path / "m")
    assert "is no file of scores: it is of another kind; move it away" in said


def test_progress_counts_frames_with_a_truth(tmp_path, capsys) -> None:
    truths = ppm(tmp_path / "set")
    mattes_for(tmp_path / "m", truths)

    assert main(["eval", "--set", "ppm", str(tmp_path / "set"), "--pred", str(tmp_path / "m")]) == 0

    assert "eval: 2/2 frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "ppm"], "--set ppm needs the folder of the set; add it: --set ppm DIR"),
        ([], "give mattes with --pred, pictures with --images or a public set with --set"),
        (["here", "--pred", "m", "--gt", "g"], "DIR is for --set, which is not given"),
        (["--pred", "m", "--gt", "g", "--resume"], "--resume is for --set, which is not given"),
        (
            ["--pred", "m", "--gt", "g", "--mask", "k"],
            "--mask is for --set or --images without --pred",
        ),
        (["--set", "ppm", "d", "--gt", "g"], "--gt is for mattes without --set, which has its own"),
        (["--set", "ppm", "d", "--images", "g"], "--images is for mattes without --set"),
        (
            ["--set", "ppm", "d", "--pred", "m", "--plate", "p"],
            "--plate is for mattes without --set",
        ),
        (["--set", "ppm", "d", "--pred", "m", "--tr", "3"], "--tr is for --images"),
        (
            ["--set", "ppm", "d", "--pred", "m", "--mask", "k"],
            "--mask is for --set or --images without --pred",
        ),
    ],
)
def test_what_would_do_nothing_is_refused(words, said, capsys) -> None:
    assert said in refused(capsys, *words)


def test_resuming_without_a_place_is_refused(tmp_path, capsys) -> None:
    mattes_for(tmp_path / "m", ppm(tmp_path / "set"))
    words = ["--set", "ppm", tmp_path / "set", "--pred", tmp_path / "m", "--resume"]

    assert "--resume goes on with the scores that -o DIR keeps" in refused(capsys, *words)
