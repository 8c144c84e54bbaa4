"""Where several people stand: side by side, arm around, one behind another, in rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from weights.training.rendered.figure import Standing
from weights.training.rendered.people import drawn
from weights.training.rendered.poses import AROUND, BESIDE, ArmPose

MOST = 4
SIZES = {"1": 0.72, "2": 0.16, "3": 0.08, "4": 0.04}
FAMILIES = {"stand": 0.38, "contra": 0.32, "sit": 0.12, "walk": 0.12, "armsup": 0.06}
ARRANGEMENTS = {"side": 0.3, "around": 0.15, "behind": 0.25, "crowd": 0.3}


@dataclass(frozen=True)
class Place:
    """How a person is moved: turned about the vertical (radians), then by an offset (metres)."""

    turn: float
    offset: tuple[float, float]


def draw_arrangement(rng: np.random.Generator, family: str) -> str:
    """Draw how people stand to each other; who walks or sits puts no arm around anybody."""
    found = drawn(rng, ARRANGEMENTS)
    return "side" if found == "around" and family in ("walk", "sit") else found


def arms_in(
    rng: np.random.Generator, arrangement: str, number: int, count: int
) -> Mapping[str, ArmPose] | None:
    """Return the arms that an arrangement asks of person `number` of `count`."""
    if arrangement == "around":
        arms = {"L": BESIDE, "R": BESIDE}
        if number < count - 1:
            arms["L"] = AROUND
        if number > 0 and rng.random() < 0.4:
            arms["R"] = AROUND
        return arms
    close = arrangement == "side" and rng.random() < 0.5
    return {"L": BESIDE, "R": BESIDE} if close else None


def draw_places(rng: np.random.Generator, arrangement: str, count: int) -> list[Place]:
    """Draw a place for each person; the first stays at 0, the next are to the left of it."""
    places = [Place(0.0, (0.0, 0.0))]
    across = 0.0
    for number in range(1, count):
        if arrangement == "behind":
            side = 1 if number % 2 else -1
            away = side * rng.uniform(0.15, 0.38) * (1 + (number - 1) // 2)
            place = Place(
                float(rng.normal(0, 0.5)), (float(away), float(number * rng.uniform(0.38, 0.7)))
            )
        elif arrangement == "crowd":
            across += rng.uniform(0.25, 0.6)
            place = Place(float(rng.normal(0, 0.7)), (across, float(rng.uniform(-0.4, 1.6))))
        else:
            near = (0.40, 0.46) if arrangement == "around" else (0.46, 0.62)
            across += rng.uniform(*near)
            place = Place(float(rng.normal(0, 0.15)), (across, float(rng.uniform(-0.08, 0.12))))
        places.append(place)
    return places


def put(standing: Standing, place: Place, floor: float, *, airborne: bool = False) -> Standing:
    """Return a person at a place, feet on the floor unless in the air."""
    lowest = float(min(m[:, 2].min() for m in [standing.skin, *standing.meshes]))
    lift = floor - lowest + (0.15 if airborne else 0.0)
    return standing.moved(place.turn, np.array([*place.offset, lift]))
