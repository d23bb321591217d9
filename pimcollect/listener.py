"""The listening socket of the web processes: opened here, or handed down by whoever keeps it while they restart.

Handed down as service managers do it: LISTEN_PID names the process that it is for, LISTEN_FDS says how many sockets
there are, the first one is descriptor 3. As long as the giver holds it too, nobody is refused: connections wait.
"""

from __future__ import annotations

import errno
import os
import socket
import time

from pimcollect.errors import ErrorCode, PimError
from pimcollect.launch import FIRST_HANDED

BACKLOG = 1024
"""Connections that may wait until a process takes them."""


def find_free_port(host: str, above: int) -> int:
    """A port that is free now, near the one that is taken."""
    for port in range(above + 1, min(above + 100, 65536)):
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) != 0:
                return port
    return 0


def take_listener(host: str, port: int, *, seconds: float = 0.0) -> socket.socket:
    """The socket that was handed to this process, else one of our own on `host` and `port`.

    Raises PimError as `open_listener` does, and for a handed socket that nothing can be accepted from.
    """
    count, meant_for = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    if not count or meant_for != str(os.getpid()):
        return open_listener(host, port, seconds=seconds)
    try:
        listener = socket.socket(fileno=os.dup(FIRST_HANDED)) if count == "1" else None
        is_listening = listener is not None and bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        listener, is_listening = None, False
    if listener is None or not is_listening or listener.family not in (socket.AF_INET, socket.AF_INET6):
        raise PimError(
            ErrorCode.BAD_SETTING,
            "What was handed down in LISTEN_FDS is not one listening TCP socket.",
            remedy="Give one ListenStream with a port in the socket unit, or start without it.",
        )
    os.close(FIRST_HANDED)
    return listener


def open_listener(host: str, port: int, *, seconds: float = 0.0) -> socket.socket:
    """The socket that all processes accept from; waits `seconds` for a taken port.

    Raises PimError, which names a free port when this one stays taken.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, (host, port), seconds=seconds)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PimError(
                ErrorCode.NOT_POSSIBLE_NOW,
                f"Port {port} on {host} is taken.",
                remedy=f"Port {find_free_port(host, port)} is free: set it in PIMCOLLECT_PORT, or give it with --port.",
            ) from error
        raise PimError(
            ErrorCode.BAD_SETTING,
            f"Cannot listen on {host}, port {port}: {error.strerror}.",
            remedy="Change PIMCOLLECT_BIND or PIMCOLLECT_PORT.",
        ) from error
    return listener


def _bind(listener: socket.socket, address: tuple[str, int], *, seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while True:
        try:
            return listener.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > ends_at:
                raise
        time.sleep(0.1)
