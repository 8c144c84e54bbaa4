"""Clips of every format, and with every tag: what the network sees of them."""

import itertools

import numpy as np
import pytest
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs import export, sghm
from sghm_vs.color.convert import (
    read_color,
    to_display_rgb,
    to_full_range_gray,
    to_limited_yuv444,
    to_linear_rgb,
)
from sghm_vs.color.frame_props import DERIVED_MATRICES, KNOWN
from sghm_vs.errors import UnsupportedClipError
from tests.clips import core, noise_clip, plane

SAMPLES = [*((vs.INTEGER, bits) for bits in range(8, 17)), (vs.FLOAT, 16), (vs.FLOAT, 32)]
SUBSAMPLINGS = [(0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (2, 2)]
FORMATS = [
    core.query_video_format(family, *sample, *subsampling)
    for family, sample in itertools.product((vs.RGB, vs.GRAY, vs.YUV), SAMPLES)
    for subsampling in (SUBSAMPLINGS if family == vs.YUV else [(0, 0)])
]
LUMA = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""Kr and Kb of H.273, table 4, by matrix."""


def seen(clip: vs.VideoNode, n: int = 0) -> NDArray[np.float32]:
    """Return what the network sees of frame `n`, (3, height, width)."""
    with to_display_rgb(read_color(clip)).get_frame(n) as frame:
        return np.stack([plane(frame, index) for index in range(3)])


def resized(clip: vs.VideoNode, **arguments: int) -> NDArray[np.float32]:
    """Return the clip's first frame as VapourSynth's own resizer makes it RGBS."""
    with clip.resize.Bicubic(format=vs.RGBS, **arguments).get_frame(0) as frame:
        return np.stack([plane(frame, index) for index in range(3)])


def codes(format_id: int, seed: int = 0, **props: int) -> vs.VideoNode:
    """Return a clip of one frame of random codes in the middle of the format's range."""
    blank = core.std.BlankClip(format=format_id, width=16, height=16, length=1, keep=True)

    def draw(f: vs.VideoFrame, **_: int) -> vs.VideoFrame:
        frame = f.copy()
        rng = np.random.default_rng(seed)
        for index in range(frame.format.num_planes):
            target = np.asarray(frame[index])
            if frame.format.sample_type == vs.FLOAT:
                low = -0.3 if index and frame.format.color_family == vs.YUV else 0.2
                target[...] = rng.uniform(low, low + 0.6, target.shape)
            else:
                top = 2**frame.format.bits_per_sample
                target[...] = rng.integers(top // 5, top * 4 // 5, target.shape)
        return frame

    drawn = blank.std.ModifyFrame(blank, draw)
    return drawn.std.SetFrameProps(**props) if props else drawn


@pytest.mark.parametrize("video_format", FORMATS, ids=lambda found: found.name)
def test_every_format_gives_what_the_resizer_gives(video_format):
    clip = codes(video_format.id)
    told = {vs.RGB: {}, vs.GRAY: {"matrix_in": 1}, vs.YUV: {"matrix_in": 6}}

    assert np.array_equal(seen(clip), resized(clip, **told[video_format.color_family]))


@pytest.mark.parametrize("matrix", LUMA)
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_matrix_and_range_are_those_of_h273_to_half_a_code(matrix, is_full, bits):
    clip = codes(
        core.query_video_format(vs.YUV, vs.INTEGER, bits).id, _Matrix=matrix, _Range=int(is_full)
    )
    with clip.get_frame(0) as frame:
        y, u, v = (plane(frame, index).astype(np.float64) for index in range(3))
    step = 2 ** (bits - 8)
    top = 2**bits - 1
    low, luma, chroma = (0, top, top) if is_full else (16 * step, 219 * step, 224 * step)
    y, u, v = (y - low) / luma, (u - 128 * step) / chroma, (v - 128 * step) / chroma
    kr, kb = LUMA[matrix]
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)

    assert np.abs(seen(clip) - np.stack([red, green, blue])).max() < 0.5 / top


@pytest.mark.parametrize("location", range(6))
def test_chroma_is_where_the_props_say(location):
    clip = codes(vs.YUV420P8, _Matrix=1, _ChromaLocation=location)

    assert np.array_equal(seen(clip), resized(clip, chromaloc_in=location))
    assert (location == 0) == np.array_equal(seen(clip), seen(codes(vs.YUV420P8, _Matrix=1)))


@pytest.mark.parametrize(
    ("matrix", "transfer"),
    [*itertools.product(sorted(KNOWN["_Matrix"] - {10, 11, 14}), (1, 16)), (10, 1), (14, 16)],
)
def test_any_matrix_that_the_resizer_knows_is_converted(matrix, transfer):
    clip = codes(vs.YUV444P10, _Matrix=matrix, _Transfer=transfer, _Primaries=9)

    assert np.array_equal(seen(clip), resized(clip))


@pytest.mark.parametrize("matrix", DERIVED_MATRICES)
def test_a_matrix_that_says_too_little_is_refused(matrix):
    with pytest.raises(UnsupportedClipError, match=f"matrix {matrix}, which means nothing"):
        read_color(codes(vs.YUV444P8, _Matrix=matrix))


@pytest.mark.parametrize(
    ("format_id", "props"),
    [
        (vs.YUV420P8, {"_Matrix": 0}),
        (vs.YUV420P8, {"_Matrix": 2, "_Transfer": 2, "_Primaries": 2}),
        (vs.YUV420P8, {"_Matrix": 3, "_Transfer": 3, "_Primaries": 3}),
        (vs.YUV420P8, {"_Matrix": -1, "_Transfer": 0, "_Primaries": 99}),
        (vs.YUV420P8, {"_Matrix": "bt709"}),
        (vs.YUV420P8, {"_Matrix": [1, 6]}),
        (vs.YUV420P8, {"_Range": 7, "_ChromaLocation": 9, "_FieldBased": 5}),
        (vs.RGB24, {"_Matrix": 1}),
        (vs.RGB24, {"_ChromaLocation": -2}),
        (vs.GRAY8, {"_Matrix": 0}),
        (vs.GRAY8, {"_Matrix": 14}),
    ],
)
def test_props_that_make_no_sense_count_as_missing(format_id, props):
    assert np.array_equal(seen(codes(format_id, **props)), seen(codes(format_id)))


def test_a_frame_is_read_by_its_own_props_wherever_the_clip_was_cut():
    kinds = [{"_Matrix": 1}, {}, {"_Matrix": 9}, {"_Transfer": 8, "_Primaries": 1}]
    parts = [codes(vs.YUV444P8, seed, **props) for seed, props in enumerate(kinds)]

    whole = core.std.Splice(parts)

    for n, part in enumerate(parts):
        assert np.array_equal(seen(whole, n), seen(part))
        assert np.array_equal(seen(whole[n:]), seen(part))


def test_interlaced_frames_are_refused_by_name():
    clip = noise_clip(length=2)
    marked = clip.std.SetFieldBased(2)
    late = core.std.Splice([clip, marked])

    with pytest.raises(vs.Error, match=r"^sghm: frame 0 is interlaced.*SetFieldBased\(0\)"):
        sghm(marked, -1)
    with pytest.raises(vs.Error, match="frame 2 is interlaced"):
        sghm(late, -1).get_frame(2)


def test_interlaced_plates_are_not_exported_as_progressive(tmp_path):
    clip = noise_clip(length=1).std.SetFieldBased(1)

    with pytest.raises(UnsupportedClipError, match="interlaced"):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov")


@pytest.mark.parametrize(
    ("family", "bits", "subsampling", "words"),
    [
        (vs.GRAY, 32, (0, 0), "Gray32; integers of 8 to 16 bits"),
        (vs.RGB, 17, (0, 0), "RGB51; integers of 8 to 16 bits"),
        (vs.YUV, 8, (3, 3), "less than a quarter"),
    ],
)
def test_samples_that_cannot_be_read_are_refused_by_name(
    tmp_path, family, bits, subsampling, words
):
    clip = core.std.BlankClip(
        format=core.query_video_format(family, vs.INTEGER, bits, *subsampling).id,
        width=16, height=16, length=1,
    )  # fmt: skip

    with pytest.raises(vs.Error, match=f"^sghm: .*{words}"):
        sghm(clip, -1)
    with pytest.raises(UnsupportedClipError, match=words):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov")


class OnGpu:
    """Stands in for a clip that a Vulkan filter left on its device: there is none here."""

    gpu_resident = True

    def __init__(self, clip: vs.VideoNode) -> None:
        self.format, self.std, self.clip = clip.format, self, clip

    def GPUDownload(self) -> vs.VideoNode:
        return self.clip


def test_a_clip_on_a_gpu_is_downloaded():
    clip = codes(vs.RGB24)

    assert np.array_equal(seen(OnGpu(clip)), seen(clip))
    assert hasattr(core.std, "GPUDownload")


@pytest.mark.parametrize("format_id", [vs.RGBS, vs.RGBH, vs.YUV444PS, vs.GRAYS])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9, -7.0])
def test_any_float_gives_an_alpha_from_0_to_1(format_id, value):
    clip = noise_clip(format_id, length=1)

    def poison(f, **_):
        frame = f.copy()
        with np.errstate(over="ignore"):
            np.asarray(frame[0])[:20, 10:50] = value
        return frame

    with sghm(clip.std.ModifyFrame(clip, poison), -1).get_frame(0) as f:
        alpha = plane(f)

    assert alpha.min() >= 0
    assert alpha.max() <= 1


@pytest.mark.parametrize("transfer", [1, 8, 13, 16])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_prores_color_is_the_resizers_to_half_a_code(matrix, transfer):
    clip = codes(vs.YUV420P10, _Matrix=matrix, _Transfer=transfer, _Primaries=1)

    ours, _ = to_limited_yuv444(read_color(clip), bits=10)
    theirs = clip.resize.Bicubic(format=vs.YUV444P10, range=int(vs.RANGE_LIMITED))

    with ours.get_frame(0) as left, theirs.get_frame(0) as right:
        for index in range(3):
            assert np.array_equal(plane(left, index), plane(right, index))


def test_a_movie_has_one_color_and_other_frames_are_brought_to_it():
    first, other = (codes(vs.YUV444P16, 3, _Matrix=matrix) for matrix in (1, 9))

    yuv, tags = to_limited_yuv444(read_color(core.std.Splice([first, other])), bits=10)

    expected = other.resize.Bicubic(
        format=vs.YUV444P10, matrix=1, transfer_in=1, transfer=1, primaries_in=1, primaries=1
    )
    assert tags.matrix == 1
    with yuv.get_frame(1) as left, expected.get_frame(0) as right:
        for index in range(3):
            error = plane(left, index).astype(int) - plane(right, index).astype(int)
            assert np.abs(error).max() <= 0.5


@pytest.mark.parametrize("transfer", [4, 5, 7, 13, 16, 18])
def test_linear_light_is_the_resizers_but_for_camera_curves(transfer):
    clip = codes(vs.RGBS, _Transfer=transfer, _Primaries=1)

    with to_linear_rgb(read_color(clip)).get_frame(0) as frame:
        ours = np.stack([plane(frame, index) for index in range(3)])

    assert np.array_equal(ours, resized(clip, transfer=8))


@pytest.mark.parametrize("low", [8, 10, 16])
@pytest.mark.parametrize("high", [8, 10, 16])
@pytest.mark.parametrize("is_full", [False, True])
def test_a_matte_changes_its_depth_to_half_a_code(low, high, is_full):
    source, target = (core.query_video_format(vs.GRAY, vs.INTEGER, b).id for b in (low, high))
    clip = codes(source, _Range=int(is_full))
    with clip.get_frame(0) as frame:
        sent = plane(frame).astype(np.float64)
    step = 2 ** (low - 8)
    share = sent / (2**low - 1) if is_full else (sent - 16 * step) / (219 * step)

    with to_full_range_gray(clip, target).get_frame(0) as frame:
        error = plane(frame) - np.clip(share, 0, 1) * (2**high - 1)

    # The resizer computes in single precision, which is a little less than 16 bits need.
    assert np.abs(error).max() <= 0.5 + 2e-3


@pytest.mark.parametrize("props", [{"_Matrix": 0}, {"_Transfer": 99}, {"_FieldBased": 2}])
def test_tags_of_the_picture_do_not_trouble_its_matte(props):
    matte = codes(vs.GRAY8)

    with (
        to_full_range_gray(matte.std.SetFrameProps(**props), vs.GRAYS).get_frame(0) as odd,
        to_full_range_gray(matte, vs.GRAYS).get_frame(0) as plain,
    ):
        assert np.array_equal(plane(odd), plane(plain))
