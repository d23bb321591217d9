"""Lay a form out as sheets and write them as an .xlsx: the same layout gives the same bytes, everywhere and always."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

import xlsxwriter

from forms.files import name_list_file
from forms.grids import CREATED_AT
from forms.layout import Layout
from forms.rows import DERIVED, VERSION_MARK, Row
from forms.wording import LANGUAGE_NAMES
from pimcollect.domain.catalogue import ListedEntity, Text
from pimcollect.errors import ErrorCode, PimError

STYLE = "pages"
LONGEST_CELL = 32_767
"""Characters that a cell can hold."""

Sheets = Mapping[str, list[list[str]]]
"""Sheet -> rows of cells, all of them strings; the first row names the columns."""

_PLAIN = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}


def lay_sheets(layout: Layout, *, version: str, public_key: str = "") -> Sheets:
    """The survey, choices and settings sheets; with a `public_key` phones encrypt what they send.

    Raises PimError(BAD_FORM) for a cell that no workbook can hold.
    """
    sheets = {
        name: [[cell.strip() for cell in row] for row in rows]
        for name, rows in (
            ("survey", _survey(layout, version)),
            ("choices", _choices(layout)),
            ("settings", _settings(layout, version, public_key)),
            *((("entities", _entities(layout.entity)),) if layout.entity else ()),
        )
    }
    if any(len(cell) > LONGEST_CELL for rows in sheets.values() for row in rows for cell in row):
        raise PimError(ErrorCode.BAD_FORM, f"A text is longer than {LONGEST_CELL} characters.", remedy="Shorten it.")
    return sheets


def write_workbook(sheets: Sheets, *, title: str) -> bytes:
    """The .xlsx of the sheets; every cell is a string, so that no reader guesses a type."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, _PLAIN)
    book.set_properties({"title": title, "created": CREATED_AT})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if cell:
                    sheet.write_string(number, column, cell)
    book.close()
    return buffer.getvalue()


def _columns(name: str, layout: Layout) -> list[str]:
    return [f"{name}::{LANGUAGE_NAMES[language]}" for language in layout.languages]


def _words(text: Text, layout: Layout) -> list[str]:
    return [text.get(language, "") for language in layout.languages]


_SELDOM = ("parameters", "default", "trigger", "readonly", "repeat_count", "save_to")
_SELDOM_TEXTS = {"guidance": "guidance_hint", "required_message": "required_message"}
"""Columns of the survey sheet that are there only when a row fills them; field of a row -> column where they differ."""

MEDIA = ("image", "big-image", "audio", "video")


def _survey(layout: Layout, version: str) -> Iterable[list[str]]:
    rows = [row for row in layout.rows if row.kind != DERIVED]
    seldom = [one for one in _SELDOM if any(getattr(row, one) for row in rows)]
    texts = [one for one in _SELDOM_TEXTS if any(getattr(row, one) for row in rows)]
    media = [one for one in MEDIA if any(one in row.media for row in rows)]
    yield [
        "type",
        "name",
        *_columns("label", layout),
        *_columns("hint", layout),
        "required",
        "relevant",
        "constraint",
        *_columns("constraint_message", layout),
        "calculation",
        "appearance",
        "choice_filter",
        *seldom,
        *(column for one in texts for column in _columns(_SELDOM_TEXTS[one], layout)),
        *(column for one in media for column in _columns(f"media::{one}", layout)),
    ]
    for row in rows:
        yield [
            *_cells(row, layout, version),
            *(getattr(row, one) for one in seldom),
            *(word for one in texts for word in _words(getattr(row, one), layout)),
            *(row.media.get(one, "") for one in media for _ in layout.languages),
        ]


def _type(row: Row, layout: Layout) -> str:
    """With the file of its choices, where they are not in the form."""
    file = row.file or (name_list_file(row.choices) if row.choices in layout.external else "")
    return f"{row.kind}_from_file {file}" if file else row.type


def _cells(row: Row, layout: Layout, version: str) -> list[str]:
    return [
        _type(row, layout),
        row.name,
        *_words(row.label, layout),
        *_words(row.hint, layout),
        "yes" if row.is_required else "",
        row.relevant,
        row.constraint,
        *_words(row.message, layout),
        row.calculation.replace(VERSION_MARK, version),
        row.appearance,
        row.choice_filter,
    ]


def _choices(layout: Layout) -> Iterable[list[str]]:
    lists = {name: choices for name, choices in layout.lists.items() if name not in layout.external}
    media = [one for one in MEDIA if any(one in choice.media for choices in lists.values() for choice in choices)]
    shown = [column for one in media for column in _columns(f"media::{one}", layout)]
    yield ["list_name", "name", *_columns("label", layout), "parent", *shown]
    for name, choices in lists.items():
        for choice in choices:
            seen = [choice.media.get(one, "") for one in media for _ in layout.languages]
            yield [name, choice.code, *_words(choice.label, layout), choice.parent, *seen]


def _entities(entity: ListedEntity) -> Iterable[list[str]]:
    yield ["list_name", "label", "entity_id", "create_if", "update_if"]
    yield [entity.list, *entity.expressions]


def _settings(layout: Layout, version: str, public_key: str) -> Iterable[list[str]]:
    """No `instance_name`: it would show an answer in every list of a phone and a server."""
    names = ["form_title", "form_id", "version", "default_language", "style"]
    cells = [layout.title, layout.form, version, LANGUAGE_NAMES[layout.languages[0]], STYLE]
    yield [*names, "public_key"] if public_key else names
    yield [*cells, public_key] if public_key else cells
