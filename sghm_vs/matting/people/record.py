"""
The file that says who is who: one JSON document, whose text a person can read and a program can diff.

Masks are uncompressed COCO run lengths (pycocotools: `frPyObjects`): how many pixels are outside, then
inside, and so on, down the columns.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from sghm_vs.errors import SourceError
from sghm_vs.files import parse_json
from sghm_vs.matting.people.looks import Area, Box

KIND = "sghm_vs people"
FORMAT = 1
CLOSE_CELLS = 12
"""Pixels of a mask; boxes that are farther apart are of people who don't touch between looks."""
FIND = "sghm people SHOT -o people.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """Of which the file is."""

    name: str
    first: int
    """The number of its first frame."""
    frames: int
    size: tuple[int, int]
    """Width and height in pixels."""
    digest: str
    """What tells it from other footage: see `sghm_vs.shots.people.digest_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody, in a line."""

    id: int
    first: int
    last: int
    """Numbers of the first and the last frame that was looked at where they are."""
    looks: int
    """In how many of these."""
    size: float
    """The mean of them: a part of the picture."""
    place: tuple[int, int]
    """The mean center of their box, in pixels."""
    dropped: str = ""
    """Why they are not among all; "" if they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Where people touch, and labels are carried there from before, from after or from both."""

    people: tuple[int, ...]
    first: int
    last: int
    carried: str
    """"both ways", "from before", "from after", or "not at all" where some are never seen apart."""


@dataclass(frozen=True, kw_only=True)
class People:
    """Who is who in a shot."""

    footage: Footage
    first: int
    last: int
    """Numbers of the frames that it speaks of."""
    made_by: Mapping[str, str]
    """Version of the program, model and hash of its weights, and what was asked for."""
    mask_size: tuple[int, int]
    """Width and height of the masks."""
    looks: tuple[int, ...]
    """Numbers of the frames that were looked at."""
    scenes: tuple[int, ...]
    """Numbers of the first frames of scenes."""
    keys: Mapping[int, str] = field(default_factory=dict)
    """What tells the key of a frame from another."""
    people: tuple[Person, ...]
    contacts: tuple[Contact, ...] = ()
    notes: tuple[str, ...] = ()
    boxes: Mapping[int, Mapping[int, Box]]
    """By person, then by frame: left, top, width and height in pixels of the picture."""
    masks: Mapping[int, Mapping[int, list[int]]]
    """By person, then by frame."""

    @property
    def all(self) -> tuple[int, ...]:
        """Return the ids of who is not dropped."""
        return tuple(one.id for one in self.people if not one.dropped)

    def mask(self, person: int, number: int) -> Area | None:
        """Return where somebody is in a frame that was looked at; None where they are not."""
        runs = self.masks[person].get(number)
        return None if runs is None else from_runs(runs, self.mask_size)

    def are_close(self, number: int) -> bool:
        """Tell whether two people may touch in a frame, or come near: their boxes, grown, meet."""
        across, down = (
            CLOSE_CELLS * pixels / cells
            for pixels, cells in zip(self.footage.size, self.mask_size, strict=True)
        )
        if not self.first <= number <= self.last:
            return False
        for look in {*self.looks_around(number)}:
            boxes = [found[look] for found in self.boxes.values() if look in found]
            for one, other in combinations(boxes, 2):
                gaps = (
                    max(one[n], other[n]) - min(one[n] + one[n + 2], other[n] + other[n + 2])
                    for n in (0, 1)
                )
                if all(gap < far for gap, far in zip(gaps, (across, down), strict=True)):
                    return True
        return False

    def looks_around(self, number: int) -> tuple[int, int]:
        """Return the nearest frames of the same scene that were looked at, from before and after."""
        scene = bisect_right(self.scenes, number) - 1
        first = self.scenes[scene] if scene >= 0 else self.looks[0]
        after = self.scenes[scene + 1] if scene + 1 < len(self.scenes) else self.last + 1
        before = self.looks[bisect_right(self.looks, number) - 1]
        at = bisect_left(self.looks, number)
        later = self.looks[at] if at < len(self.looks) else before
        return (max(before, first), later if later < after else before)

    def to_json(self) -> str:
        """Return the file's content: a line a person, their boxes and masks below."""
        head = {"kind": KIND, "format": FORMAT, **asdict(self)}
        lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in head.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> People:
        """
        Return what a file holds.

        Raises:
            ValueError: It is none of ours, or damaged.
        """
        found = parse_json(text, KIND, FORMAT)
        rest = {name: value for name, value in found.items() if name not in ("kind", "format")}
        people = msgspec.convert(rest, cls, str_keys=True)
        _refuse_damage(people)
        return people


def read_people(path: str | Path) -> People:
    """
    Return the file at `path`.

    Raises:
        SourceError: It can't be read, or is something else.
    """
    try:
        return People.from_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; make it with: {FIND}"
        raise SourceError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} does not say who is who: {error}; make it anew with: {FIND}"
        raise SourceError(msg) from None


def to_runs(area: Area) -> list[int]:
    """Return `area` (h, w) as run lengths down its columns, of what is outside first."""
    flat = area.T.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False)) if flat.size else np.zeros(0, np.intp)
    return [int(n) for n in np.diff(edges, prepend=0, append=flat.size)]


def from_runs(runs: Sequence[int], size: tuple[int, int]) -> Area:
    """Return the area, (h, w), that run lengths say; `size` is its width and height."""
    width, height = size
    inside = np.arange(len(runs)) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, runs).reshape(width, height).T)


def _lines(value: Any) -> str:
    """Return JSON of `value`, with a line for each of what it holds."""
    if isinstance(value, Mapping) and value and all(isinstance(v, Mapping) for v in value.values()):
        return (
            "{\n"
            + ",\n".join(f" {json.dumps(str(k))}: {_dump(v)}" for k, v in value.items())
            + "\n}"
        )
    if isinstance(value, list | tuple) and value and not isinstance(value[0], int):
        return "[\n" + ",\n".join(f" {_dump(one)}" for one in value) + "\n]"
    return _dump(value)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(", ", ": "))


def _refuse_damage(people: People) -> None:
    """Refuse what would fail later, in the midst of a shot."""
    width, height = people.mask_size
    if not people.looks or sorted(people.looks) != list(people.looks):
        msg = "it has no frames that were looked at, in order"
        raise ValueError(msg)
    for one in people.people:
        for name, found in (("boxes", people.boxes), ("masks", people.masks)):
            if one.id not in found:
                msg = f"person {one.id} has no {name}"
                raise ValueError(msg)
    for masks in people.masks.values():
        for number, runs in masks.items():
            if sum(runs) != width * height or min(runs, default=-1) < 0:
                msg = f"a mask of frame {number} is not {width}x{height}"
                raise ValueError(msg)
