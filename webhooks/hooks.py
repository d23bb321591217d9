"""Hooks as the door sees them: kept in memory for speed, checked against the row by every put."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.servers.base import Reader, find_reader
from pimcollect.tables.forms import HookRow, find_any_hook
from pimcollect.vault import hash_secret
from webhooks.marks import Marks

SECRET_HEADER = "X-Pim-Secret"  # noqa: S105 - a header's name
_NOBODY = "0" * 64
_MOST_REMEMBERED = 1000
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Hook:
    """An open hook; `secrets` are hashes, newest first."""

    id: UUID
    key: str
    server: str
    form: str
    secrets: tuple[str, ...] = field(repr=False)
    revision: int
    reader: Reader = field(repr=False)
    is_secret_in_address: bool = False
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where it may be called from; empty = from anywhere."""


class Hooks:
    """The hooks that this process has seen. `forget` after a row turned out to have changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Hook] = {}
        self.marks = Marks(engine)

    def find(self, key: str) -> Hook | None:
        """From memory, else from the database."""
        return self._known.get(key) or self.find_fresh(key)

    def recall(self, key: str) -> Hook | None:
        """From memory alone: what a refusal just looked for, if it is a hook that is open."""
        return self._known.get(key)

    def find_fresh(self, key: str) -> Hook | None:
        """From the database."""
        return self.remember(key, self.read(key))

    def read(self, key: str) -> HookRow | None:
        """The row of this key, closed or not. What cannot be a key is not looked for: anybody may send anything."""
        if not _KEY.fullmatch(key):
            return None
        with Session(self._engine) as session:
            return find_any_hook(session, key)

    def remember(self, key: str, row: HookRow | None) -> Hook | None:
        """The hook of a row that was read just now; None when it is closed or there is none."""
        if row is None or row.closed_at is not None:
            self._known.pop(key, None)
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        hook = Hook(
            row.id,
            row.key,
            row.server,
            row.form,
            tuple(row.secrets),
            row.revision,
            find_reader(row.server, row.mapping, hook=row.id),
            row.is_secret_in_address,
            tuple(ip_network(one) for one in row.networks),
        )
        self._known[key] = hook
        return hook


def knows_secret(hook: Hook | None, offered: Iterable[str]) -> bool:
    """Whether exactly one secret was offered and it is one of the hook's; in the same time whatever the answer."""
    secrets = set(offered)
    given = hash_secret(secrets.pop()) if len(secrets) == 1 else _NOBODY
    live = (*(hook.secrets if hook else ()), _NOBODY, _NOBODY)[:2]
    matches = [hmac.compare_digest(given, one) for one in live]
    return given != _NOBODY and any(matches)


def allows_caller(hook: Hook, address: str | None) -> bool:
    """Whether the hook may be called from this address (of the client, as the trusted proxies tell it)."""
    if not hook.networks:
        return True
    try:
        caller = ip_address(address or "")
    except ValueError:
        return False
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in network for network in hook.networks)
