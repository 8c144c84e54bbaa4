"""The parts of a shot's picture that are matted, found by where people are in the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sghm_vs.errors import SettingsError, counted, cure
from sghm_vs.filter.engines import Engines
from sghm_vs.filter.search import where_people_are
from sghm_vs.matting.people.choice import choose
from sghm_vs.matting.people.record import read_people
from sghm_vs.matting.people.region import regions_of, regions_of_people
from sghm_vs.media.readers import Source
from sghm_vs.models.backends.plugins import PluginNetwork
from sghm_vs.options import (
    AUTO,
    Guides,
    Matting,
    Roi,
    Settings,
    parse_person,
    regions_of_rois,
    write_regions,
)
from sghm_vs.progress import Progress
from sghm_vs.shots.people import engines_of, looking_for_people
from sghm_vs.shots.shot import Prepared

SAYS_WHO = ("mask", "trimap", "keys", "keep", "screen")
"""Guides by which what no network takes for a person may be matted."""


def with_region(
    matting: Matting,
    source: Source,
    before: Prepared | None = None,
    *,
    tell: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Matting:
    """
    Return `matting` with the rectangles that "auto" is in `source`; any others are as they are.

    People are looked for in the whole of the footage, so that any part of a shot has the same.

    Args:
        matting: How it is matted.
        source: The footage.
        before: What was prepared to matte it.
        tell: Called with what is looked at, and with what was found.
        progress: Called with frames done and frames in all, while it is looked.

    Raises:
        SettingsError: A guide says who is matted, and no network finds that.
    """
    guides = matting.guides
    if guides.roi != AUTO:
        return matting
    check_region(guides)
    found, is_anybody = _found(matting, source, before, tell, progress)
    if tell is not None:
        tell(_said(found, source, is_anybody=is_anybody))
    return replace(matting, guides=replace(guides, roi=regions_of_rois(found)))


def check_region(guides: Guides) -> None:
    """
    Refuse to look for people where a guide says who is matted.

    Raises:
        SettingsError: As said.
    """
    given = [name for name in SAYS_WHO if getattr(guides, name) is not None]
    # By a file of who is who, nothing far from people is anybody's.
    if given and guides.people is None:
        how = cure(script="roi=(640, 0, 720, 1080)", typed="--roi X,Y,W,H")
        msg = (
            f"roi auto goes by the people that the network finds, and {given[0]} says otherwise who is "
            f"matted; give the rectangle: {how}"
        )
        raise SettingsError(msg)


def _found(
    matting: Matting,
    source: Source,
    before: Prepared | None,
    tell: Callable[[str], None] | None,
    progress: Progress | None,
) -> tuple[tuple[Roi, ...], bool]:
    """Return the rectangles, and whether anybody is there; without any all is matted."""
    guides, clip = matting.guides, source.clip
    if guides.people is not None:
        people = read_people(guides.people)
        chosen = choose(people, parse_person(guides.person))
        return regions_of_people(people, chosen, guides.guide_band), bool(chosen)
    if not clip.width:
        msg = (
            f"{source.name} changes its size along the way, and roi auto is of one size; leave it out, "
            f"or scale the footage: ffmpeg -i FILE -vf scale=1920:1080 NEW.mov"
        )
        raise SettingsError(msg)
    if tell is not None:
        tell(f"roi auto: looking for people in {counted(clip.num_frames, 'frame')}")
    boxes = where_people_are(clip, _engines(matting, before), progress)
    return regions_of(boxes, (clip.width, clip.height), guides.guide_band), bool(boxes)


def _engines(matting: Matting, before: Prepared | None) -> Engines:
    """Return what sees people in small pictures: a light network, frame by frame."""
    prepared = looking_for_people(matting, before)
    if isinstance(prepared.network, PluginNetwork):
        prepared = looking_for_people(replace(matting, backend="auto"))
    whole, own = Settings(), prepared.matting.settings
    settings = replace(own, sizing=whole.sizing, infer_size=whole.infer_size)
    return engines_of(replace(prepared, matting=replace(prepared.matting, settings=settings)))


def _said(rois: Sequence[Roi], source: Source, *, is_anybody: bool) -> str:
    if not rois:
        why = "people take most of the picture" if is_anybody else "nobody is seen"
        return f"roi auto: {why}; all of it is matted"
    less = source.clip.width * source.clip.height / sum(roi[2] * roi[3] for roi in rois)
    return f"roi auto: {write_regions(tuple(rois))}, {less:.1f} times fewer pixels"
