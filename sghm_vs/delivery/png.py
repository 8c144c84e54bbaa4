"""The alpha as 16-bit gray PNG, one file a frame."""

from __future__ import annotations

import cv2
import vapoursynth as vs

from sghm_vs import color
from sghm_vs.delivery.sequences import Planes, Props, SequenceWriter
from sghm_vs.delivery.targets import Target
from sghm_vs.delivery.writer import Job


class PngWriter(SequenceWriter):
    """Code 0 is background, 65535 subject."""

    def __init__(self, job: Job, target: Target) -> None:
        super().__init__(job, target, color.to_full_range_gray(job.alpha, vs.GRAY16))

    def encode(self, n: int, planes: Planes, props: Props) -> memoryview:  # noqa: ARG002
        """Return the file of clip frame `n`."""
        _, coded = cv2.imencode(".png", planes[0])
        return coded.data
