"""What a page does with a shot: settings are tried, keys painted, people chosen, all of it saved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs

from sghm_vs.errors import SettingsError, SghmError, SourceError, standing
from sghm_vs.evaluate.report.shot import ShotReport, report_shot
from sghm_vs.files import write_files
from sghm_vs.matting.people.record import read_people
from sghm_vs.media.pairing import aligned, pair
from sghm_vs.media.readers import Source
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.options import (
    REASONS,
    Edges,
    FrameRange,
    Guides,
    Matting,
    Option,
    Settings,
    ShotOptions,
    Values,
    made_of,
    options_of,
)
from sghm_vs.progress import Progress
from sghm_vs.shots.report import FLAG
from sghm_vs.shots.review import pictures
from sghm_vs.shots.review.keys import NOT, OPEN, PERSON, PaintedKeys, Stroke
from sghm_vs.shots.review.measuring import Measuring
from sghm_vs.shots.settings import NAME, settings_text, values_of
from sghm_vs.shots.shot import Prepared, Unshaped, prepare, unshaped_alpha

PANEL = {"matting": Settings, "edges": Edges, "guides": Guides}
"""Knobs that are tried on the page, by the heading they stand under."""
OWN = ("keys",)
"""Knobs that follow from what is painted."""
OF_MACHINE = ("device_index",)
"""Knobs that are not saved: another machine may matte it."""
PEOPLE = "people.json"
FRAMES_KEPT = 16
"""Alphas before their edges are shaped: other edges are there at once."""
AT_ONCE = 2
"""Frames of the alpha in work: more would keep a setting waiting that is tried next."""
SAID = {PERSON: (80, 220, 90, 255), NOT: (70, 60, 240, 255), OPEN: (0, 0, 0, 0)}
"""How keys are shown: BGRA."""


class OutdatedError(SghmError):
    """A frame was asked for of settings that are tried no more."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """What is tried, and the alpha that it gives."""

    generation: int
    values: Values
    alpha: vs.VideoNode
    """GRAYS, all frames."""
    shown: vs.VideoNode


class Session:
    """A shot that is reviewed. All of it may be called by any thread."""

    def __init__(
        self, source: Source, folder: Path, values: Values, *, matte: Path | None = None
    ) -> None:
        """
        Open the review of `source`.

        Args:
            source: The footage.
            folder: Where it is kept; it may not be there yet.
            values: What is typed, and saved, by the knob's name.
            matte: A finished matte of it, to compare with.

        Raises:
            SourceError: A guide or the matte can't be read.
            SettingsError: A setting is refused.
        """
        self.source, self.folder = source, folder
        self.path = folder / NAME
        self.measuring = Measuring()
        self._lock = threading.RLock()
        self._work = threading.BoundedSemaphore(AT_ONCE)
        self._kept = pictures.KeptPictures()
        self._plate = pictures.shown(source.clip)
        clip = source.clip
        own = values.get("keys")
        keys = own if isinstance(own, Path) and own.is_dir() else folder / "keys"
        self.keys = PaintedKeys(keys, source.name, (clip.height, clip.width))
        self._prepared: Prepared | None = None
        self._painted = 0
        self._unshaped: tuple[object, Unshaped] | None = None
        self._saved: dict[str, Any] = dict(values)
        self._tried = self._made(0, values)
        self._matte = None if matte is None else self._opened_matte(matte)

    @property
    def generation(self) -> int:
        """How many settings and keys were tried."""
        return self._tried.generation

    def state(self) -> dict[str, Any]:
        """Return what a page has to know, as JSON has it."""
        clip, source = self.source.clip, self.source
        with self._lock:
            values = self._tried.values
            return {
                "name": source.name,
                "path": str(source.path),
                "saved_in": str(self.path),
                "first": source.frames.first,
                "last": source.frames.last,
                "fps": float(Fraction(clip.fps) or 24),
                "width": clip.width,
                "height": clip.height,
                "generation": self._tried.generation,
                "matted_by": str(self._prepared),
                "knobs": {
                    title: [_described(option, values) for option in _knobs(group)]
                    for title, group in PANEL.items()
                },
                "frames": _word_of("frames", values),
                "is_saved": self._in_file(values) == self._in_file(self._saved),
                "keys": self.keys.numbers,
                "people": _people_of(values.get("people", self._people_beside())),
                "has_matte": self._matte is not None,
                "reasons": {kind: {"unit": r.unit, "help": r.help} for kind, r in REASONS.items()},
            }

    def plate(self, number: int) -> bytes:
        """Return a frame of the footage, PNG."""
        n = self._index(number)
        return self._kept.get(("plate", n), lambda: pictures.png(self._plate, n))

    def matte(self, number: int) -> bytes:
        """
        Return a frame of the finished matte, PNG.

        Raises:
            SourceError: There is none.
        """
        n = self._index(number)
        matte = self._matte
        if matte is None:
            msg = "no finished matte is compared with; name one with --matte FILE"
            raise SourceError(msg)
        return self._kept.get(("matte", n), lambda: pictures.png(matte.shown, n))

    def alpha(
        self, number: int, generation: int, is_wanted: Callable[[], bool] = lambda: True
    ) -> bytes:
        """
        Return a frame of the alpha that is tried, PNG.

        Args:
            number: Of the frame.
            generation: What was tried when it was asked for.
            is_wanted: Tells, when its turn has come, whether anybody waits for it still.

        Raises:
            OutdatedError: Another is tried by now, or nobody waits.
        """
        n = self._index(number)

        def make() -> bytes:
            with self._work:
                if not is_wanted():
                    msg = f"frame {number} is wanted no more"
                    raise OutdatedError(msg)
                return pictures.png(self._now(generation).shown, n)

        self._now(generation)
        return self._kept.get(("alpha", generation, n), make)

    def exact_alpha(self, number: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return a frame of the alpha that is tried, (h, w), 0-1, as it would be delivered."""
        with self._tried.alpha.get_frame(self._index(number)) as frame:
            return np.asarray(frame[0]).copy()

    def key(self, number: int) -> bytes:
        """Return what the key of a frame says, PNG: green a person, red not, else transparent."""
        self._index(number)
        key = self.keys.read(number)
        shown = np.zeros((*key.shape, 4), np.uint8)
        for value, color in SAID.items():
            shown[key == value] = color
        return pictures.coded(shown)

    def try_settings(self, said: Mapping[str, Any]) -> None:
        """
        Try other settings in place of those that are tried.

        Args:
            said: Knobs by their option's name, as in a file of settings; what is None is the default.

        Raises:
            SghmError: One is refused; those that were tried before stay.
        """
        with self._lock:
            given = {name: value for name, value in said.items() if value is not None}
            found = values_of(given, self.path)
            on_page = {option.name for group in PANEL.values() for option in _knobs(group)}
            others = found.keys() - on_page - {"frames"}
            if others:
                msg = f"{', '.join(sorted(others))} can't be tried here; give it to sghm review"
                raise SettingsError(msg)
            names = {_flag_name(option): option.name for option in options_of(ShotOptions)}
            changed = {names.get(name.replace("_", "-"), name) for name in said}
            rest = {n: v for n, v in self._tried.values.items() if n not in changed}
            if "person" in found and "people" not in {*rest, *found}:
                found |= {"people": beside} if (beside := self._people_beside()) else {}
            if changed == {"frames"}:
                self._mark({**rest, **found})
            else:
                self._try({**rest, **found})

    def paint(self, said: Mapping[str, Any]) -> None:
        """
        Draw a stroke, which is on the disk when this returns, and try the keys with it.

        Raises:
            SettingsError: It is no stroke.
            ExportError: It can't be written.
        """
        stroke = Stroke.parse(said)
        self._index(stroke.frame)
        with self._lock:
            self.keys.paint(stroke)
            self._keys_changed()

    def clear(self, number: int) -> None:
        """Take away the key of a frame."""
        self._index(number)
        with self._lock:
            self.keys.clear(number)
            self._keys_changed()

    def undo(self) -> int | None:
        """Take back what was painted last; return its frame, None if nothing is left."""
        with self._lock:
            number = self.keys.undo()
            if number is not None:
                self._keys_changed()
            return number

    def save(self) -> Path:
        """
        Write the settings that are tried where the next sghm matte takes them from; return where.

        Raises:
            ExportError: They can't be written.
        """
        with self._lock:
            self._saved = dict(self._tried.values)
            return self._write()

    def measure(self) -> None:
        """Begin to measure the finished matte, or if there is none the alpha that is tried."""
        matte, source, tried = self._matte, self.source, self._tried
        if matte is None:
            alpha, where = tried.alpha, str(source.path)
            frames, of = tried.values.get("frames") or source.frames, "what is tried"
        else:
            alpha, where, frames, of = matte.alpha, str(matte.path), matte.frames, "the matte"
        part = slice(self._index(frames.first), self._index(frames.last) + 1)

        def report(progress: Progress) -> ShotReport:
            return report_shot(
                alpha[part],
                source.clip[part],
                {kind: row.limit for kind, row in REASONS.items()},
                name=source.name,
                where=(where, str(source.path)),
                first=frames.first,
                sheets=0,
                progress=progress,
            )

        self.measuring.start(report, of)

    def _try(self, values: Values) -> None:
        self._tried = self._made(self._tried.generation + 1, values)

    def _people_beside(self) -> Path | None:
        """Return the file of who is who that lies in the review's folder; who is chosen is of it."""
        path = self.folder / PEOPLE
        return path if path.is_file() else None

    def _mark(self, values: Values) -> None:
        """Try `values`, which mark other frames alone: the alpha stays."""
        frames = values.get("frames")
        self._check_marked(frames)
        self._tried = replace(self._tried, values=values)

    def _check_marked(self, frames: FrameRange | None) -> None:
        if frames is not None and not self.source.frames.holds(frames):
            msg = f"{self.source.name} has frames {self.source.frames}, and {frames} are marked"
            raise SettingsError(msg)

    def _made(self, generation: int, values: Values) -> _Tried:
        with standing(at_command_line=True):
            values = {name: value for name, value in values.items() if name not in OWN}
            if self.keys.numbers:
                values["keys"] = self.keys.folder
            matting, edges = made_of(Matting, values), made_of(Edges, values)
            frames: FrameRange | None = values.get("frames")
            self._check_marked(frames)
            alpha = self._made_before_edges(matting, values, frames).shaped(edges)
        return _Tried(generation, values, alpha, pictures.shown(alpha))

    def _made_before_edges(
        self, matting: Matting, values: Values, frames: FrameRange | None
    ) -> Unshaped:
        """Return the alpha before edges; that which was tried last, if nothing else has changed."""
        of_edges = {option.name for option in options_of(Edges)}
        rest = {name: value for name, value in values.items() if name not in of_edges}
        made_of = settings_text(rest, self.path), self._painted
        if self._unshaped is None or self._unshaped[0] != made_of:
            prepared = prepare(matting, self._prepared)
            found = unshaped_alpha(self.source, prepared, frames)
            found.alpha.std.SetVideoCache(mode=1, fixedsize=True, maxsize=FRAMES_KEPT)
            self._prepared, self._unshaped = prepared, (made_of, found)
        return self._unshaped[1]

    def _keys_changed(self) -> None:
        """Have keys in settings as long as there are some: on the disk at once, others when saved."""
        self._painted += 1
        self._try(self._tried.values)
        had = "keys" in self._saved
        self._saved.pop("keys", None)
        if self.keys.numbers:
            self._saved["keys"] = self.keys.folder
        if had != ("keys" in self._saved) or not self.path.is_file():
            self._write()

    def _write(self) -> Path:
        return write_files({self.path: self._in_file(self._saved)}, overwrite=True)[0]

    def _in_file(self, values: Values) -> str:
        kept = {name: value for name, value in values.items() if name not in OF_MACHINE}
        return settings_text(kept, self.path)

    def _now(self, generation: int) -> _Tried:
        tried = self._tried
        if generation != tried.generation:
            msg = f"settings {generation} are tried no more, but {tried.generation}"
            raise OutdatedError(msg)
        return tried

    def _index(self, number: int) -> int:
        frames = self.source.frames
        if not frames.first <= number <= frames.last:
            msg = f"{self.source.name} has frames {frames}, and {number} was asked for"
            raise SourceError(msg)
        return number - frames.first

    def _opened_matte(self, path: Path) -> _Matte:
        matte = open_matte(path, None, replace(self.source, missing="black"), is_told=False)
        pairing = pair(matte, self.source, None, FLAG)
        footage = self.source.frames
        first = max(pairing.first, footage.first)
        last = min(pairing.first + matte.clip.num_frames - 1, footage.last)
        if last < first:
            msg = f"{path} has none of the frames {footage} of {self.source.name}"
            raise SourceError(msg)
        frames = FrameRange(first, last)
        alpha = aligned(matte.clip, pairing, matte, self.source, frames, FLAG)
        return _Matte(path, frames, alpha, pictures.shown(alpha))


@dataclass(frozen=True, slots=True)
class _Matte:
    """A finished matte, as long as the footage."""

    path: Path
    frames: FrameRange
    """Those that it has, by the footage's numbers."""
    alpha: vs.VideoNode
    shown: vs.VideoNode


def _knobs(group: type[Any]) -> list[Option]:
    return [option for option in options_of(group) if option.name not in OWN]


def _flag_name(option: Option) -> str:
    return option.flag.removeprefix("--")


def _word(option: Option, value: Any) -> str | bool:
    if option.is_switch:
        return bool(value)
    return "" if value is None and option.default is None else option.knob.write(value)


def _word_of(name: str, values: Values) -> str:
    option = next(one for one in options_of(ShotOptions) if one.name == name)
    return str(_word(option, values.get(name, option.default)))


def _described(option: Option, values: Values) -> dict[str, Any]:
    """Return a knob as a page shows it, with what it is now."""
    knob = option.knob
    return {
        "name": _flag_name(option),
        "help": option.help,
        "value": _word(option, values.get(option.name, option.default)),
        "default": _word(option, option.default),
        "choices": knob.choices,
        "metavar": knob.metavar,
        "is_switch": option.is_switch,
        "is_number": knob.parse in (int, float),
        "is_whole": knob.parse is int,
        "least": knob.least,
        "most": knob.most,
        "is_file": knob.is_file,
    }


def _people_of(path: object) -> list[dict[str, Any]]:
    """Return the people of a file of who is who."""
    if not isinstance(path, Path):
        return []
    return [
        {
            "id": one.id, "first": one.first, "last": one.last, "place": one.place,
            "size": one.size, "dropped": one.dropped,
        }
        for one in read_people(path).people
    ]  # fmt: skip
