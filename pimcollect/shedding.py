"""What a web process refuses before it slows: too many requests waiting, too many bytes of bodies in memory.

The server reads a body into memory before the application sees it. So each large body is charged while it arrives; one
that does not fit any more is read to its end and thrown away, because a sender that is cut off takes the delivery for
lost, while one that reads 503 keeps it and comes again. Requests that would wait are answered 503 by a thread of
their own, so that a database that hangs is known to the senders within moments.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import BadRequest
from waitress.utilities import Error as Refusal

SMALL_BYTES = 256 * 1024
"""Bodies up to this size are always read: a thousand connections of them fit."""
BODIES = 12
"""So many bodies of the largest size fit into a process at once."""
DRAINED = 4
"""A body up to so many times too large is read to its end, so that its sender hears why."""
WAITING_FOR_A_THREAD = 25
"""Requests that may wait, for each thread."""
_LONGEST_WAIT_SECONDS = 2.0
_GRACE_SECONDS, _SLOWEST = 60, 100
"""After a minute a request that arrives with less than 100 bytes a second holds its place for nothing."""
_NEVER_SHED = ("/healthz",)
_RETRY_SECONDS = "30"


class Overloaded(Refusal):
    """503 with when to come again; says nothing of the request."""

    code = 503
    reason = "Service Unavailable"

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body, as the server asks for them."""
        body = json.dumps({"error": "away"}).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Retry-After", _RETRY_SECONDS), ("Cache-Control", "no-store")]
        return f"{self.code} {self.reason}", headers, body


Tell = Callable[[str, int, str], tuple[list[tuple[str, str]], bytes] | None]
"""Path, status and accepted languages -> headers and body for whoever calls there; None: the server's own are right."""


class Told(Refusal):
    """A refusal in the words of the door that was called."""

    def __init__(self, of: Any, headers: list[tuple[str, str]], body: bytes) -> None:
        super().__init__("")
        self.code, self.reason = of.code, of.reason
        self._headers, self._body = headers, body

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body, as the server asks for them."""
        return f"{self.code} {self.reason}", self._headers, self._body


class Budget:
    """Bytes of large bodies that one process may hold."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held = 0

    def charge(self, size: int) -> bool:
        """False when it does not fit any more; nothing is charged then."""
        with self._lock:
            if self._held + size > self._most:
                return False
            self._held += size
            return True

    def release(self, size: int) -> None:
        """Give back what was charged."""
        with self._lock:
            self._held -= size


class _Nothing:
    """A buffer that keeps nothing."""

    def __len__(self) -> int:
        return 0

    def append(self, _: bytes) -> None:
        """Forget it."""

    def getfile(self) -> BytesIO:
        """An empty file."""
        return BytesIO()

    def close(self) -> None:
        """Nothing to close."""


class BoundedParser(HTTPRequestParser):
    """A request as it arrives. A body over the limit, or one too many, is read and not kept."""

    budget: Budget
    max_body_bytes: int
    tell: Tell
    error: Any
    body_rcv: Any

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.began_at = time.monotonic()
        self._charged = 0
        self._is_kept, self._is_shed = True, False

    def received(self, data: bytes) -> int:
        """Take what came; returns how much of it belongs to this request."""
        consumed: int = super().received(data)
        if self.body_rcv is not None and self._is_kept:
            self._weigh()
        if self.completed and self.error is None and self.body_rcv is not None:
            self._conclude()
        if self.error is not None:
            self.refuse(self.error)
        return consumed

    def _weigh(self) -> None:
        size = self.body_bytes_received
        if max(size, self.content_length) > self.max_body_bytes:
            self._drop()  # the application refuses it by its length
        elif size > max(SMALL_BYTES, self._charged):
            if self.budget.charge(size - self._charged):
                self._charged = size
            else:
                self._is_shed = True
                self._drop()

    def _drop(self) -> None:
        self._is_kept = False
        self.body_rcv.buf.close()
        self.body_rcv.buf = _Nothing()
        self._give_back()

    def _conclude(self) -> None:
        if self._is_shed:
            self.error = Overloaded("")
        elif not self._is_kept and self.chunked:
            self.headers["CONTENT_LENGTH"] = str(self.body_bytes_received)

    def _give_back(self) -> None:
        charged, self._charged = self._charged, 0
        self.budget.release(charged)

    def refuse(self, error: Any) -> None:
        """Answer without the application. The server's own words repeat the request. And 501 is temporary to nobody: no
        proxy should try it again."""
        self.error = BadRequest("") if error.code == 501 else error
        self.error.body = ""
        path = getattr(self, "path", "")  # there is none before the first line was understood
        told = self.tell(path, self.error.code, self.headers.get("ACCEPT_LANGUAGE", ""))
        if told is not None:
            self.error = Told(self.error, *told)

    def is_starving(self) -> bool:
        """True for a request that arrives too slowly to be one."""
        age = time.monotonic() - self.began_at
        arrived = self.header_bytes_received + self.body_bytes_received
        return age > _GRACE_SECONDS and arrived < age * _SLOWEST

    def close(self) -> None:
        """The request is over."""
        super().close()
        self._give_back()


class BoundedChannel(HTTPChannel):
    """A connection that gives back what its half a request was charged, when it is closed in the middle of it."""

    def handle_close(self) -> None:
        """The connection is over."""
        if self.request is not None:
            self.request.close()
            self.request = None
        super().handle_close()


class SheddingDispatcher(ThreadedTaskDispatcher):
    """Hands requests to threads; to a thread apart, which only says 503, when they would wait for too long."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._most_waiting = threads * WAITING_FOR_A_THREAD
        self._porter = ThreadedTaskDispatcher()
        self._porter.set_thread_count(1)
        self.set_thread_count(threads)

    def add_task(self, task: Any) -> None:
        """Queue a connection whose next request has arrived."""
        request = task.requests[0]
        if request.error is not None or request.path in _NEVER_SHED:
            self._porter.add_task(task)
        elif self._is_full():
            request.refuse(Overloaded(""))
            self._porter.add_task(task)
        else:
            task.queued_at = time.monotonic()
            super().add_task(task)

    def _is_full(self) -> bool:
        try:
            waits_since = self.queue[0].queued_at
        except IndexError:  # a thread was quicker
            return False
        return len(self.queue) >= self._most_waiting or time.monotonic() - waits_since > _LONGEST_WAIT_SECONDS


def bound_server(server: Any, *, max_body_bytes: int, tell: Tell) -> None:
    """Have a server read requests as above; `SheddingDispatcher` is given to it when it is made."""

    class Parser(BoundedParser):
        budget = Budget(BODIES * max_body_bytes)

    Parser.max_body_bytes = max_body_bytes
    Parser.tell = staticmethod(tell)

    class Channel(BoundedChannel):
        parser_class = Parser

    server.channel_class = Channel
    close_silent = server.maintenance

    def maintain(now: float) -> None:
        close_silent(now)
        for channel in list(server.active_channels.values()):
            if channel.request is not None and channel.request.is_starving():
                channel.will_close = True

    server.maintenance = maintain
