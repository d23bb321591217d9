"""What a bank holds beside its items, read into the catalogue: wording, terms, purposes, disaggregations, places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from forms.translations import SOURCE, hash_source
from pimcollect.domain.catalogue import Disaggregation, Purpose, Term, Translation, Variant
from pimcollect.domain.gazetteer import read_gazetteer, split_codes

Document = Mapping[str, Any]


def _say(text: str) -> dict[str, str]:
    return {SOURCE: text} if text else {}


def find_variants(document: Document) -> dict[str, dict[str, Variant]]:
    """Item -> tool -> its own wording."""
    found: dict[str, dict[str, Variant]] = defaultdict(dict)
    for row in document.get("variants", ()):
        found[row["item"]][row["tool"]] = Variant(_say(row["q"]), _say(row["hint"]))
    return found


def _purpose(row: Mapping[str, Any]) -> Purpose:
    known = ("id", "title", "tools", "items", "starts_on", "ends_on", "text")
    return Purpose(
        id=row["id"],
        title=row["title"],
        tools=row["tools"],
        items=frozenset(split_codes(row["items"])),
        starts_on=row["starts_on"],
        ends_on=row["ends_on"],
        text=_say(row["text"]),
        facts={name: value for name, value in row.items() if name not in known},
    )


def read_translations_of(document: Document) -> dict[tuple[str, str, str], Translation]:
    """(part, key, language) -> what the bank says itself; rows without a text are still to be written."""
    return {
        (row["part"], row["key"], row["language"]): Translation(
            row["text"], hash_source(row["source"]), row["state"], row["translator"], row["back"]
        )
        for row in document.get("translations", ())
        if row["text"]
    }


def make_parts(document: Document) -> dict[str, Any]:
    """The fields of a catalogue for these parts, by name."""
    return {
        "terms": tuple(
            Term(row["code"], _say(row["term"]), _say(row["definition"])) for row in document.get("terms", ())
        ),
        "purposes": tuple(map(_purpose, document.get("purposes", ()))),
        "disaggregations": tuple(Disaggregation(**row) for row in document.get("disaggregations", ())),
        "places": read_gazetteer(document),
        "translations": read_translations_of(document),
    }
