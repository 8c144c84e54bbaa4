"""A frame that is looked at: its pieces, their colors, and how they move from the look before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.guides import distance
from sghm_vs.matting.optical_flow import Motion, Plane, grid, guided_by_mask, resized, sample

type Labels = NDArray[np.uint8]
"""(h, w): 0 is nobody, 1 and up are pieces or people."""
type Area = NDArray[np.bool_]
"""(h, w)."""
type Colors = NDArray[np.float32]
"""(3, bins): how often each color is in the upper, the middle and the lower third of somebody."""
type Coarse = NDArray[np.float16]
"""A motion, kept in less."""
type Box = tuple[int, int, int, int]
"""Left, top, width and height."""

LEAST = 0.0006
"""Of the picture; a smaller piece is nobody."""
PIECES_MAX = 254
SHARED = 0.25
"""Of the smaller of two pieces; so much of it lies in the other once it is moved, and they are one."""
LIGHTS, HUES = 8, 12
"""Bins of L* and of a* and b* each, these from -48 to 48."""
BINS = LIGHTS * HUES * HUES
THIRDS = 3


@dataclass(eq=False)
class Look:
    """What was seen of a frame; small, all of one size."""

    number: int
    pieces: Labels
    bins: NDArray[np.uint16]
    """(h, w): which color each pixel is, by its bin."""
    motion: tuple[Motion, Motion] | tuple[Coarse, Coarse] | None = None
    """From the look before to this one, and back; None where a scene begins."""
    keyed: Mapping[int, int] = field(default_factory=dict)
    """The number that somebody gave to a piece."""

    @property
    def begins(self) -> bool:
        """Whether a scene begins: nobody in it is followed from before."""
        return self.motion is None

    @property
    def there(self) -> Motion | None:
        """The motion from the look before to this one, of the size of `pieces`."""
        return None if self.motion is None else self._enlarged(self.motion[0])

    @property
    def back(self) -> Motion | None:
        """The motion from this look to the one before, of the size of `pieces`."""
        return None if self.motion is None else self._enlarged(self.motion[1])

    def keep_coarse(self) -> None:
        """Keep the motion at half the size, which serves as well where labels are carried."""
        if self.motion is not None:
            height, width = self.pieces.shape
            size = max(height // 2, 1), max(width // 2, 1)
            there, back = (resized(self._enlarged(one), size) for one in self.motion)
            self.motion = there.astype(np.float16), back.astype(np.float16)

    def _enlarged(self, motion: Motion | Coarse) -> Motion:
        return resized(motion.astype(np.float32, copy=False), self.pieces.shape)

    def area(self, piece: int) -> Area:
        """Return where `piece` is."""
        return np.asarray(self.pieces == piece, np.bool_)

    def present(self) -> list[int]:
        """Return the pieces that there are."""
        counts = np.bincount(self.pieces.ravel())
        return [int(piece) for piece in np.nonzero(counts)[0] if piece]

    def fuse(self, piece: int, into: int) -> None:
        """Make `piece` a part of another."""
        self.pieces[self.pieces == piece] = into


def look_at(
    number: int,
    people: Plane,
    picture: NDArray[np.float32],
    motion: tuple[Motion, Motion] | None = None,
    key: Labels | None = None,
) -> Look:
    """
    Return what is seen of a frame.

    Args:
        number: Of the frame.
        people: How likely somebody is there, (h, w), 0-1, 0.5 at their outline.
        picture: Display-coded RGB, (h, w, 3), 0-1.
        motion: From the look before to this one, and back, (3, h, w) each; None where a scene begins.
        key: What somebody says of who is where, (h, w): a person's number, or 0 where nothing is said.
    """
    mask = people > 0.5
    pieces = pieces_of(mask)
    keyed: dict[int, int] = {}
    if key is not None and key.any():
        pieces, keyed = _divided(pieces, key)
    return Look(number, pieces, color_bins(picture), motion, keyed)


def pieces_of(mask: Area) -> Labels:
    """Return the connected pieces of `mask`, from left to right, without those that are too small."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= LEAST * mask.size]
    large = sorted(large, key=lambda n: -stats[n, cv2.CC_STAT_AREA])[:PIECES_MAX]
    numbers = np.zeros(count, np.uint8)
    for number, n in enumerate(sorted(large, key=lambda n: (stats[n, 0], stats[n, 1], n)), start=1):
        numbers[n] = number
    return np.asarray(numbers[labels], np.uint8)


def color_bins(picture: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the bin of each color of `picture`, display-coded RGB (h, w, 3), 0-1."""
    codes = np.rint(np.clip(np.nan_to_num(picture), 0, 1) * 255).astype(np.uint8)
    lab = cv2.cvtColor(cv2.GaussianBlur(codes, (3, 3), 0), cv2.COLOR_RGB2LAB).astype(np.int32)
    light = lab[..., 0] * LIGHTS // 256
    a, b = (np.clip((lab[..., n] - 128) // 8 + HUES // 2, 0, HUES - 1) for n in (1, 2))
    return ((light * HUES + a) * HUES + b).astype(np.uint16)


def colors_of(look: Look, piece: int) -> Colors:
    """Return the colors of a piece, counted in thirds of its height."""
    rows, columns = np.nonzero(look.area(piece))
    top, height = rows.min(), np.ptp(rows) + 1
    third = (rows - top) * THIRDS // height
    flat = third * BINS + look.bins[rows, columns]
    counts = np.bincount(flat, minlength=THIRDS * BINS)
    return counts.reshape(THIRDS, BINS).astype(np.float32)


def spread(colors: Colors) -> Colors:
    """Return `colors` as shares of 1, with something of each in the bins around it."""
    cube = colors.reshape(-1, LIGHTS, HUES, HUES)
    for axis in (1, 2, 3):
        before, after = (np.roll(cube, by, axis) for by in (1, -1))
        first, last = (tuple(np.s_[:] if n != axis else end for n in range(4)) for end in (0, -1))
        before[first], after[last] = cube[first], cube[last]
        cube = 0.25 * before + 0.5 * cube + 0.25 * after
    flat = cube.reshape(colors.shape)
    return np.asarray(flat / np.maximum(flat.sum(-1, keepdims=True), 1e-6), np.float32)


def likeness(one: Colors, other: Colors) -> float:
    """
    Return how alike the colors of two are, 0-1; both as `spread` returns them.

    Source:
        The coefficient of Bhattacharyya (1943), here the mean over thirds of the height.
    """
    return float(np.sqrt(one * other).sum(-1).mean())


def overlaps(before: Look, after: Look) -> NDArray[np.float32]:
    """
    Return how many pixels pieces of two looks share along the motion, (pieces, pieces), from 1 on.

    Those that share less than `SHARED` of the smaller one count as 0.
    """
    sizes = [np.bincount(look.pieces.ravel(), minlength=1) for look in (before, after)]
    shared = np.zeros((len(sizes[0]), len(sizes[1])), np.float32)
    there, back = after.there, after.back
    if there is not None and back is not None:
        forward = _seen(after.pieces, _of_people(there, before))
        backward = _seen(before.pieces, _of_people(back, after))
        for one, other in ((before.pieces, forward), (backward, after.pieces)):
            pairs = one.astype(np.intp) * shared.shape[1] + other
            shared += np.bincount(pairs.ravel(), minlength=shared.size).reshape(shared.shape) / 2
    least = np.minimum(sizes[0][:, None], sizes[1][None])
    shared[(shared < SHARED * least) | (least == 0)] = 0
    shared[0] = shared[:, 0] = 0
    return shared


def box_of(area: Area) -> Box:
    """Return the smallest box around `area`, which is not empty."""
    left, top, width, height = cv2.boundingRect(area.astype(np.uint8))
    return left, top, width, height


def gap(one: Area, other: Area) -> float:
    """Return how many pixels lie between two areas."""
    return float(distance_to(one)[other].min())


def distance_to(area: Area) -> Plane:
    """Return how far each pixel is from `area`, (h, w), 0 within it."""
    return distance(~area)


def moved(plane: Plane, motion: Motion) -> Plane:
    """Return what `plane` shows where `motion`, of its size, leads from each pixel."""
    column, row = grid(*plane.shape)
    return sample(plane, column + motion[0], row + motion[1])


def _of_people(motion: Motion, look: Look) -> Motion:
    return guided_by_mask(motion, (look.pieces > 0).astype(np.float32))


def _seen(labels: Labels, motion: Motion) -> Labels:
    height, width = labels.shape
    column, row = grid(height, width)
    x = np.clip(np.rint(column + motion[0]), 0, width - 1).astype(np.intp)
    y = np.clip(np.rint(row + motion[1]), 0, height - 1).astype(np.intp)
    return np.asarray(labels[y, x], np.uint8)


def _divided(pieces: Labels, key: Labels) -> tuple[Labels, dict[int, int]]:
    """
    Return `pieces` divided as `key` says, and which person each of those is that it speaks of.

    What of a piece is not painted belongs to who is painted nearest in it.
    """
    parts = np.zeros(pieces.shape, np.int32)
    # Whoever is painted is there, seen or not.
    parts[key > 0] = key[key > 0]
    for piece in np.unique(pieces[(pieces > 0) & (key > 0)]):
        area = pieces == piece
        parts[area] = _nearest(np.where(area, key, 0))[area]
    rest = np.where(parts > 0, 0, pieces)
    numbers = [int(number) for number in np.unique(parts) if number]
    others = [int(piece) for piece in np.unique(rest) if piece][: PIECES_MAX - len(numbers)]
    divided = np.zeros_like(pieces)
    for at, number in enumerate(numbers, start=1):
        divided[parts == number] = at
    for at, piece in enumerate(others, start=len(numbers) + 1):
        if (rest == piece).sum() >= LEAST * pieces.size:
            divided[rest == piece] = at
    return divided, dict(enumerate(numbers, start=1))


def _nearest(labels: Labels) -> Labels:
    """Return the label that is nearest to each pixel."""
    numbers = [int(number) for number in np.unique(labels) if number]
    distances = [distance_to(labels == number) for number in numbers]
    return np.asarray(numbers, np.uint8)[np.argmin(distances, axis=0)]
