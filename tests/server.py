"""A web server that misbehaves on purpose: local, bounded, each request by a script."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOST_REQUESTS = 40
STALL_S = 3.0


class FileServer(ThreadingHTTPServer):
    """Serves `payload`; request n is answered by `script[n]`, and later ones by the last."""

    daemon_threads = True

    def __init__(self, payload: bytes, script: Sequence[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.payload = payload
        self.script = script
        self.asked: list[_Handler] = []
        self.is_closing = threading.Event()
        self._counting = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.pth"

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers["Range"] for request in self.asked]

    def answer_for(self, request: _Handler) -> Answer:
        with self._counting:
            self.asked.append(request)
            return self.script[min(len(self.asked), len(self.script)) - 1]

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    timeout = 5

    def do_GET(self) -> None:
        answer = self.server.answer_for(self)
        self.close_connection = True
        if len(self.server.asked) <= MOST_REQUESTS:
            answer(self)

    def log_message(self, *_: object) -> None:
        pass

    @property
    def payload(self) -> bytes:
        return self.server.payload

    @property
    def start(self) -> int:
        """The first byte that was asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        return int(asked[1]) if asked else 0

    def begin(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in {"Content_Type": "application/octet-stream", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def begin_rest(self) -> bytes:
        """Announce what was asked for, and return it."""
        rest, size = self.payload[self.start :], len(self.payload)
        if not rest:
            self.begin(416, 0, Content_Range=f"bytes */{size}")
        elif self.start:
            self.begin(206, len(rest), Content_Range=f"bytes {self.start}-{size - 1}/{size}")
        else:
            self.begin(200, len(rest))
        return rest


type Answer = Callable[[_Handler], None]


@contextmanager
def serving(payload: bytes, *script: Answer) -> Generator[FileServer]:
    with FileServer(payload, script) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.is_closing.set()
            server.shutdown()
            thread.join()


def whole(request: _Handler) -> None:
    request.wfile.write(request.begin_rest())


def without_ranges(request: _Handler) -> None:
    request.begin(200, len(request.payload))
    request.wfile.write(request.payload)


def truncating(request: _Handler) -> None:
    rest = request.begin_rest()
    request.wfile.write(rest[: len(rest) // 2])


def stalling(request: _Handler) -> None:
    truncating(request)
    request.wfile.flush()
    request.server.is_closing.wait(STALL_S)


def slowly(request: _Handler) -> None:
    """Late enough that another process asks meanwhile, if it asks at all."""
    request.server.is_closing.wait(STALL_S)
    whole(request)


def silent(request: _Handler) -> None:
    request.server.is_closing.wait(STALL_S)


def resetting(request: _Handler) -> None:
    truncating(request)
    request.wfile.flush()
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


def announcing(difference: int) -> Answer:
    """Announce that many bytes more than there are."""

    def answer(request: _Handler) -> None:
        request.begin(200, len(request.payload) + difference)
        request.wfile.write(request.payload)

    return answer


def unannounced(surplus: int = 0) -> Answer:
    """Say nothing of the length, and send that many bytes more than there are."""

    def answer(request: _Handler) -> None:
        request.begin(200, None)
        request.wfile.write(request.payload + bytes(surplus))

    return answer


def corrupted(request: _Handler) -> None:
    request.begin(200, len(request.payload))
    request.wfile.write(bytes(len(request.payload)))


def continuing_elsewhere(request: _Handler) -> None:
    size = len(request.payload)
    request.begin(206, size - request.start, Content_Range=f"bytes 0-{size - 1}/{size}")
    request.wfile.write(request.payload[request.start :])


def web_page(request: _Handler) -> None:
    request.begin(200, 13, Content_Type="text/html; charset=utf-8")
    request.wfile.write(b"<html></html>")


def redirecting(location: str) -> Answer:
    return lambda request: request.begin(302, 0, Location=location)


def failing(status: int) -> Answer:
    return lambda request: request.begin(status, 0)


def babbling(request: _Handler) -> None:
    request.wfile.write(b"this is not HTTP\r\n\r\n")
