"""
RobustVideoMatting by OpenVINO, from a movie to FFV1: a process of its own.

    python -m benchmarks.rvm convert SOURCE WIDTH HEIGHT RATIO NETWORK.xml
    python -m benchmarks.rvm run NETWORK.xml MOVIE OUT.mkv
"""

from __future__ import annotations

import sys
from typing import Any

import av
import numpy as np

# What tells OpenVINO's makers of each import does so by a fork, which may never end.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def convert(source: str, width: str, height: str, ratio: str, network: str) -> None:
    """
    Write RobustVideoMatting with random weights as OpenVINO reads it, in float32.

    Args:
        source: Folder that holds `model/` of its source.
        width: Of pictures.
        height: Of pictures.
        ratio: Size of the small picture, as a part of that.
        network: The file to write, NAME.xml.
    """
    import openvino
    import torch

    sys.path.insert(0, source)
    from model import MattingNetwork  # type: ignore[import-not-found]

    class OfOneRatio(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.network = MattingNetwork("mobilenetv3").eval()

        def forward(self, picture: Any, *states: Any) -> Any:
            return self.network(picture, *states, downsample_ratio=float(ratio))[1:]

    picture = torch.zeros(1, 3, int(height), int(width))
    with torch.no_grad():
        states = OfOneRatio()(picture, None, None, None, None)[1:]
    inputs = picture, *states
    shapes = [tuple(value.shape) for value in inputs]
    graph = openvino.convert_model(OfOneRatio(), example_input=inputs, input=shapes)
    openvino.save_model(graph, network, compress_to_fp16=False)


def run(network: str, movie: str, out: str) -> None:
    """Matte `movie` by `network`, frame after frame, into `out`."""
    import openvino

    core = openvino.Core()
    request = core.compile_model(
        network, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    ).create_infer_request()
    states: list[Any] | None = None
    with av.open(movie) as source, av.open(out, "w") as target:
        taken: Any = source.streams.video[0]
        taken.thread_type = "AUTO"
        made: Any = target.add_stream("ffv1", rate=taken.average_rate)
        made.width, made.height, made.pix_fmt = taken.width, taken.height, "gray"
        for frame in source.decode(taken):
            rgb = frame.to_ndarray(format="rgb24")
            picture = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32) / 255
            states = states or _nothing(request)
            request.infer([picture, *states])
            alpha, *states = (request.get_output_tensor(n).data.copy() for n in range(5))
            codes = np.rint(255 * alpha[0, 0]).astype(np.uint8)
            target.mux(made.encode(av.VideoFrame.from_ndarray(codes, format="gray")))
        target.mux(made.encode())


def _nothing(request: Any) -> list[Any]:
    return [np.zeros(tensor.shape, np.float32) for tensor in request.input_tensors[1:]]


if __name__ == "__main__":
    (convert if sys.argv[1] == "convert" else run)(*sys.argv[2:])
