"""Lints of the bank and of its forms: for each a bank that trips it, and the starter bank, which does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from forms.layout import lay_out
from forms.lints import RULES, Lint, Severity
from forms.lints_all import lint_form
from forms.lints_bank import ROUNDS, lint_bank, lint_unused
from forms.lints_form import lint_areas, lint_layout, lint_pathways
from forms.release import build_form
from forms.selection import KINDS, select
from forms.wishes import Served
from forms.wording import LANGUAGES
from pimcollect.domain.catalogue import Catalogue, ListedChoice, NamedPlace
from pimcollect.domain.version import FlagRule

Change = Callable[[Catalogue], Catalogue]


def _item(changed: str, /, **fields: Any) -> Change:
    """A bank in which one item is different."""
    return lambda bank: replace(
        bank, items=tuple(replace(one, **fields) if one.id == changed else one for one in bank.items)
    )


def _list(name: str, *codes: str) -> Change:
    return lambda bank: replace(
        bank, lists={**bank.lists, name: tuple(ListedChoice(code, {"en": code}) for code in codes)}
    )


def _rule(expression: str) -> Change:
    return lambda bank: replace(bank, flags=(*bank.flags, FlagRule("FR99", expression, "RP-CP", "H")))


def _lint(bank: Catalogue, places: tuple[NamedPlace, ...], form: str = "hh", **more: Any) -> tuple[Lint, ...]:
    return lint_form(bank, form, places=places, served=(), **more)


TRIPPED: list[tuple[str, Change, str]] = [
    ("L01", _item("F01", use=" "), "items F01 use"),
    ("L02", _item("F01", matrix=""), "items F01 matrix"),
    ("L02", _item("F01", disaggregation=""), "items F01 disagg"),
    ("L03", _item("F01", disclosure="direct"), "items F01 cls"),
    ("L04", _item("T06", relevant=""), "inc_missing"),
    ("L05", _item("G01", disclosure="sens", unit="person"), "items G01 q"),
    ("L05", _item("G02", label={"en": "Has any of these happened to you?"}), "items G02 q"),
    ("L05", _list("ageband", "a12_17", "a18_24", "pns"), "items D02 choices"),
    ("L06", _item("S02", type="text", choices=""), "items S02 type"),
    ("L07", _item("F05", type="geopoint", choices=""), "sec_change"),
    ("L08", _list("unreach", "adult", "child", "both", "none"), "items T06 choices"),
    ("L11", _item("F04b", key="fom.limited.30d.hh", type="select_one", choices="ynd"), "items F01 F04b"),
    ("L11", _item("F04b", label={"en": "How safe do you feel at this place during a day?"}), "items F04a F04b"),
    ("L12", _item("F04b", key="fom.limited.30d.hh"), "items F01 F04b"),
    ("L13", _item("F01", seconds=900), "settings hh"),
    ("L14", _item("T05", is_required=True), "inc_urgent"),
    ("L19", _item("F01", unit="village"), "items F01 lvl"),
    ("L19", _item("F01", matrix="XYZ"), "items F01 matrix"),
    ("L20", _item("L02", component="V"), "items risk 9"),
    ("X08", _rule("any(m['age']>=16 for m in roster)"), "flag_rules FR99 age"),
    ("X08", _rule("cpr_nocare>4"), "flag_rules FR99 cpr_nocare"),
    ("X10", _item("X02", use="Nice to know", id="X99"), "X99 mov_origin"),
]


@pytest.fixture(scope="module")
def known(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> set[tuple[str, str]]:
    """What the starter bank's long form has."""
    return {(one.code, one.where) for one in _lint(catalogue, places)}


@pytest.mark.parametrize(("code", "change", "where"), TRIPPED, ids=[f"{one[0]}-{one[2]}" for one in TRIPPED])
def test_a_lint_trips_on_the_bank_that_has_it_and_not_on_the_starter_bank(
    catalogue: Catalogue,
    places: tuple[NamedPlace, ...],
    known: set[tuple[str, str]],
    code: str,
    change: Change,
    where: str,
) -> None:
    tripped = {(one.code, one.where) for one in _lint(change(catalogue), places)} - known
    assert [place for found, place in tripped if found == code and where in place], tripped


def test_a_code_that_stands_alone_needs_its_constraint(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    selection = select(catalogue, "hh")
    layout = lay_out(catalogue, selection, places=places, languages=("en",))
    assert "L15" not in {one.code for one in lint_layout(catalogue, selection, layout, {})}
    rows = tuple(replace(row, constraint="") if row.name == "svc_unmet" else row for row in layout.rows)
    lints = lint_layout(catalogue, selection, replace(layout, rows=rows), {"svc_unmet": 77})
    (lint,) = [one for one in lints if one.code == "L15"]
    assert (lint.row, lint.name, lint.severity) == (77, "S01 svc_unmet", Severity.ERROR)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": "Dem Sex"}, "X14"),
        ({"relevant": "${ref_nome}='x'"}, "X01"),
        ({"type": "select_one gone"}, "X01"),
        ({"type": "geopoint"}, "L07"),
    ],
)
def test_what_forbids_a_form_is_a_lint_of_the_right_kind(
    catalogue: Catalogue, places: tuple[NamedPlace, ...], changed: dict[str, Any], code: str
) -> None:
    selection = select(catalogue, "hh")
    layout = lay_out(catalogue, selection, places=places, languages=("en",))
    rows = tuple(replace(row, **changed) if row.name == "dem_sex" else row for row in layout.rows)
    lints = lint_layout(catalogue, selection, replace(layout, rows=rows), {})
    assert code in {one.code for one in lints if one.severity is Severity.ERROR}


def test_a_pathway_that_nobody_serves_in_an_area_is_named_with_the_area(
    catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    version = build_form(catalogue, "hh", places=places).version
    everywhere = tuple(Served(pathway, None) for pathway in catalogue.pathways)
    assert list(lint_pathways(version, places, everywhere)) == []
    inside = tuple(Served(one.pathway, "XX0101" if one.pathway == "RP-MED" else None) for one in everywhere)
    (lint,) = lint_pathways(version, places, inside)
    assert (lint.code, lint.name) == ("L09", "RP-MED")
    assert "XX02" in lint.text
    assert "XX01" not in lint.text.replace("XX02", "").replace("XX03", "")
    assert "FR17" in lint.text
    nobody = tuple(one for one in everywhere if one.pathway != "RP-MED")
    assert "anywhere" in next(lint_pathways(version, places, nobody)).text


def test_without_any_service_one_line_says_so_and_how_to_load_them(
    catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    (lint,) = lint_pathways(build_form(catalogue, "hh", places=places).version, places, ())
    assert (lint.code, "services import" in lint.text) == ("L09", True)


def test_drafts_are_counted_until_somebody_approves_them(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    assert "L10" not in {one.code for one in _lint(catalogue, places)}
    drafts = [one for one in _lint(catalogue, places, languages=LANGUAGES) if one.code == "L10"]
    assert [one.name for one in drafts] == ["Arabic (ar)", "French (fr)"]


def test_a_list_of_areas_that_is_not_the_gazetteers_is_noticed(
    catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    def areas(bank: Catalogue) -> list[str]:
        layout = lay_out(bank, select(bank, "hh"), places=places, languages=("en",))
        return [one.name for one in lint_areas(layout, places)]

    assert areas(catalogue) == []
    assert areas(_list("tenure", *(place.names["en"] for place in places[:4]))(catalogue)) == ["tenure"]


def test_an_item_that_no_form_asked_in_three_rounds_is_unused(catalogue: Catalogue) -> None:
    core, whole, ki = (frozenset(one.id for one in select(catalogue, form).items) for form in ("hh_core", "hh", "ki"))

    def unused(**rounds: tuple[str, list[frozenset[str]]]) -> set[str]:
        return {one.name for one in lint_unused(catalogue.items, rounds)}

    assert unused(hh_core=("H", [core] * (ROUNDS - 1))) == set()
    assert "P02" in unused(hh_core=("H", [core] * ROUNDS))
    assert "P02" not in unused(hh_core=("H", [core] * ROUNDS), hh=("H", [whole]))
    assert "P02" in unused(hh_core=("H", [core] * ROUNDS), hh=("H", [core] * ROUNDS + [whole]))
    only_ki = next(one.id for one in catalogue.items if one.tools == "K")
    assert only_ki not in unused(hh_core=("H", [core] * ROUNDS))
    assert only_ki in unused(ki=("K", [ki - {only_ki}] * ROUNDS))


def test_a_missing_translation_is_named_row_by_row(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    reworded = _item("F01", label={"en": "Was anyone kept from going where they wanted?"})(catalogue)
    assert "X07" not in {one.code for one in _lint(catalogue, places, languages=LANGUAGES)}
    (lint,) = [one for one in _lint(reworded, places, languages=LANGUAGES) if one.code == "X07"]
    assert (lint.sheet, lint.name) == ("survey", "fom_limited")
    assert lint.row > 1
    assert "French (fr), Arabic (ar)" in lint.text


def test_areas_without_a_name_in_a_language_are_counted(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    nameless = tuple(replace(place, names={"en": place.names["en"]}) for place in places)
    (lint,) = [one for one in _lint(catalogue, nameless, languages=("en", "ar")) if one.code == "X07"]
    assert (lint.sheet, lint.name, lint.severity) == ("places", "name_ar", Severity.WARNING)
    assert f"and {len(places) - 3} more" in lint.text
    assert "X07" not in {one.code for one in _lint(catalogue, nameless)}


def test_the_same_threshold_without_a_break_is_no_lint(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    for expression in ("any(m['age']<12 for m in roster)", "any(m['age']>17 for m in roster)", "cpr_nocare>=4"):
        lints = _lint(_rule(expression)(catalogue), places)
        assert "FR99" not in " ".join(one.name for one in lints if one.code == "X08")


@pytest.mark.parametrize("form", KINDS)
def test_no_form_of_the_starter_bank_has_an_error(
    catalogue: Catalogue, places: tuple[NamedPlace, ...], form: str
) -> None:
    lints = _lint(catalogue, places, form=form, languages=LANGUAGES)
    assert [one for one in lints if one.severity is Severity.ERROR] == []
    assert lints == tuple(sorted(lints, key=lambda one: (one.severity, one.code, one.sheet, one.row, one.name)))


def test_the_whole_bank_can_be_linted_without_a_form(catalogue: Catalogue) -> None:
    assert list(lint_bank(catalogue)) == []
    assert {one.code for one in lint_bank(_item("F01", use="")(catalogue))} == {"L01"}


def test_every_rule_says_what_to_do() -> None:
    assert all(rule.title and rule.mend.endswith(".") for rule in RULES.values())
    assert [code for code in RULES if code.startswith("L")] == [f"L{number:02}" for number in range(1, 21)]
