"""The check of a card: what becomes of its parts, and what its page says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu_page
from benchmarks.gpu_check import PARTS, REHEARSAL_LONGER, Part, check, run_part, sensors
from benchmarks.gpu_page import page

ROOT = Path(__file__).parents[1]
FAKE = "tests.fake.gpu_parts"
CASE = {"model": "sghm-lite", "size": "1080p", "pixels": "1920x1080", "precision": "half", "tr": 0}
SPEED = {**CASE, "streams": 4, "fps": 150.0, "p50_ms": 90.0, "p95_ms": 99.5, "device_mib": 812.0}


def found(**parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a check found that has these parts' rows."""
    return {
        "rehearsal": False,
        "commit": "abcdef0",
        "started": "2026-01-02T03:04:05+00:00",
        "parts": [
            {"name": name.replace("_", " ", 1), "ended": "done", "seconds": 1.0, "sensors": {}}
            | {"rows": rows}
            for name, rows in parts.items()
        ],
    }


def test_the_next_part_runs_whatever_became_of_the_one_before(tmp_path):
    """Each part but the last goes wrong in the middle; what it knew until then stays."""
    parts = [Part(name, 20, FAKE) for name in ("broken", "crashing", "unable", "fine")]
    parts.insert(0, Part("slow", 2, FAKE))

    code = check(tmp_path, parts, is_rehearsal=True)

    assert code == 1
    done = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert {part["name"]: (part["ended"], len(part["rows"])) for part in done} == {
        "slow": ("ended at its limit of 2.5 s", 1),
        "broken": ("failed: ValueError: no such thing", 1),
        "crashing": ("failed: SIGKILL: about to", 1),
        "unable": ("failed: exit code 1: no card here", 0),
        "fine": ("done", 2),
    }
    assert all(part["ended"] in (tmp_path / "gpu.md").read_text() for part in done)


def test_a_check_leaves_three_files(tmp_path):
    """As few as come back from anywhere."""
    code = check(tmp_path / "new" / "folder", [Part("fine", 20, FAKE)], is_rehearsal=True)

    assert code == 0
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["gpu.json", "gpu.log", "gpu.md"]
    assert "--rehearse" in (tmp_path / "new" / "folder" / "gpu.log").read_text()


def test_a_check_that_is_stopped_leaves_the_rows_of_its_part_and_nothing_that_runs(tmp_path):
    program = (
        "import sys; from pathlib import Path; from benchmarks import gpu_check as g; "
        f"g.PARTS = (g.Part('slow', 50, '{FAKE}'),); sys.exit(g.main(['{tmp_path}']))"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as process:
        rows = tmp_path / "slow.json"
        while not rows.exists():
            assert process.poll() is None
            time.sleep(0.05)

        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 128 + signal.SIGTERM
    assert len(json.loads(rows.read_text())["rows"]) == 1
    assert not any(str(rows) in words for words in command_lines())


def command_lines() -> list[str]:
    """Return what the processes of this machine were started with."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_the_parts_together_take_less_than_eight_minutes_and_a_rehearsal_less_than_ten():
    limits_s = sum(part.limit_s for part in PARTS)

    assert limits_s < 8 * 60
    assert limits_s * REHEARSAL_LONGER < 10 * 60


def test_power_and_clocks_are_read_while_a_part_runs(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\nprintf '100.5, 1200, [N/A]\\n300.5, 1980, [N/A]\\n200.5, 1800, [N/A]\\n'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with sensors(tmp_path / "sensors.csv") as sensed:
        time.sleep(0.5)

    assert sensed == {
        "power_w": {"median": 200.5, "most": 300.5},
        "sm_mhz": {"median": 1800, "most": 1980},
    }


def test_a_part_is_run_where_no_power_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert run_part(Part("fine", 20, FAKE), tmp_path, is_rehearsal=False)["sensors"] == {}


def test_a_floor_stands_beside_its_figure():
    text = page(found(speed_lite=[SPEED]))

    assert "| 150.0 | 200 | 90.0 / 99.5 | 812 |" in text
    assert "sghm-lite 1080p half tr=0 | frames a second through the filter" in text
    assert "| at least 200 | 150.00 | missed |" in text


def test_a_row_that_failed_says_why_among_the_others():
    text = page(found(speed_lite=[SPEED, {**CASE, "streams": 1, "why": "CUDA error: a | b"}]))

    assert "| 0 | 1 |  | 200 |  |  | CUDA error: a / b |" in text
    assert "| 150.0 |" in text


def test_4k_is_compared_with_1080p_by_the_pixel():
    large = {**SPEED, "size": "4K", "pixels": "3840x2160", "fps": 30.0}

    text = page(found(speed_lite=[SPEED, large]))

    assert "4K against 1080p by the pixel, times | at most 1.2 | 1.25 | missed |" in text


def test_many_frames_are_compared_with_few():
    at = {**CASE, "memory_mib": 900.0, "device_mib": 500.0}
    rows = [
        {**at, "frames": frames, "frame_ms": ms, "memory_most_mib": most}
        for frames, ms, most in ((100, 9.0, 900.0), (1000, 2.0, 910.0), (10000, 2.2, 920.0))
    ]

    text = page(found(long=rows))

    assert "a frame's time, 10000 frames against 1000, times | at most 1.05 | 1.10 | missed" in text
    assert "memory, 10000 frames against 100, times | at most 1.05 | 1.02 | holds" in text


def test_tests_that_failed_are_named_with_their_reason():
    rows = [
        {"test": "test_a[0]", "outcome": "passed"},
        {"test": "test_b", "outcome": "failed"},
        {"test": "test_b", "outcome": "why", "why": "assert 1 == 2"},
    ]

    text = page(found(tests=rows))

    assert "1 failed, 1 passed" in text
    assert "- `test_b`: assert 1 == 2" in text


def test_a_page_of_a_rehearsal_says_that_its_figures_are_none():
    assert "no figure here is a measurement" in page(found() | {"rehearsal": True})
    assert "no figure here is a measurement" not in page(found())


def test_floors_are_those_of_the_decision_on_speed():
    text = (ROOT / "docs/decisions/022-speed.md").read_text()

    network, filtered, lite, per_pixel, length = (
        re.search(pattern, text)
        for pattern in (
            r"`sghm-resnet50`, half, network alone \| (\d+) fps, (\d+) times",
            r"the same through the filter, `tr=0` / `tr=2` \| (\d+) / (\d+) fps",
            r"`sghm-lite` through the filter, `tr=0` \| (\d+) fps \| not",
            r"4K against 1080p by the pixel \| at most ([\d.]+) times",
            r"a frame's time and memory \| at most ([\d.]+) times",
        )
    )

    assert [*gpu_page.NETWORK_FLOORS.values(), *gpu_page.PLAIN_FLOORS.values()] == numbers(network)
    assert [*gpu_page.FILTER_FLOORS.values()] == numbers(filtered) + numbers(lite)
    assert numbers(per_pixel) == [gpu_page.PER_PIXEL_MOST]
    assert numbers(length) == [gpu_page.LENGTH_MOST]


def numbers(match: re.Match[str] | None) -> list[float]:
    """Return what a pattern found, as numbers."""
    assert match is not None
    return [float(group) for group in match.groups()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["long", "agreement"])
def test_a_rehearsal_goes_the_way_of_a_card(name):
    """Packed, captured by a stand-in, in slots; the first rows say enough."""
    from benchmarks.gpu_parts import PARTS, REHEARSAL

    rows = PARTS[name](REHEARSAL)

    first = next(rows)
    rows.close()

    assert first["model"].partition("@")[0] == "sghm-lite"
    assert first.get("largest", 0) < 1e-4
    assert "why" not in first
