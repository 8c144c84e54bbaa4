"""Where people are in a clip: what its frames show in parts, and when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import vapoursynth as vs

from sghm_vs.color import convert
from sghm_vs.color.convert import TaggedClip
from sghm_vs.filter import graph
from sghm_vs.filter.engines import Engines, FrameEngine, by_frames
from sghm_vs.matting.people.looks import Box
from sghm_vs.matting.people.search import Plane, View, search, swept
from sghm_vs.matting.sizing import covered, squared
from sghm_vs.models.backends.cores import streams_on_cpu
from sghm_vs.progress import Progress

LOOKS_A_SECOND = 2
THOROUGH = 2
"""Of so many looks one is in parts."""
THUMB_PX = 64
"""Long side of what tells scenes apart."""
NEW_SCENE = 0.08
"""Mean difference of two thumbs, 0-1. A look too many costs a look."""
STEP_PX = 4
"""Sides of parts are multiples of it: no chroma has fewer samples."""


def where_people_are(
    clip: vs.VideoNode, engines: Engines, progress: Progress | None = None
) -> list[Box]:
    """
    Return where somebody is in any frame of `clip`, in its pixels.

    Frames are looked at twice a second, where a scene begins, and the last one; every other time in
    parts, in which who is small is found.

    Args:
        clip: Of constant format and size.
        engines: What sees people, frame by frame.
        progress: Called with frames done and frames in all.

    Raises:
        UnsupportedClipError: As `color.read_color` says.
    """
    footage = convert.read_color(clip)
    every = max(round(Fraction(clip.fps or 24) / LOOKS_A_SECOND), 1)
    size, found, looks = (clip.width, clip.height), list[Box](), list[list[Box]]()
    with ThreadPoolExecutor(streams_on_cpu()) as threads:
        for n, begins in _looks(footage.clip, every):
            if begins:
                found, looks = found + swept(looks), []
            seen = _Seen(n, footage, by_frames(engines)[0], threads)
            known = looks[-1] if looks else []
            thorough = len(looks) % THOROUGH == 0 or n == clip.num_frames - 1
            looks.append(search(size, seen, known, thorough=thorough))
            if progress is not None:
                progress(n + 1, clip.num_frames)
    return found + swept(looks)


def _looks(clip: vs.VideoNode, every: int) -> Iterator[tuple[int, bool]]:
    """Yield the frames that are looked at, and whether a scene begins with each."""
    before, last = None, 0
    for n, thumb in enumerate(_thumbs(clip).frames(close=True)):
        values = np.asarray(thumb[0]).astype(np.float32) / 255
        begins = before is None or float(np.abs(values - before).mean()) > NEW_SCENE
        if begins or n - last >= every or n == clip.num_frames - 1:
            yield n, begins
            last = n
        before = values


def _thumbs(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the luma of `clip`, of RGB its green, as small as scenes are told apart by."""
    scale = THUMB_PX / max(clip.width, clip.height)
    size = {
        "width": max(round(clip.width * scale), 1),
        "height": max(round(clip.height * scale), 1),
    }
    plane = clip.std.ShufflePlanes(1 if clip.format.color_family == vs.RGB else 0, vs.GRAY)
    return plane.std.RemoveFrameProps("_Matrix").resize.Bilinear(**size, format=vs.GRAY8)


@dataclass(frozen=True)
class _Seen:
    """What is seen in parts of a frame; see `search.Views`."""

    n: int
    footage: TaggedClip
    engine: FrameEngine
    threads: ThreadPoolExecutor

    def __call__(self, views: Sequence[View]) -> list[Plane]:
        return [*self.threads.map(self._part, views)]

    def _part(self, view: View) -> Plane:
        left, top, width, height = self._even(view.box)
        square = squared(height, width, float(self.footage.pixel_aspect))
        scale = view.long_side_px / max(square)
        size = [max(round(side * scale / STEP_PX), 1) * STEP_PX for side in square[::-1]]
        one = self.footage.clip[self.n].std.CropAbs(width, height, left, top)
        part = replace(self.footage, clip=one.resize.Bicubic(*size))
        settings = self.engine.settings
        pictures = (
            graph.packed(part, settings)
            if self.engine.packs
            else convert.to_viewed_rgb(part, settings.exposure)
        )
        with pictures.get_frame(0) as frame:
            seen = self.engine.probability(frame, is_judged=view.is_judged)
        rows, columns = covered(settings, seen.shape, size[1], size[0])
        return np.asarray(seen[:rows, :columns], np.float32)

    def _even(self, box: Box) -> Box:
        """Return `box`, a little larger where it would cut a sample of chroma."""
        whole = self.footage.clip.width, self.footage.clip.height
        ends = [
            (at // STEP_PX * STEP_PX, min(-(-(at + length) // STEP_PX) * STEP_PX, end))
            for at, length, end in zip(box[:2], box[2:], whole, strict=True)
        ]
        (left, right), (top, bottom) = ends
        return left, top, right - left, bottom - top
