"""A published file from servers that do what servers do."""

import hashlib
from pathlib import Path

import pytest

from sghm_vs.errors import DownloadError
from sghm_vs.models.download import Patience, download
from tests import server
from tests.server import FileServer, serving

PAYLOAD = hashlib.shake_256(b"weights").digest(300_000)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()
HASTY = Patience(timeout_s=1.0, tries=3, pause_s=0.01)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / ".part.model.pth"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def fetch(part: Path, *servers: FileServer, **options: object) -> None:
    addresses = [each.address for each in servers]
    download(addresses, part, size=len(PAYLOAD), sha256=SHA256, patience=HASTY, **options)


def test_a_file_arrives_whole_and_every_byte_is_reported(part):
    reports = []

    with serving(PAYLOAD, server.whole) as web:
        fetch(part, web, report=lambda *numbers: reports.append(numbers))

    assert part.read_bytes() == PAYLOAD
    assert reports[-1] == (len(PAYLOAD), len(PAYLOAD))
    assert web.ranges == [None]


@pytest.mark.parametrize("fault", [server.truncating, server.stalling, server.resetting])
def test_a_transfer_that_breaks_is_continued_where_it_broke(fault, part):
    with serving(PAYLOAD, fault, fault, server.whole) as web:
        fetch(part, web)

    assert part.read_bytes() == PAYLOAD
    starts = [int((asked or "bytes=0-")[6:-1]) for asked in web.ranges]
    assert starts == sorted(starts)
    assert starts[1] > 0


@pytest.mark.parametrize(
    "fault",
    [
        server.silent,
        server.babbling,
        server.failing(429),
        server.failing(500),
        server.failing(503),
        server.redirecting("http://:no-address/"),
    ],
)
def test_what_may_pass_is_tried_again(fault, part):
    with serving(PAYLOAD, fault, server.whole) as web:
        fetch(part, web)

    assert part.read_bytes() == PAYLOAD
    assert len(web.asked) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (server.failing(403), "403"),
        (server.failing(404), "404"),
        (server.web_page, "a web page"),
        (server.announcing(-10), "announces 299990 bytes"),
        (server.announcing(10), "announces 300010 bytes"),
        (server.unannounced(1), "more than the 300000 bytes"),
        (server.corrupted, "another hash"),
        (server.redirecting("file:///etc/hostname"), "302"),
    ],
)
def test_what_will_not_pass_is_asked_for_once_and_the_next_address_is_taken(fault, said, part):
    with serving(PAYLOAD, fault) as bad, serving(PAYLOAD, server.whole) as good:
        with pytest.raises(DownloadError, match=said):
            fetch(part, bad)
        fetch(part, bad, good)

    assert len(bad.asked) == 2
    assert part.read_bytes() == PAYLOAD


@pytest.mark.parametrize("fault", [server.failing(500), server.silent])
def test_a_fault_that_stays_ends_after_a_bounded_number_of_tries(fault, part):
    hasty = Patience(timeout_s=0.2, tries=3, pause_s=0.01)

    with serving(PAYLOAD, fault) as web, pytest.raises(DownloadError, match="after 3 tries"):
        download([web.address], part, size=len(PAYLOAD), sha256=SHA256, patience=hasty)

    assert len(web.asked) == 3


def test_a_redirection_is_followed_and_the_range_goes_along(part):
    part.write_bytes(PAYLOAD[:1000])

    with (
        serving(PAYLOAD, server.whole) as store,
        serving(PAYLOAD, server.redirecting(store.address)) as web,
    ):
        fetch(part, web)

    assert part.read_bytes() == PAYLOAD
    assert store.ranges == ["bytes=1000-"]


def test_a_redirection_in_a_circle_ends(part):
    with (
        serving(PAYLOAD, server.redirecting("/model.pth")) as web,
        pytest.raises(DownloadError, match="loop"),
    ):
        fetch(part, web)

    assert len(web.asked) < 15


def test_a_server_that_ignores_ranges_is_heard_from_the_beginning(part):
    part.write_bytes(b"x" * 1000)

    with serving(PAYLOAD, server.without_ranges) as web:
        fetch(part, web)

    assert part.read_bytes() == PAYLOAD


def test_a_file_of_unannounced_length_arrives(part):
    with serving(PAYLOAD, server.unannounced()) as web:
        fetch(part, web)

    assert part.read_bytes() == PAYLOAD


@pytest.mark.parametrize(
    "old", [b"x" * 1000, b"x" * len(PAYLOAD), PAYLOAD + b"x"], ids=["short", "whole", "long"]
)
def test_a_part_of_another_file_is_dropped(old, part):
    part.write_bytes(old)

    with serving(PAYLOAD, server.whole) as web:
        fetch(part, web)

    assert part.read_bytes() == PAYLOAD


def test_a_part_that_is_whole_already_is_not_asked_for(part):
    part.write_bytes(PAYLOAD)

    with serving(PAYLOAD, server.failing(500)) as web:
        fetch(part, web)

    assert web.asked == []


@pytest.mark.parametrize("fault", [server.continuing_elsewhere, server.failing(416)])
def test_a_range_that_is_not_served_as_asked_is_begun_again(fault, part):
    part.write_bytes(PAYLOAD[:1000])

    with serving(PAYLOAD, fault, server.whole) as web:
        fetch(part, web)

    assert web.ranges == ["bytes=1000-", None]
    assert part.read_bytes() == PAYLOAD


def test_what_has_come_is_kept_for_the_next_time(part):
    with serving(PAYLOAD, server.truncating) as web, pytest.raises(DownloadError):
        fetch(part, web)

    assert 0 < part.stat().st_size < len(PAYLOAD)
    assert PAYLOAD.startswith(part.read_bytes())


def test_a_wrong_file_is_not_kept(part):
    with serving(PAYLOAD, server.corrupted) as web, pytest.raises(DownloadError):
        fetch(part, web)

    assert not part.exists()


def test_every_address_that_failed_is_named(part):
    with (
        serving(PAYLOAD, server.failing(404)) as one,
        serving(PAYLOAD, server.web_page) as other,
        pytest.raises(DownloadError) as failure,
    ):
        fetch(part, one, other)

    assert f"{one.address}: it answers 404" in str(failure.value)
    assert f"{other.address}: it serves a web page" in str(failure.value)


def test_a_server_that_is_not_there_is_said_to_be_so(part):
    with serving(PAYLOAD, server.whole) as gone:
        pass

    with pytest.raises(DownloadError, match=r"refused.* after 3 tries"):
        fetch(part, gone)


def test_a_name_that_does_not_resolve_is_not_tried_again_and_the_proxy_is_named(part, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waited"))

    with pytest.raises(DownloadError, match="HTTPS_PROXY"):
        download(["http://nowhere.invalid/x"], part, size=1, sha256=SHA256, patience=HASTY)


def test_the_proxy_of_the_environment_is_asked(part, monkeypatch):
    with serving(PAYLOAD, server.whole) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        address = "http://models.invalid/model.pth"
        download([address], part, size=len(PAYLOAD), sha256=SHA256, patience=HASTY)

    assert part.read_bytes() == PAYLOAD
    assert proxy.asked[0].path == address
