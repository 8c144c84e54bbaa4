"""
Hashes of all that the command line delivers, to be compared with those of another commit.

    python -m tests.delivered > after.txt

Every verb that writes runs on the short clip that `sghm demo` makes. A line is a file, as size, hash
and path. Of texts the dates, durations and places are left out. Two free cores take two minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from sghm_vs.cli import FAILED, SIGNALED, main

EDIT = """TITLE: cut
FCM: NON-DROP FRAME

001  AX       V     C        00:00:00:10 00:00:00:14 01:00:00:00 01:00:00:04
* FROM CLIP NAME: source.mp4
002  AX       V     C        00:00:01:06 00:00:01:09 01:00:00:04 01:00:00:07
* FROM CLIP NAME: source.mp4
"""
LIST = """[[shot]]
source = "../demo/source.mp4"
frames = "4-5"
to = "{shot}/{shot}.####.exr"
layout = "matte"

[[shot]]
source = "../demo/source.mp4"
frames = "30-31"
shape = "edge"
to = "{shot}.mkv"
"""
PLATE, ALPHA = "demo/source.mp4", "demo/alpha.mkv"
WRITERS = f"""
demo demo --quiet
matte {PLATE} -o matte/a.mov -o matte/a.mkv -o matte/a.mp4 -o matte/a.####.png --frames 8-11 --over gray
matte {PLATE} -o matte/{{shot}}_{{layer}}_{{version}}.####.exr --version auto --layout layered --frames 8
matte {PLATE} -o matte/fg.####.exr --layout fg --foreground estimate --tr 0 --frames 8-9
matte {PLATE} -o matte/edges.####.exr --black 0.05 --white 0.95 --grow -1.5 --feather 3 --frames 8-9
matte {PLATE} -o matte/multi.####.exr --layout multipart --sample float --frames 8-9 --tr fast
matte {PLATE} -o matte/nuke --for nuke --frames 8-9
matte {PLATE} -o matte/guided.mov --mask {ALPHA} --frames 8-9 --debug steps
matte {PLATE} -o matte/animation.mov --codec animation --premultiplied --frames 8-9 --tr 0
matte stills -o stills_out/ --stills
matte stills -o truth/ --stills --sizing video
export {PLATE} --alpha {ALPHA} -o plate/plate.####.exr --start-number 1001 --frames 8-13
export {PLATE} --alpha {ALPHA} -o export/x.mov -o export/x.mp4 --over red --frames 8-13
matte plate/plate.####.exr -o matte/plate.####.exr --layout alpha --frames 1002-1003 --rate 25
batch lists/shots.toml -o batch
batch plate/plate.####.exr stills/face.png -o batch_two --to {{shot}}.mov --tr 0
timeline lists/cut.edl -o timeline --media demo --handles 1 --edits otio,xml,edl,mlt
farm plan {PLATE} -o farm/plan.json --frames 8-15 --chunk 4 --frame-seconds 1
farm template farm/plan.json -o farm/template.yaml
farm script farm/plan.json --shell
farm make farm/plan.json --frames 8-11
farm make farm/plan.json --frames 12-15
farm assemble farm/plan.json
farm plan {PLATE} -o show/plan.json --to {{shot}}.####.exr --frames 8-13 --chunk 3 --frame-seconds 1
farm start-worker show/plan.json --at show
farm make show/plan.json --frames 8-10 --at show
farm stop-worker --at show
farm run show/plan.json --workers 1 --overwrite
eval --images stills --gt truth -o eval
nuke install nuke
nuke export --model sghm-lite -o for_nuke
nuke comp matte/fg.####.exr --plate {PLATE} -o nuke/comp.nk
hosts install resolve --to resolve
weights add checkpoint.pth --home home
"""
"""What is typed, in order: later lines use what earlier ones made."""
NOT_RUN = {"verify", "doctor", "hosts path", "weights list", "weights verify", "weights fetch",
           "weights export",
           "farm worker", "farm check", "farm serve", "people", "report", "review"}  # fmt: skip
"""Verbs that write nothing but a list, or by a network, or by way of another verb."""

CHANCE = [
    (re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), b"DATE"),
    (re.compile(rb'("seconds": )[\d.]+'), rb"\1S"),
    (re.compile(rb'("modified_ns": )\d+'), rb"\1T"),
]
"""What of a text is of the run alone."""
TEXTS = {".json", ".edl", ".otio", ".xml", ".mlt", ".kdenlive", ".nk", ".gizmo", ".yaml", ".py",
         ".txt"}  # fmt: skip


def verbs_of(parser: argparse.ArgumentParser, way: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the verbs of `parser`, those with verbs of their own as "farm plan"."""
    inner = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not inner:
        yield " ".join(way)
    for one in inner:
        for name, below in one.choices.items():
            yield from verbs_of(below, (*way, name))


def write_all() -> None:
    """Run every verb that writes here, in a folder that is empty."""
    import torch

    from tests.seeded import seeded_state_dict

    for path, text in (("lists/cut.edl", EDIT), ("lists/shots.toml", LIST)):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    _write_stills(Path("stills"))
    published = {key: torch.from_numpy(value) for key, value in seeded_state_dict(1).items()}
    torch.save(published, "checkpoint.pth")
    Path("said").mkdir()
    for number, line in enumerate(WRITERS.strip().splitlines(), 1):
        with Path(f"said/{number:02}.txt").open("w") as said, contextlib.redirect_stdout(said):
            code = _code_of(line)
        sys.stderr.write(f"{code} sghm {line}\n")
        if code >= SIGNALED:
            raise SystemExit(code)


def _code_of(line: str) -> int:
    """Run `line`, and return its exit code; what breaks is told, and the other lines go on."""
    try:
        return main(shlex.split(line))
    except Exception:
        traceback.print_exc()
        return FAILED


def _write_stills(folder: Path) -> None:
    import cv2
    import skimage.data

    folder.mkdir()
    portrait = skimage.data.astronaut()[..., ::-1]
    cv2.imwrite(str(folder / "face.png"), portrait[:320, 80:400])
    cv2.imwrite(str(folder / "whole.jpg"), portrait)


def lines_of(folder: Path) -> Iterator[str]:
    """Yield a line for each file below `folder`."""
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        content = path.read_bytes()
        if path.suffix in TEXTS:
            content = content.replace(os.fsencode(folder), b"FOLDER")
            content = content.replace(os.fsencode(sys.prefix), b"PREFIX")
            for pattern, instead in CHANCE:
                content = pattern.sub(instead, content)
        digest = hashlib.sha256(content).hexdigest()[:16]
        yield f"{len(content):>9} {digest} {path.relative_to(folder)}\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, contextlib.chdir(made):
        write_all()
        sys.stdout.writelines(lines_of(Path(made).resolve()))
