"""The bridge: exact, tagged, whole or not there. Read back by other people's readers."""

import errno
import itertools
import os
import stat
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs import export, files
from sghm_vs.color.frame_props import Colorimetry
from sghm_vs.errors import ExportError
from sghm_vs.media.writers import ffmpeg_args
from sghm_vs.media.writers.codecs import prores
from sghm_vs.media.writers.ffmpeg import is_new_enough
from tests.clips import core, counted, noise_clip, plane
from tests.decoding import av_plane, decoded

FORMS = ("x.mov", "x.####.exr", "x.####.png", "x.mkv")


def ramp(bits: int, length: int = 2) -> vs.VideoNode:
    """Return an alpha that has every code of `bits`, row by row."""
    side = 2 ** (bits // 2)
    clip = core.std.BlankClip(
        format=core.query_video_format(vs.GRAY, vs.INTEGER, bits).id,
        width=side, height=side, length=length, fpsnum=24000, fpsden=1001,
    )  # fmt: skip

    def draw(n, f):
        frame = f.copy()
        codes = np.arange(side * side, dtype=np.uint16).reshape(side, side)
        np.copyto(np.asarray(frame[0]), np.roll(codes, n, 1))
        return frame

    return clip.std.ModifyFrame(clip, draw)


def plate_for(alpha: vs.VideoNode, format_id: int = vs.RGB24) -> vs.VideoNode:
    return core.std.BlankClip(alpha, format=format_id, color=[200, 60, 20])


def written(folder: Path) -> list[Path]:
    """Return what is in `folder` besides the sidecars."""
    return [path for path in folder.iterdir() if path.suffix != ".json"]


def test_alpha_goes_through_prores_exact_to_ten_bits(tmp_path):
    """FFmpeg decodes 4444 to 12 bits; ten bits come back with their top bits repeated below."""
    alpha = ramp(10)

    export(plate_for(alpha), alpha, tmp_path / "a.mov")

    for n, frame in enumerate(decoded(tmp_path / "a.mov")):
        assert frame.format.name == "yuva444p12le"
        found = av_plane(frame, 3)
        sent = plane(alpha.get_frame(n))
        assert np.array_equal(found >> 2, sent)
        assert found.flat[np.argmin(sent)] == 0
        assert found.flat[np.argmax(sent)] == 4095


def test_alpha_goes_through_ffv1_exact_to_sixteen_bits(tmp_path):
    alpha = ramp(16, length=1)

    export(plate_for(alpha), alpha, tmp_path / "a.mkv")

    (frame,) = decoded(tmp_path / "a.mkv")
    assert frame.format.name == "gray16le"
    assert np.array_equal(av_plane(frame, 0), plane(alpha.get_frame(0)))


def test_alpha_goes_through_png_exact_to_sixteen_bits(tmp_path):
    alpha = ramp(16, length=1)

    export(plate_for(alpha), alpha, tmp_path / "a.png")

    picture = oiio.ImageBuf(str(tmp_path / "a.png"))
    assert np.array_equal(picture.get_pixels(oiio.UINT16)[..., 0], plane(alpha.get_frame(0)))


@pytest.mark.parametrize(("value", "name"), [(0.0, "nothing"), (1.0, "everything")])
def test_solid_alpha_stays_solid_in_every_form(tmp_path, value, name):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAYS, color=value)
    paths = [tmp_path / f"{name}{ending}" for ending in (".mov", ".mkv", ".exr", ".png")]

    export(clip, alpha, *paths)

    mov, mkv, exr, png = paths
    assert set(av_plane(decoded(mov)[0], 3).flat) == {int(value * 4095)}
    assert set(av_plane(decoded(mkv)[0], 0).flat) == {int(value * 65535)}
    assert set(oiio.ImageBuf(str(exr)).get_pixels(oiio.FLOAT)[..., 3].flat) == {value}
    assert set(oiio.ImageBuf(str(png)).get_pixels(oiio.UINT16).flat) == {int(value * 65535)}


def test_prores_carries_rate_tags_and_every_frame(tmp_path):
    clip = noise_clip(vs.YUV422P10, length=5)
    alpha = core.std.BlankClip(clip, format=vs.GRAYS, color=0.5)

    export(clip, alpha, tmp_path / "a.mov")

    with av.open(str(tmp_path / "a.mov")) as movie:
        stream = movie.streams.video[0]
        assert stream.average_rate == Fraction(24000, 1001)
        assert stream.time_base == Fraction(1, 24000)
        assert stream.codec_context.codec_tag == "ap4h"
        frames = list(movie.decode(video=0))
    assert len(frames) == 5
    assert {(f.colorspace, f.color_trc, f.color_primaries, f.color_range) for f in frames} == {
        (1, 1, 1, 1)
    }


def test_prores_keeps_the_tags_of_standard_definition(tmp_path):
    clip = noise_clip(vs.RGB24, length=1).resize.Bicubic(format=vs.YUV420P8, matrix=6)
    clip = clip.std.SetFrameProps(_Matrix=6, _Transfer=6, _Primaries=6)

    export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "a.mov")

    frame = decoded(tmp_path / "a.mov")[0]
    assert (frame.colorspace, frame.color_trc, frame.color_primaries) == (6, 6, 6)


def test_prores_color_is_the_resizers_within_the_codec(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAY8, color=0)

    export(clip, alpha, tmp_path / "a.mov", quality=1)

    sent = clip.resize.Bicubic(format=vs.YUV444P10, matrix=1).get_frame(0)
    frame = decoded(tmp_path / "a.mov")[0]
    for index in range(3):
        error = (av_plane(frame, index) >> 2).astype(int) - plane(sent, index).astype(int)
        assert np.abs(error).mean() < 2
        assert abs(error.mean()) < 0.6


def test_the_prores_command_says_what_it_must():
    words = ffmpeg_args.arguments(
        Path("ffmpeg"),
        Path("out.mov"),
        prores(4, Colorimetry(1, 1, 1)),
        ffmpeg_args.MovieSpec(size=(1920, 1080), rate=Fraction(24000, 1001), frames=1),
    )

    pairs = list(itertools.pairwise(words))
    for pair in [
        ("-pix_fmt", "yuva444p10le"), ("-r", "24000/1001"), ("-vcodec", "prores_ks"),
        ("-profile:v", "4"), ("-alpha_bits", "16"), ("-qscale:v", "4"), ("-vendor", "apl0"),
        ("-video_track_timescale", "24000"), ("-colorspace", "1"),
    ]:  # fmt: skip
        assert pair in pairs


@pytest.mark.parametrize(
    ("rate", "ticks"),
    [("24", 24000), ("25", 25000), ("24000/1001", 24000), ("60000/1001", 60000), ("15/2", 15000)],
)
def test_a_frame_lasts_a_whole_number_of_ticks(rate, ticks):
    assert ffmpeg_args.timescale(Fraction(rate)) == ticks
    assert (Fraction(ticks) / Fraction(rate)).denominator == 1


def test_exr_is_premultiplied_linear_half_and_zip(tmp_path):
    clip = core.std.BlankClip(format=vs.RGBS, width=64, height=48, length=1, color=[0.5, 1.0, 0.0])
    alpha = core.std.BlankClip(clip, format=vs.GRAYS, color=0.5)

    export(clip, alpha, tmp_path / "a.exr")

    picture = oiio.ImageBuf(str(tmp_path / "a.exr"))
    assert picture.spec().format == oiio.HALF
    assert picture.spec().channelnames == ("R", "G", "B", "A")
    assert picture.spec()["compression"] == "zip"
    # sRGB 0.5 is 0.2140 in linear light (IEC 61966-2-1).
    assert picture.get_pixels(oiio.FLOAT)[5, 5] == pytest.approx([0.1070, 0.5, 0, 0.5], abs=2e-4)


def test_exr_matte_has_the_alpha_in_all_four_channels(tmp_path):
    alpha = ramp(10, length=1)

    export(plate_for(alpha), alpha, tmp_path / "a.exr", layout="matte")

    pixels = oiio.ImageBuf(str(tmp_path / "a.exr")).get_pixels(oiio.FLOAT)
    expected = plane(alpha.get_frame(0)) / 1023
    assert np.abs(pixels - expected[..., None]).max() < 2.5e-4


def test_exr_says_which_frame_it_is_and_how_it_was_made(tmp_path):
    clip = noise_clip(vs.RGB24, length=2)
    alpha = core.std.BlankClip(clip, format=vs.GRAYS)

    export(clip, alpha, tmp_path / "a.####.exr", first_number=1001, metadata={"model": "lite"})

    spec = oiio.ImageBuf(str(tmp_path / "a.1002.exr")).spec()
    assert spec["imageCounter"] == 1002
    assert spec["sghm_vs:model"] == "lite"
    rate = spec["framesPerSecond"] or spec["FramesPerSecond"]
    assert tuple(rate) == (24000, 1001)


def test_camera_footage_is_made_linear_by_the_cameras_curve(tmp_path):
    """Not the display's: scene-linear is what a camera saw. H.273 gives 0.409 for 18 % gray."""
    clip = core.std.BlankClip(
        format=vs.YUV444PS, width=64, height=48, length=1, color=[0.409, 0, 0]
    )
    clip = clip.std.SetFrameProps(_Matrix=1, _Transfer=1, _Primaries=1)

    export(clip, core.std.BlankClip(clip, format=vs.GRAYS, color=1.0), tmp_path / "a.exr")

    pixel = oiio.ImageBuf(str(tmp_path / "a.exr")).get_pixels(oiio.FLOAT)[0, 0]
    assert pixel[:3] == pytest.approx([0.18] * 3, rel=2e-3)


def test_a_linear_plate_comes_back_from_prores_as_it_was(tmp_path):
    clip = core.std.BlankClip(format=vs.RGBS, width=64, height=48, length=1, color=[0.18] * 3)
    clip = clip.std.SetFrameProps(_Matrix=0, _Transfer=8, _Primaries=1)

    export(clip, core.std.BlankClip(clip, format=vs.GRAYS, color=1.0), tmp_path / "a.mov")

    luma = av_plane(decoded(tmp_path / "a.mov")[0], 0).mean() / 4
    assert (luma - 64) / 876 == pytest.approx(0.409, abs=2e-3)


@pytest.mark.parametrize(("value", "written"), [(1.5, 1), (-0.5, 0), (np.inf, 1), (np.nan, 0)])
def test_alpha_out_of_range_is_clamped_in_every_form(tmp_path, value, written):
    clip = noise_clip(vs.RGB24, length=1)
    blank = core.std.BlankClip(clip, format=vs.GRAYS)

    def fill(f, **_):
        frame = f.copy()
        np.asarray(frame[0])[:] = value
        return frame

    export(clip, blank.std.ModifyFrame(blank, fill), tmp_path / "a.exr", tmp_path / "a.png")

    assert np.all(oiio.ImageBuf(str(tmp_path / "a.exr")).get_pixels(oiio.FLOAT)[..., 3] == written)
    assert np.all(oiio.ImageBuf(str(tmp_path / "a.png")).get_pixels(oiio.FLOAT) == written)


def test_a_matte_tagged_limited_is_read_as_limited(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAY8, color=235)

    tagged = alpha.std.SetFrameProps(_Range=int(vs.RANGE_LIMITED))
    export(clip, tagged, tmp_path / "a.exr", layout="matte")

    assert np.all(oiio.ImageBuf(str(tmp_path / "a.exr")).get_pixels(oiio.FLOAT) == 1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sets a POSIX limit")
@pytest.mark.parametrize("form", ["x.exr", "x.png", "x.mov", "x.mkv"])
def test_a_disk_that_fills_up_never_leaves_a_short_file(tmp_path, form):
    """The smallest files are the trap: their last bytes go out when they are closed."""
    script = (
        "import resource, signal, sys, vapoursynth as vs\n"
        "from sghm_vs import SghmError, export\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, width=256, height=256, length=1)\n"
        "alpha = vs.core.std.BlankClip(clip, format=vs.GRAY8)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        "try:\n"
        "    export(clip, alpha, sys.argv[1])\n"
        "except SghmError as error:\n"
        "    sys.exit(3)\n"
    )

    run = subprocess.run([sys.executable, "-c", script, tmp_path / form], check=False)

    assert run.returncode == 3
    assert list(tmp_path.iterdir()) == []


def test_linear_plates_go_through_exr_untouched(tmp_path):
    clip = core.std.BlankClip(
        format=vs.RGBS, width=64, height=48, length=1, color=[4.0, 0.18, -0.1]
    )
    clip = clip.std.SetFrameProps(_Matrix=0, _Transfer=8, _Primaries=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAYS, color=1.0)

    export(clip, alpha, tmp_path / "a.exr")

    pixel = oiio.ImageBuf(str(tmp_path / "a.exr")).get_pixels(oiio.FLOAT)[0, 0]
    assert pixel == pytest.approx([4.0, 0.18, -0.1, 1.0], rel=1e-3)


def test_infinity_and_nan_do_not_reach_an_exr(tmp_path):
    clip = core.std.BlankClip(format=vs.RGBS, width=8, height=8, length=1)
    clip = clip.std.SetFrameProps(_Matrix=0, _Transfer=8, _Primaries=1)

    def poison(f, **_):
        frame = f.copy()
        for index, value in enumerate((np.inf, np.nan, 1e9)):
            np.asarray(frame[index])[:] = value
        return frame

    clip = clip.std.ModifyFrame(clip, poison)
    export(clip, core.std.BlankClip(clip, format=vs.GRAYS, color=0.0), tmp_path / "a.exr")

    assert np.all(oiio.ImageBuf(str(tmp_path / "a.exr")).get_pixels(oiio.FLOAT) == 0)


def test_the_same_frames_give_the_same_bytes(tmp_path):
    clip = noise_clip(length=3)
    alpha = clip.std.ShufflePlanes(0, vs.GRAY)

    for folder in ("one", "other"):
        export(clip, alpha, *(tmp_path / folder / form for form in FORMS), metadata={"k": "v"})

    files = sorted(path.name for path in written(tmp_path / "one"))
    assert len(files) == 8
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_part_of_a_sequence_equals_the_same_frames_of_the_whole(tmp_path):
    """A farm may cut a shot anywhere."""
    clip = noise_clip(length=5)
    alpha = clip.std.ShufflePlanes(0, vs.GRAY)

    export(clip, alpha, tmp_path / "whole.####.exr", first_number=10)
    export(clip[2:4], alpha[2:4], tmp_path / "part.####.exr", first_number=12)

    for number in (12, 13):
        whole, part = (tmp_path / f"{name}.{number:04d}.exr" for name in ("whole", "part"))
        assert whole.read_bytes() == part.read_bytes()


def test_one_pass_computes_each_frame_once_for_all_outputs(tmp_path):
    clip, plates_seen = counted(noise_clip(length=20))
    alpha, mattes_seen = counted(core.std.BlankClip(clip, format=vs.GRAYS, color=0.5))
    plates_seen.clear()

    export(clip, alpha, *(tmp_path / form for form in FORMS))

    assert sorted(mattes_seen) == list(range(20))
    # The first frame is read once before the pass, for its color and the shape of its pixels.
    assert sorted(plates_seen) == [0, *range(20)]


@pytest.mark.parametrize("sar", [(0, 1), (-2, 1), ("wide", "tall"), ([4, 3], 1)])
def test_a_pixel_shape_that_makes_no_sense_is_square(tmp_path, sar):
    clip = noise_clip(length=1).std.SetFrameProps(_SARNum=sar[0], _SARDen=sar[1])

    export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.exr")

    assert oiio.ImageBuf(str(tmp_path / "x.exr")).spec().getattribute("PixelAspectRatio") == 1


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (97, 63)])
def test_odd_sizes_are_written_as_they_are(tmp_path, size):
    clip = noise_clip(vs.RGB24, *size, length=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAY8, color=255)

    export(clip, alpha, *(tmp_path / name for name in ("x.mov", "x.mkv", "x.exr", "x.png")))

    frame = decoded(tmp_path / "x.mov")[0]
    assert (frame.width, frame.height) == size
    spec = oiio.ImageBuf(str(tmp_path / "x.exr")).spec()
    assert (spec.width, spec.height) == size


@pytest.mark.parametrize("name", ["a b.mov", "ä[1] 100%.mov", "x'; rm.mov", "-o.mov", "a:b.mov"])
def test_hostile_names_are_only_names(tmp_path, name):
    clip = noise_clip(length=1)

    export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / name)

    assert [path.name for path in written(tmp_path)] == [name]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no output"),
        (["x.avi"], "no form that can be written"),
        (["x"], "no form that can be written"),
        (["x.exr"], r"x\.####\.exr"),
        (["x.mov", "x.mov"], "same file"),
        (["x.####.exr", "x.%04d.exr"], "same file"),
        (["x.mov", "folder.mov/../x.mov"], "same file"),
        (["x.####.mov"], "without a pattern"),
        (["there.mov"], "there.mov exists already; .*overwrite=True"),
        (["seq.####.exr"], r"seq\.0001\.exr exists already"),
        (["file/x.mov"], "can't be made"),
        (["folder.mov"], "is a folder"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_any_work(tmp_path, names, words):
    (tmp_path / "there.mov").touch()
    (tmp_path / "seq.0001.exr").touch()
    (tmp_path / "file").touch()
    (tmp_path / "folder.mov").mkdir()
    before = sorted(tmp_path.rglob("*"))
    clip, seen = counted(noise_clip(length=2))
    seen.clear()

    with pytest.raises(ExportError, match=words):
        export(
            clip, core.std.BlankClip(clip, format=vs.GRAY8), *(tmp_path / name for name in names)
        )

    assert not seen
    assert sorted(tmp_path.rglob("*")) == before


def test_overwrite_replaces(tmp_path):
    clip = noise_clip(length=1)
    (tmp_path / "x.mov").write_text("old")

    export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov", overwrite=True)

    assert len(decoded(tmp_path / "x.mov")) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 64}, "64x64 with 2 frames, and the clip 96x64 with 2"),
        ({"length": 3}, "with 3 frames, and the clip"),
        ({"format": vs.RGB24}, "must be a GRAY clip"),
    ],
)
def test_an_alpha_that_does_not_fit_is_named_with_both_sides(tmp_path, change, words):
    clip = noise_clip(length=2)
    alpha = core.std.BlankClip(clip, **{"format": vs.GRAY8, **change})

    with pytest.raises(ExportError, match=words):
        export(clip, alpha, tmp_path / "x.mov")


@pytest.mark.parametrize("wrong", [{"layout": "cmyk"}, {"quality": 0}, {"quality": 99}])
def test_a_wrong_option_is_named(tmp_path, wrong):
    clip = noise_clip(length=1)

    with pytest.raises(ExportError, match=next(iter(wrong))):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov", **wrong)


def test_a_clip_without_a_rate_makes_no_movie(tmp_path):
    clip = core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=2, fpsnum=0, fpsden=1)

    with pytest.raises(ExportError, match="no constant rate"):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov")


def lasting(*thousandths: int) -> vs.VideoNode:
    """Return a clip at 25 frames a second whose frames last as said, in 1/1000 s."""
    clip = core.std.BlankClip(format=vs.RGB24, width=64, height=64, fpsnum=25, fpsden=1, length=1)
    frames = [clip.std.SetFrameProps(_DurationNum=t, _DurationDen=1000) for t in thousandths]
    return core.std.Splice(frames)


@pytest.mark.parametrize("form", ["x.mov", "x.mkv"])
def test_a_rate_that_varies_makes_no_movie_but_a_sequence(tmp_path, form):
    clip = lasting(40, 40, 80, 20)
    alpha = core.std.BlankClip(clip, format=vs.GRAY8).std.CopyFrameProps(clip)

    with pytest.raises(ExportError, match=r"frame 2 .*lasts 0\.0800 s, and at 25.*x\.####\.exr"):
        export(clip, alpha, tmp_path / form, tmp_path / "x.####.png")
    export(clip, alpha, tmp_path / "y.####.exr")
    export(clip.std.AssumeFPS(fpsnum=25), alpha.std.AssumeFPS(fpsnum=25), tmp_path / form)

    assert len(list(tmp_path.glob("y.*.exr"))) == 4
    assert len(decoded(tmp_path / form)) == 4


def test_times_rounded_to_a_millisecond_are_a_constant_rate(tmp_path):
    clip = lasting(*[33, 34, 33] * 20).std.AssumeFPS(fpsnum=30)
    rounded = clip.std.CopyFrameProps(lasting(*[33, 34, 33] * 20))

    export(rounded, core.std.BlankClip(rounded, format=vs.GRAY8), tmp_path / "x.mov")

    assert len(decoded(tmp_path / "x.mov")) == 60


@pytest.mark.parametrize(
    ("version", "is_good"),
    [
        ("ffmpeg version 7.0.2-static", True), ("ffmpeg version n9.0.2", True),
        ("ffmpeg version N-118896-g9f0970ee35", True), ("ffmpeg version 10.1", True),
        ("ffmpeg version 5.1.9-0+deb12u1", False), ("ffmpeg version n6.1", False),
        ("ffmpeg version N-100000-gabcdef", False), ("gibberish", False),
    ],
)  # fmt: skip
def test_ffmpeg_is_trusted_with_alpha_since_version_7(version, is_good):
    assert is_new_enough(version) == is_good


def fake_ffmpeg(folder: Path, script: str) -> Path:
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_an_old_ffmpeg_is_refused_with_the_way_out(tmp_path, monkeypatch):
    old = fake_ffmpeg(tmp_path, "echo ffmpeg version 5.1.9")
    monkeypatch.setenv("SGHM_FFMPEG", str(old))
    clip = noise_clip(length=1)

    with pytest.raises(ExportError, match=r"5\.1\.9.*unset SGHM_FFMPEG"):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov")


def test_what_is_not_ffmpeg_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SGHM_FFMPEG", str(tmp_path / "nowhere"))
    clip = noise_clip(length=1)

    with pytest.raises(ExportError, match="does not run as ffmpeg"):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov")


@pytest.mark.parametrize(
    "failing",
    ["echo out of cheese >&2; exit 1", "cat > /dev/null; echo out of cheese >&2; exit 1"],
)
def test_ffmpegs_last_words_reach_the_user(tmp_path, monkeypatch, failing):
    script = f'[ "$1" = -version ] && echo ffmpeg version 8.0 && exit 0\n{failing}'
    monkeypatch.setenv("SGHM_FFMPEG", str(fake_ffmpeg(tmp_path, script)))
    clip = noise_clip(width=640, height=480, length=4)

    with pytest.raises(ExportError, match=r"x\.mov can't be written.*out of cheese"):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["ffmpeg"]


def test_an_interrupt_leaves_no_half_file(tmp_path):
    clip = noise_clip(length=8)

    def interrupt(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(
            clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov",
            tmp_path / "x.####.exr", tmp_path / "x.mkv", progress=interrupt,
        )  # fmt: skip

    names = sorted(path.name for path in written(tmp_path))
    assert all(name.endswith(".exr") and not name.startswith(".") for name in names)
    for name in names:
        assert oiio.ImageBuf(str(tmp_path / name)).get_pixels(oiio.FLOAT).shape == (64, 96, 4)


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for a process, as POSIX does")
def test_what_a_killed_run_left_is_swept_and_a_running_ones_files_are_not(tmp_path):
    clip = noise_clip(length=1)
    ours = files.part_of(tmp_path / "a.mov")
    dead = ours.with_name(ours.name.replace(f"-{os.getpid()}-", "-999999999-"))
    elsewhere = tmp_path / ".sghm-000000000000-999999999-000000000000.part"
    for part in (ours, dead, elsewhere):
        part.touch()

    export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.png")

    assert {path.name for path in written(tmp_path)} == {ours.name, elsewhere.name, "x.png"}


@pytest.mark.parametrize("form", ["x.####.exr", "x.####.png", "x.mov"])
def test_a_full_disk_is_named_and_leaves_no_half_file(tmp_path, monkeypatch, form):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.Path, "replace", full)
    clip = noise_clip(length=3)

    with pytest.raises(ExportError, match="No space left on device"):
        export(clip, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / form)

    assert list(tmp_path.iterdir()) == []


def test_a_frame_that_cannot_be_computed_is_named_and_leaves_no_movie(tmp_path):
    clip = noise_clip(length=4)

    def fail(n, f):
        if n == 2:
            msg = "this frame is broken"
            raise ValueError(msg)
        return f

    broken = clip.std.ModifyFrame(clip, fail)

    with pytest.raises(ExportError, match=r"^frame 2 can't be computed: .*this frame is broken$"):
        export(broken, core.std.BlankClip(clip, format=vs.GRAY8), tmp_path / "x.mov")

    assert list(tmp_path.iterdir()) == []
