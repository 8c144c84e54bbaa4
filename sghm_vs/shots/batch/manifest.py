"""The manifest of a batch: one JSON file in its folder, whole at any moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from filelock import FileLock, Timeout

from sghm_vs.errors import ExportError, SghmError
from sghm_vs.files import discard, folders_made, parse_json, whole_file
from sghm_vs.shots.batch.checksums import Content
from sghm_vs.shots.batch.names import safe_name

NAME = "manifest.json"
LOCK = ".sghm-batch.lock"
KIND = "sghm_vs batch"
FORMAT = 1

State = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A shot, and what became of it."""

    shot: str
    key: str
    """Source and range; see `Shot.key`."""
    state: State
    settings: Mapping[str, Any]
    """All that shapes the outputs besides the inputs' content."""
    outputs: tuple[str, ...]
    """Below the folder, sequences with # for digits."""
    frames: tuple[int, int] | None = None
    """Numbers of the first and the last frame written."""
    inputs: Mapping[str, Content] = field(default_factory=dict)
    """The source; a mask or a background, if it has one."""
    checksums: Mapping[str, Content] = field(default_factory=dict)
    """What each of `outputs` holds."""
    started: str | None = None
    finished: str | None = None
    """UTC, ISO 8601."""
    seconds: float | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    """Why it failed."""

    @property
    def numbers(self) -> range:
        """Numbers of the frames that were written."""
        return range(0) if self.frames is None else range(self.frames[0], self.frames[1] + 1)

    @property
    def text(self) -> str:
        """What the file has of it."""
        return json.dumps(asdict(self), indent=1)


class Manifest:
    """The entries of a folder, by the shots' keys; each change is on the disk at once."""

    def __init__(self, folder: Path) -> None:
        """
        Read the manifest in `folder`, if it has one.

        Raises:
            ExportError: There is a file of this name, and it is no manifest.
        """
        self.folder, self.path = folder, folder / NAME
        self.entries: dict[str, Entry] = {}
        self._texts: dict[str, str] = {}
        if self.path.exists():
            self._read()

    def drop(self, keys: Iterable[str]) -> None:
        """Forget the entries of `keys`, in memory; `put` writes it."""
        for key in list(keys):
            del self.entries[key], self._texts[key]

    def put(self, *entries: Entry) -> None:
        """Add `entries`, or replace those of their keys, and write the file."""
        for entry in entries:
            self.entries[entry.key] = entry
            self._texts[entry.key] = entry.text
        with whole_file(self.path) as part:
            part.write_bytes(self._text().encode(errors="surrogateescape"))

    def _text(self) -> str:
        # Entries are kept as text: of 10,000 of them one changes.
        body = ",\n".join(self._texts.values())
        return f'{{"kind": "{KIND}", "format": {FORMAT}, "shots": [\n{body}\n]}}\n'

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8", errors="surrogateescape")
            found = parse_json(text, KIND, FORMAT)
            entries = msgspec.convert(found["shots"], list[Entry])
            _refuse_names(entries)
        except OSError as error:
            msg = f"{self.path} can't be read: {error.strerror}"
            raise ExportError(msg) from error
        except (ValueError, KeyError, RecursionError) as error:
            msg = (
                f"{self.path} is not the manifest of a batch: {error}; move it away, or choose "
                "another folder"
            )
            raise ExportError(msg) from None
        self.entries = {entry.key: entry for entry in entries}
        self._texts = {entry.key: entry.text for entry in entries}


def _refuse_names(entries: Iterable[Entry]) -> None:
    for entry in entries:
        if safe_name(entry.shot) != entry.shot:
            msg = f"a shot is called {entry.shot!r}"
            raise ValueError(msg)


@contextmanager
def only_one(folder: Path, wait_s: float = 0) -> Iterator[None]:
    """Keep two batches out of one folder; wait so long for the other to end."""
    is_new = not folder.exists()
    try:
        with folders_made([folder]), FileLock(folder / LOCK, timeout=wait_s):
            try:
                yield
            except BaseException:
                # What was refused leaves nothing.
                if is_new and [file.name for file in folder.iterdir()] == [LOCK]:
                    discard(folder / LOCK)
                raise
    except Timeout:
        msg = f"another batch works in {folder}; wait for it, or choose another folder"
        raise ExportError(msg) from None
    except OSError as error:
        if isinstance(error, SghmError):
            raise
        msg = f"the folder {folder} can't be used: {error.strerror}; choose another with -o"
        raise ExportError(msg) from error
