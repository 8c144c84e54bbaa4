"""
Draw animals that nobody photographed: things that live, are salient, and are not people.

    python -m weights.training.creatures CACHE

Writes `CACHE/creatures/drawn.npy`, (count, 224, 224, 4) codes of premultiplied RGB and coverage.
The photos show no animals, so a network trained on them alone takes every animal for a person.
Each of these is a few tapered limbs, lit as round bodies, under fur, patches, spots or stripes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

type Plane = NDArray[np.float32]
type Point = NDArray[np.float64]
"""x and y, in units of the animal's length; y points down."""

SIDE_PX = 224
COUNT = 700
SEED = 7

COATS = (
    (0.42, 0.28, 0.17),
    (0.62, 0.44, 0.26),
    (0.75, 0.62, 0.45),
    (0.25, 0.18, 0.13),
    (0.08, 0.07, 0.07),
    (0.45, 0.44, 0.43),
    (0.88, 0.87, 0.84),
    (0.70, 0.36, 0.14),
    (0.33, 0.34, 0.38),
    (0.55, 0.50, 0.40),
)
"""RGB, 0-1: browns, sand, black, grays, white, ginger."""


class Limb(NamedTuple):
    """A tapered limb between two joints."""

    start: Point
    end: Point
    radii: tuple[float, float]
    shade: float = 1.0
    """Limbs on the far side are darker."""
    bare: bool = False
    """Without fur: horns, beaks, hooves."""


class Creature(NamedTuple):
    """An animal's joints, before it has a coat."""

    limbs: list[Limb]
    """Those in front come last."""
    eyes: list[Point]
    nose: Point | None


def walker(rng: np.random.Generator) -> Creature:
    """Return a four-legged animal from the side: dogs, cattle, cats, horses, pigs."""
    length, girth = rng.uniform(0.5, 0.95), rng.uniform(0.11, 0.26)
    hip, shoulder = np.zeros(2), np.array([length, rng.uniform(-0.08, 0.08)])
    reach, thick = rng.uniform(0.2, 0.65), rng.uniform(0.03, 0.08)
    far = [leg for joint in (hip, shoulder) for leg in _leg(rng, joint, reach, thick, 0.65)]
    near = [leg for joint in (hip, shoulder) for leg in _leg(rng, joint, reach, thick, 1.0)]
    body = Limb(hip, shoulder, (girth * rng.uniform(0.75, 1.1), girth * rng.uniform(0.85, 1.2)))
    tail = _chain(rng, hip, rng.uniform(1.6, 4.4), rng.uniform(0.05, 0.22), (0.04, 0.015), 3)
    rise = rng.uniform(-1.4, 0.5)
    crown = shoulder + _direction(rise) * rng.uniform(0.15, 0.5)
    neck = Limb(shoulder, crown, (girth * 0.75, girth * rng.uniform(0.35, 0.7)))
    return _with_head(rng, [*far, *tail, body, *near, neck], crown, girth * rng.uniform(0.5, 0.85))


def sitter(rng: np.random.Generator) -> Creature:
    """Return an animal that faces the camera, upright: cats, owls, bears, seals."""
    width, height = rng.uniform(0.17, 0.32), rng.uniform(0.2, 0.6)
    top, bottom = np.array([0.0, -height]), np.zeros(2)
    body = Limb(top, bottom, (width * rng.uniform(0.6, 0.95), width))
    limbs = [body]
    for side in (-1, 1):
        foot = np.array([side * width * rng.uniform(0.3, 0.9), width * 0.9])
        arm = np.array([side * width * 0.5, -height * rng.uniform(0.3, 0.9)])
        thick = rng.uniform(0.05, 0.09)
        limbs += [Limb(arm, foot, (thick, thick * 0.8)), Limb(foot, foot, (thick, thick))]
    skull = width * rng.uniform(0.6, 1.05)
    head = _beside(top, -rng.uniform(-0.1, 0.1), -skull * rng.uniform(0.6, 1.2))
    spread, size = rng.uniform(0.5, 0.95), rng.uniform(0.15, 0.6)
    for side in (-1, 1):
        root = head + np.array([side * spread, -np.sqrt(1 - spread**2)]) * skull * 0.9
        tip = root + np.array([side * rng.uniform(0, 0.5), -1]) * skull * size
        limbs.append(Limb(root, tip, (skull * 0.3, skull * 0.1)))
    muzzle = _beside(head, 0, skull * 0.35)
    limbs += [Limb(head, head, (skull, skull)), Limb(muzzle, muzzle, (skull * 0.45,) * 2, 1.15)]
    apart = skull * rng.uniform(0.3, 0.5)
    eyes = [_beside(head, side * apart, -skull * 0.1) for side in (-1, 1)]
    return Creature(limbs, eyes, muzzle)


def bird(rng: np.random.Generator) -> Creature:
    """Return a bird from the side."""
    tilt, girth = rng.uniform(-1.3, 0.2), rng.uniform(0.12, 0.22)
    rear, chest = np.zeros(2), _direction(tilt) * rng.uniform(0.25, 0.45)
    tail = Limb(rear, rear - _direction(tilt + rng.uniform(-0.4, 0.4)) * 0.3, (girth * 0.6, 0.02))
    crown = chest + _direction(rng.uniform(-1.9, -0.6)) * rng.uniform(0.1, 0.5)
    neck = Limb(chest, crown, (girth * 0.7, girth * 0.4))
    skull = girth * rng.uniform(0.4, 0.65)
    beak = crown + _direction(rng.uniform(-0.2, 0.5)) * skull * rng.uniform(1.4, 3.5)
    middle = (rear + chest) / 2
    legs = []
    for step in (-0.03, 0.05):
        foot = _beside(middle, step + rng.uniform(-0.05, 0.05), girth + rng.uniform(0.1, 0.45))
        legs += [Limb(middle, foot, (0.015, 0.012), 1, True)]
        legs += [Limb(foot, _beside(foot, 0.07, 0.01), (0.012, 0.008), 1, True)]
    wing = Limb(chest, rear - _direction(tilt) * 0.12, (girth * 0.6, 0.03), rng.uniform(0.5, 1.2))
    limbs = [*legs, tail, Limb(rear, chest, (girth * 0.8, girth)), neck, wing]
    limbs += [Limb(crown, beak, (skull * 0.45, 0.008), 1, True), Limb(crown, crown, (skull, skull))]
    return Creature(limbs, [crown + _direction(-0.6) * skull * 0.4], None)


def swimmer(rng: np.random.Generator) -> Creature:
    """Return a fish, seal or whale."""
    girth, turn = rng.uniform(0.1, 0.25), rng.uniform(-0.4, 0.4)
    rear, chest = np.zeros(2), _direction(turn) * rng.uniform(0.5, 0.9)
    limbs = [
        Limb(rear, rear - _direction(turn + bend) * rng.uniform(0.1, 0.25), (0.05, 0.02))
        for bend in (-0.7, 0.7)
    ]
    limbs.append(Limb(rear, chest, (girth * 0.3, girth)))
    fin = rear + (chest - rear) * rng.uniform(0.5, 0.8)
    limbs.append(
        Limb(fin, fin + _direction(turn + rng.uniform(1.4, 2.4)) * 0.25, (0.06, 0.015), 0.9)
    )
    snout = chest + _direction(turn) * girth * rng.uniform(0.6, 1.5)
    limbs.append(Limb(chest, snout, (girth * 0.9, girth * 0.3)))
    return Creature(limbs, [chest + _direction(turn - 0.8) * girth * 0.5], None)


KINDS: dict[Callable[[np.random.Generator], Creature], float] = {
    walker: 0.5,
    sitter: 0.28,
    bird: 0.14,
    swimmer: 0.08,
}


def _direction(angle: float) -> Point:
    return np.array([np.cos(angle), np.sin(angle)])


def _beside(point: Point, right: float, down: float) -> Point:
    return point + np.array([right, down])


def _leg(
    rng: np.random.Generator, joint: Point, reach: float, thick: float, shade: float
) -> list[Limb]:
    hip = _beside(joint, rng.uniform(-0.06, 0.06), 0.05)
    first = np.pi / 2 + rng.uniform(-0.5, 0.5)
    knee = hip + _direction(first) * reach * 0.55
    foot = knee + _direction(np.pi / 2 + rng.uniform(-0.35, 0.35)) * reach * 0.5
    toe = _beside(foot, 0.05, 0)
    return [
        Limb(hip, knee, (thick * 1.7, thick), shade),
        Limb(knee, foot, (thick, thick * 0.7), shade),
        Limb(foot, toe, (thick * 0.8, thick * 0.6), shade * 0.8, True),
    ]


def _chain(
    rng: np.random.Generator,
    joint: Point,
    angle: float,
    step: float,
    radii: tuple[float, float],
    count: int,
) -> list[Limb]:
    limbs = []
    for _ in range(count):
        end = joint + _direction(angle) * step
        limbs.append(Limb(joint, end, radii))
        joint, angle = end, angle + rng.uniform(-0.6, 0.6)
    return limbs


def _with_head(rng: np.random.Generator, limbs: list[Limb], crown: Point, skull: float) -> Creature:
    """Return the animal with a head at `crown` that looks to the right."""
    gaze = rng.uniform(-0.3, 0.9)
    snout = crown + _direction(gaze) * skull * rng.uniform(1.0, 2.4)
    ears = []
    for shade in (0.7, 1.0):
        root = crown + _direction(gaze - rng.uniform(1.6, 2.3)) * skull * 0.8
        tip = root + _direction(rng.uniform(-2.6, 1.6)) * skull * rng.uniform(0.4, 1.1)
        ears.append(Limb(root, tip, (skull * 0.28, skull * 0.1), shade))
    if rng.random() < 0.25:
        root = crown + _direction(gaze - 1.7) * skull * 0.8
        horn = _chain(rng, root, rng.uniform(-2.4, -0.9), skull * 0.6, (0.03, 0.015), 3)
        ears += [limb._replace(bare=True) for limb in horn]
    head = [
        Limb(crown, crown, (skull, skull)),
        Limb(crown, snout, (skull * 0.8, skull * rng.uniform(0.3, 0.6))),
    ]
    eye = crown + _direction(gaze - 0.7) * skull * 0.55
    return Creature([*limbs, ears[0], *head, *ears[1:]], [eye], snout)


def draw(rng: np.random.Generator, side_px: int = SIDE_PX) -> NDArray[np.uint8]:
    """Return premultiplied RGB and coverage of one animal that fills the picture, (side, side, 4)."""
    kinds = list(KINDS)
    creature = kinds[rng.choice(len(kinds), p=list(KINDS.values()))](rng)
    canvas = _Canvas(rng, creature, side_px)
    for limb in creature.limbs:
        canvas.add(limb)
    for eye in creature.eyes:
        canvas.dot(eye, rng.uniform(0.018, 0.035), 0.05)
        canvas.dot(_beside(eye, -0.006, -0.008), 0.007, 0.9)
    if creature.nose is not None:
        canvas.dot(creature.nose, rng.uniform(0.02, 0.045), 0.07)
    return canvas.picture()


class _Canvas:
    def __init__(self, rng: np.random.Generator, creature: Creature, side_px: int) -> None:
        ends = np.array([joint for limb in creature.limbs for joint in (limb.start, limb.end)])
        wide = np.array([radius for limb in creature.limbs for radius in limb.radii])[:, None]
        low, high = (ends - wide).min(0) - 0.04, (ends + wide).max(0) + 0.04
        unit = float((high - low).max()) / side_px
        origin = (low + high) / 2 - unit * side_px / 2
        rows, columns = np.mgrid[0:side_px, 0:side_px].astype(np.float32)
        self._at = np.stack([columns, rows], -1) * np.float32(unit) + np.float32(origin)
        self._unit = unit
        self._rng = rng
        self._side = side_px
        self._light = _unit(np.array([rng.uniform(-1, 1), rng.uniform(-1.3, -0.2), 0.9]))
        self._ambient = rng.uniform(0.25, 0.6)
        self._fur = rng.uniform(0.03, 0.4)
        self._shaggy = rng.uniform(0, 0.035)
        self._fur_px = int(rng.integers(3, 15))
        self._coat = self._albedo()
        self._color = np.zeros((side_px, side_px, 3), np.float32)
        self._coverage = np.zeros((side_px, side_px), np.float32)

    def add(self, limb: Limb) -> None:
        """Lay `limb` over what is there."""
        along = limb.end - limb.start
        span = max(float(along @ along), 1e-9)
        share = np.clip(((self._at - limb.start) @ along) / span, 0, 1).astype(np.float32)
        radius = limb.radii[0] + (limb.radii[1] - limb.radii[0]) * share
        off = self._at - (np.float32(limb.start) + share[..., None] * np.float32(along))
        distance = np.hypot(off[..., 0], off[..., 1])
        angle = float(np.arctan2(along[1], along[0])) + self._rng.uniform(-0.5, 0.5)
        strands = self._strands(angle)
        edge = radius + (0 if limb.bare else self._shaggy) * strands
        inside = np.clip((edge - distance) / (1.5 * self._unit) + 0.5, 0, 1)
        across = np.minimum(distance / np.maximum(radius, 1e-4), 1)
        normal = np.dstack([off / np.maximum(radius, 1e-4)[..., None], np.sqrt(1 - across**2)])
        lit = self._ambient + (1 - self._ambient) * np.maximum(normal @ np.float32(self._light), 0)
        albedo = np.full(3, self._rng.uniform(0.1, 0.6)) if limb.bare else self._coat
        fur = 1 + (0 if limb.bare else self._fur) * strands[..., None]
        # Seams between limbs are as soft as fur.
        soft = np.clip((radius - distance) / (0.25 * radius + self._unit), 0, 1)
        over = np.where(self._coverage > 0.5, np.minimum(inside, soft), inside)[..., None]
        color = albedo * (lit * limb.shade)[..., None] * fur
        self._color += (color - self._color) * over
        self._coverage += (1 - self._coverage) * over[..., 0]

    def dot(self, center: Point, radius: float, tone: float) -> None:
        """Lay a round spot of one tone over what is there."""
        distance = np.hypot(*np.moveaxis(self._at - np.float32(center), -1, 0))
        over = np.clip((radius - distance) / self._unit + 0.5, 0, 1)[..., None]
        self._color += (np.float32(tone) - self._color) * over

    def picture(self) -> NDArray[np.uint8]:
        """Return premultiplied RGB and coverage, as codes."""
        planes = np.dstack([np.clip(self._color, 0, 1), self._coverage])
        return np.round(planes * 255).astype(np.uint8)

    def _strands(self, angle: float) -> Plane:
        """Return hairs along `angle`, of mean 0 and deviation 1."""
        noise = self._rng.standard_normal((self._side, self._side), np.float32)
        kernel = np.zeros((self._fur_px * 2 + 1,) * 2, np.float32)
        middle, tip = np.array([self._fur_px] * 2), _direction(angle) * self._fur_px
        ends = [np.round(middle + sign * tip).astype(int).tolist() for sign in (-1, 1)]
        cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_AA)
        strands = cv2.filter2D(noise, -1, kernel)
        return strands / max(float(strands.std()), 1e-6)

    def _albedo(self) -> Plane:
        """Return the coat, (side, side, 3): one tone, patches, spots or stripes, a pale belly."""
        rng = self._rng
        tones = np.float32([COATS[index] for index in rng.choice(len(COATS), 2, replace=False)])
        tones = np.clip(tones * np.exp(rng.normal(0, 0.1, (2, 3))), 0.02, 1).astype(np.float32)
        pattern = rng.choice(["plain", "patches", "spots", "stripes"], p=[0.5, 0.2, 0.15, 0.15])
        coat = np.broadcast_to(tones[0], (self._side, self._side, 3)).copy()
        if pattern != "plain":
            coat += (tones[1] - coat) * self._marks(pattern)[..., None]
        down = np.linspace(0, 1, self._side, dtype=np.float32)[:, None, None]
        pale = np.clip((down - rng.uniform(0.3, 0.9)) * 4, 0, 1) * rng.uniform(0, 0.6)
        return np.clip(coat + (0.9 - coat) * pale, 0, 1).astype(np.float32)

    def _marks(self, pattern: str) -> Plane:
        """Return where the second tone is, 0-1."""
        cells = self._rng.integers(3, 7) if pattern == "patches" else self._rng.integers(10, 24)
        grid = self._rng.random((cells, cells), np.float32)
        field = cv2.resize(grid, (self._side, self._side), interpolation=cv2.INTER_CUBIC)
        if pattern == "stripes":
            angle, waves = self._rng.uniform(-0.5, 0.5), self._rng.uniform(8, 26)
            along = self._at @ np.float32(_direction(angle))
            field = 0.5 + 0.5 * np.sin(along * waves * 2 * np.pi / 1.5 + 3 * field)
        return np.clip((field - self._rng.uniform(0.45, 0.65)) * 12 + 0.5, 0, 1)


def _unit(vector: Point) -> Point:
    return vector / np.linalg.norm(vector)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw animals for the training pictures.")
    parser.add_argument("cache", type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    args = parser.parse_args()
    rng = np.random.default_rng(SEED)
    folder = args.cache / "creatures"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "drawn.npy", np.stack([draw(rng) for _ in range(args.count)]))


if __name__ == "__main__":
    main()
