"""Who holds a network: a worker for its shots, and the clips of a script for themselves."""

import gc
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.models import load
from sghm_vs.models.arrays import read_model
from sghm_vs.models.weights import shipped
from sghm_vs.options import Matting, Settings
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.batch.render import Rotoscoper, Task
from sghm_vs.shots.shot import prepare

type Loaded = list[Path]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """What was loaded, in order."""
    paths: Loaded = []

    def read(path: Path) -> object:
        paths.append(path)
        return read_model(path)

    monkeypatch.setattr(load, "read_model", read)
    return paths


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A checkpoint that nobody has loaded yet."""
    return str(shutil.copy(shipped().path, tmp_path / "a.safetensors"))


@pytest.fixture
def task(tmp_path: Path, model: str) -> Callable[..., Task]:
    """What makes the task of a shot with these settings."""
    script = tmp_path / "plate.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1).set_output()\n"
    )

    def make(**settings: object) -> Task:
        matting = Matting(model=model, device_index=-1, settings=Settings(**settings))
        out = f"{len([*tmp_path.glob('*.png')])}.png"
        shot = Shot(source=script, matting=matting, name="plate", outputs=(out,))
        return Task(shot=shot, paths=(tmp_path / out,))

    return make


def test_shots_of_one_model_share_the_network_that_their_worker_holds(task, loaded, model):
    prepared = prepare(Matting(model=model, device_index=-1))
    render = Rotoscoper(prepared)

    for each in (task(tr=0), task(tr=1), task(exposure=1.0)):
        render(each, lambda *_: None)

    assert len(loaded) == 1


def test_other_settings_take_the_network_of_before_and_other_weights_do_not(model, loaded):
    one = prepare(Matting(model=model, device_index=-1))
    settled = prepare(replace(one.matting, settings=Settings(tr=0)), one)
    other = prepare(replace(one.matting, model="sghm-lite"), settled)
    alone = prepare(one.matting)

    assert settled.network is one.network
    assert other.network is not one.network
    assert alone.network is not one.network
    assert len(loaded) == 3


def test_clips_of_a_script_share_a_network_as_long_as_one_of_them_lives(model, loaded):
    clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1)
    mattes = [sghm(clip, -1, model, tr=tr) for tr in (0, 1, 2)]
    assert len(loaded) == 1

    mattes.clear()
    gc.collect()
    sghm(clip, -1, model)
    assert len(loaded) == 2
