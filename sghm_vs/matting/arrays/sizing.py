"""Bring a picture to the size that the network takes, and its alpha back."""

from __future__ import annotations

import cv2
import numpy as np

from sghm_vs.matting.sizing import Fit
from sghm_vs.models.planes import Plane, bilinear, enlarge, shrunk


def prepared(fit: Fit, planes: Plane) -> Plane:
    """Return `planes` (c, *source) as (c, *padded)."""
    if fit.resized != fit.source:
        planes = (shrunk if fit.antialias else bilinear)(planes, fit.resized)
    bottom = fit.padded[0] - fit.resized[0]
    right = fit.padded[1] - fit.resized[1]
    if not bottom and not right:
        return planes
    # A mirrored body goes on; of a repeated last row remain stripes, which are nobody's.
    is_wide = bottom < fit.resized[0] and right < fit.resized[1]
    kind = cv2.BORDER_REFLECT_101 if is_wide else cv2.BORDER_REPLICATE
    padded = np.empty((len(planes), *fit.padded), np.float32)
    for plane, into in zip(planes, padded, strict=True):
        cv2.copyMakeBorder(plane, 0, bottom, 0, right, kind, dst=into)
    return padded


def restored(fit: Fit, alpha: Plane) -> Plane:
    """Return `alpha` (*padded) as (*source)."""
    return enlarge(alpha[: fit.resized[0], : fit.resized[1]], fit.source)
