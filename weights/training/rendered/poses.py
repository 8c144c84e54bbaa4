"""Random poses: directions of limbs and angles of hinges around natural ones, in families."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from weights.training.rendered.body import Body
from weights.training.rendered.geometry import (
    FORWARD,
    LEFT,
    UP,
    Floats,
    hinge_frame,
    rotation,
    unit,
)
from weights.training.rendered.wardrobe import read_bvh

SIDES = ("L", "R")
SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = {"neck01": 0.25, "neck02": 0.25, "neck03": 0.2, "head": 0.3}
"""How much of a turn of the head each bone takes."""


def sign(side: str) -> int:
    """Return 1 for the left side, -1 for the right."""
    return 1 if side == "L" else -1


class ArmPose(NamedTuple):
    """Directions for a left arm in the chest's axes; spreads are standard deviations."""

    upper: tuple[float, float, float]
    fore: tuple[float, float, float]
    upper_spread: tuple[float, float, float] = (0.05, 0.05, 0.1)
    fore_spread: tuple[float, float, float] = (0.1, 0.1, 0.1)
    twist_spread: float = 0.3


RESTING = {
    "hang": ArmPose((0.26, -1, 0), (0.12, -1, 0.3), (0.1, 0, 0.15), (0.1, 0, 0.15), 0.4),
    "hip": ArmPose((0.75, -0.75, -0.25), (-0.75, -0.55, 0.45)),
    "bent": ArmPose((0.3, -1, 0), (0, -0.2, 1), (0.1, 0, 0.25), (0.3, 0.3, 0), 0.5),
    "pocket": ArmPose((0.35, -1, -0.3), (-0.15, -1, 0.45)),
    "chest": ArmPose((0.35, -0.9, 0.35), (-1, 0.1, 0.55), fore_spread=(0.1, 0.2, 0)),
    "face": ArmPose((0.3, -0.6, 0.6), (-0.3, 1, 0.15), fore_spread=(0, 0, 0.15)),
    "side": ArmPose((1, -0.25, 0), (1, 0, 0.2), (0, 0.3, 0.3), (0, 0.4, 0.4), 0.5),
    "phone": ArmPose((0.25, -0.95, 0.3), (-0.3, 0.5, 0.9), fore_spread=(0.1, 0.2, 0)),
    "back": ArmPose((0.35, -1, -0.35), (-0.5, -0.8, -0.15), twist_spread=0),
    "wave": ArmPose((0.8, -0.1, 0.2), (0.25, 1, 0.2), (0.1, 0.3, 0), (0.2, 0, 0.2), 0.4),
}
RAISED = {
    "straight": ArmPose((0.25, 1, 0), (0, 1, 0.1), (0.12, 0, 0.2), (0.2, 0, 0.2), 0.5),
    "wide": ArmPose((0.8, 1, 0), (0.6, 1, 0.1), (0.15, 0, 0.2), (0.2, 0, 0.2), 0.5),
    "head": ArmPose((0.9, 0.65, 0.1), (-0.85, 0.5, -0.1), (0.08, 0.12, 0), (0.08, 0.12, 0.1)),
    "bent": ArmPose((1, 0.35, 0), (0, 1, 0.2), (0, 0.2, 0.2), (0.25, 0, 0.2), 0.4),
    "out": ArmPose((1, 0.15, 0), (1, 0.2, 0.15), (0, 0.2, 0.25), (0, 0.25, 0.2), 0.5),
}
AROUND = ArmPose((1, -0.12, -0.32), (1, 0.1, 0.12), twist_spread=0.2)
"""About the shoulders of somebody beside."""
BESIDE = ArmPose((0.15, -1, 0), (0.04, -1, 0.25), (0.04, 0, 0.1), (0.04, 0, 0.1))
"""Close to the body."""
ON_LAP = ArmPose((0.3, -1, 0.35), (-0.15, -0.35, 1), twist_spread=0.2)
ACROSS_LAP = ArmPose((0.35, -1, 0.3), (-0.9, -0.25, 0.7), twist_spread=0.2)
PROPPED = ArmPose((0.45, -0.9, -0.4), (0.1, -1, -0.2), twist_spread=0)
ON_KNEES = ArmPose((0.25, -0.8, 0.75), (-0.4, 0, 0.9), fore_spread=(0.15, 0.25, 0), twist_spread=0)
REACHING_DOWN = ArmPose((0.15, -0.6, 0.9), (0, -0.6, 1), (0, 0.3, 0), (0.15, 0.3, 0), 0)
HOLDING = {
    "low": ArmPose((0.2, -1, 0.05), (0.08, -1, 0.25), twist_spread=0.1),
    "waist": ArmPose((0.25, -1, 0.1), (-0.1, -0.1, 1), twist_spread=0.15),
    "high": ArmPose((0.25, -0.85, 0.4), (-0.2, 0.75, 0.8), twist_spread=0.15),
}
"""Arms of people who hold something."""


@dataclass
class Poser:
    """Collects the rotations of one person's pose."""

    body: Body
    heads: Floats
    tails: Floats
    rng: np.random.Generator
    turns: dict[str, Floats] = field(default_factory=dict)
    root: Floats = field(default_factory=lambda: np.eye(3))

    def spread(self, deviation: float) -> float:
        """Return a normal number around 0."""
        return float(self.rng.normal(0, deviation))

    def wide(self, deviation: float) -> float:
        """Return a normal number's distance from 0."""
        return abs(self.spread(deviation))

    def likely(self, share: float) -> bool:
        """Return True in `share` of all cases."""
        return bool(self.rng.random() < share)

    def head(self, bone: str) -> Floats:
        """Return where a bone begins, unposed."""
        return self.heads[self.body.bone(bone)].astype(float)

    def aim_arm(self, side: str, upper: ArrayLike, fore: ArrayLike, twist: float = 0.0) -> None:
        """Point the upper arm and the forearm; the shoulder follows a raised arm."""
        upper, fore = unit(upper), unit(fore)
        elbow = self.head(f"lowerarm01.{side}")
        rest_upper = elbow - self.head(f"upperarm01.{side}")
        rest_fore = self.head(f"wrist.{side}") - elbow
        rest_hinge = np.cross(unit(rest_upper), unit(rest_fore))
        hinge = np.cross(upper, fore)
        if np.linalg.norm(hinge) < 0.15:
            hinge = hinge + 0.3 * np.cross(upper, FORWARD + 0.3 * UP)
        collar = rotation(FORWARD, sign(side) * 0.45 * max(0.0, upper[1] + 0.1))
        upper_turn = hinge_frame(upper, hinge) @ hinge_frame(rest_upper, rest_hinge).T
        fore_turn = hinge_frame(fore, hinge) @ hinge_frame(rest_fore, rest_hinge).T
        self.turns[f"clavicle.{side}"] = collar
        self.turns[f"upperarm01.{side}"] = collar.T @ upper_turn
        self.turns[f"lowerarm01.{side}"] = upper_turn.T @ fore_turn
        self.turns[f"lowerarm02.{side}"] = rotation(rest_fore, sign(side) * twist * 0.6)
        self.turns[f"wrist.{side}"] = rotation(rest_fore, sign(side) * twist * 0.4)

    def arm(self, side: str, pose: ArmPose) -> None:
        """Put an arm as `pose` says, mirrored for the right one."""
        mirror = np.array([sign(side), 1, 1])
        upper = self.rng.normal(pose.upper, pose.upper_spread) * mirror
        fore = self.rng.normal(pose.fore, pose.fore_spread) * mirror
        self.aim_arm(side, upper, fore, self.spread(pose.twist_spread))

    def any_arm(self, side: str, poses: Mapping[str, ArmPose]) -> None:
        """Put an arm as one of `poses` says, the fingers anyhow."""
        names = list(poses)
        self.arm(side, poses[names[self.rng.integers(len(names))]])
        self.fingers(side, self.rng.uniform(0, 0.7))

    def leg(
        self,
        side: str,
        thigh: ArrayLike,
        knee_faces: ArrayLike,
        bend: float,
        *,
        toes_down: float = 0.0,
        toes_out: float = 0.0,
        flat: bool = True,
    ) -> None:
        """Point the thigh and bend the knee (radians); a flat foot keeps to the ground."""
        thigh = unit(thigh)
        knee = self.head(f"lowerleg01.{side}")
        rest_thigh = knee - self.head(f"upperleg01.{side}")
        rest_shin = self.head(f"foot.{side}") - knee
        hinge = np.cross(knee_faces, thigh)
        thigh_turn = hinge_frame(thigh, hinge) @ hinge_frame(rest_thigh, LEFT).T
        shin = rotation(hinge - thigh * (thigh @ hinge), bend) @ thigh
        shin_turn = hinge_frame(shin, hinge) @ hinge_frame(rest_shin, LEFT).T
        self.turns[f"upperleg01.{side}"] = thigh_turn
        self.turns[f"lowerleg01.{side}"] = thigh_turn.T @ shin_turn
        foot = rotation(LEFT, toes_down)
        if flat:
            foot = shin_turn.T @ rotation(UP, sign(side) * toes_out) @ foot
        self.turns[f"foot.{side}"] = foot

    def spine(self, lean: float = 0.0, side: float = 0.0, twist: float = 0.0) -> None:
        """Bend the back, each of its bones by a fifth (radians)."""
        turn = rotation(UP, twist / 5) @ rotation(FORWARD, side / 5) @ rotation(LEFT, lean / 5)
        self.turns.update(dict.fromkeys(SPINE, turn))

    def turn_head(self, pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> None:
        """Turn the head (radians), shared by the neck's bones."""
        for bone, share in NECK.items():
            self.turns[bone] = (
                rotation(UP, yaw * share)
                @ rotation(FORWARD, roll * share)
                @ rotation(LEFT, pitch * share)
            )

    def fingers(self, side: str, curl: float) -> None:
        """Curl the fingers, each a little otherwise; the thumb half as much."""
        for finger in range(1, 6):
            bones = [f"finger{finger}-{joint}.{side}" for joint in (1, 2, 3)]
            points = [self.head(b) for b in bones] + [self.tails[self.body.bone(bones[2])]]
            parts = [unit(b - a) for a, b in pairwise(points)]
            axis = np.cross(parts[0], parts[1]) + np.cross(parts[1], parts[2])
            if np.linalg.norm(axis) < 0.02:
                continue
            for bone, share in zip(bones, (1, 1, 0.7), strict=True):
                angle = curl * (0.5 if finger == 1 else 1) + self.spread(0.15)
                self.turns[bone] = rotation(axis, np.clip(angle, -0.15, 1.4) * share)


def stand(poser: Poser) -> None:
    """Stand on both legs, arms anyhow, looking about."""
    poser.turn_head(poser.spread(0.15), poser.spread(0.35), poser.spread(0.1))
    poser.spine(poser.spread(0.06), poser.spread(0.05), poser.spread(0.12))
    for side in SIDES:
        outward = sign(side) * (0.02 + poser.wide(0.07))
        knee = FORWARD + poser.spread(0.3) * LEFT * 0.3
        poser.leg(
            side,
            [outward, -1, poser.spread(0.05)],
            knee,
            poser.wide(0.06),
            toes_out=poser.wide(0.25),
        )
        poser.any_arm(side, RESTING)


def one_leg_loose(poser: Poser) -> None:
    """Stand on one leg, the other loose."""
    loose = SIDES[poser.rng.integers(2)]
    mirror = sign(loose)
    thigh = [mirror * (0.12 + poser.wide(0.08)), -1, 0.2 + poser.spread(0.1)]
    knee = FORWARD + mirror * 0.25 * LEFT
    poser.leg(loose, thigh, knee, 0.35 + poser.wide(0.2), toes_out=0.3)
    poser.spine(poser.spread(0.06), mirror * (0.08 + poser.spread(0.05)), poser.spread(0.2))
    if poser.likely(0.25):
        poser.leg(loose, [-mirror * 0.12, -1, 0.12], FORWARD, 0.3, toes_out=-0.2)


def stride(poser: Poser, pace: float) -> None:
    """Take a step; arms swing against the legs. Pace 1 walks, 1.8 runs."""
    front = SIDES[poser.rng.integers(2)]
    back = "R" if front == "L" else "L"
    reach = poser.rng.uniform(0.2, 0.45) * pace
    bend = poser.rng.uniform(0.05, 0.3) * pace**2
    poser.leg(front, [poser.spread(0.04), -1, reach], FORWARD, bend, toes_down=-0.3)
    bend = poser.rng.uniform(0.2, 0.5) * pace**1.5
    thigh = [poser.spread(0.04), -1, -reach * 0.8]
    poser.leg(back, thigh, FORWARD, bend, toes_down=0.4 * pace)
    poser.spine(0.1 * pace, 0, poser.spread(0.15))
    elbow = 0.2 if pace == 1 else 1.0
    for side, swing in ((front, -reach), (back, reach)):
        fore = [-0.05 * sign(side), -1 + elbow * 0.9, swing * 0.8 + elbow + 0.15]
        poser.aim_arm(side, [0.2 * sign(side), -1, swing * 0.9], fore)
        poser.fingers(side, 0.5)


def walk(poser: Poser) -> None:
    """Walk."""
    stride(poser, 1)


def run(poser: Poser) -> None:
    """Run."""
    stride(poser, 1.8)


def sit(poser: Poser) -> None:
    """Sit as on a chair, one time in three with crossed legs."""
    poser.spine(poser.spread(0.2) - 0.05, poser.spread(0.06), poser.spread(0.15))
    poser.root = rotation(LEFT, poser.spread(0.1))
    crossed = poser.likely(0.35)
    for side in SIDES:
        mirror = sign(side)
        if crossed and side == "L":
            bend = 1.15 + poser.spread(0.15)
            poser.leg(side, [-0.22, 0.12, 1], UP, bend, toes_down=0.3, flat=False)
        else:
            thigh = [mirror * poser.wide(0.22), -0.1 + poser.spread(0.1), 1]
            bend = float(np.clip(1.5 + poser.spread(0.25), 0.4, 2.0))
            poser.leg(side, thigh, UP + mirror * 0.1 * LEFT, bend, toes_out=0.15)
        where = poser.rng.random()
        if where < 0.6:
            poser.arm(side, ON_LAP if where < 0.4 else ACROSS_LAP)
        poser.fingers(side, poser.rng.uniform(0.1, 0.6))


def floor_leg(poser: Poser, side: str, how: str) -> None:
    """Put a leg of somebody who sits on the ground."""
    mirror = sign(side)
    if how == "cross":
        thigh, knee = [mirror * 0.9, -0.12, 0.75], UP + mirror * 0.4 * LEFT
        poser.leg(side, thigh, knee, 2.2 + poser.spread(0.1), flat=False, toes_down=0.5)
    elif how == "knees":
        thigh = [mirror * (0.12 + poser.wide(0.1)), 0.75 + poser.spread(0.15), 0.8]
        poser.leg(side, thigh, UP - 0.4 * FORWARD, 2.1 + poser.spread(0.2), toes_down=0.1)
    elif how == "long":
        thigh = [mirror * (0.1 + poser.wide(0.15)), -0.02, 1]
        poser.leg(side, thigh, UP, 0.15 + poser.wide(0.3), flat=False, toes_down=0.2)
    else:
        thigh = [0.6 + mirror * 0.15, -0.1, 0.7]
        poser.leg(side, thigh, UP + LEFT * 0.6, 2.0, flat=False, toes_down=0.5)


def sit_on_floor(poser: Poser) -> None:
    """Sit on the ground: legs crossed, drawn up, stretched or beside."""
    poser.spine(0.25 + poser.spread(0.15), 0, poser.spread(0.2))
    how = ("cross", "knees", "long", "beside")[poser.rng.integers(4)]
    for side in SIDES:
        floor_leg(poser, side, how)
        if how == "knees" and poser.likely(0.7):
            poser.aim_arm(side, [0.2 * sign(side), -0.7, 0.8], [-0.5 * sign(side), 0.1, 0.9])
        elif poser.likely(0.4):
            poser.arm(side, PROPPED)


def crouch(poser: Poser) -> None:
    """Crouch."""
    poser.spine(0.45 + poser.spread(0.2), poser.spread(0.08), poser.spread(0.2))
    poser.root = rotation(LEFT, 0.25 + poser.spread(0.1))
    for side in SIDES:
        thigh = [sign(side) * (0.3 + poser.wide(0.2)), 0.2 + poser.spread(0.2), 0.9]
        bend = 2.15 + poser.spread(0.2)
        down = 0.15 + poser.wide(0.2)
        poser.leg(side, thigh, UP - 0.3 * FORWARD, bend, toes_down=down, toes_out=0.3)
        if poser.likely(0.6):
            poser.arm(side, ON_KNEES)


def kneel(poser: Poser) -> None:
    """Kneel on one knee or both."""
    poser.spine(0.15 + poser.spread(0.15), 0, poser.spread(0.2))
    down = SIDES[poser.rng.integers(2)]
    both = poser.likely(0.4)
    sitting_back = 0.7 if both and poser.likely(0.5) else 0.0
    for side in SIDES:
        mirror = sign(side)
        if both or side == down:
            bend = 1.6 + poser.spread(0.1) + sitting_back
            thigh = [mirror * 0.1, -1, 0.1 + poser.spread(0.08)]
            poser.leg(side, thigh, FORWARD, bend, flat=False, toes_down=0.9)
        else:
            thigh = [mirror * 0.15, -0.05 + poser.spread(0.1), 1]
            poser.leg(side, thigh, UP, 1.6 + poser.spread(0.12), toes_out=0.1)


def arms_up(poser: Poser) -> None:
    """Raise one arm or both."""
    for side in SIDES:
        if poser.likely(0.75):
            poser.any_arm(side, RAISED)
    if poser.likely(0.5):
        poser.turn_head(-0.25 + poser.spread(0.2), poser.spread(0.3), poser.spread(0.1))


def dance(poser: Poser) -> None:
    """Bend and twist, arms and legs anywhere."""
    poser.spine(poser.spread(0.2), poser.spread(0.2), poser.spread(0.4))
    poser.root = rotation(LEFT, poser.spread(0.1)) @ rotation(FORWARD, poser.spread(0.12))
    for side in SIDES:
        mirror = sign(side)
        poser.any_arm(side, RAISED if poser.likely(0.6) else RESTING)
        thigh = [mirror * (0.15 + poser.wide(0.3)), -1, poser.spread(0.35)]
        knee, bend = FORWARD + mirror * 0.5 * LEFT, 0.1 + poser.wide(0.6)
        poser.leg(side, thigh, knee, bend, toes_down=poser.wide(0.4), toes_out=0.4)
    if poser.likely(0.25):
        side = SIDES[poser.rng.integers(2)]
        thigh = [sign(side) * (0.4 + poser.spread(0.3)), -0.2 + poser.spread(0.3), 0.9]
        poser.leg(side, thigh, UP, poser.wide(0.8), flat=False, toes_down=0.6)


def jump(poser: Poser) -> None:
    """Jump, both feet off the ground."""
    poser.spine(poser.spread(0.25), poser.spread(0.1), poser.spread(0.2))
    poser.root = rotation(LEFT, poser.spread(0.2)) @ rotation(FORWARD, poser.spread(0.1))
    for side in SIDES:
        mirror = sign(side)
        poser.any_arm(side, RAISED if poser.likely(0.7) else RESTING)
        thigh = [mirror * (0.25 + poser.wide(0.3)), -0.8, poser.spread(0.5)]
        knee, bend = FORWARD + mirror * 0.4 * LEFT + 0.3 * UP, 0.6 + poser.wide(0.6)
        poser.leg(side, thigh, knee, bend, flat=False, toes_down=0.6 + poser.spread(0.2))


def bend_down(poser: Poser) -> None:
    """Bend forward, hands towards the ground."""
    poser.spine(0.7 + poser.spread(0.3), poser.spread(0.1), poser.spread(0.2))
    poser.root = rotation(LEFT, 0.4 + poser.spread(0.2))
    for side in SIDES:
        thigh = poser.root.T @ np.array([sign(side) * 0.1, -1, 0.1 + poser.spread(0.1)])
        poser.leg(side, thigh, poser.root.T @ FORWARD, 0.2 + poser.wide(0.2))
        poser.arm(side, REACHING_DOWN)
    poser.turn_head(-0.3 + poser.spread(0.2), poser.spread(0.3))


def lunge(poser: Poser) -> None:
    """Stand astride, the front knee bent."""
    front = SIDES[poser.rng.integers(2)]
    for side in SIDES:
        mirror = sign(side)
        if side == front:
            thigh = [mirror * 0.12, -0.5 + poser.spread(0.2), 1]
            poser.leg(side, thigh, UP, 1.2 + poser.spread(0.2), toes_out=0.1)
        else:
            thigh = [mirror * 0.15, -1, -0.7 + poser.spread(0.2)]
            poser.leg(side, thigh, FORWARD, 0.4 + poser.wide(0.2), toes_down=0.7)
        if poser.likely(0.5):
            poser.any_arm(side, RAISED)


FAMILIES: dict[str, tuple[int, Callable[[Poser], None]]] = {
    "stand": (12, lambda _poser: None),
    "contra": (12, one_leg_loose),
    "walk": (10, walk),
    "run": (4, run),
    "sit": (12, sit),
    "sitfloor": (5, sit_on_floor),
    "crouch": (6, crouch),
    "kneel": (4, kneel),
    "armsup": (11, arms_up),
    "dance": (7, dance),
    "jump": (3, jump),
    "bend": (3, bend_down),
    "lunge": (3, lunge),
}
"""How often each family is drawn, and what it changes about standing."""
FROM_FILES = "bvh"
FROM_FILES_SHARE = 8
UPRIGHT = ("stand", "contra", "walk", "armsup", "dance")
"""Families in which skirts and coats hang as they are cut."""


@dataclass(frozen=True)
class Posture:
    """A whole pose."""

    turns: dict[str, Floats]
    root: Floats
    name: str


def draw_family(rng: np.random.Generator) -> str:
    """Draw a family of poses."""
    names = [*FAMILIES, FROM_FILES]
    often = np.array([often for often, _ in FAMILIES.values()] + [FROM_FILES_SHARE])
    return str(rng.choice(names, p=often / often.sum()))


def posture_of_file(rng: np.random.Generator, folder: Path) -> Posture:
    """Draw one of MakeHuman's own poses, a little changed."""
    files = sorted(folder.glob("*.bvh"))
    path = files[rng.integers(len(files))]
    frames = read_bvh(path)
    turns = {
        bone: turn @ rotation(rng.normal(size=3), abs(rng.normal(0, 0.04)))
        for bone, turn in frames[rng.integers(len(frames))].items()
    }
    return Posture(turns, turns.pop("root", np.eye(3)), f"{FROM_FILES} {path.stem}")


def draw_posture(
    body: Body,
    heads: Floats,
    tails: Floats,
    family: str,
    rng: np.random.Generator,
    folder: Path,
    arms: Mapping[str, ArmPose] | None = None,
) -> Posture:
    """Draw a pose of a family; `arms` are given by side; `folder` has the BVH files."""
    if family == FROM_FILES:
        return posture_of_file(rng, folder)
    poser = Poser(body, heads, tails, rng)
    stand(poser)
    FAMILIES[family][1](poser)
    for side, pose in (arms or {}).items():
        poser.arm(side, pose)
        poser.fingers(side, 0.9 if pose in HOLDING.values() else 0.35)
    return Posture(poser.turns, poser.root, family)
