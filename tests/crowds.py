"""Drawn shots of several people whose masks are known: who is who can be scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.matting import optical_flow
from sghm_vs.matting.optical_flow import Motion
from sghm_vs.matting.people.chains import Overlaps
from sghm_vs.matting.people.find import Found, find_people
from sghm_vs.matting.people.looks import Box, Look, box_of, look_at, overlaps
from sghm_vs.matting.people.record import Footage, People, Person, from_runs, to_runs
from sghm_vs.media.readers import Source
from sghm_vs.shots.people_file import digest_of
from tests.scenes import HEIGHT, WIDTH, clips, disk, scene
from tests.scenes import Person as Walker

EVERY = 3
MASK_SIZE = WIDTH // 2, HEIGHT // 2

type Draw = Callable[[int], Sequence[Walker]]
"""Returns who is there in a frame, from back to front, each where they are in it."""


def walker(n: int, start: float, step: float, *, y: float = 88, **how: object) -> Walker:
    """Return somebody who walks sideways, in frame `n`."""
    return Walker(at=(start + n * step, y), step=(0, 0), **how)


def parts(people: Sequence[Walker]) -> list[NDArray[np.float32]]:
    """Return what is seen of each of `people`, from back to front."""
    alphas = [disk(*person.at, person.radius) for person in people]
    seen = []
    for place, alpha in enumerate(alphas):
        for nearer in alphas[place + 1 :]:
            alpha = alpha * (1 - nearer)
        seen.append(alpha)
    return seen


def truth(people: Sequence[Walker]) -> NDArray[np.uint8]:
    """Return who is where, (h, w) of the masks' size, by texture; 0 is nobody."""
    small = [cv2.resize(one, MASK_SIZE, interpolation=cv2.INTER_AREA) for one in parts(people)]
    if not small:
        return np.zeros(MASK_SIZE[::-1], np.uint8)
    numbers = np.asarray([person.texture for person in people], np.uint8)
    most = np.argmax(small, axis=0)
    return np.where(np.add.reduce(small) > 0.5, numbers[most], 0).astype(np.uint8)


def found(
    draw: Draw,
    length: int,
    *,
    every: int = EVERY,
    keys: Mapping[int, NDArray[np.uint8]] | None = None,
    cuts: Sequence[int] = (),
    hide: tuple[slice, slice] | None = None,
) -> tuple[list[Look], Found]:
    """
    Return looks at a drawn shot, by its true masks and its real motion, and who is who in it.

    Behind `hide`, a part of the masks, nobody is seen.
    """
    looks: list[Look] = []
    shared: Overlaps = []
    motion: tuple[Motion, Motion] | None = None
    before = None
    for n in range(length):
        picture, alpha = scene(n, [*draw(n)], wall=len([one for one in cuts if one <= n]))
        luma = optical_flow.small_luma(*np.moveaxis(picture, 2, 0))
        if before is not None and n not in cuts:
            there, back = optical_flow.motions(before, luma)
            motion = (
                (there, back)
                if motion is None
                else (optical_flow.chained(motion[0], there), optical_flow.chained(back, motion[1]))
            )
        begins = n in (0, *cuts)
        if begins or n % every == 0 or n == length - 1 or n in (keys or {}):
            small = [
                cv2.resize(one, MASK_SIZE, interpolation=cv2.INTER_AREA) for one in (alpha, picture)
            ]
            if hide is not None:
                small[0][hide] = 0
            look = look_at(n, small[0], small[1], None if begins else motion, (keys or {}).get(n))
            if looks:
                shared.append(overlaps(looks[-1], look))
                look.keep_coarse()
            looks.append(look)
            motion = None
        before = luma
    return looks, find_people(looks, shared)


def ids_of(looks: Sequence[Look], who: Found, draw: Draw) -> dict[int, list[int]]:
    """Return by texture, in order of looks, as whom somebody is seen for the most part; 0 as nobody."""
    said: dict[int, list[int]] = {}
    for look, labels in zip(looks, who.labels, strict=True):
        true = truth([*draw(look.number)])
        for texture in np.unique(true[true > 0]):
            counts = np.bincount(labels[true == texture])
            said.setdefault(int(texture), []).append(int(counts.argmax()))
    return said


def switches(ids: Sequence[int]) -> int:
    """Return how often somebody becomes somebody else."""
    return sum(1 for one, other in pairwise(ids) if one != other)


def clip_of(draw: Draw, length: int) -> vs.VideoNode:
    """Return the drawn shot, RGBS."""
    return clips(length, lambda n: scene(n, [*draw(n)]))[0]


def people_of(draw: Draw, length: int, source: Source, every: int = EVERY) -> People:
    """Return the file of who is who that a drawn shot should have: ids are textures."""
    numbers = sorted({*range(0, length, every), length - 1})
    first = source.first_number
    masks: dict[int, dict[int, list[int]]] = {}
    boxes: dict[int, dict[int, Box]] = {}
    for n in numbers:
        labels = truth([*draw(n)])
        for person in map(int, np.unique(labels[labels > 0])):
            area = labels == person
            left, top, width, height = box_of(area)
            masks.setdefault(person, {})[first + n] = to_runs(area)
            boxes.setdefault(person, {})[first + n] = (2 * left, 2 * top, 2 * width, 2 * height)
    return People(
        footage=Footage(
            name=source.name,
            first=first,
            frames=length,
            size=(WIDTH, HEIGHT),
            digest=digest_of(source),
        ),
        first=first,
        last=first + length - 1,
        made_by={},
        mask_size=MASK_SIZE,
        looks=tuple(first + n for n in numbers),
        scenes=(first,),
        people=tuple(
            Person(
                id=person,
                first=min(found),
                last=max(found),
                looks=len(found),
                size=float(np.mean([from_runs(one, MASK_SIZE).mean() for one in found.values()])),
                place=(WIDTH // 2, HEIGHT // 2),
            )
            for person, found in sorted(masks.items())
        ),
        boxes=boxes,
        masks=masks,
    )


def write_shot(folder: Path, draw: Draw, numbers: range) -> Path:
    """Write a drawn shot as PNG files p.0101.png and so on; return their pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, number in enumerate(numbers):
        picture, _ = scene(n, [*draw(n)])
        codes = np.rint(picture[..., ::-1] * 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"p.{number:04d}.png"), codes)
    return folder / "p.####.png"
