"""The floor of the door: a bare Flask route that inserts one row and commits, on the very server that serves the door.

`python -m tests.bench.bare SIZE` serves it with the settings of the environment, as `pimcollect web` would.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
from flask import Flask, request
from sqlalchemy import create_engine, text

from pimcollect.cli import web
from pimcollect.config import Settings, read_settings
from pimcollect.db import driver_url
from pimcollect.listener import open_listener
from pimcollect.supervision import keep_forked

MAKE = "CREATE TABLE IF NOT EXISTS bare (id uuid PRIMARY KEY, body bytea NOT NULL)"
_INSERT = text("INSERT INTO bare (id, body) VALUES (:id, :body)")


def make_app(settings: Settings) -> Flask:
    """One route. It reads what was sent and stores a row of the size that the sealed body has."""
    app = Flask("bare")
    # nothing on top of the library's own defaults: no test of a connection before it is used
    engine = create_engine(driver_url(settings.database_url), pool_size=max(2, settings.web_threads))
    size = int(sys.argv[1])

    @app.post("/")
    def put() -> tuple[str, int]:
        body = request.get_data().ljust(size)[:size]
        with engine.begin() as connection:
            connection.execute(_INSERT, {"id": uuid4(), "body": body})
        return "", 202

    @app.get("/readyz")
    def tell() -> str:
        return ""

    return app


def main() -> None:
    """Serve with as many processes and threads as the door."""
    settings = read_settings()
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(MAKE)
    roof: Any = SimpleNamespace(create_app=make_app)
    web._load_app_module = lambda: roof
    listener = open_listener(settings.bind, settings.port, seconds=3.0)
    names = [f"bare {number + 1}" for number in range(settings.web_processes)]
    keep_forked({name: lambda: web.serve(settings, listener) for name in names})


if __name__ == "__main__":
    main()
