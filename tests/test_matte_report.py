"""Reports of mattes without a truth: faults are found by their name, and exact mattes are left alone."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import opentimelineio as otio
import pytest
import vapoursynth as vs

from benchmarks import faults
from benchmarks.fault_kinds import FAULTS
from benchmarks.moving_people import ExactClip
from sghm_vs import export
from sghm_vs.cli import build_parser, main, options
from sghm_vs.cli.report import print_result
from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.evaluate.report.change import ChangedRegion
from sghm_vs.evaluate.report.findings import Finding, findings_of
from sghm_vs.evaluate.report.frame import find_specks, measure_frame
from sghm_vs.evaluate.report.measures import Measures, measure
from sghm_vs.options import REASONS, FailOn, Limit, ReportOptions
from sghm_vs.shots.report import Report, of_entries, wanted_from, write_report
from tests.scenes import HEIGHT, WIDTH, Person, clips, scene, texture

ARGS = argparse.Namespace(without_plate=False, vote=False)
LENGTH = 24


def limits(**own: float) -> dict[str, float]:
    return {kind: row.limit for kind, row in REASONS.items()} | own


def flagged(measures: Measures, **own: float) -> dict[int, set[str]]:
    found = findings_of(measures, limits(**own))
    return {n: {one.kind for one in some} for n, some in found.items()}


def body(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Someone with a head and an arm, who walks and sways."""
    people = [
        Person(at=(130, 120), step=(3, 0.3), radius=44),
        Person(at=(130, 62), step=(3, 0.3), radius=24, texture=2),
        Person(at=(182, 110), step=(3, 0.3), radius=12, texture=3),
    ]
    picture, alpha = scene(n, people, wall_at=(-1.5 * n, 0))
    # Softer than a disk is drawn: edges of footage are.
    return picture, cv2.GaussianBlur(alpha, (0, 0), 0.8)


@pytest.fixture(scope="module")
def exact() -> ExactClip:
    drawn = [body(n) for n in range(LENGTH)]
    pictures = [np.rint(255 * picture[..., ::-1]).astype(np.uint8) for picture, _ in drawn]
    return ExactClip("walk", pictures, [alpha for _, alpha in drawn])


@pytest.fixture(scope="module")
def measured(exact) -> Measures:
    return faults._measured(exact, exact.alphas, range(LENGTH), ARGS)


@pytest.mark.slow
def test_an_exact_matte_is_left_alone(measured):
    assert flagged(measured) == {}


def test_an_exact_matte_is_left_alone_without_its_plate(exact):
    plain = argparse.Namespace(without_plate=True, vote=False)

    assert flagged(faults._measured(exact, exact.alphas, range(LENGTH), plain)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found_by_its_name_and_where_it_is(exact, measured, kind):
    make, names = FAULTS[kind]
    faulty = make(exact.alphas, np.random.default_rng(3))

    found = flagged(faults._with_fault(exact, measured, faulty, ARGS))

    wrong = {*faulty.frames[:: faulty.each]}
    assert any(found[n] & names for n in wrong & found.keys())
    unchanged = [n for n in found if np.array_equal(faulty.alphas[n], exact.alphas[n])]
    assert unchanged == []


@pytest.mark.slow
def test_what_is_right_between_two_faults_is_left_alone(exact):
    holed = [a.copy() for a in exact.alphas]
    for n in (5, 6, 14, 15):
        cv2.circle(holed[n], (130 + 3 * n, 126), 22, 0.0, -1)

    measures = faults._measured(exact, holed, range(LENGTH), ARGS)
    found = flagged(measures)

    assert {*found} == {5, 6, 14, 15}
    said = {one.says for one in findings_of(measures, limits())[5] if one.kind == "hole"}
    assert said == {"opens, and closes again"}
    assert all("hole" in found[n] for n in found)
    assert all({"area", "motion"} & found[n] for n in found), "the holes are loud"


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["lost limb", "popped piece", "hole", "duplicate", "blur of edges"]
)
def test_a_fault_is_found_without_a_plate(exact, kind):
    plain = argparse.Namespace(without_plate=True, vote=False)
    faulty = FAULTS[kind][0](exact.alphas, np.random.default_rng(3))

    found = flagged(faults._measured(exact, faulty.alphas, range(LENGTH), plain))

    assert found.keys() & {*faulty.frames}


@pytest.mark.slow
def test_a_part_that_is_measured_alone_gives_the_same_as_in_the_whole(exact, measured):
    faulty = FAULTS["hole"][0](exact.alphas, np.random.default_rng(3))

    whole = faults._measured(exact, faulty.alphas, range(LENGTH), ARGS)

    assert findings_of(whole, limits()) == findings_of(
        faults._with_fault(exact, measured, faulty, ARGS), limits()
    )


def fading(visible: Callable[[int], float], length: int = 12) -> vs.VideoNode:
    """A matte of someone who is there as much as `visible` says, by frame."""
    drawn = clips(length, body)[1]
    keep = np.array([visible(n) for n in range(length)])
    return drawn.std.FrameEval(lambda n: drawn.std.Expr(f"x {keep[n]} *"))


def test_frames_without_anybody_between_others_are_empty():
    found = flagged(measure(fading(lambda n: 0 if n in (5, 6) else 1)))

    assert {n for n, kinds in found.items() if "empty" in kinds} == {5, 6}


def test_a_matte_without_anybody_is_empty():
    found = flagged(measure(fading(lambda _: 0)))

    assert all("empty" in found[n] for n in range(12))


def test_who_walks_out_of_the_picture_leaves_no_empty_frame_behind():
    def walk(n: int) -> tuple[np.ndarray, np.ndarray]:
        return scene(n, [Person(at=(296, 88), step=(5, 0), radius=38)])

    plate, matte = clips(16, walk)

    assert flagged(measure(matte, plate)) == {}


def test_a_frame_that_is_covered_at_once_is_full():
    drawn = clips(12, body)[1]
    whole = drawn.std.BlankClip(keep=True, color=1.0)
    matte = drawn.std.FrameEval(lambda n: whole if n == 7 else drawn)

    found = flagged(measure(matte))

    assert {n for n, kinds in found.items() if "full" in kinds} == {7}


def test_a_cut_of_the_plate_is_no_jump():
    def cut(n: int) -> tuple[np.ndarray, np.ndarray]:
        if n < 6:
            return body(n)
        return scene(n, [Person(at=(40, 60), radius=30, texture=5)], wall=9)

    plate, matte = clips(12, cut)
    measures = measure(matte, plate)

    assert measures.cuts == [6]
    assert flagged(measures) == {}


@pytest.mark.parametrize(
    ("hidden", "gray"), [([5], 0), ([5], 0.6), ([5, 6, 7], 0.6), ([0], 0), ([9], 0.6)]
)
def test_a_plate_that_is_another_picture_for_a_moment_is_a_flash_and_no_two_cuts(hidden, gray):
    """Frames at an end of the clip have nothing around that says so."""

    def flashing(n: int) -> tuple[np.ndarray, np.ndarray]:
        picture, alpha = body(n)
        if n in hidden:
            picture, alpha = picture.copy(), alpha.copy()
            picture[20:170, 60:260] = gray
            alpha[60:120] = 0
        return picture, alpha

    plate, matte = clips(10, flashing)
    found = flagged(measure(matte, plate))

    inner = [n for n in hidden if 0 < n < 9]
    assert {n for n, kinds in found.items() if "flash" in kinds} == set(inner)
    assert not inner or found.keys() == set(inner)


def test_a_longer_scene_between_two_of_another_is_no_flash():
    def cut(n: int) -> tuple[np.ndarray, np.ndarray]:
        if 3 <= n < 7:
            return scene(n, [Person(at=(40, 60), radius=30, texture=5)], wall=9)
        return body(n)

    plate, matte = clips(10, cut)
    measures = measure(matte, plate)

    assert (measures.cuts, measures.flashes) == ([3, 7], [])
    assert measures.part(range(2, 8)).flashes == []


@pytest.mark.slow
def test_what_the_network_sees_otherwise_is_a_vote(exact):
    """A hole from frame 8 on stays: that the network sees somebody there tells which side is wrong."""
    matte = faults._node(exact.alphas, vs.GRAYS)
    holed = matte.std.FrameEval(lambda n: _holed(matte, n) if n >= 8 else matte, clip_src=[matte])
    plate = faults._node(exact.pictures, vs.RGB24)

    found = flagged(measure(holed, plate, segmentation=matte))

    assert {"hole", "vote"} <= found[8]


def _holed(matte: vs.VideoNode, n: int) -> vs.VideoNode:
    left, top = 110 + 3 * n, 100
    hole = matte.std.CropAbs(40, 40, left, top).std.BlankClip(keep=True)
    rows = [
        matte.std.CropAbs(left, 40, 0, top),
        hole,
        matte.std.CropAbs(WIDTH - left - 40, 40, left + 40, top),
    ]
    return vs.core.std.StackVertical(
        [
            matte.std.CropAbs(WIDTH, top, 0, 0),
            vs.core.std.StackHorizontal(rows),
            matte.std.CropAbs(WIDTH, HEIGHT - top - 40, 0, top + 40),
        ]
    )


def test_someone_whom_the_matte_lacks_for_long_is_a_vote():
    plate, whole = clips(13, body)
    empty_hand = whole.std.Expr("x 0 *")

    found = flagged(measure(empty_hand, plate, segmentation=whole))

    assert "vote" in found[12]


def test_a_reset_that_is_too_faint_alone_is_found_as_one_of_a_row(measured):
    changes = [
        one if one is None or n % 6 else replace(one, unexplained_px=one.unexplained_px + 0.6)
        for n, one in enumerate(measured.changes)
    ]

    found = flagged(replace(measured, changes=changes))

    assert found == {n: {"cadence"} for n in (6, 12, 18)}


def test_edges_are_as_wide_as_they_are_drawn():
    """At 1080 lines: a ramp of 9 px is 9 px wide; a step is hard."""
    x = np.arange(1920, dtype=np.float32)[None].repeat(1080, 0)
    ramp = np.clip((x - 900) / 9, 0, 1)

    soft, hard = measure_frame(ramp), measure_frame((x > 900).astype(np.float32))

    assert soft.edge_px == pytest.approx(9, rel=0.02)
    assert (soft.hard, hard.hard) == (0, 1)
    assert soft.coverage == pytest.approx(1 - 904.5 / 1920, abs=1e-3)
    assert hard.outline_px == pytest.approx(1080 * np.pi / 4, rel=0.01)


def test_specks_count_by_diameter_and_distance():
    alpha = np.zeros((1080, 1920), np.float32)
    cv2.circle(alpha, (600, 500), 200, 1.0, -1)
    cv2.circle(alpha, (600, 500), 4, 0.0, -1)  # a pinhole far inside
    cv2.circle(alpha, (1200, 500), 4, 1.0, -1)  # an island far off
    cv2.circle(alpha, (815, 500), 3, 1.0, -1)  # one beside the outline: a strand
    cv2.circle(alpha, (1500, 300), 30, 1.0, -1)  # no speck

    found = find_specks(alpha)

    assert sorted(found[:, 2]) == [0, 1]
    island = found[found[:, 2] == 1][0]
    assert island[:2] == pytest.approx([1200 / 1920, 500 / 1080], abs=2e-3)


def test_a_finding_weighs_by_how_far_it_is_beyond_its_limit_up_to_ten_times():
    assert Finding("piece", 48, 24).need == 2 * REASONS["piece"].weight
    assert Finding("piece", 9999, 24).need == 10 * REASONS["piece"].weight


def test_regions_meet_by_their_boxes():
    one = ChangedRegion(10, True, False, False, (10, 10, 20, 20))
    near, far = (replace(one, box=(left, 10, left + 5, 20)) for left in (28, 60))

    assert one.is_where(near, 10)
    assert not one.is_where(far, 10)


# Files.


@pytest.fixture(scope="module")
def shot(exact, tmp_path_factory) -> Path:
    """A plate, an exact matte of 16 bits and one with faults, as files."""
    folder = tmp_path_factory.mktemp("shot")
    plate = faults._node(exact.pictures, vs.RGB24)
    mattes = {"exact": exact.alphas, "walk_matte": [a.copy() for a in exact.alphas]}
    for kind, seed in (("hole", 3), ("specks", 1)):
        faulty = FAULTS[kind][0](exact.alphas, np.random.default_rng(seed))
        for n in faulty.frames:
            mattes["walk_matte"][n] = faulty.alphas[n]
    (folder / "mattes").mkdir()
    (folder / "plates").mkdir()
    for name, alphas in mattes.items():
        target = folder / ("mattes" if name == "walk_matte" else ".") / f"{name}.mkv"
        export(plate, faults._node(alphas, vs.GRAYS), target, sidecar=False)
    yuv = plate.resize.Bicubic(format=vs.YUV444P8, matrix=1)
    export(yuv, faults._node(exact.alphas, vs.GRAYS), folder / "plates/walk.mov", sidecar=False)
    return folder


@pytest.fixture(scope="module")
def written(shot) -> Path:
    """The report of the one with faults."""
    words = ["report", str(shot / "mattes"), "--plate", str(shot / "plates")]
    assert main([*words, "-o", str(shot / "out/report.html"), "--markers", "--quiet"]) == 0
    return shot / "out"


@pytest.mark.slow
def test_a_report_has_a_page_its_twin_and_lists_for_other_programs(written):
    assert {path.name for path in written.iterdir()} == {
        "report.html", "report.json", "report.otio", "report.walk_matte.qp"
    }  # fmt: skip


def test_the_twin_has_flagged_frames_by_need_and_curves_of_numbers(written):
    (shot,) = json.loads((written / "report.json").read_text())["shots"]

    assert {one["kind"] for flag in shot["flagged"] for one in flag["reasons"]} >= {
        "hole",
        "specks",
    }
    needs = [flag["need"] for flag in shot["flagged"]]
    assert needs == sorted(needs, reverse=True)
    assert all(0 <= flag["frame"] < LENGTH for flag in shot["flagged"])
    assert all(len(curve) == LENGTH for curve in shot["curves"].values())
    assert '"frame"' not in json.dumps({**shot, "flagged": []})
    assert shot["border"] == {}


def test_the_page_asks_no_network_and_names_its_shots(written):
    page = (written / "report.html").read_text()

    assert "walk_matte" in page
    assert not re.search(r"https?://|src=\"(?!data:)|url\(", page)
    assert "default-src 'none'" in page
    assert "data:image/webp;base64," in page


def test_previewers_get_frames_and_editors_get_markers(written):
    (shot,) = json.loads((written / "report.json").read_text())["shots"]
    frames = sorted(flag["frame"] for flag in shot["flagged"])

    lines = (written / "report.walk_matte.qp").read_text().splitlines()
    (clip,) = otio.adapters.read_from_file(str(written / "report.otio")).find_clips()

    assert lines == [f"{n} I -1" for n in frames]
    # As vspreview reads them.
    assert re.findall(r"(\d+)\sI|K", "\n".join(lines)) == [str(n) for n in frames]
    marked = {
        int(marker.marked_range.start_time.value) + n
        for marker in clip.markers
        for n in range(int(marker.marked_range.duration.value))
    }
    assert sorted(marked) == frames


@pytest.fixture(scope="module")
def found(shot, tmp_path_factory) -> Report:
    """What is found in the one with faults, without its plate."""
    matte = wanted_from([str(shot / "mattes/walk_matte.mkv")], [])
    return write_report(matte, tmp_path_factory.mktemp("found") / "r.html")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [(["--fail-on", "1"], 3), (["--fail-on", "1000"], 0), (["--fail-on", "hole"], 3),
     (["--fail-on", "empty"], 0)],
)  # fmt: skip
def test_the_exit_code_tells_a_farm_what_was_found(found, words, code):
    args = build_parser().parse_args(["report", "m.mkv", "-o", "r.html", "--quiet", *words])

    assert print_result(found, options.group_from(ReportOptions, args), args) == code


@pytest.mark.slow
def test_a_reason_that_is_off_fails_nothing(shot, tmp_path):
    words = ["report", str(shot / "mattes/walk_matte.mkv"), "-o", str(tmp_path / "r.html")]

    assert main([*words, "--quiet", "--fail-on", "hole", "--limit", "hole=off"]) == 0
    assert main([*words, "--quiet", "--fail-on", "1", "--overwrite"]) == 3


@pytest.mark.slow
def test_a_few_frames_are_judged_as_in_the_whole(shot, written, tmp_path):
    whole = json.loads((written / "report.json").read_text())["shots"][0]
    worst = whole["flagged"][0]
    at = worst["frame"]
    words = ["report", str(shot / "mattes"), "--plate", str(shot / "plates"), "--quiet"]

    assert main([*words, "--frames", f"{at}", "-o", str(tmp_path / "r.html")]) == 0

    part = json.loads((tmp_path / "r.json").read_text())["shots"][0]
    assert (part["first"], part["last"]) == (at, at)
    assert part["flagged"] == [worst]
    for name, values in part["curves"].items():
        assert values == [whole["curves"][name][at - whole["first"]]]
    assert part["cuts"] == []


def test_frames_that_a_matte_has_not_are_refused(shot, tmp_path, capsys):
    words = ["report", str(shot / "exact.mkv"), "--frames", "5-99", "--quiet"]

    assert main([*words, "-o", str(tmp_path / "r.html")]) == 1
    assert f"it has frames 0-{LENGTH - 1}, and 5-99 was asked for" in capsys.readouterr().err


@pytest.mark.slow
def test_an_exact_file_is_left_alone_and_8_bits_are_said_of_it(shot, exact, tmp_path):
    for n, alpha in enumerate(exact.alphas):
        cv2.imwrite(str(tmp_path / f"eight.{n:04}.png"), np.rint(alpha * 255).astype(np.uint8))
    mattes = [str(shot / "exact.mkv"), str(tmp_path / "eight.####.png")]

    assert main(["report", *mattes, "--quiet", "-o", str(tmp_path / "r.html")]) == 0

    shots = {one["name"]: one for one in json.loads((tmp_path / "r.json").read_text())["shots"]}
    assert [one["flagged"] for one in shots.values()] == [[], []]
    assert any("8 bits" in note for note in shots["eight"]["notes"])


def test_a_number_without_a_file_is_missing(exact, tmp_path):
    for n, alpha in enumerate(exact.alphas[:12]):
        if n != 5:
            code = np.rint(alpha * 65535).astype(np.uint16)
            cv2.imwrite(str(tmp_path / f"m.{1001 + n}.png"), code)

    main(["report", str(tmp_path / "m.####.png"), "--quiet", "-o", str(tmp_path / "r.html")])

    (shot,) = json.loads((tmp_path / "r.json").read_text())["shots"]
    (flag,) = shot["flagged"]
    assert (flag["frame"], [one["kind"] for one in flag["reasons"]]) == (1006, ["missing"])
    assert shot["curves"]["coverage_percent"][5] is None


def test_a_report_is_not_replaced_unasked(written, shot, capsys):
    words = ["report", str(shot / "exact.mkv"), "-o", str(written / "report.html")]

    assert main(words) == 1
    assert "--overwrite" in capsys.readouterr().err


def test_a_matte_that_cannot_be_read_does_not_stop_the_others(shot, tmp_path, capsys):
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no movie")

    code = main(["report", str(broken), str(shot / "exact.mkv"), "-o", str(tmp_path / "r.html")])

    record = json.loads((tmp_path / "r.json").read_text())
    assert code == 1
    assert [one["name"] for one in record["shots"]] == ["exact"]
    assert str(broken) in record["failed"]
    assert "broken.mkv" in capsys.readouterr().err


def test_a_report_of_nothing_that_can_be_read_leaves_no_page_in_the_way(shot, tmp_path, capsys):
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no movie")
    words = ["report", str(broken), "-o", str(tmp_path / "r.html"), "--quiet"]

    assert main(words) == 1
    assert str(broken) in capsys.readouterr().err
    assert {one.name for one in tmp_path.iterdir()} == {"broken.mkv"}

    broken.write_bytes((shot / "exact.mkv").read_bytes())
    assert main(words) == 0
    assert (tmp_path / "r.html").exists()


def test_a_plate_of_another_shape_is_refused(shot, tmp_path, capsys):
    other = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=96, length=12)
    export(other, other, tmp_path / "other.mkv", sidecar=False)
    words = ["report", str(shot / "exact.mkv"), "--plate", str(tmp_path / "other.mkv")]

    assert main([*words, "-o", str(tmp_path / "r.html"), "--quiet"]) == 1

    assert "64x96, of another shape; give the footage that the matte is of" in (
        capsys.readouterr().err
    )


def test_plates_are_found_by_name_or_asked_for(shot):
    one, *_ = wanted_from([str(shot / "mattes")], [shot / "plates"])
    assert one.plate == shot / "plates/walk.mov"

    (shot / "plates/other.mov").write_bytes(b"")
    (shot / "plates/third.mov").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"no plate of the name of exact"):
        wanted_from([str(shot / "exact.mkv")], [shot / "plates"])


def test_a_manifest_names_mattes_and_plates(tmp_path):
    batch = {
        "kind": "sghm_vs batch",
        "format": 1,
        "shots": [
            {"shot": name, "key": f"/p/{name}.mov", "state": state, "settings": {},
             "outputs": [f"{name}.mp4", f"{name}.mov"],
             "inputs": {"source": {"path": f"/p/{name}.mov", "files": 1, "size": 1,
                                   "modified_ns": 1, "sha256": ""}}}
            for name, state in (("a", "done"), ("b", "failed"))
        ],
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(batch))

    (one,) = wanted_from([str(tmp_path)], [])

    assert (one.name, one.matte, one.plate) == ("a", tmp_path / "a.mov", Path("/p/a.mov"))
    assert one.may_lack_plate
    with pytest.raises(SettingsError, match="leave --plate out"):
        wanted_from([str(tmp_path / "manifest.json")], [Path("x.mov")])


def test_a_manifest_without_a_finished_shot_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"kind": "sghm_vs batch", "format": 1, "shots": []}')

    with pytest.raises(SourceError, match="no shot that is done"):
        wanted_from([str(tmp_path)], [])
    assert of_entries(tmp_path, []) == []


@pytest.mark.parametrize("word", ["haze", "haze=-1", "haze=x", "nothing=1"])
def test_a_limit_that_is_none_is_refused(word):
    with pytest.raises(SettingsError, match=r"limit|reason"):
        Limit.parse(word)


def test_limits_and_what_is_too_many_are_read_from_words():
    assert Limit.parse("haze=2.5") == ("haze", 2.5)
    assert FailOn.parse("7") == (7, None)
    assert FailOn.parse("hole=3") == (3, "hole")
    assert ReportOptions(limits=[Limit("haze", 9)]).limit_of["haze"] == 9
    with pytest.raises(SettingsError, match="no number of frames"):
        FailOn.parse("hole=0")


def test_wall_and_people_of_these_clips_have_texture():
    """Else motion would say nothing, and nothing here would be shown."""
    assert texture(0).std() > 0.1


def test_each_reason_is_looked_for_and_stands_in_the_docs_with_its_limit():
    root = Path(__file__).parents[1]
    looked_for = (root / "sghm_vs/evaluate/report/findings.py").read_text()
    rows = dict(
        re.findall(r"^\| `(\w+)` \| ([\d.]+)", (root / "docs/report.md").read_text(), re.MULTILINE)
    )

    assert rows.keys() == REASONS.keys()
    assert {kind: float(limit) for kind, limit in rows.items()} == {
        kind: row.limit for kind, row in REASONS.items()
    }
    assert all(f'"{kind}"' in looked_for for kind in REASONS)


@pytest.mark.slow
def test_a_batch_writes_its_report_when_asked(model, tmp_path, capsys):
    for n in range(3):
        picture = np.rint(255 * body(n)[0][..., ::-1]).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"plates.{n:04}.png"), picture)
    words = ["batch", str(tmp_path / "plates.####.png"), "-o", str(tmp_path / "out"), "--report"]

    code = main([*words, "--model", model, "--tr", "0", "--device", "cpu", "--quiet"])

    assert code == 0
    (shot,) = json.loads((tmp_path / "out/report.json").read_text())["shots"]
    assert (shot["name"], shot["last"]) == ("plates", 2)
    assert shot["plate"].endswith("plates.####.png")
    assert "report.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    "verb",
    [["batch", "a.mov", "-o", "b"], ["timeline", "a.edl", "-o", "b"], ["farm", "run", "p.json"],
     ["farm", "assemble", "p.json"]],
)  # fmt: skip
def test_every_verb_that_makes_many_mattes_has_a_report(verb):
    assert build_parser().parse_args([*verb, "--report"]).report is True
