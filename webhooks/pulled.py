"""What was pulled from a server, put as one statement for each page: through the same door as everything else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from psycopg import Connection

from pimcollect.servers.base import Delivery
from pimcollect.tables.entries import PULL
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import DoorKeys, seal_value
from webhooks.inbox import UNLESS_KNOWN, identify

_PUT = f"""
    INSERT INTO entries (id, form, server, via, identity, kind, fullness, body, is_encrypted, root_id, follows,
                         state, attempts)
    SELECT page.id, %(form)s, %(server)s, '{PULL}', identity, kind, fullness, body, is_encrypted, root_id,
           follows, 'untouched', 0
      FROM unnest(%(ids)s::uuid[], %(identities)s::text[], %(kinds)s::text[], %(fullnesses)s::int[],
                  %(bodies)s::bytea[], %(are_encrypted)s::bool[], %(roots)s::text[], %(follows)s::text[])
           AS page (id, identity, kind, fullness, body, is_encrypted, root_id, follows)
      JOIN forms ON forms.id = %(form)s
    {UNLESS_KNOWN}
"""  # noqa: S608 - pieces of ours
# the server knows what a lone edit does not say: its root, and the edition that we had before it
_TELL = """
    UPDATE entries
       SET root_id = coalesce(page.root_id, entries.root_id), follows = coalesce(page.follows, entries.follows),
           attempts = CASE WHEN state = 'held' THEN 0 ELSE attempts END,
           state = 'untouched',
           reason = NULL
      FROM unnest(%(identities)s::text[], %(roots)s::text[], %(follows)s::text[]) AS page (identity, root_id, follows)
     WHERE entries.form = %(form)s AND entries.identity = page.identity
       AND (state = 'untouched' OR (state = 'held' AND reason IN ('edition_early', 'edition_unclear')))
       AND (entries.root_id, entries.follows) IS DISTINCT FROM
           (coalesce(page.root_id, entries.root_id), coalesce(page.follows, entries.follows))
"""


@dataclass(frozen=True)
class Pulled:
    """One edition as a server holds it now."""

    delivery: Delivery = field(repr=False)
    body: bytes = field(repr=False)
    root_id: str | None
    """Of its first edition, where the server tells it."""
    follows: str | None
    """The edition that this server had when we looked before."""


def accept_page(
    connection: Connection[Any], pulled: Iterable[Pulled], *, form: str, server: str, keys: DoorKeys
) -> int:
    """Seal and put a page; returns how many are new here. Once the caller's connection has committed, it cannot be
    lost. An edition that came by another way is one entry with it."""
    page: dict[str, Pulled] = {}
    for one in pulled:
        page[identify(one.body, one.delivery, form=form, key=keys.digest)] = one
    if not page:
        return 0
    values: dict[str, Any] = {
        "form": form,
        "server": server,
        "ids": [uuid4() for _ in page],
        "identities": list(page),
        "kinds": [one.delivery.kind for one in page.values()],
        "fullnesses": [one.delivery.fullness for one in page.values()],
        "bodies": [
            seal_value(one.body, to=keys.intake, context=entry_context(form, identity))
            for identity, one in page.items()
        ],
        "are_encrypted": [one.delivery.is_encrypted for one in page.values()],
        "roots": [one.root_id for one in page.values()],
        "follows": [one.follows for one in page.values()],
    }
    new = connection.execute(_PUT, values).rowcount
    if new < len(page):
        connection.execute(_TELL, values)
    return new
