"""What work that takes a while tells of how far it is."""

from __future__ import annotations

from collections.abc import Callable

type Progress = Callable[[int, int], None]
"""Takes how much is done and how much there is in all: frames, or bytes of a transfer."""
