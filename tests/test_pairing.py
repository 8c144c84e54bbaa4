"""A matte is laid on the frames that it is of, not on those at its place."""

import json
import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from sghm_vs import export
from sghm_vs.cli import main
from sghm_vs.color.convert import to_matte
from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.media.pairing import pair
from sghm_vs.media.readers import open_source
from sghm_vs.media.timecode import Timecode
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.options import Delivery, FrameRange, OutputFormat
from sghm_vs.shots.shot import deliver
from tests.clips import core

LENGTH = 60


def numbered(length: int = LENGTH, first: int = 0) -> vs.VideoNode:
    """Return a gray clip whose frame n is as bright as 1000 times `first` + n, in 16 bits."""
    blank = core.std.BlankClip(
        format=vs.GRAY16, width=64, height=36, length=length, fpsnum=25, fpsden=1
    )
    return blank.std.FrameEval(lambda n: blank.std.BlankClip(color=1000 * (first + n), keep=True))


def write_plate(path: Path, length: int = LENGTH, **more: object) -> Path:
    clip = numbered(length)
    export(clip.resize.Point(format=vs.RGB24), clip, path, sidecar=False, **more)
    return path


def write_matte(plate: Path, path: Path, frames: str | None = None, **delivery: object) -> Path:
    """Write, as `sghm matte` does, what shows the number of each frame."""
    source = open_source(plate)
    cut = None if frames is None else FrameRange.parse(frames)
    layout = {"layout": "alpha"} if path.suffix == ".exr" else {}
    how = Delivery(output_format=OutputFormat(**layout), **delivery)
    deliver(source, to_matte(source.clip), [path], frames=cut, delivery=how)
    return path


def shown(path: Path) -> list[int]:
    """Return the numbers of the frames that the matte at `path` shows."""
    frames = to_matte(open_source(path).clip).resize.Point(format=vs.GRAYS).frames(close=True)
    return [round(float(np.asarray(frame[0]).mean()) * 65535 / 1000) for frame in frames]


def exported(folder: Path, *words: object) -> list[int]:
    out = folder / "out.mkv"
    assert main(["export", *map(str, words), "-o", str(out), "--overwrite", "--quiet"]) == 0
    return shown(out)


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return write_plate(tmp_path_factory.mktemp("original") / "clip.mkv")


@pytest.fixture
def plate(original, tmp_path) -> Path:
    """A copy, which tests may replace."""
    return Path(shutil.copy(original, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m.mkv", "m.mov", "m.####.png", "m.####.exr"])
@pytest.mark.parametrize("start", [None, 1001])
def test_a_matte_of_a_part_is_laid_on_that_part(plate, tmp_path, name, start):
    matte = write_matte(plate, tmp_path / name, "20-49", start_number=start)

    assert exported(tmp_path, plate, "--alpha", matte, "--frames", "20-25") == [*range(20, 26)]
    assert exported(tmp_path, plate, "--alpha", matte, "--frames", "49") == [49]


def test_without_sidecar_the_headers_of_exr_files_say_their_frames(plate, tmp_path):
    matte = write_matte(plate, tmp_path / "m.####.exr", "20-49", start_number=1, sidecar=False)

    assert exported(tmp_path, plate, "--alpha", matte, "--frames", "30-31") == [30, 31]


def test_a_record_of_another_file_of_this_name_says_nothing(plate, tmp_path, capsys):
    matte = write_matte(plate, tmp_path / "m.mkv", "20-49")
    record = matte.with_name("m.mkv.json").read_text()
    write_plate(tmp_path / "m.mkv", 30, overwrite=True)
    matte.with_name("m.mkv.json").write_text(record)

    words = ["export", str(plate), "--alpha", str(matte), "-o", str(tmp_path / "x.mov")]
    assert main([*words, "--frames", "20-25"]) == 1

    assert "has 30 frames" in capsys.readouterr().err


def test_frames_that_the_matte_lacks_are_refused_with_those_that_it_has(plate, tmp_path, capsys):
    matte = write_matte(plate, tmp_path / "m.mkv", "20-49")

    assert main(["export", str(plate), "--alpha", str(matte), "-o", str(tmp_path / "x.mov")]) == 1

    said = capsys.readouterr().err
    assert "--frames 20-49" in said
    assert "--alpha-start N" in said
    assert not (tmp_path / "x.mov").exists()


def test_a_matte_of_the_first_frames_that_are_asked_for_says_enough(plate, tmp_path):
    matte = write_plate(tmp_path / "m.mkv", length=10)

    assert exported(tmp_path, plate, "--alpha", matte, "--frames", "0-9") == [*range(10)]
    words = ["export", str(plate), "--alpha", str(matte), "-o", str(tmp_path / "x.mkv")]
    assert main([*words, "--frames", "20-29", "--quiet"]) == 1


def test_a_movie_that_says_nothing_must_be_of_equal_length(plate, tmp_path, capsys):
    whole, part = write_plate(tmp_path / "w.mkv"), write_plate(tmp_path / "p.mkv", 30)

    assert exported(tmp_path, plate, "--alpha", whole, "--frames", "30-31") == [30, 31]
    words = ["export", str(plate), "--alpha", str(part), "-o", str(tmp_path / "x.mov")]
    assert main([*words, "--frames", "0-9"]) == 1

    said = capsys.readouterr().err
    assert "p.mkv has 30 frames" in said
    assert "clip.mkv has 60 frames (0-59)" in said
    assert "--alpha-start N" in said


def test_a_longer_matte_that_says_nothing_is_not_cut(plate, tmp_path, capsys):
    longer = write_plate(tmp_path / "l.mkv", 62)

    assert main(["export", str(plate), "--alpha", str(longer), "-o", str(tmp_path / "x.mov")]) == 1

    assert "62 frames" in capsys.readouterr().err


@pytest.mark.slow
def test_who_says_where_a_matte_begins_is_believed(plate, tmp_path):
    matte = write_matte(plate, tmp_path / "m.mkv", "20-49")
    bare = write_plate(tmp_path / "p.mkv", 30)

    words = ["--alpha-start", "10", "--frames", "10-11"]
    assert exported(tmp_path, plate, "--alpha", bare, *words) == [0, 1]
    assert exported(tmp_path, plate, "--alpha", matte, *words) == [20, 21]


def test_frames_of_a_matte_that_are_left_out_are_told(plate, tmp_path, caplog):
    matte = write_matte(plate, tmp_path / "m.mkv", "20-49")

    exported(tmp_path, plate, "--alpha", matte, "--frames", "20-25")

    assert "20-49" in caplog.text
    assert "20-25 are taken" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("hour", ["01", "23"])
def test_timecode_pairs_movies_that_both_have_it(tmp_path, hour):
    rate = Fraction(25)
    clip, numbers = numbered(), {"plate": 0, "matte": 30}
    for name, first in numbers.items():
        start = Timecode.parse(f"{hour}:59:59:20", rate) + first
        cut, origin = clip[first:], SourceMetadata(timecode=start)
        rgb = cut.resize.Point(format=vs.RGB24)
        export(rgb, cut, tmp_path / f"{name}.mkv", origin=origin, sidecar=False)

    found = exported(
        tmp_path, tmp_path / "plate.mkv", "--alpha", tmp_path / "matte.mkv", "--frames", "40-41"
    )

    assert found == [40, 41]


@pytest.mark.parametrize(
    ("rate", "begins", "said"),
    [
        (Fraction(24), "01:00:00:05", "01:00:00:05 (24 to a second)"),
        (Fraction(30), "01:00:00:05", "01:00:00:05 (30 to a second)"),
        (Fraction(30000, 1001), "01:00:00;05", "01:00:00;05 (30 to a second, drop-frame)"),
    ],
)
def test_timecodes_that_count_otherwise_and_begin_apart_are_no_equal_length(
    tmp_path, capsys, rate, begins, said
):
    plate, matte = tmp_path / "plate.mkv", tmp_path / "matte.mkv"
    for path, own, start in ((plate, Fraction(25), "01:00:00:00"), (matte, rate, begins)):
        clip = numbered().std.AssumeFPS(fpsnum=own.numerator, fpsden=own.denominator)
        origin = SourceMetadata(timecode=Timecode.parse(start, own))
        export(clip.resize.Point(format=vs.RGB24), clip, path, origin=origin, sidecar=False)

    words = ["export", str(plate), "--alpha", str(matte), "-o", str(tmp_path / "x.mov")]
    assert main(words) == 1
    refusal = capsys.readouterr().err
    assert f"begins at timecode {said}" in refusal
    assert "plate.mkv at 01:00:00:00 (25 to a second)" in refusal
    assert "--alpha-start N" in refusal
    assert main([*words, "--alpha-start", "0"]) == 0


def test_timecodes_that_count_otherwise_and_begin_together_are_of_equal_length(tmp_path):
    for name, fps in {"plate": 25, "matte": 24}.items():
        clip = numbered().std.AssumeFPS(fpsnum=fps)
        origin = SourceMetadata(timecode=Timecode.parse("01:00:00:00", Fraction(fps)))
        rgb = clip.resize.Point(format=vs.RGB24)
        export(rgb, clip, tmp_path / f"{name}.mkv", origin=origin, sidecar=False)

    matte = tmp_path / "matte.mkv"
    found = exported(tmp_path, tmp_path / "plate.mkv", "--alpha", matte, "--frames", "40-41")
    assert found == [40, 41]


def write_late(path: Path, seconds: float, first: int, length: int = LENGTH) -> Path:
    """Write frames `first` to `length` of a plate, the first of which is shown at `seconds`."""
    clip, whole = numbered(length - first, first), path.with_name("at_0.mkv")
    export(clip.resize.Point(format=vs.RGB24), clip, whole, sidecar=False, overwrite=True)
    words = ["-itsoffset", str(seconds), "-i", whole, "-c", "copy", path]
    subprocess.run([find_ffmpeg(), "-v", "error", *words], check=True)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "first"), [(0.48, 12), (0.04, 1), (2.36, 59)])
def test_a_plate_that_lacks_its_beginning_is_paired_by_its_time(tmp_path, caplog, seconds, first):
    """As a stream is that was joined late; 25 frames a second."""
    plate = write_late(tmp_path / "late.mkv", seconds, first)
    matte = write_plate(tmp_path / "m.mkv")

    assert exported(tmp_path, plate, "--alpha", matte) == [*range(first, LENGTH)]

    (said,) = [one.message for one in caplog.records if "presentation time" in one.message]
    for word in (f"{LENGTH} frames from 0", f"{LENGTH - first} from", f" {first} frame"):
        assert word in said


def without_first_fragment(movie: bytes) -> bytes:
    """Return a fragmented MP4 as who joins its stream late has it."""
    parts, at = [], 0
    while at < len(movie):
        size, kind = struct.unpack_from(">I4s", movie, at)
        parts.append((kind, movie[at : at + size]))
        at += size
    first = [kind for kind, _ in parts].index(b"moof")
    return b"".join(part for _, part in parts[:first] + parts[first + 2 :])


def test_fragments_whose_frames_are_reordered_are_paired_by_their_own_time(tmp_path):
    """They are shown two frames later than in the file that they are made from."""
    whole, plate = tmp_path / "whole.mp4", tmp_path / "late.mp4"
    words = ["-f", "lavfi", "-i", "testsrc=s=64x36:r=25", "-frames:v", str(LENGTH), "-g", "12"]
    words += ["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov+default_base_moof"]
    subprocess.run([find_ffmpeg(), "-v", "error", *words, whole], check=True)
    plate.write_bytes(without_first_fragment(whole.read_bytes()))
    matte = write_plate(tmp_path / "m.mkv")

    assert exported(tmp_path, plate, "--alpha", matte) == [*range(12, LENGTH)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "begun", "frames", "rate"),
    [
        (0.48, 0, 59, 25),
        (0.48, 0, 61, 25),
        (0.50, 0, 60, 25),
        (0.48, 0.48, 60, 25),
        (0.48, 0, 60, 50),
        (0, 0, 60, 25),
    ],
    ids=["a frame less", "a frame more", "between frames", "both late", "another rate", "at 0"],
)
def test_what_time_does_not_pair_to_the_frame_is_refused(
    tmp_path, capsys, seconds, begun, frames, rate
):
    plate = write_late(tmp_path / "late.mkv", seconds, 12)
    matte = write_late(tmp_path / "m.mkv", begun, 0, frames)
    if rate != 25:
        clip = numbered(frames).std.AssumeFPS(fpsnum=rate)
        export(clip.resize.Point(format=vs.RGB24), clip, matte, overwrite=True, sidecar=False)

    words = ["export", str(plate), "--alpha", str(matte), "-o", str(tmp_path / "x.mov")]
    assert main(words) == 1

    said = capsys.readouterr().err
    assert f"m.mkv has {frames} frames" in said
    assert "--alpha-start N" in said


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["movie", "sequence"])
@pytest.mark.parametrize("name", ["m.####.png", "m.####.exr"])
@pytest.mark.parametrize(("missing", "third"), [("hold", 21), ("black", 0)])
def test_what_is_said_of_missing_frames_is_for_mattes_too(
    plate, tmp_path, capsys, kind, name, missing, third
):
    if kind == "sequence":
        plate = write_plate(tmp_path / "p.####.png", 30)
    matte = write_matte(plate, tmp_path / name, "20-25")
    (tmp_path / name.replace("####", "0022")).unlink()
    words = (plate, "--alpha", matte, "--frames", "20-23")

    assert main(["export", *map(str, words), "-o", str(tmp_path / "no.mkv")]) == 1
    assert "--missing black or hold" in capsys.readouterr().err
    assert exported(tmp_path, *words, "--missing", missing) == [20, 21, third, 23]


def test_numbers_pair_sequences_whatever_their_first(tmp_path):
    for name, first in {"plate": 1001, "matte": 995}.items():
        clip = numbered(20, first - 995)
        export(clip, clip, tmp_path / f"{name}.####.png", first_number=first, sidecar=False)

    found = exported(tmp_path, tmp_path / "plate.####.png", "--alpha", tmp_path / "matte.####.png",
                     "--frames", "1001-1003")  # fmt: skip

    assert found == [6, 7, 8]


def test_two_deliveries_of_one_footage_meet_by_its_frames(plate, tmp_path):
    color = write_matte(plate, tmp_path / "color.mov", "10-39")
    matte = write_matte(plate, tmp_path / "m.mkv", "20-49")

    assert exported(tmp_path, color, "--alpha", matte, "--frames", "10-12") == [20, 21, 22]


def test_a_matte_of_other_footage_is_told(plate, tmp_path, caplog):
    matte = write_matte(plate, tmp_path / "m.mkv")
    other = write_plate(tmp_path / "other.mkv")

    exported(tmp_path, other, "--alpha", matte)

    assert "clip.mkv" in caplog.text


def test_files_that_do_not_follow_one_another_are_refused(plate, tmp_path, capsys):
    write_matte(plate, tmp_path / "m.####.exr", "0-4", start_number=1, sidecar=False)
    write_matte(plate, tmp_path / "m.####.exr", "30-34", start_number=6, sidecar=False)

    matte = str(tmp_path / "m.####.exr")
    assert main(["export", str(plate), "--alpha", matte, "-o", str(tmp_path / "x.mov")]) == 1

    assert "--alpha-start N" in capsys.readouterr().err


def test_a_record_from_before_frames_were_recorded_says_nothing(plate, tmp_path):
    matte = write_matte(plate, tmp_path / "m.mkv")
    sidecar = matte.with_name("m.mkv.json")
    found = json.loads(sidecar.read_text())
    del found["source_first"]
    sidecar.write_text(json.dumps(found))

    assert pair(open_source(matte), open_source(plate)).by == "their equal length"


def test_a_start_without_what_starts_is_refused(plate, tmp_path, capsys):
    out = ["-o", str(tmp_path / "x.mov")]
    assert main(["export", str(plate), "--alpha-start", "3", *out]) == 1
    assert "--alpha MATTE" in capsys.readouterr().err
    assert main(["matte", str(plate), "--mask-start", "3", *out, "--quiet"]) == 1
    assert "--mask FILE" in capsys.readouterr().err


def test_a_mask_of_a_part_is_laid_on_that_part(plate, tmp_path, capsys):
    mask = write_matte(plate, tmp_path / "m.mkv", "20-49")
    words = ["matte", str(plate), "--mask", str(mask), "--tr", "0", "--quiet"]
    out = ["-o", str(tmp_path / "x.mkv")]

    assert main([*words, *out, "--frames", "10-11"]) == 1
    said = capsys.readouterr().err
    assert "20-49" in said
    assert "--mask-start N" in said
    assert main([*words, *out, "--frames", "20-21"]) == 0


@pytest.mark.slow
def test_scores_are_of_the_same_frames(plate, tmp_path, capsys):
    matte = write_matte(plate, tmp_path / "m.mkv", "20-49")
    words = ["eval", "--pred", str(matte), "--json", "--quiet"]

    assert main([*words, "--gt", str(plate)]) == 0
    assert json.loads(capsys.readouterr().out)["mean"]["mad"] == pytest.approx(0, abs=1e-6)
    assert main([*words, "--gt", str(plate), "--pred-start", "21"]) == 0
    assert json.loads(capsys.readouterr().out)["mean"]["mad"] == pytest.approx(1000 / 65.535)
    assert main([*words, "--gt", str(plate), "--pred-start", "60"]) == 1
    assert "--pred-start N" in capsys.readouterr().err


@pytest.mark.slow
def test_what_a_matte_or_its_truth_has_beyond_the_other_is_told_and_not_scored(
    plate, tmp_path, capsys, caplog
):
    matte = write_matte(plate, tmp_path / "m.mkv", "20-49")
    part = write_matte(plate, tmp_path / "t.mkv", "40-55")
    words = ["eval", "--json", "--quiet", "--pred"]

    for pred, truth in ((matte, part), (part, matte)):
        caplog.clear()
        assert main([*words, str(pred), "--gt", str(truth)]) == 0
        assert json.loads(capsys.readouterr().out)["mean"]["mad"] == pytest.approx(0, abs=1e-6)
        assert f"{pred.name} has" in caplog.text


@pytest.mark.slow
def test_the_warp_error_is_of_the_frames_that_plate_and_matte_have(plate, tmp_path, capsys, caplog):
    long = write_matte(plate, tmp_path / "m.mkv")
    short = write_plate(tmp_path / "part.mkv", 30)
    words = ["eval", "--json", "--quiet", "--pred", str(long), "--plate", str(short)]

    assert main([*words, "--pred-start", "0"]) == 0
    assert "warp" in json.loads(capsys.readouterr().out)["mean"]
    assert "60 frames" in caplog.text
