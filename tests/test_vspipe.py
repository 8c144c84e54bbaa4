"""A script run by vspipe: its bytes go to a pipe, so nothing else may."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs import sghm
from tests.clips import noise_clip
from tests.decoding import decoded
from tests.standin import write_movie

BIN = Path(sys.executable).parent
SCRIPT = """
import warnings
import vapoursynth as vs
from sghm_vs import sghm
warnings.simplefilter("always")
warnings.warn("a warning goes to stderr")
clip = vs.core.std.BlankClip(format=vs.YUV444P8, width=97, height=63, length=4, color=[90, 140, 110])
sghm(clip, -1, format=vs.GRAY16).set_output()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "matte a plate.vpy"
    path.write_text(SCRIPT)
    return path


def vspipe(script: Path, path: str, config: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [BIN / "vspipe", *arguments, script, "-"],
        env={"PATH": path, "HOME": str(config), "XDG_CONFIG_HOME": str(config)},
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_vspipe_writes_exactly_the_alpha(script, tmp_path):
    piped = vspipe(script, f"{BIN}{os.pathsep}{os.environ['PATH']}", tmp_path)

    assert piped.returncode == 0, piped.stderr.decode()
    assert len(piped.stdout) == 97 * 63 * 2 * 4
    assert b"a warning goes to stderr" in piped.stderr


@pytest.mark.slow
def test_vspipe_gives_the_same_frames_from_the_middle(script, tmp_path):
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    whole = vspipe(script, path, tmp_path).stdout

    middle = vspipe(script, path, tmp_path, "-s", "1", "-e", "2").stdout

    size = 97 * 63 * 2
    assert middle == whole[size : 3 * size]


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_frames_with_neighbors(tmp_path):
    """The window of frame 2 is 0 to 4, whoever asks for it first."""
    moving = """
import sys
sys.path.insert(0, ROOT)
from sghm_vs import sghm
from tests.clips import panning_clip
import vapoursynth as vs
sghm(panning_clip((6,)), -1, format=vs.GRAY16).set_output()
"""
    script = tmp_path / "moving.vpy"
    script.write_text(moving.replace("ROOT", repr(str(Path(__file__).parent.parent))))
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"

    whole, part = (
        vspipe(script, path, tmp_path, *words).stdout for words in ((), ("-s", "2", "-e", "3"))
    )

    size = 96 * 64 * 2
    assert part == whole[2 * size : 4 * size] != b""


@pytest.mark.slow
def test_vspipe_works_without_the_path_once_it_is_configured(script, tmp_path):
    subprocess.run(
        [BIN / "vapoursynth", "config"],
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        check=True,
        capture_output=True,
    )

    piped = vspipe(script, "/usr/bin:/bin", tmp_path)

    assert piped.returncode == 0, piped.stderr.decode()
    assert len(piped.stdout) == 97 * 63 * 2 * 4


def test_a_script_that_misuses_the_filter_is_told_so(tmp_path):
    script = tmp_path / "wrong.vpy"
    script.write_text(SCRIPT.replace("clip, -1,", "clip, -1, tr=-3,"))

    piped = vspipe(script, f"{BIN}{os.pathsep}{os.environ['PATH']}", tmp_path)

    assert piped.returncode != 0
    assert not piped.stdout
    assert b"sghm: tr is -3" in piped.stderr


@pytest.mark.slow
def test_the_readmes_script_goes_into_one_file_with_its_alpha_and_the_alpha_alone_into_y4m(
    tmp_path,
):
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    script = tmp_path / "script.vpy"
    script.write_text(re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1])
    write_movie(tmp_path / "plate.mkv", 2).rename(tmp_path / "plate.mov")
    alone = tmp_path / "alpha.vpy"
    alone.write_text(f"{script.read_text()}sghm(clip, format=vs.GRAY16).set_output()\n")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"

    def run(name: str, *words: str) -> bytes:
        command = [BIN / "vspipe", *words]
        environment = {"PATH": path, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (name, done.stderr.decode())
        return done.stdout

    run("mkv", "-c", "mkv", "script.vpy", "out.mkv")
    mono = run("y4m", "-c", "y4m", "alpha.vpy", "-")

    assert len(decoded(tmp_path / "out.mkv")) == 2
    assert mono.startswith(b"YUV4MPEG2 Cmono16 W32 H18")


@pytest.mark.slow
def test_the_recipe_for_previewers_has_three_outputs_of_the_clips_length(tmp_path):
    recipes = (Path(__file__).parent.parent / "docs/recipes.md").read_text()
    first = re.search(r"```python\n(.*?)```", recipes, re.DOTALL)[1].partition("blurred =")[0]
    own = re.search(
        r"```python\n(.*?)```", recipes.partition("## vsview and vspreview")[2], re.DOTALL
    )[1]
    setup = "from sghm_vs import attach\nalpha = sghm(clip)\n"
    (tmp_path / "script.vpy").write_text(f"{first}{setup}{own}")
    write_movie(tmp_path / "plate.mkv", 3).rename(tmp_path / "plate.mov")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}

    for output in ("0", "1", "2"):
        done = subprocess.run(
            [BIN / "vspipe", "--info", "-o", output, "script.vpy"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Frames: 3" in done.stdout


def test_what_vsjetpack_initializes_gives_the_alpha_of_the_clip_as_it_was(tmp_path):
    vstools = pytest.importorskip("vstools", reason="needs vsjetpack")
    clip = vs.core.bs.VideoSource(str(write_movie(tmp_path / "plate.mkv", 2)))

    found, expected = (
        np.asarray(sghm(one, -1, "sghm-lite", tr=0, format=vs.GRAY16).get_frame(1)[0]).astype(int)
        for one in (vstools.initialize_clip(clip), clip)
    )

    assert np.abs(found - expected).max() <= 2


def test_the_recipe_for_flagged_frames_shows_them_alone(tmp_path):
    recipes = (Path(__file__).parent.parent / "docs/recipes.md").read_text()
    part = recipes.partition("## Flagged frames")[2]
    (tmp_path / "script.vpy").write_text(re.search(r"```python\n(.*?)```", part, re.DOTALL)[1])
    write_movie(tmp_path / "plate.mkv", 6).rename(tmp_path / "plate.mov")
    write_movie(tmp_path / "matte.mkv", 4)
    flagged = [{"frame": n, "reasons": [{"kind": "hole"}]} for n in (5, 3)]
    report = {"shots": [{"first": 2, "flagged": flagged}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    environment = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }

    done = subprocess.run(
        [BIN / "vspipe", "--info", "script.vpy"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Frames: 2" in done.stdout
    assert "Width: 64" in done.stdout


def test_a_mask_filters_the_background_and_leaves_people_to_the_last_bit(model):
    """The first recipe of docs/recipes.md."""
    clip = noise_clip(vs.YUV420P8, 128, 96, length=1)
    gray = vs.core.query_video_format(vs.GRAY, vs.INTEGER, 8)

    people = sghm(clip, -1, model, tr=0, format=gray.id)
    blurred = clip.std.BoxBlur(hradius=4, vradius=4)
    merged = blurred.std.MaskedMerge(clip, people, first_plane=True)

    own, other, mask, made = (
        np.asarray(each.get_frame(0)[0]).copy() for each in (clip, blurred, people, merged)
    )
    assert (mask == 255).any()
    assert (mask == 0).any()
    assert np.array_equal(made[mask == 255], own[mask == 255])
    assert np.array_equal(made[mask == 0], other[mask == 0])
