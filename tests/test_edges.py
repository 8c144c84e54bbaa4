"""An alpha's edges: nothing at neutral, what was asked for otherwise, at any resolution."""

import itertools

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs import edges, export
from sghm_vs.cli import main
from sghm_vs.errors import SettingsError
from sghm_vs.filter.edges import shape_of
from sghm_vs.options import Edges
from tests.clips import core, frame_bytes, noise_clip, plane

GRAYS = (vs.GRAY8, vs.GRAY10, vs.GRAY12, vs.GRAY16, vs.GRAYH, vs.GRAYS)


def gray_clip(picture: np.ndarray, format_id: int = vs.GRAYS, length: int = 1) -> vs.VideoNode:
    """Return a clip that shows `picture`, (height, width) of 0-1."""
    height, width = picture.shape
    blank = core.std.BlankClip(format=vs.GRAYS, width=width, height=height, length=length)

    def draw(n, f):
        del n
        frame = f.copy()
        np.copyto(np.asarray(frame[0]), picture.astype(np.float32))
        return frame

    drawn = blank.std.ModifyFrame(blank, draw).std.SetFrameProps(_Range=int(vs.RANGE_FULL))
    return drawn if format_id == vs.GRAYS else drawn.resize.Point(format=format_id, range=1)


def drawn_disc(side: int, radius: float, softness: float = 0.0) -> np.ndarray:
    """Return a disc in the middle, its radius and softness as parts of the side, antialiased."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    inside = (radius - np.hypot(x, y)) / max(softness, 1 / side) + 0.5
    return np.clip(inside, 0, 1).astype(np.float32)


def half_plane(side: int) -> np.ndarray:
    """Return 1 in the left half."""
    return np.repeat((np.arange(side) < side // 2)[None].astype(np.float32), side, 0)


def area(alpha: np.ndarray) -> float:
    return float(alpha.sum(dtype=np.float64))


def radius_of(alpha: np.ndarray) -> float:
    """Return the radius of the disc that covers as much, as a part of the side."""
    return np.sqrt(area(alpha) / np.pi) / alpha.shape[0]


@pytest.mark.parametrize("format_id", GRAYS)
def test_the_defaults_change_no_byte_of_any_format(format_id):
    alpha = noise_clip(vs.GRAY16, length=3).resize.Point(format=format_id)

    shaped = edges(alpha)

    assert shaped.format.id == format_id
    assert all(frame_bytes(shaped, n) == frame_bytes(alpha, n) for n in range(3))


@pytest.mark.parametrize("format_id", [vs.GRAY8, vs.GRAY10, vs.GRAY16])
def test_inverting_twice_gives_every_code_back(format_id):
    bits = core.get_video_format(format_id).bits_per_sample
    codes = np.linspace(0, 1, 2**bits)[None].repeat(4, 0)
    alpha = gray_clip(codes, format_id)

    once = edges(alpha, invert=True)

    assert frame_bytes(edges(once, invert=True), 0) == frame_bytes(alpha, 0)
    whole = 2**bits - 1
    total = plane(once.get_frame(0)).astype(int) + plane(alpha.get_frame(0)).astype(int)
    assert (total == whole).all()


def test_black_white_and_gamma_are_the_grade_that_compositors_know():
    ramp = np.linspace(0, 1, 65)[None].repeat(4, 0)

    found = plane(edges(gray_clip(ramp), black=0.25, white=0.75, gamma=2).get_frame(0))

    wanted = np.clip((ramp - 0.25) / 0.5, 0, 1) ** 0.5
    assert np.abs(found - wanted).max() < 1e-6
    assert found[0, 0] == 0
    assert found[0, -1] == 1


@pytest.mark.parametrize("by", [-12.0, -3.5, -0.5, 0.25, 1.0, 4.5, 40.0])
def test_grow_moves_a_straight_edge_by_just_that(by):
    """At a short side of 1080 a pixel is a pixel; a part of one is that much alpha."""
    alpha = half_plane(1080)

    grown = shape_of(alpha, Edges(grow=by))

    assert grown[540].sum() - alpha[540].sum() == pytest.approx(by, abs=1e-4)
    assert (grown[0] == grown[540]).all()


@pytest.mark.parametrize("by", [-8.0, 8.0])
def test_grow_moves_every_side_of_a_disc_alike(by):
    alpha = drawn_disc(1080, 0.25)

    grown = shape_of(alpha, Edges(grow=by))

    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    wanted = 270 + by
    for angle in angles:
        x, y = 539.5 + np.cos(angle) * np.arange(540), 539.5 + np.sin(angle) * np.arange(540)
        along = cv2.remap(grown, x[None].astype(np.float32), y[None].astype(np.float32), 1)
        assert abs(along.sum() - wanted) < 1.0


def test_the_pictures_border_is_no_edge():
    """Someone cut off by the frame is not eaten from there, nor fades out there."""
    alpha = half_plane(216)

    for settings in (Edges(grow=-30), Edges(feather=60), Edges(shape="core", width=30)):
        shaped = shape_of(alpha, settings)
        assert (shaped[:, 0] == 1).all()
        assert (shaped == shaped[108]).all()


def test_feather_makes_a_hard_edge_that_wide_and_leaves_it_in_its_place():
    alpha = half_plane(1080)

    soft = shape_of(alpha, Edges(feather=40))

    row = soft[540]
    width = np.interp(-0.023, -row, np.arange(1080)) - np.interp(-0.977, -row, np.arange(1080))
    assert width == pytest.approx(40, abs=1)
    assert row.sum() == pytest.approx(540, abs=0.01)
    assert row[440] == 1
    assert row[640] == 0


SETTINGS = (
    Edges(grow=9),
    Edges(grow=-9),
    Edges(feather=30),
    Edges(shape="core", width=12),
    Edges(shape="edge", width=12),
    Edges(shape="trimap", width=12),
    Edges(black=0.1, white=0.9, gamma=1.5, grow=-4.5, feather=12),
)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_same_numbers_do_the_same_at_every_resolution(settings):
    """A proxy tells what the full size will look like: areas agree within 0.3 % of the picture."""
    covered = [
        area(shape_of(drawn_disc(side, 0.3, softness=0.02), settings)) / side**2
        for side in (270, 540, 1080)
    ]

    assert max(covered) - min(covered) < 0.003


def test_despeckle_drops_islands_by_size_and_keeps_what_hangs_on():
    alpha = np.zeros((1080, 1080), np.float32)
    alpha[400:800, 400:800] = 1
    alpha[100:110, 100:110] = 1  # 10x10: less than a disc of 16 px across
    alpha[100:120, 300:320] = 1  # 20x20: more
    alpha[390:400, 500] = 0.5  # a strand that touches the square

    cleaned = shape_of(alpha, Edges(despeckle=16))

    assert not cleaned[100:110, 100:110].any()
    cleaned[100:110, 100:110] = 1
    assert (cleaned == alpha).all()


def test_fill_closes_what_despeckle_would_drop_of_the_inverse():
    rng = np.random.default_rng(3)
    coarse = cv2.resize(rng.random((30, 40), np.float32), (400, 300))
    alpha = np.clip(coarse * 6 - 3, 0, 1)

    filled = shape_of(alpha, Edges(fill=60))

    assert area(filled) > area(alpha)
    assert (filled == 1 - shape_of(1 - alpha, Edges(despeckle=60))).all()


def test_core_and_edge_together_are_the_grown_alpha():
    alpha = drawn_disc(540, 0.3, softness=0.03)

    core_matte, edge_matte, grown = (
        shape_of(alpha, settings)
        for settings in (Edges(shape="core"), Edges(shape="edge"), Edges(grow=6))
    )

    assert np.abs(core_matte + edge_matte - grown).max() < 1e-6
    assert (core_matte <= alpha).all()
    assert core_matte[270, 270] == 1
    assert edge_matte[270, 270] == 0


def test_a_trimap_is_certain_only_where_the_alpha_is_and_unknown_at_every_edge():
    alpha = drawn_disc(540, 0.3, softness=0.03)

    trimap = shape_of(alpha, Edges(shape="trimap", width=4))

    assert set(np.unique(trimap)) == {0, 0.5, 1}
    assert (trimap[(alpha > 0.01) & (alpha < 0.99)] == 0.5).all()
    assert (alpha[trimap == 1] == 1).all()
    assert (alpha[trimap == 0] == 0).all()


def test_any_order_and_number_of_threads_gives_the_same_bytes():
    alpha = edges(noise_clip(vs.GRAY16, length=8), grow=20, feather=30, despeckle=50, fill=50)

    forward = [frame_bytes(alpha, n) for n in range(8)]

    assert [frame_bytes(alpha, n) for n in reversed(range(8))] == forward[::-1]
    with_many = [plane(frame).tobytes() for frame in alpha.frames(prefetch=8)]
    assert with_many == forward


def test_what_is_not_a_number_is_background_and_all_stays_within_0_and_1():
    wild = drawn_disc(64, 0.3) * 3 - 1
    wild[0, 0] = np.nan
    wild[0, 1] = np.inf

    found = plane(edges(gray_clip(wild), feather=100, grow=-5).get_frame(0))

    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_clip_of_changing_size_is_shaped_frame_by_frame():
    sizes = [(64, 48), (96, 72)]
    parts = [gray_clip(np.ones((h, w)) * 0.5) for w, h in sizes]
    clip = core.std.Splice(parts, mismatch=True)

    shaped = edges(clip, black=0.25, white=0.75, invert=True)

    for n, (width, height) in enumerate(sizes):
        with shaped.get_frame(n) as frame:
            assert (frame.width, frame.height) == (width, height)
            assert np.allclose(plane(frame), 0.5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"black": 0.6, "white": 0.5}, "white is 0.5 and must be above black"),
        ({"gamma": 0}, "gamma is 0 and must be from 0.1 to 10"),
        ({"feather": float("nan")}, "feather is nan and must be from 0 to 400"),
        ({"shape": "ring"}, "must be one of alpha, core, edge, trimap"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_range(wrong, said):
    with pytest.raises(SettingsError, match=said):
        Edges(**wrong)
    with pytest.raises(vs.Error, match=f"^edges: .*{said}"):
        edges(gray_clip(half_plane(16)), **wrong)


def test_a_picture_is_no_alpha():
    with pytest.raises(vs.Error, match="edges: the alpha must be a GRAY clip; take a plane"):
        edges(noise_clip(vs.RGB24))


def test_the_command_line_shapes_what_it_writes_and_says_so_in_the_file(tmp_path):
    picture = drawn_disc(108, 0.3, softness=0.1)
    clip = gray_clip(picture, vs.GRAY16, length=2)
    plate = core.std.BlankClip(clip, format=vs.RGB24)
    export(plate, clip, tmp_path / "plate.####.exr", tmp_path / "matte.####.png")
    words = "--black 0.1 --white 0.9 --gamma 1.2 --grow -4 --feather 20 --layout matte --quiet"
    source, matte, out = (str(tmp_path / f"{x}.####.{y}") for x, y in
                          (("plate", "exr"), ("matte", "png"), ("out", "exr")))  # fmt: skip

    assert main(["export", source, "--alpha", matte, "-o", out, *words.split()]) == 0

    wanted = edges(clip, black=0.1, white=0.9, gamma=1.2, grow=-4, feather=20)
    file = oiio.ImageBuf(str(tmp_path / "out.0001.exr"))
    found = file.get_pixels(oiio.FLOAT)[..., 3]
    assert np.abs(found - plane(wanted.get_frame(1)) / 65535).max() < 2.5e-4
    assert file.spec().get_string_attribute("sghm_vs:edges_grow") == "-4.0"
    assert file.spec().get_string_attribute("sghm_vs:edges_despeckle") == ""


def test_every_setting_of_edges_is_an_option_of_matte_and_export(capsys):
    for verb, name in itertools.product(("matte", "export"), Edges.__dataclass_fields__):
        if name != "SHORT_SIDE_PX":
            with pytest.raises(SystemExit):
                main([verb, "--help"])
            assert f"--{name}" in capsys.readouterr().out
