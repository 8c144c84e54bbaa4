"""
Find the photos in which others pass beside the one whom the alpha shows.

    python -m weights.training.passersby CACHE CHECKPOINT [CHECKPOINT ...] > passersby.json

To a network that learns what people are, a passer-by with alpha 0 is a wrong label: such photos
give their foreground to composites, and nothing else. The mean probability of the checkpoints
decides; look at what it says, as it errs on trees and shadows.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sghm_vs.models.sghm.network import SGHM, sghm_lite

LONG_SIDE_PX = 544
"""Of the pictures looked at: passers-by are small."""
SEEN, SURE = 0.2, 0.3
"""Probability that outlines a passer-by, and that is reached somewhere in it."""
SMALLEST_PX = 60
MARGIN_PX = 4
"""Around the person, not looked at."""


def probability(networks: list[SGHM], photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean probability of a person in `photo` (height, width, 3), at the size looked at."""
    scale = LONG_SIDE_PX / max(photo.shape[:2])
    height, width = (round(side * scale / 16) * 16 for side in photo.shape[:2])
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    picture = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    seen = [network.segment(network.encode_small(picture))[0, 0] for network in networks]
    return torch.stack(seen).mean(0).numpy()


def has_passersby(seen: NDArray[np.float32], alpha: NDArray[np.uint8]) -> bool:
    """Return whether something upright is `seen` beside the person whom `alpha` shows."""
    height, width = seen.shape
    alpha = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
    side = 2 * MARGIN_PX + 1
    near = cv2.dilate(np.uint8(alpha > 25), np.ones((side, side), np.uint8)) > 0
    columns = np.flatnonzero((alpha > 127).any(0))
    left, right = (columns[0], columns[-1]) if columns.size else (0, width)
    areas = cv2.connectedComponentsWithStats(np.uint8((seen > SEEN) & ~near))
    for label, (x, _, wide, tall, pixels) in enumerate(areas[2]):
        beside = not left + 2 <= x + wide / 2 <= right - 2
        upright = tall > 1.1 * wide and tall > 0.03 * height
        stands = label and pixels > SMALLEST_PX and beside and upright
        if stands and seen[areas[1] == label].max() > SURE:
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("cache", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    args = parser.parse_args()
    networks = []
    for checkpoint in args.checkpoints:
        network = sghm_lite().eval()
        saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
        network.load_state_dict(saved["average"])
        networks.append(network)
    found = []
    for path in sorted(args.cache.glob("*.npy")):
        planes = np.load(path, mmap_mode="r")
        photo, alpha = (np.ascontiguousarray(planes[..., part]) for part in (slice(3), 6))
        with torch.inference_mode():
            if has_passersby(probability(networks, photo), alpha):
                found.append(path.stem)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
