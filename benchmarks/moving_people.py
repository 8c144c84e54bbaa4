"""Clips with exact alphas: cut-out people who move, sway and turn before backgrounds that pan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.errors import SourceError

SIZE_PX = 1280, 720
GRAIN_CODES = 4.0
"""Sigma of the strongest grain, of 255."""
TURN_DEGREES = 4.0
SWAY_PX = 9.0
"""How far a body's parts move against each other, at most."""

type Picture = NDArray[np.float32]
"""(h, w, 3) in BGR, or (h, w, 4) with a straight alpha last, 0-1."""


@dataclass(frozen=True)
class ExactClip:
    """A clip and the alphas that it was made with."""

    name: str
    pictures: list[NDArray[np.uint8]]
    """(h, w, 3), BGR."""
    alphas: list[NDArray[np.float32]]
    """(h, w), 0-1."""


def cut_outs(folder: Path) -> list[Path]:
    """Return the pictures in `folder`/img that have an alpha of their name in `folder`/alpha."""
    found = sorted((folder / "img").iterdir())
    return [path for path in found if _alpha_of(path).is_file()]


def compose(person: Path, background: Path, seed: Sequence[int], length: int) -> ExactClip:
    """
    Return a clip of `person` who moves before `background`.

    Args:
        person: A picture of `cut_outs`.
        background: A picture without people.
        seed: Says how both move, and the grain.
        length: Frames.
    """
    rng = np.random.default_rng(seed)
    subject = _subject(person)
    wall = _covering(_read(background), 1.3)
    path, pan = _Path(rng, subject), _Pan(rng, wall)
    sigma = rng.uniform(0, GRAIN_CODES)
    pictures, alphas = [], []
    for n in range(length):
        moved = path.at(n)
        alpha = np.clip(moved[..., 3], 0, 1)
        shown = 255 * moved[..., :3] + (1 - alpha[..., None]) * pan.at(n)
        if sigma > 1:
            shown = shown + rng.normal(0, sigma, shown.shape)
        pictures.append(np.clip(shown, 0, 255).round().astype(np.uint8))
        alphas.append(np.asarray(alpha, np.float32))
    return ExactClip(f"{person.stem}_{background.stem}", pictures, alphas)


def opened(plate: Path, truth: Path) -> ExactClip:
    """Return a clip at `SIZE_PX` of a plate and its truth: resized, alphas have more than 8 bits."""
    pictures: list[NDArray[np.uint8]] = []
    alphas: list[NDArray[np.float32]] = []
    movies = cv2.VideoCapture(str(plate)), cv2.VideoCapture(str(truth))
    while True:
        (is_there, picture), (has_truth, gray) = (movie.read() for movie in movies)
        if not (is_there and has_truth):
            return ExactClip(plate.stem, pictures, alphas)
        larger = cv2.resize(picture, SIZE_PX, interpolation=cv2.INTER_CUBIC)
        alpha = cv2.resize(gray[..., 0].astype(np.float32) / 255, SIZE_PX)
        pictures.append(np.asarray(larger, np.uint8))
        alphas.append(np.asarray(alpha, np.float32))


class _Path:
    """How a person moves: drift, swing, turn, and a body that sways."""

    def __init__(self, rng: np.random.Generator, subject: Picture) -> None:
        width, height = SIZE_PX
        self._subject = subject
        # A person who is cut off at the bottom stays so.
        is_cut = subject[-2:, :, 3].max() > 0.5
        self._scale = rng.uniform(0.75, 1.1) * height / subject.shape[0]
        tall = self._scale * subject.shape[0]
        bottom = (
            rng.uniform(height + 20, height + 60) if is_cut else rng.uniform(0.9, 1.02) * height
        )
        self._middle = rng.uniform(0.35, 0.65) * width, bottom - tall / 2
        self._swing = rng.uniform(20, 90), rng.uniform(2, 14)
        self._periods = rng.uniform(18, 60, 4)
        self._phases = rng.uniform(0, 2 * np.pi, 4)
        self._drift = rng.uniform(-2.5, 2.5)
        self._turn = rng.uniform(0, TURN_DEGREES)
        self._waves = rng.uniform(140, 320, 2), rng.uniform(2, SWAY_PX)

    def at(self, n: int) -> Picture:
        """Return the person as frame `n` has them, color multiplied by alpha."""
        width, height = SIZE_PX
        one, two, three, four = np.sin(2 * np.pi * n / self._periods + self._phases)
        x = self._middle[0] + self._drift * (n - 24) + self._swing[0] * one
        y = self._middle[1] + self._swing[1] * two
        scale = self._scale * (1 + 0.03 * four)
        angle = np.deg2rad(self._turn * three)
        column, row = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )
        (long_x, long_y), sway = self._waves
        column = column - x + sway * one * np.sin(2 * np.pi * row / long_y)
        row = row - y + 0.5 * sway * four * np.sin(2 * np.pi * column / long_x)
        across = (np.cos(angle) * column + np.sin(angle) * row) / scale
        down = (np.cos(angle) * row - np.sin(angle) * column) / scale
        tall, wide = self._subject.shape[:2]
        return _sampled(self._subject, across + wide / 2, down + tall / 2)


class _Pan:
    def __init__(self, rng: np.random.Generator, wall: NDArray[np.uint8]) -> None:
        self._wall = wall.astype(np.float32)
        self._periods, self._phases = rng.uniform(40, 120, 2), rng.uniform(0, 2 * np.pi, 2)

    def at(self, n: int) -> Picture:
        width, height = SIZE_PX
        room = self._wall.shape[1] - width, self._wall.shape[0] - height
        x, y = (
            0.5 * space * (1 + 0.8 * np.sin(2 * np.pi * n / period + phase))
            for space, period, phase in zip(room, self._periods, self._phases, strict=True)
        )
        shift = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        return np.asarray(cv2.warpAffine(self._wall, shift, SIZE_PX), np.float32)


def _subject(path: Path) -> Picture:
    """Return the cut-out, color multiplied by alpha, with room around."""
    color, alpha = (_read(one).astype(np.float32) / 255 for one in (path, _alpha_of(path)))
    return np.dstack([color * alpha[..., :1], alpha[..., 0]])


def _read(path: Path) -> NDArray[np.uint8]:
    """Return the picture at `path`, (h, w, 3), BGR."""
    found = cv2.imread(str(path))
    if found is None:
        msg = f"{path} is no picture that can be read"
        raise SourceError(msg)
    return np.asarray(found, np.uint8)


def _sampled(picture: Picture, x: NDArray[np.float32], y: NDArray[np.float32]) -> Picture:
    where = x.astype(np.float32), y.astype(np.float32)
    return np.asarray(cv2.remap(picture, *where, cv2.INTER_LINEAR), np.float32)


def _covering(picture: NDArray[np.uint8], room: float) -> NDArray[np.uint8]:
    """Return `picture` so large that it covers a frame with `room` to move."""
    scale = room * max(SIZE_PX[0] / picture.shape[1], SIZE_PX[1] / picture.shape[0])
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.uint8)


def _alpha_of(path: Path) -> Path:
    return path.parent.parent / "alpha" / f"{path.stem}.png"
