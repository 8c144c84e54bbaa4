"""EXR sequences: half float, ZIP, by the OpenEXR project's own library."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import OpenEXR
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs import color
from sghm_vs.delivery.sequences import Planes, SequenceWriter
from sghm_vs.delivery.targets import Target, whole_file
from sghm_vs.delivery.writer import Job

HALF_MAX = 65504.0
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""Chromaticities of ITU-R BT.709: red, green, blue, white, each x and y."""

type Plane = NDArray[np.float32]
"""(height, width)."""


class ExrWriter(SequenceWriter):
    """
    RGBA or a matte, by the job's layout.

    RGBA in EXR is associated: color is premultiplied, after it was made linear (OpenEXR,
    "Technical Introduction", section "RGBA").
    """

    def __init__(self, job: Job, target: Target) -> None:
        alpha = color.to_full_range_gray(job.alpha, vs.GRAYS)
        is_matte = job.layout == "matte"
        clips = (alpha,) if is_matte else (color.to_linear_rgb(job.footage), alpha)
        super().__init__(job, target, *clips)

    def write_file(self, number: int, planes: Planes) -> None:
        """Write the file of frame `number`."""
        *rgb, alpha = planes
        channels = premultiplied(rgb, alpha) if rgb else dict.fromkeys("RGBA", to_half(alpha))
        content = io.BytesIO()
        with OpenEXR.File(self._header(number), channels) as file:
            file.write(content)
        # Written by us: on a full disk the library loses the end of a small file unnoticed.
        with whole_file(self.target.file(number)) as part:
            part.write_bytes(content.getvalue())

    def _header(self, number: int) -> dict[str, object]:
        header: dict[str, object] = {
            "compression": OpenEXR.ZIP_COMPRESSION,
            "type": OpenEXR.scanlineimage,
            "imageCounter": number,
            "pixelAspectRatio": float(self.job.footage.pixel_aspect),
            "software": "sghm_vs",
        }
        if self.job.layout == "rgba":
            header |= {"chromaticities": REC709, "colorInteropID": "lin_rec709_scene"}
        if self.job.footage.clip.fps:
            header["framesPerSecond"] = Fraction(self.job.footage.clip.fps)
        return header | {f"sghm_vs:{key}": value for key, value in self.job.metadata.items()}


def premultiplied(rgb: Sequence[Plane], alpha: Plane) -> dict[str, NDArray[np.float16]]:
    """Return channels R, G, B (linear, times alpha) and A, each half (height, width)."""
    colored = [to_half(to_finite(channel) * alpha) for channel in rgb]
    return dict(zip("RGBA", [*colored, to_half(alpha)], strict=True))


def to_half(values: Plane) -> NDArray[np.float16]:
    """Return `values` as half; what half can't hold becomes its largest number, NaN 0."""
    return to_finite(values).astype(np.float16)


def to_finite(values: Plane) -> Plane:
    """Return `values` within half's range, NaN as 0: infinity times a zero alpha would be NaN."""
    finite = np.nan_to_num(values, nan=0.0, posinf=HALF_MAX, neginf=-HALF_MAX)
    return np.clip(finite, -HALF_MAX, HALF_MAX)
