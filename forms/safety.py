"""Refuse a workbook that could harm the machine which reads it, before anything of it is parsed."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import NoReturn

from pimcollect.errors import ErrorCode, PimError

MAX_BYTES = 10 * 1024 * 1024
MAX_ENTRIES = 200
MAX_UNPACKED = 50 * 1024 * 1024
MAX_RATIO = 100
MAX_SHEETS = 100
MAX_CELLS = 2_000_000
_SMALL = 64 * 1024
"""Parts up to this size may be packed as tightly as they like."""

_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_ARCHIVES = (b"PK\x03\x04", _OLD_OFFICE, b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")
_DANGEROUS = (b"<!DOCTYPE", b"<!ENTITY")
_MACROS = ("vbaproject", "vbadata", "macrosheet", "dialogsheet", "activex", "ctrlprop", "embeddings/", "externallink",
           "connections.xml", "querytable", "customui")  # fmt: skip
_RELATION = re.compile(rb"<[^<>]*\bTargetMode\s*=\s*[\"']External[\"'][^<>]*>")
_ENCODING = re.compile(rb"^\s*<\?xml[^>]*\bencoding\s*=\s*[\"']([^\"']*)")
_ENCRYPTED = 1
_SAY_XLSX = "Save it as a plain .xlsx workbook."
_SAY_WITHOUT = "Save it without them, as a plain .xlsx workbook."
_SAY_DELETE = "Delete the rows, columns and sheets that are empty, or split it."


def _refuse(why: str, *, code: ErrorCode = ErrorCode.BAD_FILE, remedy: str = _SAY_XLSX) -> NoReturn:
    raise PimError(code, f"The workbook was not opened: {why}.", remedy=remedy)


def check_workbook(data: bytes) -> None:
    """Check size, structure and content of an .xlsx. Raises PimError(TOO_LARGE or BAD_FILE).

    Refused: more than 10 MB, more than 200 parts, more than 50 MB unpacked or packed more than a hundredfold (zip
    bombs), more than 100 sheets or 2 million cells; other kinds of files, locked ones, damaged ones, parts that stand
    there twice or whose names lead elsewhere; archives, macros, embedded objects and links to other files inside; XML
    that declares entities (they can grow without end).
    """
    if len(data) > MAX_BYTES:
        _refuse(f"it is larger than {MAX_BYTES // 1024 // 1024} MB", code=ErrorCode.TOO_LARGE, remedy="Split it.")
    _check_kind(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_names(archive)
            _check_parts(archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise PimError(
            ErrorCode.BAD_FILE,
            "The workbook was not opened: it is not a whole .xlsx file, or damaged.",
            remedy="Copy or download it again, or save it anew as a plain .xlsx workbook.",
        ) from error


def _check_kind(data: bytes) -> None:
    """Say what it is, where it is something else."""
    if not data:
        _refuse("it is empty", remedy="Copy or download it again.")
    if data.startswith(_OLD_OFFICE):
        if _LOCKED in data:
            _refuse("it is locked with a password", remedy="Take the password off and save it again.")
        _refuse("it is an old .xls file")
    if not data.startswith(b"PK"):
        _refuse("it is no workbook, whatever its name says")


def _check_names(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > MAX_ENTRIES:
        _refuse(f"it has more than {MAX_ENTRIES} parts", code=ErrorCode.TOO_LARGE, remedy=_SAY_DELETE)
    names = [part.filename.lower() for part in parts]
    if "xl/workbook.bin" in names:
        _refuse("it is a binary workbook (.xlsb)")
    if "xl/workbook.xml" not in names:
        _refuse("it is an OpenDocument file (.ods)" if "mimetype" in names else "there is no workbook in it")
    if len(set(names)) != len(names):
        _refuse("a part of it stands there twice")
    if any(name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name for name in names):
        _refuse("the name of a part leads out of it")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        _refuse("it is locked with a password", remedy="Take the password off and save it again.")
    if any(word in name for name in names for word in _MACROS):
        _refuse("it holds macros, embedded objects or links to other files", remedy=_SAY_WITHOUT)


def _check_parts(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if sum(part.file_size for part in parts) > MAX_UNPACKED:
        _refuse(
            f"it unpacks to more than {MAX_UNPACKED // 1024 // 1024} MB", code=ErrorCode.TOO_LARGE, remedy=_SAY_DELETE
        )
    left, cells = MAX_UNPACKED, 0
    for part in parts:
        if part.file_size > _SMALL and part.file_size > MAX_RATIO * max(part.compress_size, 1):
            _refuse("a part of it is packed too tightly", code=ErrorCode.TOO_LARGE, remedy=_SAY_DELETE)
        with archive.open(part) as stream:
            content = stream.read(left + 1)  # its true size, which the directory of the file may lie about
        left -= len(content)
        if left < 0:
            _refuse(f"it unpacks to more than {MAX_UNPACKED // 1024 // 1024} MB", code=ErrorCode.TOO_LARGE)
        _check_content(part.filename.lower(), content)
        cells += content.count(b"<c ") + content.count(b"<c>") + content.count(b"<c/>")
    if cells > MAX_CELLS:
        _refuse(f"it has more than {MAX_CELLS:,} cells", code=ErrorCode.TOO_LARGE, remedy=_SAY_DELETE)


def _check_content(name: str, content: bytes) -> None:
    if content.startswith(_ARCHIVES):
        _refuse("there is another archive in it", remedy=_SAY_WITHOUT)
    if not name.endswith((".xml", ".rels", ".vml")) or name.startswith("customxml/"):
        return  # what programs keep there for themselves is parsed by nobody here
    said = _ENCODING.match(content[:200].removeprefix(b"\xef\xbb\xbf"))
    is_other = said is not None and said.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii")
    if is_other or content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:64]:
        _refuse("a part of it is not written in UTF-8")
    if any(mark in content for mark in _DANGEROUS):
        _refuse("a part of it declares XML entities")
    if name.endswith(".rels") and any(b"/hyperlink" not in one.group() for one in _RELATION.finditer(content)):
        _refuse("it holds macros, embedded objects or links to other files", remedy=_SAY_WITHOUT)
    if name == "[content_types].xml" and b"macroEnabled" in content:
        _refuse("it is a workbook for macros (.xlsm)", remedy=_SAY_WITHOUT)
    if name == "xl/workbook.xml" and content.count(b"sheetId") > MAX_SHEETS:
        _refuse(f"it has more than {MAX_SHEETS} sheets", code=ErrorCode.TOO_LARGE, remedy=_SAY_DELETE)
