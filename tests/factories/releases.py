"""A place to release from: versions of a small form of the bank with their files, connections, and a worker's hands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from types import TracebackType
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from forms.bank import read_starter
from forms.layout import lay_out
from forms.places import read_starter_places
from forms.release import Frozen, freeze_version
from forms.selection import select as select_items
from pimcollect.actions.connections import connect_server
from pimcollect.actions.server_releases import Wish, release_version
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import FormFile, hash_version, write_version
from pimcollect.servers.publishing import Job
from pimcollect.tables.catalogue import PathwayRuleRow, ServiceRow
from pimcollect.tables.connections import ConnectionRow
from pimcollect.tables.form_files import store_form_files
from pimcollect.tables.forms import FormVersionRow, store_version
from pimcollect.tables.releases import ReleaseRow
from pimcollect.vault import read_door_keys
from tests.reenacted.central_forms import CentralForms
from tests.reenacted.kobo_forms import KoboForms
from tests.reenacted.ona_forms import OnaForms
from tests.reenacted.server import ReenactedServer
from workers.hands import open_hands
from workers.releases import publish_due

PUBLIC = "https://pim.example.org"
FILES = {"areas.csv": b"name,label\nXX01,Northmark\n", "card.png": b"\x89PNG\r\n\x1a\nfake"}
_TYPES = {"csv": "text/csv", "png": "image/png"}
__all__ = ["FILES", "PUBLIC", "Job", "Press", "freeze"]


@cache
def freeze(number: int = 1) -> Frozen:
    """The observation form of the starter bank; another number is another version with another title."""
    catalogue = read_starter()
    selection = replace(select_items(catalogue, "obs", languages=("en",)), purpose="pm-sites")
    layout = lay_out(catalogue, selection, places=read_starter_places(), languages=("en",))
    title = f"{layout.title} {number}"
    return freeze_version(catalogue, replace(selection, title=title), replace(layout, title=title))


def serve_everything(session: Session, pathways: Iterable[str]) -> None:
    """Somebody takes these pathways everywhere."""
    session.add(ServiceRow(code="S1", title="All", organisation="Org", contact_sealed=b"", is_suspended=False))
    session.flush()
    for pathway in pathways:
        session.add(PathwayRuleRow(pathway=pathway, service="S1"))
    session.flush()


class Press:
    """Everything up to the network: rows, sealed tokens, hands."""

    def __init__(self, settings: Settings, server: ReenactedServer) -> None:
        self.server = server
        self.settings = replace(settings, private_hosts=(server.host,), public_url=PUBLIC)
        self.hands = open_hands(self.settings)
        self.door = read_door_keys(settings.door_keys)

    def __enter__(self) -> Press:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.hands.engine.dispose()

    @property
    def kind(self) -> str:
        """What the server is."""
        return {KoboForms: "kobo", CentralForms: "central", OnaForms: "ona"}[type(self.server)]

    def serve(self) -> None:
        """Somebody takes every pathway everywhere."""
        with self.hands.sessions.begin() as session:
            serve_everything(session, freeze().version.pathways)

    def put_version(
        self, number: int = 1, *, files: Mapping[str, bytes] = FILES, lists: Iterable[str] = (), form: str = "obs"
    ) -> UUID:
        """Freeze a version with these files; it is the newest then."""
        frozen = freeze(number)
        shown = tuple(
            FormFile(name, _TYPES[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest(), name in lists)
            for name, content in files.items()
        )
        version = replace(frozen.version, form=form, files=shown)
        with self.hands.sessions.begin() as session:
            known = session.scalar(select(FormVersionRow.id).where(FormVersionRow.version == version.version))
            row = store_version(
                session,
                form=form,
                title=version.title,
                version=version.version,
                sha256=hash_version(version),
                document=json.loads(write_version(version)),
                xlsx=frozen.xlsx,
                xform=frozen.xform,
            )
            if known is None:
                store_form_files(session, row.id, shown, files)
            return row.id

    def connect(self, *, there: str | None = None, secret: str = "", form: str = "obs") -> UUID:
        """Connect the server; Central always by project and form."""
        server, user = self.server, ""
        if isinstance(server, CentralForms):
            there, user, secret = there or f"3/{form}", server.user, secret or server.password
        elif isinstance(server, KoboForms | OnaForms):
            secret = secret or server.token
        with self.hands.sessions.begin() as session:
            return connect_server(
                session,
                COMMAND_LINE,
                server=self.kind,
                form=form,
                base=server.base,
                there=there,
                user=user,
                secret=secret,
                keys=self.door,
                private_hosts=self.settings.private_hosts,
            ).id

    def ask(self, connection: UUID, **wish: bool) -> UUID:
        """Ask for the newest version to be released."""
        with self.hands.sessions.begin() as session:
            return release_version(
                session, COMMAND_LINE, Wish("obs", connection, **wish), keys=self.door, public_url=PUBLIC
            )

    def work(self) -> int:
        """What the worker does when it is rung for."""
        return publish_due(self.hands)

    def wake(self) -> None:
        """Time passes: leases end, pauses are over."""
        with self.hands.sessions.begin() as session:
            past = "now() - interval '1 s'"
            session.execute(
                text(f"UPDATE releases SET next_at = {past}, lease_until = {past} WHERE holder IS NOT NULL")
            )
            session.execute(text(f"UPDATE releases SET next_at = {past} WHERE state = 'waiting'"))

    def forget(self) -> None:
        """As if nothing had ever been released; forms have no names at the servers any more."""
        with self.hands.sessions.begin() as session:
            session.execute(text("DELETE FROM releases"))
            session.execute(text("DELETE FROM registered_hooks"))
            session.execute(text("UPDATE connections SET there = NULL WHERE server <> 'central'"))

    def look(self, release: UUID) -> ReleaseRow:
        """A release as it stands."""
        with self.hands.sessions() as session:
            return session.get_one(ReleaseRow, release)

    def find_there(self, connection: UUID) -> str | None:
        """What the connection calls the form there."""
        with self.hands.sessions() as session:
            return session.get_one(ConnectionRow, connection).there
