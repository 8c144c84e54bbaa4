"""
Write the averaged weights of a finished run as the file that ships.

    python -m weights.training.finish RUN weights/sghm-lite.safetensors [--outline 0.76]

Limbs that weigh more than other pixels make segmentation too sure of people. `--outline` says which
probability, 0-1, is their outline in fact; what is written has it at one half.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from weights.training.train import STAGES


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a run's averaged weights, half precision.")
    parser.add_argument("run", type=Path)
    parser.add_argument("path", type=Path)
    parser.add_argument("--outline", type=float, default=0.5)
    args = parser.parse_args()
    if not 0 < args.outline < 1:
        parser.error(f"--outline is {args.outline} and must be a probability between 0 and 1")
    trained = torch.load(args.run / f"{STAGES[-1]}.pt", weights_only=True, map_location="cpu")[
        "average"
    ]
    trained["decoder.conv4.bias"] -= torch.logit(torch.tensor(args.outline))
    halved = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in trained.items()
    }
    save_file(halved, args.path)


if __name__ == "__main__":
    main()
