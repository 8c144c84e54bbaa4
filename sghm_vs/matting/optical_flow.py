"""How a picture and the people in it move to the next: dense optical flow, its confidence, and cuts."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

type Luma = NDArray[np.uint8]
"""(h, w), codes of 255; for motion, of a part of the picture's size."""
type Plane = NDArray[np.float32]
type Motion = NDArray[np.float32]
"""(3, h, w): where each pixel of one luma lies in another: x and y in pixels, and confidence, 0-1."""

FINEST_SCALE = 1
"""Where the search for motion ends: at half of the size of a luma that is half the picture's."""
QUARTER_FROM_PX = 960
"""Of a picture's longer side: from here on motion has the size that its search ends at, a quarter."""

WEIGHTS_OF_RGB = (0.2126, 0.7152, 0.0722)
"""ITU-R BT.709."""

SHORTEST_SIDE_PX = 32
"""OpenCV's DIS refuses what is under 12 px, and crashed on 12x48 and on 16x300."""

ROUND_TRIP_PX = 0.5
"""Forward-backward error, in pixels of where the search ends, at which flow confidence falls to 0.6."""
ROUND_TRIP_OF_LENGTH = 0.05
"""Added to it as a part of the motion's length: fast motion is known less exactly."""
PHOTOMETRIC_CODES = 6.0
"""Difference in luma, codes of 255 and without noise, at which flow confidence falls to 0.6."""
NOISE_MAX = 14 / 255
"""Sigma of a difference of two pictures; what is more comes of lost motion."""

THUMB_PX = (32, 18)
CHANGE_OF_CUT = 0.25
"""Mean difference in luma, 0-1, that counts as a complete change."""

CHANGED_CODES = 10
"""Of 255. Less is grain, or light."""
EXPLAINED = 0.1
"""A share of what changed; less than this is explained by motion neither way where a shot ends."""

CELLS = 80
"""On a plane's longer side. So coarse is the motion of people: it varies slowly."""
AROUND_CELLS = 5
"""The sigma of what counts as beside, a sixteenth of that side."""
APART_PX = 1.0
"""Deviation, in pixels, of the motion around from its mean at which its confidence falls to 0.6."""
APART_OF_LENGTH = 0.05
"""The same as a part of the way."""
PERSON = 0.5
"""More than this is one."""
PEOPLE_AROUND = 0.1
"""A share. Where people are less of what is beside, their motion counts less; at half of it, not."""
TINY = 1e-6


def small_luma(red: Plane, green: Plane, blue: Plane) -> Luma:
    """Return the luma of display-coded planes (h, w), 0-1, as codes of 255, as small as motion is."""
    return luma(*map(small, (red, green, blue)))


def small(plane: Plane) -> Plane:
    """Return `plane` (h, w) at the size that motion has of a picture of its size."""
    height, width = plane.shape
    by = 2 << coarseness(height, width)
    return shrunk(plane, (max(height // by, 1), max(width // by, 1)))


def coarseness(height: int, width: int) -> int:
    """Return 1 where motion has a quarter of a picture's size, and 0 where it has half of it."""
    return int(max(height, width) >= QUARTER_FROM_PX)


def luma(red: Plane, green: Plane, blue: Plane) -> Luma:
    """Return the luma of display-coded planes (h, w), 0-1, as codes of 255."""
    planes = zip(WEIGHTS_OF_RGB, (red, green, blue), strict=True)
    # NaN is 0, as for the network.
    shown = np.nan_to_num(sum(weight * plane for weight, plane in planes))
    return np.asarray(np.rint(np.clip(shown, 0, 1) * 255), np.uint8)


def change(before: Luma, after: Luma) -> float:
    """
    Return how much of the picture is new, 0-1: 0.1 and more is a cut.

    Compared are thumbnails, each cell with the range of its neighbors in the other picture, so
    that motion by up to a cell (a 32nd of the width) counts for little.
    """
    if before.shape != after.shape:
        return 1.0
    first, second = (
        np.asarray(cv2.resize(codes, THUMB_PX, interpolation=cv2.INTER_AREA), np.uint8)
        for codes in (before, after)
    )
    new = max(_outside_range(first, second), _outside_range(second, first))
    return min(new / (255 * CHANGE_OF_CUT), 1.0)


def explained(before: Luma, after: Luma, motion: Motion) -> float:
    """Return the share of what changes from `before` to `after` that the `motion` explains, 0-1."""
    changed = cv2.absdiff(before, after)
    changed[changed < CHANGED_CODES] = 0
    weights = changed.astype(np.float32)
    return float((weights * motion[2]).sum() / max(weights.sum(), 1))


def motions(
    before: Luma, after: Luma, *, finest_scale: int = FINEST_SCALE
) -> tuple[Motion, Motion]:
    """
    Return the motion from `before` to `after` and that from `after` to `before`.

    Args:
        before: Not moved yet.
        after: Of the same size.
        finest_scale: How often that is halved where the search ends.
    """
    there, back = (
        displacement(one, other, _search(finest_scale))
        for one, other in ((before, after), (after, before))
    )
    return (
        np.stack([*there, _trust(before, after, there, back, finest_scale)]),
        np.stack([*back, _trust(after, before, back, there, finest_scale)]),
    )


def chained(first: Motion, second: Motion) -> Motion:
    """Return `first` followed by `second`; the product of both is its confidence."""
    column, row = grid(*first.shape[1:])
    onward = sample(cv2.merge([*second]), column + first[0], row + first[1])
    x, y, confidence = cv2.split(onward)
    return np.stack([first[0] + x, first[1] + y, first[2] * confidence])


def guided_by_mask(motion: Motion, people: Plane) -> Motion:
    """
    Return `motion` as the outlines of people move: where it is not trusted, as people beside do.

    An outline goes with the person and not with the wall. There flow mixes both, and what a person
    hides or uncovers has none; but how the person moves is known well just inside.

    Args:
        motion: Of a picture, of any size.
        people: Where they are in it, (h, w), above 0.5. The motion comes at this size.
    """
    motion = resized(motion, people.shape)
    if not (people > PERSON).any():
        return motion
    height, width = people.shape
    cells = min(CELLS / max(height, width), 1)
    size = max(round(width * cells), 1), max(round(height * cells), 1)
    some = cv2.resize(cv2.merge([*motion, people]), size, interpolation=cv2.INTER_NEAREST_EXACT)
    *known, person = cv2.split(some)
    around = _mean_of_people(np.stack(known), (person > PERSON).astype(np.float32))
    beside = np.stack(cv2.split(cv2.resize(cv2.merge([*around]), (width, height))))
    column, row = grid(height, width)
    beside[2] *= _is_inside(column + beside[0], row + beside[1])
    return np.where(beside[2] > motion[2], beside, motion)


def resized(motion: Motion, size: tuple[int, ...]) -> Motion:
    """Return `motion` at another `size`, (height, width), in pixels of that."""
    if motion.shape[1:] == size:
        return motion
    across, down = size[1] / motion.shape[2], size[0] / motion.shape[1]
    kind = cv2.INTER_AREA if across < 1 and down < 1 else cv2.INTER_LINEAR
    found = np.empty((3, *size), np.float32)
    for part, into in zip(motion, found, strict=True):
        cv2.resize(part, size[::-1], dst=into, interpolation=kind)
    found[0] *= across
    found[1] *= down
    return found


def shrunk(plane: Plane, size: tuple[int, ...]) -> Plane:
    """Return `plane` (h, w) at a smaller `size`, (height, width): means of blocks."""
    if plane.shape == size:
        return plane
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA), np.float32)


def displacement(before: Luma, after: Luma, search: cv2.DISOpticalFlow) -> NDArray[np.float32]:
    """
    Return where each pixel of `before` lies in `after`: x and y in pixels from it, (2, h, w).

    Args:
        before: Not moved yet.
        after: Of the same size.
        search: For this call alone: it holds buffers, and frames run on several threads.

    Source:
        Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, in OpenCV.
    """
    height, width = before.shape
    bottom, right = max(SHORTEST_SIDE_PX - height, 0), max(SHORTEST_SIDE_PX - width, 0)
    first, second = (
        cv2.copyMakeBorder(codes, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        for codes in (before, after)
    )
    none = np.zeros((*first.shape, 2), np.float32)
    found = search.calc(first, second, none)
    return np.ascontiguousarray(found[:height, :width].transpose(2, 0, 1), np.float32)


def noise(difference: NDArray[np.float32]) -> float:
    """
    Return the sigma of what changes from pixel to pixel, at most `NOISE_MAX`.

    Args:
        difference: Of two pictures (h, w) or (h, w, c), 0-1 each, along the motion.
    """
    local = np.abs(difference[::4, ::4] - cv2.blur(difference, (3, 3))[::4, ::4])
    # A sixteenth of the pixels tell as much, in less time.
    # Of normal noise the median is .6745 sigma, and a mean of nine takes a ninth of the energy.
    return min(float(np.median(local)) / 0.6745 * float(np.sqrt(9 / 8)), NOISE_MAX)


def sample(planes: NDArray[np.float32], x: Plane, y: Plane) -> NDArray[np.float32]:
    """Return `planes` (h, w) or (h, w, c) at the points `x`, `y`, in pixels, of any one shape (r, s)."""
    found = cv2.remap(planes, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Return the x and the y of each pixel, (height, width) each."""
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.broadcast_to(x, (height, width)), np.broadcast_to(y[:, None], (height, width))


def _search(finest_scale: int) -> cv2.DISOpticalFlow:
    """Return a search for motion: finer than OpenCV's fast one, and not smoothed after it."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(finest_scale)
    search.setVariationalRefinementIterations(0)
    return search


def _mean_of_people(motion: Motion, person: Plane) -> Motion:
    """
    Return how the people around each cell move, trusted as far as they move as one.

    Source:
        Means of what is known alone: Knutsson and Westin, "Normalized and differential
        convolution", CVPR 1993.
    """
    x, y, confidence = motion
    weight = person * np.square(confidence)
    parts = person, person * confidence, weight, weight * x, weight * y, weight * (x * x + y * y)
    share, trusted, total, *sums = (cv2.GaussianBlur(part, (0, 0), AROUND_CELLS) for part in parts)
    mean_x, mean_y, square = (part / np.maximum(total, TINY) for part in sums)
    length = np.square(mean_x) + np.square(mean_y)
    apart = np.maximum(square - length, 0) / (APART_PX**2 + APART_OF_LENGTH**2 * length)
    as_one = np.exp(apart * np.float32(-0.5))
    counts = np.clip(2 * share / PEOPLE_AROUND - 1, 0, 1)
    return np.stack([mean_x, mean_y, counts * trusted / np.maximum(share, TINY) * as_one])


def _trust(
    here: Luma,
    other: Luma,
    there: NDArray[np.float32],
    back: NDArray[np.float32],
    finest_scale: int,
) -> Plane:
    """Return how far each pixel's motion can be trusted, 0-1: that it returns, and looks the same."""
    height, width = here.shape
    column, row = grid(height, width)
    x, y = column + there[0], row + there[1]
    returned = sample(cv2.merge([*back]), x, y)
    # In squares: the last bit of OpenCV's `magnitude` depends on where the arrays lie in memory.
    astray = np.square(there[0] + returned[..., 0]) + np.square(there[1] + returned[..., 1])
    length = np.square(there).sum(0)
    found = cv2.remap(other, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = found.astype(np.float32) - here
    # The mean size of normal noise is .8 sigma.
    by_noise = 0.8 * 255 * noise(difference * np.float32(1 / 255))
    unlike = (cv2.blur(np.abs(difference), (3, 3)) - by_noise).clip(0) / PHOTOMETRIC_CODES
    allowed = (ROUND_TRIP_PX * 2**finest_scale) ** 2 + ROUND_TRIP_OF_LENGTH**2 * length
    confidence = np.exp((astray / allowed + unlike * unlike) * np.float32(-0.5))
    return np.asarray(confidence * _is_inside(x, y), np.float32)


def _is_inside(x: Plane, y: Plane) -> NDArray[np.bool_]:
    """Return which of the points `x`, `y`, (h, w) each, lie where a picture of that size is."""
    height, width = x.shape
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return np.asarray(inside, np.bool_)


def _outside_range(values: Luma, others: Luma) -> float:
    cell = np.ones((3, 3), np.uint8)
    above = cv2.subtract(values, cv2.dilate(others, cell))
    below = cv2.subtract(cv2.erode(others, cell), values)
    return float(cv2.mean(above)[0] + cv2.mean(below)[0])
