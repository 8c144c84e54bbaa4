"""Who is who in a shot: it is looked at every few frames, and what is found becomes a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import vapoursynth as vs

from sghm_vs.clips import to_rgb_array
from sghm_vs.errors import SettingsError, SourceError, cure
from sghm_vs.filter.engines import Engines, engines_for
from sghm_vs.filter.looks import LookClips, look_clips, mask_size
from sghm_vs.filter.neighbors import IS_APART
from sghm_vs.matting.optical_flow import Motion, chained
from sghm_vs.matting.people.chains import Overlaps
from sghm_vs.matting.people.find import Found, find_people
from sghm_vs.matting.people.looks import Box, Look, box_of, look_at, overlaps
from sghm_vs.matting.people.record import Footage, People, Person, to_runs
from sghm_vs.media.readers import Source
from sghm_vs.media.readers.id_pictures import Ids, read_ids
from sghm_vs.media.readers.keys import Keys, find_keys
from sghm_vs.models.backends.base import AnyNetwork
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.weights import SHIPPED_MODEL, Weights
from sghm_vs.options import (
    LOOKS_A_SECOND,
    FrameRange,
    Guides,
    Matting,
    PeopleOptions,
    Roi,
    options_of,
)
from sghm_vs.progress import Progress
from sghm_vs.shots.people_file import digest_of
from sghm_vs.shots.shot import Prepared, prepare

WAITING = 6
"""Looks whose masks are being made while motion is found for later ones."""

type Size = tuple[int, int]
"""Width and height."""


class _Waiting(NamedTuple):
    """A look whose frames are being made."""

    n: int
    mask: Future[vs.VideoFrame]
    rgb: Future[vs.VideoFrame]
    motion: tuple[Motion, Motion] | None


def look_for_people(
    source: Source,
    prepared: Prepared,
    people_options: PeopleOptions | None = None,
    *,
    frames: FrameRange | None = None,
    progress: Progress | None = None,
) -> People:
    """
    Return who is who in `source`.

    Args:
        source: The footage.
        prepared: What finds people.
        people_options: How they are told apart, and who counts.
        frames: Of the source's; None is all.
        progress: Called with frames done and frames in all.

    Raises:
        SourceError: It has none of `frames`, or a key can't be read.
        SettingsError: The network is not a light one.
    """
    how = people_options or PeopleOptions()
    if not prepared.network.trusts_mask:
        name = prepared.description["model"]
        how_else = cure(script='Matting(model="sghm-lite")', typed="--model sghm-lite")
        msg = (
            f"people are found by a light network, in small pictures, and {name} sees a quarter of "
            f"them; give {how_else}"
        )
        raise SettingsError(msg)
    within = frames or source.frames
    if not source.frames.holds(within):
        msg = f"{source.name} has frames {source.frames}, and {within} was asked for"
        raise SourceError(msg)
    keys = None if how.id_keys is None else find_keys(how.id_keys, 0, source)
    first = within.first - source.first_number
    clip = source.clip[first : first + len(within)]
    clips = look_clips(clip, engines_of(prepared))
    size = mask_size(clips.rgb.width, clips.rgb.height)
    ids = {} if keys is None else _read_keys(keys, within, source, size)
    every = how.every or max(round(Fraction(clip.fps or 24) / LOOKS_A_SECOND), 1)
    looks, shared = _look(clips, every, within.first, ids, progress)
    found = find_people(looks, shared)
    return _recorded(source, prepared, how, within, looks, found, keys)


def looking_for_people(matting: Matting, before: Prepared | None = None) -> Prepared:
    """Return what finds people in small pictures: what was prepared `before`, if that does."""
    plain = replace(matting, guides=Guides(), debug=None)
    prepared = before or prepare(plain)
    return (
        prepared if prepared.network.trusts_mask else prepare(replace(plain, model=SHIPPED_MODEL))
    )


def engines_of(prepared: Prepared) -> Engines:
    """Return what runs its networks, for clips of one size."""

    def load(_: Weights, compute: Compute) -> AnyNetwork:
        return prepared.networks[compute]

    return engines_for(prepared.weights, prepared.matting.settings, [*prepared.networks], load=load)


def _read_keys(keys: Keys, within: FrameRange, source: Source, mask_size: Size) -> dict[int, Ids]:
    """Return what keys of the frames `within` say, by the clip's frame."""
    size = source.clip.width, source.clip.height
    return {
        number - within.first: read_ids(file, size, mask_size)
        for number, file in keys.files.items()
        if within.first <= number <= within.last
    }


class _Looking:
    """Looks at frames of a clip, one after another."""

    def __init__(self, clips: LookClips, first: int, ids: Mapping[int, Ids]) -> None:
        self.looks: list[Look] = []
        self.overlaps: Overlaps = []
        self._clips, self._first, self._ids = clips, first, ids
        self._waiting: deque[_Waiting] = deque()

    def look(self, n: int, motion: tuple[Motion, Motion] | None) -> None:
        """Have a look at frame `n`, to which `motion` leads from the look before, and back."""
        people, rgb = (clip.get_frame_async(n) for clip in (self._clips.people, self._clips.rgb))
        self._waiting.append(_Waiting(n, people, rgb, motion))
        if len(self._waiting) > WAITING:
            self._take()

    def finish(self) -> None:
        """Wait for what is still made."""
        while self._waiting:
            self._take()

    def _take(self) -> None:
        n, people, rgb, motion = self._waiting.popleft()
        with people.result() as mask, rgb.result() as picture:
            size = mask_size(picture.width, picture.height)
            small = [
                np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
                for values in (np.asarray(mask[0]), to_rgb_array(picture))
            ]
        key = self._ids.get(n)
        look = look_at(self._first + n, small[0], small[1], motion, key)
        if self.looks:
            self.overlaps.append(overlaps(self.looks[-1], look))
            look.keep_coarse()
        self.looks.append(look)


def _look(
    clips: LookClips,
    every: int,
    first: int,
    ids: Mapping[int, Ids],
    progress: Progress | None,
) -> tuple[list[Look], Overlaps]:
    """Return looks at each so-manieth frame, at keys, at scenes' first frames and at the last."""
    looking, length = _Looking(clips, first, ids), clips.rgb.num_frames
    motion: tuple[Motion, Motion] | None = None
    last, begins = 0, True
    for n, flow in enumerate(clips.flow.frames(prefetch=2 * WAITING, close=True)):
        if begins or n - last >= every or n in ids or n == length - 1:
            looking.look(n, None if begins else motion)
            motion, last, begins = None, n, False
        if flow.props[IS_APART]:
            motion, begins = None, True
        else:
            there, back = np.asarray(flow[0]).reshape(2, 3, -1, flow.width)
            motion = _gone_on(motion, there, back)
        if progress is not None:
            progress(n + 1, length)
    looking.finish()
    return looking.looks, looking.overlaps


def _gone_on(
    motion: tuple[Motion, Motion] | None, there: Motion, back: Motion
) -> tuple[Motion, Motion]:
    """Return `motion` both ways, a frame farther."""
    if motion is None:
        return there.copy(), back.copy()
    return chained(motion[0], there), chained(back, motion[1])


def _recorded(
    source: Source,
    prepared: Prepared,
    how: PeopleOptions,
    within: FrameRange,
    looks: Sequence[Look],
    found: Found,
    keys: Keys | None,
) -> People:
    """Return what was found, by the picture's own pixels."""
    size = source.clip.width, source.clip.height
    height, width = looks[0].pieces.shape
    seen = [*_seen(looks, found, (size[0] / width, size[1] / height))]
    by_person: dict[int, list[_Seen]] = {}
    for one in seen:
        by_person.setdefault(one.person, []).append(one)
    scenes = tuple(look.number for look in looks if look.begins)
    ends = [*scenes[1:], within.last + 1]
    lengths = {number: end - number for number, end in zip(scenes, ends, strict=True)}
    return People(
        footage=Footage(
            name=source.name,
            first=source.first_number,
            frames=source.clip.num_frames,
            size=size,
            digest=digest_of(source),
        ),
        first=within.first,
        last=within.last,
        made_by={**_described(prepared), **_asked(how)},
        mask_size=(width, height),
        looks=tuple(look.number for look in looks),
        scenes=scenes,
        keys={} if keys is None else dict(sorted(keys.digests.items())),
        people=tuple(
            _in_a_line(number, sights, how, lengths) for number, sights in sorted(by_person.items())
        ),
        contacts=found.contacts,
        notes=found.notes,
        boxes={
            n: {one.number: one.box for one in sights} for n, sights in sorted(by_person.items())
        },
        masks={
            n: {one.number: one.runs for one in sights} for n, sights in sorted(by_person.items())
        },
    )


class _Seen(NamedTuple):
    """Somebody at a look."""

    person: int
    number: int
    box: Box
    """In pixels of the picture."""
    size: float
    """A part of the picture."""
    runs: list[int]


def _seen(looks: Sequence[Look], found: Found, scale: tuple[float, float]) -> Iterator[_Seen]:
    for look, labels in zip(looks, found.labels, strict=True):
        for person in map(int, np.unique(labels)):
            if person:
                area = labels == person
                yield _Seen(person, look.number, _enlarged(box_of(area), scale),
                            float(area.mean()), to_runs(area))  # fmt: skip


def _enlarged(box: Box, scale: tuple[float, float]) -> Box:
    """Return `box` by pixels that are `scale` times smaller, across and down; none of it is lost."""
    left, top = (int(at * by) for at, by in zip(box[:2], scale, strict=True))
    right, bottom = (
        -int(-(at + length) * by // 1)
        for at, length, by in zip(box[:2], box[2:], scale, strict=True)
    )
    return left, top, right - left, bottom - top


def _in_a_line(
    number: int, sights: Sequence[_Seen], how: PeopleOptions, scenes: Mapping[int, int]
) -> Person:
    centers = [_center(one.box) for one in sights]
    place = tuple(round(float(np.mean(at))) for at in zip(*centers, strict=True))
    size = float(np.mean([one.size for one in sights]))
    person = Person(
        id=number,
        first=sights[0].number,
        last=sights[-1].number,
        looks=len(sights),
        size=round(size, 5),
        place=(place[0], place[1]),
    )
    return replace(person, dropped=_why_dropped(person, centers, how, scenes))


def _why_dropped(
    person: Person,
    centers: Sequence[tuple[float, float]],
    how: PeopleOptions,
    scenes: Mapping[int, int],
) -> str:
    """Return why somebody is not among all; "" if they are."""
    frames = person.last - person.first + 1
    if person.size < how.min_size:
        return f"smaller than {how.min_size:g}"
    if frames < how.min_frames and frames < scenes.get(person.first, frames + 1):
        return f"seen for fewer than {how.min_frames} frames"
    if how.within is not None and _share_inside(centers, how.within) < 0.5:
        return "outside the rectangle"
    if any(_share_inside(centers, one) > 0.5 for one in how.without):
        return "inside a rectangle that is left out"
    return ""


def _share_inside(centers: Sequence[tuple[float, float]], roi: Roi) -> float:
    left, top, width, height = roi
    inside = [left <= x < left + width and top <= y < top + height for x, y in centers]
    return float(np.mean(inside))


def _center(box: Box) -> tuple[float, float]:
    left, top, width, height = box
    return left + width / 2, top + height / 2


def _described(prepared: Prepared) -> dict[str, str]:
    """Return what tells what found people from another."""
    names = ("version", "model", "weights_sha256", "backend", "fp16", "exposure", "sc_threshold")
    return {n: prepared.description[n] for n in names if n in prepared.description}


def _asked(how: PeopleOptions) -> dict[str, str]:
    """Return what was asked for, as text."""
    return {
        option.name: str(value.name if isinstance(value, Path) else value)
        for option in options_of(PeopleOptions)
        if (value := getattr(how, option.name)) != option.default
    }
