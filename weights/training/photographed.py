"""
Take animals and things from photos that a game ships: salient, and nobody.

    python -m weights.training.photographed PACKAGE CACHE

PACKAGE is the unpacked Debian package `gcompris-qt-data`, whose photos are in the public domain or
under CC0, CC BY or CC BY-SA; `weights/training/CREDITS.md` names them. CACHE gets `nobody/NAME.npy`,
the photos, uint8 RGB of at most 480 px; and `creatures/photographed.npy`, (count, 256, 256, 4):
what GrabCut (Rother et al., SIGGRAPH 2004) takes for the foreground of each, codes of premultiplied
RGB and coverage. Where it errs, a piece of tree comes along, and that is nobody either.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

IS_CUT = {
    "erase/resource": True,
    "explore_world_animals/resource/animals": True,
    "explore_farm_animals/resource/animals": True,
    "categorization/resource/images/fishes": True,
    "categorization/resource/images/others": True,
    "categorization/resource/images/tools": False,
    "categorization/resource/images/monuments": False,
    "explore_monuments/resource": False,
}
"""
Folders of photos without people, and whether what they show is cut out: a building fills its photo,
and people hold tools. Others of the package hold drawings and paintings.
"""
LONG_SIDE_PX = 480
SIDE_PX = 256
MARGIN = 0.04
"""Of a photo's width, surely background."""
COVERED = 0.04, 0.75
"""Parts of a photo between which a cut-out is one."""


def photos(package: Path, folder: str) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield name and RGB of each photo in a `folder` of the package's Qt resources."""
    from PySide6.QtCore import QDirIterator, QFile, QResource

    activity = folder.partition("/")[0]
    resource = package / f"usr/share/gcompris-qt/rcc/{activity}.rcc"
    if not QResource.registerResource(str(resource)):
        raise SystemExit(f"{resource} is not there, or no Qt resource. Give the unpacked package.")
    root = f":/gcompris/src/activities/{folder}"
    found = QDirIterator(root, ["*.webp"], flags=QDirIterator.IteratorFlag.Subdirectories)
    while found.hasNext():
        file = QFile(found.next())
        file.open(QFile.OpenModeFlag.ReadOnly)
        codes = np.frombuffer(bytes(file.readAll()), np.uint8)
        picture = cv2.imdecode(codes, cv2.IMREAD_COLOR)
        name = file.fileName().removeprefix(":/gcompris/src/activities/").removesuffix(".webp")
        yield name.replace("/", "_"), np.ascontiguousarray(picture[..., ::-1])


def cut_out(photo: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the foreground of `photo`, (side, side, 4), or None where there is no clear one."""
    height, width = photo.shape[:2]
    margin = max(round(MARGIN * width), 2)
    labels = np.full((height, width), cv2.GC_BGD, np.uint8)
    labels[margin : height - margin, margin : width - margin] = cv2.GC_PR_FGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(photo, labels, None, *models, 6, cv2.GC_INIT_WITH_MASK)
    mask = _largest(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)))
    if not COVERED[0] < mask.mean() < COVERED[1]:
        return None
    coverage = cv2.GaussianBlur(np.float32(mask), (0, 0), 0.8)
    planes = np.dstack([photo * coverage[..., None], coverage * 255])
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    inside = planes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _squared(inside)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of `mask`."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.uint8(mask))
    sizes = stats[1:, cv2.CC_STAT_AREA]
    return labels == (1 + np.argmax(sizes)) if sizes.size else mask


def _squared(planes: NDArray[np.float32]) -> NDArray[np.uint8]:
    scale = (SIDE_PX - 8) / max(planes.shape[:2])
    small = cv2.resize(planes, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    square = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
    top, left = ((SIDE_PX - side) // 2 for side in small.shape[:2])
    square[top : top + small.shape[0], left : left + small.shape[1]] = np.round(small)
    return square


def _shrink(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = min(LONG_SIDE_PX / max(photo.shape[:2]), 1)
    return cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("package", type=Path)
    parser.add_argument("cache", type=Path)
    args = parser.parse_args()
    for folder in ("nobody", "creatures"):
        (args.cache / folder).mkdir(parents=True, exist_ok=True)
    cut = []
    for folder, is_cut in IS_CUT.items():
        for name, photo in photos(args.package, folder):
            small = _shrink(photo)
            np.save(args.cache / "nobody" / f"{name}.npy", small)
            foreground = cut_out(small) if is_cut else None
            if foreground is not None:
                cut.append(foreground)
    np.save(args.cache / "creatures" / "photographed.npy", np.stack(cut))


if __name__ == "__main__":
    main()
