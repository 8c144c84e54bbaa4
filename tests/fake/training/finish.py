"""Joins two halves."""

import sys
from pathlib import Path

if __name__ == "__main__":
    first, second, target = map(Path, sys.argv[1:])
    target.write_text(first.read_text() + " " + second.read_text())
