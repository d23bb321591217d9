"""Nearly the same questions: found whatever their language, small slips and order of words, and fast."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.similarity import NEAR, cut_triples, find_pairs


def test_another_question_is_not_near() -> None:
    assert find_pairs({"A": "How old are you?", "B": "Do you feel safe at night?", "C": ""}) == []


def test_a_reworded_question_is_found_and_the_nearest_comes_first() -> None:
    pairs = find_pairs(
        {
            "A": "Do you feel safe walking alone at night?",
            "B": "Do you feel safe when walking alone at night?",
            "C": "Do you feel safe walking alone at nigth",
            "D": "Where do you come from?",
        }
    )
    assert {(pair.one, pair.other) for pair in pairs} == {("A", "B"), ("A", "C"), ("B", "C")}
    assert pairs == sorted(pairs, key=lambda pair: -pair.score)


def test_arabic_and_burmese_questions_are_compared_too() -> None:
    assert find_pairs({"A": "هل تشعر بالأمان ليلا؟", "B": "هل تشعر بالامان ليلا"})
    assert find_pairs({"A": "ညအချိန်တွင် လုံခြုံပါသလား"}, {"B": "ညအချိန်တွင် လုံခြုံပါသလား။"})


def test_two_forms_are_compared_only_with_each_other() -> None:
    same = "Do you feel safe at night?"
    assert [(pair.one, pair.other) for pair in find_pairs({"A": same, "B": same}, {"A": same})] == [
        ("A", "A"),
        ("B", "A"),
    ]


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.text(alphabet="abcde ", max_size=30)))
def test_the_short_cut_finds_what_comparing_all_with_all_finds(labels: dict[str, str]) -> None:
    wanted = set()
    for one, other in combinations(sorted(labels), 2):
        a, b = cut_triples(labels[one]), cut_triples(labels[other])
        if a | b and len(a & b) / len(a | b) >= NEAR:
            wanted.add((one, other))
    assert {(pair.one, pair.other) for pair in find_pairs(labels)} == wanted
