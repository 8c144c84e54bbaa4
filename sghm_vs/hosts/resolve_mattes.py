"""
Matte clips of DaVinci Resolve's timeline, and lay the mattes over their plates.

Workspace > Scripts > resolve_mattes. Takes the clips of the timeline whose media are selected in
the media pool, else the clip under the playhead; movies, no sequences. They are matted by
`sghm batch` into a folder `sghm_mattes` beside the first one's media, imported, and laid on a new
video track at the same record frames. SGHM names the command, if `sghm` isn't on PATH.

Follows Blackmagic's documentation of its scripting API. Runs in Resolve's own Python.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusionscript import MediaPool, MediaPoolItem, Resolve, Timeline, TimelineItem

TRACK = "sghm mattes"
FOLDER = "sghm_mattes"
LIST = "resolve.csv"
VIDEO = 1
"""`mediaType` of AppendToTimeline."""


class NothingToDo(Exception):  # noqa: N818 - it is no error
    """Why there is nothing to matte; the message is for the user."""


def main(resolve: Resolve) -> int:
    """Matte what is chosen in the open timeline, and return how many clips were laid over it."""
    project = resolve.GetProjectManager().GetCurrentProject()
    timeline = project.GetCurrentTimeline()
    if timeline is None:
        raise NothingToDo("no timeline is open; open one, and select clips in the media pool")
    pool = project.GetMediaPool()
    items = chosen_items(timeline, pool)
    folder = folder_for(items)
    mattes = matte(items, folder)
    return lay(items, mattes, timeline, pool)


def chosen_items(timeline: Timeline, pool: MediaPool) -> list[TimelineItem]:
    """Return the video clips whose media are selected, else the one under the playhead."""
    selected = {path_of(media) for media in pool.GetSelectedClips() or []}
    tracks = range(1, timeline.GetTrackCount("video") + 1)
    every = [item for at in tracks for item in timeline.GetItemListInTrack("video", at) or []]
    items = [item for item in every if media_path(item) in selected - {""}]
    current: TimelineItem | None = timeline.GetCurrentVideoItem()
    if not items and current is not None and media_path(current):
        items = [current]
    if not items:
        raise NothingToDo(
            "select media of the timeline in the media pool, or put the playhead on a clip"
        )
    return items


def media_path(item: TimelineItem) -> str:
    """Return the file that `item` shows; nothing for titles and generators."""
    media: MediaPoolItem | None = item.GetMediaPoolItem()
    return "" if media is None else path_of(media)


def path_of(media: MediaPoolItem) -> str:
    """Return the file of a media pool item."""
    return str(media.GetClipProperty("File Path") or "")


def folder_for(items: list[TimelineItem]) -> Path:
    """Return where the mattes go."""
    return Path(media_path(items[0])).parent / FOLDER


def matte(items: list[TimelineItem], folder: Path) -> list[str]:
    """Matte `items` into `folder` by the command line; return the movies, in order."""
    folder.mkdir(exist_ok=True)
    rows = [
        [media_path(item), f"{item.GetSourceStartFrame()}-{item.GetSourceEndFrame()}"]
        for item in items
    ]
    with (folder / LIST).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["source", "frames"], *rows])
    command = [*sghm(), "batch", str(folder / LIST), "-o", str(folder), "--resume", "--json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if run.returncode not in (0, 1) or not run.stdout.strip():
        raise NothingToDo("sghm ended without a matte; its words are in the console")
    found = json.loads(run.stdout)
    for reason in found.get("failed", {}).values():
        print("sghm:", reason)  # noqa: T201 - Resolve's console is where its user looks
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    done = {shot["key"]: shot["outputs"][0] for shot in manifest["shots"] if shot["checksums"]}
    keys = [f"{path} {frames}" for path, frames in rows]
    return [str(folder / done[key]) if key in done else "" for key in keys]


def sghm() -> list[str]:
    """Return how the command line is called."""
    found = os.environ.get("SGHM") or shutil.which("sghm")
    if not found:
        raise NothingToDo("sghm is not on PATH; set SGHM to its whole name, and start again")
    return [found]


def lay(items: list[TimelineItem], mattes: list[str], timeline: Timeline, pool: MediaPool) -> int:
    """Import `mattes`, and lay each over its plate on a new track; return how many there are."""
    movies = [movie for movie in dict.fromkeys(mattes) if movie]
    if not movies:
        raise NothingToDo("no matte was made; see above")
    imported = {path_of(media): media for media in pool.ImportMedia(movies) or []}
    timeline.AddTrack("video", {})
    track = timeline.GetTrackCount("video")
    timeline.SetTrackName("video", track, TRACK)
    infos = [
        {
            "mediaPoolItem": imported[movie],
            "startFrame": 0,
            "endFrame": item.GetSourceEndFrame() - item.GetSourceStartFrame(),
            "mediaType": VIDEO,
            "trackIndex": track,
            "recordFrame": item.GetStart(False),
        }
        for item, movie in zip(items, mattes)  # noqa: B905 - Resolve's Python may be 3.6
        if movie in imported
    ]
    pool.AppendToTimeline(infos)  # type: ignore[arg-type] # The stubs lack an @overload.
    return len(infos)


def run(resolve: Resolve) -> None:
    """Do the work, and say in the console how it went."""
    try:
        print(f"sghm: {main(resolve)} mattes are on track {TRACK}")  # noqa: T201
    except NothingToDo as reason:
        print("sghm:", reason, file=sys.stderr)  # noqa: T201


if "resolve" in globals():
    run(globals()["resolve"])  # Resolve puts itself there.
