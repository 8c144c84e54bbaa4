"""The page that says what a check of a card found, ready for docs/speed.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

type Found = dict[str, Any]
type Row = dict[str, Any]

FILTER_FLOORS = {
    ("sghm-resnet50", "1080p", "half", 0): 120,
    ("sghm-resnet50", "1080p", "half", 2): 60,
    ("sghm-lite", "1080p", "half", 0): 200,
}
"""Frames a second through the filter, with as many streams as help: docs/decisions/022-speed.md."""
NETWORK_FLOORS = {("sghm-resnet50", "1080p", "half", 0): 200}
PLAIN_FLOORS = {("sghm-resnet50", "1080p", "half", 0): 4}
"""Times a plain forward pass."""
PER_PIXEL_MOST = 1.2
"""How much longer a pixel of 4K may take than one of 1080p."""
LENGTH_MOST = 1.05
"""How much more a frame may take, and how much more memory, of many frames than of few."""
SIZES = "720p", "1080p", "4K"
FOOTAGE = (
    "A person who covers half of the picture moves in a circle (docs/demo.png, enlarged, under "
    "grain); frames lie in memory, YUV 4:2:0 of 8 bits, and the network sees each at its own size. "
    "Drawn weights get that person's edges to refine. As many frames are asked for at once as "
    "VapourSynth has threads. Device MiB are the most that torch held."
)
REHEARSAL = (
    "**This is a rehearsal on the CPU with tiny pictures: no figure here is a measurement, and none "
    "belongs into docs/speed.md.** It shows that each line of the check runs, but for CUDA's own calls."
)


def page(found: Found) -> str:
    """Return the page, Markdown, of all that was found up to now."""
    parts = {part["name"]: part["rows"] for part in found["parts"]}
    sections = [
        _head(found, parts),
        _table("How it went", _PARTS, found["parts"]),
        _tests(parts.get("tests", [])),
        _table("Floors of docs/decisions/022-speed.md", _FLOORS, [*_floors(parts)]),
        _table("Through the filter", _SPEED, _sorted(_speeds(parts))),
        _table("The network alone", _NETWORK, _sorted(parts.get("network", []))),
        _table("CUDA graphs", _GRAPHS, _sorted(parts.get("graphs", []))),
        _table("Alphas against those of the CPU in floats", _AGREEMENT, parts.get("agreement", [])),
        _table("Many frames", _LONG, parts.get("long", [])),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(found: Found, parts: dict[str, list[Row]]) -> str:
    about = {name: value for row in parts.get("machine", []) for name, value in row.items()}
    title = "A rehearsal of the check of a card" if found["rehearsal"] else "On a card"
    lines = [
        f"# {title}",
        *([REHEARSAL] if found["rehearsal"] else []),
        f"`benchmarks/gpu_check.sh`, commit {found['commit']}, {found['started']}",
        ", ".join(f"{name} {value}" for name, value in about.items()),
        FOOTAGE,
    ]
    return "\n\n".join(line for line in lines if line)


def _tests(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    outcomes = [row["outcome"] for row in rows if "why" not in row]
    counts = ", ".join(f"{outcomes.count(one)} {one}" for one in sorted({*outcomes}))
    told = [f"- `{row['test']}`: {row['why']}" for row in rows if "why" in row]
    bad = [
        f"- `{row['test']}` {row['outcome']}"
        for row in rows
        if row["outcome"] in ("failed", "error")
    ]
    return "\n".join([f"## Tests marked `gpu`\n\n{counts}", *(["", *(told or bad)] if bad else [])])


type Column = tuple[str, Callable[[Row], object]]


def _table(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return a table with a title, or nothing if there are no rows."""
    if not rows:
        return ""
    lines = [
        f"| {' | '.join(name for name, _ in columns)} |",
        "|" + "---|" * len(columns),
        *(f"| {' | '.join(_cell(cell, row) for _, cell in columns)} |" for row in rows),
    ]
    return f"## {title}\n\n" + "\n".join(lines)


def _cell(cell: Callable[[Row], object], row: Row) -> str:
    """Return what a cell says; where a row failed, its figures are missing."""
    try:
        value = cell(row)
    except KeyError:
        return ""
    return "" if value is None else str(value).replace("|", "/")


def _number(name: str, digits: int = 0) -> Callable[[Row], object]:
    def cell(row: Row) -> object:
        return None if row[name] is None else f"{row[name]:.{digits}f}"

    return cell


def _sensed(name: str) -> Callable[[Row], object]:
    def cell(part: Row) -> object:
        sensed = part["sensors"][name]
        return f"{sensed['median']:.0f} / {sensed['most']:.0f}"

    return cell


def _floor_of(floors: dict[tuple[str, str, str, int], int]) -> Callable[[Row], object]:
    return lambda row: floors.get(_key(row))


def _key(row: Row) -> tuple[str, str, str, int]:
    return row["model"].partition("@")[0], row["size"], row["precision"], row["tr"]


def _size(row: Row) -> str:
    return f"{row['size']} ({row['pixels']})"


def _speeds(parts: dict[str, list[Row]]) -> list[Row]:
    return [row for name, rows in parts.items() if name.startswith("speed ") for row in rows]


def _sorted(rows: Iterable[Row]) -> list[Row]:
    """Return rows in a reader's order; they were measured in that of what is missed most."""
    return sorted(rows, key=lambda row: (row["model"], SIZES.index(row["size"]), *_how(row)))


def _how(row: Row) -> tuple[Any, ...]:
    return row["precision"], row["tr"], row["streams"]


def _floors(parts: dict[str, list[Row]]) -> Iterator[Row]:
    """Yield each floor that something was measured for, and the best that it got."""
    speeds, alone = _speeds(parts), parts.get("network", [])
    for what, rows, name, floors in (
        ("frames a second through the filter", speeds, "fps", FILTER_FLOORS),
        ("frames a second of the network alone", alone, "fps", NETWORK_FLOORS),
        ("times a plain forward pass", alone, "times_plain", PLAIN_FLOORS),
    ):
        for key, least in floors.items():
            got = [row[name] for row in rows if _key(row) == key and name in row]
            if got:
                yield _against(" ".join(map(str, key[:3])) + f" tr={key[3]}", what, least, max(got))
    yield from _per_pixel(speeds)
    yield from _of_length(parts.get("long", []))


def _per_pixel(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield how much longer a pixel of 4K takes than one of 1080p, with the most streams."""
    by_key = {_key(row): row for row in sorted(rows, key=_how) if "fps" in row}
    for (model, size, precision, tr), large in by_key.items():
        small = by_key.get((model, "1080p", precision, tr))
        if size == "4K" and small is not None:
            times = small["fps"] / large["fps"] / 4
            where = f"{model} {precision} tr={tr}"
            yield _against(where, "4K against 1080p by the pixel, times", -PER_PIXEL_MOST, times)


def _of_length(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield how much more a frame takes, and the memory, at the end than near the beginning."""
    if len(rows) < 3:
        return
    # The very first frames wait for graphs; the most memory counts from them on.
    for what, name, early in (
        ("a frame's time", "frame_ms", rows[1]),
        ("memory", "memory_most_mib", rows[0]),
        ("device memory", "device_mib", rows[0]),
    ):
        late = rows[-1]
        if early[name] and late[name]:
            where = f"{late['model']} {late['size']} tr={late['tr']}"
            said = f"{what}, {late['frames']} frames against {early['frames']}, times"
            yield _against(where, said, -LENGTH_MOST, late[name] / early[name])


def _against(where: str, what: str, bound: float, got: float) -> Row:
    """Return a floor, or where `bound` is negative a most, and whether it holds."""
    holds = got >= bound if bound > 0 else got <= -bound
    return {
        "where": where,
        "what": what,
        "bound": f"at {'least' if bound > 0 else 'most'} {abs(bound):g}",
        "got": f"{got:.2f}",
        "holds": "holds" if holds else "missed",
    }


_CASE: list[Column] = [
    ("model", lambda row: row["model"]),
    ("size", _size),
    ("precision", lambda row: row["precision"]),
    ("tr", lambda row: row["tr"]),
]
_STREAMS: Column = ("streams", lambda row: row["streams"])
_FAILED: Column = ("failed", lambda row: row.get("why"))
_LATENCY: Column = ("p50 / p95 ms", lambda row: f"{row['p50_ms']:.1f} / {row['p95_ms']:.1f}")
_DEVICE: Column = ("device MiB", _number("device_mib"))
_PARTS: list[Column] = [
    ("part", lambda part: part["name"]),
    ("ended", lambda part: part["ended"]),
    ("s", _number("seconds")),
    ("rows", lambda part: len(part["rows"])),
    ("W, median / most", _sensed("power_w")),
    ("SM MHz", _sensed("sm_mhz")),
    ("memory MHz", _sensed("memory_mhz")),
]
_FLOORS: list[Column] = [
    (name, lambda row, name=name: row[name])  # type: ignore[misc]
    for name in ("where", "what", "bound", "got", "holds")
]
_SPEED: list[Column] = [
    *_CASE,
    _STREAMS,
    ("fps", _number("fps", 1)),
    ("floor", _floor_of(FILTER_FLOORS)),
    _LATENCY,
    _DEVICE,
    _FAILED,
]
_NETWORK: list[Column] = [
    *_CASE,
    _STREAMS,
    ("fps", _number("fps", 1)),
    ("floor", _floor_of(NETWORK_FLOORS)),
    _LATENCY,
    ("plain ms", _number("plain_ms", 1)),
    ("times plain", _number("times_plain", 2)),
    ("floor", _floor_of(PLAIN_FLOORS)),
    _DEVICE,
    _FAILED,
]
_GRAPHS: list[Column] = [
    *_CASE,
    _STREAMS,
    ("fps captured", _number("captured_fps", 1)),
    ("fps as it is", _number("as_is_fps", 1)),
    ("graphs", lambda row: row["graphs"]),
    ("refused", lambda row: row["refused"]),
    ("largest difference", lambda row: f"{row['largest']:.2g}"),
    _FAILED,
]
_AGREEMENT: list[Column] = [
    *_CASE,
    ("largest", lambda row: f"{row['largest']:.2g}"),
    ("mean", lambda row: f"{row['mean']:.2g}"),
    ("pixels above 2/255, %", lambda row: f"{100 * row['visible']:.3f}"),
    _FAILED,
]
_LONG: list[Column] = [
    *_CASE,
    ("frames", lambda row: row["frames"]),
    ("ms a frame", _number("frame_ms", 2)),
    ("MiB", _number("memory_mib")),
    ("MiB at most", _number("memory_most_mib")),
    _DEVICE,
]
