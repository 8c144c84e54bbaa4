"""
An engine whose network is nodes of a plug-in of vs-mlrt, on VapourSynth's own threads.

    segmented: small picture -> node -> cleaned
    guided:    picture, mask, small picture, side by side as planes -> node -> held to the mask
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import (
    blank_like,
    blank_of_any_size,
    computed,
    read_once,
    to_gray_frame,
    to_rgb_frame,
    uncached,
)
from sghm_vs.errors import MissingPackageError, UnsupportedClipError
from sghm_vs.filter.array_engine import planes_of
from sghm_vs.matting.arrays import sizing
from sghm_vs.matting.arrays.frame import bounds_of, cleaned, finished, mask_of, merged
from sghm_vs.matting.arrays.refinement import blended
from sghm_vs.matting.arrays.segmentation import judged
from sghm_vs.matting.sizing import Fit, fit_by
from sghm_vs.models.backends.cores import Trims, streams_on_cpu
from sghm_vs.models.backends.graphs import small_of
from sghm_vs.models.backends.plugins import PluginNetwork, config_of_graphs, on_one_thread
from sghm_vs.models.planes import Plane
from sghm_vs.models.sghm.design import REFINER_HALO_PX, small_size
from sghm_vs.models.sghm.squares import TILE_PX
from sghm_vs.options import Settings


@dataclass(frozen=True)
class PluginEngine:
    """Makes nodes in place of frames; its methods are those of `sghm_vs.filter.graph` of these names."""

    network: PluginNetwork
    settings: Settings
    streams: int
    trims: Trims = field(default_factory=Trims)
    packs = False

    def apart(self, pixel_aspect: Fraction) -> PluginEngine:
        """Return one for other pictures; it keeps nothing of them. See `AnyEngine`."""
        return replace(self, settings=replace(self.settings, pixel_aspect=pixel_aspect))

    def encoder_inputs(self, pictures: vs.VideoNode) -> vs.VideoNode:
        """Return what the encoder sees of each frame, RGBS, all of one size."""
        fit = self._fit(pictures)
        return self._small(pictures, fit, lambda frame: sizing.prepared(fit, planes_of(frame)))

    def segmented(self, pictures: vs.VideoNode, small: vs.VideoNode) -> vs.VideoNode:
        """Return the segmentation of each frame, GRAYS, of the size of the pictures `small`."""
        fit = self._fit(pictures)
        probability = self._run([self._fixed(pictures, small)], self.network.segmentation)

        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            picture, own = frames
            values = np.asarray(own[0])
            if self.network.row.has_judge:
                values = judged(values, np.asarray(own[1]))
            seen = cleaned(values, fit) if self.network.row.trusts_mask else values
            self.trims.count()
            return to_gray_frame(seen, picture.props)

        return computed(blank_of_any_size(pictures), [pictures, probability], make)

    def guided(
        self,
        pictures: vs.VideoNode,
        small: vs.VideoNode,
        segmentation: vs.VideoNode,
        guide: vs.VideoNode | None = None,
    ) -> vs.VideoNode:
        """Return the alpha of each frame, guided by its `segmentation`, and before it by `guide`."""
        fit = self._fit(pictures)

        def masked(frames: list[vs.VideoFrame]) -> Plane:
            person, *said = (planes_of(frame)[0] for frame in frames)
            return mask_of(fit, person, said[0] if said else None)

        given = [segmentation, *([] if guide is None else [guide])]
        mask = self._gray(pictures, fit, given, masked)
        planes = [self._prepared(pictures, fit), mask, self._in_corner(pictures, small, fit)]
        return self._matted(pictures, planes, fit, is_held=self.network.row.trusts_mask)

    def per_frame(self, pictures: vs.VideoNode, guide: vs.VideoNode | None) -> vs.VideoNode:
        """Return the alpha of each frame by itself; `guide` says where the people are."""
        fit = self._fit(pictures)
        image = self._prepared(pictures, fit)
        small = self._small(image, fit, lambda frame: np.stack([np.asarray(one) for one in frame]))
        given = self.segmented(pictures, small) if guide is None else guide

        def masked(frames: list[vs.VideoFrame]) -> Plane:
            (said,) = planes_of(frames[0])
            return mask_of(fit, said) if guide is None else sizing.prepared(fit, [said])[0]

        mask = self._gray(pictures, fit, [given], masked)
        planes = [image, mask, self._in_corner(pictures, small, fit)]
        is_held = guide is None and self.network.row.trusts_mask
        return self._matted(pictures, planes, fit, is_held=is_held)

    def _matted(
        self, pictures: vs.VideoNode, planes: list[vs.VideoNode], fit: Fit, *, is_held: bool
    ) -> vs.VideoNode:
        """Return the alpha that is made of `planes`: the picture, the mask, the small picture."""
        mask, made = planes[1], self._run(planes, self._matting(fit))

        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            picture, where, alphas = frames
            bounds = bounds_of(np.asarray(where[0]), fit) if is_held else None
            alpha = finished(self.settings, fit, self._blended(planes_of(alphas), fit), bounds)
            self.trims.count()
            return to_gray_frame(alpha, picture.props)

        return computed(blank_like(pictures), [pictures, mask, made], make)

    def _matting(self, fit: Fit) -> bytes:
        in_squares = self.network.matting_in_squares
        holds_a_square = min(fit.padded) >= TILE_PX + 2 * REFINER_HALO_PX
        return in_squares if in_squares and holds_a_square else self.network.matting

    def _blended(self, alphas: Plane, fit: Fit) -> Plane:
        first: Plane = alphas[0]
        if len(alphas) == 1:
            return first
        os8, os4, os1 = alphas
        alpha, weight = merged(self.settings, fit, os8, os4)
        return blended(alpha, os1, weight)

    def _run(self, clips: list[vs.VideoNode], graph: bytes) -> vs.VideoNode:
        """Return what the plug-in's node makes of the planes of `clips`."""
        name = self.network.backend
        plugin = getattr(vs.core, name, None)
        if plugin is None:
            package = self.network.package
            msg = f"backend {name} needs VapourSynth's plug-in {name}; pip install {package}"
            raise MissingPackageError(msg)
        how: dict[str, object] = {"num_streams": self.streams, "path_is_serialization": True}
        if name == "ov":
            config = {
                # Else it takes bfloat16 where the processor has it.
                "INFERENCE_PRECISION_HINT": "f32",
                "NUM_STREAMS": self.streams,
                "INFERENCE_NUM_THREADS": self.streams,
            }
            return read_once(plugin.Model(clips, graph, device="CPU", config=lambda: config, **how))
        with config_of_graphs():
            return read_once(plugin.Model(clips, on_one_thread(graph), **how))

    def _prepared(self, pictures: vs.VideoNode, fit: Fit) -> vs.VideoNode:
        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            image = sizing.prepared(fit, planes_of(frames[0]))
            return to_rgb_frame(np.moveaxis(image, 0, -1), {})

        height, width = fit.padded
        return computed(_blank(pictures, vs.RGBS, width, height), [pictures], make)

    def _small(
        self, clip: vs.VideoNode, fit: Fit, image_of: Callable[[vs.VideoFrame], Plane]
    ) -> vs.VideoNode:
        """Return what the encoder sees of each frame of `clip`, of which `image_of` is the picture."""
        height, width = self._small_size(fit)

        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            small = small_of(image_of(frames[0]), self.network.row.small_px)
            self.trims.count()
            return to_rgb_frame(np.moveaxis(small, 0, -1), frames[0].props)

        return computed(_blank(clip, vs.RGBS, width, height), [clip], make)

    def _in_corner(self, pictures: vs.VideoNode, small: vs.VideoNode, fit: Fit) -> vs.VideoNode:
        """Return the pictures `small` in the corner of planes of the size that the network takes."""
        height, width = fit.padded
        blank = _blank(pictures, vs.RGBS, width, height)

        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            frame = vs.core.create_video_frame(blank.format, width, height)
            for plane, own in zip(frame, planes_of(frames[0]), strict=True):
                # The rest is not read.
                np.asarray(plane)[: own.shape[0], : own.shape[1]] = own
            return frame

        return computed(blank, [small], make)

    def _gray(
        self,
        pictures: vs.VideoNode,
        fit: Fit,
        clips: list[vs.VideoNode],
        masked: Callable[[list[vs.VideoFrame]], Plane],
    ) -> vs.VideoNode:
        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            return to_gray_frame(masked(frames), {})

        height, width = fit.padded
        return computed(_blank(pictures, vs.GRAYS, width, height), clips, make)

    def _fixed(self, pictures: vs.VideoNode, small: vs.VideoNode) -> vs.VideoNode:
        """Return `small`, whose clip says no size, as one that does: plug-ins ask for it."""
        height, width = self._small_size(self._fit(pictures))
        return computed(
            _blank(pictures, vs.RGBS, width, height), [small], lambda _, frames: frames[0]
        )

    def _small_size(self, fit: Fit) -> tuple[int, int]:
        return small_size(*fit.padded, self.network.row.small_px)

    def _fit(self, pictures: vs.VideoNode) -> Fit:
        if not pictures.width:
            msg = (
                f"the clip changes its size along the way, and backend {self.network.backend} takes "
                'one; give it one: clip.resize.Bicubic(width, height), or use backend="onnxruntime"'
            )
            raise UnsupportedClipError(msg)
        return fit_by(self.settings, pictures.height, pictures.width)


def plugin_engine(network: PluginNetwork, settings: Settings, num_streams: int) -> PluginEngine:
    """Return an engine that runs `network` in so many streams; 0 is one for each core."""
    return PluginEngine(network, settings, num_streams or streams_on_cpu())


def _blank(like: vs.VideoNode, format_id: int, width: int, height: int) -> vs.VideoNode:
    """Return a clip of this size, as long as `like`, to be written over."""
    return uncached(like.std.BlankClip(format=format_id, width=width, height=height, keep=True))
