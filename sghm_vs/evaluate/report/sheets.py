"""Pictures of a flagged frame, side by side: plate, alpha, over gray, and how it leaves the motion."""

from __future__ import annotations

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.evaluate.report.change import difference
from sghm_vs.evaluate.report.frame import Plane, work_size
from sghm_vs.evaluate.report.measures import Picture, luma_of, small_rgb
from sghm_vs.matting.optical_flow import guided_by_mask, motions, shrunk

TILE_HEIGHT_PX = 240
TILE_WIDTH_MAX_PX = 512
GRAY = 0.5
"""Behind the subject, in display code."""
APPEARS, VANISHES = (0.25, 0.85, 0.35), (0.95, 0.25, 0.3)
QUALITY = 80
"""Of WebP, to 100."""

type Tile = NDArray[np.float32]


def tile_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) of the tiles of frames of this size."""
    scale = min(TILE_HEIGHT_PX / height, TILE_WIDTH_MAX_PX / width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def tiles_of(*, has_plate: bool) -> list[str]:
    """Return what the tiles of a sheet show, from the left."""
    return ["plate", "alpha", "over gray", "change"] if has_plate else ["alpha", "change"]


def sheet(matte: vs.VideoNode, plate: vs.VideoNode | None, n: int, before: int | None) -> bytes:
    """
    Return a WebP picture of frame `n`.

    Args:
        matte: GRAYS, 0-1.
        plate: Its footage, of its length; None is none.
        n: Index into both clips.
        before: The frame that it is compared with along the motion; None is none.
    """
    size = tile_size(matte.height, matte.width)
    alpha = _alpha(matte, n)
    small = np.clip(_resized(alpha, size), 0, 1)
    tiles: list[Tile] = [_gray(small)]
    if plate is not None:
        picture = np.clip(_picture(small_rgb(plate, size), n), 0, 1)
        over = picture * small[..., None] + GRAY * (1 - small[..., None])
        tiles = [picture, *tiles, over]
    tiles.append(_change(matte, plate, n, before, size))
    codes = np.rint(np.hstack(tiles)[..., ::-1] * 255).astype(np.uint8)
    _, coded = cv2.imencode(".webp", codes, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return coded.tobytes()


def _change(
    matte: vs.VideoNode,
    plate: vs.VideoNode | None,
    n: int,
    before: int | None,
    size: tuple[int, int],
) -> Tile:
    """Return the alpha, dimmed, with what of it appears and vanishes against the motion in color."""
    work = work_size(matte.height, matte.width)
    here = shrunk(_alpha(matte, n), work)
    shown = _gray(0.4 * np.clip(here, 0, 1))
    if before is not None:
        there = shrunk(_alpha(matte, before), work)
        rgb = None if plate is None else small_rgb(plate, work)
        lumas = (
            luma_of(a, None if rgb is None else _picture(rgb, m))
            for a, m in ((there, before), (here, n))
        )
        back = guided_by_mask(motions(*lumas)[1], here)
        changed = difference(here, there, back)
        for sign, color in ((1, APPEARS), (-1, VANISHES)):
            part = np.clip(sign * changed, 0, 1)[..., None]
            shown = shown * (1 - part) + part * np.array(color, np.float32)
    return np.clip(_resized(shown.astype(np.float32), size), 0, 1)


def _gray(plane: Plane) -> Tile:
    return np.asarray(np.repeat(plane[..., None], 3, axis=2), np.float32)


def _alpha(matte: vs.VideoNode, n: int) -> Plane:
    with matte.get_frame(n) as frame:
        return np.asarray(frame[0]).copy()


def _picture(rgb: vs.VideoNode, n: int) -> Picture:
    with rgb.get_frame(n) as frame:
        return np.dstack([np.asarray(plane) for plane in frame])


def _resized(plane: Tile, size: tuple[int, int]) -> Tile:
    shrinks = size[0] < plane.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=how), np.float32)
