"""A shot's matte, measured frame by frame: each is read once, and three of them are held, small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import vapoursynth as vs

from sghm_vs.color.convert import read_color, to_display_rgb
from sghm_vs.evaluate.report import alignment
from sghm_vs.evaluate.report.change import Change, See, measure_change
from sghm_vs.evaluate.report.frame import (
    FrameMeasures,
    Plane,
    Points,
    find_specks,
    measure_frame,
    px_scale,
    thickness,
    work_size,
)
from sghm_vs.matting import optical_flow
from sghm_vs.matting.optical_flow import Luma
from sghm_vs.progress import Progress

CUT = 0.1
"""How much of a plate must be new for a cut, as the filter's `sc_threshold`."""
FLASH_MOST = 3
"""Frames; what is shown between two scenes for longer is a scene."""
LOOKED_AT_EACH = 12
"""So often the network is asked what it sees in all of a frame."""
SURE = 0.9
"""Probability from which the network is sure of a person; of nobody, below 1 less it."""
MISSED = 0.25
"""Alpha below which a person is missed, and above 1 less which the matte has somebody."""

type Picture = Plane
"""(h, w, 3), 0-1, display-coded."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What a matte's frames show, and how each differs from the one before; by the clip's index."""

    has_plate: bool
    frames: list[FrameMeasures | None] = field(default_factory=list)
    """None of a frame that is missing."""
    specks: list[int] = field(default_factory=list)
    """How many each frame has; see `frame.find_specks`."""
    changes: list[Change | None] = field(default_factory=list)
    """To each from the one before; None where there is none, at cuts and beside missing frames."""
    gains: dict[int, tuple[float, float]] = field(default_factory=dict)
    """How much better the mattes of the frame before and of the next lie on a frame's plate."""
    unseen_px: dict[int, float] = field(default_factory=dict)
    """Of frames that the network was asked for: thickness of what it is sure of and the matte is not,
    as of a picture whose short side is 1080."""
    cuts: list[int] = field(default_factory=list)
    """First frames of scenes, but the clip's first."""
    flashes: list[range] = field(default_factory=list)
    """Frames of a scene at which the plate is another picture, for a moment."""

    def part(self, frames: range) -> Measures:
        """Return those of `frames`, a run of indices, which count from 0 in it."""
        run = slice(frames.start, frames.stop)
        return replace(
            self,
            frames=self.frames[run],
            specks=self.specks[run],
            changes=self.changes[run],
            gains=within(self.gains, frames),
            unseen_px=within(self.unseen_px, frames),
            cuts=[n - frames.start for n in self.cuts if n in frames[1:]],
            flashes=[
                range(run.start - frames.start, run.stop - frames.start)
                for run in self.flashes
                if run.start in frames and run[-1] in frames
            ],
        )


def within[T](by_frame: Mapping[int, T], frames: range) -> dict[int, T]:
    """Return what `by_frame` has of `frames`, a run of indices, counted from its first."""
    return {n - frames.start: value for n, value in by_frame.items() if n in frames}


def measure(
    matte: vs.VideoNode,
    plate: vs.VideoNode | None = None,
    segmentation: vs.VideoNode | None = None,
    *,
    missing: frozenset[int] = frozenset(),
    progress: Progress | None = None,
) -> Measures:
    """
    Return what the frames of `matte` show.

    Args:
        matte: GRAYS, full range, 0-1.
        plate: Its footage, of its length; of any format and size.
        segmentation: Where the network sees people in the plate, GRAYS, of its length; few of its
            frames are asked for.
        missing: Frames that are not there.
        progress: Called after each frame with the frames done and all of them.
    """
    measurer = _Measurer(has_plate=plate is not None, segmentation=segmentation)
    size = work_size(matte.height, matte.width)
    for n, (alpha, picture) in enumerate(_frames(matte, plate, size)):
        measurer.add(n, None if n in missing else alpha, picture)
        if progress is not None:
            progress(n + 1, matte.num_frames)
    return measurer.finish()


def small_rgb(plate: vs.VideoNode, size: tuple[int, int]) -> vs.VideoNode:
    """Return `plate` at `size`, (height, width), RGBS in display code."""
    footage = read_color(plate)
    height, width = size
    # Chroma needs whole samples on the way.
    even = {"width": -(-width // 4) * 4, "height": -(-height // 4) * 4}
    shrunk = to_display_rgb(read_color(footage.clip.resize.Bicubic(**even)))
    return shrunk.resize.Bicubic(width, height)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A frame as its neighbors need it."""

    n: int
    small: Plane
    luma: Luma
    specks: Points
    edges: Plane | None
    """Of the plate."""
    outline: Plane | None


class _Measurer:
    """Measures a matte whose frames come one after another."""

    def __init__(self, *, has_plate: bool, segmentation: vs.VideoNode | None) -> None:
        self._found = Measures(has_plate=has_plate)
        self._segmentation = segmentation
        self._before: _Moment | None = None
        self._between: _Moment | None = None
        """The one before that."""
        self._left: _Moment | None = None
        """The last one before a cut that may be a flash."""

    def add(self, n: int, alpha: Plane | None, picture: Picture | None) -> None:
        """Measure frame `n`; None is a matte that is missing, or no plate."""
        if alpha is None:
            self._found.frames.append(None)
            self._found.specks.append(0)
            self._append(None, None)
            return
        small = optical_flow.shrunk(alpha, work_size(*alpha.shape))
        self._found.frames.append(measure_frame(alpha, small))
        here = _moment(n, small, find_specks(alpha), picture)
        self._found.specks.append(len(here.specks))
        self._append(here, self._change_to(here))
        self._find_flash(here)
        if self._segmentation is not None and n % LOOKED_AT_EACH == 0:
            self._found.unseen_px[n] = _unseen_px(small, self._seen(n, small.shape))

    def finish(self) -> Measures:
        """Return all that was measured."""
        self._append(None, None)
        self._found.changes.pop()
        return self._found

    def _append(self, here: _Moment | None, change: Change | None) -> None:
        """Record the change to `here`, and where the frame before it lies, which is known by now."""
        self._found.changes.append(change)
        following = here if change is not None else None
        middle = self._before
        if middle is not None and middle.edges is not None:
            self._found.gains[middle.n] = _gains(self._between, middle, following)
        self._between = middle if following is not None else None
        self._before = here

    def _change_to(self, here: _Moment) -> Change | None:
        before = self._before
        if before is None:
            return None
        lumas = before.luma, here.luma
        new = optical_flow.change(*lumas) / CUT if self._found.has_plate else 0
        both = optical_flow.motions(*lumas) if new <= 1 else None
        # Rooms may be alike: there half as much counts, if motion explains none of it.
        if both is None or (new > 1 / 2 and _is_unexplained(lumas, both)):
            self._found.cuts.append(here.n)
            self._left = self._left or before
            return None
        specks = before.specks, here.specks
        return measure_change(before.small, here.small, both, specks, self._see(before, here))

    def _find_flash(self, here: _Moment) -> None:
        """Record what lies between a cut and `here`, if that shows what was there before the cut."""
        left = self._left
        if left is None or here.n == left.n + 1 or not self._found.has_plate:
            return
        if here.n > left.n + FLASH_MOST + 1:
            self._left = None
        elif optical_flow.change(left.luma, here.luma) <= CUT / 2:
            self._found.flashes.append(range(left.n + 1, here.n))
            self._left = None

    def _see(self, before: _Moment, here: _Moment) -> See | None:
        if self._segmentation is None:
            return None
        size = here.small.shape
        return lambda: (self._seen(before.n, size), self._seen(here.n, size))

    def _seen(self, n: int, size: tuple[int, ...]) -> Plane:
        assert self._segmentation is not None  # noqa: S101 - asked for where there is one
        with self._segmentation.get_frame(n) as frame:
            return optical_flow.shrunk(np.asarray(frame[0]).copy(), (size[0], size[1]))


def luma_of(small: Plane, picture: Picture | None) -> Luma:
    """Return what motion is found on: the plate's luma, or where there is none the matte's codes."""
    if picture is None:
        return np.asarray(np.rint(np.clip(small, 0, 1) * 255), np.uint8)
    return optical_flow.luma(*(picture[..., channel] for channel in range(3)))


def _moment(n: int, small: Plane, specks: Points, picture: Picture | None) -> _Moment:
    luma = luma_of(small, picture)
    if picture is None:
        return _Moment(n, small, luma, specks, None, None)
    edges, outline = alignment.edges_of(picture), alignment.outline_of(small)
    return _Moment(n, small, luma, specks, edges, outline)


def _is_unexplained(
    lumas: tuple[Luma, Luma], both: tuple[optical_flow.Motion, optical_flow.Motion]
) -> bool:
    most = max(optical_flow.explained(*lumas, one) for one in both)
    return most < optical_flow.EXPLAINED


def _gains(before: _Moment | None, middle: _Moment, after: _Moment | None) -> tuple[float, float]:
    """Return the gain of the matte of the frame before and of the next; nothing where there is none."""

    def gain(other: _Moment | None) -> float:
        if other is None or other.outline is None or middle.outline is None or middle.edges is None:
            return float("-inf")
        return alignment.gain(middle.outline, other.outline, middle.edges)

    return gain(before), gain(after)


def _unseen_px(small: Plane, seen: Plane) -> float:
    missed = (small < MISSED) & (seen > SURE)
    extra = (small > 1 - MISSED) & (seen < 1 - SURE)
    return 2 * max(thickness(missed), thickness(extra)) * px_scale(*small.shape)


def _frames(
    matte: vs.VideoNode, plate: vs.VideoNode | None, size: tuple[int, int]
) -> Iterator[tuple[Plane, Picture | None]]:
    if plate is None:
        for frame in matte.frames(prefetch=2, close=True):
            yield np.asarray(frame[0]), None
        return
    pairs = zip(
        matte.frames(prefetch=2, close=True),
        small_rgb(plate, size).frames(prefetch=2, close=True),
        strict=True,
    )
    for frame, shown in pairs:
        yield np.asarray(frame[0]), np.dstack([np.asarray(plane) for plane in shown])
