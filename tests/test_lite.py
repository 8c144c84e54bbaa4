"""The shipped model on people."""

import numpy as np
import pytest

from sghm_vs import sghm
from sghm_vs.cli.demo import write_moving_portrait
from sghm_vs.evaluate import score_clip
from sghm_vs.media.readers import open_source
from tests.clips import plane
from weights.training.validate import at_640


@pytest.mark.slow
def test_the_demos_person_is_solid_and_the_background_mostly_gone(tmp_path):
    clip = open_source(write_moving_portrait(tmp_path)).clip

    with sghm(clip, -1).get_frame(24) as frame:
        alpha = plane(frame)

    # Face, chest, and the corner above the shuttle.
    assert alpha[120:220, 240:310].min() > 0.95
    assert alpha[400:470, 230:340].mean() > 0.95
    assert alpha[:60, -60:].mean() < 0.1


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("folder", "iou"), [("portrait", 88.0), ("comp", 75.0)])
def test_the_matte_overlaps_the_truth_on_validation_pictures(shared, folder, iou):
    truths = sorted((shared / "validation" / folder).glob("*_alpha.png"))[::2][:5]
    images = [truth.with_name(truth.name.replace("_alpha.png", ".jpg")) for truth in truths]

    scores = [
        score_clip(sghm(at_640(image), -1), at_640(truth))["iou"]
        for image, truth in zip(images, truths, strict=True)
    ]

    assert np.mean(scores) > iou


@pytest.mark.slow
@pytest.mark.shared
def test_an_empty_room_stays_empty(shared):
    clip = open_source(shared / "video/intel_onebyone_46s.mp4").clip

    with sghm(clip, -1).get_frame(0) as frame:
        assert plane(frame).mean() < 0.001


@pytest.mark.slow
@pytest.mark.shared
def test_a_signing_persons_chest_is_solid(shared):
    clip = open_source(shared / "video/asl_walk.mkv").clip
    alpha = sghm(clip, -1)

    for n in range(0, clip.num_frames, 40):
        with alpha.get_frame(n) as frame:
            assert plane(frame)[230:400, 275:315].mean() > 0.97, n
