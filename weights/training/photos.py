"""
Prepare the training photos: estimate true foreground colors once, keep them as arrays.

    python -m weights.training.photos DATA CACHE

DATA holds `ccp/img`, `ccp/alpha` (gray JPEG, values below 6 and above 249 are noise of the
coding) and `bg`. CACHE gets, per photo with an alpha, `NAME.npy`: uint8 (h, w, 7), the photo's
RGB, the foreground's RGB (Germer et al., 2020) and the alpha; and `bg/NAME.npy`, uint8 RGB.
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


def prepare(cache: Path, data: Path, name: str) -> None:
    """Write `name`'s photo, foreground and alpha into `cache`."""
    from pymatting import estimate_foreground_ml

    photo = cv2.imread(str(data / "ccp/img" / f"{name}.jpg"))[..., ::-1]
    alpha = read_alpha(data / "ccp/alpha" / f"{name}.jpg")
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
    args = parser.parse_args()
    (args.cache / "bg").mkdir(parents=True, exist_ok=True)
    for path in sorted((args.data / "bg").iterdir()):
        np.save(args.cache / "bg" / f"{path.stem}.npy", cv2.imread(str(path))[..., ::-1])
    names = sorted(path.stem for path in (args.data / "ccp/alpha").iterdir())
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(prepare, args.cache, args.data), names, chunksize=16))


if __name__ == "__main__":
    main()
