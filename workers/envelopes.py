"""Encrypted submissions: parked until all their files are here, opened in memory, checked, then read like any other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import Held, HeldReason
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers import odk
from pimcollect.servers.base import Opened
from pimcollect.servers.envelope import Contents, Envelope, open_envelope, read_envelope
from pimcollect.servers.instance import find_fault
from pimcollect.tables.entries import EntryRow
from pimcollect.tables.media import MediaRow, count_shredded, list_files, read_content, shred_files
from webhooks.media import open_content, open_name
from workers.hands import Hands

BESIDE = "files not_encrypted"
"""Finding: readable files lay beside the encrypted ones; they were destroyed unread."""
_REASONS = {
    ErrorCode.BAD_BODY: HeldReason.UNREADABLE,
    ErrorCode.BAD_KEYS: HeldReason.KEY_MISSING,
    ErrorCode.SEAL_BROKEN: HeldReason.TAMPERED,
}


@dataclass(frozen=True)
class Parked:
    """Waits for files; tried again when one comes."""

    here: int
    named: int


@dataclass(frozen=True)
class Inside:
    """What was in an envelope. In memory only, and only while its entry is settled."""

    opened: Opened = field(repr=False)
    contents: Contents = field(repr=False)
    files: dict[str, MediaRow] = field(repr=False)
    """Encrypted name -> its row."""
    beside: int
    """How many readable files lay beside the encrypted ones."""


def unwrap(
    own: Hands, session: Session, row: EntryRow, body: bytes, *, repeats: Collection[str]
) -> Inside | Parked | Held:
    """Open the envelope of an entry, or say what it waits for or why a person must look at it."""
    keys = own.find_form_keys(session, row.form)
    if keys is None:
        return Held(HeldReason.ENCRYPTED)
    try:
        envelope = read_envelope(body)
    except PimError as error:
        return Held(HeldReason.UNREADABLE, find_fault(error))
    try:
        files = {open_name(one, ring=own.keys.intake): one for one in _list_all(session, row)}
    except PimError:
        return Held(HeldReason.KEY_MISSING)
    beside = _drop_others(session, row, envelope, files)
    missing = envelope.find_missing(files)
    if missing:
        return Parked(len(envelope.files) - len(missing), len(envelope.files))

    def read_file(name: str) -> bytes:
        return open_content(files[name], read_content(session, files[name].id) or b"", ring=own.keys.intake)

    try:
        contents = open_envelope(envelope, read_file, keys=keys)
        opened = odk.read_opened(contents.submission, repeats=repeats)
    except PimError as error:
        return Held(_REASONS[error.code], find_fault(error))
    return Inside(opened, contents, files, beside)


def _list_all(session: Session, row: EntryRow) -> list[MediaRow]:
    return list_files(session, form=row.form, identity=row.identity)


def _drop_others(session: Session, row: EntryRow, envelope: Envelope, files: dict[str, MediaRow]) -> int:
    """Destroy files that the envelope does not name: a readable twin of an encrypted one is nobody's doing but an
    intruder's or a broken phone's. Returns how many there were, those of earlier looks included."""
    others = [name for name in files if name not in envelope.files]
    shred_files(session, [files.pop(name).id for name in others])
    return count_shredded(session, form=row.form, identity=row.identity)
