"""Nuke's scripts: written and read as graphs, and comps that are what they promise."""

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

from sghm_vs.cli import main
from sghm_vs.errors import SettingsError
from sghm_vs.hosts.nuke import comps
from sghm_vs.hosts.nuke.script import Braces, Node, UserKnob, expression, find, literal, write
from sghm_vs.media.writers import export as written
from sghm_vs.options import LAYOUTS
from tests.clips import noise_clip
from tests.nuke_graph import evaluate
from tests.nuke_reader import read

FOREIGN = r"""#! /usr/local/Nuke13.2v5/nuke-13.2 -nx
version 13.2 v5
define_window_layout_xml {<?xml version="1.0" encoding="UTF-8"?>
<layout version="1.0">
    <window x="0" y="0"/>
</layout>
}
Root {
 inputs 0
 name "/shots/a b/c.nk"
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
add_layer {before before.red before.green before.blue}
BackdropNode {
 inputs 0
 name Around
 label "a \[b] \{c\}"
}
Read {
 inputs 0
 file "C:/shots/a \"b\" \$c.%04d.exr"
 name Plate
}
set N1 [stack 0]
Dot {
 name Dot1
}
# a remark
StickyNote {
 inputs 0
 name Note
}
push 0
push $N1
push $N1
Merge2 {
 inputs 2+1
 mix {{"parent.mix * 2"}}
 name Merge1
}
clone node1|Blur|1 Blur {
 size {{curve x1 0 x9 4}}
 name Blur1
}
set C1 [stack 0]
Group {
 name Group1
 addUserKnob {20 tab l "The tab"}
 addUserKnob {4 choice l Choice t "line 1\nline 2" M {"Final Result" Matte ""}}
 choice "Final Result"
 addUserKnob {7 amount R 0 10}
 addUserKnob {22 go l Go -STARTLINE T "import x; x.go(\"\[a]\")"}
}
 Input {
  inputs 0
  name Input1
 }
set N2 [stack 0]
 Blur {
  name Inner
 }
push $N2
 Copy {
  inputs 2
  name Copy1
 }
 Output {
  name Output1
 }
end_group
clone $C1 {
 xpos 3
}
Write { name Write1; channels rgba }
"""


def test_scripts_of_others_are_read_as_the_graph_that_they_mean():
    nodes = read(FOREIGN)

    merge, group, last = (find(nodes, name) for name in ("Merge1", "Group1", "Write1"))
    plate, blur = find(nodes, "Plate"), find(nodes, "Blur1")
    assert merge.inputs == [plate, plate, None]
    assert blur.inputs == [merge]
    assert group.inputs == [blur]
    clone = last.inputs[0]
    assert clone is not None
    assert clone.original is blur
    assert clone.inputs == [group]
    assert last.knobs["channels"] == "rgba"
    assert find(nodes, "Dot1").inputs == [plate]
    taken = group.child("Input1")
    assert group.child("Copy1").inputs == [taken, group.child("Inner")]


def test_text_of_knobs_is_unescaped_and_what_is_computed_stays_as_it_is():
    nodes = read(FOREIGN)

    assert find(nodes, "Plate").knobs["file"] == 'C:/shots/a "b" $c.%04d.exr'
    assert find(nodes, "Around").knobs["label"] == "a [b] {c}"
    assert find(nodes, "Merge1").knobs["mix"] == expression("parent.mix * 2")
    assert find(nodes, "Blur1").knobs["size"] == Braces("{curve x1 0 x9 4}")
    tab, choice, amount, go = find(nodes, "Group1").user_knobs
    assert tab == UserKnob(20, "tab", {"l": "The tab"})
    assert choice.options["M"] == ("Final Result", "Matte", "")
    assert choice.options["t"] == "line 1\nline 2"
    assert amount.options["R"] == ("0", "10")
    assert go.options == {"l": "Go", "-STARTLINE": "", "T": 'import x; x.go("[a]")'}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Read {\n file a\n", "a { is not closed, at line 1"),
        ('Read {\n file "a\n}', "a quote is not closed, at line 2"),
        ("Dot {\n}\npush $N1\n", r"\$N1 is not set, at line 3"),
        ("Group {\n}\n Dot {\n }\n", "a group is not ended, at line 3"),
        ("Dot {\n}\nend_group\n", "end_group without a group"),
    ],
)
def test_what_is_no_script_is_refused_by_its_line(text, found):
    with pytest.raises(SettingsError, match=found):
        read(text)


def test_a_node_before_its_input_is_refused():
    below = Node("Dot", {"name": "Below"})

    with pytest.raises(SettingsError, match="'Below' is written after one that needs it"):
        write([Node("Dot", {}, [below]), below])


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.just("\n"))
names = st.from_regex(r"[A-Za-z]\w{0,6}", fullmatch=True)


@st.composite
def graphs(draw, depth: int = 0) -> list[Node]:
    nodes: list[Node] = []
    for n in range(draw(st.integers(1, 6))):
        taken = [node for node in nodes if node.kind != "BackdropNode"]
        inputs = draw(st.lists(st.sampled_from([None, *taken]), max_size=3)) if taken else []
        kinds = ["Dot", "Merge2", "BackdropNode", *(["Group"] if depth < 2 else [])]
        kind = draw(st.sampled_from(kinds))
        knobs = draw(st.dictionaries(names, texts, max_size=3))
        node = Node(kind, {**knobs, "name": f"{kind}{n}"}, inputs if kind != "BackdropNode" else [])
        if kind == "Group":
            node.children = draw(graphs(depth + 1))
            node.user_knobs = [UserKnob(4, "pick", {"l": draw(texts), "M": (draw(texts), "b")})]
        nodes.append(node)
    for node in taken_once(nodes):
        nodes.append(Node(node.kind, {"name": "Clone"}, [], original=node))
        break
    return nodes


def taken_once(nodes: list[Node]) -> list[Node]:
    return [node for node in nodes if node.kind == "Merge2"]


def shape(nodes: list[Node]) -> list[object]:
    """Return all that `nodes` say, with places in the list in place of nodes."""
    places = {id(node): n for n, node in enumerate(nodes)}
    return [
        (
            node.kind,
            node.knobs,
            [None if each is None else places[id(each)] for each in node.inputs],
            node.user_knobs,
            shape(node.children),
            None if node.original is None else places[id(node.original)],
        )
        for node in nodes
    ]


@pytest.mark.slow
@given(graphs())
@settings(max_examples=150, deadline=None)
def test_what_is_written_reads_back_as_the_same_graph(nodes):
    assert shape(read(write(nodes))) == shape(nodes)


@given(texts)
def test_a_path_means_itself_where_nuke_computes_brackets(path):
    assert literal(path).count("[") == literal(path).count("\\[")


KNOBS = {
    "Constant": {"channels", "color", "format"},
    "Copy": {"from0", "to0"},
    "Dilate": {"channels", "size"},
    "Blur": {"channels", "size"},
    "Merge2": {"operation"},
    "Read": {"file", "format", "first", "last", "origfirst", "origlast", "origset", "raw"},
    "Root": {"frame", "first_frame", "last_frame", "lock_range", "format"},
    "Group": {"edge", "reach", "disable"},
    "TimeOffset": {"time_offset"},
}
"""What these have in scripts that Nuke wrote; every node has a name and a place."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_template_has_only_classes_and_knobs_that_nuke_writes_itself(layout):
    nodes = read(write(comps.template(layout)))

    everything = [*nodes, *(each for node in nodes for each in node.children)]
    for node in everything:
        assert set(node.knobs) - {"name", "xpos", "ypos"} <= KNOBS.get(node.kind, set()), node.kind
    over = find(nodes, "Over")
    assert [each.name for each in over.inputs if each] == ["Background", "Premult1"]
    edge = find(nodes, "EdgeExtend")
    assert edge.knobs.get("disable", "false") == ("true" if layout == "fg" else "false")
    before = "Unpremult1" if layout in comps.COLORED else "CopyAlpha"
    assert [each.name for each in edge.inputs if each] == [before]
    reads = [node for node in nodes if node.kind == "Read"]
    assert len(reads) == (1 if layout in comps.COLORED else 2)


SIZE = 90, 160
GREEN = 0.8


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """A plate of one frame: a dark square with soft edges before a green wall, and its mattes."""
    drawn = np.zeros(SIZE, np.float32)
    drawn[20:70, 40:120] = 1
    alpha = cv2.GaussianBlur(drawn, (0, 0), 1.5)
    red, green = 0.2 * alpha, 0.1 * alpha + GREEN * (1 - alpha)
    planes = {"R": red, "G": green, "B": np.zeros_like(red)}
    for name, channels in (("plate", planes), ("truth", {"Y": alpha})):
        with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as file:
            file.write(str(tmp_path / f"{name} [1].0007.exr"))
    return tmp_path


def export(shot: Path, layout: str, *words: str) -> Path:
    out = shot / f"{layout} [1].####.exr"
    plate, truth = shot / "plate [1].####.exr", shot / "truth [1].####.exr"
    form = ["--alpha", str(truth), "--layout", layout, "--sample", "float", "--quiet"]
    assert main(["export", str(plate), "-o", str(out), *form, *words]) == 0
    return out


def composed(shot: Path, matte: Path, *words: str) -> tuple[list[Node], np.ndarray]:
    """Return the comp's nodes, and the green of its result over black."""
    script = shot / "comp.nk"
    assert main(["nuke", "comp", str(matte), "-o", str(script), *words]) == 0
    nodes = read(script.read_text())
    for node in nodes:
        if node.kind == "Read":
            # Nuke computes brackets in a file's name; ours have none left after that.
            node.knobs["file"] = str(node.knobs["file"]).replace("\\", "")
    find(nodes, "Background").knobs["color"] = "0 0 0 0"
    find(nodes, "EdgeExtend").knobs["edge"] = "60"
    return nodes, evaluate(find(nodes, "Over"), 7)["green"]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["matte", "alpha", "rgba", "layered", "multipart"])
def test_a_comp_of_any_layout_takes_the_old_wall_out_of_soft_edges(shot, layout, capsys):
    plate = [] if layout in comps.COLORED else ["--plate", str(shot / "plate [1].####.exr")]

    nodes, extended = composed(shot, export(shot, layout), *plate)

    find(nodes, "EdgeExtend").knobs["disable"] = "true"
    plain = evaluate(find(nodes, "Over"), 7)["green"]
    root = find(nodes, "") if not nodes[0].name else nodes[0]
    assert (root.knobs["first_frame"], root.knobs["last_frame"]) == ("7", "7")
    assert extended[45, 80] == pytest.approx(0.1, abs=1e-3)
    assert extended[0, 0] == 0
    assert plain.max() > 0.18
    assert extended.max() < 0.13
    assert "comp.nk" in capsys.readouterr().out


def test_color_that_is_clean_already_is_not_extended(shot):
    color, matte = export(shot, "fg", "--foreground", "estimate"), export(shot, "matte")

    nodes, over = composed(shot, matte, "--plate", str(color))

    assert find(nodes, "EdgeExtend").knobs["disable"] == "true"
    assert over.max() < 0.13


def test_a_matte_without_color_needs_a_plate(shot, capsys):
    code = main(["nuke", "comp", str(export(shot, "alpha")), "-o", str(shot / "a.nk")])

    assert code == 1
    assert "has no color of its own" in capsys.readouterr().err
    assert not (shot / "a.nk").exists()


def test_a_comp_replaces_nothing_unasked(shot, capsys):
    script = shot / "a.nk"
    script.write_text("precious")
    words = ["nuke", "comp", str(export(shot, "rgba")), "-o", str(script)]

    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err
    assert script.read_text() == "precious"
    assert main([*words, "--overwrite"]) == 0
    assert read(script.read_text())


@pytest.mark.parametrize(("start", "later"), [(None, -1), ("1001", 980)])
def test_a_comp_shows_a_movie_at_the_frames_that_the_matte_is_of(tmp_path, start, later):
    plate, matte, script = tmp_path / "p.mkv", tmp_path / "m.####.exr", tmp_path / "a.nk"
    clip = noise_clip(vs.RGB24, length=30)
    gray = clip.std.ShufflePlanes(0, vs.GRAY)
    written(clip, gray, plate, codec="ffv1", sidecar=False)
    words = ["--frames", "20-22", *([] if start is None else ["--start-number", start])]
    alpha = ["--alpha", str(plate), "--layout", "alpha", "--quiet", *words]
    assert main(["export", str(plate), "-o", str(matte), *alpha]) == 0

    assert main(["nuke", "comp", str(matte), "--plate", str(plate), "-o", str(script)]) == 0

    nodes = read(script.read_text())
    root = nodes[0]
    first = int(start or 20)
    assert find(nodes, "ToMatte").knobs["time_offset"] == str(later)
    numbers = (root.knobs["frame"], root.knobs["first_frame"], root.knobs["last_frame"])
    assert numbers == (str(first), str(first), str(first + 2))


def test_a_comp_shows_a_renumbered_matte_with_the_plates_own_frames(shot, tmp_path):
    matte, script = export(shot, "alpha", "--start-number", "1"), tmp_path / "a.nk"

    plate = str(shot / "plate [1].####.exr")
    assert main(["nuke", "comp", str(matte), "--plate", plate, "-o", str(script)]) == 0

    nodes = read(script.read_text())
    assert find(nodes, "ToMatte").knobs["time_offset"] == "-6"
    assert nodes[0].knobs["first_frame"] == "1"


def test_a_relative_comp_finds_footage_from_its_own_folder_on(shot):
    matte, script = export(shot, "alpha"), shot / "comps" / "a.nk"
    plate = str(shot / "plate [1].####.exr")
    words = ["nuke", "comp", str(matte), "--plate", plate, "-o", str(script)]
    script.parent.mkdir()

    assert main([*words, "--relative"]) == 0

    nodes = read(script.read_text())
    folder = "[file dirname [value root.name]]"
    files = [find(nodes, name).knobs["file"] for name in ("Plate", "Matte")]
    assert files == [f"{folder}/../{name} \\[1\\].%04d.exr" for name in ("plate", "alpha")]


def test_a_comp_of_a_matte_and_a_movie_that_nothing_pairs_says_what_to_type(tmp_path, capsys):
    plate = tmp_path / "p.mkv"
    clip = noise_clip(vs.RGB24, length=5)
    gray = clip.std.ShufflePlanes(0, vs.GRAY)
    written(clip, gray, plate, codec="ffv1", sidecar=False)
    written(clip[:3], gray[:3], tmp_path / "m.####.png", sidecar=False)
    matte = str(tmp_path / "m.####.png")
    words = ["nuke", "comp", matte, "--plate", str(plate), "-o", str(tmp_path / "a.nk")]

    assert main(words) == 1
    assert "--matte-start N" in capsys.readouterr().err
    assert main([*words, "--matte-start", "2"]) == 0
    assert find(read((tmp_path / "a.nk").read_text()), "ToMatte").knobs["time_offset"] == "-3"
    assert main([*words, "--alpha-start", "3", "--overwrite"]) == 0
    assert "is called --matte-start here" in capsys.readouterr().err
    assert find(read((tmp_path / "a.nk").read_text()), "ToMatte").knobs["time_offset"] == "-4"
