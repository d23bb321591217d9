"""The language of flag rules: read with an allow-list, checked against the form, made into closures. Never run as code.

A rule is a claim about one submission: names of questions, constants, comparison, `in`, and/or/not, `len`, `set`,
`bool`, `any` and `all` over the members of a repeat (`any(m['age']<18 for m in roster)`), and the difference, union and
intersection of sets.

Truth has three values. An answer that was not given, or that is `dk` or `pns`, is unknown; what depends on it is
unknown unless the rest decides; and unknown never raises a flag.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from pimcollect.domain import terms
from pimcollect.domain.leaves import read_date
from pimcollect.domain.shapes import FormShape, Named, Shape, shape_form
from pimcollect.domain.terms import Closure
from pimcollect.domain.version import Version
from pimcollect.errors import ErrorCode, PimError

MAX_LENGTH = 2000
MAX_NODES = 400
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
_FUNCTIONS = frozenset({"len", "set", "bool", "any", "all"})


@dataclass(frozen=True)
class _Term:
    """A checked piece of a rule: what it gives, how to get it, and what it may be compared with."""

    shape: Shape
    run: Closure
    codes: frozenset[str] | None = None
    literal: Any = None
    level: FormShape | None = None


def _refuse(what: str, node: ast.AST | None = None, *, remedy: str = "") -> NoReturn:
    column = getattr(node, "col_offset", None)
    where = "" if column is None else f" at character {column + 1}"
    raise PimError(ErrorCode.BAD_EXPRESSION, f"The rule cannot be used{where}: {what}.", remedy=remedy)


def _parse(expression: str) -> ast.expr:
    if len(expression) > MAX_LENGTH:
        _refuse(f"it is longer than {MAX_LENGTH} characters", remedy="Split it into several rules.")
    if not expression.strip():
        _refuse("it is empty", remedy="Name a question and what its answer must be.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        _refuse(f"it is not well formed near character {error.offset or 1}", remedy="Check brackets and quotes.")
    except (ValueError, MemoryError, RecursionError):
        _refuse("it holds characters or a nesting that no rule needs", remedy="Write it anew, shorter.")
    if sum(1 for _ in ast.walk(body)) > MAX_NODES:
        _refuse(f"it has more than {MAX_NODES} parts", remedy="Split it into several rules.")
    return body


class _Compiler:
    """Walks one rule. Loop variables stand above the names of the form."""

    def __init__(self, form: FormShape) -> None:
        self._form = form
        self._loops: dict[str, FormShape] = {}
        self._depth = 0

    def claim(self, node: ast.expr) -> Closure:
        term = self.term(node)
        if term.shape is not Shape.TRUTH:
            _refuse(f"{term.shape.value} stands where a claim must stand", node, remedy="Compare it with something.")
        return term.run

    def term(self, node: ast.expr) -> _Term:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _refuse("it is nested too deep", node, remedy="Split it into several rules.")
        try:
            reader = _NODES.get(type(node))
            if reader is None:
                _refuse(f"{type(node).__name__} is not part of the language of rules", node, remedy=_HELP)
            return reader(self, node)
        finally:
            self._depth -= 1

    def _name(self, node: ast.Name) -> _Term:
        if node.id in self._loops:
            return _Term(Shape.MEMBER, terms.constant(None), level=self._loops[node.id])
        named = self._form.names.get(node.id)
        if named is None:
            _refuse(
                f"{node.id!r} is not a question that rules of this form may use",
                node,
                remedy="Check the name, and that the question is part of the form.",
            )
        return _term_of(named, terms.top_answer(node.id))

    def _constant(self, node: ast.Constant) -> _Term:
        value = node.value
        is_number = value.__class__ in {int, float} and isinstance(value, (int, float)) and abs(value) <= 1e15
        if not is_number and value.__class__ is not str:
            _refuse("only texts and numbers may stand as constants", node, remedy=_HELP)
        return _Term(Shape.LITERAL, terms.constant(value), literal=value)

    def _literals(self, node: ast.Tuple | ast.List | ast.Set) -> _Term:
        parts = [self.term(part) for part in node.elts]
        values = [part.literal for part in parts]
        if {part.shape for part in parts} != {Shape.LITERAL} or len({value.__class__ is str for value in values}) > 1:
            _refuse("a list may hold constants of one kind only", node, remedy="Write ('a', 'b') or (1, 2).")
        return _Term(Shape.LITERALS, terms.constant(frozenset(values)), literal=frozenset(values))

    def _unary(self, node: ast.UnaryOp) -> _Term:
        if isinstance(node.op, ast.Not):
            return _Term(Shape.TRUTH, terms.negate(self.claim(node.operand)))
        if isinstance(node.op, ast.USub):
            literal = self.term(node.operand).literal
            if isinstance(literal, (int, float)):
                return _Term(Shape.LITERAL, terms.constant(-literal), literal=-literal)
        return _refuse("only `not` and negative numbers may be written so", node, remedy=_HELP)

    def _logic(self, node: ast.BoolOp) -> _Term:
        claims = [self.claim(part) for part in node.values]
        return _Term(Shape.TRUTH, terms.both(claims) if isinstance(node.op, ast.And) else terms.either(claims))

    def _compare(self, node: ast.Compare) -> _Term:
        sides = [self.term(part) for part in (node.left, *node.comparators)]
        claims = []
        for operation, left, right in zip(node.ops, sides, sides[1:], strict=False):
            symbol = _COMPARISONS.get(type(operation))
            if symbol is None:
                _refuse("`is` is not part of the language of rules", node, remedy="Use == or !=.")
            claims.append(_compare_two(left, symbol, right, node))
        return _Term(Shape.TRUTH, claims[0] if len(claims) == 1 else terms.both(claims))

    def _combine(self, node: ast.BinOp) -> _Term:
        left, right = self.term(node.left), self.term(node.right)
        symbol = _SET_OPERATIONS.get(type(node.op))
        sides = {left.shape, right.shape}
        if symbol is None or Shape.CODES not in sides or not sides <= {Shape.CODES, Shape.LITERALS}:
            _refuse("only sets of choices can be combined, with -, & and |", node, remedy=_HELP)
        _check_codes(left, right, node)
        _check_codes(right, left, node)
        run = terms.compare(terms.set_of(left.run), symbol, terms.set_of(right.run))
        return _Term(Shape.CODES, run, codes=left.codes if left.codes is not None else right.codes)

    def _subscript(self, node: ast.Subscript) -> _Term:
        return self._member_field(node.value, node.slice, node)

    def _member_field(self, owner: ast.expr, key: ast.expr, node: ast.expr) -> _Term:
        member = self.term(owner)
        if not (isinstance(owner, ast.Name) and member.shape is Shape.MEMBER and member.level is not None):
            _refuse("only a member of a repeat has fields", node, remedy="Write any(m['age']<18 for m in roster).")
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            _refuse("a field is named by a text", node, remedy="Write m['age'].")
        named = member.level.names.get(key.value)
        if named is None:
            _refuse(f"the repeat has no field {key.value!r}", node, remedy="Check the name of the field.")
        return _term_of(named, terms.member_field(owner.id, key.value))

    def _call(self, node: ast.Call) -> _Term:
        if node.keywords or len(node.args) != 1:
            _refuse("a function takes exactly one thing", node, remedy=_HELP)
        argument = node.args[0]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            return self._member_field(node.func.value, argument, node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS:
            _refuse("this function is not part of the language of rules", node, remedy=_HELP)
        if name in {"any", "all"}:
            return self._loop(argument, is_all=name == "all")
        term = self.term(argument)
        if name == "set" and term.shape is Shape.CODES:
            return _Term(Shape.CODES, terms.set_of(term.run), codes=term.codes)
        if name == "len" and term.shape in {Shape.CODES, Shape.MEMBERS}:
            return _Term(Shape.NUMBER, terms.count_of(term.run))
        if name == "bool" and term.shape in {Shape.CODES, Shape.MEMBERS}:
            return _Term(Shape.TRUTH, terms.is_any_there(term.run))
        return _refuse(f"`{name}` cannot take {term.shape.value}", node, remedy=_HELP)

    def _loop(self, node: ast.expr, *, is_all: bool) -> _Term:
        if not isinstance(node, ast.GeneratorExp) or len(node.generators) != 1:
            _refuse("`any` and `all` go over the members of one repeat", node, remedy=_HELP)
        generator = node.generators[0]
        variable = generator.target
        if not isinstance(variable, ast.Name) or generator.ifs or generator.is_async:
            _refuse("a loop has one variable and no `if`", node, remedy="Join the conditions with `and`.")
        repeat = self.term(generator.iter)
        if repeat.shape is not Shape.MEMBERS or repeat.level is None:
            _refuse(f"{repeat.shape.value} has no members", generator.iter, remedy="Loop over a repeat of the form.")
        if variable.id in self._loops or variable.id in self._form.names:
            _refuse(f"the name {variable.id!r} is taken already", variable, remedy="Choose another variable.")
        self._loops[variable.id] = repeat.level
        try:
            claim = self.claim(node.elt)
        finally:
            del self._loops[variable.id]
        return _Term(Shape.TRUTH, terms.loop(repeat.run, variable.id, claim, is_all=is_all))


_HELP = "Rules know names, constants, == != < <= > >=, in, and, or, not, len, set, bool, any, all and - & | of sets."
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
    ast.Subscript: _Compiler._subscript,
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
        _refuse(f"{', '.join(map(repr, wrong))} is not in the list of choices", node, remedy="Use a code of its list.")


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
        _refuse("it compares two constants", node, remedy="Name a question on one side.")
    if not {left.shape, right.shape} <= simple or _kind_of(left) != _kind_of(right):
        _refuse(
            f"{left.shape.value} cannot be compared with {right.shape.value} by {symbol}",
            node,
            remedy="Compare numbers with numbers and choices with their codes.",
        )
    for term, other in ((left, right), (right, left)):
        if symbol not in _EQUALITY and term.shape in {Shape.CODE, Shape.TEXT}:
            _refuse(f"{term.shape.value} has no order", node, remedy="Use == or `in`.")
        if term.shape is Shape.DATE and other.literal is not None and read_date(other.literal) != other.literal:
            _refuse("a date is written as '2026-11-20'", node, remedy="Write year, month and day.")
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
        _refuse(
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
    claim = _Compiler(shape).claim(_parse(expression))
    nobody: dict[str, Mapping[str, Any]] = {}
    return lambda answers: claim(answers, nobody) is True


def names_used(expression: str) -> frozenset[str]:
    """The names a rule needs, without any form: `inc_urgent`, `roster`, and fields of members as `roster/age`.

    Raises PimError(BAD_EXPRESSION) if the expression cannot be read at all.
    """
    body = _parse(expression)
    loops: dict[str, str] = {}
    for node in ast.walk(body):
        if isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name):
            loops[node.target.id] = node.iter.id if isinstance(node.iter, ast.Name) else ""
    names = set()
    for node in ast.walk(body):
        if isinstance(node, ast.Name) and node.id not in loops and node.id not in _FUNCTIONS:
            names.add(node.id)
        owner, key = _field_of(node)
        if owner in loops and key:
            names.add(f"{loops[owner]}/{key}")
    return frozenset(names)


def _field_of(node: ast.AST) -> tuple[str, str]:
    """(`m`, `age`) of `m['age']` and of `m.get('age')`; empty texts for anything else."""
    owner: ast.expr | None = None
    key: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        owner, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        owner, key = node.func.value, node.args[0]
    if isinstance(owner, ast.Name) and isinstance(key, ast.Constant) and isinstance(key.value, str):
        return owner.id, key.value
    return "", ""
