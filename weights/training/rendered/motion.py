"""The same person over a few frames of a smooth motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weights.training.rendered.geometry import Floats, between_rotations
from weights.training.rendered.poses import Posture

FRAMES = (8, 16)
"""Fewest and most frames."""
FREE_LEGS = ("walk", "run", "dance", "jump", "armsup", "lunge")
"""Families in which the legs move as well as the rest."""
LEG_BONES = ("upperleg", "lowerleg", "foot", "toe")
PACE = {"walk": 1.2, "run": 2.8}
"""Metres over the whole of a motion a second long."""
FRAMES_A_SECOND = 25


@dataclass(frozen=True)
class Motion:
    """From one posture to another, while the person and the camera move on."""

    first: Posture
    last: Posture
    frames: int
    reach: float
    """How far of the way to `last` it goes, 0 to 1."""
    travel: Floats
    """Metres (3) from first to last frame, as the person faces."""
    drift: Floats
    """Metres (3) of the camera, in its axes."""
    turn: float
    """Radians of the camera."""

    def posture_at(self, time: float) -> Posture:
        """Return the posture at a time from 0 to 1."""
        return between(self.first, self.last, eased(time) * self.reach)


def eased(time: float) -> float:
    """Return a time from 0 to 1 that starts and ends slowly."""
    time = float(np.clip(time, 0, 1))
    return time * time * (3 - 2 * time)


def between(first: Posture, last: Posture, share: float) -> Posture:
    """Return a posture `share` of the way; the root stays as it is first."""
    bones = first.turns.keys() | last.turns.keys()
    still = np.eye(3)
    turns = {
        bone: between_rotations(first.turns.get(bone, still), last.turns.get(bone, still), share)
        for bone in sorted(bones)
    }
    return Posture(turns, first.root, first.name)


def with_legs_of(posture: Posture, other: Posture) -> Posture:
    """Return a posture whose legs are another's."""
    turns = {b: t for b, t in posture.turns.items() if not b.startswith(LEG_BONES)}
    legs = {b: t for b, t in other.turns.items() if b.startswith(LEG_BONES)}
    return Posture(turns | legs, other.root, posture.name)


def draw_motion(
    rng: np.random.Generator, first: Posture, last: Posture, family: str, frames: int
) -> Motion:
    """Draw a motion between two postures of a family; legs that carry somebody stay."""
    if not FRAMES[0] <= frames <= FRAMES[1]:
        msg = f"{frames} frames: a motion has {FRAMES[0]} to {FRAMES[1]}"
        raise ValueError(msg)
    if family not in FREE_LEGS:
        last = with_legs_of(last, first)
    forward = PACE.get(family, 0.0) * frames / FRAMES_A_SECOND
    return Motion(
        first,
        last,
        frames,
        reach=float(rng.uniform(0.25, 0.8)),
        travel=np.array([0.0, -forward, 0.0]),
        drift=rng.normal(0, [0.06, 0.04, 0.08]),
        turn=float(rng.normal(0, 0.015)),
    )


def frame_times(frames: int, subframes: int, shutter: float) -> list[list[float]]:
    """Return the times (0 to 1) of each frame's sub-frames, over `shutter` of a frame."""
    step = 1 / (frames - 1)
    inside = (np.arange(subframes) + 0.5) / subframes - 0.5 if subframes > 1 else np.zeros(1)
    return [
        [float((frame * step) + part * shutter * step) for part in inside]
        for frame in range(frames)
    ]
