"""What pages need of the bank and the gazetteer: the bank kept in memory until another is imported, places by name."""

from __future__ import annotations

from collections.abc import Iterable

from flask import current_app
from sqlalchemy.orm import Session

from forms.bank import read_catalogue, read_starter
from forms.places import read_starter_places
from forms.translations import translate
from pimcollect.domain.catalogue import Catalogue
from pimcollect.tables.catalogue import find_bank, find_bank_sha, find_place_names, has_places
from pimcollect.web.telling import choose_text

_KEPT = "catalogue"
_STARTER = "starter"


def read_bank(session: Session) -> Catalogue:
    """The current bank in all languages; one small query, and the reading only when another one was imported."""
    sha = find_bank_sha(session) or _STARTER
    kept: tuple[str, Catalogue] | None = current_app.extensions.get(_KEPT)
    if kept is None or kept[0] != sha:
        row = find_bank(session)
        kept = (sha, translate(read_starter() if row is None else read_catalogue(row.document)))
        current_app.extensions[_KEPT] = kept
    return kept[1]


def is_starter_bank(session: Session) -> bool:
    """True while none was imported."""
    return find_bank_sha(session) is None


def name_places(session: Session, codes: Iterable[str | None]) -> dict[str, str]:
    """Code -> name in the page's language, of known codes; the practice country's while none is imported."""
    wanted = {code for code in codes if code}
    found = find_place_names(session, wanted)
    if wanted and not found and not has_places(session):
        found = {one.code: dict(one.names) for one in read_starter_places() if one.code in wanted}
    return {code: choose_text(names, code)[0] for code, names in found.items()}
