"""A show in chunks: what is planned, and that chunks are the whole, to the last byte."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import opentimelineio as otio
import pytest
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sghm_vs
from sghm_vs import export
from sghm_vs.cli import batch, build_parser, main, options
from sghm_vs.errors import ExportError, FarmError, SettingsError
from sghm_vs.files import sha256_of_modules
from sghm_vs.media.name_templates import fill_names
from sghm_vs.media.verification.sidecar import UNFINISHED, read_record, sidecars_at
from sghm_vs.options import BatchOptions, FrameRange, Settings
from sghm_vs.shots.batch.manifest import Manifest
from sghm_vs.shots.batch.render import Rotoscoper, delivery_of
from sghm_vs.shots.batch.run import run_batch
from sghm_vs.shots.farm.assemble import assemble
from sghm_vs.shots.farm.chunks import chunk_size, split
from sghm_vs.shots.farm.engines.slurm import chunk_words, shell_script, slurm_script
from sghm_vs.shots.farm.fingerprint import Fingerprint, refuse_other
from sghm_vs.shots.farm.job import Job, job_of, jobs_of
from sghm_vs.shots.farm.plan import KEPT, Plan, read_plan
from sghm_vs.shots.farm.run import assemble_here
from sghm_vs.shots.farm.worker import CODE
from tests.clips import panning_clip
from tests.standin import StandIn, write_movie, write_sequence

pytestmark = pytest.mark.usefixtures("by_graphs")

SCENES = 12, 8
CUT = 1001 + SCENES[0]
PINNED = "--model", "sghm-lite", "--device", "cpu"
WORKER = Fingerprint(
    model="sghm-lite", weights_sha256="0", backend="onnxruntime", precision="float32", device="a CPU",
    is_gpu=False, threads=1, packages={"torch": "2"},
)  # fmt: skip

type Planner = Callable[..., Plan]


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes that pan, as EXR halves, numbered from 1001."""
    clip = panning_clip(SCENES).resize.Bicubic(format=vs.RGBS)
    white = clip.std.BlankClip(format=vs.GRAYS, color=1)
    path = tmp_path_factory.mktemp("plates") / "sh010.####.exr"
    export(clip, white, path, first_number=1001, sidecar=False)
    return path


@pytest.fixture
def planned(tmp_path: Path) -> Planner:
    """What makes the plan that the words of `sghm farm plan` ask for."""
    worker = tmp_path / "worker.json"
    worker.write_text(json.dumps({"worker": asdict(WORKER), "frame_s": 0.5}))

    def plan(*words: str | Path) -> Plan:
        path = tmp_path / "plan.json"
        said = ["farm", "plan", *map(str, words), "-o", str(path), "--overwrite", "--quiet"]
        assert main([*said, "--worker", str(worker)]) == 0
        return read_plan(path)

    return plan


def made(plan: Plan) -> list[Job]:
    """Return the jobs of `plan`, once all of their chunks are made."""
    jobs, render = [*jobs_of(plan)], Rotoscoper()
    for job in jobs:
        for chunk in job.planned.chunks:
            render(job.task(chunk.writes), lambda *_: None)
    return jobs


def files_in(folder: Path) -> dict[str, bytes]:
    """Return what was delivered into `folder`, by its path."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".json")
    visible = (file for file in files if not file.name.startswith("."))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in visible}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # On a busy machine.
@given(
    st.integers(-50, 2000), st.integers(1, 400), st.integers(1, 60), st.integers(0, 24),
    st.sets(st.integers(-60, 2500), max_size=9),
)  # fmt: skip
def test_every_frame_is_in_one_chunk_that_reads_the_window_around_it(
    first, length, size, reach, cuts
):
    frames = FrameRange(first, first + length - 1)
    there = FrameRange(frames.first - 3, frames.last + 5)

    chunks = split(frames, size, reach=reach, cuts=cuts, available=there)

    written = [n for one in chunks for n in range(one.writes.first, one.writes.last + 1)]
    assert written == list(range(frames.first, frames.last + 1))
    assert all(one.reads.first == max(one.writes.first - reach, there.first) for one in chunks)
    assert all(one.reads.last == min(one.writes.last + reach, there.last) for one in chunks)
    assert all(len(one.writes) <= 2 * size + 1 for one in chunks)


def test_edges_move_to_a_cut_that_is_near():
    cut = split(FrameRange(0, 99), 25, cuts=[28, 60])

    assert [str(one.writes) for one in cut] == ["0-27", "28-59", "60-74", "75-99"]
    assert [str(one.writes) for one in split(FrameRange(0, 9), 50)] == ["0-9"]


def test_a_chunk_takes_the_time_asked_for_but_outweighs_its_window():
    assert chunk_size(0.5, 300, reach=6) == 600
    assert chunk_size(100, 300, reach=0) == 3
    assert chunk_size(100, 300, reach=6) == 48
    for bad in (0, -1, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match="above 0"):
            chunk_size(bad, 300, 6)
    with pytest.raises(SettingsError, match="1 or more"):
        split(FrameRange(0, 9), 0)


def test_plans_are_read_without_torch_and_vapoursynth():
    script = (
        "import sys\n"
        "from sghm_vs.shots.farm import chunks, fingerprint, plan\n"
        "from sghm_vs.shots.farm.engines import openjd, slurm\n"
        "heavy = {'torch', 'vapoursynth', 'numpy', 'cv2', 'av'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert run.returncode == 0, run.stderr.decode()


def test_a_plan_keeps_every_option_of_every_shot(planned, tmp_path):
    plates = tmp_path / "plates"
    write_movie(plates / "a.mkv")
    write_sequence(plates, "b_", range(5, 9))
    (plates / "list.toml").write_text(
        '[[shot]]\nsource = "a.mkv"\nframes = "1-4"\ngrow = -1.5\nover = "gray"\nto = "{shot}.mp4"\n'
        '[[shot]]\nsource = "b_####.png"\nmissing = "hold"\nstart-number = "101"\nover = "204080"\n'
        'foreground = "estimate"\nto = "{shot}_{version}.####.exr"\nversion = "auto"\n'
    )
    words = [str(plates / "list.toml"), "--tr", "quality", "--sc-threshold", "off", "--no-fp16"]
    words += ["--exposure", "1", "--mask", str(plates / "b_0005.png"), "--for", "nuke"]
    words[-2:] = ["--layout", "layered"]

    plan = planned(*words)

    again = Plan.from_json(plan.to_json())
    args = build_parser().parse_args(["batch", *words, "-o", str(tmp_path / "mattes")])
    wanted = batch.batch_from(args).shots
    found = [job.shot for job in jobs_of(again)]
    assert again == plan
    for shot, other in zip(found, wanted, strict=True):
        matting = replace(other.matting, model="sghm-lite", device_index=-1, num_streams=1)
        delivery = replace(other.delivery, version=None)
        assert (shot.matting, shot.delivery) == (matting, delivery)
        assert (shot.key, shot.name, shot.outputs) == (other.key, other.name, other.outputs)
        assert shot.opening == other.opening


def test_an_edit_is_planned_with_its_own_cuts_and_finds_its_mattes_done(planned, tmp_path):
    movie = write_movie(tmp_path / "card" / "a.mkv", frames=40)
    track = otio.schema.Track("V1")
    for start, end in ((4, 15), (15, 30)):
        shown = otio.opentime.range_from_start_end_time(
            otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(end, 24)
        )
        reference = otio.schema.ExternalReference(movie.as_uri())
        track.append(otio.schema.Clip(f"c{start}", reference, shown))
    edit = tmp_path / "cut.otio"
    otio.adapters.write_to_file(otio.schema.Timeline("cut", tracks=[track]), str(edit))

    plan = planned(edit, "--handles", "2", "--chunk", "15")

    (shot,) = plan.shots
    assert (shot.name, str(shot.frames), shot.is_whole) == ("c4", "2-31", False)
    assert [str(chunk.writes) for chunk in shot.chunks] == ["2-14", "15-31"]
    (job,) = jobs_of(plan)
    for chunk in shot.chunks:
        StandIn()(job.task(chunk.writes), lambda *_: None)
    (entry,) = assemble_here([job])
    words = [str(edit), "-o", str(tmp_path / "mattes"), "--handles", "2", "--resume", "--quiet"]
    assert main(["timeline", *words]) == 0
    assert [*Manifest(tmp_path / "mattes").entries.values()] == [entry]
    assert (tmp_path / "mattes" / "cut_mattes.otio").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "x"}, {"format": 2}, {"shots": 3}, {"worker": {}}, {"folder": None, "shots": [{}]},
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(planned, tmp_path, change):
    plan = planned(write_movie(tmp_path / "a.mkv"), "--chunk", "2")

    with pytest.raises(FarmError, match="no plan"):
        Plan.from_json(json.dumps(json.loads(plan.to_json()) | change))


def test_a_plan_with_a_hole_or_code_or_a_way_out_is_refused(planned, tmp_path):
    plan = planned(write_movie(tmp_path / "a.mkv"), "--chunk", "2")
    (shot,) = plan.shots

    for bad in (shot.chunks[1:], shot.chunks[:-1], (*shot.chunks[:1], *shot.chunks[2:])):
        with pytest.raises(FarmError, match=r"a: (a chunk|its chunks)"):
            Plan.from_json(replace(plan, shots=(replace(shot, chunks=bad),)).to_json())
    for change in ({"name": "../a"}, {"source": "/x.vpy"}, {"matting": ("--exec=rm",)}):
        with pytest.raises(FarmError, match="is none"):
            job_of(plan, replace(shot, **change))
    with pytest.raises(ExportError, match="not a name below"):
        assert job_of(plan, replace(shot, outputs=("../a.mov",))).paths


def test_a_shot_that_cant_be_opened_is_named_and_the_others_are_planned(tmp_path, capsys):
    write_movie(tmp_path / "plates" / "a.mkv")
    (tmp_path / "plates" / "b.mov").write_bytes(b"nothing of a movie")
    path = tmp_path / "plan.json"

    code = main(["farm", "plan", str(tmp_path / "plates"), "-o", str(path), "--chunk", "3"])

    assert code == 1
    assert [shot.name for shot in read_plan(path).shots] == ["a"]
    assert "b: " in capsys.readouterr().err


def test_movies_of_plates_with_windows_are_not_planned(plate, tmp_path, capsys):
    words = ["farm", "plan", str(plate), "-o", str(tmp_path / "plan.json"), "--chunk", "3"]

    assert main([*words, "--keep-windows", "--to", "{shot}.mov"]) == 1
    assert "--keep-windows is for sequences on a farm" in capsys.readouterr().err
    assert main([*words, "--keep-windows", "--to", "{shot}.####.exr"]) == 0


def test_scripts_are_never_planned(tmp_path, capsys):
    script = tmp_path / "a.vpy"
    script.write_text("raise SystemExit('run')")

    code = main(["farm", "plan", str(script), "-o", str(tmp_path / "plan.json"), "--chunk", "3"])

    assert code == 1
    assert "is a script" in capsys.readouterr().err


def test_a_worker_that_is_not_as_planned_is_refused_with_what_differs():
    other = replace(WORKER, threads=2, packages={"torch": "3", "numpy": "2"})

    with pytest.raises(FarmError, match=r"numpy is 2 and not missing; threads .*; torch is 3 and"):
        refuse_other(other, WORKER)
    refuse_other(replace(WORKER), WORKER)


def test_a_worker_is_bound_to_its_cores_without_loading_torch():
    """Torch takes seconds to load, and a worker that runs graphs has no use for it."""
    script = (
        "import os, sys, cv2, vapoursynth as vs\n"
        "from sghm_vs.shots.farm.worker import bind_threads\n"
        "bind_threads(3)\n"
        "assert 'torch' not in sys.modules\n"
        "assert (vs.core.num_threads, cv2.getNumThreads()) == (3, 3)\n"
        "assert os.environ['OMP_NUM_THREADS'] == os.environ['MKL_NUM_THREADS'] == '3'\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert run.returncode == 0, run.stderr.decode()


@pytest.mark.slow
def test_this_machine_is_as_it_says(tmp_path, capsys):
    movie = write_movie(tmp_path / "a.mkv")
    capsys.readouterr()

    assert main(["farm", "worker", str(movie), "--quiet"]) == 0

    said = json.loads(capsys.readouterr().out)
    (tmp_path / "worker.json").write_text(json.dumps(said))
    plan = [str(movie), "-o", str(tmp_path / "p.json"), "--worker", str(tmp_path / "worker.json")]
    assert main(["farm", "plan", *plan, "--quiet"]) == 0
    assert said["frame_s"] > 0
    assert main(["farm", "check", str(tmp_path / "p.json")]) == 0
    strange = read_plan(tmp_path / "p.json")
    strange = replace(strange, worker=replace(strange.worker, device="another"))
    (tmp_path / "p.json").write_text(strange.to_json())
    assert main(["farm", "check", str(tmp_path / "p.json")]) == 1
    assert "device is" in capsys.readouterr().err
    # A checkout makes other pixels under the same version.
    other = dict(strange.worker.packages, code="another")
    refused = replace(strange, worker=replace(strange.worker, device=said["worker"]["device"]))
    refused = replace(refused, worker=replace(refused.worker, packages=other))
    (tmp_path / "p.json").write_text(refused.to_json())
    assert main(["farm", "check", str(tmp_path / "p.json")]) == 1
    assert "code is" in capsys.readouterr().err


def test_code_is_another_where_any_module_on_a_frames_way_is(tmp_path):
    package = Path(sghm_vs.__file__).parent
    assert all((package / name).exists() for name in CODE)
    before = sha256_of_modules(package, CODE)
    copy = tmp_path / "sghm_vs"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))

    assert sha256_of_modules(copy, CODE) == before
    (copy / "cli" / "matte.py").write_text("")
    assert sha256_of_modules(copy, CODE) == before
    module = copy / "matting" / "arrays" / "frame.py"
    module.write_text(module.read_text().replace("THRESHOLD", "0.4"))
    assert sha256_of_modules(copy, CODE) != before


@pytest.fixture(scope="module")
def whole(plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the plate's mattes, made at once."""
    folder = tmp_path_factory.mktemp("whole")
    words = [str(plate), "-o", f"{folder}/sh010.####.exr", *PINNED, "--quiet"]
    assert main(["matte", *words, "--layout", "matte", "--grow", "-1"]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "more"),
    [
        (1, ("--frames", f"{CUT - 2}-{CUT + 2}")),
        (7, ()),
        (50, ()),
        (7, ("--cuts", f"sh010={CUT}")),
        (50, ("--cuts", f"sh010={CUT}")),
    ],
    ids=["of a frame", "even-7", "even-50", "at cuts-7", "at cuts-50"],
)
def test_chunks_are_the_whole_byte_for_byte(plate, whole, planned, tmp_path, size, more):
    to = ["--to", "{shot}.####.exr", "--layout", "matte", "--grow", "-1", *more]

    (job,) = made(planned(plate, *to, "--chunk", str(size)))

    (entry,) = assemble_here([job])
    assert entry.state == "done"
    frames, wanted = files_in(tmp_path / "mattes"), files_in(whole)
    assert frames == {name: wanted[name] for name in frames}
    assert len(frames) == len(job.planned.frames) == (5 if size == 1 else len(wanted))
    assert len(sidecars_at(tmp_path / "mattes")) == 1
    assert main(["verify", str(tmp_path / "mattes")]) == 0


def test_a_chunk_needs_nothing_beyond_its_window(plate, whole, planned, tmp_path):
    (shot,) = planned(plate, "--chunk", "7", "--to", "{shot}.####.exr").shots
    chunk = shot.chunks[1]
    (tmp_path / "some").mkdir()
    for number in range(chunk.reads.first, chunk.reads.last + 1):
        name = plate.name.replace("####", str(number))
        shutil.copy(plate.parent / name, tmp_path / "some" / name)

    frames, out = f"--frames={chunk.writes}", str(tmp_path / "sh010.####.exr")
    form = ["--layout", "matte", "--grow", "-1", *PINNED]
    assert main(["matte", str(tmp_path / "some"), "-o", out, frames, *form, "--quiet"]) == 0

    made_here = {name: one for name, one in files_in(tmp_path).items() if "/" not in name}
    wanted = files_in(whole)
    assert len(made_here) >= len(chunk.writes)
    assert all(one == wanted[name] for name, one in made_here.items() if name.endswith("exr"))


@pytest.mark.slow
def test_movies_and_what_is_asked_for_beside_them_are_the_whole_byte_for_byte(
    plate, planned, tmp_path
):
    names = [f"{{shot}}.{end}" for end in ("mov", "mkv", "mp4", "####.png", "####.exr")]
    form = ["--over", "gray", "--feather", "2", "--layout", "layered", "--foreground", "estimate"]
    words = [str(plate), *form, "--frames", "1003-1016", "--timecode", "01:00:00:00"]
    whole = [f"--output={tmp_path}/whole/{name}" for name in names]
    assert main(["matte", *words, *PINNED, *whole, "--quiet"]) == 0

    jobs = made(planned(*words, *(f"--to={name}" for name in names), "--chunk", "5"))

    entries = assemble_here(jobs)
    assert [(entry.state, entry.frames) for entry in entries] == [("done", (1003, 1016))]
    assert files_in(tmp_path / "mattes") == files_in(tmp_path / "whole")
    assert not (tmp_path / "mattes" / KEPT).exists()
    shots = [job.shot for job in jobs]
    again = run_batch(shots, tmp_path / "mattes", batch_options=BatchOptions(resume=True))
    assert again == entries, "sghm batch --resume makes it again"


@pytest.mark.slow
def test_guides_of_chunks_and_of_the_movie_beside_them_are_the_whole_byte_for_byte(
    plate, planned, tmp_path
):
    """Keep and holdout apply after edges, which the movie has at its end and pictures in each chunk."""
    given = tmp_path / "given"
    (given / "keys").mkdir(parents=True)
    for at, name in enumerate(("keep", "holdout", "mask", "keys/k.1007")):
        values = np.zeros((64, 96), np.uint8)
        values[8 * at : 8 * at + 24, 20 * at : 20 * at + 30] = 255
        cv2.imwrite(f"{given / name}.png", values)
    guides = ["--keep", f"{given}/keep.png", "--holdout", f"{given}/holdout.png", "--screen=green"]
    guides += ["--mask", f"{given}/mask.png", "--keys", f"{given}/keys", "--key-span", "4"]
    words = [str(plate), *guides, "--tr", "1", "--grow", "6", "--layout", "matte"]
    names = ["{shot}.####.exr", "{shot}.mkv"]
    whole = [f"--output={tmp_path}/whole/{name}" for name in names]
    assert main(["matte", *words, *PINNED, *whole, "--quiet"]) == 0

    jobs = made(planned(*words, *(f"--to={name}" for name in names), "--chunk", "6"))

    (entry,) = assemble_here(jobs)
    assert entry.state == "done"
    assert files_in(tmp_path / "mattes") == files_in(tmp_path / "whole")
    records = [read_record(one) for one in sidecars_at(tmp_path / "mattes")]
    assert {*records[0].keyed} == {*records[1].keyed} == set(range(1003, 1012))


def test_written_numbers_may_be_others(plate, planned, tmp_path):
    words = [plate, "--to", "{shot}.####.exr", "--layout", "alpha", "--start-number", "1"]

    (job,) = made(planned(*words, "--chunk", "9", "--tr", "0"))

    (entry,) = assemble_here([job])
    assert entry.frames == (1, 20)
    assert sorted(files_in(tmp_path / "mattes"))[::19] == ["sh010.0001.exr", "sh010.0020.exr"]


@pytest.mark.parametrize("to", ["{shot}.####.exr", "{shot}.mov"])
def test_the_plain_command_of_a_chunk_means_what_a_worker_does(plate, planned, to):
    """A scheduler that runs commands and a worker that takes tasks make the same."""
    words = ["--layout", "alpha", "--start-number", "5"] if "exr" in to else []
    words += ["--tr", "1", "--grow", "-2", "--missing", "hold"]
    plan = planned(plate, "--to", to, "--chunk", "9", *words)
    (job,) = jobs_of(plan)
    chunk = job.planned.chunks[1]
    task = job.task(chunk.writes)

    args = build_parser().parse_args(chunk_words(plan, job.planned, chunk)[1:])

    delivery = replace(options.delivery_from(args), sidecar=True)
    assert [Path(one) for one in args.source] == [task.shot.source]
    assert fill_names(args.output, shot="", output_format=delivery.output_format) == list(
        task.paths
    )
    assert delivery == delivery_of(task)
    assert options.opening_from(args) == task.shot.opening
    assert replace(options.matting_from(args), num_streams=1) == task.shot.matting
    assert options.values_from(args).get("frames") == task.shot.frames


def test_a_shell_runs_the_plan_and_stops_before_the_end_if_a_chunk_fails(planned, tmp_path):
    folder = tmp_path / "it's a $HOME"
    plan = planned(write_movie(folder / "a.mkv"), "--chunk", "2", "--to", "{shot}.####.png")
    log, script = tmp_path / "log", tmp_path / "job.sh"
    fake = tmp_path / "bin" / "sghm"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncase "$*" in *"$FAIL"*) exit 1; esac\n')
    fake.chmod(0o755)
    script.write_text(shell_script(plan, tmp_path / "plan.json"))

    def run(*words: str, fail: str) -> tuple[int, list[str]]:
        log.unlink(missing_ok=True)
        env = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "FAIL": fail}
        run = subprocess.run(["/bin/sh", str(script), *words], env=env, check=False)
        said = log.read_text().splitlines()
        return run.returncode, [
            next((w for w in line.split() if "--frames" in w), line[:13]) for line in said
        ]

    frames = [f"--frames={one}" for one in ("0-1", "2-3", "4-5")]
    assert run(fail="nothing") == (0, ["farm check /t", *frames, "farm assemble"])
    assert run(fail="--frames=2-3")[1][1:] == frames
    assert run(fail="--frames=2-3")[0] == 1
    assert run("2", fail="nothing")[1][1:] == frames[1:2]
    assert run(fail="farm check") == (1, ["farm check /t"])


def test_slurm_runs_each_chunk_in_one_of_a_bounded_number_of_tasks(planned, tmp_path):
    plan = planned(write_movie(tmp_path / "a.mkv", frames=5), "--chunk", "1", "--to", "x.####.png")

    script = slurm_script(plan, tmp_path / "plan.json", is_mixed=True)

    assert "#SBATCH --array=1-5\n#SBATCH --cpus-per-task=1\n" in script
    assert "farm check" not in script
    assert "gpus" not in script
    assert "--gpus-per-task=1" in slurm_script(
        replace(plan, worker=replace(WORKER, is_gpu=True)), tmp_path / "plan.json"
    )
    subprocess.run(["/bin/sh", "-n"], input=script.encode(), check=True)


@pytest.mark.slow
def test_a_shot_is_whole_only_once_every_frame_is_as_it_was_written(plate, planned, tmp_path):
    (job,) = made(planned(plate, "--to", "{shot}.####.exr", "--layout", "alpha", "--chunk", "7"))
    one, two = tmp_path / "mattes/sh010.1003.exr", tmp_path / "mattes/sh010.1020.exr"
    before = files_in(tmp_path / "mattes")
    one.write_bytes(one.read_bytes()[:-1] + b"x")
    two.unlink()

    broken = assemble(job).broken

    assert [str(chunk) for chunk in broken] == ["1001-1006", "1014-1020"]
    for chunk in broken:
        Rotoscoper()(job.task(chunk), lambda *_: None)
    assert assemble(job).broken == ()
    assert files_in(tmp_path / "mattes") == before


@pytest.mark.slow
def test_a_chunk_whose_worker_died_before_its_record_is_recorded_by_the_next(
    plate, planned, tmp_path
):
    """All frames are there, and nothing vouches for them: they are read, and vouched for."""
    (job,) = made(planned(plate, "--to", "{shot}.####.exr", "--layout", "alpha", "--chunk", "20"))
    (sidecar,) = sidecars_at(tmp_path / "mattes")
    record = replace(read_record(sidecar), state=UNFINISHED, files={}, samples={})
    sidecar.write_text(record.to_json())
    before = files_in(tmp_path / "mattes")
    assert assemble(job).broken

    Rotoscoper()(job.task(job.planned.frames), lambda *_: None)

    assert assemble(job).broken == ()
    assert files_in(tmp_path / "mattes") == before


def test_what_an_alpha_depends_on_is_within_its_reach():
    assert [Settings(tr=tr).reach for tr in (0, 1, "default", "quality")] == [0, 6, 11, 16]


def test_a_plan_that_leads_out_of_its_folder_becomes_no_script(planned, tmp_path, capsys):
    plan = planned(write_movie(tmp_path / "a.mkv"), "--chunk", "2")
    bad = replace(plan, shots=(replace(plan.shots[0], outputs=("../../a.mov",)),))
    (tmp_path / "plan.json").write_text(bad.to_json())
    capsys.readouterr()

    assert main(["farm", "script", str(tmp_path / "plan.json"), "--shell"]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "not a name below" in said.err
    for empty in (replace(plan, shots=()), replace(plan, folder="mattes")):
        with pytest.raises(FarmError, match="no shots, or a folder"):
            Plan.from_json(empty.to_json())
