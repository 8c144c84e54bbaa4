"""Guides of a shot: files become clips of the footage's length, each frame where it belongs."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import vapoursynth as vs

from sghm_vs.color.convert import read_color, to_viewed_rgb
from sghm_vs.errors import SettingsError, SourceError, listed
from sghm_vs.filter.neighbors import IS_MISSING
from sghm_vs.matting.screen import find
from sghm_vs.media.pairing import Pairing, aligned, pair
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.keys import Keys, find_keys, open_key
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.options import GUIDE_CLIPS, VOTERS, FrameRange, Guides, Matting, screen_hue
from sghm_vs.shots.batch.names import Shot

logger = logging.getLogger(__name__)

FILL_UP = (
    "give it the footage's first and last frame too, black, and --missing black for those between"
)
"""What lets a trimap, keep or holdout be of single frames."""


class Guided(NamedTuple):
    """Which guides had a part in which frame of a shot, as sidecars say it."""

    keys: Keys | None
    lacking: frozenset[int] = frozenset()
    """Frames that the mask lacks, by the footage's numbers: those around vote on them."""
    reach: int = 0
    """How far these votes go."""

    def of(self, number: int) -> str:
        """Return what is said of the frame `number`; "" is nothing but what holds for all."""
        near = sorted(n for n in self.lacking if abs(n - number) <= self.reach)
        said = [] if self.keys is None else [self.keys.of(number)]
        if near:
            said.append(f"mask lacks {listed(near)}")
        return "; ".join(word for word in said if word)


def guided_by(matting: Matting, source: Source, keys: Keys | None) -> Guided:
    """
    Return which guides have a part in the frames of `source`.

    Raises:
        SourceError: The mask can't be read.
    """
    guides, tr = matting.steadied_guides, matting.steadied_guides.mask_tr
    if guides.mask is None or not tr or source.missing != "error":
        return Guided(keys)
    mask, pairing = _paired("mask", guides.mask, guides, source, None, is_told=False)
    if pairing is None:
        return Guided(keys)
    lacking = _lacking(mask, pairing.first - source.first_number, source)
    reach = VOTERS * tr + matting.settings.radius
    return Guided(keys, frozenset(source.first_number + n for n in lacking), reach)


def mask_start_of(guides: Guides, source: Source) -> int | None:
    """Return of which frame of `source` the mask's first one is; None of a picture of all of them."""
    if guides.mask is None:
        return None
    pairing = _paired("mask", guides.mask, guides, source, None, is_told=False)[1]
    return None if pairing is None else pairing.first


def open_guides(
    guides: Guides, source: Source, frames: FrameRange | None
) -> dict[str, vs.VideoNode]:
    """
    Return the guides that are given, by their name, as long as the footage.

    Args:
        guides: What is given, as `Matting.steadied_guides` has it.
        source: The footage.
        frames: Of it, those that are asked for; None is all.

    Raises:
        SourceError: One can't be read, is no matte, or lacks frames that are asked for.
        SettingsError: Something is said of a guide that is not given.
    """
    if guides.mask is None and guides.mask_start is not None:
        msg = "--mask-start says where the mask of --mask begins; name it with --mask FILE"
        raise SettingsError(msg)
    if guides.guide_start is not None and not guides.files.keys() - {"mask", "keys"}:
        msg = (
            "--guide-start says where trimap, keep and holdout begin; name one, such as with "
            "--keep FILE"
        )
        raise SettingsError(msg)
    return {
        name: _open_guide(name, path, guides, source, frames)
        for name, path in guides.files.items()
        if name in GUIDE_CLIPS
    }


def open_keys(guides: Guides, source: Source) -> tuple[Keys | None, dict[int, vs.VideoNode]]:
    """
    Return the keys that are given, and what they show, each by its frame in the clip of `source`.

    Raises:
        SourceError: There are none of its frames, or one can't be read.
    """
    if guides.keys is None:
        return None, {}
    keys = find_keys(guides.keys, guides.key_span, source)
    clips: dict[int, vs.VideoNode] = {}
    for number, file in keys.files.items():
        key = open_key(file, guides.matte_channel)
        _check_size(file, key, source)
        clips[number - source.first_number] = key
    return keys, clips


def _check_size(file: Path, key: vs.VideoNode, source: Source) -> None:
    clip = source.clip
    if clip.width and (key.width, key.height) != (clip.width, clip.height):
        msg = (
            f"{file} is {key.width}x{key.height}, and {source.name} is {clip.width}x{clip.height}: a "
            f"key is of its size; scale it: ffmpeg -i {file} -vf scale={clip.width}:{clip.height} "
            "NEW.png"
        )
        raise SourceError(msg)


def tell_of_screen(guides: Guides, source: Source, frames: FrameRange | None) -> None:
    """Say so if the first, the middle and the last of `frames` all show no screen, and one is named."""
    if guides.screen is None or source.clip.format.color_family == vs.GRAY:
        return
    asked = source.frames if frames is None else frames
    rgb = to_viewed_rgb(read_color(source.clip))
    looked_at = sorted({asked.first, (asked.first + asked.last) // 2, asked.last})
    for number in looked_at:
        with rgb.get_frame(number - source.first_number) as frame:
            picture = np.stack([np.asarray(plane) for plane in frame])
        if find(picture, *screen_hue(guides.screen)) is not None:
            return
    word = "" if guides.screen == "auto" else f"{guides.screen} "
    logger.warning(
        "%s: frames %s show no %sscreen; what shows none is left to the network",
        source.name, listed(looked_at), word,
    )  # fmt: skip


def keys_of(shot: Shot) -> dict[str, str]:
    """Return what tells the keys of `shot` from others, by frame."""
    guides = shot.matting.guides
    if guides.keys is None:
        return {}
    found = find_keys(guides.keys, guides.key_span, open_source(shot.source, shot.opening))
    return {str(n): one for n, one in sorted(found.digests.items())}


def _open_guide(
    name: str, path: Path, guides: Guides, source: Source, frames: FrameRange | None
) -> vs.VideoNode:
    """Return a guide as long as the footage; a single picture serves every frame."""
    guide, pairing = _paired(name, path, guides, source, frames)
    if pairing is None:
        return guide.clip.std.Loop(source.clip.num_frames)
    # At its ends the frames around vote, as on frames between that it lacks.
    may_lack = (guides.mask_tr or 0) if name == "mask" and source.missing == "error" else 0
    clip = aligned(
        guide.clip,
        pairing,
        guide,
        source,
        frames,
        _start(name, guides)[1],
        may_lack=may_lack,
        else_do="" if name == "mask" else FILL_UP,
    )
    if name != "mask":
        return clip
    lacking = _lacking(guide, pairing.first - source.first_number, source)
    asked = frames or source.frames
    numbers = (source.first_number + n for n in sorted(lacking))
    told = [number for number in numbers if asked.first <= number <= asked.last]
    if told:
        logger.warning("%s lacks frames %s: the frames around vote on them", path, listed(told))
    return _marked(clip, lacking)


def _paired(
    name: str,
    path: Path,
    guides: Guides,
    source: Source,
    frames: FrameRange | None,
    *,
    is_told: bool = True,
) -> tuple[Source, Pairing | None]:
    """Return a guide as it is, and how its frames belong to the footage's; None is to all of them."""
    # What a mask lacks, votes give; other guides are refused with holes unless somebody says how.
    is_voted = name == "mask" and guides.mask_tr != 0 and source.missing == "error"
    plate = replace(source, missing="black") if is_voted else source
    guide = open_matte(path, guides.matte_channel, plate, is_told=is_told)
    start, flag = _start(name, guides)
    if guide.clip.num_frames == 1 and guide.kind != "sequence" and start is None:
        return guide, None
    return guide, pair(guide, source, start, flag, frames)


def _start(name: str, guides: Guides) -> tuple[int | None, str]:
    """Return where a guide begins, if that is said, and what says it."""
    if name == "mask":
        return guides.mask_start, "--mask-start"
    return guides.guide_start, "--guide-start"


def _lacking(mask: Source, first: int, source: Source) -> frozenset[int]:
    """Return the frames of the clip of `source` that its `mask` lacks, which begins at `first`."""
    there = {first + n for n in range(mask.clip.num_frames) if n not in mask.blank}
    return frozenset(range(source.clip.num_frames)) - there


def _marked(clip: vs.VideoNode, missing: frozenset[int]) -> vs.VideoNode:
    """Return `clip`, whose frames `missing` say that they are."""
    if not missing:
        return clip
    marked = clip.std.SetFrameProps(**{IS_MISSING: 1})
    return clip.std.FrameEval(lambda n: marked if n in missing else clip)
