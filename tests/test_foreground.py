"""The subject's color without the old background, on composites whose foreground is known."""

import av
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs import edges, export, foreground
from sghm_vs.cli import main
from sghm_vs.color.convert import read_color, to_linear_rgb
from sghm_vs.matting.foreground import estimate
from tests.clips import core, frame_bytes, noise_clip, plane
from tests.mixtures import clip_of, hairy, over, picture_of

AT_MOST_OF_PYMATTINGS = 1.1


@pytest.fixture(scope="module")
def mixture():
    return hairy()


def test_the_old_background_is_gone_from_soft_edges(mixture):
    """The plate's own color is wrong by as much as the background differs."""
    found = estimate(mixture.picture, mixture.alpha)

    assert mixture.error(found) < 0.02
    assert mixture.error(found) < 0.06 * mixture.error(mixture.picture)


def test_over_something_new_the_edge_is_right(mixture):
    green = np.broadcast_to(np.float32([0.0, 0.4, 0.0]), mixture.picture.shape)
    wanted = over(mixture.front, mixture.alpha, green)

    ours = over(estimate(mixture.picture, mixture.alpha), mixture.alpha, green)
    plain = over(mixture.picture, mixture.alpha, green)

    soft = mixture.is_soft
    assert np.abs(ours - wanted)[soft].mean() < 0.06 * np.abs(plain - wanted)[soft].mean()


@pytest.mark.parametrize("seed", range(3))
def test_the_error_is_no_larger_than_pymattings(seed):
    """Its authors' library, which takes colors of 0 to 1; `--group training` installs it."""
    pymatting = pytest.importorskip("pymatting")
    mixture = hairy(seed=seed)

    theirs = pymatting.estimate_foreground_ml(mixture.picture, mixture.alpha)
    ours = estimate(mixture.picture, mixture.alpha)

    assert mixture.error(ours) <= AT_MOST_OF_PYMATTINGS * mixture.error(theirs)


def test_light_brighter_than_white_is_taken_apart_as_well(mixture):
    """A lamp of 8 in front of a sky of 20: nothing is cut off at 1, and nothing depends on scale."""
    bright = estimate(mixture.picture * 20, mixture.alpha)

    assert bright.max() > 4
    unclipped = np.abs(bright / 20 - estimate(mixture.picture, mixture.alpha))
    assert np.median(unclipped[mixture.is_soft]) < 1e-5


def test_what_is_solid_is_the_plates_own_to_the_last_bit(mixture):
    picture, alpha = mixture.picture, mixture.alpha
    solid = alpha == 1
    assert solid.any()

    for format_id in (vs.RGBS, vs.RGB24, vs.RGB48):
        clip = clip_of(picture).resize.Bicubic(format=format_id, transfer=13)
        found = picture_of(foreground(clip, clip_of(alpha)))
        own = picture_of(clip.resize.Bicubic(format=vs.RGBS))
        assert (found[solid] == own[solid]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_id", "transfer", "primaries", "matrix"),
    [
        (vs.RGB48, 13, 1, 0),
        (vs.RGBS, 8, 1, 0),
        (vs.YUV444P16, 1, 1, 1),
        (vs.YUV444P16, 6, 6, 6),
        (vs.YUV444P16, 14, 9, 9),
        (vs.YUV444P16, 16, 9, 9),
        (vs.RGB48, 18, 9, 0),
    ],
    ids=["srgb", "linear", "709", "601", "2020", "pq", "hlg"],
)
def test_colors_are_taken_apart_in_linear_light_however_they_are_coded(
    mixture, format_id, transfer, primaries, matrix
):
    """Coded and back is all that differs from the estimate on linear floats."""
    alpha = clip_of(mixture.alpha)
    linear = clip_of(mixture.picture * 0.8 + 0.1)
    if transfer in (1, 6, 14):
        curved = linear.resize.Bicubic(primaries=primaries)
        camera = curved.std.Expr("x 0.018 < x 4.5 * 1.099 x 0 max 0.45 pow * 0.099 - ?")
        coded = camera.std.SetFrameProps(_Transfer=transfer).resize.Bicubic(
            format=format_id, matrix=matrix
        )
    else:
        matrices = {"matrix": matrix} if matrix else {}
        coded = linear.resize.Bicubic(
            format=format_id, transfer=transfer, primaries=primaries, **matrices
        )

    found = foreground(coded, alpha)

    with found.get_frame(0) as frame:
        assert frame.props["_Transfer"] == transfer
        assert frame.props["_Primaries"] == primaries
        assert frame.props["_Matrix"] == matrix
    seen = picture_of(to_linear_rgb(read_color(found)))
    wanted = estimate(picture_of(linear), mixture.alpha)
    soft = mixture.is_soft
    assert np.abs(seen - wanted)[soft].mean() < 2e-3


def test_an_alpha_that_was_grown_meets_no_old_background(mixture):
    """Beyond the edge the subject's color goes on."""
    found = estimate(mixture.picture, mixture.alpha)
    grown = plane(edges(clip_of(mixture.alpha), grow=12).get_frame(0))

    ring = (grown > 0.5) & (mixture.alpha == 0)

    assert ring.sum() > 500
    assert np.abs(found - mixture.front)[ring].mean() < 0.06
    assert np.abs(mixture.picture - mixture.front)[ring].mean() > 0.4


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 2), (97, 63), (300, 401)])
@pytest.mark.parametrize("kind", ["empty", "full", "soft", "half"])
def test_every_size_and_every_alpha_gives_finite_colors(size, kind):
    rng = np.random.default_rng(1)
    picture = rng.random((*size, 3), np.float32)
    alpha = {
        "empty": np.zeros(size, np.float32),
        "full": np.ones(size, np.float32),
        "soft": rng.random(size, np.float32),
        "half": np.full(size, 0.5, np.float32),
    }[kind]

    found = estimate(picture, alpha)

    assert found.shape == picture.shape
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    if kind == "full":
        assert (found == picture).all()


def test_what_is_not_a_number_or_infinite_stays_where_it_is(mixture):
    picture = mixture.picture.copy()
    picture[5, 5] = np.nan
    picture[6, 6] = np.inf

    found = estimate(picture, mixture.alpha)

    assert np.isfinite(found).all()
    assert mixture.error(found) < 0.02


def test_any_order_and_number_of_threads_gives_the_same_bytes():
    clip = noise_clip(vs.YUV420P8, length=8)
    alpha = noise_clip(vs.GRAY16, length=8)
    found = foreground(clip, alpha)

    forward = [frame_bytes(found, n) for n in range(8)]

    assert [frame_bytes(found, n) for n in reversed(range(8))] == forward[::-1]
    assert [plane(frame).tobytes() for frame in found.frames(prefetch=8)] == forward
    assert len(set(forward)) == 8


@pytest.mark.parametrize(
    ("alpha", "said"),
    [
        (noise_clip(vs.RGB24), "the alpha must be a GRAY clip"),
        (noise_clip(vs.GRAY8, width=32), "the alpha is 32x64 with 6 frames, and the clip 96x64"),
        ("matte.mkv", "the alpha is not a clip but str"),
    ],
)
def test_what_is_no_alpha_of_the_clip_is_refused(alpha, said):
    with pytest.raises(vs.Error, match=f"^foreground: {said}"):
        foreground(noise_clip(), alpha)


@pytest.fixture
def shot(mixture, tmp_path):
    """Linear EXR frames 0 and 1, and their 16-bit matte."""
    clip, alpha = clip_of(mixture.picture, 2), clip_of(mixture.alpha, 2)
    export(clip, alpha, tmp_path / "plate.####.exr", layout="fg", sample="float")
    export(clip, alpha, tmp_path / "matte.####.png")
    return [str(tmp_path / "plate.####.exr"), "--alpha", str(tmp_path / "matte.####.png")]


def test_exr_holds_the_estimated_color_straight_or_premultiplied(mixture, shot, tmp_path):
    """Straight, it is the known foreground; premultiplied, no color is above its alpha."""
    words = ["--foreground", "estimate", "--quiet"]
    straight, rgba = str(tmp_path / "fg.####.exr"), str(tmp_path / "rgba.####.exr")

    assert main(["export", *shot, "-o", straight, "--layout", "fg", *words]) == 0
    assert main(["export", *shot, "-o", rgba, *words]) == 0

    found = oiio.ImageBuf(str(tmp_path / "fg.0001.exr"))
    assert mixture.error(found.get_pixels(oiio.FLOAT)) < 0.02
    assert found.spec().get_string_attribute("sghm_vs:foreground") == "estimate"
    pixels = oiio.ImageBuf(str(tmp_path / "rgba.0001.exr")).get_pixels(oiio.FLOAT)
    assert (pixels[..., :3] <= pixels[..., 3:]).all()
    wanted = mixture.front * mixture.alpha[..., None]
    assert np.abs(pixels[..., :3] - wanted)[mixture.is_soft].mean() < 0.01


@pytest.mark.parametrize("format_id", [vs.RGB24, vs.YUV420P8, vs.YUV422P10])
def test_prores_keeps_the_plates_codes_where_the_subject_is_solid(mixture, format_id, tmp_path):
    """Untagged codes aren't changed by going through linear light: at most by one of 1023."""
    matrix = {} if format_id == vs.RGB24 else {"matrix": 6}
    coded = clip_of(mixture.picture).resize.Bicubic(format=format_id, transfer=13, **matrix)
    plate = core.std.AssumeFPS(coded, fpsnum=24).std.RemoveFrameProps(["_Transfer", "_Primaries"])
    alpha = clip_of(mixture.alpha)

    for name, color in (("own.mov", None), ("fg.mov", foreground(plate, alpha))):
        export(plate, alpha, tmp_path / name, foreground=color, quality=1)

    own, found = (first_luma(tmp_path / name) for name in ("own.mov", "fg.mov"))
    inside = np.zeros_like(mixture.alpha, bool)
    inside[110:160, 150:210] = True
    assert (mixture.alpha[inside] == 1).all()
    assert np.abs(own - found)[inside].mean() < 1
    assert np.abs(own - found)[mixture.is_soft].mean() > 40
    assert tags_of(tmp_path / "own.mov") == tags_of(tmp_path / "fg.mov")


def test_none_writes_black_with_the_alpha(shot, tmp_path):
    out = tmp_path / "n.mov"

    assert main(["export", *shot, "-o", str(out), "--foreground", "none", "--quiet"]) == 0

    assert (np.abs(first_luma(out) - 64) <= 1).all()


def first_luma(path) -> np.ndarray:
    """Return the first frame's luma in 10-bit codes."""
    with av.open(str(path)) as movie:
        frame = next(movie.decode(video=0))
    found = frame.planes[0]
    rows = np.frombuffer(found, np.uint16).reshape(found.height, found.line_size // 2)
    return rows[:, : found.width].astype(float) / 4


def tags_of(path) -> list[int]:
    """Return what the movie says of its primaries, transfer and matrix."""
    with av.open(str(path)) as movie:
        context = movie.streams.video[0].codec_context
        return [context.color_primaries, context.color_trc, context.colorspace]
