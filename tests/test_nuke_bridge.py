"""The bridge in a stand-in for Nuke, with the real `sghm` as its process."""

import ast
import importlib
import json
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from sghm_vs.cli import main
from sghm_vs.hosts.nuke.gizmo import GUIDE_INPUTS
from tests.nuke_files import BRIDGE, contents
from tests.nuke_graph import evaluate
from tests.nuke_reader import read

ROOT = BRIDGE.parent
FAKE = Path(__file__).parent / "fake" / "nuke.py"
STUBS = Path(sysconfig.get_path("purelib")) / "nuke-stubs"
SOURCES = sorted(BRIDGE.rglob("*.py"))
SIZE = 48, 64


@pytest.fixture
def nuke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Nuke with windows, the bridge loaded, and a saved script in a folder with a hard name."""
    monkeypatch.syspath_prepend(str(FAKE.parent))
    monkeypatch.syspath_prepend(str(BRIDGE / "python"))
    module: Any = importlib.import_module("nuke")
    folder = tmp_path / 'it\'s "hard" [to] $name'
    folder.mkdir()
    module._reset(gui=True, script_file=str(folder / "shot.nk"))
    module._plugin_folders.append(str(BRIDGE / "gizmos"))
    monkeypatch.setenv("SGHM_EXECUTABLE", str(program(tmp_path)))
    monkeypatch.setenv("PYTHONHOME", "/opt/Nuke15.1v3")
    monkeypatch.setenv("QT_PLUGIN_PATH", "/opt/Nuke15.1v3/qtplugins")
    yield module
    for name in [name for name in sys.modules if name == "nuke" or name.startswith("sghm_nuke")]:
        del sys.modules[name]


@pytest.fixture
def jobs(nuke: Any) -> ModuleType:
    return importlib.import_module("sghm_nuke.jobs")


def program(folder: Path, lines: str = "") -> Path:
    """Return a program that is this checkout's sghm, on the CPU's fast side."""
    path = folder / "sghm here"
    path.write_text(
        f'#!/bin/sh\n{lines}\ncd /\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m sghm_vs "$@"\n'
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def plate(nuke: Any) -> Any:
    """A Read of four frames, 1001 to 1004, in scene-linear light."""
    folder = Path(nuke.root().name()).parent / "plates here"
    folder.mkdir()
    for number in range(1001, 1005):
        values = np.random.default_rng(number).random((*SIZE, 3), np.float32)
        planes = {name: np.ascontiguousarray(values[..., n]) for n, name in enumerate("RGB")}
        with OpenEXR.File({"type": OpenEXR.scanlineimage}, planes) as file:
            file.write(str(folder / f"sh 010.{number}.exr"))
    node = nuke.nodes.Read(name="Plate", first=1001, last=1004)
    node["file"].setValue(escaped(str(folder / "sh 010.%04d.exr")))
    return node


def escaped(path: str) -> str:
    return "".join(f"\\{each}" if each in "\\[]$" else each for each in path)


@pytest.fixture
def matter(nuke: Any, plate: Any) -> Any:
    """The bridge's node, connected to the plate."""
    return node_for(nuke, plate)


def node_for(nuke: Any, plate: Any) -> Any:
    node = nuke.createNode("SGHM_Matte")
    node.setInput(0, plate)
    node["tr"].setValue(0)
    node["device"].setValue("cpu")
    return node


def press(nuke: Any, jobs: Any, *nodes: Any, button: str = "matte") -> None:
    for node in nodes:
        node[button].execute()
    nuke._pump(lambda: not jobs._running)


def said_on(node: Any) -> str:
    return str(node["message"].value())


def result_of(nuke: Any, node: Any) -> list[Path]:
    folder = Path(nuke.root().name()).parent / "sghm" / node.name()
    return sorted(folder.glob("*.exr"))


@pytest.mark.slow
def test_a_matte_comes_back_as_a_read_of_data_and_a_copy_onto_the_plate(nuke, jobs, matter, plate):
    press(nuke, jobs, matter)

    assert said_on(matter) == "frames 1001-1004"
    assert [path.suffixes[0] for path in result_of(nuke, matter)] == [
        f".{n}" for n in range(1001, 1005)
    ]
    result = matter.node("Result")
    assert nuke.filename(result) == str(result_of(nuke, matter)[0]).replace("1001", "%04d")
    assert [result[name].value() for name in ("first", "last", "raw", "on_error")] == [
        1001, 1004, True, "error"
    ]  # fmt: skip
    shown, source = (evaluate(each._as_script(), 1002) for each in (matter, plate))
    matte = oiio.ImageInput.open(str(result_of(nuke, matter)[1])).read_image("float")[..., 3]
    np.testing.assert_array_equal(shown["alpha"], matte)
    np.testing.assert_array_equal(shown["red"], source["red"])
    assert not nuke._executed
    (task,) = nuke.ProgressTask._all
    percents = [percent for percent, _ in task._shown]
    assert percents == sorted(percents)
    assert task._shown[0] == (0, "loading")


def test_nothing_is_done_again_unless_something_changed(nuke, jobs, matter, plate, tmp_path):
    program(tmp_path, WRITES)
    runs = tmp_path / "runs"

    def is_done_again(button: str = "matte") -> bool:
        before = len(runs.read_text()) if runs.exists() else 0
        press(nuke, jobs, matter, button=button)
        assert said_on(matter).startswith("frames 1001-1004"), said_on(matter)
        return len(runs.read_text()) > before

    assert is_done_again()
    assert not is_done_again()
    assert said_on(matter) == "frames 1001-1004, up to date"
    matter["infer_size"].setValue(64)
    assert is_done_again()
    os.utime(nuke.filename(plate) % 1001, (1, 1))
    assert is_done_again()
    plate["raw"].setValue(True)
    assert is_done_again()
    assert not is_done_again()
    assert is_done_again("again")
    result_of(nuke, matter)[2].unlink()
    assert is_done_again()


WRITES = """while [ "$1" != -o ]; do shift; done
for n in 1001 1002 1003 1004; do touch "$(printf "$2" $n)"; done
printf 1 >> "$(dirname "$0")/runs"; exit 0"""
"""In place of sghm, where only whether it is run matters: it takes ten seconds to load."""


@pytest.mark.slow
def test_a_guide_and_what_is_more_than_a_read_are_rendered_and_removed_afterwards(
    nuke, jobs, plate, tmp_path, monkeypatch
):
    monkeypatch.setenv("NUKE_TEMP_DIR", str(tmp_path))
    copy = nuke.nodes.Premult(name="Premult1")
    copy.setInput(0, plate)
    dot = nuke.nodes.Dot(name="Dot1")
    dot.setInput(0, copy)
    node = node_for(nuke, dot)
    node.setInput(1, plate)
    node["limit_range"].setValue(True)
    node["first"].setValue(1002)
    node["last"].setValue(1003)

    press(nuke, jobs, node)

    assert said_on(node) == "frames 1002-1003"
    assert nuke._executed == [("Plate", 1002, 1003), ("Dot1", 1002, 1003)]
    # The guide's alpha is 0 everywhere, and so is the matte.
    assert evaluate(node._as_script(), 1003)["alpha"].max() == 0
    assert "--mask" in nuke._said[0]
    assert len(result_of(nuke, node)) == 2
    assert not list(tmp_path.glob("sghm_*"))
    assert nuke.toNode("sghm_render") is None
    assert "--input-colorspace linear" in " ".join(nuke._said)


@pytest.fixture
def asked(nuke, jobs, plate, tmp_path) -> Any:
    """Return a function that presses Matte, and returns the command's words; sghm itself is not run."""
    program(tmp_path, WRITES)

    def ask(node: Any) -> list[str]:
        nuke._said.clear()
        press(nuke, jobs, node)
        said = next((line for line in nuke._said if " matte " in line), "")
        return shlex.split(said.partition(": ")[2].partition(": ")[2])

    return ask


def test_every_guide_is_rendered_and_named_by_its_option(nuke, matter, plate, asked):
    for at in range(1, 6):
        matter.setInput(at, plate)
    matter["key_frames"].setValue("1002, 1004")
    matter["key_span"].setValue(12)
    matter["limit_area"].setValue(True)
    matter["area"].setValue([8.0, 4.0, 40.2, 36.0])

    words = asked(matter)

    ranges = [(1001, 1004)] * 4 + [(1002, 1002), (1004, 1004)]
    assert nuke._executed == [("Plate", *frames) for frames in ranges]
    files = {word: Path(words[at + 1]).name for at, word in enumerate(words) if word in GUIDES}
    assert files == dict.fromkeys(GUIDES, "alpha.%04d.exr") | {"--keys": "keys"}
    assert {"--key-span=12", "--guide-band=0.02", "--roi=8,12,32,32"} <= set(words)


GUIDES = ("--mask", "--trimap", "--keep", "--holdout", "--keys")


def test_a_screen_is_named_and_what_nothing_uses_is_left_out(matter, asked):
    plain = asked(matter)
    matter["screen"].setValue("green")
    words = asked(matter)

    assert not [
        word for word in plain if word.startswith(("--screen", "--guide", "--key", "--roi"))
    ]
    assert {"--screen=green", "--guide-band=0.02"} <= set(words)
    assert not [word for word in words if word.startswith("--key")]


def test_a_movie_with_keys_is_rendered_since_its_own_frames_have_other_numbers(
    nuke, jobs, plate, asked, monkeypatch
):
    movie = nuke.nodes.Read(name="Movie", first=1001, last=1004)
    movie["file"].setValue("/footage/plate.mov")
    movie["colorspace"].setValue("default (rec709)")
    node, rendered = node_for(nuke, movie), []
    monkeypatch.setattr(jobs, "render", lambda *how: rendered.append(how[1]) or how[1])

    direct = asked(node)
    node.setInput(5, plate)
    node["key_frames"].setValue("1003")
    words = asked(node)

    assert direct[2] == "/footage/plate.mov"
    assert words[2] == "rgb"
    assert rendered == ["rgba", "rgb"]


def test_who_is_who_comes_from_the_file_that_a_knob_names(nuke, matter, asked, tmp_path):
    file = tmp_path / "who [is] who.json"
    file.write_text("{}")
    plain = asked(matter)
    matter["people"].setValue(escaped(str(file)))
    matter["person"].setValue("1,3")
    matter["layout"].setValue("cryptomatte")
    words = asked(matter)

    assert not [word for word in plain if word.startswith("--pe")]
    assert {f"--people={file}", "--person=1,3", "--layout=cryptomatte"} <= set(words)


def test_another_file_of_who_is_who_is_a_change(jobs, matter, tmp_path):
    nodes, file = importlib.import_module("sghm_nuke.node"), tmp_path / "people.json"
    matter["people"].setValue(escaped(str(file)))
    digests = set()
    for text in ("{}", "{ }"):
        file.write_text(text)
        digests.add(jobs.digest_of(nodes.asked(matter)))

    assert len(digests) == 2


@pytest.mark.slow
def test_a_plate_that_is_rendered_is_kept_beside_the_file_of_its_people_and_matted_by_it(
    nuke, jobs, matter, plate
):
    grade = nuke.nodes.Grade(name="Grade")
    grade.setInput(0, plate)
    matter.setInput(0, grade)

    press(nuke, jobs, matter, button="find_people")

    folder = Path(nuke.root().name()).parent / "sghm" / matter.name()
    rendered = sorted((folder / "people_plate").glob("rgb.*.exr"))
    assert said_on(matter) == "people found; see people.png"
    assert [one.name for one in rendered] == [f"rgb.{n}.exr" for n in range(1001, 1005)]
    before = [one.read_bytes() for one in rendered]

    press(nuke, jobs, matter)

    assert said_on(matter) == "frames 1001-1004"
    assert [one.read_bytes() for one in rendered] == before
    assert len(nuke._executed) == 1

    matter["limit_range"].setValue(True)
    matter["first"].setValue(1002)
    matter["last"].setValue(1003)
    press(nuke, jobs, matter)
    assert said_on(matter) == "frames 1002-1003"


@pytest.mark.slow
def test_a_plate_that_changed_since_its_people_were_found_is_not_matted_by_them(
    nuke, jobs, matter, plate
):
    grade = nuke.nodes.Grade(name="Grade")
    grade.setInput(0, plate)
    matter.setInput(0, grade)
    press(nuke, jobs, matter, button="find_people")

    grade["multiply"].setValue(0.5)
    press(nuke, jobs, matter)

    assert "is not the one whose people were found; press Find people" in said_on(matter)
    press(nuke, jobs, matter, button="find_people")
    press(nuke, jobs, matter)
    assert said_on(matter) == "frames 1001-1004"


def test_of_a_movie_with_keys_people_are_found_in_what_is_rendered(
    nuke, jobs, plate, tmp_path, monkeypatch
):
    movie = nuke.nodes.Read(name="Movie", first=1001, last=1004)
    movie["file"].setValue("/footage/plate.mov")
    movie["colorspace"].setValue("default (rec709)")
    node, rendered = node_for(nuke, movie), []
    node.setInput(5, plate)
    node["key_frames"].setValue("1003")

    def render(node: Any, channels: str, folder: str, frames: tuple[int, int]) -> str:
        Path(folder).mkdir(parents=True)
        rendered.append((channels, Path(folder).name, frames))
        return f"{folder}/rgb.%04d.exr"

    monkeypatch.setattr("sghm_nuke.kept.render", render)

    press(nuke, jobs, node, button="find_people")

    assert rendered == [("rgb", "people_plate", (1001, 1004))]


@pytest.mark.slow
def test_people_are_found_in_the_files_of_the_plate_and_their_file_is_named(
    nuke, jobs, matter, tmp_path
):
    press(nuke, jobs, matter, button="find_people")

    file = Path(nuke.root().name()).parent / "sghm" / matter.name() / "people.json"
    assert said_on(matter) == "people found; see people.png"
    assert matter["people"].getEvaluatedValue() == str(file)
    assert file.with_suffix(".png").is_file()
    found = json.loads(file.read_text())
    assert (found["footage"]["first"], found["footage"]["frames"]) == (1001, 4)

    press(nuke, jobs, matter)

    assert said_on(matter) == "frames 1001-1004"
    press(nuke, jobs, matter, button="find_people")
    assert said_on(matter) == "people found; see people.png"


def test_a_file_of_who_is_who_that_the_node_does_not_name_is_not_replaced(nuke, jobs, matter):
    file = Path(nuke.root().name()).parent / "sghm" / matter.name() / "people.json"
    file.parent.mkdir(parents=True)
    file.write_text("mine")

    press(nuke, jobs, matter, button="find_people")

    assert "exists" in said_on(matter)
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("frames", "is_connected", "said"),
    [
        ("", True, "say in Key frames which of its frames are keys"),
        ("12", False, "Key frames names 12, and nothing is connected to keys"),
        ("a b", True, "Key frames are 'a b'; write numbers: 1012 1040"),
    ],
)
def test_keys_without_frames_and_frames_without_keys_are_refused(
    nuke, jobs, matter, plate, frames, is_connected, said
):
    matter.setInput(5, plate if is_connected else None)
    matter["key_frames"].setValue(frames)

    press(nuke, jobs, matter)

    assert said in said_on(matter)


def test_an_empty_area_is_refused(nuke, jobs, matter):
    matter["limit_area"].setValue(True)

    press(nuke, jobs, matter)

    assert "the area is empty; draw it, or switch Limit area off" in said_on(matter)


def test_the_node_s_inputs_are_counted_as_the_bridge_counts_them(nuke):
    assert importlib.import_module("sghm_nuke.node").GUIDE_INPUTS == GUIDE_INPUTS


@pytest.mark.slow
def test_cancel_ends_the_process_and_leaves_what_was(nuke, jobs, matter, plate):
    folder = Path(nuke.filename(plate)).parent
    for number in range(1005, 1301):
        (folder / f"sh 010.{number}.exr").write_bytes((folder / "sh 010.1001.exr").read_bytes())
    plate["last"].setValue(1300)
    nuke.ProgressTask._cancels_at = 1

    press(nuke, jobs, matter)

    assert said_on(matter) == "cancelled"
    assert 0 < len(result_of(nuke, matter)) < 300
    assert not matter["has_result"].value()
    assert not list(Path(nuke.root().name()).parent.rglob(".sghm-*"))


@pytest.mark.slow
def test_a_failure_shows_on_the_node_and_in_the_log_with_the_command_to_repeat_it(
    nuke, jobs, matter, plate
):
    Path(nuke.filename(plate) % 1002).write_bytes(b"no picture")

    press(nuke, jobs, matter)

    assert said_on(matter).startswith("FAILED: ")
    assert "1002.exr" in said_on(matter)
    assert matter["tile_color"].value() != 0
    repeat = next(line for line in nuke._said if line.startswith("sghm: to repeat it: "))
    command = repeat.split("\n")[0].removeprefix("sghm: to repeat it: ")
    assert matter["failed_command"].getText() == command
    run = subprocess.run(
        ["/bin/sh", "-c", f"unset PYTHONHOME; {command}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "1002.exr" in run.stderr
    Path(nuke.filename(plate) % 1002).write_bytes(Path(nuke.filename(plate) % 1001).read_bytes())
    press(nuke, jobs, matter)
    assert said_on(matter) == "frames 1001-1004"
    assert matter["tile_color"].value() == 0


def test_a_process_that_crashes_is_a_failure(nuke, jobs, matter, tmp_path):
    program(tmp_path, "echo 'it went wrong' >&2; kill -9 $$")

    press(nuke, jobs, matter)

    assert said_on(matter) == "FAILED: it went wrong"


@pytest.mark.parametrize(
    ("set_up", "found"),
    [
        (lambda node, nuke: node["executable"].setValue("/no/sghm"), "the knob Executable names"),
        (lambda node, nuke: node.setInput(0, None), "nothing is connected"),
        (lambda node, nuke: nuke.root()["name"].setValue(""), "save the script first"),
        (lambda node, nuke: node["output"].setValue("/tmp/x.mov"), "is no EXR sequence"),  # noqa: S108
        (lambda node, nuke: node["output"].setValue("x.####.exr"), "no folder to start from"),
        (lambda node, nuke: node["output"].setValue("/dev/null/x.####.exr"), "can't be made"),
    ],
)
def test_what_is_missing_is_named(nuke, jobs, matter, set_up, found):
    set_up(matter, nuke)

    press(nuke, jobs, matter)

    assert found in said_on(matter)
    assert said_on(matter).startswith("FAILED: ")


def test_without_any_sghm_the_artist_is_told_what_to_install(nuke, jobs, matter, monkeypatch):
    monkeypatch.delenv("SGHM_EXECUTABLE")
    monkeypatch.setenv("PATH", "/usr/bin")

    press(nuke, jobs, matter)

    assert "no sghm was found; install sghm-vs" in said_on(matter)


def test_what_nuke_cannot_render_is_named(nuke, jobs):
    node = node_for(nuke, nuke.nodes.Broken())

    press(nuke, jobs, node)

    assert "Broken1 can't be rendered: Broken1: it is broken" in said_on(node)
    assert nuke.toNode("sghm_render") is None


def test_a_rendering_that_is_cancelled_is_no_failure(nuke, jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("NUKE_TEMP_DIR", str(tmp_path))
    node = node_for(nuke, nuke.nodes.Slow())

    press(nuke, jobs, node)

    assert said_on(node) == "cancelled"
    assert node["tile_color"].value() == 0
    assert not list(tmp_path.glob("sghm_*"))


def test_an_error_of_ours_does_not_leave_the_node_at_work(nuke, jobs, matter, monkeypatch):
    monkeypatch.setattr(jobs, "words", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        matter["matte"].execute()

    assert not jobs._running


def test_the_dialog_mattes_every_selected_node_with_the_same_settings(nuke, jobs, plate, tmp_path):
    program(tmp_path, WRITES)
    panel = importlib.import_module("sghm_nuke.panel")
    nuke._selected.extend([plate, nuke.nodes.Viewer(), nuke.nodes.Broken()])
    nuke.Panel._answers = {"Neighbors": "0", "Size": "256", "Frames": "1001-1004"}

    panel.matte_selected()
    nuke._pump(lambda: not jobs._running)

    made = [nuke.toNode(f"SGHM_Matte{n}") for n in (1, 2)]
    assert [node.input(0).name() for node in made] == ["Plate", "Broken1"]
    for node in made:
        assert [node[name].value() for name in ("tr", "infer_size", "limit_range")] == [
            0,
            256,
            True,
        ]
    assert said_on(made[0]) == "frames 1001-1004"
    assert said_on(made[1]).startswith("FAILED: Broken1 can't be rendered")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"Neighbors": "two"}, "Neighbors is 'two', and must be a whole number"),
        ({"Frames": "1-x"}, "write first-last"),
    ],
)
def test_the_dialog_says_what_it_cannot_read(nuke, jobs, plate, answers, found):
    panel = importlib.import_module("sghm_nuke.panel")
    panel.matte_selected()
    assert nuke._messages == ["Select one or several Reads, or any nodes, first."]
    nuke._selected.append(plate)

    panel.matte_selected()  # Cancel.
    nuke.Panel._answers = answers
    panel.matte_selected()

    assert found in nuke._messages[-1]
    assert len(nuke._messages) == 2
    assert nuke.toNode("SGHM_Matte1") is None
    assert panel.frames_of(" -5--2 ") == (-5, -2)
    assert panel.frames_of("all") is None


@pytest.mark.slow
def test_two_nodes_work_at_once_and_neither_waits_for_the_other(nuke, jobs, matter, plate):
    other = node_for(nuke, plate)
    other["layout"].setValue("layered")
    other["read"].execute()
    assert said_on(other) == "there is no result yet; press Matte first"

    matter["matte"].execute()
    other["matte"].execute()
    assert len(jobs._running) == 2
    matter["matte"].execute()
    assert said_on(matter) == "already at work"
    nuke._pump(lambda: not jobs._running)

    assert said_on(matter) == said_on(other) == "frames 1001-1004"
    assert {node.name() for node in (matter, other)} == {"SGHM_Matte1", "SGHM_Matte2"}
    assert len(result_of(nuke, matter)) == len(result_of(nuke, other)) == 4
    other["read"].execute()
    read = nuke.toNode("SGHM_Matte2_read")
    assert [read[name].value() for name in ("first", "last", "raw")] == [1001, 1004, False]
    assert "matte.alpha" in evaluate(read._as_script(), 1001)


def test_a_node_that_is_deleted_meanwhile_harms_nothing(nuke, jobs, matter, tmp_path):
    program(tmp_path, f"sleep 1\n{WRITES}")
    matter["matte"].execute()
    files = Path(nuke.root().name()).parent / "sghm"
    nuke.delete(matter)

    nuke._pump(lambda: not jobs._running)

    assert len(list(files.rglob("*.exr"))) == 4


@pytest.mark.slow
def test_in_a_terminal_it_is_done_when_the_call_returns(nuke, jobs, matter, plate):
    nuke.GUI = False

    assert jobs.matte_all() == 1

    assert len(result_of(nuke, matter)) == 4
    assert not nuke.ProgressTask._all
    assert nuke._said[-1] == "sghm: SGHM_Matte1: 4 of 4 frames"
    Path(nuke.filename(plate) % 1003).unlink()
    with pytest.raises(importlib.import_module("sghm_nuke.errors").BridgeError, match="1003"):
        jobs.matte(matter)


def test_files_that_the_node_did_not_write_are_not_replaced(nuke, jobs, matter):
    folder = Path(nuke.root().name()).parent / "mattes"
    folder.mkdir()
    precious = folder / "m.1002.exr"
    precious.write_bytes(b"precious")
    matter["output"].setValue(escaped(str(folder / "m.####.exr")))

    press(nuke, jobs, matter)

    assert "exists already, and this node did not write it" in said_on(matter)
    press(nuke, jobs, matter)
    assert precious.read_bytes() == b"precious"


@pytest.mark.slow
def test_movies_keep_nukes_numbers_which_begin_at_1(nuke, jobs, shared):
    read = nuke.nodes.Read(name="Movie", first=1, last=89)
    read["file"].setValue(str(shared / "video/asl_walk.mkv"))
    read["colorspace"].setValue("default (rec709)")
    node = node_for(nuke, read)
    node["limit_range"].setValue(True)
    node["first"].setValue(3)
    node["last"].setValue(4)
    node["infer_size"].setValue(128)

    press(nuke, jobs, node)

    assert [path.name.split(".")[1] for path in result_of(nuke, node)] == ["0003", "0004"]
    assert "--frames=2-3 --start-number=3" in nuke._said[0]
    assert "--input-colorspace rec709" in nuke._said[0]


@pytest.mark.parametrize(
    ("managed", "working", "config", "space"),
    [
        ("OCIO", "ACES - ACEScg", "aces_1.2", "acescg"),
        ("OCIO", "scene_linear", "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "acescg"),
        ("OCIO", "Linear Rec.709 (sRGB)", "custom", "linear"),
    ],
)
def test_under_opencolorio_the_plate_is_rendered_in_the_working_space(
    nuke, matter, plate, managed, working, config, space
):
    module = importlib.import_module("sghm_nuke.plate")
    for name, value in (("colorManagement", managed), ("workingSpaceLUT", working)):
        nuke.root()[name].setValue(value)
    nuke.root()["OCIO_config"].setValue(config)

    assert module.direct(plate, 1001, 1004, None) is None
    assert module.working_space() == space
    assert module.direct(plate, 1001, 1004, "acescct").colorspace == "acescct"


def test_nothing_of_nukes_own_python_reaches_the_process(nuke):
    launch = importlib.import_module("sghm_nuke.launch")
    inner = f"/opt/Nuke15.1v3/lib{os.pathsep}/usr/bin{os.pathsep}/opt/Nuke15.1v3x"
    names = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH")

    cleaned = launch.clean_environment(
        dict.fromkeys(names, "/opt") | {"PATH": inner, "OCIO": "/c", "HOME": "/root"},
        "/opt/Nuke15.1v3",
    )

    assert cleaned == {
        "PATH": f"/usr/bin{os.pathsep}/opt/Nuke15.1v3x", "OCIO": "/c", "HOME": "/root"
    }  # fmt: skip


def test_the_menu_offers_the_node_and_a_comp_of_each_layout(nuke):
    sys.path.insert(0, str(BRIDGE))
    try:
        importlib.import_module("menu")
    finally:
        sys.path.remove(str(BRIDGE))
        del sys.modules["menu"]

    menu = nuke.menu("Nodes")._menus["SGHM"]
    assert sorted(menu._commands) == [
        "Comp/alpha", "Comp/fg", "Comp/layered", "Comp/matte", "Comp/multipart", "Comp/rgba",
        "Matte selected...", "SGHM Matte",
    ]  # fmt: skip
    menu._commands["SGHM Matte"]()
    menu._commands["Comp/matte"]()
    assert nuke.toNode("SGHM_Matte1") is not None
    assert nuke.toNode("EdgeExtend") is not None


def test_the_bridges_written_files_are_what_our_writer_writes():
    for path, text in contents().items():
        assert path.read_text() == text, "type: python -m tests.nuke_files"
        assert read(text)


def test_a_file_is_no_place_to_install_it(tmp_path, capsys):
    (tmp_path / "file").touch()

    assert main(["nuke", "install", str(tmp_path / "file")]) == 1

    assert "is a file; give a folder" in capsys.readouterr().err


def test_it_is_installed_beside_what_is_there_and_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    home = tmp_path / ".nuke"
    home.mkdir()
    (home / "init.py").write_text("print('mine')")

    assert main(["nuke", "install"]) == 0

    said = capsys.readouterr().out
    assert "init.py: got the line" in said
    line = 'nuke.pluginAddPath("./sghm")'
    assert (home / "init.py").read_text() == f"print('mine')\nimport nuke\n{line}\n"
    ours = {path.relative_to(BRIDGE) for path in BRIDGE.rglob("*") if path.is_file()}
    ours = {path for path in ours if path.suffix != ".pyc"}
    theirs = {path.relative_to(home / "sghm") for path in (home / "sghm").rglob("*.*")}
    assert theirs - ours <= {Path("python/sghm_nuke/executable.txt")}
    assert ours <= theirs
    stale = home / "sghm/python/sghm_nuke/stale.py"
    stale.touch()
    assert main(["nuke", "install"]) == 0
    assert "init.py: has already" in capsys.readouterr().out
    assert (home / "init.py").read_text().count("sghm") == 1
    assert not stale.exists()


def test_what_is_not_the_bridge_is_not_replaced(tmp_path, capsys):
    (tmp_path / "sghm").mkdir()
    (tmp_path / "sghm/mine.py").touch()

    assert main(["nuke", "install", str(tmp_path)]) == 1

    assert "isn't the bridge" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["sghm", "mine.py"]


def interpreters() -> list[Any]:
    """Return the Pythons of Nuke 13 to 17, and of what comes after, as far as they are here."""
    versions = ("3.7", "3.9", "3.10", "3.11", "3.13")
    found = []
    for version in versions:
        folders = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(
            f"versions/{version}.*/bin/python"
        )
        on_path = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
        # Shims of pyenv are there for versions that are not.
        real = [
            path for path in (*folders, *on_path) if path.is_file() and "shims" not in str(path)
        ]
        found.append(pytest.param(real[0] if real else None, id=version))
    return found


@pytest.mark.parametrize("python", interpreters())
def test_every_file_that_nuke_loads_compiles_in_its_python(python):
    if python is None:
        pytest.skip("this Python is not here; install it, for example with: uv python install")
    script = (
        "import sys\nfor f in sys.argv[1:]: compile(open(f, encoding='utf-8').read(), f, 'exec')"
    )

    run = subprocess.run(
        [str(python), "-c", script, *map(str, SOURCES)], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_file_that_nuke_loads_is_of_python_37_and_imports_its_standard_library(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 7))

    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add(str(node.module).split(".")[0])
    assert imported <= {*sys.stdlib_module_names, "nuke", "sghm_nuke"}
    assert not imported & {"numpy", "torch", "sghm_vs"}


def test_every_module_imports_in_the_oldest_python(tmp_path):
    """Annotations and library calls newer than 3.7 compile, and fail only when they run."""
    (python,) = interpreters()[0].values
    if python is None:
        pytest.skip("Python 3.7 is not here")
    (tmp_path / "nuke.py").write_text("GUI = True\n")
    modules = sorted(path.stem for path in (BRIDGE / "python/sghm_nuke").glob("*.py"))
    script = "; ".join(f"import sghm_nuke.{name}" for name in modules if name != "__init__")
    path = os.pathsep.join([str(tmp_path), str(BRIDGE / "python")])

    run = subprocess.run(
        [str(python), "-c", script],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr


def stubs() -> dict[str, list[ast.FunctionDef]]:
    """Return the functions of `types-nuke`, methods as Class.method."""
    if not STUBS.is_dir():
        pytest.skip("types-nuke is not installed; it is in the group dev")
    found: dict[str, list[ast.FunctionDef]] = {}
    for path in STUBS.glob("*.pyi"):
        collect(ast.parse(path.read_text()).body, "", found)
    return found


def collect(body: list[Any], prefix: str, found: dict[str, list[ast.FunctionDef]]) -> None:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(prefix + node.name, []).append(node)
        elif isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            for base in bases:
                for name, functions in list(found.items()):
                    if name.startswith(f"{base}."):
                        found[f"{node.name}.{name.split('.')[1]}"] = functions
            collect(node.body, f"{node.name}.", found)


def test_the_stand_in_has_only_what_nuke_has_and_takes_only_what_nuke_takes():
    real, fake = stubs(), {}
    collect(ast.parse(FAKE.read_text()).body, "", fake)
    public = {
        name: function
        for name, (function, *_) in fake.items()
        if not name.split(".")[-1].startswith("_") and not name.startswith("_")
    }

    assert len(public) > 40
    assert not [name for name in public if name not in real]
    for name, function in public.items():
        assert any(is_within(function, known) for known in real[name]), name


def is_within(fake: ast.FunctionDef, real: ast.FunctionDef) -> bool:
    """Return whether every call that `fake` takes is one that `real` takes."""
    if real.args.vararg is not None:
        return True
    taken, known = ([arg.arg for arg in each.args.args] for each in (fake, real))
    return taken == known[: len(taken)]
