"""FCP 7 XML: nests, speeds, and what one clip lacks."""

from pathlib import Path

import opentimelineio as otio
import pytest

from sghm_vs.errors import SourceError
from sghm_vs.shots.timeline.annotations import DROP, UNREAD, annotation
from sghm_vs.shots.timeline.read import Cut, lost_in, read_cuts, read_edit

RATE = "<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate>"


def file(name: str, more: str = "<duration>96</duration>") -> str:
    url = f"<pathurl>file://localhost/m/{name}.mov</pathurl>"
    return f'<file id="{name}"><name>{name}.mov</name>{url}{RATE}{more}</file>'


def item(
    inner: str, times: tuple[int, ...] = (0, 12, 24, 36), name: str = "x", more: str = ""
) -> str:
    start, end, first, last = times
    return (
        f"<clipitem><name>{name}</name>{RATE}<start>{start}</start><end>{end}</end>"
        f"<in>{first}</in><out>{last}</out>{inner}{more}</clipitem>"
    )


def sequence(*items: str, name: str = "s", kind: str = "video") -> str:
    return (
        f'<sequence id="{name}"><name>{name}</name><duration>99</duration>{RATE}<media>'
        f"<{kind}><track>{''.join(items)}</track></{kind}></media></sequence>"
    )


def remap(**parameters: object) -> str:
    said = "".join(
        f"<parameter><parameterid>{name}</parameterid><value>{value}</value></parameter>"
        if name != "graphdict"
        else f"<parameter><parameterid>graphdict</parameterid>{value}</parameter>"
        for name, value in parameters.items()
    )
    effect = f"<effect><name>Time Remap</name><effectid>timeremap</effectid>{said}</effect>"
    return f"<filter>{effect}</filter>"


def graph(*keys: tuple[int, int]) -> str:
    return "".join(
        f"<keyframe><when>{when}</when><value>{value}</value></keyframe>" for when, value in keys
    )


@pytest.fixture
def edit(tmp_path: Path):
    """Read an XML of these sequences."""

    def reader(*sequences: str) -> otio.schema.Timeline:
        text = f'<?xml version="1.0"?><xmeml version="4">{"".join(sequences)}</xmeml>'
        (tmp_path / "cut.xml").write_text(text)
        return read_edit(tmp_path / "cut.xml")

    return reader


def cuts(timeline: otio.schema.Timeline) -> list[Cut]:
    return read_cuts(timeline, Path("/edit"))


def shown(timeline: otio.schema.Timeline) -> list[tuple[str, int, int]]:
    """Return which frames of which media may be shown."""
    return [
        (cut.files[0].stem, cut.start - cut.before, cut.start + cut.length + cut.after - 1)
        for cut in cuts(timeline)
    ]


def test_a_nested_sequence_has_its_clips_and_keeps_its_place(edit):
    timeline = edit(
        sequence(item(file("b")), item(sequence(item(file("a")), name="n"), (12, 24, 0, 12)))
    )

    nest = timeline.tracks[0][1]
    assert shown(timeline) == [("b", 24, 35), ("a", 24, 35)]
    assert isinstance(nest, otio.schema.Stack)
    assert nest.range_in_parent().start_time.value == 12
    assert cuts(timeline)[1].where == "V1 nested in n"


def test_nests_are_opened_in_nests_by_reference_and_wherever_the_sequence_stands(edit):
    deep = sequence(item(file("a")), item('<sequence id="later"/>', (12, 24, 0, 12)), name="deep")
    later = sequence(item(file("c")), name="later")

    again = item('<sequence id="deep"/>', (12, 24, 0, 12))

    timeline = edit(sequence(item(deep), again, item('<file id="a"/>', (24, 36, 0, 12))), later)

    assert [name for name, _, _ in shown(timeline)] == ["a", "c", "a", "c", "a"]


def test_pictures_alone_of_a_nest_are_shown(edit):
    nest = sequence(item(file("sound")), name="n", kind="audio")

    assert shown(edit(sequence(item(file("b")), item(nest, (12, 24, 0, 12))))) == [("b", 24, 35)]


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ('<sequence id="gone"/>', "the sequence that it nests (gone) is not in the file"),
        ('<sequence id="s"/>', "it is nested in itself"),
        ("", "it names no file and no sequence"),
    ],
)
def test_what_cannot_be_opened_is_named_and_the_others_are_read(inner, why, edit):
    timeline = edit(sequence(item(inner, name="lost nest"), item(file("b"), (12, 24, 0, 12))))

    lost, found = cuts(timeline)
    assert (lost.name, lost.problem) == ("lost nest", why)
    assert found.problem is None


def test_a_clip_without_a_place_is_named_and_the_others_are_read(edit):
    placeless = item(file("a"), (-1, -1, 0, 12), name="placeless")

    timeline = edit(sequence(placeless, item(file("b"), (12, 24, 0, 12))))

    assert [list(pair) for pair in annotation(timeline, UNREAD)] == [
        ["placeless", "it doesn't say where it begins and ends"]
    ]
    assert [name for name, _, _ in shown(timeline)] == ["b"]


@pytest.mark.parametrize("form", ["xml", "otio"])
def test_a_nest_that_lasts_and_is_empty_is_named(form, edit, tmp_path):
    nest = f'<sequence id="n"><name>hollow</name>{RATE}<media><video/></media></sequence>'
    timeline = edit(sequence(item(nest), item(file("b"), (12, 24, 0, 12))))
    if form == "otio":
        otio.adapters.write_to_file(timeline, f"{tmp_path}/cut.otio")
        timeline = read_edit(tmp_path / "cut.otio")

    assert lost_in(timeline) == [("V1 00:00:00:00", "hollow", "it is nested, and empty")]


@pytest.mark.parametrize(
    "said",
    [
        remap(speed=-100),
        remap(speed=100, reverse="TRUE"),
        remap(variablespeed=0, speed=-100, reverse="TRUE"),
        remap(reverse="TRUE"),
    ],
)
def test_a_clip_that_runs_backward_has_the_frames_on_both_sides_and_from_the_end(said, edit):
    (cut,) = cuts(timeline := edit(sequence(item(file("a"), more=said))))

    # From 24 on either way, and 24 from the end of 96.
    assert shown(timeline) == [("a", 12, 72)]
    assert cut.notes == ("retimed to -1 of its speed, backward",)


def test_an_out_point_before_the_in_point_says_backward(edit):
    (cut,) = cuts(edit(sequence(item(file("a"), (0, 12, 36, 24)))))

    assert cut.notes == ("retimed to -1 of its speed, backward",)
    assert (cut.start, cut.before, cut.after) == (24, 12, 48)


@pytest.mark.parametrize(
    ("keys", "frames", "speed"),
    [
        (((0, 96), (96, 0)), (61, 72), -1),
        (((0, 0), (96, 48)), (12, 18), 0.5),
        (((0, 0), (24, 10), (30, 40), (36, 20), (96, 90)), (10, 40), None),
        (((0, 50), (96, 50)), (50, 50), 0),
        (((0, 0), (24, 24), (36, -1815255671), (96, 96)), (24, 35), 1),
    ],
    ids=["backward", "slow", "there and back", "freeze", "a key of nonsense"],
)
def test_a_graph_says_which_frames_a_clip_shows(keys, frames, speed, edit):
    said = remap(variablespeed=1, speed=100, graphdict=graph(*keys))

    timeline = edit(sequence(item(file("a"), more=said)))

    assert shown(timeline) == [("a", *frames)]
    if speed is not None:
        (effect,) = timeline.find_clips()[0].effects
        scalar = 0 if isinstance(effect, otio.schema.FreezeFrame) else effect.time_scalar
        assert scalar == pytest.approx(speed)


@pytest.mark.parametrize(
    ("clip_frames", "speed", "frames"),
    [(48, 200, (48, 71)), (96, 200, (24, 47)), (192, 50, (12, 23)), (500, 200, (24, 47))],
)
def test_times_count_as_the_length_of_the_clip_says(clip_frames, speed, frames, edit):
    """Final Cut and Premiere count a clip at its new speed, others its media."""
    more = f"<duration>{clip_frames}</duration>{remap(speed=speed)}"

    assert shown(edit(sequence(item(file("a"), more=more)))) == [("a", *frames)]


@pytest.mark.parametrize("said", [remap(speed=0), "<stillframe>TRUE</stillframe>"])
def test_a_freeze_is_one(said, edit):
    (cut,) = cuts(edit(sequence(item(file("a"), more=said))))

    assert (cut.start, cut.length, cut.notes) == (24, 1, ("frozen",))


def test_a_filter_that_is_off_changes_no_speed(edit):
    off = remap(speed=200).replace("<filter>", "<filter><enabled>FALSE</enabled>")

    assert shown(edit(sequence(item(file("a"), more=off)))) == [("a", 24, 35)]


def test_a_clip_that_is_off_is_named(edit):
    (cut,) = cuts(edit(sequence(item(file("a"), more="<enabled>FALSE</enabled>"))))

    assert cut.problem == "it is disabled"


@pytest.mark.parametrize("form", ["DF", "NDF"])
def test_drop_frame_is_what_the_display_format_says(form, edit):
    rate = "<rate><timebase>30</timebase><ntsc>TRUE</ntsc></rate>"
    counts = f"<string>01:00:00:00</string><displayformat>{form}</displayformat>"
    code = f"<timecode>{rate}{counts}</timecode>"
    text = (
        sequence(item(file("a", code))).replace(RATE, rate).replace("<media>", f"{code}<media>", 1)
    )

    timeline = edit(text)

    (cut,) = cuts(timeline)
    assert (annotation(timeline, DROP), cut.is_drop) == (form == "DF", form == "DF")
    assert str(cut.record) == f"01:00:00{';' if form == 'DF' else ':'}00"
    assert cut.start == (107892 if form == "DF" else 108000) + 24


def test_of_sequences_beside_each_other_that_is_the_edit_which_no_other_shows(edit):
    inner = sequence(item(file("a")), name="inner")

    assert shown(edit(inner, sequence(item('<sequence id="inner"/>')))) == [("a", 24, 35)]
    with pytest.raises(SourceError, match="must hold one edit, and holds 2"):
        edit(inner, sequence(item(file("b"))))


@pytest.mark.parametrize(
    "more",
    [
        "<filter/>",
        "<marker><name>m</name></marker>",
        "<in>24.0</in>",
        "<timecode><string/><frame/></timecode>",
    ],
)
def test_what_a_clip_has_besides_does_not_lose_the_edit(more, edit):
    assert [name for name, _, _ in shown(edit(sequence(item(file("a"), more=more))))] == ["a"]


@pytest.mark.parametrize(
    ("text", "why"), [("<a>", "it is no XML"), ("<fcpxml/>", "begins with <fcpxml>")]
)
def test_what_is_no_fcp_7_xml_is_refused_with_what_it_is(text, why, tmp_path):
    (tmp_path / "cut.xml").write_text(text)

    with pytest.raises(SourceError, match=why):
        read_edit(tmp_path / "cut.xml")
