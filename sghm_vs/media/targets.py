"""Where outputs go: which files, and whether they may be written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sghm_vs.errors import ExportError, cure
from sghm_vs.files import folders_made, refuse_existing, refuse_unfit, sweep
from sghm_vs.media.sequences import SequencePath

FORMS = "x.mov, x.####.exr, x.%04d.exr, x.####.png, x.mkv or x.mp4"
PICTURES = (".exr", ".png")


@dataclass(frozen=True, slots=True)
class Target:
    """An output as the user wrote it, and the sequence that it means if it has a pattern."""

    path: Path
    sequence: SequencePath | None

    @classmethod
    def of(cls, path: Path) -> Target:
        """Return the output at `path`, whose name has a pattern if it is a sequence."""
        return cls(path, SequencePath.parse(path))

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
    for target in targets:
        refuse_unfit(target.file(numbers[0]))
    _refuse_meeting(targets, numbers)
    if not overwrite:
        refuse_existing([target.file(n) for target in targets for n in _files_of(target, numbers)])
    return targets


@contextmanager
def folders_of(targets: Sequence[Target]) -> Iterator[None]:
    """
    Make the folders that `targets` go to; those that are empty go again if what follows fails.

    Raises:
        ExportError: One can't be made, or written to.
    """
    another = cure(script="choose another path", typed="choose another with -o")
    with ExitStack() as made:
        for folder in dict.fromkeys(target.path.parent for target in targets):
            try:
                made.enter_context(folders_made([folder]))
            except OSError as error:
                msg = f"the folder {folder} can't be made: {error.strerror}; {another}"
                raise ExportError(msg) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                msg = f"the folder {folder} can't be written to; {another}"
                raise ExportError(msg)
            sweep(folder)
        yield


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
