"""The bank and the places that forms are built from now: those imported last, else the starter set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from forms import starter
from forms.bank import read_catalogue, read_document, read_starter
from forms.overlaps import FormTexts
from forms.places import read_starter_places
from forms.reasons import NOT_ACTIVE, STATES
from forms.selection import KINDS
from forms.services import Codes
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.governance import State
from pimcollect.domain.pathways import UNKNOWN
from pimcollect.domain.phrases import phrase
from pimcollect.domain.treatments import AGE_CUTS, band_label
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import PlaceRow, find_bank, find_bank_version, find_places
from pimcollect.tables.forms import find_newest_version
from pimcollect.tables.governance import find_item_states, find_wordings
from pimcollect.tables.translations import find_approved


@dataclass(frozen=True)
class Current:
    """What forms are built from, and where it comes from."""

    catalogue: Catalogue
    places: tuple[NamedPlace, ...]
    """Those that are valid on the day that was asked about."""
    is_starter_bank: bool
    are_starter_places: bool

    @property
    def codes(self) -> Codes:
        """The codes that rules of services may name."""
        return Codes(
            pathways=set(self.catalogue.pathways),
            places={place.code for place in self.places},
            groups=self._values("popgroup"),
            sexes=self._values("sex"),
            ages=self._values("ageband") | {band_label(cut) for cut in AGE_CUTS},
        )

    def _values(self, name: str) -> set[str]:
        """What routing can know of an answer: its code, the coarser one, or nothing."""
        choices = self.catalogue.lists.get(name, ())
        return {UNKNOWN} | {code for one in choices for code in (one.code, one.broader) if code}


def read_current(session: Session, *, is_field_test: bool = False, on: date | None = None) -> Current:
    """Read both from the database; five queries. Only active items may be asked; in a field test also those that are
    being tried. Official wording that was loaded is laid over the bank; places that are not valid `on` that day (else
    today) are not offered."""
    bank, rows = find_bank(session), find_places(session)
    if bank is None:
        catalogue = read_starter()
    else:
        catalogue = read_catalogue(bank.document)
        catalogue = replace(catalogue, held=find_held(session, catalogue, is_field_test=is_field_test))
    day = (on or datetime.now(UTC).date()).isoformat()
    catalogue = replace(catalogue, approved=find_approved(session))
    places = tuple(name_place(row) for row in rows) or read_starter_places()
    return Current(
        catalogue=lay_wordings(catalogue, {row.language: row.texts for row in find_wordings(session)}),
        places=tuple(place for place in places if place.is_valid(day)),
        is_starter_bank=bank is None,
        are_starter_places=not rows,
    )


def name_place(row: PlaceRow) -> NamedPlace:
    """A place of the database as forms and banks know it."""
    return NamedPlace(
        code=row.code,
        level=row.level,
        parent=row.parent,
        names=row.names,
        valid_from=row.valid_from.isoformat() if row.valid_from else "",
        valid_to=row.valid_to.isoformat() if row.valid_to else "",
        replaced_by=tuple(row.replaced_by),
        aliases=tuple(row.aliases),
    )


def find_held(session: Session, catalogue: Catalogue, *, is_field_test: bool = False) -> dict[str, str]:
    """Id of each item that no form may ask now -> why."""
    asked = {State.ACTIVE, State.FIELD_TEST, State.ENDORSED} if is_field_test else {State.ACTIVE}
    states = {(row.item, row.key): row.state for row in find_item_states(session)}
    found = {item.id: states.get((item.id, item.key), State.DRAFT) for item in catalogue.items}
    return {item: phrase(NOT_ACTIVE, state=STATES[state]) for item, state in found.items() if state not in asked}


def lay_wordings(catalogue: Catalogue, wordings: Mapping[str, Mapping[str, str]]) -> Catalogue:
    """The same catalogue speaking the official wording of each language that was loaded."""
    if not wordings:
        return catalogue

    def say(name: str) -> dict[str, str]:
        return {language: texts[name] for language, texts in wordings.items() if name in texts}

    answers = catalogue.washington_list
    return replace(
        catalogue,
        washington=tuple(replace(one, label=say(one.name)) for one in catalogue.washington),
        lists={
            **catalogue.lists,
            answers: tuple(replace(one, label=say(one.code)) for one in catalogue.lists[answers]),
        },
    )


def read_texts(session: Session, form: str) -> FormTexts:
    """The newest version of a form as far as comparing needs it. Raises PimError(NOT_FOUND)."""
    row = find_newest_version(session, form)
    if row is None:
        ours = f"`pimcollect forms build {form}` makes it." if form in KINDS else "`pimcollect forms list` shows them."
        raise PimError(ErrorCode.NOT_FOUND, f"There is no form {form!r} yet.", remedy=ours)
    version = row.document.get("bank_version", "")
    if not version:
        return FormTexts(row.document, row.xform, {})
    bank = find_bank_version(session, version) or find_bank(session)
    document = bank.document if bank else read_document(starter.read_bytes("bank.json"))
    return FormTexts(row.document, row.xform, {item["id"]: item["key"] for item in document["items"]})
