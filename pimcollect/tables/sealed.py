"""Where values lie that are sealed to the intake key, which of them need an old one, and the keys that are retired."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary, func, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.connections import token_context
from pimcollect.tables.form_keys import key_context
from pimcollect.tables.media import file_context, name_context
from pimcollect.tables.pictures import picture_name_context
from pimcollect.tables.releases import hook_secret_context

FIRST = UUID(int=0)
"""Before every id."""


def entry_context(form: str, identity: str) -> str:
    """What an entry's body is bound to: moved to another row it does not open."""
    return f"entry|{form}|{identity}"


class RetiredKeyRow(Base):
    """An intake key that nothing may be sealed to any more: the database refuses it, whoever tries (triggers)."""

    __tablename__ = "retired_keys"
    __table_args__ = (CheckConstraint("length(key_id) = 8", name="retired_key_is_named_by_its_id"),)
    key_id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    retired_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


@dataclass(frozen=True)
class SealedPlace:
    """A column of values sealed to the intake key. `parts` are the columns that `context` is made of."""

    noun: str
    """What its values are called when they are counted."""
    table: str
    column: str
    states: tuple[str, ...]
    """Conditions that together find every row with a value, each by an index where the table is large."""
    parts: tuple[str, ...]
    context: Callable[..., str]
    at_once: int = 100
    """Rows that one transaction may hold in memory."""
    key: str = "id"


_BY_NAME = ("form", "identity", "name_digest")
PLACES = (
    SealedPlace(
        *("deliveries", "entries", "body", ("state = 'untouched'", "state = 'held'")),
        *(("form", "identity"), entry_context, 8),
    ),
    SealedPlace("files", "media", "content", ("content IS NOT NULL",), _BY_NAME, file_context, 2),
    SealedPlace("names of files", "media", "name", ("name IS NOT NULL",), _BY_NAME, name_context),
    SealedPlace("names of pictures", "pictures", "name", ("state = 'awaited'",), ("id",), picture_name_context),
    SealedPlace("keys of forms", "form_keys", "sealed", ("true",), ("id",), key_context),
    SealedPlace("tokens", "connections", "sealed", ("sealed IS NOT NULL",), ("id",), token_context),
    SealedPlace(
        *("secrets of hooks", "registered_hooks", "sealed", ("true",), ("hook",), hook_secret_context),
        key="connection",
    ),
)


_COUNT = """
    SELECT substring({column} FROM 1 FOR 8) AS key, count(*) AS n FROM {table}
     WHERE {state} AND substring({column} FROM 1 FOR 8) = ANY(:keys) GROUP BY 1
"""


def count_sealed(session: Session, keys: Collection[bytes]) -> dict[bytes, dict[str, int]]:
    """Key id -> how many of what are sealed to it, for these keys; what there is none of is not named."""
    found: dict[bytes, dict[str, int]] = {key: {} for key in keys}
    for place in PLACES:
        for state in place.states:
            counted = _COUNT.format(column=place.column, table=place.table, state=state)
            for row in session.execute(text(counted), {"keys": list(keys)}):
                nouns = found[bytes(row.key)]
                nouns[place.noun] = nouns.get(place.noun, 0) + row.n
    return found


def take_sealed(session: Session, place: SealedPlace, keys: Collection[bytes], *, after: UUID) -> list[Any]:
    """The next rows with a value sealed to one of these keys, locked: `key`, `sealed`, and the parts of its context.

    What another transaction holds just now is left out.
    """
    parts = ", ".join(f"{part} AS part_{number}" for number, part in enumerate(place.parts))
    statement = text(
        f"""
        SELECT {place.key} AS key, {place.column} AS sealed, {parts} FROM {place.table}
         WHERE {place.column} IS NOT NULL AND substring({place.column} FROM 1 FOR 8) = ANY(:keys)
           AND {place.key} > :after ORDER BY {place.key} LIMIT :limit FOR UPDATE SKIP LOCKED
        """  # noqa: S608 - names of ours
    )
    return list(session.execute(statement, {"keys": list(keys), "after": after, "limit": place.at_once}))


def replace_sealed(session: Session, place: SealedPlace, key: UUID, sealed: bytes) -> None:
    """Put the same value sealed to another key in the place of the one that was taken."""
    statement = text(f"UPDATE {place.table} SET {place.column} = :sealed WHERE {place.key} = :key")  # noqa: S608 - names of ours
    session.execute(statement, {"sealed": sealed, "key": key})


def retire_key(session: Session, key_id: bytes) -> None:
    """From the commit on the database takes nothing that is sealed to this key."""
    session.execute(
        text("INSERT INTO retired_keys (key_id) VALUES (:key_id) ON CONFLICT DO NOTHING"), {"key_id": key_id}
    )


def is_retired(session: Session, key_id: bytes) -> bool:
    """Whether it is."""
    return session.get(RetiredKeyRow, key_id) is not None


def wait_for_writers(session: Session, *, seconds: int) -> None:
    """Until every transaction that was writing sealed values has ended. Holds new ones up meanwhile, so not for long.

    Raises the driver's LockNotAvailable when they take longer than `seconds`.
    """
    tables = ", ".join(sorted({place.table for place in PLACES}))
    session.execute(text(f"SET LOCAL lock_timeout = '{seconds}s'"))
    session.execute(text(f"LOCK TABLE {tables} IN SHARE MODE"))
