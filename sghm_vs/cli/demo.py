"""sghm demo: the main job on a moving picture of a real person, with nothing to bring along."""

from __future__ import annotations

import argparse
import math
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress
from sghm_vs.errors import ExportError, require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAMES = 48
WIDTH, HEIGHT = 640, 480
SHEET_FRAMES = (0, 12, 24, 36, 47)


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "demo",
        help="make a short clip of a person, matte it, and show the result",
        description="Make a short moving clip of a person (NASA's portrait of Eileen Collins, "
        "public domain, from scikit-image), matte it, and write every form of output.",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("demo"),
        help="where to write; what is there of an earlier run is replaced (default: demo)",
    )
    options.add_model_options(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make, matte and deliver the demo clip."""
    from sghm_vs.evaluate.contact_sheet import contact_sheet
    from sghm_vs.media.readers import open_source
    from sghm_vs.models.weights import find_weights
    from sghm_vs.options import Delivery
    from sghm_vs.shots.shot import rotoscope

    folder: Path = args.folder
    find_weights(options.matting_from(args).model)
    source = write_moving_portrait(folder)
    movie, alpha, exr = (
        folder / "portrait.mov",
        folder / "alpha.mkv",
        folder / "exr/portrait.####.exr",
    )
    with progress("demo", quiet=args.quiet) as report:
        rotoscope(
            source,
            [movie, alpha, exr],
            matting=options.matting_from(args),
            delivery=Delivery(overwrite=True),
            progress=report,
        )
    sheet = contact_sheet(
        open_source(source).clip, open_source(alpha).clip, SHEET_FRAMES, folder / "sheet.png"
    )
    made = {"sheet": sheet, "source": source, "alpha": alpha, "movie": movie, "exr": exr}
    if args.json:
        options.print_json({name: str(path) for name, path in made.items()})
    else:
        sys.stdout.write(_summary(**made))
    return 0


def write_moving_portrait(folder: Path) -> Path:
    """Write and return `folder/source.mp4`: the portrait under a slow pan, zoom and turn."""
    import av

    data = require("skimage.data", extra="demo", purpose="the demo")
    portrait: NDArray[np.uint8] = data.astronaut()
    path = folder / "source.mp4"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(24), options={"crf": "14"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            context = stream.codec_context
            context.color_range, context.colorspace = 1, 1
            context.color_trc, context.color_primaries = 1, 1
            for n in range(FRAMES):
                picture = av.VideoFrame.from_ndarray(_view(portrait, n / (FRAMES - 1)), "rgb24")
                frame = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except OSError as error:
        msg = f"the demo can't be written to {folder}: {error.strerror or error}"
        raise ExportError(msg) from error
    return path


def _view(portrait: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
    """Return the portrait as a camera sees it at `time`, 0 to 1."""
    import cv2
    import numpy as np

    height, width = portrait.shape[:2]
    swing = math.sin(2 * math.pi * time)
    zoom = WIDTH / width * (1.06 + 0.10 * time)
    center = width / 2 + 12 * swing, height / 2 - 68 + 16 * time
    matrix = cv2.getRotationMatrix2D(center, 2.5 * swing, zoom)
    matrix[:, 2] += WIDTH / 2 - center[0], HEIGHT / 2 - center[1]
    view = cv2.warpAffine(
        portrait, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(view, np.uint8)


def _summary(*, sheet: Path, source: Path, alpha: Path, movie: Path, exr: Path) -> str:
    # What uv runs has its programs on PATH, and the shell that started it has not.
    typed = "uv run sghm" if "UV" in os.environ else "sghm"
    return f"""\
Look at this first:   {sheet}
Source clip:          {source}
Alpha (FFV1, 16 bit): {alpha}
ProRes 4444:          {movie}
EXR sequence:         {exr}

Try next, on your own footage:
  {typed} matte plate.mov -o matte.mov -o exr/plate.####.exr
  {typed} doctor
"""
