"""What a farm does next, what it does again, and what that makes of a show of 1,000 workers."""

import json
from dataclasses import replace

import pytest

from benchmarks.__main__ import main
from benchmarks.farm_cost import Show, on_paper
from benchmarks.farm_simulation import simulate
from sghm_vs.cli.progress import farm_progress
from sghm_vs.errors import SettingsError
from sghm_vs.options import FrameRange
from sghm_vs.shots.batch.listener import Totals
from sghm_vs.shots.batch.schedule import Schedule, Work

ONE, TWO = FrameRange(0, 4), FrameRange(5, 9)
SMALL = Show(frames=60_000, shots=60, workers=50, chunk=100)


class Clock:
    """A time that stands until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_shot_is_assembled_once_all_of_its_chunks_are_made():
    schedule = Schedule({"a": [ONE, TWO], "b": []})
    first, second, other = schedule.take(), schedule.take("a"), schedule.take("a")
    assert (first, second, other) == (Work("a", ONE), Work("a", TWO), Work("b", None))

    schedule.done(first)
    assert schedule.take() is None
    schedule.done(second)

    assert schedule.take() == Work("a", None)
    schedule.done(Work("a", None))
    assert not schedule.is_over
    schedule.done(other)
    assert schedule.is_over


def test_a_worker_goes_on_with_the_shot_that_it_has_open():
    schedule = Schedule({"a": [ONE, TWO], "b": [ONE, TWO]})

    assert [schedule.take("b"), schedule.take("b"), schedule.take("b")] == [
        Work("b", ONE), Work("b", TWO), Work("a", ONE),
    ]  # fmt: skip


def test_what_fails_is_tried_again_ever_later_and_then_set_aside():
    clock = Clock()
    schedule = Schedule({"a": [ONE], "b": [ONE]}, tries=3, clock=clock)
    work = schedule.take()
    waits = []

    while not schedule.failed(work, "damaged"):
        schedule.take() and schedule.done(Work("b", ONE))
        started = clock.now
        while (taken := schedule.take()) != work:
            assert taken in (None, Work("b", None))
            clock.now += 0.5
        waits.append(clock.now - started)

    assert waits == [2.0, 4.0]
    assert schedule.set_aside == {"a": {work: "damaged"}}
    schedule.done(Work("b", None))
    assert schedule.is_over, "the other shot is whole"


def test_what_is_lost_with_its_machine_is_never_set_aside():
    clock = Clock()
    schedule = Schedule({"a": [ONE]}, tries=2, clock=clock)

    for _ in range(9):
        clock.now += 100
        assert schedule.failed(schedule.take(), "lost", counts=False) is False

    assert schedule.set_aside == {}
    assert schedule.failures == 9


def test_frames_that_an_assembly_finds_damaged_are_made_again_but_not_for_ever():
    schedule = Schedule({"a": []}, tries=2)
    whole = schedule.take()

    schedule.broken(whole, [TWO], "damaged")
    again = schedule.take()
    schedule.done(again)
    schedule.broken(schedule.take(), [TWO], "damaged")

    assert again == Work("a", TWO)
    assert schedule.is_over
    assert schedule.set_aside == {"a": {whole: "damaged"}}


@pytest.mark.parametrize("lost_after_h", [1e9, 0.5])
@pytest.mark.parametrize("slow", [0.0, 0.1])
def test_a_show_with_losses_and_stragglers_has_every_frame_once(lost_after_h, slow):
    show = replace(SMALL, lost_after_h=lost_after_h, slow=slow)

    went = simulate(show)

    assert went.frames_made == show.frames
    assert (went.losses > 10) == (lost_after_h < 1)
    assert simulate(show) == went
    assert went.hours == pytest.approx(on_paper(show).hours, rel=0.35)


def test_what_is_on_paper_is_what_a_large_show_comes_to():
    show = Show(frames=1_000_000, shots=1000, workers=100, chunk=120)

    paper, went = on_paper(show), simulate(show)

    assert went.hours == pytest.approx(paper.hours, rel=0.1)
    assert paper.lost_share < 0.01
    assert on_paper(replace(show, dispatch_s=10)).chunks_s == pytest.approx(0.1, rel=0.1)
    with pytest.raises(SettingsError, match="1 or more"):
        Show(frames=0)


def test_the_command_prints_both(capsys):
    words = ["--frames", "4000", "--shots", "4", "--workers", "5", "--chunk", "100"]

    assert main(["simulate", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["simulate", *words]) == 0

    assert found["simulated"]["frames_made"] == 4000
    assert capsys.readouterr().out.startswith(f"{'':<14}{'on paper':>12}{'simulated':>12}\nhours")


def test_progress_says_shots_frames_speed_workers_and_failures(capsys):
    totals = Totals(
        shots=3, shots_done=1, frames=40, frames_done=12, fps=2.25, workers=4, again=2, failed=1,
        trouble="a 5-9: damaged",
    )  # fmt: skip

    with farm_progress(quiet=False, as_json=False) as listener:
        listener.count(totals)
    with farm_progress(quiet=True, as_json=True) as listener:
        listener.count(totals)

    line, told = capsys.readouterr().err.splitlines()
    assert line == (
        "farm: 1/3 shots, 12/40 frames, 2.2 fps, 4 workers, 2 tried again, 1 failed; "
        "last: a 5-9: damaged"
    )
    assert json.loads(told)["done"] == 12
