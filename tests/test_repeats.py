"""Packets that show a frame again, times that no movie has, and faults of the libraries that read."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sghm_vs.cli import main
from sghm_vs.errors import SourceError
from sghm_vs.media import readers
from sghm_vs.media.frame_times import unwrapped
from sghm_vs.media.probe import probe
from sghm_vs.media.readers import open_source
from tests.repeated_frames import RATE, code_of, ffmpeg, shown_without, write_mpeg4, write_packed
from tests.test_vfr import exported, flashes_and_beeps, write_movie

HELD = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=4", "-vf", "fps=25")
"""A hundred frames, of which five at a time are the same."""
FLASHES = "color=black:s=64x36:r=25:d=5,drawbox=c=white:t=fill:enable='eq(n,60)+eq(n,100)'"
BEEPS = "aevalsrc='sin(6283*t)*(between(t,2.4,2.48)+between(t,4,4.08))':d=5:s=48000"


def codes_shown(path: Path) -> list[int]:
    """Return the number of the frame that each frame shows, by its luma."""
    lumas = [float(np.asarray(frame[0]).mean()) for frame in open_source(path).clip.frames()]
    return [round((luma - code_of(0)) / 4) for luma in lumas]


def is_known_before(path: Path, frames: int) -> bool:
    media, source = probe(path), open_source(path)
    assert (source.clip.num_frames, source.clip.fps) == (frames, RATE)
    return len(media.frames) == frames and media.rate == RATE


@pytest.mark.parametrize(
    "source", [HELD, ("-f", "lavfi", "-i", "color=red:s=64x48:r=25:d=4")], ids=["held", "still"]
)
def test_frames_that_ogg_theora_shows_again_keep_their_numbers(tmp_path, source):
    clip = ffmpeg(*source, "-c:v", "libtheora", "-g", 12, tmp_path / "clip.ogv")

    assert is_known_before(clip, 100)
    assert open_source(clip).origin.shown[-1] < 50


def test_sound_of_ogg_theora_is_in_step(tmp_path):
    inputs = ("-f", "lavfi", "-i", FLASHES, "-f", "lavfi", "-i", BEEPS)
    codecs = ("-c:v", "libtheora", "-q:v", 8, "-c:a", "libvorbis")
    clip = ffmpeg(*inputs, *codecs, tmp_path / "clip.ogv")
    length = open_source(clip).clip.num_frames

    made = exported(clip, tmp_path / "m.mov", "--audio", length=length)

    flashes, heard = flashes_and_beeps(made)
    assert flashes == [2.4, 4.0]
    assert abs(heard[0] - 2.4) < 0.002


def test_an_ogg_that_was_cut_by_copying_has_its_frames_at_their_times(tmp_path, caplog):
    whole = ffmpeg(*HELD, "-c:v", "libtheora", "-g", 12, tmp_path / "whole.ogv")
    cut = ffmpeg("-ss", 1.5, "-i", whole, "-c", "copy", tmp_path / "cut.ogv")

    # From the key frame before on, which is frame 36.
    assert is_known_before(cut, 64)
    assert -3 <= open_source(cut).origin.sound_start * RATE <= 0
    assert "lacks packets" not in caplog.text


def test_gaps_in_the_packets_of_an_ogg_are_told(tmp_path, caplog):
    whole = ffmpeg(*HELD, "-c:v", "libtheora", tmp_path / "whole.ogv")
    # As FFmpeg does by itself up to its fifth version.
    without_empty = ("-c", "copy", "-bsf:v", "noise=drop='not(size)'")
    copied = ffmpeg("-i", whole, *without_empty, tmp_path / "copied.ogv")

    assert is_known_before(copied, len(probe(copied).frames))
    assert "lacks packets of" in caplog.text
    assert "by decoding it" in caplog.text


@pytest.mark.parametrize(
    ("ticks", "meant"),
    [
        ((2**58 - 2, 2**58 - 1, 2**58, 2**58 + 2, 5), (-2, -1, 0, 2, 5)),
        ((2**32 - 25, 2**32 - 1, 3), (-25, -1, 3)),
        ((2**40, 2**40 + 1), (2**40, 2**40 + 1)),
        ((0, 1, 2), (0, 1, 2)),
        ((), ()),
    ],
)
def test_numbers_below_zero_that_ffmpeg_takes_for_huge_ones_are_as_meant(ticks, meant):
    assert unwrapped(ticks) == meant


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.mkv", "clip.avi"])
@pytest.mark.parametrize(
    "gone", [{n for n in range(40) if n % 5}, {5, 6, 7, *range(20, 28), 39}], ids=["most", "some"]
)
def test_frames_that_mpeg4_does_not_code_show_the_one_before(tmp_path, name, gone):
    clip = write_mpeg4(tmp_path / name, gone)

    assert is_known_before(clip, 40)
    assert codes_shown(clip) == shown_without(gone, 40)


@pytest.mark.parametrize("name", ["clip.avi", "clip.mkv"])
def test_frames_that_divx_packs_two_in_a_packet_keep_their_numbers(tmp_path, name):
    clip = write_packed(tmp_path / name)

    assert is_known_before(clip, 41)
    assert codes_shown(clip) == [*range(41)]


def test_empty_samples_of_a_mov_show_the_frame_before(tmp_path):
    clip = ffmpeg(*HELD, "-c:v", "qtrle", tmp_path / "clip.mov")
    data = bytearray(clip.read_bytes())
    at = data.index(b"stsz") + 16
    data[at + 4 * 95 : at + 4 * 100] = bytes(4 * 5)
    clip.write_bytes(data)

    assert is_known_before(clip, 100)
    assert open_source(clip).origin.shown[-6:] == (94,) * 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "name"),
    [("zmbv", "a.avi"), ("flashsv", "a.flv"), ("qtrle", "a.mov"), ("cinepak", "a.avi"),
     ("libvpx", "a.webm"), ("libvpx-vp9", "a.webm")],
)  # fmt: skip
def test_codecs_that_code_an_unchanged_frame_have_all_frames(tmp_path, codec, name):
    clip = ffmpeg(*HELD, "-c:v", codec, tmp_path / name)

    assert is_known_before(clip, 100)


def test_frames_that_vp8_drops_in_webm_are_held(tmp_path):
    full = ffmpeg(*HELD, "-c:v", "libvpx", tmp_path / "full.webm")
    dropped = "noise=drop='between(mod(n,20),7,8)'"
    clip = ffmpeg("-i", full, "-c", "copy", "-bsf:v", dropped, tmp_path / "clip.webm")

    source = open_source(clip)

    assert is_known_before(clip, 100)
    assert source.origin.shown.count(6) == 3


@pytest.mark.parametrize("kind", [probe, open_source])
def test_times_that_lie_too_far_apart_are_refused_with_what_to_type(tmp_path, kind):
    later = 90000 * 86400 * 400
    ticks = [3000 * n for n in range(12)]
    clip = write_movie(tmp_path / "clip.mkv", [*ticks, *(later + tick for tick in ticks)])

    with pytest.raises(SourceError, match=r"over 400 days: .* ffmpeg -r N -i .*clip\.mkv"):
        kind(clip)

    again = ffmpeg("-r", 30, "-i", clip, "-an", "-c:v", "ffv1", tmp_path / "NEW.mkv")
    assert (open_source(again).clip.num_frames, open_source(again).clip.fps) == (24, 30)


@pytest.mark.parametrize(
    "error", [OverflowError("too large"), TypeError("no number"), KeyError("a"), RuntimeError("b")]
)
def test_what_a_library_raises_at_odd_content_is_a_refusal_that_names_the_file(
    tmp_path, monkeypatch, capsys, error
):
    clip = write_movie(tmp_path / "clip.mkv")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(readers, "timed", fail)

    assert main(["matte", str(clip), "-o", str(tmp_path / "m.mov")]) == 1
    said = capsys.readouterr().err
    assert "clip.mkv can't be read" in said
    assert "ffmpeg -i" in said


def test_a_movie_whose_packets_are_all_shown_is_not_read_twice(tmp_path, monkeypatch):
    clip = write_movie(tmp_path / "clip.mp4", [3000 * n for n in range(24)])
    monkeypatch.setattr("sghm_vs.media.readers.timing.packet_times", None)

    assert open_source(clip).clip.fps == Fraction(30)
