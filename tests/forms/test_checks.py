"""A form that breaks a rule is not built, and the rule is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from forms.checks import find_faults, refuse_faults
from forms.layout import Layout, lay_out
from forms.plan import plan_consent
from forms.release import build_form, freeze_version
from forms.rows import Row
from forms.selection import select
from pimcollect.domain.catalogue import Catalogue, Item, NamedPlace
from pimcollect.domain.version import ConsentMap
from pimcollect.errors import ErrorCode, PimError


@pytest.fixture(scope="session")
def layout(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> Layout:
    """The core household form."""
    return lay_out(catalogue, select(catalogue, "hh_core"), places=places, languages=("en",))


def _faults(catalogue: Catalogue, layout: Layout) -> str:
    names = {row.name for row in layout.rows}
    return " ".join(f"{one.where}: {one.text}" for one in find_faults(catalogue, layout, plan_consent(names)))


def _change(layout: Layout, changed: str, /, **fields: object) -> Layout:
    return replace(
        layout,
        rows=tuple(replace(row, **fields) if row.name == changed else row for row in layout.rows),  # type: ignore[arg-type]
    )


def _without_gate(layout: Layout) -> Layout:
    return _change(layout, "dem", relevant="${con_interview}='yes' or ${ers_decision}!='stop'")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda one: _change(one, "dem_sex", name="Dem Sex"), "a name that not every server takes"),
        (lambda one: _change(one, "dem_sex", name="a" * 33), "a name that not every server takes"),
        (lambda one: _change(one, "dem_sex", name="dem_age"), "dem_age: this name stands in the form twice"),
        (lambda one: _change(one, "dem_sex", name="con"), "con: this name stands in the form twice"),
        (lambda one: _change(one, "dem_sex", relevant="${gone}='x'"), "it refers to gone"),
        (lambda one: _change(one, "dem_sex", type="select_one gone"), "the list gone is not there"),
        (lambda one: _change(one, "dem_sex", type="geopoint"), "the type geopoint is not allowed"),
        (lambda one: _change(one, "svc_unmet", constraint=""), "svc_unmet: a code that stands alone"),
        (lambda one: _change(one, "doc_have", relevant="${dem_group}!='host'"), ""),
        (_without_gate, "dem_sex: it can be asked without consent"),
        (lambda one: _change(one, "clo_harm", relevant=""), "clo_harm: it can be asked without consent"),
        (lambda one: _change(one, "inc_urgent", is_required=True), "inc_urgent: a sensitive answer that is required"),
    ],
)
def test_a_fault_is_found_and_named(
    catalogue: Catalogue, layout: Layout, change: Callable[[Layout], Layout], fault: str
) -> None:
    found = _faults(catalogue, change(layout))
    assert (fault in found) if fault else (found == "")


def test_a_form_without_consent_is_not_built(catalogue: Catalogue, layout: Layout) -> None:
    with pytest.raises(PimError) as caught:
        refuse_faults(catalogue, layout, ConsentMap(keep=()))
    assert caught.value.code is ErrorCode.BAD_FORM
    assert "nothing would be kept" in caught.value.message


def _open(item: Item) -> Item:
    return replace(item, relevant="") if item.id == "T06" else item


def test_a_sensitive_item_that_lost_its_gate_stops_the_build(
    catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    opened = replace(catalogue, items=tuple(_open(item) for item in catalogue.items))
    with pytest.raises(PimError, match="L04 survey T06 inc_missing: a sensitive question before the screening"):
        build_form(opened, "hh", places=places)


def test_a_form_without_places_says_how_to_get_them(catalogue: Catalogue) -> None:
    with pytest.raises(PimError) as caught:
        build_form(catalogue, "obs", places=())
    assert "places import" in caught.value.remedy


def test_missing_wording_is_named_with_its_language(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    with pytest.raises(PimError, match=r"con_adult \(fr\)"):
        lay_out(catalogue, select(catalogue, "hh"), places=places, languages=("en", "fr"))


def test_a_note_needs_no_gate_of_its_own(catalogue: Catalogue, layout: Layout) -> None:
    more = replace(layout, rows=(*layout.rows, Row("note", "a_note", label={"en": "Text"})))
    assert _faults(catalogue, more) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"constraint": "nosuchfunc(.)"}, ("X02", "no function nosuchfunc()", "Correct its spelling.")),
        ({"constraint": "regex(., '[a')"}, ("X03", "cannot be read", "Correct the pattern.")),
        ({"constraint": "(. > 3"}, ("X12", "does not close", "Close them.")),
        ({"relevant": "/data/nowhere/gone = 1"}, ("X01", "no /data/nowhere/gone", "Correct")),
        ({"relevant": "${dem_sex}='f'"}, ("X06", "circle with dem_sex", "Break the circle")),
    ],
)
def test_an_expression_that_breaks_on_the_phone_is_refused_with_lint_row_and_mend(
    catalogue: Catalogue, layout: Layout, change: dict[str, str], told: tuple[str, ...]
) -> None:
    broken = _change(layout, "dem_sex", **change)
    with pytest.raises(PimError) as error:
        freeze_version(catalogue, select(catalogue, "hh_core"), broken)
    assert error.value.code is ErrorCode.BAD_FORM
    assert re.search(r"X\d\d survey row \d+ dem_sex: ", error.value.message)
    assert all(one in error.value.message for one in told)
