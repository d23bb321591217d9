"""What pages need of the bank and the gazetteer: the bank kept in memory until another is imported, places by name."""

from __future__ import annotations

from collections.abc import Iterable

from flask import current_app
from sqlalchemy.orm import Session

from forms.bank import read_catalogue, read_starter
from forms.places import read_starter_places
from pimcollect.domain.catalogue import Catalogue
from pimcollect.tables.catalogue import find_bank, find_bank_sha, find_place_names, has_places

_KEPT = "catalogue"
_ENGLISH = "en"
_STARTER = "starter"


def read_bank(session: Session) -> Catalogue:
    """The current bank; one small query, and the checked reading of it only when another one was imported."""
    sha = find_bank_sha(session) or _STARTER
    kept: tuple[str, Catalogue] | None = current_app.extensions.get(_KEPT)
    if kept is None or kept[0] != sha:
        row = find_bank(session)
        kept = (sha, read_starter() if row is None else read_catalogue(row.document))
        current_app.extensions[_KEPT] = kept
    return kept[1]


def is_starter_bank(session: Session) -> bool:
    """True while none was imported."""
    return find_bank_sha(session) is None


def name_places(session: Session, codes: Iterable[str | None]) -> dict[str, str]:
    """Code -> name, for the codes that are known; the practice country's as long as no gazetteer was imported."""
    wanted = {code for code in codes if code}
    found = find_place_names(session, wanted)
    if wanted and not found and not has_places(session):
        found = {one.code: dict(one.names) for one in read_starter_places() if one.code in wanted}
    return {code: names.get(_ENGLISH) or next(iter(names.values()), code) for code, names in found.items()}
