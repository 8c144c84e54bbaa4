"""
Train sghm-lite in two stages, from what `photos` and `panoramas` beside this file prepared.

    python -m weights.training.train segmentation CACHE RUN --start START.pt
    python -m weights.training.train matting CACHE RUN

Each stage writes `RUN/STAGE.pt` every few minutes and goes on from it when started again; it
leaves `RUN/STAGE_STEP.pt` behind now and then, as the last step is not always the best. The
first trains encoder, ASPP and segmentation decoder on small pictures, as the encoder sees them.
The second leaves these parts as they are, and trains shortcuts and matting decoder on larger
pictures with the network's own mask or a damaged true one.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    binary_cross_entropy_with_logits,
    interpolate,
    max_pool2d,
)
from torch.utils.data import DataLoader, IterableDataset

from sghm_vs.models.sghm.network import SGHM, sghm_lite
from weights.training.camera import degrade, move
from weights.training.guides import damage
from weights.training.losses import dice_loss, matting_loss
from weights.training.samples import Photos

RECIPE = Path(__file__).with_name("recipe.toml")
SAVE_EVERY_S = 240
TRAINED = {"segmentation": ("backbone", "aspp", "decoder"), "matting": ("shortcut", "refine")}
"""The parts that each stage trains. The second goes on from where the first ended."""
STAGES = tuple(TRAINED)


class Batch(NamedTuple):
    """Training pictures; the last `pairs` show what those right before them show, moved by `shift`."""

    images: Tensor
    """(n, 3, h, w), 0-1."""
    alphas: Tensor
    """(n, 1, h, w), 0-1."""
    guides: Tensor
    """Damaged masks, (n, 1, h, w), 0-1."""
    pairs: int = 0
    shift: tuple[int, int] = (0, 0)
    """In pixels, down and right."""

    def to(self, device: str) -> Batch:
        """Return the batch on `device`, its images channels-last."""
        images = self.images.to(device).contiguous(memory_format=torch.channels_last)
        alphas, guides = self.alphas.to(device), self.guides.to(device)
        return self._replace(images=images, alphas=alphas, guides=guides)


class Batches(IterableDataset[Batch]):
    """An endless stream of batches; equal seeds and workers give equal streams."""

    def __init__(self, cache: Path, recipe: dict[str, Any], stage: str, first_step: int) -> None:
        self._cache = cache
        self._recipe = recipe
        self._stage = stage
        self._first_step = first_step

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        # Two pools of threads on few cores hold each other up.
        cv2.setNumThreads(1)
        seed = (self._recipe["seed"], self._first_step, worker.id if worker else 0)
        rng = np.random.default_rng(seed)
        settings = self._recipe[self._stage]
        photos = Photos(self._cache, settings.get("share_worn", 0.0), self._recipe["dropped"])
        while True:
            height, width = settings["shapes_px"][rng.integers(len(settings["shapes_px"]))]
            count = settings["batch_px"] // (height * width)
            pairs = round(settings.get("share_twice", 0) * count)
            drawn = [self._draw(photos, rng, height, width) for _ in range(count - pairs)]
            shift = tuple(int(step) for step in rng.integers(-3, 4, 2))
            drawn += [self._taken_again(rng, *shot, shift) for shot in drawn[len(drawn) - pairs :]]
            images, alphas, guides = (np.stack(part) for part in zip(*drawn, strict=True))
            yield Batch(
                torch.from_numpy(images).permute(0, 3, 1, 2),
                torch.from_numpy(alphas)[:, None],
                torch.from_numpy(guides)[:, None],
                pairs,
                shift,
            )

    def _taken_again(
        self,
        rng: np.random.Generator,
        image: np.ndarray,
        alpha: np.ndarray,
        guide: np.ndarray,
        shift: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        moved = (move(plane, shift) for plane in (image, alpha, guide))
        image, alpha, guide = moved
        return degrade(rng, image), alpha, guide

    def _draw(
        self, photos: Photos, rng: np.random.Generator, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        settings = self._recipe[self._stage]
        lot = rng.random()
        if lot < settings.get("share_real", 0):
            sample = photos.draw_real(rng, height, width)
        elif lot > 1 - settings.get("share_empty", 0):
            sample = photos.draw_empty(rng, height, width)
        else:
            sample = photos.draw_composite(rng, height, width)
        guide = sample.alpha
        if self._stage == "matting":
            guide = damage(rng, sample.alpha, settings["share_added"])
        return sample.image, sample.alpha, guide


def segmentation_loss(network: SGHM, batch: Batch, settings: dict[str, Any]) -> Tensor:
    """
    Return how far the probability of small pictures is from their alpha.

    A pair's two probabilities shall agree as well: what a shift by a few pixels, grain or coding
    changes in one frame, it changes in the next, and the mask would flicker.
    """
    logits = network.decoder(network.encode_sharp(batch.images)).float()
    probability = torch.sigmoid(logits)
    weight = 1 + settings["limb_weight"] * slender(batch.alphas)
    loss = binary_cross_entropy_with_logits(logits, batch.alphas, weight) / weight.mean()
    loss = loss + dice_loss(probability, batch.alphas)
    if batch.pairs:
        before = torch.roll(probability[-2 * batch.pairs : -batch.pairs], batch.shift, (2, 3))
        apart = (before - probability[-batch.pairs :])[..., 4:-4, 4:-4]
        loss = loss + settings["steadiness"] * apart.square().mean()
    return loss


def slender(alphas: Tensor) -> Tensor:
    """Return what of `alphas` (n, 1, h, w) is narrower than an eighth of the picture: limbs."""
    width = min(alphas.shape[2:]) // 16 * 2 + 1
    eroded = -max_pool2d(-alphas, width, 1, width // 2)
    return (alphas - max_pool2d(eroded, width, 1, width // 2)).clamp(min=0)


def guided_matting_loss(network: SGHM, batch: Batch, settings: dict[str, Any]) -> Tensor:
    """Return how far the alphas are from the truth, each picture guided as its lot falls."""
    images, alphas, guides, *_ = batch
    with torch.no_grad():
        # As in frames of 640 and of 1280 px, of which these are crops.
        features = network.encode_small(avg_pool2d(images, 2 + 2 * int(torch.randint(2, ()))))
        probability = interpolate(
            network.segment(features).float(),
            images.shape[-2:],
            mode="bilinear",
            align_corners=False,
        )
        own = (probability > 0.5).float()
        takes_own = (
            torch.rand(len(images), 1, 1, 1, device=images.device) < settings["share_own_mask"]
        )
        mask = torch.where(takes_own, own, guides)
    alphas_found = network.matte(images, features, mask)
    return matting_loss(alphas_found, alphas, solid_weight=settings["solid_weight"])


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


def keep_precise_where_slow(network: SGHM) -> None:
    """
    Compute depthwise convolutions in float32 under a CPU's autocast.

    oneDNN's gradient of them in bfloat16 takes three times longer (0.47 s of a step of 1 s).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = _in_float32(module.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def precise(features: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(features.float()).to(features.dtype)

    return precise


def freeze_others(network: SGHM, stage: str) -> None:
    """Keep what `stage` does not train as it is, batch statistics too."""
    for name, part in network.named_children():
        if name not in TRAINED[stage]:
            part.requires_grad_(False).eval()


def parameter_groups(network: SGHM, stage: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters that `stage` trains, each part with its rate."""
    return [
        {
            "params": list(getattr(network, part).parameters()),
            "lr": settings["rate_encoder" if part == "backbone" else "rate"],
        }
        for part in TRAINED[stage]
    ]


def cosine(settings: dict[str, Any]) -> Callable[[int], float]:
    """Return the schedule: a linear rise, then half a cosine down to zero."""
    warmup, steps = settings["warmup_steps"], settings["steps"]

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + float(np.cos(np.pi * min((step - warmup) / (steps - warmup), 1))))

    return factor


def start_network(stage: str, run: Path, start: Path | None) -> SGHM:
    """Return the network as `stage` begins with it: `start`'s or the stage before's."""
    if start is None:
        if stage == STAGES[0]:
            sys.exit(
                f"{stage} begins with --start FILE; python -m weights.training.movenet makes one"
            )
        start = run / f"{STAGES[STAGES.index(stage) - 1]}.pt"
    network = sghm_lite()
    network.load_state_dict(torch.load(start, weights_only=True, map_location="cpu")["average"])
    return network


def save(path: Path, **state: object) -> None:
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def train(
    stage: str,
    cache: Path,
    run: Path,
    recipe: dict[str, Any],
    device: str,
    start: Path | None = None,
) -> None:
    """Train one stage to its last step, from `run`'s checkpoint if there is one."""
    settings = recipe[stage]
    torch.manual_seed(recipe["seed"])
    torch.set_flush_denormal(True)
    run.mkdir(parents=True, exist_ok=True)
    network = start_network(stage, run, start).to(device, memory_format=torch.channels_last)
    if device == "cpu":
        keep_precise_where_slow(network)
    groups = parameter_groups(network, stage, settings)
    optimizer = torch.optim.AdamW(groups, weight_decay=settings["weight_decay"], fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine(settings))
    average = Average(network, settings["ema"])
    checkpoint, step = run / f"{stage}.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=device)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        average.state, step = saved["average"], saved["step"]

    def keep(path: Path) -> None:
        save(
            path,
            network=network.state_dict(),
            optimizer=optimizer.state_dict(),
            schedule=schedule.state_dict(),
            average=average.state,
            step=step,
        )

    network.train()
    freeze_others(network, stage)
    loader = DataLoader(
        Batches(cache, recipe, stage, step), batch_size=None, num_workers=1, prefetch_factor=4
    )
    saved_at, began, losses = time.monotonic(), time.monotonic(), []
    for batch in loader:
        if step >= settings["steps"]:
            break
        batch = batch.to(device)
        with torch.autocast(device.partition(":")[0], torch.bfloat16):
            if stage == "matting":
                loss = guided_matting_loss(network, batch, settings)
            else:
                loss = segmentation_loss(network, batch, settings)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 5.0)
        optimizer.step()
        schedule.step()
        step += 1
        average.update(network, step)
        losses.append(loss.item())
        if step % 50 == 0:
            pace = (time.monotonic() - began) / len(losses)
            print(f"{stage} {step} loss {np.mean(losses[-50:]):.4f} {pace:.2f} s/step", flush=True)
        if step % settings["snapshot_steps"] == 0:
            keep(run / f"{stage}_{step}.pt")
        if time.monotonic() - saved_at > SAVE_EVERY_S:
            keep(checkpoint)
            saved_at = time.monotonic()
    keep(checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one stage of sghm-lite.")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--start", type=Path, help="checkpoint whose averaged weights to begin with"
    )
    args = parser.parse_args()
    recipe = tomllib.loads(args.recipe.read_text())
    train(args.stage, args.cache, args.run, recipe, args.device, args.start)


if __name__ == "__main__":
    main()
