"""JSON that came from outside, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

_DEEPEST = 500
"""Levels that every parser survives; readers set far narrower bounds on what they found."""
_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""A string as a whole, so that brackets inside do not count, or a bracket."""


def read_json(source: bytes | str, *, numbers_as_text: bool = False) -> Any:
    """Parse JSON (RFC 8259) in UTF-8, with or without a byte-order mark.

    With `numbers_as_text` a number stays the digits that were sent. Raises ValueError, UnicodeDecodeError among them,
    for what is no JSON, a key that stands twice in one object, NaN and Infinity, and nesting of more than 500 levels.
    The depth is told before the parser goes there: how much a parser bears differs between interpreters, and one
    beyond that ends the process.
    """
    text = source.decode("utf-8-sig") if isinstance(source, bytes) else source
    if text.count("[") + text.count("{") > _DEEPEST and _measure_depth(text) > _DEEPEST:
        raise ValueError("it is nested too deep")
    number: dict[str, Any] = {"parse_int": str, "parse_float": str} if numbers_as_text else {}
    return json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant, **number)


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with the same key twice could say yes and no to consent: refused (RFC 8259, section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("it holds NaN or Infinity")


def _measure_depth(text: str) -> int:
    depth = deepest = 0
    for mark in _MARK.finditer(text):
        sign = mark.group()
        if sign in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif sign in ("]", "}"):
            depth -= 1
    return deepest
