"""Scores of a public set: made item by item, kept as they are made, told beside what was published."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs

from sghm_vs.errors import SettingsError, cure
from sghm_vs.evaluate.metrics import Matte
from sghm_vs.evaluate.rules import Rules, Scored, Trimap, mean_of, rounded
from sghm_vs.evaluate.sets.base import Item, Part, gray_codes
from sghm_vs.files import parse_json, write_files
from sghm_vs.media.readers import open_source
from sghm_vs.media.readers.images import picture_clip
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.options import DEFAULT_RATE

KIND, VERSION = "sghm set scores", 1

type Frames = Callable[[int], Matte]
"""Returns the matte of a frame of an item: (h, w), 0-1."""
type Measured = Mapping[str, list[float]]
"""What was measured of an item's scored frames, by the rules' names."""


@dataclass(slots=True)
class SetScores:
    """What a set's items have scored so far."""

    name: str
    """Of the set."""
    of: Mapping[str, Any]
    """Whose mattes they are; scores of others are not mixed in."""
    path: Path | None = None
    """Where they are kept."""
    items: dict[str, Measured] = field(default_factory=dict)

    @classmethod
    def resumed(cls, name: str, of: Mapping[str, Any], path: Path) -> SetScores:
        """
        Return what `path` keeps, or nothing yet where it is not there.

        Raises:
            SettingsError: It keeps scores of another set or of other mattes, or can't be read.
        """
        if not path.exists():
            return cls(name, of, path)
        try:
            kept = parse_json(path.read_text(encoding="utf-8"), KIND, VERSION)
            kept_of = kept["set"], kept["of"]
            items = dict(kept["items"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{path} is no file of scores: {error}; move it away, and score again"
            raise SettingsError(msg) from error
        if kept_of != (name, of):
            differ = [word for word in {*of, *kept_of[1]} if of.get(word) != kept_of[1].get(word)]
            what = ", ".join(sorted(differ)) if kept_of[0] == name else f"the set {kept_of[0]}"
            msg = f"{path} has scores with another {what}; {_elsewhere()}"
            raise SettingsError(msg)
        return cls(name, of, path, items)

    def has(self, item: Item, rules: Rules) -> bool:
        """Tell whether `item` is scored by `rules`, with all of its frames."""
        measured = self.items.get(item.name, {})
        return measured.keys() == rules.measures.keys() and all(
            len(values) == len(item.truths) for values in measured.values()
        )

    def keep(self, item: Item, measured: Measured, parts: Sequence[Part]) -> None:
        """Take what was measured of `item`, and write what there is so far."""
        self.items[item.name] = measured
        self.write(parts)

    def write(self, parts: Sequence[Part]) -> None:
        """Write what there is so far, if it is kept."""
        if self.path is not None:
            record = {"kind": KIND, "format": VERSION, **self.report(parts)}
            write_files({self.path: json.dumps(record, indent=1) + "\n"}, overwrite=True)

    def report(self, parts: Sequence[Part]) -> dict[str, Any]:
        """Return the means of each of `parts` beside what was published, and all items' scores."""
        return {
            "set": self.name,
            "of": dict(self.of),
            "parts": {part.name: self._of_part(part) for part in parts},
            "items": {item.name: self.items[item.name] for item in self._scored(parts)},
        }

    def _scored(self, parts: Sequence[Part]) -> list[Item]:
        return [item for part in parts for item in part.items if item.name in self.items]

    def _of_part(self, part: Part) -> dict[str, Any]:
        scored = self._scored([part])
        return {
            "rules": part.rules.paper,
            "units": part.rules.units,
            "scored": len(scored),
            "items": len(part.items),
            "whole": part.whole,
            "mean": mean_of([self.items[item.name] for item in scored]) if scored else {},
            "published": [row._asdict() for row in part.published],
        }


def _elsewhere() -> str:
    return cure(script="keep these elsewhere", typed="give another -o DIR")


def score_item(
    item: Item,
    rules: Rules,
    frame: Frames,
    truth: Callable[[Path], Matte],
    progress: Callable[[], None],
) -> dict[str, list[float]]:
    """
    Return what `rules` measure of an item, by frame.

    Args:
        item: A picture or a clip.
        rules: Of the part that it is in.
        frame: Returns its mattes; asked for frames with a truth alone, in their order.
        truth: Returns the matte in a file.
        progress: Called after each frame.

    Raises:
        SettingsError: A matte is of another size than its truth.
    """
    measured: dict[str, list[float]] = {name: [] for name in rules.measures}
    last_error: Matte | None = None
    for n, path in item.truths.items():
        alpha = rounded(frame(n)) if rules.is_8_bit else frame(n)
        scored = Scored(alpha, truth(path), _trimap(item, rules), last_error)
        try:
            scores = rules.score(scored)
        except SettingsError as error:
            msg = f"{item.name}, frame {n}: {error}" if item.is_clip else f"{item.name}: {error}"
            raise SettingsError(msg) from error
        for name, score in scores.items():
            measured[name].append(score)
        last_error = scored.error
        progress()
    return measured


def matte_reader(channel: str | None = None) -> Callable[[Path], Matte]:
    """Return the function that reads a matte's file, (h, w), 0-1; what it takes is said once."""
    told: list[Path] = []

    def read(path: Path) -> Matte:
        clip = open_matte(path, channel, is_told=not told).clip
        told[:] = [path]
        with clip.get_frame(0) as frame:
            return np.asarray(frame[0], np.float64)

    return read


def opened(
    item: Item, masks: Sequence[Path] | None, channel: str | None = None
) -> tuple[vs.VideoNode, vs.VideoNode | None]:
    """
    Return the clip of an item, and that of its masks if there are some.

    Raises:
        SettingsError: They differ in size.
        SourceError: A file can't be read.
    """
    clip = (
        picture_clip(item.images, DEFAULT_RATE)
        if item.is_clip
        else open_source(item.images[0]).clip
    )
    if masks is None:
        return clip, None
    mattes = [open_matte(path, channel, is_told=not n).clip for n, path in enumerate(masks)]
    for path, matte in zip(masks, mattes, strict=True):
        if (matte.width, matte.height) != (clip.width, clip.height):
            msg = (
                f"{path} is {matte.width}x{matte.height}, and {item.images[0]} "
                f"{clip.width}x{clip.height}; a mask has the size of what it is of"
            )
            raise SettingsError(msg)
    return clip, vs.core.std.Splice(mattes)


def _trimap(item: Item, rules: Rules) -> Trimap | None:
    if item.trimap is None or not rules.needs_trimap:
        return None
    return gray_codes(item.trimap)


def table(report: Mapping[str, Any], ours: str) -> str:
    """Return the means of `report` as text, `ours` above what was published of others."""
    return "\n\n".join(_part_table(name, part, ours) for name, part in report["parts"].items())


def _part_table(name: str, part: Mapping[str, Any], ours: str) -> str:
    measures = list(part["mean"])
    rows = [(ours, part["mean"], "")]
    rows += [(row["method"], row["scores"], _source(row)) for row in part["published"]]
    width = max(len(method) for method, _, _ in rows)
    head = f"{'':<{width}} " + "".join(f"{measure:>9}" for measure in measures)
    lines = [
        f"{method:<{width}} " + "".join(_cell(scores.get(one)) for one in measures) + f"  {source}"
        for method, scores, source in rows
    ]
    title = f"{name}: {part['scored']} of {part['items']}, by the rules of {part['rules']}"
    return "\n".join([title, part["units"], head, *(line.rstrip() for line in lines)])


def _cell(score: float | None) -> str:
    return f"{'-':>9}" if score is None else f"{score:>9.4g}"


def _source(row: Mapping[str, Any]) -> str:
    return f"{row['source']}{' (second hand)' if row['is_second_hand'] else ''}"
