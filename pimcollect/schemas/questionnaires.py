"""The shape of the forms that a bank keeps: their columns and rows, and what in them refers to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

SHEETS = ("survey", "choices", "settings", "external_choices", "entities", "osm")
FORM_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class QuestionnaireSchema(_Strict):
    """One form: the columns of its sheets as JSON."""

    id = fields.String(
        required=True, validate=validate.Regexp(FORM_ID, error="Use letters, digits, ., - and _, at most 64.")
    )
    title = fields.String(required=True)
    language = fields.String(required=True)
    columns = fields.String(required=True)


class QuestionnaireRowSchema(_Strict):
    """One row of one sheet: the item or choice that it asks, and the cells that differ from it, as JSON."""

    questionnaire = fields.String(required=True)
    sheet = fields.String(
        required=True, validate=validate.OneOf(SHEETS, error="Must be one of: " + ", ".join(SHEETS) + ".")
    )
    row = fields.Integer(required=True, strict=True, validate=validate.Range(min=2, max=100_000))
    link = fields.String(required=True)
    cells = fields.String(required=True)


def find_broken_rows(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """(place, text) for what is not as it was kept: nobody edits these rows by hand."""
    columns: dict[str, Any] = {}
    for number, one in enumerate(document.get("questionnaires", ())):
        columns[one["id"]] = _read(one["columns"])
        if not _is_of(columns[one["id"]], list) or not all(_are_texts(row) for row in columns[one["id"]].values()):
            columns[one["id"]] = {}
            yield ("questionnaires", number, "columns"), "is not as it was written; put back what was exported."
    items = {row["id"] for row in document["items"]}
    choices = {f"{name} {row['code']}" for name, rows in document["choice_lists"].items() for row in rows}
    for number, row in enumerate(document.get("questionnaire_rows", ())):
        where = ("questionnaire_rows", number)
        if row["questionnaire"] not in columns:
            yield (*where, "questionnaire"), f"there is no questionnaire {row['questionnaire']}."
            continue
        known = items if row["sheet"] == "survey" else choices if row["sheet"] == "choices" else set()
        if row["link"] and row["link"] not in known:
            text = f"there is no item or choice {row['link']}; put it back, or delete all rows of the form "
            yield (*where, "link"), f"{text}{row['questionnaire']}, here and on questionnaires."
        cells, headers = _read(row["cells"]), columns[row["questionnaire"]].get(row["sheet"], ())
        if not _is_of(cells, str) or not set(cells) <= set(headers):
            yield (*where, "cells"), "is not as it was written; put back what was exported."


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_of(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(one, kind) for one in value.values())


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(one, str) for one in values)
