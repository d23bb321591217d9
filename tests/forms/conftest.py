"""The starter bank, the practice places and all five forms, built once."""

from __future__ import annotations

import pytest

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from forms.selection import KINDS
from pimcollect.domain.catalogue import Catalogue, NamedPlace


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The starter bank."""
    return read_starter()


@pytest.fixture(scope="session")
def places() -> tuple[NamedPlace, ...]:
    """The practice country."""
    return read_starter_places()


@pytest.fixture(scope="session")
def built(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> dict[str, Frozen]:
    """All five forms."""
    return {form: build_form(catalogue, form, places=places) for form in KINDS}
