"""sghm doctor: what is installed, what is missing, what to type."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from sghm_vs.cli import options
from sghm_vs.cli.checks import look_at_everything


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "doctor",
        help="show what is installed and what is missing",
        description="Look at everything that sghm needs or can use. Exit 1 if something that it "
        "needs is missing or broken; a warning alone is exit 0.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON on stdout")
    options.add_home_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at everything, and print what was found."""
    findings = look_at_everything(args.home)
    if args.json:
        options.print_json([asdict(finding) for finding in findings])
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            sys.stdout.write(f"{finding.state:<7} {finding.what:<{width}}  {finding.found}\n")
            if finding.to_do:
                sys.stdout.write(f"{'':<7} {'':<{width}}  -> {finding.to_do}\n")
    return 1 if any(finding.state == "bad" for finding in findings) else 0
