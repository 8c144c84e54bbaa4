"""What is added by a file and a row: each table agrees with the others, and each row works."""

from importlib import import_module
from typing import get_args

import pytest
import torch
import vapoursynth as vs

from sghm_vs.errors import SettingsError
from sghm_vs.hosts import SCRIPTS, script
from sghm_vs.hosts.nuke import comps
from sghm_vs.hosts.presets import PRESETS
from sghm_vs.media.readers import READERS, open_source
from sghm_vs.media.writers import WRITERS, export
from sghm_vs.media.writers.codecs import CODECS as WRITTEN
from sghm_vs.models.backends.base import BACKENDS, Network, place
from sghm_vs.models.backends.device import Compute, choose_compute
from sghm_vs.models.checkpoint import ARCHITECTURES
from sghm_vs.models.weights import CHECKPOINTS, SHIPPED_MODEL
from sghm_vs.options import CODECS, HOSTS, LAYOUTS, Backend, Matting, options_of
from sghm_vs.shots.farm.engines import ENGINES
from sghm_vs.shots.farm.engines.base import pool_of

CPU = torch.device("cpu")


def test_every_codec_that_is_offered_is_written_and_no_other():
    assert {*WRITTEN} == {*CODECS}
    assert {*CODECS.values()} <= {*WRITERS}


def test_every_backend_that_is_offered_has_a_row_and_a_file():
    assert {*get_args(Backend)} == {"auto", *BACKENDS}
    for name, row in BACKENDS.items():
        assert callable(import_module(f"sghm_vs.models.backends.{row.module}").place), name


class Echo:
    """A backend that is another's network under its own name."""

    backend = "echo"

    def __init__(self, network: object) -> None:
        self._network = network

    def __getattr__(self, name: str) -> object:
        return getattr(self._network, name)


def test_a_backend_is_added_by_a_file_and_a_row(monkeypatch):
    import sys
    from types import SimpleNamespace

    module = SimpleNamespace(place=lambda network, *_: Echo(network))
    monkeypatch.setitem(sys.modules, "sghm_vs.models.backends.echo", module)
    monkeypatch.setitem(BACKENDS, "echo", BACKENDS["torch"]._replace(module="echo"))
    network = ARCHITECTURES[SHIPPED_MODEL].build()

    found: Network = place(network, SHIPPED_MODEL, choose_compute(-1, None, "echo"))

    assert isinstance(found, Echo)
    assert found.halo_px == network.halo_px


def test_a_backend_that_does_not_run_on_a_device_says_so(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert choose_compute(None, None, "openvino") == Compute(
        choose_compute(-1).device, None, "openvino"
    )


def test_a_backend_without_a_row_is_refused_by_the_names_that_have_one():
    with pytest.raises(SettingsError, match="backend is 'tpu' and must be one of auto, openvino"):
        choose_compute(-1, None, "tpu")
    with pytest.raises(SettingsError, match="backend is 'tpu'"):
        place(ARCHITECTURES[SHIPPED_MODEL].build(), SHIPPED_MODEL, Compute(CPU, None, "tpu"))


def test_every_known_checkpoint_is_of_a_known_architecture():
    assert {SHIPPED_MODEL, *CHECKPOINTS} <= {*ARCHITECTURES}
    model = next(one for one in options_of(Matting) if one.name == "model")
    assert all(name in model.help for name in (SHIPPED_MODEL, *CHECKPOINTS))


def test_every_host_that_is_offered_has_a_preset_that_is_written():
    assert tuple(PRESETS) == HOSTS
    assert {preset.suffix for preset in PRESETS.values()} <= {*WRITERS}


def test_every_script_for_another_program_is_there():
    assert all(script(name).is_file() for name in SCRIPTS)


def test_every_exr_layout_has_a_comp_for_nuke():
    assert {*comps.LAYOUTS} == {*LAYOUTS}


def test_every_farm_engine_opens_a_pool():
    assert all(callable(pool_of(name)) for name in ENGINES)


def test_the_last_reader_takes_what_no_other_does():
    assert [reader.suffixes is None for reader in READERS] == [False, False, True]


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_what_every_writer_writes_is_read_again(tmp_path, suffix):
    clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=1, fpsnum=24)
    alpha = vs.core.std.BlankClip(clip, format=vs.GRAY16, color=30000)
    path = tmp_path / f"a{suffix}"

    export(clip, alpha, path, over=(0.5, 0.5, 0.5))

    assert open_source(path).clip.num_frames == 1
