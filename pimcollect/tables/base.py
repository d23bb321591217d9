"""What all tables share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, MetaData, TextClause, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session


class Base(DeclarativeBase):
    """All tables. Every constraint has a name, so that migrations and errors can say which one."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_by_%(column_0_N_name)s",
            "uq": "%(table_name)s_unique_%(column_0_N_name)s",
            "ck": "%(constraint_name)s",
            "fk": "%(table_name)s_%(column_0_name)s_exists",
            "pk": "%(table_name)s_key",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        UUID: Uuid(as_uuid=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: JSONB(none_as_null=True),
    }


def put_rows(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all name the same columns: one statement with one parameter, however many they are.

    Several times less work, here and there, than a statement for each row. Columns that are not named get their
    defaults. Raises ValueError when the rows name different columns.
    """
    if not rows:
        return
    missing = _defaults(table, rows[0].keys())
    columns = (*rows[0], *missing)
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError(f"rows of {table.__tablename__} name different columns")
    filled = [{**row, **{name: make(None) for name, make in missing.items()}} for row in rows] if missing else rows
    session.connection().execute(_put(table, columns), {"rows": json.dumps(filled, default=_spell)})


def as_stored(document: Mapping[str, Any]) -> Any:
    """A document as it is read back once it was stored: lists for tuples, texts for dates."""
    return json.loads(json.dumps(dict(document), default=_spell))


def _defaults(table: type[Base], named: Any) -> dict[str, Any]:
    """Makers of the defaults that the tables give and PostgreSQL does not know: column -> function of one argument."""
    return {
        column.name: (lambda _, value=column.default.arg: value) if column.default.is_scalar else column.default.arg
        for column in table.__table__.columns
        if column.default is not None and column.name not in named
    }


@cache
def _put(table: type[Base], columns: tuple[str, ...]) -> TextClause:
    name, listed = table.__tablename__, ", ".join(f'"{column}"' for column in columns)
    # names of ours only, none of a row
    return text(
        f"INSERT INTO {name} ({listed})"  # noqa: S608
        f" SELECT {listed} FROM jsonb_populate_recordset(NULL::{name}, CAST(:rows AS jsonb))"
    )


def _spell(value: object) -> str:
    """A value as PostgreSQL reads it out of JSON."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")
