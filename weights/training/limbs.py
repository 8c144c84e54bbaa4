"""
Pose the limbs of a cut-out person anew, and give the hands something to hold.

The photos show people whose arms hang, but people raise them, point, and hold microphones. What lies
around the bones that `joints` found is cut out, turned at shoulder and elbow, or hip and knee, and put
over or behind the body.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

type Picture = NDArray[np.uint8]
"""(height, width, 4): colors, not premultiplied, and coverage."""
type Mask = NDArray[np.uint8]
type Point = NDArray[np.float64]

ARMS = ((5, 7, 9), (6, 8, 10))
LEGS = ((11, 13, 15), (12, 14, 16))
"""Joints of a limb, from the body outward, in the order of COCO's 17."""

SURE_SCORE = 0.4
SHORTEST_BONE_PX = 5
SHARE_LEGS = 0.25
SHARE_HELD = 0.5
SHARE_BEHIND = 0.2
SHARE_MOVED = 0.6
"""Of limbs are taken away where they were; the others stay, and there is one more."""


def pose_anew(
    rng: np.random.Generator, person: Picture, joints: NDArray[np.float32]
) -> tuple[Picture, tuple[int, int]]:
    """
    Return `person` with one or two limbs elsewhere, and where in it the old picture begins.

    It grows by a quarter of its height on all sides, so that there is room for a raised arm; the
    place is x and y in pixels. `joints` (17, 3) are x and y in pixels of `person`, and scores.
    Limbs that are not surely seen stay where they are.
    """
    room = person.shape[0] // 4
    posed = cv2.copyMakeBorder(person, room, room, room, room, cv2.BORDER_CONSTANT)
    limbs = LEGS if rng.random() < SHARE_LEGS else ARMS
    for limb in rng.permutation(limbs)[: rng.integers(1, 3)]:
        places, scores = joints[limb, :2].astype(np.float64) + room, joints[limb, 2]
        lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
        if scores.min() > SURE_SCORE and lengths.min() > SHORTEST_BONE_PX:
            _move(rng, posed, places, lengths, limbs is ARMS)
    return posed, (room, room)


def _move(
    rng: np.random.Generator, person: Picture, places: Point, lengths: Point, is_arm: bool
) -> None:
    """Move the limb with joints at `places` (3, 2) of `person`, whose bones have these `lengths`."""
    root, middle, end = places
    tip = end + (end - middle) * (rng.uniform(0.45, 0.65) if is_arm else 0.35)
    thickness = lengths * rng.uniform(0.46, 0.72, 2)
    bones = ((root, middle), (middle, tip))
    covers = [
        np.minimum(_around(*bone, thick, person.shape), person[..., 3])
        for bone, thick in zip(bones, thickness, strict=True)
    ]
    swings = rng.uniform(-2.8, 2.8, 2) if is_arm else rng.normal(0, 1, 2)
    elbow = root + _turned(swings[0], middle - root)
    ways = (_swing(root, root, swings[0]), _swing(middle, elbow, swings[1]))
    pieces = [
        cv2.warpAffine(np.dstack([person[..., :3], cover]), way, person.shape[1::-1])
        for cover, way in zip(covers, ways, strict=True)
    ]
    if is_arm and rng.random() < SHARE_HELD:
        hand = ways[1] @ [*(end + tip) / 2, 1]
        pieces.insert(rng.integers(1, 3), _held(rng, hand, lengths[1], person.shape))
    if rng.random() < SHARE_MOVED:
        _clear(person, np.maximum(*covers), root, middle)
    is_behind = rng.random() < SHARE_BEHIND
    for piece in pieces:
        _put(person, piece, is_behind)


def _around(start: Point, end: Point, thickness: float, size: tuple[int, ...]) -> Mask:
    """Return what lies within half a `thickness` of a bone."""
    cover = np.zeros(size[:2], np.uint8)
    ends = [np.int32(np.round(place)).tolist() for place in (start, end)]
    cv2.line(cover, *ends, 255, max(round(thickness), 1), cv2.LINE_AA)
    return cover


def _turned(angle: float, vector: Point) -> Point:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) @ vector


def _swing(joint: Point, goal: Point, angle: float) -> Point:
    """Return the map (2, 3) that turns what is around `joint` and moves it to `goal`."""
    turn = np.column_stack([_turned(angle, axis) for axis in np.eye(2)])
    return np.column_stack([turn, goal - turn @ joint])


def _clear(person: Picture, limb: Mask, root: Point, middle: Point) -> None:
    """Take the `limb` away where it is beside the body; where it is before the body, it stays."""
    row = person[int(np.clip(root[1], 0, person.shape[0] - 1)), :, 3]
    columns = np.flatnonzero(row > 127)
    if not columns.size:
        return
    if root[0] < columns.mean():
        beside = slice(0, max(int(min(root[0], middle[0] + 2)), 0))
    else:
        beside = slice(max(int(max(root[0], middle[0] - 2)), 0), None)
    person[:, beside, 3] = np.minimum(person[:, beside, 3], 255 - limb[:, beside])


def _held(rng: np.random.Generator, hand: Point, forearm: float, size: tuple[int, ...]) -> Picture:
    """Return a thing at `hand`: a rod, a box or something round."""
    extent = forearm * np.array([rng.uniform(0.15, 0.3), rng.uniform(0.5, 1.6)])
    if rng.random() < 0.4:
        extent = forearm * rng.uniform(0.25, 0.8, 2)
    angle = rng.uniform(0, np.pi)
    center = hand + _turned(angle, np.array([0, rng.uniform(-0.5, 0.5)]) * extent)
    thing = np.zeros(size, np.uint8)
    place = (center.tolist(), extent.tolist(), float(np.rad2deg(angle)))
    if rng.random() < 0.3:
        cv2.ellipse(thing, place, (0, 0, 0, 255), -1, cv2.LINE_AA)
    else:
        cv2.fillPoly(thing, [np.int32(np.round(cv2.boxPoints(place)))], (0, 0, 0, 255), cv2.LINE_AA)
    seen = _bounds(thing)
    y, x = np.mgrid[seen]
    across = (x - center[0]) * np.cos(angle) + (y - center[1]) * np.sin(angle)
    shade = 0.5 + 0.5 * np.sin(across / extent[0] * rng.uniform(2, 6) + rng.uniform(0, 6))
    tones = 255 * (rng.random((2, 3)) if rng.random() < 0.5 else rng.random((2, 1)).repeat(3, 1))
    thing[(*seen, slice(3))] = tones[0] + (tones[1] - tones[0]) * shade[..., None]
    return thing


def _put(person: Picture, piece: Picture, is_behind: bool) -> None:
    """Put `piece` over `person`, or behind it."""
    seen = _bounds(piece)
    front, back = piece[seen], person[seen]
    if is_behind:
        front, back = back, front
    near = front[..., 3:] / np.float32(255)
    far = back[..., 3:] / np.float32(255) * (1 - near)
    cover = near + far
    color = (front[..., :3] * near + back[..., :3] * far) / np.maximum(cover, 1e-3)
    person[seen] = np.round(np.dstack([color, 255 * cover])).clip(0, 255)


def _bounds(piece: Picture) -> tuple[slice, slice]:
    """Return the rows and columns in which `piece` covers anything."""
    left, top, width, height = cv2.boundingRect(piece[..., 3])
    return slice(top, top + height), slice(left, left + width)
