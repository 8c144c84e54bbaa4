"""Who is who, as clips: what of an alpha is each person's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import blank_like, computed, read_once, to_gray_frame, to_rgb_array, uncached
from sghm_vs.color import convert
from sghm_vs.errors import SettingsError, UnsupportedClipError, counted
from sghm_vs.matting.optical_flow import Plane
from sghm_vs.matting.people import shares
from sghm_vs.matting.people.choice import choose
from sghm_vs.matting.people.record import People, read_people
from sghm_vs.matting.people.shares import Owners
from sghm_vs.options import parse_person

type Share = Callable[[Plane, Owners], Plane]


@dataclass(frozen=True)
class ToldApart:
    """The people of a clip, of whom some are meant."""

    people: People
    ids: tuple[int, ...]
    """Who is meant."""
    owners: vs.VideoNode
    """RGBS of the clip's size and length, no color: whose each pixel is; see `shares.Owners`."""

    def of_all(self, alpha: vs.VideoNode) -> vs.VideoNode:
        """Return what of `alpha`, GRAYS, is that of who is meant, all together."""
        return self._shared(alpha, lambda values, whose: shares.share_of(values, whose, self.ids))

    def of(self, person: int, alpha: vs.VideoNode) -> vs.VideoNode:
        """Return what of `alpha`, GRAYS, which is that of all who are meant, is one person's."""
        return self._shared(
            alpha, lambda values, whose: shares.share_among(values, whose, person, self.ids)
        )

    def _shared(self, alpha: vs.VideoNode, share: Share) -> vs.VideoNode:
        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            values, whose = frames
            found = share(np.asarray(values[0]), Owners(*map(np.asarray, whose)))
            frame = to_gray_frame(found, values.props)
            if "SghmCoverage" in frame.props:
                frame.props["SghmCoverage"] = float(found.mean(dtype=np.float64))
            return frame

        return computed(blank_like(alpha), [read_once(alpha), self.owners], make)


def tell_apart(clip: vs.VideoNode, people: People, ids: Sequence[int]) -> ToldApart:
    """
    Return the people of `clip`, of whom `ids` are meant.

    Raises:
        UnsupportedClipError: The file is of a clip of another size or length.
    """
    footage = people.footage
    found, needed = (
        f"{width}x{height} with {counted(length, 'frame')}"
        for (width, height), length in (
            ((clip.width, clip.height), clip.num_frames),
            (footage.size, footage.frames),
        )
    )
    if found != needed:
        msg = (
            f"the file of who is who is of {footage.name}, {needed}, and the clip is {found}; give "
            "the whole clip, and cut the alpha"
        )
        raise UnsupportedClipError(msg)
    return ToldApart(people, tuple(ids), _owners(clip, people))


def read_told_apart(clip: vs.VideoNode, path: str | Path, person: str) -> ToldApart:
    """
    Return the people of `clip` as the file at `path` tells them apart, and of them who is meant.

    Raises:
        SourceError: The file can't be read, or is something else.
        SettingsError: Nobody is meant.
        UnsupportedClipError: It is of another clip.
    """
    people = read_people(path)
    return tell_apart(clip, people, choose(people, parse_person(person)))


def _owners(clip: vs.VideoNode, people: People) -> vs.VideoNode:
    """Return whose each pixel of `clip` is; its colors are asked for where people are close alone."""
    like = uncached(clip.std.BlankClip(format=vs.RGBS, keep=True))
    rgb = convert.to_viewed_rgb(convert.read_color(clip))
    size, first = (clip.height, clip.width), people.footage.first

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        distances = shares.distances_at(people, _number(people, n))
        picture = to_rgb_array(frames[0]) if frames[0].format.id == vs.RGBS else None
        whose = shares.owners(distances, size, picture)
        frame = vs.core.create_video_frame(like.format, like.width, like.height)
        for plane, values in zip(frame, whose, strict=True):
            np.copyto(np.asarray(plane), values)
        return frame

    alone = computed(like, [uncached(clip.std.BlankClip(format=vs.GRAY8, keep=True))], make)
    close = computed(like, [read_once(rgb)], make)
    return like.std.FrameEval(
        lambda n: close if people.are_close(n + first) else alone, clip_src=[alone, close]
    )


def _number(people: People, n: int) -> int:
    """Return the footage's number of a clip's frame."""
    number = n + people.footage.first
    if not people.first <= number <= people.last:
        msg = (
            f"frame {number} is not among those that the file of who is who speaks of, "
            f"{people.first}-{people.last}; make it anew of all frames"
        )
        raise SettingsError(msg)
    return number
