"""A phone's submission: stored once however often and however concurrently it is sent, and never two under one id.

| what arrives | answer |
|---|---|
| new | 201 |
| the same again, also of an edition that has been corrected since | 202 |
| a part of something larger, then the rest | 201 each; settled when the last part came |
| other content under an id that is here | 409, kept sealed and held |
| a correction of the newest edition | 201; of an older one 409, kept sealed and held |
| a correction of another phone's submission | 403, unless the phone may edit all |
| a correction of what has not come | 201; settled when that has come, or after a while without it |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import UniqueViolation
from sqlalchemy.orm import Session

from pimcollect.db import LostConnectionError, borrow
from pimcollect.domain.outcomes import SECOND, HeldReason
from pimcollect.log import open_log
from pimcollect.servers.base import Delivery
from pimcollect.servers.envelope import SUFFIX
from pimcollect.servers.ids import veil_id
from pimcollect.tables.entries import CARRIED, PHONE
from pimcollect.tables.forms import find_picture_paths
from pimcollect.tables.submissions import find_root
from pimcollect.vault import DoorKeys
from webhooks.inbox import (
    Receipt,
    Way,
    accept,
    accept_as,
    digest_body,
    find_entry,
    identify,
    identify_beside,
    identify_edition,
    may_contradict,
    put_back,
)
from webhooks.media import Stored, store_media
from webhooks.openrosa.callers import Caller
from webhooks.openrosa.door import PhoneDoor
from webhooks.openrosa.posts import Post
from webhooks.quarantine import quarantine

WAIT_SECONDS = 900.0
"""How long a submission waits for its announced rest; then it is settled without, and a finding says so."""
_PREDECESSOR = "SELECT phone FROM entries WHERE form = %(form)s AND identity = %(identity)s"
_OTHER_EDIT = "SELECT id FROM entries WHERE form = %(form)s AND replaces = %(replaces)s"
_STILL_IN = "SELECT 1 FROM phones WHERE id = %(phone)s AND revision = %(revision)s"
_COMPLETE = """
    UPDATE entries SET waits_until = NULL, reason = NULL, dropped_files = greatest(dropped_files, %(dropped)s)
     WHERE id = %(id)s AND state = 'untouched' AND reason = 'incomplete'
    RETURNING id
"""
_log = open_log("phones")


class Fate(StrEnum):
    """What became of a submission; the words are those of `words.WORDS`."""

    STORED = "stored"
    MORE = "more"
    KNOWN = "known"
    CONFLICT = "conflict"
    OTHER_FILE = "other_file"
    STALE = "stale"
    NOT_YOURS = "not_yours"
    TOO_LARGE = "too_large"


STATUS = {
    Fate.STORED: 201,
    Fate.MORE: 201,
    Fate.KNOWN: 202,
    Fate.CONFLICT: 409,
    Fate.OTHER_FILE: 409,
    Fate.STALE: 409,
    Fate.NOT_YOURS: 403,
    Fate.TOO_LARGE: 413,
}
_TAKEN = (Fate.STORED, Fate.MORE, Fate.KNOWN)


@dataclass(frozen=True)
class Sent:
    """A post that was read, of a form that phones have."""

    post: Post
    delivery: Delivery
    form: str
    caller: Caller


@dataclass(frozen=True)
class _Files:
    """What becomes of the files of a post; those in neither are dropped."""

    kept: Mapping[str, bytes]
    """Named, and read by a worker."""
    strays: Mapping[str, bytes]
    """Not named: for the quarantine."""
    unnamed: int
    """How many are not named, whatever becomes of them."""


_NO_FILES = _Files({}, {}, 0)


class RejectedError(Exception):
    """The files of a post cannot be stored: nothing of it is."""

    def __init__(self, fate: Fate) -> None:
        super().__init__(fate.value)
        self.fate = fate


def take(door: PhoneDoor, sent: Sent) -> Fate | None:
    """Store a submission durably. None when the phone or the form was changed meanwhile: look both up and ask again."""
    files = _choose_files(door, sent)
    if files.unnamed:
        _log.info("files_not_named", count=files.unnamed, form=sent.form)
    way = Way(
        via=PHONE,
        form=sent.form,
        server="odk",
        content=_digest_content(door, sent),
        waits=WAIT_SECONDS if sent.post.is_incomplete else None,
        phone=sent.caller.id,
        revision=sent.caller.revision,
        dropped=files.unnamed,
    )
    if sent.delivery.deprecated_id is not None:
        placed = _place_edit(door, sent, way)
        if isinstance(placed, Fate):
            return placed
        way = placed
    try:
        fate = _put(door, sent, way, files)
    except LostConnectionError:  # whether or not the put arrived, it may be put again
        fate = _put(door, sent, way, files)
    except RejectedError as rejected:
        return rejected.fate
    if fate in _TAKEN:
        door.marks.note_phone(sent.caller.id)
    return fate


def _choose_files(door: PhoneDoor, sent: Sent) -> _Files:
    """Of an encrypted envelope all that it names is kept, since nobody can tell yet what is in them; else those of
    questions whose plan keeps pictures for a case. What is not named goes into quarantine, but for the readable twin of
    an encrypted file: that is what the encryption was to hide."""
    files, delivery = sent.post.files, sent.delivery
    if not files:
        return _NO_FILES
    if delivery.is_encrypted:
        kept = {name: content for name, content in files.items() if name in delivery.files}
        unnamed = {name: content for name, content in files.items() if name not in kept}
        strays = {name: content for name, content in unnamed.items() if f"{name}{SUFFIX}" not in delivery.files}
        return _Files(kept, strays, len(unnamed))
    with Session(door.engine) as session:
        pictures = find_picture_paths(session, sent.form) if delivery.mentioned else frozenset()
    kept = {name: files[name] for name, path in delivery.mentioned.items() if path in pictures}
    strays = {name: content for name, content in files.items() if name not in delivery.mentioned}
    return _Files(kept, strays, len(strays))


def _digest_content(door: PhoneDoor, sent: Sent) -> str:
    return digest_body(sent.post.xml, form=sent.form, key=door.digest)


def _place_edit(door: PhoneDoor, sent: Sent, way: Way) -> Way | Fate:
    """Whether a correction may be made by this phone, and of what. The table itself refuses a second one."""
    deprecated = sent.delivery.deprecated_id or ""
    before = identify_edition(deprecated, form=sent.form, key=door.digest)
    with borrow(door.puts) as connection:
        row = connection.execute(_PREDECESSOR, {"form": sent.form, "identity": before}).fetchone()
    if row is not None:
        if row[0] != sent.caller.id and not sent.caller.may_edit_all:
            return Fate.NOT_YOURS
        return replace(way, replaces=before)
    veiled = veil_id(deprecated, key=door.digest)
    with Session(door.engine) as session:
        is_known = find_root(session, sent.form, veiled) is not None
    if is_known and not sent.caller.may_edit_all:
        # who sent the one before is forgotten: a person decides
        return replace(way, held=HeldReason.EDITION_UNCLEAR.value, contradicts=veiled)
    return replace(way, replaces=before)


def _put(door: PhoneDoor, sent: Sent, way: Way, files: _Files) -> Fate | None:
    if not files.kept and not files.strays:
        try:
            with borrow(door.puts) as connection:
                receipt = accept(connection, sent.post.xml, sent.delivery, via=way, keys=door.keys)
                return _judge(door, connection, sent, way, receipt)[0]
        except UniqueViolation:
            return _judge_second(door, sent, way)[0]
    return _put_with_files(door, sent, way, files)


def _put_with_files(door: PhoneDoor, sent: Sent, way: Way, files: _Files) -> Fate | None:
    """The entry and its files in one transaction."""
    identity = identify(sent.post.xml, sent.delivery, form=sent.form, key=door.digest)
    receipt, has_new = None, False
    try:
        with Session(door.engine) as session, session.begin():
            connection: Any = session.connection().connection.driver_connection
            receipt = accept(connection, sent.post.xml, sent.delivery, via=way, keys=door.keys)
            fate, beside = _judge(door, connection, sent, way, receipt)
            if fate in _TAKEN and beside is None:
                has_new = _store_files(session, sent, way, files, identity=identity, keys=door.keys)
    except UniqueViolation:
        fate, beside = _judge_second(door, sent, way)
    if beside is not None:  # what is kept beside has its files with it
        identity, receipt = _identify_beside(door, sent, way), None
    elif fate not in _TAKEN:
        return fate
    if receipt is None:
        with Session(door.engine) as session, session.begin():
            has_new = _store_files(session, sent, beside or way, files, identity=identity, keys=door.keys)
    else:
        door.bell.ring_entry_soon(receipt.entry)
    return Fate.STORED if fate is Fate.KNOWN and has_new else fate


def _store_files(session: Session, sent: Sent, way: Way, files: _Files, *, identity: str, keys: DoorKeys) -> bool:
    """Whether any was not here yet. Raises RejectedError: then nothing of the post is stored."""
    where: dict[str, Any] = {"form": sent.form, "identity": identity, "keys": keys}
    came = [store_media(session, name=name, content=content, **where) for name, content in files.kept.items()]
    if files.strays:
        came.append(quarantine(session, files.strays, edition_id=sent.delivery.edition_id, **where))
    for fate, stored in ((Fate.OTHER_FILE, Stored.OTHER), (Fate.TOO_LARGE, Stored.TOO_MUCH)):
        if stored in came:
            raise RejectedError(fate)
    if Stored.NEW not in came:
        return False
    connection: Any = session.connection().connection.driver_connection
    put_back(identity, connection, sent.post.xml, sent.delivery, via=way, keys=keys)
    return True


_Judged = tuple[Fate | None, Way | None]
"""What a put came to; and how it was put when it is kept beside another."""


def _judge(door: PhoneDoor, connection: Connection[Any], sent: Sent, way: Way, receipt: Receipt | None) -> _Judged:
    """What was known already is compared, completed, or contradicted."""
    if receipt is None:
        return None, None
    if receipt.is_new:
        door.bell.ring_entry_soon(receipt.entry)
        return Fate.MORE if sent.post.is_incomplete else Fate.STORED, None
    check = {"phone": way.phone, "revision": way.revision}
    if connection.execute(_STILL_IN, check).fetchone() is None:
        return None, None
    against = sent.delivery.edition_id, receipt.entry
    is_plain_twin = receipt.is_encrypted and not sent.delivery.is_encrypted
    is_same_way = receipt.via in (PHONE, CARRIED) and receipt.content is not None
    if is_plain_twin or (is_same_way and receipt.content != way.content):
        reason = HeldReason.PLAIN_IN_ENCRYPTED if is_plain_twin else HeldReason.CONFLICT
        held = _hold(door, way, reason=reason.value, against=against)
        return _keep_beside(door, connection, sent, held, otherwise=Fate.CONFLICT)
    if not is_same_way and may_contradict(sent.delivery, receipt):
        second = _put_beside(door, connection, sent, _hold(door, way, reason=SECOND, against=against))
        if second is None:
            return None, None
        if second.is_new:
            door.bell.ring_entry_soon(second.entry)
    if sent.post.is_incomplete:
        return Fate.MORE, None
    if connection.execute(_COMPLETE, {"id": receipt.entry, "dropped": way.dropped}).fetchone() is not None:
        door.bell.ring_entry_soon(receipt.entry)
        return Fate.STORED, None
    return Fate.KNOWN, None


def _judge_second(door: PhoneDoor, sent: Sent, way: Way) -> _Judged:
    """Another correction of the same edition is here: perhaps this very one, that was put at the same moment."""
    identity = identify(sent.post.xml, sent.delivery, form=sent.form, key=door.digest)
    with borrow(door.puts) as connection:
        receipt = find_entry(connection, form=sent.form, identity=identity)
        if receipt is not None:
            return _judge(door, connection, sent, way, receipt)
        other = connection.execute(_OTHER_EDIT, {"form": sent.form, "replaces": way.replaces}).fetchone()
        against = (sent.delivery.deprecated_id, other[0] if other else None)
        held = _hold(door, way, reason=HeldReason.EDITION_UNCLEAR.value, against=against)
        return _keep_beside(door, connection, sent, held, otherwise=Fate.STALE)


def is_known(door: PhoneDoor, sent: Sent) -> bool:
    """Whether exactly this is here already: then a form that was closed since does not matter."""
    identity = identify(sent.post.xml, sent.delivery, form=sent.form, key=door.digest)
    with borrow(door.puts) as connection:
        receipt = find_entry(connection, form=sent.form, identity=identity)
    return receipt is not None and receipt.content == _digest_content(door, sent)


def _hold(door: PhoneDoor, way: Way, *, reason: str, against: tuple[str | None, UUID | None]) -> Way:
    """How to put what contradicts an edition and its entry, or may."""
    edition, entry = against
    contradicted = None if edition is None else veil_id(edition, key=door.digest)
    return replace(way, held=reason, replaces=None, waits=None, contradicts=contradicted, contradicts_entry=entry)


def _keep_beside(door: PhoneDoor, connection: Connection[Any], sent: Sent, held: Way, *, otherwise: Fate) -> _Judged:
    """`otherwise`, unless it is settled since: a person has decided which is right, or it was carried to where one
    will; then the phone need not keep it any more. None when the phone or the form was changed meanwhile."""
    beside = _put_beside(door, connection, sent, held)
    return (None, None) if beside is None else (Fate.KNOWN if beside.is_settled else otherwise, held)


def _put_beside(door: PhoneDoor, connection: Connection[Any], sent: Sent, held: Way) -> Receipt | None:
    """Sealed, under an identity of its own: nothing that came is lost."""
    identity = _identify_beside(door, sent, held)
    return accept_as(identity, connection, sent.post.xml, sent.delivery, via=held, keys=door.keys)


def _identify_beside(door: PhoneDoor, sent: Sent, way: Way) -> str:
    return identify_beside(sent.delivery.edition_id or "", way.content, form=way.form, key=door.digest)
