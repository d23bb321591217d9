"""Workbooks that nobody should open: each made here, always the same, with the words by which it must be refused."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import partial

from tests.forms.books import CONSENT, write_book

Maker = Callable[[], bytes]

BOOK = write_book(f"{CONSENT}\ninteger | size | How many live here?")
SHEET, WORKBOOK, STRINGS = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml"
TYPES = "[Content_Types].xml"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_BIG = 51 * 1024 * 1024
_NOISE = random.Random(3).randbytes(11 * 1024 * 1024)  # noqa: S311 - the same each time


def zip_parts(parts: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unzip(data: bytes) -> dict[str, bytes]:
    """The parts of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _add(parts: Mapping[str, bytes]) -> bytes:
    return zip_parts({**unzip(BOOK), **parts})


def change(part: str, edit: Callable[[bytes], bytes], *, book: bytes = BOOK) -> bytes:
    """The plain workbook with one part edited."""
    parts = unzip(book)
    return zip_parts({**parts, part: edit(parts[part])})


def _rows(*rows: bytes) -> bytes:
    return change(SHEET, lambda xml: xml.replace(b"</sheetData>", b"".join(rows) + b"</sheetData>"))


def _text(place: str, words: str) -> bytes:
    return f'<c r="{place}" t="inlineStr"><is><t>{words}</t></is></c>'.encode()


def _put_before(mark: bytes, added: bytes) -> Callable[[bytes], bytes]:
    return lambda xml: xml.replace(mark, added + mark, 1)


def _spoil_crc() -> bytes:
    place = BOOK.index(struct.pack("<I", zipfile.ZipFile(io.BytesIO(BOOK)).getinfo(SHEET).CRC))
    last = BOOK.rindex(BOOK[place : place + 4])
    return BOOK[:last] + b"\1\2\3\4" + BOOK[last + 4 :]


def _lie_in_zip64() -> bytes:
    """The central directory sends the reader to a place behind the file."""
    at = BOOK.index(b"PK\1\2")
    return BOOK[: at + 42] + b"\xff\xff\xff\xff" + BOOK[at + 46 :]


def _stand_twice() -> bytes:
    buffer = io.BytesIO(BOOK)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(SHEET.upper(), b"<worksheet/>")
    return buffer.getvalue()


def _lock_parts() -> bytes:
    data = bytearray(BOOK)
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1
    return bytes(data)


def _lie_about_size() -> bytes:
    """A part whose header says 10 bytes and that unpacks to more than allowed."""
    whole = _add({"xl/big.bin": b"\0" * _BIG})
    return whole.replace(_BIG.to_bytes(4, "little"), (10).to_bytes(4, "little"))


def _claim_sheets(number: int) -> bytes:
    claims = b"".join(b'<sheet name="s%d" sheetId="%d" r:id="rId1"/>' % (n, n + 10) for n in range(number))
    return change(WORKBOOK, _put_before(b"</sheets>", claims))


def _link(part: str, kind: str) -> bytes:
    relation = f'<Relationship Id="rId99" Type="http://x/{kind}" Target="http://198.51.100.7/x" TargetMode="External"/>'
    return change(part, _put_before(b"</Relationships>", relation.encode()))


def _laugh() -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return change(WORKBOOK, lambda xml: f'<!DOCTYPE x [<!ENTITY l0 "ha">{levels}]>'.encode() + xml.partition(b"?>")[2])


def _name_columns(number: int, *, gap: int = 0) -> bytes:
    """A first row with many columns, or one more column behind a gap."""
    book = write_book("note | n | N", columns=" | ".join(["type", "name", "label", *[f"c{n}" for n in range(number)]]))
    if gap:
        place = f"{'' if 3 + gap < 26 else 'A'}{chr(65 + (3 + gap) % 26)}1"
        return change(SHEET, lambda xml: xml.replace(b"</row>", _text(place, "relevant") + b"</row>", 1), book=book)
    return book


def _many_rows(number: int) -> bytes:
    return _rows(*(b'<row r="%d" spans="1:%d"/>' % (n, n % 7919) for n in range(4, number)))


def _share_one_string(cells: int) -> bytes:
    """One long text that many cells point at: small in the file, large when each cell has its own."""
    parts = unzip(BOOK)
    strings = re.sub(rb"<t>type</t>", b"<t>type</t></si><si><t> " + b"x" * 32_000 + b" </t>", parts[STRINGS], count=1)
    refer = b"".join(b'<row r="%d"><c r="C%d" t="s"><v>1</v></c></row>' % (n, n) for n in range(4, cells))
    sheet = parts[SHEET].replace(b"</sheetData>", refer + b"</sheetData>")
    sheet = re.sub(rb"<v>([1-9][0-9]*)</v></c>(?=.*<row r=\"4\")", lambda m: b"<v>%d</v></c>" % (int(m[1]) + 1), sheet)
    return zip_parts({**parts, STRINGS: strings, SHEET: sheet})


def _nest_groups(depth: int) -> bytes:
    begin = "\n".join(f"begin group | g{n} | G" for n in range(depth))
    return write_book(f"{CONSENT}\n{begin}\n" + "\n".join("end group |  | " for _ in range(depth)))


def _cell(xml: bytes) -> bytes:
    return _rows(b'<row r="4">' + _text("A4", "note") + _text("B4", "n") + xml + b"</row>")


REFUSED: dict[str, tuple[Maker, str]] = {
    "S01 empty": (lambda: b"", "it is empty"),
    "S02 text": (lambda: b"type,name,label\nnote,n,N\n" * 9, "no workbook"),
    "S02 html": (lambda: b"<html><table><tr><td>type</td></tr></table></html>", "no workbook"),
    "S03 xls": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096), "old .xls"),
    "S04 xlsm": (lambda: _add({"xl/vbaProject.bin": b"x"}), "macros"),
    "S04 xlsm without its project": (
        lambda: change(TYPES, lambda xml: xml.replace(b"ml.sheet.main", b"ml.sheet.macroEnabled.main")),
        "macros",
    ),
    "S04 old macro sheet": (lambda: _add({"xl/macrosheets/sheet1.xml": b"<a/>"}), "macros"),
    "S05 xlsb": (lambda: zip_parts({TYPES: b"<a/>", "xl/workbook.bin": b"\x83\1"}), ".xlsb"),
    "S06 ods": (lambda: zip_parts({"mimetype": b"application/vnd.oasis", "content.xml": b"<a/>"}), ".ods"),
    "S07 locked": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900) + _ENCRYPTED, "locked with a password"),
    "S07 locked as an archive": (_lock_parts, "locked with a password"),
    "S08 cut off": (lambda: BOOK[:-40], "damaged"),
    "S08 half": (lambda: BOOK[: len(BOOK) // 2], "damaged"),
    "S09 another sum": (_spoil_crc, "damaged"),
    "S10 zip64 lie": (_lie_in_zip64, "damaged"),
    "S11 a part twice": (_stand_twice, "stands there twice"),
    "S12 up and out": (lambda: _add({"../../etc/cron.d/x": b"x"}), "leads out"),
    "S12 from the root": (lambda: _add({"/etc/cron.d/x": b"x"}), "leads out"),
    "S12 a drive": (lambda: _add({"C:\\x.bin": b"x"}), "leads out"),
    "S13 nested": (lambda: _add({"xl/media/image1.png": zip_parts({"a": b"\0" * 9_000_000})}), "another archive"),
    "S13 no workbook": (lambda: zip_parts({"lib.zip": BOOK}), "no workbook in it"),
    "S14 tight": (lambda: _add({"xl/tight.bin": b"\0" * (1024 * 1024)}), "too tightly"),
    "S14 large": (lambda: zip_parts({"xl/big.bin": _NOISE}, method=zipfile.ZIP_STORED), "larger than 10 MB"),
    "S14 unpacks": (lambda: _add({"xl/b.bin": b"\0" * _BIG}), "unpacks to more"),
    "S14 lies about its size": (_lie_about_size, "damaged"),
    "S14 parts": (lambda: _add({f"xl/p{n}.xml": b"<a/>" for n in range(200)}), "more than 200 parts"),
    "S16 sheets": (partial(_claim_sheets, 10_000), "more than 100 sheets"),
    "S16 cells": (
        lambda: _rows(
            *(
                b'<row r="%d">' % n + b"".join(b'<c s="%d"/>' % (c * n % 977) for c in range(2_900)) + b"</row>"
                for n in range(4, 704)
            )
        ),
        "more than 2,000,000 cells",
    ),
    "S17 columns": (partial(_name_columns, 16_000), "more than 500 columns"),
    "S18 shared string": (partial(_share_one_string, 5_000), "signs"),
    "S18 one endless cell": (lambda: _cell(_text("C4", "x" * 40_000)), "survey, row 4, column label: is longer"),
    "S19 entity of a file": (
        lambda: change(
            WORKBOOK,
            lambda xml: b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + xml.partition(b"?>")[2],
        ),
        "XML entities",
    ),
    "S19 a billion laughs": (_laugh, "XML entities"),
    "S19 entity in UTF-16": (
        lambda: _add({"xl/more.xml": '<?xml version="1.0"?><!DOCTYPE a>'.encode("utf-16")}),
        "UTF-8",
    ),
    "S19 entity in another code": (
        lambda: _add({"xl/more.xml": b'<?xml version="1.0" encoding="UTF-7"?>+ADw-+ACE-DOCTYPE a+AD4-'}),
        "UTF-8",
    ),
    "S20 link": (lambda: _add({"xl/externalLinks/externalLink1.xml": b"<a/>"}), "links to other files"),
    "S20 relation": (partial(_link, "xl/_rels/workbook.xml.rels", "externalLinkPath"), "links to other files"),
    "S20 template": (partial(_link, "_rels/.rels", "attachedTemplate"), "links to other files"),
    "S20 data of others": (lambda: _add({"xl/connections.xml": b"<connections/>"}), "links to other files"),
    "S20 object": (lambda: _add({"xl/embeddings/oleObject1.bin": b"x"}), "embedded objects"),
    "S20 control": (lambda: _add({"xl/activeX/activeX1.bin": b"x"}), "macros"),
    "S21 formula without value": (lambda: _cell(b'<c r="C4"><f>A1&amp;B1</f></c>'), "C4: is a formula without"),
    "S25 error": (lambda: _cell(b'<c r="C4" t="e"><v>#REF!</v></c>'), "survey, row 4, column label: shows an error"),
    "rows without end": (partial(_many_rows, 120_000), "rows"),
    "a row far below": (
        lambda: _rows(b'<row r="1048576">', _text("A1048576", "note"), b"</row>"),
        "rows",
    ),
    "a row behind a gap": (lambda: _rows(b'<row r="90">', _text("A90", "note"), b"</row>"), "survey, row 90"),
    "a column behind a gap": (partial(_name_columns, 0, gap=22), "column relevant: stands behind"),
    "a row before the first": (lambda: _rows(b'<row r="-5"><c r="A-5"><v>1</v></c></row>'), "cannot be read"),
    "half a sheet": (lambda: change(SHEET, lambda xml: xml[: len(xml) // 2]), "cannot be read"),
    "no such string": (lambda: _cell(b'<c r="C4" t="s"><v>99999</v></c>'), "cannot be read"),
    "a sheet that is not there": (lambda: zip_parts({k: v for k, v in unzip(BOOK).items() if k != SHEET}), "survey"),
    "a column twice": (lambda: write_book("note | n | N | M", columns="type | name | label | label"), "stands there"),
    "a column of dates": (
        lambda: change(SHEET, lambda xml: xml.replace(b"</row>", b'<c r="E1"><v>7</v></c></row>', 1)),
        "survey, row 1, column E: is no name",
    ),
    "survey twice": (
        lambda: change(WORKBOOK, lambda xml: xml.replace(b'name="settings"', b'name="Survey"')),
        "Survey: stands there twice",
    ),
    "groups in groups in groups": (partial(_nest_groups, 3_000), "nested too deeply|pyxform can read"),
    "a name that is no name": (lambda: write_book("text | a b | A"), "row : 2"),
    "a type of one program only": (
        lambda: write_book("begin_score | s | S\nscore__row | a | A\nend_score |  | "),
        "survey, row 2, column type: begin_score is KoboToolbox's own",
    ),
    "a list that is not there": (lambda: write_book("select_one gone | a | A"), "gone"),
}
"""What it is -> how it is made, and a pattern of the words that refuse it (S: of our list of bad input)."""


def _hide() -> bytes:
    return change(WORKBOOK, lambda xml: xml.replace(b'name="survey"', b'name="survey" state="hidden"'))


def _link_a_cell() -> bytes:
    target = 'Target="mailto:a@example.org" TargetMode="External"'
    relation = f'<Relationship Id="rId1" Type="http://x/hyperlink" {target}/>'
    return _add({"xl/worksheets/_rels/sheet1.xml.rels": f"<Relationships>{relation}</Relationships>".encode()})


READ: dict[str, tuple[Maker, str]] = {
    "S15 a lying size": (
        lambda: change(SHEET, lambda xml: re.sub(rb'<dimension ref="[^"]*"/>', b'<dimension ref="A1:B2"/>', xml)),
        "How many live here?",
    ),
    "S21 formula with its value": (
        lambda: _cell(b'<c r="C4" t="str"><f>"Last"&amp;"ly"</f><v>Lastly</v></c>'),
        "Lastly",
    ),
    "S22 hidden sheets": (_hide, "How many live here?"),
    "S23 merged cells": (
        lambda: change(
            SHEET, _put_before(b"<pageMargins", b'<mergeCells count="1"><mergeCell ref="C3:D3"/></mergeCells>')
        ),
        "How many live here?",
    ),
    "S24 a number as a label": (lambda: _cell(b'<c r="C4"><v>2026</v></c>'), "2026"),
    "what another program keeps for itself": (
        lambda: _add({"customXml/item1.xml": '<?xml version="1.0"?><a/>'.encode("utf-16")}),
        "How many live here?",
    ),
    "a link in a cell": (_link_a_cell, "How many live here?"),
}
"""What looks odd and is read all the same, and a text that must be in the form."""
