"""Contact sheets."""

import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs.errors import ExportError
from sghm_vs.evaluate.contact_sheet import SHEET_COLOR, contact_sheet
from tests.clips import core, noise_clip


def test_a_sheet_shows_source_alpha_and_subject_side_by_side(tmp_path):
    clip = core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=2, color=[255, 0, 0])
    alpha = core.std.BlankClip(clip, format=vs.GRAYS, color=0.0)

    contact_sheet(clip, alpha, [0, 1], tmp_path / "sheet.png")

    pixels = oiio.ImageBuf(str(tmp_path / "sheet.png")).get_pixels(oiio.FLOAT)
    assert pixels.shape == (480, 960, 3)
    assert pixels[100, 100] == pytest.approx([1, 0, 0])
    assert pixels[100, 480] == pytest.approx([0, 0, 0])
    assert pixels[100, 900] == pytest.approx(SHEET_COLOR, abs=0.003)


def test_columns_are_filled_up(tmp_path):
    clip = noise_clip(vs.RGB24, length=3)
    alpha = core.std.BlankClip(clip, format=vs.GRAY8, color=255)

    contact_sheet(clip, alpha, [0, 1, 2], tmp_path / "sheet.png", columns=2)

    pixels = oiio.ImageBuf(str(tmp_path / "sheet.png")).get_pixels(oiio.FLOAT)
    assert pixels.shape[0] == 480
    assert np.all(pixels[300:, pixels.shape[1] // 2 + 1 :] == 0)


def test_a_sheet_that_cannot_be_written_is_named(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAY8)

    with pytest.raises(ExportError, match="nowhere"):
        contact_sheet(clip, alpha, [0], tmp_path / "nowhere" / "sheet.png")
