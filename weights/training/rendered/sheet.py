"""
Contact sheet of renders, over checks or pictures, the alpha beside each.

    python -m weights.training.rendered.sheet OUT.png FOLDER-OR-FILES... [--count 24] [--across 6]
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from weights.training.rendered.geometry import Floats
from weights.training.rendered.options import front_name

CHECK_PX = 24


def linear(coded: Floats) -> Floats:
    """Return linear light of sRGB."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def coded(light: Floats) -> Floats:
    """Return sRGB of linear light."""
    above = 1.055 * np.clip(light, 0, None) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, above).clip(0, 1)


def read_render(path: Path) -> Floats:
    """Read a render as float (h, w, 4)."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        msg = f"{path} is no render: RGBA is wanted"
        raise SystemExit(msg)
    return picture.astype(np.float32) / np.iinfo(picture.dtype).max


def checks(height: int, width: int) -> Floats:
    """Return gray checks (h, w, 3)."""
    y, x = np.mgrid[:height, :width] // CHECK_PX
    return np.repeat((0.5 + 0.12 * ((y + x) % 2))[..., None], 3, 2).astype(np.float32)


def filling(picture: Floats, height: int, width: int) -> Floats:
    """Return the part of a picture that fills a frame."""
    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = int(np.ceil(picture.shape[1] * scale)), int(np.ceil(picture.shape[0] * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[:height, :width]


def over(person: Floats, front: Floats | None, behind: Floats) -> Floats:
    """Return sRGB (h, w, 3) of a render and its front over a background, added in linear light."""
    light = linear(person[..., :3]) * person[..., 3:]
    left = 1 - person[..., 3:]
    if front is not None:
        light = light + linear(front[..., :3]) * front[..., 3:]
        left = (left - front[..., 3:]).clip(0)
    return coded(light + linear(behind) * left)


def renders(sources: Sequence[Path]) -> Iterator[Path]:
    """Yield the renders of folders and files, without the pictures of what is in front."""
    for source in sources:
        found = sorted(source.glob("*.png")) if source.is_dir() else [source]
        yield from (path for path in found if not path.stem.endswith(front_name("")))


def tile(path: Path, backgrounds: Sequence[Path], height: int) -> Floats:
    """Return a render over something and its alpha beside it, with its name, uint8."""
    person = read_render(path)
    rows, columns = person.shape[:2]
    front_path = path.with_name(f"{front_name(path.stem)}.png")
    front = read_render(front_path) if front_path.exists() else None
    behind = checks(rows, columns)
    if backgrounds:
        chosen = backgrounds[random.Random(path.stem).randrange(len(backgrounds))]  # noqa: S311
        behind = filling(cv2.imread(str(chosen)).astype(np.float32) / 255, rows, columns)
    pair = np.hstack([over(person, front, behind), np.repeat(person[..., 3:], 3, 2)])
    scale = min(height / rows, 2 * height / pair.shape[1])
    size = int(pair.shape[1] * scale), int(rows * scale)
    small = cv2.resize(pair.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    result = np.full((height, 2 * height, 3), 255, np.uint8)
    result[: size[1], : size[0]] = (small * 255).round()
    cv2.putText(result, path.stem, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 255), 1)
    return result


def main() -> None:
    """Write a sheet."""
    parser = argparse.ArgumentParser(prog="python -m weights.training.rendered.sheet")
    parser.add_argument("out", type=Path)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--across", type=int, default=4)
    parser.add_argument("--height", type=int, default=400)
    parser.add_argument("--backgrounds", type=Path, help="folder of JPEG pictures")
    asked = parser.parse_args()
    backgrounds = sorted(asked.backgrounds.glob("*.jpg")) if asked.backgrounds else []
    paths = list(renders(asked.sources))[asked.skip : asked.skip + asked.count]
    tiles = [tile(path, backgrounds, asked.height) for path in paths]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % asked.across)
    rows = [np.hstack(tiles[k : k + asked.across]) for k in range(0, len(tiles), asked.across)]
    cv2.imwrite(str(asked.out), np.vstack(rows))


if __name__ == "__main__":
    main()
