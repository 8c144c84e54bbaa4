"""Plain values: which frames, and how the files of a sequence are named."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sghm_vs.errors import SourceError, if_there, listed
from sghm_vs.files import name_key, name_pattern
from sghm_vs.options import FrameRange, Missing

PICTURE_SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".dpx",
        ".exr",
        ".jpeg",
        ".jpg",
        ".jxl",
        ".png",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    },
)
"""File endings, in lower case, that are read as pictures."""

PATTERN = re.compile(
    r"(?P<prefix>.*?)(?:(?P<digits>#+|@{2,})|%0?(?P<printf>\d*)d|\$F(?P<houdini>\d*)(?![A-Za-z]))"
    r"(?P<suffix>.*)"
)
"""A name with the place of a frame's number."""


IN_BRACKETS = re.compile(
    r"(?P<prefix>.*?)(?:\[(?P<first>\d+)-(?P<last>\d+)\]|\{:0?(?P<padding>\d*)d\})(?P<suffix>.*)"
)
"""A name as Resolve (`plate.[1001-1048].png`) and Python (`plate.{:04d}.png`) have it."""

FILLED_MAX = 100_000
"""Missing frames that are filled; more are a stray number (a date) rather than a hole."""


# The number is the last one before the ending; a minus belongs to it only where the name
# can't mean a hyphen ("plate.-002.exr", but not "plate-002.exr").
NUMBERED = re.compile(r"(.*?)((?:(?:(?<=[._])|(?<![\s\S]))-)?\d+)(\.[^.]+)")


@dataclass(frozen=True, slots=True)
class SequencePath:
    """
    The path of a numbered sequence: one file a frame.

    The number stands in the file's name, never in a folder's: `plate.####.exr` (each # a
    digit), `plate.%04d.exr`, `plate.@@@@.exr` (each @ a digit, two at least) or, as in Houdini,
    `plate.$F4.exr`. Numbers longer than the padding grow; negative ones keep
    their sign in front of the padded digits.
    """

    folder: Path
    prefix: str
    padding: int
    suffix: str

    @classmethod
    def parse(cls, path: Path) -> SequencePath | None:
        """Return the sequence that `path` names, or None if it names a single file."""
        match = PATTERN.fullmatch(path.name)
        if match is None:
            return None
        digits = match["digits"]
        padding = len(digits) if digits else int(match["printf"] or match["houdini"] or 1)
        return cls(path.parent, match["prefix"], padding, match["suffix"])

    @classmethod
    def in_brackets(cls, path: Path) -> tuple[SequencePath, FrameRange | None] | None:
        """
        Return the sequence that `path` names as Resolve or Python do, and the frames in its name.

        That is `plate.[1001-1048].png` or `plate.{:04d}.png`; None if it names none.
        """
        match = IN_BRACKETS.fullmatch(path.name)
        if match is None or not _is_picture(path.name):
            return None
        if match["first"] is None:
            return cls(
                path.parent, match["prefix"], int(match["padding"] or 1), match["suffix"]
            ), None
        first, last = sorted((int(match["first"]), int(match["last"])))
        sequence = cls(path.parent, match["prefix"], len(match["first"]), match["suffix"])
        return sequence, FrameRange(first, last)

    @classmethod
    def of_frame(cls, path: Path) -> tuple[SequencePath, int] | None:
        """Return the sequence of which `path`, `plate.1001.png`, may be a frame; and its number."""
        match = NUMBERED.fullmatch(path.name)
        if match is None or not _is_picture(path.name):
            return None
        padding = len(match[2].removeprefix("-"))
        return cls(path.parent, match[1], padding, match[3]), int(match[2])

    def frame(self, number: int) -> Path:
        """Return the path of frame `number`."""
        sign = "-" if number < 0 else ""
        return self.folder / f"{self.prefix}{sign}{abs(number):0{self.padding}d}{self.suffix}"

    def numbers(self) -> list[int]:
        """Return the numbers of the frames that exist, in order."""
        pattern = name_pattern(
            re.escape(self.prefix) + rf"(-?\d{{{self.padding},}})" + re.escape(self.suffix)
        )
        if not self.folder.is_dir():
            return []
        names = (pattern.fullmatch(entry.name) for entry in self.folder.iterdir())
        return sorted(int(match[1]) for match in names if match)

    def __str__(self) -> str:
        return str(self.folder / f"{self.prefix}{'#' * self.padding}{self.suffix}")


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
    is_fillable = numbers[-1] - numbers[0] - len(numbers) <= FILLED_MAX
    if missing == "error" or not is_fillable:
        _check_holes(sequence, numbers, is_fillable=is_fillable)
    files: dict[int, Path | None] = {}
    for number, following in zip(numbers, [*numbers[1:], numbers[-1] + 1], strict=True):
        files[number] = sequence.frame(number)
        held = sequence.frame(number) if missing == "hold" else None
        files |= dict.fromkeys(range(number + 1, following), held)
    return files


def _check_padding(sequence: SequencePath, numbers: Sequence[int]) -> None:
    names = {name_key(entry.name) for entry in sequence.folder.iterdir()}
    odd = {number for number in numbers if name_key(sequence.frame(number).name) not in names}
    odd |= {number for number, following in pairwise(numbers) if number == following}
    if odd:
        first = min(odd)
        msg = (
            f"{sequence} has frame {first} in a file of another padding; "
            f"{sequence.frame(first).name} is its name, once"
        )
        raise SourceError(msg)


def _check_holes(sequence: SequencePath, numbers: Sequence[int], *, is_fillable: bool) -> None:
    holes = [
        FrameRange(before + 1, after - 1)
        for before, after in pairwise(numbers)
        if after > before + 1
    ]
    if holes:
        missing = listed(hole.first if len(hole) == 1 else hole for hole in holes)
        fill = if_there("--missing", ", or type --missing black or hold")
        stills = if_there("--stills", " (unrelated pictures: --stills)")
        msg = (
            f"{sequence} misses frames {missing} of {numbers[0]}-{numbers[-1]}; "
            f"render them{fill if is_fillable else ''}{stills}"
        )
        raise SourceError(msg)


def sequence_in(folder: Path) -> SequencePath:
    """
    Return the one numbered sequence of pictures in `folder`.

    Raises:
        SourceError: The folder holds none, or several.
    """
    names = _names_in(folder)
    groups = _numbered_groups(names)
    long = {key: digits for key, digits in groups.items() if len(digits) > 1}
    found = [
        SequencePath(folder, prefix, _padding(digits), suffix)
        for (prefix, suffix), digits in (long or groups).items()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names_found = listed(Path(str(sequence)).name for sequence in found)
        msg = f"{folder} holds {len(found)} numbered sequences: {names_found}; name one: {found[0]}"
    else:
        held = listed(names) if names else "nothing"
        msg = f"{folder} holds no numbered sequence of pictures, but {held}; name a file in it"
    raise SourceError(msg)


def sequences_among(folder: Path, names: Iterable[str]) -> tuple[list[SequencePath], list[str]]:
    """Return the sequences of two files or more among pictures in `folder`, and names of others."""
    names = sorted(names)
    groups = {key: digits for key, digits in _numbered_groups(names).items() if len(digits) > 1}
    sequences = [
        SequencePath(folder, prefix, _padding(digits), suffix)
        for (prefix, suffix), digits in groups.items()
    ]
    matches = {name: NUMBERED.fullmatch(name) for name in names}
    single = [
        name for name, match in matches.items() if not match or match.group(1, 3) not in groups
    ]
    return sequences, single


def _numbered_groups(names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Return the digits of numbered pictures, by what stands before and behind them."""
    groups = defaultdict(list)
    for name in names:
        match = NUMBERED.fullmatch(name)
        if match and _is_picture(name):
            groups[match[1], match[3]].append(match[2].removeprefix("-"))
    return groups


def _padding(digits: Iterable[str]) -> int:
    return min(len(number) for number in digits)


def pictures_in(folder: Path) -> list[Path]:
    """
    Return the pictures in `folder`, in order of their names; not those in folders below it.

    Raises:
        SourceError: There are none.
    """
    names = _names_in(folder)
    pictures = [folder / name for name in names if _is_picture(name)]
    if not pictures:
        found = f"holds no pictures, but {listed(names)}" if names else "is empty"
        known = " ".join(sorted(PICTURE_SUFFIXES))
        msg = f"{folder} {found}; names of pictures end in {known}"
        raise SourceError(msg)
    return pictures


def holds_unrelated(folder: Path) -> bool:
    """Tell whether `folder` holds pictures of which no two are numbered alike."""
    pictures = [name for name in _names_in(folder) if _is_picture(name)]
    groups = _numbered_groups(pictures)
    is_numbered = any(len(digits) > 1 for digits in groups.values())
    # A picture alone is a sequence of one where its name has a number.
    return bool(pictures) and not is_numbered and (len(pictures) > 1 or not groups)


def _names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in PICTURE_SUFFIXES
