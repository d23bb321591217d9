"""Files that come with a delivery: sealed, name and all, before the database driver sees them."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from pimcollect.tables.media import (
    HERE,
    MOST_BYTES,
    MOST_FILES,
    QUARANTINED,
    WAITING,
    MediaRow,
    file_context,
    find_file,
    name_context,
    put_file,
    replace_carried,
    replace_quarantined,
    replace_tampered,
    weigh_media,
)
from pimcollect.vault import DoorKeys, OpenKey, keyed_digest, open_value, seal_value


class Stored(StrEnum):
    """What became of a file."""

    NEW = "new"
    SAME = "same"
    """It was there already, or was and has been shredded since."""
    OTHER = "other"
    """Another file has this name: nothing was stored."""
    TOO_MUCH = "too_much"
    """The edition has too many files, or too many bytes of them: nothing was stored."""


def digest_name(name: str, *, key: bytes) -> str:
    """By what a file of an edition is found; the name itself is sealed."""
    return keyed_digest(key, "file name", name)


def store_media(
    session: Session, *, form: str, identity: str, name: str, content: bytes, keys: DoorKeys, state: str = WAITING
) -> Stored:
    """Seal and store one file of an edition in the caller's transaction. The same again changes nothing; another one
    takes the place of a file whose envelope was found to be changed on its way. One that the edition does not name is
    QUARANTINED: it never takes a place, nor room from those that are named."""
    name_digest = digest_name(name, key=keys.digest)
    sealed: dict[str, Any] = {
        "digest": keyed_digest(keys.digest, "file", form, identity, hashlib.sha256(content).hexdigest()),
        "name": seal_value(name.encode(), to=keys.intake, context=name_context(form, identity, name_digest)),
        "content": seal_value(content, to=keys.intake, context=file_context(form, identity, name_digest)),
        "size": len(content),
    }
    known = find_file(session, form=form, identity=identity, name_digest=name_digest)
    if known is None:
        states = (QUARANTINED,) if state == QUARANTINED else HERE
        count, size = weigh_media(session, form=form, identity=identity, states=states)
        if count >= MOST_FILES or size + len(content) > MOST_BYTES:
            return Stored.TOO_MUCH
        if put_file(session, form=form, identity=identity, name_digest=name_digest, state=state, **sealed):
            return Stored.NEW
        known = find_file(session, form=form, identity=identity, name_digest=name_digest)
    if known is not None and known.state == QUARANTINED != state and replace_quarantined(session, known.id, **sealed):
        return Stored.NEW
    if known is None or known.digest in (None, sealed["digest"]):
        return Stored.SAME
    if replace_carried(session, known.id, state=state, **sealed):
        return Stored.NEW
    if state == QUARANTINED:
        return Stored.OTHER
    return Stored.NEW if replace_tampered(session, known.id, **sealed) else Stored.OTHER


def open_file(row: MediaRow, *, ring: tuple[OpenKey, ...]) -> tuple[str, bytes]:
    """For workers: a file's name and content. Raises PimError(SEAL_BROKEN)."""
    return open_name(row, ring=ring), open_content(row, row.content or b"", ring=ring)


def open_name(row: MediaRow, *, ring: tuple[OpenKey, ...]) -> str:
    """For workers: a file's name. Raises PimError(SEAL_BROKEN)."""
    context = name_context(row.form, row.identity, row.name_digest)
    return open_value(row.name or b"", ring=ring, context=context).decode()


def open_content(row: MediaRow, sealed: bytes, *, ring: tuple[OpenKey, ...]) -> bytes:
    """For workers: a file's content, which was read apart from its row. Raises PimError(SEAL_BROKEN)."""
    return open_value(sealed, ring=ring, context=file_context(row.form, row.identity, row.name_digest))
