"""What surfaces look like: numbers drawn here, made into Cycles' materials by `materials.py`."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weights.training.rendered.body import Build

Color = tuple[float, float, float]


def hsv(hue: float, saturation: float, value: float) -> Color:
    """Return linear RGB."""
    return colorsys.hsv_to_rgb(
        hue % 1, float(np.clip(saturation, 0, 1)), float(np.clip(value, 0, 1))
    )


@dataclass(frozen=True)
class Fabric:
    """Plain or patterned cloth, its pattern fixed to the unposed garment."""

    pattern: str
    first: Color
    second: Color
    scale: float
    direction: str
    roughness: float
    specular: float
    crease_scale: float
    crease_strength: float
    crease_depth_m: float
    name: str


@dataclass(frozen=True)
class Picture:
    """A surface with a texture; hue, saturation and value are as Blender's node has them."""

    path: Path | None
    roughness: float
    specular: float = 0.35
    hue: Color | None = None
    tint: Color | None = None
    bumps: Path | None = None
    see_through: bool = False
    instead: Color = (0.3, 0.3, 0.3)
    """Where there is no picture."""


@dataclass(frozen=True)
class Plain:
    """One color, as of wood, metal, plastic."""

    color: Color
    roughness: float
    metallic: float = 0.0


@dataclass(frozen=True)
class HairLook:
    """Color of strands and roughness of their two lobes."""

    color: Color
    roughness: float
    shine: float


Look = Fabric | Picture | Plain | HairLook

PATTERNS = ("plain", "plain", "plain", "stripes", "plaid", "spots", "print")
CLOTH_COLORS = {
    # saturation from, to; value from, to; hue or None for any
    "dark": (0.0, 0.4, 0.01, 0.05, None),
    "gray": (0.0, 0.1, 0.06, 0.4, None),
    "white": (0.0, 0.12, 0.55, 0.8, None),
    "color": (0.4, 0.95, 0.08, 0.6, None),
    "denim": (0.4, 0.7, 0.05, 0.3, (0.57, 0.63)),
    "earth": (0.3, 0.6, 0.05, 0.35, (0.03, 0.14)),
}
OFTEN = ("dark", "dark", "gray", "white", "color", "color", "denim", "earth")
HAIR_COLORS = {
    "black": (0.012, 0.009, 0.008),
    "darkbrown": (0.03, 0.018, 0.010),
    "brown": (0.07, 0.04, 0.022),
    "lightbrown": (0.16, 0.10, 0.055),
    "blond": (0.42, 0.29, 0.15),
    "red": (0.22, 0.07, 0.025),
    "gray": (0.30, 0.29, 0.28),
    "white": (0.65, 0.64, 0.62),
    "dyed": (0.25, 0.06, 0.2),
}


def draw_cloth_color(rng: np.random.Generator, kind: str) -> Color:
    """Draw a color of one kind."""
    grayest, purest, darkest, lightest, hues = CLOTH_COLORS[kind]
    hue = rng.uniform(*(hues or (0, 1)))
    return hsv(hue, rng.uniform(grayest, purest), rng.uniform(darkest, lightest))


def draw_fabric(rng: np.random.Generator) -> Fabric:
    """Draw cloth."""
    kind = OFTEN[rng.integers(len(OFTEN))]
    other = OFTEN[rng.integers(len(OFTEN))]
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    return Fabric(
        pattern=pattern,
        first=draw_cloth_color(rng, kind),
        second=draw_cloth_color(rng, other),
        scale=float(rng.uniform(0.7, 3.5)),
        direction="XYYZ"[rng.integers(4)],
        roughness=float(rng.uniform(0.55, 0.95)),
        specular=float(rng.uniform(0.1, 0.4)),
        crease_scale=float(rng.uniform(0.8, 2.2)),
        crease_strength=float(rng.uniform(0.3, 0.9)),
        crease_depth_m=float(rng.uniform(0.006, 0.02)),
        name=f"{kind} {pattern}",
    )


def draw_hair_look(rng: np.random.Generator, tone: str, *, short: bool) -> HairLook:
    """Draw a hair color of a tone; very short hair shines less."""
    color = np.array(HAIR_COLORS[tone]) * rng.uniform(0.7, 1.4) * rng.uniform(0.9, 1.1, 3)
    red, green, blue = color.clip(0.004, 0.9).tolist()
    return HairLook((red, green, blue), float(rng.uniform(0.15, 0.35)), 0.1 if short else 0.28)


def draw_suit(rng: np.random.Generator, path: Path) -> Picture:
    """Draw the look of a suit of MakeHuman's: its picture in other colors."""
    return Picture(
        path.with_name(f"{path.stem}_diffuse.png"),
        roughness=float(rng.uniform(0.5, 0.9)),
        specular=0.25,
        hue=(
            float(rng.random()) if rng.random() < 0.5 else 0.5,
            float(rng.uniform(0.3, 1.2)),
            float(rng.uniform(0.4, 1.4)),
        ),
        bumps=path.with_name(f"{path.stem}_normal.png"),
        instead=hsv(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.02, 0.6)),
    )


def skin_pictures(folder: Path, build: Build, shade: str) -> list[Path]:
    """Return the pictures of skins that fit age and sex best, of those that are there."""
    age = "young" if build.age < 0.62 else "middleage" if build.age < 0.82 else "old"
    sex = "female" if build.gender < 0.5 else "male"
    for ages in (age, "middleage" if age == "old" else age, "young", "*"):
        found = sorted(folder.glob(f"{ages}_{shade}skinned_{sex}_diffuse*.png"))
        if found:
            return found
    msg = f"{folder} has no {shade} skin of a {sex}"
    raise FileNotFoundError(msg)


def draw_skin(rng: np.random.Generator, build: Build, folder: Path) -> tuple[Picture, str]:
    """Draw a skin, and say whether its picture is dark or light and by what it is multiplied."""
    shade = "dark" if build.ancestry["african"] > rng.uniform(0.35, 0.6) else "light"
    pictures = skin_pictures(folder, build, shade)
    tan = rng.uniform(0, 1) ** 1.3 if shade == "light" else 0.0
    tone = rng.uniform(0.75, 1.1) * (1 - 0.45 * tan) if shade == "light" else rng.uniform(0.5, 1.5)
    tint = tone * np.array(
        [1, rng.uniform(0.94, 1.02) - 0.1 * tan, rng.uniform(0.88, 1.02) - 0.2 * tan]
    )
    red, green, blue = tint.clip(0, 1.5).tolist()
    look = Picture(
        pictures[rng.integers(len(pictures))],
        roughness=float(rng.uniform(0.42, 0.62)),
        tint=(red, green, blue),
    )
    return look, f"{shade} x{tone:.2f}"
