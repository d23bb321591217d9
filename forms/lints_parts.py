"""Lints of what a bank holds beside its items: purposes, translations, disaggregations, places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from forms.drafts import STALE, list_drafts
from forms.lints import Lint, find
from pimcollect.domain.gazetteer import split_codes
from pimcollect.domain.phrases import phrase

Document = Mapping[str, Any]
_SENSITIVE = ("H", "S")


def lint_parts(document: Document, *, on: str = "") -> tuple[Lint, ...]:
    """All of them; `on` is the day as YYYY-MM-DD for what ends on a day."""
    return (
        *_lint_purposes(document, on),
        *_lint_translations(document),
        *_lint_sets(document),
        *_lint_places(document),
    )


def _lint_purposes(document: Document, on: str) -> Iterator[Lint]:
    rows = document.get("purposes", ())
    open_ = [row for row in rows if not (on and row["ends_on"] and row["ends_on"] < on)]
    for row in rows:
        if row not in open_:
            yield find(
                "B01", "purposes", name=f"{row['id']} ends_on", text=phrase("it ended on %(day)s", day=row["ends_on"])
            )
    tools = sorted({tool for row in document["items"] for tool in row["tools"]})
    for tool in tools:
        if not any(tool in row["tools"] for row in open_):
            yield find("B01", "purposes", name=tool, text=phrase("the bank asks with this tool and says of no purpose"))


def _lint_translations(document: Document) -> Iterator[Lint]:
    own = document.get("translations", ())
    for language in sorted({row["language"] for row in own}):
        drafts = list(list_drafts(document, language, approved=()))
        if stale := [one.key for one in drafts if one.state == STALE]:
            text = phrase("%(number)s of an older wording: %(keys)s", number=len(stale), keys=_first(stale))
            yield find("B02", "translations", name=language, text=text)
    sensitive = {row["id"] for row in document["items"] if row["sens"] in _SENSITIVE}
    lost: dict[str, list[str]] = {}
    for row in own:
        item = row["key"].partition(".")[0]
        if row["part"] in ("items", "variants") and item in sensitive and row["text"] and not row["back"]:
            lost.setdefault(row["language"], []).append(row["key"])
    for language, keys in sorted(lost.items()):
        text = phrase("%(number)s not translated back: %(keys)s", number=len(keys), keys=_first(keys))
        yield find("B03", "translations", name=language, text=text)


def _first(keys: list[str]) -> list[str]:
    return [*keys[:5], "..."] if keys[5:] else keys


def _lint_sets(document: Document) -> Iterator[Lint]:
    used = {name for row in document["items"] for name in split_codes(row["disagg"])}
    items = {row["id"]: row for row in document["items"]}
    for row in document.get("disaggregations", ()):
        if row["set"] not in used:
            yield find(
                "B04", "disaggregations", name=f"{row['set']} {row['code']}", text=phrase("no item names its set")
            )
        elif row["categories"] and items[row["source"]]["choices"] != row["categories"]:
            listed = items[row["source"]]["choices"] or "-"
            text = phrase("%(item)s answers with the list %(list)s", item=row["source"], list=listed)
            yield find("B04", "disaggregations", name=f"{row['set']} {row['code']} categories", text=text)


def _lint_places(document: Document) -> Iterator[Lint]:
    rows = document.get("places", ())
    parents = {row["code"]: row.get("parent", "") for row in rows}
    for row in rows:
        became = split_codes(row["replaced_by"])
        if row["valid_to"] and not became:
            text = phrase("it has a last day, and nothing says what it became")
            yield find("B05", "places", name=row["code"], text=text)
        if became and not row["valid_to"]:
            yield find("B05", "places", name=row["code"], text=phrase("it was replaced and has no last day"))
        if (above := Counter(parents[code] for code in became)) and len(above) > 1:
            text = phrase("divided between %(areas)s: old answers are counted in none of them", areas=sorted(above))
            yield find("B05", "places", name=row["code"], text=text)
