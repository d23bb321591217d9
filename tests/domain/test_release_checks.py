"""What forbids a release: no consent, words that nobody approved, flags that nobody would answer, names given twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pimcollect.domain.expressions import Expression
from pimcollect.domain.outcomes import Directory, PathwayRule, Service
from pimcollect.domain.release_checks import find_obstacles
from pimcollect.domain.version import ConsentMap, Version
from tests.factories.versions import PLACES, bank_version

TODAY = date(2026, 11, 25)
OWN = ("/pim_form_id", "/pim_catalogue_version")


def directory(*places: str | None, service: Service | None = None) -> Directory:
    """The service S1 takes every pathway of the form in these places."""
    rules = tuple(PathwayRule(pathway, "S1", place) for pathway in form().pathways for place in places)
    return Directory(PLACES, {"S1": service or Service("S1")}, rules)


def form() -> Version:
    return replace(bank_version("obs"), purpose="pm-sites")


def look(version: Version | None = None, known: Directory | None = None, **changes: object) -> str:
    asked: dict[str, object] = {"server": "kobo", "paths": OWN, "is_field_test": False} | changes
    found = find_obstacles(
        version or form(),
        directory=known or directory(None),
        on=TODAY,
        **asked,  # type: ignore[arg-type]
    )
    return " ".join(found)


def test_a_form_with_everything_in_place_may_go_out() -> None:
    assert look() == ""


def test_a_form_without_consent_goes_nowhere() -> None:
    version = replace(form(), consent=ConsentMap(keep=()))
    assert "consent" in look(version)
    assert "consent" in look(version, is_field_test=True)


def test_a_form_of_the_bank_without_a_purpose_goes_into_a_field_test_alone() -> None:
    version = replace(form(), purpose="")
    assert "It says of no purpose" in look(version)
    assert look(version, is_field_test=True) == ""


def test_words_that_only_a_machine_has_seen_go_into_a_field_test_alone() -> None:
    version = replace(form(), drafted=("ar",))
    assert "machine-drafted wording: ar" in look(version)
    assert look(version, is_field_test=True) == ""


@pytest.mark.parametrize(
    "service", [Service("S1", is_suspended=True), Service("S1", valid_until=date(2026, 11, 24)), None]
)
def test_a_pathway_without_a_working_service_forbids_it(service: Service | None) -> None:
    known = directory(None, service=service) if service else Directory(PLACES, {}, ())
    assert "no working service on RP-EOR" in look(known=known)


def test_every_first_level_area_must_be_served() -> None:
    found = look(known=directory("XX0101"))  # a district serves its area
    assert "RP-EOR in XX02." in found
    assert look(known=directory("XX0101", "XX02")) == ""
    assert look(known=directory("XX01", None)) == ""
    assert look(known=directory("XX")) == ""  # the whole country


def test_a_service_that_ends_today_still_works_today() -> None:
    assert look(known=directory(None, service=Service("S1", valid_until=TODAY))) == ""


def test_an_adopted_form_is_shown_to_our_own_phones_only() -> None:
    version = replace(form(), origin="adopted")
    assert "adopted" in look(version)
    assert look(version, server="phones") == ""


def test_kobo_takes_a_name_once_and_needs_ours() -> None:
    twice = (*OWN, "/a/name", "/b/name", "/a/name")
    assert "given twice: name" in look(paths=twice)
    assert look(paths=twice, server="central") == ""
    assert "pim_form_id, pim_catalogue_version" in look(paths=())


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("constraint", "nosuchfunc(.)", "at /m/q: constraint: there is no function nosuchfunc()"),
        ("constraint", "regex(., '[a')", "the pattern of regex() cannot be read"),
        ("constraint", "(. > 3", "a bracket does not close"),
        ("relevant", " /obs/m/gone ='yes'", "there is no /obs/m/gone"),
        ("relevant", " /obs/m/r ='yes'", "at /m/q: it waits for itself"),
        ("calculate", " ../r  + 1", "at /m/q: it waits for itself"),
        ("calculate", " . + /obs/m/q ", "at /m/q: it waits for itself"),
        ("required", " /obs/m/q  > 1", "at /m/q: it waits for itself"),
        ("readonly", " /obs/m/r  > 1", "at /m/q: it waits for itself"),
        ("default", "nosuchfunc(1)", "at /m/q: default: there is no function nosuchfunc()"),
        ("repeat_count", " /obs/m/gone ", "there is no /obs/m/gone"),
        ("choice_filter", "instance('l')/root/item[kind= /obs/m/gone ]", "choice_filter: there is no /obs/m/gone"),
        ("choice_filter", "instance('l')/root/item[(kind='x']", "a bracket does not close"),
        (
            "choice_filter",
            "instance('l')/root/item[sort='x' and kind='y']",
            "the list has no column sort, or it is empty",
        ),
    ],
)
def test_an_expression_that_breaks_on_the_phone_goes_nowhere(kind: str, text: str, told: str) -> None:
    expressions = (
        Expression("/m/q", kind, text, frozenset({"name", "kind"})),
        Expression("/m/r", "calculate", " /obs/m/q + 1"),
    )
    paths = (*OWN, "/m", "/m/q", "/m/r")
    assert told in look(paths=paths, expressions=expressions)
    assert told in look(paths=paths, expressions=expressions, is_field_test=True, server="phones")


@pytest.mark.parametrize(
    ("kind", "text", "columns"),
    [
        ("default", " /obs/m/q + 1", None),
        ("constraint", ". > /obs/m/q ", None),
        ("repeat_count", "count( /obs/m/q )", None),
        ("choice_filter", "instance('l')/root/item[kind= current()/../q  or name='x']", {"name", "kind"}),
        ("choice_filter", "randomize(instance('l')/root/item[kind='x'], 7)", {"name", "kind"}),
        ("choice_filter", "instance('l')/root/item[kind=instance('m')/root/item[of='x']/kind]", {"name", "kind"}),
        ("choice_filter", "instance('l')/root/item[whatever='x']", None),
        ("calculate", "concat( /obs/meta/instanceID , '-')", None),
    ],
)
def test_what_phones_can_work_out_is_not_called_broken(kind: str, text: str, columns: set[str] | None) -> None:
    known = None if columns is None else frozenset(columns)
    assert look(paths=(*OWN, "/m", "/m/q"), expressions=[Expression("/m/q", kind, text, known)]) == ""


def test_many_broken_expressions_are_told_in_part() -> None:
    expressions = [Expression(f"/q{number}", "constraint", "gone(.)") for number in range(12)]
    assert "And 2 more." in look(expressions=expressions)
