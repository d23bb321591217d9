"""Which frozen versions of which forms ask an item of the bank, under which key, offer a place or serve a purpose."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session

from pimcollect.tables.forms import FormVersionRow

_ITEMS_ASKED: ColumnElement[str] = literal_column("'$.questions[*].item'::jsonpath")
_PURPOSE_SERVED: ColumnElement[str] = literal_column("'$.purpose'::jsonpath")
_CODES_OFFERED: ColumnElement[str] = literal_column("'$.choices.*[*].code'::jsonpath")
_KEYS = text("""
    SELECT banks.version, item ->> 'id' AS item, item ->> 'key' AS key
      FROM banks, jsonb_array_elements(banks.document -> 'items') AS item
     WHERE banks.version = ANY (:versions) AND item ->> 'id' = ANY (:items)
     ORDER BY banks.imported_at
""")


def find_uses(session: Session, items: Collection[str], *, limit: int = 1000) -> list[dict[str, Any]]:
    """Frozen versions that ask one of these bank items: form, version, version_id, bank_version, frozen_at, is_newest,
    items (which of them). By form, newest first; one query that looks through the documents of all versions."""
    return _find_naming(session, items, _ITEMS_ASKED, limit=limit)


def find_place_uses(session: Session, places: Collection[str], *, limit: int = 1000) -> list[dict[str, Any]]:
    """The same for frozen versions whose choice lists offer one of these places."""
    return _find_naming(session, places, _CODES_OFFERED, limit=limit)


def find_purpose_uses(session: Session, purposes: Collection[str], *, limit: int = 1000) -> list[dict[str, Any]]:
    """The same for frozen versions that were built for one of these purposes."""
    return _find_naming(session, purposes, _PURPOSE_SERVED, limit=limit)


def find_uses_or_purposes(session: Session, items: Collection[str], purposes: Collection[str]) -> list[dict[str, Any]]:
    """The same for versions that ask one of the items or were built for one of the purposes, each once."""
    asking = find_uses(session, items) if items else []
    known = {one["version_id"] for one in asking}
    served = find_purpose_uses(session, purposes) if purposes else []
    return [*asking, *(one for one in served if one["version_id"] not in known)]


def find_rounds(session: Session, *, last: int, limit: int = 5000) -> list[dict[str, Any]]:
    """The last versions of every form, newest first: form, wish, items (ids that it asks)."""
    number = func.row_number().over(partition_by=FormVersionRow.form, order_by=FormVersionRow.frozen_at.desc())
    every = select(
        FormVersionRow.form,
        FormVersionRow.document["wish"].label("wish"),
        func.jsonb_path_query_array(FormVersionRow.document, _ITEMS_ASKED, type_=JSONB).label("items"),
        number.label("number"),
    ).cte()
    asked = select(every.c.form, every.c.wish, every.c["items"]).where(every.c.number <= last)
    return [dict(row._mapping) for row in session.execute(asked.order_by(every.c.form, every.c.number).limit(limit))]


def find_keys_of(session: Session, versions: Collection[str], items: Collection[str]) -> dict[tuple[str, str], str]:
    """(bank version, item) -> the key that the item has in that kept bank."""
    rows = session.execute(_KEYS, {"versions": list(versions), "items": list(items)})
    return {(row.version, row.item): row.key for row in rows}


def _find_naming(
    session: Session, wanted: Collection[str], path: ColumnElement[str], *, limit: int
) -> list[dict[str, Any]]:
    if not wanted:
        return []
    newest = func.max(FormVersionRow.frozen_at).over(partition_by=FormVersionRow.form)
    every = select(
        FormVersionRow.form,
        FormVersionRow.version,
        FormVersionRow.id.label("version_id"),
        FormVersionRow.document["bank_version"].astext.label("bank_version"),
        FormVersionRow.frozen_at,
        (FormVersionRow.frozen_at == newest).label("is_newest"),
        func.jsonb_path_query_array(FormVersionRow.document, path, type_=JSONB).label("named"),
    ).cte()
    rows = session.execute(
        select(every)
        .where(every.c.named.has_any(cast(list(wanted), ARRAY(Text))))
        .order_by(every.c.form, every.c.frozen_at.desc())
        .limit(limit)
    )
    found = []
    for row in rows:
        facts = dict(row._mapping)
        named = facts.pop("named")
        found.append({**facts, "items": sorted(set(wanted).intersection(named))})
    return found
