"""Mattes that are given: which channel of them is the matte, wherever one may be given."""

import logging
import re
import struct
from pathlib import Path

import av
import cv2
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import PIL.Image
import pytest
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs import export
from sghm_vs.cli import main
from sghm_vs.errors import SourceError
from sghm_vs.media.readers import open_source
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.options import CHOSEN_CODECS, CODECS, LAYOUTS, Guides
from sghm_vs.shots.guides import open_guides
from tests.clips import core, noise_clip

WIDTH, HEIGHT = 48, 32
ALPHA = np.repeat([[255, 0]], HEIGHT, 0).repeat(WIDTH // 2, 1).astype(np.uint8)
COLOR = np.dstack([ALPHA // 3, 255 - ALPHA // 2, np.full_like(ALPHA, 90)])
"""B, G, R: colorful everywhere."""


def picture(path: Path, pixels: NDArray) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def exr(path: Path, **channels: NDArray) -> Path:
    floats = {name: (plane / 255).astype("f2") for name, plane in channels.items()}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, floats).write(str(path))
    return path


def movie(path: Path, pixels: NDArray, kind: str, codec: str, frames: int = 3, **options) -> Path:
    """Write `pixels`, of PyAV's format `kind`, as a movie of `codec` and its pixel format."""
    coder, pixel_format = codec.split()
    # By itself it can't encode a frame that is not shown, with alpha.
    options |= {"coder": {"auto-alt-ref": "0"}} if coder == "libvpx" else {}
    with av.open(str(path), "w") as out:
        stream = out.add_stream(coder, rate=24, options=options.get("coder", {}))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.bit_rate = 4_000_000
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format=kind)
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def matte(path: Path, *given) -> NDArray:
    with open_matte(path, *given).clip.get_frame(0) as frame:
        assert frame.format.id == vs.GRAYS
        return np.array(frame[0])


def assert_is_alpha(found: NDArray, expected: NDArray = ALPHA) -> None:
    np.testing.assert_allclose(found, expected / 255, atol=0.02)


BGRA = np.dstack([COLOR, ALPHA])
RGBA = np.dstack([COLOR[..., ::-1], ALPHA])
MOVIES = ["a.mov prores_ks yuva444p10le", "a.mov qtrle argb", "a.mkv ffv1 bgra",
          "a.mkv ffv1 yuva420p", "a.mkv ffv1 gbrap12le", "a.mov png rgba",
          "a.webm libvpx-vp9 yuva420p", "a.webm libvpx yuva420p"]  # fmt: skip


@pytest.mark.parametrize("kind", MOVIES)
def test_a_movie_with_alpha_is_taken_by_it(tmp_path, caplog, kind):
    name, codec = kind.split(" ", 1)

    found = matte(movie(tmp_path / name, RGBA, "rgba", codec))

    # Lossy codecs blur the edge.
    sides = np.s_[:, [4, -4]]
    np.testing.assert_allclose(found[sides], ALPHA[sides] / 255, atol=0.02)
    assert "its alpha channel is the matte" in caplog.text


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif"])
def test_a_picture_with_alpha_is_taken_by_it(tmp_path, suffix):
    assert_is_alpha(matte(picture(tmp_path / f"a{suffix}", BGRA)))


@pytest.mark.parametrize("suffix", [".tga", ".jxl", ".dpx"])
def test_so_is_one_that_openimageio_reads(tmp_path, suffix):
    file = oiio.ImageOutput.create(str(tmp_path / f"a{suffix}"))
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 4, "uint8")
    # It would multiply the color by the alpha.
    spec.attribute("oiio:UnassociatedAlpha", 1)
    file.open(str(tmp_path / f"a{suffix}"), spec)
    file.write_image(RGBA)
    file.close()

    assert_is_alpha(matte(tmp_path / f"a{suffix}"))


def test_a_gray_picture_with_alpha_is_taken_by_it(tmp_path):
    gray = cv2.imencode(".png", np.dstack([COLOR[..., 0]] * 3 + [ALPHA]))[1]
    (tmp_path / "a.png").write_bytes(gray.tobytes())

    assert_is_alpha(matte(tmp_path / "a.png"))


def test_the_alpha_of_a_turned_picture_is_turned(tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(RGBA).save(tmp_path / "a.png", exif=exif)

    assert_is_alpha(matte(tmp_path / "a.png"), np.rot90(ALPHA, -1))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_the_alpha_of_a_turned_movie_is_turned(tmp_path, degrees):
    movie(tmp_path / "a.mov", RGBA, "rgba", "qtrle argb")
    turn(tmp_path / "a.mov", tmp_path / "turned.mov", degrees)

    assert_is_alpha(matte(tmp_path / "turned.mov"), np.rot90(ALPHA, degrees // 90))


def turn(path: Path, to: Path, degrees: int) -> None:
    with av.open(str(path)) as given, av.open(str(to), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)


@pytest.mark.parametrize("layout", sorted({*LAYOUTS} - {"cryptomatte"}))
def test_every_layout_that_we_write_is_a_matte_again_unless_it_has_none(tmp_path, layout):
    clip = noise_clip(length=1)
    alpha = core.std.BlankClip(clip, format=vs.GRAY16, color=30000)
    export(clip, alpha, tmp_path / "x.exr", layout=layout)

    if layout == "fg":
        with pytest.raises(SourceError, match="--matte-channel"):
            matte(tmp_path / "x.exr")
    else:
        np.testing.assert_allclose(matte(tmp_path / "x.exr"), 30000 / 65535, atol=0.001)


@pytest.mark.parametrize("codec", CHOSEN_CODECS)
def test_every_movie_that_we_write_is_a_matte_again(tmp_path, codec):
    clip = noise_clip(length=2)
    alpha = core.std.BlankClip(clip, format=vs.GRAY16, color=30000)
    export(clip, alpha, tmp_path / f"x{CODECS[codec].suffix}", codec=codec)

    np.testing.assert_allclose(
        matte(tmp_path / f"x{CODECS[codec].suffix}"), 30000 / 65535, atol=0.01
    )


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg"])
def test_gray_that_was_saved_as_rgb_is_a_matte(tmp_path, suffix):
    nearly = np.dstack([ALPHA, np.clip(ALPHA.astype(int) - 2, 0, 255).astype(np.uint8), ALPHA])
    pixels = np.dstack([ALPHA] * 3) if suffix == ".jpg" else nearly

    assert_is_alpha(matte(picture(tmp_path / f"a{suffix}", pixels)))


def test_gray_that_was_saved_as_rgb_exr_is_a_matte(tmp_path):
    assert_is_alpha(matte(exr(tmp_path / "a.exr", R=ALPHA, G=ALPHA, B=ALPHA)))


def test_the_one_alpha_of_layers_is_a_matte(tmp_path):
    """As Blender names them; several say nothing of which is meant."""
    planes = {"R": COLOR[..., 2], "G": COLOR[..., 1], "B": COLOR[..., 0], "A": ALPHA}
    layer = {f"View.Combined.{name}": plane for name, plane in planes.items()}

    assert_is_alpha(matte(exr(tmp_path / "a.exr", **layer)))
    with pytest.raises(SourceError, match=r"several alphas: View\.Combined\.A, hero\.A"):
        open_matte(exr(tmp_path / "b.exr", **layer, **{"hero.A": ALPHA}))


RGB = {"R": COLOR[..., 2], "G": COLOR[..., 1], "B": COLOR[..., 0]}
ELSEWHERE = {
    "a layer": {"matte.A": ALPHA},
    "a layer in lower case": {"person_01.a": ALPHA},
    "a word": {"View.roto.alpha": ALPHA},
    "a channel called mask": {"mask": ALPHA},
    "a layer called matte": {"matte.Y": ALPHA},
    "beside IDs": {"hero.A": ALPHA, **{f"CryptoObject00.{c}": ALPHA // 2 for c in "RGBA"}},
    "beside depth": {"matte.A": ALPHA, "depth.Z": ALPHA // 2},
}


@pytest.mark.parametrize("more", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("has_color", [True, False])
def test_the_only_alpha_is_the_matte_wherever_it_stands(more, has_color, tmp_path, caplog):
    color = RGB if has_color else {"beauty.Z": ALPHA // 3}
    path = exr(tmp_path / "a.exr", **color, **more)

    assert_is_alpha(matte(path))

    assert f"its channel {next(iter(more))} is the matte" in caplog.text


def parts(path: Path, **channels: dict[str, NDArray]) -> Path:
    """Write a part of each name, with its channels."""
    made = [
        OpenEXR.Part(
            {"type": OpenEXR.scanlineimage, "name": name},
            {one: (plane / 255).astype("f2") for one, plane in planes.items()},
            name,
        )
        for name, planes in channels.items()
    ]
    OpenEXR.File(made).write(str(path))
    return path


def test_so_it_is_in_another_part(tmp_path):
    assert_is_alpha(matte(parts(tmp_path / "a.exr", beauty=RGB, roto={"A": ALPHA})))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("person_01.A", ALPHA),
        ("person_01", ALPHA),
        ("PERSON_01.alpha", ALPHA),
        ("person_02.A", 255 - ALPHA),
        ("person_02.a", 255 - ALPHA),
        ("person_02.red", ALPHA // 2),
        ("luma.Y", ALPHA // 4),
        ("roto", ALPHA // 8),
        ("roto.Y", ALPHA // 8),
        ("red", RGB["R"]),
    ],
)
def test_a_channel_layer_or_part_may_be_named(name, expected, tmp_path):
    people = {"person_01.A": ALPHA, "person_02.A": 255 - ALPHA, "person_02.R": ALPHA // 2}
    first = {**RGB, **people, "luma.Y": ALPHA // 4}
    path = parts(tmp_path / "a.exr", beauty=first, roto={"Y": ALPHA // 8})

    assert_is_alpha(matte(path, name), expected)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, "several alphas: p1.A, p2.A; name the matte: --matte-channel p1.A"),
        ("p3.A", "no channel 'p3.A', but R, G, B, p1.A, p2.A, p2.Z; name the matte"),
        ("p4", "no channel 'p4'"),
    ],
)
def test_what_is_not_said_or_not_there_is_refused_with_what_is(name, said, tmp_path):
    more = {"p1.A": ALPHA, "p2.A": ALPHA, "p2.Z": ALPHA}
    path = exr(tmp_path / "a.exr", **RGB, **more)

    with pytest.raises(SourceError, match=re.escape(said)):
        open_matte(path, name)


def test_a_name_is_for_exr_files(tmp_path):
    with pytest.raises(SourceError, match=r"no channels by name.*choose --matte-channel alpha\|"):
        open_matte(picture(tmp_path / "a.png", BGRA), "person_01.A")


def test_every_frame_of_a_sequence_is_read_by_the_name(tmp_path):
    for number in range(3):
        values = np.full_like(ALPHA, 50 * number)
        exr(tmp_path / f"m.{number}.exr", **RGB, **{"a.A": values, "b.A": 255 - values})

    clip = open_matte(tmp_path / "m.#.exr", "b.A").clip

    means = [float(np.asarray(frame[0]).mean()) * 255 for frame in clip.frames()]
    assert means == pytest.approx([255, 205, 155], abs=0.5)


def test_alone_an_alpha_may_be_called_so(tmp_path, caplog):
    assert_is_alpha(matte(exr(tmp_path / "a.exr", A=ALPHA), "alpha"))
    assert caplog.text == ""


def test_a_fourth_channel_of_a_tiff_that_says_nothing_of_it_is_its_alpha(tmp_path):
    """As Photoshop saves a channel: extra samples of no kind."""
    path = tmp_path / "a.tif"
    PIL.Image.fromarray(RGBA).save(path)
    # ExtraSamples: 2 is straight alpha, 0 unspecified.
    with_tag(path, 338, before=2, now=0)

    assert_is_alpha(matte(path))


@pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("u2", 65535), ("f4", 1)])
def test_a_tiff_whose_0_is_white_is_a_matte_by_what_it_shows(tmp_path, dtype, white):
    """OpenImageIO turns 8 bits alone, as other readers do."""
    path, codes = tmp_path / "a.tif", white - np.rint(ALPHA / 255 * white)
    PIL.Image.fromarray(codes.astype(dtype)).save(path)
    with_tag(path, 262, before=1, now=0)

    assert_is_alpha(matte(path))


def test_the_alpha_of_a_tiff_whose_0_is_white_stays(tmp_path):
    path = tmp_path / "a.tif"
    PIL.Image.fromarray(np.dstack([255 - ALPHA // 2, ALPHA]), "LA").save(path)
    with_tag(path, 262, before=1, now=0)

    assert_is_alpha(matte(path))


def with_tag(path: Path, tag: int, before: int, now: int) -> None:
    """Give a TIFF's `tag`, a short that is `before`, another value."""
    data = bytearray(path.read_bytes())
    head = struct.pack("<HHI", tag, 3, 1)
    at = data.index(head + struct.pack("<H", before)) + len(head)
    data[at : at + 2] = struct.pack("<H", now)
    path.write_bytes(data)


def test_an_alpha_of_whole_numbers_is_refused_by_name(tmp_path):
    """Scaled to 0-1 a 1 would be nothing at all."""
    ids = np.ones((HEIGHT, WIDTH), "u4")
    channels = {name: ALPHA.astype("f2") for name in "RGB"} | {"A": ids}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(tmp_path / "a.exr"))

    with pytest.raises(SourceError, match=r"a\.exr has uint32 pixels in R, G, B, A"):
        open_matte(tmp_path / "a.exr")
    assert open_source(tmp_path / "a.exr").alpha is None


@pytest.mark.slow
def test_many_alike_are_told_of_once(tmp_path, caplog):
    for folder in ("mattes", "truths"):
        (tmp_path / folder).mkdir()
        for name in "abc":
            picture(tmp_path / folder / f"{name}.png", BGRA)

    words = ["eval", "--pred", str(tmp_path / "mattes"), "--gt", str(tmp_path / "truths")]
    assert main([*words, "--quiet"]) == 0

    assert caplog.text.count("its alpha channel is the matte") == 2


def test_an_alpha_beside_depth_alone_is_a_matte(tmp_path):
    assert_is_alpha(matte(exr(tmp_path / "a.exr", A=ALPHA, Z=ALPHA // 2)))


@pytest.mark.parametrize(
    "kind", ["a.mp4 libx264 yuv420p", "a.mov prores_ks yuv422p10le", "a.mkv ffv1 yuv444p16le"]
)
def test_a_movie_of_neutral_chroma_is_a_matte_by_its_range(tmp_path, kind):
    name, codec = kind.split(" ", 1)
    gray = np.dstack([ALPHA] * 3)

    found = matte(movie(tmp_path / name, gray, "rgb24", codec, coder={"qp": "0"}))

    np.testing.assert_allclose(found[:, [4, -4]], ALPHA[:, [4, -4]] / 255, atol=0.02)


def colorful(folder: Path, kind: str) -> Path:
    if kind == "a.png":
        return picture(folder / kind, COLOR)
    if kind == "a.exr":
        return exr(folder / kind, R=COLOR[..., 2], G=COLOR[..., 1], B=COLOR[..., 0])
    return movie(folder / kind, COLOR, "bgr24", "libx264 yuv420p")


@pytest.mark.parametrize("kind", ["a.png", "a.exr", "a.mp4"])
def test_color_without_alpha_is_refused_and_the_option_named(tmp_path, kind):
    said = r"is in color and has no alpha .* --matte-channel alpha\|luma\|red\|green\|blue"
    with pytest.raises(SourceError, match=said):
        open_matte(colorful(tmp_path, kind))


def test_a_movie_that_fades_in_from_black_is_found_to_be_in_color(tmp_path):
    """Its first and last frame and those between that are looked at are black."""
    black, frames = np.zeros_like(RGBA[..., :3]), 21
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for n in range(frames):
            pixels = COLOR if n == 7 else black
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        out.mux(stream.encode())

    clip = open_matte(tmp_path / "a.mkv").clip

    with pytest.raises(vs.Error, match="is in color and has no alpha"):
        list(clip.frames(close=True))


def test_gray_beside_an_alpha_of_one_is_refused_as_nothing_says_which_is_meant(tmp_path):
    gray = np.dstack([ALPHA] * 3)
    opaque = picture(tmp_path / "a.png", np.dstack([gray, np.full_like(ALPHA, 255)]))

    with pytest.raises(SourceError, match=r"is gray, and its alpha channel is 1 throughout"):
        open_matte(opaque)

    assert_is_alpha(matte(opaque, "luma"))


def test_an_alpha_that_is_one_in_every_frame_looked_at_is_said_to_be(tmp_path, caplog):
    matte(picture(tmp_path / "a.png", np.dstack([COLOR, np.full_like(ALPHA, 255)])))

    assert "its alpha channel is the matte, not its color; it is 1 in every frame" in caplog.text


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("red", COLOR[..., 2]), ("green", COLOR[..., 1]), ("blue", COLOR[..., 0]), ("alpha", ALPHA)],
)
def test_a_channel_that_is_named_is_taken(tmp_path, channel, expected):
    assert_is_alpha(matte(picture(tmp_path / "a.png", BGRA), channel), expected)


def test_luma_of_a_movie_is_its_y_as_its_range_says(tmp_path):
    path = colorful(tmp_path, "a.mp4")
    with av.open(str(path)) as file:
        y = next(file.decode(video=0)).to_ndarray()[:HEIGHT, :WIDTH].astype(float)

    found = matte(path, "luma")

    np.testing.assert_allclose(found, ((y - 16) / 219).clip(0, 1), atol=1e-5)


def test_red_of_a_movie_is_that_of_its_rgb(tmp_path):
    path = movie(tmp_path / "a.mkv", COLOR, "bgr24", "ffv1 yuv444p16le")

    np.testing.assert_allclose(matte(path, "red"), COLOR[..., 2] / 255, atol=0.01)


def test_an_alpha_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"has no alpha channel; .* luma\|red\|green\|blue"):
        open_matte(colorful(tmp_path, "a.png"), "alpha")


def test_a_scripts_own_alpha_is_its_matte(tmp_path):
    (tmp_path / "a.vpy").write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, length=2, color=[9, 200, 9])\n"
        "clip.set_output(alpha=vs.core.std.BlankClip(clip, format=vs.GRAY8, color=51))\n"
    )

    np.testing.assert_allclose(matte(tmp_path / "a.vpy"), 0.2, atol=1e-6)


# Every door.


@pytest.fixture
def plate(tmp_path) -> Path:
    return movie(tmp_path / "plate.mp4", COLOR, "bgr24", "libx264 yuv420p")


@pytest.fixture
def prores(tmp_path) -> Path:
    return movie(tmp_path / "matte.mov", RGBA, "rgba", "prores_ks yuva444p10le")


def test_export_takes_a_deliverys_alpha_and_refuses_color(tmp_path, plate, prores, capsys):
    out = tmp_path / "out" / "o.####.png"

    assert main(["export", str(plate), "--alpha", str(prores), "-o", str(out), "--quiet"]) == 0
    written = cv2.imread(str(tmp_path / "out" / "o.0000.png"), cv2.IMREAD_UNCHANGED)
    assert_is_alpha(written[:, [4, -4]] / 65535, ALPHA[:, [4, -4]])
    more = str(tmp_path / "more.mkv")
    assert main(["export", str(plate), "--alpha", str(plate), "-o", more, "--quiet"]) == 1
    assert "--matte-channel" in capsys.readouterr().err
    assert not Path(more).exists()
    words = ["--quiet", "--matte-channel", "luma"]
    assert main(["export", str(plate), "--alpha", str(plate), "-o", more, *words]) == 0


@pytest.mark.parametrize("read", ["--alpha", "--mask", "--over"])
def test_no_output_is_written_over_what_it_is_made_from(tmp_path, read, capsys):
    plate = picture(tmp_path / "plate.png", COLOR)
    matte_file = picture(tmp_path / "a.png", ALPHA)
    before = matte_file.read_bytes()
    words = {
        "--alpha": ["export", str(plate), "--alpha", str(matte_file), "-o", str(matte_file)],
        "--mask": ["matte", str(plate), "--mask", str(matte_file), "-o", str(matte_file)],
        "--over": [
            *("export", str(plate), "--alpha", str(plate), "--matte-channel", "red"),
            *("--over", str(matte_file), "-o", str(matte_file), "-o", str(tmp_path / "r.mp4")),
        ],
    }

    assert main([*words[read], "--overwrite", "--quiet"]) == 1

    assert "a.png would be written over the" in capsys.readouterr().err
    assert matte_file.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("given", ["--pred", "--gt"])
def test_eval_takes_a_deliverys_alpha_and_refuses_color(tmp_path, plate, prores, given, capsys):
    truth = movie(tmp_path / "truth.mkv", ALPHA, "gray", "ffv1 gray")
    other = "--gt" if given == "--pred" else "--pred"

    assert main(["eval", given, str(prores), other, str(truth), "--quiet"]) == 0
    mad = float(capsys.readouterr().out.splitlines()[1].split()[1])
    assert mad < 5
    assert main(["eval", given, str(plate), other, str(truth), "--quiet"]) == 1
    assert "--matte-channel" in capsys.readouterr().err
    words = ["--quiet", "--matte-channel", "luma"]
    assert main(["eval", given, str(plate), other, str(truth), *words]) == 0


def test_a_mask_is_taken_by_its_alpha_and_refused_in_color(plate, prores):
    source = open_source(plate)

    mask = open_guides(Guides(mask=prores), source, None)["mask"]

    with mask.get_frame(0) as frame:
        found = np.array(frame[0])
    assert_is_alpha(found[:, [4, -4]], ALPHA[:, [4, -4]])
    with pytest.raises(SourceError, match="--matte-channel"):
        open_guides(Guides(mask=plate), source, None)
    found = open_guides(Guides(mask=plate, matte_channel="luma"), source, None)
    assert found["mask"].num_frames == 3


@pytest.mark.parametrize(
    "verb", ["matte", "batch", "timeline", "farm plan", "export", "eval", "nuke comp"]
)
def test_every_verb_that_takes_a_matte_offers_the_channel(verb, capsys):
    with pytest.raises(SystemExit):
        main([*verb.split(), "--help"])

    assert "--matte-channel NAME" in capsys.readouterr().out


def test_a_matte_says_nothing_where_there_is_no_choice(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        matte(movie(tmp_path / "truth.mkv", ALPHA, "gray", "ffv1 gray"))

    assert not caplog.text
