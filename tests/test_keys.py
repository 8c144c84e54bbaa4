"""Keys: what is said of some frames holds there, goes along the motion, and ends where it is said to."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.errors import FarmError, SourceError
from sghm_vs.filter import keys as nodes
from sghm_vs.filter.neighbors import temporal_neighbors
from sghm_vs.matting import guides as stage
from sghm_vs.matting import optical_flow
from sghm_vs.media.readers import open_source
from sghm_vs.media.readers.keys import Keys, find_keys, open_key
from sghm_vs.options import FrameRange, Guides, Matting, Settings
from sghm_vs.shots.farm.job import job_of
from sghm_vs.shots.farm.plan import Plan
from sghm_vs.shots.guides import open_keys
from tests.clips import counted, frame_bytes, panning_clip, plane
from tests.scenes import Person, clips, scene
from tests.test_guides import drawn

core = vs.core


def said_of(
    clip: vs.VideoNode, keys: dict[int, np.ndarray], most: int = 24, **how: object
) -> vs.VideoNode:
    """Return what `keys` say of each frame of `clip`, RGBS."""
    flow = temporal_neighbors(clip, Settings(**how)).flow
    made = {n: drawn(values, clip.num_frames) for n, values in keys.items()}
    return nodes.carried(clip, made, flow, most)


def truth(n: int) -> np.ndarray:
    return (scene(n)[1] > 0.5).astype(np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one > 0.5, other > 0.5
    return (one & other).sum() / (one | other).sum()


def test_a_key_goes_with_the_person_both_ways_and_is_itself_where_it_is():
    clip, _ = clips(13, scene)
    said = said_of(clip, {6: truth(6)})

    assert np.array_equal(plane(said.get_frame(6)), truth(6))
    for n in (3, 9):
        found = plane(said.get_frame(n))
        assert (found != stage.UNKNOWN).mean() > 0.9
        assert overlap(found, truth(n)) > 0.94
        assert overlap(truth(6), truth(n)) < 0.8


def test_between_two_keys_both_speak_and_the_nearer_one_louder():
    still = np.zeros((3, 20, 40), np.float32)
    still[2] = 1
    white, black = np.ones((20, 40), np.float32), np.zeros((20, 40), np.float32)

    def between(before: int, after: int) -> float:
        sides = [stage.Side(white, still, before), stage.Side(black, still, after)]
        return float(stage.carried(sides, (20, 40)).mean())

    assert between(1, 9) == 1
    assert between(9, 1) == 0
    assert between(5, 5) == 0.5


def test_what_a_key_leaves_open_stays_open_and_another_key_may_say_it():
    still = np.zeros((3, 20, 40), np.float32)
    still[2] = 1
    half = np.full((20, 40), 0.5, np.float32)
    half[:, :20] = 1
    black = np.zeros((20, 40), np.float32)

    one = stage.carried([stage.Side(half, still, 3)], (20, 40))
    two = stage.carried([stage.Side(half, still, 3), stage.Side(black, still, 30)], (20, 40))

    assert np.array_equal(one, half)
    assert (two[:, :20] == 1).all()
    assert (two[:, 20:] == 0).all()


def test_where_motion_is_not_trusted_a_key_says_nothing():
    lost = np.zeros((3, 20, 40), np.float32)
    key = np.ones((20, 40), np.float32)

    assert (stage.carried([stage.Side(key, lost, 1)], (20, 40)) == 0.5).all()
    assert (stage.carried([], (20, 40)) == 0.5).all()


def test_a_key_ends_at_a_cut():
    clip = panning_clip((4, 4)).resize.Bicubic(format=vs.RGBS)
    said = said_of(clip, {1: np.ones((64, 96), np.float32)})

    assert (plane(said.get_frame(3)) == 1).mean() > 0.5
    assert (plane(said.get_frame(4)) == 0.5).all()


def test_a_person_who_comes_in_after_a_key_is_left_to_the_network():
    def comes(n: int):
        first = Person(at=(80, 88), step=(0, 0))
        return scene(n, [first, Person(at=(420 - 30 * n, 88), step=(0, 0), texture=2)])

    clip, _ = clips(7, comes)
    key = (comes(0)[1] > 0.5).astype(np.float32)

    found = plane(said_of(clip, {0: key}).get_frame(6))
    there = comes(6)[1] > 0.5
    newcomer = there.copy()
    newcomer[:, :160] = False

    assert (found[newcomer] == 0).mean() < 0.1
    assert (found[there & ~newcomer] == 1).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("tr", [0, 1])
def test_a_key_changes_no_bit_outside_its_span_and_something_within(model, tr):
    """Neither do votes carry it, nor the alpha's filter."""
    clip, span = panning_clip((9,)), 2
    key = np.zeros((64, 96), np.float32)
    key[:, :60] = 1

    unguided = sghm(clip, -1, model, tr=tr)
    free = [frame_bytes(unguided, n) for n in range(9)]
    alpha = sghm(clip, -1, model, tr=tr, keys={4: drawn(key)}, key_span=span)
    found = [frame_bytes(alpha, n) for n in range(9)]

    changed = {n for n in range(9) if found[n] != free[n]}
    assert 4 in changed
    assert changed <= set(range(4 - span, 4 + span + 1))


@pytest.mark.slow
def test_another_key_changes_no_bit_outside_of_its_own_span(model):
    clip, left = panning_clip((10,)), np.zeros((64, 96), np.float32)
    left[:, :48] = 1
    how = {"tr": 1, "key_span": 4}

    one = sghm(clip, -1, model, **how, keys={2: drawn(left)})
    both = sghm(clip, -1, model, **how, keys={2: drawn(left), 8: drawn(1 - left)})

    changed = {n for n in range(10) if frame_bytes(one, n) != frame_bytes(both, n)}
    assert 8 in changed
    assert min(changed) >= 8 - 4


def test_a_keyed_frame_is_guided_by_exactly_the_key_and_held_to_it():
    clip = panning_clip((3,))
    key = np.full((64, 96), 0.5, np.float32)
    key[:, :40], key[:30, 60:] = 1, 0

    guide, alpha = (
        plane(sghm(clip, -1, tr=1, keys={1: drawn(key)}, debug=view, guide_band=0.1).get_frame(1))
        for view in ("guide", None)
    )

    assert np.array_equal(guide, key)
    assert (alpha[:, :33] == 1).all()
    assert (alpha[:23, 67:] == 0).all()


def test_keys_rule_over_a_trimap_and_that_over_a_mask():
    clip, key = panning_clip((3,)), np.full((64, 96), 0.5, np.float32)
    trimap, mask = key.copy(), np.zeros((64, 96), np.float32)
    key[:, :30] = 1
    trimap[:40] = 0
    mask[:] = 1
    how = {"mask": drawn(mask, 3), "trimap": drawn(trimap, 3), "keys": {1: drawn(key)}}

    found = plane(sghm(clip, -1, tr=1, **how).get_frame(1))

    assert (found[:, :28] == 1).all()
    assert (found[:38, 34:] == 0).all()
    assert (found[44:] == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 4])
def test_frames_with_keys_are_the_same_in_any_order_and_on_any_number_of_threads(model, threads):
    clip, key = panning_clip((8,)), np.zeros((64, 96), np.float32)
    key[:, :50] = 1
    how = {"tr": 1, "keys": {1: drawn(key), 6: drawn(key)}}
    forward = [plane(f).tobytes() for f in sghm(clip, -1, model, **how).frames(close=True)]
    before = core.num_threads
    core.num_threads = threads
    try:
        alpha = sghm(clip, -1, model, **how)
        order = [5, 2, 7, 0, 3, 6, 1, 4]
        found = {n: frame_bytes(alpha, n) for n in order}
    finally:
        core.num_threads = before

    assert [found[n] for n in range(8)] == forward


def test_a_frame_with_keys_depends_on_nothing_beyond_its_reach(model):
    clip, key = panning_clip((30,)), np.ones((64, 96), np.float32)
    watched, seen = counted(clip)

    alpha = sghm(watched, -1, model, tr=1, keys={20: drawn(key)}, key_span=9)
    seen.clear()
    alpha.get_frame(12).close()

    assert max(seen) <= 12 + 9
    assert min(seen) >= 12 - 9


def test_a_key_of_a_region_is_cut_with_it():
    clip, key = panning_clip((3,)), np.zeros((64, 96), np.float32)
    key[:, :48] = 1

    said = plane(
        sghm(clip, -1, tr=1, keys={1: drawn(key)}, roi=(32, 0, 64, 64), debug="guide").get_frame(1)
    )

    assert np.array_equal(said[:, 32:], key[:, 32:])


def test_motion_to_a_key_is_that_of_the_people_in_it():
    """Beside an outline flow is not trusted; there a key goes as the person does."""
    key = np.zeros((90, 160), np.float32)
    key[20:, 60:100] = 1
    step = np.zeros((3, 90, 160), np.float32)
    step[0], step[2] = np.where(key > 0, 3, -2), 1
    step[2, :, 52:60] = step[2, :, 97:110] = 0.01

    x, _, trust = stage.toward(key, step, None)
    twice = stage.toward(key, step, optical_flow.guided_by_mask(step, key))

    assert x[50, 54] == pytest.approx(3, abs=0.05)
    assert trust[50, 52:108].min() > 0.5
    assert twice[0][50, 80] == pytest.approx(6, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"keys": {9: drawn(np.ones((64, 96), np.float32))}}, "key of frame 9, and the clip has"),
        (
            {"keys": {0: drawn(np.ones((8, 96), np.float32))}},
            "key of frame 0 is 96x8, and the clip 96x64; scale",
        ),
        ({"keys": {0: panning_clip((1,))}}, "key of frame 0 must be a GRAY clip"),
        ({"keys": {0: drawn(np.ones((64, 96), np.float32))}, "key_span": 1}, "key_span is 1, and"),
        ({"key_span": 121}, "key_span is 121 and must be from 0 to 120"),
        ({"key_span": 12}, "key_span is for keys; name them: keys=FOLDER"),
        ({"guide_band": 0.1}, "guide_band is for a mask, keys or a screen"),
        ({"mask_tr": 1}, "mask_tr is for a mask; name it"),
        ({"keys": [1]}, "keys is .* and must be a dictionary of clips by name or None"),
    ],
)
def test_a_key_that_is_none_is_named(arguments, words):
    with pytest.raises(vs.Error, match=f"^sghm: .*{words}"):
        sghm(panning_clip((3,)), -1, **arguments)


PLATE = 64, 96


def write_plate(folder: Path, numbers: range) -> Path:
    folder.mkdir(parents=True)
    for n, frame in zip(numbers, panning_clip((len(numbers),)).frames(close=True), strict=True):
        picture = np.stack([plane(frame, index) for index in (2, 1, 0)], axis=2)
        cv2.imwrite(str(folder / f"p.{n:04d}.png"), picture)
    return folder / "p.####.png"


def write_key(folder: Path, n: int, values: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"k.{n:04d}.png"
    cv2.imwrite(str(path), values)
    return path


@pytest.fixture
def shot(tmp_path) -> Path:
    """Ten frames from 101 on, and a key of frame 103."""
    write_plate(tmp_path / "plate", range(101, 111))
    key = np.zeros(PLATE, np.uint8)
    key[:, :48] = 255
    write_key(tmp_path / "keys", 103, key)
    return tmp_path


def matted(shot: Path, model: str, *words: str, name: str = "a.####.png") -> dict[int, bytes]:
    """Matte the shot with its keys, and return each frame's file."""
    how = ["--quiet", "--model", model, "--tr", "1", "--keys", str(shot / "keys")]
    typed = ["matte", str(shot / "plate"), "-o", str(shot / "out" / name), *how]
    assert main([*typed, "--key-span", "2", *words]) == 0
    return {int(f.stem[2:]): f.read_bytes() for f in sorted((shot / "out").glob("a.*.png"))}


@pytest.mark.slow
def test_sidecars_say_which_keys_each_frame_had_and_resume_makes_what_a_new_one_changes(
    shot, model
):
    first = matted(shot, model)
    record = json.loads((shot / "out" / "a.101-110.png.json").read_text())
    assert sorted(map(int, record["keyed"])) == [101, 102, 103, 104, 105]
    assert record["keyed"]["102"].startswith("keys 103 ")
    times = {n: (shot / "out" / f"a.{n:04d}.png").stat().st_mtime_ns for n in first}

    write_key(shot / "keys", 108, np.full(PLATE, 255, np.uint8))
    second = matted(shot, model, "--resume")

    after = {n: (shot / "out" / f"a.{n:04d}.png").stat().st_mtime_ns for n in first}
    assert {n for n in first if times[n] != after[n]} == {106, 107, 108, 109, 110}
    assert second[108] != first[108]
    assert second == matted(shot, model, "--overwrite")
    assert {n for n in first if first[n] != second[n]} <= {106, 107, 108, 109, 110}


@pytest.mark.slow
def test_a_batch_with_another_key_makes_the_frames_in_its_span_again(shot, model):
    how = [
        "--quiet",
        "--model",
        model,
        "--tr",
        "1",
        "--keys",
        str(shot / "keys"),
        "--key-span",
        "2",
    ]
    typed = [
        "batch",
        str(shot / "plate" / "p.####.png"),
        "-o",
        str(shot / "b"),
        "--to",
        "a.####.png",
    ]
    assert main([*typed, *how]) == 0
    times = {f.name: f.stat().st_mtime_ns for f in (shot / "b").glob("a.*.png")}
    assert len(times) == 10

    write_key(shot / "keys", 108, np.full(PLATE, 255, np.uint8))
    assert main([*typed, *how, "--resume"]) == 0

    after = {f.name: f.stat().st_mtime_ns for f in (shot / "b").glob("a.*.png")}
    assert {name for name in times if times[name] != after[name]} == {
        f"a.{n:04d}.png" for n in range(106, 111)
    }


def test_a_key_that_was_painted_over_is_another(shot):
    source = open_source(shot / "plate")
    before = find_keys(shot / "keys", 2, source)
    said = before.of(102)

    write_key(shot / "keys", 103, np.full(PLATE, 255, np.uint8))

    assert find_keys(shot / "keys", 2, source).of(102) != said
    assert before.of(106) == ""
    assert Keys(before.files, 3).of(102) != said


def test_where_a_key_is_transparent_it_says_nothing(tmp_path):
    painted = np.zeros((8, 8, 4), np.uint8)
    painted[:4, :4] = 255
    painted[4:, :4, 3] = 255

    key = plane(open_key(write_key(tmp_path, 1, painted)).get_frame(0))

    assert (key[:4, :4] == 1).all()
    assert (key[4:, :4] == 0).all()
    assert (key[:, 4:] == 0.5).all()


def test_a_key_in_color_is_refused_until_a_channel_is_named(tmp_path):
    cutout = np.zeros((8, 8, 4), np.uint8)
    cutout[:, :4] = 30, 200, 90, 255
    path = write_key(tmp_path, 1, cutout)

    with pytest.raises(SourceError, match="in color"):
        open_key(path)
    assert np.array_equal(plane(open_key(path, "alpha").get_frame(0))[0], [1] * 4 + [0] * 4)


def test_keys_are_a_sequence_with_holes_by_the_footage_s_numbers(shot, caplog):
    write_key(shot / "keys", 108, np.zeros(PLATE, np.uint8))
    write_key(shot / "keys", 300, np.zeros(PLATE, np.uint8))
    source = open_source(shot / "plate")

    assert [*find_keys(shot / "keys", 24, source).files] == [103, 108]
    assert [*find_keys(shot / "keys" / "k.####.png", 24, source).files] == [103, 108]
    assert "keys of frames 300 are left out; p has frames 101-110" in caplog.text


@pytest.mark.parametrize(
    ("name", "said"),
    [("k.mov", "no numbered sequence of pictures"), ("none.####.png", "no keys, and p has frames")],
)
def test_what_is_no_keys_of_the_footage_is_refused(shot, name, said):
    with pytest.raises(SourceError, match=said):
        find_keys(shot / name, 24, open_source(shot / "plate"))


def test_holdout_rules_over_keep_and_that_over_a_key():
    clip, size = panning_clip((1, 1, 1)), PLATE
    nobody, left, top = (
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
    )
    left[:, :48], top[:32] = 1, 1
    how = {"keep": drawn(left, 3), "holdout": drawn(top, 3)}

    alpha = plane(sghm(clip, -1, tr=0, keys={1: drawn(nobody)}, **how).get_frame(1))

    assert not alpha[:32].any()
    assert (alpha[32:, :48] == 1).all()
    assert not alpha[32:, 50:].any()


def test_a_key_of_another_size_is_named_by_its_file_with_what_to_type(shot):
    file = write_key(shot / "keys", 105, np.zeros((PLATE[0] // 2, PLATE[1]), np.uint8))
    guides = Guides(keys=shot / "keys")

    with pytest.raises(
        SourceError, match=rf"{file.name} is .* a key is of its size; .* {file} -vf"
    ):
        open_keys(guides, open_source(shot / "plate"))


def test_a_plan_reads_as_far_as_keys_reach_and_refuses_others_than_were_planned(shot):
    typed = [
        "farm",
        "plan",
        str(shot / "plate" / "p.####.png"),
        "-o",
        str(shot / "farm" / "p.json"),
    ]
    how = ["--keys", str(shot / "keys"), "--key-span", "4", "--tr", "0", "--chunk", "5"]
    assert main([*typed, "--to", "a.####.png", "--model", "sghm-lite", "--threads", "1", *how]) == 0
    plan = Plan.from_json((shot / "farm" / "p.json").read_text())

    (planned,) = plan.shots
    job = job_of(plan, planned)

    assert [*planned.keys] == ["103"]
    assert [str(one.reads) for one in planned.chunks] == ["101-109", "102-110"]
    assert job.task(FrameRange(101, 105)).shot.matting.guides.key_span == 4
    write_key(shot / "keys", 108, np.zeros(PLATE, np.uint8))
    with pytest.raises(FarmError, match="keys of frames 108 are others than were planned"):
        job.task(FrameRange(101, 105))


def test_the_reach_of_a_shot_is_that_of_its_guides():
    def reach(**how: object) -> int:
        return Matting(settings=Settings(tr=1), guides=Guides(**how)).reach

    assert reach() == Settings(tr=1).reach == 6
    assert reach(keys=Path("k"), key_span=24) == 24
    assert reach(keys=Path("k"), key_span=2) == 6
    assert reach(mask=Path("m"), mask_tr=8) == 33
    assert reach(key_span=24) == 6
