"""Many shots: what is planned, what a failing one does, and what is made again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sghm_vs.cli import batch, build_parser, main
from sghm_vs.errors import ExportError, SettingsError, SourceError
from sghm_vs.options import BatchOptions, Delivery, Edges, FrameRange, Matting, Settings
from sghm_vs.shots.batch.checksums import source_files
from sghm_vs.shots.batch.find import find_footage
from sghm_vs.shots.batch.lists import read_list
from sghm_vs.shots.batch.manifest import Manifest
from sghm_vs.shots.batch.names import (
    InvalidShot,
    Shot,
    output_names,
    place,
    safe_name,
    unique_names,
)
from sghm_vs.shots.batch.planner import plan
from sghm_vs.shots.batch.run import run_batch
from sghm_vs.shots.batch.watch import Watch
from tests.standin import CRASHES, Meddler, StandIn, write_movie, write_sequence

FAST = BatchOptions(make_renderer=StandIn)
RESUMED = replace(FAST, resume=True)
WITHIN_S = 300


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """A folder as a camera department leaves it."""
    folder = tmp_path / "plates"
    write_movie(folder / "day1" / "a.mkv", seed=1)
    write_movie(folder / "day2" / "A.mkv", seed=2)
    write_sequence(folder / "sh010", "sh010_", range(1001, 1005))
    (folder / "day1" / "notes.txt").write_text("x")
    (folder / "day1" / "clip.vpy").write_text("raise SystemExit('run')")
    return folder


def shot(name: str, source: Path, *, to: str = "{shot}.####.png", **more: object) -> Shot:
    delivery = more.pop("delivery", Delivery())
    outputs = output_names([to], name, delivery)
    return Shot(name=name, source=source, outputs=outputs, delivery=delivery, **more)


def batch_from(*words: str) -> list[Shot]:
    """Return the shots that the words of `sghm batch` ask for."""
    args = build_parser().parse_args(["batch", *words])
    return batch.batch_from(args).shots


def files_in(folder: Path, pattern: str = "*.png") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob(pattern))}


def timeless(folder: Path) -> list[dict[str, object]]:
    """Return the manifest of `folder` without its times, in order of the shots."""
    entries = json.loads((folder / "manifest.json").read_text())["shots"]
    times = ("started", "finished", "seconds")
    kept = [{key: value for key, value in e.items() if key not in times} for e in entries]
    for entry in kept:
        for content in (entry["checksums"] or {}).values():
            content["modified_ns"] = 0
    return sorted(kept, key=lambda entry: entry["shot"])


def test_a_folder_gives_a_shot_for_each_movie_and_sequence_with_a_name_of_its_own(plates, tmp_path):
    shots = batch_from(str(plates), "-o", str(tmp_path / "out"))

    assert [(one.name, one.source.name, one.outputs) for one in shots] == [
        ("day1_a", "a.mkv", ("day1_a.mov",)),
        ("day2_A", "A.mkv", ("day2_A.mov",)),
        ("sh010", "sh010_####.png", ("sh010.mov",)),
    ]


def test_scripts_in_folders_are_left_out_and_run_only_when_named(plates):
    found = find_footage([str(plates)])

    assert [path.name for path in found.left_out] == ["clip.vpy", "notes.txt"]
    script = str(plates / "day1" / "clip.vpy")
    assert find_footage([script]).footage[0].path == Path(script)


def test_sources_are_globs_patterns_and_sequences_with_their_frames(plates):
    sequence = plates / "sh010"
    words = [f"{plates}/*/*.mkv", f"{sequence}/sh010_####.png", f"{sequence}/sh010_1002-1003#.png"]

    found = find_footage(words).footage

    assert [one.path.name for one in found] == ["a.mkv", "A.mkv", *["sh010_####.png"] * 2]
    assert [one.frames for one in found[2:]] == [None, FrameRange(1002, 1003)]


@pytest.mark.parametrize("source", ["nothing.mov", "*.mov", "x.1-5#.exr", "x.####.exr"])
def test_a_source_that_is_not_there_is_refused_before_any_work(source, tmp_path):
    with pytest.raises(SourceError, match=r"doesn't exist|matches nothing"):
        find_footage([f"{tmp_path}/{source}"])


def test_mattes_in_the_searched_folder_are_not_matted_again(plates):
    write_movie(plates / "mattes" / "a.mkv")

    found = find_footage([str(plates)], but=plates / "mattes")

    assert all(one.path.parent.name != "mattes" for one in found.footage)


def test_a_list_gives_each_source_its_own_options(plates, tmp_path):
    (plates / "list.toml").write_text(
        '[defaults]\ntr = 1\n[[shot]]\nsource = "day1/a.mkv"\nname = "hero"\nframes = "2-4"\n'
        'grow = -1.5\n[[shot]]\nsource = "sh010/sh010_####.png"\ntr = "off"\nto = "{shot}.mkv"\n'
    )

    hero, second = batch_from(
        str(plates / "list.toml"), "-o", str(tmp_path / "out"), "--feather", "2"
    )

    assert (hero.name, hero.frames, hero.matting.settings.tr) == ("hero", FrameRange(2, 4), 1)
    assert hero.delivery.edges == Edges(grow=-1.5, feather=2)
    assert second.matting == Matting(device_index=None, settings=Settings(tr="off"))
    assert second.outputs == ("sh010.mkv",)


def test_a_list_may_be_csv(plates, tmp_path):
    (plates / "list.csv").write_text("source,name,tr\nday1/a.mkv,hero,0\nday2/A.mkv,,\n")

    hero, second = batch_from(str(plates / "list.csv"), "-o", str(tmp_path / "out"))

    assert [hero.name, second.name] == ["hero", "A"]
    assert [one.matting.settings.tr for one in (hero, second)] == [0, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "mac_roman"])
@pytest.mark.parametrize(
    ("mark", "first"), [(",", ""), (";", ""), ("\t", ""), (";", "sep=;\r\n"), (";", "SEP=;\r")]
)
def test_a_list_may_be_csv_as_spreadsheets_write_it(encoding, mark, first, plates, tmp_path):
    rows = f"source{mark}name\r\nday1/a.mkv{mark}Ünter\r\nday2/A.mkv{mark}\r\n"
    (plates / "list.csv").write_bytes((first + rows).encode(encoding))

    assert [one.name for one in batch_from(str(plates / "list.csv"), "-o", f"{tmp_path}/out")] == [
        "Ünter", "A",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "frames"), [("[0001-0002]", None), ("{:04d}", None), ("[0002-0002]", FrameRange(2, 2))]
)
def test_a_sequence_may_be_named_as_editing_programs_do(name, frames, tmp_path):
    plate = write_sequence(tmp_path, "sh.", range(1, 3))

    (found,) = find_footage([f"{tmp_path}/sh.{name}.png"]).footage

    assert (found.path, found.frames) == (plate, frames)


def test_a_list_may_have_several_ranges_of_a_source_but_each_once(plates, tmp_path):
    words = [str(plates / "list.csv"), "-o", str(tmp_path / "out")]
    rows = "source,frames\nday1/a.mkv,0-1\nday1/a.mkv,3-4\n"
    (plates / "list.csv").write_text(rows)

    assert [(one.name, str(one.frames)) for one in batch_from(*words)] == [
        ("day1_a", "0-1"),
        ("day1_a_2", "3-4"),
    ]

    (plates / "list.csv").write_text(rows + "day1/a.mkv,3-4\n")
    with pytest.raises(SettingsError, match="asked for twice"):
        batch_from(*words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[shot]]\nsource = "x.vpy"', "code"),
        ('[[shot]]\nsource = "a.mov"\nmask = "x.VPY"', "code"),
        ('[[shot]]\nname = "a"', "no source"),
        ('[[shot]]\nsource = ["a"]', "give a word"),
        ("shots = 1", r"\[\[shot\]\]"),
        ("[[shot]", "no list that can be read"),
        ("", "lists nothing"),
    ],
)
def test_a_list_that_is_none_or_names_code_is_refused(text, said, tmp_path):
    (tmp_path / "list.toml").write_text(text)

    with pytest.raises(SourceError, match=said):
        read_list(tmp_path / "list.toml")


@pytest.mark.parametrize("row", ["a.mkv,x,extra,fields", "a.mkv,x,,fields"])
def test_cells_that_the_header_does_not_name_are_refused_and_empty_ones_are_not(row, tmp_path):
    names = "source,name" + "," * (row.count(",") - 2)
    (tmp_path / "list.csv").write_text(f"{names}\n{row}\n")
    with pytest.raises(SourceError, match=r"row 1 has .*fields' where the header names no option"):
        read_list(tmp_path / "list.csv")

    (tmp_path / "list.csv").write_text("source,name\na.mkv,x,,\n")
    assert [(one.source, one.shot, one.settings) for one in read_list(tmp_path / "list.csv")] == [
        ("a.mkv", "x", {})
    ]


@pytest.mark.parametrize(
    ("name", "frames", "said"),
    [
        ("sh.####.png", FrameRange(9000, 9001), "has frames 1-2, and 9000-9001 was asked for"),
        ("no.####.png", FrameRange(1, 2), "no.####.png doesn't exist; check its name"),
        ("no.mov", None, "no.mov doesn't exist; check its name"),
    ],
)
def test_footage_that_is_away_is_told_from_frames_that_are(name, frames, said, tmp_path):
    write_sequence(tmp_path, "sh.", range(1, 3))

    with pytest.raises(SourceError, match=said):
        source_files(tmp_path / name, frames)


@pytest.mark.parametrize(
    "row", ["output = '/x'", "overwrite = true", "jobs = 3", "tr = 99", "grwo = 1"]
)
def test_an_option_that_no_shot_has_is_named_with_its_row(row, plates, tmp_path):
    (plates / "list.toml").write_text(f'[[shot]]\nsource = "day1/a.mkv"\n{row}\n')

    with pytest.raises(SettingsError):
        batch_from(str(plates / "list.toml"), "-o", str(tmp_path / "out"))


HOSTILE = [
    "../x.mov", "/etc/x.mov", "a/../../x.mov", r"..\x.mov", r"C:\x.mov", "C:x.mov", "//host/x.mov",
    "", " ", "a\0.mov", ".sghm-batch.lock",
]  # fmt: skip


@pytest.mark.parametrize("output", HOSTILE)
def test_no_output_leads_out_of_the_folder(output, tmp_path):
    with pytest.raises(ExportError):
        output_names([output], "a", Delivery())
    with pytest.raises(ExportError):
        place(tmp_path, output)


def test_no_output_leads_out_of_the_folder_by_a_link(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path)

    with pytest.raises(ExportError, match="link"):
        place(tmp_path / "out", "sub/x.mov")


@pytest.mark.parametrize(
    "text",
    [*HOSTILE, "####", "%04d", "$F4", "{shot}", "a/b", "; rm -rf ~", "$(id)", "-o", "con", "NUL.mov",
     "é" * 300, "\u202egpj", "...", "名前"],
)  # fmt: skip
def test_whatever_a_shot_is_called_its_name_is_a_plain_part_of_a_files(text):
    name = safe_name(text)

    assert name == Path(name).name == safe_name(name)
    assert not set("/\\#%${}\0;( *?\u202e") & set(name)
    assert not name.startswith(("-", "."))
    assert 0 < len(name) <= 121
    assert output_names(["{shot}.mov"], name, Delivery()) == (f"{name}.mov",)


def test_names_are_unique_whatever_their_case_and_shots_keep_theirs():
    wishes = [("1", ["a", "x_a"]), ("2", ["A", "y_A"]), ("3", ["b"]), ("4", ["b"]), ("5", ["b"])]

    names = unique_names(wishes, {"4": "B"})

    assert names == ["x_a", "y_A", "b_2", "B", "b_3"]


@pytest.mark.slow
def test_a_failing_shot_stops_no_other_and_is_named_with_its_reason(tmp_path):
    good, broken = write_movie(tmp_path / "good.mkv"), tmp_path / "broken.mkv"
    broken.write_bytes(b"x" * 100)
    shots = [
        shot("broken", broken),
        shot("gone", tmp_path / "gone.mov"),
        shot(CRASHES, good),
        shot("long", good, frames=FrameRange(0, 99)),
        shot("good", good, frames=FrameRange(1, 2)),
    ]

    entries = run_batch(
        shots,
        tmp_path / "out",
        batch_options=FAST,
        invalid=[InvalidShot("no", "no.mov", "it is not there")],
    )

    assert [entry.state for entry in entries] == ["failed"] * 4 + ["done", "failed"]
    said = [entry.error for entry in entries if entry.error]
    for words, error in zip(
        ["can't be read", "doesn't exist", "ended with code 134", "has frames 0-5", "not there"],
        said, strict=True,
    ):  # fmt: skip
        assert words in error
    assert sorted(files_in(tmp_path / "out")) == ["good.0001.png", "good.0002.png"]
    assert Manifest(tmp_path / "out").entries[entries[4].key] == entries[4]


@pytest.mark.slow
def test_resume_makes_exactly_what_changed_or_broke(tmp_path):
    names = ["same", "touched", "footage", "settings", "broken", "lost", "fails"]
    movies = {name: write_movie(tmp_path / f"{name}.mkv", 3, seed=1) for name in names}
    movies["fails"].write_bytes(b"x")
    shots = {name: shot(name, movie, to="{shot}.%04d.png") for name, movie in movies.items()}
    out = tmp_path / "out"
    run_batch(list(shots.values()), out, batch_options=FAST)
    before = files_in(out)

    os.utime(movies["touched"])
    write_movie(movies["footage"], 3, seed=2)
    shots["settings"] = shot(
        "settings", movies["settings"], to="{shot}.%04d.png", delivery=Delivery(edges=Edges(grow=9))
    )
    damaged = bytearray(before["broken.0001.png"])
    damaged[-20] ^= 1
    (out / "broken.0001.png").write_bytes(damaged)
    (out / "lost.0002.png").unlink()
    write_movie(movies["fails"], 3, seed=1)
    planned = plan(list(shots.values()), out, RESUMED)
    entries = run_batch(list(shots.values()), out, batch_options=RESUMED)

    assert {one.shot.name: one.reason for one in planned} == {
        "same": "",
        "touched": "",
        "footage": "the source changed",
        "settings": "changed: grow",
        "broken": "broken.%04d.png is not what was written",
        "lost": "lost.%04d.png is missing, or a part of it",
        "fails": "the source changed",
    }
    assert all(entry.state == "done" for entry in entries)
    after = files_in(out)
    assert all(after[name] == before[name] for name in before if name[:3] in ("sam", "bro", "los"))
    assert after["footage.0001.png"] != before["footage.0001.png"]
    assert {one.status for one in plan(list(shots.values()), out, RESUMED)} == {"done"}


@pytest.mark.slow
def test_footage_that_changes_while_it_is_matted_is_matted_anew(tmp_path):
    movie, out = write_movie(tmp_path / "a.mkv", 3, seed=1), tmp_path / "out"
    shots = [shot("a", movie, to="{shot}.%04d.png")]

    (entry,) = run_batch(shots, out, batch_options=replace(FAST, make_renderer=Meddler))
    assert entry.state == "failed"
    assert "changed while it was matted; go on with --resume" in entry.error
    (resumed,) = run_batch(shots, out, batch_options=RESUMED)
    run_batch(shots, tmp_path / "afresh", batch_options=FAST)

    assert resumed.state == "done"
    assert files_in(out) == files_in(tmp_path / "afresh")


def test_files_that_no_manifest_knows_are_not_replaced_unasked(tmp_path):
    movie, out = write_movie(tmp_path / "a.mkv", 1), tmp_path / "out"
    out.mkdir()
    (out / "a.0000.png").write_text("mine")

    for batch_options in (FAST, RESUMED):
        with pytest.raises(ExportError, match=r"exists? already; --overwrite"):
            run_batch([shot("a", movie)], out, batch_options=batch_options)

    assert (out / "a.0000.png").read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"kind": "x"}', '{"kind": "sghm_vs batch", "format": 1, "shots": [1]}']
)
def test_a_file_that_is_no_manifest_is_never_replaced(text, tmp_path):
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(ExportError, match="not the manifest"):
        run_batch([], tmp_path, batch_options=FAST)

    assert (tmp_path / "manifest.json").read_text() == text


@pytest.mark.slow
def test_a_hostile_manifest_names_no_shot_and_moves_no_output(tmp_path):
    movie, out = write_movie(tmp_path / "a.mkv", 1), tmp_path / "out"
    run_batch([shot("a", movie)], out, batch_options=FAST)
    text = (out / "manifest.json").read_text()
    words = [str(movie), "-o", str(out), "--resume"]

    (out / "manifest.json").write_text(text.replace('"a.####.png"', '"../../b.####.png"'))
    assert batch_from(*words)[0].outputs == ("a.mov",)
    (out / "manifest.json").write_text(text.replace('"shot": "a"', '"shot": "../b"'))
    with pytest.raises(ExportError, match="not the manifest"):
        batch_from(*words)


def test_two_shots_of_one_file_are_refused(tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 1)
    shots = [shot("a", movie, to="x.mov"), shot("b", movie, to="X.mov", frames=FrameRange(0, 0))]

    with pytest.raises(ExportError, match="both be written"):
        plan(shots, tmp_path, FAST)


def test_footage_is_never_replaced(tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 1)

    with pytest.raises(ExportError, match="over its footage"):
        plan([shot("a", movie, to="{shot}.mkv")], tmp_path, replace(FAST, overwrite=True))


def test_a_dry_run_writes_nothing(plates, tmp_path, capsys):
    code = main(["batch", str(plates), "-o", str(tmp_path / "out"), "--dry-run"])

    said = capsys.readouterr().out
    assert code == 0
    assert "sequence, frames 1001-1004" in said
    assert "left out" in said
    assert "3 shots to make, 0 done" in said
    assert not (tmp_path / "out").exists()


def test_a_host_gets_its_form_of_every_shot(plates, tmp_path, capsys):
    code = main(["batch", str(plates), "-o", str(tmp_path / "out"), "--dry-run", "--for", "nuke"])

    captured = capsys.readouterr()
    assert code == 0
    assert captured.out.count(".####.exr") >= 3
    assert captured.err.count("for nuke: EXR, half, ZIPS") == 1


@pytest.mark.slow
def test_several_shots_at_once_give_the_same_as_one_after_another(tmp_path):
    movies = [write_movie(tmp_path / f"{n}.mkv", 3, seed=n) for n in range(3)]
    shots = [shot(f"s{n}", movie) for n, movie in enumerate(movies)]

    run_batch(shots, tmp_path / "one", batch_options=FAST)
    run_batch(shots, tmp_path / "two", batch_options=replace(FAST, jobs=2))

    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    assert timeless(tmp_path / "one") == timeless(tmp_path / "two")


@pytest.mark.slow
def test_a_shot_that_dies_beside_others_is_tried_once_more_alone(tmp_path):
    movie = write_movie(tmp_path / "a.mkv", 3)
    shots = [shot(CRASHES, movie, frames=FrameRange(0, 0))]
    shots.append(shot("s1", movie, frames=FrameRange(1, 1)))

    entries = run_batch(shots, tmp_path / "out", batch_options=replace(FAST, jobs=2))

    assert [entry.state for entry in entries] == ["failed", "done"]
    assert "ended with code 134" in entries[0].error
    assert len(list(tmp_path.glob("crashed.*"))) == 2


def test_what_is_dropped_into_a_watched_folder_is_taken_once_it_has_settled(tmp_path):
    now = [0.0]
    watch = Watch(tmp_path, settle_s=10, clock=lambda: now[0])
    movie = write_movie(tmp_path / "a.mkv", 1)

    def taken_at(seconds: float) -> list[str]:
        now[0] = seconds
        return [one.path.name for one in watch.settled().footage]

    assert taken_at(0) == []
    assert taken_at(9) == []
    movie.write_bytes(movie.read_bytes() + b"more")
    assert taken_at(11) == []
    assert taken_at(21) == ["a.mkv"]
    assert taken_at(40) == []
    write_movie(movie, 2)
    assert taken_at(50) == []
    assert taken_at(60) == ["a.mkv"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_watch_mattes_what_settles_and_goes_on_where_it_was_ended(tmp_path):
    incoming, out = tmp_path / "in", tmp_path / "out"
    write_movie(incoming / "a.mkv", 2)
    words = ["batch", "--watch", str(incoming), "-o", str(out), "--to", "{shot}.mkv"]

    first = watched(words, out / "a.mkv")
    written = (out / "a.mkv").stat()
    write_movie(incoming / "b.mkv", 2)
    second = watched(words, out / "b.mkv")

    assert (first, second) == (130, 130)
    assert (out / "a.mkv").stat() == written
    states = {entry.shot: entry.state for entry in Manifest(out).entries.values()}
    assert states["a"] == "done"


def watched(words: Sequence[str], until: Path) -> int:
    """Run a watch until a file is there and recorded; return its exit code after Ctrl-C."""
    process = started([*words, "--settle", "1"])
    ends = time.monotonic() + WITHIN_S
    while not (until.exists() and manifest_has(until)):
        assert time.monotonic() < ends
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    return finished(process)


def manifest_has(output: Path) -> bool:
    entries = Manifest(output.parent).entries.values()
    return any(output.name in entry.checksums for entry in entries)


def started(words: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.standin", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=WITHIN_S)
    return process.returncode


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    for number in range(10):
        write_movie(tmp_path / "plates" / f"sh{number:03d}.mkv", 4, seed=number)
    return tmp_path / "plates"


KILLS = int(os.environ.get("SGHM_KILLS", "2"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_killed_at_random_moments_and_resumed_the_outputs_are_those_of_a_run_in_peace(
    ten, tmp_path
):
    """SGHM_KILLS=10 kills it ten times."""
    forms = ["--to", "{shot}/{shot}.####.png", "--to", "{shot}.mkv", "--quiet"]
    words = ["batch", str(ten), *forms, "--resume", "-o"]
    in_peace, killed = tmp_path / "in peace", tmp_path / "killed"
    assert finished(started([*words, str(in_peace)])) == 0
    moments = random.Random(7)  # noqa: S311 - it must be repeatable

    for _ in range(KILLS):
        process = started([*words, str(killed)])
        done = len(list(killed.rglob("*.mkv")))
        wanted = done + moments.randint(1, max(8 // KILLS, 1))
        ends = time.monotonic() + WITHIN_S
        while len(list(killed.rglob("*.mkv"))) < wanted and process.poll() is None:
            assert time.monotonic() < ends
            time.sleep(0.002)
        time.sleep(moments.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert finished(started([*words, str(killed)])) == 0

    for pattern in ("*.png", "*.mkv"):
        assert files_in(killed, pattern) == files_in(in_peace, pattern)
    assert len(files_in(killed)) == 40
    assert timeless(killed) == timeless(in_peace)
    assert not list(killed.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_ctrl_c_ends_the_workers_too_and_leaves_only_whole_files(ten, tmp_path):
    out = tmp_path / "out"
    process = started(["batch", str(ten), "-o", str(out), "--to", "{shot}.mkv", "--jobs", "2"])
    ends = time.monotonic() + WITHIN_S
    while len(list(out.glob("*.mkv"))) < 3:
        assert time.monotonic() < ends
        assert process.poll() is None
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 130
    assert said.splitlines()[-1].endswith("no unfinished output is left")
    assert not list(out.glob("*.part"))
    states = {entry.shot: entry.state for entry in Manifest(out).entries.values()}
    assert {path.stem for path in out.glob("*.mkv")} >= {
        n for n, s in states.items() if s == "done"
    }
