"""Judges a checkpoint by what is in it."""

import sys
from pathlib import Path

if __name__ == "__main__":
    checkpoint = Path(sys.argv[2])
    sys.stdout.write(f"{checkpoint.name}\n    448\n    IoU {checkpoint.read_text()}\n")
