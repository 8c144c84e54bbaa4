"""
Score a model on stills by the scoring tool, through the same pipeline as the filter.

    python -m weights.training.report SCORE.py DATA WORK [--model NAME|PATH]
    python -m weights.training.report SCORE.py DATA WORK --model PATH --report

DATA holds `report/` with the sets that the tool reads. A DATA that `choose --write` made, of pictures
held back from training, may be scored as often as needed: weights are chosen by it. Any other is
reported on: that takes `--report`, appends date, hash and every figure to `weights/REPORTS.md`, and
is refused after three times, so that nothing is chosen by what is reported. Mattes and composed
pictures go to WORK. Composed sets are matted by the network's own mask and by each guide.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from sghm_vs.filter.engine import load_pipeline
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.weights import find_weights
from sghm_vs.options import Settings
from weights.training.choose import HELD_MARK, held_to

REPORTS = Path("weights/REPORTS.md")
REPORTS_MAX = 3
COMPOSED = ("hair_over", "rendered_over")
READ = ("portraits", "groups", "street", "nobody")
GUIDES = ("own", "exact", "low", "rough")
HEADING = "## "

type Figures = dict[str, dict[str, float]]


class Job(NamedTuple):
    """A picture to matte."""

    image: Path
    guide: Path | None
    target: Path


def jobs(data: Path, work: Path) -> Iterator[Job]:
    """Yield what is to be matted: composed sets by each guide, the others by the network's own mask."""
    for name in COMPOSED:
        for image in sorted((work / name / "img").glob("*.png")):
            for kind in GUIDES:
                guide = None if kind == "own" else work / name / kind / image.name
                yield Job(image, guide, work / f"mattes_{kind}" / name / f"{image.stem}.png")
    for name in READ:
        folder = data / "report" / name
        folder = folder / "img" if (folder / "img").is_dir() else folder
        for image in sorted(folder.iterdir()) if folder.is_dir() else ():
            yield Job(image, None, work / "mattes_own" / name / f"{image.stem}.png")


def matte(pipeline: Pipeline, job: Job) -> None:
    """Write the 16-bit alpha of a picture at its own size."""
    color = cv2.imread(str(job.image), cv2.IMREAD_COLOR_RGB)
    picture = torch.from_numpy(np.ascontiguousarray(color)).permute(2, 0, 1)[None].float() / 255
    guide: Tensor | None = None
    if job.guide is not None:
        mask = cv2.imread(str(job.guide), cv2.IMREAD_GRAYSCALE)
        guide = torch.from_numpy(mask)[None, None].float() / 255
    alpha = pipeline.matte(picture, guide)
    if guide is not None:
        alpha = held_to(guide, alpha)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(job.target), (alpha[0, 0].numpy() * 65535 + 0.5).astype(np.uint16))


def scored(tool: Path, data: Path, work: Path) -> Figures:
    """Return the tool's figures of all mattes in `work`."""
    figures: Figures = {}
    for kind in GUIDES:
        target = work / f"figures_{kind}.json"
        _run(tool, "score", data, work, work / f"mattes_{kind}", "--json", target)
        for name, row in json.loads(target.read_text()).items():
            figures[name if kind == "own" else f"{name}, {kind}"] = row
    return figures


def table(figures: Figures) -> str:
    """Return `figures` as Markdown."""
    columns = list(dict.fromkeys(key for row in figures.values() for key in row))
    lines = ["| set | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in figures.items():
        cells = [f"{row[column]:.4g}" if column in row else "" for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reports_so_far(path: Path) -> int:
    """Return how many reports `path` holds."""
    return path.read_text().count(f"\n{HEADING}") if path.exists() else 0


def append(path: Path, weights: Path, figures: Figures) -> None:
    """Add a report to `path`: the last one counts, whatever it says."""
    said = (
        path.read_text() if path.exists() else "# Reports\n\nThree in all; the last one counts.\n"
    )
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    path.write_text(f"{said}\n{HEADING}{date}, sha256 {digest}\n\n{table(figures)}\n")


def _run(tool: Path, *words: object) -> None:
    subprocess.run([sys.executable, str(tool), *map(str, words)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("tool", type=Path, metavar="SCORE.py")
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    is_held = (args.data / HELD_MARK).exists()
    if not is_held and not args.report:
        sys.exit(
            f"{args.data} is reported on, not chosen by: add --report, or give what choose --write made"
        )
    if args.report and is_held:
        sys.exit(f"{args.data} is chosen by, so it is no report: leave --report out")
    if args.report and (count := reports_so_far(REPORTS)) >= REPORTS_MAX:
        sys.exit(f"{REPORTS} holds {count} reports already, and {REPORTS_MAX} is all there are")
    torch.set_num_threads(1)
    weights = find_weights(args.model)
    pipeline = load_pipeline(weights, Settings(tr=0), Compute(torch.device("cpu")))
    if not (args.work / COMPOSED[-1]).exists():
        _run(args.tool, "compose", args.data, args.work)
    with torch.inference_mode():
        for job in jobs(args.data, args.work):
            matte(pipeline, job)
    figures = scored(args.tool, args.data, args.work)
    print(table(figures))
    if args.report:
        append(REPORTS, weights.path, figures)


if __name__ == "__main__":
    main()
