"""A small load generator in a process of its own: keep-alive connections, one thread, nothing but the standard library.

`python -m tests.bench.load` reads a Plan as JSON on its standard input and prints what it saw as JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any

MARK = "00000000-0000-4000-8000-000000000000"
"""Stands in the body wherever each delivery has its own instance id."""
_OPENING_SECONDS = 0.03
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Plan:
    """What to send, to whom, and for how long."""

    port: int
    path: str
    headers: dict[str, str]
    body: str
    connections: int
    seconds: float
    host: str = "127.0.0.1"
    expected: int = 202
    """Status of an answer that says it was taken."""


@dataclass(frozen=True)
class Seen:
    """What came back: answers a second, milliseconds, and how many answers had another status than expected."""

    answers: int
    rate: float
    p50: float
    p95: float
    p99: float
    odd: int


class _Line:
    """One keep-alive connection with one request on its way at any time."""

    def __init__(self, plan: Plan) -> None:
        self.socket = socket.create_connection((plan.host, plan.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"POST {plan.path} HTTP/1.1", f"Host: {plan.host}:{plan.port}"]
        lines += [f"{name}: {value}" for name, value in plan.headers.items()]
        body = plan.body.encode()
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode()
        self.parts = (head + _HEAD_END + body).split(MARK.encode())
        self.received = b""
        self.sent_at = 0.0

    def send(self) -> None:
        self.received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(str(uuid.uuid4()).encode().join(self.parts))

    def receive(self) -> int | None:
        """The status of the answer once all of it is here."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.received += data
        head, found, rest = self.received.partition(_HEAD_END)
        if not found:
            return None
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
        if length is None:
            raise ConnectionError("an answer without a length")
        return int(head[9:12]) if len(rest) >= int(length[15:]) else None


def send_load(plan: Plan) -> Seen:
    """Send as fast as the answers come until the time is over.

    Connections are opened one after another under load, so that the process that is less busy takes the next one.
    """
    with selectors.DefaultSelector() as selector:
        for _ in range(plan.connections):
            line = _Line(plan)
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.send()
            _exchange(selector, _OPENING_SECONDS)
        started = time.perf_counter()
        seen = _exchange(selector, plan.seconds)
        took = time.perf_counter() - started
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    times = sorted(took for _, took in seen)
    odd = sum(status != plan.expected for status, _ in seen)
    return Seen(
        answers=len(times),
        rate=len(times) / took,
        p50=times[len(times) // 2] * 1000,
        p95=times[int(len(times) * 0.95)] * 1000,
        p99=times[int(len(times) * 0.99)] * 1000,
        odd=odd,
    )


def _exchange(selector: selectors.BaseSelector, seconds: float) -> list[tuple[int, float]]:
    """Send the next delivery on every line that has its answer; (status, seconds) of each."""
    seen: list[tuple[int, float]] = []
    until = time.perf_counter() + seconds
    while (now := time.perf_counter()) < until:
        for key, _ in selector.select(timeout=until - now):
            status = key.data.receive()
            if status is not None:
                seen.append((status, time.perf_counter() - key.data.sent_at))
                key.data.send()
    return seen


def run_load(plan: Plan) -> Seen:
    """The same in a process of its own, so that the caller's interpreter is not part of what is measured."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
        timeout=plan.seconds + 60,
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return Seen(**seen)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(send_load(Plan(**json.load(sys.stdin))))))
