"""Rules mean what a second reading of them means, made in another way: trees, written as text and worked out."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pimcollect.domain.conditions import compile_condition
from tests.domain.test_conditions import FORM

Tree = tuple[Any, ...]
_CODES = st.sampled_from(["a", "b", "c"])
_LEAVES = st.one_of(
    st.tuples(st.just("eq"), st.sampled_from("xy"), _CODES),
    st.tuples(st.just("ne"), st.sampled_from("xy"), _CODES),
    st.tuples(st.just("among"), st.sampled_from("xy"), st.lists(_CODES, min_size=1, max_size=3)),
    st.tuples(st.just("holds"), _CODES, st.sampled_from("st")),
    st.tuples(st.just("more"), st.just("n"), st.integers(-3, 3)),
    st.tuples(st.just("count"), st.sampled_from("st"), _CODES, st.integers(0, 3)),
    st.tuples(st.just("members"), st.sampled_from(["any", "all"]), st.integers(0, 40)),
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
    ),
    max_leaves=6,
)


def write(tree: Tree) -> str:
    match tree:
        case ("eq", name, code):
            return f"{name} == {code!r}"
        case ("ne", name, code):
            return f"{name} != {code!r}"
        case ("among", name, codes):
            return f"{name} in {set(codes)!r}"
        case ("holds", code, name):
            return f"{code!r} in {name}"
        case ("more", name, number):
            return f"{name} > {number}"
        case ("count", name, code, number):
            return f"len(set({name}) - {{{code!r}}}) >= {number}"
        case ("members", function, number):
            return f"{function}(m['age'] > {number} for m in roster)"
        case ("not", inner):
            return f"not ({write(inner)})"
        case (word, left, right):
            return f"(({write(left)}) {word} ({write(right)}))"
    raise AssertionError(tree)


def work_out(tree: Tree, answers: dict[str, Any]) -> bool | None:
    """Three-valued: None for unknown."""
    match tree:
        case ("not", inner):
            truth = work_out(inner, answers)
            return None if truth is None else not truth
        case ("and" | "or" as word, left, right):
            sides = [work_out(left, answers), work_out(right, answers)]
            decisive = word == "or"
            return decisive if decisive in sides else None if None in sides else not decisive
        case ("members", function, number):
            ages = [member.get("age") for member in answers["roster"]] if "roster" in answers else [None]
            truths = [None if age is None else age > number for age in ages]
            decisive = function == "any"
            return decisive if decisive in truths else None if None in truths else not decisive
    name = tree[2] if tree[0] == "holds" else tree[1]
    value = answers.get(name)
    if isinstance(value, tuple):
        value = tuple(code for code in value if code not in ("dk", "pns")) or None
    if value in (None, "dk", "pns"):
        return None
    return {
        "eq": lambda: value == tree[2],
        "ne": lambda: value != tree[2],
        "among": lambda: value in tree[2],
        "holds": lambda: tree[1] in value,
        "more": lambda: value > tree[2],
        "count": lambda: len(set(value) - {tree[2]}) >= tree[3],
    }[tree[0]]()


_ONE = st.sampled_from(["a", "b", "c", "none", "dk", "pns"])
_ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "x": _ONE,
        "y": _ONE,
        "s": st.lists(_ONE, min_size=1, unique=True).map(tuple),
        "t": st.lists(_ONE, min_size=1, unique=True).map(tuple),
        "n": st.integers(-4, 4),
        "roster": st.lists(st.fixed_dictionaries({}, optional={"age": st.integers(0, 50)}), min_size=1, max_size=3),
    },
)


@settings(max_examples=300)
@given(_TREES, _ANSWERS)
def test_rules_mean_what_a_second_reading_of_them_means(tree: Tree, answers: dict[str, Any]) -> None:
    assert compile_condition(write(tree), FORM)(answers) is (work_out(tree, answers) is True)
