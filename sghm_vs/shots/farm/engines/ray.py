"""Workers on a Ray cluster: processes that keep a network loaded, one per GPU or per few cores."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from sghm_vs.errors import FarmError, counted, require
from sghm_vs.shots.batch.pool import Failure, Order, Outcome, PoolWorker
from sghm_vs.shots.batch.schedule import Work
from sghm_vs.shots.farm.engines.base import WorkerOptions, WorkerProcess
from sghm_vs.shots.farm.fingerprint import Fingerprint

OBJECTS_BYTES = 100 * 2**20
"""For Ray's own store, which pictures never pass through."""
LOOK_EVERY_S = 1.0
"""For machines that join or leave."""
STARTS_MAX = 3
"""Workers that may die one after another while they get ready."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
"""Ray would report its use, and start workers anew by `uv run` where the driver was."""


class RayWorker(PoolWorker):
    """A worker on a node of the cluster."""

    def __init__(self, process: Any, node: str, ready: Any) -> None:
        super().__init__(is_ready=False)
        self.process, self.node = process, node
        self.pending: Any = ready
        """Ray's promise of what it does now; None while it waits."""


class RayPool:
    """As many workers as the cluster has room for, made anew when they are lost."""

    def __init__(
        self,
        needs: WorkerOptions,
        *,
        address: str | None = None,
        size: int = 0,
        runtime_env: Mapping[str, Any] | None = None,
        kind: type = WorkerProcess,
        cores: int | None = None,
    ) -> None:
        """
        Join a cluster.

        Args:
            needs: What workers are made with.
            address: Of a cluster, or "auto" for the one around; None starts one on this machine.
            size: Workers at most; 0 is as many as there is room for.
            runtime_env: How the package gets onto the workers; see Ray's `runtime_env`.
            kind: What runs in a worker's process.
            cores: Those that a cluster started here has; None is all.

        Raises:
            MissingPackageError: Ray is not installed.
            FarmError: There is no such cluster.
        """
        os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
        self._ray: Any = require("ray", extra="farm", purpose="sghm farm run")
        self._needs, self._size = needs, size
        self.workers: list[RayWorker] = []
        self._refused: dict[str, tuple[str, ...]] = {}
        """Of nodes whose workers are not as planned, what differs."""
        self._is_local = address is None
        self._deaths, self._looks_at = 0, 0.0
        local = {
            "include_dashboard": False, "object_store_memory": OBJECTS_BYTES, "num_cpus": cores,
        }  # fmt: skip
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level="ERROR",
                runtime_env=dict(runtime_env) if runtime_env else None,
                **({} if address else local),
            )
        # Where a start times out, Ray raises no other kind.
        except Exception as error:
            with suppress(Exception):
                self._ray.shutdown()
            raise FarmError(_not_joined(address, error)) from error
        if threading.current_thread() is threading.main_thread():
            # Ray ends the process at once where we unwind.
            signal.signal(signal.SIGTERM, on_sigterm)
        self._actor = self._ray.remote(kind)
        require("ray.util.scheduling_strategies", extra="farm", purpose="sghm farm run")

    def free(self, most: int) -> Iterator[RayWorker]:
        """
        Yield those that wait for work; others get ready where there is room, up to `most`.

        Raises:
            FarmError: No worker is as planned, or they die before they are ready.
        """
        self._grow(most)
        return (one for one in self.workers if one.is_ready and one.pending is None)

    def _grow(self, most: int) -> None:
        moment = time.monotonic()
        if moment < self._looks_at:
            return
        self._looks_at = moment + LOOK_EVERY_S
        places = self._places()
        if self._refused and not places and not self.workers:
            node, differences = next(iter(self._refused.items()))
            msg = (
                f"no worker is as planned; on node {node[:8]} {'; '.join(differences)}. Plan for "
                "them (sghm farm plan --worker), or allow them with --mixed"
            )
            raise FarmError(msg)
        if self._is_local and not places and not self.workers:
            worker = self._needs.planned
            gpu = " and a GPU" if worker.is_gpu else ""
            needed = f"{counted(worker.threads, 'core')}{gpu}"
            msg = f"a worker needs {needed}, and this machine has not so much"
            raise FarmError(msg)
        for node in places[: max(0, min(most, self._size or most) - len(self.workers))]:
            actor = self._actor.options(**self._options(node)).remote(self._needs)
            self.workers.append(RayWorker(actor, node, actor.ready.remote()))

    def begin(self, worker: RayWorker, work: Work, order: Order) -> None:
        """Have `worker` carry out the `order` for `work`."""
        worker.take(work)
        worker.pending = worker.process.carry_out.remote(order)

    def events(self, timeout_s: float) -> Iterator[tuple[Work, Outcome]]:
        """Wait until workers have done something, at most so long, and yield it."""
        busy = {one.pending: one for one in self.workers if one.pending is not None}
        if not busy:
            time.sleep(timeout_s)
            return
        done, _ = self._ray.wait([*busy], num_returns=1, timeout=timeout_s)
        # What else is done by now comes along: at a thousand workers one call each adds up.
        more, _ = self._ray.wait([*busy], num_returns=len(busy), timeout=0)
        for pending in {*done, *more}:
            worker = busy[pending]
            work, outcome = worker.work, self._outcome(worker, pending)
            if work is not None and outcome is not None:
                yield work, outcome

    def stop(self, worker: RayWorker) -> None:
        """End a worker at once."""
        self.workers.remove(worker)
        self._ray.kill(worker.process)

    def close(self) -> None:
        """End all workers, and the cluster if it was started here."""
        for worker in [*self.workers]:
            self.stop(worker)
        self._ray.shutdown()

    def _outcome(self, worker: RayWorker, pending: Any) -> Outcome | None:
        try:
            found = self._ray.get(pending)
        except self._ray.exceptions.RayError as error:
            return self._lost(worker, error)
        worker.pending = worker.work = None
        if worker.is_ready:
            outcome: Outcome = found
            return outcome
        self._deaths = 0
        worker.is_ready = True
        if found:
            self._refused[worker.node] = found
            self.stop(worker)
        return None

    def _lost(self, worker: RayWorker, error: Exception) -> Failure | None:
        self.workers.remove(worker)
        is_there = worker.node in self._nodes()
        if worker.is_ready:
            words = "its worker died; is memory left there? Try fewer --workers"
            return Failure(words) if is_there else Failure("its machine was lost", "machine")
        self._deaths += is_there
        if self._deaths >= STARTS_MAX:
            said = str(error).strip().splitlines()[-1]
            msg = f"workers die before they are ready, the last with: {said}"
            raise FarmError(msg) from error
        return None

    def _options(self, node: str) -> dict[str, Any]:
        worker, strategies = self._needs.planned, self._ray.util.scheduling_strategies
        return {
            "num_cpus": worker.threads,
            "num_gpus": 1 if worker.is_gpu else 0,
            # Placed by us: a node that was refused would be chosen again.
            "scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node, soft=False),
        }

    def _places(self) -> list[str]:
        """Return the nodes that have room for a worker more, once for each, the emptiest first."""
        has = Counter(worker.node for worker in self.workers)
        room = {node: _fits(what, self._needs.planned) for node, what in self._nodes().items()}
        places = [(at, node) for node, most in room.items() for at in range(has[node], most)]
        return [node for _, node in sorted(places) if node not in self._refused]

    def _nodes(self) -> dict[str, dict[str, float]]:
        """Return what each node has that is alive."""
        return {one["NodeID"]: one["Resources"] for one in self._ray.nodes() if one["Alive"]}


def _fits(resources: Mapping[str, float], worker: Fingerprint) -> int:
    cores = int(resources.get("CPU", 0) // worker.threads)
    return min(cores, int(resources.get("GPU", 0))) if worker.is_gpu else cores


def _not_joined(address: str | None, error: Exception) -> str:
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if address is None:
        return (
            f"Ray does not start on this machine: {said}; try again when less runs here and memory is "
            "left, or go without it: sghm farm script PLAN"
        )
    return (
        f"no cluster is joined at {address}: {said}; start one with: ray start --head, or leave "
        "--address out"
    )


def open_pool(
    needs: WorkerOptions, address: str | None, size: int, runtime_env: Mapping[str, Any]
) -> RayPool:
    """Return a pool of at most `size` workers, on the cluster at `address` or one started here."""
    return RayPool(needs, address=address, size=size, runtime_env=runtime_env)
