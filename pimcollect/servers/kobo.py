"""KoboToolbox REST services: JSON and XML bodies, full, as a subset, or wrapped by a template.

Facts of the format: `_id`, `_attachments` and other keys that begin with `_` are Kobo's own; every answer is text;
an edit has a new instance id, `meta/deprecatedID` and the same `meta/rootUuid`, which XML and subsets lack.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NoReturn

from lxml import etree

from pimcollect.errors import PimError
from pimcollect.servers.base import Delivery, Opened
from pimcollect.servers.flat import ID_KEYS, count_answers, first_id, is_envelope, open_flat
from pimcollect.servers.instance import DEEPEST, flatten, parse_xml, unreadable

_WRAPPERS = 3


def _refuse_constant(_: str) -> NoReturn:
    raise unreadable("it holds NaN or Infinity")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object with the same key twice could say yes and no to consent: refused (RFC 8259, section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise unreadable("a key stands twice")
    return found


def is_json(body: bytes) -> bool:
    """Told by the first byte that is not blank or a byte-order mark: content types are overridden at the sender."""
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<"


def parse_json(body: bytes) -> dict[str, Any]:
    """A strict JSON object: UTF-8, no doubled keys, no NaN, bounded depth. Raises PimError(BAD_BODY)."""
    try:
        found = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise unreadable("it is not UTF-8") from error
    except RecursionError as error:
        raise unreadable("it is nested too deep") from error
    except ValueError as error:
        raise unreadable("it is not JSON") from error
    if not isinstance(found, dict):
        raise unreadable("it is not a JSON object")
    if _depth(found) > DEEPEST:
        raise unreadable("it is nested too deep")
    return _unwrap(found)


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


def _raw(body: bytes, repeats: Collection[str]) -> tuple[dict[str, Any], etree._Element | None]:
    if is_json(body):
        return parse_json(body), None
    root = parse_xml(body)
    return flatten(root, repeats), root


def read_delivery(body: bytes) -> Delivery:
    """What the door must know. Never raises for bad content: that is judged behind the door, by a worker."""
    kind = "json" if is_json(body) else "xml"
    try:
        raw, _ = _raw(body, ())
    except PimError:
        return Delivery(kind, None, 0)
    return Delivery(kind, first_id(raw, *ID_KEYS), count_answers(raw))


def read_opened(body: bytes, *, repeats: Collection[str]) -> Opened:
    """Read an opened body. `repeats` are the form's repeat paths. Raises PimError(BAD_BODY), without content in it."""
    raw, root = _raw(body, repeats)
    is_encrypted = is_envelope(raw) or (root is not None and root.get("encrypted") == "yes")
    return open_flat(raw, is_encrypted=is_encrypted)
