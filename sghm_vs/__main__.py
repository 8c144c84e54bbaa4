"""Run the command line with `python -m sghm_vs`."""

import sys

from sghm_vs.cli import main

sys.exit(main())
