"""The parts of a multipart post, read in memory only: strict, bounded, and never a file on disk.

A phone sends what RFC 7578 says and nothing more; whatever else arrives is refused instead of being guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pimcollect.errors import ErrorCode, PimError

XML_PART, INCOMPLETE_PART = "xml_submission_file", "*isIncomplete*"
MOST_PARTS = 500
_LONGEST_HEADERS = 8192
_LONGEST_NAME = 255
_FORM = re.compile(r'multipart/form-data(?:\s*;\s*[a-z-]+\s*=\s*(?:"[^"]*"|[^\s;",]+))+;?', re.IGNORECASE)
_FITTING_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER = re.compile(r';\s*([A-Za-z*]+)\s*=\s*(?:"([^"]*)"|([^\s;"]+))')
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\]")
_PLAIN_ENCODINGS = ("binary", "8bit", "7bit")


@dataclass(frozen=True)
class Post:
    """What one POST carries. File names and contents are never logged and never repeated."""

    xml: bytes = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    """Name -> content."""
    is_incomplete: bool
    """More POSTs of the same submission are to come."""


@dataclass(frozen=True)
class _Part:
    name: str
    filename: str | None
    content: bytes


def _broken(what: str) -> PimError:
    return PimError(ErrorCode.BAD_BODY, f"The post cannot be read: {what}.")


def read_post(body: bytes, content_type: str, encoding: str = "") -> Post:
    """Read a submission's POST; `encoding` = its Content-Encoding. Raises PimError: BAD_BODY for what is no such post,
    TOO_LARGE for too many parts."""
    if encoding.strip().lower() not in ("", "identity"):
        raise _broken("it is packed")
    xml: bytes | None = None
    files: dict[str, bytes] = {}
    is_incomplete = False
    for part in _read_parts(body, _read_boundary(content_type)):
        if part.name == XML_PART:
            if xml is not None:
                raise _broken("it has two submissions")
            xml = part.content
        elif part.name == INCOMPLETE_PART:
            is_incomplete = part.content.strip().lower() == b"yes"
        elif part.filename is not None:
            name = _check_name(part.filename)
            if files.get(name, part.content) != part.content:
                raise _broken("two of its files have one name")
            files[name] = part.content
    if xml is None:
        raise _broken("it has no submission")
    return Post(xml, files, is_incomplete)


def _read_boundary(content_type: str) -> bytes:
    """Of one type that is said once: where two headers were sent, the server hands on both behind one another."""
    if len(content_type) > _LONGEST_HEADERS or not _FORM.fullmatch(content_type):
        raise _broken("it is not multipart/form-data")
    found = _read_parameters(content_type)
    if found.get("charset", "utf-8").lower() != "utf-8":
        raise _broken("it is not UTF-8")
    boundary = found.get("boundary", "")
    if not _FITTING_BOUNDARY.fullmatch(boundary):
        raise _broken("it names no boundary")
    return boundary.encode()


def _read_parts(body: bytes, boundary: bytes) -> list[_Part]:
    delimiter = b"\r\n--" + boundary
    # the first delimiter may stand at the very beginning; what stands before it says nothing
    pieces = (b"\r\n" + body).split(delimiter, MOST_PARTS + 2)
    if len(pieces) > MOST_PARTS + 2:
        raise PimError(ErrorCode.TOO_LARGE, f"The post has more than {MOST_PARTS} parts.")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _broken("its end is missing")
    return [_read_part(piece) for piece in pieces[1:-1]]


def _read_part(piece: bytes) -> _Part:
    line, _, rest = piece.partition(b"\r\n")
    if line.strip(b" \t"):
        raise _broken("a boundary stands inside a part")
    head, gap, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if not gap:
        raise _broken("a part has no headers")
    if len(head) > _LONGEST_HEADERS:
        raise _broken("the headers of a part are too long")
    try:
        lines = head.decode().split("\r\n")[1:]
    except UnicodeDecodeError as error:
        raise _broken("the headers of a part are not UTF-8") from error
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise _broken("a part is encoded")
    name, filename = _read_disposition(headers.get("content-disposition", ""))
    return _Part(name, filename, content)


def _read_disposition(header: str) -> tuple[str, str | None]:
    if not header.lower().startswith("form-data"):
        raise _broken("a part is no form data")
    found = _read_parameters(header)
    if "name" not in found:
        raise _broken("a part has no name")
    return found["name"], found.get("filename")


def _read_parameters(header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, quoted, plain in _PARAMETER.findall(header):
        if key.lower() in found or key.endswith("*"):
            raise _broken("something is named twice, or in a way that form data has not")
        found[key.lower()] = quoted or plain
    return found


def _check_name(name: str) -> str:
    """A file name as phones give them: a base name. One with a path, or with what no eye can see, is no phone's."""
    if not 0 < len(name) <= _LONGEST_NAME or _UNFIT.search(name) or name in (".", ".."):
        raise _broken("a file has a name that no phone gives")
    return name
