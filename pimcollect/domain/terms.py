"""The pieces a compiled rule is made of: closures over answers, with unknown as a third truth."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

UNKNOWN_CODES = frozenset({"dk", "pns"})
"""Does not know, prefers not to say: the same codes in every list, and never a reason to raise a flag."""

Members = Mapping[str, Mapping[str, Any]]
"""The members that the surrounding loops stand at, by loop variable."""

Closure = Callable[[Mapping[str, Any], Members], Any]
"""(answers, members) -> a value, or None for unknown."""

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "-": operator.sub,
    "&": operator.and_,
    "|": operator.or_,
}


def known(value: Any) -> Any:
    """The value as a rule may see it: `dk` and `pns` are unknown; beside other codes they are left out."""
    kind = value.__class__
    if kind is str:
        return None if value in UNKNOWN_CODES else value
    if kind is tuple:
        if UNKNOWN_CODES.isdisjoint(value):
            return value
        return tuple(code for code in value if code not in UNKNOWN_CODES) or None
    return value


def top_answer(key: str) -> Closure:
    """An answer at the top of the form."""
    return lambda answers, members: known(answers.get(key))


def member_field(variable: str, key: str) -> Closure:
    """An answer of the member that a loop stands at."""
    return lambda answers, members: known(members[variable].get(key))


def constant(value: Any) -> Closure:
    """The same value always."""
    return lambda answers, members: value


def compare(left: Closure, symbol: str, right: Closure) -> Closure:
    """`==` to `>=`; unknown when one side is."""
    operation = OPERATIONS[symbol]

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        one = left(answers, members)
        if one is None:
            return None
        other = right(answers, members)
        return None if other is None else operation(one, other)

    return run


def is_among(value: Closure, group: Closure, *, is_negated: bool) -> Closure:
    """`in` and `not in`; unknown when one side is."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        one, many = value(answers, members), group(answers, members)
        if one is None or many is None:
            return None
        return (one in many) is not is_negated

    return run


def negate(claim: Closure) -> Closure:
    """`not`; unknown stays unknown."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        truth = claim(answers, members)
        return None if truth is None else not truth

    return run


def both(claims: list[Closure]) -> Closure:
    """`and`: false as soon as one is false, else unknown if one is."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        result: bool | None = True
        for claim in claims:
            truth = claim(answers, members)
            if truth is False:
                return False
            if truth is None:
                result = None
        return result

    return run


def either(claims: list[Closure]) -> Closure:
    """`or`: true as soon as one is true, else unknown if one is."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        result: bool | None = False
        for claim in claims:
            truth = claim(answers, members)
            if truth is True:
                return True
            if truth is None:
                result = None
        return result

    return run


def loop(repeat: Closure, variable: str, claim: Closure, *, is_all: bool) -> Closure:
    """`any` and `all` over the members of a repeat. No members told: unknown."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        group = repeat(answers, members)
        if group is None:
            return None
        result: bool | None = is_all
        for member in group:
            truth = claim(answers, {**members, variable: member})
            if truth is (not is_all):
                return truth
            if truth is None:
                result = None
        return result

    return run


def set_of(value: Closure) -> Closure:
    """The codes of an answer as a set."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        codes = value(answers, members)
        return None if codes is None else frozenset(codes)

    return run


def count_of(value: Closure) -> Closure:
    """`len`."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        group = value(answers, members)
        return None if group is None else len(group)

    return run


def is_any_there(value: Closure) -> Closure:
    """`bool` of a set or a repeat."""

    def run(answers: Mapping[str, Any], members: Members) -> Any:
        group = value(answers, members)
        return None if group is None else len(group) > 0

    return run
