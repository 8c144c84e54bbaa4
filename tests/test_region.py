"""Rectangles of a shot, found by where people are in the whole of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.errors import SettingsError
from sghm_vs.matting.people.record import People
from sghm_vs.matting.people.region import regions_of, regions_of_people
from sghm_vs.matting.people.search import Box, parts_of, search, swept
from sghm_vs.media.readers import open_source
from sghm_vs.options import Guides, Matting
from sghm_vs.shots import region
from sghm_vs.shots.farm.plan import Plan
from sghm_vs.shots.region import with_region
from tests.clips import plane
from tests.crowds import people_of, walker, write_shot
from tests.scenes import clips, scene

pytestmark = pytest.mark.usefixtures("by_graphs")

LENGTH = 7
BAND = 0.02
ROI = (0, 64, 128, 112)
"""Of the one who walks on the left, in a picture of 320x176."""


def apart(n: int):
    """One who walks on the left, low in the picture, and one who stands on the right."""
    return [
        walker(n, 44, 2, y=116, radius=28, texture=1),
        walker(n, 270, 0, y=88, radius=40, texture=2),
    ]


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """Frames 101-107, and beside them the file of who is who."""
    plate = write_shot(tmp_path / "plate", apart, range(101, 101 + LENGTH))
    (tmp_path / "people.json").write_text(people_of(apart, LENGTH, open_source(plate)).to_json())
    return tmp_path


def at(*boxes: tuple[int, int, int, int]) -> People:
    """Return who is who of a picture of 1920x1080: one person, at looks 4 frames apart."""
    plate = people_of(apart, LENGTH, SOURCE)
    looks = tuple(4 * n for n in range(len(boxes)))
    return replace(
        plate,
        footage=replace(plate.footage, size=(1920, 1080)),
        looks=looks,
        people=plate.people[:1],
        boxes={1: dict(zip(looks, boxes, strict=True))},
    )


class _Source:
    """What of a source a file of who is who takes."""

    name, first_number, path = "p", 0, None
    clip = vs.core.std.BlankClip(width=320, height=176, length=LENGTH)


SOURCE = _Source()


def test_the_rectangle_holds_people_and_their_band_and_is_one_of_64_pixels():
    assert regions_of_people(at((300, 300, 100, 200)), [1], BAND) == ((256, 256, 192, 320),)


def test_it_holds_half_of_how_far_they_go_to_the_next_look():
    # From 300-400 to 420-520: 60 px more on both sides of each, and 22 of the band.
    found = regions_of_people(at((300, 300, 100, 200), (420, 300, 100, 200)), [1], 0.02)

    assert found == ((192, 192, 448, 448),)


def test_at_the_picture_s_end_it_ends():
    assert regions_of_people(at((1800, 900, 120, 180)), [1], BAND) == ((1728, 832, 192, 248),)


def test_where_it_saves_less_than_a_quarter_of_the_pixels_there_is_none():
    assert regions_of_people(at((100, 10, 1500, 1060)), [1], BAND) == ()
    assert regions_of_people(at((300, 300, 100, 200)), [], BAND) == ()


def test_people_far_apart_have_a_rectangle_each_and_near_ones_share_it():
    far = (100, 800, 60, 160), (1700, 700, 80, 200)
    near = (100, 800, 60, 160), (260, 800, 60, 160)

    assert regions_of(far, (1920, 1080), BAND) == ((64, 768, 128, 256), (1664, 640, 192, 320))
    assert regions_of(near, (1920, 1080), BAND) == ((64, 768, 320, 256),)


def test_of_a_crowd_there_are_few_rectangles_and_all_are_in_them():
    crowd = [(150 * n, 100 + 400 * (n % 3), 30, 60) for n in range(25)]

    found = regions_of(crowd, (3840, 2160), BAND)

    assert 1 < len(found) <= 6
    assert all(any(_holds(roi, box) for roi in found) for box in crowd)


def _holds(outer: Box, inner: Box) -> bool:
    return all(
        outer[n] <= inner[n] and inner[n] + inner[n + 2] <= outer[n] + outer[n + 2] for n in (0, 1)
    )


def seen_of(people: list[Box], least: float):
    """Return what a network sees of `people`: nobody who is shorter than `least` of a view."""

    def views(seen):
        planes = []
        for (left, top, width, height), long_side, _ in seen:
            scale = long_side / max(width, height)
            plane = np.zeros((round(height * scale), round(width * scale)), np.float32)
            for x, y, w, h in people:
                if h * scale >= least * long_side:
                    first, last = (x - left, y - top), (x + w - left, y + h - top)
                    columns, rows = (
                        slice(*(max(round(at * scale), 0) for at in ends))
                        for ends in zip(first, last, strict=True)
                    )
                    plane[rows, columns] = 1
            planes.append(plane)
        return planes

    return views


def test_somebody_too_small_for_the_whole_picture_is_found_in_a_part_of_it():
    person = 3000, 1500, 70, 216
    views = seen_of([person], 0.15)

    (found,) = search((3840, 2160), views)

    assert _holds(found, person)
    assert found[2] < 1.2 * 70
    assert found[3] < 1.2 * 216
    assert search((3840, 2160), views, thorough=False) == []
    (again,) = search((3840, 2160), views, [person], thorough=False)
    assert _holds(again, person)


def test_what_is_nobody_closer_by_is_nobody():
    def views(seen):
        planes = [np.zeros((252, 448), np.float32) for _ in seen]
        if seen[0].long_side_px == 448:
            planes[-1][100:140, 100:120] = 0.6
        return planes

    assert search((1920, 1080), views) == []


def test_somebody_beside_a_large_thing_that_may_be_one_is_looked_at_closer_by():
    person, thing = (2300, 1500, 90, 216), (1900, 1100, 700, 700)
    sees = seen_of([person], 0.3)

    def views(seen):
        planes = sees(seen)
        for made, ((left, top, width, _), side, _) in zip(planes, seen, strict=True):
            scale = side / width
            if side == 448:
                made[:] = 0
                x, y, w, h = (
                    round(at * scale) for at in (thing[0] - left, thing[1] - top, 700, 700)
                )
                made[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = 0.6
            elif width > 700:
                x, y = (round(at * scale) for at in (person[0] - left, person[1] - top))
                made[y : y + 40, x : x + 16] = 0.7
        return planes

    found = search((3840, 2160), views)

    assert any(_holds(box, person) for box in found)


def test_somebody_large_is_found_in_the_whole_picture_alone():
    person = 600, 100, 500, 980

    (found,) = search((1920, 1080), seen_of([person], 0.3))

    assert _holds(found, person)


@pytest.mark.parametrize("size", [(3840, 2160), (1080, 1920), (1248, 702), (449, 30), (64, 64)])
def test_parts_hold_all_of_the_picture_and_who_is_cut_by_one_is_whole_in_another(size):
    whole, *parts = parts_of(size)

    assert whole == (0, 0, *size)
    assert all(_holds(whole, part) for part in parts)
    covered = np.zeros(size[::-1], bool)
    for left, top, width, height in parts:
        covered[top : top + height, left : left + width] = True
    assert covered.all() or not parts


def test_who_is_seen_once_in_a_scene_was_nobody_and_who_comes_was_there_before():
    here, there = (100, 100, 40, 100), (120, 100, 40, 100)
    once = 900, 500, 30, 60

    stays = swept([[here], [here, once], [here]])
    comes = swept([[], [here], [there]])

    assert stays == [here] * 3
    # First seen at the second look: before, they were as far out as they went to the third.
    assert comes == [(80, 80, 80, 140), (110, 90, 60, 120)]


def test_a_script_takes_it_from_the_file_and_says_so_without_one(shot):
    clip, alpha = clips(LENGTH, lambda n: scene(n, apart(n)))
    people = people_of(apart, LENGTH, SOURCE)
    (shot / "zero.json").write_text(people.to_json())
    how = {"tr": 0, "mask": alpha, "people": shot / "zero.json", "person": 1}

    found, drawn = (sghm(clip, -1, **how, roi=roi) for roi in ("auto", ROI))

    assert np.array_equal(plane(found.get_frame(3)), plane(drawn.get_frame(3)))
    assert plane(found.get_frame(3)).any()
    with pytest.raises(vs.Error, match=r"sghm: roi is 'auto', .* sghm people SHOT -o people\.json"):
        sghm(clip, -1, roi="auto")


def matte(shot: Path, output: str, *words: str) -> int:
    how = ["--model", "sghm-lite", "--tr", "0", "--quiet", "--people", str(shot / "people.json")]
    return main(["matte", str(shot / "plate"), "-o", str(shot / output), *how, *words])


@pytest.mark.slow
def test_the_record_has_the_rectangle_and_a_part_of_a_shot_the_same(shot):
    assert matte(shot, "out/x.####.png", "--person", "1", "--roi", "auto") == 0
    assert matte(shot, "part/x.####.png", "--person", "1", "--roi", "auto", "--frames", "103") == 0
    assert matte(shot, "drawn/x.####.png", "--person", "1", "--roi", ",".join(map(str, ROI))) == 0

    (record,) = (shot / "out").glob("*.json")
    assert f'"roi": "{ROI}"' in record.read_text()
    whole, part, drawn = (
        (shot / folder / "x.0103.png").read_bytes() for folder in ("out", "part", "drawn")
    )
    assert whole == part == drawn


@pytest.fixture
def looked(monkeypatch) -> list[int]:
    """Return how many frames were looked at, each time; the one on the left is found in them."""
    times: list[int] = []

    def found(clip, _, progress=None):
        times.append(clip.num_frames)
        if progress is not None:
            progress(clip.num_frames, clip.num_frames)
        return [(16, 88, 68, 56)]

    monkeypatch.setattr(region, "where_people_are", found)
    return times


def test_without_a_file_the_shot_is_looked_at_as_a_whole(shot, looked):
    said: list[str] = []
    reported: list[tuple[int, int]] = []

    found = with_region(
        Matting(model="sghm-lite", guides=Guides(roi="auto")),
        open_source(shot / "plate"),
        tell=said.append,
        progress=lambda *how: reported.append(how),
    )

    assert found.guides.roi == ROI
    assert looked == [LENGTH]
    assert reported == [(LENGTH, LENGTH)]
    assert said == [
        f"roi auto: looking for people in {LENGTH} frames",
        "roi auto: 0,64,128,112, 3.9 times fewer pixels",
    ]


def test_a_network_that_sees_people_everywhere_leaves_the_whole_picture(shot, model):
    source, said = open_source(shot / "plate"), []

    found = with_region(Matting(model=model, guides=Guides(roi="auto")), source, tell=said.append)

    assert found.guides.roi is None
    assert said[-1] == "roi auto: people take most of the picture; all of it is matted"


def test_where_nobody_is_seen_the_whole_picture_is_matted_and_that_is_said(shot, monkeypatch):
    monkeypatch.setattr(region, "where_people_are", lambda *_: [])
    source, said = open_source(shot / "plate"), []
    how = Matting(model="sghm-lite", guides=Guides(roi="auto"))

    assert with_region(how, source, tell=said.append).guides.roi is None
    assert said[-1] == "roi auto: nobody is seen; all of it is matted"


def test_where_a_guide_says_who_is_matted_the_rectangle_has_to_be_given(shot):
    guides = Guides(roi="auto", mask=shot / "plate")

    with pytest.raises(SettingsError, match="and mask says otherwise who is matted; give the rect"):
        with_region(Matting(guides=guides), open_source(shot / "plate"))


def test_a_plan_pins_it(shot, capsys):
    words = ["--people", str(shot / "people.json"), "--person", "1", "--roi", "auto"]
    words += ["--model", "sghm-lite", "--tr", "0", "--to", "{shot}.####.png"]
    plan = shot / "farm" / "plan.json"

    assert main(["farm", "plan", str(shot / "plate"), "-o", str(plan), "--chunk", "3", *words]) == 0

    assert "p: roi auto: 0,64,128,112, 3.9 times fewer pixels\n" in capsys.readouterr().err
    (planned,) = Plan.from_json(plan.read_text()).shots
    assert f"--roi={','.join(map(str, ROI))}" in planned.matting


@pytest.mark.slow
def test_a_batch_finds_it_for_each_shot_and_resumed_makes_nothing_again(shot, capsys):
    how = ["--model", "sghm-lite", "--tr", "0", "--to", "{shot}.####.png", "--person", "1"]
    how += ["--people", str(shot / "people.json"), "--jobs", "1"]
    command = ["batch", str(shot / "plate"), "-o", str(shot / "b"), "--roi", "auto", *how]

    assert main(command) == 0
    said = capsys.readouterr().err
    assert said.count("p: roi auto: 0,64,128,112, 3.9 times fewer pixels\n") == 1
    assert main([*command, "--resume", "--dry-run"]) == 0
    assert "0 shots to make, 1 done" in capsys.readouterr().out
    assert matte(shot, "d/x.####.png", "--person", "1", "--roi", ",".join(map(str, ROI))) == 0

    (record,) = [one for one in (shot / "b").glob("*.json") if one.name != "manifest.json"]
    assert f'"roi": "{ROI}"' in record.read_text()
    found, drawn = (
        [one.read_bytes() for one in sorted((shot / folder).glob("*.png"))] for folder in "bd"
    )
    assert found == drawn
    assert len(found) == LENGTH


@pytest.mark.slow
def test_each_clip_of_an_edit_has_the_rectangle_of_its_shot(shot, capsys):
    reference = otio.schema.ImageSequenceReference(
        f"{(shot / 'plate').as_uri()}/", "p.", ".png", 101, 1, 24, 4,
        available_range=times(101, LENGTH),
    )  # fmt: skip
    shown = [
        otio.schema.Clip(name, reference, times(at, 2)) for name, at in (("a", 102), ("b", 105))
    ]
    edit = otio.schema.Timeline("cut")
    edit.tracks.append(otio.schema.Track("V1", children=shown))
    otio.adapters.write_to_file(edit, str(shot / "cut.otio"))
    how = ["--model", "sghm-lite", "--tr", "0", "--handles", "0", "--to", "{shot}.####.png"]
    how += ["--people", str(shot / "people.json"), "--person", "1", "--roi", "auto"]

    assert main(["timeline", str(shot / "cut.otio"), "-o", str(shot / "e"), *how]) == 0
    assert capsys.readouterr().err.count("roi auto: 0,64,128,112, 3.9 times fewer pixels\n") == 2
    assert matte(shot, "d/x.####.png", "--person", "1", "--roi", ",".join(map(str, ROI))) == 0

    made = {one.name: one.read_bytes() for one in (shot / "e").glob("*.png")}
    wanted = {"a": (102, 103), "b": (105, 106)}
    assert made == {
        f"{name}.{n:04}.png": (shot / f"d/x.{n:04}.png").read_bytes()
        for name, numbers in wanted.items()
        for n in numbers
    }


def times(start: int, duration: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(duration, 24)
    )


TWO = (0, 64, 128, 112), (192, 0, 128, 176)


@pytest.mark.slow
def test_several_rectangles_are_matted_each_by_itself_in_any_order():
    clip, _ = clips(LENGTH, lambda n: scene(n, apart(n)))

    both, left, right = (
        sghm(clip, -1, "sghm-lite", tr=1, roi=roi) for roi in (TWO, TWO[0], TWO[1])
    )
    backwards = {n: plane(both.get_frame(n)) for n in reversed(range(LENGTH))}
    again = sghm(clip, -1, "sghm-lite", tr=1, roi=TWO)

    for n in range(LENGTH):
        one, other = (plane(each.get_frame(n)) for each in (left, right))
        assert np.array_equal(backwards[n], np.maximum(one, other))
        assert np.array_equal(plane(again.get_frame(n)), backwards[n])
        assert not backwards[n][:, 128:192].any()


@pytest.mark.slow
def test_shards_with_several_rectangles_are_those_of_the_whole_byte_for_byte(shot):
    words = ["--roi", "0,64,128,112+192,0,128,176", "--tr", "1"]

    def frames(folder: str, *more: str) -> dict[str, bytes]:
        how = ["--model", "sghm-lite", "--quiet", *words, *more]
        target = shot / folder
        assert main(["matte", str(shot / "plate"), "-o", str(target / "x.####.exr"), *how]) == 0
        return {one.name: one.read_bytes() for one in sorted(target.glob("*.exr"))}

    whole = frames("whole")
    first, last = frames("first", "--frames", "101-103"), frames("last", "--frames", "104-107")

    assert len(whole) == LENGTH
    assert {**last, **first} == whole


def test_a_rectangle_of_several_that_is_none_is_refused(shot, capsys):
    assert matte(shot, "x.####.png", "--roi", "0,64,128,112+192,0,128,999") == 1
    assert "roi is 192,0,128,999, and the picture is 320x176" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        matte(shot, "x.####.png", "--roi", "0,64,128,112+")
    assert "'' is no rectangle; write X,Y,WIDTH,HEIGHT" in capsys.readouterr().err


def test_the_command_that_tells_people_apart_prints_it(shot, monkeypatch, capsys):
    people = people_of(apart, LENGTH, open_source(shot / "plate"))
    people = replace(people, people=people.people[:1])
    monkeypatch.setattr("sghm_vs.shots.people.look_for_people", lambda *_, **__: people)
    words = ["people", str(shot / "plate"), "-o", str(shot / "found.json"), "--quiet"]

    assert main(words) == 0
    assert main([*words, "--overwrite", "--json"]) == 0

    lines, found = capsys.readouterr().out.split("{", 1)
    assert lines.rstrip().endswith("all of them are within --roi 0,64,128,112")
    assert json.loads("{" + found)["roi"] == "0,64,128,112"
