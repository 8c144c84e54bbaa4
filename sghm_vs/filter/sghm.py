"""A clip's way: frame -> tensor -> pipeline -> frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal
from weakref import WeakValueDictionary

import vapoursynth as vs

from sghm_vs.clips import check_matte, kept
from sghm_vs.color import convert
from sghm_vs.color.frame_props import readable
from sghm_vs.errors import SettingsError, SghmError, UnsupportedClipError
from sghm_vs.filter import graph
from sghm_vs.filter.debug import all_views, attached, detached, view
from sghm_vs.filter.engines import Engines, Load, engines_for
from sghm_vs.filter.graph import Steps
from sghm_vs.filter.guides import GuideClips, placed, read_guides
from sghm_vs.filter.people import ToldApart, read_told_apart
from sghm_vs.matting.people.region import regions_of_people
from sghm_vs.models.backends.base import AnyNetwork
from sghm_vs.models.backends.device import Compute, choose_computes
from sghm_vs.models.backends.plugins import in_our_words
from sghm_vs.models.load import load_network
from sghm_vs.models.weights import CHECKPOINTS, Weights, find_weights
from sghm_vs.options import (
    AUTO,
    Backend,
    Devices,
    Guides,
    Settings,
    Sizing,
    View,
    check_arguments,
    check_people_file,
    check_regions,
    person_word,
    refuse_unused,
    regions_of_rois,
)

FRAMES_AHEAD = 16
"""That are asked for before the first of them is done, besides those that a frame depends on."""

_loading = threading.Lock()
_networks_of_clips: WeakValueDictionary[tuple[object, ...], AnyNetwork] = WeakValueDictionary()
"""Clips of a script hold their networks; a script has nothing else that could hold one for all."""


def sghm(
    clip: vs.VideoNode,
    device_index: Devices = None,
    model: str | Path = "auto",
    auto_download: bool = False,
    *,
    num_streams: int = 0,
    tr: int | str = 2,
    sc: bool = True,
    sc_threshold: float | None = 0.1,
    infer_size: int | Literal["auto"] = 1280,
    sizing: Sizing = "pad",
    fp16: bool | None = None,
    backend: Backend = "auto",
    format: int | None = None,
    mask: vs.VideoNode | None = None,
    mask_tr: int | None = None,
    trimap: vs.VideoNode | None = None,
    keys: Mapping[int, vs.VideoNode] | None = None,
    key_span: int = 24,
    keep: vs.VideoNode | None = None,
    holdout: vs.VideoNode | None = None,
    screen: str | None = None,
    guide_band: float = 0.02,
    roi: Sequence[int] | Sequence[Sequence[int]] | Literal["auto"] | None = None,
    people: str | Path | None = None,
    person: str | int | Sequence[int] = "all",
    split: bool = False,
    debug: View | Literal["people", "all"] | None = None,
    input_colorspace: str | None = None,
    exposure: float = 0.0,
) -> vs.VideoNode | dict[int, vs.VideoNode]:
    """
    Return the alpha of the people in `clip`.

    Frame n of the result is a pure function of the frames of `clip` up to 5*tr + 1 before and
    after n: with tr=0 of frame n alone, with `keys` of as many as their span. Neighbors end at
    scene changes. So any frame may be asked for, in any order, by any number of threads.

    Args:
        clip: RGB, YUV or GRAY, 8 to 16 bits or float, of constant format; its size and rate may
            change. Color is read from the frame props; what they leave out is taken as
            `sghm_vs.color.frame_props` says. Interlaced frames are refused.
        device_index: None is the first CUDA device or else the CPU, -1 the CPU. A list spreads the
            frames over CUDA devices: frame n goes to the n-th, over and over.
        model: "sghm-lite" is shipped, and "sghm-lite@9" keeps a show at this version of it;
            "sghm-resnet50" is the published one, once it is installed; "auto" is sghm-resnet50 if
            it is installed, else sghm-lite. Or the path of a checkpoint with the published names
            (.pth or .safetensors).
        auto_download: Fetch and install the model that is named if it is missing; "auto" names none.
        num_streams: Frames in the network at once, on each device, on the CPU each on one core; 0
            is one a core on the CPU, at most 16, and on CUDA as many as have room, at most 4.
        tr: Temporal radius: how many frames each way help with a frame. 0 mattes each alone. Or
            a word: "off" (0), "fast" (1), "default" (2), "quality" (3).
        sc: Whether neighbors end at scene changes; else at the clip's ends alone.
        sc_threshold: How much of a picture must be new for a scene change, 0-1; None trusts the
            clip's `_SceneChangePrev` and `_SceneChangeNext`.
        infer_size: Short side in pixels above which a picture is shrunk for the network; "auto" is
            its own, and 2160 at most.
        sizing: "pad" keeps the aspect, and makes pixels square by `_SARNum` and `_SARDen` of the first
            frame; "image" and "video" do as the published scripts.
        fp16: Half precision, which with OpenVINO is bfloat16, where the CPU has it; None is half on
            CUDA, and of "sghm-lite" by OpenVINO. False is float32 everywhere.
        backend: "openvino" or "onnxruntime" (CPUs, without torch), "torch", or "auto": torch on CUDA,
            and on the CPU the first of these that is installed. "ort" and "ov" are the plug-ins of
            vs-mlrt on the CPU; objects of vsmlrt, as `Backend.ORT_CPU(num_streams=2)`, mean them too.
        format: GRAY format of the result; None is GRAYS, or GRAYH for an RGBH clip.
        mask: Where the people are, GRAY of the clip's size and length, in place of
            the network's own segmentation; gray is how likely. Where guides contradict each other,
            `holdout` rules, then `keep`, then `keys`, then `trimap`, then `mask`, then `screen`.
        mask_tr: Temporal radius by which the mask is steadied, as by `tr`; None is `tr`, 0 takes
            each frame of it as it is.
        trimap: GRAY likewise: the alpha is exactly 1 where it is white and 0 where it is black;
            gray is left to the network.
        keys: What is known of some frames, each a GRAY clip by the frame's number, from 0: white is
            a person, black is not, gray is left to the network. Carried to the frames around along
            the motion, as far as that is trusted, to the next key, a cut or the end of `key_span`.
        key_span: How many frames each way a key changes anything, `tr` to 120.
        keep: GRAY likewise: the least alpha, so exactly 1 where it is white. Give it again when edges
            are shaped later: `edges(alpha, keep=keep)`.
        holdout: GRAY likewise: what is taken away, so exactly 0 where it is white.
        screen: The color of a wall behind everybody: "green", "blue", "auto" (whichever there is
            more of in a frame) or hexadecimal as "#00b140". Whatever stands before it is matted; a
            frame that shows none is left to the network.
        guide_band: How far from the mask's edge the alpha may be its own, as a part of the
            picture's short side; beyond, it is exactly 0 or 1 as the mask is. How far inside what
            stands before a screen is solid.
        roi: (left, top, width, height) in pixels, or several such rectangles: outside the alpha is 0,
            and nothing is computed. "auto" is where `person` is in the whole clip, by the file
            `people`, if that saves enough; else it is the whole picture.
        people: A file that says who is who in the clip, as `sghm people` writes it: the alpha is that
            of `person`.
        person: Who of them: "all" but those who were dropped there; "largest"; an id or a list of
            ids; "box:X,Y,W,H", those whose middle is in it; "point:X,Y", whoever is there. A box or
            point counts for most of the time, or with "@N" behind it for frame N.
        split: Whether a dictionary comes back, an alpha for each person's id. Together they are the
            alpha that comes back otherwise.
        debug: A step to the alpha, in its place: "segmentation", "guidance", "frame", "band",
            "trust", "difference", "guide" or "screen"; see `sghm_vs.filter.debug`. "all" puts each
            of them in a prop of the alpha's frames: `alpha.std.PropToClip("SghmTrust")`. "people"
            shows whose each pixel is, one gray for each person.
        input_colorspace: What the clip's codes mean, in place of its frames' props: "pq", "hlg",
            "linear", "logc4" or another name; see `sghm_vs.color.ocio`. Only what the network
            sees is converted.
        exposure: Stops by which the network sees the clip brighter.

    Returns:
        GRAY, full range, of the clip's size, length and rate; 0 is background, 1 is subject. With
        `split` a dictionary of such clips by the person's id.

    Raises:
        vapoursynth.Error: With "sghm: " and what was found, what is needed, what to type.

    Source:
        Chen et al., "Robust Human Matting via Semantic Guidance", ACCV 2022.
    """
    arguments = locals()
    with _errors_for_scripts():
        _check_clip(clip)
        backend, num_streams, fp16 = in_our_words(backend, num_streams, fp16)
        arguments |= {"backend": backend, "num_streams": num_streams, "fp16": fp16}
        format = _output_format(clip, format)
        check_arguments(sghm, arguments)
        model = str(model)
        readable(clip)
        _check_streams(num_streams)
        settings = Settings(
            sizing=sizing,
            infer_size=infer_size,
            tr=tr,
            sc_threshold=sc_threshold if sc else "off",
            exposure=exposure,
        )
        _refuse_unused(settings, model, sc=sc, sc_threshold=sc_threshold, fetches=auto_download)
        given = Guides(
            mask_tr=mask_tr,
            key_span=key_span,
            screen=screen,
            guide_band=guide_band,
            roi=check_regions(roi),
            person=person_word(person),
        )
        _refuse_unused_guides(given, mask=mask is not None, keys=bool(keys))
        _refuse_unused_people(people, given.person, split=split, debug=debug)
        told = None if people is None else _told_apart(clip, people, given.person)
        shows_people, debug = debug == "people", None if debug == "people" else debug
        if told is not None and given.roi == AUTO:
            found = regions_of_people(told.people, told.ids, guide_band)
            given = replace(given, roi=regions_of_rois(found))
        clips = {"mask": mask, "trimap": trimap, "keep": keep, "holdout": holdout}
        guides = read_guides(clip, given, settings, clips, keys)
        if input_colorspace is not None:
            clip = convert.assume_colorspace(clip, input_colorspace)
        computes = choose_computes(device_index, fp16, backend)
        weights = _fetched(model) if auto_download else find_weights(model)
        engines = _engines_of(clip, weights, settings, computes, num_streams, _of_another_clip)
        if told is None:
            return matte_clip(clip, engines, guides, debug, format)
        if shows_people:
            return convert.to_full_range_gray(told.view(matte_clip(clip, engines, guides)), format)
        alpha = told.of_all(matte_clip(clip, engines, guides))
        return _delivered(guides.last(alpha), told, format, split=split)


def sghm_prepared(
    clip: vs.VideoNode,
    weights: Weights,
    networks: Mapping[Compute, AnyNetwork],
    settings: Settings,
    *,
    num_streams: int = 0,
    guides: Guides | None = None,
    guide_clips: Mapping[str, vs.VideoNode] | None = None,
    keys: Mapping[int, vs.VideoNode] | None = None,
    debug: Literal["all"] | None = None,
) -> vs.VideoNode:
    """
    Return the alpha of the people in `clip` as `sghm` does, by networks that the caller holds.

    Args:
        clip: As for `sghm`.
        weights: What the networks are made from.
        networks: One for each device. What a clip of many sizes needs besides is loaded for it.
        settings: How frames are matted.
        num_streams: As for `sghm`.
        guides: What is said of guides.
        guide_clips: By their names there, as for `sghm`.
        keys: As for `sghm`.
        debug: As for `sghm`.

    Raises:
        vapoursynth.Error: As `sghm` says.
    """

    def load(weights: Weights, compute: Compute) -> AnyNetwork:
        return networks.get(compute) or load_network(weights, compute)

    with _errors_for_scripts():
        _check_clip(clip)
        check_arguments(sghm, {"num_streams": num_streams})
        format = _output_format(clip, None)
        readable(clip)
        _check_streams(num_streams)
        read = read_guides(clip, guides or Guides(), settings, guide_clips or {}, keys)
        engines = _engines_of(clip, weights, settings, [*networks], num_streams, load)
        return matte_clip(clip, engines, read, debug, format)


@contextmanager
def _errors_for_scripts() -> Iterator[None]:
    """Raise what is refused as VapourSynth's functions do."""
    try:
        yield
    except SghmError as error:
        msg = f"sghm: {error}"
        raise vs.Error(msg) from error


def _engines_of(
    clip: vs.VideoNode,
    weights: Weights,
    settings: Settings,
    computes: Sequence[Compute],
    num_streams: int,
    load: Load,
) -> Engines:
    """Return what makes the alphas of `clip`, whose size may change."""
    has_one_size = bool(clip.width)
    if not has_one_size:
        computes = [compute.for_many_sizes() for compute in computes]
    return engines_for(weights, settings, computes, num_streams, captures=has_one_size, load=load)


def _told_apart(clip: vs.VideoNode, people: object, person: str) -> ToldApart:
    return read_told_apart(clip, check_people_file(people), person)


def _delivered(
    alpha: vs.VideoNode, told: ToldApart, format: int, *, split: bool
) -> vs.VideoNode | dict[int, vs.VideoNode]:
    """Return `alpha`, of who is meant together, in a `format`; or that of each."""
    if not split:
        return convert.to_full_range_gray(alpha, format)
    return {n: convert.to_full_range_gray(told.of(n, alpha), format) for n in told.ids}


def _of_another_clip(weights: Weights, compute: Compute) -> AnyNetwork:
    """Return the network of a clip of this script that is still there, or else load it."""
    stat = weights.path.stat()
    key = weights, stat.st_ino, stat.st_mtime_ns, stat.st_size, compute
    with _loading:
        network = _networks_of_clips.get(key)
        if network is None:
            network = _networks_of_clips[key] = load_network(weights, compute)
    return network


def _fetched(model: str) -> Weights:
    from sghm_vs.models.install import find_or_fetch

    return find_or_fetch(model, _log_transfer(model))


def _log_transfer(model: str) -> Callable[[int, int], None]:
    """Return a report that logs each tenth of the bytes: stdout belongs to the video."""
    spoken = -1

    def report(done: int, total: int) -> None:
        nonlocal spoken
        tenth = 10 * done // total
        if tenth > spoken:
            spoken = tenth
            message = f"sghm: fetching {model}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            vs.core.log_message(vs.MESSAGE_TYPE_INFORMATION, message)

    return report


def attach(clip: vs.VideoNode, alpha: vs.VideoNode, index: int = 0) -> vs.VideoNode:
    """
    Return `clip` with `alpha` in its `_Alpha` prop, and set both as output `index`.

    Previewers read the prop, vspipe reads the output: this serves both. The alpha is brought
    to the clip's sample type and depth, which both ways require.

    Raises:
        vapoursynth.Error: With "sghm: " where one is not a clip, can't be converted, or the
            alpha is not GRAY of the clip's size and length.
    """
    with _errors_for_scripts():
        _check_clip(clip)
        check_arguments(attach, {"index": index})
        if index < 0:
            msg = f"index is {index} and must be 0 or more"
            raise SettingsError(msg)
        _check_constant_size(readable(clip))
        check_matte("alpha", alpha, clip)
        sample = clip.format.sample_type, clip.format.bits_per_sample
        gray = vs.core.query_video_format(vs.GRAY, *sample).id
        matched = convert.to_full_range_gray(alpha, gray)
    attached = clip.std.ClipToProp(matched)
    attached.set_output(index, matched)
    return attached


def matte_clip(
    clip: vs.VideoNode,
    engines: Engines,
    guides: GuideClips | None = None,
    debug: View | Literal["all"] | None = None,
    format: int = vs.GRAYS,
) -> vs.VideoNode:
    """
    Return `clip`'s alpha as a gray clip.

    Args:
        clip: As for `sghm`.
        engines: What makes the alphas: one for each device.
        guides: What is known of who is where.
        debug: A step to the alpha, in its place, or all of them in props of its frames.
        format: Of the result, gray.

    Raises:
        UnsupportedClipError: As `color.read_color` says; or a size that changes, with all steps.
    """
    guides = guides or GuideClips()
    if guides.regions:
        return _matte_regions(clip, engines, guides, debug, format)
    footage = convert.read_color(clip)
    if footage.pixel_aspect != engines[0].settings.pixel_aspect:
        engines = _apart(engines, footage.pixel_aspect)
    settings = engines[0].settings
    if settings.reach:
        # Planes of RGB in floats take eight times as much as most footage does.
        frames = settings.reach + FRAMES_AHEAD
        footage = replace(footage, clip=kept(footage.clip.std.SetFrameProps(), frames))
    rgb = convert.to_viewed_rgb(footage, settings.exposure)
    packs = all(engine.packs for engine in engines)
    pictures = graph.packed(footage, settings) if packs else rgb
    is_alone = settings.radius == 0 or rgb.num_frames == 1
    if debug is None and is_alone and not guides.are_of_network:
        if packs and not guides.are_last:
            return graph.per_frame(pictures, engines, format_id=format)
        alpha = guides.last(graph.per_frame(pictures if packs else rgb, engines))
    else:
        # Luma and what the encoder sees are made of it at about the same time.
        kept(rgb, 1)
        again = None if packs else convert.to_viewed_rgb(footage, settings.exposure)
        steps = graph.temporal_steps(rgb, pictures, engines, guides, again)
        steps = steps._replace(alpha=guides.last(steps.alpha))
        alpha = _shown(debug, rgb, steps, settings)
    return alpha if format == vs.GRAYS else convert.to_full_range_gray(alpha, format)


def _apart(engines: Engines, pixel_aspect: Fraction = Fraction(1)) -> Engines:
    return [engine.apart(pixel_aspect) for engine in engines]


def _matte_regions(
    clip: vs.VideoNode,
    engines: Engines,
    guides: GuideClips,
    debug: View | Literal["all"] | None,
    format: int,
) -> vs.VideoNode:
    """Return what `matte_clip` does of the guides' regions, each by itself, among 0."""
    regions = guides.regions
    inner = [
        matte_clip(one.cut(clip), _apart(engines), guides.cut(one), debug, format)
        for one in regions
    ]
    if debug != "all":
        return placed(regions, inner)
    alphas, views = zip(*map(detached, inner), strict=True)
    shown = {name: placed(regions, [each[name] for each in views]) for name in views[0]}
    return attached(placed(regions, alphas), shown)


def _shown(
    debug: View | Literal["all"] | None, rgb: vs.VideoNode, steps: Steps, settings: Settings
) -> vs.VideoNode:
    if debug is None:
        return steps.alpha
    if debug != "all":
        return view(debug, rgb, steps, settings)
    _check_constant_size(rgb)
    return attached(steps.alpha, all_views(rgb, steps, settings))


def _check_clip(clip: vs.VideoNode) -> None:
    if not isinstance(clip, vs.VideoNode):
        msg = f"this is not a clip but {type(clip).__name__}; open a file with core.bs.VideoSource"
        raise UnsupportedClipError(msg)


def _check_constant_size(clip: vs.VideoNode) -> None:
    if not clip.width:
        msg = (
            "the clip changes its size along the way, and a prop holds frames of one size; give "
            "it one: clip.resize.Bicubic(width, height)"
        )
        raise UnsupportedClipError(msg)


def _check_streams(num_streams: int) -> None:
    if num_streams < 0:
        msg = f"num_streams is {num_streams} and must be 0 (chosen by the device) or more"
        raise SettingsError(msg)


def _refuse_unused(
    settings: Settings, model: str, *, sc: bool, sc_threshold: float | None, fetches: bool
) -> None:
    """Refuse what is given and would do nothing, as the command line does."""
    is_said = sc_threshold != Settings().sc_threshold
    names = [name for name, said in (("sc", not sc), ("sc_threshold", is_said)) if said]
    if settings.radius == 0:
        refuse_unused(dict.fromkeys(names, "neighbors"))
    if len(names) == 2:
        msg = f"sc_threshold is {sc_threshold}, and sc=False looks for no scene changes; give one"
        raise SettingsError(msg)
    if fetches and model == "auto":
        msg = (
            'auto_download fetches the model that is named, and "auto" names none; give '
            f"model={' or '.join(map(repr, CHECKPOINTS))}, or leave it out"
        )
        raise SettingsError(msg)


def _refuse_unused_guides(given: Guides, *, mask: bool, keys: bool) -> None:
    """Refuse what is said of guides that are not given."""
    unset = Guides()
    said = {
        "mask_tr": ("mask", mask),
        "key_span": ("keys", keys),
        "guide_band": ("mask, keys or screen", mask or keys or given.screen is not None),
    }
    refuse_unused(
        {
            name: needed
            for name, (needed, is_met) in said.items()
            if getattr(given, name) != getattr(unset, name) and not is_met
        }
    )


def _refuse_unused_people(people: object, person: str, *, split: bool, debug: object) -> None:
    """Refuse what is said of people that nobody tells apart."""
    said = {"person": person != Guides().person, "split": split, "debug": debug == "people"}
    if people is None:
        refuse_unused({name: "people" for name, is_said in said.items() if is_said})
    elif debug not in (None, "people"):
        msg = (
            f"debug={debug!r} shows a step to the alpha of all, and people tells them apart; leave one "
            'out, or give debug="people"'
        )
        raise SettingsError(msg)
    elif debug is not None and (split or person != Guides().person):
        msg = 'debug="people" shows everybody; leave out person and split'
        raise SettingsError(msg)


def _output_format(clip: vs.VideoNode, chosen: int | None) -> int:
    if chosen is None:
        return int(vs.GRAYH if clip.format.id == vs.RGBH else vs.GRAYS)
    try:
        is_gray = vs.core.get_video_format(chosen).color_family == vs.GRAY
    except (vs.Error, TypeError, ValueError, OverflowError):
        is_gray = False
    if not is_gray:
        msg = f"format is {chosen!r} and must be a GRAY format, for example vs.GRAY16 or vs.GRAYS"
        raise SettingsError(msg)
    return int(chosen)
