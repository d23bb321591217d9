"""The one door in: seal the body, put the entry, and let the caller commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from pimcollect.servers.base import Delivery
from pimcollect.vault import DoorKeys, keyed_digest, seal_value
from webhooks.hooks import Hook

# One statement: the hook must still be open and unchanged, one edition is one entry however many arrive at once, and
# a fuller copy of the same edition (another hook sends a subset) takes the poorer one's place and is decided anew.
_PUT = """
    INSERT INTO entries (id, hook, form, identity, kind, fullness, body, state, attempts)
    SELECT %(id)s, hooks.id, hooks.form, %(identity)s, %(kind)s, %(fullness)s, %(body)s, 'untouched', 0
      FROM hooks WHERE hooks.id = %(hook)s AND hooks.revision = %(revision)s AND hooks.closed_at IS NULL
    ON CONFLICT (form, identity) DO UPDATE
       SET body = excluded.body, hook = excluded.hook, kind = excluded.kind, fullness = excluded.fullness,
           state = 'untouched', reason = NULL, attempts = 0, settled_at = NULL
     WHERE entries.fullness < excluded.fullness
    RETURNING entries.id
"""
_FIND = "SELECT id FROM entries WHERE form = %(form)s AND identity = %(identity)s"


@dataclass(frozen=True)
class Receipt:
    """What the sender is told: the entry's id, random. `is_new` says whether there is something to settle."""

    entry: UUID
    is_new: bool


def entry_context(form: str, identity: str) -> str:
    """What an entry's body is bound to: moved to another row it does not open."""
    return f"entry|{form}|{identity}"


def identify(body: bytes, delivery: Delivery, *, form: str, key: bytes) -> str:
    """The keyed digest that makes one edition one entry; of the bytes when the body tells no instance id."""
    if delivery.edition_id is not None:
        return keyed_digest(key, "edition", form, delivery.edition_id)
    return keyed_digest(key, "bytes", form, body.decode("latin-1"))


def accept(
    connection: Connection[Any], body: bytes, delivery: Delivery, *, hook: Hook, keys: DoorKeys
) -> Receipt | None:
    """Seal and put one delivery; once the caller's connection has committed, it cannot be lost.

    Returns None when the hook was changed or closed since it was read: read it again and ask again.
    """
    identity = identify(body, delivery, form=hook.form, key=keys.digest)
    sealed = seal_value(body, to=keys.intake, context=entry_context(hook.form, identity))
    put = connection.execute(
        _PUT,
        {
            "id": uuid4(),
            "hook": hook.id,
            "revision": hook.revision,
            "identity": identity,
            "kind": delivery.kind,
            "fullness": delivery.fullness,
            "body": sealed,
        },
    ).fetchone()
    if put is not None:
        return Receipt(put[0], is_new=True)
    known = connection.execute(_FIND, {"form": hook.form, "identity": identity}).fetchone()
    return None if known is None else Receipt(known[0], is_new=False)
