"""Graphs as OpenVINO programs: the fastest on CPUs, above all where they have bfloat16."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import numpy as np

from sghm_vs.errors import SettingsError, cure, require
from sghm_vs.models.arrays import Model
from sghm_vs.models.backends.cores import streams_on_cpu
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.graphs import GraphNetwork, GraphPart
from sghm_vs.models.planes import Plane

TOO_LIGHT_FOR_HALF = "sghm-lite"
"""The architecture of the ninth weights: in bfloat16 its alphas are up to 19/255 off."""
IN_FLOATS = "judge_in_floats"
"""What the judge says is asked for in floats where it is near its limit."""
SEEING = "encode", "see"
"""Parts that a threshold follows, as it does the segmentation: a last bit there can be a whole arm. In
bfloat16 only for weights that stand it."""
OF_ANY_SIZE = "to_sixteenth", "to_eighth"
"""Parts whose size follows the people: one program makes all, as one for each would take longer."""
PROGRAMS_MAX = 24
"""Four sizes of pictures; the one that was not used for longest goes, as each holds weights."""

TELEMETRY = "openvino_telemetry"
_loading = threading.Lock()

type Key = tuple[object, ...]
"""A part, and the shapes of what goes in."""


def place(model: Model, compute: Compute) -> GraphNetwork:
    """
    Return the network of `model` as programs of OpenVINO.

    Raises:
        MissingPackageError: OpenVINO or onnx is not installed.
        SettingsError: The network is too light for half precision.
        WeightsError: They fit no network.
    """
    if compute.fp16 and model.architecture == TOO_LIGHT_FOR_HALF:
        how = cure(script="fp16=False", typed="--no-fp16")
        msg = f"fp16 by OpenVINO is too coarse for {model.architecture}; use {how}"
        raise SettingsError(msg)
    half = model.row.keeps_in_bfloat16 if compute.fp16 is None else compute.fp16
    in_floats = (IN_FLOATS,) if model.row.sees_in_bfloat16 else (IN_FLOATS, *SEEING)
    return GraphNetwork(model, OpenVino(half=half, streams=streams_on_cpu(), in_floats=in_floats))


class OpenVino:
    """
    Programs that are made for each size of picture when it is first seen.

    Each program runs on one core for each frame; as many frames as there are `streams` run at once.
    """

    backend = "openvino"
    squares_at_once = 4

    def __init__(self, *, half: bool, streams: int, in_floats: Collection[str] = ()) -> None:
        """
        Begin without programs.

        Args:
            half: Whether to calculate in bfloat16, where the CPU has it.
            streams: Frames at once.
            in_floats: Names of parts that are not.

        Raises:
            MissingPackageError: OpenVINO is not installed.
        """
        self._core = _core()
        self._in_floats = frozenset(in_floats)
        self._threads = {"INFERENCE_NUM_THREADS": streams, "NUM_STREAMS": streams}
        half = half and has_bfloat16(self._core)
        self.precision = "bfloat16" if half else "float32"
        """What it calculates in; on a processor without bfloat16 always float32."""
        self._programs: OrderedDict[Key, _Program] = OrderedDict()
        self._making = threading.Lock()

    def run(self, part: GraphPart, inputs: Sequence[Plane]) -> list[Plane]:
        """Return the outputs, which this thread's next run of the same program replaces."""
        shapes = () if part.name in OF_ANY_SIZE else (array.shape for array in inputs)
        key = part.key, *shapes
        with self._making:
            if key not in self._programs:
                self._programs[key] = _Program(self._compiled(part, inputs))
                while len(self._programs) > PROGRAMS_MAX:
                    self._programs.popitem(last=False)
            program = self._programs[key]
            self._programs.move_to_end(key)
        outputs = program.request().infer(list(inputs), share_inputs=True, share_outputs=True)
        return [outputs[at] for at in range(len(outputs))]

    def _compiled(self, part: GraphPart, inputs: Sequence[Plane]) -> Any:
        model = self._core.read_model(part.serialized())
        if part.name not in OF_ANY_SIZE:
            model.reshape({at: list(array.shape) for at, array in enumerate(inputs)})
        hint = {"INFERENCE_PRECISION_HINT": self._precision_of(part)}
        return self._core.compile_model(model, "CPU", hint | self._threads)

    def _precision_of(self, part: GraphPart) -> str:
        half = self.precision == "bfloat16" and part.name not in self._in_floats
        return "bf16" if half else "f32"


def bfloat16_of() -> bool:
    """
    Return whether this processor has bfloat16; see `has_bfloat16`.

    Raises:
        MissingPackageError: OpenVINO is not installed, or can't be loaded.
    """
    return has_bfloat16(_core())


def _core() -> Any:
    """
    Return the process's one way into OpenVINO, which lasts as long as the process.

    Where the CPU has AMX, it gives the thread that first uses it a stack for signals. Should it go on
    another thread, that stack goes with it, and the next Ctrl-C ends the process without a word.
    """
    with _loading:
        return _core_of(_package())


@cache
def _core_of(openvino: Any) -> Any:
    # The first array looks NumPy up under a lock, and waits there for the interpreter: two threads
    # whose first arrays meet would wait for each other.
    openvino.Tensor(np.zeros(1, np.float32), shared_memory=True).data  # noqa: B018
    return openvino.Core()


def _package() -> Any:
    """
    Return OpenVINO, without what tells its makers of each import.

    That is sent by a copy of this process, which may wait for ever for a thread that it has not, and
    keep the process from ending.
    """
    kept = sys.modules.get(TELEMETRY)
    # As if it weren't installed, which OpenVINO minds.
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]
    try:
        return require("openvino", extra="openvino", purpose="backend openvino")
    finally:
        if kept is None:
            del sys.modules[TELEMETRY]
        else:
            sys.modules[TELEMETRY] = kept


def has_bfloat16(core: Any) -> bool:
    """Return whether the processor has bfloat16: else to imitate it takes longer than floats do."""
    capabilities: list[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities


class _Program:
    """A part for inputs of one size, and for each thread a way to run it."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._requests = threading.local()

    def request(self) -> Any:
        """Return this thread's."""
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        return self._requests.own
