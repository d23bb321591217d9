"""Plain OpenRosa XML, as phones send it and as ODK Central hands it out.

Read by local names: the engines differ in prefixes (`meta`, `orx:meta`), in the namespaces of the root and in its name.
The root says which form and version asked: `id` and `version`; a form without an id is named by its namespace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from lxml import etree

from pimcollect.domain.documents import BodyFault
from pimcollect.domain.entities import MOST_TOLD, ToldEntity
from pimcollect.errors import PimError
from pimcollect.servers.base import Delivery, Opened
from pimcollect.servers.flat import is_envelope, open_flat, read_id
from pimcollect.servers.instance import DEEPEST, flatten, local_name, parse_xml, unreadable

_Ask = Callable[[etree._Element], Any]
_LONGEST_NAME = 250
_TOO_DEEP: _Ask = etree.XPath("boolean(" + "/*" * (DEEPEST + 2) + ")")
_META, _NO_ANSWERS = "meta", ("meta", "formhub")
_IN_ENVELOPES = ("base64EncryptedKey", "encryptedXmlFile")
_ENTITIES: _Ask = etree.XPath("/*//*[local-name()='meta']/*[local-name()='entity'][@dataset]")
_NUMBER = re.compile(r"([0-9]{1,9})(?:\.0+)?\Z")
_YES = ("1", "true")
_XFORMS = "{http://www.w3.org/2002/xforms}"


@dataclass(frozen=True)
class _Survey:
    """What the door must know of a submission's fields."""

    meta: Mapping[str, list[etree._Element]]
    """Name -> the metadata's leaves of that name."""
    answers: int
    """How many leaves have a text, metadata aside."""
    is_envelope: bool

    def read_id(self, name: str) -> str | None:
        """The id in the one leaf of this name: two of them are none."""
        found = self.meta.get(name, ())
        return read_id(found[0].text) if len(found) == 1 else None


def _survey(root: etree._Element) -> _Survey:
    """In one pass over the fields: at the door each submission is looked at once, while its phone waits."""
    meta: dict[str, list[etree._Element]] = {}
    others, is_envelope = 0, False
    for node in root:
        name = local_name(node)
        is_envelope = is_envelope or name in _IN_ENVELOPES
        if name in _NO_ANSWERS or name.startswith("_"):
            others += _count_texts(node.iter())
        if name == _META:
            for leaf in node:
                if not len(leaf):
                    meta.setdefault(local_name(leaf), []).append(leaf)
    return _Survey(meta, _count_texts(root.iterdescendants()) - others, is_envelope)


def _count_texts(nodes: Iterable[etree._Element]) -> int:
    return sum(1 for node in nodes if (text := node.text) and not len(node) and not text.isspace())


def read_submission(body: bytes, *, names: Collection[str] = ()) -> Delivery:
    """What the phone door must know; `names` are those of the files that came with it.

    Raises PimError(BAD_BODY) for what is no XML, dangerous or too deep.
    """
    root = parse_xml(body)
    if _TOO_DEEP(root):
        raise unreadable(BodyFault.TOO_DEEP, "it is nested too deep")
    seen = _survey(root)
    is_encrypted = _is_encrypted(root) or seen.is_envelope
    return Delivery(
        kind="xml",
        edition_id=seen.read_id("instanceID"),
        fullness=seen.answers,
        form=_attribute(root, "id") or etree.QName(root).namespace or None,
        version=_attribute(root, "version"),
        deprecated_id=seen.read_id("deprecatedID"),
        is_encrypted=is_encrypted,
        files=_list_files(root) if is_encrypted else (),
        mentioned=dict(_find_mentioned(flatten(root, ()), names)) if names else {},
    )


def read_stated(xform: str) -> tuple[str, str]:
    """The id and the version that an XForm states and its submissions will repeat; empty where it states none."""
    parent = None
    for event, node in etree.iterparse(BytesIO(xform.encode()), events=("start", "end"), huge_tree=True):
        if event == "start" and parent == f"{_XFORMS}instance":
            return _attribute(node, "id") or etree.QName(node).namespace or "", _attribute(node, "version") or ""
        parent = node.tag if event == "start" else None
    return "", ""


def read_delivery(body: bytes) -> Delivery:
    """The same for doors that keep bad content: never raises."""
    try:
        return read_submission(body)
    except PimError:
        return Delivery("xml", None, 0)


def read_opened(body: bytes, *, repeats: Collection[str]) -> Opened:
    """Read an opened body. `repeats` are the form's repeat paths. Raises PimError(BAD_BODY), without content in it."""
    root = parse_xml(body)
    raw = flatten(root, repeats)
    opened = open_flat(
        raw,
        is_encrypted=_is_encrypted(root) or is_envelope(raw),
        stated_version=_attribute(root, "version"),
        stated_form=_attribute(root, "id"),
    )
    # the same ids as the door has read, by the same questions
    seen = _survey(root)
    edition, deprecated = seen.read_id("instanceID"), seen.read_id("deprecatedID")
    first = seen.read_id("rootUuid") or (edition if deprecated is None else None)
    entities = tuple(_read_entity(one) for one in _ENTITIES(root)[:MOST_TOLD])
    return replace(opened, edition_id=edition, deprecated_id=deprecated, root_id=first, entities=entities)


def _read_entity(node: etree._Element) -> ToldEntity:
    """What the attributes say; the label inside is made of answers before treatment, so it is not read."""
    above = reversed(list(node.iterancestors())[:-1])
    return ToldEntity(
        path="/".join(local_name(one) for one in (*above, node)),
        list=_attribute(node, "dataset") or "",
        id=_attribute(node, "id") or "",
        creates=_attribute(node, "create") in _YES,
        updates=_attribute(node, "update") in _YES,
        base=_read_number(node, "baseVersion"),
        trunk=_read_number(node, "trunkVersion"),
        branch=_attribute(node, "branchId"),
    )


def _read_number(node: etree._Element, name: str) -> int | None:
    found = _NUMBER.match(_attribute(node, name) or "")
    return int(found[1]) if found else None


def _find_mentioned(raw: Mapping[str, Any], names: Collection[str]) -> Iterator[tuple[str, str]]:
    """(file name, path of the field that names it) for those of the names that some field holds."""
    for path, value in raw.items():
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, dict):
                yield from _find_mentioned(one, names)
            elif one in names:
                yield one, path


def _attribute(root: etree._Element, name: str) -> str | None:
    text = str(root.get(name) or "").strip()
    return text if 0 < len(text) <= _LONGEST_NAME else None


def _is_encrypted(root: etree._Element) -> bool:
    return root.get("encrypted") == "yes"


def _list_files(root: etree._Element) -> tuple[str, ...]:
    """The files that an envelope names, in its order: media first, the encrypted answers last."""
    media = [file for node in root if local_name(node) == "media" for file in node if local_name(file) == "file"]
    answers = [node for node in root if local_name(node) == "encryptedXmlFile"]
    names = ((node.text or "").strip() for node in (*media, *answers))
    return tuple(name for name in names if name)
