"""
Train a half of sghm-lite from a pack of pictures; see `pack`.

    python -m weights.training.train segmentation PACK RUN --start START.safetensors
    python -m weights.training.train matting PACK RUN --start START.safetensors

Each writes `RUN/STAGE.pt` every few minutes and goes on from it when started again, with averaged
weights in `RUN/STAGE_STEP.safetensors` now and then. The first trains the encoder's last stage, ASPP
and segmentation decoder on pictures as the encoder sees them. The second trains the refiner on crops
at the pictures' own scale, guided by masks that are damaged in every way. Neither changes the
encoder's first stages, which both look at: they can run side by side, in any order. Pictures are made
on the device that trains.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate, max_pool2d

from sghm_vs.matting.refinement import Bounds, bounds
from sghm_vs.matting.sizing import PUBLISHED_SHORT_SIDE
from sghm_vs.models.sghm.design import LIGHT_LONG_SIDE_PX
from sghm_vs.models.sghm.network import LightSGHM, sghm_lite_10
from weights.training.library import Library
from weights.training.losses import dice_loss, matting_loss
from weights.training.samples import Batch, matting_batch, segmentation_batch

RECIPE = Path(__file__).with_name("recipe.toml")
SAVE_EVERY_S = 120
TRAINED = {
    "segmentation": ("backbone.stage4", "aspp", "decoder"),
    "matting": ("refine",),
}
"""The parts that each stage trains."""
STAGES = tuple(TRAINED)
SHORT_OF_LONG = 2 / 3
"""The short side of a frame, of its long one, as crops are taken to come from."""

type Settings = dict[str, Any]


def batches(
    library: Library, settings: Settings, stage: str, seed: int, step: int
) -> Iterator[Batch]:
    """Yield the batches of `stage` from `step` on: each depends on its number alone."""
    draw = segmentation_batch if stage == "segmentation" else matting_batch
    while True:
        rng = np.random.default_rng((seed, step))
        height, width = settings["shapes_px"][int(rng.integers(len(settings["shapes_px"])))]
        count = max(settings["batch_px"] // (height * width), 2)
        yield draw(rng, library, (height, width), count)
        step += 1


def segmentation_loss(network: LightSGHM, batch: Batch, settings: Settings) -> Tensor:
    """Return how far the probability of a person is from the alpha; errors at edges weigh more."""
    logits = network.decoder(network.encode_small(batch.images)).float()[:, :1]
    truth = batch.alphas
    edge = _highest_around(truth) + _highest_around(-truth)
    weight = 1 + settings["edge_weight"] * edge
    loss = (binary_cross_entropy_with_logits(logits, truth, reduction="none") * weight).mean()
    return loss + settings["dice_weight"] * dice_loss(torch.sigmoid(logits), truth)


def _highest_around(planes: Tensor) -> Tensor:
    """Return the maximum of some 9x9 px around each of `planes` (n, 1, h, w), of even sides."""
    # Of blocks of 2x2 px: a seventh of a step's time less.
    return interpolate(max_pool2d(max_pool2d(planes, 2), 5, 1, 2), scale_factor=2.0)


def guided_loss(network: LightSGHM, batch: Batch, settings: Settings) -> Tensor:
    """Return how far the alphas are from the truth, each picture guided by its own mask."""
    scale = settings["small_scales"][int(torch.randint(len(settings["small_scales"]), ()))]
    size = [max(round(side / scale / 16), 1) * 16 for side in batch.images.shape[2:]]
    small = interpolate(batch.images, size, mode="bilinear", antialias=True, align_corners=False)
    with torch.no_grad():
        features = network.encode_small(small)
    coarse, os1 = network.refined(batch.images, features, batch.guides)
    reach = scale * LIGHT_LONG_SIDE_PX * SHORT_OF_LONG / PUBLISHED_SHORT_SIDE
    held = [bounds(guide[None], scale=reach) for guide in batch.guides]
    together = Bounds(*(torch.cat(planes) for planes in zip(*held, strict=True)))
    return matting_loss(coarse, os1, batch.alphas, together)


class Average:
    """An exponential moving average of a network's parameters and statistics."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}

    def update(self, network: nn.Module, step: int) -> None:
        """Move the average toward `network`; early steps count more."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value, 1 - decay)
            else:
                self.state[key].copy_(value)


def trains_in_bfloat16(device: str) -> bool:
    """Return whether `device` has bfloat16: a CPU without it takes several times longer."""
    return device != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def keep_precise_where_slow(network: nn.Module) -> None:
    """
    Compute depthwise convolutions in float32 under a CPU's autocast.

    oneDNN's gradient of them in bfloat16 takes three times longer.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = _in_float32(module.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def precise(features: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(features.float()).to(features.dtype)

    return precise


def parameter_groups(network: nn.Module, stage: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the parameters that `stage` trains, each part with its rate; freeze the others."""
    network.requires_grad_(requires_grad=False).eval()
    groups = []
    for name in TRAINED[stage]:
        part = network.get_submodule(name).requires_grad_().train()
        rate = settings["rate_encoder" if name.startswith("backbone") else "rate"]
        groups.append({"params": list(part.parameters()), "lr": rate})
    return groups


def factor_at(step: int, settings: Settings) -> float:
    """Return what of the rate holds at `step`: a linear rise, then half a cosine."""
    warmup, steps = settings["warmup_steps"], settings["steps"]
    if step < warmup:
        return (step + 1) / warmup
    along = min((step - warmup) / max(steps - warmup, 1), 1)
    return 0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * along)))


def load(network: nn.Module, path: Path) -> None:
    """Give `network` the tensors in `path` that it has, of a .safetensors file or a checkpoint."""
    if path.suffix == ".safetensors":
        state = load_file(path)
    else:
        state = torch.load(path, weights_only=True, map_location="cpu")["average"]
    mine = network.state_dict()
    fitting = {
        key: value.float()
        for key, value in state.items()
        if key in mine and mine[key].shape == value.shape
    }
    network.load_state_dict({**mine, **fitting})


class Run:
    """
    A stage's training: network, optimizer, average; goes on from a checkpoint if there is one.

    Args of the constructor:
        stage: "segmentation" or "matting".
        folder: Where checkpoints lie.
        recipe: All of `recipe.toml`.
        device: Where it trains.
        start: Weights to begin with.
        minutes: If given, the rate falls with the time used, so that the run ends well then.
    """

    def __init__(
        self,
        stage: str,
        folder: Path,
        recipe: dict[str, Any],
        *,
        device: str = "cpu",
        start: Path | None = None,
        minutes: float | None = None,
    ) -> None:
        self.stage, self.settings, self.seed = stage, recipe[stage], recipe["seed"]
        self.folder, self.device, self.minutes = folder, device, minutes
        self.checkpoint = folder / f"{stage}.pt"
        torch.manual_seed(self.seed)
        self.network = sghm_lite_10()
        if start is not None:
            load(self.network, start)
        self.network = self.network.to(device, memory_format=torch.channels_last)
        self.in_bfloat16 = trains_in_bfloat16(device)
        if device == "cpu" and self.in_bfloat16:
            keep_precise_where_slow(self.network)
        groups = parameter_groups(self.network, stage, self.settings)
        self.rates = [group["lr"] for group in groups]
        decay = self.settings["weight_decay"]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=decay, fused=True)
        self.average = Average(self.network, self.settings["ema"])
        self.step, self.used_s = 0, 0.0
        if self.checkpoint.exists():
            self._restore()

    def _restore(self) -> None:
        saved = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.average.state = saved["average"]
        self.step, self.used_s = saved["step"], saved["used_s"]

    def keep(self) -> None:
        """Write the checkpoint, whole or not at all."""
        part = self.checkpoint.with_suffix(".part")
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "step": self.step,
            "used_s": self.used_s,
        }
        torch.save(state, part)
        part.replace(self.checkpoint)

    def keep_snapshot(self) -> None:
        """Write the averaged weights as they are now, beside the earlier ones."""
        state = {key: value.contiguous() for key, value in self.average.state.items()}
        save_file(state, self.folder / f"{self.stage}_{self.step}.safetensors")

    @property
    def progress(self) -> float:
        """How much of the run is done, 0-1."""
        if self.minutes is None:
            return self.step / float(self.settings["steps"])
        return self.used_s / (60 * self.minutes)

    def learn(self, batch: Batch) -> Tensor:
        """Take one step; return its loss."""
        factor = factor_at(int(self.progress * self.settings["steps"]), self.settings)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        images = batch.images.contiguous(memory_format=torch.channels_last)
        loss_of = segmentation_loss if self.stage == "segmentation" else guided_loss
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=self.in_bfloat16):
            loss = loss_of(self.network, batch._replace(images=images), self.settings)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 5.0)
        self.optimizer.step()
        self.step += 1
        self.average.update(self.network, self.step)
        return loss.detach()


def train(
    stage: str,
    pack: Path,
    folder: Path,
    recipe: dict[str, Any],
    *,
    device: str = "cpu",
    start: Path | None = None,
    minutes: float | None = None,
    save_every_s: float = SAVE_EVERY_S,
) -> None:
    """Train one stage to its end, from `folder`'s checkpoint if there is one; see `Run`."""
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(stage, folder, recipe, device=device, start=start, minutes=minutes)
    settings, library, losses = recipe[stage], Library(pack, device), []
    last = saved_at = time.monotonic()
    for batch in batches(library, settings, stage, run.seed, run.step):
        if run.progress >= 1:
            break
        losses.append(run.learn(batch))
        now = time.monotonic()
        run.used_s, last = run.used_s + now - last, now
        if run.step % settings["report_steps"] == 0:
            mean, pace = torch.stack(losses).mean().item(), run.used_s / run.step
            print(f"{stage} {run.step} loss {mean:.4f} {pace:.2f} s/step", flush=True)
            losses.clear()
        if run.step % settings["snapshot_steps"] == 0:
            run.keep_snapshot()
        if now - saved_at > save_every_s:
            run.keep()
            saved_at = now
    run.keep()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("pack", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--start", type=Path, help="weights to begin with")
    parser.add_argument("--minutes", type=float, help="end after so many, instead of by steps")
    parser.add_argument("--save-every", type=float, default=SAVE_EVERY_S, metavar="SECONDS")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if args.start is None and not (args.run / f"{args.stage}.pt").exists():
        sys.exit(
            f"{args.stage} begins with --start FILE; python -m weights.training.deeplab makes one"
        )
    torch.set_num_threads(args.threads)
    recipe = tomllib.loads(args.recipe.read_text())
    train(
        args.stage,
        args.pack,
        args.run,
        recipe,
        device=args.device,
        start=args.start,
        minutes=args.minutes,
        save_every_s=args.save_every,
    )


if __name__ == "__main__":
    main()
