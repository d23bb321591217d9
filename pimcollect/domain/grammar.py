"""How a flag rule is written: the tree that an allow-list will walk, within bounds, and the names in it."""

from __future__ import annotations

import ast
import warnings
from typing import NoReturn

from pimcollect.errors import ErrorCode, PimError

MAX_LENGTH = 2000
MAX_NODES = 400
FUNCTIONS = frozenset({"len", "set", "bool", "any", "all"})
HELP = "Rules know names, constants, == != < <= > >=, in, and, or, not, len, set, bool, any, all and - & | of sets."


def refuse(what: str, node: ast.AST | None = None, *, remedy: str = HELP) -> NoReturn:
    """Raise PimError(BAD_EXPRESSION): what is wrong, where, and what to do."""
    column = getattr(node, "col_offset", None)
    where = "" if column is None else f" at character {column + 1}"
    raise PimError(ErrorCode.BAD_EXPRESSION, f"The rule cannot be used{where}: {what}.", remedy=remedy)


def parse_rule(expression: str) -> ast.expr:
    """The tree of one expression. Nothing in it is checked but its size."""
    if len(expression) > MAX_LENGTH:
        refuse(f"it is longer than {MAX_LENGTH} characters", remedy="Split it into several rules.")
    if not expression.strip():
        refuse("it is empty", remedy="Name a question and what its answer must be.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        refuse(f"it is not well formed near character {error.offset or 1}", remedy="Check brackets and quotes.")
    except (ValueError, MemoryError, RecursionError):
        refuse("it holds characters or a nesting that no rule needs", remedy="Write it anew, shorter.")
    if sum(1 for _ in ast.walk(body)) > MAX_NODES:
        refuse(f"it has more than {MAX_NODES} parts", remedy="Split it into several rules.")
    return body


def names_used(expression: str) -> frozenset[str]:
    """The names a rule needs, without any form: `inc_urgent`, `roster`, and fields of members as `roster/age`.

    Raises PimError(BAD_EXPRESSION) if the expression cannot be read at all.
    """
    body = parse_rule(expression)
    loops: dict[str, str] = {}
    for node in ast.walk(body):
        if isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name):
            loops[node.target.id] = node.iter.id if isinstance(node.iter, ast.Name) else ""
    names = set()
    for node in ast.walk(body):
        if isinstance(node, ast.Name) and node.id not in loops and node.id not in FUNCTIONS:
            names.add(node.id)
        owner, key = find_field(node)
        if owner in loops and key:
            names.add(f"{loops[owner]}/{key}")
    return frozenset(names)


def find_field(node: ast.AST) -> tuple[str, str]:
    """(`m`, `age`) of `m['age']` and of `m.get('age')`; empty texts for anything else."""
    owner: ast.expr | None = None
    key: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        owner, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        owner, key = node.func.value, node.args[0] if len(node.args) == 1 else None
    if isinstance(owner, ast.Name) and isinstance(key, ast.Constant) and isinstance(key.value, str):
        return owner.id, key.value
    return "", ""
