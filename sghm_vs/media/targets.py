"""Where outputs go: which files, and whether they may be written."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sghm_vs.errors import ExportError, listed
from sghm_vs.media.sequences import SequencePath

FORMS = "x.mov, x.####.exr, x.%04d.exr, x.####.png, x.mkv or x.mp4"
PICTURES = (".exr", ".png")
EXISTING_LISTED_MAX = 3


@dataclass(frozen=True, slots=True)
class Target:
    """An output as the user wrote it, and the sequence that it means if it has a pattern."""

    path: Path
    sequence: SequencePath | None

    @property
    def is_picture(self) -> bool:
        """Whether its files are pictures."""
        return self.path.suffix.lower() in PICTURES

    def file(self, number: int) -> Path:
        """Return the file of frame `number`; of a movie or a single picture, the file."""
        return self.path if self.sequence is None else self.sequence.frame(number)


def read_targets(
    paths: Sequence[Path],
    numbers: range,
    suffixes: Sequence[str],
    *,
    patterns: bool,
    overwrite: bool,
) -> list[Target]:
    """
    Return what `paths` mean for frames with `numbers`, once none of them stands in the way.

    Raises:
        ExportError: A form is not known, two outputs meet in a file, or one exists already.
    """
    if not paths:
        msg = f"there is no output; give one or several of {FORMS}"
        raise ExportError(msg)
    targets = [_target(path, numbers, suffixes, patterns) for path in paths]
    _refuse_meeting(targets, numbers)
    if not overwrite:
        refuse_existing([target.file(n) for target in targets for n in _files_of(target, numbers)])
    return targets


def prepare_folders(targets: Sequence[Target]) -> None:
    """Make the folders that `targets` go to."""
    for target in targets:
        folder = target.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"the folder {folder} can't be made: {error.strerror}; choose another with -o"
            raise ExportError(msg) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            msg = f"the folder {folder} can't be written to; choose another with -o"
            raise ExportError(msg)
        sweep(folder)


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
    part = part_of(path)
    try:
        yield part
        give_name(part, path)
    except BaseException as error:
        discard(part)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
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
    if sys.platform == "win32":
        return True  # There, the same call would end the process.
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return not _has_ended(process)


def _has_ended(process: int) -> bool:
    """Return whether it ended, and nobody took note: in containers orphans may stay so for ever."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12]


def _target(path: Path, numbers: range, suffixes: Sequence[str], patterns: bool) -> Target:
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        msg = f"{path} has no form that can be written; give {FORMS}"
        raise ExportError(msg)
    if path.is_dir():
        msg = f"{path} is a folder; give the name of a file"
        raise ExportError(msg)
    sequence = SequencePath.parse(path) if patterns else None
    if sequence is not None and suffix not in PICTURES:
        msg = f"{path} is a movie, one file for all frames; write it without a pattern"
        raise ExportError(msg)
    if sequence is None and suffix in PICTURES and len(numbers) > 1:
        numbered = path.with_name(f"{path.stem}.####{path.suffix}")
        msg = f"{path} is one picture, and there are {len(numbers)} frames; write {numbered}"
        raise ExportError(msg)
    return Target(path, sequence)


def _refuse_meeting(targets: Sequence[Target], numbers: range) -> None:
    taken: dict[Path, Path] = {}
    for target in targets:
        folder = target.path.parent.resolve()
        for number in _files_of(target, numbers):
            file = folder / target.file(number).name
            if file in taken:
                msg = f"{taken[file]} and {target.path} would write the same file; give two names"
                raise ExportError(msg)
            taken[file] = target.path


def _files_of(target: Target, numbers: range) -> range:
    return numbers if target.sequence is not None else numbers[:1]


def refuse_existing(files: Sequence[Path]) -> None:
    """Raise `ExportError` if any of `files` is there."""
    existing = [file for file in files if file.exists()]
    if existing:
        found = listed(existing, EXISTING_LISTED_MAX)
        msg = f"{found} exist already; choose another name, or replace with --overwrite"
        raise ExportError(msg)
