"""Turns what a form engine wrote into what a KoboToolbox server would send of it: its JSON and its XML.

Copied from requests that a real server sent (tests/payloads/kobo_hooks.jsonl): flat keys with the full path, every
answer a text, repeats as lists, what is empty absent, and the server's own fields around it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

XFORMS = "{http://www.w3.org/2002/xforms}"
NAMESPACES = {"jr": "http://openrosa.org/javarosa", "orx": "http://openrosa.org/xforms"}
DEPLOYED = "1 (2026-11-20 12:21:56)"
"""Kobo's own text for the first deployment; the form's version does not survive there."""


@dataclass(frozen=True)
class Asset:
    """A form as deployed on the server: its uid there, its owner's name, and the paths of its repeats."""

    uid: str = "aTestAsset0000000000ab"
    owner: str = "imo"
    repeats: frozenset[str] = frozenset()
    version: str = "vTestVersion0000000000"

    @property
    def form_uuid(self) -> str:
        """The server's second name of the form, in every submission."""
        return uuid5(NAMESPACE_URL, f"pimcollect-test:{self.uid}").hex


def read_asset(xform: bytes | str, *, uid: str = Asset.uid) -> Asset:
    """Deploy an XForm: the repeats are taken from its body, paths below the root."""
    root = etree.fromstring(xform.encode() if isinstance(xform, str) else xform)
    paths = (str(node.get("nodeset")) for node in root.iter(f"{XFORMS}repeat"))
    return Asset(uid=uid, repeats=frozenset(path.split("/", 2)[2] for path in paths))


def deploy_xml(xml: bytes, asset: Asset) -> etree._Element:
    """The submission with the root node that Kobo's own XForm has, and the two nodes that Kobo adds to a form."""
    filled = etree.fromstring(xml)
    root = etree.Element(asset.uid, nsmap=NAMESPACES, id=asset.uid, version=DEPLOYED)
    etree.SubElement(etree.SubElement(root, "formhub"), "uuid").text = asset.form_uuid
    for child in filled:
        if etree.QName(child).localname == "meta" and root.find("__version__") is None:
            etree.SubElement(root, "__version__").text = asset.version
        if etree.QName(child).localname not in ("formhub", "__version__"):
            root.append(_strip(child))
    return root


def _strip(node: etree._Element) -> etree._Element:
    """A copy without namespaces (both engines differ in what they declare) and without blanks between nodes."""
    copy = etree.Element(etree.QName(node).localname)
    copy.text = None if len(node) else (node.text or "").strip() or None
    for child in node:
        copy.append(_strip(child))
    return copy


def write_xml(xml: bytes, asset: Asset) -> bytes:
    """The body of an XML hook: indented, UTF-8, empty nodes kept."""
    root = deploy_xml(xml, asset)
    etree.indent(root)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def write_json(xml: bytes, asset: Asset, *, number: int = 1, submitted_at: datetime | None = None) -> bytes:
    """The body of a JSON hook: ASCII, other letters escaped. `number` is the server's `_id`."""
    return json.dumps(read_submission(xml, asset, number=number, submitted_at=submitted_at)).encode("ascii")


def read_submission(
    xml: bytes, asset: Asset, *, number: int = 1, submitted_at: datetime | None = None
) -> dict[str, Any]:
    """The flat mapping that the server keeps and sends of a submission."""
    answers = _flatten(deploy_xml(xml, asset), "", asset.repeats)
    instance = str(answers["meta/instanceID"]).removeprefix("uuid:")
    received = submitted_at or datetime.now(UTC)
    return {
        "_id": number,
        **answers,
        "_xform_id_string": asset.uid,
        "_uuid": instance,
        "meta/rootUuid": f"uuid:{instance}",
        "_attachments": [],
        "_status": "submitted_via_web",
        "_geolocation": _locate(answers),
        "_submission_time": received.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "_validation_status": {},
        "_submitted_by": asset.owner,
    }


def _flatten(node: etree._Element, prefix: str, repeats: frozenset[str]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for child in node:
        path = f"{prefix}{child.tag}"
        if path in repeats:
            row = _flatten(child, f"{path}/", repeats)
            if row:
                flat.setdefault(path, []).append(row)
        elif len(child):
            flat.update(_flatten(child, f"{path}/", repeats))
        elif child.text:
            flat[path] = child.text
    return flat


def _locate(answers: Mapping[str, Any]) -> list[float | None]:
    """Kobo copies the first point of a form; here: the first text that reads as one."""
    for value in answers.values():
        parts = value.split() if isinstance(value, str) else []
        if len(parts) == 4 and all(part.replace(".", "", 1).removeprefix("-").isdigit() for part in parts):
            return [float(parts[0]), float(parts[1])]
    return [None, None]


def write_headers(kind: str = "json") -> dict[str, str]:
    """The headers that the server sends with a hook, besides those that the HTTP client adds and the secret."""
    sender = "KoboToolbox external service - kobo.example.org #hTestHook0000000000abc"
    return {"Content-Type": f"application/{kind}", "User-Agent": sender}
