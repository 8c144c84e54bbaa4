"""
Put an edit of plates and mattes into Blender's sequencer.

    blender --python blender_sequencer.py -- cut_mattes.otio
    blender --background --python blender_sequencer.py -- cut_mattes.otio --save cut.blend

Runs in Blender (3.4 or later), in its own Python, and reads the .otio of `sghm timeline`, whose
clips are movies. Plates lie on channel 2 and up, each track of mattes above its own with straight
alpha, "Alpha Over". `--mute-plates` shows the mattes alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import bpy

FIRST_FRAME = 1
FIRST_CHANNEL = 2
"""The one below is left for a background."""


def main() -> None:
    """Read the command line after "--", and fill the scene."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    parser = argparse.ArgumentParser(prog="blender --python blender_sequencer.py --")
    parser.add_argument("edit", type=Path, help="cut_mattes.otio")
    parser.add_argument("--save", type=Path, help="a .blend to write")
    parser.add_argument("--mute-plates", action="store_true", help="show the mattes alone")
    args = parser.parse_args(words)
    edit = json.loads(args.edit.read_text(encoding="utf-8"))
    fill(bpy.context.scene, edit, mute_plates=args.mute_plates)
    if args.save is not None:
        bpy.ops.wm.save_as_mainfile(filepath=str(args.save.resolve()))


def fill(scene: Any, edit: dict[str, Any], *, mute_plates: bool) -> None:
    """Put the tracks of `edit` into the sequencer of `scene`, each on a channel."""
    editor = scene.sequence_editor_create()
    # Blender 4.4 calls them strips.
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    tracks = [track for track in edit["tracks"]["children"] if track["kind"] == "Video"]
    end, rate = 0, 0.0
    for channel, track in enumerate(tracks, start=FIRST_CHANNEL):
        is_mattes = "sghm_vs" in track.get("metadata", {})
        at = 0
        for clip in track["children"]:
            length = duration_of(clip)
            rate = rate or rate_of(clip)
            strip = add_clip(strips, clip, channel, FIRST_FRAME + at)
            if strip is not None:
                strip.mute = mute_plates and not is_mattes
            at += length
        end = max(end, at)
    scene.frame_start, scene.frame_end = FIRST_FRAME, FIRST_FRAME + max(end, 1) - 1
    set_rate(scene, rate)


def add_clip(strips: Any, clip: dict[str, Any], channel: int, at: int) -> Any:
    """Add `clip` on `channel` from the scene's frame `at`; return None if it shows no movie."""
    reference = media_of(clip)
    url = reference.get("target_url")
    available = reference.get("available_range")
    if not url or available is None:
        return None
    start = clip["source_range"]["start_time"]["value"] - available["start_time"]["value"]
    first = round(start)
    strip = strips.new_movie(clip["name"], path_of(url), channel, at - first)
    strip.frame_offset_start = first
    strip.frame_final_end = at + duration_of(clip)
    strip.alpha_mode = "STRAIGHT"
    strip.blend_type = "ALPHA_OVER"
    return strip


def media_of(clip: dict[str, Any]) -> dict[str, Any]:
    """Return the reference of `clip` to its media, in either form that OpenTimelineIO writes."""
    found = clip.get("media_reference")
    if found is None:
        named = clip.get("media_references") or {}
        found = named.get(clip.get("active_media_reference_key", "DEFAULT_MEDIA"))
    return found or {}


def duration_of(child: dict[str, Any]) -> int:
    """Return how many frames `child` lasts; a transition lasts none of its own."""
    times = child.get("source_range")
    return 0 if times is None else round(times["duration"]["value"])


def rate_of(child: dict[str, Any]) -> float:
    """Return the frames per second of `child`; 0 if it doesn't say."""
    times = child.get("source_range")
    return 0.0 if times is None else float(times["duration"]["rate"])


def set_rate(scene: Any, rate: float) -> None:
    """Give `scene` this rate: Blender has whole ones, and what they are divided by."""
    if rate > 0:
        scene.render.fps = round(rate)
        scene.render.fps_base = round(rate) / rate


def path_of(url: str) -> str:
    """Return the file that `url` names."""
    return unquote(urlsplit(url).path) if "://" in url else url


main()
