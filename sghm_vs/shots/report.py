"""Reports of mattes, anybody's: which are meant, of what plates they are, and the files of a report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import vapoursynth as vs

from sghm_vs.errors import SettingsError, SghmError, SourceError, counted, listed, message_of
from sghm_vs.evaluate.report.findings import AROUND, LONGEST_RUN
from sghm_vs.evaluate.report.markers import marked_timeline, qp_file
from sghm_vs.evaluate.report.page import report_page, report_record
from sghm_vs.evaluate.report.shot import ShotReport, report_shot
from sghm_vs.files import refuse_existing, write_files
from sghm_vs.media.pairing import in_common, opening_of, pair
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.options import FrameRange, Matting, ReportOptions
from sghm_vs.progress import Progress
from sghm_vs.shots.batch.find import find_footage
from sghm_vs.shots.batch.manifest import NAME, Entry, Manifest
from sghm_vs.shots.batch.names import safe_name, unique_names

EIGHT_BITS = 8
HELPING = AROUND + LONGEST_RUN
"""Frames either side by which a frame is judged, but for jumps in a rhythm, which need all."""
SHEETS_MAX = 600
"""Of a page: it opens in a moment still."""
REVIEW = ".mp4"
"""The ending of outputs that hold no matte."""
ENDING = re.compile(r"[._-](matte|alpha|mask|a)$", re.IGNORECASE)
"""What a matte's name may have behind that of its plate."""
SHAPES_APART = 1.03
"""Width over height: odd sizes are rounded in proxies, other footage is other by more."""
FLAG = "--matte-start"
USUAL_NAME = "report.html"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A matte that is to be reported on."""

    matte: Path
    name: str
    plate: Path | None = None
    may_lack_plate: bool = False
    """Whether it is looked at without its plate where that isn't there any more."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report found."""

    shots: list[ShotReport]
    failed: dict[str, str]
    """Mattes that could not be read, and why."""
    files: list[Path]
    """That were written."""

    @property
    def said(self) -> list[str]:
        """What was found, a line a shot."""
        unread = [f"{matte}: {why}" for matte, why in self.failed.items()]
        return [f"{shot.name}: {shot.summary}" for shot in self.shots] + unread

    def too_many(self, how: ReportOptions) -> list[str]:
        """Return what `how.fail_on` names and the report found, in words."""
        said = []
        for rule in how.fail_on:
            for shot in self.shots:
                kinds = [{one.kind for one in found} for found in shot.findings.values()]
                count = sum(rule.kind is None or rule.kind in some for some in kinds)
                if count >= rule.frames:
                    what = f" for {rule.kind}" if rule.kind else ""
                    said.append(f"{shot.name}: {counted(count, 'frame')} flagged{what}")
        return said


def wanted_from(mattes: Sequence[str], plates: Sequence[Path]) -> list[Wanted]:
    """
    Return what is to be reported on.

    Args:
        mattes: Mattes; folders with many of them; manifests of batches, edits and farms, or the
            folders of these.
        plates: The footage: of one matte one, of several one for each in their order, or a folder
            with footage of their names. What a manifest says needs none.

    Raises:
        SourceError: One is not there, or a manifest has nothing that is done.
        SettingsError: Plates and mattes don't go together.
    """
    found: list[Wanted] = []
    wishes: list[tuple[str, tuple[str, ...]]] = []
    for matte in mattes:
        path = Path(matte)
        manifest = path / NAME if path.is_dir() else path
        if manifest.name == NAME and manifest.is_file():
            entries = of_entries(
                manifest.parent.absolute(), Manifest(manifest.parent).entries.values()
            )
            if not entries:
                msg = f"{manifest} has no shot that is done; make some: sghm batch --resume"
                raise SourceError(msg)
            found += entries
            wishes += [(str(one.matte), (one.name,)) for one in entries]
            continue
        for footage in find_footage([matte]).footage:
            found.append(Wanted(footage.path, ""))
            wishes.append((str(footage.path), footage.names))
    names = unique_names(wishes, {})
    return _with_plates(
        [replace(one, name=name) for one, name in zip(found, names, strict=True)], plates
    )


def of_entries(folder: Path, entries: Iterable[Entry]) -> list[Wanted]:
    """Return the mattes of shots that a batch in `folder` has done."""
    found = []
    for entry in entries:
        outputs = [one for one in entry.outputs if not one.lower().endswith(REVIEW)]
        if entry.state != "done" or not outputs:
            continue
        source = entry.inputs.get("source")
        plate = None if source is None else Path(source.path)
        found.append(Wanted(folder / outputs[0], entry.shot, plate, may_lack_plate=True))
    return found


def _with_plates(wanted: Sequence[Wanted], plates: Sequence[Path]) -> list[Wanted]:
    """Return `wanted` with the plates that are given: of one name, in their order, or one for all."""
    open_ones = [one for one in wanted if one.plate is None]
    if not plates:
        return [*wanted]
    if not open_ones:
        msg = "the manifest says of which footage each matte is; leave --plate out"
        raise SettingsError(msg)
    if len(plates) == 1 and plates[0].is_dir():
        found = _by_name(open_ones, plates[0])
    elif len(plates) in (1, len(open_ones)):
        found = [*plates] * (1 if len(plates) > 1 else len(open_ones))
    else:
        msg = (
            f"there are {counted(len(open_ones), 'matte')} and {counted(len(plates), 'plate')}; give "
            "one --plate for each, in their order, or a folder with footage of their names"
        )
        raise SettingsError(msg)
    at = iter(found)
    return [replace(one, plate=next(at)) if one.plate is None else one for one in wanted]


def _by_name(wanted: Sequence[Wanted], folder: Path) -> list[Path]:
    """Return the footage in `folder` of each matte's name, or the only one there is."""
    footage = find_footage([str(folder)]).footage
    if len(footage) == 1:
        return [footage[0].path] * len(wanted)
    by_name = {one.names[0]: one.path for one in footage}
    found = [by_name.get(one.name) or by_name.get(ENDING.sub("", one.name)) for one in wanted]
    alone = [one.name for one, plate in zip(wanted, found, strict=True) if plate is None]
    if alone:
        msg = (
            f"{folder} has no plate of the name of {listed(alone)}; it has {listed(by_name)}. Give "
            "--plate for each matte, in their order"
        )
        raise SettingsError(msg)
    return [plate for plate in found if plate is not None]


def report_folder(
    folder: Path, progress: Callable[[str], AbstractContextManager[Progress | None]] | None = None
) -> Report:
    """
    Write report.html on all that the manifest in `folder` has done, over one that is there.

    Raises:
        ExportError: It can't be written.
    """
    wanted = of_entries(folder, Manifest(folder).entries.values())
    return write_report(wanted, folder / USUAL_NAME, overwrite=True, progress=progress)


def write_report(
    wanted: Sequence[Wanted],
    output: Path,
    how: ReportOptions | None = None,
    *,
    matting: Matting | None = None,
    matte_channel: str | None = None,
    start: int | None = None,
    frames: FrameRange | None = None,
    overwrite: bool = False,
    progress: Callable[[str], AbstractContextManager[Progress | None]] | None = None,
) -> Report:
    """
    Look at all mattes, and write the page at `output`, with its JSON beside.

    Where none can be read nothing is written, unless that is over an earlier page.

    Args:
        wanted: The mattes.
        output: Of the page, .html.
        how: What is looked for.
        matting: The network that is asked for its view.
        matte_channel: Which channel of a matte is the matte.
        start: The frame of the plate that the first one of the only matte is of.
        frames: Those that are reported on, of each matte; None is all.
        overwrite: Whether files that exist are replaced.
        progress: Returns the context that yields what is called with frames done and in all, for
            the matte of a name.

    Raises:
        ExportError: A file is there already, or can't be written.
        SettingsError: `output` is no page.
    """
    how = how or ReportOptions()
    if output.suffix.lower() not in (".html", ".htm"):
        msg = f"{output} is no page; write -o report.html"
        raise SettingsError(msg)
    twin = output.with_suffix(".json")
    if not overwrite:
        refuse_existing([output, twin])
    sheets = min(how.sheets, max(SHEETS_MAX // max(len(wanted), 1), 1))
    segment = _segmenter(matting or Matting()) if how.vote else None
    shots, failed = [], {}
    for one in wanted:
        try:
            with progress(one.name) if progress is not None else nullcontext() as told:
                footage = _open(one, matte_channel, start)
                shots.append(
                    _report(one, footage, frames, replace(how, sheets=sheets), segment, told)
                )
        except (SghmError, vs.Error) as error:
            failed[str(one.matte)] = message_of(error)
    if failed and not shots and not overwrite:
        # A page of nothing would be in the way of the next try.
        return Report(shots, failed, [])
    record = report_record(shots, how.limit_of, failed)
    contents: dict[Path, bytes | str] = {
        output: report_page(shots, record, output.stem),
        twin: json.dumps(record, indent=1) + "\n",
    }
    if how.markers:
        contents |= {
            output.with_name(f"{output.stem}.{safe_name(shot.name)}.qp"): qp_file(shot)
            for shot in shots
        }
        timeline = marked_timeline(shots, output.stem)
        contents[output.with_suffix(".otio")] = timeline.to_json_string() + "\n"
    return Report(shots, failed, write_files(contents, overwrite=overwrite))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Footage:
    """A matte with its plate, frame by frame."""

    matte: vs.VideoNode
    plate: vs.VideoNode | None
    first: int
    """Number of the first frame."""
    missing: frozenset[int]
    """Indices of frames that are not there."""
    is_of_8_bits: bool
    notes: tuple[str, ...]

    @property
    def frames(self) -> FrameRange:
        return FrameRange(self.first, self.first + self.matte.num_frames - 1)

    def part(self, frames: FrameRange) -> _Footage:
        """Return `frames` of it, which it has."""
        run = range(frames.first - self.first, frames.last - self.first + 1)
        cut = slice(run.start, run.stop)
        return replace(
            self,
            matte=self.matte[cut],
            plate=None if self.plate is None else self.plate[cut],
            first=frames.first,
            missing=frozenset(n - run.start for n in self.missing if n in run),
        )


def _open(one: Wanted, matte_channel: str | None, start: int | None) -> _Footage:
    """Return the frames that a matte and its plate both have."""
    matte = open_matte(one.matte, matte_channel, missing="black", is_told=False)
    notes: list[str] = []
    plate = _open_plate(one, matte, notes)
    clips, first, at = [matte.clip], matte.first_number, 0
    if plate is not None:
        _refuse_other_shape(matte, plate)
        pairing = pair(matte, plate, start, FLAG)
        clips = in_common(matte, [(plate, pairing)], FLAG)
        at = max(plate.first_number - pairing.first, 0)
        first = pairing.first + at
        notes.append(f"paired with the plate's frames by {pairing.by}")
    if matte.matte_bits == EIGHT_BITS:
        notes.append("its file has 8 bits: soft edges have steps")
    return _Footage(
        matte=clips[0],
        plate=clips[1] if plate is not None else None,
        first=first,
        missing=frozenset(n - at for n in matte.blank if 0 <= n - at < clips[0].num_frames),
        is_of_8_bits=matte.matte_bits == EIGHT_BITS,
        notes=tuple(notes),
    )


def _report(
    one: Wanted,
    footage: _Footage,
    frames: FrameRange | None,
    how: ReportOptions,
    segment: Callable[[vs.VideoNode], vs.VideoNode] | None,
    progress: Progress | None,
) -> ShotReport:
    asked = frames or footage.frames
    if not footage.frames.holds(asked):
        msg = (
            f"it has frames {footage.frames}, and {asked} was asked for; type --frames within these"
        )
        raise SettingsError(msg)
    seen = footage.part(
        FrameRange(
            max(asked.first - HELPING, footage.frames.first),
            min(asked.last + HELPING, footage.frames.last),
        )
    )
    limits = how.limit_of
    if footage.is_of_8_bits:
        limits["steps"] = float("inf")
    return report_shot(
        seen.matte,
        seen.plate,
        limits,
        name=one.name,
        where=(str(one.matte), None if one.plate is None or seen.plate is None else str(one.plate)),
        first=seen.first,
        missing=seen.missing,
        segment=segment,
        sheets=how.sheets,
        notes=footage.notes,
        asked=range(asked.first - seen.first, asked.last - seen.first + 1),
        progress=progress,
    )


def _refuse_other_shape(matte: Source, plate: Source) -> None:
    """Refuse a plate that can't be the matte's; of another size, as a proxy is, it may be."""
    shapes = [one.clip.width / one.clip.height for one in (matte, plate)]
    if max(shapes) > SHAPES_APART * min(shapes):
        sizes = [f"{one.clip.width}x{one.clip.height}" for one in (matte, plate)]
        msg = (
            f"it is {sizes[0]}, and {plate.path} {sizes[1]}, of another shape; give the "
            "footage that the matte is of: --plate PLATE"
        )
        raise SettingsError(msg)


def _open_plate(one: Wanted, matte: Source, notes: list[str]) -> Source | None:
    """Return the footage of `matte`; what a manifest knows may have gone since."""
    if one.plate is None:
        return None
    try:
        return open_source(one.plate, opening_of(matte))
    except SourceError as error:
        if not one.may_lack_plate:
            raise
        notes.append(f"without its plate: {error}")
        return None


def _segmenter(matting: Matting) -> Callable[[vs.VideoNode], vs.VideoNode]:
    """Return the function from a small plate to where the network sees people in it."""

    def segment(rgb: vs.VideoNode) -> vs.VideoNode:
        # With it comes torch, which takes seconds to load.
        from sghm_vs.filter.sghm import sghm

        return sghm(
            rgb,
            matting.device_index,
            matting.model,
            backend=matting.backend,
            fp16=matting.fp16,
            num_streams=1,
            tr=0,
            debug="segmentation",
        )

    return segment
