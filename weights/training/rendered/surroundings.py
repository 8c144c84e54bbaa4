"""
Furniture, floors and what hands hold: in the picture, but not the person.

They are rendered as holdouts: where they hide a person, alpha is 0. A second picture
(NAME_front.png) has them alone, people cut out. All in Blender's axes and metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weights.training.rendered.body import Body
from weights.training.rendered.figure import Figure, Standing, part_of_skin
from weights.training.rendered.geometry import (
    FULL_TURN,
    TO_BLENDER,
    Faces,
    Floats,
    turned_about_up,
    unit,
)
from weights.training.rendered.looks import Fabric, Plain, draw_fabric, hsv
from weights.training.rendered.people import drawn
from weights.training.rendered.poses import HOLDING, ArmPose

SEATS = {"chair": 0.5, "stool": 0.25, "bench": 0.25}
FLOORS = {"shadow": 0.5, "ground": 0.35, "": 0.15}
"""A shadow alone, a floor to the horizon, or none."""
HELD = {"phone": 0.25, "mug": 0.15, "bottle": 0.15, "book": 0.15, "ball": 0.1, "stick": 0.1,
        "bag": 0.1}  # fmt: skip
HELD_LOW = ("bag", "stick", "ball")
FLOOR_M = 60.0
BOX_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
BOX_FACES = [
    np.array(f)
    for f in ([0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3])
]


@dataclass(frozen=True)
class Thing:
    """One mesh of the surroundings."""

    name: str
    vertices: Floats
    faces: Faces
    look: Fabric | Plain
    catches_shadow_only: bool = False


def box(center: Sequence[float], size: Sequence[float]) -> tuple[Floats, Faces]:
    """Return a box."""
    return BOX_CORNERS * size + center, BOX_FACES


def cylinder(start: Floats, end: Floats, radius: float, sides: int = 20) -> tuple[Floats, Faces]:
    """Return a closed cylinder from `start` to `end`."""
    along = unit(np.asarray(end) - start)
    across = unit(np.cross(along, [0.31, 0.52, 0.8]))
    angle = np.linspace(0, FULL_TURN, sides, endpoint=False)[:, None]
    ring = radius * (np.cos(angle) * across + np.sin(angle) * np.cross(along, across))
    around = np.arange(sides)
    after = (around + 1) % sides
    walls = list(np.stack([around, after, after + sides, around + sides], 1))
    return np.concatenate([ring + start, ring + end]), [*walls, around[::-1], around + sides]


def ball(center: Floats, radius: float, rings: int = 12, sides: int = 20) -> tuple[Floats, Faces]:
    """Return a ball."""
    height = np.linspace(0.02, np.pi - 0.02, rings)[:, None]
    angle = np.linspace(0, FULL_TURN, sides, endpoint=False)[None]
    points = [
        np.sin(height) * np.cos(angle),
        np.sin(height) * np.sin(angle),
        np.cos(height) + 0 * angle,
    ]
    row = np.arange(rings - 1)[:, None] * sides
    around = np.arange(sides)
    after = (around + 1) % sides
    faces = np.stack(
        [row + around, row + sides + around, row + sides + after, row + after], 2
    ).reshape(-1, 4)
    return center + radius * np.stack(points, 2).reshape(-1, 3), list(faces)


def joined(parts: Sequence[tuple[Floats, Faces]]) -> tuple[Floats, Faces]:
    """Return several meshes as one."""
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in parts])
    faces = [f + start for (_, fs), start in zip(parts, starts, strict=False) for f in fs]
    return np.concatenate([vertices for vertices, _ in parts]), faces


def draw_plain(rng: np.random.Generator) -> Plain:
    """Draw wood, plastic or metal."""
    kind = rng.choice(["wood", "plastic", "metal"], p=[0.5, 0.35, 0.15])
    if kind == "wood":
        color = hsv(rng.uniform(0.04, 0.1), rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.4))
        return Plain(color, float(rng.uniform(0.4, 0.8)))
    if kind == "plastic":
        return Plain(hsv(rng.random(), rng.uniform(0, 0.8), rng.uniform(0.02, 0.7)), 0.35)
    return Plain(hsv(0.6, 0.05, rng.uniform(0.3, 0.7)), float(rng.uniform(0.2, 0.5)), 1.0)


@dataclass(frozen=True)
class Seat:
    """Where somebody sits: the middle of the hips on the seat, the way they face, heights."""

    place: Floats
    yaw: float
    floor: float
    back: float
    """How far behind the hips a backrest can be."""


def legs(half_width: float, half_depth: float, top: float, floor: float) -> list:
    """Return four legs of furniture about 0."""
    return [
        box([x, y, (top + floor) / 2], [0.04, 0.04, top - floor])
        for x in (-half_width, half_width)
        for y in (-half_depth, half_depth)
    ]


def seat_parts(kind: str, seat: Seat, rng: np.random.Generator) -> list:
    """Return the parts of a chair, a stool or a bench about 0, facing -y."""
    top = seat.place[2]
    thick = float(rng.uniform(0.03, 0.07))
    if kind == "stool":
        radius = rng.uniform(0.16, 0.2)
        disc = cylinder(np.array([0, 0, top - thick]), np.array([0, 0, top]), radius, 32)
        return [disc, *legs(radius * 0.65, radius * 0.65, top - thick, seat.floor)]
    half_width = rng.uniform(0.6, 0.9) if kind == "bench" else rng.uniform(0.2, 0.26)
    half_depth = 0.19
    parts = [box([0, 0, top - thick / 2], [2 * half_width, 2 * half_depth, thick])]
    parts += legs(half_width - 0.04, half_depth - 0.03, top - thick, seat.floor)
    if kind == "chair":
        height, y = rng.uniform(0.35, 0.5), max(seat.back, half_depth) + 0.015
        rail = box([0, y, top + height * 0.72], [2 * half_width, 0.025, height * 0.56])
        posts = [
            box([x, y, top + height / 2 - 0.05], [0.035, 0.025, height + 0.1])
            for x in (-half_width + 0.02, half_width - 0.02)
        ]
        parts += [rail, *posts]
        if y > half_depth + 0.05:
            gap = y - half_depth
            parts.append(box([0, half_depth + gap / 2, top - thick / 2], [0.3, gap, thick]))
    return parts


def sitting_points(body: Body, standing: Standing) -> tuple[Floats, Floats]:
    """Return the skin's points of the hips and thighs, and of the trunk's back."""
    thighs = part_of_skin(body, "pelvis", "root", "upperleg")
    trunk = part_of_skin(body, "pelvis", "root", "spine", "clavicle", "shoulder")
    return standing.skin[thighs], standing.skin[trunk]


def seat_of(figure: Figure, standing: Standing, floor: float) -> Seat:
    """Return where somebody who sits needs a seat."""
    thighs, trunk = sitting_points(figure.body, standing)
    hips = standing.skin[part_of_skin(figure.body, "pelvis", "root", "upperleg01")].mean(0)
    turn = TO_BLENDER @ standing.skeleton.turns[figure.body.bone("root")] @ [0, 0, 1]
    facing = float(np.arctan2(turn[0], -turn[1])) + standing.turned
    local = turned_about_up(thighs - hips, -facing)
    over_seat = (abs(local[:, 0]) < 0.25) & (local[:, 1] > -0.1) & (local[:, 1] < 0.2)
    back = turned_about_up(trunk - hips, -facing)
    low = back[:, 2] < 0.45
    return Seat(
        place=np.array([hips[0], hips[1], hips[2] + local[over_seat, 2].min() - 0.004]),
        yaw=facing,
        floor=floor,
        back=float(back[low, 1].max()),
    )


def furniture(
    rng: np.random.Generator, kind: str, seat: Seat, offset: Sequence[float] = (0, 0, 0)
) -> Thing:
    """Return a piece of furniture at a seat, moved by `offset` as its owner sees it."""
    vertices, faces = joined(seat_parts(kind, seat, rng))
    vertices = turned_about_up(vertices + np.asarray(offset), seat.yaw)
    vertices = vertices + np.array([seat.place[0], seat.place[1], 0])
    look = draw_plain(rng) if rng.random() < 0.7 else draw_fabric(rng)
    return Thing(kind, vertices.astype(np.float32), faces, look)


def seats_for(
    rng: np.random.Generator, figures: Sequence[Figure], people: Sequence[Standing], floor: float
) -> list[Thing]:
    """Return seats for those who sit, and at times a chair before one who stands."""
    things = []
    for figure, standing in zip(figures, people, strict=True):
        family = figure.traits.family
        if family == "sit":
            seat = seat_of(figure, standing, floor)
            if seat.place[2] - floor > 0.12:
                things.append(furniture(rng, drawn(rng, SEATS), seat))
        elif family in ("stand", "contra") and len(people) == 1 and rng.random() < 0.25:
            hips = standing.skin.mean(0)
            place = np.array([hips[0], hips[1], floor + rng.uniform(0.42, 0.5)])
            turned = standing.yaw + float(rng.choice([0, np.pi, np.pi / 2])) + rng.normal(0, 0.2)
            ahead = turned_about_up(
                np.array([rng.normal(0, 0.15), -rng.uniform(0.55, 0.75), 0]), standing.yaw
            )
            kind = "chair" if rng.random() < 0.7 else "bench"
            things.append(furniture(rng, kind, Seat(place + ahead, turned, floor, 0.19)))
    return things


def floor_of(rng: np.random.Generator, kind: str, height: float) -> Thing:
    """Return a floor just below `height`."""
    half = FLOOR_M / 2
    corners = np.array([[-half, -half, 0], [half, -half, 0], [half, half, 0], [-half, half, 0]])
    corners[:, 2] = height - 0.002
    faces = [np.arange(4)]
    look: Fabric | Plain = draw_plain(rng)
    if rng.random() < 0.4:
        look = draw_fabric(rng)
    return Thing(
        "floor", corners.astype(np.float32), faces, look, catches_shadow_only=kind == "shadow"
    )


def holding_arms(rng: np.random.Generator, kind: str) -> dict[str, ArmPose]:
    """Return the arm that holds something, by side."""
    side = "R" if rng.random() < 0.7 else "L"
    if kind in HELD_LOW:
        return {side: HOLDING["low"]}
    return {side: HOLDING["high" if kind == "phone" or rng.random() < 0.3 else "waist"]}


@dataclass(frozen=True)
class Hand:
    """A hand's grip: its middle, and unit vectors along the fingers, across, out of the palm."""

    grip: Floats
    along: Floats
    across: Floats
    out: Floats


def hand_of(body: Body, standing: Standing, side: str) -> Hand:
    """Return where a hand is."""

    def middle(*bones: str) -> Floats:
        return standing.skin[part_of_skin(body, *bones, side="." + side)].mean(0)

    fingers = ("finger2", "finger3", "finger4", "finger5")
    knuckles = middle(*[f + "-1" for f in fingers])
    along = unit(knuckles - middle("wrist"))
    first, last = middle("finger2-1"), middle("finger5-1")
    across = unit((first - last) - along * ((first - last) @ along))
    out = np.cross(along, across) * (1 if side == "L" else -1)
    inside = middle(*[f + "-3" for f in fingers]) - knuckles
    if inside @ out < -0.01:
        out = -out
    return Hand(knuckles + out * 0.03, along, across, out)


def held_parts(kind: str, hand: Hand, rng: np.random.Generator) -> list:
    """Return the parts of what a hand holds."""
    grip, across = hand.grip, hand.across
    frame = np.stack([hand.along, across, hand.out], 1)

    def slab(size: Sequence[float], shift: Sequence[float]) -> tuple[Floats, Faces]:
        return (BOX_CORNERS * size + shift) @ frame.T + grip, BOX_FACES

    if kind == "phone":
        return [slab([0.15, 0.072, 0.009], [0.03, 0, 0.0])]
    if kind == "book":
        wide, high = rng.uniform(0.12, 0.18), rng.uniform(0.18, 0.25)
        return [slab([high, wide, rng.uniform(0.012, 0.04)], [0.05, 0, 0.005])]
    if kind == "ball":
        radius = rng.uniform(0.09, 0.14)
        return [ball(grip + hand.out * radius * 0.95 + hand.along * 0.04, radius)]
    if kind == "bag":
        wide, high = rng.uniform(0.25, 0.4), rng.uniform(0.25, 0.38)
        flat = unit(across * [1, 1, 0])
        axes = np.stack([flat, np.cross([0, 0, 1], flat), [0, 0, 1]], 1)
        below = grip - np.array([0, 0, 0.14 + high / 2])
        body_part = (BOX_CORNERS * [wide, rng.uniform(0.06, 0.14), high]) @ axes.T + below
        ends = [below + axes @ [x * wide * 0.3, 0, high / 2] for x in (-1, 1)]
        handles = [cylinder(grip, end, 0.007, 8) for end in ends]
        return [(body_part, BOX_FACES), *handles]
    length, radius = {
        "mug": (0.10, 0.040),
        "bottle": (0.22, 0.034),
        "stick": (rng.uniform(0.7, 1.1), 0.014),
    }[kind]
    start = grip - across * length * (0.5 if kind != "stick" else 0.85) + hand.out * radius * 0.6
    parts = [cylinder(start, start + across * length, radius)]
    if kind == "bottle":
        neck = start + across * length
        parts.append(cylinder(neck, neck + across * 0.06, 0.013))
    return parts


def held(rng: np.random.Generator, kind: str, hand: Hand) -> Thing:
    """Return what a hand holds."""
    vertices, faces = joined(held_parts(kind, hand, rng))
    look = draw_fabric(rng) if kind == "bag" else draw_plain(rng)
    return Thing(kind, vertices.astype(np.float32), faces, look)
