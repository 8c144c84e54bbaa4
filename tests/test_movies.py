"""Movies as editors take them: codecs, timecode, reel, sound, reviews. Read back by PyAV."""

import re
import subprocess
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import OpenImageIO
import pytest
import vapoursynth as vs

from sghm_vs import export
from sghm_vs.errors import ExportError
from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.media.readers import open_source
from sghm_vs.media.timecode import Timecode, coded_in
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.options import Delivery, FrameRange, OutputFormat
from sghm_vs.shots.shot import deliver
from tests.clips import core, noise_clip, plane
from tests.decoding import av_plane, decoded

NTSC = Fraction(30000, 1001)


def soft_alpha(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a ramp from 0 to 1 across the width, GRAYS."""
    blank = core.std.BlankClip(clip, format=vs.GRAYS)

    def draw(n, f):  # noqa: ARG001
        frame = f.copy()
        np.asarray(frame[0])[:] = np.linspace(0, 1, f.width, dtype=np.float32)
        return frame

    return blank.std.ModifyFrame(blank, draw)


def tag(path: Path) -> str:
    with av.open(str(path)) as movie:
        return movie.streams.video[0].codec_context.codec_tag


def said(path: Path) -> dict[str, str]:
    """Return what all tracks and the file itself say."""
    with av.open(str(path)) as movie:
        found = dict(movie.metadata)
        for stream in movie.streams:
            found |= stream.metadata
    return {key.lower(): value for key, value in found.items()}


def test_4444_xq_is_called_so_and_its_alpha_is_exact(tmp_path):
    clip = noise_clip(vs.RGB24, length=1)
    alpha = soft_alpha(clip)

    export(clip, alpha, tmp_path / "x.mov", codec="prores4444xq")

    assert tag(tmp_path / "x.mov") == "ap4x"
    sent = alpha.resize.Point(format=vs.GRAY10, range=1, range_in=1).get_frame(0)
    assert np.array_equal(av_plane(decoded(tmp_path / "x.mov")[0], 3) >> 2, plane(sent))


@pytest.mark.parametrize("size", [(96, 64), (97, 63), (1, 1)])
def test_animation_is_exact_to_eight_bits_in_every_channel(tmp_path, size):
    clip = noise_clip(vs.RGB24, *size, length=3)
    alpha = soft_alpha(clip)

    export(clip, alpha, tmp_path / "x.mov", codec="animation")

    assert tag(tmp_path / "x.mov") == "rle "
    sent = alpha.resize.Point(format=vs.GRAY8, range=1, range_in=1)
    for n, frame in enumerate(decoded(tmp_path / "x.mov")):
        found = frame.to_ndarray(format="argb")
        expected = [plane(sent.get_frame(n)), *(plane(clip.get_frame(n), at) for at in range(3))]
        assert np.array_equal(found, np.dstack(expected))


def test_ffv1_keeps_color_and_alpha_exactly(tmp_path):
    clip = noise_clip(vs.YUV444P10, length=2)
    alpha = soft_alpha(clip)

    export(clip, alpha, tmp_path / "x.mkv", codec="ffv1")

    sent = alpha.resize.Point(format=vs.GRAY10, range=1, range_in=1)
    for n, frame in enumerate(decoded(tmp_path / "x.mkv")):
        assert frame.format.name == "yuva444p10le"
        for at in range(3):
            assert np.array_equal(av_plane(frame, at), plane(clip.get_frame(n), at))
        assert np.array_equal(av_plane(frame, 3), plane(sent.get_frame(n)))


@pytest.mark.parametrize("format_id", [vs.RGB24, vs.YUV422P10, vs.GRAY8])
@pytest.mark.parametrize("codec", ["ffv1", "animation"])
def test_premultiplied_color_is_the_product_in_code_values(tmp_path, codec, format_id):
    clip = noise_clip(format_id, length=1)
    alpha = soft_alpha(clip)
    path = tmp_path / ("x.mov" if codec == "animation" else "x.mkv")

    export(clip, alpha, path, codec=codec, premultiplied=True)

    assert "sghm_vs:alpha=premultiplied" in said(path)["comment"]
    rgb = clip.resize.Bicubic(format=vs.RGBS, **({} if format_id == vs.RGB24 else {"matrix_in": 1}))
    expected = [plane(rgb.get_frame(0), at) * plane(alpha.get_frame(0)) for at in range(3)]
    (frame,) = decoded(path)
    if codec == "animation":
        found = frame.to_ndarray(format="argb")[..., 1:] / 255
        expected = np.clip(expected, 0, 1)
    else:
        yuv = core.std.BlankClip(
            format=vs.YUV444P10, width=clip.width, height=clip.height, length=1
        )
        filled = yuv.std.ModifyFrame(yuv, partial(_filled, picture=frame))
        filled = filled.resize.Bicubic(format=vs.RGBS, matrix_in=1)
        found = np.dstack([plane(filled.get_frame(0), at) for at in range(3)])
    assert np.abs(found - np.dstack(expected)).max() < 0.006
    assert np.abs(found[:, 0]).max() < 0.002


def _filled(n: int, f: vs.VideoFrame, picture: av.VideoFrame) -> vs.VideoFrame:  # noqa: ARG001
    made = f.copy()
    for at in range(3):
        np.copyto(np.asarray(made[at]), av_plane(picture, at))
    return made


def test_a_review_is_the_composite_that_numpy_makes(tmp_path):
    """Within what 8-bit 4:2:0 and H.264 leave of smooth color."""
    clip = core.std.BlankClip(
        format=vs.RGBS, width=96, height=64, length=3, color=[0.2, 0.6, 0.4], fpsnum=25, fpsden=1
    )
    alpha = soft_alpha(clip)

    export(clip, alpha, tmp_path / "x.mp4", over=(1, 0, 0))

    ramp = np.linspace(0, 1, 96)[None, :, None]
    expected = np.array([0.2, 0.6, 0.4]) * ramp + np.array([1, 0, 0]) * (1 - ramp)
    frames = decoded(tmp_path / "x.mp4")
    assert len(frames) == 3
    assert frames[0].format.name == "yuv420p"
    for frame in frames:
        found = frame.to_ndarray(format="rgb24") / 255
        assert np.abs(found - expected).mean() < 0.012


def test_a_review_may_show_the_subject_over_footage(tmp_path):
    clip = core.std.BlankClip(format=vs.RGB24, width=96, height=64, length=2, color=[255, 0, 0])
    back = core.std.BlankClip(clip, color=[0, 0, 255])
    alpha = core.std.BlankClip(clip, format=vs.GRAYS, color=0.0)

    export(clip, alpha, tmp_path / "x.mp4", over=back)

    found = decoded(tmp_path / "x.mp4")[1].to_ndarray(format="rgb24")
    assert np.abs(found.astype(int) - [0, 0, 255]).max() <= 3


def test_a_review_of_an_odd_size_is_even_by_a_repeated_edge(tmp_path):
    clip = noise_clip(vs.RGB24, 97, 63, length=1)

    export(clip, soft_alpha(clip), tmp_path / "x.mp4", over=(0.5, 0.5, 0.5))

    frame = decoded(tmp_path / "x.mp4")[0]
    assert (frame.width, frame.height) == (98, 64)


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["x.mp4"], {}, "say what it shows the subject over"),
        (["x.mkv"], {"codec": "animation"}, r"codec animation goes into \.mov"),
        (["x.mov"], {"codec": "h265"}, "codec is 'h265' and must be one of"),
        (["x.mov"], {"audio": True}, "has no sound; leave audio out"),
    ],
)
def test_what_can_not_be_in_a_movie_is_refused_before_any_work(tmp_path, names, options, words):
    clip = noise_clip(length=1)

    with pytest.raises(ExportError, match=words):
        export(clip, soft_alpha(clip), *(tmp_path / name for name in names), **options)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("start", "rate"),
    [("01:00:00:00", Fraction(24000, 1001)), ("00:59:59;28", NTSC), ("10:20:30:12", Fraction(25))],
)
@pytest.mark.parametrize("name", ["x.mov", "x.mkv", "x.mp4"])
def test_timecode_and_reel_are_in_the_movie(tmp_path, name, start, rate):
    clip = noise_clip(length=2).std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)
    origin = SourceMetadata(reel="A001C002_210101", timecode=Timecode.parse(start, rate))

    over = {"over": (0, 0, 0)} if name == "x.mp4" else {}
    export(clip, soft_alpha(clip), tmp_path / name, origin=origin, **over)

    found = said(tmp_path / name)
    assert found["timecode"] == start
    if name != "x.mp4":
        assert found["reel_name"] == "A001C002_210101"


def source_movie(folder: Path, *words: str, rate: str = "30000/1001", seconds: int = 4) -> Path:
    """Make a movie with ffmpeg: a test picture, and what `words` say of sound and timecode."""
    path = folder / "plate.mov"
    picture = f"testsrc=size=64x48:rate={rate}:duration={seconds}"
    command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", picture, *words, "-c:v", "ffv1"]
    subprocess.run([*command, path], check=True)
    return path


def test_a_range_of_a_drop_frame_movie_starts_at_its_own_timecode(tmp_path):
    plate = source_movie(tmp_path, "-timecode", "00:00:58;00", "-metadata:s:v:0", "reel_name=R7")
    source = open_source(plate)
    assert (str(source.origin.timecode), source.origin.reel) == ("00:00:58;00", "R7")

    deliver(source, soft_alpha(source.clip), [tmp_path / "x.mov"], frames=FrameRange(60, 70))

    # Frame 60 would be 00:01:00;00, which drop-frame leaves out.
    found = said(tmp_path / "x.mov")
    assert found["timecode"] == "00:01:00;02"
    assert found["reel_name"] == "R7"


def test_a_timecode_that_is_given_takes_the_sources_place(tmp_path):
    source = open_source(source_movie(tmp_path, "-timecode", "00:00:58;00"))
    delivery = Delivery(timecode="10:00:00:00")

    deliver(
        source, soft_alpha(source.clip), [tmp_path / "x.mov"],
        frames=FrameRange(31, 32), delivery=delivery,
    )  # fmt: skip

    assert said(tmp_path / "x.mov")["timecode"] == "10:00:01:01"


def counted_movie(folder: Path, rate: str, count: str, start: str, *, seconds: int = 2) -> Path:
    """Make a movie whose timecode counts as one of another rate does."""
    command = [find_ffmpeg(), "-v", "error"]
    for name, each, words in (("a", rate, []), ("b", count, ["-timecode", start])):
        picture = f"testsrc=size=64x48:rate={each}:duration={seconds}"
        made = [*command, "-f", "lavfi", "-i", picture, "-c:v", "mjpeg", *words]
        subprocess.run([*made, folder / f"{name}.mov"], check=True)
    inputs = ["-i", folder / "a.mov", "-i", folder / "b.mov"]
    plate = folder / "plate.mov"
    subprocess.run(
        [*command, *inputs, "-map", "0:v", "-map", "1:d", "-c", "copy", plate], check=True
    )
    if ";" in start:
        # FFmpeg copies the track without its flag.
        data = bytearray(plate.read_bytes())
        data[data.index(b"tmcd", data.rindex(b"stsd")) + 19] |= 1
        plate.write_bytes(data)
    return plate


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "count", "start", "at_41"),
    [
        ("60000/1001", "30000/1001", "01:00:00:20", "01:00:01:10"),
        ("60000/1001", "30000/1001", "00:00:59;28", "00:01:00;20"),
        ("50", "25", "10:00:00:24", "10:00:01:19"),
        ("60", "30", "01:00:00:00", "01:00:00:20"),
        ("48", "24", "01:00:00:00", "01:00:00:20"),
        ("100", "25", "01:00:00:00", "01:00:00:10"),
        ("120000/1001", "30000/1001", "01:00:00;00", "01:00:00;10"),
        ("120000/1001", "60000/1001", "01:00:00:00", "01:00:00:20"),
        ("120000/1001", "120000/1001", "01:00:00:000", "01:00:00:041"),
    ],
)
@pytest.mark.parametrize("name", ["x.mov", "x.mp4", "x.mkv"])
def test_timecode_counts_in_the_delivery_as_in_the_source(
    tmp_path, name, rate, count, start, at_41
):
    source = open_source(counted_movie(tmp_path, rate, count, start))
    assert str(source.origin.timecode) == start

    delivery = Delivery(over=(0, 0, 0))
    deliver(
        source, soft_alpha(source.clip), [tmp_path / name], frames=FrameRange(41, 44),
        delivery=delivery,
    )  # fmt: skip

    assert said(tmp_path / name)["timecode"] == at_41
    if name != "x.mkv":
        assert open_source(tmp_path / name).origin.timecode.count == round(Fraction(count))


def test_each_exr_has_the_number_of_its_frame_where_two_share_one(tmp_path):
    source = open_source(counted_movie(tmp_path, "60", "30", "01:00:00:20"))

    deliver(source, soft_alpha(source.clip), [tmp_path / "x.##.exr"], frames=FrameRange(3, 7))

    codes = [coded_in(OpenImageIO.ImageInput.open(str(tmp_path / f"x.{n:02}.exr"))
                      .spec().getattribute("smpte:TimeCode")[0]) for n in range(3, 8)]  # fmt: skip
    assert codes == [
        "01:00:00:21.2", "01:00:00:22", "01:00:00:22.2", "01:00:00:23", "01:00:00:23.2",
    ]  # fmt: skip


def test_a_timecode_of_a_count_that_no_frame_keeps_to_is_left_out(tmp_path, caplog):
    source = open_source(counted_movie(tmp_path, "24", "30", "01:00:00:20"))

    assert source.origin.timecode is None
    assert "01:00:00:20 counts 30 to a second, and the movie has 24 frames" in caplog.text


def test_a_given_timecode_counts_as_the_sources_does(tmp_path):
    source = open_source(counted_movie(tmp_path, "60", "30", "01:00:00:20"))

    deliver(
        source, soft_alpha(source.clip), [tmp_path / "x.mov"], frames=FrameRange(4, 5),
        delivery=Delivery(timecode="02:00:00:00"),
    )  # fmt: skip

    assert said(tmp_path / "x.mov")["timecode"] == "02:00:00:02"


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "120000/1001"])
@pytest.mark.parametrize("name", ["x.mov", "x.mkv"])
def test_non_drop_stays_non_drop(tmp_path, name, rate):
    plate = source_movie(tmp_path, "-timecode", "02:00:00:00", rate=rate, seconds=1)
    source = open_source(plate)
    assert not source.origin.timecode.is_drop

    deliver(source, soft_alpha(source.clip), [tmp_path / name], frames=FrameRange(10, 12))

    assert re.fullmatch("02:00:00:0?10", said(tmp_path / name)["timecode"])


def pcm(path: Path, track: int = 0) -> np.ndarray:
    """Return the samples of a track of sound, (samples, channels)."""
    with av.open(str(path)) as movie:
        stream = movie.streams.audio[track]
        frames = []
        for frame in movie.decode(stream):
            found = frame.to_ndarray()
            count = frame.layout.nb_channels
            frames.append(found.reshape(-1, count) if not frame.format.is_planar else found.T)
    return np.concatenate(frames)


def with_sound(folder: Path, codec: str, *, seconds: float = 4, rate: int = 48000) -> Path:
    """Make a movie whose sound tells each sample apart."""
    rng = np.random.default_rng(7)
    count = int(seconds * rate)
    noise = np.cumsum(rng.integers(-300, 300, (count, 2)), axis=0)
    samples = (noise % 60000 - 30000).astype("<i2")
    (folder / "sound.raw").write_bytes(samples.tobytes())
    sound = ["-f", "s16le", "-ar", str(rate), "-ac", "2", "-i", str(folder / "sound.raw")]
    return source_movie(folder, *sound, "-c:a", codec)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24be", "pcm_f32le"])
@pytest.mark.parametrize("frames", [FrameRange(0, 119), FrameRange(17, 60), FrameRange(119, 119)])
@pytest.mark.parametrize("name", ["x.mov", "x.mkv"])
def test_sound_is_cut_with_the_frames_to_the_sample(tmp_path, name, codec, frames):
    source = open_source(with_sound(tmp_path, codec))
    delivery = Delivery(output_format=OutputFormat(audio=True))

    deliver(source, soft_alpha(source.clip), [tmp_path / name], frames=frames, delivery=delivery)

    first = round(frames.first / NTSC * 48000)
    count = -(-len(frames) * 48000 * 1001 // 30000)
    given, found = pcm(tmp_path / "plate.mov"), pcm(tmp_path / name)
    assert found.dtype == given.dtype
    assert len(found) == count
    there = given[first : first + count]
    assert np.array_equal(found[: len(there)], there)
    assert not found[len(there) :].any()


def test_compressed_sound_is_decoded_and_cut_in_time(tmp_path):
    source = open_source(with_sound(tmp_path, "aac"))
    delivery = Delivery(output_format=OutputFormat(audio=True))

    deliver(
        source, soft_alpha(source.clip), [tmp_path / "x.mov"], frames=FrameRange(30, 59),
        delivery=delivery,
    )  # fmt: skip

    given = np.clip(pcm(tmp_path / "plate.mov") * 2.0**31, -(2.0**31), 2.0**31)
    found = pcm(tmp_path / "x.mov")
    assert len(found) == 48048
    # AAC begins with samples of its own, which PyAV decodes and players skip.
    starts = [np.abs(given[at : at + 48048] - found).max() for at in (48048, 48048 + 1024)]
    assert min(starts) < 2**9


def test_sound_that_ends_early_goes_on_as_silence(tmp_path):
    source = open_source(with_sound(tmp_path, "pcm_s16le", seconds=1))
    delivery = Delivery(output_format=OutputFormat(audio=True))

    deliver(source, soft_alpha(source.clip), [tmp_path / "x.mov"], delivery=delivery)

    found = pcm(tmp_path / "x.mov")
    assert len(found) == 120 * 1601.6
    assert found[:48000].any()
    assert not found[48000:].any()


def test_every_track_of_sound_is_there_and_reviews_have_it_too(tmp_path):
    tones = ["-f", "lavfi", "-i", "sine=440:duration=4", "-f", "lavfi", "-i",
             "sine=880:duration=4:r=48000", "-map", "0", "-map", "1", "-map", "2",
             "-c:a", "pcm_s16le"]  # fmt: skip
    source = open_source(source_movie(tmp_path, *tones))
    delivery = Delivery(output_format=OutputFormat(audio=True), over=(0, 0, 0))
    outputs = [tmp_path / name for name in ("x.mov", "x.mp4", "x.mkv")]

    deliver(source, soft_alpha(source.clip), outputs, delivery=delivery)

    for path in outputs:
        with av.open(str(path)) as movie:
            assert [stream.rate for stream in movie.streams.audio] == [44100, 48000]
            assert sum(1 for _ in movie.decode(video=0)) == 120


@pytest.mark.slow
def test_movies_with_sound_are_the_same_to_the_last_byte(tmp_path):
    source = open_source(with_sound(tmp_path, "pcm_s16le"))
    delivery = Delivery(output_format=OutputFormat(audio=True), over=(0, 0, 0))
    names = ("x.mov", "x.mp4", "x.mkv")

    for folder in ("one", "other"):
        outputs = [tmp_path / folder / name for name in names]
        deliver(source, soft_alpha(source.clip), outputs, delivery=delivery)

    for name in names:
        one, other = (tmp_path / folder / name for folder in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()
