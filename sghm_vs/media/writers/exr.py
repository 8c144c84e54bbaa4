"""EXR sequences, by the OpenEXR project's own library."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import astuple
from fractions import Fraction
from typing import Any

import numpy as np
import OpenEXR
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color import convert
from sghm_vs.media.metadata import DATA_WINDOW, DISPLAY_WINDOW, PICTURE_WINDOW, WINDOWS
from sghm_vs.media.targets import Target
from sghm_vs.media.timecode import Timecode
from sghm_vs.media.verification.sidecar import Facts, Sample
from sghm_vs.media.writers import cryptomatte
from sghm_vs.media.writers.base import ExportJob
from sghm_vs.media.writers.image_sequence import Planes, Props, SequenceWriter
from sghm_vs.options import LAYOUTS

HALF_MAX = 65504.0
FLOAT_MAX = float(np.finfo(np.float32).max)
COMPRESSION: Mapping[str, int] = {
    "none": OpenEXR.NO_COMPRESSION,
    "rle": OpenEXR.RLE_COMPRESSION,
    "zips": OpenEXR.ZIPS_COMPRESSION,
    "zip": OpenEXR.ZIP_COMPRESSION,
    "piz": OpenEXR.PIZ_COMPRESSION,
    "pxr24": OpenEXR.PXR24_COMPRESSION,
    "dwaa": OpenEXR.DWAA_COMPRESSION,
    "dwab": OpenEXR.DWAB_COMPRESSION,
}
DATA_TAGS: Mapping[str, object] = {"colorInteropID": "data"}
"""Of what is no color (Color Interop Forum)."""

type Plane = NDArray[np.float32]
"""(height, width)."""
type Channels = dict[str, NDArray[Any]]
"""Each (height, width), half or float."""
type Header = dict[str, object]


class ExrWriter(SequenceWriter):
    """
    Color, alpha and further mattes, by the job's layout.

    RGBA in EXR is associated: color is premultiplied, after it was made linear (OpenEXR,
    "Technical Introduction", section "RGBA").
    """

    def __init__(self, job: ExportJob, target: Target) -> None:
        self._layout = job.output_format.layout
        self._row = LAYOUTS[self._layout]
        self._extra = tuple(job.extra) if self._row.has_extra else ()
        rgb, self._interop_id = convert.to_own_linear_rgb(job.footage)
        clips = [] if self._row.is_data else [rgb]
        if self._row.has_alpha:
            mattes = [job.alpha, *(job.extra[name] for name in self._extra)]
            # Color is multiplied in floats; a matte alone can be made half by the resizer.
            is_half = not clips and job.output_format.sample == "half" and not self._row.is_float
            kind = vs.GRAYH if is_half else vs.GRAYS
            clips += [convert.to_full_range_gray(matte, kind) for matte in mattes]
        clips[-1] = clips[-1].std.CopyFrameProps(job.footage.clip, props=WINDOWS)
        super().__init__(job, target, *clips)
        self._sample_name = "float" if self._row.is_float else job.output_format.sample
        self._type = np.float16 if self._sample_name == "half" else np.float32
        self.facts |= self._facts()
        with job.footage.clip.get_frame(0) as frame:
            if PICTURE_WINDOW in frame.props:
                del self.facts["size"]

    def encode(self, n: int, planes: Planes, props: Props) -> bytes:
        """Return the file of clip frame `n`."""
        header = self._header(n, props)
        parts = [
            ({**header, **tags}, cropped(channels, props), name)
            for name, tags, channels in self._parts(planes)
        ]
        if n in self.job.sampled:
            self.samples[n] = self._sample(parts[0][1])
        # A part alone has no name.
        made = parts[0][:2] if len(parts) == 1 else ([OpenEXR.Part(*part) for part in parts],)
        content = io.BytesIO()
        with OpenEXR.File(*made) as file:
            file.write(content)
        return content.getvalue()

    def _parts(self, planes: Planes) -> list[tuple[str, Mapping[str, object], Channels]]:
        """Return name, color tags and channels of each part."""
        if self._row.is_data:
            alpha = planes[0]
            if self._layout == "cryptomatte":
                ids = cryptomatte.channels(dict(zip(self._extra, planes[1:], strict=True)))
                return [("", DATA_TAGS, {"A": alpha} | ids)]
            names = "RGBA" if self._layout == "matte" else "A"
            return [("", DATA_TAGS, dict.fromkeys(names, alpha))]
        rgb, mattes, tags = planes[:3], planes[3:], color_tags(self._interop_id)
        if not self._row.has_alpha:
            return [("", tags, dict(zip("RGB", map(self._coded, rgb), strict=True)))]
        # What is finite stays so, times what is within 0 and 1; mattes are.
        alpha, *extra = (matte.astype(self._type) for matte in mattes)
        colored = [(to_finite(one) * mattes[0]).astype(self._type) for one in rgb]
        rgba = dict(zip("RGBA", [*colored, alpha], strict=True))
        layers = {"matte.A": alpha} | {
            f"{name}.A": matte for name, matte in zip(self._extra, extra, strict=True)
        }
        if self._layout == "multipart":
            return [("rgba", tags, rgba), ("matte", DATA_TAGS, layers)]
        return [("", tags, rgba | (layers if self._layout == "layered" else {}))]

    def _sample(self, channels: Channels) -> Sample:
        is_exact = self._row.has_alpha or not self.job.output_format.compression.startswith("dwa")
        return Sample.of(channels["A" if self._row.has_alpha else "G"], is_exact=is_exact)

    def _facts(self) -> Facts:
        job, origin = self.job, self.job.origin
        # Channels and tags are those of a picture of one pixel.
        planes = sum(clip.format.num_planes for clip in self.clips)
        parts = self._parts([np.zeros((1, 1), np.float32)] * planes)
        rate = Fraction(job.footage.clip.fps)
        return {
            "parts": [sorted(channels) for _, _, channels in parts],
            "sample": self._sample_name,
            "compression": job.output_format.compression,
            "color": [tags.get("colorInteropID", "") for _, tags, _ in parts],
            "rate": f"{rate.numerator}/{rate.denominator}" if rate else None,
            "pixel_aspect": round(float(job.footage.pixel_aspect), 4),
            "reel": origin.reel,
            "frame": origin.first_frame,
            **_timecode_facts(origin.timecode, rate),
        }

    def _coded(self, values: Plane) -> NDArray[Any]:
        limit = HALF_MAX if self.job.output_format.sample == "half" else FLOAT_MAX
        return to_finite(values, limit).astype(self._type)

    def _header(self, n: int, props: Props) -> Header:
        job, origin = self.job, self.job.origin
        number = origin.first_frame + n
        header: Header = {
            "compression": COMPRESSION[job.output_format.compression],
            "type": OpenEXR.scanlineimage,
            "imageCounter": number,
            "pixelAspectRatio": float(job.footage.pixel_aspect),
            "software": "sghm_vs",
            "sghm_vs:source_frame": number,
        }
        if job.footage.clip.fps:
            header["framesPerSecond"] = Fraction(job.footage.clip.fps)
        if origin.timecode is not None:
            header["timeCode"] = coded_time(origin.timecode + n)
        if origin.reel:
            header["reelName"] = origin.reel
        if origin.file:
            header["sghm_vs:source_file"] = origin.file
        if (shown_s := origin.shown_s(n)) is not None:
            header["sghm_vs:source_time"] = f"{shown_s:.6f}"
        header |= {f"sghm_vs:{key}": value for key, value in job.metadata.items()}
        if self._layout == "cryptomatte":
            header |= cryptomatte.header(self._extra)
        return header | windows(props)


def _timecode_facts(timecode: Timecode | None, rate: Fraction) -> Facts:
    """Return what the sidecar says of the first timecode: how it counts, unless `rate` says so."""
    if timecode is None:
        return {"timecode": None}
    text = str(timecode)
    is_usual = timecode.repeat == 1 and timecode.count == round(rate)
    return {"timecode": text} | ({} if is_usual else {"counted": [*astuple(timecode)]})


def color_tags(interop_id: str) -> Header:
    """Return what a file says of linear light whose space has `interop_id`, "" if it has none."""
    if not interop_id:
        return {}
    found = OpenEXR.colorInteropIDToChromaticities(interop_id)
    return {"colorInteropID": interop_id} | ({} if found is None else {"chromaticities": found})


def windows(props: Props) -> Header:
    """Return the windows that a plate had, if its reader kept them."""
    if PICTURE_WINDOW not in props:
        return {}
    named = {"dataWindow": props[DATA_WINDOW], "displayWindow": props[DISPLAY_WINDOW]}
    return {name: (tuple(edges[:2]), tuple(edges[2:])) for name, edges in named.items()}


def cropped(channels: Channels, props: Props) -> Channels:
    """Return `channels` cut to the plate's data window, if its reader kept it."""
    if PICTURE_WINDOW not in props:
        return channels
    left, top = props[PICTURE_WINDOW][:2]
    x0, y0, x1, y1 = props[DATA_WINDOW]
    box = np.s_[y0 - top : y1 - top + 1, x0 - left : x1 - left + 1]
    return {name: np.ascontiguousarray(channel[box]) for name, channel in channels.items()}


def coded_time(timecode: Timecode) -> OpenEXR.TimeCode:
    """Return `timecode` as OpenEXR's attribute."""
    hours, minutes, seconds, frames, field = timecode.smpte_numbers()
    flags = (timecode.is_drop, False, field, False, False, False)
    user_groups = (0,) * 8
    return OpenEXR.TimeCode(hours, minutes, seconds, frames, *map(int, flags), *user_groups)


def to_finite(values: Plane, limit: float = HALF_MAX) -> Plane:
    """Return `values` within `limit`, NaN as 0: infinity times a zero alpha would be NaN."""
    # Both are NaN if any value is. Most pictures need no more than this look.
    least, most = values.min(), values.max()
    if -limit <= least and most <= limit:
        return values
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=limit, neginf=-limit), -limit, limit)
