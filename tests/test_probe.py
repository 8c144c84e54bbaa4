"""What is known of a movie before it is read: those frames that will be shown, at the rate they have."""

import shutil
import struct
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs.media.frame_times import FrameTimes, constant_rate
from sghm_vs.media.probe import probe
from sghm_vs.media.readers import open_source
from tests.null_frames import with_null_frames
from tests.test_sound import H264, ffmpeg

NTSC = [Fraction(1000 * n, 1001) for n in (24, 30, 60, 120)]


def movie(path: Path, *words: object, frames: int = 48, rate: object = 24) -> Path:
    ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=s=64x36:r={rate}", "-frames:v", frames, *H264, *words, path
    )
    return path


def boxes(block: bytes) -> list[bytes]:
    """Return the boxes that follow one another in `block`."""
    found = []
    while len(block) >= 8:
        (size,) = struct.unpack(">I", block[:4])
        found.append(block[:size])
        block = block[size:]
    return found


def shown_twice(block: bytes) -> bytes:
    """Return the boxes of a MOV whose edit list, of one edit, shows the whole twice."""
    made = b""
    for box in boxes(block):
        name, content = box[4:8], box[8:]
        if name in (b"moov", b"trak", b"edts"):
            content = shown_twice(content)
        elif name == b"elst":
            content = struct.pack(">II", 0, 2) + 2 * content[8:20]
        made += struct.pack(">I4s", len(content) + 8, name) + content
    return made


def cut(folder: Path, name: str, start_s: float = 0.7) -> Path:
    ffmpeg("-ss", start_s, "-i", movie(folder / "whole.mov"), "-c", "copy", folder / name)
    return folder / name


def repeated(folder: Path) -> Path:
    path = movie(folder / "a.mov")
    path.write_bytes(shown_twice(path.read_bytes()))
    return path


def with_long_sound(folder: Path, name: str) -> Path:
    words = ("-f", "lavfi", "-i", "sine=d=5", "-c:v", "copy", "-c:a", "aac")
    ffmpeg("-i", movie(folder / "whole.mov"), *words, folder / name)
    return folder / name


def joined_midway(folder: Path) -> Path:
    path = movie(folder / "a.ts")
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 188 // 8 * 188 :])
    return path


def with_cover(folder: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32", "-frames:v", 1, folder / "c.png")
    ffmpeg("-i", folder / "c.png", "-i", movie(folder / "whole.mov"), "-map", 0, "-map", 1, "-c",
           "copy", "-disposition:v:0", "attached_pic", folder / "a.mp4")  # fmt: skip
    return folder / "a.mp4"


KINDS = {
    "uncut": lambda folder: movie(folder / "a.mov"),
    "MOV cut by a copy": lambda folder: cut(folder, "a.mov"),
    "MP4 cut by a copy": lambda folder: cut(folder, "a.mp4"),
    "Matroska cut by a copy": lambda folder: cut(folder, "a.mkv"),
    "shown twice": repeated,
    "fragmented MP4": lambda folder: movie(
        folder / "a.mp4", "-movflags", "frag_keyframe+empty_moov"
    ),
    "MOV with longer sound": lambda folder: with_long_sound(folder, "a.mov"),
    "Matroska with longer sound": lambda folder: with_long_sound(folder, "a.mkv"),
    "transport stream with longer sound": lambda folder: with_long_sound(folder, "a.ts"),
    "transport stream": lambda folder: movie(folder / "a.ts"),
    "transport stream, begun midway": joined_midway,
    "Matroska that starts late": lambda folder: movie(folder / "a.mkv", "-output_ts_offset", 2),
    "MP4 with a cover": with_cover,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_frames_that_are_shown_are_those_that_are_known_before(tmp_path, kind):
    path = KINDS[kind](tmp_path)

    media, clip = probe(path), open_source(path).clip

    assert (len(media.frames), media.rate) == (clip.num_frames, clip.fps)


@pytest.mark.parametrize("rate", NTSC[:3])
def test_a_short_clip_has_its_exact_rate_as_well(tmp_path, rate):
    path = movie(tmp_path / "a.mov", "-bf", 0, "-video_track_timescale", 600, frames=64, rate=rate)

    assert (probe(path).rate, open_source(path).clip.fps) == (rate, rate)


@pytest.mark.parametrize("rate", NTSC)
@pytest.mark.parametrize("ticks", [600, 1000, 2400, 90000])
def test_a_rate_is_exact_in_any_ticks(tmp_path, rate, ticks):
    words = ("-bf", 0) if ticks == 1000 else ("-bf", 0, "-video_track_timescale", ticks)
    name = "a.mkv" if ticks == 1000 else "a.mov"

    media = probe(movie(tmp_path / name, *words, frames=200, rate=rate))

    assert (media.rate, len(media.frames)) == (rate, 200)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("2997/100", NTSC[1]), ("23976/1000", NTSC[0]), ("5994/100", NTSC[2]), ("1000000/41667", 24),
     ("1000000/33367", NTSC[1]), ("25/2", Fraction(25, 2))],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.mov", "a.avi"])
def test_a_rate_that_a_header_rounds_is_the_one_that_is_meant(tmp_path, name, said, meant):
    scale = ("-video_track_timescale", said.split("/")[0]) if name == "a.mov" else ()
    path = movie(tmp_path / name, "-bf", 0, *scale, frames=60, rate=said)

    assert (probe(path).rate, open_source(path).clip.fps) == (meant, meant)


MJPEG = ("-c:v", "mjpeg", "-q:v", 2, "-pix_fmt", "yuvj420p")


@pytest.fixture(scope="module")
def whole_avi(tmp_path_factory) -> Callable[[str], tuple[Path, list[bytes]]]:
    """What writes 24 frames by a coder, once for all tests here, and says their planes."""

    @cache
    def written(coder: str) -> tuple[Path, list[bytes]]:
        words = (
            MJPEG if coder == "mjpeg" else ("-c:v", "mpeg4", "-vtag", "XVID", "-g", 1, "-q:v", 2)
        )
        path = tmp_path_factory.mktemp(coder) / "whole.avi"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24", "-frames:v", 24, *words, path)
        return path, planes_of(path)

    return written


@pytest.mark.slow
@pytest.mark.parametrize(
    "gone", [{5, 6, 12}, {3, 4, 5, 6}, {1}, {23}, {5, 23}, {0}, {0, 1, 23}, {*range(1, 24, 2)}, set()],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("coder", ["mjpeg", "xvid"])
def test_null_frames_of_an_avi_keep_their_numbers(tmp_path, whole_avi, gone, coder):
    written, whole = whole_avi(coder)
    path = Path(shutil.copy(written, tmp_path / "a.avi"))
    with_null_frames(path, gone)

    clip = open_source(path).clip
    found = planes_of_clip(clip)

    shown = [max((k for k in range(n + 1) if k not in gone), default=None) for n in range(24)]
    first = min(set(range(24)) - gone)
    wanted = [whole[first if n is None else n] for n in shown]
    assert [n for n, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1]] == []
    assert (len(probe(path).frames), clip.fps) == (24, 24)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("coder", "gone"),
    [("libx264", set()), ("mpeg4", set()), ("mpeg4", {5, 6}), ("mpeg4", {2, 14})],
)
def test_frames_that_an_avi_has_in_another_order_keep_their_numbers(tmp_path, coder, gone):
    path = tmp_path / "a.avi"
    moving = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24", "-frames:v", 24, "-pix_fmt", "yuv420p")
    ffmpeg(*moving, "-c:v", coder, "-bf", 2, "-b_strategy", 0, path)
    ffmpeg("-i", path, "-fps_mode", "passthrough", "-c:v", "ffv1", tmp_path / "whole.mkv")
    whole = planes_of(tmp_path / "whole.mkv")
    with_null_frames(path, gone)
    # A frame that none waits for is one place later in the file.
    shown = [max(k for k in range(n + 1) if k + 1 not in gone) for n in range(24)]

    assert planes_of(path) == [whole[n] for n in shown]
    assert (len(probe(path).frames), open_source(path).clip.fps) == (24, 24)


def planes_of(path: Path) -> list[bytes]:
    return planes_of_clip(open_source(path).clip)


def planes_of_clip(clip: vs.VideoNode) -> list[bytes]:
    return [bytes(np.asarray(frame[0])) for frame in clip.frames()]


def test_times_that_a_program_stream_leaves_out_are_no_varying_rate():
    ticks = [3750 * n for n in range(73)]
    ticks[47:49] = [ticks[48], ticks[48]]

    assert constant_rate(FrameTimes(tuple(ticks), Fraction(1, 90000)), Fraction(24)) == 24
    for wrong in ([*ticks[:30], *(tick + 3750 for tick in ticks[30:])], [0, *ticks[2:]]):
        assert constant_rate(FrameTimes(tuple(wrong), Fraction(1, 90000)), Fraction(24)) is None
