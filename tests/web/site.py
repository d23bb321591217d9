"""A whole site for tests: the real application on a real database, members, referrals, and hands that open cases."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from pimcollect.actions.members import create_member, hash_password
from pimcollect.app import create_app
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.members import MemberRow, find_member
from pimcollect.vault import read_door_keys, seal_value
from tests.factories.phones import serve
from tests.factories.referrals import Desk
from workers.reveals import answer_waiting

PASSWORD = "seven green boats at noon"
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@cache
def _hash_once(salt: str) -> str:
    return hash_password(PASSWORD, salt=salt)


def read_text(page: str) -> str:
    """What a page says, without its markup."""
    return html.unescape(" ".join(re.sub(r"<[^>]*>", "", page).split()))


@dataclass
class Visitor:
    """A browser without script: follows links, sends forms with their token."""

    client: FlaskClient
    mail: str = ""

    def read(self, path: str) -> Any:
        return self.client.get(path, buffered=True)

    def token(self, path: str = "/login") -> str:
        """The token of any form on that page."""
        found = _CSRF.search(self.client.get(path, follow_redirects=True).text)
        return found.group(1) if found else ""

    def send(self, path: str, *, token: str | None = None, **fields: Any) -> Any:
        """Send a form; the token comes from the first page unless given."""
        data = {"csrf_token": self.token("/") if token is None else token, **fields}
        return self.client.post(path, data=data)

    def log_in(self, password: str = PASSWORD, *, path: str = "/login") -> Any:
        return self.send(path, token=self.token("/login"), email=self.mail, password=password)


@dataclass
class Site:
    """One installation under test."""

    settings: Settings
    app: Flask
    desk: Desk
    one_time_password: str = ""

    def close(self) -> None:
        """Let go of the database and of Redis."""
        self.app.extensions["door"].engine.dispose()
        self.app.extensions["store"].session_factory.kw["bind"].dispose()
        self.desk.hands.engine.dispose()
        for bell in (self.app.extensions["bell"], self.desk.hands.bell):
            bell._redis.close()

    def visitor(self, mail: str = "") -> Visitor:
        return Visitor(self.app.test_client(), mail)

    def service(self, code: str, title: str = "Practice desk", organisation: str = "Practice Relief") -> str:
        """A service that referrals can be addressed to."""
        sealed = seal_value(b"{}", to=self.desk.hands.keys.cases[0].seal_key, context=f"service|{code}")
        with self.desk.hands.sessions.begin() as session:
            session.merge(ServiceRow(code=code, title=title, organisation=organisation, contact_sealed=sealed))
        return code

    def member(
        self, *roles: Role, mail: str = "amal@example.org", service: str | None = None, has_own_password: bool = True
    ) -> Actor:
        """An account with PASSWORD, or with a one-time password that must be changed."""
        salt = read_door_keys(self.settings.door_keys).password_salt
        with self.desk.hands.sessions.begin() as session:
            made = create_member(
                session, COMMAND_LINE, mail=mail, name="Amal Practice", roles=roles, service=service, salt=salt
            )
            row = find_member(session, mail)
            assert row is not None
            if has_own_password:  # hashed once for all tests: it is meant to be slow
                row.password_hash, row.must_change_password = _hash_once(salt), False
            self.one_time_password = made.password
            return self._actor(session, mail)

    def logged_in(self, *roles: Role, mail: str = "amal@example.org", service: str | None = None) -> Visitor:
        """A visitor with a new account, logged in."""
        self.member(*roles, mail=mail, service=service)
        visitor = self.visitor(mail)
        assert visitor.log_in().status_code == 302
        return visitor

    def monitor(self, service: str = "SAFE-NORTH", mail: str = "amal@example.org") -> Visitor:
        """A monitor of a service, logged in."""
        self.service(service)
        return self.logged_in(Role.MONITOR, mail=mail, service=service)

    def actor(self, mail: str = "amal@example.org") -> Actor:
        with self.desk.hands.sessions() as session:
            return self._actor(session, mail)

    def change_member(self, mail: str, **changes: Any) -> None:
        """Columns of an account, changed behind the site's back."""
        with self.desk.hands.sessions.begin() as session:
            row = session.scalar(select(MemberRow).where(MemberRow.mail == mail))
            for name, value in changes.items():
                setattr(row, name, value)

    @staticmethod
    def _actor(session: Session, mail: str) -> Actor:
        row = find_member(session, mail)
        assert row is not None
        return Actor(str(row.id), frozenset(Role(one.role) for one in row.role_rows), row.service)

    @contextmanager
    def hands_at_work(self) -> Iterator[None]:
        """Answer reveals as the worker process does, beside the web process."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.05):
                answer_waiting(self.desk.hands)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    @contextmanager
    def served(self) -> Iterator[str]:
        """The same site behind waitress, as it is served; gives its address."""
        with serve(self.app) as address:
            yield address


def open_site(settings: Settings) -> Site:
    """A site on these settings."""
    return Site(settings, create_app(settings), Desk(settings))
