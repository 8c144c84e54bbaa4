"""
Clip and alpha become files: one pass over the frames feeds every output.

Takes any clip and any matte, and knows nothing of how the matte was made.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import vapoursynth as vs

from sghm_vs.clips import check_constant, check_extent, check_gray, read_once
from sghm_vs.color.convert import TaggedClip, read_color, to_viewed_rgb
from sghm_vs.color.frame_props import pixel_aspect_of
from sghm_vs.errors import ExportError, cure, last_words
from sghm_vs.media.metadata import TIMES, WINDOWS, SourceMetadata
from sghm_vs.media.targets import Target, folders_of, read_targets
from sghm_vs.media.verification.sidecar import sampled
from sghm_vs.media.writers.base import ExportJob, NamedMatte, Writer
from sghm_vs.media.writers.exr import ExrWriter
from sghm_vs.media.writers.movie import MovieWriter
from sghm_vs.media.writers.output import PendingOutput
from sghm_vs.media.writers.png import PngWriter
from sghm_vs.options import (
    OutputFormat,
    check_arguments,
    check_kinds,
    check_layers,
    check_suffixes,
    check_used,
    refuse_unused,
    word_of_over,
)
from sghm_vs.progress import Progress

__all__ = ["NamedMatte", "OutputFormat", "export"]

WRITERS: Mapping[str, type[Writer]] = {
    ".mov": MovieWriter,
    ".mkv": MovieWriter,
    ".mp4": MovieWriter,
    ".exr": ExrWriter,
    ".png": PngWriter,
}

OVER = "over"
"""In the metadata: what reviews are over, which no other output is told."""
GROUPS_AHEAD = 4, 8
"""
Frames of the shot that are computed before they are needed, and at most kept: at least, at most.

Between, half of VapourSynth's threads: a GPU has four in hand while others are decoded.
"""


def export(
    clip: vs.VideoNode,
    alpha: vs.VideoNode,
    *paths: str | Path,
    foreground: vs.VideoNode | None = None,
    extra: Mapping[str, vs.VideoNode] | None = None,
    beside: Mapping[Path, vs.VideoNode] | None = None,
    alphas: Mapping[Path, NamedMatte] | None = None,
    over: vs.VideoNode | Sequence[float] | None = None,
    first_number: int = 0,
    patterns: bool = True,
    overwrite: bool = False,
    resume: bool = False,
    sidecar: bool = True,
    origin: SourceMetadata | None = None,
    metadata: Mapping[str, str] | None = None,
    keyed: Mapping[int, str] | None = None,
    made_by: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    **output_format: Any,
) -> list[Path]:
    """
    Write `clip` with `alpha` to `paths`, whose form says what each is.

    `x.mov` is ProRes 4444 with straight alpha; `x.####.exr` or `x.%04d.exr` an EXR sequence, half
    float, ZIP; `x.####.png` the alpha as 16-bit gray; `x.mkv` the alpha as FFV1, 16-bit gray;
    `x.mp4` a review, H.264 without alpha, and needs `over`. A single picture `x.exr` or `x.png`
    is for a clip of one frame. Other forms of these are set by the fields of `OutputFormat`.

    A movie appears when it is whole. Of a sequence that fails midway, the frames that were
    finished stay. At last every output is opened again and compared with what was sent.

    Args:
        clip: Any constant format and size.
        alpha: GRAY of the clip's size and length, full range unless its frames are tagged
            limited; 0 background, 1 subject.
        paths: Outputs; folders are made as needed.
        foreground: Straight color of the subject, without the old background, of the clip's size
            and length; its frames' props say its color as a clip's do. Every output takes its
            color from there; None is the clip's own.
        extra: Further mattes by the name of their layer, such as "core" and "edge", as `alpha`;
            for the layouts "layered" and "multipart".
        beside: Further mattes by a path of their own, written in the same pass. They have no
            sidecar, and are written anew where others are resumed.
        alphas: By a path among `paths`, what is written there in place of `alpha`, GRAY likewise.
        over: What a review movie shows the subject over: a clip of the clip's size and length, or
            red, green and blue, each 0-1 in display code.
        first_number: Number of the first frame in file names.
        patterns: Whether `####` and `%04d` in a name stand for the frame's number.
        overwrite: Whether files that exist are replaced.
        resume: Whether frames that an export of the same shot and form left whole are kept, and
            only the others rendered; a movie is kept if it was finished, else rendered whole.
        sidecar: Whether a sidecar is written beside each output: `x.mov.json`, and for frames 1 to
            9 of `x.####.exr` `x.1-9.exr.json`.
        origin: Where the frames come from: what outputs say of timecode, reel and frame numbers.
        metadata: Written into movies and EXR files; must depend on the shot and its settings
            alone.
        keyed: Which keys have a part in a frame, in words by its number in file names: frames of
            which something else is said than in their sidecar are rendered again where others are
            kept.
        made_by: What made the alpha, "backend" and "precision", in the sidecar alone: frames that
            another made are rendered again where others are kept.
        progress: Called with frames done and frames in all.
        output_format: The fields of `OutputFormat`: layout, sample, compression, codec,
            premultiplied, audio, quality.

    Returns:
        The paths as given, then those beside.

    Raises:
        ExportError: A path, the clip, the alpha or a setting is not fit, a frame can't be
            computed, writing failed, or what was written is not what was sent.
        UnsupportedClipError: The clip or the alpha has samples that can't be converted, or the
            clip is interlaced.
    """
    arguments = locals()
    _check_arguments(arguments)
    made, extra, beside = OutputFormat(**output_format), dict(extra or {}), dict(beside or {})
    alphas = dict(alphas or {})
    told = dict(metadata or {})
    check_layers(extra, made)
    named = extra | {str(path): matte for path, matte in beside.items()}
    named |= {str(path): matte for path, (_, matte) in alphas.items()}
    _check_clips(clip, alpha, foreground, named)
    numbers = range(first_number, first_number + clip.num_frames)
    check_used(output_format, [str(path) for path in paths], made)
    _refuse_unused(arguments, made)
    targets = find_targets(
        [*map(Path, paths), *beside],
        numbers,
        made,
        patterns=patterns,
        overwrite=overwrite or resume,
        has_background=over is not None,
    )
    suffixes = {target.path.suffix.lower() for target in targets}
    with folders_of(targets):
        job = ExportJob(
            over=None if over is None or ".mp4" not in suffixes else _background(over, clip),
            footage=read_color(clip) if foreground is None else _colored(clip, foreground),
            alpha=alpha,
            extra=extra,
            output_format=made,
            first_number=first_number,
            origin=origin or SourceMetadata(first_frame=first_number),
            metadata={name: value for name, value in told.items() if name != OVER},
            keyed=dict(keyed or {}),
            made_by=dict(made_by or {}),
            sampled=sampled(clip.num_frames),
        )
        deliveries: list[PendingOutput] = []
        try:
            for target in targets:
                matte = beside.get(target.path)
                its_own = job if matte is None else replace(job, alpha=matte)
                if over is not None and target.path.suffix.lower() == ".mp4":
                    shown = {OVER: _word_of(over), **told}
                    its_own = replace(its_own, metadata=shown)
                if target.path in alphas:
                    name, own = alphas[target.path]
                    metadata_of_one = {**its_own.metadata, "matte_of": name}
                    its_own = replace(its_own, alpha=own, metadata=metadata_of_one)
                # One by one, each known before it starts: a later one, or a signal, may end them.
                writer = WRITERS[target.path.suffix.lower()](its_own, target)
                is_recorded = sidecar and matte is None
                delivery = PendingOutput(writer, its_own, target, numbers, sidecar=is_recorded)
                deliveries.append(delivery)
            resumed = deliveries[: len(paths)] if resume else []
            _run(deliveries, job, resumed=resumed, progress=progress)
        except BaseException:
            for delivery in deliveries:
                delivery.abort()
            raise
    return [target.path for target in targets]


def _check_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse what is of another kind than `export` takes; its clips are looked at on their own."""
    for path in arguments["paths"]:
        check_kinds({"path": str | Path}, {"path": path}, ExportError)
    others = arguments.keys() - {"clip", "alpha", "foreground", "paths"}
    check_arguments(export, {name: arguments[name] for name in others}, ExportError)
    known = [field.name for field in fields(OutputFormat)]
    for name in arguments["output_format"]:
        if name not in known:
            msg = f"export has no setting {name!r}; those of a form are {', '.join(known)}"
            raise ExportError(msg)
    over = arguments["over"]
    if isinstance(over, Sequence) and not (len(over) == 3 and all(0 <= c <= 1 for c in over)):
        msg = f"over is {[*over]} and must be red, green and blue, each from 0 to 1"
        raise ExportError(msg)


def _refuse_unused(arguments: Mapping[str, Any], output_format: OutputFormat) -> None:
    """Refuse clips that no output shows, and two answers to what is done with files that exist."""
    needs = {"foreground": "color", "over": "review"}
    given = {name: needed for name, needed in needs.items() if arguments[name] is not None}
    met = frozenset[str]().union(*(output_format.meets(str(path)) for path in arguments["paths"]))
    refuse_unused({name: needed for name, needed in given.items() if needed not in met})
    if arguments["resume"] and arguments["overwrite"]:
        msg = "resume keeps what is whole, and overwrite replaces all; give one of them"
        raise ExportError(msg)


def find_targets(
    paths: Sequence[Path],
    numbers: range,
    output_format: OutputFormat,
    *,
    patterns: bool,
    overwrite: bool,
    has_background: bool,
) -> list[Target]:
    """
    Return what `paths` mean for frames with `numbers`; nothing is opened or made.

    Raises:
        ExportError: One can't be written in this output format, exists already, or meets another.
    """
    targets = read_targets(paths, numbers, tuple(WRITERS), patterns=patterns, overwrite=overwrite)
    suffixes = {target.path.suffix.lower() for target in targets}
    check_suffixes(suffixes, output_format)
    if ".mp4" in suffixes and not has_background:
        how = cure(
            script="over=(0.5, 0.5, 0.5), or a clip",
            typed="--over gray, --over 204080 or --over plate.png",
        )
        msg = f"an .mp4 is a review movie without alpha; say what it shows the subject over: {how}"
        raise ExportError(msg)
    return targets


def _word_of(over: vs.VideoNode | Sequence[float]) -> str:
    """Return what a review's sidecar says of what it is over, unless somebody says more."""
    return "a clip" if isinstance(over, vs.VideoNode) else word_of_over((over[0], over[1], over[2]))


def _background(over: vs.VideoNode | Sequence[float], clip: vs.VideoNode) -> vs.VideoNode:
    """Return what a review shows the subject over, RGBS in display code."""
    if isinstance(over, vs.VideoNode):
        check_extent(
            "background", check_constant("background", over, ExportError), clip, ExportError
        )
        return to_viewed_rgb(read_color(over))
    return clip.std.BlankClip(format=vs.RGBS, color=list(over), keep=True)


def _colored(clip: vs.VideoNode, foreground: vs.VideoNode) -> TaggedClip:
    """Return `foreground` with the timing, pixels and windows of `clip`."""
    timed = foreground.std.AssumeFPS(src=clip) if clip.fps else foreground
    carried = timed.std.CopyFrameProps(clip, props=[*TIMES, *WINDOWS])
    with clip.get_frame(0) as frame:
        return replace(read_color(carried), pixel_aspect=pixel_aspect_of(frame))


def _run(
    deliveries: Sequence[PendingOutput],
    job: ExportJob,
    *,
    resumed: Sequence[PendingOutput],
    progress: Progress | None,
) -> None:
    """Feed a writer for every target frame by frame, with what it lacks."""
    for delivery in resumed:
        delivery.keep()
    for delivery in deliveries:
        delivery.begin()
    _feed([delivery for delivery in deliveries if delivery.missing], job, progress)
    for delivery in deliveries:
        delivery.finish()


def _feed(deliveries: Sequence[PendingOutput], job: ExportJob, progress: Progress | None) -> None:
    wanted = sorted(set().union(*(delivery.missing for delivery in deliveries)))
    clips = [_frames_at(clip, wanted) for delivery in deliveries for clip in delivery.writer.clips]
    if not wanted:
        return
    with closing(_groups(clips)) as groups:
        for done, n in enumerate(wanted, start=1):
            group = _computed(groups, job.first_number + n)
            frames = iter(group)
            for delivery in deliveries:
                its_own = [next(frames) for _ in delivery.writer.clips]
                if n in delivery.missing:
                    delivery.writer.write(n, its_own)
            for frame in group:
                frame.close()
            if progress is not None:
                progress(done, len(wanted))


def _frames_at(clip: vs.VideoNode, wanted: Sequence[int]) -> vs.VideoNode:
    """Return the `wanted` frames of `clip`, in order."""
    if len(wanted) == clip.num_frames:
        return clip
    # Numbers that follow one another are as far from their place in the list.
    runs = groupby(enumerate(wanted), key=lambda place: place[1] - place[0])
    cuts = [[n for _, n in run] for _, run in runs]
    return vs.core.std.Splice([clip[cut[0] : cut[-1] + 1] for cut in cuts])


def _computed(groups: Iterator[list[vs.VideoFrame]], number: int) -> list[vs.VideoFrame]:
    """Return the next group; what fails in a filter or a source is told with its frame."""
    try:
        return next(groups)
    except vs.Error as error:
        msg = f"frame {number} can't be computed: {last_words(error)}"
        raise ExportError(msg) from error


def _groups(clips: list[vs.VideoNode]) -> Generator[list[vs.VideoFrame]]:
    """
    Yield frame n of every clip, then frame n + 1.

    Interleaved, the clips are asked for in step, so what they share is computed once.
    """
    together = vs.core.std.Interleave(clips, mismatch=True, modify_duration=False)
    least, most = GROUPS_AHEAD
    ahead = min(max(vs.core.num_threads // 2, least), most) * len(clips)
    frames = read_once(together).frames(prefetch=ahead, backlog=ahead)
    for first in frames:
        yield [first, *(next(frames) for _ in clips[1:])]


def _check_clips(
    clip: vs.VideoNode,
    alpha: vs.VideoNode,
    foreground: vs.VideoNode | None,
    extra: Mapping[str, vs.VideoNode],
) -> None:
    mattes = {"alpha": alpha} | {f"matte {name!r}": matte for name, matte in extra.items()}
    colors = {"clip": clip} | ({} if foreground is None else {"foreground": foreground})
    for name, node in (colors | mattes).items():
        check_extent(name, check_constant(name, node, ExportError), clip, ExportError)
    for name, node in mattes.items():
        check_gray(name, node, ExportError)
