"""The steps of a frame, each on its own."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from sghm_vs.errors import SettingsError
from sghm_vs.matting import refinement, segmentation, sizing
from sghm_vs.matting.arrays import refinement as arrays
from sghm_vs.matting.arrays.tiles import tiles
from sghm_vs.models.planes import clamp, enlarge
from sghm_vs.models.sghm.design import SOLID
from sghm_vs.options import Settings


@pytest.mark.parametrize(
    ("source", "image", "video"),
    [
        ((360, 640), (1280, 2240), (320, 640)),
        ((720, 1280), (1280, 2240), (704, 1280)),
        ((1080, 1920), (1280, 2240), (1024, 1920)),
        ((1920, 1080), (2240, 1280), (1920, 1024)),
        ((2160, 3840), (1280, 2240), (1280, 2240)),
    ],
)
def test_compatible_sizing_follows_the_published_scripts(source, image, video):
    assert sizing.fit_as_published_images(*source).padded == image
    assert sizing.fit_as_published_video(*source).padded == video


@pytest.mark.parametrize(
    ("size", "infer_size", "aspect", "resized"),
    [
        ((480, 640), "auto", "1", (480, 640)),
        ((480, 720), "auto", "8/9", (540, 720)),
        ((1080, 1920), "auto", "1", (1080, 1920)),
        ((1920, 1080), "auto", "1", (1920, 1080)),
        ((2160, 3840), "auto", "1", (2160, 3840)),
        ((4320, 7680), "auto", "1", (2160, 3840)),
        ((1332, 1828), "auto", "2", (1332, 3656)),
        ((1332, 1828), 1280, "2", (1280, 3513)),
        ((2880, 2880), 1280, "2", (1280, 2560)),
        ((100, 100), 1280, "1000", (100, 400)),
    ],
)
def test_the_network_sees_square_pixels_and_as_many_as_are_asked_for(
    size, infer_size, aspect, resized
):
    fit = sizing.fit_by(Settings(infer_size=infer_size, pixel_aspect=Fraction(aspect)), *size)

    assert fit.resized == resized
    assert fit.source == size


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (95, 127), (64, 64), (1080, 1920), (2160, 3840)])
def test_padded_sizing_keeps_the_aspect_and_gives_the_size_back(size):
    fit = sizing.fit_padded(*size, infer_size=1280)

    assert all(side % 64 == 0 for side in fit.padded)
    assert fit.resized[0] * size[1] == pytest.approx(fit.resized[1] * size[0], rel=2e-3)
    assert fit.restore(fit.prepare(torch.rand(1, 1, *size))).shape == (1, 1, *size)


def test_a_picture_that_fits_goes_through_untouched():
    picture = torch.rand(1, 3, 128, 192)
    fit = sizing.fit_padded(128, 192, infer_size=1280)

    assert torch.equal(fit.restore(fit.prepare(picture)), picture)


def test_a_picture_is_mirrored_beyond_its_border_and_repeated_where_it_is_too_small_for_that():
    picture = torch.rand(1, 3, 120, 20, generator=torch.Generator().manual_seed(0))

    prepared = sizing.fit_padded(120, 20, infer_size=1280).prepare(picture)
    wide = sizing.fit_padded(120, 40, infer_size=1280).prepare(picture.repeat(1, 1, 1, 2))

    assert torch.equal(prepared[..., 20:], prepared[..., 19:20].expand(-1, -1, -1, 44))
    assert torch.equal(wide[..., 120:128, :40], wide[..., 111:119, :40].flip(-2))


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 7, 15])
def test_both_ways_to_dilate_agree_bit_for_bit(radius):
    """OpenCV serves the CPU, max-pools serve the GPU: the same band on both."""
    area = torch.rand(1, 1, 83, 61, generator=torch.Generator().manual_seed(radius)) > 0.995

    assert torch.equal(refinement.dilate(area, radius), refinement.dilate_by_pooling(area, radius))


@pytest.mark.parametrize(("radius", "pixels"), [(7, 169), (3, 33)])
def test_the_bands_have_the_published_shape(radius, pixels):
    area = torch.zeros(1, 1, 31, 31, dtype=torch.bool)
    area[..., 15, 15] = True

    assert refinement.dilate(area, radius).sum() == pixels


def test_refinement_keeps_the_coarse_alpha_where_it_is_certain():
    os8 = torch.zeros(1, 1, 64, 64)
    os8[..., 32:] = 1.0

    alpha = refinement.refine(os8, torch.full_like(os8, 0.3), torch.full_like(os8, 0.6))

    assert torch.equal(alpha, os8)


@pytest.mark.parametrize("radius", [1, 4, 13])
def test_spreading_on_any_device_is_the_same(radius):
    values = torch.rand(1, 1, 40, 50, generator=torch.Generator().manual_seed(radius))

    spread = refinement.spread(values, radius)

    assert torch.equal(spread, refinement.spread_by_pooling(values, radius))


@pytest.mark.parametrize("radius", [1, 3])
def test_softening_on_any_device_is_the_same(radius):
    area = torch.rand(1, 1, 40, 50, generator=torch.Generator().manual_seed(0)) > 0.5

    assert torch.equal(refinement.soften(area, radius), refinement.soften_by_pooling(area, radius))


def test_a_feathered_band_fades_by_a_pixel_each_way():
    """So a value near 1/255, which decides whether there is a band, moves what lies around less."""
    os8 = torch.zeros(1, 1, 64, 64)
    os8[..., 32:, :] = 0.5
    finer = torch.full_like(os8, 0.9)

    hard, soft = (refinement.refine(os8, os8, finer, feather=feather) for feather in (0, 1))

    first = int((hard[0, 0, :, 32] == 0.9).nonzero()[0])
    assert soft[0, 0, first - 2 : first + 2, 32].tolist() == pytest.approx([0, 0.3, 0.6, 0.9])


def test_refinement_takes_the_finest_alpha_at_an_edge():
    os8 = torch.zeros(1, 1, 64, 64)
    os8[..., 30:34] = 0.5

    alpha = refinement.refine(os8, torch.full_like(os8, 0.3), torch.full_like(os8, 0.6))

    assert alpha[0, 0, 32, 32] == pytest.approx(0.6)
    assert alpha[0, 0, 32, 0] == 0


def test_a_light_models_alpha_is_held_to_its_mask_away_from_the_masks_edge():
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 64:192, 64:192] = 1
    alpha = torch.rand(1, 1, 256, 256)

    held = refinement.held(alpha, refinement.bounds(mask, scale=0.25))

    assert (held[..., 80:176, 80:176] == 1).all()
    assert (held[..., :24] == 0).all()
    assert torch.equal(held[..., 60:68, 100:150], alpha[..., 60:68, 100:150])


def test_solid_areas_become_exactly_solid():
    alpha = torch.tensor([0.0, 1 / 255, 0.5, 254 / 255, 1.0])

    solid = refinement.solidify(alpha)

    assert solid.tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    assert solid[1] == 0
    assert solid[3] == 1


def test_the_mask_is_hard_and_of_the_picture_s_size():
    mask = segmentation.to_mask(torch.rand(1, 1, 16, 24), (64, 96))

    assert mask.shape == (1, 1, 64, 96)
    assert set(mask.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sizing": "stretch"},
        {"infer_size": 10},
        {"tr": 9},
        {"tr": -1},
        {"tr": "slow"},
        {"sc_threshold": 2.0},
    ],
)
def test_a_setting_outside_its_range_is_refused_at_once(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Settings(**wrong)


def solid_mask(probability, size, scale):
    return segmentation.to_mask(segmentation.clean(probability, size, scale), size)


def test_a_solid_mask_has_no_badge_in_it_but_keeps_the_gap_beside_the_arm():
    probability = torch.zeros(1, 1, 64, 64)
    probability[..., 10:60, 10:50] = 0.97
    badge, gap = (..., slice(20, 28), slice(20, 26)), (..., slice(36, 50), slice(38, 46))
    probability[badge], probability[gap] = 0.25, 0.02

    mask = solid_mask(probability, (256, 256), scale=0.2)

    assert mask.shape == (1, 1, 256, 256)
    assert set(mask.unique().tolist()) == {0, 1}
    assert mask[..., 80:112, 80:104].min() == 1
    assert mask[..., 152:192, 160:176].max() == 0


def test_a_solid_mask_closes_a_doubtful_notch_but_not_one_that_shows_the_wall():
    person = torch.zeros(1, 1, 64, 64)
    person[..., 10:60, 10:50] = 0.97

    for seen, closed in ((0.25, True), (0.02, False)):
        probability = person.clone()
        probability[..., 30:34, 10:20] = seen
        mask = solid_mask(probability, (256, 256), scale=0.4)
        assert bool(mask[..., 128, 60]) is closed


def test_a_solid_mask_drops_what_nowhere_is_surely_a_person():
    probability = torch.zeros(1, 1, 64, 64)
    probability[..., 5:15, 5:15] = 0.6
    probability[..., 30:60, 20:50] = 0.6
    probability[..., 40, 40] = 0.97

    mask = solid_mask(probability, (256, 256), scale=1.0)

    assert mask[..., :64, :].max() == 0
    assert mask[..., 130:230, 90:190].min() == 1


def test_a_doubtful_part_counts_beside_a_person_and_not_apart():
    probability = torch.zeros(1, 1, 64, 64)
    probability[..., 10:60, 10:30] = 0.97
    probability[..., 40:50, 32:36] = probability[..., 40:50, 50:54] = 0.8

    mask = solid_mask(probability, (256, 256), scale=0.4)

    assert mask[..., 164:196, 132:140].min() == 1
    assert mask[..., 164:196, 204:212].max() == 0


def test_an_alpha_composed_by_rows_is_the_one_composed_whole():
    """To the last bit, also where the last rows are fewer."""
    rng = np.random.default_rng(0)
    mask = np.zeros((192 + 32, 256), np.float32)
    mask[60:150, 80:200] = 1
    os4, os1 = rng.random((2, *mask.shape), np.float32)
    needed = rng.random((mask.shape[0] // 4, mask.shape[1] // 4)) > 0.5
    bounds = arrays.bounds(mask, scale=0.2)

    solid = (os4 > SOLID).astype(np.float32)

    alpha, within = os1.copy(), os1.copy()
    arrays.compose(alpha, lambda *part: solid[part], needed, bounds)
    arrays.hold(within, bounds)

    least, most, weight = (
        enlarge(part, mask.shape) for part in (bounds.least, bounds.most, needed.astype(np.float32))
    )
    assert np.array_equal(alpha, np.clip(arrays.blended(solid, os1, weight), least, most))
    assert np.array_equal(within, np.clip(os1, least, most))
    is_open = tiles((most > least).astype(np.float32), 4)
    assert np.array_equal(bounds.left_open, is_open)
    assert 0 < is_open.mean() < 1


def test_planes_are_clamped_and_a_nan_is_0():
    plane = np.tile(np.array([np.nan, -3, 7, np.inf, -np.inf, 0.5], np.float32), (70, 10))
    into = np.empty_like(plane)

    clamp(plane, into)

    assert np.array_equal(into, np.tile(np.array([0, 0, 1, 1, 0, 0.5], np.float32), (70, 10)))


def judged(probability, judgement):
    return segmentation.judged(probability[None, None], judgement[None, None])[0, 0]


def test_what_is_connected_is_somebody_or_nobody_as_a_whole_and_keeps_its_outline():
    probability, judgement = torch.zeros(64, 96), torch.full((64, 96), 0.05)
    probability[10:60, 10:40] = torch.linspace(0.55, 0.95, 30)
    probability[10:60, 50:90] = 0.99
    judgement[10:60, 10:22] = 0.9  # Two fifths of the person.
    judgement[10:60, 50:54] = 0.9  # A tenth of the thing.

    found = judged(probability, judgement)

    assert torch.equal(found[:, :45], probability[:, :45])
    assert found[:, 45:].max() == 0


def test_what_is_less_likely_than_an_outline_is_left_to_what_follows():
    probability, judgement = torch.full((32, 32), 0.4), torch.zeros(32, 32)

    assert torch.equal(judged(probability, judgement), probability)
