"""App users of ODK Central: looked for by name, made only when there is none, allowed to fill in the one form."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import func

from pimcollect.db import transaction
from pimcollect.errors import PimError
from pimcollect.log import open_log
from pimcollect.servers.answers import bad_answer
from pimcollect.servers.http import Client
from pimcollect.servers.login import CENTRAL, Token, log_in, read_token
from pimcollect.servers.publishing import read_id, read_object, read_rows, read_text
from pimcollect.tables.app_users import AppUserRow, take_app_user
from pimcollect.tables.connections import ConnectionRow, token_context
from pimcollect.vault import SealKey, open_value, seal_value
from workers.hands import Hands

_ROLE = "app-user"
_TOKEN = re.compile(r"[A-Za-z0-9!$]{16,128}")
_log = open_log("releases")


@dataclass(frozen=True)
class _Wish:
    asked: UUID
    name: str
    public_key: bytes
    base: str
    project: str
    form: str
    token: Token = field(repr=False)


def answer_app_users(own: Hands) -> int:
    """Answer all that somebody waits for. Returns how many were answered or refused."""
    answered = 0
    while (wish := _take(own)) is not None:
        answered += 1
        if isinstance(wish, UUID):
            _record(own, wish, refused="token_unreadable")
            continue
        try:
            client = log_in(
                CENTRAL, wish.base, wish.token, private_hosts=own.settings.private_hosts, ca_file=own.settings.ca_file
            )
            with closing(client):
                token = _find_token(client, wish)
        except PimError as error:
            _record(own, wish.asked, refused=error.code.value)
        else:
            sealed = seal_value(token.encode(), to=SealKey(wish.public_key), context=f"app user|{wish.asked}")
            _record(own, wish.asked, sealed=sealed)
    return answered


def _take(own: Hands) -> _Wish | UUID | None:
    with transaction(own.sessions) as session:
        row = take_app_user(session)
        if row is None:
            return None
        connection = session.get_one(ConnectionRow, row.connection)
        try:
            plain = open_value(connection.sealed or b"", ring=own.keys.intake, context=token_context(connection.id))
            token = read_token(plain)
        except PimError:
            return row.id
        project, _, form = (connection.there or "").partition("/")
        return _Wish(row.id, row.name, row.public_key, connection.base, project, form, token)


def _find_token(client: Client, wish: _Wish) -> str:
    """The app user of this name, made when there is none; then its right to the form. Raises ServerError."""
    project = f"v1/projects/{quote(wish.project, safe='')}"
    users = read_rows(client.call("GET", f"{project}/app-users"))
    known = [row for row in users if row.get("displayName") == wish.name and row.get("token")]
    row = (
        known[0] if known else read_object(client.call("POST", f"{project}/app-users", json={"displayName": wish.name}))
    )
    rights = f"{project}/forms/{quote(wish.form, safe='')}/assignments/{_ROLE}"
    answer = client.call("GET", rights)
    number = read_id(row, "id", answer)
    if number not in {read_text(one, "id") for one in read_rows(answer)}:
        client.call("POST", f"{rights}/{number}", accept=(200, 409))
    token = read_text(row, "token")
    if not _TOKEN.fullmatch(token):
        raise bad_answer(client.host, "it names no token")
    return token


def _record(own: Hands, asked: UUID, *, sealed: bytes | None = None, refused: str | None = None) -> None:
    with transaction(own.sessions) as session:
        row = session.get(AppUserRow, asked, with_for_update=True)
        if row is not None:
            row.sealed, row.refused, row.answered_at = sealed, refused, func.clock_timestamp()
    if refused:
        _log.warning("app_user_refused", request=asked, reason=refused)
