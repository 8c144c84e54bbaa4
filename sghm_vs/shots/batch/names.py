"""A shot of a batch: its footage, its settings, and where its mattes go."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sghm_vs.errors import ExportError
from sghm_vs.files import DEVICE, all_parts_of, is_rooted, refuse_unfit, with_slashes
from sghm_vs.media.name_templates import fill_names
from sghm_vs.options import Delivery, FrameRange, Matting, Opening

NAME_MAX = 120
"""Characters of a shot's name: with endings and a version it stays below what systems allow."""
UNSAFE = re.compile(r"[^\w.\-+]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What to matte, how, and where to."""

    name: str
    """Unique in the batch's folder, and a safe part of a file's name."""
    source: Path
    """Absolute: a movie, a picture, a script, or a sequence with # for digits."""
    outputs: tuple[str, ...]
    """Below the batch's folder, with "/"; sequences with # for digits."""
    frames: FrameRange | None = None
    """By the source's own numbers; None is all."""
    opening: Opening = field(default_factory=Opening)
    matting: Matting = field(default_factory=Matting)
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def key(self) -> str:
        """What tells this shot from others, whatever it is called."""
        return f"{self.source}" + ("" if self.frames is None else f" {self.frames}")


@dataclass(frozen=True, slots=True)
class InvalidShot:
    """What can't become a shot, known before any work."""

    name: str
    key: str
    reason: str


def safe_name(text: str) -> str:
    """
    Return a name for a shot after `text`, which may be anything.

    Letters and digits of any script, ".", "-", "+" and "_" stay; the rest becomes "_". The
    result begins with a letter, a digit or "_", holds no frame pattern and is no device's name.
    """
    plain = UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip("_.-+ ")[:NAME_MAX]
    plain = plain.rstrip(".-+ ") or "shot"
    return f"_{plain}" if DEVICE.fullmatch(plain) else plain


def unique_names(wishes: Sequence[tuple[str, Sequence[str]]], kept: Mapping[str, str]) -> list[str]:
    """
    Return a name for each shot, of which no two are alike, whatever the case of letters.

    Args:
        wishes: Of each shot its key, and names for it, the best first.
        kept: Names that shots had before, by key; a shot keeps its own, and no other gets it.
    """
    taken = {name.casefold() for name in kept.values()}
    counts: dict[str, int] = {}
    for _, names in wishes:
        counts[names[0].casefold()] = counts.get(names[0].casefold(), 0) + 1
    result = []
    for key, names in wishes:
        name = kept.get(key)
        if name is None:
            is_shared = counts[names[0].casefold()] > 1
            name = _free(names[1:] if is_shared and len(names) > 1 else names, taken)
            taken.add(name.casefold())
        result.append(name)
    return result


def _free(names: Sequence[str], taken: set[str]) -> str:
    for name in names:
        if name.casefold() not in taken:
            return name
    number = 2
    while f"{names[-1]}_{number}".casefold() in taken:
        number += 1
    return f"{names[-1]}_{number}"


def output_names(
    templates: Sequence[str], name: str, delivery: Delivery, people: Sequence[int] = ()
) -> tuple[str, ...]:
    """
    Return where the shot `name` goes, below the batch's folder; `people` are those who are meant.

    Raises:
        ExportError: A template leads out of the folder, or has a word that is not known.
    """
    for template in templates:
        _refuse_outside(template)
    filled = fill_names(
        templates,
        shot=name,
        output_format=delivery.output_format,
        version=delivery.version,
        people=people,
    )
    for path in filled:
        refuse_unfit(path)
    return tuple(with_slashes(path) for path in filled)


def place(folder: Path, output: str) -> Path:
    """
    Return the path of `output` in `folder`.

    Raises:
        ExportError: It would be outside, also by way of a link in the folder.
    """
    _refuse_outside(output)
    path = folder / output
    if not path.parent.resolve().is_relative_to(folder.resolve()) or path.is_symlink():
        msg = f"{path} leads out of {folder} by a link; remove the link, or choose another folder"
        raise ExportError(msg)
    return path


def _refuse_outside(output: str) -> None:
    parts = all_parts_of(output)
    if is_rooted(output) or "\0" in output or ".." in parts or not output.strip():
        msg = (
            f"{output!r} is not a name below the output folder; write it without a drive, a "
            "leading slash and '..', for example {shot}.mov"
        )
        raise ExportError(msg)
    if any(part.startswith(".sghm") for part in parts):
        msg = f"{output!r} is a name that sghm keeps for itself; choose another"
        raise ExportError(msg)
