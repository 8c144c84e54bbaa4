"""sghm verify: deliveries, opened again and compared with their sidecars."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sghm_vs.cli import options
from sghm_vs.errors import ExportError


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "verify",
        help="compare deliveries with their sidecars",
        description="Open deliveries again, and compare them with the sidecar (.json) that was "
        "written beside them: every file by its checksum, every picture to its last pixel, what "
        "it says of itself, and the alpha of sampled frames. Exit 1 if anything differs.",
    )
    parser.add_argument(
        "delivery",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a movie, a sequence (plate.####.exr), a sidecar, or a folder with deliveries in it or "
        "below it",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Verify the deliveries that `args` name; one that differs does not stop the others."""
    with options.stdout_for_results():
        results = {name: error for path in args.delivery for name, error in _verified(path)}
    failed = {name: error for name, error in results.items() if error is not None}
    if args.json:
        options.print_json({"verified": [*(results.keys() - failed.keys())], "failed": failed})
    else:
        sys.stdout.writelines(f"ok {name}\n" for name in results if name not in failed)
        sys.stderr.writelines(f"sghm: {error}\n" for error in failed.values())
    return 1 if failed else 0


def _verified(path: Path) -> list[tuple[str, str | None]]:
    """Return each delivery at `path`, and what is wrong with it or None."""
    from sghm_vs.media.verification.compare import verify
    from sghm_vs.media.verification.sidecar import read_record, sidecars_at

    results: list[tuple[str, str | None]] = []
    try:
        found = sidecars_at(path)
    except ExportError as error:
        return [(str(path), str(error))]
    for sidecar in found:
        try:
            verify(sidecar, read_record(sidecar))
            results.append((str(sidecar.with_suffix("")), None))
        except ExportError as error:
            results.append((str(sidecar.with_suffix("")), str(error)))
    return results
