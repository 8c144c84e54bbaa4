"""
A green or blue screen behind the subject: its color at each place, and how much stands before it.

    the hue there is most of -> what is usual of its light -> with its shadows and lamps
    -> what shows it and what does not -> between both, how much of each

Pictures are display-coded RGB, float32 (3, height, width), 0-1.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.matting.guides import FAR_PX, UNKNOWN, distance

type Picture = NDArray[np.float32]
type Plane = NDArray[np.float32]
type Area = NDArray[np.bool_]
type Pixels = NDArray[np.float32]
"""Some of a picture's, (n, pixels)."""

GAMMA = 2.2
"""Codes to this power are light, near enough: colors mix in it."""
SHRUNK = 4
"""A screen is looked for in means of so many pixels each way."""
SAMPLED_PX = 20000
"""So many pixels, or up to twice as many, are enough for a median."""
STANDS_OUT = 0.12
"""By so many codes, 0-1, a screen's channel exceeds the other two."""
LEAST_SHARE = 0.02
"""Of the picture; less of one hue is no screen."""
HUE_BINS = 40
HUE_ASKED, HUE_FOUND, HUE_LIT = 0.15, 0.08, 0.05
"""Codes that are of a screen's hue: of one that was named, of one that was found, to learn its light."""
HUE_NOISES, HUE_LEAST, HUE_MOST = 5, 0.025, 0.07
"""Codes that show it: so many times their median distance, within these."""

DARKEST, BRIGHTEST = 0.66, 1.3
"""Codes from which a screen's own are learned, as a part of what is usual: shadows, and lamps."""
SHADOW = 0.82
"""As such a part: below, hue can't tell the screen's shadow from dark clothes of its hue."""
DIM, BRIGHT = 0.8, 1.2
"""Codes that show the screen, as a part of the screen's own there."""
HALF_LIT = 0.3
"""Of its median code: a screen is nowhere darker."""
LIGHT_VARIES = 0.03
"""Of the short side: so far shadows and lamps are smoothed."""
FITS, FITTED_CODE = 6, 0.01
"""How often its light is fitted, and how far, in codes, a pixel may be off before it counts less."""

CLEAN_NOISES, CLEAN_LEAST, CLEAN_MOST = 4, 0.02, 0.08
"""Codes from the screen's color with nothing before it: as for the hue."""
BLUR_PX = 1.0
"""Sigma of what takes noise off before a pixel is judged."""
STRAND_PX = 1
"""Half of what is too thin to be solid, and of what is soft around what is seen."""
CERTAIN_OF_BAND, CERTAIN_PX = 1 / 3, 2
"""So far inside, as a part of the band and at least, is the subject's own color."""
FILLED_AT = 2
"""It goes on beyond the subject in means of so many pixels each way."""
TOLD_APART = 0.6
"""Of how the screen's channel exceeds others in it: the subject's may do so by no more."""
OWN = 0.35
"""Of that, in codes: so much is the subject's own color, or the screen's light on it."""
EXPLAINED, EXPLAINED_DEEP = 0.1, 0.035
"""Codes between a pixel and the mix it is taken for, at which the trust in its alpha is 1/e; the second
from two bands inside on."""
SOLID = 0.85
"""There an alpha above this is 1: the screen's light falls on what stands before it."""
PLAIN, SHADED = 0.97, 0.93
"""Codes of the screen, as a part of what is usual: above the first there is no shadow, and what is
dark is the subject; below the second it may be either."""
TINY = 1e-3


class Screen(NamedTuple):
    """A screen as one picture shows it."""

    channel: int
    """Which of red, green and blue exceeds the others."""
    color: Picture
    """What the picture would show without a subject."""
    usual: Plane
    """That of the channel, without shadows and lamps, (height, width)."""


class Keyed(NamedTuple):
    """What a screen says of a picture, (height, width) each."""

    guide: Plane
    """1 is subject, 0 is screen, `UNKNOWN` is neither for sure."""
    alpha: Plane
    """How much of a pixel is subject."""
    trust: Plane
    """In that, 0-1; 1 where it is surely none or all."""


def nothing(size: tuple[int, int]) -> Keyed:
    """Return what is said of a picture, (height, width), that shows no screen."""
    none = np.zeros(size, np.float32)
    return Keyed(np.full(size, UNKNOWN, np.float32), none, none)


def find(
    picture: Picture, channels: tuple[int, ...], hue: tuple[float, float] | None = None
) -> Screen | None:
    """
    Return the screen in `picture`; None where there is none.

    Args:
        picture: As said above.
        channels: Which may exceed the others, 0 to 2; of several the one that does so in more of the
            picture.
        hue: The two others as parts of that channel, in order; None is what there is most of.
    """
    height, width = picture.shape[1:]
    small = _resized(picture, max(height // SHRUNK, 1), max(width // SHRUNK, 1))
    seen = [(channel, *_of_hue(small, channel, hue)) for channel in channels]
    channel, area, ray = max(seen, key=lambda one: int(one[1].sum()))
    if area.mean() < LEAST_SHARE:
        return None
    usual = _fitted(small, area, ray)
    lit = small[channel] / usual[channel]
    is_of_hue = _off_hue(small, usual, channel) < HUE_LIT
    sure = _eroded(is_of_hue & (lit > DARKEST) & (lit < BRIGHTEST), 1)
    if not sure.any():
        return None
    own = usual * _smoothed(lit, sure)
    return Screen(
        channel, _resized(own, height, width), _resized(usual[[channel]], height, width)[0]
    )


def key(picture: Picture, screen: Screen, band_px: float) -> Keyed:
    """
    Return how much of `picture` stands before its `screen`.

    A pixel is a mix of the screen's color there and of the subject's nearby. How much of each, by how
    far the screen's channel exceeds the mean of the others: that mixes as light does, and hardly
    depends on what the subject is made of. It is Vlahos's color difference with both ends known.

    Args:
        picture: As said above.
        screen: As `find` returns it.
        band_px: How far inside its outline the subject is solid.

    Source:
        Vlahos, "Comprehensive electronic compositing system", US patent 4,100,569, 1978.
    """
    band_px = min(band_px, FAR_PX - 1)
    seen, channel = _blurred(picture, BLUR_PX), screen.channel
    shows, is_clean, is_dark = _told_by_color(seen, screen, band_px)
    outline = _opened(_closed(~shows, STRAND_PX), STRAND_PX)
    depth = distance(outline)
    is_deep, is_own = depth > band_px, _excess(seen, channel) < OWN * _excess(screen.color, channel)

    inner = is_deep & is_own
    soft = _dilated(~is_clean, STRAND_PX) & ~inner
    subject = _spread(picture, is_own & (depth > max(band_px * CERTAIN_OF_BAND, CERTAIN_PX)))
    lit = (screen.color[channel] / screen.usual)[soft]
    darkest = np.clip((PLAIN - lit) / (PLAIN - SHADED), 0, 1)
    part, left = _unmixed(
        picture[:, soft], screen.color[:, soft], subject[:, soft], channel, darkest
    )
    # The deeper inside, the more it takes to be no subject.
    deeper = np.clip(depth[soft] / max(band_px, 1) - 1, 0, 1)
    part = np.minimum(part / (1 - deeper * (1 - SOLID)), 1)
    trusted = np.exp(-((left / (EXPLAINED + deeper * (EXPLAINED_DEEP - EXPLAINED))) ** 2))
    alpha, trust = inner.astype(np.float32), np.ones(inner.shape, np.float32)
    alpha[soft] = np.where(is_deep[soft], 1 - trusted * (1 - part), part)
    trust[soft] = np.where(is_deep[soft], 1, trusted)
    trust[is_dark] = 0
    guide = np.where(is_dark, UNKNOWN, outline.astype(np.float32))
    return Keyed(np.asarray(guide, np.float32), alpha, trust)


def mixed(alpha: Plane, keyed: Keyed) -> Plane:
    """Return `alpha`, or the screen's as far as that is trusted."""
    return np.asarray(alpha + keyed.trust * (keyed.alpha - alpha), np.float32)


def sure(keyed: Keyed) -> Plane:
    """Return where an alpha is exactly 0 or 1; elsewhere `UNKNOWN`."""
    is_sure = (keyed.trust == 1) & ((keyed.alpha == 0) | (keyed.alpha == 1))
    return np.where(is_sure, keyed.alpha, UNKNOWN)


def _told_by_color(seen: Picture, screen: Screen, band_px: float) -> tuple[Area, Area, Area]:
    """Return what of a picture shows its `screen`, nothing before it, and dark things of its hue."""
    channel = screen.channel
    off = _off_hue(seen, screen.color, channel)
    lit = seen[channel] / screen.color[channel]
    is_lit = (lit > DIM) & (lit < BRIGHT)
    hue = _tolerance(off, is_lit & (off < HUE_MOST), HUE_NOISES, HUE_LEAST, HUE_MOST)
    shows = is_lit & (off < hue)
    away = _largest(np.abs(seen - screen.color))
    is_clean = shows & (away < _tolerance(away, shows, CLEAN_NOISES, CLEAN_LEAST, CLEAN_MOST))
    is_dark = shows & (seen[channel] < SHADOW * screen.usual)
    return shows, is_clean, _closed_small(is_dark, band_px)


def overruled(keyed: Keyed, by: Plane) -> Keyed:
    """Return `keyed`, and where `by` says otherwise, 0 or 1, that: there no alpha is trusted."""
    is_otherwise = (by != UNKNOWN) & (by != keyed.guide)
    guide = np.where(is_otherwise, by, keyed.guide)
    return Keyed(guide, keyed.alpha, np.where(is_otherwise, np.float32(0), keyed.trust))


def _of_hue(
    small: Picture, channel: int, hue: tuple[float, float] | None
) -> tuple[Area, NDArray[np.float32]]:
    """Return what of a picture is of one hue, and this as a color whose `channel` is 1, (3,)."""
    others, ray = _others(channel), np.ones(3, np.float32)
    stands = small[channel] - np.maximum(*small[others]) > STANDS_OUT
    if not stands.any():
        return stands, ray
    parts = small[others] / np.maximum(small[channel], TINY)
    ray[others] = _commonest(parts[:, stands]) if hue is None else hue
    area = stands & (_off_hue(small, ray, channel) < (HUE_FOUND if hue is None else HUE_ASKED))
    for _ in range(3):
        if not area.any():
            break
        ray[others] = np.median(_sampled(parts[:, area]), axis=1)
        area = stands & (_off_hue(small, ray, channel) < HUE_FOUND)
    return area, ray


def _commonest(parts: Pixels) -> tuple[float, float]:
    """Return which of `parts`, (2, pixels), 0-1, there are most of."""
    counts, *_ = np.histogram2d(parts[0], parts[1], bins=HUE_BINS, range=((0.0, 1.0), (0.0, 1.0)))
    smooth = np.asarray(cv2.GaussianBlur(counts, (0, 0), 1))
    row, column = np.unravel_index(int(smooth.argmax()), smooth.shape)
    return (float(row) + 0.5) / HUE_BINS, (float(column) + 0.5) / HUE_BINS


def _fitted(small: Picture, area: Area, ray: NDArray[np.float32]) -> Picture:
    """Return the usual color of a screen of which `area` is seen: a quadratic surface."""
    rows, columns = (np.linspace(-1, 1, length, dtype=np.float32) for length in area.shape)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    known, values = _sampled(terms[:, area]), _sampled(small[:, area])
    missed = np.zeros(values.shape[1], np.float32)
    # No BLAS on long arrays: it sums in an order that depends on the number of threads.
    for _ in range(FITS):
        weighted = known * (FITTED_CODE / np.maximum(missed, FITTED_CODE)) ** 2
        moments = np.einsum("ip,jp->ij", weighted, known, dtype=np.float64)
        sums = np.einsum("ip,cp->ic", weighted, values, dtype=np.float64)
        surface = np.linalg.solve(moments + TINY * np.eye(len(moments)), sums).astype(np.float32)
        missed = _largest(np.abs(np.einsum("ic,ip->cp", surface, known) - values))
    least = HALF_LIT * np.median(_largest(values)) * ray
    everywhere = np.einsum("ic,ihw->chw", surface, terms)
    return np.asarray(np.maximum(everywhere, least[:, None, None]), np.float32)


def _smoothed(lit: Plane, where: Area) -> Plane:
    """Return the light of a screen, known at `where`, smooth and everywhere."""
    sigma = max(LIGHT_VARIES * min(lit.shape), 1)
    weight = where.astype(np.float32)
    around = _blurred(weight[None], sigma)[0]
    change = _blurred(((lit - 1) * weight)[None], sigma)[0] / np.maximum(around, TINY)
    known: Plane = np.minimum(2 * around, 1) ** 2
    return np.asarray(1 + _filled(change[..., None], known)[..., 0], np.float32)


def _spread(picture: Picture, where: Area) -> Picture:
    """Return the color of `picture` at `where`, gone on smoothly everywhere else."""
    height, width = where.shape
    weight = where.astype(np.float32)
    less = max(height // FILLED_AT, 1), max(width // FILLED_AT, 1)
    share = _resized(weight[None], *less)[0]
    color = _resized(picture * weight, *less) / np.maximum(share, TINY)
    filled = _filled(np.ascontiguousarray(np.moveaxis(color, 0, 2)), share)
    return _resized(np.moveaxis(filled, 2, 0), height, width)


def _filled(values: NDArray[np.float32], weight: Plane) -> NDArray[np.float32]:
    """
    Return `values`, (height, width, n): where their `weight`, 0-1, is less than 1, those around come in.

    Source:
        Gortler et al., "The Lumigraph", SIGGRAPH 1996: pull and push.
    """
    height, width = weight.shape
    if min(height, width) < 3:
        total = np.maximum(weight.sum(), TINY)
        mean = (values * weight[..., None]).sum(axis=(0, 1)) / total
        return np.broadcast_to(mean, values.shape).astype(np.float32)
    less = np.asarray(cv2.pyrDown(weight), np.float32)
    total = np.asarray(cv2.pyrDown(values * weight[..., None])).reshape(*less.shape, -1)
    coarse = _filled(total / np.maximum(less, TINY)[..., None], less)
    around = np.asarray(cv2.pyrUp(coarse, dstsize=(width, height))).reshape(values.shape)
    return np.asarray(around + weight[..., None] * (values - around), np.float32)


def _unmixed(
    colors: Pixels, screen: Pixels, subject: Pixels, channel: int, darkest: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """
    Return how much of `subject` is in `colors`, all (3, pixels), and what that leaves, in codes.

    The subject may be darker than it is said to be, down to a part `darkest` of its light: hair is
    before a face.
    """
    light, behind, front = map(_light, (colors, screen, subject))
    far = np.maximum(_excess(behind, channel), TINY)
    near = np.minimum(_excess(front, channel), TOLD_APART * far)
    alpha = np.clip((far - _excess(light, channel)) / (far - near), 0, 1)
    own, rest = alpha * front, light - (1 - alpha) * behind
    lit = (own * rest).sum(axis=0) / np.maximum((own * own).sum(axis=0), TINY**2)
    mix = (1 - alpha) * behind + np.clip(lit, darkest, 1) * own
    return alpha, _largest(np.abs(colors - mix ** (1 / GAMMA)))


def _light(codes: Pixels) -> Pixels:
    return np.asarray(codes.clip(0) ** GAMMA, np.float32)


def _excess(planes: NDArray[np.float32], channel: int) -> NDArray[np.float32]:
    """Return by how much one of three planes exceeds the mean of the others."""
    first, second = _others(channel)
    return np.asarray(planes[channel] - (planes[first] + planes[second]) / 2)


def _off_hue(picture: Picture, color: NDArray[np.float32], channel: int) -> Plane:
    """Return how far `picture` is from `color` made darker or brighter, in codes, (height, width)."""
    own = picture[channel] / np.maximum(color[channel], TINY)
    first, second = (np.abs(picture[other] - own * color[other]) for other in _others(channel))
    return np.asarray(np.maximum(first, second))


def _tolerance(distance: Plane, where: Area, times: float, least: float, most: float) -> float:
    """Return so many times the median `distance` at `where`, which is noise, within limits."""
    found = _sampled(distance[where][None])
    return float(np.clip(times * np.median(found), least, most)) if found.size else least


def _sampled(values: Pixels) -> Pixels:
    """Return each so-manieth of `values`, (n, pixels)."""
    return values[:, :: max(values.shape[1] // SAMPLED_PX, 1)]


def _others(channel: int) -> list[int]:
    return [other for other in range(3) if other != channel]


def _largest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    first, second, third = values
    return np.asarray(np.maximum(np.maximum(first, second), third))


def _resized(planes: Picture, height: int, width: int) -> Picture:
    how = cv2.INTER_AREA if height < planes.shape[1] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, (width, height), interpolation=how) for plane in planes])


def _blurred(planes: Picture, sigma: float) -> Picture:
    return np.stack([cv2.GaussianBlur(plane, (0, 0), sigma) for plane in planes])


def _closed_small(area: Area, radius_px: float) -> Area:
    """Return `area` without specks and gaps, found in a smaller picture."""
    height, width = area.shape
    less = max(height // SHRUNK, 1), max(width // SHRUNK, 1)
    small = _resized(area[None].astype(np.float32), *less)[0] > 0.5
    radius = max(round(radius_px / SHRUNK), 1)
    closed = _closed(_opened(small, 1), radius).astype(np.float32)
    return np.asarray(_resized(closed[None], height, width)[0] > 0.5)


def _eroded(area: Area, radius: int) -> Area:
    return ~_dilated(~area, radius)


def _opened(area: Area, radius: int) -> Area:
    return _dilated(_eroded(area, radius), radius)


def _closed(area: Area, radius: int) -> Area:
    return _eroded(_dilated(area, radius), radius)


def _dilated(area: Area, radius: int) -> Area:
    side = 2 * radius + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(area.astype(np.uint8), disc)) > 0
