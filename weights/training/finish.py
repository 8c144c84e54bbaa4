"""
Write the averaged weights of both halves as the file that ships.

    python -m weights.training.finish SEGMENTATION MATTING sghm-lite.safetensors [--outline 0.5]
    python -m weights.training.finish SEGMENTATION MATTING PATH --mean-with WEIGHTS [--share 0.5]

SEGMENTATION and MATTING are checkpoints (.pt) or snapshots (.safetensors) of `train`. `--outline` says
which probability, 0-1, is the outline of a person; what is written has it at one half. `--mean-with`
takes the mean of SEGMENTATION, of which `--share` counts, and of the weights that it began with: what a
short run learns comes in without what it forgets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from sghm_vs.models.sghm.network import LightSGHM, sghm_lite_10
from weights.training.train import TRAINED, load


def joined(
    segmentation: Path,
    matting: Path,
    outline: float,
    mean_with: Path | None = None,
    share: float = 0.5,
) -> LightSGHM:
    """Return the network of two runs whose encoders begin alike, its outline at one half."""
    network, other = sghm_lite_10(), sghm_lite_10()
    load(network, segmentation)
    load(other, matting)
    if mean_with is not None:
        begun = sghm_lite_10()
        load(begun, mean_with)
        network = between(begun, network, share)
    frozen = [key for key in network.state_dict() if not _is_trained(key)]
    mine, theirs = network.state_dict(), other.state_dict()
    if any(not torch.equal(mine[key], theirs[key]) for key in frozen):
        msg = (
            f"{segmentation} and {matting} do not share the encoder's first stages: "
            "start both from one file"
        )
        raise SystemExit(msg)
    network.refine.load_state_dict(other.refine.state_dict())
    network.decoder.conv4.bias.data -= torch.logit(torch.tensor(outline))
    return network


def between(begun: LightSGHM, trained: LightSGHM, share: float) -> LightSGHM:
    """Return `begun` moved toward `trained` by `share`, 0-1."""
    ends = trained.state_dict()
    state = {
        key: value.lerp(ends[key], share) if value.is_floating_point() else value
        for key, value in begun.state_dict().items()
    }
    begun.load_state_dict(state)
    return begun


def _is_trained(key: str) -> bool:
    return any(key.startswith(f"{part}.") for parts in TRAINED.values() for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("segmentation", type=Path)
    parser.add_argument("matting", type=Path)
    parser.add_argument("path", type=Path)
    parser.add_argument("--outline", type=float, default=0.5)
    parser.add_argument("--mean-with", type=Path, metavar="WEIGHTS")
    parser.add_argument("--share", type=float, default=0.5)
    args = parser.parse_args()
    if not 0 <= args.share <= 1:
        parser.error(f"--share is {args.share} and must be a part between 0 and 1")
    if not 0 < args.outline < 1:
        parser.error(f"--outline is {args.outline} and must be a probability between 0 and 1")
    network = joined(args.segmentation, args.matting, args.outline, args.mean_with, args.share)
    state = network.state_dict()
    halved = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in state.items()
    }
    save_file(halved, args.path)


if __name__ == "__main__":
    main()
