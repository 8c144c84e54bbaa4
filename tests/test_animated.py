"""Pictures that move: PNG, WebP, GIF, AVIF and JPEG XL, as footage and as mattes."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import vapoursynth as vs

from sghm_vs.cli import main
from sghm_vs.errors import SourceError
from sghm_vs.media.probe import probe
from sghm_vs.media.readers import open_source
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.options import Opening
from tests.repeated_frames import MOVING_JXL
from tests.test_vfr import exported, shown_at

FRAMES = 6
EVEN, UNEVEN = (40,) * FRAMES, (40, 80, 40, 200, 40, 40)
"""In milliseconds."""


def picture(n: int) -> PIL.Image.Image:
    """Return a red square on blue whose alpha is its number."""
    pixels = np.zeros((36, 64, 4), np.uint8)
    pixels[...] = 20, 30, 200, 40 * n
    pixels[8:24, 8 * n : 8 * n + 16] = 220, 20, 20, 255
    return PIL.Image.fromarray(pixels)


def animated(path: Path, lasts=EVEN, *, has_alpha: bool = True) -> Path:
    """Write frames that are shown for so many milliseconds."""
    pictures = [picture(n) if has_alpha else picture(n).convert("RGB") for n in range(FRAMES)]
    options = {".webp": {"lossless": True}, ".avif": {"quality": 100}}.get(path.suffix, {})
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[*lasts], **options)
    return path


SUFFIXES = pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".gif"])


@SUFFIXES
def test_a_picture_that_moves_is_a_movie_of_all_its_frames(tmp_path, suffix):
    clip = animated(tmp_path / f"a{suffix}", has_alpha=suffix != ".gif")

    source, media = open_source(clip), probe(clip)

    assert (source.kind, source.clip.num_frames, source.clip.fps) == ("movie", FRAMES, 25)
    assert (media.kind, len(media.frames), media.rate) == ("movie", FRAMES, 25)
    for n, frame in enumerate(source.clip.resize.Bicubic(format=vs.RGB24).frames()):
        red = np.asarray(frame[0])[16]
        assert red[8 * n + 4] > 200
        assert red[(8 * n + 30) % 64] < 50


@SUFFIXES
def test_its_times_are_those_of_any_movie(tmp_path, suffix):
    clip, out = animated(tmp_path / f"a{suffix}", UNEVEN), tmp_path / "m.mov"

    source, media = open_source(clip), probe(clip)
    exported(clip, out, "--vfr", length=FRAMES)

    assert source.varying is not None
    assert source.varying == media.varying
    assert source.varying.rate == 25
    conformed = open_source(clip, Opening(rate=Fraction(25))).origin.shown
    assert conformed[:10] == (0, 1, 1, 2, 3, 3, 3, 3, 3, 4)
    assert shown_at(out) == [Fraction(ms, 1000) for ms in (0, 40, 120, 160, 360, 400)]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif"])
def test_its_alpha_is_the_matte(tmp_path, suffix):
    matte = open_matte(animated(tmp_path / f"a{suffix}"))

    assert matte.clip.num_frames == FRAMES
    for n, frame in enumerate(matte.clip.frames()):
        alpha = np.asarray(frame[0])
        assert abs(float(alpha[30, 60]) - 40 * n / 255) < 0.02
        assert alpha[16, 8 * n + 8] > 0.98


def test_a_matte_that_moves_keeps_its_frames_beside_a_plate_of_another_rate(tmp_path):
    plate = open_source(animated(tmp_path / "plate.png", (20,) * FRAMES))

    assert open_matte(animated(tmp_path / "a.webp", UNEVEN), plate=plate).clip.num_frames == FRAMES


def test_a_png_or_webp_of_one_picture_is_a_picture(tmp_path):
    for suffix in ".png", ".webp", ".avif":
        picture(1).save(tmp_path / f"a{suffix}")
        assert open_source(tmp_path / f"a{suffix}").kind == "picture"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif"])
def test_a_picture_that_moves_is_no_frame_of_a_sequence(tmp_path, suffix):
    picture(0).save(tmp_path / f"a.1{suffix}")
    animated(tmp_path / f"a.2{suffix}")
    animated(tmp_path / f"b.1{suffix}")

    with pytest.raises(vs.Error, match=r"a\.2\..* moves, .* give it alone"):
        open_source(tmp_path / f"a.#{suffix}").clip.get_frame(1)
    with pytest.raises(SourceError, match=r"b\.1\..* moves"):
        open_source(tmp_path / f"b.#{suffix}")


@pytest.mark.parametrize("kind", [probe, open_source, open_matte])
def test_a_jpeg_xl_that_moves_is_refused_by_name(tmp_path, kind):
    (tmp_path / "a.jxl").write_bytes(MOVING_JXL)

    with pytest.raises(SourceError, match=r"a\.jxl is a JPEG XL that moves"):
        kind(tmp_path / "a.jxl")


def test_a_picture_that_moves_is_no_still(tmp_path, model, capsys):
    clip = animated(tmp_path / "a.png")
    words = ["matte", str(clip), "-o", f"{tmp_path}/out/", "--stills", "--model", model]

    assert main([*words, "--device", "cpu", "--quiet"]) == 1
    assert "a.png moves, and a frame or a still is one picture" in "".join(capsys.readouterr())
