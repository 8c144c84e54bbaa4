"""Plates of any color: what the network sees of them, and what is written."""

import subprocess
import sys

import av
import cv2
import numpy as np
import OpenImageIO as oiio
import PyOpenColorIO as ocio
import pytest
import skimage.data
import vapoursynth as vs

from sghm_vs import export, foreground, sghm
from sghm_vs.cli import main
from sghm_vs.color import ocio as colorspaces
from sghm_vs.color.convert import (
    assume_colorspace,
    read_color,
    to_display_rgb,
    to_linear_rgb,
    to_viewed_rgb,
)
from sghm_vs.errors import SettingsError
from sghm_vs.media.readers import open_source
from tests.clips import core, frame_bytes, noise_clip, plane
from tests.mixtures import clip_of, hairy, picture_of

LOGS = (
    "ACEScct",
    "ARRI LogC3 (EI800)",
    "ARRI LogC4",
    "S-Log3 S-Gamut3",
    "S-Log3 S-Gamut3.Cine",
    "V-Log V-Gamut",
    "Apple Log",
    "Log3G10 REDWideGamutRGB",
    "DaVinci Intermediate WideGamut",
    "CanonLog2 CinemaGamut D55",
)
LINEARS = ("ACEScg", "ACES2065-1", "Linear Rec.2020", "Linear ARRI Wide Gamut 4")
SLOWER = ("ACEScc", "ADX10")
"""Not a curve and a matrix: these go through OpenColorIO itself."""


def light(height: int = 48, width: int = 64) -> np.ndarray:
    """Return a random picture from deep shadow to six times white, linear Rec.709."""
    rng = np.random.default_rng(5)
    return (2.0 ** rng.uniform(-9, 2.6, (height, width, 3))).astype(np.float32)


def converted(picture: np.ndarray, source: str, target: str) -> np.ndarray:
    """Return what OpenColorIO makes of `picture`."""
    config = ocio.Config.CreateFromFile(f"ocio://{colorspaces.CONFIG}")
    processor = config.getProcessor(source, target)
    made = np.array(picture, np.float32, order="C")
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(made)
    return made


def view_transform(linear: np.ndarray) -> np.ndarray:
    """Return what the docs promise: sRGB, and from 0.8 up a hyperbola toward 1."""
    bounded = np.clip(linear, 0, 65504)
    code = np.where(bounded <= 0.0031308, 12.92 * bounded, 1.055 * bounded ** (1 / 2.4) - 0.055)
    beyond = np.maximum(code - 0.8, 0)
    return np.where(code <= 0.8, code, 0.8 + 0.2 * beyond / (beyond + 0.2))


def coded_clip(codes: np.ndarray, format_id: int, **tags: int) -> vs.VideoNode:
    """Return `codes`, 0-1, as a clip of `format_id`."""
    rgb = clip_of(codes).std.RemoveFrameProps(["_Transfer", "_Primaries"])
    if core.get_video_format(format_id).color_family == vs.YUV:
        tags = {"matrix": 1, **tags}
    return rgb.resize.Bicubic(format=format_id, **tags)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOGS + SLOWER)
@pytest.mark.parametrize("format_id", [vs.RGB30, vs.RGB48, vs.YUV444P10])
def test_the_network_sees_a_log_plate_as_opencolorio_shows_it(name, format_id):
    """RGB, as OpenColorIO to 1e-4; YUV through 16 bits, on average as well, at worst two of 255."""
    codes = np.clip(converted(light(), "lin_rec709_scene", name), 0, 1)
    plate = coded_clip(codes, format_id)

    seen = picture_of(to_viewed_rgb(read_color(assume_colorspace(plate, name))))

    given = np.clip(picture_of(plate.resize.Bicubic(format=vs.RGBS)), 0, 1)
    error = np.abs(seen - view_transform(converted(given, name, "lin_rec709_scene")))
    assert error.mean() < 1e-4
    assert error.max() < (2 / 255 if format_id == vs.YUV444P10 else 1e-4)


@pytest.mark.parametrize("name", LINEARS)
def test_the_network_sees_linear_plates_of_any_gamut_alike(name):
    picture = light()
    plate = clip_of(converted(picture, "lin_rec709_scene", name))

    seen = picture_of(to_viewed_rgb(read_color(assume_colorspace(plate, name))))

    assert np.abs(seen - view_transform(picture)).max() < 5e-4


@pytest.mark.parametrize("name", LOGS + LINEARS + SLOWER)
def test_linear_light_for_what_is_written_is_opencolorios_to_the_last_bit(name):
    codes = np.clip(converted(light(), "lin_rec709_scene", name), 0, 1)

    found = picture_of(to_linear_rgb(read_color(assume_colorspace(clip_of(codes), name))))

    assert (found == converted(codes, name, "lin_rec709_scene")).all()


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.58069), (18, 0.75)], ids=["pq", "hlg"])
def test_reference_white_of_pq_and_hlg_looks_as_white_elsewhere(transfer, white):
    """203 cd/m2, BT.2408: to the network it is diffuse white, and ten times that still is below 1."""
    gray = clip_of(np.full((8, 8, 3), white, np.float32))
    tagged = gray.std.SetFrameProps(_Transfer=transfer, _Primaries=9)

    seen = picture_of(to_viewed_rgb(read_color(tagged)))
    brightest = picture_of(to_viewed_rgb(read_color(tagged.std.Expr("1"))))

    assert np.abs(seen - 0.9).max() < 2e-3
    assert 0.95 < brightest.min() <= brightest.max() < 1


def test_pq_and_hlg_are_said_by_props_or_by_name():
    plate = noise_clip(vs.YUV420P10)
    by_props = plate.std.SetFrameProps(_Transfer=16, _Primaries=9)

    for name in ("pq", "PQ", "Rec.2100-PQ - Display", "pq_rec2020_display"):
        by_name = assume_colorspace(plate, name)
        assert (picture_of(to_viewed_rgb(read_color(by_name))) ==
                picture_of(to_viewed_rgb(read_color(by_props)))).all()  # fmt: skip


def test_a_wide_gamut_without_a_curve_of_its_own_is_brought_to_rec709():
    """A red of Rec.709, said in BT.2020, looks as red as before."""
    red = clip_of(np.broadcast_to(np.float32([0.8, 0.1, 0.1]), (8, 8, 3)))
    plain = red.std.SetFrameProps(_Transfer=1, _Primaries=1)
    wide = plain.resize.Bicubic(primaries=9).resize.Bicubic(format=vs.RGB48)

    seen = picture_of(to_viewed_rgb(read_color(wide)))

    assert np.abs(seen - [0.8, 0.1, 0.1]).max() < 2e-3
    assert picture_of(wide.resize.Bicubic(format=vs.RGBS))[0, 0, 1] > 0.2


def test_display_footage_is_seen_as_it_is():
    for clip in (noise_clip(vs.RGB24), noise_clip(vs.YUV420P8), noise_clip(vs.GRAY8)):
        footage = read_color(clip)
        assert frame_bytes(to_viewed_rgb(footage), 2) == frame_bytes(to_display_rgb(footage), 2)


def test_highlights_roll_off_without_a_step_and_never_reach_one():
    ramp = np.linspace(0, 40, 4001, dtype=np.float32)
    row = np.repeat(ramp[None, :, None], 3, 2).repeat(2, 0)

    seen = picture_of(to_viewed_rgb(read_color(clip_of(row))))[0, :, 0]

    assert np.abs(seen - view_transform(ramp)).max() < 1e-5
    assert (np.diff(seen) > 0).all()
    assert seen[100] == pytest.approx(0.9, abs=1e-4)
    assert seen.max() < 1


@pytest.mark.parametrize("stops", [-3.0, 1.5])
def test_exposure_is_in_stops_for_linear_log_and_display_footage(stops):
    picture = np.clip(light(), 0, 1)
    log = coded_clip(converted(picture, "lin_rec709_scene", "ARRI LogC4"), vs.RGB48)
    display = clip_of(picture).resize.Bicubic(format=vs.RGB48, transfer=13)

    for clip in (clip_of(picture), assume_colorspace(log, "logc4"), display):
        seen = picture_of(to_viewed_rgb(read_color(clip), stops))
        assert np.abs(seen - view_transform(picture * 2**stops)).max() < 3e-3


def test_what_is_infinite_is_bright_and_what_is_no_number_is_not():
    picture = np.full((8, 8, 3), 0.18, np.float32)
    picture[0, 0], picture[1, 1], picture[2, 2] = np.inf, np.nan, -np.inf

    seen = picture_of(to_viewed_rgb(read_color(clip_of(picture)), 4))

    assert np.isfinite(seen).all()
    assert seen[0, 0].min() > 0.95
    assert seen[2, 2].max() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["acescg", "logc4", "slog3_sgamut3cine", "adx10"])
def test_a_named_space_gives_the_alpha_of_the_same_picture_on_a_display(name, astronaut):
    """Linear, log or film codes of one scene; without the name the network sees something else."""
    codes = converted(astronaut, "lin_rec709_scene", colorspaces.space(name).name)
    is_linear = name == "acescg"
    plate = clip_of(codes) if is_linear else coded_clip(np.clip(codes, 0, 1), vs.RGB48)

    wanted = plane(sghm(clip_of(astronaut), -1).get_frame(0))
    named = plane(sghm(plate, -1, input_colorspace=name).get_frame(0))

    assert wanted.mean() > 0.2
    assert np.abs(named - wanted).mean() < 1 / 255
    if not is_linear:
        unnamed = plane(sghm(plate, -1).get_frame(0))
        assert np.abs(unnamed - wanted).mean() > 4 * np.abs(named - wanted).mean()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """A portrait as linear light, 256 px."""
    codes = cv2.resize(skimage.data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    coded = clip_of(codes.astype(np.float32) / 255).std.SetFrameProps(_Transfer=13)
    return picture_of(coded.resize.Bicubic(transfer=8))


def test_any_order_and_number_of_threads_gives_the_same_bytes():
    for name in ("logc3", "adx10", "hlg"):
        clip = assume_colorspace(noise_clip(vs.YUV422P10, length=6), name)
        seen = to_viewed_rgb(read_color(clip), 0.5)
        forward = [frame_bytes(seen, n) for n in range(6)]
        assert [frame_bytes(seen, n) for n in reversed(range(6))] == forward[::-1]
        assert [plane(frame).tobytes() for frame in seen.frames(prefetch=6)] == forward


def test_each_frame_is_of_its_own_space_and_size():
    parts = [
        assume_colorspace(clip_of(converted(light(*size), "lin_rec709_scene", name)), name)
        for size, name in (((48, 64), "ACEScg"), ((32, 40), "Linear Rec.2020"))
    ]
    parts.append(assume_colorspace(clip_of(light(8, 8)), "linear"))
    clip = core.std.Splice(parts, mismatch=True)

    seen = to_viewed_rgb(read_color(clip))

    for n, size in enumerate(((48, 64), (32, 40), (8, 8))):
        assert np.abs(picture_of(seen, n) - view_transform(light(*size))).max() < 5e-4


# What is written


def test_an_acescg_plate_stays_acescg_in_exr(tmp_path):
    """Not a value changes, and the file says what they are, to readers that are not ours."""
    picture = converted(light(), "lin_rec709_scene", "ACEScg").astype(np.float16)
    plate = clip_of(picture.astype(np.float32))
    solid = core.std.BlankClip(plate, format=vs.GRAYS, color=1.0)

    export(assume_colorspace(plate, "acescg"), solid, tmp_path / "x.exr", patterns=False)

    file = oiio.ImageBuf(str(tmp_path / "x.exr"))
    assert (file.get_pixels(oiio.FLOAT)[..., :3] == picture).all()
    assert file.spec().getattribute("chromaticities")[:2] == pytest.approx((0.713, 0.293))
    assert "lin_ap1" in str([a.value for a in file.spec().extra_attribs])


def test_a_log_plate_becomes_linear_rec709_in_exr_once(tmp_path):
    codes = np.clip(converted(light(), "lin_rec709_scene", "ARRI LogC3 (EI800)"), 0, 1)
    plate = coded_clip(codes, vs.RGB30)
    solid = core.std.BlankClip(plate, format=vs.GRAYS, color=1.0)

    export(
        assume_colorspace(plate, "logc3"), solid, tmp_path / "x.exr", patterns=False, sample="float"
    )

    given = picture_of(plate.resize.Bicubic(format=vs.RGBS))
    found = oiio.ImageBuf(str(tmp_path / "x.exr")).get_pixels(oiio.FLOAT)[..., :3]
    assert (found == converted(given, "ARRI LogC3 (EI800)", "lin_rec709_scene")).all()


def test_a_log_plates_codes_go_into_prores_unchanged(tmp_path):
    plate = coded_clip(np.clip(light(), 0, 1), vs.YUV422P10).std.AssumeFPS(fpsnum=24)
    solid = core.std.BlankClip(plate, format=vs.GRAYS, color=1.0)

    export(plate, solid, tmp_path / "plain.mov", quality=1)
    export(assume_colorspace(plate, "slog3_sgamut3"), solid, tmp_path / "log.mov", quality=1)

    plain, log = (decoded(tmp_path / name) for name in ("plain.mov", "log.mov"))
    assert (plain == log).all()


def test_colors_of_a_log_plate_are_taken_apart_in_linear_light():
    mixture = hairy()
    codes = converted(mixture.picture, "lin_rec709_scene", "ARRI LogC4")
    plate = assume_colorspace(coded_clip(codes, vs.RGB48), "logc4")

    found = foreground(plate, clip_of(mixture.alpha))

    with found.get_frame(0) as frame:
        assert frame.props["SghmColorspace"] == "ARRI LogC4"
    assert mixture.error(picture_of(to_linear_rgb(read_color(found)))) < 0.02


def test_the_command_line_says_the_space_and_leaves_the_plate_as_it_is(tmp_path):
    picture = converted(light(), "lin_rec709_scene", "ACEScg")
    plate = assume_colorspace(clip_of(picture, 2), "acescg")
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(48, 0)
    export(plate, clip_of(ramp, 2), tmp_path / "p.####.exr", layout="fg")
    export(plate, clip_of(ramp, 2), tmp_path / "m.####.png")
    source, matte, out = (
        str(tmp_path / name) for name in ("p.####.exr", "m.####.png", "o.####.exr")
    )
    words = ["--input-colorspace", "acescg", "--layout", "fg", "--quiet"]

    assert main(["export", source, "--alpha", matte, "-o", out, *words]) == 0
    assert main(["export", source, "--alpha", matte, "-o", str(tmp_path / "n.####.png"), *words[:2],
                 "--quiet"]) == 1  # fmt: skip

    before, after = (oiio.ImageBuf(str(tmp_path / f"{name}.0001.exr")) for name in "po")
    assert (before.get_pixels(oiio.FLOAT) == after.get_pixels(oiio.FLOAT)).all()
    assert after.spec().get_string_attribute("sghm_vs:input_colorspace") == "ACEScg"
    assert after.spec().get_string_attribute("sghm_vs:ocio_config") == colorspaces.CONFIG
    assert not (tmp_path / "n.0001.png").exists()


def test_exposure_changes_what_the_network_sees_and_nothing_that_is_written(tmp_path):
    plate = noise_clip(vs.RGB24, length=1)
    export(plate, core.std.BlankClip(plate, format=vs.GRAY8), tmp_path / "p.####.exr", layout="fg")
    source = str(tmp_path / "p.####.exr")

    for name, stops in (("a", "0"), ("b", "-4")):
        out = str(tmp_path / f"{name}.####.exr")
        words = ["--layout", "fg", "--exposure", stops, "--tr", "0", "--quiet", "--device", "cpu"]
        assert main(["matte", source, "-o", out, *words]) == 0

    before, after = (oiio.ImageBuf(str(tmp_path / f"{name}.0000.exr")) for name in "ab")
    assert (before.get_pixels(oiio.FLOAT) == after.get_pixels(oiio.FLOAT)).all()
    assert after.spec().get_string_attribute("sghm_vs:exposure") == "-4.0"


@pytest.mark.parametrize("name", ["ACEScg", "ACES2065-1", "Linear Rec.2020", "Linear P3-D65"])
def test_an_exr_that_says_its_primaries_needs_no_name(name, tmp_path, caplog):
    """What was written of such a plate is read as such a plate again, and seen as it was."""
    plate = assume_colorspace(clip_of(converted(light(), "lin_rec709_scene", name)), name)
    solid = core.std.BlankClip(plate, format=vs.GRAYS, color=1.0)
    export(plate, solid, tmp_path / "x.exr", patterns=False, layout="fg", sample="float")

    again = open_source(tmp_path / "x.exr").clip

    assert not caplog.text
    assert (picture_of(again) == picture_of(plate)).all()
    assert (
        np.abs(picture_of(to_viewed_rgb(read_color(again))) - view_transform(light())).max() < 5e-4
    )


# Names


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ACEScg", "ACEScg"),
        ("lin_ap1_scene", "ACEScg"),
        ("scene_linear", "ACEScg"),
        ("logc3", "ARRI LogC3 (EI800)"),
        ("LogC4", "ARRI LogC4"),
        ("slog3 sgamut3cine", "S-Log3 S-Gamut3.Cine"),
        ("vlog", "V-Log V-Gamut"),
        ("Rec.2100-HLG - Display", "hlg"),
        ("sRGB - Texture", "srgb"),
    ],
)
def test_names_aliases_roles_and_interop_ids_are_understood(said, meant):
    assert colorspaces.canonical(said) == meant


def test_a_name_that_could_be_several_is_answered_with_these():
    with pytest.raises(SettingsError, match=r"did you mean S-Log3 S-Gamut3, S-Log3 S-Gamut3\.Cine"):
        colorspaces.canonical("slog3")
    with pytest.raises(
        vs.Error, match="sghm: there is no color space 'sepia' in the config studio"
    ):
        sghm(noise_clip(), -1, input_colorspace="sepia")


def test_a_studios_own_config_is_used(tmp_path, monkeypatch):
    """With a space that is no curve and matrix of ours, and without our names for linear light."""
    config = ocio.Config.CreateRaw()
    builtin = ocio.Config.CreateFromFile(f"ocio://{colorspaces.CONFIG}")
    for name in ("ACES2065-1", "CIE XYZ-D65 - Scene-referred"):
        if builtin.getColorSpace(name) is not None:
            config.addColorSpace(builtin.getColorSpace(name))
    config.setRole("aces_interchange", "ACES2065-1")
    house = ocio.ColorSpace(name="House Log", aliases=["hl"])
    house.setTransform(
        ocio.LogTransform(base=2, direction=ocio.TRANSFORM_DIR_INVERSE),
        ocio.COLORSPACE_DIR_TO_REFERENCE,
    )
    config.addColorSpace(house)
    (tmp_path / "house.ocio").write_text(config.serialize())
    monkeypatch.setenv("OCIO", str(tmp_path / "house.ocio"))

    assert colorspaces.canonical("hl") == "House Log"
    found = colorspaces.space("House Log").to_linear(np.full((1, 1, 3), 1.0, np.float32))

    assert np.abs(found - 2).max() < 1e-3
    assert colorspaces.canonical("pq") == "pq"
    assert colorspaces.canonical("logc4") == "ARRI LogC4"


def test_a_config_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("OCIO", "/nowhere/config.ocio")

    with pytest.raises(SettingsError, match=r"the config /nowhere/config\.ocio, which OCIO names"):
        colorspaces.canonical("acescg")


def test_opencolorio_is_loaded_only_for_spaces_that_it_names():
    script = (
        "import sys, vapoursynth as vs\n"
        "from sghm_vs.color.convert import read_color, assume_colorspace, to_viewed_rgb\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, width=8, height=8, length=1)\n"
        "to_viewed_rgb(read_color(assume_colorspace(clip, 'hlg'))).get_frame(0)\n"
        "assert 'PyOpenColorIO' not in sys.modules\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert run.returncode == 0, run.stderr.decode()


def decoded(path) -> np.ndarray:
    """Return the first frame's three planes of color in codes."""
    with av.open(str(path)) as movie:
        frame = next(movie.decode(video=0))
    planes = []
    for found in frame.planes[:3]:
        rows = np.frombuffer(found, np.uint16).reshape(found.height, found.line_size // 2)
        planes.append(rows[:, : found.width])
    return np.stack(planes)
