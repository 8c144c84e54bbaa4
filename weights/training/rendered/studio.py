"""Who and what is in a picture: people, their poses and places, and what is around them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from weights.training.rendered import groups, surroundings
from weights.training.rendered.body import Body
from weights.training.rendered.camera import CLOSE, FRAMINGS, VIEWS
from weights.training.rendered.figure import Dresser, Figure, Standing
from weights.training.rendered.geometry import Floats
from weights.training.rendered.people import draw_traits, drawn
from weights.training.rendered.poses import FROM_FILES, ArmPose, Posture
from weights.training.rendered.surroundings import Thing

SEED = 20261130
HAIR_DENSITY = {True: 1.25, False: 0.75}
"""Share of a style's strands by whether a view is close."""
ADD_SEATS, ADD_FLOOR, ADD_HELD = 0.5, 0.5, 0.12
"""Shares of pictures with furniture and with floors; of people who hold something."""


@dataclass(frozen=True)
class Quality:
    """What a picture may cost."""

    samples: int
    alpha_samples: int
    bounces: int
    hair_subdivisions: int
    threads: int


@dataclass(frozen=True)
class Studio:
    """What all persons share."""

    body: Body
    asked: argparse.Namespace
    scratch: Path
    hdris: list[Path]
    casts: list[Floats]
    """The mean color (3) of each HDRI picture."""

    @property
    def assets(self) -> Path:
        """Where MakeHuman's assets are."""
        return self.asked.root / "assets"

    @property
    def quality(self) -> Quality:
        """What a picture may cost."""
        asked = self.asked
        return Quality(
            asked.samples,
            asked.alpha_samples,
            asked.bounces,
            asked.hair_subdivisions,
            asked.threads,
        )

    def long_side(self, framing: str) -> int:
        """Return a picture's long side."""
        return self.asked.near if framing in CLOSE else self.asked.size


@dataclass(frozen=True)
class Shoot:
    """The people and things of one number."""

    figures: list[Figure]
    people: list[Standing]
    postures: list[Posture]
    places: list[groups.Place]
    things: list[Thing]
    notes: dict[str, object]


def draw_views(rng: np.random.Generator, asked: argparse.Namespace) -> list[tuple[str, str]]:
    """Draw framing and view of each picture of a number; not all are of one framing."""
    count = asked.views or int(rng.choice([2, 3]))
    views = [drawn(rng, VIEWS) for _ in range(count)]
    framings = [drawn(rng, FRAMINGS) for _ in range(count)]
    if count > 1 and len(set(framings)) == 1:
        framings[-1] = "waist" if framings[0] not in CLOSE else "full"
    framings = [asked.set.get("framing", framing) for framing in framings]
    views = [asked.set.get("view", view) for view in views]
    return list(zip(framings, views, strict=True))


def draw_held(rng: np.random.Generator, wanted: Mapping[str, object]) -> str:
    """Draw what a person holds: nothing, mostly."""
    held = drawn(rng, surroundings.HELD)
    return str(wanted.get("held", held if rng.random() < ADD_HELD else ""))


def add_surroundings(
    rng: np.random.Generator,
    wanted: Mapping[str, object],
    figures: Sequence[Figure],
    people: Sequence[Standing],
) -> list[Thing]:
    """Draw furniture and a floor for people, or neither."""
    seats = bool(wanted.get("seats", rng.random() < ADD_SEATS))
    kind = drawn(rng, surroundings.FLOORS) if rng.random() < ADD_FLOOR else ""
    kind = str(wanted.get("floor", "shadow" if seats and not kind else kind))
    floor = min(float(m[:, 2].min()) for person in people for m in [person.skin, *person.meshes])
    things = surroundings.seats_for(rng, figures, people, floor) if seats else []
    return [*things, surroundings.floor_of(rng, kind, floor)] if kind else things


def dress(studio: Studio, rng: np.random.Generator, family: str, *, close: bool) -> Figure:
    """Build a person."""
    traits = draw_traits(rng, studio.asked.set, family)
    return Dresser(studio.body, traits, rng, studio.assets, close=close).figure()


@dataclass(frozen=True)
class Posed:
    """One person of a shoot."""

    figure: Figure
    standing: Standing
    posture: Posture
    held: Thing | None

    def notes(self) -> dict[str, object]:
        """Return what the meta file says of a person."""
        traits = asdict(self.figure.traits) | {"age": round(self.figure.traits.age, 1)}
        held = self.held.name if self.held else ""
        return {**traits, "pose": self.posture.name, "held": held, **self.figure.notes}


def pose(
    studio: Studio,
    rng: np.random.Generator,
    figure: Figure,
    place: groups.Place,
    arms: Mapping[str, ArmPose] | None,
    *,
    close: bool,
) -> Posed:
    """Pose a person, let hair grow, and put something into a hand now and then."""
    wanted = studio.asked.set
    holds = draw_held(rng, wanted) if not studio.asked.motion else ""
    if figure.traits.family == FROM_FILES:
        holds = ""
    if holds:
        arms = surroundings.holding_arms(rng, holds)
    posture = figure.posture(rng, studio.assets, arms)
    density = studio.asked.density * HAIR_DENSITY[close]
    standing = figure.with_hair(rng, figure.stand_in(posture), density)
    standing = groups.put(standing, place, 0.0, airborne=figure.traits.family == "jump")
    if not holds or not arms:
        return Posed(figure, standing, posture, None)
    hand = surroundings.hand_of(studio.body, standing, next(iter(arms)))
    return Posed(figure, standing, posture, surroundings.held(rng, holds, hand))


def draw_count(rng: np.random.Generator, asked: argparse.Namespace) -> int:
    """Draw how many people are in a picture; a motion has one."""
    count = int(asked.set.get("people", drawn(rng, groups.SIZES)))
    return 1 if asked.motion else count


def prepare(studio: Studio, rng: np.random.Generator, *, close: bool) -> Shoot:
    """Build the people of a number, pose and place them, and what is around them."""
    wanted = studio.asked.set
    count = draw_count(rng, studio.asked)
    family = drawn(rng, groups.FAMILIES) if count > 1 else ""
    arrangement = groups.draw_arrangement(rng, family) if count > 1 else ""
    arrangement = str(wanted.get("arrangement", arrangement)) if count > 1 else ""
    places = groups.draw_places(rng, arrangement, count)
    group = []
    for number, place in enumerate(places):
        figure = dress(studio, rng, family, close=close)
        arms = groups.arms_in(rng, arrangement, number, count) if count > 1 else None
        group.append(pose(studio, rng, figure, place, arms, close=close))
    figures, people = [p.figure for p in group], [p.standing for p in group]
    things = [p.held for p in group if p.held]
    things += add_surroundings(rng, wanted, figures, people)
    notes = {
        "people": [p.notes() for p in group],
        "arrangement": arrangement,
        "things": [thing.name for thing in things],
    }
    return Shoot(figures, people, [p.posture for p in group], places, things, notes)
