"""The opened case in words: question and answer, for the one page that shows it. Nothing here is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from forms.current import Current
from pimcollect.web.words import CASE_FIELDS, say

_ENGLISH = "en"


def read_person(plain: bytes, current: Current) -> list[tuple[str, str]]:
    """Labels and answers of an opened case, in the order a caller needs them: name and contact first."""
    package: dict[str, Any] = json.loads(plain)
    order = list(CASE_FIELDS)
    names = sorted(package, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [pair for name in names for pair in _say_field(name, package[name], current)]


def _say_field(name: str, value: Any, current: Current) -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        for number, member in enumerate(value, start=1):
            told = ", ".join(_say_value(key, one, current) for key, one in sorted(member.items()) if one is not None)
            yield f"{say(CASE_FIELDS, name)} {number}", told
        return
    yield say(CASE_FIELDS, name), _say_value(name, value, current)


def _say_value(name: str, value: Any, current: Current) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_say_value(name, one, current) for one in value)
    text = str(value)
    item = next((one for one in current.catalogue.items if one.name == name), None)
    for choice in current.catalogue.lists.get(item.choices, ()) if item else ():
        if choice.code == text:
            return choice.label.get(_ENGLISH) or text
    return find_place_name(text, current) or text


def find_place_name(code: str | None, current: Current) -> str:
    """The name of an area, or nothing."""
    place = next((one for one in current.places if one.code == code), None)
    return "" if place is None else place.names.get(_ENGLISH) or next(iter(place.names.values()), "")
