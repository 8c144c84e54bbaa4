"""
Every knob, once: its default, its type, its range and what it does.

From these dataclasses come the options of the command line, the columns of a batch's list, the words
of a farm's plan, what sidecars say and the knobs of Nuke's node.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    TypeAliasType,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from sghm_vs.errors import DeviceError, ExportError, SettingsError, cure

Backend = Literal["auto", "openvino", "onnxruntime", "torch", "ort", "ov"]
"""What runs the network; see `sghm_vs.models.backends.base.BACKENDS`."""
type Roi = tuple[int, int, int, int]
"""A rectangle in pixels: its left, its top, its width and its height."""
type Regions = Roi | tuple[Roi, ...] | Literal["auto"]
"""One, several, or those that people are in."""
type Devices = int | list[int] | tuple[int, ...] | None
"""CUDA devices by their index; None is the first, or else the CPU, -1 the CPU."""
Deinterlace = Literal["frame", "field", "off"]
FieldOrder = Literal["top", "bottom"]
Foreground = Literal["estimate", "source", "none"]
Despill = Literal["green", "blue", "auto"]
"""The screen whose light is taken away; see `sghm_vs.foreground`."""
MATTE_WORDS = ("alpha", "luma", "red", "green", "blue")
"""What of any picture may be the matte; see `sghm_vs.media.readers.mattes`."""
Missing = Literal["error", "black", "hold"]
"""What a number without a file becomes: a refusal, a black frame, the frame before it."""
Shape = Literal["alpha", "core", "edge", "trimap"]
Sizing = Literal["pad", "image", "video"]
View = Literal[
    "segmentation", "guidance", "frame", "band", "trust", "difference", "guide", "screen"
]
"""A step to the alpha; see `sghm_vs.filter.debug.view`."""

TR_MAX = 8
VOTERS = 4
"""So many times farther than the alpha's are the neighbors that vote on where people are."""
DENOISING_FRAMES = 1
"""How many frames each way take noise off what the encoder sees."""
KEY_SPAN_MAX = 120
AUTO: Literal["auto"] = "auto"
"""A rectangle that is found by where people are."""
LOOKS_A_SECOND = 6
"""So often a shot is looked at for who is who."""
OWN_SIZE_MOST_PX = 2160
"""Short side up to which an infer_size of "auto" is the picture's own."""
REACH_MAX = max((1 + VOTERS) * TR_MAX + DENOISING_FRAMES, KEY_SPAN_MAX)
"""Frames before and after a frame that may help with it, whatever the settings."""
GUIDE_CLIPS = ("mask", "trimap", "keep", "holdout")
"""Which of `Guides` name footage, a picture for each frame."""
GUIDE_FILES = (*GUIDE_CLIPS, "keys")
"""Which name pictures that are read."""
READ_FILES = (*GUIDE_FILES, "people")
"""Which name what is read."""
SCREENS: Mapping[str, tuple[int, ...]] = {"green": (1,), "blue": (2,), "auto": (1, 2)}
"""Screens by name, and which of red, green and blue exceeds the others in them."""
SCREEN_EXCEEDS = 1.3
"""So many times larger than the others is a screen's channel."""
PRESETS = {"off": 0, "fast": 1, "default": 2, "quality": 3}
"""What a word for `tr` means: how many frames each way."""


class Layout(NamedTuple):
    """A row of `LAYOUTS`."""

    help: str
    is_data: bool = False
    """Whether it holds no color."""
    has_alpha: bool = True
    has_extra: bool = False
    """Whether it holds mattes besides the alpha."""
    needs_extra: bool = False
    """Whether there is nothing in it without them."""
    is_float: bool = False
    """Whether its samples are floats, whatever is asked for."""


LAYOUTS: Mapping[str, Layout] = {
    "rgba": Layout("premultiplied, scene-linear"),
    "matte": Layout("R=G=B=A", is_data=True),
    "alpha": Layout("A alone", is_data=True),
    "layered": Layout("rgba with matte.A and further mattes", has_extra=True),
    "fg": Layout("straight linear color", has_alpha=False),
    "multipart": Layout("rgba, and the mattes in a part of their own, as data", has_extra=True),
    "cryptomatte": Layout(
        "A, and ids of people for Cryptomatte, float",
        is_data=True,
        has_extra=True,
        needs_extra=True,
        is_float=True,
    ),
}
"""Which channels an EXR file has, by name, the default first."""
DATA_LAYOUTS = tuple(name for name, row in LAYOUTS.items() if row.is_data)
EXTRA_LAYOUTS = tuple(name for name, row in LAYOUTS.items() if row.has_extra)
SAMPLES = ("half", "float")
LOSSY = ("pxr24", "dwaa", "dwab")
"""Compressions that change float samples."""
COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "pxr24", "dwaa", "dwab")


class MovieCodec(NamedTuple):
    """A row of `CODECS`."""

    suffix: str
    """The ending of its movies; the first codec of an ending is what it has unasked."""
    help: str
    layer: Literal["rgba", "alpha", "review"] = "rgba"
    """What it shows, in a word for a name; a review is asked for by its ending alone."""


CODECS: Mapping[str, MovieCodec] = {
    "prores4444": MovieCodec(".mov", "10 bits of alpha"),
    "prores4444xq": MovieCodec(
        ".mov", "10 bits of alpha; larger, no better, for who has to deliver it"
    ),
    "animation": MovieCodec(".mov", "8 bits"),
    "ffv1-alpha": MovieCodec(".mkv", "16 bits of alpha", layer="alpha"),
    "ffv1": MovieCodec(".mkv", "color and alpha of 10 bits"),
    "h264": MovieCodec(".mp4", "for every player", layer="review"),
}
"""By name; see `sghm_vs.media.writers.codecs`."""
USUAL: Mapping[str, str] = {
    suffix: next(name for name, row in CODECS.items() if row.suffix == suffix)
    for suffix in dict.fromkeys(row.suffix for row in CODECS.values())
}
"""The codec of an ending unless another is asked for."""
CHOSEN_CODECS = tuple(name for name, row in CODECS.items() if row.layer != "review")
ENGINES = ("ray",)
"""What runs a farm's workers, the default first; see `sghm_vs.shots.farm.engines`."""
HOSTS = (
    "nuke", "fusion", "resolve", "premiere", "fcp", "aftereffects", "blender", "kdenlive",
    "shotcut", "flame",
)  # fmt: skip
PUBLIC_SETS: Mapping[str, str] = {
    "p3m": "P3M-10k: faces that are blurred (P3M-500-P) and not (P3M-500-NP)",
    "ppm": "PPM-100 portraits",
    "aim500": "AIM-500, natural pictures, 100 of them portraits",
    "aim": "people of Adobe Image Matting, as clips over backgrounds",
    "d646": "people of Distinctions-646, as clips over backgrounds",
    "videomatte": "VideoMatte240K's test clips over backgrounds",
    "youtubematte": "YouTubeMatte's clips over backgrounds",
    "crgnn": "CRGNN's real clips, every tenth frame with a truth",
}
"""Published mattes with a truth, by name; see `sghm_vs.evaluate.sets.SETS`."""


class Reason(NamedTuple):
    """A row of `REASONS`."""

    limit: float
    """From which on a frame is flagged."""
    unit: str
    weight: float
    """What a finding at its limit adds to a frame's need."""
    help: str


REASONS: Mapping[str, Reason] = {
    "missing": Reason(1, "frame", 10, "a sequence has no file of this number"),
    "empty": Reason(1, "frame", 10, "nobody is there, and nobody walked out"),
    "full": Reason(1, "frame", 10, "all of the picture is covered, at once"),
    "flash": Reason(1, "frame", 2, "the plate is another picture for a moment: not compared"),
    "piece": Reason(24, "px", 2, "a piece appears or vanishes: its thickness"),
    "hole": Reason(24, "px", 2, "a hole opens or closes: its thickness"),
    "area": Reason(1.2, "px", 1, "all of the outline grows or shrinks at once: by so much"),
    "motion": Reason(1.6, "px", 1, "the outline leaves the plate's motion: its mean distance"),
    "edge": Reason(1.25, "times", 1, "edges are so many times softer or harder than those around"),
    "duplicate": Reason(2, "px", 2, "the matte stands still, and what it shows moves so far"),
    "shift": Reason(2, "px", 2, "the matte fits another frame's plate: how far apart the two are"),
    "cadence": Reason(
        0.5, "times", 1, "the outline jumps every so many frames: how far, 1 is a limit"
    ),
    "vote": Reason(120, "px", 1, "the network sees it otherwise: thickness"),
    "haze": Reason(0.6, "%", 1, "neither 0 nor 1 far from the outline: part of the picture"),
    "specks": Reason(3, "specks", 1, "small islands and pinholes far from larger parts"),
    "hard": Reason(50, "%", 0.3, "the outline jumps from 0 to 1: part of it"),
    "steps": Reason(98, "%", 0.3, "soft pixels are on codes of 8 bits: part of them"),
}
"""Why a frame of a matte is flagged, by kind; px are of a picture whose short side is 1080."""
COLORS = {
    "black": (0.0, 0.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "gray": (0.5, 0.5, 0.5),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}
"""In display code."""

DEFAULT_RATE = Fraction(24)
"""Of pictures that say none."""
NTSC_NOMINAL = (12, 15, 24, 30, 48, 60, 72, 90, 96, 120, 144, 180, 192, 240)
"""Whole rates that also run 1000/1001 as fast."""
RATE_MAX = 1000
NAMED_WITHIN = Fraction(5, 1000)
"""How far a written rate is from the one it means: 23.98 is 24000/1001."""

LAYER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = frozenset({"rgba", "rgb", "alpha", "mask", "depth", "motion", "forward", "backward",
                      "deep", "matte", "other", "all", "none"})  # fmt: skip
"""Layers that mean something else to a host (Nuke: mask, depth, …), and our own."""
FRAME_NUMBER = re.compile(r"#|@@|%0?\d*d|\$F")
"""What stands in a name for a frame's number."""

type Color = tuple[float, float, float]
"""Red, green and blue, each 0-1 in display code."""


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames from `first` to `last`, both included, in the source's own numbers."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            msg = f"frames {self.first}-{self.last} end before they start; write FIRST-LAST"
            raise SettingsError(msg)

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def holds(self, other: FrameRange) -> bool:
        """Return whether all of `other` is in it."""
        return self.first <= other.first and other.last <= self.last

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """Return the range that `text` ("12-40", or "12" for one frame) names."""
        match = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", text.strip())
        if match is None:
            msg = f"frames {text!r} are not a range; write FIRST-LAST, for example 1001-1040"
            raise SettingsError(msg)
        first = int(match[1])
        return cls(first, int(match[2]) if match[2] is not None else first)


class Knob(NamedTuple):
    """What a field's type doesn't say of it."""

    help: str
    flag: str | None = None
    """The option; None is the field's name with dashes."""
    metavar: str | None = None
    unset: str | None = None
    """What the default means, in words; None is the default itself."""
    choices: tuple[str, ...] | None = None
    least: float | None = None
    most: float | None = None
    parse: Callable[[str], Any] = str
    """Returns a word's value; raises SettingsError, or ValueError where it is none."""
    write: Callable[[Any], str] = str
    """Returns the word that `parse` reads as the value."""
    is_file: bool = False
    """Whether a word that is a path is relative to the list that it stands in."""
    is_repeated: bool = False
    """Whether it may be given several times."""
    recorded: Literal["always", "changed", "never"] = "changed"
    """Whether it is in the metadata of outputs; of the groups `Opening`, `Settings` and `Matting`."""
    needs: str | None = None
    """
    What an output has to be, or what else has to be given, for it to do something: a key of `NEEDS`
    or of `OTHERS`; None is nothing.
    """
    nuke: str | None = None
    """What Nuke's node calls it; None is not there."""


def knob(default: Any, help: str, **more: Any) -> Any:
    """Return a dataclass's field with this default, and all that `Knob` has."""
    return field(default=default, metadata={"knob": Knob(help, **more)})


class Option(NamedTuple):
    """A knob of a group, with its field's name, default and kind."""

    name: str
    default: Any
    knob: Knob
    is_switch: bool
    """Whether it is on or off, without a word."""
    has_opposite: bool
    """Whether there is a third state, which is neither, and so a `--no-`."""

    @property
    def flag(self) -> str:
        """As the command line has it."""
        return self.knob.flag or f"--{self.name.replace('_', '-')}"

    @property
    def help(self) -> str:
        """What it does, and what it is unless somebody says."""
        unset = self.knob.unset
        is_said = self.default is not None and self.default is not False and self.default != ()
        if unset is None and is_said:
            unset = f"{self.default:g}" if isinstance(self.default, float) else f"{self.default}"
        return self.knob.help if not unset else f"{self.knob.help} (default: {unset})"

    def read(self, word: str) -> Any:
        """
        Return the value of `word`.

        Raises:
            SettingsError: It has none.
        """
        if self.knob.choices is not None and word not in self.knob.choices:
            msg = f"{word!r} is none of {', '.join(self.knob.choices)}"
            raise SettingsError(msg)
        try:
            return self.knob.parse(word)
        except SettingsError:
            raise
        except ValueError:
            msg = f"{word!r} is no number"
            raise SettingsError(msg) from None


def exact_rate(rate: float | Fraction) -> Fraction:
    """
    Return the rate that `rate` stands for: 24000/1001 for 23.976.

    Raises:
        ValueError: It is none; rates are above 0 and at most 1000.
    """
    # Not a number is in no range, and compares as false.
    if not 0 < rate <= RATE_MAX:
        msg = f"{rate} frames a second are none"
        raise ValueError(msg)
    found = Fraction(rate)
    usual = [Fraction(max(round(found), 1)), *(Fraction(1000 * n, 1001) for n in NTSC_NOMINAL)]
    nearest = min(usual, key=lambda one: abs(one - found))
    if abs(nearest - found) < NAMED_WITHIN:
        return nearest
    return found.limit_denominator(1001)


def parse_rate(text: str) -> Fraction:
    """
    Return the rate that `text` ("24", "23.976", "24000/1001") says.

    Raises:
        SettingsError: It says none.
    """
    try:
        return exact_rate(Fraction(text))
    except (ValueError, ZeroDivisionError):
        msg = f"{text!r} is no rate; write 24, 23.976 or 24000/1001"
        raise SettingsError(msg) from None


def parse_device(text: str) -> Devices:
    """
    Return what the command line's word means: auto, cpu, cuda, cuda:N, or cuda:N,M and more.

    Raises:
        DeviceError: It is none of these.
    """
    if text in ("auto", "cpu", "cuda"):
        return {"auto": None, "cpu": -1, "cuda": 0}[text]
    kind, _, number = text.partition(":")
    numbers = number.split(",")
    if kind == "cuda" and all(one.isdecimal() for one in numbers):
        return tuple(map(int, numbers)) if len(numbers) > 1 else int(number)
    msg = f"device {text!r} is not known; use auto, cpu, cuda, cuda:N or cuda:N,M"
    raise DeviceError(msg)


def _write_device(devices: Devices) -> str:
    if isinstance(devices, list | tuple):
        return f"cuda:{','.join(map(str, devices))}"
    return {None: "auto", -1: "cpu", 0: "cuda"}.get(devices, f"cuda:{devices}")


def _parse_tr(text: str) -> int | str:
    # `Settings` knows the words, and refuses others.
    return int(text) if text.removeprefix("-").isdecimal() else text


def _parse_threshold(text: str) -> float | str | None:
    try:
        return {"props": None, "off": "off"}[text] if text in ("props", "off") else float(text)
    except ValueError:
        msg = f"{text!r} is no number above 0 and at most 1, nor props or off"
        raise SettingsError(msg) from None


def _write_threshold(threshold: float | str | None) -> str:
    return "props" if threshold is None else str(threshold)


def _parse_over(text: str) -> Path | Color:
    if text in COLORS:
        return COLORS[text]
    if re.fullmatch(r"#?[0-9A-Fa-f]{6}", text) and not Path(text).exists():
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
        return red / 255, green / 255, blue / 255
    path = Path(text)
    if not path.exists() and FRAME_NUMBER.search(path.name) is None:
        msg = (
            f"{text!r} is no file, and no color; give {', '.join(COLORS)}, six hexadecimal "
            "digits as 204080, or the path of footage or a picture"
        )
        raise SettingsError(msg)
    return path


def _write_over(over: Path | Color) -> str:
    if isinstance(over, Path):
        return str(over.absolute())
    named = [word for word, color in COLORS.items() if color == over]
    return named[0] if named else bytes(round(255 * part) for part in over).hex()


def word_of_over(over: Path | Color) -> str:
    """Return what a sidecar says of a background: a color's word, or a file's name without folders."""
    return over.name if isinstance(over, Path) else _write_over(over)


def screen_hue(word: str) -> tuple[tuple[int, ...], tuple[float, float] | None]:
    """
    Return what a screen is told by: its channels, 0 to 2, and how large the others are as parts of it.

    Args:
        word: One of `SCREENS`, which leave these open, or six hexadecimal digits.

    Raises:
        SettingsError: It is none, or a color in which no channel exceeds the others.
    """
    if word in SCREENS:
        return SCREENS[word], None
    here = called("screen")
    if re.fullmatch(r"#?[0-9A-Fa-f]{6}", word) is None:
        example = cure(script='screen="#00b140"', typed='--screen "#00b140"')
        msg = (
            f"{here} is {word!r} and must be {', '.join(SCREENS)} or six hexadecimal digits, as "
            f"{example}"
        )
        raise SettingsError(msg)
    codes = bytes.fromhex(word.removeprefix("#"))
    channel = codes.index(max(codes))
    first, second = (code for at, code in enumerate(codes) if at != channel)
    if codes[channel] < SCREEN_EXCEEDS * max(first, second):
        msg = (
            f"{here} is {word}, in which red, green and blue are {', '.join(map(str, codes))}: of a "
            f"screen one is at least {SCREEN_EXCEEDS} times both others"
        )
        raise SettingsError(msg)
    return (channel,), (first / codes[channel], second / codes[channel])


def _parse_screen(text: str) -> str:
    screen_hue(text)
    return text


def _parse_version(text: str) -> int | str:
    if text != "auto" and not text.isdecimal():
        msg = f"version {text!r} is no number from 0 up, nor auto"
        raise SettingsError(msg)
    return text if text == "auto" else int(text)


def _parse_infer_size(text: str) -> int | Literal["auto"]:
    try:
        return AUTO if text == AUTO else int(text)
    except ValueError:
        msg = f"{text!r} is no number of pixels, nor auto"
        raise SettingsError(msg) from None


def _parse_roi(text: str) -> Roi:
    try:
        left, top, width, height = map(int, text.split(","))
    except ValueError:
        msg = (
            f"{text!r} is no rectangle; write X,Y,WIDTH,HEIGHT, for example 640,0,720,1080, or auto"
        )
        raise SettingsError(msg) from None
    return left, top, width, height


def _write_roi(roi: Sequence[int]) -> str:
    return ",".join(map(str, roi))


def _parse_regions(text: str) -> Regions:
    if text == AUTO:
        return AUTO
    first, *others = map(_parse_roi, text.split("+"))
    return (first, *others) if others else first


def write_regions(regions: Regions) -> str:
    """Return rectangles as words: X,Y,W,H, several with + between."""
    return AUTO if regions == AUTO else "+".join(map(_write_roi, rois_of(regions)))


def rois_of(regions: Regions | None) -> tuple[Roi, ...]:
    """Return the rectangles of `regions`; none is the whole picture, or what is looked for."""
    if regions is None or isinstance(regions, str):
        return ()
    is_one = isinstance(regions[0], int)
    return (cast("Roi", regions),) if is_one else cast("tuple[Roi, ...]", regions)


def regions_of_rois(rois: Sequence[Roi]) -> Regions | None:
    """Return what a knob has in place of `rois`: nothing, one, or several."""
    return (tuple(rois) if len(rois) > 1 else rois[0]) if rois else None


def check_regions(given: Sequence[Any] | str | None) -> Regions | None:
    """
    Return what a script gives: "auto", a rectangle, or several.

    Raises:
        SettingsError: A rectangle is none.
    """
    if given is None or isinstance(given, str):
        return None if given is None else AUTO
    if len(given) == 0:
        example = cure(script="roi=(640, 0, 720, 1080)", typed="--roi 640,0,720,1080")
        msg = (
            f"{called('roi')} is {given!r} and must be left, top, width and height in pixels, several "
            f"of these, or {AUTO!r}; for example {example}"
        )
        raise SettingsError(msg)
    are_several = len(given) > 0 and all(isinstance(one, Sequence) for one in given)
    several: Any = given if are_several else [given]
    return regions_of_rois([check_roi(one) for one in several])


def check_roi(roi: Sequence[int], size: tuple[int, int] | None = None, name: str = "roi") -> Roi:
    """
    Return `roi`, if it is a rectangle, and in a picture of `size`, (width, height).

    `name` is the knob that it was given to.

    Raises:
        SettingsError: As said.
    """
    here = called(name)
    if len(roi) != 4 or min(roi) < 0 or min(roi[2:]) < 1:
        example = cure(script=f"{name}=(640, 0, 720, 1080)", typed=f"--{name} 640,0,720,1080")
        msg = (
            f"{here} is {_write_roi(roi)} and must be left, top, width and height in pixels; "
            f"{example} is an example"
        )
        raise SettingsError(msg)
    left, top, width, height = roi
    if size is not None and (left + width > size[0] or top + height > size[1]):
        msg = (
            f"{here} is {_write_roi(roi)}, and the picture is {size[0]}x{size[1]}: left and width "
            f"together are at most {size[0]}, top and height {size[1]}"
        )
        raise SettingsError(msg)
    return left, top, width, height


class Whom(NamedTuple):
    """Who of the people of a shot is meant: one of these."""

    word: str = ""
    """all or largest."""
    ids: tuple[int, ...] = ()
    box: Roi | None = None
    """Those whose middle is in it."""
    point: tuple[int, int] | None = None
    """Who is there."""
    frame: int | None = None
    """With a place: when; None is most of the time."""

    def __str__(self) -> str:
        """Return the word that `parse_person` reads so."""
        if self.word or self.ids:
            return self.word or ",".join(map(str, self.ids))
        kind, numbers = ("box", self.box) if self.box else ("point", self.point or ())
        at = "" if self.frame is None else f"@{self.frame}"
        return f"{kind}:{','.join(map(str, numbers))}{at}"


PERSON_WORDS = ("all", "largest")
PERSON = re.compile(r"(box|point):(\d+(?:,\d+)*)(?:@(-?\d+))?|(\d+(?:,\d+)*)")
NUMBERS_OF_PLACE = {"box": 4, "point": 2}


def parse_person(text: str) -> Whom:
    """
    Return who is meant by `text`: all, largest, 1,3, box:X,Y,W,H, point:X,Y, or these with @FRAME.

    Raises:
        SettingsError: Nobody can be meant by it.
    """
    if text in PERSON_WORDS:
        return Whom(word=text)
    found = PERSON.fullmatch(text)
    kind, numbers, frame, ids = found.groups() if found else (None,) * 4
    if ids is not None:
        return Whom(ids=tuple(dict.fromkeys(int(one) for one in ids.split(","))))
    at = tuple(int(one) for one in numbers.split(",")) if numbers else ()
    if kind is None or len(at) != NUMBERS_OF_PLACE[kind]:
        msg = (
            f"{called('person')} is {text!r} and must be all, largest, ids as 1,3, or a place: "
            "box:X,Y,WIDTH,HEIGHT or point:X,Y, with @FRAME for one frame"
        )
        raise SettingsError(msg)
    when = None if frame is None else int(frame)
    if kind == "box":
        return Whom(box=(at[0], at[1], at[2], at[3]), frame=when)
    return Whom(point=(at[0], at[1]), frame=when)


def person_word(person: str | int | Sequence[int]) -> str:
    """Return the word of who is meant, which may be an id or several."""
    if isinstance(person, str):
        return person
    return ",".join(map(str, [person] if isinstance(person, int) else person))


def check_people_file(given: object) -> Path:
    """
    Return the file of who is who that is `given`.

    Raises:
        SettingsError: It says who is meant, and no file.
    """
    is_path = isinstance(given, str | Path)
    if not is_path or str(given) in PERSON_WORDS or PERSON.fullmatch(str(given)):
        word = given if isinstance(given, str) else person_word(given)  # type: ignore[arg-type]
        how = cure(
            script=f"people='people.json', person={given!r}",
            typed=f"--people people.json --person {word}",
        )
        msg = (
            f"{called('people')} is {given!r}, and must be a file that says who is who in the shot: "
            f"make it once with: sghm people SHOT -o people.json, then give {how}"
        )
        raise SettingsError(msg)
    return Path(str(given))


def _parse_tracks(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        msg = f"{text!r} are no numbers of tracks; write 1 or 1,3"
        raise SettingsError(msg) from None


class SceneStarts(NamedTuple):
    """First frames of a shot's scenes."""

    shot: str
    """Its name; "" is the only shot there is."""
    frames: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> SceneStarts:
        """Return what `text` ("120,340", "sh010=120,340") says."""
        shot, _, numbers = text.rpartition("=")
        try:
            return cls(shot, tuple(int(word) for word in numbers.split(",")))
        except ValueError:
            msg = f"{text!r} are no frames; write 120,340 or sh010=120,340"
            raise SettingsError(msg) from None


def _write_path(path: Path) -> str:
    return str(path.absolute())


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """
    What the footage itself leaves open; a source ignores what it has no use for.

    Knobs that are never recorded are so by what the source became: its rate or times, its color
    space, how it was deinterlaced.
    """

    rate: Fraction | None = knob(
        None,
        "frames per second of a sequence, and of a movie whose rate varies, which is conformed to "
        "them: 24, 23.976 or 24000/1001",
        metavar="FPS",
        parse=parse_rate,
        unset="as the headers of DPX and EXR files say or their timecodes count, else 24",
        recorded="never",
    )
    vfr: bool = knob(
        False,
        "keep the times of a movie whose rate varies, in movies that are made from it",
        unset="a movie has one rate",
        recorded="never",
    )
    missing: Missing = knob(
        "error",
        "frames missing in a sequence: refuse it, take black frames with an empty alpha, or hold "
        "the frame before",
        choices=get_args(Missing),
    )
    colorspace: str | None = knob(
        None,
        "what the codes mean: srgb, rec709, linear, pq, hlg, acescg, acescct, logc3, logc4, vlog, "
        "slog3_sgamut3cine or any other name, alias or interop id of OpenColorIO's studio config, "
        "or of the config that OCIO names",
        flag="--input-colorspace",
        metavar="NAME",
        unset="what the footage says",
        needs="color",
        recorded="never",
    )
    deinterlace: Deinterlace | None = knob(
        None,
        "make pictures of one moment of interlaced footage: frame makes one of each frame, so that "
        "numbers, rate and timecode stay; field makes two, at twice the rate; off takes frames as "
        "they are, whatever they say",
        choices=get_args(Deinterlace),
        unset="interlaced frames are refused",
        recorded="never",
    )
    field_order: FieldOrder | None = knob(
        None,
        "with --deinterlace: which field of all frames is first",
        choices=get_args(FieldOrder),
        unset="as the frames say",
        recorded="never",
    )
    layer: str | None = knob(
        None,
        "layer or part of EXR files",
        metavar="NAME",
        unset="R, G, B of the first part that has them",
    )
    track: int | None = knob(
        None,
        "track of a movie, counted from 0",
        metavar="N",
        parse=int,
        unset="the first with moving pictures",
    )
    with_alpha: bool = False
    """Whether frames of movies and pictures bring their alpha channel, in the prop `_Alpha`."""
    channel: str | None = None
    """Of mattes: which channel of EXR files; see `sghm_vs.media.readers.layers.choose`."""
    keep_windows: bool = knob(
        False,
        "matte the overscan of EXR plates too, and give EXR outputs each plate's data and display "
        "window",
        unset="the display window alone",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What makes an alpha of a picture: equal settings, weights and frames give equal alphas."""

    sizing: Sizing = knob(
        "pad",
        "how a picture is brought to the network's multiples of 64: pad keeps the aspect; image "
        "and video squeeze as the published scripts do",
        choices=get_args(Sizing),
        recorded="always",
    )
    infer_size: int | Literal["auto"] = knob(
        1280,
        "short side above which a picture is shrunk for the network; auto is its own, and "
        f"{OWN_SIZE_MOST_PX} at most",
        metavar="PX",
        least=64,
        parse=_parse_infer_size,
        recorded="always",
        nuke="Size",
    )
    exposure: float = knob(
        0.0,
        "stops by which the network sees the footage brighter; what is written stays",
        metavar="STOPS",
        least=-20,
        most=20,
        parse=float,
        recorded="always",
        nuke="Exposure",
    )
    tr: int | str = knob(
        2,
        f"temporal radius: how many frames each way steady a frame, 0 to {TR_MAX}; 0 mattes each "
        "alone; or off (0), fast (1), default (2), quality (3)",
        metavar="N|WORD",
        parse=_parse_tr,
        recorded="always",
        nuke="Neighbors",
    )
    sc_threshold: float | Literal["off"] | None = knob(
        0.1,
        "how much of a picture must be new for a cut, 0 to 1; props trusts what a script says of "
        "its frames, off looks for none",
        metavar="T",
        parse=_parse_threshold,
        write=_write_threshold,
        recorded="always",
        needs="neighbors",
    )
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel by its height, as a clip says it of its own: the network sees square ones."""

    def __post_init__(self) -> None:
        check(self)
        if not 0 <= self.radius <= TR_MAX:
            msg = f"{called('tr')} is {self.tr} and must be 0 (each frame alone) to {TR_MAX}"
            raise SettingsError(msg)
        if isinstance(self.sc_threshold, float | int) and not 0 < self.sc_threshold <= 1:
            msg = (
                f"{called('sc_threshold')} is {self.sc_threshold} and must be above 0 and at most "
                f"1, or {cure(script='None', typed='props')} for a clip whose frames say where "
                "scenes change"
            )
            raise SettingsError(msg)

    @property
    def radius(self) -> int:
        """How many frames before and after a frame help with it."""
        if isinstance(self.tr, int):
            return self.tr
        if self.tr in PRESETS:
            return PRESETS[self.tr]
        known = ", ".join(PRESETS)
        msg = (
            f"{called('tr')} is {self.tr!r} and must be a whole number of frames, or one of {known}"
        )
        raise SettingsError(msg)

    @property
    def reach(self) -> int:
        """How many frames before and after a frame its alpha depends on, at most."""
        # Neighbors correct an alpha, each had its own voters, and each of these a quieter picture.
        return (1 + VOTERS) * self.radius + DENOISING_FRAMES if self.radius else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guides:
    """
    What is known of who is where.

    Holdout rules, then keep, then keys, then the trimap, then the mask, then the screen.

    Raises (when it is made):
        SettingsError: A value is out of range, or the rectangle is none.
    """

    mask: Path | None = knob(
        None,
        "footage or a picture, white where the people are, in place of the network's own "
        "segmentation; gray says how likely. It may be rough: the matte's edges are looked for "
        "near its own",
        metavar="FILE",
        parse=Path,
        write=_write_path,
        is_file=True,
    )
    mask_start: int | None = knob(
        None,
        "the frame of the footage that the mask's first frame is of",
        metavar="N",
        parse=int,
        unset="as its sidecar, EXR headers, timecode or numbers say; else both are of equal length",
        recorded="changed",
    )
    mask_tr: int | None = knob(
        None,
        f"temporal radius by which the mask is steadied, 0 to {TR_MAX}: 0 takes each frame of it as "
        "it is",
        metavar="N",
        parse=int,
        unset="as --tr",
        needs="mask",
    )
    trimap: Path | None = knob(
        None,
        "footage or a picture: the matte is exactly 1 where it is white and 0 where it is black; "
        "gray is left to the network",
        metavar="FILE",
        parse=Path,
        write=_write_path,
        is_file=True,
    )
    keys: Path | None = knob(
        None,
        "a folder or a sequence of pictures, by number, of some frames: white is a person, black is "
        "not, gray or transparent is left to the network; carried to the frames around",
        metavar="DIR|FILES",
        parse=Path,
        write=_write_path,
        is_file=True,
        recorded="never",
    )
    key_span: int = knob(
        24,
        "how many frames each way a key changes anything",
        metavar="N",
        least=0,
        most=KEY_SPAN_MAX,
        parse=int,
        needs="keys",
        recorded="never",
        nuke="Key span",
    )
    keep: Path | None = knob(
        None,
        "footage or a picture: where it is white the matte is exactly 1, also after edges are "
        "shaped; where it is gray, at least that",
        metavar="FILE",
        parse=Path,
        write=_write_path,
        is_file=True,
    )
    holdout: Path | None = knob(
        None,
        "footage or a picture: where it is white the matte is exactly 0, also after edges are "
        "shaped; where it is gray, as much is taken away",
        metavar="FILE",
        parse=Path,
        write=_write_path,
        is_file=True,
    )
    screen: str | None = knob(
        None,
        "the color of the wall behind everybody: green, blue, auto (whichever there is more of) or six "
        "hexadecimal digits; whatever stands before it is matted",
        metavar="COLOR",
        parse=_parse_screen,
        unset="no such wall",
        nuke="Screen",
    )
    guide_start: int | None = knob(
        None,
        "the frame of the footage that the first frame of trimap, keep and holdout is of",
        metavar="N",
        parse=int,
        unset="as for --mask-start",
        needs="trimap, keep or holdout",
    )
    guide_band: float = knob(
        0.02,
        "how far from the edge of a mask or a key the matte is looked for, as a part of the "
        "picture's short side; beyond, it is 0 or 1 as the guide is. With a screen, how far "
        "inside its edge the subject is solid",
        metavar="PART",
        least=0,
        most=1,
        parse=float,
        needs="mask, keys or screen",
        nuke="Band",
    )
    people: Path | None = knob(
        None,
        "a file that says who is who in the shot, as sghm people writes it: the matte is that of "
        "--person",
        metavar="FILE",
        parse=check_people_file,
        write=_write_path,
        is_file=True,
        nuke="People",
    )
    person: str = knob(
        "all",
        "who is matted: all but those who were dropped; largest; ids, as 1,3; box:X,Y,W,H, those "
        "whose middle is in it; point:X,Y, whoever is there. A box or point counts for most of "
        "the time, or with @N behind it for frame N",
        metavar="WHO",
        needs="people",
        nuke="Person",
    )
    matte_channel: str | None = knob(
        None,
        f"which channel of a matte that is given is the matte: {', '.join(MATTE_WORDS)}; of EXR "
        "files also a channel, layer or part by its name, as person_01.A",
        metavar="NAME",
        needs="matte",
        unset="its alpha, if it has one, else its gray; color without alpha is refused",
    )
    roi: Regions | None = knob(
        None,
        "the rectangle that is matted, in pixels: its left, its top, its width and its height; "
        "several with + between; outside the matte is 0 and nothing is computed; auto is where people "
        "are in the whole shot",
        metavar="X,Y,W,H",
        parse=_parse_regions,
        write=write_regions,
        unset="the whole picture",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.mask_tr is not None and not 0 <= self.mask_tr <= TR_MAX:
            msg = (
                f"{called('mask_tr')} is {self.mask_tr} and must be 0 (each frame as it is) to "
                f"{TR_MAX}"
            )
            raise SettingsError(msg)
        for roi in rois_of(self.roi):
            check_roi(roi)
        parse_person(self.person)
        if self.screen is not None:
            screen_hue(self.screen)

    @property
    def files(self) -> dict[str, Path]:
        """What is read, by what it is for."""
        named = {name: getattr(self, name) for name in READ_FILES}
        return {name: path for name, path in named.items() if path is not None}

    @property
    def last(self) -> Guides:
        """Those that apply after edges are shaped."""
        start = self.guide_start if self.keep or self.holdout else None
        return Guides(
            keep=self.keep,
            holdout=self.holdout,
            guide_start=start,
            matte_channel=self.matte_channel,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matting:
    """How a shot is matted, and on what."""

    model: str = knob(
        "auto",
        "auto, sghm-lite, a version of it such as sghm-lite@9, sghm-resnet50, or a checkpoint with "
        "the published names",
        metavar="NAME|PATH",
        unset="auto, which is sghm-resnet50 if it is installed, else sghm-lite",
        recorded="never",
    )
    device_index: Devices = knob(
        None,
        "auto, cpu, cuda, cuda:N, or cuda:N,M to spread frames over devices",
        flag="--device",
        metavar="DEVICE",
        parse=parse_device,
        write=_write_device,
        unset="auto",
        recorded="never",
    )
    backend: Backend = knob(
        "auto",
        "what runs the network; auto is torch on CUDA, and the first that is installed on CPUs of "
        "openvino, onnxruntime, torch (pip install 'sghm-vs[openvino]', 'sghm-vs[onnxruntime]'); ort "
        "and ov are VapourSynth's plug-ins of vs-mlrt",
        choices=get_args(Backend),
    )
    fp16: bool | None = knob(
        None,
        "half precision; by openvino bfloat16, where the CPU has it",
        unset="on CUDA, and sghm-lite by openvino",
    )
    settings: Settings = field(default_factory=Settings)
    guides: Guides = field(default_factory=Guides)
    """What is known of who is where."""
    num_streams: int = 0
    """Frames in the network at once, on each device; 0 leaves that to the device."""
    debug: Path | None = None
    """A folder for a movie of each step to the alpha; see `sghm_vs.filter.debug`."""

    @property
    def steadied_guides(self) -> Guides:
        """The guides, with the radius by which a mask is steadied in numbers."""
        if self.guides.mask is None or self.guides.mask_tr is not None:
            return self.guides
        return replace(self.guides, mask_tr=self.settings.radius)

    @property
    def reach(self) -> int:
        """How many frames before and after a frame its alpha depends on, at most, guides and all."""
        radius, mask_tr = self.settings.radius, self.guides.mask_tr
        votes = 0 if self.guides.mask is None else VOTERS * (mask_tr or 0) + radius
        return max(self.settings.reach, votes, self.guides.key_span if self.guides.keys else 0)


def _codecs_by_ending() -> str:
    rows: dict[str, list[str]] = {}
    for name in CHOSEN_CODECS:
        row = CODECS[name]
        rows.setdefault(row.suffix, []).append(f"{name} ({row.help})")
    return "; ".join(f"{suffix} {', '.join(names)}" for suffix, names in rows.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """
    How outputs are made; each knob is for those that have it, see `check_used`.

    Raises (when it is made):
        ExportError: A value is not one of those listed, or they don't go together.
    """

    layout: str = knob(
        "rgba",
        f"EXR channels: {'; '.join(f'{name} is {row.help}' for name, row in LAYOUTS.items())}",
        choices=tuple(LAYOUTS),
        needs="exr",
        nuke="Layout",
    )
    sample: str = knob("half", "EXR samples", choices=SAMPLES, needs="exr")
    compression: str = knob(
        "zip",
        "of EXR; pxr24 keeps 24 bits of a float; dwaa and dwab change color, and are refused where "
        "they would change a matte",
        choices=COMPRESSIONS,
        needs="exr",
    )
    codec: str | None = knob(
        None,
        f"of movies, of an ending the first unless another is named: {_codecs_by_ending()}",
        choices=CHOSEN_CODECS,
    )
    premultiplied: bool = knob(
        False,
        "multiply the color in movies by the alpha; EXR says by its layout",
        unset="straight",
        needs="color and alpha",
    )
    audio: bool = knob(False, "give movies the sound of the footage, cut with it", needs="movie")
    quality: int = knob(
        4,
        "ProRes quantizer, 1 best to 31 smallest; the alpha is lossless at any",
        metavar="Q",
        least=1,
        most=31,
        parse=int,
        needs="prores",
    )

    def __post_init__(self) -> None:
        check(self, ExportError, known={"codec": tuple(CODECS)})
        self._check_lossless()

    def codec_of(self, suffix: str) -> str:
        """Return the codec of a movie that ends in `suffix`."""
        is_for_it = self.codec is not None and CODECS[self.codec].suffix == suffix
        return self.codec if self.codec is not None and is_for_it else USUAL[suffix]

    def layer_of(self, suffix: str) -> str:
        """Return what an output that ends in `suffix` holds, in a word for its name."""
        if suffix == ".exr":
            return self.layout
        if suffix == ".png":
            return "alpha"
        return CODECS[self.codec_of(suffix)].layer if suffix in USUAL else "rgba"

    def fields(self) -> dict[str, Any]:
        """Return each field's value by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def changed(self) -> dict[str, Any]:
        """Return what differs from the defaults."""
        default = OutputFormat().fields()
        return {name: value for name, value in self.fields().items() if value != default[name]}

    def meets(self, output: str) -> frozenset[str]:
        """Return which of `NEEDS` the output of this name meets."""
        suffix = Path(output).suffix.lower()
        codec = self.codec_of(suffix) if suffix in USUAL else ""
        is_exr, layer = suffix == ".exr", self.layer_of(suffix)
        found = {
            "exr": is_exr,
            "movie": codec,
            "prores": codec.startswith("prores"),
            "color": layer not in ("alpha", *DATA_LAYOUTS),
            "color and alpha": codec and layer == "rgba",
            "review": suffix == ".mp4",
            "timecode": is_exr or codec,
            "numbers": "{frame}" in output or FRAME_NUMBER.search(Path(output).name),
            "shape": is_exr and self.layout in EXTRA_LAYOUTS,
        }
        return frozenset(name for name, is_met in found.items() if is_met)

    def _check_lossless(self) -> None:
        """Refuse what would change a matte."""
        if self.compression in ("dwaa", "dwab") and self.layout == "matte":
            how = cure(
                script='layout="alpha", or compression="zip"',
                typed="--layout alpha, or --compression zip",
            )
            msg = (
                f"compression {self.compression} keeps A as it is, and changes the matte in R, G "
                f"and B of layout matte by up to 0.016; use {how}"
            )
            raise ExportError(msg)
        if self.layout == "cryptomatte" and self.compression in LOSSY:
            how = cure(script='compression="zip"', typed="--compression zip")
            msg = f"compression {self.compression} changes ids, layout cryptomatte's; use {how}"
            raise ExportError(msg)
        if (
            self.compression == "pxr24"
            and self.sample == "float"
            and LAYOUTS[self.layout].has_alpha
        ):
            half, zipped = cure(
                script='sample="half" compression="zip"', typed="--sample=half --compression=zip"
            ).split()
            msg = (
                "compression pxr24 cuts float samples to 24 bits, the matte's as well; use "
                f"{half}, which it keeps, or {zipped}"
            )
            raise ExportError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """
    What is done to an alpha's edges, in this order; the defaults do nothing.

    Lengths are pixels of a picture whose short side is `SHORT_SIDE_PX`; see `sghm_vs.edges`.
    """

    SHORT_SIDE_PX: ClassVar[int] = 1080

    black: float = knob(0.0, "alpha that becomes 0, with all below", metavar="A", least=0, most=1,
                        parse=float)  # fmt: skip
    white: float = knob(1.0, "alpha that becomes 1, with all above", metavar="A", least=0, most=1,
                        parse=float)  # fmt: skip
    gamma: float = knob(1.0, "above 1 soft edges become denser, below 1 thinner", metavar="G",
                        least=0.1, most=10, parse=float)  # fmt: skip
    despeckle: float = knob(0.0, "drop islands smaller than a disc of this diameter", metavar="PX",
                            least=0, most=1000, parse=float)  # fmt: skip
    fill: float = knob(0.0, "close holes smaller than a disc of this diameter", metavar="PX",
                       least=0, most=1000, parse=float)  # fmt: skip
    grow: float = knob(0.0, "move the edge outward, or inward if negative", metavar="PX",
                       least=-100, most=100, parse=float)  # fmt: skip
    feather: float = knob(0.0, "how wide a hard edge becomes", metavar="PX",
                          least=0, most=400, parse=float)  # fmt: skip
    shape: Shape = knob(
        "alpha",
        "alpha; core: it shrunk by --width; edge: what lies within --width of its edge; trimap: 1 "
        "inside, 0 outside, 0.5 between",
        choices=get_args(Shape),
    )
    width: float = knob(6.0, "see --shape", metavar="PX", least=0, most=100, parse=float,
                        needs="shape")  # fmt: skip
    invert: bool = knob(False, "swap 0 and 1, after all other shaping")

    def __post_init__(self) -> None:
        check(self)
        if self.white <= self.black:
            msg = (
                f"{called('white')} is {self.white} and must be above {called('black')}, which is "
                f"{self.black}"
            )
            raise SettingsError(msg)

    def changed(self) -> dict[str, str]:
        """Return, as text, what differs from the defaults."""
        return {
            field.name: str(getattr(self, field.name))
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a shot is written; see `sghm_vs.export`."""

    foreground: Foreground = knob(
        "source",
        "color that is written: estimate is the subject's without the old background, made in "
        "linear light; source is the plate's own; none is black",
        choices=get_args(Foreground),
        needs="color",
    )
    despill: Despill | None = knob(
        None,
        "with --foreground estimate: take the light of a green or blue screen from the subject's color; "
        "auto is the one there is more of",
        choices=get_args(Despill),
        unset="left as it is",
        needs="estimate",
    )
    despill_strength: float = knob(
        1.0,
        "how much of that light, 0 to 1",
        metavar="PART",
        least=0,
        most=1,
        parse=float,
        needs="despill",
    )
    output_format: OutputFormat = field(default_factory=OutputFormat)
    over: Path | Color | None = knob(
        None,
        "what a review movie, .mp4, shows the subject over: black, white, gray, red, green, blue, "
        "204080, or footage or a picture",
        metavar="COLOR|FILE",
        parse=_parse_over,
        write=_write_over,
        is_file=True,
        needs="review",
    )
    timecode: str | None = knob(
        None,
        "timecode of the source's first frame, with ; before FF for drop-frame. With --frames "
        "A-B, frame A has the timecode of its place in the source, and a line says which",
        metavar="HH:MM:SS:FF",
        unset="the source's",
        needs="timecode",
    )
    version: int | Literal["auto"] | None = knob(
        None,
        "what {version} in a name is, as v001; auto is the first that nothing has",
        metavar="N|auto",
        parse=_parse_version,
    )
    start_number: int | None = knob(
        None,
        "number of the first written frame",
        metavar="N",
        parse=int,
        unset="the source's",
        needs="numbers",
    )
    edges: Edges = field(default_factory=Edges)
    """What is done to the alpha's edges before it is written."""
    patterns: bool = True
    """Whether `####` and its kin, and words such as {shot}, mean something in an output's name."""
    overwrite: bool = False
    resume: bool = False
    sidecar: bool = True

    def __post_init__(self) -> None:
        check(self)

    def described_color(self) -> dict[str, str]:
        """Return, as text, how the color that is written differs from the plate's."""
        default = Delivery()
        names = "foreground", "despill", "despill_strength"
        found = {name: getattr(self, name) for name in names}
        return {
            name: str(value) for name, value in found.items() if value != getattr(default, name)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotOptions:
    """All that a command line, a list's row or a plan says of one shot."""

    to: tuple[str, ...] = knob(
        (),
        "output below DIR, as -o of sghm matte, with {shot}: {shot}/{shot}.####.exr; several are "
        "written in one pass",
        metavar="NAME",
        unset="{shot}.mov",
        is_repeated=True,
    )
    host: str | None = knob(
        None,
        "write what this host takes as it is, and say why; leave the endings of -o out",
        flag="--for",
        choices=HOSTS,
    )
    frames: FrameRange | None = knob(
        None,
        "source frames, both included: movies count from 0, sequences by the number in the name",
        metavar="A-B",
        parse=FrameRange.parse,
    )
    opening: Opening = field(default_factory=Opening)
    matting: Matting = field(default_factory=Matting)
    delivery: Delivery = field(default_factory=Delivery)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How a batch treats what is there, and what the machine has."""

    resume: bool = knob(False, "keep what is done, unchanged and whole, and make the rest")
    overwrite: bool = knob(False, "replace outputs that exist")
    rehash: bool = knob(
        False, "with --resume, also read footage whose size and date have not changed"
    )
    jobs: int = knob(
        1, "how many shots are made at once, if memory allows", metavar="N", parse=int, least=1
    )
    report: bool = knob(
        False, "write DIR/report.html: which frames of the mattes need a look; see sghm report"
    )
    reread: bool = True
    """Whether outputs of shots that are done are read, and compared with their checksums."""
    make_renderer: Callable[[], Any] | None = None
    """Called in each worker's process; None is `sghm_vs.shots.batch.render.Rotoscoper`."""

    def __post_init__(self) -> None:
        check(self)


class Limit(NamedTuple):
    """From which value on a reason of `REASONS` flags a frame."""

    kind: str
    value: float
    """Infinity is never."""

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Return what `text` ("haze=1", "steps=off") says."""
        kind, _, value = text.partition("=")
        _check_reason(kind)
        try:
            found = float("inf") if value == "off" else float(value)
        except ValueError:
            found = float("nan")
        # Not a number is in no range, and compares as false.
        if not found > 0:
            msg = f"{text!r} is no limit; write {kind}=N, a number above 0, or {kind}=off"
            raise SettingsError(msg)
        return cls(kind, found)


class FailOn(NamedTuple):
    """How many flagged frames of a shot are too many."""

    frames: int = 1
    kind: str | None = None
    """Of `REASONS`; None is any."""

    @classmethod
    def parse(cls, text: str) -> FailOn:
        """Return what `text` ("10", "hole", "hole=3") says."""
        kind, _, number = ("", "", text) if text.isdecimal() else text.partition("=")
        if kind:
            _check_reason(kind)
        number = number or "1"
        if not number.isdecimal() or int(number) < 1:
            msg = f"{text!r} is no number of frames; write 10, hole or hole=3"
            raise SettingsError(msg)
        return cls(int(number), kind or None)


def _check_reason(kind: str) -> None:
    if kind not in REASONS:
        msg = f"{kind!r} is no reason that a frame is flagged for; known are {', '.join(REASONS)}"
        raise SettingsError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What a report of mattes looks for, and what is made of it."""

    limits: Sequence[Limit] = knob(
        (),
        "from which value on a reason flags a frame, as haze=1; off is never",
        flag="--limit",
        metavar="KIND=N|off",
        parse=Limit.parse,
        unset="as docs/report.md lists them",
        is_repeated=True,
    )
    vote: bool = knob(
        False,
        "ask the network what it sees in the plate, where a matte changes suddenly and in every "
        "twelfth frame; it takes .9 GB more memory",
    )
    sheets: int = knob(
        12,
        "how many flagged frames of a shot are shown in pictures; fewer where there are many shots",
        metavar="N",
        parse=int,
        least=0,
    )
    markers: bool = knob(
        False,
        "also write what other programs read: NAME.SHOT.qp, numbers of flagged frames for "
        "previewers, and NAME.otio, markers for editors",
    )
    fail_on: Sequence[FailOn] = knob(
        (),
        "exit with 3 where a shot has so many flagged frames: 10 of any kind, or hole=3; of a kind "
        "alone one is enough",
        metavar="N|KIND[=N]",
        parse=FailOn.parse,
        is_repeated=True,
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def limit_of(self) -> dict[str, float]:
        """Return the limit of each kind."""
        return {kind: row.limit for kind, row in REASONS.items()} | dict(self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOptions:
    """Which frames of which media an edit means."""

    media: Sequence[Path] = knob(
        (),
        "a folder to search, with all below it, for media that is not where the edit says; by "
        "name, reel and timecode",
        metavar="DIR",
        parse=Path,
        is_repeated=True,
    )
    handles: int = knob(
        8,
        "extra frames before and after a clip, where the media has them",
        metavar="N",
        parse=int,
        least=0,
    )
    tracks: tuple[int, ...] = knob(
        (), "video tracks to matte, counted from 1", metavar="N,N", parse=_parse_tracks, unset="all"
    )
    edit_rate: Fraction | None = knob(
        None,
        "frames per second of an EDL, which doesn't say it: 24, 25, 23.976, 30000/1001",
        flag="--rate",
        metavar="FPS",
        parse=parse_rate,
        unset="what most of the media has, else 24",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleOptions:
    """How people are told apart, and who of them counts."""

    every: int | None = knob(
        None,
        "look at every Nth frame",
        metavar="N",
        least=1,
        parse=int,
        unset=f"{LOOKS_A_SECOND} looks a second",
    )
    id_keys: Path | None = knob(
        None,
        "a folder or a sequence of pictures, by number, of some frames: each person in the color of "
        "their id (as --sheet paints it), or a gray whose code it is; nothing is said of the rest",
        flag="--keys",
        metavar="DIR|FILES",
        parse=Path,
    )
    min_size: float = knob(
        0.001,
        "drop those who are smaller in the mean, as a part of the picture",
        metavar="PART",
        least=0,
        most=1,
        parse=float,
    )
    min_frames: int = knob(
        6,
        "drop those who are seen for fewer frames, unless for a whole scene",
        metavar="N",
        least=0,
        parse=int,
    )
    within: Roi | None = knob(
        None,
        "drop those whose middle is outside this rectangle, in pixels, most of the time",
        metavar="X,Y,W,H",
        parse=_parse_roi,
        write=_write_roi,
    )
    without: Sequence[Roi] = knob(
        (),
        "drop those whose middle is inside this rectangle most of the time, as of a picture on a "
        "wall",
        metavar="X,Y,W,H",
        parse=_parse_roi,
        is_repeated=True,
    )

    def __post_init__(self) -> None:
        check(self)
        for one in (*self.without, *([] if self.within is None else [self.within])):
            check_roi(one, name="within" if one == self.within else "without")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """In what chunks a farm's plan cuts its shots, and for which workers."""

    mattes: Path | None = knob(
        None,
        "where the mattes go; the same path on every worker",
        metavar="DIR",
        parse=Path,
        unset="a folder 'mattes' beside the plan",
    )
    chunk: int | None = knob(
        None, "frames of a chunk", metavar="N", parse=int, unset="as many as take --chunk-seconds"
    )
    chunk_s: float = knob(
        300.0,
        "how long a chunk should take: losing a short one costs little, and a long one outweighs a "
        "worker's start",
        flag="--chunk-seconds",
        metavar="S",
        parse=float,
    )
    frame_s: float | None = knob(
        None,
        "how long a frame takes on a worker",
        flag="--frame-seconds",
        metavar="S",
        parse=float,
        unset="as --worker says, else measured here on the first shot",
    )
    cuts: Sequence[SceneStarts] = knob(
        (),
        "first frames of scenes, to which edges of chunks move (an edit brings its own)",
        metavar="[SHOT=]N,N",
        parse=SceneStarts.parse,
        is_repeated=True,
    )
    worker: Path | None = knob(
        None,
        "what workers are, as sghm farm worker prints it on one of them",
        metavar="FILE",
        parse=Path,
        unset="as this machine",
    )
    threads: int | None = knob(
        None, "cores of a worker", metavar="N", parse=int, least=1, unset="1; with a GPU 4"
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions:
    """By what workers a farm's plan is made, and what is done where that fails."""

    engine: str = knob(ENGINES[0], "what runs the workers", choices=ENGINES)
    address: str | None = knob(
        None,
        "of a Ray cluster, or auto for the cluster that this machine is in",
        metavar="ADDRESS",
        unset="a cluster of this machine, for this run",
    )
    workers: int = knob(
        0,
        "how many workers at most",
        metavar="N",
        parse=int,
        least=0,
        unset="as many as there are GPUs, or cores for",
    )
    runtime_env: Path | None = knob(
        None,
        "JSON: how workers get the package, as Ray's runtime_env; see docs/farm.md",
        metavar="FILE",
        parse=Path,
    )
    no_hash: bool = knob(
        False,
        "don't read footage again for its checksum; its size and date then tell whether it changes",
    )
    tries: int = knob(
        3, "how often a chunk may fail before it is set aside", metavar="N", parse=int, least=1
    )
    patience_s: float = knob(
        3600.0,
        "how long to wait for room on a full disk, or for a share that is away",
        flag="--patience",
        metavar="S",
        parse=float,
        least=0,
    )
    report: bool = knob(
        False, "write report.html beside the mattes: which frames need a look; see sghm report"
    )
    mixed: bool = knob(
        False, "take workers that are not as planned, whose frames might differ by a bit"
    )
    overwrite: bool = knob(False, "replace outputs that exist")

    def __post_init__(self) -> None:
        check(self)


type Group = type[Any]
"""One of the dataclasses above."""
type Values = Mapping[str, Any]
"""What was said: values by the field's name. All of a shot's options have different names."""


def options_of(group: Group, *, deep: bool = True) -> Iterator[Option]:
    """Yield the knobs of `group`, and of the groups in it if `deep`, in order."""
    for one, kind in _fields(group):  # type: ignore[arg-type] # a class has a hash
        found = one.metadata.get("knob")
        if found is not None:
            is_switch = kind in (bool, bool | None)
            yield Option(one.name, one.default, found, is_switch, kind == (bool | None))
        elif deep and _is_group(kind):
            yield from options_of(kind)


@cache
def check_names() -> None:
    """
    Refuse two knobs of a shot that have one name or one flag.

    Raises:
        TypeError: As said, with the names of their groups.
    """
    owners: dict[str, str] = {}
    for group in _groups_in(ShotOptions):
        for option in options_of(group, deep=False):
            for name in (option.name, option.flag):
                owner = owners.setdefault(name, group.__name__)
                if owner != group.__name__:
                    msg = f"{name} is a knob of {owner} and of {group.__name__}; rename one"
                    raise TypeError(msg)


def _groups_in(group: Group) -> Iterator[Group]:
    yield group
    for one, kind in _fields(group):  # type: ignore[arg-type] # a class has a hash
        if _is_group(kind) and "knob" not in one.metadata:
            yield from _groups_in(kind)


def _is_group(kind: object) -> bool:
    return dataclasses.is_dataclass(kind)


@cache
def _fields(group: Any) -> list[tuple[dataclasses.Field[Any], Any]]:
    kinds = typing.get_type_hints(group)
    return [(one, kinds[one.name]) for one in fields(group)]


def made_of[Made](group: type[Made], values: Values) -> Made:
    """
    Return `group` with what `values` say, and defaults for the rest.

    Raises:
        SettingsError: A value is out of range.
        ExportError: Those of the output format don't go together.
    """
    given: dict[str, Any] = {}
    for one, kind in _fields(group):  # type: ignore[arg-type] # a class has a hash
        if _is_group(kind) and "knob" not in one.metadata:
            given[one.name] = made_of(kind, values)
        elif one.name in values and "knob" in one.metadata:
            given[one.name] = values[one.name]
    return group(**given)


def to_words(group: Opening | Matting | Delivery, but: Collection[str] = ()) -> tuple[str, ...]:
    """Return what of `group` is not the default, as words that mean the same anywhere."""
    found = flat(group)
    words = []
    for option in options_of(type(group)):
        value = found[option.name]
        if option.name in but or value == option.default:
            continue
        if option.is_switch:
            words.append(option.flag if value else f"--no-{option.flag[2:]}")
        else:
            words.append(f"{option.flag}={option.knob.write(value)}")
    return tuple(words)


def from_words(words: Sequence[str]) -> dict[str, Any]:
    """
    Return what `words` say of a shot: `--name=value`, `--name` or `--no-name`.

    Raises:
        SettingsError: They are no options of one.
    """
    known = _by_flag()
    found: dict[str, Any] = {}
    for word in words:
        flag, is_valued, text = word.partition("=")
        option = known.get(flag)
        if option is None or option.is_switch == bool(is_valued):
            msg = f"unrecognized arguments: {word}"
            raise SettingsError(msg)
        try:
            value = option.read(text) if is_valued else not flag.startswith("--no-")
        except SettingsError as error:
            msg = f"argument {flag}: {error}"
            raise SettingsError(msg) from None
        found[option.name] = (
            (*found.get(option.name, ()), value) if option.knob.is_repeated else value
        )
    return found


@cache
def _by_flag() -> dict[str, Option]:
    options = [*options_of(ShotOptions)]
    plain = {option.flag: option for option in options}
    return plain | {f"--no-{one.flag[2:]}": one for one in options if one.has_opposite}


def flat(group: Any) -> dict[str, Any]:
    """Return the values of `group`, and of the groups in it, by name."""
    found: dict[str, Any] = {}
    for one in fields(group):
        value = getattr(group, one.name)
        found |= (
            flat(value)
            if dataclasses.is_dataclass(value) and "knob" not in one.metadata
            else {one.name: value}
        )
    return found


def recorded(group: Opening | Matting) -> dict[str, str]:
    """Return what of `group` shapes the pixels, as text for the metadata of outputs."""
    values = flat(group)
    always, changed = {}, {}
    for option in options_of(type(group)):
        value, how = values[option.name], option.knob.recorded
        text = value.name if isinstance(value, Path) else str(value)
        if how == "always":
            always[option.name] = text
        elif how == "changed" and value != option.default:
            changed[option.name] = text
    return always | changed


def check(
    group: Any,
    error: type[SettingsError | ExportError] = SettingsError,
    known: Mapping[str, tuple[str, ...]] | None = None,
) -> None:
    """
    Raise `error` if a value of `group` is not of its kind, none of its choices, or out of range.

    Args:
        group: One of the dataclasses here.
        error: What is raised.
        known: Choices of a knob, by name, where they are more than the command line's.
    """
    own = _fields(type(group))  # type: ignore[arg-type] # a class has a hash
    kinds = {one.name: kind for one, kind in own if "knob" in one.metadata}
    check_kinds(kinds, {name: getattr(group, name) for name in kinds}, error)
    for option in options_of(type(group), deep=False):
        name, value = option.name, getattr(group, option.name)
        choices = (known or {}).get(name, option.knob.choices)
        if choices is not None and value is not None and value not in choices:
            msg = f"{called(name)} is {value!r} and must be one of {', '.join(choices)}"
            raise error(msg)
        least, most = option.knob.least, option.knob.most
        if least is None or value is None or value == AUTO:
            continue
        # Not a number is in no range, and compares as false.
        if not least <= value <= (float("inf") if most is None else most):
            needed = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
            msg = f"{called(name)} is {value} and must be {needed}"
            raise error(msg)


def called(name: str) -> str:
    """Return what the knob `name` is called where the user stands: infer_size, --infer-size."""
    groups: tuple[Group, ...] = (
        ShotOptions, BatchOptions, EditOptions, PeopleOptions, PlanOptions, ShowOptions,
        ReportOptions,
    )  # fmt: skip
    flags = (one.flag for group in groups for one in options_of(group) if one.name == name)
    return cure(script=name, typed=next(flags, name))


def check_arguments(
    function: Callable[..., Any],
    values: Mapping[str, Any],
    error: type[SettingsError | ExportError] = SettingsError,
) -> None:
    """Raise `error` if one of `values` is not what the annotations of `function` say of its name."""
    check_kinds(get_type_hints(function), values, error)


def check_kinds(
    kinds: Mapping[str, Any],
    values: Mapping[str, Any],
    error: type[SettingsError | ExportError] = SettingsError,
) -> None:
    """Raise `error` if one of `values` is not of its kind, a type as an annotation has it."""
    for name in kinds.keys() & values.keys():
        value, kind = values[name], kinds[name]
        if not _fits(value, kind):
            said = repr(value)
            said = said if len(said) <= _SHOWN_MAX else type(value).__name__
            msg = f"{called(name)} is {said} and must be {_in_words(kind)}"
            raise error(msg)


_SHOWN_MAX = 60
"""Letters of a value that a message shows; of a longer one it tells what it is."""


def _fits(value: Any, kind: Any) -> bool:
    kind = kind.__value__ if isinstance(kind, TypeAliasType) else kind
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            _fits(name, inner[0]) and _fits(one, inner[1]) for name, one in value.items()
        )
    if isinstance(origin, type) and issubclass(origin, Sequence):
        is_several = isinstance(value, origin) and not isinstance(value, str)
        return is_several and all(_fits(one, inner[0]) for one in value)
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    if kind is bool:
        # As VapourSynth's own filters take them.
        return isinstance(value, int) and value in (0, 1)
    return isinstance(value, origin or kind)


_NUMBERS: Mapping[type, type] = {int: Integral, float: Real}
_WORDS = {
    bool: ("True or False", "True or False"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "text"),
    Path: ("a path", "paths"),
    NoneType: ("None", "None"),
}
"""What a value is, and several."""


def _in_words(kind: Any, *, several: bool = False) -> str:
    kind = kind.__value__ if isinstance(kind, TypeAliasType) else kind
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        *most, last = dict.fromkeys(_in_words(one, several=several) for one in inner)
        return f"{', '.join(most)} or {last}" if most else last
    if origin is Literal:
        return f"one of {', '.join(inner)}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a dictionary of {_in_words(inner[1], several=True)} by name"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {_in_words(inner[0], several=True)}"
    if kind in _WORDS:
        return _WORDS[kind][several]
    noun = {"VideoNode": "clip", "Callable": "function"}.get(
        (origin or kind).__name__, (origin or kind).__name__
    )
    return f"{noun}s" if several else f"a {noun}"


def check_layers(names: Collection[str], output_format: OutputFormat) -> None:
    """
    Refuse names of extra mattes that no EXR file should have, or that nothing would hold.

    None are refused where the layout is for them alone.

    Raises:
        ExportError: As said.
    """
    for name in names:
        if LAYER.fullmatch(name) is None or name.lower() in RESERVED:
            msg = f"{name!r} can't name a layer: write a word that no host reserves, such as core"
            raise ExportError(msg)
    if not names and LAYOUTS[output_format.layout].needs_extra:
        how = cure(
            script='extra={"person_01": matte}',
            typed="--people people.json, as sghm people writes it",
        )
        msg = f"layout {output_format.layout} says whose each pixel is, and nobody says it; give {how}"
        raise ExportError(msg)
    if names and output_format.layout not in EXTRA_LAYOUTS:
        words = " or ".join(f'layout="{word}"' for word in EXTRA_LAYOUTS)
        msg = (
            f"layout {output_format.layout} holds no mattes besides the alpha, and "
            f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} given; use {words}"
        )
        raise ExportError(msg)


NEEDS: Mapping[str, tuple[str, str]] = {
    "exr": ("EXR files", "x.####.exr"),
    "movie": ("movies", "x.mov"),
    "prores": ("ProRes", "x.mov"),
    "color": ("outputs with color", "x.mov"),
    "color and alpha": ("movies of color and alpha", "x.mov"),
    "review": ("review movies", "x.mp4"),
    "timecode": ("movies and EXR files", "x.mov"),
    "numbers": ("numbered pictures", "x.####.exr"),
}
"""What a knob may need of an output: in words, and an output that has it."""
OTHERS: Mapping[str, tuple[str, str, str]] = {
    "shape": ("{}; say which", 'shape="core", "edge" or "trimap"', "--shape core, edge or trimap"),
    "estimate": (
        "the subject's own color; give {}",
        'foreground="estimate"',
        "--foreground estimate",
    ),
    "despill": ("a screen's light; say which: {}", 'despill="green"', "--despill green"),
    "neighbors": ("frames with neighbors, and each is matted alone; give {}", "tr=2", "--tr 2"),
    "mask": ("a mask; name it: {}", "mask=FILE", "--mask FILE"),
    "trimap, keep or holdout": (
        "trimap, keep and holdout; name one: {}",
        "keep=FILE",
        "--keep FILE",
    ),
    "keys": ("keys; name them: {}", "keys=FOLDER", "--keys FOLDER"),
    "people": ("a file of who is who; name it: {}", "people=FILE", "--people FILE"),
    "mask, keys or screen": (
        "a mask, keys or a screen; name one: {}",
        "mask=FILE",
        "--mask FILE",
    ),
    "matte": ("a matte that is given; name it: {}", "mask=FILE", "--mask FILE"),
}
"""What it may need besides: in words, with what gives it in a script and on the command line."""


def check_used(
    given: Values, outputs: Collection[str], output_format: OutputFormat, *, mattes: bool = True
) -> None:
    """
    Refuse what is given and would do nothing.

    Args:
        given: Values by their knob's name, also those that are a default.
        outputs: Names of the outputs, with what stands in them for words and numbers.
        output_format: How these are made.
        mattes: Whether a network looks at the footage: it sees colors, whatever is written.

    Raises:
        ExportError: Nothing has a use for a value.
    """
    refuse_unused(unused(given, outputs, output_format, mattes=mattes))


def unused(
    given: Values, outputs: Collection[str], output_format: OutputFormat, *, mattes: bool = True
) -> dict[str, str]:
    """Return the names of what `check_used` refuses, each with what it needs."""
    met = frozenset[str]().union(*map(output_format.meets, outputs))
    others = {
        "shape": given.get("shape", "alpha") != "alpha",
        "estimate": given.get("foreground") == "estimate",
        "despill": given.get("despill") is not None,
        "neighbors": made_of(Settings, given).radius > 0,
        "mask": given.get("mask") is not None,
        "trimap, keep or holdout": any(given.get(name) for name in ("trimap", "keep", "holdout")),
        "keys": given.get("keys") is not None,
        "people": given.get("people") is not None,
        "mask, keys or screen": any(
            given.get(name) is not None for name in ("mask", "keys", "screen")
        ),
        "matte": any(given.get(name) for name in GUIDE_FILES),
    }
    met |= {name for name, is_given in others.items() if is_given}
    groups: tuple[Group, ...] = (Delivery, Matting if mattes else Opening)
    needs = {option.name: option.knob.needs for group in groups for option in options_of(group)}
    return {
        name: needed
        for name, needed in needs.items()
        if name in given and needed is not None and needed not in met
    }


def refuse_unused(names: Mapping[str, str]) -> None:
    """
    Refuse the first of `names`, which `unused` gave.

    Raises:
        ExportError: There is one.
    """
    for name, needed in names.items():
        if needed in OTHERS:
            words, script, typed = OTHERS[needed]
            how = words.format(cure(script=script, typed=typed))
            msg = f"{called(name)} is for {how}, or leave it out"
            raise ExportError(msg)
        what, example = NEEDS[needed]
        how = cure(script=f'give a path as "{example}"', typed=f"write -o {example}")
        msg = f"{called(name)} is for {what}, and no output is one; {how}, or leave it out"
        raise ExportError(msg)


def check_suffixes(suffixes: Collection[str], output_format: OutputFormat) -> None:
    """
    Refuse a codec that no output has.

    Raises:
        ExportError: As said.
    """
    codec = output_format.codec
    if codec is not None and CODECS[codec].suffix not in suffixes:
        needed = CODECS[codec].suffix
        how = cure(script=f'give a path as "x{needed}"', typed=f"write -o x{needed}")
        msg = f"codec {codec} goes into {needed}, and no output is one; {how}"
        raise ExportError(msg)
