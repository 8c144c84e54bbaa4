"""Keys: pictures of some frames, by number, that say where people are and where they are not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import vapoursynth as vs

from sghm_vs.color.convert import to_full_range_gray, to_matte
from sghm_vs.errors import SourceError, listed, with_options
from sghm_vs.files import sha256_of
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.mattes import alpha_of, gray_of, open_matte
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath, sequence_in
from sghm_vs.options import Opening

logger = logging.getLogger(__name__)

DIGEST_LETTERS = 12
"""Of a key's hash, which tells it from another."""
OPAQUE_OR_OPEN = "y 0.5 < 0.5 x ?"
"""Gray x where alpha y is opaque; elsewhere nothing is said."""


@dataclass(frozen=True)
class Keys:
    """The keys of a shot."""

    files: Mapping[int, Path]
    """By the footage's number of the frame."""
    span: int
    """How many frames each way a key changes anything."""

    @cached_property
    def digests(self) -> dict[int, str]:
        """What tells each from another of its frame."""
        return {n: sha256_of(file)[:DIGEST_LETTERS] for n, file in self.files.items()}

    def of(self, number: int) -> str:
        """Return which keys have a part in the frame `number`, in words; "" is none."""
        near = {n: one for n, one in self.digests.items() if abs(n - number) <= self.span}
        said = ", ".join(f"{n} {one}" for n, one in sorted(near.items()))
        return f"keys {said}, span {self.span}" if near else ""


def find_keys(path: Path, span: int, plate: Source) -> Keys:
    """
    Return the keys at `path` for frames of `plate`, by its numbers; those of other frames are told.

    Args:
        path: A folder with one numbered sequence of pictures, or this sequence; any may be missing.
        span: How many frames each way a key changes anything.
        plate: The footage.

    Raises:
        SourceError: There are none.
    """
    sequence = sequence_in(path) if path.is_dir() else SequencePath.parse(path)
    suffix = "" if sequence is None else Path(f"name{sequence.suffix}").suffix.lower()
    if sequence is None or suffix not in PICTURE_SUFFIXES:
        msg = (
            f"{path} is no numbered sequence of pictures, and keys are; name a folder of them, or "
            '"keys.####.png"'
        )
        raise SourceError(msg)
    first, last = plate.first_number, plate.first_number + plate.clip.num_frames - 1
    numbers = sequence.numbers()
    there = [n for n in numbers if first <= n <= last]
    if not there:
        found = f"keys of frames {listed(numbers)}" if numbers else "no keys"
        msg = (
            f"{path} has {found}, and {plate.name} has frames {first}-{last}; number them as these"
        )
        raise SourceError(msg)
    beyond = [n for n in numbers if n not in there]
    if beyond:
        logger.warning(
            "%s: keys of frames %s are left out; %s has frames %s-%s",
            path, listed(beyond), plate.name, first, last,
        )  # fmt: skip
    return Keys({n: sequence.frame(n) for n in there}, span)


def open_key(path: Path, channel: str | None = None) -> vs.VideoNode:
    """
    Return the key in the picture at `path`, GRAYS: 1 is a person, 0 is not, between is left open.

    Args:
        path: A picture: where it is transparent nothing is said, else its gray is the key.
        channel: What of it is the key, whole; see `open_matte`.

    Raises:
        SourceError: It can't be read, or is in color and nothing says which channel is meant.
    """
    if channel is not None:
        return open_matte(path, channel).clip
    with with_options({"--matte-channel"}):
        source = open_source(path, Opening(with_alpha=True))
        alpha = alpha_of(source)
        gray = to_matte(gray_of(path, source.clip))
    if alpha is None:
        return gray
    return vs.core.std.Expr([gray, to_full_range_gray(alpha, vs.GRAYS)], OPAQUE_OR_OPEN)
