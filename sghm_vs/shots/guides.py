"""Guides of a shot: files become clips of the footage's length, each frame where it belongs."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import vapoursynth as vs

from sghm_vs.errors import SettingsError, listed
from sghm_vs.filter.neighbors import IS_MISSING
from sghm_vs.media.pairing import aligned, pair
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.keys import Keys, find_keys, open_key
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.options import GUIDE_CLIPS, FrameRange, Guides
from sghm_vs.shots.batch.names import Shot

logger = logging.getLogger(__name__)


def open_guides(
    guides: Guides, source: Source, frames: FrameRange | None
) -> dict[str, vs.VideoNode]:
    """
    Return the guides that are given, by their name, as long as the footage.

    Args:
        guides: What is given.
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
    clips = {
        number - source.first_number: open_key(file, guides.matte_channel)
        for number, file in keys.files.items()
    }
    return keys, clips


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
    start, flag = guides.guide_start, "--guide-start"
    # What a mask lacks, votes give; other guides are refused with holes unless somebody says how.
    plate = source
    if name == "mask":
        start, flag = guides.mask_start, "--mask-start"
        is_voted = guides.mask_tr != 0 and source.missing == "error"
        plate = replace(source, missing="black") if is_voted else source
    guide = open_matte(path, guides.matte_channel, plate)
    if guide.clip.num_frames == 1 and start is None:
        return guide.clip.std.Loop(source.clip.num_frames)
    pairing = pair(guide, source, start, flag, frames)
    clip = aligned(guide.clip, pairing, guide, source, frames, flag)
    if name != "mask":
        return clip
    first = pairing.first - source.first_number
    there = {first + n for n in range(guide.clip.num_frames) if n not in guide.blank}
    if guide.blank:
        numbers = listed(guide.first_number + n for n in sorted(guide.blank))
        logger.warning("%s lacks frames %s: the frames around vote on them", path, numbers)
    return _marked(clip, frozenset(range(clip.num_frames)) - there)


def _marked(clip: vs.VideoNode, missing: frozenset[int]) -> vs.VideoNode:
    """Return `clip`, whose frames `missing` say that they are."""
    if not missing:
        return clip
    marked = clip.std.SetFrameProps(**{IS_MISSING: 1})
    return clip.std.FrameEval(lambda n: marked if n in missing else clip)
