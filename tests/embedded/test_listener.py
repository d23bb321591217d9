"""The listening socket: handed down, held while the web restarts, and never lost."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import pytest

from pimcollect.config import Settings
from pimcollect.launch import launch
from tests.embedded.places import find_children, new_home, read_command, wait_for
from tests.embedded.service import Service, environment, up

_WEB = [sys.executable, "-m", "pimcollect", "web"]
_SECONDS = 60


@pytest.mark.parametrize("kind", ["file", "datagrams", "not listening"])
def test_what_was_handed_down_and_is_no_listening_socket_is_told(kind: str, tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as file, socket.socket(type=socket.SOCK_DGRAM) as other, socket.socket() as idle:
        handed = {"file": file, "datagrams": other, "not listening": idle}[kind].fileno()
        env = environment(PIMCOLLECT_HOME=str(tmp_path), DATABASE_URL="postgresql://x@/x", REDIS_URL="redis://x")
        with launch(_WEB, env=env, output=subprocess.PIPE, handed=handed) as web:
            _, said = web.communicate(timeout=_SECONDS)
    assert web.returncode == 2
    assert b"LISTEN_FDS is not one listening TCP socket" in said
    assert b"Traceback" not in said


def _ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    connection.request("GET", "/healthz", headers={"Connection": "close"})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_whoever_came_before_the_web_started_is_answered(settings: Settings) -> None:
    """As a service manager starts it: the socket is there first."""
    env = environment(
        PIMCOLLECT_HOME=str(settings.home),
        DATABASE_URL=settings.database_url,
        REDIS_URL=settings.redis_url,
        PIMCOLLECT_DOOR_KEYS=str(settings.door_keys),
        PIMCOLLECT_PORT="1",  # the socket has its own
        PIMCOLLECT_WEB_PROCESSES="1",
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answers: list[int] = []
        early = threading.Thread(target=lambda: answers.append(_ask(port)))
        early.start()
        with launch(_WEB, env=env, handed=listener.fileno()) as web:
            early.join(_SECONDS)
            web.terminate()
    assert answers == [200]


@pytest.mark.slow
def test_nobody_is_refused_or_cut_off_while_the_web_parent_is_killed() -> None:
    seen: Counter[str] = Counter()
    is_over = threading.Event()

    def send(port: int) -> None:
        while not is_over.is_set():
            try:
                seen[str(_ask(port))] += 1
            except OSError as error:
                seen[type(error).__name__] += 1

    with new_home() as home, up(home) as service:
        port = int(service.host.rpartition(":")[2])
        senders = [threading.Thread(target=send, args=(port,)) for _ in range(4)]
        for one in senders:
            one.start()
        for deed in (signal.SIGKILL, signal.SIGTERM):
            before, asked = service.find_child("pimcollect", "web"), seen.total()
            wait_for(lambda: seen.total() > asked + 20, seconds=20)  # noqa: B023 - called at once
            os.kill(before, deed)
            wait_for(lambda: _is_replaced(service, before), seconds=_SECONDS)  # noqa: B023 - called at once
            asked = seen.total()
            wait_for(lambda: seen.total() > asked + 20, seconds=_SECONDS)  # noqa: B023 - called at once
        is_over.set()
        for one in senders:
            one.join(_SECONDS)
    assert set(seen) == {"200"}, seen


def _is_replaced(service: Service, before: int) -> bool:
    return any(pid != before and "pimcollect web" in read_command(pid) for pid in find_children(service.process.pid))
