"""
Train both halves of sghm-lite at once on one card, and judge every checkpoint as it comes.

    benchmarks/gpu_train.sh PACK START RUN OUT_FOLDER

`weights.training.train` does the training, from a pack, and goes on from its checkpoint in RUN; here
it is started, watched, judged by pictures that were held back, and ended in time.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu_check import CHECKOUT, commit, end_group, last_words
from benchmarks.gpu_rows import write

STAGES = {"segmentation": "masks", "matting": "guided"}
"""The halves, and which figures each is judged by."""
POLL_S = 0.5
LATE_S = 30
"""How long a half may take to end after its minutes."""
WEIGHTS = "sghm-lite.safetensors"
REHEARSAL = "**A rehearsal on the CPU: these weights are worth nothing.**"


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is trained."""

    pack: Path
    start: Path
    run: Path
    """Gets checkpoints: `HALF.pt`, and each of them as `HALF_NUMBER.pt`."""
    out: Path
    device: str
    minutes: float
    """Of training, those before it was last stopped counted in."""
    save_every_s: float
    judged_every: int
    """Every so manieth of the pictures held back."""
    judge_limit_s: float
    package: str = "weights.training"


@dataclass(slots=True)
class Half:
    """A half in training."""

    name: str
    process: subprocess.Popen[Any]
    log: Path
    before: int
    """Where in the log this start's words begin."""
    seen_ns: int
    """When the last checkpoint that was judged was written."""
    ended: str = "runs"
    began: float = field(default_factory=time.monotonic)
    marks: list[tuple[int, float, str, str]] = field(default_factory=list)
    """Number of the checkpoint, minutes since this start, the training's last line, the figures."""


def main(words: Sequence[str] | None = None) -> int:
    """Train; return 0 if both halves came to their ends and the weights are there."""
    args = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    small = args.rehearse
    plan = Plan(
        pack=args.pack.absolute(),
        start=args.start.absolute(),
        run=args.run.absolute(),
        out=args.out.absolute(),
        device="cpu" if small else "cuda",
        minutes=args.minutes or (0.7 if small else 8),
        save_every_s=10 if small else 120,
        judged_every=40 if small else 4,
        judge_limit_s=45,
    )
    plan.run.mkdir(parents=True, exist_ok=True)
    plan.out.mkdir(parents=True, exist_ok=True)
    if args.go_on_from is not None:
        go_back(plan.run, args.go_on_from)
    return train(plan)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/gpu_train.sh",
        description="Train both halves of sghm-lite in ten minutes on one CUDA card.",
    )
    parser.add_argument("pack", type=Path, metavar="PACK", help="by weights.training.pack")
    parser.add_argument("start", type=Path, metavar="START", help="weights to begin with")
    parser.add_argument("run", type=Path, metavar="RUN", help="gets checkpoints, goes on from them")
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER", help="gets page, logs and weights")
    parser.add_argument("--minutes", type=float, help="of training, with those before (default: 8)")
    parser.add_argument(
        "--from",
        dest="go_on_from",
        type=int,
        metavar="NUMBER",
        help="go on from this checkpoint, in place of the last",
    )
    parser.add_argument(
        "--rehearse", action="store_true", help="on the CPU, for less than a minute"
    )
    return parser


def go_back(run: Path, number: int) -> None:
    """Make checkpoint `number` of each half the one that it goes on from."""
    kept = {name: run / f"{name}_{number}.pt" for name in STAGES}
    missing = [str(path) for path in kept.values() if not path.is_file()]
    if missing:
        sys.exit(f"there is no {' and no '.join(missing)}; --from takes a number that RUN has")
    for name, path in kept.items():
        shutil.copyfile(path, run / f"{name}.pt")


def train(plan: Plan) -> int:
    """Train both halves as `plan` says; after each checkpoint the page says how far they are."""
    began = time.monotonic()
    halves = [_started(plan, name) for name in STAGES]
    try:
        while any(half.ended == "runs" for half in halves):
            time.sleep(POLL_S)
            is_late = time.monotonic() > began + 60 * plan.minutes + LATE_S
            for half in halves:
                _look_at(plan, half, is_late=is_late)
            write(plan.out / "train.md", page(plan, halves))
    finally:
        for half in halves:
            end_group(half.process)
    finished = _finish(plan)
    write(plan.out / "train.md", page(plan, halves, finished))
    return int(any(half.ended != "done" for half in halves) or finished != "done")


def _started(plan: Plan, name: str) -> Half:
    """Start the training of a half."""
    log, checkpoint = plan.out / f"{name}.log", plan.run / f"{name}.pt"
    words = [sys.executable, "-m", f"{plan.package}.train", name, str(plan.pack), str(plan.run)]
    words += ["--start", str(plan.start), "--device", plan.device]
    words += ["--minutes", f"{plan.minutes:g}", "--save-every", f"{plan.save_every_s:g}"]
    with log.open("ab") as said:
        before = said.tell()
        process = subprocess.Popen(
            words, cwd=CHECKOUT, stdout=said, stderr=said, start_new_session=True
        )
    return Half(name, process, log, before, _written_ns(checkpoint))


def _look_at(plan: Plan, half: Half, *, is_late: bool) -> None:
    """Judge the half's checkpoint if it is another; see whether it ended, or is late and must."""
    code = half.process.poll()
    checkpoint = plan.run / f"{half.name}.pt"
    written_ns = _written_ns(checkpoint)
    if written_ns != half.seen_ns:
        half.seen_ns = written_ns
        number = 1 + max(_numbers(plan.run, half.name), default=0)
        kept = plan.run / f"{half.name}_{number}.pt"
        shutil.copyfile(checkpoint, kept)
        said = last_words(half.log, half.before).removeprefix(f": {half.name} ")
        minutes = (time.monotonic() - half.began) / 60
        half.marks.append((number, minutes, said, judged(plan, half.name, kept)))
    if half.ended != "runs":
        return
    if code is not None:
        last = last_words(half.log, half.before)
        half.ended = "done" if code == 0 else f"failed: exit code {code}{last}"
    elif is_late:
        end_group(half.process)
        half.ended = "ended, being late"


def _written_ns(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _numbers(run: Path, name: str) -> list[int]:
    matches = (re.fullmatch(rf"{name}_(\d+)\.pt", path.name) for path in run.iterdir())
    return [int(match[1]) for match in matches if match]


def judged(plan: Plan, name: str, checkpoint: Path) -> str:
    """Return the figures of a half's checkpoint on pictures that were held back."""
    words = [sys.executable, "-m", f"{plan.package}.choose", str(plan.pack), str(checkpoint)]
    words += ["--only", STAGES[name], "--every", str(plan.judged_every)]
    told = _told(words, plan.judge_limit_s)
    # The first lines name the file, and at which size.
    return told if told.startswith("failed") else " ".join(told.split("\n")[2:])


def _finish(plan: Plan) -> str:
    """Write the weights that both halves make together; return how that ended."""
    halves = [str(plan.run / f"{name}.pt") for name in STAGES]
    words = [sys.executable, "-m", f"{plan.package}.finish", *halves, str(plan.out / WEIGHTS)]
    told = _told(words, plan.judge_limit_s)
    return told if told.startswith("failed") else "done"


def _told(words: list[str], limit_s: float) -> str:
    """Return what a program says, or why it failed."""
    try:
        done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return f"failed: took more than {limit_s:g} s"
    if done.returncode:
        return f"failed: {(done.stderr.strip() or 'no word').splitlines()[-1]}"
    return "\n".join(line.strip() for line in done.stdout.strip().splitlines())


def page(plan: Plan, halves: Sequence[Half], finished: str = "not yet") -> str:
    """Return what is known of the training, Markdown."""
    lines = [
        f"# Both halves of sghm-lite, {plan.minutes:g} minutes on {plan.device}",
        "",
        *([REHEARSAL, ""] if plan.device == "cpu" else []),
        f"`benchmarks/gpu_train.sh`, commit {commit()}, {plan.pack.name} of "
        f"{plan.pack.stat().st_size / 2**20:.0f} MiB",
        "",
        "| half | ended |",
        "|---|---|",
        *(f"| {half.name} | {half.ended} |" for half in halves),
        f"| {WEIGHTS} | {finished} |",
        "",
        "| half | checkpoint | after min | its training said | pictures held back |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {half.name} | {number} | {minutes:.1f} | {said} | {figures} |"
        for half in halves
        for number, minutes, said, figures in half.marks
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
