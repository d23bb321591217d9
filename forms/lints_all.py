"""All lints of one form: of the bank's own forms with everything known about them, of a workbook with what it tells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from forms.child import run_in_child
from forms.consents import find_consent
from forms.files import find_known
from forms.layout import Layout, lay_out
from forms.lints import Lint, Severity, find, order
from forms.lints_bank import lint_bank, lint_item
from forms.lints_book import Book, open_book, open_sheets
from forms.lints_form import lint_areas, lint_layout, lint_long_lists, lint_names, lint_pathways
from forms.lints_logic import lint_logic
from forms.lints_sheets import lint_sheets
from forms.outline import make_outline
from forms.release import plan_version
from forms.safety import check_workbook
from forms.selection import Selection, select
from forms.translations import translate
from forms.wishes import Served, Wish, find_unserved
from forms.workbook import lay_sheets
from forms.xform import to_clean_xform
from forms.xlsforms import XlsForm, read_sheets
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.phrases import phrase, read_phrase, write_phrase
from pimcollect.errors import ErrorCode, PimError


def lint_form(
    catalogue: Catalogue,
    form: str,
    *,
    places: tuple[NamedPlace, ...],
    languages: tuple[str, ...] = ("en",),
    served: tuple[Served, ...] = (),
    wish: Wish | None = None,
    media: Mapping[str, bytes] | None = None,
) -> tuple[Lint, ...]:
    """Lints of a form of the bank: its items, what is common to the bank, the layout, and the compiled workbook.

    `served` is who serves which pathway where. Raises
    PimError: NOT_FOUND for an unknown form, BAD_FORM when it cannot even be laid out (no places).
    """
    catalogue = translate(catalogue)
    area = wish.area if wish else ""
    closed = find_unserved(catalogue, area, places, served) if area and served else {}
    selection = select(catalogue, form, languages=languages, wish=wish, closed=closed)
    layout = lay_out(
        catalogue, selection, places=places, languages=languages, media=media, area=area, may_have_gaps=True
    )
    return order(_lint_all(catalogue, selection, layout, places, served))


def _lint_all(
    catalogue: Catalogue,
    selection: Selection,
    layout: Layout,
    places: tuple[NamedPlace, ...],
    served: tuple[Served, ...],
) -> Iterator[Lint]:
    if not any(selection.tool in one.tools for one in catalogue.purposes):
        yield find("B01", "purposes", name=selection.tool, text=phrase("the bank has no purpose for this tool"))
    for item in selection.items:
        yield from lint_item(item, catalogue)
    for lint in lint_bank(replace(catalogue, items=selection.items)):
        if lint.code in ("L11", "L12"):
            yield lint
    book = open_sheets(lay_sheets(layout, version="draft"), files=find_known(layout))
    rows = {line["name"]: line.row for line in book.survey if not line.kind.startswith("end")}
    yield from lint_layout(catalogue, selection, layout, rows)
    yield from lint_pathways(plan_version(catalogue, selection, layout), places, served)
    yield from lint_areas(layout, places)
    yield from lint_long_lists(layout)
    yield from lint_names(places, layout.languages)
    yield from lint_workbook(book, files=layout.files, is_ours=True)
    try:
        to_clean_xform(lay_sheets(layout, version="draft"))
    except PimError as error:
        yield place_refusal(error.message)


_ROW, _SHEET = re.compile(r"\[row : (\d+)\]"), re.compile(r"'(survey|choices|settings|entities)' sheet")


def place_refusal(message: str) -> Lint:
    """What pyxform refuses, at the row and sheet that it names; it counts rows as Excel does."""
    row, sheet = _ROW.search(message), _SHEET.search(message)
    return find("X00", sheet[1] if sheet else "survey", row=int(row[1]) if row else 0, text=message)


def lint_workbook(book: Book, *, files: Collection[str] | None = None, is_ours: bool = False) -> Iterator[Lint]:
    """The lints of sheets and of expressions."""
    yield from lint_logic(book)
    yield from lint_sheets(book, files=files, is_ours=is_ours)


def lint_file(data: bytes, *, name: str, files: Collection[str] | None = None) -> tuple[Lint, ...]:
    """Lints of an XLSForm made elsewhere, found in a child. `files` are the names of the files beside it, None where
    nobody can know.

    A workbook that pyxform refuses still gets its lints: they often say more clearly what is wrong. Raises PimError
    BAD_FILE or TOO_LARGE for one that is not safe to open, BAD_FORM for one whose sheets cannot be read.
    """
    check_workbook(data)
    found = run_in_child("lints", data, name=name, files=None if files is None else sorted(files))
    return tuple(
        Lint(**{**one, "text": read_phrase(one["text"]), "severity": Severity(one["severity"])}) for one in found
    )


def parse_lints(data: bytes, *, name: str, files: Collection[str] | None) -> list[dict[str, Any]]:
    """The same in this process, for the child: plain JSON."""
    lints = lint_sheets_of(read_sheets(data), name=name, files=files)
    return [{**vars(one), "text": write_phrase(one.text)} for one in lints]


def lint_sheets_of(form: XlsForm, *, name: str, files: Collection[str] | None = None) -> tuple[Lint, ...]:
    """Lints of the sheets of a form."""
    lints = list(lint_workbook(open_book(form), files=files))
    try:
        find_consent(make_outline(form, name=name))
    except PimError as error:
        is_consent = error.code is ErrorCode.CONSENT_NOT_NAMED
        lints.append(find("X13", "survey", row=1, text=error.message) if is_consent else place_refusal(error.message))
    return order(lints)
