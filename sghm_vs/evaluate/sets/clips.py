"""Clips over backgrounds as Robust Video Matting lays them out: PART/KIND/CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sghm_vs.errors import SettingsError, listed
from sghm_vs.evaluate.pairs import pictures_by_stem
from sghm_vs.evaluate.rules import RVM_512, RVM_HD
from sghm_vs.evaluate.sets.base import (
    UNPACK,
    Item,
    Part,
    PublicSet,
    Row,
    folders_in,
    gray_codes,
    matched,
)
from sghm_vs.files import below

SMALL_PX = 512
"""Longer side of frames that the papers score by their low-resolution rules."""
ALPHA = "pha"
"""The folder of a clip's true alphas."""
RVM_LOW = "WACV 2022, arXiv 2108.11515, table 1"
RVM_HIGH = "WACV 2022, arXiv 2108.11515, table 2"
MATANYONE = "MatAnyone, CVPR 2025, arXiv 2501.14677v2, table 1"


def clip_set(
    title: str, layout: str, *, frames: str, small: Sequence[Row], large: Sequence[Row]
) -> PublicSet:
    """
    Return a set of clips.

    Args:
        title: As for `PublicSet`.
        layout: The same.
        frames: The folder beside `pha` that is matted.
        small: What was published of frames of up to 512 px.
        large: Of larger ones.
    """
    return PublicSet(title, layout, partial(_find_parts, frames=frames, small=small, large=large))


def _find_parts(
    folder: Path, frames: str, small: Sequence[Row], large: Sequence[Row]
) -> list[Part]:
    """
    Return the parts in `folder`, which is one, or holds some.

    Args:
        folder: Holds `KIND/CLIP/pha` with the alphas, as `videomatte_512x288` does.
        frames: As for `clip_set`.
        small: The same.
        large: The same.

    Raises:
        SettingsError: A clip lacks its frames, its alphas, or some of them.
    """
    places = [folder] if _clips_in(folder, frames) else folders_in(folder)
    return [_part(one, frames, small, large) for one in places if _clips_in(one, frames)]


def _clips_in(folder: Path, frames: str) -> list[Path]:
    """Return the clips of `folder`: what stands two floors down, if any of it is a clip."""
    clips = [clip for kind in folders_in(folder) for clip in folders_in(kind)]
    is_set = any((clip / ALPHA).is_dir() and (clip / frames).is_dir() for clip in clips)
    return clips if is_set else []


def _part(folder: Path, frames: str, small: Sequence[Row], large: Sequence[Row]) -> Part:
    items = [_item(folder, clip, frames) for clip in _clips_in(folder, frames)]
    is_small = _longer_side(items[0].truths[0]) <= SMALL_PX
    return Part(
        name=folder.resolve().name,
        items=items,
        rules=RVM_512 if is_small else RVM_HD,
        published=small if is_small else large,
    )


def _item(folder: Path, clip: Path, frames: str) -> Item:
    lacking = [name for name in (frames, ALPHA) if not (clip / name).is_dir()]
    if lacking:
        msg = f"{clip} has no folder {listed(lacking)}; {UNPACK}"
        raise SettingsError(msg)
    images = pictures_by_stem(clip / frames)
    truths = matched(images, clip / frames, clip / ALPHA)
    return Item(
        below(folder.resolve().name, *clip.relative_to(folder).parts),
        tuple(images.values()),
        dict(enumerate(truths[stem] for stem in images)),
        is_clip=True,
    )


def _longer_side(path: Path) -> int:
    height, width = gray_codes(path).shape
    return int(max(height, width))
