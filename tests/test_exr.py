"""EXR as compositors know it: layouts, compressions, windows, metadata. Read by OpenImageIO."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs import export
from sghm_vs.errors import ExportError, SourceError
from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.media.readers import open_source
from sghm_vs.media.timecode import Timecode
from sghm_vs.options import FrameRange, Opening
from sghm_vs.shots.shot import deliver
from tests.clips import core, noise_clip, plane

MATTE_LAYOUTS = ("rgba", "matte", "alpha", "layered", "multipart")
LOSSLESS = ("none", "rle", "zips", "zip", "piz")


def noise_alpha(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a matte of `clip`'s size with soft values, zeros and ones."""
    blank = core.std.BlankClip(clip, format=vs.GRAYS)

    def draw(n, f):
        frame = f.copy()
        values = np.random.default_rng(n).uniform(-0.3, 1.3, (f.height, f.width))
        np.copyto(np.asarray(frame[0]), np.clip(values, 0, 1).astype(np.float32))
        return frame

    return blank.std.ModifyFrame(blank, draw)


def parts(path: Path) -> list[oiio.ImageBuf]:
    count = oiio.ImageBuf(str(path)).nsubimages
    return [oiio.ImageBuf(str(path), part, 0) for part in range(count)]


def channel(path: Path, name: str) -> np.ndarray:
    for part in parts(path):
        if name in part.spec().channelnames:
            return part.get_pixels(oiio.FLOAT)[..., part.spec().channelnames.index(name)]
    raise AssertionError(name)


def half_step(values: np.ndarray) -> np.ndarray:
    """Return the distance between neighbors in half floats at `values`."""
    return np.spacing(values.astype(np.float16)).astype(np.float32)


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("rgba", [("R", "G", "B", "A")]),
        ("matte", [("R", "G", "B", "A")]),
        ("alpha", [("A",)]),
        ("layered", [("R", "G", "B", "A", "core.A", "edge.A", "matte.A")]),
        ("fg", [("R", "G", "B")]),
        ("multipart", [("R", "G", "B", "A"), ("core.A", "edge.A", "matte.A")]),
    ],
)
def test_each_layout_has_its_channels(tmp_path, layout, names):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = noise_alpha(clip)
    mattes = {"core": alpha, "edge": alpha} if layout in ("layered", "multipart") else {}

    export(clip, alpha, tmp_path / "a.exr", layout=layout, extra=mattes)

    found = [part.spec().channelnames for part in parts(tmp_path / "a.exr")]
    assert [sorted(part) for part in found] == [sorted(part) for part in names]


@pytest.mark.parametrize("layout", MATTE_LAYOUTS)
@pytest.mark.parametrize("compression", [*LOSSLESS, "pxr24", "dwaa", "dwab"])
def test_no_compression_changes_a_matte_by_more_than_half_a_half_step(
    tmp_path, layout, compression
):
    """Half has 11 significant bits. A compression that would change a matte is refused."""
    clip = noise_clip(vs.RGB24, length=1)
    alpha = noise_alpha(clip)
    options = {"layout": layout, "compression": compression}
    if layout == "matte" and compression.startswith("dwa"):
        with pytest.raises(ExportError, match='layout="alpha", or compression="zip"'):
            export(clip, alpha, tmp_path / "a.exr", **options)
        return

    export(clip, alpha, tmp_path / "a.exr", **options)

    sent = plane(alpha.get_frame(0))
    names = {"matte": "RGBA", "layered": ("A", "matte.A"), "multipart": ("A", "matte.A")}
    for name in names.get(layout, "A"):
        found = channel(tmp_path / "a.exr", name)
        assert np.all(np.abs(found - sent) <= half_step(sent) / 2)
        assert np.array_equal(found == 0, sent == 0)
        assert np.array_equal(found == 1, sent.astype(np.float16) == 1)


@pytest.mark.parametrize("layout", MATTE_LAYOUTS)
@pytest.mark.parametrize("compression", LOSSLESS)
def test_float_keeps_every_bit_of_a_matte(tmp_path, layout, compression):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = noise_alpha(clip)

    export(clip, alpha, tmp_path / "a.exr", layout=layout, compression=compression, sample="float")

    assert np.array_equal(channel(tmp_path / "a.exr", "A"), plane(alpha.get_frame(0)))
    with pytest.raises(ExportError, match="pxr24 cuts float"):
        export(clip, alpha, tmp_path / "b.exr", layout=layout, compression="pxr24", sample="float")


def test_premultiplied_color_never_exceeds_the_alpha(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)

    export(clip, noise_alpha(clip), tmp_path / "a.exr")

    pixels = oiio.ImageBuf(str(tmp_path / "a.exr")).get_pixels(oiio.FLOAT)
    assert np.all(pixels[..., :3] <= pixels[..., 3:])


def test_foreground_color_takes_the_place_of_the_clips(tmp_path):
    clip = noise_clip(vs.RGB24, length=1).std.SetFrameProps(_SARNum=4, _SARDen=3)
    light = core.std.BlankClip(clip, format=vs.RGBS, color=[0.5, 0.25, 2.0])
    light = light.std.SetFrameProps(_Matrix=0, _Transfer=8, _Primaries=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAYS, color=0.5)

    export(clip, alpha, tmp_path / "fg.exr", foreground=light, layout="fg")
    export(clip, alpha, tmp_path / "rgba.exr", foreground=light)

    straight, rgba = (oiio.ImageBuf(str(tmp_path / f"{name}.exr")) for name in ("fg", "rgba"))
    assert np.all(straight.get_pixels(oiio.FLOAT) == [0.5, 0.25, 2.0])
    assert np.all(rgba.get_pixels(oiio.FLOAT) == [0.25, 0.125, 1.0, 0.5])
    assert straight.spec()["PixelAspectRatio"] == pytest.approx(4 / 3)


def test_further_mattes_are_written_as_they_are(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)
    alpha, core_matte = noise_alpha(clip), core.std.BlankClip(clip, format=vs.GRAYS, color=0.25)

    export(clip, alpha, tmp_path / "a.exr", layout="layered", extra={"core": core_matte})

    assert np.all(channel(tmp_path / "a.exr", "core.A") == 0.25)


@pytest.mark.parametrize("name", ["mask", "depth", "matte", "RGBA", "a b", "a.b", "", "1st"])
def test_a_layer_that_a_host_reserves_or_misreads_is_refused(tmp_path, name):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = noise_alpha(clip)

    with pytest.raises(ExportError, match="can't name a layer"):
        export(clip, alpha, tmp_path / "a.exr", layout="layered", extra={name: alpha})


def test_mattes_that_nothing_would_hold_are_refused(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = noise_alpha(clip)

    with pytest.raises(ExportError, match=r'core.*layout="layered" or layout="multipart"'):
        export(clip, alpha, tmp_path / "a.exr", extra={"core": alpha})


def test_a_color_and_a_data_part_say_which_they_are(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)

    export(clip, noise_alpha(clip), tmp_path / "a.exr", layout="multipart")

    rgba, matte = (part.spec() for part in parts(tmp_path / "a.exr"))
    assert (rgba["name"], rgba["colorInteropID"]) == ("rgba", "lin_rec709_scene")
    assert (matte["name"], matte["colorInteropID"]) == ("matte", "data")
    assert matte["oiio:ColorSpace"] == "data"
    assert matte.getattribute("chromaticities") is None


def test_metadata_says_when_and_where_a_frame_was_filmed(tmp_path):
    clip = noise_clip(length=3)
    origin = SourceMetadata(
        file="A001C002.mov",
        first_frame=48,
        reel="A001C002",
        timecode=Timecode.parse("01:00:01:23", Fraction(24000, 1001)),
    )

    export(
        clip, noise_alpha(clip), tmp_path / "a.####.exr", first_number=1001, origin=origin,
        metadata={"model": "m", "weights_sha256": "00"},
    )  # fmt: skip

    spec = oiio.ImageBuf(str(tmp_path / "a.1002.exr")).spec()
    assert spec.get_string_attribute("smpte:TimeCode") == "01:00:02:00"
    assert spec["reelName"] == "A001C002"
    assert spec["imageCounter"] == spec["sghm_vs:source_frame"] == 49
    assert spec["sghm_vs:source_file"] == "A001C002.mov"
    assert tuple(spec["framesPerSecond"]) == (24000, 1001)


def plate(path: Path, number: int, data, display=((0, 0), (31, 23)), **header) -> None:
    """Write an EXR plate with these windows, gray within its data window."""
    (x0, y0), (x1, y1) = data
    pixels = np.full((y1 - y0 + 1, x1 - x0 + 1), 0.5, np.float16)
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage,
        "dataWindow": data, "displayWindow": display, **header,
    }  # fmt: skip
    with OpenEXR.File(header, dict.fromkeys("RGB", pixels)) as file:
        file.write(str(path / f"plate.{number:04d}.exr"))


def windows(spec: oiio.ImageSpec) -> tuple[int, ...]:
    return (
        spec.x, spec.y, spec.width, spec.height,
        spec.full_x, spec.full_y, spec.full_width, spec.full_height,
    )  # fmt: skip


@pytest.mark.parametrize("layout", ["rgba", "matte", "multipart"])
@pytest.mark.parametrize(
    "boxes",
    [
        [((-4, -2), (35, 25)), ((-4, -2), (35, 25))],
        [((5, 3), (20, 10)), ((0, 0), (31, 23))],
        [((0, 0), (31, 23)), ((7, 8), (7, 8))],
    ],
    ids=["overscan", "cropped", "one pixel"],
)
def test_plates_keep_their_windows_where_that_is_asked_for(tmp_path, layout, boxes):
    for number, box in enumerate(boxes, start=1001):
        plate(tmp_path, number, box)
    source = open_source(tmp_path / "plate.####.exr", Opening(keep_windows=True))
    ones = core.std.BlankClip(source.clip, format=vs.GRAYS, color=1.0)

    export(source.clip, ones, tmp_path / "m.####.exr", first_number=1001, layout=layout)

    for number in (1001, 1002):
        made, given = (tmp_path / f"{name}.{number}.exr" for name in ("m", "plate"))
        for part in parts(made):
            assert windows(part.spec()) == windows(oiio.ImageBuf(str(given)).spec())
        expected = 1 if layout == "matte" else 0.5
        assert np.all(oiio.ImageBuf(str(made)).get_pixels(oiio.FLOAT)[..., :3] == expected)


def test_a_plate_that_outgrows_the_first_ones_windows_is_named(tmp_path):
    plate(tmp_path, 1, ((0, 0), (31, 23)))
    plate(tmp_path, 2, ((-9, 0), (31, 23)))
    clip = open_source(tmp_path / "plate.####.exr", Opening(keep_windows=True)).clip

    with pytest.raises(vs.Error, match=r"plate\.0002\.exr has pixels at -9,0 to 31,23"):
        clip.get_frame(1)
    with pytest.raises(SourceError):
        open_source(tmp_path / "nothing.####.exr", Opening(keep_windows=True))


def test_windows_are_not_kept_unasked(tmp_path):
    plate(tmp_path, 1, ((5, 3), (20, 10)))
    source = open_source(tmp_path / "plate.####.exr")

    export(source.clip, noise_alpha(source.clip), tmp_path / "m.exr")

    assert windows(oiio.ImageBuf(str(tmp_path / "m.exr")).spec()) == (0, 0, 32, 24, 0, 0, 32, 24)


def test_timecode_reel_and_numbers_of_plates_reach_a_range_of_them(tmp_path):
    start = OpenEXR.TimeCode(10, 59, 59, 22, *[0] * 14)
    for number in range(1001, 1005):
        plate(
            tmp_path, number, ((0, 0), (31, 23)), timeCode=start, reelName="B007",
            framesPerSecond=Fraction(24),
        )  # fmt: skip
    source = open_source(tmp_path / "plate.####.exr")

    deliver(
        source, noise_alpha(source.clip), [tmp_path / "m.####.exr"], frames=FrameRange(1003, 1004)
    )

    assert sorted(path.name for path in tmp_path.glob("m.*.exr")) == ["m.1003.exr", "m.1004.exr"]
    spec = oiio.ImageBuf(str(tmp_path / "m.1003.exr")).spec()
    assert spec.get_string_attribute("smpte:TimeCode") == "11:00:00:00"
    assert spec["reelName"] == "B007"
    assert spec["sghm_vs:source_file"] == "plate.####.exr"
    assert spec["imageCounter"] == 1003


def test_a_damaged_timecode_is_left_out_with_a_warning(tmp_path, caplog):
    plate(tmp_path, 1, ((0, 0), (31, 23)), timeCode=OpenEXR.TimeCode(10, 59, 59, 29, *[0] * 14))

    source = open_source(tmp_path / "plate.####.exr")

    assert source.origin.timecode is None
    assert "its timecode is left out" in caplog.text


@pytest.mark.slow
def test_the_command_line_takes_layout_sample_and_compression(tmp_path):
    plate(tmp_path, 7, ((0, 0), (31, 23)))
    words = [
        sys.executable, "-m", "sghm_vs", "export", tmp_path / "plate.####.exr", "--alpha",
        tmp_path / "plate.####.exr", "-o", tmp_path / "m.####.exr", "--layout", "layered",
        "--sample", "float", "--compression", "piz", "--quiet",
    ]  # fmt: skip

    subprocess.run(words, check=True)

    spec = oiio.ImageBuf(str(tmp_path / "m.0007.exr")).spec()
    assert (spec.format, spec["compression"]) == (oiio.FLOAT, "piz")
    assert "matte.A" in spec.channelnames
