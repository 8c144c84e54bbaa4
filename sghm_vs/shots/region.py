"""The part of a shot's picture that is matted, found by where people are in the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sghm_vs.errors import SettingsError, cure
from sghm_vs.matting.people.choice import choose
from sghm_vs.matting.people.record import read_people
from sghm_vs.matting.people.region import region_of_people
from sghm_vs.media.readers import Source
from sghm_vs.options import AUTO, Guides, Matting, Roi, parse_person
from sghm_vs.shots.people import look_for_people, looking_for_people
from sghm_vs.shots.shot import Prepared

SAYS_WHO = ("mask", "trimap", "keys", "keep", "screen")
"""Guides by which what no network takes for a person may be matted."""


def with_region(
    matting: Matting,
    source: Source,
    before: Prepared | None = None,
    *,
    tell: Callable[[str], None] | None = None,
) -> Matting:
    """
    Return `matting` with the rectangle that "auto" is in `source`; any other is as it is.

    It is looked for in the whole of the footage, so that any part of a shot has the same one.

    Args:
        matting: How it is matted.
        source: The footage.
        before: What was prepared to matte it.
        tell: Called with what was found.

    Raises:
        SettingsError: A guide says who is matted, and no network finds that.
    """
    guides = matting.guides
    if guides.roi != AUTO:
        return matting
    check_region(guides)
    roi = _found(matting, source, before)
    if tell is not None:
        tell(_said(roi, source))
    return replace(matting, guides=replace(guides, roi=roi))


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


def _found(matting: Matting, source: Source, before: Prepared | None) -> Roi | None:
    guides = matting.guides
    if guides.people is not None:
        people = read_people(guides.people)
        return region_of_people(
            people, choose(people, parse_person(guides.person)), guides.guide_band
        )
    people = look_for_people(source, looking_for_people(matting, before))
    # Who is small or passes is matted as well.
    return region_of_people(people, [one.id for one in people.people], guides.guide_band)


def _said(roi: Roi | None, source: Source) -> str:
    if roi is None:
        return "roi auto: people take most of the picture, or none of it; all of it is matted"
    less = source.clip.width * source.clip.height / (roi[2] * roi[3])
    return f"roi auto: {','.join(map(str, roi))}, {less:.1f} times fewer pixels"
