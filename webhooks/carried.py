"""Deliveries carried on a stick: written sealed as they are on one machine, opened and put by the keys of another.

A file is lines of JSON: a header, each delivery followed by its files, and an end line with their numbers and a seal
over all that stands before it (HMAC-SHA256). The seal's key comes with the intake key that the writing machine seals
to, so both machines know it and nobody else does. Nothing is put before the whole file was found right.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from typing import Any, BinaryIO, cast
from uuid import UUID

from psycopg import Connection
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.db import transaction
from pimcollect.domain.outcomes import SECOND, HeldReason
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.base import MAPPED, Delivery, find_reader
from pimcollect.servers.ids import veil_id
from pimcollect.tables.carried import (
    count_incomplete,
    find_waiting,
    has_other_files,
    lock_carried,
    shred_carried,
)
from pimcollect.tables.entries import CARRIED, PHONE, EntryRow
from pimcollect.tables.forms import find_known_forms
from pimcollect.tables.journal import write_journal
from pimcollect.tables.media import (
    HERE,
    QUARANTINED,
    file_context,
    list_files,
    name_context,
    read_content,
)
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import DoorKeys, HandsKeys, keyed_digest, open_value
from webhooks.carried_file import (
    NAME,
    VERSION,
    Sealing,
    check_carried,
    check_own,
    find_seal_key,
    group_lines,
    to_bytes,
)
from webhooks.inbox import (
    Way,
    accept_as,
    digest_answers,
    digest_body,
    find_entry,
    identify,
    identify_beside,
    may_contradict,
    put_back,
)
from webhooks.media import Stored, store_media
from webhooks.quarantine import quarantine

_BESIDE = (HeldReason.CONFLICT, HeldReason.PLAIN_IN_ENCRYPTED, SECOND)
"""Reasons of what stands beside another of the same edition."""
_REFUSED = {Stored.OTHER, Stored.TOO_MUCH}


@dataclass(frozen=True)
class Written:
    """What a carried file holds, and what it had to leave behind."""

    deliveries: int
    files: int
    other_key: int
    """Sealed before the intake key of the other machine was imported: it could not open them."""
    mapped: int
    """Of senders with a mapping, which only the machine of their hook can read."""
    incomplete: int
    """Parts of them are on their way: whole, or after a while without them, they can be carried."""


@dataclass(frozen=True)
class Shredded:
    """What became here of what was carried."""

    shredded: int
    left: int
    """Left whole, to be carried again: files of theirs are not in this file."""


@dataclass(frozen=True)
class Taken:
    """What became of a carried file."""

    new: int
    known: int
    files: int
    receipt: str
    """To be told to the machine that wrote it: it may then shred what it carried."""


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def write_carried(session: Session, actor: Actor, out: BinaryIO, *, keys: DoorKeys) -> Written:
    """Write all deliveries that wait here and are whole, sealed as they are, with their files. They stay here too."""
    allow(actor, "inbox.carry")
    label, key = find_seal_key(keys)
    sealing = Sealing(out, key)
    sealing.write({NAME: VERSION, "label": label, "key": keys.intake.key_id.hex()})
    count = dict.fromkeys(("deliveries", "files", "other_key", "mapped"), 0)
    count["incomplete"] = count_incomplete(session)
    for row in find_waiting(session):
        if row.server == MAPPED:
            count["mapped"] += 1
        elif row.body is None or row.body[: len(keys.intake.key_id)] != keys.intake.key_id:
            count["other_key"] += 1
        else:
            count["deliveries"] += 1
            count["files"] += _write_delivery(session, sealing, row, row.body)
    sealing.end(deliveries=count["deliveries"], files=count["files"])
    write_journal(session, actor=actor.id, action="carry", noun="entries", noun_id=str(count["deliveries"]))
    return Written(**count)


def _write_delivery(session: Session, sealing: Sealing, row: EntryRow, body: bytes) -> int:
    named: dict[str, Any] = {"form": row.form, "identity": row.identity, "server": row.server}
    named |= {"is_by_phone": True} if row.via == PHONE else {}
    if row.reason in _BESIDE or (row.reason == HeldReason.KEY_MISSING and row.contradicts_entry is not None):
        is_told = row.reason in (HeldReason.PLAIN_IN_ENCRYPTED, SECOND)
        named |= {"beside": row.reason if is_told else HeldReason.CONFLICT.value}
    sealing.write({"delivery": {**named, "body": _encode(body)}})
    files = 0
    listed = (list_files(session, form=row.form, identity=row.identity, states=one) for one in (HERE, (QUARANTINED,)))
    for file in chain.from_iterable(listed):
        content = read_content(session, file.id)
        if file.name is not None and content is not None:
            files += 1
            sealed: dict[str, Any] = {"name": _encode(file.name), "content": _encode(content)}
            sealed |= {"is_stray": True} if file.state == QUARANTINED else {}
            sealing.write({"file": {"name_digest": file.name_digest, **sealed}})
    return files


def accept_carried(
    sessions: sessionmaker[Session], actor: Actor, file: BinaryIO, *, keys: DoorKeys, hands: HandsKeys
) -> Taken:
    """Put everything in a file, as any delivery is put; the same file again changes nothing.

    Raises PimError before anything is put: BAD_FILE, or NOT_FOUND when it has deliveries of forms not known here.
    """
    allow(actor, "inbox.accept")
    checked = check_carried(file, keys=keys, hands=hands)
    with transaction(sessions) as session:
        _require_forms(session, file)
    new = 0
    for delivery, media in group_lines(file):
        with transaction(sessions) as session:
            new += _put(session, delivery, media, keys=keys, hands=hands)
    with transaction(sessions) as session:
        write_journal(session, actor=actor.id, action="accept", noun="entries", noun_id=checked.seal[:16])
    receipt = make_receipt(keys, checked.label, checked.seal)
    return Taken(new=new, known=checked.deliveries - new, files=checked.files, receipt=receipt)


def make_receipt(keys: DoorKeys, label: str | None, seal: str) -> str:
    """The code by which the machine that wrote a file knows that it was accepted."""
    return keyed_digest(find_seal_key(keys, label)[1], "accepted", seal)[:12]


def shred_accepted(session: Session, actor: Actor, file: BinaryIO, *, receipt: str, keys: DoorKeys) -> Shredded:
    """On the machine that wrote a file: shred what it carried, now that the other has it, and nothing else. An entry
    with a file here that was not carried is left whole.

    Raises PimError(WRONG_SECRET) for a receipt that is not of this very file, BAD_FILE when that was changed.
    """
    allow(actor, "inbox.carry")
    expected = make_receipt(keys, None, check_own(file, keys=keys).seal)
    if not hmac.compare_digest(expected.encode(), to_bytes(receipt.strip().lower())):
        raise PimError(
            ErrorCode.WRONG_SECRET,
            "Nothing was shredded: this is not the receipt of this file.",
            remedy="`pimcollect inbox accept` prints it on the machine that took the file.",
        )
    gone = left = 0
    for one, media in group_lines(file):
        body = base64.b64decode(one["body"])
        entry = lock_carried(session, form=one["form"], identity=one["identity"], body=body)
        if entry is None:
            continue
        files = {each["name_digest"]: sha256(base64.b64decode(each["content"])).digest() for each in media}
        if has_other_files(session, entry, files):
            left += 1
        else:
            shred_carried(session, entry, files)
            gone += 1
    write_journal(session, actor=actor.id, action="shred_carried", noun="entries", noun_id=str(gone))
    return Shredded(gone, left)


def _require_forms(session: Session, file: BinaryIO) -> None:
    named = {delivery["form"] for delivery, _ in group_lines(file)}
    missing = sorted(named - find_known_forms(session, named))
    if missing:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"Nothing was taken: the file has deliveries of forms that are not known here: {', '.join(missing)}.",
            remedy="Build or adopt these forms first, with the same ids.",
        )


def _place(
    connection: Connection[Any], delivery: dict[str, Any], body: bytes, told: Delivery, *, keys: DoorKeys
) -> tuple[str, Way]:
    """The identity that our own keys make of a delivery, and how to put it: what contradicted another on the other
    machine, or by phone contradicts one that is here, is held beside that as it would be at the door; what came here by
    another way is compared by the worker."""
    form, edition = delivery["form"], told.edition_id
    identity = identify(body, told, form=form, key=keys.digest)
    content = digest_body(body, form=form, key=keys.digest)
    way = Way(CARRIED, form, delivery["server"], content=content if delivery.get("is_by_phone") else None)
    if edition is None:
        return identity, way
    known = find_entry(connection, form=form, identity=identity)
    reason = delivery.get("beside")
    if known is not None and known.is_encrypted and not told.is_encrypted:
        reason = HeldReason.PLAIN_IN_ENCRYPTED
    elif known is not None:
        was_by_phone = known.via in (PHONE, CARRIED) and known.content is not None
        if was_by_phone and way.content is not None:
            reason = HeldReason.CONFLICT if known.content != content else None
        elif known.via != CARRIED or was_by_phone or way.content is not None:
            is_same = known.content and known.content == digest_answers(told, form=form, key=keys.digest)
            reason = reason or (None if is_same or not may_contradict(told, known) else SECOND)
    if reason not in _BESIDE:
        return identity, way
    return _place_beside(delivery, body, told, str(reason), keys=keys, against=None if known is None else known.entry)


def _place_beside(
    delivery: dict[str, Any], body: bytes, told: Delivery, reason: str, *, keys: DoorKeys, against: UUID | None
) -> tuple[str, Way]:
    form, edition = delivery["form"], told.edition_id or ""
    content = digest_body(body, form=form, key=keys.digest)
    way = Way(CARRIED, form, delivery["server"], content=content if delivery.get("is_by_phone") else None)
    held = replace(way, held=reason, contradicts=veil_id(edition, key=keys.digest), contradicts_entry=against)
    return identify_beside(edition, content, form=form, key=keys.digest), held


def _put(
    session: Session, delivery: dict[str, Any], media: list[dict[str, Any]], *, keys: DoorKeys, hands: HandsKeys
) -> bool:
    """Open one delivery and its files in memory and put them under the identity that our own keys make of it; with a
    file that cannot lie beside those that are here already, all of it is held beside them."""
    form, there = delivery["form"], delivery["identity"]

    def open_one(value: str, context: str) -> bytes:
        return open_value(base64.b64decode(value), ring=hands.intake, context=context)

    body = open_one(delivery["body"], entry_context(form, there))
    told = find_reader(delivery["server"]).read_delivery(body)
    driver = cast("Connection[Any]", session.connection().connection.driver_connection)
    identity, way = _place(driver, delivery, body, told, keys=keys)
    named: dict[str, bytes] = {}
    strays: dict[str, bytes] = {}
    for file in media:
        name = open_one(file["name"], name_context(form, there, file["name_digest"])).decode()
        content = open_one(file["content"], file_context(form, there, file["name_digest"]))
        (strays if file.get("is_stray") else named)[name] = content
    came = _store_all(session, named, form=form, identity=identity, keys=keys)
    if came & _REFUSED and way.held is None and told.edition_id is not None:
        known = find_entry(driver, form=form, identity=identity)
        against = None if known is None else known.entry
        identity, way = _place_beside(delivery, body, told, HeldReason.CONFLICT.value, keys=keys, against=against)
        came = _store_all(session, named, form=form, identity=identity, keys=keys)
    receipt = accept_as(identity, driver, body, told, via=way, keys=keys)
    if strays:
        came.add(quarantine(session, strays, form=form, identity=identity, edition_id=told.edition_id, keys=keys))
    if receipt is not None and not receipt.is_new and Stored.NEW in came:
        put_back(identity, driver, body, told, via=way, keys=keys)
    return receipt is not None and receipt.is_new


def _store_all(
    session: Session, files: Mapping[str, bytes], *, form: str, identity: str, keys: DoorKeys
) -> set[Stored]:
    """All of these files, or none when one is refused."""
    with session.begin_nested() as nested:
        where: dict[str, Any] = {"form": form, "identity": identity, "keys": keys}
        came = {store_media(session, name=name, content=content, **where) for name, content in files.items()}
        if came & _REFUSED:
            nested.rollback()
    return came
