"""Proposals: each question is matched by what it says and guessed at with care; what is wrong is named by its place."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from forms import starter
from forms.acceptance import Grown, accept_proposals
from forms.bank import read_bank, read_document
from forms.grids import write_workbook
from forms.matching import read_language
from forms.new_items import NEW, SAME, Proposal
from forms.outline import make_outline
from forms.proposal_files import (
    dump_proposals,
    parse_proposals,
    read_parsed,
    read_proposals,
    write_proposals,
)
from forms.proposals import Proposals, parse_form, propose_form, read_form
from forms.questionnaires import write_form
from forms.release import Frozen
from forms.translations import translate
from forms.xlsforms import lay_xlsform, read_sheets
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import write_book
from tests.forms.xlsforms.build import write_case
from tests.forms.xlsforms.whole import WINTER

BANK = read_document(starter.read_bytes("bank.json"))
CATALOGUE = read_bank(starter.read_bytes("bank.json"))


def propose(data: bytes, **more: str) -> Proposals:
    """The proposals of a workbook, read in this process."""
    sheets = read_sheets(data)
    return propose_form(sheets, make_outline(sheets, name="file"), CATALOGUE, **more)


def _one(survey: str, **more: str) -> Proposal:
    return propose(write_book(survey, **more)).rows[0]


# ---------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("survey", "more", "item"),
    [
        ("select_one yn | x | Are you 18 years old or older?", {}, "C01"),
        ("select_one ja | x | Are you 18 years old or older?", {"choices": "ja | yes | Yes\nja | no | No"}, "C01"),
        (
            "integer | x | Something else | a.b | c.d",
            {"columns": "type | name | label | hint | key"},
            "",
        ),
    ],
)
def test_a_question_that_says_the_same_with_the_same_choices_is_the_same(
    survey: str, more: dict[str, str], item: str
) -> None:
    found = _one(survey, **more)
    assert (found.decision == SAME, found.item if found.decision == SAME else "") == (bool(item), item)


def test_a_key_that_the_form_gives_finds_its_item_whatever_the_words() -> None:
    known = next(item for item in CATALOGUE.items if item.type == "integer")
    found = _one(f"integer | x | Wholly other words | {known.key}", columns="type | name | label | comparability_key")
    assert (found.decision, found.item, found.score) == (SAME, known.id, 1.0)
    assert "the same key" in found.why


@pytest.mark.parametrize(
    ("survey", "more"),
    [
        ("text | x | Are you 18 years old or older?", {}),
        (
            "select_one yn | x | Are you 18 years old or older?",
            {"choices": "yn | yes | Yes\nyn | no | No\nyn | x | ?"},
        ),
        ("select_one yn | x | Are you 18 years old or older?", {"choices": "yn | yes | Green\nyn | no | Blue"}),
        ("select_one yn | x | Have you eaten anything at all today?", {}),
    ],
)
def test_another_type_other_choices_or_other_words_are_another_question(survey: str, more: dict[str, str]) -> None:
    found = _one(survey, **more)
    assert found.decision == NEW
    assert found.score < 0.95


def test_numbers_as_codes_prove_nothing() -> None:
    """`1` is yes here and once a month there."""
    found = propose(write_book("select_one c | x | X", choices="c | 1 | Wood\nc | 2 | Gas"))
    assert found.known_lists == {}
    assert found.lists == {"c": (("1", "Wood"), ("2", "Gas"))}


def test_a_form_in_french_is_matched_by_its_french() -> None:
    words = next(item.label["fr"] for item in translate(CATALOGUE).items if item.id == "C01")
    found = _one(
        f"select_one yn | x | {words}",
        columns="type | name | label::Français (fr)",
        choices="yn | yes | Oui\nyn | no | Non",
        choice_columns="list_name | name | label::Français (fr)",
    )
    assert (found.item, found.decision) == ("C01", SAME)


@pytest.mark.parametrize(
    ("column", "language"),
    [
        ("French (fr)", "fr"),
        ("English", "en"),
        ("default", "en"),
        ("عربي (ar)", "ar"),
        ("Zazaki", ""),
        ("pt (pt-BR)", "pt"),
    ],
)
def test_a_language_is_told_by_its_code(column: str, language: str) -> None:
    assert read_language(column) == language


# ---------------------------------------------------------------- drafts


@pytest.mark.parametrize(
    ("survey", "expected"),
    [
        ("text | full_name | Your full name", ("M17", "S", "direct", "vault")),
        ("text | a | ما رقم هاتفك؟", ("M17", "S", "direct", "vault")),
        ("integer | nid | Number of your identity card, NRC", ("M17", "S", "direct", "vault")),
        ("text | story | Tell us more", (None, "M", "none", "drop")),
        ("select_one yn | a | Has anybody here been detained?", ("M07", "S", "sens", "restrict")),
        ("select_one yn | a | ¿Ha sufrido abuso sexual?", ("M08", "S", "sens", "restrict")),
        ("select_one yn | a | À quelle ethnie appartenez-vous ?", ("M03", "S", "sens", "restrict")),
        ("integer | a | How old is the child?", ("M09", "H", "sens", "band")),
        ("date | a | When did you arrive?", (None, None, None, "band")),
        ("date | dob | Date of birth", (None, None, None, "drop")),
        ("select_one yn | a | Is there a water point?", ("M13", "L", "none", "keep")),
        ("select_one yn | a | Xyzzy?", (None, "M", "none", "keep")),
    ],
)
def test_sensitivity_class_and_treatment_are_guessed_with_care(survey: str, expected: tuple[str | None, ...]) -> None:
    draft = _one(survey).draft
    found = tuple(draft[field] for field in ("module", "sens", "cls", "treat"))
    assert all(want in (None, have) for want, have in zip(expected, found, strict=True)), found


@pytest.mark.parametrize(
    ("survey", "more", "remark"),
    [
        ("geopoint | a | Where?", {}, "no position"),
        ("image | a | Photo", {}, "no position, picture"),
        ("calculate | a |  | 1 + 1", {}, "worked out"),
        ("start | a | ", {}, "of the telephone"),
        ("select_one c | a | A", {"choices": "c | a-b | A"}, "codes that the bank does not take"),
    ],
)
def test_what_the_bank_does_not_ask_stays_with_the_form_and_says_why(
    survey: str, more: dict[str, str], remark: str
) -> None:
    found = _one(survey, **more)
    assert (found.decision, found.draft) == ("leave", {})
    assert remark in found.remark


def test_names_keys_and_lists_are_given_once() -> None:
    survey = "begin group | g | G\ninteger | con_adult | Rain?\nend group | | \ninteger | Con.Adult | Snow?"
    rows = [one.draft for one in propose(write_book(survey)).rows]
    names, keys = [row["name"] for row in rows], [row["key"] for row in rows]
    assert len({*names, *(item.name for item in CATALOGUE.items)}) == len(names) + len(CATALOGUE.items)
    assert len(set(keys)) == len(keys)


def test_another_language_than_english_is_said() -> None:
    found = _one("integer | a | Combien de nuits froides", columns="type | name | label::French (fr)")
    assert "write it in English" in found.remark


def test_too_many_questions_are_refused_in_words() -> None:
    data = write_book("\n".join(f"integer | q{number} | Q" for number in range(5_001)))
    with pytest.raises(PimError) as caught:
        propose(data)
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_the_child_reads_the_form_that_this_process_would_read() -> None:
    data = write_case(WINTER)
    sheets, outline = read_form(data, name="x")
    assert parse_form(data, name="x")["outline"]["fields"][0]["name"] == outline.fields[0].name
    assert sheets == read_sheets(data)


def test_a_form_of_five_thousand_questions_is_read_within_its_bounds() -> None:
    groups = (
        f"begin group | g{at} | G\n" + "\n".join(f"integer | q{at}_{n} | Q" for n in range(50)) + "\nend group |  | "
        for at in range(100)
    )
    sheets, outline = read_form(write_book("\n".join(groups)), name="large")
    assert len(outline.fields) == 5_000
    assert len(sheets.tables["survey"].rows) == 5_200


# ---------------------------------------------------------------- back from the officer


_OWN = {"phone": {"use": "To call back who asked for help"}}
"""What an officer has to say of the form's only direct identifier."""


def _edit(changes: Mapping[str, Mapping[str, str]], sheet: str = "proposals") -> bytes:
    """The proposals of a form as a workbook, cells of some rows changed, by path."""
    book = openpyxl.load_workbook(io.BytesIO(write_proposals(propose(write_case(WINTER), use="Fuel"), Path("p.xlsx"))))
    heads = {cell.value: cell.column - 1 for cell in book[sheet][1]}
    for row in book[sheet].iter_rows(min_row=2):
        name = str(row[heads["path"]].value).rpartition("/")[2]
        for column, text in {**_OWN.get(name, {}), **changes.get(name, {})}.items():
            if column in heads:
                row[heads[column]].value = text
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _accept(data: bytes) -> Grown:
    return accept_proposals(BANK, read_parsed(parse_proposals(data)))


@pytest.mark.parametrize(
    ("path", "column", "text", "place"),
    [
        ("fuel", "decision", "maybe", "proposals, row 4, column decision: must be one of"),
        ("fuel", "use", "", "proposals, row 4, column use: is empty"),
        ("fuel", "sens", "X", "proposals, row 4, column sens: Must be one of"),
        ("fuel", "module", "M99", "proposals, row 4, column module: there is no module M99"),
        ("fuel", "choices", "gone", "proposals, row 4, column choices: there is no choice list gone"),
        ("fuel", "name", "con_adult", "proposals, row 4, column name: this name (con_adult) stands there twice"),
        ("fuel", "name", "Big Name", "proposals, row 4, column name: Use small letters"),
        ("nights", "seconds", "soon", "proposals, row 5, column seconds: must be a whole number"),
        ("consent", "item", "C99", "proposals, row 3, column item: there is no item C99"),
        ("phone", "use", "", "proposals, row 6, column use: a direct identifier needs a use of its own"),
        ("phone", "use", "Fuel; chapter Winter", "row 6, column use: says the same as another question's"),
        ("phone", "treat", "keep", "proposals, row 6, column treat: a direct identifier must be sealed"),
        ("where", "decision", "new", "proposals, row 7, column"),
        ("fuel", "row", "400", "proposals, row 4, column row: must be a row of the sheet survey"),
        ("fuel", "row", "6", "column row: must be a row of the sheet survey, each once"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_by_its_place(path: str, column: str, text: str, place: str) -> None:
    with pytest.raises(PimError) as caught:
        _accept(_edit({path: {column: text}}))
    assert caught.value.code is ErrorCode.BAD_BANK
    assert place in caught.value.message
    assert caught.value.remedy


def test_an_expression_that_no_telephone_can_work_out_does_not_enter() -> None:
    data = write_book(
        'integer | nights | How many cold nights? | regex(., "[a-")', columns="type | name | label | constraint"
    )
    with pytest.raises(PimError) as caught:
        _accept(write_proposals(propose(data, use="Fuel"), Path("p.xlsx")))
    assert "row 2, column constraint: X03: the pattern of regex() cannot be read" in caught.value.message


def test_what_an_officer_decides_is_what_enters() -> None:
    grown = _accept(
        _edit(
            {
                "fuel": {"q": "What do you burn?", "sens": "H", "key": "svc.fuel.hh", "name": "svc_fuel_kind"},
                "nights": {"decision": "leave"},
                "consent": {"decision": "leave"},
            }
        )
    )
    rows = {row["id"]: row for row in grown.document["items"]}
    fuel = rows[grown.new[0]]
    assert (fuel["q"], fuel["sens"], fuel["key"], fuel["name"]) == (
        "What do you burn?",
        "H",
        "svc.fuel.hh",
        "svc_fuel_kind",
    )
    assert (len(grown.new), grown.same, grown.left) == (2, 0, 4)
    assert grown.document["choice_lists"]["fuel"][0] == {"code": "wood", "label": "Wood"}
    assert [row for row in grown.document["items"] if row["id"] not in grown.new] == BANK["items"]


def test_a_rule_that_names_other_questions_comes_along_when_all_of_them_are_items() -> None:
    grown = _accept(_edit({}))
    fuel = next(row for row in grown.document["items"] if row["id"] == grown.new[0])
    assert fuel["rel"] == "${con_adult}='yes'"
    alone = _accept(_edit({"consent": {"decision": "leave"}}))
    assert next(row for row in alone.document["items"] if row["id"] == alone.new[0])["rel"] == ""


def test_json_is_the_same_file_for_programs(tmp_path: Path) -> None:
    proposals = propose(write_case(WINTER), use="Fuel")
    rows = tuple(replace(one, draft={**one.draft, **_OWN.get(one.path[6:], {})}) for one in proposals.rows)
    proposals = replace(
        proposals,
        rows=tuple(one if one.decision == NEW else old for one, old in zip(rows, proposals.rows, strict=True)),
    )
    for name in ("p.json", "p.xlsx"):
        (tmp_path / name).write_bytes(write_proposals(proposals, Path(name)))
    one, other = (accept_proposals(BANK, read_proposals(tmp_path / name)) for name in ("p.json", "p.xlsx"))
    assert one == other
    assert dump_proposals(proposals)["proposals"][1]["item"] == "C01"


def test_the_file_of_proposals_is_still_the_form() -> None:
    proposals = propose(write_case(WINTER), use="Fuel")
    data = write_proposals(proposals, Path("p.xlsx"))
    assert read_sheets(data).tables == read_sheets(write_case(WINTER)).tables
    assert data == write_proposals(proposals, Path("p.xlsx"))


@pytest.mark.parametrize("name", ["proposals", "proposed_lists", "proposed_form", "survey"])
def test_a_file_without_one_of_its_sheets_is_refused(name: str, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(_edit({})))
    book.remove(book[name])
    book.save(tmp_path / "p.xlsx")
    with pytest.raises(PimError) as caught:
        accept_proposals(BANK, read_proposals(tmp_path / "p.xlsx"))
    assert caught.value.code in (ErrorCode.BAD_BANK, ErrorCode.BAD_FORM)


def _places(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value of a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [where, *(place for key, below in inner for place in _places(below, (*where, key)))]


def test_a_damaged_json_is_refused_in_words_or_read_never_anything_else(tmp_path: Path) -> None:
    whole = json.loads(write_proposals(propose(write_case(WINTER), use="Fuel"), Path("p.json")))
    chance = random.Random(5)  # noqa: S311 - the same damage each time
    places = _places(whole)[1:]
    path = tmp_path / "p.json"
    refused: list[PimError] = []
    for _ in range(150):
        damaged = copy.deepcopy(whole)
        *way, last = chance.choice(places)
        inner = damaged
        for step in way:
            inner = inner[step]
        inner[last] = chance.choice((None, [], {}, 1, -1, 10**9, "", "x", "same", ["x"], {"a": "b"}, True))
        path.write_text(json.dumps(damaged))
        try:
            document = accept_proposals(BANK, read_proposals(path)).document
            form = write_form(document, document["questionnaires"][0]["id"])
            assert write_workbook(lay_xlsform(form), title="x")
        except PimError as error:
            refused.append(error)
    assert len(refused) > 50
    assert all(error.remedy for error in refused)


def test_a_form_of_our_own_is_found_in_the_bank(built: dict[str, Frozen]) -> None:
    rows = [row for row in propose(built["hh_core"].xlsx).rows if row.type in ("select_one", "select_multiple")]
    own = {item.name: item.id for item in CATALOGUE.items}
    asked = [row for row in rows if row.path.rpartition("/")[2] in own]
    assert len(asked) > 30
    assert [(row.path, row.decision, row.item) for row in asked] == [
        (row.path, SAME, own[row.path.rpartition("/")[2]]) for row in asked
    ]
