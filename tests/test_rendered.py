"""Rendered people: all that needs neither Blender nor the assets, and one picture where both are."""

import dataclasses
import hashlib
import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from weights.training import pack
from weights.training.rendered import (
    body,
    camera,
    develop,
    extract_assets,
    figure,
    geometry,
    groups,
    hair,
    motion,
    options,
    people,
    poses,
    sheet,
    surroundings,
    wardrobe,
)

PYTHON = os.environ.get("SGHM_RENDER_PYTHON", "")
ROOT = os.environ.get("SGHM_RENDER_ROOT", "")


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def bone_names() -> list[str]:
    middle = ["root", *poses.SPINE, *poses.NECK]
    limbs = ["clavicle", "upperarm01", "lowerarm01", "lowerarm02", "wrist"]
    limbs += ["upperleg01", "lowerleg01", "foot"]
    limbs += [f"finger{f}-{j}" for f in range(1, 6) for j in (1, 2, 3)]
    return middle + [f"{bone}.{side}" for side in "LR" for bone in limbs]


@pytest.fixture
def skeleton() -> tuple[body.Body, np.ndarray, np.ndarray]:
    """Bones at places that are no person's, but apart from each other."""
    bones = bone_names()
    heads = rng().normal(0, 3, (len(bones), 3))
    mesh = body.Mesh(np.zeros((1, 3)), [], np.zeros((1, 2)), [])
    parents = [-1] + [0] * (len(bones) - 1)
    weights = np.eye(1, len(bones))
    return body.Body(mesh, {}, {}, bones, parents, weights, {}), heads, heads + rng(2).random(3)


def standing(height: float = 1.7) -> figure.Standing:
    """Somebody who is an upright cylinder."""
    points, _ = surroundings.cylinder(np.array([0, 0, 0.0]), np.array([0, 0, height]), 0.2)
    bones = body.Skeleton(np.eye(3)[None], np.zeros((1, 3)), np.zeros((1, 3)))
    head = hair.Head(np.array([0, 0, height - 0.1]), np.eye(3), 0.03, 0, "part")
    return figure.Standing([points], points, bones, head, 0.0)


@pytest.mark.parametrize("arguments", [["--start", "9999"], ["--ids", "10000", "24"]])
def test_numbers_of_people_who_are_reported_on_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        options.parse(["--root", "r", "--out", "o", *arguments])
    assert "reserved for reporting; begin at 10000" in capsys.readouterr().err


def test_five_people_in_a_picture_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        options.parse(["--root", "r", "--out", "o", "--set", '{"people": 5}'])
    assert "1 to 4" in capsys.readouterr().err


def test_people_who_are_done_are_not_made_again(tmp_path: Path) -> None:
    options.done_mark(tmp_path, 10002).touch()
    asked = options.parse(
        ["--root", "r", "--out", str(tmp_path), "--start", "10000", "--step", "2", "--count", "3"]
    )
    assert list(options.persons(asked)) == [10000, 10004]


def test_nobody_is_begun_after_the_time(tmp_path: Path) -> None:
    asked = options.parse(["--root", "r", "--out", str(tmp_path), "--until", "0000"])
    assert list(options.persons(asked)) == []


def test_files_are_named_by_person_and_view_or_frame() -> None:
    assert options.view_name(12000, 1) == "12000b"
    assert options.frame_name(12000, 3) == "12000_f03"
    assert options.front_name("12000b") == "12000b_front"


@pytest.mark.parametrize("years", [-3, 10, 24.9, 90])
def test_only_adults_are_made(years: float) -> None:
    with pytest.raises(ValueError, match="25 to 89"):
        body.age_on_scale(years)
    with pytest.raises(ValueError, match="25 to 89"):
        people.draw_traits(rng(), {"age": years})


def test_everybody_drawn_is_an_adult() -> None:
    ages = [people.draw_traits(rng(seed)).age for seed in range(300)]
    assert min(ages) >= 25
    assert max(ages) <= 89
    built = people.draw_build(rng(), people.draw_traits(rng(), {"age": 25}))
    young = [name for name, _ in body.macro_targets(dataclasses.replace(built, age=0.5))]
    assert not [name for name in young if "child" in name or "baby" in name]


def test_a_seed_is_a_person() -> None:
    assert people.draw_traits(rng(5)) == people.draw_traits(rng(5))
    assert people.draw_traits(rng(5)) != people.draw_traits(rng(6))


def test_traits_are_as_asked_for() -> None:
    traits = people.draw_traits(rng(), {"sex": "m", "hair": "afro", "framing": "head"})
    assert (traits.sex, traits.hair, traits.outfit == "dress") == ("m", "afro", False)


@pytest.mark.parametrize("family", poses.FAMILIES)
def test_poses_are_rotations_and_a_seed_is_a_pose(
    family: str, skeleton: tuple[body.Body, np.ndarray, np.ndarray]
) -> None:
    drawn = [
        poses.draw_posture(*skeleton, family, rng(3), Path(), {"L": poses.AROUND}) for _ in "ab"
    ]
    for bone, turn in drawn[0].turns.items():
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(turn) == pytest.approx(1)
        np.testing.assert_array_equal(turn, drawn[1].turns[bone])


def test_vertices_move_with_their_bones(
    skeleton: tuple[body.Body, np.ndarray, np.ndarray],
) -> None:
    made, heads, _ = skeleton
    turn = geometry.rotation([0, 1, 0], np.pi / 2)
    posed = body.posed_skeleton(made, heads, {}, turn)
    weights = np.eye(len(made.bones))
    np.testing.assert_allclose(posed.moved(heads, weights)[1:], posed.places[1:], atol=1e-5)
    np.testing.assert_allclose(posed.places[1] - heads[0], turn @ (heads[1] - heads[0]))


def test_a_motion_goes_smoothly_from_its_first_posture() -> None:
    turns = {"head": geometry.rotation([0, 1, 0], 0.0)}
    last = {"head": geometry.rotation([0, 1, 0], 1.0)}
    first, last = (poses.Posture(t, np.eye(3), "stand") for t in (turns, last))
    planned = motion.draw_motion(rng(), first, last, "stand", 8)
    angles = [
        geometry.axis_and_angle(planned.posture_at(t).turns["head"])[1]
        for t in np.linspace(0, 1, 8)
    ]
    assert angles[0] == pytest.approx(0, abs=1e-6)
    assert angles[-1] == pytest.approx(planned.reach)
    assert (np.diff(angles) > 0).all()


@pytest.mark.parametrize("angle", [0.0, 0.3, 2.0, np.pi - 1e-5, np.pi])
def test_half_a_turn_twice_is_a_turn(angle: float) -> None:
    turn = geometry.rotation([0.2, 1, -0.4], angle)
    half = geometry.between_rotations(np.eye(3), turn, 0.5)
    np.testing.assert_allclose(half @ half, turn, atol=1e-4)


def test_legs_that_carry_somebody_stay() -> None:
    first = poses.Posture({"foot.L": np.eye(3)}, np.eye(3), "sit")
    last = poses.Posture({"foot.L": geometry.rotation([1, 0, 0], 1)}, np.eye(3), "sit")
    assert (
        motion.draw_motion(rng(), first, last, "sit", 9).last.turns["foot.L"] == np.eye(3)
    ).all()


def test_sub_frames_lie_around_their_frame() -> None:
    times = motion.frame_times(8, 4, 0.5)
    assert len(times) == 8
    assert np.mean(times[3]) == pytest.approx(3 / 7)
    assert np.ptp(times[3]) == pytest.approx(0.5 / 7 * 3 / 4)
    assert motion.frame_times(8, 1, 0.5)[7] == [1.0]


@pytest.mark.parametrize("frames", [7, 17])
def test_motions_have_8_to_16_frames(frames: int) -> None:
    still = poses.Posture({}, np.eye(3), "stand")
    with pytest.raises(ValueError, match="8 to 16"):
        motion.draw_motion(rng(), still, still, "stand", frames)


@pytest.mark.parametrize("arrangement", groups.ARRANGEMENTS)
def test_people_stand_apart(arrangement: str) -> None:
    places = np.array([place.offset for place in groups.draw_places(rng(), arrangement, 4)])
    assert (places[0] == 0).all()
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 0.2


def test_feet_are_on_the_floor() -> None:
    put = groups.put(standing(), groups.Place(1.0, (1, 2)), 0.5)
    assert put.skin[:, 2].min() == pytest.approx(0.5)
    assert put.turned == 1.0
    np.testing.assert_allclose(put.skin.mean(0)[:2], [1, 2], atol=1e-5)


@pytest.mark.parametrize("style", [name for name in hair.STYLES if name != "afro"])
def test_strands_are_finite_and_outside_the_head(style: str) -> None:
    points, faces = surroundings.ball(np.zeros(3), 0.1, rings=30, sides=40)
    scalp = hair.Surface(points, geometry.unit(points))
    head = hair.Head(np.zeros(3), np.eye(3), 0.03, 0.0, "part")
    weight = (points[:, 2] > 0.02).astype(float)
    grown = hair.grow_hair(
        rng(), style, head, scalp, geometry.triangles(faces), weight, scalp, 0.02
    )
    assert len(grown) == (2 if style == "braid" else 1)
    for strands in grown:
        assert strands.points.shape[:2] == strands.radii.shape
        assert np.isfinite(strands.points).all()
        assert np.quantile(np.linalg.norm(strands.points[:, 1:], axis=2), 0.02) > 0.095
        assert strands.radii.min() > 0


def test_whoever_is_not_cut_is_in_the_frame() -> None:
    person = standing()
    drawn = (camera.draw_camera(rng(k), [person], "full", "front", 640) for k in range(40))
    whole = [c for c in drawn if not c.cut]
    assert len(whole) > 20
    for taken in whole:
        x, y, z = ((person.points - taken.place) @ taken.axes).T
        longer = max(taken.size)
        scale = taken.lens_mm / camera.FILM_MM * longer
        assert (abs(x / -z * scale - taken.shift[0] * longer) < taken.size[0] * 0.6).all()
        assert (abs(y / -z * scale - taken.shift[1] * longer) < taken.size[1] * 0.6).all()
        assert taken.size[0] % 2 == taken.size[1] % 2 == 0


@pytest.mark.parametrize("kind", surroundings.SEATS)
def test_seats_are_below_who_sits(kind: str) -> None:
    seat = surroundings.Seat(np.array([1, 2, 0.45]), 0.3, 0.0, 0.2)
    thing = surroundings.furniture(rng(), kind, seat)
    assert max(f.max() for f in thing.faces) == len(thing.vertices) - 1
    assert thing.vertices[:, 2].min() == pytest.approx(0, abs=1e-6)
    near = np.linalg.norm(thing.vertices[:, :2] - [1, 2], axis=1) < 0.15
    assert (thing.vertices[near, 2] < 0.46).all()


@pytest.mark.parametrize("kind", surroundings.HELD)
def test_what_is_held_touches_the_hand(kind: str) -> None:
    hand = surroundings.Hand(np.ones(3), *np.eye(3))
    thing = surroundings.held(rng(), kind, hand)
    assert thing.name == kind
    assert (abs(thing.vertices - 1).max(0) < 1.2).all()
    assert set(surroundings.holding_arms(rng(), kind)) <= {"L", "R"}


def test_only_a_shadow_is_caught_where_there_is_no_floor() -> None:
    assert surroundings.floor_of(rng(), "shadow", 0.0).catches_shadow_only
    assert not surroundings.floor_of(rng(), "ground", 0.0).catches_shadow_only


def test_color_is_straight_and_goes_on_beyond_the_edge() -> None:
    alpha = np.zeros((32, 32), np.float32)
    alpha[:, :16] = 1
    alpha[:, 16] = 0.5
    premultiplied = alpha[..., None] * np.float32([0.2, 0.4, 0.6])
    np.testing.assert_allclose(
        develop.straight(premultiplied, alpha), np.broadcast_to([0.2, 0.4, 0.6], (32, 32, 3)), 0.02
    )


def test_alpha_within_a_step_of_its_ends_is_at_them() -> None:
    assert develop.cleaned(np.array([-0.1, 0.003, 0.5, 0.997, 2])).tolist() == [0, 0, 0.5, 1, 1]


def test_pictures_have_sixteen_bits_blue_first() -> None:
    color = develop.to_srgb(np.broadcast_to(np.float32([1, 0, 0]), (1, 1, 3)))
    picture = develop.sixteen_bit(color, np.full((1, 1), 0.5))
    assert picture.dtype == np.uint16
    assert picture[0, 0, 0] == 0
    assert picture[0, 0, 2] > 50000
    assert picture[0, 0, 3] == 32768


def test_a_person_and_the_front_add_up_before_a_background() -> None:
    person, front = np.ones((1, 1, 4)), np.ones((1, 1, 4))
    person[..., 3], front[..., 3] = 0.25, 0.75
    front[..., :3] = 0
    found = sheet.over(person, front, np.ones((1, 1, 3)))
    np.testing.assert_allclose(sheet.linear(found), 0.25, atol=1e-6)


def test_pictures_of_what_is_in_front_are_no_people(tmp_path: Path) -> None:
    for folder in ("rendered/img", "rendered/alpha", "hair/img", "hair/alpha"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    picture = np.full((16, 16, 4), 65535, np.uint16)
    for name in ("12000a", options.front_name("12000a")):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    found = [(entry.kind, entry.name) for entry in pack.rendered(tmp_path / "data", tmp_path)]
    assert sorted(found) == [("cutout", "render_12000a"), ("front", "render_12000a")]


def test_a_sheet_leaves_out_what_is_in_front(tmp_path: Path) -> None:
    for name in ("a.png", "a_front.png"):
        (tmp_path / name).touch()
    assert [path.name for path in sheet.renders([tmp_path])] == ["a.png"]


def test_lists_of_vertices_have_ranges() -> None:
    assert list(wardrobe.numbers_in("3 5 - 7 9-10")) == [3, 5, 6, 7, 9, 10]


def test_poses_come_out_of_bvh_files(tmp_path: Path) -> None:
    path = tmp_path / "turned.bvh"
    path.write_text(
        "HIERARCHY\nROOT root\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition "
        "Zrotation Xrotation Yrotation\nJOINT head\n{\nOFFSET 0 1 0\nCHANNELS 3 Zrotation "
        "Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n}\nMOTION\nFrames: 1\n"
        "Frame Time: 0.04\n0 0 0 0 0 90 0 45 0\n"
    )
    (frame,) = wardrobe.read_bvh(path)
    np.testing.assert_allclose(frame["root"], geometry.rotation([0, 1, 0], np.pi / 2), atol=1e-9)
    np.testing.assert_allclose(frame["head"], geometry.rotation([1, 0, 0], np.pi / 4), atol=1e-9)


def test_a_picture_is_known_by_its_sum() -> None:
    pointer = b"oid sha256:" + hashlib.sha256(b"picture").hexdigest().encode()
    assert extract_assets.judged(pointer, b"picture") == extract_assets.SAME
    assert extract_assets.judged(pointer, b"other") == extract_assets.DIFFERENT
    assert extract_assets.judged(pointer, None) == extract_assets.ABSENT


@pytest.mark.slow
@pytest.mark.skipif(
    not (PYTHON and ROOT),
    reason="SGHM_RENDER_PYTHON names no Python 3.11 with bpy, or SGHM_RENDER_ROOT no assets",
)
def test_a_person_is_rendered(tmp_path: Path) -> None:
    program = [PYTHON, "-m", "weights.training.rendered", "--root", ROOT, "--out", str(tmp_path)]
    asked = {"people": 1, "held": "mug", "family": "stand", "framing": "full"}
    program += ["--ids", "10001", "--views", "1", "--size", "96", "--set", json.dumps(asked)]
    subprocess.run(program, check=True, cwd=Path(__file__).parents[1])
    picture = cv2.imread(str(tmp_path / "10001a.png"), cv2.IMREAD_UNCHANGED)
    front = cv2.imread(str(tmp_path / "10001a_front.png"), cv2.IMREAD_UNCHANGED)
    notes = json.loads((tmp_path / "10001a.json").read_text())
    assert picture.dtype == front.dtype == np.uint16
    assert (picture[..., 3].astype(int) + front[..., 3] <= 65535 * 1.3).all()
    assert notes["coverage"] == pytest.approx(picture[..., 3].mean() / 65535, abs=1e-3)
    assert notes["front"] == "10001a_front"
    (person,) = notes["people"]
    assert 25 <= person["age"] <= 89
    assert person["held"] == "mug"
    assert (tmp_path / "10001.done").exists()
