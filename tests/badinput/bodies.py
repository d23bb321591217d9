"""Bad bodies for the hooks (the J list): JSON and XML, made of one good delivery and a seed."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

CANARY = "Nadia-Canary"
HELD, SETTLED, EITHER = "held", "settled", "either"
_SEED = 20_261_125
_OTHERS = {
    "empty": "J01 J02 J06-array-of-none X-only-a-declaration X-empty-root",
    "neither": "J-form-encoded J-multipart J-base64 J-gzip J-zip J-deflate",
    "no_object": "J07 J08 J09",
    "several": "J04 J05 J06 J-comment X-two-roots",
    "encoding": "J11-utf-16 J11-utf-32 J12 X-bad-utf-8 X-wrong-encoding-name",
    "signs": "J13 J14 J15 J-control-sign X-nul X-control-sign",
    "twice": "J21 J22 X-same-attribute-twice",
    "number": "J16 J18",
    "too_deep": "J19 J20 X-depth",
    "too_many": "X-million-nodes X-many-attributes",
    "doctype": "X-doctype X-outside-entity X-parameter-entity X-billion-laughs",
}
"""In which way they are unreadable, by how their names begin; all others are broken."""


@dataclass(frozen=True)
class Case:
    """One body. Every one is answered 202; `comes` says what the worker makes of it, `reason` why it is held."""

    id: str
    body: bytes = field(repr=False)
    comes: str = HELD
    reason: str | None = None
    fault: str | None = None
    """In which way it is unreadable."""


def find_fault(name: str) -> str:
    """In which way a broken body is unreadable. UTF-16 without its mark are signs that JSON does not begin with."""
    if name == "J11-utf-16-le":
        return "broken"
    return next((fault for fault, names in _OTHERS.items() if name.startswith(tuple(names.split()))), "broken")


def list_json(good: dict[str, Any], *, consent: str) -> Iterator[Case]:
    """The J list over a good delivery; `consent` is the path of its consent."""
    text = json.dumps(good)
    body, unreadable = text.encode(), "unreadable"
    inside = text[1:-1].encode()
    named = {**good, "name": CANARY}
    broken = {
        "J01-empty": b"",
        "J02-blanks": b" \r\n\t ",
        "J03-truncated": json.dumps(named).encode()[:-2],
        "J04-garbage-behind": json.dumps(named).encode() + b" x",
        "J05-two-documents": body + body,
        "J06-array": b"[" + body + b"]",
        "J06-array-of-none": b" [ ]\n",
        "J07-string": json.dumps(CANARY).encode(),
        "J08-number": b"5",
        "J09-null": b"null",
        "J11-utf-16": text.encode("utf-16"),
        "J11-utf-16-le": text.encode("utf-16-le"),
        "J11-utf-32": text.encode("utf-32"),
        "J12-bad-utf-8": b"{" + inside + b', "a": "' + CANARY.encode() + b'\xff"}',
        "J12-overlong": b"{" + inside + b', "a": "\xc0\xaf"}',
        "J12-utf-8-surrogate": b"{" + inside + b', "a": "\xed\xa0\x80"}',
        "J13-lone-surrogate": b"{" + inside + b', "a": "\\ud800"}',
        "J13-lone-surrogate-in-the-id": b'{"_uuid": "\\udc00", "name": "' + CANARY.encode() + b'"}',
        "J14-nul-in-a-value": b"{" + inside + b', "a": "' + CANARY.encode() + b'\\u0000"}',
        "J14-raw-nul": b"{" + inside + b', "a": "\x00"}',
        "J15-nul-in-a-key": b"{" + inside + b', "a\\u0000": "1"}',
        "J16-nan": b"{" + inside + b', "a": NaN}',
        "J16-infinity": b"{" + inside + b', "a": [-Infinity]}',
        "J18-long-integer": b"{" + inside + b', "a": ' + b"9" * 5000 + b"}",
        "J19-depth-200k-lists": b"[" * 200_000,
        "J19-depth-200k-objects": b'{"a":' * 200_000,
        "J20-depth-33": b"{" + inside + b', "a": ' + b"[" * 33 + b"]" * 33 + b"}",
        "J21-consent-twice": b"{" + inside + b', "' + consent.encode() + b'": "yes"}',
        "J21-consent-twice-escaped": b"{" + inside + b', "' + _escape(consent) + b'": "yes"}',
        "J22-uuid-twice": b"{" + inside + b', "_uuid": "other"}',
        "J-trailing-comma": b"{" + inside + b",}",
        "J-comment": b"{" + inside + b"} // yes",
        "J-single-quotes": text.replace('"', "'").encode(),
        "J-wrong-escape": b"{" + inside + b', "a": "\\x41"}',
        "J-control-sign": b"{" + inside + b', "a": "\x01"}',
        "J-form-encoded": b"consent=yes&name=" + CANARY.encode(),
        "J-multipart": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + body + b"\r\n--x--",
        "J-gzip": gzip.compress(body),
        "J-deflate": zlib.compress(body),
        "J-zip": b"PK\x03\x04" + zlib.compress(body),
        "J-base64": b"eyJfdXVpZCI6ICIxIn0=",
        "J-template-that-was-not-filled": b'{"text": "%SUBMISSION%"',
        "J-html": b"<!doctype html><html><body>502 Bad Gateway</body></html>",
    }
    yield from (Case(name, one, HELD, unreadable, find_fault(name)) for name, one in broken.items())
    yield from _list_accepted(good)


def _list_accepted(good: dict[str, Any]) -> Iterator[Case]:
    """What is refused for its form or version, or has one defined meaning."""

    def changed(name: str, comes: str, reason: str | None = None, **more: Any) -> Case:
        return Case(name, json.dumps({**good, "meta/instanceID": f"uuid:{name}", "_uuid": name, **more}).encode(),
                    comes, reason)  # fmt: skip

    nameless = {key: value for key, value in good.items() if key not in ("_uuid", "meta/instanceID", "meta/rootUuid")}
    yield Case("J10-bom", b"\xef\xbb\xbf" + json.dumps(good).encode(), SETTLED)
    yield Case("J17-1e400", _with_number(good, "1e400"), EITHER)
    yield changed("J23-dunder-keys", SETTLED, **{"__proto__": {"a": 1}, "__class__": CANARY, "constructor": "x"})
    yield changed("J24-100k-keys", SETTLED, **{f"k{number}": "1" for number in range(100_000)})
    yield changed("J25-9-mb-string", SETTLED, note=CANARY + "x" * 9_000_000)
    yield Case("J26-no-uuid", json.dumps({**nameless, "a": "J26"}).encode(), SETTLED)
    yield changed("J27-no-uuid-scheme", SETTLED, **{"_uuid": "not a uuid at all", "meta/instanceID": "x y"})
    yield changed("J28-10-kb-uuid", SETTLED, **{"_uuid": "u" * 10_240, "meta/instanceID": "u" * 10_240})
    yield changed("J28-uuid-is-an-object", SETTLED, **{"_uuid": {"a": CANARY}, "meta/instanceID": ["x"]})
    yield changed("J29-unknown-form", HELD, "other_form", pim_form_id="nobody")
    yield changed("J30-form-of-another-source", HELD, "other_form", pim_form_id="kii")
    yield changed("J31-unknown-version", HELD, "unknown_version", pim_catalogue_version="1999.1-0")
    yield changed("J32-unknown-keys", SETTLED, **{f"new{number}/name": CANARY for number in range(100)})
    yield changed("J-answers-as-lists", SETTLED, **{path: [value] for path, value in nameless.items()})
    yield changed("J-answers-as-null", SETTLED, **dict.fromkeys(nameless))
    yield changed("J-sql", SETTLED, note="'; DROP TABLE entries; --")
    yield changed("J-template-text", SETTLED, note="{{7*7}}${7*7}<%= 7*7 %>")
    yield changed("J-formula", SETTLED, note="=HYPERLINK(1)")
    yield changed("J-right-to-left", SETTLED, note="\u202e\u2066مرحبا\u200f")
    yield changed(
        "J-encrypted-envelope", HELD, "files_missing", base64EncryptedKey="a", encryptedXmlFile="b"
    ).__class__(
        "J-encrypted-envelope",
        json.dumps({"_uuid": "env", "base64EncryptedKey": "a", "encryptedXmlFile": "submission.xml.enc"}).encode(),
        HELD,
    )


def _with_number(good: dict[str, Any], number: str) -> bytes:
    return (
        json.dumps({**good, "_uuid": "J17", "meta/instanceID": "uuid:J17"}).encode()[:-1]
        + f', "n": {number}}}'.encode()
    )


def _escape(name: str) -> bytes:
    return "".join(f"\\u{ord(sign):04x}" for sign in name).encode()


def list_xml(good: bytes, *, consent: str) -> Iterator[Case]:
    """The same for XML; `consent` is the path of the consent below the root."""
    root = etree.fromstring(good)
    plain = etree.tostring(root).decode()
    opened, _, closed = plain.rpartition("</")
    twice = etree.fromstring(good)
    node = twice.find(consent)
    node.addnext(etree.fromstring(f"<{node.tag}>yes</{node.tag}>"))
    entity = f'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/{CANARY}">]>'
    laughs = "<!DOCTYPE a [<!ENTITY a 'ha'>" + "".join(
        f"<!ENTITY {after} '{f'&{before};' * 10}'>" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    broken = {
        "X-truncated": good[:-5],
        "X-two-roots": good + good,
        "X-doctype": b"<!DOCTYPE a>" + plain.encode(),
        "X-outside-entity": f"{entity}<a>&b;</a>".encode(),
        "X-parameter-entity": b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/x"> %b;]><a/>',
        "X-billion-laughs": f"{laughs}]><a>&i;</a>".encode(),
        "X-unknown-entity": f"{opened}<x>&nbsp;</x></{closed}".encode(),
        "X-nul": good.replace(b">", b">\x00", 1),
        "X-control-sign": f"{opened}<x>&#1;</x></{closed}".encode(),
        "X-bad-utf-8": good[:-12] + b"\xff" + good[-12:],
        "X-wrong-encoding-name": b"<?xml version='1.0' encoding='utf-99'?>" + plain.encode(),
        "X-depth-1000": b"<a>" * 1000 + b"</a>" * 1000,
        "X-depth-40": f"{opened}{'<d>' * 40}1{'</d>' * 40}</{closed}".encode(),
        "X-million-nodes": b"<a>" + b"<b/>" * 1_000_000 + b"</a>",
        "X-many-attributes": b"<a " + b" ".join(b'a%d="1"' % number for number in range(250_000)) + b"/>",
        "X-same-attribute-twice": b'<a b="1" b="2"/>',
        "X-undeclared-prefix": b"<p:a/>",
        "X-open-comment": b"<a><!-- ",
        "X-only-a-declaration": b"<?xml version='1.0'?>",
        "X-empty-root": b"<data/>",
    }
    yield from (Case(name, one, HELD, "unreadable", find_fault(name)) for name, one in broken.items())
    yield Case("X-consent-twice", etree.tostring(twice), SETTLED)
    yield Case("X-utf-16-declared", etree.tostring(root, encoding="utf-16"), EITHER)
    yield Case("X-leaf-then-group", f"{opened}<z>1</z><z><y>2</y></z></{closed}".encode(), EITHER)
    yield Case("X-cdata", f"{opened}<note><![CDATA[<{CANARY}>]]></note></{closed}".encode(), EITHER)


def list_mutations(good: bytes, *, kind: str, count: int = 12) -> Iterator[Case]:
    """Cuts and flipped bits of a good delivery, the same in every run."""
    chance = random.Random(_SEED)  # noqa: S311 - nothing secret
    for number in range(count):
        yield Case(f"{kind}-cut-{number}", good[: chance.randrange(2, len(good) - 3)], HELD, "unreadable")
        flipped = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        yield Case(f"{kind}-flip-{number}", bytes(flipped), EITHER)
