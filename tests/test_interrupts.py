"""What ends a run early: signals, full disks, lost folders. Real processes, real signals."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import OpenImageIO as oiio
import pytest

from sghm_vs.shots.signals import Ended, unwinding

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

WITHIN_S = 300
"""Reached only where something hangs, even on a machine that does much else."""
SLOW = """
import time, vapoursynth as vs
clip = vs.core.std.BlankClip(format=vs.RGB24, width=128, height=96, length={length})

def slow(n, f):
    time.sleep({seconds})
    return f

clip = clip.std.ModifyFrame(clip, slow)
clip.set_output(0, vs.core.std.BlankClip(clip, format=vs.GRAY8, color=200))
"""
NOISE = """
import numpy as np, vapoursynth as vs
clip = vs.core.std.BlankClip(format=vs.RGB24, width=256, height=192, length=40, keep=True)

def draw(n, f):
    frame = f.copy()
    for plane in range(frame.format.num_planes):
        target = np.asarray(frame[plane])
        target[...] = np.random.default_rng(n).integers(0, 256, target.shape)
    return frame

gray = vs.core.std.BlankClip(clip, format=vs.GRAY8, keep=True)
clip.std.ModifyFrame(clip, draw).set_output(0, gray.std.ModifyFrame(gray, draw))
"""
OUTPUTS = ("x.mov", "x.####.exr", "x.mkv")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


RUNNING: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    yield
    while RUNNING:
        process = RUNNING.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def started(
    verb: str,
    folder: Path,
    *,
    length: int = 400,
    seconds: float = 0.02,
    outputs: tuple[str, ...] = OUTPUTS,
    **options: object,
) -> subprocess.Popen[str]:
    """Start the verb on a slow script, with its outputs in `folder`."""
    script = folder.parent / "shot.vpy"
    script.write_text(SLOW.format(length=length, seconds=seconds))
    words = [verb, str(script), "--overwrite"]
    words += [word for name in outputs for word in ("-o", str(folder / name))]
    return run_on(words, **options)


def run_on(words: list[str], **options: object) -> subprocess.Popen[str]:
    """Start the command line; it ends with the test at the latest."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    command = [sys.executable, "-m", "sghm_vs", *words]
    RUNNING.append(subprocess.Popen(command, text=True, **pipes))
    return RUNNING[-1]


def wait_for(is_there: Callable[[], object], process: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + WITHIN_S
    while not is_there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends
        time.sleep(0.01)


def frames_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("x.*.exr"))


def is_orphaned(folder: Path) -> bool:
    """Tell whether some process still works on `folder`."""
    words = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return any(str(folder).encode() in line for line in words)


def assert_nothing_half_written(folder: Path) -> None:
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    for path in frames_in(folder):
        assert oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT).shape == (96, 128, 4)
    for path in (folder / "x.mov", folder / "x.mkv"):
        if path.exists():
            with av.open(str(path)) as movie:
                assert sum(1 for _ in movie.decode(video=0)) > 0
    if Path("/proc").is_dir():
        assert not is_orphaned(folder)


MOMENTS: dict[str, Callable[[Path], object]] = {
    "it starts": lambda _: True,
    "ffmpeg runs": lambda folder: list(folder.glob(".*.part")),
    "frames are written": lambda folder: len(frames_in(folder)) > 5,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "moment", "number"),
    [
        ("matte", "it starts", signal.SIGINT),
        ("export", "ffmpeg runs", signal.SIGINT),
        ("matte", "ffmpeg runs", signal.SIGHUP),
        ("export", "frames are written", signal.SIGHUP),
        ("matte", "frames are written", signal.SIGTERM),
    ],
)
def test_a_signal_at_any_moment_leaves_only_whole_files(out, verb, moment, number):
    process = started(verb, out)
    if moment == "it starts":
        time.sleep(0.1)
    wait_for(lambda: MOMENTS[moment](out), process)

    process.send_signal(number)
    _, said = process.communicate(timeout=WITHIN_S)

    if moment != "it starts":  # Python itself may not be up yet.
        assert process.returncode == 128 + number
        assert said.splitlines()[-1].endswith("no unfinished output is left")
    assert_nothing_half_written(out)
    assert not (out / "x.mov").exists()


def test_a_signal_that_a_library_takes_for_its_own_failure_is_still_one():
    def load() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError from None

    with pytest.raises(Ended), unwinding():
        load()


def test_an_impatient_second_signal_changes_nothing(out):
    process = started("export", out)
    wait_for(lambda: frames_in(out), process)

    for _ in range(20):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        time.sleep(0.005)
    process.communicate(timeout=WITHIN_S)

    assert_nothing_half_written(out)


def test_a_signal_while_the_movie_is_finished_leaves_none(out, tmp_path):
    """The encoder may need long for its last frames."""
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text(
        '#!/bin/sh\n[ "$1" = -version ] && echo ffmpeg version 8.0 && exit 0\n'
        f"cat > /dev/null; touch {tmp_path}/finishing; exec sleep 50\n"
    )
    ffmpeg.chmod(ffmpeg.stat().st_mode | stat.S_IXUSR)
    process = started(
        "export", out, length=3, outputs=("x.mov",), env=os.environ | {"SGHM_FFMPEG": str(ffmpeg)}
    )
    wait_for(lambda: (tmp_path / "finishing").exists(), process)

    process.terminate()
    process.communicate(timeout=WITHIN_S)

    assert process.returncode == 143
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_running_and_its_rest_is_swept_by_the_next(out):
    process = started("export", out)
    wait_for(lambda: frames_in(out), process)

    process.kill()
    process.communicate(timeout=WITHIN_S)
    ends = time.monotonic() + 10
    while is_orphaned(out) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not is_orphaned(out)
    process = started("export", out, length=3)
    process.communicate(timeout=WITHIN_S)

    assert process.returncode == 0
    assert_nothing_half_written(out)


@pytest.mark.slow
def test_a_reader_of_the_progress_that_goes_away_does_not_end_the_work(out):
    reading, writing = os.pipe()
    process = started("export", out, length=200, stderr=writing)
    os.close(writing)
    os.close(reading)

    process.communicate(timeout=WITHIN_S)

    assert process.returncode == 0
    assert (out / "x.mov").exists()


def test_a_reader_of_the_results_that_goes_away_is_a_quiet_end(out):
    reading, writing = os.pipe()
    process = started("export", out, length=3, stdout=writing)
    os.close(writing)
    os.close(reading)

    _, said = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 141
    assert "Traceback" not in said
    assert (out / "x.mov").exists()


def test_a_run_without_standard_streams_does_its_work(out):
    script = out.parent / "shot.vpy"
    script.write_text(SLOW.format(length=3, seconds=0))
    words = f"{sys.executable} -m sghm_vs export {script} -o {out}/x.mov -o {out}/x.####.exr"

    run = subprocess.run(["/bin/sh", "-c", f"{words} <&- >&- 2>&-"], check=False)

    assert run.returncode == 0
    assert len(frames_in(out)) == 3
    assert_nothing_half_written(out)


def test_a_library_that_cannot_be_loaded_is_said_in_one_line(out, tmp_path):
    """As where there is no memory left for it."""
    (tmp_path / "OpenImageIO.py").write_text("raise ImportError('failed to map segment')")
    picture = tmp_path / "a.exr"
    picture.write_bytes(b"x")
    process = run_on(
        ["export", str(picture), "-o", str(out / "x.mov")],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '.')}"},
    )

    _, said = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 1
    assert "failed to map segment" in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_picture_that_memory_has_no_room_for_is_said_in_one_line(out, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9000, 9000, 3), np.uint8))
    words = f"export {tmp_path}/a.png --alpha {tmp_path}/a.png -o {out}/x.mov"

    run = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -v 900000; {sys.executable} -m sghm_vs {words}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == 1
    assert "memory" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    assert list(out.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "outputs"), [("matte", ("x.mov",)), ("export", ("x.mkv", "x.####.png"))]
)
def test_a_folder_lost_midway_is_named(out, verb, outputs):
    process = started(verb, out, length=200, outputs=outputs)
    wait_for(lambda: list(out.iterdir()), process)

    # Renamed, a folder is gone at once, with all that is being written in it.
    out.rename(out.with_name("gone"))
    _, said = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 1
    # Which of the outputs notices first is chance; ffmpeg has its own words.
    assert "can't be written" in said
    assert "No such file or directory" in said
    assert "Traceback" not in said


def test_footage_lost_midway_is_named(out, tmp_path):
    plates = tmp_path / "plates"
    plates.mkdir()
    for number in range(60):
        image = oiio.ImageBuf(oiio.ImageSpec(256, 192, 3, oiio.UINT8))
        image.write(str(plates / f"p.{number:04d}.png"))
    words = ["matte", f"{plates}/p.####.png", "-o", str(out / "x.mov")]
    process = run_on(words)
    wait_for(lambda: list(out.iterdir()), process)

    plates.rename(tmp_path / "gone")
    _, said = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 1
    assert "png can't be read: No such file or directory" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert list(out.iterdir()) == []


TINY_DISK = ["unshare", "--map-root-user", "--mount", "sh", "-c"]


def can_mount() -> bool:
    try:
        mounting = [*TINY_DISK, "mount -t tmpfs -o size=64k x /mnt"]
        return subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("form", ["x.####.exr", "x.mov"])
def test_a_share_that_is_unmounted_midway_is_named(out, form):
    """Its mount point stays: an empty folder of the same name, on the local disk."""
    if not can_mount():
        pytest.skip("needs a user namespace that may mount a tmpfs")
    script = out.parent / "shot.vpy"
    script.write_text(SLOW.format(length=400, seconds=0.02))
    command = (
        f"mount -t tmpfs x {out} && {sys.executable} -m sghm_vs export {script} -o {out}/{form} & "
        f"until ls -A {out} | grep -q .; do sleep .05; done; umount -l {out}; wait $!"
    )

    run = subprocess.run([*TINY_DISK, command], capture_output=True, text=True, check=False)

    assert run.returncode == 1, run.stderr
    assert re.search("on another disk|No such file", run.stderr.splitlines()[-1])
    assert len(list(out.iterdir())) <= 1  # What was being written at that moment.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "form"), [("matte", "x.####.exr"), ("export", "x.mov"), ("export", "x.mkv")]
)
def test_a_full_disk_is_named_at_every_form(out, verb, form):
    if not can_mount():
        pytest.skip("needs a user namespace that may mount a tmpfs")
    script = out.parent / "shot.vpy"
    script.write_text(NOISE)
    command = (
        f"mount -t tmpfs -o size=64k x {out} && "
        f"{sys.executable} -m sghm_vs {verb} {script} -o {out}/{form}; "
        f"code=$?; ls -A {out} | grep -c part; exit $code"
    )

    run = subprocess.run([*TINY_DISK, command], capture_output=True, text=True, check=False)

    assert run.returncode == 1, run.stderr
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout.split()[-1] == "0"
