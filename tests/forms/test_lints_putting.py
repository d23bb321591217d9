"""Lints of how questions are put: for each a bank or a workbook that trips it, and its mend, which does not."""

from __future__ import annotations

from typing import Any

import pytest

from forms.bank import read_catalogue
from forms.lints import Lint, Severity
from forms.lints_all import lint_file, lint_form, place_refusal
from forms.lints_bank import lint_expressions
from pimcollect.domain.catalogue import NamedPlace
from tests.factories.rich_banks import MEDIA, rich_document
from tests.forms.books import CONSENT, write_book


def _change(name: str, **fields: Any) -> dict[str, Any]:
    document = rich_document()
    next(row for row in document["items"] if row["name"] == name).update(fields)
    return document


def _lint(document: dict[str, Any], places: tuple[NamedPlace, ...], **more: Any) -> list[Lint]:
    given = {"media": MEDIA, **more}
    return [one for one in lint_form(read_catalogue(document), "obs", places=places, **given) if one.name]


def _errors(lints: list[Lint]) -> set[tuple[str, str]]:
    return {(one.code, one.name) for one in lints if one.severity is Severity.ERROR}


def test_the_bank_that_uses_everything_has_no_error(places: tuple[NamedPlace, ...]) -> None:
    assert _errors(_lint(rich_document(), places)) == set()


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("well_kind", {"choice_filter": "region=${well_use}"}, "X04"),
        ("well_clinic", {"choice_filter": "region=${well_use}"}, "X04"),
        ("well_code", {"choice_filter": "region=${well_use}"}, "X04"),
        ("well_count", {"constraint": "regex(., '[0-9')"}, "X03"),
        ("well_sum", {"calc": "summ(${well_depth})"}, "X02"),
        ("well_told", {"calc": "round(${well_sum}, 0"}, "X12"),
        ("well_sum", {"calc": "${well_sum} + 1"}, "X06"),
        ("well_day", {"readonly": "${well_day} = ''"}, "X06"),
        ("well_guard", {"default": "summ(${well_count})"}, "X02"),
        ("wells", {"repeat_count": "max(${well_count}, 1"}, "X12"),
        ("well_kind", {"choice_filter": "start-with(parent, 'd')"}, "X02"),
        ("well_note", {"image": "gone.png"}, "X05"),
        ("well_clinic", {"file": "gone.csv"}, "X05"),
    ],
)
def test_a_lint_names_the_row_and_its_mend_stills_it(
    places: tuple[NamedPlace, ...], name: str, fields: dict[str, str], code: str
) -> None:
    found = [one for one in _lint(_change(name, **fields), places) if one.code == code]
    assert [one.name for one in found] == [name]
    assert all(one.row > 1 and one.sheet == "survey" and one.mend and one.text for one in found)
    assert code not in {one.code for one in _lint(rich_document(), places)}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("well_told", {"calc": "${well_told} + 1"}),  # triggered: a counter
        ("well_count", {"default": "1) few (or none"}),  # a plain text
        ("well_before", {"choice_filter": "district=${well_count}"}),  # other forms give the entity list its columns
        ("well_kind", {"choice_filter": "parent=instance('welluse')/root/item[of='x']/name"}),
    ],
)
def test_what_works_on_the_telephone_is_not_called_broken(
    places: tuple[NamedPlace, ...], name: str, fields: dict[str, str]
) -> None:
    assert _errors(_lint(_change(name, **fields), places)) == set()


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"label": "conc('Site ', ${well_code})"}, "X02", "label: there is no function conc()"),
        ({"update_if": "(${well_before}!=''"}, "X12", "update_if: a bracket does not close, or closes nothing"),
    ],
)
def test_an_expression_of_an_entity_is_a_lint_at_its_own_sheet(
    places: tuple[NamedPlace, ...], fields: dict[str, str], code: str, text: str
) -> None:
    document = rich_document()
    document["entities"][0] |= fields
    [lint] = [one for one in _lint(document, places) if one.code == code]
    assert (lint.sheet, lint.row, lint.name, lint.text) == ("entities", 2, "sites", text)


def test_what_would_break_any_form_is_a_lint_of_the_bank() -> None:
    document = _change("well_guard", default="nosuchfunc(1)", choice_filter="(parent='x'")
    document["entities"][0]["create_if"] = "nosuchfunc(2)"
    found = {(one.code, one.where) for one in lint_expressions(document)}
    assert found == {
        ("X02", "items W13 default"),
        ("X12", "items W13 choice_filter"),
        ("X02", "entities sites create_if"),
    }
    assert list(lint_expressions(rich_document())) == []


def test_what_an_entity_list_would_show_of_a_person_is_a_lint(places: tuple[NamedPlace, ...]) -> None:
    lints = [one for one in _lint(_change("well_code", cls="quasi"), places) if one.code == "X09"]
    (lint,) = [one for one in lints if one.severity is Severity.ERROR]
    assert "sites" in lint.text
    assert lint.row > 1


def test_guidance_that_is_not_translated_is_named_row_by_row(places: tuple[NamedPlace, ...]) -> None:
    lints = _lint(rich_document(), places, languages=("en", "fr"))
    lost = [one for one in lints if one.code == "X07" and one.name == "well_count"]
    assert {one.text.split(" ")[0] for one in lost} == {
        "label",
        "guidance_hint",
        "constraint_message",
        "required_message",
    }
    (long,) = [one for one in lints if one.code == "X07" and one.name == "wellcode"]
    assert "600 of its choices lack a French (fr) label, the first is s0" in long.text
    assert "X07" not in {one.code for one in _lint(rich_document(), places)}


@pytest.mark.parametrize(
    ("message", "sheet", "row"),
    [
        ("[row : 7] On the 'choices' sheet, the 'name' is wrong", "choices", 7),
        ("[row : 12] On the 'survey' sheet, x", "survey", 12),
        ("something else", "survey", 0),
    ],
)
def test_what_pyxform_refuses_stands_at_the_row_that_it_names(message: str, sheet: str, row: int) -> None:
    lint = place_refusal(message)
    assert (lint.code, lint.sheet, lint.row, lint.text) == ("X00", sheet, row, message)


def test_slimming_says_what_to_cut_and_what_it_saves_altogether() -> None:
    survey = f"{CONSENT} |  | x\nselect_one yn | a | A |  | \ninteger | b | B |  | \ninteger | c | C |  | Safety"
    data = write_book(survey, columns="type | name | label | calculation | chapter")
    found = [one for one in lint_file(data, name="file") if one.code == "X10"]
    assert [(one.name, one.row) for one in found] == [("", 1), ("a", 3), ("b", 4)]
    assert "cutting all 2 of these saves about 0.5 of 0.9 minutes" in found[0].text
