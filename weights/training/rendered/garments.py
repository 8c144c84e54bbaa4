"""
Clothes and hats cut from the base mesh, which has tights and a skirt around the body for this.

All of it is in MakeHuman's axes and decimetres, on an unposed person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from weights.training.rendered.body import (
    SKIN_VERTICES,
    SKIRT,
    TIGHTS,
    Body,
    joints,
)
from weights.training.rendered.geometry import (
    FULL_TURN,
    Faces,
    Floats,
    Ints,
    Mask,
    faces_a_vertex,
    grid_faces,
    normals,
    part_of_mesh,
    smoothed,
    triangles,
    unit,
    waves,
)

HEAD_BONES = (
    "head", "jaw", "neck", "oculi", "oris", "temporalis", "tongue", "levator", "risorius",
    "orbicularis", "special", "eye",
)  # fmt: skip
HAT_BONES = ("head", "jaw", "neck", "temporalis", "oculi", "orbicularis", "spine", "clavicle",
             "shoulder")  # fmt: skip
ARM_BONES = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
LEG_BONES = ("upperleg", "lowerleg", "foot", "toe")
BARE_BONES = ("finger", "metacarpal", "toe", "foot")
"""Skin of these is never hidden by a garment."""
FEMALE_KINDS = ("plain", "plain", "plain", "skirt", "dress", "tunic", "coat", "coat")
MALE_KINDS = ("plain", "plain", "plain", "plain", "coat", "coat", "tunic")
LAYER_GAP_M = 0.012


@dataclass(frozen=True)
class Garment:
    """A piece of clothing on an unposed person."""

    name: str
    vertices: Floats
    faces: Faces
    on_body: Ints
    """The base mesh's vertex that each of the garment's moves with."""
    hides_skin: bool


@dataclass(frozen=True)
class Tube:
    """What cloth hangs round: an axis from `start` towards `end`."""

    start: Floats
    end: Floats
    sectors: int


def round_axis(points: Floats, tube: Tube) -> tuple[Floats, Floats, Floats, Floats]:
    """Return how far along, how far out and in which sector points lie, and outward directions."""
    along = unit(tube.end - tube.start)
    first = unit(np.cross(along, [0, 0, 1.0]))
    second = np.cross(along, first)
    relative = points - tube.start
    flat = np.stack([relative @ first, relative @ second], 1)
    radius = np.linalg.norm(flat, axis=1)
    sector = np.arctan2(flat[:, 1], flat[:, 0]) / FULL_TURN * tube.sectors
    outward = flat / np.maximum(radius, 1e-6)[:, None]
    return relative @ along, radius, sector, outward[:, :1] * first + outward[:, 1:] * second


def hanging_profile(rings: Ints, sectors: Ints, radius: Floats, tube: Tube, drop: float) -> Floats:
    """Return how far out cloth hangs by ring and sector: no ring is much narrower than the last."""
    profile = np.zeros((62, tube.sectors))
    np.maximum.at(profile, (rings, sectors), radius)
    beside = 0.5 * (np.roll(profile, 1, 1) + np.roll(profile, -1, 1))
    profile = np.maximum(profile, beside * (profile == 0))
    for ring in range(1, len(profile)):
        profile[ring] = np.maximum(profile[ring], profile[ring - 1] - drop)
    return 0.5 * profile + 0.25 * (np.roll(profile, 1, 1) + np.roll(profile, -1, 1))


def draped(
    points: Floats, which: Mask, tube: Tube, *, slope: float, looseness: float, ring: float = 0.4
) -> Floats:
    """Let the cloth `which` hang from its widest places, `looseness` of the way (0 to 1)."""
    along, radius, sector, outward = round_axis(points, tube)
    rings = np.floor(along / ring).astype(int).clip(-1, 60) + 1
    cells = np.floor(sector).astype(int) % tube.sectors
    profile = hanging_profile(rings[which], cells[which], radius[which], tube, slope * ring)
    left = np.floor(sector - 0.5)
    side = sector - 0.5 - left
    first = left.astype(int) % tube.sectors
    second = (first + 1) % tube.sectors
    height = np.clip(along / ring - 0.5, 0, 59.9)
    above = np.floor(height).astype(int)
    down = height - above
    upper = profile[above + 1, first] * (1 - side) + profile[above + 1, second] * side
    lower = profile[above + 2, first] * (1 - side) + profile[above + 2, second] * side
    wanted = upper * (1 - down) + lower * down
    start = np.clip(along / (2 * ring), 0, 1) * looseness * which
    return points + (np.maximum(wanted - radius, 0) * start)[:, None] * outward


class Tailor:
    """Cuts clothes for one person."""

    def __init__(self, body: Body, vertices: Floats, rng: np.random.Generator) -> None:
        self.body = body
        self.vertices = vertices
        self.rng = rng
        self.heads, _ = joints(body, vertices)
        self.height = vertices[:, 1]
        self.on_head = body.moved_by(*HEAD_BONES)
        self.on_arm = {side: body.moved_by(*ARM_BONES, side="." + side) for side in "LR"}
        self.on_leg = {side: body.moved_by(*LEG_BONES, side="." + side) for side in "LR"}
        self.arms = self.on_arm["L"] | self.on_arm["R"]
        self.legs = self.on_leg["L"] | self.on_leg["R"]

    def joint(self, bone: str) -> Floats:
        """Return where a bone begins."""
        return self.heads[self.body.bone(bone)].astype(float)

    @cached_property
    def cloth(self) -> dict[str, Faces]:
        """The faces of the tights and the skirt."""
        faces = self.body.mesh.faces
        return {
            name: [f for f in faces if f.min() in where and f.max() in where]
            for name, where in (("tights", TIGHTS), ("skirt", SKIRT))
        }

    @cached_property
    def outward(self) -> Floats:
        """Normals of the cloth's vertices."""
        return normals(self.vertices, triangles(self.cloth["tights"] + self.cloth["skirt"]))

    def down_the_arm(self) -> Floats:
        """Return how far down an arm each vertex is: 0 at the shoulder, 1 at the wrist."""
        result = np.zeros(len(self.vertices))
        forearm = [f"lowerarm01.{s}" for s in "LR"] + [f"lowerarm02.{s}" for s in "LR"]
        forearm += [f"wrist.{s}" for s in "LR"]
        below = self.body.weights[:, [self.body.bone(b) for b in forearm]].sum(1) > 0.5
        for side, arm in self.on_arm.items():
            shoulder, elbow, wrist = (
                self.joint(f"{b}.{side}") for b in ("upperarm01", "lowerarm01", "wrist")
            )
            upper, lower = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
            on_upper = (self.vertices - shoulder) @ (elbow - shoulder) / upper
            on_lower = upper + (self.vertices - elbow) @ (wrist - elbow) / lower
            result[arm] = (np.where(below, on_lower, on_upper) / (upper + lower))[arm]
        return result

    def blown_up(self, used: Ints, faces: Faces, distance: float) -> Floats:
        """Return cloth at about `distance` from where it is cut from, hems kept."""
        outward, points = self.outward[used], self.vertices[used]
        distances = (distance * (1 + 0.35 * waves(self.rng, points, 0.6)))[:, None]
        soft = smoothed(points + outward * distances.clip(0.02), faces, 2)
        at_hem = faces_a_vertex(faces, len(used))[:, None] < 3
        return np.where(at_hem, 0.5 * soft + 0.5 * (points + outward * distances), soft)

    def limb(self, start: str, end: str, from_start: float, sectors: int) -> Tube:
        """Return the axis from one joint to another, begun a little further on."""
        first, last = self.joint(start), self.joint(end)
        return Tube(first + unit(last - first) * from_start, last, sectors)

    def hung_top(self, points: Floats, used: Ints, looseness: float, slope: float) -> Floats:
        """Let a top hang from shoulders and chest, its sleeves from the arms."""
        trunk = ~self.arms[used]
        middle = float(points[trunk, 2].mean())
        top = self.joint("upperarm01.L")[1] - 0.5
        tube = Tube(np.array([0, top, middle]), np.array([0, top - 6, middle]), 24)
        points = draped(points, trunk, tube, slope=slope, looseness=looseness)
        for side, arm in self.on_arm.items():
            tube = self.limb(f"upperarm01.{side}", f"wrist.{side}", 0.35, 14)
            points = draped(points, arm[used], tube, slope=slope, looseness=looseness * 0.9)
        return points

    def hung_trousers(self, points: Floats, used: Ints, looseness: float, slope: float) -> Floats:
        """Let the legs of trousers hang."""
        for side, leg in self.on_leg.items():
            tube = self.limb(f"upperleg01.{side}", f"foot.{side}", 1.3, 16)
            points = draped(points, leg[used], tube, slope=slope, looseness=looseness)
        return points

    def creased(self, points: Floats, used: Ints, looseness: float) -> Floats:
        """Add broad waves, the larger the looser."""
        frequency = (1.2, 0.5, 1.2) if self.rng.random() < 0.5 else (0.7, 1.3, 0.7)
        height = (0.035 + 0.07 * looseness) * self.rng.uniform(0.5, 1.3)
        wave = height * waves(self.rng, self.vertices[used], frequency)
        return points + self.outward[used] * wave[:, None]

    def cut(self, cloth: str, where: Mask) -> tuple[Ints, Faces]:
        """Cut the faces that lie in `where` wholly."""
        return part_of_mesh([f for f in self.cloth[cloth] if where[f].all()])

    def trousers(self, distance: float, looseness: float) -> Garment:
        """Cut trousers: long ones mostly, else to the calf or the knee."""
        ankle, knee = self.joint("foot.L")[1], self.joint("lowerleg01.L")[1]
        hem = [ankle + 0.3] * 5 + [ankle + 1.1, knee - 0.4]
        lowest = hem[self.rng.integers(len(hem))]
        waist = self.joint("spine04")[1] + 0.1
        where = ~self.arms & ~self.on_head & (self.height < waist) & (self.height > lowest)
        used, faces = self.cut("tights", where)
        points = self.blown_up(used, faces, distance)
        if looseness:
            points = self.hung_trousers(points, used, looseness, self.rng.uniform(0.05, 0.3))
        points = self.creased(points, used, looseness)
        return Garment("trousers", points.astype(np.float32), faces, used, hides_skin=True)

    def top(self, name: str, distance: float) -> Garment:
        """Cut what covers the trunk and the arms, long sleeves mostly."""
        hip = self.joint("upperleg01.L")[1]
        neck = self.joint("neck01")
        sleeves = [0.98] if name == "coat" else [0.3, 0.42, 0.75, 0.98, 0.98, 0.98]
        sleeve = sleeves[self.rng.integers(len(sleeves))]
        hem = hip - self.rng.uniform(-0.25, 0.32)
        collar = neck[1] + self.rng.uniform(0.08, 0.4) if self.rng.random() < 0.86 else 99.0
        collar = collar - 0.12 * np.clip(self.vertices[:, 2] - neck[2], -0.3, 1)
        below_collar = self.height < np.where(self.on_head, collar, collar + 1)
        on_sleeve = ~self.arms | (self.down_the_arm() < sleeve)
        used, faces = self.cut("tights", below_collar & (self.height > hem) & on_sleeve)
        looseness = self.rng.uniform(0.35, 1.0)
        points = self.blown_up(used, faces, distance)
        points = self.hung_top(points, used, looseness, self.rng.uniform(0.03, 0.2))
        points = self.creased(points, used, looseness)
        return Garment(name, points.astype(np.float32), faces, used, hides_skin=True)

    def hem_of_skirt(self, kind: str) -> float:
        """Draw how far down a skirt reaches."""
        hip, knee = self.joint("upperleg01.L")[1], self.joint("lowerleg01.L")[1]
        if kind in ("skirt", "dress"):
            below_knee = (0.15, 0.02, -0.4, -1.6, -2.4)
            return knee + below_knee[self.rng.integers(len(below_knee))]
        if kind == "tunic":
            return knee + (hip - knee) * self.rng.uniform(0.25, 0.62)
        return knee + self.rng.uniform(-2.2, 1.2)

    def skirt(self, kind: str) -> Garment:
        """Cut a skirt, or the lower part of a dress, a tunic or a coat."""
        used, faces = self.cut("skirt", self.height > self.hem_of_skirt(kind))
        distance = {"skirt": 0.1, "coat": 0.17}.get(kind, 0.13)
        points = self.creased(self.blown_up(used, faces, distance), used, 0.5)
        return Garment(kind, points.astype(np.float32), faces, used, hides_skin=False)

    def outfit(self, kind: str) -> list[Garment]:
        """Cut a whole outfit, the inner pieces first; pieces of one name are of one cloth."""
        plain = kind == "plain"
        wide = plain and self.rng.random() < 0.75
        pieces = [
            self.trousers(
                self.rng.uniform(0.05, 0.1) if plain else 0.03,
                self.rng.uniform(0.3, 1.0) if wide else 0.0,
            )
        ]
        if not plain:
            pieces.append(self.skirt(kind))
        name = "top" if kind in ("plain", "skirt") else kind
        distance = self.rng.uniform(0.16, 0.26) if kind == "coat" else self.rng.uniform(0.07, 0.17)
        return [*pieces, self.top(name, distance)]

    def hat_faces(self, where: Mask) -> tuple[Ints, Faces]:
        """Cut the faces of the head and the neck that lie in `where` wholly."""
        where = where & self.body.moved_by(*HAT_BONES)
        where[SKIN_VERTICES:] = False
        return part_of_mesh([f for f in self.body.mesh.faces if where[f].all()])

    def headwear(self, kind: str) -> Garment:
        """Cut a hat, a headscarf or a hood."""
        return self.hood(kind) if kind in ("hood", "headscarf") else self.cap(kind)

    def cap(self, kind: str) -> Garment:
        """Cut a beanie or a hat's crown, by where the base mesh's head is."""
        _, y, z = self.body.mesh.vertices.T
        edge = np.interp(z, [-0.45, 0, 0.3, 0.7, 1.3], [6.85, 7.3, 7.48, 7.5, 7.62])
        used, faces = self.hat_faces(y > edge + self.rng.uniform(0, 0.22))
        outward = normals(self.vertices[:SKIN_VERTICES], self.body.skin_triangles)[used]
        points = smoothed(self.vertices[used], faces, 8, 0.6)
        points = smoothed(points + outward * self.rng.uniform(0.12, 0.2), faces, 6, 0.6)
        if kind == "beanie":
            slump = [0, self.rng.uniform(0, 0.35), -self.rng.uniform(0, 0.3)]
            points = points + np.clip(self.vertices[used, 1:2] - 7.6, 0, 1) * np.array([slump])
        points = points + outward * (0.02 * waves(self.rng, self.vertices[used], 2.0))[:, None]
        return Garment(kind, points.astype(np.float32), faces, used, hides_skin=False)

    def hood(self, kind: str) -> Garment:
        """Wrap a shell about the head, open in front: a loose hood, or a tight headscarf."""
        rings, around = 26, 40
        skull = self.on_head & (self.body.mesh.vertices[:, 1] > 6.3)
        skull[SKIN_VERTICES:] = False
        lowest, highest = self.vertices[skull].min(0), self.vertices[skull].max(0)
        middle = (lowest + highest) / 2
        loose = self.rng.uniform(1.16, 1.3) if kind == "hood" else self.rng.uniform(1.04, 1.1)
        half = (highest - lowest) / 2 * loose
        opening = np.deg2rad(self.rng.uniform(48, 62))
        back = np.linspace(opening, np.pi - 0.04, rings)[:, None]
        angle = np.linspace(0, FULL_TURN, around, endpoint=False)[None]
        below = np.clip(-np.sin(angle), 0, 1)
        points = np.stack(
            [
                half[0] * np.sin(back) * np.cos(angle),
                half[1] * np.sin(back) * np.sin(angle) * (1 + 0.25 * below),
                half[2] * np.cos(back) * (1 - 0.3 * below),
            ],
            2,
        ).reshape(-1, 3)
        wrinkles = 0.06 if kind == "hood" else 0.03
        points = points * (1 + wrinkles * waves(self.rng, points, 2.5))[:, None] + middle
        skin = np.flatnonzero(self.on_head[:SKIN_VERTICES])
        on_body = skin[cKDTree(self.vertices[skin]).query(points)[1]]
        faces = grid_faces(rings, around)
        return Garment(kind, points.astype(np.float32), faces, on_body, hides_skin=False)

    def brim(self, crown: Garment) -> Garment:
        """Cut a round brim about the lower edge of a hat's crown."""
        ring_vertices, rings = 48, 6
        turn = np.linspace(0, FULL_TURN, ring_vertices, endpoint=False)
        low = np.quantile(crown.vertices[:, 1], 0.06)
        middle = (crown.vertices.max(0) + crown.vertices.min(0)) / 2
        near_edge = crown.vertices[crown.vertices[:, 1] < low + 0.5]
        half_width, half_depth = np.abs(near_edge - middle)[:, [0, 2]].max(0)
        width, droop = self.rng.uniform(0.5, 1.1), self.rng.uniform(-0.25, 0.35)
        out = np.linspace(-0.06, width, rings)[:, None]
        points = np.stack(
            [
                middle[0] + (half_width + out) * np.sin(turn),
                low - droop * (out / width) ** 2 + 0.15 * np.cos(turn) + 0 * out,
                middle[2] + (half_depth + out) * np.cos(turn),
            ],
            2,
        ).reshape(-1, 3)
        nearest = cKDTree(crown.vertices).query(points)[1]
        on_body = crown.on_body[nearest]
        faces = grid_faces(rings, ring_vertices)
        return Garment(crown.name, points.astype(np.float32), faces, on_body, hides_skin=False)

    def scarf(self) -> Garment:
        """Wind a thick band about the neck, twice."""
        rings, around = 72, 12
        along = np.linspace(0, 2 * FULL_TURN, rings)[:, None]
        across = np.linspace(0, FULL_TURN, around, endpoint=False)[None]
        circle = np.concatenate([np.cos(along), np.sin(along), along], 1)
        thick = (
            self.rng.uniform(0.12, 0.2) * (1 + 0.5 * waves(self.rng, circle, (3, 3, 1)))[:, None]
        )
        radius = 0.72 + 0.1 * np.sin(along * 0.5) + 0.03 * waves(self.rng, circle, 2)[:, None]
        radius = radius + thick * 0.75 * np.cos(across)
        lift = 0.14 * np.sin(along * 0.5) - 0.14 * np.cos(along) - 0.1
        lift = lift + 0.06 * waves(self.rng, circle, (2, 2, 0.7))[:, None]
        points = np.stack(
            [
                radius * np.sin(along) * 1.05,
                thick * 2 * np.sin(across) + lift,
                radius * np.cos(along),
            ],
            2,
        ).reshape(-1, 3)
        points = points + self.joint("neck01") + np.array([0, 0.15, 0.12])
        collar = np.flatnonzero(self.body.moved_by("neck01"))
        return Garment(
            "scarf",
            points.astype(np.float32),
            grid_faces(rings, around),
            np.full(len(points), collar[0]),
            hides_skin=False,
        )


def layered(posed: Sequence[Floats], garments: Sequence[Garment]) -> list[Floats]:
    """Push posed garments (metres) apart: later ones lie outside earlier ones."""
    result = [np.asarray(p, float) for p in posed]
    for outer in range(1, len(result)):
        for inner in range(outer):
            result[outer] = pushed_out(result[outer], result[inner], garments[inner])
            result[inner] = pulled_in(result[inner], result[outer], garments[outer])
    return [p.astype(np.float32) for p in result]


def pushed_out(outer: Floats, inner: Floats, garment: Garment) -> Floats:
    """Lift the outer cloth off the inner `garment`."""
    outward = normals(inner, triangles(garment.faces))
    distance, nearest = cKDTree(inner).query(outer)
    above = ((outer - inner[nearest]) * outward[nearest]).sum(1)
    close = (distance < 0.08) & (above > -0.06)
    return outer + outward[nearest] * (np.clip(LAYER_GAP_M - above, 0, 0.05) * close)[:, None]


def pulled_in(inner: Floats, outer: Floats, garment: Garment) -> Floats:
    """Draw the inner cloth back under the outer `garment`, but for that one's hem."""
    outward = normals(outer, triangles(garment.faces))
    at_hem = faces_a_vertex(garment.faces, len(outer)) < 4
    distance, nearest = cKDTree(outer).query(inner)
    above = ((inner - outer[nearest]) * outward[nearest]).sum(1)
    close = (distance < 0.06) & ~at_hem[nearest]
    return inner - outward[nearest] * (np.clip(above + LAYER_GAP_M, 0, 0.03) * close)[:, None]


def near_hem(garment: Garment, rings: int = 2) -> Mask:
    """Return the vertices within so many rings of a garment's borders."""
    near = faces_a_vertex(garment.faces, len(garment.vertices)) < 4
    for _ in range(rings):
        grown = near.copy()
        for face in garment.faces:
            if near[face].any():
                grown[face] = True
        near = grown
    return near


def hidden_skin(body: Body, vertices: Floats, garment: Garment) -> Mask:
    """Return which of the skin's vertices a garment hides for good, away from its borders."""
    inner = garment.on_body[~near_hem(garment)]
    tights = np.array(TIGHTS)
    nearest = tights[cKDTree(vertices[tights]).query(vertices[:SKIN_VERTICES])[1]]
    may_go = ~body.moved_by(*HEAD_BONES, *BARE_BONES)[:SKIN_VERTICES]
    distance, _ = cKDTree(vertices[inner]).query(vertices[:SKIN_VERTICES])
    return (np.isin(nearest, inner) & may_go) | (distance < 0.15)
