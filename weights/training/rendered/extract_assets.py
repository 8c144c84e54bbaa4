"""
Bring MakeHuman's assets out of three git repositories, bare or not.

    python -m weights.training.rendered.extract_assets ASSETS.git PICTURES.git EYES.git --out ROOT/assets

ASSETS.git is makehumancommunity/makehuman-assets: meshes, fitting, poses; its pictures are Git LFS
pointers. PICTURES.git is brighter-ai/makehuman, which has pictures as they are. EYES.git is
makehumancommunity/makehuman, for the folder `makehuman/data/eyes`. `pictures_provenance.json` says
of each picture whether its bytes are those of the pointer.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections import Counter
from pathlib import Path

PICTURES_FOLDER = "makehuman/data/"
EYES_FOLDER = "makehuman/data/eyes"
LFS = b"version https://git-lfs"
SAME, DIFFERENT = "same bytes as the pointer", "different bytes"
ABSENT, UNKNOWN = "absent", "not in the repository of pictures"


def git(repository: Path, *arguments: str) -> bytes | None:
    """Return what git says; None where it fails."""
    command = ["git", f"--git-dir={repository}", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def tree(repository: Path) -> dict[str, str]:
    """Return the blob of each file of the newest commit."""
    listed = git(repository, "ls-tree", "-r", "HEAD")
    if listed is None:
        msg = f"{repository} can't be read as a git repository"
        raise SystemExit(msg)
    rows = (line.split("\t", 1) for line in listed.decode().splitlines())
    return {path: about.split()[2] for about, path in rows}


def judged(pointer: bytes, data: bytes | None) -> str:
    """Say how bytes relate to the Git LFS pointer they are taken for."""
    if data is None or data.startswith(LFS):
        return ABSENT
    wanted = re.search(rb"sha256:([0-9a-f]+)", pointer)
    same = wanted is not None and hashlib.sha256(data).hexdigest() == wanted[1].decode()
    return SAME if same else DIFFERENT


def extract_base(assets: Path, pictures: Path, out: Path) -> dict[str, str]:
    """Write the folder `base` of the assets; return the provenance of each picture."""
    others = tree(pictures)
    provenance = {}
    for path, blob in tree(assets).items():
        if not path.startswith("base/") or path.endswith(".thumb"):
            continue
        name = path.removeprefix("base/")
        data = git(assets, "cat-file", "blob", blob)
        if data is None or data.startswith(LFS):
            other = others.get(PICTURES_FOLDER + name)
            found = git(pictures, "cat-file", "blob", other) if other else None
            provenance[name] = judged(data or b"", found) if other else UNKNOWN
            data = found if provenance[name] in (SAME, DIFFERENT) else None
        if data is not None:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(data)
    return provenance


def extract_eyes(eyes: Path, out: Path) -> None:
    """Write the eyes' mesh and pictures."""
    archive = git(eyes, "archive", "HEAD", EYES_FOLDER)
    if archive is None:
        msg = f"{eyes} has no folder {EYES_FOLDER}"
        raise SystemExit(msg)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            if member.isfile() and (content := files.extractfile(member)):
                target = out / "eyes" / Path(member.name).relative_to(EYES_FOLDER)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def main() -> None:
    """Extract all."""
    parser = argparse.ArgumentParser(prog="python -m weights.training.rendered.extract_assets")
    parser.add_argument("assets", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("eyes", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    provenance = extract_base(asked.assets, asked.pictures, asked.out)
    extract_eyes(asked.eyes, asked.out)
    (asked.out / "pictures_provenance.json").write_text(json.dumps(provenance, indent=0))
    for found, count in Counter(provenance.values()).items():
        print(f"{count} pictures: {found}")


if __name__ == "__main__":
    main()
