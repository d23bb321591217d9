"""Where measurements run: a scratch home with real, durable servers, and web processes on free ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from pimcollect.config import Settings
from pimcollect.embedded import servers
from pimcollect.key_rings import create_keys

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


@contextmanager
def open_ground() -> Iterator[Settings]:
    """Settings of an installation that exists for as long as the block: commits are as durable as in service."""
    # a short path: sockets stand inside
    with tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        keys = home / "keys"
        settings = Settings(home=home, door_keys=keys / "door.json", hands_keys=keys / "hands.json", port=0)
        create_keys(settings.door_keys, settings.hands_keys)
        with servers(settings) as found:
            yield found


def find_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """What a process of this installation must know."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PIMCOLLECT_", "COV"))}
    return {
        **inherited,
        "PIMCOLLECT_HOME": str(settings.home),
        "PIMCOLLECT_DOOR_KEYS": str(settings.door_keys),
        "PIMCOLLECT_HANDS_KEYS": str(settings.hands_keys),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        **more,
    }


@contextmanager
def serve(settings: Settings, *words: str, ready: str) -> Iterator[int]:
    """Run `python -m <words>` as a web server on a free port until the block ends; yields the port."""
    port = find_port()
    command = [sys.executable, "-m", *words]
    process = subprocess.Popen(command, env=environment(settings, PIMCOLLECT_PORT=str(port)))
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}{ready}")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=_STOP_SECONDS)


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server for {address} ended with {process.returncode}")
        try:
            if requests.get(address, timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError(f"no answer from {address}")
