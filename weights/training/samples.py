"""
Draw training samples: pictures of people with their exact, or nearly exact, alpha.

A composite puts an estimated foreground over a person-free background, so its alpha is true by
construction; a crop of a real photo has the photo's own alpha. Framing and augmentation
stand in for what the photos lack: they are mostly standing women outdoors.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from weights.training.creatures import COATS
from weights.training.glass import draw_glass
from weights.training.limbs import pose_anew

type Picture = NDArray[np.float32]
"""(height, width, 3) or (height, width), 0-1."""

FRAMINGS = {"full": 0.19, "half": 0.23, "head": 0.18, "close": 0.12, "edge": 0.10, "far": 0.18}
"""How much of a person a picture shows, and how often; "far" is a small, whole one."""

BACKGROUNDS = {
    "picture": 0.18,
    "nobody": 0.18,
    "view": 0.22,
    "strip": 0.30,
    "room": 0.09,
    "noise": 0.03,
}
"""
What stands behind, and how often: a picture, a photo of an animal, a building or a thing, a view of a
panorama, a strip of a street photo.
"""


SHARE_CREATURES = 0.5
"""Of all pictures have animals or things beside or behind their people."""

SHARE_PHOTOGRAPHED = 0.75
"""Of these are cut from photos; the others are drawn."""

SHARE_FURRED = 0.15
"""Of people have hair or clothes of fur: else what is furry would be an animal."""

SHARE_BENT = 0.2
"""Of people placed in pictures are bent: those of the photos stand, and others sit, stoop or climb."""

SHARE_POSED = 0.35
"""Of people placed in pictures have an arm or a leg elsewhere, and often hold something."""

SHARE_GLASS = 0.2
"""Of decoys are of glass, water or chrome."""

SHARE_CROWDS = 0.1
"""Of composites have a crowd behind, often out of focus: all of them are people."""

SHARE_BLURRED_HEADS = 0.3
"""Some publishers blur faces: they must not become holes."""

SHARE_BLURRED_FACES = 0.3
"""Of people placed in pictures have the face alone blurred, where their joints say that it is."""


PICTURES = {"picture": "bg", "nobody": "nobody", "view": "views"}
"""The cache's folder of each kind of background that is a picture."""

PASSERSBY = Path(__file__).with_name("passersby.json")
"""Names of the photos in which others pass, whom the alpha leaves out; `passersby.py` found them."""


@dataclass(frozen=True)
class Sample:
    """One training picture."""

    image: Picture
    """(height, width, 3)."""
    alpha: Picture
    """(height, width)."""


class Photos:
    """The prepared photos and backgrounds, read from the cache as they are needed."""

    def __init__(self, cache: Path, share_worn: float = 0.0, dropped: Collection[str] = ()) -> None:
        self._share_worn = share_worn
        kept = [path for path in sorted(cache.glob("*.npy")) if path.stem not in dropped]
        self._people = [np.load(path, mmap_mode="r") for path in kept]
        crowded = set(json.loads(PASSERSBY.read_text()))
        self._lonely = [index for index, path in enumerate(kept) if path.stem not in crowded]
        self._pictures = {kind: _load_all(cache / name) for kind, name in PICTURES.items()}
        self._photographed = _load_creatures(cache, "photographed")
        self._drawn = _load_creatures(cache, "drawn")
        self._boxes = [_person_box(planes[..., 6]) for planes in self._people]
        self._joints = _load_joints(cache, [path.stem for path in kept])

    def draw_real(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        """Return a crop of a photo with the photo's own alpha."""
        index = self._lonely[rng.integers(len(self._lonely))]
        planes, box = self._people[index], self._boxes[index]
        crop = _frame_inside(rng, planes.shape[:2], box, height / width)
        picked = _resize(np.ascontiguousarray(planes[crop][..., [0, 1, 2, 6]]), height, width)
        image, alpha = picked[..., :3], picked[..., 3]
        if rng.random() < 0.25:
            image = _plain_clothes(rng, image, alpha)
        if rng.random() < self._share_worn:
            image = _wear(rng, image, alpha, image)
        if rng.random() < SHARE_FURRED:
            image, alpha = _furred(rng, image, alpha)
        if rng.random() < SHARE_BLURRED_HEADS:
            image = _blur_head(rng, image, alpha)
        image = self._with_creatures(rng, image, 1 - alpha)
        if rng.random() < 0.12:
            image, alpha = self._join(rng, image, alpha)
        return Sample(*_mirror(rng, _develop(rng, image), alpha))

    def draw_empty(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        """Return a picture without people."""
        image = self._background(rng, height, width)
        for _ in range(rng.integers(0, 4)):
            image = self._salient(rng, image)
        nobody = np.zeros((height, width), np.float32)
        return Sample(_develop(rng, self._with_creatures(rng, image, 1 - nobody)), nobody)

    def draw_composite(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        """Return one to five people over a person-free background, alpha exact."""
        image = _adjust_color(rng, self._background(rng, height, width), 0.5)
        if rng.random() < 0.35:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, height / 40))
        for _ in range(rng.choice([0, 1, 2, 3], p=[0.70, 0.20, 0.07, 0.03])):
            image = self._salient(rng, image)
        alpha = np.zeros((height, width), np.float32)
        image = self._with_creatures(rng, image, 1 - alpha)
        if rng.random() < SHARE_CROWDS:
            image, alpha = self._crowd(rng, image, alpha)
        for _ in range(rng.choice([1, 2, 3, 5], p=[0.68, 0.18, 0.08, 0.06])):
            image, alpha = self._join(rng, image, alpha)
        if rng.random() < 0.15:
            image, hidden = self._decoy(rng, image)
            alpha = alpha * (1 - hidden)
        return Sample(*_mirror(rng, _develop(rng, image), alpha))

    def _crowd(
        self, rng: np.random.Generator, image: Picture, alpha: Picture
    ) -> tuple[Picture, Picture]:
        """Return `image` and `alpha` with many people far away, sharp or out of focus."""
        for _ in range(rng.integers(5, 15)):
            image, alpha = self._join(rng, image, alpha, "far")
        if rng.random() < 0.5:
            sigma = rng.uniform(0.5, alpha.shape[0] / 50)
            image = cv2.GaussianBlur(image, (0, 0), sigma)
            alpha = cv2.GaussianBlur(alpha, (0, 0), sigma)
        return image, alpha

    def _join(
        self, rng: np.random.Generator, image: Picture, alpha: Picture, framing: str | None = None
    ) -> tuple[Picture, Picture]:
        """Return `image` and `alpha` with one more person, in front of those already there."""
        color, coverage = self._person(rng, image, framing)
        over = coverage[..., None]
        return color * over + image * (1 - over), coverage + alpha * (1 - coverage)

    def _with_creatures(self, rng: np.random.Generator, image: Picture, room: Picture) -> Picture:
        """Return `image`, now and then with one to three animals or things, seen where `room` is."""
        if rng.random() > SHARE_CREATURES:
            return image
        height, width = room.shape
        for _ in range(rng.integers(1, 4)):
            is_drawn = rng.random() > SHARE_PHOTOGRAPHED
            creatures = self._drawn if is_drawn else self._photographed
            if not len(creatures):
                continue
            creature = creatures[rng.integers(len(creatures))]
            side = creature.shape[0]
            scale = height * np.exp(rng.uniform(np.log(0.2), np.log(2.0))) / side
            turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.normal(0, 10), scale)
            turn[:, 2] += rng.uniform(0, 1, 2) * (width, height) - side / 2
            fewer = max(int(np.log2(1 / scale)), 0)
            small = cv2.resize(
                creature, None, fx=0.5**fewer, fy=0.5**fewer, interpolation=cv2.INTER_AREA
            )
            turn[:, :2] *= 2**fewer
            placed = cv2.warpAffine(small, turn, (width, height)).astype(np.float32) / 255
            if rng.random() < 0.5:
                placed = np.ascontiguousarray(placed[:, ::-1])
            if rng.random() < 0.4:
                placed = cv2.GaussianBlur(placed, (0, 0), rng.uniform(0.5, height / 50))
            coverage = placed[..., 3:]
            color = _adjust_color(rng, placed[..., :3] / np.maximum(coverage, 0.02), 0.6)
            image = image + (color - image) * coverage * room[..., None]
        return image

    def _salient(self, rng: np.random.Generator, image: Picture) -> Picture:
        """Return `image` with a thing that catches the eye and is nobody."""
        if rng.random() < SHARE_GLASS:
            return draw_glass(rng, image, self._background(rng, *image.shape[:2]))
        return self._decoy(rng, image)[0]

    def _decoy(self, rng: np.random.Generator, image: Picture) -> tuple[Picture, Picture]:
        """Return `image` with a salient thing that is nobody, and what the thing covers."""
        height, width = image.shape[:2]
        outline = DECOYS[rng.integers(len(DECOYS))]
        coverage = outline(rng, height, width)
        if outline is _hanging:
            texture = _fabric(rng, height, width)
        else:
            texture = _adjust_color(rng, self._background(rng, height, width), 0.8)
        shade = 0.75 + 0.5 * _smooth_noise(rng, height, width)[..., :1]
        texture = np.clip(texture * shade, 0, 1)
        over = coverage[..., None]
        return texture * over + image * (1 - over), coverage

    def _person(
        self, rng: np.random.Generator, behind: Picture, framing: str | None
    ) -> tuple[Picture, Picture]:
        """Return a person's colors and coverage, placed before `behind` and of its size."""
        height, width = behind.shape[:2]
        index = rng.integers(len(self._people))
        planes, box = self._people[index], self._boxes[index]
        placement = _place(rng, box, height, width, framing)
        matrix = _matrix_at_scale(placement)
        cut_out = _at_scale(planes[..., 3:7], placement)
        joints = self._joints[index] * _shrinking(planes, cut_out)
        if rng.random() < SHARE_BLURRED_FACES:
            cut_out = _blur_face(rng, cut_out, joints)
        is_posed = rng.random() < SHARE_POSED
        if is_posed:
            cut_out, offset = pose_anew(rng, cut_out, joints)
            matrix[:, 2] -= matrix[:, :2] @ offset
        warped = cv2.warpAffine(
            cut_out,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        ).astype(np.float32) / np.float32(255)
        if rng.random() < SHARE_BENT:
            warped = _bent(rng, warped)
        color, coverage = warped[..., :3], warped[..., 3]
        if rng.random() < 0.45:
            color = _plain_clothes(rng, color, coverage)
        # A raised hand would pass for the head.
        if not is_posed and rng.random() < SHARE_FURRED:
            color, coverage = _furred(rng, color, coverage)
        if not is_posed and rng.random() < SHARE_BLURRED_HEADS:
            color = _blur_head(rng, color, coverage)
        color = _adjust_color(rng, color, 0.5)
        if rng.random() < self._share_worn:
            color = _wear(rng, color, coverage, behind)
        if rng.random() < 0.15:
            color = _toward(color, coverage, behind, rng.uniform(0.2, 0.7))
        if rng.random() < self._share_worn / 4:
            color, coverage = _in_motion(rng, color, coverage)
        return color, coverage

    def _background(self, rng: np.random.Generator, height: int, width: int) -> Picture:
        kind = rng.choice(list(BACKGROUNDS), p=list(BACKGROUNDS.values()))
        if kind == "room":
            return _synthetic_room(rng, height, width)
        if kind == "noise":
            return _smooth_noise(rng, height, width)
        if kind == "strip":
            strip = self._strip(rng)
            if strip is not None:
                return _resize(_random_crop(rng, strip, height / width, 0.6), height, width)
        pictures = self._pictures.get(kind) or self._pictures["picture"]
        picture = pictures[rng.integers(len(pictures))]
        return _resize(_random_crop(rng, picture, height / width, 0.35), height, width)

    def _strip(self, rng: np.random.Generator) -> NDArray[np.uint8] | None:
        """Return the part of a photo beside its person, mirrored once to twice its width."""
        index = self._lonely[rng.integers(len(self._lonely))]
        planes, (left, _, right, _) = self._people[index], self._boxes[index]
        beside = [planes[:, : max(left - 6, 0), :3], planes[:, right + 6 :, :3]]
        wide = [part for part in beside if part.shape[1] >= 70]
        if not wide:
            return None
        strip = wide[rng.integers(len(wide))]
        return np.concatenate([strip, strip[:, ::-1]], 1)


def _load_all(folder: Path) -> list[NDArray[np.uint8]]:
    return [np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))]


def _load_creatures(cache: Path, name: str) -> NDArray[np.uint8]:
    """Return the animals and things of that `name`, (count, side, side, 4), or none."""
    path = cache / "creatures" / f"{name}.npy"
    return np.load(path, mmap_mode="r") if path.exists() else np.empty((0, 1, 1, 4), np.uint8)


def _load_joints(cache: Path, names: list[str]) -> list[Picture]:
    """Return the joints (17, 3) of the photos of these `names`; all of score 0 where none were found."""
    path = cache / "joints.npz"
    found = np.load(path) if path.exists() else {}
    return [found[name] if name in found else np.zeros((17, 3), np.float32) for name in names]


def _shrinking(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Picture:
    """Return how much narrower and shorter `after` is than `before`, and 1 for the joints' scores."""
    return np.float32([after.shape[1] / before.shape[1], after.shape[0] / before.shape[0], 1])


def _person_box(alpha: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what is more than half covered, exclusive."""
    rows = np.flatnonzero((alpha > 127).any(1))
    columns = np.flatnonzero((alpha > 127).any(0))
    if not rows.size:
        return 0, 0, alpha.shape[1], alpha.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _framing_rows(
    rng: np.random.Generator, top: float, person: float, framing: str | None = None
) -> tuple[float, float]:
    """Return first and last row of a view of a person `person` px tall whose head is at `top`."""
    framing = framing or rng.choice(list(FRAMINGS), p=list(FRAMINGS.values()))
    if framing == "full":
        margin = rng.uniform(0.02, 0.35) * person
        return top - margin * rng.uniform(0.3, 0.9), top + person + margin * rng.uniform(0.1, 0.6)
    if framing == "far":
        margin = rng.uniform(0.5, 3.5) * person
        return top - margin * rng.uniform(0.1, 0.9), top + person + margin * rng.uniform(0.1, 0.9)
    if framing == "half":
        return top - rng.uniform(0.02, 0.2) * person, top + rng.uniform(0.42, 0.65) * person
    if framing == "head":
        return top - rng.uniform(-0.02, 0.14) * person, top + rng.uniform(0.2, 0.42) * person
    if framing == "close":
        return top - rng.uniform(-0.02, 0.08) * person, top + rng.uniform(0.14, 0.24) * person
    start = rng.uniform(0.05, 0.5)
    return top + start * person, top + (start + rng.uniform(0.25, 0.6)) * person


def _frame_inside(
    rng: np.random.Generator, size: tuple[int, int], box: tuple[int, int, int, int], aspect: float
) -> tuple[slice, slice]:
    """Return a view that fits into the photo; its shape is near `aspect` = height / width."""
    left, top, right, bottom = box
    first, last = _framing_rows(rng, top, bottom - top)
    first, last = max(first, 0), min(last, size[0])
    aspect = aspect * np.exp(rng.uniform(-0.12, 0.12))
    view_width = min((last - first) / aspect, size[1])
    view_height = min(max(last - first, view_width * aspect * 0.85), size[0])
    first = float(np.clip(first, 0, size[0] - view_height))
    center = (left + right) / 2 + rng.uniform(-0.35, 0.35) * view_width
    start = float(np.clip(center - view_width / 2, 0, size[1] - view_width))
    rows = slice(int(first), max(int(first + view_height), int(first) + 8))
    return rows, slice(int(start), max(int(start + view_width), int(start) + 8))


@dataclass(frozen=True)
class _Placement:
    """Where a person goes: the affine map of its photo into the frame."""

    matrix: NDArray[np.float64]
    scale: float


def _place(
    rng: np.random.Generator,
    box: tuple[int, int, int, int],
    height: int,
    width: int,
    framing: str | None,
) -> _Placement:
    left, top, right, bottom = box
    first, last = _framing_rows(rng, top, bottom - top, framing)
    scale = height / (last - first)
    if rng.random() < 0.12:
        scale *= rng.uniform(0.4, 0.8)
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    angle = np.deg2rad(rng.normal(0, 7) if rng.random() < 0.9 else rng.uniform(-60, 60))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([scale * stretch, scale])
    source = np.array([(left + right) / 2, (first + last) / 2])
    small = scale * (bottom - top) < 0.6 * height
    spread = 0.2 if rng.random() < 0.7 and not small else 0.48
    goal = np.array([width * (0.5 + rng.uniform(-spread, spread)), height * 0.5])
    offset = goal - linear @ source
    if rng.random() < 0.15:
        offset[1] += height * rng.uniform(-0.25, 0.4)
    return _Placement(np.column_stack([linear, offset]), scale)


def _level(placement: _Placement) -> int:
    """Return how often to halve the photo, so that the warp does not alias."""
    return int(np.clip(np.floor(np.log2(1 / max(placement.scale, 1e-3))), 0, 4))


def _at_scale(planes: NDArray[np.uint8], placement: _Placement) -> NDArray[np.uint8]:
    planes = np.ascontiguousarray(planes)
    factor = 2 ** _level(placement)
    if factor == 1:
        return planes
    size = -(-planes.shape[1] // factor), -(-planes.shape[0] // factor)
    return cv2.resize(planes, size, interpolation=cv2.INTER_AREA)


def _matrix_at_scale(placement: _Placement) -> NDArray[np.float64]:
    matrix = placement.matrix.copy()
    matrix[:, :2] *= 2 ** _level(placement)
    return matrix


def _resize(codes: NDArray[np.uint8], height: int, width: int) -> Picture:
    shrinks = codes.shape[0] > height or codes.shape[1] > width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(codes), (width, height), interpolation=interpolation)
    return resized.astype(np.float32) / np.float32(255)


def _random_crop(
    rng: np.random.Generator, picture: NDArray[np.uint8], aspect: float, smallest: float
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    view_height = height * rng.uniform(smallest, 1)
    view_width = min(view_height / aspect * np.exp(rng.uniform(-0.2, 0.2)), width)
    top = int(rng.uniform(0, height - view_height))
    left = int(rng.uniform(0, width - view_width))
    return picture[top : top + max(int(view_height), 8), left : left + max(int(view_width), 8)]


def _blob(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return the coverage (height, width) of a smooth closed shape, somewhere in the frame."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones_like(turn)
    for waves in range(1, 6):
        radius += rng.normal(0, 0.35 / waves) * np.cos(waves * turn + rng.uniform(0, 2 * np.pi))
    reach = rng.uniform(0.06, 0.4, 2) * height
    around = np.column_stack([np.cos(turn) * reach[0], np.sin(turn) * reach[1]])
    center = rng.uniform(0, 1, 2) * (width, height)
    return _filled(np.maximum(radius, 0.15)[:, None] * around + center, height, width)


def _slab(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return the coverage (height, width) of a table's edge across the bottom, or of a post."""
    if rng.random() < 0.6:
        edge = height * (rng.uniform(0.6, 0.95) + rng.uniform(-0.08, 0.08, 2))
        corners = [(0, edge[0]), (width, edge[1]), (width, height), (0, height)]
    else:
        left, right = width * (rng.uniform(0, 1) + np.array([0, rng.uniform(0.03, 0.15)]))
        corners = [(left, 0), (right, 0), (right, height), (left, height)]
    return _filled(np.array(corners), height, width)


def _hanging(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return the coverage (height, width) of a flag or curtain that hangs in from one side."""
    top, bottom = np.sort(rng.uniform(-0.3, 1.3, 2)) * height
    reach = width * rng.uniform(0.1, 0.5)
    down = np.linspace(top, bottom, 12)
    edge = reach * (1 + 0.25 * np.sin(down / height * rng.uniform(2, 12) + rng.uniform(0, 6)))
    edge += rng.uniform(-0.6, 0.6) * reach * np.linspace(0, 1, 12)
    outline = np.column_stack([np.append(edge, [0, 0]), np.append(down, [bottom, top])])
    if rng.random() < 0.5:
        outline[:, 0] = width - outline[:, 0]
    return _filled(outline, height, width)


DECOYS = (_blob, _blob, _slab, _hanging, _hanging)
"""Outlines of things that are salient but nobody, each as often as it stands here."""


def _fabric(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return stripes and fields of strong colors on cloth with folds."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    fold_at = x * rng.uniform(2, 8) + y * rng.uniform(-3, 3)
    fold = np.sin(2 * np.pi * fold_at + rng.uniform(0, 6))
    angle = rng.uniform(0, np.pi)
    across = x * np.cos(angle) + y * np.sin(angle) + 0.03 * fold
    colors = rng.random((rng.integers(1, 4), 3)).astype(np.float32)
    stripes = np.int32(np.floor(across * rng.uniform(2, 14))) % len(colors)
    cloth = colors[stripes]
    if rng.random() < 0.4:
        field = (x > rng.uniform(0, 1)) & (y < rng.uniform(0, 1))
        cloth[field] = rng.random(3)
    return cloth * (0.85 + 0.15 * fold[..., None])


def _filled(outline: NDArray[np.floating], height: int, width: int) -> Picture:
    coverage = np.zeros((height, width), np.float32)
    cv2.fillPoly(coverage, [np.int32(np.round(outline))], 1.0, cv2.LINE_AA)
    return cv2.GaussianBlur(coverage, (0, 0), 0.6)


def _smooth_noise(rng: np.random.Generator, height: int, width: int) -> Picture:
    noise = np.zeros((height, width, 3), np.float32)
    for cells in (2, 4, 9, 24):
        grid = rng.random((cells, cells, 3), np.float32)
        noise += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / cells**0.6
    return (noise - noise.min()) / max(float(np.ptp(noise)), 1e-6)


def _synthetic_room(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return walls, frames and shelves: what stands behind a person at a desk."""
    room = np.empty((height, width, 3), np.float32)
    room[:] = rng.random(3) * 0.5 + rng.uniform(0.1, 0.5)
    for _ in range(rng.integers(0, 14)):
        corner = rng.uniform(-0.2, 1.0, 2) * (width, height)
        extent = rng.uniform(0.04, 0.6, 2) * (width, height)
        points = np.int32([corner, corner + extent])
        tone = [float(value) for value in rng.random(3) * 0.9]
        if rng.random() < 0.75:
            cv2.rectangle(room, points[0].tolist(), points[1].tolist(), tone, -1, cv2.LINE_AA)
        else:
            axes = (max(int(extent[0] / 3), 1), max(int(extent[1] / 3), 1))
            cv2.ellipse(
                room,
                points[0].tolist(),
                axes,
                float(rng.uniform(0, 180)),
                0,
                360,
                tone,
                -1,
                cv2.LINE_AA,
            )
    shade = _smooth_noise(rng, height, width)[..., :1]
    return np.clip(room * (0.7 + 0.5 * shade), 0, 1).astype(np.float32)


def _plain_clothes(rng: np.random.Generator, color: Picture, coverage: Picture) -> Picture:
    """Return `color` with the body below the chin nearly one tone: hoodies, suits, uniforms."""
    rows = np.flatnonzero((coverage > 0.5).any(1))
    if rows.size < 12:
        return color
    sigma = rng.uniform(0.06, 0.25) * rows.size
    weight = _blur_widely(coverage, sigma) + 1e-3
    smooth = _blur_widely(color * coverage[..., None], sigma) / weight[..., None]
    tone = rng.random(3, np.float32) * rng.uniform(0.2, 1)
    smooth = smooth + (tone - smooth) * rng.uniform(0, 1) * (rng.random() < 0.6)
    texture = rng.uniform(0, 0.4)
    plain = smooth + (color - np.float32(cv2.mean(color)[:3])) * texture * 0.5
    chin = rows[0] + rng.uniform(0.12, 0.45) * rows.size
    reach = max(0.03 * rows.size, 1)
    below = 1 / (1 + np.exp(-(np.arange(color.shape[0]) - chin) / reach))
    blend = (below * rng.uniform(0.6, 1)).astype(np.float32)[:, None, None]
    blend = blend * np.minimum(coverage[..., None] * 2, 1)
    return np.clip(color + (plain - color) * blend, 0, 1).astype(np.float32)


def _furred(rng: np.random.Generator, color: Picture, coverage: Picture) -> tuple[Picture, Picture]:
    """Return a person with a large head of curls or strands, or in a coat of fur."""
    rows = np.flatnonzero((coverage > 0.5).any(1))
    if rows.size < 12:
        return color, coverage
    fur = _fur(rng, *coverage.shape)
    if rng.random() < 0.35:
        chin = rows[0] + rng.uniform(0.12, 0.4) * rows.size
        below = (np.arange(coverage.shape[0])[:, None] > chin) * coverage
        return color + (fur - color) * below[..., None], coverage
    # Of a whole person the head ends at these rows, of a close-up the forehead begins.
    widths = (coverage[rows[0] + (rows.size * np.array([3, 8])) // 100] > 0.5).sum(1)
    radius = float(max(0.6 * widths.max(), 3))
    y = rows[0] + rng.uniform(0.6, 1.1) * radius
    columns = np.flatnonzero(coverage[min(int(y), coverage.shape[0] - 1)] > 0.5)
    if not columns.size:
        return color, coverage
    center = np.array([columns.mean(), y])
    hair = _tufted(rng, center, radius * rng.uniform(0.9, 1.8, 2), coverage.shape)
    chin = center + np.array([0, radius * 0.35])
    face = _ellipse(chin, radius * rng.uniform(0.5, 0.8, 2), coverage.shape)
    over = (hair * (1 - face * coverage))[..., None]
    return color + (fur - color) * over, np.maximum(coverage, hair)


def _fur(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Return curls or strands of one tone of hair."""
    noise = rng.standard_normal((height, width), np.float32)
    curl = rng.uniform(0.7, max(height / 60, 0.8))
    if rng.random() < 0.6:
        texture = cv2.GaussianBlur(noise, (0, 0), curl) - cv2.GaussianBlur(noise, (0, 0), 2 * curl)
    else:
        texture = cv2.filter2D(noise, -1, _motion_kernel(rng, rng.integers(4, 16)))
    texture /= max(float(texture.std()), 1e-6)
    tone = np.float32(COATS[rng.integers(len(COATS))]) * np.exp(rng.normal(0, 0.4))
    shade = 0.6 + 0.8 * _smooth_noise(rng, height, width)[..., :1]
    lit = shade * (1 + rng.uniform(0.1, 0.5) * texture[..., None])
    return np.clip(tone * lit, 0, 1).astype(np.float32)


def _ellipse(
    center: NDArray[np.float64], radii: NDArray[np.float64], size: tuple[int, ...]
) -> Picture:
    """Return the coverage, of `size`, of an ellipse whose edge is as soft as a fifth of it."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    reach = np.hypot((x - center[0]) / radii[0], (y - center[1]) / radii[1])
    return np.clip((1 - reach) * 5, 0, 1).astype(np.float32)


def _tufted(
    rng: np.random.Generator,
    center: NDArray[np.float64],
    radii: NDArray[np.float64],
    size: tuple[int, ...],
) -> Picture:
    """Return the coverage, of `size`, of a head of hair with an uneven edge."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    reach = np.hypot((x - center[0]) / radii[0], (y - center[1]) / radii[1])
    uneven = _smooth_noise(rng, size[0], size[1])[..., 0] - 0.5
    grain = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), 1.2)
    edge = 1 + 0.5 * uneven + rng.uniform(0, 0.25) * grain
    softness = max(float(radii.min()) * 0.12, 1)
    return np.clip((edge - reach) * radii.min() / softness + 0.5, 0, 1).astype(np.float32)


def _blur_widely(image: Picture, sigma: float) -> Picture:
    """Return `image` under a Gaussian of `sigma` px, computed on a small copy."""
    factor = max(int(sigma / 3), 1)
    size = max(image.shape[1] // factor, 1), max(image.shape[0] // factor, 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return cv2.resize(blurred, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _wear(rng: np.random.Generator, color: Picture, coverage: Picture, behind: Picture) -> Picture:
    """Return `color` with badges, prints and cards on the body, some as pale as the wall behind."""
    rows, columns = np.nonzero(coverage > 0.9)
    if rows.size < 50:
        return color
    worn = color.copy()
    extent = np.ptp(rows) + 1
    for _ in range(rng.integers(1, 4)):
        pick = rng.integers(rows.size)
        center = float(columns[pick]), float(rows[pick])
        size = float(rng.uniform(0.02, 0.14) * extent), float(rng.uniform(0.02, 0.14) * extent)
        corners = cv2.boxPoints((center, size, float(rng.normal(0, 15)))).astype(np.int32)
        tone = np.float32(cv2.mean(behind)[:3]) if rng.random() < 0.4 else rng.random(3)
        if rng.random() < 0.4:
            tone = np.full(3, rng.uniform(0.75, 1))
        cv2.fillConvexPoly(worn, corners, [float(value) for value in tone], cv2.LINE_AA)
        if rng.random() < 0.5:
            line = [float(value) for value in rng.random(3)]
            cv2.line(worn, corners[0].tolist(), corners[2].tolist(), line, 1, cv2.LINE_AA)
    inside = coverage[..., None] > 0.9
    return np.where(inside, worn, color).astype(np.float32)


def _bent(rng: np.random.Generator, person: Picture) -> Picture:
    """
    Return `person` (height, width, 4) bent at a joint, what lies below it turned and shortened.

    The turn grows smoothly over the joint, so the body bends and does not break.
    """
    rows = np.flatnonzero((person[..., 3] > 0.5).any(1))
    if rows.size < 12:
        return person
    height, width = person.shape[:2]
    joint = rows[0] + rng.uniform(0.25, 0.75) * rows.size
    center = float(np.flatnonzero(person[min(int(joint), height - 1), :, 3] > 0.5).mean())
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    soft = max(rng.uniform(0.04, 0.2) * rows.size, 1)
    below = 1 / (1 + np.exp(-np.clip((y - joint) / soft, -30, 30)))
    angle = np.deg2rad(rng.normal(0, 45)) * below
    shorter = 1 + (np.exp(rng.uniform(-0.2, 0.9)) - 1) * below
    down, right = (y - joint) * shorter, x - center
    from_x = center + np.cos(angle) * right + np.sin(angle) * down
    from_y = joint - np.sin(angle) * right + np.cos(angle) * down
    return cv2.remap(person, np.float32(from_x), np.float32(from_y), cv2.INTER_LINEAR)


def _in_motion(
    rng: np.random.Generator, color: Picture, coverage: Picture
) -> tuple[Picture, Picture]:
    """Return colors and coverage of a person who moves while the shutter is open."""
    kernel = _motion_kernel(rng, rng.integers(3, max(coverage.shape[0] // 14, 4)))
    blurred = cv2.filter2D(coverage, -1, kernel)
    colors = cv2.filter2D(color * coverage[..., None], -1, kernel)
    return colors / np.maximum(blurred, 1e-3)[..., None], blurred


def _blur_head(rng: np.random.Generator, color: Picture, coverage: Picture) -> Picture:
    """Return `color` with a blob of the head blurred, as publishers do for privacy."""
    rows = np.flatnonzero((coverage > 0.5).any(1))
    if rows.size < 16:
        return color
    # Of a whole person the head is a tenth, of a close-up nearly all.
    share = rng.choice([0.1, 0.25, 0.5])
    y = min(int(rows[0] + rng.uniform(0.4, 1.0) * share * rows.size), coverage.shape[0] - 1)
    columns = np.flatnonzero(coverage[y] > 0.5)
    if not columns.size:
        return color
    radius = max(int(rng.uniform(0.3, 0.7) * share * rows.size), 2)
    blob = np.zeros_like(coverage)
    cv2.circle(blob, (int(columns.mean()), y + radius // 2), radius, 1.0, -1, cv2.LINE_AA)
    blurred = cv2.GaussianBlur(color, (0, 0), radius * rng.uniform(0.3, 1))
    return color + (blurred - color) * blob[..., None]


def _blur_face(
    rng: np.random.Generator, person: NDArray[np.uint8], joints: Picture
) -> NDArray[np.uint8]:
    """Return `person` (height, width, 4) with nothing but a tone left of the face."""
    seen = joints[:5][joints[:5, 2] > 0.3]
    if len(seen) < 3:
        return person
    center = seen[:, :2].mean(0)
    radius = float(max(np.ptp(seen[:, :2], 0).max() * rng.uniform(0.6, 1), 2))
    face = np.zeros(person.shape[:2], np.float32)
    axes = (round(radius * rng.uniform(0.7, 1.1)), round(radius * rng.uniform(1, 1.5)))
    middle = np.int32(center + np.array([0, 0.2 * radius])).tolist()
    cv2.ellipse(face, middle, axes, float(rng.normal(0, 15)), 0, 360, 1.0, -1, cv2.LINE_AA)
    blurred = cv2.GaussianBlur(person[..., :3], (0, 0), radius * rng.uniform(0.3, 1))
    color = person[..., :3] + (blurred - np.float32(person[..., :3])) * face[..., None]
    return np.dstack([np.uint8(np.round(color)), person[..., 3]])


def _toward(color: Picture, coverage: Picture, behind: Picture, amount: float) -> Picture:
    """Return `color` moved toward the background's mean: subject and background alike."""
    weight = coverage[..., None]
    own = (color * weight).sum((0, 1)) / max(float(weight.sum()), 1)
    return np.clip(color + (np.float32(cv2.mean(behind)[:3]) - own) * amount, 0, 1).astype(
        np.float32
    )


def _adjust_color(rng: np.random.Generator, image: Picture, strength: float) -> Picture:
    """Return `image` under other light: exposure, contrast, tint, saturation."""
    saturation = rng.uniform(1 - strength, 1 + strength)
    gain = np.exp(rng.normal(0, 0.35 * strength) + rng.normal(0, 0.14 * strength, 3))
    pivot = rng.uniform(0.3, 0.6)
    contrast = np.exp(rng.normal(0, 0.4 * strength))
    mixed = np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation
    change = np.column_stack([gain[:, None] * contrast * mixed, gain * pivot * (1 - contrast)])
    return np.clip(cv2.transform(image, change), 0, 1)


def _develop(rng: np.random.Generator, image: Picture) -> Picture:
    """Return `image` as a camera would deliver it: exposure, blur, grain, compression."""
    image = _adjust_color(rng, image, 0.4)
    if rng.random() < 0.10:
        image = cv2.transform(image, np.full((3, 3), 1 / 3))
    elif rng.random() < 0.08:
        image = _stage_light(rng, image)
    if rng.random() < 0.30:
        image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.45)))
    if rng.random() < 0.15:
        image = image * _light(rng, *image.shape[:2])
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.4))
    if rng.random() < 0.10:
        image = cv2.filter2D(image, -1, _motion_kernel(rng, rng.integers(3, 10)))
    return degrade(rng, image)


def degrade(rng: np.random.Generator, image: Picture) -> Picture:
    """Return `image` with grain and compression, often with neither."""
    if rng.random() < 0.40:
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.003, 0.05))
        image = image + grain
    image = np.clip(image, 0, 1).astype(np.float32)
    if rng.random() < 0.35:
        image = _compress(image, int(rng.integers(25, 90)))
    return np.ascontiguousarray(image)


def move(plane: Picture, shift: tuple[int, int]) -> Picture:
    """Return `plane` moved by whole pixels, down and right; its border repeats."""
    down, right = shift
    matrix = np.array([[1.0, 0, right], [0, 1, down]])
    return cv2.warpAffine(
        plane,
        matrix,
        plane.shape[1::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _light(rng: np.random.Generator, height: int, width: int) -> Picture:
    slope = rng.uniform(-0.5, 0.5, 2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return (0.8 + slope[0] * x + slope[1] * y).clip(0.1, 1.4).astype(np.float32)[..., None]


def _stage_light(rng: np.random.Generator, image: Picture) -> Picture:
    """Return `image` lit by a lamp of one color, as on a stage."""
    lamp = rng.dirichlet(np.ones(3)) * rng.uniform(1.5, 3)
    own = rng.uniform(0.1, 0.6)
    change = own * np.diag(lamp) + (1 - own) * np.outer(lamp, np.full(3, 1 / 3))
    return np.clip(cv2.transform(image, change), 0, 1).astype(np.float32)


def _motion_kernel(rng: np.random.Generator, length: int) -> Picture:
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    along = np.array([np.cos(angle), np.sin(angle)]) * half
    ends = np.int32(np.round([half - along, half + along]))
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
    return kernel / kernel.sum()


def _compress(image: Picture, quality: int) -> Picture:
    _, coded = cv2.imencode(
        ".jpg", np.round(image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.float32) / np.float32(255)


def _mirror(rng: np.random.Generator, image: Picture, alpha: Picture) -> tuple[Picture, Picture]:
    if rng.random() < 0.5:
        image, alpha = image[:, ::-1], alpha[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(alpha)
