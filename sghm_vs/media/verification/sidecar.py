"""The sidecar of a delivery: a JSON file beside it that says what it is, to the last byte."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from sghm_vs.errors import ExportError, listed
from sghm_vs.files import discard, name_pattern, sha256_of, whole_file
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.targets import Target

KIND = "sghm_vs delivery"
ENDING = ".json"
SAMPLES_MAX = 5
FINISHED = "finished"
UNFINISHED = "unfinished"

type Facts = dict[str, Any]
"""What a file says of itself, by name; numbers, words and lists of them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame's alpha as it was sent; of what has none, its green or its luma."""

    least: float
    most: float
    mean: float
    sha256: str | None
    """Of the codes, row by row; None where the coder changes them."""

    @classmethod
    def of(cls, codes: NDArray[Any], top: float = 1.0, *, is_exact: bool = True) -> Sample:
        """
        Return the sample of `codes`, (height, width).

        Args:
            codes: As the file has them.
            top: The code of 1.
            is_exact: Whether the coder keeps them.
        """
        digest = hashlib.sha256(np.ascontiguousarray(codes)).hexdigest() if is_exact else None
        # NumPy is slow with halves.
        values = codes.astype(np.float32) if codes.dtype == np.float16 else codes
        mean = float(values.mean(dtype=np.float64))
        return cls(float(values.min()) / top, float(values.max()) / top, mean / top, digest)


@dataclass(frozen=True, slots=True)
class File:
    """A file's content."""

    size: int
    """In bytes."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a delivery holds; as JSON it is the sidecar."""

    output: str
    """The file's name, or the sequence's with # for digits."""
    first: int
    last: int
    """Numbers of the frames, both included."""
    how: Mapping[str, Any]
    """What shaped it: its form and settings; which footage it is of, and by what it was made."""
    facts: Facts
    """What its files say of themselves."""
    source_first: int | None = None
    """The footage's number of the first frame; None where it isn't known."""
    conformed: Mapping[str, Any] = field(default_factory=dict)
    """Of a movie that was brought to a rate: this, and by the footage's numbers which frames are
    doubled, and which of the movie's frames were dropped."""
    shown_s: Mapping[int, float] = field(default_factory=dict)
    """Of a sequence of a movie whose rate varies: when each frame is shown, in seconds, as the movie
    counts."""
    keyed: Mapping[int, str] = field(default_factory=dict)
    """Which keys have a part in a frame, and which frames that vote on its mask lack one, in words; of
    a frame that is not in it, none."""
    state: str = UNFINISHED
    samples: Mapping[int, Sample] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    replaces: Mapping[str, list[int]] = field(default_factory=dict)
    """While it is unfinished: size and time of change of earlier files; as long as they stay, so."""

    @property
    def numbers(self) -> range:
        """The numbers of its frames."""
        return range(self.first, self.last + 1)

    def to_json(self) -> str:
        """Return the sidecar's content."""
        return json.dumps({"kind": KIND, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """
        Return what the text of a sidecar says.

        Raises:
            ValueError: It is no sidecar.
        """
        # JSON by Python: samples of color may be NaN, which msgspec doesn't read.
        found = json.loads(text)
        if not isinstance(found, dict) or found.pop("kind", None) != KIND:
            msg = "it is of another kind"
            raise ValueError(msg)
        if unknown := sorted(found.keys() - {one.name for one in fields(cls)}):
            msg = f"it is of another version, and says {listed(unknown)}"
            raise ValueError(msg)
        try:
            return msgspec.convert(found, cls, str_keys=True)
        except msgspec.ValidationError as error:
            msg = f"it is damaged: {error}"
            raise ValueError(msg) from None


def sampled(length: int) -> frozenset[int]:
    """Return which of `length` frames are looked at: the first, the last and some between."""
    steps = min(length, SAMPLES_MAX) - 1
    return frozenset(round(at * (length - 1) / max(steps, 1)) for at in range(steps + 1))


def file_of(path: Path) -> File:
    """Return the content of the file at `path`."""
    return File(path.stat().st_size, sha256_of(path))


def utc_now() -> str:
    """Return the time as sidecars have it: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def state_of(path: Path) -> list[int]:
    """Return what tells the file at `path` from one that takes its place: bytes, and ns of change."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def sidecar_of(target: Target, numbers: range) -> Path:
    """Return where the sidecar of `target` is; a sequence's is named after its frames as well."""
    if target.sequence is None:
        return target.path.with_name(target.path.name + ENDING)
    return _sidecar(target.sequence, numbers[0], numbers[-1])


def write_record(path: Path, record: Record) -> None:
    """
    Write the sidecar.

    Raises:
        ExportError: It can't be written.
    """
    with whole_file(path) as part:
        part.write_text(record.to_json(), encoding="utf-8", newline="\n")


def read_record(path: Path) -> Record:
    """
    Return what the sidecar at `path` says.

    Raises:
        ExportError: It is not there, or no sidecar.
    """
    try:
        return Record.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; only deliveries with it can be verified"
        raise ExportError(msg) from error
    except ValueError as error:
        msg = f"{path} is not the sidecar of a delivery: {error}"
        raise ExportError(msg) from error


def records_of(target: Target, numbers: range | None = None) -> Iterator[tuple[Path, Record]]:
    """Yield what is recorded of `target`, with its place; of a sequence, what speaks of `numbers`."""
    if target.sequence is None:
        paths = [target.path.with_name(target.path.name + ENDING)]
    else:
        paths = sidecars(target.sequence, numbers)
    for path in paths:
        try:
            yield path, read_record(path)
        except ExportError:
            continue


def sidecars(sequence: SequencePath, numbers: range | None = None) -> list[Path]:
    """Return the sidecars that frames of `sequence` have, or those among them with `numbers`."""
    name = name_pattern(
        re.escape(sequence.prefix) + r"(-?\d+)-(-?\d+)" + re.escape(sequence.suffix + ENDING)
    )
    if not sequence.folder.is_dir():
        return []
    named = ((path, name.fullmatch(path.name)) for path in sequence.folder.iterdir())
    # By name: where each of many chunks has a sidecar, reading all of them would take longest.
    return sorted(
        path
        for path, match in named
        if match
        and (numbers is None or (int(match[1]) < numbers.stop and int(match[2]) >= numbers.start))
    )


def sidecars_at(path: Path) -> list[Path]:
    """
    Return the sidecars that `path` means: one, a delivery's, or a folder's and of those below it.

    Raises:
        ExportError: There are none.
    """
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*" + ENDING)) if KIND in _head(file)]
    elif path.suffix == ENDING:
        found = [path]
    else:
        sequence = SequencePath.parse(path)
        one = path.with_name(path.name + ENDING)
        found = [one] if sequence is None or one.exists() else sidecars(sequence)
        found = [file for file in found if file.exists()]
    if not found:
        where = "in it or below it" if path.is_dir() else "beside it"
        msg = f"{path} has no sidecar (.json) {where}, by which a delivery is verified"
        raise ExportError(msg)
    return found


def _head(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(len(KIND) + 20)


def drop_covered(target: Target, numbers: range, but: Path) -> None:
    """Remove sidecars of frames of `target` that a newer one, at `but`, speaks of."""
    for path, record in records_of(target, numbers):
        if path != but and record.first in numbers and record.last in numbers:
            discard(path)


def join(target: Target, numbers: range) -> None:
    """
    Give frames `numbers` of a sequence one sidecar, in place of those of its parts.

    All of the frames are in parts that are finished, the first of which begins where `numbers` do.
    """
    parts = sorted((one for _, one in records_of(target, numbers)), key=lambda one: one.first)
    if len(parts) == 1 and parts[0].numbers == numbers:
        return
    first = next(one for one in parts if one.first == numbers[0])
    whole = replace(
        first,
        last=numbers[-1],
        how={**first.how, "made_by": _makers(parts)},
        conformed=_joined(parts),
        shown_s={n: one for part in parts for n, one in part.shown_s.items() if n in numbers},
        keyed={n: said for part in parts for n, said in part.keyed.items() if n in numbers},
        samples={n: one for part in parts for n, one in part.samples.items() if n in numbers},
        files={name: one for part in parts for name, one in part.files.items()},
        times={
            "begun": min(part.times.get("begun", "") for part in parts),
            "finished": max(part.times.get("finished", "") for part in parts),
        },
    )
    sidecar = sidecar_of(target, numbers)
    write_record(sidecar, whole)
    drop_covered(target, numbers, but=sidecar)


def _makers(parts: Iterable[Record]) -> dict[str, str]:
    """Return what made `parts`, all that did where they differ, as on a farm that allows it."""
    said = [part.how.get("made_by", {}) for part in parts]
    names = {name for one in said for name in one}
    return {
        name: " and ".join(sorted({one[name] for one in said if name in one}))
        for name in sorted(names)
    }


def _joined(parts: Iterable[Record]) -> Mapping[str, Any]:
    """Return how the footage of `parts` was conformed."""
    joined: dict[str, Any] = {}
    for said in (part.conformed for part in parts):
        for name, value in said.items():
            is_list = isinstance(value, list)
            joined[name] = sorted({*joined.get(name, []), *value}) if is_list else value
    return joined


def files_of(folder: Path, record: Record) -> dict[int, Path]:
    """Return the file of each frame of a sequence; of a movie or single picture, of its first."""
    sequence = SequencePath.parse(Path(record.output)) if record.facts["is_sequence"] else None
    if sequence is None:
        return {record.first: folder / record.output}
    return {number: folder / sequence.frame(number).name for number in record.numbers}


def differing_names(
    one: Mapping[str, Any], other: Mapping[str, Any], but: Collection[str] = ()
) -> list[str]:
    """Return the names by which the two differ."""
    names = sorted({*one, *other} - set(but))
    return [name for name in names if one.get(name) != other.get(name)]


def _sidecar(sequence: SequencePath, first: int, last: int) -> Path:
    return sequence.folder / f"{sequence.prefix}{first}-{last}{sequence.suffix}{ENDING}"
