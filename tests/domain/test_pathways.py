"""The most specific rule that is in force chooses the service, whatever the order of the rules."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.outcomes import Course, Directory, PathwayRule, Place, Service
from pimcollect.domain.pathways import Person, Profiler, choose_course, choose_service, rank_services
from pimcollect.domain.places import climb, find_lineage
from pimcollect.domain.version import Pathway
from tests.factories.versions import PLACES, bank_version, directory

TODAY = date(2026, 11, 20)
IDP = Person(("XX010101", "XX0101", "XX01", "XX"), ("idp", "displaced"), ("female",), ("a18_24", "a18_59"))
UNKNOWN = Person(("XX0101", "XX01", "XX"))


def rule(service: str, **more: str) -> PathwayRule:
    return PathwayRule("RP", service, **more)


def chosen(person: Person, *rules: PathwayRule, services: tuple[Service, ...] = ()) -> str | None:
    return choose_service("RP", person, directory(*rules, services=services), on=TODAY)


def test_nobody_serves_where_no_rule_fits() -> None:
    assert chosen(IDP) is None
    assert chosen(IDP, rule("far", place="XX02"), rule("men", sex="male"), rule("old", age="a60p")) is None
    assert chosen(IDP, PathwayRule("OTHER", "wrong")) is None


def test_a_service_that_is_over_suspended_or_unknown_is_skipped() -> None:
    rules = (rule("best", place="XX010101", group="idp"), rule("next", place="XX01"))
    assert chosen(IDP, *rules) == "best"
    assert chosen(IDP, *rules, services=(Service("best", valid_until=date(2026, 11, 19)),)) == "next"
    assert chosen(IDP, *rules, services=(Service("best", valid_until=TODAY),)) == "best"
    assert chosen(IDP, *rules, services=(Service("best", is_suspended=True),)) == "next"
    gone = Directory(PLACES, {"next": Service("next")}, rules)
    assert choose_service("RP", IDP, gone, on=TODAY) == "next"
    assert choose_service("RP", IDP, Directory(PLACES, {}, rules), on=TODAY) is None


def test_a_finer_place_wins_over_everything_else() -> None:
    everybody_here, women_above = rule("here", place="XX0101"), rule("above", place="XX01", group="idp", sex="female")
    assert chosen(IDP, everybody_here, women_above) == "here"
    assert chosen(IDP, rule("any"), women_above) == "above"


def test_then_the_more_exact_group_then_age_then_sex() -> None:
    assert chosen(IDP, rule("broad", group="displaced"), rule("exact", group="idp")) == "exact"
    assert chosen(IDP, rule("group", group="displaced"), rule("age", age="a18_24", sex="female")) == "group"
    assert chosen(IDP, rule("age", age="a18_59"), rule("sex", sex="female")) == "age"
    assert chosen(IDP, rule("any"), rule("sex", sex="female")) == "sex"


def test_who_chooses_by_hand_and_may_not_see_who_it_is_about_is_offered_all_that_serve_the_place() -> None:
    rules = (
        rule("any"),
        rule("here", place="XX0101", sex="male"),
        rule("above", place="XX01"),
        rule("far", place="XX02"),
    )
    unseen = Person(("XX0101", "XX01", "XX"), groups=None, sexes=None, ages=None)
    ranked = rank_services("RP", unseen, directory(*rules, rule("here", place="XX01", age="a60p")), on=TODAY)
    assert list(ranked) == ["here", "above", "any"]
    assert [one.place for one in ranked["here"]] == ["XX0101", "XX01"]


def test_the_same_need_of_another_group_goes_elsewhere() -> None:
    rules = (rule("desk"), rule("registration", group="refugee_like"), rule("crossing", group="migrant"))
    assert chosen(Person(groups=("asylum", "refugee_like")), *rules) == "registration"
    assert chosen(Person(groups=("migrant",)), *rules) == "crossing"
    assert chosen(IDP, *rules) == "desk"


def test_unknown_is_its_own_row_and_never_a_guess() -> None:
    rules = (rule("displaced", group="displaced"), rule("unknown", group="unknown"), rule("women", sex="female"))
    assert chosen(UNKNOWN, *rules) == "unknown"
    assert chosen(UNKNOWN, rule("displaced", group="displaced"), rule("women", sex="female")) is None


@pytest.mark.parametrize("answer", ["pns", "dk", None, 7.5])
def test_what_was_not_told_is_unknown(answer: object) -> None:
    person = Profiler(bank_version()).describe({"dem_group": answer, "dem_sex": answer, "dem_age": answer}, ())
    assert (person.groups, person.sexes, person.ages) == (("unknown",),) * 3


def test_the_profile_knows_the_broader_codes() -> None:
    person = Profiler(bank_version()).describe({"dem_group": "asylum", "dem_sex": "male", "dem_age": "a25_39"}, ())
    assert (person.groups, person.sexes, person.ages) == (("asylum", "refugee_like"), ("male",), ("a25_39", "a18_59"))


def test_sex_and_age_of_the_respondent_say_nothing_of_a_child_or_another_adult() -> None:
    answers = {"dem_group": "host", "dem_sex": "male", "dem_age": "a25_39", "ref_whom": "child"}
    person = Profiler(bank_version()).describe(answers, ())
    assert (person.groups, person.sexes, person.ages) == (("host",), ("unknown",), ("unknown",))


def test_the_place_is_the_finest_one_that_the_directory_knows() -> None:
    profiler = Profiler(bank_version())
    known = directory()
    answers = {"clo_place_adm1": "XX01", "clo_place_adm2": "XX0101", "clo_place_adm3": "XX019999"}
    assert profiler.find_places(answers, known) == ("XX0101", "XX01", "XX")
    assert profiler.find_places({}, known) == ()
    assert profiler.find_places({"clo_place_adm1": "nowhere"}, known) == ()


def test_broken_and_circular_parents_end_where_they_break() -> None:
    known = Directory({"A": Place("A", 3, "B"), "B": Place("B", 2, "A"), "C": Place("C", 3, "gone")})
    assert [place.code for place in find_lineage(known, "A")] == ["A", "B"]
    assert climb(known, "A", level=1) is None
    assert climb(known, "C", level=2) is None
    assert climb(known, ["C"], level=2) is None


@pytest.mark.parametrize(
    ("needs_identity", "is_silent", "may_refer", "urgency", "course"),
    [
        (False, False, True, "U", Course.TICKET),
        (False, False, False, "R", Course.TICKET),
        (True, False, True, "R", Course.REFERRAL),
        (True, True, True, "U", Course.REFERRAL),
        (True, False, False, "U", Course.ALERT),
        (True, True, False, "U", Course.COUNT),
        (True, False, False, "H", Course.COUNT),
        (True, False, False, "R", Course.COUNT),
    ],
)
def test_every_course(needs_identity: bool, is_silent: bool, may_refer: bool, urgency: str, course: Course) -> None:
    pathway = Pathway("RP", "", "R", needs_identity, is_silent)
    assert choose_course(pathway, urgency, may_refer=may_refer) is course


def some(values: list[str]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(values)


_RULES = st.lists(
    st.builds(
        lambda place, group, sex, age: (place, group, sex, age),
        some(["XX", "XX01", "XX0101", "XX010101", "XX02"]),
        some(["idp", "displaced", "migrant", "unknown"]),
        some(["female", "male"]),
        some(["a18_24", "a18_59", "a60p"]),
    ),
    max_size=5,
    unique=True,
)


@given(_RULES, st.sampled_from([IDP, UNKNOWN]))
def test_the_order_of_the_rules_says_nothing_and_no_fitting_rule_is_more_specific(
    cases: list[tuple[str | None, ...]], person: Person
) -> None:
    rules = [PathwayRule("RP", f"S{number}", *case) for number, case in enumerate(cases)]
    results = {chosen(person, *order) for order in permutations(rules)}
    assert len(results) == 1
    winner = results.pop()
    assert next(iter(rank_services("RP", person, directory(*rules), on=TODAY)), None) == winner
    fitting = [
        one
        for one in rules
        if (one.place is None or one.place in person.places)
        and (one.group is None or one.group in person.groups)
        and (one.sex is None or one.sex in person.sexes)
        and (one.age is None or one.age in person.ages)
    ]
    assert (winner is None) == (not fitting)
    if winner is not None:
        places = [*person.places, None]
        best = min(places.index(one.place) for one in fitting)
        assert next(one for one in fitting if one.service == winner).place == places[best]
