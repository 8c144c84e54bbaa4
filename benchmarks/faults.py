"""What a report finds: faults put into exact mattes, and the mattes themselves."""

from __future__ import annotations

import argparse
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress
from sghm_vs.errors import SettingsError
from sghm_vs.options import REASONS

if TYPE_CHECKING:
    import vapoursynth as vs
    from numpy.typing import NDArray

    from benchmarks.fault_kinds import Faulty
    from benchmarks.moving_people import ExactClip
    from sghm_vs.evaluate.metrics import Matte
    from sghm_vs.evaluate.report.findings import Finding
    from sghm_vs.evaluate.report.measures import Measures

TRUTH_ENDING = "_alpha"
EACH = 20
"""Faults of each kind."""
BESIDE = 2
"""Frames on either side of a fault that are measured anew with it: those beside see it too."""


def add_parser(measures: options.Verbs) -> None:
    """Add the measure to `python -m benchmarks`."""
    parser = measures.add_parser(
        "faults",
        help="what sghm report finds",
        description="faults: put faults of ten kinds into exact mattes, and print how many of each "
        "kind a report finds, how many it calls rightly, and its false alarms in 100 frames; and "
        "what it flags in the exact mattes.",
    )
    parser.add_argument(
        "clips",
        type=Path,
        nargs="?",
        metavar="DIR",
        help="clips, each NAME.mp4 beside its truth, NAME_alpha.mkv; brought to 720 lines, so that "
        "alphas have more than 8 bits",
    )
    parser.add_argument(
        "--people",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="in place of clips: cut-outs, DIR/img and DIR/alpha, that are moved over --walls",
    )
    parser.add_argument("--walls", type=Path, metavar="DIR", help="pictures without people")
    parser.add_argument("--seed", type=int, default=0, help="of clips and faults (default: 0)")
    parser.add_argument(
        "--frames", type=int, default=48, metavar="N", help="of clips that are made (default: 48)"
    )
    parser.add_argument("--each", type=int, default=EACH, metavar="N", help="faults of each kind")
    parser.add_argument("--only", metavar="KIND", help="one kind of fault")
    parser.add_argument("--without-plate", action="store_true", help="show the report no plates")
    parser.add_argument("--vote", action="store_true", help="ask the network as well")
    parser.add_argument("--details", action="store_true", help="print what is missed, and alarms")
    options.add_report_options(parser)
    parser.set_defaults(run=run)


@dataclass
class _Row:
    """What was found of one kind of fault."""

    faults: int = 0
    found: int = 0
    named: int = 0
    frames: int = 0
    alarms: int = 0
    """Flagged frames whose mattes are exact."""

    def shown(self) -> dict[str, float]:
        return {
            "faults": self.faults,
            "recall": self.found / max(self.faults, 1),
            "named": self.named / max(self.faults, 1),
            "alarms_in_100": 100 * self.alarms / max(self.frames, 1),
        }


@dataclass
class _Result:
    rows: dict[str, _Row] = field(default_factory=lambda: defaultdict(_Row))
    exact_frames: int = 0
    exact_flagged: int = 0
    alarms_by_reason: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)


def run(args: argparse.Namespace) -> int:
    """Measure, and print what came out."""
    from benchmarks.fault_kinds import FAULTS

    kinds = [args.only] if args.only else [*FAULTS]
    if unknown := {*kinds} - {*FAULTS}:
        msg = f"{unknown} is none of {', '.join(FAULTS)}"
        raise SettingsError(msg)
    clips = _clips(args)
    result = _Result()
    with options.stdout_for_results(), progress("faults", quiet=args.quiet) as report:
        for at, (make, faults) in enumerate(clips):
            _judge_clip(make(), faults, kinds, result, args)
            if report is not None:
                report(at + 1, len(clips))
    _print(result, args)
    return 0


def _judge_clip(
    clip: ExactClip, faults: int, kinds: Sequence[str], result: _Result, args: argparse.Namespace
) -> None:
    import numpy as np

    from benchmarks.fault_kinds import FAULTS

    exact = _measured(clip, clip.alphas, range(len(clip.alphas)), args)
    flagged = _judged(exact)
    result.exact_frames += len(clip.alphas)
    result.exact_flagged += len(flagged)
    if flagged:
        result.details.append(f"{clip.name}, exact: {_words(flagged)}")
    for kind in kinds:
        make, names = FAULTS[kind]
        for number in range(faults):
            seed = [args.seed, number, zlib.crc32(f"{clip.name} {kind}".encode())]
            faulty = make(clip.alphas, np.random.default_rng(seed))
            flagged = _judged(_with_fault(clip, exact, faulty, args))
            _count(
                kind, names, clip.alphas, faulty, flagged, result, f"{clip.name} {kind} {number}"
            )


def _count(
    kind: str,
    names: frozenset[str],
    alphas: Sequence[Matte],
    faulty: Faulty,
    flagged: dict[int, list[Finding]],
    result: _Result,
    title: str,
) -> None:
    import numpy as np

    row = result.rows[kind]
    wrong = {*faulty.frames[:: faulty.each]}
    kinds = {one.kind for n in wrong & flagged.keys() for one in flagged[n]}
    alarms = [n for n in flagged.keys() - wrong if np.array_equal(faulty.alphas[n], alphas[n])]
    row.faults += 1
    row.found += bool(kinds)
    row.named += bool(kinds & names)
    row.frames += len(faulty.alphas)
    row.alarms += len(alarms)
    result.alarms_by_reason.update(one.kind for n in alarms for one in flagged[n])
    if alarms or not kinds & names:
        frames = f"{faulty.frames.start}-{faulty.frames.stop - 1}"
        result.details.append(f"{title}, wrong in {frames}: {_words(flagged)}")


def _words(flagged: dict[int, list[Finding]]) -> str:
    return ", ".join(
        f"{n} {'+'.join(f'{one.kind} {one.value:.3g}' for one in found)}"
        for n, found in flagged.items()
    )


def _judged(measures: Measures) -> dict[int, list[Finding]]:
    from sghm_vs.evaluate.report.findings import findings_of

    return findings_of(measures, {kind: row.limit for kind, row in REASONS.items()})


def _measured(
    clip: ExactClip, alphas: Sequence[Matte], frames: range, args: argparse.Namespace
) -> Measures:
    """Return the measures of some frames of the clip's plate with these mattes."""
    import vapoursynth as vs

    from sghm_vs.evaluate.report.frame import work_size
    from sghm_vs.evaluate.report.measures import measure, small_rgb

    part = slice(frames.start, frames.stop)
    matte = _node(alphas[part], vs.GRAYS)
    if args.without_plate:
        return measure(matte)
    plate = _node(clip.pictures[part], vs.RGB24)
    segmentation = None
    if args.vote:
        from sghm_vs import sghm

        small = small_rgb(plate, work_size(plate.height, plate.width))
        segmentation = sghm(small, -1, tr=0, debug="segmentation", num_streams=1)
    return measure(matte, plate, segmentation)


def _with_fault(
    clip: ExactClip, exact: Measures, faulty: Faulty, args: argparse.Namespace
) -> Measures:
    """Return the measures of a faulty matte: those of the exact one where the fault can't be seen."""
    length = len(faulty.alphas)
    start = max(faulty.frames.start - BESIDE, 0)
    stop = min(faulty.frames.stop + BESIDE, length)
    if faulty.each > 1:
        start, stop = 0, length
    part = _measured(clip, faulty.alphas, range(start, stop), args)
    # The first frame of a part has nothing before it: it is there to be compared with.
    skip = 1 if start else 0
    inner = range(start + skip, stop - (1 if stop < length else 0))
    at = slice(inner.start - start, inner.stop - start)
    frames, changes, specks = [*exact.frames], [*exact.changes], [*exact.specks]
    frames[inner.start : inner.stop] = part.frames[at]
    changes[inner.start : inner.stop] = part.changes[at]
    specks[inner.start : inner.stop] = part.specks[at]
    here = {n + start: one for n, one in part.gains.items() if n + start in inner}
    return replace(
        exact,
        frames=frames,
        changes=changes,
        specks=specks,
        gains=exact.gains | here,
    )


def _node(pictures: Sequence[NDArray[Any]], format_id: int) -> vs.VideoNode:
    """Return `pictures` as a clip: (h, w) planes or (h, w, 3) in BGR."""
    import numpy as np
    import vapoursynth as vs

    height, width = pictures[0].shape[:2]
    blank = vs.core.std.BlankClip(
        format=format_id, width=width, height=height, length=len(pictures), keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame, picture = f.copy(), np.atleast_3d(pictures[n])
        for plane in range(picture.shape[2]):
            np.copyto(np.asarray(frame[plane]), picture[..., picture.shape[2] - 1 - plane])
        return frame

    return blank.std.ModifyFrame(blank, fill)


def _clips(args: argparse.Namespace) -> list[tuple[Any, int]]:
    """Return functions that make clips, each with how many faults of a kind go into it."""
    import numpy as np

    from benchmarks.moving_people import compose, cut_outs, opened

    if args.clips is not None:
        truths = sorted(args.clips.glob(f"*{TRUTH_ENDING}.mkv"))
        pairs = [
            (path.with_name(path.name.replace(f"{TRUTH_ENDING}.mkv", ".mp4")), path)
            for path in truths
        ]
        if not pairs:
            msg = f"{args.clips} has no clips, NAME.mp4 beside NAME{TRUTH_ENDING}.mkv"
            raise SettingsError(msg)
        return [(lambda pair=pair: opened(*pair), -(-args.each // len(pairs))) for pair in pairs]
    if not args.people or args.walls is None:
        msg = "give a folder of clips, or cut-outs with --people DIR and --walls DIR"
        raise SettingsError(msg)
    people = [path for folder in args.people for path in cut_outs(folder)]
    walls = sorted(args.walls.iterdir())
    rng = np.random.default_rng(args.seed)
    chosen = [
        (people[rng.integers(len(people))], walls[rng.integers(len(walls))])
        for _ in range(args.each)
    ]
    return [
        (partial(compose, *one, [args.seed, n], args.frames), 1) for n, one in enumerate(chosen)
    ]


def _print(result: _Result, args: argparse.Namespace) -> None:
    rows = {kind: row.shown() for kind, row in result.rows.items()}
    exact = {"frames": result.exact_frames, "flagged": result.exact_flagged}
    if args.json:
        options.print_json({"kinds": rows, "exact": exact, "alarms": dict(result.alarms_by_reason)})
        return
    lines = [f"{'':<16}{'faults':>8}{'recall':>8}{'named':>8}{'alarms in 100':>15}"]
    lines += [
        f"{kind:<16}{row['faults']:>8}{row['recall']:>8.2f}{row['named']:>8.2f}"
        f"{row['alarms_in_100']:>15.2f}"
        for kind, row in rows.items()
    ]
    lines.append(f"exact mattes: {exact['flagged']} of {exact['frames']} frames flagged")
    said = ", ".join(f"{kind} {count}" for kind, count in result.alarms_by_reason.most_common())
    lines.append(f"alarms by reason: {said or 'none'}")
    lines += result.details if args.details else []
    sys.stdout.write("\n".join(lines) + "\n")
