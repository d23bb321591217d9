"""A form that was taken into the bank: its rows, each bound to the item or choice that it asks, and what they lack.

What a row says exactly as its item does is not kept twice: it comes from the bank when the form is written again.
Everything else stands in `cells`: other languages, extra columns, groups, and where the form words it differently.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forms.columns import UNNAMED, split_column
from forms.grids import Table
from forms.xlsforms import SHEETS, XlsForm
from pimcollect.domain.catalogue import REFERENCE, SELECTS
from pimcollect.errors import ErrorCode, PimError

Document = Mapping[str, Any]
"""A bank document whose shape was checked."""
Row = Mapping[str, Any]

ITEM_COLUMNS: Mapping[str, str] = {
    "name": "name",
    "label": "q",
    "hint": "hint",
    "guidance_hint": "guidance",
    "relevant": "rel",
    "constraint": "constraint",
    "constraint_message": "message",
    "required_message": "required_message",
    "appearance": "appearance",
    "parameters": "parameters",
    "default": "default",
    "readonly": "readonly",
}
"""Column of a survey sheet -> the item's field that says it."""

SPOKEN = ("label", "hint", "guidance_hint", "constraint_message", "required_message")
"""Of these the ones that a language has; an item speaks the form's first."""

EXPRESSIONS = ("relevant", "constraint", "default", "readonly")
"""Of these the ones that name other questions."""

_LONGEST = 30_000
"""Signs of cells in one row of the bank's workbook; more are kept in several rows."""


@dataclass(frozen=True)
class Links:
    """What the rows of a form ask: the survey sheet by row number, the choices by list."""

    items: Mapping[int, str]
    """Row -> id of the item."""
    lists: Mapping[str, str]
    """List of the form -> list of the bank."""


def keep_form(
    form: XlsForm, links: Links, document: Document, *, id_: str, title: str, language: str
) -> dict[str, Any]:
    """The parts of a bank document that keep one form: `questionnaires` and `questionnaire_rows`, one form's worth.

    `language` is the one of its columns (as they name it) in which items speak.
    """
    kept = {
        "id": id_,
        "title": title,
        "language": language,
        "columns": _write({name: list(table.columns) for name, table in form.tables.items()}),
    }
    speaker = _Speaker(document, language, _name_links(form, links, document))
    rows = []
    for name in (one for one in SHEETS if one in form.tables):
        table = form.tables[name]
        for number, cells in table.rows:
            link = _find_link(name, number, cells, table, links, speaker)
            differing = {
                column: cells.get(column, "").replace("_x000D_", "\r")
                for column in table.columns
                if cells.get(column, "") != speaker.say(name, link, column)
            }
            rows += [
                {"questionnaire": id_, "sheet": name, "row": number, "link": link, "cells": part}
                for part in _divide(differing)
            ]
    return {"questionnaires": [kept], "questionnaire_rows": rows}


def write_form(document: Document, id_: str) -> XlsForm:
    """The form as it is now: what the bank's items say, and what was kept of it. Raises PimError(NOT_FOUND)."""
    kept = next((one for one in document.get("questionnaires", ()) if one["id"] == id_), None)
    if kept is None:
        known = ", ".join(one["id"] for one in document.get("questionnaires", ()))
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"The bank keeps no form {id_!r}.",
            remedy=f"It keeps: {known}." if known else "It keeps none yet: pimcollect forms intake FILE.xlsx",
        )
    columns: dict[str, list[str]] = json.loads(kept["columns"])
    found: dict[tuple[str, int], tuple[str, dict[str, str]]] = {}
    for row in document.get("questionnaire_rows", ()):
        if row["questionnaire"] == id_:
            _, cells = found.setdefault((row["sheet"], row["row"]), (row["link"], {}))
            cells.update(json.loads(row["cells"]))
    names = _name_rows(document, columns.get("survey", []), found)
    speaker = _Speaker(document, kept["language"], names)
    tables = {}
    for name, headers in columns.items():
        rows = []
        for (sheet, number), (link, cells) in sorted(found.items(), key=lambda one: one[0][1]):
            if sheet == name:
                said = {header: cells.get(header, speaker.say(name, link, header)) for header in headers}
                rows.append((number, {header: text for header, text in said.items() if text}))
        tables[name] = Table(tuple(headers), tuple(rows))
    return XlsForm(tables, tuple(tables))


class _Speaker:
    """Says what a row's item or choice says in a column."""

    def __init__(self, document: Document, language: str, names: Mapping[str, str]) -> None:
        self._items: dict[str, Row] = {row["id"]: row for row in document["items"]}
        self._choices: dict[str, dict[str, Row]] = {
            name: {row["code"]: row for row in rows} for name, rows in document["choice_lists"].items()
        }
        self._language = language
        self._names = names

    def has_choice(self, list_: str, code: str) -> bool:
        return code in self._choices.get(list_, {})

    def say(self, sheet: str, link: str, header: str) -> str:
        if not link:
            return ""
        column, language = split_column(header)
        if column in SPOKEN and language != self._language:
            return ""
        if sheet == "survey":
            return self._say_item(self._items[link], column)
        list_, _, code = link.partition(" ")
        choice = self._choices[list_][code]
        return str({"list_name": list_, "name": code, "label": choice["label"]}.get(column) or "")

    def _say_item(self, item: Row, column: str) -> str:
        if column == "type":
            return f"{item['type']} {item['choices']}" if item["type"] in (*SELECTS, "rank") else str(item["type"])
        if column == "required":
            return "yes" if item["req"] else ""
        text = str(item.get(ITEM_COLUMNS.get(column, ""), ""))
        return rename(text, self._names) if column in EXPRESSIONS else text


def rename(expression: str, names: Mapping[str, str]) -> str:
    """The same expression with other names for the questions."""
    return REFERENCE.sub(lambda found: f"${{{names.get(found[1].strip(), found[1])}}}", expression)


def find_language(columns: list[str] | tuple[str, ...], default: str) -> str:
    """The language in which items speak for a form: English where it has it, else its default one, else the first."""
    spoken = [language for column, language in map(split_column, columns) if column == "label"]
    english = next((one for one in spoken if "(en)" in one or one.lower() in ("english", "en")), None)
    return english or next((one for one in (default, UNNAMED) if one in spoken), spoken[0] if spoken else UNNAMED)


def _name_column(columns: list[str] | tuple[str, ...]) -> str:
    return next((one for one in columns if split_column(one)[0] == "name"), "")


def _name_links(form: XlsForm, links: Links, document: Document) -> dict[str, str]:
    """Name of each item that the form asks -> what the form calls it."""
    survey = form.tables.get("survey", Table((), ()))
    column, items = _name_column(survey.columns), {row["id"]: row["name"] for row in document["items"]}
    return {items[links.items[number]]: cells.get(column, "") for number, cells in survey.rows if number in links.items}


def _name_rows(
    document: Document, columns: list[str], found: Mapping[tuple[str, int], tuple[str, Mapping[str, str]]]
) -> dict[str, str]:
    column, items = _name_column(columns), {row["id"]: row["name"] for row in document["items"]}
    ordered = sorted((at, one) for at, one in found.items() if at[0] == "survey" and one[0])
    return {items[link]: cells.get(column, items[link]) for _, (link, cells) in ordered}


def _find_link(sheet: str, number: int, cells: Mapping[str, str], table: Table, links: Links, speaker: _Speaker) -> str:
    if sheet == "survey":
        return links.items.get(number, "")
    if sheet != "choices":
        return ""
    plain = {split_column(column)[0]: cells.get(column, "") for column in table.columns}
    list_, code = links.lists.get(plain.get("list_name", ""), ""), plain.get("name", "")
    return f"{list_} {code}" if speaker.has_choice(list_, code) else ""


def _write(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _divide(cells: Mapping[str, str]) -> Iterator[str]:
    """The cells as JSON, in as many pieces as a workbook needs."""
    part: dict[str, str] = {}
    size = 0
    for column, text in cells.items():
        long = len(_write({column: text}))
        if part and size + long > _LONGEST:
            yield _write(part)
            part, size = {}, 0
        part[column] = text
        size += long
    yield _write(part)
