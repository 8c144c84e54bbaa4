"""
A published file from the web: resumed, retried, and proven by its hash.

Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`), certificates from the system
or from `SSL_CERT_FILE`.
"""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sghm_vs.errors import DownloadError
from sghm_vs.files import sha256_of
from sghm_vs.progress import Progress

CHUNK = 1 << 18
BUSY = {408, 425, 429, 500, 502, 503, 504}
"""Answers that another try may change."""
RANGE_NOT_SATISFIABLE = 416

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, and how often to try."""

    timeout_s: float = 30.0
    """For a connection, and for each piece of the answer."""
    tries: int = 6
    """At each address, the first one included."""
    pause_s: float = 1.0
    """Before the second try; doubled before each further one."""


class _BrokenError(Exception):
    """This try failed, and another may not."""


class _RefusedError(Exception):
    """This address does not have the file, however often it is asked."""


def download(
    addresses: Sequence[str],
    part: Path,
    *,
    size: int,
    sha256: str,
    patience: Patience | None = None,
    report: Progress | None = None,
) -> None:
    """
    Make `part` the file that has `size` bytes and the hash `sha256`.

    What is in `part` already is continued. After a failure it keeps what has come, for the next
    time, unless it is whole and wrong.

    Raises:
        DownloadError: No address serves that file.
        OSError: `part` can't be written.
    """
    target = _Target(part, size, sha256, report)
    failures = []
    for address in addresses:
        try:
            _try_often(address, target, patience or Patience())
        except _RefusedError as error:
            failures.append(f"{address}: {error}")
        else:
            return
    raise DownloadError("; ".join(failures))


@dataclass(frozen=True, slots=True)
class _Target:
    """The file as it must become."""

    part: Path
    size: int
    sha256: str
    report: Progress | None

    def have(self) -> int:
        """Return how many bytes are there; more than there should be are as good as none."""
        found = self.part.stat().st_size if self.part.exists() else 0
        return found if found <= self.size else 0

    def is_right(self) -> bool:
        return sha256_of(self.part) == self.sha256


def _try_often(address: str, target: _Target, patience: Patience) -> None:
    """
    Fetch from `address` until the file is whole and right.

    Raises:
        _RefusedError: The address has another file or none, or every try broke.
    """
    pause = patience.pause_s
    for tries_left in reversed(range(patience.tries)):
        try:
            _fetch_rest(address, target, patience.timeout_s)
        except _BrokenError as error:
            if not tries_left:
                msg = f"{error}, after {patience.tries} tries"
                raise _RefusedError(msg) from error
            _log.warning("%s: %s; trying again in %.0f s", urlsplit(address).hostname, error, pause)
            time.sleep(pause)
            pause *= 2
        else:
            return


def _fetch_rest(address: str, target: _Target, timeout_s: float) -> None:
    """Fetch what `target` lacks, and check the whole."""
    have = target.have()
    if have < target.size:
        with _open(address, have, target, timeout_s) as answer:
            _write(answer, _start(answer, have, target), target)
    if target.is_right():
        return
    target.part.unlink()
    if have:
        # What was there may have been of another file; from its beginning it may be right.
        msg = "the continued file has another hash than the published one"
        raise _BrokenError(msg)
    msg = f"it serves a file with another hash than the published {target.sha256}"
    raise _RefusedError(msg)


def _open(address: str, have: int, target: _Target, timeout_s: float) -> http.client.HTTPResponse:
    headers = {"User-Agent": "sghm-vs", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    # Addresses are those of the table, and redirections lead only to http, https and ftp.
    request = urllib.request.Request(address, headers=headers)  # noqa: S310
    # Made anew, as the one that urllib keeps remembers the proxies of its first use.
    opener = urllib.request.build_opener()
    try:
        answer: http.client.HTTPResponse = opener.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE:
            target.part.unlink(missing_ok=True)
        is_passing = error.code in BUSY or error.code == RANGE_NOT_SATISFIABLE
        msg = f"it answers {error.code} {_words(error.reason)}"
        raise (_BrokenError if is_passing else _RefusedError)(msg) from error
    except urllib.error.URLError as error:
        raise _unreachable(error.reason) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        # ValueError is what urllib says of a redirection to something that is no address.
        raise _BrokenError(_words(error)) from error
    return answer


def _unreachable(reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _RefusedError(
            f"its certificate is not trusted ({reason.verify_message}); behind a proxy that "
            "opens connections, set SSL_CERT_FILE to its certificate"
        )
    if isinstance(reason, socket.gaierror):
        return _RefusedError(
            f"its name can't be resolved ({reason.strerror}); is there a network? Behind a proxy, "
            "set HTTPS_PROXY"
        )
    return _BrokenError(_words(reason))


def _start(answer: http.client.HTTPResponse, have: int, target: _Target) -> int:
    """
    Return at which byte of the file `answer` begins.

    Raises:
        _RefusedError: What is announced is not the file.
        _BrokenError: It is another part of the file than was asked for.
    """
    kind = answer.headers.get_content_type()
    if kind in ("text/html", "application/xhtml+xml"):
        msg = "it serves a web page in place of the file"
        raise _RefusedError(msg)
    start = have if answer.status == http.client.PARTIAL_CONTENT else 0
    if start:
        range_sent = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if range_sent is None or int(range_sent[1]) != have:
            target.part.unlink(missing_ok=True)
            msg = "it continues at another place than asked"
            raise _BrokenError(msg)
    if answer.length is not None and start + answer.length != target.size:
        msg = f"it announces {start + answer.length} bytes, and the file has {target.size}"
        raise _RefusedError(msg)
    return start


def _write(answer: http.client.HTTPResponse, start: int, target: _Target) -> None:
    """Write `answer` from byte `start` on."""
    have = start
    with target.part.open("ab" if start else "wb") as file:
        for chunk in _chunks(answer):
            have += len(chunk)
            if have > target.size:
                msg = f"it sends more than the {target.size} bytes of the file"
                raise _RefusedError(msg)
            file.write(chunk)
            if target.report is not None:
                target.report(have, target.size)
    if have < target.size:
        msg = f"the connection ended after {have} of {target.size} bytes"
        raise _BrokenError(msg)


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read1(CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_words(error)) from error


def _words(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return " ".join(str(error).split()) or type(error).__name__
