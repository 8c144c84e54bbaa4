"""A green or blue screen: what stands before it is matted, and its light is taken from that."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs import foreground, sghm
from sghm_vs.cli import main
from sghm_vs.matting import despill as spill
from sghm_vs.matting import screen as stage
from sghm_vs.matting.guides import UNKNOWN
from sghm_vs.options import Delivery, screen_hue
from tests.clips import core, frame_bytes, noise_clip, plane
from tests.mixtures import clip_of, hairy, over, picture_of, textured
from tests.test_guides import drawn

pytestmark = pytest.mark.usefixtures("by_graphs")

GREEN, BLUE = (0.05, 0.36, 0.07), (0.03, 0.07, 0.38)
"""In light."""
HEIGHT, WIDTH = 540, 720


def lit(color: tuple[float, float, float], uneven: float = 0.3) -> np.ndarray:
    """Return a screen whose light falls off to the corners, (h, w, 3), in light."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    light = 1 - uneven * ((x - 0.3) ** 2 + (y + 0.2) ** 2) / 2
    return (np.float32(color) * light[..., None]).astype(np.float32)


def coded(light: np.ndarray, noise: float = 2.0) -> np.ndarray:
    """Return what a camera makes of `light`, (3, h, w), 0-1, with noise of so many codes of 255."""
    rng = np.random.default_rng(3)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    seen = np.clip(codes + rng.normal(0, noise / 255, codes.shape), 0, 1)
    return np.moveaxis(np.rint(seen * 255) / 255, 2, 0).astype(np.float32)


def person(color: tuple[float, float, float] = GREEN, behind: np.ndarray | None = None):
    """Return a head of brown hair before a screen, as a camera sees it, and its alpha."""
    rng = np.random.default_rng(5)
    front = textured(rng, HEIGHT, WIDTH, [0.06, 0.03, 0.02], [0.5, 0.3, 0.2])
    alpha = hairy(HEIGHT, WIDTH).alpha
    return coded(over(front, alpha, lit(color) if behind is None else behind)), alpha


def keyed(picture: np.ndarray, word: str = "auto", band: float = 0.02 * HEIGHT) -> stage.Keyed:
    found = stage.find(picture, *screen_hue(word))
    assert found is not None
    return stage.key(picture, found, band)


def clip_of_codes(picture: np.ndarray, length: int = 1) -> vs.VideoNode:
    clip = clip_of(np.moveaxis(picture, 0, 2), length)
    return clip.std.SetFrameProps(_Transfer=13, _Primaries=1, _Matrix=0)


@pytest.mark.parametrize("color", [GREEN, BLUE])
def test_what_stands_before_a_screen_is_matted_to_its_strands(color):
    picture, alpha = person(color)

    found = keyed(picture)
    made = stage.mixed(np.full_like(alpha, 0.5), found)

    assert np.abs(found.alpha - alpha)[(alpha > 0.02) & (alpha < 0.98)].mean() < 0.16
    assert np.abs(made - alpha).mean() < 0.012
    assert ((found.guide > 0.5) == (alpha > 0.5)).mean() > 0.94


def test_where_nothing_or_all_of_it_is_the_subject_the_alpha_is_exact_and_sure():
    picture, alpha = person()
    inside, outside = (
        cv2.distanceTransform((alpha == value).astype(np.uint8), cv2.DIST_L2, 3) for value in (1, 0)
    )

    sure = stage.sure(keyed(picture))

    assert (sure[inside > 16] == 1).all()
    assert (sure[outside > 6] == 0).mean() > 0.99
    assert set(np.unique(sure)) == {0, UNKNOWN, 1}


def test_uneven_light_and_a_soft_shadow_are_the_screen():
    shadow = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(shadow, (120, 120), 80, 1, -1)
    shadow = cv2.GaussianBlur(shadow, (0, 0), 24)
    behind = lit(GREEN, uneven=0.5) * (1 - 0.35 * shadow[..., None])
    picture, alpha = person(behind=behind)

    found = stage.find(picture, (1,))
    said = stage.key(picture, found, 0.02 * HEIGHT)

    assert np.abs(found.color - coded(behind, noise=0)).mean() < 0.01
    assert said.alpha[:160, :160].mean() < 0.005
    assert np.abs(said.alpha - alpha).mean() < 0.02


def test_dark_clothes_of_the_screen_s_hue_are_not_taken_for_it():
    light = lit(BLUE)
    light[200:, 200:480] = np.float32(BLUE) * 0.35

    said = keyed(coded(light))

    assert (said.guide[220:, 220:460] == 0).mean() < 0.01
    assert (said.guide[220:, 220:460] == UNKNOWN).mean() > 0.3
    assert not said.trust[said.guide == UNKNOWN].any()
    assert (said.guide[:160] == 0).mean() > 0.99


def test_auto_takes_the_screen_that_there_is_more_of_and_hexadecimal_digits_name_one():
    light = lit(GREEN)
    light[:, :240] = BLUE

    assert stage.find(coded(light), *screen_hue("auto")).channel == 1
    assert stage.find(coded(light), *screen_hue("blue")).channel == 2
    named = stage.find(coded(light), *screen_hue("#314aa5"))
    assert named.channel == 2
    assert stage.find(coded(light), *screen_hue("#3fa149")).channel == 1


def test_of_two_greens_the_named_one_is_the_screen():
    light = lit(GREEN)
    light[:, 480:] = 0.25, 0.42, 0.04

    said = keyed(coded(light), "#3fa149")

    assert (said.guide[:, :440] == 0).mean() > 0.99
    assert (said.guide[:, 520:] == 1).mean() > 0.99


@pytest.mark.parametrize("word", ["auto", "blue"])
def test_a_picture_without_a_screen_says_nothing(word):
    gray = np.full((3, 40, 60), 0.4, np.float32)

    assert stage.find(gray, *screen_hue(word)) is None
    said = stage.nothing((40, 60))
    assert (said.guide == UNKNOWN).all()
    assert not said.trust.any()


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 3), (16, 16)])
def test_pictures_of_any_size_are_looked_at(size):
    light = np.broadcast_to(np.float32(GREEN), (*size, 3))

    said = keyed(coded(light, noise=0), band=6)

    assert said.alpha.shape == size
    assert not said.alpha.any()


def test_a_correction_rules_over_the_screen_and_no_alpha_is_trusted_there():
    said = keyed(person()[0])
    by = np.full((HEIGHT, WIDTH), UNKNOWN)
    by[:20, :20], by[:20, 30:60] = 1, 0

    found = stage.overruled(said, by)

    assert (found.guide[:20, :20] == 1).all()
    assert not found.trust[:20, :20].any()
    assert np.array_equal(found.trust[:20, 20:], said.trust[:20, 20:])


def test_the_filter_mattes_what_stands_before_a_screen_that_the_network_does_not_know():
    """A disc with strands is nobody."""
    picture, alpha = person()
    clip = clip_of_codes(picture)

    without, found = (
        plane(sghm(clip, -1, tr=0, screen=word).get_frame(0)) for word in (None, "green")
    )

    assert np.abs(found - alpha).mean() < 0.012
    assert np.abs(without - alpha).mean() > 5 * np.abs(found - alpha).mean()
    sure = stage.sure(keyed(picture, "green", 0.02 * HEIGHT))
    assert np.array_equal(found[sure != UNKNOWN], sure[sure != UNKNOWN])


@pytest.fixture(scope="module")
def moving() -> vs.VideoNode:
    """Four frames of somebody before a screen, who goes to the right, 144x96."""
    picture, _ = person()
    frames = [clip_of_codes(np.roll(picture, 3 * n, axis=2)) for n in range(4)]
    return core.std.Splice(frames).std.CropAbs(144, 96, 150, 150).std.AssumeFPS(fpsnum=24, fpsden=1)


@pytest.mark.slow
def test_frames_before_a_screen_are_the_same_in_any_order(moving):
    forward = [
        plane(frame).tobytes()
        for frame in sghm(moving, -1, tr=1, screen="green").frames(close=True)
    ]
    backward = sghm(moving, -1, tr=1, screen="green")

    assert [frame_bytes(backward, n) for n in reversed(range(4))] == forward[::-1]


def test_a_frame_that_shows_no_screen_is_the_network_s_to_the_last_bit(model):
    clip = noise_clip(length=2).std.Expr(["", "128", "128"])

    assert frame_bytes(sghm(clip, -1, model, screen="green"), 1) == frame_bytes(
        sghm(clip, -1, model), 1
    )


def test_every_guide_rules_over_the_screen(moving):
    width, height = moving.width, moving.height
    keep, holdout, trimap, mask = (np.zeros((height, width), np.float32) for _ in range(4))
    keep[:20, :30] = 1
    holdout[50:, 60:] = 1
    trimap[:] = 0.5
    trimap[70:, :30] = 1
    mask[:] = 1
    key = np.full_like(mask, 0.5)
    key[30:60, :40] = 0
    how = {
        name: drawn(values, 4)
        for name, values in (("keep", keep), ("holdout", holdout), ("trimap", trimap))
    }

    found = plane(sghm(moving, -1, tr=1, screen="green", keys={1: drawn(key)}, **how).get_frame(1))
    masked = plane(sghm(moving, -1, tr=1, screen="green", mask=drawn(mask, 4)).get_frame(1))

    assert (found[:20, :30] == 1).all()
    assert (found[50:, 60:] == 0).all()
    assert (found[70:, :30] == 1).all()
    assert (found[33:57, :37] == 0).all()
    assert (masked == 1).all()


def test_views_show_what_the_screen_says(moving):
    guide, screen, free = (
        plane(sghm(moving, -1, tr=1, screen=word, debug=view).get_frame(1))
        for word, view in (("green", "guide"), ("green", "screen"), (None, "screen"))
    )

    assert {0, 1} <= set(np.unique(guide)) <= {0, np.float32(0.5), 1}
    assert screen.min() == 0
    assert screen.max() == 1
    assert (free == 0.5).all()


def test_a_region_has_its_own_screen(moving):
    found = plane(sghm(moving, -1, tr=0, screen="green", roi=(48, 0, 96, 96)).get_frame(0))

    assert (found[:, :48] == 0).all()
    assert found[:, 48:].max() == 1


@pytest.mark.parametrize(
    ("screen", "said"),
    [
        ("purple", "screen is 'purple' and must be green, blue, auto or six hexadecimal digits"),
        ("#808080", "screen is #808080, in which red, green and blue are 128, 128, 128"),
        (3, "screen is 3 and must be text or None"),
    ],
)
def test_a_screen_that_is_none_is_named(screen, said):
    with pytest.raises(vs.Error, match=f"^sghm: {said}"):
        sghm(noise_clip(length=1), -1, screen=screen)


def test_a_gray_clip_has_no_screen():
    with pytest.raises(vs.Error, match="screen is green, and the clip is gray"):
        sghm(noise_clip(vs.GRAY8, length=1), -1, screen="green")


def write(path: Path, picture: np.ndarray) -> str:
    cv2.imwrite(str(path), np.rint(np.moveaxis(picture, 0, 2)[..., ::-1] * 255))
    return str(path)


@pytest.mark.slow
def test_the_command_line_mattes_before_a_screen_and_tells_where_there_is_none(tmp_path, caplog):
    picture, alpha = person(BLUE)
    plate = write(tmp_path / "a.png", picture)
    out = tmp_path / "m.png"
    words = ["matte", plate, "-o", str(out), "--quiet", "--model", "sghm-lite", "--overwrite"]

    assert main([*words, "--screen", "blue"]) == 0
    assert np.abs(cv2.imread(str(out), -1) / 65535 - alpha).mean() < 0.012
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert main([*words, "--screen", "green"]) == 0
    assert "show no green screen; what shows none is left to the network" in caplog.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--despill", "green"], "--despill is for the subject's own color; give --foreground"),
        (
            ["--foreground", "estimate", "--despill-strength", "0.5"],
            "--despill-strength is for a screen's light; say which: --despill green",
        ),
    ],
)
def test_words_about_a_screen_s_light_that_do_nothing_are_refused(tmp_path, words, said, capsys):
    plate = write(tmp_path / "a.png", person()[0])

    assert main(["matte", plate, "-o", str(tmp_path / "m.mov"), "--quiet", *words]) == 1
    assert said in capsys.readouterr().err


SCREEN = np.float32(GREEN)


def test_a_gray_thing_in_a_screen_s_light_becomes_gray_exactly():
    gray = np.linspace(0.02, 0.9, 50, dtype=np.float32)[None, :, None] * np.ones(3, np.float32)
    light = np.linspace(0, 0.09, 40, dtype=np.float32)[:, None, None] * SCREEN

    found = spill.despill(gray + light, SCREEN, 1, 1.0)

    assert np.abs(found - gray).max() < 1e-6


def test_what_has_none_of_a_screen_s_light_stays_to_the_last_bit():
    rng = np.random.default_rng(0)
    color = rng.random((40, 60, 3), np.float32)
    is_plain = spill.surplus(color, 1) <= 0
    garment = np.float32([0.1, 0.4, 0.1]) * np.ones((4, 4, 1), np.float32)

    found = spill.despill(color, SCREEN, 1, 1.0)

    assert is_plain.mean() > 0.3
    assert np.array_equal(found[is_plain], color[is_plain])
    assert np.array_equal(spill.despill(garment, SCREEN, 1, 1.0), garment)
    assert np.array_equal(spill.despill(color, SCREEN, 1, 0.0), color)


def test_half_of_the_strength_takes_half_of_the_light():
    spilled = np.full((2, 2, 3), 0.3, np.float32) + 0.08 * SCREEN

    whole, half = (spill.despill(spilled, SCREEN, 1, strength) for strength in (1.0, 0.5))

    assert np.allclose(half, (spilled + whole) / 2, atol=1e-6)


def test_the_screen_s_light_is_measured_behind_the_subject_or_else_taken_for_pure():
    picture, alpha = np.full((20, 20, 3), 0.2, np.float32), np.zeros((20, 20), np.float32)
    picture[:10], alpha[10:] = SCREEN, 1

    assert spill.screen_light(picture, alpha, (1, 2))[0] == 1
    assert np.allclose(spill.screen_light(picture, alpha, (1, 2))[1], SCREEN)
    assert spill.screen_light(picture, np.ones_like(alpha), (2,))[1].tolist() == pytest.approx(
        [0, 0, 0.35]
    )


def spilled() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return somebody gray whom a screen lights, in light, the own color of that, and the alpha."""
    rng = np.random.default_rng(5)
    front = textured(rng, HEIGHT, WIDTH, [0.05, 0.05, 0.05], [0.4, 0.4, 0.4])
    alpha = hairy(HEIGHT, WIDTH).alpha
    return over(front + 0.08 * SCREEN, alpha, lit(GREEN)), front, alpha


def test_the_foreground_is_nearer_to_the_subject_s_own_without_a_screen_s_light():
    picture, front, alpha = spilled()
    clip, matte = clip_of(picture), clip_of(alpha)

    plain, found = (
        picture_of(foreground(clip, matte, despill=despill)) for despill in (None, "auto")
    )

    shown = alpha > 0.1
    errors = [np.abs(one - front)[shown].mean() for one in (picture, plain, found)]
    assert errors[2] < 0.8 * errors[1] < errors[0]


def test_a_solid_subject_without_a_screen_s_light_keeps_every_bit_of_its_codes():
    front = np.full((HEIGHT, WIDTH, 3), [0.5, 0.3, 0.25], np.float32)
    alpha = hairy(HEIGHT, WIDTH).alpha
    clip = clip_of(over(front, alpha, lit(GREEN))).resize.Bicubic(format=vs.RGB48, transfer=13)

    found = picture_of(foreground(clip, clip_of(alpha), despill="green"))

    own = picture_of(clip.resize.Bicubic(format=vs.RGBS))
    assert np.array_equal(found[alpha == 1], own[alpha == 1])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"despill": "red"}, "despill is 'red' and must be one of green, blue, auto"),
        ({"despill": "green", "despill_strength": 2.0}, "despill_strength is 2.0 and must be from"),
        (
            {"despill_strength": 0.5},
            'despill_strength is for a screen.s light; say which: despill="',
        ),
    ],
)
def test_a_despill_that_is_none_is_named(how, said):
    with pytest.raises(vs.Error, match=f"^foreground: {said}"):
        foreground(noise_clip(vs.RGB24, length=1), noise_clip(vs.GRAY8, length=1), **how)


def test_records_say_whose_light_was_taken_away():
    said = Delivery(foreground="estimate", despill="green", despill_strength=0.5).described_color()

    assert said == {"foreground": "estimate", "despill": "green", "despill_strength": "0.5"}
    assert Delivery().described_color() == {}
