"""The user's own weights: where they are looked for, how they get there, what is said of them."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import vapoursynth as vs
from safetensors.torch import load_file, save_file

from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.errors import DownloadError, WeightsError
from sghm_vs.models import install, weights
from sghm_vs.models.checkpoint import read_checkpoint
from sghm_vs.models.download import Patience
from sghm_vs.models.weights import (
    CHECKPOINTS,
    CURRENT_VERSION,
    VERSIONS,
    Checkpoint,
    Weights,
    find_weights,
    shipped,
    version_of,
)
from tests import server
from tests.server import FileServer, serving

HASTY = Patience(timeout_s=2.0, tries=2, pause_s=0.01)
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SGHM_HOME", str(tmp_path / "home of weights"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home of weights"


@pytest.fixture(scope="session")
def checkpoint_file(tmp_path_factory) -> Path:
    """The light network's tensors in a torch file, for `_small` to take as the published one's."""
    path = tmp_path_factory.mktemp("published") / "SGHM-ResNet50.pth"
    torch.save(read_checkpoint(shipped().path), path)
    return path


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let the light network pass for the published one, which is twenty times as big."""
    own = install.fitting

    def fitting(state, path):
        own(state, path)
        return "sghm-resnet50"

    if "seeded_state" not in request.fixturenames:
        monkeypatch.setattr(install, "fitting", fitting)


def published(payload: bytes, *servers: FileServer) -> Checkpoint:
    """Return the published model's entry as if `payload` were its file."""
    return replace(
        CHECKPOINTS["sghm-resnet50"],
        size=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        addresses=tuple(each.address for each in servers),
    )


def pretend(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    monkeypatch.setitem(CHECKPOINTS, checkpoint.model, checkpoint)


def test_a_fetched_model_is_found_by_name_and_by_auto(home, checkpoint_file, monkeypatch):
    payload = checkpoint_file.read_bytes()
    assert find_weights("auto") == shipped()
    with serving(payload, server.truncating, server.whole) as web:
        pretend(monkeypatch, published(payload, web))

        fetched = install.fetch("sghm-resnet50", patience=HASTY)
        again = install.fetch("sghm-resnet50", patience=HASTY)

    assert find_weights("sghm-resnet50") == find_weights("auto") == fetched == again
    assert len(web.asked) == 2
    assert {path.name for path in home.iterdir()} == {".lock", "sghm-resnet50.safetensors"}
    assert install.verify(fetched).state == "ok"
    before, after = read_checkpoint(checkpoint_file), load_file(fetched.path)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_file_added_by_hand_is_kept_converted_and_warned_of(home, checkpoint_file, caplog):
    added = install.add(checkpoint_file)

    assert checkpoint_file.exists()
    assert find_weights("auto") == added
    assert not added.is_known()
    assert added.record().source_sha256 == Weights("", checkpoint_file).sha256()
    assert "hash" in caplog.text
    assert install.verify(added).state == "warning"
    assert home == added.path.parent


def test_adding_the_same_file_twice_is_no_error_and_another_needs_force(checkpoint_file, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file(read_checkpoint(checkpoint_file), other)
    install.add(checkpoint_file)

    install.add(checkpoint_file)
    with pytest.raises(WeightsError, match="--force"):
        install.add(other)
    install.add(other, force=True)

    assert find_weights("auto").record().source_sha256 == Weights("", other).sha256()


def test_the_published_networks_names_and_shapes_are_recognized(seeded_state, tmp_path):
    halves = {k: v.half() if v.is_floating_point() else v for k, v in seeded_state.items()}
    torch.save(halves, tmp_path / "SGHM-ResNet50.pth")

    added = install.add(tmp_path / "SGHM-ResNet50.pth")

    assert added.name == "sghm-resnet50"
    assert load_file(added.path).keys() == seeded_state.keys()
    with pytest.raises(WeightsError, match="--model"):
        install.add(shipped().path)


def test_an_installed_file_that_rots_is_noticed(checkpoint_file):
    path = install.add(checkpoint_file).path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    verdict = install.verify(find_weights("auto"))

    assert verdict.state == "bad"
    assert "changed" in verdict.says


def test_an_installed_file_that_was_cut_is_noticed(checkpoint_file):
    path = install.add(checkpoint_file).path
    os.truncate(path, 1000)

    assert install.verify(find_weights("auto")).state == "bad"


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_not_added(content, tmp_path):
    (tmp_path / "SGHM-ResNet50.pth").write_bytes(content)

    with pytest.raises(WeightsError):
        install.add(tmp_path / "SGHM-ResNet50.pth")

    assert find_weights("auto") == shipped()


def test_a_file_that_is_not_there_is_not_added(tmp_path):
    with pytest.raises(WeightsError, match="No such file"):
        install.add(tmp_path / "nowhere.pth")


def test_what_is_missing_is_said_with_what_to_type(home):
    with pytest.raises(WeightsError) as failure:
        find_weights("sghm-resnet50")

    said = str(failure.value)
    assert "sghm weights fetch sghm-resnet50" in said
    assert "sghm weights add" in said
    assert "drive.google.com" in said
    assert str(home) in said


def test_a_fetch_that_fails_says_how_it_is_done_by_hand(monkeypatch):
    with serving(b"x", server.failing(404)) as web:
        pretend(monkeypatch, published(b"x", web))
        with pytest.raises(DownloadError, match=r"404.*by hand.*drive\.google\.com"):
            install.fetch("sghm-resnet50", patience=HASTY)


@pytest.mark.parametrize(("model", "said"), [("sghm-lite", "comes with"), ("nope", "known is")])
def test_only_published_models_are_fetched(model, said):
    with pytest.raises(WeightsError, match=said):
        install.fetch(model)


def test_a_disk_without_room_is_refused_before_anything_is_fetched(monkeypatch):
    usage = shutil.disk_usage(Path.cwd())._replace(free=10_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    with pytest.raises(WeightsError, match=r"10 MB free, and 353 MB.*SGHM_HOME"):
        install.fetch("sghm-resnet50")


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_disk_that_fills_up_leaves_what_was_installed(home, checkpoint_file):
    import resource

    path = install.add(checkpoint_file).path
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(WeightsError, match="can't be written"):
            install.add(checkpoint_file, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert path.read_bytes() == before
    assert {each.name for each in home.iterdir()} == {".lock", path.name}


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_home_that_cannot_be_written_is_named_with_the_way_out(number, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(WeightsError, match=rf"{os.strerror(number)}.*SGHM_HOME"):
        install.fetch("sghm-resnet50")


def test_a_home_below_a_file_is_refused_for_writing_and_empty_for_reading(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SGHM_HOME", str(tmp_path / "file" / "home"))

    assert find_weights("auto") == shipped()
    with pytest.raises(WeightsError, match="can't be written"):
        install.fetch("sghm-resnet50")


TWO_AT_ONCE = """
import sys
from dataclasses import replace
from sghm_vs.models import install, weights
path, address = sys.argv[1:]
known = weights.CHECKPOINTS.pop("sghm-resnet50")
shipped = weights.Weights("", weights.Path(path))
install.SHIPPED_MODEL = None
weights.CHECKPOINTS["sghm-lite"] = replace(known, model="sghm-lite", file="lite.safetensors",
    size=shipped.path.stat().st_size, sha256=shipped.sha256(), addresses=(address,))
print(install.fetch("sghm-lite").path)
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_of_the_shipped_weights_is_kept_by_its_name(version):
    kept = find_weights(version)

    assert kept.name == version
    assert kept.is_known()
    assert version_of(kept.sha256()) == version


def test_the_model_without_a_version_is_the_current_one():
    assert find_weights("sghm-lite") == find_weights(CURRENT_VERSION)


def test_a_version_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(WeightsError, match="sghm-lite@9"):
        find_weights("sghm-lite@1")


@pytest.mark.slow
def test_two_processes_that_fetch_at_once_ask_once_and_both_have_it(home):
    """On a shipped file, which is small, under the published one's rules."""
    path = shipped("sghm-lite@9").path
    with serving(path.read_bytes(), server.slowly, server.whole) as web:
        command = [sys.executable, "-c", TWO_AT_ONCE, str(path), web.address]
        both = [
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in "ab"
        ]
        said = [process.communicate(timeout=300)[0] for process in both]

    installed = home / "sghm-lite.safetensors"
    assert [process.returncode for process in both] == [0, 0]
    assert said == [f"{installed}\n"] * 2
    assert len(web.asked) == 1
    assert load_file(installed).keys() == load_file(path).keys()


def test_the_filter_fetches_what_is_missing_when_it_may(checkpoint_file, monkeypatch, capfd):
    payload = checkpoint_file.read_bytes()
    clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1)
    with pytest.raises(vs.Error, match="sghm: sghm-resnet50 is not installed"):
        sghm(clip, -1, "sghm-resnet50")
    with serving(payload, server.whole) as web:
        pretend(monkeypatch, published(payload, web))

        alpha = sghm(clip, -1, "sghm-resnet50", auto_download=True)

    assert alpha.get_frame(0).width == 64
    assert capfd.readouterr().out == ""


def test_auto_never_touches_the_network(monkeypatch):
    monkeypatch.setattr(install, "download", lambda *_, **__: pytest.fail("it fetched"))

    assert install.find_or_fetch("auto") == shipped()
    assert install.find_or_fetch("sghm-lite") == shipped()


def test_the_home_is_the_platforms_unless_it_is_chosen(monkeypatch, tmp_path):
    monkeypatch.delenv("SGHM_HOME", raising=False)
    assert weights.home_folder().name == "sghm-vs"

    monkeypatch.setenv("SGHM_HOME", str(tmp_path))
    assert weights.home_folder() == tmp_path


def test_the_table_beside_the_weights_says_what_the_program_knows():
    text = (ROOT / "weights" / "README.md").read_text()

    for checkpoint in CHECKPOINTS.values():
        facts = checkpoint.model, checkpoint.file, f"{checkpoint.size:,}", checkpoint.sha256
        links = (*checkpoint.addresses, *checkpoint.by_hand)
        assert all(fact in text for fact in (*facts, *links, checkpoint.license))


def test_the_command_line_lists_adds_and_verifies(home, checkpoint_file, tmp_path, capsys):
    elsewhere = ["--home", str(tmp_path / "elsewhere")]
    assert main(["weights", "list"]) == 0
    assert "type: sghm weights fetch sghm-resnet50" in capsys.readouterr().out

    assert main(["weights", "add", str(checkpoint_file), *elsewhere]) == 0
    assert main(["weights", "list", "--json", *elsewhere]) == 0
    out = capsys.readouterr().out
    path, listed = out.split("\n", 1)
    assert Path(path).parent == tmp_path / "elsewhere"
    assert json.loads(listed)[1]["state"] == "installed, of unknown hash"
    assert not home.exists()

    assert main(["weights", "verify", "--json", *elsewhere]) == 0
    states = [item["state"] for item in json.loads(capsys.readouterr().out)]
    assert states == ["ok", "warning"]


def test_verify_of_a_broken_file_is_exit_code_1(tmp_path, capsys):
    (tmp_path / "x.pth").write_bytes(b"x")

    assert main(["weights", "verify", str(tmp_path / "x.pth")]) == 1

    assert capsys.readouterr().out.startswith("bad")


def test_the_command_line_fetches_with_progress_on_stderr(
    home, checkpoint_file, monkeypatch, capsys
):
    payload = checkpoint_file.read_bytes()
    with serving(payload, server.whole) as web:
        pretend(monkeypatch, published(payload, web))

        assert main(["weights", "fetch"]) == 0

    said = capsys.readouterr()
    assert said.out == f"{home / 'sghm-resnet50.safetensors'}\n"
    assert "MB" in said.err
