"""The XML of a submission, whoever sends it, read into the flat shape that all readers share.

Names are local: engines and servers differ in the namespaces and prefixes that they write.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lxml import etree

from pimcollect.domain.documents import BodyFault
from pimcollect.errors import ErrorCode, PimError

DEEPEST = 32
MOST_NODES = 200_000
"""Counted by their opening brackets."""
# without a document type there is no entity but XML's own five: any other is a syntax error
_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
)
_FAULTS = {
    etree.ErrorTypes.ERR_DOCUMENT_EMPTY: BodyFault.EMPTY,
    etree.ErrorTypes.ERR_DOCUMENT_END: BodyFault.SEVERAL,
    etree.ErrorTypes.ERR_INVALID_CHAR: BodyFault.SIGNS,
    etree.ErrorTypes.ERR_UNKNOWN_ENCODING: BodyFault.ENCODING,
    etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING: BodyFault.ENCODING,
    etree.ErrorTypes.ERR_INVALID_ENCODING: BodyFault.ENCODING,
    etree.ErrorTypes.ERR_ATTRIBUTE_REDEFINED: BodyFault.TWICE,
}
"""The parser's own codes; anything else is XML that was cut off or damaged."""


class UnreadableError(PimError):
    """A body that cannot be read, and in which way; it repeats nothing of it."""

    def __init__(self, fault: BodyFault, message: str) -> None:
        super().__init__(ErrorCode.BAD_BODY, message)
        self.fault = fault


def unreadable(fault: BodyFault, what: str) -> UnreadableError:
    """The one error of a body that cannot be read."""
    return UnreadableError(fault, f"The body cannot be read: {what}.")


def find_fault(error: PimError) -> BodyFault | None:
    """In which way a body was unreadable, where that is what the error says."""
    return error.fault if isinstance(error, UnreadableError) else None


def parse_xml(body: bytes) -> etree._Element:
    """An XML document without a doctype, comments and instructions, bounded in nodes. Raises PimError(BAD_BODY)."""
    # told by the bytes, before a tree is built that takes forty times their room
    if body.count(b"<") > MOST_NODES or body.count(b'="') + body.count(b"='") > MOST_NODES:
        raise unreadable(BodyFault.TOO_MANY, "it has too many nodes")
    if b"<!DOCTYPE" in body:
        raise unreadable(BodyFault.DOCTYPE, "it declares a document type")
    try:
        root = etree.fromstring(body, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise unreadable(_name_fault(error), "it is not XML") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise unreadable(BodyFault.DOCTYPE, "it declares a document type")
    return root


def _name_fault(error: Exception) -> BodyFault:
    code = getattr(error, "code", None)
    if code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        return BodyFault.TOO_DEEP if "depth" in str(error) else BodyFault.TOO_MANY
    return _FAULTS.get(code, BodyFault.BROKEN)


def local_name(node: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(node.tag).rpartition("}")[2]


def flatten(node: etree._Element, repeats: Collection[str]) -> dict[str, Any]:
    """Kobo's flat shape of a root's descendants: full paths below the root, empty leaves absent, repeats as lists.

    Raises PimError(BAD_BODY) for what is nested too deep.
    """
    return _flatten(node, "", repeats, 1)


def _flatten(node: etree._Element, path: str, repeats: Collection[str], depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise unreadable(BodyFault.TOO_DEEP, "it is nested too deep")
    found: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for child in node:
        name = local_name(child)
        seen[name] = seen.get(name, 0) + 1
    for child in node:
        name = local_name(child)
        full = f"{path}/{name}" if path else name
        is_leaf = not len(child)
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
