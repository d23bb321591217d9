"""JSON that came from outside, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, NoReturn

_DEEPEST = 500
"""Levels that every parser survives; readers set far narrower bounds on what they found."""
_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""A string as a whole, so that brackets inside do not count, or a bracket."""


class BodyFault(StrEnum):
    """Why a body cannot be read: of what kind it is, and nothing of what stands in it."""

    EMPTY = "empty"
    """Nothing, or neither an id nor an answer."""
    NEITHER = "neither"
    """No JSON and no XML, not even the beginning of one."""
    NO_OBJECT = "no_object"
    """JSON, but a bare value."""
    BROKEN = "broken"
    """Cut off, or damaged."""
    SEVERAL = "several"
    """A list, or one document behind another: more than one submission."""
    ENCODING = "encoding"
    """Bytes that are no text in the encoding that it says, or an encoding that nobody knows."""
    SIGNS = "signs"
    """Signs that no text has, such as NUL."""
    TWICE = "twice"
    """A name that stands twice in one object: two readers could read two answers."""
    NUMBER = "number"
    """No number that everybody reads alike: NaN, Infinity, or thousands of digits."""
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    """More parts than any form has questions."""
    DOCTYPE = "doctype"
    """It declares a document type, which can reach out for files and other machines."""
    ENVELOPE = "envelope"
    """An encrypted envelope with a part missing, double or false, or with another envelope inside."""


class DoubtfulError(ValueError):
    """JSON that two readers could understand differently."""

    def __init__(self, fault: BodyFault, what: str) -> None:
        super().__init__(what)
        self.fault = fault


def name_fault(error: ValueError) -> BodyFault:
    """What kind of fault it was that `read_json` met."""
    if isinstance(error, DoubtfulError):
        return error.fault
    if isinstance(error, UnicodeDecodeError):
        return BodyFault.ENCODING
    if not isinstance(error, json.JSONDecodeError):
        return BodyFault.NUMBER  # more digits than Python reads
    if error.msg == "Extra data":
        return BodyFault.SEVERAL
    return BodyFault.SIGNS if error.msg.startswith("Invalid control character") else BodyFault.BROKEN


def read_json(source: bytes | str, *, numbers_as_text: bool = False, fraction: type[str] = str) -> Any:
    """Parse JSON (RFC 8259) in UTF-8, with or without a byte-order mark.

    With `numbers_as_text` a number stays the digits that were sent, one that is not whole as a `fraction`. Raises
    ValueError, UnicodeDecodeError among them, for what is no JSON, a key that stands twice in one object, NaN and
    Infinity, and nesting of more than 500 levels. The depth is told before the parser goes there: how much a parser
    bears differs between interpreters, and one beyond that ends the process.
    """
    text = source.decode("utf-8-sig") if isinstance(source, bytes) else source
    if text.count("[") + text.count("{") > _DEEPEST and _measure_depth(text) > _DEEPEST:
        raise DoubtfulError(BodyFault.TOO_DEEP, "it is nested too deep")
    number: dict[str, Any] = {"parse_int": str, "parse_float": fraction} if numbers_as_text else {}
    return json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant, **number)


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with the same key twice could say yes and no to consent: refused (RFC 8259, section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DoubtfulError(BodyFault.TWICE, "a key stands twice")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise DoubtfulError(BodyFault.NUMBER, "it holds NaN or Infinity")


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
