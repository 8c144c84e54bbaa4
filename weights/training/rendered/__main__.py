"""
Render people with exact straight alpha.

    python -m weights.training.rendered --root ROOT --out OUT --start 10000 --count 100

Writes NAME.png (16-bit RGBA, straight, sRGB), NAME.json (what is in it), and NAME_front.png
where furniture, floors or held things are in the picture. The number is the seed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from weights.training.rendered import develop, groups, motion, options
from weights.training.rendered.blender import (
    Set,
    build_set,
    move_camera,
    move_person,
    read_exr,
    unpack_hdris,
)
from weights.training.rendered.body import load_body
from weights.training.rendered.camera import CLOSE, Camera, Light, draw_camera, draw_light, drifted
from weights.training.rendered.figure import Standing
from weights.training.rendered.geometry import Floats, turned_about_up
from weights.training.rendered.studio import SEED, Shoot, Studio, draw_views, prepare

HAIR_WIDER = {"head": 1.0, "waist": 1.2, "three": 1.35, "full": 1.5}
"""Fewer strands than grow on a head are drawn, so they are wider, far ones more."""
FRONT_SAMPLES = 16


def open_studio(asked: argparse.Namespace, scratch: Path) -> Studio:
    """Load what all persons share."""
    hdris = unpack_hdris(asked.root / "pm/package/hdri", asked.root / "assets/hdri")
    means = [read_exr(path)[..., :3].clip(0, 20).mean((0, 1)) for path in hdris]
    return Studio(load_body(asked.root), asked, scratch, hdris, means)


def write_picture(path: Path, picture: Floats) -> None:
    """Write a picture (h, w, 4) as 16-bit RGBA."""
    if not cv2.imwrite(str(path), develop.sixteen_bit(picture[..., :3], picture[..., 3])):
        msg = f"{path} can't be written"
        raise OSError(msg)


@dataclass(frozen=True)
class Rendering:
    """What Cycles made of one moment, premultiplied and linear."""

    color: Floats
    alpha: Floats
    front: Floats | None
    """(h, w, 4), where anything is in front or around."""


def mean(moments: Sequence[Rendering]) -> Rendering:
    """Return the mean of moments: motion blur."""
    fronts = [m.front for m in moments if m.front is not None]
    return Rendering(
        np.mean([m.color for m in moments], axis=0),
        develop.cleaned(np.mean([m.alpha for m in moments], axis=0)),
        np.mean(fronts, axis=0) if fronts else None,
    )


def render(stage: Set, seed: int, framing: str) -> Rendering:
    """Render color, alpha and what is in front; close views need fewer samples a pixel."""
    samples = stage.quality.samples
    if framing in CLOSE:
        samples = max(4, samples * 3 // 4)
    color = stage.color(seed, samples)
    alpha = develop.cleaned(stage.alpha(seed, stage.quality.alpha_samples))
    around = stage.things or stage.shadow_only
    return Rendering(color, alpha, stage.front(seed, FRONT_SAMPLES) if around else None)


@dataclass(frozen=True)
class Exposure:
    """How pictures are developed: the same for all frames of a motion."""

    balance: Floats
    gain: float

    def picture(self, color: Floats, alpha: Floats) -> Floats:
        """Return straight sRGB and alpha (h, w, 4)."""
        found = develop.straight((color * self.balance).clip(0).astype(np.float32), alpha)
        return np.dstack([develop.to_srgb(found * self.gain), alpha])


def draw_exposure(
    rng: np.random.Generator, rendering: Rendering, light: str, cast: Floats
) -> Exposure:
    """Draw an exposure for a rendering under a light whose surroundings have a `cast`."""
    balance = develop.draw_white_balance(rng, cast)
    color = (rendering.color * balance).clip(0).astype(np.float32)
    found = develop.straight(color, rendering.alpha)
    return Exposure(balance, develop.draw_gain(rng, found, rendering.alpha, light))


def write_all(
    folder: Path, name: str, rendering: Rendering, exposure: Exposure, notes: Mapping[str, object]
) -> None:
    """Write a picture, what is in front of it, and its meta file."""
    picture = exposure.picture(rendering.color, rendering.alpha)
    write_picture(folder / f"{name}.png", picture)
    front = ""
    if rendering.front is not None:
        front = options.front_name(name)
        covered = develop.cleaned(rendering.front[..., 3])
        picture = exposure.picture(rendering.front[..., :3], covered)
        write_picture(folder / f"{front}.png", picture)
    coverage = round(float(rendering.alpha.mean()), 4)
    notes = {**notes, "coverage": coverage, "front": front}
    (folder / f"{name}.json").write_text(json.dumps(notes))


def note_picture(
    camera: Camera, light: Light, framing: str, view: str, studio: Studio
) -> dict[str, object]:
    """Return what the meta file says of how a picture was taken."""
    return {
        "framing": framing,
        "view": view,
        "size": list(camera.size),
        "cut": camera.cut,
        "pitch": round(camera.pitch, 2),
        "mm": round(camera.lens_mm),
        "f_stop": camera.f_stop,
        "light": light.name,
        "hdri": studio.hdris[light.surroundings].stem,
    }


def view_of(rng: np.random.Generator, view: str, people: int) -> str:
    """Return the view of a picture: people in a row are seen from the side less often than one."""
    return "front" if view == "side" and people > 1 and rng.random() < 0.7 else view


def shoot_views(studio: Studio, number: int) -> int:
    """Render the views of a number; return how many."""
    rng = np.random.default_rng([SEED, number])
    views = draw_views(rng, studio.asked)
    shoot = prepare(studio, rng, close=any(framing in CLOSE for framing, _ in views))
    stage = build_set(shoot.figures, shoot.people, shoot.things, studio.quality, studio.scratch)
    for index, (framing, drawn_view) in enumerate(views):
        began = time.process_time()
        rng = np.random.default_rng([SEED, number, index])
        view = view_of(rng, drawn_view, len(shoot.people))
        camera = draw_camera(rng, shoot.people, framing, view, studio.long_side(framing))
        light = draw_light(rng, len(studio.hdris), camera.yaw)
        stage.prepare(camera, light, studio.hdris[light.surroundings])
        for cast, standing in zip(stage.people, shoot.people, strict=True):
            move_person(cast, standing, HAIR_WIDER[framing])
        rendering = render(stage, number, framing)
        exposure = draw_exposure(rng, rendering, light.name, studio.casts[light.surroundings])
        notes = note_picture(camera, light, framing, view, studio) | shoot.notes
        notes["seconds"] = round(time.process_time() - began, 1)
        name = options.view_name(number, index)
        write_all(studio.asked.out, name, rendering, exposure, notes)
    return len(views)


@dataclass(frozen=True)
class Take:
    """A motion of one person before a drifting camera."""

    shoot: Shoot
    planned: motion.Motion
    camera: Camera
    framing: str

    def show(self, stage: Set, moment: float) -> None:
        """Move person and camera to a moment from 0 to 1."""
        move_person(
            stage.people[0], at_time(self.shoot, self.planned, moment), HAIR_WIDER[self.framing]
        )
        move_camera(
            stage.camera, drifted(self.camera, self.planned.drift, self.planned.turn, moment)
        )


def at_time(shoot: Shoot, planned: motion.Motion, moment: float) -> Standing:
    """Return the one person of a motion at a moment from 0 to 1."""
    figure, first, place = shoot.figures[0], shoot.people[0], shoot.places[0]
    standing = figure.stand_in(planned.posture_at(moment))
    standing = groups.put(standing, place, 0.0, airborne=figure.traits.family == "jump")
    standing = standing.with_hair_of(first)
    return standing.moved(0.0, turned_about_up(planned.travel, first.yaw) * moment)


def shoot_motion(studio: Studio, number: int) -> int:
    """Render the frames of a motion of one person; return how many."""
    asked = studio.asked
    rng = np.random.default_rng([SEED, number])
    framing, view = draw_views(rng, asked)[0]
    shoot = prepare(studio, rng, close=framing in CLOSE)
    figure = shoot.figures[0]
    last = figure.posture(rng, studio.assets)
    family = figure.traits.family
    planned = motion.draw_motion(rng, shoot.postures[0], last, family, asked.motion)
    ends = [at_time(shoot, planned, moment) for moment in (0.0, 0.5, 1.0)]
    camera = draw_camera(rng, ends, framing, view, studio.long_side(framing))
    take = Take(shoot, planned, camera, framing)
    light = draw_light(rng, len(studio.hdris), camera.yaw)
    quality = replace(
        studio.quality,
        samples=max(4, asked.samples // asked.subframes),
        alpha_samples=max(32, asked.alpha_samples // asked.subframes),
    )
    stage = build_set([figure], [ends[0]], shoot.things, quality, studio.scratch, folds=False)
    stage.prepare(camera, light, studio.hdris[light.surroundings])
    times = motion.frame_times(planned.frames, asked.subframes, asked.shutter)
    exposure = None
    for frame, moments in enumerate(times):
        began = time.process_time()
        rendering = mean([moment_of(take, stage, number, moment) for moment in moments])
        if exposure is None:
            cast = studio.casts[light.surroundings]
            exposure = draw_exposure(rng, rendering, light.name, cast)
        notes = note_picture(camera, light, framing, view, studio) | shoot.notes
        notes |= {"frame": frame, "frames": planned.frames, "subframes": asked.subframes}
        notes["seconds"] = round(time.process_time() - began, 1)
        write_all(asked.out, options.frame_name(number, frame), rendering, exposure, notes)
    return planned.frames


def moment_of(take: Take, stage: Set, number: int, moment: float) -> Rendering:
    """Render one moment of a motion."""
    take.show(stage, moment)
    return render(stage, number, take.framing)


def main() -> None:
    """Render until all are made or it is time."""
    asked = options.parse()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        studio = open_studio(asked, Path(scratch))
        for number in options.persons(asked):
            began = time.process_time()
            try:
                pictures = (shoot_motion if asked.motion else shoot_views)(studio, number)
            except (ValueError, IndexError, OSError, RuntimeError):
                traceback.print_exc()
                print(f"person {number} failed", flush=True)
                continue
            seconds = time.process_time() - began
            options.done_mark(asked.out, number).write_text(f"{seconds:.1f} {pictures}\n")
            print(f"person {number}: {pictures} pictures, {seconds:.1f} CPU-s", flush=True)


if __name__ == "__main__":
    main()
