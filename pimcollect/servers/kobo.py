"""KoboToolbox REST services: JSON and XML bodies, full, as a subset, or wrapped by a template.

Facts of the format: `_id`, `_attachments` and other keys that begin with `_` are Kobo's own; every answer is text;
an edit has a new instance id, `meta/deprecatedID` and the same `meta/rootUuid`, which XML and subsets lack.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from pimcollect.domain.documents import BodyFault, name_fault, read_json
from pimcollect.errors import PimError
from pimcollect.servers.base import Delivery, Opened
from pimcollect.servers.flat import ID_KEYS, count_answers, first_id, is_envelope, list_answers, open_flat
from pimcollect.servers.instance import DEEPEST, flatten, parse_xml, unreadable

_WRAPPERS = 3
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""Escapes of NUL and of halves of signs; whole signs outside the first plane are written with two of them."""
_TEXT = (b"{", b"[", b"\xff\xfe", b"\xfe\xff", b"\0")
"""How JSON begins, in UTF-16 and UTF-32 too; a packed file begins otherwise."""


def is_json(body: bytes) -> bool:
    """Told by the first byte that is not blank or a byte-order mark: content types are overridden at the sender."""
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<"


def parse_object(body: bytes, *, numbers_as_text: bool = False, fraction: type[str] = str) -> dict[str, Any]:
    """A strict JSON object: UTF-8, no doubled keys, no NaN, bounded depth. Raises PimError(BAD_BODY).

    With `numbers_as_text` a number stays the digits that were sent, as Kobo sends every answer; `fraction` is what
    those of one that is not whole become.
    """
    try:
        found = read_json(body, numbers_as_text=numbers_as_text, fraction=fraction)
    except ValueError as error:
        what = "it is not JSON in UTF-8 that can be read in one way only"
        raise unreadable(_name_fault(body, error), what) from error
    if not isinstance(found, dict):
        many = BodyFault.SEVERAL if found else BodyFault.EMPTY
        raise unreadable(many if isinstance(found, list) else BodyFault.NO_OBJECT, "it is not a JSON object")
    if _depth(found) > DEEPEST:
        raise unreadable(BodyFault.TOO_DEEP, "it is nested too deep")
    if _SUSPECT.search(body) and not _is_text(found):
        raise unreadable(BodyFault.SIGNS, "it holds signs that no text has")
    return found


def _name_fault(body: bytes, error: ValueError) -> BodyFault:
    fault, begun = name_fault(error), body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if fault in (BodyFault.BROKEN, BodyFault.ENCODING) and not begun.startswith(_TEXT):
        return BodyFault.NEITHER if begun else BodyFault.EMPTY
    return fault


def _is_text(found: Any) -> bool:
    """False when a key or value holds half of a sign (a lone surrogate) or NUL: no database keeps them."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and ("\0" in one or any("\ud800" <= sign <= "\udfff" for sign in one)):
            return False
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
    return True


def _depth(value: Any) -> int:
    level, deepest = [value], 0
    while level:
        deepest += 1
        inner: list[Any] = []
        for one in level:
            for child in one.values() if isinstance(one, dict) else one:
                # exact types: a parser makes no others, and this runs for every field at the door
                if type(child) is dict or type(child) is list:
                    inner.append(child)
        level = inner
    return deepest


def _unwrap(found: dict[str, Any]) -> dict[str, Any]:
    """Kobo's payload template may wrap the submission, such as {"src": "kobo", "data": {...}}."""
    level = [found]
    for _ in range(_WRAPPERS):
        for one in level:
            if any(key in one for key in ID_KEYS):
                return one
        level = [child for one in level for child in one.values() if isinstance(child, dict)]
    return found


def parse_json(body: bytes, *, numbers_as_text: bool = False) -> dict[str, Any]:
    """The submission of a JSON body, unwrapped. Raises PimError(BAD_BODY)."""
    return _unwrap(parse_object(body, numbers_as_text=numbers_as_text))


def read_flat(body: bytes, *, repeats: Collection[str], numbers_as_text: bool = False) -> tuple[dict[str, Any], bool]:
    """The body in Kobo's flat shape, and whether it is an encrypted envelope. Raises PimError(BAD_BODY)."""
    if is_json(body):
        raw, is_marked = parse_json(body, numbers_as_text=numbers_as_text), False
    else:
        root = parse_xml(body)
        raw, is_marked = flatten(root, repeats), root.get("encrypted") == "yes"
    return raw, is_marked or is_envelope(raw)


def read_delivery(body: bytes) -> Delivery:
    """What the door must know. Never raises for bad content: that is judged behind the door, by a worker."""
    kind = "json" if is_json(body) else "xml"
    try:
        raw, is_encrypted = read_flat(body, repeats=())
    except PimError:
        return Delivery(kind, None, 0)
    answers = list_answers(raw)
    return Delivery(
        kind, first_id(raw, *ID_KEYS), count_answers(answers.values()), is_encrypted=is_encrypted, answers=answers
    )


def read_opened(body: bytes, *, repeats: Collection[str]) -> Opened:
    """Read an opened body. `repeats` are the form's repeat paths. Raises PimError(BAD_BODY), without content in it."""
    raw, is_encrypted = read_flat(body, repeats=repeats)
    return open_flat(raw, is_encrypted=is_encrypted)
