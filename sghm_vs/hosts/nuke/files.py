"""Files for Nuke, written whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sghm_vs.media.targets import cannot_write, refuse_existing, whole_file


def write_files(contents: Mapping[Path, bytes | str], *, overwrite: bool) -> list[Path]:
    """
    Write each of `contents`, text as UTF-8, and return their paths.

    Raises:
        ExportError: One exists already and must not be replaced, or can't be written.
    """
    if not overwrite:
        refuse_existing(list(contents))
    for path, content in contents.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        with whole_file(path) as part:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(contents)
