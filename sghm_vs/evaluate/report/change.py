"""What of a matte changes from one frame to the next, where motion doesn't explain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from sghm_vs.evaluate.report.frame import (
    COVERED,
    Mask,
    Plane,
    Points,
    outline_length,
    px_scale,
    thickness,
)
from sghm_vs.matting.optical_flow import (
    Motion,
    grid,
    guided_by_mask,
    sample,
)

TRUSTED = 0.3
"""Confidence of motion from which a change counts."""
TOUCHING_PX = 6
"""How near at the working size what was there lies to what appears, to be one with it."""
LONE_PX = 4.0
"""Regions thinner than this, at the working size, are no pieces: motion is as exact."""
SOLID_AROUND = 0.9
NEAR_SPECK_PX = 2
"""How far off, at the working size, a speck may be found again."""
FAINT = 0.15
"""Alpha that is left of it where it is found."""
NEAREST, FARTHEST = 1 / 30, 1 / 8
"""Of the short side: what moves less, as far as is known, and what moves more, are taken as this."""
SHORTEST_PX = 60
"""An outline counts as no shorter than this, at the working size."""
SURE = 0.7
"""Of the network's mean probability in a region: so much is people, so much less than 1 is nobody."""

type See = Callable[[], tuple[Plane, Plane]]
"""Returns where the network sees people before and after a change, (h, w), 0-1."""
Wrong = Literal["before", "after"] | None


@dataclass(frozen=True, slots=True)
class ChangedRegion:
    """A part of the picture that appears in a matte or vanishes, at once."""

    thick_px: float
    """The diameter of the largest disc in it, of a picture whose short side is 1080."""
    appears: bool
    """Whether it is covered after the change; else it was before."""
    is_hole: bool
    """Whether it is closed in by what is covered, where it is not."""
    touches_border: bool
    box: tuple[int, int, int, int]
    """Left, top, right and bottom at the working size, in the frame after the change."""
    wrong: Wrong = None
    """Which of both mattes the network's own view contradicts; None is neither, or nobody asked."""

    def is_where(self, other: ChangedRegion, reach: int) -> bool:
        """Tell whether the boxes of both meet, as far as `reach` apart, at the working size."""
        left, top, right, bottom = self.box
        l2, t2, r2, b2 = other.box
        return left - reach < r2 and l2 - reach < right and top - reach < b2 and t2 - reach < bottom


@dataclass(frozen=True, slots=True)
class Change:
    """How a frame differs from the one before, along the motion. Lengths in px as there."""

    moved_px: float
    """How far the outline moves: the median length of motion along it."""
    unexplained_px: float
    """How far the outline lies from where motion brings the one before: the mean, either way."""
    grown_px: float
    """The same with its sign: outward is above 0."""
    plain_px: float
    """The difference without motion, over the outline's length."""
    plain_grown_px: float
    """The same with its sign."""
    gone: int
    """Specks of the frame before that have nothing of their kind in the one after."""
    new: int
    """Specks of the frame after that have nothing of their kind in the one before."""
    regions: list[ChangedRegion] = field(default_factory=list)
    """What appears or vanishes; the thickest first."""

    @property
    def thick_px(self) -> float:
        """Of the thickest region."""
        return self.regions[0].thick_px if self.regions else 0.0


def measure_change(
    before: Plane,
    after: Plane,
    both: tuple[Motion, Motion],
    specks: tuple[Points, Points],
    see: See | None = None,
) -> Change:
    """
    Return how the matte `after` differs from the one `before`.

    Args:
        before: Alpha of a frame, (h, w), 0-1, at `work_size`.
        after: Of the next.
        both: The motion from `before` to `after` and that back, of this size; see
            `optical_flow.motions`. Of the plates; where there are none, of the mattes.
        specks: Of both; see `find_specks`.
        see: Returns where the network sees people in both, asked for where a region is found.
    """
    there, back = (guided_by_mask(*one) for one in zip(both, (before, after), strict=True))
    farthest = _farthest(both)
    forward, backward = difference(after, before, back), -difference(before, after, there)
    inner = _inner(after.shape, farthest)
    known = np.where(back[2] >= TRUSTED, forward, 0)[inner]
    scale = px_scale(*after.shape)
    # So that shares of a small outline are not those of its errors.
    length = max(*(outline_length(one[inner]) for one in (before, after)), SHORTEST_PX)
    plain = after - before
    speed = np.hypot(back[0], back[1])[(after > 0.1) & (after < 0.9)]
    return Change(
        moved_px=float(scale * np.median(speed)) if speed.size else 0.0,
        unexplained_px=float(scale * np.abs(known).sum() / length),
        grown_px=float(scale * known.sum() / length),
        plain_px=float(scale * np.abs(plain).sum() / length),
        plain_grown_px=float(scale * plain.sum() / length),
        gone=lone(specks[0], after, both[0]),
        new=lone(specks[1], before, both[1]),
        regions=_regions(
            (before, after),
            forward * _is_certain(back, before, farthest),
            backward * _is_certain(there, after, farthest),
            back,
            see,
        ),
    )


def lone(specks: Points, other: Plane, motion: Motion) -> int:
    """
    Return how many specks have nothing of their kind where another frame has their place.

    Args:
        specks: Of `find_specks`.
        other: Alpha of the other frame, (h, w), 0-1, at `work_size`.
        motion: To it; see `optical_flow.motions`.
    """
    height, width = other.shape
    column, row = ((specks[:, :2] * (width, height)).astype(int)).T
    around = np.ones((2 * NEAR_SPECK_PX + 1,) * 2, np.uint8)
    most, least = cv2.dilate(other, around), cv2.erode(other, around)
    moved = motion[:2, row, column].round().astype(int)
    is_island = specks[:, 2] > 0
    is_known = np.zeros(len(specks), np.bool_)
    # Where the wall has no texture its motion says nothing of a speck: it may stand as well.
    for x, y in ((column, row), (column + moved[0], row + moved[1])):
        at = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        is_known |= np.where(is_island, most[at] > FAINT, least[at] < 1 - FAINT)
    return int(np.count_nonzero(~is_known))


def difference(own: Plane, other: Plane, motion: Motion) -> Plane:
    """
    Return `own` less `other`, where motion finds it, (h, w).

    Args:
        own: Alpha of a frame, (h, w).
        other: That of another.
        motion: From the first to the second, (3, h, w).
    """
    column, row = grid(*own.shape)
    return np.asarray(own - sample(other, column + motion[0], row + motion[1]), np.float32)


def _farthest(both: tuple[Motion, Motion]) -> float:
    """Return how far anything moves, in pixels, but for a hundredth; and no less than a little."""
    farthest = max(float(np.quantile(np.abs(motion[:2]), 0.99)) for motion in both)
    short_side = min(both[0].shape[1:])
    return float(min(max(farthest, short_side * NEAREST), short_side * FARTHEST))


def _inner(shape: tuple[int, ...], farthest: float) -> tuple[slice, slice]:
    """Return where nobody comes in or goes out: what is farther from the border than anything moves."""
    margin = round(farthest)
    return slice(margin, shape[0] - margin), slice(margin, shape[1] - margin)


def _is_certain(motion: Motion, other: Plane, farthest: float) -> Mask:
    """
    Tell where a difference to another frame is one: where motion to it is trusted, or not needed.

    It isn't where the other frame's alpha is 0, or 1, as far around as anything moves.
    """
    reach = round(farthest)
    side = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    even = (cv2.dilate(other, side) < 1 - SOLID_AROUND) | (cv2.erode(other, side) > SOLID_AROUND)
    inner = _inner(other.shape, farthest)
    certain = np.zeros(other.shape, np.bool_)
    certain[inner] = even[inner] | (motion[2][inner] >= TRUSTED)
    return certain


def _regions(
    mattes: tuple[Plane, Plane], forward: Plane, backward: Plane, back: Motion, see: See | None
) -> list[ChangedRegion]:
    """Return what appears or vanishes seen both ways: from the frame before and from the one after."""
    before, after = mattes
    found = []
    for sign in (1, -1):
        seen_back = 2 * thickness(sign * backward > COVERED)
        here = (sign * forward > COVERED).astype(np.uint8)
        thick = cv2.distanceTransform(here, cv2.DIST_L2, 5)
        if min(seen_back, 2 * float(thick.max())) < LONE_PX:
            continue
        column, row = grid(*after.shape)
        moved = sample(before, column + back[0], row + back[1])
        views = None if see is None else see()
        number, labels, _, _ = cv2.connectedComponentsWithStats(here, connectivity=4)
        for label in range(1, number):
            mask = labels == label
            diameter = min(2 * float(thick[mask].max()), seen_back)
            if diameter < LONE_PX:
                continue
            # Around it where it is not covered: after the change if it vanishes, before if it appears.
            is_hole = _is_closed_in(mask, after if sign < 0 else moved)
            wrong = None if views is None else _wrong(mask, views, appears=sign > 0)
            found.append(_region(mask, diameter, wrong, appears=sign > 0, is_hole=is_hole))
    return sorted(found, key=lambda region: -region.thick_px)


def _region(
    mask: Mask, diameter: float, wrong: Wrong, *, appears: bool, is_hole: bool
) -> ChangedRegion:
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    edge = TOUCHING_PX
    touches = left < edge or top < edge or right > width - edge or bottom > height - edge
    return ChangedRegion(
        diameter * px_scale(height, width),
        appears,
        is_hole,
        bool(touches),
        (int(left), int(top), int(right), int(bottom)),
        wrong,
    )


def _is_closed_in(mask: Mask, alpha: Plane) -> bool:
    side = 2 * TOUCHING_PX + 1
    around = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    ring = around & ~mask
    return bool(ring.any()) and float(alpha[ring].mean()) > SOLID_AROUND


def _wrong(mask: Mask, views: tuple[Plane, Plane], *, appears: bool) -> Wrong:
    """Return which matte the network contradicts in a region: it sees people there, or nobody."""
    before, after = (float(view[mask].mean()) for view in views)
    if not appears:
        before, after = 1 - before, 1 - after
    # What appears is covered after, and was not before.
    if max(before, after) < 1 - SURE:
        return "after"
    return "before" if min(before, after) > SURE else None
