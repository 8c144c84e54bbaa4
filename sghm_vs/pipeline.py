"""A frame's way: fit, segment, matte, refine."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sghm_vs.network import SGHM
from sghm_vs.network.encoder import Features
from sghm_vs.settings import Settings
from sghm_vs.stages import refinement, segmentation, sizing


@dataclass(frozen=True)
class Pipeline:
    """The network with all that stands around it; keeps nothing from frame to frame."""

    network: SGHM
    settings: Settings

    def matte(self, picture: Tensor, guide: Tensor | None = None) -> Tensor:
        """
        Return the alpha of the people in `picture`, float32 (1, 1, height, width), 0-1.

        Args:
            picture: Display-coded RGB, (1, 3, height, width), 0-1, on the network's device
                and in its type.
            guide: Where the people are, (1, 1, height, width), 0-1, instead of the
                network's own segmentation.
        """
        fit = self._fit(*picture.shape[-2:])
        image = fit.prepare(picture).contiguous(memory_format=torch.channels_last)
        features = self.network.encode(image)
        mask = self._mask(features, fit) if guide is None else fit.prepare(guide)
        alphas = self.network.matte(image, features, mask)
        if self.settings.sizing == "pad":
            scale = fit.scale_of_radii()
            alpha = refinement.refine(*alphas, scale=scale)
            if self.network.trusts_mask:
                alpha = refinement.hold_to_mask(alpha, mask, scale=scale)
            return refinement.solidify(fit.restore(alpha.float()))
        return fit.restore(refinement.refine(*alphas).float())

    def segment(self, picture: Tensor) -> Tensor:
        """Return the probability of a person in `picture`, float32 (1, 1, height, width), 0-1."""
        fit = self._fit(*picture.shape[-2:])
        features = self.network.encode(fit.prepare(picture))
        probability = self.network.segment(features)
        return fit.restore(segmentation.upsample(probability, fit.padded).float())

    def _mask(self, features: Features, fit: sizing.Fit) -> Tensor:
        probability = self.network.segment(features)
        if self.network.trusts_mask:
            return segmentation.to_solid_mask(probability, fit.padded, fit.scale_of_radii())
        return segmentation.to_mask(probability, fit.padded)

    def _fit(self, height: int, width: int) -> sizing.Fit:
        if self.settings.sizing == "image":
            return sizing.fit_as_published_images(height, width)
        if self.settings.sizing == "video":
            return sizing.fit_as_published_video(height, width)
        return sizing.fit_padded(height, width, self.settings.infer_size)
