"""Whether a delivery is what was sent: every file is opened again, and compared."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from pathlib import Path

from sghm_vs.errors import ExportError, listed
from sghm_vs.files import each
from sghm_vs.media.targets import PICTURES
from sghm_vs.media.timecode import Timecode
from sghm_vs.media.verification.readback import FileContent, read_movie, read_picture
from sghm_vs.media.verification.sidecar import FINISHED, Record, Sample, file_of, files_of

MEAN_ERROR_MAX = 0.01
"""Of what a coder changes: far more than H.264 or DWA do at these qualities."""
NUMBERED = ("frame", "timecode")
"""Facts that are another with each frame."""
PROBLEMS_LISTED_MAX = 4


def check(folder: Path, record: Record) -> None:
    """
    Reopen what `record` speaks of, in `folder`, and compare.

    All files are opened; pixels are compared of the frames that were sampled.

    Raises:
        ExportError: Something differs.
    """
    found = problems(folder, record)
    if found:
        raise _different(folder / record.output, found)


def verify(path: Path, record: Record) -> None:
    """
    Repeat the check of the delivery whose sidecar is at `path`, on every byte and pixel.

    Raises:
        ExportError: Something differs, or it was never finished.
    """
    if record.state != FINISHED:
        msg = f"{path} says that {record.output} is {record.state}; go on with --resume"
        raise ExportError(msg)
    files = files_of(path.parent, record)
    is_same = each(lambda file: _is_as_recorded(file, record), files.values())
    changed = [file.name for file, same in zip(files.values(), is_same, strict=True) if not same]
    found = [f"{listed(changed, PROBLEMS_LISTED_MAX)} changed or missing"] if changed else []
    found += problems(path.parent, record, is_deep=True)
    if found:
        raise _different(path.parent / record.output, found)


def problems(folder: Path, record: Record, *, is_deep: bool = False) -> list[str]:
    """Return what differs between `record` and the files in `folder`."""
    files = files_of(folder, record)
    if Path(record.output).suffix.lower() not in PICTURES:
        return _movie_problems(files[record.first], record)

    def look(number: int) -> list[str]:
        return picture_problems(files[number], record, number, is_deep=is_deep)

    return [*chain.from_iterable(each(look, files))]


def picture_problems(file: Path, record: Record, number: int, *, is_deep: bool) -> list[str]:
    """Return what differs between `record` and the picture of frame `number`."""
    sample = record.samples.get(number)
    try:
        found = read_picture(file, is_sampled=is_deep or sample is not None)
    except ExportError as error:
        return [str(error)]
    wanted = facts_at(record, number)
    different = _different_facts(file.name, wanted, found)
    if sample is not None:
        different += _different_sample(file.name, sample, found.samples[0])
    return different


def facts_at(record: Record, number: int) -> dict[str, object]:
    """Return the facts of the picture of frame `number`."""
    facts = {key: value for key, value in record.facts.items() if key != "is_sequence"}
    n = number - record.first
    if facts.get("frame") is not None:
        facts["frame"] += n
    timecode = facts.pop("counted", None)
    if facts.get("timecode") is not None:
        first = (
            Timecode.parse(facts["timecode"], Fraction(facts["rate"]))
            if timecode is None
            else Timecode(*timecode)
        )
        facts["timecode"] = (first + n).coded()
    return facts


def _movie_problems(file: Path, record: Record) -> list[str]:
    frames = [number - record.first for number in record.samples]
    try:
        found = read_movie(file, frames)
    except ExportError as error:
        return [str(error)]
    wanted = {key: value for key, value in record.facts.items() if key != "is_sequence"}
    different = _different_facts(file.name, wanted, found)
    for number, sample in record.samples.items():
        read = found.samples.get(number - record.first)
        different += _different_sample(f"frame {number}", sample, read)
    return different


def _different_facts(name: str, wanted: dict[str, object], found: FileContent) -> list[str]:
    return [
        f"{name}: {key} is {found.facts.get(key)!r}, and {value!r} was sent"
        for key, value in wanted.items()
        if found.facts.get(key) != value
    ]


def _different_sample(name: str, sent: Sample, read: Sample | None) -> list[str]:
    if read is None:
        return [f"{name} can't be read"]
    if sent.sha256 is None or read.sha256 is None:
        is_same = abs(sent.mean - read.mean) <= MEAN_ERROR_MAX
    else:
        is_same = sent == read
    if is_same:
        return []
    return [
        f"{name}: its alpha is {read.least:.4f} to {read.most:.4f}, {read.mean:.4f} in the mean, "
        f"and {sent.least:.4f} to {sent.most:.4f}, {sent.mean:.4f} was sent"
    ]


def _is_as_recorded(file: Path, record: Record) -> bool:
    try:
        return file_of(file) == record.files.get(file.name)
    except OSError:
        return False


def _different(path: Path, found: list[str]) -> ExportError:
    said = "; ".join(found[:PROBLEMS_LISTED_MAX])
    more = len(found) - PROBLEMS_LISTED_MAX
    rest = f"; and {more} more" if more > 0 else ""
    return ExportError(
        f"{path} is not what was sent: {said}{rest}; write what is broken again with "
        "--resume, or all of it with --overwrite"
    )
