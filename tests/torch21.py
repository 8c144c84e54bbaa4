"""
The exported model in the torch of Nuke 15.1 and later, compared with what sghm computes.

    uv venv --python 3.11 ~/.cache/sghm_vs/torch21
    uv pip install --python ~/.cache/sghm_vs/torch21/bin/python 'torch==2.1.*' 'numpy<2'
    python -m tests.torch21 write /tmp/cases
    ~/.cache/sghm_vs/torch21/bin/python tests/torch21.py check /tmp/cases

`pytest tests/test_nuke_model.py` does the same where that environment, or the one whose Python
SGHM_TORCH21 names, exists. `check` imports torch and NumPy alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

SIZES = ((108, 192), (192, 108), (180, 320), (320, 180), (300, 450), (450, 300))
"""Three sizes in two aspects; the largest is shrunk to `INFER_SIZE` for the network."""
INFER_SIZE = 256
ERROR_MAX = 1e-4


def write(folder: Path) -> None:
    """Write the models, and a picture with its alpha for each size."""
    from sghm_vs.hosts.nuke.export import export

    export("sghm-lite", folder, overwrite=True)
    for height, width in SIZES:
        case = picture(height, width)
        np.savez(folder / f"{height}x{width}.npz", picture=case, alpha=own_alpha(case))


def picture(height: int, width: int) -> np.ndarray:
    """Return a person, display-coded RGB, (1, 3, height, width), 0-1."""
    import cv2
    from skimage import data

    drawn = cv2.resize(data.astronaut(), (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(drawn.transpose(2, 0, 1)[None], np.float32) / 255


def own_alpha(case: np.ndarray) -> np.ndarray:
    """Return what sghm makes of a picture, (1, 1, height, width)."""
    from sghm_vs.matting.frame import Pipeline
    from sghm_vs.models.checkpoint import build_network, read_checkpoint
    from sghm_vs.models.weights import shipped
    from sghm_vs.options import Settings

    network = build_network(read_checkpoint(shipped().path), "shipped")[1]
    pipeline = Pipeline(network, Settings(tr=0, infer_size=INFER_SIZE))
    return pipeline.matte(torch.from_numpy(case)).numpy()


def check(folder: Path) -> bool:
    """Print, for each size, how far the model is from sghm, and return whether all are near."""
    one, three = (torch.jit.load(str(folder / f"sghm_lite{kind}.pt")) for kind in ("", "_3frames"))
    one.infer_size = three.infer_size = INFER_SIZE
    is_near = True
    for height, width in SIZES:
        case = np.load(folder / f"{height}x{width}.npz")
        taken = torch.from_numpy(case["picture"])
        errors = [
            float((made - torch.from_numpy(case["alpha"])).abs().max())
            for made in (one(taken), three(taken.repeat(1, 3, 1, 1)))
        ]
        is_near &= max(errors) <= ERROR_MAX
        said = f"{errors[0]:.1e} {errors[1]:.1e}"
        sys.stdout.write(f"torch {torch.__version__} {width}x{height}: {said}\n")
    return is_near


if __name__ == "__main__":
    what, where = sys.argv[1:]
    if what == "write":
        write(Path(where))
    else:
        sys.exit(0 if check(Path(where)) else 1)
