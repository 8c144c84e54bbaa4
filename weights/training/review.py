"""
Look for wrong labels: the photos whose alpha a trained network contradicts most.

    python -m weights.training.review CACHE CHECKPOINT SHEET.png [--count 48]

Prints their names and writes a sheet: photo, alpha, the network's mask. A wrong alpha goes
into `dropped` in recipe.toml; a right one shows what the network has yet to learn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from sghm_vs.models.sghm.network import SGHM, sghm_lite

SIZE = 160, 112
"""Of the pictures that the network sees, (height, width)."""
TILE_WIDTH_PX = 112
PER_ROW = 5


def contradiction(network: SGHM, planes: NDArray[np.uint8]) -> tuple[float, NDArray[np.float32]]:
    """Return the mean absolute difference of mask and alpha over their union, and the mask."""
    codes = torch.from_numpy(np.ascontiguousarray(planes)).permute(2, 0, 1)[None].float() / 255
    small = interpolate(codes, SIZE, mode="bilinear", antialias=True)
    mask = network.segment(network.encode_small(small[:, :3]))[0, 0]
    alpha = small[0, 6]
    union = torch.maximum(mask, alpha).sum().clamp_min(1)
    return float((mask - alpha).abs().sum() / union), mask.numpy()


def tile(planes: NDArray[np.uint8], mask: NDArray[np.float32], name: str) -> NDArray[np.uint8]:
    """Return photo, alpha and mask side by side, BGR, the photo's name written on it."""
    height, width = SIZE[0] * TILE_WIDTH_PX // SIZE[1], TILE_WIDTH_PX
    photo = cv2.resize(np.ascontiguousarray(planes[..., 2::-1]), (width, height))
    cv2.putText(photo, name, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 255), 1)
    grays = (np.ascontiguousarray(planes[..., 6]), np.uint8(mask * 255))
    shown = [cv2.cvtColor(cv2.resize(gray, (width, height)), cv2.COLOR_GRAY2BGR) for gray in grays]
    return np.hstack([photo, *shown])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("cache", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--count", type=int, default=45)
    args = parser.parse_args()
    network = sghm_lite().eval()
    saved = torch.load(args.checkpoint, weights_only=True, map_location="cpu")
    network.load_state_dict(saved["average"])
    with torch.inference_mode():
        judged = [
            (*contradiction(network, np.load(path)), path)
            for path in sorted(args.cache.glob("*.npy"))
        ]
    judged.sort(key=lambda entry: -entry[0])
    for difference, _, path in judged[: args.count]:
        print(f"{path.stem} {difference:.3f}")
    tiles = [tile(np.load(path), mask, path.stem) for _, mask, path in judged[: args.count]]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % PER_ROW)
    rows = [np.hstack(tiles[at : at + PER_ROW]) for at in range(0, len(tiles), PER_ROW)]
    cv2.imwrite(str(args.sheet), np.vstack(rows))


if __name__ == "__main__":
    main()
