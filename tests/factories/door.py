"""A door on a real database, with a form and a hook behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import OpenedHook, open_hook
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import Bell
from pimcollect.key_files import follow_key_file
from pimcollect.tables.forms import FormRow
from pimcollect.vault import read_door_keys
from webhooks.hooks import SECRET_HEADER, Hooks
from webhooks.routes import Door, create_door


@dataclass(frozen=True)
class OpenDoor:
    """A client that posts to one hook as its server would."""

    client: FlaskClient
    hook: OpenedHook

    @property
    def url(self) -> str:
        return self.hook.path

    def post(self, body: bytes, **headers: str) -> Any:
        secret = {} if self.hook.is_secret_in_address else {SECRET_HEADER: self.hook.secret}
        return self.client.post(self.url, data=body, headers={**secret, **headers})


def put_form(session: Session, form: str = "pm_kac") -> None:
    """A form that has no version yet: enough for the door, which never reads one."""
    if session.get(FormRow, form) is None:
        session.add(FormRow(id=form, title=form))
        session.flush()


def make_app(settings: Settings, engine: Engine | None = None, *, puts: Engine | None = None) -> Flask:
    """The door alone, as the web process builds it; `puts` = an engine of autocommit, as it has there."""
    engine = engine or open_engine(settings.database_url, pool_size=8)
    read_keys = follow_key_file(settings.door_keys, read_door_keys)
    door = Door(puts or engine, read_keys, Hooks(engine), Bell(settings.redis_url))
    return create_door(door, max_body_bytes=settings.max_body_bytes)


def open_door(
    settings: Settings, engine: Engine, *, form: str = "pm_kac", server: str = "kobo", **more: Any
) -> OpenDoor:
    """A door with one hook for `form`; `more` = its networks or mapping."""
    with Session(engine) as session, session.begin():
        put_form(session, form)
        hook = open_hook(session, COMMAND_LINE, server=server, form=form, **more)
    return OpenDoor(make_app(settings, engine).test_client(), hook)
