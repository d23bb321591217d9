"""The language of rules: nothing but rules gets through, and unknown never raises a flag."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pimcollect.domain.conditions import compile_condition, names_used
from pimcollect.errors import ErrorCode, PimError
from tests.factories.versions import bank_version, question, small_version

FORM = small_version(
    question("n", "integer"),
    question("d", "decimal"),
    question("x", "select_one", choices="abc"),
    question("y", "select_one", choices="abc"),
    question("s", "select_multiple", choices="abc"),
    question("t", "select_multiple", choices="abc"),
    question("day", "date", "date"),
    question("word", "text", "drop"),
    question("who", "text", "vault", disclosure="direct"),
    question("spot", "geopoint", "drop"),
    question("sum", "calculate"),
    question("age", "integer", repeat="roster"),
    question("care", "select_one", choices="abc", repeat="roster"),
    question("kind", "select_one", choices="abc", repeat="roster/docs"),
    choices={"abc": ("a", "b", "c", "none", "dk", "pns")},
    repeats=("roster", "roster/docs"),
)


def holds(expression: str, **answers: Any) -> bool:
    return compile_condition(expression, FORM)(answers)


BAD = [
    "",
    "  ",
    "n",
    "1 == 1",
    "n = 1",
    "n == ",
    "n == 'a'",
    "n == '1'",
    "x == 1",
    "x == 'unheard_of'",
    "x in ('a', 'unheard_of')",
    "'unheard_of' in s",
    "bool(set(s)-{'unheard_of'})",
    "x in ('a', 1)",
    "x in ()",
    "x in 'abc'",
    "x in s",
    "s == 'a'",
    "x < 'b'",
    "x is 'a'",
    "not x",
    "x and y",
    "x == 'a' or n",
    "unknown_name == 'a'",
    "m['age'] > 1",
    "roster > 1",
    "len(n) > 1",
    "len(roster)",
    "set(roster) == 1",
    "any(roster)",
    "any([n > 1])",
    "any(m['age'] > 1 for m in s)",
    "any(m['height'] > 1 for m in roster)",
    "any(m.get('age', 0) > 1 for m in roster)",
    "any(m.age > 1 for m in roster)",
    "any(m['age'] > 1 for m in roster if n > 1)",
    "any(n['age'] > 1 for n in roster)",
    "any(m['age'] > 1 for m in roster for k in roster)",
    "any(m for m in roster)",
    "all(a['age'] > 1 for a in roster) + 1",
    "day > '2026-13-01'",
    "day > '20 November'",
    "day > 3",
    "who == 'Ann'",
    "spot == '1 2'",
    "__import__('os').system('true')",
    "().__class__",
    "x.__class__ == 'a'",
    "open('f')",
    "eval('1')",
    "len(set(s), n) > 1",
    "len(obj=s) > 1",
    "lambda: n",
    "[m for m in roster]",
    "{**roster}",
    "f'{n}' == 'a'",
    "n if n > 1 else 2",
    "(n := 3) > 1",
    "n > 1; n > 2",
    "n + 1 > 2",
    "-n > 2",
    "~n > 2",
    "n > True",
    "n > None",
    "n == ...",
    "n > 1j",
    "n > b'1'",
    "n > 1e400",
    "s[0] == 'a'",
    "any(m[0] > 1 for m in roster)",
    "not " * 50 + "n > 1",
    "(" * 300 + "n > 1" + ")" * 300,
    "n > 1 or " * 300 + "n > 1",
    "n>1 or " * 200 + "n>1",
    "n > 1\x00",
    "n > '\\d'",
    "n > 1 # x\n y",
    "await n",
    "n > 1" + " " * 2000,
]


@pytest.mark.parametrize("expression", BAD)
def test_what_is_not_a_rule_is_refused_and_says_what_to_do(expression: str) -> None:
    with pytest.raises(PimError) as refused:
        compile_condition(expression, FORM)
    assert refused.value.code is ErrorCode.BAD_EXPRESSION
    assert refused.value.message
    assert refused.value.remedy


def test_the_place_of_the_fault_is_told() -> None:
    with pytest.raises(PimError, match="character 12"):
        compile_condition("n > 1 and (nowhere == 'a')", FORM)


@pytest.mark.parametrize("rule", bank_version().flags, ids=lambda rule: rule.id)
def test_every_rule_of_the_bank_is_understood(rule: Any) -> None:
    assert compile_condition(rule.expression, bank_version())({}) is False


@pytest.mark.parametrize(
    "expression",
    [
        "x == 'a'",
        "x != 'a'",
        "not x == 'a'",
        "x in ('a','b')",
        "x not in ('a','b')",
        "not (x in ('a','b'))",
        "x == 'dk'",
        "x in ('dk','pns')",
        "'a' not in s",
        "not 'a' in s",
        "'dk' in s",
        "len(set(s)-{'a'}) < 1",
        "not bool(set(s)&{'a'})",
        "n < 1",
        "n != 3",
        "not any(m['age']>=18 for m in roster)",
        "all(m['age']<18 for m in roster)",
        "not any(m.get('care')=='a' for m in roster)",
        "any(m.get('care')!='a' for m in roster)",
        "day < '2026-01-01'",
        "word != 'x'",
    ],
)
@pytest.mark.parametrize(
    "unknown",
    [{}, {"x": "dk", "s": ("dk",)}, {"x": "pns", "s": ("dk", "pns")}, {"roster": [{"care": "dk"}]}, {"roster": [{}]}],
)
def test_unknown_never_raises_a_flag(expression: str, unknown: dict[str, Any]) -> None:
    assert not holds(expression, **unknown)


def test_what_is_known_decides_although_something_else_is_not() -> None:
    assert holds("x == 'a' or n > 3", n=4)
    assert not holds("x == 'a' and n > 3", n=3)
    assert not holds("x == 'a' and n > 3", n=4)
    assert holds("any(m['age'] < 18 for m in roster)", roster=[{}, {"age": 3}])
    assert not holds("all(m['age'] < 18 for m in roster)", roster=[{"age": 30}, {}])
    assert holds("not all(m['age'] < 18 for m in roster)", roster=[{"age": 30}, {}])
    assert holds("'a' in s", s=("a", "dk"))


def test_all_that_rules_may_say() -> None:
    assert holds("0 < n <= 3", n=3)
    assert holds("n > -2", n=-1)
    assert holds("d >= 1.5", d=1.5)
    assert holds("x == y", x="a", y="a")
    assert holds("len(set(s)-{'none','dk','pns'})>=2", s=("a", "b", "none"))
    assert holds("bool(set(s)&set(t))", s=("a", "b"), t=("b",))
    assert holds("len(set(s)|{'c'}) == 3", s=("a", "b"))
    assert holds("day >= '2026-11-01'", day="2026-11-20")
    assert holds("sum == 'x'", sum="x")
    assert holds("n in (1, 2)", n=2)
    assert holds("bool(roster)", roster=[{"age": 1}])
    assert holds("any(any(p['kind']=='a' for p in m['docs']) for m in roster)", roster=[{"docs": [{"kind": "a"}]}])


def test_the_names_of_a_rule_are_told_without_any_form() -> None:
    expression = "any(m['age']<18 and m.get('care')=='no' for m in roster) or nocare>0"
    assert names_used(expression) == {"roster", "roster/age", "roster/care", "nocare"}
    with pytest.raises(PimError):
        names_used("a ==")


_PIECES = re.findall(
    r"\S+",
    """n x s t m 0 1 ( ) [ ] { } , - & | : * # " ' \\ é roster ['age'] .get('care') 'a' 'zz' ('a','b') {'a'} 1.5 == != <
    >= lambda None True len( set( bool( any( n>1 x=='a' set(s)""",
)
_SPACED = [*(f" {word} " for word in ("in", "not", "and", "or", "for", "is", "if")), "any(m['age']>1 for m in roster)"]
_TOKENS = st.sampled_from([*_PIECES, *_SPACED, "\x00", "\n"])


@settings(max_examples=400)
@given(st.one_of(st.lists(_TOKENS, max_size=14).map("".join), st.text(max_size=60)))
@example("n > " + "9" * 1900)
@example("'" * 1999)
def test_nothing_makes_the_compiler_fail_but_with_its_own_error(expression: str) -> None:
    try:
        test = compile_condition(expression, FORM)
    except PimError as error:
        refusal = error.code
    else:
        refusal = ErrorCode.BAD_EXPRESSION
        assert test({}) is False
        assert test({"n": 1, "x": "a", "s": ("a",), "roster": [{"age": 3, "care": "a"}]}) in (True, False)
    assert refusal is ErrorCode.BAD_EXPRESSION
