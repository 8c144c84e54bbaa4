"""Text files of other programs: in whichever encoding these write."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OLD_ENCODINGS = ("cp1252", "latin-1", "mac_roman")
"""Of one byte a letter, the likelier first: Latin-1 as Windows and others have it, and Macs."""
LOWER = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿßœ")
UPPER = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŒ")


def decoded(content: bytes) -> str:
    """
    Return the text that `content` is.

    A byte order mark says it; without one it is UTF-16 where every other byte is 0, UTF-8 where it
    fits, and else the encoding in which most of the further letters are those of names.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    for encoding, zeros in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
        if zeros and zeros.count(0) > len(zeros) // 2:
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        texts = [content.decode(encoding, errors="replace") for encoding in OLD_ENCODINGS]
        return max(texts, key=_count_european_letters)


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number, from 1, and text of each line; lines end as on any system."""
    yield from enumerate(re.split(r"\r\n|\r|\n", text.rstrip("\x1a\0")), start=1)


def _count_european_letters(text: str) -> int:
    """Return how much of what is beyond ASCII are letters of European names."""
    beyond = [letter for letter in text if not letter.isascii()]
    return sum(2 * (letter in LOWER) + (letter in UPPER) or -2 for letter in beyond)
