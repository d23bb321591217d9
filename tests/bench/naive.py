"""How not to do it: a hook that puts the whole body into the queue and answers, and a worker that stores it later.

The control of the chaos harness: under the same kills it must lose deliveries, else the harness sees nothing.
`python -m tests.bench.naive up --home DIR --port N` is its `pimcollect up`; `web` and `worker` are its processes.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import psycopg
from flask import Flask, request
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from pimcollect.cli import web
from pimcollect.config import Settings, read_settings
from pimcollect.embedded import start_servers
from pimcollect.home import Running, forget_running, lock_home, open_home, settle_in, write_running
from pimcollect.launch import launch
from pimcollect.listener import open_listener
from pimcollect.supervision import Child, Supervisor, keep_forked, stop_signals
from tests.bench.grounds import environment, find_port
from tests.journeys.station import Station

QUEUE = "naive"
_MAKE = "CREATE TABLE IF NOT EXISTS naive (root_id text NOT NULL, body text NOT NULL)"


class NaiveStation(Station):
    """A naive service, started and stopped like the real one."""

    COMMAND: ClassVar[tuple[str, ...]] = (sys.executable, "-m", "tests.bench.naive", "up")


def store(body: str) -> None:
    """The job."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO naive VALUES (%s, %s)", (json.loads(body)["_uuid"], body))


def make_app(settings: Settings) -> Flask:
    """A hook that answers before anything is stored."""
    app = Flask("naive")
    queue = Queue(QUEUE, connection=Redis.from_url(settings.redis_url), serializer=JSONSerializer)

    @app.post("/")
    def receive() -> tuple[str, int]:
        queue.enqueue("tests.bench.naive.store", request.get_data(as_text=True))
        return "", 200

    @app.get("/readyz")
    def tell() -> str:
        return ""

    return app


def run_web(settings: Settings) -> None:
    """As many processes as the real one has, on the same server."""
    roof: Any = SimpleNamespace(create_app=make_app)
    web._load_app_module = lambda: roof
    listener = open_listener(settings.bind, settings.port, seconds=3.0)
    names = [f"naive web {number + 1}" for number in range(settings.web_processes)]
    keep_forked({name: lambda: web.serve(settings, listener) for name in names})


def run_worker(settings: Settings) -> None:
    """One child that works, kept alive."""

    def work() -> None:
        connection = Redis.from_url(settings.redis_url)
        SimpleWorker([QUEUE], connection=connection, serializer=JSONSerializer).work(logging_level="ERROR")

    keep_forked({"naive worker": work})


def run_service(home: Path) -> None:
    """Servers, web and worker, until a stop signal."""
    supervisor = Supervisor()
    open_home(home)
    with lock_home(home), stop_signals() as stop:
        try:
            place = settle_in(home)
            start_servers(supervisor, place)
            settings = Settings(
                home=home,
                database_url=place.database_url(),
                redis_url=place.redis_url,
                door_keys=home / "none",
                hands_keys=home / "none",
                port=find_port(),
            )
            with psycopg.connect(settings.database_url) as connection:
                connection.execute(_MAKE)
            known = environment(settings, PIMCOLLECT_PORT=str(settings.port))
            for name in ("web", "worker"):
                start = partial(launch, [sys.executable, "-m", "tests.bench.naive", name], env=known)
                supervisor.start(Child(name, start))
            address = f"http://127.0.0.1:{settings.port}"
            write_running(home, Running(os.getpid(), address, settings.database_url, settings.redis_url))
            supervisor.watch_until(stop)
        finally:
            supervisor.stop()
            forget_running(home)


def main(words: list[str]) -> None:
    """`up --home DIR ...`, `web` or `worker`."""
    if words[0] == "up":
        run_service(Path(words[words.index("--home") + 1]))
    elif words[0] == "web":
        run_web(read_settings())
    else:
        run_worker(read_settings())


if __name__ == "__main__":
    main(sys.argv[1:])
