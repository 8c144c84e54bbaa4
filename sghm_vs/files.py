"""
Files appear whole or not at all, and never over one that is there.

How systems write paths, and which names they take, is known here and nowhere else.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from sghm_vs.errors import ExportError, cure, listed

EXISTING_LISTED_MAX = 3

IS_WINDOWS = os.name == "nt"
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever their ending."""
UNFIT = re.compile(r'[<>:"|?*\x00-\x1f]')
"""What no name has on Windows; what is behind a colon goes into a hidden part of the file."""
PATH_MAX, FOLDER_MAX = 259, 247
"""Characters of a file's path, and of a folder's, on Windows while long paths are off."""
BESIDE_MAX = 24
"""Characters by which the name of a sidecar is longer than what it is of."""
LONG_PATHS = (
    r"reg add HKLM\SYSTEM\CurrentControlSet\Control\FileSystem /v LongPathsEnabled /t REG_DWORD "
    "/d 1 /f"
)
PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""How long a virus scanner, an indexer or a viewer may hold a file that is to be replaced."""
VERBATIM = ("//?/UNC/", "//?/")
"""How verbatim paths of a share and of a drive begin, which other programs don't take."""

CREATE_NO_WINDOW = 0x08000000
"""Which `subprocess` has on Windows alone."""
APART: Mapping[str, Any] = (
    {"creationflags": CREATE_NO_WINDOW} if IS_WINDOWS else {"start_new_session": True}
)
"""How processes are started that end when we say so: Ctrl-C is not theirs, and no window opens."""

WORKERS = min(4, os.cpu_count() or 2) + 2
"""Two more than are busy: while the disk takes a file, its thread waits."""
WAITING_MAX = 2 * WORKERS


def with_slashes(path: PurePath) -> str:
    """Return `path` as plans, manifests and Nuke have it: with "/" on every system."""
    text = path.as_posix()
    share, drive = VERBATIM
    return f"//{text[len(share) :]}" if text.startswith(share) else text.removeprefix(drive)


def below(*parts: str) -> str:
    """Return the place of something below a folder, with "/" on every system."""
    return str(PurePosixPath(*parts))


def parts_of(place: str) -> tuple[str, ...]:
    """Return the parts of what `below` made."""
    return PurePosixPath(place).parts


def all_parts_of(text: str) -> frozenset[str]:
    """Return the parts of a path, as any system reads it."""
    return frozenset({*PurePosixPath(text).parts, *PureWindowsPath(text).parts})


def is_rooted(text: str) -> bool:
    """Tell whether `text` begins with a drive, a share or a root, as any system reads it."""
    return bool(PureWindowsPath(text).anchor or PurePosixPath(text).anchor)


def has_drive(text: str) -> bool:
    """Tell whether `text` begins with a drive or a share of Windows."""
    return bool(PureWindowsPath(text).drive)


def on_share(server: str, text: str) -> str | None:
    """Return the path of `text` on another machine, which only Windows has a form for."""
    return f"//{server}{text}" if IS_WINDOWS else None


def is_path(text: str) -> bool:
    """Tell whether `text`, which programs write where a name or a path may be, is a path."""
    return len(PurePosixPath(text).parts) > 1 or has_drive(text)


def last_name(text: str) -> str:
    """Return the file's name in a path of any system."""
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]


def names_folder(text: str) -> bool:
    """Tell whether `text`, as it was typed, means a folder: it ends as one, or is there."""
    return text.endswith(("/", "\\")) or Path(text).is_dir()


def system_of(folder: str) -> str | None:
    """Return the system whose absolute path `folder` is, if that is not this one."""
    if PurePath(folder).is_absolute():
        return None
    if PureWindowsPath(folder).is_absolute():
        return "Windows"
    return "Linux or macOS" if PurePosixPath(folder).is_absolute() else None


def name_key(text: str) -> str:
    """Return what names of one file have in common: on Windows, letters have no case."""
    return text.casefold() if IS_WINDOWS else text


def name_pattern(pattern: str) -> re.Pattern[str]:
    """Return `pattern` for names of files, as the system compares them."""
    return re.compile(pattern, re.IGNORECASE if IS_WINDOWS else re.NOFLAG)


def refuse_unfit(path: Path) -> None:
    """
    Refuse what Windows takes for something else, where this is Windows; also in a folder's name.

    Raises:
        ExportError: A name is a device, has a sign that names can't have, or ends with a dot or a
            space; or the path is too long.
    """
    if not IS_WINDOWS:
        return
    plain = PureWindowsPath(str(path))
    for name in plain.parts[1:] if plain.anchor or plain.drive else plain.parts:
        if why := _unfit(name):
            msg = f"{path} can't be written on Windows: {why}; choose another name"
            raise ExportError(msg)
    if too_long := why_too_long(path, is_written=True):
        msg = f"{path} can't be written: {too_long}"
        raise ExportError(msg)


def _unfit(name: str) -> str:
    if DEVICE.fullmatch(name):
        return f"{name!r} is the name of a device, whatever its ending"
    if found := UNFIT.search(name):
        return f"{name!r} has {found[0]!r}"
    is_special = name in (".", "..")
    return "" if is_special or name.rstrip(". ") == name else f"{name!r} ends with {name[-1]!r}"


def why_too_long(path: Path, *, is_written: bool) -> str:
    """Return why `path` is too long for Windows, and what to type; "" where it is not."""
    full = path.absolute()
    is_verbatim = with_slashes(full) != full.as_posix()
    if not IS_WINDOWS or is_verbatim or takes_long_paths():
        return ""
    longest = len(str(full))
    if is_written:
        folder = len(str(full.parent)) + PATH_MAX - FOLDER_MAX
        longest = max(longest + BESIDE_MAX, len(str(part_of(full))), folder)
    if longest <= PATH_MAX:
        return ""
    beside = ", with the files beside it," if is_written else ""
    return (
        f"its path{beside} has {longest} characters, and Windows takes {PATH_MAX} "
        f"while long paths are off; choose a shorter folder, or as administrator type: {LONG_PATHS}"
    )


@cache
def takes_long_paths() -> bool:
    """Tell whether Windows takes paths of any length from this process."""
    import ctypes

    try:
        return bool(ctypes.WinDLL("ntdll").RtlAreLongPathsEnabled())  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return False


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
    refuse_unfit(path)
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
    patiently(lambda: part.replace(path))


def patiently(change: Callable[[], object]) -> None:
    """
    Do `change` to a file; where Windows refuses, as others hold the file, again for three seconds.

    Raises:
        OSError: It is refused still.
    """
    for pause in PAUSES_S if IS_WINDOWS else ():
        try:
            change()
        except PermissionError:
            time.sleep(pause)
        else:
            return
    change()


def kept_beside(part: Path, path: Path) -> Path | None:
    """Give `part`, which is whole, a free name beside `path`, whose own is held; None if it can't."""
    names = (path.with_name(f"{path.stem}_new{n or ''}{path.suffix}") for n in itertools.count())
    free = next(name for name in names if not name.exists())
    try:
        part.rename(free)
    except OSError:
        return None
    return free


def refuse_held(path: Path) -> None:
    """
    Refuse to replace what another program holds open, which only Windows minds.

    Raises:
        ExportError: `path` is there, and can't be replaced.
    """
    if IS_WINDOWS and path.exists():
        try:
            patiently(lambda: path.replace(path))
        except PermissionError as error:
            raise cannot_write(path, error) from error


def is_held(path: Path) -> bool:
    """Tell whether another program writes the file at `path`, which only Windows tells."""
    if not IS_WINDOWS:
        return False
    try:
        path.open("rb").close()
    except PermissionError:
        return True
    return False


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
    with suppress(OSError):
        patiently(lambda: part.unlink(missing_ok=True))


def cannot_write(path: Path, error: OSError) -> ExportError:
    """Return the error for `path` in the system's words."""
    why = error.strerror or error
    if IS_WINDOWS and isinstance(error, PermissionError) and path.exists():
        why = "it is open in another program, or may not be replaced: close it there"
    return ExportError(f"{path} can't be written: {why}; nothing half done was left")


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


def sha256_of_modules(folder: Path, names: Sequence[str]) -> str:
    """Return the SHA-256 of the Python files `names` in `folder`, and of all in folders `names`."""
    whole = hashlib.sha256()
    for name in names:
        found = [folder / name] if name.endswith(".py") else (folder / name).rglob("*.py")
        for path in sorted(found):
            whole.update(path.relative_to(folder).as_posix().encode())
            whole.update(path.read_bytes())
    return whole.hexdigest()


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
    Return what `text` says, JSON of this `kind` in the form of this `version`.

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
        refuse_unfit(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        with whole_file(path) as part:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(contents)
