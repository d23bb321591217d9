"""Lints of workbooks: for each one a workbook that trips it, and one that differs by the mend alone and does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from forms.lints import RULES, Lint, Severity
from forms.lints_all import lint_file, lint_sheets_of
from forms.xlsforms import read_sheets
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import CONSENT, YES_NO, write_book
from tests.forms.test_lints_bank import TRIPPED

_COLUMNS = "type | name | label | calculation"


def _lint(survey: str, *, columns: str = _COLUMNS, choices: str = YES_NO, **settings: str) -> tuple[Lint, ...]:
    files = settings.pop("files", "").split()
    data = write_book(f"{CONSENT}\n{survey}", columns=columns, choices=choices, **settings)
    return lint_sheets_of(read_sheets(data), name="file", files=files)  # without the child, which is tested elsewhere


def _with(column: str) -> str:
    """The columns of a survey sheet, one of them another."""
    return f"type | name | label | {column}"


def _sites(label: str) -> dict[str, str]:
    """What makes an entity of the answers with a `save_to`."""
    return {"columns": _with("save_to"), "entities": f"list_name | label\nsites | {label}"}


Case = tuple[str, dict[str, str], dict[str, str]]

CASES: list[Case] = [
    (
        "L03",
        {"survey": "text | full_name | Your full name"},
        {"survey": "integer | size | How many people live here?"},
    ),
    (
        "L06",
        {"survey": "text | story | What happened?"},
        {"survey": "text | code | Code | regex(., '^[A-Z]{3}$')", "columns": _with("constraint")},
    ),
    ("L07", {"survey": "geopoint | here | Where?"}, {"survey": "select_one yn | here | Here?"}),
    ("L07", {"survey": "phonenumber | phone | "}, {"survey": "today | today | "}),
    (
        "L15",
        {"survey": "select_multiple c | q | Which?", "choices": f"{YES_NO}\nc | a | A\nc | none | None"},
        {
            "survey": "select_multiple c | q | Which? | not(selected(., 'none')) or count-selected(.) = 1",
            "choices": f"{YES_NO}\nc | a | A\nc | none | None",
            "columns": _with("constraint"),
        },
    ),
    (
        "L16",
        {"survey": "select_one district | d | District", "choices": f"{YES_NO}\ndistrict | a | A"},
        {"survey": "select_one kind | d | Kind", "choices": f"{YES_NO}\nkind | a | A"},
    ),
    ("X00", {"survey": "select_one gone | q | Q"}, {"survey": "select_one yn | q | Q"}),
    (
        "X01",
        {"survey": "note | n | N | ${gone} = 'x'", "columns": _with("relevant")},
        {"survey": "note | n | N | ${consent} = 'yes'", "columns": _with("relevant")},
    ),
    (
        "X01",
        {"survey": "note | n | N | /data/gone = 'x'", "columns": _with("relevant")},
        {"survey": "note | n | N | /data/consent = 'yes'", "columns": _with("relevant")},
    ),
    ("X01", {"survey": "note | n | N", "instance_name": "${gone}"}, {"survey": "note | n | N"}),
    (
        "X02",
        {"survey": "calculate | c |  | roundd(1.5)"},
        {"survey": "calculate | c |  | round(1.5) and (1 div (2))"},
    ),
    (
        "X03",
        {"survey": "integer | n | N | regex(., '^[0-9{3}$')", "columns": _with("constraint")},
        {"survey": r"integer | n | N | regex(., '^[0-9\p{L}]{3}$')", "columns": _with("constraint")},
    ),
    (
        "X04",
        {"survey": "select_one yn | q | Q | parnt = ${consent}", "columns": _with("choice_filter")},
        {
            "survey": "select_one yn | q | Q | name = ${consent} or name = 'other word'",
            "columns": _with("choice_filter"),
        },
    ),
    (
        "X05",
        {"survey": "select_one_from_file places.csv | q | Q"},
        {"survey": "select_one_from_file places.csv | q | Q", "files": "places.csv"},
    ),
    (
        "X05",
        {"survey": "calculate | c |  | pulldata('list', 'a', 'b', 'c')"},
        {"survey": "calculate | c |  | pulldata('list', 'a', 'b', 'c')", "files": "list.csv"},
    ),
    (
        "X05",
        {"survey": "note | n | N | card.png", "columns": _with("media::image")},
        {"survey": "note | n | N | card.png", "columns": _with("media::image"), "files": "card.png"},
    ),
    (
        "X06",
        {"survey": "calculate | a |  | ${b} + 1\ncalculate | b |  | ${a} + 1"},
        {"survey": "calculate | a |  | 1\ncalculate | b |  | ${a} + 1"},
    ),
    (
        "X06",
        {
            "survey": "begin group | g | G | ${a} > 1\ninteger | a | A\nend group",
            "columns": _with("relevant"),
        },
        {
            "survey": "begin group | g | G | ${consent} = 'yes'\ninteger | a | A\nend group",
            "columns": _with("relevant"),
        },
    ),
    (
        "X07",
        {"survey": "note | n | N", "columns": "type | name | label::English (en) | label::French (fr)"},
        {"survey": "note | n | N", "columns": "type | name | label::English (en) | calculation"},
    ),
    (
        "X07",
        {"survey": "note | n | N", "default_language": "French (fr)"},
        {"survey": "note | n | N", "default_language": "default"},
    ),
    (
        "X09",
        {"survey": "text | full_name | Your name", "instance_name": "${full_name}"},
        {"survey": "text | full_name | Your name", "instance_name": "'form'"},
    ),
    (
        "X09",
        {"survey": "audit | audit |  | track-changes=true", "columns": _with("parameters")},
        {"survey": "audit | audit |  | track-changes=false", "columns": _with("parameters")},
    ),
    (
        "X09",
        {"survey": "text | full_name | Your name | ${last-saved#full_name}", "columns": _with("default")},
        {"survey": "text | full_name | Your name | nobody", "columns": _with("default")},
    ),
    (
        "X10",
        {"survey": "integer | n | N", "columns": _with("chapter")},
        {"survey": "integer | n | N | Safety", "columns": _with("chapter")},
    ),
    (
        "X11",
        {"survey": "note | n | N | ${consent} = 'yes'", "columns": _with("relavent")},
        {"survey": "note | n | N | Safety", "columns": _with("chapter")},
    ),
    (
        "X12",
        {"survey": "calculate | c |  | (1 + (2)"},
        {"survey": "calculate | c |  | (1 + (2)) + string-length(':-) (')"},
    ),
    (
        "X12",
        {"survey": "calculate | c |  | concat('a, 'b')"},
        {"survey": "calculate | c |  | concat('it is', \" 'b' \")"},
    ),
    (
        "X14",
        {"survey": "begin group | g | G\ninteger | a | A\nend group\ninteger | a | A"},
        {"survey": "begin group | g | G\ninteger | a | A\nend group\ninteger | b | B"},
    ),
    ("X14", {"survey": f"note | {'a' * 33} | A"}, {"survey": f"note | {'a' * 32} | A"}),
    (
        "X09",
        {"survey": "text | full_name | Your name | who", **_sites("'Site'")},
        {"survey": "select_one yn | water | Water? | water", **_sites("'Site'")},
    ),
    (
        "X15",
        {"survey": "select_one yn | water | Water? | water", **_sites("if(${water} = 'yes', 'wet', 'dry')")},
        {"survey": "select_one yn | water | Water? | water", **_sites("concat('Site ', ${water})")},
    ),
    (
        "X15",
        {"survey": "begin repeat | r | R\ninteger | n | N | n\nend repeat", **_sites("${n}")},
        {"survey": "begin group | r | R\ninteger | n | N | n\nend group", **_sites("${n}")},
    ),
]


@pytest.mark.parametrize(("code", "broken", "sound"), CASES, ids=[f"{one[0]}-{n}" for n, one in enumerate(CASES)])
def test_a_workbook_trips_the_lint_and_its_mend_stills_it(
    code: str, broken: dict[str, str], sound: dict[str, str]
) -> None:
    def named(about: dict[str, str]) -> list[Lint]:
        lints = [one for one in _lint(**about) if one.code == code]  # type: ignore[arg-type]
        return [one for one in lints if one.name != "consent" and (one.row != 1 or code == "X11")]

    found = named(broken)
    assert found
    assert all(one.sheet and one.row and one.text and one.mend for one in found)
    mine = {(one.sheet, one.row, one.name, one.text, one.severity) for one in found}
    left = {(one.sheet, one.row, one.name, one.text, one.severity) for one in named(sound)}
    assert not mine & left
    assert code == "X07" or not left


def test_a_form_without_consent_is_said_so() -> None:
    data = write_book("integer | n | N")
    assert "X13" in {one.code for one in lint_file(data, name="file")}
    assert "X13" not in {one.code for one in _lint("integer | n | N")}


@pytest.mark.parametrize(
    ("column", "severity"), [("sensitivity", Severity.ERROR), ("population", Severity.WARNING), ("parent", None)]
)
def test_marks_on_the_choices_sheet_reach_every_telephone(column: str, severity: Severity | None) -> None:
    lints = _lint(
        "select_one yn | q | Q | parent = ${consent}",
        columns=_with("choice_filter"),
        choices="yn | yes | Yes | yes\nyn | no | No",
        choice_columns=f"list_name | name | label | {column}",
    )
    found = [one for one in lints if one.code == "L18"]
    assert [(one.name, one.severity) for one in found] == ([(column, severity)] if severity else [])


def test_blank_rows_do_not_shift_the_numbers() -> None:
    lints = _lint("note | a | A\n |  |  \n |  |  \nnote | n | N | ${gone}", columns=_with("relevant"))
    (lint,) = [one for one in lints if one.code == "X01"]
    assert (lint.where, lint.row) == ("survey row 6 n", 6)


ORDINARY = """today | today |  |  |  |
select_one s | state | State |  |  |
select_one c | county | County |  |  | state = ${state} and not(selected(${state}, name))
select_one c | near | Near |  | if(${state} != '', 1, 2 * (3)) | state = current()/../state
begin repeat | r | R |  |  |
integer | age | Age | . >= 0 and . <= 120 |  |
calculate | nth | |  | position(..) |
calculate | before | |  | /data/r[position() = 1]/age |
end repeat |  |  |  |  |
calculate | sum | |  | sum(${age}) + count(${r}) div 2 - round(-1.5) |
calculate | who | |  | concat(jr:choice-name(${state}, '${state}'), ' (', "it's", ')') |
calculate | says | |  | instance('s')//item[name = ${state}]/label |
calculate | day | |  | format-date(date('2020-01-01'), '%Y/%m') |
calculate | all | |  | count(self::node()) + count-non-empty(/data/state) |
integer | code | Code | regex(., "^[0-9]{3}|[+][0-9]{1,4}$") |  |
select_multiple s | many | Many | not(selected(., 'none')) or count-selected(.) = 1 |  |""".replace("| |", "|  |")

LISTS = "yn | yes | Yes\nyn | no | No\ns | a | A\ns | none | None\nc | b | B | a\nc | d | D | a"


def test_ordinary_expressions_are_no_lints() -> None:
    lints = _lint(
        ORDINARY,
        choices=LISTS,
        columns="type | name | label | constraint | calculation | choice_filter",
        choice_columns="list_name | name | label | state",
    )
    assert [(one.code, one.where, one.text) for one in lints if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    ("columns", "cells", "default", "lost"),
    [
        ("label", "N", "", ""),
        ("label | label::French (fr)", "N | N", "", ""),
        ("label | label::French (fr)", "N | -", "", "French (fr)"),
        ("label | label::French (fr)", " | N", "", "default"),
        ("label | label::French (fr)", " | N", "English (en)", "English (en)"),
        ("label::English (en) | label::French (fr)", "N | ", "English (en)", "French (fr)"),
        ("media::image | label::French (fr)", "a.png | N", "French (fr)", ""),
    ],
)
def test_a_column_without_a_language_speaks_the_default_one(columns: str, cells: str, default: str, lost: str) -> None:
    settings = {"default_language": default} if default else {}
    data = write_book(f"note | n | {cells}", columns=f"type | name | {columns}", choices="", **settings)
    found = [one for one in lint_file(data, name="file") if one.code == "X07" and one.sheet == "survey"]
    assert [one.text for one in found] == ([f"label is missing in {lost}"] if lost else [])


def test_a_running_total_over_a_repeat_is_no_circle() -> None:
    survey = """begin repeat | r | R
integer | a | A
calculate | sum |  | ${a} + indexed-repeat(${sum}, ${r}, position(..) - 1)
end repeat"""
    assert "X06" not in {one.code for one in _lint(survey)}


def test_a_chain_is_no_circle_and_all_of_a_circle_is_named() -> None:
    chain = "\n".join(f"calculate | c{n} |  | ${{c{n + 1}}} + 1" for n in range(2_000))
    circle = "calculate | d0 |  | ${d1}\ncalculate | d1 |  | ${d2}\ncalculate | d2 |  | ${d0}\ncalculate | e |  | ${d0}"
    lints = _lint(f"{chain}\ninteger | c2000 | C\n{circle}")
    assert [one.name for one in lints if one.code == "X06"] == ["d0", "d1", "d2"]


def test_files_are_not_missed_where_nobody_can_know_them() -> None:
    data = write_book(f"{CONSENT}\nselect_one_from_file places.csv | q | Q")
    assert "X05" not in {one.code for one in lint_file(data, name="file", files=None)}


def test_what_is_no_workbook_is_refused_before_it_is_read() -> None:
    with pytest.raises(PimError) as caught:
        lint_file(b"no workbook", name="file")
    assert caught.value.code is ErrorCode.BAD_FILE


def test_a_long_expression_is_read_in_bounded_time() -> None:
    nested = "(" * 5_000 + "regex(" * 3_000 + "a" * 5_000
    assert _lint(f"calculate | c |  | {nested}")
    for text in ("${" * 15_000, "${" + " " * 30_000, "'" * 29_999, "/a" * 15_000):
        assert _lint(f"calculate | c |  | {text}")
    pattern = "(a" * 900
    assert "X03" in {one.code for one in _lint(f"integer | n | N | regex(., '{pattern}')", columns=_with("constraint"))}


def test_every_rule_has_its_pair() -> None:
    paired = {one[0] for one in CASES} | {one[0] for one in TRIPPED}
    elsewhere = {"L09", "L10", "L17", "L18", "X13"}  # their pairs need places, languages or rounds
    parts = {code for code in RULES if code.startswith("B")}  # of the bank: test_lints_parts
    assert RULES.keys() - paired - elsewhere - parts == set()


def test_the_guide_explains_every_rule() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "imo" / "lints.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in guide.split("## 3.")[0].splitlines() if line.startswith("| ")}
    assert RULES.keys() == rows.keys() - {"lint"}
    for code, rule in RULES.items():
        assert f"| {rule.severity} |" in rows[code] or "| both |" in rows[code]
