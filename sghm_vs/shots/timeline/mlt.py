"""A project for MLT, the engine of Kdenlive and Shotcut: plates, and mattes over a background."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from sghm_vs.errors import ExportError
from sghm_vs.files import whole_file
from sghm_vs.shots.timeline.annotations import annotation
from sghm_vs.shots.timeline.media_names import local_path

COMPOSITE = "affine"
"""Of MLT's transitions it keeps the alpha of every codec we write; `qtblend` and `composite` lose
that of ProRes 4444 (MLT 7.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The picture of a project."""

    width: int
    height: int
    rate: Fraction
    background: str = "black"
    """A name, or #rrggbb."""


def write_mlt(timeline: otio.schema.Timeline, profile: Profile, path: Path) -> None:
    """
    Write `timeline`, whose clips are movies, as a project.

    The tracks of mattes are laid over the background. Those of plates are there, and hidden: over
    its own plate a matte shows nothing new.

    Args:
        timeline: With tracks of mattes; see `sghm_vs.shots.timeline.write`.
        profile: The picture.
        path: The file.

    Raises:
        ExportError: A clip is no movie, or nested.
    """
    project = _Project(profile, path)
    for track in timeline.tracks:
        if track.kind == otio.schema.TrackKind.Video:
            project.add_track(track)
    with whole_file(path) as part:
        part.write_bytes(project.to_xml())


class _Project:
    def __init__(self, profile: Profile, path: Path) -> None:
        self._profile = profile
        self._path = path
        self._root = ET.Element("mlt", {"LC_NUMERIC": "C", "producer": "background"})
        self._playlists: list[tuple[str, bool]] = []
        self._producers: dict[Path, str] = {}
        self._length = 0
        self._add_profile()

    def add_track(self, track: otio.schema.Track) -> None:
        """Add a playlist with the clips of `track`."""
        entries = [entry for child in track if (entry := self._entry(child)) is not None]
        name = f"playlist{len(self._playlists)}"
        playlist = ET.SubElement(self._root, "playlist", {"id": name})
        _property(playlist, "kdenlive:track_name", track.name)
        playlist.extend(entries)
        self._playlists.append((name, bool(annotation(track, "mattes_of"))))
        self._length = max(self._length, self._frames(track.duration()))

    def to_xml(self) -> bytes:
        """Return the project, with what joins its tracks."""
        background = ET.Element("producer", {"id": "background", "out": str(self._length - 1)})
        _property(background, "mlt_service", "color")
        _property(background, "resource", self._profile.background)
        _property(background, "length", str(self._length))
        self._root.insert(1, background)
        tractor = ET.SubElement(self._root, "tractor", {"id": "edit"})
        ET.SubElement(tractor, "track", {"producer": "background"})
        for number, (name, is_mattes) in enumerate(self._playlists, start=1):
            hidden = {} if is_mattes else {"hide": "both"}
            ET.SubElement(tractor, "track", {"producer": name, **hidden})
            if is_mattes:
                self._join(tractor, number)
        ET.indent(self._root)
        content: bytes = ET.tostring(self._root, encoding="utf-8", xml_declaration=True)
        return content

    def _add_profile(self) -> None:
        said = {
            "width": self._profile.width,
            "height": self._profile.height,
            "frame_rate_num": self._profile.rate.numerator,
            "frame_rate_den": self._profile.rate.denominator,
            "progressive": 1,
            "sample_aspect_num": 1,
            "sample_aspect_den": 1,
            "display_aspect_num": self._profile.width,
            "display_aspect_den": self._profile.height,
            "colorspace": 709,
        }
        ET.SubElement(self._root, "profile", {key: str(value) for key, value in said.items()})

    def _entry(self, child: otio.core.Composable) -> ET.Element | None:
        if isinstance(child, otio.schema.Transition):
            return None
        if isinstance(child, otio.schema.Gap):
            return ET.Element("blank", {"length": str(self._frames(child.duration()))})
        if not isinstance(child, otio.schema.Clip):
            msg = f"{self._path} can't hold this edit: {child.name!r} is nested"
            raise ExportError(msg)
        return self._clip_entry(child)

    def _clip_entry(self, clip: otio.schema.Clip) -> ET.Element:
        reference = clip.media_reference
        movie = local_path(getattr(reference, "target_url", "") or "")
        if movie is None or reference.available_range is None:
            length = self._frames(clip.trimmed_range().duration)
            return ET.Element("blank", {"length": str(length)})
        first = self._frames(clip.source_range.start_time - reference.available_range.start_time)
        last = first + self._frames(clip.source_range.duration) - 1
        producer = self._producer(movie)
        return ET.Element("entry", {"producer": producer, "in": str(first), "out": str(last)})

    def _producer(self, movie: Path) -> str:
        if movie not in self._producers:
            name = f"movie{len(self._producers)}"
            # Before all playlists: what refers to it must come later.
            producer = ET.Element("producer", {"id": name})
            _property(producer, "mlt_service", "avformat")
            _property(producer, "resource", str(movie))
            self._root.insert(1, producer)
            self._producers[movie] = name
        return self._producers[movie]

    def _join(self, tractor: ET.Element, track: int) -> None:
        transition = ET.SubElement(tractor, "transition")
        said = {
            "a_track": 0,
            "b_track": track,
            "mlt_service": COMPOSITE,
            "transition.rect": "0 0 100% 100% 1",
            "transition.fill": 1,
            "transition.distort": 1,
            "always_active": 1,
            "progressive": 1,
        }
        for name, value in said.items():
            _property(transition, name, str(value))

    def _frames(self, time: otio.opentime.RationalTime) -> int:
        frames: float = time.rescaled_to(float(self._profile.rate)).value
        return round(frames)


def _property(element: ET.Element, name: str, value: str) -> None:
    ET.SubElement(element, "property", {"name": name}).text = value
