"""
The networks for VapourSynth's plug-ins of vs-mlrt: two graphs, which nodes of theirs run.

`sghm_vs.filter.plugin_engine` makes the nodes.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from sghm_vs.errors import SettingsError, cure, require
from sghm_vs.models.architectures import Architecture
from sghm_vs.models.arrays import Model
from sghm_vs.models.backends.device import Compute
from sghm_vs.options import Backend


@dataclass(frozen=True)
class PluginNetwork:
    """A network as a plug-in takes it."""

    backend: str
    """The plug-in's namespace: `core.ort`, `core.ov`."""
    precision: str
    row: Architecture
    segmentation: bytes
    """Files of ONNX; see `sghm_vs.models.graphs.export`."""
    matting: bytes
    matting_in_squares: bytes | None
    """The same with the finest alpha only where it is looked at, for pictures that a square fits into;
    None of a network without a refiner."""
    package: str
    """What brings the plug-in."""

    @property
    def trusts_mask(self) -> bool:
        """Whether its segmentation is steadier than its matting; so it is of a light network."""
        return self.row.trusts_mask


CLASSES = {"ORT_CPU": "ort", "OV_CPU": "ov"}
"""Of vsmlrt's `Backend`, those whose objects are understood, and what they mean here."""
PACKAGES = {"ort": "vapoursynth-mlrt-ort", "ov": "vapoursynth-mlrt-ov"}
"""By the plug-in's namespace."""
READS_CONFIG = "ORT_LOAD_CONFIG_FROM_MODEL"
"""While this is 1, ONNX Runtime takes how a session runs from the file's own `ort_config`."""
_environment = threading.Lock()


def place(model: Model, compute: Compute) -> PluginNetwork:
    """
    Return the network of `model` for the plug-in that the backend of `compute` names.

    Raises:
        MissingPackageError: onnx is not installed.
        SettingsError: Half precision is asked for.
        WeightsError: They fit no network.
    """
    name = compute.backend
    if compute.fp16:
        how = cure(script="fp16=False", typed="--no-fp16")
        msg = f"backend {name} has no half precision here; use {how}"
        raise SettingsError(msg)
    require("onnx", extra="onnxruntime", purpose=f"backend {name}")
    from sghm_vs.models.graphs.export import matting, matting_in_squares, segmentation
    from sghm_vs.models.graphs.network import checked, written

    read = checked(model)
    parts = [segmentation, matting]
    if model.row.has_refiner:
        parts.append(matting_in_squares)
    see, matte, *cut = (written(read, part, part.__name__).SerializeToString() for part in parts)
    return PluginNetwork(
        name, "float32", model.row, see, matte, cut[0] if cut else None, PACKAGES[name]
    )


def on_one_thread(graph: bytes) -> bytes:
    """
    Return the file `graph` with the word that a session of ONNX Runtime runs it on one thread.

    The plug-in asks for one on each core: they wait for each other by turning in circles, and how
    many there are changes the last bits.
    """
    import onnx

    said = onnx.ModelProto()
    options = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
    onnx.helper.set_model_props(said, {"ort_config": json.dumps({"session_options": options})})
    # Messages one after the other are one, with the fields of both.
    return graph + cast("bytes", said.SerializeToString())


@contextmanager
def config_of_graphs() -> Iterator[None]:
    """Have ONNX Runtime read what `on_one_thread` writes, in nodes that are made meanwhile."""
    with _environment:
        before = os.environ.get(READS_CONFIG)
        os.environ[READS_CONFIG] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[READS_CONFIG]
            else:
                os.environ[READS_CONFIG] = before


def in_our_words(
    backend: object, num_streams: int, fp16: bool | None
) -> tuple[Backend, int, bool | None]:
    """
    Return a backend, how many streams, and half precision, in the filter's words.

    Args:
        backend: In the filter's words, or an object of vsmlrt's, as `Backend.ORT_CPU(num_streams=2)`:
            its `num_streams` and `fp16` count where the others are not given.
        num_streams: As the filter takes it.
        fp16: As the filter takes it.

    Raises:
        SettingsError: The object is one of vsmlrt's that is not understood.
    """
    kind = type(backend)
    streams_of_its = getattr(backend, "num_streams", None)
    if streams_of_its is None or not kind.__name__.isupper():
        return cast("Backend", backend), num_streams, fp16
    if kind.__name__ not in CLASSES:
        known = " and ".join(f"Backend.{name}" for name in CLASSES)
        msg = (
            f"backend is Backend.{kind.__name__}, and of vsmlrt's {known} are understood; for others "
            "write the networks with sghm weights export, and see docs/onnx.md"
        )
        raise SettingsError(msg)
    streams = num_streams or int(streams_of_its)
    half = bool(getattr(backend, "fp16", False)) if fp16 is None else fp16
    return cast("Backend", CLASSES[kind.__name__]), streams, half
