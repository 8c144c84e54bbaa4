"""How fast footage is matted, beside a plain forward pass of the same weights."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from benchmarks.timing import Case, Row, check, endure, measure
from sghm_vs.cli import options

if TYPE_CHECKING:
    from sghm_vs.options import Matting

SIZES = (960, 540), (1280, 720), (1920, 1080), (3840, 2160)
RADII = 0, 2
FRAMES = 24
FRAMES_ON_CUDA = 240
"""As fast as a frame is there."""
SHORT = 100
"""Frames that a long run is compared with."""


def run(args: argparse.Namespace) -> int:
    """Measure each case in a process of its own, and print a table."""
    with options.stdout_for_results():
        cases, long_cases = [*_cases(args)], [*_long_cases(args)]
        for case in [*cases, *long_cases]:
            check(case)
        rows = [_told(_in_its_own_process(measure, case)) for case in cases]
        long = [_in_its_own_process(endure, case) for case in long_cases]
        found = {"rows": rows, "long": long, "floors": floors(rows, long)}
    text = _report(found)
    if args.save is not None:
        args.save.mkdir(parents=True, exist_ok=True)
        (args.save / "speed.md").write_text(text)
        (args.save / "speed.json").write_text(json.dumps(found, indent=2) + "\n")
    if args.json:
        options.print_json(found)
    else:
        sys.stdout.write(text)
    return 0


def _cases(args: argparse.Namespace) -> Iterator[Case]:
    from sghm_vs.models.weights import PUBLISHED_MODEL, SHIPPED_MODEL

    matting = options.matting_from(args)
    is_cuda = _is_on_cuda(matting)
    whole = args.matrix or (args.floors and is_cuda)
    if args.floors and not is_cuda:
        yield from _floor_cases_on_cpu(args, matting)
        return
    for model in [SHIPPED_MODEL, PUBLISHED_MODEL] if whole else [matting.model]:
        for size in SIZES if whole else [args.size]:
            for tr in RADII if whole else [matting.settings.tr]:
                frames = args.frames or (FRAMES_ON_CUDA if is_cuda else FRAMES)
                yield _case(args, replace(matting, model=model), size, frames, tr)


def _floor_cases_on_cpu(args: argparse.Namespace, matting: Matting) -> Iterator[Case]:
    """Yield the rows that floors on CPUs are about."""
    from sghm_vs.models.backends.base import is_installed
    from sghm_vs.models.weights import PUBLISHED_MODEL, SHIPPED_MODEL

    frames = args.frames or FRAMES
    light, heavy = (replace(matting, model=name) for name in (SHIPPED_MODEL, PUBLISHED_MODEL))
    yield _case(args, light, (1280, 720), 2 * frames, 0)
    yield _case(args, light, (1920, 1080), frames, 0)
    for fp16 in (None, True) if is_installed("openvino") else ():
        openvino = replace(heavy, backend="openvino", fp16=fp16)
        yield _case(args, openvino, (1280, 704), frames // 2, 0)
    yield _case(args, replace(heavy, backend="torch"), (1920, 1080), frames // 4, 0)


def _case(
    args: argparse.Namespace, matting: Matting, size: tuple[int, int], frames: int, tr: int | str
) -> Case:
    # At native size: shrunk, a large picture would cost what a small one does.
    infer_size = max(matting.settings.infer_size, min(size))
    settings = replace(matting.settings, tr=tr, infer_size=infer_size)
    return Case(args.folder, args.band, size, frames, replace(matting, settings=settings))


def _long_cases(args: argparse.Namespace) -> Iterator[Case]:
    if args.long:
        matting = options.matting_from(args)
        for frames in (SHORT, args.long):
            yield _case(args, matting, args.size, frames, matting.settings.tr)


def _is_on_cuda(matting: Matting) -> bool:
    from sghm_vs.models.backends.device import choose_computes

    (compute, *_) = choose_computes(matting.device_index, matting.fp16, matting.backend)
    return compute.device.type == "cuda"


def _in_its_own_process(work: Callable[[Case], Row], case: Case) -> Row:
    """Return the row of `case`: memory counts from nothing, and nothing is warm."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, [case])


def _told(row: Row) -> Row:
    if "stages_ms" not in row:
        return row
    stages = ", ".join(f"{part} {spent:.1f}" for part, spent in row["stages_ms"].items())
    sys.stderr.write(f"{row['model']} {row['size']} tr={row['tr']}: ms of one frame: {stages}\n")
    return row


def floors(rows: Sequence[Row], long: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what these rows must reach at least, and what they do."""
    return [
        {"where": where, "what": what, "bound": bound, "got": got, "holds": holds}
        for where, what, bound, got, holds in [
            *(found for row in rows for found in _floors_of(row)),
            *_per_pixel(rows),
            *_of_length(long),
        ]
    ]


type Floor = tuple[str, str, str, float, bool]
"""Where, what, the bound in words, what was got, and whether it holds."""


def _floors_of(row: Row) -> Iterator[Floor]:
    is_light, is_cuda = row["model"].startswith("sghm-lite"), "device_memory_mib" in row
    where = f"{row['model']} {row['size']} tr={row['tr']} {row['backend']} {row['precision']}"

    def least(what: str, bound: float, got: float) -> Floor:
        return where, what, f"at least {bound:g}", got, got >= bound

    at = row["size"], row["tr"]
    if not is_cuda and is_light and at == ("1280x720", 0):
        yield least("filter fps", 8, row["filter_fps"])
        yield least("file to file fps", 6.5, row["file_fps"])
    if not is_cuda and not is_light and row["size"] == "1280x704" and row["backend"] == "openvino":
        yield least("times baseline", 6 if row["precision"] == "half" else 4, row["ratio"])
    if (
        row["size"] == "1920x1080"
        and row["backend"] == "torch"
        and row.get("stages_ms", {}).get("finish")
    ):
        times = row["finest_whole_ms"] / row["stages_ms"]["finish"]
        yield least("finest alpha in squares against whole, times", 2, times)
    if is_cuda and not is_light and row["size"] == "1920x1080":
        if row["tr"] == 0:
            yield least("network fps", 200, row["network_fps"])
            yield least("times baseline", 4, row["ratio"])
        yield least("filter fps", {0: 120, 2: 60}.get(row["tr"], 0), row["filter_fps"])
    if is_cuda and is_light and at == ("1920x1080", 0):
        yield least("filter fps", 200, row["filter_fps"])
    if "file_part" in row:
        part = row["file_part"]
        yield (
            where,
            "file to file against what it can't be below, times",
            "at most 1.15",
            part,
            (part <= 1.15),
        )


def _per_pixel(rows: Sequence[Row]) -> Iterator[Floor]:
    """Yield how much longer a pixel of 4K takes than one of 1080p, in the network and the filter."""
    by_kind = {
        (row["model"], row["tr"], row["backend"], row["precision"], row["size"]): row
        for row in rows
    }
    for (*kind, size), large in by_kind.items():
        small = by_kind.get((*kind, "1920x1080"))
        if size != "3840x2160" or small is None:
            continue
        for way in [way for way in ("network", "filter") if f"{way}_fps" in small]:
            times = small[f"{way}_fps"] / large[f"{way}_fps"] / 4
            where = f"{kind[0]} tr={kind[1]} {kind[2]} {kind[3]}"
            yield (
                where,
                f"{way}, 4K against 1080p by the pixel, times",
                "at most 1.2",
                times,
                (times <= 1.2),
            )


def _of_length(long: Sequence[Row]) -> Iterator[Floor]:
    """Yield how much more a frame takes, and the memory, where there are many."""
    if not long:
        return
    few, many = long
    where = f"{many['model']} {many['size']} tr={many['tr']}"
    for name in ("frame_ms", "frame_cpu_ms", "memory_mib", "device_memory_mib"):
        if many.get(name) and few.get(name):
            times = many[name] / few[name]
            what = f"{name}, {many['frames']} frames against {few['frames']}, times"
            yield where, what, "at most 1.05", times, times <= 1.05


def _report(found: Mapping[str, Any]) -> str:
    """Return Markdown tables."""
    lines = _table(found["rows"])
    if found["floors"]:
        lines += ["", "| where | what | bound | got | |", "|---|---|---|---|---|"]
        lines += [
            f"| {one['where']} | {one['what']} | {one['bound']} | {one['got']:.2f} | "
            f"{'holds' if one['holds'] else 'missed'} |"
            for one in found["floors"]
        ]
    return "\n".join(lines) + "\n"


def _table(rows: list[Row]) -> list[str]:
    head = (
        "| model | size | tr | backend | precision | baseline ms | network fps | p50 / p95 ms | "
        "times baseline | filter fps | p50 / p95 ms | file to file fps | MiB | device MiB |"
    )
    lines = [head, "|" + "---|" * (head.count("|") - 1)]
    for row in rows:
        within, through = (_latencies(row, way) for way in ("network", "filter"))
        cells = [
            row["model"], row["size"], str(row["tr"]), row["backend"], row["precision"],
            f"{row['baseline_ms']:.0f}", _number(row, "network_fps", 2), within,
            _number(row, "ratio", 2),
            f"{row['filter_fps']:.2f}", through, _number(row, "file_fps", 2),
            _number(row, "memory_mib"), _number(row, "device_memory_mib"),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    notes = [f"on {rows[0]['device']}"] if rows else []
    notes += [f"band of {row['band']}" for row in rows[:1] if row["band"]]
    return [*lines, "", *notes]


def _latencies(row: Row, way: str) -> str:
    half, most = (_number(row, f"{way}_{rank}_ms") for rank in ("p50", "p95"))
    return f"{half} / {most}" if half else ""


def _number(row: Row, name: str, digits: int = 0) -> str:
    value = row.get(name)
    return "" if value is None else f"{value:.{digits}f}"
