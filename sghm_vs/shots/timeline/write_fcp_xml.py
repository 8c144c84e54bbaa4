"""
FCP 7 XML, written by OpenTimelineIO's adapter and mended where that leaves out what editors need.

The adapter writes no speeds, takes a dissolve that begins or ends with its cut for one from or to
black, and lets the clip before such a one end at the cut.
"""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from fractions import Fraction

import opentimelineio as otio

from sghm_vs.shots.timeline.annotations import KEY, NOTES, annotation
from sghm_vs.shots.timeline.read import clips_of
from sghm_vs.shots.timeline.speeds import FCP_SPEED, VARIES, speed_of

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n'
STILL = "stillframe"
DISSOLVE, WIPE = "Cross Dissolve", "Edge Wipe"
SPEED_LIMIT = "100000"
"""In percent: what Final Cut and Premiere say of the parameter's range."""


def fcp_xml_of(timeline: otio.schema.Timeline) -> str:
    """
    Return `timeline` as FCP 7 XML; what is noted for that stays on it.

    Args:
        timeline: Its clips refer to one file each, and say their lengths.
    """
    for track in timeline.tracks:
        for parent, at in clips_of(track):
            _note_times(parent, at)
        _note_transitions(track)
    with warnings.catch_warnings():
        # The adapter asks elements for their truth, which Python will refuse some day.
        warnings.simplefilter("ignore", DeprecationWarning)
        text = otio.adapters.write_to_string(timeline, "fcp_xml")
    root = ET.fromstring(text)  # noqa: S314 - our own
    for clip in root.iter("clipitem"):
        _apply(clip)
    ET.indent(root)
    return HEAD + ET.tostring(root, encoding="unicode") + "\n"


def unsure_speeds(timeline: otio.schema.Timeline) -> list[str]:
    """Return the clips of mattes whose speed FCP 7 XML doesn't say, or hosts read in two ways."""
    clips = [parent[at] for track in timeline.tracks for parent, at in clips_of(track)]
    return [
        clip.name
        for clip in clips
        if annotation(clip, "shot")
        and (speed_of(clip)[0] < 0 or any(VARIES in note for note in annotation(clip, NOTES, [])))
    ]


def _note_times(parent: otio.core.Composition, at: int) -> None:
    """Leave on a clip what its element is to say of its times."""
    clip, speed = parent[at], Fraction(speed_of(parent[at])[0]).limit_denominator(1000)
    rate = clip.source_range.start_time.rate
    available = getattr(clip.media_reference, "available_range", None) or clip.source_range
    first = clip.source_range.start_time - available.start_time
    shown = Fraction(clip.source_range.duration.value)
    media = Fraction(available.duration.rescaled_to(rate).value)
    start, length = Fraction(first.rescaled_to(rate).value), media
    if speed:
        start, length = start / speed, media / abs(speed)
    if speed < 0:
        # Counted from the end of what runs backward.
        start = max(length + start - 1, Fraction(0))
    if speed == 0:
        length = shown
    head, tail = _transitions_at(parent, at)
    said = {
        "in": str(round(start - _frames(head, "in_offset", rate))),
        "out": str(round(start + shown + _frames(tail, "out_offset", rate))),
        "duration": str(round(length)),
        "start": "-1" if head is not None else "",
        "end": "-1" if tail is not None else "",
        "speed": "" if speed == 1 else str(speed),
    }
    clip.metadata["fcp_xml"] = {**dict(clip.metadata.get("fcp_xml", {})), KEY: said}


def _transitions_at(
    parent: otio.core.Composition, at: int
) -> tuple[otio.schema.Transition | None, otio.schema.Transition | None]:
    beside = parent[at - 1] if at else None, parent[at + 1] if at + 1 < len(parent) else None
    head, tail = (one if isinstance(one, otio.schema.Transition) else None for one in beside)
    return head, tail


def _frames(transition: otio.schema.Transition | None, word: str, rate: float) -> Fraction:
    if transition is None:
        return Fraction(0)
    return Fraction(getattr(transition, word).rescaled_to(rate).value)


def _note_transitions(parent: otio.core.Composition) -> None:
    """Leave on transitions where they lie about their cut, and what they are called."""
    for at, child in enumerate(parent):
        if isinstance(child, otio.core.Composition):
            _note_transitions(child)
        if isinstance(child, otio.schema.Transition):
            kind = child.transition_type
            name = DISSOLVE if kind == otio.schema.TransitionTypes.SMPTE_Dissolve else WIPE
            effect = {
                "name": name,
                "effectid": name,
                "effectcategory": "Dissolve" if name == DISSOLVE else "Wipe",
                "effecttype": "transition",
                "mediatype": "video",
            }
            said = dict(child.metadata.get("fcp_xml", {}))
            usual = {"alignment": _alignment(parent, at), "effect": effect}
            child.metadata["fcp_xml"] = {**usual, **said}


def _alignment(parent: otio.core.Composition, at: int) -> str:
    transition = parent[at]
    before = parent[at - 1] if at else None
    after = parent[at + 1] if at + 1 < len(parent) else None
    if before is None or isinstance(before, otio.schema.Gap):
        return "start-black"
    if after is None or isinstance(after, otio.schema.Gap):
        return "end-black"
    if not transition.in_offset.value:
        return "start"
    return "center" if transition.out_offset.value else "end"


def _apply(clip: ET.Element) -> None:
    """Give a clip's element the times and the speed that were noted for it."""
    said = clip.find(KEY)
    if said is None:
        return
    clip.remove(said)
    for tag in ("in", "out", "duration", "start", "end"):
        if text := said.findtext(tag):
            for extra in clip.findall(tag)[1:]:
                clip.remove(extra)
            _set(clip, tag, text)
    if not (text := said.findtext("speed")):
        return
    speed = Fraction(text)
    for one in clip.findall(STILL):
        clip.remove(one)
    if speed == 0:
        _set(clip, STILL, "TRUE")
        _set(clip, "stillframeoffset", said.findtext("in") or "0")
    else:
        clip.append(_speed_filter(speed))


def _speed_filter(speed: Fraction) -> ET.Element:
    """Return the filter of a constant speed, as Final Cut and Premiere write it."""
    one = ET.Element("filter")
    effect = ET.SubElement(one, "effect")
    head = {"name": "Time Remap", "effectid": FCP_SPEED, "effectcategory": "motion",
            "effecttype": "motion", "mediatype": "video"}  # fmt: skip
    for tag, text in head.items():
        _set(effect, tag, text)
    percent = f"{float(speed) * 100:.10g}"
    for name, value, least, most in (
        ("variablespeed", "0", "0", "1"),
        ("speed", percent, f"-{SPEED_LIMIT}", SPEED_LIMIT),
        ("reverse", "TRUE" if speed < 0 else "FALSE", "", ""),
        ("frameblending", "FALSE", "", ""),
    ):
        parameter = ET.SubElement(effect, "parameter")
        ends = {"valuemin": least, "valuemax": most} if most else {}
        for tag, text in {"parameterid": name, "name": name, **ends, "value": value}.items():
            _set(parameter, tag, text)
    return one


def _set(parent: ET.Element, tag: str, text: str) -> None:
    child = parent.find(tag)
    (ET.SubElement(parent, tag) if child is None else child).text = text
