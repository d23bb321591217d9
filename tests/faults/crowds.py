"""F19, F20 and F22: slow senders, large bodies, a rush."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import requests

from tests.bench.bodies import HOUSEHOLD
from tests.bench.killer import WEB, WORKER_CHILD, find_victims
from tests.bench.memory import read_rss
from tests.embedded.front import Front, open_front
from tests.faults.field import Field, open_field
from tests.faults.found import Found

_MOST_SECONDS, _RUSH_SECONDS = 1.0, 0.5
_BODY = 10 * 1024 * 1024
_MOST_MB = 400.0
_DRAIN_SECONDS = 300.0


def _begin_head(front: Front) -> socket.socket:
    """A connection that sends its headers for ever."""
    host, _, port = front.service.host.partition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall(f"POST {front.path} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode())
    return connection


def slow_senders(*, is_quick: bool) -> Found:
    """F19. 60, then 300 connections that drip headers or a body; others are answered meanwhile."""
    found, asked = Found(), 10 if is_quick else 100
    waits: list[float] = []
    with open_front() as front:
        for count in (60, 300):
            slow = [front.begin(100_000, 10) if one % 2 else _begin_head(front) for one in range(count)]
            try:
                for _ in range(asked):
                    for one in slow[:: max(1, count // 30)]:
                        one.sendall(b"x")
                    status, seconds = front.post(json.dumps({"_uuid": str(uuid4())}).encode())
                    found.expect(status == 202, f"{count} slow ones: another was told {status}")
                    waits.append(seconds)
                    found.n += 1
            finally:
                for one in slow:
                    one.close()
    found.note_waits(waits, most=_MOST_SECONDS)
    return found


def _post(field: Field, body: bytes) -> int:
    hook = field.hooks[HOUSEHOLD]
    return requests.post(hook.address, data=body, headers=dict(hook.headers), timeout=60).status_code


def large_bodies(*, is_quick: bool) -> Found:
    """F20. The largest body, one byte more, and ten megabytes of empty elements."""
    found, elements = Found(), b"<a/>" * ((_BODY - 200) // 4)
    bodies = {
        "10 MB": (b'{"_uuid": "large"}' + b" " * (_BODY - 18), 202),
        "10 MB + 1": (b" " * (_BODY + 1), 413),
        "10 MB of <a/>": (b'<data id="x">' + elements + b"</data>", 202),
    }
    with open_field(seed=20) as field:
        for _ in range(1 if is_quick else 5):
            for name, (body, expected) in bodies.items():
                began = time.monotonic()
                status = _post(field, body)
                found.expect(status == expected, f"{name}: {status} instead of {expected}")
                field.station.wait_until_settled(seconds=60)
                took = round(time.monotonic() - began, 1)
                found.notes[name] = f"{took} s"
                found.expect(took < 10, f"{name}: settled or held after {took} s")
                found.n += 1
        rows = field.station.query("SELECT state, reason FROM entries")
        # the blank one has an id and no answer, so no consent; the elements are more than a reader takes
        expected = [("held", "unreadable"), ("settled", "refused")]
        found.expect(sorted(rows) == expected, f"they became {rows}, each body once")
        assert field.station.process is not None
        victims = find_victims(field.station.process.pid)
        found.notes["MB"] = {role: round(max(map(read_peak, victims[role]))) for role in (WEB, WORKER_CHILD)}
        found.expect(found.notes["MB"][WORKER_CHILD] <= _MOST_MB, f"a worker took {found.notes['MB']} MB")
    return found


def read_peak(pid: int) -> float:
    """The most memory that a process ever had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
    return max(peak, read_rss(pid))


def rush(*, is_quick: bool) -> Found:
    """F22. As many as 500 a second by twenty senders for a minute, and the backlog that it leaves."""
    found, seconds = Found(), 3.0 if is_quick else 60.0
    count = 100 if is_quick else 30_000
    with open_field(seed=22) as field:
        posts = field.make(count)
        began = time.monotonic()
        crowd = field.send(posts, seconds=seconds, clients=20)
        found.notes["rate"] = round(count / (time.monotonic() - began))
        found.expect(set(crowd.statuses) <= {201, 202, 503}, f"answers: {dict(crowd.statuses)}")
        found.notes["shed_503"] = crowd.statuses[503]
        found.note_waits([wait for _, _, wait in crowd.answers], most=_RUSH_SECONDS)
        found.notes["drain_seconds"] = field.settle(seconds=_DRAIN_SECONDS)
        assert urlsplit(field.station.url).port == field.port
        return field.judge(found, crowds=(crowd,))
