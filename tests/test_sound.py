"""Sound stays with its picture, wherever a container's time begins; read back by PyAV."""

import logging
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs.cli import main
from sghm_vs.errors import ExportError
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.writers.audio import audio_tracks
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.options import Delivery, FrameRange, OutputFormat
from sghm_vs.shots.shot import deliver, without_missing_audio
from tests.clips import core

WITH_SOUND = Delivery(output_format=OutputFormat(audio=True), over=(0, 0, 0))
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12", "-pix_fmt", "yuv420p")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2")
AC3 = ("-c:a", "ac3")


def ffmpeg(*words: object) -> None:
    command = [find_ffmpeg(), "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def flashing(path: Path, *words: object) -> Path:
    """Make three seconds with a white frame and a beep at one second and at two."""
    picture = (
        "color=black:s=160x90:r=24:d=3,noise=alls=40:allf=t,"
        "geq=lum='if(lt(mod(T,1),1/24)*gt(T,.5),235,lum(X,Y))'"
    )
    sound = "aevalsrc='.8*sin(6283*t)*lt(mod(t,1),.08)*gt(t,.5)':s=48000:d=3"
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *words, path)
    return path


def flashes(path: Path) -> list[float]:
    found, was_lit = [], False
    with av.open(str(path)) as movie:
        for frame in movie.decode(video=0):
            is_lit = frame.to_ndarray(format="gray").mean() > 125
            if is_lit and not was_lit:
                found.append(frame.time)
            was_lit = is_lit
    return found


def beeps(path: Path) -> list[float]:
    found: list[float] = []
    last = -1.0
    with av.open(str(path)) as movie:
        for frame in movie.decode(audio=0):
            samples = frame.to_ndarray()
            channels = 1 if frame.format.is_planar else frame.layout.nb_channels
            first = samples.reshape(-1, channels)[:, 0] if channels > 1 else samples[0]
            top = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
            for at in np.flatnonzero(np.abs(first / top) > 0.25):
                time = frame.time + at / frame.sample_rate
                if time > last + 0.3:
                    found.append(time)
                last = time
    return found


def apart(path: Path) -> list[float]:
    return [beep - flash for flash, beep in zip(flashes(path), beeps(path), strict=True)]


def alpha_of(source: Source) -> vs.VideoNode:
    return core.std.BlankClip(source.clip, format=vs.GRAYS, color=1.0)


CONTAINERS = {
    "from zero": ("a.mp4", (*H264, "-c:a", "aac")),
    "transport stream": ("a.ts", (*H264, *AC3)),
    "transport stream after a day": ("a.ts", (*H264, *AC3, "-output_ts_offset", 90000)),
    "camera stream": ("a.m2ts", (*H264, *AC3, "-mpegts_m2ts_mode", 1)),
    "program stream": ("a.mpg", (*MPEG2, "-c:a", "mp2", "-output_ts_offset", 2)),
    "video object": ("a.vob", (*MPEG2, *AC3, "-output_ts_offset", 2)),
    "Matroska": ("a.mkv", (*H264, "-c:a", "pcm_s16le", "-output_ts_offset", 1.99)),
    "MOV": ("a.mov", (*H264, "-c:a", "pcm_s16le", "-output_ts_offset", 0.7)),
    "AVI": ("a.avi", ("-c:v", "mjpeg", "-q:v", 3, "-c:a", "pcm_s16le")),
    "NUT": ("a.nut", ("-c:v", "mjpeg", "-q:v", 3, "-c:a", "pcm_s16le", "-output_ts_offset", 3)),
    "MXF": ("a.mxf", (*MPEG2, "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le")),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONTAINERS)
def test_sound_is_as_far_from_its_picture_as_in_the_source(tmp_path, kind):
    name, words = CONTAINERS[kind]
    path = flashing(tmp_path / name, *words)
    source = open_source(path)

    deliver(source, alpha_of(source), [tmp_path / "x.mov"], delivery=WITH_SOUND)

    assert len(apart(path)) == 2
    np.testing.assert_allclose(apart(tmp_path / "x.mov"), apart(path), atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.mov", "x.mkv", "x.mp4"])
def test_a_range_has_the_sound_of_its_frames(tmp_path, name):
    path = flashing(tmp_path / "a.ts", *H264, *AC3)
    source = open_source(path)
    out, frames = tmp_path / "out" / name, FrameRange(40, 60)

    deliver(source, alpha_of(source), [out], frames=frames, delivery=WITH_SOUND)

    np.testing.assert_allclose(beeps(out), [8 / 24 + apart(path)[1]], atol=0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return flashing(tmp_path_factory.mktemp("whole") / "whole.mkv", *H264, "-c:a", "pcm_s16le")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("a.ts", "-c:v", "copy", *AC3), ("a.mov", "-c", "copy"), ("a.mkv", "-c", "copy"),
     ("a.mp4", "-c:v", "copy", "-c:a", "aac")],
    ids=lambda words: words[0],
)  # fmt: skip
@pytest.mark.parametrize("late", ["sound", "picture"])
@pytest.mark.parametrize("start_s", [0, 5])
def test_what_begins_later_keeps_its_distance(tmp_path, whole, words, late, start_s):
    inputs = ("-i", whole, "-itsoffset", 0.3, "-i", whole)
    maps = ("0:v", "1:a") if late == "sound" else ("1:v", "0:a")
    path, off = tmp_path / words[0], 0.3 if late == "sound" else -0.3
    ffmpeg(*inputs, *(word for one in maps for word in ("-map", one)), *words[1:],
           "-output_ts_offset", start_s, path)  # fmt: skip
    source = open_source(path)

    deliver(source, alpha_of(source), [tmp_path / "x.mov"], delivery=WITH_SOUND)

    found = apart(tmp_path / "x.mov")
    np.testing.assert_allclose(found, apart(path), atol=0.01)
    np.testing.assert_allclose(found, [off, off], atol=0.035)


def test_a_trimmed_movie_has_the_sound_of_what_is_shown(tmp_path):
    whole = flashing(tmp_path / "whole.mov", *H264, "-c:a", "pcm_s16le")
    path = tmp_path / "cut.mov"
    ffmpeg("-ss", 0.7, "-i", whole, "-c", "copy", path)
    source = open_source(path)

    deliver(source, alpha_of(source), [tmp_path / "x.mov"], delivery=WITH_SOUND)

    np.testing.assert_allclose(apart(tmp_path / "x.mov"), apart(path), atol=0.01)
    np.testing.assert_allclose(apart(path), [0, 0], atol=0.05)


def test_a_stream_that_begins_within_a_group_of_pictures_is_in_step(tmp_path):
    """Packets before the first key frame are no frames of the clip, and their time counts not."""
    whole = flashing(tmp_path / "whole.ts", *H264, *AC3)
    data = whole.read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(data[len(data) // 188 // 8 * 188 :])
    source = open_source(path)
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        assert source.origin.sound_start > stream.start_time * stream.time_base

    deliver(source, alpha_of(source), [tmp_path / "x.mov"], delivery=WITH_SOUND)

    np.testing.assert_allclose(apart(tmp_path / "x.mov"), apart(whole), atol=0.01)


def renamed(path: Path, *pairs: tuple[bytes, bytes]) -> Path:
    """Give formats in the file at `path` other names of four letters, each once."""
    data = path.read_bytes()
    for old, new in pairs:
        at = data.rindex(old)
        data = data[:at] + new + data[at + 4 :]
    path.write_bytes(data)
    return path


def two_tracks(path: Path) -> Path:
    sound = ("-f", "lavfi", "-i", "sine=440:d=1", "-f", "lavfi", "-i", "sine=880:d=1:r=48000")
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=1")
    maps = ("-map", 0, "-map", 1, "-map", 2)
    ffmpeg(*picture, *sound, *maps, *H264, "-c:a", "pcm_s16le", path)
    return path


@pytest.mark.parametrize("name", ["apac", "mhm1", "zaaa", "enca", "drms"])
def test_sound_that_can_not_be_decoded_is_named_in_one_line_and_left_out(tmp_path, caplog, name):
    path = renamed(two_tracks(tmp_path / "a.mov"), (b"sowt", name.encode()))
    source = open_source(path)

    outputs = [tmp_path / "x.mov", tmp_path / "x.mp4"]
    deliver(source, alpha_of(source), outputs[:1], delivery=WITH_SOUND)

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"left out: track 2 ({name})" in caplog.text
    with av.open(str(outputs[0])) as movie:
        assert [(one.rate, one.duration) for one in movie.streams.audio] == [(44100, 44100)]


def test_the_other_track_is_delivered_where_the_first_can_not_be_decoded(tmp_path):
    path = two_tracks(tmp_path / "a.mov")
    data = path.read_bytes()
    at = data.index(b"sowt", data.index(b"stsd", data.index(b"soun")))
    path.write_bytes(data[:at] + b"zaaa" + data[at + 4 :])

    (track,) = audio_tracks(path)

    assert (track.place, track.rate) == (1, 48000)


def test_a_damaged_track_is_left_out(tmp_path, caplog):
    path = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=1", "-f", "lavfi", "-i",
           "sine=d=1", *H264, "-c:a", "flac", path)  # fmt: skip
    with av.open(str(path)) as movie:
        packets = [bytes(one) for one in movie.demux(audio=0) if one.size]
    data = path.read_bytes()
    for packet in packets:
        data = data.replace(packet, bytes(len(packet)))
    path.write_bytes(data)

    assert audio_tracks(path) == []
    assert "track 1 (flac)" in caplog.text


def test_sound_that_is_damaged_midway_is_told(tmp_path, caplog):
    whole = flashing(tmp_path / "whole.ts", *MPEG2, *AC3)
    packets, damaged = bytearray(whole.read_bytes()), tmp_path / "damaged.ts"
    for at in range(len(packets) // 376 * 188, len(packets), 188):
        is_sound = int.from_bytes(packets[at + 1 : at + 3]) & 0x5FFF == 0x101
        if is_sound:
            packets[at + 20 : at + 188] = b"\x55" * 168
    damaged.write_bytes(packets)

    for path in (whole, damaged):
        source = open_source(path)
        deliver(source, alpha_of(source), [tmp_path / f"{path.stem}.mov"], delivery=WITH_SOUND)

    (said,) = [one.message for one in caplog.records if "damaged" in one.message]
    assert said.startswith("damaged.mov lacks sound where the footage's is damaged")


def test_without_a_track_that_can_be_decoded_the_movie_is_silent(tmp_path, caplog):
    path = renamed(two_tracks(tmp_path / "a.mov"), (b"sowt", b"apac"), (b"sowt", b"zaaa"))
    source = open_source(path)

    deliver(source, alpha_of(source), [tmp_path / "x.mov"], delivery=WITH_SOUND)

    assert "tracks 1 (zaaa), 2 (apac)" in caplog.text
    with av.open(str(tmp_path / "x.mov")) as movie:
        assert not movie.streams.audio


def test_silent_footage_among_many_is_delivered_and_alone_is_refused(tmp_path, caplog):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=0.2", *H264, tmp_path / "a.mov")
    source = open_source(tmp_path / "a.mov")

    with pytest.raises(ExportError, match="has no sound; leave audio out"):
        deliver(source, alpha_of(source), [tmp_path / "x.mov"], delivery=WITH_SOUND)
    silent = without_missing_audio(WITH_SOUND, source)

    assert not silent.output_format.audio
    assert "a.mov has no sound, and is delivered without" in caplog.text


def test_sound_of_a_container_that_starts_late_is_as_long_as_the_frames(tmp_path):
    source = open_source(flashing(tmp_path / "a.ts", *H264, *AC3))

    deliver(source, alpha_of(source), [tmp_path / "x.mov"], delivery=WITH_SOUND)

    with av.open(str(tmp_path / "x.mov")) as movie:
        (track,) = movie.streams.audio
        assert track.duration * track.time_base == Fraction(3)


@pytest.mark.slow
def test_a_batch_delivers_silent_clips_and_sequences_beside_others(tmp_path):
    plates = tmp_path / "plates"
    plates.mkdir()
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=0.1", *H264, plates / "silent.mov")
    ffmpeg("-i", plates / "silent.mov", plates / "p.%04d.png")
    two_tracks(plates / "loud.mov")
    words = ["--audio", "--tr", "0", "--frames", "1-2", "--quiet", "--missing", "hold"]

    assert main(["batch", str(plates), "-o", str(tmp_path / "out"), *words]) == 0

    counts = {}
    for path in sorted((tmp_path / "out").glob("*.mov")):
        with av.open(str(path)) as movie:
            counts[path.stem] = len(movie.streams.audio)
    assert counts == {"loud": 2, "p": 0, "silent": 0}
