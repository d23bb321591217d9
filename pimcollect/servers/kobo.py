"""KoboToolbox REST services: JSON and XML bodies, full, as a subset, or wrapped by a template.

Facts of the format: `_id`, `_attachments` and other keys that begin with `_` are Kobo's own; every answer is text;
an edit has a new instance id, `meta/deprecatedID` and the same `meta/rootUuid`, which XML and subsets lack.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from lxml import etree

from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.base import Delivery, Opened

_DEEPEST = 32
_MOST_NODES = 200_000
_WRAPPERS = 3
_LONGEST_ID = 200
_ID_KEYS = ("meta/instanceID", "orx:meta/orx:instanceID", "_uuid")


def _unreadable(what: str) -> PimError:
    return PimError(ErrorCode.BAD_BODY, f"The body cannot be read: {what}.")


def _refuse_constant(_: str) -> NoReturn:
    raise _unreadable("it holds NaN or Infinity")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object with the same key twice could say yes and no to consent: refused (RFC 8259, section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _unreadable("a key stands twice")
    return found


def is_json(body: bytes) -> bool:
    """Told by the first byte that is not blank or a byte-order mark: content types are overridden at the sender."""
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<"


def parse_json(body: bytes) -> dict[str, Any]:
    """A strict JSON object: UTF-8, no doubled keys, no NaN, bounded depth. Raises PimError(BAD_BODY)."""
    try:
        found = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise _unreadable("it is not UTF-8") from error
    except RecursionError as error:
        raise _unreadable("it is nested too deep") from error
    except ValueError as error:
        raise _unreadable("it is not JSON") from error
    if not isinstance(found, dict):
        raise _unreadable("it is not a JSON object")
    if _depth(found) > _DEEPEST:
        raise _unreadable("it is nested too deep")
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
            if any(key in one for key in _ID_KEYS):
                return one
        level = [child for one in level for child in one.values() if isinstance(child, dict)]
    return found


def parse_xml(body: bytes) -> etree._Element:
    """An XML document without a doctype, bounded in nodes and depth. Raises PimError(BAD_BODY)."""
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _unreadable("it is not XML") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise _unreadable("it declares a document type")
    for nodes, node in enumerate(root.iter()):
        if nodes > _MOST_NODES:
            raise _unreadable("it has too many nodes")
        if node.tag is etree.Entity:
            raise _unreadable("it holds an entity")
    return root


def _local(node: etree._Element) -> str:
    return etree.QName(node).localname


def _children(node: etree._Element) -> Iterator[etree._Element]:
    return (child for child in node if isinstance(child.tag, str))


def _flatten(node: etree._Element, path: str, repeats: Collection[str], depth: int) -> dict[str, Any]:
    """Kobo's flat shape of a node's descendants: full paths, empty leaves absent, repeats as lists."""
    if depth > _DEEPEST:
        raise _unreadable("it is nested too deep")
    found: dict[str, Any] = {}
    seen: dict[str, int] = {}
    children = list(_children(node))
    for child in children:
        name = _local(child)
        seen[name] = seen.get(name, 0) + 1
    for child in children:
        name = _local(child)
        full = f"{path}/{name}" if path else name
        is_leaf = not any(True for _ in _children(child))
        if full in repeats or (seen[name] > 1 and not is_leaf):
            found.setdefault(full, []).append(_flatten(child, full, repeats, depth + 1))
        elif is_leaf:
            text = (child.text or "").strip()
            if text:
                # A field that stands twice outside a repeat is told as a list: no reader takes it for an answer.
                found[full] = [found[full], text] if full in found else text
        else:
            found.update(_flatten(child, full, repeats, depth + 1))
    return found


def _id(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    text = text.removeprefix("uuid:")
    return text if 0 < len(text) <= _LONGEST_ID else None


def _first_id(raw: dict[str, Any], *keys: str) -> str | None:
    return next((found for key in keys if (found := _id(raw.get(key)))), None)


_OWN_KEYS = ("_", "meta/", "orx:meta/", "formhub/")


def _count_answers(found: dict[str, Any]) -> int:
    """How many leaves are answered, Kobo's own keys aside."""
    count = 0
    waiting: list[Any] = [found]
    while waiting:
        one = waiting.pop()
        values = [v for key, v in one.items() if not key.startswith(_OWN_KEYS)] if isinstance(one, dict) else one
        for value in values:
            if isinstance(value, dict | list):
                waiting.append(value)
            elif value is not None and value != "":
                count += 1
    return count


def _find_own(raw: dict[str, Any], name: str) -> str | None:
    """A field that our own forms carry, in whatever group it stands."""
    value = next((value for key, value in raw.items() if key.rpartition("/")[2] == name), None)
    return value if isinstance(value, str) else None


def _raw(body: bytes, repeats: Collection[str]) -> tuple[dict[str, Any], etree._Element | None]:
    if is_json(body):
        return parse_json(body), None
    root = parse_xml(body)
    return _flatten(root, "", repeats, 1), root


def read_delivery(body: bytes) -> Delivery:
    """What the door must know. Never raises for bad content: that is judged behind the door, by a worker."""
    kind = "json" if is_json(body) else "xml"
    try:
        raw, _ = _raw(body, ())
    except PimError:
        return Delivery(kind, None, 0)
    return Delivery(kind, _first_id(raw, *_ID_KEYS), _count_answers(raw))


def read_opened(body: bytes, *, repeats: Collection[str]) -> Opened:
    """Read an opened body. `repeats` are the form's repeat paths. Raises PimError(BAD_BODY), without content in it."""
    raw, root = _raw(body, repeats)
    edition = _first_id(raw, *_ID_KEYS)
    deprecated = _first_id(raw, "meta/deprecatedID", "orx:meta/orx:deprecatedID")
    stated_root = _first_id(raw, "meta/rootUuid", "orx:meta/orx:rootUuid")
    is_encrypted = "base64EncryptedKey" in raw or "encryptedXmlFile" in raw
    if root is not None:
        is_encrypted = is_encrypted or root.get("encrypted") == "yes"
    return Opened(
        named_form=_find_own(raw, "pim_form_id"),
        named_version=_find_own(raw, "pim_catalogue_version"),
        root_id=stated_root or (edition if deprecated is None else None),
        edition_id=edition,
        deprecated_id=deprecated,
        is_encrypted=is_encrypted,
        raw=raw,
    )
