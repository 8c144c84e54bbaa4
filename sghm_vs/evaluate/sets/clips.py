"""Clips over backgrounds as Robust Video Matting lays them out: PART/KIND/CLIP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from sghm_vs.errors import SettingsError, listed
from sghm_vs.evaluate.pairs import pictures_by_stem
from sghm_vs.evaluate.rules import RVM_512, RVM_HD
from sghm_vs.evaluate.sets.base import UNPACK, Item, Part, Row, folders_in, matched

SMALL_PX = 512
"""Longer side of frames that the papers score by their low-resolution rules."""
ALPHA = "pha"
"""The folder of a clip's true alphas."""


def find_parts(folder: Path, frames: str, published: Callable[[bool], Sequence[Row]]) -> list[Part]:
    """
    Return the parts in `folder`, which is one, or holds some.

    Args:
        folder: Holds `KIND/CLIP/pha` with the alphas, as `videomatte_512x288` does.
        frames: The folder beside `pha` that is matted.
        published: Returns the rows of small frames, or else of large ones.

    Raises:
        SettingsError: A clip lacks its frames, its alphas, or some of them.
    """
    if _clips_in(folder, frames):
        return [_part(folder, frames, published)]
    return [_part(one, frames, published) for one in folders_in(folder) if _clips_in(one, frames)]


def _clips_in(folder: Path, frames: str) -> list[Path]:
    """Return the clips of `folder`: what stands two floors down, if any of it is a clip."""
    clips = [clip for kind in folders_in(folder) for clip in folders_in(kind)]
    is_set = any((clip / ALPHA).is_dir() and (clip / frames).is_dir() for clip in clips)
    return clips if is_set else []


def _part(folder: Path, frames: str, published: Callable[[bool], Sequence[Row]]) -> Part:
    items = [_item(folder, clip, frames) for clip in _clips_in(folder, frames)]
    is_small = _longer_side(items[0].truths[0]) <= SMALL_PX
    return Part(
        name=folder.resolve().name,
        items=items,
        rules=RVM_512 if is_small else RVM_HD,
        published=published(is_small),
    )


def _item(folder: Path, clip: Path, frames: str) -> Item:
    lacking = [name for name in (frames, ALPHA) if not (clip / name).is_dir()]
    if lacking:
        msg = f"{clip} has no folder {listed(lacking)}; {UNPACK}"
        raise SettingsError(msg)
    images = pictures_by_stem(clip / frames)
    truths = matched(images, clip / frames, clip / ALPHA)
    place = clip.relative_to(folder).as_posix()
    return Item(
        f"{folder.resolve().name}/{place}",
        tuple(images.values()),
        dict(enumerate(truths[stem] for stem in images)),
        is_clip=True,
    )


def _longer_side(path: Path) -> int:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        msg = f"{path} can't be read as a picture; {UNPACK}"
        raise SettingsError(msg)
    return int(max(picture.shape))
