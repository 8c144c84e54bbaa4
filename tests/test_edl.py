"""EDLs as editing programs write them: what is read, and what comes back."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from sghm_vs.errors import SourceError
from sghm_vs.shots.text import decoded
from sghm_vs.shots.timeline.annotations import DROP, NAMES, UNREAD, annotation
from sghm_vs.shots.timeline.read import video_tracks
from sghm_vs.shots.timeline.read_edl import read_edl
from sghm_vs.shots.timeline.speeds import speed_of
from sghm_vs.shots.timeline.write_edl import edl_of

NTSC = Fraction(30000, 1001)
Reader = Callable[..., otio.schema.Timeline]
PLAIN = """TITLE: {title}
FCM: NON-DROP FRAME

001  A001     V     C        01:00:00:04 01:00:00:12 01:00:00:00 01:00:00:08
* FROM CLIP NAME: {name}
"""


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Read an EDL of these lines."""

    def reader(*lines: str, rate: Fraction | int = 24) -> otio.schema.Timeline:
        (tmp_path / "cut.edl").write_text("\n".join(lines))
        return read_edl(tmp_path / "cut.edl", Fraction(rate))

    return reader


def event(
    times: str = "01:00:00:04 01:00:00:12 01:00:00:00 01:00:00:08",
    *,
    number: int = 1,
    reel: str = "AX",
    kind: str = "C",
    channel: str = "V",
) -> str:
    return f"{number:03}  {reel:8} {channel:5} {kind:8} {times}"


def shown(timeline: otio.schema.Timeline, track: int = 0) -> list[tuple[object, ...]]:
    """Return what a track shows: name or kind, first time of the source, length."""
    said = []
    for child in timeline.tracks[track]:
        if isinstance(child, otio.schema.Transition):
            said.append(("transition", child.out_offset.value))
        else:
            times = child.source_range
            name = child.name if isinstance(child, otio.schema.Clip) else "gap"
            said.append((name, times.start_time.value, times.duration.value))
    return said


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "mac_roman"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_an_edl_is_read_in_every_encoding_that_programs_write(encoding, line_end, tmp_path):
    text = PLAIN.format(title="Dernière séquence", name="Ünterführung é.mov")
    (tmp_path / "cut.edl").write_bytes(text.replace("\n", line_end).encode(encoding))

    timeline = read_edl(tmp_path / "cut.edl", Fraction(24))

    assert timeline.name == "Dernière séquence"
    assert shown(timeline) == [("Ünterführung é.mov", 86404, 8)]


@pytest.mark.parametrize("text", ["", "ÀÉÎ", "Größe", "naïve café"])
def test_text_of_one_byte_a_letter_is_told_by_its_letters(text):
    assert [decoded(text.encode(name)) for name in ("latin-1", "mac_roman")] == [text, text]


def test_reels_may_have_spaces_and_may_be_missing(read):
    timeline = read(
        event(reel="A001 C001 CAM A"),
        "002  V  C  01:00:00:00 01:00:00:08 01:00:00:08 01:00:00:16",
    )

    first, second = timeline.find_clips()
    assert first.metadata["cmx_3600"]["reel"] == "A001 C001 CAM A"
    assert (second.name, "cmx_3600" in second.metadata) == ("002", False)


def test_a_fade_from_black_begins_an_edit_and_one_to_black_ends_it(read):
    timeline = read(
        event("00:00:00:00 00:00:00:00 01:00:00:00 01:00:00:00", reel="BL"),
        event("01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00", kind="D    012"),
        "* TO CLIP NAME: a.mov",
        event("01:00:01:00 01:00:01:00 01:00:01:00 01:00:01:00", number=2),
        event("0:00:00:00 00:00:00:12 01:00:01:00 01:00:01:12", number=2, reel="BL", kind="D 012"),
        "* FROM CLIP NAME: a.mov",
    )

    assert shown(timeline) == [
        ("transition", 12), ("a.mov", 86400, 24), ("transition", 12), ("gap", 0, 12),
    ]  # fmt: skip


def test_what_cannot_be_read_is_one_event_named_with_its_line(read):
    timeline = read(
        "TITLE: x",
        event(),
        "* FROM CLIP NAME: a.mov",
        event("01:00:00:04 01:00:0x:12 01:00:00:08 01:00:00:16", number=2),
        "* FROM CLIP NAME: lost.mov",
        event("01:00:00:04 01:00:00:12 01:00:00:16 01:00:01:00", number=3),
        "* FROM CLIP NAME: c.mov",
    )

    assert shown(timeline) == [("a.mov", 86404, 8), ("gap", 0, 8), ("c.mov", 86404, 8)]
    ((name, why),) = annotation(timeline, UNREAD)
    assert name == "event 002"
    assert "line 4 of cut.edl" in why


def test_an_edit_of_sound_alone_is_refused_by_what_it_holds(read):
    timeline = read("001  A  A  C  00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00")
    with pytest.raises(SourceError, match="no video track, and 1 clip of sound alone; export it"):
        video_tracks(timeline)


def test_an_edl_without_any_event_is_refused_with_what_its_lines_lack(read):
    with pytest.raises(SourceError, match="no events of CMX 3600"):
        read("TITLE: x", "hello")
    with pytest.raises(SourceError, match=r"event 001: line 1 of cut\.edl"):
        read("001 nothing")


@pytest.mark.parametrize(("frame", "rate"), [(24, 25), (29, 30), (49, 50), (59, 60)])
def test_numbers_that_the_rate_has_not_are_refused_by_line_and_rate(frame, rate, read):
    times = f"01:00:00:{frame} 01:00:01:00 01:00:00:00 01:00:00:01"

    with pytest.raises(SourceError, match=rf"line 2 of .*cut\.edl.*--rate {rate}"):
        read("TITLE: x", event(times), rate=24)

    assert shown(read(event(times), rate=rate))[0][1] == 3600 * rate + frame


def test_a_number_that_no_rate_has_is_one_event(read):
    timeline = read(event(), event("01:00:00:00 01:00:00:140 01:0:00:08 01:00:00:16", number=2))

    assert [name for name, _ in annotation(timeline, UNREAD)] == ["event 002"]


def test_a_key_lies_on_a_track_of_its_own_above_what_it_covers(read):
    timeline = read(
        event(),
        "* FROM CLIP NAME: below.mov",
        event(kind="K B"),
        event("02:00:00:00 02:00:00:08 01:00:00:00 01:00:00:08", kind="K   000"),
        "* KEY CLIP NAME: above.mov",
    )

    assert shown(timeline, 0) == [("below.mov", 86404, 8)]
    assert shown(timeline, 1) == [("above.mov", 172800, 8)]


def test_events_in_the_order_of_their_sources_lie_in_that_of_the_edit(read):
    timeline = read(
        event("01:00:00:00 01:00:00:08 01:00:00:12 01:00:00:20"),
        "* FROM CLIP NAME: second.mov",
        event("02:00:00:00 02:00:00:08 01:00:00:00 01:00:00:08", number=2),
        "* FROM CLIP NAME: first.mov",
    )

    assert shown(timeline) == [
        ("first.mov", 172800, 8), ("gap", 0, 4), ("second.mov", 86400, 8),
    ]  # fmt: skip
    assert timeline.global_start_time.value == 86400


def test_pictures_and_sound_of_an_event_are_on_their_tracks(read):
    timeline = read(event(channel="B"), event(channel="AA/V", number=2, times="0 8 86408 86416"))

    assert [(track.name, track.kind) for track in timeline.tracks] == [
        ("V", "Video"), ("A1", "Audio"), ("A2", "Audio"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("* FROM CLIP NAME:  a.mov", "a.mov"),
        ("FROM CLIP NAME: a.mov", "a.mov"),
        ("* SOURCE FILE: a.mov", "a.mov"),
        ("*SOURCE FILE:a.mov", "a.mov"),
        ("* FROM FILE: /x/a.mov", "/x/a.mov"),
        ("* CLIP NAME: a.mov", "a.mov"),
        (r"* UNC PATH: \\nas\a.mov", r"\\nas\a.mov"),
        ("* MEDIA FILE PATH: D:/a.mov", "D:/a.mov"),
        ("FINAL CUT PRO REEL: a.mov REPLACED BY: A0", "a.mov"),
    ],
)
def test_names_stand_in_the_comments_of_every_program(comment, name, read):
    (clip,) = read(event(), comment, "* EFFECT NAME: CROSS DISSOLVE").find_clips()

    assert list(annotation(clip, NAMES)) == [name]


def test_comments_of_a_dissolve_belong_to_the_side_that_they_name(read):
    timeline = read(
        event(),
        "* FROM CLIP NAME: a.mov",
        event("01:00:00:12 01:00:00:12 01:00:00:08 01:00:00:08", number=2),
        event("02:00:00:00 02:00:00:08 01:00:00:08 01:00:00:16", number=2, kind="D    004"),
        "* FROM CLIP NAME: a.mov",
        "* TO CLIP NAME: b.mov",
        "* SOURCE FILE: A",
        "* SOURCE FILE: B",
    )

    assert [list(annotation(clip, NAMES)) for clip in timeline.find_clips()] == [
        ["a.mov"],
        ["b.mov", "B"],
    ]
    assert shown(timeline)[1] == ("transition", 4)


def test_locators_become_markers_and_comments_stay(read):
    (clip,) = read(event(), "* LOC: 01:00:00:06 RED     FIX", "* ASC_SAT 0.9").find_clips()

    assert (clip.markers[0].name, clip.markers[0].color) == ("FIX", "RED")
    assert list(clip.metadata["cmx_3600"]["comments"])[1] == "ASC_SAT 0.9"


@pytest.mark.parametrize(
    ("said", "rate", "speed"),
    [("048.0", 24, 2), ("-024.0", 24, -1), ("012.0", 24, 0.5), ("000.0", 24, 0), ("024.0", 24, 1),
     ("050.0", 25, 2), ("059.9", NTSC, 2), ("030.0", NTSC, 1), ("-015.0", NTSC, -0.5),
     ("012,0", 24, 0.5), ("018", 24, 0.75)],
)  # fmt: skip
@pytest.mark.parametrize("source_out", ["01:00:00:12", "01:00:00:20"])
def test_a_speed_holds_whichever_lengths_its_event_says(said, rate, speed, source_out, read):
    times = f"01:00:00:04 {source_out} 01:00:00:00 01:00:00:08"
    reel = "A001 C001"

    timeline = read(
        event(times, reel=reel), f"M2   {reel}   {said}    01:00:00:04", rate=rate
    )  # fmt: skip

    (clip,) = timeline.find_clips()
    assert speed_of(clip)[0] == pytest.approx(speed)
    assert clip.source_range.duration.value == 8


def test_each_side_of_a_dissolve_has_its_own_speed(read):
    timeline = read(
        event(reel="A"),
        event("01:00:00:12 01:00:00:12 01:00:00:08 01:00:00:08", number=2, reel="A"),
        event("2:00:00:00 2:00:00:08 1:00:00:08 1:00:00:16", number=2, reel="B", kind="D 004"),
        "M2   B   048.0   02:00:00:00",
    )

    assert [speed_of(clip)[0] for clip in timeline.find_clips()] == [1, 2]


def test_what_runs_backward_may_be_written_from_its_end(read):
    times = "01:00:01:00 01:00:00:12 01:00:00:00 01:00:00:12"

    (clip,) = read(event(times), "M2   AX   -024.0   01:00:01:00").find_clips()

    assert (clip.source_range.start_time.value, speed_of(clip)[0]) == (86412, -1)


def test_lengths_that_differ_without_a_speed_are_noted(read):
    times = "01:00:00:04 01:00:00:12 01:00:00:00 01:00:00:07"

    (clip,) = read(event(times)).find_clips()

    assert speed_of(clip) == (1, ["event 001, line 1: 8 frames of source, 7 shown"])


@pytest.mark.parametrize(
    ("fcm", "source", "record", "drops"),
    [("DROP FRAME", "00:01:00:02", "00:01:00:02", (True, True)),
     ("NON-DROP FRAME", "00:01:00:02", "00:01:00:02", (False, False)),
     ("NON-DROP FRAME", "00:01:00;02", "00:01:00;02", (True, True)),
     ("DROP FRAME", "00:01:00:02", "00:01:00;02", (False, True))],
)  # fmt: skip
def test_drop_frame_is_what_the_list_and_the_marks_say(fcm, source, record, drops, read):
    timeline = read(f"FCM: {fcm}", event(f"{source} {source} {record} {record[:-2]}08"), rate=NTSC)

    (clip,) = timeline.find_clips()
    assert (annotation(clip, DROP), annotation(timeline, DROP)) == drops
    counts = (clip.source_range.start_time.value, timeline.global_start_time.value)
    assert counts == tuple(1800 if drop else 1802 for drop in drops)


def test_marks_of_drop_frame_mean_nothing_at_rates_that_drop_none(read):
    timeline = read("FCM: DROP FRAME", event("01:00:00;04 01:00:00;12 01:00:00;00 01:00:00;08"))

    assert annotation(timeline, DROP) is False
    assert shown(timeline)[0][1] == 86404


def test_a_source_that_passes_midnight_goes_on(read):
    times = "23:59:59:20 00:00:00:04 01:00:00:00 01:00:00:08"

    assert shown(read(event(times)))[0][1:] == (24 * 86400 - 4, 8)


def written(timeline: otio.schema.Timeline, rate: Fraction | int) -> list[str]:
    return edl_of(timeline, Fraction(rate)).splitlines()


@pytest.mark.parametrize("rate", [NTSC, 2 * NTSC])
@pytest.mark.parametrize(("fcm", "mark"), [("NON-DROP FRAME", ":"), ("DROP FRAME", ";")])
def test_an_edl_comes_back_with_its_own_times_and_frame_code(fcm, mark, rate, read):
    source = f"02:01:00{mark}10 02:01:00{mark}14"
    times = f"{source} 01:00:00{mark}00 01:00:00{mark}04"

    lines = written(read(f"FCM: {fcm}", event(times, reel="A001"), rate=rate), rate)

    assert lines[1] == f"FCM: {fcm}"
    assert lines[3] == f"001  A001     V     C        {times}"


def events_of(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.startswith(("0", "M2"))]


def test_speeds_come_back_with_the_length_of_source_that_they_use(read):
    speeds = ["048.0", "-024.0", "012.0", "000.0"]
    lines = []
    for number, speed in enumerate(speeds):
        at = f"01:00:{number:02}"
        lines += [event(f"{at}:00 {at}:08 {at}:00 {at}:08", number=number + 1),
                  f"M2   AX   {speed}   {at}:00"]  # fmt: skip

    result = events_of(written(read(*lines), 24))

    assert [line.split()[2] for line in result[1::2]] == speeds
    assert [line.split()[5] for line in result[::2]] == [
        "01:00:00:16", "01:00:01:08", "01:00:02:04", "01:00:03:01",
    ]  # fmt: skip


def test_transitions_come_back_in_whichever_place_they_have(read):
    black, wipe = "00:00:00:00 00:00:00:00 01:00:00:00 01:00:00:00", "W001 006"
    lines = [
        event(black, reel="BL"),
        event("01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00", reel="A", kind="D    012"),
        event("01:00:01:00 01:00:01:00 01:00:01:00 01:00:01:00", number=2, reel="A"),
        event("02:00:00:00 02:00:01:00 01:00:01:00 01:00:02:00", number=2, reel="B", kind=wipe),
    ]  # fmt: skip

    assert events_of(written(read(*lines), 24)) == lines


def test_a_transition_about_a_cut_is_written_as_one_that_begins_with_what_comes(read):
    timeline = read(event(reel="A"), event("0 8 86408 86416", number=2, reel="B"))
    about = otio.schema.Transition(
        in_offset=otio.opentime.RationalTime(2, 24), out_offset=otio.opentime.RationalTime(3, 24)
    )
    timeline.tracks[0].insert(1, about)
    timeline.tracks[0][2].source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(100, 24), otio.opentime.RationalTime(8, 24)
    )

    _, left_line, right_line = events_of(written(timeline, 24))

    assert left_line.endswith("01:00:00:10 01:00:00:10 01:00:00:06 01:00:00:06")
    assert right_line.endswith("D    005 00:00:04:02 00:00:04:12 01:00:00:06 01:00:00:16")


def test_the_list_is_read_alike_by_opentimelineios_own_adapter(read):
    timeline = read(event(), "* FROM CLIP NAME: a.mov", event("0 8 86412 86420", number=2))

    theirs = otio.adapters.read_from_string(edl_of(timeline, Fraction(24)), "cmx_3600", rate=24)

    assert shown(theirs) == shown(timeline)
