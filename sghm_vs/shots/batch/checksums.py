"""What a file or a sequence holds, by checksum, and whether it may have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sghm_vs.errors import SourceError
from sghm_vs.files import sha256_of
from sghm_vs.media.sequences import SequencePath, sequence_in
from sghm_vs.options import REACH_MAX, FrameRange


@dataclass(frozen=True, slots=True)
class State:
    """What the file system says of files, without reading them."""

    files: int
    size: int
    """Bytes, of all together."""
    modified_ns: int
    """The latest change."""


@dataclass(frozen=True, slots=True)
class Content:
    """Files, and what they hold."""

    path: str
    files: int
    size: int
    modified_ns: int
    sha256: str
    """Of a file; of a sequence, of its files' names and checksums, a line each."""

    @property
    def state(self) -> State:
        """What the file system said of it."""
        return State(self.files, self.size, self.modified_ns)

    @classmethod
    def unread(cls, path: Path, files: Sequence[Path]) -> Content:
        """Return what the file system says of `files`, which `path` names; raises OSError."""
        state = state_of(files)
        return cls(str(path), state.files, state.size, state.modified_ns, "")

    def holds_the_same(self, other: Content) -> bool:
        """Tell whether both have the same bytes, wherever and of whatever date."""
        return self.sha256 == other.sha256 and self.files == other.files


class ChecksumReader:
    """Reads files once, however many shots they have, as long as they stay as they are."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, State], str] = {}

    def content(self, path: Path, files: Sequence[Path]) -> Content:
        """Return the content of `files`, which `path` names; raises OSError."""
        content = Content.unread(path, files)
        digests = [self.digest(file) for file in files]
        if len(files) == 1 and files[0] == path:
            return replace(content, sha256=digests[0])
        lines = (f"{file.name} {one}\n" for file, one in zip(files, digests, strict=True))
        joined = "".join(lines).encode(errors="surrogateescape")
        return replace(content, sha256=hashlib.sha256(joined).hexdigest())

    def digest(self, file: Path) -> str:
        """Return the SHA-256 of `file`; raises OSError."""
        key = (str(file), state_of([file]))
        if key not in self._known:
            self._known[key] = sha256_of(file)
        return self._known[key]


def state_of(files: Iterable[Path]) -> State:
    """Return what the file system says of `files`; raises OSError."""
    stats = [file.stat() for file in files]
    latest = max((stat.st_mtime_ns for stat in stats), default=0)
    return State(len(stats), sum(stat.st_size for stat in stats), latest)


def source_files(path: Path, frames: FrameRange | None) -> list[Path]:
    """
    Return the files that footage at `path` is read from.

    Of a sequence these are `frames` and as many before and after as may help with them.

    Raises:
        SourceError: There are none.
    """
    if path.is_file():
        return [path]
    sequence = sequence_in(path) if path.is_dir() else SequencePath.parse(path)
    numbers = [] if sequence is None else sequence.numbers()
    if sequence is None or not numbers:
        msg = f"{path} doesn't exist; check its name"
        raise SourceError(msg)
    there = FrameRange(numbers[0], numbers[-1])
    if frames is not None:
        first, last = frames.first - REACH_MAX, frames.last + REACH_MAX
        numbers = [n for n in numbers if first <= n <= last]
    if not numbers:
        msg = f"{path} has frames {there}, and {frames} was asked for"
        raise SourceError(msg)
    return [sequence.frame(number) for number in numbers]


def output_files(path: Path, numbers: range) -> list[Path]:
    """Return the files that an output at `path` has for frames with `numbers`."""
    sequence = SequencePath.parse(path)
    return [path] if sequence is None else [sequence.frame(number) for number in numbers]
