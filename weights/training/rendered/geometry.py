"""
Vectors, rotations and meshes.

MakeHuman's axes: x to the person's left, y up, z forward, in decimetres. Blender's, once posed:
x to the left, y backward, z up, in metres. A mesh's faces are a list of arrays of vertex numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Mask = NDArray[np.bool_]
Faces = list[Ints]

LEFT, UP, FORWARD = np.eye(3)
"""MakeHuman's axes."""
TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
METRES_A_DECIMETRE = 0.1
FULL_TURN = 2 * np.pi


def unit(vectors: ArrayLike) -> Floats:
    """Return the vectors (..., 3) at length 1."""
    vectors = np.asarray(vectors, float)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def rotation(axis: ArrayLike, angle: float) -> Floats:
    """Return the matrix (3, 3) that turns by `angle` (radians) about `axis`."""
    x, y, z = unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def axis_and_angle(matrix: Floats) -> tuple[Floats, float]:
    """Return what `rotation` makes `matrix` of."""
    angle = float(np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1, 1)))
    skew = np.array(
        [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]
    )
    if np.linalg.norm(skew) > 1e-6 or angle < 1.0:
        return (unit(skew), angle) if np.linalg.norm(skew) > 1e-9 else (UP, 0.0)
    largest = int(np.argmax(np.diag(matrix)))
    return unit(matrix[:, largest] + np.eye(3)[largest]), angle


def between_rotations(first: Floats, second: Floats, share: float) -> Floats:
    """Return the rotation `share` of the shortest way from `first` to `second`."""
    axis, angle = axis_and_angle(first.T @ second)
    return first @ rotation(axis, angle * share)


def hinge_frame(direction: ArrayLike, hinge: ArrayLike) -> Floats:
    """Return the axes (columns) of a limb along `direction` that bends about `hinge`."""
    along = unit(direction)
    hinge = np.asarray(hinge, float)
    across = unit(hinge - along * (hinge @ along))
    return np.stack([along, across, np.cross(along, across)], 1)


def to_blender(vertices: Floats) -> Floats:
    """Return vertices (n, 3) of MakeHuman in Blender's axes and metres."""
    return (vertices @ TO_BLENDER.T * METRES_A_DECIMETRE).astype(np.float32)


def turned_about_up(points: Floats, angle: float) -> Floats:
    """Return points (..., 3) in Blender's axes, turned about the vertical."""
    return points @ rotation([0, 0, 1], angle).T


def triangles(faces: Sequence[Sequence[int] | Ints]) -> Ints:
    """Return the faces as triangles (n, 3), each face a fan."""
    return np.array([(f[0], f[k], f[k + 1]) for f in faces for k in range(1, len(f) - 1)])


def normals(vertices: Floats, triangle_list: Ints) -> Floats:
    """Return the normals (n, 3) of the vertices, weighted by the triangles' areas."""
    a, b, c = (vertices[triangle_list[:, k]] for k in range(3))
    of_faces = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, triangle_list[:, k], of_faces)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def part_of_mesh(faces: Faces) -> tuple[Ints, Faces]:
    """Return the vertices that `faces` use, and the faces numbered by them."""
    used, renumbered = np.unique(np.concatenate(faces), return_inverse=True)
    ends = np.cumsum([len(f) for f in faces])
    return used, np.split(renumbered, ends[:-1])


def faces_a_vertex(faces: Faces, count: int) -> Ints:
    """Return of how many faces each of `count` vertices is a corner: under 4 on a border."""
    return np.bincount(np.concatenate(faces), minlength=count)


def smoothed(vertices: Floats, faces: Faces, times: int, share: float = 0.5) -> Floats:
    """Move vertices `share` of the way to the mean of their neighbours, so many times."""
    edges = np.concatenate([np.stack([f, np.roll(f, -1)], 1) for f in faces])
    edges = np.concatenate([edges, edges[:, ::-1]])
    count = np.bincount(edges[:, 0], minlength=len(vertices))[:, None]
    for _ in range(times):
        total = np.zeros_like(vertices)
        np.add.at(total, edges[:, 0], vertices[edges[:, 1]])
        vertices = vertices * (1 - share) + share * total / np.maximum(count, 1)
    return vertices.astype(np.float32)


def waves(rng: np.random.Generator, points: Floats, frequency: float | Sequence[float]) -> Floats:
    """Return smooth noise (n) in -1 to 1 at points (n, 3): five waves in random directions."""
    frequency = np.broadcast_to(frequency, (3,))
    total = np.zeros(len(points))
    for _ in range(5):
        total += np.sin(points @ (rng.normal(0, 1, 3) * frequency) + rng.uniform(0, FULL_TURN))
    return total / 5


def grid_faces(rows: int, columns: int) -> Faces:
    """Return the faces of a tube of `rows` rings of `columns` vertices."""
    return [
        np.array(
            [
                row * columns + column,
                row * columns + (column + 1) % columns,
                (row + 1) * columns + (column + 1) % columns,
                (row + 1) * columns + column,
            ]
        )
        for row in range(rows - 1)
        for column in range(columns)
    ]
