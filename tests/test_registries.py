"""What is added by a file and a row: each table agrees with the others, and each row works."""

import ast
from importlib import import_module
from pathlib import Path
from typing import get_args

import av
import OpenImageIO as oiio
import pytest
import torch
import vapoursynth as vs

from sghm_vs.errors import ExportError, SettingsError
from sghm_vs.hosts import SCRIPTS, script
from sghm_vs.hosts.nuke import comps
from sghm_vs.hosts.nuke.gizmo import bridge_node
from sghm_vs.hosts.presets import PRESETS
from sghm_vs.media.readers import READERS, open_source
from sghm_vs.media.verification.compare import verify
from sghm_vs.media.verification.readback import SAMPLED, read_movie
from sghm_vs.media.verification.sidecar import read_record
from sghm_vs.media.writers import WRITERS, export
from sghm_vs.media.writers.codecs import CODECS as WRITTEN
from sghm_vs.models.architectures import ARCHITECTURES
from sghm_vs.models.arrays import Model
from sghm_vs.models.backends.base import BACKENDS, Network, place
from sghm_vs.models.backends.device import Compute, choose_compute
from sghm_vs.models.weights import CHECKPOINTS, SHIPPED_MODEL
from sghm_vs.options import (
    CHOSEN_CODECS,
    CODECS,
    DATA_LAYOUTS,
    ENGINES,
    HOSTS,
    LAYOUTS,
    USUAL,
    Backend,
    Matting,
    OutputFormat,
    options_of,
)
from sghm_vs.shots.farm.engines.base import pool_of
from tests.clips import noise_clip

CPU = torch.device("cpu")


def test_every_codec_that_is_offered_is_written_and_no_other():
    assert {*WRITTEN} == {*CODECS}
    assert {row.suffix for row in CODECS.values()} <= {*WRITERS}


def background(path: Path) -> dict[str, object]:
    """What a review movie needs besides."""
    return {"over": (0.5, 0.5, 0.5)} if path.suffix == ".mp4" else {}


def written(path: Path, **output_format: object) -> Path:
    """Write two frames of noise, and check every byte and pixel of them."""
    clip = noise_clip(length=2)
    alpha = clip.std.ShufflePlanes(0, vs.GRAY)
    needs_extra = LAYOUTS[output_format.get("layout", "rgba")].needs_extra
    extra = {"person_01": alpha} if needs_extra else {}
    export(clip, alpha, path, extra=extra, **background(path), **output_format)
    for sidecar in path.parent.glob("*.json"):
        verify(sidecar, read_record(sidecar))
    return path


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_writes_a_movie_that_reads_back_as_it_was_sent(tmp_path, codec):
    path = written(tmp_path / f"x{CODECS[codec].suffix}", codec=codec)

    with av.open(str(path)) as movie:
        assert movie.streams.video[0].codec_context.name == WRITTEN[codec].decoder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_writes_the_channels_that_its_row_says(tmp_path, layout):
    path = written(tmp_path / "x.####.exr", layout=layout).with_name("x.0000.exr")

    row, file = LAYOUTS[layout], oiio.ImageInput.open(str(path))
    channels = set(file.spec().channelnames)
    assert ("A" in channels) == row.has_alpha
    is_data = file.spec().get_string_attribute("colorInteropID") == "data"
    assert is_data == row.is_data


def test_the_first_codec_of_an_ending_is_what_it_has_unasked():
    assert USUAL == {".mov": "prores4444", ".mkv": "ffv1-alpha", ".mp4": "h264"}
    assert {*CHOSEN_CODECS} == {*CODECS} - {"h264"}


@pytest.mark.parametrize(("knob", "rows"), [("codec", CHOSEN_CODECS), ("layout", LAYOUTS)])
def test_help_names_every_row_and_what_it_is(knob, rows):
    option = next(one for one in options_of(OutputFormat) if one.name == knob)

    table = {"codec": CODECS, "layout": LAYOUTS}[knob]
    assert option.knob.choices == tuple(rows)
    assert all(name in option.help and table[name].help in option.help for name in rows)


def test_help_names_the_backend_that_is_taken_by_itself():
    option = next(one for one in options_of(Matting) if one.name == "backend")

    automatic = [name for name, row in BACKENDS.items() if row.is_automatic]
    assert f"on CPUs of {', '.join(automatic)}" in option.help


def test_a_decoded_format_without_a_row_is_named_and_where_the_row_belongs(tmp_path, monkeypatch):
    path = written(tmp_path / "x.mkv")
    monkeypatch.delitem(SAMPLED, "gray16le")

    with pytest.raises(ExportError, match=r"as gray16le, .* SAMPLED of .*readback\.py has no row"):
        read_movie(path, {0})


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

    module = SimpleNamespace(place=lambda model, _: Echo(model.row.build()))
    monkeypatch.setitem(sys.modules, "sghm_vs.models.backends.echo", module)
    monkeypatch.setitem(BACKENDS, "echo", BACKENDS["torch"]._replace(module="echo"))
    model = Model(SHIPPED_MODEL, {}, "drawn")

    found: Network = place(model, choose_compute(-1, None, "echo"))

    assert isinstance(found, Echo)
    assert found.halo_px == model.row.build().halo_px


def test_a_backend_that_does_not_run_on_a_device_says_so(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert choose_compute(None, None, "openvino") == Compute(
        choose_compute(-1).device, None, "openvino"
    )


def test_a_backend_without_a_row_is_refused_by_the_names_that_have_one():
    with pytest.raises(SettingsError, match="backend is 'tpu' and must be one of auto, openvino"):
        choose_compute(-1, None, "tpu")
    with pytest.raises(SettingsError, match="backend is 'tpu'"):
        place(Model(SHIPPED_MODEL, {}, "drawn"), Compute(CPU, None, "tpu"))


def test_every_known_checkpoint_is_of_a_known_architecture():
    assert {SHIPPED_MODEL, *CHECKPOINTS} <= {*ARCHITECTURES}
    model = next(one for one in options_of(Matting) if one.name == "model")
    assert all(name in model.help for name in (SHIPPED_MODEL, *CHECKPOINTS))


def test_every_host_that_is_offered_has_a_preset_that_is_written():
    assert tuple(PRESETS) == HOSTS
    assert {preset.suffix for preset in PRESETS.values()} <= {*WRITERS}


def test_every_script_for_another_program_is_there():
    assert all(script(name).is_file() for name in SCRIPTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_exr_layout_has_a_comp_for_nuke_that_reads_data_as_data(layout):
    reads = [node for node in comps.template(layout) if node.kind == "Read"]

    # Straight color has its matte in a file of its own.
    row = LAYOUTS[layout]
    assert any(read.knobs.get("raw") for read in reads) == (row.is_data or not row.has_alpha)


def test_the_bridge_which_runs_without_us_knows_every_layout():
    bridge = Path(__file__).resolve().parents[1] / "nuke_bridge/python/sghm_nuke"
    node, panel = (ast.parse((bridge / name).read_text()) for name in ("node.py", "panel.py"))

    data = next(
        ast.literal_eval(one.value)
        for one in node.body
        if isinstance(one, ast.Assign) and one.targets[0].id == "DATA_LAYOUTS"
    )
    menus = [
        call.args[1].value.split()
        for call in ast.walk(panel)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "addEnumerationPulldown"
    ]
    assert {*data} == {*DATA_LAYOUTS}
    knobs = {knob.name: knob.options.get("M") for knob in bridge_node().user_knobs}
    # The dialog asks for no file of who is who.
    alone = [name for name in knobs["layout"] if not LAYOUTS[name].needs_extra]
    assert [tuple(menu) for menu in menus] == [knobs["model"], tuple(alone)]


def test_every_farm_engine_opens_a_pool():
    assert all(callable(pool_of(name)) for name in ENGINES)


def test_the_last_reader_takes_what_no_other_does():
    assert [reader.suffixes is None for reader in READERS] == [False, False, True]


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_what_every_writer_writes_is_read_again(tmp_path, suffix):
    clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=1, fpsnum=24)
    alpha = vs.core.std.BlankClip(clip, format=vs.GRAY16, color=30000)
    path = tmp_path / f"a{suffix}"

    export(clip, alpha, path, **background(path))

    assert open_source(path).clip.num_frames == 1
