"""sghm weights: the models that are there, how to get the published one, how to take them along."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress
from sghm_vs.errors import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from sghm_vs.models.weights import Checkpoint, Weights

    type Actions = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb, and its own verbs, to the command line."""
    parser = verbs.add_parser(
        "weights",
        help="list, fetch, add, verify and export models",
        description="List, fetch, add, verify and export models. They are kept in the folder that "
        "SGHM_HOME names, or else where the platform keeps a user's data.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_action(actions, "list", "show which models are there, and how to get the others", _list)
    fetch = _add_action(actions, "fetch", "download a published model and install it", _fetch)
    fetch.add_argument(
        "model", nargs="?", default="sghm-resnet50", metavar="NAME", help="default: sghm-resnet50"
    )
    fetch.add_argument("--force", action="store_true", help="fetch again what is installed")
    add = _add_action(actions, "add", "install a checkpoint that was downloaded by hand", _add)
    add.add_argument("file", type=Path, metavar="FILE", help=".pth or .safetensors; it is kept")
    add.add_argument("--force", action="store_true", help="replace what is installed")
    export = _add_action(
        actions, "export", "write a model as two ONNX files, for other programs", _export
    )
    export.add_argument("model", metavar="NAME|FILE", help="as --model of sghm matte takes it")
    export.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="where to write them"
    )
    export.add_argument("--fp16", action="store_true", help="half as large, in float16")
    export.add_argument("--overwrite", action="store_true", help="replace files that are there")
    verify = _add_action(
        actions,
        "verify",
        "check that models are whole, have the right tensors and are known",
        _verify,
    )
    verify.add_argument(
        "models", nargs="*", metavar="NAME|FILE", help="default: every model that is there"
    )


def _add_action(
    actions: Actions, name: str, help: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    options.add_home_option(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)
    return parser


def _list(args: argparse.Namespace) -> int:
    from sghm_vs.models.weights import CHECKPOINTS, shipped

    rows = [_shipped_row(shipped()), *(_row(each, args.home) for each in CHECKPOINTS.values())]
    if args.json:
        options.print_json([asdict(row) for row in rows])
    else:
        sys.stdout.writelines(row.as_text() for row in rows)
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from sghm_vs.models.install import fetch

    with progress(f"fetch {args.model}", quiet=args.quiet, in_bytes=True) as report:
        weights = fetch(args.model, home=args.home, force=args.force, report=report)
    return _print_installed(weights, args)


def _add(args: argparse.Namespace) -> int:
    from sghm_vs.models.install import add

    return _print_installed(add(args.file, home=args.home, force=args.force), args)


def _export(args: argparse.Namespace) -> int:
    require("onnx", extra="onnxruntime", purpose="an export")
    from sghm_vs.models.graphs.export import export

    paths = export(args.model, args.output, half=args.fp16, overwrite=args.overwrite)
    if args.json:
        options.print_json({"files": [str(path) for path in paths]})
    else:
        options.print_lines(map(str, paths))
    return 0


def _verify(args: argparse.Namespace) -> int:
    from sghm_vs.models.install import verify

    chosen = [_weights_of(model, args.home) for model in args.models] or _present(args.home)
    verdicts = [(weights, verify(weights)) for weights in chosen]
    if args.json:
        options.print_json(
            [
                {"model": weights.name, "path": str(weights.path)}
                | {"state": verdict.state, "says": verdict.says}
                for weights, verdict in verdicts
            ]
        )
    else:
        for weights, verdict in verdicts:
            sys.stdout.write(f"{verdict.state:<7} {weights.path}: {verdict.says}\n")
    return 1 if any(verdict.state == "bad" for _, verdict in verdicts) else 0


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model, and what there is to know of it without loading it."""

    model: str
    state: str
    path: str | None
    is_known: bool | None
    """Whether the installed file is the published one, by its hash."""
    size: int
    """Of the published file, in bytes."""
    sha256: str | None
    """Of the published file."""
    license: str
    addresses: tuple[str, ...]
    to_do: tuple[str, ...]

    def as_text(self) -> str:
        """Return lines for a person: the model, its file, and what to type."""
        lines = [f"{self.model}: {self.state}, {self.size / 1e6:.0f} MB", *self.to_do]
        if self.path is not None:
            lines.append(self.path)
        return "\n    ".join([*lines, f"license: {self.license}"]) + "\n"


def _shipped_row(weights: Weights) -> ModelRow:
    return ModelRow(
        model=weights.name,
        state="in the package",
        path=str(weights.path),
        is_known=True,
        size=weights.path.stat().st_size,
        sha256=None,
        license="Apache-2.0; see its model card",
        addresses=(),
        to_do=(),
    )


def _row(checkpoint: Checkpoint, home: Path | None) -> ModelRow:
    from sghm_vs.models.weights import installed

    found = installed(checkpoint.model, home)
    is_known = found.is_known() if found else None
    get = f"type: sghm weights fetch {checkpoint.model}", f"or {checkpoint.how_by_hand}"
    return ModelRow(
        model=checkpoint.model,
        state={None: "not installed", True: "installed", False: "installed, of unknown hash"}[
            is_known
        ],
        path=str(found.path) if found else None,
        is_known=is_known,
        size=checkpoint.size,
        sha256=checkpoint.sha256,
        license=checkpoint.license,
        addresses=checkpoint.addresses,
        to_do=() if found else get,
    )


def _weights_of(model: str, home: Path | None) -> Weights:
    from sghm_vs.models.weights import find_weights, installed

    return installed(model, home) or find_weights(model)


def _present(home: Path | None) -> list[Weights]:
    from sghm_vs.models.weights import CHECKPOINTS, installed, shipped

    found = (installed(model, home) for model in CHECKPOINTS)
    return [shipped(), *(weights for weights in found if weights is not None)]


def _print_installed(weights: Weights, args: argparse.Namespace) -> int:
    if args.json:
        options.print_json(
            {"model": weights.name, "path": str(weights.path), "is_known": weights.is_known()}
        )
    else:
        sys.stdout.write(f"{weights.path}\n")
    return 0
