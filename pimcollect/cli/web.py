"""`pimcollect web`: waitress processes on one shared socket. Slow or lingering clients stall nobody."""

from __future__ import annotations

import signal
import socket
import threading
import time
from functools import partial
from importlib import import_module
from typing import Any

import click
from waitress import server as waitress_server

from pimcollect.cli.main import home_option
from pimcollect.config import Settings, read_settings
from pimcollect.db import warm
from pimcollect.embedded import servers
from pimcollect.launch import forbid_core_dumps
from pimcollect.listener import BACKLOG, take_listener
from pimcollect.log import configure_logging
from pimcollect.shedding import DRAINED, SheddingDispatcher, bound_server
from pimcollect.supervision import keep_forked
from webhooks.openrosa.replies import tell_early

_CHANNEL_SECONDS = 30
_CONNECTIONS = 1000
_DRAIN_SECONDS = 8.0
_STALLED_SECONDS = 1.0
_MEGABYTE = 1024 * 1024


def _load_app_module() -> Any:
    """The roof of the house, named by path: commands stand below it."""
    return import_module("pimcollect.app")


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve in this process until SIGTERM; then answer what has been asked already, accept no more, and return."""
    configure_logging("web")
    create_server: Any = waitress_server.create_server
    app = _load_app_module().create_app(settings)
    _warm_door(app, settings)
    server = create_server(
        app,
        _dispatcher=SheddingDispatcher(settings.web_threads),
        sockets=[listener],
        backlog=BACKLOG,
        channel_timeout=_CHANNEL_SECONDS,
        connection_limit=_CONNECTIONS,
        asyncore_use_poll=True,  # select() stops at 1024 descriptors
        # above the largest body up to here one is read and thrown away, so that the application can say 413
        max_request_body_size=settings.max_body_bytes * DRAINED,
        # a body above this would be spooled, in clear, to a file in the temp folder
        inbuf_overflow=settings.max_body_bytes + _MEGABYTE,
        # the answers too; an export is the largest
        outbuf_overflow=256 * _MEGABYTE,
        # create_app believes as many proxies as are configured; without any, nobody may claim another address
        clear_untrusted_proxy_headers=settings.trusted_proxies == 0,
        ident=None,
    )
    bound_server(server, max_body_bytes=settings.max_body_bytes, tell=tell_early)
    is_stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal is_stopping
        is_stopping = True
        server.pull_trigger()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    loop = partial(server.asyncore.loop, use_poll=True, map=server._map, count=1)
    while not is_stopping:
        loop(timeout=0.5)
    # what waits from now on is for whoever follows us
    server.del_channel()
    server.socket.close()
    ends_at = time.monotonic() + _DRAIN_SECONDS
    while _is_busy(server) and time.monotonic() < ends_at:
        loop(timeout=0.05)


def _warm_door(app: Any, settings: Settings) -> None:
    """Connections for a rush, in a thread: nobody waits for a database that is away."""
    door = app.extensions.get("door")
    if door is not None:
        count = settings.web_threads // 2
        threading.Thread(target=partial(warm, door.engine, count=count), name="warm", daemon=True).start()


def _is_busy(server: Any) -> bool:
    """True while a request is arriving or being answered: a hook's sender may not try again when it is cut off."""
    now = time.time()
    return any(
        channel.requests
        or channel.total_outbufs_len
        or (_is_arriving(channel) and now - channel.last_activity < _STALLED_SECONDS)
        for channel in list(server.active_channels.values())
    )


def _is_arriving(channel: Any) -> bool:
    """True in the middle of a request, and before the first one of a connection that was taken a moment ago."""
    return channel.request is not None or channel.last_activity == channel.creation_time


@click.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on. [default: PIMCOLLECT_PORT, or 8000]")
def web(port: int | None) -> None:
    """Serve hooks, phones and pages; one process for each of PIMCOLLECT_WEB_PROCESSES."""
    forbid_core_dumps()
    with servers(read_settings()) as settings:
        # children of a web process that was killed hold the port for a moment longer
        listener = take_listener(settings.bind, settings.port if port is None else port, seconds=3.0)
        # before the fork, so that a new process is there at once; the engine would load its driver in each
        _load_app_module()
        import_module("psycopg")
        names = [f"web {number + 1}" for number in range(settings.web_processes)]
        keep_forked({name: lambda: serve(settings, listener) for name in names}, before_stop=listener.close)
