"""The newest edition wins by what supersedes what; when that is not known, a person decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.editions import Order, differ, extend_chain, order_editions


def test_two_edits_of_the_same_older_edition_are_unclear() -> None:
    assert order_editions("B", {"A"}, arriving="C", deprecated="A", root="A") is Order.UNCLEAR


def test_an_edit_whose_forerunner_never_came_is_unclear() -> None:
    assert order_editions("B", {"A"}, arriving="D", deprecated="C", root="A") is Order.UNCLEAR
    assert order_editions("B", {"A"}, arriving="D", deprecated=None) is Order.UNCLEAR


def test_a_copy_an_older_and_a_newer_edition_are_told_apart() -> None:
    assert order_editions("B", {"A"}, arriving="B", deprecated="A") is Order.SAME
    assert order_editions("B", {"A"}, arriving="A", deprecated=None) is Order.OLDER
    assert order_editions("B", {"A"}, arriving="C", deprecated="B") is Order.NEWER


def test_the_first_edition_is_older_than_any_edit_and_any_edit_newer_than_it() -> None:
    assert order_editions("C", set(), arriving="A", deprecated=None, root="A") is Order.OLDER
    assert order_editions("A", set(), arriving="C", deprecated="B", root="A") is Order.NEWER


def test_what_lies_behind_is_remembered() -> None:
    assert extend_chain({"A"}, stored="B", arriving="C", deprecated="B", order=Order.NEWER) == ("A", "B")
    assert extend_chain((), stored="A", arriving="C", deprecated="B", order=Order.NEWER) == ("A", "B")
    assert extend_chain({"B"}, stored="C", arriving="B", deprecated="A", order=Order.OLDER) == ("A", "B")
    assert extend_chain({"A"}, stored="B", arriving="X", deprecated="A", order=Order.UNCLEAR) == ("A",)


CHAIN = ["A", "B", "C", "D"]


@given(st.permutations(CHAIN), st.lists(st.sampled_from(CHAIN), max_size=4))
def test_in_any_order_of_arrival_an_older_edition_never_replaces_a_newer_one(
    order: list[str], again: list[str]
) -> None:
    arrivals = [*order, *again]
    before = dict(zip(CHAIN, [None, *CHAIN], strict=False))
    stored, behind = arrivals[0], tuple(name for name in [before[arrivals[0]]] if name)
    for arriving in arrivals[1:]:
        deprecated = before[arriving]
        verdict = order_editions(stored, behind, arriving=arriving, deprecated=deprecated, root="A")
        behind = extend_chain(behind, stored=stored, arriving=arriving, deprecated=deprecated, order=verdict)
        if verdict is Order.NEWER:
            assert CHAIN.index(arriving) > CHAIN.index(stored)
            stored = arriving
        elif verdict is Order.OLDER:
            assert CHAIN.index(arriving) < CHAIN.index(stored)
        elif verdict is Order.SAME:
            assert arriving == stored
        else:
            assert deprecated is not None


ANSWERS = st.dictionaries(st.sampled_from("abcde"), st.one_of(st.integers(0, 2), st.lists(st.integers(0, 1))))


@given(ANSWERS, st.sets(st.sampled_from("abcde")))
def test_a_subset_differs_from_its_whole_in_nothing(whole: dict[str, object], left_out: set[str]) -> None:
    subset = {name: value for name, value in whole.items() if name not in left_out}
    assert not differ(whole, subset)
    assert not differ(subset, whole)
    assert not differ(None, whole)


@given(ANSWERS.filter(bool), st.data())
def test_one_other_answer_is_a_difference(answers: dict[str, object], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(answers)))
    assert differ(answers, {**answers, name: "another"})
    assert differ({name: "another"}, answers)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "x"}, {"a": "y", "b": "z"}),
        ({"a": ["x", "y"]}, {"a": ["x"]}),
        ({"a": [{"m": 1}, {"m": 2}]}, {"a": [{"m": 1}, {"m": 3, "n": 4}]}),
        ({"a": [{"m": 1}]}, {"a": [{"m": 1}, {"m": 2}]}),
    ],
)
def test_another_answer_or_another_member_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert differ(one, other)
    assert differ(other, one)


def test_members_that_leave_a_question_out_do_not_differ() -> None:
    assert not differ({"a": [{"m": 1, "n": 2}]}, {"a": [{"m": 1}]})
    assert not differ({"a": None}, {"a": "x"})
