"""A plan as a job of Open Job Description, checked and run by its own command line."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import vapoursynth as vs

from sghm_vs import export
from sghm_vs.cli import main
from sghm_vs.errors import FarmError
from sghm_vs.options import FrameRange
from sghm_vs.shots.farm.engines.openjd import job_template
from sghm_vs.shots.farm.plan import read_plan
from tests.clips import panning_clip
from tests.test_farm import files_in

SCRIPTS = Path(sys.executable).parent
WITHIN_S = 240
pytestmark = pytest.mark.skipif(
    not (SCRIPTS / "openjd").exists(), reason="needs Open Job Description: pip install openjd-cli"
)


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two plates, their mattes made at once, and the plan of both."""
    folder = tmp_path_factory.mktemp("show")
    clip = panning_clip((8,))
    halves, white = (
        clip.resize.Bicubic(format=vs.RGBS),
        clip.std.BlankClip(format=vs.GRAYS, color=1),
    )
    export(halves, white, folder / "plates/a.####.exr", first_number=1001, sidecar=False)
    export(clip, white, folder / "plates/b.mkv", codec="ffv1", sidecar=False)
    pinned = ["--model", "sghm-lite", "--device", "cpu"]
    for source, output in (("a.####.exr", "a.####.exr"), ("b.mkv", "b.mov")):
        words = [f"{folder}/plates/{source}", "-o", f"{folder}/whole/{output}", *pinned]
        assert main(["matte", *words, "--quiet"]) == 0
    (folder / "list.csv").write_text(
        f"source,to\n{folder}/plates/a.####.exr,{{shot}}.####.exr\n"
        f"{folder}/plates/b.mkv,{{shot}}.mov\n"
    )
    plan = [str(folder / "list.csv"), "-o", str(folder / "plan.json"), "--chunk", "5", *pinned]
    sghm("farm", "plan", *plan, "--quiet")
    return folder


@pytest.fixture
def plan(show: Path) -> Path:
    shutil.rmtree(show / "mattes", ignore_errors=True)
    return show / "plan.json"


@pytest.fixture(scope="module")
def session(show: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a session with a worker."""
    folder = tmp_path_factory.mktemp("session")
    sghm("farm", "start-worker", show / "plan.json", "--at", folder)
    yield folder
    assert main(["farm", "stop-worker", "--at", str(folder)]) == 0


def sghm(*words: str | Path) -> None:
    """Run it in a process of its own, which ends before what it starts."""
    command = [sys.executable, "-m", "sghm_vs", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)


def openjd(*words: str | Path) -> str:
    command = [str(SCRIPTS / "openjd"), *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_job_that_its_own_tools_check_and_run_makes_the_same_mattes(show, plan, tmp_path):
    template = tmp_path / "template.yaml"
    assert main(["farm", "template", str(plan), "-o", str(template)]) == 0

    said = openjd("check", template)
    ran = openjd("run", template, "-p", f"Sghm={SCRIPTS / 'sghm'}", "-p", "ChunkSeconds=0")

    assert "passes validation checks" in said
    assert files_in(show / "mattes") == files_in(show / "whole")
    assert "openjd_status: a 1001-1004" in ran
    assert "openjd_progress: 100.0" in ran
    assert main(["farm", "template", str(plan), "-o", str(template)]) == 1


def test_gpus_are_asked_for_where_workers_have_them(plan, tmp_path):
    found = read_plan(plan)
    template = tmp_path / "template.yaml"
    worker = replace(found.worker, is_gpu=True, threads=4)
    template.write_text(job_template(replace(found, worker=worker), plan))

    openjd("check", template)

    assert "{name: amount.worker.gpu, min: 1}" in template.read_text()
    assert "{name: amount.worker.vcpu, min: 4}" in template.read_text()


def test_frames_are_counted_through_all_shots(plan):
    found = read_plan(plan)

    parts = [(shot.name, str(frames)) for shot, frames in found.parts(FrameRange(7, 10))]

    assert parts == [("a", "1007-1008"), ("b", "0-1")]
    assert [str(frames) for _, frames in found.parts(found.numbers)] == ["1001-1008", "0-7"]
    with pytest.raises(FarmError, match="has frames 1-16"):
        found.parts(FrameRange(20, 25))
    one = replace(found, shots=found.shots[:1])
    assert str(one.numbers) == "1001-1008"
    assert [str(frames) for _, frames in one.parts(FrameRange(1003, 1004))] == ["1003-1004"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")
def test_a_canceled_chunk_is_given_up_and_its_worker_stays(show, plan, session):
    mattes = show / "mattes"
    command = [sys.executable, "-m", "sghm_vs", "farm", "make", str(plan), "--shot", "a"]
    canceled = subprocess.Popen(
        [*command, "--at", str(session), "--progress=openjd"], stdout=subprocess.PIPE, text=True
    )
    with canceled:
        until(lambda: "progress" in canceled.stdout.readline())
        canceled.send_signal(signal.SIGTERM)
        assert canceled.wait(WITHIN_S) == 128 + signal.SIGTERM

    words = [str(plan), "--shot", "b", "--frames", "2-3", "--at", str(session), "--quiet"]
    assert main(["farm", "make", *words]) == 0

    assert not [file for file in mattes.rglob("*") if file.name.endswith(".part")]
    assert len([*mattes.glob(".sghm-farm/b.*.exr")]) == 2


def test_what_fails_in_a_started_worker_is_told_to_the_session(plan, session, capfd):
    words = ["--shot", "a", "--frames", "1-3", "--at", str(session), "--progress", "openjd"]

    assert main(["farm", "make", str(plan), *words]) == 1

    said = capfd.readouterr()
    assert "openjd_fail: a has frames 1001-1008, and 1-3 was asked for" in said.out
    assert "1001-1008" in said.err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")
def test_a_worker_ends_with_its_session_and_strangers_get_nothing_of_it(plan, tmp_path):
    session = tmp_path / "session"
    session.mkdir()
    sghm("farm", "start-worker", plan, "--at", session)
    said = json.loads((session / "sghm-worker.json").read_text())
    assert (session / "sghm-worker.json").stat().st_mode & 0o077 == 0
    worker = next(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and str(session).encode() in _command(entry)
    )
    other = tmp_path / "other"
    other.mkdir()
    (other / "sghm-worker.json").write_text(json.dumps({**said, "key": "00"}))
    words = [str(plan), "--shot", "a", "--frames", "1001-1001", "--quiet", "--at"]
    assert main(["farm", "make", *words, str(other)]) == 1
    assert main(["farm", "make", *words, str(session)]) == 0

    shutil.rmtree(session)

    until(lambda: gone(worker))


def _command(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_a_worker_that_is_not_as_planned_does_not_start(plan, tmp_path, capsys):
    found = read_plan(plan)
    other = tmp_path / "plan.json"
    other.write_text(replace(found, worker=replace(found.worker, device="another")).to_json())

    assert main(["farm", "start-worker", str(other), "--at", str(tmp_path)]) == 1

    assert "not as planned: device is" in capsys.readouterr().err


def test_a_worker_without_a_folder_says_how_to_make_one(plan, tmp_path, capsys):
    missing = tmp_path / "none"

    assert main(["farm", "start-worker", str(plan), "--at", str(missing)]) == 1

    said = capsys.readouterr().err
    assert said == (
        f"sghm: {missing} is no folder; make one for this session alone: mkdir {missing}\n"
    )
