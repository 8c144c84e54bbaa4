"""
Look around in panoramas: person-free backgrounds, indoors and out, for the training samples.

    python -m weights.training.panoramas PACKAGE CACHE

PACKAGE is the unpacked npm package `@pmndrs/assets` (CC0): its `hdri/NAME.exr.js` each hold one
equirectangular picture, base64-coded. CACHE gets `views/NAME_N.npy`: uint8 RGB (240, 320, 3).
"""

from __future__ import annotations

import argparse
import base64
import re
import tempfile
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
from numpy.typing import NDArray

VIEWS = 24
"""Of each panorama."""
SIZE = 240, 320
SEED = 20261122


def read_panorama(script: Path) -> NDArray[np.float32]:
    """Return the linear RGB (height, width, 3) that the JavaScript file `script` holds."""
    found = re.search(r"base64,([A-Za-z0-9+/=]+)", script.read_text())
    if found is None:
        raise SystemExit(f"{script} holds no base64 data. Give the unpacked package.")
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(base64.b64decode(found[1]))
        file.flush()
        return np.float32(OpenEXR.File(file.name).channels()["RGB"].pixels)


def look(rng: np.random.Generator, panorama: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return what a camera in the middle sees in a random direction, exposed at random."""
    height, width = SIZE
    field = np.deg2rad(rng.uniform(55, 100))
    x, y = np.meshgrid(np.arange(width) - width / 2, np.arange(height) - height / 2)
    rays = np.stack([x, y, np.full_like(x, width / 2 / np.tan(field / 2))], 2)
    pitch = rng.normal(0, 0.15)
    tilt = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    rays = rays @ np.array(tilt)
    longitude = np.arctan2(rays[..., 0], rays[..., 2]) / (2 * np.pi) + rng.random()
    latitude = np.arcsin(rays[..., 1] / np.linalg.norm(rays, axis=2)) / np.pi + 0.5
    rows, columns = panorama.shape[:2]
    seen = cv2.remap(
        panorama,
        np.float32(longitude * columns % columns),
        np.float32(latitude * rows),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_WRAP,
    )
    exposed = np.clip(seen, 0, None) * rng.uniform(0.12, 0.45) / max(float(np.median(seen)), 1e-3)
    # A shoulder keeps windows and lamps from clipping hard.
    coded = (exposed / (1 + 0.3 * exposed)) ** (1 / 2.2)
    return np.uint8(np.clip(coded, 0, 1) * 255 + 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("package", type=Path)
    parser.add_argument("cache", type=Path)
    args = parser.parse_args()
    views = args.cache / "views"
    views.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    for script in sorted((args.package / "hdri").glob("*.exr.js")):
        panorama = read_panorama(script)
        for number in range(VIEWS):
            np.save(views / f"{script.name.partition('.')[0]}_{number}.npy", look(rng, panorama))


if __name__ == "__main__":
    main()
