"""Where a picture is taken from, and by what light: numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from weights.training.rendered.figure import Standing
from weights.training.rendered.geometry import FULL_TURN, Floats, rotation
from weights.training.rendered.looks import Color, hsv

FRAMINGS = {"full": 0.4, "three": 0.2, "waist": 0.2, "head": 0.2}
CLOSE = ("waist", "head")
VIEWS = {"front": 0.6, "side": 0.22, "back": 0.18}
FILM_MM = 36
LIGHTS = {"hdri": 0.42, "sun": 0.18, "back": 0.18, "low": 0.12, "area": 0.1}


@dataclass(frozen=True)
class Camera:
    """A camera in Blender's axes: it looks along its own -z."""

    place: Floats
    axes: Floats
    """Columns: right, up, backward."""
    lens_mm: float
    size: tuple[int, int]
    """Width, height."""
    shift: tuple[float, float]
    focus_m: float
    f_stop: float | None
    """None where everything is sharp."""
    yaw: float
    """Of the direction towards the camera."""
    pitch: float
    middle: Floats
    """What it looks at."""
    cut: bool
    """Whether people are cut at the frame's edge."""


@dataclass(frozen=True)
class Lamp:
    """A lamp besides the surroundings: `SUN` (size is an angle) or `AREA` (metres)."""

    kind: str
    towards: Floats
    """The direction from the people to the lamp."""
    energy: float
    color: Color
    size: float


@dataclass(frozen=True)
class Light:
    """What a picture is lit by."""

    name: str
    surroundings: int
    """Number of the HDRI picture."""
    turn: float
    strength: float
    lamp: Lamp | None


def draw_size(rng: np.random.Generator, framing: str, side: int, *, tall: bool) -> tuple[int, int]:
    """Draw width and height; the longer is `side`, both are even."""
    portrait = rng.random() < (0.8 if tall else 0.5)
    square_too = framing != "full" if portrait else framing in CLOSE
    shapes = (0.75, 0.67, 1.0) if square_too else (0.75, 0.67, 0.5625)
    short = int(side * shapes[rng.integers(3)]) // 2 * 2
    side = side // 2 * 2
    return (short, side) if portrait else (side, short)


def draw_pitch(rng: np.random.Generator) -> float:
    """Draw how far from above (radians): level mostly."""
    if rng.random() < 0.78:
        return float(rng.normal(0.02, 0.08))
    above = rng.random() < 0.6
    return float(rng.uniform(0.25, 0.65) if above else -rng.uniform(0.25, 0.45))


def draw_yaw(rng: np.random.Generator, view: str) -> float:
    """Draw where around the person the camera is; 0 is in front."""
    if view == "front":
        return float(rng.normal(0, 0.45))
    if view == "back":
        return float(np.pi + rng.normal(0, 0.5))
    return float(rng.choice([-1, 1]) * rng.uniform(1.05, 1.9))


def in_frame(rng: np.random.Generator, people: Sequence[Standing], framing: str) -> Floats:
    """Return the points (n, 3) that the picture is made to show."""
    points = np.concatenate([p.points for p in people])
    if framing == "full":
        return points
    if framing == "three":
        return points[points[:, 2] > np.quantile(points[:, 2], rng.choice([0.12, 0.3]))]
    radius = rng.uniform(0.2, 0.38) if framing == "head" else rng.uniform(0.45, 0.65)
    lower = np.array([0, 0, 0.06 if framing == "head" else 0.22])
    near = [
        p.points[np.linalg.norm(p.points - (p.head.center - lower), axis=1) < radius]
        for p in people
    ]
    return np.concatenate(near)


def distance_for(points: Floats, axes: Floats, lens_mm: float, size: tuple[int, int]) -> float:
    """Return how far away points (relative to what is looked at) just fit into the frame."""
    right, up, backward = axes.T
    longer = max(size)
    half_width, half_height = (s / longer * FILM_MM / lens_mm / 2 for s in size)
    depth = points @ backward
    wide = np.abs(points @ right) / half_width + depth
    high = np.abs(points @ up) / half_height + depth
    return float(max(wide.max(), high.max()))


def draw_camera(
    rng: np.random.Generator, people: Sequence[Standing], framing: str, view: str, side: int
) -> Camera:
    """Draw a camera that shows the people."""
    yaw = people[0].yaw + draw_yaw(rng, view)
    pitch = draw_pitch(rng)
    lens = rng.uniform(38, 110) if framing in CLOSE else rng.uniform(28, 100)
    points = in_frame(rng, people, framing)
    extent = np.ptp(np.concatenate([p.points for p in people]), axis=0)
    size = draw_size(rng, framing, side, tall=bool(extent[2] > 1.1 * extent[:2].max()))
    backward = np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.cos(yaw), np.sin(yaw), 0])
    axes = np.stack([right, np.cross(backward, right), backward], 1)
    middle = (points.min(0) + points.max(0)) / 2
    fill = rng.uniform(0.8, 0.97) if framing == "full" else rng.uniform(0.85, 1.2)
    cut = bool(rng.random() < (0.18 if framing == "full" else 0.35))
    fill *= rng.uniform(1.05, 1.35) if cut else 1
    distance = distance_for(points - middle, axes, lens / fill, size)
    place = middle + backward * distance
    jitter = 0.12 if cut else 0.025
    first = people[0].head
    focus = np.linalg.norm(place - first.center - first.axes @ [0, 0.08, -0.05])
    blurred = framing in CLOSE and rng.random() < 0.15
    return Camera(
        place=place,
        axes=axes @ rotation([0, 0, 1], rng.normal(0, 0.035)),
        lens_mm=float(lens),
        size=size,
        shift=(float(rng.normal(0, jitter)), float(rng.normal(0, jitter * 0.6))),
        focus_m=float(focus),
        f_stop=float(rng.uniform(1.6, 5)) if blurred else None,
        yaw=yaw,
        pitch=pitch,
        middle=middle,
        cut=cut,
    )


def drifted(camera: Camera, move: Floats, turn: float, share: float) -> Camera:
    """Return a camera `share` of the way along a drift: metres (3) in its axes, and radians."""
    return replace(
        camera,
        place=camera.place + camera.axes @ (move * share),
        axes=camera.axes @ rotation([0, 1, 0], turn * share),
    )


def draw_lamp(rng: np.random.Generator, name: str, yaw: float) -> Lamp:
    """Draw a lamp: from behind the people, from one side, or from anywhere."""
    sun = name in ("sun", "back") or (name == "low" and rng.random() < 0.5)
    towards_camera = yaw - np.pi / 2
    if name == "back":
        around = towards_camera + np.pi + rng.normal(0, 0.5)
    elif name == "low":
        around = towards_camera + rng.choice([-1, 1]) * rng.uniform(0.8, 1.8)
    else:
        around = rng.uniform(0, FULL_TURN)
    high = rng.uniform(0.1, 0.7) if name == "back" else rng.uniform(0.2, 1.2)
    energy = rng.uniform(2, 7) if sun else rng.uniform(80, 350)
    return Lamp(
        kind="SUN" if sun else "AREA",
        towards=np.array(
            [np.cos(around) * np.cos(high), np.sin(around) * np.cos(high), np.sin(high)]
        ),
        energy=float(rng.uniform(5, 14) if name == "back" else energy),
        color=hsv(rng.uniform(0.05, 0.12), rng.uniform(0, 0.35), 1),
        size=float(rng.uniform(0.005, 0.12) if sun else rng.uniform(0.3, 2)),
    )


def draw_light(rng: np.random.Generator, surroundings: int, yaw: float) -> Light:
    """Draw a light, one of so many surroundings."""
    name = str(rng.choice(list(LIGHTS), p=list(LIGHTS.values())))
    strength = {"low": rng.uniform(0.04, 0.15), "sun": rng.uniform(0.3, 1)}.get(name, 1.0)
    return Light(
        name=name,
        surroundings=int(rng.integers(surroundings)),
        turn=float(rng.uniform(0, FULL_TURN)),
        strength=float(strength),
        lamp=None if name == "hdri" else draw_lamp(rng, name, yaw),
    )
