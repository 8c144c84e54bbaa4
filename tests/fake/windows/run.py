"""Run command lines one after another in one process, and print their exit codes: JSON in, JSON out."""

import json
import sys

if __name__ == "__main__":
    from sghm_vs.cli import main

    codes = [main(words) for words in json.loads(sys.argv[1])]
    sys.stdout.flush()
    sys.stderr.write(f"codes: {json.dumps(codes)}\n")
