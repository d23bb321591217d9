"""Lints with all that the database knows: of a form its places, services, wording, files; of the bank the rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy.orm import Session

from forms.current import Current, read_current
from forms.lints import Lint
from forms.lints_all import lint_form
from forms.lints_bank import ROUNDS, lint_unused
from forms.selection import KINDS
from forms.services import read_starter_services
from forms.wishes import Served, Wish, read_wish
from pimcollect.domain.catalogue import Catalogue
from pimcollect.domain.governance import State
from pimcollect.tables.catalogue import read_directory
from pimcollect.tables.form_files import find_form_files
from pimcollect.tables.forms import find_newest_version
from pimcollect.tables.governance import find_item_states
from pimcollect.tables.uses import find_rounds


def read_served(session: Session, current: Current) -> tuple[Served, ...]:
    """Who serves which pathway where: of the directory, of the practice country where nothing was imported."""
    directory = read_directory(session)
    working = {service.code for service in directory.services.values() if not service.is_suspended}
    if not directory.rules and current.are_starter_places:
        return tuple(Served(rule.pathway, rule.place) for rule in read_starter_services(current.codes).rules)
    return tuple(Served(rule.pathway, rule.place) for rule in directory.rules if rule.service in working)


def find_wish(session: Session, form: str) -> Wish | None:
    """What the newest version of a form was built from, where it was a free choice."""
    newest = find_newest_version(session, form)
    return read_wish(newest.document["wish"]) if newest and newest.document.get("wish") else None


def find_media(session: Session, form: str) -> dict[str, bytes]:
    """Name -> content of the files that the newest version of a form has, its entity lists left out."""
    newest = find_newest_version(session, form)
    stored = find_form_files(session, newest.id) if newest else []
    return {row.name: row.content for row in stored if not row.is_entity_list}


def lint_current(
    session: Session, form: str, languages: tuple[str, ...], *, wish: Wish | None, media: Mapping[str, bytes]
) -> tuple[Lint, ...]:
    """All lints of a form that is built from the current bank. Raises PimError as `lint_form` does."""
    current = read_current(session)
    return lint_form(
        current.catalogue,
        form,
        places=current.places,
        languages=languages,
        served=read_served(session, current),
        wish=wish,
        media=media,
    )


def lint_rounds(session: Session, catalogue: Catalogue) -> Iterator[Lint]:
    """Active items of the bank that none of its forms has asked for several versions (L17)."""
    states = {(row.item, row.key): row.state for row in find_item_states(session)}
    rounds: dict[str, tuple[str, list[frozenset[str]]]] = {}
    for row in find_rounds(session, last=ROUNDS):
        wish = row["wish"] or {}
        tool = KINDS[row["form"]].tool if row["form"] in KINDS else wish.get("tool", "")
        rounds.setdefault(row["form"], (tool, []))[1].append(frozenset(row["items"]))
    active = (one for one in catalogue.items if states.get((one.id, one.key), State.ACTIVE) == State.ACTIVE)
    yield from lint_unused(active, rounds)
