"""Who is who, as clips: what of an alpha is each person's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import (
    blank_like,
    blank_of_any_size,
    computed,
    read_once,
    to_gray_frame,
    to_rgb_frame,
)
from sghm_vs.color import convert
from sghm_vs.errors import SettingsError, UnsupportedClipError, counted
from sghm_vs.matting.optical_flow import Plane
from sghm_vs.matting.people import shares
from sghm_vs.matting.people.choice import choose
from sghm_vs.matting.people.looks import Box
from sghm_vs.matting.people.record import People, read_people
from sghm_vs.matting.people.shares import Numbers, Owners, Picture
from sghm_vs.options import parse_person

type Share = Callable[[Plane, Owners], Plane]
"""Where people touch."""
type ShareFar = Callable[[Plane, Numbers], Plane]
"""Elsewhere: by who is nearest."""

BOX = "SghmBox"
"""A prop: the part of the picture that a frame is of."""


@dataclass(frozen=True)
class ToldApart:
    """The people of a clip, of whom some are meant."""

    people: People
    ids: tuple[int, ...]
    """Who is meant."""
    contacts: vs.VideoNode
    """RGBS of the clip's length, no color, of the size of what is in it: see `shares.TouchingArea`."""

    def of_all(self, alpha: vs.VideoNode) -> vs.VideoNode:
        """Return what of `alpha`, GRAYS, is that of who is meant, all together."""
        return self._shared(
            alpha,
            lambda values, numbers: shares.share_of_nearest(values, numbers, self.ids),
            lambda values, whose: shares.share_of(values, whose, self.ids),
        )

    def of(self, person: int, alpha: vs.VideoNode) -> vs.VideoNode:
        """Return what of `alpha`, GRAYS, which is that of all who are meant, is one person's."""
        return self._shared(
            alpha,
            lambda values, numbers: shares.share_of_nearest(values, numbers, (person,)),
            lambda values, whose: shares.share_among(values, whose, person, self.ids),
        )

    def view(self, alpha: vs.VideoNode) -> vs.VideoNode:
        """
        Return whose each pixel is, GRAYS of the size of `alpha`.

        Nobody's is 0; everybody has a gray of their own, in the order of ids, the last one white. Where
        people touch it is mixed as their shares are.
        """
        shades = {
            one.id: at / len(self.people.people) for at, one in enumerate(self.people.people, 1)
        }
        return self._shared(
            alpha.std.RemoveFrameProps("SghmCoverage"),
            lambda values, numbers: shares.shaded_nearest(values.shape, numbers, shades),
            lambda _, whose: shares.shaded(whose, shades),
        )

    def _shared(self, alpha: vs.VideoNode, share_far: ShareFar, share: Share) -> vs.VideoNode:
        people = self.people

        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            values = np.asarray(frames[0][0])
            distances = shares.distances_at(people, _number(people, n))
            numbers = shares.nearest_person(distances, people.mask_size)
            found = share_far(values, numbers)
            for contact in frames[1:]:
                if BOX in contact.props:
                    left, top, width, height = contact.props[BOX]
                    box = np.s_[top : top + height, left : left + width]
                    whose = Owners(*(np.asarray(plane) for plane in contact))
                    found[box] = share(values[box], whose)
            frame = to_gray_frame(found, frames[0].props)
            if "SghmCoverage" in frame.props:
                frame.props["SghmCoverage"] = float(found.mean(dtype=np.float64))
            return frame

        once, first = read_once(alpha), people.footage.first
        alone = computed(blank_like(alpha), [once], make)
        close = computed(blank_like(alpha), [once, self.contacts], make)
        return blank_like(alpha).std.FrameEval(
            lambda n: close if people.are_close(n + first) else alone, clip_src=[alone, close]
        )


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
    return ToldApart(people, tuple(ids), _contacts(clip, people))


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


def _contacts(clip: vs.VideoNode, people: People) -> vs.VideoNode:
    """Return whose the pixels of `clip` are where people touch."""
    rgb = convert.to_viewed_rgb(convert.read_color(clip))
    size = clip.height, clip.width

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        def crop(box: Box) -> Picture:
            left, top, width, height = box
            planes = [
                np.asarray(plane)[top : top + height, left : left + width] for plane in frames[0]
            ]
            return np.stack(planes, axis=2)

        found = shares.contact_of(shares.distances_at(people, _number(people, n)), size, crop)
        if found is None:
            return to_rgb_frame(np.zeros((1, 1, 3), np.float32), {})
        return to_rgb_frame(np.stack(found.whose, axis=2), {BOX: found.box})

    return computed(blank_of_any_size(clip, vs.RGBS), [read_once(rgb)], make)


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
