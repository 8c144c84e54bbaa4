"""
Check and measure a CUDA card: parts in processes of their own, each with a limit, and a page.

    benchmarks/gpu_check.sh OUT_FOLDER

What a part finds is on disk at once; one that fails or is ended says why, and the next one runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gpu_page import page
from benchmarks.gpu_rows import REASON_MAX, write

CHECKOUT = Path(__file__).parents[1]
REHEARSAL_LONGER = 1.25
"""So many times a part's limit it may take on the CPU, which others may use as well."""
GRACE_S = 5
"""How long a part that is told to end may take to do so."""
SENSORS = {"power_w": "power.draw", "sm_mhz": "clocks.sm", "memory_mhz": "clocks.mem"}
"""What nvidia-smi is asked twice a second, by our names."""

type Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What is checked in a process of its own."""

    name: str
    limit_s: float
    work: str = "benchmarks.gpu_parts"
    """The module that is run, with the part's name, the file for its rows and maybe `--rehearse`."""


PARTS = (
    Part("machine", 35),
    Part("tests", 70),
    Part("graphs", 40),
    Part("agreement", 45),
    Part("network", 45),
    Part("speed sghm-lite", 95),
    Part("speed sghm-resnet50", 95),
    Part("long", 50),
)
"""In order of what is missed most; 475 s together. The first waits for torch to come from the disk."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the parts that are asked for; return 0 if all of them came to their ends."""
    args = _parser().parse_args(words)
    # So that the part that runs is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    wanted = [part for part in PARTS if args.only in (None, part.name)]
    return check(args.out, wanted, is_rehearsal=args.rehearse)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/gpu_check.sh",
        description="Check and measure a CUDA card in under eight minutes, without network.",
    )
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER", help="gets gpu.md and gpu.json")
    parser.add_argument(
        "--rehearse", action="store_true", help="all of it on the CPU, with tiny numbers"
    )
    parser.add_argument("--only", choices=[part.name for part in PARTS], help="one part alone")
    return parser


def check(out: Path, parts: Sequence[Part], *, is_rehearsal: bool) -> int:
    """Run `parts` one after the other; after each, `out` holds a page of what is known."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpu.log").unlink(missing_ok=True)
    found: Found = {
        "rehearsal": is_rehearsal,
        "commit": commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "parts": [],
    }
    for part in parts:
        done = run_part(part, out, is_rehearsal=is_rehearsal)
        found["parts"].append(done)
        write(out / "gpu.json", json.dumps(found, indent=1) + "\n")
        write(out / "gpu.md", page(found))
        sys.stderr.write(f"{part.name}: {done['ended']} after {done['seconds']:.0f} s\n")
    return int(any(done["ended"] != "done" for done in found["parts"]))


def run_part(part: Part, out: Path, *, is_rehearsal: bool) -> Found:
    """Return what `part` found until it ended, or was ended, and why it did not go to its end."""
    rows, log = out / f"{part.name.replace(' ', '-')}.json", out / "gpu.log"
    rows.unlink(missing_ok=True)
    words = [sys.executable, "-m", part.work, part.name, str(rows.absolute())]
    words += ["--rehearse"] if is_rehearsal else []
    limit_s = part.limit_s * (REHEARSAL_LONGER if is_rehearsal else 1)
    start = time.monotonic()
    with log.open("a") as said, sensors(out / "sensors.csv") as sensed:
        said.write(f"\n== {part.name}\n")
        said.flush()
        before = said.tell()
        ended = _ended(words, limit_s, said.fileno())
    seconds = time.monotonic() - start
    if ended.startswith("failed"):
        ended += last_words(log, before)
    told = json.loads(rows.read_text()) if rows.exists() else {"rows": []}
    rows.unlink(missing_ok=True)
    return {
        "name": part.name,
        "limit_s": limit_s,
        "seconds": seconds,
        "ended": f"failed: {told['why']}" if "why" in told else ended,
        "rows": told["rows"],
        "sensors": sensed,
    }


def _ended(words: list[str], limit_s: float, log: int) -> str:
    """Return how the program that `words` start ended; after `limit_s` it is ended."""
    # A group of its own: what it starts is ended with it.
    with subprocess.Popen(
        words, cwd=CHECKOUT, stdout=log, stderr=log, start_new_session=True
    ) as process:
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f"ended at its limit of {limit_s:g} s"
        finally:
            end_group(process)
    if code < 0:
        return f"failed: {signal.Signals(-code).name}"
    return "done" if code == 0 else f"failed: exit code {code}"


def last_words(log: Path, before: int) -> str:
    """Return the last line that was written to `log` after `before`, if there is one."""
    lines = log.read_bytes()[before:].decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last[:REASON_MAX]}" if last else ""


def end_group(process: subprocess.Popen[Any]) -> None:
    """End the whole group of `process`, which may have ended itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(GRACE_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


@contextmanager
def sensors(path: Path) -> Iterator[Found]:
    """Fill a dictionary with the card's power and clocks meanwhile, if they can be read."""
    found: Found = {}
    program = shutil.which("nvidia-smi")
    if program is None:
        yield found
        return
    asked = f"--query-gpu={','.join(SENSORS.values())}"
    words = [program, asked, "--format=csv,noheader,nounits", "--loop-ms=500", "--id=0"]
    with (
        path.open("w") as lines,
        subprocess.Popen(words, stdout=lines, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            yield found
        finally:
            process.terminate()
    found.update(_sensed(path.read_text()))
    path.unlink()


def _sensed(lines: str) -> Found:
    """Return the median and the most of each column of numbers."""
    columns = zip(*(line.split(",") for line in lines.splitlines()), strict=False)
    found: Found = {}
    for name, column in zip(SENSORS, columns, strict=False):
        numbers = [float(cell) for cell in column if cell.strip().replace(".", "", 1).isdigit()]
        if numbers:
            found[name] = {"median": median(numbers), "most": max(numbers)}
    return found


def commit() -> str:
    """Return which commit the checkout is, if git is there to tell."""
    words = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
