"""Any XLSForm goes into the bank and comes out again with nothing lost that pyxform would keep, feature by feature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pyxform.xls2json_backends import get_xlsform
from pyxform.xls2xform import convert

from forms import starter
from forms.acceptance import Grown, accept_proposals
from forms.bank import read_bank, read_catalogue, read_document
from forms.bank_files import read_bank_bytes, read_tables, write_bank, write_json
from forms.grids import Table, load_tables, parse_workbook, write_workbook
from forms.new_items import LEAVE, NEW, TYPES
from forms.outline import make_outline
from forms.proposal_files import Accepted, parse_proposals, read_parsed, write_proposals
from forms.proposals import Proposals, propose_form
from forms.questionnaires import Links, keep_form, write_form
from forms.xlsforms import XlsForm, lay_xlsform, read_sheets, to_definition
from tests.forms.xlsforms import columns, dialects, questions, structures
from tests.forms.xlsforms.build import NAMESPACES, Case, write_case
from tests.payloads import HERE

BANK = read_document(starter.read_bytes("bank.json"))
CATALOGUE = read_bank(starter.read_bytes("bank.json"))
TABLES = [*questions.CASES, *columns.CASES, *structures.CASES, *dialects.CASES]
ALL: list[tuple[Case, Callable[[], bytes]]] = [
    *((one, lambda one=one: write_case(one.form)) for one in TABLES),  # type: ignore[misc]
    *dialects.BOOKS,
]


def say_uses(proposals: Proposals) -> Proposals:
    """With what the officer has to say of each direct identifier."""
    rows = tuple(
        replace(one, draft={**one.draft, "use": "To call back"}) if one.draft.get("cls") == "direct" else one
        for one in proposals.rows
    )
    return replace(proposals, rows=rows)


def accept(data: bytes, *, name: str = "form") -> tuple[Accepted, Grown]:
    """Into the bank as an officer would bring it, in this process: proposals as a workbook, and all that is drafted
    is accepted."""
    sheets = read_sheets(data)
    proposals = propose_form(sheets, make_outline(sheets, name=name), CATALOGUE, form=name, use="To decide")
    accepted = read_parsed(parse_proposals(write_proposals(say_uses(proposals), Path("proposals.xlsx"))))
    return accepted, accept_proposals(BANK, accepted)


def rebuild(document: dict[str, Any], name: str = "form") -> bytes:
    """Out of the bank again, which was a file in between."""
    read, _ = read_bank_bytes(write_json(document).encode(), is_workbook=False)
    assert read == document
    return write_workbook(lay_xlsform(write_form(read, name)), title=name)


def to_xform(data: bytes) -> tuple[bytes, str, tuple[str, ...]]:
    """What pyxform makes of it, in canonical form, its external choices, and what it warns of."""
    warnings: list[str] = []
    made = convert(data, warnings=warnings, file_type=".xlsx", form_name="data")
    canon: bytes = etree.tostring(etree.fromstring(made.xform.encode()), method="c14n2")
    return canon, made.itemsets or "", tuple(warnings)


def test_there_are_more_than_sixty_features_and_each_has_its_own() -> None:
    features = [one.feature for one, _ in ALL]
    assert len(features) >= 60
    assert len(set(features)) == len(features)


@pytest.mark.parametrize(("one", "make"), ALL, ids=[one.feature.replace(" ", "-") for one, _ in ALL])
def test_nothing_is_lost_on_the_way_through_the_bank(one: Case, make: Callable[[], bytes]) -> None:
    data = make()
    _, grown = accept(data)
    again = rebuild(grown.document)
    before, after = to_xform(data), to_xform(again)
    for path in one.paths:
        found = [etree.fromstring(xform).xpath(path, namespaces=NAMESPACES) for xform in (before[0], after[0])]
        assert found[0], f"the form does not have what it is for: {path}\n{before[0].decode()}"
        assert [len(nodes) for nodes in found] == [len(found[0])] * 2
    assert after == before
    assert read_sheets(again).tables == read_sheets(data).tables


def test_our_reader_sees_the_rows_that_pyxform_sees() -> None:
    for one, make in ALL:
        data = make()
        mine, theirs = to_definition(read_sheets(data)), get_xlsform(data, file_type=".xlsx")
        for part in ("survey", "choices", "settings", "external_choices", "entities", "osm", "sheet_names"):
            assert getattr(mine, part) == getattr(theirs, part), (one.feature, part)
            if part != "sheet_names":
                assert getattr(mine, f"{part}_header") == getattr(theirs, f"{part}_header"), (one.feature, part)


def test_a_whole_form_of_the_field_too() -> None:
    data = (HERE / "pm_kac.xlsx").read_bytes()
    _, grown = accept(data)
    assert len(grown.new) > 10
    assert to_xform(rebuild(grown.document)) == to_xform(data)


def test_many_forms_live_in_one_bank_that_is_a_workbook() -> None:
    document, forms = BANK, {f"form{number}": make() for number, (_, make) in enumerate(ALL[::9])}
    for name, data in forms.items():
        sheets = read_sheets(data)
        outline = make_outline(sheets, name=name)
        proposals = say_uses(propose_form(sheets, outline, read_catalogue(document), form=name, use="To decide"))
        document = accept_proposals(
            document, Accepted(proposals, {row.row: row.row for row in proposals.rows})
        ).document
    book = write_bank(document, Path("bank.xlsx"))[Path("bank.xlsx")]
    read, _ = read_tables(load_tables(parse_workbook(book)["tables"]), [])
    assert read == document
    assert write_bank(read, Path("bank.xlsx"))[Path("bank.xlsx")] == book
    for name, data in forms.items():
        assert write_form(read, name).tables == read_sheets(data).tables


def test_questions_that_the_bank_can_hold_come_out_of_its_items() -> None:
    """Nearly all of what the cases ask is an item on the way, not a copy of a row."""
    drafted = 0
    left: list[tuple[str, str]] = []
    for one, make in ALL:
        sheets = read_sheets(make())
        rows = propose_form(sheets, make_outline(sheets, name="form"), CATALOGUE).rows
        drafted += sum(1 for row in rows if row.decision == NEW)
        left += [(one.feature, row.type) for row in rows if row.decision == LEAVE]
    assert drafted > 100
    assert {feature for feature, type_ in left if type_ in TYPES} == {
        *(
            "choices from answers",
            "codes twice",
            "codes with other signs",
            "choices without labels",
            "choices outside",
            "acknowledge",
        ),
    }


_CELLS = st.dictionaries(
    st.sampled_from(("type", "name", "label", "label::French (fr)", "hint", "relevant", "required", "default", "own")),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
    | st.sampled_from(("${con_lang} = 'x'", "Are you 18 years old or older?", "select_one yn", "con_adult", "yes")),
)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(_CELLS, min_size=1, max_size=6), links=st.lists(st.sampled_from(("", "C01", "C02", "R06"))))
def test_whatever_stands_in_a_row_comes_back_whatever_item_it_is_bound_to(
    rows: list[dict[str, str]], links: list[str]
) -> None:
    columns = tuple(dict.fromkeys(column for cells in rows for column in cells))
    table = Table(columns, tuple((number, cells) for number, cells in enumerate(rows, start=2) if cells))
    form = XlsForm({"survey": table}, ("survey",))
    bound = Links({number: link for number, link in enumerate(links, start=2) if link}, {})
    kept = keep_form(form, bound, BANK, id_="form", title="", language="default")
    assert write_form({**BANK, **kept}, "form").tables == form.tables


def test_a_form_speaks_as_the_bank_does_now() -> None:
    _, grown = accept(write_case(questions.CASES[0].form))  # type: ignore[attr-defined]
    (item,) = grown.new
    for row in grown.document["items"]:
        if row["id"] == item:
            row["q"] = "Say it in another way"
    survey = write_form(grown.document, "form").tables["survey"]
    assert [cells["label"] for _, cells in survey.rows] == ["Say it in another way"]


def test_what_an_officer_changes_in_a_draft_does_not_change_the_form() -> None:
    data = write_case(structures.CASES[0].form)
    accepted, _ = accept(data)
    rows = tuple(
        replace(row, draft={**row.draft, "q": "Better words", "name": f"x_{row.row}"}) if row.draft else row
        for row in accepted.proposals.rows
    )
    changed = replace(accepted, proposals=replace(accepted.proposals, rows=rows))
    grown = accept_proposals(BANK, changed)
    assert {row["q"] for row in grown.document["items"] if row["id"] in grown.new} == {"Better words"}
    assert to_xform(rebuild(grown.document)) == to_xform(data)
