"""What only a package index can tell: wheels for every system, and an empty environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pefile
import pytest

from benchmarks.install import SYSTEMS, extras, wheels

ROOT = Path(__file__).parents[1]

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(
        "SGHM_NETWORK" not in os.environ, reason="asks a package index: set SGHM_NETWORK=1"
    ),
]


@pytest.mark.parametrize("python", ["3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", SYSTEMS.values(), ids=[*SYSTEMS])
def test_wheels_alone_make_the_package_whole(system, python):
    found = wheels(system, python)

    assert {"torch", "vapoursynth", "vapoursynth-bestsource", "imageio-ffmpeg"} <= found.keys()
    assert ("opentimelineio" in found) == (python != "3.14")


@pytest.mark.parametrize("extra", extras())
@pytest.mark.parametrize("system", SYSTEMS.values(), ids=[*SYSTEMS])
def test_wheels_alone_make_each_extra_whole(system, extra):
    assert wheels(system, "3.12", extra).keys() > wheels(system, "3.12").keys()


WINDOWS = {
    "advapi32", "avicap32", "avrt", "bcrypt", "bcryptprimitives", "crypt32", "dbghelp", "gdi32",
    "imagehlp", "iphlpapi", "kernel32", "msimg32", "msvcrt", "ncrypt", "ntdll", "ole32",
    "oleaut32", "pdh", "powrprof", "psapi", "secur32", "shell32", "shlwapi", "user32", "userenv",
    "winmm", "wintrust", "wldap32", "ws2_32",
}  # fmt: skip
"""Its own libraries that the wheels ask for; besides, the API sets of the C runtime."""
PYTHONS = {"python3", "python312"}
VISUAL_C = {"msvcp140", "vcruntime140", "vcruntime140_1", "vcruntime140_threads"}
"""What `sghm doctor` has installed by winget; Python brings the second and the third."""
INSTALLED_MAX = 150
"""Characters of the longest path in site-packages: 109 are left for the folder."""


@pytest.mark.slow
def test_the_wheels_for_windows_bring_every_library_but_its_own_and_visual_cs(tmp_path):
    words = ["uv", "pip", "install", "--quiet", "--target", str(tmp_path), "--only-binary", ":all:",
             "--python-platform", "windows", "--python-version", "3.12", "-r",
             str(ROOT / "pyproject.toml")]  # fmt: skip
    subprocess.run(words, check=True)
    binaries = [path for path in tmp_path.rglob("*") if path.suffix in (".dll", ".pyd")]
    brought = {path.name.lower() for path in binaries}

    lacking = {name for path in binaries for name in imported_by(path)} - brought
    stems = {name.removesuffix(".dll") for name in lacking if not name.startswith("api-ms-win-")}

    assert {"vapoursynth.pyd", "libbestsource.dll", "bwdif.dll"} <= brought
    assert stems - WINDOWS - PYTHONS == VISUAL_C
    paths = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    assert max(len(str(path)) for path in paths) <= INSTALLED_MAX


def imported_by(path: Path) -> set[str]:
    """Return the names of the libraries that the one at `path` asks for when it is loaded."""
    with pefile.PE(str(path), fast_load=True) as file:
        file.parse_data_directories([pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
        return {one.dll.decode().lower() for one in getattr(file, "DIRECTORY_ENTRY_IMPORT", [])}


@pytest.mark.slow
def test_the_wheel_alone_runs_the_demo_in_an_empty_environment_without_a_network(tmp_path):
    def run(*words: str) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    built = ["uv", "build", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(built, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    python = tmp_path / "env/bin/python"
    empty = ["uv", "venv", "--quiet", "--python", sys.executable, str(tmp_path / "env")]
    installed = ["uv", "pip", "install", "--quiet", "--python", str(python), f"{wheel}[demo]"]
    for words in (empty, installed):
        subprocess.run(words, check=True)
    # A space of names with no network in it.
    alone = ["unshare", "-rn"] if shutil.which("unshare") else []

    said = run(*alone, str(python), "-m", "sghm_vs", "demo", "shown")

    assert "shown/sheet.png" in said
    assert (tmp_path / "shown/portrait.mov").stat().st_size > 10**6
