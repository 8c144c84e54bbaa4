"""A frame's way in arrays: fit, segment, matte, refine; `sghm_vs.matting.frame` has it in tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.arrays import refinement, sizing
from sghm_vs.matting.arrays.segmentation import SURE_PERSON, THRESHOLD, clean, judged, to_mask
from sghm_vs.matting.arrays.sizing import Picture
from sghm_vs.matting.arrays.tiles import finest, tiles
from sghm_vs.matting.sizing import SAID, Fit, fit_by
from sghm_vs.models.backends.graphs import CoarsePlanes, Features, GraphNetwork
from sghm_vs.models.planes import Plane, enlarge
from sghm_vs.models.sghm.design import EIGHTH_PX, QUARTER_PX
from sghm_vs.options import Settings


@dataclass(frozen=True)
class ArrayPipeline:
    """The network with all that stands around it; keeps nothing from frame to frame."""

    network: GraphNetwork
    settings: Settings

    def matte(self, picture: Picture, guide: Plane | None = None) -> Plane:
        """
        Return the alpha of the people in `picture`, (height, width), 0-1.

        Args:
            picture: Display-coded RGB, three planes (height, width); it is clamped to 0-1, NaN to 0.
            guide: Where the people are, (height, width), 0-1, instead of the network's own
                segmentation.
        """
        fit, image = self._fit_of(picture), self.prepared(picture)
        small = self.network.to_small(image)
        if guide is not None:
            given = self.network.guide_of(sizing.prepared(fit, [guide])[0])
            return self._matted(image, self.network.encode(small), given, None, fit)
        features, probability = self._seen(small, SURE_PERSON)
        return self._matted_segmented(image, features, self._cleaned(probability, fit), None, fit)

    def encoder_input(self, picture: Picture) -> Plane:
        """Return what the encoder sees of `picture`, small, (3, h, w), 0-1."""
        return self.network.to_small(self.prepared(picture))

    def prepared(self, picture: Picture) -> Plane:
        """Return `picture` at the size that the network takes."""
        return sizing.prepared(self._fit_of(picture), picture)

    def probability(self, picture: Picture, *, is_judged: bool = True) -> Plane:
        """
        Return how likely a person is in `picture`, small, (h, w), 0-1.

        As `matte` takes it, or with `is_judged` off as it was before a judge looked.
        """
        least = THRESHOLD if is_judged else math.inf
        return self._seen(self.encoder_input(picture), least)[1]

    def segment(self, small: Plane, height: int, width: int) -> tuple[Features, Plane]:
        """
        Return features and the segmentation, small, (h, w), 0-1, their outline at 0.5.

        Args:
            small: As `encoder_input` returns it, or a less noisy one of the same picture.
            height: Of the picture.
            width: Of the picture.
        """
        features, probability = self._seen(small, SURE_PERSON)
        return features, self._cleaned(probability, self._fit(height, width))

    def matte_segmented(
        self,
        picture: Picture,
        features: Features,
        segmentation: Plane,
        guide: Plane | None = None,
    ) -> Plane:
        """
        Return what `matte` does, from what `segment` returned, or from a better segmentation.

        Args:
            picture: As for `matte`.
            features: As `segment` returned them.
            segmentation: The same, small.
            guide: Of the picture's size: 1 and 0 take the place of the segmentation, 0.5 does not.
        """
        fit, image = self._fit_of(picture), self.prepared(picture)
        return self._matted_segmented(image, features, segmentation, guide, fit)

    def _matted_segmented(
        self, image: Plane, features: Features, segmentation: Plane, guide: Plane | None, fit: Fit
    ) -> Plane:
        if guide is None and self.network.trusts_mask and not (segmentation > THRESHOLD).any():
            return np.zeros(fit.source, np.float32)
        return self._matted(image, features, *self._guidance(fit, segmentation, guide), fit)

    def _guidance(
        self, fit: Fit, segmentation: Plane, guide: Plane | None
    ) -> tuple[Plane, refinement.Bounds | None]:
        """Return what the network reads of the mask, and what that leaves open; it need not last."""
        mask = mask_of(fit, segmentation, guide)
        return self.network.guide_of(mask), self._bounds(mask, fit)

    def _seen(self, small: Plane, least: float) -> tuple[Features, Plane]:
        """
        Return what is in a picture, and the probability of a person.

        It is judged, if it can be, where anything is above `least`: with nothing above `SURE_PERSON`
        all is cleaned away, whatever a judge says.
        """
        features, probability = self.network.see(small)
        if self.network.is_judged and (probability > least).any():
            look = partial(self.network.second_look, small, features)
            again = None if self.network.precision == "float32" else partial(look, in_floats=True)
            probability = judged(probability, look(), again)
        return features, probability

    def _bounds(self, mask: Plane, fit: Fit) -> refinement.Bounds | None:
        """Return what the network's own `mask` leaves open; a given one has a band that is given."""
        return bounds_of(mask, fit) if self.network.trusts_mask else None

    def _matted(
        self,
        image: Plane,
        features: Features,
        guide: Plane,
        bounds: refinement.Bounds | None,
        fit: Fit,
    ) -> Plane:
        left_open = None if bounds is None else bounds.left_open
        if bounds is not None and left_open is not None and not left_open.any():
            return finished(self.settings, fit, enlarge(bounds.least, fit.padded), None)
        cells = None if left_open is None else self._open_cells(left_open)
        coarse = self.network.begin(image, features, guide, cells)
        if isinstance(coarse, CoarsePlanes):
            alpha, weight = merged(self.settings, fit, coarse.os8, coarse.os4)
            looked_at = tiles(weight, QUARTER_PX)
            if left_open is not None:
                looked_at &= left_open
            os1 = finest(self.network, coarse, looked_at)
            return finished(self.settings, fit, refinement.blended(alpha, os1, weight), bounds)
        needed = coarse.needed()
        looked_at = refinement.reached(needed)
        if left_open is not None:
            looked_at &= left_open
        alpha = finest(self.network, coarse, looked_at)
        refinement.compose(alpha, coarse.solid, needed, bounds)
        return finished(self.settings, fit, alpha, None)

    def _open_cells(self, left_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the cells with what is `left_open`, and what the finest looks at beside."""
        around = -(-self.network.halo_px // QUARTER_PX) + 1
        spread = refinement.spread(left_open.astype(np.float32), around)
        return tiles(spread, EIGHTH_PX // QUARTER_PX)

    def _cleaned(self, probability: Plane, fit: Fit) -> Plane:
        return cleaned(probability, fit) if self.network.trusts_mask else probability

    def _fit_of(self, picture: Picture) -> Fit:
        return self._fit(*picture[0].shape)

    def _fit(self, height: int, width: int) -> Fit:
        return fit_by(self.settings, height, width)


def cleaned(probability: Plane, fit: Fit) -> Plane:
    """Return the segmentation of a network that trusts its mask, (h, w), from its probability."""
    return clean(probability, fit.padded, fit.scale_of_radii())


def mask_of(fit: Fit, segmentation: Plane, guide: Plane | None = None) -> Plane:
    """Return the mask, (*fit.padded), of a small `segmentation`; see `ArrayPipeline.matte_segmented`."""
    mask = to_mask(segmentation, fit.padded)
    if guide is not None:
        (said,) = sizing.prepared(fit, [guide])
        mask[said > SAID] = 1
        mask[said < 1 - SAID] = 0
    return mask


def bounds_of(mask: Plane, fit: Fit) -> refinement.Bounds:
    """Return what `mask`, (*fit.padded), leaves open."""
    return refinement.bounds(mask, scale=fit.scale_of_radii())


def merged(settings: Settings, fit: Fit, os8: Plane, os4: Plane) -> tuple[Plane, Plane]:
    """Return the alpha of the two coarser ones, and how far the finest replaces it."""
    is_padded = settings.sizing == "pad"
    scale, feather = (fit.scale_of_radii(), refinement.FEATHER_PX) if is_padded else (1.0, 0)
    return refinement.merge(os8, os4, scale=scale, feather=feather)


def finished(settings: Settings, fit: Fit, alpha: Plane, bounds: refinement.Bounds | None) -> Plane:
    """Return `alpha`, (*fit.padded), within `bounds`, at the picture's size; it is written over."""
    if bounds is not None:
        refinement.hold(alpha, bounds)
    restored = sizing.restored(fit, alpha)
    if settings.sizing == "pad":
        refinement.solidify(restored)
    return restored


def enlarged(settings: Settings, segmentation: Plane, height: int, width: int) -> Plane:
    """Return a small `segmentation`, (h, w), at the picture's size, (height, width)."""
    fit = fit_by(settings, height, width)
    return sizing.restored(fit, enlarge(segmentation, fit.padded))


def guidance(settings: Settings, segmentation: Plane, height: int, width: int) -> Plane:
    """Return the mask that a small `segmentation` becomes for matting, (height, width)."""
    fit = fit_by(settings, height, width)
    return sizing.restored(fit, to_mask(segmentation, fit.padded))
