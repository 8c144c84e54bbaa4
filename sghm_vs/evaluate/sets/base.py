"""What a public set is: pictures with their truths, whose rules count, what was published."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.errors import SettingsError, counted, listed
from sghm_vs.evaluate.pairs import pictures_by_stem
from sghm_vs.evaluate.rules import Rules
from sghm_vs.files import below, parts_of

type Look = Callable[[Path], dict[str, Path]]
"""Returns the pictures of a folder by their stems."""

UNPACK = "a file is missing or renamed: unpack the set anew"


@dataclass(frozen=True, slots=True)
class Item:
    """A picture or a clip of a set."""

    name: str
    """Its place in the set, with slashes and without an ending: so a folder of mattes has it too."""
    images: tuple[Path, ...]
    """What is matted: the picture, or the frames of the clip in their order."""
    truths: Mapping[int, Path]
    """By the frame's place in the clip; a picture has frame 0."""
    trimap: Path | None = None
    is_clip: bool = False


class Row(NamedTuple):
    """What was published of a method."""

    method: str
    scores: Mapping[str, float]
    """By the names and on the scale of the part's rules; what is not told is left out."""
    source: str
    is_second_hand: bool = False
    """Whether it was read where others quote it, and not in the paper or its repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a set that tables have figures of."""

    name: str
    items: Sequence[Item]
    rules: Rules
    published: Sequence[Row] = ()
    whole: int | None = None
    """How many items the published part has, where that is known."""


class PublicSet(NamedTuple):
    """A row of `SETS`."""

    title: str
    layout: str
    """How the set is published, in a line."""
    find: Callable[[Path], list[Part]]
    """
    Returns the parts in a folder; none where it is not laid out as the set is.

    Raises:
        SettingsError: It is, and a file is missing or renamed.
    """


def pictures_with(part: str, images: Path, truths: Path, trimaps: Path | None = None) -> list[Item]:
    """
    Return the pictures of a part, in the order of their names.

    Args:
        part: Its name.
        images: The folder of its pictures.
        truths: The folder of their truths, which have the same names, whatever their ending.
        trimaps: The folder of their trimaps, if they have some.

    Raises:
        SettingsError: A folder is missing, or they differ in what they hold.
    """
    pictures = pictures_by_stem(images)
    true = matched(pictures, images, truths)
    known = {} if trimaps is None else matched(pictures, images, trimaps)
    return [
        Item(below(part, stem), (image,), {0: true[stem]}, known.get(stem))
        for stem, image in pictures.items()
    ]


def matched(pictures: Collection[str], images: Path, folder: Path) -> dict[str, Path]:
    """
    Return the files of `folder` by stem: one for each of `pictures`, the stems in `images`.

    Raises:
        SettingsError: One is missing, or there is one too many.
    """
    found = pictures_by_stem(folder)
    lacking = [stem for stem in pictures if stem not in found]
    extra = [path.name for stem, path in found.items() if stem not in pictures]
    if lacking or extra:
        said = [f"{folder} has no {listed(lacking)}, which {images} has"] if lacking else []
        said += [f"{images} has no picture of {listed(extra)} in {folder}"] if extra else []
        raise SettingsError(f"{'; '.join([*said, *_guess(lacking, extra)])}; {UNPACK}")
    return found


def _guess(lacking: Sequence[str], extra: Sequence[str]) -> Iterable[str]:
    if lacking and (close := difflib.get_close_matches(lacking[0], extra, n=1)):
        yield f"is {close[0]} meant to be {lacking[0]}?"


def gray_codes(path: Path) -> NDArray[np.uint8]:
    """
    Return the codes of the picture at `path` as 8-bit gray, (height, width).

    Raises:
        SettingsError: It can't be read.
    """
    # By way of its bytes: on Windows `imread` fails on names beyond ASCII.
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        content = np.empty(0, np.uint8)
    codes = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if content.size else None
    if codes is None:
        msg = f"{path} can't be read as a picture; {UNPACK}"
        raise SettingsError(msg)
    return np.asarray(codes, np.uint8)


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in `folder`, in the order of their names; none where it is no folder."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def files_of_all(folder: Path, parts: Sequence[Part]) -> dict[str, Sequence[Path]]:
    """
    Return the files of `folder`, of mattes or masks, for each item of `parts`, by its name.

    The folder is laid out as the set is: `NAME.png` of a picture, of a clip `NAME/` or `NAME/pha/`
    with a file a frame, where NAME is the item's, without the part's if there is one part. Files of
    a clip have the names of its frames, or are as many, in the order of names.

    Raises:
        SettingsError: Some are missing; the first is named.
    """
    if not folder.is_dir():
        msg = f"{folder} is not a folder; give one that is laid out as the set"
        raise SettingsError(msg)
    names = {parts_of(item.name)[0] for part in parts for item in part.items}
    found: dict[str, Sequence[Path]] = {}
    look = cache(partial(pictures_by_stem, may_lack=True))
    lacking: list[SettingsError] = []
    for item in (item for part in parts for item in part.items):
        try:
            found[item.name] = _files_of(folder, item, look, is_alone=len(names) == 1)
        except SettingsError as error:
            lacking.append(error)
    if lacking:
        more = f" (and so of {counted(len(lacking) - 1, 'item')} more)" if len(lacking) > 1 else ""
        raise SettingsError(f"{lacking[0]}{more}")
    return found


def _files_of(folder: Path, item: Item, look: Look, *, is_alone: bool) -> Sequence[Path]:
    """Return a file for each of the item's images; an only part's name may be left out."""
    names = [item.name, *([below(*parts_of(item.name)[1:])] if is_alone else [])]
    if item.is_clip:
        return _frames_of(folder, names, item, look)
    for name in names:
        path = folder / name
        if found := look(path.parent).get(path.name):
            return (found,)
    msg = f"{folder} has nothing for {item.name}; it needs {' or '.join(names)} with an ending as .png"
    raise SettingsError(msg)


def _frames_of(folder: Path, names: Sequence[str], item: Item, look: Look) -> Sequence[Path]:
    places = [folder / name for name in names]
    place = next(
        (one for clip in places for one in (clip / "pha", clip) if one.is_dir()), places[-1]
    )
    if not place.is_dir():
        msg = (
            f"{folder} has nothing for {item.name}; it needs the folder {' or '.join(names)}, with "
            "a picture a frame"
        )
        raise SettingsError(msg)
    found = look(place)
    if all(image.stem in found for image in item.images):
        return [found[image.stem] for image in item.images]
    if len(found) == len(item.images):
        return [*found.values()]
    msg = (
        f"{place} has {counted(len(found), 'picture')} for the {len(item.images)} frames of "
        f"{item.name}; it needs one a frame"
    )
    raise SettingsError(msg)
