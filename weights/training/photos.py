"""
Prepare the training photos: estimate true foreground colors once, keep them as arrays.

    python -m weights.training.photos DATA CACHE [--labels FOLDER]

DATA holds `ccp/img`, `ccp/alpha` (gray JPEG, values below 6 and above 249 are noise of the
coding) and `bg`. FOLDER holds alphas, `NAME.png`, of photos that have none: `sghm matte --stills` of
an earlier model makes them. CACHE gets, per photo with an alpha, `NAME.npy`: uint8 (h, w, 7), the
photo's RGB, the foreground's RGB (Germer et al., 2020) and the alpha; and `bg/NAME.npy`, uint8 RGB.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE_PX = 560


def read_alpha(path: Path) -> NDArray[np.float32]:
    """Return the alpha at `path` in 0-1, coding noise in solid areas removed."""
    codes = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32)
    codes[codes < 6] = 0
    codes[codes > 249] = 255
    return codes / np.float32(255)


def prepare(cache: Path, images: Path, alpha_path: Path) -> None:
    """Write photo, foreground and alpha of the person whom `alpha_path` shows into `cache`."""
    from pymatting import estimate_foreground_ml

    name = alpha_path.stem
    photo = cv2.imread(str(images / f"{name}.jpg"))[..., ::-1]
    alpha = read_alpha(alpha_path)
    photo, alpha = _shrink(photo), _shrink(alpha)
    foreground = estimate_foreground_ml(photo / 255.0, alpha.astype(np.float64))
    planes = [photo, np.round(foreground * 255), np.round(alpha * 255)[..., None]]
    np.save(cache / f"{name}.npy", np.concatenate(planes, 2).clip(0, 255).astype(np.uint8))


def _shrink(image: NDArray[np.generic]) -> NDArray[np.generic]:
    scale = LONG_SIDE_PX / max(image.shape[:2])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--labels", type=Path, help="alphas of photos that have none")
    args = parser.parse_args()
    (args.cache / "bg").mkdir(parents=True, exist_ok=True)
    for path in sorted((args.data / "bg").iterdir()):
        np.save(args.cache / "bg" / f"{path.stem}.npy", cv2.imread(str(path))[..., ::-1])
    labels = sorted(args.labels.glob("*.png")) if args.labels else []
    alphas = {path.stem: path for path in (*labels, *(args.data / "ccp/alpha").iterdir())}
    prepare_one = partial(prepare, args.cache, args.data / "ccp/img")
    with ProcessPoolExecutor() as pool:
        list(pool.map(prepare_one, sorted(alphas.values()), chunksize=16))


if __name__ == "__main__":
    main()
