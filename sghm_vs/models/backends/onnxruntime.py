"""Graphs as ONNX Runtime runs them: its wheel is small, and there is one for every system."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from sghm_vs.errors import SettingsError, cure, require
from sghm_vs.models.arrays import Model
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.graphs import GraphNetwork, GraphPart
from sghm_vs.models.planes import Plane


def place(model: Model, compute: Compute) -> GraphNetwork:
    """
    Return the network of `model` as sessions of ONNX Runtime, on the CPU.

    Raises:
        MissingPackageError: ONNX Runtime or onnx is not installed.
        SettingsError: Half precision is asked for, which it has not on CPUs.
        WeightsError: They fit no network.
    """
    if compute.fp16:
        how = cure(script="fp16=False", typed="--no-fp16")
        msg = f"backend onnxruntime has no half precision on CPUs; use {how}"
        raise SettingsError(msg)
    return GraphNetwork(model, OnnxRuntime())


class OnnxRuntime:
    """Sessions, one for each graph and all sizes; each frame runs on one core, in whose thread it is."""

    backend = "onnxruntime"
    precision = "float32"
    squares_at_once = 4

    def __init__(self) -> None:
        """
        Begin without sessions.

        Raises:
            MissingPackageError: ONNX Runtime is not installed.
        """
        self._runtime = require("onnxruntime", extra="onnxruntime", purpose="backend onnxruntime")
        self._options = self._runtime.SessionOptions()
        self._options.intra_op_num_threads = 1
        self._options.inter_op_num_threads = 1
        self._sessions: dict[object, Any] = {}
        self._making = threading.Lock()

    def run(self, part: GraphPart, inputs: Sequence[Plane]) -> list[Plane]:
        """Return the outputs."""
        with self._making:
            if part.key not in self._sessions:
                self._sessions[part.key] = self._runtime.InferenceSession(
                    part.serialized(), self._options, providers=["CPUExecutionProvider"]
                )
            session = self._sessions[part.key]
        names = [each.name for each in session.get_inputs()]
        found: list[Plane] = session.run(None, dict(zip(names, inputs, strict=True)))
        return found
