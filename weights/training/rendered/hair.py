"""
Hair and beards as strands, in Blender's axes and metres.

A few hundred guides grow with gravity, combing and collisions; thousands of strands are mixed from
the three guides next to them, with clumps, curls, frizz and single flying hairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from weights.training.rendered.geometry import FULL_TURN, Floats, Ints, Mask, unit

GUIDES = 420
DOWN = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True)
class Style:
    """A way to wear hair; lengths in metres."""

    length: tuple[float, float]
    lift: float
    gravity: float
    strands: int
    curl: float = 0.0
    turns_a_metre: float = 0.0
    frizz: float = 0.002
    clump: float = 0.0
    flying: float = 0.0
    radius: float = 0.0001


STYLES = {
    "buzz": Style((0.004, 0.012), 1, 0, 15000, frizz=0.0006, radius=0.00009),
    "short": Style((0.018, 0.045), 0.4, 0.55, 22000, frizz=0.0015, clump=0.35, flying=0.025),
    "crop": Style((0.025, 0.055), 0.4, 0.45, 21000, frizz=0.0015, clump=0.4, flying=0.025),
    "slick": Style((0.05, 0.09), 0.1, 0.5, 19000, frizz=0.001, clump=0.5, flying=0.02),
    "shortcurl": Style((0.02, 0.05), 0.6, 0.3, 18000, 0.004, 50, 0.002, 0.6, 0.03),
    "bob": Style((0.14, 0.22), 0.2, 1.4, 18000, 0.002, 5, 0.002, 0.45, 0.03),
    "shoulder": Style((0.22, 0.32), 0.2, 1.5, 18000, 0.003, 5, 0.003, 0.5, 0.035),
    "long": Style((0.32, 0.55), 0.15, 1.7, 18000, 0.003, 3, 0.003, 0.5, 0.035),
    "wavy": Style((0.22, 0.42), 0.22, 1.5, 17000, 0.007, 11, 0.004, 0.6, 0.04),
    "curly": Style((0.11, 0.26), 0.45, 1.1, 15000, 0.008, 30, 0.004, 0.75, 0.05),
    "afro": Style((0.025, 0.085), 1, 0.06, 20000, 0.0035, 90, 0.006, 0.3, 0.05, 0.00009),
    "pony": Style((0.26, 0.45), 0, 1.5, 16000, 0.003, 5, 0.002, 0.4, 0.04),
    "wavypony": Style((0.26, 0.42), 0, 1.4, 16000, 0.008, 14, 0.004, 0.5, 0.05),
    "bun": Style((0.24, 0.34), 0, 0, 14000, 0.002, 5, 0.002, 0.4, 0.04),
    "braid": Style((0.12, 0.17), 0, 1, 14000, frizz=0.0015, clump=0.4, flying=0.03),
    "thin": Style((0.02, 0.06), 0.3, 0.8, 5000, 0, 0, 0.003, 0.3, 0.06, 0.00009),
    "messy": Style((0.035, 0.08), 0.5, 0.5, 17000, 0.004, 12, 0.006, 0.7, 0.08),
    "beard": Style((0.005, 0.045), 0.35, 1, 8000, 0.002, 30, 0.002, 0.3, 0.04),
    "stubble": Style((0.002, 0.004), 0.5, 0.5, 7000, frizz=0.0004, radius=0.00007),
}
BALD = "bald"
TIED = ("pony", "wavypony", "bun", "braid")
CLOSE = ("buzz", "short", "crop", "slick", "shortcurl", "thin")
"""Too short to reach the clothes."""


@dataclass(frozen=True)
class Head:
    """Where a head is, and how its hair is combed."""

    center: Floats
    axes: Floats
    """Columns: left, forward, up."""
    brow: float
    """Height of the brow above the center."""
    parting: float
    """Metres to the left of the middle."""
    comb: str
    """`back`, `fringe`, `part`, `up` or `radial`."""
    short_sides: bool = False

    def inside(self, points: Floats) -> Floats:
        """Return points (..., 3) as left, forward, up from the center."""
        return (points - self.center) @ self.axes


@dataclass(frozen=True)
class Surface:
    """What hair grows on, or must not go into."""

    points: Floats
    outward: Floats


@dataclass(frozen=True)
class Strands:
    """Hair: points (strands, points a strand, 3), and radii of the same shape without the 3."""

    points: Floats
    radii: Floats


@dataclass(frozen=True)
class Roots:
    """Where strands begin."""

    points: Floats
    outward: Floats


def draw_roots(
    rng: np.random.Generator, scalp: Surface, triangle_list: Ints, weight: Floats, count: int
) -> Roots:
    """Draw roots on a surface, more where `weight` (by vertex) is more."""
    corners = scalp.points[triangle_list]
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    areas *= weight[triangle_list].mean(1)
    chosen = triangle_list[rng.choice(len(triangle_list), count, p=areas / areas.sum())]
    mix = rng.dirichlet([1, 1, 1], count)[:, :, None]
    return Roots((scalp.points[chosen] * mix).sum(1), unit((scalp.outward[chosen] * mix).sum(1)))


def combed(rng: np.random.Generator, roots: Roots, head: Head) -> Floats:
    """Return which way (n, 3) the hair of each root is combed."""
    left, forward, up = head.axes.T
    side, front, _ = head.inside(roots.points).T
    away = np.tanh((side - head.parting) / 0.012)[:, None] * left
    if head.comb == "back":
        way = -forward + 0.25 * away - 0.2 * up
    elif head.comb == "fringe":
        over_brow = forward * 0.9 - up * 0.6 + 0.2 * away
        way = np.where((front > 0.03)[:, None], over_brow, away * 0.8 - forward * 0.35 - 0.5 * up)
    elif head.comb == "part":
        way = away * 1.15 - 0.55 * forward - 0.15 * up
    elif head.comb == "up":
        way = np.broadcast_to(up, away.shape)
    else:
        way = unit(roots.points - head.center)
    return unit(way + rng.normal(0, 0.15, away.shape))


class Grower:
    """Grows guides, one point of all of them at a time."""

    def __init__(
        self,
        rng: np.random.Generator,
        head: Head,
        style: Style,
        around: Surface,
        tie: Floats | None,
        *,
        bun: bool,
    ) -> None:
        self.rng, self.head, self.style, self.around = rng, head, style, around
        self.tree = cKDTree(around.points)
        self.tie = tie
        self.bun = bun
        self.wind = rng.normal(0, 0.12, 3) * (rng.random() < 0.5)
        self.volume = rng.uniform(0.1, 0.75)

    def lifted(self, points: Floats, far: float) -> Floats:
        """Lift points off the body, further towards the ends (`far` from 0 to 1)."""
        _, nearest = self.tree.query(points)
        outward = self.around.outward[nearest]
        offset = points - self.around.points[nearest]
        above = (offset * outward).sum(1)
        wanted = 0.004 + 0.010 * self.volume * min(1, 3 * far) * (0.3 if self.bun else 1)
        close = (above < wanted) & (np.linalg.norm(offset, axis=1) < 0.06)
        return points + outward * (np.clip(wanted - above, 0, 0.04) * close)[:, None]

    def off_face(self, points: Floats, sides: Floats, fringe: Mask) -> Floats:
        """Move hair that falls before the face to its side, but for a short fringe."""
        side, front, high = self.head.inside(points).T
        left, forward, _ = self.head.axes.T
        before = (front > 0.025) & (high < self.head.brow) & (abs(side) < 0.066) & ~fringe
        aside = before * sides * np.clip(0.066 - abs(side), 0, 0.02) * 0.7
        return points + aside[:, None] * left - (before * 0.004)[:, None] * forward

    def towards_tie(
        self, points: Floats, ways: Floats, tied: Mask, swirl: Floats, step: Floats
    ) -> Floats:
        """Return ways to the tie, and from there on down or around a bun; marks what is `tied`."""
        to_tie = self.tie - points
        tied |= np.linalg.norm(to_tie, axis=1) < np.maximum(0.02, step)
        onward = ways + 0.6 * self.style.gravity * DOWN + self.wind
        if self.bun:
            around = np.cross(unit(-to_tie), swirl) * 2
            onward = onward + around + 1.2 * to_tie / 0.035
        aim = np.where(tied[:, None], unit(onward), unit(to_tie))
        return unit((0.5 if self.bun else 0.25) * ways + aim)

    def grow(self, roots: Roots, lengths: Floats, count: int) -> Floats:
        """Return guides (n, count, 3)."""
        style, head = self.style, self.head
        side, front, _ = head.inside(roots.points).T
        sides = np.where(side >= head.parting, 1.0, -1.0)
        fringe = (front > 0.035) & (lengths < 0.07) & (head.comb == "fringe")
        comb = combed(self.rng, roots, head) if self.tie is None else unit(self.tie - roots.points)
        ways = unit(roots.outward * (style.lift + 0.15) + comb * (1.1 - min(style.lift, 1) * 0.8))
        swirl = self.rng.normal(0, 0.25, ways.shape)
        tied = np.zeros(len(ways), bool)
        step = lengths / (count - 1)
        points = roots.points + roots.outward * 0.001
        grown = [points]
        for index in range(1, count):
            far = index / (count - 1)
            if self.tie is None:
                fall = style.gravity * 0.28 * (24 / count) * (0.3 + far)
                ways = unit(ways + fall * DOWN + self.wind * far * 0.5 + swirl * 0.05)
            else:
                ways = self.towards_tie(points, ways, tied, swirl, step)
            moved = self.lifted(points + ways * step[:, None], far)
            if self.tie is None and style.gravity > 0.4:
                moved = self.off_face(moved, sides, fringe)
            ways = unit(moved - points)
            points = points + ways * step[:, None]
            grown.append(points)
        return np.stack(grown, 1)


def guide_lengths(
    rng: np.random.Generator, name: str, head: Head, roots: Roots, length: float
) -> Floats:
    """Return the guides' lengths: fringes and the sides of a crop are shorter."""
    lengths = length * rng.uniform(0.8, 1.1, len(roots.points))
    _, front, high = head.inside(roots.points).T
    if head.comb in ("fringe", "radial") and name != "afro" and name not in TIED:
        longest = rng.uniform(0.03, 0.062) * rng.uniform(0.8, 1.1, len(lengths))
        lengths = np.where(front > 0.035, np.minimum(lengths, longest), lengths)
    if head.short_sides:
        lengths = lengths * np.where(high < 0.05, rng.uniform(0.12, 0.45), 1)
    return lengths


def mixed_from(
    rng: np.random.Generator,
    guides: Floats,
    guide_roots: Floats,
    roots: Floats,
    head: Head,
    clump: float,
) -> tuple[Floats, Ints]:
    """Return strands mixed from three guides, and each one's nearest; a parting is not crossed."""
    distance, near = cKDTree(guide_roots).query(roots, k=3)
    mix = 1 / (distance + 0.002) ** 2
    if head.comb != "up":
        of_roots = np.sign(head.inside(roots)[:, 0] - head.parting)[:, None]
        of_guides = np.sign(head.inside(guide_roots)[:, 0] - head.parting)[near]
        mix = np.where(of_roots != of_guides, mix * 0.3, mix)
    mix /= mix.sum(1, keepdims=True)
    offsets = guides - guides[:, :1]
    strands = roots[:, None] + sum(mix[:, k, None, None] * offsets[near[:, k]] for k in range(3))
    nearest = near[:, 0]
    center = guides[nearest] + (roots - guide_roots[nearest])[:, None] * 0.15
    along = np.linspace(0, 1, guides.shape[1])[None, :, None]
    gathered = clump * along**1.3 * rng.uniform(0.3, 1, (len(roots), 1, 1))
    strands = strands * (1 - gathered) + center * gathered
    lengths = rng.uniform(0.75, 1.03, (len(roots), 1, 1))
    return strands[:, :1] + (strands - strands[:, :1]) * lengths, nearest


def curls(
    rng: np.random.Generator, strands: Floats, nearest: Ints, style: Style, length: float
) -> Floats:
    """Wind strands about where they are; strands of one guide wind alike."""
    count = strands.shape[1]
    along = np.linspace(0, 1, count)[None, :, None]
    tangent = unit(np.gradient(strands, axis=1))
    across = unit(
        np.cross(tangent, rng.normal(size=(len(strands), 1, 3)) * 0.2 + np.array([0.3, 0.8, 0.5]))
    )
    turns = min(style.turns_a_metre * rng.uniform(0.8, 1.2) * length, count / 3.2)
    radius = style.curl * rng.uniform(0.7, 1.3) * rng.uniform(0.7, 1.3, GUIDES)[nearest]
    phase = rng.uniform(0, FULL_TURN, GUIDES)[nearest]
    phase = phase + rng.normal(0, 0.5 if style.clump > 0.5 else 2.0, len(strands))
    pace = turns * rng.uniform(0.85, 1.15, GUIDES)[nearest]
    angle = FULL_TURN * pace[:, None, None] * along + phase[:, None, None]
    circle = np.cos(angle) * across + np.sin(angle) * np.cross(tangent, across)
    return strands + radius[:, None, None] * np.minimum(1, along * 4) * circle


def wandering(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Return random walks (strands, points, 3) from 0."""
    walk = rng.normal(0, 1, (*shape, 3)).cumsum(1)
    return (walk - walk[:, :1]) / np.sqrt(shape[1])


def pushed_off(strands: Floats, body: Surface, gap: float = 0.0015) -> Floats:
    """Return strands whose points are not inside the body."""
    points = strands.reshape(-1, 3).copy()
    _, nearest = cKDTree(body.points).query(points)
    outward = body.outward[nearest]
    above = ((points - body.points[nearest]) * outward).sum(1)
    inside = (above < gap) & (above > -0.03)
    points[inside] += outward[inside] * (gap - above[inside])[:, None]
    return points.reshape(strands.shape)


def tie_of(rng: np.random.Generator, name: str) -> Floats | None:
    """Draw where hair is tied, in the head's axes."""
    if name not in TIED:
        return None
    if name == "bun":
        return np.array([0, -0.108, 0.05 + rng.uniform(-0.07, 0.07)])
    return np.array([0, -0.10, 0.02 + rng.uniform(-0.06, 0.08)])


def points_a_strand(name: str, style: Style, length: float) -> int:
    """Return how many points a strand needs."""
    if name == "afro":
        return 22
    if style.curl * style.turns_a_metre > 0.12:
        return 30
    return int(np.clip(6 + length * 55, 6, 30))


def grow_hair(
    rng: np.random.Generator,
    name: str,
    head: Head,
    scalp: Surface,
    triangle_list: Ints,
    weight: Floats,
    around: Surface,
    density: float,
) -> list[Strands]:
    """Grow hair or a beard where `weight` (by the scalp's vertices) is; a plait has two parts."""
    style = STYLES[name]
    length = rng.uniform(*style.length)
    count = points_a_strand(name, style, length)
    tie = tie_of(rng, name)
    tie_point = None if tie is None else head.center + head.axes @ tie
    grower = Grower(rng, head, style, around, tie_point, bun=name == "bun")
    guide_roots = draw_roots(rng, scalp, triangle_list, weight, GUIDES)
    lengths = guide_lengths(rng, name, head, guide_roots, length)
    guides = grower.grow(guide_roots, lengths, count)

    roots = draw_roots(rng, scalp, triangle_list, weight, int(style.strands * density))
    points, nearest = mixed_from(rng, guides, guide_roots.points, roots.points, head, style.clump)
    strands = len(points)
    if style.curl:
        points = curls(rng, points, nearest, style, length)
    frizz = style.frizz * rng.uniform(0.3, 1, (strands, 1, 1))
    points = points + wandering(rng, (strands, count)) * frizz
    along = np.linspace(0, 1, count)
    flying = rng.random(strands) < style.flying * rng.uniform(0.4, 1.5)
    reach = np.clip(length * 0.14, 0.004, 0.035) * rng.uniform(0.2, 1.2, (flying.sum(), 1, 1))
    points[flying] += wandering(rng, (int(flying.sum()), count)) * reach
    points[flying] += roots.outward[flying][:, None] * along[None, :, None] * reach * 1.2
    points = pushed_off(points, around)
    points[:, 0] = roots.points - roots.outward * 0.001
    radii = (1 - along**3 * 0.7) * style.radius * rng.uniform(0.7, 1.3, (strands, 1))
    radii[flying] *= 0.6
    grown = [Strands(points.astype(np.float32), radii.astype(np.float32))]
    if name == "braid" and tie_point is not None:
        grown.append(plait(rng, head, tie_point, rng.uniform(0.25, 0.48), around))
    return grown


def hanging_line(
    head: Head, start: Floats, length: float, count: int, around: Surface, gap: float
) -> Floats:
    """Return a line (count, 3) that hangs from `start`, off the body by `gap`."""
    tree = cKDTree(around.points)
    way = unit(-head.axes[:, 1] * 0.8 - head.axes[:, 2] * 0.3)
    step = length / (count - 1)
    line = [start]
    for _ in range(count - 1):
        way = unit(way + 0.35 * DOWN)
        moved = line[-1] + way * step
        _, nearest = tree.query(moved)
        above = (moved - around.points[nearest]) @ around.outward[nearest]
        moved = moved + around.outward[nearest] * np.clip(gap - above, 0, 0.01)
        way = unit(moved - line[-1])
        line.append(line[-1] + way * step)
    return np.array(line)


def plait(
    rng: np.random.Generator,
    head: Head,
    start: Floats,
    length: float,
    around: Surface,
    strands: int = 2600,
    radius: float = 0.00014,
) -> Strands:
    """Return a plaited tail: three bundles wound about a line that hangs from the tie."""
    count = int(np.clip(length / 0.0085, 24, 64))
    line = hanging_line(head, start, length, count, around, gap=0.024)
    tangent = unit(np.gradient(line, axis=0))
    across = unit(np.cross(tangent, head.axes[:, 1] + 0.01))
    other = np.cross(tangent, across)
    along = np.linspace(0, 1, count)
    width = rng.uniform(0.009, 0.014) * (1 - 0.35 * along)
    turn = FULL_TURN * along * length / rng.uniform(0.045, 0.07)
    angle = turn[None] + FULL_TURN / 3 * rng.integers(0, 3, strands)[:, None]
    in_bundle = rng.normal(0, 1, (strands, 2))
    in_bundle = in_bundle / np.linalg.norm(in_bundle, axis=1, keepdims=True)
    in_bundle = in_bundle * np.sqrt(rng.random((strands, 1)))
    bundle = 0.72 * width * (1 + 1.5 * np.clip(along - 0.93, 0, 1) / 0.07)
    x = width * np.sin(angle) + in_bundle[:, :1] * bundle
    y = 0.5 * width * np.sin(2 * angle) + in_bundle[:, 1:] * bundle
    points = line[None] + x[..., None] * across[None] + y[..., None] * other[None]
    loose = np.where(rng.random(strands) < 0.05, 4, 1)[:, None, None]
    points = points + wandering(rng, (strands, count)) * 0.0012 * loose
    radii = np.full((strands, 1), radius) * (1 - along[None] ** 4 * 0.6)
    return Strands(points.astype(np.float32), radii.astype(np.float32))
