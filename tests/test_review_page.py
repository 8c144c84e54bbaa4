"""The page of a review in a browser: it scrubs, paints, tries, saves, and is whole after a reload."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from sghm_vs.media.readers import open_source
from sghm_vs.shots.review import Session
from sghm_vs.shots.review.keys import NOT, OPEN, PERSON
from sghm_vs.shots.review.server import ReviewServer
from sghm_vs.shots.settings import read_settings, review_folder
from tests.browser import chromium, watched_page
from tests.scenes import HEIGHT, WIDTH, scene

pytestmark = pytest.mark.browser

FIRST, LENGTH = 101, 12
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def session(model, tmp_path) -> Session:
    for n in range(LENGTH):
        picture = np.rint(255 * scene(n)[0][..., ::-1]).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"sh.{FIRST + n:04}.png"), picture)
    plate = tmp_path / "sh.####.png"
    how = {"model": model, "tr": 0, "device_index": -1}
    return Session(open_source(plate), review_folder(plate), how)


@pytest.fixture
def server(session) -> Iterator[ReviewServer]:
    server = ReviewServer(session)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser, server) -> Iterator[Any]:
    page = watched_page(browser)
    page.set_default_timeout(WAIT_MS)
    page.goto(server.url)
    page.wait_for_selector("body[data-ready]")
    yield page
    assert page.errors == []
    own = f"http://127.0.0.1:{server.server_port}/", "blob:", "data:"
    assert all(url.startswith(own) for url in page.asked)
    page.close()


def shown(page: Any) -> list[str]:
    """Return view, frame, generation of the alpha and version of keys that are on the canvas."""
    return str(page.evaluate("document.body.dataset.shown")).split()


def until(page: Any, is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + WAIT_MS / 1000
    while not is_so():
        assert time.monotonic() < ends, f"shown are {shown(page)}; {page.errors}"
        page.wait_for_timeout(20)


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return where on the screen a pixel of the footage is, all of which is shown."""
    box = page.locator("#picture").bounding_box()
    scale = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    left = box["x"] + (box["width"] - scale * WIDTH) / 2
    top = box["y"] + (box["height"] - scale * HEIGHT) / 2
    return left + scale * x, top + scale * y


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=6)
    page.mouse.up()


@pytest.mark.slow
def test_the_keyboard_scrubs_and_goes_no_farther_than_the_shot(page):
    assert shown(page)[:2] == ["overlay", "101"]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    until(page, lambda: shown(page)[1] == "103")
    page.keyboard.press("End")
    until(page, lambda: shown(page)[1] == "112")
    page.keyboard.press("j")
    until(page, lambda: int(shown(page)[1]) < 111)
    page.keyboard.press("k")
    page.keyboard.press("Home")
    until(page, lambda: shown(page)[1] == "101")
    page.keyboard.press("l")
    until(page, lambda: shown(page)[1] == "112")

    assert page.locator("#frame").input_value() == "112"


def test_a_frame_is_gone_to_by_its_number_and_by_a_link(browser, server, page):
    page.keyboard.press("g")
    page.keyboard.type("108")
    page.keyboard.press("Enter")
    until(page, lambda: shown(page)[1] == "108")
    page.keyboard.press("ArrowRight")
    until(page, lambda: shown(page)[1] == "109")
    page.keyboard.press("g")
    page.keyboard.type("812")
    page.keyboard.press("Enter")
    until(page, lambda: "812 is no frame of 101-112" in page.locator("#words").inner_text())
    assert page.locator("#frame").input_value() == "109"

    other = watched_page(browser)
    other.goto(f"{server.url}#frame=110")
    other.wait_for_selector("body[data-ready]")
    assert shown(other)[1] == "110"
    other.evaluate("location.hash = '#frame=103'")
    until(other, lambda: shown(other)[1] == "103")
    assert other.errors == []
    other.close()


def test_the_timeline_scrubs(page):
    box = page.locator("#timeline").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + 50)

    until(page, lambda: shown(page)[1] == "112")


def test_every_view_is_what_it_says(page, session):
    def pixel(x: int, y: int) -> list[int]:
        js = f"[...viewer.layers.picture.getContext('2d').getImageData({x}, {y}, 1, 1).data]"
        return list(page.evaluate(js))[:3]

    found = {}
    for key, view in enumerate(("plate", "alpha", "overlay", "over", "onion"), start=1):
        page.keyboard.press(str(key))
        until(page, lambda view=view: shown(page)[0] == view)
        found[view] = pixel(100, 88)
    with session.source.clip.get_frame(0) as frame:
        plate = [int(np.asarray(plane)[88, 100]) for plane in frame]
    alpha = session.exact_alpha(101)[88, 100]
    beside = session.exact_alpha(102)[88, 100]

    assert found["plate"] == plate
    assert found["alpha"] == [round(255 * alpha)] * 3
    gray = [128 + alpha * (code - 128) for code in plate]
    assert np.allclose(found["over"], gray, atol=1.5)
    assert np.allclose(found["onion"], [255 * alpha, 255 * alpha, 255 * beside], atol=1)
    page.keyboard.press("6")
    assert "--matte" in page.locator("#words").inner_text()
    page.keyboard.press("w")
    assert "on" in (page.locator("#wipe").get_attribute("class") or "")


def test_pixels_are_pixels_when_zoomed(page):
    page.mouse.move(*place(page, 100, 88))
    page.keyboard.press("z")
    assert page.evaluate("viewer.scale") == 1
    page.mouse.wheel(0, -960)
    page.wait_for_timeout(50)
    assert page.evaluate("viewer.scale") == pytest.approx(16)
    page.keyboard.press("z")
    assert page.evaluate("viewer.zoom") == 0


@pytest.mark.slow
def test_strokes_are_painted_swapped_erased_taken_back_and_whole_after_a_reload(page, session):
    page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    for _ in range(8):
        page.keyboard.press("]")
    size = page.evaluate("brush.size")
    assert size > 20
    drag(page, (30, 30), (90, 30))
    page.keyboard.press("x")
    drag(page, (200, 120), (260, 120))
    page.keyboard.press("e")
    drag(page, (80, 30), (81, 30))
    until(page, lambda: session.generation == 3)

    key = session.keys.read(102)
    assert (key[30, 40], key[120, 230], key[30, 81], key[90, 100]) == (PERSON, NOT, OPEN, OPEN)
    until(page, lambda: shown(page)[2] == "3")
    assert page.evaluate("viewer.sent.length") == 0

    page.keyboard.press("Control+z")
    until(page, lambda: session.generation == 4)
    assert session.keys.read(102)[30, 81] == PERSON
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("ArrowRight")
    until(page, lambda: shown(page)[1] == "102")
    there = "[...viewer.layers.key.getContext('2d').getImageData(40, 30, 1, 1).data]"
    until(page, lambda: page.evaluate("viewer.layers.key !== null"))
    assert page.evaluate(there)[1] > 200
    assert read_settings(session.path)["keys"] == session.keys.folder


@pytest.mark.slow
def test_strokes_that_follow_each_other_at_once_are_all_kept(page, session):
    page.keyboard.press("b")
    for row in range(20, 140, 20):
        drag(page, (40, row), (100, row))
    until(page, lambda: session.generation == 6)

    key = session.keys.read(101)
    assert all(key[row, 70] == PERSON for row in range(20, 140, 20))


def test_settings_are_tried_at_once_refused_in_words_and_saved_when_asked(page, session):
    invert = page.locator("label.knob", has_text="invert").locator("input")
    before = session.exact_alpha(101)
    invert.check()
    until(page, lambda: shown(page)[2] == "1")
    assert np.allclose(session.exact_alpha(101), 1 - before, atol=1e-6)
    assert not session.path.exists()

    page.locator("label.knob >> text=/^tr$/").locator("..").locator("input").fill("99")
    page.keyboard.press("Enter")
    until(page, lambda: "must be 0" in page.locator("#words").inner_text())
    assert session.generation == 1

    page.keyboard.press("Escape")
    page.locator("#picture").focus()
    page.keyboard.press("s")
    until(page, session.path.exists)
    assert read_settings(session.path)["invert"] is True


def test_in_and_out_are_marked(page, session):
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    until(page, lambda: session.state()["frames"] == "102-112")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("o")
    until(page, lambda: session.state()["frames"] == "102-111")
    page.keyboard.press("s")
    until(page, session.path.exists)

    assert str(read_settings(session.path)["frames"]) == "102-111"


def test_marks_that_follow_at_once_are_both_kept(page, session):
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")

    until(page, lambda: session.state()["frames"] == "102-103")


@pytest.mark.slow
def test_flagged_frames_are_found_by_measuring_and_gone_to(page, session):
    page.keyboard.press("m")
    until(page, lambda: page.evaluate("measured.state") in ("done", "failed"))
    found = session.measuring.state()
    assert found["state"] == "done"
    page.keyboard.press("n")
    flagged = [one["frame"] for one in found["shot"]["flagged"] if one["frame"] > FIRST]
    if flagged:
        until(page, lambda: shown(page)[1] == str(min(flagged)))
    else:
        assert "no flagged frame" in page.locator("#words").inner_text()


def test_all_of_the_page_fits_into_1280_by_720(page):
    for name in ("#save", "#timeline", "#panel", "#words"):
        box = page.locator(name).bounding_box()
        assert box["x"] + box["width"] <= 1280
        assert box["y"] + box["height"] <= 720
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.slow
def test_a_page_without_its_token_says_what_to_open(browser, server):
    page = browser.new_page()
    answer = page.goto(f"http://127.0.0.1:{server.server_port}/")

    assert answer.status == 403
    assert "it has a token" in page.inner_text("body")
    page.close()
