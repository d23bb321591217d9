"""Which frozen versions of which forms ask what a code of the bank is about: by the key that each of them froze."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from forms import starter
from forms.bank import read_document
from pimcollect.domain.touched import find_named, find_reached
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_places
from pimcollect.tables.governance import find_item_states
from pimcollect.tables.uses import find_keys_of, find_place_uses, find_purpose_uses, find_uses


def find_askers(session: Session, items: Collection[str], *, limit: int = 1000) -> list[dict[str, Any]]:
    """As `find_uses`, each with `keys`: item -> the key under which that version asks it. A key ends with a major
    change, so answers under two keys are never counted together. Empty where the bank of a version was not kept."""
    uses = find_uses(session, items, limit=limit)
    keys = find_keys_of(session, {one["bank_version"] for one in uses}, items)
    if {one["bank_version"] for one in uses} - {version for version, _ in keys}:  # built before any bank was imported
        ours = read_document(starter.read_bytes("bank.json"))
        keys = {(ours["version"], row["id"]): row["key"] for row in ours["items"]} | keys
    return [{**one, "keys": {item: keys.get((one["bank_version"], item), "") for item in one["items"]}} for one in uses]


def find_where_used(session: Session, document: Mapping[str, Any], codes: Iterable[str]) -> list[dict[str, Any]]:
    """The same for codes of any part of a bank. A key means the versions that froze this key, and no other; a purpose
    the versions that were built for it, whatever else asks the same items.

    Raises PimError(NOT_FOUND) for a code that stands nowhere.
    """
    lives = find_item_states(session)
    places = {row["code"] for row in document.get("places", ())} | {row.code for row in find_places(session)}
    purposes = {row["id"] for row in document.get("purposes", ())}
    whole: set[str] = set()
    keyed: set[tuple[str, str]] = set()
    offered: list[str] = []
    codes = tuple(codes)
    for code in codes:
        if code in purposes:
            continue
        found = {(one.item, one.key) for one in lives if one.key == code}
        found |= {(row["id"], row["key"]) for row in document["items"] if row["key"] == code}
        keyed |= found
        reached = set() if found else find_reached(document, code)
        whole |= reached | {one.item for one in lives if one.item == code}
        if code in places:
            offered.append(code)
        elif not (found or reached or find_named(document, code) or any(one.item == code for one in lives)):
            raise PimError(
                ErrorCode.NOT_FOUND,
                f"There is no item, key, list or other part {code!r} in the bank.",
                remedy="`pimcollect bank list` shows the items, `pimcollect bank list --part` the rest.",
            )
    uses = []
    for one in find_askers(session, whole | {item for item, _ in keyed}):
        items = [item for item in one["items"] if item in whole or (item, one["keys"][item]) in keyed]
        if items:
            uses.append({**one, "items": items, "keys": {item: one["keys"][item] for item in items}})
    served = find_purpose_uses(session, purposes.intersection(codes))
    return uses + [{**one, "keys": {}} for one in (*served, *find_place_uses(session, offered))]
