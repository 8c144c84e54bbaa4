"""One rectangle a shot, found by where people are in the whole of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.errors import SettingsError
from sghm_vs.matting.people.record import People
from sghm_vs.matting.people.region import region_of_people
from sghm_vs.media.readers import open_source
from sghm_vs.options import Guides, Matting
from sghm_vs.shots import region
from sghm_vs.shots.farm.plan import Plan
from sghm_vs.shots.region import with_region
from tests.clips import plane
from tests.crowds import people_of, walker, write_shot
from tests.scenes import clips, scene

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
    assert region_of_people(at((300, 300, 100, 200)), [1], BAND) == (256, 256, 192, 320)


def test_it_holds_half_of_how_far_they_go_to_the_next_look():
    # From 300-400 to 420-520: 60 px more on both sides of each, and 22 of the band.
    found = region_of_people(at((300, 300, 100, 200), (420, 300, 100, 200)), [1], 0.02)

    assert found == (192, 192, 448, 448)


def test_at_the_picture_s_end_it_ends():
    assert region_of_people(at((1800, 900, 120, 180)), [1], BAND) == (1728, 832, 192, 248)


def test_where_it_saves_less_than_a_quarter_of_the_pixels_there_is_none():
    assert region_of_people(at((100, 10, 1500, 1060)), [1], BAND) is None
    assert region_of_people(at((300, 300, 100, 200)), [], BAND) is None


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


def test_without_a_file_the_shot_is_looked_at_as_a_whole(shot, monkeypatch):
    source, said = open_source(shot / "plate"), []
    looked: list[int] = []
    people = people_of(apart, LENGTH, source)
    monkeypatch.setattr(
        region, "look_for_people", lambda seen, _: looked.append(seen.clip.num_frames) or people
    )
    monkeypatch.setattr(region, "region_of_people", lambda *_: ROI)

    found = with_region(
        Matting(model="sghm-lite", guides=Guides(roi="auto")), source, tell=said.append
    )

    assert found.guides.roi == ROI
    assert looked == [LENGTH]
    assert said == ["roi auto: 0,64,128,112, 3.9 times fewer pixels"]


def test_a_network_that_sees_people_everywhere_leaves_the_whole_picture(shot, model):
    source, said = open_source(shot / "plate"), []

    found = with_region(Matting(model=model, guides=Guides(roi="auto")), source, tell=said.append)

    assert found.guides.roi is None
    assert said == ["roi auto: people take most of the picture, or none of it; all of it is matted"]


def test_where_a_guide_says_who_is_matted_the_rectangle_has_to_be_given(shot):
    guides = Guides(roi="auto", mask=shot / "plate")

    with pytest.raises(SettingsError, match="and mask says otherwise who is matted; give the rect"):
        with_region(Matting(guides=guides), open_source(shot / "plate"))


def test_a_plan_pins_it_and_a_batch_asks_for_it(shot, capsys):
    words = ["--people", str(shot / "people.json"), "--person", "1", "--roi", "auto"]
    words += ["--model", "sghm-lite", "--tr", "0", "--to", "{shot}.####.png"]
    plan = shot / "farm" / "plan.json"

    assert main(["farm", "plan", str(shot / "plate"), "-o", str(plan), "--chunk", "3", *words]) == 0
    assert main(["batch", str(shot / "plate"), "-o", str(shot / "b"), *words]) == 1

    (planned,) = Plan.from_json(plan.read_text()).shots
    assert f"--roi={','.join(map(str, ROI))}" in planned.matting
    assert "asked for with roi auto, which is for sghm matte" in capsys.readouterr().err


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
