"""A treatment never lets a value through that it cannot treat, and a plan that would is refused before it is used."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.answers import read_answers
from pimcollect.domain.leaves import CHOICE_TYPES
from pimcollect.domain.outcomes import Pseudonyms
from pimcollect.domain.plan import Plan
from pimcollect.domain.plan_checks import ALLOWED
from pimcollect.domain.spelling import normalise
from pimcollect.domain.version import Choice, Question
from tests.factories.versions import directory, open_pseudonyms, question, small_version

Both = tuple[dict[str, Any], dict[str, Any], dict[str, int]]
COARSE = {"abc": (Choice("a", "ab"), Choice("b", "ab"), Choice("c", None), Choice("pns", None))}


def treat(
    asked: Question, value: Any, *, choices: Any = None, pseudonyms: Pseudonyms | None = None, is_raw: bool = True
) -> Both:
    """One answer through reading and its treatment: (shared, restricted, findings)."""
    version = small_version(asked)
    version = type(version)(**{**version.__dict__, "choices": {**version.choices, **(choices or COARSE)}})
    findings: dict[str, int] = {}
    answers = {asked.key: value}
    if is_raw:
        answers, findings = read_answers({asked.path: value}, version)
    shared, restricted = Plan(version).apply(answers, findings, directory(), pseudonyms)
    return shared, restricted, findings


def test_a_field_of_an_unknown_type_can_only_be_dropped() -> None:
    assert treat(question("strange", "satellite", "drop"), "x") == ({}, {}, {})


@pytest.mark.parametrize("kind", ["drop", "derive", "vault"])
def test_what_is_dropped_leaves_neither_key_nor_null(kind: str) -> None:
    assert treat(question("word", "text", kind), "secret") == ({}, {}, {})


@pytest.mark.parametrize(
    ("age", "band"),
    [("0", "0-4"), ("4", "0-4"), ("5", "5-11"), ("17", "12-17"), ("18", "18-59"), ("60", "60+"), ("120", "60+")],
)
def test_ages_become_bands(age: str, band: str) -> None:
    assert treat(question("age", "integer", "band"), age) == ({"age": band}, {}, {})


@pytest.mark.parametrize("age", ["-1", "121", "150", "100000"])
def test_an_impossible_age_becomes_null_and_is_counted(age: str) -> None:
    assert treat(question("age", "integer", "band"), age) == ({"age": None}, {}, {"age out_of_range": 1})


def test_other_cuts_have_their_own_bands() -> None:
    cuts = question("n", "integer", "band", cuts=[0, 1, 2, 100, 500])
    assert [treat(cuts, n)[0]["n"] for n in ("0", "1", "99", "499", "100000")] == ["0", "1", "2-99", "100-499", "500+"]


def test_birth_date_and_age_together_leave_only_the_band() -> None:
    version = small_version(question("dob", "date", "derive"), question("age", "integer", "band"))
    answers, findings = read_answers({"dob": "2009-05-01", "age": "17"}, version)
    assert Plan(version).apply(answers, findings, directory()) == ({"age": "12-17"}, {})


@pytest.mark.parametrize(
    ("to", "result"), [("day", "2026-11-20"), ("month", "2026-11"), ("quarter", "2026-Q4"), ("year", "2026")]
)
def test_time_and_zone_are_gone_and_the_date_is_as_coarse_as_planned(to: str, result: str) -> None:
    assert treat(question("at", "dateTime", "date", to=to), "2026-11-20T23:30:00.000+06:30")[0] == {"at": result}


def test_a_month_is_restricted_where_a_quarter_is_shared() -> None:
    asked = question("seen", "date", "date", to="month", shared="quarter")
    assert treat(asked, "2026-07-01") == ({"seen": "2026-Q3"}, {"seen": "2026-07"}, {})


def test_a_date_that_cannot_be_read_becomes_null() -> None:
    asked = question("computed", "calculate", "date", to="month")
    assert treat(asked, "next week") == ({"computed": None}, {}, {"computed bad_date": 1})


@pytest.mark.parametrize(("value", "reason"), [("abc", "bad_integer"), ("-5", "out_of_range"), ("999", "out_of_range")])
def test_what_cannot_be_read_and_what_cannot_be_treated_are_null_alike(value: str, reason: str) -> None:
    assert treat(question("age", "integer", "band"), value) == ({"age": None}, {}, {f"age {reason}": 1})


@pytest.mark.parametrize("kind", ["drop", "derive", "vault", "restrict"])
def test_what_is_not_shared_is_not_shared_as_null_either(kind: str) -> None:
    assert treat(question("age", "integer", kind), "abc")[:2] == ({}, {})


def test_an_unreadable_answer_of_a_member_is_null_in_that_member_only() -> None:
    version = small_version(question("age", "integer", "band", repeat="hh"), repeats=("hh",))
    answers, findings = read_answers({"hh": [{"hh/age": "abc"}, {"hh/age": "7"}, {"hh/other": "x"}]}, version)
    assert Plan(version).apply(answers, findings, directory())[0] == {"hh": [{"age": None}, {"age": "5-11"}, {}]}


def test_recode_shares_the_coarse_code_and_restricts_the_detail() -> None:
    assert treat(question("x", "select_one", "recode", choices="abc"), "b") == ({"x": "ab"}, {"x": "b"}, {})


def test_a_code_without_a_coarse_one_is_not_shared() -> None:
    assert treat(question("x", "select_one", "recode", choices="abc"), "c") == ({}, {"x": "c"}, {})
    assert treat(question("x", "select_multiple", "recode", choices="abc"), "a b c")[0] == {"x": ("ab",)}


def test_an_unseen_choice_becomes_other_where_the_plan_says_so() -> None:
    asked = question("word", "text", "recode", map={"a": "ab"}, other="other")
    assert treat(asked, "a") == ({"word": "ab"}, {}, {})
    assert treat(asked, "My own words") == ({"word": "other"}, {}, {})


@pytest.mark.parametrize(
    ("code", "area"), [("XX010101", "XX0101"), ("XX0101", "XX0101"), ("ODD", "XX0201"), ("XX01", "XX01")]
)
def test_areas_are_coarsened_along_their_stored_parents(code: str, area: str) -> None:
    assert treat(question("place", "text", "coarsen", level=2), code) == ({"place": area}, {}, {})


@pytest.mark.parametrize("code", ["XX9999", "XX010199", "Our village", "XX0101 XX0102"])
def test_an_unknown_area_becomes_null_and_never_passes(code: str) -> None:
    assert treat(question("place", "text", "coarsen"), code) == ({"place": None}, {}, {"place unknown_place": 1})


@pytest.mark.parametrize("point", ["16.84 96.17 12 4", "0 0", "NaN NaN", "96.17 16.84", "1 2 3", "", "x"])
def test_a_position_never_passes(point: str) -> None:
    shared, restricted, findings = treat(question("spot", "geopoint", "coarsen"), point)
    assert (shared, restricted) == (({"spot": None}, {}) if point else ({}, {}))
    assert findings == ({"spot no_polygons": 1} if point else {})


def test_ten_or_more_are_not_told_apart() -> None:
    asked = question("size", "integer", "topcode", **{"from": 10})
    assert [treat(asked, n)[0]["size"] for n in ("0", "9", "10", "4000")] == [0, 9, "10+", "10+"]
    assert treat(asked, "-1") == ({"size": None}, {}, {"size out_of_range": 1})


def test_counts_are_rounded_outside_and_exact_inside() -> None:
    asked = question("n", "integer", "round", to=5)
    assert [treat(asked, n)[0]["n"] for n in ("0", "2", "3", "7", "8", "1002")] == [0, 0, 5, 5, 10, 1000]
    assert treat(asked, "7")[1] == {"n": 7}


def test_only_what_fits_the_pattern_is_kept() -> None:
    asked = question("org", "text", "keep", pattern="[A-Z]{2,5}")
    assert treat(asked, "ABC")[0] == {"org": "ABC"}
    assert treat(asked, "Ann from ABC") == ({"org": None}, {}, {"org other_pattern": 1})


def test_one_telephone_in_many_spellings_is_one_pseudonym() -> None:
    asked = question("phone", "text", "pseudonym", domain="case", norm="phone", country="95")
    spellings = [
        "+95 9 000 000 001",
        "0095-9000000001",
        "09 000 000 001",
        "+၉၅၉၀၀၀၀၀၀၀၀၁",
        "+٩٥٩٠٠٠٠٠٠٠٠١",
        "\u200e+95\u00a09000000001",
        "(09) 000-000-001",
    ]
    made = [treat(asked, text, pseudonyms=open_pseudonyms()) for text in spellings]
    assert made == [({}, {"phone": "case:959000000001"}, {})] * len(spellings)


def test_pseudonyms_of_two_domains_differ_and_are_never_shared() -> None:
    one = question("device", "text", "pseudonym", domain="device", norm="id")
    other = question("device", "text", "pseudonym", domain="enumerator", norm="id")
    value = "Ab-12 34"
    assert treat(one, value, pseudonyms=open_pseudonyms()) == ({}, {"device": "device:AB-1234"}, {})
    assert treat(other, value, pseudonyms=open_pseudonyms())[1] == {"device": "enumerator:AB-1234"}


def test_without_a_key_or_with_too_little_a_pseudonym_is_null() -> None:
    asked = question("phone", "text", "pseudonym", domain="case", norm="phone")
    assert treat(asked, "+95900000001") == ({}, {"phone": None}, {"phone no_pseudonym_key": 1})
    no_key = Pseudonyms(None)
    assert treat(asked, "+95900000001", pseudonyms=no_key)[2] == {"phone no_pseudonym_key": 1}
    assert treat(asked, "12345", pseudonyms=open_pseudonyms()) == ({}, {"phone": None}, {"phone too_short": 1})
    assert treat(asked, "no phone", pseudonyms=open_pseudonyms())[1] == {"phone": None}


def test_ids_and_texts_have_one_spelling() -> None:
    assert {normalise(text, "id") for text in ("12/kata (n) 123", "12/KATA(N)123", "１２/kata(n)\u200b１２３")} == {
        "12/KATA(N)123"
    }
    assert {normalise(text, "text") for text in ("Team  A1", "team a1 ", "ＴＥＡＭ A1")} == {"team a1"}
    assert normalise("abc", "id") is None


def test_members_are_treated_one_by_one_in_their_order() -> None:
    version = small_version(
        question("age", "integer", "band", repeat="hh"),
        question("need", "text", "restrict", repeat="hh"),
        question("name", "text", "drop", repeat="hh"),
        question("kind", "text", "drop", repeat="hh/docs"),
        repeats=("hh", "hh/docs"),
    )
    answers = {"hh": [{"age": 60, "name": "A"}, {"name": "B", "docs": [{"kind": "NRC"}]}, {"age": 3, "need": "n"}]}
    shared, restricted = Plan(version).apply(answers, {}, directory())
    assert shared == {"hh": [{"age": "60+"}, {}, {"age": "0-4"}]}
    assert restricted == {"hh": [{}, {}, {"need": "n"}]}


def test_a_repeat_of_which_nothing_is_kept_leaves_no_trace() -> None:
    version = small_version(question("name", "text", "drop", repeat="hh"), repeats=("hh",))
    assert Plan(version).apply({"hh": [{"name": "A"}]}, {}, directory()) == ({}, {})


def test_what_the_plan_does_not_name_is_dropped() -> None:
    assert Plan(small_version()).apply({"agree": "yes", "surprise": "x"}, {}, directory()) == ({"agree": "yes"}, {})


_OPTIONS: dict[str, dict[str, Any]] = {
    "band": {},
    "date": {"to": "month", "shared": "quarter"},
    "recode": {"map": {"a": "coarse"}},
    "coarsen": {"level": 2},
    "topcode": {"from": 4},
    "round": {"to": 5},
    "pseudonym": {"domain": "d", "norm": "text"},
}
_TREATED = [
    question("q", type_, kind, choices="abc", **_OPTIONS[kind])
    for type_, kinds in sorted(ALLOWED.items())
    for kind in sorted(kinds & _OPTIONS.keys())
]
_NULLS = (None, "coarse", "ab")


@given(
    st.sampled_from(_TREATED),
    st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.booleans(), st.lists(st.text(), max_size=2)),
)
def test_a_value_that_cannot_be_treated_is_never_passed_on(asked: Question, value: Any) -> None:
    canary = Pseudonyms(lambda domain, text: "token")
    kind = asked.treatment.kind
    for is_raw in {True, asked.type in CHOICE_TYPES or isinstance(value, list)}:
        shared, restricted, findings = treat(asked, value, pseudonyms=canary, is_raw=is_raw)
        for result in (shared.get("q"), restricted.get("q") if kind != "recode" else None):
            if isinstance(result, str) and kind not in ("recode", "coarsen"):
                assert result != value or len(result) <= 7  # `0-4`, `4+`, `2026-Q1`: nothing longer comes out
            if isinstance(result, (int, float)) and not isinstance(result, bool):
                assert kind in ("topcode", "round")
        assert all(str(value) not in finding or len(str(value)) < 12 for finding in findings)


@given(st.text(max_size=40).filter(lambda text: text.strip()))
def test_no_free_text_comes_out_of_any_treatment_but_keep_and_restrict(text: str) -> None:
    secret = f"Zz{text}zZ"
    for asked in _TREATED:
        shared, restricted, _ = treat(asked, secret, pseudonyms=Pseudonyms(lambda domain, text: "token"))
        assert secret not in (*shared.values(), *restricted.values())


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 12, 31)))
def test_every_date_falls_into_its_month_and_quarter(day: date) -> None:
    asked = question("seen", "date", "date", to="month", shared="quarter")
    shared, restricted, _ = treat(asked, day.isoformat())
    assert restricted["seen"] == day.isoformat()[:7]
    assert shared["seen"] == f"{day.year}-Q{(day.month - 1) // 3 + 1}"


@given(st.integers(0, 120))
def test_every_age_falls_into_exactly_one_band(age: int) -> None:
    label = treat(question("age", "integer", "band"), str(age))[0]["age"]
    low, _, high = label.rstrip("+").partition("-")
    assert int(low) <= age <= int(high or 120)
