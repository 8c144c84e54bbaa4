"""Pictures that let a person judge a matte at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color import convert
from sghm_vs.errors import ExportError

TILE_HEIGHT_PX = 240
SHEET_COLOR = (0.10, 0.62, 0.35)
"""Display-coded RGB behind the subject: saturated, so that halos and holes stand out."""

type Picture = NDArray[np.float32]
"""(height, width, 3), display-coded RGB, 0-1."""


def contact_sheet(
    clip: vs.VideoNode, alpha: vs.VideoNode, frames: Sequence[int], path: Path, *, columns: int = 1
) -> Path:
    """
    Write a PNG that shows source, alpha and subject over a color for each of `frames`.

    Args:
        clip: Any format.
        alpha: GRAY, full range, of the clip's size.
        frames: Indices into both clips.
        path: Of the PNG, replaced if it exists.
        columns: Frames side by side.

    Raises:
        ExportError: The file can't be written.
    """
    rgb = convert.to_display_rgb(convert.read_color(clip))
    gray = convert.to_full_range_gray(alpha, vs.GRAYS)
    triples = [_side_by_side(_picture(rgb, n), _picture(gray, n)) for n in frames]
    blank = np.zeros_like(triples[0])
    triples += [blank] * (-len(triples) % columns)
    rows = [np.hstack(triples[at : at + columns]) for at in range(0, len(triples), columns)]
    codes = np.round(np.vstack(rows)[..., ::-1] * 255).astype(np.uint8)
    _, coded = cv2.imencode(".png", codes)
    try:
        path.write_bytes(coded.tobytes())
    except OSError as error:
        msg = f"the contact sheet can't be written to {path}: {error.strerror}"
        raise ExportError(msg) from error
    return path


def _picture(clip: vs.VideoNode, n: int) -> Picture:
    with clip.get_frame(n) as frame:
        planes = [np.asarray(plane, np.float32).copy() for plane in frame]
    picture = np.stack(planes * (3 // len(planes)), 2)
    width = max(round(picture.shape[1] * TILE_HEIGHT_PX / picture.shape[0]), 1)
    shrinks = picture.shape[0] > TILE_HEIGHT_PX
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(picture, (width, TILE_HEIGHT_PX), interpolation=interpolation)
    return np.clip(resized, 0, 1).astype(np.float32)


def _side_by_side(source: Picture, alpha: Picture) -> Picture:
    behind = np.array(SHEET_COLOR, np.float32)
    return np.hstack([source, alpha, source * alpha + behind * (1 - alpha)])
