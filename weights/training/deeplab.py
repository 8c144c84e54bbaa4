"""
Begin with an encoder that knows what people are: the one in DeepLabv3's public weights.

    python -m weights.training.deeplab deeplabv3_mnv2_pascal_quant.tflite START.safetensors

The file is in google-coral/test_data (Apache-2.0). Its MobileNetV2 has our encoder's layers, norms
folded; 8-bit values become floats. The other parts begin at random, from `--seed`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sghm_vs.models.sghm.encoder import MobileNetV2Encoder
from sghm_vs.models.sghm.network import sghm_lite_10


class Tensors:
    """The tensors of a TensorFlow Lite file, as floats."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._file = Interpreter(str(path), experimental_preserve_all_tensors=True)
        self._file.allocate_tensors()
        self._found: list[dict[str, Any]] = self._file.get_tensor_details()

    def layer(self, name: str, *, depthwise: bool) -> tuple[Tensor, Tensor]:
        """Return kernel, as torch has it, and bias of the convolution `name`."""
        mine = [found for found in self._found if found["name"].startswith(f"{name}/")]
        kernels = [
            t
            for t in mine
            if len(t["shape"]) == 4 and t["dtype"] is np.uint8 and _is_kernel(t["shape"], depthwise)
        ]
        biases = [t for t in mine if len(t["shape"]) == 1 and t["dtype"] is np.int32]
        (kernel,), (bias,) = kernels, biases
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        return self._floats(kernel).permute(order).contiguous(), self._floats(bias)

    def _floats(self, found: dict[str, Any]) -> Tensor:
        scales, zeros = (found["quantization_parameters"][key] for key in ("scales", "zero_points"))
        codes = self._file.get_tensor(found["index"]).astype(np.float32)
        return torch.from_numpy((codes - zeros[0]) * scales[0])


def _is_kernel(shape: np.ndarray, depthwise: bool) -> bool:
    if depthwise:
        return bool(shape[0] == 1 and shape[1] == shape[2] == 3)
    return bool(shape[0] != 1 and shape[1] == shape[2] and shape[1] in (1, 3))


def fill(encoder: MobileNetV2Encoder, tensors: Tensors) -> None:
    """Give `encoder` the weights of the file."""
    _put(encoder.stem, [tensors.layer("MobilenetV2/Conv", depthwise=False)])
    blocks = [*encoder.stage1, *encoder.stage2, *encoder.stage3, *encoder.stage4]
    for number, block in enumerate(blocks):
        name = f"MobilenetV2/expanded_conv_{number}" if number else "MobilenetV2/expanded_conv"
        parts = ("expand", "depthwise", "project") if number else ("depthwise", "project")
        _put(
            block,
            [tensors.layer(f"{name}/{part}", depthwise=part == "depthwise") for part in parts],
        )


def _put(block: nn.Module, layers: list[tuple[Tensor, Tensor]]) -> None:
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    for convolution, (kernel, bias) in zip(convolutions, layers, strict=True):
        if convolution.weight.shape != kernel.shape or convolution.bias is None:
            msg = f"a kernel is {tuple(kernel.shape)} and must be {tuple(convolution.weight.shape)}"
            raise SystemExit(msg)
        convolution.weight.data.copy_(kernel)
        convolution.bias.data.copy_(bias)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("tflite", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    network = sghm_lite_10()
    fill(network.backbone, Tensors(args.tflite))
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, args.start)


if __name__ == "__main__":
    main()
