"""
A local page's server: this machine alone, and who has the token.

Nothing is served from the disk by name: paths are those of a table, frames are numbers.
"""

from __future__ import annotations

import hmac
import json
import secrets
import select
import socket
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import vapoursynth as vs

from sghm_vs.errors import SettingsError, SghmError, message_of
from sghm_vs.shots.review.page import review_page
from sghm_vs.shots.review.session import OutdatedError, Session

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
TOKEN_BYTES = 32
TOKEN_HEADER = "X-Sghm-Token"  # noqa: S105 - the name of a header
BODY_MAX = 2**20
PASSED_OVER_MAX = 2**26
WAITS = "waits"
"""What routes of GETS find in place of a body: whether the page waits still."""
SILENCE_S = 30.0
"""A connection that says nothing for so long is ended."""
HTML, JSON, PNG = "text/html; charset=utf-8", "application/json", "image/png"

type Query = Mapping[str, str]
type Answer = tuple[str, bytes]
"""Content type and content."""


class ReviewServer(ThreadingHTTPServer):
    """Serves one session to whoever has `url`."""

    daemon_threads = True

    def __init__(self, session: Session, port: int = 0) -> None:
        """
        Listen on this machine's own address.

        Args:
            session: The shot.
            port: 0 is a free one.

        Raises:
            OSError: The port is taken.
        """
        super().__init__((ADDRESS, port), _Handler)
        self.session = session
        self.token = secrets.token_urlsafe(TOKEN_BYTES)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what went wrong, unless it is a page that has gone."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser calls this server."""
        return tuple(f"{name}:{self.server_port}" for name in NAMES)

    @property
    def url(self) -> str:
        """The page, with the token."""
        return f"http://{self.hosts[0]}/?token={self.token}"


class _RefusedError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    protocol_version = "HTTP/1.1"
    timeout = SILENCE_S

    def do_GET(self) -> None:
        """Answer with a page, a state or a picture."""
        self._answer(GETS)

    def do_POST(self) -> None:
        """Do what a page asks for, and answer with the state after it."""
        self._answer(POSTS)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: a page asks for many pictures."""

    def _answer(self, routes: Mapping[str, Callable[..., Answer]]) -> None:
        try:
            self._check_host()
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            self._check_token(query)
            body = self._body() if routes is POSTS else {}
            route = routes.get(parts.path)
            if route is None:
                msg = "there is nothing of this name"
                raise _RefusedError(404, msg)
            if routes is GETS:
                body = {WAITS: self._is_waiting}
            kind, content = route(self.server.session, query, body)
        except _RefusedError as error:
            self._fail(error.status, str(error))
        except OutdatedError as error:
            self._fail(409, str(error))
        except (SghmError, vs.Error) as error:
            self._fail(422, message_of(error).removeprefix("sghm: "))
        except (ValueError, TypeError, KeyError) as error:
            self._fail(400, f"this can't be read: {error}")
        else:
            self._send(200, kind, content)

    def _is_waiting(self) -> bool:
        """Tell whether the page waits for the answer, and has not hung up."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))
        except (OSError, ValueError):
            return False

    def _check_host(self) -> None:
        """Refuse pages of other names that lead here, and what other pages send."""
        if self.headers.get("Host") not in self.server.hosts:
            raise _RefusedError(403, "this host is not served")
        origin = self.headers.get("Origin")
        own = {f"http://{host}" for host in self.server.hosts}
        if origin is not None and origin not in own:
            raise _RefusedError(403, "this origin is not served")
        if self.command == "POST" and origin is None:
            raise _RefusedError(403, "a page says its origin")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise _RefusedError(403, "other pages are not served")

    def _check_token(self, query: Query) -> None:
        is_page = urlsplit(self.path).path == "/"
        given = query.get("token", "") if is_page else self.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            raise _RefusedError(403, "open the address that sghm review printed: it has a token")

    def _body(self) -> Mapping[str, Any]:
        if self.headers.get_content_type() != JSON:
            raise _RefusedError(415, f"what is sent is {JSON}")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_MAX:
            self._pass_over(length)
            raise _RefusedError(413, f"what is sent has a length, at most {BODY_MAX} bytes")
        found = json.loads(self.rfile.read(int(length)))
        if not isinstance(found, dict):
            raise _RefusedError(400, "what is sent is an object")
        return found

    def _pass_over(self, length: str) -> None:
        """Read what is too long and forget it: who is still sending would not see the answer."""
        left = min(int(length), PASSED_OVER_MAX) if length.isdecimal() else 0
        while left > 0 and (some := self.rfile.read(min(left, BODY_MAX))):
            left -= len(some)

    def _fail(self, status: int, why: str) -> None:
        # What was sent may not have been read: the next request would begin in it.
        self.close_connection = True
        self._send(status, JSON, json.dumps({"error": why}).encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        nonce = secrets.token_urlsafe(12)
        if kind == HTML:
            content = content.replace(b"{{nonce}}", nonce.encode())
        policy = (
            f"default-src 'none'; img-src blob: data:; connect-src 'self'; base-uri 'none'; "
            f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; frame-ancestors 'none'"
        )
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", f"{len(content)}")
            self.send_header("Content-Security-Policy", policy)
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)
        except (ConnectionError, TimeoutError):
            # The page has gone, or wants another frame by now.
            self.close_connection = True


def _as_json(said: object) -> Answer:
    return JSON, json.dumps(said).encode()


def _frame(query: Query) -> int:
    return int(query["frame"])


def _state(session: Session, query: Query, body: Mapping[str, Any]) -> Answer:
    del query, body
    return _as_json(session.state())


def _try(session: Session, query: Query, body: Mapping[str, Any]) -> Answer:
    del query
    settings = body["settings"]
    if not isinstance(settings, dict):
        msg = "settings are an object"
        raise SettingsError(msg)
    session.try_settings(settings)
    return _as_json(session.state())


def _paint(session: Session, query: Query, body: Mapping[str, Any]) -> Answer:
    del query
    session.paint(body)
    return _as_json(session.state())


def _clear(session: Session, query: Query, body: Mapping[str, Any]) -> Answer:
    del query
    session.clear(int(body["frame"]))
    return _as_json(session.state())


def _undo(session: Session, query: Query, body: Mapping[str, Any]) -> Answer:
    del query, body
    undone = session.undo()
    return _as_json({**session.state(), "undone": undone})


def _save(session: Session, query: Query, body: Mapping[str, Any]) -> Answer:
    del query, body
    session.save()
    return _as_json(session.state())


def _measure(session: Session, query: Query, body: Mapping[str, Any]) -> Answer:
    del query, body
    session.measure()
    return _as_json(session.measuring.state())


GETS: Mapping[str, Callable[[Session, Query, Mapping[str, Any]], Answer]] = {
    "/": lambda session, *_: (HTML, review_page(session.source.name).encode()),
    "/api/state": _state,
    "/api/measured": lambda session, *_: _as_json(session.measuring.state()),
    "/api/plate": lambda session, query, _: (PNG, session.plate(_frame(query))),
    "/api/matte": lambda session, query, _: (PNG, session.matte(_frame(query))),
    "/api/key": lambda session, query, _: (PNG, session.key(_frame(query))),
    "/api/alpha": lambda session, query, body: (
        PNG,
        session.alpha(_frame(query), int(query["generation"]), body[WAITS]),
    ),
}
POSTS: Mapping[str, Callable[[Session, Query, Mapping[str, Any]], Answer]] = {
    "/api/try": _try,
    "/api/stroke": _paint,
    "/api/clear": _clear,
    "/api/undo": _undo,
    "/api/save": _save,
    "/api/measure": _measure,
}
