"""A QR code as a picture in a file, or drawn with characters."""

from __future__ import annotations

import io
import os
from pathlib import Path

import segno

from pimcollect.errors import ErrorCode, PimError

_KINDS = (".png", ".svg")


def write_qr(text: str, path: Path) -> None:
    """Write a PNG or an SVG that only its owner can read: it may hold a password. Raises PimError(BAD_FILE)."""
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise PimError(
            ErrorCode.BAD_FILE, "A QR code is written as .png or .svg.", remedy="Name the file so, like amina.png."
        )
    picture = io.BytesIO()
    segno.make(text, micro=False, error="l").save(picture, kind=kind[1:], scale=6, border=4)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise PimError(
            ErrorCode.BAD_FILE, "The picture cannot be written there.", remedy="Take a folder of yours."
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(picture.getvalue())


def draw_qr(text: str) -> str:
    """The code in characters, for a terminal of light letters on dark ground."""
    drawn = io.StringIO()
    segno.make(text, micro=False, error="l").terminal(out=drawn, border=2, compact=True)
    return drawn.getvalue()
