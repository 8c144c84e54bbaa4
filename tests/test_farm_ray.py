"""A show on a Ray cluster: whatever dies or breaks on the way, the mattes are those of one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import vapoursynth as vs

from sghm_vs import export
from sghm_vs.cli import main
from sghm_vs.shots.farm.plan import read_plan
from tests.clips import panning_clip

pytest.importorskip("ray", reason="needs Ray: pip install 'sghm-vs[farm]'")
pytest.importorskip("onnxruntime", reason="pip install 'sghm-vs[onnxruntime]'")
pytestmark = pytest.mark.slow

FRAMES = 40
WITHIN_S = 900
STARTS = 5
"""Ray gives a node half a minute, which is short where others keep the cores."""
SMALL = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 * 2**20}
PATIENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_gcs_server_request_timeout_seconds": str(WITHIN_S),
    "RAY_worker_register_timeout_seconds": str(WITHIN_S),
}
ENV = {**os.environ, **PATIENT, "OMP_NUM_THREADS": "1"}
# Each worker loads what runs its network: torch would take seconds of it.
PINNED = ["--device", "cpu", "--backend", "onnxruntime"]


def started[Started](start: Callable[[], Started]) -> Started:
    """Return what `start` starts, begun anew where Ray finds that it takes too long."""
    for _ in range(STARTS - 1):
        with suppress(Exception):
            return start()
    return start()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines with a core each, and one without that knows them: nodes on this one."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in PATIENT.items():
            patch.setenv(name, value)
        head = {**SMALL, "num_cpus": 0}
        found = started(lambda: Cluster(initialize_head=True, head_node_args=head))
        nodes = [started(lambda: found.add_node(**SMALL)) for _ in range(2)]
        yield SimpleNamespace(address=found.address, nodes=nodes, cluster=found)
        found.shutdown()


@pytest.fixture(scope="module")
def show(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plates of two shots, and `whole`, their mattes made at once."""
    folder = tmp_path_factory.mktemp("show")
    clip = panning_clip((FRAMES // 2, FRAMES // 2))
    white = clip.std.BlankClip(format=vs.GRAYS, color=1)
    halves = clip.resize.Bicubic(format=vs.RGBS)
    export(halves, white, folder / "plates/a.####.exr", first_number=1001, sidecar=False)
    export(clip, white, folder / "plates/b.mkv", codec="ffv1", sidecar=False)
    pinned = ["--model", model, *PINNED, "--quiet"]
    for source, output in (("a.####.exr", "a/a.####.exr"), ("b.mkv", "b.mov")):
        words = [f"{folder}/plates/{source}", "-o", f"{folder}/whole/{output}", *pinned]
        assert main(["matte", *words]) == 0
    return folder


@pytest.fixture
def planned(show: Path, model: str, tmp_path: Path) -> Path:
    """The plan of the show, its sequence as EXR and its movie as ProRes."""
    (tmp_path / "list.csv").write_text(
        f"source,to\n{show}/plates/a.####.exr,{{shot}}/{{shot}}.####.exr\n"
        f"{show}/plates/b.mkv,{{shot}}.mov\n"
    )
    plan = tmp_path / "plan.json"
    words = ["--chunk", "4", *PINNED, "--model", model, "-o", str(plan)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sghm_vs.shots.farm.worker.bind_threads", lambda _: None)
        assert main(["farm", "plan", str(tmp_path / "list.csv"), *words, "--quiet"]) == 0
    return plan


def start(plan: Path, cluster: Any, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sghm_vs", "farm", "run", str(plan)]
    command += ["--address", cluster.address, "--progress", "json", *words]
    with (plan.parent / "log").open("w") as log:
        return subprocess.Popen(command, env=ENV, stdout=log, stderr=subprocess.STDOUT)


def end(driver: subprocess.Popen[bytes], plan: Path) -> tuple[int, str]:
    code = driver.wait(WITHIN_S)
    return code, (plan.parent / "log").read_text()


def until(is_so: Callable[[], object], driver: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert driver.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.005)


def workers_of(node: Any) -> list[int]:
    """Return the processes of our workers on `node`."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                is_ours = (entry / "cmdline").read_bytes().startswith(b"ray::Worker")
            except (OSError, IndexError):
                continue
            found += [int(entry.name)] if parent == raylet and is_ours else []
    return found


def files_in(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".json")
    visible = (file for file in files if not file.name.startswith(".sghm-batch"))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in visible}


def made(folder: Path) -> int:
    """Return how many frames there are."""
    return sum(1 for _ in folder.glob("a/*.exr")) + sum(1 for _ in folder.glob(".sghm-farm/*.exr"))


def states(folder: Path) -> dict[str, str]:
    shots = json.loads((folder / "manifest.json").read_text())["shots"]
    return {shot["shot"]: shot["state"] for shot in shots}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")
def test_a_show_survives_lost_workers_and_nodes_a_stopped_driver_and_a_broken_frame(
    cluster, show, planned
):
    """Nothing is lost, and nothing is written twice in two ways."""
    mattes = planned.parent / "mattes"
    driver = start(planned, cluster)
    until(lambda: made(mattes) > 2 and workers_of(cluster.nodes[0]), driver)
    os.kill(workers_of(cluster.nodes[0])[0], signal.SIGKILL)
    until(lambda: made(mattes) > 12, driver)
    cluster.cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
    until(lambda: made(mattes) > 24, driver)
    driver.send_signal(signal.SIGINT)
    code, log = end(driver, planned)
    assert code == 130, log
    frame = sorted(mattes.glob("a/*.exr"))[1]
    frame.write_bytes(frame.read_bytes()[:-1] + b"x")
    assert set(states(mattes).values()) <= {"running", "done"}
    cluster.nodes.append(started(lambda: cluster.cluster.add_node(**SMALL)))

    code, log = end(start(planned, cluster), planned)

    assert code == 0, log
    assert files_in(mattes) == files_in(show / "whole")
    assert states(mattes) == {"a": "done", "b": "done"}
    assert main(["verify", str(mattes / "a"), str(mattes / "b.mov")]) == 0


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to mount a small disk"
)
def test_a_full_disk_is_waited_for(cluster, show, planned):
    mattes = planned.parent / "mattes"
    mattes.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mattes)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        (mattes / ".filler").write_bytes(bytes(3900 * 1024))
        driver = start(planned, cluster)
        until(lambda: "No space left" in (planned.parent / "log").read_text(), driver)
        (mattes / ".filler").unlink()

        code, log = end(driver, planned)

        assert code == 0, log
        assert files_in(mattes) == files_in(show / "whole")
    finally:
        subprocess.run(["/bin/umount", str(mattes)], check=True)


def test_workers_that_are_not_as_planned_are_refused(cluster, planned):
    plan = read_plan(planned)
    planned.write_text(replace(plan, worker=replace(plan.worker, device="another")).to_json())

    code, log = end(start(planned, cluster), planned)

    assert code == 1
    assert "no worker is as planned" in log
    assert "device is" in log


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Ray does not start on this machine: The current node timed out during startup"),
        (["--address", "10.0.0.9:6379"], "no cluster is joined at 10.0.0.9:6379: The current node"),
    ],
)
def test_a_start_that_times_out_is_one_sentence(planned, monkeypatch, capsys, words, said):
    import ray

    def times_out(**_: object) -> None:
        # As Ray does it: of no kind of its own, over several lines.
        raise Exception("The current node timed out during startup.\nThis could happen.")

    monkeypatch.setattr(ray, "init", times_out)

    assert main(["farm", "run", str(planned), "--quiet", *words]) == 1

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"sghm: {said}")
