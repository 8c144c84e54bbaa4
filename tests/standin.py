"""A renderer that needs no network: the alpha is the picture's first plane. Fast, and repeatable."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from sghm_vs.cli import batch, main
from sghm_vs.color.convert import to_matte
from sghm_vs.media.readers import open_source
from sghm_vs.shots.batch.render import Rendered, Task, delivery_of, rendered
from sghm_vs.shots.shot import deliver

CRASHES = "crash"
"""A shot of this name ends its process."""
FRAME_S = 0.0


class StandIn:
    """Renders as `Rotoscoper` does, but for the matte."""

    def __call__(self, task: Task, progress: Callable[[int, int], None]) -> Rendered:
        shot = task.shot

        def count(done: int, frames: int) -> None:
            time.sleep(FRAME_S)
            progress(done, frames)

        if shot.name == CRASHES:
            (shot.source.parent / f"crashed.{os.getpid()}").touch()
            os._exit(134)
        source = open_source(shot.source, shot.opening)
        deliver(
            source,
            to_matte(source.clip),
            task.paths,
            frames=shot.frames,
            delivery=delivery_of(task),
            progress=count,
        )
        return rendered(task)


class SlowStandIn(StandIn):
    """Takes long enough to be killed amid its work."""

    def __call__(self, task: Task, progress: Callable[[int, int], None]) -> Rendered:
        global FRAME_S
        FRAME_S = 0.01
        return super().__call__(task, progress)


class Meddler(StandIn):
    """Renders a shot, and replaces its footage before that is done."""

    def __call__(self, task: Task, progress: Callable[[int, int], None]) -> Rendered:
        made = super().__call__(task, progress)
        write_movie(task.shot.source, made.frames, seed=99)
        return made


def write_movie(
    path: Path,
    frames: int = 6,
    *,
    seed: int = 0,
    rate: int = 24,
    smooth: bool = False,
    **tags: str,
) -> Path:
    """Write a small FFV1 movie, each frame its own picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as movie:
        movie.metadata.update(tags)
        stream = movie.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 32, 18, "gray"
        for number in range(frames):
            drawn = picture(seed, number)
            if smooth:
                drawn = cv2.resize(np.ascontiguousarray(drawn[:3, :4]), (32, 18))
            frame = av.VideoFrame.from_ndarray(drawn, format="gray")
            movie.mux(stream.encode(frame))
        movie.mux(stream.encode(None))
    return path


def write_sequence(folder: Path, prefix: str, numbers: range) -> Path:
    """Write small numbered pictures, and return their pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"{prefix}{number:04d}.png"), picture(7, number))
    return folder / f"{prefix}####.png"


def picture(seed: int, number: int) -> np.ndarray:
    """Return the picture of a frame, (18, 32), 0-255."""
    return np.random.default_rng((seed, number)).integers(0, 256, (18, 32), np.uint8)


if __name__ == "__main__":
    from tests import standin

    plain = batch.batch_options_from
    batch.batch_options_from = lambda args: replace(plain(args), make_renderer=standin.SlowStandIn)
    sys.exit(main())
