"""One clip of an edit that can't be read is one clip: it is named, and the others are read."""

import copy
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from sghm_vs.errors import SourceError
from sghm_vs.shots.timeline.read import lost_in, read_cuts, read_edit

RATE = Fraction(24)
RationalTime, TimeRange = otio.opentime.RationalTime, otio.opentime.TimeRange


def shown(path: Path) -> tuple[dict[str, tuple[int, int]], list[str], dict[str, list[str]]]:
    """Return start and length by clip; names of what was lost; and notes by clip."""
    edit = read_edit(path, RATE if path.suffix == ".edl" else None)
    cuts = read_cuts(edit, path.parent)
    lost = [f"{name}: {why}" for _, name, why in lost_in(edit)]
    lost += [f"{cut.name}: {cut.problem}" for cut in cuts if cut.problem]
    times = {cut.name: (cut.start, cut.length) for cut in cuts if not cut.problem}
    return times, lost, {cut.name: list(cut.notes) for cut in cuts}


def edl(path: Path, bad: str) -> Path:
    def event(number: int) -> str:
        times = f"01:00:00:04 01:00:00:12 01:00:0{number}:00 01:00:0{number}:08"
        return f"{number:03}  A00{number}  V  C  {times}\n* FROM CLIP NAME: c{number}.mov"

    path.write_text("\n".join(["TITLE: x", event(1), bad, "* FROM CLIP NAME: bad.mov", event(3)]))
    return path


@pytest.mark.parametrize(
    "times",
    [
        "01:00:00:99 01:00:00:12 01:00:02:00 01:00:02:08",
        "01:00:00:04 01:00:00:12 01:00:02:00 01:00:02:99",
        "01:00:61:04 01:00:62:12 01:00:02:00 01:00:02:08",
        "01:77:00:04 01:77:00:12 01:00:02:00 01:00:02:08",
        "99:00:00:04 99:00:00:12 01:00:02:00 01:00:02:08",
        "01:00:00:04 01:00:00:12 01:00:02:00",
        "01:00:00:04 01:00:00:12 01:00:02:00 xx",
        "01:00:00:04 01:00:00:12 -1:00:02:00 01:00:02:08",
        "01:00:00:04 01:00:00:12 01:00:02:00 01:00:02:00",
    ],
)
def test_an_event_of_an_edl_is_named_with_its_line(times, tmp_path):
    found, lost, _ = shown(edl(tmp_path / "cut.edl", f"002  A002  V  C  {times}"))

    assert found == {"c1.mov": (86404, 8), "c3.mov": (86404, 8)}
    assert lost[0].startswith("event 002: line 4 of cut.edl")


@pytest.mark.parametrize("start", ["E02", "two", "2a  A002  V"])
def test_a_line_with_four_times_is_an_event_however_it_begins(start, tmp_path):
    times = "01:00:00:04 01:00:00:12 01:00:02:00 01:00:02:08"

    found, lost, _ = shown(edl(tmp_path / "cut.edl", f"{start}  C  {times}"))

    assert list(found) == ["c1.mov", "c3.mov"]
    assert f"event {start.split()[0]}: line 4 of cut.edl" in lost[0]


@pytest.mark.parametrize("said", ["M2 garbage", "M2   A002  xx.x  01:00:00:04", "M2"])
def test_a_speed_that_is_none_is_noted_at_its_event(said, tmp_path):
    event = "002  A002  V  C  01:00:00:04 01:00:00:12 01:00:02:00 01:00:02:08"

    found, lost, notes = shown(edl(tmp_path / "cut.edl", f"{event}\n{said}"))

    assert found["bad.mov"] == (86404, 8)
    assert not lost
    assert notes["bad.mov"] == [f"event 002, line 4: {said!r} says no speed, and 1 is taken"]


@pytest.mark.parametrize("said", ["* LOC: 99:99:99:99 RED x", "* LOC: 01:00:00:99", "* : x", "::"])
def test_comments_lose_nothing(said, tmp_path):
    event = "002  Ü A  V  C  01:00:00:04 01:00:00:12 01:00:02:00 01:00:02:08"

    found, lost, _ = shown(edl(tmp_path / "cut.edl", f"{event}\n{said}"))

    assert found["bad.mov"] == (86404, 8)
    assert not lost


@pytest.mark.parametrize(("rate", "count"), [(25, 12), (30, 2), (50, 2), (60, 2)])
def test_numbers_of_another_rate_are_told_from_one_that_stands_alone(rate, count, tmp_path):
    top = rate - 1
    times = f"01:00:00:00 01:00:00:{top} 01:00:00:00 01:00:00:{top}"
    events = [f"{n:03}  A  V  C  {times}" for n in range(count)]
    (tmp_path / "cut.edl").write_text("\n".join(events))

    with pytest.raises(
        SourceError, match=f"no number {top}; give the edit's own with --rate {rate}"
    ):
        read_edit(tmp_path / "cut.edl", RATE)


def _clip(n: int) -> str:
    rate = "<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate>"
    return (
        f"<clipitem><name>c{n}</name><duration>48</duration>{rate}<start>{24 * n}</start>"
        f"<end>{24 * n + 24}</end><in>0</in><out>24</out><file><pathurl>file:///c{n}.mov</pathurl>"
        f"{rate}<duration>48</duration><timecode>{rate}<string>01:00:00:00</string>"
        "<frame>86400</frame><displayformat>NDF</displayformat></timecode></file><filter><effect>"
        "<name>Time Remap</name><effectid>timeremap</effectid><parameter><parameterid>speed"
        "</parameterid><value>50</value></parameter></effect></filter><marker><name>m</name>"
        "<in>3</in><out>-1</out></marker></clipitem>"
    )


XML = (
    "<xmeml version='5'><sequence><name>cut</name><duration>96</duration><rate><timebase>24"
    f"</timebase></rate><media><video><track>{_clip(0)}{_clip(1)}<transitionitem><start>44</start>"
    "<end>52</end><rate><timebase>24</timebase></rate><effect><name>Cross Dissolve</name></effect>"
    f"</transitionitem>{_clip(2)}</track></video></media></sequence></xmeml>"
)
JUNK = (None, "", "x", "-5", "1e999", "nan", "99999999999999", "é", "0")
"""What stands in the place of an element; None is nothing."""


def _damaged_xml(kind: str, junk: str | None) -> Iterator[tuple[str, ET.Element]]:
    """Yield the edit with each element of an item in turn made junk, and its name."""

    def item(root: ET.Element) -> ET.Element:
        return [*root.iter(kind)][-1 if kind == "transitionitem" else 1]

    for at in range(len([*item(ET.fromstring(XML)).iter()])):  # noqa: S314 - our own
        root = ET.fromstring(XML)  # noqa: S314
        elements = [*item(root).iter()]
        if junk is not None:
            for child in [*elements[at]]:
                elements[at].remove(child)
            elements[at].text = junk
        elif at:
            next(one for one in elements if elements[at] in [*one]).remove(elements[at])
        yield elements[at].tag, root


@pytest.mark.slow
@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("kind", ["clipitem", "transitionitem"])
def test_whatever_a_clip_of_fcp_xml_says_loses_no_other(kind, junk, tmp_path):
    path = tmp_path / "cut.xml"
    for tag, root in _damaged_xml(kind, junk):
        path.write_bytes(ET.tostring(root))

        found, lost, _ = shown(path)

        assert found["c0"] == found["c2"] == (86400, 12), tag
        assert lost or len(found) == 3, tag


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ("<timebase>24", "<timebase>x", "its rate 'x' is none"),
        ("<in>0", "<in>x", "its in 'x' is no number"),
        ("<out>24", "<out>x", "its out 'x' is no number"),
    ],
)
def test_what_its_frames_depend_on_is_named(before, now, why, tmp_path):
    (tmp_path / "cut.xml").write_text(XML.replace(_clip(1), _clip(1).replace(before, now, 1)))

    assert shown(tmp_path / "cut.xml")[1] == [f"c1: {why}"]


def test_a_speed_of_fcp_xml_that_is_none_is_noted(tmp_path):
    bad = _clip(1).replace("<value>50", "<value>fast")
    (tmp_path / "cut.xml").write_text(XML.replace(_clip(1), bad))

    found, _, notes = shown(tmp_path / "cut.xml")

    assert found["c1"] == (86400, 24)
    assert notes["c1"] == ["its speed is no number, and 1 is taken"]


def _otio() -> dict:
    def clip(n: int) -> otio.schema.Clip:
        media = TimeRange(RationalTime(86400, 24), RationalTime(48, 24))
        reference = otio.schema.ExternalReference(f"file:///c{n}.mov", media)
        made = otio.schema.Clip(
            f"c{n}", reference, TimeRange(RationalTime(86400, 24), RationalTime(24, 24))
        )
        made.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
        made.metadata["x"] = {"y": 1}
        return made

    edit, offset = otio.schema.Timeline("cut"), RationalTime(4, 24)
    edit.global_start_time = RationalTime(86400, 24)
    edit.tracks.append(otio.schema.Track("V1", kind="Video"))
    dissolve = otio.schema.Transition("d", "SMPTE_Dissolve", offset, offset)
    edit.tracks[0].extend([clip(0), clip(1), dissolve, clip(2)])
    return json.loads(edit.to_json_string())


def _places(node: object, before: tuple = ()) -> Iterator[tuple]:
    yield before
    for key in (
        node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    ):
        yield from _places(node[key], (*before, key))


@pytest.mark.slow
@pytest.mark.parametrize("junk", [..., None, "x", -5, 1e300, 0, [], {}, "Clip.99", "Foo.1", True])
@pytest.mark.parametrize("at", [1, 2], ids=["clip", "transition"])
def test_whatever_a_child_of_otio_says_loses_no_other(at, junk, tmp_path):
    path, whole = tmp_path / "cut.otio", _otio()
    for place in _places(whole["tracks"]["children"][0]["children"][at]):
        edit = copy.deepcopy(whole)
        parent, key = edit["tracks"]["children"][0]["children"], at
        for step in place:
            parent, key = parent[key], step
        if junk is ...:
            del parent[key]
        else:
            parent[key] = junk
        path.write_text(json.dumps(edit))

        found, lost, _ = shown(path)

        assert found["c0"] == found["c2"] == (86400, 12), place
        assert lost or len(found) == 3 or not place, place


@pytest.mark.parametrize("place", ["edit", "clip"])
def test_markers_of_a_newer_version_lose_nothing(place, tmp_path):
    """As OpenTimelineIO's next release writes them."""
    edit = _otio()
    marker = {"OTIO_SCHEMA": "Marker.3", "metadata": {}, "name": "m", "color": None}
    marker["marked_range"] = copy.deepcopy(
        edit["tracks"]["children"][0]["children"][0]["source_range"]
    )
    holder = edit["tracks"]
    if place == "clip":
        holder = holder["children"][0]["children"][1]
    marker["color"] = {"OTIO_SCHEMA": "Color.1", "r": 1.0, "g": 0.0, "b": 0.0, "a": 1.0}
    holder["markers"] = [marker]
    (tmp_path / "cut.otio").write_text(json.dumps(edit))

    found, lost, _ = shown(tmp_path / "cut.otio")

    assert list(found) == ["c0", "c1", "c2"]
    assert not lost


def test_a_clip_of_otio_leaves_a_gap_as_long_as_it_said_to_be(tmp_path):
    edit = _otio()
    edit["tracks"]["children"][0]["children"][1]["media_references"] = "x"
    (tmp_path / "cut.otio").write_text(json.dumps(edit))

    cuts = read_cuts(read_edit(tmp_path / "cut.otio"), tmp_path)

    assert [str(cut.record) for cut in cuts] == ["01:00:00:00", "01:00:02:00"]
    assert shown(tmp_path / "cut.otio")[1][0].startswith("c1: it can't be read: ")
