"""Numbered sequences: which files they are, and a clip that reads them on demand."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import vapoursynth as vs

from sghm_vs.errors import SourceError
from sghm_vs.shots import PICTURE_SUFFIXES, FrameRange, SequencePath
from sghm_vs.source.pictures import Picture, read_picture

# The number is the last one before the ending; a minus belongs to it only where the name
# can't mean a hyphen ("plate.-002.exr", but not "plate-002.exr").
NUMBERED = re.compile(r"(.*?)((?:(?:(?<=[._])|(?<![\s\S]))-)?\d+)(\.[^.]+)")

LISTED_MAX = 8
"""Names that a message lists before it counts the rest."""


def sequence_in(folder: Path) -> SequencePath:
    """
    Return the one numbered sequence of pictures in `folder`.

    Raises:
        SourceError: The folder holds none, or several.
    """
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    groups = _numbered_groups(names)
    long = {key: digits for key, digits in groups.items() if len(digits) > 1}
    found = [
        SequencePath(folder, prefix, _padding(digits), suffix)
        for (prefix, suffix), digits in (long or groups).items()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        listed = _listed(Path(str(sequence)).name for sequence in found)
        msg = f"{folder} holds {len(found)} numbered sequences: {listed}; name one: {found[0]}"
    else:
        listed = _listed(names) if names else "nothing"
        msg = f"{folder} holds no numbered sequence of pictures, but {listed}; name a file in it"
    raise SourceError(msg)


def _numbered_groups(names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Return the digits of numbered pictures, by what stands before and behind them."""
    groups = defaultdict(list)
    for name in names:
        match = NUMBERED.fullmatch(name)
        if match and match[3].lower() in PICTURE_SUFFIXES:
            groups[match[1], match[3]].append(match[2].removeprefix("-"))
    return groups


def _padding(digits: Iterable[str]) -> int:
    return min(len(number) for number in digits)


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    rest = len(shown) - LISTED_MAX
    return ", ".join(shown[:LISTED_MAX]) + (f" and {rest} more" if rest > 0 else "")


def frame_numbers(sequence: SequencePath) -> list[int]:
    """
    Return the numbers of `sequence`, in order: one file each, and no holes.

    Raises:
        SourceError: It isn't of pictures, numbers are missing, or padded unevenly.
    """
    if Path(f"name{sequence.suffix}").suffix.lower() not in PICTURE_SUFFIXES:
        known = " ".join(sorted(PICTURE_SUFFIXES))
        msg = f"{sequence} isn't a sequence of pictures; their names end in {known}"
        raise SourceError(msg)
    numbers = sequence.numbers()
    _check_padding(sequence, numbers)
    _check_holes(sequence, numbers)
    return numbers


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
        missing = _listed(str(hole.first if len(hole) == 1 else hole) for hole in holes)
        msg = (
            f"{sequence} misses frames {missing} of {numbers[0]}-{numbers[-1]}; "
            "render them, or move the rest away"
        )
        raise SourceError(msg)


def picture_clip(paths: Sequence[Path], rate: Fraction | None, default: Fraction) -> vs.VideoNode:
    """
    Return a clip whose frame n is the picture `paths[n]`, read when it is asked for.

    Args:
        paths: At least one; the first one says the clip's format and size.
        rate: Frames per second; None for what the first picture says.
        default: Frames per second where that says nothing.

    Raises:
        SourceError: The first picture can't be read.
    """
    # Frames are read later, when a script's working folder may be another.
    paths = [path.absolute() for path in paths]
    first = read_picture(paths[0])
    rate = rate or first.rate or default
    height, width = first.planes[0].shape
    blank = vs.core.std.BlankClip(
        format=first.format,
        width=width,
        height=height,
        length=len(paths),
        fpsnum=rate.numerator,
        fpsden=rate.denominator,
        keep=True,
    )

    def read(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        picture = read_picture(paths[n])
        if str(picture) != str(first):
            msg = (
                f"{paths[n]} is {picture}, but {paths[0].name} is {first}; "
                "frames of a sequence are of one size and format"
            )
            raise SourceError(msg)
        return _frame(picture, f)

    # ModifyFrame alone never runs twice at a time; one made for each frame does.
    return blank.std.FrameEval(lambda n: blank.std.ModifyFrame(blank, read))  # noqa: ARG005


def _frame(picture: Picture, like: vs.VideoFrame) -> vs.VideoFrame:
    """Return `picture` as a frame with the format and timing of `like`."""
    frame = vs.core.create_video_frame(like.format, like.width, like.height)
    for index, plane in enumerate(picture.planes):
        np.copyto(np.asarray(frame[index]), plane)
    timing = {name: like.props[name] for name in ("_DurationNum", "_DurationDen")}
    for name, value in (timing | picture.props).items():
        frame.props[name] = value
    return frame
