"""Unrelated pictures: what is matted, under which name, and what is refused before it begins."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest

from sghm_vs.cli import main
from sghm_vs.errors import ExportError, SourceError
from sghm_vs.models import load
from sghm_vs.models.arrays import read_model
from sghm_vs.models.weights import shipped
from sghm_vs.options import Matting
from sghm_vs.shots import stills
from sghm_vs.shots.stills import are_stills, matte_stills, plan
from tests.crowds import people_of, walker
from tests.scenes import scene


def write_still(path: Path, width: int = 64, height: int = 48) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = oiio.ImageOutput.create(str(path))
    image.open(str(path), oiio.ImageSpec(width, height, 3, "uint8"))
    image.write_image(np.full((height, width, 3), 128, np.uint8))
    image.close()
    return path


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of two pictures of different sizes, and a file that is none."""
    folder = tmp_path / "album"
    write_still(folder / "ann.png", 64, 48)
    write_still(folder / "bob 7%.jpg", 40, 80)
    (folder / "notes.txt").write_text("x")
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_picture_of_a_folder_is_matted_in_its_own_size_under_its_own_name(
    album: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    code = main(["matte", str(album), "-o", f"{out}/", "-o", f"{out}/{{name}}_v1.exr", "--quiet"])

    assert code == 0
    assert names_in(out) == ["ann.png", "ann_v1.exr", "bob 7%.png", "bob 7%_v1.exr"]
    sizes = [oiio.ImageBuf(str(out / name)).spec() for name in ("ann.png", "bob 7%.png")]
    assert [(spec.width, spec.height) for spec in sizes] == [(64, 48), (40, 80)]


def test_a_damaged_picture_does_not_stop_the_others(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "aaa.png").write_bytes(b"x")

    code = main(["matte", str(album), "-o", f"{tmp_path}/out/", "--json", "--quiet"])

    said = json.loads(capsys.readouterr().out)
    assert code == 1
    assert [Path(path).name for path in said["outputs"]] == ["ann.png", "bob 7%.png"]
    assert "is damaged" in said["failed"][str(album / "aaa.png")]


def test_a_pattern_in_a_pictures_name_is_only_a_name(tmp_path: Path) -> None:
    names = ["a ####.png", "b %04d.png", "{suffix}.png"]
    pictures = [write_still(tmp_path / "in" / name) for name in names]

    matte_stills(pictures, [f"{tmp_path}/out/"])

    assert names_in(tmp_path / "out") == names


def test_no_picture_sees_another(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures of one size, in one folder, are no shot: none is filtered over time."""
    seen = []
    monkeypatch.setattr(
        stills, "rotoscope", lambda source, _, **how: seen.append((source, how["matting"]))
    )

    matte_stills([album], [f"{tmp_path}/out/"])

    assert [source.path.name for source, _ in seen] == ["ann.png", "bob 7%.jpg"]
    assert {prepared.matting.settings.tr for _, prepared in seen} == {0}


def test_the_network_is_loaded_once_for_all_pictures(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shutil.copy(shipped().path, tmp_path)
    read = []
    monkeypatch.setattr(load, "read_model", lambda path: read.append(path) or read_model(path))

    matte_stills([album], [f"{tmp_path}/out/"], matting=Matting(model=model, device_index=-1))

    assert len(read) == 1
    assert len(names_in(tmp_path / "out")) == 2


def test_what_all_pictures_would_fail_of_is_said_once(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", "nope", "--quiet"]

    assert main(["matte", str(album), "-o", f"{tmp_path}/out/", *words]) == 1

    assert capsys.readouterr().err.count("nope") == 1


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("out/x.png", r"both be written to .* -o DIR/\{name\}_\{suffix\}\.png"),
        ("out/{name}.####.exr", "has a frame number"),
        ("{name}/x.png", "has a word in its folder"),
        ("album/", "among the pictures"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_anything_is_made(
    album: Path, tmp_path: Path, output: str, said: str
) -> None:
    with pytest.raises(ExportError, match=said):
        matte_stills([album], [f"{tmp_path}/{output}"])

    assert names_in(tmp_path) == ["album"]


def test_mattes_that_exist_are_kept(album: Path, tmp_path: Path) -> None:
    (tmp_path / "bob 7%.png").write_text("precious")

    with pytest.raises(ExportError, match="overwrite=True"):
        matte_stills([album], [f"{tmp_path}/"])

    assert (tmp_path / "bob 7%.png").read_text() == "precious"
    assert not (tmp_path / "ann.png").exists()


def test_a_picture_is_never_replaced_by_anothers_matte(tmp_path: Path) -> None:
    pictures = [write_still(tmp_path / name) for name in ("a.jpg", "a.png")]

    with pytest.raises(ExportError, match="among the pictures"):
        matte_stills(pictures[:1] + pictures[1:], [f"{tmp_path}/{{name}}.png"])


def test_two_pictures_of_one_name_are_told_apart_by_their_suffix(tmp_path: Path) -> None:
    pictures = [tmp_path / "a.jpg", tmp_path / "a.png"]

    planned = plan(pictures, ["out/{name}_{suffix}.png"])

    assert [still.outputs[0].name for still in planned] == ["a_jpg.png", "a_png.png"]


def test_a_folder_is_stills_only_where_no_two_pictures_are_numbered_alike(tmp_path: Path) -> None:
    for name in ("album/ann.png", "album/bob1.png", "shot/p.1.png", "shot/p.2.png", "one/p.7.png"):
        write_still(tmp_path / name)

    found = {name: are_stills(tmp_path / name, ["x.mov"]) for name in ("album", "shot", "one")}

    assert found == {"album": True, "shot": False, "one": False}


def test_one_picture_may_be_named_after_too(tmp_path: Path) -> None:
    path = write_still(tmp_path / "ann.png")

    assert main(["matte", str(path), "-o", f"{tmp_path}/out/{{name}}.png", "--quiet"]) == 0

    assert names_in(tmp_path / "out") == ["ann.png"]


@pytest.mark.parametrize("words", [["--frames", "1-2"], ["--mask", "m.png"]])
def test_what_is_for_one_shot_is_refused(
    album: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matte", str(album), "-o", "out/", *words]) == 1

    assert "is for one shot" in capsys.readouterr().err


def test_several_sources_need_to_be_called_stills(
    album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [str(path) for path in sorted(album.glob("*.*g"))]

    assert main(["matte", *pictures, "-o", "x.mov"]) == 1

    assert "--stills" in capsys.readouterr().err


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="isn't a picture or a folder of pictures"):
        matte_stills([tmp_path / "a.mov"], ["out/"])
    with pytest.raises(SourceError, match="is empty; names of pictures end in"):
        matte_stills([tmp_path], ["out/"])


@pytest.fixture
def two_and_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Pictures of two people who stand apart, of one of them, and of a wall.

    Who is who is known as it was drawn: the network of the tests sees people everywhere.
    """
    folder = tmp_path / "photos"
    couple = [walker(0, 80, 0, radius=30, texture=1), walker(0, 230, 0, radius=44, texture=2)]
    shown = {"couple": couple, "one": couple[:1], "wall": []}
    folder.mkdir()
    for name, people in shown.items():
        picture, _ = scene(0, people)
        codes = np.rint(picture[..., ::-1] * 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), codes)
    monkeypatch.setattr(
        stills,
        "look_for_people",
        lambda source, _: people_of(lambda _: shown[source.name], 1, source),
    )
    return folder


def test_each_person_of_a_picture_gets_their_own_matte_without_a_file(
    two_and_one: Path, tmp_path: Path, model: str
) -> None:
    out = tmp_path / "out"
    words = ["matte", str(two_and_one), "--stills", "--model", model, "--quiet"]

    assert main([*words, "-o", f"{out}/{{name}}_{{person}}.png", "-o", f"{out}/{{name}}.png"]) == 1

    assert names_in(out) == [
        "couple.png", "couple_person_01.png", "couple_person_02.png", "one.png", "one_person_01.png",
    ]  # fmt: skip
    first, second, whole = (
        cv2.imread(str(out / f"couple{end}.png"), cv2.IMREAD_UNCHANGED).astype(int)
        for end in ("_person_01", "_person_02", "")
    )
    assert np.array_equal(first + second, whole)
    assert first.any()
    assert second.any()
    assert not first[:, 200:].any()
    assert not second[:, :100].any()


def test_of_pictures_the_largest_person_or_one_by_id_is_matted_and_who_is_not_there_fails_alone(
    two_and_one: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["matte", str(two_and_one), "--stills", "--model", model, "--quiet", "--person"]

    assert main([*words, "largest", "-o", f"{out}/{{name}}.png"]) == 1
    assert main([*words, "2", "-o", f"{out}/{{name}}_2.png"]) == 1

    assert "one has nobody of id 2; there is 1 around" in capsys.readouterr().err
    assert names_in(out) == ["couple.png", "couple_2.png", "one.png"]
    assert (out / "couple.png").read_bytes() == (out / "couple_2.png").read_bytes()


def test_a_picture_of_nobody_gives_no_matte_of_a_person(
    two_and_one: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{tmp_path}/out/{{name}}_{{person}}.png"

    assert main(["matte", str(two_and_one), "--stills", "--model", model, "-o", out]) == 1

    assert "wall.png shows nobody" in capsys.readouterr().err
    assert "one_person_01.png" in names_in(tmp_path / "out")


def test_mattes_of_people_replace_nothing_and_stand_in_no_folder_s_name(
    two_and_one: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "one_person_07.png").write_text("mine")
    words = ["matte", str(two_and_one), "--stills", "--model", model, "--quiet"]

    assert main([*words, "-o", f"{out}/{{name}}_{{person}}.png"]) == 1
    assert main([*words, "-o", f"{out}/{{person}}/{{name}}.png"]) == 1

    said = capsys.readouterr().err
    assert "one_person_07.png exists already" in said
    assert "are for the file's name" in said
    assert names_in(out) == ["one_person_07.png"]


def test_a_program_is_made_for_each_size_only_where_many_pictures_share_it(tmp_path: Path) -> None:
    wide, tall = write_still(tmp_path / "wide.png"), write_still(tmp_path / "tall.png", 48, 64)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    enough = stills.STILLS_A_SIZE
    assert not stills.are_many_sizes([wide] * enough + [broken])
    assert stills.are_many_sizes([wide] * enough + [tall])
    assert not stills.are_many_sizes([wide] * enough + [tall] * enough)
    assert not stills.are_many_sizes([broken])


def test_of_many_pictures_the_sizes_of_a_few_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(stills, "_size_of", lambda path, _: opened.append(path) or (1, len(opened)))

    assert stills.are_many_sizes([tmp_path / f"{n}.png" for n in range(1000)])
    assert 12 < len(opened) <= stills.SIZES_LOOKED_AT
