"""Places and services: read whole or not at all, every wrong line named, no address repeated."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from forms import starter
from forms.places import read_places, read_starter_places
from forms.services import Codes, read_services, read_starter_services
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.outcomes import Directory, PathwayRule, Place, Service
from pimcollect.domain.pathways import Person, choose_service
from pimcollect.errors import ErrorCode, PimError

DAY = date(2026, 11, 20)
HEAD = "code,level,parent,name_en\n"
SERVICES: dict[str, Any] = json.loads(starter.read_bytes("services.json"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code,level\nA,1\n", "lacks the column parent, name_en"),
        (HEAD, "The list is empty"),
        (HEAD + "A,1,,Alpha\nA,1,,Again\n", "Line 3: A stands there twice"),
        (HEAD + "A,9,,Alpha\n", "Line 2: the level must be one of 1, 2, 3, 4"),
        (HEAD + "A,1,B,Alpha\n", "Line 2: level 1 has no parent"),
        (HEAD + "A,2,,Alpha\n", "Line 2: the parent is empty"),
        (HEAD + "A,2,B,Alpha\n", "Line 2: the parent B is not in the list"),
        (HEAD + "A,1,,Alpha\nC,3,A,Gamma\n", "Line 3: the parent A is not of level 2"),
        (HEAD + "A b,1,,Alpha\n", "Line 2: the code"),
        (HEAD + "A,1,,\n", "Line 2: name_en is empty"),
    ],
)
def test_a_wrong_gazetteer_is_refused_line_by_line(text: str, words: str) -> None:
    with pytest.raises(PimError) as caught:
        read_places(text.encode())
    assert caught.value.code is ErrorCode.BAD_FILE
    assert words in caught.value.message


def test_a_gazetteer_in_another_encoding_says_so() -> None:
    with pytest.raises(PimError, match="UTF-8"):
        read_places((HEAD + "A,1,,Zürich\n").encode("latin-1"))


def test_a_child_may_stand_before_its_parent_and_excel_may_leave_its_mark() -> None:
    places = read_places(("\ufeffcode,level,parent,name_en,name_ar\r\nA1,2,A,Beta,بيتا\r\nA,1,,Alpha,\r\n").encode())
    assert places == (
        NamedPlace("A", 1, None, {"en": "Alpha"}),
        NamedPlace("A1", 2, "A", {"en": "Beta", "ar": "بيتا"}),
    )


def test_the_practice_country_has_three_levels_in_three_languages() -> None:
    places = read_starter_places()
    assert [sum(place.level == level for place in places) for level in (1, 2, 3)] == [3, 9, 21]
    assert all(set(place.names) == {"en", "fr", "ar"} for place in places)
    assert all(place.code.startswith("XX") for place in places)


@pytest.fixture(scope="module")
def codes(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> Codes:
    """What rules of the practice country may name."""
    lists = catalogue.lists
    named = {name: {c for one in lists[name] for c in (one.code, one.broader) if c} for name in ("popgroup", "sex")}
    return Codes(
        catalogue.pathways,
        {place.code for place in places},
        named["popgroup"],
        named["sex"],
        {one.code for one in lists["ageband"]},
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("rules"), "rules: Missing data"),
        (lambda d: d["services"][0].pop("title"), "services safe-house title: Missing data"),
        (lambda d: d["services"][0]["focal_point"].update(mail="nobody"), "services safe-house focal_point mail"),
        (lambda d: d["services"][0].update(valid_until="soon"), "services safe-house valid_until"),
        (lambda d: d["services"].append(d["services"][0]), "services safe-house: this code stands there twice"),
        (lambda d: d["rules"][0].update(pathway="RP-X"), "rules number 1 pathway: RP-X is not known"),
        (lambda d: d["rules"][0].update(service="gone"), "rules number 1 service: gone is not known"),
        (lambda d: d["rules"][0].update(place="ZZ"), "rules number 1 place: ZZ is not known"),
        (lambda d: d["rules"][0].update(group="martian"), "rules number 1 group: martian is not known"),
        (lambda d: d["rules"].append(d["rules"][0]), "it is for the same case as number 1"),
    ],
)
def test_a_wrong_list_of_services_is_refused_with_the_place(
    codes: Codes, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    document = copy.deepcopy(SERVICES)
    change(document)
    with pytest.raises(PimError) as caught:
        read_services(json.dumps(document).encode(), codes)
    assert caught.value.code is ErrorCode.BAD_FILE
    assert words in caught.value.message
    assert "@" not in caught.value.message


@pytest.mark.parametrize("source", [b"", b"{", b"[]"])
def test_what_is_not_a_list_of_services_is_refused(codes: Codes, source: bytes) -> None:
    with pytest.raises(PimError):
        read_services(source, codes)


def test_an_address_never_shows_when_a_service_is_printed(codes: Codes) -> None:
    listed = read_starter_services(codes).services[0]
    assert listed.mail not in repr(listed)


def test_every_pathway_of_the_bank_has_a_practice_service(catalogue: Catalogue, codes: Codes) -> None:
    listed = read_starter_services(codes)
    assert {rule.pathway for rule in listed.rules} == set(catalogue.pathways)
    assert all(one.mail.endswith(".example.org") for one in listed.services)


@pytest.mark.parametrize(
    ("pathway", "person", "service"),
    [
        ("RP-SAFE", Person(groups=("host",)), "safe-house"),
        ("RP-SAFE", Person(groups=("idp", "displaced")), "safe-displaced"),
        ("RP-SAFE", Person(groups=("migrant",)), "safe-transit"),
        ("RP-MED", Person(places=("XX0101", "XX01")), "clinic-north"),
        ("RP-MED", Person(places=("XX0201", "XX02")), "clinic-quay"),
        ("RP-GBV", Person(sexes=("female",)), "lantern-house"),
        ("RP-GBV", Person(sexes=("male",)), "lantern-line"),
        ("RP-PSS", Person(ages=("a60p",)), "elders-circle"),
        ("RP-LEGAL", Person(groups=("asylum", "refugee_like")), "law-asylum"),
    ],
)
def test_practice_routing_differs_by_place_group_sex_and_age(
    codes: Codes, places: tuple[NamedPlace, ...], pathway: str, person: Person, service: str
) -> None:
    listed = read_starter_services(codes)
    rules = tuple(PathwayRule(one.pathway, one.service, one.place, one.group, one.sex, one.age) for one in listed.rules)
    directory = Directory(
        {one.code: Place(one.code, one.level, one.parent) for one in places},
        {one.code: Service(one.code) for one in listed.services},
        rules,
    )
    assert choose_service(pathway, person, directory, on=DAY) == service
