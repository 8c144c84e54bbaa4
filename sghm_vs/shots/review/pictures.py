"""Frames as a page shows them: PNG of 8 bits, made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color.convert import read_color, to_viewed_rgb

KEPT_BYTES = 192 * 2**20
FAST = (cv2.IMWRITE_PNG_COMPRESSION, 1)
"""They go no farther than to the browser on this machine."""


def shown(clip: vs.VideoNode) -> vs.VideoNode:
    """Return footage as a display has it, RGB24; a matte, GRAYS of 0 to 1, as GRAY8."""
    if clip.format.id == vs.GRAYS:
        return clip.resize.Point(format=vs.GRAY8, range_in_s="full", range_s="full")
    return to_viewed_rgb(read_color(clip)).resize.Point(format=vs.RGB24)


def png(clip: vs.VideoNode, n: int) -> bytes:
    """Return frame `n` of a clip of `shown`."""
    with clip.get_frame(n) as frame:
        planes = [np.asarray(plane) for plane in frame]
        return coded(planes[0] if len(planes) == 1 else np.dstack(planes[::-1]))


def coded(picture: NDArray[Any]) -> bytes:
    """Return a picture, (h, w) or (h, w, 3 or 4) in BGR, as PNG."""
    _, content = cv2.imencode(".png", picture, FAST)
    return content.tobytes()


class KeptPictures:
    """The pictures that were asked for last, as many as fit."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...], make: Callable[[], bytes]) -> bytes:
        """Return the picture of `key`, made by `make` if it is not kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += len(made)
            while self._bytes > KEPT_BYTES and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return made
