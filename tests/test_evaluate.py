"""Scores: equal to the published code's, right in the limits, and the same for clips."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.errors import SettingsError, SghmError
from sghm_vs.evaluate import dtssd, pair_folders, score_clip, score_frame
from sghm_vs.evaluate.motion import MotionError, WarpError
from tests.seeded import seeded_image

REFERENCE = json.loads((Path(__file__).parent / "data" / "metrics_reference.json").read_text())


def mattes(seed: int, height: int, width: int) -> tuple[NDArray, NDArray]:
    """Return a matte and its truth, (height, width), in steps of 1/255."""
    bump = seeded_image(seed, height, width)[0].astype(np.float64)
    noise = seeded_image(seed + 1, height, width)[0].astype(np.float64)
    truth = np.clip((bump - 0.5) * 4 + 0.5, 0, 1)
    alpha = np.clip(truth + (noise - 0.5) * 0.4, 0, 1)
    return np.round(alpha * 255) / 255, np.round(truth * 255) / 255


def clip_of(
    frames: list[NDArray], fmt: int = vs.GRAYS, scale: float = 1, offset: float = 0, **props: int
) -> vs.VideoNode:
    """Return a clip with `frames`, (h, w) 0-1, as its first plane."""
    height, width = frames[0].shape
    blank = vs.core.std.BlankClip(format=fmt, width=width, height=height, length=len(frames))

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        plane = np.asarray(frame[0])
        codes = frames[n] * scale + offset
        np.copyto(plane, codes if plane.dtype.kind == "f" else np.round(codes), casting="unsafe")
        frame.props.update(props)
        return frame

    return blank.std.ModifyFrame(blank, fill)


def moving(count: int = 4) -> tuple[list[NDArray], list[NDArray]]:
    pairs = [mattes(seed, 24, 40) for seed in range(20, 20 + count)]
    return [alpha for alpha, _ in pairs], [truth for _, truth in pairs]


# Frames.


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['width']}x{row['height']}")
@pytest.mark.parametrize("metric", ["mad", "mse", "grad", "conn", "iou"])
def test_scores_equal_those_of_the_published_code(row: dict[str, float], metric: str) -> None:
    """It works in float32 at places, which 1e-6 allows for."""
    alpha, truth = mattes(int(row["seed"]), int(row["height"]), int(row["width"]))

    score = getattr(score_frame(alpha, truth), metric)

    assert score == pytest.approx(row[metric], rel=1e-6)


def test_a_matte_has_no_distance_from_itself() -> None:
    _, truth = mattes(11, 40, 60)

    scores = score_frame(truth, truth)

    assert (scores.mad, scores.mse, scores.sad, scores.grad, scores.conn) == (0, 0, 0, 0, 0)
    assert scores.iou == pytest.approx(100)


def test_a_constant_error_has_the_scores_of_its_size() -> None:
    truth = np.full((20, 50), 0.7)

    scores = score_frame(truth - 0.1, truth)

    assert scores.mad == pytest.approx(100)
    assert scores.mse == pytest.approx(10)
    assert scores.sad == pytest.approx(0.1)
    assert scores.grad == 0


def test_grad_of_a_step_is_the_energy_of_the_kernel() -> None:
    """Across a step, a 9-tap kernel answers with its running sums; against nothing, all counts."""
    step = np.zeros((1, 40))
    step[:, 20:] = 1
    at = np.arange(-4, 5)
    smooth = np.exp(-((at / 1.4) ** 2) / 2)
    slope = at * smooth
    answer = np.cumsum(slope / np.linalg.norm(slope)) * (smooth / np.linalg.norm(smooth)).sum()

    scores = score_frame(np.zeros_like(step), step)

    assert scores.grad == pytest.approx(np.square(answer).sum() / 1000)


def test_a_detached_island_costs_its_area_in_conn() -> None:
    truth = np.zeros((40, 40))
    truth[5:25, 5:25] = 1
    alpha = truth.copy()
    alpha[30:33, 30:34] = 1

    assert score_frame(alpha, truth).conn == pytest.approx(12 / 1000)


def test_connection_over_a_corner_does_not_count_in_conn() -> None:
    """4-connectivity: the small square is apart in both, so its whole difference counts."""
    both = np.zeros((20, 20))
    both[2:10, 2:10] = 1
    both[10:12, 10:12] = 1
    faded = both.copy()
    faded[10:12, 10:12] = 0.9

    assert score_frame(faded, both).conn == pytest.approx(4 * 0.1 / 1000)


def test_band_sees_only_what_is_near_the_edge() -> None:
    truth = np.zeros((100, 100))
    truth[:, 50:] = 1
    far_off, near_off = truth.copy(), truth.copy()
    far_off[:, :30] = 1
    near_off[:, 45:50] = 1

    assert score_frame(far_off, truth).band == 0
    assert score_frame(near_off, truth).band == pytest.approx(1e3 * 5 / 20)
    assert score_frame(near_off, np.zeros((100, 100))).band == 0


def test_iou_counts_what_both_call_subject() -> None:
    truth, alpha = np.zeros((2, 10, 10))
    truth[:, :6] = 1
    alpha[:, 3:9] = 0.6

    assert score_frame(alpha, truth).iou == pytest.approx(100 * 3 / 9)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_and_full_frames_have_finite_scores(value: float) -> None:
    full = np.full((1, 1), value)

    scores = asdict(score_frame(full, full))

    assert all(math.isfinite(score) for score in scores.values())
    assert all(type(score) is float for score in scores.values())


def test_scores_do_not_depend_on_the_float_type() -> None:
    alpha, truth = (matte.astype(np.float32) for matte in mattes(11, 30, 30))

    scores = score_frame(alpha, truth)

    assert asdict(scores) == asdict(score_frame(alpha.astype("f8"), truth.astype("f8")))


@pytest.mark.parametrize("shape", [(4, 5), (4, 4, 1), (0, 0)])
def test_mattes_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="shapes"):
        score_frame(np.zeros(shape), np.zeros((4, 4)) if shape[0] else np.zeros(shape))


# Time.


def test_dtssd_is_the_mean_change_of_the_error_with_frame_0_counting_nothing() -> None:
    truths = [np.zeros((6, 8))] * 3
    alphas = [np.full((6, 8), value) for value in (0.0, 0.1, 0.4)]

    assert dtssd(alphas, truths) == pytest.approx(100 * (0 + 0.1 + 0.3) / 3)


def test_a_steady_error_does_not_flicker() -> None:
    truths = moving()[1]

    assert dtssd([truth * 1.0 + 0.2 for truth in truths], truths) == pytest.approx(0)


def test_dtssd_takes_frames_one_by_one() -> None:
    taken = []

    def watched(frames: list[NDArray], name: str) -> Iterator[NDArray]:
        for frame in frames:
            taken.append(name)
            yield frame

    alphas, truths = moving(3)
    dtssd(watched(alphas, "alpha"), watched(truths, "truth"))

    assert taken == ["alpha", "truth"] * 3


@pytest.mark.parametrize(("alphas", "truths"), [(2, 3), (3, 2), (0, 0), (0, 1)])
def test_dtssd_refuses_counts_that_differ_and_no_frames(alphas: int, truths: int) -> None:
    frame = np.zeros((4, 4))

    with pytest.raises(SettingsError, match=r"differ in number|no frame"):
        dtssd([frame] * alphas, [frame] * truths)


def test_dtssd_refuses_a_size_that_changes() -> None:
    frames = [np.zeros((4, 4)), np.zeros((4, 5))]

    with pytest.raises(SettingsError, match="shapes"):
        dtssd(frames, frames)


# Clips.


def test_a_clips_scores_are_the_means_over_its_frames() -> None:
    alphas, truths = moving()
    single = [asdict(score_frame(*pair)) for pair in zip(alphas, truths, strict=True)]

    scores = score_clip(clip_of(alphas), clip_of(truths))

    for name in single[0]:
        assert scores[name] == pytest.approx(np.mean([one[name] for one in single]), rel=1e-5)
    assert scores["dtssd"] == pytest.approx(dtssd(alphas, truths), rel=1e-5)
    assert all(type(score) is float for score in scores.values())


def moving_disk(n: int) -> np.ndarray:
    y, x = np.mgrid[:60, :96]
    return np.clip(18.5 - np.hypot(x - 30 - 4 * n, y - 30), 0, 1)


def test_an_error_that_moves_with_the_subject_adds_little_to_messddt() -> None:
    """It is what dtSSD punishes and the eye forgives."""
    truths = [moving_disk(n) for n in range(4)]
    steady, popping = MotionError(), MotionError()
    for n, truth in enumerate(truths):
        steady.add(truth * 0.8, truth)
        popping.add(truth * (0.8 if n % 2 else 1.0), truth)

    assert steady.messddt < 0.2 * popping.messddt


def test_a_matte_that_moves_with_its_plate_has_no_warp_error() -> None:
    rng = np.random.default_rng(0)
    wide = cv2.resize(rng.integers(0, 256, (10, 24), np.uint8), (192, 60))
    following, lagging = WarpError(), WarpError()
    for n in range(4):
        plate = np.ascontiguousarray(wide[:, 40 - 4 * n :][:, :96])
        following.add(moving_disk(n), plate)
        lagging.add(moving_disk(0), plate)

    assert following.warp < 0.1 * lagging.warp


def test_one_frame_has_no_dtssd() -> None:
    alphas, truths = moving(1)

    assert list(score_clip(clip_of(alphas), clip_of(truths))) == [
        "mad", "mse", "sad", "grad", "conn", "iou", "band",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def scores_of_floats() -> dict[str, float]:
    alphas, truths = moving(2)
    return score_clip(clip_of(alphas), clip_of(truths))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fmt", "scale", "offset", "props"),
    [
        (vs.GRAY8, 255, 0, {}),
        (vs.GRAY16, 65535, 0, {}),
        (vs.GRAYH, 1, 0, {}),
        (vs.RGB24, 255, 0, {}),
        (vs.RGB30, 1023, 0, {}),
        (vs.RGBS, 1, 0, {}),
        (vs.GRAY8, 219, 16, {"_Range": 0}),
        (vs.YUV420P8, 219, 16, {}),
        (vs.YUV444P10, 876, 64, {}),
        (vs.YUV420P8, 255, 0, {"_Range": 1}),
    ],
)
def test_every_format_and_range_means_the_same_alpha(
    scores_of_floats: dict[str, float],
    fmt: int,
    scale: float,
    offset: float,
    props: dict[str, int],
) -> None:
    """Untagged gray and RGB are full range, untagged YUV is limited."""
    alphas, truths = moving(2)

    scores = score_clip(clip_of(alphas, fmt, scale, offset, **props), clip_of(truths))

    for name in ("mad", "dtssd"):
        assert scores[name] == pytest.approx(scores_of_floats[name], rel=0.02)


def test_progress_is_told_after_each_frame() -> None:
    told: list[tuple[int, int]] = []
    alphas, truths = moving(3)

    score_clip(clip_of(alphas), clip_of(truths), lambda done, total: told.append((done, total)))

    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("width", "length"), [(17, 3), (16, 4)])
def test_clips_that_differ_are_refused_with_both_sides(width: int, length: int) -> None:
    pred = vs.core.std.BlankClip(format=vs.GRAY8, width=16, height=8, length=3)
    truth = vs.core.std.BlankClip(format=vs.GRAY8, width=width, height=8, length=length)

    with pytest.raises(SghmError, match=f"16x8 of 3 frames, .* {width}x8 of {length} frames"):
        score_clip(pred, truth)


@pytest.mark.parametrize("changing", ["varsize", "varformat"])
def test_a_clip_that_changes_is_refused(changing: str) -> None:
    clip = vs.core.std.BlankClip(length=2)

    with pytest.raises(SettingsError, match="the truth changes its format or size"):
        score_clip(clip, vs.core.std.BlankClip(clip, **{changing: True}))


# Folders.


def folder_of(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).touch()
    return path


def test_pictures_are_paired_by_stem(tmp_path: Path) -> None:
    pred = folder_of(tmp_path / "p", "b.png", "a 1.JPG", "[c]%d.png", "größe.tif", "notes.txt")
    truth = folder_of(
        tmp_path / "g", "a 1.png", "b_mask.png", "[c]%d_alpha.tif", "größe.png", ".b.png"
    )

    pairs = [(one.name, other.name) for one, other in pair_folders(pred, truth)]

    assert sorted(pairs) == [
        ("[c]%d.png", "[c]%d_alpha.tif"),
        ("a 1.JPG", "a 1.png"),
        ("b.png", "b_mask.png"),
        ("größe.tif", "größe.png"),
    ]


def test_a_picture_whose_own_name_ends_in_mask_is_paired(tmp_path: Path) -> None:
    pred = folder_of(tmp_path / "p", "face_mask.png")
    truth = folder_of(tmp_path / "g", "face_mask.png")

    assert pair_folders(pred, truth) == [(pred / "face_mask.png", truth / "face_mask.png")]


def test_pictures_without_a_partner_are_listed_from_both_sides(tmp_path: Path) -> None:
    pred = folder_of(tmp_path / "p", "a.png", "b.png")
    truth = folder_of(tmp_path / "g", "a.png", "c_mask.png")

    with pytest.raises(SettingsError, match=r"b\.png in .*p; c_mask\.png in .*g;"):
        pair_folders(pred, truth)


def test_a_long_list_of_partnerless_pictures_is_cut(tmp_path: Path) -> None:
    pred = folder_of(tmp_path / "p", *(f"{n:02}.png" for n in range(20)))
    truth = folder_of(tmp_path / "g", "00.png")

    with pytest.raises(SettingsError, match=r"08\.png and 11 more in"):
        pair_folders(pred, truth)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.png", "a.jpg"], "have the same name"),
        (["a_mask.png", "a_alpha.png"], "has several truths: a_mask, a_alpha"),
        (["a.txt"], "holds no pictures"),
    ],
)
def test_folders_that_leave_a_doubt_are_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    pred = folder_of(tmp_path / "p", "a.png")

    with pytest.raises(SettingsError, match=message):
        pair_folders(pred, folder_of(tmp_path / "g", *names))


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="p is not a folder"):
        pair_folders(tmp_path / "p", tmp_path)
