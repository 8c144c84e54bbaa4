"""How far the work is, as a person and a program read it."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from sghm_vs.cli.progress import farm_progress, progress, shots_progress
from sghm_vs.shots.batch.listener import Totals

SHOT = SimpleNamespace(key="a", name="sh010")
DONE = SimpleNamespace(
    key="a", shot="sh010", state="done", warnings=(), numbers=range(9), seconds=3
)
LOST = SimpleNamespace(key="b", shot="sh020", state="failed", error="[no] such file")
PLANNED = [SimpleNamespace(status="new"), SimpleNamespace(status="new")]


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr("time.monotonic", lambda: now.s)
    return now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_come_every_few_seconds_and_the_speed_is_that_since_the_first_frame(clock, capsys):
    with progress("matte", quiet=False) as report:
        clock.s += 20  # The model is loaded, and neighbors are read.
        report(1, 90)
        for done in range(2, 91):
            clock.s += 0.2
            report(done, 90)

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "matte: 1/90 frames"
    assert lines[1] == "matte: 26/90 frames, 5.0 fps, 13 s left"
    assert lines[-1] == "matte: 90/90 frames, 5.0 fps"
    assert len(lines) == 5


def test_a_shot_that_was_looked_through_first_has_a_speed_of_its_own_then(clock, capsys):
    with progress("matte", quiet=False) as report:
        for done in range(1, 41):
            clock.s += 0.01
            report(done, 40)
        for done in range(1, 41):
            clock.s += 1
            report(done, 40)

    assert capsys.readouterr().err.splitlines()[-1] == "matte: 40/40 frames, 1.0 fps"


def test_a_speed_far_below_a_frame_a_second_is_not_called_zero(clock, capsys):
    with progress("matte", quiet=False) as report:
        for done in range(1, 4):
            clock.s += 25
            report(done, 40)

    assert capsys.readouterr().err.splitlines()[-1] == "matte: 3/40 frames, 0.04 fps, 925 s left"


def test_a_transfer_is_told_in_megabytes(clock, capsys):
    with progress("fetch", quiet=False, in_bytes=True) as report:
        clock.s += 6
        report(88_000_000, 176_000_000)

    assert capsys.readouterr().err == "fetch: 88/176 MB\n"


def test_programs_are_told_at_most_ten_times_a_second_and_of_the_last_frame(clock, capsys):
    with progress("matte", quiet=True, as_json=True) as report:
        for done in range(1, 41):
            clock.s += 0.01
            report(done, 40)

    told = [json.loads(line)["done"] for line in capsys.readouterr().err.splitlines()]
    assert (told[0], told[-1]) == (1, 40)
    assert len(told) <= 6


def test_a_batch_says_what_became_of_each_shot(clock, capsys):
    with shots_progress(quiet=False) as listener:
        listener.begin(PLANNED)
        clock.s += 1
        listener.report(SHOT, 1, 9)
        clock.s += 6
        listener.report(SHOT, 4, 9)
        listener.end(DONE)
        listener.end(LOST)

    assert capsys.readouterr().err.splitlines() == [
        "batch: 2 shots to make, 0 done before",
        "sh010: 4/9 frames, 0.5 fps, 10 s left",
        "sh010: done, 9 frames in 3.0 s",
        "batch: 1/2 shots, 0 failed",
        "sh020: failed: [no] such file",
        "batch: 2/2 shots, 1 failed",
    ]


def test_a_terminal_has_a_bar_and_its_words(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    totals = Totals(
        shots=2, shots_done=1, frames=40, frames_done=12, fps=2.25, workers=4, again=0, failed=0,
        trouble="[a] is gone",
    )  # fmt: skip

    with progress("matte", quiet=False) as report:
        report(3, 6)
    with shots_progress(quiet=False) as listener:
        listener.begin(PLANNED)
        listener.report(SHOT, 4, 9)
        listener.end(LOST)
    with farm_progress(quiet=False, as_json=False) as listener:
        listener.count(totals)

    said = terminal.getvalue()
    assert "3/6 frames" in said
    assert "sh020: failed: [no] such file" in said
    assert "1/2 shots, 12/40 frames, 2.2 fps, 4 workers; last: [a] is gone" in said
