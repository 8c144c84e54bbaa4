"""Where an edit says that media is, and what it calls it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import opentimelineio as otio

from sghm_vs.files import has_drive, last_name, on_share
from sghm_vs.media.sequences import SequencePath
from sghm_vs.shots.timeline.annotations import NAMES, annotation


def files_of(reference: object, folder: Path) -> tuple[Path, ...]:
    """Return where media is said to be; names are from `folder` on."""
    if isinstance(reference, otio.schema.ImageSequenceReference):
        said = local_path(_pattern_of(reference), is_quoted=False)
    elif isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
        said = local_path(reference.target_url)
    else:
        return ()
    if said is None:
        return ()
    return tuple(dict.fromkeys(folder / one for one in (said, *_as_written(reference))))


def _as_written(reference: object) -> tuple[Path, ...]:
    """Return the path of a reference that is no URL: "50%25.mov" may be the file's name."""
    text = getattr(reference, "target_url", None) or ""
    return () if text.lower().startswith("file:") or "%" not in text else (Path(text),)


def names_of(clip: otio.schema.Clip) -> tuple[str, ...]:
    """Return the names that the media of `clip` may have, the surest first, each once."""
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ImageSequenceReference):
        said = [_pattern_of(reference)]
    else:
        said = [getattr(reference, "target_url", None) or ""]
    names = [name for text in said for name in (_last_part(text), _last_part(unquote(text)))]
    others = [*annotation(clip, NAMES, []), getattr(reference, "name", "") or "", clip.name]
    names += [_last_part(str(name)) for name in others if name]
    return tuple(dict.fromkeys(name for name in names if name))


def first_number_of(reference: object) -> int | None:
    """Return the number of a sequence's first frame, as its reference or name says."""
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return int(reference.start_frame)
    name = _last_part(unquote(getattr(reference, "target_url", None) or ""))
    named = sequence_named(name) if name else None
    return None if named is None else named[1]


def sequence_named(name: str) -> tuple[SequencePath, int | None] | None:
    """
    Return the sequence that `name` may mean in an edit, and the number of its first frame.

    Besides a pattern that is the frames in brackets, and the name of a first frame; the number is
    None where the name doesn't have it. None if it means none.
    """
    path = Path(name)
    if (sequence := SequencePath.parse(path)) is not None:
        return sequence, None
    if (found := SequencePath.in_brackets(path)) is not None:
        return found[0], None if found[1] is None else found[1].first
    return SequencePath.of_frame(path)


def _pattern_of(reference: otio.schema.ImageSequenceReference) -> str:
    digits = "#" * max(reference.frame_zero_padding, 1)
    name = f"{reference.name_prefix}{digits}{reference.name_suffix}"
    base = reference.target_url_base.rstrip("/")
    return f"{base}/{name}" if base else name


def _last_part(text: str) -> str:
    """Return the file's name in a URL or a path of any system."""
    if "://" in text and not text.startswith("file:"):
        text = text.partition("?")[0]
    return "" if "\0" in text else last_name(text)


def local_path(url: str, *, is_quoted: bool = True) -> Path | None:
    """
    Return the file that `url` names; None if it is on another machine or of another scheme.

    Args:
        url: file://…, or a path as edits have them, of any system.
        is_quoted: Whether %20 stands for a space in what is no URL, too.
    """
    parts = urlsplit(url) if "://" in url or url.lower().startswith("file:/") else None
    if parts is not None:
        if parts.scheme != "file":
            return None
        text = unquote(parts.path)
        if has_drive(text[1:]):
            text = text[1:]
        if parts.netloc not in ("", "localhost"):
            share = on_share(parts.netloc, text)
            if share is None:
                return None
            text = share
        # Programs leave these two marks of a name as they are.
        asked = f"?{parts.query}" if parts.query else ""
        hashes = f"#{parts.fragment}" if parts.fragment else ""
        return _sound(text + unquote(asked + hashes))
    return _sound(unquote(url) if is_quoted and "%" in url else url)


def _sound(text: str) -> Path | None:
    return None if "\0" in text or not text else Path(text)
