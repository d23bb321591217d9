"""What is fuzzed: each parser with seeds to begin from. A target raises only when a promise is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

from forms.bank_files import read_bank_bytes
from forms.grids import read_csv
from forms.places import read_places
from forms.safety import check_workbook
from pimcollect.domain.decide import Prepared, decide, prepare
from pimcollect.domain.documents import read_json
from pimcollect.domain.outcomes import Kept
from pimcollect.domain.version import LabelPart, SavedEntity
from pimcollect.errors import PimError
from pimcollect.schemas.mappings import read_mapping
from pimcollect.servers import central, kobo, odk, ona
from pimcollect.servers.base import Delivery, Opened, Reader
from pimcollect.servers.envelope import read_envelope
from pimcollect.servers.mapped import Mapped
from pimcollect.vault import DoorKeys, HandsKeys, OpenKey, create_open_key
from tests.factories.pictures import draw, write
from tests.factories.versions import RECEIVED, directory, open_pseudonyms, question, small_version
from tests.payloads import read_wire
from webhooks.carried_file import check_carried
from webhooks.inbox import identify
from webhooks.openrosa.digest import is_right, names_request, read_claim
from webhooks.openrosa.posts import read_post
from workers.darkroom import Refusal, rebuild

_KEY = b"k" * 32
_MAPPING = Mapped(answers="data", instance_id="id", deprecated_id="before", fields={"ja": "agree"})


@dataclass(frozen=True)
class Target:
    """One parser."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes] = field(repr=False)
    words: Sequence[bytes] = ()
    """Pieces that mean something to it."""


@cache
def _form() -> Prepared:
    """A small form with what is hard to read: numbers, choices, a repeat within a group."""
    return prepare(
        small_version(
            question("age", "integer"),
            question("needs", "select_multiple", choices="needs"),
            question("text", "text", "restrict"),
            question("place", "geopoint", "drop"),
            question("years", "integer", repeat="hh"),
            choices={"needs": ("food", "gbv", "gbv_other")},
            repeats=("hh",),
            entities=(SavedEntity("homes", "meta/entity", (LabelPart(question="needs"),), {"a": "age", "b": "text"}),),
        )
    )


def _decide_anything(opened: Opened) -> None:
    """Whatever was read is decided without an error, and what is kept can be stored."""
    told = {"received_at": RECEIVED, "pseudonyms": open_pseudonyms(), "told": opened.entities}
    decision = decide(opened.raw, _form(), directory(), **told)  # type: ignore[arg-type]
    if isinstance(decision, Kept):
        assert str(opened.raw.get("agree")).strip() == "yes", "kept without one plain yes"
        kept = json.dumps([dict(decision.treated.shared), dict(decision.treated.restricted)], ensure_ascii=False)
        assert "\\u0000" not in kept
        kept.encode()
        for one in decision.entities:
            assert (one.list, set(one.properties) <= {"a"}) == ("homes", True), "more than was planned"
            json.dumps([one.label, dict(one.properties), one.branch]).encode()


def _read(reader: Reader, body: bytes) -> None:
    delivery = reader.read_delivery(body)  # never raises
    assert isinstance(delivery, Delivery)
    assert len(identify(body, delivery, form="small", key=_KEY)) == 32
    try:
        opened = reader.read_opened(body, repeats=("hh",))
    except PimError:
        return
    assert opened.edition_id == delivery.edition_id
    for told in (opened.edition_id, opened.root_id, opened.deprecated_id):
        assert told is None or (told.isprintable() and 0 < len(told) < 300)
    if not opened.is_encrypted:
        _decide_anything(opened)


def _refused_in_words(parse: Callable[[bytes], object], body: bytes) -> None:
    said = ""
    try:
        parse(body)
    except PimError as error:
        said = str(error)
    assert len(said) < 20_000


def _read_post(body: bytes) -> None:
    kind, _, content = body.partition(b"\n")
    _refused_in_words(lambda content: read_post(content, kind.decode("latin-1")), content)


def _read_digest(body: bytes) -> None:
    claim = read_claim(body.decode("latin-1"))
    if claim is not None:
        assert not is_right(claim, method="POST", secret="0" * 32)
        names_request(claim.uri, path="/phones/submission", query=b"a=b")


def _read_sheet(body: bytes) -> None:
    faults: list[Any] = []
    _refused_in_words(lambda data: read_csv("items", data, faults, expected=("code", "title")), body)
    _refused_in_words(read_places, body)


def _read_document(body: bytes) -> None:
    try:
        found = read_json(body)
    except ValueError:
        return
    _refused_in_words(read_mapping, found)  # type: ignore[arg-type]


@cache
def _keys() -> tuple[DoorKeys, HandsKeys]:
    own = OpenKey(b"\x01" * 32)
    door = DoorKeys(own.seal_key, create_open_key().seal_key, _KEY, "", "")
    return door, HandsKeys((own,), (), (), _KEY)


def _read_carried(body: bytes) -> None:
    door, hands = _keys()
    _refused_in_words(lambda data: check_carried(BytesIO(data), keys=door, hands=hands), body)


def _seeds(*wires: str) -> list[bytes]:
    known = read_wire()
    return [known[wire]["body"] for wire in wires]


_FLAT = b'{"_uuid":"a","agree":"yes","age":"17","needs":"food gbv","hh":[{"hh/years":"3"}],"text":"x","_edited":true}'
_XML = b'<s id="f" version="1"><agree>yes</agree><age>7</age><hh><years>3</years></hh><meta><instanceID>uuid:1</instanceID></meta></s>'  # noqa: E501
_VISITED = b'<s id="f"><agree>yes</agree><age>7</age><text>x</text><meta><entity dataset="homes" id="6b4b1a52-0000-4000-8000-000000000001" update="1" create="1" baseVersion="3" trunkVersion="1" branchId="6b4b1a52-0000-4000-8000-000000000002"><label>A</label></entity><instanceID>uuid:1</instanceID></meta></s>'  # noqa: E501
_ENVELOPE = b'<data id="f" encrypted="yes" xmlns="http://opendatakit.org/submissions"><base64EncryptedKey>AA==</base64EncryptedKey><meta><instanceID>uuid:1</instanceID></meta><media><file>a.jpg.enc</file></media><encryptedXmlFile>submission.xml.enc</encryptedXmlFile><base64EncryptedElementSignature>AA==</base64EncryptedElementSignature></data>'
_MAPPED = b'{"id":"1","before":"0","data":{"ja":"yes","age":17,"needs":["food"],"hh":[{"years":3}]}}'
_POST = (
    b'multipart/form-data; boundary=x\n--x\r\nContent-Disposition: form-data; name="xml_submission_file"; '
    b'filename="a.xml"\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--x\r\nContent-Disposition: form-data; '
    b'name="p.jpg"; filename="p.jpg"\r\n\r\nJ\r\n--x--\r\n'
)
_CLAIM = b'Digest username="a", realm="pimcollect", nonce="b", uri="/phones/submission?a=b", qop=auth, nc=00000001, cnonce="c", response="d", algorithm=MD5'  # noqa: E501
_CARRIED = (
    b'{"pimcollect carried":1,"label":"own","key":"%s"}\n{"delivery":{}}\n{"deliveries":1,"files":0,"seal":"0"}\n'
)
_JSON_WORDS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\\u",
    b"\\ud800",
    b"null",
    b"1e999",
    b"uuid:",
    b"_uuid",
    b"meta/",
)
_XML_WORDS = (
    b"<",
    b"/>",
    b"</",
    b"<!DOCTYPE",
    b"<!ENTITY",
    b"&#",
    b"<![CDATA[",
    b"]]>",
    b"xmlns:",
    b"encrypted",
    b"<?xml",
)


def _rebuild(content: bytes) -> None:
    """The child's part of the darkroom: a refusal by code, or a JPEG that holds nothing of the file's own words."""
    made = rebuild(content)
    assert isinstance(made, Refusal) or (made.startswith(b"\xff\xd8\xff") and b"Exif" not in made)


TARGETS: dict[str, Target] = {
    "kobo_json": Target(lambda body: _read(kobo, body), [_FLAT, *_seeds("k01", "k04", "k05")], _JSON_WORDS),
    "kobo_xml": Target(lambda body: _read(kobo, body), [_XML, *_seeds("k02")], _XML_WORDS),
    "ona": Target(lambda body: _read(ona, body), [_FLAT, _XML], _JSON_WORDS),
    "mapped": Target(lambda body: _read(_MAPPING, body), [_MAPPED, _XML], _JSON_WORDS),
    "central": Target(lambda body: _read(central, body), [b'{"type":"submission.create","id":"1"}'], _JSON_WORDS),
    "odk": Target(lambda body: _read(odk, body), [_XML, _VISITED, _ENVELOPE], _XML_WORDS),
    "envelope": Target(lambda body: _refused_in_words(read_envelope, body), [_ENVELOPE], _XML_WORDS),
    "picture": Target(
        _rebuild, [write(draw(8, 8), kind) for kind in ("JPEG", "PNG", "WEBP")], (b"IHDR", b"Exif", b"VP8X")
    ),
    "multipart": Target(_read_post, [_POST], (b"\r\n--x", b"--x--", b"filename=", b"name=", b"boundary=")),
    "digest": Target(_read_digest, [_CLAIM], (b"Digest ", b'\\"', b"nonce=", b"uri=", b"response=", b"nc=")),
    "workbook_guard": Target(lambda body: _refused_in_words(check_workbook, body), [b"PK\x05\x06" + b"\0" * 18]),
    "sheet": Target(_read_sheet, [b"code,title\nA,b\n", b'code;title\n"a;b";c\n'], (b'"', b",", b"\xef\xbb\xbf")),
    "bank": Target(
        lambda body: _refused_in_words(lambda data: read_bank_bytes(data, is_workbook=False), body),
        [b'{"items":[{"id":"a","type":"text"}],"rules":[]}'],
        _JSON_WORDS,
    ),
    "mapping": Target(_read_document, [b'{"instance_id":"a/b","fields":{"a":"b"}}'], _JSON_WORDS),
    "carried": Target(_read_carried, [_CARRIED % OpenKey(b"\x01" * 32).seal_key.key_id.hex().encode()], _JSON_WORDS),
}
