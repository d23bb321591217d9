"""The bank and the places that forms are built from now: those imported last, else the starter set."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from forms.bank import read_catalogue, read_starter
from forms.places import read_starter_places
from forms.services import Codes
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.pathways import UNKNOWN
from pimcollect.domain.treatments import AGE_CUTS, band_label
from pimcollect.tables.catalogue import find_bank, find_places


@dataclass(frozen=True)
class Current:
    """What forms are built from, and where it comes from."""

    catalogue: Catalogue
    places: tuple[NamedPlace, ...]
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


def read_current(session: Session) -> Current:
    """Read both from the database; two queries."""
    bank, rows = find_bank(session), find_places(session)
    return Current(
        catalogue=read_starter() if bank is None else read_catalogue(bank.document),
        places=tuple(NamedPlace(row.code, row.level, row.parent, row.names) for row in rows) or read_starter_places(),
        is_starter_bank=bank is None,
        are_starter_places=not rows,
    )
