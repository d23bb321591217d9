"""OpenRosa XML: every spelling that phones use is the same submission, and what is dangerous is no submission."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.errors import ErrorCode, PimError
from pimcollect.plugins import find_plugin
from pimcollect.servers import odk
from pimcollect.servers.flat import count_answers
from pimcollect.servers.instance import MOST_NODES, flatten, parse_xml
from tests.factories.households import freeze

PLAIN = (
    b'<data id="hh" version="7"><a>1</a><g><b>two</b></g>'
    b"<meta><instanceID>uuid:one</instanceID><deprecatedID>uuid:zero</deprecatedID></meta></data>"
)
SPELLINGS = {
    "plain": PLAIN,
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "declaration": b"<?xml version='1.0' encoding='UTF-8' ?>\r\n" + PLAIN.replace(b"><", b">\r\n  <"),
    "default namespace": PLAIN.replace(b"<data ", b'<data xmlns="http://www.opendatakit.org/xforms" '),
    "namespace instead of id": PLAIN.replace(b'id="hh"', b'xmlns="hh"'),
    "root of another name": PLAIN.replace(b"<data", b"<household_form").replace(b"</data", b"</household_form"),
    "orx": (
        PLAIN.replace(b"<data ", b'<data xmlns:orx="http://openrosa.org/xforms" ')
        .replace(b"<meta>", b"<orx:meta>")
        .replace(b"</meta>", b"</orx:meta>")
        .replace(b"instanceID>", b"orx:instanceID>")
        .replace(b"</instanceID", b"</orx:instanceID")
        .replace(b"<deprecatedID", b"<orx:deprecatedID")
        .replace(b"</deprecatedID", b"</orx:deprecatedID")
        .replace(b"</orx:orx:", b"</orx:")
        .replace(b"<orx:orx:", b"<orx:")
    ),
    "a comment": PLAIN.replace(b"<g>", b"<!-- g --><g>"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_read_as_the_same_submission(spelling: str) -> None:
    body = SPELLINGS[spelling]
    read = odk.read_submission(body)
    assert (read.form, read.version, read.edition_id, read.deprecated_id) == ("hh", "7", "one", "zero")
    assert (read.kind, read.fullness, read.is_encrypted) == ("xml", 2, False)
    opened = odk.read_opened(body, repeats=())
    assert {key: value for key, value in opened.raw.items() if "meta" not in key} == {"a": "1", "g/b": "two"}
    assert (opened.edition_id, opened.deprecated_id, opened.root_id, opened.stated_version) == (
        "one",
        "zero",
        None,
        "7",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        PLAIN[:-3],
        PLAIN + PLAIN,
        PLAIN.replace(b"two", b"t\x00o"),
        PLAIN.replace(b"two", b"&#1;"),
        PLAIN.replace(b"two", b"\xff"),
        b'<!DOCTYPE data [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + PLAIN.replace(b"two", b"&x;"),
        b'<!DOCTYPE data [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + PLAIN.replace(b"two", b"&b;"),
        PLAIN.replace(b"two", b"&undeclared;"),
        "".join(['<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE data [<!ENTITY a "b">]><data id="hh"/>']).encode(
            "utf-16"
        ),
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b'<data id="hh">' + b"<a>" * 40 + b"</a>" * 40 + b"</data>",
        b'<data id="hh">' + b"<a/>" * (2 * MOST_NODES + 1) + b"</data>",
        b'<data id="hh">' + b"<a/>" * (MOST_NODES + 1) + b"</data>",
        b'<data id="hh" ' + b" ".join(b'a%d=""' % number for number in range(MOST_NODES + 1)) + b"/>",
    ],
    ids=range(16),
)
def test_what_is_broken_or_dangerous_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(PimError) as refused:
        odk.read_submission(body)
    assert refused.value.code == ErrorCode.BAD_BODY
    assert "two" not in str(refused.value)
    assert odk.read_delivery(body).edition_id is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode("utf-8", "replace")))
def test_no_bytes_make_the_reader_fail_otherwise(body: bytes) -> None:
    odk.read_delivery(body)


@pytest.mark.parametrize(
    "namespace", ["http://opendatakit.org/submissions", "http://www.opendatakit.org/xforms/encrypted"]
)
def test_an_encrypted_envelope_is_known_and_names_its_files_in_order(namespace: str) -> None:
    body = (
        f'<data xmlns="{namespace}" id="hh" version="7" encrypted="yes"><base64EncryptedKey>AA</base64EncryptedKey>'
        '<orx:meta xmlns:orx="http://openrosa.org/xforms"><orx:instanceID>uuid:one</orx:instanceID></orx:meta>'
        "<media><file>one.jpg.enc</file></media><media><file>two.jpg.enc</file></media>"
        "<encryptedXmlFile>submission.xml.enc</encryptedXmlFile>"
        "<base64EncryptedElementSignature>AA</base64EncryptedElementSignature></data>"
    ).encode()
    read = odk.read_submission(body)
    assert read.is_encrypted
    assert read.files == ("one.jpg.enc", "two.jpg.enc", "submission.xml.enc")
    assert (read.form, read.edition_id) == ("hh", "one")
    assert odk.read_opened(body, repeats=()).is_encrypted
    without_mark = body.replace(b' encrypted="yes"', b"")
    assert odk.read_submission(without_mark).is_encrypted


def test_repeats_are_lists_and_a_field_that_stands_twice_is_no_answer() -> None:
    body = b'<d id="f"><r><n>1</n></r><r><n>2</n></r><q><n>3</n></q><a>x</a><a>y</a></d>'
    raw = odk.read_opened(body, repeats={"q"}).raw
    assert raw == {"r": [{"r/n": "1"}, {"r/n": "2"}], "q": [{"q/n": "3"}], "a": ["x", "y"]}


def test_what_a_form_states_is_read_from_its_xform() -> None:
    frozen = freeze("hh_core")
    assert odk.read_stated(frozen.xform) == ("hh_core", frozen.version.version)
    assert odk.read_stated("<h><x/></h>") == ("", "")


@given(
    st.recursive(
        st.text("ab \n", max_size=3), lambda inner: st.lists(st.tuples(st.sampled_from("abc"), inner)), max_leaves=12
    )
)
def test_the_door_counts_what_the_worker_reads(tree: str | list[tuple[str, Any]]) -> None:
    def write(node: str | list[tuple[str, Any]]) -> str:
        return node if isinstance(node, str) else "".join(f"<{name}>{write(child)}</{name}>" for name, child in node)

    body = (
        f'<d id="f"><_x>1</_x><formhub><uuid>2</uuid></formhub>{write(tree)}<meta><instanceID>3</instanceID></meta></d>'
    )
    assert odk.read_submission(body.encode()).fullness == count_answers(flatten(parse_xml(body.encode()), ()))


@pytest.mark.parametrize(
    ("meta", "edition"),
    [
        (b"<meta><instanceID>1</instanceID></meta>", "1"),
        (b"<meta><instanceID>1</instanceID><instanceID>2</instanceID></meta>", None),
        (b"<meta><instanceID>1</instanceID></meta><meta><instanceID>2</instanceID></meta>", None),
        (b"<meta><instanceID>1<a/></instanceID></meta>", None),
        (b"<meta/><_uuid>1</_uuid><instanceID>2</instanceID>", None),
        (b"<group><meta><instanceID>1</instanceID></meta></group>", None),
    ],
)
def test_an_instance_id_is_the_same_at_the_door_and_behind_it(meta: bytes, edition: str | None) -> None:
    body = b'<d id="f">%s</d>' % meta
    assert odk.read_submission(body).edition_id == edition
    assert odk.read_opened(body, repeats=()).edition_id == edition


def test_it_is_a_plugin_like_any_other() -> None:
    assert find_plugin("servers", "odk") is odk


def test_a_comment_cuts_no_answer_short() -> None:
    assert odk.read_opened(PLAIN.replace(b"two", b"t<!-- x -->wo<?x y?>"), repeats=()).raw["g/b"] == "two"
