"""Every refusal says what was found, what is needed, and what to write where the user stands."""

import inspect
import re
import subprocess
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import vapoursynth as vs

import sghm_vs
from sghm_vs.cli import build_parser, main
from sghm_vs.cli.progress import progress
from sghm_vs.errors import ExportError, SghmError, counted, standing
from sghm_vs.files import refuse_existing
from sghm_vs.media.writers.ffmpeg import find_ffmpeg
from sghm_vs.models.backends.device import choose_compute, choose_computes, choose_device
from sghm_vs.options import Edges, OutputFormat, Settings, check_suffixes

CLIP = vs.core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=1)
ALPHA = vs.core.std.BlankClip(format=vs.GRAYS, width=64, height=64, length=1)
AUDIO = vs.core.std.BlankAudio()
PUBLIC = {
    "sghm": (sghm_vs.sghm, [CLIP]),
    "attach": (sghm_vs.attach, [CLIP, ALPHA]),
    "edges": (sghm_vs.edges, [ALPHA]),
    "foreground": (sghm_vs.foreground, [CLIP, ALPHA]),
    "export": (sghm_vs.export, [CLIP, ALPHA, "made/x.png"]),
}
"""Each with arguments that are right."""
NONSENSE = [
    0, -1, 1.5, float("nan"), "no", "1", "GRAY16", b"x", [], [0], ["no"], {}, {"no": 1}, (1, 2),
    object(), np.zeros(3), CLIP, AUDIO, Path("x"), max, None,
]  # fmt: skip
MORE = {"export": ["layout", "sample", "compression", "codec", "premultiplied", "audio", "quality"]}


@pytest.fixture(scope="module", autouse=True)
def _network():
    """Loaded once: clips share it while one of them lives."""
    return sghm_vs.sghm(CLIP)


def _arguments():
    for function_name, (function, _) in PUBLIC.items():
        parameters = inspect.signature(function).parameters.values()
        named = [one.name for one in parameters if one.kind != one.VAR_KEYWORD]
        for name in [*named, *MORE.get(function_name, [])]:
            yield pytest.param(function_name, name, id=f"{function_name}-{name}")


def _refusal(call):
    """What is refused by name; "" of what is taken."""
    try:
        call()
    except (vs.Error, SghmError) as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(("function_name", "name"), [*_arguments()])
def test_no_argument_of_a_public_function_ends_in_a_traceback_of_ours(
    function_name, name, tmp_path, monkeypatch
):
    """It is taken, or refused by name: whatever somebody gives."""
    monkeypatch.chdir(tmp_path)
    function, right = PUBLIC[function_name]
    names = list(inspect.signature(function).parameters)
    for value in NONSENSE:
        given = dict(zip(names, right, strict=False))
        paths = [given.pop("paths")] if "paths" in given else []
        if name == "paths":
            paths = [value]
        else:
            given[name] = value
        positional = [given.pop(one) for one in names[: len(right)] if one in given]
        said = _refusal(lambda: function(*positional, *paths, **given))  # noqa: B023 - called at once
        assert "--" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": 0}, "model is 0 and must be text or a path"),
        ({"format": "GRAY16"}, "format is 'GRAY16' and must be a GRAY format"),
        ({"exposure": "1"}, "exposure is '1' and must be a number"),
        ({"sc": "no"}, "sc is 'no' and must be True or False"),
        ({"fp16": "half"}, "fp16 is 'half' and must be True or False or None"),
        ({"tr": 1.5}, "tr is 1.5 and must be a whole number or text"),
        (
            {"device_index": ["0"]},
            "device_index is ['0'] and must be a whole number, a list of whole numbers or None",
        ),
        ({"debug": "all of it"}, "debug is 'all of it' and must be one of segmentation, "),
        ({"mask": "mask.png"}, "mask is 'mask.png' and must be a clip or None"),
        ({"infer_size": 32}, "infer_size is 32 and must be at least 64"),
    ],
)
def test_the_filter_says_which_argument_is_of_another_kind(given, said):
    with pytest.raises(vs.Error, match=rf"^sghm: {re.escape(said)}"):
        sghm_vs.sghm(CLIP, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"quality": "4"}, "quality is '4' and must be a whole number"),
        ({"qualty": 4}, "export has no setting 'qualty'; those of a form are layout, "),
        ({"audio": "yes"}, "audio is 'yes' and must be True or False"),
        ({"over": "gray"}, "over is 'gray' and must be a clip, "),
        ({"over": (0, 1)}, "over is [0, 1] and must be red, green and blue"),
        (
            {"metadata": {"shot": 1}},
            "metadata is {'shot': 1} and must be a dictionary of text by name or None",
        ),
        ({"first_number": "1001"}, "first_number is '1001' and must be a whole number"),
        ({"progress": 3}, "progress is 3 and must be a function"),
    ],
)
def test_export_says_which_argument_is_of_another_kind(given, said, tmp_path):
    with pytest.raises(ExportError, match=f"^{re.escape(said)}"):
        sghm_vs.export(CLIP, ALPHA, tmp_path / "x.mkv", **given)


def _interlaced(length=1, fields=2):
    return vs.core.std.BlankClip(
        format=vs.YUV420P8, width=64, height=64, length=length
    ).std.SetFieldBased(fields)


def test_a_cure_is_for_where_the_user_stands(tmp_path, capsys):
    script = tmp_path / "cut.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=64, length=1)\n"
        "clip.std.SetFieldBased(1).set_output()\n"
    )
    calls = script.with_name("calls.vpy")
    calls.write_text(f"{script.read_text()}from sghm_vs import sghm\nsghm(vs.get_output(0).clip)\n")

    with pytest.raises(vs.Error) as in_a_script:
        sghm_vs.sghm(_interlaced())
    assert main(["matte", str(script), "-o", str(tmp_path / "x.mkv")]) == 1
    typed = capsys.readouterr().err
    assert main(["matte", str(calls), "-o", str(tmp_path / "x.mkv")]) == 1
    called = capsys.readouterr().err

    assert "frame 0 is interlaced, top field first" in str(in_a_script.value)
    assert "clip.std.SetFieldBased(0)" in str(in_a_script.value)
    assert "--deinterlace frame" in typed
    assert "clip." not in typed
    assert "SetFieldBased(0)" in called
    assert "--" not in called


def test_a_cure_reaches_frames_that_vapoursynth_makes_on_threads_of_its_own(capsys, tmp_path):
    script = tmp_path / "cut.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=64, length=3)\n"
        "alpha = (clip + clip).std.ShufflePlanes(0, vs.GRAY)\n"
        "(clip + clip.std.SetFieldBased(2)).set_output(alpha=alpha)\n"
    )

    assert main(["export", str(script), "-o", str(tmp_path / "x.mov")]) == 1

    said = capsys.readouterr().err
    assert "frame 3 can't be computed: frame 3 is interlaced" in said
    assert "--deinterlace frame" in said
    with pytest.raises(ExportError, match=r"SetFieldBased\(0\)"):
        sghm_vs.export(_interlaced(3, 0) + _interlaced(), _gray(4), tmp_path / "y.mov")


def _gray(length):
    return vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=64, length=length)


IN_A_SCRIPT_AND_TYPED = {
    "a setting's range": (lambda: Settings(infer_size=32), "infer_size is 32", "--infer-size is 32"),
    "the radius": (lambda: Settings(tr=9), "tr is 9", "--tr is 9"),
    "the threshold": (lambda: Settings(sc_threshold=2), "at most 1, or None", "at most 1, or props"),
    "a choice": (lambda: Settings(sizing="x"), "sizing is 'x'", "--sizing is 'x'"),
    "edges": (
        lambda: Edges(black=0.9, white=0.1), "white is 0.1 and must be above black",
        "--white is 0.1 and must be above --black",
    ),
    "a layout": (
        lambda: OutputFormat(layout="matte", compression="dwaa"), 'layout="alpha"', "--layout alpha"
    ),
    "samples": (
        lambda: OutputFormat(sample="float", compression="pxr24"), 'sample="half"', "--sample=half"
    ),
    "a codec": (
        lambda: check_suffixes({".mov"}, OutputFormat(codec="ffv1")), 'a path as "x.mkv"', "-o x.mkv"
    ),
    "a device": (lambda: choose_device(99), "device_index=99", "--device cuda:99"),
    "devices": (lambda: choose_computes([]), "device_index=[]", "--device cuda:"),
    "a backend's device": (
        lambda: choose_compute(0, None, "openvino"), "device_index=", "--device c"
    ),
    "a file that is there": (
        lambda: refuse_existing([Path(__file__)]), "overwrite=True", "--overwrite"
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "script", "typed"), IN_A_SCRIPT_AND_TYPED.values(), ids=IN_A_SCRIPT_AND_TYPED
)
def test_a_refusal_names_what_is_there_where_it_is_read(refused, script, typed):
    with pytest.raises(SghmError) as in_a_script:
        refused()
    with standing(at_command_line=True), pytest.raises(SghmError) as at_the_command_line:
        refused()

    assert script in str(in_a_script.value)
    assert typed not in str(in_a_script.value)
    assert typed in str(at_the_command_line.value)


def test_one_thing_is_told_as_one(tmp_path):
    for name in "ab":
        (tmp_path / name).touch()

    with pytest.raises(ExportError, match="a exists already"):
        refuse_existing([tmp_path / "a", tmp_path / "c"])
    with pytest.raises(ExportError, match="b exist already"):
        refuse_existing([tmp_path / "a", tmp_path / "b"])
    assert (counted(1, "frame"), counted(2, "frame"), counted(0, "shot")) == (
        "1 frame", "2 frames", "0 shots"
    )  # fmt: skip


def test_the_first_line_of_progress_has_no_rate_yet_and_later_ones_leave_loading_out(
    monkeypatch, capsys
):
    now = [100.0]
    monkeypatch.setattr("sghm_vs.cli.progress.time.monotonic", lambda: now[0])
    with progress("matte", quiet=False) as report:
        for done, now[0] in ((1, 150.0), (3, 151.0), (11, 160.0), (12, 161.0)):
            report(done, 12)

    assert capsys.readouterr().err.splitlines() == [
        "matte: 1/12 frames",
        "matte: 11/12 frames, 1.0 fps, 1 s left",
        "matte: 12/12 frames, 1.0 fps",
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("logc9", "logc4, logc3"),
        ("acesc", "ACES"),
        ("vlogg", "vlog"),
        ("recc709", "rec709"),
        ("pqq", "pq"),
    ],
)
def test_a_color_space_that_is_mistyped_is_guessed_by_what_people_call_it(typed, meant):
    with pytest.raises(vs.Error) as refused:
        sghm_vs.sghm(CLIP, input_colorspace=typed)

    said = str(refused.value)
    assert "did you mean" in said
    assert all(word in said for word in meant.split(", "))
    assert "Apple Log" not in said


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Footage of which each kind is refused with an option for footage."""
    folder = tmp_path_factory.mktemp("broken")
    for number in (1, 2, 4):
        cv2.imwrite(str(folder / f"holes.{number}.png"), np.full((64, 64), 255, np.uint8))
    for number in range(3):
        cv2.imwrite(str(folder / f"whole.{number}.png"), np.full((64, 64), 255, np.uint8))
    planes = {"R": "f2", "G": "f2", "B": "f2", "A": "u4"}
    channels = {name: np.ones((64, 64), kind) for name, kind in planes.items()}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(folder / "ids.exr"))
    layers = {f"{layer}.{name}": np.ones((64, 64), "f2") for layer in "ab" for name in "RGB"}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, layers).write(str(folder / "layers.exr"))
    drawn = ["-f", "lavfi", "-i", "testsrc=s=64x64:r=24:d=0.125", "-vf", "setfield=tff,format=gray"]
    coded = ["-field_order", "tt", "-c:v", "ffv1", str(folder / "fields.mkv")]
    subprocess.run([find_ffmpeg(), "-v", "error", *drawn, *coded], check=True)
    return folder


OF_ANOTHER_VERB = [
    "eval --pred holes.#.png --gt holes.#.png",
    "eval --pred whole.#.png --gt ids.exr",
    "eval --pred layers.exr --gt layers.exr",
    "eval --pred whole.#.png --plate fields.mkv",
    "eval --pred whole.#.png --plate holes.#.png",
    "nuke comp holes.#.png -o x.nk",
    "nuke comp layers.exr --plate whole.#.png -o x.nk",
    "nuke comp whole.#.png --plate layers.exr -o x.nk",
    "export whole.#.png --alpha ids.exr -o x.mov",
    "export whole.#.png --alpha layers.exr -o x.mov",
    "export whole.#.png --alpha holes.#.png -o x.mov",
    "matte whole.#.png --mask holes.#.png --mask-tr 0 -o x.mov --model sghm-lite",
    "matte whole.#.png --over layers.exr -o x.mp4 --tr 0 --model sghm-lite",
    "matte whole.#.png --over fields.mkv -o x.mp4 --tr 0 --model sghm-lite",
]


@pytest.mark.parametrize("words", OF_ANOTHER_VERB)
def test_a_refusal_names_no_option_that_the_verb_lacks_or_that_is_for_other_footage(
    words, broken, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(broken)
    given = [f"{tmp_path}/{word}" if word.startswith("x.") else word for word in words.split()]
    options = build_parser().parse_args(given).options

    assert main([*given, "--quiet"] if given[0] != "nuke" else given) == 1

    said = capsys.readouterr().err
    named = set(re.findall(r"(?<!\S)--[a-z-]+", said))
    assert named <= options
    assert not named & {"--deinterlace", "--layer", "--input-colorspace", "--track"}
