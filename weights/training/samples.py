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

from weights.training.camera import adjust_color, develop
from weights.training.framing import (
    at_scale,
    frame_inside,
    matrix_at_scale,
    mirror,
    person_box,
    place,
    random_crop,
    resize,
)
from weights.training.glass import draw_glass
from weights.training.limbs import pose_anew
from weights.training.looks import (
    bent,
    blur_face,
    blur_head,
    furred,
    in_motion,
    plain_clothes,
    toward,
    wear,
)
from weights.training.scenery import DECOYS, fabric, hanging, smooth_noise, synthetic_room

type Picture = NDArray[np.float32]
"""(height, width, 3) or (height, width), 0-1."""

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
        self._boxes = [person_box(planes[..., 6]) for planes in self._people]
        self._joints = _load_joints(cache, [path.stem for path in kept])

    def draw_real(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        """Return a crop of a photo with the photo's own alpha."""
        index = self._lonely[rng.integers(len(self._lonely))]
        planes, box = self._people[index], self._boxes[index]
        crop = frame_inside(rng, planes.shape[:2], box, height / width)
        picked = resize(np.ascontiguousarray(planes[crop][..., [0, 1, 2, 6]]), height, width)
        image, alpha = picked[..., :3], picked[..., 3]
        if rng.random() < 0.25:
            image = plain_clothes(rng, image, alpha)
        if rng.random() < self._share_worn:
            image = wear(rng, image, alpha, image)
        if rng.random() < SHARE_FURRED:
            image, alpha = furred(rng, image, alpha)
        if rng.random() < SHARE_BLURRED_HEADS:
            image = blur_head(rng, image, alpha)
        image = self._with_creatures(rng, image, 1 - alpha)
        if rng.random() < 0.12:
            image, alpha = self._join(rng, image, alpha)
        return Sample(*mirror(rng, develop(rng, image), alpha))

    def draw_empty(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        """Return a picture without people."""
        image = self._background(rng, height, width)
        for _ in range(rng.integers(0, 4)):
            image = self._salient(rng, image)
        nobody = np.zeros((height, width), np.float32)
        return Sample(develop(rng, self._with_creatures(rng, image, 1 - nobody)), nobody)

    def draw_composite(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        """Return one to five people over a person-free background, alpha exact."""
        image = adjust_color(rng, self._background(rng, height, width), 0.5)
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
        return Sample(*mirror(rng, develop(rng, image), alpha))

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
            color = adjust_color(rng, placed[..., :3] / np.maximum(coverage, 0.02), 0.6)
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
        if outline is hanging:
            texture = fabric(rng, height, width)
        else:
            texture = adjust_color(rng, self._background(rng, height, width), 0.8)
        shade = 0.75 + 0.5 * smooth_noise(rng, height, width)[..., :1]
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
        placement = place(rng, box, height, width, framing)
        matrix = matrix_at_scale(placement)
        cut_out = at_scale(planes[..., 3:7], placement)
        joints = self._joints[index] * _shrinking(planes, cut_out)
        if rng.random() < SHARE_BLURRED_FACES:
            cut_out = blur_face(rng, cut_out, joints)
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
            warped = bent(rng, warped)
        color, coverage = warped[..., :3], warped[..., 3]
        if rng.random() < 0.45:
            color = plain_clothes(rng, color, coverage)
        # A raised hand would pass for the head.
        if not is_posed and rng.random() < SHARE_FURRED:
            color, coverage = furred(rng, color, coverage)
        if not is_posed and rng.random() < SHARE_BLURRED_HEADS:
            color = blur_head(rng, color, coverage)
        color = adjust_color(rng, color, 0.5)
        if rng.random() < self._share_worn:
            color = wear(rng, color, coverage, behind)
        if rng.random() < 0.15:
            color = toward(color, coverage, behind, rng.uniform(0.2, 0.7))
        if rng.random() < self._share_worn / 4:
            color, coverage = in_motion(rng, color, coverage)
        return color, coverage

    def _background(self, rng: np.random.Generator, height: int, width: int) -> Picture:
        kind = rng.choice(list(BACKGROUNDS), p=list(BACKGROUNDS.values()))
        if kind == "room":
            return synthetic_room(rng, height, width)
        if kind == "noise":
            return smooth_noise(rng, height, width)
        if kind == "strip":
            strip = self._strip(rng)
            if strip is not None:
                return resize(random_crop(rng, strip, height / width, 0.6), height, width)
        pictures = self._pictures.get(kind) or self._pictures["picture"]
        picture = pictures[rng.integers(len(pictures))]
        return resize(random_crop(rng, picture, height / width, 0.35), height, width)

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
