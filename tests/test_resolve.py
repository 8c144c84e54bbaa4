"""The script for DaVinci Resolve, driven by a fake whose methods are those of Resolve's stubs."""

import ast
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sghm_vs.cli import main
from sghm_vs.hosts import script
from tests.standin import write_movie


class MediaPoolItem:
    def __init__(self, path: str) -> None:
        self.path = path

    def GetClipProperty(self, propertyName):
        assert propertyName == "File Path"
        return self.path


class TimelineItem:
    def __init__(self, media: MediaPoolItem | None, start: int, first: int, last: int) -> None:
        self.media, self.start, self.first, self.last = media, start, first, last

    def GetMediaPoolItem(self):
        return self.media

    def GetStart(self, subframe_precision):
        return float(self.start) if subframe_precision else self.start

    def GetSourceStartFrame(self):
        return self.first

    def GetSourceEndFrame(self):
        return self.last


class Timeline:
    def __init__(self, tracks: list[list[TimelineItem]]) -> None:
        self.tracks, self.names, self.current = tracks, {}, None

    def GetTrackCount(self, trackType):
        return len(self.tracks) if trackType == "video" else 0

    def GetItemListInTrack(self, trackType, index):
        return self.tracks[index - 1]

    def GetCurrentVideoItem(self):
        return self.current

    def AddTrack(self, trackType, newTrackOptions):
        self.tracks.append([])
        return True

    def SetTrackName(self, trackType, trackIndex, name):
        self.names[trackIndex] = name
        return True


class MediaPool:
    def __init__(self) -> None:
        self.selected: list[MediaPoolItem] = []
        self.laid: list[dict[str, object]] = []

    def GetSelectedClips(self):
        return self.selected

    def ImportMedia(self, items):
        return [MediaPoolItem(item) for item in items]

    def AppendToTimeline(self, clipInfo):
        self.laid += clipInfo
        return []


class Project:
    def __init__(self, timeline: Timeline | None) -> None:
        self.timeline, self.pool = timeline, MediaPool()

    def GetCurrentTimeline(self):
        return self.timeline

    def GetMediaPool(self):
        return self.pool


class ProjectManager:
    def __init__(self, project: Project) -> None:
        self.project = project

    def GetCurrentProject(self):
        return self.project


class Resolve:
    def __init__(self, project: Project) -> None:
        self.manager = ProjectManager(project)

    def GetProjectManager(self):
        return self.manager


FAKES = (MediaPoolItem, TimelineItem, Timeline, MediaPool, Project, ProjectManager, Resolve)


@pytest.fixture
def mattes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, and a command line that needs no network."""
    command = tmp_path / "sghm"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m tests.standin "$@" --to {{shot}}.mkv\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("SGHM", str(command))
    spec = importlib.util.spec_from_file_location("resolve_mattes", script("resolve"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("fake", FAKES, ids=lambda fake: fake.__name__)
def test_the_fakes_methods_are_a_subset_of_resolves_with_the_same_arguments(fake):
    files = importlib.metadata.files("fusionscript-stubs")
    text = next(file for file in files if file.name == "fusionscript.pyi").read_text()
    stubs = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    known: dict[str, list[list[str]]] = {}
    for node in stubs[fake.__name__].body:
        if isinstance(node, ast.FunctionDef):
            known.setdefault(node.name, []).append([arg.arg for arg in node.args.args])

    methods = {name: method for name, method in vars(fake).items() if name[0].isupper()}

    assert methods
    for name, method in methods.items():
        code = method.__code__
        assert list(code.co_varnames[: code.co_argcount]) in known[name]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="runs a shell script")
def test_clips_of_selected_media_get_their_mattes_on_a_new_track_at_the_same_place(
    mattes, tmp_path
):
    a, b = (MediaPoolItem(str(write_movie(tmp_path / f"{n}.mkv", 20))) for n in "ab")
    title = TimelineItem(None, 86450, 0, 9)
    items = [
        TimelineItem(a, 86400, 4, 7),
        TimelineItem(b, 86404, 0, 3),
        TimelineItem(a, 86408, 9, 9),
    ]
    timeline = Timeline([[*items[:2], title], items[2:]])
    project = Project(timeline)
    project.pool.selected = [a]

    assert mattes.main(Resolve(project)) == 2

    folder = tmp_path / "sghm_mattes"
    laid = [(info["recordFrame"], info["startFrame"], info["endFrame"], info["trackIndex"])
            for info in project.pool.laid]  # fmt: skip
    assert laid == [(86400, 0, 3, 3), (86408, 0, 0, 3)]
    assert timeline.names == {3: "sghm mattes"}
    paths = [Path(info["mediaPoolItem"].path) for info in project.pool.laid]
    assert all(path.parent == folder and path.is_file() for path in paths)
    assert paths[0] != paths[1]


def test_without_a_selection_it_is_the_clip_under_the_playhead(mattes):
    timeline, pool = Timeline([[]]), MediaPool()
    timeline.current = TimelineItem(MediaPoolItem("/a.mov"), 0, 0, 1)

    assert mattes.chosen_items(timeline, pool) == [timeline.current]


@pytest.mark.parametrize("timeline", [None, Timeline([[TimelineItem(None, 0, 0, 1)]])])
def test_where_there_is_nothing_to_matte_it_says_so_in_the_console(mattes, timeline, capsys):
    mattes.run(Resolve(Project(timeline)))

    assert "select" in capsys.readouterr().err


def test_the_command_line_puts_the_script_where_it_is_told(tmp_path):
    assert main(["hosts", "install", "resolve", "--to", str(tmp_path / "Utility")]) == 0

    installed = tmp_path / "Utility" / "resolve_mattes.py"
    assert installed.read_bytes() == script("resolve").read_bytes()
