"""The alpha as 16-bit gray PNG, one file a frame."""

from __future__ import annotations

import cv2
import vapoursynth as vs

from sghm_vs.color import convert
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import Sample
from sghm_vs.media.writers.base import ExportJob
from sghm_vs.media.writers.image_sequence import Planes, Props, SequenceWriter


class PngWriter(SequenceWriter):
    """Code 0 is background, 65535 subject."""

    def __init__(self, job: ExportJob, target: Target) -> None:
        super().__init__(job, target, convert.to_full_range_gray(job.alpha, vs.GRAY16))
        self.facts |= {"parts": [["Y"]], "sample": "uint16"}

    def encode(self, n: int, planes: Planes, props: Props) -> bytes:  # noqa: ARG002
        """Return the file of clip frame `n`."""
        if n in self.job.sampled:
            self.samples[n] = Sample.of(planes[0], 65535)
        _, coded = cv2.imencode(".png", planes[0])
        return coded.tobytes()
