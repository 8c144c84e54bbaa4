"""Channels of EXR files by their layers, and which of them are shown, or are a matte."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.errors import SourceError, if_there
from sghm_vs.media.readers.picture import ReadOptions
from sghm_vs.options import MATTE_WORDS

if TYPE_CHECKING:
    from OpenImageIO import ImageInput, ImageSpec

PHOTOMETRIC = "tiff:PhotometricInterpretation"
WHITE_IS_ZERO, RGB = 0, 2
GRAYS = (WHITE_IS_ZERO, 1)
ALPHAS = frozenset({"a", "alpha"})
"""Channels that are an alpha, in lower case."""
MATTES = ALPHAS | {"mask", "matte"}
"""So is the only channel of a layer or part that is called so."""
NUKE_NAMES = {"alpha": "a", "red": "r", "green": "g", "blue": "b"}
CRYPTOMATTE = re.compile(r"cryptomatte/[^/]+/name")
"""Metadata that names layers of IDs and coverage, whose A is no alpha."""
USUAL_CRYPTOMATTE = re.compile(r"(.*\.)?crypto[a-z]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Layer:
    """Channels of an EXR file that belong together."""

    part: int
    part_name: str
    view: str
    """The eye of a stereo file's part, or ""."""
    prefix: str
    """What stands before the last dot of the channels' names; "" for plain R, G, B."""
    channels: Mapping[str, int]
    """Index in the part by what stands behind that dot."""
    is_ids: bool = False
    """Whether it is one of Cryptomatte's."""
    matte: str = ""
    """Of one channel that is a matte: its name."""

    @property
    def name(self) -> str:
        """The name to ask for it by."""
        return self.prefix or self.part_name

    @property
    def shown(self) -> tuple[int, ...]:
        """The channels to show: R, G, B, else Y, else the only one, else none."""
        if {"R", "G", "B"} <= self.channels.keys():
            return tuple(self.channels[name] for name in "RGB")
        if "Y" in self.channels and not {"RY", "BY"} & self.channels.keys():
            return (self.channels["Y"],)
        return tuple(self.channels.values()) if len(self.channels) == 1 else ()

    @property
    def alpha(self) -> int | None:
        """The channel A beside others."""
        return self.channels.get("A") if len(self.channels) > 1 else None

    def of(self, channel: str) -> Layer:
        """Return the layer that is but `channel` of this one."""
        only = {channel: self.channels[channel]}
        return replace(self, channels=only, matte=self.called(channel))

    def called(self, channel: str) -> str:
        """Return the name to ask for `channel` by."""
        return f"{self.name}.{channel}" if self.name else channel

    @property
    def alphas(self) -> tuple[str, ...]:
        """Channels that are an alpha, going by their names."""
        if self.is_ids:
            return ()
        said = {self.prefix.rpartition(".")[2].lower(), self.part_name.lower()}
        if len(self.channels) == 1 and said & MATTES:
            return tuple(self.channels)
        known = ALPHAS if self.prefix else MATTES
        return tuple(name for name in self.channels if name.lower() in known)

    def is_named(self, name: str) -> bool:
        """Tell whether it may be asked for by `name`."""
        return name in (
            self.prefix,
            self.part_name,
            self.view,
            f"{self.part_name}.{self.prefix}",
        )

    def __str__(self) -> str:
        return ", ".join(map(self.called, self.channels))


def layers_of(file: ImageInput) -> Iterator[Layer]:
    """Yield the layers of all parts, in order."""
    part = 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        channels: dict[str, dict[str, int]] = {}
        for index, name in enumerate(_channel_names(spec)):
            prefix, _, short = name.rpartition(".")
            channels.setdefault(prefix, {})[short] = index
        name, view = (spec.get_string_attribute(key) for key in ("name", "view"))
        ids = _id_layers(spec)
        for prefix, names in channels.items():
            yield Layer(part, name, view, prefix, names, _holds_ids(prefix, ids))
        part += 1


def _id_layers(spec: ImageSpec) -> list[str]:
    """Return how the file's layers of IDs begin, as Cryptomatte's manifests say."""
    named = [one.name for one in spec.extra_attribs if CRYPTOMATTE.fullmatch(one.name)]
    return [spec.get_string_attribute(name) for name in named]


def _holds_ids(prefix: str, ids: list[str]) -> bool:
    start = prefix[:-2] if prefix[-2:].isdecimal() else prefix
    return start in ids or USUAL_CRYPTOMATTE.fullmatch(start) is not None


def _channel_names(spec: ImageSpec) -> list[str]:
    """Return the names of channels; a TIFF file's by their order, where it says but their number."""
    names = list(spec.channelnames)
    said = spec.get_int_attribute(PHOTOMETRIC, -1)
    if said in GRAYS:
        names[0] = "Y"
    colors = 3 if said == RGB else 1
    if said in (*GRAYS, RGB) and len(names) > colors and "A" not in names:
        names[colors] = "A"
    return names


def choose(path: Path, layers: list[Layer], wanted: ReadOptions) -> Layer:
    """
    Return the layer that is asked for by name, or the one to show if there is no name.

    Of a matte it is the first part's own with R, G, B and A; else the file's only alpha, wherever
    that stands; else what would be shown. Its channel may be named: person_01.A, or a layer that
    has one alpha or one channel.

    Raises:
        SourceError: There is none, or several alphas and no name.
    """
    if wanted.with_alpha and wanted.channel not in (None, *MATTE_WORDS):
        return _named_matte(path, layers, str(wanted.channel))
    name = wanted.layer
    if name is not None:
        fitting = [layer for layer in layers if layer.is_named(name) and layer.shown]
    elif sum(len(layer.channels) for layer in layers) == 1:
        only = layers[0]
        return only.of(only.alphas[0]) if only.alphas else only
    else:
        plain = [layer for layer in layers if not layer.prefix and layer.shown]
        fitting = sorted(plain, key=lambda layer: len(layer.shown), reverse=True)
        if wanted.with_alpha and wanted.channel in (None, "alpha"):
            fitting = _with_alpha(path, layers, fitting)
    if not fitting:
        raise SourceError(_without(path, layers, wanted))
    return fitting[0]


def _with_alpha(path: Path, layers: list[Layer], shown: list[Layer]) -> list[Layer]:
    """Return the layer whose alpha is the file's; `shown` if there is no alpha."""
    if shown and shown[0].alpha is not None:
        return shown
    found = [(layer, name) for layer in layers for name in layer.alphas]
    if len(found) > 1:
        names = ", ".join(layer.called(name) for layer, name in found)
        msg = f"{path} has several alphas: {names}; {_choose_channel(found[0][0].called(found[0][1]))}"
        raise SourceError(msg)
    if not found:
        return shown
    layer, name = found[0]
    return [layer if layer.shown and layer.alpha is not None else layer.of(name)]


def _named_matte(path: Path, layers: list[Layer], asked: str) -> Layer:
    """Return the channel that is called `asked`, or the one of a layer that is."""
    channels = [(layer, name) for layer in layers for name in layer.channels]
    for said in (asked, _in_lower_case(asked)):
        found = [
            layer.of(name)
            for layer, name in channels
            if said in _names_of(layer, name) or said in map(_in_lower_case, _names_of(layer, name))
        ]
        if found:
            break
    else:
        named = [layer for layer in layers if layer.is_named(asked)]
        found = [
            layer.of(name)
            for layer in named
            for name in (layer.alphas or (layer.channels if len(layer.channels) == 1 else ()))
        ]
    if len(found) == 1:
        return found[0]
    held = ", ".join(map(str, layers))
    what = f"{len(found)} channels {asked!r}" if found else f"no channel {asked!r}"
    msg = f"{path} has {what}, but {held}; {_choose_channel('NAME')}"
    raise SourceError(msg)


def _names_of(layer: Layer, channel: str) -> set[str]:
    """Return all names of a channel: with and without that of its part."""
    within = f"{layer.prefix}.{channel}" if layer.prefix else channel
    return {within, f"{layer.part_name}.{within}"}


def _in_lower_case(name: str) -> str:
    """Return `name` as it is compared: person_01.alpha, as Nuke has it, is person_01.A."""
    before, dot, last = name.lower().rpartition(".")
    return f"{before}{dot}{NUKE_NAMES.get(last, last)}"


def _choose_channel(name: str) -> str:
    return f"name the matte: --matte-channel {name}"


def _without(path: Path, layers: list[Layer], wanted: ReadOptions) -> str:
    held, name = ", ".join(map(str, layers)), wanted.layer
    named = [layer.name for layer in layers if layer.name and layer.shown]
    hint = "render it again with R, G, B"
    if wanted.with_alpha:
        hint = _choose_channel("NAME")
    elif named:
        hint = if_there("--layer", f"choose with --layer: {', '.join(named)}", hint)
    if name is not None:
        return (
            f"{path} has no layer {name!r} of R, G, B, of Y or of one channel, but {held}; {hint}"
        )
    return f"{path} has channels {held}; needed are R, G, B, or Y, or a single channel: {hint}"


def another_hint(*, with_alpha: bool) -> str:
    """Return how to name another part of an EXR file, as the end of a sentence."""
    if with_alpha:
        return f", or {_choose_channel('NAME')}"
    return if_there("--layer", ", or name another layer with --layer")
