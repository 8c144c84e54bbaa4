"""Interlaced footage: refused with a cure that can be typed, and what the cure does."""

import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs.cli import main
from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.media.probe import probe
from sghm_vs.media.readers import Opening, open_source
from sghm_vs.media.verification.sidecar import read_record
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from tests.decoding import decoded
from tests.field_pictures import write_fields
from tests.repeated_frames import ffmpeg

FRAMES, WIDTH, HEIGHT = 6, 96, 64


def moment(n: int) -> np.ndarray:
    """The picture at field `n`: a disc that moves by 6 px a field over a still ramp."""
    drawn = np.repeat(np.linspace(30, 90, WIDTH, dtype=np.uint8)[None], HEIGHT, axis=0)
    return np.ascontiguousarray(cv2.circle(drawn.copy(), (14 + 6 * n, HEIGHT // 2), 10, 220, -1))


def woven(n: int, *, top_first: bool) -> np.ndarray:
    frame = moment(2 * n)
    frame[top_first::2] = moment(2 * n + 1)[top_first::2]
    return frame


@pytest.fixture
def write(tmp_path):
    """Writes interlaced FFV1, which says so or not."""

    def made(name: str = "plate.mkv", *, top_first: bool = True, said: bool = True) -> Path:
        path = tmp_path / name
        raw = b"".join(woven(n, top_first=top_first).tobytes() for n in range(FRAMES))
        order = ("tff" if top_first else "bff") if said else "prog"
        given = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25"]
        field_order = {"tff": "tt", "bff": "bb", "prog": "progressive"}[order]
        words = ["-vf", f"setfield={order}", "-field_order", field_order, "-c:v", "ffv1"]
        command = [find_ffmpeg(), "-v", "error", *given, "-i", "-", *words]
        command += ["-metadata", "timecode=01:00:00:10", "-y", str(path)]
        subprocess.run(command, input=raw, check=True)
        return path

    return made


def _far(frame: vs.VideoFrame, n: int) -> float:
    """How far a frame is from field `n`'s picture, in codes, at the worst place in the mean of 5x5."""
    off = np.abs(np.asarray(frame[0]).astype(float) - moment(n))
    return float(cv2.blur(off, (5, 5)).max())


def test_interlaced_footage_is_refused_with_words_that_can_be_typed(write, capsys, tmp_path):
    assert main(["matte", str(write()), "-o", str(tmp_path / "m.mkv")]) == 1

    said = capsys.readouterr().err
    assert "frame 0 is interlaced, top field first" in said
    assert "--deinterlace frame" in said
    assert "--deinterlace field" in said


@pytest.mark.parametrize("top_first", [True, False])
def test_a_picture_a_frame_shows_the_moment_of_the_first_field(write, top_first):
    path = write(top_first=top_first)

    whole = open_source(path, Opening(deinterlace="off")).clip
    source = open_source(path, Opening(deinterlace="frame"))

    assert (source.clip.num_frames, source.clip.fps) == (FRAMES, 25)
    assert str(source.origin.timecode) == str(open_source(path).origin.timecode)
    for n, (frame, combed) in enumerate(zip(source.clip.frames(), whole.frames(), strict=True)):
        assert frame.props["_FieldBased"] == 0
        assert _far(frame, 2 * n) < 45 < 60 < _far(combed, 2 * n)


@pytest.mark.parametrize("top_first", [True, False])
def test_a_picture_a_field_shows_each_moment_at_twice_the_rate(write, top_first):
    source = open_source(write(top_first=top_first), Opening(deinterlace="field"))

    assert (source.clip.num_frames, source.clip.fps) == (2 * FRAMES, 50)
    for n, frame in enumerate(source.clip.frames()):
        assert frame.props["_FieldBased"] == 0
        # BestSource doesn't say how long the last frame lasts.
        if n < 2 * FRAMES - 2:
            seconds = frame.props["_DurationNum"], frame.props["_DurationDen"]
            assert Fraction(*seconds) == Fraction(1, 50)
        assert _far(frame, n) < 45 < _far(frame, n + 2)


def test_footage_that_does_not_say_so_is_deinterlaced_by_the_order_that_is_given(write, caplog):
    path = write(said=False)

    left = open_source(path, Opening(deinterlace="frame")).clip
    warned = caplog.text
    made = open_source(path, Opening(deinterlace="frame", field_order="top")).clip

    assert "--field-order top or bottom" in warned
    assert _far(left.get_frame(1), 2) > 60
    assert _far(made.get_frame(1), 2) < 45


def test_progressive_frames_among_interlaced_ones_stay_as_they_are(tmp_path):
    script = tmp_path / "mixed.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=64, length=4, color=7)\n"
        "clip = clip.std.AddBorders(top=1).std.Crop(bottom=1)\n"
        "(clip[:2].std.SetFieldBased(0) + clip[2:].std.SetFieldBased(2)).set_output()\n"
    )
    whole = open_source(script).clip

    for how, times in (("frame", 1), ("field", 2)):
        made = open_source(script, Opening(deinterlace=how, field_order=None)).clip

        assert made.num_frames == 4 * times
        for n in range(2 * times):
            left, right = made.get_frame(n)[0], whole.get_frame(n // times)[0]
            assert np.array_equal(np.asarray(left), np.asarray(right))


def test_a_delivery_has_the_plates_frames_and_times_or_twice_as_many(write, tmp_path):
    plate = write()
    matte = write("matte.mkv")

    for how, frames, rate in (("frame", FRAMES, 25), ("field", 2 * FRAMES, 50)):
        out = tmp_path / f"{how}.mov"
        alpha = tmp_path / f"{how}_alpha.mkv"
        vpy = tmp_path / f"{how}.vpy"
        vpy.write_text(
            "from sghm_vs.media.readers import Opening, open_source\n"
            f"source = open_source({str(matte)!r}, Opening(deinterlace={how!r}))\n"
            "source.clip.set_output(alpha=source.clip)\n"
        )
        assert main(["export", str(vpy), "-o", str(alpha)]) == 0
        words = ["--alpha", str(alpha), "-o", str(out), "--deinterlace", how]
        assert main(["export", str(plate), *words]) == 0

        pictures = decoded(out)
        record = read_record(out.with_name(out.name + ".json"))
        assert len(pictures) == frames
        assert record.facts["rate"] == str(rate)
        assert record.facts["timecode"] == "01:00:00:10"
        assert record.how["settings"]["deinterlace"] == how


@pytest.mark.parametrize(
    ("opening", "error", "said"),
    [
        (Opening(field_order="top"), SettingsError, "add --deinterlace frame or field"),
        (
            Opening(field_order="top", deinterlace="off"), SettingsError,
            "add --deinterlace frame or field",
        ),
    ],
)  # fmt: skip
def test_an_order_of_fields_without_deinterlacing_is_refused(write, opening, error, said):
    with pytest.raises(error, match=said):
        open_source(write(), opening)


def test_what_bwdif_cannot_take_is_said_in_our_words(tmp_path):
    cv2.imwrite(str(tmp_path / "low.png"), np.zeros((2, 64), np.uint8))

    with pytest.raises(SourceError, match="height must be at least 4; leave --deinterlace out"):
        open_source(tmp_path / "low.png", Opening(deinterlace="frame", field_order="top"))


def test_an_edit_and_a_scripts_own_alpha_are_not_taken_apart_in_fields(tmp_path, capsys):
    script = tmp_path / "cut.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=64, length=2)\n"
        "clip.set_output(alpha=clip)\n"
    )

    with pytest.raises(SourceError, match="deinterlace in the script"):
        open_source(script, Opening(deinterlace="field"))
    words = ["timeline", "cut.otio", "-o", str(tmp_path / "m"), "--deinterlace", "field"]
    assert main(words) == 1
    assert "an edit counts frames" in capsys.readouterr().err


def test_hevc_that_is_coded_in_fields_is_read_as_the_frames_that_they_make(tmp_path):
    code = "lum='40+N'"
    source = (
        "-f",
        "lavfi",
        "-i",
        "color=gray:s=64x32:r=50:d=0.8",
        "-vf",
        f"geq={code}:cb=128:cr=128",
    )
    coder = ("-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params")
    options = "interlace=tff:log-level=none:crf=4:pools=1"
    clip = ffmpeg(*source, *coder, options, tmp_path / "fields.mkv")

    media, source = probe(clip), open_source(clip)

    assert (source.clip.width, source.clip.height, source.clip.num_frames) == (64, 64, 20)
    assert (media.width, media.height, len(media.frames)) == (64, 64, 20)
    assert source.clip.fps == media.rate == 25
    for n, frame in enumerate(source.clip.frames()):
        rows = np.asarray(frame[0]).mean(axis=1)
        assert frame.props["_FieldBased"] == vs.FIELD_TOP
        assert abs(rows[::2].mean() - (40 + 2 * n)) < 1
        assert abs(rows[1::2].mean() - (41 + 2 * n)) < 1
    pictures = open_source(clip, Opening(deinterlace="field")).clip
    assert (pictures.num_frames, pictures.fps) == (40, 50)
    assert not pictures.get_frame(7).props["_FieldBased"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
def test_h264_that_is_coded_in_fields_has_the_frames_that_they_make(tmp_path, name):
    fields = write_fields(tmp_path / "a.h264", 20)
    clip = ffmpeg("-fflags", "+genpts", "-r", 50, "-i", fields, "-c", "copy", tmp_path / name)

    media, source = probe(clip), open_source(clip)

    assert (source.clip.num_frames, source.clip.fps) == (20, 25)
    assert (len(media.frames), media.rate) == (20, 25)
    for n, frame in enumerate(source.clip.frames()):
        rows = np.asarray(frame[0])[:, 0]
        assert frame.props["_FieldBased"] == vs.FIELD_TOP
        assert {*rows[::2]} == {40 + 2 * n}
        assert {*rows[1::2]} == {41 + 2 * n}
    assert open_source(clip, Opening(deinterlace="field")).clip.num_frames == 40
