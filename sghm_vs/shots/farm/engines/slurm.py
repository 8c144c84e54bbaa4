"""A plan as a script: plain commands, for any shell and for Slurm."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePath

from sghm_vs.shots.farm.chunks import Chunk
from sghm_vs.shots.farm.plan import Plan, PlannedShot

ARRAY_MAX = 1000
"""Slurm's usual bound on the size of an array is 1001."""

SHELL = """\
#!/bin/sh
# {chunks} chunks of {shots} shots, by sghm farm script --shell. What is there and whole is kept:
# run it again after a failure. Any scheduler can run it in parts:
#   sh SCRIPT 17         the chunk of this number, from 1 to {chunks}
#   sh SCRIPT assemble   at last: checks every frame, writes movies and the manifest
# Without an argument it does all, one chunk after another.
{head}
case "${{1:-all}}" in
  all) failed=0; n=1
    while [ $n -le {chunks} ]; do chunk $n || failed=1; n=$((n + 1)); done
    [ $failed = 0 ] && {assemble} ;;
  assemble) {assemble} ;;
  *) chunk "$1" ;;
esac
"""

SLURM = """\
#!/bin/sh
# {chunks} chunks of {shots} shots, by sghm farm script --slurm. What is there and whole is kept:
# submit it again after a failure. At last, check every frame, write movies and the manifest:
#   job=$(sbatch --parsable SCRIPT)
#   sbatch --dependency=afterok:$job --wrap={quoted_assemble}
#SBATCH --job-name=sghm
#SBATCH --array=1-{tasks}
#SBATCH --cpus-per-task={threads}
{gpu}#SBATCH --requeue
{head}
failed=0; n=$SLURM_ARRAY_TASK_ID
while [ "$n" -le {chunks} ]; do chunk "$n" || failed=1; n=$((n + {tasks})); done
exit $failed
"""


EXACT: tuple[str, ...] = ("--layout=alpha", "--sample=float")
"""The form of an alpha from which a movie comes out as if it were written at once."""


def shell_script(plan: Plan, path: Path, *, is_mixed: bool = False) -> str:
    """Return `plan`, whose file is at `path`, as a script for sh; see its head."""
    return SHELL.format(**_parts(plan, path, is_mixed))


def slurm_script(plan: Plan, path: Path, *, is_mixed: bool = False) -> str:
    """Return `plan`, whose file is at `path`, as an array job for sbatch; see its head."""
    gpu = "#SBATCH --gpus-per-task=1\n" if plan.worker.is_gpu else ""
    parts = _parts(plan, path, is_mixed)
    return SLURM.format(
        **parts,
        tasks=min(ARRAY_MAX, sum(1 for _ in plan.chunks())),
        threads=plan.worker.threads,
        gpu=gpu,
        quoted_assemble=shlex.quote(str(parts["assemble"])),
    )


def _parts(plan: Plan, path: Path, is_mixed: bool) -> dict[str, object]:
    commands = [shlex.join(chunk_words(plan, *one)) for one in plan.chunks()]
    check = "" if is_mixed else f"{shlex.join(['sghm', 'farm', 'check', str(path)])} || exit 1\n"
    cases = "\n".join(f"    {n}) {one} ;;" for n, one in enumerate(commands, start=1))
    threads = f"export OMP_NUM_THREADS={plan.worker.threads}\n"
    head = f'{threads}{check}chunk() {{\n  case "$1" in\n{cases}\n    *) exit 2 ;;\n  esac\n}}'
    return {
        "chunks": len(commands),
        "shots": len(plan.shots),
        "assemble": shlex.join(["sghm", "farm", "assemble", str(path)]),
        "head": head,
    }


def chunk_words(plan: Plan, shot: PlannedShot, chunk: Chunk) -> list[str]:
    """Return the command that makes `chunk`; what is there and whole, it keeps."""
    form, outputs, shift = shot.delivery, shot.outputs, shot.first_number - shot.frames.first
    if shot.has_movie:
        form, outputs, shift = EXACT, (shot.kept_alpha,), 0
    return [
        "sghm",
        "matte",
        shot.source,
        *shot.chunk_matting,
        *form,
        *(f"--output={PurePath(plan.folder, output)}" for output in outputs),
        f"--frames={chunk.writes}",
        *([f"--start-number={chunk.writes.first + shift}"] if shift else []),
        "--resume",
        "--quiet",
    ]
