"""Damage a true mask the way a segmentation fails, so that matting learns to mend it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def damage(
    rng: np.random.Generator, alpha: NDArray[np.float32], share_added: float = 0.25
) -> NDArray[np.float32]:
    """
    Return a hard mask of `alpha` (height, width) with soft edges lost, holes, missing limbs.

    In a share of the masks, `share_added`, background is added as well.
    """
    height, width = alpha.shape
    mask = (_wobble(rng, alpha) > rng.uniform(0.25, 0.75)).astype(np.uint8)
    reach = int(rng.integers(1, max(height // 24, 2)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    lot = rng.random()
    if lot < 0.35:
        mask = cv2.dilate(mask, kernel)
    elif lot < 0.7:
        mask = cv2.erode(mask, kernel)
    if rng.random() < 0.5:
        _paint_blobs(rng, mask, rng.integers(1, 4), 0.2, value=0)
    if rng.random() < share_added:
        _paint_blobs(rng, mask, rng.integers(1, 3), 0.08, value=1)
    if rng.random() < 0.7:
        # The network's own mask is a quarter-size probability, upsampled.
        small = cv2.resize(
            mask.astype(np.float32), (width // 4, height // 4), interpolation=cv2.INTER_AREA
        )
        mask = (cv2.resize(small, (width, height)) > 0.5).astype(np.uint8)
    return mask.astype(np.float32)


def _wobble(rng: np.random.Generator, alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `alpha` with its outline moved by a smooth random field of up to a few pixels."""
    height, width = alpha.shape
    reach = rng.uniform(0, height / 60)
    field = rng.normal(0, reach, (2, 8, 8)).astype(np.float32)
    shift = [cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC) for part in field]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(
        alpha, x + shift[0], y + shift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _paint_blobs(
    rng: np.random.Generator, mask: NDArray[np.uint8], count: int, extent: float, *, value: int
) -> None:
    """Set ellipses to `value`, each around a pixel that the mask covers."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return
    for _ in range(count):
        pick = rng.integers(rows.size)
        axes = [max(int(side), 1) for side in rng.uniform(0.01, extent, 2) * mask.shape[0]]
        center = int(columns[pick]), int(rows[pick])
        if value:
            center = (center[0] + int(rng.normal(0, axes[0] * 3)), center[1])
        cv2.ellipse(mask, center, axes, float(rng.uniform(0, 180)), 0, 360, value, -1)
