"""Pictures that say who is who: a color or a code for each person."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color import convert
from sghm_vs.errors import SourceError
from sghm_vs.media.readers import open_source
from sghm_vs.media.readers.mattes import alpha_of
from sghm_vs.options import Opening

type Ids = NDArray[np.uint8]
"""(height, width): a person's number, or 0 where nothing is said."""

IDS_MAX = 254
"""White is no number, but a mask's word."""
CODES = 2
"""Of 255: so far a color may be from an id's."""
COVERED = 0.1
"""Of a pixel of the smaller picture that an id covers, to be there."""


@cache
def palette() -> NDArray[np.uint8]:
    """
    Return the color of each id, display-coded red, green and blue, (256, 3).

    Source:
        That of PASCAL VOC and DAVIS, in which SAM 2's, Cutie's and XMem's tools save who is who.
    """
    colors = np.zeros((256, 3), np.uint8)
    for number in range(256):
        for bit in range(8):
            for channel in range(3):
                if number >> (3 * bit + channel) & 1:
                    colors[number, channel] |= 1 << (7 - bit)
    return colors


def read_ids(path: Path, size: tuple[int, int], mask_size: tuple[int, int]) -> Ids:
    """
    Return what the picture at `path` says of who is who, (height, width) of `mask_size`.

    Args:
        path: In color, each person has the color of their id; in gray, its code.
        size: (width, height) of the footage.
        mask_size: (width, height) of the result.

    Raises:
        SourceError: It can't be read, is of another size, or says nothing of anybody.
    """
    source = open_source(path, Opening(with_alpha=True))
    clip, alpha = source.clip, alpha_of(source)
    if (clip.width, clip.height) != size:
        msg = (
            f"{path} is {clip.width}x{clip.height}, and the footage {size[0]}x{size[1]}; paint the "
            "key at the footage's own size"
        )
        raise SourceError(msg)
    is_gray = clip.format.color_family == vs.GRAY
    ids = _by_code(path, clip) if is_gray else _by_color(path, clip)
    if alpha is not None:
        with alpha.get_frame(0) as frame:
            ids[np.asarray(frame[0]) < 0.5] = 0
    if not ids.any():
        raise SourceError(f"{path} says of nobody who they are; {_how()}")
    return _shrunk(ids, mask_size)


def _by_code(path: Path, clip: vs.VideoNode) -> Ids:
    with convert.to_full_range_gray(clip, clip.format.id).get_frame(0) as frame:
        codes = np.asarray(frame[0])
    if clip.format.sample_type == vs.FLOAT or codes.max() > IDS_MAX:
        msg = (
            f"{path} is gray and has {codes.max()}, which is no id: of a gray picture the codes are "
            f"ids, 1 to {IDS_MAX}; {_how()}"
        )
        raise SourceError(msg)
    return codes.astype(np.uint8)


def _by_color(path: Path, clip: vs.VideoNode) -> Ids:
    with clip.resize.Point(format=vs.RGB24).get_frame(0) as frame:
        picture = np.stack([np.asarray(plane) for plane in frame], axis=2)
    colors, where = np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True)
    apart = np.abs(colors[:, None].astype(np.int16) - palette()[None, : IDS_MAX + 1]).max(-1)
    nearest = apart.argmin(1)
    is_known = apart[np.arange(len(colors)), nearest] <= CODES
    numbers = np.where(is_known, nearest, 0).astype(np.uint8)
    del path
    return numbers[where].reshape(picture.shape[:2])


def _shrunk(ids: Ids, size: tuple[int, int]) -> Ids:
    numbers = [int(number) for number in np.unique(ids) if number]
    covered = [
        cv2.resize((ids == number).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for number in numbers
    ]
    most = np.argmax(covered, axis=0)
    found = np.asarray(numbers, np.uint8)[most]
    return np.where(np.max(covered, axis=0) > COVERED, found, 0).astype(np.uint8)


def _how() -> str:
    first = ", ".join(
        f"{n} {bytes(color).hex()}" for n, color in enumerate(palette()[1:4], start=1)
    )
    return f"paint each person in the color of their id ({first}; sghm people --sheet shows them)"
