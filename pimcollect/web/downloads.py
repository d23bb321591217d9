"""Files that a page hands out."""

from __future__ import annotations

from flask import Response

_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "json": "application/json",
}


def download(content: bytes, *, kind: str, name: str) -> Response:
    """The content as a file `name.kind`; `kind` is xlsx, xml or json."""
    answer = Response(content, content_type=_TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer
