"""A frame's way: fit, segment, matte, refine."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sghm_vs.network import Network
from sghm_vs.network.encoder import Features
from sghm_vs.resampling import enlarge
from sghm_vs.settings import Settings
from sghm_vs.stages import detail, refinement, segmentation, sizing


@dataclass(frozen=True)
class Pipeline:
    """The network with all that stands around it; keeps nothing from frame to frame."""

    network: Network
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
        fit, image = self._prepared(picture)
        features = self.network.encode(image)
        if guide is not None:
            return self._matte(image, features, fit.prepare(guide), fit)
        seen = self._settled(features, fit)
        return self._matte(image, features, segmentation.to_mask(seen, fit.padded), fit)

    def glimpse(self, picture: Tensor) -> Tensor:
        """Return what the encoder sees of `picture`, small, (1, 3, h, w), 0-1."""
        return self.network.to_small(self._prepared(picture)[1])

    def segment(self, small: Tensor, height: int, width: int) -> tuple[Features, Tensor]:
        """
        Return features and, small, where people are seen, (1, 1, h, w), 0-1.

        That is the probability of a person, settled: their outline lies at 0.5.

        Args:
            small: What is glimpsed of a picture, or a better one of the same.
            height: Of the picture.
            width: Of the picture.
        """
        features = self.network.encode_small(small)
        return features, self._settled(features, self._fit(height, width))

    def matte_segmented(self, picture: Tensor, features: Features, seen: Tensor) -> Tensor:
        """Return what `matte` does, from what `segment` returned, or from what is seen better."""
        fit, image = self._prepared(picture)
        return self._matte(image, features, segmentation.to_mask(seen, fit.padded), fit)

    def covered(self, small: tuple[int, int], height: int, width: int) -> tuple[int, int]:
        """Return how many rows and columns of a `small` map a picture takes; beyond is padding."""
        fit = self._fit(height, width)
        rows, columns = (
            max(round(length * resized / padded), 1)
            for length, resized, padded in zip(small, fit.resized, fit.padded, strict=True)
        )
        return rows, columns

    def shown(self, seen: Tensor, height: int, width: int) -> Tensor:
        """Return what is `seen`, small, at the picture's size, (1, 1, height, width)."""
        fit = self._fit(height, width)
        return fit.restore(enlarge(seen, fit.padded).float())

    def guidance(self, seen: Tensor, height: int, width: int) -> Tensor:
        """Return the mask that what is `seen` becomes for matting, (1, 1, height, width)."""
        fit = self._fit(height, width)
        return fit.restore(segmentation.to_mask(seen, fit.padded).float())

    def _prepared(self, picture: Tensor) -> tuple[sizing.Fit, Tensor]:
        fit = self._fit(*picture.shape[-2:])
        return fit, fit.prepare(picture)

    def _matte(self, image: Tensor, features: Features, mask: Tensor, fit: sizing.Fit) -> Tensor:
        is_padded = self.settings.sizing == "pad"
        scale, feather = (fit.scale_of_radii(), refinement.FEATHER_PX) if is_padded else (1.0, 0)
        begun = self.network.begin(image, features, mask)
        alpha, finer = refinement.merge(*begun.coarse[:2], scale=scale, feather=feather)
        os1 = detail.finest(self.network, begun, finer > 0)
        alpha = alpha.lerp(os1, finer.to(alpha.dtype))
        if not is_padded:
            return fit.restore(alpha.float())
        if self.network.trusts_mask:
            alpha = refinement.hold_to_mask(alpha, mask, scale=scale)
        return refinement.solidify(fit.restore(alpha.float()))

    def _settled(self, features: Features, fit: sizing.Fit) -> Tensor:
        probability = self.network.segment(features)
        if not self.network.trusts_mask:
            return probability
        return segmentation.settle(probability, fit.padded, fit.scale_of_radii())

    def _fit(self, height: int, width: int) -> sizing.Fit:
        if self.settings.sizing == "image":
            return sizing.fit_as_published_images(height, width)
        if self.settings.sizing == "video":
            return sizing.fit_as_published_video(height, width)
        return sizing.fit_padded(height, width, self.settings.infer_size)
