"""What neighbors in time say of a frame, and how they are found."""

import cv2
import numpy as np
import pytest

from sghm_vs.matting import optical_flow, temporal


def picture(height: int = 90, width: int = 160, seed: int = 0) -> optical_flow.Luma:
    """A random luma of soft blobs, 40 px wider than the width asked for."""
    coarse = np.random.default_rng(seed).integers(
        0, 256, (height // 8 + 2, width // 8 + 7), np.uint8
    )
    return cv2.resize(coarse, (width + 40, height), interpolation=cv2.INTER_CUBIC)


def disk(at: float, height: int = 180, width: int = 320) -> temporal.Plane:
    """A soft disk of radius 50 px whose center is `at` px from the left."""
    x, y = optical_flow.grid(height, width)
    return np.clip(50.5 - np.hypot(x - at, y - height / 2), 0, 1).astype(np.float32)


def still(size: tuple[int, int] = (90, 160), trust: float = 1) -> optical_flow.Motion:
    motion = np.zeros((3, *size), np.float32)
    motion[2] = trust
    return motion


def voters(
    seen: temporal.Plane, size: tuple[int, int] = (80, 120), each: int = 2, trust: float = 1
) -> list:
    """As many neighbors on each side that see the same, where nothing moves."""
    return [[temporal.Step(seen, still(size, trust))] * each] * 2


def pictures(*others: np.ndarray) -> list:
    """Neighbors with these pictures, in which nothing moves."""
    size = others[0].shape[:2]
    return [temporal.Neighbor(other, still(size), is_later=True) for other in others]


def around(before: temporal.Plane, after: temporal.Plane, trust: float = 1) -> list:
    """Two neighbors on each side of a frame in which nothing moves."""
    motion = still(trust=trust)
    return [temporal.Neighbor(v, motion, v is after) for v in (before, before, after, after)]


def test_nothing_moves_in_a_still_and_all_of_it_is_trusted():
    luma = picture()

    for motion in optical_flow.motions(luma, luma):
        assert not motion[:2].any()
        assert (motion[2] == 1).all()


def test_the_outline_of_a_person_moves_as_the_person_does_and_not_as_the_wall():
    """Beside them, where the wall is hidden or uncovered, motion is lost; farther away it is not."""
    people = np.zeros((90, 160), np.float32)
    people[20:, 60:100] = 1
    motion = still()
    motion[0] = np.where(people > 0, 3, -2)
    motion[2, :, 50:60] = motion[2, :, 100:110] = 0.01

    x, y, trust = optical_flow.guided_by_mask(motion, people)

    assert x[50, 55] == pytest.approx(3, abs=0.01)
    assert x[50, 104] == pytest.approx(3, abs=0.01)
    assert not y.any()
    assert trust[50, 50:110].min() > 0.9
    assert (x[:, :50] == -2).all()
    assert (x[:, 110:] == -2).all()


def test_people_who_move_apart_lend_their_motion_to_nothing_beside_both():
    people = np.zeros((90, 160), np.float32)
    people[:, 60:100] = 1
    motion = still()
    motion[0, :, :80], motion[0, :, 80:] = -4, 4
    motion[2, :, 75:85] = 0.01

    assert optical_flow.guided_by_mask(motion, people)[2, :, 78:82].max() < 0.05


def test_without_people_motion_is_the_pictures():
    motion = still(trust=0.3)

    assert np.array_equal(
        optical_flow.guided_by_mask(motion, np.zeros((90, 160), np.float32)), motion
    )


def test_the_motion_of_people_comes_at_their_size():
    motion = still((30, 50))
    motion[0] = 2

    x, y, _ = optical_flow.guided_by_mask(motion, np.ones((60, 100), np.float32))

    assert x.shape == (60, 100)
    assert np.allclose(x, 4)
    assert not y.any()


def test_a_pan_is_followed_both_ways():
    wide = picture()
    before, after = (np.ascontiguousarray(wide[:, at : at + 160]) for at in (0, 5))

    there, back = optical_flow.motions(before, after)

    middle = np.s_[20:70, 40:120]
    assert np.median(there[0][middle]) == pytest.approx(-5, abs=0.1)
    assert np.median(back[0][middle]) == pytest.approx(5, abs=0.1)
    assert np.median(there[2][middle]) > 0.8


def test_what_leaves_the_picture_is_not_trusted():
    wide = picture()
    before, after = (np.ascontiguousarray(wide[:, at : at + 160]) for at in (0, 12))

    there, _ = optical_flow.motions(before, after)

    assert there[2][:, :10].mean() < 0.1


def test_a_flash_is_not_trusted():
    luma = picture()
    flash = cv2.add(luma, 60)

    there, _ = optical_flow.motions(luma, flash)

    assert np.median(there[2]) < 0.05


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 300), (300, 1), (6, 24), (12, 48), (12, 300), (16, 300), (300, 12)]
)
def test_pictures_too_small_or_narrow_for_opencv_have_a_motion_too(size):
    """Its DIS refuses the smallest, and crashed the process on 12x300."""
    before, after = (np.random.default_rng(n).integers(0, 256, size, np.uint8) for n in (0, 1))

    there, back = optical_flow.motions(before, after)

    assert there.shape == back.shape == (3, *size)
    assert np.isfinite(there).all()


def test_grain_takes_little_trust_away():
    """Trust is lost where things look different by more than grain explains."""
    rng = np.random.default_rng(1)
    before, after = (
        np.clip(picture() + rng.normal(0, 5, (90, 200)), 0, 255).astype(np.uint8) for _ in range(2)
    )

    there, _ = optical_flow.motions(before, after)

    assert np.median(there[2]) > 0.8


def test_another_picture_is_a_change_and_motion_is_not():
    wide = picture()
    before, after, other = wide[:, :160], wide[:, 5:165], picture(seed=1)[:, :160]

    assert optical_flow.change(before, after) < 0.05
    assert optical_flow.change(before, other) > 0.2


def test_another_size_is_a_complete_change():
    assert optical_flow.change(picture(), picture(height=80)) == 1


def test_a_frame_without_neighbors_is_left_as_it_is():
    alpha = disk(100)

    assert temporal.stabilize(alpha, []) is alpha
    assert np.array_equal(temporal.fuse(alpha, [], 2), alpha)


def test_neighbors_without_trust_change_nothing():
    alpha, other = disk(100), disk(200)

    stable = temporal.stabilize(alpha, around(other, other.copy(), trust=0))

    assert np.array_equal(stable, alpha)


def test_a_hole_in_one_frame_is_closed():
    whole = disk(160)
    broken = whole.copy()
    broken[80:100, 150:170] = 0

    stable = temporal.stabilize(broken, around(whole, whole.copy()))

    assert stable[80:100, 150:170].min() > 0.7
    assert np.array_equal(stable[:60], broken[:60])


def test_a_hole_that_lasts_is_left():
    """A filter that closed it would close a gap between arm and body."""
    broken = disk(160)
    broken[80:100, 150:170] = 0

    stable = temporal.stabilize(broken, around(broken.copy(), broken.copy()))

    assert np.array_equal(stable, broken)


def test_a_change_that_stays_is_not_delayed():
    """What enters, leaves or is uncovered differs from the past alone, or from the future."""
    before, after = disk(100), disk(200)

    assert np.array_equal(temporal.stabilize(after, around(before, after.copy())), after)
    assert np.array_equal(temporal.stabilize(before, around(before.copy(), after)), before)


def test_small_differences_count_less_than_large_ones():
    """Interpolation makes small ones everywhere, and they blur what was sharp."""
    alpha, small, large = (np.full((180, 320), v, np.float32) for v in (0.50, 0.52, 0.70))

    toward = [
        float(temporal.stabilize(alpha, around(other, other.copy())).mean() - 0.5)
        for other in (small, large)
    ]

    assert toward[0] < 0.5 * 0.02
    assert toward[1] > 0.8 * 0.20


@pytest.mark.parametrize("step", [1, 6, 13.5])
def test_moving_alphas_that_are_right_stay_right(step):
    """Weighting by doubt: the filter over exact alphas adds next to nothing."""
    centers = [160 + step * k for k in (-2, -1, 0, 1, 2)]
    lumas = [np.rint(80 + 100 * disk(at)[::2, ::2]).astype(np.uint8) for at in centers]
    alphas = [disk(at) for at in centers]
    people = optical_flow.small(alphas[2])
    neighbors = [
        temporal.Neighbor(
            alphas[k],
            optical_flow.guided_by_mask(optical_flow.motions(lumas[2], lumas[k])[0], people),
            k > 2,
        )
        for k in (0, 1, 3, 4)
    ]
    stable = temporal.stabilize(alphas[2], neighbors)

    assert np.abs(stable - alphas[2]).mean() < 2e-6
    solid = (alphas[2] == 0) | (alphas[2] == 1)
    assert np.array_equal(stable[solid], alphas[2][solid])


def test_grain_is_averaged_and_what_differs_by_more_is_left():
    """Of three frames; a patch that only one of them has is nobody else's."""
    rng = np.random.default_rng(0)
    clean = np.repeat(picture()[:, :160, None] / np.float32(255), 3, 2)
    own, *others = (
        clean + rng.normal(0, 8 / 255, clean.shape).astype(np.float32) for _ in range(3)
    )
    own[30:60, 60:100] += 0.3

    quiet = temporal.denoise(own, pictures(*others), own.shape[:2])

    apart = cv2.dilate((own - clean).mean(2), np.ones((9, 9))) > 0.2
    assert (quiet - clean)[~apart].std() < 0.65 * (own - clean)[~apart].std()
    assert np.abs(quiet - own)[34:56, 64:96].max() < 0.01


def test_pictures_without_noise_are_not_averaged():
    """Moved pictures are blurred, and what is new in a frame is in that frame alone."""
    clean = np.repeat(picture()[:, :160, None] / np.float32(255), 3, 2)
    other = clean.copy()
    other[30:60, 60:100] += 0.1

    for neighbors in ([], pictures(clean.copy(), other), pictures(other, other)):
        assert np.array_equal(temporal.denoise(clean, neighbors, clean.shape[:2]), clean)


def test_a_limb_that_one_frame_lost_comes_back_into_the_guidance():
    seen = np.full((80, 120), 0.1, np.float32)
    seen[20:60, 30:90] = 0.9
    lost = seen.copy()
    lost[40:60] = 0.1

    fused = temporal.fuse(lost, voters(seen), 2)

    assert fused[50, 60] > 0.7
    assert fused[10, 10] == pytest.approx(0.1)


def test_what_most_frames_take_for_a_person_is_one_and_what_one_frame_does_is_none():
    seen, not_seen = np.full((80, 120), 0.9, np.float32), np.full((80, 120), 0.1, np.float32)

    assert temporal.fuse(not_seen, voters(seen), 2).min() > 0.5
    assert temporal.fuse(seen, voters(not_seen), 2).max() < 0.5


def test_where_motion_is_lost_a_frame_keeps_what_it_sees():
    """However many neighbors see something else, at what may be elsewhere."""
    seen, not_seen = np.full((80, 120), 0.9, np.float32), np.full((80, 120), 0.1, np.float32)
    lost = voters(not_seen, each=4, trust=1e-3)

    assert temporal.fuse(seen, lost, 4).min() > 0.5


def test_where_all_frames_see_the_same_not_a_bit_changes():
    seen = np.random.default_rng(0).random((80, 120), np.float32)

    assert np.array_equal(temporal.fuse(seen, voters(seen.copy()), 2), seen)


@pytest.mark.parametrize("size", [(80, 120), (83, 117), (41, 59)])
def test_where_a_vote_may_change_sides_it_is_the_mean_and_elsewhere_what_the_frame_sees(size):
    """Whatever the size of the motion; nobody votes on what is far from any outline."""
    own = np.full((83, 118), 0.2, np.float32)
    own[20:60, 30:90] = 0.8
    other = np.full_like(own, 0.1)
    other[20:60, 30:70] = 0.9

    fused = temporal.fuse(own, voters(other, size), 2)

    assert fused[40, 80] == pytest.approx((0.8 + 4 * 0.1) / 5)
    assert fused[40, 32] == pytest.approx((0.8 + 4 * 0.9) / 5)
    assert np.array_equal(fused[30:50, 44:52], own[30:50, 44:52])
    assert np.array_equal(fused[:10], own[:10])


def test_what_motion_brings_from_afar_is_voted_on():
    """A person who stands there in all other frames, 40 px to the left of here."""
    own, other = np.zeros((80, 120), np.float32), np.zeros((80, 120), np.float32)
    other[20:60, 20:40] = 1
    step = still((40, 60))
    step[0] = -20

    fused = temporal.fuse(own, [[temporal.Step(other, step)], []], 1)

    assert np.array_equal(fused[22:58, 64:76], np.full((36, 12), 1 / 3, np.float32))
    assert not fused[:, :48].any()


@pytest.mark.parametrize(("size", "motion"), [((540, 960), (135, 240)), ((538, 958), (269, 479))])
def test_motion_of_large_pictures_has_a_quarter_of_their_size(size, motion):
    assert optical_flow.small(np.zeros(size, np.float32)).shape == motion


def test_motion_of_a_quarter_of_the_size_is_that_of_half_of_it():
    """The search ends at the same pixels."""
    before, after = picture(480, 640), np.roll(picture(480, 640), 8, 1)
    coarse = [
        np.rint(optical_flow.shrunk(one.astype(np.float32), (240, 320))) for one in (before, after)
    ]

    fine, _ = optical_flow.motions(before, after)
    small, _ = optical_flow.motions(*(one.astype(np.uint8) for one in coarse), finest_scale=0)

    inside = optical_flow.resized(fine, (240, 320))[:, 20:-20, 20:-20]
    assert np.abs(inside[:2] - small[:2, 20:-20, 20:-20]).mean() < 0.02
    assert small[2, 20:-20, 20:-20].mean() > 0.95


def test_guidance_is_fused_in_the_picture_and_not_in_its_padding():
    own, other = np.zeros((80, 120), np.float32), np.ones((80, 120), np.float32)

    fused = temporal.fuse(own, voters(other[:60, :100], (60, 100)), 2)

    assert fused[:60, :100].min() > 0.5
    assert not fused[60:].any()
    assert not fused[:, 100:].any()


def test_steps_chain_to_the_motion_over_several_frames():
    """A pan of 4 px a frame, over two frames, is one of 8; trust in both steps is needed."""
    step = np.zeros((3, 60, 80), np.float32)
    step[0], step[2] = 4, 0.8

    twice = optical_flow.chained(step, step)

    assert np.allclose(twice[0], 8)
    assert np.allclose(twice[2], 0.64)


def test_a_chain_follows_what_it_starts_on():
    """Left of the middle things go right, from there on they go down."""
    first, second = np.zeros((3, 60, 80), np.float32), np.zeros((3, 60, 80), np.float32)
    first[0], second[1, :, 40:] = 10, 5

    there = optical_flow.chained(first, second)

    assert there[:2, 30, 20].tolist() == [10, 0]
    assert there[:2, 30, 35].tolist() == [10, 5]


def test_motion_at_another_size_is_in_its_pixels():
    motion = np.ones((3, 60, 80), np.float32)

    smaller = optical_flow.resized(motion, (30, 20))

    assert smaller.shape == (3, 30, 20)
    assert [float(part.mean()) for part in smaller] == [0.25, 0.5, 1]


def test_the_first_and_the_last_frame_of_a_shot_are_left():
    """One side alone can't tell an error from what enters or leaves."""
    whole = disk(160)
    broken = whole.copy()
    broken[80:100, 150:170] = 0
    later = [temporal.Neighbor(v, still(), is_later=True) for v in (whole, whole.copy())]

    assert temporal.stabilize(broken, later) is broken
