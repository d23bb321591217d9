"""What a server sends becomes typed answers; what cannot be read is counted and nothing of it is kept."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.answers import UNREAD, AnswerReader, flatten, knows_any, read_answers, read_values
from pimcollect.errors import ErrorCode, PimError
from tests.factories.versions import BASE, bank_version, question, small_version

FORM = small_version(
    question("age", "integer"),
    question("score", "decimal"),
    question("seen", "date"),
    question("at", "dateTime"),
    question("clock", "time"),
    question("word", "text", "restrict"),
    question("one", "select_one", choices="letters"),
    question("many", "select_multiple", choices="letters"),
    question("ranked", "rank", choices="letters"),
    question("file", "image", "drop"),
    question("start", "start", "date"),
    question("name", "text", "drop", path="name/name"),
    question("sex", "select_one", repeat="home/hh", choices="letters"),
    question("age", "integer", repeat="home/hh", path="home/hh/about/hh_age"),
    question("kind", "text", "drop", repeat="home/hh/docs"),
    choices={"letters": ("a", "b", "ab", "1")},
    repeats=("home/hh", "home/hh/docs"),
)


def read_one(path: str, value: Any) -> tuple[dict[str, Any], dict[str, int]]:
    answers, findings = read_answers({path: value}, FORM)
    answers.pop(UNREAD, None)
    return answers, findings


def test_what_could_not_be_read_is_marked_as_such_in_its_own_level_and_nothing_else_is() -> None:
    raw = {"age": "abc", "one": "c", "many": "c d", "seen": "", "home/hh": [{"home/hh/about/hh_age": "x"}, {}]}
    answers, _ = read_answers(raw, FORM)
    assert answers == {UNREAD: ("age", "one", "many"), "hh": [{UNREAD: ("age",)}]}


@pytest.mark.parametrize(
    "value", ["abc", "3.5", "1e3", "1_0", "", " ", "9" * 16, "9" * 6000, True, 3.5, [3], {}, float("nan"), "١٧"]
)
def test_what_is_no_whole_number_is_absent_and_counted_never_kept(value: Any) -> None:
    answers, findings = read_one("age", value)
    assert answers == {}
    assert findings == ({} if value in ("", " ", {}) else {"age bad_integer": 1})


@pytest.mark.parametrize("value", ["17", 17, 17.0, "17.0", " 17 ", "+17"])
def test_numbers_as_text_and_as_numbers_are_the_same_answer(value: Any) -> None:
    assert read_one("age", value) == ({"age": 17}, {})


@pytest.mark.parametrize("value", ["NaN", "inf", "1,5", "x", True, [1], float("inf"), 10**400])
def test_a_bad_decimal_is_absent_and_counted(value: Any) -> None:
    assert read_one("score", value) == ({}, {"score bad_decimal": 1})


@pytest.mark.parametrize(
    "value", ["2026-02-30", "2026-13-01", "0026-01-01", "20.11.2026", "2026", 20261120, "1503-01-01"]
)
def test_an_impossible_date_is_absent_and_counted(value: Any) -> None:
    assert read_one("seen", value) == ({}, {"seen bad_date": 1})


def test_times_and_zones_are_gone_before_anything_else() -> None:
    answers, _ = read_answers(
        {
            "at": "2026-11-20T00:30:00.000+06:30",
            "start": "2026-11-20T09:11:02.123-05:00",
            "clock": "10:30:00.000+06:30",
        },
        FORM,
    )
    assert answers == {"at": "2026-11-20", "start": "2026-11-20", "clock": "10:30"}


def test_a_month_is_its_first_day() -> None:
    assert read_one("seen", "2026-11")[0] == {"seen": "2026-11-01"}


def test_an_unknown_code_is_absent_and_counted() -> None:
    assert read_one("one", "c") == ({}, {"one unknown_choice": 1})
    assert read_one("one", ["a"]) == ({}, {"one unknown_choice": 1})
    assert read_one("many", "a c d") == ({"many": ("a",)}, {"many unknown_choice": 2})


def test_codes_are_exact_words() -> None:
    assert read_one("many", "b  ab ab")[0] == {"many": ("b", "ab")}
    assert read_one("one", 1)[0] == {"one": "1"}


def test_the_order_of_ticking_means_nothing_and_a_ranking_keeps_its_order() -> None:
    assert read_one("many", "1 ab b") == read_one("many", "b ab 1") == ({"many": ("b", "ab", "1")}, {})
    assert read_one("ranked", "1 ab b")[0] == {"ranked": ("1", "ab", "b")}


def test_the_order_of_ticking_means_nothing_but_that_of_a_rank_does() -> None:
    form = small_version(
        question("ticked", "select_multiple", choices="letters"),
        question("ranked", "rank", choices="letters"),
        choices={"letters": ("a", "b", "c")},
    )
    raw = {"ticked": "c a b", "ranked": "c a b"}
    assert read_answers(raw, form)[0] == {"ticked": ("a", "b", "c"), "ranked": ("c", "a", "b")}


def test_codes_of_a_list_that_the_form_does_not_hold_are_single_words() -> None:
    asked = question("person", "select_one", "drop", choices="persons.csv")
    several = question("persons", "select_multiple", "drop", choices="persons.csv")
    form = small_version(asked, several)
    assert read_answers({"person": "p1", "persons": "p2 p1"}, form)[0] == {"person": "p1", "persons": ("p2", "p1")}
    for value in ("two words", "x" * 129, [1]):
        assert read_answers({"person": value}, form) == (
            {UNREAD: ("person",)},
            {"person unknown_choice": 1},
        )
    assert read_answers({"persons": "p1 " + "x" * 129}, form)[1] == {"persons unknown_choice": 1}
    assert read_answers({"person": " "}, form) == ({}, {})


def test_an_unknown_field_is_counted_and_its_name_forgotten() -> None:
    answers, findings = read_answers({"surprise": "x", "home/hh": [{"home/hh/new": "y", "home/hh/sex": "a"}]}, FORM)
    assert answers == {"hh": [{"sex": "a"}]}
    assert findings == {"unknown_fields": 2}


def test_what_servers_add_themselves_is_neither_kept_nor_counted() -> None:
    added = {
        "_id": 4,
        "_geolocation": [1.5, 2.5],
        "meta/instanceName": "Daw Khin",
        "formhub/uuid": "x",
        "__version__": "v",
    }
    assert read_answers({**added, "deviceid": "d", "_submitted_by": None}, FORM) == ({}, {})


def test_empty_members_are_dropped_but_unreadable_ones_are_still_somebody() -> None:
    members = [{"home/hh/sex": ""}, {}, {"home/hh/about/hh_age": "x"}, {"home/hh/about/hh_age": "3"}]
    assert read_answers({"home/hh": members}, FORM) == (
        {"hh": [{UNREAD: ("age",)}, {"age": 3}]},
        {"age bad_integer": 1},
    )


@pytest.mark.parametrize("value", ["text", 3, [["x"]], ["x"], [{}] * 1001])
def test_a_repeat_that_is_none_is_counted(value: Any) -> None:
    assert read_one("home/hh", value) == ({}, {"hh bad_repeat": 1})


def test_repeats_in_repeats_and_a_group_named_as_its_field_are_read() -> None:
    raw = {"name/name": "N", "home/hh": [{"home/hh/sex": "b", "home/hh/docs": [{"home/hh/docs/kind": "NRC"}]}]}
    assert read_answers(raw, FORM)[0] == {"name": "N", "hh": [{"sex": "b", "docs": [{"kind": "NRC"}]}]}


def test_control_characters_are_taken_out_of_texts() -> None:
    assert read_one("word", "a\x00b\ud800c\nd\x1b")[0] == {"word": "abc\nd"}
    assert read_one("word", "\x00") == ({}, {})
    assert read_one("word", 12)[0] == {"word": "12"}
    assert read_one("word", 10**400) == ({}, {"word too_long": 1})
    assert read_one("word", True) == ({}, {"word bad_text": 1})
    assert read_one("word", "x" * 10_001) == ({}, {"word too_long": 1})


def test_two_fields_with_one_key_are_refused() -> None:
    with pytest.raises(PimError) as refused:
        AnswerReader(small_version(question("agree", "text", "drop", path="other/agree")))
    assert refused.value.code is ErrorCode.BAD_FORM
    assert "agree" in refused.value.message


def test_a_body_without_any_question_of_the_form_is_known_as_another_forms() -> None:
    assert not knows_any({"q1": "yes", "grp/q2": "x", "_id": 1}, FORM)
    assert not knows_any({"q1": "yes", "start": "2026-11-20T09:00:00Z", "age": ""}, FORM)
    assert knows_any({"q1": "yes", "age": "3"}, FORM)
    assert knows_any({"home/hh": [{"home/hh/sex": "a"}], "q1": "x"}, FORM)
    assert knows_any({"_id": 1, "meta/instanceID": "uuid:x", "start": "2026-11-20T09:00:00Z", "agree": ""}, FORM)
    assert knows_any({}, FORM)


def test_null_means_not_answered_and_lists_are_several_choices() -> None:
    values = {"one": None, "many": ["a", "b"], "age": 3, "hh": [{"sex": "a", "docs": []}, {"age": None}], "new": 1}
    answers, findings = read_values(values, FORM)
    assert answers == {"many": ("a", "b"), "age": 3, "hh": [{"sex": "a"}]}
    assert findings == {"unknown_fields": 1}


def test_flattened_answers_look_as_kobo_sends_them() -> None:
    values = {"many": ["a", "b"], "age": 3, "one": None, "hh": [{"age": 7}, {}], "not_asked": 1}
    assert flatten(values, FORM) == {
        "many": "a b",
        "age": "3",
        "home/hh": [{"home/hh/about/hh_age": "7"}],
    }


def test_the_base_answers_survive_the_way_through_the_flat_shape() -> None:
    version = bank_version()
    assert read_answers(flatten(BASE, version), version) == read_values(BASE, version)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_PATHS = st.sampled_from(["agree", "age", "score", "seen", "at", "clock", "word", "one", "many", "home/hh", "_id", "x"])


@given(st.dictionaries(_PATHS, _JSON, max_size=6))
def test_no_body_can_make_the_reader_fail(raw: dict[str, Any]) -> None:
    answers, findings = read_answers(raw, FORM)
    knows_any(raw, FORM)
    assert answers.keys() - {UNREAD} <= {"agree", "age", "score", "seen", "at", "clock", "word", "one", "many", "hh"}
    assert all(isinstance(count, int) for count in findings.values())


_MEMBERS = st.fixed_dictionaries({}, optional={"sex": st.sampled_from("ab"), "age": st.integers(0, 120)})


def in_list_order(codes: list[str]) -> tuple[str, ...]:
    return tuple(sorted(codes, key=["a", "b", "ab"].index))


_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "age": st.integers(-(10**14), 10**14),
        "one": st.sampled_from(["a", "b", "ab"]),
        "many": st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, unique=True).map(in_list_order),
        "seen": st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1)).map(str),
        "hh": st.lists(_MEMBERS.filter(bool), min_size=1, max_size=3),
    },
)


@given(_VALUES)
def test_flatten_and_read_are_inverse(values: dict[str, Any]) -> None:
    assert read_answers(flatten(values, FORM), FORM) == (values, {})
