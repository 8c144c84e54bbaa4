"""The bridge inside Nuke itself, where NUKE_EXE names its program; and the same in the stand-in."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from sghm_vs.hosts.nuke import cattery
from sghm_vs.hosts.nuke.script import write_group

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests/in_nuke.py"
STANDIN = "import runpy, sys, nuke; nuke._reset(gui=False); runpy.run_path(sys.argv[1])"


def run(command: list[str], folder: Path, **environment: str) -> dict[str, Any]:
    """Return what `in_nuke` found, run by `command`."""
    for number in (1001, 1002):
        values = np.random.default_rng(number).random((48, 64, 3), np.float32)
        planes = {name: np.ascontiguousarray(values[..., n]) for n, name in enumerate("RGB")}
        with OpenEXR.File({"type": OpenEXR.scanlineimage}, planes) as file:
            file.write(str(folder / f"plate.{number}.exr"))
    gizmo = folder / "model.gizmo"
    gizmo.write_text(write_group(cattery.node("model", sees_neighbors=True)))
    sghm = folder / "run sghm"
    sghm.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m sghm_vs "$@"\n')
    sghm.chmod(0o755)
    done = subprocess.run(
        [*command, str(folder), str(gizmo)],
        env={**os.environ, "SGHM_EXECUTABLE": str(sghm), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return json.loads(found.removeprefix("FOUND "))  # type: ignore[no-any-return]


def check(found: dict[str, Any], folder: Path) -> None:
    assert found["matted"] is True
    assert found["said"] == "frames 1001-1002"
    assert {name: count > 0 for name, count in found["loaded"]} == dict.fromkeys(
        ("alpha.nk", "fg.nk", "layered.nk", "matte.nk", "multipart.nk", "rgba.nk", "model.gizmo"),
        True,
    )
    for number in (1001, 1002):
        (made,) = folder.glob(f"sghm/*/*.{number}.exr")
        matte, shown = (alpha_of(path) for path in (made, folder / f"shown.{number}.exr"))
        np.testing.assert_allclose(shown, matte, atol=1e-3)


def alpha_of(path: Path) -> Any:
    file = oiio.ImageInput.open(str(path))
    return file.read_image("float")[..., file.spec().channelnames.index("A")]


@pytest.mark.nuke
def test_in_nuke_the_node_mattes_and_every_comp_loads(tmp_path):
    program = os.environ.get("NUKE_EXE")
    if not program:
        pytest.skip("needs Nuke: set NUKE_EXE to its program")

    found = run([program, "-t", str(SCRIPT)], tmp_path)

    check(found, tmp_path)


@pytest.mark.slow
def test_in_the_stand_in_the_same_script_finds_the_same(tmp_path):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests/fake")])

    found = run([sys.executable, "-c", STANDIN, str(SCRIPT)], tmp_path, PYTHONPATH=path)

    check(found, tmp_path)
