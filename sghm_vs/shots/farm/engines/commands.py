"""Chunks as plain commands: what any scheduler can run, and run again."""

from __future__ import annotations

from sghm_vs.shots.farm.chunks import Chunk
from sghm_vs.shots.farm.plan import Plan, PlannedShot

EXACT: tuple[str, ...] = ("--layout=alpha", "--sample=float")
"""The form of an alpha from which a movie comes out as if it were written at once."""


def chunk_words(plan: Plan, shot: PlannedShot, chunk: Chunk) -> list[str]:
    """Return the command that makes `chunk`; what is there and whole, it keeps."""
    form, outputs, shift = shot.delivery, shot.outputs, shot.first_number - shot.frames.first
    if shot.has_movie:
        form, outputs, shift = EXACT, (shot.kept_alpha,), 0
    return [
        "sghm",
        "matte",
        shot.source,
        *shot.matting,
        *form,
        *(f"--output={plan.folder}/{output}" for output in outputs),
        f"--frames={chunk.writes}",
        *([f"--start-number={chunk.writes.first + shift}"] if shift else []),
        "--resume",
        "--quiet",
    ]
