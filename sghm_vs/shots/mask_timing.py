"""Whether the mask of a shot is late or early: looked at before the shot is matted, and said."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np
import vapoursynth as vs

from sghm_vs.errors import counted, cure
from sghm_vs.filter.looks import look_clips
from sghm_vs.filter.neighbors import IS_MISSING
from sghm_vs.matting.mask_timing import FARTHEST, LOOKS_LEAST, Look, Timing, timing_of
from sghm_vs.matting.optical_flow import Plane, shrunk
from sghm_vs.media.readers import Source
from sghm_vs.options import FrameRange, Guides
from sghm_vs.shots.guides import mask_start_of
from sghm_vs.shots.people import engines_of, looking_for_people
from sghm_vs.shots.shot import Prepared

logger = logging.getLogger(__name__)

LOOKS = 12
"""Of a shot, evenly over the frames that are asked for."""


def tell_of_timing(
    source: Source,
    mask: vs.VideoNode | None,
    prepared: Prepared,
    frames: FrameRange | None = None,
) -> None:
    """
    Say so if the mask fits the picture of another frame clearly better, and what puts it right.

    Nothing is looked at where the user says where the mask begins, or where it is one picture.

    Args:
        source: The footage.
        mask: As long as its clip, GRAYS.
        prepared: What mattes it.
        frames: Of the source's, those that are asked for; None is all.
    """
    guides = prepared.matting.guides
    if mask is None or guides.mask_start is not None or not source.clip.width:
        return
    start = mask_start_of(guides, source)
    if start is None:
        return
    asked = frames or source.frames
    within = range(asked.first - source.first_number, asked.last - source.first_number + 1)
    looked_at = [n for n in evenly(within, source.clip.num_frames) if n not in source.blank]
    timing = find_timing(source.clip, mask, prepared, looked_at)
    if timing is not None:
        logger.warning("%s", _words(guides, source, timing, start - timing.late))


def find_timing(
    clip: vs.VideoNode, mask: vs.VideoNode, prepared: Prepared, looked_at: Sequence[int]
) -> Timing | None:
    """Return by how many frames `mask` is late in `clip`, if that is sure; see `tell_of_timing`."""
    if len(looked_at) < LOOKS_LEAST:
        return None
    engines = engines_of(looking_for_people(prepared.matting, prepared))
    people = look_clips(clip, engines).people
    found = []
    for n in looked_at:
        with people.get_frame(n) as frame:
            seen: Plane = np.asarray(frame[0]).copy()
        masks = {by: _small(mask, n + by, seen) for by in range(-FARTHEST, FARTHEST + 1)}
        there = {by: one for by, one in masks.items() if one is not None}
        if len(there) == len(masks):
            found.append(Look(seen, there))
    return timing_of(found)


def evenly(within: range, length: int) -> list[int]:
    """Return the frames of a clip that are looked at: of those `within`, with enough on both sides."""
    first, last = max(within.start, FARTHEST), min(within.stop, length - FARTHEST) - 1
    if last < first:
        return []
    return [int(n) for n in np.unique(np.linspace(first, last, LOOKS).round())]


def _small(mask: vs.VideoNode, n: int, like: Plane) -> Plane | None:
    """Return frame `n` of `mask` at the size of `like`, or nothing if it lacks that."""
    with mask.get_frame(n) as frame:
        if frame.props.get(IS_MISSING):
            return None
        values = np.asarray(frame[0])
        if min(values.shape) < min(like.shape):
            return np.asarray(cv2.resize(values, like.shape[::-1]), np.float32)
        return shrunk(values, like.shape)


def _words(guides: Guides, source: Source, timing: Timing, start: int) -> str:
    side = "late" if timing.late > 0 else "early"
    how = cure(script=f"Guides(mask_start={start})", typed=f"--mask-start {start}")
    return (
        f"{guides.mask} seems to be {counted(abs(timing.late), 'frame')} {side}: in {timing.agreeing} "
        f"of {timing.looks} frames of {source.name} that were looked at, people are where it shows them "
        f"{counted(abs(timing.late), 'frame')} {'later' if timing.late > 0 else 'earlier'}; {how} puts "
        "it right"
    )
