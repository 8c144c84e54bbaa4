"""The plan of a show: a JSON file that a person can read, and any worker carry out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

import msgspec

from sghm_vs.errors import FarmError
from sghm_vs.files import below, parse_json, system_of
from sghm_vs.media.sequences import PATTERN
from sghm_vs.options import FrameRange
from sghm_vs.shots.farm.chunks import Chunk
from sghm_vs.shots.farm.fingerprint import Fingerprint

KIND = "sghm_vs farm plan"
FORMAT = 1
PEOPLE_FLAGS = ("--people=", "--person=")
KEPT = ".sghm-farm"
"""Folder, in the plan's, of alphas from which movies are made."""


def has_movie(outputs: Iterable[str]) -> bool:
    """Tell whether one of `outputs` is one file for all frames, which no chunk can write."""
    return any(PATTERN.fullmatch(PurePath(output).name) is None for output in outputs)


def without_people(words: Iterable[str]) -> tuple[str, ...]:
    """Return options of matting without those that tell people apart."""
    return tuple(word for word in words if not word.startswith(PEOPLE_FLAGS))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShot:
    """A shot in chunks."""

    name: str
    source: str
    """Absolute; a sequence's with # for digits."""
    frames: FrameRange
    """What is matted, by the source's own numbers."""
    is_whole: bool
    """Whether that is all there is."""
    first_number: int
    """Of the first frame in the outputs' names."""
    matting: tuple[str, ...]
    """Options of `sghm matte` for source and matting, each one word."""
    delivery: tuple[str, ...]
    """Options of `sghm matte` for what is written, each one word."""
    outputs: tuple[str, ...]
    """Below the plan's folder."""
    chunks: tuple[Chunk, ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    """By the number of a frame that has one, what tells it from another."""
    people: str = ""
    """What tells the file of who is who from another; "" is none."""

    @property
    def chunk_matting(self) -> tuple[str, ...]:
        """Options of a chunk for source and matting: what movies are made from is of all people."""
        return without_people(self.matting) if self.has_movie else self.matting

    @property
    def has_movie(self) -> bool:
        """Whether an output is one file for all frames."""
        return has_movie(self.outputs)

    @property
    def kept_alpha(self) -> str:
        """Where chunks leave the alpha of a shot with a movie, exact, below the plan's folder."""
        return below(KEPT, f"{self.name}.####.exr")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "name": self.name,
            "source": self.source,
            "frames": str(self.frames),
            "is_whole": self.is_whole,
            "first_number": self.first_number,
            "matting": list(self.matting),
            "delivery": list(self.delivery),
            "outputs": list(self.outputs),
            **({"keys": dict(self.keys)} if self.keys else {}),
            **({"people": self.people} if self.people else {}),
            "chunks": {str(chunk.writes): str(chunk.reads) for chunk in self.chunks},
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> PlannedShot:
        """Return the shot that JSON has; raises what comes to it if it is none."""
        lists = {name: tuple(map(str, found[name])) for name in ("matting", "delivery", "outputs")}
        chunks = tuple(
            Chunk(FrameRange.parse(writes), FrameRange.parse(reads))
            for writes, reads in found["chunks"].items()
        )
        shot = cls(
            name=str(found["name"]),
            source=str(found["source"]),
            frames=FrameRange.parse(found["frames"]),
            is_whole=bool(found["is_whole"]),
            first_number=int(found["first_number"]),
            **lists,
            chunks=chunks,
            keys={str(n): str(one) for n, one in found.get("keys", {}).items()},
            people=str(found.get("people", "")),
        )
        _refuse_holes(shot)
        return shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A show: its shots, where they go, and what workers must be like."""

    folder: str
    """Absolute; where outputs go, the same path on every worker."""
    worker: Fingerprint
    frame_s: float | None
    """Seconds that a frame takes on a worker; None where nobody measured it."""
    shots: tuple[PlannedShot, ...]

    def chunks(self) -> Iterator[tuple[PlannedShot, Chunk]]:
        """Yield all chunks, in order."""
        for shot in self.shots:
            for chunk in shot.chunks:
                yield shot, chunk

    @property
    def numbers(self) -> FrameRange:
        """All frames, by one count: a single shot's own numbers; of several from 1 on."""
        if len(self.shots) == 1:
            return self.shots[0].frames
        return FrameRange(1, sum(len(shot.frames) for shot in self.shots))

    def parts_of(
        self, name: str | None, frames: FrameRange | None
    ) -> list[tuple[PlannedShot, FrameRange]]:
        """
        Return `frames` of the shot `name`, by its own numbers; without a name, of the plan: see `parts`.

        Raises:
            FarmError: The plan has no such shot, or not so many frames.
        """
        if name is None:
            return self.parts(frames or self.numbers)
        shot = self.shot(name)
        return [(shot, frames or shot.frames)]

    def parts(self, frames: FrameRange) -> list[tuple[PlannedShot, FrameRange]]:
        """
        Return the shots that `frames` lie in, with their own numbers.

        Args:
            frames: As `numbers` counts.

        Raises:
            FarmError: The plan has not so many.
        """
        if not self.numbers.holds(frames):
            msg = f"the plan has frames {self.numbers}, and {frames} was asked for"
            raise FarmError(msg)
        found, before = [], self.numbers.first
        for shot in self.shots:
            first = max(frames.first, before) - before + shot.frames.first
            last = min(frames.last - before + shot.frames.first, shot.frames.last)
            if first <= last:
                found.append((shot, FrameRange(first, last)))
            before += len(shot.frames)
        return found

    def shot(self, name: str) -> PlannedShot:
        """
        Return the shot of this name.

        Raises:
            FarmError: There is none.
        """
        for shot in self.shots:
            if shot.name == name:
                return shot
        msg = f"the plan has no shot {name!r}"
        raise FarmError(msg)

    def nth(self, number: int) -> PlannedShot:
        """
        Return the shot at this place, counted from 1.

        Raises:
            FarmError: There is none.
        """
        if not 1 <= number <= len(self.shots):
            msg = f"the plan has shots 1-{len(self.shots)}, and {number} was asked for"
            raise FarmError(msg)
        return self.shots[number - 1]

    def to_json(self) -> str:
        """Return the file's content."""
        head = {
            "kind": KIND,
            "format": FORMAT,
            "folder": self.folder,
            "frame_s": self.frame_s,
            "worker": asdict(self.worker),
            "shots": [shot.to_json() for shot in self.shots],
        }
        return json.dumps(head, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """
        Return the plan that a file holds.

        Raises:
            FarmError: It holds none.
        """
        try:
            found = parse_json(text, KIND, FORMAT)
            if other := system_of(str(found["folder"])):
                msg = (
                    f"its folder, {found['folder']}, is one of {other}, and this is another system"
                )
                raise ValueError(msg)
            if not found["shots"] or not PurePath(found["folder"]).is_absolute():
                msg = "it has no shots, or a folder that depends on where one is"
                raise ValueError(msg)
            return cls(
                folder=str(found["folder"]),
                worker=msgspec.convert(found["worker"], Fingerprint),
                frame_s=None if found["frame_s"] is None else float(found["frame_s"]),
                shots=tuple(map(PlannedShot.from_json, found["shots"])),
            )
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            said = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
            msg = f"this is no plan: {said}; make one with: sghm farm plan"
            raise FarmError(msg) from None


def read_plan(path: Path) -> Plan:
    """
    Return the plan in the file at `path`.

    Raises:
        FarmError: There is none.
    """
    try:
        return Plan.from_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        msg = f"{path}: this is no plan: {error.reason}; make one with: sghm farm plan"
        raise FarmError(msg) from None
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; make a plan with: sghm farm plan"
        raise FarmError(msg) from None
    except FarmError as error:
        msg = f"{path}: {error}"
        raise FarmError(msg) from None


def _refuse_holes(shot: PlannedShot) -> None:
    """Hold what else nobody would miss until the shot is watched."""
    expected = shot.frames.first
    for chunk in shot.chunks:
        if chunk.writes.first != expected:
            msg = f"{shot.name}: a chunk begins at {chunk.writes.first}, and {expected} is next"
            raise ValueError(msg)
        expected = chunk.writes.last + 1
    if expected != shot.frames.last + 1:
        msg = f"{shot.name}: its chunks end before frame {shot.frames.last}"
        raise ValueError(msg)
