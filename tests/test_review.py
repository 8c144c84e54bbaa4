"""A shot on a page, without a browser: who is served, what is painted, tried and saved."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from sghm_vs.cli import main
from sghm_vs.errors import SettingsError, SghmError, SourceError
from sghm_vs.media.readers import open_source
from sghm_vs.media.readers.keys import open_key
from sghm_vs.options import Matting, Settings
from sghm_vs.shots.review import Session
from sghm_vs.shots.review.keys import NOT, OPEN, PERSON, PaintedKeys, Stroke
from sghm_vs.shots.review.server import TOKEN_HEADER, ReviewServer
from sghm_vs.shots.review.session import OutdatedError
from sghm_vs.shots.settings import read_settings, review_folder
from tests.crowds import people_of, walker, write_shot
from tests.scenes import Person, scene

pytestmark = pytest.mark.usefixtures("by_graphs")

FIRST, LENGTH = 101, 8
HOW = "--tr", "1", "--device", "cpu"
STROKE = {"frame": 104, "value": "person", "size": 40, "points": [[40, 40], [60, 44]]}


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plates")
    for n in range(LENGTH):
        picture = np.rint(255 * scene(n)[0][..., ::-1]).astype(np.uint8)
        cv2.imwrite(str(folder / f"sh.{FIRST + n:04}.png"), picture)
    return folder


def unsaved(footage: Path, folder: Path) -> Path:
    """The shot in a folder where nothing was saved yet."""
    kept = folder / "kept"
    kept.mkdir()
    for file in footage.glob("*.png"):
        shutil.copy(file, kept)
    return kept / "sh.####.png"


@pytest.fixture
def plate(footage, tmp_path) -> Path:
    return unsaved(footage, tmp_path)


def opened(plate: Path, model: str, **values: object) -> Session:
    how = {"model": model, "tr": 1, "device_index": -1, **values}
    return Session(open_source(plate), review_folder(plate), how)


def matted(plate: Path, model: str, name: str, *words: str) -> dict[int, np.ndarray]:
    out = plate.parents[1] / name
    typed = ["matte", str(plate), "-o", str(out / "a.####.png"), "--model", model, "--quiet"]
    assert main([*typed, "--device", "cpu", *words]) == 0
    return {
        int(path.stem[2:]): cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted(out.glob("a.*.png"))
    }


# Who is served.


@pytest.fixture(scope="module")
def served(footage, model, tmp_path_factory) -> Iterator[ReviewServer]:
    plate = unsaved(footage, tmp_path_factory.mktemp("served"))
    server = ReviewServer(opened(plate, model))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def asked(
    server: ReviewServer, path: str, body: object = None, **headers: str | None
) -> tuple[int, bytes]:
    """Ask as the page does, but for `headers`; None leaves one out. Underscores are dashes."""
    host = f"127.0.0.1:{server.server_port}"
    usual: dict[str, str | None] = {"Host": host, TOKEN_HEADER: server.token}
    if body is not None:
        usual |= {"Origin": f"http://{host}", "Content-Type": "application/json"}
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    content = None if body is None else json.dumps(body).encode()
    connection.putrequest("GET" if body is None else "POST", path, skip_host=True)
    for name, value in usual.items():
        if value is not None:
            connection.putheader(name, value)
    if content is not None:
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


@pytest.mark.slow
def test_the_page_is_served_to_who_has_the_token(served):
    status, page = asked(served, f"/?token={served.token}")

    assert status == 200
    assert b"sghm review" in page
    assert b"{{" not in page
    assert served.token.encode() not in page
    assert asked(served, "/")[0] == 403
    assert asked(served, "/?token=")[0] == 403
    assert asked(served, f"/?token={served.token}x")[0] == 403


@pytest.mark.parametrize("path", ["/api/state", "/api/plate?frame=101", "/api/measured"])
def test_nothing_is_served_without_the_token(served, path):
    assert asked(served, path)[0] == 200
    assert asked(served, path, X_Sghm_Token=None)[0] == 403
    assert asked(served, path, X_Sghm_Token=served.token[:-1])[0] == 403
    assert asked(served, f"{path}&token={served.token}", X_Sghm_Token=None)[0] == 403


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1", "127.0.0.1:1", "localhost.evil:80", None]
)
def test_another_host_is_refused(served, host):
    assert asked(served, "/api/state", Host=host)[0] in (400, 403)
    assert asked(served, f"/?token={served.token}", Host=host)[0] in (400, 403)


@pytest.mark.parametrize("origin", ["http://example.org", "null", "https://127.0.0.1", None])
def test_what_another_page_sends_is_refused_and_changes_nothing(served, origin):
    assert asked(served, "/api/stroke", STROKE, Origin=origin)[0] == 403
    assert served.session.keys.numbers == []
    if origin is not None:
        assert asked(served, "/api/state", Origin=origin)[0] == 403
    assert asked(served, "/api/state", Sec_Fetch_Site="cross-site")[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc/passwd", "/api/../../sh.0101.png", "/sh.0101.png",
     "/api/plate/../../x", "//etc/passwd", "/api/"],
)  # fmt: skip
def test_no_file_is_served_by_name(served, path):
    assert asked(served, path)[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/plate?frame=1", 422), ("/api/plate?frame=x", 400), ("/api/plate", 400),
     ("/api/alpha?frame=101&generation=9", 409), ("/api/matte?frame=101", 422),
     ("/api/stroke", 404)],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(served, path, status):
    found, said = asked(served, path)

    assert found == status
    assert json.loads(said)["error"]


@pytest.mark.parametrize(
    ("body", "status"),
    [([], 400), ({"frame": 104}, 422), ({**STROKE, "points": []}, 422), ({**STROKE, "frame": 9}, 422),
     ({**STROKE, "value": "maybe"}, 422), ({**STROKE, "size": 1e9}, 422),
     ({**STROKE, "points": [[1e300, 0]]}, 422), ({**STROKE, "points": [["x", 0]]}, 422)],
)  # fmt: skip
def test_what_is_no_stroke_paints_nothing(served, body, status):
    assert asked(served, "/api/stroke", body)[0] == status
    assert served.session.keys.numbers == []


def test_what_is_sent_must_be_json_of_a_size(served):
    assert asked(served, "/api/undo", {}, Content_Type="text/plain")[0] == 415
    assert asked(served, "/api/try", {"settings": {"mask": "x" * 2**20}})[0] == 413
    assert asked(served, "/api/try", {"settings": 3})[0] == 422


def test_only_this_machine_is_listened_to(served):
    assert served.server_address[0] == "127.0.0.1"


# What is painted.


@pytest.fixture
def keys(tmp_path) -> PaintedKeys:
    return PaintedKeys(tmp_path / "keys", "a shot", (60, 80))


def stroke(value: int, *points: tuple[float, float], frame: int = 12, size: float = 10) -> Stroke:
    return Stroke(frame, value, size, points)


def test_a_stroke_is_on_the_disk_as_keys_are_read(keys):
    keys.paint(stroke(PERSON, (20, 20), (40, 20)))
    keys.paint(stroke(NOT, (20, 45)))

    (path,) = keys.folder.iterdir()
    assert path.name == "a_shot.0012.png"
    with open_key(path).get_frame(0) as frame:
        said = np.asarray(frame[0]).copy()
    assert said[20, 30] == 1
    assert said[45, 20] == 0
    assert said[5, 70] == 0.5
    assert 11 * 20 < (said == 1).sum() < 14 * 24
    assert keys.numbers == [12]


def test_a_brush_is_as_wide_as_it_says(keys):
    for size in (1, 2, 7, 30):
        keys.paint(stroke(PERSON, (40, 30), size=size, frame=size))
        area = (keys.read(size) == PERSON).sum()
        assert area == pytest.approx(np.pi / 4 * size**2, rel=0.25, abs=4)


def test_strokes_are_taken_back_one_by_one_over_frames(keys):
    keys.paint(stroke(PERSON, (20, 20)))
    keys.paint(stroke(NOT, (20, 20), frame=13))
    keys.paint(stroke(NOT, (60, 20)))
    keys.clear(12)

    assert keys.numbers == [13]
    assert keys.undo() == 12
    assert keys.read(12)[20, 60] == NOT
    assert keys.undo() == 12
    assert keys.read(12)[20, 60] == OPEN
    assert keys.undo() == 13
    assert keys.undo() == 12
    assert keys.numbers == []
    assert keys.undo() is None


def test_a_key_that_says_nothing_any_more_is_gone(keys):
    keys.paint(stroke(PERSON, (20, 20)))
    keys.paint(stroke(OPEN, (20, 20), size=40))

    assert keys.numbers == []


def test_keys_of_others_are_painted_on_and_keep_their_names(tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    gray = np.full((60, 80), 128, np.uint8)
    gray[:10] = 255
    gray[-10:] = 0
    cv2.imwrite(str(folder / "fix_000012.png"), gray)

    keys = PaintedKeys(folder, "shot", (60, 80))
    keys.paint(stroke(PERSON, (40, 30)))
    keys.paint(stroke(PERSON, (40, 30), frame=7))

    assert sorted(path.name for path in folder.iterdir()) == ["fix_000007.png", "fix_000012.png"]
    said = keys.read(12)
    assert (said[:10] == PERSON).all()
    assert (said[-10:] == NOT).all()
    assert said[30, 40] == PERSON


@pytest.mark.parametrize("name", ["k.0001.jpg", "notes.txt"])
def test_a_folder_of_other_things_is_not_painted_into(tmp_path, name):
    cv2.imwrite(str(tmp_path / name), np.zeros((4, 4), np.uint8)) if name.endswith("jpg") else (
        tmp_path / name
    ).write_text("")

    with pytest.raises(SourceError):
        PaintedKeys(tmp_path, "shot", (60, 80))


def test_a_key_of_another_size_is_refused_not_replaced(tmp_path):
    cv2.imwrite(str(tmp_path / "k.0012.png"), np.zeros((4, 4), np.uint8))
    keys = PaintedKeys(tmp_path, "shot", (60, 80))

    with pytest.raises(SourceError, match="is 4x4, and the footage 80x60"):
        keys.paint(stroke(PERSON, (1, 1)))


# What is tried and saved.


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, {"tr": "0", "grow": 2, "invert": True}, {"feather": "6", "guide-band": 0.05}],
)
def test_the_frame_that_is_tried_is_the_frame_that_is_delivered(plate, model, settings):
    session = opened(plate, model)
    session.paint(STROKE)
    session.try_settings(settings)
    session.save()

    delivered = matted(plate, model, "out")

    assert len(delivered) == LENGTH
    for number, codes in delivered.items():
        assert np.array_equal(np.rint(session.exact_alpha(number) * 65535), codes)


@pytest.mark.slow
def test_a_painted_key_reaches_the_next_matte_without_another_step(plate, model):
    before = matted(plate, model, "before", *HOW)
    session = opened(plate, model)
    session.paint({**STROKE, "value": "not"})

    after = matted(plate, model, "after", *HOW)

    assert after[104][42, 50] == 0
    assert before[104][42, 50] > 0
    without = matted(plate, model, "without", *HOW, "--no-settings")
    assert all(np.array_equal(without[n], before[n]) for n in before)
    session.undo()
    again = matted(plate, model, "again", *HOW)
    assert all(np.array_equal(again[n], before[n]) for n in before)


def test_settings_are_saved_when_it_is_asked_for_and_keys_at_once(plate, model):
    session = opened(plate, model)
    session.try_settings({"tr": "3", "grow": "-1.5"})
    assert not session.path.exists()
    assert not session.state()["is_saved"]

    session.paint(STROKE)
    saved = read_settings(session.path)
    assert saved == {"model": model, "tr": 1, "keys": session.keys.folder} | {
        "model": saved["model"]
    }

    session.try_settings({"frames": "102-105"})
    session.save()
    saved = read_settings(session.path)
    assert (saved["tr"], saved["grow"], str(saved["frames"])) == (3, -1.5, "102-105")
    assert "device_index" not in saved
    assert session.state()["is_saved"]
    again = Session(open_source(plate), session.folder, saved)
    assert again.keys.numbers == [104]
    assert again.state()["frames"] == "102-105"


def test_a_frame_that_nobody_waits_for_is_not_made(plate, model):
    session = opened(plate, model)

    with pytest.raises(OutdatedError, match="wanted no more"):
        session.alpha(101, 0, lambda: False)
    session.try_settings({"tr": 0})
    with pytest.raises(OutdatedError, match="tried no more"):
        session.alpha(101, 0)


@pytest.mark.slow
def test_other_edges_need_no_frame_matted_again(plate, model):
    session = opened(plate, model)
    plain = session.exact_alpha(104)
    made = session._unshaped[1]

    session.try_settings({"invert": True})

    assert session._unshaped[1] is made
    assert np.allclose(session.exact_alpha(104), 1 - plain, atol=1e-6)
    session.paint(STROKE)
    assert session._unshaped[1] is not made
    made = session._unshaped[1]
    session.try_settings({"tr": 0})
    assert session._unshaped[1] is not made


def test_marks_leave_the_alpha_that_is_tried(plate, model):
    session = opened(plate, model)
    session.try_settings({"frames": "102-103"})

    assert session.generation == 0
    with pytest.raises(SettingsError, match="frames 101-108, and 1-2 are marked"):
        session.try_settings({"frames": "1-2"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "words"),
    [({"trr": 1}, "is no setting"), ({"tr": 99}, "must be 0"), ({"tr": "many"}, "tr"),
     ({"model": "other"}, "can't be tried here"), ({"mask": "no.mov"}, "no.mov"),
     ({"mask": "x.vpy"}, "which is code"), ({"white": 0}, "white")],
)  # fmt: skip
def test_what_is_refused_leaves_what_was_tried(plate, model, said, words):
    session = opened(plate, model)

    with pytest.raises((SghmError, Exception), match=words):
        session.try_settings(said)

    assert session.generation == 0
    assert len(session.alpha(101, 0)) > 0


def meeting(n: int) -> list[Person]:
    return [walker(n, 60, 9, y=70, radius=30, texture=1), walker(n, 250, -2, y=120, texture=2)]


@pytest.mark.slow
def test_people_are_chosen_from_the_file_in_the_review(tmp_path, model):
    plate = write_shot(tmp_path / "shot", meeting, range(101, 107))
    folder = review_folder(plate)
    folder.mkdir()
    (folder / "people.json").write_text(people_of(meeting, 6, open_source(plate)).to_json())
    session = opened(plate, model, tr=0)
    whole = session.exact_alpha(101)
    assert [one["id"] for one in session.state()["people"]] == [1, 2]
    assert "people" not in session._tried.values, "who is there is listed, and nobody left out"

    session.try_settings({"person": "2"})
    session.save()

    alone = session.exact_alpha(101)
    assert alone[70, 60] == 0
    assert np.array_equal(alone[100:140, 240:260], whole[100:140, 240:260])
    saved = read_settings(session.path)
    assert (saved["people"], saved["person"]) == (folder / "people.json", "2")
    delivered = matted(plate, model, "out")
    assert np.array_equal(np.rint(alone * 65535), delivered[101])


@pytest.mark.slow
def test_a_finished_matte_is_compared_with_and_measured(plate, model):
    matted(plate, model, "out", *HOW, "--frames", "102-107")
    how = {"model": model, "tr": 1, "device_index": -1}
    matte = plate.parents[1] / "out" / "a.####.png"
    session = Session(open_source(plate), review_folder(plate), how, matte=matte)

    session.measure()
    ends = time.monotonic() + 60
    while session.measuring.state()["state"] == "running" and time.monotonic() < ends:
        time.sleep(0.05)

    found = session.measuring.state()
    assert (found["state"], found["shot"]["first"], found["shot"]["last"]) == ("done", 102, 107)
    shown, tried = (
        cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE).astype(int)
        for png in (session.matte(102), session.alpha(102, 0))
    )
    # Codes of 16 bits, and floats, are both rounded to 8.
    assert np.abs(shown - tried).max() <= 1


@pytest.mark.slow
def test_the_filter_s_own_alpha_is_measured_where_no_matte_is_given(plate, model):
    session = opened(plate, model, frames=None)
    session.try_settings({"frames": "101-103"})
    session.measure()
    ends = time.monotonic() + 60
    while session.measuring.state()["state"] == "running" and time.monotonic() < ends:
        time.sleep(0.05)

    found = session.measuring.state()
    assert (found["state"], found["shot"]["last"]) == ("done", 103)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_ending_the_server_loses_no_stroke(plate, model, how):
    if not hasattr(signal, how):
        pytest.skip(f"this system has no {how}")
    typed = [sys.executable, "-m", "sghm_vs", "review", str(plate), "--no-browser", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*typed, "--model", model, *HOW], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        url = json.loads(text)["url"]
        port, token = int(url.split(":")[2].split("/")[0]), url.partition("token=")[2]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {
            TOKEN_HEADER: token,
            "Origin": f"http://127.0.0.1:{port}",
            "Content-Type": "application/json",
        }
        connection.request("POST", "/api/stroke", json.dumps(STROKE), headers)
        assert connection.getresponse().status == 200
        process.send_signal(getattr(signal, how))
        code = process.wait(60)
        connection.close()
    assert code == {"SIGKILL": -9, "SIGINT": 130}[how]

    folder = review_folder(plate)
    assert read_settings(folder / "settings.toml")["keys"] == folder / "keys"
    session = opened(plate, model)
    assert session.keys.numbers == [104]
    assert session.keys.read(104)[42, 50] == PERSON
    assert {path.name for path in folder.rglob("*")} == {"settings.toml", "keys", "sh.0104.png"}


@pytest.mark.slow
def test_a_review_is_kept_elsewhere_when_asked(plate, model, tmp_path):
    session = Session(
        open_source(plate), tmp_path / "else", {"model": model, "tr": 0, "device_index": -1}
    )
    session.paint({**STROKE, "value": "not"})

    found = matted(plate, model, "out", "--settings", str(tmp_path / "else/settings.toml"))

    assert found[104][42, 50] == 0
    assert not review_folder(plate).exists()


def test_settings_that_the_page_shows_are_those_of_the_command_line(plate, model):
    state = opened(plate, model).state()

    shown = {knob["name"] for knobs in state["knobs"].values() for knob in knobs}
    assert {"tr", "infer-size", "grow", "invert", "mask", "guide-band", "person"} <= shown
    assert "keys" not in shown
    assert Matting().settings == Settings()
