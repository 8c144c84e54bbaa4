"""What an engine is: a pool of workers, or a script. A new one is a file here, and a row below."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sghm_vs.errors import SettingsError
from sghm_vs.options import Matting
from sghm_vs.shots.batch.pool import Order, Outcome, WorkerPool, outcome_of
from sghm_vs.shots.batch.render import CACHE_MIB, Rotoscoper
from sghm_vs.shots.farm.fingerprint import Fingerprint
from sghm_vs.shots.farm.worker import bind_threads, loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is made with."""

    planned: Fingerprint
    matting: Matting
    is_mixed: bool = False


class WorkerProcess:
    """What runs in a worker's process."""

    def __init__(self, needs: WorkerOptions) -> None:
        import vapoursynth as vs

        threads = needs.planned.threads
        bind_threads(threads)
        vs.core.max_cache_size = min(vs.core.max_cache_size, CACHE_MIB)
        prepared, here = loaded(needs.matting, threads)
        self._differences = () if needs.is_mixed else here.differences(needs.planned)
        self._render = Rotoscoper(prepared)

    def ready(self) -> tuple[str, ...]:
        """Return, once the network is loaded, what is not as planned."""
        return tuple(self._differences)

    def carry_out(self, order: Order) -> Outcome:
        """Make a chunk, or a shot whole."""
        return outcome_of(lambda: order(self._render, lambda *_: None))


type OpenPool = Callable[[WorkerOptions, str | None, int, Mapping[str, Any]], WorkerPool[Any]]
"""Returns a pool of at most so many workers at an address; the mapping is the engine's own."""


def read_runtime_env(path: Path | None) -> dict[str, Any]:
    """
    Return how workers get the package, as the JSON at `path` says it for Ray; without one, {}.

    Raises:
        SettingsError: The file can't be read, or holds something else.
    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} can't be read as JSON: {error}; write Ray's runtime_env into it"
        raise SettingsError(msg) from None
    if not isinstance(found, dict):
        msg = f'{path} is no runtime_env of Ray; write {{"py_modules": ["sghm_vs.whl"]}}'
        raise SettingsError(msg)
    return found


def pool_of(engine: str) -> OpenPool:
    """Return what opens the pool of `engine`, one of `ENGINES`."""
    found: OpenPool = import_module(f"{__package__}.{engine}").open_pool
    return found
