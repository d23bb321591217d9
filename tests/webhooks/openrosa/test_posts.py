"""Multipart as phones write it is read; whatever else arrives is refused whole, without a file and without a guess."""

from __future__ import annotations

import contextlib
import tempfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.errors import ErrorCode, PimError
from tests.factories.collect import read_message
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, write_odk, write_post
from webhooks.openrosa.posts import MOST_PARTS, read_post
from webhooks.openrosa.words import WORDS

Look = Callable[[str], list[tuple[Any, ...]]]
XML_PART = b'form-data; name="xml_submission_file"; filename="a.xml"'
TYPE = "multipart/form-data; boundary=bound"
PICTURE = b"\xff\xd8\xff\xe0 Canary picture"


def write_part(disposition: bytes, content: bytes, *more: bytes) -> bytes:
    lines = (b"Content-Disposition: " + disposition, *more)
    return b"--bound\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n"


def join(*parts: bytes, end: bytes = b"--bound--\r\n") -> bytes:
    return b"".join(parts) + end


def file_part(name: str, content: bytes = b"1") -> bytes:
    return write_part(f'form-data; name="{name}"; filename="{name}"'.encode(), content)


def broken_posts(xml: bytes) -> dict[str, tuple[bytes, str, int]]:
    """The X corpus of hostile posts: name -> (body, content type, status)."""
    part = write_part(XML_PART, xml)
    return {
        "X01 no boundary": (join(part), "multipart/form-data", 400),
        "X01 an empty boundary": (join(part), 'multipart/form-data; boundary=""', 400),
        "X01 a boundary of control characters": (join(part), "multipart/form-data; boundary=\x01", 400),
        "X01 a boundary of 71": (join(part), f"multipart/form-data; boundary={'b' * 71}", 400),
        "X02 another boundary": (join(part), "multipart/form-data; boundary=other", 400),
        "X03 no end": (join(part, end=b""), TYPE, 400),
        "X03 half an end": (join(part, end=b"--bound"), TYPE, 400),
        "X04 an empty part": (b"--bound\r\n" + join(part), TYPE, 400),
        "X04 a part without headers": (b"--bound\r\n\r\nx\r\n" + join(part), TYPE, 400),
        "X04 nothing at all": (b"", TYPE, 400),
        "X05 1,001 parts": (join(part, *(file_part(str(number)) for number in range(1001))), TYPE, 413),
        "X06 headers of 64 KB": (join(write_part(XML_PART, xml, b"X-Long: " + b"x" * 65536)), TYPE, 400),
        "X07 no submission": (join(file_part("a.jpg")), TYPE, 400),
        "X08 two submissions": (join(part, part), TYPE, 400),
        "X10 base64": (join(write_part(XML_PART, xml, b"Content-Transfer-Encoding: base64")), TYPE, 400),
        "X11 filename*": (
            join(part, write_part(b"form-data; name=\"a\"; filename*=utf-8''a.jpg", b"1")),
            TYPE,
            400,
        ),
        "X12 a path": (join(part, file_part("../../etc/passwd")), TYPE, 400),
        "X12 a path of Windows": (join(part, file_part("..\\a.jpg")), TYPE, 400),
        "X12 the folder above": (join(part, file_part("..")), TYPE, 400),
        "X13 NUL in a name": (join(part, file_part("a\x00.jpg")), TYPE, 400),
        "X13 a name of 300": (join(part, file_part("a" * 300)), TYPE, 400),
        "X14 two files of one name": (join(part, file_part("a.jpg", b"1"), file_part("a.jpg", b"2")), TYPE, 400),
        "a name twice": (join(write_part(XML_PART + b'; name="b"', xml)), TYPE, 400),
        "a name that is no UTF-8": (join(part, write_part(b'form-data; name="a"; filename="\xff"', b"")), TYPE, 400),
        "no name": (join(part, write_part(b'form-data; filename="a"', b"")), TYPE, 400),
        "an attachment instead of form data": (join(write_part(b'attachment; name="a"', xml)), TYPE, 400),
        "a boundary inside a part": (join(part.replace(b"<meta>", b"\r\n--bound<meta>")), TYPE, 400),
        "no multipart": (xml, "text/xml", 400),
        "T12 two types": (join(part), 'multipart/form-data; boundary="bound",application/json', 400),
        "T12 two boundaries": (join(part), f"{TYPE}; boundary=other", 400),
        "T13 UTF-7": (join(part), f"{TYPE}; charset=utf-7", 400),
        "T14 UTF-16": (join(part), f'{TYPE}; charset="UTF-16"', 400),
        "a type that is never over": (join(part), f"{TYPE}{' ' * 8000};", 400),
        "another multipart": (join(part), "multipart/mixed; boundary=bound", 400),
        "no XML": (join(write_part(XML_PART, b"Canary")), TYPE, 400),
        "NUL in the XML": (join(write_part(XML_PART, xml.replace(b"<meta>", b"<a>\x00</a><meta>"))), TYPE, 400),
        "a control character": (join(write_part(XML_PART, xml.replace(b"<meta>", b"<a>&#1;</a><meta>"))), TYPE, 400),
        "an external entity": (
            join(
                write_part(
                    XML_PART, b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><data id="hh"><a>&x;</a></data>'
                )
            ),
            TYPE,
            400,
        ),
        "a billion laughs": (
            join(
                write_part(
                    XML_PART,
                    b'<!DOCTYPE d [<!ENTITY a "ha">'
                    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;") for n in range(9))
                    + b']><data id="hh">&a8;</data>',
                )
            ),
            TYPE,
            400,
        ),
        "100,000 deep": (join(write_part(XML_PART, b"<a>" * 100_000 + b"</a>" * 100_000)), TYPE, 400),
        "a bomb of empty elements": (
            join(write_part(XML_PART, b'<data id="hh">' + b"<a/>" * 1_500_000 + b"</data>")),
            TYPE,
            400,
        ),
        "X18 too large": (join(part, file_part("a.mp4", b"x" * (10 * 1024 * 1024))), TYPE, 413),
    }


def test_hostile_posts_are_refused_in_openrosa_s_words_and_leave_nothing(
    phones: Phones, household: Household, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a temporary file was asked for")

    for maker in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, maker, refuse)
    xml, _ = write_odk(SCENARIOS["base_answers"], frozen=household.frozen)
    url = f"{phones.base}/submission"
    for name, (body, content_type, status) in broken_posts(xml).items():
        answer = phones.client.post(url, data=body, content_type=content_type)
        word = "too_large" if status == 413 else "unreadable"
        assert (answer.status_code, read_message(answer.data)) == (status, WORDS[word]["en"]), name
        assert "Canary" not in answer.text
        assert look("SELECT count(*) FROM entries") == [(0,)]
    good, content_type = write_post(xml)
    assert phones.client.post(url, data=good, content_type=content_type).status_code == 201


ATTACHMENTS = {
    "X15 not in the form.jpg": PICTURE,
    "X17 empty.jpg": b"",
    "X19 program.jpg": b"MZ\x90\x00 Canary",
    "X20 both.jpg": PICTURE + b"PK\x03\x04 Canary",
    "X21 script.svg": b"<svg><script>Canary</script></svg>",
    "X22 bomb.png": b"\x89PNG\r\n\x1a\n" + zlib.compress(b"\x00" * 1_000_000),
    "X23 half.jpg": PICTURE[:5],
    "X24 photo.heic": b"\x00\x00\x00\x18ftypheic Canary",
    "X25 paper.pdf": b"%PDF-1.7 Canary",
    "audit.csv": b"event,node,old-value\nquestion,/data/name,Canary",
    "صورة ١.jpg": PICTURE,
    "name with (blanks) & more.jpg": PICTURE,
}


def test_attachments_of_whatever_kind_are_kept_apart_unread_and_the_answers_are_kept(
    phones: Phones, household: Household, look: Look
) -> None:
    for name, content in ATTACHMENTS.items():
        xml, _ = write_odk(SCENARIOS["base_answers"], frozen=household.frozen)
        assert phones.post(xml, {name: content}).status_code == 201, name
    assert look("SELECT dropped_files FROM entries") == [(1,)] * len(ATTACHMENTS)
    assert look("SELECT state FROM media") == [("quarantined",)] * len(ATTACHMENTS)


def test_an_attachment_that_is_missing_holds_nothing_up(phones: Phones, household: Household, look: Look) -> None:
    xml, _ = write_odk(SCENARIOS["base_answers"], frozen=household.frozen)
    assert phones.post(xml.replace(b"<meta>", b"<photo>X16.jpg</photo><meta>")).status_code == 201
    assert household.settle() == 1
    assert look("SELECT state FROM submissions") == [("kept",)]


def test_parts_are_read_in_any_order_with_a_preamble_an_epilogue_and_any_case() -> None:
    body = b"Preamble\r\n" + join(
        file_part("b c.jpg", b"\r\n--boun\r\n"),
        write_part(b'form-data; name="*isIncomplete*"', b"Yes\r\n"),
        b"--bound \t\r\ncontent-disposition:form-data; NAME=xml_submission_file\r\n\r\n<a/>\r\n",
        end=b"--bound--\r\nEpilogue",
    )
    post = read_post(body, 'Multipart/Form-Data; charset=utf-8; Boundary="bound"')
    assert (post.xml, dict(post.files), post.is_incomplete) == (b"<a/>", {"b c.jpg": b"\r\n--boun\r\n"}, True)


@pytest.mark.parametrize("encoding", ["gzip", "none-such", "identity, gzip", "\x00"])
def test_a_post_that_says_it_is_packed_is_refused_and_never_unpacked(
    phones: Phones, household: Household, look: Look, encoding: str
) -> None:
    xml, _ = write_odk(SCENARIOS["base_answers"], frozen=household.frozen)
    answer = phones.post(xml, headers={"Content-Encoding": encoding})
    assert (answer.status_code, read_message(answer.data)) == (400, WORDS["unreadable"]["en"])
    assert look("SELECT count(*) FROM entries") == [(0,)]
    assert phones.post(xml, headers={"Content-Encoding": "Identity"}).status_code == 201


def test_the_same_file_twice_is_one_file() -> None:
    body = join(write_part(XML_PART, b"<a/>"), file_part("a", b"1"), file_part("a", b"1"))
    assert dict(read_post(body, TYPE).files) == {"a": b"1"}


def test_as_many_parts_as_phones_send_are_read_and_not_many_more() -> None:
    part = write_part(XML_PART, b"<a/>")
    assert len(read_post(join(part, *(file_part(str(n)) for n in range(MOST_PARTS - 1))), TYPE).files) == MOST_PARTS - 1
    with pytest.raises(PimError) as error:
        read_post(join(part, *(file_part(str(n)) for n in range(MOST_PARTS + 5))), TYPE)
    assert error.value.code == ErrorCode.TOO_LARGE


@given(st.binary(max_size=400), st.text(max_size=60))
def test_no_bytes_and_no_content_type_make_the_reader_fail_otherwise(body: bytes, content_type: str) -> None:
    for given_type in (TYPE, content_type):
        for given_body in (body, b"--bound\r\n" + body + b"\r\n--bound--", write_post(body)[0]):
            with contextlib.suppress(PimError):
                read_post(given_body, given_type)


_CONTENTS = st.binary(max_size=300).filter(lambda content: b"--bound" not in content)
_LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='/\\"')
_FILE_NAMES = st.text(_LETTERS, min_size=1, max_size=40).filter(lambda name: name not in (".", ".."))


@given(_CONTENTS, st.dictionaries(_FILE_NAMES, _CONTENTS, max_size=4), st.booleans())
def test_what_is_written_is_read_again(xml: bytes, files: dict[str, bytes], is_incomplete: bool) -> None:
    post = read_post(*write_post(xml, files, is_incomplete=is_incomplete))
    assert (post.xml, dict(post.files), post.is_incomplete) == (xml, files, is_incomplete)
