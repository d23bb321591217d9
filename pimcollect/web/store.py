"""The pages' database session: one for each request, and the one commit of an act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from flask import Flask, current_app
from sqlalchemy import Engine
from sqlalchemy.orm import Session, scoped_session

from pimcollect.db import open_sessions


def open_store(app: Flask, engine: Engine) -> scoped_session[Session]:
    """Give each request its own session, and put it away when the request ends."""
    scoped = scoped_session(open_sessions(engine))
    app.extensions["store"] = scoped

    @app.teardown_appcontext
    def put_away(_: BaseException | None) -> None:
        scoped.remove()

    return scoped


def reading() -> Session:
    """The session of this request; what is not committed by `acting` is rolled back at its end."""
    return cast("scoped_session[Session]", current_app.extensions["store"])()


@contextmanager
def acting() -> Iterator[Session]:
    """The session of this request, committed once when the block ends well and rolled back when it does not."""
    session = reading()
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
