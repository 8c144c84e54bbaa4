"""The package as others get it: a wheel, light imports, documents that tell the truth."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from argparse import ArgumentParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from sghm_vs import __version__
from sghm_vs.cli import build_parser
from sghm_vs.errors import MissingPackageError, require

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """A source distribution, and the wheel that is built from it alone."""
    folder = tmp_path_factory.mktemp("dist")
    build = ["uv", "build", "--quiet", "--no-create-gitignore", "--out-dir", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.mark.slow
def test_an_index_would_take_the_package(dist):
    files = sorted(map(str, dist.iterdir()))

    run = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files],
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(files) == 2
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("PASSED") == 2


def test_the_wheel_holds_the_package_and_its_model_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"sghm_vs"}
    assert "sghm_vs/models/sghm-lite.safetensors" in names
    assert {f"sghm_vs/models/sghm-lite-{n}.safetensors" for n in (9, 10)} <= set(names)
    assert "sghm_vs/models/MODEL_CARD.md" in names
    assert "sghm_vs/py.typed" in names


@pytest.mark.slow
def test_the_wheel_works_where_it_is_installed(wheel, tmp_path):
    """Unpacked elsewhere and first on the path: its own model is found, not the checkout's."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = (
        "import sghm_vs, vapoursynth as vs\n"
        "from sghm_vs.models.weights import find_weights\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1)\n"
        "sghm_vs.sghm(clip, -1).get_frame(0)\n"
        "print(sghm_vs.__file__, find_weights('auto').path)\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "PYTHONPATH": str(tmp_path / "site"),
            "PATH": "/usr/bin:/bin",
            "SGHM_HOME": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert all(part.startswith(str(tmp_path)) for part in run.stdout.split())


def test_importing_the_package_loads_neither_torch_nor_vapoursynth():
    script = (
        "import sys, sghm_vs, sghm_vs.cli\n"
        "heavy = {'torch', 'vapoursynth', 'cv2', 'numpy', 'av', 'OpenEXR', 'platformdirs',\n"
        "         'http.client', 'urllib.request', 'filelock', 'PyOpenColorIO'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert run.returncode == 0, run.stderr.decode()


REFUSALS = {
    "the footage is missing": ["matte", "nowhere.mov", "-o", "a.mov"],
    "the output exists": ["matte", "plate.png", "-o", "made.mkv"],
    "the model is unknown": ["matte", "plate.png", "-o", "a.mkv", "--model", "unknown"],
    "the model is unknown to stills": [
        "matte", "--stills", "plate.png", "-o", "{name}.exr", "--model", "unknown"
    ],
    "a review has nothing behind it": ["matte", "plate.png", "-o", "a.mp4"],
    "the ending is unknown": ["matte", "plate.png", "-o", "a.avi"],
    "the footage of a batch is missing": ["batch", "nowhere.mov", "-o", "mattes"],
    "the public set is missing": ["eval", "--set", "p3m", "nowhere"],
    "the plan is missing": ["farm", "make", "nowhere.json"],
}  # fmt: skip


def test_a_refusal_that_needs_no_network_loads_no_torch(tmp_path):
    """All in one process: the first that loads it is named."""
    cv2.imwrite(str(tmp_path / "plate.png"), np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "made.mkv").touch()
    script = (
        "import sys\n"
        "from sghm_vs.cli import main\n"
        f"for which, words in {REFUSALS!r}.items():\n"
        "    assert main(words) == 1, which\n"
        "    assert not {'torch', 'torchvision'} & set(sys.modules), which\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False
    )

    assert run.returncode == 0, run.stderr.decode()


@pytest.mark.slow
def test_both_networks_are_built_without_torchvision():
    script = (
        "import sys\n"
        "sys.modules['torchvision'] = None\n"
        "from sghm_vs.filter import sghm\n"
        "from sghm_vs.models.checkpoint import ARCHITECTURES\n"
        "networks = [row.build() for row in ARCHITECTURES.values()]\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert run.returncode == 0, run.stderr.decode()


def test_the_version_is_the_changelogs_newest():
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == __version__


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def parser() -> ArgumentParser:
    return build_parser()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_in_the_documents_parses(parser, page):
    """A command is a line of a block, up to a comment or to where its results go."""
    for line in re.findall(
        r"^    (?:\$ )?(sghm [a-z].*)$", page.read_text(encoding="utf-8"), re.MULTILINE
    ):
        words = shlex.split(re.split(r" [#>|] ", line)[0])[1:]
        parser.parse_args(words)


def test_the_readme_and_the_map_are_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 110
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 120


def test_every_link_in_the_documents_leads_to_a_file():
    broken = [
        f"{page.name}: {link}"
        for page in [*PAGES, *ROOT.glob("*.md"), *(ROOT / "docs/decisions").glob("*.md")]
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]

    assert not broken


def test_every_script_in_the_readme_compiles():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    assert blocks
    for block in blocks:
        ast.parse(block)


def test_the_readme_and_ci_call_the_same_test_command():
    command = "uv run pytest"

    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci/run").read_text()


def test_every_module_is_on_the_architectures_map():
    rooms: dict[str, str] = {}
    room = ""
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        if match := re.match(r"    ([a-z/]+/) +(.*)", line):
            room = match[1]
        rooms[room] = rooms.get(room, "") + " " + line
    modules = [
        path.relative_to(ROOT / "sghm_vs")
        for path in (ROOT / "sghm_vs").rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    ]

    missing = [
        module.as_posix()
        for module in modules
        if not re.search(rf"\b{module.stem}\b", rooms.get(f"{module.parent.as_posix()}/", ""))
        and f"`{module.stem}`" not in rooms["color/"]
    ]
    assert not missing


def test_nine_folders_and_five_modules_stand_at_the_top():
    top = [path for path in (ROOT / "sghm_vs").iterdir() if path.name != "__pycache__"]

    assert len([path for path in top if path.is_dir()]) == 9
    assert {path.name for path in top if path.is_file()} == {
        "__init__.py", "__main__.py", "clips.py", "errors.py", "files.py", "options.py",
        "progress.py", "py.typed",
    }  # fmt: skip


def test_vsrepo_takes_its_entry():
    """By what vsrupdate.py of vapoursynth/vsrepo verifies."""
    entry = json.loads((ROOT / "packaging/vsrepo.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert entry["pypiname"] == project["name"]
    assert entry["wheelname"] == entry["modulename"] == "sghm_vs"
    assert entry["type"] == "PyWheel"
    assert entry["category"] in {"Other", "Scripts"}
    assert {*entry["device"]} <= {"cpu", "gpu", "cuda", "opencl", "vulkan", "hip", "sycl"}
    assert entry.keys() <= {
        "name", "type", "device", "api", "description", "website", "category", "identifier",
        "modulename", "wheelname", "namespace", "github", "doom9", "dependencies", "ignore",
        "releases", "updatemode", "gitbranch", "pypiname",
    }  # fmt: skip


def test_vapourkits_filter_makes_the_alpha_of_a_clip_such_as_its_own():
    """By what its generated scripts give a filter's code: `clip`, integers of 16 bits."""
    import vapoursynth as vs

    found = tomllib.loads((ROOT / "packaging/sghm.vkfilter").read_text(encoding="utf-8"))
    blank = vs.core.std.BlankClip(format=vs.YUV420P16, width=96, height=64, length=5)
    clip = blank.std.SetFrameProps(_Matrix=1, _Transfer=1, _Primaries=1, _Range=0)
    scope = {"vs": vs, "core": vs.core, "clip": clip}

    exec(found["code"], scope)  # noqa: S102 - as vapourkit does

    assert found.keys() == {"name", "category", "description", "code", "metadata"}
    assert (scope["clip"].format.id, scope["clip"].num_frames) == (vs.GRAY16, 5)
    for n in (0, 4):
        scope["clip"].get_frame(n).close()


@pytest.mark.parametrize(
    "call",
    [
        "main(['timeline', 'a.edl', '-o', 'out'])",
        "main(['farm', 'plan', 'a.edl', '-o', 'plan.json'])",
    ],
)
def test_where_opentimelineio_is_missing_edits_say_what_to_type(tmp_path, call):
    script = (
        "import importlib.util as util, sys\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: (\n"
        "    None if name == 'opentimelineio' else find(name, *rest))\n"
        "from sghm_vs.cli import main\n"
        f"sys.exit({call})\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert run.returncode == 1
    assert "edits need opentimelineio" in run.stderr
    assert "uv venv --python 3.13" in run.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'ray'"), "pip install 'sghm-vs[farm]'"),
        (ImportError("DLL load failed while importing _raylet"), "_raylet; look with: sghm doctor"),
    ],
)
def test_a_library_that_is_missing_and_one_that_is_broken_are_told_apart(monkeypatch, error, said):
    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr("sghm_vs.errors.importlib.import_module", fail)

    with pytest.raises(MissingPackageError) as refused:
        require("ray", extra="farm", purpose="sghm farm run")
    assert said in str(refused.value)


def test_no_file_pins_a_package_index():
    tracked = subprocess.run(
        [shutil.which("git"), "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()

    assert "uv.lock" not in tracked


def test_each_dependency_has_a_lower_bound():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert all(">=" in requirement for requirement in project["dependencies"])


def test_the_citation_has_the_same_version():
    said = re.search(r"^version: (\S+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)

    assert said is not None
    assert said[1] == __version__


def test_the_page_on_installing_has_every_extra_with_its_size():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs/install.md").read_text()

    for extra in project["optional-dependencies"]:
        assert f"| `{extra}` |" in page, "say what it is for"
        assert f"| [{extra}] |" in page, "MB, by python -m benchmarks install"
