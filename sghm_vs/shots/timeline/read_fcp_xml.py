"""
FCP 7 XML, mended before OpenTimelineIO's adapter reads it.

The adapter finds no tracks in nested sequences, takes the first element that has an id for all that
have it, and fails for the whole edit where one clip lacks something. So here references are filled
in, nests opened, and what can't be read is marked, clip by clip.
"""

from __future__ import annotations

import copy
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

import opentimelineio as otio

from sghm_vs.errors import SourceError
from sghm_vs.options import RATE_MAX
from sghm_vs.shots.timeline.annotations import CLIP_FRAMES, DROP, KEY, PROBLEM, UNREAD, annotate
from sghm_vs.shots.timeline.speeds import FCP_SPEED

XML_SUFFIX = ".xml"
ROOT = "xmeml"
CLIPS = ("clipitem", "generatoritem")
ITEMS = (*CLIPS, "transitionitem")
POINTS = ("in", "out")
NUMBERS = (*POINTS, "duration")
CLIPS_MAX = 200_000
"""Clips of an edit, its nests opened; more are a nest in a nest in a nest."""


def read_fcp_xml(path: Path) -> otio.core.SerializableObject:
    """
    Return what the adapter of OpenTimelineIO reads of the file, nests and all.

    Raises:
        SourceError: It is no FCP 7 XML.
    """
    try:
        root = ET.fromstring(path.read_bytes())  # noqa: S314 - expat limits what entities make
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; check its name"
        raise SourceError(msg) from None
    except (ET.ParseError, ValueError) as error:
        msg = f"{path} can't be read as an edit: it is no XML: {error}; export it anew"
        raise SourceError(msg) from None
    if root.tag != ROOT:
        msg = (
            f"{path} can't be read as an edit: it begins with <{root.tag}>, and FCP 7 XML with "
            f"<{ROOT}>; export Final Cut Pro 7 XML"
        )
        raise SourceError(msg)
    mender = _Mender(root)
    mender.mend()
    try:
        found = otio.adapters.read_from_string(ET.tostring(root, encoding="unicode"), "fcp_xml")
    except Exception as error:
        # The adapter raises whatever comes to it.
        msg = f"{path} can't be read as an edit: {error}; export Final Cut Pro 7 XML anew"
        raise SourceError(msg) from error
    for timeline in [found] if isinstance(found, otio.schema.Timeline) else list(found):
        _note(timeline, mender.unread)
    return found


class _Mender:
    """Mends the tree below `root` where it stands."""

    def __init__(self, root: ET.Element) -> None:
        self.unread: list[tuple[str, str]] = []
        self._root = root
        self._clips = 0
        self._whole: dict[tuple[str, str], ET.Element] = {}
        for element in root.iter():
            name = element.get("id")
            if name is not None and len(element):
                self._whole.setdefault((element.tag, name), element)
        self._sources = {key: copy.deepcopy(one) for key, one in self._whole.items()
                         if key[0] == "sequence"}  # fmt: skip

    def mend(self) -> None:
        """Open nests, fill references in, and mark what can't be read."""
        self._leave_out_nested_ones()
        for sequence in self._top():
            self._fill(sequence)
            self._mend_sequence(sequence, (sequence.get("id", ""),))
        for element in self._root.iter():
            element.attrib.pop("id", None)

    def _top(self) -> list[ET.Element]:
        return [*self._root.findall("./sequence"), *self._root.findall(".//children/sequence")]

    def _leave_out_nested_ones(self) -> None:
        """Keep, of sequences beside each other, those that no other one shows."""
        shown = {
            nest.get("id") for top in self._top() for nest in top.iterfind(".//clipitem/sequence")
        }
        tops = self._top()
        nested = [top for top in tops if top.get("id") is not None and top.get("id") in shown]
        if len(nested) == len(tops):
            return
        for parent in list(self._root.iter()):
            for top in nested:
                if top in list(parent) and parent.tag in (ROOT, "children"):
                    parent.remove(top)

    def _mend_sequence(self, sequence: ET.Element, within: Sequence[str]) -> None:
        _mend_times(sequence)
        for track in sequence.iterfind("./media/*/track"):
            for item in list(track):
                if item.tag in ITEMS:
                    self._mend_item(track, item, within)

    def _mend_item(self, track: ET.Element, item: ET.Element, within: Sequence[str]) -> None:
        self._fill(item)
        _mend_times(item)
        if not _is_placed(track, item):
            name = item.findtext("name") or item.tag
            track.remove(item)
            self.unread.append((name, "it doesn't say where it begins and ends"))
        elif item.tag == "transitionitem":
            _drop_odd_numbers(item)
            _default(item, "alignment", "center")
            _default(item, "effect")
        else:
            self._mend_clip(item, within)

    def _mend_clip(self, clip: ET.Element, within: Sequence[str]) -> None:
        self._clips += 1
        _mend_filters(clip)
        nest, file = clip.find("sequence"), clip.find("file")
        if file is not None:
            self._fill(file)
        odd = _drop_odd_numbers(clip)
        _mend_range(clip)
        if odd:
            _mark(clip, odd)
        elif nest is not None:
            self._open(clip, nest, within)
        elif file is not None:
            _mend_times(file)
        elif clip.tag == "generatoritem":
            if clip.find("effect[effecttype='generator']") is None:
                ET.SubElement(ET.SubElement(clip, "effect"), "effecttype").text = "generator"
        else:
            _mark(clip, "it names no file and no sequence")

    def _open(self, clip: ET.Element, nest: ET.Element, within: Sequence[str]) -> None:
        """Put the tracks of a nested sequence where the adapter looks for them."""
        name = nest.get("id", "")
        whole = self._sources.get(("sequence", name), nest)
        clip.remove(nest)
        if name in within and name:
            _mark(clip, "it is nested in itself")
        elif whole.find("media") is None:
            _mark(clip, f"the sequence that it nests ({name or 'without id'}) is not in the file")
        elif self._clips > CLIPS_MAX:
            _mark(clip, f"the edit has more than {CLIPS_MAX} clips, its nests opened")
        else:
            opened = copy.deepcopy(whole)
            _drop_odd_numbers(opened)
            self._mend_sequence(opened, (*within, name))
            for media in opened.findall("media"):
                opened.remove(media)
                opened.extend(media)
            clip.append(opened)

    def _fill(self, element: ET.Element) -> None:
        """Give an element that only refers to another one what that has."""
        whole = self._whole.get((element.tag, element.get("id", "")))
        if whole is not None and whole is not element and len(element) == 0:
            element.extend(copy.deepcopy(list(whole)))


def _is_placed(track: ET.Element, item: ET.Element) -> bool:
    """Tell whether start and end are numbers, or left to a transition that is there."""
    items = [one for one in track if one.tag in ITEMS]
    at = items.index(item)
    for word, beside in (("start", items[max(at - 1, 0) : at]), ("end", items[at + 1 : at + 2])):
        number = _whole_number(item, word)
        joins = item.tag in CLIPS and any(one.tag == "transitionitem" for one in beside)
        if number is None or (number < 0 and not joins):
            return False
    return True


def _whole_number(parent: ET.Element, tag: str) -> int | None:
    """Return the number in the child called `tag`, and write it so that it can be read."""
    child = parent.find(tag)
    try:
        number = round(float(child.text)) if child is not None and child.text else None
    except (ValueError, OverflowError):
        return None
    if number is not None and child is not None:
        child.text = str(number)
    return number


def _mend_range(clip: ET.Element) -> None:
    """Give a clip its in point, and say that one whose out point comes before it runs backward."""
    first, end = _whole_number(clip, "in"), _whole_number(clip, "out")
    if first is None or first < 0:
        first = 0
        _set(clip, "in", "0")
    if end is not None and 0 <= end < first:
        _set(clip, "in", str(end))
        _set(clip, "out", str(first))
        if not any(_is_speed(one) for one in clip.iterfind("filter/effect")):
            clip.append(_backward())
    frames = _whole_number(clip, "duration")
    if frames is not None:
        ET.SubElement(_default(clip, KEY), CLIP_FRAMES).text = str(frames)


def _drop_odd_numbers(item: ET.Element) -> str:
    """Remove numbers that are none, and say of which the frames depend; "" if there is no such."""
    odd = ""
    for parent in [item, *item.iterfind("file"), *item.iterfind(".//timecode")]:
        for rate in parent.findall("rate"):
            text = (rate.findtext("timebase") or "").strip()
            if not 0 < _float(text) <= RATE_MAX:
                odd = odd or f"its rate {text!r} is none"
                parent.remove(rate)
            elif not (rate.findtext("ntsc") or "").strip():
                _set(rate, "ntsc", "FALSE")
        for tag in NUMBERS:
            for child in parent.findall(tag):
                text = (child.text or "").strip()
                if not math.isfinite(_float(text)):
                    odd = odd or (
                        f"its {tag} {text!r} is no number" if tag in POINTS and text else ""
                    )
                    parent.remove(child)
    return odd


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _mend_filters(clip: ET.Element) -> None:
    """Remove filters that are off or empty."""
    for one in clip.findall("filter"):
        if (one.findtext("enabled") or "").strip().upper() == "FALSE" or one.find("effect") is None:
            clip.remove(one)
    for marker in clip.findall("marker"):
        if _whole_number(marker, "in") is None or _whole_number(marker, "out") is None:
            clip.remove(marker)


def _is_speed(effect: ET.Element) -> bool:
    return (effect.findtext("effectid") or "").strip().lower() == FCP_SPEED


def _backward() -> ET.Element:
    """Return the filter that says that a clip runs backward."""
    one = ET.Element("filter")
    effect = ET.SubElement(one, "effect")
    _set(effect, "effectid", FCP_SPEED)
    parameter = ET.SubElement(effect, "parameter")
    _set(parameter, "parameterid", "reverse")
    _set(parameter, "value", "TRUE")
    return one


def _mend_times(parent: ET.Element) -> None:
    """Remove timecode that says nothing; give what says its text alone the frame."""
    for timecode in parent.findall("timecode"):
        text = (timecode.findtext("string") or "").strip()
        if _whole_number(timecode, "frame") is not None:
            continue
        for frame in timecode.findall("frame"):
            timecode.remove(frame)
        if not text:
            parent.remove(timecode)
        elif (timecode.findtext("displayformat") or "").strip().upper() == "DF":
            _set(timecode, "string", f"{text[:8]};{text[9:]}")


def _mark(clip: ET.Element, problem: str) -> None:
    """Leave a clip without media, and say why."""
    for child in clip.findall("file"):
        clip.remove(child)
    ET.SubElement(clip, "file")
    ET.SubElement(_default(clip, KEY), PROBLEM).text = problem


def _default(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    """Return the child called `tag`, made with `text` where it lacks."""
    child = parent.find(tag)
    if child is None:
        child = ET.SubElement(parent, tag)
        child.text = text
    return child


def _set(parent: ET.Element, tag: str, text: str) -> None:
    _default(parent, tag).text = text


def _note(timeline: otio.schema.Timeline, unread: Sequence[tuple[str, str]]) -> None:
    """Leave on the edit and its clips what their XML says and OpenTimelineIO has no word for."""
    annotate(timeline, **{UNREAD: [list(pair) for pair in unread]})
    _note_drop(timeline, timeline.metadata.get("fcp_xml", {}).get("timecode"))
    for item in _items(timeline.tracks):
        said = item.metadata.get("fcp_xml", {})
        if KEY in said:
            marks = dict(said[KEY])
            del said[KEY]
            if CLIP_FRAMES in marks:
                marks[CLIP_FRAMES] = int(marks[CLIP_FRAMES])
            annotate(item, **marks)
        if str(said.get("enabled", "")).strip().upper() == "FALSE":
            item.enabled = False
        if isinstance(item, otio.schema.Clip):
            of_file = item.media_reference.metadata.get("fcp_xml", {})
            _note_drop(item, of_file.get("timecode"))


def _note_drop(item: otio.core.SerializableObjectWithMetadata, timecode: object) -> None:
    said = timecode.get("displayformat") if hasattr(timecode, "get") else None
    if said is not None:
        annotate(item, **{DROP: str(said).strip().upper() == "DF"})


def _items(parent: otio.core.Composition) -> Iterator[otio.core.Item]:
    for child in parent:
        if isinstance(child, otio.core.Item):
            yield child
        if isinstance(child, otio.core.Composition):
            yield from _items(child)
