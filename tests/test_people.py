"""People are told apart once for a shot: ids last, whoever passes, meets, leaves and comes back."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import vapoursynth as vs
from pycocotools import mask as coco
from safetensors.torch import save_file

from benchmarks.people import crossings
from sghm_vs.cli import main
from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.matting.people.choice import choose
from sghm_vs.matting.people.find import Found, find_people, heads
from sghm_vs.matting.people.looks import LEAST, look_at, pieces_of
from sghm_vs.matting.people.record import People, from_runs, read_people, to_runs
from sghm_vs.media.readers import open_source
from sghm_vs.media.readers.id_pictures import palette, read_ids
from sghm_vs.options import Matting, PeopleOptions, parse_person
from sghm_vs.shots.people import look_for_people
from sghm_vs.shots.people_file import digest_of
from sghm_vs.shots.shot import Prepared, prepare
from tests.crowds import (
    MASK_SIZE,
    Draw,
    found,
    ids_of,
    people_of,
    switches,
    truth,
    walker,
    write_shot,
)
from tests.scenes import HEIGHT, WIDTH

pytestmark = pytest.mark.usefixtures("by_graphs")

core = vs.core


def crossing(n: int, textures: tuple[int, int] = (1, 2)):
    """Two who walk through each other, the second one in front."""
    return [walker(n, 40, 8, texture=textures[0]), walker(n, 280, -8, texture=textures[1])]


LENGTH = 30
"""Frames in which they change places."""


def twins(n: int):
    return crossing(n, (1, 1))


def touching(n: int):
    """Two who touch from the first frame to the last."""
    return [walker(n, x, 1, radius=30, texture=texture) for x, texture in ((130, 1), (180, 2))]


def seen_as(draw: Draw, length: int, **how: object) -> tuple[dict[int, list[int]], Found]:
    looks, who = found(draw, length, **how)
    return ids_of(looks, who, draw), who


def test_people_who_never_touch_keep_their_ids():
    def passing(n: int):
        return [
            walker(n, 60, 3, y=50, radius=24, texture=1),
            walker(n, 260, -3, y=126, radius=24, texture=2),
        ]

    ids, who = seen_as(passing, 24)

    assert {texture: set(seen) for texture, seen in ids.items()} == {1: {1}, 2: {2}}
    assert who.contacts == ()


def test_two_who_cross_keep_their_ids_and_the_file_says_where_they_touch():
    looks, who = found(crossing, LENGTH)
    ids = ids_of(looks, who, crossing)

    assert {texture: set(seen) for texture, seen in ids.items()} == {1: {1}, 2: {2}}
    (contact,) = who.contacts
    assert (contact.people, contact.carried) == ((1, 2), "both ways")
    assert 0 < contact.first < LENGTH / 2 < contact.last < LENGTH
    # Labels where they touch are mostly right.
    for look, labels in zip(looks, who.labels, strict=True):
        true = truth(crossing(look.number))
        both = (true > 0) & (labels > 0)
        assert (labels[both] == true[both]).mean() > 0.8, look.number


def ends(draw: Draw, length: int, **how: object) -> dict[int, float]:
    """Return where each person is in the last frame, in pixels from the left."""
    _, who = found(draw, length, **how)
    labels = who.labels[-1]
    return {int(n): 2 * float(np.nonzero(labels == n)[1].mean()) for n in np.unique(labels) if n}


def test_twins_who_cross_change_ids_at_most_once():
    where = ends(twins, LENGTH)

    assert set(where) == {1, 2}


def id_picture(draw: Draw, n: int, ids: tuple[int, ...]) -> np.ndarray:
    """Return a key: the `ids` of those who are drawn, where they are seen."""
    numbered = [walker(0, one.at[0], 0, texture=at) for at, one in enumerate(draw(n), start=1)]
    labels = truth(numbered)
    return np.asarray([0, *ids], np.uint8)[labels]


def test_one_key_after_a_crossing_puts_twins_right():
    key = {24: id_picture(twins, 24, (1, 2))}

    where = ends(twins, LENGTH, keys=key)

    assert where[1] == pytest.approx(272, abs=9)
    assert where[2] == pytest.approx(48, abs=9)


def test_two_who_touch_throughout_are_one_and_it_is_said():
    ids, who = seen_as(touching, 15)

    assert ids[1] == ids[2]
    assert len(who.notes) == 1
    assert who.notes[0].startswith("wider than tall: 1; ")
    assert "key" in who.notes[0]


def standing(*people: tuple[int, int]) -> np.ndarray:
    """Return where people stand, (120, 160), each a head over shoulders at (x, top)."""
    area = np.zeros((120, 160), np.uint8)
    for x, top in people:
        cv2.circle(area, (x, top + 9), 9, 1, -1)
        cv2.rectangle(area, (x - 15, top + 20), (x + 15, 119), 1, -1)
        cv2.rectangle(area, (x - 3, top + 15), (x + 3, top + 22), 1, -1)
    return area > 0


@pytest.mark.parametrize(
    ("people", "count"),
    [([(60, 10)], 1), ([(60, 10), (88, 14)], 2), ([(60, 10), (90, 30)], 2), ([(30, 100)], 1)],
    ids=["one", "two", "a taller one", "too small to tell"],
)
def test_two_tall_people_who_touch_are_known_by_their_heads(people, count):
    assert heads(standing(*people)) == count


def test_of_two_tall_people_who_touch_throughout_it_is_said_that_they_may_be_several():
    mask = standing((60, 10), (88, 14)).astype(np.float32)
    look = look_at(1, mask, np.zeros((*mask.shape, 3), np.float32))

    who = find_people([look], [])

    assert [note.partition(";")[0] for note in who.notes] == ["with more than one head: 1"]


def strokes(n: int) -> np.ndarray:
    """Return a key of `touching` with a dot on each."""
    labels = truth(touching(n))
    key = np.zeros_like(labels)
    for person in (1, 2):
        rows, columns = np.nonzero(labels == person)
        cv2.circle(key, (int(columns.mean()), int(rows.mean())), 3, person, -1)
    return key


@pytest.mark.parametrize("key", [lambda n: truth(touching(n)), strokes], ids=["whole", "dots"])
def test_a_key_tells_two_apart_who_touch_throughout(key):
    ids, _ = seen_as(touching, 15, keys={8: key(8)})

    assert {texture: set(seen) for texture, seen in ids.items()} == {1: {1}, 2: {2}}


def test_a_key_s_numbers_are_those_of_the_file():
    key = np.asarray([0, 7, 9], np.uint8)[truth(touching(8))]

    ids, _ = seen_as(touching, 15, keys={8: key})

    assert {texture: set(seen) for texture, seen in ids.items()} == {1: {7}, 2: {9}}


def test_two_who_touch_at_first_and_part_are_two_from_the_first_frame_on():
    def parting(n: int):
        away = 4 * max(n - 9, 0)
        return [
            walker(0, 130 - away, 0, radius=30, texture=1),
            walker(0, 180 + away, 0, radius=30, texture=2),
        ]

    ids, who = seen_as(parting, 27)

    assert all(switches(seen) == 0 for seen in ids.values())
    assert ids[1][0] != ids[2][0]
    assert who.contacts[0].carried == "from after"


@pytest.mark.slow
@pytest.mark.parametrize(("back", "same"), [(1, True), (2, False)])
def test_who_leaves_and_comes_back_is_the_same_and_another_is_not(back, same):
    def leaving(n: int):
        turns = 20
        x = 160 + 12 * min(n, turns) - 12 * max(n - turns, 0)
        who = walker(0, x, 0, texture=1 if n < turns else back)
        return [who, walker(n, 60, 0, radius=20, texture=3)]

    ids, _ = seen_as(leaving, 40)

    assert switches(ids[3]) == 0
    assert (set(ids[1]) == set(ids[back])) == same


def test_who_passes_behind_a_pillar_is_the_same_and_their_place_is_filled():
    def behind(n: int):
        return [walker(n, 60, 10, radius=26)]

    looks, who = found(behind, 20, hide=np.s_[:, 70:96])
    seen = [int(n) for labels in who.labels for n in np.unique(labels) if n]

    assert set(seen) == {1}
    assert len(seen) == len(looks)


def test_after_a_cut_nobody_is_followed_by_their_place():
    def cut(n: int):
        return [walker(0, 160, 0, texture=1 if n < 12 else 2)]

    ids, _ = seen_as(cut, 24, cuts=[12])

    assert set(ids[1]) == {1}
    assert set(ids[2]) == {2}


def test_a_hand_that_is_seen_apart_for_a_moment_is_its_person_s():
    def waving(n: int):
        hand = [walker(0, 160 + 38 + 9, 0, radius=7, texture=1)] if n in (9, 10, 11) else []
        return [walker(0, 160, 0, texture=1), *hand]

    ids, _ = seen_as(waving, 24)

    assert set(ids[1]) == {1}


def test_a_glimpse_that_meets_somebody_takes_nothing_of_them():
    def glimpsed(n: int):
        other = [walker(n, 20 + 24 * (n - 9), 0, radius=14, texture=2)] if 9 <= n < 15 else []
        return [walker(0, 200, 0, radius=50, texture=1), *other]

    ids, _ = seen_as(glimpsed, 30)

    assert set(ids[1]) == {1}


def test_specks_are_nobody_and_pieces_are_numbered_from_the_left():
    mask = np.zeros((90, 160), bool)
    mask[10:30, 100:120] = mask[40:60, 20:40] = True
    mask[80, 80] = True
    assert LEAST * mask.size > 1

    pieces = pieces_of(mask)

    assert pieces[50, 30] == 1
    assert pieces[20, 110] == 2
    assert pieces[80, 80] == 0


# The file.


@pytest.mark.parametrize(
    "area",
    [
        np.zeros((5, 4), bool),
        np.ones((5, 4), bool),
        np.arange(20).reshape(5, 4) % 3 == 0,
        np.arange(20).reshape(5, 4) < 7,
    ],
)
def test_masks_are_run_lengths_as_coco_has_them(area):
    runs = to_runs(area)

    assert np.array_equal(from_runs(runs, (4, 5)), area)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = coco.decode(coco.frPyObjects({"size": [5, 4], "counts": runs}, 5, 4))
    assert np.array_equal(theirs.astype(bool), area)


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> Path:
    """A drawn crossing, frames 101-121, small steps."""
    folder = tmp_path_factory.mktemp("shot")
    return write_shot(folder, lambda n: crossing(n + n // 2), range(101, 122))


@pytest.fixture(scope="module")
def prepared(model) -> Prepared:
    return prepare(Matting(model=model, device_index=-1))


@pytest.fixture(scope="module")
def told(shot, prepared) -> People:
    return look_for_people(open_source(shot), prepared)


@pytest.mark.slow
def test_a_file_reads_back_as_it_was_and_a_person_can_read_it(told, tmp_path):
    path = tmp_path / "people.json"
    path.write_text(told.to_json())

    assert read_people(path) == told
    lines = path.read_text().splitlines()
    assert f' {{"id": {told.people[0].id}, "first": ' in "\n".join(lines)
    assert json.loads(path.read_text())["boxes"][str(told.people[0].id)]


def test_it_says_of_each_look_who_is_where_in_pixels_of_the_picture(told):
    assert told.looks == (101, 105, 109, 113, 117, 121)
    for person, boxes in told.boxes.items():
        for number, (left, top, width, height) in boxes.items():
            assert 0 <= left < left + width <= WIDTH
            assert 0 <= top < top + height <= HEIGHT
            mask = told.mask(person, number)
            rows, columns = np.nonzero(mask)
            assert left <= 2 * columns.min() < left + width
            assert top <= 2 * rows.max() < top + height


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_shot_gives_the_same_bytes_on_any_number_of_threads(told, shot, prepared, threads):
    before = core.num_threads
    core.num_threads = threads
    try:
        again = look_for_people(open_source(shot), prepared)
    finally:
        core.num_threads = before

    assert again.to_json() == told.to_json()


@pytest.mark.slow
def test_six_looks_a_second_are_taken_unless_somebody_says(shot, prepared):
    from dataclasses import replace

    source = open_source(shot)
    fast = replace(source, clip=source.clip.std.AssumeFPS(fpsnum=60))

    often = look_for_people(source, prepared, PeopleOptions(every=7))
    seldom = look_for_people(fast, prepared)

    assert often.looks == (101, 108, 115, 121)
    assert seldom.looks == (101, 111, 121)


def test_a_part_of_a_shot_is_looked_at_and_numbers_stay_the_footage_s(shot, prepared):
    from sghm_vs.options import FrameRange

    part = look_for_people(open_source(shot), prepared, frames=FrameRange(105, 112))

    assert (part.first, part.last, part.footage.first) == (105, 112, 101)
    assert part.looks == (105, 109, 112)
    with pytest.raises(SourceError, match="has frames 101-121, and 90-112 was asked for"):
        look_for_people(open_source(shot), prepared, frames=FrameRange(90, 112))


def test_a_look_is_taken_at_each_scene_s_first_frame(prepared):
    from sghm_vs.media.readers import Source
    from tests.clips import panning_clip

    clip = panning_clip((6, 7), width=160, height=96)
    source = Source(clip=clip, first_number=0, name="two", kind="script")

    people = look_for_people(source, prepared)

    assert people.scenes == (0, 6)
    assert {0, 4, 6, 10, 12} == set(people.looks)


def test_files_of_other_footage_have_another_digest(tmp_path, shot):
    here = digest_of(open_source(shot))
    other = write_shot(tmp_path, crossing, range(101, 122))

    assert digest_of(open_source(shot)) == here
    assert digest_of(open_source(other)) != here


def test_a_file_of_10_000_frames_stays_below_five_megabytes():
    from sghm_vs.media.readers import Source

    clip = core.std.BlankClip(width=WIDTH, height=HEIGHT, length=36)
    source = Source(clip=clip, first_number=0, name="x", kind="script")
    people = people_of(lambda n: crossing(n), 36, source, every=4)

    masks = sum(len(json.dumps(one)) for one in people.masks.values()) / len(people.looks)

    # The drawn masks are 160 pixels wide, and those of footage 224.
    assert masks * (224 / 160) * 10_000 / 4 < 5e6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "does not say who is who: Expecting value"),
        ('{"kind": "sghm_vs batch"}', "it is of another kind"),
        ('{"kind": "sghm_vs people", "format": 99}', "its format is 99, and 1 is read"),
        ('{"kind": "sghm_vs people", "format": 1}', "missing required field"),
    ],
)
def test_another_file_is_refused_with_what_to_type(tmp_path, text, said):
    path = tmp_path / "people.json"
    path.write_text(text)

    with pytest.raises(SourceError, match=f"{said}.*sghm people SHOT -o people.json"):
        read_people(path)
    with pytest.raises(SourceError, match=r"none.json can't be read: No such file.*sghm people"):
        read_people(tmp_path / "none.json")


def damaged(people: People, **changes: object) -> str:
    made = json.loads(people.to_json())
    return json.dumps(made | changes)


def test_a_damaged_file_is_refused_before_a_shot_is_begun(told, tmp_path):
    person = str(told.people[0].id)
    masks = json.loads(told.to_json())["masks"]
    masks[person]["101"] = [3, 4]
    cases = {
        "a mask of frame 101 is not 160x88": damaged(told, masks=masks),
        "has no boxes": damaged(told, boxes={}),
        "no frames that were looked at": damaged(told, looks=[]),
    }
    for said, text in cases.items():
        path = tmp_path / "people.json"
        path.write_text(text)
        with pytest.raises(SourceError, match=said):
            read_people(path)


# Who counts.


def drawn_people(draw: Draw, length: int = 12) -> People:
    from sghm_vs.media.readers import Source

    clip = core.std.BlankClip(width=WIDTH, height=HEIGHT, length=length)
    return people_of(draw, length, Source(clip=clip, first_number=0, name="x", kind="script"))


def three(n: int):
    return [
        walker(n, 40, 0, y=60, radius=16, texture=1),
        walker(n, 160, 0, y=88, radius=40, texture=2),
        *([walker(n, 270, 0, y=60, radius=24, texture=3)] if n >= 6 else []),
    ]


@pytest.mark.parametrize(
    ("person", "ids"),
    [
        ("all", (1, 2, 3)),
        ("largest", (2,)),
        ("3", (3,)),
        ("3,1", (1, 3)),
        ("box:0,0,100,176", (1,)),
        ("box:0,0,320,176", (1, 2, 3)),
        ("point:160,60", (2,)),
        ("point:270,60", (3,)),
        ("point:270,60@11", (3,)),
    ],
)
def test_who_is_meant_is_said_by_word_by_id_or_by_place(person, ids):
    people = drawn_people(three)

    assert choose(people, parse_person(person)) == ids
    assert str(parse_person(person)) == person


@pytest.mark.parametrize(
    ("person", "said"),
    [
        ("5", "person is 5, and x has nobody of id 5; there are 1 around"),
        ("point:2,2", "person is point:2,2, and nobody of x is meant"),
        ("point:270,60@0", "nobody of x is meant"),
        ("box:0,0,9,9@99", "asks for frame 99, and the file speaks of frames 0-11"),
    ],
)
def test_nobody_is_named_with_who_is_there(person, said):
    with pytest.raises(SettingsError, match=said):
        choose(drawn_people(three), parse_person(person))


@pytest.mark.parametrize("person", ["everybody", "", "1,", "box:1,2", "point:1,2,3", "-1"])
def test_a_word_that_means_nobody_is_refused_with_those_that_do(person):
    with pytest.raises(SettingsError, match="must be all, largest, ids as 1,3, or a place"):
        parse_person(person)


def drop_reasons(shot: Path, prepared: Prepared, **how: object) -> dict[int, str]:
    people = look_for_people(open_source(shot), prepared, PeopleOptions(**how))
    return {one.id: one.dropped for one in people.people}


@pytest.mark.slow
def test_people_are_dropped_by_size_by_time_and_by_place(shot, prepared, told):
    largest = max(told.people, key=lambda one: one.size).id
    everybody = {one.id for one in told.people}

    by_size = drop_reasons(shot, prepared, min_size=0.9)
    by_time = drop_reasons(shot, prepared, min_size=0, min_frames=0)
    by_place = drop_reasons(shot, prepared, min_size=0, min_frames=0, within=(0, 0, 1, 1))
    left_out = drop_reasons(
        shot, prepared, min_size=0, min_frames=0, without=[(0, 0, WIDTH, HEIGHT)]
    )

    assert by_size == dict.fromkeys(everybody, "smaller than 0.9")
    assert set(by_time.values()) == {""}
    assert set(by_place.values()) == {"outside the rectangle"}
    assert left_out[largest] == "inside a rectangle that is left out"


def test_who_is_dropped_is_not_among_all_and_can_be_asked_for():
    from dataclasses import replace

    people = drawn_people(three)
    dropped = replace(
        people, people=(*people.people[:2], replace(people.people[2], dropped="too small"))
    )

    assert choose(dropped, parse_person("all")) == (1, 2)
    assert choose(dropped, parse_person("3")) == (3,)


# Keys on disk.


def test_colors_of_ids_are_those_of_davis():
    assert palette()[1].tolist() == [128, 0, 0]
    assert palette()[2].tolist() == [0, 128, 0]
    assert palette()[3].tolist() == [128, 128, 0]
    assert palette()[4].tolist() == [0, 0, 128]
    assert palette()[20].tolist() == [0, 64, 128]
    assert len(np.unique(palette(), axis=0)) == 256


def as_png(path: Path, picture: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), picture)
    return path


def test_a_key_is_a_color_or_a_code_for_each_person(tmp_path):
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[:90, :100], ids[:90, 200:] = 1, 12
    color = as_png(tmp_path / "color.png", palette()[ids][..., ::-1])
    gray = as_png(tmp_path / "gray.png", ids)
    clear = np.dstack([palette()[ids][..., ::-1], np.full_like(ids, 255)])
    clear[:, 200:, 3] = 0
    masked = as_png(tmp_path / "clear.png", clear)

    for path in (color, gray):
        found_ids = read_ids(path, (WIDTH, HEIGHT), MASK_SIZE)
        assert found_ids[10, 10] == 1
        assert found_ids[10, 140] == 12
        assert found_ids[80, 10] == 0
    assert set(np.unique(read_ids(masked, (WIDTH, HEIGHT), MASK_SIZE))) == {0, 1}


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.full((HEIGHT, WIDTH), 255, np.uint8), "is gray and has 255, which is no id"),
        (np.full((HEIGHT, WIDTH, 3), 250, np.uint8), "says of nobody who they are.*1 800000"),
        (np.zeros((HEIGHT, WIDTH), np.uint8), "says of nobody who they are"),
        (np.ones((8, 8), np.uint8), "is 8x8, and the footage 320x176"),
    ],
)
def test_a_key_that_says_nobody_is_refused_with_how_to_paint_one(tmp_path, picture, said):
    with pytest.raises(SourceError, match=said):
        read_ids(as_png(tmp_path / "k.0101.png", picture), (WIDTH, HEIGHT), MASK_SIZE)


# The command.


@pytest.mark.slow
def test_the_command_writes_the_file_and_a_sheet_and_prints_a_line_a_person(
    tmp_path, shot, model, capsys
):
    path, sheet = tmp_path / "people.json", tmp_path / "people.png"
    typed = ["people", str(shot), "-o", str(path), "--sheet", str(sheet), "--model", model]

    assert main([*typed, "--quiet"]) == 0
    printed = capsys.readouterr().out

    people = read_people(path)
    assert printed.splitlines()[:2] == [str(path), str(sheet)]
    for one in people.people:
        assert f"{one.id:3}  frames {one.first}-{one.last}" in printed
    shown = cv2.imread(str(sheet))
    swatch = shown[-20, 10, ::-1]
    assert swatch.tolist() == palette()[people.people[0].id].tolist()
    assert main([*typed, "--quiet"]) == 1
    assert "exist already" in capsys.readouterr().err
    assert main([*typed, "--quiet", "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["people"][0]["id"] == people.people[0].id


@pytest.mark.slow
def test_a_key_on_disk_is_looked_at_and_recorded(tmp_path, shot, model, capsys):
    keys = tmp_path / "keys"
    keys.mkdir()
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[40:140, 40:120], ids[40:140, 200:280] = 5, 6
    as_png(keys / "k.0107.png", palette()[ids][..., ::-1])

    typed = ["people", str(shot), "-o", str(tmp_path / "p.json"), "--model", model, "--quiet"]
    assert main([*typed, "--keys", str(keys)]) == 0
    del capsys

    people = read_people(tmp_path / "p.json")
    assert 107 in people.looks
    assert list(people.keys) == [107]
    assert people.mask(5, 107)[20:70, 20:60].any()


def test_what_can_t_be_written_is_refused_before_a_shot_is_looked_at(tmp_path, shot, capsys):
    assert main(["people", str(shot), "-o", str(tmp_path / "people.txt")]) == 1
    assert "must end in .json" in capsys.readouterr().err
    words = ["people", str(shot), "-o", str(tmp_path / "people.json"), "--sheet", "x.jpg"]
    assert main(words) == 1
    assert "must end in .png" in capsys.readouterr().err


@pytest.mark.shared
@pytest.mark.slow
def test_composed_people_who_cross_keep_their_ids_without_and_with_a_key(shared):
    rows = crossings(shared)

    assert len(rows) == 4
    for name, row in rows.items():
        assert row["switches"] == 0, name
        assert row["people"] == 2, name
        assert row["right_else"] > 0.99, name
        assert row["right_while_touching"] > 0.8, name


@pytest.mark.slow
def test_the_published_network_which_sees_a_quarter_is_refused(shot, seeded_state, tmp_path):
    path = tmp_path / "published.safetensors"
    save_file({name: one.contiguous() for name, one in seeded_state.items()}, path)

    prepared = prepare(Matting(model=str(path), device_index=-1, backend="torch"))
    with pytest.raises(SettingsError, match=r"found by a light network, .* give Matting"):
        look_for_people(open_source(shot), prepared)
