"""Parts of a check that go wrong, for `benchmarks.gpu_check` to run."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu_rows import Row, keep


def parts(name: str) -> Iterator[Row]:
    """Yield two rows, and between them do as `name` says."""
    yield {"test": f"{name}, before", "outcome": "passed"}
    if name == "slow":
        time.sleep(60)
    if name == "broken":
        raise ValueError("no such\n  thing")
    if name == "crashing":
        sys.stdout.write("about to\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    yield {"test": f"{name}, after", "outcome": "passed"}


if __name__ == "__main__":
    sys.stdout.write(f"{sys.argv[1:]}\n")
    if sys.argv[1] == "unable":
        sys.exit("no card here")
    sys.exit(keep(parts(sys.argv[1]), Path(sys.argv[2])))
