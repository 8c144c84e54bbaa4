"""What Windows has otherwise, as far as another system can show it: names, open files, consoles."""

import ast
import errno
import io
import json
import ntpath
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path, PureWindowsPath

import cv2
import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs import cli, files
from sghm_vs.cli import main
from sghm_vs.cli.progress import progress
from sghm_vs.errors import ExportError, FarmError, SourceError
from sghm_vs.files import (
    kept_beside,
    refuse_unfit,
    whole_file,
    with_slashes,
    write_files,
)
from sghm_vs.hosts.nuke.install import LINE, install
from sghm_vs.media.readers import open_source
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.targets import read_targets
from sghm_vs.media.writers import export
from sghm_vs.options import Delivery
from sghm_vs.shots.batch.lists import read_list
from sghm_vs.shots.batch.names import output_names, safe_name
from sghm_vs.shots.batch.watch import Watch
from sghm_vs.shots.farm.plan import Plan
from sghm_vs.shots.shot import _refuse_to_replace
from sghm_vs.shots.timeline.media_names import local_path
from tests.clips import noise_clip

ROOT = Path(__file__).parents[1]
FAKE = Path(__file__).parent / "fake/windows"
WITHIN_S = 300
HARD_NAME = "Aufnähme 日本 ✓"


@pytest.fixture
def windows(monkeypatch) -> None:
    """Our own code holds Windows' rules, on the system that is here."""
    monkeypatch.setattr(files, "IS_WINDOWS", True)
    monkeypatch.setattr(files, "PAUSES_S", (0.01, 0.01))
    monkeypatch.setattr(files, "takes_long_paths", lambda: False)


# Names


UNFIT = [
    "aux.mov", "CON", "nul.####.exr", "com1.mov", "LPT³.mkv", "aux .mov", "a/prn/x.mov", "conin$.mov",
    "sh010 01:00:00:00.mov", "a<b.mov", 'a"b.mov', "a|b.mov", "what?.mov", "a*.mov", "x.mov.",
    "folder./x.mov", "folder /x.mov", "x\n.mov",
]  # fmt: skip
FIT = [
    "auxiliary.mov", "con_a.mov", "com10.mov", "a.aux", "日本.mov", "Aufnähme.####.exr", ".hidden.mov",
    "../x.mov", "./x.mov", "a b.mov", "$F4.exr", "plate.%04d.exr", "x{1}.mov",
]  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_names_that_windows_takes_for_something_else_are_refused(windows, name):
    with pytest.raises(ExportError, match="choose another name"):
        refuse_unfit(Path(name))


@pytest.mark.parametrize("name", FIT)
def test_all_other_names_are_taken(windows, name):
    refuse_unfit(Path(name))


@pytest.mark.parametrize("name", UNFIT)
def test_elsewhere_all_names_are_taken(name):
    refuse_unfit(Path(name))


@pytest.mark.skipif(not hasattr(ntpath, "isreserved"), reason="Python 3.13 has it")
@pytest.mark.parametrize("name", UNFIT + FIT)
def test_python_knows_the_same_names_as_windows_own(name):
    assert ntpath.isreserved(name) == any(map(files._unfit, PureWindowsPath(name).parts))


@pytest.mark.parametrize(
    "path", [r"C:\shots\x.mov", r"\\server\share\x.mov", r"\\?\C:\x.mov", r"\\?\UNC\s\h\x.mov"]
)
def test_a_drive_a_share_and_a_verbatim_path_are_no_names(windows, path):
    names = PureWindowsPath(path).parts[1:]

    assert all(files._unfit(name) == "" for name in names)


@pytest.mark.parametrize("output", ["aux.mov", "sh010_01:00.mov", "aux.####.exr"])
def test_an_output_that_windows_would_lose_is_refused_before_any_work(windows, tmp_path, output):
    with pytest.raises(ExportError, match="can't be written on Windows"):
        read_targets([tmp_path / output], range(2), (".mov", ".exr"), patterns=True, overwrite=True)


@pytest.mark.parametrize("to", ["aux/{shot}.mov", "{shot}?.mov", "{shot} ./x.mov"])
def test_a_batch_refuses_such_templates(windows, to):
    with pytest.raises(ExportError, match="can't be written on Windows"):
        output_names([to], "sh010", Delivery())


@pytest.mark.parametrize("name", ["aux", "COM1.a", "a:b", "a.", "con ", "a?b*c", "01:00:00:00"])
def test_shots_are_called_so_that_any_system_takes_it(windows, name):
    refuse_unfit(Path(f"{safe_name(name)}.mov"))


def test_single_files_are_held_to_the_same(windows, tmp_path):
    with pytest.raises(ExportError, match=r"'aux\.json' is the name of a device"):
        write_files({tmp_path / "aux.json": "{}"}, overwrite=False)
    with pytest.raises(ExportError, match="has ':'"), whole_file(tmp_path / "a:b.nk"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_path_that_is_too_long_is_refused_with_what_to_type(windows, tmp_path, monkeypatch):
    folder = tmp_path / ("f" * 100) / ("g" * (200 - len(str(tmp_path)) - 102))

    refuse_unfit(folder / "x.mov")
    with pytest.raises(ExportError, match=r"Windows takes 259 .* reg add HKLM.*LongPathsEnabled"):
        refuse_unfit(folder / f"{'x' * 60}.mov")
    with pytest.raises(SourceError, match="can't be found: its path"):
        open_source(folder / f"{'x' * 60}.mov")
    monkeypatch.setattr(files, "takes_long_paths", lambda: True)
    refuse_unfit(folder / f"{'x' * 60}.mov")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (r"D:\show\m.####.exr", "D:/show/m.####.exr"),
        (r"\\server\share\m.exr", "//server/share/m.exr"),
        (r"\\?\D:\show\m.exr", "D:/show/m.exr"),
        (r"\\?\UNC\server\share\m.exr", "//server/share/m.exr"),
    ],
)
def test_other_programs_get_paths_with_slashes_and_without_marks_of_windows(path, said):
    assert with_slashes(PureWindowsPath(path)) == said


def test_letters_have_no_case(windows, tmp_path):
    for number in (1, 2):
        (tmp_path / f"Plate.000{number}.EXR").touch()
    (tmp_path / "Plate.0003.exr").touch()
    typed = SequencePath.parse(tmp_path / "plate.####.exr")

    assert typed.numbers() == [1, 2, 3]
    with pytest.raises(ExportError, match="would be written over the footage"):
        _refuse_to_replace(tmp_path / "Plate.####.exr", "footage", [tmp_path / "plate.####.exr"])


def test_elsewhere_letters_have_case(tmp_path):
    (tmp_path / "Plate.0001.exr").touch()

    assert SequencePath.parse(tmp_path / "plate.####.exr").numbers() == []
    _refuse_to_replace(tmp_path / "Plate.####.exr", "footage", [tmp_path / "plate.####.exr"])


def test_media_on_a_share_is_found_by_its_address(windows):
    assert str(local_path("file://server/footage/a%20b.mov")) == "//server/footage/a b.mov"
    assert str(local_path("file://localhost/C%3a/footage/a.mov")) == "C:/footage/a.mov"


def test_elsewhere_media_on_another_machine_is_not_at_hand():
    assert local_path("file://server/footage/a.mov") is None


@pytest.mark.parametrize("folder", [r"D:\\show", r"\\\\server\\show"])
def test_a_plan_of_windows_is_told_elsewhere(folder):
    text = f'{{"kind": "sghm_vs farm plan", "format": 1, "folder": "{folder}", "shots": [1]}}'

    with pytest.raises(FarmError, match="is one of Windows, and this is another system"):
        Plan.from_json(text)


# Files that others hold


@pytest.fixture
def held(monkeypatch) -> dict[Path, int]:
    """Files, and how many tries to replace or remove them fail, as while they are open there."""
    tries: dict[Path, int] = {}
    replace, unlink = os.replace, os.unlink

    def refuse(path: Path) -> None:
        if tries.get(path, 0) > 0:
            tries[path] -= 1
            raise PermissionError(errno.EACCES, "Access is denied", str(path))

    def replace_there(source: Path, target: Path) -> None:
        refuse(Path(target))
        replace(source, target)

    def unlink_there(path: Path, **how: object) -> None:
        refuse(Path(path))
        unlink(path, **how)

    monkeypatch.setattr(os, "replace", replace_there)
    monkeypatch.setattr(os, "unlink", unlink_there)
    return tries


def test_a_file_that_is_held_for_a_moment_is_replaced(windows, held, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text("old")
    held[path] = 2

    write_files({path: "new"}, overwrite=True)

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_stays_open_is_named_and_nothing_is_lost(windows, held, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text("old")
    held[path] = 99

    with pytest.raises(ExportError, match=r"open in another program.* close it there"):
        write_files({path: "new"}, overwrite=True)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_elsewhere_a_refusal_is_final(held, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text("old")
    held[path] = 1

    with pytest.raises(ExportError, match="Access is denied"):
        write_files({path: "new"}, overwrite=True)


def test_what_an_unfinished_file_leaves_is_removed_once_it_is_let_go(windows, held, tmp_path):
    part = tmp_path / ".sghm-x.part"
    part.touch()
    held[part] = 1

    files.discard(part)

    assert not part.exists()


def test_a_movie_that_is_open_elsewhere_is_refused_before_the_first_frame(windows, held, tmp_path):
    clip, path = noise_clip(length=2), tmp_path / "m.mkv"
    alpha = clip.resize.Bicubic(format=vs.GRAYS, matrix_s="709")
    export(clip, alpha, path)
    before = path.read_bytes()
    held[path] = 99
    progressed = []

    with pytest.raises(ExportError, match="open in another program"):
        export(clip, alpha, path, overwrite=True, progress=lambda *one: progressed.append(one))

    assert progressed == []
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_movie_whose_place_is_opened_meanwhile_is_kept_beside_it(windows, held, tmp_path):
    clip, path = noise_clip(length=2), tmp_path / "m.mkv"
    alpha = clip.resize.Bicubic(format=vs.GRAYS, matrix_s="709")
    export(clip, alpha, path)
    before = path.read_bytes()

    def open_it(done: int, total: int) -> None:
        held[path] = 99 * (done == total)

    with pytest.raises(ExportError, match=r"The new movie is whole, as .*m_new\.mkv"):
        export(clip[::-1], alpha[::-1], path, overwrite=True, progress=open_it)

    assert path.read_bytes() == before
    assert open_source(tmp_path / "m_new.mkv").clip.num_frames == 2
    assert not list(tmp_path.glob(".*"))


def test_what_is_kept_beside_takes_no_ones_name(tmp_path):
    path, part = tmp_path / "m.mov", tmp_path / ".part"
    for name in ("m.mov", "m_new.mov", "m_new1.mov", ".part"):
        (tmp_path / name).write_text(name)

    kept = kept_beside(part, path)

    assert kept == tmp_path / "m_new2.mov"
    assert kept.read_text() == ".part"
    assert (tmp_path / "m_new.mov").read_text() == "m_new.mov"


def test_a_watch_leaves_what_is_still_copied(windows, tmp_path, monkeypatch):
    movie = tmp_path / "a.mkv"
    movie.write_bytes(b"x")
    now = [0.0]
    watch = Watch(tmp_path, 10, clock=lambda: now[0])
    copied = [True]
    monkeypatch.setattr("sghm_vs.shots.batch.watch.is_held", lambda _: copied[0])

    for now[0] in (0.0, 20.0, 40.0):
        assert watch.settled().footage == []
    copied[0] = False
    watch.settled()
    now[0] = 60.0

    assert [one.path for one in watch.settled().footage] == [movie]


def test_whoever_writes_a_file_is_told_by_that_it_cannot_be_opened(windows, tmp_path, monkeypatch):
    path = tmp_path / "a.mov"
    path.touch()
    assert not files.is_held(path)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "used by another process")

    monkeypatch.setattr(Path, "open", refuse)
    assert files.is_held(path)


# Consoles and text


ENCODINGS = ["cp1252", "cp932", "ascii"]


def run_in(encoding: str, words: list[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, check=False
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_help_is_printed_in_any_encoding(encoding, tmp_path):
    script = (
        "import argparse, sys\n"
        "from sghm_vs.cli import build_parser\n"
        "def show(parser):\n"
        "    parser.print_help()\n"
        "    for action in parser._actions:\n"
        "        if isinstance(action, argparse._SubParsersAction):\n"
        "            [show(verb) for verb in action.choices.values()]\n"
        "show(build_parser())\n"
    )

    run = run_in(encoding, ["-c", script], tmp_path)

    assert run.returncode == 0, run.stderr
    assert run.stdout.count(b"usage: sghm") > 20


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_names_and_refusals_are_printed_in_any_encoding(encoding, tmp_path):
    picture = tmp_path / f"{HARD_NAME}.png"
    cv2.imwrite(str(picture), np.zeros((16, 16, 3), np.uint8))

    refused = run_in(
        encoding, ["-m", "sghm_vs", "matte", f"{HARD_NAME}.mov", "-o", "a.mov"], tmp_path
    )
    planned = run_in(
        encoding, ["-m", "sghm_vs", "batch", picture.name, "-o", "out", "--dry-run"], tmp_path
    )

    assert refused.returncode == 1
    assert "doesn't exist" in refused.stderr.decode(encoding)
    assert planned.returncode == 0, planned.stderr
    assert "1 shot to make" in planned.stdout.decode(encoding)
    shown = HARD_NAME.encode(encoding, "backslashreplace")
    assert shown in planned.stdout


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_bars_are_drawn_in_any_encoding(encoding, monkeypatch):
    class Console(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    console = Console(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stderr", console)

    with progress(HARD_NAME, quiet=False) as report:
        report(1, 2)
        report(2, 2)

    console.flush()
    assert "2/2 frames" in console.buffer.getvalue().decode(encoding)


def test_results_that_nobody_reads_are_told_as_such(monkeypatch, capfd):
    """Windows says of a closed pipe that an argument is invalid."""

    def write(*_: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(cli, "IS_WINDOWS", True)
    monkeypatch.setattr(cli.doctor, "run", write)
    kept = os.dup(1)
    try:
        assert main(["doctor"]) == 141
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def test_a_library_that_a_dll_is_missing_for_points_to_the_doctor(monkeypatch, capsys):
    error = OSError(errno.ENOENT, "Error loading fbgemm.dll or one of its dependencies")
    error.winerror = 126

    def load(*_: object) -> int:
        raise error

    monkeypatch.setattr(cli.doctor, "run", load)

    assert main(["doctor"]) == 1
    assert "Look with: sghm doctor" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lists_may_end_their_lines_as_windows_does(tmp_path, end):
    rows = ["[[shot]]", 'source = "a.mov"', "tr = 0", ""]
    (tmp_path / "list.toml").write_bytes(end.join(rows).encode())

    (row,) = read_list(tmp_path / "list.toml")

    assert (row.source, row.settings) == ("a.mov", {"tr": "0"})


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_nukes_start_file_keeps_its_lines_and_its_encoding(tmp_path, end):
    before = b"# caf\xe9" + end + b"import os" + end
    (tmp_path / "init.py").write_bytes(before)

    install(tmp_path)
    install(tmp_path)

    after = (tmp_path / "init.py").read_bytes()
    assert after == before + end.join([b"import nuke", LINE.encode(), b""])


# The whole way, in a Python that has what Windows has and no more


def started(words: list[str], root: Path, **environment: str) -> subprocess.Popen[str]:
    """Start Python in `root` as if that were a folder of Windows; see tests/fake/windows."""
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=root,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(FAKE), str(ROOT)]),
            "FAKE_WINDOWS_ROOT": str(root),
            "FAKE_WINDOWS_REPORT": str(root.parent / "report.txt"),
            "PYTHONWARNDEFAULTENCODING": "1",
            "OMP_NUM_THREADS": "1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / HARD_NAME
    folder.mkdir()
    return folder


def test_the_fake_minds_what_windows_minds(root, tmp_path):
    script = (
        "import os, signal, sys\n"
        "assert not hasattr(os, 'fork') and not hasattr(signal, 'SIGHUP')\n"
        "def refused(do, *args):\n"
        "    try:\n"
        "        do(*args)\n"
        "    except OSError:\n"
        "        return True\n"
        "assert refused(open, 'aux.mov', 'w') and refused(open, 'a:b', 'w')\n"
        "assert refused(os.mkdir, 'a.') and refused(open, 'x' * 255, 'w')\n"
        "with open('a', 'w', encoding='ascii') as file:\n"
        "    assert refused(os.remove, 'a') and refused(os.replace, 'a', 'b')\n"
        "os.replace('a', 'b')\n"
        "os.remove('b')\n"
    )

    said = started(["-c", script], root).communicate(timeout=WITHIN_S)

    assert said == ("", "")
    assert len((tmp_path / "report.txt").read_text().splitlines()) == 6


@pytest.mark.slow
def test_every_verb_that_writes_works_as_on_windows(root, tmp_path):
    """No fork, no SIGHUP, no /proc, workers by spawn; names, open files and an encoding as there."""
    noise = np.random.default_rng(1)
    (root / "photos").mkdir()
    (root / "session").mkdir()
    for number in range(1001, 1005):
        picture = noise.integers(0, 255, (64, 64, 3), np.uint8)
        cv2.imwrite(str(root / f"plate.{number}.png"), picture)
    cv2.imwrite(str(root / "photos/ä.png"), picture)
    (root / "list.csv").write_bytes(b"source,frames\r\nplate.####.png,1001-1002\r\n")
    (root / "cut.edl").write_bytes(
        b"TITLE: CUT\r\nFCM: NON-DROP FRAME\r\n"
        b"001  AX V C 00:00:00:00 00:00:00:03 01:00:00:00 01:00:00:03\r\n"
        b"* FROM CLIP NAME: final.mov\r\n"
    )
    outputs = ["-o", "m.mov", "-o", "exr/m.####.exr", "-o", "m.mkv", "-o", "a.####.png"]
    matte = ["matte", "plate.####.png", *outputs, "--quiet", "--tr", "0"]
    forms = ["--to", "{shot}.####.exr", "--to", "{shot}.mov", "--quiet", "--tr", "0"]
    lines = [
        matte,
        [*matte, "--overwrite"],
        [*matte, "--resume"],
        ["verify", "m.mov", "exr"],
        ["export", "plate.####.png", "--alpha", "m.mkv", "-o", "final.mov", "--quiet"],
        ["matte", "photos", "-o", "mattes/", "--quiet"],
        ["batch", "list.csv", "-o", "batch", *forms],
        ["batch", "list.csv", "-o", "batch", *forms, "--resume"],
        ["timeline", "cut.edl", "-o", "edit", "--media", ".", "--quiet", "--tr", "0"],
        ["farm", "plan", "final.mov", "-o", "show/plan.json", "--to", "{shot}.mov", "--chunk", "2"],
        ["farm", "start-worker", "show/plan.json", "--at", "session"],
        ["farm", "make", "show/plan.json", "--frames", "0-3", "--at", "session"],
        ["farm", "stop-worker", "--at", "session"],
        ["farm", "assemble", "show/plan.json"],
        ["nuke", "install", "home"],
        ["nuke", "comp", "exr/m.####.exr", "--plate", "plate.####.png", "-o", "comp.nk"],
        ["eval", "--pred", "m.mkv", "--gt", "m.mov", "--quiet"],
    ]

    process = started([str(FAKE / "run.py"), json.dumps(lines)], root, PYTHONIOENCODING="cp932")
    _, said = process.communicate(timeout=WITHIN_S)

    codes = re.search(r"codes: (.*)", said)
    assert codes is not None, said
    assert json.loads(codes[1]) == [0] * len(lines), said
    assert not (tmp_path / "report.txt").exists()
    assert not list(root.rglob("*.part"))
    made = ["m.mov", "exr/m.1004.exr", "mattes/ä.png", "batch/plate.1002.exr", "edit/final.mov",
            "show/mattes/final.mov", "home/sghm/init.py", "comp.nk"]  # fmt: skip
    assert [name for name in made if not (root / name).is_file()] == []
    assert str(root).encode() in (root / "comp.nk").read_bytes()


def wait_for(process: subprocess.Popen[str], folder: Path, pattern: str, count: int) -> None:
    ends = time.monotonic() + WITHIN_S
    while len(list(folder.glob(pattern))) < count:
        assert time.monotonic() < ends
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


SLOW = """
import time, vapoursynth as vs
clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=2000)

def slow(n, f):
    time.sleep(0.05)
    return f

clip.std.ModifyFrame(clip, slow).set_output()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, 21], ids=["Ctrl-C", "Ctrl-Break"])
def test_ctrl_c_and_ctrl_break_end_a_run_and_leave_nothing_unfinished(root, number):
    (root / "slow.vpy").write_text(SLOW)
    words = ["matte", "slow.vpy", "-o", "x.mov", "-o", "x.####.exr", "--tr", "0"]
    process = started(["-m", "tests.standin", *words], root)
    wait_for(process, root, "x.*.exr", 2)

    process.send_signal(number)
    _, said = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 128 + number
    assert "no unfinished output is left" in said
    assert not list(root.glob("*.part"))
    assert not list(root.glob("*.mov"))


@pytest.mark.slow
def test_a_batch_that_is_ended_ends_its_workers_without_signals(root, tmp_path):
    for shot in "ab":
        (root / f"{shot}.vpy").write_text(SLOW)
    words = [
        "batch",
        "a.vpy",
        "b.vpy",
        "-o",
        "out",
        "--to",
        "{shot}.####.exr",
        "--to",
        "{shot}.mov",
    ]
    process = started(["-m", "tests.standin", *words, "--jobs", "2", "--tr", "0"], root)
    wait_for(process, root / "out", "[ab].*.exr", 2)

    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 130, said
    # Those that clean up by themselves are not waited for to be killed.
    assert time.monotonic() - began < 15
    assert not list((root / "out").glob("*.part"))
    assert not (tmp_path / "report.txt").exists()


# One place that knows

KNOWS = {"as_posix", "PureWindowsPath", "PurePosixPath", "ntpath", "posixpath", "altsep"}
NO_PATHS = {
    "shots/timeline/read_edl.py": "channels of an event: A/V",
    "shots/timeline/media_names.py": "addresses, which are written with slashes",
    "media/verification/readback.py": "a rate",
    "media/writers/ffmpeg_args.py": "a rate",
    "media/writers/exr.py": "a rate",
    "cli/progress.py": "so many of so many",
    "hosts/nuke/cattery.py": "a knob's text in Nuke",
    "hosts/nuke/script.py": "signs that are marked in Nuke's scripts",
    "shots/review/server.py": "addresses, which are written with slashes",
    "shots/timeline/write.py": "addresses, which are written with slashes",
}
"""Files with slashes that are no path's, and what they are."""


def separators_in(path: Path) -> list[str]:
    """Return where a file names a separator, alone or between two parts of a text."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        pieces = node.values if isinstance(node, ast.JoinedStr) else [node]
        alone = [
            one for one in pieces if isinstance(one, ast.Constant) and one.value in ("/", "\\")
        ]
        name = getattr(node, "attr", getattr(node, "id", ""))
        if alone or name in KNOWS:
            found.append(f"{path}:{node.lineno}")
    return found


@pytest.mark.slow
def test_only_files_py_knows_how_paths_are_written():
    package = ROOT / "sghm_vs"
    knowing = {
        str(path.relative_to(package)) for path in package.rglob("*.py") if separators_in(path)
    }

    assert knowing - NO_PATHS.keys() == {"files.py"}
    assert NO_PATHS.keys() <= knowing
