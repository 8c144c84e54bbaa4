"""Keys that are painted: strokes become pictures on the disk at once, and are taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.files import discard, sweep, write_files
from sghm_vs.media.readers.keys import open_key
from sghm_vs.media.sequences import SequencePath, sequence_in
from sghm_vs.shots.batch.names import safe_name

PERSON, OPEN, NOT = 255, 128, 0
"""What a pixel of a key says."""
VALUES: Mapping[str, int] = {"person": PERSON, "not": NOT, "open": OPEN}
SUFFIX = ".png"
SIZE_MAX_PX = 2000
POINTS_MAX = 20_000
PLACE_MAX = 100_000
"""A brush may leave the picture, not the range of numbers that are drawn with."""
UNDONE_MAX = 200
SUBPIXEL_BITS = 4
SURE = 1
"""Codes within which a pixel is white or black, as the filter takes it."""

type Key = NDArray[np.uint8]
"""(h, w): `PERSON`, `NOT` or `OPEN`."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A movement of the brush over a frame."""

    frame: int
    """By the footage's numbers."""
    value: int
    """One of `VALUES`."""
    size_px: float
    """Diameter."""
    points: tuple[tuple[float, float], ...]
    """x and y in pixels; 0, 0 is the corner of the first pixel."""

    @classmethod
    def parse(cls, said: Mapping[str, Any]) -> Stroke:
        """
        Return the stroke that a page says.

        Raises:
            SettingsError: It is none.
        """
        try:
            points = tuple((float(x), float(y)) for x, y in said["points"])
            found = cls(int(said["frame"]), VALUES[said["value"]], float(said["size"]), points)
        except (KeyError, TypeError, ValueError):
            msg = 'a stroke is {"frame": 12, "value": "person", "size": 40, "points": [[x, y]]}'
            raise SettingsError(msg) from None
        is_drawn = 0 < len(points) <= POINTS_MAX and 1 <= found.size_px <= SIZE_MAX_PX
        # Not a number is in no range, and compares as false.
        if not is_drawn or not all(abs(at) <= PLACE_MAX for point in points for at in point):
            msg = f"a stroke has 1 to {POINTS_MAX} points, and a size of 1 to {SIZE_MAX_PX} px"
            raise SettingsError(msg)
        return found


class PaintedKeys:
    """The keys of a shot in a folder, as `--keys` reads them; the files are the truth."""

    def __init__(self, folder: Path, name: str, size: tuple[int, int]) -> None:
        """
        Take what is in `folder`, which may not be there yet.

        Args:
            folder: Of the pictures.
            name: What they are called, before the number.
            size: (height, width) of the footage.

        Raises:
            SourceError: It has keys that can't be painted on.
        """
        self.folder = folder
        self._size = size
        self._sequence = SequencePath(folder, f"{safe_name(name)}.", 4, SUFFIX)
        if folder.is_dir():
            sweep(folder)
            self._sequence = _sequence_in(folder) or self._sequence
        self._before: list[tuple[int, bytes | None]] = []
        """Frames that were painted on, and the file that each had."""

    @property
    def numbers(self) -> list[int]:
        """Frames that have a key, in order."""
        return self._sequence.numbers()

    def read(self, number: int) -> Key:
        """
        Return the key of a frame; where there is none all is open.

        Raises:
            SourceError: It can't be read, or is of another size.
        """
        path = self._sequence.frame(number)
        if not path.is_file():
            return np.full(self._size, OPEN, np.uint8)
        with open_key(path).get_frame(0) as frame:
            values = np.asarray(frame[0])
        if values.shape != self._size:
            height, width = self._size
            msg = f"{path} is {values.shape[1]}x{values.shape[0]}, and the footage {width}x{height}"
            raise SourceError(msg)
        codes = np.rint(values * 255)
        key = np.full(self._size, OPEN, np.uint8)
        key[codes >= PERSON - SURE] = PERSON
        key[codes <= NOT + SURE] = NOT
        return key

    def paint(self, stroke: Stroke) -> None:
        """
        Draw a stroke, and write the key; one that says nothing any more is removed.

        Raises:
            SourceError: The key that is there can't be read.
            ExportError: It can't be written.
        """
        key = self.read(stroke.frame)
        _draw(key, stroke)
        self._write(stroke.frame, None if (key == OPEN).all() else _coded(key))

    def clear(self, number: int) -> None:
        """Take away the key of a frame; `undo` brings it back."""
        self._write(number, None)

    def undo(self) -> int | None:
        """Take back what was painted last since the start; return its frame, None if nothing is left."""
        if not self._before:
            return None
        number, content = self._before[-1]
        self._put(number, content)
        self._before.pop()
        return number

    def _write(self, number: int, content: bytes | None) -> None:
        path = self._sequence.frame(number)
        before = path.read_bytes() if path.is_file() else None
        self._put(number, content)
        self._before = [*self._before, (number, before)][-UNDONE_MAX:]

    def _put(self, number: int, content: bytes | None) -> None:
        path = self._sequence.frame(number)
        if content is None:
            discard(path)
        else:
            write_files({path: content}, overwrite=True)


def _sequence_in(folder: Path) -> SequencePath | None:
    """Return the keys in `folder`; None if it has no pictures."""
    try:
        found = sequence_in(folder)
    except SourceError:
        if any(entry.suffix for entry in folder.iterdir() if not entry.name.startswith(".")):
            raise
        return None
    if found.suffix.lower() != SUFFIX:
        msg = f"{found} are no {SUFFIX} files, which alone are painted; name other keys with --keys"
        raise SourceError(msg)
    return found


def _draw(key: Key, stroke: Stroke) -> None:
    unit = 1 << SUBPIXEL_BITS
    # Pixels are drawn at whole numbers by their middle, and the page has it at one half.
    points = np.rint((np.array(stroke.points) - 0.5) * unit).astype(np.int32)
    thick = max(round(stroke.size_px), 1)
    cv2.polylines(key, [points], False, stroke.value, thick, cv2.LINE_8, SUBPIXEL_BITS)
    radius = round((stroke.size_px / 2 - 0.5) * unit)
    for x, y in (points[0], points[-1]):
        at = int(x), int(y)
        cv2.circle(key, at, max(radius, 0), stroke.value, cv2.FILLED, cv2.LINE_8, SUBPIXEL_BITS)


def _coded(key: Key) -> bytes:
    """Return the picture of a key: gray where it says something, transparent where not."""
    says = np.where(key == OPEN, 0, 255).astype(np.uint8)
    gray = np.where(key == PERSON, 255, 0).astype(np.uint8)
    _, coded = cv2.imencode(SUFFIX, np.dstack([gray, gray, gray, says]))
    return coded.tobytes()
