"""Movies whose rate varies: found before any work, conformed, or kept as they are."""

import json
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
import vapoursynth as vs

from sghm_vs.cli import main
from sghm_vs.errors import SettingsError
from sghm_vs.media.frame_times import FrameTimes, conform, constant_rate, filled, varying
from sghm_vs.media.probe import probe
from sghm_vs.media.readers import open_source
from sghm_vs.media.writers.timed_frames import ticks_for
from sghm_vs.options import Opening
from sghm_vs.shots.farm.plan import read_plan
from tests.clips import core
from tests.decoding import decoded
from tests.test_farm import WORKER

TICK = Fraction(1, 90000)
SOUND_RATE = 48000
WANDERING = [3000 * (n + n * n // 12) for n in range(24)]
"""In ticks: on frames of 30 a second, of which more and more lack."""
FLASHES = (6, 17)


def times(starts, tick: Fraction = TICK) -> FrameTimes:
    """Return times of frames that start at these seconds, as a container rounds them."""
    ticks = [round(start / tick) for start in starts]
    return FrameTimes((*ticks, 2 * ticks[-1] - ticks[-2]), tick)


def write_movie(path: Path, ticks=WANDERING, *, has_sound: bool = False, bf: int = 0) -> Path:
    """Write frames, white at `FLASHES` and else as dark as their number, and a beep at each flash."""
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("libx264", rate=30, options={"bf": str(bf), "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICK
        sound = movie.add_stream("pcm_s16le", rate=SOUND_RATE, layout="mono") if has_sound else None
        for n, tick in enumerate(ticks):
            code = 235 if n in FLASHES else 16 + 4 * n
            frame = av.VideoFrame(64, 36, "yuv420p")
            for plane, value in zip(frame.planes, (code, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.time_base = tick, TICK
            movie.mux(stream.encode(frame))
        movie.mux(stream.encode())
        if sound is not None:
            movie.mux(sound.encode(beeps(ticks)))
            movie.mux(sound.encode())
    return path


def beeps(ticks) -> av.AudioFrame:
    samples = np.zeros((1, SOUND_RATE * (ticks[-1] + 9000) // 90000), np.int16)
    for n in FLASHES:
        start = SOUND_RATE * ticks[n] // 90000
        samples[:, start : start + 480] = 20000
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.rate, frame.pts = SOUND_RATE, 0
    return frame


def matte_for(folder: Path, length: int) -> Path:
    """Write a matte that says nothing of its frames."""
    from sghm_vs import export

    gray = core.std.BlankClip(format=vs.GRAY8, width=64, height=36, length=length, color=200)
    export(gray, gray, folder / "a.mkv", sidecar=False, overwrite=True)
    return folder / "a.mkv"


def exported(plate: Path, out: Path, *words: str, length: int = len(WANDERING)) -> Path:
    alpha = str(matte_for(out.parent, length))
    said = ["export", str(plate), "--alpha", alpha, "-o", str(out), "--quiet", *words]
    assert main(said) == 0
    return out


def shown_at(path: Path) -> list[Fraction]:
    """Return when each packet of picture is shown, in seconds from the first."""
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        found = sorted(packet.pts for packet in movie.demux(stream) if packet.pts is not None)
        tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
    return [(pts - found[0]) * tick for pts in found]


def flashes_and_beeps(path: Path) -> tuple[list[float], list[float]]:
    """Return when something is white, and when something is heard."""
    luma = [float(frame.to_ndarray(format="gray").mean()) for frame in decoded(path)]
    lit = [float(at) for at, code in zip(shown_at(path), luma, strict=True) if code > 200]
    # A doubled flash is one.
    flashes = [at for n, at in enumerate(lit) if n == 0 or at - lit[n - 1] > 0.2]
    with av.open(str(path)) as movie:
        frames = [frame.to_ndarray().ravel() for frame in movie.decode(audio=0)]
        rate = movie.streams.audio[0].rate
    loud = np.abs(np.concatenate(frames).astype(float))
    starts = np.flatnonzero(np.diff((loud > loud.max() / 2).astype(int)) == 1)
    return flashes, [float(start + 1) / rate for start in starts]


@pytest.mark.slow
@pytest.mark.parametrize("nominal", [24, 30, 60])
@pytest.mark.parametrize("tick", [Fraction(1, n) for n in (600, 1000, 2400, 90000)])
@pytest.mark.parametrize("length", [200, 400, 5000])
def test_rates_are_exact_in_any_ticks(nominal, tick, length):
    for rate in (Fraction(nominal), Fraction(1000 * nominal, 1001)):
        found = constant_rate(times((n / rate for n in range(length)), tick), Fraction(nominal))
        assert found == rate


@pytest.mark.parametrize("rate", [48, 50, 72, 100, 120, 144, 165, 200, 240])
@pytest.mark.parametrize("length", [12, 20, 60])
def test_the_rate_of_a_few_fast_frames_is_the_one_that_cameras_have(rate, length):
    shown = times((Fraction(n, rate) for n in range(length)), Fraction(1, 600))
    mean = Fraction(length - 1) / shown.exact[-2]

    assert constant_rate(shown, mean) == rate


def test_jitter_of_a_camera_is_no_varying_rate():
    jitter = np.random.default_rng(7).normal(0, 0.002, 300)
    shown = times(Fraction(n, 30) + Fraction(off) for n, off in enumerate(jitter))

    assert constant_rate(shown, Fraction(2997, 100)) == 30


def test_frames_are_not_held_at_a_rate_that_nobody_films_at():
    late = times([Fraction(0), *(Fraction(n, 30) + Fraction(7, 18) for n in range(90))])

    assert filled(late) is None
    assert varying(late).rate == 30


def test_a_few_lost_frames_leave_the_rate_and_many_do_not():
    two = times(Fraction(n, 24) for n in range(24) if n not in (5, 12))
    many = times(Fraction(n + n * n // 40, 24) for n in range(24))

    found = filled(two)
    assert found is not None
    assert found.rate == 24
    assert [*found.shown[4:8]] == [4, 4, 5, 6]
    assert filled(many) is None
    starts = [n + n * n // 40 for n in range(24)]
    avi = filled(FrameTimes((*starts, 40), Fraction(1, 24), counted_from=0))
    assert avi is not None
    assert (avi.rate, len(avi.shown), avi.dropped(24)) == (24, 40, 0)


@pytest.mark.parametrize(
    ("starts", "rate"),
    [
        pytest.param([*(n / 60 for n in range(60)), *(5 + n / 60 for n in range(60))], 60,
                     id="a screen that stands still"),
        pytest.param([n / 24 for n in range(80)] + [80 / 24 + n / 30 for n in range(80)], 30,
                     id="a phone in the dark"),
        pytest.param(np.sort(np.arange(400) / 60 + np.random.default_rng(3).normal(0, .005, 400)),
                     60, id="a game"),
        pytest.param([(n + (n // 9) * 3) * 1001 / 60000 for n in range(300)],
                     Fraction(60000, 1001), id="of 59.94, each tenth pausing"),
    ],
)  # fmt: skip
def test_the_rate_that_fits_best_is_one_that_people_use(starts, rate):
    shown = times([Fraction(float(start)) for start in starts])

    assert constant_rate(shown, Fraction(30)) is None
    assert varying(shown).rate == rate


def test_conforming_puts_every_frame_as_near_to_its_time_as_it_gets():
    shown = times([Fraction(n, 100) for n in (0, 4, 5, 20, 24, 28)])

    found = conform(shown, Fraction(25))

    # A frame each 40 ms: two are at 40, none is at 80 to 160.
    assert found.shown == (0, 2, 2, 2, 2, 3, 4, 5)
    assert (found.doubled, found.dropped(6)) == (3, 1)


def test_two_frames_of_one_millisecond_have_one_each():
    assert ticks_for("matroska", [Fraction(n, 3000) for n in range(4)]).starts == (0, 1, 2)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov", "clip.ts"])
def test_a_varying_rate_is_refused_before_the_first_frame_with_what_to_type(
    tmp_path, name, capsys, monkeypatch
):
    monkeypatch.setattr("sghm_vs.shots.shot.prepare", None)
    clip = write_movie(tmp_path / name)

    assert main(["matte", str(clip), "-o", str(tmp_path / "out" / "m.mov"), "--quiet"]) == 1

    said = capsys.readouterr().err
    assert "30 a second fits best" in said
    assert "stray from it by up to 1.47 s" in said
    assert "--rate 30" in said
    assert "--vfr" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("out", ["m.mov", "m.mkv", "m.mp4"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_times_are_kept_packet_for_packet(tmp_path, name, out):
    clip = write_movie(tmp_path / name, [7 * tick // 8 for tick in WANDERING])

    over = ["--over", "gray"] if out == "m.mp4" else []

    made = exported(clip, tmp_path / out, "--vfr", *over)

    exact, off = shown_at(clip), 0 if out != "m.mkv" or name == "clip.mkv" else Fraction(1, 2000)
    assert len(exact) == 24
    assert all(abs(a - b) <= off for a, b in zip(shown_at(made), exact, strict=True))
    assert main(["verify", str(made)]) == 0


def test_times_of_frames_that_are_shown_in_another_order_are_kept(tmp_path):
    clip = write_movie(tmp_path / "clip.mp4", bf=3)

    made = exported(clip, tmp_path / "m.mov", "--vfr", "--codec", "animation")

    assert shown_at(made) == shown_at(clip)


def test_a_range_begins_at_its_first_frame(tmp_path):
    clip = write_movie(tmp_path / "clip.mp4")

    made = exported(clip, tmp_path / "m.mov", "--vfr", "--frames", "5-9")

    whole = shown_at(clip)
    assert shown_at(made) == [at - whole[5] for at in whole[5:10]]


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--rate", "30"], ["--rate", "24"], ["--vfr"]])
@pytest.mark.parametrize("name", ["clip.mov", "clip.mkv"])
def test_sound_stays_in_step(tmp_path, words, name):
    clip = write_movie(tmp_path / name, has_sound=True)
    rate = Fraction(words[1]) if words[1:] else None
    length = open_source(clip, Opening(rate=rate, vfr=rate is None)).clip.num_frames

    made = exported(clip, tmp_path / "m.mov", *words, "--audio", length=length)

    flashes, heard = flashes_and_beeps(made)
    assert len(flashes) == len(heard) == 2
    most = 0.001 if rate is None else 0.5 / float(rate)
    assert all(abs(a - b) <= most + 0.001 for a, b in zip(flashes, heard, strict=True))
    assert shown_at(made)[-1] >= Fraction(WANDERING[-1], 90000) - Fraction(1, 24)


@pytest.mark.parametrize("out", ["m.mov", "m.mkv"])
def test_timecode_goes_with_kept_times(tmp_path, out):
    ticks = [*WANDERING[:-1], WANDERING[-1] + 39000]
    clip = write_movie(tmp_path / "clip.mp4", ticks)

    made = exported(clip, tmp_path / out, "--vfr", "--timecode", "01:00:00:20", "--frames", "5-23")

    with av.open(str(made)) as movie:
        tagged = [movie.metadata, *(stream.metadata for stream in movie.streams)]
    said = [text for one in tagged for name, text in one.items() if name.lower() == "timecode"]
    assert {*said} == {"01:00:00:25"}


def test_what_conforming_did_is_recorded_frame_by_frame(tmp_path, caplog):
    clip = write_movie(tmp_path / "clip.mp4")
    opening = Opening(rate=Fraction(15))
    length = open_source(clip, opening).clip.num_frames

    made = exported(clip, tmp_path / "m.mov", "--rate", "15", length=length)

    said = json.loads(made.with_name("m.mov.json").read_text())["conformed"]
    shown = open_source(clip, opening).origin.shown
    assert said["rate"] == "15"
    assert said["doubled"] == [n for n in range(1, length) if shown[n] == shown[n - 1]]
    assert said["dropped"] == sorted({*range(24)} - {*shown})
    assert said["doubled"]
    assert said["dropped"]
    assert f"{len(said['doubled'])} frames are doubled" in caplog.text
    assert {b - a for a, b in pairwise(shown_at(made))} == {Fraction(1, 15)}


def test_a_conformed_range_records_its_own_frames(tmp_path):
    clip = write_movie(tmp_path / "clip.mp4")
    length = open_source(clip, Opening(rate=Fraction(30))).clip.num_frames

    made = exported(
        clip, tmp_path / "m.####.exr", "--rate", "30", "--frames", "20-25", length=length
    )

    record = json.loads((made.parent / "m.20-25.exr.json").read_text())
    assert record["conformed"]["doubled"]
    assert {*record["conformed"]["doubled"]} <= {*range(20, 26)}


def test_lost_frames_are_held_and_told(tmp_path, caplog):
    clip = write_movie(tmp_path / "clip.mkv", [3000 * n for n in range(24) if n not in (5, 12)])

    source = open_source(clip)

    assert source.varying is None
    assert (source.clip.num_frames, source.clip.fps) == (24, 30)
    assert source.origin.shown[4:7] == (4, 4, 5)
    assert "2 frames are doubled" in caplog.text


def test_a_rate_and_kept_times_do_not_go_together(tmp_path):
    with pytest.raises(SettingsError, match="give one of them"):
        open_source(write_movie(tmp_path / "clip.mp4"), Opening(rate=Fraction(30), vfr=True))


def test_a_movie_of_one_rate_keeps_it(tmp_path, caplog):
    clip = write_movie(tmp_path / "clip.mp4", [3000 * n for n in range(12)])

    assert open_source(clip, Opening(rate=Fraction(25))).clip.fps == 30
    assert "--rate is for" in caplog.text
    assert not open_source(clip, Opening(vfr=True)).origin.times


@pytest.mark.parametrize("words", [[], ["--vfr"]])
@pytest.mark.parametrize("form", ["png", "exr"])
def test_a_sequence_of_a_varying_movie_says_when_each_frame_is_shown(tmp_path, form, words, caplog):
    clip = write_movie(tmp_path / "clip.mp4")
    exact = {n: round(float(at), 6) for n, at in enumerate(shown_at(clip))}

    exported(clip, tmp_path / f"m.####.{form}", "--frames", "5-23", *words)

    record = json.loads((tmp_path / f"m.5-23.{form}.json").read_text())
    assert record["shown_s"] == {str(n): exact[n] for n in range(5, 24)}
    assert ("--rate 30" in caplog.text) == (not words)
    if form == "exr":
        with OpenEXR.File(str(tmp_path / "m.0007.exr")) as file:
            assert float(file.header()["sghm_vs:source_time"]) == exact[7]


def test_a_sequence_of_a_varying_movie_becomes_a_movie_with_its_times(tmp_path):
    clip = write_movie(tmp_path / "clip.mp4")
    exported(clip, tmp_path / "m.####.exr", "--layout", "alpha")
    words = ["export", str(clip), "--alpha", str(tmp_path / "m.####.exr"), "--quiet"]

    assert main([*words, "-o", str(tmp_path / "x.mov"), "--vfr"]) == 0
    assert shown_at(tmp_path / "x.mov") == shown_at(clip)


def test_a_matte_of_a_conformed_movie_is_not_laid_on_its_own_frames(tmp_path, capsys):
    clip = write_movie(tmp_path / "clip.mp4")
    length = open_source(clip, Opening(rate=Fraction(30))).clip.num_frames
    made = exported(clip, tmp_path / "m.mkv", "--rate", "30", "--frames", "10-20", length=length)
    words = ["export", str(clip), "--alpha", str(made), "-o", str(tmp_path / "x.mov"), "--quiet"]

    assert main([*words, "--vfr", "--frames", "10-12"]) == 1
    assert "--rate 30" in capsys.readouterr().err
    assert main([*words, "--rate", "30", "--frames", "10-12"]) == 0


def test_a_matte_with_the_plates_times_is_laid_on_it(tmp_path):
    lost = [3000 * n for n in range(24) if n not in (5, 12)]
    for name, ticks in {"varies": WANDERING, "lost": lost}.items():
        clip = write_movie(tmp_path / f"{name}.mp4", ticks)
        made = exported(clip, tmp_path / f"{name}_m.mkv", "--vfr", length=len(ticks))
        out = str(tmp_path / f"{name}.mov")
        words = ["export", str(clip), "--alpha", str(made), "-o", out, "--vfr", "--quiet"]

        assert main(words) == 0
        assert shown_at(Path(out)) == shown_at(clip)


@pytest.mark.parametrize(
    ("rows", "words"),
    [("source,rate\nclip.mp4,30\n", "--rate=30"), ("source,vfr\nclip.mp4,true\n", "--vfr")],
)
def test_a_list_and_a_plan_say_what_becomes_of_a_varying_rate(tmp_path, rows, words, capsys):
    clip, path = write_movie(tmp_path / "clip.mp4"), tmp_path / "plan.json"
    (tmp_path / "list.csv").write_text(rows)
    worker = tmp_path / "worker.json"
    worker.write_text(json.dumps({"worker": asdict(WORKER), "frame_s": 0.5}))
    said = ["farm", "plan", "-o", str(path), "--worker", str(worker), "--overwrite", "--quiet"]

    assert main([*said, str(clip)]) == 1
    assert "--media-rate 30" in capsys.readouterr().err
    assert main([*said, str(tmp_path / "list.csv")]) == 0

    (shot,) = read_plan(path).shots
    assert words in shot.matting
    assert len(shot.frames) == (24 if words == "--vfr" else 68)


@pytest.mark.slow
def test_a_batch_refuses_a_varying_rate_and_goes_on_with_its_option(tmp_path, capsys):
    clip, out = write_movie(tmp_path / "clip.mp4"), tmp_path / "out"
    words = ["batch", str(clip), "-o", str(out), "--tr", "0", "--device", "cpu", "--quiet"]

    assert main(words) == 1
    assert "--rate 30" in "".join(capsys.readouterr())
    assert main([*words, "--vfr", "--frames", "3-5", "--resume"]) == 0

    (made,) = out.glob("*clip.mov")
    assert shown_at(made) == [at - shown_at(clip)[3] for at in shown_at(clip)[3:6]]


EDL = """TITLE: cut
001  clip     V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00
* FROM CLIP NAME: {name}
"""


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_an_edit_names_media_whose_rate_varies_and_counts_it_conformed(tmp_path, name, capsys):
    clip = write_movie(tmp_path / "media" / name)
    (tmp_path / "cut.edl").write_text(EDL.format(name=name))
    words = ["timeline", str(tmp_path / "cut.edl"), "--media", str(clip.parent), "--rate", "30"]
    words += ["-o", str(tmp_path / "out"), "--dry-run", "--handles", "0"]

    main(words)
    assert "--media-rate 30" in "".join(capsys.readouterr())
    assert main([*words, "--media-rate", "30"]) == 0
    assert "0-29" in capsys.readouterr().out
    assert main([*words, "--vfr"]) == 1
    assert "--media-rate N" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_frames_are_counted_at_the_rate_before_they_are_read(tmp_path, name):
    clip = write_movie(tmp_path / name)

    for rate in (None, Fraction(30), Fraction(15)):
        media, source = probe(clip, rate), open_source(clip, Opening(rate=rate))
        assert len(media.frames) == source.clip.num_frames
        assert (media.varying is None) == (source.varying is None)


def test_a_dry_run_says_what_a_varying_rate_needs(tmp_path, capsys):
    clip = write_movie(tmp_path / "clip.mkv")

    main(["batch", str(clip), "-o", str(tmp_path / "out"), "--dry-run"])

    assert "--rate 30 or --vfr" in capsys.readouterr().out


def test_a_comp_of_a_conformed_matte_refuses_the_movie_that_nuke_counts_otherwise(tmp_path, capsys):
    clip = write_movie(tmp_path / "clip.mp4")
    length = open_source(clip, Opening(rate=Fraction(30))).clip.num_frames
    words = ["--layout", "alpha"]
    conformed = exported(clip, tmp_path / "c.####.exr", "--rate", "30", *words, length=length)
    kept = exported(clip, tmp_path / "k.####.exr", "--frames", "20-22", *words)
    comp = ["--plate", str(clip), "-o", str(tmp_path / "a.nk")]

    assert main(["nuke", "comp", str(conformed), *comp]) == 1
    assert "Nuke reads these" in capsys.readouterr().err
    assert main(["nuke", "comp", str(kept), *comp]) == 0
    assert "time_offset -1" in (tmp_path / "a.nk").read_text()
