"""What a folder holds: a numbered sequence, or unrelated pictures."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from sghm_vs.errors import SourceError, listed
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath

# The number is the last one before the ending; a minus belongs to it only where the name
# can't mean a hyphen ("plate.-002.exr", but not "plate-002.exr").
NUMBERED = re.compile(r"(.*?)((?:(?:(?<=[._])|(?<![\s\S]))-)?\d+)(\.[^.]+)")


def sequence_in(folder: Path) -> SequencePath:
    """
    Return the one numbered sequence of pictures in `folder`.

    Raises:
        SourceError: The folder holds none, or several.
    """
    names = _names_in(folder)
    groups = _numbered_groups(names)
    long = {key: digits for key, digits in groups.items() if len(digits) > 1}
    found = [
        SequencePath(folder, prefix, _padding(digits), suffix)
        for (prefix, suffix), digits in (long or groups).items()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names_found = listed(Path(str(sequence)).name for sequence in found)
        msg = f"{folder} holds {len(found)} numbered sequences: {names_found}; name one: {found[0]}"
    else:
        held = listed(names) if names else "nothing"
        msg = f"{folder} holds no numbered sequence of pictures, but {held}; name a file in it"
    raise SourceError(msg)


def sequences_among(folder: Path, names: Iterable[str]) -> tuple[list[SequencePath], list[str]]:
    """Return the sequences of two files or more among pictures in `folder`, and names of others."""
    names = sorted(names)
    groups = {key: digits for key, digits in _numbered_groups(names).items() if len(digits) > 1}
    sequences = [
        SequencePath(folder, prefix, _padding(digits), suffix)
        for (prefix, suffix), digits in groups.items()
    ]
    matches = {name: NUMBERED.fullmatch(name) for name in names}
    single = [
        name for name, match in matches.items() if not match or match.group(1, 3) not in groups
    ]
    return sequences, single


def _numbered_groups(names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Return the digits of numbered pictures, by what stands before and behind them."""
    groups = defaultdict(list)
    for name in names:
        match = NUMBERED.fullmatch(name)
        if match and _is_picture(name):
            groups[match[1], match[3]].append(match[2].removeprefix("-"))
    return groups


def _padding(digits: Iterable[str]) -> int:
    return min(len(number) for number in digits)


def pictures_in(folder: Path) -> list[Path]:
    """
    Return the pictures in `folder`, in order of their names; not those in folders below it.

    Raises:
        SourceError: There are none.
    """
    names = _names_in(folder)
    pictures = [folder / name for name in names if _is_picture(name)]
    if not pictures:
        held = listed(names) if names else "nothing"
        known = " ".join(sorted(PICTURE_SUFFIXES))
        msg = f"{folder} holds no pictures, but {held}; their names end in {known}"
        raise SourceError(msg)
    return pictures


def holds_unrelated(folder: Path) -> bool:
    """Tell whether `folder` holds pictures of which no two are numbered alike."""
    pictures = [name for name in _names_in(folder) if _is_picture(name)]
    groups = _numbered_groups(pictures)
    is_numbered = any(len(digits) > 1 for digits in groups.values())
    # A picture alone is a sequence of one where its name has a number.
    return bool(pictures) and not is_numbered and (len(pictures) > 1 or not groups)


def _names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in PICTURE_SUFFIXES
