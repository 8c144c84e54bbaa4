"""FCP 7 XML that is written: speeds and transitions come back, and are said as Final Cut says them."""

import xml.etree.ElementTree as ET

import opentimelineio as otio
import pytest

from sghm_vs.shots.timeline.read import read_cuts, read_edit
from sghm_vs.shots.timeline.write_fcp_xml import fcp_xml_of, unsure_speeds

RationalTime, TimeRange = otio.opentime.RationalTime, otio.opentime.TimeRange
START = 86400


def span(first: float, frames: float) -> otio.opentime.TimeRange:
    return TimeRange(RationalTime(first, 24), RationalTime(frames, 24))


def clip(name: str, first: int = 20, frames: int = 24, speed: float = 1) -> otio.schema.Clip:
    """Return frames `first` on of a movie of 240, which begins at an hour."""
    reference = otio.schema.ExternalReference(f"file:///m/{name}.mov", span(START, 240))
    made = otio.schema.Clip(name, reference, span(START + first, frames))
    if speed == 0:
        made.effects.append(otio.schema.FreezeFrame())
    elif speed != 1:
        made.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    return made


def fade(before: int, after: int, kind: str = "SMPTE_Dissolve") -> otio.schema.Transition:
    return otio.schema.Transition("x", kind, RationalTime(before, 24), RationalTime(after, 24))


def gap(frames: int) -> otio.schema.Gap:
    return otio.schema.Gap(source_range=span(0, frames))


def written(tmp_path, *children):
    """Return the edit as XML, and as it is read back."""
    edit = otio.schema.Timeline("cut", global_start_time=RationalTime(0, 24))
    edit.tracks.append(otio.schema.Track("V1", kind="Video", children=children))
    path = tmp_path / "cut.xml"
    path.write_text(fcp_xml_of(edit))
    return ET.fromstring(path.read_text()), read_edit(path)  # noqa: S314 - our own


def said(root: ET.Element) -> list[tuple[str, ...]]:
    """Return start, end, in, out and duration of each clip, and place and alignment of transitions."""
    items = []
    for item in root.iter():
        if item.tag == "clipitem":
            words = ("start", "end", "in", "out", "duration")
            items.append(tuple(int(item.findtext(word)) for word in words))
        if item.tag == "transitionitem":
            items.append(tuple(item.findtext(word) for word in ("start", "end", "alignment")))
    return items


@pytest.mark.parametrize(
    ("speed", "times"),
    [
        (1, (0, 24, 20, 44, 240)),
        (2, (0, 24, 10, 34, 120)),
        (0.5, (0, 24, 40, 64, 480)),
        (0.4, (0, 24, 50, 74, 600)),
        (-1, (0, 24, 219, 243, 240)),
        (-2, (0, 24, 109, 133, 120)),
        (0, (0, 24, 20, 44, 24)),
    ],
)
def test_a_speed_is_said_as_final_cut_says_it_and_comes_back(speed, times, tmp_path):
    root, edit = written(tmp_path, clip("a", speed=speed))

    (cut,) = read_cuts(edit, tmp_path)

    assert said(root) == [times]
    parameters = {
        one.findtext("parameterid"): one.findtext("value") for one in root.iter("parameter")
    }
    assert parameters.get("speed", "100") == (f"{speed * 100:g}" if speed else "100")
    assert (root.findtext(".//stillframe") == "TRUE") == (speed == 0)
    effects = edit.tracks[0][0].effects
    assert [one.time_scalar for one in effects] == ([] if speed == 1 else [speed])
    if speed > 0:
        assert (cut.start, cut.length) == (START + 20, round(24 * speed) or 1)
    shown = range(START + 20, START + 21) if speed == 0 else range(START + 20, START + 44)
    assert cut.start - cut.before <= shown[0]
    assert speed > 0 or cut.start + cut.length + cut.after >= shown[0] + 1


def test_a_clip_without_a_speed_has_no_filter(tmp_path):
    root, _ = written(tmp_path, clip("a"))

    assert root.find(".//filter") is None
    assert root.find(".//sghm_vs") is None


@pytest.mark.parametrize(
    ("children", "items"),
    [
        (
            [clip("a"), fade(0, 12), clip("b")],
            [(0, -1, 20, 56, 240), ("24", "36", "start"), (-1, 48, 20, 44, 240)],
        ),
        (
            [clip("a"), fade(12, 0), clip("b")],
            [(0, -1, 20, 44, 240), ("12", "24", "end"), (-1, 48, 8, 44, 240)],
        ),
        (
            [clip("a"), fade(6, 6), clip("b")],
            [(0, -1, 20, 50, 240), ("18", "30", "center"), (-1, 48, 14, 44, 240)],
        ),
        ([fade(0, 12), clip("a")], [("0", "12", "start-black"), (-1, 24, 20, 44, 240)]),
        ([gap(12), fade(0, 12), clip("a")], [("12", "24", "start-black"), (-1, 36, 20, 44, 240)]),
        ([clip("a"), fade(12, 0), gap(12)], [(0, -1, 20, 44, 240), ("12", "24", "end-black")]),
        ([clip("a"), fade(0, 12), gap(24)], [(0, -1, 20, 56, 240), ("24", "36", "end-black")]),
        (
            [clip("a", speed=0.5), fade(0, 12), clip("b", speed=2)],
            [(0, -1, 40, 76, 480), ("24", "36", "start"), (-1, 48, 10, 34, 120)],
        ),
    ],
)
def test_a_transition_lies_where_it_did_and_is_from_black_only_beside_black(
    children, items, tmp_path
):
    root, edit = written(tmp_path, *children)

    assert said(root) == items
    starts = {cut.name: cut.start for cut in read_cuts(edit, tmp_path)}
    assert starts == {one.name: START + 20 for one in children if isinstance(one, otio.schema.Clip)}


def test_transitions_are_called_as_editors_know_them(tmp_path):
    root, _ = written(
        tmp_path, clip("a"), fade(0, 12), clip("b"), fade(0, 6, "SMPTE_Wipe"), clip("c")
    )

    names = [one.findtext("effect/name") for one in root.iter("transitionitem")]

    assert names == ["Cross Dissolve", "Edge Wipe"]


def test_of_speeds_that_hosts_read_in_two_ways_is_told():
    edit = otio.schema.Timeline("cut")
    clips = [clip("a", speed=-1), clip("b", speed=2)]
    for one in clips:
        one.metadata["sghm_vs"] = {"shot": one.name}
    edit.tracks.append(otio.schema.Track("V1", kind="Video", children=clips))

    assert unsure_speeds(edit) == ["a"]
