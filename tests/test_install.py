"""What only a package index can tell: wheels for every system, and an empty environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
