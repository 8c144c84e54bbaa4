"""A mask that is late or early as a whole is told of, with what puts it right; a right one never."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sghm_vs import sghm
from sghm_vs.cli import main
from sghm_vs.matting.mask_timing import FARTHEST, Look, timing_of
from sghm_vs.media.readers import open_source
from tests.clips import plane
from tests.scenes import disk

pytestmark = pytest.mark.usefixtures("by_graphs")

FRAMES = range(FARTHEST, FARTHEST + 9)


def person(n: int) -> np.ndarray:
    """Return where somebody is who walks to and fro, with a step that changes."""
    return disk(150 + 60 * np.sin(n / 3), 80, 40)


def looks(late: int, *, wider: int = 0, seen=person, masked=person) -> list[Look]:
    """Return looks at a mask that is late by so many frames."""
    kernel = np.ones((abs(wider) + 1, abs(wider) + 1), np.uint8)
    change = cv2.dilate if wider > 0 else cv2.erode
    return [
        Look(
            seen(n),
            {by: change(masked(n + by - late), kernel) for by in range(-FARTHEST, FARTHEST + 1)},
        )
        for n in FRAMES
    ]


@pytest.mark.parametrize("late", [-3, -1, 1, 2])
@pytest.mark.parametrize("wider", [0, 4, -4])
def test_a_mask_that_is_late_is_found_late_by_as_many_frames_also_a_wide_or_narrow_one(late, wider):
    count = len(FRAMES)

    found = timing_of(looks(late, wider=wider))

    assert found is not None
    assert (found.late, found.looks) == (late, count)


@pytest.mark.parametrize("wider", [0, 4, 12, 30, -4, -12, -30])
def test_of_a_mask_that_is_in_time_nothing_is_said_however_wide_or_narrow_it_is(wider):
    assert timing_of(looks(0, wider=wider)) is None


def test_of_what_no_network_sees_nothing_is_said_also_where_it_comes_nearer():
    nobody = np.zeros_like(person(0))

    def nearer(n: int) -> np.ndarray:
        return disk(150, 80, 20 + 3 * n)

    assert timing_of(looks(2, seen=lambda _: nobody)) is None
    assert timing_of(looks(2, seen=lambda _: nobody, masked=nearer)) is None


def test_of_what_stands_still_and_of_few_looks_nothing_is_said():
    assert timing_of(looks(1, seen=lambda _: person(0), masked=lambda _: person(0))) is None
    assert timing_of(looks(1)[:3]) is None


def test_one_frame_that_lags_alone_says_nothing_of_the_mask():
    one_of_nine = [*looks(0)[:4], looks(1)[4], *looks(0)[5:]]

    assert timing_of(one_of_nine) is None


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> Path:
    """Frames 1001-1014 of a portrait that sways, and masks of it, right and a frame late."""
    data = pytest.importorskip("skimage.data", reason="the portrait comes with scikit-image")
    folder, portrait = tmp_path_factory.mktemp("late"), data.astronaut()
    for n in range(14):
        moved = np.roll(portrait, round(40 * np.sin(n / 2)), 1)[:, 64:-64]
        write(folder / "plate" / f"p.{n + 1001}.png", cv2.resize(moved, (240, 320))[..., ::-1])
    alpha = sghm(open_source(folder / "plate").clip, -1, "sghm-lite", tr=0)
    masks = [255 * (plane(alpha.get_frame(n)) > 0.5).astype(np.uint8) for n in range(14)]
    for n, mask in enumerate(masks):
        write(folder / "right" / f"m.{n + 1001}.png", mask)
        write(folder / "late" / f"m.{n + 1001}.png", masks[max(n - 1, 0)])
    return folder


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), values)


def matted(shot: Path, out: str, *words: str) -> np.ndarray:
    """Return the mattes that the command line makes with these words, (frames, h, w)."""
    how = ["-o", str(shot / out / "a.####.png"), "--quiet", "--model", "sghm-lite", "--tr", "1"]
    assert main(["matte", str(shot / "plate"), *how, *words]) == 0
    return np.stack([cv2.imread(str(one), -1) for one in sorted((shot / out).glob("*.png"))])


@pytest.mark.slow
def test_the_command_line_says_of_a_late_mask_what_puts_it_right_and_that_does(shot, caplog):
    late, right = (["--mask", str(shot / kind)] for kind in ("late", "right"))
    expected = matted(shot, "right_out", *right)
    assert "seems" not in caplog.text

    matted(shot, "late_out", *late)
    words = [one for one in caplog.messages if "seems to be 1 frame late" in one]
    assert len(words) == 1
    assert words[0].endswith("--mask-start 1000 puts it right")

    caplog.clear()
    found = matted(shot, "mended_out", *late, "--mask-start", "1000")

    assert "seems" not in caplog.text
    assert "lacks frames 1014: the frames around vote on them" in caplog.text
    # Votes reach four frames, and the filter of the alpha one.
    assert np.array_equal(found[:8], expected[:8])
    heads = [mattes[-1, :120] > 32767 for mattes in (found, expected)]
    assert (heads[0] == heads[1]).mean() > 0.97


@pytest.mark.slow
def test_records_of_a_late_mask_say_where_it_begins_and_which_frame_it_lacks(shot):
    how = ["--mask", str(shot / "late"), "--mask-start", "1000"]
    matted(shot, "recorded_out", *how)

    record = json.loads(next((shot / "recorded_out").glob("*.json")).read_text())

    assert record["how"]["settings"]["mask_start"] == "1000"
    assert record["keyed"]["1014"] == "mask lacks 1014"
    assert "1001" not in record["keyed"]


@pytest.mark.parametrize("how", [["--mask-tr", "0"], ["--mask-start", "999"]])
def test_ends_that_no_frame_votes_on_are_refused(shot, capsys, how):
    words = ["--mask", str(shot / "late"), "--mask-start", "1000", *how]
    out = str(shot / "refused" / "a.####.png")

    given = ["matte", str(shot / "plate"), "-o", out, "--quiet", "--tr", "1", *words]

    assert main(given) == 1
    assert "--frames 1001-101" in capsys.readouterr().err


def test_with_tr_0_a_mask_with_a_hole_is_refused_as_nobody_votes(shot, capsys):
    mask = shot / "holes"
    for n in (1001, 1002, 1004):
        write(mask / f"m.{n}.png", np.zeros((320, 240), np.uint8))
    out = str(shot / "refused" / "a.####.png")

    given = ["matte", str(shot / "plate"), "-o", out, "--quiet", "--tr", "0", "--mask", str(mask)]

    assert main([*given, "--frames", "1001-1004"]) == 1
    assert "misses frames 1003" in capsys.readouterr().err
