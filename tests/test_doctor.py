"""What the doctor says, here and of machines that are not here."""

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import vapoursynth as vs

from sghm_vs.cli import doctor, main
from sghm_vs.cli.doctor import Graphics, graphics_finding
from sghm_vs.cli.installation import (
    Check,
    Interpreter,
    Plugin,
    Program,
    TensorRT,
    VapourSynthRuntime,
    console_finding,
    interpreter_finding,
    long_paths_finding,
    plugin_finding,
    program_finding,
    runtime_finding,
    tensorrt_finding,
)
from sghm_vs.shots.batch import memory

CARD = Graphics(torch="2.11.0", platform="CUDA 12.8", has_nvidia_driver=True)


def test_nothing_that_is_needed_is_missing_here(capsys):
    assert main(["doctor", "--json"]) == 0

    findings = {item["what"]: item for item in json.loads(capsys.readouterr().out)}
    assert findings["model"]["found"].startswith("sghm-lite")
    assert findings["ffmpeg"]["found"].startswith("ffmpeg version")
    assert findings["plugin bs"]["state"] == findings["plugin bwdif"]["state"] == "ok"
    assert findings["weights sghm-lite@13"]["state"] == "ok"
    assert findings["weights sghm-resnet50"]["to_do"] == "sghm weights fetch sghm-resnet50"
    assert all(item["to_do"] for item in findings.values() if item["state"] != "ok")
    looked_at = {"Python", "platform", "torch", "vspipe", "OpenVINO", "memory", "threads", "home"}
    assert looked_at <= findings.keys()


@pytest.mark.parametrize(
    ("seen", "state", "said"),
    [
        (replace(CARD, devices=("cuda:0 H100, 80 GiB",)), "ok", "H100"),
        (replace(CARD, platform=None), "warning", "--torch-backend=auto"),
        (replace(CARD, platform=None, has_nvidia_driver=False), "ok", "no NVIDIA driver"),
        (replace(CARD, has_nvidia_driver=False), "ok", "no NVIDIA driver"),
        (replace(CARD, visible=""), "warning", "unset CUDA_VISIBLE_DEVICES"),
        (replace(CARD, complaint="The driver is too old."), "warning", "too old"),
    ],
)
def test_why_there_is_no_gpu_is_said(seen, state, said):
    finding = graphics_finding(seen)

    assert finding.state == state
    assert said in f"{finding.found} {finding.to_do}"


def test_something_needed_that_is_missing_is_exit_code_1(monkeypatch, capsys):
    found = [Check("ok thing", "1"), Check("ffmpeg", "none", "bad", "pip install it")]
    monkeypatch.setattr("sghm_vs.cli.doctor.findings_of", lambda _: found)

    assert main(["doctor"]) == 1

    assert "-> pip install it" in capsys.readouterr().out


def test_little_memory_is_warned_of(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text(f"{2**31}\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)

    finding = doctor._memory()

    assert finding.state == "warning"
    assert "2.0 GiB" in finding.found
    limit.write_text("max\n")
    assert "2.0 GiB" not in doctor._memory().found


def test_an_ffmpeg_that_does_not_run_is_bad_and_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("SGHM_FFMPEG", str(tmp_path / "no-ffmpeg"))

    finding = doctor._finding_of("ffmpeg", doctor._ffmpeg)

    assert finding.state == "bad"
    assert "SGHM_FFMPEG" in finding.to_do


HERE = Interpreter(version="3.12.1", bits=64, executable="python", base="/usr")
STORE = r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.12_3.12.2800.0_x64"


@pytest.mark.parametrize(
    ("python", "state", "said"),
    [
        (HERE, "ok", "3.12.1"),
        (replace(HERE, version="3.11.9"), "bad", "Python 3.12 or later"),
        (replace(HERE, bits=32), "bad", "of 32 bits; .* uv python install"),
        (replace(HERE, base=STORE), "warning", "Microsoft Store, .* python.org"),
        (replace(HERE, home=r"C:\Python39"), "warning", "PYTHONHOME='C:.* unset PYTHONHOME"),
    ],
)
def test_a_python_that_others_cannot_run_in_is_told(python, state, said):
    finding = interpreter_finding(python)

    assert finding.state == state
    assert re.search(said, f"{finding.found} {finding.to_do}")


def windows_error(code: int, words: str) -> OSError:
    error = OSError(words)
    error.winerror = code
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("DLL load failed while importing vapoursynth: Das angegebene Modul"),
         "winget install Microsoft.VCRedist"),
        (windows_error(126, 'Error loading "torch\\lib\\fbgemm.dll" or one of its dependencies.'),
         "winget install Microsoft.VCRedist"),
        (windows_error(1114, "A dynamic link library (DLL) initialization routine failed"),
         "winget install Microsoft.VCRedist"),
        (windows_error(193, "%1 is not a valid Win32 application"), "pip install --reinstall"),
        (ModuleNotFoundError("No module named 'cv2'"), "pip install --reinstall"),
    ],
)  # fmt: skip
def test_a_library_that_does_not_load_says_what_to_type(error, said):
    def fail() -> Check:
        raise error

    finding = doctor._finding_of("VapourSynth", fail)

    assert finding.state == "bad"
    assert str(error) in finding.found
    assert said in finding.to_do


@pytest.fixture
def program(tmp_path) -> Program:
    """A program that is installed, and is the one on PATH."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "vspipe").touch()
    beside = here / "vspipe"
    return Program(name="vspipe", package="vapoursynth", folder=here, beside=beside, reached=beside)


def test_a_program_that_is_as_it_should_be_is_ok(program):
    assert program_finding(program).state == "ok"


def test_a_program_that_is_missing_brings_its_package_anew(program):
    finding = program_finding(replace(program, beside=None))

    assert finding.state == "bad"
    assert "--force-reinstall vapoursynth" in finding.to_do


def test_a_program_that_is_not_on_path_gets_there(program, monkeypatch):
    elsewhere = program_finding(replace(program, reached=None))
    monkeypatch.setattr("sghm_vs.cli.installation.IS_WINDOWS", True)
    on_windows = program_finding(replace(program, reached=None))

    assert (elsewhere.state, on_windows.state) == ("warning", "warning")
    assert f'export PATH="{program.folder}:$PATH"' in elsewhere.to_do
    assert f'SetEnvironmentVariable("Path", "{program.folder};"' in on_windows.to_do


def test_another_program_of_this_name_on_path_is_told(program, tmp_path):
    (tmp_path / "vspipe").touch()

    finding = program_finding(replace(program, reached=tmp_path / "vspipe"))

    assert finding.state == "warning"
    assert f"put {program.folder} first on PATH" in finding.to_do


@pytest.mark.skipif(sys.platform == "win32", reason="runs a shell's script")
def test_a_vspipe_that_does_not_find_its_python_is_told_in_its_own_words(monkeypatch, tmp_path):
    said = "Python executable and library path couldn't be determined"
    script = tmp_path / "vspipe"
    script.write_text(f'#!/bin/sh\necho "{said}" >&2; exit 1\n')
    script.chmod(0o755)
    monkeypatch.setattr("sghm_vs.cli.installation.sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    finding = doctor.program_finding(Program.named("vspipe", "vapoursynth", doctor.VSPIPE_CURE))

    assert finding.state == "warning"
    assert said in finding.found
    assert "vapoursynth config" in finding.to_do


@pytest.fixture
def plugin(tmp_path) -> Plugin:
    file = tmp_path / "bestsource.dll"
    return Plugin(namespace="bs", package="vapoursynth-bestsource", installed=file, loaded=file)


def test_a_plugin_that_is_as_it_should_be_is_ok(plugin):
    assert plugin_finding(plugin).state == "ok"


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ({"installed": None, "loaded": None}, "bad", "pip install vapoursynth-bestsource"),
        ({"loaded": None, "error": "Failed to load bestsource.dll. GetLastError() returned 126."},
         "bad", "winget install Microsoft.VCRedist"),
        ({"loaded": None, "error": "it has another API"}, "bad", "pip install --reinstall"),
        ({"loaded": Path("C:/Users/me/AppData/Roaming/VapourSynth/plugins64/BestSource.dll")},
         "warning", "move .*plugins64.* away"),
    ],
)  # fmt: skip
def test_why_a_plugin_is_not_the_one_that_was_installed_is_told(plugin, change, state, said):
    finding = plugin_finding(replace(plugin, **change))

    assert finding.state == state
    assert re.search(said, finding.to_do)


def test_a_plugin_that_no_one_installed_is_told_here_too():
    finding = plugin_finding(Plugin.of("nobody", "vapoursynth-nobody-has-this"))

    assert (finding.state, finding.found) == ("bad", "not installed")


TRT_PLUGIN = Plugin(
    namespace="trt", package="vapoursynth-mlrt-trt", installed=None, loaded=Path("libvstrt.so")
)
TRT = TensorRT(
    plugin=TRT_PLUGIN, versions="17.1, TensorRT 11.4", card="H100", builder=Path("trtexec")
)
ABSENT = replace(TRT_PLUGIN, loaded=None)
NO_LIBRARY = "libnvinfer.so.11: cannot open shared object file"


@pytest.mark.parametrize(
    ("trt", "state", "said"),
    [
        (TRT, "ok", "on H100; .*; trtexec makes them -> type: sghm weights export sghm-lite"),
        (replace(TRT, builder=None), "ok", "no trtexec.* -> type: sghm weights export"),
        (replace(TRT, card=""), "warning", "finds no card -> run nvidia-smi"),
        (TensorRT(plugin=ABSENT), "ok", "core.trt is not here.* by torch -> $"),
        (
            TensorRT(plugin=replace(ABSENT, installed=Path("libvstrt.so"), error=NO_LIBRARY)),
            "warning",
            "does not load: libnvinfer.* -> pip install --force-reinstall vapoursynth-mlrt-trt",
        ),
    ],
)
def test_whether_engines_of_tensorrt_run_is_told(trt, state, said):
    finding = tensorrt_finding(trt)

    assert finding.state == state
    assert re.search(said, f"{finding.found} -> {finding.to_do}")


class Trt:
    """A stand-in for `core.trt`, whose answers are bytes, and which has a card or none."""

    def __init__(self, card: bytes = b"") -> None:
        self.card = card

    def Version(self) -> dict[str, bytes]:
        return {"version": b"v17.1", "tensorrt_version": b"110400"}

    def DeviceProperties(self) -> dict[str, bytes]:
        if not self.card:
            raise vs.Error("no device")
        return {"name": self.card}


@pytest.mark.parametrize("card", [b"", b"H100"])
def test_the_plugin_of_tensorrt_is_asked_for_its_card(monkeypatch, tmp_path, card):
    builder = tmp_path / "vsmlrt-cuda/trtexec"
    builder.parent.mkdir()
    builder.touch()
    loaded = SimpleNamespace(namespace="trt", plugin_path=str(tmp_path / "libvstrt.so"))
    core = SimpleNamespace(trt=Trt(card), plugins=lambda: [loaded])
    monkeypatch.setattr(vs, "core", core)

    found = TensorRT.here()

    assert (found.card, found.versions) == (card.decode(), "v17.1, TensorRT 110400")
    assert found.builder == builder


@pytest.mark.parametrize(("has", "said"), [(True, "by --backend ov"), (False, "pip install")])
def test_which_plugins_run_the_networks_is_told(monkeypatch, has, said):
    monkeypatch.setattr(vs, "core", SimpleNamespace(**({"ov": 1} if has else {})))

    assert said in doctor._native_plugins().found


@pytest.fixture
def runtime(tmp_path) -> VapourSynthRuntime:
    package = tmp_path / "site-packages/vapoursynth"
    return VapourSynthRuntime(
        module=package / "__init__.py",
        folders=(tmp_path / "site-packages",),
        vsscript=package / "vsscript.dll",
    )


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ({}, "ok", "R81"),
        ({"module": Path("/opt/VapourSynth/vapoursynth.pyd"), "python_path": "/opt/VapourSynth"},
         "warning", "unset PYTHONPATH"),
        ({"chosen": r"C:\VapourSynth\vsscript.dll"}, "warning", "vapoursynth register-install"),
    ],
)  # fmt: skip
def test_another_vapoursynth_in_the_way_is_told(runtime, change, state, said):
    finding = runtime_finding(replace(runtime, **change), "R81")

    assert finding.state == state
    assert said in f"{finding.found} {finding.to_do}"


def test_vapoursynth_has_the_calls_that_are_named():
    """`vapoursynth config` and `register-install`, by its own parser."""
    from vapoursynth._cli import build_parser

    for verb in ("config", "register-install"):
        assert build_parser().parse_args([verb]).command == verb


@pytest.mark.parametrize(
    ("encoding", "state"),
    [("utf-8", "ok"), ("UTF8", "ok"), ("cp1252", "warning"), ("cp932", "warning")],
)
def test_a_console_that_lacks_letters_is_told(monkeypatch, encoding, state):
    monkeypatch.setattr("sghm_vs.cli.installation.IS_WINDOWS", True)

    finding = console_finding(encoding)

    assert finding.state == state
    assert ("setx PYTHONIOENCODING utf-8" in finding.to_do) == (state == "warning")


@pytest.mark.parametrize(("are_on", "state"), [(True, "ok"), (False, "warning")])
def test_long_paths_that_are_off_are_told(are_on, state):
    finding = long_paths_finding(are_on=are_on)

    assert finding.state == state
    assert ("LongPathsEnabled" in finding.to_do) == (not are_on)
