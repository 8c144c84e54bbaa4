"""Trains nothing: writes a checkpoint, goes on from one, and fails if the pack says so."""

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    stage, pack, run = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    checkpoint = run / f"{stage}.pt"
    step = int(checkpoint.read_text()) if checkpoint.exists() else 0
    if pack.read_text() == f"fail {stage}":
        sys.exit("no such picture")
    checkpoint.write_text(str(step + 50))
    sys.stdout.write(f"{stage} {step + 50} loss 0.25 0.10 s/step\n")
    sys.stdout.flush()
    if pack.read_text() == f"hang {stage}":
        time.sleep(60)
