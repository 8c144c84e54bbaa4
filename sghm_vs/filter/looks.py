"""What is looked at of a clip to tell people apart: pictures, masks and motion, all small."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import vapoursynth as vs

from sghm_vs.clips import read_once
from sghm_vs.color import convert
from sghm_vs.filter import graph
from sghm_vs.filter.engines import Engines
from sghm_vs.filter.neighbors import temporal_neighbors

LONG_SIDE_PX = 448
"""What the light network's encoder sees; motion, masks and labels are of half of it."""
STEP_PX = 4
"""Sides are multiples of it: no chroma has fewer samples."""


class LookClips(NamedTuple):
    """Of the clip's length and rate."""

    rgb: vs.VideoNode
    """RGBS in display code."""
    people: vs.VideoNode
    """How likely somebody is there, GRAYS, each frame by itself, the outline at 0.5."""
    flow: vs.VideoNode
    """From each frame to the next one; see `TemporalNeighbors`."""


def look_clips(clip: vs.VideoNode, engines: Engines) -> LookClips:
    """
    Return what is looked at of `clip`, of constant format and size.

    Raises:
        UnsupportedClipError: As `color.read_color` says.
    """
    footage, settings = convert.read_color(clip), engines[0].settings
    small = footage.clip.resize.Bicubic(*small_size(clip.width, clip.height))
    footage = replace(footage, clip=small)
    rgb = convert.to_viewed_rgb(footage, settings.exposure)
    packs = all(engine.packs for engine in engines)
    pictures = graph.packed(footage, settings) if packs else rgb
    seen = graph.segmented(pictures, graph.encoder_inputs(pictures, engines), engines)
    people = graph.cropped(rgb, read_once(seen), settings)
    return LookClips(rgb, people, temporal_neighbors(rgb, settings).flow)


def small_size(width: int, height: int) -> tuple[int, int]:
    """Return at which size a picture is looked at."""
    scale = min(LONG_SIDE_PX / max(width, height), 1)
    across, down = (max(round(side * scale / STEP_PX), 1) * STEP_PX for side in (width, height))
    return across, down


def mask_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of masks and motion of a picture that is looked at in this one."""
    return max(width // 2, 1), max(height // 2, 1)
