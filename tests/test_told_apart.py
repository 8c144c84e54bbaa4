"""Each person's own matte: shares that sum up, the same in any order, as clips and as files."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import opentimelineio as otio
import pytest
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.errors import ExportError, FarmError, SettingsError
from sghm_vs.filter.people import tell_apart
from sghm_vs.matting.people import shares
from sghm_vs.matting.people.record import People
from sghm_vs.matting.people.shares import Owners
from sghm_vs.media.name_templates import fill_names, person_name, person_of
from sghm_vs.media.readers import open_source
from sghm_vs.options import FrameRange, Guides, Matting, OutputFormat, from_words, made_of
from sghm_vs.shots.farm.job import job_of
from sghm_vs.shots.farm.plan import Plan
from tests.clips import frame_bytes, plane
from tests.crowds import people_of, walker, write_shot
from tests.scenes import HEIGHT, WIDTH, clips, scene

pytestmark = pytest.mark.usefixtures("by_graphs")

core = vs.core


def meeting(n: int):
    """Two who touch in the midst of a shot, and one who stands far from both."""
    return [
        walker(n, 60, 9, y=70, radius=30, texture=1),
        walker(n, 220, -9, y=90, radius=30, texture=2),
        walker(n, 290, 0, y=140, radius=18, texture=3),
    ]


LENGTH = 10
TOUCH, APART = 9, 0
"""Frames."""


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> Path:
    """Frames 101-110, and beside them their true mask and the file of who is who."""
    folder = tmp_path_factory.mktemp("shot")
    plate = write_shot(folder / "plate", meeting, range(101, 101 + LENGTH))
    (folder / "mask").mkdir()
    for n in range(LENGTH):
        _, alpha = scene(n, meeting(n))
        codes = np.rint(alpha * 255).astype(np.uint8)
        cv2.imwrite(str(folder / "mask" / f"m.{101 + n:04d}.png"), codes)
    people = people_of(meeting, LENGTH, open_source(plate))
    (folder / "people.json").write_text(people.to_json())
    return folder


@pytest.fixture(scope="module")
def drawn() -> tuple[vs.VideoNode, vs.VideoNode]:
    return clips(LENGTH, lambda n: scene(n, meeting(n)))


@pytest.fixture(scope="module")
def people(shot) -> People:
    return replace_first(people_of(meeting, LENGTH, open_source(shot / "plate")), 0)


def replace_first(people: People, first: int) -> People:
    """Return `people` of footage whose frames count from `first`."""
    by = first - people.first
    return replace(
        people,
        footage=replace(people.footage, first=first),
        first=first,
        last=people.last + by,
        looks=tuple(n + by for n in people.looks),
        scenes=tuple(n + by for n in people.scenes),
        boxes={p: {n + by: box for n, box in one.items()} for p, one in people.boxes.items()},
        masks={p: {n + by: runs for n, runs in one.items()} for p, one in people.masks.items()},
    )


def test_the_mattes_of_all_sum_up_to_the_whole_and_alone_each_is_the_whole(drawn, people):
    clip, alpha = drawn
    told = tell_apart(clip, people, people.all)

    for n in range(LENGTH):
        whole = plane(alpha.get_frame(n))
        parts = {person: plane(told.of(person, alpha).get_frame(n)) for person in people.all}
        total = np.add.reduce([*parts.values()])
        assert total.max() <= 1
        assert np.array_equal(total, whole)
        # Who is far from everybody has their matte to the last bit, and no other has a part of it.
        third = np.s_[118:, 262:]
        assert np.array_equal(parts[3][third], whole[third])
        assert not parts[1][third].any()
        assert not parts[2][third].any()


def test_each_has_their_own_pixels_where_they_touch(drawn, people):
    clip, alpha = drawn
    told = tell_apart(clip, people, people.all)
    first, second = (plane(told.of(person, alpha).get_frame(TOUCH)) for person in (1, 2))
    _, right, _ = meeting(TOUCH)

    # Whoever is nearer hides the other: the second one is drawn last.
    nearer = np.hypot(*(np.indices((HEIGHT, WIDTH))[::-1] - np.asarray(right.at)[:, None, None]))
    inside = nearer < right.radius - 3
    outside = nearer > right.radius + 3
    assert second[inside].mean() > 0.97
    seen = outside & (plane(alpha.get_frame(TOUCH)) > 0.5)
    seen[118:, 262:] = False
    assert first[seen].mean() > 0.97


def test_who_is_chosen_has_what_is_theirs_and_nothing_else(drawn, people):
    clip, alpha = drawn
    one = tell_apart(clip, people, [1])
    everybody = tell_apart(clip, people, people.all)

    for n in (APART, TOUCH):
        alone = plane(one.of_all(alpha).get_frame(n))
        assert np.array_equal(alone, plane(everybody.of(1, alpha).get_frame(n)))
        assert np.array_equal(alone, plane(one.of(1, one.of_all(alpha)).get_frame(n)))
        assert alone.max() == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_shares_are_the_same_in_any_order_and_on_any_number_of_threads(drawn, people, threads):
    clip, alpha = drawn
    forward = [frame_bytes(tell_apart(clip, people, [2]).of_all(alpha), n) for n in range(LENGTH)]
    before = core.num_threads
    core.num_threads = threads
    try:
        again = tell_apart(clip, people, [2]).of_all(alpha)
        found = {n: frame_bytes(again, n) for n in (7, 2, 9, 0, 5, 3, 8, 1, 6, 4)}
    finally:
        core.num_threads = before

    assert [found[n] for n in range(LENGTH)] == forward


def test_an_alpha_far_from_everybody_is_nobody_s(drawn, people):
    clip, _ = drawn
    full = core.std.BlankClip(clip, format=vs.GRAYS, color=1.0)
    told = tell_apart(clip, people, people.all)

    found = plane(told.of_all(full).get_frame(APART))

    assert found[88, 60] == 1
    assert found[10, 315] == 0


def test_between_two_looks_somebody_goes_evenly_and_a_hidden_one_stays():
    before, after = np.zeros((40, 90), bool), np.zeros((40, 90), bool)
    before[10:30, 5:15], after[10:30, 45:55] = True, True

    half = shares.between(before, after, 0.5) < 0

    assert half[20, 29:31].all()
    assert not half[:, :20].any()
    assert half.sum() == pytest.approx(200, abs=40)
    # Of whom there is less and less, the part that is seen stays where it is.
    partly = np.zeros_like(before)
    partly[10:14, 5:15] = True
    assert (shares.between(before, partly, 0.25) < 0)[12, 10]


def test_one_who_is_at_one_look_alone_stays_there(people):
    gone = {**people.masks, 3: {0: people.masks[3][0]}}
    leaving = replace(people, masks=gone)

    assert np.array_equal(shares.distances_at(leaving, 2)[3], shares.distances_at(leaving, 0)[3])
    assert 3 not in shares.distances_at(leaving, 5)


def test_across_a_cut_nobody_goes(people):
    cut = replace(people, scenes=(0, 2), looks=(0, 2, 3, 6, 9))

    assert cut.looks_around(1) == (0, 0)
    assert cut.looks_around(2) == (2, 2)
    assert cut.looks_around(4) == (3, 6)


def test_where_people_touch_shares_follow_the_picture():
    """The masks' edge is a few pixels off the picture's."""
    picture = np.zeros((120, 200, 3), np.float32)
    picture[:, 104:] = 1, 0.8, 0.1
    left = np.zeros((30, 50), bool)
    left[:, :25] = True
    distances = {1: shares.signed_distance(left), 2: shares.signed_distance(~left)}

    contact = shares.contact_of(
        distances, (120, 200), lambda box: picture[box[1] :, box[0] : box[0] + box[2]][: box[3]]
    )
    left, top, width, height = contact.box
    assert (top, height) == (0, 120)
    assert left < 90 < 110 < left + width
    ones = np.zeros((120, 200), np.float32)
    ones[:, :left] = 1
    whole = np.ones((height, width), np.float32)
    ones[:, left : left + width] = shares.share_of(whole, contact.whose, [1])

    assert ones[60, :102].min() > 0.8
    assert ones[60, 105:].max() < 0.2


def test_the_shares_of_two_are_the_alpha_to_the_last_bit():
    rng = np.random.default_rng(1)
    alpha = rng.random((64, 64), np.float32)
    weight = rng.random((64, 64), np.float32)
    whose = Owners(np.full_like(alpha, 1), np.full_like(alpha, 2), weight)

    first, second = (shares.share_among(alpha, whose, n, [1, 2]) for n in (1, 2))

    assert np.array_equal(first + second, alpha)
    assert np.array_equal(shares.share_of(alpha, whose, [1, 2]), alpha)
    assert np.array_equal(shares.share_among(alpha, whose, 1, [1]), alpha)


# In a script.


def test_a_script_gets_the_matte_of_one_or_a_clip_for_each(drawn, people, tmp_path):
    clip, alpha = drawn
    path = tmp_path / "people.json"
    path.write_text(people.to_json())
    how = {"tr": 0, "mask": alpha, "people": str(path)}

    whole = sghm(clip, -1, tr=0, mask=alpha)
    each = sghm(clip, -1, **how, split=True)
    two = sghm(clip, -1, **how, person=[1, 3], format=vs.GRAY16)

    assert [*each] == [1, 2, 3]
    total = sum(plane(one.get_frame(TOUCH)) for one in each.values())
    assert np.array_equal(total, plane(whole.get_frame(TOUCH)))
    assert two.format.id == vs.GRAY16
    far = np.s_[118:, 262:]
    assert plane(two.get_frame(0))[far].max() == 65535
    assert not plane(sghm(clip, -1, **how, person=2).get_frame(0))[far].any()


def test_a_view_shows_whose_each_pixel_is_in_a_gray_of_their_own(drawn, people, tmp_path):
    clip, alpha = drawn
    path = tmp_path / "people.json"
    path.write_text(people.to_json())
    told = tell_apart(clip, people, people.all)

    shown = sghm(clip, -1, tr=0, mask=alpha, people=path, debug="people")
    apart, touching = (plane(shown.get_frame(n)) for n in (APART, TOUCH))

    assert {*np.unique(apart)} == {0, np.float32(1 / 3), np.float32(2 / 3), 1}
    of_first = plane(told.of(1, alpha).get_frame(TOUCH))
    of_second = plane(told.of(2, alpha).get_frame(TOUCH))
    alone = (plane(alpha.get_frame(TOUCH)) == 1) & (of_first + of_second == 1)
    mixed = of_first[alone] / 3 + 2 * of_second[alone] / 3
    np.testing.assert_allclose(touching[alone], mixed, atol=1e-6)
    assert "SghmCoverage" not in shown.get_frame(0).props


def test_the_command_line_writes_that_view_beside_the_others(shot, tmp_path):
    words = ["matte", str(shot / "plate"), "-o", str(tmp_path / "x.mkv"), "--tr", "0"]
    words += ["--mask", str(shot / "mask"), "--people", str(shot / "people.json"), "--quiet"]

    assert main([*words, "--debug", str(tmp_path / "steps"), "--frames", "101-102"]) == 0

    view = open_source(tmp_path / "steps" / "people.mkv").clip
    assert len(np.unique(plane(view.get_frame(0)))) == 4
    assert (tmp_path / "steps" / "guide.mkv").is_file()


def test_what_is_kept_and_held_out_rules_over_who_is_chosen(drawn, people, tmp_path):
    clip, alpha = drawn
    path = tmp_path / "people.json"
    path.write_text(people.to_json())
    values = np.zeros((HEIGHT, WIDTH), np.float32)
    values[:20, :20] = 1
    kept = core.std.BlankClip(clip, format=vs.GRAYS, keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        del n
        frame = f.copy()
        np.copyto(np.asarray(frame[0]), values)
        return frame

    keep = kept.std.ModifyFrame(kept, fill)
    found = sghm(clip, -1, tr=0, mask=alpha, people=path, person=3, keep=keep)
    white = core.std.BlankClip(kept, color=1.0)
    held = sghm(clip, -1, tr=0, mask=alpha, people=path, person=1, holdout=white)

    assert (plane(found.get_frame(0))[:20, :20] == 1).all()
    assert not plane(held.get_frame(0)).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"people": "largest"},
            "people is 'largest', and must be a file that says who is who in the shot: make it once "
            "with: sghm people SHOT -o people.json, then give people='people.json', "
            "person='largest'",
        ),
        ({"people": [1, 2]}, r"people is \[1, 2\] and must be text, a path or None"),
        ({"people": "point:3,4"}, "people is 'point:3,4', and must be a file"),
        ({"person": "largest"}, "person is for a file of who is who; name it: people=FILE"),
        ({"split": True}, "split is for a file of who is who; name it: people=FILE"),
        ({"people": "none.json"}, "none.json can't be read: .*sghm people SHOT"),
        ({"people": "x.json", "person": "him"}, "person is 'him' and must be all, largest"),
        ({"people": "x.json", "debug": "all"}, "debug='all' shows a step to the alpha of all"),
        ({"debug": "people"}, "debug is for a file of who is who; name it: people=FILE"),
        ({"people": "x.json", "debug": "people", "split": True}, 'debug="people" shows everybody'),
    ],
)
def test_a_script_without_a_file_is_told_to_make_one(drawn, arguments, words):
    with pytest.raises(vs.Error, match=f"^sghm: {words}"):
        sghm(drawn[0], -1, **arguments)


def test_a_file_of_another_clip_is_refused(drawn, people, tmp_path):
    path = tmp_path / "people.json"
    path.write_text(people.to_json())

    with pytest.raises(vs.Error, match="320x176 with 10 frames, and the clip is 320x176 with 9"):
        sghm(drawn[0][:9], -1, people=path)


def test_a_frame_that_the_file_does_not_speak_of_is_named(drawn, people):
    part = replace(people, first=3)

    with pytest.raises(vs.Error, match=r"frame 1 is not among those .* 3-9; make it anew"):
        tell_apart(drawn[0], part, [1]).of_all(drawn[1]).get_frame(1)


def test_the_defaults_are_the_options_own():
    signature = inspect.signature(sghm).parameters

    assert signature["people"].default is Guides().people
    assert signature["person"].default == Guides().person


# On the command line.


def matte(shot: Path, out: Path, *words: str, people: str = "people.json") -> int:
    typed = ["matte", str(shot / "plate" / "p.####.png"), "--mask", str(shot / "mask"), "--tr", "0"]
    outputs = [
        word for name in words if not name.startswith("--") for word in ("-o", str(out / name))
    ]
    rest = [word for word in words if word.startswith("--")]
    return main([*typed, "--people", str(shot / people), *outputs, *rest, "--quiet"])


def channels(path: Path) -> dict[str, np.ndarray]:
    picture = oiio.ImageBuf(str(path))
    pixels = picture.get_pixels(oiio.FLOAT)
    return {name: pixels[..., at] for at, name in enumerate(picture.spec().channelnames)}


@pytest.mark.slow
def test_each_person_is_a_layer_of_an_exr_file(shot, tmp_path):
    assert matte(shot, tmp_path, "x.####.exr", "--layout=layered", "--sample=float") == 0

    found = channels(tmp_path / "x.0110.exr")
    layers = {name for name in found if name.startswith("person")}
    assert layers == {"person_01.A", "person_02.A", "person_03.A"}
    total = np.add.reduce([found[name] for name in sorted(layers)])
    assert np.array_equal(total, found["matte.A"])


def test_each_person_is_a_movie_or_a_sequence_of_their_own(shot, tmp_path):
    words = ["{shot}_{person}.mov", "{shot}_{person}.####.png", "--person=1,3", "--frames=101-103"]
    assert matte(shot, tmp_path, *words) == 0

    made = {path.name for path in tmp_path.iterdir()}
    assert {"p_person_01.mov", "p_person_03.mov", "p_person_01.0101.png"} < made
    assert not any("person_02" in name for name in made)
    first, third = (
        cv2.imread(str(tmp_path / f"p_{person}.0101.png"), cv2.IMREAD_UNCHANGED)
        for person in ("person_01", "person_03")
    )
    assert first[70, 60] == third[140, 290] == 65535
    assert first[140, 290] == third[70, 60] == 0
    record = json.loads((tmp_path / "p_person_01.mov.json").read_text())
    settings = record["how"]["settings"]
    assert settings["people"] == "people.json"
    assert len(settings["people_digest"]) == 16
    assert (settings["person"], settings["matte_of"]) == ("1,3", "person_01")


def test_a_person_s_number_in_a_name_is_whose_matte_it_is(shot, tmp_path, capsys):
    assert matte(shot, tmp_path, "a_person_02.0101.png", "--frames=101") == 0
    shown = cv2.imread(str(tmp_path / "a_person_02.0101.png"), cv2.IMREAD_UNCHANGED)
    assert shown[90, 220] == 65535
    assert shown[70, 60] == 0

    assert matte(shot, tmp_path, "a_person_07.0101.png", "--frames=101") == 1
    assert "is of person_07 by its name, and person_01, person_02" in capsys.readouterr().err


def test_edges_are_those_of_all_together_and_no_seam_opens_where_they_touch(shot, tmp_path):
    words = ["x.0110.exr", "--layout=layered", "--sample=float", "--frames=110", "--grow=-9"]
    assert matte(shot, tmp_path, *words) == 0

    found = channels(tmp_path / "x.0110.exr")
    total = np.add.reduce([found[f"person_{n:02d}.A"] for n in (1, 2, 3)])
    assert np.array_equal(total, found["matte.A"])
    assert found["matte.A"].sum() > 1000


def test_inverted_mattes_of_people_are_one_where_they_are_not(shot, tmp_path):
    words = ["{person}.0101.png", "--frames=101", "--invert", "--person=3"]
    assert matte(shot, tmp_path, *words) == 0

    shown = cv2.imread(str(tmp_path / "person_03.0101.png"), cv2.IMREAD_UNCHANGED)
    assert (shown[140, 290], shown[70, 60], shown[5, 5]) == (0, 65535, 65535)


@pytest.mark.slow
def test_resume_goes_on_with_the_same_file_and_refuses_another(shot, tmp_path, capsys):
    words = ["x.####.png", "--person=1"]
    assert matte(shot, tmp_path, *words, "--frames=101-104") == 0
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("x.*.png")}
    assert matte(shot, tmp_path, *words, "--resume") == 0
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("x.*.png")}
    assert {name: after[name] for name in before} == before

    text = (shot / "people.json").read_text()
    (shot / "other.json").write_text(text.replace('"notes": []', '"notes": ["another"]'))
    assert matte(shot, tmp_path, *words, "--resume", people="other.json") == 1
    assert "made with another --people" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.####.exr", "--layout=cryptomatte"], "says whose each pixel is, and nobody says it"),
        (["{shot}_{person}.mov"], "is of one person, and nobody says who is who"),
        (["x.mov", "--person=2"], "--person is for a file of who is who; name it: --people FILE"),
        (["x.mov", "--people=largest"], "then give --people people.json --person largest"),
    ],
)
def test_what_needs_people_says_so_without_them(shot, tmp_path, capsys, words, said):
    typed = ["matte", str(shot / "plate"), "--quiet"]
    outputs = [part for one in words if one[0] != "-" for part in ("-o", str(tmp_path / one))]
    try:
        code = main([*typed, *outputs, *(one for one in words if one[0] == "-")])
    except SystemExit as exited:
        code = exited.code

    assert code in (1, 2)
    assert said in capsys.readouterr().err


def test_a_file_of_other_footage_or_of_fewer_frames_is_refused(shot, tmp_path, capsys):
    write_shot(tmp_path / "plate", lambda n: meeting(n + 1), range(101, 101 + LENGTH))
    (tmp_path / "mask").symlink_to(shot / "mask")
    (tmp_path / "people.json").write_text((shot / "people.json").read_text())
    assert matte(tmp_path, tmp_path, "x.####.png") == 1
    assert "whose files were others" in capsys.readouterr().err

    people = People.from_json((shot / "people.json").read_text())
    (shot / "part.json").write_text(replace(people, first=103).to_json())
    assert matte(shot, tmp_path, "x.####.png", people="part.json") == 1
    assert "speaks of frames 103-110, and 101-110 are asked for" in capsys.readouterr().err
    assert matte(shot, tmp_path, "x.####.png", "--frames=104-105", people="part.json") == 0


# In lists, plans and on a farm.


@pytest.mark.slow
def test_a_list_has_a_column_for_people_and_for_who_is_meant(shot, tmp_path):
    rows = "source,people,person\nplate/p.####.png,people.json,2\n"
    (shot / "shots.csv").write_text(rows)
    typed = ["batch", str(shot / "shots.csv"), "-o", str(tmp_path / "b"), "--tr", "0"]

    assert main([*typed, "--to", "{shot}_{person}.####.png", "--frames", "101-102", "--quiet"]) == 0

    assert (tmp_path / "b" / "p_person_02.0102.png").is_file()
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    (entry,) = manifest["shots"]
    assert entry["inputs"]["people"]["path"] == str(shot / "people.json")
    assert entry["outputs"] == ["p_person_02.####.png"]
    again = [*typed, "--to", "{shot}_{person}.####.png", "--frames", "101-102", "--quiet"]
    assert main([*again, "--resume"]) == 0


@pytest.fixture
def planned(shot, tmp_path) -> Path:
    path = tmp_path / "farm" / "plan.json"
    typed = ["farm", "plan", str(shot / "plate" / "p.####.png"), "-o", str(path), "--tr", "0"]
    how = ["--people", str(shot / "people.json"), "--mask", str(shot / "mask"), "--chunk", "4"]
    to = ["--to", "{shot}_{person}.mov", "--to", "x.####.exr", "--layout", "layered"]
    assert main([*typed, *how, *to, "--threads", "1", "--model", "sghm-lite"]) == 0
    return path


def test_a_plan_pins_the_file_and_workers_refuse_another(shot, planned):
    plan = Plan.from_json(planned.read_text())
    (one,) = plan.shots
    job = job_of(plan, one)

    assert len(one.people) == 16
    assert one.outputs == (
        "p_person_01.mov", "p_person_02.mov", "p_person_03.mov", "x.####.exr",
    )  # fmt: skip
    # What movies are made from is of all people, and they are told apart at the end.
    assert job.task(FrameRange(101, 104)).shot.matting.guides.people is None
    assert not any("people" in word for word in one.chunk_matting)
    text = (shot / "people.json").read_text()
    (shot / "people.json").write_text(text.replace('"notes": []', '"notes": ["x"]'))
    try:
        with pytest.raises(FarmError, match="another file of who is who than was planned"):
            job.task(FrameRange(101, 104))
    finally:
        (shot / "people.json").write_text(text)


@pytest.mark.slow
def test_chunks_of_a_farm_agree_with_a_shot_that_is_made_at_once(shot, planned, tmp_path):
    plan = Plan.from_json(planned.read_text())
    from sghm_vs.shots.batch.render import Rotoscoper
    from sghm_vs.shots.farm.assemble import assemble

    job = job_of(plan, plan.shots[0])
    render = Rotoscoper()
    for chunk in plan.shots[0].chunks:
        job.task(chunk.writes)(render, lambda *_: None)
    assemble(job)
    words = ["x.####.exr", "{shot}_{person}.mov", "--layout=layered", "--model=sghm-lite"]
    assert matte(shot, tmp_path / "once", *words) == 0

    made, once = Path(plan.folder), tmp_path / "once"
    for path in sorted(once.glob("*.exr")):
        assert path.read_bytes() == (made / path.name).read_bytes(), path.name
    for path in sorted(once.glob("*.mov")):
        ours = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
        assert np.array_equal(ours, oiio.ImageBuf(str(made / path.name)).get_pixels(oiio.FLOAT))


def test_words_of_people_read_back_in_plans():
    guides = made_of(Matting, from_words(["--people=/p.json", "--person=box:1,2,3,4@9"])).guides

    assert (guides.people, guides.person) == (Path("/p.json"), "box:1,2,3,4@9")
    with pytest.raises(SettingsError, match="person is 'who'"):
        made_of(Matting, from_words(["--person=who"]))


def test_names_of_outputs_become_as_many_as_there_are_people():
    how = {"shot": "sh", "output_format": OutputFormat()}

    found = fill_names(["a/{shot}_{person}.mov", "b.mov"], **how, people=[1, 12, 103])

    assert [path.name for path in found] == [
        "sh_person_01.mov", "sh_person_12.mov", "sh_person_103.mov", "b.mov",
    ]  # fmt: skip
    assert [person_of(path) for path in found] == [1, 12, 103, None]
    assert person_of(Path("person_04/x.mov")) is None
    assert person_of(Path("x_person_4.mov")) == 4
    assert person_name(7) == "person_07"
    with pytest.raises(ExportError, match=r"has \{person\} in a folder"):
        fill_names(["{person}/x.mov"], **how, people=[1])


def test_a_file_that_is_missing_is_told_before_anything_is_matted(shot, tmp_path, capsys):
    assert matte(shot, tmp_path, "x.####.png", people="none.json") == 1
    assert "none.json can't be read" in capsys.readouterr().err


def test_a_file_that_found_nobody_makes_an_empty_matte_and_a_line(shot, tmp_path, caplog):
    people = People.from_json((shot / "people.json").read_text())
    nobody = replace(people, people=(), boxes={}, masks={})
    (shot / "nobody.json").write_text(nobody.to_json())

    assert matte(shot, tmp_path, "x.0101.png", "--frames=101", people="nobody.json") == 0

    assert not cv2.imread(str(tmp_path / "x.0101.png"), cv2.IMREAD_UNCHANGED).any()
    assert "nobody.json found nobody in p: the matte is empty" in caplog.text


@pytest.mark.slow
def test_clips_of_an_edit_give_each_person_their_own_and_other_footage_fails_alone(
    shot, tmp_path, capsys
):
    other = write_shot(tmp_path / "other", meeting, range(101, 101 + LENGTH)).parent
    (other / "p.0103.png").write_bytes((other / "p.0104.png").read_bytes())
    edit = otio.schema.Timeline("cut")
    of = (("a", shot / "plate", 101), ("b", shot / "plate", 109), ("c", other, 103))
    clips = [clip_of(name, folder, first) for name, folder, first in of]
    edit.tracks.append(otio.schema.Track("V1", children=clips))
    otio.adapters.write_to_file(edit, str(tmp_path / "cut.otio"))
    words = ["timeline", str(tmp_path / "cut.otio"), "-o", str(tmp_path / "out"), "--quiet"]
    words += ["--tr", "0", "--handles", "0", "--to", "{shot}_{person}.####.png"]
    words += ["--people", str(shot / "people.json"), "--mask", str(shot / "mask")]

    assert main([*words, "--model", "sghm-lite", "--edits", "otio"]) == 1

    assert "c: " in capsys.readouterr().err
    made = {path.name for path in (tmp_path / "out").glob("*.png")}
    people = ("person_01", "person_02", "person_03")
    numbers = {"a": (101, 102), "b": (109, 110)}
    assert made == {
        f"{clip}_{who}.{n:04d}.png"
        for clip, both in numbers.items()
        for n in both
        for who in people
    }
    third, second = (
        cv2.imread(str(tmp_path / "out" / f"b_{who}.0110.png"), -1) for who in people[:0:-1]
    )
    assert third[140, 290] > 0 == second[140, 290]
    assert "b_person_01" in (tmp_path / "out" / "cut_mattes.otio").read_text()


def clip_of(name: str, folder: Path, first: int) -> otio.schema.Clip:
    """Return two frames of a sequence in `folder`, the first of them `first`."""
    reference = otio.schema.ImageSequenceReference(
        f"{folder.as_uri()}/", "p.", ".png", 101, 1, 24, 4, available_range=times(101, LENGTH)
    )
    return otio.schema.Clip(name, reference, times(first, 2))


def times(start: int, duration: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(duration, 24)
    )
