"""Refuse a workbook that could harm the machine which reads it, before anything of it is parsed."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import NoReturn

from pimcollect.errors import ErrorCode, PimError

MAX_BYTES = 10 * 1024 * 1024
MAX_ENTRIES = 200
MAX_UNPACKED = 50 * 1024 * 1024
MAX_RATIO = 100
_SMALL = 64 * 1024
"""Parts up to this size may be packed as tightly as they like."""

_DANGEROUS = (b"<!DOCTYPE", b"<!ENTITY")
_MACROS = ("vbaproject", "macrosheet", "activex", "embeddings/", "externallink")
_SAY_XLSX = "Save it as a plain .xlsx workbook."


def _refuse(why: str, *, code: ErrorCode = ErrorCode.BAD_FILE, remedy: str = _SAY_XLSX) -> NoReturn:
    raise PimError(code, f"The workbook was not opened: {why}.", remedy=remedy)


def check_workbook(data: bytes) -> None:
    """Check size, structure and content of an .xlsx. Raises PimError(TOO_LARGE or BAD_FILE).

    Refused: more than 10 MB, more than 200 parts, more than 50 MB unpacked or packed more than a hundredfold (zip
    bombs), macros and embedded objects, and XML that declares entities (they can grow without end).
    """
    if len(data) > MAX_BYTES:
        _refuse(f"it is larger than {MAX_BYTES // 1024 // 1024} MB", code=ErrorCode.TOO_LARGE, remedy="Split it.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_parts(archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise PimError(
            ErrorCode.BAD_FILE, "The workbook was not opened: it is not a whole .xlsx file.", remedy=_SAY_XLSX
        ) from error


def _check_parts(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > MAX_ENTRIES:
        _refuse(f"it has more than {MAX_ENTRIES} parts", code=ErrorCode.TOO_LARGE)
    if sum(part.file_size for part in parts) > MAX_UNPACKED:
        _refuse(f"it unpacks to more than {MAX_UNPACKED // 1024 // 1024} MB", code=ErrorCode.TOO_LARGE)
    names = {part.filename.lower() for part in parts}
    if "xl/workbook.xml" not in names:
        _refuse("there is no workbook in it")
    if any(word in name for name in names for word in _MACROS):
        _refuse("it holds macros, embedded objects or links to other files", remedy="Save it without them.")
    left = MAX_UNPACKED
    for part in parts:
        if part.file_size > _SMALL and part.file_size > MAX_RATIO * max(part.compress_size, 1):
            _refuse("a part of it is packed too tightly", code=ErrorCode.TOO_LARGE)
        left -= _check_part(archive, part, left)


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> int:
    """Unpack one part and look at it; returns its true size, which the directory of the file may lie about."""
    with archive.open(part) as stream:
        content = stream.read(left + 1)
    if len(content) > left:
        _refuse(f"it unpacks to more than {MAX_UNPACKED // 1024 // 1024} MB", code=ErrorCode.TOO_LARGE)
    if part.filename.lower().endswith((".xml", ".rels", ".vml")):
        if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:64]:
            _refuse("a part of it is not written in UTF-8")
        if any(mark in content for mark in _DANGEROUS):
            _refuse("a part of it declares XML entities")
    return len(content)
