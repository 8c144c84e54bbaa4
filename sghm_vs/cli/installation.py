"""What `sghm doctor` looks at in an installation: Python, what is on PATH, libraries that don't load."""

from __future__ import annotations

import os
import platform
import shutil
import struct
import subprocess
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

from sghm_vs.files import IS_WINDOWS, LONG_PATHS, takes_long_paths

OLDEST_PYTHON = 3, 12
BITS = 64
STORE = "WindowsApps"
"""A folder that the Microsoft Store's Python is in, and no other."""
ANOTHER_PYTHON = "install one from python.org, or type: uv python install 3.13"
REINSTALL = "type: uv pip install --reinstall sghm-vs (or: pip install --force-reinstall sghm-vs)"
RUNTIME = "winget install Microsoft.VCRedist.2015+.x64"
"""What brings the Visual C++ libraries, without which neither VapourSynth nor torch load."""
MISSING_DLL = (126, 127, 1114)
"""What Windows says of a library: it or one that it needs isn't there, is too old, or fails."""
OTHER_BITS = 193
RUNS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    what: str
    found: str
    state: Literal["ok", "warning", "bad"] = "ok"
    """Warning: it works, and less well than it could. Bad: something needed is missing."""
    to_do: str = ""
    """What to type or change; empty where there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that runs this."""

    version: str
    bits: int
    executable: str
    base: str
    """The folder of the installation that it is, or that its environment was made from."""
    home: str | None = None
    """What PYTHONHOME says."""

    @classmethod
    def here(cls) -> Interpreter:
        """Return this one."""
        return cls(
            version=platform.python_version(),
            bits=8 * struct.calcsize("P"),
            executable=sys.executable,
            base=sys.base_prefix,
            home=os.environ.get("PYTHONHOME"),
        )


def interpreter_finding(python: Interpreter) -> Check:
    """Return whether all that is needed runs in `python`."""
    found = f"{python.version}, {python.executable}"
    if tuple(map(int, python.version.split(".")[:2])) < OLDEST_PYTHON:
        return Check("Python", found, "bad", "install Python 3.12 or later")
    if python.bits != BITS:
        found += f", of {python.bits} bits; VapourSynth and torch have {BITS}"
        return Check("Python", found, "bad", ANOTHER_PYTHON)
    if STORE in python.base:
        found += ", from the Microsoft Store, whose sandbox vspipe and previewers can't look into"
        return Check("Python", found, "warning", ANOTHER_PYTHON)
    if python.home:
        found += f"; PYTHONHOME={python.home!r} may give it another Python's libraries"
        return Check("Python", found, "warning", "unset PYTHONHOME")
    return Check("Python", found)


def load_finding(what: str, error: Exception) -> Check:
    """Return why a library doesn't load, and what to type."""
    code = getattr(error, "winerror", None)
    if code == OTHER_BITS:
        return Check(what, f"{error}; it is of another Python's kind", "bad", REINSTALL)
    if code in MISSING_DLL or "DLL load failed" in str(error):
        found = f"{error}; libraries of Visual C++ may be missing, or too old"
        return Check(what, found, "bad", f"type: {RUNTIME}; if it fails as before, {REINSTALL}")
    return Check(what, str(error), "bad", REINSTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that comes with a package."""

    name: str
    package: str
    folder: Path
    """Where this Python keeps programs."""
    beside: Path | None
    """The program there; None if there is none."""
    reached: Path | None
    """What the shell runs by this name."""
    complaint: str = ""
    """What it said where it should only have said its version."""
    cure: str = ""
    """What to type then."""

    @classmethod
    def named(cls, name: str, package: str, cure: str = "") -> Program:
        """Return what there is of the program `name`; with a `cure` it is run."""
        folder = Path(sysconfig.get_path("scripts"))
        there, reached = shutil.which(name, path=str(folder)), shutil.which(name)
        return cls(
            name=name,
            package=package,
            folder=folder,
            beside=Path(there) if there else None,
            reached=Path(reached) if reached else None,
            complaint=_complaint(there) if there and cure else "",
            cure=cure,
        )


def _complaint(program: str) -> str:
    """Return the last line that `program --version` fails with; "" if it doesn't."""
    try:
        run = subprocess.run(
            [program, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=RUNS_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    said = (run.stderr or run.stdout).strip().splitlines()
    return "" if run.returncode == 0 else (said or [f"it ended with {run.returncode}"])[-1]


def program_finding(program: Program) -> Check:
    """Return whether the shell runs `program`, and not another of its name."""
    name, folder = program.name, program.folder
    if program.beside is None:
        found = f"not in {folder}, where this Python keeps programs"
        return Check(name, found, "bad", f"pip install --force-reinstall {program.package}")
    if program.complaint:
        found = f"{program.beside} says: {program.complaint}"
        return Check(name, found, "warning", program.cure)
    if program.reached is None:
        found = f"{program.beside}, which is not on PATH"
        return Check(name, found, "warning", _onto_path(folder))
    if not program.reached.samefile(program.beside):
        found = f"{program.reached} is first on PATH, and {program.beside} is this Python's"
        return Check(name, found, "warning", f"put {folder} first on PATH")
    return Check(name, str(program.beside))


def _onto_path(folder: Path) -> str:
    """Return what puts `folder` onto PATH: for good on Windows, elsewhere for this shell."""
    if IS_WINDOWS:
        user = '[Environment]::GetEnvironmentVariable("Path", "User")'
        return (
            f'type in PowerShell: [Environment]::SetEnvironmentVariable("Path", "{folder};" + {user}, '
            '"User"); then open a new window'
        )
    return f'put {folder} on PATH: export PATH="{folder}:$PATH"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin of VapourSynth that comes with a package."""

    namespace: str
    package: str
    installed: Path | None
    """The package's file; None if it is not installed."""
    loaded: Path | None
    """The file that VapourSynth has; None if it has none."""
    error: str = ""
    """Why the package's own is not loaded."""

    @classmethod
    def of(cls, namespace: str, package: str) -> Plugin:
        """Return what there is of the plugin."""
        import vapoursynth as vs

        loaded = {one.namespace: one.plugin_path for one in vs.core.plugins()}.get(namespace)
        installed, error = _plugin_file(package), ""
        if installed is not None and loaded is None:
            try:
                vs.core.std.LoadPlugin(str(installed))
            except vs.Error as refused:
                error = str(refused)
            else:
                error = "VapourSynth finds it only by name"
        return cls(
            namespace=namespace,
            package=package,
            installed=installed,
            loaded=Path(loaded) if loaded else None,
            error=error,
        )


def _plugin_file(package: str) -> Path | None:
    with suppress(PackageNotFoundError):
        found = distribution(package)
        for file in found.files or ():
            if file.suffix in (".so", ".dll", ".dylib"):
                return Path(str(found.locate_file(file)))
    return None


def plugin_finding(plugin: Plugin) -> Check:
    """Return whether VapourSynth has the plugin, and which."""
    what = f"plugin {plugin.namespace}"
    if plugin.installed is None:
        return Check(what, "not installed", "bad", f"pip install {plugin.package}")
    if plugin.loaded is None:
        return load_finding(what, OSError(_with_code(plugin.error)))
    if plugin.loaded.resolve() != plugin.installed.resolve():
        found = f"{plugin.loaded}, an older copy perhaps, in place of {plugin.installed}"
        return Check(what, found, "warning", f"move {plugin.loaded} away")
    return Check(what, str(plugin.loaded))


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRT:
    """What runs engines of TensorRT in VapourSynth: vs-mlrt's plug-in."""

    plugin: Plugin
    versions: str = ""
    """Of the plug-in and of TensorRT, as it says them."""
    card: str = ""
    """The card that it runs on; empty where it finds none."""
    builder: Path | None = None
    """The program that makes engines of ONNX files."""

    @classmethod
    def here(cls) -> TensorRT:
        """Ask the plug-in, if VapourSynth has it."""
        import vapoursynth as vs

        plugin = Plugin.of("trt", "vapoursynth-mlrt-trt")
        builder = shutil.which("trtexec")
        if plugin.loaded is None:
            return cls(plugin=plugin, builder=Path(builder) if builder else None)
        core: Any = vs.core
        said = core.trt.Version()
        try:
            card = _text(core.trt.DeviceProperties()["name"])
        except vs.Error:
            card = ""
        versions = f"{_text(said['version'])}, TensorRT {_text(said['tensorrt_version'])}"
        beside = sorted(plugin.loaded.parent.glob("**/trtexec*"))
        found = builder or next(map(str, beside), None)
        return cls(
            plugin=plugin, versions=versions, card=card, builder=Path(found) if found else None
        )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def tensorrt_finding(trt: TensorRT) -> Check:
    """Return whether engines of TensorRT run here, and how they are made; sghm runs none itself."""
    what, page = "TensorRT", "then as docs/onnx.md#tensorrt-and-ncnn says"
    if trt.plugin.loaded is None and trt.plugin.installed is None:
        found = (
            "core.trt is not here, and sghm needs it for nothing: on NVIDIA cards it runs by torch"
        )
        return Check(what, found)
    if trt.plugin.loaded is None:
        again = f"pip install --force-reinstall {trt.plugin.package}"
        return Check(what, f"core.trt does not load: {trt.plugin.error}", "warning", again)
    if not trt.card:
        found = f"core.trt {trt.versions}; it finds no card"
        return Check(what, found, "warning", "run nvidia-smi; is the card given to this user?")
    found = f"core.trt {trt.versions}, on {trt.card}; sghm writes what engines are made of"
    export = f"type: sghm weights export sghm-lite -o onnx; {page}"
    if trt.builder is None:
        return Check(what, f"{found}; no trtexec, which makes them, is on PATH", "ok", export)
    return Check(what, f"{found}; {trt.builder} makes them", "ok", export)


def _with_code(words: str) -> str:
    """Return VapourSynth's words of a library that doesn't load, so that they are known as such."""
    is_missing = any(f"returned {code}" in words for code in MISSING_DLL)
    return f"DLL load failed: {words}" if is_missing else words


@dataclass(frozen=True, slots=True, kw_only=True)
class VapourSynthRuntime:
    """The VapourSynth that this Python loads, and the one that other programs do."""

    module: Path
    """Where it was loaded from."""
    folders: tuple[Path, ...]
    """Where this Python keeps packages."""
    python_path: str | None = None
    """What PYTHONPATH says."""
    vsscript: Path
    """Its library for other programs."""
    chosen: str | None = None
    """What VSSCRIPT_PATH says."""

    @classmethod
    def here(cls) -> VapourSynthRuntime:
        """Return this Python's."""
        import vapoursynth as vs

        return cls(
            module=Path(vs.__file__),
            folders=tuple(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")),
            python_path=os.environ.get("PYTHONPATH"),
            vsscript=Path(vs.get_vsscript()),
            chosen=os.environ.get("VSSCRIPT_PATH"),
        )


def runtime_finding(runtime: VapourSynthRuntime, release: str) -> Check:
    """Return whether this Python and other programs have the VapourSynth that was installed."""
    found = f"{release}, {runtime.module.parent}"
    module = runtime.module.resolve()
    if not any(module.is_relative_to(folder.resolve()) for folder in runtime.folders):
        found += f", which is not this Python's; PYTHONPATH is {runtime.python_path or ''!r}"
        fix = "unset PYTHONPATH, or remove the other VapourSynth; then pip install vapoursynth"
        return Check("VapourSynth", found, "warning", fix)
    if runtime.chosen and Path(runtime.chosen) != runtime.vsscript:
        found += f"; other programs load {runtime.chosen}, which VSSCRIPT_PATH names"
        return Check("VapourSynth", found, "warning", "type: vapoursynth register-install")
    return Check("VapourSynth", found)


def console_finding(encoding: str) -> Check:
    """Return whether names of any script can be printed in `encoding`."""
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        return Check("console", encoding)
    variable = "PYTHONIOENCODING"
    how = f"setx {variable} utf-8" if IS_WINDOWS else f"export {variable}=utf-8"
    found = f"{encoding}; what it lacks of a name is printed as a number: \\u65e5"
    return Check("console", found, "warning", f"type: {how}")


def long_paths_finding(*, are_on: bool) -> Check:
    """Return whether Windows takes paths of any length."""
    if are_on:
        return Check("long paths", "on")
    found = "off: longer paths than 259 characters are refused"
    return Check("long paths", found, "warning", f"as administrator type: {LONG_PATHS}")


def long_paths() -> Check:
    """Look at that of this system."""
    if not IS_WINDOWS:
        return Check("long paths", "this system has no bound that is met")
    return long_paths_finding(are_on=takes_long_paths())
