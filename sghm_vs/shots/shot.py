"""A shot's way: open the source, matte it, export it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

import vapoursynth as vs

from sghm_vs.color import ocio
from sghm_vs.color.convert import read_color
from sghm_vs.color.frame_props import pixel_aspect_of
from sghm_vs.errors import ExportError, SourceError, counted, cure, listed, with_options
from sghm_vs.files import name_key
from sghm_vs.filter.edges import shaped
from sghm_vs.filter.foreground import chosen_color
from sghm_vs.filter.people import ToldApart
from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.media.name_templates import fill_names, person_name, person_of
from sghm_vs.media.readers import Source, is_numbered, open_source
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.timecode import Timecode
from sghm_vs.media.writers import OVER, NamedMatte, export, find_targets
from sghm_vs.models.weights import Weights, find_weights
from sghm_vs.options import (
    AUTO,
    EXTRA_LAYOUTS,
    LAYOUTS,
    USUAL,
    Color,
    Delivery,
    Edges,
    FrameRange,
    Matting,
    Opening,
    Shape,
    View,
    check_layers,
    recorded,
    rois_of,
    word_of_over,
)
from sghm_vs.progress import Progress
from sghm_vs.shots.guides import Guided, guided_by, open_guides, open_keys, tell_of_screen
from sghm_vs.shots.people_file import chosen_of, open_people, people_digest

if TYPE_CHECKING:
    from sghm_vs.models.backends.base import AnyNetwork
    from sghm_vs.models.backends.device import Compute

logger = logging.getLogger(__name__)

PEOPLE = "people"
"""The view of who is who, beside those of `View`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A matting with its networks: whoever keeps this keeps them, and shots that get it share them."""

    matting: Matting
    description: dict[str, str]
    """What shapes the pixels; see `describe`."""
    weights: Weights
    networks: Mapping[Compute, AnyNetwork]
    """One for each device."""

    def __str__(self) -> str:
        """Return what mattes: model, backend and devices."""
        devices = " and ".join(str(compute.device) for compute in self.networks)
        network = self.network
        precision = "" if network.precision == "float32" else f" in {network.precision}"
        return f"{self.description['model']} by {network.backend}{precision} on {devices}"

    @property
    def made_by(self) -> dict[str, str]:
        """What makes the mattes, for sidecars: other backends' last bits are others."""
        return {"backend": self.network.backend, "precision": self.network.precision}

    @property
    def network(self) -> AnyNetwork:
        """The one on the first device."""
        return next(iter(self.networks.values()))

    def networks_of(self, weights: Weights, sha256: str) -> Mapping[Compute, AnyNetwork]:
        """Return the networks if they are made from `weights`, whose file has the hash `sha256`."""
        is_same = self.weights == weights and self.description["weights_sha256"] == sha256
        return self.networks if is_same else {}

    def described_size(self, clip: vs.VideoNode) -> str:
        """Return at which size frames of `clip` are matted, in words."""
        from sghm_vs.matting.sizing import fit_by

        with clip.get_frame(0) as frame:
            aspect = pixel_aspect_of(frame)
        settings = replace(self.matting.settings, pixel_aspect=aspect)
        parts = [roi[2:] for roi in rois_of(self.matting.guides.roi)] or [(clip.width, clip.height)]
        sizes = [fit_by(settings, height, width).resized for width, height in parts]
        at = listed(dict.fromkeys(f"{width}x{height}" for height, width in sizes))
        return f"{clip.width}x{clip.height}, matted at {at}"


def prepare(
    matting: Matting, before: Prepared | None = None, *, many_sizes: bool = False
) -> Prepared:
    """
    Load what `matting` needs; networks that `before` has as well are taken from there.

    Args:
        matting: What it is.
        before: What was prepared earlier.
        many_sizes: Whether pictures differ in size, which "auto" minds.

    Raises:
        WeightsError: There are no such weights.
        DeviceError: There is no such device.
        MissingPackageError: The backend is not installed.
    """
    weights, description = find_weights(matting.model), describe(matting)
    # With it comes what runs the network, torch or another, which takes seconds to load.
    from sghm_vs.models.backends.cores import bound_heaps
    from sghm_vs.models.backends.device import choose_computes
    from sghm_vs.models.load import load_network

    bound_heaps()
    computes = choose_computes(matting.device_index, matting.fp16, matting.backend)
    if many_sizes:
        computes = [compute.for_many_sizes() for compute in computes]
    sha256 = description["weights_sha256"]
    known = {} if before is None else before.networks_of(weights, sha256)
    networks = {
        compute: known.get(compute) or load_network(weights, compute) for compute in computes
    }
    return Prepared(matting=matting, description=description, weights=weights, networks=networks)


def rotoscope(
    path: str | Path | Source,
    outputs: Sequence[str | Path],
    *,
    frames: FrameRange | None = None,
    opening: Opening | None = None,
    matting: Matting | Prepared | None = None,
    delivery: Delivery | None = None,
    people: ToldApart | None = None,
    tell: Callable[[str], None] | None = None,
    tell_region: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """
    Matte the people in the footage at `path` and write `outputs`, all in one pass.

    Args:
        path: A movie, a numbered sequence, a picture or a VapourSynth script; or what was opened.
        outputs: Files to write; their form says in which format.
        frames: Which of the source's frames, by the source's own numbers; None is all.
        opening: What the footage leaves open: missing frames, a layer, a track.
        matting: Defaults to the shipped model on the best device; one that is prepared serves
            many shots without loading the network anew.
        delivery: Defaults to what `export` does by itself.
        people: Who is who and who is meant, in place of what a file says.
        tell: Called before the first frame with what mattes, on what, and at which size.
        tell_region: Called with what `--roi auto` looks at and finds; None is `tell`.
        progress: Called with frames done and frames in all; before, where people are looked for, with
            frames looked at.

    Returns:
        The paths written.

    Raises:
        SourceError: The footage can't be read, or has none of `frames`.
        ExportError: An output can't be written.
        WeightsError: There are no such weights.
        DeviceError: There is no such device.
        vapoursynth.Error: The filter refuses the clip or a setting.
    """
    source = path if isinstance(path, Source) else open_source(path, opening)
    how = matting.matting if isinstance(matting, Prepared) else matting or Matting()
    delivery = delivery or Delivery()
    files = _views_of(how)
    written = _outputs_of(
        source, outputs, frames, delivery, files.values(), how.guides.files,
        chosen_of(how.guides) if people is None else people.ids,
    )  # fmt: skip
    find_targets(
        [*written.outputs, *files.values()],
        written.numbers,
        delivery.output_format,
        patterns=delivery.patterns,
        overwrite=delivery.overwrite or delivery.resume,
        has_background=delivery.over is not None,
    )
    guides = open_guides(how.steadied_guides, source, frames)
    keys, keyed = open_keys(how.guides, source)
    people = people or open_people(how.guides, source, frames)
    if people is None:
        check_layers((), delivery.output_format)
    tell_of_screen(how.guides, source, frames)
    find_weights(how.model)
    if how.guides.roi == AUTO:
        matting = _with_region(matting, how, source, tell_region or tell, progress)
        how = matting.matting
    # With it comes torch, which takes seconds to load: what can be refused has been by now.
    from sghm_vs.filter.debug import detached

    prepared = matting if isinstance(matting, Prepared) else prepare(how)
    if tell is not None:
        frames_told = counted(len(written.numbers), "frame")
        tell(f"{prepared}: {frames_told} of {prepared.described_size(source.clip)}")
        if (words := timecode_note(source, frames, delivery)) is not None:
            tell(words)
    _tell_of_timing(source, guides.get("mask"), prepared, frames)
    alpha = _matted(source, prepared, guides, keyed)
    steps: dict[Path, vs.VideoNode] = {}
    if how.debug is not None:
        alpha, views = detached(alpha)
        steps = {files[name]: shown for name, shown in views.items()}
        if people is not None:
            steps[files[PEOPLE]] = people.view(alpha)
    return deliver(
        source,
        _emptied(alpha, source.blank),
        outputs,
        made_of=how.guides.files,
        guides=guides,
        guided=guided_by(how, source, keys),
        people=people,
        frames=frames,
        delivery=delivery,
        beside=steps,
        metadata={"source": source.name, **prepared.description},
        made_by=prepared.made_by,
        progress=progress,
    )


def _with_region(
    matting: Matting | Prepared | None,
    how: Matting,
    source: Source,
    tell: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Return what mattes the parts of `source` that people are in, as sidecars say it."""
    from sghm_vs.shots.region import with_region

    prepared = matting if isinstance(matting, Prepared) else prepare(how)
    found = with_region(how, source, prepared, tell=tell, progress=progress)
    return replace(prepared, matting=found, description=describe(found))


def _tell_of_timing(
    source: Source, mask: vs.VideoNode | None, prepared: Prepared, frames: FrameRange | None
) -> None:
    from sghm_vs.shots.mask_timing import tell_of_timing

    tell_of_timing(source, mask, prepared, frames)


class Unshaped(NamedTuple):
    """The alpha of a shot before its edges are shaped, and what that minds."""

    alpha: vs.VideoNode
    """GRAYS, 0-1, all frames."""
    kept: Mapping[str, vs.VideoNode]
    """Guides that hold after edges, too."""
    people: ToldApart | None

    def shaped(self, edges: Edges) -> vs.VideoNode:
        """Return the alpha that `rotoscope` would write with these edges."""
        return _shaped_apart(self.alpha, edges, self.kept, self.people)[0]


def unshaped_alpha(
    source: Source, prepared: Prepared, frames: FrameRange | None = None
) -> Unshaped:
    """
    Return the alpha of all frames of `source`, as `rotoscope` makes it.

    Args:
        source: The footage.
        prepared: How it is matted, guides and who is meant with it.
        frames: Those that guides must have; None is all.

    Raises:
        SourceError: A guide can't be read, or lacks frames.
        SettingsError: Nobody is meant, or what is said of guides doesn't go together.
        vapoursynth.Error: The filter refuses the clip or a setting.
    """
    if prepared.matting.guides.roi == AUTO:
        prepared = _with_region(prepared, prepared.matting, source)
    guiding = prepared.matting.steadied_guides
    guides = open_guides(guiding, source, frames)
    _, keyed = open_keys(guiding, source)
    people = open_people(guiding, source, frames)
    alpha = _emptied(_matted(source, prepared, guides, keyed), source.blank)
    return Unshaped(alpha if people is None else people.of_all(alpha), _kept(guides), people)


def _matted(
    source: Source,
    prepared: Prepared,
    guides: Mapping[str, vs.VideoNode],
    keyed: Mapping[int, vs.VideoNode],
) -> vs.VideoNode:
    """Return what the filter makes of `source`, before edges are shaped."""
    from sghm_vs.filter.sghm import sghm_prepared

    how = prepared.matting
    return sghm_prepared(
        source.clip,
        prepared.weights,
        prepared.networks,
        how.settings,
        num_streams=how.num_streams,
        guides=how.guides,
        guide_clips=guides,
        keys=keyed,
        debug=None if how.debug is None else "all",
    )


def _kept(guides: Mapping[str, vs.VideoNode] | None) -> dict[str, vs.VideoNode]:
    """Return those that hold after edges are shaped, too."""
    return {name: clip for name, clip in (guides or {}).items() if name in ("keep", "holdout")}


def _views_of(matting: Matting) -> dict[str, Path]:
    """Return the files of the steps to the alpha, by their names."""
    if matting.debug is None:
        return {}
    names = [*get_args(View), *([] if matting.guides.people is None else [PEOPLE])]
    return {name: matting.debug / f"{name}.mkv" for name in names}


def deliver(
    source: Source,
    alpha: vs.VideoNode,
    outputs: Sequence[str | Path],
    *,
    made_of: Mapping[str, Path] | None = None,
    guides: Mapping[str, vs.VideoNode] | None = None,
    guided: Guided | None = None,
    people: ToldApart | None = None,
    frames: FrameRange | None = None,
    delivery: Delivery | None = None,
    foreground: vs.VideoNode | None = None,
    extra: Mapping[str, vs.VideoNode] | None = None,
    beside: Mapping[Path, vs.VideoNode] | None = None,
    metadata: dict[str, str] | None = None,
    made_by: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """
    Write `frames` of `source` with `alpha`; see `rotoscope`, and `export` for the other clips.

    All clips are of the source's length. `made_of` are the files that the alpha is made from, by what
    they are called; what of `guides` is kept or held out is so after edges are shaped. Which of them
    had a part in which frame is recorded as `guided` says. Of `people` the matte is that of who is
    meant; outputs with one's name are theirs alone, and layouts with further mattes have theirs.
    """
    delivery = delivery or Delivery()
    kept = _kept(guides)
    alpha = alpha if people is None else people.of_all(alpha)
    if extra is None and delivery.edges.shape == "alpha":
        extra = _edge_mattes(alpha, delivery, kept)
    changed = {f"edges_{name}": value for name, value in delivery.edges.changed().items()}
    if foreground is None and delivery.foreground != "source":
        # By the alpha as it was made: what was grown or blurred since mixes no colors.
        foreground = chosen_color(source.clip, alpha, delivery)
        changed |= delivery.described_color()
    alpha, apart = _shaped_apart(alpha, delivery.edges, kept, people)
    changed |= _described_source(source) | _described_beside(source, made_of, delivery.over)
    beside = beside or {}
    ids = () if people is None else people.ids
    written = _outputs_of(source, outputs, frames, delivery, beside, made_of, ids)
    alphas = {} if people is None else _alphas_of(written.outputs, apart)
    extra = dict(extra or {}) | _layers_of(apart, delivery)

    # Cut after matting: a window that looks beyond the range sees the same frames.
    def cut(clip: vs.VideoNode) -> vs.VideoNode:
        return clip.std.Trim(first=written.first, length=len(written.numbers))

    # What is said of many outputs may be for those of another pass, as a farm's.
    met = frozenset[str]().union(
        *(delivery.output_format.meets(str(one)) for one in written.outputs)
    )
    over = _open_over(delivery.over, source) if "review" in met else None
    foreground = foreground if "color" in met else None
    _warn_of_assumed_rate(source, written.outputs)
    _tell_of_times(source)
    return export(
        cut(source.clip),
        cut(alpha),
        *written.outputs,
        foreground=None if foreground is None else cut(foreground),
        extra={name: cut(matte) for name, matte in extra.items()},
        alphas={path: NamedMatte(name, cut(matte)) for path, (name, matte) in alphas.items()},
        beside={path: cut(matte) for path, matte in beside.items()},
        over=cut(over) if isinstance(over, vs.VideoNode) else over,
        origin=_origin(source, delivery).at(written.first, Fraction(source.clip.fps)),
        **delivery.output_format.changed(),
        first_number=written.numbers.start,
        patterns=delivery.patterns,
        overwrite=delivery.overwrite,
        resume=delivery.resume,
        sidecar=delivery.sidecar,
        metadata={**(metadata or {}), **changed},
        keyed=_keyed(guided, source.first_number + written.first, written.numbers),
        made_by=made_by,
        progress=progress,
    )


def without_missing_audio(delivery: Delivery, source: Source) -> Delivery:
    """Return `delivery` without sound if `source` has none: of many shots some are silent."""
    if not delivery.output_format.audio or source.origin.sound is not None:
        return delivery
    logger.warning("%s has no sound, and is delivered without", source.origin.file)
    return replace(delivery, output_format=replace(delivery.output_format, audio=False))


class _Outputs(NamedTuple):
    """What of a source is written, and where."""

    first: int
    """The clip's first frame."""
    numbers: range
    """Of the written frames, as names have them."""
    outputs: list[Path]
    """With the words in their names filled in."""


def _outputs_of(
    source: Source,
    outputs: Sequence[str | Path],
    frames: FrameRange | None,
    delivery: Delivery,
    beside: Iterable[Path],
    made_of: Mapping[str, Path] | None = None,
    people: Sequence[int] = (),
) -> _Outputs:
    """Return what of `source` is written where, once nothing speaks against it."""
    first, last = (
        (0, source.clip.num_frames - 1) if frames is None else _clip_frames(source, frames)
    )
    number = source.first_number + first
    if delivery.start_number is not None:
        number = delivery.start_number
    if delivery.resume and delivery.version == "auto":
        msg = "--version auto is a new version, and --resume goes on with one; give its number"
        raise ExportError(msg)
    paths = [Path(output) for output in outputs]
    if delivery.patterns:
        paths = fill_names(
            outputs,
            shot=source.name,
            output_format=delivery.output_format,
            version=delivery.version,
            people=people,
        )
    over = delivery.over if isinstance(delivery.over, Path) else None
    for what, read in {"footage": source.path, "background": over, **(made_of or {})}.items():
        if read is not None:
            _refuse_to_replace(read, what, [*paths, *beside])
    refuse_varying(source, [*paths, *beside])
    return _Outputs(first, range(number, number + last - first + 1), paths)


def refuse_varying(source: Source, outputs: Iterable[Path], flag: str = "--rate") -> None:
    """
    Refuse movies of a source without one rate; `flag` is what conforms it.

    Raises:
        SourceError: There is one among `outputs`.
    """
    how = source.varying
    if how is not None and any(path.suffix.lower() in USUAL for path in outputs):
        msg = (
            f"{source.path} has a varying frame rate: {how}; {_conforming(how.rate, flag)} conforms it "
            f"({how.doubled} doubled, {how.dropped} dropped), "
            f"{cure(script='Opening(vfr=True)', typed='--vfr')} keeps its times"
        )
        raise SourceError(msg)


def _conforming(rate: Fraction, flag: str = "--rate") -> str:
    return cure(script=f"Opening(rate=Fraction({str(rate)!r}))", typed=f"{flag} {rate}")


def _tell_of_times(source: Source) -> None:
    """Say where a sequence has the times of the source's frames."""
    if source.varying is not None:
        logger.warning(
            "%s has a varying frame rate: %s; a sequence has its frames, and when each is shown is "
            "in its sidecar (shown_s) and in EXR headers (sghm_vs:source_time); %s conforms it",
            source.path,
            source.varying,
            _conforming(source.varying.rate),
        )


def _warn_of_assumed_rate(source: Source, outputs: Iterable[Path]) -> None:
    """Say that nobody says the rate of `source`, where it is written into an output."""
    if not source.is_rate_said and any(path.suffix.lower() != ".png" for path in outputs):
        logger.warning(
            "%s says no rate: %s frames a second are taken; for another give %s",
            source.origin.file,
            source.clip.fps,
            cure(script="Opening(rate=…)", typed="--rate"),
        )


def timecode_note(source: Source, frames: FrameRange | None, delivery: Delivery) -> str | None:
    """Return what the first frame of `frames` gets where a timecode is given; None of all frames."""
    if delivery.timecode is None or frames is None:
        return None
    first, _ = _clip_frames(source, frames)
    timecode = _origin(source, delivery).at(first, Fraction(source.clip.fps)).timecode
    return (
        f"{delivery.timecode} is the timecode of {source.name}'s frame {source.first_number}; "
        f"frame {frames.first}, the first that is written, has {timecode}"
    )


def _described_source(source: Source) -> dict[str, str]:
    """Return how `source` was read, where that is otherwise than its files have it."""
    how = recorded(source.opening)
    if source.deinterlaced:
        how["deinterlace"] = source.deinterlaced
    if source.conformed_rate is not None:
        how["conformed_rate"] = str(source.conformed_rate)
    name = source.colorspace
    if name is None:
        return how
    config = {} if name in ocio.WORDS else {"ocio_config": ocio.space(name).config}
    return {"input_colorspace": name, **config, **how}


def _keyed(guided: Guided | None, first: int, numbers: range) -> dict[int, str]:
    """Return which guides have a part in each of the frames `numbers`, the first of which is `first`."""
    if guided is None:
        return {}
    found = {n: guided.of(first + at) for at, n in enumerate(numbers)}
    return {n: said for n, said in found.items() if said}


def _described_beside(
    source: Source, made_of: Mapping[str, Path] | None, over: Path | Color | None
) -> dict[str, str]:
    """Return which background there is, and how holes in what is given beside `source` are filled."""
    said = {} if over is None else {OVER: word_of_over(over)}
    given = [one for one in (*(made_of or {}).values(), over) if isinstance(one, Path)]
    if source.missing != "error" and any(map(is_numbered, given)):
        said["missing"] = source.missing
    return said


def _origin(source: Source, delivery: Delivery) -> SourceMetadata:
    """Return what `source` says of itself, with the timecode that was given."""
    if delivery.timecode is None:
        return source.origin
    said = source.origin.timecode
    rate, count = Fraction(source.clip.fps), None if said is None else said.count
    timecode = Timecode.parse(delivery.timecode, rate, count)
    return replace(source.origin, timecode=timecode)


type _Apart = dict[int, vs.VideoNode]
"""The matte of each person who is meant."""


def _shaped_apart(
    alpha: vs.VideoNode,
    edges: Edges,
    kept: Mapping[str, vs.VideoNode],
    people: ToldApart | None,
) -> tuple[vs.VideoNode, _Apart]:
    """Return `alpha` with its edges shaped, and what of it is each person's."""
    if people is None:
        return shaped(alpha, edges, **kept), {}
    # Shares are of the finished matte, so that where people touch no seam opens between them.
    whole, last = shaped(alpha, replace(edges, invert=False), **kept), Edges(invert=edges.invert)
    return shaped(whole, last), {n: shaped(people.of(n, whole), last) for n in people.ids}


def _alphas_of(outputs: Iterable[Path], apart: _Apart) -> dict[Path, NamedMatte]:
    """Return the matte of each output that is of one person, with what it is called."""
    found = {path: person for path in outputs if (person := person_of(path)) is not None}
    for path, person in found.items():
        if person not in apart:
            who = listed(map(person_name, apart)) or "nobody"
            are = "are" if len(apart) > 1 else "is"
            msg = (
                f"{path} is of {person_name(person)} by its name, and {who} {are} matted; rename it"
            )
            raise ExportError(msg)
    return {path: NamedMatte(person_name(n), apart[n]) for path, n in found.items()}


def _layers_of(apart: _Apart, delivery: Delivery) -> dict[str, vs.VideoNode]:
    """Return the mattes of people for the layouts that hold them."""
    if delivery.output_format.layout not in EXTRA_LAYOUTS:
        return {}
    return {person_name(person): matte for person, matte in apart.items()}


def _edge_mattes(
    alpha: vs.VideoNode, delivery: Delivery, kept: Mapping[str, vs.VideoNode]
) -> dict[str, vs.VideoNode]:
    """Return core and edge of `alpha` for the layouts that hold them."""
    layout = delivery.output_format.layout
    if layout not in EXTRA_LAYOUTS or LAYOUTS[layout].is_data:
        return {}
    shapes: tuple[Shape, ...] = ("core", "edge")
    return {shape: shaped(alpha, replace(delivery.edges, shape=shape), **kept) for shape in shapes}


def _open_over(over: Path | Color | None, source: Source) -> vs.VideoNode | Color | None:
    """Return what a review shows the subject over, of the size of the clip of `source`."""
    if not isinstance(over, Path):
        return over
    clip = source.clip
    with with_options({"--missing"}):
        back = read_color(open_source(over, Opening(missing=source.missing)).clip).clip
    if back.num_frames == 1:
        back = back.std.Loop(clip.num_frames)
    return back.resize.Bicubic(clip.width, clip.height)


def describe(matting: Matting) -> dict[str, str]:
    """Return what shapes the pixels, as text for the outputs' metadata."""
    weights = find_weights(matting.model)
    return {
        "version": version("sghm-vs"),
        "model": weights.name,
        "weights_sha256": weights.sha256(),
        "weights_are_known": "yes" if weights.is_known() else "no",
        **recorded(matting),
        **({"people_digest": digest} if (digest := people_digest(matting.guides)) else {}),
    }


def _refuse_to_replace(read: Path, what: str, outputs: Sequence[Path]) -> None:
    """What is read while outputs are written is not touched, even by --overwrite."""
    for output in outputs:
        is_same = _resolved(output) == _resolved(read)
        if is_same or (read.is_dir() and output.parent.resolve() == read.resolve()):
            msg = f"{output} would be written over the {what} it is made from; choose another name"
            raise ExportError(msg)


def _resolved(path: Path) -> str:
    """Return the absolute path; patterns that mean the same files are the same."""
    absolute = path.parent.resolve() / path.name
    return name_key(str(SequencePath.parse(absolute) or absolute.resolve()))


def _emptied(alpha: vs.VideoNode, blank: frozenset[int]) -> vs.VideoNode:
    """Return `alpha` with nobody in the frames `blank`, whatever the network sees in black."""
    if not blank:
        return alpha
    empty = alpha.std.BlankClip(keep=True)
    return alpha.std.FrameEval(lambda n: empty if n in blank else alpha)


def _clip_frames(source: Source, frames: FrameRange) -> tuple[int, int]:
    """Return the clip's indices, both included, of the source's `frames`."""
    if not source.frames.holds(frames):
        msg = f"{source.name} has frames {source.frames}, and {frames} was asked for"
        raise SourceError(msg)
    return frames.first - source.first_number, frames.last - source.first_number
