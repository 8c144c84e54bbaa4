"""Bring a picture to the size that the network takes, and its alpha back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sghm_vs.matting.sizing import Fit
from sghm_vs.models.planes import Plane, clamp, enlarge, shrink

type Picture = Plane | Sequence[Plane]
"""Planes of a picture, as an array or one by one."""


def prepared(fit: Fit, planes: Picture) -> Plane:
    """Return `planes`, each (*source), as (c, *padded), clamped to 0-1; NaN is 0."""
    made = np.empty((len(planes), *fit.padded), np.float32)
    height, width = fit.resized
    for plane, padded in zip(planes, made, strict=True):
        _resize(fit, plane, padded[:height, :width])
    _pad(made, height, width)
    return made


def _resize(fit: Fit, plane: Plane, into: Plane) -> None:
    if fit.resized == fit.source:
        clamp(plane, into)
    elif fit.antialias:
        shrink(plane, into)
    else:
        clamped = np.empty(fit.source, np.float32)
        clamp(plane, clamped)
        into[...] = enlarge(clamped, fit.resized)


def _pad(planes: Plane, height: int, width: int) -> None:
    """Fill what is beyond `height` and `width` of `planes` (c, h, w)."""
    bottom, right = planes.shape[1] - height, planes.shape[2] - width
    # A mirrored body goes on; of a repeated last row remain stripes, which are nobody's.
    is_wide = bottom < height and right < width
    rows, columns = (
        slice(length - beyond - 1, length - 1) if is_wide else slice(length - 1, length)
        for length, beyond in ((height, bottom), (width, right))
    )
    planes[:, height:] = planes[:, rows][:, ::-1]
    planes[..., width:] = planes[..., columns][..., ::-1]


def restored(fit: Fit, alpha: Plane) -> Plane:
    """Return `alpha` (*padded) as (*source); where that is no other size, a part of it."""
    return enlarge(alpha[: fit.resized[0], : fit.resized[1]], fit.source)
