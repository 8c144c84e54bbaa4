"""
Every format of the input contract at every size, up to 4K, and with every tag; tables the outcome.

    python -m tests.every_clip > docs/clips.md

What the network sees is compared with VapourSynth's own resizer at each size and format; the
whole filter runs for each at the small sizes, and for one of a kind at the large ones.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import numpy as np
import torch
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.color.convert import read_color, to_viewed_rgb
from sghm_vs.color.frame_props import DERIVED_MATRICES
from sghm_vs.errors import SghmError
from sghm_vs.filter.tensors import to_tensor
from tests.clips import core, plane
from tests.test_intake import FORMATS

SIZES = [(1, 1), (2, 2), (127, 95), (1918, 1078), (3840, 2160)]
LARGE = 500
MATTED_WHEN_LARGE = {vs.RGB24, vs.RGBS, vs.YUV420P8, vs.YUV422P10, vs.YUV444P16, vs.GRAY16}


HEAD = """# Clips in a script, and what becomes of each

    alpha = sghm(clip)

`clip` is RGB, YUV or gray, of 8 to 16 bits, half or float, and of any size. Its color is read
from its frame props. A clip that can't be matted raises `vapoursynth.Error`; the message says what
to add or convert.

`python -m tests.every_clip > docs/clips.md` tries each row below and writes this page. Behind
"refused" stands the error's text.

## Formats at every size

{formats} formats: RGB, GRAY and YUV 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1 and 4:1:0, each of 8 to 16
bits, half and float.

- formats: how many could be made at this size
- impossible: VapourSynth makes no clip of subsampled chroma at an odd size
- difference: the largest between what the network sees and what VapourSynth's own resizer makes,
  in codes of 16 bits
- matted: how many clips went through the filter; from 500 columns up not each depth, but one clip
  of each kind

| size | formats | impossible | difference | matted |
|---|---|---|---|---|
"""
TAGS = """
## What frames say, leave out, or say wrongly

Each clip is {codes} throughout, in codes of 8 bits, unless its name says otherwise.
"seen" is the mean red, green and blue of its first frame as the network sees it, 0 to 255.

| clip | outcome |
|---|---|
"""
OURS = re.compile(r"^(sghm: |sghm_vs\.errors\.\w+: )")
CODES = (100, 110, 150)
MATRICES = {
    1: "BT.709",
    4: "FCC",
    5: "BT.470BG",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "YCgCo",
    9: "BT.2020",
}
LOCATIONS = ("left", "center", "top left", "top", "bottom left", "bottom")


def main() -> None:
    """Print the page."""
    sys.stdout.write(HEAD.format(formats=len(FORMATS)))
    for width, height in SIZES:
        sys.stdout.write(f"| {width}x{height} | {row(width, height)} |\n")
        sys.stdout.flush()
    sys.stdout.write(TAGS.format(codes=f"Y={CODES[0]}, U={CODES[1]}, V={CODES[2]}"))
    for what, make in CLIPS.items():
        sys.stdout.write(f"| {what} | {outcome(make)} |\n")


def outcome(make: Callable[[], vs.VideoNode]) -> str:
    """Return what becomes of the clip, in a line."""
    try:
        clip = make()
        alpha = sghm(clip, -1)
        with to_viewed_rgb(read_color(clip)).get_frame(0) as frame:
            tensor = to_tensor(frame, torch.device("cpu"), torch.float32)
            seen = ", ".join(f"{255 * channel:.1f}" for channel in tensor.mean((0, 2, 3)).tolist())
        frames = list(alpha.frames())
    except (SghmError, vs.Error) as error:
        return f"refused: {OURS.sub('', str(error).strip().splitlines()[-1])}"
    assert all(0 <= plane(f).min() <= plane(f).max() <= 1 for f in frames)
    sizes = list(dict.fromkeys(f"{f.width}x{f.height}" for f in frames))
    lasts = list(
        dict.fromkeys(f"{f.props['_DurationNum']}/{f.props['_DurationDen']}" for f in frames)
    )
    return f"alpha of {' and '.join(sizes)}, frames of {' and '.join(lasts)} s; seen {seen}"


def flat(
    video_format: int = vs.YUV420P8, width: int = 64, height: int = 48, **props: object
) -> vs.VideoNode:
    """Return two frames of one color."""
    codes = CODES[: core.get_video_format(video_format).num_planes]
    clip = core.std.BlankClip(
        format=video_format, width=width, height=height, length=2, color=list(codes), fpsnum=24
    )
    return clip.std.SetFrameProps(**props) if props else clip


def floats(value: float, video_format: int = vs.RGBS) -> vs.VideoNode:
    """Return two frames of floats with `value` in a corner of their first plane."""
    clip = core.std.BlankClip(
        format=video_format, width=64, height=48, length=2, color=[0.5] * 3, fpsnum=24
    )

    def poison(f: vs.VideoFrame, **_: int) -> vs.VideoFrame:
        frame = f.copy()
        np.asarray(frame[0])[:8, :8] = value
        return frame

    return clip.std.ModifyFrame(clip, poison)


def odd(family: int, sample: int, bits: int, *subsampling: int) -> vs.VideoNode:
    found = core.query_video_format(family, sample, bits, *subsampling)
    return core.std.BlankClip(format=found.id, width=64, height=48, length=2)


def changing_rate() -> vs.VideoNode:
    first = flat(_DurationNum=1, _DurationDen=24)
    return first + flat(_DurationNum=1, _DurationDen=30)


CLIPS: dict[str, Callable[[], vs.VideoNode]] = {
    "untagged, 64x48": flat,
    "untagged, 64x720 (from 720 lines up BT.709)": lambda: flat(height=720),
    "untagged, 1280x48 (from 1280 columns up BT.709)": lambda: flat(width=1280),
    **{
        f"matrix {n} ({name}), {kind} range": lambda n=n, full=full: flat(_Matrix=n, _Range=full)
        for n, name in MATRICES.items()
        for full, kind in enumerate(("limited", "full"))
    },
    **{
        f"matrix {n}, without its transfer and primaries": lambda n=n: flat(_Matrix=n)
        for n in DERIVED_MATRICES
    },
    **{
        f"chroma location {n} ({name})": lambda n=n: flat(_ChromaLocation=n)
        for n, name in enumerate(LOCATIONS)
    },
    "matrix 2 (unspecified)": lambda: flat(_Matrix=2, _Transfer=2, _Primaries=2),
    "matrix 3 (reserved)": lambda: flat(_Matrix=3),
    "matrix 0 (RGB) on YUV": lambda: flat(_Matrix=0),
    "matrix 1 (BT.709) on RGB": lambda: flat(vs.RGB24, _Matrix=1),
    "matrix that is a word": lambda: flat(_Matrix="bt709"),
    "range 7, chroma location 9, _FieldBased 5": lambda: flat(
        _Range=7, _ChromaLocation=9, _FieldBased=5
    ),
    "transfer 8 (linear), RGBS of 0.5": lambda: floats(0.5).std.SetFrameProps(_Transfer=8),
    "transfer 16 (PQ), primaries 9": lambda: flat(_Matrix=9, _Transfer=16, _Primaries=9),
    "GRAY8, untagged": lambda: flat(vs.GRAY8),
    "GRAY8, limited range": lambda: flat(vs.GRAY8, _Range=0),
    "GRAY8, full range": lambda: flat(vs.GRAY8, _Range=1),
    "RGBS with NaN": lambda: floats(float("nan")),
    "RGBS with infinity": lambda: floats(float("inf")),
    "RGBS with 1e9": lambda: floats(1e9),
    "RGBS with -7": lambda: floats(-7),
    "RGBH with infinity": lambda: floats(float("inf"), vs.RGBH),
    "interlaced, top field first": lambda: flat(_FieldBased=2),
    "interlaced from its third frame on": lambda: flat() + flat(_FieldBased=1),
    "called progressive": lambda: flat(_FieldBased=0),
    "changing size": lambda: core.std.Splice([flat(), flat(width=32, height=32)], mismatch=True),
    "changing format": lambda: core.std.Splice([flat(), flat(vs.RGB24)], mismatch=True),
    "changing rate": changing_rate,
    "changing matrix": lambda: flat(_Matrix=1) + flat(_Matrix=9),
    "integers of 32 bits": lambda: odd(vs.GRAY, vs.INTEGER, 32),
    "integers of 17 bits": lambda: odd(vs.RGB, vs.INTEGER, 17),
    "chroma of an eighth": lambda: odd(vs.YUV, vs.INTEGER, 8, 3, 3),
}


def row(width: int, height: int) -> str:
    """Return what came of one size."""
    errors, matted, refused = [], 0, 0
    for video_format in FORMATS:
        try:
            clip = gradient(video_format, width, height)
        except vs.Error:
            refused += 1  # By VapourSynth: an odd size has no subsampled chroma.
            continue
        errors.append(error_against_resizer(clip))
        if width < LARGE or video_format.id in MATTED_WHEN_LARGE:
            matte(clip)
            matted += 1
    difference = max(errors) * 65535
    return f"{len(errors)} | {refused} | {difference:.4f} | {matted}"


def gradient(video_format: vs.VideoFormat, width: int, height: int) -> vs.VideoNode:
    """Return a frame whose codes rise from left to right."""
    clip = core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1)

    def draw(f: vs.VideoFrame, **_: int) -> vs.VideoFrame:
        frame = f.copy()
        for index in range(3):
            np.asarray(frame[index])[:] = np.linspace(30 + 40 * index, 120 + 40 * index, width)
        return frame

    matrix = {} if video_format.color_family == vs.RGB else {"matrix": 1}
    return clip.std.ModifyFrame(clip, draw).resize.Bicubic(format=video_format.id, **matrix)


def error_against_resizer(clip: vs.VideoNode) -> float:
    """Return the largest difference between what the network sees and the resizer's RGBS."""
    with (
        to_viewed_rgb(read_color(clip)).get_frame(0) as ours,
        clip.resize.Bicubic(format=vs.RGBS).get_frame(0) as theirs,
    ):
        return max(float(np.abs(plane(ours, i) - plane(theirs, i)).max()) for i in range(3))


def matte(clip: vs.VideoNode) -> None:
    """Matte the clip's frame."""
    with sghm(clip, -1).get_frame(0) as frame:
        values = plane(frame)
    assert values.shape == (clip.height, clip.width)
    assert np.isfinite(values).all()


if __name__ == "__main__":
    main()
