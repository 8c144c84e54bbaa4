"""What the program is asked for, what it refuses, and how its files are named."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from weights.training.rendered import groups, motion

FIRST = 10000
"""Persons below are reported on, or kept aside: never made here."""
VIEW_LETTERS = "abcdef"
MOST_VIEWS = len(VIEW_LETTERS)


def person_number(text: str) -> int:
    """Return a person's number; refuse the reserved ones."""
    number = int(text)
    if number < FIRST:
        msg = f"{number}: persons below {FIRST} are reserved for reporting; begin at {FIRST}"
        raise argparse.ArgumentTypeError(msg)
    return number


def clock(text: str) -> str:
    """Return a time of day as HHMM."""
    if not re.fullmatch(r"([01]\d|2[0-3])[0-5]\d", text):
        msg = f"{text}: write a time as HHMM, 0000 to 2359"
        raise argparse.ArgumentTypeError(msg)
    return text


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = argparse.ArgumentParser(prog="python -m weights.training.rendered")
    parser.add_argument("--root", type=Path, required=True, help="folder of the assets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--start", type=person_number, default=FIRST, help="first person")
    parser.add_argument("--step", type=int, default=1, help="from one person to the next")
    parser.add_argument("--count", type=int, default=1, help="how many persons")
    parser.add_argument("--ids", type=person_number, nargs="+", help="these persons only")
    parser.add_argument("--until", type=clock, help="begin no person after this time, UTC, HHMM")
    parser.add_argument("--views", type=int, choices=range(1, MOST_VIEWS + 1), help="a person")
    parser.add_argument("--size", type=int, default=640, help="long side of far views")
    parser.add_argument("--near", type=int, default=768, help="long side of heads and waists")
    parser.add_argument("--samples", type=int, default=6, help="of color, a pixel")
    parser.add_argument("--alpha-samples", type=int, default=128, help="of alpha, a pixel")
    parser.add_argument("--density", type=float, default=0.6, help="share of the strands")
    parser.add_argument("--bounces", type=int, default=0, help="of light")
    parser.add_argument("--hair-subdivisions", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--set",
        type=json.loads,
        default={},
        metavar="JSON",
        help="choices instead of drawn ones: framing, view, people, arrangement, floor, seats, "
        "held, and the traits of people.py",
    )
    parser.add_argument(
        "--motion",
        type=int,
        choices=range(motion.FRAMES[0], motion.FRAMES[1] + 1),
        help="frames of a motion instead of views",
    )
    parser.add_argument("--subframes", type=int, default=1, help="more than 1: motion blur")
    parser.add_argument("--shutter", type=float, default=0.5, help="share of a frame it is open")
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the options; refuse what can't be made."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.step < 1 or options.count < 1:
        parser.error("--step and --count are at least 1")
    people = options.set.get("people", 1)
    if not 1 <= people <= groups.MOST:
        parser.error(f"people: 1 to {groups.MOST} in a picture, not {people}")
    return options


def persons(options: argparse.Namespace) -> Iterator[int]:
    """Yield the numbers of those still to be made, until it is time."""
    last = options.start + options.count * options.step
    for number in options.ids or range(options.start, last, options.step):
        if options.until and time.strftime("%H%M", time.gmtime()) >= options.until:
            return
        if not done_mark(options.out, number).exists():
            yield number


def done_mark(folder: Path, number: int) -> Path:
    """Return the file that says that a person is made."""
    return folder / f"{number:05d}.done"


def view_name(number: int, view: int) -> str:
    """Return the name of a person's view: 12000a, 12000b."""
    return f"{number:05d}{VIEW_LETTERS[view]}"


def frame_name(number: int, frame: int) -> str:
    """Return the name of a frame of a motion: 12000_f00."""
    return f"{number:05d}_f{frame:02d}"


def front_name(name: str) -> str:
    """Return the name of the picture of what is in front and around."""
    return f"{name}_front"
