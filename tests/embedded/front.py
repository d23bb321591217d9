"""A service with one web process and a hook on it, for tests that call its socket themselves."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.embedded.places import find_children, new_home
from tests.embedded.service import Service, command, environment, up

LARGEST = 2 * 1024 * 1024
"""Bytes of the largest body that this service takes."""


@dataclass(frozen=True)
class Front:
    """A service with one web process, and a hook on it."""

    service: Service
    path: str
    headers: dict[str, str]

    def post(self, body: bytes, *, seconds: float = 20.0) -> tuple[int, float]:
        """Status and how long it took."""
        began = time.monotonic()
        connection = http.client.HTTPConnection(self.service.host, timeout=seconds)
        try:
            connection.request("POST", self.path, body=body, headers={**self.headers, "Connection": "close"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status == 503:
                assert json.loads(said) == {"error": "away"}
                assert int(answer.headers["Retry-After"]) > 0
            return answer.status, time.monotonic() - began
        finally:
            connection.close()

    def begin(self, size: int, sent: int) -> socket.socket:
        """A connection that announced a body of `size` and has sent `sent` bytes of it."""
        host, _, port = self.service.host.partition(":")
        connection = socket.create_connection((host, int(port)), timeout=20)
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        connection.sendall(f"POST {self.path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {size}\r\n\r\n".encode())
        connection.sendall(b" " * sent)
        return connection

    def has_read_all(self) -> bool:
        """Whether nothing that was sent to the service still waits in the kernel."""
        end = f":{int(self.service.host.rpartition(':')[2]):04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        waiting = [line[4] for line in lines if line[1].endswith(end) or line[2].endswith(end)]
        return all(queues == "00000000:00000000" for queues in waiting)

    def database_url(self) -> str:
        return str(json.loads((self.service.home / "runtime.json").read_text())["database_url"])

    def memory(self) -> int:
        """Resident bytes of the web process that serves."""
        (child,) = find_children(self.service.find_child("pimcollect", "web"))
        lines = Path(f"/proc/{child}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


def _run(home: Path, *arguments: str) -> str:
    env = environment(PIMCOLLECT_HOME=str(home))
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=env, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def open_front() -> Iterator[Front]:
    """The service, for as long as the block."""
    settings = {"PIMCOLLECT_WEB_PROCESSES": "1", "PIMCOLLECT_WEB_THREADS": "4", "PIMCOLLECT_MAX_BODY_MB": "2"}
    with new_home() as home, up(home, **settings) as running:
        with psycopg.connect(json.loads((home / "runtime.json").read_text())["database_url"]) as database:
            database.execute("INSERT INTO forms (id, title) VALUES ('f', 'A form')")
        opened = json.loads(_run(home, "hooks", "open", "--form", "f", "--json"))
        yield Front(running, urlsplit(opened["url"]).path, opened["headers"])
