"""How well people are told apart in two composed crossings, and how fast."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sghm_vs.cli import options
from sghm_vs.errors import SourceError
from sghm_vs.options import PeopleOptions

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray

    from sghm_vs.matting.people.record import People
    from sghm_vs.media.readers import Source
    from sghm_vs.shots.shot import Prepared

WIDTH, HEIGHT, LENGTH = 960, 540, 72
MARGIN_PX = 150
"""From the picture's sides to where the middles of people begin."""
KEYED = 48
"""A frame where both are apart again."""

type Row = dict[str, float]


class Cutout(NamedTuple):
    """A clip of somebody, and what of it they are."""

    clip: str
    matte: str
    held: int | None
    """The frame that is taken for all; None is each in turn, back and forth."""
    height: int
    """In pixels of the picture."""
    foot: int


CROSSINGS: Mapping[str, tuple[Cutout, Cutout]] = {
    "portraits": (
        Cutout("sequence/body_pan.mp4", "sequence/body_pan_alpha.mkv", 24, 430, HEIGHT + 2),
        Cutout("sequence/hair_slow.mp4", "sequence/hair_slow_alpha.mkv", 40, 440, HEIGHT + 2),
    ),
    "walkers": (
        Cutout("video/davis_parkour.mp4", "video/davis_parkour_mask.mkv", None, 300, 500),
        Cutout("video/davis_dance-twirl.mp4", "video/davis_dance-twirl_mask.mkv", None, 330, 520),
    ),
}
"""Who crosses: the first one behind the second."""
WALLS = {"portraits": "train/bg/deb_0004.jpg", "walkers": "train/bg/deb_0009.jpg"}


def add_parser(measures: options.Verbs) -> None:
    """Add the measure to `python -m benchmarks`."""
    parser = measures.add_parser(
        "people",
        help="how well people are told apart, and how fast",
        description="people: compose two clips of two people who cross, find who is who, and print "
        "how often an id becomes another person's, how many pixels are the right person's while they "
        "touch and else, without a key and with one, and the CPU time of sharing out a matte there; "
        "with --speed, the CPU time of a frame of footage.",
    )
    parser.add_argument("data", type=Path, help="the folder shared/data; or with --speed footage")
    parser.add_argument("--speed", action="store_true", help="measure the time of the footage")
    options.add_knob(parser, PeopleOptions, "every")
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, and print what came out."""
    with options.stdout_for_results():
        how = options.group_from(PeopleOptions, args)
        rows = _speed(args.data, how) if args.speed else crossings(args.data, how)
    if args.json:
        options.print_json(rows)
        return 0
    for name, values in rows.items():
        said = "  ".join(f"{key} {value:.3f}" for key, value in values.items())
        sys.stdout.write(f"{name:<24}{said}\n")
    return 0


def _speed(path: Path, how: PeopleOptions) -> dict[str, Row]:
    """Return the CPU time of a frame: to open the footage, to decode it, and to look at it."""
    from sghm_vs.media.readers import open_source
    from sghm_vs.shots.people import look_for_people

    prepared = _prepared()
    start, begun = time.process_time(), time.perf_counter()
    source = open_source(path)
    opened = time.process_time()
    people = look_for_people(source, prepared, how)
    looked, seconds = time.process_time(), time.perf_counter() - begun
    for frame in open_source(path).clip.frames(prefetch=1, close=True):
        frame.close()
    decoded = time.process_time()
    frames = source.clip.num_frames
    ms = 1e3 / frames
    shared_ms = _shared_ms(source.clip, people, range(frames))
    return {
        path.name: {
            "open_ms": ms * (opened - start),
            "look_ms": ms * (looked - opened),
            "open_and_decode_ms": ms * (decoded - looked),
            "looks": len(people.looks) / frames,
            "fps": frames / seconds,
            "share_ms": shared_ms,
        }
    }


def _shared_ms(clip: vs.VideoNode, people: People, frames: range) -> float:
    """Return the CPU time of a frame's matte of all people, of an alpha that costs nothing."""
    import vapoursynth as vs

    from sghm_vs.filter.people import tell_apart

    alpha = vs.core.std.BlankClip(clip, format=vs.GRAYS, color=0.5, keep=True)
    shared = tell_apart(clip, people, people.all).of_all(alpha)
    start = time.process_time()
    for frame in shared[frames.start : frames.stop].frames(prefetch=2, close=True):
        frame.close()
    return 1e3 * (time.process_time() - start) / len(frames)


def crossings(data: Path, how: PeopleOptions | None = None) -> dict[str, Row]:
    """Return how each composed crossing comes out, without a key and with one."""
    rows: dict[str, Row] = {}
    prepared = _prepared()
    for name in CROSSINGS:
        shot = _composed(data, name)
        for keyed, key in (("", None), (", one key", KEYED)):
            people = _found(shot, prepared, how or PeopleOptions(), key)
            rows[f"{name}{keyed}"] = _scores(shot, people)
    return rows


@dataclass(frozen=True)
class _Shot:
    """A composed crossing."""

    source: Source
    truth: NDArray[np.uint8]
    """(frames, height, width): 1 and 2 are the people, 0 is nobody."""


def _prepared() -> Prepared:
    from sghm_vs.options import Matting
    from sghm_vs.shots.shot import prepare

    return prepare(Matting(model="sghm-lite", device_index=-1))


def _found(shot: _Shot, prepared: Prepared, how: PeopleOptions, key: int | None) -> People:
    """Return who is who, with a key of the frame `key`: the truth, in the ids' colors."""
    import tempfile

    import cv2

    from sghm_vs.media.readers.id_pictures import palette
    from sghm_vs.shots.people import look_for_people

    if key is None:
        return look_for_people(shot.source, prepared, how)
    with tempfile.TemporaryDirectory() as folder:
        painted = palette()[shot.truth[key]][..., ::-1]
        cv2.imwrite(str(Path(folder) / f"key.{key:04d}.png"), painted)
        return look_for_people(shot.source, prepared, replace(how, id_keys=Path(folder)))


def _scores(shot: _Shot, people: People) -> Row:
    """Return how often somebody becomes somebody else, and how many pixels are the right one's."""
    import cv2
    import numpy as np

    said: dict[int, list[int]] = {1: [], 2: []}
    right: dict[bool, list[float]] = {True: [], False: []}
    touching = {
        look for one in people.contacts for look in people.looks if one.first <= look <= one.last
    }
    for look in people.looks:
        labels = np.zeros(people.mask_size[::-1], np.uint8)
        for one in people.people:
            mask = people.mask(one.id, look)
            if mask is not None:
                labels[mask] = one.id
        true = cv2.resize(shot.truth[look], people.mask_size, interpolation=cv2.INTER_NEAREST)
        both = (true > 0) & (labels > 0)
        right[look in touching].append(float((true[both] == labels[both]).mean()))
        for person, ids in said.items():
            if look not in touching and (true == person).any():
                ids.append(int(np.bincount(labels[(true == person) & (labels > 0)]).argmax()))
    first, last = min(touching), max(touching)
    return {
        "switches": float(sum(_switches(ids) for ids in said.values())),
        "people": float(len(people.all)),
        "right_while_touching": float(np.mean(right[True])),
        "least": min(right[True]),
        "right_else": float(np.mean(right[False])),
        "share_touching_ms": _shared_ms(shot.source.clip, people, range(first, last + 1)),
    }


def _switches(ids: Sequence[int]) -> int:
    return sum(1 for one, other in pairwise(ids) if one != other)


def _composed(data: Path, name: str) -> _Shot:
    """Return the crossing `name`, of clips in the folder `data`."""
    import numpy as np
    import vapoursynth as vs

    from sghm_vs.media.readers import Source

    core = vs.core
    wall = _wall(data / WALLS[name])
    people = [[*_cut_out(data, one)] for one in CROSSINGS[name]]
    pictures, truths = [], []
    for n in range(LENGTH):
        picture = wall.copy()
        seen: list[NDArray[np.float32]] = []
        for place, (cutout, frames) in enumerate(zip(CROSSINGS[name], people, strict=True)):
            color, alpha = _placed(cutout, frames, n, goes_left=bool(place))
            picture += alpha[..., None] * (color - picture)
            seen = [*(one * (1 - alpha) for one in seen), alpha]
        stack = np.stack(seen)
        pictures.append(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
        truths.append(np.where(stack.sum(0) > 0.5, stack.argmax(0) + 1, 0).astype(np.uint8))
    blank = core.std.BlankClip(
        format=vs.RGB24, width=WIDTH, height=HEIGHT, length=LENGTH, fpsnum=24, keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(frame[plane]), pictures[n][..., plane])
        return frame

    clip = blank.std.ModifyFrame(blank, fill)
    return _Shot(Source(clip=clip, first_number=0, name=name, kind="script"), np.stack(truths))


def _wall(path: Path) -> NDArray[np.float32]:
    import cv2
    import numpy as np

    picture = cv2.imread(str(path))
    if picture is None:
        msg = f"{path} can't be read; give the folder shared/data"
        raise SourceError(msg)
    scale = max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(large[:HEIGHT, :WIDTH, ::-1] / 255, np.float32)


def _cut_out(data: Path, cutout: Cutout) -> Iterator[tuple[Any, Any]]:
    """Yield color and alpha of the frames of a cutout, 0-1."""
    import cv2
    import numpy as np

    from sghm_vs.clips import to_rgb_array
    from sghm_vs.color.convert import read_color, to_viewed_rgb
    from sghm_vs.media.readers import open_source
    from sghm_vs.media.readers.mattes import open_matte

    clip = to_viewed_rgb(read_color(open_source(data / cutout.clip).clip))
    matte = open_matte(data / cutout.matte).clip
    chosen = range(min(clip.num_frames, LENGTH)) if cutout.held is None else [cutout.held]
    for n in chosen:
        with clip.get_frame(n) as frame, matte.get_frame(n) as values:
            alpha = np.asarray(values[0]).copy()
            soft = cv2.GaussianBlur(alpha, (0, 0), 1) if cutout.held is None else alpha
            yield to_rgb_array(frame), soft


def _placed(
    cutout: Cutout, frames: Sequence[tuple[Any, Any]], n: int, *, goes_left: bool
) -> tuple[Any, Any]:
    """Return color and alpha of somebody where they are in frame `n`, of the picture's size."""
    import cv2
    import numpy as np

    turn = n % max(2 * len(frames) - 2, 1)
    color, alpha = frames[min(turn, max(2 * len(frames) - 2 - turn, 0))]
    rows, columns = np.nonzero(alpha > 0.5)
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    scale = cutout.height / (bottom - top)
    way = (WIDTH - 2 * MARGIN_PX) * n / (LENGTH - 1)
    x = WIDTH - MARGIN_PX - way if goes_left else MARGIN_PX + way
    matrix = np.asarray(
        [[scale, 0, x - (left + right) / 2 * scale], [0, scale, cutout.foot - bottom * scale]]
    )
    size = WIDTH, HEIGHT
    moved = cv2.warpAffine(color, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    clean = np.zeros_like(alpha)
    clean[top:bottom, left:right] = alpha[top:bottom, left:right]
    return moved, cv2.warpAffine(clean, matrix, size)
