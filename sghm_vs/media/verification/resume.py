"""Which frames of an export that broke off need no second rendering."""

from __future__ import annotations

import logging
from pathlib import Path

from sghm_vs.errors import ExportError, if_there, listed
from sghm_vs.files import each
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.compare import NUMBERED, picture_problems
from sghm_vs.media.verification.sidecar import (
    FINISHED,
    Record,
    differing_names,
    file_of,
    files_of,
    records_of,
    state_of,
)
from sghm_vs.models.weights import version_of
from sghm_vs.options import called

logger = logging.getLogger(__name__)

STRANGERS_LISTED_MAX = 3
MADE_BY = "made_by"
ASKED_OF_IT = frozenset({"backend", "fp16"})
"""Settings of which a sidecar that has `MADE_BY` says what came of them."""
WEIGHTS = "weights_sha256"


def kept_frames(target: Target, wanted: Record) -> frozenset[int]:
    """
    Return the numbers of `wanted` frames that `target` has, whole and made in the same way.

    Pictures are read to the last pixel, and compared with their checksum where there is one. A
    movie is kept, all of it, if it is what was recorded when it was finished, else it has none.

    Raises:
        ExportError: There are files that nothing says to be this shot's, made in this way.
    """
    files = {n: file for n, file in files_of(target.path.parent, wanted).items() if file.exists()}
    records = list(records_of(target, wanted.numbers))
    alike = [record for _, record in records if not _differences(record, wanted)]
    strangers = [file for n, file in files.items() if not any(n in r.numbers for r in alike)]
    if strangers:
        raise _refusal(strangers, [record for _, record in records], wanted)
    others = [record for record in alike if _is_by_another(record, wanted)]
    if files and others:
        logger.warning("%s", _made_again(target, others[0], wanted))
    if target.sequence is None and not target.is_picture:
        is_same = not others and all(record.keyed == wanted.keyed for record in alike)
        is_whole = files and is_same and _is_finished(target, alike)
        return frozenset(wanted.numbers if is_whole else ())

    def is_kept(n: int) -> bool:
        # What an earlier run left is not this one's, until it is written over.
        if any(r.replaces.get(files[n].name) == state_of(files[n]) for r in alike):
            return False
        if any(n in record.numbers for record in others):
            return False
        # Keys that came or went change frames in their span, and no others.
        if any(r.keyed.get(n) != wanted.keyed.get(n) for r in alike if n in r.numbers):
            return False
        return not picture_problems(files[n], wanted, n, is_deep=True) and all(
            r.files.get(files[n].name) in (None, file_of(files[n])) for r in alike
        )

    return frozenset(n for n, kept in zip(files, each(is_kept, files), strict=True) if kept)


def _is_by_another(record: Record, wanted: Record) -> bool:
    """Tell whether another backend made it, or in another precision; sidecars of old don't say."""
    before, now = (one.how.get(MADE_BY) for one in (record, wanted))
    return bool(before and now and before != now)


def _made_again(target: Target, record: Record, wanted: Record) -> str:
    before, now = (one.how[MADE_BY] for one in (record, wanted))
    said = [" in ".join(one.values()) for one in (before, now)]
    half = "--no-fp16" if before.get("precision") == "float32" else "--fp16"
    how = f"--backend {before.get('backend')} {half}"
    return (
        f"{target.path} was made by {said[0]}, and {said[1]} goes on: frames that differ by that are "
        f"made again; to keep them give {if_there('--backend', how) or how}"
    )


def is_recorded(target: Target, wanted: Record) -> bool:
    """Tell whether every frame of `wanted` is in a sidecar that is finished."""
    records = [one for _, one in records_of(target, wanted.numbers) if one.state == FINISHED]
    return all(any(n in one.numbers for one in records) for n in wanted.numbers)


def _is_finished(target: Target, records: list[Record]) -> bool:
    content = file_of(target.path)
    return any(
        record.state == FINISHED and record.files.get(target.path.name) == content
        for record in records
    )


def _differences(record: Record, wanted: Record) -> list[str]:
    # A comment says the settings once more; of pictures each is looked at by its own number.
    said = {"frames", "sound", "comment", *(NUMBERED if record.facts.get("is_sequence") else ())}
    is_movie = not record.facts.get("is_sequence") and record.numbers != wanted.numbers
    asked = ASKED_OF_IT if record.how.get(MADE_BY) and wanted.how.get(MADE_BY) else ()
    return [
        *differing_names(record.how.get("form", {}), wanted.how["form"]),
        *differing_names(record.how.get("settings", {}), wanted.how["settings"], but=asked),
        *differing_names(record.facts, wanted.facts, but=said),
        *(["frames"] if is_movie else []),
    ]


def _refusal(strangers: list[Path], records: list[Record], wanted: Record) -> ExportError:
    found = listed(strangers, STRANGERS_LISTED_MAX)
    differences = [_differences(record, wanted) for record in records]
    if differences:
        fewest = min(differences, key=len)
        record = records[differences.index(fewest)]
        names = listed([called(name) for name in fewest])
        return ExportError(
            f"{found}: made with another {names} than now; give the same options"
            f"{_weights_option(record) if WEIGHTS in fewest else ''}, or write all again with "
            "--overwrite"
        )
    return ExportError(
        f"{found} are there, without the sidecar that says how they were made; write all again "
        "with --overwrite"
    )


def _weights_option(record: Record) -> str:
    """Return the option that brings back the weights of `record`, if they come with the package."""
    version = version_of(str(record.how["settings"].get(WEIGHTS)))
    return f", --model {version} among them" if version else ""
