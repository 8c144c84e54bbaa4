"""Ids out: soft, overlapping mattes as Cryptomatte EXR, read back by other people's readers."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import cryptomatte_api
import mmh3
import numpy as np
import OpenEXR
import pytest
import vapoursynth as vs

from sghm_vs.errors import ExportError
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.media.verification.compare import verify
from sghm_vs.media.verification.sidecar import read_record
from sghm_vs.media.writers import export
from sghm_vs.media.writers.cryptomatte import channels, header, id_of
from tests.clips import drawn, plane
from tests.test_hosts import WITHIN_S, needs

core = vs.core
WIDTH, HEIGHT = 96, 64
NAMES = ("person_01", "person_02", "person_03")


def mattes() -> dict[str, np.ndarray]:
    """Three soft mattes, two of which overlap; they sum up to at most 1."""
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    one = np.clip(1 - np.abs(x - 30) / 30, 0, 1)
    two = (1 - one) * np.clip(1 - np.abs(x - 60) / 30, 0, 1)
    three = (1 - one - two) * np.clip((y - 40) / 20, 0, 1) * (x > 80)
    return {
        name: one.astype(np.float32) for name, one in zip(NAMES, (one, two, three), strict=True)
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    clip = core.std.BlankClip(format=vs.RGB24, width=WIDTH, height=HEIGHT, length=1, fpsnum=24)
    layers = mattes()
    whole = np.add.reduce([*layers.values()])
    path = tmp_path_factory.mktemp("ids") / "x.0001.exr"
    extra = {name: drawn(one) for name, one in layers.items()}
    export(clip, drawn(whole), path, extra=extra, layout="cryptomatte", patterns=False)
    return path


def test_another_reader_gives_the_mattes_back_to_the_last_bit(written):
    (found,) = cryptomatte_api.Cryptomatte.load(str(written))

    masks = found.masks(list(NAMES))

    for name, matte in mattes().items():
        assert np.array_equal(masks[name], matte), name
    assert found.metadata().name() == "CryptoPerson"
    assert found.num_levels() == 4


@pytest.mark.parametrize("name", NAMES[:2])
def test_blender_gives_the_mattes_back(written, tmp_path, name):
    words = [needs("blender"), "--background", "--factory-startup", "--python",
             str(Path(__file__).with_name("in_blender_ids.py")), "--", str(written),
             "CryptoPerson", name, str(WIDTH), str(HEIGHT), str(tmp_path / "out.exr")]  # fmt: skip
    subprocess.run(words, capture_output=True, text=True, check=True, timeout=WITHIN_S)

    with OpenEXR.File(str(tmp_path / "out.exr"), separate_channels=True) as file:
        found = file.channels()["R"].pixels

    assert np.abs(found - mattes()[name]).max() < 1e-6


def test_the_file_is_float_data_with_its_manifest_and_the_whole_matte(written):
    with OpenEXR.File(str(written), separate_channels=True) as file:
        head, found = dict(file.header()), {n: c.pixels for n, c in file.channels().items()}

    assert {pixels.dtype for pixels in found.values()} == {np.dtype(np.float32)}
    assert sorted(found) == [
        "A", *(f"CryptoPerson{rank:02d}.{letter}" for rank in (0, 1) for letter in "ABGR"),
    ]  # fmt: skip
    key = f"{mmh3.hash('CryptoPerson', signed=False):08x}"[:7]
    manifest = json.loads(head[f"cryptomatte/{key}/manifest"])
    for name, code in manifest.items():
        assert struct.pack(">f", id_of(name)).hex() == code
    assert head[f"cryptomatte/{key}/conversion"] == "uint32_to_float32"
    assert np.array_equal(found["A"], np.add.reduce([*mattes().values()]))
    record = written.with_name(f"{written.name}.json")
    verify(record, read_record(record))


def test_its_alpha_is_the_matte_for_who_reads_one(written):
    assert np.array_equal(
        plane(open_matte(written).clip.get_frame(0)), np.add.reduce([*mattes().values()])
    )


def test_the_largest_share_is_first_and_nobody_has_no_id():
    made = channels(mattes())

    for rank, other in (("00.G", "00.A"), ("00.A", "01.G")):
        assert (made[f"CryptoPerson{rank}"] >= made[f"CryptoPerson{other}"]).all()
    nobody = made["CryptoPerson00.G"] == 0
    assert nobody.any()
    assert not made["CryptoPerson00.R"][nobody].any()
    assert not made["CryptoPerson01.A"].any()


def test_an_id_is_a_float_that_is_a_number_whatever_its_hash():
    """Of 20,000 names some hash to exponents 0 and 255, which stand for no or rounded numbers."""
    bent = 0
    for n in range(20_000):
        value = np.float32(id_of(f"name{n}"))
        bits = mmh3.hash(f"name{n}", signed=False)
        assert np.isfinite(value)
        assert abs(value) >= np.finfo(np.float32).tiny
        bent += int(value.view(np.uint32)) != bits
    assert bent > 20


def test_at_most_six_ranks_are_written_in_layers_of_two():
    many = {f"person_{n:02d}": np.full((2, 2), 1 / 9, np.float32) for n in range(1, 10)}

    assert len(channels(many)) == 12
    assert len(channels({"person_01": many["person_01"]})) == 4
    assert json.loads(header(many)[next(k for k in header(many) if "manifest" in k)]).keys() == {
        *many
    }


@pytest.mark.parametrize("compression", ["dwaa", "dwab", "pxr24"])
def test_what_would_change_ids_is_refused(tmp_path, compression):
    clip = core.std.BlankClip(format=vs.RGB24, width=8, height=8, length=1)
    matte = core.std.BlankClip(clip, format=vs.GRAYS)
    how = {"layout": "cryptomatte", "compression": compression, "extra": {"person_01": matte}}

    with pytest.raises(ExportError, match=f"compression {compression} changes ids"):
        export(clip, matte, tmp_path / "x.####.exr", **how)


def test_without_mattes_that_are_somebody_s_there_is_nothing_to_write(tmp_path):
    clip = core.std.BlankClip(format=vs.RGB24, width=8, height=8, length=1)

    with pytest.raises(ExportError, match="nobody says it; give extra="):
        export(clip, core.std.BlankClip(clip, format=vs.GRAYS), tmp_path / "x.####.exr",
               layout="cryptomatte")  # fmt: skip
