"""A frame's way: fit, segment, matte, refine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import max_pool2d

from sghm_vs.matting import refinement
from sghm_vs.matting.arrays.refinement import FEATHER_PX
from sghm_vs.matting.arrays.segmentation import SURE_PERSON, THRESHOLD
from sghm_vs.matting.refinement import Bounds
from sghm_vs.matting.segmentation import clean, judged, to_mask
from sghm_vs.matting.sizing import SAID, Fit, fit_by
from sghm_vs.matting.tiles import finest, tiles
from sghm_vs.models.backends.base import Network
from sghm_vs.models.backends.cuda_graphs import EagerRunner, StepRunner, step
from sghm_vs.models.sghm.design import EIGHTH_PX, QUARTER_PX
from sghm_vs.models.sghm.encoder import Features
from sghm_vs.models.sghm.network import CoarseOutput
from sghm_vs.options import Settings


@dataclass(frozen=True)
class Pipeline:
    """The network with all that stands around it; keeps nothing from frame to frame."""

    network: Network
    settings: Settings
    runner: StepRunner = field(default_factory=EagerRunner)
    """Runs the steps that need nothing from the CPU in between, and can be captured as CUDA graphs."""

    def matte(self, picture: Tensor, guide: Tensor | None = None) -> Tensor:
        """
        Return the alpha of the people in `picture`, float32 (1, 1, height, width), 0-1.

        Args:
            picture: Display-coded RGB, (1, 3, height, width), 0-1, on the network's device
                and in its type.
            guide: Where the people are, (1, 1, height, width), 0-1, instead of the
                network's own segmentation.
        """
        fit, image = self._fit_of(picture), self.prepared(picture)
        if guide is not None:
            return self._finished(self._begin_guided(image, guide, fit), fit)
        features, probability = self._seen(self._shrink(image), SURE_PERSON)
        segmentation = self._cleaned(probability, fit)
        return self._finished(self._begin(image, features, segmentation, fit), fit)

    def encoder_input(self, picture: Tensor) -> Tensor:
        """Return what the encoder sees of `picture`, small, (1, 3, h, w), 0-1."""
        return self._shrink(self.prepared(picture))

    def probability(self, picture: Tensor, *, is_judged: bool = True) -> Tensor:
        """
        Return how likely a person is in `picture`, small, (1, 1, h, w), 0-1.

        As `matte` takes it, or with `is_judged` off as it was before a judge looked.
        """
        least = THRESHOLD if is_judged else math.inf
        return self._seen(self.encoder_input(picture), least)[1]

    def segment(self, small: Tensor, height: int, width: int) -> tuple[Features, Tensor]:
        """
        Return features and the segmentation, small, (1, 1, h, w), 0-1.

        That is the probability of a person, cleaned: their outline lies at 0.5.

        Args:
            small: As `encoder_input` returns it, or a less noisy one of the same picture.
            height: Of the picture.
            width: Of the picture.
        """
        features, probability = self._seen(small, SURE_PERSON)
        return self.runner.cloned(features), self._cleaned(probability, self._fit(height, width))

    def matte_segmented(
        self,
        picture: Tensor,
        features: Features,
        segmentation: Tensor,
        guide: Tensor | None = None,
    ) -> Tensor:
        """
        Return what `matte` does, from what `segment` returned, or from a better segmentation.

        Args:
            picture: As for `matte`.
            features: As `segment` returned them.
            segmentation: The same, small.
            guide: Of the picture's size: 1 and 0 take the place of the segmentation, 0.5 does not.
        """
        fit, image = self._fit_of(picture), self.prepared(picture)
        if guide is None:
            return self._finished(self._begin(image, features, segmentation, fit), fit)
        return self._finished(self._begin_overruled(image, features, segmentation, guide, fit), fit)

    @step
    def prepared(self, picture: Tensor) -> Tensor:
        """Return `picture` at the size that the network takes."""
        return self._fit_of(picture).prepare(picture)

    @step
    def _shrink(self, image: Tensor) -> Tensor:
        return self.network.to_small(image)

    def _seen(self, small: Tensor, least: float) -> tuple[Features, Tensor]:
        """
        Return what is in a picture, and the probability of a person.

        It is judged, if it can be, where anything is above `least`: with nothing above `SURE_PERSON`
        all is cleaned away, whatever a judge says.
        """
        features, probability = self._encode_and_segment(small)
        if self.network.is_judged and bool((probability > least).any()):
            probability = judged(probability, self._second_look(features))
        return features, probability

    @step
    def _second_look(self, features: Features) -> Tensor:
        return self.network.second_look(features)

    @step
    def _encode_and_segment(self, small: Tensor) -> tuple[Features, Tensor]:
        """Return what is in a picture, and the probability of a person."""
        features = self.network.encode_small(small)
        return features, self.network.segment(features)

    @step
    def _begin_guided(self, image: Tensor, guide: Tensor, fit: Fit) -> Blended:
        return self._blended(image, self.network.encode(image), fit.prepare(guide), fit, None)

    @step
    def _begin(self, image: Tensor, features: Features, segmentation: Tensor, fit: Fit) -> Blended:
        mask = to_mask(segmentation, fit.padded)
        return self._blended(image, features, mask, fit, self._bounds(mask, fit))

    @step
    def _begin_overruled(
        self, image: Tensor, features: Features, segmentation: Tensor, guide: Tensor, fit: Fit
    ) -> Blended:
        mask, said = to_mask(segmentation, fit.padded), fit.prepare(guide)
        mask = mask.masked_fill(said > SAID, 1).masked_fill(said < 1 - SAID, 0)
        return self._blended(image, features, mask, fit, self._bounds(mask, fit))

    def _bounds(self, mask: Tensor, fit: Fit) -> Bounds | None:
        """Return what the network's own `mask` leaves open; a given one has a band that is given."""
        if self.network.trusts_mask:
            return refinement.bounds(mask, scale=fit.scale_of_radii())
        return None

    def _blended(
        self, image: Tensor, features: Features, mask: Tensor, fit: Fit, bounds: Bounds | None
    ) -> Blended:
        """Return what is made everywhere."""
        cells = None if bounds is None else self._open_cells(bounds)
        coarse_output = self.network.begin(image, features, mask, cells)
        if coarse_output.detail is not None:
            alpha, blend_weight = refinement.by_detail(
                coarse_output.coarse.os4, coarse_output.detail
            )
        else:
            scale, feather = (fit.scale_of_radii(), FEATHER_PX) if self._is_padded else (1.0, 0)
            alpha, blend_weight = refinement.merge(
                *coarse_output.coarse[:2], scale=scale, feather=feather
            )
        looked_at = blend_weight if bounds is None else blend_weight * (bounds.most > bounds.least)
        return Blended(coarse_output, bounds, alpha, blend_weight, tiles(looked_at))

    def _open_cells(self, bounds: Bounds) -> Tensor | None:
        """Return the cells that `bounds` leave open anywhere, with what the finest looks at beside."""
        if bounds.most.device.type != "cpu":
            # What comes of a step of a device has one shape for all pictures.
            return None
        is_open = max_pool2d((bounds.most > bounds.least).float(), QUARTER_PX)
        around = -(-self.network.halo_px // QUARTER_PX) + 1
        return tiles(refinement.spread(is_open, around), EIGHTH_PX // QUARTER_PX)

    def _finished(self, blended: Blended, fit: Fit) -> Tensor:
        os1 = finest(self.network, blended.coarse_output, blended.tiles, self.runner)
        return self._refined(blended.bounds, blended.alpha, blended.blend_weight, os1, fit)

    @step
    def _refined(
        self,
        bounds: Bounds | None,
        alpha: Tensor,
        blend_weight: Tensor,
        os1: Tensor,
        fit: Fit,
    ) -> Tensor:
        """Return the alpha at the picture's size, refined where the finest is looked at."""
        alpha = alpha.lerp(os1, blend_weight.to(alpha.dtype))
        if bounds is not None:
            alpha = refinement.held(alpha, bounds)
        restored = fit.restore(alpha.float())
        return refinement.solidify(restored) if self._is_padded else restored

    @property
    def _is_padded(self) -> bool:
        return self.settings.sizing == "pad"

    def _cleaned(self, probability: Tensor, fit: Fit) -> Tensor:
        if not self.network.trusts_mask:
            return probability
        return clean(probability, fit.padded, fit.scale_of_radii())

    def _fit_of(self, picture: Tensor) -> Fit:
        return self._fit(picture.shape[-2], picture.shape[-1])

    def _fit(self, height: int, width: int) -> Fit:
        return fit_by(self.settings, height, width)


class Blended(NamedTuple):
    """A picture that is matted up to a quarter of its size."""

    coarse_output: CoarseOutput
    bounds: Bounds | None
    """What the network's own mask leaves open; None: all."""
    alpha: Tensor
    """Of the two coarser alphas, of that size."""
    blend_weight: Tensor
    """Weight of the finest alpha in the blend, 0-1, (1, 1, height, width)."""
    tiles: Tensor
    """Where that is at all, within the bounds; see `sghm_vs.matting.tiles.tiles`."""
