"""Deliveries carried on a stick: written sealed as they are on one machine, opened and put by the keys of another.

A file is lines of JSON: a header, each delivery followed by its files, and an end line with their numbers and a seal
over all that stands before it (HMAC-SHA256). The seal's key comes with the intake key that the writing machine seals
to, so both machines know it and nobody else does. Nothing is put before the whole file was found right.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, cast

from psycopg import Connection
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.db import transaction
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.base import MAPPED, find_reader
from pimcollect.tables.carried import find_waiting, shred_carried
from pimcollect.tables.entries import CARRIED, EntryRow
from pimcollect.tables.forms import find_known_forms
from pimcollect.tables.journal import write_journal
from pimcollect.tables.media import (
    HERE,
    QUARANTINED,
    file_context,
    list_files,
    name_context,
    read_content,
    shred_media,
)
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import DoorKeys, HandsKeys, carry_key, keyed_digest, open_value
from webhooks.inbox import Way, accept, identify
from webhooks.media import store_media
from webhooks.quarantine import quarantine

VERSION = 1
_NAME = "pimcollect carried"
_LONGEST_LINE = 160 * 1024 * 1024
_OWN = "own"
"""Label of the seal's key where no intake key was imported: the machines share their key files."""


@dataclass(frozen=True)
class Written:
    """What a carried file holds, and what it had to leave behind."""

    deliveries: int
    files: int
    other_key: int
    """Sealed before the intake key of the other machine was imported: it could not open them."""
    mapped: int
    """Of senders with a mapping, which only the machine of their hook can read."""


@dataclass(frozen=True)
class Checked:
    """A carried file that was found right."""

    seal: str
    label: str
    deliveries: int
    files: int


@dataclass(frozen=True)
class Taken:
    """What became of a carried file."""

    new: int
    known: int
    files: int
    receipt: str
    """To be told to the machine that wrote it: it may then shred what it carried."""


def _bad(what: str, *, remedy: str = "Write the file again on the machine that it comes from.") -> PimError:
    return PimError(ErrorCode.BAD_FILE, f"Nothing was taken: {what}", remedy=remedy)


def _bytes(text: object) -> bytes:
    return str(text).encode("utf-8", "replace")


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _seal_key(keys: DoorKeys, label: str | None = None) -> tuple[str, bytes]:
    """Label and key: what was imported with an intake key, else our own; with `label`, what we gave to that machine."""
    if label is None and keys.carry is not None:
        return keys.carry
    return label or _OWN, carry_key(keys, label or _OWN)


class _Sealing:
    """Writes lines and sums them up for the seal."""

    def __init__(self, out: BinaryIO, key: bytes) -> None:
        self._out, self._sum = out, hmac.new(key, digestmod=sha256)

    def write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._sum.update(text)
        self._out.write(text)

    def end(self, **numbers: int) -> None:
        seal = self._sum.copy()
        seal.update(json.dumps(numbers, sort_keys=True).encode())
        self._out.write(json.dumps({**numbers, "seal": seal.hexdigest()}).encode() + b"\n")


def write_carried(session: Session, actor: Actor, out: BinaryIO, *, keys: DoorKeys) -> Written:
    """Write all deliveries that wait here, sealed as they are, with their files. They stay here too."""
    allow(actor, "inbox.carry")
    label, key = _seal_key(keys)
    sealing = _Sealing(out, key)
    sealing.write({_NAME: VERSION, "label": label, "key": keys.intake.key_id.hex()})
    count = dict.fromkeys(("deliveries", "files", "other_key", "mapped"), 0)
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


def _write_delivery(session: Session, sealing: _Sealing, row: EntryRow, body: bytes) -> int:
    named = {"form": row.form, "identity": row.identity, "server": row.server}
    sealing.write({"delivery": {**named, "body": _encode(body)}})
    files = 0
    for file in list_files(session, form=row.form, identity=row.identity, states=(*HERE, QUARANTINED)):
        content = read_content(session, file.id)
        if file.name is not None and content is not None:
            files += 1
            sealed: dict[str, Any] = {"name": _encode(file.name), "content": _encode(content)}
            sealed |= {"is_stray": True} if file.state == QUARANTINED else {}
            sealing.write({"file": {"name_digest": file.name_digest, **sealed}})
    return files


def _read_lines(file: BinaryIO) -> Iterator[tuple[bytes, dict[str, Any]]]:
    file.seek(0)
    while line := file.readline(_LONGEST_LINE):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _bad("the file is damaged, or none of ours.") from error
        if not line.endswith(b"\n") or not isinstance(found, dict):
            raise _bad("the file is damaged, or none of ours.")
        yield line, found


def check_carried(file: BinaryIO, *, keys: DoorKeys, hands: HandsKeys) -> Checked:
    """Read a file to its end. Raises PimError(BAD_FILE) unless it is whole, unchanged and sealed to a key of ours."""
    lines = _read_lines(file)
    try:
        first, header = next(lines)
    except StopIteration:
        raise _bad("the file is empty.") from None
    label = _check_header(header, hands)
    total, end = hmac.new(_seal_key(keys, label)[1], first, sha256), None
    count = {"deliveries": 0, "files": 0}
    for line, found in lines:
        if end is not None:
            raise _bad("something stands behind its end.")
        if "seal" in found:
            end = found
        else:
            total.update(line)
            count["deliveries"] += "delivery" in found
            count["files"] += "file" in found
    if end is None:
        raise _bad("the file is not whole; it ends in the middle.", remedy="Copy it again, or write it again.")
    numbers = {name: value for name, value in end.items() if name != "seal"}
    total.update(json.dumps(numbers, sort_keys=True).encode())
    if numbers != count or not hmac.compare_digest(total.hexdigest().encode(), _bytes(end["seal"])):
        raise _bad("the file was changed, or comes from a machine that did not import our intake key.")
    return Checked(total.hexdigest(), label, **count)


def _check_header(header: dict[str, Any], hands: HandsKeys) -> str:
    version, label, key = header.get(_NAME), header.get("label"), header.get("key")
    if not isinstance(version, int) or not isinstance(label, str) or not (label.isascii() and label.isprintable()):
        raise _bad("this is no file of carried deliveries.")
    if version != VERSION:
        raise _bad("another version of pimcollect wrote the file.", remedy="Bring both machines to the same version.")
    if key not in [one.seal_key.key_id.hex() for one in hands.intake]:
        raise _bad(
            "the file is sealed to an intake key that is not on this machine.",
            remedy="Accept it on the machine whose key was imported; `pimcollect keys list` shows the keys of each.",
        )
    return label


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
    for delivery, media in _group(file):
        with transaction(sessions) as session:
            new += _put(session, delivery, media, keys=keys, hands=hands)
    with transaction(sessions) as session:
        write_journal(session, actor=actor.id, action="accept", noun="entries", noun_id=checked.seal[:16])
    receipt = make_receipt(keys, checked.label, checked.seal)
    return Taken(new=new, known=checked.deliveries - new, files=checked.files, receipt=receipt)


def make_receipt(keys: DoorKeys, label: str | None, seal: str) -> str:
    """The code by which the machine that wrote a file knows that it was accepted."""
    return keyed_digest(_seal_key(keys, label)[1], "accepted", seal)[:12]


def shred_accepted(session: Session, actor: Actor, file: BinaryIO, *, receipt: str, keys: DoorKeys) -> int:
    """On the machine that wrote a file: shred what it carried, now that the other has it. Returns how many.

    Raises PimError(WRONG_SECRET) for a receipt that is not of this very file.
    """
    allow(actor, "inbox.carry")
    *_, (_, end) = _read_lines(file)
    expected = make_receipt(keys, None, str(end.get("seal")))
    if not hmac.compare_digest(expected.encode(), _bytes(receipt.strip().lower())):
        raise PimError(
            ErrorCode.WRONG_SECRET,
            "Nothing was shredded: this is not the receipt of this file.",
            remedy="`pimcollect inbox accept` prints it on the machine that took the file.",
        )
    carried = [(one["form"], one["identity"], base64.b64decode(one["body"])) for one, _ in _group(file)]
    found = [shred_carried(session, form=form, identity=identity, body=body) for form, identity, body in carried]
    gone = [entry for entry in found if entry is not None]
    shred_media(session, gone, unwanted=gone)
    write_journal(session, actor=actor.id, action="shred_carried", noun="entries", noun_id=str(len(gone)))
    return len(gone)


def _group(file: BinaryIO) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each delivery with its files; those of one delivery fit into memory together."""
    delivery: dict[str, Any] | None = None
    media: list[dict[str, Any]] = []
    for _, found in _read_lines(file):
        if "file" in found:
            media.append(found["file"])
            continue
        if delivery is not None:
            yield delivery, media
        delivery, media = found.get("delivery"), []


def _require_forms(session: Session, file: BinaryIO) -> None:
    named = {delivery["form"] for delivery, _ in _group(file)}
    missing = sorted(named - find_known_forms(session, named))
    if missing:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"Nothing was taken: the file has deliveries of forms that are not known here: {', '.join(missing)}.",
            remedy="Build or adopt these forms first, with the same ids.",
        )


def _put(
    session: Session, delivery: dict[str, Any], media: list[dict[str, Any]], *, keys: DoorKeys, hands: HandsKeys
) -> bool:
    """Open one delivery and its files in memory and put them under the identity that our own keys make of it."""
    form, there = delivery["form"], delivery["identity"]

    def open_one(value: str, context: str) -> bytes:
        return open_value(base64.b64decode(value), ring=hands.intake, context=context)

    body = open_one(delivery["body"], entry_context(form, there))
    told = find_reader(delivery["server"]).read_delivery(body)
    identity = identify(body, told, form=form, key=keys.digest)
    strays: dict[str, bytes] = {}
    for file in media:
        name = open_one(file["name"], name_context(form, there, file["name_digest"])).decode()
        content = open_one(file["content"], file_context(form, there, file["name_digest"]))
        if file.get("is_stray"):
            strays[name] = content
        else:
            store_media(session, form=form, identity=identity, name=name, content=content, keys=keys)
    driver = cast("Connection[Any]", session.connection().connection.driver_connection)
    receipt = accept(driver, body, told, via=Way(CARRIED, form, delivery["server"]), keys=keys)
    if strays:
        quarantine(session, strays, form=form, identity=identity, edition_id=told.edition_id, keys=keys)
    return receipt is not None and receipt.is_new
