"""A household form connected to a re-enacted server, with the hands that pull from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from lxml import etree
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.connections import connect_server
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import read_door_keys
from tests.factories.households import Household, open_household, write_kobo
from tests.reenacted.server import ReenactedServer
from workers.fetch import fetch_one, open_holder
from workers.hands import Hands


@dataclass(frozen=True)
class Connected:
    """A connection of the form `hh`."""

    household: Household
    connection: UUID
    engine: Engine

    @property
    def hands(self) -> Hands:
        return self.household.hands

    def pull(self, **more: Any) -> bool:
        """Pull once, then settle all that came."""
        is_whole = fetch_one(self.hands, self.connection, **more)
        self.household.settle()
        return is_whole

    def read(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(query))]

    def row(self) -> dict[str, Any]:
        """The connection as it stands."""
        (found,) = self.read("SELECT * FROM connections")
        return found

    def read_files(self, there: str, names: list[str], *, most_bytes: int = 1000) -> dict[str, bytes]:
        """Those of these files of a submission that the server has now."""
        with closing(open_holder(self.hands, self.connection)) as holder:
            found = {name: holder.read_file(there, name, most_bytes=most_bytes) for name in names}
        return {name: content for name, content in found.items() if content is not None}

    def change(self, statement: str) -> None:
        """Change something in the database by hand."""
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def write(self, answers: Mapping[str, Any], *, root: str | None = None, **more: Any) -> dict[str, Any]:
        """What Kobo keeps of answers by question key."""
        body, _ = write_kobo(answers, frozen=self.household.frozen, root=root or str(uuid4()), **more)
        row: dict[str, Any] = json.loads(body)
        return row


def to_xml(row: Mapping[str, Any], *, version: str, before: str = "") -> bytes:
    """The same answers as a phone writes them: nested, with the ids in its meta. `before` = the edition it replaces."""
    root = etree.Element("data", id="hh", version=version)
    _write(root, {path: value for path, value in row.items() if not path.startswith(("_", "meta/"))}, prefix="")
    meta = etree.SubElement(root, "meta")
    etree.SubElement(meta, "instanceID").text = f"uuid:{row['_uuid']}"
    if before:
        etree.SubElement(meta, "deprecatedID").text = f"uuid:{before}"
    return etree.tostring(root)


def _write(node: etree._Element, row: Mapping[str, Any], *, prefix: str) -> None:
    for path, value in row.items():
        place, names = node, path.removeprefix(prefix).split("/")
        for name in names[:-1]:
            found = place.find(name)
            place = etree.SubElement(place, name) if found is None else found
        if isinstance(value, list):
            for one in value:
                _write(etree.SubElement(place, names[-1]), one, prefix=f"{path}/")
        else:
            etree.SubElement(place, names[-1]).text = value


def connect(
    settings: Settings,
    engine: Engine,
    server: ReenactedServer,
    *,
    kind: str = "kobo",
    there: str,
    secret: str,
    user: str = "",
) -> Connected:
    """The household form with its directory, connected to a re-enacted server."""
    settings = replace(settings, private_hosts=(server.host,))
    household = open_household(settings, engine)
    connection = _open(settings, engine, server, kind=kind, there=there, secret=secret, user=user)
    return Connected(household, connection, engine)


def connect_again(connected: Connected, server: ReenactedServer, *, there: str, secret: str) -> Connected:
    """The same form at the same Kobo, by a new connection."""
    settings = connected.hands.settings
    connection = _open(settings, connected.engine, server, kind="kobo", there=there, secret=secret, user="")
    return replace(connected, connection=connection)


def _open(settings: Settings, engine: Engine, server: ReenactedServer, *, kind: str, **more: str) -> UUID:
    keys, hosts = read_door_keys(settings.door_keys), settings.private_hosts
    with Session(engine) as session, session.begin():
        row = connect_server(
            session, COMMAND_LINE, server=kind, form="hh", base=server.base, keys=keys, private_hosts=hosts, **more
        )
        return row.id
