"""Plain values: which frames, and how the files of a sequence are named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sghm_vs.errors import SettingsError

PICTURE_SUFFIXES = frozenset(
    {".bmp", ".dpx", ".exr", ".jpeg", ".jpg", ".png", ".tga", ".tif", ".tiff", ".webp"},
)
"""File endings, in lower case, that are read as pictures."""

PATTERN = re.compile(
    r"(?P<prefix>.*?)(?:(?P<digits>#+|@{2,})|%0?(?P<printf>\d*)d|\$F(?P<houdini>\d*)(?![A-Za-z]))"
    r"(?P<suffix>.*)"
)
"""A name with the place of a frame's number."""


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames from `first` to `last`, both included, in the source's own numbers."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            msg = f"frames {self.first}-{self.last} end before they start; write FIRST-LAST"
            raise SettingsError(msg)

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """Return the range that `text` ("12-40", or "12" for one frame) names."""
        match = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", text.strip())
        if match is None:
            msg = f"frames {text!r} are not a range; write FIRST-LAST, for example 1001-1040"
            raise SettingsError(msg)
        first = int(match[1])
        return cls(first, int(match[2]) if match[2] is not None else first)


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

    def frame(self, number: int) -> Path:
        """Return the path of frame `number`."""
        sign = "-" if number < 0 else ""
        return self.folder / f"{self.prefix}{sign}{abs(number):0{self.padding}d}{self.suffix}"

    def numbers(self) -> list[int]:
        """Return the numbers of the frames that exist, in order."""
        pattern = re.compile(
            re.escape(self.prefix) + rf"(-?\d{{{self.padding},}})" + re.escape(self.suffix)
        )
        if not self.folder.is_dir():
            return []
        names = (pattern.fullmatch(entry.name) for entry in self.folder.iterdir())
        return sorted(int(match[1]) for match in names if match)

    def __str__(self) -> str:
        return str(self.folder / f"{self.prefix}{'#' * self.padding}{self.suffix}")
