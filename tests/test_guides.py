"""Guides that stick: what a user knows of who is where holds, and no more than that."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import opentimelineio as otio
import pytest
import vapoursynth as vs

from sghm_vs import edges, export, sghm
from sghm_vs.cli import main
from sghm_vs.filter import tensors
from sghm_vs.matting import guides as stage
from sghm_vs.options import Guides
from sghm_vs.shots.guides import Guided
from tests.clips import drawn, frame_bytes, noise_clip, plane
from tests.scenes import HEIGHT, WIDTH, clips, scene

pytestmark = pytest.mark.usefixtures("by_graphs")

core = vs.core
BAND = 0.05
LENGTH = 9


def half(width: int = 96, height: int = 64) -> np.ndarray:
    """Return a plane that is 1 on its left half and 0 on its right."""
    values = np.zeros((height, width), np.float32)
    values[:, : width // 2] = 1
    return values


@pytest.fixture(scope="module")
def moving() -> tuple[vs.VideoNode, vs.VideoNode]:
    """A person who walks, and the exact alpha."""
    return clips(LENGTH, scene)


def test_beyond_the_band_of_a_mask_the_matte_is_0_or_1_whatever_is_seen(moving):
    clip, exact = moving
    alpha = sghm(clip, -1, tr=1, mask=exact, mask_tr=0, guide_band=BAND)

    for n in (0, 1):
        truth, found = scene(n)[1] > 0.5, plane(alpha.get_frame(n))
        near = BAND * HEIGHT
        inside = cv2.distanceTransform(truth.astype(np.uint8), cv2.DIST_L2, 0)
        outside = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_L2, 0)
        assert (found[inside > near] == 1).all()
        assert (found[outside > near] == 0).all()
        assert 0 < (inside > near).mean() < (outside > near).mean()


def test_a_mask_holds_in_its_guidance_also_where_votes_steadied_it(moving):
    clip, exact = moving
    alpha, said = (
        sghm(clip, -1, tr=1, mask=exact, guide_band=BAND, debug=view) for view in (None, "guide")
    )

    found, guide = plane(alpha.get_frame(4)), plane(said.get_frame(4))

    assert set(np.unique(guide)) == {0, 1}
    far = np.maximum(stage.distance(guide == 1), stage.distance(guide == 0)) > BAND * HEIGHT
    assert far.any()
    assert np.array_equal(found[far], guide[far])
    assert (guide != (scene(4)[1] > 0.5)).mean() < 2e-3


def test_the_band_is_a_part_of_the_short_side_and_the_border_of_the_picture_is_no_edge():
    guide, gray = half(), np.full((64, 96), 0.5, np.float32)

    held = stage.held(gray, guide, band_px=8)

    assert (held[:, :40] == 1).all()
    assert (held[:, 46:50] == 0.5).all()
    assert (held[:, 56:] == 0).all()
    assert (stage.held(gray, np.ones_like(gray), band_px=8) == 1).all()


@pytest.mark.parametrize("size", [(120, 160), (1080, 1920)])
def test_what_a_guide_holds_is_the_same_on_any_number_of_threads(size):
    guide = np.zeros(size, np.float32)
    guide[size[0] // 2 :, : size[1] // 3] = 1
    guide[3, 5] = 1
    before, found = cv2.getNumThreads(), {}
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            found[threads] = stage.distance(guide == 0)
    finally:
        cv2.setNumThreads(before)

    np.testing.assert_array_equal(found[1], found[2])
    assert found[1].max() <= stage.FAR_PX


def test_a_band_of_all_the_picture_holds_what_is_farther_than_is_measured():
    guide = np.zeros((900, 1200), np.float32)
    guide[:, :10] = 1

    held = stage.held(np.full_like(guide, 0.5), guide, 900)

    assert (held[:, -300:] == 0).all()
    assert (held[:, :240] == 0.5).all()


def test_within_the_band_an_alpha_goes_over_to_its_guide_where_the_edge_is_far():
    guide, gray = half(), np.full((64, 96), 0.5, np.float32)

    row = stage.held(gray, guide, band_px=8)[0]

    # Of 8 px 2.4 are free, and 8 px from the edge nothing is left of the gray.
    far = np.arange(10, 0, -1)
    np.testing.assert_allclose(row[38:48], 0.5 + 0.5 * ((far - 2.4) / 5.6).clip(0, 1), atol=1e-6)
    np.testing.assert_allclose(row + row[::-1], 1)
    assert np.array_equal(stage.held(gray, guide, band_px=0), guide)


def test_gray_in_a_mask_is_how_likely_a_person_is():
    clip = noise_clip(length=1)
    likely, unlikely, white, black = (
        frame_bytes(sghm(clip, -1, mask=drawn(value + 0 * half())), 0) for value in (0.6, 0.4, 1, 0)
    )

    assert likely == white
    assert unlikely == black


@pytest.mark.parametrize(("props", "share"), [({}, 0.9), ({"SghmIsMissing": 1}, 0.97)])
def test_a_frame_that_a_mask_lost_is_voted_back_and_with_no_votes_it_is_not(moving, props, share):
    clip, exact = moving
    nobody = exact.std.BlankClip(length=1, keep=True).std.SetFrameProps(**props)
    mask = core.std.Splice([exact[:4], nobody, exact[5:]])
    truth = scene(4)[1] > 0.5

    voted = plane(sghm(clip, -1, tr=1, mask=mask, debug="guide").get_frame(4))
    alone = plane(sghm(clip, -1, tr=1, mask=mask, mask_tr=0, debug="guide").get_frame(4))

    assert (voted > 0.5)[truth].mean() > share
    assert (voted > 0.5)[~truth].mean() < 0.01
    assert alone.max() == 0


def test_what_a_frame_lacks_counts_for_none_of_its_neighbors(moving):
    clip, exact = moving
    wrong = exact.std.BlankClip(length=1, color=1, keep=True).std.SetFrameProps(SghmIsMissing=1)
    with_hole = core.std.Splice([wrong if n % 2 else exact[n] for n in range(LENGTH)])

    said = plane(sghm(clip, -1, tr=1, mask=with_hole, debug="guide").get_frame(4))

    assert ((said > 0.5) != (scene(4)[1] > 0.5)).mean() < 2e-3


def test_a_mask_of_a_still_stays_as_it_is_to_the_last_bit():
    clip, values = core.std.Loop(noise_clip(length=1), 6), half()
    values[10:20, 60:63] = 1

    said = sghm(clip, -1, mask=drawn(values, 6), debug="guide")

    assert np.array_equal(plane(said.get_frame(3)), values)


def test_a_guided_frame_is_the_same_in_any_order_and_on_its_own(moving):
    clip, exact = (one[:4].std.CropAbs(128, 96, 60, 40) for one in moving)
    forward = [
        plane(frame).tobytes() for frame in sghm(clip, -1, tr=1, mask=exact).frames(close=True)
    ]
    backward = sghm(clip, -1, tr=1, mask=exact)

    assert [frame_bytes(backward, n) for n in reversed(range(4))] == forward[::-1]


@pytest.mark.parametrize("tr", [0, 1])
def test_a_trimap_is_exact_where_it_says_so_and_changes_nothing_where_it_does_not(tr):
    clip = noise_clip(length=3)
    trimap = np.full((64, 96), 0.5, np.float32)
    trimap[:, :20], trimap[:30, 70:] = 1, 0

    free = sghm(clip, -1, tr=tr)
    found = plane(sghm(clip, -1, tr=tr, trimap=drawn(trimap, 3)).get_frame(1))
    unknown = sghm(clip, -1, tr=tr, trimap=drawn(0 * trimap + 0.5, 3))

    assert (found[:, :20] == 1).all()
    assert (found[:30, 70:] == 0).all()
    assert frame_bytes(unknown, 1) == frame_bytes(free, 1)


def test_a_trimap_rules_over_a_mask_and_guides_the_network_with_it():
    clip, trimap = noise_clip(length=1), np.full((64, 96), 0.5, np.float32)
    trimap[:32, :20] = 0

    said = sghm(clip, -1, mask=drawn(half()), trimap=drawn(trimap), debug="guide")
    found = plane(sghm(clip, -1, mask=drawn(half()), trimap=drawn(trimap)).get_frame(0))

    assert np.array_equal(plane(said.get_frame(0)), np.where(trimap == 0, 0, half()))
    assert (found[:32, :20] == 0).all()
    assert (found[40:, :40] == 1).all()


def test_what_is_kept_is_1_and_what_is_held_out_is_0_and_holdout_rules():
    clip, keep, holdout = noise_clip(length=2), half(), half().T.copy()
    holdout = cv2.resize(holdout, (96, 64), interpolation=cv2.INTER_NEAREST)
    both = {"keep": drawn(keep, 2), "holdout": drawn(holdout, 2)}

    found = plane(sghm(clip, -1, **both, trimap=drawn(1 - keep, 2)).get_frame(1))

    assert (found[holdout == 1] == 0).all()
    assert (found[(keep == 1) & (holdout == 0)] == 1).all()


def test_what_is_kept_and_held_out_stays_so_after_edges_are_shaped():
    alpha = drawn(0.5 + 0 * half(), 1)
    keep, holdout = half(), np.zeros((64, 96), np.float32)
    holdout[:10] = 1

    how = {"keep": drawn(keep), "holdout": drawn(holdout), "gamma": 2, "feather": 30, "grow": 4}
    found, inverted = (
        plane(edges(alpha, **how, invert=invert).get_frame(0)) for invert in (False, True)
    )

    assert (found[:10] == 0).all()
    assert (found[10:, :48] == 1).all()
    assert ((found > 0.5) & (found < 1))[10:, 48:].all()
    assert np.array_equal(inverted, 1 - found)


def test_gray_in_what_is_kept_is_the_least_and_in_what_is_held_out_is_taken_away():
    alpha = drawn(0.5 + 0 * half())
    third = drawn(np.float32(1 / 3) + 0 * half())

    assert plane(edges(alpha, keep=drawn(half() * 0.75)).get_frame(0))[0, 0] == 0.75
    assert plane(edges(alpha, keep=third).get_frame(0))[0, 0] == 0.5
    assert plane(edges(alpha, holdout=drawn(half() * 0.75)).get_frame(0))[0, 0] == 0.25
    assert plane(edges(alpha, holdout=third).get_frame(0))[0, 0] == 0.5


@pytest.mark.parametrize("format_id", [vs.YUV420P8, vs.RGB24])
def test_outside_a_region_the_matte_is_0_and_inside_it_is_the_crop_s_own(format_id):
    clip = noise_clip(format_id, length=3)
    roi = (11, 7, 64, 50) if format_id == vs.YUV420P8 else (10, 6, 66, 52)

    found = plane(sghm(clip, -1, roi=roi).get_frame(1))
    alone = plane(sghm(clip.std.CropAbs(66, 52, 10, 6), -1).get_frame(1))

    left, top, width, height = roi
    inside = np.zeros((64, 96), bool)
    inside[top : top + height, left : left + width] = True
    assert (found[~inside] == 0).all()
    cut = alone[top - 6 :, left - 10 :][:height, :width]
    assert found[inside].tobytes() == np.ascontiguousarray(cut).tobytes()


def test_nothing_is_computed_outside_of_a_region(monkeypatch):
    seen = []
    plain = tensors.to_tensor
    monkeypatch.setattr(
        "sghm_vs.filter.engine.to_tensor",
        lambda frame, *how: (seen.append((frame.width, frame.height)), plain(frame, *how))[1],
    )

    sghm(noise_clip(length=2), -1, roi=(16, 0, 48, 32)).get_frame(0)

    assert seen
    assert max(width for width, _ in seen) <= 64
    assert max(height for _, height in seen) <= 64
    assert (48, 32) in seen


def test_guides_go_with_a_region_and_the_band_stays_a_part_of_the_whole_picture():
    clip, mask = noise_clip(length=1), half()
    roi = (32, 0, 32, 64)
    gray = 0.1

    found = plane(sghm(clip, -1, mask=drawn(mask), roi=roi, guide_band=gray).get_frame(0))

    assert (found[:, 32:41] == 1).all()
    assert (found[:, 55:64] == 0).all()
    assert (found[:, :32] == 0).all()


def test_every_view_of_a_region_is_of_the_whole_picture():
    alpha = sghm(noise_clip(length=2), -1, roi=(16, 8, 48, 32), debug="all")

    with alpha.get_frame(0) as frame:
        assert frame.props["SghmGuide"].width == frame.props["SghmTrust"].width == frame.width
        assert frame.props["SghmCoverage"] == pytest.approx(plane(frame).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"roi": (0, 0, 97, 10)}, "roi is 0,0,97,10, and the picture is 96x64"),
        ({"roi": (0, 0, 0, 10)}, "roi is 0,0,0,10 and must be left, top, width and height"),
        ({"roi": (0, 0, 10)}, "roi is 0,0,10 and must be left"),
        ({"guide_band": 2.0}, "guide_band is 2.0 and must be from 0 to 1"),
        ({"mask_tr": 9}, "mask_tr is 9 and must be 0"),
        ({"keep": drawn(half(64))}, "the keep is 64x64 with 1 frame, and the clip 96x64"),
        ({"holdout": noise_clip(length=1)}, "the holdout must be a GRAY clip"),
        ({"trimap": "t.png"}, "trimap is 't.png' and must be a clip or None"),
    ],
)
def test_a_guide_that_is_none_is_named(arguments, words):
    with pytest.raises(vs.Error, match=f"^sghm: .*{words}"):
        sghm(noise_clip(length=1), -1, **arguments)


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.rint(values * 255).astype(np.uint8))
    return path


@pytest.fixture
def shot(tmp_path) -> Path:
    """Six frames of a person who walks, as pictures from 11 on, and their masks, of which one lacks."""
    for n in range(6):
        picture, alpha = scene(n)
        write(tmp_path / "plate" / f"p.{n + 11:04d}.png", picture[..., ::-1])
        if n != 3:
            write(tmp_path / "mask" / f"m.{n + 11:04d}.png", alpha)
    write(tmp_path / "keep.png", half(WIDTH, HEIGHT))
    return tmp_path


def matted(shot: Path, *words: str) -> np.ndarray:
    out = shot / "out" / "a.####.png"
    how = ["--quiet", "--overwrite", "--model", "sghm-lite", "--tr", "1", "--frames", "14-14"]
    assert main(["matte", str(shot / "plate"), "-o", str(out), *how, *words]) == 0
    return cv2.imread(str(shot / "out" / "a.0014.png"), -1) / 65535


def test_a_mask_with_a_hole_is_filled_by_votes_and_said(shot, caplog):
    found = matted(shot, "--mask", str(shot / "mask"))

    assert "lacks frames 14" in caplog.text
    assert ((found > 0.5) == (scene(3)[1] > 0.5)).mean() > 0.97


@pytest.mark.slow
def test_records_say_where_a_mask_lacks_frames_and_resume_makes_those_again_once_they_are_there(
    shot,
):
    words = ["matte", str(shot / "plate"), "-o", str(shot / "out" / "a.####.png"), "--quiet"]
    words += ["--model", "sghm-lite", "--tr", "0", "--mask", str(shot / "mask"), "--mask-tr", "1"]

    def keyed() -> dict[str, str]:
        return json.loads((shot / "out" / "a.11-16.png.json").read_text())["keyed"]

    assert main(words) == 0
    assert keyed() == {str(n): "mask lacks 14" for n in range(11, 17)}
    before = (shot / "out" / "a.0014.png").stat().st_mtime_ns
    write(shot / "mask" / "m.0014.png", scene(3)[1])
    assert main([*words, "--resume"]) == 0
    assert keyed() == {}
    assert (shot / "out" / "a.0014.png").stat().st_mtime_ns > before


def test_a_frame_is_told_of_the_holes_that_votes_on_its_mask_reach():
    guided = Guided(None, frozenset({3, 20}), reach=5)

    assert guided.of(8) == guided.of(0) == "mask lacks 3"
    assert guided.of(9) == ""
    assert Guided(None, frozenset({3, 6}), reach=5).of(4) == "mask lacks 3, 6"


def test_a_mask_with_a_hole_that_nobody_votes_on_is_refused(shot, capsys):
    out = str(shot / "a.####.png")
    words = ["matte", str(shot / "plate"), "-o", out, "--quiet", "--mask", str(shot / "mask")]

    assert main([*words, "--mask-tr", "0"]) == 1
    assert "misses frames 14" in capsys.readouterr().err


def test_a_numbered_guide_of_one_frame_is_of_that_frame_alone(shot, capsys):
    write(shot / "painted" / "keep.0014.png", half(WIDTH, HEIGHT))
    keep = str(shot / "painted" / "keep.####.png")
    words = ["matte", str(shot / "plate"), "-o", str(shot / "b.####.png"), "--quiet", "--tr", "0"]

    assert main([*words, "--model", "sghm-lite", "--keep", keep]) == 1
    assert "11-16 are needed; type --frames 14-14" in capsys.readouterr().err
    assert (matted(shot, "--keep", keep) == matted(shot, "--keep", str(shot / "keep.png"))).all()


def test_a_guide_of_a_movie_s_single_frames_takes_missing_as_its_refusals_say(shot, capsys):
    movie, out = shot / "p.mkv", shot / "movie"
    clip = noise_clip(vs.RGB24, WIDTH, HEIGHT, length=6)
    export(clip, clip.std.ShufflePlanes(0, vs.GRAY), movie, codec="ffv1", sidecar=False)
    for number, values in ((1, half(WIDTH, HEIGHT)), (3, half(WIDTH, HEIGHT))):
        write(shot / "painted" / f"keep.{number:04d}.png", values)
    words = ["matte", str(movie), "-o", str(out / "a.####.png"), "--quiet", "--tr", "0"]
    words += ["--model", "sghm-lite", "--keep", str(shot / "painted")]

    assert main(words) == 1
    assert "--missing black or hold" in capsys.readouterr().err
    assert main([*words, "--missing", "black"]) == 1
    assert "--guide-start N" in capsys.readouterr().err
    assert main([*words, "--missing", "black", "--guide-start", "1"]) == 1
    assert "give it the footage's first and last frame too, black" in capsys.readouterr().err
    for number in (0, 5):
        write(shot / "painted" / f"keep.{number:04d}.png", np.zeros((HEIGHT, WIDTH)))
    assert main([*words, "--missing", "black"]) == 0

    made = [cv2.imread(str(path), -1) for path in sorted(out.glob("*.png"))]
    assert [(one[:, : WIDTH // 2] == 65535).all() for one in made] == [
        False,
        True,
        False,
        True,
        False,
        False,
    ]


@pytest.mark.slow
def test_the_command_line_keeps_after_edges_and_mattes_a_region(shot):
    keep = str(shot / "keep.png")

    found = matted(shot, "--holdout", keep, "--grow", "20")
    within = matted(shot, "--keep", keep, "--roi", "40,0,240,176")

    assert (found[:, : WIDTH // 2] == 0).all()
    assert (within[:, :40] == 1).all()
    assert (within[:, 280:] == 0).all()


@pytest.mark.slow
def test_an_edit_s_clips_are_guided_as_shots_are(shot):
    """Each of the two clips is another part of the plate; a single picture serves both."""
    reference = otio.schema.ImageSequenceReference(
        f"{(shot / 'plate').as_uri()}/", "p.", ".png", 11, 1, 24, 4, available_range=times(11, 6)
    )
    clips = [otio.schema.Clip(name, reference, times(at, 2)) for name, at in (("a", 11), ("b", 15))]
    edit = otio.schema.Timeline("cut")
    edit.tracks.append(otio.schema.Track("V1", children=clips))
    otio.adapters.write_to_file(edit, str(shot / "cut.otio"))
    how = ["--model", "sghm-lite", "--tr", "0", "--handles", "0", "--grow", "20", "--quiet"]

    words = ["timeline", str(shot / "cut.otio"), "-o", str(shot / "out"), *how]
    words += ["--to", "{shot}.####.png", "--holdout", str(shot / "keep.png")]
    assert main(words) == 0

    made = sorted((shot / "out").glob("*.png"))
    assert [path.name for path in made] == [
        f"{n}.png" for n in ("a.0011", "a.0012", "b.0015", "b.0016")
    ]
    for path in made:
        assert (cv2.imread(str(path), -1)[:, : WIDTH // 2] == 0).all()


def times(start: int, duration: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(duration, 24)
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mask-tr", "1"], "--mask-tr is for a mask; name it: --mask FILE"),
        (["--guide-start", "3"], "--guide-start is for trimap, keep and holdout"),
        (
            ["--guide-band", "0.1"],
            "--guide-band is for a mask, keys or a screen; name one: --mask FILE",
        ),
        (["--roi", "1,2"], "'1,2' is no rectangle; write X,Y,WIDTH,HEIGHT"),
        (["--roi", "0,0,999,9"], "--roi is 0,0,999,9, and the picture is 320x176"),
        (["--keep", "nothing.png"], "nothing.png"),
    ],
)
def test_words_about_guides_that_do_nothing_are_refused_with_what_to_type(
    shot, words, said, capsys
):
    typed = ["matte", str(shot / "plate"), "-o", str(shot / "a.####.png"), "--quiet", *words]
    if said.startswith("'1,2'"):
        with pytest.raises(SystemExit):
            main(typed)
    else:
        assert main(typed) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("roi", ["autoo", "", (), [(1, 2)], (1, 2, 3)])
def test_what_a_script_gives_for_a_rectangle_and_is_none_is_refused_by_its_value(roi):
    with pytest.raises(vs.Error, match=r"roi is .+ and must be"):
        sghm(noise_clip(length=1), -1, "sghm-lite", roi=roi)


def test_the_files_of_guides_are_what_is_named():
    guides = Guides(mask=Path("m.mov"), keep=Path("k.png"))

    assert guides.files == {"mask": Path("m.mov"), "keep": Path("k.png")}
    assert guides.last == Guides(keep=Path("k.png"))
