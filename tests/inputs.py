"""
Makes each input that a user may bring, opens it, and tables the outcome.

    python -m tests.inputs > docs/inputs.md

A new input is a function marked `@case("what it is")` that makes a file in the folder it is
given and returns an `Input`; its outcome is what `open_source` gives, or how it refuses.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from unittest import mock

import cv2
import imageio_ffmpeg
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import PIL.Image
import PIL.ImageCms
import vapoursynth as vs

from sghm_vs.errors import SghmError
from sghm_vs.media.readers import open_source
from sghm_vs.options import Opening
from tests import checkpoints
from tests.checkpoints import CHECKPOINTS
from tests.field_pictures import write_fields
from tests.null_frames import with_null_frames
from tests.repeated_frames import MOVING_JXL, write_mpeg4, write_packed


@dataclass(frozen=True, slots=True)
class Input:
    """What is opened, and how."""

    path: Path | str
    opening: Opening = field(default_factory=Opening)


type Make = Callable[[Path], Input]

CASES: dict[str, Make] = {}
VIDEO = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=2")
X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12")
SCANLINE = {"type": OpenEXR.scanlineimage}
SCRIPT = "import vapoursynth as vs\nclip = vs.core.std.BlankClip(width=64, height=36, length=5)\n"


def case(what: str) -> Callable[[Make], Make]:
    """List the function as the input called `what`."""

    def listed(make: Make) -> Make:
        CASES[what] = make
        return make

    return listed


def outcome(make: Make) -> str:
    """Return what becomes of the input, in a line."""
    with tempfile.TemporaryDirectory() as name, mock.patch.object(logging, "lastResort", None):
        folder = Path(name)
        heard = Heard()
        logging.getLogger("sghm_vs").addHandler(heard)
        try:
            line = opened(make(folder))
        except (SghmError, vs.Error) as error:
            line = f"refused: {str(error).strip().splitlines()[-1]}"
        finally:
            logging.getLogger("sghm_vs").removeHandler(heard)
        warned = "".join(f"; warns: {words}" for words in heard.words)
        return (line + warned).replace(f"{folder}/", "").replace(str(folder), "the folder")


def opened(source: Input) -> str:
    """Open the input, compute its first and last frame, and say what it is."""
    found = open_source(source.path, source.opening)
    clip = found.clip
    clip.get_frame(0).close()
    with clip.get_frame(clip.num_frames - 1) as last:
        aspect = aspect_text(last)
    frames = "1 frame" if clip.num_frames == 1 else f"{clip.num_frames} frames"
    rate = f" at {clip.fps} fps" if clip.num_frames > 1 else ""
    if found.varying is not None:
        rate = f" of a rate that varies ({found.varying.rate} fits best)"
    first = f" from {found.first_number}" if found.first_number else ""
    return f"{found.kind}, {frames}{first}{rate}, {clip.width}x{clip.height} {clip.format.name}{aspect}"


def aspect_text(frame: vs.VideoFrame) -> str:
    """Return the pixel aspect of `frame` where it isn't square."""
    width, height = (frame.props.get(name, 1) for name in ("_SARNum", "_SARDen"))
    return "" if width == height else f", pixels {width}:{height}"


class Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())


def ffmpeg(*words: object) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return Path(str(words[-1]))


def movie(path: Path, *options: object) -> Path:
    return ffmpeg(*VIDEO, *X264, *options, path)


def cut(path: Path, kept: float = 0.6) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    return path


def photo(width: int = 60, height: int = 40) -> PIL.Image.Image:
    coarse = np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8)
    return PIL.Image.fromarray(cv2.resize(coarse, (width, height)))


def saved(path: Path, picture: PIL.Image.Image, **options: object) -> Input:
    picture.save(path, **options)
    return Input(path)


def lab() -> PIL.Image.Image:
    srgb, cielab = (PIL.ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
    return PIL.ImageCms.profileToProfile(photo(), srgb, cielab, outputMode="LAB")


def coded(path: Path, channels: int, dtype: str, bits: int = 0, **attributes: object) -> Input:
    pixels = np.random.default_rng(0).integers(0, 200, (40, 60, channels)).astype(dtype)
    spec = oiio.ImageSpec(60, 40, channels, dtype)
    if bits:
        spec.attribute("oiio:BitsPerSample", bits)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    image = oiio.ImageOutput.create(str(path))
    image.open(str(path), spec)
    image.write_image(pixels)
    image.close()
    return Input(path)


def exr(path: Path, names: str = "R G B", layer: str | None = None, **header: object) -> Input:
    plane = np.random.default_rng(0).random((40, 60)).astype("f4")
    OpenEXR.File({**SCANLINE, **header}, dict.fromkeys(names.split(), plane)).write(str(path))
    return Input(path, Opening(layer=layer))


def window(left: int, top: int, right: int, bottom: int) -> tuple[object, object]:
    return np.array([left, top], "i4"), np.array([right, bottom], "i4")


def sequence(folder: Path, numbers: list[int], missing: str = "error") -> Input:
    for number in numbers:
        photo().save(folder / f"plate.{number:04d}.png")
    return Input(folder / "plate.####.png", Opening(missing=missing))


def numbered(folder: Path, kind: str, **header: object) -> Input:
    """Return a sequence of two film frames that say `header`."""
    for number in (1, 2):
        path = folder / f"plate.{number:04d}.{kind}"
        if kind == "dpx":
            coded(path, 3, "uint16", 10, **header)
        else:
            exr(path, **header)
    return Input(folder / f"plate.####.{kind}")


def counted_exr(folder: Path) -> Input:
    """Return a sequence over a second of timecode that counts to 25."""
    for number in range(1, 5):
        seconds, frames = divmod(number + 22, 25)
        code = OpenEXR.TimeCode(1, 0, seconds, frames, *[0] * 14)
        exr(folder / f"plate.{number:04d}.exr", timeCode=code)
    return Input(folder / "plate.####.exr")


def midway(folder: Path) -> Input:
    """Return the last seven eighths of a stream."""
    path = movie(folder / "joined.ts")
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 188 // 8 * 188 :])
    return Input(path)


def null_frames(folder: Path) -> Input:
    """Return an AVI of 48 frames, of which the first, the sixth and the last are empty chunks."""
    path = ffmpeg(*VIDEO, "-c:v", "mjpeg", folder / "capture.avi")
    return Input(with_null_frames(path, {0, 5, 47}))


def counted_to_30(folder: Path) -> Input:
    """Return a movie with the timecode of one of half its rate."""
    start = ("-timecode", "01:00:00:20")
    movie(folder / "b.mov", "-r", "30000/1001", *start)
    movie(folder / "a.mov", "-r", "60000/1001", "-frames:v", 40)
    inputs = ("-i", folder / "a.mov", "-i", folder / "b.mov")
    return Input(ffmpeg(*inputs, "-map", "0:v", "-map", "1:d", "-c", "copy", folder / "cam.mov"))


def script(folder: Path, code: str) -> Input:
    (folder / "cut.vpy").write_text(SCRIPT + code)
    return Input(folder / "cut.vpy")


def exif(folder: Path, suffix: str) -> Input:
    data = PIL.Image.Exif()
    data[0x0112] = 6
    return saved(folder / f"portrait{suffix}", photo(), exif=data)


def two_tracks(folder: Path) -> Path:
    small = ("-f", "lavfi", "-i", "testsrc2=s=32x18:r=24:d=2")
    return ffmpeg(*small, *VIDEO, "-map", 0, "-map", 1, *X264, folder / "two.mkv")


def song(folder: Path) -> Input:
    photo().save(folder / "cover.png")
    sound = ("-f", "lavfi", "-i", "sine=d=1", "-i", folder / "cover.png", "-map", 0, "-map", 1)
    return Input(
        ffmpeg(*sound, "-c:v", "png", "-disposition:v:0", "attached_pic", folder / "song.mp3")
    )


def album(folder: Path) -> Input:
    photo().save(folder / "cover.png")
    both = ("-i", movie(folder / "a.mp4"), "-i", folder / "cover.png", "-map", 0, "-map", 1)
    art = ("-c:v:0", "copy", "-c:v:1", "png", "-disposition:v:1", "attached_pic")
    return Input(ffmpeg(*both, *art, folder / "film.mp4"))


def parts(folder: Path, layer: str | None) -> Input:
    plane = np.ones((40, 60), "f4")
    listed = [OpenEXR.Part(dict(SCANLINE, name="depth"), {"Z": plane}, "depth")]
    for view in ("left", "right"):
        header = dict(SCANLINE, name=f"rgba.{view}", view=view)
        listed.append(OpenEXR.Part(header, dict.fromkeys("RGB", plane), f"rgba.{view}"))
    OpenEXR.File(listed).write(str(folder / "stereo.exr"))
    return Input(folder / "stereo.exr", Opening(layer=layer))


def deep(folder: Path) -> Input:
    path = str(folder / "deep.exr")
    spec = oiio.ImageSpec(4, 4, 5, "float")
    spec.channelnames, spec.deep = ("R", "G", "B", "A", "Z"), True
    samples = oiio.DeepData()
    samples.init(16, 5, (oiio.TypeFloat,) * 5, spec.channelnames)
    image = oiio.ImageOutput.create(path)
    image.open(path, spec)
    image.write_deep_image(samples)
    image.close()
    return Input(path)


def remuxed(
    folder: Path,
    name: str,
    *options: object,
    before: tuple[object, ...] = (),
    made: tuple[object, ...] = (),
) -> Input:
    plain = movie(folder / "a.mp4", *made)
    return Input(ffmpeg(*before, "-i", plain, "-c", "copy", *options, folder / name))


def read_only(folder: Path) -> Input:
    inside = folder / "locked"
    inside.mkdir()
    path = movie(inside / "shot.mp4")
    inside.chmod(0o555)
    return Input(path)


BEAUTY = "R G B beauty.R beauty.G beauty.B depth.Z"
DISPLAY = window(0, 0, 59, 39)

# Movies.
case("movie, H.264 MP4")(lambda f: Input(movie(f / "shot.mp4")))
case("movie turned by 90 degrees")(
    lambda f: remuxed(f, "phone.mp4", before=("-display_rotation", 90))
)
case("movie turned by 180 degrees")(
    lambda f: remuxed(f, "phone.mp4", before=("-display_rotation", 180))
)
case("movie with an edit list (a copy from 0.6 s on)")(
    lambda f: remuxed(f, "cut.mp4", before=("-ss", 0.6))
)
case("movie with a time base of 1/90001")(
    lambda f: remuxed(f, "odd.mp4", "-video_track_timescale", 90001)
)
case("movie with 1 ms time stamps (Matroska)")(lambda f: Input(movie(f / "shot.mkv")))
case("movie of 23.976 fps")(
    lambda f: Input(movie(f / "shot.mov", "-r", "24000/1001", "-frames:v", 20))
)
TICKS = ("-bf", 0, "-frames:v", 40, "-video_track_timescale")
case("movie of 29.97 fps in ticks of 1/600")(
    lambda f: Input(movie(f / "IMG_1.mov", "-r", "30000/1001", *TICKS, 600))
)
case("movie of 29.97 fps that its header calls 2997/100")(
    lambda f: Input(movie(f / "a.mov", "-r", "2997/100", *TICKS, 2997))
)
case("transport stream that begins between two key frames")(midway)
case("AVI with null frames, also first and last")(null_frames)
RED = ("-f", "lavfi", "-i", "color=red:s=64x48:r=24:d=2", "-c:v", "libtheora", "-g", 12)
NOT_EMPTY = ("-c", "copy", "-bsf:v", "noise=drop='not(size)'")
case("Ogg Theora with empty packets, each of which repeats the frame before")(
    lambda f: Input(ffmpeg(*RED, f / "screen.ogv"))
)
case("the same, cut by copying")(
    lambda f: Input(ffmpeg("-ss", 1, "-i", ffmpeg(*RED, f / "a.ogv"), "-c", "copy", f / "cut.ogv"))
)
case("the same, copied without the empty packets")(
    lambda f: Input(ffmpeg("-i", ffmpeg(*RED, f / "a.ogv"), *NOT_EMPTY, f / "copied.ogv"))
)
case("MPEG-4 of 40 frames, of which 31 are not coded")(
    lambda f: Input(write_mpeg4(f / "cam.mp4", {n for n in range(40) if n % 5}))
)
case("AVI of 41 frames, in packets of two as DivX has them")(
    lambda f: Input(write_packed(f / "film.avi"))
)
case("movie whose time stamps lie 400 days apart")(
    lambda f: Input(
        ffmpeg(*VIDEO, *X264, "-bsf:v", "setts=ts=PTS+gte(N\\,24)*34560000/TB", f / "cam.mkv")
    )
)
case("HEVC coded in fields")(
    lambda f: Input(
        ffmpeg(
            *VIDEO, "-c:v", "libx265", "-x265-params", "interlace=tff:log-level=none",
            f / "fields.mkv",
        )
    )
)  # fmt: skip
case("H.264 coded in fields")(
    lambda f: Input(
        ffmpeg("-r", 50, "-i", write_fields(f / "a.h264", 20), "-c", "copy", f / "a.mkv")
    )
)
case("AVI with B-frames")(lambda folder: Input(movie(folder / "capture.avi", "-bf", 2)))
case("MOV of 59.94 fps whose timecode counts 30 a second")(counted_to_30)
case("movie with pixels of 2:1")(lambda f: Input(movie(f / "wide.mp4", "-vf", "setsar=2")))
ODD = ("-vf", "scale=63:35", "-c:v")
case("movie of odd size, VP9 4:2:0")(
    lambda f: Input(movie(f / "tab.webm", *ODD, "libvpx-vp9", "-cpu-used", 8))
)
case("movie of odd width, MJPEG 4:2:2")(
    lambda f: Input(movie(f / "a.avi", *ODD, "mjpeg", "-pix_fmt", "yuvj422p"))
)
case("movie with pixels of 2:1, turned by 90 degrees")(
    lambda f: remuxed(f, "phone.mp4", before=("-display_rotation", 90), made=("-vf", "setsar=2"))
)
case("movie turned by 45 degrees")(
    lambda f: remuxed(f, "phone.mp4", before=("-display_rotation", 45))
)
case("movie with alpha, VP9")(
    lambda f: Input(movie(f / "a.webm", "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"))
)
case("movie with two video tracks")(lambda f: Input(two_tracks(f)))
case("the same with `--track 1`")(lambda f: Input(two_tracks(f), Opening(track=1)))
case("the same with `--track 7`")(lambda f: Input(two_tracks(f), Opening(track=7)))
case("movie with cover art")(album)
case("song with cover art")(song)
case("sound alone")(lambda f: Input(ffmpeg("-f", "lavfi", "-i", "sine=d=1", f / "voice.wav")))
case("movie without a length in its header")(lambda f: Input(movie(f / "live.mkv", "-live", 1)))
case("fragmented MP4")(lambda f: Input(movie(f / "f.mp4", "-movflags", "frag_keyframe+empty_moov")))
case("raw H.264 stream")(lambda f: Input(movie(f / "raw.h264")))
case("Matroska movie cut off at 60 %")(lambda f: Input(cut(movie(f / "shot.mkv"))))
case("MPEG transport stream cut off at 59 %")(lambda f: Input(cut(movie(f / "shot.ts"), 0.59)))
case("raw H.264 stream cut off at 60 %, which nothing in it shows")(
    lambda f: Input(cut(movie(f / "raw.h264")))
)
case("AVI movie cut off at 60 %")(lambda f: Input(cut(movie(f / "shot.avi"))))
case("FLV movie cut off at 60 %")(lambda f: Input(cut(movie(f / "shot.flv"))))
case("MP4 cut off at 60 %")(lambda f: Input(cut(movie(f / "shot.mp4"))))
case("MP4 with its index in front, cut off at 60 %")(
    lambda f: Input(cut(movie(f / "shot.mp4", "-movflags", "+faststart")))
)
case("movie of 10,080 frames")(
    lambda f: Input(ffmpeg("-f", "lavfi", "-i", "color=s=16x16:r=24:d=420", *X264, f / "long.mp4"))
)

# Pictures.
for kind in ("P", "1", "L", "LA", "RGBA"):
    case(f"PNG, Pillow's mode {kind}")(
        lambda f, kind=kind: saved(f / "a.png", photo().convert(kind))
    )
case("PNG, 16-bit RGB with alpha")(lambda f: coded(f / "a.png", 4, "uint16"))
case("PNG, 16-bit gray")(lambda f: coded(f / "a.png", 1, "uint16"))
for kind in ("L", "CMYK"):
    case(f"JPEG, Pillow's mode {kind}")(
        lambda f, kind=kind: saved(f / "a.jpg", photo().convert(kind))
    )
for end in (".jpg", ".png", ".tif", ".webp"):
    case(f"{end} of 60x40 that EXIF turns by 90 degrees")(lambda f, end=end: exif(f, end))
case("TIFF, palette")(lambda f: saved(f / "a.tif", photo().quantize(16)))
case("TIFF, CMYK")(lambda f: saved(f / "a.tif", photo().convert("CMYK")))
case("TIFF, CIELAB")(lambda f: saved(f / "a.tif", lab()))
case("PNG with an ICC profile, which is not applied")(
    lambda f: saved(
        f / "a.png",
        photo(),
        icc_profile=PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes(),
    )
)
case("TIFF, 32-bit float")(lambda f: coded(f / "a.tif", 3, "float"))
case("TIFF, half float")(lambda f: coded(f / "a.tif", 3, "half"))
case("TIFF, five channels")(lambda f: coded(f / "a.tif", 5, "uint8"))
case("TIFF, RGB with straight alpha, which is dropped")(
    lambda f: coded(f / "a.tif", 4, "uint8", oiio__UnassociatedAlpha=1)
)
case("TIFF, 64-bit float")(lambda f: coded(f / "a.tif", 3, "double"))
case("TIFF, 32-bit whole numbers")(
    lambda f: saved(f / "a.tif", PIL.Image.fromarray(np.ones((40, 60), "i4")))
)
case("AVIF")(lambda f: saved(f / "a.avif", photo()))
case("AVIF, animated")(
    lambda f: saved(
        f / "a.avif", photo(), save_all=True, append_images=[photo().rotate(90)], duration=40
    )
)
case("JPEG XL")(lambda f: coded(f / "a.jxl", 3, "uint8"))
for suffix in ("webp", "png", "gif"):
    case(f"{suffix.upper().replace('EBP', 'ebP')}, animated")(
        lambda f, suffix=suffix: saved(
            f / f"a.{suffix}",
            photo(),
            save_all=True,
            append_images=[photo().rotate(90)],
            duration=40,
        )
    )
case("WebP, animated, frames of 40 and 240 ms")(
    lambda f: saved(
        f / "a.webp", photo(), save_all=True,
        append_images=[photo().rotate(90), photo()], duration=[40, 240, 40],
    )
)  # fmt: skip
case("JPEG XL, animated")(lambda f: Input((f / "a.jxl").write_bytes(MOVING_JXL) and f / "a.jxl"))
case("JPEG that ends early")(lambda f: Input(cut(Path(saved(f / "a.jpg", photo()).path))))
case("JPEG called .png")(lambda f: saved(f / "a.png", photo(), format="JPEG"))
case("Targa with alpha")(lambda f: coded(f / "a.tga", 4, "uint8"))
HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"
case("HEIF photo called .jpg")(lambda f: Input((f / "a.jpg").write_bytes(HEIC) and f / "a.jpg"))
case("HEIF photo")(lambda f: Input((f / "IMG_1.HEIC").write_bytes(b"x") and f / "IMG_1.HEIC"))
for depth in (8, 10, 12, 16):
    case(f"DPX, {depth}-bit RGB")(
        lambda f, depth=depth: coded(f / "a.dpx", 3, "uint8" if depth == 8 else "uint16", depth)
    )
case("DPX, log")(lambda f: coded(f / "a.dpx", 3, "uint16", 10, dpx__Transfer="Logarithmic"))
case("DPX that ends early")(lambda f: Input(cut(Path(coded(f / "a.dpx", 3, "uint8").path))))

# EXR.
case("EXR")(lambda f: exr(f / "a.exr"))
case("EXR, data window inside the display window")(
    lambda f: exr(
        f / "a.exr", dataWindow=window(20, 10, 79, 49), displayWindow=window(0, 0, 99, 79)
    )
)
case("EXR, data window beside the display window")(
    lambda f: exr(
        f / "a.exr", dataWindow=window(200, 10, 259, 49), displayWindow=window(0, 0, 99, 79)
    )
)
case("EXR with overscan")(
    lambda f: exr(
        f / "a.exr", dataWindow=window(-5, -5, 54, 34), displayWindow=window(0, 0, 49, 29)
    )
)
case("EXR with the primaries of ACES")(
    lambda f: exr(
        f / "a.exr", chromaticities=(0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
    )
)
case("EXR with pixels of 2:1")(lambda f: exr(f / "a.exr", pixelAspectRatio=2.0))
case("EXR with layers")(lambda f: exr(f / "a.exr", BEAUTY))
case("the same with `--layer beauty`")(lambda f: exr(f / "a.exr", BEAUTY, "beauty"))
case("the same with `--layer depth`")(lambda f: exr(f / "a.exr", BEAUTY, "depth"))
case("the same with `--layer hero`")(lambda f: exr(f / "a.exr", BEAUTY, "hero"))
case("EXR with layers and no plain R, G, B")(
    lambda f: exr(f / "a.exr", "beauty.R beauty.G beauty.B depth.Z")
)
case("EXR, multi-part, stereo")(lambda f: parts(f, None))
case("the same with `--layer right` (a view)")(lambda f: parts(f, "right"))
case("the same with `--layer rgba.right` (a part)")(lambda f: parts(f, "rgba.right"))
case("EXR, deep")(deep)
case("EXR that ends early")(lambda f: Input(cut(Path(exr(f / "a.exr").path))))

# Sequences.
case("sequence from 1001")(lambda f: sequence(f, [1001, 1002, 1003]))
case("the same with `--rate 23.976`")(
    lambda f: Input(sequence(f, [1, 2]).path, Opening(rate=Fraction(24000, 1001)))
)
case("DPX sequence whose header says 25")(lambda f: numbered(f, "dpx", dpx__FrameRate=25.0))
case("EXR sequence whose header says 30000/1001")(
    lambda f: numbered(f, "exr", framesPerSecond=Fraction(30000, 1001))
)
case("EXR sequence whose timecodes count 25")(counted_exr)
case("sequence with missing frames")(lambda f: sequence(f, [1001, 1002, 1005, 1007]))
case("the same with `--missing black`")(lambda f: sequence(f, [1001, 1002, 1005, 1007], "black"))
case("the same with `--missing hold`")(lambda f: sequence(f, [1001, 1002, 1005, 1007], "hold"))

# Names and places.
for name in (
    "with space",
    'it\'s "so"',
    "[1] {a}",
    "100% %04d",
    "take ####",
    "größe 影",
    "x" * 246,
):
    shown = name if len(name) < 40 else "of 250 characters"
    case(f"movie named `{shown}`")(lambda f, name=name: Input(movie(f / f"{name}.mp4")))
    case(f"picture named `{shown}`")(lambda f, name=name: saved(f / f"{name}.png", photo()))
case("movie whose name is no UTF-8")(
    lambda f: Input(movie(f / "a.mp4").rename(f / os.fsdecode(b"a\xff.mp4")))
)
case("name of over 255 bytes")(lambda f: Input(f / f"{'x' * 280}.mov"))
case("movie in a read-only folder")(read_only)
case("address")(lambda _: Input("https://host/plate.mov"))
case("device")(lambda _: Input("/dev/null"))
case("empty file")(lambda f: Input((f / "a.mov").write_bytes(b"") or f / "a.mov"))

# Scripts.
case("script")(lambda f: script(f, "clip.set_output()"))
case("script that raises")(lambda f: script(f, "raise RuntimeError('lost the plate')"))
case("script that prints (to stderr)")(lambda f: script(f, "print('hello')\nclip.set_output()"))
case("script without an output")(lambda f: script(f, ""))
case("script with a clip of changing size")(
    lambda f: script(f, "vs.core.std.BlankClip(varsize=True).set_output()")
)
case("script with a clip of changing format")(
    lambda f: script(f, "vs.core.std.BlankClip(varformat=True).set_output()")
)
case("script with sound as output 0")(lambda f: script(f, "vs.core.std.BlankAudio().set_output()"))


HEAD = """# Footage, and what becomes of each kind

    sghm matte plate.mov -o matte.mov
    sghm matte plates/sh010.####.exr -o sh010_matte.####.exr
    sghm matte script.vpy -o matte.mov

Footage is a movie that FFmpeg's libraries decode, a numbered sequence, a picture, or a
VapourSynth script. What can't be read is refused before any work, and the error says what to do.
A warning says what was assumed.

`python -m tests.inputs > docs/inputs.md` tries each row below, and writes this page. After
"refused" stands the error, after "warns" the warning. Clips of scripts are in [clips.md](clips.md),
damaged files in [fuzz.md](fuzz.md), faults while matting in [faults.md](faults.md). Unrelated
pictures (`--stills`) are tried in `tests/test_stills.py`. What becomes of movies whose rate varies:
[delivery.md](delivery.md#movies-whose-rate-varies).
"""
OF_CHECKPOINTS = """
## Checkpoints, by `--model FILE`

"taken" names the network that the file is of. `sghm-lite-12` is that of the twelfth weights and of
the thirteenth, which are shipped as `sghm-lite`.

| file | outcome |
|---|---|"""


def main() -> None:
    """Print the table."""
    lines = [
        HEAD,
        "## Sources",
        "",
        "| input | outcome |",
        "|---|---|",
    ]
    for what, make in CASES.items():
        line = outcome(make).replace("|", r"\|").replace("x" * 200, "…")
        lines.append(f"| {what} | {line} |")
    lines.append(OF_CHECKPOINTS)
    lines += [f"| {what} | {checkpoints.outcome(make)} |" for what, make in CHECKPOINTS.items()]
    sys.stdout.buffer.write(("\n".join(lines) + "\n").encode(errors="replace"))


if __name__ == "__main__":
    main()
