"""Edits in and out: what is matted of an edit, and where its mattes come back."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import opentimelineio as otio
import pytest

from sghm_vs.cli import batch, build_parser, main, timeline
from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.hosts import script
from sghm_vs.options import FrameRange, exact_rate
from sghm_vs.shots.batch.manifest import Manifest
from sghm_vs.shots.timeline.media_names import local_path
from sghm_vs.shots.timeline.read import read_edit
from tests.standin import StandIn, write_movie, write_sequence

schema, opentime = otio.schema, otio.opentime


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matte without the network."""
    plain = batch.batch_options_from
    monkeypatch.setattr(
        batch, "batch_options_from", lambda args: replace(plain(args), make_renderer=StandIn)
    )


def times(start: float, duration: float, rate: float = 24) -> opentime.TimeRange:
    return opentime.TimeRange(
        opentime.RationalTime(start, rate), opentime.RationalTime(duration, rate)
    )


def clip(
    name: str, start: float, duration: float, media: Path | str | None = None, rate: float = 24
) -> schema.Clip:
    url = media.as_uri() if isinstance(media, Path) else media
    reference = schema.ExternalReference(url) if url else None
    return schema.Clip(name, reference, times(start, duration, rate))


def write_edit(path: Path, *tracks: Sequence[object], start: float | None = None) -> Path:
    edit = schema.Timeline(path.stem)
    if start is not None:
        edit.global_start_time = opentime.RationalTime(start, 24)
    for number, children in enumerate(tracks, start=1):
        edit.tracks.append(schema.Track(f"V{number}", children=list(children)))
    otio.adapters.write_to_file(edit, str(path))
    return path


def planned(edit: Path, *words: str) -> object:
    args = build_parser().parse_args(["timeline", str(edit), "-o", f"{edit.parent}/out", *words])
    return timeline.planned(args)


def frames_of(plan: object) -> dict[str, str]:
    return {shot.name: str(shot.frames) for shot in plan.batch.shots}


def reasons_of(plan: object) -> list[str]:
    return [invalid.reason for invalid in plan.batch.invalid]


def shown(track: schema.Track) -> list[tuple[object, ...]]:
    """Return what a track shows: where, for how long, and which of its media's times."""
    said = []
    for child in track:
        if isinstance(child, schema.Transition):
            said.append(("transition", child.in_offset.value, child.out_offset.value))
            continue
        at = child.range_in_parent()
        start = None if isinstance(child, schema.Gap) else child.source_range.start_time.value
        speeds = [e.time_scalar for e in child.effects if isinstance(e, schema.LinearTimeWarp)]
        said.append((at.start_time.value, at.duration.value, start, *speeds))
    return said


EDL = """TITLE: cut
FCM: NON-DROP FRAME

001  A001     V     C        00:00:00:04 00:00:00:08 10:00:00:00 10:00:00:04
* FROM CLIP NAME: a.mkv
002  A002     V     C        00:00:00:00 00:00:00:04 10:00:00:06 10:00:00:10
* FROM CLIP NAME: b.mkv
003  A002     V     C        00:00:00:04 00:00:00:04 10:00:00:10 10:00:00:10
003  A003     V     D    002 00:00:00:02 00:00:00:06 10:00:00:10 10:00:00:14
* FROM CLIP NAME: b.mkv
* TO CLIP NAME: c.mkv
004  A004     V     C        00:00:00:00 00:00:00:08 10:00:00:14 10:00:00:18
M2   A004       048.0                00:00:00:00
* FROM CLIP NAME: d.mkv
"""


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """An EDL with a gap, a dissolve and a retime, and its media."""
    for number, name in enumerate("abcd"):
        write_movie(tmp_path / "media" / f"{name}.mkv", 12, seed=number)
    (tmp_path / "cut.edl").write_text(EDL)
    return tmp_path / "cut.edl"


@pytest.mark.slow
def test_an_edl_comes_back_with_its_mattes_at_the_same_places(cut, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--media", f"{tmp_path}/media", "--handles", "1", "--to", "{shot}.mkv"]

    code = main(["timeline", str(cut), "-o", str(out), *words, "--quiet"])

    said = capsys.readouterr()
    assert code == 0
    assert "retimed to 2" in said.err
    assert "can't say every speed" not in said.err
    assert [Path(line).name for line in said.out.splitlines()] == [
        "a.mkv", "b.mkv", "c.mkv", "d.mkv", "cut_mattes.otio", "cut_mattes.xml", "cut_mattes.edl",
    ]  # fmt: skip
    before = otio.adapters.read_from_file(str(cut), rate=24).tracks[0]
    plates, mattes = otio.adapters.read_from_file(str(out / "cut_mattes.otio")).tracks
    assert shown(plates) == shown(mattes) == shown(before)
    for matte in mattes.find_clips():
        assert local_path(matte.media_reference.target_url).is_file()
        available = matte.media_reference.available_range
        assert available.start_time <= matte.source_range.start_time
    alone = otio.adapters.read_from_file(str(out / "cut_mattes.edl"), rate=24).tracks
    assert [shown(track) for track in alone] == [shown(before)]
    assert alone[0].source_range == before.source_range
    xml = otio.adapters.read_from_file(str(out / "cut_mattes.xml"))
    assert xml.global_start_time.to_timecode() == "10:00:00:00"
    for track in xml.tracks:
        assert [line[:3] for line in shown(track)] == [line[:3] for line in shown(before)]


def test_handles_transitions_and_retimes_widen_what_is_matted_as_far_as_the_media_goes(cut):
    plan = planned(cut, "--media", f"{cut.parent}/media", "--handles", "1")

    # b: 4 frames, 2 of the dissolve, a handle; d: 8 frames at twice its speed, a handle.
    assert frames_of(plan) == {"a": "3-8", "b": "0-6", "c": "1-6", "d": "0-8"}


def test_a_frame_of_a_media_is_matted_once_whoever_shows_it(tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 40)
    edit = write_edit(
        tmp_path / "cut.otio",
        [clip("x", 20, 5, movie), clip("y", 0, 5, movie), clip("z", 3, 5, movie)],
        [clip("w", 22, 5, movie)],
    )

    plan = planned(edit, "--handles", "0")

    assert frames_of(plan) == {"x": "20-26", "y": "0-7"}
    assert [[use.cut.name for use in span.uses] for span in plan.spans] == [["x", "w"], ["y", "z"]]


@pytest.mark.slow
def test_only_chosen_tracks_are_matted_and_each_has_its_mattes_above_it(tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 20)
    tracks = [[clip(f"t{n}", 4 * n, 2, movie)] for n in range(3)]
    edit = write_edit(tmp_path / "cut.otio", *tracks, start=86400)
    words = ["-o", str(tmp_path / "out"), "--tracks", "1,3", "--to", "{shot}.mkv", "--quiet"]

    assert main(["timeline", str(edit), *words, "--handles", "0"]) == 0

    result = otio.adapters.read_from_file(str(tmp_path / "out" / "cut_mattes.otio"))
    assert [track.name for track in result.tracks] == ["V1", "V1 mattes", "V2", "V3", "V3 mattes"]
    assert (tmp_path / "out" / "cut_mattes.V3.edl").read_text().count("01:00:00:00") == 1
    with pytest.raises(SourceError, match=r"3 video tracks, and track 4 .* --tracks counts"):
        planned(edit, "--tracks", "4")


def test_sequences_come_back_as_sequences_with_their_numbers(tmp_path):
    plate = write_sequence(tmp_path / "plates", "sh010.", range(1001, 1021))
    available = times(1001, 20)
    reference = schema.ImageSequenceReference(
        f"{plate.parent.as_uri()}/", "sh010.", ".png", 1001, 1, 24, 4, available_range=available
    )
    edit = write_edit(tmp_path / "c.otio", [schema.Clip("sh010", reference, times(1005, 4))])
    words = ["--handles", "2", "--to", "{shot}/{shot}.####.exr", "--to", "{shot}.mkv", "--quiet"]

    assert main(["timeline", str(edit), "-o", f"{tmp_path}/out", *words]) == 0

    plates, mattes = otio.adapters.read_from_file(f"{tmp_path}/out/c_mattes.otio").tracks
    matte = mattes[0].media_reference
    assert shown(plates) == shown(mattes)
    assert matte.available_range == times(1003, 8)
    assert matte.start_frame == 1003
    urls = [matte.target_url_for_image_number(n) for n in range(8)]
    assert all(local_path(url).is_file() for url in urls)
    movies = otio.adapters.read_from_file(f"{tmp_path}/out/c_mattes.xml").tracks[1]
    assert movies[0].media_reference.target_url.endswith("/sh010.mkv")


def test_what_cannot_be_matted_is_named_and_leaves_a_gap(tmp_path, capsys):
    good = write_movie(tmp_path / "good.mkv", 8)
    (tmp_path / "broken.mkv").write_bytes(b"x" * 99)
    (tmp_path / "code.vpy").write_text("raise SystemExit('run')")
    off = clip("off", 0, 4, good)
    off.enabled = False
    bars = schema.Clip("bars", schema.GeneratorReference("b", "SMPTEBars"), times(0, 4))
    edit = write_edit(
        tmp_path / "cut.otio",
        [clip("good", 0, 4, good), clip("broken", 0, 4, tmp_path / "broken.mkv"),
         clip("gone", 0, 4, "file:///no/gone.mov"), clip("code", 0, 4, tmp_path / "code.vpy"),
         clip("web", 0, 4, "https://example.org/a.mov"), clip("late", 6, 4, good), off, bars,
         schema.Clip("blank")],
    )  # fmt: skip

    code = main(
        ["timeline", str(edit), "-o", f"{tmp_path}/out", "--to", "{shot}.mkv", "--json", "--quiet"]
    )

    failed = list(json.loads(capsys.readouterr().out)["failed"].values())
    assert code == 1
    for words, reason in zip(
        ["can't be read as a movie", "gone.mov is not at /no/gone.mov", "is not found", "is not found",
         "has 8 frames, and 'late' shows 4", "disabled", "generated", "which frames"],
        failed, strict=True,
    ):  # fmt: skip
        assert words in reason
    assert "V1 00:00:00:04" in failed[0]
    mattes = otio.adapters.read_from_file(f"{tmp_path}/out/cut_mattes.otio").tracks[1]
    assert [type(child).__name__ for child in mattes][:5] == ["Clip", *["Gap"] * 4]


def test_media_is_found_by_name_reel_and_timecode(tmp_path):
    media = tmp_path / "media"
    write_movie(media / "day1" / "A001.mkv", 24, timecode="01:00:00:00")
    write_movie(media / "day2" / "A001.mkv", 24, timecode="02:00:00:00")
    write_movie(media / "x7.mkv", 24, timecode="03:00:00:00", reel_name="B002C003")
    by_reel = clip("shot 3", 3 * 86400 + 2, 3)
    by_reel.metadata["cmx_3600"] = {"reel": "B002C003"}
    edit = write_edit(
        tmp_path / "cut.otio",
        [clip("a001.MOV", 86400 + 5, 3), clip("other", 2 * 86400, 3, r"D:\cards\A001.mov"), by_reel],
    )  # fmt: skip

    plan = planned(edit, "--media", str(media), "--handles", "0")

    found = [(shot.source.relative_to(media).as_posix(), shot.frames) for shot in plan.batch.shots]
    assert found == [
        ("day1/A001.mkv", FrameRange(5, 7)),
        ("day2/A001.mkv", FrameRange(0, 2)),
        ("x7.mkv", FrameRange(2, 4)),
    ]


def test_media_that_two_files_may_be_is_refused_by_name(tmp_path):
    for day in ("day1", "day2"):
        write_movie(tmp_path / "media" / day / "a.mkv", 24)
    edit = write_edit(tmp_path / "cut.otio", [clip("a", 0, 4)])

    assert "2 files fit 'a'" in reasons_of(planned(edit, "--media", f"{tmp_path}/media"))[0]


@pytest.mark.parametrize(
    ("speed", "frames"), [(2.0, "4-11"), (0.5, "4-7"), (-1.0, "1-8"), (0.0, "4-7")]
)
def test_a_retimed_clip_has_every_frame_that_it_may_show(speed, frames, tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 40)
    retimed = clip("a", 4, 4, movie)
    retimed.effects.append(schema.LinearTimeWarp(time_scalar=speed))

    plan = planned(write_edit(tmp_path / "cut.otio", [retimed]), "--handles", "0")

    wanted = plan.batch.shots[0].frames
    least = FrameRange.parse(frames)
    assert wanted.first <= least.first
    assert wanted.last >= least.last
    assert len(plan.notes) == 1


def test_clips_of_nested_edits_are_matted_where_they_are(tmp_path, capsys):
    movie = write_movie(tmp_path / "a.mkv", 20)
    inner = schema.Stack("inner", [schema.Track("n", children=[clip("deep", 3, 4, movie)])])
    edit = write_edit(tmp_path / "cut.otio", [clip("flat", 12, 4, movie), inner])
    words = ["-o", f"{tmp_path}/out", "--to", "{shot}.mkv", "--handles", "0", "--quiet"]

    assert main(["timeline", str(edit), *words]) == 0

    mattes = otio.adapters.read_from_file(f"{tmp_path}/out/cut_mattes.otio").tracks[1]
    names = [Path(c.media_reference.target_url).name for c in mattes.find_clips()]
    assert names == ["flat.mkv", "deep.mkv"]
    assert isinstance(mattes[1], schema.Stack)
    assert "EDLs nest none, and inner is nested" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.edl"))


def test_drop_frame_timecode_finds_the_frame_that_it_names(tmp_path):
    write_movie(tmp_path / "m" / "a.mkv", 40, rate=Fraction(30000, 1001), timecode="00:00:59;20")
    (tmp_path / "cut.edl").write_text(
        "TITLE: x\nFCM: DROP FRAME\n\n"
        "001  AX       V     C        00:00:59;28 00:01:00;04 01:00:00;00 01:00:00;04\n"
        "* FROM CLIP NAME: a.mkv\n"
    )

    plan = planned(tmp_path / "cut.edl", "--media", f"{tmp_path}/m", "--handles", "0")

    # 00:00:59;28, ;29, 00:01:00;02, ;03: two numbers of the minute are left out.
    assert plan.rate == Fraction(30000, 1001)
    assert frames_of(plan) == {"a": "8-11"}


def line_of(mark: str) -> str:
    return f"02:00:00{mark}10 02:00:00{mark}14 01:00:00{mark}00 01:00:00{mark}04"


@pytest.fixture(scope="module", params=[("NON-DROP", ":"), ("DROP", ";")], ids=["NON-DROP", "DROP"])
def coded(request, tmp_path_factory) -> tuple[str, str, Path]:
    """A frame code, its mark, and the folder of footage with the edit of it in every form."""
    code, mark = request.param
    folder = tmp_path_factory.mktemp("coded")
    rate = Fraction(30000, 1001)
    write_movie(folder / "a.mkv", 40, rate=rate, timecode=f"02:00:00{mark}00")
    edit = folder / "cut.edl"
    line = line_of(mark)
    edit.write_text(f"FCM: {code} FRAME\n001  A  V  C  {line}\n* FROM CLIP NAME: a.mkv\n")
    words = ["--media", str(folder), "--to", "{shot}.mkv", "--quiet", "--rate", "29.97"]
    assert main(["timeline", str(edit), "-o", f"{folder}/first", *words]) == 0
    # An .otio that other programs write has no word for it: the media says it.
    read = otio.adapters.read_from_file(f"{folder}/first/cut_mattes.otio")
    read.tracks[:] = [read.tracks[0]]
    for item in (read, *read.find_clips()):
        item.metadata.clear()
    otio.adapters.write_to_file(read, f"{folder}/first/cut_mattes.otio")
    return code, mark, folder


@pytest.mark.slow
@pytest.mark.parametrize("form", ["edl", "xml", "otio"])
def test_an_edit_keeps_its_frame_code_in_every_form(form, coded, tmp_path):
    code, mark, folder = coded
    written = f"{folder}/first/cut_mattes.{form}"

    words = ["--media", str(folder), "--to", "{shot}.mkv", "--quiet", "--rate", "29.97"]
    assert main(["timeline", written, "-o", f"{tmp_path}/out", *words, "--tracks", "1"]) == 0

    lines = (tmp_path / "out" / "cut_mattes_mattes.edl").read_text()
    assert f"FCM: {code} FRAME" in lines
    assert line_of(mark) in lines
    xml = (tmp_path / "out" / "cut_mattes_mattes.xml").read_text()
    assert {"DROP": "<displayformat>DF<", "NON-DROP": "<displayformat>NDF<"}[code] in xml
    assert f"01:00:00{mark}00" in xml
    assert (":" if mark == ";" else ";") + "00</string>" not in xml


@pytest.mark.slow
def test_an_event_that_cannot_be_read_is_named_and_leaves_a_gap(cut, tmp_path, capsys):
    text = EDL.replace("00:00:00:00 00:00:00:04 10:00:00:06", "00:00:00:00 00:00:0o:04 10:00:00:06")
    cut.write_text(text)
    words = ["--media", f"{tmp_path}/media", "--to", "{shot}.mkv", "--quiet", "--json"]

    code = main(["timeline", str(cut), "-o", f"{tmp_path}/out", *words])

    said = json.loads(capsys.readouterr().out)
    assert code == 1
    (reason,) = said["failed"].values()
    assert "line 6 of cut.edl" in reason
    alone = otio.adapters.read_from_file(f"{tmp_path}/out/cut_mattes.edl", rate=24).tracks[0]
    assert [clip.name for clip in alone.find_clips()] == ["a.mkv", "c.mkv", "d.mkv"]


def test_an_edl_is_written_at_the_rate_of_the_edit_not_of_its_media(tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 60, rate=50)
    edit = write_edit(tmp_path / "cut.otio", [clip("a", 10, 20, movie, rate=50)], start=86400)
    words = ["--to", "{shot}.mkv", "--quiet", "--edits", "edl"]

    assert main(["timeline", str(edit), "-o", f"{tmp_path}/out", *words]) == 0

    lines = (tmp_path / "out" / "cut_mattes.edl").read_text()
    assert "00:00:00:05 00:00:00:15 01:00:00:00 01:00:00:10" in lines


@pytest.mark.parametrize("fcm", ["FCM: DROP FRAME", "FCM: NON-DROP FRAME"])
def test_a_list_that_drops_frames_is_read_at_a_rate_that_does(fcm, tmp_path):
    """Its media runs at 24, as most does; a mark says it too where FCM is wrong."""
    write_movie(tmp_path / "a.mkv", 60, timecode="01:00:00:00")
    mark = ":" if fcm == "FCM: DROP FRAME" else ";"
    times = f"01:00:00:00 01:00:01:00 01:00:00{mark}00 01:00:01{mark}00"
    (tmp_path / "cut.edl").write_text(f"{fcm}\n001  AX  V  C  {times}\n* FROM CLIP NAME: a.mkv\n")

    plan = planned(tmp_path / "cut.edl", "--media", str(tmp_path))

    assert plan.rate == Fraction(30000, 1001)
    assert "29.97" in plan.notes[0]


def test_media_of_another_rate_than_the_edit_gives_the_same_seconds(tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 100, rate=50)
    edit = write_edit(tmp_path / "cut.otio", [clip("a", 10, 20, movie, rate=25)])

    assert frames_of(planned(edit, "--handles", "0")) == {"a": "20-59"}


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", r"..\evil", "a\n; rm -rf ~ #", "$(touch evil)", "####", ""]
)
def test_no_name_in_an_edit_leads_out_of_the_folder(name, tmp_path):
    movie = write_movie(tmp_path / "media" / "a.mkv", 2)
    edit = write_edit(tmp_path / "cut.otio", [clip(name, 0, 2, movie)])
    before = {path for path in tmp_path.rglob("*") if "out" not in path.parts}

    plan = planned(edit, "--to", "{shot}.mkv")

    assert {path for path in tmp_path.rglob("*") if "out" not in path.parts} == before
    (shot,) = plan.batch.shots
    assert shot.outputs == (f"{shot.name}.mkv",)
    assert not set("/\\\n;$#()") & set(shot.name)


@pytest.mark.parametrize("form", ["otio", "xml", "fcpxml"])
@pytest.mark.parametrize("text", ["", "{", "[]", '{"OTIO_SCHEMA": "Clip.1"}', "\0\1"])
def test_what_is_no_edit_is_refused_by_name(text, form, tmp_path):
    (tmp_path / f"x.{form}").write_text(text)

    with pytest.raises(SourceError, match=f"x.{form}"):
        read_edit(tmp_path / f"x.{form}")


def test_an_edit_takes_no_frames_of_the_command_line():
    args = build_parser().parse_args(["timeline", "x.otio", "-o", "o", "--frames", "1-2"])

    with pytest.raises(SettingsError, match="handles"):
        args.run(args)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b%20c.mov", "/a/b c.mov"),
        ("file://localhost/a/b.mov", "/a/b.mov"),
        ("file:///C:/a/b.mov", "C:/a/b.mov"),
        ("a/b.mov", "a/b.mov"),
        ("https://example.org/b.mov", None),
        ("file://server/b.mov", None),
        ("a\0b", None),
    ],
)
def test_only_files_of_this_machine_are_media(url, path):
    assert local_path(url) == (None if path is None else Path(path))


@pytest.mark.parametrize(
    ("said", "rate"), [(23.976, "24000/1001"), (24, "24"), (59.94, "60000/1001")]
)
def test_rates_are_exact(said, rate):
    assert exact_rate(said) == Fraction(rate)


@pytest.fixture
def two_clips(tmp_path: Path) -> Path:
    """An edit of two clips with a gap between them; with handles they share one matte."""
    movie = write_movie(tmp_path / "a.mkv", 30, seed=3, smooth=True)
    gap = schema.Gap(source_range=times(0, 3))
    return write_edit(tmp_path / "cut.otio", [clip("x", 2, 4, movie), gap, clip("y", 20, 5, movie)])


def errors_over_red(found: list[np.ndarray], matte: Path) -> list[float]:
    """Return the mean error of each frame of `two_clips` over red, of 255; a lost alpha has 99."""
    frames = frames_in(matte, "rgba")
    wanted = [over_red(frame) for frame in [*frames[2:6], *[None] * 3, *frames[20:25]]]
    pairs = zip(found, wanted, strict=True)
    return [float(np.abs(a.astype(float) - b).mean()) for a, b in pairs]


@pytest.mark.skipif(shutil.which("melt") is None, reason="needs MLT: apt-get install melt")
def test_an_mlt_project_composites_the_mattes_as_numpy_does(two_clips, tmp_path):
    out = tmp_path / "out"
    words = ["--codec", "animation", "--edits", "mlt", "--quiet"]

    assert main(["timeline", str(two_clips), "-o", str(out), *words]) == 0

    project = out / "cut_mattes.mlt"
    project.write_text(project.read_text().replace(">black<", ">#ff0000<"))
    rendered = ["avformat:" + str(out / "r.mkv"), "vcodec=ffv1", "pix_fmt=yuv444p", "an=1"]
    command = ["melt", str(project), "-consumer", *rendered]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    errors = errors_over_red(frames_in(out / "r.mkv", "rgb24"), out / "x.mov")
    print("mean errors of 255:", np.round(errors, 2))  # noqa: T201
    assert max(errors) <= 10


def test_the_command_line_says_where_a_programs_script_is(capsys):
    assert main(["hosts", "path", "blender"]) == 0

    assert Path(capsys.readouterr().out.strip()) == script("blender")
    assert script("blender").is_file()


RENDER = """
import bpy
scene = bpy.context.scene
red = scene.sequence_editor.sequences.new_effect(
    name="red", type="COLOR", channel=1, frame_start=1, frame_end=13)
red.color = (1, 0, 0)
scene.view_settings.view_transform = "Standard"
scene.render.resolution_x, scene.render.resolution_y = 32, 18
scene.render.filepath = {path!r}
bpy.ops.render.render(animation=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("blender") is None, reason="needs Blender: apt-get install blender"
)
def test_blenders_sequencer_composites_the_mattes_as_numpy_does(two_clips, tmp_path):
    out = tmp_path / "out"
    assert main(["timeline", str(two_clips), "-o", str(out), "--edits", "otio", "--quiet"]) == 0
    words = ["--", str(out / "cut_mattes.otio"), "--mute-plates"]

    command = ["blender", "--background", "--factory-startup", "--python", str(script("blender"))]
    rendering = ["--python-expr", RENDER.format(path=f"{out}/f")]
    subprocess.run([*command, *rendering, *words], check=True, capture_output=True, timeout=300)

    pictures = [cv2.imread(str(path))[..., ::-1] for path in sorted(out.glob("f*.png"))]
    errors = errors_over_red(pictures, out / "x.mov")
    print("mean errors of 255:", np.round(errors, 2))  # noqa: T201
    assert max(errors) <= 10


def frames_in(path: Path, pixels: str) -> list[np.ndarray]:
    with av.open(str(path)) as opened:
        return [frame.to_ndarray(format=pixels) for frame in opened.decode(video=0)]


def over_red(rgba: np.ndarray | None) -> np.ndarray:
    red = np.broadcast_to(np.array([255.0, 0, 0]), (18, 32, 3))
    if rgba is None:
        return red
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + red * (1 - alpha)


@pytest.mark.slow
def test_of_an_edit_of_200_shots_all_is_delivered_but_the_eight_that_cannot_be(tmp_path, capsys):
    """20 of them share their frames with another, 5 media are missing, 3 broken, 1 has a frame."""
    movies = [write_movie(tmp_path / "m" / f"m{n}.mkv", 120, seed=n) for n in range(8)]
    children = [clip(f"sh{n:03d}", 5 * (n // 8), 2, movies[n % 8]) for n in range(171)]
    children += [clip(f"again{n}", 5 * (n // 8) + 1, 1, movies[n % 8]) for n in range(20)]
    children += [clip(f"gone{n}", 0, 2, f"file:///no/gone{n}.mov") for n in range(5)]
    for n in range(3):
        (tmp_path / f"broken{n}.mkv").write_bytes(movies[n].read_bytes()[: 200 * n])
        children.append(clip(f"broken{n}", 0, 2, tmp_path / f"broken{n}.mkv"))
    children.append(clip("one", 119, 1, movies[0]))
    edit = write_edit(tmp_path / "cut.otio", children, start=86400)
    words = [
        "--to",
        "{shot}.####.png",
        "--handles",
        "1",
        "--quiet",
        "--json",
        "--edits",
        "otio,edl",
    ]

    code = main(["timeline", str(edit), "-o", f"{tmp_path}/out", *words])

    said = json.loads(capsys.readouterr().out)
    assert code == 1
    assert len(children) == 200
    assert [reason.split(":")[0] for reason in said["failed"].values()] == [
        *(f"gone{n}" for n in range(5)), *(f"broken{n}" for n in range(3)),
    ]  # fmt: skip
    entries = Manifest(tmp_path / "out").entries.values()
    assert sum(entry.state == "done" for entry in entries) == 172
    plates, mattes = otio.adapters.read_from_file(f"{tmp_path}/out/cut_mattes.otio").tracks
    assert shown(plates)[:191] == shown(mattes)[:191]
    urls = [m.media_reference.target_url_for_image_number(0) for m in mattes.find_clips()]
    assert len(urls) == 192
    assert all(local_path(url).is_file() for url in urls)


PLAN = """
import re, sys, time
from pathlib import Path
from sghm_vs.cli import build_parser
from sghm_vs.cli import timeline
args = build_parser().parse_args(["timeline", sys.argv[1], "-o", sys.argv[2]])
began = time.process_time()
plan = timeline.planned(args)
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(len(plan.batch.shots), time.process_time() - began, int(peak[1]) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("form", "clips"), [("otio", 10_000), ("edl", 2_500)])
def test_10000_clips_would_be_planned_in_half_a_minute_and_500_mb(form, clips, tmp_path):
    """Seconds of the processor: the machine may do much else. EDLs take longer, by the clip."""
    movies = [write_movie(tmp_path / f"m{n}.mkv", 600, seed=n) for n in range(20)]
    children = [clip(f"m{n % 20}.mkv", (n // 20) % 590, 4, movies[n % 20]) for n in range(clips)]
    edit = write_edit(tmp_path / f"cut.{form}", children, start=86400)

    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", PLAN, str(edit), f"{tmp_path}/out"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    shots, seconds, megabytes = map(float, run.stdout.split())
    print(form, shots, seconds, megabytes, time.monotonic() - began)  # noqa: T201
    assert shots == 20
    assert seconds < 30 * clips / 10_000
    assert megabytes < 500
