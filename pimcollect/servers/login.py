"""A client that is logged in at a connected server, out of its opened token."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field

from pimcollect.errors import ErrorCode
from pimcollect.servers.answers import ServerError, bad_answer
from pimcollect.servers.http import Client

CENTRAL = "central"


@dataclass(frozen=True)
class Token:
    """What a connection was opened with."""

    user: str = field(repr=False)
    """Central only: the mail address of a web user."""
    secret: str = field(repr=False)


def read_token(plain: bytes) -> Token:
    """Read an opened token. Raises ServerError(REFUSED) for one that is none."""
    try:
        content = json.loads(plain)
        return Token(str(content["user"]), str(content["secret"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(
            ErrorCode.REFUSED, "The sealed token is broken.", remedy="Close the connection and connect again."
        ) from error


def log_in(server: str, base: str, token: Token, *, private_hosts: Collection[str] = (), ca_file: str = "") -> Client:
    """A client with the token's rights. Central gives a session of 24 hours for the password. Raises ServerError."""
    client = Client(base, private_hosts=private_hosts, ca_file=ca_file)
    try:
        if server == CENTRAL:
            client.authorization = f"Bearer {_open_session(client, token)}"
        else:
            client.authorization = f"Token {token.secret}"
    except BaseException:
        client.close()
        raise
    return client


def _open_session(client: Client, token: Token) -> str:
    body = {"email": token.user, "password": token.secret}
    content = client.call("POST", "v1/sessions", is_repeatable=True, json=body).read_json()
    session = content.get("token") if isinstance(content, dict) else None
    if not isinstance(session, str) or not session:
        raise bad_answer(client.host, "it holds no session")
    return session
