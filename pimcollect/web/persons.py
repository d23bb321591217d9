"""The opened case in words: question and answer, for the one page that shows it. Nothing here is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from pimcollect.domain.catalogue import Catalogue
from pimcollect.domain.packages import PICTURES
from pimcollect.web.catalogue import name_places, read_bank
from pimcollect.web.telling import choose_text, say
from pimcollect.web.words import CASE_FIELDS, MEMBER_FIELDS

_MEMBER_LISTS = {"sex": "sex", "rel": "rel", "caregiver": "yn"}
"""Field of a family member -> the bank's choice list of its codes."""


@dataclass(frozen=True)
class Shown:
    """One picture of a case, for the page."""

    title: str
    state: str
    """kept, awaited or refused."""
    source: str = field(repr=False)
    """A data address; empty when there is nothing to show."""


@dataclass(frozen=True)
class Person:
    """An opened case in words."""

    told: list[tuple[str, str]] = field(repr=False)
    pictures: list[Shown] = field(repr=False)


def read_person(session: Session, plain: bytes) -> Person:
    """Labels and answers of an opened case, in the order a caller needs them: name and contact first; its pictures."""
    package: dict[str, Any] = json.loads(plain)
    pictures = [
        Shown(
            title=say(CASE_FIELDS, one["question"]),
            state=one["state"],
            source=f"data:image/jpeg;base64,{one['jpeg']}" if one["jpeg"] else "",
        )
        for one in package.pop(PICTURES, [])
    ]
    reader = _Reader(read_bank(session), name_places(session, (str(value) for value in package.values())))
    names = sorted(package, key=_order_of(CASE_FIELDS))
    return Person([pair for name in names for pair in reader.say_field(name, package[name])], pictures)


def _order_of(known: Mapping[str, Any]) -> Callable[[str], tuple[int, str]]:
    """Sorts by the order of a table; what is not in it comes last."""
    order = {name: place for place, name in enumerate(known)}
    return lambda name: (order.get(name, len(order)), name)


@dataclass(frozen=True)
class _Reader:
    catalogue: Catalogue
    places: Mapping[str, str]

    def say_field(self, name: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, member in enumerate(value, start=1):
                told = [
                    f"{say(MEMBER_FIELDS, key)}: {self._say(key, member[key])}"
                    for key in sorted(member, key=_order_of(MEMBER_FIELDS))
                    if member[key] is not None
                ]
                yield f"{say(CASE_FIELDS, name)} {number}", " · ".join(told)
            return
        yield say(CASE_FIELDS, name), self._say(name, value)

    def _say(self, name: str, value: Any) -> str:
        if isinstance(value, list | tuple):
            return " · ".join(self._say(name, one) for one in value)
        text = str(value)
        choices = next((one.choices for one in self.catalogue.items if one.name == name), _MEMBER_LISTS.get(name, ""))
        for choice in self.catalogue.lists.get(choices, ()):
            if choice.code == text:
                return choose_text(choice.label, text)[0]
        return self.places.get(text, text)
