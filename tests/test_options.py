"""Every knob is said once, and is everywhere that it belongs."""

import inspect
from dataclasses import fields, make_dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from sghm_vs import edges, options, sghm
from sghm_vs.cli import build_parser, main
from sghm_vs.cli.options import delivery_from, group_from, matting_from, opening_from
from sghm_vs.errors import SettingsError, SghmError
from sghm_vs.hosts.nuke.gizmo import bridge_node
from sghm_vs.options import (
    BatchOptions,
    Delivery,
    Edges,
    EditOptions,
    FrameRange,
    Guides,
    Matting,
    Opening,
    OutputFormat,
    PlanOptions,
    SceneStarts,
    Settings,
    ShotOptions,
    ShowOptions,
    from_words,
    knob,
    made_of,
    options_of,
    recorded,
    to_words,
)
from sghm_vs.shots.shot import rotoscope

OPENING = Opening(
    rate=Fraction(24000, 1001), missing="hold", colorspace="logc4", layer="hero", track=2,
    deinterlace="field", field_order="top", keep_windows=True, vfr=True,
)  # fmt: skip
MATTING = Matting(
    model="sghm-lite",
    device_index=(0, 1),
    backend="torch",
    fp16=False,
    guides=Guides(
        mask=Path("/mask.png"),
        mask_start=1001,
        mask_tr=1,
        trimap=Path("/trimap.png"),
        keys=Path("/keys"),
        key_span=12,
        keep=Path("/keep.png"),
        holdout=Path("/holdout.png"),
        screen="#00b140",
        guide_start=1002,
        guide_band=0.05,
        matte_channel="red",
        roi=(8, 0, 640, 480),
        people=Path("/people.json"),
        person="1,3",
    ),
    settings=Settings(
        sizing="image", infer_size=720, exposure=-1.5, tr="quality", sc_threshold=None
    ),
)
DELIVERY = Delivery(
    foreground="estimate",
    despill="green",
    despill_strength=0.5,
    output_format=OutputFormat(layout="fg", sample="float", compression="piz", codec="ffv1",
                               premultiplied=True, audio=True, quality=9),
    over=(1.0, 0.0, 0.0),
    timecode="01:00:00:00",
    version=3,
    start_number=-7,
    edges=Edges(black=0.1, white=0.9, gamma=1.2, despeckle=3, fill=4, grow=-1.5, feather=2,
                shape="core", width=9, invert=True),
)  # fmt: skip


@pytest.fixture
def _haze(monkeypatch):
    """A knob that is new: one entry in one group."""
    new = knob(0.25, "how hazy it is", parse=float, metavar="H", least=0, most=1, nuke="Haze")
    wider = make_dataclass(
        "Settings", [("haze", float, new)], bases=(Settings,), frozen=True, kw_only=True
    )
    monkeypatch.setattr(options, "Settings", wider)
    options._fields.cache_clear()
    options._by_flag.cache_clear()
    yield
    monkeypatch.undo()
    options._fields.cache_clear()
    options._by_flag.cache_clear()


@pytest.mark.usefixtures("_haze")
@pytest.mark.parametrize(
    "verb",
    [
        ["matte", "a.mov", "-o", "b.mov"],
        ["batch", "a.mov", "-o", "b"],
        ["timeline", "a.otio", "-o", "b"],
        ["farm", "plan", "a.mov", "-o", "b.json"],
    ],
)
def test_a_new_knob_is_an_option_of_every_verb_that_mattes(verb):
    args = build_parser().parse_args([*verb, "--haze", "0.5"])

    assert matting_from(args).settings.haze == 0.5
    assert matting_from(build_parser().parse_args(verb)).settings.haze == 0.25


@pytest.mark.usefixtures("_haze")
def test_a_new_knob_is_in_lists_in_plans_in_the_sidecar_and_in_nuke():
    matting = made_of(Matting, from_words(["--haze=0.5"]))

    assert to_words(matting) == ("--haze=0.5",)
    assert recorded(matting)["haze"] == "0.5"
    (user,) = [user for user in bridge_node().user_knobs if user.name == "haze"]
    assert (user.options["l"], user.options["R"]) == ("Haze", ("0", "1"))
    assert "haze" in str(bridge_node().knobs["sghm_options"]).split()


@pytest.mark.usefixtures("_haze")
def test_a_new_knob_has_its_range_everywhere():
    with pytest.raises(SettingsError, match=r"haze is 2\.0 and must be from 0 to 1"):
        made_of(Matting, from_words(["--haze=2"]))


@pytest.mark.parametrize(
    ("name", "flag", "said"),
    [
        ("gamma", None, "gamma is a knob of Settings and of Edges"),
        ("haze", "--gamma", "--gamma is a knob of Settings and of Edges"),
    ],
)
def test_a_knob_that_is_called_as_another_group_s_is_refused_by_both_groups(
    monkeypatch, name, flag, said
):
    new = knob(0.25, "how hazy it is", parse=float, metavar="H", flag=flag)
    wider = make_dataclass(
        "Settings", [(name, float, new)], bases=(Settings,), frozen=True, kw_only=True
    )
    monkeypatch.setattr(options, "Settings", wider)
    options._fields.cache_clear()
    options.check_names.cache_clear()

    with pytest.raises(TypeError, match=said):
        build_parser()

    monkeypatch.undo()
    options._fields.cache_clear()
    options.check_names.cache_clear()


@pytest.mark.parametrize(
    "group", [OPENING, MATTING, DELIVERY], ids=lambda group: type(group).__name__
)
def test_words_say_every_knob_and_read_back_as_it_was(group):
    words = to_words(group)

    said = {word.partition("=")[0].removeprefix("--no-").removeprefix("--") for word in words}
    unsaid = {option.flag.removeprefix("--") for option in options_of(type(group))} - said
    assert not unsaid, f"give {unsaid} another value than the default in the examples above"
    assert made_of(type(group), from_words(words)) == group


@pytest.mark.parametrize(
    "group", [OPENING, MATTING, DELIVERY], ids=lambda group: type(group).__name__
)
def test_the_command_line_reads_words_as_plans_do(group):
    args = build_parser().parse_args(["matte", "a.mov", "-o", "b.mov", *to_words(group)])

    found = {Opening: opening_from, Matting: matting_from, Delivery: delivery_from}[type(group)](
        args
    )
    assert found == group


def test_defaults_need_no_words():
    assert to_words(Opening()) == to_words(Matting()) == to_words(Delivery()) == ()


def test_all_options_of_a_shot_have_names_and_flags_of_their_own():
    found = [*options_of(ShotOptions)]

    assert len({option.name for option in found}) == len(found)
    assert len({option.flag for option in found}) == len(found)
    assert all(option.help for option in found)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--tr=often", "tr is 'often'"),
        ("--infer-size=big", "argument --infer-size: 'big' is no number"),
        ("--layout=cube", "argument --layout: 'cube' is none of rgba, matte"),
        ("--frames=9-2", "argument --frames: frames 9-2 end before they start"),
        ("--colour=red", "unrecognized arguments: --colour"),
        ("--audio=yes", "unrecognized arguments: --audio=yes"),
        ("--layout", "unrecognized arguments: --layout"),
    ],
)
def test_a_word_that_means_nothing_is_refused(word, said):
    with pytest.raises(SettingsError, match=said):
        made_of(ShotOptions, from_words([word]))


def test_what_is_repeated_adds_up_and_what_is_said_twice_is_the_last():
    found = from_words(["--to=a.mov", "--to=b.####.exr", "--frames=1-2", "--frames=3-4"])

    assert found == {"to": ("a.mov", "b.####.exr"), "frames": FrameRange(3, 4)}


def test_every_setting_is_an_argument_of_the_filter_that_a_shot_passes_on(tmp_path, monkeypatch):
    """Else a knob is recorded, and does nothing."""
    names = {field.name for field in fields(Settings) if "knob" in field.metadata}
    assert names <= inspect.signature(sghm).parameters.keys()
    passed = []

    def stop(*given: object, **_: object) -> None:
        passed.extend(given)
        msg = "seen"
        raise SghmError(msg)

    monkeypatch.setattr("sghm_vs.filter.sghm.sghm_prepared", stop)
    cv2.imwrite(str(tmp_path / "in.png"), np.zeros((64, 64, 3), np.uint8))
    matting = Matting(model="sghm-lite", settings=Settings(tr=1, exposure=0.5))
    with pytest.raises(SghmError, match="seen"):
        rotoscope(tmp_path / "in.png", [tmp_path / "out.png"], matting=matting)
    assert matting.settings in passed


def test_the_filters_have_the_defaults_of_the_options():
    """They are written out in the signatures, for editors to show."""
    matting = replace(Matting(), settings=Settings())
    own = {option.name: option.default for option in options_of(type(matting))}
    said = {name: one.default for name, one in inspect.signature(sghm).parameters.items()}
    shared = own.keys() & said.keys() - {"mask"}

    assert {"infer_size", "tr", "sizing", "exposure", "backend", "fp16", "model"} <= shared
    assert {name: own[name] for name in shared} == {name: said[name] for name in shared}
    shaping = {option.name: option.default for option in options_of(Edges)}
    assert shaping == {
        name: one.default
        for name, one in inspect.signature(edges).parameters.items()
        if name not in ("alpha", "keep", "holdout")
    }


@pytest.mark.parametrize(
    ("verb", "group", "words", "value"),
    [
        (["batch", "a.mov", "-o", "b"], BatchOptions, "--resume --jobs 3",
         BatchOptions(resume=True, jobs=3)),
        (["timeline", "a.edl", "-o", "b"], BatchOptions, "--overwrite --rehash",
         BatchOptions(overwrite=True, rehash=True)),
        (["timeline", "a.edl", "-o", "b"], EditOptions, "--media m --media n --handles 0 --rate 25",
         EditOptions(media=[Path("m"), Path("n")], handles=0, edit_rate=Fraction(25))),
        (["farm", "plan", "a.edl", "-o", "b"], EditOptions, "--tracks 1,3",
         EditOptions(tracks=(1, 3))),
        (["farm", "plan", "a.mov", "-o", "b"], PlanOptions,
         "--chunk-seconds 60 --frame-seconds 2 --threads 2 --cuts 120,340 --cuts sh=7",
         PlanOptions(chunk_s=60, frame_s=2, threads=2,
                     cuts=[SceneStarts("", (120, 340)), SceneStarts("sh", (7,))])),
        (["farm", "run", "plan.json"], ShowOptions, "--tries 5 --patience 60 --no-hash --mixed",
         ShowOptions(tries=5, patience_s=60, no_hash=True, mixed=True)),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)  # fmt: skip
def test_a_verbs_own_knobs_are_read_from_its_words_and_are_the_defaults_without(
    verb, group, words, value
):
    parser = build_parser()

    assert group_from(group, parser.parse_args([*verb, *words.split()])) == value
    assert group_from(group, parser.parse_args(verb)) == group()


@pytest.mark.parametrize(
    ("group", "value", "said"),
    [
        (BatchOptions, {"jobs": 0}, "jobs is 0 and must be at least 1"),
        (EditOptions, {"handles": -1}, "handles is -1 and must be at least 0"),
        (PlanOptions, {"threads": 0}, "threads is 0 and must be at least 1"),
        (PlanOptions, {"cuts": [7]}, "cuts is .* must be a list of"),
        (ShowOptions, {"tries": 0}, "tries is 0 and must be at least 1"),
        (ShowOptions, {"workers": -1}, "workers is -1 and must be at least 0"),
        (ShowOptions, {"engine": "sun"}, "engine is 'sun' and must be one of ray"),
    ],
)
def test_a_verbs_own_knob_has_its_range(group, value, said):
    with pytest.raises(SettingsError, match=said):
        group(**value)


def test_what_is_out_of_range_is_named_by_its_option_on_the_command_line(capsys):
    assert main(["farm", "run", "plan.json", "--patience", "-1"]) == 1

    assert "--patience is -1.0 and must be at least 0" in capsys.readouterr().err
