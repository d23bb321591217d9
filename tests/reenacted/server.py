"""An HTTP server in a thread whose answers are functions; it remembers what it was asked, and can be troubled."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """One answer. `cut` breaks off after so many bytes of the body; `drip` sends a byte at a time, seconds apart."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0.0
    wait: float = 0.0


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class ReenactedServer:
    """Answers through `answer`; what stands in `troubles` is given instead, one for each request, first come first.

    Subclasses are vendors; they override `answer`. `trouble` puts a reply, or None for a request that is let through.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.troubles: deque[Reply | None] = deque()
        self.lock = threading.RLock()
        self.port = 0

    @property
    def base(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        """The same as a setting names it."""
        return f"127.0.0.1:{self.port}"

    def trouble(self, *replies: Reply | None) -> None:
        """What the next requests get."""
        self.troubles.extend(replies)

    def answer(self, asked: Asked) -> Reply:
        """What a healthy server says."""
        return Reply(404)

    def reply(self, asked: Asked) -> Reply:
        """What it says now."""
        with self.lock:
            self.asked.append(asked)
            trouble = self.troubles.popleft() if self.troubles else None
            return trouble or self.answer(asked)

    @contextmanager
    def listen(self, port: int = 0) -> Iterator[ReenactedServer]:
        """Listen on 127.0.0.1 until the block ends."""
        server = _Http(("127.0.0.1", port), _make_handler(self.reply))
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up, or was killed, is nothing to talk about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _make_handler(reply: Callable[[Asked], Reply]) -> type[BaseHTTPRequestHandler]:
    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _talk(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            asked = Asked(
                self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), self.rfile.read(length)
            )
            answer = reply(asked)
            time.sleep(answer.wait)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self._write(answer)

        def _write(self, answer: Reply) -> None:
            if self.command == "HEAD":
                return
            try:
                if answer.drip:
                    for byte in answer.body:
                        self.wfile.write(bytes([byte]))
                        time.sleep(answer.drip)
                else:
                    self.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
            except OSError:
                self.close_connection = True  # the caller hung up
            if answer.cut is not None:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _talk  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests look at `asked`."""

    return Talk
