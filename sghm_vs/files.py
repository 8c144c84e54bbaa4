"""Files appear whole or not at all, and never over one that is there."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sghm_vs.errors import ExportError, cure, listed

EXISTING_LISTED_MAX = 3


WORKERS = min(4, os.cpu_count() or 2) + 2
"""Two more than are busy: while the disk takes a file, its thread waits."""
WAITING_MAX = 2 * WORKERS


def disk_of(folder: Path) -> int:
    """Return the number of the disk or share that `folder` is on, while it is mounted."""
    try:
        return folder.stat().st_dev
    except OSError as error:
        raise cannot_write(folder, error) from error


def refuse_another_disk(path: Path, disk: int) -> None:
    """
    Refuse to go on if the folder of `path` is no longer on `disk`.

    Where a share was unmounted, an empty folder of the same name takes what is written.
    """
    if disk_of(path.parent) != disk:
        msg = (
            f"{path.parent} is on another disk than when the export began; was its share "
            f"unmounted? {path} is not whole: mount it, and export again"
        )
        raise ExportError(msg)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """
    Yield a hidden path beside `path` to write to; it takes the name `path` if all goes well.

    Raises:
        ExportError: The file can't be written, in the system's words.
    """
    try:
        with renamed_when_whole(path) as part:
            yield part
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def renamed_when_whole(path: Path) -> Iterator[Path]:
    """Yield what `whole_file` does; what the system refuses is raised as it is."""
    part = part_of(path)
    try:
        yield part
        give_name(part, path)
    except BaseException:
        discard(part)
        raise


@contextmanager
def folders_made(folders: Iterable[Path]) -> Iterator[None]:
    """Make `folders`; what was made goes again, while it is empty, if what follows fails."""
    made: list[Path] = []
    try:
        for folder in folders:
            missing = [one for one in (folder, *folder.parents) if not one.exists()]
            made += reversed(missing)
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise


def give_name(part: Path, path: Path) -> None:
    """Rename `part` to `path`, once the disk holds what it says: power may fail at any time."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def part_of(path: Path) -> Path:
    """
    Return the hidden name that a file has until it is whole.

    It is this process's own, and short: the file's name may be as long as the system allows.
    """
    return path.with_name(
        f".sghm-{_digest(platform.node())}-{os.getpid()}-{_digest(path.name)}.part"
    )


def discard(part: Path) -> None:
    """Remove `part` if it is there, whatever else went wrong."""
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return


def cannot_write(path: Path, error: OSError) -> ExportError:
    """Return the error for `path` in the system's words."""
    return ExportError(
        f"{path} can't be written: {error.strerror or error}; nothing half done was left"
    )


def sweep(folder: Path) -> None:
    """Remove what runs on this computer that were killed left in `folder`."""
    for part in folder.glob(f".sghm-{_digest(platform.node())}-*.part"):
        process = part.name.split("-")[2]
        if process.isdigit() and not _is_running(int(process)):
            discard(part)


def _is_running(process: int) -> bool:
    """Tell whether it runs; one that ended, and nobody took note, does not: orphans in containers."""
    import psutil  # Rarely needed, and it takes .06 s.

    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OverflowError, ValueError):
        return True


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file at `path`, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12]


def refuse_existing(files: Sequence[Path]) -> None:
    """Raise `ExportError` if any of `files` is there."""
    existing = [file for file in files if file.exists()]
    if existing:
        how = cure(script="overwrite=True", typed="--overwrite")
        msg = f"{exist_already(existing)}; choose another name, or replace with {how}"
        raise ExportError(msg)


def exist_already(names: Sequence[object]) -> str:
    """Return that `names`, at least one, are there, as a message begins."""
    exist = "exists" if len(names) == 1 else "exist"
    return f"{listed(names, EXISTING_LISTED_MAX)} {exist} already"


class WritePool:
    """Run writes in the background; the first that fails is raised by a later call."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="sghm-write")
        self._pending: deque[Future[None]] = deque()

    def submit(self, write: Callable[[], None]) -> None:
        """Run `write` soon; wait first if too many others do."""
        while len(self._pending) >= WAITING_MAX:
            self._pending.popleft().result()
        self._pending.append(self._threads.submit(write))

    def finish(self) -> None:
        """Return when everything is written."""
        while self._pending:
            self._pending.popleft().result()
        self._threads.shutdown()

    def abort(self) -> None:
        """Drop what has not begun, and wait for what has."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def each[Item, Found](look: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """Return what `look` finds of each of `items`, in their order."""
    with ThreadPoolExecutor(WORKERS) as threads:
        return [*threads.map(look, items)]


def parse_json(text: str, kind: str, version: int) -> dict[str, Any]:
    """
    Return what `text` says, a record of this `kind` in the form of this `version`.

    Raises:
        ValueError: It is none.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("kind") != kind:
        msg = "it is of another kind"
        raise ValueError(msg)
    if found.get("format") != version:
        msg = f"its format is {found.get('format')}, and {version} is read"
        raise ValueError(msg)
    return found


def write_files(contents: Mapping[Path, bytes | str], *, overwrite: bool) -> list[Path]:
    """
    Write each of `contents`, text as UTF-8, and return their paths.

    Raises:
        ExportError: One exists already and must not be replaced, or can't be written.
    """
    if not overwrite:
        refuse_existing(list(contents))
    for path, content in contents.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        with whole_file(path) as part:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(contents)
