"""The file of who is who, as a shot takes it: found to be of its footage, and who of it is meant."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from sghm_vs.errors import SourceError
from sghm_vs.files import sha256_of
from sghm_vs.filter.people import ToldApart, tell_apart
from sghm_vs.matting.people.choice import choose
from sghm_vs.matting.people.record import FIND, read_people
from sghm_vs.media.readers import Source
from sghm_vs.options import FrameRange, Guides, parse_person
from sghm_vs.shots.batch.checksums import source_files

logger = logging.getLogger(__name__)

SAMPLED_FILES = 16
SAMPLE_BYTES = 1 << 16
DIGEST_LETTERS = 16


def open_people(guides: Guides, source: Source, frames: FrameRange | None) -> ToldApart | None:
    """
    Return the people of `source` whom `guides` mean; None if nobody is told apart.

    Args:
        guides: What is given.
        source: The footage.
        frames: Of it, those that are asked for; None is all.

    Raises:
        SourceError: The file can't be read, is of other footage, or lacks frames that are asked for.
        SettingsError: Nobody is meant.
        UnsupportedClipError: It is of footage of another size or length.
    """
    if guides.people is None:
        return None
    people = read_people(guides.people)
    if people.footage.digest != (here := digest_of(source)):
        anew = guides.people.with_name(f"{source.name}.people.json")
        msg = (
            f"{guides.people} says who is who in {people.footage.name}, whose files were others "
            f"({people.footage.digest}) than those of {source.name} ({here}); make one for it: "
            f"sghm people {source.path} -o {anew}"
        )
        raise SourceError(msg)
    wanted = frames or source.frames
    if not FrameRange(people.first, people.last).holds(wanted):
        msg = (
            f"{guides.people} speaks of frames {people.first}-{people.last}, and {wanted} are asked "
            "for; make it anew of all frames, or give --frames"
        )
        raise SourceError(msg)
    ids = choose(people, parse_person(guides.person))
    if not ids:
        found = "drops everybody" if people.people else "found nobody"
        logger.warning("%s %s in %s: the matte is empty", guides.people, found, source.name)
    return tell_apart(source.clip, people, ids)


def chosen_of(guides: Guides) -> tuple[int, ...]:
    """
    Return the ids of whom `guides` mean; none if nobody is told apart.

    Raises:
        SourceError: The file can't be read.
        SettingsError: Nobody is meant.
    """
    if guides.people is None:
        return ()
    return choose(read_people(guides.people), parse_person(guides.person))


def people_digest(guides: Guides) -> str:
    """Return what tells the file of who is who from another; "" if there is none."""
    if guides.people is None:
        return ""
    try:
        return sha256_of(guides.people)[:DIGEST_LETTERS]
    except OSError as error:
        msg = f"{guides.people} can't be read: {error.strerror}; make it with: {FIND}"
        raise SourceError(msg) from error


def digest_of(source: Source) -> str:
    """Return what tells the files of `source` from others: a hash of samples of them, in no time."""
    files = [] if source.path is None else source_files(source.path, None)
    chosen = _spread(files)
    digest = hashlib.sha256(f"{len(files)}".encode())
    for file in chosen:
        size = file.stat().st_size
        digest.update(f" {size} ".encode())
        blocks = max(SAMPLED_FILES // len(chosen), 1)
        with file.open("rb") as opened:
            for at in range(blocks):
                opened.seek(max(size - SAMPLE_BYTES, 0) * at // max(blocks - 1, 1))
                digest.update(opened.read(SAMPLE_BYTES))
    return digest.hexdigest()[:DIGEST_LETTERS]


def _spread(files: list[Path]) -> list[Path]:
    """Return some of `files`, among them the first and the last."""
    last = len(files) - 1
    steps = max(min(len(files), SAMPLED_FILES) - 1, 1)
    return (
        [files[n] for n in sorted({last * at // steps for at in range(steps + 1)})] if files else []
    )
