"""Whether a matte is of its frame: its outline lies on the plate's edges, or on those of one beside."""

from __future__ import annotations

import cv2
import numpy as np

from sghm_vs.evaluate.report.frame import Plane

TINY = 1e-6


def edges_of(picture: Plane) -> Plane:
    """
    Return how strong the edges of a plate are, (h, w), on a scale of orders of magnitude.

    Args:
        picture: (h, w, 3) at `work_size`, 0-1, display-coded.
    """
    slopes = [_slope(picture[..., channel]) for channel in range(3)]
    strength = np.sqrt(np.sum(np.square(slopes), axis=0))
    return np.asarray(np.log1p(255 * strength), np.float32)


def outline_of(alpha: Plane) -> Plane:
    """Return the slope of an alpha, (h, w), per pixel."""
    return _slope(alpha)


def gain(own: Plane, other: Plane, edges: Plane) -> float:
    """
    Return how much better another matte's outline lies on the plate's edges than the frame's own.

    Where both outlines are the same nothing counts. Above 0 the other one lies better; it is a part
    of how strong the plate's edges are along the frame's own outline.

    Args:
        own: `outline_of` the frame's matte.
        other: Of the matte of a frame beside.
        edges: `edges_of` the frame's plate.
    """
    apart = other - own
    theirs, ours = np.maximum(apart, 0), np.maximum(-apart, 0)
    along = _mean(edges, own)
    return (_mean(edges, theirs) - _mean(edges, ours)) / max(along, TINY)


def _mean(values: Plane, weights: Plane) -> float:
    total = float(weights.sum(dtype=np.float64))
    return float((values * weights).sum(dtype=np.float64)) / max(total, TINY)


def _slope(plane: Plane) -> Plane:
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(across, down), np.float32)
