"""Clothes and other things that MakeHuman fits to its body: the files `*.mhclo`, and BVH poses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from weights.training.rendered.body import Mesh, read_obj
from weights.training.rendered.geometry import Floats, Ints, rotation


@dataclass(frozen=True)
class Fitted:
    """Something that is fitted to the body, vertex by vertex."""

    path: Path
    mesh: Mesh
    corners: Ints
    """(vertices, 3): the body's vertices that each lies between."""
    shares: Floats
    """(vertices, 3): how much of each."""
    offsets: Floats
    scales: dict[int, tuple[int, int, float]]
    """By axis: two vertices of the body, and how far apart they are where offsets are as stored."""
    hidden: Ints
    """The body's vertices that lie below."""

    def fit(self, vertices: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Return the vertices on a body, unposed, and the weights of its bones for them."""
        scale = np.ones(3, np.float32)
        for axis, (first, second, stored) in self.scales.items():
            scale[axis] = abs(vertices[first, axis] - vertices[second, axis]) / stored
        fitted = (vertices[self.corners] * self.shares[:, :, None]).sum(1) + self.offsets * scale
        mixed = (weights[self.corners] * self.shares[:, :, None]).sum(1).clip(0)
        mixed /= np.maximum(mixed.sum(1, keepdims=True), 1e-6)
        return fitted.astype(np.float32), mixed


def numbers_in(text: str) -> Iterator[int]:
    """Yield the numbers that a list such as `3 5 - 7` names."""
    for first, last in re.findall(r"(\d+)(?:\s*-\s*(\d+))?", text):
        yield from range(int(first), int(last or first) + 1)


@lru_cache(maxsize=64)
def read_fitted(path: Path) -> Fitted:
    """Read an mhclo file and the mesh that it names."""
    text = path.read_text(errors="replace")
    text, _, deleted = text.partition("delete_verts")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    named = {words[0]: words[1:] for words in lines if words and words[0][0].isalpha()}
    rows = [
        [float(w) for w in words[:9]]
        if len(words) >= 9
        else [float(words[0])] * 3 + [1.0] + [0.0] * 5
        for words in lines
        if words and not words[0][0].isalpha() and (len(words) == 1 or len(words) >= 9)
    ]
    table = np.array(rows)
    mesh = read_obj(path.parent / named["obj_file"][0])
    if len(mesh.vertices) != len(table):
        msg = f"{path} fits {len(table)} vertices, its mesh has {len(mesh.vertices)}"
        raise ValueError(msg)
    return Fitted(
        path=path,
        mesh=mesh,
        corners=table[:, :3].astype(int),
        shares=table[:, 3:6].astype(np.float32),
        offsets=table[:, 6:9].astype(np.float32),
        scales={
            axis: (int(named[key][0]), int(named[key][1]), float(named[key][2]))
            for axis, key in enumerate(("x_scale", "y_scale", "z_scale"))
            if key in named
        },
        hidden=np.array(list(numbers_in(deleted)), int),
    )


AXES = {"X": [1, 0, 0], "Y": [0, 1, 0], "Z": [0, 0, 1]}
UPRIGHT_FILE = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Turns a file whose z is up."""


@dataclass
class BvhJoint:
    """A joint of a BVH file."""

    name: str
    offset: Floats
    channels: list[str]


def read_joints(text: str) -> list[BvhJoint]:
    """Read the hierarchy; the ends of chains have no channels."""
    joints: list[BvhJoint] = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] in (["ROOT"], ["JOINT"], ["End"]):
            joints.append(BvhJoint(words[1], np.zeros(3), []))
        elif words[:1] == ["OFFSET"]:
            joints[-1].offset = np.array([float(w) for w in words[1:4]])
        elif words[:1] == ["CHANNELS"]:
            joints[-1].channels = words[2:]
    return [j for j in joints if j.channels]


def joint_turn(joint: BvhJoint, values: Floats) -> Floats:
    """Return a joint's rotation out of its channels' values (degrees)."""
    turn = np.eye(3)
    for channel, value in zip(joint.channels, values, strict=True):
        if channel.endswith("rotation"):
            turn = turn @ rotation(AXES[channel[0]], np.deg2rad(value))
    return turn


def read_bvh(path: Path) -> list[dict[str, Floats]]:
    """Read poses for MakeHuman's default rig: rotations by bone, y up, one dict a frame."""
    hierarchy, _, motion = path.read_text().partition("MOTION")
    joints = read_joints(hierarchy)
    shin = next((j.offset for j in joints if j.name == "lowerleg02.L"), np.zeros(3))
    to_up = UPRIGHT_FILE if abs(shin[2]) > abs(shin[1]) else np.eye(3)
    ends = np.cumsum([len(j.channels) for j in joints])[:-1]
    frames = []
    for line in motion.partition("Frame Time:")[2].splitlines()[1:]:
        if line.strip():
            parts = np.split(np.array([float(w) for w in line.split()]), ends)
            turns = (to_up @ joint_turn(j, v) @ to_up.T for j, v in zip(joints, parts, strict=True))
            frames.append(dict(zip([j.name for j in joints], turns, strict=True)))
    return frames
