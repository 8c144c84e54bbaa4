"""A folder that footage is dropped into: what has settled is matted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sghm_vs.errors import SourceError
from sghm_vs.files import is_held
from sghm_vs.shots.batch.checksums import State, source_files, state_of
from sghm_vs.shots.batch.find import SearchResult, search


@dataclass
class Watch:
    """Knows what in a folder has settled, and what of it was taken before."""

    folder: Path
    settle_s: float
    """How long files must stay as they are."""
    but: Path | None = None
    """A folder that is not searched: where the mattes go."""
    clock: Callable[[], float] = time.monotonic
    _states: dict[Path, tuple[State, float]] = field(init=False, default_factory=dict)
    """What each piece of footage was, and since when."""
    _returned: dict[Path, State] = field(init=False, default_factory=dict)

    def settled(self) -> SearchResult:
        """
        Return the footage that has stayed as it is for long enough, and was not returned as such.

        Raises:
            SourceError: The folder is not there.
        """
        if not self.folder.is_dir():
            msg = f"{self.folder} is no folder to watch; was its share unmounted?"
            raise SourceError(msg)
        found = search(self.folder, but=self.but)
        ready = SearchResult()
        for footage in found.footage:
            state = self._state(footage.path)
            if state is not None and self._returned.get(footage.path) != state:
                self._returned[footage.path] = state
                ready.footage.append(footage)
        return ready

    def _state(self, path: Path) -> State | None:
        """Return what the footage is, if it has been that for long enough."""
        try:
            files = source_files(path, None)
            # Windows gives a file that is being copied its whole size at once.
            if any(map(is_held, {files[0], files[-1]})):
                return None
            state = state_of(files)
        except OSError:  # It was taken away just now.
            return None
        before, since = self._states.get(path, (None, 0.0))
        if before != state:
            since = self.clock()
            self._states[path] = (state, since)
        is_settled = self.clock() - since >= self.settle_s
        return state if is_settled and state.size > 0 else None
