"""Footage: what opens, what its frames hold, and how refusals read."""

import os
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import PIL.Image
import pytest
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.errors import SourceError
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.movie import Track
from sghm_vs.options import Opening
from tests.inputs import deep

HEIGHT, WIDTH = 6, 10
HOSTILE = [
    "with space",
    "per%cent %04d",
    "hash ####",
    "[1] {a} 'b'",
    "größe 影",
    "-o",
    "a;b&c$HOME",
]


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def write_movie(path: Path, *options: object, frames: int = 7) -> Path:
    source = f"testsrc2=s=64x36:r=24000/1001:d={frames * 1001 / 24000}"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", *options, path)
    return path


def picture(seed: int, *shape: int, dtype: str = "uint8") -> NDArray[np.integer]:
    top = np.iinfo(dtype).max
    size = shape or (HEIGHT, WIDTH, 3)
    return np.random.default_rng(seed).integers(0, top, size, dtype, endpoint=True)


def write_picture(path: Path, pixels: NDArray[np.integer]) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def write_sequence(
    folder: Path, numbers: range | list[int], name: str = "plate.{:04d}.png"
) -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        write_picture(folder / name.format(number), picture(number))
    return folder


def write_exr(path: Path, channels: dict[str, NDArray], **header: object) -> Path:
    # A copy: OpenEXR replaces the values of the dict it is given.
    OpenEXR.File({"type": OpenEXR.scanlineimage, **header}, dict(channels)).write(str(path))
    return path


def planes(clip: vs.VideoNode, n: int = 0) -> NDArray:
    with clip.get_frame(n) as frame:
        return np.stack([np.array(plane) for plane in frame])


def first_plane(clip: vs.VideoNode, n: int) -> NDArray:
    with clip.get_frame(n) as frame:
        return np.array(frame[0])


def rgb(pixels: NDArray) -> NDArray:
    return np.moveaxis(pixels[..., ::-1], -1, 0)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return write_movie(tmp_path / "shot.mp4")


# Movies.


def test_a_movie_keeps_its_length_size_and_exact_rate(movie: Path) -> None:
    source = open_source(movie)

    assert (source.kind, source.name, source.first_number) == ("movie", "shot", 0)
    assert (source.clip.num_frames, source.clip.width, source.clip.height) == (7, 64, 36)
    assert source.clip.fps == Fraction(24000, 1001)
    assert source.alpha is None


def test_a_movies_frames_are_the_same_in_any_order(movie: Path) -> None:
    clip = open_source(movie).clip
    forward = [clip.get_frame(n)[0] for n in range(7)]

    again = open_source(movie).clip

    for n in (6, 0, 3, 5, 1, 4, 2):
        np.testing.assert_array_equal(again.get_frame(n)[0], forward[n])


def test_opening_a_movie_writes_nothing_beside_it(movie: Path) -> None:
    open_source(movie).clip.get_frame(3)

    assert list(movie.parent.iterdir()) == [movie]


def test_a_movie_that_says_it_is_turned_is_turned(movie: Path, tmp_path: Path) -> None:
    ffmpeg("-display_rotation", 90, "-i", movie, "-c", "copy", tmp_path / "phone.mp4")

    clip = open_source(tmp_path / "phone.mp4").clip

    assert (clip.width, clip.height) == (36, 64)


@pytest.mark.parametrize(("degrees", "shape"), [(90, (1, 2)), (180, (2, 1)), (270, (1, 2))])
def test_pixels_of_a_turned_movie_are_turned_with_it(tmp_path: Path, degrees, shape) -> None:
    write_movie(tmp_path / "shot.mp4", "-vf", "setsar=2/1")
    ffmpeg("-display_rotation", degrees, "-i", tmp_path / "shot.mp4", "-c", "copy",
           tmp_path / "phone.mp4")  # fmt: skip

    with open_source(tmp_path / "phone.mp4").clip.get_frame(0) as frame:
        assert (frame.props["_SARNum"], frame.props["_SARDen"]) == shape


def test_a_movie_turned_by_less_than_a_quarter_is_refused_by_name(movie: Path) -> None:
    ffmpeg("-display_rotation", 45, "-i", movie, "-c", "copy", movie.with_name("phone.mp4"))

    with pytest.raises(SourceError, match="turned by 315 degrees, and only quarter turns"):
        open_source(movie.with_name("phone.mp4"))


ODD = [
    ("a.webm", "vp9", "yuv420p", (321, 181)), ("a.webm", "vp8", "yuv420p", (321, 181)),
    ("a.avi", "mjpeg", "yuvj420p", (321, 181)), ("a.y4m", "rawvideo", "yuv420p", (321, 181)),
    ("a.mkv", "ffv1", "yuv420p10le", (321, 181)), ("a.mkv", "ffv1", "yuv411p", (321, 181)),
    ("a.mkv", "ffv1", "yuv410p", (323, 181)), ("a.mkv", "ffv1", "yuv422p", (321, 180)),
    ("a.mkv", "ffv1", "yuv420p", (320, 181)), ("a.mkv", "ffv1", "yuva420p", (321, 181)),
    ("a.mkv", "ffv1", "yuv440p", (320, 181)), ("a.mkv", "ffv1", "yuv420p16le", (321, 181)),
]  # fmt: skip


def write_odd(path: Path, codec: str, kind: str, size: tuple[int, int]) -> Path:
    """Write black with a white last column and row, and a gray that grows from frame to frame."""
    coders = {"vp9": "libvpx-vp9", "vp8": "libvpx"}
    lossless = {"vp9": ["-lossless", 1], "vp8": ["-crf", 4, "-b:v", "4M"], "mjpeg": ["-q:v", 1]}
    edges = ",drawbox=x=iw-1:w=1:c=white:t=fill,drawbox=y=ih-1:h=1:c=white:t=fill"
    source = f"color=black:s={size[0]}x{size[1]}:r=24:d=0.25,format=yuv444p,geq=lum=16+9*N{edges}"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", coders.get(codec, codec), "-pix_fmt", kind,
           *lossless.get(codec, []), path)  # fmt: skip
    return path


@pytest.mark.parametrize(("name", "codec", "kind", "size"), ODD)
def test_an_odd_column_or_row_of_a_movie_is_there(tmp_path, name, codec, kind, size) -> None:
    clip = open_source(write_odd(tmp_path / name, codec, kind, size)).clip

    assert (clip.width, clip.height, clip.num_frames) == (*size, 6)
    assert (clip.format.subsampling_w, clip.format.subsampling_h) == (0, 0)
    gray = clip.resize.Bicubic(format=vs.GRAY8, range=vs.RANGE_FULL)
    # In any order: a frame is decoded after those before it.
    for n in (5, 0, 3, 1):
        luma = first_plane(gray, n).astype(int)
        inside = luma[size[1] // 2, size[0] // 2]
        assert abs(inside - round(9 * n / 219 * 255)) < 6
        is_wide, is_high = size[0] % 2, size[1] % 2
        assert luma[10, -1] > 200
        assert luma[-1, 10] > 200
        assert luma[10, -4] < 60
        assert luma[-4, 10] < 60
        assert is_wide or is_high


def test_an_odd_movie_that_is_turned_keeps_its_last_column_and_row(tmp_path: Path) -> None:
    write_odd(tmp_path / "a.mkv", "vp9", "yuv420p", (321, 181))
    ffmpeg("-display_rotation", 90, "-i", tmp_path / "a.mkv", "-c", "copy", tmp_path / "b.mp4")

    clip = open_source(tmp_path / "b.mp4").clip

    assert (clip.width, clip.height) == (181, 321)
    # A quarter turn counterclockwise: the last column is on top, the last row stays right.
    luma = first_plane(clip, 0)
    assert luma[0, 50] > 200
    assert luma[50, -1] > 200
    assert luma[-1, 50] < 60


def test_what_is_odd_in_full_chroma_is_as_it_was(tmp_path: Path) -> None:
    path = write_odd(tmp_path / "a.mkv", "ffv1", "yuv444p", (321, 181))

    assert (open_source(path).clip.width, open_source(path).clip.height) == (321, 181)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [("a.mov", "prores_ks", "yuv422p10le"), ("a.mov", "mjpeg", "yuvj422p"),
     ("a.mkv", "utvideo", "yuv422p"), ("a.mov", "qtrle", "rgb24"), ("a.mov", "v210", "yuv422p10le")],
)  # fmt: skip
@pytest.mark.parametrize(("order", "said"), [("tt", 2), ("bb", 1)])
def test_interlacing_that_only_the_container_says_is_on_every_frame(
    tmp_path, name, codec, kind, order, said
) -> None:
    path = tmp_path / name
    field = {"tt": "tff", "bb": "bff"}[order]
    write_movie(path, "-c:v", codec, "-pix_fmt", kind, "-vf", f"setfield={field}",
                "-field_order", order)  # fmt: skip

    for frame in open_source(path).clip.frames(close=True):
        assert frame.props["_FieldBased"] == said


def test_a_movie_that_says_it_is_progressive_stays_so(movie: Path) -> None:
    with open_source(movie).clip.get_frame(0) as frame:
        assert frame.props["_FieldBased"] == 0


def test_a_movie_with_alpha_opens_as_its_picture(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x36:d=0.1", "-c:v", "ffv1", "-pix_fmt", "bgra", path)

    source = open_source(path)

    assert source.clip.format.id == vs.RGB24
    assert source.alpha is None


@pytest.mark.parametrize("name", HOSTILE)
def test_a_movie_opens_under_any_name(movie: Path, name: str) -> None:
    """An existing file is taken as it is, even where its name looks like a pattern."""
    path = movie.rename(movie.with_name(f"{name}.mp4"))

    source = open_source(path)

    assert (source.kind, source.name) == ("movie", name)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine", "-t", "0.1", tmp_path / "voice.wav")

    with pytest.raises(SourceError, match=r"voice\.wav can't be read as a movie: .*no video"):
        open_source(tmp_path / "voice.wav")


@pytest.mark.parametrize("name", ["shot.mov", "noending"])
def test_garbage_is_refused_with_the_readers_words(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"garbage" * 99)

    with pytest.raises(SourceError, match="can't be read as a movie: Couldn't open"):
        open_source(tmp_path / name)


def test_a_text_file_is_not_shown_as_a_movie_of_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a line\n" * 99)

    with pytest.raises(SourceError, match="is a text file"):
        open_source(tmp_path / "notes.txt")


def test_a_movie_cut_short_is_refused(movie: Path) -> None:
    movie.write_bytes(movie.read_bytes()[: movie.stat().st_size // 2])

    with pytest.raises(SourceError, match="give a complete file"):
        open_source(movie)


@pytest.mark.parametrize("name", ["shot.mov", "still.png", "still.exr", "cut.vpy"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    with pytest.raises(SourceError, match="is empty"):
        open_source(tmp_path / name)


def test_a_movie_of_an_unknown_codec_is_refused(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "new.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"new1").replace(b"avcC", b"newC"))

    with pytest.raises(SourceError, match="can't be read as a movie"):
        open_source(path)


def test_an_edit_list_is_kept(tmp_path: Path) -> None:
    """A copy that begins between key frames holds frames that nobody is to see."""
    path = write_movie(tmp_path / "whole.mp4", "-g", 12, frames=24)
    ffmpeg("-ss", 0.6, "-i", path, "-c", "copy", tmp_path / "cut.mp4")
    whole, cut = open_source(path).clip, open_source(tmp_path / "cut.mp4").clip

    assert cut.num_frames == 9
    for n in range(9):
        np.testing.assert_array_equal(first_plane(cut, n), first_plane(whole, n + 15))


@pytest.mark.parametrize("timescale", [90001, 1000, 24000])
def test_a_rate_survives_an_odd_time_base(movie: Path, tmp_path: Path, timescale: int) -> None:
    ffmpeg("-i", movie, "-c", "copy", "-video_track_timescale", timescale, tmp_path / "odd.mp4")

    clip = open_source(tmp_path / "odd.mp4").clip

    assert (clip.num_frames, clip.fps) == (7, Fraction(24000, 1001))


@pytest.fixture
def two_tracks(tmp_path: Path) -> Path:
    """Sound, then a small track, then a large one."""
    inputs = ("sine=d=0.3", "testsrc2=s=32x18:d=0.3", "testsrc2=s=64x36:d=0.3")
    words = [word for source in inputs for word in ("-f", "lavfi", "-i", source)]
    ffmpeg(*words, "-map", 0, "-map", 1, "-map", 2, tmp_path / "two.mkv")
    return tmp_path / "two.mkv"


def test_of_several_tracks_the_first_is_read_and_the_others_are_named(
    two_tracks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = open_source(two_tracks).clip

    assert (clip.width, clip.height) == (32, 18)
    assert "1 (32x18), 2 (64x36); the first is read: choose with --track" in caplog.text


def test_a_track_is_chosen_by_its_number(
    two_tracks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = open_source(two_tracks, Opening(track=2)).clip

    assert (clip.width, clip.height) == (64, 36)
    assert not caplog.text


def test_a_track_that_is_not_there_is_refused_with_those_that_are(two_tracks: Path) -> None:
    with pytest.raises(SourceError, match=r"no video track 0; .* are: 1 \(32x18\), 2 \(64x36\)"):
        open_source(two_tracks, Opening(track=0))


def test_a_song_with_a_cover_is_no_movie(tmp_path: Path) -> None:
    cover = write_picture(tmp_path / "cover.png", picture(1, 20, 20, 3))
    sound = ("-f", "lavfi", "-i", "sine=d=0.3")
    art = ("-c:v", "png", "-disposition:v:0", "attached_pic")
    ffmpeg(*sound, "-i", cover, "-map", 0, "-map", 1, *art, tmp_path / "song.mp3")

    with pytest.raises(SourceError, match=r"song\.mp3 holds sound and a cover picture, but no"):
        open_source(tmp_path / "song.mp3")


def test_a_cover_before_the_movie_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_movie(tmp_path / "shot.mkv")
    cover, film = Track(0, 20, 20, is_cover=True), Track(0, 64, 36, is_cover=False)
    monkeypatch.setattr("sghm_vs.media.readers.movie._video_tracks", lambda _: [cover, film])

    assert open_source(path).clip.num_frames == 7


def test_a_movie_without_a_length_in_its_header_has_all_its_frames(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "live.mkv", "-f", "matroska", "-live", 1)

    assert open_source(path).clip.num_frames == 7


def test_a_movie_cut_off_gives_what_is_there_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_movie(tmp_path / "shot.mkv", frames=96)
    open_source(path)
    assert not caplog.text
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    clip = open_source(path).clip

    assert 10 < clip.num_frames < 96
    assert "of the 4.00 seconds that its header says: it was cut off" in caplog.text


@pytest.mark.parametrize("name", ["shot.ts", "shot.avi", "shot.flv"])
def test_a_movie_that_ends_within_a_frame_says_so(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_movie(tmp_path / name, frames=96)
    open_source(path)
    assert caplog.text == ""

    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])

    assert 0 < open_source(path).clip.num_frames < 96
    assert "it was cut off; what is there is read" in caplog.text


def test_a_length_that_is_no_number_counts_as_none(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "shot.mkv")
    path.write_bytes(path.read_bytes().replace(b"00:00:00.", b"00:00:00,"))

    assert open_source(path).clip.num_frames == 7


@pytest.mark.slow
def test_a_movie_of_over_10000_frames_opens(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "day.mkv", "-vf", "scale=16:16", frames=10_100)

    clip = open_source(path).clip

    assert clip.num_frames == 10_100
    clip.get_frame(10_099)


def test_a_heif_photo_under_another_name_is_refused_by_its_kind(tmp_path: Path) -> None:
    for name in ("photo.jpg", "photo.mov"):
        (tmp_path / name).write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(99))

        with pytest.raises(SourceError, match="is a HEIF photo"):
            open_source(tmp_path / name)


def test_an_avif_is_a_picture_and_an_animated_one_a_movie(tmp_path: Path) -> None:
    """FFmpeg shows one tile of the first, and one frame of the second."""
    frames = [PIL.Image.new("RGB", (60, 40), (50 * n, 90, 200)) for n in range(4)]
    frames[3].save(tmp_path / "a.avif", quality=95)
    frames[0].save(tmp_path / "moves.avif", save_all=True, append_images=frames[1:], duration=40)

    still, moves = open_source(tmp_path / "a.avif"), open_source(tmp_path / "moves.avif")

    assert (still.kind, still.clip.format.id) == ("picture", vs.RGB24)
    np.testing.assert_allclose(planes(still.clip)[:, 20, 30], [150, 90, 200], atol=4)
    assert (moves.kind, moves.clip.num_frames) == ("movie", 4)


def test_an_avif_of_10_bits_keeps_them_and_its_color(tmp_path: Path) -> None:
    pixels = np.full((40, 60, 3), (100, 500, 900), np.uint16)
    data = cv2.imencode(".avif", pixels, [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 95])
    (tmp_path / "a.avif").write_bytes(data[1].tobytes())

    clip = open_source(tmp_path / "a.avif").clip

    assert clip.format.id == vs.RGB48
    np.testing.assert_allclose(planes(clip)[:, 20, 30] / 65535 * 1023, [900, 500, 100], atol=8)


def test_a_jpeg_xl_is_a_picture_by_its_own_color(tmp_path: Path) -> None:
    write_with_oiio(tmp_path / "a.jxl", picture(1))
    write_with_oiio(tmp_path / "linear.jxl", (picture(1) / 255).astype("f2"))

    still, linear = open_source(tmp_path / "a.jxl"), open_source(tmp_path / "linear.jxl")

    assert still.kind == "picture"
    np.testing.assert_array_equal(planes(still.clip), np.moveaxis(picture(1), -1, 0))
    with linear.clip.get_frame(0) as frame:
        assert frame.props["_Transfer"] == vs.TRANSFER_LINEAR


@pytest.mark.parametrize("name", ["photo.HEIC", "burst.heif"])
def test_a_heif_photo_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """FFmpeg would take its first tile for the picture."""
    (tmp_path / name).write_bytes(b"anything")

    with pytest.raises(SourceError, match="HEIF photo, which isn't read; save it as JPEG or PNG"):
        open_source(tmp_path / name)


# Names that lead nowhere.


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_name_may_be_as_long_as_the_system_allows(movie: Path, suffix: str) -> None:
    path = movie.with_name("x" * (255 - len(suffix)) + suffix)
    movie.rename(path) if suffix == ".mp4" else write_picture(path, picture(1))

    assert open_source(path).clip.num_frames in (1, 7)


def test_a_longer_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="can't be opened"):
        open_source(tmp_path / ("x" * 300 + ".mov"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_utf8_is_read_or_refused_by_name(movie: Path) -> None:
    path = movie.with_name(os.fsdecode(b"take\xff.png"))
    write_picture(path, picture(1))
    assert open_source(path).name == "take\ufffd"

    with pytest.raises(SourceError, match="isn't a name in UTF-8"):
        open_source(movie.rename(movie.with_name(os.fsdecode(b"take\xff.mp4"))))


@pytest.mark.parametrize("address", ["https://host/plate.mov", "smb://share/plate.####.exr"])
def test_an_address_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(SourceError, match=r"is an address, .* copy it here, or mount its share"):
        open_source(address)


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs a device")
def test_a_device_is_refused() -> None:
    with pytest.raises(SourceError, match="is no file"):
        open_source("/dev/null")


@pytest.mark.skipif(sys.platform == "win32", reason="sets POSIX rights")
def test_footage_in_a_read_only_folder_opens(movie: Path) -> None:
    write_sequence(movie.parent, range(2))
    movie.parent.chmod(0o555)
    try:
        lengths = [open_source(movie.parent / name).clip.num_frames for name in (movie.name, "")]
    finally:
        movie.parent.chmod(0o755)

    assert lengths == [7, 2]


def test_a_missing_file_names_the_ones_that_come_close(movie: Path) -> None:
    with pytest.raises(SourceError, match=r"shto\.mp4 doesn't exist; did you mean shot\.mp4\?"):
        open_source(movie.with_name("shto.mp4"))


def test_a_missing_file_is_not_taken_for_any_other_of_its_ending(tmp_path: Path) -> None:
    for name in ("plate.mov", "plate.txt", "matte.mov", "take1.mov"):
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(SourceError, match=r"a\.mov doesn't exist; check the name"):
        open_source(tmp_path / "a.mov")
    with pytest.raises(SourceError, match=r"did you mean plate\.mov, plate\.txt\?"):
        open_source(tmp_path / "Plate.mp4")


@pytest.mark.parametrize("name", ["[0001-0002]", "{:04d}"])
def test_a_sequence_that_is_named_as_editing_programs_do_is_named_as_it_is_typed(
    name: str, tmp_path: Path
) -> None:
    for number in (1, 2):
        (tmp_path / f"sh.{number:04d}.png").write_bytes(b"")

    with pytest.raises(SourceError, match=r"did you mean sh\.####\.png\?"):
        open_source(tmp_path / f"sh.{name}.png")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nor does its folder .*day2"):
        open_source(tmp_path / "day2" / "shot.mov")


def test_a_pattern_without_frames_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"plate\.####\.exr doesn't exist"):
        open_source(tmp_path / "plate.####.exr")


def test_a_source_error_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="doesn't exist"):
        open_source(str(tmp_path / "none"))


# Sequences.


@pytest.mark.parametrize("pattern", ["plate.####.png", "plate.%04d.png", ""])
def test_a_sequence_keeps_its_numbers(tmp_path: Path, pattern: str) -> None:
    folder = write_sequence(tmp_path / "shot", range(1001, 1004))

    source = open_source(folder / pattern)

    assert (source.kind, source.name, source.first_number) == ("sequence", "plate", 1001)
    assert source.clip.num_frames == 3
    for n in range(3):
        np.testing.assert_array_equal(planes(source.clip, n), rgb(picture(1001 + n)))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_sequence_opens_under_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for number in range(2):
        write_picture(folder / f"{name}_{number:04d}.png", picture(number))

    source = open_source(folder)

    assert (source.name, source.first_number, source.clip.num_frames) == (name, 0, 2)
    np.testing.assert_array_equal(planes(source.clip, 1), rgb(picture(1)))


@pytest.mark.parametrize(
    ("name", "numbers", "prefix"),
    [
        ("{:d}.png", range(8, 12), "shot"),
        ("plate_v02.{:04d}.png", range(9998, 10002), "plate_v02"),
        ("plate-{:03d}.png", range(1, 4), "plate-"),
        ("IMG_{:d}.JPG", range(98, 102), "IMG"),
    ],
)
def test_a_folder_is_read_by_the_last_number_of_its_names(
    tmp_path: Path, name: str, numbers: range, prefix: str
) -> None:
    source = open_source(write_sequence(tmp_path / "shot", numbers, name))

    assert (source.name, source.first_number) == (prefix, numbers[0])
    assert source.clip.num_frames == len(numbers)


def test_numbers_below_zero_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    folder.mkdir()
    for number, name in ((-1, "-0001"), (0, "0000"), (1, "0001")):
        write_picture(folder / f"plate.{name}.png", picture(number + 1))

    source = open_source(folder)

    assert (source.first_number, source.clip.num_frames) == (-1, 3)
    np.testing.assert_array_equal(planes(source.clip, 0), rgb(picture(0)))


def test_other_files_beside_a_sequence_are_passed_over(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path, range(3))
    for name in ("notes.txt", "thumb.jpg", "._plate.0003.png", "cover.1.mov", "ref_07.tif"):
        (folder / name).write_bytes(b"x")

    assert open_source(folder).clip.num_frames == 3


def test_missing_numbers_are_named(tmp_path: Path) -> None:
    write_sequence(tmp_path, [1001, 1003, 1004, 1007, 1008])

    with pytest.raises(SourceError, match=r"misses frames 1002, 1005-1006 of 1001-1008"):
        open_source(tmp_path / "plate.####.png")


def test_missing_numbers_may_be_black_or_hold_the_frame_before(tmp_path: Path) -> None:
    write_sequence(tmp_path, [1001, 1002, 1005])

    black = open_source(tmp_path, Opening(missing="black"))
    hold = open_source(tmp_path, Opening(missing="hold"))

    assert (black.first_number, black.clip.num_frames, black.blank) == (1001, 5, {2, 3})
    assert (hold.first_number, hold.clip.num_frames, hold.blank) == (1001, 5, set())
    for n, shown in enumerate([1001, 1002, 1002, 1002, 1005]):
        np.testing.assert_array_equal(planes(hold.clip, n), rgb(picture(shown)))
        expected = np.zeros((3, HEIGHT, WIDTH)) if n in (2, 3) else rgb(picture(shown))
        np.testing.assert_array_equal(planes(black.clip, n), expected)
    assert black.clip.get_frame(2).props["_Matrix"] == vs.MATRIX_RGB


def test_a_stray_number_is_not_filled_up_to(tmp_path: Path) -> None:
    """A date in a name is no frame ten million."""
    write_sequence(tmp_path, [1001, 1002, 20261122])

    with pytest.raises(SourceError, match="misses frames 1003-20261121"):
        open_source(tmp_path, Opening(missing="black"))


def test_a_number_under_two_paddings_is_refused(tmp_path: Path) -> None:
    write_sequence(tmp_path, range(1, 4))
    write_sequence(tmp_path, [2], "plate.{:05d}.png")

    with pytest.raises(SourceError, match=r"frame 2 in a file of another padding"):
        open_source(tmp_path / "plate.####.png")


def test_a_folder_of_two_sequences_asks_which(tmp_path: Path) -> None:
    write_sequence(tmp_path, range(3))
    write_sequence(tmp_path, range(2), "clean_{:03d}.png")

    with pytest.raises(
        SourceError, match=r"2 numbered sequences: clean_###\.png, plate\.####\.png"
    ):
        open_source(tmp_path)


@pytest.mark.parametrize(("names", "held"), [([], "nothing"), (["a.mov", "b.png"], "a.mov, b.png")])
def test_a_folder_without_a_sequence_says_what_it_holds(
    tmp_path: Path, names: list[str], held: str
) -> None:
    for name in names:
        (tmp_path / name).touch()

    with pytest.raises(SourceError, match=f"no numbered sequence of pictures, but {held}"):
        open_source(tmp_path)


def test_a_sequence_of_movies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "take.01.mov").write_bytes(b"x")

    with pytest.raises(SourceError, match="isn't a sequence of pictures"):
        open_source(tmp_path / "take.##.mov")


def test_a_frame_of_another_size_is_named_when_it_is_asked_for(tmp_path: Path) -> None:
    write_sequence(tmp_path, range(3))
    write_picture(tmp_path / "plate.0001.png", picture(1, 8, 8, 3))
    clip = open_source(tmp_path).clip

    clip.get_frame(0)

    with pytest.raises(vs.Error, match=r"plate\.0001\.png is 8x8 RGB24, but .* is 10x6 RGB24"):
        clip.get_frame(1)


def test_a_damaged_frame_is_named_when_it_is_asked_for(tmp_path: Path) -> None:
    write_sequence(tmp_path, range(2))
    (tmp_path / "plate.0001.png").write_bytes(b"")

    with pytest.raises(vs.Error, match=r"plate\.0001\.png is damaged"):
        open_source(tmp_path).clip.get_frame(1)


def test_frames_are_the_same_in_any_order_and_by_many_threads(tmp_path: Path) -> None:
    clip = open_source(write_sequence(tmp_path, range(24))).clip
    order = np.random.default_rng(0).permutation(list(range(24)) * 3).tolist()

    futures = [(n, clip.get_frame_async(n)) for n in order]

    for n, future in futures:
        with future.result() as frame:
            np.testing.assert_array_equal(frame[0], rgb(picture(n))[0])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files by /proc")
def test_no_file_stays_open(tmp_path: Path) -> None:
    clip = open_source(write_sequence(tmp_path, range(4))).clip
    list(clip.frames(close=True))

    held = {str(link.resolve()) for link in Path("/proc/self/fd").iterdir()}

    assert not [path for path in held if path.startswith(str(tmp_path))]


def test_a_relative_path_still_reads_after_the_working_folder_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sequence(tmp_path / "shot", range(2))
    monkeypatch.chdir(tmp_path)
    clip = open_source("shot/plate.####.png").clip

    monkeypatch.chdir("/")

    np.testing.assert_array_equal(planes(clip, 1), rgb(picture(1)))


def test_a_sequence_runs_at_24_or_as_told(tmp_path: Path) -> None:
    write_sequence(tmp_path, range(2))

    assert open_source(tmp_path).clip.fps == Fraction(24)
    told = open_source(tmp_path, Opening(rate=Fraction(30000, 1001))).clip
    assert told.fps == Fraction(30000, 1001)
    with told.get_frame(1) as frame:
        assert (frame.props["_DurationNum"], frame.props["_DurationDen"]) == (1001, 30000)


# Pictures.


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_lossless_pictures_keep_every_code(
    tmp_path: Path, suffix: str, dtype: str, channels: int
) -> None:
    """Alpha is dropped without touching the colors under it."""
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    pixels = picture(1, *shape, dtype=dtype)

    source = open_source(write_picture(tmp_path / f"still{suffix}", pixels))

    expected = pixels[None] if channels == 1 else rgb(pixels[..., :3])
    assert (source.kind, source.name, source.clip.num_frames) == ("picture", "still", 1)
    assert planes(source.clip).dtype == dtype
    np.testing.assert_array_equal(planes(source.clip), expected)


def test_pictures_are_full_range_and_else_untagged(tmp_path: Path) -> None:
    color = open_source(write_picture(tmp_path / "c.png", picture(1))).clip.get_frame(0).props
    gray = open_source(write_picture(tmp_path / "g.png", picture(1, 4, 4))).clip.get_frame(0).props

    assert (color["_Matrix"], color["_Range"]) == (vs.MATRIX_RGB, vs.RANGE_FULL)
    assert gray["_Range"] == vs.RANGE_FULL
    assert "_Matrix" not in gray
    assert not {"_Transfer", "_Primaries"} & (color.keys() | gray.keys())


def test_digits_in_a_pictures_name_do_not_make_it_a_sequence(tmp_path: Path) -> None:
    write_sequence(tmp_path, range(1001, 1004))

    source = open_source(tmp_path / "plate.1002.png")

    assert (source.kind, source.name, source.first_number) == ("picture", "plate.1002", 0)
    assert source.clip.num_frames == 1


def test_a_jpeg_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "portrait.jpg", picture(1, 40, 60, 3))
    # TIFF header, one directory entry: orientation (0x0112) is 6, a quarter turn clockwise.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = path.read_bytes()
    path.write_bytes(data[:2] + segment + data[2:])

    clip = open_source(path).clip

    assert (clip.width, clip.height) == (40, 60)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_turn_that_exif_knows_is_undone(tmp_path: Path, suffix: str, turn: int) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = 255
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    PIL.Image.fromarray(pixels).save(tmp_path / f"still{suffix}", exif=exif)

    shown = planes(open_source(tmp_path / f"still{suffix}").clip)[0]

    height, width = shown.shape
    corners = shown[2 :: height - 5, 2 :: width - 5] > 128
    turned = np.array([[1, 0], [0, 0]], bool)
    turned = np.fliplr(turned) if turn in (2, 4, 5, 7) else turned
    turned = np.rot90(turned, {3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}.get(turn, 0))
    assert (width, height) == ((16, 32) if turn > 4 else (32, 16))
    np.testing.assert_array_equal(corners, turned)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("P", ".png"), ("1", ".png"), ("LA", ".png"), ("P", ".tif"), ("CMYK", ".tif"), ("P", ".bmp")],
)
def test_palettes_gray_with_alpha_and_cmyk_show_their_colors(
    tmp_path: Path, mode: str, suffix: str
) -> None:
    photo = PIL.Image.fromarray(picture(1, 20, 30, 3)).convert("RGB")
    converted = photo.quantize(16) if mode == "P" else photo.convert(mode)
    converted.save(tmp_path / f"still{suffix}")

    shown = planes(open_source(tmp_path / f"still{suffix}").clip)

    expected = np.moveaxis(np.asarray(converted.convert("RGB")), -1, 0)
    np.testing.assert_array_equal(shown, expected[: len(shown)])


def write_with_oiio(path: Path, pixels: NDArray, **said: object) -> Path:
    height, width, channels = pixels.shape
    kind = {"f2": "half", "f4": "float", "u1": "uint8", "u2": "uint16", "u4": "uint32"}
    spec = oiio.ImageSpec(width, height, channels, kind[pixels.dtype.str[1:]])
    for name, value in said.items():
        spec.attribute(name.replace("__", ":"), value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec), oiio.geterror()
    assert file.write_image(np.ascontiguousarray(pixels)), file.geterror()
    file.close()
    return path


@pytest.mark.parametrize("compression", ["none", "zip", "lzw"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f2", "f4"])
@pytest.mark.parametrize("channels", [3, 4, 5])
def test_color_of_a_tiff_is_as_stored_whatever_its_alpha(
    tmp_path: Path, dtype: str, channels: int, compression: str
) -> None:
    """Libtiff's own conversion multiplies 8-bit color by straight alpha."""
    top = {"u1": 255, "u2": 65535}.get(dtype, 1)
    pixels = (np.random.default_rng(4).random((HEIGHT, WIDTH, channels)) * top).astype(dtype)
    path = tmp_path / "a.tif"
    write_with_oiio(path, pixels, oiio__UnassociatedAlpha=1, compression=compression)

    shown = planes(open_source(path).clip)

    np.testing.assert_array_equal(shown, np.moveaxis(pixels[..., :3], -1, 0).astype(shown.dtype))


def test_a_tiff_of_whole_numbers_is_refused_by_name(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.ones((HEIGHT, WIDTH), "i4")).save(tmp_path / "a.tif")

    with pytest.raises(SourceError, match=r"a\.tif has int32 pixels in Y"):
        open_source(tmp_path / "a.tif")


def test_a_tiff_of_several_pages_shows_the_first(tmp_path: Path) -> None:
    pages = [PIL.Image.fromarray(picture(n, 20, 30)) for n in range(2)]
    color = PIL.Image.fromarray(picture(3, 20, 30, 3))
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=[pages[1], color])

    np.testing.assert_array_equal(
        planes(open_source(tmp_path / "a.tif").clip)[0], picture(0, 20, 30)
    )


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_no_library_prints_what_it_thinks_of_a_damaged_picture(tmp_path, suffix, capfd) -> None:
    path = write_picture(tmp_path / f"a{suffix}", picture(1, 40, 40, 3))
    path.write_bytes(path.read_bytes()[:90])

    with pytest.raises(SourceError, match="damaged"):
        open_source(path)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".exr"])
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.95])
def test_a_picture_cut_short_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"still{suffix}"
    if suffix == ".exr":
        write_exr(path, {"Y": picture(1, 40, 40).astype("f4")})
    else:
        write_picture(path, picture(1, 40, 40, 3))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])

    with pytest.raises(SourceError, match="is damaged or not"):
        open_source(path)


@pytest.mark.parametrize(("at", "number"), [(16, 30000), (33, 2**31 - 1)])
def test_a_png_that_promises_more_than_it_holds_is_refused_at_once(
    tmp_path: Path, at: int, number: int
) -> None:
    """Its width, or a chunk's length: OpenCV would make gigabytes of room first."""
    path = write_picture(tmp_path / "still.png", picture(1, 400, 400, 3))
    data = bytearray(path.read_bytes())
    data[at : at + 4] = number.to_bytes(4, "big")
    if at == 16:
        data[20:24] = data[16:20]
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
        del data[60:-12]
    path.write_bytes(data)

    with pytest.raises(SourceError, match="is damaged"):
        open_source(path)


def test_a_whole_jpeg_with_more_behind_it_opens(tmp_path: Path) -> None:
    """Phones append depth maps and previews."""
    path = write_picture(tmp_path / "phone.jpg", picture(1, 40, 40, 3))
    path.write_bytes(path.read_bytes() + b"\xff\xda" + bytes(99))

    assert open_source(path).clip.width == 40


def test_a_progressive_jpeg_with_restart_markers_opens(tmp_path: Path) -> None:
    flags = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    data = cv2.imencode(".jpg", picture(1, 64, 64, 3), flags)[1].tobytes()
    (tmp_path / "web.jpg").write_bytes(data)

    assert open_source(tmp_path / "web.jpg").clip.width == 64


def test_pictures_of_an_odd_type_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "depth.tif", picture(1, 4, 4).astype("f8"))

    with pytest.raises(SourceError, match="has float64 pixels"):
        open_source(tmp_path / "depth.tif")


# EXR.


def exr_rgba(dtype: str = "float32") -> dict[str, NDArray]:
    rng = np.random.default_rng(3)
    values = {name: rng.normal(0.5, 2, (HEIGHT, WIDTH)).astype(dtype) for name in "RGB"}
    return values | {"A": rng.random((HEIGHT, WIDTH)).astype(dtype)}


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_exr_values_pass_untouched(tmp_path: Path, dtype: str) -> None:
    """Negative ones and those over 1 too, and not divided by alpha."""
    channels = exr_rgba(dtype)
    clip = open_source(write_exr(tmp_path / "plate.exr", channels)).clip

    assert clip.format.id == vs.RGBS
    np.testing.assert_array_equal(planes(clip), np.stack([channels[name] for name in "RGB"]))


def test_exr_is_tagged_scene_linear(tmp_path: Path) -> None:
    with open_source(write_exr(tmp_path / "a.exr", exr_rgba())).clip.get_frame(0) as frame:
        tags = [frame.props[name] for name in ("_Matrix", "_Transfer", "_Primaries")]

    assert tags == [0, 8, 1]


@pytest.mark.parametrize("name", ["Y", "A", "matte.alpha"])
def test_an_exr_of_one_channel_is_gray(tmp_path: Path, name: str) -> None:
    values = exr_rgba()["A"]

    clip = open_source(write_exr(tmp_path / "matte.exr", {name: values})).clip

    assert clip.format.id == vs.GRAYS
    np.testing.assert_array_equal(planes(clip)[0], values)
    assert clip.resize.Point(format=vs.GRAY16).get_frame(0).format.id == vs.GRAY16


def test_an_exr_without_a_picture_lists_its_channels(tmp_path: Path) -> None:
    values = exr_rgba()["A"]
    write_exr(tmp_path / "aov.exr", {"depth.Z": values, "motion.u": values})

    with pytest.raises(SourceError, match=r"has channels depth\.Z, motion\.u"):
        open_source(tmp_path / "aov.exr")


@pytest.mark.parametrize("offset", [(2, 1), (-3, -2), (8, 4), (-8, 0)])
def test_an_exr_shows_its_display_window(tmp_path: Path, offset: tuple[int, int]) -> None:
    """Overscan is cut, and what the data doesn't cover is black."""
    values = exr_rgba()["A"] + 1
    x, y = offset
    ends = ([x, y], [x + WIDTH - 1, y + HEIGHT - 1]), ([0, 0], [WIDTH - 1, HEIGHT - 1])
    data, display = (tuple(np.array(corner, "i4") for corner in window) for window in ends)
    path = write_exr(tmp_path / "a.exr", {"Y": values}, dataWindow=data, displayWindow=display)

    shown = planes(open_source(path).clip)[0]

    canvas = np.zeros((HEIGHT * 3, WIDTH * 9), "f4")
    top, left = HEIGHT + y, WIDTH * 4 + x
    canvas[top : top + HEIGHT, left : left + WIDTH] = values
    np.testing.assert_array_equal(shown, canvas[HEIGHT : HEIGHT * 2, WIDTH * 4 : WIDTH * 5])


def write_beside(path: Path, channels: dict[str, NDArray]) -> Path:
    """Write an EXR file whose data window is right of what it displays."""
    ends = [np.array(end, "i4") for end in ((40, 0), (40 + WIDTH - 1, HEIGHT - 1), (0, 0), (9, 5))]
    return write_exr(
        path, channels, dataWindow=(ends[0], ends[1]), displayWindow=(ends[2], ends[3])
    )


def test_an_exr_with_nothing_to_see_is_named_and_kept_windows_show_it(tmp_path: Path) -> None:
    path = write_beside(tmp_path / "a.exr", {"Y": exr_rgba()["A"]})

    with pytest.raises(SourceError, match=r"has pixels only at 40,0 to 49,5, .* --keep-windows"):
        open_source(path)
    assert open_source(path, Opening(keep_windows=True)).clip.width == 50


def test_a_matte_may_have_nothing_to_see(tmp_path: Path) -> None:
    """A frame without a person, of whose data window nothing is left."""
    path = write_beside(tmp_path / "a.exr", {"Y": exr_rgba()["A"]})

    assert not planes(open_source(path, Opening(with_alpha=True)).clip).any()


def test_an_exr_whose_color_is_whole_numbers_is_refused_by_name(tmp_path: Path) -> None:
    ids = np.full((HEIGHT, WIDTH), 7, "u4")
    write_exr(tmp_path / "ids.exr", {"R": ids, "G": ids, "B": ids})
    halves = exr_rgba("float16")
    write_exr(tmp_path / "mixed.exr", {**halves, "id": ids})

    with pytest.raises(SourceError, match=r"ids\.exr has uint32 pixels in"):
        open_source(tmp_path / "ids.exr")
    np.testing.assert_array_equal(
        planes(open_source(tmp_path / "mixed.exr").clip)[0], halves["R"].astype("f4")
    )


def test_exr_sequences_keep_the_rate_and_pixel_aspect_they_carry(tmp_path: Path) -> None:
    rate = Fraction(24000, 1001)
    for n in range(2):
        path = tmp_path / f"plate.{n:04d}.exr"
        write_exr(path, exr_rgba(), framesPerSecond=rate, pixelAspectRatio=2.0)

    source = open_source(tmp_path)

    assert source.clip.fps == rate
    assert source.clip.get_frame(1).props["_SARNum"] == 2
    assert open_source(tmp_path, Opening(rate=Fraction(25))).clip.fps == 25


def layered(tmp_path: Path) -> tuple[Path, dict[str, NDArray]]:
    """Plain R, G, B; a beauty of its own; a depth."""
    plain, beauty = exr_rgba(), {f"beauty.{k}": v * 2 for k, v in exr_rgba().items()}
    channels = plain | beauty | {"depth.Z": exr_rgba()["A"] * 9}
    return write_exr(tmp_path / "layers.exr", channels), channels


@pytest.mark.parametrize(
    ("layer", "names"),
    [(None, "R G B"), ("beauty", "beauty.R beauty.G beauty.B"), ("depth", "depth.Z")],
)
def test_a_layer_is_chosen_by_its_name(tmp_path: Path, layer: str | None, names: str) -> None:
    path, channels = layered(tmp_path)

    shown = planes(open_source(path, Opening(layer=layer)).clip)

    np.testing.assert_array_equal(shown, np.stack([channels[name] for name in names.split()]))


def test_a_layer_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no layer 'hero' .* choose with --layer: beauty, depth"):
        open_source(layered(tmp_path)[0], Opening(layer="hero"))


def test_a_layer_of_a_kind_without_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no layers"):
        open_source(write_picture(tmp_path / "a.png", picture(1)), Opening(layer="beauty"))


@pytest.mark.parametrize(
    ("layer", "factor"), [(None, 1), ("rgba.left", 1), ("right", 2), ("rgba.right", 2)]
)
def test_a_part_is_chosen_by_its_name_or_its_view(
    tmp_path: Path, layer: str | None, factor: int
) -> None:
    depth = {"name": "depth", "type": OpenEXR.scanlineimage}
    parts = [OpenEXR.Part(depth, {"Z": exr_rgba()["A"]}, "depth")]
    for view, times in (("left", 1), ("right", 2)):
        channels = {name: values * times for name, values in exr_rgba().items()}
        name = f"rgba.{view}"
        header = {"name": name, "view": view, "type": OpenEXR.scanlineimage}
        parts.append(OpenEXR.Part(header, channels, name))
    OpenEXR.File(parts).write(str(tmp_path / "stereo.exr"))

    shown = planes(open_source(tmp_path / "stereo.exr", Opening(layer=layer)).clip)

    np.testing.assert_array_equal(shown[0], exr_rgba()["R"] * factor)


@pytest.mark.parametrize(
    ("red", "words"), [(0.7347, "says that its primaries are 0.7347 0.33"), (0.64, "")]
)
def test_other_primaries_than_rec709_are_warned_of(
    tmp_path: Path, red: float, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = (red, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
    path = write_exr(tmp_path / "a.exr", {"Y": np.ones((4, 4), "f4")}, chromaticities=said)

    open_source(path)

    assert words in caplog.text
    assert bool(words) == bool(caplog.text)


def test_a_tiff_in_lab_is_refused_by_name(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.tif", picture(0))
    data = path.read_bytes()
    photometric = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    assert photometric in data
    at = data.index(photometric) + 8
    path.write_bytes(data[:at] + b"\x08\x00" + data[at + 2 :])

    with pytest.raises(SourceError, match="CIELAB"):
        open_source(path)


def test_an_exr_with_a_word_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    """The library quotes it in its own words, which then are none either."""
    path = write_exr(tmp_path / "a.exr", {"Y": np.ones((4, 4), "f4")})
    path.write_bytes(path.read_bytes().replace(b"\0chlist", b"\0chl\xf6st"))

    with pytest.raises(SourceError, match="damaged"):
        open_source(path)


def test_deep_exr_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = deep(tmp_path).path

    with pytest.raises(SourceError, match="holds deep samples; flatten it first"):
        open_source(path)


def test_a_damaged_exr_prints_nothing_to_stdout(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Stdout may carry video, or JSON."""
    path = write_exr(tmp_path / "a.exr", exr_rgba())
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(SourceError, match="damaged"):
        open_source(path)

    assert capfd.readouterr().out == ""


# DPX and Targa.


def write_oiio(path: Path, pixels: NDArray, bits: int, **attributes: object) -> Path:
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, pixels.dtype.name)
    spec.attribute("oiio:BitsPerSample", bits)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    output.write_image(pixels)
    output.close()
    return path


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_dpx_keeps_its_codes_at_any_depth(tmp_path: Path, bits: int, channels: int) -> None:
    dtype = "uint8" if bits == 8 else "uint16"
    pixels = picture(1, HEIGHT, WIDTH, channels, dtype=dtype)
    path = write_oiio(tmp_path / "scan.dpx", pixels, bits)

    shown = planes(open_source(path).clip)

    top = np.iinfo(dtype).max
    codes = np.moveaxis(pixels[..., :3], -1, 0)
    assert shown.shape[0] == min(channels, 3)
    assert np.abs(shown.astype(int) - codes).max() <= (0 if bits in (8, 16) else top >> bits)


@pytest.mark.parametrize(("transfer", "code"), [("Linear", 8), ("ITU-R 709-4", 1)])
def test_dpx_says_its_transfer_and_pixel_aspect(tmp_path: Path, transfer: str, code: int) -> None:
    attributes = {"dpx__Transfer": transfer, "PixelAspectRatio": 2.0}
    path = write_oiio(tmp_path / "scan.dpx", picture(1, 4, 4, 3), 8, **attributes)

    with open_source(path).clip.get_frame(0) as frame:
        assert (frame.props["_Transfer"], frame.props["_SARNum"]) == (code, 2)


def test_log_film_is_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = picture(1, 4, 4, 3, dtype="uint16")
    for n in range(2):
        write_oiio(tmp_path / f"scan.{n:04d}.dpx", pixels, 10, dpx__Transfer="Logarithmic")

    list(open_source(tmp_path).clip.frames(close=True))

    assert caplog.text.count("holds log film codes") == 1


def test_a_header_that_promises_too_many_pixels_is_refused_at_once(tmp_path: Path) -> None:
    window = np.array([0, 0], "i4"), np.array([69_999, 69_999], "i4")
    path = write_exr(tmp_path / "a.exr", {"Y": np.ones((4, 4), "f4")}, displayWindow=window)

    with pytest.raises(SourceError, match="says that it has 70000x70000 pixels"):
        open_source(path)


def test_targa_keeps_its_codes(tmp_path: Path) -> None:
    pixels = picture(1, HEIGHT, WIDTH, 4)

    path = write_oiio(tmp_path / "a.tga", pixels, 8, oiio__UnassociatedAlpha=1)

    shown = planes(open_source(path).clip)

    np.testing.assert_array_equal(shown, np.moveaxis(pixels[..., :3], -1, 0))


@pytest.mark.parametrize("suffix", [".dpx", ".tga"])
def test_a_film_frame_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_oiio(tmp_path / f"a{suffix}", picture(1, 40, 40, 3), 8)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])

    with pytest.raises(SourceError, match="is damaged or not"):
        open_source(path)


# Scripts.


def run(tmp_path: Path, code: str) -> Source:
    path = tmp_path / "cut.vpy"
    path.write_text("import vapoursynth as vs\ncore = vs.core\n" + code, encoding="utf-8")
    return open_source(path)


BLANK = "clip = core.std.BlankClip(width=8, height=4, length=5, fpsnum=25, fpsden=1)\n"


def test_a_scripts_output_0_is_its_clip(tmp_path: Path) -> None:
    source = run(tmp_path, BLANK + "clip.set_output()\nclip[:2].set_output(1)")

    assert (source.kind, source.name, source.first_number) == ("script", "cut", 0)
    assert (source.clip.num_frames, source.clip.fps) == (5, 25)
    assert source.alpha is None


def test_a_scripts_alpha_is_kept(tmp_path: Path) -> None:
    alpha = "alpha = clip.std.ShufflePlanes(0, vs.GRAY)\n"

    source = run(tmp_path, BLANK + alpha + "clip.set_output(alpha=alpha)")

    assert source.alpha is not None
    assert source.alpha.format.id == vs.GRAY8


def test_a_scripts_callbacks_outlive_its_run(tmp_path: Path) -> None:
    code = "def shade(n):\n    return core.std.BlankClip(clip, color=[n, n, n])\n"

    source = run(tmp_path, BLANK + code + "clip.std.FrameEval(shade).set_output()")

    assert planes(source.clip, 3).max() == 3


def test_what_a_script_prints_goes_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, BLANK + "print('hello')\nclip.set_output()")

    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_a_script_finds_files_beside_it_as_under_vspipe(tmp_path: Path) -> None:
    (tmp_path / "length.txt").write_text("3")
    before = Path.cwd()

    source = run(
        tmp_path,
        BLANK
        + "from pathlib import Path\nclip[:int(Path('length.txt').read_text())].set_output()\n"
        "assert __file__.endswith('cut.vpy') and __name__ == '__vapoursynth__'",
    )

    assert source.clip.num_frames == 3
    assert Path.cwd() == before


def test_an_output_of_another_script_is_not_taken(tmp_path: Path) -> None:
    run(tmp_path, BLANK + "clip.set_output()")

    with pytest.raises(SourceError, match=r"sets no output 0; end it with clip\.set_output"):
        run(tmp_path, BLANK + "clip.set_output(1)")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("\nraise RuntimeError('lost the plate')", "line 4: RuntimeError: lost the plate"),
        ("def f():\n    return clap\nf()", "line 4: NameError: name 'clap' is not defined"),
        ("core.std.Trim(1)", "line 3: Error: Trim: "),
        ("clip = = 3", "line 3: SyntaxError: invalid syntax"),
        ("import sys\nsys.exit(3)", "line 4: SystemExit: 3"),
        ("import no_such_package", "line 3: ModuleNotFoundError"),
    ],
)
def test_a_script_that_fails_is_quoted_with_its_line(
    tmp_path: Path, code: str, message: str
) -> None:
    with pytest.raises(SourceError) as caught:
        run(tmp_path, code)

    assert f"cut.vpy failed in {message}" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_sound_as_output_0_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="sound"):
        run(tmp_path, "core.std.BlankAudio().set_output()")


@pytest.mark.parametrize("changing", ["varsize=True", "varformat=True"])
def test_a_clip_that_changes_format_or_size_is_refused(tmp_path: Path, changing: str) -> None:
    with pytest.raises(SourceError, match=r"cut\.vpy changes its format or size"):
        run(tmp_path, f"core.std.BlankClip({changing}).set_output()")


def test_a_script_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.vpy").write_bytes(b"\xff\xfe\0\1binary")

    with pytest.raises(SourceError, match=r"cut\.vpy failed"):
        open_source(tmp_path / "cut.vpy")


def test_opening_footage_needs_no_torch() -> None:
    code = "import sghm_vs.media.readers, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
