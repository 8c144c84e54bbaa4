"""Who receives the progress of a run; loads nothing, as the command line has one for each verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sghm_vs.shots.batch.manifest import Entry
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.batch.planner import Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How far a run is."""

    shots: int
    shots_done: int
    frames: int
    frames_done: int
    fps: float
    """In the last two minutes."""
    workers: int
    """Those that work or could."""
    again: int
    """How often work was lost or failed."""
    failed: int
    """Shots with work that is set aside."""
    trouble: str
    """What went wrong last."""


class Listener:
    """Receives the progress of a run; this one does nothing with it."""

    def begin(self, planned: Sequence[Planned]) -> None:
        """Receive the shots, before the first is made."""

    def report(self, shot: Shot, done: int, total: int) -> None:
        """Receive how many frames of `shot` are done."""

    def note(self, shot: Shot, words: str) -> None:
        """Receive what is to be said of a shot that is made."""

    def end(self, entry: Entry) -> None:
        """Receive the result of a shot."""

    def count(self, totals: Totals) -> None:
        """Receive how far all of it is, twice a second and at the end."""
