"""What neighbors make of people who move: exact alphas stay exact, and errors go away."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs.clips import to_rgb_array
from sghm_vs.filter import graph
from sghm_vs.filter.neighbors import temporal_neighbors
from sghm_vs.matting import optical_flow
from sghm_vs.options import DENOISING_FRAMES, VOTERS, Settings
from tests.clips import plane
from tests.scenes import HEIGHT, Alpha, Person, Picture, clips, grained, scene

MIDDLE = 5
LENGTH = 11
EDGE_PX = 5
"""About what the votes know of an outline: a pixel of theirs is 1 to 4 of the picture's."""

SHAKE_PX = np.random.default_rng(3).uniform(-6, 6, (LENGTH, 2))


def enters(n: int) -> tuple[Picture, Alpha]:
    return scene(n, [Person(at=(-60, 88), step=(10, 0))])


def leaves(n: int) -> tuple[Picture, Alpha]:
    return scene(n, [Person(at=(270, 88), step=(10, 0))])


def cross(n: int) -> tuple[Picture, Alpha]:
    ways = Person(at=(110, 80), step=(9, 0)), Person(at=(210, 96), step=(-9, 0), texture=2)
    return scene(n, ways)


def shakes(n: int) -> tuple[Picture, Alpha]:
    x, y = SHAKE_PX[n]
    return scene(0, [Person(at=(150 + x, 88 + y))], wall_at=(x, y))


def flashes(n: int) -> tuple[Picture, Alpha]:
    picture, alpha = scene(n)
    return (np.clip(picture + 0.5, 0, 1) if n == MIDDLE else picture), alpha


def dissolves(n: int) -> tuple[Picture, Alpha]:
    first = scene(n, [Person(at=(90, 88))])
    second = scene(n, [Person(at=(220, 88), step=(-2, 1), texture=2)], wall=5)
    share = np.float32(np.clip((n - 1) / 8, 0, 1))
    return tuple(a + share * (b - a) for a, b in zip(first, second, strict=True))


def whips(n: int) -> tuple[Picture, Alpha]:
    pan = 60.0 * n
    return scene(0, [Person(at=(pan - 140, 88))], wall_at=(pan, 0))


def at_12_fps(n: int) -> tuple[Picture, Alpha]:
    return scene(n, [Person(at=(60, 88), step=(20, 0))])


def at_60_fps(n: int) -> tuple[Picture, Alpha]:
    return scene(n, [Person(at=(140, 88), step=(4, 0))])


def in_grain(n: int) -> tuple[Picture, Alpha]:
    picture, alpha = scene(n)
    return grained(picture, n, 20), alpha


SHOTS = [enters, leaves, cross, shakes, flashes, dissolves, whips, at_12_fps, at_60_fps, in_grain]


def stabilized(clip: vs.VideoNode, alpha: vs.VideoNode, **how: object) -> list[Alpha]:
    stable = graph.stabilized(alpha, temporal_neighbors(clip, Settings(**how)))
    return [plane(frame) for frame in stable.frames(close=True)]


def voted(clip: vs.VideoNode, alpha: vs.VideoNode, **how: object) -> list[Alpha]:
    """Return who is seen by the vote of frames that each see the `alpha`, at its size."""
    settings = Settings(**how)
    nearby = temporal_neighbors(clip, settings)
    wide = nearby.with_radius(VOTERS * nearby.tr)
    fused = graph.fused(wide, clip, alpha, settings)
    return [plane(frame) for frame in fused.frames(close=True)]


@pytest.mark.slow
@pytest.mark.parametrize("draw", SHOTS, ids=lambda draw: draw.__name__)
def test_exact_alphas_stay_exact_however_the_shot_moves(draw: Callable[..., tuple]):
    """No trail behind, no doubled edge, no lag, no smear over a dissolve, a flash or a whip pan."""
    clip, exact = clips(LENGTH, draw)

    for n, stable in enumerate(stabilized(clip, exact)):
        wrong = np.abs(stable - draw(n)[1])
        assert wrong.mean() < 4e-4
        assert (wrong > 0.25).mean() < 4e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "share"),
    [(draw, 2e-3) for draw in SHOTS if draw not in (dissolves, at_12_fps)] + [(at_12_fps, 5e-3)],
)
def test_a_vote_of_frames_that_see_right_is_right_however_the_shot_moves(draw, share):
    """At 20 px a frame of 320, some motion is lost: the vote errs on up to 0.4 % of the picture."""
    clip, exact = clips(LENGTH, draw)

    for n, seen in enumerate(voted(clip, exact)):
        truth = draw(n)[1] > 0.5
        near_edge = cv2.dilate(truth.astype(np.uint8), disk(EDGE_PX)) != cv2.erode(
            truth.astype(np.uint8), disk(EDGE_PX)
        )
        wrong = (seen > 0.5) != truth
        assert (wrong & ~near_edge).mean() < share, n


def quieted(clip: vs.VideoNode) -> list[Picture]:
    """Return the pictures of `clip` with less of their noise."""
    settings = Settings()
    nearby = temporal_neighbors(clip, settings).with_radius(DENOISING_FRAMES)
    quiet = graph.denoised(nearby, clip, clip, settings)
    return [to_rgb_array(frame) for frame in quiet.frames(close=True)]


@pytest.mark.slow
@pytest.mark.parametrize("draw", [draw for draw in SHOTS if draw is not in_grain])
def test_what_the_encoder_sees_of_a_shot_without_noise_is_left_however_it_moves(draw):
    clip, _ = clips(LENGTH, draw)

    for n, quiet in enumerate(quieted(clip)):
        assert np.abs(quiet - draw(n)[0]).mean() < 3e-3


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [4, 8, 12])
def test_the_encoder_sees_less_grain_of_people_who_move(sigma):
    def draw(n: int) -> tuple[Picture, Alpha]:
        picture, alpha = scene(n)
        return grained(picture, n, sigma), alpha

    clip, _ = clips(LENGTH, draw)

    for n, quiet in enumerate(quieted(clip)):
        clean, seen = scene(n)[0], draw(n)[0]
        left = np.square(quiet - clean).mean() / np.square(seen - clean).mean()
        assert left < (0.7 if n in (0, LENGTH - 1) else 0.55)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [shakes, at_60_fps, in_grain, at_12_fps])
def test_a_limb_lost_for_a_frame_comes_back(draw):
    """The lower half of a person is lost in one frame: the vote closes most of it, and the filter."""
    lost = {MIDDLE}

    def broken(n: int) -> tuple[Picture, Alpha]:
        picture, alpha = draw(n)
        return picture, (half(alpha) if n in lost else alpha)

    clip, alpha = clips(LENGTH, broken)
    exact = draw(MIDDLE)[1]
    hole = (exact > 0.5) & (half(exact) < 0.5)

    assert (voted(clip, alpha)[MIDDLE][hole] > 0.5).mean() > 0.65
    assert np.abs(stabilized(clip, alpha)[MIDDLE] - exact)[hole].mean() < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("cut", range(1, 9))
def test_a_hard_cut_at_every_position_of_the_window_separates_the_shots(cut):
    shots = [scene(n) for n in range(cut)]
    other = [Person(at=(200, 80), step=(-3, 1), texture=2)]
    shots += [scene(n, other, wall=5) for n in range(9 - cut)]
    noisy = [grained(alpha[..., None], n, 30)[..., 0] for n, (_, alpha) in enumerate(shots)]

    def made(first: int, last: int) -> list[bytes]:
        clip, alpha = clips(last - first, lambda n: (shots[first + n][0], noisy[first + n]))
        return [
            frame.tobytes()
            for frames in (stabilized(clip, alpha), voted(clip, alpha))
            for frame in frames
        ]

    whole, before, after = made(0, 9), made(0, cut), made(cut, 9)

    assert whole[:cut] + whole[9 : 9 + cut] == before
    assert whole[cut:9] + whole[9 + cut :] == after


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 2])
def test_shots_of_one_and_two_frames_are_left_as_they_are(length):
    """A vote of two is a tie, and a correction needs two witnesses."""
    clip, exact = clips(length, scene)

    assert np.array_equal(stabilized(clip, exact), [scene(n)[1] for n in range(length)])


@pytest.mark.slow
def test_a_still_is_left_as_it_is_to_the_last_bit():
    clip, alpha = clips(LENGTH, lambda _: scene(0))

    for made in (stabilized(clip, alpha), voted(clip, alpha)):
        assert all(np.array_equal(frame, scene(0)[1]) for frame in made)


def test_rooms_that_are_alike_are_told_apart_by_what_no_motion_explains():
    """The same wall on both sides of a cut, and another person elsewhere."""
    here, there = Person(at=(90, 88)), Person(at=(215, 92), texture=2)
    before, after, moved = (
        optical_flow.small_luma(*np.moveaxis(scene(n, [who])[0], 2, 0))
        for n, who in ((0, here), (0, there), (1, here))
    )

    cut, motion = (
        [optical_flow.explained(before, other, one) for one in optical_flow.motions(before, other)]
        for other in (after, moved)
    )

    assert max(cut) < optical_flow.EXPLAINED < min(motion)


def test_motion_is_the_same_to_the_last_bit_whichever_thread_looks_for_it():
    """OpenCV's `magnitude` is not: its last bit depends on where arrays lie in memory."""
    lumas = [optical_flow.small_luma(*np.moveaxis(scene(n)[0], 2, 0)) for n in range(6)]
    pairs = [*itertools.pairwise(lumas)]
    with ThreadPoolExecutor(4) as threads:
        found = [*threads.map(lambda pair: optical_flow.motions(*pair), pairs * 20)]

    assert len({np.stack(both).tobytes() for both in found}) == len(pairs)


def half(alpha: Alpha) -> Alpha:
    """Return `alpha` without what lies below the middle of the picture."""
    kept = alpha.copy()
    kept[HEIGHT // 2 :] = 0
    return kept


def disk(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
