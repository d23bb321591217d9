"""The entity lists of phones: their rows as CSV, read and sent page by page, the digest of it, and who was erased."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.tables.entities import find_known, find_list, keep_md5, read_rows
from pimcollect.tables.form_files import FormFileRow

CONTENT_TYPE = "text/csv; charset=utf-8"
_COLUMNS = ("name", "label", "__version")
_PIECE = 64 * 1024
"""Bytes that are put together before they are sent: a list is never whole in memory."""


def name_list(file: FormFileRow) -> str:
    """The list that a form's file stands for."""
    return file.name.removesuffix(".csv")


def find_md5(engine: Engine, file: FormFileRow) -> str:
    """The digest of what a phone would fetch now; worked out once for each revision of the list, then remembered."""
    name = name_list(file)
    with _open_snapshot(engine) as session:
        row = find_list(session, name)
        if row is None:
            return file.md5
        if row.md5 is not None and row.md5_of == row.revision:
            return row.md5
        revision = row.revision
        digest = hashlib.md5(usedforsecurity=False)
        for piece in _write(session, name, row.properties):
            digest.update(piece)
    with Session(engine) as session, session.begin():
        keep_md5(session, name, revision=revision, md5=digest.hexdigest())
    return digest.hexdigest()


def send_rows(engine: Engine, file: FormFileRow) -> Iterator[bytes]:
    """The list as CSV, piece by piece, all of one moment; without its rows while no version here names the list."""
    name = name_list(file)
    with _open_snapshot(engine) as session:
        row = find_list(session, name)
        if row is None:
            yield file.content
        else:
            yield from _write(session, name, row.properties)


def find_deleted(session: Session, file: FormFileRow, ids: Iterable[str]) -> dict[str, bool]:
    """Of each of these ids that ever was in the list: whether it was erased from it."""
    asked = {found: text for text in ids if (found := _read_id(text)) is not None}
    known = find_known(session, name_list(file), asked.keys())
    return {text: not known[found] for found, text in asked.items() if found in known}


def _open_snapshot(engine: Engine) -> Session:
    """Revision and rows of one moment, and rows by a cursor of the database."""
    return Session(engine.execution_options(isolation_level="REPEATABLE READ"))


def _write(session: Session, name: str, properties: list[str]) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow((*_COLUMNS, *properties))
    for id_, label, version, values in read_rows(session, name):
        writer.writerow((id_, label, version, *(values.get(one, "") for one in properties)))
        if buffer.tell() >= _PIECE:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
