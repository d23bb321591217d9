"""The language of flag rules: read with an allow-list, checked against the form, made into closures. Never run as code.

A rule is a claim about one submission: names of questions, constants, comparison, `in`, and/or/not, `len`, `set`,
`bool`, `any` and `all` over the members of a repeat (`any(m['age']<18 for m in roster)`), and the difference, union and
intersection of sets.

Truth has three values. An answer that was not given, or that is `dk` or `pns`, is unknown; what depends on it is
unknown unless the rest decides; and unknown never raises a flag.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pimcollect.domain import terms
from pimcollect.domain.grammar import FUNCTIONS, find_field, names_used, parse_rule, refuse
from pimcollect.domain.leaves import read_date
from pimcollect.domain.shapes import FormShape, Named, Shape, shape_form
from pimcollect.domain.terms import Closure
from pimcollect.domain.version import Version

__all__ = ["Test", "compile_condition", "names_used"]

MAX_DEPTH = 24

Test = Callable[[Mapping[str, Any]], bool]
"""Answers -> does the rule hold. Unknown is False."""

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_SET_OPERATIONS: dict[type[ast.operator], str] = {ast.Sub: "-", ast.BitAnd: "&", ast.BitOr: "|"}
_EQUALITY = frozenset({"==", "!="})


@dataclass(frozen=True)
class _Term:
    """A checked piece of a rule: what it gives, how to get it, and what it may be compared with."""

    shape: Shape
    run: Closure
    codes: frozenset[str] | None = None
    literal: Any = None
    level: FormShape | None = None


class _Compiler:
    """Walks one rule. Loop variables stand above the names of the form."""

    def __init__(self, form: FormShape) -> None:
        self._form = form
        self._loops: dict[str, FormShape] = {}
        self._depth = 0

    def claim(self, node: ast.expr) -> Closure:
        term = self.term(node)
        if term.shape is not Shape.TRUTH:
            refuse(f"{term.shape.value} stands where a claim must stand", node, remedy="Compare it with something.")
        return term.run

    def term(self, node: ast.expr) -> _Term:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            refuse("it is nested too deep", node, remedy="Split it into several rules.")
        try:
            reader = _NODES.get(type(node))
            if reader is None:
                refuse(f"{type(node).__name__} is not part of the language of rules", node)
            return reader(self, node)
        finally:
            self._depth -= 1

    def _name(self, node: ast.Name) -> _Term:
        if node.id in self._loops:
            return _Term(Shape.MEMBER, terms.constant(None), level=self._loops[node.id])
        named = self._form.names.get(node.id)
        if named is None:
            refuse(
                f"{node.id!r} is not a question that rules of this form may use",
                node,
                remedy="Check the name, and that the question is part of the form.",
            )
        return _term_of(named, terms.top_answer(node.id))

    def _constant(self, node: ast.Constant) -> _Term:
        value = node.value
        is_number = value.__class__ in {int, float} and isinstance(value, (int, float)) and abs(value) <= 1e15
        if not is_number and value.__class__ is not str:
            refuse("only texts and numbers may stand as constants", node)
        return _Term(Shape.LITERAL, terms.constant(value), literal=value)

    def _literals(self, node: ast.Tuple | ast.List | ast.Set) -> _Term:
        parts = [self.term(part) for part in node.elts]
        values = [part.literal for part in parts]
        if {part.shape for part in parts} != {Shape.LITERAL} or len({value.__class__ is str for value in values}) > 1:
            refuse("a list may hold constants of one kind only", node, remedy="Write ('a', 'b') or (1, 2).")
        return _Term(Shape.LITERALS, terms.constant(frozenset(values)), literal=frozenset(values))

    def _unary(self, node: ast.UnaryOp) -> _Term:
        if isinstance(node.op, ast.Not):
            return _Term(Shape.TRUTH, terms.negate(self.claim(node.operand)))
        if isinstance(node.op, ast.USub):
            literal = self.term(node.operand).literal
            if isinstance(literal, (int, float)):
                return _Term(Shape.LITERAL, terms.constant(-literal), literal=-literal)
        return refuse("only `not` and negative numbers may be written so", node)

    def _logic(self, node: ast.BoolOp) -> _Term:
        claims = [self.claim(part) for part in node.values]
        return _Term(Shape.TRUTH, terms.both(claims) if isinstance(node.op, ast.And) else terms.either(claims))

    def _compare(self, node: ast.Compare) -> _Term:
        sides = [self.term(part) for part in (node.left, *node.comparators)]
        claims = []
        for operation, left, right in zip(node.ops, sides, sides[1:], strict=False):
            symbol = _COMPARISONS.get(type(operation))
            if symbol is None:
                refuse("`is` is not part of the language of rules", node, remedy="Use == or !=.")
            claims.append(_compare_two(left, symbol, right, node))
        return _Term(Shape.TRUTH, claims[0] if len(claims) == 1 else terms.both(claims))

    def _combine(self, node: ast.BinOp) -> _Term:
        left, right = self.term(node.left), self.term(node.right)
        symbol = _SET_OPERATIONS.get(type(node.op))
        sides = {left.shape, right.shape}
        if symbol is None or Shape.CODES not in sides or not sides <= {Shape.CODES, Shape.LITERALS}:
            refuse("only sets of choices can be combined, with -, & and |", node)
        _check_codes(left, right, node)
        _check_codes(right, left, node)
        run = terms.compare(terms.set_of(left.run), symbol, terms.set_of(right.run))
        return _Term(Shape.CODES, run, codes=left.codes if left.codes is not None else right.codes)

    def _member_field(self, node: ast.Subscript | ast.Call) -> _Term:
        owner, key = find_field(node)
        level = self._loops.get(owner)
        if level is None:
            refuse("only a member of a repeat has fields", node, remedy="Write any(m['age']<18 for m in roster).")
        named = level.names.get(key)
        if named is None:
            refuse(f"the repeat has no field {key!r}", node, remedy="Check the name of the field.")
        return _term_of(named, terms.member_field(owner, key))

    def _call(self, node: ast.Call) -> _Term:
        if node.keywords or len(node.args) != 1:
            refuse("a function takes exactly one thing", node)
        argument = node.args[0]
        if isinstance(node.func, ast.Attribute):
            return self._member_field(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            refuse("this function is not part of the language of rules", node)
        if name in {"any", "all"}:
            return self._loop(argument, is_all=name == "all")
        term = self.term(argument)
        if name == "set" and term.shape is Shape.CODES:
            return _Term(Shape.CODES, terms.set_of(term.run), codes=term.codes)
        if name == "len" and term.shape in {Shape.CODES, Shape.MEMBERS}:
            return _Term(Shape.NUMBER, terms.count_of(term.run))
        if name == "bool" and term.shape in {Shape.CODES, Shape.MEMBERS}:
            return _Term(Shape.TRUTH, terms.is_any_there(term.run))
        return refuse(f"`{name}` cannot take {term.shape.value}", node)

    def _loop(self, node: ast.expr, *, is_all: bool) -> _Term:
        if not isinstance(node, ast.GeneratorExp) or len(node.generators) != 1:
            refuse("`any` and `all` go over the members of one repeat", node)
        generator = node.generators[0]
        variable = generator.target
        if not isinstance(variable, ast.Name) or generator.ifs or generator.is_async:
            refuse("a loop has one variable and no `if`", node, remedy="Join the conditions with `and`.")
        repeat = self.term(generator.iter)
        if repeat.shape is not Shape.MEMBERS or repeat.level is None:
            refuse(f"{repeat.shape.value} has no members", generator.iter, remedy="Loop over a repeat of the form.")
        if variable.id in self._loops or variable.id in self._form.names:
            refuse(f"the name {variable.id!r} is taken already", variable, remedy="Choose another variable.")
        self._loops[variable.id] = repeat.level
        try:
            claim = self.claim(node.elt)
        finally:
            del self._loops[variable.id]
        return _Term(Shape.TRUTH, terms.loop(repeat.run, variable.id, claim, is_all=is_all))


_NODES: dict[type[ast.expr], Callable[[_Compiler, Any], _Term]] = {
    ast.Name: _Compiler._name,
    ast.Constant: _Compiler._constant,
    ast.Tuple: _Compiler._literals,
    ast.List: _Compiler._literals,
    ast.Set: _Compiler._literals,
    ast.UnaryOp: _Compiler._unary,
    ast.BoolOp: _Compiler._logic,
    ast.Compare: _Compiler._compare,
    ast.BinOp: _Compiler._combine,
    ast.Subscript: _Compiler._member_field,
    ast.Call: _Compiler._call,
}


def _term_of(named: Named, run: Closure) -> _Term:
    return _Term(named.shape, run, codes=named.codes, level=named.level)


def _check_codes(term: _Term, literals: _Term, node: ast.AST) -> None:
    """Every constant that is held against a choice must be a code of its list."""
    if term.codes is None or literals.literal is None:
        return
    values = literals.literal if isinstance(literals.literal, frozenset) else {literals.literal}
    wrong = sorted(str(value) for value in values if value not in term.codes)
    if wrong:
        refuse(f"{', '.join(map(repr, wrong))} is not in the list of choices", node, remedy="Use a code of its list.")


def _kind_of(term: _Term) -> str:
    """number, text or other: what a constant or an answer can be held against."""
    value = term.literal
    if isinstance(value, frozenset):
        value = next(iter(value))
    if value is not None:
        return "text" if isinstance(value, str) else "number"
    if term.shape is Shape.NUMBER:
        return "number"
    return "text" if term.shape in {Shape.CODE, Shape.TEXT, Shape.DATE} else "other"


def _compare_two(left: _Term, symbol: str, right: _Term, node: ast.AST) -> Closure:
    if symbol in {"in", "not in"}:
        return _compare_membership(left, symbol, right, node)
    simple = {Shape.NUMBER, Shape.CODE, Shape.TEXT, Shape.DATE, Shape.LITERAL}
    if left.literal is not None and right.literal is not None:
        refuse("it compares two constants", node, remedy="Name a question on one side.")
    if not {left.shape, right.shape} <= simple or _kind_of(left) != _kind_of(right):
        refuse(
            f"{left.shape.value} cannot be compared with {right.shape.value} by {symbol}",
            node,
            remedy="Compare numbers with numbers and choices with their codes.",
        )
    for term, other in ((left, right), (right, left)):
        if symbol not in _EQUALITY and term.shape in {Shape.CODE, Shape.TEXT}:
            refuse(f"{term.shape.value} has no order", node, remedy="Use == or `in`.")
        if term.shape is Shape.DATE and other.literal is not None and read_date(other.literal) != other.literal:
            refuse("a date is written as '2026-11-20'", node, remedy="Write year, month and day.")
        _check_codes(term, other, node)
    return terms.compare(left.run, symbol, right.run)


def _compare_membership(left: _Term, symbol: str, right: _Term, node: ast.AST) -> Closure:
    is_code_in_answer = left.shape is Shape.LITERAL and right.shape is Shape.CODES
    is_answer_in_list = (
        right.shape is Shape.LITERALS
        and left.shape in {Shape.CODE, Shape.NUMBER, Shape.TEXT}
        and _kind_of(left) == _kind_of(right)
    )
    if not is_code_in_answer and not is_answer_in_list:
        refuse(
            f"{left.shape.value} cannot be {symbol} {right.shape.value}",
            node,
            remedy="Write answer in ('a', 'b') or 'a' in answer.",
        )
    _check_codes(left, right, node)
    _check_codes(right, left, node)
    return terms.is_among(left.run, right.run, is_negated=symbol == "not in")


def compile_condition(expression: str, form: Version | FormShape) -> Test:
    """Make a test out of an expression. Raises PimError(BAD_EXPRESSION) that says what, where and what to do.

    `form` is the version whose names the rule uses, or its shape (`shape_form`) when many rules are compiled.
    """
    shape = shape_form(form) if isinstance(form, Version) else form
    body = parse_rule(expression)
    claim = _Compiler(shape).claim(body)
    nobody: dict[str, Mapping[str, Any]] = {}
    return _shorten(body) or (lambda answers: claim(answers, nobody) is True)


def _shorten(body: ast.expr) -> Test | None:
    """The quickest test for the most frequent rules, `name == 'code'` and `name in ('a', 'b')`, checked before.

    `dk` and `pns` are taken out of the accepted codes, so that they cannot raise anything here either.
    """
    if not isinstance(body, ast.Compare) or not isinstance(body.left, ast.Name) or len(body.ops) != 1:
        return None
    right = body.comparators[0]
    if not isinstance(body.ops[0], ast.Eq if isinstance(right, ast.Constant) else ast.In):
        return None
    parts = right.elts if isinstance(right, (ast.Tuple, ast.List, ast.Set)) else [right]
    codes = [part.value for part in parts if isinstance(part, ast.Constant)]
    if len(codes) != len(parts) or not all(isinstance(code, str) for code in codes):
        return None
    key, accepted = body.left.id, frozenset(codes) - terms.UNKNOWN_CODES
    return lambda answers: answers.get(key) in accepted
