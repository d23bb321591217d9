"""The XML of a submission, whoever sends it, read into the flat shape that all readers share.

Names are local: engines and servers differ in the namespaces and prefixes that they write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from lxml import etree

from pimcollect.errors import ErrorCode, PimError

DEEPEST = 32
MOST_NODES = 200_000
"""Counted by their opening brackets."""
# without a document type there is no entity but XML's own five: any other is a syntax error
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def unreadable(what: str) -> PimError:
    """The one error of a body that cannot be read; it repeats nothing of it."""
    return PimError(ErrorCode.BAD_BODY, f"The body cannot be read: {what}.")


def parse_xml(body: bytes) -> etree._Element:
    """An XML document without a doctype, bounded in nodes and depth. Raises PimError(BAD_BODY)."""
    # told by the bytes, before a tree is built that takes forty times their room
    if body.count(b"<") > MOST_NODES or body.count(b'="') + body.count(b"='") > MOST_NODES:
        raise unreadable("it has too many nodes")
    if b"<!DOCTYPE" in body:
        raise unreadable("it declares a document type")
    try:
        root = etree.fromstring(body, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise unreadable("it is not XML") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise unreadable("it declares a document type")
    return root


def local_name(node: etree._Element) -> str:
    """The name of an element without its namespace."""
    return etree.QName(node).localname


def list_children(node: etree._Element) -> Iterator[etree._Element]:
    """The elements below a node, comments and instructions left out."""
    return (child for child in node if isinstance(child.tag, str))


def flatten(node: etree._Element, repeats: Collection[str]) -> dict[str, Any]:
    """Kobo's flat shape of a root's descendants: full paths below the root, empty leaves absent, repeats as lists.

    Raises PimError(BAD_BODY) for what is nested too deep.
    """
    return _flatten(node, "", repeats, 1)


def _flatten(node: etree._Element, path: str, repeats: Collection[str], depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise unreadable("it is nested too deep")
    found: dict[str, Any] = {}
    seen: dict[str, int] = {}
    children = list(list_children(node))
    for child in children:
        name = local_name(child)
        seen[name] = seen.get(name, 0) + 1
    for child in children:
        name = local_name(child)
        full = f"{path}/{name}" if path else name
        is_leaf = not any(True for _ in list_children(child))
        if full in repeats or (seen[name] > 1 and not is_leaf):
            rows = found.setdefault(full, [])
            if not isinstance(rows, list):  # a leaf of the same name stood before it
                rows = found[full] = [rows]
            rows.append(_flatten(child, full, repeats, depth + 1))
        elif is_leaf:
            text = (child.text or "").strip()
            if text:
                # A field that stands twice outside a repeat is told as a list: no reader takes it for an answer.
                found[full] = [found[full], text] if full in found else text
        else:
            found.update(_flatten(child, full, repeats, depth + 1))
    return found
