"""Numbered sequences: which files they are, and what stands for those that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

from sghm_vs.errors import SourceError, listed
from sghm_vs.media.sequences import PICTURE_SUFFIXES, FrameRange, SequencePath

type Missing = Literal["error", "black", "hold"]
"""What a number without a file becomes: a refusal, a black frame, the frame before it."""

FILLED_MAX = 100_000
"""Missing frames that are filled; more are a stray number (a date) rather than a hole."""


def frame_files(sequence: SequencePath, missing: Missing = "error") -> dict[int, Path | None]:
    """
    Return the file of each number of `sequence`, from its first to its last, in order.

    Args:
        sequence: At least one of its files exists.
        missing: What to do about numbers without a file: "error" refuses, "black" gives None,
            "hold" the file of the number before.

    Raises:
        SourceError: It isn't of pictures, numbers are missing, or padded unevenly.
    """
    if Path(f"name{sequence.suffix}").suffix.lower() not in PICTURE_SUFFIXES:
        known = " ".join(sorted(PICTURE_SUFFIXES))
        msg = f"{sequence} isn't a sequence of pictures; their names end in {known}"
        raise SourceError(msg)
    numbers = sequence.numbers()
    _check_padding(sequence, numbers)
    if missing == "error" or numbers[-1] - numbers[0] - len(numbers) > FILLED_MAX:
        _check_holes(sequence, numbers)
    files: dict[int, Path | None] = {}
    for number, following in zip(numbers, [*numbers[1:], numbers[-1] + 1], strict=True):
        files[number] = sequence.frame(number)
        held = sequence.frame(number) if missing == "hold" else None
        files |= dict.fromkeys(range(number + 1, following), held)
    return files


def _check_padding(sequence: SequencePath, numbers: Sequence[int]) -> None:
    names = {entry.name for entry in sequence.folder.iterdir()}
    odd = {number for number in numbers if sequence.frame(number).name not in names}
    odd |= {number for number, following in pairwise(numbers) if number == following}
    if odd:
        first = min(odd)
        msg = (
            f"{sequence} has frame {first} in a file of another padding; "
            f"{sequence.frame(first).name} is its name, once"
        )
        raise SourceError(msg)


def _check_holes(sequence: SequencePath, numbers: Sequence[int]) -> None:
    holes = [
        FrameRange(before + 1, after - 1)
        for before, after in pairwise(numbers)
        if after > before + 1
    ]
    if holes:
        missing = listed(hole.first if len(hole) == 1 else hole for hole in holes)
        msg = (
            f"{sequence} misses frames {missing} of {numbers[0]}-{numbers[-1]}; "
            "render them, or type --missing black or hold (unrelated pictures: --stills)"
        )
        raise SourceError(msg)
