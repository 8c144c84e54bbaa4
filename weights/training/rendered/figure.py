"""A dressed person as meshes and strands, in any pose: numbers only, nothing of Blender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from weights.training.rendered.body import (
    SKIN_VERTICES,
    Body,
    Build,
    Skeleton,
    joints,
    posed_skeleton,
    shaped,
)
from weights.training.rendered.garments import (
    Garment,
    Tailor,
    hidden_skin,
    layered,
)
from weights.training.rendered.geometry import (
    TO_BLENDER,
    Faces,
    Floats,
    Mask,
    normals,
    part_of_mesh,
    rotation,
    smoothed,
    to_blender,
    triangles,
    turned_about_up,
)
from weights.training.rendered.hair import BALD, CLOSE, Head, Strands, Surface, grow_hair
from weights.training.rendered.looks import (
    Fabric,
    HairLook,
    Look,
    Picture,
    draw_fabric,
    draw_hair_look,
    draw_skin,
    draw_suit,
)
from weights.training.rendered.people import (
    SUIT,
    Traits,
    draw_build,
    draw_comb,
    draw_details,
)
from weights.training.rendered.poses import UPRIGHT, ArmPose, Posture, draw_posture
from weights.training.rendered.wardrobe import read_fitted

WOMENS_SUITS = ("female_casualsuit01", "female_elegantsuit01")
MENS_SUITS = (
    "male_casualsuit01", "male_casualsuit02", "male_casualsuit03", "male_casualsuit04",
    "male_casualsuit05", "male_casualsuit06", "male_elegantsuit01", "male_worksuit01",
)  # fmt: skip
BEARD_BONES = ("head", "jaw", "oris", "levator", "risorius", "oculi", "orbicularis",
               "temporalis", "special", "tongue")  # fmt: skip
SCALP_BONES = ("head", "jaw", "neck", "temporalis", "oculi", "orbicularis")


@dataclass(frozen=True)
class Piece:
    """One mesh of a person, unposed, and how it is drawn."""

    name: str
    rest: Floats
    weights: Floats
    faces: Faces
    look: Look
    uv: Floats | None = None
    uv_faces: Faces | None = None
    subdivisions: int = 0
    thickness_m: float = 0.0
    folds_m: float = 0.0
    garment: Garment | None = None
    on_face: bool = False
    """Brows and lashes lie on the face: they are no coverage."""
    hair_avoids: bool = False


@dataclass(frozen=True)
class Standing:
    """A person in a pose, in Blender's axes and metres."""

    meshes: list[Floats]
    """One for each piece."""
    skin: Floats
    """All of the skin, hidden or not."""
    skeleton: Skeleton
    head: Head
    yaw: float
    """Which way the chest faces; 0 is towards -y."""
    turned: float = 0.0
    """By how much the person was turned about the vertical after being posed."""
    hair: list[Strands] = field(default_factory=list)

    def moved(self, turn: float, offset: Floats) -> Standing:
        """Return the person turned about the vertical through 0, then moved."""
        shift = offset.astype(np.float32)

        def placed(points: Floats) -> Floats:
            return (turned_about_up(points, turn) + shift).astype(np.float32)

        head = replace(
            self.head,
            center=placed(self.head.center),
            axes=rotation([0, 0, 1], turn) @ self.head.axes,
        )
        return replace(
            self,
            meshes=[placed(m) for m in self.meshes],
            skin=placed(self.skin),
            head=head,
            yaw=self.yaw + turn,
            turned=self.turned + turn,
            hair=[replace(s, points=placed(s.points)) for s in self.hair],
        )

    def with_hair_of(self, other: Standing) -> Standing:
        """Return the person with the hair of another moment, which moves with the head."""
        turn = self.head.axes @ other.head.axes.T
        hair = [
            replace(
                s,
                points=((s.points - other.head.center) @ turn.T + self.head.center).astype(
                    np.float32
                ),
            )
            for s in other.hair
        ]
        return replace(self, hair=hair)

    @property
    def points(self) -> Floats:
        """Points (n, 3) all over the person, for the camera."""
        strands = [s.points.reshape(-1, 3)[::9] for s in self.hair]
        return np.concatenate([self.skin, *self.meshes, *strands])


@dataclass(frozen=True)
class Figure:
    """A person with clothes, unposed."""

    body: Body
    traits: Traits
    build: Build
    vertices: Floats
    heads: Floats
    tails: Floats
    pieces: list[Piece]
    hair_look: HairLook
    parting: float
    comb: str
    short_sides: bool
    notes: dict[str, object]
    """For the meta file: clothes, skin."""

    def posture(
        self, rng: np.random.Generator, assets: Path, arms: Mapping[str, ArmPose] | None = None
    ) -> Posture:
        """Draw a pose of the person's family."""
        family = self.traits.family
        poses = assets / "poses"
        return draw_posture(self.body, self.heads, self.tails, family, rng, poses, arms)

    def stand_in(self, posture: Posture) -> Standing:
        """Return the person in a pose, without hair."""
        skeleton = posed_skeleton(self.body, self.heads, posture.turns, posture.root)

        def posed(vertices: Floats, weights: Floats) -> Floats:
            return to_blender(skeleton.moved(vertices, weights))

        meshes = [posed(p.rest, p.weights) for p in self.pieces]
        cut = [k for k, p in enumerate(self.pieces) if p.garment is not None]
        softened = [smoothed(meshes[k], self.pieces[k].faces, 2, 0.35) for k in cut]
        garments = [g for k in cut if (g := self.pieces[k].garment)]
        for k, mesh in zip(cut, layered(softened, garments), strict=True):
            meshes[k] = mesh
        skin = posed(self.vertices[:SKIN_VERTICES], self.body.weights[:SKIN_VERTICES])
        chest = TO_BLENDER @ skeleton.turns[self.body.bone("spine03")] @ [0, 0, 1]
        yaw = float(np.arctan2(chest[0], -chest[1])) if abs(chest[2]) < 0.9 else 0.0
        return Standing(meshes, skin, skeleton, self.head_of(skeleton, skin), yaw)

    def head_of(self, skeleton: Skeleton, skin: Floats) -> Head:
        """Return where the head is."""
        turned = TO_BLENDER @ skeleton.turns[self.body.bone("head")]
        axes = np.stack([turned[:, 0], turned[:, 2], turned[:, 1]], 1)
        center = skin[scalp_weight(self.body) > 0].mean(0)
        eye = self.body.groups["joint-l-eye"]
        moved = skeleton.moved(self.vertices[eye], self.body.weights[eye])
        eye_height = ((to_blender(moved).mean(0) - center) @ axes)[2]
        return Head(center, axes, eye_height + 0.03, self.parting, self.comb, self.short_sides)

    def with_hair(self, rng: np.random.Generator, standing: Standing, density: float) -> Standing:
        """Return the person with hair and beard grown in this pose."""
        skin = Surface(standing.skin, normals(standing.skin, self.body.skin_triangles))
        around = self.around_head(standing, skin)
        grown = []
        weight = self.hair_weight(rng, standing)
        if self.traits.hair != BALD and weight.sum() > 8:
            share = density * rng.uniform(0.75, 1.1) * (0.5 if self.traits.hat else 1)
            grown += grow_hair(
                rng,
                self.traits.hair,
                standing.head,
                skin,
                self.body.skin_triangles,
                weight,
                around,
                share,
            )
        if self.traits.beard:
            grown += grow_hair(
                rng,
                self.traits.beard,
                replace(standing.head, comb="radial", short_sides=False),
                skin,
                self.body.skin_triangles,
                beard_weight(rng, self.body, self.traits.beard),
                around,
                0.8,
            )
        return replace(standing, hair=grown)

    def around_head(self, standing: Standing, skin: Surface) -> Surface:
        """Return what hair must not go into: the skin, and clothes where it is long."""
        surfaces = [skin]
        if self.traits.hair not in CLOSE or self.traits.hat:
            for piece, mesh in zip(self.pieces, standing.meshes, strict=True):
                if piece.hair_avoids:
                    surfaces.append(Surface(mesh, normals(mesh, triangles(piece.faces))))
        points = np.concatenate([s.points for s in surfaces])
        near = np.linalg.norm(points - standing.head.center, axis=1) < 0.75
        return Surface(points[near], np.concatenate([s.outward for s in surfaces])[near])

    def hair_weight(self, rng: np.random.Generator, standing: Standing) -> Floats:
        """Return how much hair grows at each vertex of the skin, 0 to 1."""
        weight = scalp_weight(self.body)
        left, forward, up = standing.head.inside(standing.skin).T
        if self.traits.receding or self.traits.hair == "thin":
            line, middle = rng.uniform(0.035, 0.065), rng.uniform(0.005, 0.025)
            bare = np.clip((forward - line) / 0.012, 0, 1)
            weight = weight * (1 - bare * np.clip((abs(left) - middle) / 0.012, 0, 1))
        if self.traits.hair == "thin" and rng.random() < 0.6:
            crown = (rng.uniform(0.03, 0.06) - up - 0.35 * forward) * 25
            weight = weight * np.clip(crown, rng.uniform(0.03, 0.25), 1)
        for piece, mesh in zip(self.pieces, standing.meshes, strict=True):
            if piece.name in ("headscarf", "hood"):
                weight = weight * 0
            elif piece.name == self.traits.hat and self.traits.hat:
                edge = np.quantile(standing.head.inside(mesh)[:, 2], 0.12)
                slope = 0.35 * -forward if piece.name == "beanie" else 0.01
                weight = weight * (up < edge + slope)
        return weight.astype(np.float32)


def scalp_weight(body: Body) -> Floats:
    """Return how much hair grows at each vertex of the skin, by where it lies on the base mesh."""
    x, y, z = body.mesh.vertices[:SKIN_VERTICES].T
    line = np.interp(z, [-0.45, 0.3, 0.5, 0.7, 0.95, 1.3], [6.72, 6.85, 7.2, 7.55, 7.85, 8.02])
    ear = (abs(x) > 0.74) & (z > -0.05) & (z < 0.62) & (y < 7.45)
    on_head = body.moved_by(*SCALP_BONES)[:SKIN_VERTICES]
    return (np.clip((y - line) / 0.12, 0, 1) * on_head * ~ear).astype(np.float32)


def beard_weight(rng: np.random.Generator, body: Body, kind: str) -> Floats:
    """Return how much beard grows at each vertex of the skin; one beard in four is a goatee."""
    x, y, z = body.mesh.vertices[:SKIN_VERTICES].T
    mouth = body.mesh.vertices[body.groups["joint-mouth"]].mean(0)[1]
    sideburn = rng.uniform(0.2, 0.6) * np.clip((abs(x) - 0.25) / 0.4, 0, 1)
    below = np.clip((mouth + 0.2 + sideburn - y) / 0.1, 0, 1)
    above = np.clip((y - mouth + 0.75 + 0.1 * np.clip(z, 0, 1)) / 0.12, 0, 1)
    front = np.clip((z - 0.12) / 0.15, 0, 1)
    off_lips = np.clip((np.hypot(x / 0.27, (y - mouth) / 0.11) - 1) / 0.25, 0, 1)
    weight = below * above * front * off_lips * body.moved_by(*BEARD_BONES)[:SKIN_VERTICES]
    if kind == "beard" and rng.random() < 0.25:
        weight = weight * (abs(x) < 0.32)
    return weight.astype(np.float32)


class Dresser:
    """Builds a figure piece by piece."""

    def __init__(
        self, body: Body, traits: Traits, rng: np.random.Generator, assets: Path, *, close: bool
    ) -> None:
        self.body, self.traits, self.rng, self.assets = body, traits, rng, assets
        self.finer = 1 if close else 0
        self.build = draw_build(rng, traits)
        self.vertices = shaped(body, self.build, draw_details(rng, body, traits))
        self.hidden = np.zeros(len(self.vertices), bool)
        self.pieces: list[Piece] = []
        self.cloth: dict[str, Fabric] = {}
        self.clothes: list[str] = []

    def cut(self, garment: Garment, look: Look, *, folds: float, thickness: float = 0.004) -> None:
        """Add a garment cut from the base mesh."""
        in_layers = garment.name not in ("scarf", self.traits.hat)
        self.pieces.append(
            Piece(
                garment.name,
                garment.vertices,
                self.body.weights[garment.on_body],
                garment.faces,
                look,
                subdivisions=1 + self.finer,
                thickness_m=thickness,
                folds_m=folds,
                garment=garment if in_layers else None,
                hair_avoids=True,
            )
        )
        if garment.hides_skin:
            self.hidden[:SKIN_VERTICES] |= hidden_skin(self.body, self.vertices, garment)

    def cloth_for(self, name: str) -> Fabric:
        """Return the cloth of a piece, drawn once a name; a coat's hood is of the coat's."""
        name = "coat" if name == "hood" and "coat" in self.cloth else name
        if name not in self.cloth:
            self.cloth[name] = draw_fabric(self.rng)
            self.clothes.append(f"{name} {self.cloth[name].name}")
        return self.cloth[name]

    def outfit(self, tailor: Tailor) -> None:
        """Add clothes: a suit of MakeHuman's or cut ones."""
        if self.traits.outfit == SUIT:
            upright = self.traits.family in UPRIGHT
            own = WOMENS_SUITS[: 2 if upright else 1] if self.traits.female else MENS_SUITS
            suits = own if self.rng.random() < 0.75 else MENS_SUITS
            suit = suits[self.rng.integers(len(suits))]
            self.fitted(self.assets / f"clothes/{suit}/{suit}.mhclo", cloth_share=0.35)
            return
        for garment in tailor.outfit(self.traits.outfit):
            look = self.cloth_for(garment.name)
            self.cut(garment, look, folds=self.rng.uniform(0.005, 0.014))

    def fitted(
        self, path: Path, *, cloth_share: float = 0.0, name: str = "", finer: int = 0
    ) -> None:
        """Add something that MakeHuman fits, in its own colors or, at times, in a drawn cloth."""
        fitted = read_fitted(path)
        rest, weights = fitted.fit(self.vertices, self.body.weights)
        self.hidden[fitted.hidden[fitted.hidden < len(self.hidden)]] = True
        look: Look = draw_suit(self.rng, path)
        note = path.stem
        if self.rng.random() < cloth_share:
            fabric = draw_fabric(self.rng)
            look, note = fabric, f"{note} {fabric.name}"
        self.clothes.append(note)
        self.pieces.append(
            Piece(
                name or path.stem,
                rest,
                weights,
                fitted.mesh.faces,
                look,
                uv=fitted.mesh.uv,
                uv_faces=fitted.mesh.uv_faces,
                subdivisions=finer,
                hair_avoids="shoes" not in path.stem,
            )
        )

    def extras(self, tailor: Tailor) -> None:
        """Add shoes, a hat and a scarf."""
        if self.rng.random() < 0.96:
            shoes = f"shoes0{self.rng.integers(1, 7)}"
            self.fitted(self.assets / f"clothes/{shoes}/{shoes}.mhclo")
        hat = self.traits.hat
        if hat == "fedora":
            path = self.assets / "clothes/fedora01/fedora.mhclo"
            self.fitted(path, cloth_share=1, name=hat, finer=1)
        elif hat:
            fabric = self.cloth_for(hat)
            crown = tailor.headwear(hat)
            folds = 0.010 if hat in ("headscarf", "hood") else 0.004
            self.cut(crown, fabric, folds=folds, thickness=0.005)
            if hat == "brimmed hat":
                self.cut(replace(tailor.brim(crown), name="brim"), fabric, folds=0.004)
                self.pieces[-1] = replace(self.pieces[-1], garment=None)
        if self.traits.scarf and hat not in ("headscarf", "hood"):
            self.cut(tailor.scarf(), self.cloth_for("scarf"), folds=0.012, thickness=0.003)

    def skin(self) -> str:
        """Add the skin that shows; say which it is."""
        look, note = draw_skin(self.rng, self.build, self.assets / "skins/textures")
        mesh = self.body.mesh
        shown: list[int] = [
            k
            for k, f in enumerate(mesh.faces)
            if f.max() < SKIN_VERTICES and not self.hidden[f].all()
        ]
        used, faces = part_of_mesh([mesh.faces[k] for k in shown])
        self.pieces.append(
            Piece(
                "body",
                self.vertices[used],
                self.body.weights[used],
                faces,
                look,
                uv=mesh.uv,
                uv_faces=[mesh.uv_faces[k] for k in shown],
                subdivisions=self.finer,
            )
        )
        return note

    def on_face(self, path: Path, look: Picture, *, covers: bool) -> None:
        """Add eyes, brows or lashes."""
        fitted = read_fitted(path)
        rest, weights = fitted.fit(self.vertices, self.body.weights)
        self.pieces.append(
            Piece(
                path.stem,
                rest,
                weights,
                fitted.mesh.faces,
                look,
                uv=fitted.mesh.uv,
                uv_faces=fitted.mesh.uv_faces,
                on_face=not covers,
            )
        )

    def face(self, *, dark: bool) -> None:
        """Add eyes, brows and lashes; dark skin has brown eyes."""
        eyes = sorted((self.assets / "eyes/materials").glob("*_eye.png"))
        eye = self.assets / "eyes/materials/brown_eye.png"
        if not dark and self.rng.random() > 0.55:
            eye = eyes[self.rng.integers(len(eyes))]
        look = Picture(eye, roughness=0.12, specular=0.6, see_through=True)
        self.on_face(self.assets / "eyes/high-poly/high-poly.mhclo", look, covers=True)
        for name in (
            f"eyebrows/eyebrow{self.rng.integers(1, 13):03d}",
            f"eyelashes/eyelashes0{self.rng.integers(1, 5)}",
        ):
            folder = self.assets / name
            picture = folder / f"{folder.name}.png"
            look = Picture(picture, 0.8, specular=0.1, hue=(0.5, 0.8, 1.0), see_through=True)
            self.on_face(folder / f"{folder.name}.mhclo", look, covers=False)

    def figure(self) -> Figure:
        """Build it all."""
        tailor = Tailor(self.body, self.vertices, self.rng)
        self.outfit(tailor)
        self.extras(tailor)
        skin = self.skin()
        self.face(dark=skin.startswith("dark"))
        heads, tails = joints(self.body, self.vertices)
        hair = self.traits.hair
        cropped = not self.traits.female and hair in ("short", "messy", "shortcurl")
        return Figure(
            self.body,
            self.traits,
            self.build,
            self.vertices,
            heads,
            tails,
            self.pieces,
            hair_look=draw_hair_look(self.rng, self.traits.tone, short=hair == "buzz"),
            parting=float(self.rng.uniform(-0.045, 0.045)) if self.rng.random() < 0.5 else 0.0,
            comb=draw_comb(self.rng, hair),
            short_sides=hair == "crop" or (cropped and bool(self.rng.random() < 0.5)),
            notes={"clothes": self.clothes, "skin": skin},
        )


def part_of_skin(body: Body, *bones: str, side: str = "") -> Mask:
    """Return which of the skin's vertices move mainly with bones whose names begin so."""
    return body.moved_by(*bones, side=side)[:SKIN_VERTICES]
