"""The one door in: seal the body, put the entry, and let the caller commit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from pimcollect.db import Statement
from pimcollect.domain.outcomes import SECOND, HeldReason
from pimcollect.servers.base import Delivery
from pimcollect.servers.flat import tell_answers
from pimcollect.servers.ids import veil_id
from pimcollect.tables.entries import HELD, INCOMPLETE, UNTOUCHED
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import DoorKeys, keyed_digest, seal_value
from webhooks.hooks import Hook

# One edition is one entry however many arrive at once and by whatever way, and a fuller copy of the same edition
# (another hook sends a subset) takes the poorer one's place and is decided anew. Two copies by phone are whole both:
# they are compared by content instead; so are two that one hook brings in one shape. A readable copy never takes the
# place of an encrypted one, whoever made it up; an encrypted one takes that of a readable one that is held because it
# should have been encrypted, by whatever way the two came. An envelope that was settled was whole. A hook or a
# phone overwrites only what is held: what no worker has read yet may be a no, and what was settled stays told.
UNLESS_KNOWN = """
    ON CONFLICT (form, identity) DO UPDATE
       SET body = excluded.body, hook = excluded.hook, server = excluded.server, via = excluded.via,
           kind = excluded.kind, fullness = excluded.fullness, content = excluded.content,
           replaces = excluded.replaces, waits_until = excluded.waits_until, is_encrypted = excluded.is_encrypted,
           phone = excluded.phone, dropped_files = excluded.dropped_files,
           contradicts = excluded.contradicts, contradicts_entry = excluded.contradicts_entry,
           state = excluded.state, reason = excluded.reason, attempts = 0, settled_at = NULL
     WHERE (excluded.is_encrypted AND entries.state = 'held' AND entries.reason = 'plain_in_encrypted')
        OR NOT (entries.via = 'phone' AND excluded.via = 'phone')
       AND (entries.hook = excluded.hook AND entries.kind = excluded.kind AND entries.content <> excluded.content)
           IS NOT TRUE
       AND CASE WHEN entries.is_encrypted OR excluded.is_encrypted
                THEN excluded.is_encrypted AND entries.state <> 'settled'
                     AND (NOT entries.is_encrypted AND entries.state = 'held' OR entries.fullness < excluded.fullness)
                ELSE entries.fullness < excluded.fullness
                     AND (entries.state = 'held' OR excluded.via NOT IN ('hook', 'phone')) END
    RETURNING entries.id
"""
# the hook must still be open and unchanged
_PUT_BY_HOOK = Statement(f"""
    INSERT INTO entries (id, hook, form, server, via, identity, kind, fullness, body, is_encrypted, content,
                         contradicts, contradicts_entry, state, reason, attempts)
    SELECT %(id)s, hooks.id, hooks.form, hooks.server, 'hook', %(identity)s, %(kind)s, %(fullness)s, %(body)s,
           %(is_encrypted)s, %(content)s, %(contradicts)s, %(contradicts_entry)s, %(state)s, %(reason)s, 0
      FROM hooks WHERE hooks.id = %(hook)s AND hooks.revision = %(revision)s AND hooks.closed_at IS NULL
    {UNLESS_KNOWN}
""")  # noqa: S608 - two pieces of ours
_COLUMNS = """
    INSERT INTO entries (id, form, server, via, identity, kind, fullness, body, is_encrypted, content, replaces,
                         phone, dropped_files, contradicts, contradicts_entry, waits_until, state, reason, attempts)
"""
_VALUES = """
    %(id)s, %(form)s, %(server)s, %(via)s, %(identity)s, %(kind)s, %(fullness)s, %(body)s, %(is_encrypted)s,
    %(content)s, %(replaces)s, %(phone)s, %(dropped)s, %(contradicts)s, %(contradicts_entry)s,
    clock_timestamp() + make_interval(secs => %(waits)s), %(state)s, %(reason)s, 0
"""
_PUT_BY_WAY = Statement(
    f"{_COLUMNS} SELECT {_VALUES} FROM forms WHERE forms.id = CAST(%(form)s AS varchar) {UNLESS_KNOWN}"  # noqa: S608 - ours
)
# the phone must be as it was when it was let in, and its form still open
_PUT_BY_PHONE = Statement(f"""
    {_COLUMNS} SELECT {_VALUES} FROM phones
     WHERE phones.id = %(phone)s AND phones.revision = %(revision)s
       AND EXISTS (SELECT FROM phone_forms WHERE phone_forms.form = CAST(%(form)s AS varchar)
                      AND phone_forms.closed_at IS NULL)
    {UNLESS_KNOWN}
""")  # noqa: S608 - pieces of ours
# What was carried to another machine and shredded here, and has got a file since: it has to be carried once more.
_IS_CARRIED = "form = %(form)s AND identity = %(identity)s AND state = 'settled' AND reason = 'carried'"
_LOCK_CARRIED = f"SELECT id FROM entries WHERE {_IS_CARRIED} FOR UPDATE"  # noqa: S608 - ours
_PUT_BACK = f"""
    UPDATE entries
       SET body = %(body)s, hook = NULL, server = %(server)s, via = %(via)s, kind = %(kind)s, fullness = %(fullness)s,
           content = %(content)s, is_encrypted = %(is_encrypted)s, phone = %(phone)s, dropped_files = %(dropped)s,
           waits_until = clock_timestamp() + make_interval(secs => %(waits)s), contradicts = %(contradicts)s,
           contradicts_entry = %(contradicts_entry)s, state = %(state)s, reason = %(reason)s, attempts = 0,
           rung_at = NULL, settled_at = NULL
     WHERE {_IS_CARRIED}
"""  # noqa: S608 - ours
_FIND = """
    SELECT id, via, content, is_encrypted, state = 'settled' FROM entries
     WHERE form = %(form)s AND identity = %(identity)s
"""
# What came before tells nothing to whoever comes by a hook that was changed or closed meanwhile. Two copies are
# compared here where the same hook brought them in one shape: equally full they contradict each other. Else one may be
# a subset or spelled in another way, and the worker sees.
_FIND_BY_HOOK = """
    SELECT id, via, content, is_encrypted, state = 'settled',
           hook = %(hook)s AND kind = %(kind)s AS is_same_way, content <> %(content)s AS is_other,
           fullness = %(fullness)s AS is_full
      FROM entries
     WHERE form = %(form)s AND identity = %(identity)s
       AND EXISTS (SELECT FROM hooks WHERE id = %(hook)s AND revision = %(revision)s AND closed_at IS NULL)
"""


_UNTOUCHED = {"state": UNTOUCHED, "reason": None, "contradicts": None, "contradicts_entry": None}


@dataclass(frozen=True)
class Way:
    """How a delivery came that no hook brought, whose form it answers, and which plugin reads its body."""

    via: str
    """phone, pull or carried."""
    form: str
    server: str
    content: str | None = None
    """A phone's: keyed digest of the body."""
    replaces: str | None = None
    """A phone's edit: the identity of the edition that it replaces."""
    waits: float | None = None
    """Seconds to wait for what belongs to it and is still on its way; None when it is whole."""
    held: str | None = None
    """Why a person must look at it before it is settled, or SECOND: the worker must; None for nearly all."""
    contradicts: str | None = None
    """With `held`: the id, veiled if need be, of what it contradicts."""
    contradicts_entry: UUID | None = None
    """And the entry that brought that."""
    phone: UUID | None = None
    revision: int = 0
    """Of the phone's row as it was when it was let in."""
    dropped: int = 0
    """How many files came with it that it does not name."""


@dataclass(frozen=True)
class Receipt:
    """What the sender is told: the entry's id, random. `is_new` says whether there is something to settle."""

    entry: UUID
    is_new: bool
    via: str = ""
    """By what way the entry came that was known already."""
    content: str | None = None
    """The digest of that entry's content; of a phone's, of the whole body."""
    is_encrypted: bool = False
    """Whether that entry is an envelope."""
    is_settled: bool = False
    """Whether it was decided already, by a worker or a person."""


def identify_edition(edition_id: str, *, form: str, key: bytes) -> str:
    """The keyed digest that makes one edition of a form one entry, whether its id is veiled already or not."""
    return keyed_digest(key, "edition", form, veil_id(edition_id, key=key))


def identify(body: bytes, delivery: Delivery, *, form: str, key: bytes) -> str:
    """The same for a delivery; of the bytes when the body tells no instance id."""
    if delivery.edition_id is not None:
        return identify_edition(delivery.edition_id, form=form, key=key)
    return keyed_digest(key, "bytes", form, body.decode("latin-1"))


def digest_body(body: bytes, *, form: str, key: bytes) -> str:
    """By which two copies of what a phone sent are compared: it sends the same bytes again."""
    return keyed_digest(key, "content", form, hashlib.sha256(body).hexdigest())


def digest_answers(delivery: Delivery, *, form: str, key: bytes) -> str | None:
    """By which two copies that hooks brought are compared: a server adds fields of its own. None without answers."""
    return keyed_digest(key, "answers", form, tell_answers(delivery.answers)) if delivery.answers else None


def identify_beside(edition_id: str, content: str | None, *, form: str, key: bytes) -> str:
    """The identity of what contradicts an edition and is kept beside it: once, however often it comes."""
    return keyed_digest(key, "beside", form, veil_id(edition_id, key=key), content or "")


def accept(
    connection: Connection[Any], body: bytes, delivery: Delivery, *, via: Hook | Way, keys: DoorKeys
) -> Receipt | None:
    """Seal and put one delivery; once the caller's connection has committed, it cannot be lost.

    Putting the same again does no harm, whoever brings it. Returns None when the hook or the phone was changed or
    closed since it was read: read it again and ask again; also when there is no such form. Raises the driver's
    UniqueViolation for a phone's second edit of one edition.
    """
    identity = identify(body, delivery, form=via.form, key=keys.digest)
    return accept_as(identity, connection, body, delivery, via=via, keys=keys)


def accept_as(
    identity: str, connection: Connection[Any], body: bytes, delivery: Delivery, *, via: Hook | Way, keys: DoorKeys
) -> Receipt | None:
    """The same under an identity that the caller chose: what contradicts an entry is kept beside it."""
    values = _seal(identity, body, delivery, via=via, keys=keys)
    if isinstance(via, Hook):
        return _put_by_hook(connection, values, body, delivery, hook=via, keys=keys)
    statement = _PUT_BY_PHONE if via.phone else _PUT_BY_WAY
    put = statement.find_id(connection, {**values, **_tell_fate(via)})
    if put is not None:
        return Receipt(put, is_new=True)
    return find_entry(connection, form=via.form, identity=identity)


def put_back(
    identity: str, connection: Connection[Any], body: bytes, delivery: Delivery, *, via: Way, keys: DoorKeys
) -> None:
    """Put the body again of an entry that was carried and shredded here, because a file of it has just been stored in
    the same transaction: both are then carried. Nothing happens to any other entry."""
    if connection.execute(_LOCK_CARRIED, {"form": via.form, "identity": identity}).fetchone() is not None:
        values = _seal(identity, body, delivery, via=via, keys=keys)
        connection.execute(_PUT_BACK, {**values, **_tell_fate(via)})


def _seal(identity: str, body: bytes, delivery: Delivery, *, via: Hook | Way, keys: DoorKeys) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "form": via.form,
        "identity": identity,
        "kind": delivery.kind,
        "fullness": delivery.fullness,
        "is_encrypted": delivery.is_encrypted,
        "body": seal_value(body, to=keys.intake, context=entry_context(via.form, identity)),
    }


def _tell_fate(way: Way) -> dict[str, Any]:
    reason = way.held or (INCOMPLETE if way.waits else None)
    return {**vars(way), "state": UNTOUCHED if way.held in (None, SECOND) else HELD, "reason": reason}


def _put_by_hook(
    connection: Connection[Any], values: dict[str, Any], body: bytes, delivery: Delivery, *, hook: Hook, keys: DoorKeys
) -> Receipt | None:
    """One statement for what is new. What was known already and says something else is kept beside it: held, or for
    the worker to see whether it contradicts."""
    content = digest_answers(delivery, form=hook.form, key=keys.digest)
    put = {**values, "hook": hook.id, "revision": hook.revision, "content": content, **_UNTOUCHED}
    new = _PUT_BY_HOOK.find_id(connection, put)
    if new is not None:
        return Receipt(new, is_new=True)
    known = connection.execute(_FIND_BY_HOOK, put).fetchone()
    if known is None:
        return None
    *told, is_same_way, is_other, is_full = known
    receipt = _read_known(told)
    is_plain_twin = receipt.is_encrypted and not delivery.is_encrypted and delivery.fullness > 0
    if not is_plain_twin and not (is_other if is_same_way else may_contradict(delivery, receipt)):
        return receipt
    is_held = is_plain_twin or (is_same_way and is_full)
    reason = (HeldReason.PLAIN_IN_ENCRYPTED if is_plain_twin else HeldReason.CONFLICT).value if is_held else SECOND
    edition = veil_id(delivery.edition_id or "", key=keys.digest)
    own_content = content or digest_body(body, form=hook.form, key=keys.digest)
    identity = identify_beside(edition, own_content, form=hook.form, key=keys.digest)
    beside = {
        **put,
        "id": uuid4(),
        "identity": identity,
        "body": seal_value(body, to=keys.intake, context=entry_context(hook.form, identity)),
        "state": HELD if is_held else UNTOUCHED,
        "reason": reason,
        "contradicts": edition,
        "contradicts_entry": told[0],
    }
    first = _PUT_BY_HOOK.find_id(connection, beside)
    if first is not None:
        return Receipt(first, is_new=not is_held)
    again = connection.execute(_FIND_BY_HOOK, beside).fetchone()
    return None if again is None else _read_known(again[:5])


def may_contradict(delivery: Delivery, known: Receipt) -> bool:
    """Whether a copy of an edition that came by another way must be looked at by a worker: it may say no where that
    says yes, or answer something else. What is encrypted on either side tells nothing."""
    is_readable = not delivery.is_encrypted and not known.is_encrypted
    return is_readable and delivery.edition_id is not None and delivery.fullness > 0


def find_entry(connection: Connection[Any], *, form: str, identity: str) -> Receipt | None:
    """What is known of an edition that is here already."""
    row = connection.execute(_FIND, {"form": form, "identity": identity}).fetchone()
    return None if row is None else _read_known(row)


def _read_known(row: Sequence[Any]) -> Receipt:
    entry, via, content, is_encrypted, is_settled = row
    return Receipt(entry, is_new=False, via=via, content=content, is_encrypted=is_encrypted, is_settled=is_settled)
